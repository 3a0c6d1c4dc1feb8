//! A tenant's time zone as changes of its distance from UTC, so that the functions need no time zone database, and the end
//! of its access.

use std::sync::LazyLock;

use aigw_api::conditions::reason;
use aigw_contract::limits::UtcOffset;
use jiff::Timestamp;
use jiff::civil::date;
use jiff::tz::{TimeZone, TimeZoneDatabase};

use crate::violation::Violation;

/// The name of UTC, the zone of tenants that name none.
pub const UTC: &str = "UTC";

/// The one that is in the program, not the machine's: a zone must not depend on where the operator runs.
static DATABASE: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// The zone's canonical spelling.
///
/// # Errors
/// There is no such zone.
pub(super) fn time_zone(name: Option<&str>) -> Result<String, Violation> {
    let Some(name) = name else { return Ok(UTC.into()) };
    let known = DATABASE.get(name).ok().filter(|zone| !zone.is_unknown());
    known.as_ref().and_then(TimeZone::iana_name).map(str::to_owned).ok_or_else(|| {
        let message = format!(
            "{name:?} is no time zone of the IANA database; name one such as Europe/Berlin, or leave it out for UTC"
        );
        Violation::new("spec.timeZone", reason::INVALID, message)
    })
}

/// The end of access, in seconds since the Unix epoch.
///
/// # Errors
/// It is no time.
pub(super) fn expiry(time: Option<&str>) -> Result<Option<i64>, Violation> {
    let parsed = time.map(str::parse::<Timestamp>).transpose();
    parsed.map(|time| time.map(Timestamp::as_second)).map_err(|_| {
        let message = format!("{:?} is no time; write it as 2026-12-31T23:59:59Z", time.unwrap_or_default());
        Violation::new("spec.expiresAt", reason::INVALID, message)
    })
}

/// Distances from UTC between the start of the last calendar year and the end of the year after next, in UTC: the same all
/// year long, and so far ahead that nothing ends while the operator is away. Empty for UTC, and where `now`, in seconds since
/// the Unix epoch, is no time of this calendar.
pub(super) fn utc_offsets(zone: &str, now: i64) -> Vec<UtcOffset> {
    changes(zone, now).unwrap_or_default()
}

fn changes(zone: &str, now: i64) -> Option<Vec<UtcOffset>> {
    let zone = DATABASE.get(zone).ok()?;
    let year = Timestamp::from_second(now).ok()?.to_zoned(TimeZone::UTC).year();
    let start_of = |year| Some(date(year, 1, 1).to_zoned(TimeZone::UTC).ok()?.timestamp());
    let (start, end) = (start_of(year - 1)?, start_of(year + 3)?);
    let mut offsets = vec![UtcOffset { from: start.as_second(), seconds: zone.to_offset(start).seconds() }];
    for change in zone.following(start).take_while(|change| change.timestamp() < end) {
        let seconds = change.offset().seconds();
        // Some changes are of the zone's abbreviation only.
        if offsets.last().is_none_or(|last| last.seconds != seconds) {
            offsets.push(UtcOffset { from: change.timestamp().as_second(), seconds });
        }
    }
    let is_utc = offsets.iter().all(|offset| offset.seconds == 0);
    Some(if is_utc { Vec::new() } else { offsets })
}

#[cfg(test)]
mod tests {
    use aigw_contract::calendar;
    use proptest::prelude::*;

    use super::*;

    fn at(text: &str) -> i64 {
        text.parse::<Timestamp>().unwrap().as_second()
    }

    #[test]
    fn a_zone_is_its_changes_of_four_years() {
        let berlin = utc_offsets("Europe/Berlin", at("2026-11-25T00:00:00Z"));
        assert_eq!(berlin.len(), 9);
        assert_eq!(berlin[0], UtcOffset { from: at("2025-01-01T00:00:00Z"), seconds: 3600 });
        assert_eq!(berlin[1], UtcOffset { from: at("2025-03-30T01:00:00Z"), seconds: 7200 });
        assert_eq!(berlin[8], UtcOffset { from: at("2028-10-29T01:00:00Z"), seconds: 3600 });
        assert_eq!(utc_offsets("Asia/Kolkata", at("2026-11-25T00:00:00Z")).len(), 1);
    }

    #[test]
    fn utc_needs_no_changes() {
        for zone in [UTC, "Etc/UTC", "Africa/Abidjan", "Atlantic/Reykjavik"] {
            assert_eq!(utc_offsets(zone, at("2026-11-25T00:00:00Z")), []);
        }
    }

    #[test]
    fn changes_stay_the_same_for_a_year() {
        let year = |month| utc_offsets("America/New_York", at(month));
        assert_eq!(year("2026-01-01T00:00:00Z"), year("2026-12-31T23:59:59Z"));
        assert_ne!(year("2026-12-31T23:59:59Z"), year("2027-01-01T00:00:00Z"));
    }

    #[test]
    fn names_are_those_of_the_database() {
        assert_eq!(time_zone(None).unwrap(), "UTC");
        assert_eq!(time_zone(Some("europe/berlin")).unwrap(), "Europe/Berlin");
        for unknown in ["Europe/Atlantis", "Etc/Unknown", "+02:00", ""] {
            let violation = time_zone(Some(unknown)).unwrap_err();
            assert_eq!((violation.path.as_str(), violation.reason), ("spec.timeZone", reason::INVALID), "{unknown}");
        }
    }

    #[test]
    fn an_expiry_is_a_time() {
        assert_eq!(expiry(Some("2026-11-25T01:00:00+01:00")).unwrap(), Some(at("2026-11-25T00:00:00Z")));
        assert_eq!(expiry(None).unwrap(), None);
        assert!(expiry(Some("2026-02-30T00:00:00Z")).unwrap_err().message.contains("2026-02-30"));
    }

    proptest! {
        /// What the functions reckon from the changes is what the database says.
        #[test]
        fn days_are_those_of_the_zone(
            zone in prop::sample::select(vec!["Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe", "Asia/Kathmandu", "Africa/Casablanca", "Pacific/Kiritimati"]),
            now in 1_790_000_000i64..1_798_000_000,
        ) {
            let local = Timestamp::from_second(now).unwrap().to_zoned(DATABASE.get(zone).unwrap()).date();
            let reckoned = calendar::date(calendar::day(now, &utc_offsets(zone, now)));
            let (year, month, day) = (i64::from(local.year()), i64::from(local.month()), i64::from(local.day()));
            prop_assert_eq!(reckoned, calendar::Date { year, month, day });
        }
    }
}
