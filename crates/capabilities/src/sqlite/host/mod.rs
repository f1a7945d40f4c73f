//! What guests import: one file for each version of the interface, each a thin translation to [`Handle`].

mod spin_v1;
mod spin_v2;
mod spin_v3;
mod spin_v3_async;

use coracle_engine::{Generation, InstanceState, View};
use wasmtime::component::{HasData, Linker, Resource};

use super::grant::{Handle, Opening};
use super::{Error, State};

/// The host functions' view of an instance.
struct Access;

impl HasData for Access {
    type Data<'a> = View<'a, State>;
}

/// Adds every version to `linker`. Version 3.1 has functions that an engine without component-model-async cannot define, and a
/// component for such an engine cannot import; what is left of it is 3.0, which answers for it there.
pub(super) fn link(linker: &mut Linker<InstanceState>, generation: Generation) -> wasmtime::Result<()> {
    spin_v1::bindings::fermyon::spin::sqlite::add_to_linker::<_, Access>(linker, view)?;
    spin_v2::bindings::fermyon::spin::sqlite::add_to_linker::<_, Access>(linker, view)?;
    match generation {
        Generation::P2 => spin_v3::bindings::spin::sqlite::sqlite::add_to_linker::<_, Access>(linker, view),
        Generation::P3 => spin_v3_async::bindings::spin::sqlite::sqlite::add_to_linker::<_, Access>(linker, view),
    }
}

fn view(instance: &mut InstanceState) -> View<'_, State> {
    instance.view()
}

/// Opens `label` as a resource of the instance.
async fn open(view: &mut View<'_, State>, label: &str) -> wasmtime::Result<Result<Resource<Handle>, Error>> {
    match view.state.begin_open(label) {
        Ok(opening) => {
            let opened = opening.finish().await;
            keep(view, opened)
        }
        Err(error) => Ok(Err(error)),
    }
}

/// Makes what was opened a resource, or gives its place back.
fn keep(view: &mut View<'_, State>, opened: Result<Handle, Error>) -> wasmtime::Result<Result<Resource<Handle>, Error>> {
    match opened {
        Ok(handle) => Ok(Ok(view.table.push(handle)?)),
        Err(error) => {
            view.state.close();
            Ok(Err(error))
        }
    }
}

/// Begins to open `label`, for functions that do not hold the instance while they wait.
fn begin(view: &mut View<'_, State>, label: &str) -> Result<Opening, Error> {
    view.state.begin_open(label)
}

/// The connection behind a resource. That it is not there is a fault of the guest, for which it traps.
fn handle(view: &View<'_, State>, resource: &Resource<Handle>) -> wasmtime::Result<Handle> {
    Ok(view.table.get(resource)?.clone())
}

/// Drops a resource.
fn close(view: &mut View<'_, State>, resource: Resource<Handle>) -> wasmtime::Result<()> {
    view.table.delete(resource)?;
    view.state.close();
    Ok(())
}

/// The values and errors of one version are those of the next under other names.
macro_rules! translate {
    ($wit:ident) => {
        impl From<crate::sqlite::Error> for $wit::Error {
            fn from(error: crate::sqlite::Error) -> Self {
                match error {
                    crate::sqlite::Error::AccessDenied => Self::AccessDenied,
                    crate::sqlite::Error::InvalidConnection => Self::InvalidConnection,
                    crate::sqlite::Error::Full => Self::DatabaseFull,
                    other => Self::Io(other.to_string()),
                }
            }
        }

        impl From<$wit::Value> for crate::sqlite::Value {
            fn from(value: $wit::Value) -> Self {
                match value {
                    $wit::Value::Integer(number) => Self::Integer(number),
                    $wit::Value::Real(number) => Self::Real(number),
                    $wit::Value::Text(text) => Self::Text(text),
                    $wit::Value::Blob(bytes) => Self::Blob(bytes),
                    $wit::Value::Null => Self::Null,
                }
            }
        }

        impl From<crate::sqlite::Value> for $wit::Value {
            fn from(value: crate::sqlite::Value) -> Self {
                match value {
                    crate::sqlite::Value::Integer(number) => Self::Integer(number),
                    crate::sqlite::Value::Real(number) => Self::Real(number),
                    crate::sqlite::Value::Text(text) => Self::Text(text),
                    crate::sqlite::Value::Blob(bytes) => Self::Blob(bytes),
                    crate::sqlite::Value::Null => Self::Null,
                }
            }
        }

        impl From<crate::sqlite::Row> for $wit::RowResult {
            fn from(row: crate::sqlite::Row) -> Self {
                Self { values: row.into_iter().map(Into::into).collect() }
            }
        }

        impl From<crate::sqlite::Table> for $wit::QueryResult {
            fn from(table: crate::sqlite::Table) -> Self {
                Self { columns: table.columns, rows: table.rows.into_iter().map(Into::into).collect() }
            }
        }
    };
}
use translate;
