//! What a server makes of an HTTP request.

use alloc::vec::Vec;

use super::{
    HttpRequest, Method, Operation,
    query::{base64_decode, base64_decoded_len, percent_decode},
};
use crate::error::{Error, InvalidMessage, Limit};

/// What an HTTP request asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The operation (RFC 8894 section 4.1).
    pub operation: Operation,
    /// PKIOperation: the bytes of the pkiMessage, at least one. Else: the `message` parameter without its percent
    /// escapes, empty if there is none; any bytes, so never to be used as a file name.
    pub message: Vec<u8>,
    /// Whether it came by GET.
    pub get: bool,
}

/// Reads the operation and the message out of a request (RFC 8894 section 4.1); `url_limit` and `message_limit` are in
/// bytes and are looked at before anything is decoded.
///
/// Strict where two readers could differ: names are exact, a repeated `operation` or `message` is refused, GET takes
/// nothing from the body and POST nothing from the `message` parameter. Lenient where deployed clients are: any path,
/// unknown parameters, parameters in any order, base64 as [`base64_decode`] reads it, any Content-Type; on POST the
/// operation may be missing, unknown or unreadable, because only PKIOperation is possible there (section 4.3).
///
/// # Errors
/// [`Error::http_status`] is the status to answer with; with 405 the `Allow` header is [`allowed_methods`].
/// [`InvalidMessage::Method`]: neither GET nor POST, or POST with an operation that is GET only.
/// [`InvalidMessage::Operation`]: operation missing or unknown on GET, or a parameter repeated.
/// [`InvalidMessage::Percent`], [`InvalidMessage::Base64`]: parameter that cannot be read.
/// [`InvalidMessage::Empty`]: PKIOperation without a message. [`Limit::Url`], [`Limit::Message`]: over the limits.
pub fn parse_request(request: HttpRequest, url_limit: usize, message_limit: usize) -> Result<Call, Error> {
    if request.target.len() > url_limit {
        return Err(Limit::Url.into());
    }
    if request.method == Method::Other {
        return Err(InvalidMessage::Method.into());
    }
    if request.method == Method::Post && request.body.len() > message_limit {
        return Err(Limit::Message.into());
    }
    let parameters = Parameters::read(&request.target)?;
    let get = request.method == Method::Get;
    let operation = match parameters.operation.map(percent_decode).transpose() {
        Err(error) if get => return Err(error),
        // On POST one that cannot be read is as good as an unknown one.
        operation => operation.ok().flatten().as_deref().and_then(Operation::from_name),
    };
    let (operation, message) = match (get, operation) {
        (true, None) => return Err(InvalidMessage::Operation.into()),
        (true, Some(operation)) => {
            let text = percent_decode(parameters.message.unwrap_or_default())?;
            let bytes = match operation {
                Operation::PkiOperation if base64_decoded_len(&text) > message_limit => {
                    return Err(Limit::Message.into());
                }
                Operation::PkiOperation => base64_decode(&text)?,
                _ => text,
            };
            (operation, bytes)
        }
        (false, None | Some(Operation::PkiOperation)) => (Operation::PkiOperation, request.body),
        (false, Some(_)) => return Err(InvalidMessage::Method.into()),
    };
    if operation == Operation::PkiOperation && message.is_empty() {
        return Err(InvalidMessage::Empty.into());
    }
    Ok(Call { operation, message, get })
}

/// Value of the `Allow` header (RFC 9110 section 10.2.1) for a request to `target`: `GET` where it names an operation
/// that is GET only, else `GET, POST`.
pub fn allowed_methods(target: &str) -> &'static str {
    let operation = Parameters::read(target).ok().and_then(|parameters| parameters.operation);
    match operation.and_then(|name| percent_decode(name).ok()).as_deref().and_then(Operation::from_name) {
        Some(Operation::GetCaCaps | Operation::GetCaCert | Operation::GetNextCaCert) => "GET",
        Some(Operation::PkiOperation) | None => "GET, POST",
    }
}

/// The two parameters of a query, still escaped.
struct Parameters<'a> {
    operation: Option<&'a str>,
    message: Option<&'a str>,
}

impl<'a> Parameters<'a> {
    fn read(target: &'a str) -> Result<Self, Error> {
        let mut found = Self { operation: None, message: None };
        let query = target.split_once('?').map_or("", |(_, query)| query);
        for parameter in query.split('&') {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            // An escaped name is the same name (RFC 3986 section 6.2.2.2). One that is not well escaped is unknown.
            let slot = match percent_decode(name).as_deref() {
                Ok(b"operation") => &mut found.operation,
                Ok(b"message") => &mut found.message,
                _ => continue,
            };
            if slot.replace(value).is_some() {
                return Err(InvalidMessage::Operation.into());
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::{format, string::String, vec};

    const MESSAGE: [u8; 4] = [0xfb, 0xff, 0xbf, 0xfb];

    fn read(method: &str, target: &str, body: &[u8]) -> Result<Call, Error> {
        parse_request(HttpRequest::new(method, target, body.to_vec()), 65_536, 65_536)
    }

    fn status(method: &str, target: &str, body: &[u8]) -> u16 {
        read(method, target, body).unwrap_err().http_status()
    }

    fn by_get(message: &[u8]) -> Result<Call, Error> {
        Ok(Call { operation: Operation::PkiOperation, message: message.to_vec(), get: true })
    }

    fn by_post(message: &[u8]) -> Result<Call, Error> {
        Ok(Call { operation: Operation::PkiOperation, message: message.to_vec(), get: false })
    }

    // quirks 4, 6, 25, P12
    #[test]
    fn capability_and_certificate_requests_of_packaged_clients() {
        for (target, operation, message) in [
            ("/scep?operation=GetCACaps", Operation::GetCaCaps, ""), // strongSwan, scepclient
            ("/scep?operation=GetCACert", Operation::GetCaCert, ""),
            ("/scep?operation=GetCACaps&message=0", Operation::GetCaCaps, "0"), // certmonger
            ("/scep?operation=GetCACert&message=0", Operation::GetCaCert, "0"),
            ("/scep?operation=GetCACaps&message=", Operation::GetCaCaps, ""), // PyScep, scepreq
            ("/scep?operation=GetCACert&message=CAIdentifier", Operation::GetCaCert, "CAIdentifier"), // sscep
            ("/scep?operation=GetCACert&message=*", Operation::GetCaCert, "*"), // cryptlib
            ("/scep?operation=GetNextCACert&message", Operation::GetNextCaCert, ""),
        ] {
            let expected = Call { operation, message: message.into(), get: true };
            assert_eq!(read("GET", target, b""), Ok(expected), "{target}");
        }
    }

    // Q23, quirk 5
    #[test]
    fn any_path_and_both_forms_of_target_reach_the_operation() {
        // R-4.1-3, quirk 6
        for path in [
            "/cgi-bin/pkiclient.exe",
            "/scep/profile/pkiclient.exe",
            "/certsrv/mscep/mscep.dll/pkiclient.exe",
            "/p/caps=get/scep",
            "/",
            "",
            "http://ca.test:8080/scep",
            "http://ca.test",
        ] {
            let call = read("GET", &format!("{path}?operation=GetCACaps"), b"").unwrap();
            assert_eq!(call.operation, Operation::GetCaCaps, "{path}");
        }
    }

    // Q2, Q3, quirk 5, P12
    #[test]
    fn messages_by_get_in_every_shape_seen() {
        // R-4.1-6, I-1, I-3, I-4, quirks 1-3
        for target in [
            "/scep?operation=PKIOperation&message=%2B%2F%2B%2F%2Bw%3D%3D", // certmonger, jscep, xipki
            "/scep?operation=PKIOperation&message=%2b%2f%2b%2f%2bw%3d%3d",
            "/p/caps=get/scep?message=-_-_-w%3D%3D&operation=PKIOperation", // scepclient 2.1
            "/scep?operation=PKIOperation&message=%2B%2F%2B%2F%0A%2Bw%3D%3D%0A", // sscep, strongSwan, Cisco
            "/scep?operation=PKIOperation&message=%2B%2F%2B%2F%0D%0A%2Bw%3D%3D%0D%0A",
            "/scep?operation=PKIOperation&message=+/+/+w%3D%3D", // macOS
            "/scep?operation=PKIOperation&message=+/+/+w==",     // no escapes at all
            "/scep?operation=PKIOperation&message=%20/%20/%20w==", // iOS 11
            "/scep?operation=PKIOperation&message=-_-_-w",
            "/scep?x=y&&operation=PKIOperation&message=+/+/+w==&SessionId=%zz&%zz=1", // Q18
        ] {
            assert_eq!(read("GET", target, b""), by_get(&MESSAGE), "{target}");
        }
    }

    // P12
    #[test]
    fn messages_by_post_with_any_content_type_and_any_query() {
        // R-4.1-9, R-4.3-3, quirk 9
        for content_type in
            [None, Some(""), Some("application/x-pki-message"), Some("application/octet-stream"), Some("x")]
        {
            for target in [
                "/scep?operation=PKIOperation",
                "/scep?operation=PKIOperation&message=", // PyScep, scepreq
                "/scep?operation=PKIOperation&message=AAAA", // T58: the body alone counts
                "/scep?operation=PKIOperation&message=%zz",
                "/scep?operation=pkioperation",
                "/scep?operation=%zz",
                "/scep?operation=PKIOperation%",
                "/scep?operation=",
                "/scep?",
                "/scep",
            ] {
                let request = HttpRequest {
                    content_type: content_type.map(Into::into),
                    ..HttpRequest::new("POST", target, MESSAGE.to_vec())
                };
                assert_eq!(parse_request(request, 100, 4), by_post(&MESSAGE), "{target}");
            }
        }
    }

    #[test]
    fn a_get_takes_nothing_from_its_body() {
        // T58
        let target = "/scep?operation=PKIOperation";
        assert_eq!(read("GET", target, &MESSAGE), Err(InvalidMessage::Empty.into()));
        assert_eq!(read("GET", &format!("{target}&message=AAAA"), &MESSAGE), by_get(&[0, 0, 0]));
    }

    #[test]
    fn other_methods_and_post_to_a_get_only_operation_are_405() {
        // R-4.1-8, E1, T58
        for method in ["HEAD", "PUT", "DELETE", "OPTIONS", "get", "Post"] {
            for name in ["GetCACaps", "PKIOperation", "nonsense"] {
                let target = format!("/scep?operation={name}");
                assert_eq!(
                    read(method, &target, &MESSAGE),
                    Err(InvalidMessage::Method.into()),
                    "{method} {name}"
                );
            }
        }
        for name in ["GetCACaps", "GetCACert", "GetNextCACert"] {
            assert_eq!(status("POST", &format!("/scep?operation={name}"), &MESSAGE), 405);
        }
    }

    #[test]
    fn the_allow_header_names_the_methods_of_the_operation() {
        // E1
        for name in ["GetCACaps", "GetCACert", "GetNextCACert", "GetCAC%61ps"] {
            assert_eq!(allowed_methods(&format!("/scep?operation={name}&message=x")), "GET");
        }
        for target in ["/scep?operation=PKIOperation", "/scep", "", "/scep?operation=x", "/scep?operation=%"]
        {
            assert_eq!(allowed_methods(target), "GET, POST", "{target}");
        }
    }

    #[test]
    fn an_operation_that_is_missing_unknown_or_repeated_is_400() {
        // E2, T58
        for target in [
            "/scep",
            "/scep?",
            "/scep?operation",
            "/scep?operation=",
            "/scep?message=AAAA",
            "/scep?operation=getcacaps",
            "/scep?operation=GetCACapsX",
            "/scep?operation=GetCACaps%00",
            "/scep?operation=GetCACaps+",
            "/scep?OPERATION=GetCACaps",
            "/scep?operation%00=GetCACaps",
            "/scep?operation=GetCACaps;message=0",
            "/scep?operation=GetCACaps&operation=GetCACert",
            "/scep?operation=GetCACaps&operation=GetCACaps",
            "/scep?operation=GetCACaps&op%65ration=GetCACert",
            "/scep?operation=&operation=GetCACaps",
            "/scep?operation=PKIOperation&message=AAAA&message=BBBB",
            "/scep/operation=GetCACaps",
        ] {
            assert_eq!(read("GET", target, b""), Err(InvalidMessage::Operation.into()), "{target}");
            assert_eq!(status("GET", target, b""), 400);
        }
        let twice = "/scep?operation=PKIOperation&operation=GetCACert";
        assert_eq!(read("POST", twice, &MESSAGE), Err(InvalidMessage::Operation.into()));
    }

    #[test]
    fn a_message_that_cannot_be_decoded_is_400() {
        // E4
        let read =
            |message: &str| read("GET", &format!("/scep?operation=PKIOperation&message={message}"), b"");
        for message in ["%", "AAA%", "%2", "%zz"] {
            assert_eq!(read(message), Err(InvalidMessage::Percent.into()), "{message}");
        }
        for message in ["A", "AA%00A", "%00", "AAAA=", "{}", "ÄÖ", "AA#A", "AA?A", "0"] {
            assert_eq!(read(message), Err(InvalidMessage::Base64.into()), "{message}");
        }
        for message in ["", "%0A", "%0D%0A"] {
            assert_eq!(read(message), Err(InvalidMessage::Empty.into()), "{message}");
        }
        assert_eq!(status("GET", "/scep?operation=%2", b""), 400);
    }

    #[test]
    fn an_empty_body_is_400() {
        // E3
        assert_eq!(read("POST", "/scep?operation=PKIOperation", b""), Err(InvalidMessage::Empty.into()));
        assert_eq!(status("POST", "/scep", b""), 400);
    }

    #[test]
    fn a_zero_byte_in_an_identifier_is_handed_on_as_it_is() {
        // T58
        assert_eq!(read("GET", "/scep?operation=GetCACert&message=a%00b", b"").unwrap().message, b"a\0b");
    }

    #[test]
    fn limits_are_exact() {
        // E3, R-4.1-7
        let read = |method, target: &str, body: &[u8], url_limit, message_limit| {
            parse_request(HttpRequest::new(method, target, body.to_vec()), url_limit, message_limit)
        };
        let target = "/scep?operation=PKIOperation&message=+/+/+w==";
        assert_eq!(read("GET", target, b"", target.len(), 4), by_get(&MESSAGE));
        assert_eq!(read("GET", target, b"", target.len() - 1, 4), Err(Limit::Url.into()));
        assert_eq!(read("GET", target, b"", target.len(), 3), Err(Limit::Message.into()));
        assert_eq!(read("POST", "/scep", &MESSAGE, 5, 4), by_post(&MESSAGE));
        assert_eq!(read("POST", "/scep", &MESSAGE, 5, 3), Err(Limit::Message.into()));
        assert_eq!(read("POST", "/scepx", &MESSAGE, 5, 4), Err(Limit::Url.into()));
        assert_eq!(Error::from(Limit::Url).http_status(), 414);
        assert_eq!(Error::from(Limit::Message).http_status(), 413);
    }

    // P12
    #[test]
    fn a_long_request_line_is_read() {
        // R-4.1-7: 15 kB fits, 70 kB does not
        let line = |length: usize| {
            let message: String = vec!["A"; length].concat();
            read("GET", &format!("/scep?operation=PKIOperation&message={message}"), b"")
        };
        assert_eq!(line(15_000).unwrap().message.len(), 11_250);
        assert_eq!(line(70_000), Err(Limit::Url.into()));
    }

    #[test]
    #[cfg_attr(miri, ignore = "20,000 targets are too many for an interpreter")]
    fn no_target_makes_it_panic() {
        // Every string of up to four pieces that mean something to the reader.
        let pieces =
            ["?", "&", "=", "%", "%2", "%00", "operation", "message", "PKIOperation", "GetCACert", "AA", "é"];
        for a in pieces {
            for b in pieces {
                for c in pieces {
                    for d in pieces {
                        let target = format!("/?{a}{b}{c}{d}");
                        let _ = allowed_methods(&target);
                        if let Ok(call) = read("GET", &target, b"") {
                            assert!(call.get && target.contains(call.operation.name()), "{target}");
                        }
                    }
                }
            }
        }
    }
}
