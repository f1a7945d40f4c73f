//! What guests import: one file for each version of the interface, each a thin translation to [`Handle`].

mod spin_v1;
mod spin_v2;
mod spin_v3;

use coracle_engine::{Generation, InstanceState, View};
use wasmtime::component::{HasData, Linker, Resource};

use super::handle::Handle;
use super::{Error, State};

/// The host functions' view of an instance.
struct Access;

impl HasData for Access {
    type Data<'a> = View<'a, State>;
}

/// Adds every version to `linker`. The types of the first two, which other databases share, are linked with PostgreSQL.
pub(super) fn link(linker: &mut Linker<InstanceState>, generation: Generation) -> wasmtime::Result<()> {
    spin_v1::bindings::fermyon::spin::mysql::add_to_linker::<_, Access>(linker, view)?;
    spin_v2::bindings::fermyon::spin::mysql::add_to_linker::<_, Access>(linker, view)?;
    if generation == Generation::P3 {
        spin_v3::bindings::spin::mysql::mysql::add_to_linker::<_, Access>(linker, view)?;
    }
    Ok(())
}

fn view(instance: &mut InstanceState) -> View<'_, State> {
    instance.view()
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

/// The kinds of error that every version knows.
enum Told {
    Connection(String),
    Parameter(String),
    Query(String),
    Conversion(String),
    Other(String),
}

/// What a guest is told of `error`.
fn told(error: &Error) -> Told {
    let text = error.to_string();
    match error {
        Error::NotPermitted(_) | Error::Connection(_) | Error::TooManyConnections { .. } | Error::TooManyOpen { .. } => {
            Told::Connection(text)
        }
        Error::Parameter(_) => Told::Parameter(text),
        Error::Refused(_) | Error::TooSlow { .. } => Told::Query(text),
        Error::Conversion(_) => Told::Conversion(text),
        Error::Busy | Error::Lost | Error::ResultTooLarge { .. } | Error::StatementTooLarge { .. } | Error::TooManyOperations { .. } => {
            Told::Other(text)
        }
    }
}

/// The errors of one version are those of the next under other names.
macro_rules! errors {
    ($error:ty, $other:ident) => {
        impl From<crate::mysql::Error> for $error {
            fn from(error: crate::mysql::Error) -> Self {
                use crate::mysql::host::{Told, told};
                match told(&error) {
                    Told::Connection(text) => Self::ConnectionFailed(text),
                    Told::Parameter(text) => Self::BadParameter(text),
                    Told::Query(text) => Self::QueryFailed(text),
                    Told::Conversion(text) => Self::ValueConversionFailed(text),
                    Told::Other(text) => Self::$other(text),
                }
            }
        }
    };
}
use errors;

/// So are the values and columns.
macro_rules! values {
    ($types:ident) => {
        impl From<$types::ParameterValue> for crate::mysql::Value {
            fn from(value: $types::ParameterValue) -> Self {
                match value {
                    $types::ParameterValue::Boolean(yes) => Self::Boolean(yes),
                    $types::ParameterValue::Int8(number) => Self::Int(number.into()),
                    $types::ParameterValue::Int16(number) => Self::Int(number.into()),
                    $types::ParameterValue::Int32(number) => Self::Int(number.into()),
                    $types::ParameterValue::Int64(number) => Self::Int(number),
                    $types::ParameterValue::Uint8(number) => Self::Uint(number.into()),
                    $types::ParameterValue::Uint16(number) => Self::Uint(number.into()),
                    $types::ParameterValue::Uint32(number) => Self::Uint(number.into()),
                    $types::ParameterValue::Uint64(number) => Self::Uint(number),
                    $types::ParameterValue::Floating32(number) => Self::Float32(number),
                    $types::ParameterValue::Floating64(number) => Self::Float64(number),
                    $types::ParameterValue::Str(text) => Self::Text(text),
                    $types::ParameterValue::Binary(bytes) => Self::Binary(bytes),
                    $types::ParameterValue::DbNull => Self::Null,
                }
            }
        }

        /// A number is as wide as its column. What is wider after all, the guest cannot be told.
        fn value_of(kind: crate::mysql::Kind, value: crate::mysql::Value) -> $types::DbValue {
            use crate::mysql::{Kind, Value};
            use $types::DbValue as Told;
            let told = match (value, kind) {
                (Value::Null, _) => Some(Told::DbNull),
                (Value::Boolean(yes), _) => Some(Told::Boolean(yes)),
                (Value::Int(number), Kind::Int8) => number.try_into().ok().map(Told::Int8),
                (Value::Int(number), Kind::Int16) => number.try_into().ok().map(Told::Int16),
                (Value::Int(number), Kind::Int32) => number.try_into().ok().map(Told::Int32),
                (Value::Int(number), _) => Some(Told::Int64(number)),
                (Value::Uint(number), Kind::Uint8) => number.try_into().ok().map(Told::Uint8),
                (Value::Uint(number), Kind::Uint16) => number.try_into().ok().map(Told::Uint16),
                (Value::Uint(number), Kind::Uint32) => number.try_into().ok().map(Told::Uint32),
                (Value::Uint(number), _) => Some(Told::Uint64(number)),
                (Value::Float32(number), _) => Some(Told::Floating32(number)),
                (Value::Float64(number), _) => Some(Told::Floating64(number)),
                (Value::Text(text), _) => Some(Told::Str(text)),
                (Value::Binary(bytes), _) => Some(Told::Binary(bytes)),
            };
            told.unwrap_or(Told::Unsupported)
        }

        fn row_of(kinds: &[crate::mysql::Kind], row: crate::mysql::Row) -> Vec<$types::DbValue> {
            row.into_iter().zip(kinds).map(|(value, kind)| value_of(*kind, value)).collect()
        }

        impl From<crate::mysql::Column> for $types::Column {
            fn from(column: crate::mysql::Column) -> Self {
                use crate::mysql::Kind;
                let data_type = match column.kind {
                    Kind::Boolean => $types::DbDataType::Boolean,
                    Kind::Int8 => $types::DbDataType::Int8,
                    Kind::Int16 => $types::DbDataType::Int16,
                    Kind::Int32 => $types::DbDataType::Int32,
                    Kind::Int64 => $types::DbDataType::Int64,
                    Kind::Uint8 => $types::DbDataType::Uint8,
                    Kind::Uint16 => $types::DbDataType::Uint16,
                    Kind::Uint32 => $types::DbDataType::Uint32,
                    Kind::Uint64 => $types::DbDataType::Uint64,
                    Kind::Float32 => $types::DbDataType::Floating32,
                    Kind::Float64 => $types::DbDataType::Floating64,
                    Kind::Text => $types::DbDataType::Str,
                    Kind::Binary => $types::DbDataType::Binary,
                    Kind::Other => $types::DbDataType::Other,
                };
                Self { name: column.name, data_type }
            }
        }
    };
}
use values;

/// A whole result, in the versions that have one.
macro_rules! table {
    ($types:ident) => {
        impl From<crate::mysql::Table> for $types::RowSet {
            fn from(table: crate::mysql::Table) -> Self {
                let kinds: Vec<_> = table.columns.iter().map(|column| column.kind).collect();
                let rows = table.rows.into_iter().map(|row| row_of(&kinds, row)).collect();
                Self { columns: table.columns.into_iter().map(Into::into).collect(), rows }
            }
        }
    };
}
use table;
