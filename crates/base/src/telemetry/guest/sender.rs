//! Sends one batch to a collector, over HTTP or gRPC, with the headers that the environment names.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry_http::{Bytes, HttpClient as _};
use prost::Message as _;
use tonic::metadata::MetadataMap;
use tonic::transport::{Channel, ClientTlsConfig, Endpoint};

use super::proto::collector::logs::v1::ExportLogsServiceRequest;
use super::proto::collector::logs::v1::logs_service_client::LogsServiceClient;
use super::proto::collector::metrics::v1::ExportMetricsServiceRequest;
use super::proto::collector::metrics::v1::metrics_service_client::MetricsServiceClient;
use super::proto::collector::trace::v1::ExportTraceServiceRequest;
use super::proto::collector::trace::v1::trace_service_client::TraceServiceClient;
use crate::report::chain;
use crate::telemetry::collector::{Collector, Protocol};
use crate::telemetry::export::{BoxError, Client};

/// A batch.
pub(super) enum Request {
    Spans(ExportTraceServiceRequest),
    Metrics(ExportMetricsServiceRequest),
    Logs(ExportLogsServiceRequest),
}

/// The way to one collector.
pub(in crate::telemetry) struct Sender {
    way: Way,
    headers: HeaderMap,
    timeout: Duration,
}

enum Way {
    Http { client: Box<Client>, endpoint: String },
    Grpc(Channel),
}

impl Sender {
    /// The way to `collector`. Nothing is connected to yet.
    pub(in crate::telemetry) fn new(collector: &Collector, client: impl FnOnce() -> Result<Client, BoxError>) -> Result<Self, BoxError> {
        let way = match collector.protocol {
            Protocol::Http => Way::Http { client: Box::new(client()?), endpoint: collector.endpoint.clone() },
            Protocol::Grpc => {
                let mut endpoint = Endpoint::from_shared(collector.endpoint.clone())?.connect_timeout(collector.timeout);
                if collector.is_https() {
                    endpoint = endpoint.tls_config(ClientTlsConfig::new().with_native_roots())?;
                }
                Way::Grpc(endpoint.connect_lazy())
            }
        };
        Ok(Self { way, headers: headers(&collector.headers), timeout: collector.timeout })
    }

    /// Sends `request`; the error is for operators.
    pub(super) async fn send(&self, request: Request) -> Result<(), String> {
        let sending = async {
            match &self.way {
                Way::Http { client, endpoint } => self.post(client, endpoint, request).await,
                Way::Grpc(channel) => self.call(channel.clone(), request).await,
            }
        };
        let sent = tokio::time::timeout(self.timeout, sending).await;
        sent.unwrap_or_else(|_| Err(format!("it did not answer within {} ms", self.timeout.as_millis())))
    }

    async fn post(&self, client: &Client, endpoint: &str, request: Request) -> Result<(), String> {
        let body = match request {
            Request::Spans(request) => request.encode_to_vec(),
            Request::Metrics(request) => request.encode_to_vec(),
            Request::Logs(request) => request.encode_to_vec(),
        };
        let mut request = http::Request::post(endpoint).body(Bytes::from(body)).map_err(|error| error.to_string())?;
        request.headers_mut().extend(self.headers.clone());
        request.headers_mut().insert(http::header::CONTENT_TYPE, HeaderValue::from_static("application/x-protobuf"));
        let answer = client.send_bytes(request).await.map_err(|error| chain(error.as_ref()).to_string())?;
        if answer.status().is_success() { Ok(()) } else { Err(format!("it answered {}", answer.status().as_u16())) }
    }

    async fn call(&self, channel: Channel, request: Request) -> Result<(), String> {
        let answer = match request {
            Request::Spans(message) => TraceServiceClient::new(channel).export(self.with_metadata(message)).await.map(drop),
            Request::Metrics(message) => MetricsServiceClient::new(channel).export(self.with_metadata(message)).await.map(drop),
            Request::Logs(message) => LogsServiceClient::new(channel).export(self.with_metadata(message)).await.map(drop),
        };
        answer.map_err(|status| format!("{:?}: {}", status.code(), status.message()))
    }

    fn with_metadata<T>(&self, message: T) -> tonic::Request<T> {
        let mut request = tonic::Request::new(message);
        *request.metadata_mut() = MetadataMap::from_headers(self.headers.clone());
        request
    }
}

/// Reads `name=value,name=value`, whose values are percent-encoded. What is no header is left out, as other exporters do.
fn headers(text: &str) -> HeaderMap {
    let pairs = text.split(',').filter_map(|pair| pair.split_once('='));
    let read = pairs.filter_map(|(name, value)| {
        let name = HeaderName::try_from(name.trim()).ok()?;
        let mut value = HeaderValue::from_bytes(&decoded(value.trim())).ok()?;
        value.set_sensitive(true);
        Some((name, value))
    });
    read.collect()
}

fn decoded(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('%') {
        bytes.extend_from_slice(before.as_bytes());
        match after.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(b'%');
                rest = after;
            }
        }
    }
    bytes.extend_from_slice(rest.as_bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_read_as_other_exporters_read_them() {
        let read = headers("authorization=Bearer%20a%2Bb, x-tenant = one ,,bad header=1,=2,half=%4");
        let shown: Vec<_> = read.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
        assert_eq!(shown, [("authorization", "Bearer a+b"), ("x-tenant", "one"), ("half", "%4")]);
    }
}
