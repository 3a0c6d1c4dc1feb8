//! The gateway's table, read side: DynamoDB, by two operations of its JSON protocol, signed like everything else; or,
//! where the gateway is tried without one, items from a file.
//!
//! All reads are strongly consistent: a suspension written a moment ago must stop the next request. Reads are
//! repeated on the errors DynamoDB calls transient. There is no cache here.

mod item;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aigw_contract::table;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::http_client::{Client, ConnectError, Destination, SendError};
use crate::sign::{SignError, Signable, Signer, TARGET};

pub use item::{Item, MalformedItem};

/// Bound on one read with all its attempts. Usual reads take a few milliseconds.
const READ_TIMEOUT: Duration = Duration::from_secs(3);
/// Attempts of one read.
const ATTEMPTS: u32 = 3;
/// Wait before the second attempt; doubled for the third.
const RETRY_PAUSE: Duration = Duration::from_millis(25);
const CONTENT: HeaderValue = HeaderValue::from_static("application/x-amz-json-1.0");
const GET_ITEM: HeaderValue = HeaderValue::from_static("DynamoDB_20120810.GetItem");
const BATCH_GET_ITEM: HeaderValue = HeaderValue::from_static("DynamoDB_20120810.BatchGetItem");

/// The table.
pub struct Table(Source);

enum Source {
    DynamoDb(DynamoDb),
    Fixed(HashMap<(String, String), Item>),
}

struct DynamoDb {
    client: Arc<Client>,
    endpoint: Arc<Destination>,
    host: String,
    signer: Arc<Signer>,
    name: String,
}

/// A document item: its content and the counter of its writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document<T> {
    /// Raised by one with every write.
    pub version: i64,
    /// The content.
    pub content: T,
}

/// A read failed. Callers fail closed.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// No connection to DynamoDB.
    #[error("the table cannot be reached")]
    Connect(#[from] ConnectError),
    /// No answer.
    #[error("the table did not answer")]
    Send(#[from] SendError),
    /// The answer broke off.
    #[error("the table's answer broke off")]
    Broken(#[from] hyper::Error),
    /// No answer in time.
    #[error("the table did not answer within {} s", READ_TIMEOUT.as_secs())]
    Timeout,
    /// DynamoDB refused.
    #[error("the table refused the read: {status} {code}")]
    Refused {
        /// HTTP status.
        status: StatusCode,
        /// DynamoDB's error code.
        code: String,
    },
    /// DynamoDB left out a part, being busy.
    #[error("the table left out a part of what was asked for")]
    Incomplete,
    /// The request could not be signed.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// The item is not what the contract says.
    #[error(transparent)]
    Malformed(#[from] MalformedItem),
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

#[derive(Deserialize, Default)]
#[serde(default)]
struct ErrorOutput {
    #[serde(rename = "__type")]
    code: String,
}

impl Table {
    /// The table `name` at `endpoint`.
    pub fn new(client: Arc<Client>, endpoint: Destination, signer: Arc<Signer>, name: impl Into<String>) -> Self {
        let host = endpoint.host_header();
        Self(Source::DynamoDb(DynamoDb { client, host, endpoint: Arc::new(endpoint), signer, name: name.into() }))
    }

    /// A table that always has exactly these items, by partition and sort key.
    pub fn fixed(items: HashMap<(String, String), Item>) -> Self {
        Self(Source::Fixed(items))
    }

    /// Opens a connection ahead of the first read.
    ///
    /// # Errors
    /// [`ConnectError`]; nothing is lost then but time later.
    pub async fn warm(&self) -> Result<(), ConnectError> {
        if let Source::DynamoDb(table) = &self.0 {
            let connection = table.client.checkout(&table.endpoint).await?;
            table.client.release(connection);
        }
        Ok(())
    }

    /// Reads one item.
    ///
    /// # Errors
    /// [`TableError`]; an item that does not exist is `None`.
    pub async fn get(&self, partition: &str, sort: &str) -> Result<Option<Item>, TableError> {
        match &self.0 {
            Source::DynamoDb(table) => table.get(partition, sort).await,
            Source::Fixed(items) => Ok(items.get(&(partition.to_owned(), sort.to_owned())).cloned()),
        }
    }

    /// Reads documents of different partitions, 100 keys at most; those that exist, by partition.
    ///
    /// # Errors
    /// [`TableError`], also where DynamoDB left some out.
    pub async fn documents<T: DeserializeOwned>(
        &self,
        keys: &[(String, &str)],
    ) -> Result<BTreeMap<String, T>, TableError> {
        let items = match &self.0 {
            Source::DynamoDb(table) => table.batch(keys).await?,
            Source::Fixed(items) => {
                let find = |(partition, sort): &(String, &str)| items.get(&(partition.clone(), (*sort).to_owned()));
                keys.iter().filter_map(find).cloned().collect()
            }
        };
        let document = |item: Item| {
            let content = content(&item)?;
            Ok((item.text(table::PK)?.to_owned(), content))
        };
        items.into_iter().map(document).collect()
    }

    /// Reads one document item.
    ///
    /// # Errors
    /// [`TableError`]; an item that does not exist is `None`.
    pub async fn document<T: DeserializeOwned>(
        &self,
        partition: &str,
        sort: &str,
    ) -> Result<Option<Document<T>>, TableError> {
        let Some(item) = self.get(partition, sort).await? else { return Ok(None) };
        let content = content(&item)?;
        Ok(Some(Document { version: item.integer(table::VERSION)?, content }))
    }
}

impl DynamoDb {
    async fn get(&self, partition: &str, sort: &str) -> Result<Option<Item>, TableError> {
        let input = json!({ "TableName": self.name, "Key": key(partition, sort), "ConsistentRead": true });
        let output: GetItemOutput = self.read(&GET_ITEM, &input).await?;
        Ok(output.item)
    }

    async fn batch(&self, keys: &[(String, &str)]) -> Result<Vec<Item>, TableError> {
        let keys: Vec<_> = keys.iter().map(|(partition, sort)| key(partition, sort)).collect();
        let wanted = json!({ "Keys": keys, "ConsistentRead": true });
        let input = json!({ "RequestItems": { self.name.as_str(): wanted } });
        let mut output: BatchGetItemOutput = self.read(&BATCH_GET_ITEM, &input).await?;
        if !output.unprocessed_keys.is_empty() {
            return Err(TableError::Incomplete);
        }
        Ok(output.responses.remove(&self.name).unwrap_or_default())
    }

    async fn read<T: DeserializeOwned>(&self, target: &HeaderValue, input: &Value) -> Result<T, TableError> {
        let input = Bytes::from(input.to_string());
        let output = tokio::time::timeout(READ_TIMEOUT, self.attempts(target, &input)).await;
        let output = output.map_err(|_| TableError::Timeout)??;
        Ok(serde_json::from_slice(&output).map_err(MalformedItem::json)?)
    }

    async fn attempts(&self, target: &HeaderValue, input: &Bytes) -> Result<Bytes, TableError> {
        let mut pause = RETRY_PAUSE;
        for _ in 1..ATTEMPTS {
            match self.call(target, input).await {
                Err(error) if error.is_transient() => tokio::time::sleep(pause).await,
                result => return result,
            }
            pause *= 2;
        }
        self.call(target, input).await
    }

    async fn call(&self, target: &HeaderValue, input: &Bytes) -> Result<Bytes, TableError> {
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
        let response = self.client.send(connection, request).await?;
        let status = response.status();
        let output = response.into_body().collect().await?;
        if status.is_success() {
            return Ok(output);
        }
        let error: ErrorOutput = serde_json::from_slice(&output).unwrap_or_default();
        let code = error.code.rsplit('#').next().unwrap_or_default().to_owned();
        Err(TableError::Refused { status, code })
    }
}

/// The key of an item in DynamoDB's JSON.
fn key(partition: &str, sort: &str) -> Value {
    json!({ table::PK: { "S": partition }, table::SK: { "S": sort } })
}

/// The content of a document item.
fn content<T: DeserializeOwned>(item: &Item) -> Result<T, MalformedItem> {
    serde_json::from_str(item.text(table::DOCUMENT)?).map_err(MalformedItem::json)
}

impl TableError {
    fn is_transient(&self) -> bool {
        match self {
            Self::Refused { status, code } => {
                status.is_server_error()
                    || matches!(code.as_str(), "ProvisionedThroughputExceededException" | "ThrottlingException")
            }
            Self::Send(_) | Self::Broken(_) => true,
            Self::Connect(_) | Self::Timeout | Self::Incomplete | Self::Sign(_) | Self::Malformed(_) => false,
        }
    }
}
