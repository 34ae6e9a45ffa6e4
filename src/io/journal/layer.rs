//! What the program says through `tracing`, as entries: the message as the text, each field as a field.

use super::{DISCREET, Entry, Log};
use crate::messages::Priority;
use std::fmt::{self, Write as _};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

impl<S: Subscriber> Layer<S> for Log {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let of = event.metadata();
        if is_discreet() && !of.target().starts_with("cabinetd") {
            return;
        }
        let mut entry = Entry {
            priority: priority(*of.level()),
            text: String::new(),
            fields: Vec::new(),
            target: of.target(),
            place: of.file().zip(of.line()),
        };
        event.record(&mut Fields(&mut entry));
        self.queue(entry);
    }
}

/// Whether this thread's connections are nobody's to read of, by whatever a library says of them.
fn is_discreet() -> bool {
    std::thread::current().name() == Some(DISCREET)
}

const fn priority(level: Level) -> Priority {
    match level {
        Level::ERROR => Priority::Error,
        Level::WARN => Priority::Warning,
        Level::INFO => Priority::Notice,
        Level::DEBUG | Level::TRACE => Priority::Debug,
    }
}

struct Fields<'a>(&'a mut Entry);

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, format_args!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, format_args!("{value}"));
    }
}

impl Fields<'_> {
    fn put(&mut self, field: &Field, value: fmt::Arguments<'_>) {
        if field.name() == "message" {
            // Writing to a String does not fail.
            let _ = self.0.text.write_fmt(value);
        } else {
            self.0.fields.push((field.name(), value.to_string()));
        }
    }
}
