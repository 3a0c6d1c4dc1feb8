//! The gateway's configuration: which API and stages we serve, which families are open, what models cost.
//!
//! Read at start, again every 30 s, and at once, but no more than once per second, when something is asked for that
//! the copy in hand does not have: a family opened a moment ago works on its first call. A gateway that fails open keeps
//! its copy while the table is out of reach. The price list is read when the configuration names another revision.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aigw_contract::price::PriceList;
use aigw_contract::table::{self, FailMode, GatewayConfig};
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
    /// The price list, and the revision for which it was read.
    prices: Mutex<Option<(String, Arc<PriceList>)>>,
}

struct Held {
    config: Arc<GatewayConfig>,
    read_at: SystemTime,
}

impl Gateway {
    /// The configuration in this table.
    pub fn new(table: Arc<Table>) -> Self {
        Self { table, held: Mutex::default(), prices: Mutex::default() }
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
        let document = match self.table.document(table::GATEWAY_PK, table::CONFIG_SK).await {
            Ok(document) => document,
            Err(error) => {
                let open = held.as_mut().filter(|held| held.config.fail_mode == FailMode::Open && error.is_outage());
                let denial = Denial::unavailable("the gateway cannot read its configuration; try again");
                let held = open.ok_or_else(|| Refusal::because(denial, &error))?;
                // As if read: not every call has to wait for a table that does not answer.
                held.read_at = SystemTime::now();
                return Ok(Arc::clone(&held.config));
            }
        };
        let missing = || Denial::unavailable("the gateway is not configured yet; try again in a minute");
        let config = Arc::new(document.ok_or_else(missing)?.content);
        *held = Some(Held { config: Arc::clone(&config), read_at: SystemTime::now() });
        Ok(config)
    }
}

impl Gateway {
    /// The price list the configuration names; none where it names none.
    ///
    /// # Errors
    /// [`Refusal`] where the table was needed and gave none.
    pub async fn prices(&self, config: &GatewayConfig) -> Result<Option<Arc<PriceList>>, Refusal> {
        if config.prices.is_empty() {
            return Ok(None);
        }
        let mut held = self.prices.lock().await;
        if let Some((_, prices)) = held.as_ref().filter(|(revision, _)| *revision == config.prices) {
            return Ok(Some(Arc::clone(prices)));
        }
        let denial = || Denial::unavailable("the gateway cannot read its price list; try again");
        let document = self.table.document::<PriceList>(table::GATEWAY_PK, table::PRICES_SK).await;
        let document = document.map_err(|error| Refusal::because(denial(), &error))?;
        let missing = || Refusal { denial: denial(), cause: Some("there is no price list in the table".to_owned()) };
        let prices = Arc::new(document.ok_or_else(missing)?.content);
        // It may be newer than the configuration, which then follows: prices are written first.
        *held = Some((config.prices.clone(), Arc::clone(&prices)));
        Ok(Some(prices))
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
