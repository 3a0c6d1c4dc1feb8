//! DynamoDB by its JSON protocol: three operations, signed like everything else.
//!
//! Reads are strongly consistent, since a suspension written a moment ago must stop the next request, and repeated on the
//! errors DynamoDB calls transient. A write is repeated only where DynamoDB surely did not apply it: what is counted
//! twice is as wrong as what is not counted.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aigw_contract::table;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::render::update_item;
use super::{Item, MalformedItem, TableError, Updated, Write};
use crate::http_client::{Client, ConnectError, Destination, SendError};
use crate::sign::{Signable, Signer, TARGET};

/// Bound on one read with all its attempts. Usual reads take a few milliseconds.
const READ_TIMEOUT: Duration = Duration::from_secs(3);
/// Bound on one write with all its attempts: less than what is kept back for it at a function's deadline.
const WRITE_TIMEOUT: Duration = Duration::from_millis(1_500);
/// Attempts of one read or write.
const ATTEMPTS: u32 = 3;
/// Wait before the second attempt; doubled for the third.
const RETRY_PAUSE: Duration = Duration::from_millis(25);
const CONTENT: HeaderValue = HeaderValue::from_static("application/x-amz-json-1.0");
const GET_ITEM: HeaderValue = HeaderValue::from_static("DynamoDB_20120810.GetItem");
const BATCH_GET_ITEM: HeaderValue = HeaderValue::from_static("DynamoDB_20120810.BatchGetItem");
const UPDATE_ITEM: HeaderValue = HeaderValue::from_static("DynamoDB_20120810.UpdateItem");
const CONDITION_FAILED: &str = "ConditionalCheckFailedException";
/// Errors with which DynamoDB turns a request away before it looks at it.
const THROTTLED: [&str; 3] = ["ProvisionedThroughputExceededException", "ThrottlingException", "RequestLimitExceeded"];

pub(super) struct DynamoDb {
    client: Arc<Client>,
    endpoint: Arc<Destination>,
    host: String,
    signer: Arc<Signer>,
    name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct GetItemOutput {
    item: Option<Item>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct BatchGetItemOutput {
    #[serde(default)]
    responses: HashMap<String, Vec<Item>>,
    #[serde(default)]
    unprocessed_keys: HashMap<String, Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct UpdateItemOutput {
    attributes: Item,
}

/// An error. Where a condition failed it holds the item as it is.
#[derive(Deserialize, Default)]
#[serde(default)]
struct ErrorOutput {
    #[serde(rename = "__type")]
    code: String,
    #[serde(rename = "Item")]
    item: Option<Item>,
}

/// Whether a request may be served more than once.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Read,
    Write,
}

impl DynamoDb {
    pub(super) fn new(client: Arc<Client>, endpoint: Destination, signer: Arc<Signer>, name: String) -> Self {
        let host = endpoint.host_header();
        Self { client, host, endpoint: Arc::new(endpoint), signer, name }
    }

    pub(super) async fn warm(&self) -> Result<(), ConnectError> {
        let connection = self.client.checkout(&self.endpoint).await?;
        self.client.release(connection);
        Ok(())
    }

    pub(super) async fn get(&self, partition: &str, sort: &str) -> Result<Option<Item>, TableError> {
        let input = json!({ "TableName": self.name, "Key": key(partition, sort), "ConsistentRead": true });
        let output: GetItemOutput = self.read(&GET_ITEM, &input).await?;
        Ok(output.item)
    }

    pub(super) async fn batch(&self, keys: &[(String, &str)]) -> Result<Vec<Item>, TableError> {
        let keys: Vec<_> = keys.iter().map(|(partition, sort)| key(partition, sort)).collect();
        let wanted = json!({ "Keys": keys, "ConsistentRead": true });
        let input = json!({ "RequestItems": { self.name.as_str(): wanted } });
        let mut output: BatchGetItemOutput = self.read(&BATCH_GET_ITEM, &input).await?;
        if !output.unprocessed_keys.is_empty() {
            return Err(TableError::Incomplete);
        }
        Ok(output.responses.remove(&self.name).unwrap_or_default())
    }

    pub(super) async fn update(&self, partition: &str, sort: &str, write: &Write) -> Result<Updated, TableError> {
        let input = Bytes::from(update_item(&self.name, partition, sort, write));
        let output = tokio::time::timeout(WRITE_TIMEOUT, self.attempts(&UPDATE_ITEM, &input, Kind::Write)).await;
        match output.map_err(|_| TableError::Timeout(WRITE_TIMEOUT))? {
            Ok(output) => {
                let output: UpdateItemOutput = serde_json::from_slice(&output).map_err(MalformedItem::json)?;
                Ok(Updated::Applied(output.attributes))
            }
            Err(TableError::Condition(item)) => Ok(Updated::Refused(item.map(|item| *item))),
            Err(error) => Err(error),
        }
    }

    async fn read<T: DeserializeOwned>(&self, target: &HeaderValue, input: &Value) -> Result<T, TableError> {
        let input = Bytes::from(input.to_string());
        let output = tokio::time::timeout(READ_TIMEOUT, self.attempts(target, &input, Kind::Read)).await;
        let output = output.map_err(|_| TableError::Timeout(READ_TIMEOUT))??;
        Ok(serde_json::from_slice(&output).map_err(MalformedItem::json)?)
    }

    async fn attempts(&self, target: &HeaderValue, input: &Bytes, kind: Kind) -> Result<Bytes, TableError> {
        let mut pause = RETRY_PAUSE;
        for _ in 1..ATTEMPTS {
            match self.call(target, input, kind).await {
                Err(error) if error.may_repeat(kind) => tokio::time::sleep(pause).await,
                result => return result,
            }
            pause *= 2;
        }
        self.call(target, input, kind).await
    }

    async fn call(&self, target: &HeaderValue, input: &Bytes, kind: Kind) -> Result<Bytes, TableError> {
        let connection = self.client.checkout(&self.endpoint).await?;
        let mut headers = HeaderMap::with_capacity(8);
        headers.insert(CONTENT_TYPE, CONTENT);
        headers.insert(TARGET, target.clone());
        let signable =
            Signable { service: "dynamodb", method: &Method::POST, host: &self.host, path_and_query: "/", body: input };
        self.signer.sign(&signable, &mut headers, SystemTime::now())?;
        let mut request = Request::new(input.clone());
        *request.method_mut() = Method::POST;
        *request.headers_mut() = headers;
        let response = match kind {
            Kind::Read => self.client.send(connection, request).await?,
            Kind::Write => self.client.send_once(connection, request).await?,
        };
        let status = response.status();
        let output = response.into_body().collect().await?;
        if status.is_success() {
            return Ok(output);
        }
        Err(refusal(status, &output))
    }
}

fn refusal(status: StatusCode, output: &[u8]) -> TableError {
    let error: ErrorOutput = serde_json::from_slice(output).unwrap_or_default();
    let code = error.code.rsplit('#').next().unwrap_or_default();
    if code == CONDITION_FAILED {
        return TableError::Condition(error.item.map(Box::new));
    }
    TableError::Refused { status, code: code.to_owned() }
}

/// The key of an item in DynamoDB's JSON.
fn key(partition: &str, sort: &str) -> Value {
    json!({ table::PK: { "S": partition }, table::SK: { "S": sort } })
}

impl TableError {
    /// Whether DynamoDB is there, but has too much to do for this item.
    pub(super) fn is_throttling(&self) -> bool {
        matches!(self, Self::Refused { code, .. } if THROTTLED.contains(&code.as_str()))
    }

    fn may_repeat(&self, kind: Kind) -> bool {
        match self {
            _ if self.is_throttling() => true,
            Self::Refused { status, .. } => kind == Kind::Read && status.is_server_error(),
            // A connection was lost before anything was sent, and there was no other.
            Self::Send(SendError::Connect(_)) => true,
            Self::Send(SendError::Exchange(_)) | Self::Broken(_) => kind == Kind::Read,
            Self::Connect(_)
            | Self::Timeout(_)
            | Self::Incomplete
            | Self::Sign(_)
            | Self::Malformed(_)
            | Self::Condition(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_is_repeated_only_where_it_was_surely_not_applied() {
        let refused = |status, code: &str| TableError::Refused {
            status: StatusCode::from_u16(status).unwrap(),
            code: code.to_owned(),
        };
        for code in THROTTLED {
            assert!(refused(400, code).may_repeat(Kind::Write) && refused(400, code).may_repeat(Kind::Read));
        }
        for (error, read) in [
            (refused(500, "InternalServerError"), true),
            (refused(503, "ServiceUnavailable"), true),
            (refused(400, "AccessDeniedException"), false),
            (TableError::Timeout(WRITE_TIMEOUT), false),
            (TableError::Condition(None), false),
        ] {
            assert!(!error.may_repeat(Kind::Write) && error.may_repeat(Kind::Read) == read, "{error}");
        }
    }

    #[test]
    fn a_failed_condition_shows_the_item() {
        let output = br#"{"__type":"com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException","Item":{"day":{"N":"4"}}}"#;
        let TableError::Condition(Some(item)) = refusal(StatusCode::BAD_REQUEST, output) else { panic!("no item") };
        assert_eq!(item.integer("day").unwrap(), 4);
    }
}
