//! Several keys in memory behind one [`Signer`] and [`Decryptor`].

use super::{DecryptJob, Decryptor, KeyError, Rng, SharedKey, SignJob, Signature, Signer, Unwrapped};
use crate::wire::public_key::SubjectPublicKeyInfo;
use alloc::vec::Vec;

/// Several keys: each job goes to the one that it names. A renewal needs two, the current key and the new one; see
/// `Renewal` of module `client`.
///
/// ```no_run
/// # #[cfg(feature = "rustcrypto")] {
/// # fn keys() -> (scep::crypto::rustcrypto::SoftwareKey, scep::crypto::rustcrypto::SoftwareKey) { unimplemented!() }
/// use scep::crypto::{Decryptor, KeyRing, Signer};
///
/// let (current, new) = keys();
/// let ring = KeyRing::new(&[&current, &new]);
/// // both at once, as `client::drive` wants them
/// let (mut signer, mut decryptor) = (&ring, &ring);
/// let _: (&mut dyn Signer, &mut dyn Decryptor) = (&mut signer, &mut decryptor);
/// # }
/// ```
///
/// A job for a key that is not among them is [`KeyError::Unsupported`].
#[derive(Clone, Debug, Default)]
pub struct KeyRing<'k>(Vec<&'k dyn SharedKey>);

impl<'k> KeyRing<'k> {
    /// A ring of these keys. The same key twice does no harm.
    pub fn new<K: SharedKey>(keys: &[&'k K]) -> Self {
        keys.iter().fold(Self::default(), |ring, key| ring.with(*key))
    }

    /// The ring with one key more, which may be of another kind: of another provider, or of a device.
    #[must_use]
    pub fn with(mut self, key: &'k dyn SharedKey) -> Self {
        self.0.push(key);
        self
    }

    /// The key with this DER SubjectPublicKeyInfo, however the parameters of its algorithm are written.
    pub fn find(&self, public_key: &[u8]) -> Option<&'k dyn SharedKey> {
        let wanted = SubjectPublicKeyInfo::parse(public_key).ok()?;
        self.0.iter().copied().find(|key| {
            SubjectPublicKeyInfo::parse(key.public_key_der()).is_ok_and(|own| own.same_key(&wanted))
        })
    }

    fn signing(&self, job: &SignJob, rng: &mut Rng<'_>) -> Result<Signature, KeyError> {
        self.find(job.public_key()).ok_or(KeyError::Unsupported)?.sign(job, rng)
    }

    fn decrypting(&self, job: &DecryptJob, rng: &mut Rng<'_>) -> Result<Unwrapped, KeyError> {
        let key = job.recipient().public_key().and_then(|key| self.find(key));
        key.ok_or(KeyError::Unsupported)?.decrypt(job, rng)
    }
}

impl Signer for KeyRing<'_> {
    fn sign(&mut self, job: &SignJob, rng: &mut Rng<'_>) -> Result<Signature, KeyError> {
        self.signing(job, rng)
    }
}

impl Signer for &KeyRing<'_> {
    fn sign(&mut self, job: &SignJob, rng: &mut Rng<'_>) -> Result<Signature, KeyError> {
        self.signing(job, rng)
    }
}

impl Decryptor for KeyRing<'_> {
    fn decrypt(&mut self, job: &DecryptJob, rng: &mut Rng<'_>) -> Result<Unwrapped, KeyError> {
        self.decrypting(job, rng)
    }
}

impl Decryptor for &KeyRing<'_> {
    fn decrypt(&mut self, job: &DecryptJob, rng: &mut Rng<'_>) -> Result<Unwrapped, KeyError> {
        self.decrypting(job, rng)
    }
}

#[cfg(test)]
#[cfg(feature = "rustcrypto")]
mod tests {
    use super::*;
    use crate::crypto::rustcrypto::SoftwareKey;
    use crate::crypto::rustcrypto::testing::{RSA_2048_PKCS8, RSA_2050_PKCS8, Seeded};
    use crate::crypto::rustcrypto::{PROVIDER, RSA_PKCS1V15};
    use crate::crypto::{ContentKey, Digest, KeyTransport, KeyWrapper, Purpose, Recipient, SignatureScheme};
    use crate::wire::certificate::{TbsCertificateDraft, assemble};
    use crate::wire::distinguished_name::DistinguishedName;
    use crate::wire::extension::KeyUsage;
    use core::time::Duration;
    use rustls_pki_types::{CertificateDer, UnixTime};

    const SCHEME: SignatureScheme = SignatureScheme::RsaPkcs1(Digest::Sha256);

    fn keys() -> [SoftwareKey; 2] {
        [RSA_2048_PKCS8, RSA_2050_PKCS8].map(|der| SoftwareKey::from_pkcs8(der).unwrap())
    }

    fn job(key: &SoftwareKey) -> SignJob {
        SignJob::new(&PROVIDER, b"message".to_vec(), SCHEME, Purpose::Csr, key.public_key_der()).unwrap()
    }

    /// A content key for the owner of a certificate with this key. Nobody looks at its signature.
    fn wrapped(key: &SoftwareKey) -> DecryptJob {
        let name: DistinguishedName = "CN=dev1".parse().unwrap();
        let public_key = SubjectPublicKeyInfo::parse(key.public_key_der()).unwrap();
        let date = UnixTime::since_unix_epoch(Duration::from_secs(1000));
        let tbs = TbsCertificateDraft {
            serial: &[1],
            subject: name.name(),
            not_before: date,
            not_after: date,
            public_key,
            scheme: SCHEME,
            key_usage: KeyUsage::KEY_ENCIPHERMENT,
        };
        let certificate = CertificateDer::from(assemble(&tbs.encode(), SCHEME, &[0]));
        let content_key = ContentKey::random(16, &mut Seeded(5)).unwrap();
        let encrypted = RSA_PKCS1V15.wrap(&public_key, &content_key, &mut Seeded(6)).unwrap();
        DecryptJob::new(encrypted, KeyTransport::RsaPkcs1v15, 16, Recipient::new(certificate))
    }

    #[test]
    fn each_job_goes_to_the_key_that_it_names() {
        let [first, second] = keys();
        let ring = KeyRing::new(&[&first, &second]);
        for key in [&first, &second] {
            let signature = Signer::sign(&mut &ring, &job(key), &mut Seeded(1)).unwrap();
            assert_eq!(job(key).check(&PROVIDER, &signature), Ok(()));
            let by_ring = Decryptor::decrypt(&mut &ring, &wrapped(key), &mut Seeded(1)).unwrap();
            let by_key = key.decrypt(&wrapped(key), &mut Seeded(1)).unwrap();
            let stand_in = || ContentKey::random(16, &mut Seeded(7)).unwrap();
            let [by_ring, by_key] = [by_ring, by_key].map(|unwrapped| stand_in().choose(&unwrapped));
            assert_eq!(by_ring.as_bytes(), by_key.as_bytes());
            assert_ne!(by_ring.as_bytes(), stand_in().as_bytes());
        }
    }

    #[test]
    fn a_job_for_a_key_that_is_missing_is_refused() {
        let [first, second] = keys();
        let mut ring = KeyRing::new(&[&first]);
        assert_eq!(Signer::sign(&mut ring, &job(&second), &mut Seeded(1)).err(), Some(KeyError::Unsupported));
        let refused = Decryptor::decrypt(&mut ring, &wrapped(&second), &mut Seeded(1));
        assert_eq!(refused.err(), Some(KeyError::Unsupported));
    }
}
