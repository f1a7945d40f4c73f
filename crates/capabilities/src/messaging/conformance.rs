//! What every [`super::Broker`] must do, on each backend: a new one is one more line in [`Backend::all`].

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::join_all;

use super::listen::Backend;
use super::{Error, Message, Replies};

/// How long what must happen may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

const ONE: Replies = Replies { replies_max: 1, bytes_max: 1 << 20, time_max: PATIENCE };

fn message(subject: &str, body: &[u8]) -> Message {
    Message { subject: subject.to_owned(), body: Bytes::copy_from_slice(body), ..Message::default() }
}

async fn next(messages: &mut tokio::sync::mpsc::UnboundedReceiver<Message>) -> Message {
    tokio::time::timeout(PATIENCE, messages.recv()).await.expect("a message comes in time").unwrap()
}

/// Somebody who answers what comes on `subject` with what `answer` makes of it.
async fn answering(backend: &Arc<Backend>, subject: &str, answer: impl Fn(&Message) -> Vec<Bytes> + Send + 'static) {
    let mut questions = backend.listen(subject).await;
    let backend = Arc::clone(backend);
    tokio::spawn(async move {
        while let Some(question) = questions.recv().await {
            let Some(reply_to) = question.reply_to.clone() else { continue };
            for body in answer(&question) {
                let reply = Message { subject: reply_to.clone(), body, ..Message::default() };
                backend.broker.publish(reply).await.unwrap();
            }
        }
    });
}

#[tokio::test]
async fn messages_arrive_whole_and_in_order_at_their_subject_alone() {
    for backend in Backend::all() {
        let name = backend.name;
        let (mut one, mut other) = (backend.listen("orders.new").await, backend.listen("orders").await);
        let bodies = [&b"one"[..], b"", &[0, 255, 13, 10, 0], &vec![7; 700 << 10]];
        for body in bodies {
            backend.broker.publish(message("orders.new", body)).await.unwrap();
        }
        backend.broker.publish(message("orders.old", b"for nobody")).await.unwrap();
        backend.broker.publish(message("orders", b"for the other")).await.unwrap();
        for body in bodies {
            let found = next(&mut one).await;
            assert!(found.subject == "orders.new" && found.body == body, "{name}: {} bytes of {}", found.body.len(), body.len());
        }
        assert_eq!(next(&mut other).await.body, "for the other", "{name}");
        assert!(one.is_empty(), "{name}");
    }
}

#[tokio::test]
async fn replies_and_metadata_are_carried_or_refused() {
    let headers = vec![("content-type".to_owned(), "text/plain".to_owned()), ("X-Trace".to_owned(), "a: b".to_owned())];
    for backend in Backend::all() {
        let name = backend.name;
        let mut messages = backend.listen("a").await;
        let sent = Message { reply_to: Some("b.c".to_owned()), headers: headers.clone(), ..message("a", b"x") };
        let published = backend.broker.publish(sent.clone()).await;
        if matches!(name, "redis" | "mqtt") {
            assert!(matches!(published, Err(Error::Unsupported(_))), "{name}");
            let requested = backend.broker.request(message("a", b"x"), ONE).await;
            assert!(matches!(requested, Err(Error::Unsupported(_))), "{name}");
        } else {
            published.unwrap();
            let mut found = next(&mut messages).await;
            found.headers.sort();
            let mut expected = sent;
            expected.headers.sort();
            assert_eq!(found, expected, "{name}");
        }
    }
}

#[tokio::test]
async fn a_request_waits_for_as_many_replies_as_it_wants() {
    for backend in Backend::that_carry_replies() {
        let backend = Arc::new(backend);
        let name = backend.name;
        answering(&backend, "ask", |question| vec![question.body.to_ascii_uppercase().into()]).await;
        let replies = backend.broker.request(message("ask", b"hello"), ONE).await.unwrap();
        assert_eq!(replies.iter().map(|reply| &reply.body[..]).collect::<Vec<_>>(), [b"HELLO"], "{name}");

        answering(&backend, "many", |_| (0..3).map(|number| Bytes::from(vec![number; 10])).collect()).await;
        let replies = backend.broker.request(message("many", b""), Replies { replies_max: 3, ..ONE }).await.unwrap();
        assert_eq!(replies.len(), 3, "{name}");
        let few = Replies { replies_max: 9, time_max: Duration::from_secs(1), ..ONE };
        assert_eq!(backend.broker.request(message("many", b""), few).await.unwrap().len(), 3, "{name}: what there is in time");
        let small = backend.broker.request(message("many", b""), Replies { replies_max: 3, bytes_max: 25, ..ONE }).await;
        assert_eq!(small, Err(Error::TooLarge { bytes: 30, bytes_max: 25 }), "{name}");
    }
}

#[tokio::test]
async fn a_request_without_an_answer_ends() {
    for backend in Backend::that_carry_replies() {
        let backend = Arc::new(backend);
        let name = backend.name;
        let nobody = backend.broker.request(message("nobody", b""), ONE).await;
        assert_eq!(nobody, Err(Error::NoResponders), "{name}");
        answering(&backend, "silent", |_| Vec::new()).await;
        let silent = Replies { time_max: Duration::from_millis(100), ..ONE };
        assert_eq!(backend.broker.request(message("silent", b""), silent).await, Err(Error::Timeout), "{name}");
    }
}

#[tokio::test]
async fn requests_at_once_get_their_own_replies() {
    for backend in Backend::that_carry_replies() {
        let backend = Arc::new(backend);
        answering(&backend, "echo", |question| vec![question.body.clone()]).await;
        let ask = async |number: u32| {
            let body = number.to_be_bytes();
            let replies = backend.broker.request(message("echo", &body), ONE).await.unwrap();
            assert_eq!(replies[0].body, body[..], "{}", backend.name);
        };
        join_all((0..200).map(ask)).await;
    }
}

#[tokio::test]
async fn a_stream_of_nats_acknowledges_what_belongs_to_it_alone() {
    let server = coracle_testkit::servers::nats::start().unwrap();
    let client = async_nats::connect(server.place().address().to_string()).await.unwrap();
    let jetstream = async_nats::jetstream::new(client);
    let config =
        async_nats::jetstream::stream::Config { name: "orders".to_owned(), subjects: vec!["orders.>".to_owned()], ..Default::default() };
    let mut stream = jetstream.create_stream(config).await.unwrap();
    let backend = Backend::served("nats", server, "jetstream = true");
    backend.broker.publish(message("orders.new", b"kept")).await.unwrap();
    assert_eq!(stream.info().await.unwrap().state.messages, 1);
    let refused = backend.broker.publish(message("other", b"x")).await;
    assert!(matches!(refused, Err(Error::Refused { .. })), "{refused:?}");
    assert!(backend.broker.publish(message("_INBOX.reply", b"x")).await.is_ok(), "an answer belongs to no stream");
}

#[tokio::test]
async fn who_is_not_known_is_refused() {
    let server = coracle_testkit::servers::mosquitto::start_for("me", "hunter2").unwrap();
    let address = server.place().address();
    let login = |more: &str| super::listen::bound(&format!("type = \"mqtt\"\nurl = \"mqtt://{address}\"\n{more}")).0;
    login("username = \"me\"\npassword = \"hunter2\"").publish(message("a", b"x")).await.unwrap();
    for wrong in ["", "username = \"me\"\npassword = \"guess\""] {
        let refused = login(wrong).publish(message("a", b"x")).await;
        assert!(matches!(&refused, Err(Error::Unavailable { internal }) if internal.contains("refuses the connection")), "{refused:?}");
    }

    let server = coracle_testkit::servers::nats::start_with("authorization { user: me, password: hunter2 }").unwrap();
    let address = server.place().address();
    let login = |user: &str| super::listen::bound(&format!("type = \"nats\"\nurl = \"nats://{user}{address}\"")).0;
    login("me:hunter2@").publish(message("a", b"x")).await.unwrap();
    let refused = login("").publish(message("a", b"x")).await;
    assert!(matches!(&refused, Err(Error::Unavailable { internal }) if !internal.contains("hunter2")), "{refused:?}");
}
