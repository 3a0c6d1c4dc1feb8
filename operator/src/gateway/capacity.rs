//! Reads what the account can hold and holds, rarely, for all gateways and tenants of a Region together.
//!
//! To count an account's keys is up to twenty calls of API Gateway's scarce rate, and quotas change once in months: so both
//! are kept for hours. Where they say that something cannot be made they are read again sooner, because somebody may have
//! made room. Nothing here can fail a pass: what cannot be read is not known, and AWS says in the end what fits.

use std::collections::HashMap;
use std::time::Duration;

use aigw_cloud::Cloud;
use aigw_plan::gateway::capacity::{AccountQuotas, Capacity};
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

/// How long what was read is used.
const KEPT: Duration = Duration::from_hours(6);
/// How long it is used where objects could not be counted.
const KEPT_UNCOUNTED: Duration = Duration::from_hours(1);
/// How long it is used where something does not fit: less than what waits for room waits
/// ([`Class::Quota`](aigw_plan::Class::Quota)).
const KEPT_IN_DOUBT: Duration = Duration::from_mins(10);
/// Longest wait for each of the two answers. In a VPC without a way to Service Quotas the SDK would try for a minute, and
/// nothing waits for this that could not do without.
const PATIENCE: Duration = Duration::from_secs(10);

/// What was read of one Region, and when.
struct Read {
    at: Instant,
    kept: Duration,
    capacity: Capacity,
}

/// What is known of the account's room, by Region.
#[derive(Default)]
pub(crate) struct Capacities {
    regions: Mutex<HashMap<String, Read>>,
}

impl Capacities {
    /// The room in a Region, read if nothing recent is known.
    pub(crate) async fn of(&self, cloud: &Cloud, region: &str) -> Capacity {
        // Held while reading: a thousand tenants that begin together are to cause one read.
        let mut regions = self.regions.lock().await;
        if let Some(read) = regions.get(region).filter(|read| read.at.elapsed() < read.kept) {
            return read.capacity.clone();
        }
        let capacity = read(cloud).await;
        // A right that is missing stays missing; only counts that failed are worth another try soon.
        let kept = if capacity.used.is_some() { KEPT } else { KEPT_UNCOUNTED };
        regions.insert(region.to_owned(), Read { at: Instant::now(), kept, capacity: capacity.clone() });
        capacity
    }

    /// The room in a Region as it was minutes ago at most: for what would be refused by it. Somebody may have made room.
    pub(crate) async fn recent(&self, cloud: &Cloud, region: &str) -> Capacity {
        if let Some(read) = self.regions.lock().await.get_mut(region) {
            read.kept = read.kept.min(KEPT_IN_DOUBT);
        }
        self.of(cloud, region).await
    }
}

/// Reads quotas and counts.
pub(crate) async fn read(cloud: &Cloud) -> Capacity {
    let (quotas, used) =
        tokio::join!(timeout(PATIENCE, cloud.capacity.quotas()), timeout(PATIENCE, cloud.capacity.used()));
    let used = used.ok().and_then(|used| used.inspect_err(|error| tracing::debug!(%error, "not counted")).ok());
    // The code alone: the rest of AWS's message names the role's session, which varies.
    let (quotas, unread) = match quotas {
        Ok(Ok(quotas)) => (quotas, None),
        Ok(Err(error)) => (AccountQuotas::default(), Some(error.code)),
        Err(_) => (AccountQuotas::default(), Some("no answer".to_owned())),
    };
    Capacity { quotas, unread, used }
}
