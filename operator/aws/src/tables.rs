//! DynamoDB tables.

use std::collections::BTreeMap;

use aigw_cloud::{CloudError, Tables, TenantItems};
use aigw_contract::table::{MeterHead, PK, SK, TTL};
use aigw_plan::gateway::observed::{Document, ObservedTable, Tags};
use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, PointInTimeRecoverySpecification,
    PointInTimeRecoveryStatus, ScalarAttributeType, TableDescription, TableStatus, Tag, TimeToLiveSpecification,
    TimeToLiveStatus,
};

use crate::service::{Absence, Service, incomplete, not_built};

/// Tables over the SDK. Their items are in [`crate::items`].
pub struct DynamoTables {
    pub(crate) dynamodb: Service<Client>,
}

const DESCRIBE_TABLE: &str = "dynamodb:DescribeTable";

impl DynamoTables {
    pub fn new(dynamodb: Service<Client>) -> Self {
        Self { dynamodb }
    }

    async fn describe(&self, name: &str) -> Result<Option<TableDescription>, CloudError> {
        let answer = self
            .dynamodb
            .call(DESCRIBE_TABLE, |dynamodb| dynamodb.describe_table().table_name(name).send())
            .await
            .absent_as_none()?;
        Ok(answer.and_then(|answer| answer.table))
    }

    async fn time_to_live(&self, name: &str) -> Result<bool, CloudError> {
        let answer = self
            .dynamodb
            .call("dynamodb:DescribeTimeToLive", |dynamodb| dynamodb.describe_time_to_live().table_name(name).send())
            .await
            .absent_as_none()?;
        Ok(answer.and_then(|answer| answer.time_to_live_description).is_some_and(|description| {
            matches!(description.time_to_live_status, Some(TimeToLiveStatus::Enabled | TimeToLiveStatus::Enabling))
                && description.attribute_name.as_deref() == Some(TTL)
        }))
    }

    async fn point_in_time_recovery(&self, name: &str) -> Result<bool, CloudError> {
        let answer = self
            .dynamodb
            .call("dynamodb:DescribeContinuousBackups", |dynamodb| {
                dynamodb.describe_continuous_backups().table_name(name).send()
            })
            .await
            .absent_as_none()?;
        let status = answer
            .and_then(|answer| answer.continuous_backups_description)
            .and_then(|backups| backups.point_in_time_recovery_description)
            .and_then(|recovery| recovery.point_in_time_recovery_status);
        Ok(status == Some(PointInTimeRecoveryStatus::Enabled))
    }

    async fn tags(&self, arn: &str) -> Result<Tags, CloudError> {
        let mut tags = Tags::new();
        let mut token = None;
        loop {
            let page = self
                .dynamodb
                .call("dynamodb:ListTagsOfResource", |dynamodb| {
                    dynamodb.list_tags_of_resource().resource_arn(arn).set_next_token(token.take()).send()
                })
                .await
                .absent_as_none()?;
            let Some(page) = page else { return Ok(Tags::new()) };
            tags.extend(page.tags.unwrap_or_default().into_iter().map(|tag| (tag.key, tag.value)));
            token = page.next_token;
            if token.is_none() {
                return Ok(tags);
            }
        }
    }
}

#[async_trait]
impl Tables for DynamoTables {
    async fn get(&self, name: &str) -> Result<Option<ObservedTable>, CloudError> {
        let Some(table) = self.describe(name).await? else { return Ok(None) };
        // A table that is being updated serves reads and writes.
        let active = matches!(table.table_status, Some(TableStatus::Active | TableStatus::Updating));
        let deletion_protection = table.deletion_protection_enabled.unwrap_or_default();
        let mut observed = ObservedTable {
            active,
            deleting: table.table_status == Some(TableStatus::Deleting),
            time_to_live: false,
            point_in_time_recovery: false,
            deletion_protection,
            tags: Tags::new(),
        };
        // On its way in or out, a table does not answer the rest.
        if active {
            let arn = table.table_arn.ok_or_else(|| incomplete(DESCRIBE_TABLE, "ARN"))?;
            observed.time_to_live = self.time_to_live(name).await?;
            observed.point_in_time_recovery = self.point_in_time_recovery(name).await?;
            observed.tags = self.tags(&arn).await?;
        }
        Ok(Some(observed))
    }

    async fn create(&self, name: &str, tags: &Tags) -> Result<(), CloudError> {
        const OPERATION: &str = "dynamodb:CreateTable";
        let wrong = |error| not_built(OPERATION, &error);
        let attribute = |name: &str| {
            AttributeDefinition::builder()
                .attribute_name(name)
                .attribute_type(ScalarAttributeType::S)
                .build()
                .map_err(wrong)
        };
        let key =
            |name: &str, kind| KeySchemaElement::builder().attribute_name(name).key_type(kind).build().map_err(wrong);
        let (attributes, keys) =
            ([attribute(PK)?, attribute(SK)?], [key(PK, KeyType::Hash)?, key(SK, KeyType::Range)?]);
        let tags = table_tags(OPERATION, tags)?;
        self.dynamodb
            .call(OPERATION, |dynamodb| {
                dynamodb
                    .create_table()
                    .table_name(name)
                    .billing_mode(BillingMode::PayPerRequest)
                    .set_attribute_definitions(Some(attributes.into()))
                    .set_key_schema(Some(keys.into()))
                    .deletion_protection_enabled(true)
                    .set_tags(Some(tags))
                    .send()
            })
            .await
            .map(drop)
    }

    async fn enable_time_to_live(&self, name: &str) -> Result<(), CloudError> {
        const OPERATION: &str = "dynamodb:UpdateTimeToLive";
        let specification = TimeToLiveSpecification::builder().enabled(true).attribute_name(TTL).build();
        let specification = specification.map_err(|error| not_built(OPERATION, &error))?;
        let enabled = self
            .dynamodb
            .call(OPERATION, |dynamodb| {
                dynamodb.update_time_to_live().table_name(name).time_to_live_specification(specification).send()
            })
            .await;
        match enabled {
            Err(error) if error.message.contains("already enabled") => Ok(()),
            other => other.map(drop),
        }
    }

    async fn enable_point_in_time_recovery(&self, name: &str) -> Result<(), CloudError> {
        const OPERATION: &str = "dynamodb:UpdateContinuousBackups";
        let specification = PointInTimeRecoverySpecification::builder().point_in_time_recovery_enabled(true).build();
        let specification = specification.map_err(|error| not_built(OPERATION, &error))?;
        self.dynamodb
            .call(OPERATION, |dynamodb| {
                dynamodb
                    .update_continuous_backups()
                    .table_name(name)
                    .point_in_time_recovery_specification(specification)
                    .send()
            })
            .await
            .map(drop)
    }

    async fn set_deletion_protection(&self, name: &str, enabled: bool) -> Result<(), CloudError> {
        self.dynamodb
            .call("dynamodb:UpdateTable", |dynamodb| {
                dynamodb.update_table().table_name(name).deletion_protection_enabled(enabled).send()
            })
            .await
            .map(drop)
    }

    async fn delete(&self, name: &str) -> Result<(), CloudError> {
        self.dynamodb
            .call("dynamodb:DeleteTable", |dynamodb| dynamodb.delete_table().table_name(name).send())
            .await
            .absent_is_done()
    }

    async fn tag(&self, name: &str, tags: &Tags) -> Result<(), CloudError> {
        const OPERATION: &str = "dynamodb:TagResource";
        let tags = table_tags(OPERATION, tags)?;
        let table =
            self.dynamodb.call(DESCRIBE_TABLE, |dynamodb| dynamodb.describe_table().table_name(name).send()).await?;
        let arn = table.table.and_then(|table| table.table_arn).ok_or_else(|| incomplete(DESCRIBE_TABLE, "ARN"))?;
        self.dynamodb
            .call(OPERATION, |dynamodb| dynamodb.tag_resource().resource_arn(arn).set_tags(Some(tags)).send())
            .await
            .map(drop)
    }

    async fn document(&self, table: &str, pk: &str, sk: &str) -> Result<Option<Document<String>>, CloudError> {
        self.get_document(table, pk, sk).await
    }

    async fn put_document(
        &self,
        table: &str,
        key: (&str, &str),
        expected: Option<i64>,
        document: &Document<String>,
        expires: Option<i64>,
    ) -> Result<(), CloudError> {
        self.write_document(table, key, expected, document, expires).await
    }

    async fn delete_document(&self, table: &str, key: (&str, &str), expected: i64) -> Result<(), CloudError> {
        self.remove_document(table, key, expected).await
    }

    async fn tenants(&self, table: &str, tenant_ids: &[String]) -> Result<BTreeMap<String, TenantItems>, CloudError> {
        self.get_tenants(table, tenant_ids).await
    }

    async fn identities(
        &self,
        table: &str,
        hashes: &[String],
    ) -> Result<BTreeMap<String, Document<String>>, CloudError> {
        self.get_identities(table, hashes).await
    }

    async fn meter(&self, table: &str, tenant_id: &str) -> Result<Option<MeterHead>, CloudError> {
        self.get_meter(table, tenant_id).await
    }

    async fn set_meter(
        &self,
        table: &str,
        tenant_id: &str,
        head: MeterHead,
        expires: Option<i64>,
    ) -> Result<(), CloudError> {
        self.write_meter(table, tenant_id, head, expires).await
    }
}

fn table_tags(operation: &'static str, tags: &Tags) -> Result<Vec<Tag>, CloudError> {
    tags.iter()
        .map(|(key, value)| Tag::builder().key(key).value(value).build().map_err(|error| not_built(operation, &error)))
        .collect()
}
