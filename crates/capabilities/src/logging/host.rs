//! Both names of `wasi:logging`, which differ in nothing else, and the one place that writes their lines.

use std::sync::Arc;

use coracle_engine::{Identity, InstanceState};
use wasmtime::component::{HasData, Linker};

use super::State;

/// A message is cut after this many bytes.
const MESSAGE_BYTES_MAX: usize = 8 * 1024;

/// A context is cut after this many bytes.
const CONTEXT_BYTES_MAX: usize = 256;

mod draft {
    wasmtime::component::bindgen!({ path: "src/logging/wit/draft" });
    pub(super) use wasi::logging::logging::*;
}

mod unversioned {
    wasmtime::component::bindgen!({ path: "src/logging/wit/unversioned" });
    pub(super) use wasi::logging::logging::*;
}

/// What one call works with.
struct Log<'a> {
    state: &'a mut State,
    identity: Arc<Identity>,
    bytes_max: usize,
}

struct Logs;

impl HasData for Logs {
    type Data<'a> = Log<'a>;
}

pub(super) fn link(linker: &mut Linker<InstanceState>) -> wasmtime::Result<()> {
    draft::add_to_linker::<_, Logs>(linker, log)?;
    unversioned::add_to_linker::<_, Logs>(linker, log)
}

fn log(instance: &mut InstanceState) -> Log<'_> {
    let (identity, bytes_max) = (Arc::clone(instance.identity()), instance.limits().log_bytes);
    Log { state: instance.state(), identity, bytes_max }
}

impl draft::Host for Log<'_> {
    fn log(&mut self, level: draft::Level, context: String, message: String) {
        self.write(level, &context, &message);
    }
}

impl unversioned::Host for Log<'_> {
    fn log(&mut self, level: unversioned::Level, context: String, message: String) {
        use unversioned::Level;
        let level = match level {
            Level::Trace => draft::Level::Trace,
            Level::Debug => draft::Level::Debug,
            Level::Info => draft::Level::Info,
            Level::Warn => draft::Level::Warn,
            Level::Error => draft::Level::Error,
            Level::Critical => draft::Level::Critical,
        };
        self.write(level, &context, &message);
    }
}

/// One tracing event at a level that is known only at run time.
macro_rules! event {
    ($level:ident, $log:expr, $context:expr, $message:expr, $critical:expr) => {
        tracing::event!(
            target: "coracle::guest",
            tracing::Level::$level,
            component = %$log.identity.component,
            context = %$context,
            critical = $critical,
            "{}",
            $message
        )
    };
}

impl Log<'_> {
    fn write(&mut self, level: draft::Level, context: &str, message: &str) {
        let before = self.state.bytes;
        if before > self.bytes_max {
            return;
        }
        // A line costs at least one byte, so that empty ones come to an end too.
        self.state.bytes = before.saturating_add(message.len()).saturating_add(context.len()).saturating_add(1);
        if self.state.bytes > self.bytes_max {
            let component = &self.identity.component;
            tracing::warn!(target: "coracle::guest", %component, limit = self.bytes_max, "log limit reached; further lines are dropped");
            return;
        }
        let (context, message) = (shown(context, CONTEXT_BYTES_MAX), shown(message, MESSAGE_BYTES_MAX));
        match level {
            draft::Level::Trace => event!(TRACE, self, context, message, None::<bool>),
            draft::Level::Debug => event!(DEBUG, self, context, message, None::<bool>),
            draft::Level::Info => event!(INFO, self, context, message, None::<bool>),
            draft::Level::Warn => event!(WARN, self, context, message, None::<bool>),
            draft::Level::Error => event!(ERROR, self, context, message, None::<bool>),
            draft::Level::Critical => event!(ERROR, self, context, message, Some(true)),
        }
    }
}

/// The beginning of a guest's text with control characters made visible, so that it cannot forge lines or steer a terminal.
fn shown(text: &str, bytes_max: usize) -> String {
    let mut end = text.len().min(bytes_max);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let (kept, cut) = text.split_at(end);
    let mut shown = String::with_capacity(kept.len());
    for character in kept.chars() {
        match character {
            '\t' => shown.push(character),
            _ if is_control(character) => shown.extend(character.escape_default()),
            _ => shown.push(character),
        }
    }
    if !cut.is_empty() {
        shown.push_str("… (cut)");
    }
    shown
}

/// Control characters, and those that turn the direction of writing around.
fn is_control(character: char) -> bool {
    character.is_control() || matches!(character, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use coracle_engine::Limits;

    use super::*;

    #[test]
    fn each_invocation_of_a_reused_instance_has_its_own_limit() {
        let identity = Identity { app: "a".to_owned(), component: "c".to_owned() };
        let limits = Limits { log_bytes: 10, ..Limits::default() };
        let mut instance = InstanceState::new(Arc::new(identity), Arc::new([]), Arc::new(limits));
        for _ in 0..2 {
            log(&mut instance).write(draft::Level::Info, "", "12345678");
            assert_eq!(log(&mut instance).state.bytes, 9);
            log(&mut instance).write(draft::Level::Info, "", "12345678");
            assert!(log(&mut instance).state.bytes > 10);
            crate::begin_invocation(&mut instance);
            assert_eq!(log(&mut instance).state.bytes, 0);
        }
    }

    #[test]
    fn control_characters_are_made_visible() {
        assert_eq!(shown("a\nb\r\u{1b}[31m\u{202e}\tz é", 100), "a\\nb\\r\\u{1b}[31m\\u{202e}\tz é");
    }

    #[test]
    fn long_text_is_cut_between_characters() {
        assert_eq!(shown("ééé", 3), "é… (cut)");
        assert_eq!(shown("ééé", 6), "ééé");
    }
}
