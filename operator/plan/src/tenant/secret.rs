//! The onboarding Secret: which variables make unmodified SDKs use the gateway.
//!
//! Each group sets only what its clients read, because every further variable redirects other clients of the pod.

use std::collections::BTreeMap;

use aigw_api::{SecretGroup, labels};
use aigw_contract::{Credential, Family};
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;

use super::step::ObservedSecret;

const BEARER_TOKEN: &str = "AWS_BEARER_TOKEN_BEDROCK";

/// Kinds of our objects that own Secrets.
const OWNERS: [&str; 2] = ["Tenant", "AIGateway"];

/// The Secret's whole data.
pub fn data(groups: &[SecretGroup], endpoint: &str, region: &str, credential: &Credential) -> BTreeMap<String, String> {
    let mount = |family: Family| format!("{endpoint}/{}", family.endpoint_prefix());
    let mut data = BTreeMap::new();
    let mut set = |name: &str, value: String| drop(data.insert(name.to_owned(), value));
    for group in groups {
        match group {
            SecretGroup::Aws => {
                set("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", mount(Family::BedrockRuntime));
                // The bearer variable also drives the control-plane client, which would send the tenant's credential
                // to AWS's public endpoint; this keeps it at the gateway.
                set("AWS_ENDPOINT_URL_BEDROCK", mount(Family::Bedrock));
                set(BEARER_TOKEN, credential.expose().to_owned());
            }
            SecretGroup::Region => {
                // boto3 reads only the second, most other SDKs only the first.
                set("AWS_REGION", region.to_owned());
                set("AWS_DEFAULT_REGION", region.to_owned());
            }
            SecretGroup::Openai => {
                set("OPENAI_BASE_URL", format!("{}/openai/v1", mount(Family::BedrockRuntime)));
                set("OPENAI_API_KEY", credential.expose().to_owned());
            }
            SecretGroup::ClaudeCode => {
                // The bearer variable of group aws does the rest; CLAUDE_CODE_SKIP_BEDROCK_AUTH would remove it.
                set("CLAUDE_CODE_USE_BEDROCK", "1".into());
                set("ANTHROPIC_BEDROCK_BASE_URL", mount(Family::BedrockRuntime));
            }
        }
    }
    data
}

/// The credential a Secret of ours holds, if it is well-formed and this tenant's.
pub fn credential(data: &BTreeMap<String, String>, tenant_id: &str) -> Option<Credential> {
    let credential = Credential::parse(data.get(BEARER_TOKEN)?).ok()?;
    (credential.tenant() == tenant_id).then_some(credential)
}

/// What a Secret of the wanted name is to this tenant. `object_uid` is the UID of the object that
/// asks, if it has one.
pub fn observed(secret: Option<Secret>, tenant_id: &str, object_uid: Option<&str>) -> ObservedSecret {
    let Some(Secret { metadata, data, .. }) = secret else { return ObservedSecret::Absent };
    let label = |name: &str| metadata.labels.as_ref()?.get(name).map(String::as_str);
    if label(labels::TENANT_ID) != Some(tenant_id) || label(labels::MANAGED_BY) != Some(labels::MANAGER) {
        return ObservedSecret::Foreign;
    }
    let of_this_object =
        |owner: &OwnerReference| !OWNERS.contains(&owner.kind.as_str()) || Some(owner.uid.as_str()) == object_uid;
    if metadata.deletion_timestamp.is_some() || !metadata.owner_references.iter().flatten().all(of_this_object) {
        return ObservedSecret::Leaving;
    }
    let text = |(name, value): (String, ByteString)| (name, String::from_utf8_lossy(&value.0).into_owned());
    ObservedSecret::Ours(data.unwrap_or_default().into_iter().map(text).collect())
}
