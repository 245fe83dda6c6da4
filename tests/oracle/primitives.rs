//! The bare primitives, put together by hand: block ciphers without the CBC crate, RSA with DigestInfo prefixes
//! copied from RFC 8017.

use crate::support::{Party, seeded};
use aes::cipher::{Block, BlockCipherDecrypt, BlockCipherEncrypt, KeyInit};
use der::Decode as _;
use rsa::pkcs8::DecodePrivateKey as _;
use rsa::{Pkcs1v15Encrypt, Pkcs1v15Sign, PrivateKey, PublicKey};
use scep::wire::{ContentEncryption, Digest};
use sha2::Digest as _;

pub(crate) const DIGESTS: [Digest; 4] = [Digest::Sha1, Digest::Sha256, Digest::Sha384, Digest::Sha512];

pub(crate) const CIPHERS: [ContentEncryption; 5] = [
    ContentEncryption::Aes128Cbc,
    ContentEncryption::Aes192Cbc,
    ContentEncryption::Aes256Cbc,
    ContentEncryption::TripleDesCbc,
    ContentEncryption::DesCbc,
];

/// The object identifiers, typed in anew.
pub(crate) fn digest_oid(digest: Digest) -> &'static str {
    match digest {
        Digest::Sha1 => "1.3.14.3.2.26",
        Digest::Sha256 => "2.16.840.1.101.3.4.2.1",
        Digest::Sha384 => "2.16.840.1.101.3.4.2.2",
        Digest::Sha512 => "2.16.840.1.101.3.4.2.3",
        other => panic!("{other:?}"),
    }
}

pub(crate) fn signature_oid(digest: Digest) -> &'static str {
    match digest {
        Digest::Sha1 => "1.2.840.113549.1.1.5",
        Digest::Sha256 => "1.2.840.113549.1.1.11",
        Digest::Sha384 => "1.2.840.113549.1.1.12",
        Digest::Sha512 => "1.2.840.113549.1.1.13",
        other => panic!("{other:?}"),
    }
}

pub(crate) fn cipher_oid(cipher: ContentEncryption) -> &'static str {
    match cipher {
        ContentEncryption::Aes128Cbc => "2.16.840.1.101.3.4.1.2",
        ContentEncryption::Aes192Cbc => "2.16.840.1.101.3.4.1.22",
        ContentEncryption::Aes256Cbc => "2.16.840.1.101.3.4.1.42",
        ContentEncryption::TripleDesCbc => "1.2.840.113549.3.7",
        ContentEncryption::DesCbc => "1.3.14.3.2.7",
        other => panic!("{other:?}"),
    }
}

/// Lengths of key and block.
pub(crate) fn cipher_sizes(cipher: ContentEncryption) -> (usize, usize) {
    match cipher {
        ContentEncryption::Aes128Cbc => (16, 16),
        ContentEncryption::Aes192Cbc => (24, 16),
        ContentEncryption::Aes256Cbc => (32, 16),
        ContentEncryption::TripleDesCbc => (24, 8),
        ContentEncryption::DesCbc => (8, 8),
        other => panic!("{other:?}"),
    }
}

pub(crate) fn hash(digest: Digest, bytes: &[u8]) -> Vec<u8> {
    match digest {
        Digest::Sha1 => sha1::Sha1::digest(bytes).to_vec(),
        Digest::Sha256 => sha2::Sha256::digest(bytes).to_vec(),
        Digest::Sha384 => sha2::Sha384::digest(bytes).to_vec(),
        Digest::Sha512 => sha2::Sha512::digest(bytes).to_vec(),
        other => panic!("{other:?}"),
    }
}

/// What comes before the digest value in DigestInfo: RFC 8017 section 9.2 note 1.
fn prefix(digest: Digest) -> &'static [u8] {
    match digest {
        Digest::Sha1 => b"\x30\x21\x30\x09\x06\x05\x2B\x0E\x03\x02\x1A\x05\x00\x04\x14",
        Digest::Sha256 => b"\x30\x31\x30\x0D\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20",
        Digest::Sha384 => b"\x30\x41\x30\x0D\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x02\x05\x00\x04\x30",
        Digest::Sha512 => b"\x30\x51\x30\x0D\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x03\x05\x00\x04\x40",
        other => panic!("{other:?}"),
    }
}

fn padding(digest: Digest) -> Pkcs1v15Sign {
    Pkcs1v15Sign { hash_len: None, prefix: prefix(digest).into() }
}

pub(crate) fn private_key(party: &Party) -> PrivateKey {
    let (_, der) = pem_rfc7468::decode_vec(party.key_pem.as_bytes()).unwrap();
    PrivateKey::from_pkcs8_der(&der).unwrap()
}

pub(crate) fn sign(party: &Party, digest: Digest, message: &[u8]) -> Vec<u8> {
    private_key(party).sign(padding(digest), &hash(digest, message)).unwrap()
}

/// Signs any block: `digest_info` is the whole DigestInfo.
pub(crate) fn sign_digest_info(party: &Party, digest_info: &[u8]) -> Vec<u8> {
    private_key(party).sign(Pkcs1v15Sign::new_unprefixed(), digest_info).unwrap()
}

pub(crate) fn verifies(party: &Party, digest: Digest, message: &[u8], signature: &[u8]) -> bool {
    let key = PublicKey::from(&private_key(party));
    key.verify(padding(digest), &hash(digest, message), signature).is_ok()
}

pub(crate) fn wrap(party: &Party, content_key: &[u8]) -> Vec<u8> {
    let key = PublicKey::from(&private_key(party));
    key.encrypt(&mut seeded(9), Pkcs1v15Encrypt, content_key).unwrap()
}

pub(crate) fn unwrap(party: &Party, encrypted_key: &[u8]) -> Vec<u8> {
    private_key(party).decrypt(Pkcs1v15Encrypt, encrypted_key).unwrap()
}

/// PKCS#7 padding (RFC 5652 section 6.3): always at least one byte.
pub(crate) fn pad(content: &[u8], block: usize) -> Vec<u8> {
    let missing = block - content.len() % block;
    [content, &vec![u8::try_from(missing).unwrap(); missing]].concat()
}

pub(crate) fn encrypt(cipher: ContentEncryption, key: &[u8], iv: &[u8], padded: &[u8]) -> Vec<u8> {
    match cipher {
        ContentEncryption::Aes128Cbc => cbc_encrypt::<aes::Aes128>(key, iv, padded),
        ContentEncryption::Aes192Cbc => cbc_encrypt::<aes::Aes192>(key, iv, padded),
        ContentEncryption::Aes256Cbc => cbc_encrypt::<aes::Aes256>(key, iv, padded),
        ContentEncryption::TripleDesCbc => cbc_encrypt::<des::TdesEde3>(key, iv, padded),
        ContentEncryption::DesCbc => cbc_encrypt::<des::Des>(key, iv, padded),
        other => panic!("{other:?}"),
    }
}

pub(crate) fn decrypt(cipher: ContentEncryption, key: &[u8], iv: &[u8], ciphertext: &[u8]) -> Vec<u8> {
    match cipher {
        ContentEncryption::Aes128Cbc => cbc_decrypt::<aes::Aes128>(key, iv, ciphertext),
        ContentEncryption::Aes192Cbc => cbc_decrypt::<aes::Aes192>(key, iv, ciphertext),
        ContentEncryption::Aes256Cbc => cbc_decrypt::<aes::Aes256>(key, iv, ciphertext),
        ContentEncryption::TripleDesCbc => cbc_decrypt::<des::TdesEde3>(key, iv, ciphertext),
        ContentEncryption::DesCbc => cbc_decrypt::<des::Des>(key, iv, ciphertext),
        other => panic!("{other:?}"),
    }
}

fn xor(block: &mut [u8], other: &[u8]) {
    assert_eq!(block.len(), other.len());
    block.iter_mut().zip(other).for_each(|(byte, other)| *byte ^= other);
}

fn cbc_encrypt<C: BlockCipherEncrypt + KeyInit>(key: &[u8], iv: &[u8], padded: &[u8]) -> Vec<u8> {
    let cipher = C::new_from_slice(key).unwrap();
    let mut before = iv.to_vec();
    let blocks = padded.chunks(iv.len()).flat_map(|chunk| {
        let mut block = Block::<C>::default();
        block.copy_from_slice(chunk);
        xor(&mut block, &before);
        cipher.encrypt_block(&mut block);
        before = block.to_vec();
        before.clone()
    });
    blocks.collect()
}

fn cbc_decrypt<C: BlockCipherDecrypt + KeyInit>(key: &[u8], iv: &[u8], ciphertext: &[u8]) -> Vec<u8> {
    let cipher = C::new_from_slice(key).unwrap();
    let mut before = iv;
    let blocks = ciphertext.chunks(iv.len()).flat_map(|chunk| {
        let mut block = Block::<C>::default();
        block.copy_from_slice(chunk);
        cipher.decrypt_block(&mut block);
        xor(&mut block, before);
        before = chunk;
        block.to_vec()
    });
    blocks.collect()
}

/// The party's certificate in the types of `x509-cert`.
pub(crate) fn certificate(party: &Party) -> x509_cert::Certificate {
    x509_cert::Certificate::from_der(&party.certificate()).unwrap()
}
