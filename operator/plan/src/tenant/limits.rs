//! Limits and budgets of a tenant: its tier gives, the gateway's rule caps, the tenant asks.
//!
//! A tenant may ask for less or more than its tier gives, never for more than the rule's ceiling; where the rule has none
//! for a limit, the tier's value is the ceiling. So nothing in a Tenant raises what the platform gave, unless the platform
//! said how far. Below its ceiling everything is the tenant's own matter.

use std::fmt::Display;

use aigw_api::conditions::reason;
use aigw_api::{self as api, BudgetWindow, TenantBudget, TenantRule};
use aigw_contract::limits::{self as wire, Budget, Enforcement, Limits, OutputTokens, Premium};
use aigw_contract::policy::TenantPolicy;

use crate::gateway::validate::ValidTier;
use crate::money::MicroUsd;
use crate::violation::Violation;

/// Calendar windows that have budgets, in the order in which they are shown.
pub const WINDOWS: [BudgetWindow; 2] = [BudgetWindow::Day, BudgetWindow::Month];

/// Where a value in force comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The tenant's tier.
    Tier,
    /// The tenant's own spec.
    Tenant,
    /// The ceiling of the gateway's rule, which is below the tier's value, or which the tier names no value beside.
    Ceiling,
}

impl Display for Origin {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Tier => "Tier",
            Self::Tenant => "Tenant",
            Self::Ceiling => "Ceiling",
        })
    }
}

/// A value in force, and where it comes from.
pub type Given<T> = Option<(T, Origin)>;

/// What is in force for an admitted tenant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TenantLimits {
    /// Calls per minute.
    pub requests_per_minute: Given<i64>,
    /// Tokens per minute.
    pub tokens_per_minute: Given<i64>,
    /// Calls in flight.
    pub concurrency: Given<i64>,
    /// What requests without a maximum of output get.
    pub output_default: Given<i64>,
    /// Highest maximum of output.
    pub output_max: Given<i64>,
    /// Micro-USD by window, in the order of [`WINDOWS`].
    pub budgets: Vec<(BudgetWindow, i64, Origin)>,
    /// Premiums that are granted, sorted.
    pub premiums: Vec<Premium>,
    /// Whether limits and budgets deny.
    pub enforcement: Enforcement,
}

impl TenantLimits {
    /// As the policy has them.
    pub fn limits(&self) -> Limits {
        let value = |given: Given<i64>| given.map(|(value, _)| value);
        Limits {
            requests_per_minute: value(self.requests_per_minute),
            tokens_per_minute: value(self.tokens_per_minute),
            concurrency: value(self.concurrency),
            max_output_tokens: OutputTokens { default: value(self.output_default), max: value(self.output_max) },
        }
    }

    /// As the policy has them.
    pub fn budgets(&self) -> Vec<Budget> {
        self.budgets.iter().map(|(window, micro_usd, _)| budget(*window, *micro_usd)).collect()
    }

    /// As the status has them.
    pub fn shown(&self) -> (Vec<api::EffectiveLimit>, Vec<api::EffectiveBudget>) {
        let named = [
            ("requestsPerMinute", self.requests_per_minute),
            ("tokensPerMinute", self.tokens_per_minute),
            ("concurrency", self.concurrency),
            ("maxOutputTokens.default", self.output_default),
            ("maxOutputTokens.max", self.output_max),
        ];
        let limits = named.into_iter().filter_map(|(name, given)| {
            given.map(|(value, from)| api::EffectiveLimit { name: name.into(), value, from: from.to_string() })
        });
        let budgets = self.budgets.iter().map(|(window, micro_usd, from)| api::EffectiveBudget {
            window: *window,
            usd: MicroUsd(*micro_usd).to_string(),
            from: from.to_string(),
        });
        (limits.collect(), budgets.collect())
    }
}

/// What a tenant asks for beside its tier.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) limits: Option<&'a api::Limits>,
    pub(super) budgets: &'a [TenantBudget],
    pub(super) enforcement: Option<api::Enforcement>,
}

/// Ceilings of a rule.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ceilings {
    rule: String,
    limits: Limits,
    budgets: Vec<Budget>,
    premiums: Vec<Premium>,
    shadow: bool,
}

impl Ceilings {
    /// What `rule` states.
    pub fn of(rule: &TenantRule) -> Self {
        let ceilings = rule.ceilings.clone().unwrap_or_default();
        let api::LimitCeilings { requests_per_minute, tokens_per_minute, concurrency, max_output_tokens } =
            ceilings.limits.unwrap_or_default();
        let mut premiums: Vec<_> = rule.allow.iter().flat_map(|allow| &allow.premiums).copied().map(premium).collect();
        premiums.sort_unstable();
        Self {
            rule: rule.name.clone(),
            limits: Limits {
                requests_per_minute: requests_per_minute.map(i64::from),
                tokens_per_minute: tokens_per_minute.map(i64::from),
                concurrency: concurrency.map(i64::from),
                max_output_tokens: OutputTokens {
                    default: None,
                    max: max_output_tokens.and_then(|output| output.max).map(i64::from),
                },
            },
            budgets: budgets(&ceilings.budgets),
            premiums,
            shadow: rule.allow.as_ref().and_then(|allow| allow.shadow).unwrap_or(false),
        }
    }

    /// What is in force for a tenant of `tier` that asks for `asked`.
    ///
    /// # Errors
    /// The first value above its ceiling, or `Shadow` where the rule does not allow it.
    pub(super) fn apply(&self, tier: &ValidTier, asked: Asked<'_>) -> Result<TenantLimits, Violation> {
        let nothing = api::Limits::default();
        // Exhaustive: a field nobody looks at does not compile.
        let api::Limits { requests_per_minute, tokens_per_minute, concurrency, max_output_tokens } =
            asked.limits.unwrap_or(&nothing);
        let api::OutputTokens { default, max } = max_output_tokens.clone().unwrap_or_default();
        let limit = |name: &str, asked: Option<i32>, tier, ceiling| {
            let choice = Choice { path: format!("spec.limits.{name}"), field: format!("limits.{name}"), ceiling, tier };
            self.choose(&choice, asked.map(i64::from), i64::to_string)
        };
        let (gives, most) = (&tier.limits, &self.limits);
        let output_max = limit("maxOutputTokens.max", max, gives.max_output_tokens.max, most.max_output_tokens.max)?;
        let output_default = self.output_default(default, gives.max_output_tokens.default, output_max)?;
        Ok(TenantLimits {
            requests_per_minute: limit(
                "requestsPerMinute",
                *requests_per_minute,
                gives.requests_per_minute,
                most.requests_per_minute,
            )?,
            tokens_per_minute: limit(
                "tokensPerMinute",
                *tokens_per_minute,
                gives.tokens_per_minute,
                most.tokens_per_minute,
            )?,
            concurrency: limit("concurrency", *concurrency, gives.concurrency, most.concurrency)?,
            output_default,
            output_max,
            budgets: self.budgets(tier, asked.budgets)?,
            premiums: self.premiums.clone(),
            enforcement: self.enforcement(asked.enforcement)?,
        })
    }

    fn budgets(&self, tier: &ValidTier, asked: &[TenantBudget]) -> Result<Vec<(BudgetWindow, i64, Origin)>, Violation> {
        let mut in_force = Vec::new();
        for window in WINDOWS {
            let position = asked.iter().position(|budget| budget.window == window);
            let own = position.and_then(|position| Some((position, asked[position].usd.as_deref()?)));
            let path = own.map_or_else(String::new, |(position, _)| format!("spec.budgets[{position}].usd"));
            let amount = own.map(|(_, usd)| micro_usd(usd, &path)).transpose()?;
            let choice = Choice {
                path,
                field: format!("budgets ({window:?})"),
                ceiling: of_window(&self.budgets, window),
                tier: of_window(&tier.budgets, window),
            };
            let chosen = self.choose(&choice, amount, |usd| format!("USD {}", MicroUsd(*usd)))?;
            in_force.extend(chosen.map(|(micro_usd, from)| (window, micro_usd, from)));
        }
        Ok(in_force)
    }

    fn choose(
        &self,
        choice: &Choice,
        asked: Option<i64>,
        shown: impl Fn(&i64) -> String,
    ) -> Result<Given<i64>, Violation> {
        let Choice { path, field, ceiling, tier } = choice;
        let Some(asked) = asked else {
            return Ok(match (tier, ceiling) {
                (Some(tier), Some(ceiling)) if ceiling < tier => Some((*ceiling, Origin::Ceiling)),
                (Some(tier), _) => Some((*tier, Origin::Tier)),
                (None, ceiling) => ceiling.map(|ceiling| (ceiling, Origin::Ceiling)),
            });
        };
        let rule = &self.rule;
        let (most, whose) = match (ceiling, tier) {
            (Some(ceiling), _) => (*ceiling, format!("the ceiling of rule {rule:?} of the gateway")),
            (None, Some(tier)) => {
                (*tier, format!("what its tier gives, and rule {rule:?} of the gateway has no ceiling for it"))
            }
            (None, None) => return Ok(Some((asked, Origin::Tenant))),
        };
        if asked <= most {
            return Ok(Some((asked, Origin::Tenant)));
        }
        let message = format!(
            "{} is above {}, {whose}; ask for less, or ask the platform team to raise ceilings.{field} of that rule",
            shown(&asked),
            shown(&most)
        );
        Err(Violation::new(path.clone(), reason::LIMIT_NOT_ALLOWED, message))
    }

    /// A default is no bound, as every request may name more; the bound is the maximum, and no default is above it.
    fn output_default(&self, asked: Option<i32>, tier: Option<i64>, max: Given<i64>) -> Result<Given<i64>, Violation> {
        let most = max.map_or(i64::MAX, |(max, _)| max);
        let Some(asked) = asked.map(i64::from) else {
            let capped = |(max, from): (i64, Origin)| (tier.is_some_and(|tier| tier > max)).then_some((max, from));
            return Ok(max.and_then(capped).or(tier.map(|tier| (tier, Origin::Tier))));
        };
        if asked <= most {
            return Ok(Some((asked, Origin::Tenant)));
        }
        let message = format!(
            "{asked} is above {most}, the highest maximum that this tenant has under rule {:?} of the gateway; ask for less",
            self.rule
        );
        Err(Violation::new("spec.limits.maxOutputTokens.default", reason::LIMIT_NOT_ALLOWED, message))
    }

    fn enforcement(&self, asked: Option<api::Enforcement>) -> Result<Enforcement, Violation> {
        match asked.unwrap_or_default() {
            api::Enforcement::Enforce => Ok(Enforcement::Enforce),
            api::Enforcement::Shadow if self.shadow => Ok(Enforcement::Shadow),
            api::Enforcement::Shadow => {
                let message = format!(
                    "rule {:?} of the gateway does not allow Shadow; remove it, or ask the platform team to set allow.shadow of that rule",
                    self.rule
                );
                Err(Violation::new("spec.enforcement", reason::SHADOW_NOT_ALLOWED, message))
            }
        }
    }

    /// A policy within these ceilings: for a tenant whose spec asks for more than it may have by now, and which for the
    /// rest keeps what it had. `tier` is the one of the policy, if the gateway still has it.
    pub(super) fn bound(&self, policy: TenantPolicy, tier: Option<&ValidTier>) -> TenantPolicy {
        let gives = tier.map(|tier| tier.limits).unwrap_or_default();
        let least = |value: Option<i64>, ceiling: Option<i64>, gives: Option<i64>| match value {
            Some(value) => Some(ceiling.or(gives).map_or(value, |most| value.min(most))),
            // As for a tenant that asks for nothing.
            None => [ceiling, gives].into_iter().flatten().min(),
        };
        let (has, most) = (policy.limits, &self.limits);
        let max = least(has.max_output_tokens.max, most.max_output_tokens.max, gives.max_output_tokens.max);
        let default = has.max_output_tokens.default.or(gives.max_output_tokens.default);
        let limits = Limits {
            requests_per_minute: least(has.requests_per_minute, most.requests_per_minute, gives.requests_per_minute),
            tokens_per_minute: least(has.tokens_per_minute, most.tokens_per_minute, gives.tokens_per_minute),
            concurrency: least(has.concurrency, most.concurrency, gives.concurrency),
            max_output_tokens: OutputTokens {
                default: default.map(|default| max.map_or(default, |max| default.min(max))),
                max,
            },
        };
        let given = tier.map(|tier| &*tier.budgets).unwrap_or_default();
        let budgets = WINDOWS.into_iter().filter_map(|window| {
            let [has, most, gives] = [&policy.budgets, &self.budgets, given].map(|budgets| of_window(budgets, window));
            least(has, most, gives).map(|micro_usd| budget(window, micro_usd))
        });
        let budgets = budgets.collect();
        let granted = |premium: &Premium| self.premiums.contains(premium);
        TenantPolicy {
            limits,
            budgets,
            premiums: policy.premiums.iter().copied().filter(granted).collect(),
            enforcement: if self.shadow { policy.enforcement } else { Enforcement::Enforce },
            ..policy
        }
    }
}

/// One value to be decided.
struct Choice {
    path: String,
    field: String,
    ceiling: Option<i64>,
    tier: Option<i64>,
}

/// A tier's limits as the policy has them.
pub fn limits(limits: Option<&api::Limits>) -> Limits {
    let nothing = api::Limits::default();
    let api::Limits { requests_per_minute, tokens_per_minute, concurrency, max_output_tokens } =
        limits.unwrap_or(&nothing);
    let output = max_output_tokens.clone().unwrap_or_default();
    Limits {
        requests_per_minute: requests_per_minute.map(i64::from),
        tokens_per_minute: tokens_per_minute.map(i64::from),
        concurrency: concurrency.map(i64::from),
        max_output_tokens: OutputTokens { default: output.default.map(i64::from), max: output.max.map(i64::from) },
    }
}

/// Budgets as the policy has them, by window. The gateway's validation has seen to it that every amount is one.
pub fn budgets(budgets: &[api::Budget]) -> Vec<Budget> {
    let amount = |window| budgets.iter().find(|budget| budget.window == window).and_then(|one| one.usd.parse().ok());
    WINDOWS.into_iter().filter_map(|window| amount(window).map(|MicroUsd(usd)| budget(window, usd))).collect()
}

/// Amounts that are none. The schema refuses them as well; to pass over one would mean no budget at all.
pub fn budget_violations(path: &str, budgets: &[api::Budget]) -> Vec<Violation> {
    let amounts = budgets.iter().enumerate();
    amounts.filter_map(|(index, one)| micro_usd(&one.usd, &format!("{path}[{index}].usd")).err()).collect()
}

fn micro_usd(usd: &str, path: &str) -> Result<i64, Violation> {
    match usd.parse() {
        Ok(MicroUsd(0)) => Err(Violation::new(path, reason::INVALID, "must be more than 0")),
        Ok(MicroUsd(amount)) => Ok(amount),
        Err(error) => Err(Violation::new(path, reason::INVALID, format!("{usd:?} {error}"))),
    }
}

const fn budget(window: BudgetWindow, micro_usd: i64) -> Budget {
    Budget { window: wire_window(window), micro_usd }
}

/// Micro-USD of a window.
pub(super) fn of_window(budgets: &[Budget], window: BudgetWindow) -> Option<i64> {
    budgets.iter().find(|budget| budget.window == wire_window(window)).map(|budget| budget.micro_usd)
}

/// Sets the micro-USD of a window, keeping the order of [`WINDOWS`].
pub(super) fn set_budget(budgets: &mut Vec<Budget>, window: BudgetWindow, micro_usd: Option<i64>) {
    let value = |other| if other == window { micro_usd } else { of_window(budgets, other) };
    *budgets = WINDOWS.into_iter().filter_map(|window| value(window).map(|usd| budget(window, usd))).collect();
}

const fn wire_window(window: BudgetWindow) -> wire::BudgetWindow {
    match window {
        BudgetWindow::Day => wire::BudgetWindow::Day,
        BudgetWindow::Month => wire::BudgetWindow::Month,
    }
}

const fn premium(premium: api::Premium) -> Premium {
    match premium {
        api::Premium::PriorityTier => Premium::PriorityTier,
        api::Premium::OptimizedLatency => Premium::OptimizedLatency,
        api::Premium::HourCache => Premium::HourCache,
        api::Premium::LongContext => Premium::LongContext,
    }
}

/// A premium as the API names it.
pub(super) const fn shown_premium(premium: Premium) -> api::Premium {
    match premium {
        Premium::PriorityTier => api::Premium::PriorityTier,
        Premium::OptimizedLatency => api::Premium::OptimizedLatency,
        Premium::HourCache => api::Premium::HourCache,
        Premium::LongContext => api::Premium::LongContext,
    }
}

#[cfg(test)]
#[path = "limits_tests.rs"]
mod tests;
