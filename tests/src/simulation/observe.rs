//! A scenario run undisturbed, for what can be seen of the operator rather than for how it ends. How it ends is the crash
//! matrix's matter: one that fails does so there, and what was seen up to then counts here.

use std::time::Duration;

use tokio::time::sleep;
use tracing::level_filters::LevelFilter;

use super::scenario::{Scenario, rest};
use super::{Options, Process, World, simulate_logging};
use crate::{Outcome, ensure, figures};

/// For a first look at everything that is there at the start.
const SETTLING: Duration = Duration::from_secs(30);

impl Scenario {
    /// Runs it with an operator of these options whose log is kept from `level` on. `begin` sees the world before the
    /// operator is started, and what it gives is handed to `end`, which sees the world at rest.
    pub fn observe<B, T>(
        &self,
        level: LevelFilter,
        options: &Options,
        begin: impl FnOnce(&World) -> B,
        end: impl FnOnce(B, &World, &Process) -> Outcome<T>,
    ) -> Outcome<T> {
        let start = self.start.moment()?;
        simulate_logging(level, start.as_ref(), |world| async move {
            let begun = begin(&world);
            let operator = world.start(options);
            sleep(SETTLING).await;
            let acted = async {
                (self.acts)(&world).await?;
                rest(&world).await
            };
            if acted.await.is_err() {
                figures::add("scenarios observed that did not come to their end", self.name, 1);
            }
            ensure!(operator.running(), "{}: the operator ended", self.name);
            let seen = end(begun, &world, &operator);
            operator.kill().await;
            seen
        })
    }
}
