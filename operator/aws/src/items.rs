//! The operator's items in a gateway's table: documents, and the heads of meters.
//!
//! Attribute names always go through placeholders: `ttl` and others are reserved words of DynamoDB's expressions.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use aigw_cloud::{CloudError, TenantItems};
use aigw_contract::meter::MeterReading;
use aigw_contract::table::{
    DOCUMENT, IDENTITY_SK, METER_POLICY_VERSION, METER_SK, METER_SUSPENDED, MeterHead, PK, POLICY_SK, SK, TTL, VERSION,
    identity_pk, meter_pk, tenant_pk,
};
use aigw_plan::Class;
use aigw_plan::gateway::observed::Document;
use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes};

use crate::service::{Absence, not_built};
use crate::tables::DynamoTables;

type Item = HashMap<String, AttributeValue>;

const GET_ITEM: &str = "dynamodb:GetItem";
const BATCH_GET_ITEM: &str = "dynamodb:BatchGetItem";
/// What BatchGetItem takes.
const KEYS_A_BATCH: usize = 100;
/// Tenants a batch: two items each.
const TENANTS_A_BATCH: usize = KEYS_A_BATCH / 2;
/// Pause before asking again for keys that a throttled partition left out.
const UNPROCESSED_PAUSE: Duration = Duration::from_millis(200);
/// Most times to ask for one batch.
const MOST_ASKS: usize = 10;

impl DynamoTables {
    pub(crate) async fn get_document(
        &self,
        table: &str,
        pk: &str,
        sk: &str,
    ) -> Result<Option<Document<String>>, CloudError> {
        self.item(table, (pk, sk)).await?.map(|item| document_of(GET_ITEM, &item)).transpose()
    }

    pub(crate) async fn get_tenants(
        &self,
        table: &str,
        tenant_ids: &[String],
    ) -> Result<BTreeMap<String, TenantItems>, CloudError> {
        let mut tenants: BTreeMap<String, TenantItems> =
            tenant_ids.iter().map(|id| (id.clone(), TenantItems::default())).collect();
        for batch in tenant_ids.chunks(TENANTS_A_BATCH) {
            let keys = batch
                .iter()
                .flat_map(|id| [key_of((&tenant_pk(id), POLICY_SK)), key_of((&meter_pk(id), METER_SK))])
                .collect();
            for item in self.items(table, keys).await? {
                let pk = text_of(&item, PK).unwrap_or_default();
                let of = |prefix: String| pk.strip_prefix(&prefix);
                if let Some(tenant) = of(tenant_pk("")).and_then(|id| tenants.get_mut(id)) {
                    tenant.policy = Some(document_of(BATCH_GET_ITEM, &item)?);
                } else if let Some(tenant) = of(meter_pk("")).and_then(|id| tenants.get_mut(id)) {
                    tenant.meter = head_of(&item);
                    tenant.reading = reading_of(&item);
                }
            }
        }
        Ok(tenants)
    }

    pub(crate) async fn get_identities(
        &self,
        table: &str,
        hashes: &[String],
    ) -> Result<BTreeMap<String, Document<String>>, CloudError> {
        let mut found = BTreeMap::new();
        for batch in hashes.chunks(KEYS_A_BATCH) {
            let keys = batch.iter().map(|hash| key_of((&identity_pk(hash), IDENTITY_SK))).collect();
            for item in self.items(table, keys).await? {
                let pk = text_of(&item, PK).unwrap_or_default();
                if let Some(hash) = pk.strip_prefix(&identity_pk("")) {
                    found.insert(hash.to_owned(), document_of(BATCH_GET_ITEM, &item)?);
                }
            }
        }
        Ok(found)
    }

    /// Items by key, in any order; absent ones are left out.
    async fn items(&self, table: &str, mut keys: Vec<Item>) -> Result<Vec<Item>, CloudError> {
        let mut items = Vec::with_capacity(keys.len());
        for _ in 0..MOST_ASKS {
            let wanted = KeysAndAttributes::builder().set_keys(Some(keys)).consistent_read(true).build();
            let wanted = wanted.map_err(|error| not_built(BATCH_GET_ITEM, &error))?;
            let answer = self
                .dynamodb
                .call(BATCH_GET_ITEM, |dynamodb| dynamodb.batch_get_item().request_items(table, wanted).send())
                .await
                .absent_as_none()?;
            let Some(answer) = answer else { return Ok(items) };
            items.extend(answer.responses.unwrap_or_default().remove(table).unwrap_or_default());
            keys = answer.unprocessed_keys.unwrap_or_default().remove(table).map(|left| left.keys).unwrap_or_default();
            if keys.is_empty() {
                return Ok(items);
            }
            tokio::time::sleep(UNPROCESSED_PAUSE).await;
        }
        let message = "the table is too busy to be read";
        Err(CloudError::new(BATCH_GET_ITEM, Class::Throttled, "UnprocessedKeys", message))
    }

    pub(crate) async fn write_document(
        &self,
        table: &str,
        key: (&str, &str),
        expected: Option<i64>,
        document: &Document<String>,
        expires: Option<i64>,
    ) -> Result<(), CloudError> {
        let mut item = key_of(key);
        item.insert(VERSION.into(), number(document.version));
        item.insert(DOCUMENT.into(), AttributeValue::S(document.content.clone()));
        item.extend(expires.map(|seconds| (TTL.into(), number(seconds))));
        self.dynamodb
            .call("dynamodb:PutItem", |dynamodb| {
                let put = dynamodb.put_item().table_name(table).set_item(Some(item));
                let put = match expected {
                    None => put.condition_expression("attribute_not_exists(#pk)").expression_attribute_names("#pk", PK),
                    Some(version) => put
                        .condition_expression("#version = :expected")
                        .expression_attribute_names("#version", VERSION)
                        .expression_attribute_values(":expected", number(version)),
                };
                put.send()
            })
            .await
            .map(drop)
    }

    pub(crate) async fn remove_document(
        &self,
        table: &str,
        key: (&str, &str),
        expected: i64,
    ) -> Result<(), CloudError> {
        self.dynamodb
            .call("dynamodb:DeleteItem", |dynamodb| {
                dynamodb
                    .delete_item()
                    .table_name(table)
                    .set_key(Some(key_of(key)))
                    .condition_expression("attribute_not_exists(#pk) OR #version = :expected")
                    .expression_attribute_names("#pk", PK)
                    .expression_attribute_names("#version", VERSION)
                    .expression_attribute_values(":expected", number(expected))
                    .send()
            })
            .await
            .absent_is_done()
    }

    pub(crate) async fn get_meter(&self, table: &str, tenant_id: &str) -> Result<Option<MeterHead>, CloudError> {
        let item = self.item(table, (&meter_pk(tenant_id), METER_SK)).await?;
        Ok(item.as_ref().and_then(head_of))
    }

    /// Update, not put: the forwarder's counts are in the same item.
    pub(crate) async fn write_meter(
        &self,
        table: &str,
        tenant_id: &str,
        head: MeterHead,
        expires: Option<i64>,
    ) -> Result<(), CloudError> {
        let set = "SET #version = :version, #suspended = :suspended";
        self.dynamodb
            .call("dynamodb:UpdateItem", |dynamodb| {
                let update = dynamodb
                    .update_item()
                    .table_name(table)
                    .set_key(Some(key_of((&meter_pk(tenant_id), METER_SK))))
                    .condition_expression("attribute_not_exists(#version) OR #version <= :version")
                    .expression_attribute_names("#version", METER_POLICY_VERSION)
                    .expression_attribute_names("#suspended", METER_SUSPENDED)
                    .expression_attribute_names("#ttl", TTL)
                    .expression_attribute_values(":version", number(head.policy_version))
                    .expression_attribute_values(":suspended", AttributeValue::Bool(head.suspended));
                let update = match expires {
                    Some(seconds) => update
                        .update_expression(format!("{set}, #ttl = :ttl"))
                        .expression_attribute_values(":ttl", number(seconds)),
                    None => update.update_expression(format!("{set} REMOVE #ttl")),
                };
                update.send()
            })
            .await
            .map(drop)
    }

    async fn item(&self, table: &str, key: (&str, &str)) -> Result<Option<Item>, CloudError> {
        let answer = self
            .dynamodb
            .call(GET_ITEM, |dynamodb| {
                dynamodb.get_item().table_name(table).set_key(Some(key_of(key))).consistent_read(true).send()
            })
            .await
            .absent_as_none()?;
        Ok(answer.and_then(|answer| answer.item))
    }
}

fn key_of((pk, sk): (&str, &str)) -> Item {
    HashMap::from([(PK.into(), AttributeValue::S(pk.into())), (SK.into(), AttributeValue::S(sk.into()))])
}

fn text_of<'a>(item: &'a Item, name: &str) -> Option<&'a str> {
    item.get(name).and_then(|value| value.as_s().ok()).map(String::as_str)
}

fn document_of(operation: &'static str, item: &Item) -> Result<Document<String>, CloudError> {
    let version = number_of(item, VERSION);
    let content = text_of(item, DOCUMENT).map(str::to_owned);
    version.zip(content).map(|(version, content)| Document { version, content }).ok_or_else(|| {
        // Nobody but the operator writes here.
        let key = |name| text_of(item, name).unwrap_or_default();
        let message = format!("item {}/{} is no document", key(PK), key(SK));
        CloudError::new(operation, Class::Bug, "MalformedItem", message)
    })
}

/// A meter that only the forwarder has touched has no head yet.
fn head_of(item: &Item) -> Option<MeterHead> {
    let suspended = item.get(METER_SUSPENDED).and_then(|value| value.as_bool().ok()).copied().unwrap_or_default();
    Some(MeterHead { policy_version: number_of(item, METER_POLICY_VERSION)?, suspended })
}

fn reading_of(item: &Item) -> MeterReading {
    MeterReading::of(item.keys().filter_map(|name| Some((name.as_str(), number_of(item, name)?))))
}

fn number(value: i64) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

fn number_of(item: &Item, attribute: &str) -> Option<i64> {
    item.get(attribute)?.as_n().ok()?.parse().ok()
}

#[cfg(test)]
#[path = "items_tests.rs"]
mod tests;
