//! Reading anything that belongs to SCEP, for people who want to know what a peer sends.
//!
//! The rest of this library reads what it can answer for and refuses everything else with one typed error. Here nothing
//! is refused that can be read at all: [`inspect`] takes a message, an answer to GetCACert or GetCACaps, a certification
//! request, a certificate, a CRL, in DER or BER, cut off or not, in base64 or PEM, with the HTTP around it, and tells
//! what is in it and every way in which it deviates from RFC 8894. [`Report::open`] goes on behind the envelope with a
//! key.
//!
//! A report shows what was *sent*. That a report exists, or that its signature is [`Validity::Valid`], says nothing about
//! who sent it. Answer requests with [`crate::message`] and the state machines, never with what is read here: opening an
//! envelope in this way tells whoever sent it what was wrong with it.
//!
//! ```
//! # fn main() -> Result<(), scep::Error> {
//! # #[cfg(feature = "rustcrypto")] {
//! use scep::crypto::rustcrypto::PROVIDER;
//! use scep::inspect::{Kind, inspect};
//!
//! let report = inspect(b"AES\nPostPkiOperation\n", &PROVIDER)?;
//! assert_eq!(report.kind, Kind::Capabilities);
//! assert_eq!(report.findings[0].deviation.code(), "capability-case");
//! # }
//! # Ok(())
//! # }
//! ```

mod ber;
mod certificate;
mod container;
mod envelope;
mod finding;
mod http;
mod names;
mod payload;
mod read;
mod request;
mod scep;
mod signature;
mod signed;
mod value;

pub use certificate::{CertificateReport, CrlReport, ExtensionReport, KeyReport};
pub use container::Wrapping;
pub use envelope::{EnvelopeReport, RecipientKind, RecipientReport};
pub use finding::{Deviation, Finding, Place};
pub use http::HttpReport;
pub use names::{Algorithm, ObjectId, Parameters};
pub use payload::Payload;
pub use request::{ChallengeReport, RequestReport};
pub use scep::{Coded, MessageReport};
pub use signed::{ContentForm, Identifier, SignedDataReport, SignerReport, Validity};
pub use value::{AttributeReport, ValueReport};

use crate::crypto::{Decryptor, Provider, Rng};
use crate::error::{Error, InvalidMessage, Limit};
use alloc::vec::Vec;
use core::fmt;
use finding::Findings;
use zeroize::Zeroizing;

/// Longest input that is looked at, bytes.
const MOST_BYTES: usize = 4 << 20;

/// What an input is.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A pkiMessage (RFC 8894 section 3).
    PkiMessage,
    /// A certs-only message (RFC 8894 section 3.4).
    CertsOnly,
    /// A signed certs-only message: the answer to GetNextCACert (RFC 8894 section 4.7.1).
    NextCaCertificates,
    /// A pkcsPKIEnvelope without its signature.
    Envelope,
    /// One certificate or several.
    Certificates,
    /// A CRL.
    Crl,
    /// A certification request.
    CertificationRequest,
    /// The content of CertPoll, GetCert or GetCRL.
    Selector,
    /// Capability text.
    Capabilities,
    /// An HTTP request or response that carries no message.
    Http,
}

impl Kind {
    /// A short name that does not change.
    pub const fn name(self) -> &'static str {
        match self {
            Self::PkiMessage => "pkiMessage",
            Self::CertsOnly => "certs-only",
            Self::NextCaCertificates => "next-ca-certificates",
            Self::Envelope => "envelopedData",
            Self::Certificates => "certificate",
            Self::Crl => "crl",
            Self::CertificationRequest => "PKCS#10",
            Self::Selector => "selector",
            Self::Capabilities => "capabilities",
            Self::Http => "http",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What was found in an input.
#[derive(Clone)]
pub struct Report {
    /// What it is.
    pub kind: Kind,
    /// What was around it, from the outside in.
    pub wrappings: Vec<Wrapping>,
    /// The HTTP around it.
    pub http: Option<HttpReport>,
    /// The signed layer: of a pkiMessage and of the answer to GetNextCACert.
    pub message: Option<MessageReport>,
    /// The encrypted layer.
    pub envelope: Option<EnvelopeReport>,
    /// What is inside: of a pkiMessage once [`Self::open`] has been called, of anything else at once.
    pub payload: Option<Payload>,
    /// Every deviation, in the order found.
    pub findings: Vec<Finding>,
    /// For a pkiMessage: why [`Unverified::parse`](crate::message::Unverified::parse) refuses it, if it does.
    pub refusal: Option<Error>,
    plaintext: Option<Zeroizing<Vec<u8>>>,
}

impl fmt::Debug for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Report")
            .field("kind", &self.kind)
            .field("message", &self.message)
            .field("envelope", &self.envelope)
            .field("payload", &self.payload)
            .field("findings", &self.findings)
            .finish_non_exhaustive()
    }
}

/// Reads whatever `input` is. `provider` verifies the signatures; the more it can, the fewer are
/// [`Validity::Unsupported`].
///
/// # Errors
///
/// [`InvalidMessage::Empty`]; [`Limit::Message`] above 4 MiB; [`InvalidMessage::Base64`], [`InvalidMessage::Percent`] and
/// [`InvalidMessage::Pem`] where such text cannot be undone; [`InvalidMessage::Der`] when what is left is nothing that
/// SCEP has.
pub fn inspect(input: &[u8], provider: &Provider) -> Result<Report, Error> {
    if input.is_empty() {
        return Err(InvalidMessage::Empty.into());
    }
    if input.len() > MOST_BYTES {
        return Err(Limit::Message.into());
    }
    let mut findings = Findings::default();
    let unwrapped = container::unwrap(input, &mut findings)?;
    let mut report = Report {
        kind: Kind::Http,
        wrappings: unwrapped.wrappings,
        http: unwrapped.http,
        message: None,
        envelope: None,
        payload: None,
        findings: Vec::new(),
        refusal: None,
        plaintext: None,
    };
    match unwrapped.items.as_slice() {
        [] => {}
        [text] if unwrapped.is_text => {
            report.kind = Kind::Capabilities;
            report.payload = Some(Payload::capabilities(text, &mut findings));
        }
        [der] => report.element(der, &mut findings, provider)?,
        several => report.several(several, &mut findings, provider)?,
    }
    report.media_type(&mut findings);
    report.findings = findings.0;
    Ok(report)
}

impl Report {
    /// Opens the envelope for the first recipient that the key fits, and reads what is in it into [`Self::payload`].
    /// Every algorithm of the provider is used for reading, single DES too.
    ///
    /// `key` gets a job whose recipient is no certificate: whose key fits is what is being found out. Not for a server:
    /// what comes back tells how a ciphertext is wrong (RFC 3218).
    ///
    /// # Errors
    ///
    /// [`InvalidMessage::NotEnvelopedData`] when there is no envelope, [`Error::Unsupported`] for its algorithms,
    /// [`Error::BadEnvelope`] when it has no recipient with key transport, impossible lengths, or the key does not fit;
    /// errors of the key and of `rng` as they come.
    pub fn open(
        &mut self,
        provider: &Provider,
        key: &mut dyn Decryptor,
        rng: &mut Rng<'_>,
    ) -> Result<(), Error> {
        let envelope = self.envelope.as_ref().ok_or(InvalidMessage::NotEnvelopedData)?;
        let (plaintext, padded) = envelope.open(provider, key, rng)?;
        let mut findings = Findings(core::mem::take(&mut self.findings));
        findings.add_if(!padded, Deviation::Padding, Place::EncryptedContent);
        let payload = Payload::read(&plaintext, Place::Payload, &mut findings, provider);
        if let Some(message) = &self.message {
            payload.judge(message, &mut findings);
        }
        self.payload = Some(payload);
        self.plaintext = Some(plaintext);
        self.findings = findings.0;
        Ok(())
    }

    /// What the envelope held, once [`Self::open`] has been called. It holds the challenge password.
    pub fn plaintext(&self) -> Option<&[u8]> {
        self.plaintext.as_ref().map(|plaintext| plaintext.as_slice())
    }

    /// Whether a deviation of this kind was found anywhere.
    pub fn deviates(&self, deviation: Deviation) -> bool {
        self.findings.iter().any(|finding| finding.deviation == deviation)
    }
}
