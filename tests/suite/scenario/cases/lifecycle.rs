//! From nothing to ready, and staying there.

use std::collections::BTreeMap;
use std::time::Duration;

use aigw_fakes::aws::Role;
use aigw_tests::cluster::gateway;
use aigw_tests::manifests;
use aigw_tests::simulation::scenario::{Scenario, Start, from_nothing, objects};
use serde_json::json;
use tokio::time::sleep;

use crate::scenario::objects::{converged, nightly, prod, search};

pub fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario { name: "create", start: Start::Empty, acts: |world| Box::pin(from_nothing(world)) },
        Scenario {
            name: "tenants_before_their_gateway",
            start: Start::Empty,
            acts: |world| {
                Box::pin(async move {
                    let [gateway, tenants @ ..] = objects();
                    world.apply_all(&tenants).await?;
                    world.condition(&search(), "Accepted", "Unknown", Some("GatewayNotFound")).await?;
                    world.apply(&gateway).await?;
                    world.ready(&search()).await?;
                    world.ready(&nightly()).await
                })
            },
        },
        Scenario {
            name: "private_gateway_with_given_roles",
            start: Start::Empty,
            acts: |world| {
                Box::pin(async move {
                    let role = |name: &str| format!("arn:aws:iam::111122223333:role/given-{name}");
                    let spec = json!({"spec": {
                        "endpoint": {"type": "Private", "vpcEndpointIds": ["vpce-0a1b2c3d4e5f60718"]},
                        "functions": {"forwarder": {"roleArn": role("f")}, "authorizer": {"roleArn": role("a")}},
                    }});
                    world.aws.edit(|account| {
                        for name in ["given-f", "given-a"] {
                            account.roles.insert(name.into(), given_role(name));
                        }
                    });
                    world.apply(&manifests::with(manifests::gateway("ai-platform", "prod"), &spec)).await?;
                    world.ready(&prod()).await
                })
            },
        },
        Scenario {
            name: "two_gateways_in_one_account",
            start: Start::Empty,
            acts: |world| {
                Box::pin(async move {
                    world.apply(&manifests::gateway("ai-platform", "prod")).await?;
                    world.apply(&manifests::gateway("ai-platform", "test")).await?;
                    world.apply(&manifests::tenant("team-search", "search", ("ai-platform", "test"), "silver")).await?;
                    world.ready(&prod()).await?;
                    world.ready(&gateway("ai-platform", "test")).await?;
                    world.ready(&search()).await
                })
            },
        },
        converged!("nothing_happens", |world| {
            sleep(Duration::from_mins(12)).await;
            world.ready(&search()).await
        }),
    ]
}

/// A role the platform team made.
fn given_role(name: &str) -> Role {
    Role {
        arn: format!("arn:aws:iam::111122223333:role/{name}"),
        trust: aigw_plan::gateway::roles::trust(),
        boundary: None,
        policies: BTreeMap::new(),
        tags: BTreeMap::new(),
        created: Duration::ZERO,
    }
}
