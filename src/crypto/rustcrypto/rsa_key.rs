//! A private RSA key: its operations are blinded, and checked against faults.

#[cfg(feature = "oaep")]
use super::oaep;
use super::rng::Bounded;
use super::rsa::{integer, octets, signature_block, unpad};
#[cfg(not(feature = "oaep"))]
use crate::crypto::KeyTransport;
use crate::crypto::{DecryptJob, KeyError, Rng, Unwrapped};
use crate::error::{Error, InvalidMessage};
use crate::wire::limits::Limits;
use crate::wire::oid::Oid;
use crate::wire::public_key::{self, RsaPublicKey};
use crate::wire::tlv::{self, Reader, Writer};
use ::rsa::traits::{PrivateKeyParts, PublicKeyParts};
use ::rsa::{BoxedUint, PrivateKey, hazmat};
use alloc::vec;
use alloc::vec::Vec;
use zeroize::Zeroizing;

/// Random bytes that one operation may draw, in lengths of the modulus. A draw is refused at most every second
/// time, so a sound generator needs more once in 2^128 operations.
const DRAWS: usize = 128;

/// The same for key generation, which draws one length for two primes and throws away one pair of 32,000.
const GENERATION_DRAWS: usize = 8;

/// A private key of 2048 to 8192 bits, wiped when dropped.
pub(super) struct RsaKey(PrivateKey);

impl RsaKey {
    pub(super) fn generate(bits: usize, rng: &mut Rng<'_>) -> Result<Self, KeyError> {
        let limits = Limits::DEFAULT;
        if bits < limits.rsa_min_bits || bits > limits.rsa_max_bits || !bits.is_multiple_of(8) {
            return Err(KeyError::Invalid);
        }
        let mut rng = Bounded::new(rng, GENERATION_DRAWS.saturating_mul(bits / 8));
        // The size is in bounds, so what is left to fail is the generator: no bytes, or the same prime twice.
        let key = PrivateKey::new(&mut rng, bits).map_err(|_| KeyError::RandomFailed)?;
        Self::complete(key)
    }

    pub(super) fn from_pkcs1(der: &[u8]) -> Result<Self, KeyError> {
        let [n, e, d, p, q] = read_pkcs1(der).map_err(|_| KeyError::Invalid)?;
        RsaPublicKey { modulus: n, exponent: e }.check(&Limits::DEFAULT).map_err(|_| KeyError::Invalid)?;
        let bits =
            u32::try_from(n.len()).ok().and_then(|length| length.checked_mul(8)).ok_or(KeyError::Invalid)?;
        let number = |bytes| BoxedUint::from_be_slice(bytes, bits).map_err(|_| KeyError::Invalid);
        let exponent = BoxedUint::from_be_slice_vartime(e);
        // p and q are compared with n, and d with both; what else is in there is computed again
        let key = PrivateKey::from_components(number(n)?, exponent, number(d)?, vec![number(p)?, number(q)?]);
        key.map_err(|_| KeyError::Invalid).and_then(Self::complete)
    }

    /// With everything computed that [`Self::to_pkcs8`] writes.
    fn complete(key: PrivateKey) -> Result<Self, KeyError> {
        let complete =
            key.primes().len() == 2 && key.dp().is_some() && key.dq().is_some() && key.qinv().is_some();
        if complete { Ok(Self(key)) } else { Err(KeyError::Invalid) }
    }

    /// The PKCS #8 PrivateKeyInfo around a PKCS #1 RSAPrivateKey.
    pub(super) fn to_pkcs8(&self) -> Zeroizing<Vec<u8>> {
        let bytes = |number: &BoxedUint| Zeroizing::new(number.to_be_bytes());
        let numbers =
            [self.0.n().as_ref().to_be_bytes().into(), self.0.e().to_be_bytes().into(), bytes(self.0.d())];
        let primes = self.0.primes().iter().map(|prime| bytes(prime.as_ref()));
        // all there: see `complete`
        let coefficient = self.0.qinv().map(|q| Zeroizing::new(q.retrieve()));
        let rest = [self.0.dp(), self.0.dq(), coefficient.as_deref()];
        // one buffer that does not grow, so that no copy of it stays behind
        let mut writer = Writer::with_capacity(self.size().saturating_mul(5).saturating_add(128));
        writer.nested(tlv::SEQUENCE, |info| {
            info.tlv(tlv::INTEGER, &[0]);
            write_algorithm(info);
            info.nested(tlv::OCTET_STRING, |key| {
                key.nested(tlv::SEQUENCE, |key| {
                    key.tlv(tlv::INTEGER, &[0]);
                    numbers.into_iter().chain(primes).chain(rest.into_iter().flatten().map(bytes)).for_each(
                        |number| {
                            public_key::write_unsigned(key, &number);
                        },
                    );
                });
            });
        });
        Zeroizing::new(writer.finish())
    }

    /// The SubjectPublicKeyInfo.
    pub(super) fn public_key(&self) -> Vec<u8> {
        public_key::encode_rsa(&self.0.n_bytes(), &self.0.e_bytes())
    }

    /// Length of the modulus, bytes.
    pub(super) fn size(&self) -> usize {
        self.0.size()
    }

    /// Raises to the private exponent: blinded, and checked with the public one against faults.
    fn private_operation(
        &self,
        value: &BoxedUint,
        rng: &mut Rng<'_>,
    ) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        let length = self.size();
        let mut rng = Bounded::new(rng, length.saturating_mul(DRAWS));
        match hazmat::rsa_decrypt_and_check(&self.0, Some(&mut rng), value).map(Zeroizing::new) {
            Ok(result) => octets(&result, length).ok_or(KeyError::Failed),
            Err(::rsa::Error::Rng) => Err(KeyError::RandomFailed),
            Err(_) => Err(KeyError::Failed),
        }
    }

    /// RSASSA-PKCS1-v1_5 over a DigestInfo (RFC 8017 section 8.2.1).
    pub(super) fn sign(&self, digest_info: &[u8], rng: &mut Rng<'_>) -> Result<Vec<u8>, KeyError> {
        let value = signature_block(digest_info, self.size())
            .and_then(|block| integer(&block, &self.0))
            .ok_or(KeyError::Unsupported)?;
        Ok(self.private_operation(&value, rng)?.to_vec())
    }

    /// RSAES-PKCS1-v1_5 or RSAES-OAEP (RFC 8017 sections 7.2.2 and 7.1.2).
    pub(super) fn decrypt(&self, job: &DecryptJob, rng: &mut Rng<'_>) -> Result<Unwrapped, KeyError> {
        #[cfg(not(feature = "oaep"))]
        if job.transport() != KeyTransport::RsaPkcs1v15 {
            return Err(KeyError::Unsupported);
        }
        // Public facts about the ciphertext, and still no error: RFC 3218 section 2.3.2.
        let value = integer(job.encrypted_key(), &self.0);
        let Some(value) = value.filter(|value| **value < *self.0.n().as_ref()) else {
            return Ok(Unwrapped::rejected());
        };
        let block = self.private_operation(&value, rng)?;
        #[cfg(feature = "oaep")]
        if let Some(hash) = oaep::hash_of(job.transport()) {
            return Ok(oaep::unpad(hash, &block, job.key_length()));
        }
        Ok(unpad(&block, job.key_length()))
    }
}

/// `AlgorithmIdentifier` of RSA keys: rsaEncryption and NULL.
fn write_algorithm(writer: &mut Writer) {
    writer.nested(tlv::SEQUENCE, |algorithm| {
        algorithm.tlv(tlv::OBJECT_IDENTIFIER, Oid::RSA_ENCRYPTION.as_bytes());
        algorithm.tlv(tlv::NULL, &[]);
    });
}

/// n, e, d, p and q of an RSAPrivateKey with two primes.
fn read_pkcs1(der: &[u8]) -> Result<[&[u8]; 5], Error> {
    let mut reader = Reader::new(der)?;
    let mut fields = reader.enter(tlv::SEQUENCE)?;
    reader.finish()?;
    if fields.expect(tlv::INTEGER)?.value != [0] {
        return Err(InvalidMessage::Der.into());
    }
    let mut next = || fields.expect(tlv::INTEGER).and_then(|number| public_key::unsigned(number.value));
    let numbers = [next()?, next()?, next()?, next()?, next()?];
    // two exponents and a coefficient
    let _ = [next()?, next()?, next()?];
    fields.finish()?;
    Ok(numbers)
}

#[cfg(test)]
#[path = "rsa_key_tests.rs"]
mod tests;
