//! How long a certificate is asked to be valid: Microsoft's name/value pairs in certification requests.

use super::name::decode_text;
#[cfg(feature = "client")]
use super::oid::Oid;
use super::time::{Date, LAST};
use super::tlv::{self, Tlv};
use alloc::string::String;
#[cfg(feature = "client")]
use alloc::{string::ToString, vec::Vec};
use core::time::Duration;
use rustls_pki_types::UnixTime;

/// How long a certificate is asked to be valid, as Windows writes it: the pairs `ValidityPeriod` and
/// `ValidityPeriodUnits` of the attribute 1.3.6.1.4.1.311.13.2.1 ([MS-WCCE] section 2.2.2.7.10).
///
/// ```text
/// enrollmentNameValuePair ATTRIBUTE ::= { WITH SYNTAX EnrollmentNameValuePair }
/// EnrollmentNameValuePair ::= SEQUENCE { name BMPString, value BMPString }
/// ```
///
/// It is a wish: a CA gives what its policy allows of it.
///
/// [MS-WCCE]: https://learn.microsoft.com/openspecs/windows_protocols/ms-wcce
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestedValidity {
    /// What is counted: `ValidityPeriod`.
    pub unit: ValidityUnit,
    /// How many: `ValidityPeriodUnits`.
    pub count: u32,
}

/// The values of `ValidityPeriod`, which are compared without regard to case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValidityUnit {
    /// `Seconds`
    Seconds,
    /// `Minutes`
    Minutes,
    /// `Hours`
    Hours,
    /// `Days`
    Days,
    /// `Weeks`
    Weeks,
    /// `Months` of the calendar.
    Months,
    /// `Years` of the calendar.
    Years,
}

impl ValidityUnit {
    pub(crate) const ALL: [(Self, &str); 7] = [
        (Self::Seconds, "Seconds"),
        (Self::Minutes, "Minutes"),
        (Self::Hours, "Hours"),
        (Self::Days, "Days"),
        (Self::Weeks, "Weeks"),
        (Self::Months, "Months"),
        (Self::Years, "Years"),
    ];

    fn from_text(text: &str) -> Option<Self> {
        let named = |(_, name): &&(Self, &str)| name.eq_ignore_ascii_case(text);
        Self::ALL.iter().find(named).map(|(unit, _)| *unit)
    }
}

impl RequestedValidity {
    /// The end of a time of that length from `begin` on: a day of the month that there is not becomes the last one of
    /// that month. `None` past the year 9999, which certificates cannot say.
    pub fn end(self, begin: UnixTime) -> Option<UnixTime> {
        let count = u64::from(self.count);
        let seconds = match self.unit {
            ValidityUnit::Seconds => count,
            ValidityUnit::Minutes => count.checked_mul(60)?,
            ValidityUnit::Hours => count.checked_mul(3_600)?,
            ValidityUnit::Days => count.checked_mul(86_400)?,
            ValidityUnit::Weeks => count.checked_mul(604_800)?,
            ValidityUnit::Months => return months_after(begin, count),
            ValidityUnit::Years => return months_after(begin, count.checked_mul(12)?),
        };
        let end = begin.as_secs().checked_add(seconds).filter(|end| *end <= LAST)?;
        Some(UnixTime::since_unix_epoch(Duration::from_secs(end)))
    }

    /// The attribute for a certification request that asks for it: DER `Attribute`, with both pairs as its values.
    #[cfg(feature = "client")]
    pub(crate) fn to_attribute(self) -> Vec<u8> {
        let unit =
            ValidityUnit::ALL.iter().find(|(unit, _)| *unit == self.unit).map_or("", |(_, name)| *name);
        let mut pairs =
            [write_pair("ValidityPeriod", unit), write_pair("ValidityPeriodUnits", &self.count.to_string())];
        tlv::sort(&mut pairs);
        let oid = tlv::element(tlv::OBJECT_IDENTIFIER, &[Oid::ENROLLMENT_NAME_VALUE_PAIR.as_bytes()]);
        tlv::element(tlv::SEQUENCE, &[&oid, &tlv::element(tlv::SET, &[&pairs.concat()])])
    }

    /// What the values of such attributes say; `None` when there are not both pairs, or when they contradict each other or
    /// cannot be read.
    pub(super) fn from_pairs<'a>(values: impl Iterator<Item = Tlv<'a>>) -> Option<Self> {
        let (mut unit, mut count) = (None, None);
        for value in values {
            let (name, text) = pair(&value)?;
            if name.eq_ignore_ascii_case("ValidityPeriod") {
                let new = ValidityUnit::from_text(&text)?;
                if unit.replace(new).is_some_and(|old| old != new) {
                    return None;
                }
            } else if name.eq_ignore_ascii_case("ValidityPeriodUnits") {
                let new = number(&text)?;
                if count.replace(new).is_some_and(|old| old != new) {
                    return None;
                }
            }
        }
        Some(Self { unit: unit?, count: count? })
    }
}

#[cfg(feature = "client")]
fn write_pair(name: &str, value: &str) -> Vec<u8> {
    let bmp = |text: &str| {
        let units: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        tlv::element(tlv::BMP_STRING, &[&units])
    };
    tlv::element(tlv::SEQUENCE, &[&bmp(name), &bmp(value)])
}

fn pair(value: &Tlv<'_>) -> Option<(String, String)> {
    if value.tag != tlv::SEQUENCE {
        return None;
    }
    let mut fields = value.reader().ok()?;
    let mut text = || fields.any().ok().and_then(|text| decode_text(text.tag, text.value));
    let pair = (text()?, text()?);
    fields.is_empty().then_some(pair)
}

/// Digits alone: `parse` would take a sign.
fn number(text: &str) -> Option<u32> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}

fn months_after(begin: UnixTime, months: u64) -> Option<UnixTime> {
    let date = Date::from_seconds(begin.as_secs());
    let months =
        u64::from(date.year).checked_mul(12)?.checked_add(u64::from(date.month))?.checked_add(months)?;
    // counted from January
    let months = months.checked_sub(1)?;
    let year = u16::try_from(months / 12).ok()?;
    let month = u8::try_from(months % 12).ok()?.checked_add(1)?;
    // 31, 30, 29, 28: the first of them that there is
    let end = (0..4)
        .find_map(|less| Date { year, month, day: date.day.checked_sub(less)?, ..date }.since_epoch())?;
    Some(UnixTime::since_unix_epoch(Duration::from_secs(end)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::attributes::Attribute;
    use crate::wire::signed_data::elements;
    use crate::wire::tlv::element;
    use alloc::vec::Vec;

    fn at(year: u16, month: u8, day: u8) -> UnixTime {
        let date = Date { year, month, day, hour: 23, minute: 59, second: 59 };
        UnixTime::since_unix_epoch(Duration::from_secs(date.since_epoch().unwrap()))
    }

    fn asked(count: u32, unit: ValidityUnit) -> RequestedValidity {
        RequestedValidity { unit, count }
    }

    fn bmp(text: &str) -> Vec<u8> {
        let units: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        element(tlv::BMP_STRING, &[&units])
    }

    fn read(pairs: &[(&str, &str)]) -> Option<RequestedValidity> {
        let ders: Vec<_> =
            pairs.iter().map(|(name, value)| element(tlv::SEQUENCE, &[&bmp(name), &bmp(value)])).collect();
        RequestedValidity::from_pairs(ders.iter().map(|der| Tlv::parse(der).unwrap()))
    }

    // A16
    #[test]
    fn pairs_are_read_in_any_order_and_case_and_next_to_others() {
        let week = Some(asked(3, ValidityUnit::Weeks));
        assert_eq!(read(&[("ValidityPeriod", "Weeks"), ("ValidityPeriodUnits", "3")]), week);
        let others =
            [("validityperiodunits", "3"), ("CertificateTemplate", "x"), ("VALIDITYPERIOD", "wEEKS")];
        assert_eq!(read(&others), week);
        let twice =
            [("ValidityPeriod", "Weeks"), ("ValidityPeriodUnits", "3"), ("ValidityPeriodUnits", "03")];
        assert_eq!(read(&twice), week);
        for (unit, name) in ValidityUnit::ALL {
            let read = read(&[("ValidityPeriod", name), ("ValidityPeriodUnits", "4294967295")]);
            assert_eq!(read, Some(asked(u32::MAX, unit)));
        }
    }

    // A16
    #[cfg(feature = "client")]
    #[test]
    fn a_wish_is_written_and_read_back() {
        for (unit, name) in ValidityUnit::ALL {
            for count in [1, 30, u32::MAX] {
                let der = asked(count, unit).to_attribute();
                let attribute = Attribute::parse(&Tlv::parse(&der).unwrap()).unwrap();
                assert_eq!(attribute.oid, Oid::ENROLLMENT_NAME_VALUE_PAIR);
                let values = elements(attribute.values);
                assert_eq!(RequestedValidity::from_pairs(values), Some(asked(count, unit)), "{name}");
            }
        }
    }

    #[test]
    fn what_is_incomplete_contradictory_or_no_number_asks_for_nothing() {
        let period = ("ValidityPeriod", "Days");
        for pairs in [
            &[] as &[_],
            &[period],
            &[("ValidityPeriodUnits", "3")],
            &[period, ("ValidityPeriodUnits", "3"), ("ValidityPeriodUnits", "4")],
            &[period, ("ValidityPeriodUnits", "3"), ("ValidityPeriod", "Years")],
            &[period, ("ValidityPeriodUnits", "")],
            &[period, ("ValidityPeriodUnits", "+3")],
            &[period, ("ValidityPeriodUnits", "-3")],
            &[period, ("ValidityPeriodUnits", "3.5")],
            &[period, ("ValidityPeriodUnits", "4294967296")],
            &[("ValidityPeriod", "Fortnights"), ("ValidityPeriodUnits", "1")],
            &[("ValidityPeriod", ""), ("ValidityPeriodUnits", "1")],
        ] {
            assert_eq!(read(pairs), None, "{pairs:?}");
        }
        let whole = element(tlv::SEQUENCE, &[&bmp("ValidityPeriod"), &bmp("Days"), &bmp("3")]);
        let other = element(tlv::SET, &[&bmp("ValidityPeriod"), &bmp("Days")]);
        let half = element(tlv::SEQUENCE, &[&bmp("ValidityPeriod")]);
        let number = element(tlv::SEQUENCE, &[&bmp("ValidityPeriod"), &element(tlv::INTEGER, &[&[3]])]);
        for der in [whole, other, half, number] {
            let units = element(tlv::SEQUENCE, &[&bmp("ValidityPeriodUnits"), &bmp("3")]);
            let values = [&der, &units].map(|der| Tlv::parse(der).unwrap());
            assert_eq!(RequestedValidity::from_pairs(values.into_iter()), None, "{der:02x?}");
        }
    }

    #[test]
    fn days_that_a_month_does_not_have_become_its_last_one() {
        use ValidityUnit::{Months, Years};
        assert_eq!(asked(1, Months).end(at(2027, 1, 31)), Some(at(2027, 2, 28)));
        assert_eq!(asked(1, Months).end(at(2028, 1, 31)), Some(at(2028, 2, 29)));
        assert_eq!(asked(3, Months).end(at(2027, 1, 31)), Some(at(2027, 4, 30)));
        assert_eq!(asked(12, Months).end(at(2027, 12, 31)), Some(at(2028, 12, 31)));
        assert_eq!(asked(1, Months).end(at(2027, 12, 31)), Some(at(2028, 1, 31)));
        assert_eq!(asked(1, Years).end(at(2028, 2, 29)), Some(at(2029, 2, 28)));
        assert_eq!(asked(4, Years).end(at(2028, 2, 29)), Some(at(2032, 2, 29)));
        assert_eq!(asked(0, Years).end(at(2028, 2, 29)), Some(at(2028, 2, 29)));
        // where the encoding of times changes
        assert_eq!(asked(1, Years).end(at(2049, 12, 31)), Some(at(2050, 12, 31)));
    }

    #[test]
    fn units_of_fixed_length_are_multiplied() {
        use ValidityUnit::{Days, Hours, Minutes, Seconds, Weeks};
        let begin = at(2049, 12, 31);
        for (unit, seconds) in [(Seconds, 1), (Minutes, 60), (Hours, 3600), (Days, 86_400), (Weeks, 604_800)]
        {
            let end = asked(2, unit).end(begin).unwrap();
            assert_eq!(end.as_secs() - begin.as_secs(), 2 * seconds, "{unit:?}");
        }
    }

    #[test]
    fn nothing_ends_after_9999_and_nothing_overflows() {
        let last = at(9999, 12, 31);
        for (unit, _) in ValidityUnit::ALL {
            assert_eq!(asked(0, unit).end(last), Some(last), "{unit:?}");
            assert_eq!(asked(1, unit).end(last), None, "{unit:?}");
            let begin = UnixTime::since_unix_epoch(Duration::from_secs(u64::MAX));
            assert_eq!(asked(u32::MAX, unit).end(begin), None, "{unit:?}");
        }
        assert_eq!(asked(1, ValidityUnit::Months).end(at(9999, 11, 30)), Some(at(9999, 12, 30)));
    }
}
