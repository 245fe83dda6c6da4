//! RSA's public-key operations (RFC 8017): signatures are verified, content keys encrypted.

use crate::crypto::{ContentKey, Digest, KeyTransport, KeyWrapper, Rng, SignatureScheme, Verifier};
use crate::error::{BadSignature, Error, Limit};
use crate::wire::limits::Limits;
use crate::wire::public_key::SubjectPublicKeyInfo;
use ::aws_lc_rs::rsa::{
    OAEP_SHA1_MGF1SHA1, OAEP_SHA256_MGF1SHA256, OaepAlgorithm, OaepPublicEncryptingKey,
    Pkcs1PublicEncryptingKey, PublicEncryptingKey, PublicKeyComponents,
};
use ::aws_lc_rs::signature::{self, RsaParameters};
use alloc::vec;
use alloc::vec::Vec;
use core::fmt;

/// RSASSA-PKCS1-v1_5 with SHA-256.
pub static RSA_PKCS1_SHA256: RsaVerifier = RsaVerifier {
    scheme: SignatureScheme::RsaPkcs1(Digest::Sha256),
    parameters: &signature::RSA_PKCS1_2048_8192_SHA256,
};

/// RSASSA-PKCS1-v1_5 with SHA-384.
pub static RSA_PKCS1_SHA384: RsaVerifier = RsaVerifier {
    scheme: SignatureScheme::RsaPkcs1(Digest::Sha384),
    parameters: &signature::RSA_PKCS1_2048_8192_SHA384,
};

/// RSASSA-PKCS1-v1_5 with SHA-512.
pub static RSA_PKCS1_SHA512: RsaVerifier = RsaVerifier {
    scheme: SignatureScheme::RsaPkcs1(Digest::Sha512),
    parameters: &signature::RSA_PKCS1_2048_8192_SHA512,
};

/// RSASSA-PKCS1-v1_5 with SHA-1. Collisions of SHA-1 can be made: a signature shows less than it says.
#[cfg(feature = "legacy")]
pub static RSA_PKCS1_SHA1: RsaVerifier = RsaVerifier {
    scheme: SignatureScheme::RsaPkcs1(Digest::Sha1),
    parameters: &signature::RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY,
};

/// RSASSA-PSS with SHA-256 and a salt of 32 bytes.
pub static RSA_PSS_SHA256: RsaVerifier = RsaVerifier {
    scheme: SignatureScheme::RsaPss(Digest::Sha256),
    parameters: &signature::RSA_PSS_2048_8192_SHA256,
};

/// RSASSA-PSS with SHA-384 and a salt of 48 bytes.
pub static RSA_PSS_SHA384: RsaVerifier = RsaVerifier {
    scheme: SignatureScheme::RsaPss(Digest::Sha384),
    parameters: &signature::RSA_PSS_2048_8192_SHA384,
};

/// RSASSA-PSS with SHA-512 and a salt of 64 bytes.
pub static RSA_PSS_SHA512: RsaVerifier = RsaVerifier {
    scheme: SignatureScheme::RsaPss(Digest::Sha512),
    parameters: &signature::RSA_PSS_2048_8192_SHA512,
};

/// RSAES-PKCS1-v1_5 to public keys of 2048 to 8192 bits.
pub static RSA_PKCS1V15: RsaWrapper = RsaWrapper { id: KeyTransport::RsaPkcs1v15 };

/// RSAES-OAEP with SHA-256 to public keys of 2048 to 8192 bits.
pub static RSA_OAEP_SHA256: RsaWrapper = RsaWrapper { id: KeyTransport::RsaOaepSha256 };

/// RSAES-OAEP with SHA-1 to public keys of 2048 to 8192 bits: the default of RFC 4055, which Windows sends. OAEP does
/// not need what is broken in SHA-1 (RFC 8017 appendix B.1), so this is not behind feature `legacy`.
pub static RSA_OAEP_SHA1: RsaWrapper = RsaWrapper { id: KeyTransport::RsaOaepSha1 };

/// Verifies RSA signatures (RFC 8017 sections 8.1.2 and 8.2.2) with one padding and one hash function, for public keys
/// of 2048 to 8192 bits.
pub struct RsaVerifier {
    scheme: SignatureScheme,
    parameters: &'static RsaParameters,
}

impl Verifier for RsaVerifier {
    fn scheme(&self) -> SignatureScheme {
        self.scheme
    }

    fn verify(
        &self,
        signer: &SubjectPublicKeyInfo<'_>,
        parts: &[&[u8]],
        signature: &[u8],
    ) -> Result<(), Error> {
        let key = load(signer)?;
        // also where there is one part only: how many there are may depend on what came out of an envelope
        let message = parts.concat();
        // no number below the modulus costs no arithmetic, and then its faults would show in the time
        let is_below = signature.len() == key.n.len() && signature < key.n;
        let stand_in = stand_in(key.n.len());
        let examined = if is_below { signature } else { stand_in.as_slice() };
        match key.verify(self.parameters, &message, examined) {
            Ok(()) if is_below => Ok(()),
            _ => Err(BadSignature::Signature.into()),
        }
    }
}

impl fmt::Debug for RsaVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RsaVerifier({:?})", self.scheme)
    }
}

/// A number smaller than any modulus of this size.
fn stand_in(length: usize) -> Vec<u8> {
    let mut number = vec![0x55; length];
    number.iter_mut().take(1).for_each(|first| *first = 0);
    number
}

/// Encrypts content keys with one padding (RFC 8017 sections 7.1.1 and 7.2.1). The random numbers are AWS-LC's own: the
/// generator of the caller is not asked.
pub struct RsaWrapper {
    id: KeyTransport,
}

impl KeyWrapper for RsaWrapper {
    fn id(&self) -> KeyTransport {
        self.id
    }

    fn wrap(
        &self,
        recipient: &SubjectPublicKeyInfo<'_>,
        key: &ContentKey,
        _: &mut Rng<'_>,
    ) -> Result<Vec<u8>, Error> {
        let public = load(recipient)?;
        let mut wrapped = vec![0; public.n.len()];
        let public: Result<PublicEncryptingKey, _> = public.try_into();
        // the bounds were checked, so what is left to fail is the generator
        let written = public.and_then(|public| match oaep(self.id) {
            Some(algorithm) => OaepPublicEncryptingKey::new(public)?
                .encrypt(algorithm, key.as_bytes(), &mut wrapped, None)
                .map(|written| written.len()),
            None => Pkcs1PublicEncryptingKey::new(public)?
                .encrypt(key.as_bytes(), &mut wrapped)
                .map(|written| written.len()),
        });
        match written {
            Ok(length) if length == wrapped.len() => Ok(wrapped),
            _ => Err(Error::RandomFailed),
        }
    }
}

impl fmt::Debug for RsaWrapper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RsaWrapper({:?})", self.id)
    }
}

/// The algorithm of a key transport; `None` when it is not OAEP.
pub(super) fn oaep(transport: KeyTransport) -> Option<&'static OaepAlgorithm> {
    match transport {
        KeyTransport::RsaOaepSha1 => Some(&OAEP_SHA1_MGF1SHA1),
        KeyTransport::RsaOaepSha256 => Some(&OAEP_SHA256_MGF1SHA256),
        KeyTransport::RsaPkcs1v15 => None,
    }
}

/// Reads a public key; its bounds are checked before any arithmetic.
fn load<'a>(info: &SubjectPublicKeyInfo<'a>) -> Result<PublicKeyComponents<&'a [u8]>, Error> {
    let key = info.rsa()?;
    key.check_size(&Limits::DEFAULT).map_err(|_| Limit::PublicKey)?;
    Ok(PublicKeyComponents { n: key.modulus, e: key.exponent })
}
