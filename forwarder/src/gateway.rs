//! The gateway's configuration: which API and stages we serve, which families are open.
//!
//! Read at start, again every 30 s, and at once, but no more than once per second, when something is asked for that
//! the copy in hand does not have: a family opened a moment ago works on its first call.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aigw_contract::table::{self, GatewayConfig};
use tokio::sync::Mutex;

use crate::denial::{Denial, Refusal};
use crate::table::Table;

/// Age at which the copy in hand is read again.
const MAX_AGE: Duration = Duration::from_secs(30);
/// Age below which it is not read again, whatever it lacks.
const MIN_AGE: Duration = Duration::from_secs(1);

/// The configuration, as fresh as needed.
pub struct Gateway {
    table: Arc<Table>,
    held: Mutex<Option<Held>>,
}

struct Held {
    config: Arc<GatewayConfig>,
    read_at: SystemTime,
}

impl Gateway {
    /// The configuration in this table.
    pub fn new(table: Arc<Table>) -> Self {
        Self { table, held: Mutex::default() }
    }

    /// The configuration, read again first where it is old or where `satisfies` is not true of it.
    ///
    /// # Errors
    /// [`Refusal`] where the table was needed and gave none.
    pub async fn config(&self, satisfies: impl Fn(&GatewayConfig) -> bool) -> Result<Arc<GatewayConfig>, Refusal> {
        let mut held = self.held.lock().await;
        if let Some(Held { config, read_at }) = held.as_ref()
            && !due(read_at.elapsed().ok(), satisfies(config))
        {
            return Ok(Arc::clone(config));
        }
        let document = self.table.document(table::GATEWAY_PK, table::CONFIG_SK).await.map_err(|error| {
            Refusal::because(Denial::unavailable("the gateway cannot read its configuration; try again"), &error)
        })?;
        let missing = || Denial::unavailable("the gateway is not configured yet; try again in a minute");
        let config = Arc::new(document.ok_or_else(missing)?.content);
        *held = Some(Held { config: Arc::clone(&config), read_at: SystemTime::now() });
        Ok(config)
    }
}

/// Whether a copy of this age is to be read again. An unknown age is one before a clock that was set back.
fn due(age: Option<Duration>, satisfied: bool) -> bool {
    let Some(age) = age else { return true };
    age >= if satisfied { MAX_AGE } else { MIN_AGE }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_is_read_again_when_old_or_lacking_but_not_all_the_time() {
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        assert!(!due(seconds(29), true));
        assert!(due(seconds(30), true));
        assert!(!due(Some(Duration::from_millis(999)), false));
        assert!(due(seconds(1), false));
        assert!(due(None, true));
    }
}
