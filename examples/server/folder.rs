//! The server's folder: keys and certificates, made at the first start and found again at the next.

use crate::ca::{self, Ca, Result, Scep};
use crate::files;
use crate::key::Arithmetic;
use scep::crypto::rustcrypto::{KeyType, SoftwareKey, certificates_from_pem, certificates_to_pem};
use scep::crypto::{DecryptJob, KeyError, Random, Rng, SharedKey, SignJob, Signature, Unwrapped};
use scep::pki_types::{CertificateDer, UnixTime};
use scep::server::Identity;
use scep::wire::{Certificate, Name};
use std::path::{Path, PathBuf};
use std::sync::Arc;

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

impl Ra {
    /// As the flag `--ra` has it.
    fn flag(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::One => "one",
            Self::Two => "two",
        }
    }

    /// What its files are called.
    fn files(self) -> &'static [&'static str] {
        match self {
            Self::None => &[],
            Self::One => &["ra"],
            Self::Two => &["ra-sign", "ra-encrypt"],
        }
    }
}

/// A certificate and its key.
struct Pair {
    certificate: CertificateDer<'static>,
    key: Arc<dyn SharedKey>,
}

/// Everything with a private key.
pub(crate) struct Keys {
    /// Issues certificates.
    pub(crate) ca: Ca,
    /// Will issue certificates when the CA's time is over. It speaks SCEP itself.
    pub(crate) next: Option<Ca>,
    /// What the responder shows to clients.
    pub(crate) identity: Identity,
    /// The certificate of the identity that signs.
    pub(crate) signs: CertificateDer<'static>,
    /// Of the CA, of its RA if it has one, of the next CA.
    certificates: Vec<CertificateDer<'static>>,
    /// Those that speak SCEP.
    keys: Vec<Arc<dyn SharedKey>>,
    /// How often one of these was used.
    #[cfg(test)]
    pub(crate) used: std::sync::atomic::AtomicUsize,
}

impl Keys {
    /// Reads keys and certificates from `folder`, and makes them at the first start there.
    pub(crate) fn open(folder: &Path, layout: Layout, now: UnixTime, rng: &mut Rng<'_>) -> Result<Self> {
        let Layout { ra, bits, ca_key, next_ca, arithmetic } = layout;
        check(folder, ra)?;
        let rsa = KeyType::Rsa(bits);
        let ca_key = match ca_key {
            CaKey::Rsa => rsa,
            // it opens no requests
            CaKey::P256 | CaKey::P384 if ra == Ra::None => {
                return Err("--ca-key: a CA without an RA needs an RSA key".into());
            }
            CaKey::P256 => KeyType::EcP256,
            CaKey::P384 => KeyType::EcP384,
        };
        let scep = if ra == Ra::None { Scep::Both } else { Scep::Nothing };
        let own = pair(folder, "ca", (ca_key, arithmetic), rng, |key, rng| {
            ca::self_signed(key, "CN=SCEP example CA", scep, now, rng)
        })?;
        let ca = Ca::new(own.certificate.clone(), Arc::clone(&own.key))?;
        let mut certificates = vec![own.certificate.clone()];
        let next = match next_ca {
            true => Some(pair(folder, "ca-next", (rsa, arithmetic), rng, |key, rng| {
                ca::self_signed(key, "CN=SCEP example CA 2", Scep::Both, now, rng)
            })?),
            false => None,
        };
        let mut helper = |file, name, scep| {
            let helper = pair(folder, file, (rsa, arithmetic), rng, |key, rng| {
                ca.issue_ra(name, key.public_key_der(), scep, now, rng)
            })?;
            certificates.push(helper.certificate.clone());
            Result::Ok(helper)
        };
        let (signs, identity, mut keys) = match ra {
            Ra::None => (own.certificate.clone(), Identity::new(own.certificate), vec![own.key]),
            Ra::One => {
                let ra = helper("ra", "CN=SCEP example RA", Scep::Both)?;
                (ra.certificate.clone(), Identity::new(ra.certificate), vec![ra.key])
            }
            Ra::Two => {
                let signs = helper("ra-sign", "CN=SCEP example RA signing", Scep::Signs)?;
                let decrypts = helper("ra-encrypt", "CN=SCEP example RA encryption", Scep::Decrypts)?;
                let identity = Identity::separate(signs.certificate.clone(), decrypts.certificate);
                (signs.certificate, identity, vec![signs.key, decrypts.key])
            }
        };
        let next = match next {
            Some(next) => {
                certificates.push(next.certificate.clone());
                keys.push(Arc::clone(&next.key));
                Some(Ca::new(next.certificate, next.key)?)
            }
            None => None,
        };
        Ok(Self {
            ca,
            next,
            identity,
            signs,
            certificates,
            keys,
            #[cfg(test)]
            used: Default::default(),
        })
    }

    /// The certificates of the CA and of its RA.
    pub(crate) fn certificates(&self) -> &[CertificateDer<'static>] {
        &self.certificates
    }

    /// Signs a reply with the key that it wants.
    pub(crate) fn sign(&self, job: &SignJob, rng: &mut Rng<'_>) -> std::result::Result<Signature, KeyError> {
        self.key(job.public_key()).ok_or(KeyError::Unsupported)?.sign(job, rng)
    }

    /// Opens a request with the key that it is for.
    pub(crate) fn decrypt(
        &self,
        job: &DecryptJob,
        rng: &mut Rng<'_>,
    ) -> std::result::Result<Unwrapped, KeyError> {
        let recipient = Certificate::parse(job.recipient().certificate()).map_err(|_| KeyError::Invalid)?;
        self.key(recipient.public_key().as_der()).ok_or(KeyError::Unsupported)?.decrypt(job, rng)
    }

    fn key(&self, public_key: &[u8]) -> Option<&dyn SharedKey> {
        #[cfg(test)]
        self.used.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        self.keys.iter().find(|key| key.public_key_der() == public_key).map(AsRef::as_ref)
    }

    /// Who issues what was asked of the owner of `recipient`: the next CA only what was encrypted for it (RFC 8894
    /// section 5.1).
    pub(crate) fn issuer_for(&self, recipient: &CertificateDer<'_>) -> &Ca {
        self.next.as_ref().filter(|next| next.certificate() == recipient).unwrap_or(&self.ca)
    }

    /// The CA of this name, DER.
    pub(crate) fn issuer_named(&self, name: Name<'_>) -> Option<&Ca> {
        [Some(&self.ca), self.next.as_ref()]
            .into_iter()
            .flatten()
            .find(|ca| Certificate::parse(ca.certificate()).is_ok_and(|own| own.subject().matches(&name)))
    }
}

/// What kind of key issues certificates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum CaKey {
    /// RSA.
    Rsa,
    /// ECDSA on P-256.
    P256,
    /// ECDSA on P-384.
    P384,
}

/// What is in the folder, or comes there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Layout {
    /// Who speaks SCEP.
    pub(crate) ra: Ra,
    /// Modulus of new RSA keys.
    pub(crate) bits: usize,
    /// The key of a new CA.
    pub(crate) ca_key: CaKey,
    /// Whether there is a CA that comes after this one.
    pub(crate) next_ca: bool,
    /// What works with the keys.
    pub(crate) arithmetic: Arithmetic,
}

/// The database in `folder`. It is made last, so it shows that a first start came to its end.
pub(crate) fn database(folder: &Path) -> PathBuf {
    folder.join("scep.db")
}

/// Refuses a folder that was made for another RA, and one that has lost what its database belongs to: keys and
/// certificates that were made again would fit nothing that was issued before.
fn check(folder: &Path, ra: Ra) -> Result<()> {
    let started = database(folder);
    let complete = started.exists();
    let is_there = |name: &str| files_of(folder, name).iter().any(|path| path.exists());
    let found = match (is_there("ra"), is_there("ra-sign") || is_there("ra-encrypt")) {
        (true, _) => Some(Ra::One),
        (_, true) => Some(Ra::Two),
        // a first start that was cut short may not have come to its RA
        _ => complete.then_some(Ra::None),
    };
    if let Some(found) = found.filter(|found| *found != ra) {
        let [found, ra] = [found, ra].map(Ra::flag);
        return Err(format!("--ra {ra}: {} was made with --ra {found}", folder.display()).into());
    }
    let names = std::iter::once("ca").chain(ra.files().iter().copied());
    match names.flat_map(|name| files_of(folder, name)).find(|path| complete && !path.exists()) {
        Some(lost) => Err(format!(
            "{} is lost, but {} is there: put it back, or begin with another --dir",
            lost.display(),
            started.display()
        )
        .into()),
        None => Ok(()),
    }
}

/// The CAs that are in `folder` already, each with the name of its revocation list.
pub(crate) fn issuers(folder: &Path) -> Result<Vec<(&'static str, Ca)>> {
    let mut found = Vec::new();
    for (name, list) in [("ca", "ca.crl"), ("ca-next", "ca-next.crl")] {
        if files_of(folder, name).iter().all(|path| path.exists()) {
            let kind = (KeyType::EcP256, Arithmetic::RustCrypto);
            let made = pair(folder, name, kind, &mut Random::system(), |_, _| Err("lost".into()))?;
            found.push((list, Ca::new(made.certificate, made.key)?));
        }
    }
    Ok(found)
}

/// Key and certificate.
fn files_of(folder: &Path, name: &str) -> [PathBuf; 2] {
    [folder.join(format!("{name}.key.pem")), folder.join(format!("{name}.pem"))]
}

/// Reads `NAME.key.pem` and `NAME.pem`, or makes them: first the key, so that a start that was cut short can go on.
fn pair(
    folder: &Path,
    name: &str,
    (key_type, arithmetic): (KeyType, Arithmetic),
    rng: &mut Rng<'_>,
    certify: impl FnOnce(&Arc<dyn SharedKey>, &mut Rng<'_>) -> Result<CertificateDer<'static>>,
) -> Result<Pair> {
    let [key_path, path] = files_of(folder, name);
    let stored = files::read(&path)?;
    let key = match files::read(&key_path)? {
        Some(pem) => arithmetic.key(&pem),
        None if stored.is_some() => return Err(format!("{} has lost its key", path.display()).into()),
        None => {
            // of any size, whatever works with it afterwards
            let pem = SoftwareKey::generate(key_type, rng)?.to_pem();
            files::create_secret(&key_path, &pem)?;
            arithmetic.key(&pem)
        }
    }
    .map_err(|error| format!("{}: {error}", key_path.display()))?;
    let certificate = match stored {
        Some(text) => {
            let found = certificates_from_pem(&text).map(Vec::into_iter);
            found.map_err(|error| format!("{}: {error}", path.display()))?.next().ok_or("no certificate")?
        }
        None => {
            let certificate = certify(&key, rng)?;
            files::create(&path, &certificates_to_pem(&[&certificate]))?;
            certificate
        }
    };
    let parsed = Certificate::parse(&certificate).map_err(|error| format!("{}: {error}", path.display()))?;
    if parsed.public_key().as_der() != key.public_key_der() {
        return Err(format!("{} is not for the key in {}", path.display(), key_path.display()).into());
    }
    Ok(Pair { certificate, key })
}
