//! Reservations: from what is known of the item and what is wished for to the write that makes one, or to a refusal.
//!
//! A refusal is only ever decided by an item that a failed condition has just shown; what is remembered from earlier
//! writes only helps to guess the right write. The write opens windows that are due, and frees what killed functions
//! left in the slot it needs. Pure: no I/O, no clock.

use aigw_contract::limits::Enforcement;
use aigw_contract::meter::{self, WindowAttributes};
use aigw_contract::policy::TenantPolicy;
use aigw_contract::table::{METER_POLICY_VERSION, METER_SUSPENDED};

use super::counts::{Counts, Minute, Slot, Window};
use super::limit::{Exceeded, Limit, Windows, unattainable};
use crate::amount::Amount;
use crate::table::{Change, Guard, Write};

/// Writes one reservation may take. Each failure shows the item, so a further one means that somebody else was faster.
const MAX_WRITES: u32 = 6;
/// Most tokens or micro-USD of a call: a million USD. A count of 64 bits takes nine million such calls a window.
const MOST: i64 = 1_000_000_000_000;
/// Longest life of a call: Lambda's.
const LONGEST_CALL: i64 = 15 * 60;
/// How far clocks may be apart.
const CLOCK_SKEW: i64 = 60;

/// What a call wants.
#[derive(Debug, Clone, Copy)]
pub struct Wish<'a> {
    /// The tenant's policy.
    pub policy: &'a TenantPolicy,
    /// Version of the meter's head that this policy is surely not older than.
    pub version: i64,
    /// Whether the policy was read for this very call.
    pub fresh: bool,
    /// Upper bound of what the call takes.
    pub amount: Amount,
    /// Key that was used, if it was one.
    pub key: Option<&'a str>,
    /// Time, in seconds since the Unix epoch.
    pub now: i64,
}

/// A reservation that was made: where to settle it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reservation {
    /// What was reserved.
    pub amount: Amount,
    /// Windows it counts in.
    pub windows: Windows,
    /// Slot it is in.
    pub slot: i64,
}

/// Why there is no reservation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// The policy in hand may be older than the one in force, whose version is this; without one it is to be read for
    /// every call.
    Outdated(Option<i64>),
    /// The tenant is suspended.
    Suspended,
    /// A limit leaves no room.
    Limit(Exceeded),
    /// The call is larger than a whole window of a limit.
    Unattainable(Exceeded),
    /// Too many others write to the item.
    Contended,
}

/// An attempt to reserve.
#[derive(Debug)]
pub struct Reserving<'a> {
    pub(super) wish: Wish<'a>,
    known: Option<Counts>,
    /// Whether `known` was just shown by a failed condition.
    current: bool,
    writes: u32,
}

impl<'a> Reserving<'a> {
    /// Begins, with what an earlier write showed of the item, if anything.
    pub fn begin(wish: Wish<'a>, known: Option<Counts>) -> Self {
        let wish = Wish { amount: bounded(wish.amount), ..wish };
        Self { wish, known, current: false, writes: 0 }
    }

    /// The next write, and the reservation that is made if its guards hold.
    ///
    /// # Errors
    /// [`Refused`], which ends the attempt.
    pub fn proceed(&mut self) -> Result<(Write, Reservation), Refused> {
        if let Some(exceeded) = self.enforced().then(|| self.unattainable()).flatten() {
            return Err(Refused::Unattainable(exceeded));
        }
        if self.writes == MAX_WRITES {
            return Err(Refused::Contended);
        }
        self.writes += 1;
        let known = self.known.take().unwrap_or_else(|| self.guess());
        let write = self.check(&known).map(|dead| self.write(&known, dead));
        self.known = Some(known);
        write
    }

    /// Takes note that the guards did not hold, and of the item that did not fulfil them.
    pub fn failed(&mut self, counts: Counts) {
        self.known = Some(counts);
        self.current = true;
    }

    /// What would have denied the call if limits did, seen in the item after its reservation.
    pub fn overrun(&self, reservation: &Reservation, after: &Counts) -> Option<Exceeded> {
        let Wish { policy, amount, now, .. } = self.wish;
        self.unattainable().or_else(|| {
            Limit::ALL.into_iter().find_map(|limit| {
                let value = limit.value(policy)?;
                let (needed, used) = (limit.needed(amount), limit.used(after));
                let resets = limit.resets(reservation.windows, policy, now);
                (used > value && needed > 0).then_some(Exceeded { limit, value, needed, used: used - needed, resets })
            })
        })
    }

    fn unattainable(&self) -> Option<Exceeded> {
        unattainable(self.wish.policy, self.wish.amount, self.wish.now)
    }

    fn enforced(&self) -> bool {
        self.wish.policy.enforcement == Enforcement::Enforce
    }

    /// What an item nothing is known of probably looks like: everything is open, by this very policy.
    fn guess(&self) -> Counts {
        let windows = Windows::at(self.wish.now, self.wish.policy);
        let window = |id| Window { id: Some(id), ..Window::default() };
        let mut slots = [Slot::default(); meter::SLOT.len()];
        let (slot, place) = meter::slot(self.wish.now);
        slots[place].id = Some(slot);
        Counts {
            policy_version: Some(self.wish.version),
            minute: Minute { id: Some(windows.minute), ..Minute::default() },
            day: window(windows.day),
            month: window(windows.month),
            slots,
            ..Counts::default()
        }
    }

    /// Refuses what the item as it is leaves no room for. Otherwise the places of slots to be freed, beside the one that
    /// is needed.
    fn check(&self, known: &Counts) -> Result<Vec<usize>, Refused> {
        match known.policy_version {
            Some(version) if version <= self.wish.version => {}
            None if self.wish.fresh => {}
            head => return Err(Refused::Outdated(head)),
        }
        if !self.current {
            return Ok(Vec::new());
        }
        if known.suspended {
            return Err(Refused::Suspended);
        }
        if !self.enforced() {
            return Ok(Vec::new());
        }
        let Wish { policy, amount, now, .. } = self.wish;
        let windows = Windows::at(now, policy).or_later(known);
        let mut dead = Vec::new();
        for limit in Limit::ALL {
            let (Some(value), needed) = (limit.value(policy), limit.needed(amount)) else { continue };
            let mut used = if windows.has_open(limit, known) { limit.used(known) } else { 0 };
            if limit == Limit::Concurrency {
                used -= self.returning(known).map_or(0, |(_, slot)| slot.calls);
                if used > value - needed {
                    dead = self.dead(known);
                    used -= dead.iter().map(|place| known.slots[*place].calls).sum::<i64>();
                }
            }
            // What needs nothing of a limit passes it, also where it was lowered below what is used.
            if needed > 0 && used > value - needed {
                let resets = limit.resets(windows, policy, now);
                return Err(Refused::Limit(Exceeded { limit, value, needed, used, resets }));
            }
        }
        Ok(dead)
    }

    /// The slot that reservations go to now, where it still holds those of a round before.
    fn returning(&self, known: &Counts) -> Option<(i64, Slot)> {
        let (id, place) = meter::slot(self.wish.now);
        let slot = known.slots[place];
        slot.id.filter(|held| *held < id).map(|held| (held, slot))
    }

    /// Slots whose calls cannot be alive any more, beside the one that is needed.
    fn dead(&self, known: &Counts) -> Vec<usize> {
        let (_, needed) = meter::slot(self.wish.now);
        let over = |id: i64| (id + 1) * meter::SLOT_SECONDS + LONGEST_CALL + CLOCK_SKEW < self.wish.now;
        let dead = known
            .slots
            .iter()
            .enumerate()
            .filter(|(place, slot)| *place != needed && slot.calls > 0 && slot.id.is_some_and(over));
        dead.map(|(place, _)| place).collect()
    }

    fn write(&self, known: &Counts, dead: Vec<usize>) -> (Write, Reservation) {
        let Wish { policy, amount, now, .. } = self.wish;
        let windows = Windows::at(now, policy).or_later(known);
        let mut draft = Draft { write: Write::default(), freed: Slot::default() };
        draft.head(known.policy_version);
        draft.minute(known, windows.minute, amount);
        draft.window(&meter::DAY, &known.day, windows.day, amount);
        draft.window(&meter::MONTH, &known.month, windows.month, amount);
        let slot = draft.slot(known, now, amount);
        for place in dead {
            draft.free(place, &known.slots[place]);
        }
        if self.enforced() {
            for limit in Limit::ALL {
                let (Some(value), needed) = (limit.value(policy), limit.needed(amount)) else { continue };
                if needed > 0 && windows.has_open(limit, known) {
                    let freed = if limit == Limit::Concurrency { draft.freed.calls } else { 0 };
                    draft.write.guard(Guard::AtMost(limit.attribute().into(), value - needed + freed));
                }
            }
        }
        if let Some(key) = self.wish.key {
            draft.last_used(known, key, now, policy);
        }
        (draft.finish(), Reservation { amount, windows, slot })
    }
}

/// A reservation's write as it grows.
struct Draft {
    write: Write,
    /// What killed functions left behind and is freed.
    freed: Slot,
}

impl Draft {
    fn head(&mut self, version: Option<i64>) {
        self.write.guard(is(METER_POLICY_VERSION, version));
        self.write.guard(Guard::Unset(METER_SUSPENDED.into()));
    }

    fn minute(&mut self, known: &Counts, id: i64, amount: Amount) {
        let open = known.minute.id == Some(id);
        self.write.guard(is(meter::MINUTE, known.minute.id));
        if !open {
            self.write.change(Change::Set(meter::MINUTE.into(), id));
        }
        self.count(open, meter::MINUTE_REQUESTS, 1);
        self.count(open, meter::MINUTE_TOKENS, amount.tokens);
    }

    fn window(&mut self, names: &'static WindowAttributes, known: &Window, id: i64, amount: Amount) {
        let open = known.id == Some(id);
        self.write.guard(is(names.id, known.id));
        if !open {
            self.write.change(Change::Set(names.id.into(), id));
            if let Some(closed) = known.id {
                self.write.change(Change::Set(names.previous_id.into(), closed));
                self.write.change(Change::Copy(names.previous_micro_usd.into(), names.micro_usd.into()));
            }
        }
        self.count(open, names.requests, 1);
        self.count(open, names.tokens, amount.tokens);
        self.count(open, names.micro_usd, amount.micro_usd);
    }

    /// Enters the reservation in the slot of `now`, whose id it returns. Where the item is ahead its slot is taken.
    fn slot(&mut self, known: &Counts, now: i64, amount: Amount) -> i64 {
        let (mine, place) = meter::slot(now);
        let (slot, names) = (&known.slots[place], &meter::SLOT[place]);
        let id = slot.id.map_or(mine, |held| held.max(mine));
        let open = slot.id == Some(id);
        self.write.guard(is(names.id, slot.id));
        if !open {
            if slot.id.is_some() {
                self.leave(place, slot);
            }
            self.write.change(Change::Set(names.id.into(), id));
        }
        self.count(open, names.calls, 1);
        self.count(open, names.micro_usd, amount.micro_usd);
        id
    }

    /// Frees a slot that is not needed.
    fn free(&mut self, place: usize, slot: &Slot) {
        let names = &meter::SLOT[place];
        self.write.guard(is(names.id, slot.id));
        self.leave(place, slot);
        for name in [names.id, names.calls, names.micro_usd] {
            self.write.change(Change::Remove(name.into()));
        }
    }

    /// Counts what is in a slot as leaked, if it is exactly this.
    fn leave(&mut self, place: usize, slot: &Slot) {
        let names = &meter::SLOT[place];
        // Both are there: whoever gave the slot its id set them.
        self.write.guard(Guard::Is(names.calls.into(), slot.calls));
        self.write.guard(Guard::Is(names.micro_usd.into(), slot.micro_usd));
        self.freed.calls += slot.calls;
        self.freed.micro_usd += slot.micro_usd;
    }

    fn count(&mut self, open: bool, name: &'static str, amount: i64) {
        let change = if open { Change::Add(name.into(), amount) } else { Change::Set(name.into(), amount) };
        self.write.change(change);
    }

    /// Notes that a key is in use, and forgets those the tenant has no more: the item must stay small.
    fn last_used(&mut self, known: &Counts, key: &str, now: i64, policy: &TenantPolicy) {
        let retiring = policy.keys.iter().any(|kept| kept.id == key && kept.is_retiring());
        let lasts = if retiring { meter::LAST_USED_RETIRING_SECONDS } else { meter::LAST_USED_SECONDS };
        let before = known.last_used.iter().find(|(id, _)| id == key);
        if before.is_some_and(|(_, time)| now - time < lasts) {
            return;
        }
        self.write.change(Change::Set(meter::last_used(key).into(), now));
        let gone = known.last_used.iter().filter(|(id, _)| id != key && policy.keys.iter().all(|kept| kept.id != *id));
        for (id, _) in gone {
            self.write.change(Change::Remove(meter::last_used(id).into()));
        }
    }

    fn finish(mut self) -> Write {
        let Slot { calls, micro_usd, .. } = self.freed;
        self.write.change(Change::Add(meter::IN_FLIGHT.into(), 1 - calls));
        self.write.change(Change::Add(meter::LEAKED_CALLS.into(), calls));
        self.write.change(Change::Add(meter::LEAKED_MICRO_USD.into(), micro_usd));
        self.write
    }
}

/// An amount within what counts can hold. Nothing costs this much; a request may still claim it does.
pub(super) fn bounded(amount: Amount) -> Amount {
    let Amount { tokens, micro_usd } = amount;
    Amount { tokens: tokens.clamp(0, MOST), micro_usd: micro_usd.clamp(0, MOST) }
}

fn is(name: &'static str, value: Option<i64>) -> Guard {
    value.map_or(Guard::Absent(name.into()), |value| Guard::Is(name.into(), value))
}

#[cfg(test)]
#[path = "reserve_tests.rs"]
mod tests;
