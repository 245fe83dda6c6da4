//! Which CA is trusted: the one with a given fingerprint or certificate, and no other.

use crate::args::PinArgs;
use crate::files::read_text;
use crate::{Failure, say};
use scep::client::{Failed, Step, Trust};
use scep::crypto::rustcrypto::certificates_from_pem;
use scep::error::ApiMisuse;
use scep::pki_types::CertificateDer;
use scep::wire::{Certificate, KeyUsage};
use std::fmt::Write;

pub(crate) enum Pin {
    Sha256([u8; 32]),
    Certificate(CertificateDer<'static>),
}

impl Pin {
    pub(crate) fn read(args: &PinArgs) -> Result<Option<Self>, Failure> {
        match (&args.ca_sha256, &args.ca_pem) {
            (Some(fingerprint), _) => Ok(Some(Self::Sha256(*fingerprint))),
            (None, Some(path)) => {
                let list =
                    certificates_from_pem(&read_text(path)?).map_err(|error| Failure::at(path, error))?;
                Ok(list.into_iter().next().map(Self::Certificate))
            }
            (None, None) => Ok(None),
        }
    }
}

/// Answers the question whether the CA is the right one; without a pin the answer is no. Prints the certificates if
/// `show` says so, and when they are not trusted: the fingerprints are to be compared with what the CA's operator says.
pub(crate) fn judge(trust: Trust, pin: Option<&Pin>, show: bool) -> Result<Step, Box<Failed<Trust>>> {
    if show || pin.is_none() {
        print(&trust);
    }
    let judged = match pin {
        Some(Pin::Sha256(fingerprint)) => trust.matching_sha256(fingerprint),
        Some(Pin::Certificate(anchor)) => trust.pinned(anchor),
        None => Err(Box::new(Failed { error: ApiMisuse::NoAnchor.into(), retry: None, retry_after: None })),
    };
    if let Err(failed) = &judged
        && let Some(trust) = &failed.retry
        && !show
    {
        print(trust);
    }
    judged
}

fn print(trust: &Trust) {
    for der in trust.certificates() {
        let (subject, role) = match Certificate::parse(der) {
            Ok(certificate) => (certificate.subject().to_string(), role(&certificate)),
            Err(error) => (error.to_string(), "unreadable"),
        };
        let fingerprint = trust.sha256(der).map(|bytes| colons(&bytes)).unwrap_or_default();
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
