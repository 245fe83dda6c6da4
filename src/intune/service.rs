//! Which service, under what name, and how patiently.

use super::endpoints::is_url;
use crate::crypto::DigestAlgorithm;
use crate::error::{ApiMisuse, Error};
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use core::fmt;
use core::time::Duration;

/// The service as this program reaches it: names, versions, and how often to try. Cheap to clone; it holds no secret.
///
/// ```
/// use scep::crypto::rustcrypto::SHA1;
/// use scep::intune::{Endpoints, Patience, Service};
/// use std::time::Duration;
///
/// # fn main() -> Result<(), scep::Error> {
/// let service = Service::new("Example CA 1.0", &SHA1)?
///     .patience(Patience { attempts: 2, timeout: Duration::from_secs(10), ..Patience::default() });
/// // where the service is gets looked up when it is needed, and again after every failure
/// let endpoints = Endpoints::default();
/// # let _ = (service, endpoints);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Service(Arc<Settings>);

#[derive(Clone)]
pub(super) struct Settings {
    pub(super) caller_info: String,
    pub(super) thumbprint: &'static dyn DigestAlgorithm,
    pub(super) directory: String,
    pub(super) directory_scope: String,
    pub(super) service_scope: String,
    pub(super) validation_version: String,
    pub(super) revocation_version: String,
    pub(super) patience: Patience,
}

/// How often to try, and how long to wait. After that the answer is "undecided".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// How often one call is made, each time with the look-up of the service where that is not known; at least once.
    pub attempts: u32,
    /// How long each single HTTP exchange may take.
    pub timeout: Duration,
    /// The pause before the second attempt; it doubles with each one.
    pub pause: Duration,
    /// The longest pause, also when the service asks for a longer one by `Retry-After`: a device waits for the answer.
    pub longest_pause: Duration,
}

impl Default for Patience {
    /// Three attempts of ten seconds, one and two seconds apart.
    fn default() -> Self {
        Self {
            attempts: 3,
            timeout: Duration::from_secs(10),
            pause: Duration::from_secs(1),
            longest_pause: Duration::from_secs(5),
        }
    }
}

impl Patience {
    /// How long one call may take in all, pauses and look-ups included. Devices give up after some time, half a minute or
    /// a minute; what takes longer than that was in vain. Validation and notification are two calls.
    pub fn longest(&self) -> Duration {
        let attempts = self.attempts.max(1);
        let exchanges = self.timeout.saturating_mul(attempts.saturating_mul(2));
        exchanges.saturating_add(self.longest_pause.saturating_mul(attempts.saturating_sub(1)))
    }

    /// The pause after so many failures, at least one.
    pub(super) fn after(&self, failures: u32, asked_for: Option<u32>) -> Duration {
        let doubled = 1_u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX);
        let own = self.pause.saturating_mul(doubled);
        let theirs = Duration::from_secs(asked_for.unwrap_or_default().into());
        own.max(theirs).min(self.longest_pause)
    }
}

/// Longest text of a setting, bytes.
const MAX_TEXT: usize = 255;

impl Service {
    /// The public cloud. `caller_info` is the name and version of the CA, for the logs of both sides: 1 to 255 printable
    /// ASCII characters. `thumbprint` has to be SHA-1: certificates are reported by it, and nothing is secured by it.
    ///
    /// [`ApiMisuse::Service`] when either is not that.
    pub fn new(
        caller_info: impl Into<String>,
        thumbprint: &'static dyn DigestAlgorithm,
    ) -> Result<Self, Error> {
        let caller_info = caller_info.into();
        let sha1 = thumbprint.id() == crate::crypto::Digest::Sha1;
        if !is_text(&caller_info) || !sha1 {
            return Err(ApiMisuse::Service.into());
        }
        Ok(Self(Arc::new(Settings {
            caller_info,
            thumbprint,
            directory: directory("https://graph.microsoft.com", "v1.0", INTUNE_APP),
            directory_scope: "https://graph.microsoft.com/.default".into(),
            // two slashes: the resource ends in one, and the scope is what follows
            service_scope: "https://api.manage.microsoft.com//.default".into(),
            validation_version: "2018-02-20".into(),
            revocation_version: "5019-05-05".into(),
            patience: Patience::default(),
        })))
    }

    /// Another directory than `https://graph.microsoft.com`, version `v1.0`, or another application in it than the
    /// service's, as national clouds have: `resource` without a slash at its end, `application` a GUID. The scope of its
    /// tokens becomes `resource` and `/.default`.
    pub fn directory(self, resource: &str, version: &str, application: &str) -> Result<Self, Error> {
        let url = directory(resource, version, application);
        if !is_url(&url) {
            return Err(ApiMisuse::Service.into());
        }
        Ok(self.change(|settings| {
            settings.directory = url;
            settings.directory_scope = format!("{resource}/.default");
        }))
    }

    /// The scope that tokens for the service itself are asked for; `https://api.manage.microsoft.com//.default` unless
    /// this says otherwise.
    pub fn scope(self, scope: &str) -> Result<Self, Error> {
        if !is_text(scope) {
            return Err(ApiMisuse::Service.into());
        }
        Ok(self.change(|settings| settings.service_scope = scope.into()))
    }

    /// The `api-version` of the validation service and of the revocation service, in place of `2018-02-20` and
    /// `5019-05-05`.
    pub fn versions(self, validation: &str, revocation: &str) -> Result<Self, Error> {
        if !is_text(validation) || !is_text(revocation) {
            return Err(ApiMisuse::Service.into());
        }
        Ok(self.change(|settings| {
            settings.validation_version = validation.into();
            settings.revocation_version = revocation.into();
        }))
    }

    /// How often to try.
    #[must_use]
    pub fn patience(self, patience: Patience) -> Self {
        self.change(|settings| settings.patience = patience)
    }

    fn change(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(Arc::make_mut(&mut self.0));
        self
    }

    pub(super) fn settings(&self) -> &Settings {
        &self.0
    }
}

const INTUNE_APP: &str = "0000000a-0000-0000-c000-000000000000";

fn directory(resource: &str, version: &str, application: &str) -> String {
    format!("{resource}/{version}/servicePrincipals/appId={application}/endpoints")
}

/// Whether it may stand in a header.
fn is_text(text: &str) -> bool {
    let printable = |byte: u8| byte.is_ascii_graphic() || byte == b' ';
    !text.trim_ascii().is_empty() && text.len() <= MAX_TEXT && text.bytes().all(printable)
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service")
            .field("caller_info", &self.0.caller_info)
            .field("directory", &self.0.directory)
            .field("patience", &self.0.patience)
            .finish_non_exhaustive()
    }
}
