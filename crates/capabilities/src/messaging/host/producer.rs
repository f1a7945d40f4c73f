//! `wasi:messaging@0.2.0-draft`, and `wasmcloud:messaging@0.3.0` as wasmCloud 1 has it, which are alike but for their names.

use std::time::Duration;

use coracle_engine::{InstanceState, View};
use wasmtime::component::{Linker, Resource};

use super::message::{Client, Held, Wanted};
use super::{Access, Error, State, view};

/// Adds both.
pub(super) fn link(linker: &mut Linker<InstanceState>) -> wasmtime::Result<()> {
    wasi::link(linker)?;
    wasmcloud::link(linker)
}

/// Implements the traits that bindgen made of either package.
macro_rules! translate {
    ($($package:ident)::+) => {
        pub(in super::super) use self::$($package)::+::{producer, request_reply, types};

        type Answer<T> = wasmtime::Result<Result<T, types::Error>>;

        pub(super) fn link(linker: &mut Linker<InstanceState>) -> wasmtime::Result<()> {
            types::add_to_linker::<_, Access>(linker, view)?;
            producer::add_to_linker::<_, Access>(linker, view)?;
            request_reply::add_to_linker::<_, Access>(linker, view)
        }

        impl types::HostClient for View<'_, State> {
            async fn connect(&mut self, name: String) -> Answer<Resource<Client>> {
                match Client::connect(self.state, &name) {
                    Ok(client) => Ok(Ok(self.table.push(client)?)),
                    Err(error) => Ok(Err(error.into())),
                }
            }

            async fn disconnect(&mut self, client: Resource<Client>) -> Answer<()> {
                // The connection is the app's; the client goes with its resource.
                self.table.get(&client)?;
                Ok(Ok(()))
            }

            async fn drop(&mut self, client: Resource<Client>) -> wasmtime::Result<()> {
                self.table.delete(client)?;
                Ok(())
            }
        }

        impl types::HostMessage for View<'_, State> {
            async fn new(&mut self, data: Vec<u8>) -> wasmtime::Result<Resource<Held>> {
                Ok(self.table.push(Held::new(self.state, data))?)
            }

            async fn topic(&mut self, message: Resource<Held>) -> wasmtime::Result<Option<String>> {
                Ok(self.table.get(&message)?.topic())
            }

            async fn content_type(&mut self, message: Resource<Held>) -> wasmtime::Result<Option<String>> {
                Ok(self.table.get(&message)?.content_type())
            }

            async fn set_content_type(&mut self, message: Resource<Held>, value: String) -> wasmtime::Result<()> {
                self.table.get_mut(&message)?.set_content_type(value, self.state);
                Ok(())
            }

            async fn data(&mut self, message: Resource<Held>) -> wasmtime::Result<Vec<u8>> {
                Ok(self.table.get(&message)?.data())
            }

            async fn set_data(&mut self, message: Resource<Held>, data: Vec<u8>) -> wasmtime::Result<()> {
                self.table.get_mut(&message)?.set_data(self.state, data);
                Ok(())
            }

            async fn metadata(&mut self, message: Resource<Held>) -> wasmtime::Result<Option<Vec<(String, String)>>> {
                Ok(self.table.get(&message)?.metadata())
            }

            async fn add_metadata(&mut self, message: Resource<Held>, key: String, value: String) -> wasmtime::Result<()> {
                self.table.get_mut(&message)?.add(key, value, self.state);
                Ok(())
            }

            async fn set_metadata(&mut self, message: Resource<Held>, metadata: Vec<(String, String)>) -> wasmtime::Result<()> {
                self.table.get_mut(&message)?.set_metadata(metadata, self.state);
                Ok(())
            }

            async fn remove_metadata(&mut self, message: Resource<Held>, key: String) -> wasmtime::Result<()> {
                self.table.get_mut(&message)?.remove_metadata(&key);
                Ok(())
            }

            async fn drop(&mut self, message: Resource<Held>) -> wasmtime::Result<()> {
                self.table.delete(message)?;
                Ok(())
            }
        }

        impl types::Host for View<'_, State> {}

        impl producer::Host for View<'_, State> {
            async fn send(&mut self, client: Resource<Client>, topic: String, message: Resource<Held>) -> Answer<()> {
                let message = self.table.delete(message)?.addressed(topic);
                let outlet = self.table.get(&client)?.outlet.clone();
                let sent = async { outlet.publish(message?).await };
                Ok(sent.await.map_err(Into::into))
            }
        }

        impl request_reply::HostRequestOptions for View<'_, State> {
            async fn new(&mut self) -> wasmtime::Result<Resource<Wanted>> {
                Ok(self.table.push(Wanted::default())?)
            }

            async fn set_timeout_ms(&mut self, options: Resource<Wanted>, timeout_ms: u32) -> wasmtime::Result<()> {
                self.table.get_mut(&options)?.time = Some(Duration::from_millis(timeout_ms.into()));
                Ok(())
            }

            async fn set_expected_replies(&mut self, options: Resource<Wanted>, expected_replies: u32) -> wasmtime::Result<()> {
                self.table.get_mut(&options)?.replies = Some(expected_replies);
                Ok(())
            }

            async fn drop(&mut self, options: Resource<Wanted>) -> wasmtime::Result<()> {
                self.table.delete(options)?;
                Ok(())
            }
        }

        impl request_reply::Host for View<'_, State> {
            async fn request(
                &mut self,
                client: Resource<Client>,
                topic: String,
                message: Resource<Held>,
                options: Option<Resource<Wanted>>,
            ) -> Answer<Vec<Resource<Held>>> {
                let wanted = options.map(|options| self.table.delete(options)).transpose()?.unwrap_or_default();
                let message = self.table.get(&message)?.addressed(topic);
                let outlet = self.table.get(&client)?.outlet.clone();
                let answered = async {
                    let replies = outlet.request(message?, wanted.replies, wanted.time).await?;
                    replies.into_iter().map(|reply| Held::received(self.state, reply, &outlet)).collect::<Result<Vec<_>, Error>>()
                };
                match answered.await {
                    Ok(replies) => Ok(Ok(replies.into_iter().map(|reply| self.table.push(reply)).collect::<Result<_, _>>()?)),
                    Err(error) => Ok(Err(error.into())),
                }
            }

            async fn reply(&mut self, reply_to: Resource<Held>, message: Resource<Held>) -> Answer<()> {
                let message = self.table.delete(message)?;
                let back = self.table.get(&reply_to)?.way_back();
                let replied = async {
                    let (outlet, subject) = back?;
                    outlet.reply(message.addressed(subject)?).await
                };
                Ok(replied.await.map_err(Into::into))
            }
        }

        impl From<Error> for types::Error {
            fn from(error: Error) -> Self {
                match error {
                    Error::Timeout => Self::Timeout,
                    Error::Unavailable { .. } => Self::Connection(error.to_string()),
                    Error::AccessDenied => Self::PermissionDenied(error.to_string()),
                    other => Self::Other(other.to_string()),
                }
            }
        }
    };
}

pub(super) mod wasi {
    use super::*;

    mod bindings {
        wasmtime::component::bindgen!({
            path: "src/messaging/wit/wasi-messaging@0.2.0-draft",
            world: "host",
            imports: { default: async | trappable },
            with: {
                "wasi:messaging/types.client": crate::messaging::host::message::Client,
                "wasi:messaging/types.message": crate::messaging::host::message::Held,
                "wasi:messaging/request-reply.request-options": crate::messaging::host::message::Wanted,
            },
            require_store_data_send: true,
        });
    }

    translate!(bindings::wasi::messaging);
}

mod wasmcloud {
    use super::*;

    mod bindings {
        wasmtime::component::bindgen!({
            path: "src/messaging/wit/wasmcloud-messaging-v1@0.3.0",
            world: "host",
            imports: { default: async | trappable },
            with: {
                "wasmcloud:messaging/types.client": crate::messaging::host::message::Client,
                "wasmcloud:messaging/types.message": crate::messaging::host::message::Held,
                "wasmcloud:messaging/request-reply.request-options": crate::messaging::host::message::Wanted,
            },
            require_store_data_send: true,
        });
    }

    translate!(bindings::wasmcloud::messaging);
}
