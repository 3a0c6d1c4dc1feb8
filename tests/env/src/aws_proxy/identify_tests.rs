//! The naming tables, and that nothing is without a name.

use super::*;
use http::HeaderValue;

fn headers(service: &str, extra: &[(&'static str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential=AKID/20260101/eu-central-1/{service}/aws4_request, SignedHeaders=host, Signature=00"
    );
    headers.insert(AUTHORIZATION, authorization.parse().unwrap());
    for (name, value) in extra {
        headers.insert(*name, HeaderValue::from_str(value).unwrap());
    }
    headers
}

fn rest_call(service: &str, method: &str, target: &str) -> Identity {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    identify(method, path, query, &headers(service, &[]), b"")
}

#[test]
fn rest_operations_have_their_names() {
    for (service, method, target, operation, is_write) in [
        ("apigateway", "POST", "/restapis", "CreateRestApi", true),
        ("apigateway", "POST", "/restapis?mode=import&failonwarnings=true", "ImportRestApi", true),
        ("apigateway", "PUT", "/restapis/a1?mode=overwrite", "PutRestApi", true),
        ("apigateway", "PATCH", "/restapis/a1/stages/live", "UpdateStage", true),
        ("apigateway", "GET", "/restapis/a1/resources?limit=500", "GetResources", false),
        ("apigateway", "POST", "/restapis/a1/deployments", "CreateDeployment", true),
        ("apigateway", "DELETE", "/usageplans/p/keys/k", "DeleteUsagePlanKey", true),
        ("apigateway", "PATCH", "/usageplans/p/keys/k/usage", "UpdateUsage", true),
        ("apigateway", "GET", "/apikeys?includeValues=true", "GetApiKeys", false),
        ("apigateway", "GET", "/tags/arn%3Aaws%3Aapigateway%3Ar%3A%3A%2Frestapis%2Fa", "GetTags", false),
        ("apigateway", "PUT", "/tags/arn:aws:apigateway:r::/restapis/a", "TagResource", true),
        ("apigateway", "GET", "/account", "GetAccount", false),
        ("lambda", "POST", "/2015-03-31/functions", "CreateFunction", true),
        ("lambda", "GET", "/2015-03-31/functions/", "ListFunctions", false),
        ("lambda", "GET", "/2015-03-31/functions/f", "GetFunction", false),
        ("lambda", "PUT", "/2015-03-31/functions/f/code", "UpdateFunctionCode", true),
        ("lambda", "GET", "/2015-03-31/functions/arn%3Aaws%3Alambda/versions", "ListVersionsByFunction", false),
        ("lambda", "DELETE", "/2015-03-31/functions/f/policy/sid", "RemovePermission", true),
        ("lambda", "PUT", "/2017-10-31/functions/f/concurrency", "PutFunctionConcurrency", true),
        ("lambda", "POST", "/2017-03-31/tags/arn%3Ax", "TagResource", true),
    ] {
        let found = rest_call(service, method, target);
        assert_eq!((found.operation.as_str(), found.is_write), (operation, is_write), "{method} {target}");
        assert_eq!((found.service.as_str(), found.protocol), (service, Protocol::RestJson));
        assert_eq!((found.caller.as_str(), found.region.as_str()), ("AKID", "eu-central-1"));
    }
}

#[test]
fn targets_and_actions_name_operations() {
    let target = headers("dynamodb", &[("x-amz-target", "DynamoDB_20120810.UpdateItem")]);
    let found = identify("POST", "/", "", &target, b"");
    assert_eq!((found.service.as_str(), found.operation.as_str()), ("dynamodb", "UpdateItem"));
    assert_eq!((found.protocol, found.is_write), (Protocol::AwsJson, true));
    let target = headers("logs", &[("x-amz-target", "Logs_20140328.DescribeLogGroups")]);
    assert!(!identify("POST", "/", "", &target, b"").is_write);

    let form = headers("iam", &[("content-type", "application/x-www-form-urlencoded; charset=utf-8")]);
    assert!(needs_body(&form));
    let found = identify("POST", "/", "", &form, b"Version=2010-05-08&Action=PutRolePolicy&RoleName=r");
    assert_eq!((found.service.as_str(), found.operation.as_str()), ("iam", "PutRolePolicy"));
    assert_eq!((found.protocol, found.is_write), (Protocol::Query, true));
    let unsigned = identify("POST", "/", "", &HeaderMap::new(), b"Action=AssumeRoleWithWebIdentity");
    assert_eq!((unsigned.service.as_str(), unsigned.is_write), ("sts", false));
}

#[test]
fn anything_else_is_named_by_method_and_path() {
    let found = rest_call("apigateway", "POST", "/restapis/A1b2/dance");
    assert_eq!((found.operation.as_str(), found.is_write), ("POST /restapis/{}/dance", true));
    let found = identify("GET", "/_localemu/health", "", &HeaderMap::new(), b"");
    assert_eq!((found.service.as_str(), found.operation.as_str()), ("unknown", "GET /_localemu/health"));
    for authorization in ["", "Bearer x", "AWS4-HMAC-SHA256 Credential=", "AWS4-HMAC-SHA256 Credential=a/b"] {
        let mut odd = HeaderMap::new();
        odd.insert(AUTHORIZATION, authorization.parse().unwrap());
        odd.insert("x-amz-target", "nodot".parse().unwrap());
        let found = identify("BREW", "", "Action=%00", &odd, b"\xff\xfe&Action=");
        assert_eq!((found.service.as_str(), found.operation.as_str()), ("unknown", "BREW "));
    }
}

#[test]
fn agents_are_shortened() {
    let agent = "aws-sdk-rust/1.3.3 os/linux lang/rust/1.95.0 api/apigateway/1.0 app/aigw-operator";
    let headers = headers("x", &[("user-agent", agent)]);
    assert_eq!(short_agent(&headers), "aws-sdk-rust/1.3.3 app/aigw-operator");
    assert_eq!(short_agent(&HeaderMap::new()), "");
}
