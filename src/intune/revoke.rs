//! Which certificates does the service want revoked, and what became of it.

use super::ask::{Ask, Question, sealed};
use super::endpoints::Endpoints;
use super::event::{ConnectorEvent, DiagnosticCode, EventId};
use super::json;
use super::request::{Fault, RequestId};
use super::service::Service;
use crate::crypto::Rng;
use crate::error::{ApiMisuse, Error};
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

/// The most requests that one download may ask for.
pub const MAX_REVOCATIONS: u16 = 500;

/// A certificate that is to be revoked. [`Self::done`] or [`Self::failed`] says what became of it; one that is dropped is
/// asked for again.
#[must_use = "the service waits for the result"]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevocationRequest {
    context: String,
    serial: String,
    issuer: Option<String>,
    configuration: Option<String>,
}

impl RevocationRequest {
    /// The serial number, hexadecimal as it was reported. Not to be relied on as such: look it up.
    pub fn serial_number(&self) -> &str {
        &self.serial
    }

    /// The serial number as bytes; `None` when it is not hexadecimal. Zeros in front do not count.
    pub fn serial_bytes(&self) -> Option<Vec<u8>> {
        let digits = self.serial.trim_start_matches('0').as_bytes();
        let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        let (first, rest) = digits.split_at_checked(digits.len() % 2)?;
        let mut bytes = Vec::new();
        if let [digit_] = first {
            bytes.push(digit(*digit_)?);
        }
        for pair in rest.chunks_exact(2) {
            let [high, low] = pair else { return None };
            bytes.push(digit(*high)? << 4 | digit(*low)?);
        }
        (!bytes.is_empty()).then_some(bytes)
    }

    /// Who issued it, where the service says so: [`IssuedBy::issuer`](super::IssuedBy::issuer).
    pub fn issuer_name(&self) -> Option<&str> {
        self.issuer.as_deref()
    }

    /// [`IssuedBy::configuration`](super::IssuedBy::configuration), where the service says it.
    pub fn configuration(&self) -> Option<&str> {
        self.configuration.as_deref()
    }

    /// It is revoked.
    pub fn done(self) -> RevocationResult {
        RevocationResult { context: self.context, error: None }
    }

    /// It is not; of `message` 255 characters go out.
    pub fn failed(self, error: RevocationError, message: &str) -> RevocationResult {
        RevocationResult { context: self.context, error: Some((error, message.chars().take(255).collect())) }
    }
}

/// What became of a [`RevocationRequest`]. Success with an error, which the service refuses, cannot be said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevocationResult {
    context: String,
    error: Option<(RevocationError, String)>,
}

impl RevocationResult {
    /// What to log.
    pub fn event(&self) -> ConnectorEvent {
        match &self.error {
            None => ConnectorEvent::new(EventId::RevokeCertSuccess, DiagnosticCode::Success),
            Some((RevocationError::Authentication, _)) => {
                ConnectorEvent::new(EventId::RevokeCertFailure, DiagnosticCode::RevokeCertAccessDenied)
            }
            Some(_) => ConnectorEvent::new(EventId::RevokeCertFailure, DiagnosticCode::UnknownError),
        }
    }
}

/// Why a certificate was not revoked. The numbers are the service's: from 4000 on it does not ask again, from 4100 on it
/// does.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RevocationError {
    /// 4000: never.
    NonRetryable,
    /// 4001: the request cannot be read.
    DataSerialization,
    /// 4002: what it says cannot be right.
    ParameterDataInvalid,
    /// 4003: cryptography failed.
    Cryptography,
    /// 4004: there is no such certificate.
    CertificateNotFound,
    /// 4005: it is revoked already.
    Conflict,
    /// 4006: this CA does not revoke.
    NotSupported,
    /// 4007: the request is too large.
    PayloadTooLarge,
    /// 4100: later.
    Retryable,
    /// 4101: the CA cannot be reached.
    ServiceUnavailable,
    /// 4102: the CA has too much to do.
    TooBusy,
    /// 4103: the CA does not let this program revoke.
    Authentication,
}

impl RevocationError {
    /// Number, and the word that goes over the wire.
    const fn entry(self) -> (u16, &'static str) {
        match self {
            Self::NonRetryable => (4000, "NonRetryableServiceException"),
            Self::DataSerialization => (4001, "DataSerializationError"),
            Self::ParameterDataInvalid => (4002, "ParameterDataInvalidError"),
            Self::Cryptography => (4003, "CryptographyError"),
            Self::CertificateNotFound => (4004, "CertificateNotFoundError"),
            Self::Conflict => (4005, "ConflictError"),
            Self::NotSupported => (4006, "NotSupportedError"),
            Self::PayloadTooLarge => (4007, "PayloadTooLargeError"),
            Self::Retryable => (4100, "RetryableServiceException"),
            Self::ServiceUnavailable => (4101, "ServiceUnavailableException"),
            Self::TooBusy => (4102, "ServiceTooBusyException"),
            Self::Authentication => (4103, "AuthenticationException"),
        }
    }

    /// The service's number.
    pub const fn number(self) -> u16 {
        self.entry().0
    }

    /// The service's word.
    pub const fn name(self) -> &'static str {
        self.entry().1
    }

    /// Whether the service asks again.
    pub const fn is_retryable(self) -> bool {
        self.number() >= 4100
    }
}

impl fmt::Display for RevocationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Service {
    /// Asks which certificates are to be revoked: `most` of them at a time, 1 to [`MAX_REVOCATIONS`], of this issuer or of
    /// all. [`ApiMisuse::Service`] for another number.
    pub fn download_revocations(
        &self,
        most: u16,
        issuer: Option<&str>,
        endpoints: &Endpoints,
        rng: &mut Rng<'_>,
    ) -> Result<Ask<Download>, Error> {
        if !(1..=MAX_REVOCATIONS).contains(&most) {
            return Err(ApiMisuse::Service.into());
        }
        let parameters = json::DownloadParameters { max_requests: most, issuer_name: issuer };
        let body = json::write(&json::Download { download_parameters: parameters });
        Ok(Ask::new(self, Download { most }, body, RequestId::generate(rng)?, endpoints))
    }

    /// Says what became of requests, at least of one: [`ApiMisuse::Service`] for none.
    pub fn upload_revocations(
        &self,
        results: &[RevocationResult],
        endpoints: &Endpoints,
        rng: &mut Rng<'_>,
    ) -> Result<Ask<Upload>, Error> {
        if results.is_empty() {
            return Err(ApiMisuse::Service.into());
        }
        let results = results.iter().map(|result| json::Revoked {
            request_context: &result.context,
            succeeded: result.error.is_none(),
            error_code: result.error.as_ref().map_or("None", |(error, _)| error.name()),
            error_message: result.error.as_ref().map(|(_, message)| message.as_str()),
        });
        let body = json::write(&json::Upload { results: results.collect() });
        Ok(Ask::new(self, Upload(()), body, RequestId::generate(rng)?, endpoints))
    }
}

/// `downloadRevocationRequests`.
#[derive(Debug)]
pub struct Download {
    most: u16,
}

impl sealed::Sealed for Download {}

impl Question for Download {
    type Outcome = Downloaded;
    type Answer = Vec<RevocationRequest>;
    const REVOKES: bool = true;
    const PATH: &'static str = "CertificateAuthorityRequests/downloadRevocationRequests";

    fn read(&self, body: &[u8]) -> Result<Self::Answer, Fault> {
        let list: json::Value<Vec<json::Revocation>> = json::read(body)?;
        if list.value.len() > usize::from(self.most) {
            return Err(Fault::Unreadable);
        }
        Ok(list
            .value
            .into_iter()
            .map(|one| RevocationRequest {
                context: one.request_context,
                serial: one.serial_number,
                issuer: one.issuer_name,
                configuration: one.ca_configuration,
            })
            .collect())
    }

    fn conclude(self, id: RequestId, answer: Result<Self::Answer, Fault>) -> Downloaded {
        Downloaded { id, requests: answer }
    }
}

/// What is to be revoked.
#[must_use]
#[derive(Debug)]
pub struct Downloaded {
    /// The GUID of the call.
    pub id: RequestId,
    /// The requests, or why there are none.
    pub requests: Result<Vec<RevocationRequest>, Fault>,
}

impl Downloaded {
    /// What to log.
    pub fn event(&self) -> ConnectorEvent {
        let [success, failure] = [EventId::DownloadSuccess, EventId::DownloadFailure];
        ConnectorEvent::of_call(success, failure, self.id, self.requests.as_ref().err())
    }
}

/// `uploadRevocationResults`.
#[derive(Debug)]
pub struct Upload(());

impl sealed::Sealed for Upload {}

impl Question for Upload {
    type Outcome = Uploaded;
    type Answer = ();
    const REVOKES: bool = true;
    const PATH: &'static str = "CertificateAuthorityRequests/uploadRevocationResults";

    fn read(&self, body: &[u8]) -> Result<(), Fault> {
        let json::Value { value } = json::read::<json::Value<bool>>(body)?;
        // anything but `true` is an error
        if value { Ok(()) } else { Err(Fault::Unreadable) }
    }

    fn conclude(self, id: RequestId, answer: Result<(), Fault>) -> Uploaded {
        Uploaded { id, result: answer }
    }
}

/// Whether the results arrived.
#[must_use]
#[derive(Debug)]
pub struct Uploaded {
    /// The GUID of the call.
    pub id: RequestId,
    /// Where they did not: the service asks for the same certificates again.
    pub result: Result<(), Fault>,
}

impl Uploaded {
    /// What to log.
    pub fn event(&self) -> ConnectorEvent {
        let [success, failure] = [EventId::UploadSuccess, EventId::UploadFailure];
        ConnectorEvent::of_call(success, failure, self.id, self.result.as_ref().err())
    }
}
