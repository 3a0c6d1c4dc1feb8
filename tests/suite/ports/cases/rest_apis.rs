//! REST APIs, imports and deployments.

use aigw_plan::Class;
use aigw_plan::gateway::document::{Access, verify};
use aigw_plan::gateway::observed::ObservedRestApi;
use aigw_tests::{Outcome, ensure, ensure_eq};
use serde_json::Value;

use super::cases;
use crate::ports::subject::{Case, Subject, more_tags, refused, until};

pub fn cases() -> Vec<Case> {
    cases![
        absent_rest_apis_are_none_and_their_deletion_success,
        a_rest_api_is_found_by_tag_and_by_hint,
        names_of_rest_apis_may_repeat,
        a_rest_api_takes_more_tags,
        an_import_reads_back_as_the_document_says,
        an_import_replaces_everything,
        a_document_that_is_none_is_refused,
        a_document_with_warnings_is_refused,
        changes_of_an_absent_rest_api_are_conflicts,
        an_api_without_methods_is_not_deployed,
        deployments_come_newest_first,
    ]
}

async fn absent_rest_apis_are_none_and_their_deletion_success(subject: &Subject) -> Outcome {
    let apis = &subject.cloud.rest_apis;
    ensure!(apis.find(&subject.id(), None).await?.is_empty(), "found by a tag nobody has");
    ensure!(apis.find(&subject.id(), Some("absent1234")).await?.is_empty(), "found by a hint to nothing");
    ensure!(apis.deployments("absent1234").await?.is_empty(), "deployments of an absent API");
    ensure_eq!(apis.stage("absent1234", "v1").await?, None, "stage of an absent API");
    apis.delete_stage("absent1234", "v1").await?;
    apis.delete_deployment("absent1234", "absent").await?;
    apis.delete("absent1234").await?;
    Ok(())
}

async fn a_rest_api_is_found_by_tag_and_by_hint(subject: &Subject) -> Outcome {
    let apis = &subject.cloud.rest_apis;
    let id = subject.api().await?;
    let expected = ObservedRestApi {
        id: id.clone(),
        name: subject.name("api"),
        endpoint_type: "REGIONAL".into(),
        vpc_endpoint_ids: Vec::new(),
        default_endpoint_disabled: false,
        tags: subject.tags(),
    };
    for hint in [None, Some(id.as_str()), Some("absent1234")] {
        ensure_eq!(apis.find(&subject.id(), hint).await?, vec![expected.clone()], "hint {hint:?}");
    }
    ensure!(apis.find("ports/nobody", Some(&id)).await?.is_empty(), "a hint to an API of another tag");
    apis.delete(&id).await?;
    ensure!(apis.find(&subject.id(), Some(&id)).await?.is_empty(), "it is still there");
    Ok(())
}

async fn names_of_rest_apis_may_repeat(subject: &Subject) -> Outcome {
    let mut made = [subject.api().await?, subject.api().await?];
    made.sort();
    let mut found: Vec<_> =
        subject.cloud.rest_apis.find(&subject.id(), None).await?.into_iter().map(|api| api.id).collect();
    found.sort();
    ensure_eq!(found, made, "APIs");
    Ok(())
}

async fn a_rest_api_takes_more_tags(subject: &Subject) -> Outcome {
    let id = subject.api().await?;
    subject.cloud.rest_apis.tag(&id, None, &more_tags()).await?;
    let mut expected = subject.tags();
    expected.extend(more_tags());
    let found = subject.cloud.rest_apis.find(&subject.id(), None).await?;
    ensure_eq!(found.into_iter().map(|api| api.tags).collect::<Vec<_>>(), [expected], "tags");
    Ok(())
}

async fn an_import_reads_back_as_the_document_says(subject: &Subject) -> Outcome {
    let apis = &subject.cloud.rest_apis;
    let id = subject.api().await?;
    let document = subject.document(&id, Access::SourceCidrs(vec!["10.0.0.0/8".into()]));
    apis.put_document(&id, &document.body).await?;
    let imported = apis.imported(&id).await?;
    ensure_eq!(verify(&document.expectation, &imported), Vec::<String>::new(), "findings");
    ensure_eq!(imported.methods.len(), document.expectation.paths.len(), "methods");
    Ok(())
}

/// The second document has one path less, another source of keys and no policy.
async fn an_import_replaces_everything(subject: &Subject) -> Outcome {
    let apis = &subject.cloud.rest_apis;
    let id = subject.api().await?;
    let document = subject.document(&id, Access::SourceCidrs(vec!["10.0.0.0/8".into()]));
    apis.put_document(&id, &document.body).await?;
    let mut less: Value = serde_json::from_str(&document.body)?;
    let fields = less.as_object_mut().ok_or("no object")?;
    fields.remove("x-amazon-apigateway-policy");
    fields.remove("x-amazon-apigateway-api-key-source");
    less["paths"].as_object_mut().ok_or("no paths")?.remove("/{proxy+}");
    apis.put_document(&id, &less.to_string()).await?;
    let imported = apis.imported(&id).await?;
    ensure_eq!(imported.policy, None, "policy");
    ensure_eq!(imported.api_key_source, "HEADER", "key source");
    ensure_eq!(imported.methods.len(), document.expectation.paths.len() - 1, "methods");
    Ok(())
}

async fn a_document_that_is_none_is_refused(subject: &Subject) -> Outcome {
    let id = subject.api().await?;
    for body in ["{", r#"{"hello": "world"}"#] {
        let put = subject.cloud.rest_apis.put_document(&id, body).await;
        refused(body, put, Class::Invalid, "BadRequestException")?;
    }
    Ok(())
}

async fn a_document_with_warnings_is_refused(subject: &Subject) -> Outcome {
    let id = subject.api().await?;
    let body = subject.document(&id, Access::Anyone).body.replace("\"api_key\":{", "\"other\":{");
    let put = subject.cloud.rest_apis.put_document(&id, &body).await;
    refused("a scheme nobody defined", put, Class::Invalid, "BadRequestException")
}

async fn changes_of_an_absent_rest_api_are_conflicts(subject: &Subject) -> Outcome {
    let apis = &subject.cloud.rest_apis;
    let document = subject.document("absent1234", Access::Anyone);
    let changes = [
        ("import", apis.put_document("absent1234", &document.body).await),
        ("read back", apis.imported("absent1234").await.map(drop)),
        ("deployment", apis.create_deployment("absent1234", "d").await.map(drop)),
        ("stage", apis.create_stage("absent1234", "v1", "absent", &subject.tags()).await),
        ("change of a stage", apis.update_stage("absent1234", "v1", Some("absent"), None).await),
        ("tags", apis.tag("absent1234", None, &subject.tags()).await),
    ];
    for (what, result) in changes {
        refused(what, result, Class::Conflict, "NotFoundException")?;
    }
    Ok(())
}

async fn an_api_without_methods_is_not_deployed(subject: &Subject) -> Outcome {
    let id = subject.api().await?;
    let deployed = subject.cloud.rest_apis.create_deployment(&id, "d").await;
    refused("deployment", deployed, Class::Invalid, "BadRequestException")
}

async fn deployments_come_newest_first(subject: &Subject) -> Outcome {
    let apis = &subject.cloud.rest_apis;
    let (id, first) = subject.deployed().await?;
    // Creation times are in whole seconds.
    let created = apis.deployments(&id).await?.first().map(|deployment| deployment.created).unwrap_or_default();
    let newer = async || {
        let second = apis.create_deployment(&id, "second").await?;
        let deployments = apis.deployments(&id).await?;
        if deployments.iter().any(|deployment| deployment.id == second && deployment.created > created) {
            return Ok(Some((second, deployments)));
        }
        apis.delete_deployment(&id, &second).await?;
        Ok(None)
    };
    let (second, deployments) = until("a newer deployment", newer).await?;
    let found: Vec<_> = deployments.iter().map(|each| (each.id.clone(), each.description.as_str())).collect();
    let hash = subject.document(&id, Access::Anyone).hash;
    ensure_eq!(found, [(second, "second"), (first, hash.as_str())], "deployments");
    Ok(())
}
