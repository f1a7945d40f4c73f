//! Reads what callgrind writes: how many instructions each function executed itself, thread by thread.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};

/// One run of a program.
#[derive(Debug, Default)]
pub(super) struct Profile {
    /// For each thread, in the order of their starts.
    threads: Vec<BTreeMap<String, u64>>,
}

/// Code that no program was compiled to: the guest's.
const GUEST: &str = "(the guest's own code)";
/// Code of a program without a name, such as the jumps into its libraries.
const NAMELESS: &str = "(without a name)";

impl Profile {
    /// Reads the files of one run, a thread each.
    pub(super) fn parse(texts: &[String]) -> Result<Self> {
        Ok(Self { threads: texts.iter().map(|text| parse(text)).collect::<Result<_>>()? })
    }

    /// What the thread that grew most executed more than in `before`. That is the one that does the counted work: the others wait for
    /// it, or for a clock.
    pub(super) fn since(&self, before: &Self) -> Option<BTreeMap<String, u64>> {
        let grown = self.threads.iter().zip(&before.threads).map(|(after, before)| {
            let more = |(name, count): (&String, &u64)| (name.clone(), count.saturating_sub(before.get(name).copied().unwrap_or(0)));
            after.iter().map(more).collect::<BTreeMap<_, _>>()
        });
        grown.max_by_key(|functions| functions.values().sum::<u64>())
    }
}

/// Reads the file of one thread. Costs of calls belong to the functions that were called, so the line behind `calls=` does not count.
fn parse(text: &str) -> Result<BTreeMap<String, u64>> {
    let mut functions: BTreeMap<String, u64> = BTreeMap::new();
    let (mut names, mut objects) = (BTreeMap::new(), BTreeMap::new());
    let (mut function, mut object) = (String::new(), String::new());
    let mut is_call = false;
    for line in text.lines() {
        if let Some(named) = line.strip_prefix("fn=") {
            function = resolve(named, &mut names);
        } else if let Some(named) = line.strip_prefix("cfn=") {
            resolve(named, &mut names);
        } else if let Some(named) = line.strip_prefix("ob=") {
            object = resolve(named, &mut objects);
        } else if let Some(named) = line.strip_prefix("cob=") {
            resolve(named, &mut objects);
        } else if line.starts_with("calls=") {
            is_call = true;
        } else if let Some(cost) = cost(line)
            && !std::mem::take(&mut is_call)
        {
            let cost = cost.parse::<u64>().with_context(|| format!("callgrind wrote `{line}`"))?;
            *functions.entry(label(&function, &object)).or_default() += cost;
        }
    }
    Ok(functions)
}

/// `(12) name` gives a number a name, `(12)` alone means it again.
fn resolve(named: &str, names: &mut BTreeMap<String, String>) -> String {
    let (number, name) = named.split_once(' ').unwrap_or((named, ""));
    if name.is_empty() {
        names.get(number).cloned().unwrap_or_default()
    } else {
        names.insert(number.to_owned(), name.to_owned());
        name.to_owned()
    }
}

/// The cost in `<position> <cost>`, where the position is a number, perhaps relative to the last (`+3`, `-2`, `*`).
fn cost(line: &str) -> Option<&str> {
    let (position, cost) = line.split_once(' ')?;
    let is_position = position.starts_with(|first: char| first.is_ascii_digit() || matches!(first, '+' | '-' | '*'));
    (is_position && !cost.is_empty() && cost.bytes().all(|byte| byte.is_ascii_digit())).then_some(cost)
}

/// A function's name as it stays over builds.
fn label(function: &str, object: &str) -> String {
    let is_program = object.contains(".so") || !(object == "???" || object.ends_with(".cwasm") || object.is_empty());
    match function.strip_prefix("0x") {
        Some(_) if is_program => NAMELESS.to_owned(),
        Some(_) => GUEST.to_owned(),
        None => without_hash(function).to_owned(),
    }
}

/// `path::name::h0123456789abcdef` without the hash that changes with everything; callgrind's own `'2` for recursion goes, too.
fn without_hash(function: &str) -> &str {
    let function = function
        .split_once('\'')
        .map_or(function, |(name, rest)| if rest.bytes().all(|byte| byte.is_ascii_digit()) { name } else { function });
    match function.rsplit_once("::h") {
        Some((name, hash)) if hash.len() == 16 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()) => name,
        _ => function,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
# callgrind format
positions: line
events: Ir
summary: 100

ob=(1) /p/program
fl=(1) ???
fn=(1) a::b::h0123456789abcdef
0 6
cob=(2) ???
cfi=(1)
cfn=(2) 0x75d7590
calls=3 0
0 900
+1 4

ob=(2)
fn=(2)
0 50

ob=(1)
fn=(3) 0x2b14b4c
0 1
fn=(1)
* 5
";

    #[test]
    fn costs_go_to_the_functions_that_have_them() {
        let functions = parse(TEXT).expect("it is what callgrind writes");
        let expected = [("a::b", 15), (GUEST, 50), (NAMELESS, 1)].map(|(name, count)| (name.to_owned(), count));
        assert_eq!(functions, BTreeMap::from(expected));
    }

    #[test]
    fn the_thread_that_grew_most_is_the_one_that_counts() {
        let thread = |name: &str, count| BTreeMap::from([(name.to_owned(), count)]);
        let before = Profile { threads: vec![thread("client", 1_000), thread("worker", 100)] };
        let after = Profile { threads: vec![thread("client", 1_010), thread("worker", 180)] };
        assert_eq!(after.since(&before), Some(thread("worker", 80)));
    }

    #[test]
    fn names_lose_what_changes() {
        assert_eq!(without_hash("x::y::h0123456789abcdef"), "x::y");
        assert_eq!(without_hash("x::hello"), "x::hello");
        assert_eq!(without_hash("x::y'2"), "x::y");
        assert_eq!(without_hash("<&'a T as X>::y"), "<&'a T as X>::y");
    }
}
