//! Gateways, tenants and namespaces that go, and come back.

use std::time::Duration;

use aigw_tests::cluster::{Object, gateway};
use aigw_tests::manifests;
use aigw_tests::simulation::scenario::{Scenario, Start, objects};
use serde_json::json;
use tokio::time::sleep;

use crate::scenario::objects::{converged, nightly, prod, search};

pub fn scenarios() -> Vec<Scenario> {
    vec![
        converged!("tenant_deleted", |world| {
            world.delete(&search()).await?;
            world.gone(&search()).await
        }),
        converged!("tenant_deleted_and_applied_again", |world| {
            world.delete(&search()).await?;
            world.gone(&search()).await?;
            world.apply(&objects()[1]).await?;
            world.ready(&search()).await
        }),
        converged!("tenant_moved_to_another_gateway", |world| {
            world.apply(&manifests::gateway("ai-platform", "test")).await?;
            world.ready(&gateway("ai-platform", "test")).await?;
            world.delete(&search()).await?;
            world.gone(&search()).await?;
            world.apply(&manifests::tenant("team-search", "search", ("ai-platform", "test"), "silver")).await?;
            world.ready(&search()).await
        }),
        converged!("everything_deleted", |world| {
            world.delete(&search()).await?;
            world.delete(&nightly()).await?;
            world.delete(&prod()).await?;
            world.gone(&search()).await?;
            world.gone(&nightly()).await?;
            world.gone(&prod()).await
        }),
        converged!("gateway_waits_for_its_tenants", |world| {
            world.delete(&prod()).await?;
            world.condition(&prod(), "Ready", "False", Some("TenantsAttached")).await?;
            world.delete(&search()).await?;
            world.delete(&nightly()).await?;
            world.gone(&prod()).await?;
            world.gone(&search()).await?;
            world.gone(&nightly()).await
        }),
        converged!("gateway_deleted_before_its_tenants", |world| {
            world.annotate(&prod(), "aigateway.dev/confirm-delete", "prod").await?;
            world.delete(&prod()).await?;
            world.gone(&prod()).await?;
            world.condition(&search(), "Programmed", "Unknown", Some("GatewayNotFound")).await?;
            world.delete(&search()).await?;
            world.gone(&search()).await
        }),
        converged!("gateway_applied_again_under_its_tenants", |world| {
            world.annotate(&prod(), "aigateway.dev/confirm-delete", "prod").await?;
            world.delete(&prod()).await?;
            world.gone(&prod()).await?;
            world.apply(&objects()[0]).await?;
            world.ready(&prod()).await?;
            world.ready(&search()).await?;
            world.ready(&nightly()).await
        }),
        converged!("deleted_with_retain_and_applied_again", |world| {
            world
                .patch(&prod(), &json!({"spec": {"deletionPolicy": "Retain", "dataDeletionPolicy": "Retain"}}))
                .await?;
            world.ready(&prod()).await?;
            world.annotate(&prod(), "aigateway.dev/confirm-delete", "prod").await?;
            world.delete(&prod()).await?;
            world.gone(&prod()).await?;
            world.apply(&objects()[0]).await?;
            world.ready(&prod()).await?;
            world.ready(&search()).await
        }),
        converged!("table_retained", |world| {
            world.patch(&prod(), &json!({"spec": {"dataDeletionPolicy": "Retain"}})).await?;
            world.ready(&prod()).await?;
            world.annotate(&prod(), "aigateway.dev/confirm-delete", "prod").await?;
            world.delete(&prod()).await?;
            world.gone(&prod()).await
        }),
        converged!("namespace_of_a_team_deleted", |world| {
            let team = Object { kind: "Namespace", namespace: String::new(), name: "team-search".into() };
            world.delete(&team).await?;
            world.gone(&search()).await?;
            world.gone(&team).await
        }),
        converged!("spec_made_invalid_then_deleted", |world| {
            let rules =
                json!([{"name": "all", "match": {"namespaces": {"from": "All"}}, "allow": {"tiers": ["none"]}}]);
            world.patch(&prod(), &json!({"spec": {"tenants": {"rules": rules}}})).await?;
            world.condition(&prod(), "Accepted", "False", Some("Invalid")).await?;
            world.annotate(&prod(), "aigateway.dev/confirm-delete", "prod").await?;
            world.delete(&prod()).await?;
            world.gone(&prod()).await?;
            world.delete(&search()).await?;
            world.gone(&search()).await
        }),
        Scenario {
            name: "deleted_while_being_created",
            start: Start::Empty,
            acts: |world| {
                Box::pin(async move {
                    world.apply_all(&objects()).await?;
                    sleep(Duration::from_secs(14)).await;
                    for object in [search(), nightly(), prod()] {
                        world.delete(&object).await?;
                    }
                    for object in [search(), nightly(), prod()] {
                        world.gone(&object).await?;
                    }
                    Ok(())
                })
            },
        },
    ]
}
