//! What may be certified: which wishes of a request pass, and what is checked of a certificate before it leaves.

use crate::requests::*;
use crate::server_kit::*;
use crate::support::{NOW, at, name, tlv};
use scep::error::{ApiMisuse, Error, PeerMisbehaved};
use scep::server::{Authorized, IssuancePolicy, IssuedChain, ValidityPolicy};
use scep::wire::{Certificate, Extensions, KeyUsage, Limits, Oid, extended_key_usage, subject_alt_names};
use std::time::Duration;

const NAME_CONSTRAINTS: Oid<'static> = Oid::new(&[0x55, 0x1D, 30]);
const TEMPLATE: Oid<'static> = Oid::new(&[0x2B, 6, 1, 4, 1, 0x82, 0x37, 21, 7]);
const SID: &str = "tag:microsoft.com,2022-09-14:sid:S-1-5-21-1-2-3-500";

fn purposes(list: &[Oid<'_>]) -> Vec<u8> {
    seq(&[&list.iter().flat_map(|purpose| oid(*purpose)).collect::<Vec<u8>>()])
}

fn names(list: &[(u8, &[u8])]) -> Vec<u8> {
    seq(&[&list.iter().flat_map(|(tag, value)| tlv(*tag, &[value])).collect::<Vec<u8>>()])
}

/// szOID_NTDS_CA_SECURITY_EXT with this identifier.
fn security(sid: &str) -> Vec<u8> {
    let object = oid(Oid::new(&[0x2B, 6, 1, 4, 1, 0x82, 0x37, 25, 2, 1]));
    seq(&[&tlv(0xA0, &[&object, &tlv(0xA0, &[&tlv(4, &[sid.as_bytes()])])])])
}

fn usage(bits: u8) -> Vec<u8> {
    vec![3, 2, 0, bits]
}

/// A request for these extensions that an operator has approved.
fn authorized(policy: IssuancePolicy, wishes: &[(Oid<'static>, Vec<u8>)]) -> (Server, Authorized) {
    let server = Server::with(config().issuance(policy));
    let message = with_csr(|csr| csr.attributes.as_mut().unwrap().push(extension_request(wishes)));
    let authorized = server.up_to_question(&message).approve();
    (server, authorized)
}

/// What passes.
fn wishes(policy: IssuancePolicy, wishes: &[(Oid<'static>, Vec<u8>)]) -> Result<Vec<u8>, Error> {
    authorized(policy, wishes).1.wishes()
}

fn usual() -> IssuancePolicy {
    IssuancePolicy::default()
}

// T19, T23, T24: whatever a request says, no CA, no power, and no account comes of it
#[test]
fn wishes_for_more_than_a_device_needs_are_left_out() {
    let asked = [
        (Oid::BASIC_CONSTRAINTS, seq(&[&[1, 1, 0xFF], &[2, 1, 3]])),
        (Oid::KEY_USAGE, usage(0xA4)),
        (
            Oid::EXTENDED_KEY_USAGE,
            purposes(&[
                Oid::ANY_EXTENDED_KEY_USAGE,
                Oid::CLIENT_AUTH,
                Oid::ENROLLMENT_AGENT,
                Oid::SMART_CARD_LOGON,
            ]),
        ),
        (
            Oid::SUBJECT_ALT_NAME,
            names(&[(0x82, b"a.example"), (0x86, SID.as_bytes()), (0x86, SID.to_uppercase().as_bytes())]),
        ),
        (NAME_CONSTRAINTS, seq(&[])),
        (Oid::CERTIFICATE_POLICIES, seq(&[])),
        (Oid::NTDS_CA_SECURITY, security("S-1-5-21-1-2-3-500")),
        (TEMPLATE, seq(&[&oid(TEMPLATE)])),
    ];
    let passed = wishes(usual(), &asked).unwrap();
    let passed = Extensions::parse(&passed, &Limits::DEFAULT).unwrap();
    let kinds: Vec<_> = passed.iter().map(|extension| extension.oid).collect();
    assert_eq!(kinds, [Oid::KEY_USAGE, Oid::EXTENDED_KEY_USAGE, Oid::SUBJECT_ALT_NAME]);
    let value = |which| passed.get(which).unwrap().value;
    let usage = KeyUsage::from_extension(value(Oid::KEY_USAGE)).unwrap();
    assert_eq!(usage, KeyUsage::DIGITAL_SIGNATURE | KeyUsage::KEY_ENCIPHERMENT);
    assert_eq!(extended_key_usage(value(Oid::EXTENDED_KEY_USAGE)).unwrap(), [Oid::CLIENT_AUTH]);
    assert_eq!(value(Oid::SUBJECT_ALT_NAME), names(&[(0x82, b"a.example")]));
    assert_eq!(subject_alt_names(value(Oid::SUBJECT_ALT_NAME), &Limits::DEFAULT).unwrap().len(), 1);

    // a CA's key usage does not pass even where it is listed, nor does the extension that makes one
    let all = KeyUsage::KEY_CERT_SIGN | KeyUsage::CRL_SIGN | KeyUsage::NON_REPUDIATION;
    let listed = usual().key_usage(all).also_extension(Oid::BASIC_CONSTRAINTS).also_extension(TEMPLATE);
    let passed =
        wishes(listed, &[asked[0].clone(), (Oid::KEY_USAGE, vec![3, 2, 0, 0xC6]), asked[7].clone()]).unwrap();
    let passed = Extensions::parse(&passed, &Limits::DEFAULT).unwrap();
    let kinds: Vec<_> = passed.iter().map(|extension| extension.oid).collect();
    assert_eq!(kinds, [Oid::KEY_USAGE, TEMPLATE]);
    let usage = KeyUsage::from_extension(passed.get(Oid::KEY_USAGE).unwrap().value).unwrap();
    assert_eq!(usage, KeyUsage::NON_REPUDIATION);
}

// T22: to leave such a name out would be another certificate than was asked for
#[test]
fn alternative_names_of_other_kinds_are_refused() {
    for (tag, value) in [
        (0xA0, &[6, 1, 42, 0xA0, 3, 12, 1, b'u'][..]),
        (0xA4, &name("CN=x")),
        (0x88, &[42, 3]),
        (0x87, &[1, 2, 3]),
        (0x82, b"a\0.example"),
        (0x81, "\u{fc}@example".as_bytes()),
    ] {
        let asked = [(Oid::SUBJECT_ALT_NAME, names(&[(0x82, b"a.example"), (tag, value)]))];
        assert_eq!(wishes(usual(), &asked), Err(PeerMisbehaved::Policy.into()), "{tag:02X}");
    }
    let plain =
        names(&[(0x82, b"a.example"), (0x81, b"a@example"), (0x86, b"urn:a"), (0x87, &[127, 0, 0, 1])]);
    let passed = wishes(usual(), &[(Oid::SUBJECT_ALT_NAME, plain.clone())]).unwrap();
    let passed = Extensions::parse(&passed, &Limits::DEFAULT).unwrap();
    assert_eq!(passed.get(Oid::SUBJECT_ALT_NAME).unwrap().value, plain);
}

// T19, T23: to leave all of a list out would make a certificate for everything
#[test]
fn a_request_for_nothing_but_power_is_refused() {
    let powerful = purposes(&[Oid::ANY_EXTENDED_KEY_USAGE, Oid::SMART_CARD_LOGON]);
    for (which, value) in [(Oid::EXTENDED_KEY_USAGE, powerful), (Oid::KEY_USAGE, usage(0x06))] {
        assert_eq!(wishes(usual(), &[(which, value)]), Err(PeerMisbehaved::Policy.into()));
    }
}

#[test]
fn a_request_without_wishes_has_none() {
    assert_eq!(wishes(usual(), &[]), Ok(Vec::new()));
    assert_eq!(wishes(usual(), &[(TEMPLATE, seq(&[]))]), Ok(Vec::new()));
}

/// Whether a certificate with this change may leave.
#[track_caller]
fn leaves(policy: IssuancePolicy, asked: &[(Oid<'static>, Vec<u8>)], change: impl FnOnce(&mut X509)) -> bool {
    let (server, authorized) = authorized(policy, asked);
    let mut template = X509::of(SUBJECT, "CN=Server CA", &DEVICE);
    change(&mut template);
    match IssuedChain::new(certificate(&template.sign(&CA)), Vec::new(), authorized) {
        Ok(_) => true,
        Err(mismatch) => {
            assert_eq!(mismatch.error, ApiMisuse::Chain.into());
            assert!(server.snapshot().is_empty());
            false
        }
    }
}

// T19, T20, T22, T23, T24: whatever the issuer's software made of it
#[test]
fn a_certificate_that_says_too_much_does_not_leave() {
    let host = [(Oid::SUBJECT_ALT_NAME, names(&[(0x82, b"a.example"), (0x82, b"b.example")]))];
    let with = |which: Oid<'static>, value: Vec<u8>| move |t: &mut X509| t.extensions.push((which, value));
    let san = |list: &[(u8, &[u8])]| with(Oid::SUBJECT_ALT_NAME, names(list));
    let purpose = |which: Oid<'_>| with(Oid::EXTENDED_KEY_USAGE, purposes(&[Oid::CLIENT_AUTH, which]));
    let account = with(Oid::NTDS_CA_SECURITY, security("S-1-5-21-1-2-3-500"));

    assert!(leaves(usual(), &host, |_| ()));
    assert!(leaves(usual(), &host, san(&[(0x82, b"b.example")])));
    assert!(leaves(usual(), &host, san(&[(0x82, b"b.example"), (0x82, b"a.example")])));
    assert!(leaves(usual(), &host, purpose(Oid::SERVER_AUTH)));
    assert!(leaves(usual(), &host, |t| t.subject = name("O=test, CN=DEV1")));

    assert!(!leaves(usual(), &host, san(&[(0x82, b"c.example")])));
    assert!(!leaves(usual(), &[], san(&[(0x82, b"a.example")])));
    assert!(!leaves(usual(), &host, |t| t.subject = name("CN=dev1")));
    assert!(
        !leaves(usual(), &host, |t| t.usage = Some(KeyUsage::DIGITAL_SIGNATURE | KeyUsage::KEY_CERT_SIGN))
    );
    assert!(!leaves(usual(), &host, |t| t.usage = Some(KeyUsage::CRL_SIGN)));
    // cannot be read, so it may be one
    assert!(!leaves(usual(), &host, with(Oid::BASIC_CONSTRAINTS, vec![0x30, 1, 1])));
    assert!(!leaves(usual(), &host, with(Oid::EXTENDED_KEY_USAGE, vec![0x30, 1])));
    for which in [
        Oid::ANY_EXTENDED_KEY_USAGE,
        Oid::SMART_CARD_LOGON,
        Oid::PKINIT_CLIENT_AUTH,
        Oid::PKINIT_KDC,
        Oid::ENROLLMENT_AGENT,
        Oid::OCSP_SIGNING,
        Oid::CMC_RA,
        Oid::CMC_CA,
    ] {
        assert!(!leaves(usual(), &host, purpose(which)), "{which}");
        assert!(leaves(usual().also_purpose(which), &host, purpose(which)), "{which}");
    }
    // Windows takes these for purposes, whatever the other extension says
    let application = |list: &[Oid<'static>]| {
        let policies: Vec<u8> = list.iter().flat_map(|which| seq(&[&oid(*which)])).collect();
        with(Oid::APPLICATION_CERT_POLICIES, seq(&[&policies]))
    };
    for which in [Oid::ANY_EXTENDED_KEY_USAGE, Oid::SMART_CARD_LOGON, Oid::ENROLLMENT_AGENT] {
        assert!(!leaves(usual(), &host, application(&[Oid::CLIENT_AUTH, which])), "{which}");
        assert!(leaves(usual().also_purpose(which), &host, application(&[which])), "{which}");
    }
    assert!(leaves(usual(), &host, application(&[Oid::CLIENT_AUTH])));
    assert!(!leaves(usual(), &host, application(&[])));
    assert!(!leaves(usual(), &host, with(Oid::APPLICATION_CERT_POLICIES, vec![0x30, 3, 6, 1, 42])));
    // netscape-cert-type: a client, and three kinds of CAs
    assert!(leaves(usual(), &host, with(Oid::NETSCAPE_CERT_TYPE, vec![3, 2, 7, 0x80])));
    for bits in [0x04, 0x02, 0x81] {
        assert!(!leaves(usual(), &host, with(Oid::NETSCAPE_CERT_TYPE, vec![3, 2, 0, bits])));
    }
    assert!(!leaves(usual(), &host, with(Oid::NETSCAPE_CERT_TYPE, vec![3, 3, 0, 0, 4])));
    // none of them where one was asked for, and a version that has none
    let wish = [(Oid::EXTENDED_KEY_USAGE, purposes(&[Oid::CLIENT_AUTH]))];
    assert!(!leaves(usual(), &wish, |_| ()));
    assert!(!leaves(usual(), &[(Oid::KEY_USAGE, usage(0x80))], |t| t.usage = None));
    assert!(!leaves(usual(), &[], |t| t.version = None));
    // names of kinds that do not pass, whoever asked; and identifiers in what is nearly a URI
    let odd = names(&[(0xA0, &[6, 1, 42, 0xA0, 3, 12, 1, b'u'])]);
    assert!(!leaves(usual(), &[(Oid::SUBJECT_ALT_NAME, odd.clone())], with(Oid::SUBJECT_ALT_NAME, odd)));
    for sid in [format!(" {SID}"), format!("{SID}\0")] {
        let san = names(&[(0x86, sid.as_bytes())]);
        assert!(!leaves(usual(), &[(Oid::SUBJECT_ALT_NAME, san.clone())], with(Oid::SUBJECT_ALT_NAME, san)));
    }
    // asked for or not
    let asked = [(Oid::NTDS_CA_SECURITY, security("S-1-5-21-1-2-3-500"))];
    assert!(!leaves(usual(), &asked, account.clone()));
    assert!(!leaves(
        usual(),
        &[(Oid::SUBJECT_ALT_NAME, names(&[(0x86, SID.as_bytes())]))],
        san(&[(0x86, SID.as_bytes())])
    ));
    assert!(leaves(usual().directory_sids(true), &asked, account));
    assert!(leaves(
        usual().directory_sids(true),
        &host,
        san(&[(0x86, SID.as_bytes()), (0x82, b"a.example")])
    ));

    // R-3.3.2.1-6
    assert!(leaves(usual().issuer_names(true), &host, |t| t.subject = name("CN=as the CA likes")));
    assert!(leaves(usual().issuer_names(true), &[], san(&[(0x82, b"c.example")])));
    assert!(!leaves(usual().issuer_names(true), &host, |t| t.is_ca = true));
    assert!(!leaves(usual().issuer_names(true), &host, san(&[(0x86, SID.as_bytes())])));
}

// R-2.5-6: a renewal may ask for fewer names than its certificate has, and get all of them
#[test]
fn a_renewed_certificate_may_keep_the_names_of_the_one_before() {
    let server = Server::with(config().renewal(true));
    let alt_names = names(&[(0x82, b"a.example")]);
    let mut old = X509 { serial: vec![0x52], ..X509::of(SUBJECT, "CN=Server CA", &DEVICE) };
    old.extensions.push((Oid::SUBJECT_ALT_NAME, alt_names.clone()));
    for (other, fits) in [(alt_names, true), (names(&[(0x82, b"b.example")]), false)] {
        let question = server.up_to_renewal(&renewal_with("17", &old.sign(&CA), |_| ()));
        let mut new = X509::of(SUBJECT, "CN=Server CA", &DEVICE_2);
        new.extensions.push((Oid::SUBJECT_ALT_NAME, other));
        let chain =
            IssuedChain::new(certificate(&new.sign(&CA)), Vec::new(), question.approve_unrevoked().unwrap());
        assert_eq!(chain.is_ok(), fits);
    }
}

/// A renewal of a certificate with this key usage and these purposes, which asks for these extensions.
fn renewal(
    policy: IssuancePolicy,
    (before, purposes_before): (Option<KeyUsage>, Option<&[Oid<'static>]>),
    asked: &[(Oid<'static>, Vec<u8>)],
) -> Authorized {
    let server = Server::with(config().issuance(policy).renewal(true));
    let mut old = X509 { serial: vec![0x53], ..X509::of(SUBJECT, "CN=Server CA", &DEVICE) };
    old.usage = before;
    let extension = purposes_before.map(|list| (Oid::EXTENDED_KEY_USAGE, purposes(list)));
    old.extensions.extend(extension);
    let wishes = |csr: &mut Csr| csr.attributes = Some(vec![extension_request(asked)]);
    server.up_to_renewal(&renewal_with("17", &old.sign(&CA), wishes)).approve_unrevoked().unwrap()
}

// T16, T20: what a challenge did not allow is not had by renewing its certificate
#[test]
fn a_renewed_certificate_is_for_nothing_that_the_one_before_was_not_for() {
    let wide = || usual().also_purpose(Oid::SERVER_AUTH);
    let sign = KeyUsage::DIGITAL_SIGNATURE;
    let old = (Some(sign), Some(&[Oid::CLIENT_AUTH][..]));
    let read = |authorized: &Authorized| {
        let der = authorized.wishes()?;
        let passed = Extensions::parse(&der, &Limits::DEFAULT)?;
        let usage = passed.get(Oid::KEY_USAGE).map(|usage| KeyUsage::from_extension(usage.value).unwrap());
        let list =
            passed.get(Oid::EXTENDED_KEY_USAGE).map(|list| extended_key_usage(list.value).unwrap().len());
        Ok::<_, Error>((usage, list))
    };
    let more = [
        (Oid::KEY_USAGE, usage(0xA0)),
        (Oid::EXTENDED_KEY_USAGE, purposes(&[Oid::CLIENT_AUTH, Oid::SERVER_AUTH])),
    ];
    assert_eq!(read(&renewal(wide(), old, &more)), Ok((Some(sign), Some(1))));
    // who asks for none gets those that he has
    assert_eq!(read(&renewal(wide(), old, &[])), Ok((Some(sign), Some(1))));
    assert_eq!(renewal(wide(), (None, None), &[]).wishes(), Ok(Vec::new()));
    let both = Ok((Some(sign | KeyUsage::KEY_ENCIPHERMENT), Some(2)));
    assert_eq!(read(&renewal(wide(), (None, None), &more)), both);
    assert_eq!(read(&renewal(wide().wider_renewals(true), old, &more)), both);
    for other in [(Oid::KEY_USAGE, usage(0x20)), (Oid::EXTENDED_KEY_USAGE, purposes(&[Oid::SERVER_AUTH]))] {
        assert_eq!(read(&renewal(wide(), old, &[other])), Err(PeerMisbehaved::Policy.into()));
    }

    let leaves = |policy: IssuancePolicy, before, usage, list: Option<&[Oid<'static>]>| {
        let mut new = X509::of(SUBJECT, "CN=Server CA", &DEVICE_2);
        new.usage = usage;
        new.extensions.extend(list.map(|list| (Oid::EXTENDED_KEY_USAGE, purposes(list))));
        IssuedChain::new(certificate(&new.sign(&CA)), Vec::new(), renewal(policy, before, &[])).is_ok()
    };
    let (one, two) = (&[Oid::CLIENT_AUTH][..], &[Oid::CLIENT_AUTH, Oid::SERVER_AUTH][..]);
    assert!(leaves(usual(), old, Some(sign), Some(one)));
    assert!(!leaves(usual(), old, Some(sign | KeyUsage::KEY_ENCIPHERMENT), Some(one)));
    assert!(!leaves(usual(), old, None, Some(one)));
    assert!(!leaves(usual(), old, Some(sign), Some(two)));
    assert!(!leaves(usual(), old, Some(sign), None));
    assert!(leaves(usual(), (None, None), None, None));
    assert!(leaves(usual(), (None, None), Some(sign), Some(two)));
    assert!(leaves(usual().wider_renewals(true), old, None, Some(two)));
    // where somebody else has decided, the certificate at hand says nothing
    let server = Server::with(config().issuance(wide()).renewal(true));
    let mut template = X509 { serial: vec![0x53], ..X509::of(SUBJECT, "CN=Server CA", &DEVICE) };
    (template.usage, template.extensions) = (old.0, vec![(Oid::EXTENDED_KEY_USAGE, purposes(one))]);
    let wishes = |csr: &mut Csr| csr.attributes = Some(vec![extension_request(&more)]);
    let question = server.up_to_renewal(&renewal_with("17", &template.sign(&CA), wishes));
    let approved = question.into_enrol().approve();
    assert_eq!(read(&approved), both);
    let mut new = X509::of(SUBJECT, "CN=Server CA", &DEVICE_2);
    (new.usage, new.extensions) =
        (Some(sign | KeyUsage::KEY_ENCIPHERMENT), vec![(Oid::EXTENDED_KEY_USAGE, purposes(two))]);
    assert!(IssuedChain::new(certificate(&new.sign(&CA)), Vec::new(), approved).is_ok());
}

/// The attribute with these pairs of names and values, as Windows writes it.
fn pairs(list: &[(&str, &str)]) -> Vec<u8> {
    let bmp = |text: &str| tlv(0x1E, &[&text.encode_utf16().flat_map(u16::to_be_bytes).collect::<Vec<u8>>()]);
    let values = list.iter().flat_map(|(name, value)| seq(&[&bmp(name), &bmp(value)]));
    attribute(Oid::ENROLLMENT_NAME_VALUE_PAIR, &values.collect::<Vec<u8>>())
}

fn month() -> IssuancePolicy {
    usual().validity(ValidityPolicy::new(Duration::from_secs(30 * 86_400)).take_requested(true))
}

// A16: the wish of a Windows client, in one attribute or in two, also where the request is held in between
#[test]
fn a_requested_validity_shortens_that_of_the_policy() {
    let ca = Certificate::parse(&CA_CERTIFICATE).unwrap();
    let end = |days: u64| at(NOW + days * 86_400);
    let one = [pairs(&[("ValidityPeriod", "Days"), ("ValidityPeriodUnits", "9")])];
    let two = [pairs(&[("ValidityPeriod", "Days")]), pairs(&[("ValidityPeriodUnits", "9")])];
    let odd = [pairs(&[("ValidityPeriod", "Days")])];
    let more = [pairs(&[("ValidityPeriod", "Years"), ("ValidityPeriodUnits", "9")])];
    for (attributes, days) in [(&one[..], 9), (&two[..], 9), (&odd[..], 30), (&more[..], 30), (&[], 30)] {
        let server = Server::with(config().issuance(month()));
        let message = with_csr(|csr| csr.attributes.as_mut().unwrap().extend(attributes.iter().cloned()));
        let question = server.up_to_question(&message);
        let validity = question.approve().validity(&ca).unwrap().unwrap();
        assert_eq!((validity.not_before, validity.not_after), (at(NOW - 60), end(days)));
        // held, and approved by a poll, which does not bring the request
        let server = server.policy(hold);
        server.ask(&message).pending();
        let question = server.up_to_question(&cert_poll());
        assert!(question.csr().is_none());
        assert_eq!(question.approve().validity(&ca).unwrap().unwrap().not_after, end(days));
    }
    let (_, authorized) = authorized(usual(), &[]);
    assert_eq!(authorized.validity(&ca), Ok(None));
}

// A16: what comes from an issuer lives no longer than the policy says
#[test]
fn a_certificate_that_lives_too_long_does_not_leave() {
    let length = |seconds: u64| move |template: &mut X509| template.validity = validity(NOW, NOW + seconds);
    let most = 30 * 86_400 + 600;
    assert!(leaves(month(), &[], length(most)));
    assert!(!leaves(month(), &[], length(most + 1)));
    assert!(leaves(usual(), &[], length(most + 1)));
}
