//! RSA with keys of 2048 bits and PKCS #1 v1.5 (RFC 8017), in numbers of one fixed size.
//!
//! `scep::crypto::rustcrypto` takes keys of 2048 to 8192 bits and has numbers on the heap for them, which costs three times
//! the flash; the feature `all-sizes` builds that. Here a CA whose key has another size is refused.
//!
//! All arithmetic is that of `crypto-bigint`, in the functions whose time does not depend on the numbers. Private exponents
//! are masked anew for each operation. `tests/wycheproof/firmware.rs` tests it.

use alloc::boxed::Box;
use alloc::vec::Vec;
use crypto_bigint::modular::{FixedMontyForm, FixedMontyParams};
use crypto_bigint::{CtAssign, CtEq, Limb, MontyForm, MontyMultiplier, Odd, U64, U1024, U2048, Uint};
use scep::Error;
use scep::crypto::{
    Choice, ContentKey, DigestAlgorithm, KeyError, KeyTransport, KeyWrapper, Rng, SignatureScheme, Unwrapped,
    Verifier,
};
use scep::error::{BadSignature, Limit, RngFailed};
use scep::wire::{Limits, RsaPublicKey, SubjectPublicKeyInfo};
use zeroize::Zeroizing;

/// Bytes of a modulus, of a prime, and of an exponent with its mask.
const SIZE: usize = 256;
const HALF: usize = SIZE / 2;
const MASKED: usize = HALF + 8;

/// What is as good as the number in it is wiped.
type Residue<const N: usize> = Box<Zeroizing<FixedMontyForm<N>>>;
type Parameters<const N: usize> = Box<Zeroizing<FixedMontyParams<N>>>;
type Secret = Zeroizing<Vec<u8>>;
type Multiplier<'a, const N: usize> = <FixedMontyForm<N> as MontyForm>::Multiplier<'a>;

/// What there is to know of a secret modulus. Functions that are not inlined, here and below, give their stack back before the
/// next one takes its own.
#[inline(never)]
fn secret_parameters(modulus: &[u8]) -> Option<Parameters<{ U1024::LIMBS }>> {
    let modulus = Option::from(Odd::new(Uint::from_be_slice(modulus)));
    modulus.map(|modulus| Box::new(Zeroizing::new(FixedMontyParams::new(modulus))))
}

/// The same for one that everybody knows: its value may show in the time.
#[inline(never)]
fn public_parameters(modulus: &[u8]) -> Option<Parameters<{ U2048::LIMBS }>> {
    let modulus = Option::from(Odd::new(Uint::from_be_slice(modulus)));
    modulus.map(|modulus| Box::new(Zeroizing::new(FixedMontyParams::new_vartime(modulus))))
}

/// A number, big endian, modulo another one.
#[inline(never)]
fn residue<const N: usize>(number: &[u8], params: &FixedMontyParams<N>) -> Residue<N> {
    Box::new(Zeroizing::new(FixedMontyForm::new(&Uint::from_be_slice(number), params)))
}

fn public_key<'a>(key: &SubjectPublicKeyInfo<'a>) -> Result<RsaPublicKey<'a>, Error> {
    let key = key.rsa()?;
    key.check(&Limits::FIRMWARE)?;
    if key.bits() == 8 * SIZE { Ok(key) } else { Err(Limit::PublicKey.into()) }
}

/// Raises to the public exponent: `SIZE` bytes. `None` when the number is too large.
#[inline(never)]
fn public_operation(key: &RsaPublicKey<'_>, number: &[u8]) -> Option<Secret> {
    if number.len() != SIZE || number >= key.modulus {
        return None;
    }
    let params = public_parameters(key.modulus)?;
    let base = residue(number, &params);
    Some(public_power(&base, key.exponent))
}

#[inline(never)]
fn public_power(base: &FixedMontyForm<{ U2048::LIMBS }>, exponent: &[u8]) -> Secret {
    let mut multiplier = Multiplier::from(base.params());
    let mut power = FixedMontyForm::one(base.params());
    for byte in exponent {
        for bit in (0..8).rev() {
            multiplier.square_assign(&mut power);
            // this exponent is no secret
            if byte >> bit & 1 == 1 {
                multiplier.mul_assign(&mut power, base);
            }
        }
    }
    Zeroizing::new(power.retrieve().to_be_bytes().as_ref().to_vec())
}

/// RSASSA-PKCS1-v1_5 (RFC 8017 section 8.2.2).
pub(crate) struct Rsa2048Verifier(pub(crate) &'static dyn DigestAlgorithm);

impl Verifier for Rsa2048Verifier {
    fn scheme(&self) -> SignatureScheme {
        SignatureScheme::RsaPkcs1(self.0.id())
    }

    fn verify(
        &self,
        signer: &SubjectPublicKeyInfo<'_>,
        parts: &[&[u8]],
        signature: &[u8],
    ) -> Result<(), Error> {
        let key = public_key(signer)?;
        let digest_info = self.0.id().digest_info(self.0.digest(parts).as_bytes());
        match public_operation(&key, signature) {
            Some(block) if *block == signature_block(&digest_info) => Ok(()),
            _ => Err(BadSignature::Signature.into()),
        }
    }
}

/// EMSA-PKCS1-v1_5 (RFC 8017 section 9.2).
fn signature_block(digest_info: &[u8]) -> Vec<u8> {
    let mut block = alloc::vec![0xff; SIZE];
    let (padding, end) = block.split_at_mut(SIZE - digest_info.len());
    padding[0] = 0;
    padding[1] = 1;
    padding[padding.len() - 1] = 0;
    end.copy_from_slice(digest_info);
    block
}

/// RSAES-PKCS1-v1_5 (RFC 8017 section 7.2.1).
pub(crate) struct Rsa2048Wrapper;

impl KeyWrapper for Rsa2048Wrapper {
    fn id(&self) -> KeyTransport {
        KeyTransport::RsaPkcs1v15
    }

    fn wrap(
        &self,
        recipient: &SubjectPublicKeyInfo<'_>,
        key: &ContentKey,
        rng: &mut Rng<'_>,
    ) -> Result<Vec<u8>, Error> {
        let public = public_key(recipient)?;
        let key = key.as_bytes();
        let mut block = Zeroizing::new(alloc::vec![0; SIZE]);
        let (padding, end) = block.split_at_mut(SIZE - key.len());
        rng.try_fill_bytes(padding)?;
        for byte in padding.iter_mut() {
            // a sound generator needs the eighth once in 2^64 times
            for _ in 0..8 {
                if *byte == 0 {
                    rng.try_fill_bytes(core::slice::from_mut(byte))?;
                }
            }
            if *byte == 0 {
                return Err(RngFailed.into());
            }
        }
        padding[0] = 0;
        padding[1] = 2;
        padding[padding.len() - 1] = 0;
        end.copy_from_slice(key);
        Ok(public_operation(&public, &block).ok_or(Limit::PublicKey)?.to_vec())
    }
}

/// A private key: p, q, d mod (p - 1), d mod (q - 1) and 1/q mod p, each 128 bytes, big endian.
#[derive(Clone, Copy)]
pub(crate) struct PrivateKey<'a>(pub(crate) &'a [u8; 5 * HALF]);

impl PrivateKey<'_> {
    fn bytes(&self, at: usize) -> &[u8] {
        &self.0[at * HALF..(at + 1) * HALF]
    }

    fn number(&self, at: usize) -> U1024 {
        U1024::from_be_slice(self.bytes(at))
    }

    /// Raises to the private exponent, by the Chinese remainder theorem.
    #[inline(never)]
    fn operation(&self, number: &[u8], rng: &mut Rng<'_>) -> Result<Secret, KeyError> {
        let second = self.power(1, number, rng)?;
        let first = self.power(0, number, rng)?;
        self.joined(&first, &second).ok_or(KeyError::Invalid)
    }

    /// The number modulo one of the primes, raised to its exponent.
    #[inline(never)]
    fn power(&self, at: usize, number: &[u8], rng: &mut Rng<'_>) -> Result<Secret, KeyError> {
        let exponent = self.masked(at, rng)?;
        let base = self.reduced(at, number).ok_or(KeyError::Invalid)?;
        Ok(private_power(&base, &exponent))
    }

    /// `exponent + random * (prime - 1)`, which raises to the same.
    #[inline(never)]
    fn masked(&self, at: usize, rng: &mut Rng<'_>) -> Result<Secret, KeyError> {
        let mut random = [0; 8];
        rng.try_fill_bytes(&mut random).map_err(|_| KeyError::RandomFailed)?;
        let (low, high) =
            self.number(at).wrapping_sub(&U1024::ONE).widening_mul(&U64::from_be_slice(&random));
        let (low, carry) = low.carrying_add(&self.number(at + 2), Limb::ZERO);
        let high = high.carrying_add(&U64::ZERO, carry).0;
        let mut bytes = Zeroizing::new(Vec::with_capacity(MASKED));
        bytes.extend_from_slice(high.to_be_bytes().as_ref());
        bytes.extend_from_slice(low.to_be_bytes().as_ref());
        Ok(bytes)
    }

    /// The number, which is twice as long, modulo one of the primes.
    #[inline(never)]
    fn reduced(&self, at: usize, number: &[u8]) -> Option<Residue<{ U1024::LIMBS }>> {
        let (high, low) = number.split_at(HALF);
        let params = secret_parameters(self.bytes(at))?;
        let (mut sum, low) = (residue(high, &params), residue(low, &params));
        // R^2 is the Montgomery form of R, which is 2^1024
        let radix = FixedMontyForm::from_montgomery(*params.r2(), &params);
        Multiplier::from(&**params).mul_assign(&mut sum, &radix);
        **sum += &**low;
        Some(sum)
    }

    /// The number that is `first` modulo the first prime and `second` modulo the second.
    #[inline(never)]
    fn joined(&self, first: &[u8], second: &[u8]) -> Option<Secret> {
        let params = secret_parameters(self.bytes(0))?;
        let mut factor = residue(first, &params);
        **factor -= &**residue(second, &params);
        let inverse = residue(self.bytes(4), &params);
        Multiplier::from(&**params).mul_assign(&mut factor, &inverse);
        Some(self.sum(&factor.retrieve(), second))
    }

    /// `factor * q + second`
    #[inline(never)]
    fn sum(&self, factor: &U1024, second: &[u8]) -> Secret {
        let (low, high) = factor.widening_mul(&self.number(1));
        let (low, carry) = low.carrying_add(&U1024::from_be_slice(second), Limb::ZERO);
        let high = high.carrying_add(&U1024::ZERO, carry).0;
        let mut bytes = Zeroizing::new(Vec::with_capacity(SIZE));
        bytes.extend_from_slice(high.to_be_bytes().as_ref());
        bytes.extend_from_slice(low.to_be_bytes().as_ref());
        bytes
    }

    /// RSASSA-PKCS1-v1_5 over a DigestInfo. A fault does not leave the device: `scep` verifies each signature that it asked
    /// for.
    pub(crate) fn sign(&self, digest_info: &[u8], rng: &mut Rng<'_>) -> Result<Vec<u8>, KeyError> {
        Ok(self.operation(&signature_block(digest_info), rng)?.to_vec())
    }

    /// RSAES-PKCS1-v1_5 (RFC 8017 section 7.2.2).
    pub(crate) fn decrypt(
        &self,
        encrypted: &[u8],
        key_length: usize,
        rng: &mut Rng<'_>,
    ) -> Result<Unwrapped, KeyError> {
        // public facts about the ciphertext, and still no error: RFC 3218 section 2.3.2
        match self.open(encrypted, key_length, rng)? {
            Some((block, sound)) => Ok(Unwrapped::checked(&block[SIZE - key_length..], sound)),
            None => Ok(Unwrapped::rejected()),
        }
    }

    /// The block, which ends with the content key, and whether its padding is sound. No branch and no index depends on what
    /// it holds: only lengths, which are public, decide.
    fn open(
        &self,
        encrypted: &[u8],
        key_length: usize,
        rng: &mut Rng<'_>,
    ) -> Result<Option<(Secret, Choice)>, KeyError> {
        if encrypted.len() != SIZE || key_length > HALF {
            return Ok(None);
        }
        let block = self.operation(encrypted, rng)?;
        let padding = &block[..SIZE - key_length];
        let mut wrong = padding[0] | padding[1] ^ 2 | padding[padding.len() - 1];
        for byte in &padding[2..padding.len() - 1] {
            wrong |= is_zero(*byte);
        }
        let sound = is_zero(wrong).into();
        Ok(Some((block, sound)))
    }
}

/// Raises to a private exponent, two bits at a time; all steps are the same, whatever the numbers are.
#[inline(never)]
fn private_power(base: &FixedMontyForm<{ U1024::LIMBS }>, exponent: &[u8]) -> Secret {
    let mut multiplier = Multiplier::from(base.params());
    let mut result = FixedMontyForm::one(base.params());
    let mut factor = Zeroizing::new(*base);
    let mut powers = Zeroizing::new([*result.as_montgomery(); 4]);
    for power in powers.iter_mut().skip(1) {
        *power = *factor.as_montgomery();
        multiplier.mul_assign(&mut factor, base);
    }
    for byte in exponent {
        for shift in [6, 4, 2, 0] {
            multiplier.square_assign(&mut result);
            multiplier.square_assign(&mut result);
            let digit = byte >> shift & 3;
            for (number, power) in (0_u8..).zip(powers.iter()) {
                factor.as_montgomery_mut().ct_assign(power, number.ct_eq(&digit));
            }
            multiplier.mul_assign(&mut result, &factor);
        }
    }
    Zeroizing::new(result.retrieve().to_be_bytes().as_ref().to_vec())
}

/// 1 for 0, and 0 for all others.
fn is_zero(byte: u8) -> u8 {
    let [high, _] = u16::from(byte).wrapping_sub(1).to_be_bytes();
    core::hint::black_box(high & 1)
}

/// For the tests, which see no more of an [`Unwrapped`] than anybody: the content key, if the padding is sound.
#[cfg(test)]
pub(crate) fn content_key(
    key: &PrivateKey<'_>,
    encrypted: &[u8],
    key_length: usize,
    rng: &mut Rng<'_>,
) -> Option<Vec<u8>> {
    let (block, sound) = key.open(encrypted, key_length, rng).ok()??;
    bool::from(sound).then(|| block[SIZE - key_length..].to_vec())
}
