//! Texts: capabilities, HTTP requests, URLs and names.

use super::world::LIMITS;
use scep::transport::{
    HttpRequest, HttpResponse, Method, Operation, ScepUrl, allowed_methods, base64_decode, base64_encode,
    check_response, get, get_pki_operation, parse_request, percent_decode, percent_encode, post,
};
use scep::wire::{Capabilities, DistinguishedName};
use std::hint::black_box;

/// The answer to GetCACaps.
pub fn caps(data: &[u8]) {
    let found = Capabilities::parse(data, &LIMITS);
    assert_eq!(found.is_err() && data.len() <= LIMITS.capabilities, lines(data) > 64 && data.len() <= 4096);
    let Ok(list) = found else { return };
    let _ = black_box(format!("{list} {list:?}"));
    assert_eq!(Capabilities::parse(list.to_text().as_bytes(), &LIMITS), Ok(list));
    assert!(list.iter().all(|one| list.lists(one) && list.contains(one)));
    // No line is believed that is not there.
    for one in list.iter() {
        let keyword = one.keyword().as_bytes();
        assert!(data.windows(keyword.len()).any(|window| window.eq_ignore_ascii_case(keyword)), "{one}");
    }
}

fn lines(data: &[u8]) -> usize {
    data.split(|byte| matches!(byte, b'\r' | b'\n')).filter(|line| !line.trim_ascii().is_empty()).count()
}

/// An HTTP request: its first line, an empty line, its body.
pub(super) fn request(data: &[u8]) -> HttpRequest {
    let end = data.windows(4).position(|window| window == b"\r\n\r\n");
    let (head, body) = end.map_or((data, &[][..]), |end| (&data[..end], &data[end + 4..]));
    let head = String::from_utf8_lossy(head);
    let mut words = head.lines().next().unwrap_or_default().split(' ');
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    HttpRequest::new(method, target, body.to_vec())
}

/// What a server makes of a request.
pub fn query(data: &[u8]) {
    let request = request(data);
    let _ = black_box((allowed_methods(&request.target), format!("{request:?}")));
    let url: ScepUrl = "http://ca.test/scep".parse().unwrap();
    if let Ok(call) = parse_request(request.clone(), LIMITS.url, LIMITS.message) {
        assert_eq!(call.get, request.method == Method::Get);
        assert!(call.message.len() <= LIMITS.message);
        assert!(call.operation != Operation::PkiOperation || !call.message.is_empty());
        // Asked in our own words it is the same.
        let again = match (call.operation, call.get) {
            (Operation::PkiOperation, true) => Some(get_pki_operation(&url, &call.message)),
            (Operation::PkiOperation, false) => Some(post(&url, call.message.clone())),
            (operation, _) => {
                std::str::from_utf8(&call.message).ok().map(|text| get(&url, operation, Some(text)))
            }
        };
        if let Some(again) = again {
            let expected = Ok(call);
            assert_eq!(parse_request(again, 4 * LIMITS.url, LIMITS.message), expected);
        }
    }
    let text = percent_encode(data);
    assert_eq!(percent_decode(&text).as_deref(), Ok(data));
    assert_eq!(base64_decode(base64_encode(data).as_bytes()).as_deref(), Ok(data));
    if let Ok(bytes) = base64_decode(data) {
        assert!(bytes.len() <= data.len());
        assert_eq!(base64_decode(base64_encode(&bytes).as_bytes()), Ok(bytes));
    }
    if let Ok(text) = std::str::from_utf8(data) {
        let _ = black_box(percent_decode(text));
        let response = HttpResponse::new(200, Some(text), data.to_vec()).with_retry_after(text);
        for operation in [Operation::GetCaCaps, Operation::GetCaCert, Operation::PkiOperation] {
            let _ = black_box(check_response(&response, operation, 100));
        }
    }
}

/// A URL or a name.
pub fn names(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        let _ = black_box(DistinguishedName::from_der(data).map(|name| name.to_string()));
        return;
    };
    if let Ok(url) = ScepUrl::parse(text) {
        assert!(url.port() > 0 && !url.host().is_empty() && url.path().starts_with('/'));
        assert!(url.as_str().bytes().all(|byte| byte.is_ascii_graphic()), "{url}");
        assert!(!url.as_str().contains(['?', '#']), "{url}");
        // a path may have an @ in it
        assert!(!url.host().contains(['@', '/', '%']), "{url}");
        assert_eq!(ScepUrl::parse(url.as_str()).as_ref(), Ok(&url));
        // What goes into a request has nothing in it that ends a line.
        let target = get(&url, Operation::GetCaCaps, Some(text)).target;
        assert!(target.bytes().all(|byte| byte.is_ascii_graphic()), "{target}");
    }
    if let Ok(name) = text.parse::<DistinguishedName>() {
        assert_eq!(DistinguishedName::from_der(name.as_der()).as_ref(), Ok(&name));
        assert!(name.name().matches(&name.name()));
        let shown = name.to_string();
        assert!(shown.chars().all(|shown| !shown.is_control()), "{shown}");
        if !shown.ends_with("...") {
            assert_eq!(shown.parse::<DistinguishedName>().as_ref(), Ok(&name), "{shown}");
        }
    }
    if let Ok(name) = DistinguishedName::from_der(data) {
        let _ = black_box(name.to_string());
    }
}
