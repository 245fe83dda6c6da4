//! One call to the service, from the first request to an outcome: look the service up, ask, wait, ask again.

use super::endpoints::Endpoints;
use super::request::{AccessToken, Fault, NoAnswer, RequestId, ServiceRequest};
use super::service::Service;
use crate::transport::HttpResponse;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;
use zeroize::Zeroizing;

const VALIDATION: &str = "ScepRequestValidationFEService";
const REVOCATION: &str = "PkiConnectorFEService";

/// What can be asked: [`Validate`](super::Validate), [`Notify`](super::Notify), [`Report`](super::Report),
/// [`Download`](super::Download) and [`Upload`](super::Upload), and nothing else.
pub trait Question: sealed::Sealed + Sized + fmt::Debug {
    /// What comes out of it.
    type Outcome;
    #[doc(hidden)]
    type Answer;
    /// Whether the revocation service is asked, and not the validation service.
    #[doc(hidden)]
    const REVOKES: bool;
    #[doc(hidden)]
    const PATH: &'static str;
    #[doc(hidden)]
    fn read(&self, body: &[u8]) -> Result<Self::Answer, Fault>;
    #[doc(hidden)]
    fn conclude(self, id: RequestId, answer: Result<Self::Answer, Fault>) -> Self::Outcome;
}

pub(super) mod sealed {
    pub trait Sealed {}
}

/// A call to the service that is under way. Send [`Self::request`], hand what came to [`Self::receive`]; or let [`drive`]
/// do it.
#[must_use = "nobody is answered by a call that is dropped"]
pub struct Ask<Q: Question> {
    service: Service,
    question: Q,
    id: RequestId,
    body: Zeroizing<Vec<u8>>,
    failures: u32,
    pause: Option<Duration>,
    stale_token: bool,
    /// Where the service is; `None`: that is what is asked now.
    base: Option<String>,
}

/// What comes after an answer.
#[must_use]
#[derive(Debug)]
pub enum Asked<Q: Question> {
    /// Another request: the service was looked up, or did not answer and is asked again.
    Again(Ask<Q>),
    /// The outcome.
    Done(Q::Outcome),
}

impl<Q: Question> Ask<Q> {
    const SERVICE: &'static str = if Q::REVOKES { REVOCATION } else { VALIDATION };

    pub(super) fn new(
        service: &Service,
        question: Q,
        body: Zeroizing<Vec<u8>>,
        id: RequestId,
        endpoints: &Endpoints,
    ) -> Self {
        let base = endpoints.get(Self::SERVICE).map(String::from);
        Self {
            service: service.clone(),
            question,
            id,
            body,
            failures: 0,
            pause: None,
            stale_token: false,
            base,
        }
    }

    /// What is asked.
    pub fn question(&self) -> &Q {
        &self.question
    }

    /// The GUID of this call.
    pub fn request_id(&self) -> RequestId {
        self.id
    }

    /// How long to wait before the next request goes out; zero for the first one.
    pub fn pause(&self) -> Duration {
        self.pause.unwrap_or_default()
    }

    /// The scope that the next request's token has to be for: the directory's or the service's.
    pub fn scope(&self) -> &str {
        let settings = self.service.settings();
        if self.base.is_some() { &settings.service_scope } else { &settings.directory_scope }
    }

    /// Whether the last token was refused (HTTP 401): one that was kept is of no more use.
    pub fn wants_new_token(&self) -> bool {
        self.stale_token
    }

    /// The next request.
    pub fn request(&self, token: &AccessToken) -> ServiceRequest {
        let settings = self.service.settings();
        let timeout = settings.patience.timeout;
        match &self.base {
            None => ServiceRequest::new(settings.directory.clone(), token, self.id, timeout),
            Some(base) => {
                let version =
                    if Q::REVOKES { &settings.revocation_version } else { &settings.validation_version };
                let url = format!("{base}/{}", Q::PATH);
                ServiceRequest::new(url, token, self.id, timeout).posting(version, &self.body)
            }
        }
    }

    /// Takes the response, or that there is none. Every failure empties `endpoints`, so that the service is looked up
    /// before it is asked again.
    pub fn receive(
        mut self,
        response: Result<HttpResponse, NoAnswer>,
        endpoints: &mut Endpoints,
    ) -> Asked<Q> {
        let retry_after = response.as_ref().ok().and_then(|response| response.retry_after);
        let fault = match self.take(response, endpoints) {
            Ok(Some(answer)) => return Asked::Done(self.question.conclude(self.id, Ok(answer))),
            Ok(None) => return Asked::Again(self),
            Err(fault) => fault,
        };
        endpoints.clear();
        self.base = None;
        self.failures = self.failures.saturating_add(1);
        let patience = self.service.settings().patience;
        if !fault.may_pass() || self.failures >= patience.attempts {
            return Asked::Done(self.question.conclude(self.id, Err(fault)));
        }
        self.stale_token = fault == Fault::Status(401);
        self.pause = Some(patience.after(self.failures, retry_after));
        Asked::Again(self)
    }

    /// The answer; `None` when it was the directory's.
    fn take(
        &mut self,
        response: Result<HttpResponse, NoAnswer>,
        endpoints: &mut Endpoints,
    ) -> Result<Option<Q::Answer>, Fault> {
        let response = response.map_err(Fault::NoAnswer)?;
        // a redirect is none of success either: a token does not follow it
        if !(200..300).contains(&response.status) {
            return Err(Fault::Status(response.status));
        }
        let body = Zeroizing::new(response.body);
        if self.base.is_some() {
            return self.question.read(&body).map(Some);
        }
        endpoints.fill(&body)?;
        let base = endpoints.get(Self::SERVICE).ok_or(Fault::NotFound)?;
        self.base = Some(base.into());
        self.pause = None;
        Ok(None)
    }
}

impl<Q: Question> fmt::Debug for Ask<Q> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ask")
            .field("question", &self.question)
            .field("id", &self.id)
            .field("failures", &self.failures)
            .finish_non_exhaustive()
    }
}

/// The caller's HTTP client, tokens and clock, for [`drive`].
pub trait ServiceTransport {
    /// A token for this scope; `fresh` says that the one given before was refused.
    fn token(&mut self, scope: &str, fresh: bool) -> Result<AccessToken, NoAnswer>;

    /// Sends a request, without following redirects, and reads the response, 1 MiB of it at most.
    fn exchange(&mut self, request: &ServiceRequest) -> Result<HttpResponse, NoAnswer>;

    /// Waits.
    fn pause(&mut self, time: Duration);
}

/// Takes a call to its outcome, for callers that may block. There is no rule in here.
pub fn drive<Q: Question>(
    mut ask: Ask<Q>,
    transport: &mut impl ServiceTransport,
    endpoints: &mut Endpoints,
) -> Q::Outcome {
    loop {
        if !ask.pause().is_zero() {
            transport.pause(ask.pause());
        }
        let token = transport.token(ask.scope(), ask.wants_new_token());
        let response = token.and_then(|token| transport.exchange(&ask.request(&token)));
        ask = match ask.receive(response, endpoints) {
            Asked::Again(ask) => ask,
            Asked::Done(outcome) => return outcome,
        };
    }
}
