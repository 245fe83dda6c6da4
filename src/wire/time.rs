//! Dates of the Gregorian calendar, from 1970 to 9999 (RFC 5280 section 4.1.2.5).

const DAY: u64 = 24 * 60 * 60;
/// The last second of 9999.
pub(crate) const LAST: u64 = 253_402_300_799;
/// Days from 0000-03-01, where the counting is easy because leap days end a year, to 1970-01-01.
const EPOCH: u32 = 719_468;
/// Days in 400, 100 and 4 years.
const ERA: u32 = 146_097;
const CENTURY: u32 = 36_524;
const LEAP: u32 = 1_461;

/// A date and a time of day, UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Date {
    pub(super) year: u16,
    pub(super) month: u8,
    pub(super) day: u8,
    pub(super) hour: u8,
    pub(super) minute: u8,
    pub(super) second: u8,
}

// Every number is bounded: years by 9999, and what is subtracted by what it is subtracted from.
#[allow(clippy::arithmetic_side_effects)]
impl Date {
    /// Seconds since 1970; `None` for a date that there is not, and for years before 1970 or after 9999.
    pub(super) fn since_epoch(&self) -> Option<u64> {
        let Self { year, month, day, hour, minute, second } = *self;
        let in_range = (1970..10_000).contains(&year) && (1..=12).contains(&month);
        if !in_range || !(1..=days_in(year, month)).contains(&day) || hour > 23 || minute > 59 || second > 59
        {
            return None;
        }
        let (year, month, day) = (u32::from(year), u32::from(month), u32::from(day));
        // March is the first month
        let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
        let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1 - EPOCH;
        let minutes = u64::from(hour) * 60 + u64::from(minute);
        Some(u64::from(days) * DAY + minutes * 60 + u64::from(second))
    }

    /// What is past 9999 becomes the end of that year.
    pub(super) fn from_seconds(seconds: u64) -> Self {
        let seconds = seconds.min(LAST);
        // no conversion fails: everything is within the year 9999
        let small = |value: u32| u8::try_from(value).unwrap_or_default();
        // a day is 675 times 2^7 seconds, and by 675 divides a processor that has no division of 64 bits
        let days = u32::try_from(seconds >> 7).unwrap_or_default() / 675;
        let rest = u32::try_from(seconds - u64::from(days) * DAY).unwrap_or_default();
        let days = days + EPOCH;
        let in_era = days % ERA;
        let year = (in_era - in_era / (LEAP - 1) + in_era / CENTURY - in_era / (ERA - 1)) / 365;
        let in_year = in_era - (365 * year + year / 4 - year / 100);
        let month = (5 * in_year + 2) / 153;
        let day = in_year - (153 * month + 2) / 5 + 1;
        let (next, month) = if month < 10 { (0, month + 3) } else { (1, month - 9) };
        Self {
            year: u16::try_from(year + days / ERA * 400 + next).unwrap_or_default(),
            month: small(month),
            day: small(day),
            hour: small(rest / 3600),
            minute: small(rest / 60 % 60),
            second: small(rest % 60),
        }
    }
}

/// Date and time of seconds since 1970 as RFC 3339 has them, UTC: `2027-01-15T08:00:00Z`.
#[cfg(feature = "intune")]
pub(crate) fn iso8601(seconds: u64) -> alloc::string::String {
    let Date { year, month, day, hour, minute, second } = Date::from_seconds(seconds);
    alloc::format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

pub(super) fn is_leap(year: u16) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

fn days_in(year: u16, month: u8) -> u8 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::time::Duration;
    use der::DateTime;

    // `der` has a calendar of its own, which is not in the library.
    #[cfg_attr(miri, ignore = "146,000 days are too many for an interpreter")]
    #[test]
    fn every_day_of_400_years_is_that_of_another_implementation() {
        let last = LAST / DAY;
        for day in (0..=u64::from(ERA)).chain(last - 800..=last) {
            let seconds = day * DAY + day % DAY;
            let date = Date::from_seconds(seconds);
            let other = DateTime::from_unix_duration(Duration::from_secs(seconds)).unwrap();
            assert_eq!((date.year, date.month, date.day), (other.year(), other.month(), other.day()));
            let time = (other.hour(), other.minutes(), other.seconds());
            assert_eq!((date.hour, date.minute, date.second), time);
            assert_eq!(date.since_epoch(), Some(seconds));
        }
    }

    #[test]
    fn dates_that_there_are_not_are_refused() {
        let good = Date { year: 2024, month: 2, day: 29, hour: 23, minute: 59, second: 59 };
        assert_eq!(good.since_epoch(), Some(1_709_251_199));
        for wrong in [
            Date { year: 1969, ..good },
            Date { year: 2023, ..good },
            Date { year: 2100, ..good },
            Date { year: 10_000, ..good },
            Date { month: 0, ..good },
            Date { month: 13, ..good },
            Date { day: 0, ..good },
            Date { day: 30, ..good },
            Date { month: 4, day: 31, ..good },
            Date { hour: 24, ..good },
            Date { minute: 60, ..good },
            Date { second: 60, ..good },
        ] {
            assert_eq!(wrong.since_epoch(), None, "{wrong:?}");
        }
    }

    #[test]
    fn what_is_past_9999_is_its_end() {
        let end = Date { year: 9999, month: 12, day: 31, hour: 23, minute: 59, second: 59 };
        assert_eq!((Date::from_seconds(LAST), Date::from_seconds(u64::MAX)), (end, end));
    }
}
