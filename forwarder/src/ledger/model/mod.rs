//! A model of many functions on one meter: random schedules with crashes at every point, lost answers, skewed clocks,
//! windows that roll over and limits that change. The functions are the real state machines, their writes are evaluated
//! one at a time on an item in memory, and a truth kept beside it is compared after every one.

mod random;
mod store;

use aigw_contract::limits::{Budget, BudgetWindow, Enforcement, Limits, UtcOffset};
use aigw_contract::meter;
use aigw_contract::policy::TenantPolicy;
use aigw_contract::table::METER_POLICY_VERSION;

use super::*;
use crate::amount::Amount;
use crate::table::{Item, Write};
use random::Random;

pub(super) use store::Store;

const STEPS: u32 = 120;
const FUNCTIONS: usize = 6;
const LONGEST_CALL: i64 = 15 * 60;
const SKEW: i64 = 30;

/// What a reservation has come to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fate {
    Open,
    Settled { actual: Amount },
}

/// A reservation that was accepted.
#[derive(Clone, Copy, Debug)]
struct Accepted {
    reservation: Reservation,
    fate: Fate,
}

/// One function, and what it remembers from call to call.
struct Function<'a> {
    skew: i64,
    known: Option<Counts>,
    /// Index of the policy in hand.
    policy: usize,
    fresh: bool,
    began: i64,
    doing: Doing<'a>,
}

enum Doing<'a> {
    Nothing,
    /// Its write is on its way.
    Reserving {
        attempt: Reserving<'a>,
        write: Write,
        reservation: Reservation,
    },
    /// The answer is on its way: whether it was applied, the item, and which reservation was accepted.
    Reserved {
        attempt: Reserving<'a>,
        answer: Counts,
        accepted: Option<usize>,
    },
    Calling {
        accepted: usize,
    },
    Settling {
        attempt: Settling,
        write: Write,
        accepted: usize,
        actual: Amount,
    },
    Settled {
        attempt: Settling,
        answer: Counts,
        applied: bool,
        accepted: usize,
        actual: Amount,
    },
}

struct Model<'a> {
    random: Random,
    store: Store,
    now: i64,
    item: Option<Item>,
    policies: &'a [TenantPolicy],
    /// The policy item's version, from 1; the meter's head may lag behind by what the operator has not written yet.
    published: usize,
    accepted: Vec<Accepted>,
    functions: Vec<Function<'a>>,
    denied: u64,
}

/// How a schedule went.
#[derive(Default)]
pub(super) struct Tally {
    pub accepted: u64,
    pub denied: u64,
    pub crashed: u64,
    pub reaped: i64,
}

fn policy(random: &mut Random, offsets: &[UtcOffset]) -> TenantPolicy {
    let limit = |random: &mut Random, low, high| (!random.one_in(4)).then(|| random.between(low, high));
    let mut budgets = Vec::new();
    for window in [BudgetWindow::Day, BudgetWindow::Month] {
        if let Some(micro_usd) = limit(random, 20, 200) {
            budgets.push(Budget { window, micro_usd });
        }
    }
    let limits = Limits {
        requests_per_minute: limit(random, 1, 8),
        tokens_per_minute: limit(random, 20, 200),
        concurrency: limit(random, 1, 5),
        ..Limits::default()
    };
    let enforcement = if random.one_in(10) { Enforcement::Shadow } else { Enforcement::Enforce };
    TenantPolicy { limits, budgets, enforcement, utc_offsets: offsets.to_vec(), ..TenantPolicy::default() }
}

impl<'a> Model<'a> {
    fn new(mut random: Random, store: Store, policies: &'a [TenantPolicy], now: i64) -> Self {
        let functions = (0..FUNCTIONS).map(|_| Function {
            skew: random.between(-SKEW, SKEW),
            known: None,
            policy: 0,
            fresh: false,
            began: 0,
            doing: Doing::Nothing,
        });
        let functions = functions.collect();
        Self { random, store, now, item: None, policies, published: 1, accepted: Vec::new(), functions, denied: 0 }
    }

    fn run(&mut self, steps: u32) -> Result<(), String> {
        for _ in 0..steps {
            match self.random.below(20) {
                0..2 => self.pass(),
                2 => self.operate(),
                _ => {
                    let at = usize::try_from(self.random.below(FUNCTIONS as u64)).unwrap();
                    self.step(at)?;
                }
            }
            self.check()?;
        }
        Ok(())
    }

    /// Time goes on: mostly a little, sometimes to just before a boundary, sometimes far.
    fn pass(&mut self) {
        let to = |boundary: i64, random: &mut Random| (self.now / boundary + 1) * boundary - random.between(0, 40);
        let later = match self.random.below(8) {
            0 => to(60, &mut self.random),
            1 => to(86_400, &mut self.random),
            2 => to(meter::SLOT_SECONDS, &mut self.random),
            3 => self.now + self.random.between(600, 3 * 3_600),
            _ => self.now + self.random.between(0, 45),
        };
        self.now = self.now.max(later);
        for at in 0..FUNCTIONS {
            // Lambda ends what lasts too long.
            let function = &self.functions[at];
            if !matches!(function.doing, Doing::Nothing) && self.now - function.began >= LONGEST_CALL {
                self.crash(at);
            }
        }
    }

    /// The operator changes the policy, or commits a change by writing the meter's head.
    fn operate(&mut self) {
        if self.random.one_in(2) && self.published < self.policies.len() {
            self.published += 1;
        } else {
            let item = self.item.get_or_insert_default();
            item.set(METER_POLICY_VERSION, i64::try_from(self.published).unwrap());
        }
    }

    /// The environment is gone, with all it remembers.
    fn crash(&mut self, at: usize) {
        let function = &mut self.functions[at];
        (function.doing, function.known) = (Doing::Nothing, None);
    }

    fn step(&mut self, at: usize) -> Result<(), String> {
        if self.random.one_in(40) {
            self.crash(at);
            return Ok(());
        }
        match std::mem::replace(&mut self.functions[at].doing, Doing::Nothing) {
            Doing::Nothing => self.begin(at),
            Doing::Reserving { attempt, write, reservation } => self.reserve(at, attempt, &write, reservation)?,
            Doing::Reserved { mut attempt, answer, accepted } => {
                self.functions[at].known = Some(answer.clone());
                if let Some(accepted) = accepted {
                    self.functions[at].doing = Doing::Calling { accepted };
                } else {
                    attempt.failed(answer);
                    self.decide(at, attempt);
                }
            }
            Doing::Calling { accepted } => {
                let Reservation { amount, .. } = self.accepted[accepted].reservation;
                let actual = Amount {
                    tokens: self.random.between(0, amount.tokens),
                    micro_usd: self.random.between(0, amount.micro_usd),
                };
                let function = &self.functions[at];
                let known = function.known.clone().unwrap();
                let reservation = self.accepted[accepted].reservation;
                let attempt = Settling::begin(reservation, actual, known, self.now + function.skew);
                self.settle(at, attempt, accepted, actual);
            }
            Doing::Settling { attempt, write, accepted, actual } => {
                let mut item = self.item.clone().unwrap_or_default();
                let applied = self.store.evaluated(&write).apply(&mut item).unwrap();
                if applied {
                    self.item = Some(item.clone());
                    self.accepted[accepted].fate = Fate::Settled { actual };
                }
                let answer = Counts::of(Some(&item)).unwrap();
                self.functions[at].doing = Doing::Settled { attempt, answer, applied, accepted, actual };
            }
            Doing::Settled { mut attempt, answer, applied, accepted, actual } => {
                self.functions[at].known = Some(answer.clone());
                if !applied {
                    attempt.failed(answer);
                    self.settle(at, attempt, accepted, actual);
                }
            }
        }
        Ok(())
    }

    fn begin(&mut self, at: usize) {
        let amount = if self.random.one_in(6) {
            Amount::default()
        } else {
            Amount { tokens: self.random.between(0, 60), micro_usd: self.random.between(0, 60) }
        };
        let function = &mut self.functions[at];
        function.began = self.now;
        // A new environment, or one whose tenant has no head, reads the policy first.
        let reads = function.known.as_ref().is_none_or(|known| known.policy_version.is_none());
        function.fresh = reads;
        if reads {
            function.policy = self.published - 1;
        }
        let wish = self.wish(at, amount);
        let attempt = Reserving::begin(wish, self.functions[at].known.clone());
        self.decide(at, attempt);
    }

    fn wish(&self, at: usize, amount: Amount) -> Wish<'a> {
        let function = &self.functions[at];
        let policy = &self.policies[function.policy];
        let version = i64::try_from(function.policy + 1).unwrap();
        Wish { policy, version, fresh: function.fresh, amount, key: None, now: self.now + function.skew }
    }

    fn decide(&mut self, at: usize, mut attempt: Reserving<'a>) {
        if self.store == Store::CheckThenWrite {
            attempt.failed(Counts::of(self.item.as_ref()).unwrap());
        }
        match attempt.proceed() {
            Ok((write, reservation)) => {
                self.functions[at].doing = Doing::Reserving { attempt, write, reservation };
            }
            Err(Refused::Outdated(_)) => {
                let amount = attempt.wish.amount;
                let function = &mut self.functions[at];
                (function.policy, function.fresh) = (self.published - 1, true);
                let wish = self.wish(at, amount);
                let known = self.functions[at].known.clone();
                self.decide(at, Reserving::begin(wish, known));
            }
            Err(_) => self.denied += 1,
        }
    }

    fn reserve(
        &mut self,
        at: usize,
        attempt: Reserving<'a>,
        write: &Write,
        reservation: Reservation,
    ) -> Result<(), String> {
        let mut item = self.item.clone().unwrap_or_default();
        let mut accepted = None;
        if self.store.evaluated(write).apply(&mut item).unwrap() {
            self.item = Some(item.clone());
            accepted = Some(self.accepted.len());
            self.accepted.push(Accepted { reservation, fate: Fate::Open });
            self.hold_limits(&attempt, &reservation)?;
        }
        let answer = Counts::of(Some(&item)).unwrap();
        self.functions[at].doing = Doing::Reserved { attempt, answer, accepted };
        Ok(())
    }

    /// What the calls of a window come to, settled ones by what they took, by the truth.
    fn charged(&self, of: impl Fn(&Windows) -> bool, what: impl Fn(Amount) -> i64) -> i64 {
        let counted = self.accepted.iter().filter(|accepted| of(&accepted.reservation.windows));
        let amounts = counted.map(|accepted| match accepted.fate {
            Fate::Open => accepted.reservation.amount,
            Fate::Settled { actual } => actual,
        });
        amounts.map(what).sum()
    }

    /// The limits of the policy a reservation was made by hold, by the truth, now that it is made.
    fn hold_limits(&self, attempt: &Reserving<'a>, reservation: &Reservation) -> Result<(), String> {
        let Wish { policy, version, amount, .. } = attempt.wish;
        let head = self.item.as_ref().and_then(|item| item.number(METER_POLICY_VERSION).unwrap());
        if head.is_some_and(|head| head > version) {
            return Err(format!("decided by policy {version} while {head:?} is in force"));
        }
        if policy.enforcement == Enforcement::Shadow {
            return Ok(());
        }
        let Windows { minute, day, month } = reservation.windows;
        for limit in Limit::ALL {
            let Some(value) = limit.value(policy).filter(|_| limit.needed(amount) > 0) else { continue };
            let used = match limit {
                Limit::MonthBudget => self.charged(|windows| windows.month == month, |amount| amount.micro_usd),
                Limit::DayBudget => self.charged(|windows| windows.day == day, |amount| amount.micro_usd),
                Limit::TokensPerMinute => self.charged(|windows| windows.minute == minute, |amount| amount.tokens),
                Limit::RequestsPerMinute => self.charged(|windows| windows.minute == minute, |_| 1),
                Limit::Concurrency => self.alive(),
            };
            if used > value {
                return Err(format!("{used} of {limit:?} {value}"));
            }
        }
        Ok(())
    }

    /// Calls that are really in flight.
    fn alive(&self) -> i64 {
        let alive = self.functions.iter().filter(|function| match &function.doing {
            Doing::Nothing | Doing::Reserving { .. } => false,
            Doing::Reserved { accepted, .. } => accepted.is_some(),
            Doing::Settled { applied, .. } => !applied,
            Doing::Calling { .. } | Doing::Settling { .. } => true,
        });
        i64::try_from(alive.count()).unwrap() + 1
    }

    fn settle(&mut self, at: usize, mut attempt: Settling, accepted: usize, actual: Amount) {
        if let Settle::Write(write) = attempt.proceed() {
            self.functions[at].doing = Doing::Settling { attempt, write, accepted, actual };
        }
    }

    /// Item and truth agree.
    fn check(&self) -> Result<(), String> {
        let Some(item) = &self.item else { return Ok(()) };
        if let Some((name, value)) = item.integers().find(|(_, value)| *value < 0) {
            return Err(format!("{name} is {value}"));
        }
        let counts = Counts::of(Some(item)).unwrap();
        let same = |what: &str, item: i64, truth: i64| {
            if item == truth { Ok(()) } else { Err(format!("{what} is {item} and should be {truth}")) }
        };
        let slots = |part: fn(&Slot) -> i64| counts.slots.iter().map(part).sum::<i64>();
        same("inFlight", counts.in_flight, slots(|slot| slot.calls))?;
        let open = || self.accepted.iter().filter(|accepted| accepted.fate == Fate::Open);
        let (calls, money) =
            (counts.leaked_calls + counts.in_flight, counts.leaked_micro_usd + slots(|slot| slot.micro_usd));
        same("calls in flight and leaked", calls, i64::try_from(open().count()).unwrap())?;
        same("money in flight and leaked", money, open().map(|one| one.reservation.amount.micro_usd).sum())?;
        for (name, window, of) in [
            ("day", counts.day, (|windows| windows.day) as fn(&Windows) -> i64),
            ("month", counts.month, |windows| windows.month),
        ] {
            let charged =
                |id: Option<i64>, what: fn(Amount) -> i64| self.charged(|windows| Some(of(windows)) == id, what);
            same(name, window.micro_usd, charged(window.id, |amount| amount.micro_usd))?;
            same("its tokens", window.tokens, charged(window.id, |amount| amount.tokens))?;
            same("its requests", window.requests, charged(window.id, |_| 1))?;
            same("the one before", window.previous_micro_usd, charged(window.previous_id, |amount| amount.micro_usd))?;
        }
        let of_minute = |windows: &Windows| Some(windows.minute) == counts.minute.id;
        same("requests of the minute", counts.minute.requests, self.charged(of_minute, |_| 1))?;
        let tokens = self.charged(of_minute, |amount| amount.tokens);
        if counts.minute.tokens < tokens {
            return Err(format!("{} tokens of a minute with {tokens}", counts.minute.tokens));
        }
        Ok(())
    }

    /// Everybody is killed, time goes on, and one call in each slot finds what they left.
    fn drain(&mut self) -> Result<Tally, String> {
        (0..FUNCTIONS).for_each(|at| self.crash(at));
        let tally = Tally {
            accepted: self.accepted.len() as u64,
            denied: self.denied,
            crashed: self.accepted.iter().filter(|accepted| accepted.fate == Fate::Open).count() as u64,
            reaped: 0,
        };
        let watching = TenantPolicy { enforcement: Enforcement::Shadow, ..self.policies[0].clone() };
        for _ in 0..=meter::SLOTS {
            self.now += meter::SLOT_SECONDS;
            let wish = Wish {
                policy: &watching,
                version: i64::MAX,
                fresh: true,
                amount: Amount::default(),
                key: None,
                now: self.now,
            };
            let mut attempt = Reserving::begin(wish, None);
            attempt.failed(Counts::of(self.item.as_ref()).unwrap());
            let (write, reservation) = attempt.proceed().map_err(|refused| format!("{refused:?}"))?;
            let mut item = self.item.take().unwrap_or_default();
            assert!(write.apply(&mut item).unwrap());
            let counts = Counts::of(Some(&item)).unwrap();
            let Settle::Write(write) = Settling::begin(reservation, Amount::default(), counts, self.now).proceed()
            else {
                return Err("nothing to settle".to_owned());
            };
            assert!(write.apply(&mut item).unwrap());
            self.item = Some(item);
            self.accepted.push(Accepted { reservation, fate: Fate::Settled { actual: Amount::default() } });
            self.check()?;
        }
        let counts = Counts::of(self.item.as_ref()).unwrap();
        if counts.in_flight != 0 || u64::try_from(counts.leaked_calls).unwrap() != tally.crashed {
            return Err(format!("{} in flight, {} leaked", counts.in_flight, counts.leaked_calls));
        }
        Ok(Tally { reaped: counts.leaked_calls, ..tally })
    }
}

/// One schedule, to its end.
pub(super) fn schedule(seed: u64, store: Store) -> Result<Tally, String> {
    let mut random = Random(seed);
    // Around the end of a month in which daylight saving ends, in a zone an hour or two ahead of UTC.
    let month_end = 1_793_487_600;
    let offsets = [UtcOffset { from: 0, seconds: 7_200 }, UtcOffset { from: month_end - 7 * 86_400, seconds: 3_600 }];
    let now = match random.below(3) {
        0 => month_end - random.between(0, 1_000),
        1 => month_end - 7 * 86_400 - random.between(-7_200, 7_200),
        _ => month_end - random.between(0, 30 * 86_400),
    };
    let policies: Vec<TenantPolicy> = (0..4).map(|_| policy(&mut random, &offsets)).collect();
    let mut model = Model::new(random, store, &policies, now);
    model.run(STEPS)?;
    model.drain()
}
