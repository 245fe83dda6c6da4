//! Renewal: who may, what for, and that the type of a message alone gives nothing.

use crate::provider::{PROVIDER, PROVIDER_WITH_LEGACY, SoftwareKey};
use crate::requests::*;
use crate::server_kit::*;
use crate::support::{CHALLENGE, NOW, YEAR, at, name, seeded, tlv};
use scep::Error;
use scep::crypto::{ChallengePassword, Purpose, SignJob};
use scep::error::{BadSignature, InvalidMessage, PeerMisbehaved, Unsupported};
use scep::server::{
    Decide, Event, Evidence, Exchange, Identity, Refusal, ServerConfig, SharedSecret, State, Status,
};
use scep::wire::{
    Certificate, CertificationRequest, Digest, FailInfo, KeyUsage, Limits, MessageType, Oid, SignatureScheme,
};
use std::time::Duration;

/// A server that renews.
fn server() -> Server {
    Server::with(config().renewal(true)).policy(never).renewal(renew)
}

/// A certificate of the CA for the device, with a change.
fn old(change: impl FnOnce(&mut X509)) -> Vec<u8> {
    let mut template = X509 { serial: vec![0x51], ..X509::of(SUBJECT, "CN=Server CA", &DEVICE) };
    change(&mut template);
    template.sign(&CA)
}

fn with_alt_names(names: &[&str]) -> Vec<u8> {
    old(|t| t.extensions.push((Oid::SUBJECT_ALT_NAME, dns_names(names))))
}

/// A CSR that asks for these alternative names.
fn asking_for(value: Vec<u8>) -> impl Fn(&mut Csr) {
    move |csr| csr.attributes = Some(vec![extension_request(&[(Oid::SUBJECT_ALT_NAME, value.clone())])])
}

// R-2.3-10, R-2.4-5, R-2.5-2, R-2.5-3
#[test]
fn a_renewal_is_granted_for_the_new_key_and_answered_to_the_old_one() {
    let server = server();
    let answer = server.ask(&renewal_req());
    let (_, opened) = answer.success_for(&DEVICE, &OLD_CERTIFICATE);
    let issued = Certificate::parse(&opened.certificates[0]).unwrap();
    assert_eq!(issued.public_key().as_der(), DEVICE_2.public());
    answer.message_type(Some(MessageType::RenewalReq));
    let expected = Counts { decrypted: 1, loaded: 1, decided: 1, recorded: 1, signed: 1 };
    assert_eq!(answer.counts, expected);
    assert!(answer.outcome.events.is_empty());
    assert!(server.transaction().is_renewal());
    // asked again, it is delivered and not decided
    let server = server.renewal(|_, question, _| panic!("{question:?}"));
    let again = server.ask(&renewal_req()).success_for(&DEVICE, &OLD_CERTIFICATE).1;
    assert_eq!(again.certificates, opened.certificates);
}

#[test]
fn a_question_about_a_renewal_knows_both_certificates_and_the_request() {
    let server = server();
    let question = server.up_to_renewal(&renewal_req());
    assert_eq!(question.certificate().as_ref(), *OLD_CERTIFICATE);
    assert_eq!(question.requested().public_key(), DEVICE_2.public());
    assert_eq!(question.requested().subject().unwrap().as_der(), name(SUBJECT));
    assert_eq!(question.transaction().signer(), &crate::support::sha256(DEVICE.public()));
    assert_eq!(question.record().state(), &State::Pending);
    assert!(question.record().is_renewal());
    assert_eq!(question.recipient().as_ref(), *CA_CERTIFICATE);
    assert_eq!(question.message_type(), MessageType::RenewalReq);
    assert!(!question.is_held() && question.challenge().is_none() && question.csr().is_some());
    let authorized = question.approve_unrevoked().unwrap();
    assert_eq!(authorized.evidence(), Evidence::Certificate);
    assert_eq!(authorized.recipient().as_ref(), *CA_CERTIFICATE);
    server.go_on(authorized.unavailable()).unavailable();
}

// R-2.5-2, R-2.5-4, T17: due within a window, and for another key or not
#[test]
fn when_a_renewal_is_due_and_whether_it_changes_the_key_is_told() {
    let mut server = server();
    let month = Duration::from_secs(30 * 24 * 3600);
    let question = server.up_to_renewal(&renewal_req());
    assert_eq!(question.expires(), at(NOW + YEAR));
    assert!(question.changes_key());
    assert!(
        !question.is_due(month)
            && question.is_due(Duration::from_secs(YEAR))
            && question.is_due(Duration::MAX)
    );
    server.now = NOW + YEAR - month.as_secs();
    let same_key = renewal_with("17", &OLD_CERTIFICATE, |csr| {
        *csr = Csr { attributes: Some(Vec::new()), ..Csr::new(&DEVICE) };
    });
    let question = server.up_to_renewal(&same_key);
    assert!(!question.changes_key());
    assert!(question.is_due(month) && !question.is_due(month - Duration::from_secs(1)));
    // the client is told why not
    let answer = server.go_on(question.refuse_because("not due yet", &mut seeded(1)));
    assert_eq!(answer.outcome.summary.detail.as_deref(), Some("not due yet"));
    assert_eq!(answer.outcome.summary.status, Status::Failure(FailInfo::BadRequest));
    assert!(!answer.changed);
}

// E14, T16, case 57: only the owner knows what was revoked
#[test]
fn a_renewal_that_the_owner_refuses_leaves_no_trace() {
    let server = server().renewal(|_, question, rng| question.refuse(Refusal::Revoked, rng));
    let answer = server.ask(&renewal_req());
    answer.refused(FailInfo::BadRequest, 1);
    answer.cause(PeerMisbehaved::NotRenewable);
    let server = server.renewal(|_, question, _| question.unavailable());
    let answer = server.ask(&renewal_req());
    answer.unavailable();
    assert!(!answer.changed);
}

// E20, R-2.3-7: off unless switched on; PKCSReq is what it always was
#[test]
fn without_the_switch_nothing_is_a_renewal() {
    let mut server = Server::new().policy(never);
    let answer = server.ask(&renewal_req());
    answer.refused(FailInfo::BadRequest, 0);
    answer.cause(Unsupported::Operation);
    let answer = server.ask(&renewal_with("19", &OLD_CERTIFICATE, |_| ()));
    answer.refused(FailInfo::BadRequest, 1);
    answer.cause(BadSignature::KeyMismatch);
    server.policy = by_challenge;
    let first = Message::new("19", pkcs_req().content, &DEVICE, &OLD_CERTIFICATE);
    server.ask(&first).success_for(&DEVICE, &OLD_CERTIFICATE);
    assert!(!server.transaction().is_renewal());
}

type Stranger = (&'static str, Error, Vec<u8>);

/// Certificates of the device's key that may not renew, and why.
fn strangers() -> Vec<Stranger> {
    let path = BadSignature::Path;
    let dates = BadSignature::Validity;
    let role = PeerMisbehaved::NotRenewable;
    let purposes = |purposes: &[Oid<'_>]| {
        let list: Vec<u8> = purposes.iter().flat_map(|purpose| oid(*purpose)).collect();
        old(|t| t.extensions.push((Oid::EXTENDED_KEY_USAGE, seq(&[&list]))))
    };
    let ocsp_signing = Oid::new(&[0x2B, 6, 1, 5, 5, 7, 3, 9]);
    vec![
        ("self-signed", path.into(), DEVICE_CERTIFICATE.clone()),
        // the same subject as one that was issued, and the same issuer, but not the issuer's key
        ("look-alike, self-signed", path.into(), X509::of(SUBJECT, "CN=Server CA", &DEVICE).sign(&DEVICE)),
        ("of a look-alike CA", path.into(), X509::of(SUBJECT, "CN=Server CA", &DEVICE).sign(&STRANGER)),
        ("of another CA", path.into(), X509::of(SUBJECT, "CN=Other CA", &DEVICE).sign(&STRANGER)),
        (
            "of the CA's key with another name",
            path.into(),
            X509::of(SUBJECT, "CN=Other CA", &DEVICE).sign(&CA),
        ),
        ("expired", dates.into(), old(|t| t.validity = validity(NOW - YEAR, NOW - 1))),
        ("not yet valid", dates.into(), old(|t| t.validity = validity(NOW + 1, NOW + YEAR))),
        ("a sub CA", role.into(), old(|t| t.is_ca = true)),
        (
            "unreadable basic constraints",
            role.into(),
            old(|t| t.extensions.push((Oid::BASIC_CONSTRAINTS, vec![5, 0]))),
        ),
        (
            "may sign certificates",
            role.into(),
            old(|t| t.usage = Some(KeyUsage::DIGITAL_SIGNATURE | KeyUsage::KEY_CERT_SIGN)),
        ),
        ("for encryption only", role.into(), old(|t| t.usage = Some(KeyUsage::KEY_ENCIPHERMENT))),
        ("for nothing", role.into(), old(|t| t.usage = Some(KeyUsage::NONE))),
        (
            "unreadable key usage",
            role.into(),
            old(|t| {
                t.usage = None;
                t.extensions.push((Oid::KEY_USAGE, vec![5, 0]));
            }),
        ),
        ("an RA", role.into(), purposes(&[Oid::CLIENT_AUTH, Oid::CMC_RA])),
        ("a CMC CA", role.into(), purposes(&[Oid::CMC_CA])),
        ("an enrolment agent", role.into(), purposes(&[Oid::ENROLLMENT_AGENT])),
        ("an OCSP responder", role.into(), purposes(&[ocsp_signing])),
        (
            "unreadable purposes",
            role.into(),
            old(|t| t.extensions.push((Oid::EXTENDED_KEY_USAGE, vec![5, 0]))),
        ),
        ("no purposes", role.into(), purposes(&[])),
    ]
}

// E14, R-2.4-7, T16, T7, case 55, case 56, case 57: before any private key is used
#[test]
fn a_stranger_cannot_renew_and_no_key_is_used_for_him() {
    let server = server().renewal(|_, question, _| panic!("{question:?}"));
    for (what, cause, certificate) in strangers() {
        let answer = server.ask(&renewal_with("17", &certificate, |_| ()));
        answer.refused(FailInfo::BadRequest, 0);
        assert_eq!(answer.outcome.cause, Some(cause), "{what}");
        assert_eq!(answer.counts, Counts { signed: 1, ..Counts::default() }, "{what}");
    }
}

// T14, T18, R-2.3-11: what a stranger signs needs a challenge, and is for his own key
#[test]
fn pkcs_req_of_a_stranger_is_never_a_renewal() {
    let mut server = server().renewal(|_, question, _| panic!("{question:?}"));
    for (what, _, certificate) in strangers() {
        server.policy = never;
        let answer = server.ask(&renewal_with("19", &certificate, |_| ()));
        answer.refused(FailInfo::BadRequest, 1);
        answer.cause(BadSignature::KeyMismatch);
        server.policy = by_challenge;
        let without = renewal_with("19", &certificate, |csr| {
            *csr = Csr { attributes: Some(Vec::new()), ..Csr::new(&DEVICE) };
        });
        let answer = server.ask(&without);
        answer.refused(FailInfo::BadRequest, 1);
        answer.cause(PeerMisbehaved::Challenge);
        assert_eq!(answer.counts.decided, 1, "{what}");
    }
    server.ask(&Message::new("19", pkcs_req().content, &DEVICE, &DEVICE_CERTIFICATE)).success();
}

// T16: the keys of the server and of the CA renew nothing, whatever their certificates say
#[test]
fn the_servers_own_keys_cannot_renew() {
    let ra =
        Identity::separate(certificate(&RA_SIGNING_CERTIFICATE), certificate(&RA_ENCRYPTION_CERTIFICATE));
    let config = ServerConfig::new(&PROVIDER, ra, vec![certificate(&CA_CERTIFICATE)]).renewal(true);
    let mut server = Server::with(config).policy(never).renewal(|_, question, _| panic!("{question:?}"));
    server.signing = (&RA, RA_SIGNING_CERTIFICATE.clone());
    server.keys = vec![&RA, &RA_ENCRYPTION];
    let keys: [&'static Key; 3] = [&RA, &RA_ENCRYPTION, &CA];
    for key in keys {
        // another certificate for that key
        let certificate = X509::of(SUBJECT, "CN=Server CA", key).sign(&CA);
        let csr = Csr { attributes: Some(Vec::new()), ..Csr::new(key) };
        let envelope =
            Envelope::to(csr.encode(), Recipient::new(&RA_ENCRYPTION_CERTIFICATE, &RA_ENCRYPTION)).encode();
        let answer = server.ask(&Message::new("17", envelope, key, &certificate));
        answer.refused(FailInfo::BadRequest, 0);
        answer.cause(PeerMisbehaved::NotRenewable);
    }
}

// T16: these say nothing against a device
#[test]
fn a_device_with_usual_purposes_or_none_can_renew() {
    let server = server();
    let client = seq(&[&oid(Oid::CLIENT_AUTH), &oid(Oid::SERVER_AUTH)]);
    for (index, certificate) in [
        old(|t| t.extensions.push((Oid::EXTENDED_KEY_USAGE, client))),
        old(|t| t.usage = None),
        old(|t| t.usage = Some(KeyUsage::DIGITAL_SIGNATURE)),
        old(|t| t.validity = validity(NOW, NOW)),
        old(|t| t.version = None),
    ]
    .into_iter()
    .enumerate()
    {
        let mut message = renewal_with("17", &certificate, |_| ());
        message.set_transaction(format!("tx-{index}").as_bytes());
        let read = server.ask(&message).cert_rep();
        assert_eq!(read.status, "0", "{index}");
    }
}

// R-2.3-6, E14: a CA that the configuration names, and no other; what comes with a message names nobody
#[test]
fn certificates_of_named_issuers_can_renew() {
    let other = X509::ca("CN=Other CA", &STRANGER).sign(&STRANGER);
    let foreign = X509::of(SUBJECT, "CN=Other CA", &DEVICE).sign(&STRANGER);
    let mut message = renewal_with("17", &foreign, |_| ());
    message.certificates.push(other.clone());
    let answer_of = |server: &Server| server.ask(&message).outcome.summary.status;
    assert_eq!(answer_of(&server()), Status::Failure(FailInfo::BadRequest));
    let named = Server::with(config().renewal(true).also_renew(vec![certificate(&other)])).renewal(renew);
    assert_eq!(answer_of(&named), Status::Success);
    // named, but not on
    let off = Server::with(config().also_renew(vec![certificate(&other)])).policy(never);
    assert_eq!(answer_of(&off), Status::Failure(FailInfo::BadRequest));
    // certificates of the root are not those of the CA under it
    let root = X509::ca("CN=Root", &STRANGER).sign(&STRANGER);
    let sub = X509 { issuer: name("CN=Root"), ..X509::ca("CN=Server CA", &CA) }.sign(&STRANGER);
    let chain = vec![certificate(&sub), certificate(&root)];
    let config = ServerConfig::new(&PROVIDER, Identity::new(certificate(&sub)), chain).renewal(true);
    let mut server = Server::with(config).renewal(renew);
    server.signing = (&CA, sub.clone());
    for (certificate, cause) in [
        (X509::of(SUBJECT, "CN=Root", &DEVICE).sign(&STRANGER), Some(Error::from(BadSignature::Path))),
        (OLD_CERTIFICATE.clone(), None),
    ] {
        let csr = Csr { attributes: Some(Vec::new()), ..Csr::new(&DEVICE_2) };
        let envelope = Envelope::to(csr.encode(), Recipient::new(&sub, &CA)).encode();
        let answer = server.ask(&Message::new("17", envelope, &DEVICE, &certificate));
        assert_eq!(answer.outcome.cause, cause);
    }
}

// E14, T16, T20, case 58: the same subject, and no alternative name more
#[test]
fn a_renewal_for_another_name_is_refused() {
    let server = server().renewal(|_, question, _| panic!("{question:?}"));
    let two = with_alt_names(&["a.example", "b.example"]);
    let otherwise: Vec<(&str, Message)> = vec![
        ("other subject", renewal_with("17", &two, |csr| csr.subject = name("O=Test, CN=dev2"))),
        ("longer subject", renewal_with("17", &two, |csr| csr.subject = name("O=Test, CN=dev1, CN=dev2"))),
        ("no subject", renewal_with("17", &two, |csr| csr.subject = vec![0x30, 0])),
        ("another name", renewal_with("17", &two, asking_for(dns_names(&["c.example"])))),
        ("one name more", renewal_with("17", &two, asking_for(dns_names(&["a.example", "c.example"])))),
        ("other letters", renewal_with("17", &two, asking_for(dns_names(&["A.example"])))),
        ("another kind", renewal_with("17", &two, asking_for(seq(&[&tlv(0x81, &[b"a.example"])])))),
        ("unreadable names", renewal_with("17", &two, asking_for(vec![5, 0]))),
        (
            "names of a certificate without",
            renewal_with("17", &OLD_CERTIFICATE, asking_for(dns_names(&["a.example"]))),
        ),
    ];
    for (what, message) in otherwise {
        let answer = server.ask(&message);
        answer.refused(FailInfo::BadRequest, 1);
        assert_eq!(answer.outcome.cause, Some(PeerMisbehaved::NotRenewable.into()), "{what}");
        assert_eq!((answer.counts.loaded, answer.counts.decided), (0, 0), "{what}");
    }
}

// E14, T20, T21, case 58: names are compared by what they say, alternative ones byte for byte in any order
#[test]
fn a_renewal_for_the_same_names_in_another_form_is_a_renewal() {
    let server = server();
    let two = with_alt_names(&["a.example", "b.example"]);
    let messages = [
        renewal_with("17", &two, |_| ()),
        renewal_with("17", &two, asking_for(dns_names(&["b.example", "a.example"]))),
        renewal_with("17", &two, asking_for(dns_names(&["b.example"]))),
        renewal_with("17", &two, asking_for(dns_names(&[]))),
        renewal_with("17", &two, |csr| csr.subject = name("O=TEST, CN=Dev1")),
    ];
    for message in messages {
        let question = server.up_to_renewal(&message);
        assert!(question.changes_key());
    }
}

// R-7.6-1, T15, case 59: possession of the new key is shown by the new key
#[test]
fn a_renewal_that_the_new_key_did_not_sign_is_refused() {
    let server = server().renewal(|_, question, _| panic!("{question:?}"));
    for message_type in ["17", "19"] {
        let third_partys = renewal_with(message_type, &OLD_CERTIFICATE, |csr| csr.key = &DEVICE);
        let answer = server.ask(&third_partys);
        answer.refused(FailInfo::BadRequest, 1);
        answer.cause(BadSignature::CertificationRequest);
    }
}

// Q14, quirk 48, P10, I-15, R-2.3-5, T18, case 62: what the signer is, and not the type, makes it a renewal
#[test]
fn pkcs_req_under_the_old_certificate_is_a_renewal_too() {
    let mut server = server();
    let question = server.up_to_renewal(&renewal_with("19", &OLD_CERTIFICATE, |_| ()));
    assert_eq!(question.message_type(), MessageType::PkcsReq);
    assert!(question.changes_key());
    // the same key, with a challenge
    let first = Message::new("19", pkcs_req().content, &DEVICE, &OLD_CERTIFICATE);
    let question = server.up_to_renewal(&first);
    assert!(!question.changes_key());
    assert_eq!(question.challenge().unwrap().expose(), CHALLENGE);

    // another subject is a first request: with the very key that is to be certified, or not at all
    let other = |key: &'static Key| {
        renewal_with("19", &OLD_CERTIFICATE, |csr| {
            *csr = Csr { subject: name("CN=other"), ..Csr::new(key) };
        })
    };
    let answer = server.ask(&other(&DEVICE_2));
    answer.refused(FailInfo::BadRequest, 1);
    answer.cause(BadSignature::KeyMismatch);
    server.policy = by_challenge;
    server.ask(&other(&DEVICE)).success_for(&DEVICE, &OLD_CERTIFICATE);
    assert!(!server.transaction().is_renewal());
}

// Q15, R-2.4-6, T18: a renewal may be decided by its challenge, and then counts as a first request
#[test]
fn a_renewal_can_be_taken_for_a_first_request() {
    let server = server().renewal(|issuer, question, rng| by_challenge(issuer, question.into_enrol(), rng));
    let with = |text: &str| {
        renewal_with("17", &OLD_CERTIFICATE, |csr| {
            csr.attributes = Some(vec![challenge(PRINTABLE, text.as_bytes())]);
        })
    };
    let answer = server.ask(&with("wrong"));
    answer.refused(FailInfo::BadRequest, 1);
    answer.cause(PeerMisbehaved::Challenge);
    server.ask(&renewal_req()).refused(FailInfo::BadRequest, 1);
    let answer = server.ask(&with(CHALLENGE));
    answer.success_for(&DEVICE, &OLD_CERTIFICATE);
    // it is for another key than the signer's, which a stranger's may not be
    assert_eq!(answer.outcome.events, [Event::OtherSigner]);
    assert!(!server.transaction().is_renewal());

    // what is held then comes back as one, whoever signs with that key
    let mut server = self::server().renewal(|_, question, rng| question.into_enrol().hold(rng)).policy(hold);
    server.ask(&renewal_req()).pending();
    assert!(!server.transaction().is_renewal());
    server.ask(&cert_poll()).pending();
    server.policy = approve;
    server.ask(&cert_poll()).success_for(&DEVICE, &DEVICE_CERTIFICATE);
    // both: the certificate and the challenge
    let server = self::server();
    let question = server.up_to_renewal(&with(CHALLENGE));
    assert!(question.challenge().unwrap().matches(&ChallengePassword::new(CHALLENGE).unwrap()));
    let secret = SharedSecret::new(ChallengePassword::new(CHALLENGE).unwrap());
    let authorized = secret.redeem(question.into_enrol()).unwrap();
    assert_eq!(authorized.evidence(), Evidence::SharedSecret);
    server.go_on(authorized.unavailable()).unavailable();
}

fn hold_renewal(_: &Issuer, question: scep::server::Renew, rng: &mut scep::crypto::Rng<'_>) -> Exchange {
    question.hold(rng)
}

/// A poll of the device under this certificate.
fn poll_under(certificate: &[u8]) -> Message {
    cert_poll_of(&DEVICE, certificate)
}

// R-2.4-8, R-2.5-8, R-3.3.3-2: polls and resends bring the same question back
#[test]
fn a_held_renewal_is_pending_until_it_is_approved() {
    let server = server().renewal(hold_renewal);
    let answer = server.ask(&renewal_req());
    answer.pending();
    assert!(answer.changed);
    assert!(server.transaction().is_renewal());
    for message in [poll_under(&OLD_CERTIFICATE), renewal_req()] {
        let answer = server.ask(&message);
        answer.pending();
        assert_eq!((answer.counts.recorded, answer.counts.decided), (0, 1));
    }
    let question = server.up_to_renewal(&poll_under(&OLD_CERTIFICATE));
    assert!(question.is_held() && question.csr().is_none() && question.challenge().is_none());
    assert_eq!(question.message_type(), MessageType::CertPoll);
    assert_eq!(question.certificate().as_ref(), *OLD_CERTIFICATE);
    assert_eq!(question.requested().public_key(), DEVICE_2.public());
    let server = server.renewal(renew);
    let (_, opened) = server.ask(&poll_under(&OLD_CERTIFICATE)).success_for(&DEVICE, &OLD_CERTIFICATE);
    let issued = Certificate::parse(&opened.certificates[0]).unwrap();
    assert_eq!(issued.public_key().as_der(), DEVICE_2.public());
}

// R-4.4.1-1, E14
#[test]
fn a_held_renewal_that_is_refused_stays_refused() {
    let server = server().renewal(hold_renewal);
    server.ask(&renewal_req()).pending();
    let server = server.renewal(|_, question, rng| question.refuse(Refusal::Revoked, rng));
    let answer = server.ask(&poll_under(&OLD_CERTIFICATE));
    assert_eq!(answer.cert_rep().fail_info.as_deref(), Some("2"));
    answer.cause(PeerMisbehaved::NotRenewable);
    assert_eq!(*server.transaction().state(), State::Rejected);
    let answer = server.ask(&renewal_req());
    answer.refused(FailInfo::BadRequest, 1);
    answer.cause(PeerMisbehaved::StoredRefusal);
}

// T16, T18, E14: the signer's certificate is judged again, and a held renewal never becomes a first request
#[test]
fn a_held_renewal_is_decided_only_for_a_certificate_that_may_renew_now() {
    let mut server = server().renewal(hold_renewal);
    server.ask(&renewal_req()).pending();
    let before = server.snapshot();
    server.renewal = |_, question, _| panic!("{question:?}");
    server.policy = never;
    let other_subject = old(|t| t.subject = name("O=Test, CN=dev2"));
    let mut under: Vec<(&str, Error, Vec<u8>)> = strangers();
    under.push(("of another subject", PeerMisbehaved::NotRenewable.into(), other_subject));
    for (what, cause, certificate) in under {
        let answer = server.ask(&poll_under(&certificate));
        answer.refused(FailInfo::BadRequest, 0);
        assert_eq!(answer.outcome.cause, Some(cause), "{what}");
        assert_eq!((answer.counts.recorded, answer.counts.decided), (0, 0), "{what}");
        assert_eq!(server.snapshot(), before, "{what}");
    }
}

// T16, E14: the certificate ran out while the request was held
#[test]
fn a_held_renewal_of_a_certificate_that_expired_meanwhile_waits_for_its_successor() {
    let ca = X509 { validity: validity(NOW - 60, NOW + 9 * YEAR), ..X509::ca("CN=Server CA", &CA) }.sign(&CA);
    let config = ServerConfig::new(&PROVIDER, Identity::new(certificate(&ca)), vec![certificate(&ca)]);
    let config = config.renewal(true).retention(Duration::from_secs(2 * YEAR), Duration::ZERO);
    let mut kept = Server::with(config).renewal(hold_renewal).policy(never);
    kept.signing = (&CA, ca);
    kept.ask(&renewal_req()).pending();
    kept.now = NOW + YEAR + 1;
    let answer = kept.ask(&poll_under(&OLD_CERTIFICATE));
    answer.refused(FailInfo::BadRequest, 0);
    answer.cause(BadSignature::Validity);
    assert_eq!(*kept.transaction().state(), State::Pending);
    // under its successor, which is for the same subject, it goes on
    let successor = old(|t| t.validity = validity(NOW + YEAR, NOW + 2 * YEAR));
    kept.ask(&poll_under(&successor)).pending();
}

// quirk 49: a client that keeps key, transactionID and request, and signs under the certificate that it got
#[test]
fn the_first_request_again_under_the_certificate_that_it_got_is_a_renewal_and_no_repeat() {
    let under = |certificate: &[u8], number| {
        renewal_with(number, certificate, |csr| {
            *csr = Csr::new(&DEVICE);
        })
    };
    let server = server().policy(by_challenge);
    let first = server.ask(&under(&DEVICE_CERTIFICATE, "19")).success();
    let renew = || {
        let opened = server.ask(&under(&OLD_CERTIFICATE, "17")).success_for(&DEVICE, &OLD_CERTIFICATE).1;
        opened.certificates[0].clone()
    };
    let renewed = renew();
    assert_ne!(first, renewed);
    assert_eq!(server.issuer.count(), 2);
    // and that is repeated without another one
    assert_eq!(renew(), renewed);
    assert_eq!(server.issuer.count(), 2);
}

// T18, E20: the same request again under a certificate of one's own, and renewal switched off meanwhile
#[test]
fn a_held_renewal_is_not_decided_by_a_resend_of_a_stranger_nor_after_it_was_switched_off() {
    let same_key = |certificate: &[u8], number| {
        renewal_with(number, certificate, |csr| {
            *csr = Csr::new(&DEVICE);
        })
    };
    let server = server().renewal(hold_renewal);
    server.ask(&same_key(&OLD_CERTIFICATE, "17")).pending();
    let answer = server.ask(&same_key(&DEVICE_CERTIFICATE, "19"));
    answer.refused(FailInfo::BadRequest, 1);
    answer.cause(PeerMisbehaved::TransactionBusy);
    assert_eq!((answer.counts.decided, answer.counts.recorded), (0, 0));
    // the other type under the old certificate is the same request
    server.ask(&same_key(&OLD_CERTIFICATE, "19")).pending();

    let off = Server::new().policy(never);
    let lookup =
        |message: &Message| match off.walk(message.encode(), |step| matches!(step, Exchange::Lookup(_))) {
            Exchange::Lookup(lookup) => lookup.complete(Some(server.transaction()), &mut seeded(2)),
            other => panic!("{other:?}"),
        };
    let answer = off.go_on(lookup(&poll_under(&OLD_CERTIFICATE)));
    assert_eq!(answer.cert_rep().fail_info.as_deref(), Some("2"));
    answer.cause(Unsupported::Operation);
    assert_eq!((answer.counts.decided, answer.counts.recorded), (0, 0));
}

// R-5.2-3, T26: a finished one is delivered to the key that asked, as ever
#[test]
fn a_renewal_that_was_granted_is_delivered_by_the_key_alone() {
    let server = server();
    let (_, opened) = server.ask(&renewal_req()).success_for(&DEVICE, &OLD_CERTIFICATE);
    let server = server.renewal(|_, question, _| panic!("{question:?}"));
    let (_, again) = server.ask(&cert_poll()).success_for(&DEVICE, &DEVICE_CERTIFICATE);
    assert_eq!(again.certificates, opened.certificates);
    // the new key signed nothing yet
    let new = X509::of(SUBJECT, "CN=Server CA", &DEVICE_2).sign(&CA);
    let answer = server.ask(&cert_poll_of(&DEVICE_2, &new));
    answer.refused(FailInfo::BadCertId, 0);
}

// T25: its signature is all that it needs, so it is not forgotten as long as that counts
#[test]
fn a_recorded_renewal_is_granted_once_as_long_as_its_certificate_lives() {
    let mut server = server();
    let ends = NOW + 10 * 86_400;
    let certificate = old(|t| t.validity = validity(NOW - 60, ends));
    let recorded = renewal_with("17", &certificate, |_| ());
    let (_, opened) = server.ask(&recorded).success_for(&DEVICE, &certificate);
    for later in [2 * 86_400, 9 * 86_400, 10 * 86_400] {
        server.now = NOW + later;
        server.store.purge(at(server.now));
        let (_, again) = server.ask(&recorded).success_for(&DEVICE, &certificate);
        assert_eq!(again.certificates, opened.certificates);
    }
    server.now = ends + 1;
    server.store.purge(at(server.now));
    assert!(server.store.is_empty());
    server.forget();
    server.ask(&recorded).failure(FailInfo::BadRequest, 0);
    assert_eq!(server.issuer.count(), 1);
}

// T16: what is critical and not understood may say that it is no device's
#[test]
fn a_certificate_with_a_critical_extension_that_is_not_understood_renews_nothing() {
    let constraint = (Oid::new(&[0x55, 0x1D, 30]), seq(&[]));
    for critical in [true, false] {
        let certificate = old(|t| {
            t.extensions.push(constraint.clone());
            t.critical = critical;
        });
        let server = server();
        let answer = server.ask(&renewal_with("17", &certificate, |_| ()));
        match critical {
            true => answer.cause(PeerMisbehaved::NotRenewable),
            false => assert_eq!(answer.cert_rep().status, "0"),
        }
    }
}

// R-7.9-1: SHA-1 is too weak where the signature is all there is; a challenge is not forged by it
#[test]
fn a_renewal_signed_with_sha_1_is_not_approved_by_its_signature() {
    let server = Server::with(config_with(&PROVIDER_WITH_LEGACY).renewal(true)).policy(never);
    let mut weak = renewal_req();
    weak.digest = Digest::Sha1;
    let question = server.up_to_renewal(&weak).approve_unrevoked().unwrap_err();
    assert_eq!(question.into_enrol().approve().evidence(), Evidence::Operator);
    // a strong signature around a request that is signed with SHA-1
    let inner = renewal_with("17", &OLD_CERTIFICATE, |csr| {
        (csr.digest, csr.algorithm) = (Digest::Sha1, algorithm(sha_with_rsa(Digest::Sha1), NULL));
    });
    let _ = server.up_to_renewal(&inner).approve_unrevoked().unwrap_err();
    let mut strong = renewal_req();
    strong.set_transaction(b"tx-2");
    let _ = server.up_to_renewal(&strong).approve_unrevoked().unwrap();
    // nor by a poll that is signed better, or worse, than the request
    let server = server.renewal(hold_renewal);
    server.ask(&weak).cert_rep();
    let _ = server.up_to_renewal(&poll_under(&OLD_CERTIFICATE)).approve_unrevoked().unwrap_err();
    server.ask(&strong).cert_rep();
    let mut poll = poll_under(&OLD_CERTIFICATE);
    poll.set_transaction(b"tx-2");
    let _ = server.up_to_renewal(&poll).approve_unrevoked().unwrap();
    poll.digest = Digest::Sha1;
    let _ = server.up_to_renewal(&poll).approve_unrevoked().unwrap_err();
}

/// The name of the device with its texts in other string types.
fn in_another_encoding() -> Vec<u8> {
    let mut subject = name(SUBJECT);
    for text in [&b"Test"[..], b"dev1"] {
        let at = subject.windows(4).position(|window| window == text).unwrap() - 2;
        subject[at] = if subject[at] == PRINTABLE { UTF8 } else { PRINTABLE };
    }
    assert_ne!(subject, name(SUBJECT));
    subject
}

// T2, R-2.5-4: a renewal may be for a key of another size. But what verifies slower or faster than the signer's key
// is looked at only where the subject is his own, byte for byte: else the time would tell whether a stolen envelope,
// altered, still holds a request
#[test]
fn a_renewal_for_a_key_of_another_size_needs_the_very_subject() {
    let large = SoftwareKey::from_pem(include_str!("keys/large.pem")).unwrap();
    let sign = |csr: &mut Csr| {
        csr.public_key = large.public_key_der().to_vec();
        let der = csr.encode();
        let info = CertificationRequest::parse(&der, &Limits::DEFAULT).unwrap().info().to_vec();
        let scheme = SignatureScheme::RsaPkcs1(Digest::Sha256);
        let job = SignJob::new(&PROVIDER, info, scheme, Purpose::Csr, large.public_key_der()).unwrap();
        csr.signature = Some(large.sign(&job, &mut seeded(1)).unwrap().as_bytes().to_vec());
    };
    let own = renewal_with("17", &OLD_CERTIFICATE, sign);
    assert_eq!(server().up_to_renewal(&own).requested().public_key(), large.public_key_der());
    let same_size = renewal_with("17", &OLD_CERTIFICATE, |csr| csr.subject = in_another_encoding());
    assert_eq!(server().up_to_renewal(&same_size).requested().public_key(), DEVICE_2.public());
    let both = |csr: &mut Csr| {
        csr.subject = in_another_encoding();
        sign(csr);
    };
    for (number, cause) in
        [("17", PeerMisbehaved::NotRenewable.into()), ("19", Error::from(BadSignature::KeyMismatch))]
    {
        let answer = server().ask(&renewal_with(number, &OLD_CERTIFICATE, both)).outcome;
        assert_eq!(answer.summary.status, Status::Failure(FailInfo::BadRequest));
        assert_eq!(answer.cause, Some(cause));
    }
}

// E13, R-2.3-11: a stranger with another key, where the configuration says so
#[test]
fn another_signer_is_accepted_only_by_its_switch_and_is_an_event() {
    let theft = || Message::new("19", pkcs_req().content, &STRANGER, &STRANGER_CERTIFICATE);
    let answer = Server::new().policy(never).ask(&theft()).outcome.cause;
    assert_eq!(answer, Some(BadSignature::KeyMismatch.into()));

    let server = Server::with(config().danger_accept_other_signer(true));
    let answer = server.ask(&theft());
    let (_, opened) = answer.success_for(&STRANGER, &STRANGER_CERTIFICATE);
    let issued = Certificate::parse(&opened.certificates[0]).unwrap();
    assert_eq!(issued.public_key().as_der(), DEVICE.public());
    assert_eq!(answer.outcome.events, [Event::OtherSigner]);
    // possession of the key is still shown, and the challenge still decides
    let faults: [(Error, Message); 2] = [
        (BadSignature::CertificationRequest.into(), with_csr(|csr| csr.key = &DEVICE_2)),
        (PeerMisbehaved::Challenge.into(), with_csr(|csr| csr.attributes = None)),
    ];
    for (cause, message) in faults {
        let mut message = Message::new("19", message.content, &STRANGER, &STRANGER_CERTIFICATE);
        message.set_transaction(b"tx-2");
        let answer = server.ask(&message);
        assert_eq!(answer.cert_rep().fail_info.as_deref(), Some("2"));
        answer.cause(cause);
        assert!(!answer.changed);
    }
    // the usual case is no event
    let answer = Server::with(config().danger_accept_other_signer(true)).ask(&pkcs_req()).outcome;
    assert!(answer.events.is_empty());
    // a renewal never is one, and whoever is known may not sign for others
    let both = Server::with(config().renewal(true).danger_accept_other_signer(true)).renewal(renew);
    assert!(both.ask(&renewal_req()).outcome.events.is_empty());
    let mut other = renewal_with("19", &OLD_CERTIFICATE, |csr| csr.subject = name("CN=other"));
    other.set_transaction(b"tx-3");
    let answer = both.ask(&other);
    assert_eq!(answer.outcome.cause, Some(BadSignature::KeyMismatch.into()));
}

// R-4.7-2, case 10: at rollover the identity that a request was for answers, and tells which key is to issue
#[test]
fn a_request_for_the_next_identity_is_answered_under_it() {
    let next = X509::ca("CN=Next CA", &RA).sign(&RA);
    let config = config()
        .renewal(true)
        .also_open(Identity::new(certificate(&next)))
        .also_renew(vec![certificate(&next)]);
    let mut server = Server::with(config).renewal(renew);
    server.keys.push(&RA);
    let csr = || Csr::new(&DEVICE).encode();
    let for_next = |csr, number, certificate: &[u8]| {
        Message::new(number, Envelope::to(csr, Recipient::new(&next, &RA)).encode(), &DEVICE, certificate)
    };
    let question = server.up_to_question(&pkcs_req());
    assert_eq!(question.recipient().as_ref(), *CA_CERTIFICATE);
    let first = for_next(csr(), "19", &DEVICE_CERTIFICATE);
    let question = server.up_to_question(&first);
    assert_eq!(question.recipient().as_ref(), next);
    assert_eq!(question.approve().recipient().as_ref(), next);
    // renewal under the present certificate, for the next one
    let renewal = for_next(csr(), "17", &OLD_CERTIFICATE);
    assert_eq!(server.up_to_renewal(&renewal).recipient().as_ref(), next);
    server.ask(&pkcs_req()).success();
    let mut other = for_next(csr(), "17", &OLD_CERTIFICATE);
    other.set_transaction(b"tx-2");
    server.signing = (&RA, next.clone());
    server.ask(&other).success_for(&DEVICE, &OLD_CERTIFICATE);
}

/// What becomes of a messageType.
#[derive(Debug, PartialEq)]
enum Reached {
    Enrol,
    Renew,
    Held,
    Certificate,
    Crl,
}

// R-3.2.1.2-2, T7, E9, case 54, case 74: with everything switched on
// R-2.8-1, R-3.3-1: the type alone tells a question from another, and none of them revokes anything
#[test]
fn each_message_type_reaches_its_own_question_and_all_others_none() {
    let server =
        Server::with(config().renewal(true).get_cert(scep::server::CertificateAccess::Any).get_crl(true));
    let server = server.policy(never).renewal(hold_renewal);
    let mut held = renewal_req();
    held.set_transaction(b"held");
    server.ask(&held).cert_rep();
    let reached = |value: Option<Vec<u8>>, content: &[u8], certificate: &[u8], id: &[u8]| {
        let mut message = Message::new("0", content.to_vec(), &DEVICE, certificate);
        message.set_transaction(id);
        match value {
            Some(value) => message.set(Oid::MESSAGE_TYPE, &value),
            None => message.remove(Oid::MESSAGE_TYPE),
        }
        match server.walk(message.encode(), |step| matches!(step, Exchange::Decide(_) | Exchange::Sign(_))) {
            Exchange::Decide(Decide::Enrol(_)) => Some(Reached::Enrol),
            Exchange::Decide(Decide::Renew(question)) if question.is_held() => Some(Reached::Held),
            Exchange::Decide(Decide::Renew(_)) => Some(Reached::Renew),
            Exchange::Decide(Decide::Certificate(_)) => Some(Reached::Certificate),
            Exchange::Decide(Decide::Crl(_)) => Some(Reached::Crl),
            _ => None,
        }
    };
    let text = |text: &str| Some(tlv(PRINTABLE, &[text.as_bytes()]));
    let request = renewal_req().content;
    let find = Envelope::new(issuer_and_serial(&OLD_CERTIFICATE)).encode();
    for number in 0..=255_u32 {
        let value = || text(&number.to_string());
        let of_request = match number {
            17 | 19 => Some(Reached::Renew),
            _ => None,
        };
        assert_eq!(reached(value(), &request, &OLD_CERTIFICATE, b"new"), of_request, "{number}");
        let of_find = match number {
            21 => Some(Reached::Certificate),
            22 => Some(Reached::Crl),
            _ => None,
        };
        assert_eq!(reached(value(), &find, &OLD_CERTIFICATE, b"new"), of_find, "{number}");
        let of_poll = (number == 20).then_some(Reached::Held);
        assert_eq!(
            reached(value(), &Envelope::new(poll_content()).encode(), &OLD_CERTIFICATE, b"held"),
            of_poll
        );
        // under a certificate of one's own, 19 alone
        let of_stranger = (number == 19).then_some(Reached::Enrol);
        assert_eq!(
            reached(value(), &pkcs_req().content, &DEVICE_CERTIFICATE, b"new"),
            of_stranger,
            "{number}"
        );
    }
    // what is no number of the list is refused before any key is used
    let odd = ["", " ", "019", "19 ", " 19", "19\0", "+19", "１９", "19,17", "0x13", "17.0", "-17", "XIX"];
    let numbers = (0..=255_u32).filter(|number| ![17, 19, 20, 21, 22].contains(number));
    let values = numbers.map(|number| text(&number.to_string())).chain(odd.map(text)).chain([
        None,
        Some(tlv(2, &[&[19]])),
        Some(tlv(4, &[b"19"])),
        Some([tlv(PRINTABLE, &[b"19"]), tlv(PRINTABLE, &[b"17"])].concat()),
        Some(Vec::new()),
    ]);
    for value in values {
        for content in [&request, &find] {
            let mut message = Message::new("0", content.clone(), &DEVICE, &OLD_CERTIFICATE);
            match &value {
                Some(value) => message.set(Oid::MESSAGE_TYPE, value),
                None => message.remove(Oid::MESSAGE_TYPE),
            }
            let answer = server.ask(&message);
            answer.refused(FailInfo::BadRequest, 0);
            assert_eq!(answer.counts, Counts { signed: 1, ..Counts::default() }, "{value:?}");
            let cause = answer.outcome.cause;
            let expected = [
                InvalidMessage::MessageType,
                InvalidMessage::AttributeValue,
                InvalidMessage::RepeatedAttribute,
            ];
            assert!(expected.map(|one| Some(one.into())).contains(&cause), "{cause:?}");
        }
    }
}
