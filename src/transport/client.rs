//! The requests that a client sends, and the first check of what comes back.

use alloc::{borrow::Cow, string::String, vec::Vec};

use super::{
    HttpRequest, HttpResponse, Method, Operation, PKI_MESSAGE, ScepUrl, base64_encode, percent_encode,
};
use crate::error::{Error, InvalidMessage, Limit, PeerMisbehaved};

/// A GET request (RFC 8894 section 4.1): `operation`, and `message` where it is given.
///
/// `message` is plain text, such as a CA identifier, and may be empty: some servers want the parameter to be there.
/// For a pkiMessage use [`get_pki_operation`].
pub fn get(url: &ScepUrl, operation: Operation, message: Option<&str>) -> HttpRequest {
    let mut target = target(url, operation);
    if let Some(message) = message {
        target.push_str("&message=");
        target.push_str(&percent_encode(message.as_bytes()));
    }
    HttpRequest { method: Method::Get, target, content_type: None, body: Vec::new() }
}

/// A POST request (RFC 8894 section 4.3): `body` is the DER of a pkiMessage, sent as `application/x-pki-message`.
pub fn post(url: &ScepUrl, body: Vec<u8>) -> HttpRequest {
    HttpRequest {
        method: Method::Post,
        target: target(url, Operation::PkiOperation),
        content_type: Some(Cow::Borrowed(PKI_MESSAGE)),
        body,
    }
}

/// A pkiMessage by GET (RFC 8894 section 4.1), for a CA that does not announce POSTPKIOperation: `body` goes into the
/// `message` parameter as base64 (RFC 4648 section 4) with `+`, `/` and `=` escaped, without line breaks.
///
/// The client of this crate posts, unless `Compat::get_pki_operation` is on.
pub fn get_pki_operation(url: &ScepUrl, body: &[u8]) -> HttpRequest {
    get(url, Operation::PkiOperation, Some(&base64_encode(body)))
}

fn target(url: &ScepUrl, operation: Operation) -> String {
    let mut target = String::from(url.as_str());
    target.push_str("?operation=");
    target.push_str(operation.name());
    target
}

/// Whether a response can be the answer to `operation` at all; `limit` is the longest body taken, in bytes.
///
/// Media types are hardly ever right, so GetCACaps, GetCACert and GetNextCACert are judged by their content later and
/// PKIOperation refuses only what says that it is a web page. A CertRep counts also with another status than 200, as
/// some gateways send it, if its media type says that it is one. An empty body is an answer to GetCACaps only
/// (no capability, RFC 8894 section 3.5.2).
///
/// # Errors
/// [`Error::UnexpectedStatus`]: not 200. [`Limit::Message`]: body over `limit`. [`PeerMisbehaved::ContentType`]: a web
/// page in place of a pkiMessage. [`InvalidMessage::Empty`]: no body.
pub fn check_response(response: &HttpResponse, operation: Operation, limit: usize) -> Result<(), Error> {
    let message = operation == Operation::PkiOperation;
    if response.status != 200 && !(message && response.has_media_type(PKI_MESSAGE)) {
        return Err(Error::UnexpectedStatus(response.status));
    }
    if response.body.len() > limit {
        return Err(Limit::Message.into());
    }
    if message && response.has_media_type("text/html") {
        return Err(PeerMisbehaved::ContentType.into());
    }
    if response.body.is_empty() && operation != Operation::GetCaCaps {
        // With another status than 200 the status tells more than the emptiness.
        let status = Error::UnexpectedStatus(response.status);
        return Err(if response.status == 200 { InvalidMessage::Empty.into() } else { status });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::{TEXT_PLAIN, X509_CA_CERT, parse_request};
    use alloc::vec;

    fn url() -> ScepUrl {
        ScepUrl::parse("http://ca.test/scep").unwrap()
    }

    fn response(status: u16, media_type: Option<&str>, body: &[u8]) -> HttpResponse {
        HttpResponse::new(status, media_type, body.to_vec())
    }

    // quirk 4
    #[test]
    fn get_carries_the_message_parameter_only_when_given() {
        // R-4.1-1, R-4.2-1, R-4.7-1, quirk 7
        let target = |operation, message| get(&url(), operation, message).target;
        assert_eq!(target(Operation::GetCaCaps, None), "http://ca.test/scep?operation=GetCACaps");
        assert_eq!(
            target(Operation::GetCaCert, Some("")),
            "http://ca.test/scep?operation=GetCACert&message="
        );
        assert_eq!(
            target(Operation::GetNextCaCert, Some("my ca&operation=x\r\nHost: evil")),
            "http://ca.test/scep?operation=GetNextCACert&message=my%20ca%26operation%3Dx%0D%0AHost%3A%20evil"
        );
        let request = get(&url(), Operation::GetCaCaps, None);
        assert_eq!((request.method, request.content_type, request.body), (Method::Get, None, vec![]));
    }

    #[test]
    fn post_is_a_pki_message() {
        // R-4.1-1, R-4.3-1, R-4.3-2
        let request = post(&url(), vec![0x30, 0x00]);
        assert_eq!(request.method, Method::Post);
        assert_eq!(request.target, "http://ca.test/scep?operation=PKIOperation");
        assert_eq!(request.content_type.as_deref(), Some("application/x-pki-message"));
        assert_eq!(request.body, [0x30, 0x00]);
    }

    #[test]
    fn a_message_by_get_is_escaped_base64() {
        // R-4.1-5
        let request = get_pki_operation(&url(), &[0xfb, 0xff, 0xbf, 0xfb]);
        assert_eq!(
            request.target,
            "http://ca.test/scep?operation=PKIOperation&message=%2B%2F%2B%2F%2Bw%3D%3D"
        );
        assert_eq!((request.method, request.body), (Method::Get, vec![]));
    }

    #[test]
    fn our_server_reads_what_our_client_writes() {
        let message: Vec<u8> = (0..=255).cycle().take(3000).collect();
        for (request, by_get) in
            [(get_pki_operation(&url(), &message), true), (post(&url(), message.clone()), false)]
        {
            let call = parse_request(request, 65_536, 65_536).unwrap();
            assert_eq!((call.operation, call.get), (Operation::PkiOperation, by_get));
            assert_eq!(call.message, message);
        }
        let call = parse_request(get(&url(), Operation::GetCaCert, Some("ö/+ ")), 100, 0).unwrap();
        assert_eq!((call.operation, call.message), (Operation::GetCaCert, "ö/+ ".as_bytes().to_vec()));
    }

    // Q8, quirk 10, I-19
    #[test]
    fn content_types_of_ca_answers_are_not_trusted() {
        // R-3.5.2-12, R-4.2.1-2
        for media_type in [None, Some("text/html"), Some(X509_CA_CERT), Some(TEXT_PLAIN), Some("nonsense")] {
            for operation in [Operation::GetCaCaps, Operation::GetCaCert, Operation::GetNextCaCert] {
                assert_eq!(check_response(&response(200, media_type, b"x"), operation, 10), Ok(()));
            }
        }
    }

    // quirk 10
    #[test]
    fn a_pki_message_may_have_any_type_but_a_web_page() {
        let check =
            |media_type| check_response(&response(200, media_type, b"x"), Operation::PkiOperation, 10);
        for media_type in
            [None, Some(PKI_MESSAGE), Some("application/octet-stream"), Some("x-pki-message; charset=x")]
        {
            assert_eq!(check(media_type), Ok(()));
        }
        for media_type in ["text/html", "Text/HTML; charset=utf-8"] {
            assert_eq!(check(Some(media_type)), Err(PeerMisbehaved::ContentType.into()));
        }
    }

    // I-18
    #[test]
    fn another_status_ends_the_exchange_unless_it_brings_a_cert_rep() {
        // Q20
        let check = |status, media_type, operation| {
            check_response(&response(status, Some(media_type), b"x"), operation, 10)
        };
        assert_eq!(check(400, "application/x-pki-message; x=y", Operation::PkiOperation), Ok(()));
        for status in [0, 201, 204, 301, 302, 400, 404, 429, 500, 503] {
            assert_eq!(
                check(status, TEXT_PLAIN, Operation::PkiOperation),
                Err(Error::UnexpectedStatus(status))
            );
            assert_eq!(
                check(status, PKI_MESSAGE, Operation::GetCaCert),
                Err(Error::UnexpectedStatus(status))
            );
        }
    }

    #[test]
    fn a_body_over_the_limit_is_refused() {
        for operation in [Operation::GetCaCaps, Operation::GetCaCert, Operation::PkiOperation] {
            assert_eq!(check_response(&response(200, None, &[1; 10]), operation, 10), Ok(()));
            assert_eq!(
                check_response(&response(200, None, &[1; 11]), operation, 10),
                Err(Error::TooLarge(Limit::Message))
            );
        }
        let large = response(400, Some(PKI_MESSAGE), &[1; 11]);
        assert_eq!(check_response(&large, Operation::PkiOperation, 10), Err(Error::TooLarge(Limit::Message)));
    }

    #[test]
    fn only_the_capabilities_may_be_empty() {
        // R-3.5.2-10, R-3.5.2-13 (I-17)
        let empty = response(200, None, b"");
        assert_eq!(check_response(&empty, Operation::GetCaCaps, 10), Ok(()));
        for operation in [Operation::GetCaCert, Operation::GetNextCaCert, Operation::PkiOperation] {
            assert_eq!(check_response(&empty, operation, 10), Err(InvalidMessage::Empty.into()));
        }
        let refused = response(403, Some(PKI_MESSAGE), b"");
        assert_eq!(check_response(&refused, Operation::PkiOperation, 10), Err(Error::UnexpectedStatus(403)));
    }
}
