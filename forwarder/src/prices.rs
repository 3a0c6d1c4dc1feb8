//! The price list, kept as long as the gateway's configuration names its revision.
//!
//! Read when it is first asked for: only calls of tenants with a budget need it, and it is the largest item there is.

use std::sync::Arc;
use std::time::{Duration, Instant};

use aigw_contract::price::PriceList;
use aigw_contract::table;
use tokio::sync::Mutex;

use crate::table::{Table, TableError};

/// Age at which a copy that is not of the revision asked for is read again. The configuration in hand may be this old,
/// and the table then has a newer list than it names; reading that with every call would change nothing.
const OTHER_MAX_AGE: Duration = Duration::from_secs(30);

/// Reads the price list and remembers it.
pub struct Prices {
    table: Arc<Table>,
    held: Mutex<Option<Held>>,
}

/// What the table had.
struct Held {
    /// Revision that was asked for.
    asked: String,
    list: Option<Arc<PriceList>>,
    read_at: Instant,
}

impl Held {
    /// Whether it answers a question for `revision`, `age` after it was read.
    fn answers(&self, revision: &str, age: Duration) -> bool {
        match &self.list {
            Some(list) if list.revision == revision => true,
            _ => self.asked == revision && age < OTHER_MAX_AGE,
        }
    }
}

impl Prices {
    /// The price list of this table.
    pub fn new(table: Arc<Table>) -> Self {
        Self { table, held: Mutex::default() }
    }

    /// The list of this revision; a newer one, where the table has gone on since the configuration was read.
    ///
    /// # Errors
    /// [`TableError`]. Without a revision, as an older operator writes its configuration, and without an item there is no
    /// list: `None`.
    pub async fn at(&self, revision: &str) -> Result<Option<Arc<PriceList>>, TableError> {
        if revision.is_empty() {
            return Ok(None);
        }
        let mut held = self.held.lock().await;
        if let Some(kept) = held.as_ref()
            && kept.answers(revision, kept.read_at.elapsed())
        {
            return Ok(kept.list.clone());
        }
        let document = self.table.document(table::GATEWAY_PK, table::PRICES_SK).await?;
        let list = document.map(|document| Arc::new(document.content));
        *held = Some(Held { asked: revision.to_owned(), list: list.clone(), read_at: Instant::now() });
        Ok(list)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use serde_json::json;

    use super::*;

    fn list(revision: &str) -> PriceList {
        PriceList { revision: revision.into(), models: Vec::new() }
    }

    fn held(asked: &str, found: Option<&str>) -> Held {
        Held { asked: asked.into(), list: found.map(|revision| Arc::new(list(revision))), read_at: Instant::now() }
    }

    fn table(prices: Option<&PriceList>) -> Arc<Table> {
        let item = |prices| {
            let document = serde_json::to_string(prices).unwrap();
            serde_json::from_value(json!({"version": {"N": "1"}, "document": {"S": document}})).unwrap()
        };
        let key = (table::GATEWAY_PK.to_owned(), table::PRICES_SK.to_owned());
        Arc::new(Table::fixed(prices.map(|prices| (key, item(prices))).into_iter().collect::<HashMap<_, _>>()))
    }

    #[test]
    fn a_copy_is_kept_while_its_revision_is_asked_for() {
        let (now, later) = (Duration::ZERO, OTHER_MAX_AGE);
        assert!(held("r1", Some("r1")).answers("r1", Duration::from_hours(24)));
        assert!(!held("r1", Some("r1")).answers("r2", now), "the configuration names another");
        assert!(held("r1", Some("r2")).answers("r2", later), "the configuration caught up");
        assert!(held("r1", Some("r2")).answers("r1", now), "the configuration in hand is older than the list");
        assert!(!held("r1", Some("r2")).answers("r1", later));
        assert!(held("r1", None).answers("r1", now));
        assert!(!held("r1", None).answers("r1", later));
    }

    #[tokio::test]
    async fn the_list_is_read_when_there_is_a_revision() {
        let prices = Prices::new(table(Some(&list("r1"))));
        assert!(prices.at("").await.unwrap().is_none());
        let first = prices.at("r1").await.unwrap().unwrap();
        assert_eq!(*first, list("r1"));
        assert!(Arc::ptr_eq(&first, &prices.at("r1").await.unwrap().unwrap()), "kept");
        let other = prices.at("r0").await.unwrap().unwrap();
        assert!(!Arc::ptr_eq(&first, &other), "read again for another revision");
        assert!(Prices::new(table(None)).at("r1").await.unwrap().is_none());
    }
}
