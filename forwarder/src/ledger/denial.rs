//! Refusals by limits, in words: which limit, whose, its value, when it resets, who can raise it.

use aigw_contract::calendar;
use aigw_contract::limits::usd;
use aigw_contract::policy::TenantPolicy;

use super::limit::{Exceeded, Limit};
use crate::denial::Denial;
use crate::meter::Shape;

/// Seconds after which a call that was one too many at a time may be tried again.
const CONCURRENCY_PAUSE: i64 = 1;

/// The answer to a call a limit leaves no room for, at `now`: 429 where waiting a little helps, 403 where it does not.
pub fn denial(exceeded: &Exceeded, policy: &TenantPolicy, now: i64) -> Denial {
    let Exceeded { limit, value, needed, used, resets } = *exceeded;
    let tenant = policy.tenant();
    let raise = raise(limit);
    let reset = resets.map(calendar::rfc3339).unwrap_or_default();
    let after = resets.map_or(CONCURRENCY_PAUSE, |end| (end - now).max(1));
    match limit {
        Limit::MonthBudget | Limit::DayBudget => {
            let (window, left) = (window(limit), (value - used).max(0));
            // A smaller call may still pass: what is left, and what this one needs of it, is what helps then.
            let why = if left == 0 { "is used up" } else { "has not enough left for this call" };
            Denial::forbidden(format!(
                "the {window}'s budget of tenant {tenant} {why}: of USD {} USD {} are left, and this call may cost USD {}; \
                 it resets at {reset}; {raise}",
                usd(value),
                usd(left),
                usd(needed)
            ))
        }
        Limit::TokensPerMinute => Denial::throttled(
            format!(
                "tenant {tenant} may use {value} tokens per minute ({}): {} are left, and this call may use {needed}; \
                 it resets at {reset}; {raise}",
                limit.name(),
                (value - used).max(0)
            ),
            after,
        ),
        Limit::RequestsPerMinute => Denial::throttled(
            format!(
                "tenant {tenant} may make {value} calls per minute ({}); it resets at {reset}; {raise}",
                limit.name()
            ),
            after,
        ),
        Limit::Concurrency => Denial::throttled(
            format!(
                "tenant {tenant} may have {value} calls in flight ({}), and has {used}; try again when one has ended; \
                 {raise}",
                limit.name()
            ),
            after,
        ),
    }
}

/// The answer to a call that is larger than a whole window: it can never pass as it is.
pub fn unattainable_denial(exceeded: &Exceeded, policy: &TenantPolicy, shape: Shape, now: i64) -> Denial {
    let Exceeded { limit, value, needed, .. } = *exceeded;
    // A limit of nothing closes the gateway to the tenant, whatever the call looks like.
    if value <= 0 || matches!(limit, Limit::RequestsPerMinute | Limit::Concurrency) {
        let tenant = policy.tenant();
        return match limit {
            Limit::MonthBudget | Limit::DayBudget => denial(exceeded, policy, now),
            Limit::TokensPerMinute | Limit::RequestsPerMinute | Limit::Concurrency => Denial::forbidden(format!(
                "{} of tenant {tenant} is {value}, so it may not call; {}",
                limit.name(),
                raise(limit)
            )),
        };
    }
    let (field, raise) = (output_field(shape), raise(limit));
    let tenant = policy.tenant();
    Denial::invalid(match limit {
        Limit::MonthBudget | Limit::DayBudget => format!(
            "this call may cost USD {}, more than the whole {}'s budget of tenant {tenant}, USD {} ({}); lower {field} or \
             shorten the input; {raise}",
            usd(needed),
            window(limit),
            usd(value),
            limit.name()
        ),
        _ => format!(
            "this call may use {needed} tokens, more than tenant {tenant} may use in a whole minute, {value} ({}); lower \
             {field} or shorten the input; {raise}",
            limit.name()
        ),
    })
}

/// Field of a request by which a client lowers what a call may use.
fn output_field(shape: Shape) -> &'static str {
    match shape {
        Shape::Converse => "inferenceConfig.maxTokens",
        Shape::ChatCompletions => "max_completion_tokens",
        Shape::Responses => "max_output_tokens",
        Shape::Messages => "max_tokens",
        Shape::Invoke => "the request's maximum of output tokens (max_tokens with most models)",
        Shape::Agent | Shape::Evaluate | Shape::Unreported | Shape::Free => "what the request asks for",
    }
}

fn window(limit: Limit) -> &'static str {
    if limit == Limit::MonthBudget { "month" } else { "day" }
}

fn raise(limit: Limit) -> String {
    format!(
        "whoever may edit the Tenant can raise spec.{} as far as the platform team's tier and rules in the AIGateway allow",
        match limit {
            Limit::MonthBudget | Limit::DayBudget => "budgets",
            other => other.name(),
        }
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy() -> TenantPolicy {
        TenantPolicy { namespace: "team-a".into(), name: "chat".into(), ..TenantPolicy::default() }
    }

    fn exceeded(limit: Limit, value: i64, resets: Option<i64>) -> Exceeded {
        Exceeded { limit, value, needed: 700, used: 600, resets }
    }

    #[test]
    fn every_denial_says_which_limit_whose_its_value_when_it_resets_and_who_can_raise_it() {
        for limit in Limit::ALL {
            let resets = (limit != Limit::Concurrency).then_some(1_000);
            let denial = denial(&exceeded(limit, 1_000, resets), &policy(), 966);
            let budget = matches!(limit, Limit::MonthBudget | Limit::DayBudget);
            let (status, after) = match limit {
                _ if budget => (403, None),
                Limit::Concurrency => (429, Some(1)),
                _ => (429, Some(34)),
            };
            assert_eq!((denial.status.as_u16(), denial.retry_after), (status, after), "{limit:?}");
            let value = if budget { "0.001" } else { "1000" };
            for part in ["team-a/chat", value, "Tenant can raise spec.", "platform team"] {
                assert!(denial.message.contains(part), "{part}: {}", denial.message);
            }
            assert!(resets.is_none() || denial.message.contains("1970-01-01T00:16:40Z"), "{}", denial.message);
        }
    }

    #[test]
    fn a_budget_is_used_up_only_where_nothing_is_left() {
        for (used, why) in [
            (1_000, "is used up: of USD 0.001 USD 0"),
            (600, "has not enough left for this call: of USD 0.001 USD 0.0004"),
        ] {
            let exceeded = Exceeded { used, ..exceeded(Limit::DayBudget, 1_000, Some(1_000)) };
            let denial = denial(&exceeded, &policy(), 0);
            assert!(denial.message.contains(why), "{}", denial.message);
        }
    }

    #[test]
    fn a_call_larger_than_a_window_is_told_what_to_lower() {
        for (limit, shape, field) in [
            (Limit::TokensPerMinute, Shape::Converse, "inferenceConfig.maxTokens"),
            (Limit::DayBudget, Shape::ChatCompletions, "max_completion_tokens"),
            (Limit::MonthBudget, Shape::Messages, "max_tokens"),
        ] {
            let denial = unattainable_denial(&exceeded(limit, 500, Some(60)), &policy(), shape, 0);
            assert_eq!(denial.status.as_u16(), 400);
            assert!(denial.message.contains(field) && denial.message.contains("team-a/chat"), "{}", denial.message);
        }
        for limit in Limit::ALL {
            let denial = unattainable_denial(&exceeded(limit, 0, Some(60)), &policy(), Shape::Converse, 0);
            assert_eq!(denial.status.as_u16(), 403, "{}", denial.message);
        }
    }
}
