//! Settlements: from a reservation and what the call really took to the write that puts one in place of the other.
//!
//! Corrected are the windows the reservation counts in, as long as they are open, or were the last before; a minute that
//! is over needs no correction. A slot that was freed meanwhile has counted the call as leaked, and its charge stays.
//! Pure: no I/O, no clock.

use aigw_contract::calendar;
use aigw_contract::meter::{self, WindowAttributes};

use super::counts::{Counts, Window};
use super::reserve::{Reservation, bounded};
use crate::amount::Amount;
use crate::table::{Change, Guard, Write};

/// Writes one settlement may take: the second one knows the item.
const MAX_WRITES: u32 = 2;

/// An attempt to settle.
#[derive(Debug)]
pub struct Settling {
    reservation: Reservation,
    actual: Amount,
    known: Counts,
    now: i64,
    /// Whether `known` was just shown by a failed condition.
    current: bool,
    writes: u32,
}

/// What is to be done next.
#[derive(Debug, PartialEq, Eq)]
pub enum Settle {
    /// This write.
    Write(Write),
    /// Nothing: the call was taken for dead, and what it reserved stays charged.
    Reaped,
    /// Nothing: windows changed too fast. The reservation stays, and is freed with its slot.
    GivenUp,
}

impl Settling {
    /// Begins at `now`, with what an earlier write showed of the item.
    pub fn begin(reservation: Reservation, actual: Amount, known: Counts, now: i64) -> Self {
        Self { reservation, actual: bounded(actual), known, now, current: false, writes: 0 }
    }

    /// What is to be done next.
    pub fn proceed(&mut self) -> Settle {
        let (id, place) = (self.reservation.slot, slot_place(self.reservation.slot));
        if self.current && self.known.slots[place].id != Some(id) {
            return Settle::Reaped;
        }
        if self.writes == MAX_WRITES {
            return Settle::GivenUp;
        }
        self.writes += 1;
        Settle::Write(self.write(place))
    }

    /// Takes note that the guards did not hold, and of the item that did not fulfil them.
    pub fn failed(&mut self, counts: Counts) {
        self.known = counts;
        self.current = true;
    }

    fn write(&self, place: usize) -> Write {
        let Self { reservation, actual, known, now, .. } = self;
        let Reservation { amount: reserved, windows, slot } = reservation;
        let more = Amount { tokens: actual.tokens - reserved.tokens, micro_usd: actual.micro_usd - reserved.micro_usd };
        let names = &meter::SLOT[place];
        let mut write = Write::default();
        write.guard(Guard::Is(names.id.into(), *slot));
        write.change(Change::Add(names.calls.into(), -1));
        write.change(Change::Add(names.micro_usd.into(), -reserved.micro_usd));
        write.change(Change::Add(meter::IN_FLIGHT.into(), -1));
        let lasts = windows.minute >= calendar::minute(*now) && known.minute.id == Some(windows.minute);
        if lasts && more.tokens != 0 {
            write.guard(Guard::Is(meter::MINUTE.into(), windows.minute));
            write.change(Change::Add(meter::MINUTE_TOKENS.into(), more.tokens));
        }
        correct(&mut write, &meter::DAY, &known.day, windows.day, more);
        correct(&mut write, &meter::MONTH, &known.month, windows.month, more);
        write
    }
}

/// Corrects the window the reservation counts in.
fn correct(write: &mut Write, names: &'static WindowAttributes, known: &Window, id: i64, more: Amount) {
    if more == Amount::default() {
        return;
    }
    if known.id == Some(id) {
        write.guard(Guard::Is(names.id.into(), id));
        write.change(Change::Add(names.tokens.into(), more.tokens));
        write.change(Change::Add(names.micro_usd.into(), more.micro_usd));
    } else if known.previous_id == Some(id) && more.micro_usd != 0 {
        write.guard(Guard::Is(names.previous_id.into(), id));
        write.change(Change::Add(names.previous_micro_usd.into(), more.micro_usd));
    }
}

fn slot_place(id: i64) -> usize {
    meter::slot(id * meter::SLOT_SECONDS).1
}
