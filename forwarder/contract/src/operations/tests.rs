use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

fn name(family: Family, verb: &str, path: &str) -> Option<&'static str> {
    find(family, verb, path, None).map(|operation| operation.name)
}

#[test]
fn every_operation_is_found_by_its_own_path() {
    let mut count = 0;
    for family in Family::ALL {
        for operation in of(family) {
            let filled: Vec<String> = segments(operation.path)
                .map(|segment| if is_label(segment) { "x%2Fy%3Az".into() } else { segment.to_owned() })
                .collect();
            let slash = if operation.path.ends_with('/') && operation.path != "/" { "" } else { "/" };
            let target = target_prefix(family).map(|prefix| format!("{prefix}{}", operation.name));
            for path in [format!("/{}", filled.join("/")), format!("/{}{slash}", filled.join("/"))] {
                let found = find(family, operation.verb.as_str(), &path, target.as_deref());
                assert_eq!(found.map(|found| found.name), Some(operation.name), "{family} {path}");
                assert!(
                    target.is_some()
                        || resembles_known(family, operation.verb.as_str(), &path.replace("%2F", ""), None)
                );
            }
            count += 1;
        }
    }
    // 523 of the eight service models of botocore 1.44.5 and three paths that are in none.
    assert_eq!(count, 526);
}

#[test]
fn each_class_has_the_operations_one_expects() {
    let class = |family, name: &str| of(family).iter().find(|operation| operation.name == name).unwrap().class;
    let (runtime, agents) = (Family::BedrockRuntime, Family::BedrockAgentRuntime);
    assert_eq!(class(runtime, "Converse"), Class::Inference(Shape::Converse));
    assert_eq!(class(runtime, "InvokeModelWithResponseStream"), Class::Inference(Shape::InvokeModel));
    assert_eq!(class(runtime, "ChatCompletions"), Class::Inference(Shape::ChatCompletions));
    assert_eq!(class(runtime, "Responses"), Class::Inference(Shape::Responses));
    assert_eq!(class(runtime, "Messages"), Class::Inference(Shape::Messages));
    assert_eq!(class(runtime, "CountTokens"), Class::Free);
    assert_eq!(class(runtime, "ApplyGuardrail"), Class::FixedPrice);
    assert_eq!(class(agents, "Retrieve"), Class::Stateful(Access::Use));
    assert_eq!(class(Family::BedrockAgent, "DeleteKnowledgeBase"), Class::Stateful(Access::Manage));
    assert_eq!(class(runtime, "InvokeModelWithBidirectionalStream"), Class::Forbidden(Prohibition::TwoWayStream));
    assert_eq!(class(Family::Bedrock, "PutResourcePolicy"), Class::Forbidden(Prohibition::AccountSetting));
    assert_eq!(class(Family::Bedrock, "CreateProvisionedModelThroughput"), Class::Forbidden(Prohibition::Commitment));
    assert_eq!(class(Family::BedrockAgentcore, "GetResourceApiKey"), Class::Forbidden(Prohibition::Credentials));
}

#[test]
fn the_table_is_consistent() {
    for family in Family::ALL {
        let mut actions = BTreeSet::new();
        for operation in of(family) {
            let Operation { name, verb: _, path, class, models, resources, recursions, scoped: _, action: _ } =
                operation;
            assert!(path.starts_with('/'), "{family} {name}");
            assert!(operation.action_name().bytes().all(|byte| byte.is_ascii_alphanumeric()), "{family} {name}");
            assert!(!matches!(class, Class::Inference(_)) || !models.is_empty(), "{family} {name}");
            assert!(!matches!(class, Class::Stateful(_)) || !resources.is_empty(), "{family} {name}");
            for Resource { template, at, required: _ } in *resources {
                assert_eq!(template.matches("{}").count(), at.len(), "{family} {name}: {template}");
                assert!(!at.is_empty() || template.ends_with("/*"), "{family} {name}: {template}");
            }
            for (inner, outer) in *recursions {
                assert!(inner.strip_prefix(outer).is_some_and(|below| below.starts_with('.')), "{family} {name}");
                assert!(operation.body_paths().any(|path| path.starts_with(&format!("{outer}."))), "{family} {name}");
            }
            let sites = models.iter().chain(resources.iter().flat_map(|resource| resource.at));
            for site in sites {
                if let Site::Segment(index) = site {
                    assert!(segments(path).nth(usize::from(*index)).is_some_and(is_label), "{family} {name}");
                }
            }
            actions.insert(operation.action_name());
        }
        assert!(!actions.is_empty(), "{family}");
    }
}

#[test]
fn trailing_slashes_and_encoded_literals_make_no_difference() {
    let runtime = Family::BedrockRuntime;
    for path in [
        "/model/a.b/converse",
        "/model/a.b/converse/",
        "/model/a.b/%63onverse",
        "/%6dodel/a.b/convers%65/",
        "/model/arn%3Aaws%3Abedrock%3A%3A%3Afoundation-model%2Fa.b/converse",
    ] {
        assert_eq!(name(runtime, "POST", path), Some("Converse"), "{path}");
    }
    assert_eq!(name(Family::BedrockAgent, "PUT", "/agents"), Some("CreateAgent"));
    assert_eq!(name(Family::BedrockAgent, "PUT", "/agents/"), Some("CreateAgent"));
    assert_eq!(segment("/model/arn%3Aa%2Fb/converse", 1).as_deref(), Some("arn:a/b"));
    assert_eq!(segment("/model/a/converse", 7), None);
    assert_eq!(segment("/model/%ff/converse", 1), None);
}

#[test]
fn a_literal_is_preferred_to_a_label() {
    let agent = Family::BedrockAgent;
    assert_eq!(name(agent, "POST", "/flows/validate-definition"), Some("ValidateFlowDefinition"));
    assert_eq!(name(agent, "POST", "/flows/F123"), Some("PrepareFlow"));
}

#[test]
fn what_is_in_no_table_is_unclassified() {
    let runtime = Family::BedrockRuntime;
    for (verb, path) in [
        ("GET", "/model/a.b/converse"),
        ("post", "/model/a.b/converse"),
        ("POST", "/Model/a.b/converse"),
        ("POST", "/model/a.b/converse2"),
        ("POST", "/model/a.b"),
        ("POST", "/model/a.b%2Fconverse"),
        ("POST", "/model/a.b/converse/x"),
        ("POST", "/"),
    ] {
        assert_eq!(name(runtime, verb, path), None, "{verb} {path}");
    }
}

#[test]
fn a_loose_reader_would_know_some_of_them() {
    let runtime = Family::BedrockRuntime;
    for (verb, path) in [
        ("post", "/model/a.b/converse"),
        ("POST", "/Model/a.b/converse"),
        ("POST", "/model/a.b%2Fconverse"),
        ("POST", "/%6Dodel%2Fa.b%2FINVOKE%2F"),
        ("POST", "/model/%ff"),
        ("POST", "/model/a.b/%2563onverse"),
    ] {
        assert!(resembles_known(runtime, verb, path, None), "{verb} {path}");
    }
    for (verb, path) in [("POST", "/model/a.b/new-verb"), ("GET", "/model/a.b/converse"), ("POST", "/")] {
        assert!(!resembles_known(runtime, verb, path, None), "{verb} {path}");
    }
}

#[test]
fn the_target_alone_selects_an_operation_of_aws_json() {
    let family = Family::BedrockDataAutomationRuntime;
    let find = |verb, path, target| find(family, verb, path, target).map(|operation| operation.name);
    let target = Some("AmazonBedrockKeystoneRuntimeService.TagResource");
    assert_eq!(find("POST", "/", target), Some("TagResource"));
    assert_eq!(find("POST", "/elsewhere", target), Some("TagResource"));
    assert_eq!(find("GET", "/", target), None);
    assert_eq!(find("POST", "/", None), None);
    assert_eq!(find("POST", "/", Some("TagResource")), None);
    assert!(resembles_known(family, "POST", "/", Some("amazonbedrockkeystoneruntimeservice.tagresource")));
    assert!(!resembles_known(family, "POST", "/", Some("AmazonBedrockKeystoneRuntimeService.NewThing")));
}

proptest! {
    /// However the path of a Converse call is encoded, it is a Converse call of that model, or none.
    #[test]
    fn encoding_does_not_change_what_is_found(path in "/model/[a-c.]{1,4}/converse", which in proptest::collection::vec(any::<bool>(), 30)) {
        let mut which = which.into_iter().cycle();
        let encoded: String = path
            .chars()
            .map(|letter| if letter != '/' && which.next() == Some(true) { format!("%{:02x}", u32::from(letter)) } else { letter.into() })
            .collect();
        prop_assert_eq!(name(Family::BedrockRuntime, "POST", &encoded), Some("Converse"));
        prop_assert_eq!(segment(&encoded, 1), segment(&path, 1));
    }
}
