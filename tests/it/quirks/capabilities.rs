//! What servers list, and what clients want to see.

use crate::support::*;
use scep::client::{Done, Driven, Transport};
use scep::transport::{HttpRequest, HttpResponse, Method};
use scep::wire::Capability;
use scep::wire::Capability::{
    Aes, Des3, GetNextCaCert, PostPkiOperation, Renewal, ScepStandard, Sha1, Sha256, Sha384, Sha512,
};
use std::convert::Infallible;

/// An honest CA that lists something else.
struct Lists {
    ca: Ca,
    response: HttpResponse,
}

impl Transport for Lists {
    type Error = Infallible;

    fn exchange(&mut self, request: &HttpRequest) -> Result<HttpResponse, Infallible> {
        if request.target.contains("GetCACaps") {
            return Ok(self.response.clone());
        }
        self.ca.exchange(request)
    }
}

fn lists(response: HttpResponse) -> (Device, Lists) {
    let ca = Ca::new();
    (Device::new(&ca), Lists { ca, response })
}

// quirks 10, 15-17, R-3.5.2-12: LF, CRLF and CR, with and without the last one, any letter case, any media type
#[test]
fn the_lists_of_deployed_servers_are_read() {
    let ndes = [PostPkiOperation, Renewal, Sha512, Sha256, Sha1, Des3];
    let cases: [(&str, Option<&str>, &str, &[Capability]); 7] = [
        ("NDES", Some("text/plain"), "POSTPKIOperation\nRenewal\nSHA-512\nSHA-256\nSHA-1\nDES3\n", &ndes),
        (
            "micromdm",
            Some("text/plain; charset=utf-8"),
            "Renewal\nSHA-1\nSHA-256\nAES\nDES3\nSCEPStandard\nPOSTPKIOperation",
            &[Renewal, Sha1, Sha256, Aes, Des3, ScepStandard, PostPkiOperation],
        ),
        (
            "step-ca",
            Some("text/plain"),
            "Renewal\r\nSHA-1\r\nSHA-256\r\nAES\r\nDES3\r\nSCEPStandard\r\nPOSTPKIOperation",
            &[Renewal, Sha1, Sha256, Aes, Des3, ScepStandard, PostPkiOperation],
        ),
        (
            "jscep",
            Some("text/plain;charset=ISO-8859-1"),
            "GetNextCACert\nPOSTPKIOperation\nRenewal\nUpdate\nSHA-1\nSHA-256\n",
            &[GetNextCaCert, PostPkiOperation, Renewal, Sha1, Sha256],
        ),
        ("letter case", None, "PostPkiOperation \nscepstandard\n", &[PostPkiOperation, ScepStandard]),
        ("CR alone", Some("application/x-pki-message"), "AES\rSHA-384\r", &[Aes, Sha384]),
        ("words that only begin alike", None, "AES256\nSHA-2567\nDES\nSHA\nRenewal2\nX-Renewal\n", &[]),
    ];
    for (server, media_type, text, expected) in cases {
        let (mut device, mut lists) = lists(HttpResponse::new(200, media_type, text.into()));
        let step = device.client.fetch_capabilities(URL).unwrap();
        let Ok(Driven::Done(Done::Capabilities(found))) = device.go(step, &mut lists) else { panic!() };
        let expected = Capability::ALL.into_iter().filter(|known| expected.contains(known));
        assert!(found.iter().eq(expected), "{server}: {found:?}");
    }
}

// quirks 15, 17, R-3.5.2-13: NDES without AES, servers that answer GetCACaps with nothing or with a web page
#[test]
fn an_enrolment_goes_on_by_post_whatever_the_list() {
    for response in [
        HttpResponse::new(200, None, b"POSTPKIOperation\nRenewal\nSHA-512\nSHA-256\nSHA-1\nDES3\n".to_vec()),
        HttpResponse::new(200, None, Vec::new()),
        HttpResponse::new(404, Some("text/html"), b"<html>AES</html>".to_vec()),
        HttpResponse::new(500, Some("text/html"), Vec::new()),
    ] {
        let (mut device, mut lists) = lists(response);
        let step = device.start();
        issued(device.go(step, &mut lists).unwrap());
        assert_eq!(lists.ca.requests.last().unwrap().method, Method::Post);
    }
}
