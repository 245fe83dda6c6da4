//! URLs, media types and statuses.

use super::Waiting;
use crate::requests::{Csr, challenge, pkcs_req, with_csr};
use crate::server_kit::{Server, deny, hold};
use crate::support::*;
use scep::client::{Step, Transport};
use scep::error::Error;
use scep::transport::{HttpRequest, HttpResponse, PKI_MESSAGE, base64_encode, percent_encode};
use std::convert::Infallible;

// quirk 12, P14: certmonger and iOS read a refusal under status 200 and the exact media type only, also by GET
#[test]
fn refused_and_held_requests_are_answered_with_200_by_get_and_by_post() {
    let wrong = with_csr(|csr: &mut Csr| csr.attributes = Some(vec![challenge(0x13, b"wrong")]));
    let right = pkcs_req();
    let cases = [
        (Server::new(), &wrong, "2"),
        (Server::new().policy(deny), &right, "2"),
        (Server::new().policy(hold), &right, "3"),
    ];
    for (server, message, status) in cases {
        let text = percent_encode(base64_encode(&message.encode()).as_bytes());
        let target = format!("/scep?operation=PKIOperation&message={text}");
        let answers = [server.serve(HttpRequest::new("GET", target, Vec::new())), server.ask(message)];
        for answer in answers {
            let reply = &answer.outcome.reply;
            assert_eq!((reply.status, reply.content_type.as_deref()), (200, Some(PKI_MESSAGE)));
            let read = answer.cert_rep();
            assert_eq!((read.status.as_str(), read.content.len()), (status, 0));
        }
    }
}

// Q20: AWS answers with HTTP 400 and a CertRep
#[test]
fn a_cert_rep_counts_under_another_status_if_its_media_type_says_so() {
    for status in [400, 403, 500, 503] {
        let waiting = Waiting::new();
        let body = waiting.failure().encode();
        let response = HttpResponse::new(status, Some(PKI_MESSAGE), body.clone());
        assert!(matches!(waiting.take_response(response), Ok(Step::Done(_))));
        let response = HttpResponse::new(status, Some("text/plain"), body);
        let failed = Waiting::new().take_response(response).unwrap_err();
        // what the server could not do it may do later; what it did not like it never will
        let expected = (Error::UnexpectedStatus(status), status >= 500);
        assert_eq!((failed.error, failed.retry.is_some()), expected);
    }
}

// Q21: under load; what was asked stays as it is, and is asked again after the time that the server names
#[test]
fn a_server_under_load_gets_the_same_request_again_after_the_time_it_names() {
    for status in [429, 503] {
        let Waiting { mut ca, mut device, transmit, .. } = Waiting::new();
        let sent = transmit.request().clone();
        let busy = HttpResponse::error(status).with_retry_after("120");
        let failed = device.take(transmit, busy).unwrap_err();
        assert_eq!((failed.error, failed.retry_after), (Error::UnexpectedStatus(status), Some(120)));
        let transmit = failed.retry.unwrap();
        assert_eq!(*transmit.request(), sent);
        let reply = ca.serve(transmit.request()).reply;
        issued_step(device.take(transmit, reply).unwrap());
    }
}

/// An honest CA whose media types are all this one.
struct Labels(Ca, Option<&'static str>);

impl Transport for Labels {
    type Error = Infallible;

    fn exchange(&mut self, request: &HttpRequest) -> Result<HttpResponse, Infallible> {
        let Ok(response) = self.0.exchange(request);
        Ok(HttpResponse { content_type: self.1.map(Into::into), ..response })
    }
}

// quirk 10: none, with parameters, with its words in another order, or that of something else
#[test]
fn media_types_of_answers_do_not_matter() {
    for label in [
        None,
        Some(""),
        Some("application/octet-stream"),
        Some("application/x-pki-message; charset=utf-8"),
        Some("x-pki-message"),
        Some("application/x-x509-ra-ca-certs"),
        Some("application/x-x509-ca-ra-cert"),
        Some("text/plain"),
    ] {
        for ca in [Ca::new(), Ca::with_ra()] {
            let mut device = Device::new(&ca);
            let step = device.start();
            issued(device.go(step, &mut Labels(ca, label)).unwrap());
        }
    }
}
