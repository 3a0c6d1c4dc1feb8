//! The stub's memory of requests: the last [`KEPT`], with bodies cut at [`BODY_KEPT`] bytes.
//!
//! Everything is recorded, credentials included, because tests have to see what a forwarder let through. The stub
//! knows made-up credentials only.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use http::request::Parts;
use serde::{Deserialize, Serialize};

use super::error::AwsError;
use super::route::Route;
use super::text::Usage;

/// Requests kept.
pub const KEPT: usize = 1000;
/// Bytes of a body kept.
pub const BODY_KEPT: usize = 64 * 1024;

/// One request and what became of it. Times are microseconds since 1970.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct Record {
    /// Number of the request, from 1.
    pub seq: u64,
    /// The id the answer carries, `x-amzn-requestid`.
    #[serde(default)]
    pub request_id: String,
    /// When the head of the request had arrived.
    pub received_us: u64,
    /// Method.
    pub method: String,
    /// Raw path and query, byte for byte.
    pub target: String,
    /// The Host header.
    pub host: String,
    /// Endpoint family, from Host or path.
    pub family: String,
    /// Operation, when the stub knows it.
    pub operation: Option<String>,
    /// Decoded model id.
    pub model: Option<String>,
    /// Headers: lower-case name, values in order.
    pub headers: BTreeMap<String, Vec<String>>,
    /// The body as text, cut at [`BODY_KEPT`] bytes.
    pub body: String,
    /// Length of the whole body.
    pub body_bytes: usize,
    /// `ok`, or the error type of the refusal.
    pub signature: String,
    /// The message of the refusal.
    pub refusal: Option<String>,
    /// The access key of an accepted signature.
    pub access_key: Option<String>,
    /// Status answered; 0 until then.
    pub status: u16,
    /// What the call really used, whatever was sent of it; nothing where no model was asked.
    #[serde(default)]
    pub usage: Option<Usage>,
    /// When each frame of a stream (or the body) was handed to the connection.
    pub sent_us: Vec<u64>,
    /// How the answer ended.
    pub end: End,
}

impl Record {
    /// Values of a header, by lower-case name.
    pub fn header(&self, name: &str) -> &[String] {
        self.headers.get(name).map_or(&[], Vec::as_slice)
    }
}

/// How an answer ended.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// Not yet.
    #[default]
    Open,
    /// As it should, errors included.
    Complete,
    /// Cut by a scripted fault.
    Cut,
    /// The client went away first.
    ClientGone,
}

/// Microseconds since 1970.
pub fn now_us() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

/// The ring of records.
#[derive(Debug, Default)]
pub struct Records {
    inner: Mutex<(u64, VecDeque<Record>)>,
}

impl Records {
    /// All records, oldest first.
    pub fn list(&self) -> Vec<Record> {
        self.lock().1.iter().cloned().collect()
    }

    /// Forgets all records; numbers go on.
    pub fn clear(&self) {
        self.lock().1.clear();
    }

    /// Adds a record and gives the handle that follows its answer.
    pub fn begin(self: &Arc<Self>, mut record: Record) -> Trace {
        let mut inner = self.lock();
        inner.0 += 1;
        record.seq = inner.0;
        let seq = record.seq;
        if inner.1.len() == KEPT {
            inner.1.pop_front();
        }
        inner.1.push_back(record);
        Trace { records: Arc::clone(self), seq }
    }

    fn lock(&self) -> MutexGuard<'_, (u64, VecDeque<Record>)> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Follows the answer to one request. Dropped before the end, it notes that the client went away.
#[derive(Debug)]
pub struct Trace {
    records: Arc<Records>,
    seq: u64,
}

impl Trace {
    /// Changes the record, if it is still kept.
    pub fn update(&self, change: impl FnOnce(&mut Record)) {
        let mut inner = self.records.lock();
        if let Ok(at) = inner.1.binary_search_by_key(&self.seq, |record| record.seq) {
            change(&mut inner.1[at]);
        }
    }

    /// Notes that a piece of the answer is on its way.
    pub fn sent(&self) {
        self.update(|record| record.sent_us.push(now_us()));
    }

    /// Notes the end of the answer.
    pub fn end(&self, end: End) {
        self.update(|record| record.end = end);
    }
}

impl Drop for Trace {
    fn drop(&mut self) {
        self.update(|record| {
            if record.end == End::Open {
                record.end = End::ClientGone;
            }
        });
    }
}

/// The record of a request that has arrived, before its answer.
pub fn arrived(parts: &Parts, received_us: u64, host: &str, route: &Route, body: &[u8]) -> Record {
    let mut headers: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in &parts.headers {
        let text = String::from_utf8_lossy(value.as_bytes()).into_owned();
        headers.entry(name.as_str().to_owned()).or_default().push(text);
    }
    Record {
        received_us,
        method: parts.method.to_string(),
        target: parts.uri.to_string(),
        host: host.to_owned(),
        family: route.family.clone(),
        operation: route.operation.map(|operation| operation.name().to_owned()),
        model: route.model.clone(),
        headers,
        body: String::from_utf8_lossy(&body[..body.len().min(BODY_KEPT)]).into_owned(),
        body_bytes: body.len(),
        ..Record::default()
    }
}

/// Notes the verdict of the signature check.
pub fn judge(record: &mut Record, verdict: &Result<String, AwsError>) {
    match verdict {
        Ok(key) => {
            "ok".clone_into(&mut record.signature);
            record.access_key = Some(key.clone());
        }
        Err(error) => {
            record.signature.clone_from(&error.code);
            record.refusal = Some(error.message.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_last_requests_and_notes_abandoned_ones() {
        let records = Arc::new(Records::default());
        let first = records.begin(Record::default());
        for _ in 0..KEPT {
            records.begin(Record::default()).end(End::Complete);
        }
        first.sent();
        let list = records.list();
        assert_eq!(list.len(), KEPT);
        assert_eq!(list[0].seq, 2);
        assert_eq!(list[0].end, End::Complete);
        drop(records.begin(Record::default()));
        assert_eq!(records.list().last().unwrap().end, End::ClientGone);
        records.clear();
        assert_eq!(records.begin(Record::default()).seq, KEPT as u64 + 3);
    }
}
