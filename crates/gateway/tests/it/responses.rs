//! What a client gets to see of an answer, however wrong the service puts it.

use bytes::Bytes;
use coracle_testkit::raw::{self, Response};
use coracle_triggers::http::Body;
use futures::stream;
use http::{HeaderMap, Method, StatusCode};
use http_body::Frame;
use http_body_util::StreamBody;

use crate::harness::{Options, Site};

type Answer = http::Response<Body>;
type MakeAnswer = fn() -> Answer;

/// A body that does not say how long it is.
fn streamed(parts: &[&'static str], trailers: Option<(&'static str, &'static str)>) -> Body {
    let mut frames: Vec<Result<Frame<Bytes>, std::convert::Infallible>> =
        parts.iter().map(|part| Ok(Frame::data(Bytes::from_static(part.as_bytes())))).collect();
    if let Some((name, value)) = trailers {
        let trailers: HeaderMap = [(name.parse().unwrap(), value.parse().unwrap())].into_iter().collect();
        frames.push(Ok(Frame::trailers(trailers)));
    }
    Body::boxed(StreamBody::new(stream::iter(frames)))
}

fn site(answer: impl Fn() -> Answer + Send + Sync + 'static) -> Site {
    Site::answering(Options::default(), move |_| std::future::ready(answer()))
}

fn raw_answer(method: &Method, answer: impl Fn() -> Answer + Send + Sync + 'static) -> Vec<u8> {
    let site = site(answer);
    raw::exchange(site.address(), format!("{method} / HTTP/1.1\r\nhost: a\r\nte: trailers\r\n\r\n").as_bytes()).unwrap()
}

#[track_caller]
fn one(bytes: &[u8]) -> Response {
    let mut all = Response::parse_all(bytes).unwrap();
    assert_eq!(all.len(), 1, "{:?}", String::from_utf8_lossy(bytes));
    all.pop().unwrap()
}

fn get(answer: impl Fn() -> Answer + Send + Sync + 'static) -> Response {
    one(&raw_answer(&Method::GET, answer))
}

#[test]
fn nothing_is_added_but_the_framing_and_the_date() {
    let response = get(|| Answer::new(Body::full("hi")));
    let names: Vec<&str> = response.fields.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["content-length", "date"]);
    let response = get(|| Answer::new(streamed(&["h", "i"], None)));
    assert_eq!((response.field("transfer-encoding"), response.text().as_str()), (Some("chunked"), "hi"));
    assert_eq!(response.field("server"), None);
}

#[test]
fn fields_of_the_connection_are_not_the_services_to_set() {
    let response = get(|| {
        let fields = [("connection", "close, x-a"), ("transfer-encoding", "gzip"), ("upgrade", "h2c"), ("keep-alive", "1"), ("x-a", "b")];
        fields
            .into_iter()
            .fold(http::Response::builder(), |response, (name, value)| response.header(name, value))
            .body(Body::full("hi"))
            .unwrap()
    });
    let names: Vec<&str> = response.fields.iter().map(|(name, _)| name.as_str()).filter(|name| *name != "date").collect();
    assert_eq!(names, ["x-a", "content-length"]);
    assert_eq!(response.text(), "hi");
}

#[test]
fn what_cannot_be_said_becomes_a_500() {
    let answers: Vec<(&str, MakeAnswer)> = vec![
        ("100", || http::Response::builder().status(100).body(Body::empty()).unwrap()),
        ("101", || http::Response::builder().status(101).header("upgrade", "x").body(Body::empty()).unwrap()),
        ("199", || http::Response::builder().status(199).body(Body::full("x")).unwrap()),
        ("600", || http::Response::builder().status(600).body(Body::full("x")).unwrap()),
        ("999", || http::Response::builder().status(999).body(Body::full("x")).unwrap()),
        ("length of letters", || http::Response::builder().header("content-length", "x").body(Body::full("x")).unwrap()),
        ("signed length", || http::Response::builder().header("content-length", "+1").body(Body::full("x")).unwrap()),
        ("two lengths", || {
            http::Response::builder().header("content-length", "1").header("content-length", "2").body(Body::full("x")).unwrap()
        }),
        ("length of a longer body", || http::Response::builder().header("content-length", "5").body(Body::full("x")).unwrap()),
        ("length of a shorter body", || http::Response::builder().header("content-length", "1").body(Body::full("hello")).unwrap()),
        ("huge field", || http::Response::builder().header("x", "y".repeat(65 << 10)).body(Body::empty()).unwrap()),
        ("many fields", || (0..257).fold(http::Response::builder(), |response, _| response.header("x", "y")).body(Body::empty()).unwrap()),
    ];
    for (name, answer) in answers {
        let response = get(answer);
        assert_eq!((response.status, response.text().as_str()), (500, "the response was invalid\n"), "{name}");
        assert_eq!(response.field("x"), None, "{name}");
    }
}

#[test]
fn the_same_length_twice_is_said_once() {
    let response =
        get(|| http::Response::builder().header("content-length", "2").header("content-length", "2").body(Body::full("hi")).unwrap());
    assert_eq!(response.fields.iter().filter(|(name, _)| name == "content-length").count(), 1);
    assert_eq!(response.text(), "hi");
}

#[test]
fn statuses_without_a_body_have_none() {
    for status in [204, 205, 304] {
        for is_streamed in [false, true] {
            let body = move || if is_streamed { streamed(&["forbidden"], None) } else { Body::full("forbidden") };
            let site = site(move || http::Response::builder().status(status).header("content-length", "9").body(body()).unwrap());
            // The second answer begins where the first ends, or it cannot be read.
            let responses = site.exchange("GET / HTTP/1.1\r\nhost: a\r\n\r\n".repeat(2));
            assert_eq!(responses.len(), 2, "{status}: {responses:?}");
            for response in responses {
                assert_eq!(response.status, status);
                assert_eq!(response.body, b"");
            }
        }
    }
}

#[test]
fn a_head_request_is_told_the_length_and_sent_nothing() {
    let answer = || http::Response::builder().header("content-length", "2").body(Body::full("hi")).unwrap();
    let silent = || http::Response::builder().header("content-length", "42").body(Body::empty()).unwrap();
    for (bytes, length) in [
        (raw_answer(&Method::HEAD, || Answer::new(Body::full("hi"))), Some("2")),
        (raw_answer(&Method::HEAD, answer), Some("2")),
        (raw_answer(&Method::HEAD, silent), Some("42")),
        (raw_answer(&Method::HEAD, || Answer::new(streamed(&["hi"], None))), None),
    ] {
        let text = String::from_utf8(bytes).unwrap();
        assert!(text.ends_with("\r\n\r\n"), "{text}");
        let announced = text.lines().find_map(|line| line.strip_prefix("content-length: "));
        assert_eq!(announced, length, "{text}");
    }
}

#[test]
fn a_body_that_breaks_its_promise_cuts_the_connection() {
    for (parts, name) in [(&["hello", "hello"][..], "too long"), (&["he"][..], "too short")] {
        let bytes =
            raw_answer(&Method::GET, move || http::Response::builder().header("content-length", "5").body(streamed(parts, None)).unwrap());
        let text = String::from_utf8(bytes).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        assert!(body.len() <= 5, "{name}: {head} / {body}");
        assert!(parts.len() > 1 || body.len() < 5, "{name}: {body}");
    }
}

#[test]
fn trailers_arrive_and_cannot_change_the_framing() {
    let response = get(|| http::Response::builder().header("trailer", "x-sum").body(streamed(&["hi"], Some(("x-sum", "1")))).unwrap());
    assert_eq!(response.trailers, [("x-sum".to_owned(), "1".to_owned())]);
    let response = get(|| {
        http::Response::builder().header("trailer", "content-length").body(streamed(&["hi"], Some(("content-length", "9")))).unwrap()
    });
    assert_eq!(response.trailers, []);
    assert_eq!(response.text(), "hi");
}

#[test]
fn a_panicking_service_costs_one_connection() {
    let site = Site::answering(Options::default(), |request| async move {
        assert_ne!(request.uri().path(), "/panic", "as asked");
        http::Response::builder().status(StatusCode::OK).body(Body::full("well")).unwrap()
    });
    let answer = raw::exchange(site.address(), b"GET /panic HTTP/1.1\r\nhost: a\r\n\r\n").unwrap();
    assert_eq!(answer, b"");
    assert_eq!(site.exchange("GET / HTTP/1.1\r\nhost: a\r\n\r\n")[0].text(), "well");
    assert_eq!(site.server.traffic().requests_open, 0);
}
