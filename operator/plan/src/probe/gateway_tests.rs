use serde_json::json;

use super::*;
use crate::gateway::fixtures::{identity as gateway, valid};

fn answer(status: u16, refused_by: Option<&str>, body: &str) -> Answer {
    Answer { status, refused_by: refused_by.map(str::to_owned), body: body.to_owned() }
}

fn reason_of(finding: Option<&Finding>) -> &'static str {
    match finding {
        None => "right",
        Some(Finding::Passed(_)) => "passed",
        Some(Finding::Failed { reason, .. } | Finding::Unknown { reason, .. }) => reason,
        Some(Finding::Unclear(_)) => "unclear",
    }
}

fn report_of(table: &str, bedrock: &str) -> &'static str {
    let body = json!({"table": table, "bedrock": bedrock}).to_string();
    reason_of(report(&answer(200, None, &body), Some("m"), false).as_ref())
}

#[test]
fn each_part_of_the_way_has_its_reason() {
    let kinds = [
        ("UNAUTHORIZED", "CredentialRefused"),
        ("ACCESS_DENIED", "CredentialRefused"),
        ("INVALID_API_KEY", "PlanNotAttached"),
        ("AUTHORIZER_CONFIGURATION_ERROR", "PermissionMissing"),
        ("AUTHORIZER_FAILURE", "TableUnreachable"),
        ("API_CONFIGURATION_ERROR", "PermissionMissing"),
        ("INTEGRATION_FAILURE", "ForwarderFailed"),
        ("DEFAULT_5XX", "ForwarderFailed"),
        ("THROTTLED", "unclear"),
        ("MISSING_AUTHENTICATION_TOKEN", "unclear"),
    ];
    for (kind, expected) in kinds {
        let found = answer(503, Some(kind), "");
        for judged in [report(&found, None, true), usage(&found), model_denial(&found)] {
            assert_eq!(reason_of(judged.as_ref()), expected, "{kind}");
        }
    }
}

#[test]
fn the_forwarders_report_decides_by_its_first_problem() {
    assert_eq!(report_of("Counted", "Callable"), "right");
    assert_eq!(report_of("Counted", "NotAsked"), "right");
    assert_eq!(report_of("Denied", "ModelDenied"), "RoleDenied");
    assert_eq!(report_of("Unreachable", "Callable"), "TableUnreachable");
    assert_eq!(report_of("Counted", "RoleDenied"), "RoleDenied");
    assert_eq!(report_of("Counted", "ModelDenied"), "ModelDenied");
    assert_eq!(report_of("Counted", "Unreachable"), "BedrockUnreachable");
    assert_eq!(report_of("Later", "Callable"), "unclear");
    let own = |status| reason_of(report(&answer(status, None, "{}"), None, false).as_ref());
    assert_eq!(
        [404, 503, 403, 200, 500].map(own),
        ["unclear", "TableUnreachable", "CredentialRefused", "ForwarderFailed", "ForwarderFailed"]
    );
}

#[test]
fn a_credential_of_nobodys_has_to_be_refused_by_the_authorizer() {
    let judged = |status, kind| reason_of(refusal(&answer(status, kind, "")).as_ref());
    assert_eq!(judged(401, Some("UNAUTHORIZED")), "right");
    assert_eq!(judged(403, Some("ACCESS_DENIED")), "SourceNotAllowed");
    assert_eq!(judged(403, Some("INVALID_API_KEY")), "AuthorizerFailed");
    assert_eq!(judged(200, None), "NotRefused");
    assert_eq!(judged(503, Some("AUTHORIZER_FAILURE")), "TableUnreachable");
    assert_eq!(reason_of(running(&answer(503, Some("AUTHORIZER_FAILURE"), "")).as_ref()), "AuthorizerFailed");
    assert_eq!(reason_of(running(&answer(401, Some("UNAUTHORIZED"), "")).as_ref()), "right");
    assert_eq!(judged(503, Some("AUTHORIZER_CONFIGURATION_ERROR")), "PermissionMissing");
    assert_eq!(judged(502, None), "ForwarderFailed");
}

#[test]
fn a_model_that_is_not_allowed_must_not_reach_bedrock() {
    let judged = |status| reason_of(model_denial(&answer(status, None, "")).as_ref());
    assert_eq!(
        [403, 200, 400, 404, 503, 429].map(judged),
        ["right", "NotRefused", "NotRefused", "NotRefused", "TableUnreachable", "unclear"]
    );
}

#[test]
fn a_gateway_is_asked_four_times_and_no_request_shows_a_secret() {
    let valid = valid(json!({
        "region": "eu-central-1", "accountId": "111122223333", "stages": [{"name": "v1"}],
        "endpoint": {"type": "Regional"}, "tenants": {"rules": []},
        "tiers": [{"name": "bronze", "plan": {"requestsPerSecond": 1, "burst": 1}}],
    }));
    let credential = Credential::new(&gateway().probe_id(), "k1", &[7; 32]).unwrap();
    let checks = checks("https://h/v1", &gateway(), &valid, &credential);
    let urls: Vec<_> = checks.iter().map(|check| check.request.url.as_str()).collect();
    assert_eq!(
        urls,
        [
            "https://h/v1/.aigw/probe",
            "https://h/v1/.aigw/probe",
            "https://h/v1/.aigw/probe",
            "https://h/v1/bedrock-runtime/model/aigw.none/invoke"
        ]
    );
    assert_eq!(checks[0].request.presented, Presented::Nonsense);
    assert_ne!(checks[1].request.presented, Presented::Credential(credential.clone()));
    let secret = credential.expose().rsplit('_').next().unwrap();
    assert!(!format!("{checks:?}").contains(secret));
    assert!(matches!(shown(&checks), Finding::Passed(text) if text.contains("counted")));
}

#[test]
fn a_call_without_the_guardrail_has_to_be_denied_to_the_role() {
    let judged = |unguarded: Option<&str>, guarded| {
        let mut body = json!({"table": "Counted", "bedrock": "Callable"});
        body.as_object_mut().unwrap().extend(unguarded.map(|said| ("unguarded".to_owned(), json!(said))));
        reason_of(report(&answer(200, None, &body.to_string()), Some("m"), guarded).as_ref())
    };
    assert_eq!(judged(Some("RoleDenied"), true), "right");
    assert_eq!(judged(Some("Callable"), true), "GuardrailNotEnforced");
    for told in [None, Some("Unreachable"), Some("NotAsked"), Some("ModelDenied"), Some("Later")] {
        assert_eq!(judged(told, true), "unclear", "{told:?}");
    }
    // On the way from none to one the role denies nothing yet, and without one nothing is to be denied.
    assert_eq!(judged(Some("Callable"), false), "right");
    assert_eq!(judged(None, false), "right");
}
