//! HMAC-SHA-256 (RFC 2104) on the hash function of a provider: fingerprints that only the owner of a key can make.

use super::Provider;
use crate::error::Error;
use zeroize::Zeroizing;

/// Block of SHA-256, bytes.
const BLOCK: usize = 64;

/// The code of the concatenation of `parts`.
pub(crate) fn hmac_sha256(provider: &Provider, key: &[u8; 32], parts: &[&[u8]]) -> Result<[u8; 32], Error> {
    let pad = |with: u8| {
        let mut block = Zeroizing::new([with; BLOCK]);
        block.iter_mut().zip(key).for_each(|(byte, key)| *byte ^= key);
        block
    };
    let mut inner = alloc::vec![];
    let first = pad(0x36);
    inner.push(first.as_slice());
    inner.extend_from_slice(parts);
    let digest = Zeroizing::new(provider.sha256(&inner)?);
    provider.sha256(&[pad(0x5C).as_slice(), digest.as_slice()])
}

#[cfg(test)]
#[cfg(feature = "rustcrypto")]
mod tests {
    use super::*;
    use crate::crypto::rustcrypto::PROVIDER;

    // RFC 4231 section 4.2, whose key of 20 bytes is the same as one filled up with zeros
    #[test]
    fn the_code_is_that_of_rfc_4231() {
        let mut key = [0; 32];
        key[..20].fill(0x0B);
        let code = hmac_sha256(&PROVIDER, &key, &[b"Hi ", b"There"]).unwrap();
        let expected = [
            0xB0, 0x34, 0x4C, 0x61, 0xD8, 0xDB, 0x38, 0x53, 0x5C, 0xA8, 0xAF, 0xCE, 0xAF, 0x0B, 0xF1, 0x2B,
            0x88, 0x1D, 0xC2, 0x00, 0xC9, 0x83, 0x3D, 0xA7, 0x26, 0xE9, 0x37, 0x6C, 0x2E, 0x32, 0xCF, 0xF7,
        ];
        assert_eq!(code, expected);
        assert_eq!(hmac_sha256(&PROVIDER, &key, &[b"Hi There"]).unwrap(), expected);
    }
}
