//! Attributes of the meter item, `meter#ID` / `now`: what a tenant has used in the windows that are open, and what it holds
//! reserved.
//!
//! The item counts what was *used*, not what remains: a limit then is a number in the policy, which the reservation's
//! condition names (`used <= limit - amount`), and changing it touches no counter. The operator writes `policyVersion`
//! and `suspended` only, the forwarder everything else. Numbers are integers; an absent one is zero. Windows have
//! increasing integer ids and never roll back. Kept below 1 KB, so that a reservation costs one write unit.

/// Calls in flight.
pub const IN_FLIGHT: &str = "inFlight";
/// Micro-USD of reservations whose call never settled: charged, and not known to be right.
pub const LEAKED_MICRO_USD: &str = "leakedMicroUsd";
/// Calls that never settled.
pub const LEAKED_CALLS: &str = "leakedCalls";

/// The minute window: id, calls, tokens.
pub const MINUTE: &str = "minute";
/// Calls begun in the minute.
pub const MINUTE_REQUESTS: &str = "minuteRequests";
/// Tokens of the minute.
pub const MINUTE_TOKENS: &str = "minuteTokens";

/// The day window.
pub const DAY: WindowAttributes = WindowAttributes {
    id: "day",
    micro_usd: "dayMicroUsd",
    requests: "dayRequests",
    tokens: "dayTokens",
    previous_id: "previousDay",
    previous_micro_usd: "previousDayMicroUsd",
};
/// The month window.
pub const MONTH: WindowAttributes = WindowAttributes {
    id: "month",
    micro_usd: "monthMicroUsd",
    requests: "monthRequests",
    tokens: "monthTokens",
    previous_id: "previousMonth",
    previous_micro_usd: "previousMonthMicroUsd",
};

/// Names of a calendar window's attributes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WindowAttributes {
    /// Id of the open window.
    pub id: &'static str,
    /// Micro-USD spent or reserved in it.
    pub micro_usd: &'static str,
    /// Calls begun in it.
    pub requests: &'static str,
    /// Tokens used in it.
    pub tokens: &'static str,
    /// Id of the window before, which calls that began in it still settle to.
    pub previous_id: &'static str,
    /// Micro-USD of the window before.
    pub previous_micro_usd: &'static str,
}

/// Slots that reservations are kept in by the time they began, so that those of killed functions can be told.
pub const SLOTS: i64 = 4;
/// Time one slot is filled, in seconds: longer than any function lives (Lambda's maximum is 15 minutes), so a slot that comes
/// round again has no living reservation.
pub const SLOT_SECONDS: i64 = 20 * 60;

/// Names of a slot's attributes: id, calls, micro-USD.
pub const SLOT: [SlotAttributes; 4] = [
    SlotAttributes { id: "slot0", calls: "slot0Calls", micro_usd: "slot0MicroUsd" },
    SlotAttributes { id: "slot1", calls: "slot1Calls", micro_usd: "slot1MicroUsd" },
    SlotAttributes { id: "slot2", calls: "slot2Calls", micro_usd: "slot2MicroUsd" },
    SlotAttributes { id: "slot3", calls: "slot3Calls", micro_usd: "slot3MicroUsd" },
];

/// Names of a slot's attributes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SlotAttributes {
    /// Slot id, seconds since the Unix epoch over [`SLOT_SECONDS`].
    pub id: &'static str,
    /// Calls that began in it and have not settled.
    pub calls: &'static str,
    /// Their reservations.
    pub micro_usd: &'static str,
}

/// How old a record of last use gets before it is renewed, in seconds: of the active key, of which it only has to be known
/// that it is in use.
pub const LAST_USED_SECONDS: i64 = 60 * 60;
/// The same of a key that is retiring: it ends once it was unused for a time that its owner may have chosen short.
pub const LAST_USED_RETIRING_SECONDS: i64 = 10;
/// First characters of [`last_used`] attributes.
pub const LAST_USED_PREFIX: &str = "lastUsed#";

/// When a key was last used, by its id, coarsely: seconds since the Unix epoch.
pub fn last_used(key: &str) -> String {
    format!("{LAST_USED_PREFIX}{key}")
}

/// The slot of reservations that begin at `now`, in seconds since the Unix epoch, and its place in [`SLOT`].
pub fn slot(now: i64) -> (i64, usize) {
    let id = now.div_euclid(SLOT_SECONDS);
    (id, usize::try_from(id.rem_euclid(SLOTS)).unwrap_or(0))
}

/// What a meter item said when it was read, as far as it is of use later: the operator shows it. Its minute is not, being
/// over by then.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MeterReading {
    /// The day window.
    pub day: WindowReading,
    /// The month window.
    pub month: WindowReading,
    /// Calls in flight.
    pub in_flight: i64,
    /// Calls that never settled.
    pub leaked_calls: i64,
    /// What they had reserved, in micro-USD.
    pub leaked_micro_usd: i64,
    /// When each key was last used, in seconds since the Unix epoch, by its id.
    pub last_used: Vec<(String, i64)>,
}

/// What was used in a calendar window.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct WindowReading {
    /// Id of the window, which may be over.
    pub id: i64,
    /// Micro-USD spent or reserved.
    pub micro_usd: i64,
    /// Calls begun.
    pub requests: i64,
    /// Tokens used.
    pub tokens: i64,
}

impl MeterReading {
    /// When a key was last used, in seconds since the Unix epoch, as coarsely as it is recorded.
    pub fn last_used(&self, key: &str) -> Option<i64> {
        self.last_used.iter().find(|(id, _)| id == key).map(|(_, time)| *time)
    }

    /// From the item's numbers, by attribute; what it does not know is passed over.
    pub fn of<'a>(numbers: impl IntoIterator<Item = (&'a str, i64)>) -> Self {
        let mut reading = Self::default();
        let prefix = last_used("");
        for (name, value) in numbers {
            if let Some(key) = name.strip_prefix(&prefix) {
                reading.last_used.push((key.to_owned(), value));
            } else if let Some(count) = reading.count(name) {
                *count = value;
            }
        }
        reading.last_used.sort();
        reading
    }

    fn count(&mut self, name: &str) -> Option<&mut i64> {
        match name {
            IN_FLIGHT => return Some(&mut self.in_flight),
            LEAKED_CALLS => return Some(&mut self.leaked_calls),
            LEAKED_MICRO_USD => return Some(&mut self.leaked_micro_usd),
            _ => {}
        }
        let windows = [(DAY, &mut self.day), (MONTH, &mut self.month)];
        windows.into_iter().find_map(|(names, window)| window.count(names, name))
    }
}

impl WindowReading {
    fn count(&mut self, names: WindowAttributes, name: &str) -> Option<&mut i64> {
        let counts = [
            (names.id, &mut self.id),
            (names.micro_usd, &mut self.micro_usd),
            (names.requests, &mut self.requests),
            (names.tokens, &mut self.tokens),
        ];
        counts.into_iter().find_map(|(known, count)| (known == name).then_some(count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reading_has_the_items_numbers() {
        let numbers = [
            ("policyVersion", 7),
            ("inFlight", 2),
            ("day", 20_000),
            ("dayMicroUsd", 5),
            ("month", 24_000),
            ("monthMicroUsd", 50),
            ("monthRequests", 3),
            ("monthTokens", 900),
            ("previousMonthMicroUsd", 1),
            ("leakedMicroUsd", 4),
            ("lastUsed#k2", 100),
            ("lastUsed#k1", 90),
        ];
        let reading = MeterReading::of(numbers);
        assert_eq!(reading.day, WindowReading { id: 20_000, micro_usd: 5, ..WindowReading::default() });
        assert_eq!(reading.month, WindowReading { id: 24_000, micro_usd: 50, requests: 3, tokens: 900 });
        assert_eq!((reading.in_flight, reading.leaked_calls, reading.leaked_micro_usd), (2, 0, 4));
        assert_eq!(reading.last_used, [("k1".to_owned(), 90), ("k2".to_owned(), 100)]);
        assert_eq!(MeterReading::of([]), MeterReading::default());
    }
}
