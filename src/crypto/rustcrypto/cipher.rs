//! Block ciphers in CBC mode (RFC 3565, NIST SP 800-38A section 6.2), without padding.

use crate::crypto::{ContentCipher, ContentEncryption};
use crate::error::{ApiMisuse, Error};
use cbc::cipher::{
    Array, BlockCipherDecrypt, BlockCipherEncrypt, BlockModeDecrypt, BlockModeEncrypt, KeyInit, KeyIvInit,
};
use core::fmt;

/// AES-128-CBC: key 16 bytes, IV 16 bytes.
pub static AES_128_CBC: CbcCipher = CbcCipher::new::<aes::Aes128>(ContentEncryption::Aes128Cbc);

/// AES-192-CBC: key 24 bytes, IV 16 bytes.
pub static AES_192_CBC: CbcCipher = CbcCipher::new::<aes::Aes192>(ContentEncryption::Aes192Cbc);

/// AES-256-CBC: key 32 bytes, IV 16 bytes.
pub static AES_256_CBC: CbcCipher = CbcCipher::new::<aes::Aes256>(ContentEncryption::Aes256Cbc);

type Run = fn(&[u8], &[u8], &mut [u8]) -> Result<(), Error>;

/// A CBC cipher of this provider: [`AES_128_CBC`] and its like.
pub struct CbcCipher {
    id: ContentEncryption,
    encrypt: Run,
    decrypt: Run,
}

impl CbcCipher {
    pub(super) const fn new<C>(id: ContentEncryption) -> Self
    where
        C: BlockCipherEncrypt + BlockCipherDecrypt + KeyInit,
    {
        Self { id, encrypt: encrypt::<C>, decrypt: decrypt::<C> }
    }
}

fn encrypt<C: BlockCipherEncrypt + KeyInit>(key: &[u8], iv: &[u8], data: &mut [u8]) -> Result<(), Error> {
    let mut mode = cbc::Encryptor::<C>::new_from_slices(key, iv).map_err(|_| ApiMisuse::Algorithm)?;
    match Array::slice_as_chunks_mut(data) {
        (blocks, []) => mode.encrypt_blocks(blocks),
        _ => return Err(ApiMisuse::Algorithm.into()),
    }
    Ok(())
}

fn decrypt<C: BlockCipherDecrypt + KeyInit>(key: &[u8], iv: &[u8], data: &mut [u8]) -> Result<(), Error> {
    let mut mode = cbc::Decryptor::<C>::new_from_slices(key, iv).map_err(|_| ApiMisuse::Algorithm)?;
    match Array::slice_as_chunks_mut(data) {
        (blocks, []) => decrypt_blocks(&mut mode, blocks),
        _ => return Err(ApiMisuse::Algorithm.into()),
    }
    Ok(())
}

#[cfg(not(aes_backend_soft = "compact"))]
fn decrypt_blocks<M: BlockModeDecrypt>(mode: &mut M, blocks: &mut [Array<u8, M::BlockSize>]) {
    mode.decrypt_blocks(blocks);
}

/// Who builds `aes` for size wants no second copy of it for two blocks at a time.
#[cfg(aes_backend_soft = "compact")]
fn decrypt_blocks<M: BlockModeDecrypt>(mode: &mut M, blocks: &mut [Array<u8, M::BlockSize>]) {
    blocks.iter_mut().for_each(|block| mode.decrypt_block(block));
}

impl ContentCipher for CbcCipher {
    fn id(&self) -> ContentEncryption {
        self.id
    }

    fn encrypt(&self, key: &[u8], iv: &[u8], blocks: &mut [u8]) -> Result<(), Error> {
        (self.encrypt)(key, iv, blocks)
    }

    fn decrypt(&self, key: &[u8], iv: &[u8], blocks: &mut [u8]) -> Result<(), Error> {
        (self.decrypt)(key, iv, blocks)
    }
}

impl fmt::Debug for CbcCipher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CbcCipher({:?})", self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::rustcrypto::testing::{check_cipher, unhex};

    const IV: &str = "000102030405060708090a0b0c0d0e0f";
    const PLAIN: &str = "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51\
                         30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710";

    // NIST SP 800-38A sections F.2.1 to F.2.6.
    #[test]
    fn aes_cbc_gives_the_published_ciphertexts() {
        for (cipher, key, expected) in [
            (
                &AES_128_CBC,
                "2b7e151628aed2a6abf7158809cf4f3c",
                "7649abac8119b246cee98e9b12e9197d5086cb9b507219ee95db113a917678b2\
                 73bed6b8e3c1743b7116e69e222295163ff1caa1681fac09120eca307586e1a7",
            ),
            (
                &AES_192_CBC,
                "8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b",
                "4f021db243bc633d7178183a9fa071e8b4d9ada9ad7dedf4e5e738763f69145a\
                 571b242012fb7ae07fa9baac3df102e008b0e27988598881d920a9e64f5615cd",
            ),
            (
                &AES_256_CBC,
                "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
                "f58c4c04d6e5f1ba779eabfb5f7bfbd69cfc4e967edb808d679f777bc6702c7d\
                 39f23369a9d9bacfa530e26304231461b2eb05e2c39be9fcda6c19078c6a9d1b",
            ),
        ] {
            check_cipher(cipher, key, IV, PLAIN, expected);
        }
    }

    #[test]
    fn wrong_lengths_are_misuse_and_leave_the_data_alone() {
        let misuse = Err(ApiMisuse::Algorithm.into());
        for (key, iv, length) in
            [(15, 16, 32), (17, 16, 32), (0, 16, 32), (16, 15, 32), (16, 8, 32), (16, 16, 31), (16, 16, 1)]
        {
            let mut data = [3; 32];
            assert_eq!(AES_128_CBC.encrypt(&[1; 32][..key], &[2; 32][..iv], &mut data[..length]), misuse);
            assert_eq!(AES_128_CBC.decrypt(&[1; 32][..key], &[2; 32][..iv], &mut data[..length]), misuse);
            assert_eq!(data, [3; 32]);
        }
    }

    #[test]
    fn no_blocks_are_no_error() {
        assert_eq!(AES_256_CBC.encrypt(&[0; 32], &unhex(IV), &mut []), Ok(()));
    }
}
