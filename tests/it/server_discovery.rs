//! GetCACaps and GetCACert, the certificates behind them, and which keys then open requests and sign replies.

use crate::provider::{PROVIDER, PROVIDER_WITH_LEGACY};
use crate::reading::certs_only;
use crate::requests::*;
use crate::server_kit::*;
use scep::error::{ApiMisuse, BadEnvelope, Error};
use scep::server::{Identity, Responder, ServerConfig};
use scep::transport::HttpRequest;
use scep::wire::{FailInfo, KeyUsage};

fn get(server: &Server, target: &str) -> (Option<String>, Vec<u8>) {
    let answer = server.serve(HttpRequest::new("GET", target, Vec::new()));
    assert_eq!(answer.counts, Counts::default());
    assert!(!answer.changed);
    assert_eq!(answer.outcome.cause, None);
    let reply = answer.outcome.reply;
    assert_eq!((reply.status, reply.retry_after, reply.allow), (200, None, None));
    (reply.content_type.map(|text| text.into_owned()), reply.body)
}

fn text(server: &Server, target: &str) -> String {
    let (media_type, body) = get(server, target);
    assert_eq!(media_type.as_deref(), Some("text/plain"));
    String::from_utf8(body).unwrap()
}

// Q11, quirk 18, I-7, P1, R-3.5-1, R-3.5.2-1, R-3.5.2-2, R-3.5.2-11, R-3.5.2-14, case 1
// R-6-1, R-6-2, R-3.5.2-6: one keyword is not registered, SHA-384, and none is private
#[test]
fn capabilities_are_one_keyword_a_line_in_the_case_of_the_rfc() {
    let server = Server::new().policy(never);
    let expected = "AES\nPOSTPKIOperation\nSHA-256\nSHA-384\nSHA-512\nSCEPStandard\n";
    assert_eq!(text(&server, "/scep?operation=GetCACaps"), expected);
}

// Q11, quirks 18, 19, R-3.5.2-15, R-2.9-2, case 3: what is listed works, and what is not is refused
#[test]
fn capabilities_follow_the_provider() {
    let server = Server::with(config_with(&PROVIDER_WITH_LEGACY));
    let expected = "AES\nDES3\nPOSTPKIOperation\nSHA-1\nSHA-256\nSHA-384\nSHA-512\nSCEPStandard\n";
    assert_eq!(text(&server, "/scep?operation=GetCACaps"), expected);

    static SMALL: scep::crypto::Provider = scep::crypto::Provider {
        digests: &[&crate::provider::SHA256],
        ciphers: &[&crate::provider::AES_128_CBC],
        read_only_ciphers: &[],
        wrappers: &[&crate::provider::RSA_PKCS1V15],
        verifiers: &[&crate::provider::RSA_PKCS1_SHA256],
        password_kdfs: &[],
    };
    let small = Server::with(config_with(&SMALL));
    let expected = "AES\nPOSTPKIOperation\nSHA-256\nSCEPStandard\n";
    assert_eq!(text(&small, "/scep?operation=GetCACaps"), expected);
    small.ask(&pkcs_req()).success();
    let sha512 = with_message(|m| m.digest = scep::wire::Digest::Sha512);
    small.ask(&sha512).refused(FailInfo::BadAlg, 0);
}

// Q18, Q23, quirks 6, 25, R-3.5.1-1, R-4.1-3, I-2, case 2
#[test]
fn any_path_and_any_message_parameter_reach_the_same_answers() {
    let server = Server::new().policy(never);
    let expected = text(&server, "/scep?operation=GetCACaps");
    for target in [
        "/scep?operation=GetCACaps&message=myca",
        "/scep?message=myca&operation=GetCACaps",
        "/scep/p1/pkiclient.exe?operation=GetCACaps&message=*",
        "/cgi-bin/pkiclient.exe?operation=GetCACaps&message",
        "http://ca.test/scep?operation=GetCACaps",
        "?operation=GetCACaps",
    ] {
        assert_eq!(text(&server, target), expected, "{target}");
        let certificate = get(&server, &target.replace("GetCACaps", "GetCACert"));
        assert_eq!(certificate.1, *CA_CERTIFICATE, "{target}");
    }
}

// R-4.7.1-5, case 10
#[test]
fn there_is_no_next_certificate_and_no_keyword_for_it() {
    let server = Server::new().policy(never);
    server.serve(HttpRequest::new("GET", "/scep?operation=GetNextCACert", Vec::new())).http(404);
    assert!(!text(&server, "/scep?operation=GetCACaps").contains("GetNextCACert"));
    assert!(!text(&server, "/scep?operation=GetCACaps").contains("Renewal"));
}

fn ca_certificates(server: &Server) -> Vec<Vec<u8>> {
    let (media_type, body) = get(server, "/scep?operation=GetCACert");
    assert_eq!(media_type.as_deref(), Some("application/x-x509-ca-ra-cert"));
    certs_only(&body)
}

// quirk 11, R-4.2.1.1-1, R-2.2-3, I-6, case 9, case 6
#[test]
fn a_ca_alone_sends_its_bare_certificate() {
    let (media_type, body) = get(&Server::new(), "/scep?operation=GetCACert");
    assert_eq!(media_type.as_deref(), Some("application/x-x509-ca-cert"));
    assert_eq!(body, *CA_CERTIFICATE);
}

// quirk 11, R-4.2.1.2-1, R-2.2-3, R-3.4-1, C-5.1-1, case 7, case 9
#[test]
fn a_ca_under_a_root_sends_both_and_itself_first() {
    let root = X509::ca("CN=Root", &STRANGER).sign(&STRANGER);
    let sub = X509 { issuer: crate::support::name("CN=Root"), ..X509::ca("CN=Server CA", &CA) };
    let sub = sub.sign(&STRANGER);
    let chain = vec![certificate(&sub), certificate(&root)];
    let mut server = Server::with(ServerConfig::new(&PROVIDER, Identity::new(certificate(&sub)), chain));
    server.signing = (&CA, sub.clone());
    assert_eq!(ca_certificates(&server), [sub.clone(), root]);
    let to_sub = |e: &mut Envelope| e.recipient = Recipient::new(&sub, &CA);
    server.ask(&with_envelope(to_sub)).success();
}

/// A server behind one RA certificate.
fn behind_one() -> Server {
    let ra = Identity::new(certificate(&RA_CERTIFICATE));
    let mut server = Server::with(ServerConfig::new(&PROVIDER, ra, vec![certificate(&CA_CERTIFICATE)]));
    server.keys = vec![&RA];
    server.signing = (&RA, RA_CERTIFICATE.clone());
    server
}

/// A server behind an RA certificate for each role.
fn behind_two() -> Server {
    let ra =
        Identity::separate(certificate(&RA_SIGNING_CERTIFICATE), certificate(&RA_ENCRYPTION_CERTIFICATE));
    let mut server = Server::with(ServerConfig::new(&PROVIDER, ra, vec![certificate(&CA_CERTIFICATE)]));
    server.keys = vec![&RA, &RA_ENCRYPTION];
    server.signing = (&RA, RA_SIGNING_CERTIFICATE.clone());
    server
}

// Q10, quirk 11, R-7.2-1, I-6
#[test]
fn one_ra_certificate_opens_requests_and_signs_replies() {
    let server = behind_one();
    assert_eq!(ca_certificates(&server), [RA_CERTIFICATE.clone(), CA_CERTIFICATE.clone()]);
    let to_ra = |e: &mut Envelope| e.recipient = Recipient::new(&RA_CERTIFICATE, &RA);
    server.ask(&with_envelope(to_ra)).success();
    // C-6.2.1-1: by its key identifier as well
    let by_key = |e: &mut Envelope| {
        to_ra(e);
        e.recipient.version = 2;
        e.recipient.rid = crate::support::tlv(0x80, &[&[0xAA; 20]]);
        e.version = 2;
    };
    server.ask(&with_envelope(by_key)).success();
    // the CA's key is not the RA's
    let answer = server.ask(&pkcs_req());
    answer.refused(FailInfo::BadRequest, 0);
    answer.cause(BadEnvelope::Recipient);
}

// Q22, quirks 11, 54
#[test]
fn two_ra_certificates_have_a_role_each() {
    let server = behind_two();
    let expected =
        [RA_SIGNING_CERTIFICATE.clone(), RA_ENCRYPTION_CERTIFICATE.clone(), CA_CERTIFICATE.clone()];
    assert_eq!(ca_certificates(&server), expected);
    let to_ra = |e: &mut Envelope| e.recipient = Recipient::new(&RA_ENCRYPTION_CERTIFICATE, &RA_ENCRYPTION);
    server.ask(&with_envelope(to_ra)).success();
    for (recipient, key) in [(&RA_SIGNING_CERTIFICATE, &RA), (&CA_CERTIFICATE, &CA)] {
        let change = |e: &mut Envelope| e.recipient = Recipient::new(recipient, key);
        let answer = server.ask(&with_envelope(change));
        answer.refused(FailInfo::BadRequest, 0);
        answer.cause(BadEnvelope::Recipient);
    }
}

// C-6.2.1-3: an identity that goes still opens what was sent to it, and answers in its own name
#[test]
fn a_further_identity_opens_requests_and_is_not_shown() {
    let old = Identity::new(certificate(&RA_CERTIFICATE));
    let mut server = Server::with(config().also_open(old));
    server.keys = vec![&CA, &RA];
    assert_eq!(get(&server, "/scep?operation=GetCACert").1, *CA_CERTIFICATE);
    server.ask(&pkcs_req()).success();
    server.signing = (&RA, RA_CERTIFICATE.clone());
    let to_old = |e: &mut Envelope| e.recipient = Recipient::new(&RA_CERTIFICATE, &RA);
    server.ask(&with_envelope(to_old)).success();
}

// Q10, quirk 22, R-2.1.2-2, I-6, case 8
#[test]
fn a_certificate_whose_key_usage_lacks_its_role_is_refused_at_the_start() {
    let refused = |signing: &[u8], encryption: &[u8]| {
        let identity = Identity::separate(certificate(signing), certificate(encryption));
        let config = ServerConfig::new(&PROVIDER, identity, vec![certificate(&CA_CERTIFICATE)]);
        Responder::new(config).err()
    };
    let misuse = Some(Error::from(ApiMisuse::Identity));
    let (signing, encryption) = (&*RA_SIGNING_CERTIFICATE, &*RA_ENCRYPTION_CERTIFICATE);
    assert_eq!(refused(signing, encryption), None);
    assert_eq!(refused(encryption, signing), misuse);
    assert_eq!(refused(signing, signing), misuse);
    assert_eq!(refused(encryption, encryption), misuse);
    let signs_certificates =
        X509 { usage: Some(KeyUsage::KEY_CERT_SIGN | KeyUsage::CRL_SIGN), ..X509::ca("CN=Server CA", &CA) };
    let signs_certificates = signs_certificates.sign(&CA);
    assert_eq!(refused(&signs_certificates, &signs_certificates), misuse);
    // without that extension everything is allowed
    let free = X509 { usage: None, ..X509::of("CN=RA", "CN=Server CA", &RA) }.sign(&CA);
    assert_eq!(refused(&free, &free), None);
}

#[test]
fn a_configuration_that_cannot_work_is_refused_at_the_start() {
    let ca = || certificate(&CA_CERTIFICATE);
    let none = ServerConfig::new(&PROVIDER, Identity::new(ca()), Vec::new());
    assert_eq!(Responder::new(none).err(), Some(ApiMisuse::NoAnchor.into()));
    let garbage = ServerConfig::new(&PROVIDER, Identity::new(ca()), vec![certificate(&[0x30, 0])]);
    assert!(Responder::new(garbage).is_err());
    let garbage = ServerConfig::new(&PROVIDER, Identity::new(certificate(&[1])), vec![ca()]);
    assert!(Responder::new(garbage).is_err());
    static NO_DIGEST: scep::crypto::Provider = scep::crypto::Provider { digests: &[], ..PROVIDER };
    let weak = ServerConfig::new(&NO_DIGEST, Identity::new(ca()), vec![ca()]);
    assert_eq!(Responder::new(weak).err(), Some(ApiMisuse::Algorithm.into()));
    static NO_AES: scep::crypto::Provider = scep::crypto::Provider { ciphers: &[], ..PROVIDER };
    let weak = ServerConfig::new(&NO_AES, Identity::new(ca()), vec![ca()]);
    assert_eq!(Responder::new(weak).err(), Some(ApiMisuse::Algorithm.into()));
}

// Q9, quirks 23, 24, R-3.3.2.1-2, R-3.3.2.1-3, I-16, case 34
#[test]
fn certificates_behind_the_issued_one_keep_their_order() {
    let mut server = Server::new();
    let rest = [RA_CERTIFICATE.clone(), CA_CERTIFICATE.clone()];
    server.issuer.rest = rest.iter().map(|der| certificate(der)).collect();
    let answer = server.ask(&pkcs_req());
    answer.success();
    let (_, opened) = answer.success_for(&DEVICE, &DEVICE_CERTIFICATE);
    assert_eq!(opened.certificates[1..], rest);
}

// A20, N-14
#[test]
fn a_request_line_of_65534_bytes_is_served_and_one_more_is_414() {
    let server = Server::new();
    let target = |length: usize| {
        let start = "/certsrv/mscep/mscep.dll/pkiclient.exe?operation=GetCACaps&message=";
        format!("{start}{}", "x".repeat(length - start.len()))
    };
    for length in [65_533, 65_534] {
        let answer = server.serve(HttpRequest::new("GET", target(length), Vec::new()));
        assert_eq!(answer.outcome.reply.status, 200, "{length}");
    }
    server.serve(HttpRequest::new("GET", target(65_535), Vec::new())).http(414);
}
