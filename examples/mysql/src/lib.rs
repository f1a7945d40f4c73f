//! Writes each path into a guest book in MySQL and answers with the last entries, in one transaction. Uses `fermyon:spin/mysql`.

mod bindings {
    wit_bindgen::generate!({
        inline: "
            package coracle:examples;
            world book {
                import fermyon:spin/mysql@2.0.0;
            }
        ",
        path: ["../../crates/capabilities/src/mysql/wit/fermyon-spin@2.0.0"],
        world: "coracle:examples/book",
        generate_all,
    });
}

use bindings::fermyon::spin::mysql::Connection;
use bindings::fermyon::spin::rdbms_types::{DbValue, Error, ParameterValue};
use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{ErrorCode, Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam};

struct Book;

wasip2::http::proxy::export!(Book);

impl Guest for Book {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let text = write(&request).map_err(|error| format!("{error:?}")).unwrap_or_else(|error| format!("it failed: {error}\n"));
        if let Err(error) = answer(out, &text) {
            eprintln!("the answer was not sent: {error:?}");
        }
    }
}

fn write(request: &IncomingRequest) -> Result<String, Error> {
    let path = request.path_with_query().unwrap_or_default();
    let database = Connection::open(&std::env::var("DB_URL").unwrap_or_default())?;
    database.execute("CREATE TABLE IF NOT EXISTS book (id INT AUTO_INCREMENT PRIMARY KEY, entry TEXT NOT NULL)", &[])?;
    // What fails before the end is undone, also if this program does not get so far.
    database.execute("BEGIN", &[])?;
    database.execute("INSERT INTO book (entry) VALUES (?)", &[ParameterValue::Str(path)])?;
    let last = database.query("SELECT id, entry FROM book ORDER BY id DESC LIMIT 5", &[])?;
    database.execute("COMMIT", &[])?;
    let line = |values: &[DbValue]| match values {
        [DbValue::Int32(id), DbValue::Str(entry)] => format!("{id} {entry}\n"),
        _ => String::new(),
    };
    Ok(last.rows.iter().map(|row| line(row)).collect())
}

fn answer(out: ResponseOutparam, text: &str) -> Result<(), ErrorCode> {
    let wrong = |what: &str| ErrorCode::InternalError(Some(what.to_owned()));
    let response = OutgoingResponse::new(Fields::new());
    let body = response.body().map_err(|()| wrong("body"))?;
    ResponseOutparam::set(out, Ok(response));
    let stream = body.write().map_err(|()| wrong("stream"))?;
    stream.blocking_write_and_flush(text.as_bytes()).map_err(|_| wrong("write"))?;
    drop(stream);
    OutgoingBody::finish(body, None)
}
