use serde_json::json;

use super::*;
use crate::gateway::fixtures::{World, valid};
use crate::gateway::step::UsagePlanSpec;
use crate::gateway::validate::ValidGateway;

fn target() -> ValidGateway {
    valid(json!({
        "region": "eu-central-1", "accountId": "111122223333", "stages": [{"name": "v1"}], "endpoint": {"type": "Regional"},
        "tiers": [{"name": "bronze", "plan": {"requestsPerSecond": 5, "burst": 10}}],
        "tenants": {"rules": []},
    }))
}

/// Every step a plan from nothing has, by the plan it is in.
fn plans() -> Vec<(ObservedGateway, Vec<GatewayStep>)> {
    let mut world = World::default();
    let mut plans = Vec::new();
    loop {
        let plan = world.plan(&target());
        if plan.in_sync() {
            return plans;
        }
        plans.push((world.sim.aws.clone(), plan.steps.clone()));
        plan.steps.iter().for_each(|step| world.apply(step));
        world.sim.settle();
    }
}

fn find(is: impl Fn(&GatewayStep) -> bool) -> (ObservedGateway, GatewayStep) {
    let plans = plans();
    let found = plans
        .iter()
        .find_map(|(observed, steps)| Some((observed.clone(), steps.iter().find(|step| is(step))?.clone())));
    found.expect("a plan from nothing has such a step")
}

#[test]
fn a_create_of_what_is_there_is_found_whatever_it_is() {
    let whole = World::settled(&target()).sim.aws;
    let creates =
        plans().into_iter().flat_map(|(_, steps)| steps).filter(|step| step.to_string().starts_with("create "));
    let mut count = 0;
    for step in creates.filter(|step| {
        !matches!(
            step,
            GatewayStep::CreateDeployment { .. } | GatewayStep::PointAlias { .. } | GatewayStep::CreateFunction(_)
        )
    }) {
        count += 1;
        assert!(
            lint(std::slice::from_ref(&step), &whole)[0].contains("was not observed, or what it creates was"),
            "{step}"
        );
    }
    assert_eq!(count, 8, "table, roles, log groups, rest api, stage, usage plan");
}

#[test]
fn a_change_of_what_was_not_observed_is_found_whatever_it_is() {
    let whole = World::settled(&target());
    let nothing = ObservedGateway::default();
    let deletions = whole.cleanup(aigw_api::DeletionPolicy::Delete, aigw_api::DeletionPolicy::Delete).steps;
    assert_eq!(deletions.len(), 11, "{deletions:?}");
    for step in deletions {
        assert!(!lint(std::slice::from_ref(&step), &nothing).is_empty(), "{step}");
    }
    for (_, steps) in plans() {
        let changes = steps.iter().filter(|step| !step.to_string().starts_with("create "));
        for step in changes.filter(|step| !matches!(step, GatewayStep::SetRetention { .. })) {
            assert!(!lint(std::slice::from_ref(step), &nothing).is_empty(), "{step}");
        }
    }
}

#[test]
fn order_within_a_plan_is_kept() {
    let (observed, deployment) = find(|step| matches!(step, GatewayStep::CreateDeployment { .. }));
    assert!(lint(std::slice::from_ref(&deployment), &observed)[0].contains("not verified first"));
    let (_, put) = find(|step| matches!(step, GatewayStep::PutDocument { .. }));
    let (_, verify) = find(|step| matches!(step, GatewayStep::VerifyDocument { .. }));
    assert!(lint(&[verify.clone(), put.clone(), deployment.clone()], &observed)[0].contains("not verified first"));
    let twice = [put, verify, deployment.clone(), deployment];
    assert!(lint(&twice, &observed)[0].contains("second deployment"));
    let (empty, role) = find(|step| matches!(step, GatewayStep::CreateRole { .. }));
    let (_, function) = find(|step| matches!(step, GatewayStep::CreateFunction(_)));
    assert!(lint(&[role, function], &empty)[0].contains("as young as this plan"));
    let (mut observed, config) = find(|step| matches!(step, GatewayStep::WriteConfig { .. }));
    let (_, prices) = find(|step| matches!(step, GatewayStep::WritePrices { .. }));
    assert!(lint(&[config.clone(), prices.clone()], &observed)[0].contains("a price list that is not there yet"));
    assert_eq!(lint(&[prices.clone(), config.clone()], &observed), Vec::<String>::new());
    let GatewayStep::WritePrices { prices: mut other, .. } = prices.clone() else { panic!() };
    other.revision = "older".into();
    observed.prices = Some(super::super::observed::Document { version: 3, content: other });
    assert!(lint(std::slice::from_ref(&config), &observed)[0].contains("a price list that is not there yet"));
    assert!(lint(&[prices], &observed)[0].contains("the price list observed is another"));
    let whole = World::settled(&target()).sim.aws;
    let api = GatewayStep::DeleteRestApi { rest_api_id: whole.rest_apis[0].id.clone() };
    assert!(lint(&[api], &whole)[0].contains("a stage still serves"));
    let function = GatewayStep::DeleteFunction { name: "aigw-x-forwarder".into() };
    assert!(lint(&[function], &whole)[0].contains("a stage still calls it"));
    let table = GatewayStep::DeleteTable { name: "aigw-x".into() };
    assert!(lint(&[table], &whole)[0].contains("protected"));
}

#[test]
fn values_no_plan_may_carry_are_found() {
    let whole = World::settled(&target()).sim.aws;
    let deployment_id = whole.stages["v1"].deployment_id.clone();
    let serving = GatewayStep::DeleteDeployment { rest_api_id: whole.rest_apis[0].id.clone(), deployment_id };
    assert!(lint(&[serving], &whole)[0].contains("a stage serves it"));
    let version = whole.functions[&Function::Forwarder].live_version.clone().unwrap();
    let live = GatewayStep::DeleteVersion { name: "aigw-x-forwarder".into(), version };
    assert!(lint(&[live], &whole)[0].contains("the alias points at it"));
    let (observed, GatewayStep::CreateUsagePlan(spec)) = find(|step| matches!(step, GatewayStep::CreateUsagePlan(_)))
    else {
        panic!()
    };
    let zero = GatewayStep::CreateUsagePlan(UsagePlanSpec { burst_limit: 0, ..spec.clone() });
    assert!(lint(&[zero], &observed)[0].contains("a limit of zero"));
    let anonymous = GatewayStep::CreateUsagePlan(UsagePlanSpec { tags: Tags::new(), ..spec });
    assert!(lint(&[anonymous], &observed)[0].contains("never be found again"));
    let release = GatewayStep::ReleaseOwnership { table: "aigw-x".into(), expected: 7 };
    assert!(lint(&[release], &whole)[0].contains("another"));
    let mut record = whole.owner.clone().unwrap().content;
    record.epoch = 0;
    let back = GatewayStep::ClaimOwnership { table: "aigw-x".into(), expected: Some(1), record };
    assert!(lint(&[back], &whole)[0].contains("newer"));
    let id = whole.usage_plans[0].id.clone();
    let delete = GatewayStep::DeleteUsagePlan { id, api_stages: Vec::new() };
    assert!(lint(&[delete.clone(), delete], &whole)[0].contains("second change of one usage plan"));
}
