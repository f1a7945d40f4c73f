//! `spin:postgres/postgres@4.1.0`: all types, and errors in their parts. For 4.0 and 4.2 as well, where a guest needs no async functions.

use coracle_engine::View;
use wasmtime::component::Resource;

use self::bindings::spin::postgres::postgres as wit;
use super::{Builder, close, handle, open};
use crate::postgres::State;
use crate::postgres::client::Roots;
use crate::postgres::handle::Handle;

pub(super) mod bindings {
    wasmtime::component::bindgen!({
        path: "src/postgres/wit/spin-postgres@4.1.0",
        world: "host",
        imports: { default: async | trappable },
        with: {
            "spin:postgres/postgres.connection": crate::postgres::handle::Handle,
            "spin:postgres/postgres.connection-builder": crate::postgres::host::Builder,
        },
        require_store_data_send: true,
    });
}

/// Values, columns and errors of version 4, and its functions that are not async.
macro_rules! version_4 {
    ($wit:ident) => {
        type Answer<T> = wasmtime::Result<Result<T, $wit::Error>>;

        impl From<crate::postgres::Error> for $wit::Error {
            fn from(error: crate::postgres::Error) -> Self {
                use crate::postgres::host::translate::{Told, told};
                if let crate::postgres::Error::Refused(refusal) = error {
                    let crate::postgres::Refusal { text, severity, code, message, detail, extras } = *refusal;
                    let refusal = $wit::DbError { as_text: text, severity, code, message, detail, extras };
                    return Self::QueryFailed($wit::QueryError::DbError(refusal));
                }
                match told(&error) {
                    Told::Connection(text) => Self::ConnectionFailed(text),
                    Told::Parameter(text) => Self::BadParameter(text),
                    Told::Query(text) => Self::QueryFailed($wit::QueryError::Text(text)),
                    Told::Conversion(text) => Self::ValueConversionFailed(text),
                    Told::Other(text) => Self::Other(text),
                }
            }
        }

        impl From<$wit::ParameterValue> for crate::postgres::Value {
            fn from(value: $wit::ParameterValue) -> Self {
                match value {
                    $wit::ParameterValue::Boolean(yes) => Self::Boolean(yes),
                    $wit::ParameterValue::Int8(number) => Self::Int8(number),
                    $wit::ParameterValue::Int16(number) => Self::Int16(number),
                    $wit::ParameterValue::Int32(number) => Self::Int32(number),
                    $wit::ParameterValue::Int64(number) => Self::Int64(number),
                    $wit::ParameterValue::Floating32(number) => Self::Float32(number),
                    $wit::ParameterValue::Floating64(number) => Self::Float64(number),
                    $wit::ParameterValue::Str(text) => Self::Text(text),
                    $wit::ParameterValue::Binary(bytes) => Self::Binary(bytes),
                    $wit::ParameterValue::Date(date) => Self::Date(date.into()),
                    $wit::ParameterValue::Time(time) => Self::Time(time.into()),
                    $wit::ParameterValue::Datetime(moment) => Self::DateTime(moment.into()),
                    $wit::ParameterValue::Timestamp(seconds) => Self::Timestamp(seconds),
                    $wit::ParameterValue::Uuid(uuid) => Self::Uuid(uuid),
                    $wit::ParameterValue::Jsonb(json) => Self::Jsonb(json),
                    $wit::ParameterValue::Decimal(number) => Self::Decimal(number),
                    $wit::ParameterValue::RangeInt32(range) => Self::RangeInt32(range_of(range)),
                    $wit::ParameterValue::RangeInt64(range) => Self::RangeInt64(range_of(range)),
                    $wit::ParameterValue::RangeDecimal(range) => Self::RangeDecimal(range_of(range)),
                    $wit::ParameterValue::ArrayInt32(items) => Self::ArrayInt32(items),
                    $wit::ParameterValue::ArrayInt64(items) => Self::ArrayInt64(items),
                    $wit::ParameterValue::ArrayDecimal(items) => Self::ArrayDecimal(items),
                    $wit::ParameterValue::ArrayStr(items) => Self::ArrayText(items),
                    $wit::ParameterValue::Interval($wit::Interval { micros, days, months }) => {
                        Self::Interval(crate::postgres::Interval { micros, days, months })
                    }
                    $wit::ParameterValue::DbNull => Self::Null,
                }
            }
        }

        impl From<crate::postgres::Value> for $wit::DbValue {
            fn from(value: crate::postgres::Value) -> Self {
                use crate::postgres::{Interval, Value};
                match value {
                    Value::Null => Self::DbNull,
                    Value::Boolean(yes) => Self::Boolean(yes),
                    Value::Int8(number) => Self::Int8(number),
                    Value::Int16(number) => Self::Int16(number),
                    Value::Int32(number) => Self::Int32(number),
                    Value::Int64(number) => Self::Int64(number),
                    Value::Float32(number) => Self::Floating32(number),
                    Value::Float64(number) => Self::Floating64(number),
                    Value::Text(text) | Value::Written(text) => Self::Str(text),
                    Value::Binary(bytes) => Self::Binary(bytes),
                    Value::Date(date) => Self::Date(date.into()),
                    Value::Time(time) => Self::Time(time.into()),
                    Value::DateTime(moment) => Self::Datetime(moment.into()),
                    Value::Timestamp(seconds) => Self::Timestamp(seconds),
                    Value::Uuid(uuid) => Self::Uuid(uuid),
                    Value::Jsonb(json) => Self::Jsonb(json),
                    Value::Decimal(number) => Self::Decimal(number),
                    Value::RangeInt32(range) => Self::RangeInt32(bounds_of(range)),
                    Value::RangeInt64(range) => Self::RangeInt64(bounds_of(range)),
                    Value::RangeDecimal(range) => Self::RangeDecimal(bounds_of(range)),
                    Value::ArrayInt32(items) => Self::ArrayInt32(items),
                    Value::ArrayInt64(items) => Self::ArrayInt64(items),
                    Value::ArrayDecimal(items) => Self::ArrayDecimal(items),
                    Value::ArrayText(items) => Self::ArrayStr(items),
                    Value::Interval(Interval { micros, days, months }) => Self::Interval($wit::Interval { micros, days, months }),
                    Value::Other(bytes) => Self::Unsupported(bytes),
                }
            }
        }

        impl From<crate::postgres::Column> for $wit::Column {
            fn from(column: crate::postgres::Column) -> Self {
                use tokio_postgres::types::Type;
                let data_type = match column.kind {
                    Type::BOOL => $wit::DbDataType::Boolean,
                    Type::CHAR => $wit::DbDataType::Int8,
                    Type::INT2 => $wit::DbDataType::Int16,
                    Type::INT4 => $wit::DbDataType::Int32,
                    Type::INT8 => $wit::DbDataType::Int64,
                    Type::FLOAT4 => $wit::DbDataType::Floating32,
                    Type::FLOAT8 => $wit::DbDataType::Floating64,
                    Type::BYTEA => $wit::DbDataType::Binary,
                    Type::DATE => $wit::DbDataType::Date,
                    Type::TIME => $wit::DbDataType::Time,
                    Type::TIMESTAMP | Type::TIMESTAMPTZ => $wit::DbDataType::Datetime,
                    Type::UUID => $wit::DbDataType::Uuid,
                    Type::JSONB => $wit::DbDataType::Jsonb,
                    Type::NUMERIC => $wit::DbDataType::Decimal,
                    Type::INT4_RANGE => $wit::DbDataType::RangeInt32,
                    Type::INT8_RANGE => $wit::DbDataType::RangeInt64,
                    Type::NUM_RANGE => $wit::DbDataType::RangeDecimal,
                    Type::INT4_ARRAY => $wit::DbDataType::ArrayInt32,
                    Type::INT8_ARRAY => $wit::DbDataType::ArrayInt64,
                    Type::NUMERIC_ARRAY => $wit::DbDataType::ArrayDecimal,
                    Type::TEXT_ARRAY | Type::VARCHAR_ARRAY | Type::BPCHAR_ARRAY => $wit::DbDataType::ArrayStr,
                    Type::INTERVAL => $wit::DbDataType::Interval,
                    ref kind if crate::postgres::host::translate::is_text(kind) => $wit::DbDataType::Str,
                    other => $wit::DbDataType::Other(other.name().to_owned()),
                };
                Self { name: column.name, data_type }
            }
        }

        impl From<crate::postgres::Table> for $wit::RowSet {
            fn from(table: crate::postgres::Table) -> Self {
                let rows = table.rows.into_iter().map(|row| row.into_iter().map(Into::into).collect());
                Self { columns: table.columns.into_iter().map(Into::into).collect(), rows: rows.collect() }
            }
        }

        type Bounds<T> = (Option<(T, $wit::RangeBoundKind)>, Option<(T, $wit::RangeBoundKind)>);

        fn range_of<T>((lower, upper): Bounds<T>) -> crate::postgres::Range<T> {
            let bound = |(value, kind): (T, $wit::RangeBoundKind)| {
                let is_inclusive = matches!(kind, $wit::RangeBoundKind::Inclusive);
                crate::postgres::Bound { value, is_inclusive }
            };
            crate::postgres::Range { lower: lower.map(bound), upper: upper.map(bound) }
        }

        fn bounds_of<T>(range: crate::postgres::Range<T>) -> Bounds<T> {
            let bound = |bound: crate::postgres::Bound<T>| {
                let kind = if bound.is_inclusive { $wit::RangeBoundKind::Inclusive } else { $wit::RangeBoundKind::Exclusive };
                (bound.value, kind)
            };
            (range.lower.map(bound), range.upper.map(bound))
        }

        impl $wit::HostConnection for View<'_, State> {
            async fn open(&mut self, address: String) -> Answer<Resource<Handle>> {
                Ok(open(self, &address, None).await?.map_err(Into::into))
            }

            async fn query(
                &mut self,
                connection: Resource<Handle>,
                statement: String,
                parameters: Vec<$wit::ParameterValue>,
            ) -> Answer<$wit::RowSet> {
                let table = handle(self, &connection)?.query(&statement, parameters.into_iter().map(Into::into).collect()).await;
                Ok(table.map(Into::into).map_err(Into::into))
            }

            async fn execute(
                &mut self,
                connection: Resource<Handle>,
                statement: String,
                parameters: Vec<$wit::ParameterValue>,
            ) -> Answer<u64> {
                let changed = handle(self, &connection)?.execute(&statement, parameters.into_iter().map(Into::into).collect()).await;
                Ok(changed.map_err(Into::into))
            }

            async fn drop(&mut self, connection: Resource<Handle>) -> wasmtime::Result<()> {
                close(self, connection)
            }
        }

        impl $wit::HostConnectionBuilder for View<'_, State> {
            async fn new(&mut self, address: String) -> wasmtime::Result<Resource<Builder>> {
                Ok(self.table.push(Builder { address, roots: None })?)
            }

            async fn set_ca_root(&mut self, builder: Resource<Builder>, certificate: String) -> Answer<()> {
                let builder = self.table.get_mut(&builder)?;
                Ok(match Roots::parse(&certificate) {
                    Ok(roots) => {
                        builder.roots = Some(roots);
                        Ok(())
                    }
                    Err(error) => Err(error.into()),
                })
            }

            async fn build(&mut self, builder: Resource<Builder>) -> Answer<Resource<Handle>> {
                let Builder { address, roots } = self.table.get(&builder)?;
                let (address, roots) = (address.clone(), roots.clone());
                Ok(open(self, &address, roots).await?.map_err(Into::into))
            }

            async fn drop(&mut self, builder: Resource<Builder>) -> wasmtime::Result<()> {
                self.table.delete(builder)?;
                Ok(())
            }
        }

        impl $wit::Host for View<'_, State> {}
    };
}
pub(super) use version_4;

version_4!(wit);
