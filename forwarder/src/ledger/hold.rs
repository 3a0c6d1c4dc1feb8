//! A reservation that was made, until it is settled.
//!
//! Settled in a task of its own, so that a caller that goes away meanwhile does not stop it half-way. Who lets a
//! reservation go without settling it is charged what it reserved.

use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use super::Ledger;
use super::counts::Counts;
use super::reserve::Reservation;
use super::settle::{Settle, Settling};
use crate::amount::Amount;
use crate::clock::unix_seconds;
use crate::table::TableError;

/// A reservation was not settled: it stays charged as it was made, and holds its place until its slot is freed.
#[derive(Debug, thiserror::Error)]
pub enum Unsettled {
    /// The table failed; the settlement may have been written all the same, so it is not repeated.
    #[error(transparent)]
    Table(#[from] TableError),
    /// The call lasted so long that it was taken for dead.
    #[error("the reservation was freed before the call ended")]
    Reaped,
    /// Windows changed twice meanwhile.
    #[error("the windows changed too fast")]
    Contended,
}

/// A settlement under way.
pub type Settlement = JoinHandle<Result<(), Unsettled>>;

/// A reservation that was made.
#[derive(Debug)]
pub struct Hold {
    open: Option<Open>,
    amount: Amount,
}

#[derive(Debug)]
struct Open {
    ledger: Arc<Ledger>,
    tenant: String,
    reservation: Reservation,
    counts: Counts,
}

impl Hold {
    pub(super) fn new(ledger: Arc<Ledger>, tenant: String, reservation: Reservation, counts: Counts) -> Self {
        Self { amount: reservation.amount, open: Some(Open { ledger, tenant, reservation, counts }) }
    }

    /// What is reserved.
    pub fn amount(&self) -> Amount {
        self.amount
    }

    /// Begins to put what the call really took in the place of what was reserved. Nothing where that was begun before.
    pub fn settle(&mut self, actual: Amount) -> Option<Settlement> {
        let runtime = Handle::try_current().ok()?;
        Some(runtime.spawn(self.open.take()?.settle(actual)))
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let _ = self.settle(self.amount);
    }
}

impl Open {
    async fn settle(self, actual: Amount) -> Result<(), Unsettled> {
        let Self { ledger, tenant, reservation, counts } = self;
        let known = ledger.known(&tenant).unwrap_or(counts);
        let mut attempt = Settling::begin(reservation, actual, known, unix_seconds());
        loop {
            let write = match attempt.proceed() {
                Settle::Write(write) => write,
                Settle::Reaped => return Err(Unsettled::Reaped),
                Settle::GivenUp => return Err(Unsettled::Contended),
            };
            let (applied, counts) = ledger.write(&tenant, &write).await?;
            ledger.remember(&tenant, &counts, !applied);
            if applied {
                return Ok(());
            }
            attempt.failed(counts);
        }
    }
}
