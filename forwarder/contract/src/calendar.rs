//! Windows of time that use is counted in: their ids, when they begin and when they end.
//!
//! A minute is one of UTC. Days and months are those of a tenant's time zone, which the policy carries as the changes of
//! its distance from UTC, so the functions need no time zone database. Ids grow with time. Where a clock is set back across
//! midnight a date comes twice; whoever counts then stays with the later one. Proleptic Gregorian, as UTC is.

use crate::limits::UtcOffset;

/// Seconds of a minute window.
pub const MINUTE_SECONDS: i64 = 60;
const DAY_SECONDS: i64 = 86_400;
const MONTHS: i64 = 12;
/// Days of the Gregorian calendar's cycle, and of its parts.
const DAYS_IN_400_YEARS: i64 = 146_097;
const DAYS_IN_100_YEARS: i64 = 36_524;
const DAYS_IN_4_YEARS: i64 = 1_461;
/// Days from 0000-03-01, where the reckoning begins because a leap day then ends a year, to 1970-01-01.
const DAYS_BEFORE_EPOCH: i64 = 719_468;

/// A date.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Date {
    /// Year.
    pub year: i64,
    /// Month, from 1.
    pub month: i64,
    /// Day of the month, from 1.
    pub day: i64,
}

/// The minute at `now`, in seconds since the Unix epoch, as all times here.
pub fn minute(now: i64) -> i64 {
    now.div_euclid(MINUTE_SECONDS)
}

/// When a minute ends.
pub fn minute_ends(id: i64) -> i64 {
    (id + 1) * MINUTE_SECONDS
}

/// The local date at `now`, as days since 1970-01-01.
pub fn day(now: i64, offsets: &[UtcOffset]) -> i64 {
    (now + offset(now, offsets)).div_euclid(DAY_SECONDS)
}

/// When the local date `id` begins: the first time it, or a later one, is the date.
pub fn day_begins(id: i64, offsets: &[UtcOffset]) -> i64 {
    reaches(id * DAY_SECONDS, offsets, i64::MIN)
}

/// When the local date `id` is over for good, seen from `now`.
pub fn day_ends(id: i64, now: i64, offsets: &[UtcOffset]) -> i64 {
    reaches((id + 1) * DAY_SECONDS, offsets, now)
}

/// The local month at `now`: its year times twelve and the months before it in its year.
pub fn month(now: i64, offsets: &[UtcOffset]) -> i64 {
    let Date { year, month, .. } = date(day(now, offsets));
    year * MONTHS + month - 1
}

/// When the local month `id` begins.
pub fn month_begins(id: i64, offsets: &[UtcOffset]) -> i64 {
    day_begins(first_day(id), offsets)
}

/// When the local month `id` is over, seen from `now`.
pub fn month_ends(id: i64, now: i64, offsets: &[UtcOffset]) -> i64 {
    day_ends(first_day(id + 1) - 1, now, offsets)
}

/// The date of a number of days since 1970-01-01.
pub fn date(days: i64) -> Date {
    let since = days + DAYS_BEFORE_EPOCH;
    let (cycle, of_cycle) = (since.div_euclid(DAYS_IN_400_YEARS), since.rem_euclid(DAYS_IN_400_YEARS));
    let leap_days =
        of_cycle / (DAYS_IN_4_YEARS - 1) - of_cycle / DAYS_IN_100_YEARS + of_cycle / (DAYS_IN_400_YEARS - 1);
    let of_cycle_year = (of_cycle - leap_days) / 365;
    let of_year = of_cycle - (365 * of_cycle_year + of_cycle_year / 4 - of_cycle_year / 100);
    // From March on, months have 31, 30, 31, 30, 31 days, over and over.
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    Date { year: cycle * 400 + of_cycle_year + i64::from(month <= 2), month, day }
}

/// The number of days since 1970-01-01 of a date.
pub fn days(date: Date) -> i64 {
    let Date { year, month, day } = date;
    let year = year - i64::from(month <= 2);
    let (cycle, of_cycle_year) = (year.div_euclid(400), year.rem_euclid(400));
    let from_march = if month > 2 { month - 3 } else { month + 9 };
    let of_year = (153 * from_march + 2) / 5 + day - 1;
    let of_cycle = 365 * of_cycle_year + of_cycle_year / 4 - of_cycle_year / 100 + of_year;
    cycle * DAYS_IN_400_YEARS + of_cycle - DAYS_BEFORE_EPOCH
}

/// A time as RFC 3339 writes it, in UTC.
pub fn rfc3339(time: i64) -> String {
    let Date { year, month, day } = date(time.div_euclid(DAY_SECONDS));
    let seconds = time.rem_euclid(DAY_SECONDS);
    let (hours, minutes) = (seconds / 3_600, seconds / 60 % 60);
    format!("{year:04}-{month:02}-{day:02}T{hours:02}:{minutes:02}:{:02}Z", seconds % 60)
}

fn first_day(month: i64) -> i64 {
    days(Date { year: month.div_euclid(MONTHS), month: month.rem_euclid(MONTHS) + 1, day: 1 })
}

/// Seconds ahead of UTC at `now`.
fn offset(now: i64, offsets: &[UtcOffset]) -> i64 {
    let current = offsets.iter().rev().find(|offset| offset.from <= now).or(offsets.first());
    current.map_or(0, |offset| i64::from(offset.seconds))
}

/// The first time after `now` when local clocks show `local`, in seconds since 1970-01-01T00:00 of their own, or more.
fn reaches(local: i64, offsets: &[UtcOffset], now: i64) -> i64 {
    let earliest = now.saturating_add(1);
    let mut pieces = offsets.iter().enumerate().peekable();
    while let Some((at, offset)) = pieces.next() {
        let from = if at == 0 { i64::MIN } else { offset.from };
        let until = pieces.peek().map_or(i64::MAX, |(_, next)| next.from);
        let reached = (local - i64::from(offset.seconds)).max(from).max(earliest);
        if reached < until {
            return reached;
        }
    }
    local.max(earliest)
}

#[cfg(test)]
#[path = "calendar_tests.rs"]
mod tests;
