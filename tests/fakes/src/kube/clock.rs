//! A server's time: an epoch plus what passed on tokio's clock, which tests pause.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

/// A clock.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    epoch: Timestamp,
    /// What had passed when `started` was taken.
    offset: Duration,
    started: Instant,
}

impl Clock {
    pub fn starting(epoch: Timestamp, offset: Duration) -> Self {
        Self { epoch, offset, started: Instant::now() }
    }

    pub fn epoch(&self) -> Timestamp {
        self.epoch
    }

    /// Since the epoch.
    pub fn elapsed(&self) -> Duration {
        self.offset + self.started.elapsed()
    }

    pub fn now(&self) -> Timestamp {
        self.epoch.checked_add(self.elapsed()).unwrap_or(Timestamp::MAX)
    }

    /// Now, in whole seconds, as objects hold it.
    pub fn text(&self) -> String {
        let seconds = Timestamp::from_second(self.now().as_second()).unwrap_or(self.epoch);
        seconds.to_string()
    }
}
