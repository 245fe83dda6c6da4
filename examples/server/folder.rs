//! The server's folder: keys and certificates, made at the first start and found again at the next.

use crate::ca::{self, Ca, Result, Scep};
use crate::files;
use scep::crypto::Rng;
use scep::crypto::rustcrypto::{KeyType, SoftwareKey, certificates_from_pem, certificates_to_pem};
use scep::pki_types::{CertificateDer, UnixTime};
use scep::server::Identity;
use scep::wire::Certificate;
use std::fs;
use std::path::Path;

/// Who speaks SCEP for the CA (RFC 8894 section 2.1.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Ra {
    /// The CA itself.
    None,
    /// An RA with one certificate.
    One,
    /// An RA with one certificate for signing and one for encryption.
    Two,
}

/// A certificate and its key.
struct Pair {
    certificate: CertificateDer<'static>,
    key: SoftwareKey,
}

/// Everything with a private key.
pub(crate) struct Keys {
    /// Issues certificates.
    pub(crate) ca: Ca,
    /// What the responder shows to clients.
    pub(crate) identity: Identity,
    signing: SoftwareKey,
    /// `None` when it is the signing key.
    decryption: Option<SoftwareKey>,
}

impl Keys {
    /// Reads keys and certificates from `folder`, and makes those that are not there.
    pub(crate) fn open(folder: &Path, ra: Ra, bits: usize, now: UnixTime, rng: &mut Rng<'_>) -> Result<Self> {
        fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        let scep = if ra == Ra::None { Scep::Both } else { Scep::Nothing };
        let own = pair(folder, "ca", bits, rng, |key, rng| {
            ca::self_signed(key, "CN=SCEP example CA", scep, now, rng)
        })?;
        let ca = Ca::new(own.certificate.clone(), &own.key)?;
        let mut helper = |file, name, scep| {
            pair(folder, file, bits, rng, |key, rng| ca.issue_ra(name, key.public_key_der(), scep, now, rng))
        };
        let (identity, signing, decryption) = match ra {
            Ra::None => (Identity::new(own.certificate), own.key, None),
            Ra::One => {
                let ra = helper("ra", "CN=SCEP example RA", Scep::Both)?;
                (Identity::new(ra.certificate), ra.key, None)
            }
            Ra::Two => {
                let signs = helper("ra-sign", "CN=SCEP example RA signing", Scep::Signs)?;
                let decrypts = helper("ra-encrypt", "CN=SCEP example RA encryption", Scep::Decrypts)?;
                let identity = Identity::separate(signs.certificate, decrypts.certificate);
                (identity, signs.key, Some(decrypts.key))
            }
        };
        Ok(Self { ca, identity, signing, decryption })
    }

    /// The key that signs replies.
    pub(crate) fn signing(&self) -> &SoftwareKey {
        &self.signing
    }

    /// The key that opens requests.
    pub(crate) fn decryption(&self) -> &SoftwareKey {
        self.decryption.as_ref().unwrap_or(&self.signing)
    }
}

/// Reads `NAME.key.pem` and `NAME.pem`, or makes them: first the key, so that a start that was cut short can go on.
fn pair(
    folder: &Path,
    name: &str,
    bits: usize,
    rng: &mut Rng<'_>,
    certify: impl FnOnce(&SoftwareKey, &mut Rng<'_>) -> Result<CertificateDer<'static>>,
) -> Result<Pair> {
    let key_path = folder.join(format!("{name}.key.pem"));
    let path = folder.join(format!("{name}.pem"));
    let stored = files::read(&path)?;
    let key = match files::read(&key_path)? {
        Some(text) => {
            SoftwareKey::from_pem(&text).map_err(|error| format!("{}: {error}", key_path.display()))?
        }
        None if stored.is_some() => return Err(format!("{} has lost its key", path.display()).into()),
        None => {
            let key = SoftwareKey::generate(KeyType::Rsa(bits), rng)?;
            files::create_secret(&key_path, &key.to_pem())?;
            key
        }
    };
    let certificate = match stored {
        Some(text) => certificates_from_pem(&text)?.swap_remove(0),
        None => {
            let certificate = certify(&key, rng)?;
            files::create(&path, &certificates_to_pem(&[&certificate]))?;
            certificate
        }
    };
    if Certificate::parse(&certificate)?.public_key().as_der() != key.public_key_der() {
        return Err(format!("{} is not for the key in {}", path.display(), key_path.display()).into());
    }
    Ok(Pair { certificate, key })
}
