use serde_json::json;

use super::*;

const HOUR: i64 = 3_600;

fn key(id: &str) -> Value {
    json!({"kty": "RSA", "kid": id, "use": "sig", "alg": "RS256", "n": "AQAB", "e": "AQAB"})
}

fn set(ids: &[&str]) -> Vec<Map<String, Value>> {
    keys(&json!({"keys": ids.iter().map(|id| key(id)).collect::<Vec<_>>()}).to_string()).unwrap()
}

fn ids(mirror: &KeyMirror) -> Vec<(&str, Option<i64>)> {
    mirror.keys.iter().map(|key| (id(&key.jwk).unwrap(), key.removed_at)).collect()
}

#[test]
fn a_discovery_document_must_be_the_issuers_own() {
    let document = |issuer: &str, keys: &str| json!({"issuer": issuer, "jwks_uri": keys}).to_string();
    let good = document("https://i", "https://i/keys");
    assert_eq!(discovery(&good, Some("https://i")), Ok(("https://i".into(), "https://i/keys".into())));
    assert_eq!(discovery(&good, Some("https://i/")), Err(IssuerProblem::OtherIssuer));
    assert_eq!(discovery(&document("https://i", "http://i"), Some("https://i")), Err(IssuerProblem::Insecure));
    assert_eq!(
        discovery(&document("https://c", "http://10.0.0.1"), None),
        Ok(("https://c".into(), "http://10.0.0.1".into()))
    );
    for text in ["", "[]", "{}", r#"{"issuer":1,"jwks_uri":"https://i"}"#, "<html>"] {
        assert_eq!(discovery(text, None), Err(IssuerProblem::Discovery), "{text}");
    }
}

#[test]
fn only_public_keys_for_signatures_with_an_id_are_kept_and_only_what_is_public_of_them() {
    let mut private = key("a");
    private["d"] = "secret".into();
    private["x5c"] = json!(["MIIB"]);
    let mut encrypts = key("b");
    encrypts["use"] = "enc".into();
    let mut nameless = key("c");
    nameless.as_object_mut().unwrap().remove("kid");
    let mut huge = key("d");
    huge["n"] = "x".repeat(LONGEST_KEY).into();
    let symmetric = json!({"kty": "oct", "kid": "e", "k": "secret"});
    let text = json!({"keys": [huge, symmetric, nameless, encrypts, private, 7, key("")]}).to_string();
    let kept = keys(&text).unwrap();
    assert_eq!(kept, [key("a").as_object().unwrap().clone()]);
    assert_eq!(keys(r#"{"keys":[]}"#), Err(IssuerProblem::NoKey));
    assert_eq!(keys(r#"{"keys":{}}"#), Err(IssuerProblem::KeySet));
    assert_eq!(keys("oops"), Err(IssuerProblem::KeySet));
    let many: Vec<Value> = (0..200).map(|number| key(&number.to_string())).collect();
    assert_eq!(keys(&json!({"keys": many}).to_string()).unwrap().len(), MOST_KEYS);
}

#[test]
fn a_removed_key_stays_for_a_day_from_when_it_was_missed() {
    let first = mirrored(None, "i", set(&["a", "b"]), 0);
    assert_eq!(ids(&first), [("a", None), ("b", None)]);
    let second = mirrored(Some(&first), "i", set(&["b", "c"]), HOUR);
    assert_eq!(ids(&second), [("b", None), ("c", None), ("a", Some(HOUR))]);
    let third = mirrored(Some(&second), "i", set(&["c"]), 24 * HOUR);
    assert_eq!(ids(&third), [("c", None), ("b", Some(24 * HOUR)), ("a", Some(HOUR))]);
    let fourth = mirrored(Some(&third), "i", set(&["a", "c"]), 25 * HOUR);
    assert_eq!(ids(&fourth), [("a", None), ("c", None), ("b", Some(24 * HOUR))], "a came back");
    let fifth = mirrored(Some(&fourth), "i", set(&["c"]), 48 * HOUR);
    assert_eq!(ids(&fifth), [("c", None), ("a", Some(48 * HOUR))]);
    assert_eq!(ids(&mirrored(Some(&fifth), "j", set(&["x"]), 48 * HOUR)), [("x", None)], "another issuer");
}

#[test]
fn an_issuer_that_cannot_be_read_is_told_of_when_it_is_overdue() {
    let issuer = |mirror: Option<i64>, problem: Option<&str>| ObservedIssuer {
        key: "corp".into(),
        mirror: mirror.map(|at| mirrored(None, "i", set(&["a"]), at)),
        problem: problem.map(str::to_owned),
    };
    let told = |issuer: ObservedIssuer, now: i64| {
        let condition = condition(&[issuer], now).unwrap();
        (condition.status.unwrap(), condition.message)
    };
    assert!(condition(&[], 0).is_none());
    assert!(told(issuer(Some(0), None), 0).0);
    assert!(told(issuer(Some(0), Some("it does not answer")), OVERDUE_SECONDS - 1).0);
    let (ready, message) = told(issuer(Some(0), Some("it does not answer")), OVERDUE_SECONDS);
    assert!(!ready && message.contains("it does not answer; last read 1970-01-01T00:00:00Z"), "{message}");
    assert!(!message.contains("refused"));
    assert!(told(issuer(Some(0), Some("x")), STALE_SECONDS).1.contains("refused"));
    assert!(told(issuer(None, Some("x")), 0).1.contains("refused"));
}
