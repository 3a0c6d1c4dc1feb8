//! The operator's items in a gateway's table: documents, and the heads of meters.
//!
//! Attribute names always go through placeholders: `ttl` and others are reserved words of DynamoDB's expressions.

use std::collections::HashMap;

use aigw_cloud::CloudError;
use aigw_contract::table::{
    DOCUMENT, METER_POLICY_VERSION, METER_SK, METER_SUSPENDED, MeterHead, PK, SK, TTL, VERSION, meter_pk,
};
use aigw_plan::Class;
use aigw_plan::gateway::observed::Document;
use aws_sdk_dynamodb::types::AttributeValue;

use crate::service::Absence;
use crate::tables::DynamoTables;

type Item = HashMap<String, AttributeValue>;

const GET_ITEM: &str = "dynamodb:GetItem";

impl DynamoTables {
    pub(crate) async fn get_document(
        &self,
        table: &str,
        pk: &str,
        sk: &str,
    ) -> Result<Option<Document<String>>, CloudError> {
        let Some(item) = self.item(table, (pk, sk)).await? else { return Ok(None) };
        let version = number_of(&item, VERSION);
        let content = item.get(DOCUMENT).and_then(|value| value.as_s().ok()).cloned();
        match (version, content) {
            (Some(version), Some(content)) => Ok(Some(Document { version, content })),
            // Nobody but the operator writes here.
            _ => Err(CloudError::new(GET_ITEM, Class::Bug, "MalformedItem", format!("item {pk}/{sk} is no document"))),
        }
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

    /// A meter that only the forwarder has touched has no head yet.
    pub(crate) async fn get_meter(&self, table: &str, tenant_id: &str) -> Result<Option<MeterHead>, CloudError> {
        let item = self.item(table, (&meter_pk(tenant_id), METER_SK)).await?;
        Ok(item.and_then(|item| {
            let suspended =
                item.get(METER_SUSPENDED).and_then(|value| value.as_bool().ok()).copied().unwrap_or_default();
            Some(MeterHead { policy_version: number_of(&item, METER_POLICY_VERSION)?, suspended })
        }))
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

fn number(value: i64) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

fn number_of(item: &Item, attribute: &str) -> Option<i64> {
    item.get(attribute)?.as_n().ok()?.parse().ok()
}

#[cfg(test)]
#[path = "items_tests.rs"]
mod tests;
