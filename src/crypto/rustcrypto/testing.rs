//! Generators and vectors that the tests beside the code share.

use super::CbcCipher;
use crate::crypto::ContentCipher;
use crate::error::RngFailed;
use alloc::vec::Vec;
use rand_core::{TryCryptoRng, TryRng};

/// RSA-2048 and RSA-2050, made with OpenSSL for these tests only.
pub(crate) const RSA_2048_PKCS8: &[u8] = include_bytes!("testdata/rsa2048.pkcs8.der");
pub(crate) const RSA_2048_SPKI: &[u8] = include_bytes!("testdata/rsa2048.spki.der");
pub(crate) const RSA_2050_PKCS8: &[u8] = include_bytes!("testdata/rsa2050.pkcs8.der");
pub(crate) const RSA_2050_SPKI: &[u8] = include_bytes!("testdata/rsa2050.spki.der");

pub(crate) fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits
        .chunks(2)
        .map(|pair| u8::from_str_radix(core::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

pub(crate) fn check_cipher(cipher: &CbcCipher, key: &str, iv: &str, plain: &str, expected: &str) {
    let (key, iv, plain, expected) = (unhex(key), unhex(iv), unhex(plain), unhex(expected));
    let mut data = plain.clone();
    cipher.encrypt(&key, &iv, &mut data).unwrap();
    assert_eq!(data, expected, "{cipher:?}");
    cipher.decrypt(&key, &iv, &mut data).unwrap();
    assert_eq!(data, plain, "{cipher:?}");
    assert_eq!((key.len(), iv.len()), (cipher.id().key_length(), cipher.id().block_length()));
}

/// Implements the traits of a generator by one function that fills bytes.
macro_rules! generator {
    ($name:ty, |$self:ident, $dst:ident| $fill:block) => {
        impl TryRng for $name {
            type Error = RngFailed;

            fn try_next_u32(&mut self) -> Result<u32, RngFailed> {
                let mut bytes = [0; 4];
                self.try_fill_bytes(&mut bytes)?;
                Ok(u32::from_le_bytes(bytes))
            }

            fn try_next_u64(&mut self) -> Result<u64, RngFailed> {
                let mut bytes = [0; 8];
                self.try_fill_bytes(&mut bytes)?;
                Ok(u64::from_le_bytes(bytes))
            }

            fn try_fill_bytes(&mut $self, $dst: &mut [u8]) -> Result<(), RngFailed> $fill
        }

        impl TryCryptoRng for $name {}
    };
}

/// Gives 0, 1, 2, ... and counts the bytes given.
#[derive(Default)]
pub(crate) struct Counting(pub(crate) usize);

generator!(Counting, |self, dst| {
    for byte in dst {
        *byte = self.0.to_le_bytes()[0];
        self.0 += 1;
    }
    Ok(())
});

/// Gives ones, and fails once it would have given more than so many bytes.
pub(crate) struct FailsAfter(pub(crate) usize);

generator!(FailsAfter, |self, dst| {
    self.0 = self.0.checked_sub(dst.len()).ok_or(RngFailed)?;
    dst.fill(1);
    Ok(())
});

/// Gives the same byte for ever.
pub(crate) struct Stuck(pub(crate) u8);

generator!(Stuck, |self, dst| {
    dst.fill(self.0);
    Ok(())
});

/// Different bytes each time, from a seed.
pub(crate) struct Seeded(pub(crate) u64);

generator!(Seeded, |self, dst| {
    for byte in dst {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        *byte = (self.0 >> 56).to_le_bytes()[0];
    }
    Ok(())
});

/// Gives these bytes, and fails when they are used up.
pub(crate) struct Fixed(pub(crate) Vec<u8>);

generator!(Fixed, |self, dst| {
    if dst.len() > self.0.len() {
        return Err(RngFailed);
    }
    let rest = self.0.split_off(dst.len());
    dst.copy_from_slice(&self.0);
    self.0 = rest;
    Ok(())
});
