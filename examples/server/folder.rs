//! The server's folder: keys and certificates, made at the first start and found again at the next.

use crate::ca::{self, Ca, Result, Scep};
use crate::files;
use scep::crypto::Rng;
use scep::crypto::rustcrypto::{KeyType, SoftwareKey, certificates_from_pem, certificates_to_pem};
use scep::pki_types::{CertificateDer, UnixTime};
use scep::server::Identity;
use scep::wire::Certificate;
use std::path::{Path, PathBuf};

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
    key: SoftwareKey,
}

/// Everything with a private key.
pub(crate) struct Keys {
    /// Issues certificates.
    pub(crate) ca: Ca,
    /// What the responder shows to clients.
    pub(crate) identity: Identity,
    /// Of the CA, and of its RA if it has one.
    certificates: Vec<CertificateDer<'static>>,
    signing: SoftwareKey,
    /// `None` when it is the signing key.
    decryption: Option<SoftwareKey>,
}

impl Keys {
    /// Reads keys and certificates from `folder`, and makes them at the first start there.
    pub(crate) fn open(folder: &Path, ra: Ra, bits: usize, now: UnixTime, rng: &mut Rng<'_>) -> Result<Self> {
        check(folder, ra)?;
        let scep = if ra == Ra::None { Scep::Both } else { Scep::Nothing };
        let own = pair(folder, "ca", bits, rng, |key, rng| {
            ca::self_signed(key, "CN=SCEP example CA", scep, now, rng)
        })?;
        let ca = Ca::new(own.certificate.clone(), &own.key)?;
        let mut certificates = vec![own.certificate.clone()];
        let mut helper = |file, name, scep| {
            let helper = pair(folder, file, bits, rng, |key, rng| {
                ca.issue_ra(name, key.public_key_der(), scep, now, rng)
            })?;
            certificates.push(helper.certificate.clone());
            Result::Ok(helper)
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
        Ok(Self { ca, identity, certificates, signing, decryption })
    }

    /// The certificates of the CA and of its RA.
    pub(crate) fn certificates(&self) -> &[CertificateDer<'static>] {
        &self.certificates
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

/// Key and certificate.
fn files_of(folder: &Path, name: &str) -> [PathBuf; 2] {
    [folder.join(format!("{name}.key.pem")), folder.join(format!("{name}.pem"))]
}

/// Reads `NAME.key.pem` and `NAME.pem`, or makes them: first the key, so that a start that was cut short can go on.
fn pair(
    folder: &Path,
    name: &str,
    bits: usize,
    rng: &mut Rng<'_>,
    certify: impl FnOnce(&SoftwareKey, &mut Rng<'_>) -> Result<CertificateDer<'static>>,
) -> Result<Pair> {
    let [key_path, path] = files_of(folder, name);
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
