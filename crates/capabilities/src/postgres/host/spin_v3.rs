//! `spin:postgres/postgres@3.0.0`, which knows days and times.

use coracle_engine::View;
use wasmtime::component::Resource;

use self::bindings::spin::postgres::postgres as wit;
use super::translate::{errors, rdbms};
use super::{close, handle, open};
use crate::postgres::State;
use crate::postgres::handle::Handle;

pub(super) mod bindings {
    wasmtime::component::bindgen!({
        path: "src/postgres/wit/spin-postgres@3.0.0",
        world: "host",
        imports: { default: async | trappable },
        with: { "spin:postgres/postgres.connection": crate::postgres::handle::Handle },
        require_store_data_send: true,
    });
}

type Answer<T> = wasmtime::Result<Result<T, wit::Error>>;

errors!(wit::Error, Other);
rdbms!(wit,
    parameters {
        wit::ParameterValue::Date(date) => Self::Date(date.into()),
        wit::ParameterValue::Time(time) => Self::Time(time.into()),
        wit::ParameterValue::Datetime(moment) => Self::DateTime(moment.into()),
        wit::ParameterValue::Timestamp(seconds) => Self::Timestamp(seconds),
    }
    values {
        Value::Date(date) => Self::Date(date.into()),
        Value::Time(time) => Self::Time(time.into()),
        Value::DateTime(moment) => Self::Datetime(moment.into()),
    }
    columns {
        Type::DATE => wit::DbDataType::Date,
        Type::TIME => wit::DbDataType::Time,
        Type::TIMESTAMP | Type::TIMESTAMPTZ => wit::DbDataType::Datetime,
    }
);

impl wit::HostConnection for View<'_, State> {
    async fn open(&mut self, address: String) -> Answer<Resource<Handle>> {
        Ok(open(self, &address, None).await?.map_err(Into::into))
    }

    async fn query(
        &mut self,
        connection: Resource<Handle>,
        statement: String,
        parameters: Vec<wit::ParameterValue>,
    ) -> Answer<wit::RowSet> {
        let table = handle(self, &connection)?.query(&statement, parameters.into_iter().map(Into::into).collect()).await;
        Ok(table.map(Into::into).map_err(Into::into))
    }

    async fn execute(&mut self, connection: Resource<Handle>, statement: String, parameters: Vec<wit::ParameterValue>) -> Answer<u64> {
        let changed = handle(self, &connection)?.execute(&statement, parameters.into_iter().map(Into::into).collect()).await;
        Ok(changed.map_err(Into::into))
    }

    async fn drop(&mut self, connection: Resource<Handle>) -> wasmtime::Result<()> {
        close(self, connection)
    }
}

impl wit::Host for View<'_, State> {}
