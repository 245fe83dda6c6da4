//! CMS PasswordRecipientInfo (RFC 5652 section 6.2.4, RFC 3211): a content key under a key that comes of a password.

use super::algorithm::{self, AlgorithmIdentifier, ContentEncryption, Digest, NULL};
use super::limits::Limits;
use super::oid::Oid;
use super::tlv::{self, Reader, Tlv, Writer};
use crate::error::{Error, Limit, Unsupported};
use core::fmt;
use core::ops::RangeInclusive;

/// Lengths of a salt, bytes. RFC 8018 section 4.1 wants 8 or more; nobody needs more than a hash gives.
const SALT: RangeInclusive<usize> = 8..=64;

/// Fewest rounds (RFC 8018 section 4.2).
const FEWEST_ITERATIONS: u32 = 1000;

/// A recipient who knows a password.
///
/// ```text
/// PasswordRecipientInfo ::= SEQUENCE {
///     version CMSVersion, -- 0
///     keyDerivationAlgorithm [0] KeyDerivationAlgorithmIdentifier OPTIONAL,
///     keyEncryptionAlgorithm KeyEncryptionAlgorithmIdentifier,
///     encryptedKey OCTET STRING }
/// ```
///
/// Nothing in it says which password that is.
#[derive(Clone, Copy)]
pub struct PasswordRecipientInfo<'a> {
    /// How the password becomes a key; `None` when the password is the key, which is nothing for SCEP.
    pub key_derivation: Option<AlgorithmIdentifier<'a>>,
    /// How that key encrypts the content key.
    pub key_encryption: AlgorithmIdentifier<'a>,
    /// The encrypted content key.
    pub encrypted_key: &'a [u8],
}

impl<'a> PasswordRecipientInfo<'a> {
    /// Reads what is inside of `[3]`.
    pub(super) fn read(mut reader: Reader<'a>) -> Result<Self, Error> {
        reader.expect(tlv::INTEGER)?;
        let key_derivation = match reader.optional(tlv::context(0))? {
            Some(field) => Some(AlgorithmIdentifier::read_fields(field.reader()?)?),
            None => None,
        };
        let key_encryption = AlgorithmIdentifier::read(&mut reader)?;
        let encrypted_key = reader.expect(tlv::OCTET_STRING)?.value;
        reader.finish()?;
        Ok(Self { key_derivation, key_encryption, encrypted_key })
    }

    /// The parameters of PBKDF2, within bounds: see [`Pbkdf2Parameters::from_identifier`]. Without a key derivation it
    /// is [`Unsupported::KeyDerivation`].
    pub fn pbkdf2(&self, limits: &Limits) -> Result<Pbkdf2Parameters<'a>, Error> {
        let identifier = self.key_derivation.ok_or(Unsupported::KeyDerivation)?;
        Pbkdf2Parameters::from_identifier(&identifier, limits)
    }

    /// The cipher of `id-alg-PWRI-KEK` (RFC 3211 section 2.3.1) and its initialisation vector, whose length is for the
    /// caller to check. Any other key encryption, and a cipher that has no name here, is [`Unsupported::KeyDerivation`].
    ///
    /// ```text
    /// KEK-Parameters ::= AlgorithmIdentifier -- of the cipher
    /// ```
    pub fn key_encryption_cipher(&self) -> Result<(ContentEncryption, &'a [u8]), Error> {
        let unsupported = Error::from(Unsupported::KeyDerivation);
        let parameters = self.key_encryption.parameters.filter(|_| self.key_encryption.oid == Oid::PWRI_KEK);
        let cipher = AlgorithmIdentifier::parse(parameters.ok_or(unsupported)?).map_err(|_| unsupported)?;
        let iv = cipher.octet_string().ok_or(unsupported)?;
        let cipher = ContentEncryption::from_oid(cipher.oid).map_err(|_| unsupported)?;
        Ok((cipher, iv))
    }
}

impl fmt::Debug for PasswordRecipientInfo<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasswordRecipientInfo")
            .field("key_encryption", &self.key_encryption.oid)
            .field("encrypted_length", &self.encrypted_key.len())
            .finish_non_exhaustive()
    }
}

/// The parameters of PBKDF2 (RFC 8018 appendix A.2).
///
/// ```text
/// PBKDF2-params ::= SEQUENCE {
///     salt CHOICE { specified OCTET STRING, otherSource AlgorithmIdentifier },
///     iterationCount INTEGER (1..MAX),
///     keyLength INTEGER (1..MAX) OPTIONAL,
///     prf AlgorithmIdentifier DEFAULT algid-hmacWithSHA1 }
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Pbkdf2Parameters<'a> {
    /// The salt, 8 to 64 bytes.
    pub salt: &'a [u8],
    /// Rounds: 1000 to [`Limits::pbkdf2_iterations`].
    pub iterations: u32,
    /// Length of the key, bytes, where it is named; it has to be that of the cipher.
    pub key_length: Option<u32>,
    /// The hash function whose HMAC is the pseudo-random function.
    pub prf: Digest,
}

impl<'a> Pbkdf2Parameters<'a> {
    /// Reads them. [`Limit::KeyDerivation`] when salt or rounds are out of bounds, so that nobody can ask for work
    /// without end; [`Unsupported::KeyDerivation`] for what is not PBKDF2, a salt that is none, a negative or huge
    /// number, and an unknown pseudo-random function.
    pub fn from_identifier(identifier: &AlgorithmIdentifier<'a>, limits: &Limits) -> Result<Self, Error> {
        let parameters = identifier.parameters.filter(|_| identifier.oid == Oid::PBKDF2);
        let parameters = parameters.ok_or(Unsupported::KeyDerivation)?;
        let this = Self::read(parameters).map_err(|_| Unsupported::KeyDerivation)?;
        let rounds = FEWEST_ITERATIONS..=limits.pbkdf2_iterations;
        if SALT.contains(&this.salt.len()) && rounds.contains(&this.iterations) {
            Ok(this)
        } else {
            Err(Limit::KeyDerivation.into())
        }
    }

    fn read(parameters: &'a [u8]) -> Result<Self, Error> {
        let mut reader = Reader::new(parameters)?;
        let mut fields = reader.enter(tlv::SEQUENCE)?;
        reader.finish()?;
        let salt = fields.expect(tlv::OCTET_STRING)?.value;
        let iterations = number(&fields.expect(tlv::INTEGER)?);
        let key_length = fields.optional(tlv::INTEGER)?.map(|length| number(&length));
        let prf = if fields.is_empty() {
            Digest::Sha1
        } else {
            read_prf(&AlgorithmIdentifier::read(&mut fields)?)?
        };
        fields.finish()?;
        Ok(Self { salt, iterations, key_length, prf })
    }

    /// Writes the `AlgorithmIdentifier` under `[0]`.
    fn write(&self, writer: &mut Writer) {
        writer.nested(tlv::context(0), |writer| {
            writer.tlv(tlv::OBJECT_IDENTIFIER, Oid::PBKDF2.as_bytes());
            writer.nested(tlv::SEQUENCE, |writer| {
                writer.tlv(tlv::OCTET_STRING, self.salt);
                super::public_key::write_unsigned(writer, &self.iterations.to_be_bytes());
                if let Some(length) = self.key_length {
                    super::public_key::write_unsigned(writer, &length.to_be_bytes());
                }
                if self.prf != Digest::Sha1 {
                    algorithm::write(writer, prf_oid(self.prf), NULL);
                }
            });
        });
    }
}

impl fmt::Debug for Pbkdf2Parameters<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pbkdf2Parameters")
            .field("iterations", &self.iterations)
            .field("prf", &self.prf)
            .finish_non_exhaustive()
    }
}

/// The value of an INTEGER: what is negative counts as 0, what is too large as the largest. Neither is within bounds.
fn number(integer: &Tlv<'_>) -> u32 {
    if matches!(integer.value.first(), None | Some(0x80..)) {
        return 0;
    }
    let shift = |value: u32, byte: &u8| value.checked_mul(256).map(|value| value | u32::from(*byte));
    integer.value.iter().try_fold(0_u32, shift).unwrap_or(u32::MAX)
}

/// HMAC with a hash function; the parameters are NULL or absent.
fn read_prf(identifier: &AlgorithmIdentifier<'_>) -> Result<Digest, Error> {
    Digest::ALL
        .into_iter()
        .find(|digest| prf_oid(*digest) == identifier.oid && identifier.is_plain())
        .ok_or(Unsupported::KeyDerivation.into())
}

const fn prf_oid(digest: Digest) -> Oid<'static> {
    match digest {
        Digest::Sha1 => Oid::HMAC_WITH_SHA1,
        Digest::Sha256 => Oid::HMAC_WITH_SHA256,
        Digest::Sha384 => Oid::HMAC_WITH_SHA384,
        Digest::Sha512 => Oid::HMAC_WITH_SHA512,
    }
}

/// Writes the whole RecipientInfo: version 0, PBKDF2, `id-alg-PWRI-KEK` with this cipher.
pub(super) fn write(
    writer: &mut Writer,
    derivation: &Pbkdf2Parameters<'_>,
    cipher: ContentEncryption,
    iv: &[u8],
    encrypted_key: &[u8],
) {
    writer.nested(tlv::context(3), |writer| {
        writer.tlv(tlv::INTEGER, &[0]);
        derivation.write(writer);
        let mut parameters = Writer::new();
        cipher.write(&mut parameters, iv);
        algorithm::write(writer, Oid::PWRI_KEK, &parameters.finish());
        writer.tlv(tlv::OCTET_STRING, encrypted_key);
    });
}

#[cfg(test)]
#[path = "password_recipient_tests.rs"]
mod tests;
