use std::collections::BTreeSet;
use std::fmt::Debug;
use std::sync::atomic::{AtomicU32, Ordering};

use aigw_plan::Function;

use super::super::fakes::{Everywhere, Fake};
use super::*;

/// The ports' methods that only look. Everything else in the ports' source is a change.
const READS: [&str; 24] = [
    "Account::id",
    "ApiKeys::is_attached",
    "ApiKeys::list",
    "Domains::list",
    "Domains::mappings",
    "Capacity::quotas",
    "Capacity::used",
    "Estate::owned",
    "FunctionMetrics::calls",
    "Functions::get",
    "LogGroups::get",
    "RestApis::account_log_role",
    "RestApis::deployments",
    "RestApis::find",
    "RestApis::imported",
    "RestApis::stage",
    "Roles::get",
    "Tables::document",
    "Tables::get",
    "Tables::identities",
    "Tables::meter",
    "Tables::tenants",
    "UsagePlans::key_ids",
    "UsagePlans::list",
];

/// `Trait::method` of every port, from the source, so that none can be forgotten here.
fn methods() -> BTreeSet<String> {
    let source = concat!(
        include_str!("../../cloud/src/ports.rs"),
        include_str!("../../cloud/src/domains.rs"),
        include_str!("../../cloud/src/keys.rs"),
        include_str!("../../cloud/src/capacity.rs"),
        include_str!("../../cloud/src/estate.rs"),
        include_str!("../../cloud/src/function_metrics.rs")
    );
    let mut port = "";
    let mut found = BTreeSet::new();
    for line in source.lines() {
        if let Some(rest) = line.strip_prefix("pub trait ") {
            port = rest.split([':', ' ']).next().unwrap();
        } else if let Some(rest) = line.trim_start().strip_prefix("async fn ") {
            found.insert(format!("{port}::{}", rest.split(['(', '<']).next().unwrap()));
        }
    }
    found
}

#[derive(Default)]
struct Refusals(BTreeSet<String>);

impl Refusals {
    fn check<T: Debug>(&mut self, method: &str, result: Result<T, CloudError>) {
        let error = result.expect_err(method);
        assert_eq!((error.class, error.code.as_str()), (Class::Bug, READ_ONLY), "{method}");
        assert!(self.0.insert(method.to_owned()), "{method} twice");
    }
}

fn spec() -> FunctionSpec {
    FunctionSpec {
        function: Function::Forwarder,
        name: String::new(),
        role_arn: String::new(),
        architecture: String::new(),
        memory_mib: 0,
        timeout_seconds: 0,
        environment: BTreeMap::new(),
        code_sha256: String::new(),
        log_group: String::new(),
        tags: Tags::new(),
    }
}

fn domain() -> DomainSpec {
    let (name, certificate_arn, security_policy) = Default::default();
    DomainSpec { name, certificate_arn, security_policy, tags: Tags::new() }
}

fn plan() -> UsagePlanSpec {
    UsagePlanSpec {
        tier: String::new(),
        name: String::new(),
        rate_limit: 1,
        burst_limit: 1,
        api_stages: Vec::new(),
        tags: Tags::new(),
    }
}

#[tokio::test]
async fn every_change_is_refused_and_none_reaches_the_ports_behind() {
    // The ports behind panic at every change.
    let cloud = ReadOnlyClouds(Arc::new(Everywhere(Arc::default()))).region("eu-central-1").await;
    let (tags, code) = (Tags::new(), FunctionCode::held(b"", ""));
    let document = Document { version: 1, content: String::new() };
    let head = MeterHead { policy_version: 1, suspended: false };
    let mut refusals = Refusals::default();
    let tables = &cloud.tables;
    refusals.check("Tables::create", tables.create("", &tags).await);
    refusals.check("Tables::enable_time_to_live", tables.enable_time_to_live("").await);
    refusals.check("Tables::enable_point_in_time_recovery", tables.enable_point_in_time_recovery("").await);
    refusals.check("Tables::set_deletion_protection", tables.set_deletion_protection("", false).await);
    refusals.check("Tables::delete", tables.delete("").await);
    refusals.check("Tables::tag", tables.tag("", &tags).await);
    refusals.check("Tables::put_document", tables.put_document("", ("", ""), None, &document, None).await);
    refusals.check("Tables::delete_document", tables.delete_document("", ("", ""), 1).await);
    refusals.check("Tables::set_meter", tables.set_meter("", "", head, None).await);
    let roles = &cloud.roles;
    refusals.check("Roles::create", roles.create("", "", &Value::Null, None, &tags).await);
    refusals.check("Roles::update_trust", roles.update_trust("", &Value::Null).await);
    refusals.check("Roles::put_policy", roles.put_policy("", &Value::Null).await);
    refusals.check("Roles::delete", roles.delete("").await);
    refusals.check("Roles::tag", roles.tag("", &tags).await);
    let groups = &cloud.log_groups;
    refusals.check("LogGroups::create", groups.create("", &tags).await);
    refusals.check("LogGroups::set_retention", groups.set_retention("", 1).await);
    refusals.check("LogGroups::delete", groups.delete("").await);
    let functions = &cloud.functions;
    let target = AliasTarget { version: String::new(), canary: None, note: String::new() };
    refusals.check("Functions::create", functions.create(&spec(), &code).await);
    refusals.check("Functions::update_configuration", functions.update_configuration(&spec(), None).await);
    refusals.check("Functions::update_code", functions.update_code(&spec(), &code, None).await);
    refusals.check("Functions::publish", functions.publish("", "", "").await);
    refusals.check("Functions::point_alias", functions.point_alias("", &target, true).await);
    refusals.check("Functions::add_permission", functions.add_permission("", "", "").await);
    refusals.check("Functions::remove_permission", functions.remove_permission("", "").await);
    refusals.check("Functions::delete_version", functions.delete_version("", "").await);
    refusals.check("Functions::delete", functions.delete("").await);
    refusals.check("Functions::tag", functions.tag("", &tags).await);
    let apis = &cloud.rest_apis;
    refusals.check("RestApis::create", apis.create("", "", &[], &tags).await);
    refusals.check("RestApis::put_document", apis.put_document("", "").await);
    refusals.check("RestApis::create_deployment", apis.create_deployment("", "").await);
    refusals.check("RestApis::delete_deployment", apis.delete_deployment("", "").await);
    refusals.check("RestApis::create_stage", apis.create_stage("", "", "", &tags).await);
    refusals.check("RestApis::update_stage", apis.update_stage("", "", None, None).await);
    refusals.check("RestApis::set_access_log", apis.set_access_log("", "", None).await);
    refusals.check("RestApis::delete_stage", apis.delete_stage("", "").await);
    refusals.check("RestApis::delete", apis.delete("").await);
    refusals.check("RestApis::tag", apis.tag("", None, &tags).await);
    let domains = &cloud.domains;
    refusals.check("Domains::create", domains.create(&domain()).await);
    refusals.check("Domains::update", domains.update("", None, None).await);
    refusals.check("Domains::delete", domains.delete("").await);
    refusals.check("Domains::map", domains.map("", "", "", "").await);
    refusals.check("Domains::remap", domains.remap("", "", "").await);
    refusals.check("Domains::unmap", domains.unmap("", "").await);
    refusals.check("Domains::tag", domains.tag("", &tags).await);
    let plans = &cloud.usage_plans;
    refusals.check("UsagePlans::create", plans.create(&plan()).await);
    refusals.check("UsagePlans::update", plans.update("", 1, 1, &[], &[]).await);
    refusals.check("UsagePlans::delete", plans.delete("", &[]).await);
    refusals.check("UsagePlans::tag", plans.tag("", &tags).await);
    let keys = &cloud.api_keys;
    refusals.check("ApiKeys::create", keys.create("", "", &tags).await);
    refusals.check("ApiKeys::set_enabled", keys.set_enabled("", true).await);
    refusals.check("ApiKeys::attach", keys.attach("", "").await);
    refusals.check("ApiKeys::delete", keys.delete("").await);

    let reads: BTreeSet<String> = READS.map(str::to_owned).into();
    let changes: BTreeSet<String> = methods().difference(&reads).cloned().collect();
    assert_eq!(refusals.0, changes, "left: refused here, right: changes in the ports' source");
    assert!(reads.is_subset(&methods()));
}

#[tokio::test]
async fn every_look_is_passed_on() {
    let fake = Arc::new(Fake { account: "111122223333".into(), ..Fake::default() });
    let cloud = ReadOnlyClouds(Arc::new(Everywhere(fake.clone()))).region("eu-central-1").await;
    assert_eq!(cloud.account.id().await.unwrap(), "111122223333");
    cloud.tables.get("").await.unwrap();
    cloud.tables.document("", "", "").await.unwrap();
    assert_eq!(cloud.tables.tenants("", &["t".to_owned()]).await.unwrap().len(), 1);
    assert!(cloud.tables.identities("", &["h".to_owned()]).await.unwrap().is_empty());
    cloud.tables.meter("", "").await.unwrap();
    cloud.roles.get("").await.unwrap();
    cloud.log_groups.get("").await.unwrap();
    cloud.functions.get("").await.unwrap();
    cloud.rest_apis.account_log_role().await.unwrap();
    cloud.rest_apis.find("", None).await.unwrap();
    cloud.rest_apis.imported("").await.unwrap();
    cloud.rest_apis.deployments("").await.unwrap();
    cloud.rest_apis.stage("", "").await.unwrap();
    cloud.domains.list("", None).await.unwrap();
    cloud.domains.mappings("").await.unwrap();
    cloud.usage_plans.list("").await.unwrap();
    cloud.usage_plans.key_ids("").await.unwrap();
    cloud.api_keys.list("").await.unwrap();
    assert!(!cloud.api_keys.is_attached("", "").await.unwrap());
    cloud.capacity.quotas().await.unwrap();
    cloud.capacity.used().await.unwrap();
    cloud.estate.owned("").await.unwrap();
    let (function, version) = Default::default();
    let query = CallQuery { function, version, since: 0, until: 0, slow_after_ms: None };
    cloud.function_metrics.calls(&query).await.unwrap();
    assert_eq!(*fake.reads.lock().unwrap(), READS.len());
}

#[tokio::test(start_paused = true)]
async fn a_look_is_repeated_while_aws_is_busy_and_no_longer() {
    for (class, failures, asked) in [
        (Class::Throttled, 3, 4),
        (Class::Transient, ATTEMPTS - 1, ATTEMPTS),
        (Class::Transient, ATTEMPTS, ATTEMPTS),
        (Class::Denied, 1, 1),
    ] {
        let calls = AtomicU32::new(0);
        let answer = patiently(|| async {
            if calls.fetch_add(1, Ordering::Relaxed) < failures {
                return Err(CloudError::new("sts:GetCallerIdentity", class, "Busy", "try again"));
            }
            Ok(())
        })
        .await;
        assert_eq!(answer.is_ok(), failures < asked, "{class:?} {failures} times");
        assert_eq!(calls.into_inner(), asked, "{class:?} {failures} times");
    }
}
