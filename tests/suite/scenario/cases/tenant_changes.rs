//! Tenants that come and change, and whether they are let in.

use std::time::Duration;

use aigw_tests::cluster::{Object, secret, tenant};
use aigw_tests::manifests;
use aigw_tests::simulation::scenario::Scenario;
use serde_json::json;
use tokio::time::sleep;

use crate::scenario::objects::{converged, prod, search};

pub fn scenarios() -> Vec<Scenario> {
    vec![
        converged!("tenant_added", |world| {
            world.apply(&manifests::tenant("team-ads", "daily", ("ai-platform", "prod"), "silver")).await?;
            world.ready(&tenant("team-ads", "daily")).await
        }),
        converged!("tier_move", |world| {
            world.patch(&search(), &json!({"spec": {"tier": "trial"}})).await?;
            world.ready(&search()).await?;
            sleep(Duration::from_mins(3)).await;
            Ok(())
        }),
        converged!("tier_move_and_back", |world| {
            world.patch(&search(), &json!({"spec": {"tier": "trial"}})).await?;
            world.ready(&search()).await?;
            world.patch(&search(), &json!({"spec": {"tier": "silver"}})).await?;
            world.ready(&search()).await?;
            sleep(Duration::from_mins(3)).await;
            Ok(())
        }),
        converged!("suspended_by_the_team_and_resumed", |world| {
            world.patch(&search(), &json!({"spec": {"suspend": true}})).await?;
            world.condition(&search(), "Suspended", "True", Some("SuspendedByTeam")).await?;
            world.ready(&search()).await?;
            world.patch(&search(), &json!({"spec": {"suspend": false}})).await?;
            world.ready(&search()).await
        }),
        converged!("suspended_by_the_platform", |world| {
            let suspended = json!({"tenants": {"suspended": [{"namespace": "team-search", "name": "search"}]}});
            world.patch(&prod(), &json!({"spec": suspended})).await?;
            world.condition(&search(), "Suspended", "True", Some("SuspendedByPlatform")).await?;
            world.ready(&prod()).await
        }),
        converged!("secret_lost", |world| {
            world.delete(&secret("team-search", "ai-gateway-search")).await?;
            sleep(Duration::from_mins(15)).await;
            world.ready(&search()).await
        }),
        converged!("secret_regrouped", |world| {
            let spec = json!({"spec": {"apiKey": {"env": ["aws", "region", "openai"]}}});
            world.patch(&search(), &spec).await?;
            world.ready(&search()).await
        }),
        converged!("secret_of_that_name_is_not_ours", |world| {
            let own = json!({
                "apiVersion": "v1", "kind": "Secret",
                "metadata": {"namespace": "team-ads", "name": "ai-gateway-daily"},
                "data": {"PASSWORD": "aHVudGVyMg=="},
            });
            world.apply(&own).await?;
            world.apply(&manifests::tenant("team-ads", "daily", ("ai-platform", "prod"), "silver")).await?;
            world.condition(&tenant("team-ads", "daily"), "CredentialsReady", "False", Some("SecretNotOurs")).await?;
            sleep(Duration::from_mins(2)).await;
            world.delete(&secret("team-ads", "ai-gateway-daily")).await?;
            world.ready(&tenant("team-ads", "daily")).await
        }),
    ]
}

pub fn admission() -> Vec<Scenario> {
    vec![
        converged!("namespace_without_the_label_is_refused", |world| {
            world.apply(&manifests::tenant("team-outside", "rogue", ("ai-platform", "prod"), "silver")).await?;
            world.condition(&tenant("team-outside", "rogue"), "Accepted", "False", Some("NotAllowed")).await
        }),
        converged!("namespace_loses_its_label_and_gets_it_back", |world| {
            let team = Object { kind: "Namespace", namespace: String::new(), name: "team-search".into() };
            world.patch(&team, &json!({"metadata": {"labels": {"ai-gateway": null}}})).await?;
            world.condition(&search(), "Accepted", "False", Some("NotAllowed")).await?;
            world.patch(&team, &json!({"metadata": {"labels": {"ai-gateway": "enabled"}}})).await?;
            world.ready(&search()).await
        }),
        converged!("tier_that_is_not_allowed_changes_nothing", |world| {
            world.patch(&search(), &json!({"spec": {"tier": "platinum"}})).await?;
            world.condition(&search(), "Accepted", "False", Some("TierNotAllowed")).await
        }),
        converged!("too_many_tenants_until_one_goes", |world| {
            for name in ["one", "two", "three"] {
                world.apply(&manifests::tenant("team-ads", name, ("ai-platform", "prod"), "silver")).await?;
                sleep(Duration::from_secs(2)).await;
            }
            let third = tenant("team-ads", "three");
            world.condition(&third, "Accepted", "False", Some("TooManyTenants")).await?;
            world.ready(&tenant("team-ads", "one")).await?;
            world.delete(&tenant("team-ads", "one")).await?;
            world.ready(&third).await
        }),
    ]
}
