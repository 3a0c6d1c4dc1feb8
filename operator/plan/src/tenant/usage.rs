//! What a tenant with a budget has spent, as its status tells: coarsely, because a status that followed every call would be
//! written, and everybody who watches it woken, all day long.
//!
//! The status is the memory, too: what was warned of stands in it, so a restart warns of nothing twice. A window or a limit
//! that changed begins anew.

use aigw_api::conditions::{kind, reason};
use aigw_api::{BudgetWindow, TenantBudget, TenantUsage, WindowUsage};
use aigw_contract::calendar;
use aigw_contract::limits::Enforcement;
use aigw_contract::meter::MeterReading;
use aigw_contract::policy::TenantPolicy;
use jiff::Timestamp;

use super::limits::{WINDOWS, of_window};
use crate::conditions::ConditionSpec;
use crate::money::MicroUsd;

/// How long a status stands that differs by a percent of a budget or more.
pub const STANDS_SECONDS: i64 = 5 * 60;
/// How long a status stands that differs by less.
const STANDS_LONG_SECONDS: i64 = 3600;
/// Percentage that is warned of where the tenant names none.
const DEFAULT_WARNING: i32 = 80;
/// Percentage from which on a budget counts as exhausted. Calls are refused once what they may cost at most is more than
/// what is left, so the last of a budget is never spent.
const EXHAUSTED: i32 = 99;
/// What stands in `warnedPercent` once exhaustion was told.
const TOLD_EXHAUSTED: i32 = 100;

/// A threshold that was crossed: an Event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// Reason.
    pub reason: &'static str,
    /// What happened.
    pub message: String,
}

/// What to show after a look, and what to warn of once that is written. `previous` is what is shown, `asked` the budgets in
/// the tenant's spec, `now` in seconds since the Unix epoch.
pub fn usage(
    previous: Option<&TenantUsage>,
    policy: &TenantPolicy,
    asked: &[TenantBudget],
    reading: &MeterReading,
    now: i64,
) -> (Option<TenantUsage>, Vec<Warning>) {
    let mut warnings = Vec::new();
    let windows: Vec<WindowUsage> = WINDOWS
        .into_iter()
        .filter_map(|window| Some(Seen { window, limit: of_window(&policy.budgets, window)?, policy, reading, now }))
        .map(|seen| {
            let before = previous.iter().flat_map(|usage| &usage.windows).find(|before| before.window == seen.window);
            let mut next = seen.shown();
            // Another window or another budget is warned of anew.
            let before = before.filter(|before| before.resets_at == next.resets_at && before.limit == next.limit);
            let warned = before.and_then(|before| before.warned_percent);
            let reached = threshold(next.percent, seen.window, asked);
            next.warned_percent = warned.max(reached);
            if reached > warned {
                warnings.push(warning(&next, policy.enforcement));
            }
            next
        })
        .collect();
    let Some(percent) = windows.iter().map(|window| window.percent).max() else { return (None, Vec::new()) };
    let leaked = reading.leaked_micro_usd;
    let next = TenantUsage {
        observed_at: calendar::rfc3339(now),
        percent,
        windows,
        leaked_usd: (leaked != 0).then(|| MicroUsd(leaked).to_string()),
    };
    match previous {
        Some(previous) if warnings.is_empty() && stands(previous, &next, now) => (Some(previous.clone()), warnings),
        _ => (Some(next), warnings),
    }
}

/// The condition `WithinBudget`. Its message is constant for as long as what it says is.
pub fn condition(usage: &TenantUsage, enforcement: Enforcement) -> ConditionSpec {
    let worst = usage.windows.iter().max_by_key(|window| (window.percent >= EXHAUSTED, window.warned_percent));
    let Some((worst, warned)) = worst.and_then(|worst| Some((worst, worst.warned_percent?))) else {
        return ConditionSpec::new(kind::WITHIN_BUDGET, true, reason::WITHIN_BUDGET, "");
    };
    let Warning { reason, message } = warning(worst, enforcement);
    let exhausted = warned == TOLD_EXHAUSTED && worst.percent >= EXHAUSTED;
    ConditionSpec::new(kind::WITHIN_BUDGET, !exhausted, reason, message)
}

/// One window of a meter.
struct Seen<'a> {
    window: BudgetWindow,
    limit: i64,
    policy: &'a TenantPolicy,
    reading: &'a MeterReading,
    now: i64,
}

impl Seen<'_> {
    fn shown(&self) -> WindowUsage {
        let offsets = &self.policy.utc_offsets;
        let (window, current) = match self.window {
            BudgetWindow::Day => (self.reading.day, calendar::day(self.now, offsets)),
            BudgetWindow::Month => (self.reading.month, calendar::month(self.now, offsets)),
        };
        // A window that is over says nothing of the present one, which nobody has used yet; one ahead of our clock counts.
        let used = if window.id < current { 0 } else { window.micro_usd };
        let id = window.id.max(current);
        let ends = match self.window {
            BudgetWindow::Day => calendar::day_ends(id, self.now, offsets),
            BudgetWindow::Month => calendar::month_ends(id, self.now, offsets),
        };
        let percent = i128::from(used) * 100 / i128::from(self.limit.max(1));
        WindowUsage {
            window: self.window,
            limit: MicroUsd(self.limit).to_string(),
            used: MicroUsd(used).to_string(),
            percent: i32::try_from(percent).unwrap_or(i32::MAX),
            warned_percent: None,
            resets_at: calendar::rfc3339(ends),
        }
    }
}

/// The highest percentage to warn of that `percent` has reached.
fn threshold(percent: i32, window: BudgetWindow, asked: &[TenantBudget]) -> Option<i32> {
    if percent >= EXHAUSTED {
        return Some(TOLD_EXHAUSTED);
    }
    let named = asked.iter().find(|budget| budget.window == window).map_or(&[][..], |budget| &budget.warn_percent);
    let thresholds = if named.is_empty() { &[DEFAULT_WARNING] } else { named };
    thresholds.iter().copied().filter(|threshold| *threshold <= percent).max()
}

/// What is told of a window, in words that are the same from one threshold to the next.
fn warning(window: &WindowUsage, enforcement: Enforcement) -> Warning {
    let WindowUsage { window, limit, percent, warned_percent, resets_at, .. } = window;
    let name = match window {
        BudgetWindow::Day => "day",
        BudgetWindow::Month => "month",
    };
    if *percent >= EXHAUSTED {
        let what = match enforcement {
            Enforcement::Enforce => "calls are refused where they could cost more than what is left",
            Enforcement::Shadow => "enforcement is Shadow, so calls pass",
        };
        let message = format!("the budget of USD {limit} for this {name} is used up until {resets_at}: {what}");
        return Warning { reason: reason::BUDGET_EXHAUSTED, message };
    }
    let warned = warned_percent.unwrap_or_default().min(EXHAUSTED);
    let message =
        format!("{warned} % of the budget of USD {limit} for this {name}, until {resets_at}, has been reached");
    Warning { reason: reason::BUDGET_WARNING, message }
}

/// Whether `previous` goes on being shown instead of `next`.
fn stands(previous: &TenantUsage, next: &TenantUsage, now: i64) -> bool {
    let frames = |usage: &TenantUsage| -> Vec<_> {
        usage.windows.iter().map(|one| (one.window, one.limit.clone(), one.resets_at.clone())).collect()
    };
    let percents = |usage: &TenantUsage| -> Vec<_> { usage.windows.iter().map(|one| one.percent).collect() };
    let exhausted = |usage: &TenantUsage| usage.percent >= EXHAUSTED;
    if frames(previous) != frames(next) || exhausted(previous) != exhausted(next) {
        return false;
    }
    let age = previous.observed_at.parse::<Timestamp>().map_or(i64::MAX, |at| now.saturating_sub(at.as_second()));
    let same = TenantUsage { observed_at: previous.observed_at.clone(), ..next.clone() } == *previous;
    let longest = if percents(previous) == percents(next) { STANDS_LONG_SECONDS } else { STANDS_SECONDS };
    same || age < longest
}

#[cfg(test)]
#[path = "usage_tests.rs"]
mod tests;
