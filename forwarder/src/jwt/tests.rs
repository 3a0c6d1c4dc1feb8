//! What is accepted, and everything known that must not be. Each attack begins with a token that is accepted.

use aigw_contract::issuer::Algorithm;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::{MAX_TOKEN, Refused, Token, Trust};
use issuer::{Signer, encode};

#[path = "../../tests/data_plane/support/issuer.rs"]
mod issuer;

const ALGORITHMS: [&str; 9] = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"];
const NOW: i64 = 1_800_000_000;
const ISSUER: &str = "https://login.example.com";

fn claims() -> Value {
    json!({ "iss": ISSUER, "aud": "ai-gateway", "sub": "alice", "exp": NOW + 300, "nbf": NOW, "iat": NOW, "groups": ["a"] })
}

/// Whether a gateway that trusts `keys` for `algorithms` takes the token.
fn verdict(token: &str, keys: &[Value], algorithms: &[Algorithm], now: i64) -> Result<(String, i64), Refused> {
    let keys: Vec<Map<String, Value>> = keys.iter().map(|key| key.as_object().unwrap().clone()).collect();
    let keys: Vec<&Map<String, Value>> = keys.iter().collect();
    let audiences = ["other".to_owned(), "ai-gateway".to_owned()];
    let trust = Trust { issuer: ISSUER, audiences: &audiences, algorithms, keys: &keys };
    let token = Token::parse(token)?;
    let claims = token.verify(&trust, now)?;
    Ok((claims.subject.to_owned(), claims.expires))
}

fn accepted(token: &str, keys: &[Value], algorithms: &[Algorithm]) -> bool {
    verdict(token, keys, algorithms, NOW).is_ok()
}

fn algorithm(name: &str) -> Algorithm {
    Algorithm::named(name).unwrap()
}

fn with(mut value: Value, name: &str, new: Value) -> Value {
    value[name] = new;
    value
}

fn without(mut value: Value, name: &str) -> Value {
    value.as_object_mut().unwrap().remove(name);
    value
}

#[test]
fn a_good_token_of_every_algorithm_is_accepted() {
    for name in ALGORITHMS {
        let signer = Signer::new(name, "k1");
        let token = signer.token(&claims());
        let verdict = verdict(&token, &[signer.jwk()], &[algorithm(name)], NOW);
        assert_eq!(verdict, Ok(("alice".into(), NOW + 300)), "{name}");
    }
}

#[test]
fn no_single_bit_of_a_good_token_can_be_flipped() {
    let mut flips = 0;
    for name in ALGORITHMS {
        let signer = Signer::new(name, "k1");
        let token = signer.token(&claims());
        let keys = [signer.jwk()];
        for bit in 0..token.len() * 8 {
            let mut bytes = token.clone().into_bytes();
            bytes[bit / 8] ^= 1 << (bit % 8);
            // What is no text is no header value either.
            let Ok(flipped) = String::from_utf8(bytes) else { continue };
            assert!(!accepted(&flipped, &keys, &Algorithm::ALL), "{name}: bit {bit}");
            flips += 1;
        }
    }
    println!("flipped bits refused: {flips}");
    assert!(flips > 20_000);
}

/// Tokens that are signed well and say what must not be accepted.
fn bad_claims() -> Vec<(&'static str, Value)> {
    let mut cases = vec![
        ("expired", with(claims(), "exp", (NOW - 1).into())),
        ("expires now", with(claims(), "exp", NOW.into())),
        ("exp as text", with(claims(), "exp", (NOW + 300).to_string().into())),
        ("exp beyond numbers", with(claims(), "exp", json!(1e300))),
        ("negative exp", with(claims(), "exp", (-1).into())),
        ("null exp", with(claims(), "exp", Value::Null)),
        ("exp in a list", with(claims(), "exp", json!([NOW + 300]))),
        ("not valid yet", with(claims(), "nbf", (NOW + 31).into())),
        ("nbf as text", with(claims(), "nbf", "0".into())),
        ("null nbf", with(claims(), "nbf", Value::Null)),
        ("iat as text", with(claims(), "iat", "0".into())),
        ("issuer with a slash", with(claims(), "iss", format!("{ISSUER}/").into())),
        ("issuer in capitals", with(claims(), "iss", ISSUER.to_uppercase().into())),
        ("issuer in a list", with(claims(), "iss", json!([ISSUER]))),
        ("issuer with a zero byte", with(claims(), "iss", format!("{ISSUER}\u{0}").into())),
        ("another audience", with(claims(), "aud", "ai-gateway-2".into())),
        ("audience as a prefix", with(claims(), "aud", "ai".into())),
        ("audience with a space", with(claims(), "aud", "ai-gateway ".into())),
        ("audiences in one text", with(claims(), "aud", "x ai-gateway".into())),
        ("no audience in the list", with(claims(), "aud", json!([]))),
        ("another audience in the list", with(claims(), "aud", json!(["x", "y"]))),
        ("not only texts in the list", with(claims(), "aud", json!(["ai-gateway", 1]))),
        ("a list in the list", with(claims(), "aud", json!([["ai-gateway"]]))),
        ("audience as an object", with(claims(), "aud", json!({ "ai-gateway": 1 }))),
        ("audience true", with(claims(), "aud", true.into())),
        ("empty subject", with(claims(), "sub", "".into())),
        ("subject as a number", with(claims(), "sub", 7.into())),
        ("long subject", with(claims(), "sub", "x".repeat(1_025).into())),
    ];
    for name in ["exp", "iss", "aud", "sub"] {
        cases.push((name, without(claims(), name)));
    }
    cases
}

#[test]
fn claims_that_are_missing_or_wrong_are_refused() {
    let signer = Signer::new("ES256", "k1");
    let keys = [signer.jwk()];
    for (what, claims) in bad_claims() {
        assert!(!accepted(&signer.token(&claims), &keys, &[Algorithm::ES256]), "{what}");
    }
    println!("tokens with bad claims refused: {}", bad_claims().len());
    for (what, claims) in [
        ("audience in a list", with(claims(), "aud", json!(["x", "ai-gateway"]))),
        ("the other audience", with(claims(), "aud", "other".into())),
        ("a clock ahead", with(claims(), "nbf", (NOW + 30).into())),
        ("no nbf, no iat", without(without(claims(), "nbf"), "iat")),
        ("a fraction", with(claims(), "exp", json!(1_800_000_000.5))),
    ] {
        assert!(accepted(&signer.token(&claims), &keys, &[Algorithm::ES256]), "{what}");
    }
}

#[test]
fn headers_that_mean_something_else_are_refused_and_keys_in_headers_are_ignored() {
    let signer = Signer::new("ES256", "k1");
    let other = Signer::new("ES256", "k1");
    let keys = [signer.jwk()];
    let payload = claims().to_string();
    let embedded = [
        ("jwk", other.jwk()),
        ("jku", "https://evil.example/jwks".into()),
        ("x5u", "https://evil.example/cert".into()),
        ("x5c", json!(["MIIB"])),
        ("x5t", "AAAA".into()),
        ("x5t#S256", "AAAA".into()),
    ];
    for (name, value) in embedded {
        let header = with(signer.header(), name, value).to_string();
        assert!(accepted(&signer.signed(&header, &payload), &keys, &[Algorithm::ES256]), "{name} is of no effect");
        assert!(!accepted(&other.signed(&header, &payload), &keys, &[Algorithm::ES256]), "{name}");
    }
    let mut refused = 0;
    let mut refuse = |what: &str, header: Value| {
        let token = signer.signed(&header.to_string(), &payload);
        assert!(!accepted(&token, &keys, &Algorithm::ALL), "{what}");
        refused += 1;
    };
    for name in
        ["none", "None", "NONE", "nOnE", "HS256", "HS384", "HS512", "ES512", "ES256K", "es256", "RS1", "", "ES256 "]
    {
        refuse(name, with(signer.header(), "alg", name.into()));
    }
    refuse("no alg", without(signer.header(), "alg"));
    refuse("alg in a list", with(signer.header(), "alg", json!(["ES256"])));
    for name in
        ["k2", "K1", "", "../k1", "k1/../k1", "k1\u{0}", "/dev/null", "k1' OR '1'='1", "*", "k1|k1", "https://k1"]
    {
        refuse(name, with(signer.header(), "kid", name.into()));
    }
    refuse("no kid", without(signer.header(), "kid"));
    refuse("kid as a number", with(signer.header(), "kid", 1.into()));
    for name in ["crit", "b64", "enc", "zip", "cty"] {
        for value in [json!([]), json!(["exp"]), json!(false), json!("JWT"), Value::Null] {
            refuse(name, with(signer.header(), name, value));
        }
    }
    for name in ["logout+jwt", "dpop+jwt", "secevent+jwt", "JOSE", "", "JWT "] {
        refuse(name, with(signer.header(), "typ", name.into()));
    }
    refuse("typ as a list", with(signer.header(), "typ", json!(["JWT"])));
    println!("tokens with bad headers refused: {refused}");
    for name in ["jwt", "at+JWT", "application/at+jwt"] {
        let header = with(signer.header(), "typ", name.into()).to_string();
        assert!(accepted(&signer.signed(&header, &payload), &keys, &[Algorithm::ES256]), "{name}");
    }
    let header = without(signer.header(), "typ").to_string();
    assert!(accepted(&signer.signed(&header, &payload), &keys, &[Algorithm::ES256]));
}

#[test]
fn an_algorithm_counts_only_with_its_own_key_and_where_the_issuer_lists_it() {
    let signers: Vec<Signer> = ALGORITHMS.into_iter().map(|name| Signer::new(name, "k1")).collect();
    let mut refused = 0;
    for signer in &signers {
        let token = signer.token(&claims());
        let own = algorithm(signer.algorithm);
        let others: Vec<_> = Algorithm::ALL.into_iter().filter(|other| *other != own).collect();
        assert!(!accepted(&token, &[signer.jwk()], &others), "{}: not listed", signer.algorithm);
        refused += 1;
        for other in signers.iter().filter(|other| other.algorithm != signer.algorithm) {
            // Its key, and its key in the guise of the token's algorithm.
            let mut keys = vec![other.jwk()];
            if other.jwk()["kty"] != signer.jwk()["kty"] || other.jwk()["crv"] != signer.jwk()["crv"] {
                keys.push(with(other.jwk(), "alg", signer.algorithm.into()));
                keys.push(without(other.jwk(), "alg"));
            }
            // The token in the guise of that key's algorithm.
            let header = with(signer.header(), "alg", other.algorithm.into()).to_string();
            let renamed = signer.signed(&header, &claims().to_string());
            for key in keys {
                let what = format!("{} with the key of {}: {key}", signer.algorithm, other.algorithm);
                assert!(!accepted(&token, std::slice::from_ref(&key), &Algorithm::ALL), "{what}");
                assert!(!accepted(&renamed, &[key], &Algorithm::ALL), "{what}, renamed");
                refused += 2;
            }
        }
    }
    println!("algorithm and key confusions refused: {refused}");
}

/// The public key as the secret of a MAC: the classic.
#[test]
fn a_mac_made_with_the_public_key_is_refused() {
    use ring::hmac;
    let signer = Signer::new("RS256", "k1");
    let jwk = signer.jwk();
    let texts = [jwk.to_string(), jwk["n"].as_str().unwrap().to_owned(), String::new()];
    for (name, kind) in [("HS256", hmac::HMAC_SHA256), ("HS384", hmac::HMAC_SHA384), ("RS256", hmac::HMAC_SHA256)] {
        for secret in &texts {
            let header = json!({ "alg": name, "kid": "k1" }).to_string();
            let message = format!("{}.{}", encode(header), encode(claims().to_string()));
            let mac = hmac::sign(&hmac::Key::new(kind, secret.as_bytes()), message.as_bytes());
            let token = format!("{message}.{}", encode(mac.as_ref()));
            let symmetric = json!({ "kty": "oct", "kid": "k1", "k": encode(secret) });
            assert!(!accepted(&token, std::slice::from_ref(&jwk), &Algorithm::ALL), "{name}");
            assert!(!accepted(&token, &[symmetric], &Algorithm::ALL), "{name}");
        }
    }
}

#[test]
fn keys_that_are_not_for_this_are_refused() {
    let mut refused = 0;
    for name in ALGORITHMS {
        let signer = Signer::new(name, "k1");
        let token = signer.token(&claims());
        let jwk = signer.jwk();
        let mut refuse = |what: &str, keys: &[Value]| {
            assert!(!accepted(&token, keys, &Algorithm::ALL), "{name}: {what}");
            refused += 1;
        };
        refuse("none", &[]);
        refuse("for encryption", &[with(jwk.clone(), "use", "enc".into())]);
        refuse("use as a list", &[with(jwk.clone(), "use", json!(["sig"]))]);
        refuse("to sign only", &[with(jwk.clone(), "key_ops", json!(["sign"]))]);
        refuse("key_ops as a text", &[with(jwk.clone(), "key_ops", "verify".into())]);
        refuse("another type", &[with(jwk.clone(), "kty", "oct".into())]);
        refuse(
            "type in small letters",
            &[with(jwk.clone(), "kty", jwk["kty"].as_str().unwrap().to_lowercase().into())],
        );
        refuse("no type", &[without(jwk.clone(), "kty")]);
        refuse("twice", &[jwk.clone(), jwk.clone()]);
        refuse("another id", &[with(jwk.clone(), "kid", "k2".into())]);
        for part in ["n", "e", "x", "y", "crv"].into_iter().filter(|part| jwk.get(*part).is_some()) {
            let value = jwk[part].as_str().unwrap().to_owned();
            refuse(part, &[without(jwk.clone(), part)]);
            refuse(part, &[with(jwk.clone(), part, "".into())]);
            refuse(part, &[with(jwk.clone(), part, format!("{value}=").into())]);
            refuse(part, &[with(jwk.clone(), part, format!("{value}AAAA").into())]);
            refuse(part, &[with(jwk.clone(), part, encode([0; 32]).into())]);
        }
        assert!(accepted(&token, &[with(jwk.clone(), "key_ops", json!(["verify"]))], &Algorithm::ALL), "{name}");
        let bare = without(without(jwk, "alg"), "use");
        assert!(accepted(&token, &[bare], &Algorithm::ALL), "{name}: a key need not say what it is for");
    }
    println!("unfit keys refused: {refused}");
    // Half as long as it has to be: with exponent one any signature could be made to fit.
    let small = json!({ "kty": "RSA", "kid": "k1", "n": encode([0xff; 128]), "e": "AQAB" });
    let one = with(Signer::new("RS256", "k1").jwk(), "e", "AQ".into());
    let token = Signer::new("RS256", "k1").token(&claims());
    assert!(!accepted(&token, &[small], &Algorithm::ALL) && !accepted(&token, &[one], &Algorithm::ALL));
}

#[test]
fn a_leading_zero_of_a_modulus_is_no_matter() {
    let signer = Signer::new("RS256", "k1");
    let n =
        base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, signer.jwk()["n"].as_str().unwrap());
    let padded = with(signer.jwk(), "n", encode([&[0][..], &n.unwrap()].concat()).into());
    assert!(accepted(&signer.token(&claims()), &[padded], &[Algorithm::RS256]));
}

#[test]
fn forms_that_are_not_the_compact_form_are_refused() {
    let signer = Signer::new("ES256", "k1");
    let keys = [signer.jwk()];
    let good = signer.token(&claims());
    let parts: Vec<&str> = good.split('.').collect();
    let (header, payload, signature) = (parts[0], parts[1], parts[2]);
    let own = signer.header().to_string();
    let text = claims().to_string();
    let twice = |name: &str| text.replacen('{', &format!("{{\"{name}\":{},", claims()[name]), 1);
    // An ECDSA signature in the form of X.509 instead of JOSE's.
    let zero = encode([0; 64]);
    let cases = [
        ("empty", String::new()),
        ("dots", "..".into()),
        ("unsigned", format!("{header}.{payload}.")),
        ("two parts", format!("{header}.{payload}")),
        ("four parts", format!("{good}.")),
        ("five parts", format!("{header}..{payload}.{signature}.")),
        ("leading dot", format!(".{good}")),
        ("padding", format!("{good}==")),
        ("padded payload", format!("{header}.{payload}=.{signature}")),
        ("a space", format!("{header}. {payload}.{signature}")),
        ("a line break", format!("{header}.{payload}.{signature}\n")),
        ("a tab", format!("{header}\t.{payload}.{signature}")),
        ("a zero byte", format!("{good}\u{0}")),
        ("a letter that looks like one", good.replacen('e', "\u{435}", 1)),
        ("the other alphabet", format!("{header}.{payload}.{}", signature.replace('-', "+").replace('_', "/") + "+/")),
        ("JSON serialisation", json!({ "payload": payload, "protected": header, "signature": signature }).to_string()),
        ("zero signature", format!("{header}.{payload}.{zero}")),
        ("short signature", format!("{header}.{payload}.{}", &signature[..84])),
        ("payload not an object", signer.signed(&own, "[]")),
        ("payload a text", signer.signed(&own, "\"x\"")),
        ("payload empty", signer.signed(&own, "")),
        ("payload followed by more", signer.signed(&own, &format!("{text}{{}}"))),
        ("payload with a mark", signer.signed(&own, &format!("\u{feff}{text}"))),
        ("header not an object", signer.signed("[]", &text)),
        ("header with alg twice", signer.signed(r#"{"alg":"none","alg":"ES256","kid":"k1"}"#, &text)),
        ("header with kid twice", signer.signed(r#"{"alg":"ES256","kid":"k2","kid":"k1"}"#, &text)),
        ("exp twice", signer.signed(&own, &twice("exp"))),
        ("sub twice", signer.signed(&own, &twice("sub"))),
        ("groups twice", signer.signed(&own, &twice("groups"))),
        ("aud twice, once escaped", signer.signed(&own, &text.replacen('{', "{\"\\u0061ud\":\"x\",", 1))),
        ("twice further down", signer.signed(&own, &text.replacen('{', "{\"x\":{\"y\":1,\"y\":2},", 1))),
        (
            "deep",
            signer.signed(&own, &text.replacen('{', &format!("{{\"x\":{}{},", "[".repeat(500), "]".repeat(500)), 1)),
        ),
        ("huge", signer.token(&with(claims(), "x", "x".repeat(MAX_TOKEN).into()))),
        ("huge key id", signer.signed(&with(signer.header(), "x", "x".repeat(MAX_TOKEN).into()).to_string(), &text)),
    ];
    assert!(accepted(&good, &keys, &[Algorithm::ES256]));
    for (what, token) in &cases {
        assert!(!accepted(token, &keys, &Algorithm::ALL), "{what}: {token}");
    }
    println!("malformed tokens refused: {}", cases.len());
    let spaced = format!(" \n{text} ");
    assert!(accepted(&signer.signed(&own, &spaced), &keys, &[Algorithm::ES256]), "white space within JSON is JSON");
}

#[test]
fn only_an_unknown_key_asks_for_another_look() {
    let signer = Signer::new("ES256", "k1");
    let token = signer.token(&claims());
    let of = |keys: &[Value]| verdict(&token, keys, &Algorithm::ALL, NOW).unwrap_err();
    assert_eq!(of(&[]), Refused::UnknownKey);
    assert_eq!(of(&[with(signer.jwk(), "kid", "k2".into())]), Refused::UnknownKey);
    assert_ne!(of(&[with(signer.jwk(), "use", "enc".into())]), Refused::UnknownKey);
}

#[test]
fn a_claims_texts_are_found_by_name_and_by_pointer() {
    let signer = Signer::new("ES256", "k1");
    let more = json!({ "realm": { "roles": ["r1", 2, "r3"], "a/b": "deep" }, "/odd": "no", "one": "x", "n": 3 });
    let mut all = claims();
    all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let (key, audiences) = (signer.jwk(), ["ai-gateway".to_owned()]);
    let keys = [key.as_object().unwrap()];
    let trust = Trust { issuer: ISSUER, audiences: &audiences, algorithms: &[Algorithm::ES256], keys: &keys };
    let text = signer.token(&all);
    let token = Token::parse(&text).unwrap();
    let claims = token.verify(&trust, NOW).unwrap();
    let texts = |claim: &str| claims.texts(claim).collect::<Vec<_>>();
    assert_eq!(texts("one"), ["x"]);
    assert_eq!(texts("groups"), ["a"]);
    assert_eq!(texts("/realm/roles"), ["r1", "r3"]);
    assert_eq!(texts("/realm/a~1b"), ["deep"]);
    assert_eq!(texts("/one"), ["x"]);
    for absent in ["n", "realm", "realm.roles", "/odd", "/realm", "/realm/roles/0/x", "", "/"] {
        assert_eq!(texts(absent), [""; 0], "{absent}");
    }
}

proptest! {
    #[test]
    fn arbitrary_text_is_refused_without_a_panic(text in "\\PC{0,200}") {
        prop_assert!(Token::parse(&text).is_err());
    }

    #[test]
    fn arbitrary_parts_are_refused_without_a_panic(header: Vec<u8>, payload: Vec<u8>, signature: Vec<u8>) {
        let text = format!("{}.{}.{}", encode(header), encode(payload), encode(signature));
        prop_assert!(Token::parse(&text).is_err());
    }

    #[test]
    fn arbitrary_claims_are_never_accepted_for_their_signature_alone(
        name in prop::sample::select(vec!["exp", "iss", "aud"]), value in arbitrary_json(),
    ) {
        let signer = Signer::new("ES256", "k1");
        let token = signer.token(&with(claims(), name, value.clone()));
        let taken = accepted(&token, &[signer.jwk()], &[Algorithm::ES256]);
        let fine = match name {
            "exp" => value.as_f64().is_some_and(|end| end > 1_800_000_000.0 && end < 9e15),
            "iss" => value == ISSUER,
            _ => value == "ai-gateway" || value == "other" || value.as_array().is_some_and(|list| {
                list.iter().all(Value::is_string) && list.iter().any(|one| one == "ai-gateway" || one == "other")
            }),
        };
        prop_assert_eq!(taken, fine, "{}", value);
    }
}

fn arbitrary_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (NOW - 1_000..NOW + 1_000).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[a-z]{0,4}".prop_map(Value::from),
        prop::sample::select(vec![ISSUER, "ai-gateway", "other"]).prop_map(Value::from),
    ];
    leaf.prop_recursive(2, 8, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::btree_map("[a-c]", inner, 0..3).prop_map(|map| json!(map)),
        ]
    })
}
