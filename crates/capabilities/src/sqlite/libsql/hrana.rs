//! The messages of the protocol: a pipeline of steps on a stream, and what came of each.

use serde::{Deserialize, Serialize};

use super::base64;
use crate::sqlite::{Error, Row, Table, Value};

/// What is sent.
#[derive(Debug, Serialize)]
pub(super) struct Pipeline {
    pub(super) baton: Option<String>,
    pub(super) requests: Vec<Step>,
}

/// One step.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Step {
    /// One statement.
    Execute { stmt: Statement },
    /// Any number of statements.
    Sequence { sql: String },
    /// The end of the stream.
    Close,
}

#[derive(Debug, Serialize)]
pub(super) struct Statement {
    sql: String,
    args: Vec<Sent>,
    want_rows: bool,
}

/// What comes back.
#[derive(Debug, Deserialize)]
pub(super) struct Reply {
    #[serde(default)]
    pub(super) baton: Option<String>,
    #[serde(default)]
    pub(super) base_url: Option<String>,
    pub(super) results: Vec<Outcome>,
}

/// What came of a step.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Outcome {
    Ok { response: Response },
    Error { error: Refusal },
}

#[derive(Debug, Deserialize)]
pub(super) struct Response {
    #[serde(default)]
    result: Option<Results>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Refusal {
    message: String,
    #[serde(default)]
    code: Option<String>,
}

/// The result of a statement.
#[derive(Debug, Deserialize)]
pub(super) struct Results {
    cols: Vec<Name>,
    rows: Vec<Vec<Sent>>,
    #[serde(default)]
    pub(super) affected_row_count: u64,
    #[serde(default)]
    pub(super) last_insert_rowid: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Name {
    #[serde(default)]
    name: Option<String>,
}

/// A value. Whole numbers are texts, because JSON's numbers have fewer digits.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Sent {
    Null,
    Integer {
        value: String,
    },
    /// Null is how servers write what is not finite.
    Float {
        value: Option<f64>,
    },
    Text {
        value: String,
    },
    Blob {
        base64: String,
    },
}

impl Step {
    /// One statement with its parameters.
    ///
    /// # Errors
    /// [`Error::Statement`] for a number that JSON has no form for.
    pub(super) fn execute(sql: String, parameters: Vec<Value>) -> Result<Self, Error> {
        let sent = |value| {
            Ok(match value {
                Value::Null => Sent::Null,
                Value::Integer(number) => Sent::Integer { value: number.to_string() },
                Value::Real(number) if !number.is_finite() => {
                    return Err(Error::Statement("this database takes finite numbers only; send a text".to_owned()));
                }
                Value::Real(number) => Sent::Float { value: Some(number) },
                Value::Text(value) => Sent::Text { value },
                Value::Blob(bytes) => Sent::Blob { base64: base64::encode(&bytes) },
            })
        };
        let args = parameters.into_iter().map(sent).collect::<Result<_, _>>()?;
        Ok(Self::Execute { stmt: Statement { sql, args, want_rows: true } })
    }
}

impl Outcome {
    /// The result of a statement that was run.
    pub(super) fn into_result(self) -> Result<Results, Error> {
        match self {
            Self::Ok { response: Response { result: Some(result) } } => Ok(result),
            Self::Ok { .. } => Err(super::backend("the database failed", "it answered something else".to_owned())),
            Self::Error { error } => Err(error.into()),
        }
    }

    /// The end of a step that has no result.
    pub(super) fn into_done(self) -> Result<(), Error> {
        match self {
            Self::Ok { .. } => Ok(()),
            Self::Error { error } => Err(error.into()),
        }
    }
}

impl From<Refusal> for Error {
    fn from(Refusal { message, code }: Refusal) -> Self {
        match code.as_deref() {
            Some("SQLITE_FULL") => Self::Full,
            Some(code) if ["SQLITE_BUSY", "SQLITE_LOCKED"].iter().any(|busy| code.starts_with(busy)) => Self::Busy,
            Some("SQL_MANY_STATEMENTS") => Self::ManyStatements,
            _ => Self::Statement(message),
        }
    }
}

/// The rows of a result, which may have `bytes_max` together.
///
/// # Errors
/// [`Error`] for a value that is not as it should be, or too many of them.
pub(super) fn table(results: &Results, bytes_max: usize) -> Result<Table, Error> {
    let columns = results.cols.iter().map(|column| column.name.clone().unwrap_or_default()).collect();
    let mut bytes = 0_usize;
    let mut rows = Vec::with_capacity(results.rows.len());
    for sent in &results.rows {
        let row = sent.iter().map(read).collect::<Result<Row, _>>()?;
        bytes = row.iter().map(size).fold(bytes, usize::saturating_add);
        if bytes > bytes_max {
            return Err(Error::ResultTooLarge { bytes_max });
        }
        rows.push(row);
    }
    Ok(Table { columns, rows })
}

fn read(sent: &Sent) -> Result<Value, Error> {
    let wrong = |what: &str| super::backend("the database failed", format!("it sent {what}"));
    Ok(match sent {
        Sent::Null => Value::Null,
        Sent::Integer { value } => Value::Integer(value.parse().map_err(|_| wrong("a number that is none"))?),
        Sent::Float { value: Some(value) } => Value::Real(*value),
        Sent::Float { value: None } => {
            return Err(Error::Statement("this database sends finite numbers only; select CAST(… AS TEXT) to read others".to_owned()));
        }
        Sent::Text { value } => Value::Text(value.clone()),
        Sent::Blob { base64 } => Value::Blob(base64::decode(base64).ok_or_else(|| wrong("bytes that are none"))?),
    })
}

fn size(value: &Value) -> usize {
    let inner = match value {
        Value::Text(text) => text.len(),
        Value::Blob(bytes) => bytes.len(),
        _ => 0,
    };
    size_of::<Value>().saturating_add(inner)
}
