//! Identity providers: documents by URL, which tests change, take away and put back.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aigw_cloud::{DocumentError, Documents};
use async_trait::async_trait;
use serde_json::{Value, json};

/// All providers there are. Clones are the same.
#[derive(Debug, Clone, Default)]
pub struct FakeIssuers(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    documents: BTreeMap<String, String>,
    outage: bool,
    reads: usize,
}

impl FakeIssuers {
    /// A provider at `issuer` whose keys have these ids.
    pub fn publish(&self, issuer: &str, key_ids: &[&str]) {
        let keys: Vec<Value> = key_ids.iter().map(|id| key(id)).collect();
        let discovery = json!({"issuer": issuer, "jwks_uri": format!("{issuer}/keys")});
        let mut state = self.state();
        state.documents.insert(format!("{issuer}/.well-known/openid-configuration"), discovery.to_string());
        state.documents.insert(format!("{issuer}/keys"), json!({"keys": keys}).to_string());
    }

    /// Answers this at a URL.
    pub fn answer(&self, url: &str, text: &str) {
        self.state().documents.insert(url.to_owned(), text.to_owned());
    }

    /// Nobody answers, for as long as this is on.
    pub fn outage(&self, on: bool) {
        self.state().outage = on;
    }

    /// Documents asked for so far.
    pub fn reads(&self) -> usize {
        self.state().reads
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A public key; nothing is signed with it.
pub fn key(id: &str) -> Value {
    json!({"kty": "OKP", "crv": "Ed25519", "kid": id, "use": "sig", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})
}

#[async_trait]
impl Documents for FakeIssuers {
    async fn get(&self, url: &str) -> Result<String, DocumentError> {
        let mut state = self.state();
        state.reads += 1;
        let host = url.split('/').nth(2).unwrap_or_default().to_owned();
        if state.outage {
            return Err(DocumentError::Timeout(host));
        }
        state.documents.get(url).cloned().ok_or(DocumentError::Status { host, status: 404 })
    }
}
