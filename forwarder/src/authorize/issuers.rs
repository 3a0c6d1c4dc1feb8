//! The mirrored keys of issuers, kept for a while, and read again at once where a token names one that is not there.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use aigw_contract::issuer::{Issuer, KeyMirror};
use aigw_contract::table;

use crate::jwt::{Claims, Refused, Token, Trust};
use crate::table::{Document, Table, TableError};

/// Age at which a mirror in hand is read again: the operator writes it every ten minutes.
const MAX_AGE: Duration = Duration::from_mins(1);
/// Age below which it is not, whatever a token names: anybody can make up key ids.
const MIN_AGE: Duration = Duration::from_secs(5);
/// Mirrors kept at a time: as many as a gateway has issuers, and some that have left it.
const CAPACITY: usize = 64;

type Shared = Option<Arc<KeyMirror>>;

/// Reads mirrors and remembers them.
pub(super) struct Issuers {
    table: Arc<Table>,
    kept: Mutex<HashMap<String, (SystemTime, Shared)>>,
}

impl Issuers {
    pub(super) fn new(table: Arc<Table>) -> Self {
        Self { table, kept: Mutex::default() }
    }

    /// Verifies a token as one of `issuer`; gives the issuer's `iss` and the claims.
    pub(super) async fn verify<'t>(
        &self,
        token: &'t Token<'_>,
        issuer: &Issuer,
        now: i64,
    ) -> Result<Result<(String, Claims<'t>), Refused>, TableError> {
        let key = issuer.key();
        let verified = against(token, issuer, self.mirror(&key, MAX_AGE).await?.as_deref(), now);
        if verified != Err(Refused::UnknownKey) {
            return Ok(verified);
        }
        Ok(against(token, issuer, self.mirror(&key, MIN_AGE).await?.as_deref(), now))
    }

    /// The mirror, no older than `age`.
    async fn mirror(&self, key: &str, age: Duration) -> Result<Shared, TableError> {
        if let Some(kept) = self.kept(key, age) {
            return Ok(kept);
        }
        let read: Option<Document<KeyMirror>> = self.table.document(table::GATEWAY_PK, &table::jwks_sk(key)).await?;
        let read = read.map(|document| Arc::new(document.content));
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= CAPACITY && !kept.contains_key(key) {
            kept.clear();
        }
        kept.insert(key.to_owned(), (SystemTime::now(), read.clone()));
        Ok(read)
    }

    fn kept(&self, key: &str, age: Duration) -> Option<Shared> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let (read_at, mirror) = kept.get(key)?;
        // An unknown age is one before a clock that was set back.
        read_at.elapsed().is_ok_and(|elapsed| elapsed < age).then(|| mirror.clone())
    }
}

fn against<'t>(
    token: &'t Token<'_>,
    issuer: &Issuer,
    mirror: Option<&KeyMirror>,
    now: i64,
) -> Result<(String, Claims<'t>), Refused> {
    // Not mirrored yet, or not any more.
    let mirror = mirror.ok_or(Refused::UnknownKey)?;
    let name = issuer.issuer.as_ref().unwrap_or(&mirror.issuer);
    // Keys are those of the issuer they were read from: the spec may name another by now.
    if *name != mirror.issuer {
        return Err(Refused::UnknownKey);
    }
    let keys: Vec<_> = mirror.usable(now).collect();
    let trust = Trust { issuer: name, audiences: &issuer.audiences, algorithms: &issuer.algorithms, keys: &keys };
    Ok((name.clone(), token.verify(&trust, now)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn reading_a_kept_mirror_again_drops_no_other() {
        let issuers = Issuers::new(Arc::new(Table::fixed(HashMap::new())));
        let kept = || issuers.kept.lock().unwrap().len();
        for number in 0..CAPACITY {
            issuers.mirror(&number.to_string(), MAX_AGE).await.unwrap();
        }
        issuers.mirror("0", Duration::ZERO).await.unwrap();
        assert_eq!(kept(), CAPACITY);
        issuers.mirror("new", MAX_AGE).await.unwrap();
        assert_eq!(kept(), 1, "bounded");
    }
}
