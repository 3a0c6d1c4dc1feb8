//! What a forwarded call is charged: its reservation, and how its use is priced, until it is settled.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use crate::admission::Account;
use crate::amount::{Amount, Pricing};
use crate::ledger::{Hold, Settlement};
use crate::meter::Metered;

/// A charge. Dropped before it was settled it is what was reserved.
#[derive(Debug)]
pub(super) struct Charge {
    hold: Option<Hold>,
    pricing: Pricing,
    settlement: Option<Settlement>,
    charged: Option<Amount>,
    unsettled: Option<String>,
}

impl Charge {
    /// The charge of a call that holds this reservation, if it could be counted.
    pub(super) fn new(hold: Option<Hold>, pricing: Pricing) -> Self {
        Self { hold, pricing, settlement: None, charged: None, unsettled: None }
    }

    /// Begins to settle by what the call used. Only the first time counts.
    pub(super) fn close(&mut self, metered: &Metered) {
        let actual = self.pricing.actual(metered);
        self.begin(actual);
    }

    /// Settles a call without a response: to this amount, or else as reserved.
    pub(super) async fn settle(&mut self, actual: Option<Amount>, account: &mut Account) {
        let reserved = self.hold.as_ref().map(Hold::amount);
        if let Some(amount) = actual.or(reserved) {
            self.begin(amount);
        }
        std::future::poll_fn(|context| self.poll_settled(context)).await;
        account.charged = self.charged;
        account.unsettled = self.unsettled.take();
    }

    /// Waits until settling is over, if it has begun.
    pub(super) fn poll_settled(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if let Some(settlement) = &mut self.settlement {
            let result = ready!(Pin::new(settlement).poll(context));
            self.settlement = None;
            self.unsettled = match result {
                Ok(Ok(())) => None,
                Ok(Err(error)) => Some(crate::describe(&error)),
                Err(error) => Some(error.to_string()),
            };
        }
        Poll::Ready(())
    }

    /// What the call is charged, once settling has begun.
    pub(super) fn charged(&self) -> Option<Amount> {
        self.charged
    }

    /// Why it could not be settled, if so.
    pub(super) fn unsettled(&self) -> Option<&str> {
        self.unsettled.as_deref()
    }

    fn begin(&mut self, actual: Amount) {
        if let Some(mut hold) = self.hold.take() {
            self.charged = Some(actual);
            self.settlement = hold.settle(actual);
        }
    }
}
