//! Tokens through the whole authorizer: from the issuer's mirrored keys to the tenant, and on to the forwarder.

use std::time::{SystemTime, UNIX_EPOCH};

use aigw_contract::identity::Identity;
use serde_json::{Value, json};

use crate::support::issuer::Signer;
use crate::support::world::{World, authorization, converse, error};

const CORP: &str = "https://login.example.com";
const CLUSTER: &str = "https://kubernetes.default.svc";

fn now() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()).unwrap()
}

/// A gateway that trusts an identity provider and a cluster.
struct Trusting {
    world: World,
    corp: Signer,
    cluster: Signer,
}

impl Trusting {
    async fn new() -> Self {
        let world = World::new().await;
        let trusting = Self { world, corp: Signer::new("RS256", "corp-1"), cluster: Signer::new("ES256", "sa-1") };
        trusting.configure();
        trusting.mirror("corp", CORP, &[trusting.corp.jwk()]);
        trusting.mirror("cluster/local", CLUSTER, &[trusting.cluster.jwk()]);
        trusting
    }

    fn configure(&self) {
        let issuers = json!([
            { "name": "corp", "kind": "jwt", "issuer": CORP, "audiences": ["ai-gateway"],
              "algorithms": ["RS256", "some-day-256"], "claims": [{ "claim": "groups", "values": ["team-*"] }] },
            { "name": "local", "kind": "serviceAccounts", "audiences": ["ai-gateway"], "algorithms": ["ES256"] },
            { "name": "later", "kind": "spiffe", "audiences": [], "algorithms": [] },
        ]);
        let config =
            json!({ "restApiId": "api1", "stages": ["v1"], "families": ["bedrock-runtime"], "issuers": issuers });
        self.world.set_config(&config);
    }

    fn mirror(&self, key: &str, issuer: &str, keys: &[Value]) {
        let keys: Vec<Value> = keys.iter().map(|jwk| json!({ "jwk": jwk })).collect();
        let mirror = json!({ "issuer": issuer, "fetchedAt": now(), "keys": keys });
        self.world.table.put_document("gateway", &format!("jwks#{key}"), 1, &mirror);
    }

    /// Makes `tenant` the one of these identities, in the index and in its policy.
    fn give(&self, tenant: &str, hashes: &[String]) {
        for hash in hashes {
            let claim = json!({ "tenant": tenant, "since": 1 });
            self.world.table.put_document(&format!("identity#{hash}"), "tenant", 1, &claim);
        }
        let listed: Vec<Value> = hashes.iter().map(|hash| json!({ "hash": hash })).collect();
        if tenant == "t1" {
            self.world.set_policy(2, &json!({ "identities": listed }));
        } else {
            let policy = json!({ "namespace": "b", "name": "b", "tier": "t", "usageKey": "k", "identities": listed });
            self.world.table.put_document(&format!("tenant#{tenant}"), "policy", 1, &policy);
        }
    }

    async fn decide(&self, token: &str) -> (String, Value) {
        self.world.decide(&authorization(&json!({ "authorization": [format!("Bearer {token}")] }))).await
    }

    async fn is_refused(&self, what: &str, token: &str) {
        let (kind, document) = self.decide(token).await;
        assert_eq!((kind.as_str(), &document["errorMessage"]), ("error", &json!("Unauthorized")), "{what}");
    }
}

fn corp_claims() -> Value {
    json!({ "iss": CORP, "aud": ["ai-gateway"], "sub": "alice", "exp": now() + 300, "groups": ["all", "team-a"] })
}

fn account_claims() -> Value {
    json!({ "iss": CLUSTER, "aud": ["ai-gateway"], "sub": "system:serviceaccount:team-a:api", "exp": now() + 300 })
}

fn group(value: &str) -> String {
    Identity::Jwt { issuer: "corp", claim: "groups", value }.hash()
}

fn account(name: &str) -> String {
    Identity::ServiceAccount { cluster: "local", namespace: "team-a", name }.hash()
}

#[tokio::test]
async fn tokens_of_both_kinds_lead_to_their_tenant() {
    let trusting = Trusting::new().await;
    trusting.give("t1", &[group("team-a"), account("api")]);
    let world = &trusting.world;
    world
        .authorizer(async {
            let claims = corp_claims();
            let tokens = [
                (trusting.corp.token(&claims), group("team-a"), &claims),
                (trusting.cluster.token(&account_claims()), account("api"), &account_claims()),
            ];
            for (token, hash, claims) in tokens {
                let (kind, document) = trusting.decide(&token).await;
                assert_eq!(kind, "response", "{document}");
                assert_eq!(document["policyDocument"]["Statement"][0]["Effect"], "Allow");
                assert_eq!(document["usageIdentifierKey"], "the-usage-key");
                let context = &document["context"];
                assert_eq!((&context["tenant"], &context["credential"]), (&json!("t1"), &json!(hash)));
                assert_eq!(context["expires"], claims["exp"].to_string());
                assert_eq!(context["subject"].as_str().unwrap().len(), 32);
            }
            world.log.lines(2).await;
            let text = world.log.text();
            assert!(!text.contains("alice") && !text.contains("team-a") && !text.contains("eyJ"), "{text}");
        })
        .await;
}

#[tokio::test]
async fn a_good_token_of_nobody_is_refused() {
    let trusting = Trusting::new().await;
    let world = &trusting.world;
    let token = trusting.corp.token(&corp_claims());
    let of = |name: &str, value: Value| {
        let mut claims = corp_claims();
        claims[name] = value;
        trusting.corp.token(&claims)
    };
    world
        .authorizer(async {
            trusting.is_refused("nobody claimed it", &token).await;
            trusting.give("t1", &[group("team-a"), group("all"), account("api")]);
            assert_eq!(trusting.decide(&token).await.0, "response");
            trusting.is_refused("a value no rule grants", &of("groups", json!(["all"]))).await;
            trusting.is_refused("another value", &of("groups", json!(["team-b"]))).await;
            trusting.is_refused("no text", &of("groups", json!({ "team-a": 1 }))).await;
            let mut roles = corp_claims();
            roles["roles"] = roles.as_object_mut().unwrap().remove("groups").unwrap();
            trusting.is_refused("a claim no rule grants", &trusting.corp.token(&roles)).await;
            let many: Vec<String> = (0..101).map(|number| format!("team-{number}")).collect();
            trusting.is_refused("too many values", &of("groups", json!(many))).await;
            let mut subject = account_claims();
            for other in ["system:serviceaccount:team-b:api", "system:serviceaccount:team-a:other", "api", "t1"] {
                subject["sub"] = other.into();
                trusting.is_refused(other, &trusting.cluster.token(&subject)).await;
            }
            // One issuer's key does not speak for the other.
            trusting.is_refused("the cluster's key", &trusting.cluster.token(&corp_claims())).await;
            trusting.is_refused("the provider's key", &trusting.corp.token(&account_claims())).await;
        })
        .await;
}

#[tokio::test]
async fn index_and_policy_must_agree_and_on_one_tenant() {
    let trusting = Trusting::new().await;
    let world = &trusting.world;
    let token = trusting.corp.token(&corp_claims());
    world
        .authorizer(async {
            trusting.give("t1", &[group("team-a")]);
            world.set_policy(3, &json!({}));
            trusting.is_refused("the policy does not list it", &token).await;
            world.set_policy(4, &json!({ "identities": [{ "hash": group("team-a") }], "deleted": true }));
            trusting.is_refused("deleted", &token).await;
            world.set_policy(5, &json!({ "identities": [{ "hash": group("team-a") }], "suspended": "Team" }));
            let (kind, document) = trusting.decide(&token).await;
            assert_eq!(
                (kind.as_str(), &document["policyDocument"]["Statement"][0]["Effect"]),
                ("response", &json!("Deny"))
            );
            trusting.give("t1", &[group("team-a")]);
            let mut claims = corp_claims();
            claims["groups"] = json!(["team-a", "team-b"]);
            let both = trusting.corp.token(&claims);
            assert_eq!(trusting.decide(&both).await.0, "response");
            trusting.give("t2", &[group("team-b")]);
            trusting.is_refused("of two tenants", &both).await;
            // Left behind: the index names a tenant that does not have it.
            trusting.give("t2", &[]);
            assert_eq!(trusting.decide(&both).await.0, "response");
            world.table.remove(&format!("identity#{}", group("team-a")), "tenant");
            trusting.is_refused("not in the index", &token).await;
        })
        .await;
}

#[tokio::test]
async fn keys_come_from_the_mirror_and_go_with_it() {
    let trusting = Trusting::new().await;
    let world = &trusting.world;
    trusting.give("t1", &[group("team-a")]);
    let token = trusting.corp.token(&corp_claims());
    let mirror = |fetched_at: i64, removed_at: Value| {
        let mut key = json!({ "jwk": trusting.corp.jwk() });
        if !removed_at.is_null() {
            key["removedAt"] = removed_at;
        }
        json!({ "issuer": CORP, "fetchedAt": fetched_at, "keys": [key] })
    };
    let day = 24 * 3600;
    for (what, mirror, good) in [
        ("read a day ago", mirror(now() - day, Value::Null), true),
        ("read a week ago", mirror(now() - 7 * day, Value::Null), false),
        ("removed just now", mirror(now(), (now() - 60).into()), true),
        ("removed a day ago", mirror(now(), (now() - day).into()), false),
        (
            "of another issuer",
            json!({ "issuer": "https://x", "fetchedAt": now(), "keys": [{ "jwk": trusting.corp.jwk() }] }),
            false,
        ),
    ] {
        world.table.put_document("gateway", "jwks#corp", 1, &mirror);
        // A new environment: what one has read it keeps for a minute.
        world
            .authorizer(async {
                if good {
                    assert_eq!(trusting.decide(&token).await.0, "response", "{what}");
                } else {
                    trusting.is_refused(what, &token).await;
                }
            })
            .await;
    }
    world.table.remove("gateway", "jwks#corp");
    world.authorizer(async { trusting.is_refused("not mirrored", &token).await }).await;
}

#[tokio::test]
async fn the_tables_failure_is_neither_yes_nor_no() {
    let trusting = Trusting::new().await;
    trusting.give("t1", &[group("team-a")]);
    let token = trusting.corp.token(&corp_claims());
    trusting
        .world
        .authorizer(async {
            for _ in 0..4 {
                trusting.world.table.fail(400, "AccessDeniedException", 1);
                let (kind, document) = trusting.decide(&token).await;
                assert_eq!(kind, "error");
                assert_ne!(document["errorMessage"], "Unauthorized");
            }
            assert_eq!(trusting.decide(&token).await.0, "response");
        })
        .await;
}

#[tokio::test]
async fn unknown_keys_and_issuers_do_not_make_it_read_without_end() {
    let trusting = Trusting::new().await;
    let stranger = Signer::new("ES256", "unknown");
    let mut claims = account_claims();
    trusting
        .world
        .authorizer(async {
            trusting.world.table.take_reads();
            for number in 0..20 {
                let token = stranger.token(&claims);
                trusting.is_refused("unknown key", &token).await;
                claims["iss"] = format!("https://unknown-{number}").into();
                trusting.is_refused("unknown issuer", &stranger.token(&claims)).await;
                claims["iss"] = CLUSTER.into();
            }
            let reads = trusting.world.table.take_reads().len();
            assert!(reads <= 6, "{reads} reads for 40 tokens of strangers");
        })
        .await;
}

#[tokio::test]
async fn the_forwarder_refuses_what_has_ended_since() {
    let trusting = Trusting::new().await;
    let world = &trusting.world;
    trusting.give("t1", &[group("team-a")]);
    world.set_meter(2, false);
    let event = |credential: &str, expires: Value| {
        let mut event = converse();
        let context = &mut event["requestContext"]["authorizer"];
        context["credential"] = credential.into();
        context["expires"] = expires;
        event
    };
    let hash = group("team-a");
    world
        .forwarder(async {
            let good = event(&hash, (now() + 60).to_string().into());
            assert_eq!(world.call(&good).await.prelude["statusCode"], 200);
            let ended = world.call(&event(&hash, (now() - 1).to_string().into())).await;
            let (status, kind, message) = error(&ended);
            assert_eq!((status, kind.as_str()), (401, "UnrecognizedClientException"));
            assert!(message.contains("expired"));
            for odd in ["", "soon", "1e9", "99999999999999999999"] {
                assert_eq!(error(&world.call(&event(&hash, odd.into())).await).0, 403, "{odd}");
            }
            // The identity goes: its tokens stop with the next call.
            world.set_policy(3, &json!({}));
            world.set_meter(3, false);
            let (status, _, message) = error(&world.call(&good).await);
            assert_eq!(status, 403);
            assert!(message.contains("spec.identities"), "{message}");
        })
        .await;
}
