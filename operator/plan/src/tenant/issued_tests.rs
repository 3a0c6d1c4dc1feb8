use aigw_contract::policy::TenantPolicy;
use serde_json::json;

use super::*;
use crate::gateway::fixtures::valid;
use crate::tenant::fixtures::{NOW, admitted};

const DAY: i64 = 24 * 3600;

fn tenant() -> AdmittedTenant {
    let gateway = valid(json!({
        "region": "eu-central-1", "accountId": "111122223333", "stages": [{"name": "v1"}], "endpoint": {"type": "Regional"},
        "tiers": [{"name": "bronze", "plan": {"requestsPerSecond": 5, "burst": 10}}],
        "tenants": {"rules": [{"name": "all", "match": {"namespaces": {"from": "All"}}}]},
    }));
    let spec = json!({"gatewayRef": {"name": "prod"}, "apiKey": {"rotateEvery": "720h", "overlap": "24h"}});
    admitted(&serde_json::from_value(spec).unwrap(), &gateway)
}

fn policy() -> TenantPolicy {
    let key = |id: &str, not_after| KeyHash { id: id.into(), sha256: String::new(), since: NOW, not_after };
    TenantPolicy { keys: vec![key("k2", None), key("k1", Some(NOW + 7 * DAY))], ..TenantPolicy::default() }
}

fn reading(uses: &[(&str, i64)]) -> MeterReading {
    let last_used = uses.iter().map(|(key, at)| ((*key).to_owned(), NOW + at)).collect();
    MeterReading { last_used, ..MeterReading::default() }
}

#[test]
fn the_condition_names_a_key_that_is_still_used_and_stays_the_same_while_it_is() {
    let (tenant, policy) = (tenant(), policy());
    let told = |uses: &[(&str, i64)]| condition(&tenant, InForce { policy: &policy, reading: &reading(uses) }, NOW + 1);
    let unused = told(&[("k1", -5)]);
    assert_eq!(
        (unused.status, unused.reason, unused.message.as_str()),
        (
            Some(true),
            "Issued",
            "credential k2 is in Secret ai-gateway-search; k1 was replaced and ends once it was not used for 24h, or at 2027-01-22T08:00:00Z"
        )
    );
    let in_use = told(&[("k1", 5)]);
    assert_eq!((in_use.status, in_use.reason), (Some(true), "OldKeyInUse"));
    assert!(in_use.message.contains("k1 was replaced and is still used: restart"), "{}", in_use.message);
    assert_eq!(in_use, told(&[("k1", 3 * DAY), ("k2", 9)]));
    let due = condition(&tenant, InForce { policy: &policy, reading: &reading(&[]) }, NOW + 30 * DAY);
    assert!(due.message.ends_with("the next rotation waits for that, or for spec.apiKey.overlap to be shorter"));
}

#[test]
fn the_last_use_is_shown_coarsely() {
    let (tenant, policy) = (tenant(), policy());
    let look = |uses: &[(&str, i64)], previous: Option<&CredentialsStatus>| {
        shown(&tenant, InForce { policy: &policy, reading: &reading(uses) }, previous)
    };
    let first = look(&[("k1", 10), ("k2", 20)], None);
    assert_eq!(first.rotates_at.as_deref(), Some("2027-02-14T08:00:00Z"));
    assert_eq!(first.keys[1].last_used.as_deref(), Some("2027-01-15T08:00:10Z"));
    assert_eq!((first.keys[1].state.as_str(), first.keys[1].retires_at.is_some()), ("Retiring", true));
    // Within the hour and the day nothing moves.
    assert_eq!(look(&[("k1", 10 + 3_599), ("k2", 20 + DAY - 1)], Some(&first)), first);
    let later = look(&[("k1", 10 + 3_600), ("k2", 20 + DAY)], Some(&first));
    assert!(later.keys[0].last_used != first.keys[0].last_used && later.keys[1].last_used != first.keys[1].last_used);
}

#[test]
fn a_rotation_is_told_once_and_only_where_there_was_another_key() {
    let (tenant, now) = (tenant(), reading(&[]));
    let after = shown(&tenant, InForce { policy: &policy(), reading: &now }, None);
    let mut earlier = policy();
    earlier.keys = vec![KeyHash { not_after: None, ..earlier.keys[1].clone() }];
    let before = shown(&tenant, InForce { policy: &earlier, reading: &now }, None);
    let told = rotated(Some(&before), Some(&after)).unwrap();
    assert!(told.starts_with("credential k2 is in Secret ai-gateway-search and replaces k1, which is accepted until"));
    assert_eq!(rotated(Some(&after), Some(&after)), None);
    assert_eq!(rotated(None, Some(&after)), None);
    assert_eq!(rotated(Some(&before), None), None);
}
