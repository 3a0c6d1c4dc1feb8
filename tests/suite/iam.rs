//! The IAM documents we ship are those that the recorded calls give. What recorded them is `scenario::rights`, and what
//! the documents are held against `e2e::rights`.

use std::fmt::Write as _;

use aigw_tests::harness::{Suite, test};
use aigw_tests::iam::documents::{self, For, MAX_SIZE};
use aigw_tests::{Outcome, ensure, ensure_eq, iam, repository};
use serde_json::{Value, json};

/// For any installation, roles made by the operator.
const OPERATOR: &str = "docs/iam/operator.json";
/// For any installation, both roles given by ARN.
const GIVEN: &str = "docs/iam/operator-without-iam.json";
/// Of the roles that the operator makes.
const BOUNDARY: &str = "docs/iam/boundary.json";
/// Everything AWS needs before the charts.
const TEMPLATE: &str = "docs/iam/prerequisites.yaml";
/// What the platform names its roles in [`GIVEN`].
const GIVEN_ROLES: [&str; 2] = ["arn:aws:iam::*:role/REPLACE-forwarder", "arn:aws:iam::*:role/REPLACE-authorizer"];

pub fn suite() -> Suite {
    let tests = vec![
        test(module_path!(), "documents_are_what_the_recorded_calls_give", shipped),
        test(module_path!(), "the_template_has_the_same_statements", template),
        test(module_path!(), "documents_fit_into_a_managed_policy", small),
        test(module_path!(), "no_right_is_for_everything", no_wildcards),
        test(module_path!(), "a_right_whose_scope_is_unknown_is_no_document", unknown),
    ];
    Suite::new("iam", tests)
}

fn documents() -> Outcome<[(&'static str, Value); 3]> {
    let recorded = iam::recorded()?;
    let any = For { installation: "*", boundary: None, given_roles: &[] };
    let given = For { given_roles: &GIVEN_ROLES, ..any };
    Ok([
        (OPERATOR, documents::operator(&recorded, &any)?),
        (GIVEN, documents::operator(&recorded, &given)?),
        (BOUNDARY, documents::boundary()),
    ])
}

fn updating() -> bool {
    std::env::var_os("UPDATE_GOLDEN").is_some_and(|value| value == "1")
}

fn shipped() -> Outcome {
    for (file, document) in documents()? {
        let text = serde_json::to_string_pretty(&document)? + "\n";
        if updating() {
            std::fs::write(repository::path(file), &text)?;
        }
        ensure!(repository::read(file)? == text, "{file} is out of date, run with UPDATE_GOLDEN=1");
    }
    Ok(())
}

/// Lines between these are written by the test below.
fn marks(name: &str) -> (String, String) {
    (format!("# {name}: written by `UPDATE_GOLDEN=1 cargo test -p aigw-tests -- iam::`\n"), format!("# {name}: end\n"))
}

/// Statements as CloudFormation has them: what it is to fill in is in `Fn::Sub`, and the partition is one of those.
fn statements(document: &Value, indentation: &str) -> Outcome<String> {
    fn filled(value: &Value) -> Value {
        match value {
            Value::String(text) => {
                let text = text.replace("arn:aws:", "arn:${AWS::Partition}:");
                if text.contains("${") { json!({"Fn::Sub": text}) } else { json!(text) }
            }
            Value::Array(values) => values.iter().map(filled).collect(),
            Value::Object(members) => members.iter().map(|(key, value)| (key.clone(), filled(value))).collect(),
            other => other.clone(),
        }
    }
    let mut text = String::new();
    for statement in document["Statement"].as_array().into_iter().flatten() {
        for (number, line) in serde_json::to_string_pretty(&filled(statement))?.lines().enumerate() {
            let bullet = if number == 0 { "- " } else { "  " };
            writeln!(text, "{indentation}{bullet}{line}")?;
        }
    }
    Ok(text)
}

fn template() -> Outcome {
    let boundary_arn = "arn:aws:iam::${AWS::AccountId}:policy/aigw-boundary-${Installation}";
    let one = For { installation: "${Installation}", boundary: Some(boundary_arn), given_roles: &[] };
    let operator = documents::operator(&iam::recorded()?, &one)?;
    let before = repository::read(TEMPLATE)?;
    let mut text = before.clone();
    for (name, document) in [("operator", operator), ("boundary", documents::boundary())] {
        let (begin, end) = marks(name);
        let (head, rest) = text.split_once(&begin).ok_or_else(|| format!("{TEMPLATE} has no line {begin}"))?;
        let (_, tail) = rest.split_once(&end).ok_or_else(|| format!("{TEMPLATE} has no line {end}"))?;
        let indentation: String = head.chars().rev().take_while(|letter| *letter == ' ').collect();
        text = format!("{head}{begin}{}{indentation}{end}{tail}", statements(&document, &indentation)?);
    }
    if updating() {
        std::fs::write(repository::path(TEMPLATE), &text)?;
    }
    ensure!(repository::read(TEMPLATE)? == text, "{TEMPLATE} is out of date, run with UPDATE_GOLDEN=1");
    ensure_eq!(repository::yaml(TEMPLATE)?.len(), 1, "documents in {TEMPLATE}");
    Ok(())
}

fn small() -> Outcome {
    for (file, document) in documents()? {
        let size = document.to_string().len();
        ensure!(size <= MAX_SIZE, "{file} has {size} characters, IAM takes {MAX_SIZE}");
    }
    Ok(())
}

fn no_wildcards() -> Outcome {
    for (file, document) in documents()? {
        for statement in document["Statement"].as_array().into_iter().flatten() {
            let everything = statement["Resource"] == json!(["*"]);
            let only = ["Find", "Metrics", "Bedrock", "NobodysToDo"].iter().any(|sid| statement["Sid"] == *sid);
            ensure!(!everything || only, "{file}: everything in {statement}");
            let actions = statement["Action"].to_string();
            ensure!(file == BOUNDARY || !actions.contains('*'), "{file}: a wildcard in {actions}");
        }
    }
    Ok(())
}

fn unknown() -> Outcome {
    let any = For { installation: "*", boundary: None, given_roles: &[] };
    let refused = documents::operator(&["s3:PutObject".to_owned()].into(), &any);
    ensure!(
        refused.is_err_and(|error| error.message().is_some_and(|text| text.contains("s3:PutObject"))),
        "no refusal"
    );
    Ok(())
}
