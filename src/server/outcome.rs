//! What comes out of an exchange: the reply, and what there is to log.

use crate::error::{Error, FailInfo};
use crate::transport::{HttpResponse, Operation};
use crate::wire::attributes::{MessageType, TransactionId};
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

/// The reply, and what there is to log about it.
#[derive(Debug)]
pub struct Outcome {
    /// To be sent as it is, with a `Content-Length`.
    pub reply: HttpResponse,
    /// Why it is a refusal. For the log: the peer is told less.
    pub cause: Option<Error>,
    /// What was asked and what became of it.
    pub summary: Summary,
    /// What an operator should know besides.
    pub events: Vec<Event>,
}

/// One line for the log. Nothing in it is secret; texts of the peer's are escaped when displayed.
#[non_exhaustive]
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// The operation, once the request could be parsed.
    pub operation: Option<Operation>,
    /// The messageType, once the signature verified.
    pub message_type: Option<MessageType>,
    /// The transactionID that the sender gave.
    pub transaction_id: Option<TransactionId>,
    /// The subject of the certification request, or else of the signer's certificate.
    pub subject: Option<String>,
    /// What the owner said about a refusal ([`Authorized::refuse_because`](super::Authorized::refuse_because)). The
    /// client gets it too.
    pub detail: Option<String>,
    /// What became of it.
    pub status: Status,
}

/// What became of a request.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Status {
    /// GetCACaps, GetCACert or GetNextCACert was answered.
    #[default]
    Answered,
    /// CertRep SUCCESS.
    Success,
    /// CertRep PENDING.
    Pending,
    /// CertRep FAILURE.
    Failure(FailInfo),
    /// HTTP status other than 200; no CertRep.
    HttpError,
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answered => f.write_str("OK"),
            Self::Success => f.write_str("SUCCESS"),
            Self::Pending => f.write_str("PENDING"),
            Self::Failure(fail_info) => write!(f, "FAILURE {fail_info}"),
            Self::HttpError => f.write_str("HTTP error"),
        }
    }
}

/// Something that an operator should know.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A request encrypted with single DES was read
    /// ([`ServerConfig::danger_accept_des_cbc`](super::ServerConfig::danger_accept_des_cbc)).
    SingleDesRead,
    /// A first request was signed with another key than the one to be certified
    /// ([`ServerConfig::danger_accept_other_signer`](super::ServerConfig::danger_accept_other_signer)).
    OtherSigner,
    /// The challenge password of this request stands in the certificate that it is signed under, where everybody on the
    /// way can read it. Some clients copy the attributes of their request there (T12). Whoever is asked sees
    /// [`Enrol::is_challenge_exposed`](super::Enrol::is_challenge_exposed).
    ChallengeExposed,
    /// A one-time challenge came again, with another request than the one that it was spent for or is reserved for
    /// (RFC 8894 section 7.3). Somebody copied it.
    ChallengeReuse,
    /// The key that opens requests, or its device, failed: [`Outcome::cause`] says how.
    DecryptionKeyFailed,
    /// The key that signs replies, or its device, failed, or the signature that it made does not verify.
    SigningKeyFailed,
}
