//! How long a certificate lives: the least of what was asked for, what the CA allows, and what is left of its issuer.

use crate::wire::certificate::Certificate;
use crate::wire::requested_validity::RequestedValidity;
use crate::wire::time::LAST;
use core::fmt;
use core::time::Duration;
use rustls_pki_types::UnixTime;

/// How long certificates live ([`Authorized::validity`](super::Authorized::validity), RFC 5280 section 4.1.2.5).
///
/// ```
/// use scep::server::ValidityPolicy;
/// use std::time::Duration;
/// const DAY: Duration = Duration::from_secs(86_400);
///
/// // a year at most, or what a request asks for, but never the last week of the CA
/// let policy = ValidityPolicy::new(365 * DAY).take_requested(true).margin(7 * DAY);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValidityPolicy {
    longest: Duration,
    backdate: Duration,
    margin: Duration,
    take_requested: bool,
}

/// A time in which a certificate is valid, both ends included; whole seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// Its first second.
    pub not_before: UnixTime,
    /// Its last second: 9999-12-31 at the most.
    pub not_after: UnixTime,
}

/// Why there is no time in which a certificate could be valid.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoValidity {
    /// The issuer's certificate cannot be read, is not valid yet, or has ended but for the margin.
    Issuer,
    /// No time at all was asked for.
    Requested,
    /// The policy allows no time at all, or the clock is past the year 9999.
    Policy,
}

impl fmt::Display for NoValidity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Issuer => "the issuer's certificate ends too soon",
            Self::Requested => "no time of validity was asked for",
            Self::Policy => "the policy allows no time of validity",
        })
    }
}

impl core::error::Error for NoValidity {}

impl ValidityPolicy {
    /// Certificates live `longest`, which is what the CA's template says: from now on, and ten minutes before that, for
    /// clocks that are slow. What a request asks for counts for nothing.
    pub const fn new(longest: Duration) -> Self {
        Self { longest, backdate: Duration::from_secs(600), margin: Duration::ZERO, take_requested: false }
    }

    /// Certificates begin so long before they are issued, in place of ten minutes.
    #[must_use]
    pub const fn backdate(mut self, backdate: Duration) -> Self {
        self.backdate = backdate;
        self
    }

    /// Certificates end so long before their issuer's does.
    #[must_use]
    pub const fn margin(mut self, margin: Duration) -> Self {
        self.margin = margin;
        self
    }

    /// Whether a request may ask for less ([`RequestedCertificate::validity`](super::RequestedCertificate::validity)), as
    /// `EDITF_ATTRIBUTEENDDATE` allows on a Windows CA. Who asks for more gets what there is.
    #[must_use]
    pub const fn take_requested(mut self, on: bool) -> Self {
        self.take_requested = on;
        self
    }

    /// The validity of a certificate that is issued `now` under `issuer`.
    pub fn decide(
        &self,
        requested: Option<RequestedValidity>,
        issuer: &Certificate<'_>,
        now: UnixTime,
    ) -> Result<Validity, NoValidity> {
        let (Ok(begin), Ok(end)) = (issuer.not_before(), issuer.not_after()) else {
            return Err(NoValidity::Issuer);
        };
        let of_issuer = end.as_secs().saturating_sub(self.margin.as_secs());
        if now < begin || of_issuer <= now.as_secs() {
            return Err(NoValidity::Issuer);
        }
        let longest = now.as_secs().saturating_add(self.longest.as_secs());
        let requested = requested.filter(|_| self.take_requested);
        // past 9999: as long as may be
        let requested =
            requested.map_or(u64::MAX, |wish| wish.end(now).map_or(u64::MAX, |end| end.as_secs()));
        let not_after = of_issuer.min(longest).min(requested).min(LAST);
        if not_after <= now.as_secs() {
            let cause = if requested <= now.as_secs() { NoValidity::Requested } else { NoValidity::Policy };
            return Err(cause);
        }
        let not_before = now.as_secs().saturating_sub(self.backdate.as_secs()).max(begin.as_secs());
        let time = |seconds| UnixTime::since_unix_epoch(Duration::from_secs(seconds));
        Ok(Validity { not_before: time(not_before), not_after: time(not_after) })
    }

    /// Whether a certificate lives no longer than one that is decided about here. The clock of its issuer may be another
    /// one, so the length counts, and not the ends.
    pub(super) fn allows(&self, leaf: &Certificate<'_>) -> bool {
        let (Ok(begin), Ok(end)) = (leaf.not_before(), leaf.not_after()) else { return false };
        let most = self.longest.as_secs().saturating_add(self.backdate.as_secs());
        end.as_secs().checked_sub(begin.as_secs()).is_some_and(|length| length <= most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::algorithm::{Digest, SignatureScheme};
    use crate::wire::certificate::{TbsCertificateDraft, assemble};
    use crate::wire::extension::KeyUsage;
    use crate::wire::name::Name;
    use crate::wire::public_key::SubjectPublicKeyInfo;
    use crate::wire::requested_validity::ValidityUnit;
    use alloc::vec::Vec;

    const NOW: u64 = 1_700_000_000;
    const DAY: u64 = 86_400;
    /// The first second of 2050, from which on times are encoded in another way.
    const YEAR_2050: u64 = 2_524_608_000;

    fn at(seconds: u64) -> UnixTime {
        UnixTime::since_unix_epoch(Duration::from_secs(seconds))
    }

    fn issuer(begin: u64, end: u64) -> Vec<u8> {
        // 2.5.4.3: x, and a key that is none
        let name = [0x30, 0x0C, 0x31, 0x0A, 0x30, 8, 6, 3, 0x55, 4, 3, 0x0C, 1, b'x'];
        let key = [0x30, 0x0A, 0x30, 3, 6, 1, 42, 3, 3, 0, 0, 0];
        let tbs = TbsCertificateDraft {
            serial: &[1],
            subject: Name::parse(&name).unwrap(),
            not_before: at(begin),
            not_after: at(end),
            public_key: SubjectPublicKeyInfo::parse(&key).unwrap(),
            scheme: SignatureScheme::RsaPkcs1(Digest::Sha256),
            key_usage: KeyUsage::KEY_CERT_SIGN,
        };
        assemble(&tbs.encode(), SignatureScheme::RsaPkcs1(Digest::Sha256), &[0])
    }

    fn decide_at(
        now: u64,
        policy: &ValidityPolicy,
        requested: Option<(u32, ValidityUnit)>,
        (begin, end): (u64, u64),
    ) -> Result<(u64, u64), NoValidity> {
        let der = issuer(begin, end);
        let issuer = Certificate::parse(&der).unwrap();
        let requested = requested.map(|(count, unit)| RequestedValidity { unit, count });
        let validity = policy.decide(requested, &issuer, at(now))?;
        Ok((validity.not_before.as_secs(), validity.not_after.as_secs()))
    }

    fn decide(
        policy: &ValidityPolicy,
        requested: Option<(u32, ValidityUnit)>,
        issuer: (u64, u64),
    ) -> Result<(u64, u64), NoValidity> {
        decide_at(NOW, policy, requested, issuer)
    }

    fn days(days: u64) -> ValidityPolicy {
        ValidityPolicy::new(Duration::from_secs(days * DAY))
    }

    const LONG: (u64, u64) = (NOW - 9 * DAY, NOW + 9_999 * DAY);

    // A16, A17: the least of three, and ten minutes before now
    #[test]
    fn the_least_of_request_policy_and_issuer_counts() {
        let begin = NOW - 600;
        assert_eq!(decide(&days(90), None, LONG), Ok((begin, NOW + 90 * DAY)));
        let less = Some((30, ValidityUnit::Days));
        assert_eq!(decide(&days(90), less, LONG), Ok((begin, NOW + 90 * DAY)), "not asked");
        let asked = days(90).take_requested(true);
        assert_eq!(decide(&asked, less, LONG), Ok((begin, NOW + 30 * DAY)));
        assert_eq!(decide(&asked, Some((91, ValidityUnit::Days)), LONG), Ok((begin, NOW + 90 * DAY)));
        assert_eq!(decide(&asked, None, LONG), Ok((begin, NOW + 90 * DAY)));
        for wish in [less, None] {
            assert_eq!(decide(&asked, wish, (NOW, NOW + DAY)), Ok((NOW, NOW + DAY)));
        }
        // past 9999 is no less than what there is
        assert_eq!(decide(&asked, Some((u32::MAX, ValidityUnit::Years)), LONG), Ok((begin, NOW + 90 * DAY)));
    }

    // A16: refuse where nothing is left
    #[test]
    fn without_a_second_left_there_is_no_validity() {
        let policy = days(90).take_requested(true);
        assert_eq!(decide(&policy, None, (NOW - 9, NOW + 1)), Ok((NOW - 9, NOW + 1)));
        assert_eq!(decide(&policy, None, (NOW - 9, NOW)), Err(NoValidity::Issuer));
        assert_eq!(decide(&policy, None, (NOW, NOW)), Err(NoValidity::Issuer), "of no length");
        assert_eq!(decide(&policy, None, (NOW + 1, NOW + DAY)), Err(NoValidity::Issuer), "not yet");
        assert_eq!(decide(&policy, Some((0, ValidityUnit::Years)), LONG), Err(NoValidity::Requested));
        assert_eq!(decide(&days(0), None, LONG), Err(NoValidity::Policy));
        let one = Some((1, ValidityUnit::Seconds));
        assert_eq!(decide(&policy, one, LONG), Ok((NOW - 600, NOW + 1)));
    }

    #[test]
    fn the_end_keeps_its_distance_from_that_of_the_issuer() {
        let policy = days(90).margin(Duration::from_secs(DAY));
        assert_eq!(decide(&policy, None, (0, NOW + 9 * DAY)), Ok((NOW - 600, NOW + 8 * DAY)));
        assert_eq!(decide(&policy, None, (0, NOW + DAY + 1)), Ok((NOW - 600, NOW + 1)));
        assert_eq!(decide(&policy, None, (0, NOW + DAY)), Err(NoValidity::Issuer));
    }

    // A17
    #[test]
    fn the_beginning_is_put_back_as_far_as_the_issuers() {
        let policy = days(1).backdate(Duration::from_secs(DAY));
        assert_eq!(decide(&policy, None, LONG), Ok((NOW - DAY, NOW + DAY)));
        assert_eq!(decide(&policy, None, (NOW - 5, LONG.1)), Ok((NOW - 5, NOW + DAY)));
        assert_eq!(decide_at(7, &policy, None, (0, DAY)), Ok((0, DAY)));
    }

    #[test]
    fn ends_around_2050_and_9999_are_exact() {
        let issuer = (YEAR_2050 - 2, LAST);
        let policy = ValidityPolicy::new(Duration::from_secs(1)).take_requested(true);
        for now in [YEAR_2050 - 2, YEAR_2050 - 1, YEAR_2050] {
            assert_eq!(decide_at(now, &policy, None, issuer), Ok((YEAR_2050 - 2, now + 1)));
        }
        let endless = ValidityPolicy::new(Duration::MAX).backdate(Duration::MAX).take_requested(true);
        assert_eq!(decide_at(YEAR_2050, &endless, None, issuer), Ok((YEAR_2050 - 2, LAST)));
        assert_eq!(
            decide_at(LAST - 1, &endless, Some((9, ValidityUnit::Years)), issuer),
            Ok((YEAR_2050 - 2, LAST))
        );
        assert_eq!(decide_at(LAST, &endless, None, issuer), Err(NoValidity::Issuer));
        assert_eq!(decide_at(u64::MAX, &endless, None, issuer), Err(NoValidity::Issuer));
        let far = endless.margin(Duration::MAX);
        assert_eq!(decide(&far, None, LONG), Err(NoValidity::Issuer));
    }

    #[test]
    fn a_certificate_is_as_long_as_the_policy_and_the_backdating_at_most() {
        let policy = days(1).backdate(Duration::from_secs(60));
        let allows = |begin: u64, end: u64| {
            let der = issuer(begin, end);
            policy.allows(&Certificate::parse(&der).unwrap())
        };
        assert!(allows(NOW, NOW + DAY + 60) && allows(NOW, NOW) && allows(0, 1));
        assert!(!allows(NOW, NOW + DAY + 61));
        assert!(!allows(NOW, NOW - 1));
    }
}
