//! Certs-only messages (RFC 8894 section 3.4) and the answer to GetCACert (section 4.2.1).

use super::certificate::Certificate;
use super::limits::Limits;
use super::oid::Oid;
use super::signed_data::{CertificateSet, SignedData, write_certificates, write_content_info};
use super::tlv::{self, Reader, Writer};
use crate::error::{Error, InvalidMessage};
use alloc::vec;
use alloc::vec::Vec;

/// A view of a degenerate SignedData that does nothing but carry certificates (RFC 8894 section 3.4).
///
/// ```text
/// SignedData { version 1, digestAlgorithms {}, encapContentInfo { id-data }, certificates {..}, signerInfos {} }
/// ```
///
/// Read as well: an empty eContent, any eContentType, and signatures; the last two are not looked at. What the certificates are worth is for
/// the receiver to find out.
#[derive(Clone, Copy, Debug)]
pub struct CertsOnly<'a>(SignedData<'a>);

impl<'a> CertsOnly<'a> {
    /// Reads DER. Content that is not empty is [`InvalidMessage::ContentType`]; for the rest see
    /// [`SignedData::parse`].
    pub fn parse(der: &'a [u8], limits: &Limits) -> Result<Self, Error> {
        let signed_data = SignedData::parse(der, limits)?;
        if signed_data.content().is_some_and(|content| !content.is_empty()) {
            return Err(InvalidMessage::ContentType.into());
        }
        Ok(Self(signed_data))
    }

    /// The certificates, in the order in which they were sent.
    pub fn certificates(&self) -> CertificateSet<'a> {
        self.0.certificates()
    }

    /// The X.509 CRLs, each a whole element: what a GetCRL is answered with.
    pub fn crls(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.0.crls()
    }
}

/// The DER of a certs-only message with these certificates, in the order given: peers take the first one for the
/// issued one.
pub fn encode(certificates: &[&[u8]]) -> Vec<u8> {
    encode_with(|writer| write_certificates(writer, certificates))
}

/// The DER of a certs-only message with one CRL, a DER `CertificateList` (RFC 5280 section 5.1), and no certificate: what
/// GetCRL is answered with (RFC 8894 section 3.3.2.1).
///
/// ```text
/// SignedData { version 1, digestAlgorithms {}, encapContentInfo { id-data }, crls {..}, signerInfos {} }
/// ```
pub fn encode_crl(crl: &[u8]) -> Vec<u8> {
    encode_with(|writer| writer.tlv(tlv::context(1), crl))
}

fn encode_with(contents: impl FnOnce(&mut Writer)) -> Vec<u8> {
    write_content_info(Oid::ID_SIGNED_DATA, 0, |writer| {
        writer.tlv(tlv::INTEGER, &[1]);
        writer.tlv(tlv::SET, &[]);
        writer.nested(tlv::SEQUENCE, |writer| writer.tlv(tlv::OBJECT_IDENTIFIER, Oid::ID_DATA.as_bytes()));
        contents(writer);
        writer.tlv(tlv::SET, &[]);
    })
}

/// The certificates in the answer to GetCACert, in the order sent: one bare certificate, or a certs-only message.
/// Which of the two it is shows in the bytes; media types are often wrong.
///
/// `body` is DER, or what [`normalize`](super::normalize()) made of it; white space after it is allowed. [`InvalidMessage::NoCertificates`] if there is none.
pub fn ca_certificates<'a>(body: &'a [u8], limits: &Limits) -> Result<Vec<&'a [u8]>, Error> {
    let mut reader = Reader::new(body)?;
    let outer = reader.any()?;
    // Only what follows the element may be white space: a signature may end in such a byte too.
    if !reader.rest().trim_ascii().is_empty() {
        return Err(InvalidMessage::TrailingData.into());
    }
    let body = outer.raw;
    if outer.tag != tlv::SEQUENCE {
        return Err(InvalidMessage::NoCertificates.into());
    }
    // A ContentInfo begins with its type, a Certificate with its TBSCertificate.
    if outer.value.first() == Some(&tlv::SEQUENCE) {
        Certificate::parse(body)?;
        return Ok(vec![body]);
    }
    let certificates: Vec<_> = CertsOnly::parse(body, limits)?.certificates().iter().collect();
    if certificates.is_empty() { Err(InvalidMessage::NoCertificates.into()) } else { Ok(certificates) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Limit;
    use crate::wire::signed_data::tests::{certificate, signed_data};

    const EMPTY: &[u8] = b"\x30\x23\x06\x09\x2A\x86\x48\x86\xF7\x0D\x01\x07\x02\xA0\x16\x30\x14\x02\x01\x01\
        \x31\x00\x30\x0B\x06\x09\x2A\x86\x48\x86\xF7\x0D\x01\x07\x01\x31\x00";

    fn parse(der: &[u8]) -> Result<CertsOnly<'_>, Error> {
        CertsOnly::parse(der, &Limits::DEFAULT)
    }

    fn certificates(body: &[u8]) -> Result<Vec<&[u8]>, Error> {
        ca_certificates(body, &Limits::DEFAULT)
    }

    // R-3.4-1, R-3.4-2
    #[test]
    fn a_message_has_these_bytes() {
        assert_eq!(encode(&[]), EMPTY);
        let one = b"\x30\x29\x06\x09\x2A\x86\x48\x86\xF7\x0D\x01\x07\x02\xA0\x1C\x30\x1A\x02\x01\x01\
            \x31\x00\x30\x0B\x06\x09\x2A\x86\x48\x86\xF7\x0D\x01\x07\x01\xA0\x04\x30\x02\x05\x00\x31\x00";
        assert_eq!(encode(&[b"\x30\x02\x05\x00"]), one);
    }

    // R-2.7-2, R-3.4-2, R-3.3.2.1-5
    #[test]
    fn a_message_with_a_crl_has_no_certificates() {
        let crl = [0x30, 2, 5, 0];
        let der = encode_crl(&crl);
        let mut expected = encode(&[&crl]);
        // the same with the tag of crls in place of that of certificates
        let at = expected.windows(6).position(|part| part == [0xA0, 4, 0x30, 2, 5, 0]).unwrap();
        expected[at] = 0xA1;
        assert_eq!(der, expected);
        let message = parse(&der).unwrap();
        assert!(message.certificates().is_empty());
        assert!(message.crls().eq([&crl[..]]));
    }

    // quirk 24, R-3.3.2.1-3
    #[test]
    fn certificates_keep_their_order() {
        let (issued, ca) = (certificate("CN=device-with-a-long-name", &[2]), certificate("CN=CA", &[1]));
        assert!(ca < issued);
        for order in [[&issued[..], &ca], [&ca, &issued]] {
            let der = encode(&order);
            assert!(parse(&der).unwrap().certificates().iter().eq(order));
            assert_eq!(certificates(&der), Ok(order.to_vec()));
        }
    }

    // Q8, R-3.4-1
    #[test]
    fn empty_content_is_read_and_other_content_is_not() {
        let with = |content: &[u8]| {
            let mut encapsulated = Writer::new();
            encapsulated.nested(tlv::SEQUENCE, |writer| {
                writer.tlv(tlv::OBJECT_IDENTIFIER, Oid::ID_DATA.as_bytes());
                writer.nested(tlv::context(0), |writer| writer.tlv(tlv::OCTET_STRING, content));
            });
            let digests = [0x31, 2, 0x30, 0];
            signed_data(&[&[2, 1, 1], &digests, &encapsulated.finish(), &[0xA0, 2, 0x30, 0], &[0x31, 0]])
        };
        assert_eq!(parse(&with(&[])).unwrap().certificates().len(), 1);
        assert_eq!(parse(&with(&[0])).map(drop), Err(InvalidMessage::ContentType.into()));
    }

    // Q8, quirk 10, R-4.2.1-2: told by the bytes, since media types are often wrong.
    #[test]
    fn an_answer_to_get_ca_cert_is_a_certificate_or_a_bundle() {
        let (one, two) = (certificate("CN=CA", &[1]), certificate("CN=RA", &[2]));
        assert_eq!(certificates(&one), Ok(vec![&one[..]]));
        assert_eq!(certificates(&[&one[..], b"\r\n"].concat()), Ok(vec![&one[..]]));
        assert_eq!(certificates(&encode(&[&one, &two])), Ok(vec![&one[..], &two]));
        assert_eq!(certificates(EMPTY), Err(InvalidMessage::NoCertificates.into()));
        assert_eq!(certificates(&[&one[..], b"\0"].concat()), Err(InvalidMessage::TrailingData.into()));
        for body in [&b""[..], b"<html></html>", b"\x30\x00", b"\x04\x00", b"\x30\x02\x30\x00"] {
            assert!(certificates(body).is_err(), "{body:x?}");
        }
    }

    #[test]
    fn a_signature_that_ends_in_white_space_stays_whole() {
        let certificate = certificate("CN=CA", &[1]);
        for end in *b"\t\n\x0C\r " {
            let mut one = certificate.clone();
            *one.last_mut().unwrap() = end;
            assert_eq!(certificates(&one), Ok(vec![&one[..]]));
            assert_eq!(certificates(&[&one[..], b" \r\n"].concat()), Ok(vec![&one[..]]));
        }
        assert_eq!(
            certificates(&[&certificate[..], b"\n", &certificate].concat()),
            Err(InvalidMessage::TrailingData.into())
        );
    }

    // T39
    #[test]
    fn certificates_are_counted() {
        let limits = Limits { certificates: 1, ..Limits::DEFAULT };
        let der = encode(&[&[0x30, 0], &[0x30, 0]]);
        assert_eq!(ca_certificates(&der, &limits), Err(Limit::Certificates.into()));
    }
}
