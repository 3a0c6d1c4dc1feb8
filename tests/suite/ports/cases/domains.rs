//! Custom domain names and their base path mappings.

use aigw_plan::Class;
use aigw_plan::gateway::domains::domain_id;
use aigw_plan::gateway::observed::{DomainState, ObservedDomain, ObservedMapping, Tags};
use aigw_plan::gateway::step::DomainSpec;
use aigw_plan::identity::{TAG_ID, TAG_INSTALLATION};
use aigw_tests::{Outcome, ensure, ensure_eq};

use super::cases;
use crate::ports::subject::{Case, Subject, more_tags, refused, until};

const INSTALLATION: &str = "ports";

pub fn cases() -> Vec<Case> {
    cases![
        a_domain_is_found_by_its_tags_or_by_its_name,
        a_domain_is_made_once,
        a_domain_changes_its_certificate_and_policy,
        a_base_path_leads_where_it_is_told,
        an_api_that_a_domain_leads_to_is_not_deleted,
    ]
}

fn certificate(name: &str) -> String {
    format!("arn:aws:acm:eu-central-1:111122223333:certificate/{name}")
}

fn spec(subject: &Subject) -> DomainSpec {
    let name = format!("{}.example.com", subject.name("domain"));
    let tags = Tags::from([
        (TAG_ID.to_owned(), domain_id(INSTALLATION, &name)),
        (TAG_INSTALLATION.to_owned(), INSTALLATION.to_owned()),
    ]);
    DomainSpec { name, certificate_arn: certificate("one"), security_policy: "TLS_1_2".into(), tags }
}

/// The domain, once it serves.
async fn made(subject: &Subject) -> Outcome<DomainSpec> {
    let spec = spec(subject);
    subject.domain(&spec.name);
    subject.cloud.domains.create(&spec).await?;
    serving(subject, &spec.name).await?;
    Ok(spec)
}

async fn found(subject: &Subject, installation: &str, name: Option<&str>) -> Outcome<Vec<ObservedDomain>> {
    let wanted = spec(subject).name;
    let listed = subject.cloud.domains.list(installation, name).await?;
    // Other cases have domains at the same time.
    Ok(listed.into_iter().filter(|domain| domain.name == wanted).collect())
}

async fn serving(subject: &Subject, name: &str) -> Outcome<ObservedDomain> {
    let look = async || {
        let found = found(subject, INSTALLATION, Some(name)).await?.pop();
        Ok(found.filter(|domain| domain.state == DomainState::Available))
    };
    until("a domain that serves", look).await
}

async fn a_domain_is_made_once(subject: &Subject) -> Outcome {
    let spec = made(subject).await?;
    refused("a second creation", subject.cloud.domains.create(&spec).await, Class::Invalid, "ConflictException")
}

async fn a_domain_is_found_by_its_tags_or_by_its_name(subject: &Subject) -> Outcome {
    let domains = &subject.cloud.domains;
    let absent = spec(subject);
    ensure!(found(subject, INSTALLATION, Some(&absent.name)).await?.is_empty(), "found before it was made");
    ensure!(domains.mappings(&absent.name).await?.is_empty(), "mappings of an absent domain");
    domains.unmap(&absent.name, "x").await?;
    domains.delete(&absent.name).await?;
    let spec = made(subject).await?;
    let ours = found(subject, INSTALLATION, None).await?.pop().ok_or("not in the list")?;
    ensure!(ours.ours && ours.target.is_some(), "{ours:?}");
    ensure_eq!((&ours.certificate_arn, &ours.tags), (&spec.certificate_arn, &spec.tags), "domain");
    ensure!(found(subject, "another", None).await?.is_empty(), "found by another installation");
    let theirs = found(subject, "another", Some(&spec.name)).await?.pop().ok_or("not found by name")?;
    ensure!(!theirs.ours, "another installation's");
    domains.tag(&spec.name, &more_tags()).await?;
    let tags: Tags = spec.tags.clone().into_iter().chain(more_tags()).collect();
    ensure_eq!(serving(subject, &spec.name).await?.tags, tags, "tags");
    domains.delete(&spec.name).await?;
    ensure!(found(subject, INSTALLATION, Some(&spec.name)).await?.is_empty(), "still there");
    Ok(())
}

async fn a_domain_changes_its_certificate_and_policy(subject: &Subject) -> Outcome {
    let domains = &subject.cloud.domains;
    let absent = domains.update("absent.example.com", Some(&certificate("two")), None).await;
    refused("a change of an absent domain", absent, Class::Conflict, "NotFoundException")?;
    let spec = made(subject).await?;
    let policy = "SecurityPolicy_TLS13_1_2_2021_06";
    domains.update(&spec.name, Some(&certificate("two")), Some(policy)).await?;
    let found = serving(subject, &spec.name).await?;
    ensure_eq!((found.certificate_arn, found.security_policy), (certificate("two"), policy.to_owned()), "domain");
    Ok(())
}

async fn a_base_path_leads_where_it_is_told(subject: &Subject) -> Outcome {
    let (domains, spec) = (&subject.cloud.domains, made(subject).await?);
    let (api, deployment) = subject.staged().await?;
    subject.cloud.rest_apis.create_stage(&api, "v2", &deployment, &subject.tags()).await?;
    let name = &spec.name;
    let absent = domains.map(name, "prod", &api, "absent").await;
    refused("a mapping to an absent stage", absent, Class::Invalid, "BadRequestException")?;
    domains.map(name, "prod", &api, "v1").await?;
    domains.map(name, "test", &api, "v2").await?;
    refused("a second mapping", domains.map(name, "prod", &api, "v2").await, Class::Conflict, "ConflictException")?;
    let leads = |base_path: &str, stage: &str| ObservedMapping {
        base_path: base_path.into(),
        rest_api_id: api.clone(),
        stage: stage.into(),
    };
    ensure_eq!(domains.mappings(name).await?, [leads("prod", "v1"), leads("test", "v2")], "mappings");
    domains.remap(name, "prod", "v2").await?;
    domains.unmap(name, "test").await?;
    ensure_eq!(domains.mappings(name).await?, [leads("prod", "v2")], "mappings");
    domains.unmap(name, "prod").await?;
    domains.map(name, "", &api, "v1").await?;
    ensure_eq!(domains.mappings(name).await?, [leads("", "v1")], "mapping of the root");
    domains.unmap(name, "").await?;
    Ok(())
}

async fn an_api_that_a_domain_leads_to_is_not_deleted(subject: &Subject) -> Outcome {
    let (domains, spec) = (&subject.cloud.domains, made(subject).await?);
    let (api, _) = subject.staged().await?;
    domains.map(&spec.name, "prod", &api, "v1").await?;
    let deleted = subject.cloud.rest_apis.delete(&api).await;
    refused("deletion", deleted, Class::Invalid, "BadRequestException")?;
    domains.unmap(&spec.name, "prod").await?;
    subject.cloud.rest_apis.delete(&api).await?;
    Ok(())
}
