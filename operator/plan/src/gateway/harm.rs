//! Test support: what people do to a gateway's AWS objects by hand. One entry for each owned object and field.

use serde_json::json;

use super::observed::{ObservedDeployment, ObservedFunction, ObservedGateway, ObservedPermission, ObservedUsagePlan};
use crate::identity::{Function, TAG_ID};

type Harm = fn(&mut ObservedGateway);

/// Does what the entry says, as far as there is something to do it to.
pub(super) fn harm(number: usize, aws: &mut ObservedGateway) {
    (HARMS[number].1)(aws);
}

fn forwarder(aws: &mut ObservedGateway, harm: impl FnOnce(&mut ObservedFunction)) {
    aws.functions.get_mut(&Function::Forwarder).map(harm);
}

fn plan(aws: &mut ObservedGateway, harm: impl FnOnce(&mut ObservedUsagePlan)) {
    aws.usage_plans.first_mut().map(harm);
}

/// Whether the entry needs a gateway with a custom domain.
pub(super) fn is_about_domains(name: &str) -> bool {
    ["domain", "mapping", "the API's own name"].iter().any(|part| name.starts_with(part))
}

/// By name, so that a failure says what was done.
pub(super) const HARMS: [(&str, Harm); 54] = [
    ("table deleted", |aws| (aws.table, aws.owner, aws.config, aws.prices) = (None, None, None, None)),
    ("time to live off", |aws| aws.table.iter_mut().for_each(|table| table.time_to_live = false)),
    ("recovery off", |aws| aws.table.iter_mut().for_each(|table| table.point_in_time_recovery = false)),
    ("protection off", |aws| aws.table.iter_mut().for_each(|table| table.deletion_protection = false)),
    ("tags of the table", |aws| aws.table.iter_mut().for_each(|table| table.tags.clear())),
    ("configuration deleted", |aws| aws.config = None),
    ("configuration changed", |aws| aws.config.iter_mut().for_each(|config| config.content.families.clear())),
    ("prices deleted", |aws| aws.prices = None),
    ("prices changed", |aws| aws.prices.iter_mut().for_each(|prices| prices.content.models.clear())),
    ("role deleted", |aws| drop(aws.roles.remove(&Function::Authorizer))),
    ("trust of a role", |aws| aws.roles.values_mut().for_each(|role| role.trust = json!({}))),
    ("policy of a role", |aws| aws.roles.values_mut().for_each(|role| role.policy = Some(json!({"Statement": []})))),
    ("policy of a role deleted", |aws| aws.roles.values_mut().for_each(|role| role.policy = None)),
    ("tags of a role", |aws| aws.roles.values_mut().for_each(|role| role.tags.clear())),
    ("log group deleted", |aws| {
        aws.log_groups.remove(&Function::Forwarder);
    }),
    ("retention", |aws| aws.log_groups.values_mut().for_each(|group| group.retention_days = None)),
    ("function deleted", |aws| drop(aws.functions.remove(&Function::Authorizer))),
    ("role of a function", |aws| forwarder(aws, |function| function.role_arn = "other".into())),
    ("architecture", |aws| forwarder(aws, |function| function.architecture = "other".into())),
    ("memory", |aws| forwarder(aws, |function| function.memory_mib = 3008)),
    ("time-out", |aws| forwarder(aws, |function| function.timeout_seconds = 3)),
    ("environment", |aws| forwarder(aws, |function| drop(function.environment.insert("DEBUG".into(), "1".into())))),
    ("code", |aws| forwarder(aws, |function| function.code_sha256 = "other".into())),
    ("tags of a function", |aws| forwarder(aws, |function| function.tags.clear())),
    ("alias deleted", |aws| {
        forwarder(aws, |function| {
            function.live_version = None;
            function.permissions.clear();
        });
    }),
    ("alias moved", |aws| {
        forwarder(aws, |function| {
            if let Some(mut version) = function.versions.first().cloned() {
                (version.version, version.description) = ("hand".into(), "by hand".into());
                function.live_version = Some(version.version.clone());
                function.versions.push(version);
            }
        });
    }),
    ("versions deleted", |aws| {
        forwarder(aws, |function| {
            function.versions.clear();
            function.live_version = None;
            function.permissions.clear();
        });
    }),
    ("permission removed", |aws| forwarder(aws, |function| function.permissions.clear())),
    ("permission changed", |aws| {
        forwarder(aws, |function| {
            let widen = |permission: &mut ObservedPermission| permission.source_arn = "*".into();
            function.permissions.iter_mut().for_each(widen);
        });
    }),
    ("rest api deleted", |aws| {
        // AWS refuses that while a domain leads there.
        aws.domains.iter_mut().for_each(|domain| domain.mappings.clear());
        aws.rest_apis.clear();
        aws.deployments.clear();
        aws.stages.clear();
        aws.usage_plans.iter_mut().for_each(|plan| plan.api_stages.clear());
    }),
    ("vpc endpoints", |aws| aws.rest_apis.iter_mut().for_each(|api| api.vpc_endpoint_ids.truncate(1))),
    ("tags of the rest api", |aws| aws.rest_apis.iter_mut().for_each(|api| api.tags.retain(|key, _| key == TAG_ID))),
    ("deployment made", |aws| {
        if !aws.rest_apis.is_empty() {
            let created = aws.deployments.iter().map(|deployment| deployment.created).max().unwrap_or(0) + 1;
            let made = ObservedDeployment { id: format!("hand{created}"), description: "by hand".into(), created };
            aws.stages.values_mut().for_each(|stage| stage.deployment_id.clone_from(&made.id));
            aws.deployments.push(made);
        }
    }),
    ("stage deleted", |aws| {
        aws.stages.clear();
        aws.usage_plans.iter_mut().for_each(|plan| plan.api_stages.clear());
    }),
    ("throttle of the stage", |aws| {
        aws.stages.values_mut().for_each(|stage| (stage.rate_limit, stage.burst_limit) = (Some(1.0), Some(1)));
    }),
    ("rate of the stage alone", |aws| {
        aws.stages.values_mut().for_each(|stage| (stage.rate_limit, stage.burst_limit) = (Some(1.0), None));
    }),
    ("burst of the stage alone", |aws| {
        aws.stages.values_mut().for_each(|stage| (stage.rate_limit, stage.burst_limit) = (None, Some(1)));
    }),
    ("access log off", |aws| aws.stages.values_mut().for_each(|stage| stage.access_log = None)),
    ("access log elsewhere", |aws| {
        let logs = aws.stages.values_mut().filter_map(|stage| stage.access_log.as_mut());
        logs.for_each(|log| log.destination_arn = "arn:aws:logs:eu-central-1:111122223333:log-group:other".into());
    }),
    ("log group of the access log deleted", |aws| aws.access_log_group = None),
    ("retention of the access log", |aws| {
        aws.access_log_group.iter_mut().for_each(|group| group.retention_days = None);
    }),
    ("tags of the stage", |aws| aws.stages.values_mut().for_each(|stage| stage.tags.clear())),
    ("plan deleted", |aws| aws.usage_plans.truncate(0)),
    ("rate of a plan", |aws| plan(aws, |plan| plan.rate_limit = None)),
    ("burst of a plan", |aws| plan(aws, |plan| plan.burst_limit = Some(1))),
    ("plan detached", |aws| plan(aws, |plan| plan.api_stages.clear())),
    ("plan attached elsewhere", |aws| plan(aws, |plan| plan.api_stages.push(("other".into(), "v9".into())))),
    ("tier of a plan", |aws| {
        plan(aws, |plan| {
            plan.tier.clear();
            plan.tags.remove("aigateway.dev/tier");
        });
    }),
    ("domain deleted", |aws| aws.domains.clear()),
    ("domain's certificate", |aws| aws.domains.iter_mut().for_each(|domain| domain.certificate_arn = "other".into())),
    ("domain's policy", |aws| aws.domains.iter_mut().for_each(|domain| domain.security_policy = "TLS_1_0".into())),
    ("mapping deleted", |aws| aws.domains.iter_mut().for_each(|domain| domain.mappings.clear())),
    ("mapping to another stage", |aws| {
        let mappings = aws.domains.iter_mut().flat_map(|domain| &mut domain.mappings);
        mappings.for_each(|mapping| mapping.stage = "v9".into());
    }),
    ("the API's own name opened", |aws| {
        aws.rest_apis.iter_mut().for_each(|api| api.default_endpoint_disabled = false);
    }),
];
