//! What takes its time: roles, functions, tables; and an import that breaks off.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use aigw_cloud::{Cloud, FunctionCode};
use aigw_plan::Class;
use aigw_plan::gateway::observed::{FunctionState, Tags};
use aigw_plan::gateway::roles::trust;
use aigw_plan::gateway::step::FunctionSpec;
use aigw_plan::identity::Function as Kind;

use super::*;
use crate::intercept::{Call, Failure, Verdict};

const REGION: &str = "eu-central-1";

async fn cloud(aws: &FakeAws) -> Cloud {
    aws.clouds("operator").region(REGION).await
}

fn spec() -> FunctionSpec {
    FunctionSpec {
        function: Kind::Forwarder,
        name: "f".into(),
        role_arn: "arn:aws:iam::111122223333:role/aigw/r".into(),
        architecture: "arm64".into(),
        memory_mib: 128,
        timeout_seconds: 3,
        environment: BTreeMap::default(),
        code_sha256: "one".into(),
        log_group: "/aws/lambda/f".into(),
        tags: Tags::new(),
    }
}

fn code() -> FunctionCode {
    FunctionCode::held(b"zip", "one")
}

/// A world with a function that is being created, for two looks.
async fn with_new_function() -> (FakeAws, Cloud) {
    let aws = FakeAws::new("111122223333");
    aws.behaviour(|behaviour| {
        (behaviour.role_assumable_after, behaviour.function_pending_reads) = (Duration::ZERO, 2);
    });
    let cloud = cloud(&aws).await;
    cloud.roles.create("r", "/aigw/", &trust(), None, &Tags::new()).await.unwrap();
    cloud.functions.create(&spec(), &code()).await.unwrap();
    (aws, cloud)
}

#[tokio::test(start_paused = true)]
async fn a_role_can_be_assumed_after_a_while() {
    let aws = FakeAws::new("111122223333");
    aws.behaviour(|behaviour| behaviour.role_assumable_after = Duration::from_secs(10));
    let cloud = cloud(&aws).await;
    cloud.roles.create("r", "/aigw/", &trust(), None, &Tags::new()).await.unwrap();
    let error = cloud.functions.create(&spec(), &code()).await.unwrap_err();
    assert_eq!((error.class, error.code.as_str()), (Class::Eventual, "InvalidParameterValueException"));
    tokio::time::sleep(Duration::from_secs(10)).await;
    cloud.functions.create(&spec(), &code()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_function_takes_one_change_at_a_time() {
    let (_, cloud) = with_new_function().await;
    let busy = [
        cloud.functions.update_configuration(&spec(), None).await.unwrap_err(),
        cloud.functions.update_code(&spec(), &code(), None).await.unwrap_err(),
        cloud.functions.publish("f", "one", "v").await.unwrap_err(),
    ];
    for error in busy {
        assert_eq!((error.class, error.code.as_str()), (Class::Waiting, "ResourceConflictException"), "{error}");
    }
    for state in [FunctionState::Pending, FunctionState::Pending, FunctionState::Ready] {
        assert_eq!(cloud.functions.get("f").await.unwrap().unwrap().state, state);
    }
    cloud.functions.update_configuration(&spec(), None).await.unwrap();
    assert_eq!(cloud.functions.get("f").await.unwrap().unwrap().state, FunctionState::Pending);
}

#[tokio::test(start_paused = true)]
async fn a_table_comes_and_goes_slowly() {
    let aws = FakeAws::new("111122223333");
    aws.behaviour(|behaviour| (behaviour.table_creating_reads, behaviour.table_deleting_reads) = (2, 2));
    let cloud = cloud(&aws).await;
    cloud.tables.create("t", &Tags::new()).await.unwrap();
    let early = cloud.tables.set_deletion_protection("t", false).await.unwrap_err();
    assert_eq!((early.class, early.code.as_str()), (Class::Waiting, "ResourceInUseException"));
    for active in [false, false, true] {
        assert_eq!(cloud.tables.get("t").await.unwrap().unwrap().active, active);
    }
    cloud.tables.set_deletion_protection("t", false).await.unwrap();
    cloud.tables.delete("t").await.unwrap();
    let again = cloud.tables.create("t", &Tags::new()).await.unwrap_err();
    assert_eq!(again.class, Class::Waiting, "{again}");
    for _ in 0..2 {
        assert!(cloud.tables.get("t").await.unwrap().unwrap().deleting);
    }
    assert_eq!(cloud.tables.get("t").await.unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn expired_items_stay_until_time_to_live_comes_by() {
    let aws = FakeAws::new("111122223333");
    aws.behaviour(|behaviour| behaviour.table_creating_reads = 0);
    let cloud = cloud(&aws).await;
    cloud.tables.create("t", &Tags::new()).await.unwrap();
    let head = aigw_contract::table::MeterHead { policy_version: 1, suspended: false };
    cloud.tables.set_meter("t", "one", head, Some(100)).await.unwrap();
    cloud.tables.set_meter("t", "two", head, None).await.unwrap();
    let expire =
        |time| aws.edit(|state| state.region(REGION).tables.get_mut("t").map(|table| table.expire_items(time)));
    assert_eq!(expire(200), Some(0), "time to live is off");
    cloud.tables.enable_time_to_live("t").await.unwrap();
    assert_eq!(expire(100), Some(0));
    assert_eq!(cloud.tables.meter("t", "one").await.unwrap(), Some(head));
    assert_eq!(expire(101), Some(1));
    assert_eq!(cloud.tables.meter("t", "one").await.unwrap(), None);
    assert_eq!(cloud.tables.meter("t", "two").await.unwrap(), Some(head));
}

#[tokio::test(start_paused = true)]
async fn an_import_can_break_off_and_is_repaired_by_repeating_it() {
    let aws = FakeAws::new("111122223333");
    aws.behaviour(|behaviour| behaviour.half_import = true);
    let cloud = cloud(&aws).await;
    let id = cloud.rest_apis.create("a", "REGIONAL", &[], &Tags::new()).await.unwrap();
    let method = serde_json::json!({"security": [{"key": []}], "x-amazon-apigateway-integration": {"uri": "u"}});
    let body = serde_json::json!({
        "openapi": "3.0.1", "info": {"title": "a"},
        "components": {"securitySchemes": {"key": {"type": "apiKey"}}},
        "paths": {"/a": {"x-amazon-apigateway-any-method": method}, "/b": {"x-amazon-apigateway-any-method": method}},
    });
    let lost = |call: &Call| match call.operation.as_str() {
        "apigateway:PutRestApi" => Verdict::FailAfter(Failure::Connection),
        _ => Verdict::Serve,
    };
    aws.set_intercept(Arc::new(lost));
    cloud.rest_apis.put_document(&id, &body.to_string()).await.unwrap_err();
    let open: Vec<_> =
        cloud.rest_apis.imported(&id).await.unwrap().methods.iter().map(|method| method.api_key_required).collect();
    assert_eq!(open, [false]);

    aws.set_intercept(Arc::new(crate::intercept::ServeAll));
    cloud.rest_apis.put_document(&id, &body.to_string()).await.unwrap();
    let open: Vec<_> =
        cloud.rest_apis.imported(&id).await.unwrap().methods.iter().map(|method| method.api_key_required).collect();
    assert_eq!(open, [true, true]);
}

#[tokio::test(start_paused = true)]
async fn a_deployment_serves_what_was_imported_when_it_was_made() {
    let aws = FakeAws::new("111122223333");
    let cloud = cloud(&aws).await;
    let id = cloud.rest_apis.create("a", "REGIONAL", &[], &Tags::new()).await.unwrap();
    let body = |path: &str| {
        let method = serde_json::json!({"x-amazon-apigateway-integration": {"uri": "u"}});
        let paths = serde_json::json!({path: {"get": method}});
        serde_json::json!({"openapi": "3.0.1", "info": {"title": "a"}, "paths": paths}).to_string()
    };
    cloud.rest_apis.put_document(&id, &body("/old")).await.unwrap();
    let deployment = cloud.rest_apis.create_deployment(&id, "d").await.unwrap();
    cloud.rest_apis.put_document(&id, &body("/new")).await.unwrap();
    let state = aws.state();
    let api = &state.regions[REGION].rest_apis[&id];
    assert_eq!(api.definition.methods[0].path, "/new");
    assert_eq!(api.deployments[&deployment].definition.methods[0].path, "/old");
}

#[tokio::test(start_paused = true)]
async fn quotas_of_the_account_are_a_class_of_their_own() {
    let aws = FakeAws::new("111122223333");
    aws.behaviour(|behaviour| {
        (behaviour.limits.api_keys, behaviour.limits.rest_apis, behaviour.limits.roles) = (0, 0, 0);
    });
    let cloud = cloud(&aws).await;
    let errors = [
        cloud.api_keys.create("k", "a-value-of-twenty-characters", &Tags::new()).await.unwrap_err(),
        cloud.rest_apis.create("a", "REGIONAL", &[], &Tags::new()).await.unwrap_err(),
        cloud.roles.create("r", "/aigw/", &trust(), None, &Tags::new()).await.unwrap_err(),
    ];
    for error in errors {
        assert_eq!(error.class, Class::Quota, "{error}");
    }
}
