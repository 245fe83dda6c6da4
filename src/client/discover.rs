//! GetCACaps and GetCACert (RFC 8894 sections 3.5 and 4.2). Nothing in the answers is authenticated.

use super::ca::owned;
use super::config::ClientConfig;
use super::enrol::Draft;
use super::step::{Done, Stage, Step, Transmit};
use crate::error::Error;
use crate::transport::{self, HttpResponse, Operation, ScepUrl};
use crate::wire::capabilities::Capabilities;
use crate::wire::certs_only;
use crate::wire::normalize::normalize;
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use rustls_pki_types::CertificateDer;

/// Where to, and what for.
pub(super) struct Plan {
    pub(super) config: Arc<ClientConfig>,
    pub(super) url: ScepUrl,
    pub(super) goal: Goal,
}

impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Plan({})", self.url)
    }
}

pub(super) enum Goal {
    Capabilities,
    Ca,
    Enrol(Box<Draft>),
}

pub(super) fn start(config: Arc<ClientConfig>, url: ScepUrl, goal: Goal) -> Step {
    let request = transport::get(&url, Operation::GetCaCaps, config.ca_identifier.as_deref());
    let plan = Box::new(Plan { config, url, goal });
    Step::Transmit(Transmit { request, stage: Stage::Capabilities(plan) })
}

/// Reads the capabilities. An HTTP error or an empty text means that none are listed (R-3.5.2-10), and then the client
/// goes on as if `SCEPStandard` were there: whoever strips the list gains nothing (R-7.5-1, T28).
pub(super) fn capabilities(plan: Box<Plan>, response: &HttpResponse) -> Result<Step, (Error, Box<Plan>)> {
    let limits = &plan.config.limits;
    let enrolling = !matches!(plan.goal, Goal::Capabilities);
    let read = transport::check_response(response, Operation::GetCaCaps, limits.capabilities)
        .and_then(|()| Capabilities::parse(&response.body, limits));
    let read = match read {
        // who asks for nothing else wants to know; an enrolment goes on
        Err(Error::UnexpectedStatus(status)) if enrolling && !matches!(status, 408 | 429 | 503) => {
            Ok(Capabilities::new())
        }
        // too long to be read: nobody signed it, and it decides nothing
        Err(Error::TooLarge(_)) if enrolling => Ok(Capabilities::new()),
        other => other,
    };
    match read {
        Err(error) => Err((error, plan)),
        Ok(list) if !enrolling => Ok(Step::Done(Done::Capabilities(list))),
        Ok(list) => {
            if let Err(error) = plan.config.check_capabilities(list) {
                return Err((error, plan));
            }
            let identifier = plan.config.ca_identifier.as_deref();
            let request = transport::get(&plan.url, Operation::GetCaCert, identifier);
            Ok(Step::Transmit(Transmit { request, stage: Stage::CaCertificates(plan, list) }))
        }
    }
}

/// Reads the CA's certificates, in the order they came.
pub(super) fn ca_certificates(
    plan: &Plan,
    response: &HttpResponse,
) -> Result<Vec<CertificateDer<'static>>, Error> {
    let limits = &plan.config.limits;
    transport::check_response(response, Operation::GetCaCert, limits.response)?;
    let body = normalize(&response.body, limits)?;
    Ok(owned(certs_only::ca_certificates(&body, limits)?.into_iter()))
}
