//! The port to tables and items: the same calls as the adapter's.

use std::collections::BTreeMap;

use aigw_cloud::{CloudError, Tables, TenantItems};
use aigw_contract::meter::MeterReading;
use aigw_contract::table::{
    DOCUMENT, IDENTITY_SK, METER_POLICY_VERSION, METER_SK, METER_SUSPENDED, MeterHead, POLICY_SK, VERSION, identity_pk,
    meter_pk, tenant_pk,
};
use aigw_plan::Class;
use aigw_plan::gateway::observed::{Document, ObservedTable, Tags};
use async_trait::async_trait;

use super::items::Key;
use super::{Attribute, Item, items, tables};
use crate::aws::client::{Absence, Port};

const DESCRIBE_TABLE: &str = "dynamodb:DescribeTable";
const GET_ITEM: &str = "dynamodb:GetItem";
const BATCH_GET_ITEM: &str = "dynamodb:BatchGetItem";
/// Tenants a batch: two items each.
const TENANTS_A_BATCH: usize = items::MOST_KEYS / 2;

/// Tables.
pub(crate) struct TablesPort(pub Port);

impl TablesPort {
    async fn item(&self, table: &str, pk: &str, sk: &str) -> Result<Option<Item>, CloudError> {
        let key = (pk.to_owned(), sk.to_owned());
        let item = self
            .0
            .call(GET_ITEM, &target(table, pk, sk), |state, context| items::get(state, context, table, &key))
            .await;
        Ok(item.absent_as_none()?.flatten())
    }

    /// One setting of an active table.
    async fn setting<T: Send + Default>(
        &self,
        operation: &'static str,
        name: &str,
        read: impl FnOnce(&super::Table) -> T + Send,
    ) -> Result<T, CloudError> {
        let value = self
            .0
            .call(operation, name, |state, context| {
                tables::active(state.region(context.region), name).map(|table| read(table))
            })
            .await;
        Ok(value.absent_as_none()?.unwrap_or_default())
    }
}

fn target(table: &str, pk: &str, sk: &str) -> String {
    format!("{table}/{pk}/{sk}")
}

fn document_of(operation: &'static str, (pk, sk): (&str, &str), item: &Item) -> Result<Document<String>, CloudError> {
    let version = item.get(VERSION).and_then(Attribute::number);
    let content = item.get(DOCUMENT).and_then(Attribute::text).map(str::to_owned);
    version.zip(content).map(|(version, content)| Document { version, content }).ok_or_else(|| {
        let message = format!("item {pk}/{sk} is no document");
        CloudError::new(operation, Class::Bug, "MalformedItem", message)
    })
}

fn head_of(item: &Item) -> Option<MeterHead> {
    let policy_version = item.get(METER_POLICY_VERSION).and_then(Attribute::number)?;
    Some(MeterHead { policy_version, suspended: item.get(METER_SUSPENDED) == Some(&Attribute::Bool(true)) })
}

fn reading_of(item: &Item) -> MeterReading {
    MeterReading::of(item.iter().filter_map(|(name, value)| Some((name.as_str(), value.number()?))))
}

#[async_trait]
impl Tables for TablesPort {
    async fn get(&self, name: &str) -> Result<Option<ObservedTable>, CloudError> {
        let table = self.0.call(DESCRIBE_TABLE, name, |state, context| tables::describe(state, context, name)).await;
        let Some(mut table) = table.absent_as_none()? else { return Ok(None) };
        if table.active {
            table.time_to_live = self.setting("dynamodb:DescribeTimeToLive", name, |table| table.time_to_live).await?;
            table.point_in_time_recovery =
                self.setting("dynamodb:DescribeContinuousBackups", name, |table| table.point_in_time_recovery).await?;
            table.tags = self.setting("dynamodb:ListTagsOfResource", name, |table| table.tags.clone()).await?;
        }
        Ok(Some(table))
    }

    async fn create(&self, name: &str, tags: &Tags) -> Result<(), CloudError> {
        let tags = tags.clone();
        self.0.call("dynamodb:CreateTable", name, |state, context| tables::create(state, context, name, tags)).await
    }

    async fn enable_time_to_live(&self, name: &str) -> Result<(), CloudError> {
        let enabled = self
            .0
            .call("dynamodb:UpdateTimeToLive", name, |state, context| tables::enable_time_to_live(state, context, name))
            .await;
        match enabled {
            Err(error) if error.message.contains("already enabled") => Ok(()),
            other => other,
        }
    }

    async fn enable_point_in_time_recovery(&self, name: &str) -> Result<(), CloudError> {
        self.0
            .call("dynamodb:UpdateContinuousBackups", name, |state, context| {
                tables::enable_point_in_time_recovery(state, context, name)
            })
            .await
    }

    async fn set_deletion_protection(&self, name: &str, enabled: bool) -> Result<(), CloudError> {
        self.0
            .call("dynamodb:UpdateTable", name, |state, context| {
                tables::set_deletion_protection(state, context, name, enabled)
            })
            .await
    }

    async fn delete(&self, name: &str) -> Result<(), CloudError> {
        self.0
            .call("dynamodb:DeleteTable", name, |state, context| tables::delete(state, context, name))
            .await
            .absent_is_done()
    }

    async fn tag(&self, name: &str, tags: &Tags) -> Result<(), CloudError> {
        let tags = tags.clone();
        self.0.call(DESCRIBE_TABLE, name, |state, context| tables::describe(state, context, name)).await?;
        self.0.call("dynamodb:TagResource", name, |state, context| tables::tag(state, context, name, tags)).await
    }

    async fn document(&self, table: &str, pk: &str, sk: &str) -> Result<Option<Document<String>>, CloudError> {
        self.item(table, pk, sk).await?.map(|item| document_of(GET_ITEM, (pk, sk), &item)).transpose()
    }

    async fn put_document(
        &self,
        table: &str,
        (pk, sk): (&str, &str),
        expected: Option<i64>,
        document: &Document<String>,
        expires: Option<i64>,
    ) -> Result<(), CloudError> {
        let (key, content) = ((pk.to_owned(), sk.to_owned()), (document.clone(), expires));
        self.0
            .call("dynamodb:PutItem", &target(table, pk, sk), |state, context| {
                items::put_document(state, context, (table, key), expected, content)
            })
            .await
    }

    async fn delete_document(&self, table: &str, (pk, sk): (&str, &str), expected: i64) -> Result<(), CloudError> {
        let key = (pk.to_owned(), sk.to_owned());
        self.0
            .call("dynamodb:DeleteItem", &target(table, pk, sk), |state, context| {
                items::delete_document(state, context, (table, &key), expected)
            })
            .await
            .absent_is_done()
    }

    async fn tenants(&self, table: &str, tenant_ids: &[String]) -> Result<BTreeMap<String, TenantItems>, CloudError> {
        let mut tenants: BTreeMap<String, TenantItems> =
            tenant_ids.iter().map(|id| (id.clone(), TenantItems::default())).collect();
        for batch in tenant_ids.chunks(TENANTS_A_BATCH) {
            let both = |id: &String| [(tenant_pk(id), POLICY_SK.to_owned()), (meter_pk(id), METER_SK.to_owned())];
            let keys: Vec<Key> = batch.iter().flat_map(both).collect();
            let found = self
                .0
                .call(BATCH_GET_ITEM, table, |state, context| items::batch_get(state, context, table, &keys))
                .await;
            for ((pk, sk), item) in found.absent_as_none()?.unwrap_or_default() {
                let of = |prefix: String| pk.strip_prefix(&prefix).map(str::to_owned);
                if let Some(tenant) = of(tenant_pk("")).and_then(|id| tenants.get_mut(&id)) {
                    tenant.policy = Some(document_of(BATCH_GET_ITEM, (&pk, &sk), &item)?);
                } else if let Some(tenant) = of(meter_pk("")).and_then(|id| tenants.get_mut(&id)) {
                    tenant.meter = head_of(&item);
                    tenant.reading = reading_of(&item);
                }
            }
        }
        Ok(tenants)
    }

    async fn identities(
        &self,
        table: &str,
        hashes: &[String],
    ) -> Result<BTreeMap<String, Document<String>>, CloudError> {
        let mut claims = BTreeMap::new();
        for batch in hashes.chunks(items::MOST_KEYS) {
            let keys: Vec<Key> = batch.iter().map(|hash| (identity_pk(hash), IDENTITY_SK.to_owned())).collect();
            let found = self
                .0
                .call(BATCH_GET_ITEM, table, |state, context| items::batch_get(state, context, table, &keys))
                .await;
            for ((pk, sk), item) in found.absent_as_none()?.unwrap_or_default() {
                if let Some(hash) = pk.strip_prefix(&identity_pk("")) {
                    claims.insert(hash.to_owned(), document_of(BATCH_GET_ITEM, (&pk, &sk), &item)?);
                }
            }
        }
        Ok(claims)
    }

    async fn meter(&self, table: &str, tenant_id: &str) -> Result<Option<MeterHead>, CloudError> {
        Ok(self.item(table, &meter_pk(tenant_id), METER_SK).await?.as_ref().and_then(head_of))
    }

    async fn set_meter(
        &self,
        table: &str,
        tenant_id: &str,
        head: MeterHead,
        expires: Option<i64>,
    ) -> Result<(), CloudError> {
        self.0
            .call("dynamodb:UpdateItem", &target(table, &meter_pk(tenant_id), METER_SK), |state, context| {
                items::set_meter(state, context, (table, tenant_id), head, expires)
            })
            .await
    }
}
