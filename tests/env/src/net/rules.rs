//! Scripted faults: an ordered list of rules, each with what it matches, from which match on and how often it applies.
//!
//! Every matching call advances every matching rule; the first rule that is due gives its fault. So two rules for the
//! same operation can say "the second call fails, the fourth is slow".

use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

/// One scripted fault: the matcher `M` selects calls, the fault `F` is what happens to them.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Rule<M, F> {
    /// Which calls; the default matches all.
    #[serde(default, rename = "match")]
    pub matcher: M,
    /// The first matching call it applies to, counted from 1.
    #[serde(default = "one")]
    pub nth: u64,
    /// How many calls it applies to; 0 is without end.
    #[serde(default = "one")]
    pub times: u64,
    /// What happens.
    pub fault: F,
}

fn one() -> u64 {
    1
}

/// A rule and how far it has got.
#[derive(Clone, Debug, Serialize)]
pub struct Armed<M, F> {
    /// Number of the rule, given when it was added.
    pub id: u64,
    /// The rule.
    pub rule: Rule<M, F>,
    /// Matching calls so far.
    pub seen: u64,
    /// How often the fault was given out.
    pub applied: u64,
}

impl<M, F> Armed<M, F> {
    fn due(&self) -> bool {
        self.seen >= self.rule.nth && (self.rule.times == 0 || self.applied < self.rule.times)
    }
}

/// The rules of one server.
#[derive(Debug)]
pub struct Rules<M, F> {
    armed: Mutex<(u64, Vec<Armed<M, F>>)>,
}

impl<M, F> Default for Rules<M, F> {
    fn default() -> Self {
        Self { armed: Mutex::new((0, Vec::new())) }
    }
}

impl<M: Clone, F: Clone> Rules<M, F> {
    /// Adds a rule at the end and gives its number.
    pub fn add(&self, rule: Rule<M, F>) -> u64 {
        let mut armed = self.lock();
        armed.0 += 1;
        let id = armed.0;
        armed.1.push(Armed { id, rule, seen: 0, applied: 0 });
        id
    }

    /// Removes all rules.
    pub fn clear(&self) {
        self.lock().1.clear();
    }

    /// All rules with their counters, exhausted ones included.
    pub fn list(&self) -> Vec<Armed<M, F>> {
        self.lock().1.clone()
    }

    /// The fault due for a call, if any. `matches` says whether a matcher selects the call.
    pub fn take(&self, matches: impl Fn(&M) -> bool) -> Option<F> {
        let mut armed = self.lock();
        let mut chosen = None;
        for entry in armed.1.iter_mut().filter(|entry| matches(&entry.rule.matcher)) {
            entry.seen += 1;
            if chosen.is_none() && entry.due() {
                entry.applied += 1;
                chosen = Some(entry.rule.fault.clone());
            }
        }
        chosen
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, (u64, Vec<Armed<M, F>>)> {
        self.armed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(matcher: &'static str, nth: u64, times: u64, fault: u8) -> Rule<&'static str, u8> {
        Rule { matcher, nth, times, fault }
    }

    #[test]
    fn nth_and_times_select_calls() {
        let rules = Rules::default();
        rules.add(rule("a", 2, 1, 1));
        rules.add(rule("a", 4, 2, 2));
        rules.add(rule("b", 1, 0, 3));
        let taken: Vec<_> = (0..7).map(|_| rules.take(|m| *m == "a")).collect();
        assert_eq!(taken, [None, Some(1), None, Some(2), Some(2), None, None]);
        for _ in 0..3 {
            assert_eq!(rules.take(|m| *m == "b"), Some(3));
        }
        assert_eq!(rules.list()[0].seen, 7);
        rules.clear();
        assert_eq!(rules.take(|_| true), None);
    }
}
