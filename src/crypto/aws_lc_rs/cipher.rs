//! AES in CBC mode (RFC 3565, NIST SP 800-38A section 6.2), without padding.

use crate::crypto::{ContentCipher, ContentEncryption};
use crate::error::{ApiMisuse, Error};
use ::aws_lc_rs::cipher::{
    AES_128, AES_192, AES_256, Algorithm, DecryptingKey, DecryptionContext, EncryptingKey, EncryptionContext,
    UnboundCipherKey,
};
use ::aws_lc_rs::iv::FixedLength;
use core::fmt;

/// AES-128-CBC: key 16 bytes, IV 16 bytes.
pub static AES_128_CBC: AesCbc = AesCbc { id: ContentEncryption::Aes128Cbc, algorithm: &AES_128 };

/// AES-192-CBC: key 24 bytes, IV 16 bytes.
pub static AES_192_CBC: AesCbc = AesCbc { id: ContentEncryption::Aes192Cbc, algorithm: &AES_192 };

/// AES-256-CBC: key 32 bytes, IV 16 bytes.
pub static AES_256_CBC: AesCbc = AesCbc { id: ContentEncryption::Aes256Cbc, algorithm: &AES_256 };

/// A CBC cipher of this provider: [`AES_128_CBC`] and its like.
pub struct AesCbc {
    id: ContentEncryption,
    algorithm: &'static Algorithm,
}

impl AesCbc {
    fn key(&self, key: &[u8]) -> Result<UnboundCipherKey, ApiMisuse> {
        UnboundCipherKey::new(self.algorithm, key).map_err(|_| ApiMisuse::Algorithm)
    }
}

fn vector(iv: &[u8]) -> Result<FixedLength<16>, ApiMisuse> {
    FixedLength::try_from(iv).map_err(|_| ApiMisuse::Algorithm)
}

impl ContentCipher for AesCbc {
    fn id(&self) -> ContentEncryption {
        self.id
    }

    fn encrypt(&self, key: &[u8], iv: &[u8], blocks: &mut [u8]) -> Result<(), Error> {
        let context = EncryptionContext::Iv128(vector(iv)?);
        EncryptingKey::cbc(self.key(key)?)
            .and_then(|key| key.less_safe_encrypt(blocks, context))
            .map(drop)
            .map_err(|_| ApiMisuse::Algorithm.into())
    }

    fn decrypt(&self, key: &[u8], iv: &[u8], blocks: &mut [u8]) -> Result<(), Error> {
        let context = DecryptionContext::Iv128(vector(iv)?);
        let key = DecryptingKey::cbc(self.key(key)?).map_err(|_| ApiMisuse::Algorithm)?;
        key.decrypt(blocks, context).map(drop).map_err(|_| ApiMisuse::Algorithm.into())
    }
}

impl fmt::Debug for AesCbc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AesCbc({:?})", self.id)
    }
}
