//! The calendar against a library that reads the time zone database.

use jiff::Timestamp;
use jiff::civil::date as civil;
use jiff::tz::TimeZone;
use proptest::prelude::*;

use super::*;

/// Zones by what is special about them: daylight saving north and south, a half hour, half an hour of daylight saving, a
/// change across midnight in either direction, a date that was left out, none at all.
const ZONES: [&str; 10] = [
    "Europe/Berlin",
    "America/New_York",
    "Pacific/Apia",
    "Asia/Kolkata",
    "Australia/Lord_Howe",
    "Africa/Cairo",
    "America/Havana",
    "America/Santiago",
    "Asia/Beirut",
    "UTC",
];

fn zone(name: &str) -> TimeZone {
    TimeZone::get(name).unwrap()
}

/// The changes of a zone as the operator writes them: the one in force, then those of about two years.
fn offsets(zone: &TimeZone, from: i64) -> Vec<UtcOffset> {
    let start = Timestamp::from_second(from).unwrap();
    let seconds = zone.to_offset(start).seconds();
    let until = from + 730 * DAY_SECONDS;
    let changes = zone
        .following(start)
        .map(|change| UtcOffset { from: change.timestamp().as_second(), seconds: change.offset().seconds() });
    let changes = changes.take_while(|change| change.from < until);
    [UtcOffset { from: from - 1, seconds }].into_iter().chain(changes).collect()
}

fn expected(zone: &TimeZone, now: i64) -> (i64, i64) {
    let local = zone.to_datetime(Timestamp::from_second(now).unwrap()).date();
    let days = civil(1970, 1, 1).until(local).unwrap().get_days();
    (i64::from(days), i64::from(local.year()) * 12 + i64::from(local.month()) - 1)
}

/// Holds ids and ends at `now` against the library.
fn check(name: &str, zone: &TimeZone, offsets: &[UtcOffset], now: i64) {
    let (day_id, month_id) = expected(zone, now);
    assert_eq!((day(now, offsets), month(now, offsets)), (day_id, month_id), "{name} at {now}");
    let end = day_ends(day_id, now, offsets);
    assert!(end > now && expected(zone, end).0 > day_id, "{name}: the day does not end at {end}");
    assert!(end == now + 1 || expected(zone, end - 1).0 <= day_id, "{name}: the day ends before {end}");
    let end = month_ends(month_id, now, offsets);
    assert!(end > now && expected(zone, end).1 > month_id, "{name}: the month does not end at {end}");
    assert!(expected(zone, end - 1).1 <= month_id, "{name}: the month ends before {end}");
    assert!(day_begins(day_id, offsets) <= now && month_begins(month_id, offsets) <= now);
}

proptest! {
    #[test]
    fn ids_and_ends_are_those_of_the_zone(zone_index in 0..ZONES.len(), year in 2010..2034_i16, second in 0..31_536_000_i64) {
        let (name, zone) = (ZONES[zone_index], zone(ZONES[zone_index]));
        let from = civil(year, 1, 1).to_zoned(zone.clone()).unwrap().timestamp().as_second();
        check(name, &zone, &offsets(&zone, from), from + second);
    }

    #[test]
    fn dates_are_those_of_the_calendar(days_since in -700_000..700_000_i64) {
        let found = date(days_since);
        let jiff = civil(1970, 1, 1) + jiff::Span::new().days(days_since);
        prop_assert_eq!(
            (found.year, found.month, found.day),
            (i64::from(jiff.year()), i64::from(jiff.month()), i64::from(jiff.day()))
        );
        prop_assert_eq!(days(found), days_since);
    }

    #[test]
    fn times_are_written_as_rfc_3339_has_them(time in 0..4_000_000_000_i64) {
        prop_assert_eq!(rfc3339(time), Timestamp::from_second(time).unwrap().to_string());
    }
}

/// Every change of every zone, to the second.
#[test]
fn ids_and_ends_hold_around_every_change() {
    for name in ZONES {
        let zone = zone(name);
        for year in 2010..2034 {
            let from = civil(year, 1, 1).to_zoned(zone.clone()).unwrap().timestamp().as_second();
            let offsets = offsets(&zone, from);
            for change in &offsets[1..] {
                for beside in
                    [-90_000, -86_400, -3_601, -3_600, -1_801, -1, 0, 1, 1_799, 1_800, 3_599, 3_600, 86_399, 86_400]
                {
                    if change.from + beside >= from && change.from + beside < from + 366 * DAY_SECONDS {
                        check(name, &zone, &offsets, change.from + beside);
                    }
                }
            }
        }
    }
}

#[test]
fn a_month_ends_at_local_midnight_whatever_daylight_saving_does() {
    for (name, from, until) in [
        ("Europe/Berlin", "2026-03-05T00:00:00Z", "2026-03-31T22:00:00Z"),
        ("America/New_York", "2026-03-05T00:00:00Z", "2026-04-01T04:00:00Z"),
        ("Asia/Kolkata", "2026-03-05T00:00:00Z", "2026-03-31T18:30:00Z"),
    ] {
        let now = from.parse::<Timestamp>().unwrap().as_second();
        let offsets = offsets(&zone(name), now - 60 * DAY_SECONDS);
        let id = month(now, &offsets);
        assert_eq!(rfc3339(month_ends(id, now, &offsets)), until, "{name}");
        assert_eq!(id, 2026 * 12 + 2);
    }
}

/// In 2011 Samoa went from the 29th to the 31st of December.
#[test]
fn a_date_that_was_left_out_is_never_a_window() {
    let before = "2011-12-30T09:59:59Z".parse::<Timestamp>().unwrap().as_second();
    let offsets = offsets(&zone("Pacific/Apia"), before - 86_400);
    let id = day(before, &offsets);
    assert_eq!(date(id), Date { year: 2011, month: 12, day: 29 });
    assert_eq!(day_ends(id, before, &offsets), before + 1);
    assert_eq!(date(day(before + 1, &offsets)), Date { year: 2011, month: 12, day: 31 });
}

#[test]
fn without_a_zone_it_is_utc_and_the_ends_of_the_list_go_on() {
    assert_eq!((day(86_399, &[]), day(86_400, &[]), month(0, &[])), (0, 1, 1970 * 12));
    assert_eq!(day_ends(0, 5, &[]), 86_400);
    let one = [UtcOffset { from: 1_000_000, seconds: 3_600 }];
    assert_eq!((day(82_800, &one), day_ends(11, 1_000_000, &one)), (1, 12 * 86_400 - 3_600));
}
