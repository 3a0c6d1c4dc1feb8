//! The fake's time: tokio's, counted from the fake's beginning, so that a copy made in another runtime goes on from the
//! same moment.

use std::sync::OnceLock;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::Instant;

/// Time since the beginning.
#[derive(Debug)]
pub(crate) struct Clock {
    /// What it was when this copy was made.
    base: Duration,
    /// When this copy was made; outside a runtime the first look counts, since a runtime may pause its own clock.
    origin: OnceLock<Instant>,
}

impl Clock {
    /// A clock that stands at `base` now.
    pub fn at(base: Duration) -> Self {
        let clock = Self { base, origin: OnceLock::new() };
        if Handle::try_current().is_ok() {
            clock.now();
        }
        clock
    }

    /// Time since the beginning.
    pub fn now(&self) -> Duration {
        let now = Instant::now();
        self.base + now.saturating_duration_since(*self.origin.get_or_init(|| now))
    }
}
