//! Makes spans of what the program says through `tracing`. Only the operator's own crates are listened to: libraries print
//! headers and bodies, among them credentials.

use std::fmt::Debug;
use std::sync::Arc;

use rand::random;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Level, Subscriber};
use tracing_subscriber::filter::{Filtered, Targets};
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use super::encode::{Event, Span, Value};
use crate::context::Clock;

/// Crates whose spans and events are taken.
const OURS: [&str; 2] = ["aigw_operator", "aigw_cloud"];
/// Most events of a span, the specification's default. A pass that says more is in trouble, and the log has it all.
const MOST_EVENTS: usize = 128;
/// Longest text of an attribute, in characters.
const LONGEST_TEXT: usize = 1_024;
/// Spans that wait to be sent; more than are made in the time a collector takes to restart. Beyond it they are dropped, because
/// nothing of the operator's work may wait for a collector.
const WAITING: usize = 512;

/// The spans that have ended.
pub type Spans = Receiver<Span>;

/// Listens, and hands spans over when they end.
pub struct Layer {
    ended: Sender<Span>,
    clock: Arc<dyn Clock>,
}

impl Layer {
    /// A layer with the filter that belongs to it, and what it hands over.
    pub fn listening<S>(clock: Arc<dyn Clock>) -> (Filtered<Self, Targets, S>, Spans)
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        use tracing_subscriber::Layer as _;
        let (ended, spans) = channel(WAITING);
        let ours = Targets::new().with_targets(OURS.map(|target| (target, LevelFilter::DEBUG)));
        (Self { ended, clock }.with_filter(ours), spans)
    }

    fn now(&self) -> i128 {
        self.clock.now().as_nanosecond()
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> tracing_subscriber::Layer<S> for Layer {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(entered) = context.span(id) else { return };
        let above = entered.parent().and_then(|parent| {
            let extensions = parent.extensions();
            extensions.get::<Span>().map(|span| (span.trace, span.id))
        });
        let mut span = Span {
            trace: above.map_or_else(random, |(trace, _)| trace),
            id: random(),
            parent: above.map(|(_, id)| id),
            name: attributes.metadata().name(),
            start: self.now(),
            end: 0,
            attributes: Vec::new(),
            events: Vec::new(),
            dropped_events: 0,
            failed: false,
        };
        attributes.record(&mut Collect(&mut span.attributes));
        entered.extensions_mut().insert(span);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(entered) = context.span(id)
            && let Some(span) = entered.extensions_mut().get_mut::<Span>()
        {
            values.record(&mut Collect(&mut span.attributes));
        }
    }

    fn on_event(&self, event: &tracing::Event<'_>, context: Context<'_, S>) {
        let Some(entered) = context.event_span(event) else { return };
        let mut extensions = entered.extensions_mut();
        let Some(span) = extensions.get_mut::<Span>() else { return };
        span.failed |= *event.metadata().level() <= Level::WARN;
        if span.events.len() == MOST_EVENTS {
            span.dropped_events += 1;
            return;
        }
        let mut attributes = Vec::new();
        event.record(&mut Collect(&mut attributes));
        let message = attributes.iter().position(|(key, _)| *key == "message").map(|at| attributes.remove(at).1);
        let name = match message {
            Some(Value::Text(text)) => text,
            _ => event.metadata().name().to_owned(),
        };
        span.events.push(Event { at: self.now(), name, attributes });
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let Some(mut span) = context.span(&id).and_then(|closed| closed.extensions_mut().remove::<Span>()) else {
            return;
        };
        span.end = self.now();
        // Full, or nobody sends any more: this one is lost.
        let _ = self.ended.try_send(span);
    }
}

/// Fields as attributes, under the names of the semantic conventions where there is one.
struct Collect<'a>(&'a mut Vec<(&'static str, Value)>);

impl Collect<'_> {
    fn take(&mut self, field: &Field, value: Value) {
        let name = match field.name() {
            "namespace" => "k8s.namespace.name",
            "kind" => "aigw.kind",
            "object" => "aigw.object",
            "generation" => "aigw.generation",
            "outcome" => "aigw.outcome",
            "operation" => "aws.operation",
            "request_id" => "aws.request_id",
            other => other,
        };
        self.0.push((name, value));
    }
}

impl Visit for Collect<'_> {
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.take(field, Value::Number(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.take(field, i64::try_from(value).map_or_else(|_| Value::Text(value.to_string()), Value::Number));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.take(field, Value::Truth(value));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.take(field, Value::Text(value.chars().take(LONGEST_TEXT).collect()));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.record_str(field, &format!("{value:?}"));
    }
}
