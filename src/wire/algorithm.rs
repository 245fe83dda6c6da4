//! Algorithms by the names that messages give them (RFC 3370, RFC 3565, RFC 4055, RFC 5754, RFC 5758, RFC 8017).

use super::oid::Oid;
use super::padding;
use super::tlv::{self, Reader, Tlv, Writer};
use crate::error::{BadSignature, Error, InvalidMessage, Unsupported};
use alloc::vec::Vec;

/// The DER of NULL, which is what parameters are that say nothing.
pub(super) const NULL: &[u8] = &[0x05, 0x00];

/// The name of an algorithm, with what else it needs (RFC 5280 section 4.1.1.2).
///
/// ```text
/// AlgorithmIdentifier ::= SEQUENCE {
///     algorithm   OBJECT IDENTIFIER,
///     parameters  ANY DEFINED BY algorithm OPTIONAL }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AlgorithmIdentifier<'a> {
    /// Which algorithm it is.
    pub oid: Oid<'a>,
    /// The parameters: the whole element, tag and length included. `None` when absent.
    pub parameters: Option<&'a [u8]>,
}

impl<'a> AlgorithmIdentifier<'a> {
    /// Reads one `AlgorithmIdentifier` that fills `der`. [`InvalidMessage::Der`]
    /// or [`TrailingData`](crate::error::InvalidMessage::TrailingData) when it is not one.
    pub fn parse(der: &'a [u8]) -> Result<Self, Error> {
        let mut reader = Reader::new(der)?;
        let identifier = Self::read(&mut reader)?;
        reader.finish()?;
        Ok(identifier)
    }

    /// Reads the next element.
    pub(crate) fn read(reader: &mut Reader<'a>) -> Result<Self, Error> {
        Self::read_fields(reader.enter(tlv::SEQUENCE)?)
    }

    /// Reads what is inside of the SEQUENCE, or of the tag that stands in its place.
    pub(super) fn read_fields(mut fields: Reader<'a>) -> Result<Self, Error> {
        let oid = Oid::new(fields.expect(tlv::OBJECT_IDENTIFIER)?.value);
        let parameters = if fields.is_empty() { None } else { Some(fields.any()?.raw) };
        fields.finish()?;
        Ok(Self { oid, parameters })
    }

    /// Whether both name the same: as certificates and CRLs have to say twice which algorithm signed them (RFC 5280
    /// sections 4.1.1.2 and 5.1.1.2). NULL and nothing are the same.
    pub(crate) fn agrees_with(&self, other: &Self) -> bool {
        let parameters = self.parameters == other.parameters || (self.is_plain() && other.is_plain());
        self.oid == other.oid && parameters
    }

    /// Whether the parameters are NULL or absent: RFC 5754 section 2 wants both accepted.
    pub(super) fn is_plain(&self) -> bool {
        self.parameters.is_none_or(|parameters| parameters == NULL)
    }

    /// The contents of the parameters, when they are one OCTET STRING: the initialisation vector of CBC (RFC 3565
    /// section 4.1).
    pub(crate) fn octet_string(&self) -> Option<&'a [u8]> {
        let parameters = Tlv::parse(self.parameters?).ok()?;
        (parameters.tag == tlv::OCTET_STRING).then_some(parameters.value)
    }
}

/// What certificates and CRLs have in common: an element, and a signature over it (RFC 5280 sections 4.1 and 5.1).
///
/// ```text
/// SEQUENCE { toBeSigned SEQUENCE, signatureAlgorithm AlgorithmIdentifier, signature BIT STRING }
/// ```
pub(super) struct Signed<'a> {
    /// The element that is signed.
    pub(super) to_be_signed: Tlv<'a>,
    pub(super) algorithm: AlgorithmIdentifier<'a>,
    /// Without the octet that counts unused bits, of which there are none.
    pub(super) signature: &'a [u8],
}

impl<'a> Signed<'a> {
    /// Reads one that fills `der`.
    pub(super) fn read(der: &'a [u8]) -> Result<Self, Error> {
        let mut outer = Reader::new(der)?;
        let mut fields = outer.enter(tlv::SEQUENCE)?;
        outer.finish()?;
        let to_be_signed = fields.expect(tlv::SEQUENCE)?;
        let algorithm = AlgorithmIdentifier::read(&mut fields)?;
        let signature = fields.expect(tlv::BIT_STRING)?.value;
        let signature = signature.strip_prefix(&[0]).ok_or(InvalidMessage::Der)?;
        fields.finish()?;
        Ok(Self { to_be_signed, algorithm, signature })
    }
}

/// Writes an `AlgorithmIdentifier`; `parameters` is a whole element, or nothing.
pub(super) fn write(writer: &mut Writer, oid: Oid<'_>, parameters: &[u8]) {
    writer.nested(tlv::SEQUENCE, |writer| {
        writer.tlv(tlv::OBJECT_IDENTIFIER, oid.as_bytes());
        writer.raw(parameters);
    });
}

/// A hash function.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Digest {
    /// SHA-1, 20 bytes: only behind feature `legacy`.
    Sha1,
    /// SHA-256, 32 bytes: what RFC 8894 section 2.9 asks for.
    Sha256,
    /// SHA-384, 48 bytes.
    Sha384,
    /// SHA-512, 64 bytes.
    Sha512,
}

impl Digest {
    /// Every one that has a name here.
    pub(super) const ALL: [Self; 4] = [Self::Sha1, Self::Sha256, Self::Sha384, Self::Sha512];

    /// Length of a digest: 20, 32, 48 or 64 bytes.
    pub const fn length(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }

    /// The object identifier (RFC 3370 section 2, RFC 5754 section 2).
    pub const fn oid(self) -> Oid<'static> {
        match self {
            Self::Sha1 => Oid::SHA1,
            Self::Sha256 => Oid::SHA256,
            Self::Sha384 => Oid::SHA384,
            Self::Sha512 => Oid::SHA512,
        }
    }

    /// The hash function that a `DigestAlgorithmIdentifier` names, with parameters NULL or absent; anything else is
    /// [`Unsupported::Digest`].
    pub fn from_identifier(identifier: &AlgorithmIdentifier<'_>) -> Result<Self, Error> {
        find(&Self::ALL, |digest| digest.oid() == identifier.oid && identifier.is_plain())
            .ok_or(Unsupported::Digest.into())
    }

    /// Writes its `AlgorithmIdentifier`; the parameters are NULL, which every peer reads.
    pub(crate) fn write(self, writer: &mut Writer) {
        write(writer, self.oid(), NULL);
    }
}

/// The DER `DigestInfo` of a digest value (RFC 8017 section 9.2 note 1): at most 83 bytes.
pub(crate) fn digest_info(digest: Digest, value: &[u8]) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.nested(tlv::SEQUENCE, |writer| {
        digest.write(writer);
        writer.tlv(tlv::OCTET_STRING, value);
    });
    writer.finish()
}

/// A content cipher, always CBC with PKCS#7 padding (RFC 5652 section 6.3).
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ContentEncryption {
    /// AES-128: what RFC 8894 section 2.9 asks for.
    Aes128Cbc,
    /// AES-192.
    Aes192Cbc,
    /// AES-256.
    Aes256Cbc,
    /// Three-key triple DES: only behind feature `legacy`.
    TripleDesCbc,
    /// Single DES, for reading only and behind a switch: RFC 8894 section 2.9 forbids it.
    DesCbc,
}

impl ContentEncryption {
    /// Every one that has a name here.
    const ALL: [Self; 5] =
        [Self::Aes128Cbc, Self::Aes192Cbc, Self::Aes256Cbc, Self::TripleDesCbc, Self::DesCbc];

    /// Length of the key: 16, 24 or 32 bytes, for DES 8, with the parity bits.
    pub const fn key_length(self) -> usize {
        match self {
            Self::Aes128Cbc => 16,
            Self::Aes192Cbc | Self::TripleDesCbc => 24,
            Self::Aes256Cbc => 32,
            Self::DesCbc => 8,
        }
    }

    /// Length of a block, and so of the initialisation vector: 16 bytes for AES, 8 for DES.
    pub const fn block_length(self) -> usize {
        match self {
            Self::Aes128Cbc | Self::Aes192Cbc | Self::Aes256Cbc => 16,
            Self::TripleDesCbc | Self::DesCbc => 8,
        }
    }

    /// The object identifier (RFC 3565 section 4.1, RFC 3370 section 5.1).
    pub const fn oid(self) -> Oid<'static> {
        match self {
            Self::Aes128Cbc => Oid::AES128_CBC,
            Self::Aes192Cbc => Oid::AES192_CBC,
            Self::Aes256Cbc => Oid::AES256_CBC,
            Self::TripleDesCbc => Oid::DES_EDE3_CBC,
            Self::DesCbc => Oid::DES_CBC,
        }
    }

    /// The cipher of that name, else [`Unsupported::ContentEncryption`].
    pub fn from_oid(oid: Oid<'_>) -> Result<Self, Error> {
        find(&Self::ALL, |cipher| cipher.oid() == oid).ok_or(Unsupported::ContentEncryption.into())
    }

    /// Writes its `AlgorithmIdentifier`; the parameters are the initialisation vector as an OCTET STRING.
    pub(crate) fn write(self, writer: &mut Writer, iv: &[u8]) {
        let mut parameters = Writer::new();
        parameters.tlv(tlv::OCTET_STRING, iv);
        write(writer, self.oid(), &parameters.finish());
    }
}

/// How a content key is encrypted to a public key (RFC 5652 section 6.2.1).
///
/// ```text
/// RSAES-OAEP-params ::= SEQUENCE {
///     hashFunc    [0] AlgorithmIdentifier DEFAULT sha1Identifier,
///     maskGenFunc [1] AlgorithmIdentifier DEFAULT mgf1SHA1Identifier,
///     pSourceFunc [2] AlgorithmIdentifier DEFAULT pSpecifiedEmptyIdentifier }
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyTransport {
    /// RSAES-PKCS1-v1_5 (RFC 8017 section 7.2).
    RsaPkcs1v15,
    /// RSAES-OAEP (RFC 8017 section 7.1) with SHA-1, also in MGF1, and an empty label. What SHA-1 is too weak for is
    /// not asked of it here.
    RsaOaepSha1,
    /// RSAES-OAEP with SHA-256, also in MGF1, and an empty label.
    RsaOaepSha256,
}

impl KeyTransport {
    /// The key transport that a `KeyEncryptionAlgorithmIdentifier` names: `rsaEncryption` with parameters NULL or
    /// absent, or `id-RSAES-OAEP` with the parameters of one of the variants, where absent ones mean SHA-1 (RFC 4055
    /// section 4.1). Anything else is [`Unsupported::KeyTransport`]: two hash functions in one, any other hash
    /// function, a label.
    pub fn from_identifier(identifier: &AlgorithmIdentifier<'_>) -> Result<Self, Error> {
        find(&Self::ALL, |transport| transport.is_named_by(identifier))
            .ok_or(Unsupported::KeyTransport.into())
    }

    const ALL: [Self; 3] = [Self::RsaPkcs1v15, Self::RsaOaepSha1, Self::RsaOaepSha256];

    /// Whether [`Self::from_identifier`] reads this one. Inlined, so that nothing is left for what it cannot be.
    #[inline(always)]
    pub(crate) fn is_named_by(self, identifier: &AlgorithmIdentifier<'_>) -> bool {
        let is_oaep = |digest| {
            identifier.oid == Oid::RSAES_OAEP && padding::oaep_hash(identifier.parameters) == Ok(digest)
        };
        match self {
            Self::RsaPkcs1v15 => identifier.oid == Oid::RSA_ENCRYPTION && identifier.is_plain(),
            Self::RsaOaepSha1 => is_oaep(Digest::Sha1),
            Self::RsaOaepSha256 => is_oaep(Digest::Sha256),
        }
    }

    /// Writes its `AlgorithmIdentifier`: NULL for PKCS #1 v1.5 (RFC 3370 section 4.2.1), and for OAEP what differs from
    /// the defaults (RFC 4055 section 4.1).
    pub(crate) fn write(self, writer: &mut Writer) {
        match self {
            Self::RsaPkcs1v15 => write(writer, Oid::RSA_ENCRYPTION, NULL),
            Self::RsaOaepSha1 => write(writer, Oid::RSAES_OAEP, &padding::oaep_parameters(Digest::Sha1)),
            Self::RsaOaepSha256 => write(writer, Oid::RSAES_OAEP, &padding::oaep_parameters(Digest::Sha256)),
        }
    }
}

/// A signature scheme together with its digest.
///
/// ```text
/// RSASSA-PSS-params ::= SEQUENCE {
///     hashAlgorithm    [0] AlgorithmIdentifier DEFAULT sha1Identifier,
///     maskGenAlgorithm [1] AlgorithmIdentifier DEFAULT mgf1SHA1Identifier,
///     saltLength       [2] INTEGER DEFAULT 20,
///     trailerField     [3] INTEGER DEFAULT 1 }
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SignatureScheme {
    /// RSASSA-PKCS1-v1_5 (RFC 8017 section 8.2) with the digest.
    RsaPkcs1(Digest),
    /// RSASSA-PSS (RFC 8017 section 8.1) with the digest, also in MGF1, and a salt as long as the digest: for reading.
    RsaPss(Digest),
    /// ECDSA (FIPS 186-5 section 6) with the digest, on the curve of the key.
    Ecdsa(Digest),
}

impl SignatureScheme {
    /// The hash function of the scheme.
    pub const fn digest(self) -> Digest {
        match self {
            Self::RsaPkcs1(digest) | Self::RsaPss(digest) | Self::Ecdsa(digest) => digest,
        }
    }

    /// The scheme of a SignerInfo, which names the digest in a field of its own. The signature algorithm is
    /// `rsaEncryption` (RFC 3370 section 3.2), or as [`Self::from_identifier`] has it with the same digest; from some
    /// peers it is `id-ecPublicKey`, with or without a curve.
    ///
    /// Another digest is [`BadSignature::Algorithms`], anything else [`Unsupported::Signature`].
    pub fn from_signer_info(digest: Digest, signature: &AlgorithmIdentifier<'_>) -> Result<Self, Error> {
        if let Some(scheme) = Self::from_key_type(digest, signature) {
            return Ok(scheme);
        }
        let scheme = Self::from_identifier(signature)?;
        if scheme.digest() == digest { Ok(scheme) } else { Err(BadSignature::Algorithms.into()) }
    }

    /// The scheme of a SignerInfo that names the kind of key in place of the scheme.
    pub(crate) fn from_key_type(digest: Digest, signature: &AlgorithmIdentifier<'_>) -> Option<Self> {
        if signature.oid == Oid::RSA_ENCRYPTION && signature.is_plain() {
            return Some(Self::RsaPkcs1(digest));
        }
        let curve = signature.parameters.and_then(|parameters| Tlv::parse(parameters).ok());
        let names_curve = curve.is_some_and(|curve| curve.tag == tlv::OBJECT_IDENTIFIER);
        let is_ec = signature.oid == Oid::EC_PUBLIC_KEY && (signature.is_plain() || names_curve);
        is_ec.then_some(Self::Ecdsa(digest))
    }

    /// The scheme of a certificate or a certification request: `shaNWithRSAEncryption` or `ecdsa-with-SHAN`, with
    /// parameters NULL or absent (RFC 4055 section 5, RFC 5758 section 3.2), or `id-RSASSA-PSS` with parameters that
    /// are those of [`Self::RsaPss`]. Anything else is [`Unsupported::Signature`].
    pub fn from_identifier(identifier: &AlgorithmIdentifier<'_>) -> Result<Self, Error> {
        if identifier.oid == Oid::RSASSA_PSS {
            let digest = padding::pss_hash(identifier.parameters);
            return digest.map(Self::RsaPss).map_err(|_| Unsupported::Signature.into());
        }
        let mut schemes = Digest::ALL.map(Self::RsaPkcs1).into_iter().chain(Digest::ALL.map(Self::Ecdsa));
        schemes
            .find(|scheme| scheme.oid() == identifier.oid && identifier.is_plain())
            .ok_or(Unsupported::Signature.into())
    }

    /// Whether [`Self::from_identifier`] reads this one. Inlined, so that nothing is left for what it cannot be.
    #[inline(always)]
    pub(crate) fn is_named_by(self, identifier: &AlgorithmIdentifier<'_>) -> bool {
        identifier.oid == self.oid()
            && match self {
                Self::RsaPss(digest) => padding::pss_hash(identifier.parameters) == Ok(digest),
                Self::RsaPkcs1(_) | Self::Ecdsa(_) => identifier.is_plain(),
            }
    }

    /// The object identifier in certificates and certification requests (RFC 4055 section 5, RFC 5758 section 3.2).
    /// That of RSASSA-PSS is the same for every digest.
    pub const fn oid(self) -> Oid<'static> {
        match self {
            Self::RsaPkcs1(Digest::Sha1) => Oid::SHA1_WITH_RSA,
            Self::RsaPkcs1(Digest::Sha256) => Oid::SHA256_WITH_RSA,
            Self::RsaPkcs1(Digest::Sha384) => Oid::SHA384_WITH_RSA,
            Self::RsaPkcs1(Digest::Sha512) => Oid::SHA512_WITH_RSA,
            Self::RsaPss(_) => Oid::RSASSA_PSS,
            Self::Ecdsa(Digest::Sha1) => Oid::ECDSA_WITH_SHA1,
            Self::Ecdsa(Digest::Sha256) => Oid::ECDSA_WITH_SHA256,
            Self::Ecdsa(Digest::Sha384) => Oid::ECDSA_WITH_SHA384,
            Self::Ecdsa(Digest::Sha512) => Oid::ECDSA_WITH_SHA512,
        }
    }

    /// Writes its `AlgorithmIdentifier` for a certificate or a certification request.
    pub(crate) fn write(self, writer: &mut Writer) {
        match self {
            Self::RsaPkcs1(_) => write(writer, self.oid(), NULL),
            Self::RsaPss(digest) => write(writer, self.oid(), &padding::pss_parameters(digest)),
            Self::Ecdsa(_) => write(writer, self.oid(), &[]),
        }
    }

    /// Writes its `AlgorithmIdentifier` for a SignerInfo: for PKCS #1 v1.5 plain `rsaEncryption`, the form that old
    /// peers know, else as in a certificate (RFC 5754 section 3.3, RFC 4056 section 3).
    pub(crate) fn write_signer_info(self, writer: &mut Writer) {
        match self {
            Self::RsaPkcs1(_) => write(writer, Oid::RSA_ENCRYPTION, NULL),
            Self::RsaPss(_) | Self::Ecdsa(_) => self.write(writer),
        }
    }
}

fn find<T: Copy>(list: &[T], wanted: impl Fn(&T) -> bool) -> Option<T> {
    list.iter().copied().find(|item| wanted(item))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::InvalidMessage;

    fn identifier(oid: Oid<'static>) -> AlgorithmIdentifier<'static> {
        AlgorithmIdentifier { oid, parameters: Some(NULL) }
    }

    #[test]
    fn what_is_written_is_read_back() {
        for digest in Digest::ALL {
            let mut writer = Writer::new();
            digest.write(&mut writer);
            let der = writer.finish();
            assert_eq!(Digest::from_identifier(&AlgorithmIdentifier::parse(&der).unwrap()), Ok(digest));

            for scheme in [SignatureScheme::RsaPkcs1, SignatureScheme::RsaPss, SignatureScheme::Ecdsa] {
                let scheme = scheme(digest);
                let mut writer = Writer::new();
                scheme.write(&mut writer);
                scheme.write_signer_info(&mut writer);
                let der = writer.finish();
                let mut reader = Reader::new(&der).unwrap();
                let certificate = AlgorithmIdentifier::read(&mut reader).unwrap();
                let signer_info = AlgorithmIdentifier::read(&mut reader).unwrap();
                assert_eq!(SignatureScheme::from_identifier(&certificate), Ok(scheme));
                assert_eq!(SignatureScheme::from_signer_info(digest, &signer_info), Ok(scheme));
                let is_plain = signer_info.oid == Oid::RSA_ENCRYPTION;
                assert_eq!(SignatureScheme::from_identifier(&signer_info).is_err(), is_plain);
                assert_eq!(scheme == SignatureScheme::RsaPkcs1(digest), is_plain);
            }
        }
        for transport in [KeyTransport::RsaPkcs1v15, KeyTransport::RsaOaepSha1, KeyTransport::RsaOaepSha256] {
            let mut writer = Writer::new();
            transport.write(&mut writer);
            let der = writer.finish();
            assert_eq!(
                KeyTransport::from_identifier(&AlgorithmIdentifier::parse(&der).unwrap()),
                Ok(transport)
            );
        }
        for cipher in ContentEncryption::ALL {
            let mut writer = Writer::new();
            cipher.write(&mut writer, &[7; 16]);
            let der = writer.finish();
            let read = AlgorithmIdentifier::parse(&der).unwrap();
            assert_eq!(ContentEncryption::from_oid(read.oid), Ok(cipher));
            assert_eq!(read.octet_string(), Some(&[7; 16][..]));
        }
    }

    #[test]
    fn parameters_may_be_null_or_absent_and_nothing_else() {
        let mut sha256 = AlgorithmIdentifier { oid: Oid::SHA256, parameters: None };
        assert_eq!(Digest::from_identifier(&sha256), Ok(Digest::Sha256));
        sha256.parameters = Some(&[0x30, 0x00]);
        assert_eq!(Digest::from_identifier(&sha256), Err(Unsupported::Digest.into()));
        let rsa = AlgorithmIdentifier { oid: Oid::RSA_ENCRYPTION, parameters: None };
        assert_eq!(KeyTransport::from_identifier(&rsa), Ok(KeyTransport::RsaPkcs1v15));
        let rsa = AlgorithmIdentifier { oid: Oid::RSA_ENCRYPTION, parameters: Some(&[0x04, 0x00]) };
        assert_eq!(KeyTransport::from_identifier(&rsa), Err(Unsupported::KeyTransport.into()));
        assert_eq!(
            SignatureScheme::from_signer_info(Digest::Sha256, &rsa),
            Err(Unsupported::Signature.into())
        );
    }

    // ALG-11: parameters of ECDSA are absent; NULL is read, and id-ecPublicKey in a SignerInfo, as some peers have it
    #[test]
    fn ecdsa_is_read_in_every_form_seen() {
        let curve = [6, 8, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 3, 1, 7];
        let scheme = Ok(SignatureScheme::Ecdsa(Digest::Sha384));
        for parameters in [None, Some(NULL)] {
            let named = AlgorithmIdentifier { oid: Oid::ECDSA_WITH_SHA384, parameters };
            assert_eq!(SignatureScheme::from_identifier(&named), scheme);
            assert_eq!(SignatureScheme::from_signer_info(Digest::Sha384, &named), scheme);
        }
        for parameters in [None, Some(NULL), Some(&curve[..])] {
            let key = AlgorithmIdentifier { oid: Oid::EC_PUBLIC_KEY, parameters };
            assert_eq!(SignatureScheme::from_signer_info(Digest::Sha384, &key), scheme);
            assert_eq!(SignatureScheme::from_identifier(&key), Err(Unsupported::Signature.into()));
        }
        let unsupported = Err(Unsupported::Signature.into());
        for oid in [Oid::ECDSA_WITH_SHA384, Oid::EC_PUBLIC_KEY] {
            let odd = AlgorithmIdentifier { oid, parameters: Some(&[0x30, 0]) };
            assert_eq!(SignatureScheme::from_signer_info(Digest::Sha384, &odd), unsupported);
        }
        let mut writer = Writer::new();
        SignatureScheme::Ecdsa(Digest::Sha384).write_signer_info(&mut writer);
        assert_eq!(writer.finish(), [0x30, 10, 6, 8, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 4, 3, 3]);
    }

    // T43
    #[test]
    fn odd_parameters_of_oaep_and_pss_are_unsupported() {
        let with = |oid, parameters| AlgorithmIdentifier { oid, parameters };
        let oaep = |parameters| KeyTransport::from_identifier(&with(Oid::RSAES_OAEP, parameters));
        assert_eq!(oaep(None), Ok(KeyTransport::RsaOaepSha1));
        let sha512 = padding::oaep_parameters(Digest::Sha512);
        for parameters in [NULL, &sha512, &[]] {
            assert_eq!(oaep(Some(parameters)), Err(Unsupported::KeyTransport.into()));
        }
        for parameters in [None, Some(NULL), Some(&sha512[..])] {
            let pss = with(Oid::RSASSA_PSS, parameters);
            assert_eq!(SignatureScheme::from_identifier(&pss), Err(Unsupported::Signature.into()));
        }
    }

    // T45
    #[test]
    fn digest_and_signature_algorithm_have_to_agree() {
        let pss = padding::pss_parameters(Digest::Sha512);
        let pss = AlgorithmIdentifier { oid: Oid::RSASSA_PSS, parameters: Some(&pss) };
        for signature in [pss, AlgorithmIdentifier { oid: Oid::ECDSA_WITH_SHA512, parameters: None }] {
            assert!(SignatureScheme::from_signer_info(Digest::Sha512, &signature).is_ok());
            let scheme = SignatureScheme::from_signer_info(Digest::Sha256, &signature);
            assert_eq!(scheme, Err(BadSignature::Algorithms.into()));
        }
        let signature = identifier(Oid::SHA512_WITH_RSA);
        let scheme = SignatureScheme::from_signer_info(Digest::Sha512, &signature);
        assert_eq!(scheme, Ok(SignatureScheme::RsaPkcs1(Digest::Sha512)));
        let scheme = SignatureScheme::from_signer_info(Digest::Sha256, &signature);
        assert_eq!(scheme, Err(BadSignature::Algorithms.into()));
        let scheme = SignatureScheme::from_signer_info(Digest::Sha256, &identifier(Oid::SHA256));
        assert_eq!(scheme, Err(Unsupported::Signature.into()));
    }

    #[test]
    fn digest_info_is_the_prefix_of_rfc_8017_and_the_digest() {
        let prefix = [0x30, 0x31, 0x30, 0x0D, 6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1, 5, 0, 4, 0x20];
        let info = digest_info(Digest::Sha256, &[9; 32]);
        assert_eq!(info[..19], prefix);
        assert_eq!(info[19..], [9; 32]);
    }

    // T38
    #[test]
    fn more_than_one_parameter_is_refused() {
        let der = [0x30, 7, 6, 1, 0x55, 5, 0, 5, 0];
        assert_eq!(AlgorithmIdentifier::parse(&der), Err(InvalidMessage::TrailingData.into()));
        assert_eq!(AlgorithmIdentifier::parse(&[0x30, 0]), Err(InvalidMessage::Der.into()));
    }
}
