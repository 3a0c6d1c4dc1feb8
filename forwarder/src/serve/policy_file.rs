//! The gateway's configuration and tenants from one JSON file, in place of the table.
//!
//! ```json
//! {
//!   "gateway": { "families": ["bedrock-runtime"] },
//!   "tenants": [{ "credentials": ["aigw_…"], "policy": {} }]
//! }
//! ```
//! `gateway` and `policy` take the fields of the table's own documents ([`GatewayConfig`], [`TenantPolicy`]); what
//! is left out has a value that lets the tenant call. The tenant's and the keys' ids are those in the credentials.

use std::collections::HashMap;
use std::path::Path;

use aigw_contract::Credential;
use aigw_contract::policy::TenantPolicy;
use aigw_contract::table::{self, GatewayConfig};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::table::{Item, Table};

/// Version of every document of a file, and of the policy that its meters name.
const VERSION: &str = "1";

/// A policy file. It holds credentials: treat it as the secret it is.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PolicyFile {
    #[serde(default)]
    gateway: Map<String, Value>,
    tenants: Vec<FileTenant>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct FileTenant {
    credentials: Vec<String>,
    #[serde(default)]
    policy: Map<String, Value>,
}

/// A policy file cannot be used. Messages name places, never content: it holds credentials.
#[derive(Debug, thiserror::Error)]
pub enum PolicyFileError {
    /// It cannot be read.
    #[error("the policy file {file} cannot be read")]
    Read {
        /// Path of the file.
        file: String,
        /// Why.
        source: std::io::Error,
    },
    /// It is not JSON of the expected form.
    #[error("the policy file has unexpected content at line {line}, column {column}")]
    Json {
        /// Line within the file.
        line: usize,
        /// Column within the line.
        column: usize,
    },
    /// A tenant has no credential.
    #[error("tenants[{0}].credentials is empty")]
    NoCredential(usize),
    /// A credential is none.
    #[error("tenants[{tenant}].credentials[{credential}] is not a well-formed gateway credential")]
    Credential {
        /// Index of the tenant.
        tenant: usize,
        /// Index within its list.
        credential: usize,
    },
    /// Credentials of several tenants in one list, or one tenant in two lists.
    #[error("tenants[{0}].credentials must all name one tenant, which no other entry names")]
    Mixed(usize),
    /// A tenant has a budget, and nobody knows what its calls cost: each of them would be refused.
    #[error("tenants[{0}].policy.budgets needs prices, which a policy file has none of; leave it out")]
    Unpriced(usize),
    /// `gateway` or a `policy` lacks something or has something of a wrong type.
    #[error("{place} of the policy file has a field of the wrong type")]
    Document {
        /// Which.
        place: String,
    },
}

impl PolicyFile {
    /// Reads a file.
    ///
    /// # Errors
    /// [`PolicyFileError`] where there is none or it has another form.
    pub fn read(file: &Path) -> Result<Self, PolicyFileError> {
        let text =
            std::fs::read(file).map_err(|source| PolicyFileError::Read { file: file.display().to_string(), source })?;
        Self::parse(&text)
    }

    /// Parses a file's content.
    ///
    /// # Errors
    /// [`PolicyFileError::Json`] where it has another form.
    pub fn parse(text: &[u8]) -> Result<Self, PolicyFileError> {
        serde_json::from_slice(text)
            .map_err(|error| PolicyFileError::Json { line: error.line(), column: error.column() })
    }

    /// The table this file stands for.
    ///
    /// # Errors
    /// [`PolicyFileError`] naming what is wrong.
    pub fn into_table(self) -> Result<Table, PolicyFileError> {
        let mut items = HashMap::new();
        let config =
            with_defaults(json!({ "restApiId": "", "stages": [], "families": ["bedrock-runtime"] }), self.gateway);
        put::<GatewayConfig>(&mut items, table::GATEWAY_PK.to_owned(), table::CONFIG_SK, "gateway", &config)?;
        for (number, tenant) in self.tenants.into_iter().enumerate() {
            tenant.add(number, &mut items)?;
        }
        Ok(Table::fixed(items))
    }
}

type Items = HashMap<(String, String), Item>;

impl FileTenant {
    fn add(self, number: usize, items: &mut Items) -> Result<(), PolicyFileError> {
        let wrong = |credential| PolicyFileError::Credential { tenant: number, credential };
        let parsed = self.credentials.iter().enumerate();
        let parsed = parsed.map(|(at, text)| Credential::parse(text).map_err(|_| wrong(at)));
        let credentials = parsed.collect::<Result<Vec<_>, _>>()?;
        let id = credentials.first().ok_or(PolicyFileError::NoCredential(number))?.tenant().to_owned();
        let partition = table::tenant_pk(&id);
        let taken = items.contains_key(&(partition.clone(), table::POLICY_SK.to_owned()));
        if taken || credentials.iter().any(|credential| credential.tenant() != id) {
            return Err(PolicyFileError::Mixed(number));
        }
        let keys: Vec<Value> = credentials
            .iter()
            .map(|credential| json!({ "id": credential.key(), "sha256": credential.sha256() }))
            .collect();
        let defaults = json!({ "namespace": "file", "name": id, "tier": "file", "usageKey": "file", "keys": keys });
        let place = format!("tenants[{number}].policy");
        let policy = with_defaults(defaults, self.policy);
        let budgets = policy["budgets"].as_array();
        if budgets.is_some_and(|budgets| !budgets.is_empty()) {
            return Err(PolicyFileError::Unpriced(number));
        }
        put::<TenantPolicy>(items, partition, table::POLICY_SK, &place, &policy)?;
        let meter = json!({ table::METER_POLICY_VERSION: { "N": VERSION } });
        items.insert((table::meter_pk(&id), table::METER_SK.to_owned()), item(meter, &place)?);
        Ok(())
    }
}

fn with_defaults(defaults: Value, given: Map<String, Value>) -> Value {
    let Value::Object(mut fields) = defaults else { return Value::Object(given) };
    fields.extend(given);
    Value::Object(fields)
}

/// Adds a document item, if its content is of the form the table's readers expect.
fn put<T: for<'a> Deserialize<'a>>(
    items: &mut Items,
    partition: String,
    sort: &str,
    place: &str,
    document: &Value,
) -> Result<(), PolicyFileError> {
    T::deserialize(document).map_err(|_| PolicyFileError::Document { place: place.to_owned() })?;
    let attributes = json!({ table::DOCUMENT: { "S": document.to_string() }, table::VERSION: { "N": VERSION } });
    items.insert((partition, sort.to_owned()), item(attributes, place)?);
    Ok(())
}

fn item(attributes: Value, place: &str) -> Result<Item, PolicyFileError> {
    serde_json::from_value(attributes).map_err(|_| PolicyFileError::Document { place: place.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credential(tenant: &str, key: &str) -> String {
        Credential::new(tenant, key, &[7; 32]).unwrap().expose().to_owned()
    }

    fn table(file: &Value) -> Result<Table, PolicyFileError> {
        PolicyFile::parse(file.to_string().as_bytes())?.into_table()
    }

    #[tokio::test]
    async fn a_file_stands_for_the_items_of_a_table() {
        let file = json!({
            "gateway": { "families": ["bedrock-agent"] },
            "tenants": [{ "credentials": [credential("t1", "k1"), credential("t1", "k2")], "policy": { "suspended": "Team" } }],
        });
        let table = table(&file).unwrap();
        let config = table.document::<GatewayConfig>("gateway", "config").await.unwrap().unwrap();
        assert_eq!(config.content.families, [aigw_contract::Family::BedrockAgent]);
        let policy = table.document::<TenantPolicy>("tenant#t1", "policy").await.unwrap().unwrap();
        assert_eq!((policy.version, policy.content.keys.len()), (1, 2));
        assert!(policy.content.denied() && policy.content.key("k2", 0).is_some());
        assert_eq!(table.get("meter#t1", "now").await.unwrap().unwrap().integer("policyVersion").unwrap(), 1);
        assert!(table.get("tenant#t2", "policy").await.unwrap().is_none());
    }

    #[test]
    fn what_is_wrong_is_named_and_no_credential_is_shown() {
        let good = credential("t1", "k1");
        for (file, expected) in [
            (json!({}), "line 1"),
            (json!({ "tenants": [], "tenant": [] }), "line 1"),
            (json!({ "tenants": [{ "credentials": [] }] }), "tenants[0].credentials is empty"),
            (json!({ "tenants": [{ "credentials": [good, format!("{good}x")] }] }), "tenants[0].credentials[1]"),
            (json!({ "tenants": [{ "credentials": [good, credential("t2", "k1")] }] }), "one tenant"),
            (json!({ "tenants": [{ "credentials": [good] }, { "credentials": [good] }] }), "tenants[1]"),
            (json!({ "tenants": [{ "credentials": [good], "policy": { "keys": 5 } }] }), "tenants[0].policy"),
            (
                json!({ "tenants": [{ "credentials": [good], "policy": { "budgets": [{}] } }] }),
                "tenants[0].policy.budgets needs prices",
            ),
            (json!({ "tenants": [], "gateway": { "families": ["s3"] } }), "gateway"),
        ] {
            let message = table(&file).err().unwrap().to_string();
            assert!(message.contains(expected) && !message.contains(&good), "{message}");
        }
    }
}
