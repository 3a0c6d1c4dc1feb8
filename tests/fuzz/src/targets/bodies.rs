//! The members of a body that rules look at: read as a full decode reads them, or refused.

use std::sync::LazyLock;

use aigw_contract::Family;
use aigw_contract::access::ModelRules;
use aigw_contract::operations::{self, Operation, Site};
use aigw_contract::policy::TenantPolicy;
use aigw_contract::table::GatewayConfig;
use aigw_forwarder::rules::{self, Call};
use serde_json::json;

use crate::body;
use crate::expected::Level;
use crate::input::Input;

/// Every operation whose body names something.
static OPERATIONS: LazyLock<Vec<(Family, &Operation)>> = LazyLock::new(|| {
    let all = Family::ALL.into_iter().flat_map(|family| operations::of(family).iter().map(move |one| (family, one)));
    all.filter(|(_, operation)| operation.body_paths().next().is_some()).collect()
});

/// A gateway that allows one provider's models and everything else.
static LAX: LazyLock<(GatewayConfig, TenantPolicy)> = LazyLock::new(|| {
    let config = json!({
        "restApiId": "r", "stages": ["v1"], "families": Family::ALL, "region": "eu-central-1",
        "accountId": "111122223333", "unmetered": "Allow",
    });
    let policy = json!({
        "namespace": "team-a", "name": "chat", "tier": "bronze", "usageKey": "u",
        "resources": [{ "arn": "*", "access": "Manage" }],
    });
    let rules = ModelRules { granted: vec!["anthropic.*".into()], ..ModelRules::default() };
    let policy =
        serde_json::from_value(policy).map(|policy: TenantPolicy| TenantPolicy { models: Some(rules), ..policy });
    (serde_json::from_value(config).expect("a configuration"), policy.expect("a policy"))
});

/// Reads the rest of the input as the body of the operation that its first byte chooses.
pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let (family, operation) = *input.choose(&OPERATIONS);
    let text = input.rest();
    let paths: Vec<&'static str> = operation.body_paths().collect();
    let read = body::read(text, paths.iter().copied());
    let expected = match text {
        b"" => Some(Ok(Vec::new())),
        _ => expected(text, &paths),
    };
    if let Some(expected) = &expected {
        match (&read, expected) {
            (Ok(values), Ok(expected)) => {
                for path in &paths {
                    let found: Vec<&str> = values.at(path).collect();
                    let wanted: Vec<&str> =
                        expected.iter().filter(|(at, _)| at == path).map(|(_, value)| value.as_str()).collect();
                    assert_eq!(found, wanted, "{path} of {}", operation.name);
                }
            }
            (Err(_), Err(())) => {}
            (Ok(_), Err(())) => panic!("{} is ambiguous and passed", operation.name),
            (Err(problem), Ok(_)) => panic!("{} is clear and was refused: {problem:?}", operation.name),
        }
    }
    judge(family, operation, text, expected.as_ref());
}

/// A call that passes names only models the rules allow.
fn judge(family: Family, operation: &'static Operation, text: &[u8], expected: Option<&Expected>) {
    let (config, policy) = &*LAX;
    // Labels are no ids here, so that most operations with resources are refused; those with models matter.
    let path = operation.path.replace(['{', '}', '+'], "");
    let call = Call { family, operation: Some(operation), path: &path, query: "", body: text, encoded: false };
    let (Ok(_), Some(Ok(values))) = (rules::judge(&call, policy, config), expected) else { return };
    let rules = policy.models.as_ref().expect("rules");
    for site in operation.models {
        let Site::Body(at) = site else { continue };
        for (_, model) in values.iter().filter(|(path, _)| path == at) {
            assert!(rules.check(model, config.place()).is_ok(), "{} passed with {model}", operation.name);
        }
    }
}

type Expected = Result<Vec<(&'static str, String)>, ()>;

/// What a full decode finds at the paths; an inner error where readers could differ, `None` where it is no JSON.
fn expected(text: &[u8], paths: &[&'static str]) -> Option<Expected> {
    serde_json::from_slice::<serde_json::Value>(text).ok()?;
    let mut found = Vec::new();
    let wanted: Vec<(&'static str, Vec<&'static str>)> =
        paths.iter().map(|path| (*path, path.split('.').collect())).collect();
    Some(node(text, &wanted, false, &mut found).map(|()| found))
}

/// Walks one value; `wanted` are the paths that lead on below it.
fn node(
    text: &[u8],
    wanted: &[(&'static str, Vec<&'static str>)],
    list: bool,
    found: &mut Vec<(&'static str, String)>,
) -> Result<(), ()> {
    match Level::of(text).ok_or(())? {
        Level::Null => Ok(()),
        Level::Array(elements) if list => {
            elements.into_iter().try_for_each(|element| node(element.get().as_bytes(), wanted, false, found))
        }
        Level::Other | Level::Array(_) => Err(()),
        Level::Text(_) if list || wanted.iter().any(|(_, rest)| !rest.is_empty()) => Err(()),
        Level::Text(value) => {
            found.extend(wanted.iter().map(|(path, _)| (*path, value.clone())));
            Ok(())
        }
        Level::Object(_) if list || wanted.iter().any(|(_, rest)| rest.is_empty()) => Err(()),
        Level::Object(members) => {
            let mut seen = Vec::new();
            for (name, value) in members {
                let bare = |step: &str| step.trim_end_matches("[]").to_owned();
                let fits = |rest: &[&str]| rest.first().is_some_and(|step| bare(step).eq_ignore_ascii_case(&name));
                let below: Vec<_> = wanted.iter().filter(|(_, rest)| fits(rest)).collect();
                let Some((_, first)) = below.first() else { continue };
                if bare(first[0]) != name || seen.contains(&name) {
                    return Err(());
                }
                let list = below.iter().any(|(_, rest)| rest[0].ends_with("[]"));
                let below: Vec<_> = below.iter().map(|(path, rest)| (*path, rest[1..].to_vec())).collect();
                node(value.get().as_bytes(), &below, list, found)?;
                seen.push(name);
            }
            Ok(())
        }
    }
}

/// For every operation a body with everything in its place.
pub fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for (number, (_, operation)) in OPERATIONS.iter().enumerate() {
        let mut body = json!({ "other": [1, -2.5e3, true, null, "\u{e9}\n"] });
        for path in operation.body_paths() {
            let value = if path.to_ascii_lowercase().contains("model") { "anthropic.claude-v2" } else { "ABC123" };
            place(&mut body, &path.split('.').collect::<Vec<_>>(), value);
        }
        let mut seed = vec![u8::try_from(number).unwrap_or_default()];
        seed.extend_from_slice(body.to_string().as_bytes());
        seeds.push(seed);
    }
    let first = OPERATIONS.iter().position(|(_, operation)| operation.name == "CreateResponse").unwrap_or_default();
    for text in [
        r#"{"model":"anthropic.claude","model":"amazon.nova"}"#,
        r#"{"model":"anthropic.claude","mod\u0065l":"b"}"#,
        r#"{"Model":"b"}"#,
        r#"{"model":null}"#,
        "[]",
        "null",
    ] {
        seeds.push([&[u8::try_from(first).unwrap_or_default()], text.as_bytes()].concat());
    }
    seeds
}

fn place(at: &mut serde_json::Value, path: &[&str], value: &str) {
    let Some((first, rest)) = path.split_first() else {
        *at = value.into();
        return;
    };
    let below = match first.strip_suffix("[]") {
        Some(name) => {
            if at[name].is_null() {
                at[name] = json!([null]);
            }
            &mut at[name][0]
        }
        None => &mut at[*first],
    };
    place(below, rest, value);
}
