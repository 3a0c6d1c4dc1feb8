//! The onboarding Secret: which variables make unmodified SDKs use the gateway.
//!
//! Each group sets only what its clients read, because every further variable redirects other clients of the pod.

use std::collections::BTreeMap;

use aigw_api::SecretGroup;
use aigw_contract::{Credential, Family};

const BEARER_TOKEN: &str = "AWS_BEARER_TOKEN_BEDROCK";

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
