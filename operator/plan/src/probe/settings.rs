//! How a gateway is probed, as its spec asks for it.

use std::time::Duration;

use aigw_api::conditions::reason;
use aigw_api::{Probe, ProbeMode, TenantRule};
use aigw_contract::access::ModelRules;
use aigw_contract::model::{ModelId, Named, Place};

use crate::prices::bundled_patterns;
use crate::tenant::access::Ceiling;
use crate::time_span;
use crate::violation::Violation;

/// Between two probes of a gateway at rest unless the spec says otherwise. A probe is three requests.
const DEFAULT_INTERVAL: Duration = Duration::from_mins(15);
/// More often than this a probe would tell nothing new: a pass over the gateway takes seconds.
const SHORTEST_INTERVAL: Duration = Duration::from_mins(1);
/// A day without a look is no observation any more.
const LONGEST_INTERVAL: Duration = Duration::from_hours(24);
/// The model asked for where the rules leave the choice: on demand in every commercial Region that has Nova, without a form
/// to fill in first.
const USUAL_MODEL: &str = "amazon.nova-micro-v1:0";

/// How a gateway is probed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValidProbe {
    /// What probes are for.
    pub mode: ProbeMode,
    /// Between two probes while nothing changes.
    pub interval: Duration,
    /// Model for which Bedrock is asked; none where no rule allows one that has a name.
    pub model: Option<String>,
}

impl Default for ValidProbe {
    fn default() -> Self {
        Self { mode: ProbeMode::Required, interval: DEFAULT_INTERVAL, model: None }
    }
}

/// Fills in defaults and checks what the schema cannot.
///
/// # Errors
/// Every violation.
pub fn settings(asked: &Probe, rules: &[TenantRule], place: Place<'_>) -> Result<ValidProbe, Vec<Violation>> {
    // Exhaustive: a field nobody looks at does not compile.
    let Probe { mode, interval, model } = asked;
    let mut violations = Vec::new();
    let interval = match interval.as_deref().map(duration) {
        None => DEFAULT_INTERVAL,
        Some(Some(interval)) if (SHORTEST_INTERVAL..=LONGEST_INTERVAL).contains(&interval) => interval,
        Some(_) => {
            let message = "must be a time from 1m to 24h in hours and minutes, such as 15m or 1h30m";
            violations.push(Violation::new("spec.probe.interval", reason::INVALID, message));
            DEFAULT_INTERVAL
        }
    };
    if let Some(model) = model
        && !allows(rules, model, place)
    {
        let message = format!(
            "no rule in spec.tenants.rules allows {model:?}, so the forwarder's role may not call it; name a model that one allows"
        );
        violations.push(Violation::new("spec.probe.model", reason::INVALID, message));
    }
    if !violations.is_empty() {
        return Err(violations);
    }
    let model = model.clone().or_else(|| usual_model(rules, place));
    Ok(ValidProbe { mode: mode.unwrap_or_default(), interval, model })
}

/// As the spec would have it.
pub fn shown_interval(interval: Duration) -> String {
    time_span::written(i64::try_from(interval.as_secs()).unwrap_or(i64::MAX))
}

/// A model that a rule names in full, else the usual one, else the first of the price list, as far as a rule allows it.
fn usual_model(rules: &[TenantRule], place: Place<'_>) -> Option<String> {
    let whole = |pattern: &String| !pattern.contains('*');
    let named = rules.iter().flat_map(|rule| Ceiling::of(rule).models).filter(whole);
    // Without a geography: whether one may be left is for the rules to say.
    let plain = |id: &String| matches!(ModelId::read(id, None), Some(ModelId::Named(Named { geography: None, .. })));
    let listed = bundled_patterns(place.region).map(str::to_owned).filter(whole).filter(plain);
    let mut candidates = named.chain([USUAL_MODEL.to_owned()]).chain(listed);
    candidates.find(|model| allows(rules, model, place))
}

fn allows(rules: &[TenantRule], model: &str, place: Place<'_>) -> bool {
    let granted = |rule| ModelRules { granted: Ceiling::of(rule).models, ..ModelRules::default() };
    rules.iter().any(|rule| granted(rule).check(model, Some(place)).is_ok())
}

/// Hours and minutes. `None` for anything else.
fn duration(text: &str) -> Option<Duration> {
    let seconds = time_span::read(text).filter(|_| !text.ends_with('s'))?;
    u64::try_from(seconds).ok().map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const PLACE: Place<'_> = Place { partition: "aws", region: "eu-central-1", account_id: "111122223333" };

    fn rules(models: &Value) -> Vec<TenantRule> {
        let rule = json!({"name": "all", "match": {"namespaces": {"from": "All"}}, "allow": {"models": models}});
        vec![serde_json::from_value(rule).unwrap()]
    }

    fn model(models: &Value) -> Option<String> {
        settings(&Probe::default(), &rules(models), PLACE).unwrap().model
    }

    #[test]
    fn durations_are_hours_and_minutes() {
        let seconds = |text| duration(text).map(|duration| duration.as_secs());
        assert_eq!(seconds("15m"), Some(900));
        assert_eq!(seconds("2h"), Some(7_200));
        assert_eq!(seconds("1h30m"), Some(5_400));
        for text in ["", "m", "h", "5", "30s", "1m1h", "-1m", "1.5h", "99999999999999999999m"] {
            assert_eq!(seconds(text), None, "{text}");
        }
        for text in ["15m", "2h", "1h30m"] {
            assert_eq!(shown_interval(duration(text).unwrap()), text);
        }
    }

    #[test]
    fn what_cannot_be_asked_is_refused_by_its_field() {
        let refused = |probe: Value| {
            let probe = serde_json::from_value(probe).unwrap();
            settings(&probe, &rules(&json!([{"match": "anthropic.*"}])), PLACE).unwrap_err()[0].path.clone()
        };
        assert_eq!(refused(json!({"interval": "30s"})), "spec.probe.interval");
        assert_eq!(refused(json!({"interval": "25h"})), "spec.probe.interval");
        assert_eq!(refused(json!({"model": "amazon.nova-micro-v1:0"})), "spec.probe.model");
    }

    #[test]
    fn the_model_is_one_that_a_rule_allows() {
        assert_eq!(model(&json!([])).as_deref(), Some(USUAL_MODEL));
        assert_eq!(model(&json!([{"match": "amazon.*"}])).as_deref(), Some(USUAL_MODEL));
        let named = json!([{"match": "anthropic.*"}, {"match": "eu.anthropic.claude-opus-5"}]);
        assert_eq!(model(&named).as_deref(), Some("eu.anthropic.claude-opus-5"));
        let anthropic = model(&json!([{"match": "anthropic.*"}])).unwrap();
        assert!(anthropic.starts_with("anthropic."), "{anthropic}");
        assert_eq!(model(&json!([{"match": "nobody.*"}])), None);
        assert_eq!(settings(&Probe::default(), &[], PLACE).unwrap().model, None);
    }
}
