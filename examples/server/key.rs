//! Whose arithmetic is used; and an issuing key, which says to the builder of `x509-cert` what it is.

use crate::ca::Result;
use scep::crypto::rustcrypto::{self, PROVIDER};
use scep::crypto::{Digest, Provider, Purpose, Rng, SharedKey, SignJob, SignatureScheme};
use scep::wire::SubjectPublicKeyInfo;
use signature::Keypair;
use std::sync::Arc;
use x509_cert::der::Document;
use x509_cert::der::asn1::{Any, BitString, ObjectIdentifier};
use x509_cert::spki::{
    AlgorithmIdentifierOwned, DynSignatureAlgorithmIdentifier, EncodePublicKey, Error, Result as SpkiResult,
};

/// Whose arithmetic keys and messages are worked on with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arithmetic {
    RustCrypto,
    #[cfg(feature = "aws-lc-rs")]
    AwsLc,
}

impl Arithmetic {
    /// What `--provider` takes.
    #[allow(dead_code, reason = "some programs that share this file have no such option")]
    pub(crate) fn parse(text: &str) -> std::result::Result<Self, String> {
        match text {
            "rustcrypto" => Ok(Self::RustCrypto),
            #[cfg(feature = "aws-lc-rs")]
            "aws-lc-rs" => Ok(Self::AwsLc),
            #[cfg(not(feature = "aws-lc-rs"))]
            "aws-lc-rs" => Err("this server was built without it; build with --features aws-lc-rs".into()),
            _ => Err("wants rustcrypto or aws-lc-rs".into()),
        }
    }

    pub(crate) fn provider(self, legacy: bool) -> Provider {
        match (self, legacy) {
            (Self::RustCrypto, false) => rustcrypto::PROVIDER,
            (Self::RustCrypto, true) => rustcrypto::PROVIDER_WITH_LEGACY,
            #[cfg(feature = "aws-lc-rs")]
            (Self::AwsLc, false) => scep::crypto::aws_lc_rs::PROVIDER,
            #[cfg(feature = "aws-lc-rs")]
            (Self::AwsLc, true) => scep::crypto::aws_lc_rs::PROVIDER_WITH_LEGACY,
        }
    }

    /// Reads a private key in PEM.
    pub(crate) fn key(self, pem: &str) -> std::result::Result<Arc<dyn SharedKey>, scep::Error> {
        match self {
            Self::RustCrypto => {
                rustcrypto::SoftwareKey::from_pem(pem).map(|key| -> Arc<dyn SharedKey> { Arc::new(key) })
            }
            #[cfg(feature = "aws-lc-rs")]
            Self::AwsLc => scep::crypto::aws_lc_rs::SoftwareKey::from_pem(pem)
                .map(|key| -> Arc<dyn SharedKey> { Arc::new(key) }),
        }
    }
}

/// Signs certificates and revocation lists.
pub(crate) struct IssuingKey {
    key: Arc<dyn SharedKey>,
    scheme: SignatureScheme,
}

impl IssuingKey {
    pub(crate) fn new(key: Arc<dyn SharedKey>) -> Result<Self> {
        let public_key = SubjectPublicKeyInfo::parse(key.public_key_der())?;
        // P-384: a point of 97 bytes
        let digest = if public_key.key().len() == 97 { Digest::Sha384 } else { Digest::Sha256 };
        let scheme = public_key.signature_scheme(digest)?;
        Ok(Self { key, scheme })
    }

    /// Signs, with a random generator that may fail, which the builder's own way does not allow for.
    pub(crate) fn sign(&self, to_be_signed: Vec<u8>, rng: &mut Rng<'_>) -> Result<BitString> {
        let public_key = self.key.public_key_der();
        let job = SignJob::new(&PROVIDER, to_be_signed, self.scheme, Purpose::Certificate, public_key)?;
        Ok(BitString::from_bytes(self.key.sign(&job, rng)?.as_bytes())?)
    }
}

impl DynSignatureAlgorithmIdentifier for IssuingKey {
    fn signature_algorithm_identifier(&self) -> SpkiResult<AlgorithmIdentifierOwned> {
        let oid =
            ObjectIdentifier::from_bytes(self.scheme.oid().as_bytes()).map_err(|_| Error::KeyMalformed)?;
        // NULL for RSA, nothing for the others (RFC 4055 section 5, RFC 5758 section 3.2)
        let parameters = matches!(self.scheme, SignatureScheme::RsaPkcs1(_)).then(Any::null);
        Ok(AlgorithmIdentifierOwned { oid, parameters })
    }
}

impl Keypair for IssuingKey {
    type VerifyingKey = PublicKey;

    fn verifying_key(&self) -> PublicKey {
        PublicKey(self.key.public_key_der().to_vec())
    }
}

/// A SubjectPublicKeyInfo in DER.
#[derive(Clone)]
pub(crate) struct PublicKey(Vec<u8>);

impl EncodePublicKey for PublicKey {
    fn to_public_key_der(&self) -> SpkiResult<Document> {
        Ok(Document::try_from(self.0.as_slice())?)
    }
}
