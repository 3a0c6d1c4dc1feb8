//! What is left in AWS without an owner: told of, and taken away only where that was asked for.

use std::time::Duration;

use aigw_operator::SweepMode;
use aigw_tests::cluster::gateway;
use aigw_tests::harness::test;
use aigw_tests::simulation::scenario::{Start, alone};
use aigw_tests::simulation::{Options, World, simulate};
use aigw_tests::{Outcome, ensure, ensure_eq, manifests};
use libtest_mimic::Trial;
use serde_json::json;
use tokio::time::sleep;

use super::objects::{nightly, prod, search};

/// Longer than an owner's silence, the floor of an object's age and the time between sweeps together.
const SWEPT: Duration = Duration::from_hours(4);

pub fn tests() -> Vec<Trial> {
    vec![test(module_path!(), "what_a_lost_gateway_left_is_taken_away_only_when_told", left)]
}

/// REST APIs, keys, functions and tables of the Region.
fn held(world: &World) -> (usize, usize, usize, usize) {
    let region = &world.aws.state().regions["eu-central-1"];
    (region.rest_apis.len(), region.api_keys.len(), region.functions.len(), region.tables.len())
}

fn left() -> Outcome {
    let moment = Start::Converged.moment()?;
    simulate(moment.as_ref(), |world| async move {
        let (other, alone) = (gateway("ai-platform", "other"), alone());
        let operator = world.start(&alone);
        world.apply(&manifests::gateway("ai-platform", "other")).await?;
        world.ready(&other).await?;
        operator.kill().await;
        let both = held(&world);
        for object in [search(), nightly(), prod()] {
            world.patch(&object, &json!({"metadata": {"finalizers": null}})).await?;
            world.delete(&object).await?;
            world.gone(&object).await?;
        }
        let operator = world.start(&alone);
        sleep(SWEPT).await;
        ensure_eq!(held(&world), both, "AWS objects where sweeps only report");
        operator.kill().await;

        let delete =
            Options { adjust: |settings| (settings.lease, settings.sweep) = (None, SweepMode::Delete), ..alone };
        let operator = world.start(&delete);
        sleep(SWEPT).await;
        let (apis, keys, functions, tables) = held(&world);
        // The table is the ledger: it is never swept. The other gateway's probe has a key.
        ensure_eq!((apis, keys, functions, tables), (1, 1, 2, both.3), "AWS objects after a sweep that may delete");
        world.ready(&other).await?;
        operator.kill().await;
        let beyond: Vec<_> = world
            .kube
            .accesses()
            .into_iter()
            .filter(|access| access.user == delete.pod && access.resource == "aigateways" && access.verb == "get")
            .collect();
        ensure!(beyond.is_empty(), "the chart gives no right to {beyond:?}");
        Ok(())
    })
}
