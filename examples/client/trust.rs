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
                let first = list.into_iter().next();
                let first = first.ok_or_else(|| Failure::at(path, "there is no certificate in it"))?;
                Certificate::parse(&first).map_err(|error| Failure::at(path, error))?;
                Ok(Some(Self::Certificate(first)))
            }
            (None, None) => Ok(None),
        }
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
        print(&trust, |_| true);
    }
    if let Some(wrong) = pin.and_then(|pin| pinned_other_than_ca(&trust, pin)) {
        if !show {
            print(&trust, may_anchor);
        }
        *remark = Some(wrong);
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
        print(trust, |_| true);
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
        Pin::Certificate(_) => false,
    };
    let (what, der) = match pin {
        Pin::Sha256(_) => ("the fingerprint is that of", trust.certificates().iter().find(fits)?),
        Pin::Certificate(der) => ("in the --ca-pem file stands", der),
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

fn print(trust: &Trust, which: impl Fn(&CertificateDer<'_>) -> bool) {
    for der in trust.certificates().iter().filter(|der| which(der)) {
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
