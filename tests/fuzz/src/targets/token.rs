//! Credentials: nothing opens the gateway but what was signed by one of the issuer's keys, or made as a key.
//!
//! The first byte chooses the way in: a header's value as it comes, a good token that is edited, texts signed well,
//! a key that is none of the issuer's, a key credential.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};
use std::time::{SystemTime, UNIX_EPOCH};

use aigw_contract::identity::Identity;
use aigw_contract::issuer::Algorithm;
use aigw_contract::{Credential, issuer, redacted, table};
use aigw_forwarder::authorize::{Authorization, Verdict};
use aigw_forwarder::jwt::{Token, Trust};
use aigw_forwarder::table::{Item, Table};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{Ed25519KeyPair, KeyPair};
use serde_json::{Map, Value, json};
use tokio::runtime::Runtime;

use crate::input::Input;
use crate::issuer::{Signer, encode};

const NOW: i64 = 1_800_000_000;
/// Later than any run.
const END: i64 = 4_000_000_000;
const ISSUER: &str = "https://login.example.com";
const AUDIENCE: &str = "ai-gateway";

/// Who signs, what was signed, and who trusts it.
struct World {
    keys: Vec<Map<String, Value>>,
    /// Good tokens, each with the number of its key.
    tokens: Vec<(usize, String)>,
    credential: Credential,
    /// The one key here that never changes.
    edwards: Ed25519KeyPair,
    authorization: Authorization,
    runtime: Runtime,
}

static WORLD: LazyLock<World> = LazyLock::new(World::new);

impl World {
    fn new() -> Self {
        let mut keys = Vec::new();
        let mut tokens = Vec::new();
        for (number, name) in ["RS256", "PS384", "ES256", "ES384", "EdDSA"].into_iter().enumerate() {
            let signer = Signer::new(name, &format!("k{number}"));
            keys.push(signer.jwk().as_object().expect("an object").clone());
            tokens.push((number, signer.token(&claims())));
            tokens.push((
                number,
                signer.token(&json!({ "iss": ISSUER, "aud": ["x", AUDIENCE], "sub": "b", "exp": END })),
            ));
        }
        let edwards = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).expect("a key");
        let own = json!({ "kty": "OKP", "crv": "Ed25519", "kid": "own", "x": encode(edwards.public_key()) });
        keys.push(own.as_object().expect("an object").clone());
        let credential = Credential::new("t1", "k1", &[7; 32]).expect("a credential");
        // The RSA key is the same in every run and PSS signatures are not, so a corpus has good ones of earlier runs.
        let mirrored: Vec<_> = keys.iter().filter(|key| key.get("alg") != Some(&"PS384".into())).cloned().collect();
        let authorization = Authorization::new(Arc::new(Table::fixed(items(&mirrored, &credential))));
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        Self { keys, tokens, credential, edwards, authorization, runtime }
    }

    fn keys(&self) -> Vec<&Map<String, Value>> {
        self.keys.iter().collect()
    }

    fn is_good(&self, text: &str) -> bool {
        self.tokens.iter().any(|(_, token)| token == text)
    }
}

/// Whether the issuer's keys verify a token.
fn accepts(text: &str, keys: &[&Map<String, Value>]) -> bool {
    let audiences = [AUDIENCE.to_owned()];
    let trust = Trust { issuer: ISSUER, audiences: &audiences, algorithms: &Algorithm::ALL, keys };
    Token::parse(text).is_ok_and(|token| token.verify(&trust, NOW).is_ok())
}

fn claims() -> Value {
    json!({ "iss": ISSUER, "aud": AUDIENCE, "sub": "alice", "exp": END, "nbf": 1, "iat": 1, "groups": ["team", "x"] })
}

/// A table of one tenant that has a key and an identity.
fn items(keys: &[Map<String, Value>], credential: &Credential) -> HashMap<(String, String), Item> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |age| age.as_secs());
    let identity = Identity::Jwt { issuer: "corp", claim: "groups", value: "team" }.hash();
    let entry: issuer::Issuer = serde_json::from_value(json!({
        "name": "corp", "kind": "jwt", "issuer": ISSUER, "audiences": [AUDIENCE], "algorithms": Algorithm::ALL,
        "claims": [{ "claim": "groups", "values": ["team*"] }],
    }))
    .expect("an issuer");
    let config = json!({ "restApiId": "r", "stages": ["v1"], "families": ["bedrock-runtime"], "issuers": [entry] });
    let keys: Vec<Value> = keys.iter().map(|key| json!({ "jwk": key })).collect();
    let mirror = json!({ "issuer": ISSUER, "fetchedAt": now, "keys": keys });
    let policy = json!({
        "namespace": "n", "name": "t", "tier": "x", "usageKey": "u", "identities": [{ "hash": identity }],
        "keys": [{ "id": credential.key(), "sha256": credential.sha256() }],
    });
    let claim = json!({ "tenant": "t1" });
    let place = |partition: &str, sort: &str, document: &Value| {
        let item = json!({
            table::PK: { "S": partition }, table::DOCUMENT: { "S": document.to_string() }, table::VERSION: { "N": "1" },
        });
        ((partition.to_owned(), sort.to_owned()), serde_json::from_value(item).expect("an item"))
    };
    HashMap::from([
        place(table::GATEWAY_PK, table::CONFIG_SK, &config),
        place(table::GATEWAY_PK, &table::jwks_sk(&entry.key()), &mirror),
        place(&table::tenant_pk("t1"), table::POLICY_SK, &policy),
        place(&table::identity_pk(&identity), table::IDENTITY_SK, &claim),
    ])
}

/// Presents something.
pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    match input.byte() % 5 {
        0 => presented(input),
        1 => edited(input),
        2 => signed(input),
        3 => keyed(input),
        _ => credential(input),
    }
}

/// The lines of the input as values of the header.
fn presented(input: Input<'_>) {
    let Ok(text) = str::from_utf8(input.rest()) else { return };
    let world = &*WORLD;
    let values: Vec<&str> = text.split('\n').collect();
    let verdict = world.runtime.block_on(world.authorization.decide(values.iter().copied()));
    match verdict.expect("the table is there") {
        Verdict::Unauthorized(_) => {}
        Verdict::Allow { identity, usage_key } => {
            assert_eq!((identity.tenant.as_str(), usage_key.as_str()), ("t1", "u"));
            assert_eq!(values.len(), 1, "one value");
            let presented = values[0].trim().split_once(' ').map(|(_, text)| text.trim_start());
            let good = presented.is_some_and(|text| text == world.credential.expose() || world.is_good(text));
            assert!(good, "let in");
        }
        Verdict::Deny { .. } => panic!("nobody is suspended"),
    }
}

/// A good token with some bytes replaced, removed or put in.
fn edited(mut input: Input<'_>) {
    let world = &*WORLD;
    let (_, token) = input.choose(&world.tokens);
    let mut bytes = token.clone().into_bytes();
    while !input.is_empty() {
        let (way, at) = (input.byte(), usize::from(input.byte()) << 8 | usize::from(input.byte()));
        let at = at % bytes.len().max(1);
        match way % 3 {
            0 if at < bytes.len() => bytes[at] = input.byte(),
            1 if at < bytes.len() => drop(bytes.remove(at)),
            _ => bytes.insert(at, input.byte()),
        }
    }
    let Ok(text) = String::from_utf8(bytes) else { return };
    assert_eq!(accepts(&text, &world.keys()), world.is_good(&text), "a good token, and no other");
}

/// Header and claims of the input's own, signed as they are.
fn signed(mut input: Input<'_>) {
    let world = &*WORLD;
    let (header, payload) = (input.until(b'\n'), input.rest());
    let message = format!("{}.{}", encode(header), encode(payload));
    let token = format!("{message}.{}", encode(world.edwards.sign(message.as_bytes())));
    if !accepts(&token, &world.keys()) {
        return;
    }
    let object = |bytes| serde_json::from_slice::<Map<String, Value>>(bytes).expect("an object");
    let (header, claims) = (object(header), object(payload));
    assert_eq!((&header["alg"], &header["kid"]), (&"EdDSA".into(), &"own".into()));
    assert!(["crit", "b64", "enc", "zip", "cty"].iter().all(|name| !header.contains_key(*name)));
    assert_eq!(claims["iss"], ISSUER);
    let aud = &claims["aud"];
    assert!(aud == AUDIENCE || aud.as_array().is_some_and(|list| list.iter().any(|one| one == AUDIENCE)));
    assert!(claims["sub"].as_str().is_some_and(|subject| !subject.is_empty()));
    #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
    let now = NOW as f64;
    assert!(claims["exp"].as_f64().is_some_and(|end| end > now), "not over");
    assert!(claims.get("nbf").is_none_or(|begin| begin.as_f64().is_some_and(|begin| begin <= now + 30.0)));
}

/// A good token against a key of the input's own.
fn keyed(mut input: Input<'_>) {
    let world = &*WORLD;
    let (number, token) = input.choose(&world.tokens);
    let Ok(key) = serde_json::from_slice::<Map<String, Value>>(input.rest()) else { return };
    let genuine = &world.keys[*number];
    // A number's leading zeros do not matter, those of a point do.
    let part = |key: &Map<String, Value>, name: &str| {
        let mut bytes = URL_SAFE_NO_PAD.decode(key.get(name)?.as_str()?).ok()?;
        if ["n", "e"].contains(&name) {
            let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
            bytes.drain(..zeros);
        }
        Some(bytes)
    };
    let same_text = ["kty", "crv", "kid"].iter().all(|name| key.get(*name) == genuine.get(*name) || *name == "crv");
    let same = same_text
        && ["n", "e", "x", "y"]
            .iter()
            .all(|name| part(genuine, name).is_none_or(|genuine| part(&key, name) == Some(genuine)));
    assert!(!accepts(token, &[&key]) || same, "verified by another key");
    // Beside the genuine ones it must not matter at all, unless it takes the place of one.
    if world.keys.iter().all(|other| other.get("kid") != key.get("kid")) {
        let mut keys = world.keys();
        keys.push(&key);
        assert!(accepts(token, &keys), "a key of another id does no harm");
    }
}

/// A text as a key credential, and a credential made of texts.
fn credential(mut input: Input<'_>) {
    let Ok(text) = str::from_utf8(input.rest()) else { return };
    if let Ok(parsed) = Credential::parse(text) {
        assert_eq!(parsed.expose(), text);
        assert_eq!(parsed.matches(&WORLD.credential.sha256()), text == WORLD.credential.expose());
    }
    let random = [input.byte(); 32];
    let (tenant, key) = (input.until(b'_'), input.until(b'_'));
    let (Ok(tenant), Ok(key)) = (str::from_utf8(tenant), str::from_utf8(key)) else { return };
    let Ok(made) = Credential::new(tenant, key, &random) else { return };
    assert_eq!((made.tenant(), made.key()), (tenant, key), "it names who it was made for");
    let parsed = Credential::parse(made.expose()).expect("it parses back");
    assert!(parsed.matches(&made.sha256()));
    let secret = made.expose().rsplit('_').next().expect("a secret");
    // A secret without its beginning is text like any other, and the fuzzer does find it.
    let around = str::from_utf8(input.rest()).ok().filter(|around| !around.contains(secret)).unwrap_or_default();
    let told = format!("{around}{} {around}", made.expose());
    assert!(!redacted(&told).contains(secret), "the secret is taken out of messages");
}

/// Good credentials and tokens of all kinds, and the classic attacks.
pub fn seeds() -> Vec<Vec<u8>> {
    let world = &*WORLD;
    let mut seeds: Vec<Vec<u8>> = Vec::new();
    let mut add = |way: u8, text: String| seeds.push([&[way], text.as_bytes()].concat());
    add(0, format!("Bearer {}", world.credential.expose()));
    add(0, format!(" bearer   {} ", world.credential.expose()));
    for (number, (_, token)) in world.tokens.iter().enumerate() {
        let index = char::from(u8::try_from(number).unwrap_or_default());
        add(0, format!("Bearer {token}"));
        add(1, format!("{index}"));
        add(1, format!("{index}\0\0\x05A\x01\0\x09\x02\0\x10."));
    }
    for (number, key) in world.keys.iter().take(5).enumerate() {
        let index = char::from(u8::try_from(number * 2).unwrap_or_default());
        add(3, format!("{index}{}", Value::Object(key.clone())));
    }
    for header in [
        r#"{"alg":"EdDSA","kid":"own","typ":"JWT"}"#,
        r#"{"alg":"none","kid":"own"}"#,
        r#"{"alg":"EdDSA","kid":"own","crit":["exp"],"b64":false}"#,
        r#"{"alg":"EdDSA","kid":"own","jwk":{"kty":"OKP"}}"#,
    ] {
        add(2, format!("{header}\n{}", claims()));
    }
    let header = r#"{"alg":"EdDSA","kid":"own"}"#;
    for payload in [
        r#"{"iss":"https://login.example.com","aud":["ai-gateway"],"sub":"s","exp":1800000000.5}"#,
        r#"{"iss":"https://login.example.com","aud":"ai-gateway","sub":"s","exp":1e300,"exp":2}"#,
        r#"{"iss":"https://login.example.com","aud":"ai-gateway","sub":"\u00e9","exp":4000000000,"nbf":1800000031}"#,
    ] {
        add(2, format!("{header}\n{payload}"));
    }
    add(4, world.credential.expose().to_owned());
    add(4, "xt1_k1_Invalid value: aigw_a_b_".to_owned());
    add(4, "xteam-a_k12_YWlnd1".to_owned());
    seeds
}
