//! Events of the coordinator itself, which concern no instance. It decides nothing.

use shared_state::{EventRow, Fact, Writer};

use crate::clock::wall_ms;

/// Records one.
pub(crate) fn record_event(writer: &Writer, level: u8, kind: &str, message: String) {
    record_event_of(writer, None, level, kind, message);
}

/// Records one about an invocation of an earlier coordinator.
pub(crate) fn record_event_of(
    writer: &Writer,
    invocation_id: Option<i64>,
    level: u8,
    kind: &str,
    message: String,
) {
    writer.record(Fact::Event(EventRow {
        ts_ms: wall_ms(),
        instance_id: None,
        invocation_id,
        level,
        kind: kind.into(),
        message,
        data: None,
    }));
}
