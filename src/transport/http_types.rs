//! Conversion to and from the types of the `http` crate (feature `http`).
//!
//! Bodies are whole: the program that owns the connection collects them, with a limit. No `Content-Length` is set,
//! because the HTTP library adds it for a body of known length.

use alloc::{borrow::Cow, string::ToString, vec::Vec};

use http::{
    HeaderMap, HeaderValue, Request, Response, StatusCode,
    header::{ALLOW, CONTENT_TYPE, RETRY_AFTER},
};

use super::{HttpRequest, HttpResponse, Method};
use crate::error::{ApiMisuse, Error, InvalidMessage};

/// Server: a request as received.
///
/// It cannot fail; [`parse_request`](super::parse_request) judges it.
impl From<Request<Vec<u8>>> for HttpRequest {
    fn from(request: Request<Vec<u8>>) -> Self {
        let (head, body) = request.into_parts();
        Self {
            method: Method::from_name(head.method.as_str()),
            target: head.uri.to_string(),
            content_type: text(&head.headers, &CONTENT_TYPE).map(|value| Cow::Owned(value.to_string())),
            body,
        }
    }
}

/// Client: a request to send; it can be sent again, so the body is copied.
///
/// # Errors
/// [`ApiMisuse::Url`]: the target is not a URL. [`InvalidMessage::Method`]: the method is [`Method::Other`]. Neither
/// happens to a request that this crate made.
impl TryFrom<&HttpRequest> for Request<Vec<u8>> {
    type Error = Error;

    fn try_from(request: &HttpRequest) -> Result<Self, Error> {
        let method = request.method.name().ok_or(InvalidMessage::Method)?;
        let mut builder = Request::builder().method(method).uri(&request.target);
        if let Some(value) = &request.content_type {
            builder = builder.header(CONTENT_TYPE, value.as_ref());
        }
        builder.body(request.body.clone()).map_err(|_| ApiMisuse::Url.into())
    }
}

/// Server: a response to send. A status that HTTP does not know becomes 500.
impl From<HttpResponse> for Response<Vec<u8>> {
    fn from(response: HttpResponse) -> Self {
        let mut made = Self::new(response.body);
        *made.status_mut() =
            StatusCode::from_u16(response.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = made.headers_mut();
        if let Some(value) = response.content_type.and_then(|value| HeaderValue::from_str(&value).ok()) {
            headers.insert(CONTENT_TYPE, value);
        }
        if let Some(seconds) = response.retry_after {
            headers.insert(RETRY_AFTER, seconds.into());
        }
        if let Some(methods) = response.allow {
            headers.insert(ALLOW, HeaderValue::from_static(methods));
        }
        made
    }
}

/// Client: a response as received. `Retry-After` is read if it is in seconds; a date is ignored.
impl From<Response<Vec<u8>>> for HttpResponse {
    fn from(response: Response<Vec<u8>>) -> Self {
        let (head, body) = response.into_parts();
        let made = Self::new(head.status.as_u16(), text(&head.headers, &CONTENT_TYPE), body);
        match text(&head.headers, &RETRY_AFTER) {
            Some(value) => made.with_retry_after(value),
            None => made,
        }
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &http::HeaderName) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::{Operation, PKI_MESSAGE, ScepUrl, get_pki_operation, parse_request, post};
    use alloc::vec;

    fn url() -> ScepUrl {
        ScepUrl::parse("http://ca.test:8080/scep").unwrap()
    }

    #[test]
    fn a_post_becomes_an_http_request() {
        let request = post(&url(), vec![0x30]);
        let made: Request<Vec<u8>> = (&request).try_into().unwrap();
        assert_eq!(made.method(), http::Method::POST);
        assert_eq!(made.uri().to_string(), "http://ca.test:8080/scep?operation=PKIOperation");
        assert_eq!(made.headers().get(CONTENT_TYPE).unwrap(), PKI_MESSAGE);
        assert_eq!(made.body(), &[0x30]);
    }

    #[test]
    fn a_request_survives_the_way_through_the_http_crate() {
        for request in [post(&url(), vec![0x30]), get_pki_operation(&url(), &[0xfb, 0xff])] {
            let made = Request::<Vec<u8>>::try_from(&request).unwrap();
            assert_eq!(HttpRequest::from(made), request);
        }
    }

    #[test]
    fn a_server_reads_the_raw_target() {
        let request = Request::builder()
            .uri("/scep?operation=PKIOperation&message=+/%2B/+w%3d=")
            .body(Vec::new())
            .unwrap();
        let call = parse_request(request.into(), 100, 100).unwrap();
        assert_eq!((call.operation, call.message), (Operation::PkiOperation, vec![0xfb, 0xff, 0xbf, 0xfb]));
    }

    #[test]
    fn what_is_not_http_is_refused() {
        let other = HttpRequest::new("PUT", "http://ca.test/", vec![]);
        assert_eq!(Request::<Vec<u8>>::try_from(&other).unwrap_err(), InvalidMessage::Method.into());
        let broken = HttpRequest::new("GET", "http://ca.test/ \r\n", vec![]);
        assert_eq!(Request::<Vec<u8>>::try_from(&broken).unwrap_err(), ApiMisuse::Url.into());
    }

    #[test]
    fn a_response_becomes_an_http_response_with_exact_headers() {
        // P14, E1
        let made: Response<Vec<u8>> = HttpResponse::ok(PKI_MESSAGE, vec![1]).into();
        assert_eq!((made.status().as_u16(), made.headers().len()), (200, 1));
        assert_eq!(made.headers().get(CONTENT_TYPE).unwrap(), "application/x-pki-message");

        let busy = HttpResponse { retry_after: Some(30), ..HttpResponse::error(503) };
        let made: Response<Vec<u8>> = busy.into();
        assert_eq!(made.headers().get(RETRY_AFTER).unwrap(), "30");

        let made: Response<Vec<u8>> = HttpResponse::error(405).into();
        assert_eq!(made.status().as_u16(), 405);
        assert_eq!(made.headers().get(ALLOW).unwrap(), "GET, POST");
        let made: Response<Vec<u8>> = HttpResponse::error(7).into();
        assert_eq!(made.status().as_u16(), 500);
    }

    #[test]
    fn a_response_is_read_with_its_retry_after() {
        let read = |value: &str| {
            let response = Response::builder().status(503).header(RETRY_AFTER, value).body(vec![1]).unwrap();
            HttpResponse::from(response)
        };
        assert_eq!((read("17").status, read("17").retry_after, read("17").body), (503, Some(17), vec![1]));
        assert_eq!(read("Fri, 31 Dec 1999 23:59:59 GMT").retry_after, None);
        let response = Response::builder().header(CONTENT_TYPE, "a/b; c=d").body(vec![]).unwrap();
        assert_eq!(HttpResponse::from(response).content_type.as_deref(), Some("a/b; c=d"));
    }
}
