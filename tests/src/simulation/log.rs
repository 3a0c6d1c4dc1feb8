//! What operators log, kept so that a test can look for what must not be there.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use aigw_operator::Clock;
use aigw_operator::traces::{Layer, Span, Spans};
use jiff::Timestamp;
use tracing::level_filters::LevelFilter;
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::Layer as _;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;

/// Everything logged at a level and above; and, where that is everything, all traces.
#[derive(Clone)]
pub struct Captured {
    lines: Arc<Mutex<Vec<u8>>>,
    level: LevelFilter,
    traces: Arc<Mutex<Traces>>,
}

/// Traces so far, and where more come from.
#[derive(Default)]
struct Traces {
    coming: Option<Spans>,
    spans: Vec<Span>,
}

/// The time of the spans, which no test looks at: a log has no clock of the world it is of.
struct NoClock;

impl Clock for NoClock {
    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH
    }
}

/// Gives each log line a place to go.
#[derive(Clone)]
pub struct Sink(Captured);

impl Captured {
    /// Nothing yet, of what will be logged at `level` and above.
    pub fn at(level: LevelFilter) -> Self {
        Self { lines: Arc::default(), level, traces: Arc::default() }
    }

    /// Captures what is logged on this thread for as long as the guard lives.
    pub fn subscribe(&self) -> DefaultGuard {
        let lines =
            tracing_subscriber::fmt::layer().compact().with_ansi(false).without_time().with_writer(Sink(self.clone()));
        let ours = tracing_subscriber::filter::Targets::new()
            .with_default(LevelFilter::WARN)
            .with_target("aigw_operator", self.level)
            .with_target("aigw_cloud", self.level);
        let logging = tracing_subscriber::registry().with(lines.with_filter(ours));
        if self.level < LevelFilter::TRACE {
            return tracing::subscriber::set_default(logging);
        }
        let (layer, spans) = Layer::listening(Arc::new(NoClock));
        self.traces.lock().unwrap_or_else(PoisonError::into_inner).coming = Some(spans);
        tracing::subscriber::set_default(logging.with(layer))
    }

    /// All spans that have ended.
    pub fn spans(&self) -> Vec<Span> {
        let mut traces = self.traces.lock().unwrap_or_else(PoisonError::into_inner);
        let Traces { coming, spans } = &mut *traces;
        while let Some(span) = coming.as_mut().and_then(|coming| coming.try_recv().ok()) {
            spans.push(span);
        }
        spans.clone()
    }

    /// All of it.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.lines.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }

    /// The last lines, for a failure's message.
    pub fn tail(&self, lines: usize) -> String {
        let text = self.text();
        let all: Vec<&str> = text.lines().collect();
        all[all.len().saturating_sub(lines)..].join("\n")
    }
}

impl io::Write for Sink {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.lines.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Sink {
    type Writer = Self;

    fn make_writer(&'a self) -> Self::Writer {
        self.clone()
    }
}
