//! What operators log, kept so that a test can look for what must not be there.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use tracing::level_filters::LevelFilter;
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;

/// Everything logged at a level and above.
#[derive(Clone)]
pub struct Captured {
    lines: Arc<Mutex<Vec<u8>>>,
    level: LevelFilter,
}

/// Gives each log line a place to go.
#[derive(Clone)]
pub struct Sink(Captured);

impl Captured {
    /// Nothing yet, of what will be logged at `level` and above.
    pub fn at(level: LevelFilter) -> Self {
        Self { lines: Arc::default(), level }
    }

    /// Captures what is logged on this thread for as long as the guard lives.
    pub fn subscribe(&self) -> DefaultGuard {
        let lines =
            tracing_subscriber::fmt::layer().compact().with_ansi(false).without_time().with_writer(Sink(self.clone()));
        let ours = tracing_subscriber::filter::Targets::new()
            .with_default(LevelFilter::WARN)
            .with_target("aigw_operator", self.level)
            .with_target("aigw_cloud", self.level);
        tracing::subscriber::set_default(tracing_subscriber::registry().with(ours).with(lines))
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
