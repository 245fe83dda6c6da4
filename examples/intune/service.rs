//! A stand-in for the Intune service: written from what is known of the real one, it parses JSON by itself and looks at
//! every header. It makes signed challenges that expire, checks requests against their profile, hears what was issued,
//! wants certificates revoked, and fails in every way that it is told to.

use scep::crypto::rustcrypto::PROVIDER;
use scep::intune::{AccessToken, NoAnswer, ServiceRequest, ServiceTransport};
use scep::transport::{HttpResponse, Method, base64_decode, base64_encode};
use scep::wire::{
    CertificationRequest, Extensions, GeneralName, KeyUsage, Limits, Oid, extended_key_usage,
    subject_alt_names,
};
use serde_json::{Value, json};
use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write as _;
use std::time::Duration;

const DIRECTORY: &str =
    "https://graph.microsoft.com/v1.0/servicePrincipals/appId=0000000a-0000-0000-c000-000000000000/endpoints";
const GRAPH_SCOPE: &str = "https://graph.microsoft.com/.default";
const SCOPE: &str = "https://api.manage.microsoft.com//.default";
const VALIDATION: &str = "https://fef.example/RACerts/StatelessScepValidationService";
const REVOCATION: &str = "https://fef.example/RACerts/StatelessPkiConnectorService";

/// What the administrator configured for a device.
#[derive(Clone, Debug)]
pub(crate) struct Profile {
    pub(crate) device: String,
    /// As this library shows names.
    pub(crate) subject: String,
    pub(crate) alt_names: Vec<String>,
    pub(crate) key_usage: KeyUsage,
    pub(crate) purposes: Vec<String>,
    pub(crate) key_bits: usize,
}

/// What goes wrong with the next request that has this in its path.
#[derive(Clone, Debug)]
pub(crate) enum Trouble {
    /// It says this, whatever was asked.
    Says(String),
    Status(u16),
    /// With `Retry-After`.
    Busy(u32),
    /// Status 200 and this body.
    Body(&'static str),
    Unreachable,
    /// It takes so long, and then it answers as ever.
    Slow(Duration),
    NoToken,
}

/// What the console shows of an enrolment.
#[derive(Clone, Debug)]
pub(crate) struct Reported {
    pub(crate) transaction: String,
    pub(crate) thumbprint: String,
    pub(crate) serial: String,
    pub(crate) expires: String,
    pub(crate) issuer: String,
}

/// A call that was made: path and `client-request-id`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) path: String,
    pub(crate) id: String,
}

pub(crate) struct MockService {
    /// Seconds since 1970.
    pub(crate) now: u64,
    secret: [u8; 32],
    /// By device.
    pub(crate) targets: BTreeMap<String, Profile>,
    pub(crate) troubles: VecDeque<(&'static str, Trouble)>,
    pub(crate) calls: Vec<Call>,
    pub(crate) pauses: Vec<Duration>,
    /// Scope, and whether a fresh one was wanted.
    pub(crate) tokens: Vec<(String, bool)>,
    validated: Vec<(String, String)>,
    pub(crate) issued: Vec<Reported>,
    /// HRESULT and description.
    pub(crate) failures: Vec<(i64, String)>,
    /// Serial numbers by context.
    pub(crate) to_revoke: BTreeMap<String, String>,
    /// Context, success, error code.
    pub(crate) revoked: Vec<(String, bool, String)>,
}

type Check<T> = Result<T, &'static str>;

impl MockService {
    pub(crate) fn new(now: u64) -> Self {
        Self {
            now,
            secret: *b"known to the service and to none",
            targets: BTreeMap::new(),
            troubles: VecDeque::new(),
            calls: Vec::new(),
            pauses: Vec::new(),
            tokens: Vec::new(),
            validated: Vec::new(),
            issued: Vec::new(),
            failures: Vec::new(),
            to_revoke: BTreeMap::new(),
            revoked: Vec::new(),
        }
    }

    /// Another tenant has another secret.
    pub(crate) fn set_secret(&mut self, secret: [u8; 32]) {
        self.secret = secret;
    }

    fn seal(&self, payload: &[u8]) -> String {
        // twice, so that nobody can append to what is hashed
        let hash = |parts: &[&[u8]]| PROVIDER.sha256(parts).unwrap_or_default();
        hash(&[&self.secret, &hash(&[&self.secret, payload])]).iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
    }

    /// A challenge for a device, good for `seconds` from now.
    pub(crate) fn challenge(&mut self, profile: &Profile, seconds: u64) -> String {
        self.targets.insert(profile.device.clone(), profile.clone());
        let payload = json!({
            "device": profile.device,
            "subject": profile.subject,
            "issued": self.now,
            "expires": self.now + seconds,
        });
        let payload = payload.to_string();
        format!("{}.{}", base64_encode(payload.as_bytes()), self.seal(payload.as_bytes()))
    }

    /// The next request that has this in its path meets this.
    pub(crate) fn trouble(&mut self, path: &'static str, trouble: Trouble) {
        self.troubles.push_back((path, trouble));
    }

    fn answer(&mut self, request: &ServiceRequest) -> HttpResponse {
        let id = request.header("client-request-id").unwrap_or_default();
        let lengths: Vec<usize> = id.split('-').map(str::len).collect();
        let hexadecimal = id.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit());
        if lengths != [8, 4, 4, 4, 12] || !hexadecimal {
            return HttpResponse::error(400);
        }
        let bearer = request.header("authorization").and_then(|value| value.strip_prefix("Bearer "));
        if request.method == Method::Get {
            let right =
                request.url == DIRECTORY && bearer == Some(&token(GRAPH_SCOPE)) && request.body.is_empty();
            return if right { respond(&directory()) } else { HttpResponse::error(401) };
        }
        if bearer != Some(&token(SCOPE)) {
            return HttpResponse::error(401);
        }
        let media_type = request.header("content-type").unwrap_or_default();
        if !media_type.to_ascii_lowercase().replace(' ', "").eq("application/json;charset=utf-8") {
            return HttpResponse::error(415);
        }
        let Ok(body) = serde_json::from_slice::<Value>(&request.body) else {
            return HttpResponse::error(400);
        };
        let version = request.header("api-version");
        let path = |base: &str| request.url.strip_prefix(base).and_then(|path| path.strip_prefix('/'));
        let answer = match (path(VALIDATION), path(REVOCATION), version) {
            (Some("ScepActions/validateRequest"), _, Some("2018-02-20")) => self.validate(&body["request"]),
            (Some("ScepActions/successNotification"), _, Some("2018-02-20")) => {
                self.success(&body["notification"])
            }
            (Some("ScepActions/failureNotification"), _, Some("2018-02-20")) => {
                self.failure(&body["notification"])
            }
            (_, Some("CertificateAuthorityRequests/downloadRevocationRequests"), Some("5019-05-05")) => {
                self.download(&body["downloadParameters"])
            }
            (_, Some("CertificateAuthorityRequests/uploadRevocationResults"), Some("5019-05-05")) => {
                self.upload(&body["results"])
            }
            _ => None,
        };
        answer.map_or(HttpResponse::error(400), |answer| respond(&answer))
    }

    /// `None`: the body is not what it has to be.
    fn validate(&mut self, request: &Value) -> Option<Value> {
        let transaction = text(request, "transactionId")?;
        let csr = text(request, "certificateRequest")?;
        text(request, "callerInfo")?;
        let code = match self.check(&csr) {
            Ok(()) => {
                self.validated.push((transaction, csr));
                "Success"
            }
            Err(code) => code,
        };
        Some(json!({ "code": code, "errorDescription": "" }))
    }

    fn check(&self, csr: &str) -> Check<()> {
        let der = base64_decode(csr.as_bytes()).map_err(|_| "CertificateRequestDecodingFailed")?;
        let csr = CertificationRequest::parse(&der, &Limits::DEFAULT)
            .map_err(|_| "CertificateRequestDecodingFailed")?;
        let password = csr.challenge_password().map_err(|_| "CertificateRequestDecodingFailed")?;
        let password = password.ok_or("ChallengePasswordMissing")?;
        let (payload, code) = password.split_once('.').ok_or("ChallengeDecodingError")?;
        let payload = base64_decode(payload.as_bytes()).map_err(|_| "ChallengeDecodingError")?;
        if self.seal(&payload) != code {
            return Err("SignatureValidationFailed");
        }
        let payload: Value = serde_json::from_slice(&payload).map_err(|_| "ChallengeDeserializationError")?;
        let number = |name: &str| payload[name].as_u64().ok_or("ChallengeDeserializationError");
        if number("issued")? > self.now {
            return Err("ChallengeInvalidTimestamp");
        }
        if number("expires")? <= self.now {
            return Err("ChallengeExpired");
        }
        let device = payload["device"].as_str().ok_or("BadDeviceIdInChallenge")?;
        let profile = self.targets.get(device).ok_or("ScepProfileNoLongerTargetedToTheClient")?;
        let subject = csr.subject();
        if subject.is_empty() {
            return Err("SubjectNameMissing");
        }
        if subject.to_string() != profile.subject {
            return Err("SubjectNameMismatch");
        }
        let extensions =
            csr.extension_request(&Limits::DEFAULT).map_err(|_| "CertificateRequestDecodingFailed")?;
        check_alt_names(extensions, profile)?;
        let value = |oid| extensions.and_then(|list: Extensions<'_>| list.get(oid)).map(|found| found.value);
        let usage = value(Oid::KEY_USAGE).and_then(|value| KeyUsage::from_extension(value).ok());
        if usage != Some(profile.key_usage) {
            return Err("KeyUsageMismatch");
        }
        if csr.public_key().rsa().is_ok_and(|key| key.bits() != profile.key_bits) {
            return Err("KeyLengthMismatch");
        }
        let purposes = value(Oid::EXTENDED_KEY_USAGE).ok_or("EnhancedKeyUsageMissing")?;
        let purposes = extended_key_usage(purposes).map_err(|_| "EnhancedKeyUsageMismatch")?;
        let purposes: Vec<String> = purposes.iter().map(ToString::to_string).collect();
        if purposes != profile.purposes { Err("EnhancedKeyUsageMismatch") } else { Ok(()) }
    }

    fn success(&mut self, notification: &Value) -> Option<Value> {
        let reported = Reported {
            transaction: text(notification, "transactionId")?,
            thumbprint: text(notification, "certificateThumbprint")?,
            serial: text(notification, "certificateSerialNumber")?,
            expires: text(notification, "certificateExpirationDateUtc")?,
            issuer: text(notification, "issuingCertificateAuthority")?,
        };
        let csr = text(notification, "certificateRequest")?;
        text(notification, "callerInfo")?;
        notification["caConfiguration"].as_str()?;
        notification["certificateAuthority"].as_str()?;
        let hexadecimal = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let date = reported.expires.as_bytes();
        let dated = date.len() == 20 && date[10] == b'T' && date[19] == b'Z';
        let whole = reported.thumbprint.len() == 40 && hexadecimal(&reported.thumbprint);
        if !dated || !whole || !hexadecimal(&reported.serial) {
            return None;
        }
        if !self.validated.contains(&(reported.transaction.clone(), csr)) {
            return Some(json!({ "code": "BadCertificateRequestIdInChallenge", "errorDescription": "" }));
        }
        self.issued.push(reported);
        Some(json!({ "code": "Success", "errorDescription": "" }))
    }

    fn failure(&mut self, notification: &Value) -> Option<Value> {
        text(notification, "transactionId")?;
        text(notification, "certificateRequest")?;
        text(notification, "callerInfo")?;
        let description = text(notification, "errorDescription")?;
        if description.chars().count() > 255 {
            return None;
        }
        self.failures.push((notification["hResult"].as_i64()?, description));
        Some(json!({ "code": "Success", "errorDescription": "" }))
    }

    fn download(&self, parameters: &Value) -> Option<Value> {
        let most = parameters["maxRequests"].as_u64().filter(|most| (1..=500).contains(most))?;
        let list = self.to_revoke.iter().take(usize::try_from(most).ok()?);
        let list = list.map(|(context, serial)| {
            json!({
                "requestContext": context,
                "serialNumber": serial,
                "issuerName": parameters["issuerName"],
                "caConfiguration": Value::Null,
            })
        });
        let list: Vec<Value> = list.collect();
        Some(json!({ "@odata.context": "https://fef.example/$metadata", "value": list }))
    }

    fn upload(&mut self, results: &Value) -> Option<Value> {
        let results = results.as_array().filter(|results| !results.is_empty())?;
        let mut read = Vec::new();
        for result in results {
            let context = text(result, "requestContext")?;
            let succeeded = result["succeeded"].as_bool()?;
            let code = text(result, "errorCode")?;
            let message = result["errorMessage"].as_str().unwrap_or_default();
            if succeeded && (code != "None" || !message.is_empty()) {
                return None;
            }
            read.push((context, succeeded, code));
        }
        for (context, ..) in &read {
            self.to_revoke.remove(context);
        }
        self.revoked.extend(read);
        Some(json!({ "value": true }))
    }
}

fn check_alt_names(extensions: Option<Extensions<'_>>, profile: &Profile) -> Check<()> {
    let found = extensions.and_then(|list| list.get(Oid::SUBJECT_ALT_NAME));
    let names = match found {
        None if profile.alt_names.is_empty() => return Ok(()),
        None => return Err("SubjectAltNameMissing"),
        Some(found) => subject_alt_names(found.value, &Limits::DEFAULT),
    };
    let names = names.map_err(|_| "SubjectAltNameMismatch")?;
    let mut names: Vec<String> = names
        .iter()
        .map(|name| match name {
            GeneralName::Dns(text) | GeneralName::Email(text) | GeneralName::Uri(text) => (*text).to_string(),
            other => format!("{other:?}"),
        })
        .collect();
    names.sort();
    if names != profile.alt_names { Err("SubjectAltNameMismatch") } else { Ok(()) }
}

/// A text that is not empty.
fn text(object: &Value, name: &str) -> Option<String> {
    object[name].as_str().filter(|text| !text.trim().is_empty()).map(ToString::to_string)
}

fn token(scope: &str) -> String {
    let name: String = scope.chars().filter(char::is_ascii_alphanumeric).collect();
    format!("token.{name}")
}

fn respond(body: &Value) -> HttpResponse {
    HttpResponse::new(200, Some("application/json"), body.to_string().into_bytes())
}

fn directory() -> Value {
    json!({
        "@odata.context": "https://graph.microsoft.com/v1.0/$metadata#servicePrincipals",
        "value": [
            { "providerName": "Somebody", "uri": "https://else.example/" },
            // the letter case differs from tenant to tenant
            { "providerName": "scepRequestValidationFEService", "uri": VALIDATION },
            { "serviceName": "PkiConnectorFEService", "uri": format!("{REVOCATION}/") },
        ],
    })
}

impl ServiceTransport for MockService {
    fn token(&mut self, scope: &str, fresh: bool) -> Result<AccessToken, NoAnswer> {
        self.tokens.push((scope.to_string(), fresh));
        if let Some((_, Trouble::NoToken)) = self.troubles.front() {
            self.troubles.pop_front();
            return Err(NoAnswer::NoToken);
        }
        AccessToken::new(token(scope)).map_err(|_| NoAnswer::NoToken)
    }

    fn exchange(&mut self, request: &ServiceRequest) -> Result<HttpResponse, NoAnswer> {
        let id = request.header("client-request-id").unwrap_or_default().to_string();
        let path = request.url.rsplit('/').next().unwrap_or_default().to_string();
        self.calls.push(Call { path, id });
        let meets = |(part, _): &(&str, Trouble)| request.url.contains(part);
        let trouble = self.troubles.front().filter(|trouble| meets(trouble)).cloned();
        if trouble.is_some() {
            self.troubles.pop_front();
        }
        match trouble.map(|(_, trouble)| trouble) {
            None => Ok(self.answer(request)),
            Some(Trouble::Says(code)) => Ok(respond(&json!({ "code": code, "errorDescription": "as told" }))),
            Some(Trouble::Status(status)) => Ok(HttpResponse::error(status)),
            Some(Trouble::Busy(seconds)) => {
                Ok(HttpResponse::error(503).with_retry_after(&seconds.to_string()))
            }
            Some(Trouble::Body(body)) => Ok(HttpResponse::new(200, None, body.as_bytes().to_vec())),
            Some(Trouble::Unreachable) => Err(NoAnswer::Unreachable),
            Some(Trouble::NoToken) => Err(NoAnswer::NoToken),
            Some(Trouble::Slow(time)) => {
                self.now += time.min(request.timeout).as_secs();
                // it is too late for the answer, not for what it says
                let answer = self.answer(request);
                if time > request.timeout { Err(NoAnswer::TimedOut) } else { Ok(answer) }
            }
        }
    }

    fn pause(&mut self, time: Duration) {
        self.pauses.push(time);
        self.now += time.as_secs();
    }
}
