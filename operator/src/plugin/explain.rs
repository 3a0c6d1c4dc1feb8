//! A call's log line in words: what became of it, which limit or rule decided, and who can change that. Pure.

use std::fmt::Write as _;

use serde_json::Value;

/// Outcomes of calls that went as they should.
const FINE: &str = "complete";

/// What the lines say of the call with that id, or of every call that did not go as it should. `None` where there is none.
pub(super) fn explain(lines: &[String], request_id: Option<&str>) -> Option<String> {
    let calls = lines.iter().filter_map(|line| call(line));
    let told: Vec<String> = calls
        .filter(|call| match request_id {
            Some(id) => ["requestId", "gatewayRequestId", "bedrockRequestId"].iter().any(|name| call[name] == id),
            None => call["outcome"] != FINE,
        })
        .map(|call| told(&call))
        .collect();
    (!told.is_empty()).then(|| told.join("\n"))
}

/// The call of a line, which may begin with what a log tool writes before it.
fn call(line: &str) -> Option<Value> {
    let value: Value = serde_json::from_str(line.get(line.find('{')?..)?.trim()).ok()?;
    (value["event"] == "call").then_some(value)
}

fn told(call: &Value) -> String {
    let text = |name: &str| call[name].as_str().map(str::to_owned);
    let number = |name: &str| call[name].as_i64();
    let mut told = format!("call {}\n", text("requestId").unwrap_or_default());
    let mut line = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            let _ = writeln!(told, "  {name:<10} {value}");
        }
    };
    line("tenant", text("tenant"));
    line("model", text("gen_ai.request.model"));
    line(
        "answer",
        number("status").map(|status| match text("error.type") {
            Some(class) => format!("{status} {class}"),
            None => status.to_string(),
        }),
    );
    line("because", Some(because(call)));
    line("limit", text("limited").map(|limit| limit_in_words(&limit)));
    line("cause", text("cause"));
    line("shadow", text("shadowed").map(|why| format!("passed only because enforcement is Shadow: {why}")));
    line("reserved", number("reservedMicroUsd").map(|amount| format!("USD {}", dollars(amount))));
    line("charged", number("chargedMicroUsd").map(|amount| format!("USD {}", dollars(amount))));
    line("unsettled", text("unsettled"));
    line("Bedrock", text("bedrockRequestId").map(|id| format!("its request id {id}")));
    told
}

/// The outcome in words: `docs/metering.md`, "The line".
fn because(call: &Value) -> String {
    match call["outcome"].as_str().unwrap_or_default() {
        FINE => "Bedrock answered, and the whole answer was passed",
        "rejected" => "Bedrock answered with an error, which was passed as it is",
        "refused" => "the gateway refused it; Bedrock was not asked",
        "failed" => "the gateway could not do it",
        "broken" => "the answer broke off, and the client was told",
        "gone" => "the client went away before the end",
        _ => "of an outcome this version does not know",
    }
    .to_owned()
}

fn limit_in_words(limit: &str) -> String {
    let what = match limit {
        "monthBudget" => {
            "the month's budget: spec.budgets of the Tenant, within the ceiling of its rule; resets with the month"
        }
        "dayBudget" => {
            "the day's budget: spec.budgets of the Tenant, within the ceiling of its rule; resets with the day"
        }
        "tokensPerMinute" => "tokens per minute: spec.limits of the Tenant or its tier; resets with the minute",
        "requestsPerMinute" => "requests per minute: spec.limits of the Tenant or its tier; resets with the minute",
        "concurrency" => "calls at once: spec.limits of the Tenant or its tier; free again when one ends",
        other => return other.to_owned(),
    };
    what.to_owned()
}

/// Whole micro-USD as dollars.
fn dollars(micro: i64) -> String {
    format!("{}.{:06}", micro / 1_000_000, micro % 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    const REFUSED: &str = r#"2026-11-25T07:00:00 2026/11/25/[3]abc {"event":"call","requestId":"r-1","gatewayRequestId":"g-1","tenant":"team/search","status":403,"error.type":"AccessDeniedException","outcome":"refused","limited":"dayBudget","gen_ai.request.model":"anthropic.claude","reservedMicroUsd":12345}"#;
    const ANSWERED: &str = r#"{"event":"call","requestId":"r-2","tenant":"team/ads","status":200,"outcome":"complete","chargedMicroUsd":1}"#;

    fn lines() -> Vec<String> {
        ["START RequestId: r-1", REFUSED, "{\"event\":\"start\"}", "{ broken", ANSWERED].map(str::to_owned).into()
    }

    #[test]
    fn a_denial_is_told_with_the_limit_and_who_can_change_it() {
        let told = explain(&lines(), Some("r-1")).unwrap();
        for part in [
            "team/search",
            "403 AccessDeniedException",
            "the gateway refused it",
            "the day's budget: spec.budgets",
            "USD 0.012345",
        ] {
            assert!(told.contains(part), "{part} is missing in\n{told}");
        }
        assert!(!told.contains("r-2"), "{told}");
        // The id a client has.
        assert_eq!(explain(&lines(), Some("g-1")), Some(told));
    }

    #[test]
    fn without_an_id_what_went_wrong_is_told() {
        let told = explain(&lines(), None).unwrap();
        assert!(told.contains("r-1") && !told.contains("r-2"), "{told}");
        assert_eq!(explain(&lines(), Some("r-3")), None);
        assert!(explain(&lines(), Some("r-2")).unwrap().contains("whole answer was passed"));
    }
}
