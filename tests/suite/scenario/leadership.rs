//! One writer at a time, whatever happens to the lease, the apiserver and the watches.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aigw_fakes::intercept::{Call, Failure, Side, Verdict};
use aigw_operator::run::RunError;
use aigw_tests::cluster::{gateway, tenant};
use aigw_tests::harness::test;
use aigw_tests::simulation::crash::Crasher;
use aigw_tests::simulation::invariants::no_duplicates;
use aigw_tests::simulation::scenario::{Start, alone, from_nothing, objects, rest};
use aigw_tests::simulation::state::{difference, state};
use aigw_tests::simulation::{Options, World, simulate};
use aigw_tests::{Outcome, ensure, ensure_eq, manifests};
use libtest_mimic::Trial;
use serde_json::json;
use tokio::time::sleep;

pub fn tests() -> Vec<Trial> {
    vec![
        test(module_path!(), "of_two_processes_one_acts_and_the_other_follows_it", two_processes),
        test(module_path!(), "a_lease_lost_in_the_middle_of_a_pass_ends_the_process_first", lost_in_the_middle),
        test(module_path!(), "a_process_that_stops_hands_over_at_once", handed_over),
        test(module_path!(), "the_apiserver_is_gone_for_ten_minutes", outage),
        test(module_path!(), "the_apiserver_is_gone_and_no_lease_is_held", outage_without_lease),
        test(module_path!(), "watches_fall_silent_and_are_opened_again", silent_for_a_while),
        test(module_path!(), "watches_stay_silent_and_liveness_tells", silent_for_good),
    ]
}

/// The pods that wrote to AWS, each time another one did.
fn writers(world: &World) -> Vec<String> {
    let mut writers: Vec<String> =
        world.aws.calls().into_iter().filter(|call| call.write).map(|call| call.actor).collect();
    writers.dedup();
    writers
}

fn two_processes() -> Outcome {
    simulate(None, |world| async move {
        let first = world.start(&Options::default().pod("operator-0"));
        sleep(Duration::from_secs(1)).await;
        let second = world.start(&Options::default().pod("operator-1"));
        from_nothing(&world).await?;
        ensure_eq!(writers(&world), ["operator-0"], "writers");
        ensure!(second.health.ready(), "a replica in waiting is not ready");
        first.kill().await;
        let killed = tokio::time::Instant::now();
        world.patch(&tenant("team-search", "search"), &json!({"spec": {"suspend": true}})).await?;
        world.condition(&tenant("team-search", "search"), "Suspended", "True", None).await?;
        let took = killed.elapsed();
        ensure!(took > Duration::from_secs(13), "the lease was taken after {took:?}, before it expired");
        ensure!(took < Duration::from_secs(40), "took over after {took:?}");
        ensure_eq!(writers(&world), ["operator-0", "operator-1"], "writers");
        no_duplicates(&world)?;
        second.kill().await;
        Ok(())
    })
}

fn lost_in_the_middle() -> Outcome {
    let undisturbed = simulate(None, |world| async move {
        let operator = world.start(&Options::default());
        from_nothing(&world).await?;
        rest(&world).await?;
        operator.kill().await;
        Ok(state(&world))
    })?;
    // In the course of a creation, which takes about 40 s, the lease is lost at another moment each time.
    for second in (1..40).step_by(3) {
        let undisturbed = &undisturbed;
        simulate(None, |world| async move {
            let cut = Arc::new(AtomicBool::new(false));
            let off = cut.clone();
            world.kube.set_intercept(Arc::new(move |call: &Call| {
                let lease = call.actor == "operator-0" && call.operation.ends_with(" leases");
                if lease && off.load(Ordering::Relaxed) { Verdict::Fail(Failure::Connection) } else { Verdict::Serve }
            }));
            let mut first = world.start(&Options::default().pod("operator-0"));
            sleep(Duration::from_secs(1)).await;
            let second_process = world.start(&Options::default().pod("operator-1"));
            world.apply_all(&objects()).await?;
            sleep(Duration::from_secs(second)).await;
            cut.store(true, Ordering::Relaxed);
            let ended = first.ended().await;
            ensure!(matches!(ended, Err(RunError::LeaseLost)), "ended with {ended:?}");
            world.ready(&tenant("team-search", "search")).await?;
            world.ready(&tenant("team-ads", "nightly")).await?;
            rest(&world).await?;
            second_process.kill().await;
            ensure!(writers(&world).len() <= 2, "writers took turns: {:?}", writers(&world));
            let end = state(&world);
            ensure!(end == *undisturbed, "lost after {second} s:\n{}", difference(undisturbed, &end));
            Ok(())
        })?;
    }
    Ok(())
}

fn handed_over() -> Outcome {
    let moment = Start::Converged.moment()?;
    simulate(moment.as_ref(), |world| async move {
        let first = world.start(&Options::default().pod("operator-0"));
        sleep(Duration::from_secs(30)).await;
        let second = world.start(&Options::default().pod("operator-1"));
        sleep(Duration::from_secs(30)).await;
        first.stop().await.map_err(|error| error.to_string())?;
        let stopped = tokio::time::Instant::now();
        world.patch(&tenant("team-search", "search"), &json!({"spec": {"suspend": true}})).await?;
        world.condition(&tenant("team-search", "search"), "Suspended", "True", None).await?;
        ensure!(stopped.elapsed() < Duration::from_secs(6), "took over after {:?}", stopped.elapsed());
        second.kill().await;
        Ok(())
    })
}

fn outage() -> Outcome {
    let moment = Start::Converged.moment()?;
    simulate(moment.as_ref(), |world| async move {
        let supervisor = world.supervise(&Options::default(), Crasher::counting("operator-0"));
        sleep(Duration::from_mins(1)).await;
        world.kube.outage(true);
        world.aws.forget_calls();
        sleep(Duration::from_mins(10)).await;
        let blind = world.aws.calls().iter().filter(|call| call.write).count();
        ensure!(blind <= 1, "{blind} writes to AWS while Kubernetes was gone");
        world.kube.outage(false);
        world.apply(&manifests::tenant("team-ads", "daily", ("ai-platform", "prod"), "silver")).await?;
        world.ready(&tenant("team-ads", "daily")).await?;
        no_duplicates(&world)?;
        drop(supervisor);
        Ok(())
    })
}

fn outage_without_lease() -> Outcome {
    let moment = Start::Converged.moment()?;
    simulate(moment.as_ref(), |world| async move {
        let operator = world.start(&alone());
        sleep(Duration::from_mins(1)).await;
        world.kube.outage(true);
        sleep(Duration::from_mins(10)).await;
        world.kube.outage(false);
        let back = tokio::time::Instant::now();
        world.patch(&tenant("team-search", "search"), &json!({"spec": {"suspend": true}})).await?;
        world.condition(&tenant("team-search", "search"), "Suspended", "True", None).await?;
        ensure!(back.elapsed() < Duration::from_mins(2), "recovered after {:?}", back.elapsed());
        ensure!(operator.running(), "recovered only by a restart");
        operator.kill().await;
        Ok(())
    })
}

fn silent_for_a_while() -> Outcome {
    let moment = Start::Converged.moment()?;
    simulate(moment.as_ref(), |world| async move {
        let operator = world.start(&Options::default());
        sleep(Duration::from_mins(1)).await;
        world.kube.silence_watches(true);
        world.kube.silence_watches(false);
        // The connections that fell silent stay so; only new ones speak.
        world.patch(&tenant("team-search", "search"), &json!({"spec": {"suspend": true}})).await?;
        let changed = tokio::time::Instant::now();
        world.condition(&tenant("team-search", "search"), "Suspended", "True", None).await?;
        ensure!(changed.elapsed() < Duration::from_mins(6), "noticed after {:?}", changed.elapsed());
        ensure!(operator.running(), "noticed only by a restart");
        operator.kill().await;
        Ok(())
    })
}

fn silent_for_good() -> Outcome {
    let moment = Start::Converged.moment()?;
    simulate(moment.as_ref(), |world| async move {
        // Reads hang as well: a connection that is dead both ways.
        let dead = Arc::new(AtomicBool::new(false));
        let on = dead.clone();
        world.kube.set_intercept(Arc::new(move |call: &Call| {
            let watching = call.side == Side::Kube && !call.operation.ends_with(" leases") && !call.write;
            if watching && on.load(Ordering::Relaxed) { Verdict::Hang { effect: false } } else { Verdict::Serve }
        }));
        let operator = world.start(&Options::default());
        sleep(Duration::from_mins(1)).await;
        ensure!(operator.health.live(), "not alive in good times");
        world.kube.silence_watches(true);
        dead.store(true, Ordering::Relaxed);
        world
            .until("liveness tells", |_| {
                ensure!(!operator.health.live(), "still alive");
                Ok(())
            })
            .await?;
        // What the kubelet does then.
        operator.kill().await;
        world.kube.silence_watches(false);
        dead.store(false, Ordering::Relaxed);
        let operator = world.start(&Options::default());
        world.patch(&gateway("ai-platform", "prod"), &json!({"spec": {"tags": {"a": "b"}}})).await?;
        world.ready(&gateway("ai-platform", "prod")).await?;
        operator.kill().await;
        Ok(())
    })
}
