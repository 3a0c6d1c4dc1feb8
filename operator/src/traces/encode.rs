//! Spans as OTLP's JSON. Source: the OTLP specification 1.9, "JSON Protobuf Encoding": ids as hexadecimal digits, 64-bit
//! numbers as text. Pure.

use serde_json::{Value as Json, json};

/// Kind of a span of work inside a program.
const INTERNAL: u8 = 1;
/// Status of a span that failed.
const ERROR: u8 = 2;

/// A value of an attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Text.
    Text(String),
    /// A whole number.
    Number(i64),
    /// A truth.
    Truth(bool),
}

/// Something that happened within a span.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Nanoseconds since the Unix epoch.
    pub at: i128,
    /// What.
    pub name: String,
    /// More about it.
    pub attributes: Vec<(&'static str, Value)>,
}

/// A span that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// The trace.
    pub trace: u128,
    /// Its own id.
    pub id: u64,
    /// Id of the span it is in.
    pub parent: Option<u64>,
    /// What was done.
    pub name: &'static str,
    /// Nanoseconds since the Unix epoch.
    pub start: i128,
    /// Nanoseconds since the Unix epoch.
    pub end: i128,
    /// To what, and how it ended.
    pub attributes: Vec<(&'static str, Value)>,
    /// What happened meanwhile.
    pub events: Vec<Event>,
    /// Events that were too many to keep.
    pub dropped_events: u32,
    /// Whether it failed.
    pub failed: bool,
}

/// One request's body.
pub fn batch(resource: &[(String, String)], spans: &[Span]) -> Json {
    let resource: Vec<_> = resource.iter().map(|(key, value)| attribute(key, &Value::Text(value.clone()))).collect();
    json!({"resourceSpans": [{
        "resource": {"attributes": resource},
        "scopeSpans": [{
            "scope": {"name": env!("CARGO_PKG_NAME"), "version": env!("CARGO_PKG_VERSION")},
            "spans": spans.iter().map(span).collect::<Vec<_>>(),
        }],
    }]})
}

fn span(span: &Span) -> Json {
    let Span { trace, id, parent, name, start, end, attributes, events, dropped_events, failed } = span;
    let mut encoded = json!({
        "traceId": format!("{trace:032x}"),
        "spanId": format!("{id:016x}"),
        "name": name,
        "kind": INTERNAL,
        "startTimeUnixNano": start.to_string(),
        "endTimeUnixNano": end.to_string(),
        "attributes": all(attributes),
        "events": events.iter().map(event).collect::<Vec<_>>(),
        "droppedEventsCount": dropped_events,
        "status": if *failed { json!({"code": ERROR}) } else { json!({}) },
    });
    if let Some(parent) = parent {
        encoded["parentSpanId"] = json!(format!("{parent:016x}"));
    }
    encoded
}

fn event(event: &Event) -> Json {
    let Event { at, name, attributes } = event;
    json!({"timeUnixNano": at.to_string(), "name": name, "attributes": all(attributes)})
}

fn all(attributes: &[(&'static str, Value)]) -> Vec<Json> {
    attributes.iter().map(|(key, value)| attribute(key, value)).collect()
}

fn attribute(key: &str, value: &Value) -> Json {
    let value = match value {
        Value::Text(text) => json!({"stringValue": text}),
        Value::Number(number) => json!({"intValue": number.to_string()}),
        Value::Truth(truth) => json!({"boolValue": truth}),
    };
    json!({"key": key, "value": value})
}
