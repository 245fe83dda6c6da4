//! Private keys in PEM (RFC 7468).

use super::SoftwareKey;
#[cfg(not(feature = "ecdsa"))]
use crate::crypto::KeyError;
use crate::crypto::pem::PrivateKey;
use crate::error::Error;
use alloc::string::String;
use zeroize::Zeroizing;

impl SoftwareKey {
    /// Reads the first private key in `text`: `PRIVATE KEY` (PKCS #8, RFC 7468 section 10), `RSA PRIVATE KEY`
    /// (PKCS #1) or, with feature `ecdsa`, `EC PRIVATE KEY` (SEC 1, RFC 5915 section 4). Other text around it,
    /// certificates for example, is skipped.
    ///
    /// Fails with [`InvalidMessage::Pem`] when there is none, [`KeyError::Unsupported`] when it is encrypted or of
    /// another kind, and else as [`Self::from_pkcs8`] does.
    ///
    /// [`InvalidMessage::Pem`]: crate::error::InvalidMessage::Pem
    /// [`KeyError::Unsupported`]: crate::crypto::KeyError::Unsupported
    pub fn from_pem(text: &str) -> Result<Self, Error> {
        match PrivateKey::find(text)? {
            PrivateKey::Pkcs8(der) => Self::from_pkcs8(&der),
            PrivateKey::Pkcs1(der) => Self::from_pkcs1(&der),
            #[cfg(feature = "ecdsa")]
            PrivateKey::Sec1(der) => Self::from_sec1(&der),
            #[cfg(not(feature = "ecdsa"))]
            PrivateKey::Sec1(der) => {
                drop(der);
                Err(KeyError::Unsupported)
            }
        }
        .map_err(Error::from)
    }

    /// The private key as PKCS #8 in PEM (`PRIVATE KEY`), to be stored as a secret.
    pub fn to_pem(&self) -> Zeroizing<String> {
        PrivateKey::encode_pkcs8(&self.to_pkcs8())
    }
}

#[cfg(test)]
#[path = "pem_tests.rs"]
mod tests;
