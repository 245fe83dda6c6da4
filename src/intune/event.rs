//! What the connector writes into its event log, as values: monitoring that was made for it goes on working.
//!
//! A number has its place: `20501` (asked, and refused) is final, `20502` (could not be asked) is not. Diagnostic codes
//! are written in hexadecimal and counted in decimal, so there is no order in them, and 0x406 and 0x407 do not exist.
//!
//! # NDES
//!
//! NDES itself writes other numbers, into the application log. What they are here:
//!
//! | id | NDES says | here |
//! |---|---|---|
//! | 1, 2 | started, cannot start | [`Responder::new`](crate::server::Responder::new) succeeds or not |
//! | 3, 4 | stopped | the program's |
//! | 6 | no right to enrol | the issuer's error |
//! | 7 | GetCACert failed | cannot fail: the answer is made at the start |
//! | 16 | HTTP that cannot be decoded | [`Outcome::cause`] is [`Error::InvalidMessage`], HTTP 400 |
//! | 17 | attributes missing | `MissingAttribute`, HTTP 400 |
//! | 18 | inner message cannot be decrypted | [`Error::BadEnvelope`] |
//! | 28, 29 | renewal refused, password not verified | [`PeerMisbehaved`]`::NotRenewable`, `::Challenge` |
//! | 31 | the CA cannot be reached | [`Unavailable::Decision`](crate::error::Unavailable::Decision), HTTP 503 |
//! | 49 | stored password cannot be decrypted | no password is stored, only its keyed hash |

use super::code::ResultCode;
use super::request::{Fault, RequestId};
use crate::error::{Error, PeerMisbehaved};
use crate::server::{Event, Outcome, Status, TransactionKey};
use crate::wire::attributes::{MessageType, TransactionId};
use alloc::string::String;
use core::fmt;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Severity {
    /// It worked.
    Information,
    /// It was decided, and the answer is no; or it will be needed soon.
    Warning,
    /// It could not be done.
    Error,
}

macro_rules! events {
    ($($(#[$meta:meta])* $id:ident = $number:literal, $name:literal, $severity:ident, [$($code:ident),*], $text:literal;)+) => {
        /// The connector's event numbers, 10010 to 20602.
        #[non_exhaustive]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum EventId { $(#[doc = $text] $(#[$meta])* $id = $number,)+ }

        impl EventId {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$id),+];

            /// Its number.
            pub const fn number(self) -> u32 {
                match self { $(Self::$id => $number,)+ }
            }

            /// Its name.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$id => $name,)+ }
            }

            /// How bad it is.
            pub const fn severity(self) -> Severity {
                match self { $(Self::$id => Severity::$severity,)+ }
            }

            /// The codes that go with it, besides [`DiagnosticCode::Success`] and [`DiagnosticCode::UnknownError`].
            pub const fn codes(self) -> &'static [DiagnosticCode] {
                match self { $(Self::$id => &[$(DiagnosticCode::$code),*],)+ }
            }

            /// What it says.
            pub const fn text(self) -> &'static str {
                match self { $(Self::$id => $text,)+ }
            }
        }
    };
}

events! {
    StartedConnectorService = 10010, "StartedConnectorService", Information, [], "The service has started.";
    StoppedConnectorService = 10020, "StoppedConnectorService", Information, [], "The service has stopped.";
    CertificateRenewalSuccess = 10100, "CertificateRenewal_Success", Information, [],
        "The certificate of the RA or of the client of the service was renewed.";
    CertificateRenewalFailure = 10102, "CertificateRenewal_Failure", Error, [CertificateExpired],
        "The certificate of the RA or of the client of the service could not be renewed.";
    RetrieveCertificateWarning = 10301, "RetrieveCertificate_Warning", Warning, [CertThumbprintNotFound],
        "A certificate was found by something else than its thumbprint.";
    RetrieveCertificateError = 10302, "RetrieveCertificate_Error", Error, [CertificateNotFound],
        "A certificate that is needed was not found.";
    PkcsCertIssueSuccess = 20100, "PkcsCertIssue_Success", Information, [],
        "A PKCS certificate was issued; not by SCEP.";
    PkcsCertIssueFailure = 20102, "PkcsCertIssue_Failure", Error,
        [PkcsIssueCaUnavailable, SymantecClientAuthCertNotFound],
        "A PKCS certificate could not be issued; not by SCEP.";
    RevokeCertSuccess = 20200, "RevokeCert_Success", Information, [], "A certificate was revoked.";
    RevokeCertFailure = 20202, "RevokeCert_Failure", Error, [RevokeCertAccessDenied],
        "A certificate could not be revoked.";
    UploadSuccess = 20300, "Upload_Success", Information, [], "Results were sent to the service.";
    UploadFailure = 20302, "Upload_Failure", Error, [], "Results could not be sent to the service.";
    DownloadSuccess = 20400, "Download_Success", Information, [], "Requests were fetched from the service.";
    DownloadFailure = 20402, "Download_Failure", Error, [], "Requests could not be fetched from the service.";
    CrpVerifyMetricSuccess = 20500, "CRPVerifyMetric_Success", Information, [], "A challenge was found valid.";
    CrpVerifyMetricWarning = 20501, "CRPVerifyMetric_Warning", Warning, [CrpScepChallengeExpired],
        "A challenge was refused.";
    CrpVerifyMetricFailure = 20502, "CRPVerifyMetric_Failure", Error,
        [CrpScepCertNotFound, CrpScepSigningCertNotFound, CrpScepDeserializeFailed],
        "A challenge could not be checked.";
    CrpNotifyMetricSuccess = 20600, "CRPNotifyMetric_Success", Information, [],
        "The service was told what became of a request.";
    CrpNotifyMetricFailure = 20602, "CRPNotifyMetric_Failure", Error, [],
        "The service could not be told what became of a request.";
}

impl EventId {
    /// The event of this number.
    pub fn from_number(number: u32) -> Option<Self> {
        Self::ALL.iter().copied().find(|id| id.number() == number)
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.number(), self.name())
    }
}

macro_rules! diagnostics {
    ($($code:ident = $number:literal, $name:literal, $text:literal;)+) => {
        /// The connector's diagnostic codes, 0x0 to 0x411 and 0x0FFFFFFF.
        #[non_exhaustive]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum DiagnosticCode { $(#[doc = $text] $code = $number,)+ }

        impl DiagnosticCode {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$code),+];

            /// Its number.
            pub const fn number(self) -> u32 {
                match self { $(Self::$code => $number,)+ }
            }

            /// Its name.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$code => $name,)+ }
            }

            /// What it says.
            pub const fn text(self) -> &'static str {
                match self { $(Self::$code => $text,)+ }
            }
        }
    };
}

diagnostics! {
    Success = 0x0, "Success", "It worked.";
    PkcsIssueCaUnavailable = 0x400, "PKCS_Issue_CA_Unavailable", "The CA is not valid or cannot be reached.";
    SymantecClientAuthCertNotFound = 0x401, "Symantec_ClientAuthCertNotFound",
        "The certificate for the CA's service was not found.";
    RevokeCertAccessDenied = 0x402, "RevokeCert_AccessDenied",
        "The account has no right to revoke certificates of this CA.";
    CertThumbprintNotFound = 0x403, "CertThumbprint_NotFound", "No certificate has the configured thumbprint.";
    CertificateNotFound = 0x404, "Certificate_NotFound", "No certificate fits.";
    CertificateExpired = 0x405, "Certificate_Expired", "The certificate has expired.";
    CrpScepCertNotFound = 0x408, "CRPSCEPCert_NotFound",
        "The key that opens requests, or its certificate, cannot be used.";
    CrpScepSigningCertNotFound = 0x409, "CRPSCEPSigningCert_NotFound",
        "The key that signs, or its certificate, cannot be used.";
    CrpScepDeserializeFailed = 0x410, "CRPSCEPDeserialize_Failed", "The answer to a challenge cannot be read.";
    CrpScepChallengeExpired = 0x411, "CRPSCEPChallenge_Expired",
        "The challenge has expired; the device may try again with a new one.";
    UnknownError = 0x0FFF_FFFF, "Unknown_Error", "Something else.";
}

/// What to do about a [`DiagnosticCode`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Remedy {
    /// Nothing.
    Nothing,
    /// The device needs a new challenge.
    NewChallenge,
    /// Somebody has to look at the configuration.
    Configuration,
    /// It may work the next time.
    TryAgain,
}

impl DiagnosticCode {
    /// The code of this number.
    pub fn from_number(number: u32) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.number() == number)
    }

    /// Reads `0x411` and the like, in any letter case. One code stands in tables with eight digits and with nine,
    /// `0x0FFFFFFF` and `0x0FFFFFFFF`: both are [`Self::UnknownError`], and the first one is written.
    pub fn from_text(text: &str) -> Option<Self> {
        let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"))?;
        if digits.eq_ignore_ascii_case("0FFFFFFFF") {
            return Some(Self::UnknownError);
        }
        // `from_str_radix` would take a sign
        let hexadecimal = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        u32::from_str_radix(digits, 16).ok().filter(|_| hexadecimal).and_then(Self::from_number)
    }

    /// What to do about it.
    pub const fn remedy(self) -> Remedy {
        match self {
            Self::Success => Remedy::Nothing,
            Self::CrpScepChallengeExpired => Remedy::NewChallenge,
            Self::UnknownError => Remedy::TryAgain,
            _ => Remedy::Configuration,
        }
    }
}

impl fmt::Display for DiagnosticCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownError => write!(f, "0x{:08X} {}", self.number(), self.name()),
            _ => write!(f, "0x{:X} {}", self.number(), self.name()),
        }
    }
}

/// One line of the connector's log. Nothing in it is secret.
#[must_use]
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectorEvent {
    /// What happened.
    pub id: EventId,
    /// Why.
    pub code: DiagnosticCode,
    /// The GUID that the service knows the call by.
    pub correlation: Option<RequestId>,
    /// The endpoint that the device asked.
    pub endpoint: Option<String>,
    /// The device's transactionID.
    pub transaction: Option<TransactionId>,
    /// The service's own word, where it said something else than yes.
    pub result: Option<ResultCode>,
    /// Why the service said nothing.
    pub fault: Option<Fault>,
}

impl ConnectorEvent {
    /// An event with nothing but its number and code.
    pub const fn new(id: EventId, code: DiagnosticCode) -> Self {
        Self { id, code, correlation: None, endpoint: None, transaction: None, result: None, fault: None }
    }

    /// About this transaction.
    pub fn of(mut self, transaction: &TransactionKey) -> Self {
        self.endpoint = Some(transaction.endpoint().into());
        self.transaction = Some(transaction.transaction_id().clone());
        self
    }

    /// During this call.
    pub fn during(mut self, id: RequestId) -> Self {
        self.correlation = Some(id);
        self
    }

    pub(super) fn answered(mut self, code: ResultCode) -> Self {
        self.result = Some(code);
        self
    }

    pub(super) fn because(mut self, fault: Fault) -> Self {
        self.fault = Some(fault);
        self
    }

    pub(super) fn of_call(success: EventId, failure: EventId, id: RequestId, fault: Option<&Fault>) -> Self {
        match fault {
            None => Self::new(success, DiagnosticCode::Success).during(id),
            Some(fault) => Self::new(failure, DiagnosticCode::UnknownError).during(id).because(*fault),
        }
    }

    /// What the server itself has to say about a request, at the endpoint of this name: that a key failed, and where the
    /// service was not asked, whether the challenge was right. Where it was asked ([`Verdict::event`](super::Verdict::event)
    /// says what came of it) only a key's failure adds to that: `asked`.
    pub fn of_outcome(outcome: &Outcome, endpoint: &str, asked: bool) -> Option<Self> {
        let summary = &outcome.summary;
        let keys = [
            (Event::DecryptionKeyFailed, DiagnosticCode::CrpScepCertNotFound),
            (Event::SigningKeyFailed, DiagnosticCode::CrpScepSigningCertNotFound),
        ];
        let key = keys.iter().find(|(event, _)| outcome.events.contains(event)).map(|(_, code)| *code);
        let first = summary.message_type == Some(MessageType::PkcsReq);
        let (id, code) = match (key, outcome.cause, summary.status) {
            (Some(code), ..) => (EventId::CrpVerifyMetricFailure, code),
            _ if asked => return None,
            (_, Some(Error::PeerMisbehaved(PeerMisbehaved::Challenge)), _) => {
                (EventId::CrpVerifyMetricWarning, DiagnosticCode::UnknownError)
            }
            (_, Some(Error::Unavailable(_)), _) if first => {
                (EventId::CrpVerifyMetricFailure, DiagnosticCode::UnknownError)
            }
            (_, None, Status::Success) if first => (EventId::CrpVerifyMetricSuccess, DiagnosticCode::Success),
            _ => return None,
        };
        let event = Self::new(id, code);
        Some(Self { endpoint: Some(endpoint.into()), transaction: summary.transaction_id.clone(), ..event })
    }
}

impl fmt::Display for ConnectorEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.id, self.code)?;
        if let Some(result) = &self.result {
            write!(f, ", the service says {result}")?;
        }
        if let Some(fault) = self.fault {
            write!(f, ", {fault}")?;
        }
        if let Some(endpoint) = self.endpoint.as_deref().filter(|endpoint| !endpoint.is_empty()) {
            write!(f, ", endpoint {endpoint}")?;
        }
        if let Some(transaction) = &self.transaction {
            write!(f, ", transaction {transaction}")?;
        }
        if let Some(correlation) = self.correlation {
            write!(f, ", call {correlation}")?;
        }
        Ok(())
    }
}
