//! Ceilings of a namespace: what its tenants may have together.
//!
//! They bind what is granted, not what is used: the sum of what the tenants' policies say stays within the ceiling, so
//! every meter goes on counting for one tenant alone, and no call costs more. Who was granted something keeps it; a tenant
//! that asks for more than is left is refused and keeps what it had. Tenants that ask at the same time, and those of a
//! namespace whose ceiling was lowered, come in the order of their age. Every tenant's decision is a function of the same
//! specs and policies, so they agree whichever is looked at first.

use aigw_api::conditions::reason;
use aigw_api::{BudgetWindow, NamespaceCeilings, NamespaceLimits, TenantRule};
use aigw_contract::limits::Limits;
use aigw_contract::policy::TenantPolicy;

use super::limits::{TenantLimits, budgets, of_window, set_budget};
use crate::money::MicroUsd;
use crate::violation::Violation;

/// What stands for "no limit": more than any ceiling.
const UNLIMITED: i64 = i64::MAX;

/// What is summed up over a namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Measure {
    RequestsPerMinute,
    TokensPerMinute,
    Concurrency,
    Budget(BudgetWindow),
}

/// All, in the order in which they refuse.
const MEASURES: [Measure; 5] = [
    Measure::RequestsPerMinute,
    Measure::TokensPerMinute,
    Measure::Concurrency,
    Measure::Budget(BudgetWindow::Day),
    Measure::Budget(BudgetWindow::Month),
];

impl Measure {
    /// Its field below `spec` of a Tenant and below `ceilings.perNamespace` of a rule.
    fn field(self) -> String {
        match self {
            Self::RequestsPerMinute => "limits.requestsPerMinute".into(),
            Self::TokensPerMinute => "limits.tokensPerMinute".into(),
            Self::Concurrency => "limits.concurrency".into(),
            Self::Budget(window) => format!("budgets ({window:?})"),
        }
    }

    fn shown(self, value: i64) -> String {
        match self {
            Self::Budget(_) => format!("USD {}", MicroUsd(value)),
            Self::RequestsPerMinute | Self::TokensPerMinute | Self::Concurrency => value.to_string(),
        }
    }
}

/// What one tenant has or asks for, by measure. Without a policy: nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Amounts([i64; MEASURES.len()]);

impl Amounts {
    /// What a policy grants.
    pub fn granted(policy: &TenantPolicy) -> Self {
        if policy.deleted {
            return Self::default();
        }
        Self::of(policy.limits, |window| of_window(&policy.budgets, window))
    }

    /// What an admitted tenant is to have.
    pub fn asked(limits: &TenantLimits) -> Self {
        let budgets = limits.budgets();
        Self::of(limits.limits(), |window| of_window(&budgets, window))
    }

    fn of(limits: Limits, budget: impl Fn(BudgetWindow) -> Option<i64>) -> Self {
        // Exhaustive: of a new limit it has to be decided here whether it is summed up.
        let Limits { requests_per_minute, tokens_per_minute, concurrency, max_output_tokens: _ } = limits;
        let value = |measure| match measure {
            Measure::RequestsPerMinute => requests_per_minute,
            Measure::TokensPerMinute => tokens_per_minute,
            Measure::Concurrency => concurrency,
            Measure::Budget(window) => budget(window),
        };
        Self(MEASURES.map(|measure| value(measure).unwrap_or(UNLIMITED)))
    }

    /// The larger of each.
    #[must_use]
    pub fn or_more(self, other: Self) -> Self {
        Self(std::array::from_fn(|index| self.0[index].max(other.0[index])))
    }
}

/// Another tenant of the namespace at the same gateway.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Neighbour {
    /// What it was granted.
    pub granted: Amounts,
    /// What it asks for, where nothing but the namespace's ceilings is in its way.
    pub asks: Option<Amounts>,
}

/// The other tenants of a namespace, as one of them sees them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Neighbours {
    /// Those that were there before it, oldest first.
    pub older: Vec<Neighbour>,
    /// Those that came after it.
    pub younger: Vec<Neighbour>,
    /// What it was granted itself.
    pub granted: Amounts,
}

/// No other tenant, and nothing granted.
pub static ALONE: Neighbours = Neighbours { older: Vec::new(), younger: Vec::new(), granted: Amounts([0; 5]) };

/// Whether a rule has ceilings for whole namespaces.
pub(super) fn has_ceilings(rule: &TenantRule) -> bool {
    rule.ceilings.as_ref().is_some_and(|ceilings| ceilings.per_namespace.is_some())
}

/// What a tenant may have in its namespace, by measure; nothing where the rule has no ceiling for it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Share {
    rule: String,
    ceilings: [Option<i64>; MEASURES.len()],
    /// What it keeps if it is refused.
    keeps: [i64; MEASURES.len()],
    /// The most it may ask for.
    room: [i64; MEASURES.len()],
}

/// What others use of a ceiling, by measure.
#[derive(Debug, Default)]
struct Used {
    /// What the older ones come to have.
    before: [i64; MEASURES.len()],
    /// The same, or what they still have, where that is more.
    still_before: [i64; MEASURES.len()],
    /// What the younger ones were granted. One without a limit has to be given one first, and counts nothing until then.
    after: [i64; MEASURES.len()],
}

impl Used {
    fn add(sums: &mut [i64; MEASURES.len()], amounts: Amounts, sign: i64) {
        for (sum, amount) in sums.iter_mut().zip(amounts.0).filter(|(_, amount)| *amount != UNLIMITED) {
            *sum = sum.saturating_add(sign * amount);
        }
    }
}

impl Share {
    /// The share of the tenant whose neighbours these are, under `rule`.
    pub(super) fn of(rule: &TenantRule, neighbours: &Neighbours) -> Self {
        let ceilings = rule.ceilings.as_ref().and_then(|ceilings| ceilings.per_namespace.as_ref());
        let ceilings = ceilings.map(values).unwrap_or_default();
        let Neighbours { older, younger, granted } = neighbours;
        let mut used = Used::default();
        for other in older.iter().chain(younger) {
            Used::add(&mut used.after, other.granted, 1);
        }
        Used::add(&mut used.after, *granted, 1);
        for other in older {
            Used::add(&mut used.after, other.granted, -1);
            let share = Self::beside(rule, ceilings, &used, other.granted);
            let comes_to = share.outcome(other.asks);
            // One that gives something back has it until it has done so.
            let still_has = Amounts(other.granted.0.map(|has| if has == UNLIMITED { 0 } else { has }));
            Used::add(&mut used.before, comes_to, 1);
            Used::add(&mut used.still_before, comes_to.or_more(still_has), 1);
        }
        Used::add(&mut used.after, *granted, -1);
        Self::beside(rule, ceilings, &used, *granted)
    }

    /// The share of one that was granted this, beside what others use.
    fn beside(rule: &TenantRule, ceilings: [Option<i64>; MEASURES.len()], used: &Used, granted: Amounts) -> Self {
        let left = |index: usize, used: i64| ceilings[index].map_or(UNLIMITED, |ceiling| (ceiling - used).max(0));
        let beside_all = |index: usize| left(index, used.still_before[index].saturating_add(used.after[index]));
        let keeps = std::array::from_fn(|index| match granted.0[index] {
            UNLIMITED => beside_all(index),
            granted => granted.min(left(index, used.before[index])),
        });
        let room = std::array::from_fn(|index| beside_all(index).max(keeps[index]));
        Self { rule: rule.name.clone(), ceilings, keeps, room }
    }

    /// What a tenant of this share that asks for this comes to have: all of it, or what it keeps. Of what has no ceiling:
    /// nothing, as nobody counts it.
    pub fn outcome(&self, asks: Option<Amounts>) -> Amounts {
        let granted = asks.filter(|asks| self.first_beyond(asks).is_none());
        let has = granted.map_or(self.keeps, |asks| asks.0);
        Amounts(std::array::from_fn(|index| self.ceilings[index].map_or(0, |_| has[index])))
    }

    fn first_beyond(&self, asks: &Amounts) -> Option<usize> {
        (0..MEASURES.len()).find(|index| self.ceilings[*index].is_some() && asks.0[*index] > self.room[*index])
    }

    /// Whether there is room for what a tenant asks for.
    ///
    /// # Errors
    /// The first value for which there is not.
    pub(super) fn admit(&self, asks: &Amounts, namespace: &str) -> Result<(), Violation> {
        let Some(index) = self.first_beyond(asks) else { return Ok(()) };
        let (measure, rule) = (MEASURES[index], &self.rule);
        let (field, room) = (measure.field(), measure.shown(self.room[index]));
        let ceiling = measure.shown(self.ceilings[index].unwrap_or_default());
        let together = format!(
            "rule {rule:?} of the gateway lets the tenants of namespace {namespace} have {ceiling} together (ceilings.perNamespace.{field})"
        );
        let message = match asks.0[index] {
            UNLIMITED => format!(
                "none is set and the tier gives none, but {together}, so each of them needs one; ask for at most {room}, which is left"
            ),
            asked => format!(
                "{} is more than {room}, which is left for this tenant: {together}; ask for less, lower or delete another tenant of the namespace, or ask the platform team to raise that ceiling",
                measure.shown(asked)
            ),
        };
        let path = match measure {
            Measure::Budget(_) => "spec.budgets".to_owned(),
            Measure::RequestsPerMinute | Measure::TokensPerMinute | Measure::Concurrency => format!("spec.{field}"),
        };
        Err(Violation::new(path, reason::NAMESPACE_CEILING_REACHED, message))
    }

    /// A refused tenant's policy, no larger than what it keeps.
    pub(super) fn bound(&self, mut policy: TenantPolicy) -> TenantPolicy {
        for (index, measure) in MEASURES.into_iter().enumerate().filter(|(index, _)| self.ceilings[*index].is_some()) {
            let most = self.keeps[index];
            let least = |value: Option<i64>| Some(value.map_or(most, |value| value.min(most)));
            match measure {
                Measure::RequestsPerMinute => {
                    policy.limits.requests_per_minute = least(policy.limits.requests_per_minute);
                }
                Measure::TokensPerMinute => policy.limits.tokens_per_minute = least(policy.limits.tokens_per_minute),
                Measure::Concurrency => policy.limits.concurrency = least(policy.limits.concurrency),
                Measure::Budget(window) => {
                    let value = least(of_window(&policy.budgets, window));
                    set_budget(&mut policy.budgets, window, value);
                }
            }
        }
        policy
    }
}

/// A rule's ceilings, by measure.
fn values(ceilings: &NamespaceCeilings) -> [Option<i64>; MEASURES.len()] {
    let NamespaceCeilings { limits, budgets: money } = ceilings;
    let NamespaceLimits { requests_per_minute, tokens_per_minute, concurrency } = limits.clone().unwrap_or_default();
    let money = budgets(money);
    MEASURES.map(|measure| match measure {
        Measure::RequestsPerMinute => requests_per_minute.map(i64::from),
        Measure::TokensPerMinute => tokens_per_minute.map(i64::from),
        Measure::Concurrency => concurrency.map(i64::from),
        Measure::Budget(window) => of_window(&money, window),
    })
}

#[cfg(test)]
#[path = "namespace_tests.rs"]
mod tests;
