//! Which certificate is meant: by issuer and serial number, by key identifier, by issuer and subject.

#[cfg(feature = "server")]
use super::blind::Blind;
use super::certificate::Certificate;
use super::name::Name;
use super::tlv::{self, Reader, Tlv, Writer};
use crate::error::{Error, InvalidMessage};
use alloc::vec::Vec;
#[cfg(feature = "server")]
use core::cell::Cell;
use core::fmt;

/// Names one certificate (RFC 5652 section 10.2.4); the content of GetCert and GetCRL (RFC 8894 section 3.3.4).
///
/// ```text
/// IssuerAndSerialNumber ::= SEQUENCE {
///     issuer        Name,
///     serialNumber  INTEGER }
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct IssuerAndSerialNumber<'a> {
    /// The issuer.
    pub issuer: Name<'a>,
    /// The serial number: contents octets of the INTEGER as they stand, of any length and sign.
    pub serial: &'a [u8],
}

impl<'a> IssuerAndSerialNumber<'a> {
    /// Reads one that fills `der`. [`InvalidMessage::Der`], [`InvalidMessage::Name`] or
    /// [`InvalidMessage::TrailingData`] when it is not one.
    pub fn parse(der: &'a [u8]) -> Result<Self, Error> {
        Self::from_tlv(&Tlv::parse(der)?)
    }

    fn from_tlv(tlv: &Tlv<'a>) -> Result<Self, Error> {
        if tlv.tag != tlv::SEQUENCE {
            return Err(InvalidMessage::Der.into());
        }
        let mut fields = tlv.reader()?;
        let issuer = Name::parse(fields.any()?.raw)?;
        let serial = fields.expect(tlv::INTEGER)?.value;
        fields.finish()?;
        Ok(Self { issuer, serial })
    }

    /// Reads DER that should be one and nothing else, or is garbage: as many elements are read in either case, and what is
    /// missing is that of `stand_in`. The issuer may be any SEQUENCE.
    #[cfg(feature = "server")]
    pub(crate) fn outline(der: &'a [u8], stand_in: &'a [u8]) -> (Self, Result<(), Error>) {
        let fault = Cell::new(None);
        let mut outer = Blind::new(der, stand_in, &fault);
        let (_, mut fields) = outer.enter(tlv::SEQUENCE);
        outer.finish();
        let issuer = Name::read_before(fields.expect(tlv::SEQUENCE).raw);
        let serial = fields.expect(tlv::INTEGER).value;
        fields.finish();
        (Self { issuer, serial }, fault.get().map_or(Ok(()), Err))
    }

    /// The DER.
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        self.write(&mut writer);
        writer.finish()
    }

    pub(crate) fn write(&self, writer: &mut Writer) {
        writer.nested(tlv::SEQUENCE, |writer| {
            writer.raw(self.issuer.as_der());
            writer.tlv(tlv::INTEGER, self.serial);
        });
    }

    /// Whether it names `certificate`: the same serial number, byte for byte, and the same issuer, byte for byte or
    /// by the rules of RFC 5280 section 7.1.
    pub fn matches(&self, certificate: &Certificate<'_>) -> bool {
        self.serial == certificate.serial() && self.issuer.matches(&certificate.issuer())
    }
}

impl fmt::Debug for IssuerAndSerialNumber<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IssuerAndSerialNumber({}, serial 0x", self.issuer)?;
        self.serial.iter().try_for_each(|byte| write!(f, "{byte:02X}"))?;
        f.write_str(")")
    }
}

/// The content of CertPoll (RFC 8894 section 3.3.3): the CA and the subject that waits for its certificate.
///
/// ```text
/// IssuerAndSubject ::= SEQUENCE {
///     issuer   Name,
///     subject  Name }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IssuerAndSubject<'a> {
    /// The subject of the CA certificate.
    pub issuer: Name<'a>,
    /// The subject of the certification request.
    pub subject: Name<'a>,
}

impl<'a> IssuerAndSubject<'a> {
    /// Reads one that fills `der`. [`InvalidMessage::Der`], [`InvalidMessage::Name`] or
    /// [`InvalidMessage::TrailingData`] when it is not one.
    pub fn parse(der: &'a [u8]) -> Result<Self, Error> {
        let mut reader = Reader::new(der)?;
        let mut fields = reader.enter(tlv::SEQUENCE)?;
        reader.finish()?;
        let issuer = Name::parse(fields.any()?.raw)?;
        let subject = Name::parse(fields.any()?.raw)?;
        fields.finish()?;
        Ok(Self { issuer, subject })
    }

    /// The DER.
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.nested(tlv::SEQUENCE, |writer| {
            writer.raw(self.issuer.as_der());
            writer.raw(self.subject.as_der());
        });
        writer.finish()
    }
}

/// How a SignerInfo names its signer, and a RecipientInfo its recipient (RFC 5652 sections 5.3 and 6.2.1).
///
/// ```text
/// SignerIdentifier ::= CHOICE {        -- RecipientIdentifier is the same
///     issuerAndSerialNumber  IssuerAndSerialNumber,
///     subjectKeyIdentifier   [0] IMPLICIT OCTET STRING }
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum CertificateSelector<'a> {
    /// By issuer and serial number: the form that every peer knows, and the only one written here.
    IssuerAndSerialNumber(IssuerAndSerialNumber<'a>),
    /// By the value of the extension `subjectKeyIdentifier`, mostly 20 bytes.
    SubjectKeyIdentifier(&'a [u8]),
}

impl<'a> CertificateSelector<'a> {
    /// Reads the next element: a SEQUENCE or a primitive `[0]`, else [`InvalidMessage::Der`].
    pub(crate) fn read(reader: &mut Reader<'a>) -> Result<Self, Error> {
        let tlv = reader.any()?;
        if tlv.tag == tlv::context_primitive(0) {
            Ok(Self::SubjectKeyIdentifier(tlv.value))
        } else {
            IssuerAndSerialNumber::from_tlv(&tlv).map(Self::IssuerAndSerialNumber)
        }
    }

    /// Whether `certificate` is the one that is meant. A certificate without key identifier is never meant by one.
    pub fn matches(&self, certificate: &Certificate<'_>) -> bool {
        match self {
            Self::IssuerAndSerialNumber(selector) => selector.matches(certificate),
            Self::SubjectKeyIdentifier(identifier) => {
                certificate.subject_key_identifier() == Some(identifier)
            }
        }
    }
}

impl fmt::Debug for CertificateSelector<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::IssuerAndSerialNumber(selector) => selector.fmt(f),
            Self::SubjectKeyIdentifier(identifier) => {
                f.write_str("SubjectKeyIdentifier(")?;
                identifier.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
                f.write_str(")")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::distinguished_name::DistinguishedName;

    #[test]
    fn selectors_are_read_back_byte_for_byte() {
        let issuer: DistinguishedName = "C=DE, CN=CA".parse().unwrap();
        let subject: DistinguishedName = "CN=dev1".parse().unwrap();
        let serial = IssuerAndSerialNumber { issuer: issuer.name(), serial: &[0xFF, 0x00] };
        assert_eq!(IssuerAndSerialNumber::parse(&serial.encode()).unwrap(), serial);
        // R-3.3.3-1
        let poll = IssuerAndSubject { issuer: issuer.name(), subject: subject.name() };
        assert_eq!(IssuerAndSubject::parse(&poll.encode()).unwrap(), poll);
    }

    #[test]
    fn both_forms_of_a_signer_identifier_are_read() {
        let mut reader = Reader::new(&[0x80, 2, 1, 2]).unwrap();
        let selector = CertificateSelector::read(&mut reader).unwrap();
        assert_eq!(selector, CertificateSelector::SubjectKeyIdentifier(&[1, 2]));

        let der = [0x30, 5, 0x30, 0, 2, 1, 7];
        let selector = CertificateSelector::read(&mut Reader::new(&der).unwrap()).unwrap();
        let empty = IssuerAndSerialNumber { issuer: Name::parse(&[0x30, 0]).unwrap(), serial: &[7] };
        assert_eq!(selector, CertificateSelector::IssuerAndSerialNumber(empty));

        assert!(CertificateSelector::read(&mut Reader::new(&[0xA0, 2, 4, 0]).unwrap()).is_err());
    }

    // T38
    #[test]
    fn trailing_fields_are_refused() {
        let der = [0x30, 7, 0x30, 0, 2, 1, 7, 5, 0];
        assert_eq!(IssuerAndSerialNumber::parse(&der), Err(InvalidMessage::TrailingData.into()));
        let der = [0x30, 6, 0x30, 0, 0x30, 0, 5, 0];
        assert_eq!(IssuerAndSubject::parse(&der), Err(InvalidMessage::TrailingData.into()));
    }
}
