//! More than one cluster, or more than one installation, in one account.

use std::time::Duration;

use aigw_api::annotations;
use aigw_tests::cluster::find_condition;
use aigw_tests::harness::test;
use aigw_tests::simulation::invariants::no_duplicates;
use aigw_tests::simulation::scenario::{Start, from_nothing, objects, rest};
use aigw_tests::simulation::state::{difference, state};
use aigw_tests::simulation::{Options, World, simulate};
use aigw_tests::{Outcome, ensure, ensure_eq};
use libtest_mimic::Trial;
use serde_json::Value;
use tokio::time::sleep;

use super::objects::{nightly, prod, search};

pub fn tests() -> Vec<Trial> {
    vec![
        test(module_path!(), "a_new_cluster_adopts_what_a_lost_one_left", adopted),
        test(module_path!(), "the_old_cluster_comes_back_and_keeps_away_until_told", comes_back),
        test(module_path!(), "two_installations_in_one_account_do_not_touch_each_other", two_installations),
    ]
}

/// Ids in AWS that clients depend on: the REST API's, and the keys'.
fn identity(world: &World) -> (Vec<String>, Vec<String>) {
    let account = world.aws.state();
    let region = &account.regions["eu-central-1"];
    (region.rest_apis.keys().cloned().collect(), region.api_keys.keys().cloned().collect())
}

/// Writes to AWS by one pod.
fn writes_by(world: &World, pod: &str) -> usize {
    world.aws.calls().iter().filter(|call| call.write && call.actor == pod).count()
}

/// Key ids in the tenant's policy, with whether each is on its way out.
fn keys(world: &World, tenant: &aigw_tests::cluster::Object) -> Vec<(String, bool)> {
    let found = world.get(tenant).unwrap_or_default();
    let keys = found["status"]["credentials"]["keys"].as_array().cloned().unwrap_or_default();
    let key = |key: &Value| (key["id"].as_str().unwrap_or_default().to_owned(), key["state"] == "Retiring");
    keys.iter().map(key).collect()
}

/// The cluster is lost; the same manifests are applied to a new one.
async fn restored(world: &World) -> Outcome<World> {
    let new = world.other_cluster();
    new.apply_all(&objects()).await?;
    Ok(new)
}

fn adopted() -> Outcome {
    let moment = Start::Converged.moment()?;
    simulate(moment.as_ref(), |world| async move {
        let before = identity(&world);
        let new = restored(&world).await?;
        let operator = new.start(&Options::default().pod("new-0"));
        new.condition(&prod(), "Programmed", "False", Some("OwnedElsewhere")).await?;
        ensure_eq!(writes_by(&new, "new-0"), 0, "writes while the old owner may be alive");
        let waiting = tokio::time::Instant::now();
        new.ready(&prod()).await?;
        ensure!(waiting.elapsed() < Duration::from_mins(17), "adopted after {:?}", waiting.elapsed());
        new.ready(&search()).await?;
        new.ready(&nightly()).await?;
        ensure_eq!(identity(&new), before, "REST API and keys");
        // The lost Secret's credential may be in running containers: it retires, while a new one is issued.
        ensure_eq!(keys(&new, &search()), [("k2".to_owned(), false), ("k1".to_owned(), true)], "credentials");
        no_duplicates(&new)?;
        operator.kill().await;
        Ok(())
    })
}

fn comes_back() -> Outcome {
    let moment = Start::Converged.moment()?;
    simulate(moment.as_ref(), |old| async move {
        let new = restored(&old).await?;
        let operator = new.start(&Options::default().pod("new-0"));
        new.ready(&search()).await?;
        let ids = identity(&new);

        // It was only cut off.
        let returned = old.start(&Options::default().pod("old-0"));
        old.condition(&prod(), "Programmed", "False", Some("OwnedElsewhere")).await?;
        sleep(Duration::from_hours(2)).await;
        ensure_eq!(writes_by(&old, "old-0"), 0, "writes of the cluster that came back");
        let message = find_condition(&old.get(&prod()).ok_or("no gateway")?, "Programmed")["message"].clone();
        let owner = new.get(&prod()).ok_or("no gateway")?["metadata"]["uid"].as_str().unwrap_or_default().to_owned();
        ensure!(message.as_str().is_some_and(|message| message.contains(&owner)), "does not name {owner}: {message}");

        // A person decides; the new one keeps away from then on.
        let before = writes_by(&new, "new-0");
        old.annotate(&prod(), annotations::TAKE_OVER, &owner).await?;
        old.ready(&prod()).await?;
        old.ready(&search()).await?;
        new.condition(&prod(), "Programmed", "False", Some("OwnedElsewhere")).await?;
        let settled = writes_by(&new, "new-0");
        sleep(Duration::from_hours(1)).await;
        ensure_eq!(writes_by(&new, "new-0"), settled, "writes of the cluster that lost it (before: {before})");
        ensure_eq!(identity(&old), ids, "REST API and keys");
        no_duplicates(&old)?;
        returned.kill().await;
        operator.kill().await;
        Ok(())
    })
}

fn two_installations() -> Outcome {
    simulate(None, |first| async move {
        let second = first.other_cluster();
        let one = first.start(&Options::default().pod("first-0").installation("first"));
        let two = second.start(&Options::default().pod("second-0").installation("second"));
        let (made, also) = tokio::join!(from_nothing(&first), from_nothing(&second));
        made?;
        also?;
        rest(&first).await?;
        no_duplicates(&first)?;
        let before = state(&first);
        ensure_eq!(first.aws.state().regions["eu-central-1"].rest_apis.len(), 2, "REST APIs");
        for object in [search(), nightly(), prod()] {
            second.delete(&object).await?;
        }
        second.gone(&prod()).await?;
        rest(&first).await?;
        ensure_eq!(first.aws.state().regions["eu-central-1"].rest_apis.len(), 1, "REST APIs");
        let after = state(&first);
        let lost: Vec<_> =
            before.lines().filter(|line| line.contains("first/AIGateway") && !after.contains(*line)).collect();
        ensure!(lost.is_empty(), "the first installation lost {lost:?}\n{}", difference(&before, &after));
        first.ready(&prod()).await?;
        first.ready(&search()).await?;
        one.kill().await;
        two.kill().await;
        Ok(())
    })
}
