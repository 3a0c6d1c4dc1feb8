//! What bounds a tenant's use: rates, concurrency, length of answers, money; and in whose time zone days and months end.
//!
//! Part of the tenant's policy, so every change has a policy version, and a reservation that was decided by another
//! version fails its condition. Absent means unlimited. Money is in micro-USD, tokens and requests are counted one by one.

use serde::{Deserialize, Serialize};

/// Limits of one tenant beside its budgets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Limits {
    /// Calls per clock minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests_per_minute: Option<i64>,
    /// Tokens per clock minute, of all kinds together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens_per_minute: Option<i64>,
    /// Calls in flight at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<i64>,
    /// Length of answers.
    #[serde(default, skip_serializing_if = "OutputTokens::is_unlimited")]
    pub max_output_tokens: OutputTokens,
}

/// Bounds of the length of an answer, in tokens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutputTokens {
    /// Written into a request that names no maximum.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<i64>,
    /// A request that names more is lowered to this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<i64>,
}

impl OutputTokens {
    /// Whether answers may be as long as the model allows.
    pub fn is_unlimited(&self) -> bool {
        *self == Self::default()
    }
}

/// Money for one calendar window of the tenant's time zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Budget {
    /// Window.
    pub window: BudgetWindow,
    /// Micro-USD that may be spent in it.
    pub micro_usd: i64,
}

/// Calendar windows that money is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum BudgetWindow {
    /// From midnight to midnight.
    Day,
    /// From the first of a month.
    Month,
}

/// From when on a time zone is this far ahead of UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct UtcOffset {
    /// Seconds since the Unix epoch.
    pub from: i64,
    /// Seconds ahead of UTC.
    pub seconds: i32,
}

/// Whether limits and budgets deny.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Enforcement {
    /// They do.
    #[default]
    Enforce,
    /// They are reckoned and logged, and deny nothing.
    Shadow,
}

impl Enforcement {
    /// Whether this is what a policy that says nothing means.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// Ways a request can ask for a higher price than the usual one. A tenant with a budget may only use those it was granted,
/// because a reservation has to be made at the highest price that can apply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Premium {
    /// Service tier `priority`.
    PriorityTier,
    /// Latency-optimized inference.
    OptimizedLatency,
    /// Cache entries that live for an hour.
    HourCache,
    /// Prompts longer than the price list's bracket for long contexts.
    LongContext,
}

/// An amount of money as decimal text in USD, without zeros at its end.
pub fn usd(micro_usd: i64) -> String {
    let (whole, fraction) = (micro_usd.unsigned_abs() / 1_000_000, micro_usd.unsigned_abs() % 1_000_000);
    let sign = if micro_usd < 0 { "-" } else { "" };
    let text = format!("{sign}{whole}.{fraction:06}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_is_decimal_text() {
        for (micro_usd, text) in [
            (0, "0"),
            (1, "0.000001"),
            (1_500_000, "1.5"),
            (20_000_000, "20"),
            (-10, "-0.00001"),
            (i64::MIN, "-9223372036854.775808"),
        ] {
            assert_eq!(usd(micro_usd), text);
        }
    }
}
