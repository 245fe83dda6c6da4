//! Public keys: SubjectPublicKeyInfo, and the RSA key or the key on an elliptic curve in it.

use super::algorithm::{self, AlgorithmIdentifier, Digest, SignatureScheme};
use super::limits::Limits;
#[cfg(any(test, feature = "server"))]
use super::modulus;
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

    /// One whose parts were read already.
    pub(super) fn from_parts(raw: &'a [u8], algorithm: AlgorithmIdentifier<'a>, key: &'a [u8]) -> Self {
        Self { raw, algorithm, key }
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

    /// The key on an elliptic curve. [`Unsupported::PublicKey`] when it is of another kind, on a curve that is not
    /// named or not known, or compressed (RFC 5480 section 2.2 leaves that open); [`InvalidMessage::PublicKey`] when
    /// the point has not the length that the curve gives it. Whether it lies on the curve is for the [`Verifier`] to see.
    ///
    /// [`Verifier`]: crate::crypto::Verifier
    pub fn ec(&self) -> Result<EcPublicKey<'a>, Error> {
        if self.algorithm.oid != Oid::EC_PUBLIC_KEY {
            return Err(Unsupported::PublicKey.into());
        }
        let curve = self.algorithm.parameters.and_then(EcCurve::from_parameters);
        let curve = curve.ok_or(Unsupported::PublicKey)?;
        match self.key.first() {
            Some(4) if self.key.len() == curve.point_length() => Ok(EcPublicKey { curve, point: self.key }),
            Some(2 | 3) => Err(Unsupported::PublicKey.into()),
            _ => Err(InvalidMessage::PublicKey.into()),
        }
    }

    /// Whether it is a key of a kind that is known here, and of a size that arithmetic may be done with:
    /// [`Unsupported::PublicKey`], [`InvalidMessage::PublicKey`] or [`Limit::PublicKey`] if not.
    pub fn check(&self, limits: &Limits) -> Result<(), Error> {
        match self.algorithm.oid {
            Oid::EC_PUBLIC_KEY => self.ec().map(drop),
            _ => self.rsa()?.check(limits),
        }
    }

    /// The scheme in which this key signs with this digest: [`SignatureScheme::RsaPkcs1`] or
    /// [`SignatureScheme::Ecdsa`]. [`Unsupported::PublicKey`] for a key that cannot sign.
    pub fn signature_scheme(&self, digest: Digest) -> Result<SignatureScheme, Error> {
        match self.algorithm.oid {
            Oid::EC_PUBLIC_KEY => self.ec().map(|_| SignatureScheme::Ecdsa(digest)),
            _ => self.rsa().map(|_| SignatureScheme::RsaPkcs1(digest)),
        }
    }

    /// Whether what stands beside an RSA key is what should: NULL, or nothing (RFC 3279 section 2.3.1). Issuers cannot
    /// always write anything else.
    #[cfg(feature = "server")]
    pub(crate) fn has_usual_parameters(&self) -> bool {
        self.algorithm.oid != Oid::RSA_ENCRYPTION
            || matches!(self.algorithm.parameters, None | Some([tlv::NULL, 0]))
    }

    /// Whether a content key can be encrypted to this key: to RSA it can. To the owner of another key a message goes
    /// by a password (RFC 8894 section 3.1).
    pub fn can_encrypt(&self) -> bool {
        self.rsa().is_ok()
    }

    /// Whether both are the same key, however they are encoded.
    pub fn same_key(&self, other: &Self) -> bool {
        match (self.rsa(), other.rsa(), self.ec(), other.ec()) {
            (Ok(one), Ok(other), ..) => one == other,
            (.., Ok(one), Ok(other)) => one == other,
            _ => self.raw == other.raw,
        }
    }

    /// Whether signatures of both cost the same to verify.
    #[cfg(feature = "server")]
    pub(crate) fn costs_as_much_as(&self, other: &Self) -> bool {
        match (self.rsa(), other.rsa(), self.ec(), other.ec()) {
            (Ok(one), Ok(other), ..) => {
                one.modulus.len() == other.modulus.len() && one.exponent == other.exponent
            }
            (.., Ok(one), Ok(other)) => one.curve == other.curve,
            _ => false,
        }
    }

    /// The one DER encoding of a key, whatever parameters and leading zeros this one has: what to hash, where nobody
    /// signed the encoding that came.
    pub fn to_canonical(&self) -> Result<Vec<u8>, Error> {
        match self.algorithm.oid {
            Oid::EC_PUBLIC_KEY => self.ec().map(|key| encode_ec(key.curve, key.point)),
            _ => self.rsa().map(|key| encode_rsa(key.modulus, key.exponent)),
        }
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
    /// [`Limits::rsa_min_bits`] to [`Limits::rsa_max_bits`] bits, an exponent e that is odd and 65537 <= e < 2^33. With
    /// feature `server`, to which strangers bring their keys, the modulus must have no prime factor below 752 and be no
    /// square either. Otherwise [`Limit::PublicKey`].
    ///
    /// A device alone has keys that the CA chose or vouched for, and a look for factors costs it 600 bytes of flash and
    /// several times the instructions of all the rest that is not cryptography.
    pub fn check(&self, limits: &Limits) -> Result<(), Error> {
        self.check_size(limits)?;
        // looked at last: it takes longest
        #[cfg(any(test, feature = "server"))]
        if modulus::is_flawed(self.modulus) {
            return Err(Limit::PublicKey.into());
        }
        Ok(())
    }

    /// The same without a look for factors: for a provider, which is given no key that was not checked before, to be safe
    /// in itself.
    pub(crate) fn check_size(&self, limits: &Limits) -> Result<(), Error> {
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

/// An elliptic curve (RFC 5480 section 2.1.1.1).
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EcCurve {
    /// P-256, also called secp256r1 and prime256v1.
    P256,
    /// P-384, also called secp384r1.
    P384,
}

impl EcCurve {
    const ALL: [Self; 2] = [Self::P256, Self::P384];

    /// The object identifier of the curve.
    pub const fn oid(self) -> Oid<'static> {
        match self {
            Self::P256 => Oid::SECP256R1,
            Self::P384 => Oid::SECP384R1,
        }
    }

    /// Length of a coordinate, and of a private key: 32 or 48 bytes.
    pub const fn field_length(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
        }
    }

    /// Length of a point that is not compressed: 65 or 97 bytes.
    pub const fn point_length(self) -> usize {
        match self {
            Self::P256 => 65,
            Self::P384 => 97,
        }
    }

    /// The curve that `parameters` name: a whole element.
    ///
    /// ```text
    /// ECParameters ::= CHOICE { namedCurve OBJECT IDENTIFIER }
    /// ```
    pub(crate) fn from_parameters(parameters: &[u8]) -> Option<Self> {
        let name = tlv::Tlv::parse(parameters).ok().filter(|name| name.tag == tlv::OBJECT_IDENTIFIER)?;
        Self::from_name(Oid::new(name.value))
    }

    pub(crate) fn from_name(name: Oid<'_>) -> Option<Self> {
        Self::ALL.into_iter().find(|curve| curve.oid() == name)
    }
}

/// A public key on an elliptic curve (RFC 5480 section 2.2).
///
/// ```text
/// ECPoint ::= OCTET STRING
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct EcPublicKey<'a> {
    /// The curve.
    pub curve: EcCurve,
    /// The point: `04`, x, y, each coordinate as long as the curve says. The octets stand in the BIT STRING as they are.
    pub point: &'a [u8],
}

impl fmt::Debug for EcPublicKey<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EcPublicKey({:?})", self.curve)
    }
}

/// The contents of an INTEGER that must not be negative, without leading zeros.
pub(crate) fn unsigned(contents: &[u8]) -> Result<&[u8], Error> {
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
pub(crate) fn write_unsigned(writer: &mut Writer, value: &[u8]) {
    let value = without_zeros(value);
    if matches!(value.first(), None | Some(0x80..)) {
        writer.nested(tlv::INTEGER, |writer| {
            writer.raw(&[0]);
            writer.raw(value);
        });
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
    encode(Oid::RSA_ENCRYPTION, algorithm::NULL, &key.finish())
}

/// The DER `SubjectPublicKeyInfo` of a key on an elliptic curve; `point` is not compressed.
pub fn encode_ec(curve: EcCurve, point: &[u8]) -> Vec<u8> {
    let mut name = Writer::new();
    name.tlv(tlv::OBJECT_IDENTIFIER, curve.oid().as_bytes());
    encode(Oid::EC_PUBLIC_KEY, &name.finish(), point)
}

fn encode(oid: Oid<'_>, parameters: &[u8], key: &[u8]) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.nested(tlv::SEQUENCE, |writer| {
        algorithm::write(writer, oid, parameters);
        writer.tlv(tlv::BIT_STRING, &[&[0], key].concat());
    });
    writer.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::{format, vec};

    const F4: &[u8] = &[1, 0, 1];

    fn check(modulus: &[u8], exponent: &[u8]) -> Result<(), Error> {
        check_within(&Limits::DEFAULT, modulus, exponent)
    }

    fn check_within(limits: &Limits, modulus: &[u8], exponent: &[u8]) -> Result<(), Error> {
        let der = encode_rsa(modulus, exponent);
        SubjectPublicKeyInfo::parse(&der).unwrap().rsa().unwrap().check(limits)
    }

    /// One of so many bits that nothing is wrong with.
    fn modulus(bits: usize) -> Vec<u8> {
        let mut modulus = vec![0xA7; bits.div_ceil(8)];
        modulus[0] = 0xFF >> (modulus.len() * 8 - bits);
        let end = modulus.len() - 2;
        for last in (1..=u16::MAX).step_by(2) {
            modulus[end..].copy_from_slice(&last.to_be_bytes());
            if !modulus::is_flawed(&modulus) {
                return modulus;
            }
        }
        panic!("no modulus of {bits} bits")
    }

    #[test]
    fn an_rsa_key_is_read_back() {
        let modulus = modulus(2048);
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
    #[cfg_attr(miri, ignore = "arithmetic with large moduli, too much for an interpreter")]
    #[test]
    fn keys_out_of_bounds_are_refused_before_any_arithmetic() {
        let refused = Err(Limit::PublicKey.into());
        for (limits, most) in [(Limits::DEFAULT, 8192), (Limits::FIRMWARE, 4096)] {
            for (bits, expected) in
                [(2047, refused), (2048, Ok(())), (2049, Ok(())), (most, Ok(())), (most + 1, refused)]
            {
                assert_eq!(check_within(&limits, &modulus(bits), F4), expected, "{bits}");
            }
        }
        for bits in [16, 512, 1024, 16_384] {
            assert_eq!(check(&modulus(bits), F4), refused, "{bits}");
        }
        let modulus = modulus(2048);
        assert_eq!(check(&modulus, &[1, 0xFF, 0xFF, 0xFF, 0xFF]), Ok(()));
        let long = [&[0x40][..], &[0; 254], &[1]].concat();
        for exponent in [
            &[][..],
            &[1],
            &[3],
            &[0xFF, 0xFF],
            &[1, 0, 0],
            &[1, 0, 2],
            &[2, 0, 0, 0, 1],
            &[1, 0, 0, 0, 0, 0, 0, 0, 1],
            &long,
            &modulus,
        ] {
            assert_eq!(check(&modulus, exponent), refused, "{exponent:?}");
        }
        let mut even = modulus.clone();
        even[255] ^= 1;
        // divisible by three, a square: 2^2048 - 1, (2^1024 - 1)^2
        let square = [&[0xFF; 127][..], &[0xFE], &[0; 127], &[1]].concat();
        for flawed in [&even, &vec![0xFF; 256], &square, &Vec::new()] {
            assert_eq!(check(flawed, F4), refused);
        }
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

    const P256: &[u8] = include_bytes!("../crypto/rustcrypto/testdata/p256.spki.der");

    fn point(curve: EcCurve) -> Vec<u8> {
        let mut point = vec![9; curve.point_length()];
        point[0] = 4;
        point
    }

    // ALG-11
    #[test]
    fn a_key_on_a_named_curve_is_read_back() {
        for curve in EcCurve::ALL {
            let der = encode_ec(curve, &point(curve));
            let info = SubjectPublicKeyInfo::parse(&der).unwrap();
            assert_eq!(info.ec(), Ok(EcPublicKey { curve, point: &point(curve) }));
            assert_eq!(info.check(&Limits::DEFAULT), Ok(()));
            assert_eq!(info.to_canonical().unwrap(), der);
            assert_eq!(info.signature_scheme(Digest::Sha512), Ok(SignatureScheme::Ecdsa(Digest::Sha512)));
            assert!(!info.can_encrypt());
            assert_eq!(info.rsa(), Err(Unsupported::PublicKey.into()));
        }
        let openssl = SubjectPublicKeyInfo::parse(P256).unwrap();
        assert_eq!(openssl.to_canonical().unwrap(), P256);
        assert!(openssl.same_key(&openssl));
        let rsa = encode_rsa(&[0xFF; 256], F4);
        let rsa = SubjectPublicKeyInfo::parse(&rsa).unwrap();
        assert!(rsa.can_encrypt() && !rsa.same_key(&openssl) && !openssl.same_key(&rsa));
    }

    // T41
    #[test]
    fn other_curves_and_other_forms_of_points_are_refused() {
        let unsupported = Error::from(Unsupported::PublicKey);
        let broken = Error::from(InvalidMessage::PublicKey);
        let refused =
            |der: &[u8]| SubjectPublicKeyInfo::parse(der).unwrap().check(&Limits::DEFAULT).unwrap_err();
        let p256 = point(EcCurve::P256);
        for form in [2, 3] {
            assert_eq!(refused(&encode_ec(EcCurve::P256, &[&[form], &p256[1..33]].concat())), unsupported);
        }
        let mut hybrid = p256.clone();
        hybrid[0] = 6;
        for wrong in
            [&[][..], &[0], &[4], &p256[..64], &[&p256[..], &[0]].concat(), &point(EcCurve::P384), &hybrid]
        {
            assert_eq!(refused(&encode_ec(EcCurve::P256, wrong)), broken, "{wrong:?}");
        }
        // secp224r1 by name, implicitCurve, explicit parameters
        for parameters in [&[6, 5, 0x2B, 0x81, 4, 0, 33][..], &[5, 0], &[0x30, 3, 2, 1, 1], &[]] {
            assert_eq!(
                refused(&encode(Oid::EC_PUBLIC_KEY, parameters, &p256)),
                unsupported,
                "{parameters:?}"
            );
        }
        // a key that is for PSS alone
        assert_eq!(refused(&encode(Oid::RSASSA_PSS, &[], &[0x30, 0])), unsupported);
    }
}
