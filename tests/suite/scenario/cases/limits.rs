//! Limits and budgets: given, asked for, changed, refused, and used up.

use std::time::Duration;

use aigw_contract::limits::{Budget, BudgetWindow, Enforcement, Limits};
use aigw_tests::cluster::{Object, tenant};
use aigw_tests::simulation::scenario::{End, Scenario};
use aigw_tests::{Outcome, ensure, ensure_eq, manifests};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::scenario::objects::{change, converged, nightly, policy, search, spend, teams};

/// The usual tiers, where `silver` gives `limits` and `budgets`.
fn tiers(limits: &Value, budgets: &Value) -> Value {
    json!([
        {"name": "trial", "plan": {"requestsPerSecond": 1, "burst": 2}},
        {"name": "silver", "plan": {"requestsPerSecond": 50, "burst": 100}, "limits": limits, "budgets": budgets},
    ])
}

fn month(usd: &str) -> Value {
    json!([{"window": "Month", "usd": usd}])
}

/// The usual rules with ceilings.
fn capped(allow: &Value, ceilings: &Value) -> Value {
    let mut tenants = teams(allow);
    tenants["rules"][0]["ceilings"] = ceilings.clone();
    tenants
}

/// Another tenant of `nightly`'s namespace.
fn daily() -> Object {
    tenant("team-ads", "daily")
}

pub fn scenarios() -> Vec<Scenario> {
    vec![
        converged!("limits_given_raised_and_lowered", |world| {
            change(world, json!({"tiers": tiers(&json!({"requestsPerMinute": 100}), &json!([]))})).await?;
            let rules = capped(&json!({}), &json!({"limits": {"requestsPerMinute": 500}}));
            change(world, json!({"tenants": rules})).await?;
            world.patch(&search(), &json!({"spec": {"limits": {"requestsPerMinute": 400, "concurrency": 8}}})).await?;
            world.ready(&search()).await?;
            world.patch(&search(), &json!({"spec": {"limits": {"requestsPerMinute": 50}}})).await?;
            world.ready(&search()).await
        }),
        converged!("budget_warned_of_exhausted_and_raised", |world| {
            change(world, json!({"tiers": tiers(&json!({}), &month("100"))})).await?;
            world.condition(&search(), "WithinBudget", "True", Some("WithinBudget")).await?;
            spend(world, &search(), 85_000_000)?;
            world.condition(&search(), "WithinBudget", "True", Some("BudgetWarning")).await?;
            spend(world, &search(), 99_500_000)?;
            world.condition(&search(), "WithinBudget", "False", Some("BudgetExhausted")).await?;
            world.ready(&search()).await?;
            change(world, json!({"tiers": tiers(&json!({}), &month("200"))})).await?;
            world.condition(&search(), "WithinBudget", "True", Some("WithinBudget")).await
        }),
        converged!("time_zone_changed_and_mistyped", |world| {
            change(world, json!({"tiers": tiers(&json!({}), &month("100"))})).await?;
            world.patch(&search(), &json!({"spec": {"timeZone": "Europe/Berlin"}})).await?;
            world.ready(&search()).await?;
            world.patch(&search(), &json!({"spec": {"timeZone": "Europe/Atlantis"}})).await?;
            world.condition(&search(), "Accepted", "False", Some("Invalid")).await
        }),
        converged!("access_expires", |world| {
            world.patch(&search(), &json!({"spec": {"expiresAt": "2026-03-02T10:00:00Z"}})).await?;
            world.ready(&search()).await?;
            world.condition(&search(), "Suspended", "True", Some("Expired")).await?;
            world.ready(&search()).await
        }),
        converged!("ceiling_lowered_below_what_is_asked", |world| {
            let wide = json!({"limits": {"requestsPerMinute": 500}, "budgets": month("3000")});
            let rules = capped(&json!({"shadow": true}), &wide);
            change(world, json!({"tiers": tiers(&json!({}), &month("100")), "tenants": rules})).await?;
            let asked = json!({
                "limits": {"requestsPerMinute": 400},
                "budgets": [{"window": "Month", "usd": "2000", "warnPercent": [50]}],
                "enforcement": "Shadow",
            });
            world.patch(&search(), &json!({"spec": asked})).await?;
            world.ready(&search()).await?;
            let narrow = json!({"limits": {"requestsPerMinute": 300}, "budgets": month("1000")});
            let rules = capped(&json!({"shadow": true}), &narrow);
            world.patch(&crate::scenario::objects::prod(), &json!({"spec": {"tenants": rules}})).await?;
            world.condition(&search(), "Accepted", "False", Some("LimitNotAllowed")).await?;
            // What it keeps is spent as well, and told.
            spend(world, &search(), 600_000_000)?;
            world.condition(&search(), "WithinBudget", "True", Some("BudgetWarning")).await
        }),
        converged!("namespace_has_no_room_until_others_leave_some", |world| {
            let (mut given, daily) = (tiers(&json!({"requestsPerMinute": 60}), &month("60")), daily());
            given[0]["limits"] = json!({"requestsPerMinute": 60});
            given[0]["budgets"] = month("60");
            let together = json!({"limits": {"requestsPerMinute": 100}, "budgets": month("100")});
            let rules = capped(&json!({}), &json!({"perNamespace": together}));
            change(world, json!({"tiers": given, "tenants": rules})).await?;
            world.ready(&nightly()).await?;
            world.apply(&manifests::tenant("team-ads", "daily", ("ai-platform", "prod"), "silver")).await?;
            world.condition(&daily, "Accepted", "False", Some("NamespaceCeilingReached")).await?;
            let asking = |requests: i32, usd: &str| json!({"spec": {"limits": {"requestsPerMinute": requests}, "budgets": month(usd)}});
            world.patch(&nightly(), &asking(40, "40")).await?;
            world.ready(&daily).await?;
            // It was there first, but what the other one was granted since is the other one's.
            world.patch(&nightly(), &asking(60, "60")).await?;
            world.condition(&nightly(), "Accepted", "False", Some("NamespaceCeilingReached")).await?;
            world.delete(&daily).await?;
            world.ready(&nightly()).await
        }),
        converged!("namespace_ceiling_lowered_below_what_was_granted", |world| {
            let mut given = tiers(&json!({"requestsPerMinute": 60}), &json!([]));
            given[0]["limits"] = json!({"requestsPerMinute": 60});
            let together = |most: i32| {
                let ceilings = json!({"perNamespace": {"limits": {"requestsPerMinute": most}}});
                json!({"tenants": capped(&json!({}), &ceilings)})
            };
            change(world, json!({"tiers": given, "tenants": together(150)["tenants"]})).await?;
            world.apply(&manifests::tenant("team-ads", "daily", ("ai-platform", "prod"), "silver")).await?;
            world.ready(&daily()).await?;
            change(world, together(100)).await?;
            world.condition(&daily(), "Accepted", "False", Some("NamespaceCeilingReached")).await?;
            world.ready(&nightly()).await
        }),
        converged!("shadow_that_is_not_allowed", |world| {
            world.patch(&search(), &json!({"spec": {"enforcement": "Shadow"}})).await?;
            world.condition(&search(), "Accepted", "False", Some("ShadowNotAllowed")).await?;
            sleep(Duration::from_mins(1)).await;
            Ok(())
        }),
    ]
}

/// What must be true of the end of an undisturbed run of one of these.
pub fn check(name: &str, end: &End) -> Outcome {
    let told = |reason: &str| {
        let events = end.world.kube.objects("events");
        events.iter().filter(|event| event["reason"] == reason && event["regarding"]["name"] == "search").count()
    };
    let policy_of = |tenant: &Object| policy(&end.world, tenant);
    let policy = || policy_of(&search());
    match name {
        "limits_given_raised_and_lowered" => {
            let wanted = Limits { requests_per_minute: Some(50), concurrency: Some(8), ..Limits::default() };
            ensure_eq!(policy()?.limits, wanted, "limits");
            ensure!(end.state.contains("effective limits[concurrency] from: \"Tenant\""), "no origin:\n{}", end.state);
        }
        "budget_warned_of_exhausted_and_raised" => {
            let budget = Budget { window: BudgetWindow::Month, micro_usd: 200_000_000 };
            ensure_eq!(policy()?.budgets, [budget], "budgets");
            ensure_eq!((told("BudgetWarning"), told("BudgetExhausted")), (1, 1), "Events");
            ensure!(end.state.contains("usage percent: 49"), "no use:\n{}", end.state);
        }
        "time_zone_changed_and_mistyped" => {
            let offsets = policy()?.utc_offsets;
            ensure_eq!(offsets.len(), 9, "changes of local time, from 2025 to 2028");
        }
        "access_expires" => ensure!(policy()?.expires_at.is_some(), "no end in the policy"),
        "ceiling_lowered_below_what_is_asked" => {
            let policy = policy()?;
            ensure_eq!(policy.limits.requests_per_minute, Some(300), "the lowered limit");
            let budget = Budget { window: BudgetWindow::Month, micro_usd: 1_000_000_000 };
            ensure_eq!(policy.budgets, [budget], "the lowered budget");
            ensure_eq!(policy.enforcement, Enforcement::Shadow, "what is still allowed");
        }
        "namespace_has_no_room_until_others_leave_some" => {
            let granted = policy_of(&nightly())?;
            ensure_eq!(granted.limits.requests_per_minute, Some(60), "the limit there was room for at last");
            let budget = Budget { window: BudgetWindow::Month, micro_usd: 60_000_000 };
            ensure_eq!(granted.budgets, [budget], "the budget there was room for at last");
        }
        "namespace_ceiling_lowered_below_what_was_granted" => {
            ensure_eq!(policy_of(&nightly())?.limits.requests_per_minute, Some(60), "what the older one keeps");
            ensure_eq!(policy_of(&daily())?.limits.requests_per_minute, Some(40), "what is left for the younger one");
        }
        "shadow_that_is_not_allowed" => ensure_eq!(policy()?.enforcement, Enforcement::Enforce, "enforcement"),
        _ => {}
    }
    Ok(())
}
