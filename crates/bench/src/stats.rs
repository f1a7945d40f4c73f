//! Medians and percentiles of a few figures. Times of requests, of which there are many, have a histogram.

/// The middle of `values`; 0 of none.
pub(crate) fn median(values: &[f64]) -> f64 {
    percentile(values, 50.0)
}

pub(crate) fn least(values: &[f64]) -> f64 {
    percentile(values, 0.0)
}

pub(crate) fn greatest(values: &[f64]) -> f64 {
    percentile(values, 100.0)
}

/// The value below which `percent` of `values` lie; 0 of none.
pub(crate) fn percentile(values: &[f64], percent: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().saturating_sub(1);
    let index = (percent / 100.0 * last as f64).round() as usize;
    sorted.get(index).copied().unwrap_or(0.0)
}

/// A figure with as many digits as mean something: three, or all before the point.
pub(crate) fn show(value: f64) -> String {
    let digits = match value.abs() {
        size if size >= 100.0 || size == 0.0 => 0,
        size if size >= 10.0 => 1,
        size if size >= 1.0 => 2,
        _ => 3,
    };
    let text = format!("{value:.digits$}");
    match text.split_once('.') {
        None => grouped(&text),
        Some(_) => text,
    }
}

/// Thousands apart: `1,234,567`.
fn grouped(digits: &str) -> String {
    let (sign, digits) = digits.strip_prefix('-').map_or(("", digits), |rest| ("-", rest));
    let mut text = String::from(sign);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle() {
        assert!((median(&[5.0, 1.0, 3.0]) - 3.0).abs() < f64::EPSILON);
        assert!((percentile(&[1.0, 2.0, 3.0, 4.0, 5.0], 99.0) - 5.0).abs() < f64::EPSILON);
        assert!(median(&[]).abs() < f64::EPSILON);
    }

    #[test]
    fn figures_have_the_digits_that_mean_something() {
        let shown: Vec<_> = [0.0, 0.123_4, 1.234, 12.34, 123.4, 1_234.0, 1_234_567.0, -1_234.0].into_iter().map(show).collect();
        assert_eq!(shown, ["0", "0.123", "1.23", "12.3", "123", "1,234", "1,234,567", "-1,234"]);
    }
}
