//! Tests of the list of an installation's objects. The services are asked in the order of [`Script`].

use super::*;
use crate::testing::{Answer, Aws, error};

const OURS: &str = r#""aigateway.dev/installation":"prod-eu","aigateway.dev/id":"prod-eu/AIGateway/ai/prod""#;
const OUR_TAGS: &str = r#"[{"Key":"aigateway.dev/installation","Value":"prod-eu"},
    {"Key":"aigateway.dev/id","Value":"prod-eu/AIGateway/ai/prod"}]"#;

/// What each service answers; nothing is there but what a test sets.
struct Script<'a> {
    rest_apis: Vec<Answer<'a>>,
    usage_plans: Vec<Answer<'a>>,
    api_keys: Vec<Answer<'a>>,
    functions: Vec<Answer<'a>>,
    roles: Vec<Answer<'a>>,
    log_groups: Vec<Answer<'a>>,
    tables: Vec<Answer<'a>>,
}

fn nothing<'a>() -> Script<'a> {
    let none = || vec![ok("{}")];
    let no_roles = "<ListRolesResponse><ListRolesResult><IsTruncated>false</IsTruncated><Roles/></ListRolesResult></ListRolesResponse>";
    Script {
        rest_apis: none(),
        usage_plans: none(),
        api_keys: none(),
        functions: none(),
        roles: vec![ok(no_roles)],
        log_groups: none(),
        tables: none(),
    }
}

const fn ok(body: &str) -> Answer<'_> {
    (200, &[], body)
}

async fn owned(script: Script<'_>) -> (Aws, Result<Vec<OwnedObject>, CloudError>) {
    let Script { rest_apis, usage_plans, api_keys, functions, roles, log_groups, tables } = script;
    let answers = [rest_apis, usage_plans, api_keys, functions, roles, log_groups, tables].concat();
    let aws = Aws::answering(&answers).await;
    let owned = aws.cloud.estate.owned("prod-eu").await;
    (aws, owned)
}

#[tokio::test]
async fn only_objects_with_exactly_this_installations_tag_are_owned() {
    let page = format!(
        r#"{{"item":[{{"id":"a1","name":"one","createdDate":1700000000,"tags":{{{OURS}}}}},
           {{"id":"a2","tags":{{"aigateway.dev/installation":"prod-eu-2","aigateway.dev/id":"prod-eu-2/AIGateway/ai/prod"}}}},
           {{"id":"a3","tags":{{"aigateway.dev/installation":"prod-eu"}}}},
           {{"id":"a4"}}]}}"#
    );
    let (_, owned) = owned(Script { rest_apis: vec![ok(&page)], ..nothing() }).await;
    let owned = owned.unwrap();
    let [api] = &owned[..] else { panic!("one: {owned:?}") };
    assert_eq!((api.kind, api.id.as_str(), api.created), (Kind::RestApi, "a1", Some(1_700_000_000)));
    assert_eq!((api.gateway_id.as_str(), api.tenant_id.as_deref()), ("prod-eu/AIGateway/ai/prod", None));
}

#[tokio::test]
async fn plans_carry_their_stages_and_keys_their_tenant_over_all_pages() {
    let plans = format!(r#"{{"item":[{{"id":"p1","apiStages":[{{"apiId":"a1","stage":"v1"}}],"tags":{{{OURS}}}}}]}}"#);
    let first = format!(
        r#"{{"position":"2","item":[{{"id":"k1","name":"aigw-x","tags":{{{OURS},"aigateway.dev/tenant-id":"t1"}}}}]}}"#
    );
    let second = format!(r#"{{"item":[{{"id":"k2","name":"aigw-y","tags":{{{OURS}}}}}]}}"#);
    let script = Script { usage_plans: vec![ok(&plans)], api_keys: vec![ok(&first), ok(&second)], ..nothing() };
    let (aws, owned) = owned(script).await;
    let owned = owned.unwrap();
    assert_eq!(owned[0].api_stages, [("a1".to_owned(), "v1".to_owned())]);
    assert_eq!(owned[1..].iter().map(|key| key.tenant_id.as_deref()).collect::<Vec<_>>(), [Some("t1"), None]);
    let target = &aws.requests()[3].target;
    for part in ["name=aigw-", "includeValues=false", "position=2"] {
        assert!(target.contains(part), "{target}");
    }
}

#[tokio::test]
async fn functions_of_other_names_are_not_asked_for_tags_and_one_that_goes_meanwhile_is_left_out() {
    let list = r#"{"Functions":[
        {"FunctionName":"other","FunctionArn":"arn:aws:lambda:eu-central-1:111122223333:function:other"},
        {"FunctionName":"aigw-gone","FunctionArn":"arn:aws:lambda:eu-central-1:111122223333:function:aigw-gone"},
        {"FunctionName":"aigw-x","FunctionArn":"arn:aws:lambda:eu-central-1:111122223333:function:aigw-x"}]}"#;
    let tags = format!(r#"{{"Tags":{{{OURS}}}}}"#);
    let gone: Answer<'_> = (404, &[error("ResourceNotFoundException")], r#"{"Message":"Function not found"}"#);
    let (aws, owned) = owned(Script { functions: vec![ok(list), gone, ok(&tags)], ..nothing() }).await;
    assert_eq!(owned.unwrap().iter().map(|each| each.name.as_str()).collect::<Vec<_>>(), ["aigw-x"]);
    let asked = aws.calls.made().iter().filter(|(operation, _)| *operation == "lambda:ListTags").count();
    assert_eq!(asked, 2);
}

#[tokio::test]
async fn roles_are_listed_below_our_path_and_asked_for_their_tags() {
    let list = r"<ListRolesResponse><ListRolesResult><IsTruncated>false</IsTruncated><Roles><member>
        <Path>/aigw/</Path><RoleName>aigw-x-forwarder</RoleName><RoleId>r</RoleId>
        <Arn>arn:aws:iam::111122223333:role/aigw/aigw-x-forwarder</Arn><CreateDate>2023-11-14T22:13:20Z</CreateDate>
        </member></Roles></ListRolesResult></ListRolesResponse>";
    let tags = r"<ListRoleTagsResponse><ListRoleTagsResult><IsTruncated>false</IsTruncated><Tags>
        <member><Key>aigateway.dev/installation</Key><Value>prod-eu</Value></member>
        <member><Key>aigateway.dev/id</Key><Value>prod-eu/AIGateway/ai/prod</Value></member>
        </Tags></ListRoleTagsResult></ListRoleTagsResponse>";
    let (_, owned) = owned(Script { roles: vec![ok(list), ok(tags)], ..nothing() }).await;
    let owned = owned.unwrap();
    assert_eq!((owned[0].kind, owned[0].name.as_str()), (Kind::Role, "aigw-x-forwarder"));
    assert_eq!(owned[0].created, Some(1_700_000_000));
}

#[tokio::test]
async fn a_log_group_is_asked_for_by_the_arn_without_a_pattern() {
    let list = r#"{"logGroups":[{"logGroupName":"/aws/lambda/aigw-x","creationTime":1700000000000,
        "arn":"arn:aws:logs:eu-central-1:111122223333:log-group:/aws/lambda/aigw-x:*"}]}"#;
    let tags = format!(r#"{{"tags":{{{OURS}}}}}"#);
    let (aws, owned) = owned(Script { log_groups: vec![ok(list), ok(&tags)], ..nothing() }).await;
    let owned = owned.unwrap();
    assert_eq!((owned[0].name.as_str(), owned[0].created), ("/aws/lambda/aigw-x", Some(1_700_000_000)));
    let asked = aws.requests().into_iter().find_map(|request| request.body["resourceArn"].as_str().map(str::to_owned));
    assert_eq!(asked.as_deref(), Some("arn:aws:logs:eu-central-1:111122223333:log-group:/aws/lambda/aigw-x"));
}

#[tokio::test]
async fn tables_are_listed_over_all_pages() {
    let table = r#"{"Table":{"TableName":"aigw-x","TableArn":"arn:x","CreationDateTime":1700000000}}"#;
    let tags = format!(r#"{{"Tags":{OUR_TAGS}}}"#);
    let tables = vec![
        ok(r#"{"TableNames":["other"],"LastEvaluatedTableName":"other"}"#),
        ok(r#"{"TableNames":["aigw-x"]}"#),
        ok(table),
        ok(&tags),
    ];
    let (aws, owned) = owned(Script { tables, ..nothing() }).await;
    let owned = owned.unwrap();
    assert_eq!((owned[0].kind, owned[0].created), (Kind::Table, Some(1_700_000_000)));
    assert!(aws.requests().iter().any(|request| request.body["ExclusiveStartTableName"] == "other"));
}

#[tokio::test]
async fn half_a_list_is_none() {
    let denied: Answer<'_> = (403, &[error("AccessDeniedException")], r#"{"message":"no"}"#);
    let page = format!(r#"{{"item":[{{"id":"a1","tags":{{{OURS}}}}}]}}"#);
    let (_, owned) = owned(Script { rest_apis: vec![ok(&page)], usage_plans: vec![denied], ..nothing() }).await;
    assert_eq!(owned.unwrap_err().operation, "apigateway:GetUsagePlans");
}
