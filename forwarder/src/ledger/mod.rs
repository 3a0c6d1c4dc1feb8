//! What tenants use, held against their limits: reserve → call → settle → reap, on one item a tenant.
//!
//! Before a call its upper bound is reserved by one conditional write, which opens windows that are due and holds all
//! limits at once, so nobody takes the last dollar twice. After it one more write puts what it really took in the place of
//! the reservation. What a killed function left is freed with its slot and stays charged. What is remembered of an item
//! from the last write is a guess for the next one; the conditions make sure of it. Amounts are given: prices are not
//! known here.
//!
//! [`reserve`](Reserving) and [`settle`](Settling) are the pure part; the [`Ledger`] asks the table what they say.

mod counts;
mod denial;
mod hold;
mod limit;
mod reserve;
mod settle;
mod standing;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use aigw_contract::table;

use crate::table::{Table, TableError, Updated};

pub use counts::{Counts, Minute, Slot, Window};
pub use denial::{denial, unattainable_denial};
pub use hold::{Hold, Settlement, Unsettled};
pub use limit::{Exceeded, Limit, Windows};
pub use reserve::{Refused, Reservation, Reserving, Wish};
pub use settle::{Settle, Settling};
pub use standing::{headers, usage};

/// Items remembered at a time. An environment rarely sees this many tenants.
const CAPACITY: usize = 1_000;

/// The meters of all tenants.
pub struct Ledger {
    table: Arc<Table>,
    /// What the last write showed, by tenant id.
    known: Mutex<HashMap<String, Counts>>,
}

/// A reservation that was made.
#[derive(Debug)]
pub struct Reserved {
    /// The reservation, to be settled.
    pub hold: Hold,
    /// The item with it.
    pub counts: Counts,
    /// What would have denied the call, where the policy's limits only watch.
    pub overrun: Option<Exceeded>,
}

/// There is no reservation.
#[derive(Debug)]
pub enum NotReserved {
    /// It is refused, by an item like this where it was looked at.
    Refused(Refused, Option<Box<Counts>>),
    /// The table failed. Whether the reservation was made may be unknown.
    Table(TableError),
}

impl Ledger {
    /// The meters in this table.
    pub fn new(table: Arc<Table>) -> Self {
        Self { table, known: Mutex::default() }
    }

    /// Makes a reservation.
    ///
    /// # Errors
    /// [`NotReserved`] where there is none, or may be none.
    pub async fn reserve(self: &Arc<Self>, tenant: &str, wish: Wish<'_>) -> Result<Reserved, NotReserved> {
        let mut attempt = Reserving::begin(wish, self.known(tenant));
        let mut shown = None;
        loop {
            let (write, reservation) =
                attempt.proceed().map_err(|refused| NotReserved::Refused(refused, shown.take()))?;
            match self.write(tenant, &write).await? {
                (true, counts) => {
                    self.remember(tenant, &counts, false);
                    let overrun = attempt.overrun(&reservation, &counts);
                    let hold = Hold::new(Arc::clone(self), tenant.to_owned(), reservation, counts.clone());
                    return Ok(Reserved { hold, counts, overrun });
                }
                (false, counts) => {
                    self.remember(tenant, &counts, true);
                    attempt.failed(counts.clone());
                    shown = Some(Box::new(counts));
                }
            }
        }
    }

    /// The item as it is now.
    ///
    /// # Errors
    /// [`TableError`] where the table does not show it.
    pub async fn look(&self, tenant: &str) -> Result<Counts, TableError> {
        let item = self.table.get(&table::meter_pk(tenant), table::METER_SK).await?;
        Ok(Counts::of(item.as_ref())?)
    }

    /// Applies one write: whether its conditions held, and the item after it.
    async fn write(&self, tenant: &str, write: &crate::table::Write) -> Result<(bool, Counts), TableError> {
        match self.table.update(&table::meter_pk(tenant), table::METER_SK, write).await? {
            Updated::Applied(item) => Ok((true, Counts::of(Some(&item))?)),
            Updated::Refused(item) => Ok((false, Counts::of(item.as_ref())?)),
        }
    }

    /// What the last write showed.
    pub fn known(&self, tenant: &str) -> Option<Counts> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).get(tenant).cloned()
    }

    /// Remembers an item. Answers can overtake each other: one that is older than what is remembered is left out, unless
    /// it has just been `proven` right.
    fn remember(&self, tenant: &str, counts: &Counts, proven: bool) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let age = |counts: &Counts| (counts.minute.id, counts.minute.requests);
        if !proven && known.get(tenant).is_some_and(|kept| age(kept) > age(counts)) {
            return;
        }
        if known.len() >= CAPACITY && !known.contains_key(tenant) {
            known.clear();
        }
        known.insert(tenant.to_owned(), counts.clone());
    }
}

impl From<TableError> for NotReserved {
    fn from(error: TableError) -> Self {
        Self::Table(error)
    }
}

impl std::fmt::Debug for Ledger {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Ledger").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod model;
#[cfg(test)]
mod model_tests;
