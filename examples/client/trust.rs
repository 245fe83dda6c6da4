//! Which CA is trusted: the one with a given fingerprint or certificate, and no other.

use super::args::PinArgs;
use super::files::{CA, Folder, read_certificates};
use super::{Failure, say};
use scep::client::{Failed, Step, Trust, TrustedCa};
use scep::crypto::Digest;
use scep::crypto::rustcrypto::{PROVIDER, PROVIDER_WITH_LEGACY};
use scep::error::ApiMisuse;
use scep::pki_types::CertificateDer;
use scep::wire::{Certificate, KeyUsage};
use std::fmt::Write;
use std::path::Path;

pub(crate) enum Pin {
    Sha256([u8; 32]),
    /// Takes `Compat::sha1_fingerprint`.
    Sha1([u8; 20]),
    Certificate(CertificateDer<'static>),
}

impl Pin {
    pub(crate) fn read(args: &PinArgs) -> Result<Option<Self>, Failure> {
        let PinArgs { ca_sha256, ca_pem, ca_sha1 } = args;
        let pem = ca_pem.as_ref().map(|path| read_certificates(path)).transpose()?;
        let pinned = pem.and_then(|list| list.into_iter().next()).map(Self::Certificate);
        Ok(ca_sha256.map(Self::Sha256).or(ca_sha1.map(Self::Sha1)).or(pinned))
    }

    /// The CA that was trusted before.
    pub(crate) fn stored(folder: &Folder) -> Result<Self, Failure> {
        if !folder.is_there(CA) {
            let line = "is not there: `ca` with a fingerprint and this --dir gets it again";
            return Err(Failure::at(&folder.file(CA), line));
        }
        Ok(Self::Certificate(folder.certificates(CA)?.swap_remove(0)))
    }
}

/// Whom messages are encrypted for when the CA's certificates do not tell.
pub(crate) struct Recipient<'a> {
    path: &'a Path,
    certificate: CertificateDer<'static>,
}

impl<'a> Recipient<'a> {
    /// The first certificate in this file.
    pub(crate) fn read(path: &'a Path) -> Result<Self, Failure> {
        Ok(Self { path, certificate: read_certificates(path)?.swap_remove(0) })
    }

    pub(crate) fn choose(self, ca: TrustedCa) -> Result<TrustedCa, Failure> {
        ca.with_recipient(&self.certificate).map_err(|_| {
            let line =
                "not a certificate of the CA or its RA with an RSA key: `ca` prints those that there are";
            Failure::at(self.path, line)
        })
    }
}

/// Answers the question whether the CA is the right one; without a pin the answer is no. Prints the certificates if
/// `show` says so, and when they are not trusted: the fingerprints are to be compared with what the CA's operator says.
///
/// What the library's error does not tell is left in `remark`.
pub(crate) fn judge(
    trust: Trust,
    pin: Option<&Pin>,
    show: bool,
    remark: &mut Option<String>,
) -> Result<Step, Box<Failed<Trust>>> {
    if show || pin.is_none() {
        print(trust.certificates().iter());
    }
    if let Some(wrong) = pin.and_then(|pin| pinned_other_than_ca(&trust, pin)) {
        if !show {
            print(trust.certificates().iter().filter(|der| may_anchor(der)));
        }
        *remark = Some(wrong);
    }
    let judged = match pin {
        Some(Pin::Sha256(fingerprint)) => trust.matching_sha256(fingerprint),
        Some(Pin::Sha1(fingerprint)) => trust.matching_sha1(fingerprint),
        Some(Pin::Certificate(anchor)) => trust.pinned(anchor),
        None => Err(Box::new(Failed { error: ApiMisuse::NoAnchor.into(), retry: None, retry_after: None })),
    };
    if let Err(failed) = &judged
        && let Some(trust) = &failed.retry
        && !show
    {
        print(trust.certificates().iter());
    }
    judged
}

/// Whether a certificate may be pinned: that of a CA, or one of old that issued itself.
fn may_anchor(der: &CertificateDer<'_>) -> bool {
    Certificate::parse(der).is_ok_and(|certificate| certificate.is_ca() || certificate.is_self_issued())
}

/// What is wrong with a pin that fits a certificate, but not the one of a CA.
fn pinned_other_than_ca(trust: &Trust, pin: &Pin) -> Option<String> {
    let fits = |der: &&CertificateDer<'static>| match pin {
        Pin::Sha256(fingerprint) => trust.sha256(der).is_ok_and(|own| own == *fingerprint),
        Pin::Sha1(fingerprint) => sha1(der).is_some_and(|own| own == fingerprint),
        Pin::Certificate(_) => false,
    };
    let (what, der) = match pin {
        Pin::Sha256(_) | Pin::Sha1(_) => {
            ("the fingerprint is that of", trust.certificates().iter().find(fits)?)
        }
        Pin::Certificate(der) => ("in the PEM file stands", der),
    };
    let certificate = Certificate::parse(der).ok().filter(|_| !may_anchor(der))?;
    let whose = match role(&certificate) {
        "other" => "the certificate of no CA",
        _ => "the certificate of an RA (or of a device), not of a CA",
    };
    let subject = certificate.subject();
    let next = if trust.certificates().iter().any(may_anchor) {
        "compare and pin the CA certificate above"
    } else {
        "the server did not send its CA's certificate, so get it from the CA's operator and give it as --ca-pem"
    };
    Some(format!("{what} {whose}: {subject}; {next}"))
}

/// SHA-1 over a certificate, for comparing only.
fn sha1(der: &[u8]) -> Option<Vec<u8>> {
    let digest = PROVIDER_WITH_LEGACY.digest(Digest::Sha1).ok()?;
    Some(digest.digest(&[der]).as_bytes().to_vec())
}

/// What certificates these are, and their fingerprints.
pub(crate) fn print<'a>(list: impl Iterator<Item = &'a CertificateDer<'static>>) {
    for der in list {
        let (subject, role) = match Certificate::parse(der) {
            Ok(certificate) => (certificate.subject().to_string(), role(&certificate)),
            Err(error) => (error.to_string(), "unreadable"),
        };
        let fingerprint = PROVIDER.sha256(&[der]).map(|bytes| colons(&bytes)).unwrap_or_default();
        say(format_args!("{role}: {subject}\n  SHA-256 {fingerprint}"));
    }
}

fn role(certificate: &Certificate<'_>) -> &'static str {
    let may = |usage| certificate.key_usage().is_none_or(|allowed| allowed.contains(usage));
    if certificate.is_ca() {
        return if certificate.is_self_issued() { "root CA" } else { "CA" };
    }
    match (may(KeyUsage::DIGITAL_SIGNATURE), may(KeyUsage::KEY_ENCIPHERMENT)) {
        (true, true) => "RA",
        (true, false) => "RA for signatures",
        (false, true) => "RA for encryption",
        (false, false) => "other",
    }
}

fn colons(fingerprint: &[u8]) -> String {
    let mut text = String::new();
    for byte in fingerprint {
        let separator = if text.is_empty() { "" } else { ":" };
        // writing to a String cannot fail
        let _ = write!(text, "{separator}{byte:02X}");
    }
    text
}
