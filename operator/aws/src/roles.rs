//! IAM roles and their one inline policy.

use aigw_cloud::{CloudError, Roles};
use aigw_plan::gateway::observed::{ObservedRole, Tags};
use async_trait::async_trait;
use aws_sdk_iam::Client;
use aws_sdk_iam::types::Tag;
use serde_json::Value;

use crate::service::{Absence, Service, incomplete, not_built};

/// Name of the inline policy.
const POLICY_NAME: &str = "aigw";

/// Roles over the SDK.
pub struct IamRoles {
    iam: Service<Client>,
}

impl IamRoles {
    pub fn new(iam: Service<Client>) -> Self {
        Self { iam }
    }
}

#[async_trait]
impl Roles for IamRoles {
    async fn get(&self, name: &str) -> Result<Option<ObservedRole>, CloudError> {
        const GET_ROLE: &str = "iam:GetRole";
        let Some(answer) =
            self.iam.call(GET_ROLE, |iam| iam.get_role().role_name(name).send()).await.absent_as_none()?
        else {
            return Ok(None);
        };
        let role = answer.role.ok_or_else(|| incomplete(GET_ROLE, "role"))?;
        let policy = self
            .iam
            .call("iam:GetRolePolicy", |iam| iam.get_role_policy().role_name(name).policy_name(POLICY_NAME).send())
            .await
            .absent_as_none()?;
        Ok(Some(ObservedRole {
            arn: role.arn,
            trust: role.assume_role_policy_document.as_deref().map_or(Value::Null, policy_document),
            policy: policy.map(|policy| policy_document(&policy.policy_document)),
            tags: role.tags.unwrap_or_default().into_iter().map(|tag| (tag.key, tag.value)).collect(),
        }))
    }

    async fn create(
        &self,
        name: &str,
        path: &str,
        trust: &Value,
        boundary: Option<&str>,
        tags: &Tags,
    ) -> Result<(), CloudError> {
        const OPERATION: &str = "iam:CreateRole";
        let tags = role_tags(OPERATION, tags)?;
        self.iam
            .call(OPERATION, |iam| {
                iam.create_role()
                    .role_name(name)
                    .path(path)
                    .assume_role_policy_document(trust.to_string())
                    .set_permissions_boundary(boundary.map(str::to_owned))
                    .set_tags(Some(tags))
                    .send()
            })
            .await
            .map(drop)
    }

    async fn update_trust(&self, name: &str, trust: &Value) -> Result<(), CloudError> {
        self.iam
            .call("iam:UpdateAssumeRolePolicy", |iam| {
                iam.update_assume_role_policy().role_name(name).policy_document(trust.to_string()).send()
            })
            .await
            .map(drop)
    }

    async fn put_policy(&self, name: &str, policy: &Value) -> Result<(), CloudError> {
        self.iam
            .call("iam:PutRolePolicy", |iam| {
                iam.put_role_policy()
                    .role_name(name)
                    .policy_name(POLICY_NAME)
                    .policy_document(policy.to_string())
                    .send()
            })
            .await
            .map(drop)
    }

    async fn delete(&self, name: &str) -> Result<(), CloudError> {
        self.iam
            .call("iam:DeleteRolePolicy", |iam| {
                iam.delete_role_policy().role_name(name).policy_name(POLICY_NAME).send()
            })
            .await
            .absent_is_done()?;
        self.iam.call("iam:DeleteRole", |iam| iam.delete_role().role_name(name).send()).await.absent_is_done()
    }

    async fn tag(&self, name: &str, tags: &Tags) -> Result<(), CloudError> {
        const OPERATION: &str = "iam:TagRole";
        let tags = role_tags(OPERATION, tags)?;
        self.iam.call(OPERATION, |iam| iam.tag_role().role_name(name).set_tags(Some(tags)).send()).await.map(drop)
    }
}

fn role_tags(operation: &'static str, tags: &Tags) -> Result<Vec<Tag>, CloudError> {
    tags.iter()
        .map(|(key, value)| Tag::builder().key(key).value(value).build().map_err(|error| not_built(operation, &error)))
        .collect()
}

/// IAM returns policies percent-encoded. A text that is no policy is given back as it is: it differs from any wanted
/// policy, so it gets replaced.
fn policy_document(text: &str) -> Value {
    let plain = percent_decode(text);
    serde_json::from_str(&plain).unwrap_or(Value::String(plain))
}

fn percent_decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let escaped = tail.get(..2).and_then(|digits| u8::from_str_radix(str::from_utf8(digits).ok()?, 16).ok());
        if let (b'%', Some(byte)) = (first, escaped) {
            bytes.push(byte);
            rest = &tail[2..];
        } else {
            bytes.push(*first);
            rest = tail;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn policies_are_decoded() {
        let policy = json!({"Version": "2012-10-17", "Statement": [{"Sid": "50%+ grün"}]});
        let encoded: String = policy
            .to_string()
            .bytes()
            .map(
                |byte| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") },
            )
            .collect();
        assert_eq!(policy_document(&encoded), policy);
        assert_eq!(policy_document(r#"{"Version":"2012-10-17"}"#), json!({"Version": "2012-10-17"}), "not encoded");
        assert_eq!(policy_document("100%"), json!("100%"), "no policy");
    }
}
