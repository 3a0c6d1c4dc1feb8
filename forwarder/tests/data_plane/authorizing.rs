//! Every row of the authorizer's table: 401, 403, 500 and Allow.

use aigw_contract::Credential;
use serde_json::{Value, json};

use crate::support::world::{World, authorization};

fn bearer(credential: &Credential) -> String {
    format!("Bearer {}", credential.expose())
}

fn assert_unauthorized((kind, document): (String, Value)) {
    assert_eq!((kind.as_str(), &document["errorMessage"]), ("error", &json!("Unauthorized")));
}

fn assert_fault((kind, document): (String, Value)) {
    assert_eq!(kind, "error");
    assert_ne!(document["errorMessage"], "Unauthorized");
    assert!(document.get("policyDocument").is_none());
}

#[tokio::test]
async fn a_good_credential_is_allowed_on_the_whole_stage() {
    let world = World::new().await;
    world
        .authorizer(async {
            for name in ["Authorization", "authorization", "AUTHORIZATION"] {
                let event = authorization(&json!({ name: [bearer(&world.credential)], "Accept": ["*/*"] }));
                let (kind, document) = world.decide(&event).await;
                assert_eq!(kind, "response");
                let statement = &document["policyDocument"]["Statement"][0];
                assert_eq!(
                    (&statement["Effect"], &statement["Action"]),
                    (&json!("Allow"), &json!("execute-api:Invoke"))
                );
                assert_eq!(statement["Resource"], "arn:aws:execute-api:eu-central-1:123456789012:api1/v1/*");
                assert_eq!(document["context"], json!({ "tenant": "t1", "credential": "k1", "subject": "k1" }));
                assert_eq!(document["usageIdentifierKey"], "the-usage-key");
            }
        })
        .await;
}

#[tokio::test]
async fn whatever_is_wrong_with_a_credential_is_401() {
    let world = World::new().await;
    let good = bearer(&world.credential);
    let wrong_secret = bearer(&Credential::new("t1", "k1", &[1; 32]).unwrap());
    let wrong_key = bearer(&Credential::new("t1", "k7", &[9; 32]).unwrap());
    let wrong_tenant = bearer(&Credential::new("t2", "k1", &[9; 32]).unwrap());
    let headers = [
        json!(null),
        json!({}),
        json!({ "Authorization": [] }),
        json!({ "Authorization": [good, good] }),
        json!({ "Authorization": [good], "authorization": [good] }),
        json!({ "Authorization": [format!("{good}, {good}")] }),
        json!({ "Authorization": ["Bearer aigw_t1_k1_x"] }),
        json!({ "Authorization": [world.credential.expose()] }),
        json!({ "X-Authorization": [good] }),
        json!({ "Authorization": [wrong_secret] }),
        json!({ "Authorization": [wrong_key] }),
        json!({ "Authorization": [wrong_tenant] }),
    ];
    world
        .authorizer(async {
            for headers in &headers {
                assert_unauthorized(world.decide(&authorization(headers)).await);
            }
            let good = authorization(&json!({ "Authorization": [good] }));
            world.set_policy(2, &json!({ "deleted": true, "usageKey": "" }));
            assert_unauthorized(world.decide(&good).await);
            world.set_policy(
                3,
                &json!({ "keys": [{ "id": "k1", "sha256": world.credential.sha256(), "notAfter": 1 }] }),
            );
            assert_unauthorized(world.decide(&good).await);

            world.log.lines(headers.len() + 2).await;
            let text = world.log.text();
            assert!(!text.contains("Bearer") && !text.contains("aigw_t"), "{text}");
            assert!(!text.contains(&world.credential.sha256()), "{text}");
        })
        .await;
}

#[tokio::test]
async fn a_suspended_tenant_is_denied_by_policy() {
    let world = World::new().await;
    world
        .authorizer(async {
            for who in ["Platform", "Team"] {
                world.set_policy(2, &json!({ "suspended": who }));
                let (kind, document) =
                    world.decide(&authorization(&json!({ "Authorization": [bearer(&world.credential)] }))).await;
                assert_eq!(kind, "response");
                assert_eq!(document["policyDocument"]["Statement"][0]["Effect"], "Deny");
                assert_eq!(document["context"]["tenant"], "t1");
                assert!(document.get("usageIdentifierKey").is_none());
            }
        })
        .await;
}

#[tokio::test]
async fn our_own_fault_is_500_and_never_allow() {
    let world = World::new().await;
    let good = authorization(&json!({ "Authorization": [bearer(&world.credential)] }));
    world
        .authorizer(async {
            world.set_policy(2, &json!({ "usageKey": "" }));
            assert_fault(world.decide(&good).await);
            world.set_policy(3, &json!({ "keys": 7 }));
            assert_fault(world.decide(&good).await);
            world.set_policy(4, &json!({}));
            world.table.fail(400, "ResourceNotFoundException", 1);
            assert_fault(world.decide(&good).await);
            assert_fault(world.decide(&json!({ "httpMethod": "GET" })).await);
            assert_fault(world.decide(&json!({ "methodArn": "arn:odd", "multiValueHeaders": {} })).await);
            assert_eq!(world.decide(&good).await.0, "response", "the function recovers");
        })
        .await;
}
