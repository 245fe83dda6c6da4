//! CMS SignedData (RFC 5652 section 5): the outer layer of every pkiMessage, and the whole of a certs-only message.

use super::algorithm::{AlgorithmIdentifier, SignatureScheme};
use super::attributes::SignedAttributes;
use super::certificate::Certificate;
use super::limits::Limits;
use super::oid::Oid;
use super::selector::{CertificateSelector, IssuerAndSerialNumber};
use super::tlv::{self, Reader, Tlv, Writer};
use crate::error::{Error, InvalidMessage, Limit};
use alloc::vec::Vec;
use core::fmt;

/// A view of a ContentInfo that holds SignedData (RFC 5652 sections 3 and 5.1).
///
/// ```text
/// ContentInfo ::= SEQUENCE { contentType OBJECT IDENTIFIER, content [0] EXPLICIT ANY }
/// SignedData ::= SEQUENCE {
///     version CMSVersion,
///     digestAlgorithms SET OF DigestAlgorithmIdentifier,
///     encapContentInfo EncapsulatedContentInfo,
///     certificates [0] IMPLICIT CertificateSet OPTIONAL,
///     crls [1] IMPLICIT RevocationInfoChoices OPTIONAL,
///     signerInfos SET OF SignerInfo }
/// EncapsulatedContentInfo ::= SEQUENCE {
///     eContentType OBJECT IDENTIFIER,
///     eContent [0] EXPLICIT OCTET STRING OPTIONAL }
/// ```
///
/// Versions 1 to 5 are read. digestAlgorithms is not looked at: a SignerInfo names its own.
#[derive(Clone, Copy)]
pub struct SignedData<'a> {
    content_type: Oid<'a>,
    content: Option<Tlv<'a>>,
    certificates: &'a [u8],
    crls: &'a [u8],
    signers: usize,
    signer: Option<SignerInfo<'a>>,
}

impl<'a> SignedData<'a> {
    /// Reads DER that holds one ContentInfo and nothing else.
    ///
    /// [`InvalidMessage::NotSignedData`] if it holds another content type, [`Limit::Certificates`],
    /// [`Limit::Crls`] and [`Limit::Attributes`] if it holds too many of them.
    pub fn parse(der: &'a [u8], limits: &Limits) -> Result<Self, Error> {
        let mut reader = content_info(der, Oid::ID_SIGNED_DATA, InvalidMessage::NotSignedData)?;
        check_version(&mut reader, 1, 5)?;
        reader.expect(tlv::SET)?;

        let mut encapsulated = reader.enter(tlv::SEQUENCE)?;
        let content_type = Oid::new(encapsulated.expect(tlv::OBJECT_IDENTIFIER)?.value);
        let content = match encapsulated.optional(tlv::context(0))? {
            Some(content) => Some(Tlv::parse(content.value)?),
            None => None,
        };
        encapsulated.finish()?;

        let certificates = reader.optional(tlv::context(0))?.map(|set| set.value).unwrap_or_default();
        check_elements(certificates, limits.certificates, Limit::Certificates, |_| Ok(()))?;
        let crls = reader.optional(tlv::context(1))?.map(|set| set.value).unwrap_or_default();
        check_elements(crls, limits.crls, Limit::Crls, |_| Ok(()))?;

        let infos = reader.expect(tlv::SET)?.value;
        let mut signer = None;
        let signers = check_elements(infos, usize::MAX, Limit::Nodes, |info| {
            // More than one is refused by `signer`, so only the first is read.
            if signer.is_none() {
                signer = Some(SignerInfo::parse(&info, limits)?);
            }
            Ok(())
        })?;
        reader.finish()?;
        Ok(Self { content_type, content, certificates, crls, signers, signer })
    }

    /// eContentType. A pkiMessage has id-data; it is for the caller to refuse others.
    pub fn content_type(&self) -> Oid<'a> {
        self.content_type
    }

    /// The octets that are digested (RFC 5652 section 5.4): those of eContent. `None` if there is no eContent.
    ///
    /// PKCS #7 v1.5 allows any type in place of OCTET STRING; then these are its contents octets (RFC 5652 section
    /// 5.2.1), and what to parse is [`Self::embedded`].
    pub fn content(&self) -> Option<&'a [u8]> {
        self.content.map(|content| content.value)
    }

    /// The message inside: the octets of eContent or, where a PKCS #7 v1.5 peer sends another type than
    /// OCTET STRING, that element as a whole. `None` if there is no eContent.
    pub fn embedded(&self) -> Option<&'a [u8]> {
        let content = self.content?;
        Some(if content.tag == tlv::OCTET_STRING { content.value } else { content.raw })
    }

    /// The certificates sent along. Nothing says that they may be trusted.
    pub fn certificates(&self) -> CertificateSet<'a> {
        CertificateSet(self.certificates)
    }

    /// The X.509 CRLs, each a whole element (`CertificateList`, RFC 5280 section 5.1).
    pub fn crls(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        sequences(self.crls)
    }

    /// Whether there is any SignerInfo.
    pub fn has_signers(&self) -> bool {
        self.signers != 0
    }

    /// The SignerInfo; [`InvalidMessage::SignerCount`] if there is not exactly one.
    pub fn signer(&self) -> Result<SignerInfo<'a>, Error> {
        match (self.signers, self.signer) {
            (1, Some(signer)) => Ok(signer),
            _ => Err(InvalidMessage::SignerCount.into()),
        }
    }
}

impl fmt::Debug for SignedData<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignedData")
            .field("content_type", &self.content_type)
            .field("content_length", &self.content().map(<[u8]>::len))
            .field("certificates", &self.certificates())
            .field("signers", &self.signers)
            .finish_non_exhaustive()
    }
}

/// The certificates of a SignedData (RFC 5652 section 10.2.3).
///
/// ```text
/// CertificateSet ::= SET OF CertificateChoices
/// CertificateChoices ::= CHOICE {
///     certificate Certificate,
///     extendedCertificate [0] IMPLICIT ExtendedCertificate, -- obsolete
///     v1AttrCert [1] IMPLICIT AttributeCertificateV1,       -- obsolete
///     v2AttrCert [2] IMPLICIT AttributeCertificateV2,
///     other [3] IMPLICIT OtherCertificateFormat }
/// ```
///
/// Only X.509 certificates are seen; they stay unread until asked for, so that an odd one does not spoil the rest.
#[derive(Clone, Copy)]
pub struct CertificateSet<'a>(&'a [u8]);

impl<'a> CertificateSet<'a> {
    /// The certificates, each a whole element, in the order in which they were sent.
    pub fn iter(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        sequences(self.0)
    }

    /// The first certificate that fits; those that cannot be read are passed over.
    pub fn find(&self, selector: &CertificateSelector<'_>) -> Option<Certificate<'a>> {
        let mut certificates = self.iter().filter_map(|der| Certificate::parse(der).ok());
        certificates.find(|certificate| selector.matches(certificate))
    }

    /// How many certificates there are.
    pub fn len(&self) -> usize {
        self.iter().count()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }
}

impl fmt::Debug for CertificateSet<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CertificateSet({})", self.len())
    }
}

/// A view of one signer's part (RFC 5652 section 5.3).
///
/// ```text
/// SignerInfo ::= SEQUENCE {
///     version CMSVersion,
///     sid SignerIdentifier,
///     digestAlgorithm DigestAlgorithmIdentifier,
///     signedAttrs [0] IMPLICIT SignedAttributes OPTIONAL,
///     signatureAlgorithm SignatureAlgorithmIdentifier,
///     signature OCTET STRING,
///     unsignedAttrs [1] IMPLICIT UnsignedAttributes OPTIONAL }
/// ```
///
/// The version follows from sid and is not looked at; unsignedAttrs are not looked at either.
#[derive(Clone, Copy)]
pub struct SignerInfo<'a> {
    sid: CertificateSelector<'a>,
    digest_algorithm: AlgorithmIdentifier<'a>,
    signed_attributes: Option<SignedAttributes<'a>>,
    signature_algorithm: AlgorithmIdentifier<'a>,
    signature: &'a [u8],
}

impl<'a> SignerInfo<'a> {
    fn parse(info: &Tlv<'a>, limits: &Limits) -> Result<Self, Error> {
        if info.tag != tlv::SEQUENCE {
            return Err(InvalidMessage::Der.into());
        }
        let mut reader = info.reader()?;
        reader.expect(tlv::INTEGER)?;
        let sid = CertificateSelector::read(&mut reader)?;
        let digest_algorithm = AlgorithmIdentifier::read(&mut reader)?;
        let signed_attributes = match reader.optional(tlv::context(0))? {
            Some(attributes) => Some(SignedAttributes::parse(attributes.raw, limits)?),
            None => None,
        };
        let signature_algorithm = AlgorithmIdentifier::read(&mut reader)?;
        let signature = reader.expect(tlv::OCTET_STRING)?.value;
        reader.optional(tlv::context(1))?;
        reader.finish()?;
        Ok(Self { sid, digest_algorithm, signed_attributes, signature_algorithm, signature })
    }

    /// Which certificate the signer means.
    pub fn sid(&self) -> CertificateSelector<'a> {
        self.sid
    }

    /// The digest over content and signed attributes.
    pub fn digest_algorithm(&self) -> AlgorithmIdentifier<'a> {
        self.digest_algorithm
    }

    /// The signed attributes; [`InvalidMessage::NoSignedAttributes`] if there are none, which RFC 8894 section 3.2
    /// forbids and which would let content pass for attributes.
    pub fn signed_attributes(&self) -> Result<SignedAttributes<'a>, Error> {
        self.signed_attributes.ok_or(InvalidMessage::NoSignedAttributes.into())
    }

    /// The signature algorithm.
    pub fn signature_algorithm(&self) -> AlgorithmIdentifier<'a> {
        self.signature_algorithm
    }

    /// The signature: contents of the OCTET STRING, as sent. Its length is unchecked; that of an RSA signature is that
    /// of the modulus.
    pub fn signature(&self) -> &'a [u8] {
        self.signature
    }
}

impl fmt::Debug for SignerInfo<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignerInfo")
            .field("signed_attributes", &self.signed_attributes)
            .finish_non_exhaustive()
    }
}

/// What goes into the SignedData of a pkiMessage: version 1, id-data, one signer.
#[derive(Clone, Copy)]
pub struct SignedDataDraft<'a> {
    /// eContent; it is always written, also when it is empty.
    pub content: &'a [u8],
    /// Certificates as DER, written in this order: some peers take the first one for the issued one.
    pub certificates: &'a [&'a [u8]],
    /// The signer's certificate.
    pub signer: IssuerAndSerialNumber<'a>,
    /// The signature's scheme; its digest is also that of the content.
    pub scheme: SignatureScheme,
    /// The signed attributes as they were signed, with the tag 0x31 of SET OF.
    pub signed_attributes: &'a [u8],
    /// The signature.
    pub signature: &'a [u8],
}

impl SignedDataDraft<'_> {
    /// The DER of the ContentInfo. signatureAlgorithm is rsaEncryption and the digest algorithm has NULL
    /// parameters: every peer reads that.
    pub fn encode(&self) -> Vec<u8> {
        let digest = self.scheme.digest();
        let signer = |writer: &mut Writer| {
            writer.tlv(tlv::INTEGER, &[1]);
            self.signer.write(writer);
            digest.write(writer);
            writer.raw(&[tlv::context(0)]);
            writer.raw(self.signed_attributes.get(1..).unwrap_or_default());
            self.scheme.write_signer_info(writer);
            writer.tlv(tlv::OCTET_STRING, self.signature);
        };
        let parts = [self.content, self.signed_attributes, self.signature];
        let large =
            parts.iter().chain(self.certificates).fold(0, |sum: usize, part| sum.saturating_add(part.len()));
        write_content_info(Oid::ID_SIGNED_DATA, large, |writer| {
            writer.tlv(tlv::INTEGER, &[1]);
            writer.nested(tlv::SET, |writer| digest.write(writer));
            writer.nested(tlv::SEQUENCE, |writer| {
                writer.tlv(tlv::OBJECT_IDENTIFIER, Oid::ID_DATA.as_bytes());
                writer.nested(tlv::context(0), |writer| writer.tlv(tlv::OCTET_STRING, self.content));
            });
            write_certificates(writer, self.certificates);
            writer.nested(tlv::SET, |writer| writer.nested(tlv::SEQUENCE, signer));
        })
    }
}

impl fmt::Debug for SignedDataDraft<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignedDataDraft").field("scheme", &self.scheme).finish_non_exhaustive()
    }
}

/// The inside of the SEQUENCE in a ContentInfo of this type, else `otherwise`.
pub(super) fn content_info<'a>(
    der: &'a [u8],
    content_type: Oid<'_>,
    otherwise: InvalidMessage,
) -> Result<Reader<'a>, Error> {
    let outer = Tlv::parse(der)?;
    if outer.tag != tlv::SEQUENCE {
        return Err(otherwise.into());
    }
    let mut info = outer.reader()?;
    if info.optional(tlv::OBJECT_IDENTIFIER)?.map(|oid| oid.value) != Some(content_type.as_bytes()) {
        return Err(otherwise.into());
    }
    let mut content = info.enter(tlv::context(0))?;
    info.finish()?;
    let inside = content.enter(tlv::SEQUENCE)?;
    content.finish()?;
    Ok(inside)
}

/// A ContentInfo of this type around the SEQUENCE whose contents `write` writes: `large` bytes of what may be long, and some.
/// A buffer that grows takes three times that of a small heap.
pub(super) fn write_content_info(
    content_type: Oid<'_>,
    large: usize,
    write: impl FnOnce(&mut Writer),
) -> Vec<u8> {
    let mut writer = Writer::with_capacity(large.saturating_add(REST));
    writer.nested(tlv::SEQUENCE, |writer| {
        writer.tlv(tlv::OBJECT_IDENTIFIER, content_type.as_bytes());
        writer.nested(tlv::context(0), |writer| writer.nested(tlv::SEQUENCE, write));
    });
    writer.finish()
}

/// More than all the rest of a ContentInfo mostly takes, bytes: names of issuers, algorithms, headers, an encrypted key.
const REST: usize = 640;

/// The certificates field, in the order given and not in that of DER; left out when there is no certificate.
pub(super) fn write_certificates(writer: &mut Writer, certificates: &[&[u8]]) {
    if !certificates.is_empty() {
        writer.nested(tlv::context(0), |writer| certificates.iter().for_each(|der| writer.raw(der)));
    }
}

/// Reads a CMSVersion.
pub(super) fn check_version(reader: &mut Reader<'_>, least: u8, most: u8) -> Result<(), Error> {
    match reader.expect(tlv::INTEGER)?.value {
        [version] if (least..=most).contains(version) => Ok(()),
        _ => Err(InvalidMessage::Der.into()),
    }
}

/// Checks that `value` is a row of at most `most` elements that `check` accepts, and counts them.
pub(super) fn check_elements<'a>(
    value: &'a [u8],
    most: usize,
    limit: Limit,
    mut check: impl FnMut(Tlv<'a>) -> Result<(), Error>,
) -> Result<usize, Error> {
    let mut reader = Reader::new(value)?;
    let mut count = 0_usize;
    while !reader.is_empty() {
        if count >= most {
            return Err(limit.into());
        }
        check(reader.any()?)?;
        count = count.saturating_add(1);
    }
    Ok(count)
}

/// The elements of a row that has been checked; it ends early where one cannot be read.
pub(super) fn elements<'a>(value: &'a [u8]) -> impl Iterator<Item = Tlv<'a>> + use<'a> {
    let mut reader = Reader::new(value).ok();
    core::iter::from_fn(move || reader.as_mut()?.any().ok())
}

/// The X.509 alternative of CertificateChoices and of RevocationInfoChoice, which alone is a SEQUENCE.
fn sequences<'a>(value: &'a [u8]) -> impl Iterator<Item = &'a [u8]> + use<'a> {
    elements(value).filter(|tlv| tlv.tag == tlv::SEQUENCE).map(|tlv| tlv.raw)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::wire::algorithm::Digest;
    use crate::wire::certificate::{TbsCertificateDraft, assemble};
    use crate::wire::distinguished_name::DistinguishedName;
    use crate::wire::extension::KeyUsage;
    use crate::wire::name::Name;
    use crate::wire::public_key::{SubjectPublicKeyInfo, encode_rsa};
    use alloc::vec;
    use core::time::Duration;
    use rustls_pki_types::UnixTime;

    /// A certificate with this name and serial number; its key and signature are made up.
    pub(in crate::wire) fn certificate(name: &str, serial: &[u8]) -> Vec<u8> {
        let subject: DistinguishedName = name.parse().unwrap();
        let public_key = encode_rsa(&[0xFF; 256], &[1, 0, 1]);
        let scheme = SignatureScheme::RsaPkcs1(Digest::Sha256);
        let tbs = TbsCertificateDraft {
            serial,
            subject: subject.name(),
            not_before: UnixTime::since_unix_epoch(Duration::from_secs(1_700_000_000)),
            not_after: UnixTime::since_unix_epoch(Duration::from_secs(1_800_000_000)),
            public_key: SubjectPublicKeyInfo::parse(&public_key).unwrap(),
            scheme,
            key_usage: KeyUsage::DIGITAL_SIGNATURE,
        };
        assemble(&tbs.encode(), scheme, &[0x5A; 256])
    }

    /// A SignedData around these fields, from the version to signerInfos.
    pub(in crate::wire) fn signed_data(fields: &[&[u8]]) -> Vec<u8> {
        write_content_info(Oid::ID_SIGNED_DATA, 0, |writer| fields.iter().for_each(|field| writer.raw(field)))
    }

    fn parse(der: &[u8]) -> SignedData<'_> {
        SignedData::parse(der, &Limits::DEFAULT).unwrap()
    }

    fn refused(der: &[u8]) -> Error {
        SignedData::parse(der, &Limits::DEFAULT).unwrap_err()
    }

    const VERSION: &[u8] = &[2, 1, 1];
    const NO_SET: &[u8] = &[0x31, 0];
    const DATA: &[u8] = b"\x30\x0B\x06\x09\x2A\x86\x48\x86\xF7\x0D\x01\x07\x01";
    const SIGNED_ATTRIBUTES: &[u8] = b"\x31\x0F\x30\x0D\x06\x09\x2A\x86\x48\x86\xF7\x0D\x01\x09\x04\x31\x00";
    /// version 1, issuerAndSerialNumber { {}, 7 }, SHA-256 without parameters, rsaEncryption, two bytes of signature.
    const SIGNER: &[u8] = b"\x30\x2A\x02\x01\x01\x30\x05\x30\x00\x02\x01\x07\
        \x30\x0B\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\
        \x30\x0D\x06\x09\x2A\x86\x48\x86\xF7\x0D\x01\x01\x01\x05\x00\x04\x02\xAB\xCD";

    fn set(elements: &[&[u8]]) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.tlv(tlv::SET, &elements.concat());
        writer.finish()
    }

    /// eContentType id-data with these octets as `[0]`.
    fn with_content(content: &[u8]) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.nested(tlv::SEQUENCE, |writer| {
            writer.raw(&DATA[2..]);
            writer.tlv(tlv::context(0), content);
        });
        writer.finish()
    }

    fn draft<'a>(certificates: &'a [&'a [u8]]) -> SignedDataDraft<'a> {
        SignedDataDraft {
            content: b"abc",
            certificates,
            signer: IssuerAndSerialNumber { issuer: Name::parse(&[0x30, 0]).unwrap(), serial: &[7] },
            scheme: SignatureScheme::RsaPkcs1(Digest::Sha256),
            signed_attributes: SIGNED_ATTRIBUTES,
            signature: &[0xAB, 0xCD],
        }
    }

    // C-5.1-1, C-5.3-1, C-5.3-4
    #[test]
    fn a_message_has_these_bytes() {
        let expected = [
            &b"\x30\x81\x82\x06\x09\x2A\x86\x48\x86\xF7\x0D\x01\x07\x02\xA0\x75\x30\x73\x02\x01\x01"[..],
            b"\x31\x0F\x30\x0D\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00",
            b"\x30\x12\x06\x09\x2A\x86\x48\x86\xF7\x0D\x01\x07\x01\xA0\x05\x04\x03abc",
            b"\xA0\x08\x30\x03\x01\x01\x01\x30\x01\x09",
            b"\x31\x3F\x30\x3D\x02\x01\x01\x30\x05\x30\x00\x02\x01\x07",
            b"\x30\x0D\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00",
            b"\xA0\x0F\x30\x0D\x06\x09\x2A\x86\x48\x86\xF7\x0D\x01\x09\x04\x31\x00",
            b"\x30\x0D\x06\x09\x2A\x86\x48\x86\xF7\x0D\x01\x01\x01\x05\x00\x04\x02\xAB\xCD",
        ]
        .concat();
        // Certificates keep their order, which is not that of DER.
        let certificates: [&[u8]; 2] = [b"\x30\x03\x01\x01\x01", b"\x30\x01\x09"];
        assert_eq!(draft(&certificates).encode(), expected);
    }

    #[test]
    fn what_is_written_is_read_back() {
        let certificate = certificate("CN=dev1", &[7]);
        let der = draft(&[&certificate]).encode();
        let message = parse(&der);
        assert_eq!((message.content_type(), message.content()), (Oid::ID_DATA, Some(&b"abc"[..])));
        assert!(message.certificates().iter().eq([&certificate[..]]));
        let signer = message.signer().unwrap();
        assert_eq!(signer.sid(), CertificateSelector::IssuerAndSerialNumber(draft(&[]).signer));
        assert_eq!(Digest::from_identifier(&signer.digest_algorithm()), Ok(Digest::Sha256));
        assert_eq!(signer.signature_algorithm().oid, Oid::RSA_ENCRYPTION);
        assert_eq!(signer.signature(), [0xAB, 0xCD]);
        let attributes = signer.signed_attributes().unwrap();
        assert_eq!(attributes.to_be_verified().concat(), SIGNED_ATTRIBUTES);
    }

    // quirk 32, R-3.3.2.3-2, C-5.2-1
    #[test]
    fn absent_and_empty_content_are_told_apart() {
        let absent = signed_data(&[VERSION, NO_SET, DATA, NO_SET]);
        assert_eq!((parse(&absent).content(), parse(&absent).embedded()), (None, None));
        let empty = signed_data(&[VERSION, NO_SET, &with_content(&[4, 0]), NO_SET]);
        assert_eq!(parse(&empty).content(), Some(&[][..]));
        let none: [&[u8]; 0] = [];
        let der = SignedDataDraft { content: &[], ..draft(&none) }.encode();
        assert_eq!(parse(&der).content(), Some(&[][..]));
        assert!(parse(&der).certificates().is_empty());
    }

    // C-5.2.1-1
    #[test]
    fn content_of_another_type_is_digested_without_its_header() {
        let der = signed_data(&[VERSION, NO_SET, &with_content(&[0x30, 2, 5, 0]), NO_SET]);
        assert_eq!(parse(&der).content(), Some(&[5, 0][..]));
        assert_eq!(parse(&der).embedded(), Some(&[0x30, 2, 5, 0][..]));
        let two = signed_data(&[VERSION, NO_SET, &with_content(&[5, 0, 5, 0]), NO_SET]);
        assert_eq!(refused(&two), InvalidMessage::TrailingData.into());
    }

    // P6, C-5.1-1, C-5.3-3
    #[test]
    fn versions_1_to_5_and_any_digest_algorithms_are_read() {
        for version in 1..=5 {
            parse(&signed_data(&[&[2, 1, version], NO_SET, DATA, NO_SET]));
        }
        parse(&signed_data(&[VERSION, &set(&[&[0x30, 0], &[5, 0]]), DATA, NO_SET]));
        for version in [&[2, 1, 0][..], &[2, 1, 6], &[2, 2, 1, 0], &[4, 1, 1]] {
            assert_eq!(refused(&signed_data(&[version, NO_SET, DATA, NO_SET])), InvalidMessage::Der.into());
        }
    }

    // T45, C-5.1-3
    #[test]
    fn there_has_to_be_exactly_one_signer() {
        let none = signed_data(&[VERSION, NO_SET, DATA, NO_SET]);
        assert!(!parse(&none).has_signers());
        let two = signed_data(&[VERSION, NO_SET, DATA, &set(&[SIGNER, SIGNER])]);
        assert!(parse(&two).has_signers());
        for der in [none, two] {
            assert_eq!(parse(&der).signer().unwrap_err(), InvalidMessage::SignerCount.into());
        }
        let one = signed_data(&[VERSION, NO_SET, DATA, &set(&[SIGNER])]);
        assert_eq!(parse(&one).signer().unwrap().signature(), [0xAB, 0xCD]);
    }

    // R-3.2-3, T30
    #[test]
    fn a_signer_without_signed_attributes_is_refused() {
        let der = signed_data(&[VERSION, NO_SET, DATA, &set(&[SIGNER])]);
        let signer = parse(&der).signer().unwrap();
        assert_eq!(signer.signed_attributes().unwrap_err(), InvalidMessage::NoSignedAttributes.into());
    }

    // R-3.2.1-6
    #[test]
    fn unsigned_attributes_are_ignored() {
        let unsigned = b"\xA1\x13\x30\x11\x06\x0A\x60\x86\x48\x01\x86\xF8\x45\x01\x09\x03\x31\x03\x13\x010";
        let mut writer = Writer::new();
        writer.tlv(tlv::SEQUENCE, &[&SIGNER[2..], unsigned].concat());
        let der = signed_data(&[VERSION, NO_SET, DATA, &set(&[&writer.finish()])]);
        let signer = parse(&der).signer().unwrap();
        assert_eq!(signer.signed_attributes().unwrap_err(), InvalidMessage::NoSignedAttributes.into());
    }

    // C-5.3-1
    #[test]
    fn a_signer_may_be_named_by_key_identifier() {
        let signer = b"\x30\x29\x02\x01\x03\x80\x04\x01\x02\x03\x04\
            \x30\x0B\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\
            \x30\x0D\x06\x09\x2A\x86\x48\x86\xF7\x0D\x01\x01\x01\x05\x00\x04\x02\xAB\xCD";
        let der = signed_data(&[&[2, 1, 3], NO_SET, DATA, &set(&[signer])]);
        let expected = CertificateSelector::SubjectKeyIdentifier(&[1, 2, 3, 4]);
        assert_eq!(parse(&der).signer().unwrap().sid(), expected);
    }

    // C-10-1, R-2.3-9
    #[test]
    fn the_signer_is_found_among_other_and_odd_certificates() {
        let (other, wanted) = (certificate("CN=CA", &[1]), certificate("CN=dev1", &[2]));
        let odd: [&[u8]; 3] = [b"\xA2\x02\x05\x00", b"\x30\x03\x02\x01\x01", b"\xA3\x00"];
        let mut writer = Writer::new();
        writer.tlv(tlv::context(0), &[odd[0], &other, odd[1], odd[2], &wanted].concat());
        let der = signed_data(&[VERSION, NO_SET, DATA, &writer.finish(), NO_SET]);
        let certificates = parse(&der).certificates();
        assert!(certificates.iter().eq([&other[..], odd[1], &wanted]));
        assert_eq!(certificates.len(), 3);
        let find = |der: &[u8]| {
            let selector = Certificate::parse(der).unwrap().issuer_and_serial();
            let found = certificates.find(&CertificateSelector::IssuerAndSerialNumber(selector));
            found.map(|found| found.as_der().to_vec())
        };
        assert_eq!(find(&wanted), Some(wanted.clone()));
        assert_eq!(find(&other), Some(other.clone()));
        assert_eq!(find(&certificate("CN=dev1", &[3])), None);
    }

    // T39
    #[test]
    fn revocation_lists_are_counted_and_read_as_they_came() {
        let lists = |count: u8| {
            let crls = [vec![0xA1, 4 * count], [0x30, 2, 5, 0].repeat(count.into())].concat();
            signed_data(&[VERSION, NO_SET, DATA, &crls, NO_SET])
        };
        let one = lists(1);
        assert!(parse(&one).crls().eq([&[0x30, 2, 5, 0][..]]));
        assert_eq!(refused(&lists(2)), Limit::Crls.into());
        let none = Limits { crls: 0, ..Limits::DEFAULT };
        assert_eq!(SignedData::parse(&one, &none).unwrap_err(), Limit::Crls.into());
    }

    // T39
    #[test]
    fn certificates_and_attributes_are_counted() {
        for (limits, most) in [(Limits::DEFAULT, 16), (Limits::FIRMWARE, 6)] {
            for (count, expected) in [(most, Ok(())), (most + 1, Err(Limit::Certificates.into()))] {
                let certificates = [vec![0xA0, 2 * count], [0x30, 0].repeat(count.into())].concat();
                let der = signed_data(&[VERSION, NO_SET, DATA, &certificates, NO_SET]);
                assert_eq!(SignedData::parse(&der, &limits).map(drop), expected);
            }
        }
        let limits = Limits { attributes: 0, ..Limits::DEFAULT };
        let der = draft(&[]).encode();
        assert_eq!(SignedData::parse(&der, &limits).unwrap_err(), Limit::Attributes.into());
    }

    // T46
    #[test]
    fn other_contents_are_no_signed_data() {
        let not = Error::from(InvalidMessage::NotSignedData);
        assert_eq!(refused(&write_content_info(Oid::ID_ENVELOPED_DATA, 0, |_| ())), not);
        assert_eq!(refused(&[0x30, 0]), not);
        assert_eq!(refused(&[4, 1, 0]), not);
        assert_eq!(refused(&certificate("CN=CA", &[1])), not);
    }

    // T38
    #[test]
    fn truncated_and_overlong_messages_are_refused() {
        let certificate = certificate("CN=dev1", &[7]);
        let mut der = draft(&[&certificate]).encode();
        for length in 0..der.len() {
            refused(&der[..length]);
        }
        der.push(0);
        assert_eq!(refused(&der), InvalidMessage::TrailingData.into());
        let field = signed_data(&[VERSION, NO_SET, DATA, NO_SET, &[5, 0]]);
        assert_eq!(refused(&field), InvalidMessage::TrailingData.into());
    }
}
