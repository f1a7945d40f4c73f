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

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};
    use std::sync::Arc;

    use coracle_engine::{Bind, Capability as _, GrantRequest, Identity, InstanceState, Limits, RuntimeConfig, Site};
    use serde_json::json;

    use super::spin_v1::bindings::fermyon::spin::sqlite::{self as v1, Host as _};
    use super::spin_v3::bindings::spin::sqlite::sqlite as v3;
    use super::*;
    use crate::sqlite::{GRANT, Sqlite};

    fn instance(labels: &[&str]) -> InstanceState {
        let mut site = Site::default();
        let asked: BTreeSet<String> = labels.iter().map(|label| (*label).to_owned()).collect();
        let labels_by_grant = BTreeMap::from([(GRANT.to_owned(), asked)]);
        Sqlite.bind(&mut Bind { site: &mut site, config: &mut RuntimeConfig::default(), labels: &labels_by_grant }).unwrap();
        let grants = BTreeMap::from([(GRANT.to_owned(), json!(labels))]);
        let grant = Sqlite.grant(&GrantRequest { component: "c", grants: &grants, site: &site }).unwrap();
        let identity = Identity { app: "a".to_owned(), component: "c".to_owned() };
        InstanceState::new(Arc::new(identity), grant.into_iter().collect(), Arc::new(Limits::default()))
    }

    #[tokio::test]
    async fn spin_1_holds_connections_as_numbers() {
        let mut instance = instance(&["default"]);
        let mut view = view(&mut instance);
        let number = view.open("default".to_owned()).await.unwrap();
        assert!(matches!(view.open("other".to_owned()).await, Err(v1::Error::AccessDenied)));
        let answer = view.execute(number, "SELECT ? AS x".to_owned(), vec![v1::Value::Real(0.5)]).await.unwrap();
        assert_eq!(answer.columns, ["x"]);
        assert!(matches!(*answer.rows[0].values, [v1::Value::Real(number)] if number == 0.5));
        view.close(number).await;
        view.close(number).await;
        assert!(matches!(view.execute(number, "SELECT 1".to_owned(), vec![]).await, Err(v1::Error::InvalidConnection)));
    }

    #[tokio::test]
    async fn an_instance_has_no_more_connections_open_than_it_may() {
        let mut instance = instance(&["default"]);
        let mut view = view(&mut instance);
        let connections_max = crate::sqlite::Limits::default().connections_max;
        for _ in 0..connections_max {
            view.open("default".to_owned()).await.unwrap();
        }
        assert!(matches!(view.open("default".to_owned()).await, Err(v1::Error::Io(text)) if text.contains("256 connections")));
        view.close(0).await;
        assert_eq!(view.open("default".to_owned()).await.unwrap(), 0);
    }

    #[tokio::test]
    async fn version_3_tells_what_a_statement_changed() {
        let mut instance = instance(&["default"]);
        let mut view = view(&mut instance);
        let connection = v3::HostConnection::open(&mut view, "default".to_owned()).await.unwrap().unwrap();
        let again = || Resource::<Handle>::new_borrow(connection.rep());
        for statement in ["CREATE TABLE t (id INTEGER PRIMARY KEY)", "INSERT INTO t VALUES (3), (4)"] {
            v3::HostConnection::execute(&mut view, again(), statement.to_owned(), vec![]).await.unwrap().unwrap();
        }
        assert_eq!(v3::HostConnection::last_insert_rowid(&mut view, again()).await.unwrap(), 4);
        assert_eq!(v3::HostConnection::changes(&mut view, again()).await.unwrap(), 2);
        v3::HostConnection::drop(&mut view, connection).await.unwrap();
    }
}
