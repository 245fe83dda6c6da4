//! PKCS #10 certification requests (RFC 2986) and the attributes that SCEP needs of them (RFC 2985 section 5.4).

use super::algorithm::AlgorithmIdentifier;
use super::attributes::{Attribute, find_once};
use super::blind::Blind;
use super::extension::Extensions;
use super::limits::Limits;
use super::name::{self, Name};
use super::oid::Oid;
use super::public_key::SubjectPublicKeyInfo;
use super::requested_validity::RequestedValidity;
use super::signed_data::{check_elements, elements};
use super::tlv::{self, Tlv};
use super::values::is_printable_string;
use crate::error::{Error, InvalidMessage, Limit};
use alloc::string::String;
use alloc::vec::Vec;
use core::cell::Cell;
use core::fmt;
use zeroize::Zeroizing;

/// A view of a certification request (RFC 2986 section 4).
///
/// ```text
/// CertificationRequest ::= SEQUENCE {
///     certificationRequestInfo CertificationRequestInfo,
///     signatureAlgorithm AlgorithmIdentifier,
///     signature BIT STRING }
/// CertificationRequestInfo ::= SEQUENCE {
///     version INTEGER { v1(0) },
///     subject Name,
///     subjectPKInfo SubjectPublicKeyInfo,
///     attributes [0] IMPLICIT SET OF Attribute }
/// Attribute ::= SEQUENCE { type OBJECT IDENTIFIER, values SET SIZE (1..MAX) OF ANY }
/// ```
///
/// Read as well: attributes left out, and attributes in another order than that of DER. `Debug` shows no attribute,
/// since one of them is the challenge password.
#[derive(Clone, Copy)]
pub struct CertificationRequest<'a> {
    der: &'a [u8],
    info: &'a [u8],
    subject: Name<'a>,
    public_key: SubjectPublicKeyInfo<'a>,
    attributes: &'a [u8],
    signature_algorithm: AlgorithmIdentifier<'a>,
    signature: &'a [u8],
    longest_challenge: usize,
}

impl<'a> CertificationRequest<'a> {
    /// Reads DER that holds one request and nothing else.
    ///
    /// [`InvalidMessage::CertificationRequest`] if it is none, [`Limit::CertificationRequest`] if it is longer than
    /// [`Limits::certification_request`], [`Limit::Attributes`] if it has more attributes than allowed. The
    /// signature is not verified here.
    pub fn parse(der: &'a [u8], limits: &Limits) -> Result<Self, Error> {
        if der.len() > limits.certification_request {
            return Err(Limit::CertificationRequest.into());
        }
        let (outline, form) = Outline::read(der, der);
        form.and_then(|()| outline.check(limits))
    }

    /// The whole request.
    pub fn as_der(&self) -> &'a [u8] {
        self.der
    }

    /// The CertificationRequestInfo as received: what is signed.
    pub fn info(&self) -> &'a [u8] {
        self.info
    }

    /// The subject; it may be empty.
    pub fn subject(&self) -> Name<'a> {
        self.subject
    }

    /// The key to be certified.
    pub fn public_key(&self) -> SubjectPublicKeyInfo<'a> {
        self.public_key
    }

    /// The signature algorithm.
    pub fn signature_algorithm(&self) -> AlgorithmIdentifier<'a> {
        self.signature_algorithm
    }

    /// The signature: contents of the BIT STRING, as sent. Its length is unchecked; that of an RSA signature is that of
    /// the modulus.
    pub fn signature(&self) -> &'a [u8] {
        self.signature
    }

    /// All attributes, in the order received; each has at least one value.
    pub fn attributes(&self) -> impl Iterator<Item = Attribute<'a>> + use<'a> {
        elements(self.attributes).filter_map(|tlv| Attribute::parse(&tlv).ok())
    }

    /// The challenge password (RFC 2985 section 5.4.1) as text; `None` if it is missing or empty, which means the
    /// same.
    ///
    /// ```text
    /// challengePassword ATTRIBUTE ::= { WITH SYNTAX DirectoryString SINGLE VALUE TRUE }
    /// ```
    ///
    /// Read are all types of `DirectoryString` (PrintableString with any ASCII, TeletexString as Latin-1, UTF8String,
    /// BMPString, UniversalString), and IA5String, NumericString and VisibleString as well. [`InvalidMessage::ChallengePassword`] if it occurs twice, has not exactly one
    /// value, is no such string or holds a NUL; [`Limit::Challenge`] if it, or its UTF-8 form, is longer than the
    /// [`Limits::challenge`] given to [`Self::parse`].
    pub fn challenge_password(&self) -> Result<Option<Zeroizing<String>>, Error> {
        let malformed = |_| InvalidMessage::ChallengePassword;
        let attribute = find_once(self.attributes(), Oid::CHALLENGE_PASSWORD).map_err(malformed)?;
        let Some(attribute) = attribute else { return Ok(None) };
        let value = attribute.single().map_err(malformed)?;
        if value.value.len() > self.longest_challenge {
            return Err(Limit::Challenge.into());
        }
        let text = name::decode_text(value.tag, value.value).map(Zeroizing::new);
        let text = text.filter(|text| !text.contains('\0')).ok_or(InvalidMessage::ChallengePassword)?;
        if text.len() > self.longest_challenge {
            return Err(Limit::Challenge.into());
        }
        Ok(Some(text).filter(|text| !text.is_empty()))
    }

    /// The extensions asked for (RFC 2985 section 5.4.2), under its own type or under the two older ones of
    /// Microsoft and VeriSign; `None` if there are none.
    ///
    /// ```text
    /// extensionRequest ATTRIBUTE ::= { WITH SYNTAX Extensions SINGLE VALUE TRUE }
    /// ```
    ///
    /// [`InvalidMessage::RepeatedAttribute`] if a type occurs twice or has not exactly one value,
    /// [`InvalidMessage::CertificationRequest`] if two types disagree; for the rest see [`Extensions::parse`].
    pub fn extension_request(&self, limits: &Limits) -> Result<Option<Extensions<'a>>, Error> {
        let mut found: Option<Tlv<'a>> = None;
        for oid in [Oid::EXTENSION_REQUEST, Oid::EXTENSION_REQUEST_MICROSOFT, Oid::EXTENSION_REQUEST_VERISIGN]
        {
            let Some(attribute) = find_once(self.attributes(), oid)? else { continue };
            let value = attribute.single()?;
            if found.is_some_and(|found| found.raw != value.raw) {
                return Err(InvalidMessage::CertificationRequest.into());
            }
            found = Some(value);
        }
        let found = found.filter(|found| found.raw != EMPTY_SEQUENCE);
        found.map(|found| Extensions::parse(found.raw, limits)).transpose()
    }

    /// How long the certificate is asked to be valid, in Microsoft's pairs of names and values, which may stand in one
    /// attribute or in several. `None` if they are missing or make no sense: this is a wish, which no request fails by.
    pub fn requested_validity(&self) -> Option<RequestedValidity> {
        let pairs = self.attributes().filter(|attribute| attribute.oid == Oid::ENROLLMENT_NAME_VALUE_PAIR);
        RequestedValidity::from_pairs(pairs.flat_map(|attribute| elements(attribute.values)))
    }
}

impl fmt::Debug for CertificationRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CertificationRequest")
            .field("subject", &format_args!("{}", self.subject))
            .field("length", &self.der.len())
            .finish_non_exhaustive()
    }
}

/// A certification request of which no more was read than its signature needs.
#[derive(Clone, Copy)]
pub(crate) struct Outline<'a> {
    der: &'a [u8],
    info: &'a [u8],
    version: &'a [u8],
    subject: &'a [u8],
    public_key: SubjectPublicKeyInfo<'a>,
    attributes: &'a [u8],
    signature_algorithm: AlgorithmIdentifier<'a>,
    signature: &'a [u8],
}

impl<'a> Outline<'a> {
    /// Reads DER that should be one request and nothing else, or is garbage: as many elements are read in either case, and
    /// a part that is missing is that of `stand_in`, which is a request. [`InvalidMessage::CertificationRequest`] if
    /// anything is missing.
    ///
    /// The subject and the attributes, which may have many elements, are left for [`Self::check`].
    pub(crate) fn read(der: &'a [u8], stand_in: &'a [u8]) -> (Self, Result<(), Error>) {
        let fault = Cell::new(None);
        let mut outer = Blind::new(der, stand_in, &fault);
        let (_, mut request) = outer.enter(tlv::SEQUENCE);
        outer.finish();
        let (info, mut fields) = request.enter(tlv::SEQUENCE);
        let (_, signature_algorithm) = request.enter(tlv::SEQUENCE);
        let signature = request.whole_bytes();
        request.finish();

        let version = fields.expect(tlv::INTEGER).value;
        let subject = fields.expect(tlv::SEQUENCE).raw;
        let (raw_key, mut key) = fields.enter(tlv::SEQUENCE);
        let attributes = fields.optional(tlv::context(0)).value;
        fields.finish();
        let (_, key_algorithm) = key.enter(tlv::SEQUENCE);
        let key_bytes = key.whole_bytes();
        key.finish();

        let signature_algorithm = algorithm(signature_algorithm);
        let public_key = SubjectPublicKeyInfo::from_parts(raw_key, algorithm(key_algorithm), key_bytes);
        let form = fault.get().map_or(Ok(()), |_| Err(InvalidMessage::CertificationRequest.into()));
        let outline =
            Self { der, info, version, subject, public_key, attributes, signature_algorithm, signature };
        (outline, form)
    }

    /// Reads the rest; the errors are those of [`CertificationRequest::parse`].
    pub(crate) fn check(self, limits: &Limits) -> Result<CertificationRequest<'a>, Error> {
        if self.der.len() > limits.certification_request {
            return Err(Limit::CertificationRequest.into());
        }
        self.check_rest(limits).map_err(|error| match error {
            Error::InvalidMessage(_) => InvalidMessage::CertificationRequest.into(),
            other => other,
        })
    }

    fn check_rest(self, limits: &Limits) -> Result<CertificationRequest<'a>, Error> {
        if self.version != [0] {
            return Err(InvalidMessage::CertificationRequest.into());
        }
        let subject = Name::parse(self.subject)?;
        check_elements(self.attributes, limits.attributes, Limit::Attributes, |attribute| {
            match Attribute::parse(&attribute)?.values {
                [] => Err(InvalidMessage::CertificationRequest.into()),
                _ => Ok(()),
            }
        })?;
        Ok(CertificationRequest {
            der: self.der,
            info: self.info,
            subject,
            public_key: self.public_key,
            attributes: self.attributes,
            signature_algorithm: self.signature_algorithm,
            signature: self.signature,
            longest_challenge: limits.challenge,
        })
    }
}

#[cfg(feature = "server")]
impl<'a> Outline<'a> {
    pub(crate) fn info(&self) -> &'a [u8] {
        self.info
    }

    /// The element that should be the subject.
    pub(crate) fn raw_subject(&self) -> &'a [u8] {
        self.subject
    }

    pub(crate) fn public_key(&self) -> SubjectPublicKeyInfo<'a> {
        self.public_key
    }

    pub(crate) fn signature_algorithm(&self) -> AlgorithmIdentifier<'a> {
        self.signature_algorithm
    }

    pub(crate) fn signature(&self) -> &'a [u8] {
        self.signature
    }
}

fn algorithm<'a>(mut fields: Blind<'a, '_>) -> AlgorithmIdentifier<'a> {
    let oid = Oid::new(fields.expect(tlv::OBJECT_IDENTIFIER).value);
    let parameters = Some(fields.any().raw).filter(|parameters| !parameters.is_empty());
    fields.finish();
    AlgorithmIdentifier { oid, parameters }
}

const EMPTY_SEQUENCE: [u8; 2] = [tlv::SEQUENCE, 0];

/// What goes into a CertificationRequestInfo. [`assemble`](super::assemble) makes a request of it and a signature.
#[derive(Clone, Copy)]
pub struct CertificationRequestInfoDraft<'a> {
    /// The subject.
    pub subject: Name<'a>,
    /// The key to be certified.
    pub public_key: SubjectPublicKeyInfo<'a>,
    /// The challenge password: written as PrintableString if that can hold it, else as UTF8String.
    pub challenge: Option<&'a str>,
    /// DER of the `Extensions` to ask for. No attribute is written if there are none.
    pub extensions: Option<&'a [u8]>,
}

impl CertificationRequestInfoDraft<'_> {
    /// The DER that is signed. It holds the challenge password, and so is wiped when dropped.
    pub fn encode(&self) -> Zeroizing<Vec<u8>> {
        self.encode_with(&[])
    }

    /// The same with further attributes, each the DER of an `Attribute` of another type.
    pub(crate) fn encode_with(&self, further: &[&[u8]]) -> Zeroizing<Vec<u8>> {
        let mut attributes = Vec::with_capacity(further.len().saturating_add(2));
        attributes.extend(further.iter().map(|attribute| Zeroizing::new(attribute.to_vec())));
        if let Some(challenge) = self.challenge {
            let printable = is_printable_string(challenge.as_bytes());
            let tag = if printable { tlv::PRINTABLE_STRING } else { tlv::UTF8_STRING };
            let value = element(tag, &[challenge.as_bytes()]);
            attributes.push(attribute(Oid::CHALLENGE_PASSWORD, &value));
        }
        if let Some(extensions) = self.extensions.filter(|der| !der.is_empty() && *der != EMPTY_SEQUENCE) {
            attributes.push(attribute(Oid::EXTENSION_REQUEST, extensions));
        }
        // The order of DER; see `SignedAttributesDraft::encode`.
        tlv::sort(&mut attributes);
        let attributes: Vec<&[u8]> = attributes.iter().map(|attribute| attribute.as_slice()).collect();
        let attributes = element(tlv::context(0), &attributes);
        let version = [tlv::INTEGER, 1, 0];
        element(
            tlv::SEQUENCE,
            &[&version, self.subject.as_der(), self.public_key.as_der(), attributes.as_slice()],
        )
    }
}

impl fmt::Debug for CertificationRequestInfoDraft<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CertificationRequestInfoDraft")
            .field("subject", &format_args!("{}", self.subject))
            .finish_non_exhaustive()
    }
}

fn attribute(oid: Oid<'_>, value: &[u8]) -> Zeroizing<Vec<u8>> {
    let oid = element(tlv::OBJECT_IDENTIFIER, &[oid.as_bytes()]);
    let values = element(tlv::SET, &[value]);
    element(tlv::SEQUENCE, &[oid.as_slice(), values.as_slice()])
}

/// An element around `parts`, which may hold the challenge.
fn element(tag: u8, parts: &[&[u8]]) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(tlv::element(tag, parts))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::algorithm::{Digest, SignatureScheme};
    use crate::wire::certificate::assemble;
    use crate::wire::distinguished_name::DistinguishedName;
    use crate::wire::public_key::encode_rsa;
    use alloc::format;

    const SCHEME: SignatureScheme = SignatureScheme::RsaPkcs1(Digest::Sha256);
    const KEY_USAGE: &[u8] = b"\x30\x0D\x30\x0B\x06\x03\x55\x1D\x0F\x04\x04\x03\x02\x05\xA0";

    fn signed(info: &[u8]) -> Vec<u8> {
        assemble(info, SCHEME, &[0x5A; 256])
    }

    /// A request with this version and these bytes in place of the attributes field.
    fn with_fields(version: u8, attributes: &[u8]) -> Vec<u8> {
        let key = encode_rsa(&[0xFF; 256], &[1, 0, 1]);
        signed(&element(tlv::SEQUENCE, &[&[2, 1, version], &EMPTY_SEQUENCE, &key, attributes]))
    }

    /// A request with these attributes, each a type and its encoded values, in this order.
    fn with(attributes: &[(Oid<'_>, &[u8])]) -> Vec<u8> {
        let encode = |(oid, values): &(Oid<'_>, &[u8])| {
            let oid = element(tlv::OBJECT_IDENTIFIER, &[oid.as_bytes()]);
            element(tlv::SEQUENCE, &[&oid, &element(tlv::SET, &[values])]).to_vec()
        };
        let attributes: Vec<_> = attributes.iter().map(encode).collect();
        with_fields(0, &element(tlv::context(0), &[&attributes.concat()]))
    }

    fn parse(der: &[u8]) -> CertificationRequest<'_> {
        CertificationRequest::parse(der, &Limits::DEFAULT).unwrap()
    }

    fn challenge(attributes: &[(Oid<'_>, &[u8])]) -> Result<Option<String>, Error> {
        parse(&with(attributes)).challenge_password().map(|text| text.map(|text| text.as_str().into()))
    }

    const CHALLENGE: Oid<'static> = Oid::CHALLENGE_PASSWORD;

    #[test]
    fn the_attributes_have_these_bytes() {
        let key = encode_rsa(&[0xFF; 256], &[1, 0, 1]);
        let draft = CertificationRequestInfoDraft {
            subject: Name::parse(&EMPTY_SEQUENCE).unwrap(),
            public_key: SubjectPublicKeyInfo::parse(&key).unwrap(),
            challenge: Some("abc"),
            extensions: Some(&[0x30, 2, 5, 0]),
        };
        let expected = [
            &b"\x30\x82\x01\x54\x02\x01\x00\x30\x00"[..],
            &key,
            b"\xA0\x27\x30\x11\x06\x09\x2A\x86\x48\x86\xF7\x0D\x01\x09\x0E\x31\x04\x30\x02\x05\x00",
            b"\x30\x12\x06\x09\x2A\x86\x48\x86\xF7\x0D\x01\x09\x07\x31\x05\x13\x03abc",
        ];
        assert_eq!(*draft.encode(), expected.concat());
        // P10-1: the field stays when there is no attribute.
        for extensions in [None, Some(&[][..]), Some(&EMPTY_SEQUENCE[..])] {
            let draft = CertificationRequestInfoDraft { challenge: None, extensions, ..draft };
            assert!(draft.encode().ends_with(&[&key[..], &[0xA0, 0]].concat()));
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        let subject: DistinguishedName = "C=DE, CN=dev1".parse().unwrap();
        let key = encode_rsa(&[0xFF; 256], &[1, 0, 1]);
        let draft = CertificationRequestInfoDraft {
            subject: subject.name(),
            public_key: SubjectPublicKeyInfo::parse(&key).unwrap(),
            challenge: Some("p@ss_ü"),
            extensions: Some(KEY_USAGE),
        };
        let info = draft.encode();
        let der = signed(&info);
        let request = parse(&der);
        assert_eq!((request.as_der(), request.info()), (&der[..], &info[..]));
        assert_eq!(request.subject(), subject.name());
        assert_eq!(request.public_key().as_der(), key);
        assert_eq!(SignatureScheme::from_identifier(&request.signature_algorithm()), Ok(SCHEME));
        assert_eq!(request.signature(), [0x5A; 256]);
        assert_eq!(request.attributes().count(), 2);
        assert_eq!(request.challenge_password().unwrap().unwrap().as_str(), "p@ss_ü");
        let extensions = request.extension_request(&Limits::DEFAULT).unwrap().unwrap();
        assert_eq!(extensions.as_der(), KEY_USAGE);
    }

    // P9-2
    #[test]
    fn a_challenge_is_a_printable_string_where_possible() {
        for (text, tag) in
            [("abc", 0x13), ("A z'()+,-./:=?9", 0x13), ("p@ss", 0x0C), ("a_b", 0x0C), ("ü", 0x0C)]
        {
            let key = encode_rsa(&[0xFF; 256], &[1, 0, 1]);
            let draft = CertificationRequestInfoDraft {
                subject: Name::parse(&EMPTY_SEQUENCE).unwrap(),
                public_key: SubjectPublicKeyInfo::parse(&key).unwrap(),
                challenge: Some(text),
                extensions: None,
            };
            let info = draft.encode();
            assert!(info.ends_with(&element(tag, &[text.as_bytes()])), "{text}");
            let found = parse(&signed(&info)).challenge_password().unwrap().unwrap();
            assert_eq!(found.as_str(), text);
        }
    }

    // P9-3, T11
    #[test]
    fn a_challenge_is_read_in_every_string_type() {
        for value in [
            &b"\x13\x03Ab1"[..],
            b"\x0C\x03Ab1",
            b"\x14\x03Ab1",
            b"\x16\x03Ab1",
            b"\x1E\x06\0A\0b\x001",
            b"\x1C\x0C\0\0\0A\0\0\0b\0\0\x001",
        ] {
            assert_eq!(challenge(&[(CHALLENGE, value)]), Ok(Some("Ab1".into())), "{value:x?}");
        }
    }

    // R-2.4-6, T11
    #[test]
    fn an_empty_challenge_counts_as_none() {
        assert_eq!(challenge(&[]), Ok(None));
        assert_eq!(challenge(&[(CHALLENGE, b"\x13\x00")]), Ok(None));
        assert_eq!(challenge(&[(CHALLENGE, b"\x0C\x00")]), Ok(None));
    }

    // P9-1, T11
    #[test]
    fn a_challenge_occurs_once_and_is_text() {
        let one = b"\x13\x011";
        let two = [&one[..], one].concat();
        for attributes in [
            &[(CHALLENGE, &one[..]), (CHALLENGE, one)][..],
            &[(CHALLENGE, &two)],
            &[(CHALLENGE, b"\x04\x011")],
            &[(CHALLENGE, b"\x02\x01\x01")],
            &[(CHALLENGE, b"\x0C\x01\xFF")],
            &[(CHALLENGE, b"\x0C\x03a\0b")],
            &[(CHALLENGE, b"\x1E\x02\0\0")],
            &[(CHALLENGE, b"\x1E\x03\0a\0")],
        ] {
            assert_eq!(
                challenge(attributes),
                Err(InvalidMessage::ChallengePassword.into()),
                "{attributes:x?}"
            );
        }
    }

    // P9-4
    #[test]
    fn a_challenge_is_bounded_also_after_decoding() {
        let limits = Limits { challenge: 4, ..Limits::DEFAULT };
        for (value, expected) in [
            (&b"\x13\x041234"[..], Ok(Some(4))),
            (b"\x13\x0512345", Err(Limit::Challenge.into())),
            (b"\x14\x03\xE4\xE4\xE4", Err(Limit::Challenge.into())),
        ] {
            let der = with(&[(CHALLENGE, value)]);
            let found = CertificationRequest::parse(&der, &limits).unwrap().challenge_password();
            assert_eq!(found.map(|text| text.map(|text| text.len())), expected);
        }
    }

    // P9-5
    #[test]
    fn extensions_are_read_under_three_types() {
        let types =
            [Oid::EXTENSION_REQUEST, Oid::EXTENSION_REQUEST_MICROSOFT, Oid::EXTENSION_REQUEST_VERISIGN];
        let request = |attributes: &[(Oid<'_>, &[u8])]| {
            let der = with(attributes);
            let found = parse(&der).extension_request(&Limits::DEFAULT)?;
            Ok::<_, Error>(found.map(|found| found.as_der().to_vec()))
        };
        for oid in types {
            assert_eq!(request(&[(oid, KEY_USAGE)]), Ok(Some(KEY_USAGE.to_vec())));
            assert_eq!(request(&[(oid, &EMPTY_SEQUENCE)]), Ok(None));
            let repeated = Err(InvalidMessage::RepeatedAttribute.into());
            assert_eq!(request(&[(oid, KEY_USAGE), (oid, KEY_USAGE)]), repeated);
            assert_eq!(request(&[(oid, &[KEY_USAGE, KEY_USAGE].concat())]), repeated);
        }
        assert_eq!(request(&[]), Ok(None));
        assert_eq!(request(&types.map(|oid| (oid, KEY_USAGE))), Ok(Some(KEY_USAGE.to_vec())));
        let other = b"\x30\x0D\x30\x0B\x06\x03\x55\x1D\x0F\x04\x04\x03\x02\x02\x04";
        let differ = request(&[(types[0], KEY_USAGE), (types[1], other)]);
        assert_eq!(differ, Err(InvalidMessage::CertificationRequest.into()));
    }

    // P10-1, P10-3
    #[test]
    fn odd_attribute_fields_are_read_where_harmless() {
        let der = with_fields(0, &[]);
        assert_eq!(parse(&der).attributes().count(), 0);
        // Not in the order of DER.
        let der = with(&[(CHALLENGE, b"\x13\x03123"), (Oid::SHA1, &[5, 0])]);
        assert!(parse(&der).attributes().map(|attribute| attribute.oid).eq([CHALLENGE, Oid::SHA1]));
        for der in [with(&[(Oid::SHA1, &[])]), with_fields(1, &[0xA0, 0]), with_fields(0, &[0xA1, 0])] {
            let refused = CertificationRequest::parse(&der, &Limits::DEFAULT).map(drop);
            assert_eq!(refused, Err(InvalidMessage::CertificationRequest.into()));
        }
    }

    // T38, T39
    #[test]
    fn requests_are_bounded_and_well_formed() {
        let der = with(&[(Oid::SHA1, &[5, 0]), (Oid::SHA256, &[5, 0])]);
        let check = |der: &[u8], limits: &Limits| CertificationRequest::parse(der, limits).map(drop);
        let limits = Limits { certification_request: der.len(), attributes: 2, ..Limits::DEFAULT };
        assert_eq!(check(&der, &limits), Ok(()));
        let short = Limits { certification_request: der.len() - 1, ..Limits::DEFAULT };
        assert_eq!(check(&der, &short), Err(Limit::CertificationRequest.into()));
        let few = Limits { attributes: 1, ..Limits::DEFAULT };
        assert_eq!(check(&der, &few), Err(Limit::Attributes.into()));

        let malformed = Err(InvalidMessage::CertificationRequest.into());
        for length in 0..der.len() {
            assert_eq!(check(&der[..length], &Limits::DEFAULT), malformed);
        }
        assert_eq!(check(&[&der[..], &[0]].concat(), &Limits::DEFAULT), malformed);
        let mut unused_bits = der.clone();
        unused_bits[der.len() - 257] = 1;
        assert_eq!(check(&unused_bits, &Limits::DEFAULT), malformed);
        assert_eq!(check(&[0xFF; 100], &Limits::DEFAULT), malformed);
    }

    // T2: what is missing is that of the stand-in, and the rest is read on
    #[test]
    fn garbage_is_read_as_far_as_a_request() {
        let stand_in =
            signed(&element(tlv::SEQUENCE, &[&[2, 1, 0], &EMPTY_SEQUENCE, &key(0xAA), &[0xA0, 0]]));
        let der = with(&[(CHALLENGE, b"\x13\x03123")]);
        let (whole, form) = Outline::read(&der, &stand_in);
        assert_eq!((whole.public_key.as_der(), form), (&key(0xFF)[..], Ok(())));

        let malformed = Err(InvalidMessage::CertificationRequest.into());
        for garbage in [&[][..], &[0; 400], &[0xFF; 400], &[0x30, 0], &der[1..], &der[..der.len() - 1]] {
            let (outline, form) = Outline::read(garbage, &stand_in);
            assert_eq!(form, malformed);
            assert_eq!(outline.public_key.as_der(), key(0xAA));
            assert_eq!((outline.subject, outline.signature), (&EMPTY_SEQUENCE[..], &[0x5A; 256][..]));
        }
        // a fault in one place is none in the others
        let change = |at: usize, byte: u8| {
            let mut changed = der.clone();
            changed[at] = byte;
            changed
        };
        let public_key = der.windows(4).position(|window| window == &key(0xFF)[..4]).unwrap();
        for (at, byte) in [(8, 3), (public_key, 0x31), (der.len() - 257, 1), (der.len() - 261, 4)] {
            let changed = change(at, byte);
            let (outline, form) = Outline::read(&changed, &stand_in);
            assert_eq!(form, malformed, "{at}");
            let expected = if at == 8 || at == public_key { key(0xAA) } else { key(0xFF) };
            assert_eq!(outline.public_key.as_der(), expected, "{at}");
        }
        // more than its signature needs is not looked at
        let values = der.windows(9).position(|window| window == CHALLENGE.as_bytes()).unwrap() + 9;
        for (at, byte) in [(10, 1), (values, 0x30)] {
            let changed = change(at, byte);
            let (outline, form) = Outline::read(&changed, &stand_in);
            assert_eq!(form, Ok(()));
            assert_eq!(outline.check(&Limits::DEFAULT).map(drop), malformed);
        }
    }

    fn key(byte: u8) -> Vec<u8> {
        encode_rsa(&[byte; 256], &[1, 0, 1])
    }

    // T50
    #[test]
    fn debug_shows_no_challenge() {
        let der = with(&[(CHALLENGE, b"\x13\x07hunter2")]);
        let request = parse(&der);
        let attribute = request.attributes().next().unwrap();
        let shown = format!("{request:?} {attribute:?}");
        let in_decimal = format!("{:?}", b"hunter2");
        assert!(!shown.contains("hunter2") && !shown.contains(in_decimal.trim_matches(['[', ']'])));
    }
}
