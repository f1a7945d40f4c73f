//! The host functions of the sync interfaces as a guest meets them: subjects, bounds, and what is denied.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use coracle_engine::{Bind, Capability as _, GrantRequest, Identity, InstanceState, Limits, RuntimeConfig, Site};
use serde_json::{Value, json};
use wasmtime::component::Resource;

use super::consumer::bindings::wasmcloud::messaging::consumer::{BrokerMessage, Host as Consumer};
use super::message::{Client, Held};
use super::producer::wasi::producer::Host as _;
use super::producer::wasi::request_reply::{Host as Requests, HostRequestOptions};
use super::producer::wasi::types::{Error as WasiError, HostClient, HostMessage};
use super::*;
use crate::messaging::{self, GRANT, Messaging};

/// An instance with this grant, whose labels are all brokers in this process, and its site.
fn instance(grant: &Value) -> (InstanceState, Site) {
    let mut site = Site::default();
    let labels = ["default", "other"].map(str::to_owned);
    let labels = BTreeMap::from([(GRANT.to_owned(), BTreeSet::from(labels))]);
    let mut config = RuntimeConfig::new(toml::from_str("messaging.other.type = \"memory\"").unwrap(), None);
    Messaging.bind(&mut Bind { site: &mut site, config: &mut config, labels: &labels }).unwrap();
    let grants = BTreeMap::from([(GRANT.to_owned(), grant.clone())]);
    let grant = Messaging.grant(&GrantRequest { component: "c", grants: &grants, site: &site }).unwrap();
    let identity = Identity { app: "a".to_owned(), component: "c".to_owned() };
    (InstanceState::new(Arc::new(identity), grant.into_iter().collect(), Arc::new(Limits::default())), site)
}

fn broker_message(subject: &str, body: &[u8]) -> BrokerMessage {
    BrokerMessage { subject: subject.to_owned(), body: body.to_vec(), reply_to: None }
}

/// Answers what is asked on `subject` of `label` with its body twice, and says so in its metadata.
fn echo(site: &Site, label: &str, subject: &str) {
    let local = messaging::local(site, label).unwrap();
    let mut questions = local.subscribe(subject).unwrap();
    tokio::spawn(async move {
        use crate::messaging::Broker as _;
        while let Some(question) = questions.next().await {
            let headers = [question.headers, vec![("answers".to_owned(), "2".to_owned())]].concat();
            let body = [&question.body[..], &question.body[..]].concat().into();
            local.publish(Message { subject: question.reply_to.unwrap(), body, reply_to: None, headers }).await.unwrap();
        }
    });
}

#[tokio::test]
async fn a_message_goes_to_the_first_label_that_has_its_subject() {
    let (mut instance, site) = instance(&json!({ "default": ["orders.>", "a"], "other": ["other.*", "a"] }));
    let listen = |label: &str, subject: &str| messaging::local(&site, label).unwrap().subscribe(subject).unwrap();
    let (mut default, mut other) = (listen("default", ">"), listen("other", ">"));
    let mut view = view(&mut instance);
    for subject in ["orders.new", "other.x", "a"] {
        view.publish(broker_message(subject, b"x")).await.unwrap().unwrap();
    }
    assert_eq!([default.next().await.unwrap().subject, default.next().await.unwrap().subject], ["orders.new", "a"]);
    assert_eq!(other.next().await.unwrap().subject, "other.x");
    for subject in ["orders", "other.x.y", "b", "_INBOX.x"] {
        assert_eq!(view.publish(broker_message(subject, b"x")).await.unwrap(), Err("access denied".to_owned()), "{subject}");
        assert_eq!(
            Consumer::request(&mut view, subject.to_owned(), vec![], 10).await.unwrap().map(drop),
            Err("access denied".to_owned()),
            "{subject}"
        );
    }
}

#[tokio::test]
async fn under_a_label_a_message_goes_to_its_broker_alone() {
    let (instance, site) = instance(&json!({ "default": ["a", "b"], "other": ["a"] }));
    let mut instance = instance.with_labels(["other".to_owned()].into());
    let mut view = Label::at(0).unwrap().view::<State>()(&mut instance);
    let mut other = messaging::local(&site, "other").unwrap().subscribe("a").unwrap();
    view.publish(broker_message("a", b"x")).await.unwrap().unwrap();
    assert_eq!(other.next().await.unwrap().subject, "a");
    assert_eq!(view.publish(broker_message("b", b"x")).await.unwrap(), Err("access denied".to_owned()));
}

#[tokio::test]
async fn what_is_too_large_or_no_subject_is_refused() {
    let (mut instance, _site) = instance(&json!(["default"]));
    let mut view = view(&mut instance);
    let limits = crate::messaging::Limits::default();
    let large = view.publish(broker_message("a", &vec![0; limits.body_bytes_max + 1])).await.unwrap().unwrap_err();
    assert!(large.contains("exceeds the limit of 16777216 bytes"), "{large}");
    for subject in ["", "a b", "a.*", ">", "a..b", "a\r\nPUB b 1\r\n", &"a".repeat(limits.subject_bytes_max + 1)] {
        let refused = view.publish(broker_message(subject, b"x")).await.unwrap().unwrap_err();
        assert!(refused.starts_with("the subject is not valid"), "{subject:?}: {refused}");
        let back = BrokerMessage { reply_to: Some(subject.to_owned()), ..broker_message("a", b"x") };
        assert!(view.publish(back).await.unwrap().is_err(), "{subject:?}");
    }
}

#[tokio::test]
async fn each_invocation_has_its_own_messages() {
    let (mut instance, _site) = instance(&json!(["default"]));
    let messages_max = crate::messaging::Limits::default().messages_max;
    for _ in 0..2 {
        for _ in 0..messages_max {
            view(&mut instance).publish(broker_message("a", b"x")).await.unwrap().unwrap();
        }
        let refused = view(&mut instance).publish(broker_message("a", b"x")).await.unwrap().unwrap_err();
        assert!(refused.contains("too many messages in one invocation"), "{refused}");
        crate::begin_invocation(&mut instance);
    }
}

#[tokio::test]
async fn a_request_is_answered_or_ends() {
    let (mut instance, site) = instance(&json!(["default"]));
    echo(&site, "default", "echo");
    let _silent = messaging::local(&site, "default").unwrap().subscribe("silent").unwrap();
    let mut view = view(&mut instance);
    let reply = Consumer::request(&mut view, "echo".to_owned(), b"ab".to_vec(), 10_000).await.unwrap().unwrap();
    assert_eq!(reply.body, b"abab");
    assert_eq!(
        Consumer::request(&mut view, "silent".to_owned(), vec![], 10).await.unwrap().map(drop),
        Err("there was no answer in time".to_owned())
    );
    assert_eq!(
        Consumer::request(&mut view, "nobody".to_owned(), vec![], 10).await.unwrap().map(drop),
        Err("nobody listens to the subject".to_owned())
    );
}

async fn message(view: &mut View<'_, State>, body: &[u8]) -> Resource<Held> {
    HostMessage::new(view, body.to_vec()).await.unwrap()
}

fn borrow<T: 'static>(resource: &Resource<T>) -> Resource<T> {
    Resource::new_borrow(resource.rep())
}

async fn connect(view: &mut View<'_, State>, label: &str) -> Result<Resource<Client>, WasiError> {
    HostClient::connect(view, label.to_owned()).await.unwrap()
}

#[tokio::test]
async fn a_producer_sends_and_asks() {
    let (mut instance, site) = instance(&json!(["other"]));
    echo(&site, "other", "echo");
    let mut sent = messaging::local(&site, "other").unwrap().subscribe("sent").unwrap();
    let mut view = view(&mut instance);
    assert!(matches!(connect(&mut view, "default").await, Err(WasiError::PermissionDenied(_))));
    let client = connect(&mut view, "other").await.unwrap();

    let made = message(&mut view, b"x").await;
    view.set_content_type(borrow(&made), "text/plain".to_owned()).await.unwrap();
    view.set_metadata(borrow(&made), vec![("a".to_owned(), "1".to_owned()), ("b".to_owned(), "2".to_owned())]).await.unwrap();
    view.add_metadata(borrow(&made), "c".to_owned(), "3".to_owned()).await.unwrap();
    view.remove_metadata(borrow(&made), "a".to_owned()).await.unwrap();
    view.set_data(borrow(&made), b"yz".to_vec()).await.unwrap();
    assert_eq!(view.content_type(borrow(&made)).await.unwrap().as_deref(), Some("text/plain"));
    assert_eq!(view.topic(borrow(&made)).await.unwrap(), None);
    view.send(borrow(&client), "sent".to_owned(), made).await.unwrap().unwrap();
    let sent = sent.next().await.unwrap();
    let headers = [("content-type", "text/plain"), ("b", "2"), ("c", "3")].map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!((&sent.body[..], sent.headers), (&b"yz"[..], headers.to_vec()));

    let question = message(&mut view, b"q").await;
    let options = HostRequestOptions::new(&mut view).await.unwrap();
    view.set_timeout_ms(borrow(&options), 10_000).await.unwrap();
    view.set_expected_replies(borrow(&options), 1).await.unwrap();
    let asked = Requests::request(&mut view, borrow(&client), "echo".to_owned(), borrow(&question), Some(options));
    let replies = asked.await.unwrap().unwrap();
    let [reply] = &replies[..] else { panic!("{} replies", replies.len()) };
    assert_eq!(view.data(borrow(reply)).await.unwrap(), b"qq");
    assert!(view.topic(borrow(reply)).await.unwrap().is_some());
    assert_eq!(view.metadata(borrow(reply)).await.unwrap(), Some(vec![("answers".to_owned(), "2".to_owned())]));
    let answer = message(&mut view, b"thanks").await;
    let replied = view.reply(borrow(reply), answer).await.unwrap();
    assert!(matches!(replied, Err(WasiError::Other(text)) if text == "the message wants no reply"));
    let unheard = Requests::request(&mut view, borrow(&client), "nobody".to_owned(), question, None).await.unwrap();
    assert!(matches!(unheard, Err(WasiError::Other(text)) if text == "nobody listens to the subject"));
}

#[tokio::test]
async fn what_a_guest_holds_is_bounded() {
    let (mut instance, _site) = instance(&json!(["default"]));
    let mut view = view(&mut instance);
    let client = connect(&mut view, "default").await.unwrap();
    let large = vec![0; 10 << 20];
    let mut held = Vec::new();
    for _ in 0..6 {
        held.push(message(&mut view, &large).await);
    }
    let too_much = message(&mut view, &large).await;
    assert_eq!(view.data(borrow(&too_much)).await.unwrap(), b"", "it keeps nothing");
    let sent = view.send(borrow(&client), "a".to_owned(), too_much).await.unwrap();
    assert!(matches!(sent, Err(WasiError::Other(text)) if text.contains("too much is held")));
    for message in held {
        view.send(borrow(&client), "a".to_owned(), message).await.unwrap().unwrap();
    }
    let message = message(&mut view, &large).await;
    view.add_metadata(borrow(&message), "a".to_owned(), "x".repeat(70_000)).await.unwrap();
    let sent = view.send(borrow(&client), "a".to_owned(), message).await.unwrap();
    assert!(matches!(sent, Err(WasiError::Other(text)) if text.contains("exceeds the limit of 65536 bytes")));
}

#[tokio::test]
async fn metadata_cannot_break_out_of_its_line() {
    let (mut instance, _site) = instance(&json!(["default"]));
    let mut view = view(&mut instance);
    let client = connect(&mut view, "default").await.unwrap();
    for (name, value) in [("", "x"), ("a b", "x"), ("a:b", "x"), ("a\r\n", "x"), ("a", "x\r\nb: y"), ("a", "x\0")] {
        let message = message(&mut view, b"x").await;
        view.add_metadata(borrow(&message), name.to_owned(), value.to_owned()).await.unwrap();
        let sent = view.send(borrow(&client), "a".to_owned(), message).await.unwrap();
        assert!(matches!(sent, Err(WasiError::Other(text)) if text.contains("metadata has names")), "{name:?} {value:?}");
    }
}

#[tokio::test]
async fn an_instance_without_a_grant_sends_nothing() {
    let (mut instance, _site) = instance(&json!([]));
    let mut view = view(&mut instance);
    assert_eq!(view.publish(broker_message("a", b"x")).await.unwrap(), Err("access denied".to_owned()));
    assert!(matches!(connect(&mut view, "default").await, Err(WasiError::PermissionDenied(_))));
    let kept = message(&mut view, &[1; 100]).await;
    assert_eq!(view.data(kept).await.unwrap(), b"");
}

#[tokio::test]
async fn messages_go_where_the_link_leads_and_subjects_are_checked_there() {
    let (mut instance, site) = instance(&json!({ "default": ["orders.>"], "other": ["orders.new", "other.*"] }));
    let listen = |label: &str| messaging::local(&site, label).unwrap().subscribe(">").unwrap();
    let (mut default, mut other) = (listen("default"), listen("other"));
    let mut view = view(&mut instance);
    let choose = |view: &mut View<'_, State>, label: &str| {
        let linkable = view.state.linkable();
        linkable.links.choose(linkable.interfaces[0], label);
    };
    choose(&mut view, "other");
    view.publish(broker_message("orders.new", b"x")).await.unwrap().unwrap();
    assert_eq!(other.next().await.unwrap().subject, "orders.new");
    assert_eq!(view.publish(broker_message("orders.old", b"x")).await.unwrap(), Err("access denied".to_owned()));
    choose(&mut view, "lost");
    let lost = Err("there is no link `lost`; grant the component that label".to_owned());
    assert_eq!(view.publish(broker_message("orders.new", b"x")).await.unwrap(), lost);
    assert_eq!(Consumer::request(&mut view, "orders.new".to_owned(), vec![], 10).await.unwrap().map(drop), lost);
    choose(&mut view, "default");
    view.publish(broker_message("orders.old", b"x")).await.unwrap().unwrap();
    assert_eq!(default.next().await.unwrap().subject, "orders.old", "nothing else came here");
}
