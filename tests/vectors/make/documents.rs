//! What is not a pkiMessage: certification requests, certs-only messages, capabilities, the CA's next certificate.

use super::message::{Content, Message};
use super::openssl::Csr;
use super::replies::certs_only;
use super::{CA, CA_CERTIFICATE, DEVICE, Set, changed, facts, pkcs_req};
use crate::manifest::{Fact, Facts};
use scep::wire::Oid;

const NEXT_CA: &str = "C=DE, O=Test vectors, CN=Next test CA";

fn certificates(list: &[&str]) -> Facts {
    Facts::from([("certificates".into(), Fact::list(list.iter().copied()))])
}

fn in_certs_only(list: &[&str]) -> Facts {
    changed(certificates(list), &[("payload", "certs-only")])
}

pub(super) fn make(set: &mut Set<'_>) {
    ca_certificates(set);
    next_ca(set);
    capabilities(set);
    let openssl = set.openssl;
    let mut request = pkcs_req();
    request.retain(|name, _| {
        ["payload", "subject", "requestScheme", "challenge", "names"].contains(&name.as_str())
    });
    let csr = openssl.request("device", Csr::default());
    set.add("openssl/request.der", "csr", "req -new", &csr, request.clone());
    let curve = openssl.request("p256", Csr { subject: "CN=P-256", ..Csr::default() });
    let changes = [("subject", "CN=P-256"), ("requestScheme", "Ecdsa(Sha256)")];
    set.add(
        "openssl/request-p256.der",
        "csr",
        "req -new -key p256.key",
        &curve,
        changed(request.clone(), &changes),
    );
    let mut damaged = csr;
    *damaged.last_mut().unwrap() ^= 1;
    let refused = [("refused", "parse: BadSignature(CertificationRequest)")];
    set.add(
        "hostile/request-damaged.der",
        "csr",
        "the last bit of the signature flipped",
        &damaged,
        changed(request, &refused),
    );
}

fn ca_certificates(set: &mut Set<'_>) {
    let openssl = set.openssl;
    let ca = openssl.certificate("ca");
    set.add("openssl/ca.der", "get-ca-cert", "one bare certificate", &ca, certificates(&[CA]));
    let newline = [&ca[..], b"\r\n"].concat();
    set.add(
        "openssl/ca-newline.der",
        "get-ca-cert",
        "with a line break at the end",
        &newline,
        certificates(&[CA]),
    );
    openssl.write("pair.pem", &[openssl.read("issued.crt"), openssl.read("ca.crt")].concat());
    let pair = certs_only(openssl, "-nocrl -certfile pair.pem");
    set.add(
        "openssl/ca-ra.p7",
        "get-ca-cert",
        "crl2pkcs7 with RA and CA",
        &pair,
        certificates(&[DEVICE, CA]),
    );
    set.add("openssl/certs-only.p7", "certs-only", "the same", &pair, in_certs_only(&[DEVICE, CA]));
    let alone = certs_only(openssl, "-nocrl -certfile ca.crt");
    set.add(
        "openssl/ca-alone.p7",
        "get-ca-cert",
        "one certificate in a certs-only message",
        &alone,
        certificates(&[CA]),
    );
    let crl = certs_only(openssl, "-in ca.crl");
    let expect = changed(in_certs_only(&[]), &[("crls", "1")]);
    set.add("openssl/crl.p7", "certs-only", "crl2pkcs7 with a CRL", &crl, expect);
    let empty = certs_only(openssl, "-nocrl");
    set.add(
        "openssl/certs-only-empty.p7",
        "certs-only",
        "crl2pkcs7 with nothing",
        &empty,
        in_certs_only(&[]),
    );
    set.add(
        "hostile/ca-none.p7",
        "get-ca-cert",
        "certs-only message without certificates",
        &empty,
        facts(&[("refused", "parse: InvalidMessage(NoCertificates)")]),
    );
    let many = Message {
        signers: 0,
        content: Content::Absent,
        certificates: vec![vec![0x30, 0]; 17],
        ..Message::new(openssl, "ca", &[], &[])
    };
    let many = many.build();
    set.add(
        "hostile/ca-many.p7",
        "get-ca-cert",
        "17 elements where certificates belong, one over the limit",
        &many,
        facts(&[("refused", "parse: TooLarge(Certificates)")]),
    );
    let page = b"<html><body>404 not found</body></html>";
    set.add(
        "hostile/ca.html",
        "get-ca-cert",
        "a web page",
        page,
        facts(&[("refused", "parse: InvalidMessage(Ber)")]),
    );
    let half = &ca[..ca.len() / 2];
    set.add(
        "hostile/ca-half.der",
        "get-ca-cert",
        "cut in the middle",
        half,
        facts(&[("refused", "parse: InvalidMessage(Ber)")]),
    );
    let twice = [&ca[..], &ca].concat();
    set.add(
        "hostile/ca-twice.der",
        "get-ca-cert",
        "two bare certificates, one after the other",
        &twice,
        facts(&[("refused", "parse: InvalidMessage(TrailingData)")]),
    );
}

/// GetNextCACert in the form of the RFC, in that of jscep, and what is neither.
fn next_ca(set: &mut Set<'_>) {
    let openssl = set.openssl;
    let next = certs_only(openssl, "-nocrl -certfile next-ca.crt");
    let plain = Message::new(openssl, "ca", &next, &[]);
    let mut add = |file: &str, how: &str, bytes: &[u8], expect: Facts| {
        set.add(file, "get-next-ca-cert", how, bytes, expect).signers = vec![CA_CERTIFICATE.to_owned()];
    };
    let expect = changed(in_certs_only(&[NEXT_CA]), &[("scheme", "RsaPkcs1(Sha256)")]);
    add("openssl/next-ca.der", "certs-only message as eContent, id-data", &plain.build(), expect.clone());
    let typed = Message { content_type: Oid::ID_SIGNED_DATA, version: 3, ..plain.clone() };
    add(
        "openssl/next-ca-signed-data.der",
        "the same, eContentType signedData",
        &typed.build(),
        expect.clone(),
    );
    openssl.write("next", &next);
    let sign = "cms -sign -binary -nodetach -in next -signer ca.crt -inkey ca.key -outform DER -nosmimecap";
    add("openssl/next-ca-cms.der", sign, &openssl.run(sign), expect.clone());
    let ber = Message { content: Content::Chunks(next.clone(), 1000), ber: true, ..plain.clone() };
    add("openssl/next-ca-ber.der", "the same in BER", &ber.build(), expect.clone());
    let mut outside = Message { content: Content::Absent, ..plain.clone() };
    outside.certificates.push(openssl.certificate("next-ca"));
    let beside = changed(expect.clone(), &[("payload", "")]);
    add(
        "openssl/next-ca-outside.der",
        "no eContent, the next certificate beside the signer's, as jscep sends it",
        &outside.build(),
        beside,
    );
    let refused = |why| facts(&[("refused", why)]);
    add(
        "hostile/next-ca-unsigned.der",
        "the certs-only message without a signature",
        &next,
        refused("parse: InvalidMessage(SignerCount)"),
    );
    let own = Message::new(openssl, "next-ca", &next, &[]);
    add(
        "hostile/next-ca-by-next.der",
        "signed by the next CA",
        &own.build(),
        refused("verify: BadSignature(UntrustedSigner)"),
    );
    let mut tampered = plain.build();
    let at = tampered.windows(4).position(|window| window == b"Next").unwrap();
    tampered[at] = b'M';
    add(
        "hostile/next-ca-tampered.der",
        "one letter of the certificate changed",
        &tampered,
        refused("verify: BadSignature(MessageDigest)"),
    );
}

/// Capability text in every form.
fn capabilities(set: &mut Set<'_>) {
    let standard = ["AES", "POSTPKIOperation", "Renewal", "SHA-256", "SCEPStandard"];
    let lines = |end: &str| standard.map(|line| format!("{line}{end}")).concat().into_bytes();
    let list = |words: &[&str]| Facts::from([("capabilities".into(), Fact::list(words.iter().copied()))]);
    let all: Vec<&str> = [
        "AES",
        "DES3",
        "GetNextCACert",
        "POSTPKIOperation",
        "Renewal",
        "SHA-1",
        "SHA-256",
        "SHA-384",
        "SHA-512",
        "SCEPStandard",
    ]
    .to_vec();
    let long = "X".repeat(4097);
    let many = "AES\n".repeat(65);
    for (name, how, bytes, expect) in [
        ("lf", "lines end with LF", lines("\n"), list(&standard)),
        ("crlf", "lines end with CRLF", lines("\r\n"), list(&standard)),
        ("cr", "lines end with CR", lines("\r"), list(&standard)),
        ("no-last-end", "no line end at the end", b"AES\nSHA-256".to_vec(), list(&["AES", "SHA-256"])),
        ("lower-case", "lower case", lines("\n").to_ascii_lowercase(), list(&standard)),
        (
            "blank",
            "empty lines and blanks around words",
            b"\n AES \n\n\tSHA-256\t\n \n".to_vec(),
            list(&["AES", "SHA-256"]),
        ),
        (
            "reversed-all",
            "all, in reverse order",
            all.iter().rev().flat_map(|word| [*word, "\n"]).collect::<String>().into_bytes(),
            list(&all),
        ),
        ("unknown", "words that nobody knows", b"Update\nAES-GCM\nAES\nFOO=bar\n".to_vec(), list(&["AES"])),
        ("standard-only", "SCEPStandard alone", b"SCEPStandard\n".to_vec(), list(&["SCEPStandard"])),
        ("empty", "nothing", Vec::new(), list(&[])),
        ("one-line", "words in one line", b"AES SHA-256 POSTPKIOperation\n".to_vec(), list(&[])),
        ("page", "a web page", b"<html>\nAES is <b>not</b> here\n</html>\n".to_vec(), list(&[])),
        (
            "not-utf8",
            "bytes that are no UTF-8, and a NUL",
            b"\xFF\xFEAES\nSHA-512\nAES\0\n".to_vec(),
            list(&["SHA-512"]),
        ),
        ("mark", "a byte order mark", b"\xEF\xBB\xBFAES\nSHA-512\n".to_vec(), list(&["SHA-512"])),
        (
            "long",
            "one byte too long",
            long.into_bytes(),
            facts(&[("refused", "parse: TooLarge(Capabilities)")]),
        ),
        (
            "many",
            "one line too many",
            many.into_bytes(),
            facts(&[("refused", "parse: TooLarge(Capabilities)")]),
        ),
    ] {
        set.add(&format!("hostile/caps-{name}.txt"), "capabilities", how, &bytes, expect);
    }
}
