//! The way in: from an HTTP request to the first step.

use super::config::ServerConfig;
use super::exchange::Exchange;
use super::outcome::Summary;
use super::request;
use super::session::Session;
use crate::crypto::Rng;
use crate::error::Error;
use crate::transport::{self, Call, HttpRequest, HttpResponse, Operation};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use rustls_pki_types::UnixTime;

/// One endpoint. It is `Send` and `Sync` and answers any number of requests at the same time; it keeps nothing of
/// them.
pub struct Responder {
    config: Arc<ServerConfig>,
    capabilities: Vec<u8>,
    ca_certificates: HttpResponse,
    next_ca: HttpResponse,
}

impl Responder {
    /// Checks the configuration and prepares the answers that never change.
    ///
    /// Refuses a certificate whose keyUsage lacks the bit that its role needs
    /// ([`ApiMisuse::Identity`](crate::error::ApiMisuse::Identity), RFC 8894 section 2.1.2), keys of a kind or size
    /// that cannot work, and a [`NextCa`](super::NextCa) signed by anybody but an identity or the CA
    /// ([`ApiMisuse::Certificate`](crate::error::ApiMisuse::Certificate)).
    pub fn new(config: ServerConfig) -> Result<Self, Error> {
        config.check()?;
        let capabilities = config.capabilities().to_text().into_bytes();
        let (body, single) = config.ca_certificates();
        let media_type = if single { transport::X509_CA_CERT } else { transport::X509_CA_RA_CERT };
        let ca_certificates = HttpResponse::ok(media_type, body);
        // without one: an HTTP error, and no capability (R-4.7.1-5)
        let next_ca = config.next_ca.as_ref().map_or(HttpResponse::error(404), |next| {
            HttpResponse::ok(transport::X509_NEXT_CA_CERT, next.as_bytes().to_vec())
        });
        Ok(Self { config: Arc::new(config), capabilities, ca_certificates, next_ca })
    }

    /// Takes a request. `now` is the time for replies and transactions.
    ///
    /// There is no error: bad input becomes a reply, HTTP 4xx where no CertRep can be addressed and a signed FAILURE
    /// otherwise.
    pub fn accept(&self, request: HttpRequest, now: UnixTime, rng: &mut Rng<'_>) -> Exchange {
        let limits = &self.config.limits;
        // a target that is too long is not read
        let within = request.target.len() <= limits.url;
        let allow = within.then(|| transport::allowed_methods(&request.target));
        match transport::parse_request(request, limits.url, limits.message) {
            Ok(call) => self.route(call, now, rng),
            Err(error) => {
                let mut reply = HttpResponse::error(error.http_status());
                reply.allow = allow.filter(|_| reply.status == 405);
                Exchange::answered(reply, Some(error), Summary::default())
            }
        }
    }

    fn route(&self, call: Call, now: UnixTime, rng: &mut Rng<'_>) -> Exchange {
        let summary = Summary { operation: Some(call.operation), ..Summary::default() };
        match call.operation {
            Operation::GetCaCaps => {
                let reply = HttpResponse::ok(transport::TEXT_PLAIN, self.capabilities.clone());
                Exchange::answered(reply, None, summary)
            }
            Operation::GetCaCert => Exchange::answered(self.ca_certificates.clone(), None, summary),
            Operation::GetNextCaCert => Exchange::answered(self.next_ca.clone(), None, summary),
            Operation::PkiOperation => {
                request::accept(Session::new(Arc::clone(&self.config), now, summary), call.message, rng)
            }
        }
    }
}

impl fmt::Debug for Responder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Responder").field("config", &self.config).finish_non_exhaustive()
    }
}
