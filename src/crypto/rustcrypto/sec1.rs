//! Private keys on elliptic curves in DER (RFC 5915), by themselves and in PKCS #8 (RFC 5208).

use super::ecdsa::EcKey;
use crate::crypto::{KeyError, private_key};
use crate::wire::public_key::{EcCurve, encode_ec};
use crate::wire::tlv::{self, Reader};
use alloc::vec::Vec;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// Reads an ECPrivateKey. `known` is the curve that PKCS #8 names around it; without it the key has to name its own. A
/// public key that comes with it has to be the right one.
pub(super) fn read(der: &[u8], known: Option<EcCurve>) -> Result<EcKey, KeyError> {
    let invalid = |_| KeyError::Invalid;
    let mut reader = Reader::new(der).map_err(invalid)?;
    let mut fields = reader.enter(tlv::SEQUENCE).map_err(invalid)?;
    reader.finish().map_err(invalid)?;
    if fields.expect(tlv::INTEGER).map_err(invalid)?.value != [1] {
        return Err(KeyError::Invalid);
    }
    let number = fields.expect(tlv::OCTET_STRING).map_err(invalid)?.value;
    let named = match fields.optional(tlv::context(0)).map_err(invalid)? {
        Some(field) => Some(EcCurve::from_parameters(field.value).ok_or(KeyError::Unsupported)?),
        None => None,
    };
    let public = fields.optional(tlv::context(1)).map_err(invalid)?;
    fields.finish().map_err(invalid)?;

    let curve = named.or(known).ok_or(KeyError::Invalid)?;
    if known.is_some_and(|known| known != curve) {
        return Err(KeyError::Invalid);
    }
    let key = EcKey::from_number(curve, number)?;
    if let Some(field) = public {
        let bits = tlv::Tlv::parse(field.value).map_err(invalid)?;
        let point = bits.value.strip_prefix(&[0]).filter(|_| bits.tag == tlv::BIT_STRING);
        let same = point.is_some_and(|point| point.ct_eq(&key.point()).into());
        if !same {
            return Err(KeyError::Invalid);
        }
    }
    Ok(key)
}

/// The SubjectPublicKeyInfo.
pub(super) fn public_key(key: &EcKey) -> Vec<u8> {
    encode_ec(key.curve(), &key.point())
}

/// The PKCS #8 PrivateKeyInfo.
pub(super) fn write_pkcs8(key: &EcKey) -> Zeroizing<Vec<u8>> {
    private_key::write_ec(key.curve(), &key.number(), &key.point())
}
