//! The bodies of the service's calls and answers. What is not named here is not looked at; a name that comes twice is an
//! error, so that no two readers see two answers.

use super::request::Fault;
use alloc::string::String;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// Longest answer that is read, bytes.
const MAX_ANSWER: usize = 1 << 20;

/// Nothing here has keys that are no strings or values that cannot be written, so there is always a body.
pub(super) fn write(value: &impl Serialize) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(serde_json::to_vec(value).unwrap_or_default())
}

pub(super) fn read<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Fault> {
    if body.len() > MAX_ANSWER {
        return Err(Fault::Unreadable);
    }
    serde_json::from_slice(body).map_err(|_| Fault::Unreadable)
}

#[derive(Serialize)]
pub(super) struct Request<T> {
    pub(super) request: T,
}

#[derive(Serialize)]
pub(super) struct Notification<T> {
    pub(super) notification: T,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Validation<'a> {
    pub(super) transaction_id: &'a str,
    pub(super) certificate_request: &'a str,
    pub(super) caller_info: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Success<'a> {
    pub(super) transaction_id: &'a str,
    pub(super) certificate_request: &'a str,
    pub(super) certificate_thumbprint: &'a str,
    pub(super) certificate_serial_number: &'a str,
    pub(super) certificate_expiration_date_utc: &'a str,
    pub(super) issuing_certificate_authority: &'a str,
    pub(super) caller_info: &'a str,
    pub(super) ca_configuration: &'a str,
    pub(super) certificate_authority: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Failure<'a> {
    pub(super) transaction_id: &'a str,
    pub(super) certificate_request: &'a str,
    pub(super) h_result: i64,
    pub(super) error_description: &'a str,
    pub(super) caller_info: &'a str,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Verdict {
    pub(super) code: String,
    pub(super) error_description: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Value<T> {
    pub(super) value: T,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Place {
    pub(super) provider_name: Option<String>,
    /// What the older directory calls it.
    pub(super) service_name: Option<String>,
    pub(super) uri: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Download<'a> {
    pub(super) download_parameters: DownloadParameters<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DownloadParameters<'a> {
    pub(super) max_requests: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) issuer_name: Option<&'a str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Revocation {
    pub(super) request_context: String,
    pub(super) serial_number: String,
    pub(super) issuer_name: Option<String>,
    pub(super) ca_configuration: Option<String>,
}

#[derive(Serialize)]
pub(super) struct Upload<'a> {
    pub(super) results: Vec<Revoked<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Revoked<'a> {
    pub(super) request_context: &'a str,
    pub(super) succeeded: bool,
    pub(super) error_code: &'a str,
    pub(super) error_message: Option<&'a str>,
}
