use super::*;
use crate::testing::{Aws, error};
use aigw_plan::Function;

const POLICY: &str = r#"{"Version":"2012-10-17","Id":"default","Statement":[
  {"Sid":"aigw-api-gateway","Effect":"Allow","Principal":{"Service":"apigateway.amazonaws.com"},"Action":"lambda:InvokeFunction",
   "Resource":"arn:aws:lambda:eu-central-1:123456789012:function:f:live",
   "Condition":{"ArnLike":{"AWS:SourceArn":"arn:aws:execute-api:eu-central-1:123456789012:a1/*"}}},
  {"Sid":"by-hand","Effect":"Allow","Principal":"*","Action":"lambda:InvokeFunction","Condition":{"StringEquals":{"aws:sourcearn":"x"}}},
  {"Sid":"open","Effect":"Allow","Principal":"*","Action":"lambda:InvokeFunction"},
  {"Effect":"Deny","Principal":"*","Action":"*"}]}"#;

#[test]
fn statements_of_a_policy() {
    let permission =
        |id: &str, source: &str| ObservedPermission { statement_id: id.to_owned(), source_arn: source.to_owned() };
    let expected = [
        permission("aigw-api-gateway", "arn:aws:execute-api:eu-central-1:123456789012:a1/*"),
        permission("by-hand", "x"),
        permission("open", ""),
    ];
    assert_eq!(statements(POLICY), expected);
    assert!(statements("{}").is_empty() && statements("nonsense").is_empty());
}

#[test]
fn states() {
    let configuration = |state: &str, update: Option<&str>| {
        FunctionConfiguration::builder()
            .state(State::from(state))
            .set_last_update_status(update.map(LastUpdateStatus::from))
            .build()
    };
    let cases = [
        ("Pending", None, FunctionState::Pending),
        ("Active", Some("InProgress"), FunctionState::Pending),
        ("Active", Some("Successful"), FunctionState::Ready),
        ("Inactive", Some("Successful"), FunctionState::Ready),
        ("Failed", Some("Successful"), FunctionState::Failed("Unknown".into())),
        ("Active", Some("Failed"), FunctionState::Failed("Unknown".into())),
    ];
    for (state_name, update, expected) in cases {
        assert_eq!(state(&configuration(state_name, update)), expected, "{state_name} {update:?}");
    }
}

#[tokio::test]
async fn a_function_is_read_with_versions_alias_and_permissions() {
    let policy = serde_json::json!({ "Policy": POLICY }).to_string();
    let aws = Aws::answering(&[
        (
            200,
            &[],
            r#"{"Configuration":{"FunctionName":"f","FunctionArn":"arn:f","Role":"arn:r","State":"Active","LastUpdateStatus":"Successful","Architectures":["arm64"],
               "MemorySize":256,"Timeout":900,"CodeSha256":"hash","RevisionId":"r1","Environment":{"Variables":{"A":"b"}}},"Tags":{"k":"v"}}"#,
        ),
        (200, &[], r#"{"NextMarker":"m","Versions":[{"Version":"$LATEST"},{"Version":"10","Description":"ten","CodeSha256":"h10","LastModified":"2026-03-02T09:00:00.123+0000","Role":"arn:r"}]}"#),
        (200, &[], r#"{"Versions":[{"Version":"9","Description":"nine","CodeSha256":"h9"}]}"#),
        (
            200,
            &[],
            r#"{"Name":"live","FunctionVersion":"9","Description":"note","RoutingConfig":{"AdditionalVersionWeights":{"10":0.05}}}"#,
        ),
        (200, &[], &policy),
    ])
    .await;
    let function = aws.cloud.functions.get("f").await.unwrap().expect("found");
    assert_eq!(function.versions.iter().map(|version| version.version.as_str()).collect::<Vec<_>>(), ["9", "10"]);
    assert_eq!((function.live_version.as_deref(), function.architecture.as_str()), (Some("9"), "arm64"));
    assert_eq!(function.canary, Some(ObservedCanary { version: "10".into(), percent: 5 }));
    assert_eq!((function.release_note.as_str(), function.versions[1].published), ("note", 1_772_442_000));
    assert_eq!((function.state, function.permissions.len()), (FunctionState::Ready, 3));
    let targets: Vec<_> = aws.requests().into_iter().map(|request| request.target).collect();
    assert!(targets[2].contains("Marker=m") && targets[4].ends_with("/policy?Qualifier=live"), "{targets:?}");
}

#[tokio::test]
async fn an_absent_function_is_none() {
    let aws =
        Aws::answering(&[(404, &[error("ResourceNotFoundException")], r#"{"Message":"Function not found"}"#)]).await;
    assert_eq!(aws.cloud.functions.get("f").await.unwrap(), None);
}

#[tokio::test]
async fn an_alias_is_written_with_weights_and_note_in_one_call() {
    let answer: crate::testing::Answer<'_> = (200, &[], "{}");
    let aws = Aws::answering(&[answer, answer]).await;
    let canary = Some(ObservedCanary { version: "10".into(), percent: 25 });
    let mut target = AliasTarget { version: "9".into(), canary, note: "note".into() };
    aws.cloud.functions.point_alias("f", &target, false).await.unwrap();
    target.canary = None;
    aws.cloud.functions.point_alias("f", &target, true).await.unwrap();
    let [update, create] = &aws.requests()[..] else { panic!("two requests") };
    assert_eq!(update.body["RoutingConfig"], serde_json::json!({"AdditionalVersionWeights": {"10": 0.25}}));
    assert_eq!((&update.body["FunctionVersion"], &update.body["Description"]), (&"9".into(), &"note".into()));
    // Left out, the weights would stay.
    assert_eq!(create.body["RoutingConfig"], serde_json::json!({"AdditionalVersionWeights": {}}));
}

#[tokio::test]
async fn an_existing_permission_is_success() {
    let aws = Aws::answering(&[(
        409,
        &[error("ResourceConflictException")],
        r#"{"Message":"The statement id (s) provided already exists."}"#,
    )])
    .await;
    aws.cloud.functions.add_permission("f", "s", "arn:a").await.unwrap();
    let [request] = &aws.requests()[..] else { panic!("one request") };
    assert!(request.target.ends_with("?Qualifier=live"), "{}", request.target);
    assert_eq!(request.body["Principal"], "apigateway.amazonaws.com");
    assert_eq!((&request.body["SourceArn"], &request.body["StatementId"]), (&"arn:a".into(), &"s".into()));
}

#[tokio::test]
async fn a_role_lambda_does_not_know_yet_passes_by_itself() {
    let message = r#"{"Message":"The role defined for the function cannot be assumed by Lambda."}"#;
    let aws = Aws::answering(&[(400, &[error("InvalidParameterValueException")], message)]).await;
    let function = FunctionSpec {
        function: Function::Forwarder,
        name: "f".into(),
        role_arn: "arn:r".into(),
        architecture: "arm64".into(),
        memory_mib: 256,
        timeout_seconds: 900,
        environment: [("A".to_owned(), "b".to_owned())].into(),
        code_sha256: "hash".into(),
        log_group: "/aigw/f".into(),
        tags: Tags::new(),
    };
    let code = FunctionCode::held(b"PK", "hash");
    let failure = aws.cloud.functions.create(&function, &code).await.unwrap_err();
    assert_eq!(failure.class, Class::Eventual);
    let request = &aws.requests()[0].body;
    assert_eq!((&request["Runtime"], &request["Handler"]), (&"provided.al2023".into(), &"bootstrap".into()));
    assert_eq!(request["Architectures"], serde_json::json!(["arm64"]));
    assert_eq!(request["LoggingConfig"], serde_json::json!({"LogFormat": "Text", "LogGroup": "/aigw/f"}));
}
