//! The log of AWS calls that a proxy keeps: what was called since a moment, and figures of it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use aigw_env::aws_proxy::{Call, Fault, Match, Proxy, Rule};

/// A moment in a proxy's log.
#[derive(Clone)]
pub struct Calls {
    proxy: Arc<Proxy>,
    since: u64,
}

impl Calls {
    /// From now on.
    pub fn from_now(proxy: &Arc<Proxy>) -> Self {
        Self { proxy: Arc::clone(proxy), since: proxy.calls().since(u64::MAX).next }
    }

    /// All calls since.
    pub fn all(&self) -> Vec<Call> {
        self.proxy.calls().since(self.since).calls
    }

    /// Calls since that changed, or would have changed, something.
    pub fn writes(&self) -> Vec<Call> {
        self.all().into_iter().filter(|call| call.is_write).collect()
    }

    /// Writes since, without those to items of a table.
    pub fn resource_writes(&self) -> Vec<Call> {
        self.writes().into_iter().filter(|call| !is_item_write(call)).collect()
    }

    /// How often an operation was called since.
    pub fn count(&self, operation: &str) -> usize {
        self.all().iter().filter(|call| call.operation == operation).count()
    }

    /// The figure of the calls since: how many of each, reads and writes apart.
    pub fn figure(&self) -> String {
        figure(&self.all())
    }
}

/// Whether a call writes an item of a table: configuration, policy, meter, or the owner's heartbeat.
pub fn is_item_write(call: &Call) -> bool {
    call.service == "dynamodb" && ["PutItem", "UpdateItem", "DeleteItem"].contains(&call.operation.as_str())
}

/// Names of calls, for messages.
pub fn names(calls: &[Call]) -> String {
    calls.iter().map(|call| format!("{}:{}", call.service, call.operation)).collect::<Vec<_>>().join(", ")
}

/// How many calls of each operation, reads and writes apart.
pub fn figure(calls: &[Call]) -> String {
    let mut text = String::new();
    for (title, write) in [("writes", true), ("reads", false)] {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for call in calls.iter().filter(|call| call.is_write == write) {
            *counts.entry(format!("{}:{}", call.service, call.operation)).or_default() += 1;
        }
        let list: Vec<_> = counts.iter().map(|(name, count)| format!("{name} ×{count}")).collect();
        let _ = writeln!(text, "{title}: {} ({})", counts.values().sum::<usize>(), list.join(", "));
    }
    text
}

/// Arms a fault for the `nth` call of an operation.
pub fn fault(proxy: &Proxy, operation: &str, nth: u64, fault: Fault) {
    let matcher = Match { operation: Some(operation.to_owned()), ..Match::default() };
    proxy.faults().add(Rule::new(matcher, nth, 1, fault));
}

/// Faults that were armed and never met, by operation; forgets all but those by chance, which are the weather.
pub fn unmet_faults(proxy: &Proxy) -> Vec<String> {
    let (weather, armed): (Vec<_>, Vec<_>) =
        proxy.faults().list().into_iter().partition(|each| each.rule.percent.is_some());
    proxy.faults().clear();
    for each in weather {
        proxy.faults().add(each.rule);
    }
    let unmet = armed.into_iter().filter(|each| each.applied == 0);
    unmet.map(|each| each.rule.matcher.operation.unwrap_or_default()).collect()
}
