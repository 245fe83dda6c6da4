//! One HTTP exchange at a time, on ureq. Any other HTTP library does as well.

use crate::ca::Result;
use scep::transport::{HttpRequest, HttpResponse, Method};
use scep::wire::Limits;
use std::time::Duration;
use ureq::Agent;
use ureq::http::{Request, Response};

/// Longest answer to be read; the library judges what is in it.
const LONGEST: u64 = Limits::DEFAULT.response as u64;

/// An agent that neither follows redirects nor takes an HTTP error for an error of its own: the library looks at both.
pub(crate) fn agent() -> Agent {
    let config = Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .timeout_global(Some(Duration::from_secs(30)))
        // the CA is on this machine
        .proxy(None);
    config.build().into()
}

/// Sends a request and waits for the response.
pub(crate) fn exchange(agent: &Agent, request: &HttpRequest) -> Result<HttpResponse> {
    let made = Request::try_from(request)?;
    let response = match request.method {
        // a GET without a body, which is not the same as one with an empty body
        Method::Get => agent.run(made.map(drop))?,
        _ => agent.run(made)?,
    };
    let (head, mut body) = response.into_parts();
    let body = body.with_config().limit(LONGEST).read_to_vec()?;
    Ok(Response::from_parts(head, body).into())
}
