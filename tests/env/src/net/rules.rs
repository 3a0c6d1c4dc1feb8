//! Scripted faults: an ordered list of rules, each with what it matches, from which match on and how often it applies, or
//! with what chance.
//!
//! Every matching call advances every matching rule. The first rule that is due gives its fault, and later ones add what
//! it leaves open: so two rules can say "the second call fails, the fourth is slow", or "all are slow, a tenth fails".
//! Chance is drawn from the rule's seed and its count of calls, never from the time, so that a run can be repeated.

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
    /// Applies to this part of the calls only, in percent; all where not set.
    #[serde(default)]
    pub percent: Option<u8>,
    /// Which calls those are: another seed, another selection.
    #[serde(default)]
    pub seed: u64,
    /// What happens.
    pub fault: F,
}

impl<M, F> Rule<M, F> {
    /// A rule for the `nth` matching call and those after it, `times` calls in all.
    pub fn new(matcher: M, nth: u64, times: u64, fault: F) -> Self {
        Self { matcher, nth, times, percent: None, seed: 0, fault }
    }

    /// A rule for so many percent of all matching calls, without end.
    pub fn by_chance(matcher: M, percent: u8, seed: u64, fault: F) -> Self {
        Self { matcher, nth: 1, times: 0, percent: Some(percent), seed, fault }
    }
}

/// A fault another can be added to.
pub trait Compose {
    /// Adds what `other` says and this leaves open. False where it leaves nothing open that `other` speaks of.
    fn add(&mut self, other: &Self) -> bool;
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
        let selected = self.seen >= self.rule.nth && (self.rule.times == 0 || self.applied < self.rule.times);
        selected && self.rule.percent.is_none_or(|percent| draw(self.rule.seed, self.seen) < u64::from(percent))
    }
}

/// A number in 0..100 for the `count`-th call: a hash (the finalizer of SplitMix64), so that neighbours do not resemble.
fn draw(seed: u64, count: u64) -> u64 {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(count.wrapping_mul(0xD1B5_4A32_D192_ED03));
    state = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    state = (state ^ (state >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    (state ^ (state >> 31)) % 100
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

impl<M: Clone, F: Clone + Compose> Rules<M, F> {
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
        let mut chosen: Option<F> = None;
        for entry in armed.1.iter_mut().filter(|entry| matches(&entry.rule.matcher)) {
            entry.seen += 1;
            if !entry.due() {
                continue;
            }
            let adds = match &mut chosen {
                None => {
                    chosen = Some(entry.rule.fault.clone());
                    true
                }
                Some(chosen) => chosen.add(&entry.rule.fault),
            };
            entry.applied += u64::from(adds);
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

    /// Units and tens: each says one thing.
    #[derive(Clone, Copy, Debug, PartialEq)]
    struct Digits(u8, u8);

    impl Compose for Digits {
        fn add(&mut self, other: &Self) -> bool {
            let adds = (self.0 == 0 && other.0 > 0) || (self.1 == 0 && other.1 > 0);
            if self.0 == 0 {
                self.0 = other.0;
            }
            if self.1 == 0 {
                self.1 = other.1;
            }
            adds
        }
    }

    fn rule(matcher: &'static str, nth: u64, times: u64, fault: u8) -> Rule<&'static str, Digits> {
        Rule::new(matcher, nth, times, Digits(fault, 0))
    }

    fn chance(percent: u8, seed: u64, fault: Digits) -> Rule<&'static str, Digits> {
        Rule::by_chance("a", percent, seed, fault)
    }

    #[test]
    fn nth_and_times_select_calls() {
        let rules = Rules::default();
        rules.add(rule("a", 2, 1, 1));
        rules.add(rule("a", 4, 2, 2));
        rules.add(rule("b", 1, 0, 3));
        let taken: Vec<_> = (0..7).map(|_| rules.take(|m| *m == "a")).collect();
        let one = |fault| Some(Digits(fault, 0));
        assert_eq!(taken, [None, one(1), None, one(2), one(2), None, None]);
        for _ in 0..3 {
            assert_eq!(rules.take(|m| *m == "b"), one(3));
        }
        assert_eq!(rules.list()[0].seen, 7);
        rules.clear();
        assert_eq!(rules.take(|_| true), None);
    }

    #[test]
    fn chance_selects_about_as_many_calls_as_it_says_and_the_same_ones_again() {
        let applied = |percent, seed| {
            let rules = Rules::default();
            rules.add(chance(percent, seed, Digits(1, 0)));
            (0..10_000).map(|_| rules.take(|_| true).is_some()).collect::<Vec<_>>()
        };
        for percent in [0, 2, 5, 10, 50, 100] {
            let count = applied(percent, 7).iter().filter(|applied| **applied).count();
            let expected = usize::from(percent) * 100;
            assert!(count.abs_diff(expected) <= 150, "{percent} %: {count} of 10000");
        }
        assert_eq!(applied(10, 7), applied(10, 7));
        assert_ne!(applied(10, 7), applied(10, 8));
    }

    #[test]
    fn later_rules_add_what_earlier_ones_leave_open() {
        let rules = Rules::default();
        rules.add(chance(100, 0, Digits(0, 9)));
        rules.add(chance(100, 0, Digits(1, 0)));
        rules.add(chance(100, 0, Digits(2, 0)));
        assert_eq!(rules.take(|_| true), Some(Digits(1, 9)));
        assert_eq!(rules.list().iter().map(|armed| armed.applied).collect::<Vec<_>>(), [1, 1, 0]);
    }
}
