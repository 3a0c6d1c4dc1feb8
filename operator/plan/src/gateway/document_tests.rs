use super::*;

fn input() -> DocumentInput {
    DocumentInput {
        name: "aigw-x".into(),
        region: "eu-central-1".into(),
        account_id: "111122223333".into(),
        rest_api_id: "abc".into(),
        forwarder_arn: "arn:aws:lambda:eu-central-1:111122223333:function:aigw-x-forwarder:live".into(),
        authorizer_arn: "arn:aws:lambda:eu-central-1:111122223333:function:aigw-x-authorizer:live".into(),
        families: vec![Family::BedrockRuntime],
        cache_seconds: 60,
        access: Access::SourceCidrs(vec!["203.0.113.0/24".into()]),
        default_endpoint_disabled: false,
    }
}

/// What a faithful import of the document gives.
fn imported(document: &Document) -> ImportedApi {
    let expectation = &document.expectation;
    ImportedApi {
        api_key_source: "AUTHORIZER".into(),
        policy: expectation.policy.clone(),
        methods: expectation
            .paths
            .iter()
            .map(|path| ImportedMethod {
                path: path.clone(),
                http_method: "ANY".into(),
                authorization_type: "CUSTOM".into(),
                authorizer_uri: Some(expectation.authorizer_uri.clone()),
                api_key_required: true,
                integration_uri: expectation.integration_uri.clone(),
                response_transfer_mode: "STREAM".into(),
            })
            .collect(),
    }
}

#[test]
fn a_faithful_import_passes() {
    let document = render(&input());
    assert_eq!(verify(&document.expectation, &imported(&document)), Vec::<String>::new());
}

#[test]
fn each_way_an_import_can_open_the_api_is_found() {
    type Harm = fn(&mut ImportedApi);
    let harms: [(&str, Harm); 9] = [
        ("key source", |api| api.api_key_source = "HEADER".into()),
        ("policy dropped", |api| api.policy = None),
        ("method missing", |api| drop(api.methods.pop())),
        ("no authorizer", |api| api.methods[0].authorization_type = "NONE".into()),
        ("foreign authorizer", |api| api.methods[1].authorizer_uri = Some("arn:other".into())),
        ("no key", |api| api.methods[2].api_key_required = false),
        ("foreign function", |api| api.methods[3].integration_uri = "arn:other".into()),
        ("buffered", |api| api.methods[0].response_transfer_mode = "BUFFERED".into()),
        ("left-over path", |api| {
            let mut stale = api.methods[0].clone();
            stale.path = "/stale".into();
            api.methods.push(stale);
        }),
    ];
    let document = render(&input());
    for (name, harm) in harms {
        let mut api = imported(&document);
        harm(&mut api);
        assert_eq!(verify(&document.expectation, &api).len(), 1, "{name}");
    }
}

#[test]
fn a_policy_rewritten_by_aws_is_the_same_policy() {
    let rewritten = json!({
        "Statement": [
            {"Action": ["execute-api:Invoke"], "Principal": "*", "Effect": "Deny",
             "Resource": "arn:aws:execute-api:eu-central-1:111122223333:abc/*",
             "Condition": {"NotIpAddress": {"aws:SourceIp": "203.0.113.0/24"}}},
            {"Effect": "Allow", "Principal": "*", "Action": "execute-api:Invoke",
             "Resource": ["arn:aws:execute-api:eu-central-1:111122223333:abc/*"]},
        ],
        "Version": "2012-10-17"
    });
    assert!(same_policy(render(&input()).expectation.policy.as_ref(), Some(&rewritten)));
}

#[test]
fn the_hash_moves_with_the_document_and_only_with_it() {
    type Change = fn(&mut DocumentInput);
    let base = render(&input());
    assert_eq!(base, render(&input()));
    let changes: [Change; 4] = [
        |input| input.families.push(Family::BedrockAgentRuntime),
        |input| input.cache_seconds = 0,
        |input| input.access = Access::Anyone,
        |input| input.forwarder_arn.push('2'),
    ];
    for change in changes {
        let mut changed = input();
        change(&mut changed);
        assert_ne!(render(&changed).hash, base.hash);
    }
}

#[test]
fn each_mount_has_paths_and_an_authorizer_of_its_own() {
    let mut wide = input();
    wide.families.push(Family::Bedrock);
    let document: Value = serde_json::from_str(&render(&wide).body).unwrap();
    for path in ["/", "/{proxy+}", "/bedrock-runtime", "/bedrock-runtime/{proxy+}", "/bedrock", "/bedrock/{proxy+}"] {
        assert!(document["paths"][path].is_object(), "{path}");
    }
    let authorizers = document["components"]["securitySchemes"].as_object().unwrap().len() - 1;
    assert_eq!(authorizers, 3);
    assert!(authorizers <= 10, "API Gateway allows ten authorizers per API");
}
