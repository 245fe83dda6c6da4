//! A provider that notes for which public keys arithmetic was done.

use crate::provider::{ECDSA_SHA256, PROVIDER, RSA_PKCS1_SHA256, RSA_PKCS1V15};
use scep::Error;
use scep::crypto::{ContentKey, KeyTransport, KeyWrapper, Provider, Rng, SignatureScheme, Verifier};
use scep::wire::SubjectPublicKeyInfo;
use std::cell::RefCell;

pub(crate) static COUNTING: Provider = Provider {
    verifiers: &[&Noting(&RSA_PKCS1_SHA256), &Noting(&ECDSA_SHA256)],
    wrappers: &[&Noting(&RSA_PKCS1V15)],
    ..PROVIDER
};

thread_local! {
    /// Public keys, DER, in the order in which they were used. Every test has a thread of its own.
    static USED: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

struct Noting<T>(T);

fn note(key: &SubjectPublicKeyInfo<'_>) {
    USED.with_borrow_mut(|used| used.push(key.as_der().to_vec()));
}

impl<T: Verifier> Verifier for Noting<&'static T> {
    fn scheme(&self) -> SignatureScheme {
        self.0.scheme()
    }

    fn verify(
        &self,
        signer: &SubjectPublicKeyInfo<'_>,
        parts: &[&[u8]],
        signature: &[u8],
    ) -> Result<(), Error> {
        note(signer);
        self.0.verify(signer, parts, signature)
    }
}

impl<T: KeyWrapper> KeyWrapper for Noting<&'static T> {
    fn id(&self) -> KeyTransport {
        self.0.id()
    }

    fn wrap(
        &self,
        recipient: &SubjectPublicKeyInfo<'_>,
        key: &ContentKey,
        rng: &mut Rng<'_>,
    ) -> Result<Vec<u8>, Error> {
        note(recipient);
        self.0.wrap(recipient, key, rng)
    }
}

/// The keys that `work` used, and what it gave.
pub(crate) fn used<T>(work: impl FnOnce() -> T) -> (Vec<Vec<u8>>, T) {
    USED.with_borrow_mut(Vec::clear);
    let result = work();
    (USED.take(), result)
}
