//! A bad day in AWS: every call of the operator is slow, some are refused, some fail, some lose their answer. By chance,
//! but always the same chance, so that a run can be repeated. The calls of the data plane and of people stay untouched.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use aigw_env::aws_proxy::{Fault, Match, Proxy, Rule};

use crate::calls::Calls;

/// Under this variable the whole end-to-end suite runs on a bad day.
pub const ALWAYS: &str = "AIGW_E2E_FAULTS";

/// Name in the operator's user agent.
const OPERATOR: &str = "app/aigw-operator";
/// Added to every call.
const LATENCY: Duration = Duration::from_millis(200);

/// A part of the weather: what it is called, how much of all calls it hits, and how.
const PARTS: [(&str, u8, Fault); 4] = [
    ("429", 10, Fault { status: Some(429), retry_after: Some(1), ..CALM }),
    ("500 without effect", 3, Fault { status: Some(500), ..CALM }),
    ("500 after the effect", 2, Fault { status: Some(500), after_effect: true, ..CALM }),
    ("answer lost after the effect", 2, Fault { drop: true, after_effect: true, ..CALM }),
];

const CALM: Fault = Fault {
    latency_ms: None,
    status: None,
    code: None,
    message: None,
    retry_after: None,
    drop: false,
    after_effect: false,
};

/// Whether every test runs on a bad day.
pub fn always() -> bool {
    std::env::var_os(ALWAYS).is_some_and(|value| value == "1")
}

/// Makes it a bad day for good. Another `seed` hits other calls.
pub fn arm(proxy: &Proxy, seed: u64) {
    let operator = || Match { agent_contains: Some(OPERATOR.to_owned()), ..Match::default() };
    let millis = u64::try_from(LATENCY.as_millis()).unwrap_or(u64::MAX);
    proxy.faults().add(Rule::by_chance(operator(), 100, 0, Fault { latency_ms: Some(millis), ..CALM }));
    for (index, (_, percent, fault)) in (1..).zip(PARTS) {
        proxy.faults().add(Rule::by_chance(operator(), percent, seed.wrapping_mul(100) + index, fault));
    }
}

/// A bad day until dropped.
pub struct Storm {
    proxy: Arc<Proxy>,
    calls: Calls,
}

impl Storm {
    /// Begins.
    pub fn begin(proxy: &Arc<Proxy>, seed: u64) -> Self {
        let storm = Self { proxy: Arc::clone(proxy), calls: Calls::from_now(proxy) };
        arm(proxy, seed);
        storm
    }

    /// Calls of the operator since it began, and how many each part hit.
    pub fn figure(&self) -> String {
        let all = self.calls.all().iter().filter(|call| call.agent.contains(OPERATOR)).count();
        let mut text = format!("{all} calls of the operator, each {} ms later; of them", LATENCY.as_millis());
        for (name, hits) in self.hits() {
            let _ = write!(text, "\n  {name}: {hits}");
        }
        text
    }

    /// How many calls each part hit.
    pub fn hits(&self) -> Vec<(&'static str, u64)> {
        let armed = self.proxy.faults().list();
        let hit = |fault: &Fault| armed.iter().find(|each| each.rule.percent.is_some() && each.rule.fault == *fault);
        PARTS.iter().map(|(name, _, fault)| (*name, hit(fault).map_or(0, |each| each.applied))).collect()
    }
}

impl Drop for Storm {
    fn drop(&mut self) {
        self.proxy.faults().clear();
    }
}
