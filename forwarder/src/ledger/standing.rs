//! How a tenant stands with its limits, for the tenant: headers of every answer, and the document of `/.aigw/usage`.
//!
//! Headers of requests and tokens have the names that clients of OpenAI know. Only limits the tenant has are told.

use aigw_contract::calendar;
use aigw_contract::limits::{Enforcement, usd};
use aigw_contract::policy::TenantPolicy;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Map, Value, json};

use super::counts::Counts;
use super::limit::{Limit, Windows};

/// Names of a limit's headers: the limit, what is left, the seconds until it resets.
struct Names {
    limit: HeaderName,
    remaining: HeaderName,
    reset: HeaderName,
}

const REQUESTS: Names = Names {
    limit: HeaderName::from_static("x-ratelimit-limit-requests"),
    remaining: HeaderName::from_static("x-ratelimit-remaining-requests"),
    reset: HeaderName::from_static("x-ratelimit-reset-requests"),
};
const TOKENS: Names = Names {
    limit: HeaderName::from_static("x-ratelimit-limit-tokens"),
    remaining: HeaderName::from_static("x-ratelimit-remaining-tokens"),
    reset: HeaderName::from_static("x-ratelimit-reset-tokens"),
};
const DAY: HeaderName = HeaderName::from_static("x-aigw-budget-day-remaining-usd");
const MONTH: HeaderName = HeaderName::from_static("x-aigw-budget-month-remaining-usd");

/// Headers that tell what is left at `now`.
pub fn headers(policy: &TenantPolicy, counts: &Counts, now: i64) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(8);
    let mut set = |name: HeaderName, text: String| {
        if let Ok(value) = HeaderValue::try_from(text) {
            headers.insert(name, value);
        }
    };
    let windows = Windows::at(now, policy).or_later(counts);
    for (limit, names) in [(Limit::RequestsPerMinute, REQUESTS), (Limit::TokensPerMinute, TOKENS)] {
        if let (Some(value), Some(end)) = (limit.value(policy), limit.resets(windows, policy, now)) {
            set(names.limit, value.to_string());
            set(names.remaining, remaining(limit, value, windows, counts).to_string());
            set(names.reset, format!("{}s", (end - now).max(0)));
        }
    }
    for (limit, name) in [(Limit::DayBudget, DAY), (Limit::MonthBudget, MONTH)] {
        if let Some(value) = limit.value(policy) {
            set(name, usd(remaining(limit, value, windows, counts)));
        }
    }
    headers
}

/// The document of `/.aigw/usage` at `now`.
pub fn usage(policy: &TenantPolicy, counts: &Counts, now: i64) -> Value {
    let windows = Windows::at(now, policy).or_later(counts);
    let window = |limit| window(limit, policy, windows, counts, now);
    let mut document = json!({
        "tenant": { "namespace": policy.namespace, "name": policy.name, "tier": policy.tier },
        "time": calendar::rfc3339(now),
        "enforcement": if policy.enforcement == Enforcement::Shadow { "Shadow" } else { "Enforce" },
        "suspended": counts.suspended || policy.suspended.is_some(),
        "windows": [
            window(Limit::RequestsPerMinute), window(Limit::TokensPerMinute), window(Limit::DayBudget),
            window(Limit::MonthBudget),
        ],
        "inFlight": { "used": counts.in_flight },
        "leaked": { "calls": counts.leaked_calls, "usd": usd(counts.leaked_micro_usd) },
    });
    if let Some(concurrency) = policy.limits.concurrency {
        document["inFlight"]["limit"] = concurrency.into();
        document["inFlight"]["remaining"] = (concurrency - counts.in_flight).max(0).into();
    }
    if let Some(end) = policy.expires_at {
        document["expiresAt"] = calendar::rfc3339(end).into();
    }
    document
}

/// One window. Amounts of money are decimal text, as everywhere.
fn window(limit: Limit, policy: &TenantPolicy, windows: Windows, counts: &Counts, now: i64) -> Value {
    let open = windows.has_open(limit, counts);
    let used = if open { limit.used(counts) } else { 0 };
    let (name, unit, begins) = match limit {
        Limit::MonthBudget => ("Month", "usd", calendar::month_begins(windows.month, &policy.utc_offsets)),
        Limit::DayBudget => ("Day", "usd", calendar::day_begins(windows.day, &policy.utc_offsets)),
        Limit::TokensPerMinute => ("Minute", "tokens", windows.minute * calendar::MINUTE_SECONDS),
        Limit::RequestsPerMinute | Limit::Concurrency => {
            ("Minute", "requests", windows.minute * calendar::MINUTE_SECONDS)
        }
    };
    let amount = |value: i64| if unit == "usd" { Value::from(usd(value)) } else { value.into() };
    let mut window = Map::new();
    let mut add = |name: &str, value: Value| window.insert(name.to_owned(), value);
    add("window", name.into());
    add("unit", unit.into());
    add("used", amount(used));
    let ends = limit.resets(windows, policy, now);
    if let Some(ends) = ends {
        add("resetsAt", calendar::rfc3339(ends).into());
    }
    if let Some(value) = limit.value(policy) {
        add("limit", amount(value));
        add("remaining", amount((value - used).max(0)));
        let exhausted = exhaustion(used, value, begins, now).filter(|time| ends.is_none_or(|ends| *time < ends));
        if let Some(time) = exhausted {
            add("exhaustedAt", calendar::rfc3339(time).into());
        }
    }
    Value::Object(window)
}

/// When a limit is reached if use goes on at its pace since `begins`; now where it is reached already.
fn exhaustion(used: i64, limit: i64, begins: i64, now: i64) -> Option<i64> {
    if used >= limit {
        return Some(now);
    }
    let elapsed = i128::from((now - begins).max(1));
    let needed = i128::from(limit) * elapsed;
    let at = i128::from(begins) + needed.checked_div(i128::from(used))?;
    i64::try_from(at).ok()
}

fn remaining(limit: Limit, value: i64, windows: Windows, counts: &Counts) -> i64 {
    let used = if windows.has_open(limit, counts) { limit.used(counts) } else { 0 };
    (value - used).max(0)
}

#[cfg(test)]
mod tests {
    use aigw_contract::limits::{Budget, BudgetWindow, Limits};

    use super::super::counts::{Minute, Window};
    use super::*;

    /// 2026-11-10T12:00:30Z.
    const NOW: i64 = 1_794_312_030;

    fn policy() -> TenantPolicy {
        let budget = |window, usd: i64| Budget { window, micro_usd: usd * 1_000_000 };
        TenantPolicy {
            namespace: "team-a".into(),
            name: "chat".into(),
            limits: Limits {
                requests_per_minute: Some(10),
                tokens_per_minute: Some(1_000),
                concurrency: Some(4),
                ..Limits::default()
            },
            budgets: vec![budget(BudgetWindow::Day, 12), budget(BudgetWindow::Month, 1_000)],
            ..TenantPolicy::default()
        }
    }

    fn counts(policy: &TenantPolicy) -> Counts {
        let Windows { minute, day, month } = Windows::at(NOW, policy);
        Counts {
            in_flight: 3,
            minute: Minute { id: Some(minute), requests: 7, tokens: 250 },
            day: Window { id: Some(day), micro_usd: 9_000_000, ..Window::default() },
            month: Window { id: Some(month), micro_usd: 25_500_000, ..Window::default() },
            ..Counts::default()
        }
    }

    #[test]
    fn headers_tell_what_is_left_of_the_limits_there_are() {
        let policy = policy();
        let told = headers(&policy, &counts(&policy), NOW);
        for (name, value) in [
            ("x-ratelimit-limit-requests", "10"),
            ("x-ratelimit-remaining-requests", "3"),
            ("x-ratelimit-reset-requests", "30s"),
            ("x-ratelimit-limit-tokens", "1000"),
            ("x-ratelimit-remaining-tokens", "750"),
            ("x-ratelimit-reset-tokens", "30s"),
            ("x-aigw-budget-day-remaining-usd", "3"),
            ("x-aigw-budget-month-remaining-usd", "974.5"),
        ] {
            assert_eq!(told[name], value, "{name}");
        }
        assert!(headers(&TenantPolicy::default(), &counts(&policy), NOW).is_empty());
        let later = headers(&policy, &counts(&policy), NOW + 60);
        assert_eq!(later["x-ratelimit-remaining-requests"], "10", "a window that is over has used nothing");
    }

    #[test]
    fn the_document_tells_windows_and_when_they_will_be_exhausted() {
        let policy = policy();
        let document = usage(&policy, &counts(&policy), NOW);
        let expected = json!([
            { "window": "Minute", "unit": "requests", "used": 7, "limit": 10, "remaining": 3,
              "resetsAt": "2026-11-10T12:01:00Z", "exhaustedAt": "2026-11-10T12:00:42Z" },
            { "window": "Minute", "unit": "tokens", "used": 250, "limit": 1_000, "remaining": 750,
              "resetsAt": "2026-11-10T12:01:00Z" },
            { "window": "Day", "unit": "usd", "used": "9", "limit": "12", "remaining": "3",
              "resetsAt": "2026-11-11T00:00:00Z", "exhaustedAt": "2026-11-10T16:00:40Z" },
            { "window": "Month", "unit": "usd", "used": "25.5", "limit": "1000", "remaining": "974.5",
              "resetsAt": "2026-12-01T00:00:00Z" },
        ]);
        assert_eq!(document["windows"], expected);
        assert_eq!(document["inFlight"], json!({ "used": 3, "limit": 4, "remaining": 1 }));
        assert_eq!(document["time"], "2026-11-10T12:00:30Z");
    }

    #[test]
    fn a_tenant_without_limits_sees_what_it_used() {
        let policy = TenantPolicy { enforcement: Enforcement::Shadow, ..TenantPolicy::default() };
        let document = usage(&policy, &Counts::default(), NOW);
        assert_eq!(
            document["windows"][2],
            json!({ "window": "Day", "unit": "usd", "used": "0", "resetsAt": "2026-11-11T00:00:00Z" })
        );
        assert_eq!((&document["enforcement"], &document["inFlight"]), (&json!("Shadow"), &json!({ "used": 0 })));
    }
}
