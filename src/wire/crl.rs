//! Certificate revocation lists (RFC 5280 section 5), as far as a device needs them.

use super::algorithm::{AlgorithmIdentifier, Signed};
use super::certificate::read_time;
use super::extension::Extensions;
use super::limits::Limits;
use super::name::Name;
use super::tlv::{self, Reader, Tlv};
use crate::error::{Error, InvalidMessage, Unsupported};
use core::fmt;
use rustls_pki_types::UnixTime;

/// A view of a CRL (RFC 5280 section 5.1).
///
/// ```text
/// CertificateList ::= SEQUENCE {
///     tbsCertList         TBSCertList,
///     signatureAlgorithm  AlgorithmIdentifier,
///     signatureValue      BIT STRING }
///
/// TBSCertList ::= SEQUENCE {
///     version              INTEGER OPTIONAL, -- v2
///     signature            AlgorithmIdentifier,
///     issuer               Name,
///     thisUpdate           Time,
///     nextUpdate           Time OPTIONAL,
///     revokedCertificates  SEQUENCE OF RevokedCertificate OPTIONAL,
///     crlExtensions        [0] EXPLICIT Extensions OPTIONAL }
/// ```
///
/// Entries, times and extensions are looked at only when they are asked for; an entry costs no memory. Who signed it is
/// another question.
#[derive(Clone, Copy)]
pub struct CertificateList<'a> {
    raw: &'a [u8],
    tbs: &'a [u8],
    issuer: Name<'a>,
    this_update: Tlv<'a>,
    next_update: Option<Tlv<'a>>,
    revoked: &'a [u8],
    extensions: Option<&'a [u8]>,
    signature_algorithm: AlgorithmIdentifier<'a>,
    signature: &'a [u8],
}

impl<'a> CertificateList<'a> {
    /// Reads one that fills `der`. [`InvalidMessage::Crl`] when it is not one, or when the algorithm that is signed is
    /// not the one next to the signature.
    pub fn parse(der: &'a [u8]) -> Result<Self, Error> {
        Self::read(der).map_err(|_| InvalidMessage::Crl.into())
    }

    fn read(der: &'a [u8]) -> Result<Self, Error> {
        let Signed { to_be_signed: tbs, algorithm: signature_algorithm, signature } = Signed::read(der)?;

        let mut fields = tbs.reader()?;
        fields.optional(tlv::INTEGER)?;
        let signed_algorithm = AlgorithmIdentifier::read(&mut fields)?;
        if !signed_algorithm.agrees_with(&signature_algorithm) {
            return Err(InvalidMessage::Crl.into());
        }
        let issuer = Name::parse(fields.any()?.raw)?;
        let this_update = fields.any()?;
        let next_update = match fields.optional(tlv::UTC_TIME)? {
            Some(time) => Some(time),
            None => fields.optional(tlv::GENERALIZED_TIME)?,
        };
        let revoked = fields.optional(tlv::SEQUENCE)?.map(|list| list.value).unwrap_or_default();
        let extensions = fields.optional(tlv::context(0))?.map(|extensions| extensions.value);
        fields.finish()?;
        Ok(Self {
            raw: der,
            tbs: tbs.raw,
            issuer,
            this_update,
            next_update,
            revoked,
            extensions,
            signature_algorithm,
            signature,
        })
    }

    /// The whole CRL.
    pub fn as_der(&self) -> &'a [u8] {
        self.raw
    }

    /// The TBSCertList as it came, tag and length included: what is signed.
    pub fn tbs(&self) -> &'a [u8] {
        self.tbs
    }

    /// Whose list it is: the issuer of the certificates in it.
    pub fn issuer(&self) -> Name<'a> {
        self.issuer
    }

    /// When it was made. [`InvalidMessage::Time`] when that cannot be read.
    pub fn this_update(&self) -> Result<UnixTime, Error> {
        read_time(&self.this_update)
    }

    /// When there will be a newer one at the latest, if it says so. [`InvalidMessage::Time`] when that cannot be read.
    pub fn next_update(&self) -> Result<Option<UnixTime>, Error> {
        self.next_update.as_ref().map(read_time).transpose()
    }

    /// The entries in their order; each is an error that cannot be read, and nothing comes after that.
    pub fn revoked(&self) -> impl Iterator<Item = Result<RevokedCertificate<'a>, Error>> + use<'a> {
        let mut reader = Reader::new(self.revoked).ok();
        core::iter::from_fn(move || {
            let rest = reader.as_mut().filter(|rest| !rest.is_empty())?;
            let entry = RevokedCertificate::read(rest).map_err(|_| InvalidMessage::Crl.into());
            if entry.is_err() {
                reader = None;
            }
            Some(entry)
        })
    }

    /// The entry for this serial number: contents octets of the INTEGER; zeros in front do not count on either side.
    ///
    /// [`InvalidMessage::Crl`] when an entry before it cannot be read, [`Unsupported::Crl`] when the entry, or one
    /// before it, has a critical extension: it may then be about another issuer's certificates (RFC 5280 section 5.3.3).
    pub fn find(&self, serial: &[u8]) -> Result<Option<RevokedCertificate<'a>>, Error> {
        for entry in self.revoked() {
            let entry = entry?;
            if entry.extensions()?.is_some_and(|list| list.iter().any(|extension| extension.critical)) {
                return Err(Unsupported::Crl.into());
            }
            if significant(entry.serial) == significant(serial) {
                return Ok(Some(entry));
            }
        }
        Ok(None)
    }

    /// The extensions of the list. Fails as [`Extensions::parse`] does, with the bounds of [`Limits::DEFAULT`].
    pub fn extensions(&self) -> Result<Option<Extensions<'a>>, Error> {
        self.extensions.map(|der| Extensions::parse(der, &Limits::DEFAULT)).transpose()
    }

    /// Whether the list has a critical extension. All of them (`issuingDistributionPoint`, `deltaCRLIndicator`) say that
    /// it is not the whole truth about its issuer's certificates (RFC 5280 section 5.2), and none is known here.
    pub fn has_unknown_critical_extension(&self) -> Result<bool, Error> {
        Ok(self.extensions()?.is_some_and(|list| list.iter().any(|extension| extension.critical)))
    }

    /// The algorithm of the signature.
    pub fn signature_algorithm(&self) -> AlgorithmIdentifier<'a> {
        self.signature_algorithm
    }

    /// The signature: contents of the BIT STRING, without the octet that counts unused bits. Its length is unchecked.
    pub fn signature(&self) -> &'a [u8] {
        self.signature
    }
}

/// A serial number without zeros in front.
fn significant(serial: &[u8]) -> &[u8] {
    let zeros = serial.iter().take_while(|octet| **octet == 0).count();
    serial.get(zeros..).unwrap_or_default()
}

impl fmt::Debug for CertificateList<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CertificateList({}, {} bytes)", self.issuer, self.raw.len())
    }
}

/// One entry of a CRL (RFC 5280 section 5.1.2.6).
///
/// ```text
/// RevokedCertificate ::= SEQUENCE {
///     userCertificate     INTEGER,
///     revocationDate      Time,
///     crlEntryExtensions  Extensions OPTIONAL }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct RevokedCertificate<'a> {
    serial: &'a [u8],
    date: Tlv<'a>,
    extensions: Option<&'a [u8]>,
}

impl<'a> RevokedCertificate<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, Error> {
        let mut fields = reader.enter(tlv::SEQUENCE)?;
        let serial = fields.expect(tlv::INTEGER)?.value;
        let date = fields.any()?;
        let extensions = fields.optional(tlv::SEQUENCE)?.map(|extensions| extensions.raw);
        fields.finish()?;
        Ok(Self { serial, date, extensions })
    }

    /// The serial number: contents octets of the INTEGER as they stand, of any length and sign.
    pub fn serial(&self) -> &'a [u8] {
        self.serial
    }

    /// Since when it is revoked. [`InvalidMessage::Time`] when that cannot be read.
    pub fn date(&self) -> Result<UnixTime, Error> {
        read_time(&self.date)
    }

    /// The extensions of the entry, the reason among them (RFC 5280 section 5.3).
    pub fn extensions(&self) -> Result<Option<Extensions<'a>>, Error> {
        self.extensions.map(|der| Extensions::parse(der, &Limits::DEFAULT)).transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::algorithm::{Digest, SignatureScheme};
    use crate::wire::certificate::assemble;
    use crate::wire::distinguished_name::DistinguishedName;
    use crate::wire::extension::ExtensionsBuilder;
    use crate::wire::oid::Oid;
    use crate::wire::tlv::Writer;
    use alloc::vec::Vec;
    use core::time::Duration;

    const SCHEME: SignatureScheme = SignatureScheme::RsaPkcs1(Digest::Sha256);
    /// 1970-01-01 and 1970-01-02.
    const FIRST: &[u8] = b"\x17\x0D700101000000Z";
    const SECOND: &[u8] = b"\x18\x0F19700102000000Z";

    /// A list with these elements behind thisUpdate.
    fn list(rest: &[&[u8]]) -> Vec<u8> {
        let name: DistinguishedName = "CN=CA".parse().unwrap();
        let mut writer = Writer::new();
        writer.nested(tlv::SEQUENCE, |writer| {
            writer.tlv(tlv::INTEGER, &[1]);
            SCHEME.write(writer);
            writer.raw(name.as_der());
            writer.raw(FIRST);
            rest.iter().for_each(|der| writer.raw(der));
        });
        assemble(&writer.finish(), SCHEME, &[7; 4])
    }

    fn entry(serial: &[u8], extensions: &[u8]) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.nested(tlv::SEQUENCE, |writer| {
            writer.tlv(tlv::INTEGER, serial);
            writer.raw(SECOND);
            writer.raw(extensions);
        });
        writer.finish()
    }

    fn element(tag: u8, value: &[u8]) -> Vec<u8> {
        tlv::element(tag, &[value])
    }

    fn at(seconds: u64) -> UnixTime {
        UnixTime::since_unix_epoch(Duration::from_secs(seconds))
    }

    #[test]
    fn a_list_is_read_as_it_stands() {
        let reason =
            ExtensionsBuilder::default().raw(Oid::new(&[0x55, 0x1D, 21]), false, &[10, 1, 1]).build();
        let entries = element(tlv::SEQUENCE, &[entry(&[5], &[]), entry(&[0, 0x80], &reason)].concat());
        let number = ExtensionsBuilder::default().raw(Oid::new(&[0x55, 0x1D, 20]), false, &[2, 1, 3]).build();
        let der = list(&[SECOND, &entries, &element(tlv::context(0), &number)]);
        let list = CertificateList::parse(&der).unwrap();
        assert_eq!((list.as_der(), list.signature()), (&der[..], &[7; 4][..]));
        assert_eq!(list.issuer().common_name().as_deref(), Some("CA"));
        assert_eq!((list.this_update(), list.next_update()), (Ok(at(0)), Ok(Some(at(86_400)))));
        assert_eq!(SignatureScheme::from_identifier(&list.signature_algorithm()), Ok(SCHEME));
        assert!(der[3..].starts_with(list.tbs()));
        assert_eq!(list.has_unknown_critical_extension(), Ok(false));
        let revoked: Vec<_> = list.revoked().map(|entry| entry.unwrap()).collect();
        let serials: Vec<_> = revoked.iter().map(RevokedCertificate::serial).collect();
        assert_eq!((serials, revoked[1].date()), (alloc::vec![&[5][..], &[0, 0x80]], Ok(at(86_400))));
        assert_eq!(revoked[1].extensions().unwrap().unwrap().iter().count(), 1);
    }

    #[test]
    fn what_is_optional_may_be_missing() {
        let der = list(&[]);
        let list = CertificateList::parse(&der).unwrap();
        assert_eq!((list.next_update(), list.revoked().count()), (Ok(None), 0));
        assert_eq!((list.extensions(), list.find(&[5]).map(|entry| entry.is_some())), (Ok(None), Ok(false)));
    }

    #[test]
    fn serial_numbers_are_found_whatever_zeros_stand_in_front() {
        let entries = element(tlv::SEQUENCE, &[entry(&[0, 0xF1], &[]), entry(&[0, 0, 7], &[])].concat());
        let der = list(&[&entries]);
        let list = CertificateList::parse(&der).unwrap();
        for (serial, found) in
            [(&[0, 0xF1][..], true), (&[0xF1], true), (&[7], true), (&[0, 7], true), (&[7, 0], false)]
        {
            assert_eq!(list.find(serial).map(|entry| entry.is_some()), Ok(found), "{serial:x?}");
        }
    }

    // T38: an entry that cannot be read must not hide those behind it
    #[test]
    fn a_broken_entry_gives_no_answer_about_what_comes_after_it() {
        let broken = [0x30, 0x03, 0x02, 0x01, 0x09];
        let entries = element(tlv::SEQUENCE, &[&entry(&[5], &[])[..], &broken, &entry(&[6], &[])].concat());
        let der = list(&[&entries]);
        let list = CertificateList::parse(&der).unwrap();
        assert!(list.find(&[5]).unwrap().is_some());
        assert_eq!(list.find(&[6]).err(), Some(InvalidMessage::Crl.into()));
        assert_eq!(list.revoked().count(), 2);
    }

    // T38
    #[test]
    fn what_is_no_list_is_refused() {
        let der = list(&[SECOND]);
        for length in 0..der.len() {
            assert_eq!(CertificateList::parse(&der[..length]).err(), Some(InvalidMessage::Crl.into()));
        }
        for broken in [[&der[..], &[0]].concat(), list(&[&[0x05, 0x00]]), list(&[SECOND, SECOND])] {
            assert_eq!(CertificateList::parse(&broken).err(), Some(InvalidMessage::Crl.into()));
        }
        // another algorithm next to the signature than in what is signed
        let tbs = CertificateList::parse(&der).unwrap().tbs();
        let other = assemble(tbs, SignatureScheme::RsaPkcs1(Digest::Sha512), &[7; 4]);
        assert_eq!(CertificateList::parse(&other).err(), Some(InvalidMessage::Crl.into()));
    }
}
