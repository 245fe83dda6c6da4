//! The steps, and what comes out in the end.

use super::ca::TrustedCa;
use super::discover::{self, Plan};
use super::fetch::Crl;
use super::next_ca::{self, NextCa};
use super::poll::Wait;
use super::reply::{self, InFlight, Sealed};
use super::sign::{self, Signing};
use super::trust::Trust;
use crate::crypto::{DecryptJob, KeyError, Rng, SignJob, Signature, Unwrapped};
use crate::error::{Error, FailInfo, Retry};
use crate::transport::{HttpRequest, HttpResponse, Operation};
use crate::wire::attributes::MessageType;
use crate::wire::capabilities::Capabilities;
use crate::wire::name::is_unseen;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use rustls_pki_types::{CertificateDer, UnixTime};

/// What has to be done next. Exhaustive on purpose: a driver that skips a step would hang.
#[must_use = "a step that is dropped ends the enrolment"]
#[derive(Debug)]
pub enum Step {
    /// Send an HTTP request and hand in the response.
    Transmit(Transmit),
    /// Decide whether to trust the CA's certificates.
    Trust(Trust),
    /// Sign with the device's key.
    Sign(Sign),
    /// Unwrap a content key with the device's key.
    Decrypt(Decrypt),
    /// The CA holds the request: wait, then poll. May be saved.
    Wait(Wait),
    /// The end.
    Done(Done),
}

/// How an exchange ended.
#[non_exhaustive]
#[derive(Debug)]
pub enum Done {
    /// The certificate was issued, and passed every check.
    Issued(Issued),
    /// The CA refused a message with this transactionID and this nonce, and signed that it did. Mostly it was ours, and
    /// the transaction is over.
    ///
    /// But whoever is on the path can bring a refusal about: by damaging the message, or by sending the CA one of his own
    /// with the same transactionID and nonce, which anybody can read. A FAILURE does not say whose message it is about.
    /// So where a certificate may have been issued, after [`Transmit::save`] or [`Wait::save`], what was saved is worth a
    /// [`Wait::poll`] now and later, and should go only when something else has come of it. A poll loses nothing: a
    /// refusal that the CA has made up its mind about stays one.
    Refused {
        /// The reason.
        fail_info: FailInfo,
        /// What the CA says about it, if anything (RFC 8894 section 3.2.1.4.1): for people.
        text: Option<UntrustedText>,
    },
    /// The CA's certificates, trusted.
    Ca(TrustedCa),
    /// The CA's capabilities. Nobody signed them.
    Capabilities(Capabilities),
    /// The certificate that was asked for by issuer and serial number. It chains to the trusted CA; its dates were not
    /// looked at, since an expired one may be asked for too.
    Certificate(CertificateDer<'static>),
    /// The CRL that was asked for, verified.
    Crl(Crl),
    /// The certificates of the CA that takes over later, signed by the present one. Nothing is replaced by them.
    NextCa(NextCa),
}

/// An issued certificate: the only outcome after which anything that a device has may go.
///
/// After a renewal, store the new certificate and its private key first, and only then drop the certificate before it
/// and its key; under a CA with a [`TrustedCa::valid_from`] not before that time. Until there is an `Issued`, whatever
/// the steps answer (an error, a refusal, PENDING), the device goes on with what it has: the library holds no key, and
/// no call takes one away.
#[non_exhaustive]
#[derive(Debug)]
pub struct Issued {
    /// The certificate for the requested key. It chains to the trusted CA.
    pub certificate: CertificateDer<'static>,
    /// The other certificates of the reply as they came, unchecked.
    pub others: Vec<CertificateDer<'static>>,
    /// The CA.
    pub ca: TrustedCa,
    /// Whether dates were checked: `false` on a board without a clock.
    pub checked_time: bool,
}

impl Issued {
    /// The certificate, then the others.
    pub fn chain(&self) -> impl Iterator<Item = &CertificateDer<'static>> {
        core::iter::once(&self.certificate).chain(&self.others)
    }
}

/// Text of the peer's: authentic at most, never harmless. [`fmt::Display`] escapes what could upset a terminal or a log.
#[derive(Clone, PartialEq, Eq)]
pub struct UntrustedText(String);

impl UntrustedText {
    pub(super) fn new(text: String) -> Self {
        Self(text)
    }

    /// The text without escapes: at most 255 characters, what is not UTF-8 and control characters replaced.
    pub fn raw(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UntrustedText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|char| match char {
            _ if is_unseen(char) => write!(f, "{}", char.escape_default()),
            _ => fmt::Write::write_char(f, char),
        })
    }
}

impl fmt::Debug for UntrustedText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

/// An error, and the step to try again with when that makes sense.
#[derive(Debug)]
pub struct Failed<S> {
    /// What went wrong.
    pub error: Error,
    /// The very same request (same transactionID, same nonce), when it may be sent again: after anything that counts
    /// as no answer. `None` when the request is dead.
    pub retry: Option<S>,
    /// How many seconds the server asks to wait first (`Retry-After`).
    pub retry_after: Option<u32>,
}

impl<S> Failed<S> {
    /// Keeps `step` if the table of errors says so.
    pub(super) fn new(error: Error, step: S) -> Box<Self> {
        let retry = (error.retry() == Retry::Same).then_some(step);
        Box::new(Self { error, retry, retry_after: None })
    }

    /// Gives `step` back whatever the table says: nothing was sent, or nothing is lost by trying otherwise.
    pub(super) fn kept(error: Error, step: S) -> Box<Self> {
        Box::new(Self { error, retry: Some(step), retry_after: None })
    }

    pub(super) fn dead(error: Error) -> Box<Self> {
        Box::new(Self { error, retry: None, retry_after: None })
    }
}

impl<S> fmt::Display for Failed<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl<S: fmt::Debug> core::error::Error for Failed<S> {}

/// An HTTP request is to be sent.
#[must_use]
#[derive(Debug)]
pub struct Transmit {
    pub(super) request: HttpRequest,
    pub(super) stage: Stage,
}

#[derive(Debug)]
pub(super) enum Stage {
    Capabilities(Box<Plan>),
    CaCertificates(Box<Plan>, Capabilities),
    Reply(Box<InFlight>),
    NextCa(Box<next_ca::Asked>),
}

impl Transmit {
    /// The request. It may be sent again as it is after trouble on the network.
    pub fn request(&self) -> &HttpRequest {
        &self.request
    }

    /// The operation of the request.
    pub fn operation(&self) -> Operation {
        match &self.stage {
            Stage::Capabilities(_) => Operation::GetCaCaps,
            Stage::CaCertificates(..) => Operation::GetCaCert,
            Stage::Reply(_) => Operation::PkiOperation,
            Stage::NextCa(_) => Operation::GetNextCaCert,
        }
    }

    /// The messageType of the request, when it is a PKIOperation.
    pub fn message_type(&self) -> Option<MessageType> {
        match &self.stage {
            Stage::Reply(flight) => Some(flight.message_type),
            Stage::Capabilities(_) | Stage::CaCertificates(..) | Stage::NextCa(_) => None,
        }
    }

    /// The transactionID, when it is a PKIOperation.
    pub fn transaction_id(&self) -> Option<&crate::wire::attributes::TransactionId> {
        match &self.stage {
            Stage::Reply(flight) => Some(&flight.transaction.id),
            Stage::Capabilities(_) | Stage::CaCertificates(..) | Stage::NextCa(_) => None,
        }
    }

    /// What to keep before the request goes out, for [`Client::resume`](super::Client::resume) when no answer comes and
    /// the step is lost, as in a power cut: the CA may have issued the certificate all the same, and a challenge password
    /// that works once has been used then. The form is that of [`Wait::save`], and it holds no secret either.
    ///
    /// [`Wait::poll`] asks about the request then; the CA answers badCertId when it never got it, and other servers
    /// refuse polls in other ways, and then it is time to begin anew. After [`Done::Refused`] see there. It may go once
    /// the certificate of an [`Issued`] is stored, or what a [`Wait`] saves has taken its place.
    ///
    /// `None` for a request that asks for no certificate: it may simply be made again.
    pub fn save(&self) -> Result<Option<Vec<u8>>, Error> {
        match &self.stage {
            Stage::Reply(flight) => flight.save(),
            Stage::Capabilities(_) | Stage::CaCertificates(..) | Stage::NextCa(_) => Ok(None),
        }
    }

    /// Takes the response. `now` is `None` on a board without a clock: then dates are not checked, and the result
    /// says so.
    pub fn receive(
        self,
        response: HttpResponse,
        now: Option<UnixTime>,
        rng: &mut Rng<'_>,
    ) -> Result<Step, Box<Failed<Self>>> {
        let retry_after = response.retry_after;
        self.take(response, now, rng).map_err(|mut failed| {
            failed.retry_after = retry_after;
            failed
        })
    }

    fn take(
        self,
        response: HttpResponse,
        now: Option<UnixTime>,
        rng: &mut Rng<'_>,
    ) -> Result<Step, Box<Failed<Self>>> {
        let Self { request, stage } = self;
        match stage {
            Stage::Capabilities(plan) => discover::capabilities(plan, &response).map_err(|(error, plan)| {
                Failed::new(error, Self { request, stage: Stage::Capabilities(plan) })
            }),
            Stage::CaCertificates(plan, capabilities) => match discover::ca_certificates(&plan, &response) {
                Ok(certificates) => Ok(Step::Trust(Trust { plan, capabilities, certificates, now })),
                Err(error) => {
                    let stage = Stage::CaCertificates(plan, capabilities);
                    Err(Failed::new(error, Self { request, stage }))
                }
            },
            Stage::Reply(flight) => match reply::read(&flight, response, now, rng) {
                Ok(verdict) => reply::proceed(*flight, verdict, request, now),
                Err(error) => Err(Failed::new(error, Self { request, stage: Stage::Reply(flight) })),
            },
            Stage::NextCa(asked) => match (asked.read)(&asked, response, now) {
                Ok(done) => Ok(Step::Done(done)),
                Err(error) => Err(Failed::new(error, Self { request, stage: Stage::NextCa(asked) })),
            },
        }
    }
}

/// A signature is wanted.
#[must_use]
#[derive(Debug)]
pub struct Sign(pub(super) Box<Signing>);

impl Sign {
    /// What is to be signed, with which key, and what for.
    pub fn job(&self) -> &SignJob {
        self.0.job()
    }

    /// Takes the signature, which is verified before it is used. The step comes back when the key's device could not
    /// be reached or made a signature that does not verify.
    pub fn complete(
        self,
        signature: Result<Signature, KeyError>,
        rng: &mut Rng<'_>,
    ) -> Result<Step, Box<Failed<Self>>> {
        match sign::signed(&self.0, signature, rng) {
            Ok(step) => Ok(step),
            Err(error) => Err(Failed::new(error, self)),
        }
    }
}

/// A content key is to be unwrapped. Only a reply that the CA signed gets here.
#[must_use]
#[derive(Debug)]
pub struct Decrypt(pub(super) Box<Sealed>);

impl Decrypt {
    /// What is to be decrypted.
    pub fn job(&self) -> &DecryptJob {
        self.0.envelope.job()
    }

    /// Takes the unwrapped key, opens the reply and checks the certificate in it.
    ///
    /// On failure the request may be sent again: the CA answers with the same certificate.
    pub fn complete(self, unwrapped: Result<Unwrapped, KeyError>) -> Result<Step, Box<Failed<Transmit>>> {
        reply::open(*self.0, unwrapped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    // R-3.2.1.4-3, T50
    #[test]
    fn untrusted_text_is_escaped_when_shown() {
        let text = UntrustedText::new("no\x1b[2J\n\u{202E}".into());
        assert_eq!(text.to_string(), "no\\u{1b}[2J\\n\\u{202e}");
        assert_eq!(text.raw().len(), 10);
    }
}
