//! The limits a reservation is held against: their values in the policy, their counts in the item.

use aigw_contract::calendar;
use aigw_contract::limits::BudgetWindow;
use aigw_contract::meter;
use aigw_contract::policy::TenantPolicy;
use serde::Serialize;

use super::counts::Counts;
use crate::amount::Amount;

/// What a tenant's use is bounded by. In the order in which they deny: what no retry helps against comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Limit {
    /// Money of the month.
    MonthBudget,
    /// Money of the day.
    DayBudget,
    /// Tokens of the minute.
    TokensPerMinute,
    /// Calls of the minute.
    RequestsPerMinute,
    /// Calls in flight.
    Concurrency,
}

/// A limit that leaves no room for a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exceeded {
    /// Which.
    pub limit: Limit,
    /// Its value: requests, tokens, calls or micro-USD.
    pub value: i64,
    /// What the call needs of it.
    pub needed: i64,
    /// What is used and reserved.
    pub used: i64,
    /// When its window ends, in seconds since the Unix epoch; none for calls in flight.
    pub resets: Option<i64>,
}

impl Limit {
    /// All, in the order in which they deny.
    pub const ALL: [Self; 5] =
        [Self::MonthBudget, Self::DayBudget, Self::TokensPerMinute, Self::RequestsPerMinute, Self::Concurrency];

    /// What the Tenant's spec calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::MonthBudget => "budgets[Month]",
            Self::DayBudget => "budgets[Day]",
            Self::TokensPerMinute => "limits.tokensPerMinute",
            Self::RequestsPerMinute => "limits.requestsPerMinute",
            Self::Concurrency => "limits.concurrency",
        }
    }

    /// Its value for this tenant, if it has one.
    pub fn value(self, policy: &TenantPolicy) -> Option<i64> {
        let budget = |window| {
            let budgets = policy.budgets.iter().filter(move |budget| budget.window == window);
            budgets.map(|budget| budget.micro_usd).min()
        };
        match self {
            Self::MonthBudget => budget(BudgetWindow::Month),
            Self::DayBudget => budget(BudgetWindow::Day),
            Self::TokensPerMinute => policy.limits.tokens_per_minute,
            Self::RequestsPerMinute => policy.limits.requests_per_minute,
            Self::Concurrency => policy.limits.concurrency,
        }
    }

    /// What a call takes of it.
    pub fn needed(self, amount: Amount) -> i64 {
        match self {
            Self::MonthBudget | Self::DayBudget => amount.micro_usd,
            Self::TokensPerMinute => amount.tokens,
            Self::RequestsPerMinute | Self::Concurrency => 1,
        }
    }

    /// The count it bounds.
    pub fn attribute(self) -> &'static str {
        match self {
            Self::MonthBudget => meter::MONTH.micro_usd,
            Self::DayBudget => meter::DAY.micro_usd,
            Self::TokensPerMinute => meter::MINUTE_TOKENS,
            Self::RequestsPerMinute => meter::MINUTE_REQUESTS,
            Self::Concurrency => meter::IN_FLIGHT,
        }
    }

    /// That count, whatever window it is of.
    pub fn used(self, counts: &Counts) -> i64 {
        match self {
            Self::MonthBudget => counts.month.micro_usd,
            Self::DayBudget => counts.day.micro_usd,
            Self::TokensPerMinute => counts.minute.tokens,
            Self::RequestsPerMinute => counts.minute.requests,
            Self::Concurrency => counts.in_flight,
        }
    }

    /// When its window of these ids ends, seen from `now`.
    pub fn resets(self, windows: Windows, policy: &TenantPolicy, now: i64) -> Option<i64> {
        let offsets = &policy.utc_offsets;
        match self {
            Self::MonthBudget => Some(calendar::month_ends(windows.month, now, offsets)),
            Self::DayBudget => Some(calendar::day_ends(windows.day, now, offsets)),
            Self::TokensPerMinute | Self::RequestsPerMinute => Some(calendar::minute_ends(windows.minute)),
            Self::Concurrency => None,
        }
    }
}

/// Ids of the windows that are open at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Windows {
    /// Minute.
    pub minute: i64,
    /// Day.
    pub day: i64,
    /// Month.
    pub month: i64,
}

impl Windows {
    /// The windows at `now` by the clock and the tenant's time zone.
    pub fn at(now: i64, policy: &TenantPolicy) -> Self {
        let offsets = &policy.utc_offsets;
        Self { minute: calendar::minute(now), day: calendar::day(now, offsets), month: calendar::month(now, offsets) }
    }

    /// These, or those of the item where it is ahead: another clock was, and ids never go back.
    #[must_use]
    pub fn or_later(self, counts: &Counts) -> Self {
        let later = |mine: i64, theirs: Option<i64>| theirs.map_or(mine, |theirs| theirs.max(mine));
        Self {
            minute: later(self.minute, counts.minute.id),
            day: later(self.day, counts.day.id),
            month: later(self.month, counts.month.id),
        }
    }

    /// Whether a limit's window in the item is the one of these ids. Calls in flight have no window.
    pub fn has_open(self, limit: Limit, counts: &Counts) -> bool {
        match limit {
            Limit::MonthBudget => counts.month.id == Some(self.month),
            Limit::DayBudget => counts.day.id == Some(self.day),
            Limit::TokensPerMinute | Limit::RequestsPerMinute => counts.minute.id == Some(self.minute),
            Limit::Concurrency => true,
        }
    }
}

/// The first limit that a call of this amount can never pass, because it is larger than a whole window.
pub fn unattainable(policy: &TenantPolicy, amount: Amount, now: i64) -> Option<Exceeded> {
    let windows = Windows::at(now, policy);
    Limit::ALL.into_iter().find_map(|limit| {
        let value = limit.value(policy)?;
        let needed = limit.needed(amount);
        let resets = limit.resets(windows, policy, now);
        (needed > value).then_some(Exceeded { limit, value, needed, used: 0, resets })
    })
}
