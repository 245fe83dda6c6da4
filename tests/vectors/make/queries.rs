//! Requests as they stand in HTTP: in every form that clients send, and in forms that no server may take.

use super::der::{algorithm, oids};
use super::message::{Message, NONCE, TRANSACTION, issuer_and_serial};
use super::openssl::Csr;
use super::requests::AES;
use super::{CA_CERTIFICATE, CA_KEY, Set, changed, facts, hex};
use crate::manifest::Facts;

fn by_get(query: &str) -> Vec<u8> {
    format!("GET /scep?{query} HTTP/1.1\r\nHost: ca.test\r\n\r\n").into_bytes()
}

pub(super) fn make(set: &mut Set<'_>) {
    let openssl = set.openssl;
    // As small as one can be.
    let csr = Csr { subject: "CN=P-256", attributes: "", extensions: "", ..Csr::default() };
    let content = openssl.encrypt(&openssl.request("p256", csr), AES);
    let certificate = openssl.certificate("p256");
    let message = Message {
        key: "p256",
        sid: issuer_and_serial(&certificate),
        certificates: vec![certificate],
        signature_algorithm: algorithm(oids::ECDSA_SHA256, &[]),
        ..Message::request(openssl, "19", &content)
    };
    let message = message.build();
    openssl.write("message", &message);
    let base64 = openssl.text("base64 -A -in message");
    let lines = openssl.text("base64 -in message");
    let escaped = |text: &str| {
        text.replace('+', "%2B")
            .replace('/', "%2F")
            .replace('=', "%3D")
            .replace('\n', "%0A")
            .replace(' ', "%20")
    };
    let safe = base64.replace('+', "-").replace('/', "_");
    let read = facts(&[
        ("operation", "PKIOperation"),
        ("method", "GET"),
        ("transactionId", &hex(TRANSACTION.as_bytes())),
        ("senderNonce", &hex(&NONCE)),
        ("messageType", "PKCSReq"),
        ("scheme", "Ecdsa(Sha256)"),
        ("signer", "CN=P-256"),
        ("subject", "CN=P-256"),
        ("payload", "PKCS#10"),
    ]);
    let start = "operation=PKIOperation&message=";
    let mut add = |name: &str, how: &str, request: Vec<u8>, expect: Facts| {
        let vector = set.add(&format!("hostile/query-{name}.http"), "query", how, &request, expect);
        vector.key = Some(CA_KEY.to_owned());
        vector.recipients = vec![CA_CERTIFICATE.to_owned()];
    };
    for (name, how, query) in [
        ("escaped", "standard base64, all of it escaped", format!("{start}{}", escaped(&base64))),
        ("plain", "standard base64 without escapes", format!("{start}{base64}")),
        ("url-safe", "the URL-safe alphabet", format!("{start}{}", escaped(&safe))),
        ("no-padding", "without padding", format!("{start}{}", safe.trim_end_matches('='))),
        ("lines", "with line breaks every 64 characters", format!("{start}{}%0A", escaped(&lines))),
        (
            "crlf",
            "with CRLF every 64 characters",
            format!("{start}{}", escaped(&lines).replace("%0A", "%0D%0A")),
        ),
        (
            "spaces",
            "with every + turned into a space",
            format!("{start}{}", escaped(&base64.replace('+', " "))),
        ),
        (
            "other-order",
            "message before operation",
            format!("message={}&operation=PKIOperation", escaped(&base64)),
        ),
        (
            "more",
            "with parameters that nobody knows",
            format!("x=1&{start}{}&SessionId=%zz", escaped(&base64)),
        ),
        (
            "escaped-names",
            "names with escapes",
            format!("%6Fperation=PKI%4Fperation&mess%61ge={}", escaped(&base64)),
        ),
    ] {
        add(name, how, by_get(&query), read.clone());
    }
    let post = |target: &str, head: &str, body: &[u8]| {
        let head = format!("POST {target} HTTP/1.1\r\n{head}Content-Length: {}\r\n\r\n", body.len());
        [head.as_bytes(), body].concat()
    };
    let posted = changed(read, &[("method", "POST")]);
    for (name, how, target, head) in [
        ("post", "POST", "/scep?operation=PKIOperation", "Content-Type: application/x-pki-message\r\n"),
        ("post-no-type", "POST without a media type", "/scep?operation=PKIOperation", ""),
        ("post-no-operation", "POST without an operation", "/scep", ""),
        ("post-empty-message", "POST with an empty parameter", "/scep?operation=PKIOperation&message=", ""),
    ] {
        add(name, how, post(target, head, &message), posted.clone());
    }
    let refused = |why: &str| facts(&[("refused", why)]);
    for (name, how, request, why) in [
        ("no-operation", "GET without an operation", by_get("message=AAAA"), "InvalidMessage(Operation)"),
        (
            "lower-case",
            "an operation in lower case",
            by_get("operation=getcacaps"),
            "InvalidMessage(Operation)",
        ),
        (
            "two-operations",
            "two operations",
            by_get("operation=GetCACaps&operation=PKIOperation"),
            "InvalidMessage(Operation)",
        ),
        (
            "two-messages",
            "two messages",
            by_get(&format!("{start}AAAA&message=AAAA")),
            "InvalidMessage(Operation)",
        ),
        (
            "cut-escape",
            "an escape that is cut off",
            by_get(&format!("{start}AA%3")),
            "InvalidMessage(Percent)",
        ),
        (
            "cut-base64",
            "base64 that is cut off",
            by_get(&format!("{start}{}", &safe[..501])),
            "InvalidMessage(Base64)",
        ),
        (
            "no-base64",
            "a character of no alphabet",
            by_get(&format!("{start}MIIB*A==")),
            "InvalidMessage(Base64)",
        ),
        ("empty", "an empty message", by_get(start), "InvalidMessage(Empty)"),
        (
            "empty-body",
            "POST without a body",
            post("/scep?operation=PKIOperation", "", b""),
            "InvalidMessage(Empty)",
        ),
        (
            "post-caps",
            "POST of GetCACaps",
            post("/scep?operation=GetCACaps", "", &message[..9]),
            "InvalidMessage(Method)",
        ),
        (
            "put",
            "PUT",
            b"PUT /scep?operation=PKIOperation HTTP/1.1\r\n\r\nx".to_vec(),
            "InvalidMessage(Method)",
        ),
    ] {
        add(name, how, request, refused(&format!("query: {why}")));
    }
    for (name, how, message) in [
        ("name", "the name of a CA, escaped", "Test%20CA%2F%C3%A4"),
        ("path", "a message that looks like a path", "..%2F..%2Fetc%2Fpasswd"),
    ] {
        let told = if name == "name" { "Test CA/ä" } else { "../../etc/passwd" };
        let expect = facts(&[("operation", "GetCACert"), ("method", "GET"), ("message", told)]);
        add(name, how, by_get(&format!("operation=GetCACert&message={message}")), expect);
    }
}
