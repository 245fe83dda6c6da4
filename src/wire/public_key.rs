//! Public keys: SubjectPublicKeyInfo, and the RSA key in it.

use super::algorithm::{AlgorithmIdentifier, Digest, SignatureScheme};
use super::limits::Limits;
use super::oid::Oid;
use super::tlv::{self, Reader, Writer};
use crate::error::{Error, InvalidMessage, Limit, Unsupported};
use alloc::vec::Vec;
use core::fmt;

/// Smallest and first too large public exponent.
const EXPONENTS: core::ops::Range<u64> = 65_537..1 << 33;

/// A public key and the algorithm it is for (RFC 5280 section 4.1).
///
/// ```text
/// SubjectPublicKeyInfo ::= SEQUENCE {
///     algorithm         AlgorithmIdentifier,
///     subjectPublicKey  BIT STRING }
/// ```
///
/// Two are equal when their bytes are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SubjectPublicKeyInfo<'a> {
    raw: &'a [u8],
    algorithm: AlgorithmIdentifier<'a>,
    key: &'a [u8],
}

impl<'a> SubjectPublicKeyInfo<'a> {
    /// Reads one that fills `der`. [`InvalidMessage::PublicKey`] when it is not one, or the BIT STRING does not end
    /// with a whole byte. What the key is made of is not looked at.
    pub fn parse(der: &'a [u8]) -> Result<Self, Error> {
        Self::read(der).map_err(|_| InvalidMessage::PublicKey.into())
    }

    fn read(der: &'a [u8]) -> Result<Self, Error> {
        let mut reader = Reader::new(der)?;
        let mut fields = reader.enter(tlv::SEQUENCE)?;
        reader.finish()?;
        let algorithm = AlgorithmIdentifier::read(&mut fields)?;
        let bits = fields.expect(tlv::BIT_STRING)?.value;
        fields.finish()?;
        let key = bits.strip_prefix(&[0]).ok_or(InvalidMessage::PublicKey)?;
        Ok(Self { raw: der, algorithm, key })
    }

    /// The whole SEQUENCE.
    pub fn as_der(&self) -> &'a [u8] {
        self.raw
    }

    /// What kind of key it is.
    pub fn algorithm(&self) -> AlgorithmIdentifier<'a> {
        self.algorithm
    }

    /// The contents of the BIT STRING, without the octet that counts unused bits.
    pub fn key(&self) -> &'a [u8] {
        self.key
    }

    /// The RSA key. [`Unsupported::PublicKey`] when it is of another kind, [`InvalidMessage::PublicKey`] when it
    /// cannot be read. Its size is not checked: see [`RsaPublicKey::check`].
    pub fn rsa(&self) -> Result<RsaPublicKey<'a>, Error> {
        if self.algorithm.oid != Oid::RSA_ENCRYPTION {
            return Err(Unsupported::PublicKey.into());
        }
        RsaPublicKey::read(self.key).map_err(|_| InvalidMessage::PublicKey.into())
    }

    /// Whether it is a key of a kind that is known here, and of a size that arithmetic may be done with:
    /// [`Unsupported::PublicKey`], [`InvalidMessage::PublicKey`] or [`Limit::PublicKey`] if not.
    pub fn check(&self, limits: &Limits) -> Result<(), Error> {
        self.rsa()?.check(limits)
    }

    /// The scheme in which this key signs with this digest. [`Unsupported::PublicKey`] for a key that cannot sign.
    pub fn signature_scheme(&self, digest: Digest) -> Result<SignatureScheme, Error> {
        self.rsa().map(|_| SignatureScheme::RsaPkcs1(digest))
    }

    /// Whether both are the same key, however they are encoded.
    pub fn same_key(&self, other: &Self) -> bool {
        match (self.rsa(), other.rsa()) {
            (Ok(one), Ok(other)) => one == other,
            _ => self.raw == other.raw,
        }
    }

    /// The one DER encoding of an RSA key, whatever parameters and leading zeros this one has: what to hash, where
    /// nobody signed the encoding that came.
    pub fn to_canonical(&self) -> Result<Vec<u8>, Error> {
        self.rsa().map(|key| encode_rsa(key.modulus, key.exponent))
    }
}

impl fmt::Debug for SubjectPublicKeyInfo<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SubjectPublicKeyInfo({}, {} bytes)", self.algorithm.oid, self.key.len())
    }
}

/// An RSA public key (RFC 8017 appendix A.1.1).
///
/// ```text
/// RSAPublicKey ::= SEQUENCE {
///     modulus         INTEGER,
///     publicExponent  INTEGER }
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct RsaPublicKey<'a> {
    /// The modulus: unsigned, big endian, without leading zeros.
    pub modulus: &'a [u8],
    /// The public exponent: unsigned, big endian, without leading zeros.
    pub exponent: &'a [u8],
}

impl<'a> RsaPublicKey<'a> {
    fn read(der: &'a [u8]) -> Result<Self, Error> {
        let mut reader = Reader::new(der)?;
        let mut fields = reader.enter(tlv::SEQUENCE)?;
        reader.finish()?;
        let modulus = unsigned(fields.expect(tlv::INTEGER)?.value)?;
        let exponent = unsigned(fields.expect(tlv::INTEGER)?.value)?;
        fields.finish()?;
        Ok(Self { modulus, exponent })
    }

    /// Length of the modulus, bits.
    pub fn bits(&self) -> usize {
        let zeros = self.modulus.first().map_or(0, |byte| byte.leading_zeros());
        self.modulus.len().saturating_mul(8).saturating_sub(usize::try_from(zeros).unwrap_or_default())
    }

    /// Whether it is a key that arithmetic may be done with: a modulus that is odd and has
    /// [`Limits::rsa_min_bits`] to [`Limits::rsa_max_bits`] bits, an exponent e that is odd and 65537 <= e < 2^33.
    /// Otherwise [`Limit::PublicKey`].
    pub fn check(&self, limits: &Limits) -> Result<(), Error> {
        let size = (limits.rsa_min_bits..=limits.rsa_max_bits).contains(&self.bits());
        let exponent = self
            .exponent
            .iter()
            .try_fold(0_u64, |value, byte| Some(value.checked_mul(256)? | u64::from(*byte)))
            .is_some_and(|value| EXPONENTS.contains(&value));
        let odd = |bytes: &[u8]| bytes.last().is_some_and(|byte| byte & 1 == 1);
        if size && exponent && odd(self.modulus) && odd(self.exponent) {
            Ok(())
        } else {
            Err(Limit::PublicKey.into())
        }
    }
}

impl fmt::Debug for RsaPublicKey<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RsaPublicKey({} bits)", self.bits())
    }
}

/// The contents of an INTEGER that must not be negative, without leading zeros.
fn unsigned(contents: &[u8]) -> Result<&[u8], Error> {
    match contents.first() {
        None | Some(0x80..) => Err(InvalidMessage::PublicKey.into()),
        Some(_) => Ok(without_zeros(contents)),
    }
}

fn without_zeros(bytes: &[u8]) -> &[u8] {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    bytes.get(zeros..).unwrap_or_default()
}

/// Writes an INTEGER from an unsigned, big endian value.
pub(super) fn write_unsigned(writer: &mut Writer, value: &[u8]) {
    let value = without_zeros(value);
    if matches!(value.first(), None | Some(0x80..)) {
        writer.tlv(tlv::INTEGER, &[&[0], value].concat());
    } else {
        writer.tlv(tlv::INTEGER, value);
    }
}

/// The DER `SubjectPublicKeyInfo` of an RSA key; both numbers are unsigned and big endian, leading zeros are dropped.
pub fn encode_rsa(modulus: &[u8], exponent: &[u8]) -> Vec<u8> {
    let mut key = Writer::new();
    key.nested(tlv::SEQUENCE, |key| {
        write_unsigned(key, modulus);
        write_unsigned(key, exponent);
    });
    let bits = [&[0], key.finish().as_slice()].concat();
    let mut writer = Writer::new();
    writer.nested(tlv::SEQUENCE, |writer| {
        writer.nested(tlv::SEQUENCE, |writer| {
            writer.tlv(tlv::OBJECT_IDENTIFIER, Oid::RSA_ENCRYPTION.as_bytes());
            writer.tlv(tlv::NULL, &[]);
        });
        writer.tlv(tlv::BIT_STRING, &bits);
    });
    writer.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::{format, vec};

    const F4: &[u8] = &[1, 0, 1];

    fn check(modulus: &[u8], exponent: &[u8]) -> Result<(), Error> {
        let der = encode_rsa(modulus, exponent);
        SubjectPublicKeyInfo::parse(&der).unwrap().rsa().unwrap().check(&Limits::DEFAULT)
    }

    #[test]
    fn an_rsa_key_is_read_back() {
        let modulus = [&[0x80][..], &[1; 255]].concat();
        let der = encode_rsa(&[&[0, 0], modulus.as_slice()].concat(), F4);
        let info = SubjectPublicKeyInfo::parse(&der).unwrap();
        assert_eq!(info.as_der(), der);
        let key = info.rsa().unwrap();
        assert_eq!((key.modulus, key.exponent, key.bits()), (modulus.as_slice(), F4, 2048));
        assert_eq!(
            format!("{info:?} {key:?}"),
            "SubjectPublicKeyInfo(1.2.840.113549.1.1.1, 270 bytes) RsaPublicKey(2048 bits)"
        );
        assert_eq!(key.check(&Limits::DEFAULT), Ok(()));
    }

    // T41
    #[test]
    fn keys_out_of_bounds_are_refused_before_any_arithmetic() {
        let refused = Err(Limit::PublicKey.into());
        let modulus = vec![0xFF; 256];
        assert_eq!(check(&modulus, &[1, 0xFF, 0xFF, 0xFF, 0xFF]), Ok(()));
        for exponent in
            [&[1][..], &[3], &[0xFF, 0xFF], &[1, 0, 0], &[2, 0, 0, 0, 1], &[1, 0, 0, 0, 0, 0, 0, 0, 1]]
        {
            assert_eq!(check(&modulus, exponent), refused, "{exponent:?}");
        }
        assert_eq!(check(&[&[0x7F][..], &[0xFF; 255]].concat(), F4), refused);
        assert_eq!(check(&vec![0xFF; 1025], F4), refused);
        assert_eq!(check(&[0xFF; 1024], F4), Ok(()));
        assert_eq!(check(&[&[0xFF; 255][..], &[0xFE]].concat(), F4), refused);
        assert_eq!(check(&[], F4), refused);
        assert_eq!(check(&modulus, &[]), refused);
    }

    #[test]
    fn other_keys_and_broken_keys_are_told_apart() {
        let elliptic = [0x30, 15, 0x30, 9, 6, 7, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 2, 1, 3, 2, 0, 4];
        let info = SubjectPublicKeyInfo::parse(&elliptic).unwrap();
        assert_eq!(info.rsa(), Err(Unsupported::PublicKey.into()));
        let broken = Err(InvalidMessage::PublicKey.into());
        // A bit that is not used, an element too many, a negative modulus.
        let mut bits = elliptic;
        bits[15] = 1;
        assert_eq!(SubjectPublicKeyInfo::parse(&bits), broken);
        assert_eq!(SubjectPublicKeyInfo::parse(&[&elliptic[..], &[0]].concat()), broken);
        for key in
            [&[0x30, 6, 2, 1, 0x80, 2, 1, 3][..], &[0x30, 3, 2, 1, 5], &[0x30, 5, 2, 0, 2, 1, 3], &[0x31, 0]]
        {
            assert!(RsaPublicKey::read(key).is_err(), "{key:?}");
        }
    }
}
