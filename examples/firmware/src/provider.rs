//! The algorithms of this device: what is not listed is not in the image.

#[cfg(feature = "measure")]
use metered::Metered;
use scep::crypto::Provider;
use scep::crypto::rustcrypto as rc;

/// Wraps an algorithm, so that its work is counted as such.
#[cfg(feature = "measure")]
macro_rules! list {
    ($($item:expr),*) => { &[$(&Metered(&$item)),*] };
}
#[cfg(not(feature = "measure"))]
macro_rules! list {
    ($($item:expr),*) => { &[$(&$item),*] };
}

#[cfg(not(feature = "all-sizes"))]
mod rsa {
    use crate::rsa::{Rsa2048Verifier, Rsa2048Wrapper};
    use scep::crypto::rustcrypto as rc;

    pub(super) static WRAPPER: Rsa2048Wrapper = Rsa2048Wrapper;
    pub(super) static SHA256: Rsa2048Verifier = Rsa2048Verifier(&rc::SHA256);
    #[cfg(feature = "legacy")]
    pub(super) static SHA1: Rsa2048Verifier = Rsa2048Verifier(&rc::SHA1);
}
#[cfg(feature = "all-sizes")]
mod rsa {
    #[cfg(feature = "legacy")]
    pub(super) use scep::crypto::rustcrypto::RSA_PKCS1_SHA1 as SHA1;
    pub(super) use scep::crypto::rustcrypto::{RSA_PKCS1_SHA256 as SHA256, RSA_PKCS1V15 as WRAPPER};
}

/// What RFC 8894 section 2.9 asks for, and no more.
#[cfg(not(feature = "legacy"))]
pub(crate) static PROVIDER: Provider = Provider {
    digests: list![rc::SHA256],
    ciphers: list![rc::AES_128_CBC],
    read_only_ciphers: &[],
    wrappers: list![rsa::WRAPPER],
    verifiers: list![rsa::SHA256],
    password_kdfs: &[],
};

/// The same, and what old servers answer in.
#[cfg(feature = "legacy")]
pub(crate) static PROVIDER: Provider = Provider {
    digests: list![rc::SHA256, rc::SHA1],
    ciphers: list![rc::AES_128_CBC, rc::TRIPLE_DES_CBC],
    read_only_ciphers: list![rc::DES_CBC],
    wrappers: list![rsa::WRAPPER],
    verifiers: list![rsa::SHA256, rsa::SHA1],
    password_kdfs: &[],
};

#[cfg(feature = "measure")]
mod metered {
    use crate::meter::{Work, during};
    use alloc::vec::Vec;
    use scep::Error;
    use scep::crypto::{
        ContentCipher, ContentEncryption, ContentKey, Digest, DigestAlgorithm, DigestValue, KeyTransport,
        KeyWrapper, Rng, SignatureScheme, Verifier,
    };
    use scep::wire::SubjectPublicKeyInfo;

    pub(super) struct Metered<T: 'static>(pub(super) &'static T);

    impl<T: DigestAlgorithm> DigestAlgorithm for Metered<T> {
        fn id(&self) -> Digest {
            self.0.id()
        }

        fn digest(&self, parts: &[&[u8]]) -> DigestValue {
            during(Work::Crypto, || self.0.digest(parts))
        }
    }

    impl<T: ContentCipher> ContentCipher for Metered<T> {
        fn id(&self) -> ContentEncryption {
            self.0.id()
        }

        fn encrypt(&self, key: &[u8], iv: &[u8], blocks: &mut [u8]) -> Result<(), Error> {
            during(Work::Crypto, || self.0.encrypt(key, iv, blocks))
        }

        fn decrypt(&self, key: &[u8], iv: &[u8], blocks: &mut [u8]) -> Result<(), Error> {
            during(Work::Crypto, || self.0.decrypt(key, iv, blocks))
        }
    }

    impl<T: KeyWrapper> KeyWrapper for Metered<T> {
        fn id(&self) -> KeyTransport {
            self.0.id()
        }

        fn wrap(
            &self,
            recipient: &SubjectPublicKeyInfo<'_>,
            key: &ContentKey,
            rng: &mut Rng<'_>,
        ) -> Result<Vec<u8>, Error> {
            during(Work::Crypto, || self.0.wrap(recipient, key, rng))
        }
    }

    impl<T: Verifier> Verifier for Metered<T> {
        fn scheme(&self) -> SignatureScheme {
            self.0.scheme()
        }

        fn verify(
            &self,
            signer: &SubjectPublicKeyInfo<'_>,
            parts: &[&[u8]],
            signature: &[u8],
        ) -> Result<(), Error> {
            during(Work::Crypto, || self.0.verify(signer, parts, signature))
        }
    }
}
