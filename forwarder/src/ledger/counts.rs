//! A meter item as numbers.

use aigw_contract::meter::{self, SlotAttributes, WindowAttributes};
use aigw_contract::table::{METER_POLICY_VERSION, METER_SUSPENDED};

use crate::table::{Item, MalformedItem};

/// What a meter item says. Windows and slots without an id have never been opened.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// Version of the policy in force; none where the operator has not written this item yet.
    pub policy_version: Option<i64>,
    /// Whether all calls are refused.
    pub suspended: bool,
    /// Calls that hold a reservation.
    pub in_flight: i64,
    /// Calls whose function was killed before they were settled.
    pub leaked_calls: i64,
    /// What those had reserved, which stays charged.
    pub leaked_micro_usd: i64,
    /// The minute.
    pub minute: Minute,
    /// The day.
    pub day: Window,
    /// The month.
    pub month: Window,
    /// Reservations by when they began.
    pub slots: [Slot; meter::SLOT.len()],
    /// When keys were last used, by id.
    pub last_used: Vec<(String, i64)>,
}

/// Use within a minute.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Minute {
    /// Which.
    pub id: Option<i64>,
    /// Calls that began in it.
    pub requests: i64,
    /// Tokens used or reserved.
    pub tokens: i64,
}

/// Use within a day or month.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Window {
    /// Which.
    pub id: Option<i64>,
    /// Micro-USD spent or reserved.
    pub micro_usd: i64,
    /// Calls that began in it.
    pub requests: i64,
    /// Tokens used or reserved.
    pub tokens: i64,
    /// Which was open before.
    pub previous_id: Option<i64>,
    /// Micro-USD spent or reserved in that one.
    pub previous_micro_usd: i64,
}

/// Reservations that began within the same twenty minutes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Slot {
    /// Which twenty minutes.
    pub id: Option<i64>,
    /// Calls.
    pub calls: i64,
    /// Their reservations.
    pub micro_usd: i64,
}

impl Counts {
    /// Reads an item; one that does not exist is all zero.
    ///
    /// # Errors
    /// [`MalformedItem`] where an attribute has another type than the contract says.
    pub fn of(item: Option<&Item>) -> Result<Self, MalformedItem> {
        let Some(item) = item else { return Ok(Self::default()) };
        let count = |name| item.number(name).map(|count| count.unwrap_or(0));
        let window = |names: &WindowAttributes| {
            Ok(Window {
                id: item.number(names.id)?,
                micro_usd: count(names.micro_usd)?,
                requests: count(names.requests)?,
                tokens: count(names.tokens)?,
                previous_id: item.number(names.previous_id)?,
                previous_micro_usd: count(names.previous_micro_usd)?,
            })
        };
        let slot = |names: &SlotAttributes| {
            Ok(Slot { id: item.number(names.id)?, calls: count(names.calls)?, micro_usd: count(names.micro_usd)? })
        };
        let [first, second, third, fourth] = &meter::SLOT;
        let last_used = item
            .integers()
            .filter_map(|(name, time)| Some((name.strip_prefix(meter::LAST_USED_PREFIX)?.to_owned(), time)));
        Ok(Self {
            policy_version: item.number(METER_POLICY_VERSION)?,
            suspended: item.flag(METER_SUSPENDED)?,
            in_flight: count(meter::IN_FLIGHT)?,
            leaked_calls: count(meter::LEAKED_CALLS)?,
            leaked_micro_usd: count(meter::LEAKED_MICRO_USD)?,
            minute: Minute {
                id: item.number(meter::MINUTE)?,
                requests: count(meter::MINUTE_REQUESTS)?,
                tokens: count(meter::MINUTE_TOKENS)?,
            },
            day: window(&meter::DAY)?,
            month: window(&meter::MONTH)?,
            slots: [slot(first)?, slot(second)?, slot(third)?, slot(fourth)?],
            last_used: last_used.collect(),
        })
    }
}
