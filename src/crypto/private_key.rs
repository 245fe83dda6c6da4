//! PKCS #8 (RFC 5208, RFC 5958): what it says of a key.

use crate::error::{Error, InvalidMessage};
use crate::wire::algorithm::AlgorithmIdentifier;
use crate::wire::tlv::{self, Reader};
#[cfg(any(feature = "ecdsa", feature = "aws-lc-rs"))]
use crate::wire::{oid::Oid, public_key::EcCurve};
#[cfg(any(feature = "ecdsa", feature = "aws-lc-rs"))]
use alloc::vec::Vec;
#[cfg(any(feature = "ecdsa", feature = "aws-lc-rs"))]
use zeroize::Zeroizing;

/// What a PrivateKeyInfo says of its key.
pub(super) struct PrivateKeyInfo<'a> {
    pub(super) algorithm: AlgorithmIdentifier<'a>,
    pub(super) key: &'a [u8],
    pub(super) public_key: Option<&'a [u8]>,
}

impl<'a> PrivateKeyInfo<'a> {
    /// Attributes may follow, and are passed over, and a public key.
    pub(super) fn read(der: &'a [u8]) -> Result<Self, Error> {
        let mut reader = Reader::new(der)?;
        let mut fields = reader.enter(tlv::SEQUENCE)?;
        reader.finish()?;
        if !matches!(fields.expect(tlv::INTEGER)?.value, [0 | 1]) {
            return Err(InvalidMessage::Der.into());
        }
        let algorithm = AlgorithmIdentifier::read(&mut fields)?;
        let key = fields.expect(tlv::OCTET_STRING)?.value;
        fields.optional(tlv::context(0))?;
        // without the octet that counts unused bits
        let public_key = fields.optional(tlv::context_primitive(1))?.map(|bits| bits.value.get(1..));
        fields.finish()?;
        Ok(Self { algorithm, key, public_key: public_key.map(Option::unwrap_or_default) })
    }
}

/// The PKCS #8 PrivateKeyInfo of a key on a curve; the number is as long as the curve says, the point not compressed. The
/// curve is named once, the public key is in it.
#[cfg(any(feature = "ecdsa", feature = "aws-lc-rs"))]
pub(super) fn write_ec(curve: EcCurve, number: &[u8], point: &[u8]) -> Zeroizing<Vec<u8>> {
    let bits = tlv::element(tlv::BIT_STRING, &[&[0], point]);
    let public = tlv::element(tlv::context(1), &[&bits]);
    let number = Zeroizing::new(tlv::element(tlv::OCTET_STRING, &[number]));
    let inner = Zeroizing::new(tlv::element(tlv::SEQUENCE, &[&[tlv::INTEGER, 1, 1], &number, &public]));
    let inner = Zeroizing::new(tlv::element(tlv::OCTET_STRING, &[&inner]));
    let oid = tlv::element(tlv::OBJECT_IDENTIFIER, &[Oid::EC_PUBLIC_KEY.as_bytes()]);
    let name = tlv::element(tlv::OBJECT_IDENTIFIER, &[curve.oid().as_bytes()]);
    let algorithm = tlv::element(tlv::SEQUENCE, &[&oid, &name]);
    Zeroizing::new(tlv::element(tlv::SEQUENCE, &[&[tlv::INTEGER, 1, 0], &algorithm, &inner]))
}
