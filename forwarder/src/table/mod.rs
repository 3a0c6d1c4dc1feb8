//! The gateway's table: DynamoDB, or, where the gateway is tried without one, items from a file.
//!
//! Reads are strongly consistent; there is no cache here. Written are meters only, by conditional writes ([`Write`]).

mod dynamodb;
mod item;
mod render;
mod write;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aigw_contract::table;
use http::StatusCode;
use serde::de::DeserializeOwned;

use crate::http_client::{Client, ConnectError, Destination, SendError};
use crate::sign::{SignError, Signer};
use dynamodb::DynamoDb;

pub use item::{Item, MalformedItem};
pub use render::update_item;
pub use write::{Change, Guard, Name, Write};

/// The table.
pub struct Table(Source);

enum Source {
    DynamoDb(DynamoDb),
    Memory(Mutex<HashMap<(String, String), Item>>),
}

/// A document item: its content and the counter of its writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document<T> {
    /// Raised by one with every write.
    pub version: i64,
    /// The content.
    pub content: T,
}

/// What became of a conditional write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Updated {
    /// It was applied; the item after it.
    Applied(Item),
    /// Its conditions did not hold; the item as it is, if there is one.
    Refused(Option<Item>),
}

/// A read or a write failed. Callers fail closed.
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
    #[error("the table did not answer within {} ms", .0.as_millis())]
    Timeout(Duration),
    /// DynamoDB refused.
    #[error("the table refused: {status} {code}")]
    Refused {
        /// HTTP status.
        status: StatusCode,
        /// DynamoDB's error code.
        code: String,
    },
    /// The condition of a write does not hold; the item as it is.
    #[error("the condition of a write does not hold")]
    Condition(Option<Box<Item>>),
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

impl TableError {
    /// Whether the table is out of reach, so that a gateway that fails open goes on without it. Throttling is not: a
    /// tenant could bring it about by calling often enough.
    pub fn is_outage(&self) -> bool {
        match self {
            Self::Connect(_) | Self::Send(_) | Self::Broken(_) | Self::Timeout(_) => true,
            Self::Refused { status, .. } => status.is_server_error() && !self.is_throttling(),
            Self::Condition(_) | Self::Incomplete | Self::Sign(_) | Self::Malformed(_) => false,
        }
    }
}

impl Table {
    /// The table `name` at `endpoint`.
    pub fn new(client: Arc<Client>, endpoint: Destination, signer: Arc<Signer>, name: impl Into<String>) -> Self {
        Self(Source::DynamoDb(DynamoDb::new(client, endpoint, signer, name.into())))
    }

    /// A table in memory that begins with these items, by partition and sort key.
    pub fn fixed(items: HashMap<(String, String), Item>) -> Self {
        Self(Source::Memory(Mutex::new(items)))
    }

    /// Opens a connection ahead of the first read.
    ///
    /// # Errors
    /// [`ConnectError`]; nothing is lost then but time later.
    pub async fn warm(&self) -> Result<(), ConnectError> {
        match &self.0 {
            Source::DynamoDb(table) => table.warm().await,
            Source::Memory(_) => Ok(()),
        }
    }

    /// Reads one item.
    ///
    /// # Errors
    /// [`TableError`]; an item that does not exist is `None`.
    pub async fn get(&self, partition: &str, sort: &str) -> Result<Option<Item>, TableError> {
        match &self.0 {
            Source::DynamoDb(table) => table.get(partition, sort).await,
            Source::Memory(items) => {
                let items = items.lock().unwrap_or_else(PoisonError::into_inner);
                Ok(items.get(&(partition.to_owned(), sort.to_owned())).cloned())
            }
        }
    }

    /// Writes one item, if the write's conditions hold.
    ///
    /// # Errors
    /// [`TableError`]; unless DynamoDB refused it is unknown then whether the write was applied.
    pub async fn update(&self, partition: &str, sort: &str, write: &Write) -> Result<Updated, TableError> {
        match &self.0 {
            Source::DynamoDb(table) => table.update(partition, sort, write).await,
            Source::Memory(items) => {
                let mut items = items.lock().unwrap_or_else(PoisonError::into_inner);
                let key = (partition.to_owned(), sort.to_owned());
                let found = items.get(&key).cloned();
                let mut item = found.clone().unwrap_or_default();
                if !write.apply(&mut item)? {
                    return Ok(Updated::Refused(found));
                }
                items.insert(key, item.clone());
                Ok(Updated::Applied(item))
            }
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
            Source::Memory(items) => {
                let items = items.lock().unwrap_or_else(PoisonError::into_inner);
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

/// The content of a document item.
fn content<T: DeserializeOwned>(item: &Item) -> Result<T, MalformedItem> {
    serde_json::from_str(item.text(table::DOCUMENT)?).map_err(MalformedItem::json)
}
