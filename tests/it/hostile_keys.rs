//! RSA keys that no sound generator makes: wherever one comes in, nothing is computed with it (T41).

use crate::cert_rep::{Asked, CertRep};
use crate::client_kit::{Kit, standard};
use crate::counting::{COUNTING, used};
use crate::requests::*;
use crate::server_kit::*;
use crate::support::{CA_NAME, NOW, Template, TestKey, at, tlv};
use scep::client::{ClientConfig, TrustedCa};
use scep::error::{BadSignature, Error, Limit, PeerMisbehaved};
use scep::message::{PathContext, check_path};
use scep::pki_types::CertificateDer;
use scep::wire::{Certificate, FailInfo, Limits, Oid, SubjectPublicKeyInfo};

/// A SubjectPublicKeyInfo with these numbers, which may have any length.
pub(crate) fn rsa_key(modulus: &[u8], exponent: &[u8]) -> Vec<u8> {
    let key = seq(&[&tlv(2, &[&[0], modulus]), &tlv(2, &[&[0], exponent])]);
    seq(&[&algorithm(Oid::RSA_ENCRYPTION, NULL), &tlv(3, &[&[0], &key])])
}

/// The device's modulus with its last byte changed.
fn ending(change: impl FnOnce(u8) -> u8) -> Vec<u8> {
    let mut modulus = DEVICE.modulus();
    modulus[255] = change(modulus[255]);
    modulus
}

/// `2^exponent + offset`.
fn power(exponent: usize, offset: u8) -> Vec<u8> {
    let mut number = vec![0; exponent / 8 + 1];
    number[0] = 1 << (exponent % 8);
    *number.last_mut().unwrap() |= offset;
    number
}

/// Big endian, with the zeros that it comes with.
fn product(one: &[u8], other: &[u8]) -> Vec<u8> {
    let mut product = vec![0; one.len() + other.len()];
    for (at, digit) in one.iter().enumerate().rev() {
        let mut carry = 0;
        for (place, factor) in other.iter().enumerate().rev() {
            let sum = u32::from(product[at + place + 1]) + u32::from(*digit) * u32::from(*factor) + carry;
            product[at + place + 1] = sum as u8;
            carry = sum >> 8;
        }
        product[at] = carry as u8;
    }
    product
}

/// What is wrong with the key, and the key.
fn hostile_keys() -> Vec<(&'static str, Vec<u8>)> {
    const F4: &[u8] = &[1, 0, 1];
    let modulus = DEVICE.modulus();
    let (tripled, square) = (product(&modulus, &[3]), product(&DEVICE.prime(), &DEVICE.prime()));
    let huge = [&[0xFF; 2046][..], &[0x12, 0x37]].concat();
    let list = vec![
        ("no modulus", rsa_key(&[], F4)),
        ("modulus 1", rsa_key(&[1], F4)),
        ("8 bits", rsa_key(&[0xFB], F4)),
        ("512 bits", rsa_key(&[&modulus[..62], &[0x12, 0x37]].concat(), F4)),
        ("1024 bits", rsa_key(&[&modulus[..126], &[0x12, 0x37]].concat(), F4)),
        ("2047 bits", rsa_key(&[&[0x7F], &modulus[1..]].concat(), F4)),
        ("16384 bits", rsa_key(&huge, F4)),
        ("even modulus", rsa_key(&ending(|last| last ^ 1), F4)),
        ("modulus 2^2047", rsa_key(&power(2047, 0), F4)),
        ("modulus with the factor 3", rsa_key(&tripled, F4)),
        ("square", rsa_key(&square, F4)),
        ("exponent 0", rsa_key(&modulus, &[])),
        ("exponent 1", rsa_key(&modulus, &[1])),
        ("exponent 2", rsa_key(&modulus, &[2])),
        ("exponent 3", rsa_key(&modulus, &[3])),
        ("exponent 65535", rsa_key(&modulus, &[0xFF, 0xFF])),
        ("exponent 65536", rsa_key(&modulus, &power(16, 0))),
        ("exponent 65538", rsa_key(&modulus, &[1, 0, 2])),
        ("exponent 2^32", rsa_key(&modulus, &power(32, 0))),
        ("exponent 2^33 + 1", rsa_key(&modulus, &power(33, 1))),
        ("exponent 2^64 + 1", rsa_key(&modulus, &power(64, 1))),
        ("exponent 2^2000 + 1", rsa_key(&modulus, &power(2000, 1))),
        ("exponent near the modulus", rsa_key(&modulus, &ending(|last| last - 2))),
    ];
    // a control: what is not wrong is taken
    let sound = rsa_key(&modulus, &[1, 0xFF, 0xFF, 0xFF, 0xFF]);
    let check = |key: &[u8]| SubjectPublicKeyInfo::parse(key).and_then(|key| key.check(&Limits::DEFAULT));
    assert_eq!(check(&sound), Ok(()));
    for (what, key) in &list {
        assert!(check(key).is_err(), "{what}");
    }
    list
}

/// A server under the provider that counts.
fn server(change: impl FnOnce(scep::server::ServerConfig) -> scep::server::ServerConfig) -> Server {
    Server::with(change(config_with(&COUNTING))).policy(never)
}

// T41, E6: the signer's own key
#[test]
fn a_signer_with_a_hostile_key_is_bad_alg_and_its_key_is_not_used() {
    let server = server(|config| config);
    for (what, key) in hostile_keys() {
        let signer = X509 { public_key: key.clone(), ..X509::device(&DEVICE) }.sign(&DEVICE);
        let message = with_message(|m| m.certificates = vec![signer]);
        let (used, answer) = used(|| server.ask(&message));
        answer.refused(FailInfo::BadAlg, 0);
        answer.cause(Limit::PublicKey);
        // the one signature that is verified is the reply's own
        assert_eq!(used, [CA.public()], "{what}");
    }
}

// T41, R3: the key to be certified, by its own signer or by another
#[test]
fn a_request_for_a_hostile_key_is_bad_request_and_the_key_is_not_used() {
    for other_signer in [false, true] {
        let server = server(|config| config.danger_accept_other_signer(other_signer));
        for (what, key) in hostile_keys() {
            let (used, answer) = used(|| server.ask(&with_csr(|csr| csr.public_key = key.clone())));
            answer.refused(FailInfo::BadRequest, 1);
            match other_signer {
                true => answer.cause(Limit::PublicKey),
                false => answer.cause(BadSignature::KeyMismatch),
            }
            // the message, what stands in for the request, the reply
            assert_eq!(used, [DEVICE.public(), DEVICE.public(), CA.public()], "{what}");
        }
    }
}

// T41: a certificate that claims to be of an issuer whose key is hostile
#[test]
fn an_issuer_with_a_hostile_key_renews_nothing_and_its_key_is_not_used() {
    for (what, key) in hostile_keys() {
        let issuer = X509 { public_key: key.clone(), ..X509::ca("CN=Former CA", &STRANGER) }.sign(&STRANGER);
        let server = server(|config| config.renewal(true).also_renew(vec![certificate(&issuer)]));
        let signer = X509::of(SUBJECT, "CN=Former CA", &DEVICE).sign(&STRANGER);
        let (used, answer) = used(|| server.ask(&renewal_with("17", &signer, |_| ())));
        answer.refused(FailInfo::BadRequest, 0);
        assert_eq!(used, [DEVICE.public(), CA.public()], "{what}");
    }
}

fn client_config() -> ClientConfig {
    ClientConfig::new(&COUNTING)
}

/// A certificate under the test CA with a key that its owner can do nothing with.
fn certified(key: &[u8], template: Template) -> CertificateDer<'static> {
    template.sign(key, &TestKey::ca())
}

// T41: what GetCACert brings
#[test]
fn no_request_is_encrypted_for_a_hostile_key() {
    let ca = TestKey::ca();
    let root = Template { usage: None, ..Template::ca(CA_NAME) }.sign(ca.soft.public_key_der(), &ca);
    for (what, key) in hostile_keys() {
        let anchor = Template { usage: None, ..Template::ca(CA_NAME) }.sign(&key, &ca);
        let trust = |anchor: &CertificateDer<'static>, others: &[CertificateDer<'static>]| {
            TrustedCa::new(&client_config(), std::slice::from_ref(anchor), others, standard(), Some(at(NOW)))
        };
        let (keys, trusted) = used(|| trust(&anchor, &[]));
        assert!(trusted.is_err() && keys.is_empty(), "{what}");
        // an RA that the pinned CA signed all the same is no recipient, neither by itself nor by choice
        let ra = certified(&key, Template::leaf("CN=RA"));
        let (keys, trusted) = used(|| trust(&root, std::slice::from_ref(&ra)));
        let trusted = trusted.unwrap();
        assert_eq!((trusted.recipient(), keys), (&root, vec![ca.soft.public_key_der().to_vec()]), "{what}");
        assert!(trusted.with_recipient(&ra).is_err(), "{what}");
    }
}

// T41: the signer of a reply
#[test]
fn a_reply_of_an_ra_with_a_hostile_key_is_no_answer_and_its_key_is_not_used() {
    let stranger = TestKey::stranger();
    for (what, key) in hostile_keys() {
        let mut kit = Kit::with(client_config());
        let ra = certified(&key, Template::leaf("CN=RA"));
        let anchors = std::slice::from_ref(&kit.root);
        let trusted =
            TrustedCa::new(&kit.config, anchors, std::slice::from_ref(&ra), standard(), kit.now).unwrap();
        let step = kit.client.renew_with(crate::support::URL, trusted, kit.renewal(), kit.now, &mut kit.rng);
        let transmit = kit.up_to_message(step.unwrap());
        let asked = Asked::of(transmit.request());
        let leaf = kit.leaf(&kit.new, |_| ());
        let reply = CertRep::success(&asked, &[&leaf], &kit.certificate);
        let (used, failed) = used(|| kit.take(transmit, reply.sign(&stranger, &ra)).unwrap_err());
        assert_eq!(failed.error, Limit::PublicKey.into(), "{what}");
        assert_eq!(used, Vec::<Vec<u8>>::new(), "{what}");
    }
}

// T41: what is in a reply
#[test]
fn an_issued_certificate_with_or_under_a_hostile_key_is_refused_and_the_key_is_not_used() {
    let no_certificate = Error::from(PeerMisbehaved::NoCertificate);
    for (what, key) in hostile_keys() {
        let mut kit = Kit::with(client_config());
        let leaf = certified(&key, Template::leaf("C=DE, CN=dev1"));
        let under = Template::ca("CN=Between");
        let between = certified(&key, Template { issuer: crate::support::name(CA_NAME), ..under });
        let issuer = crate::support::name("CN=Between");
        let below = kit.leaf(&kit.new, |template| template.issuer = issuer);
        for (chain, error) in
            [(vec![&leaf], no_certificate), (vec![&below, &between], Limit::PublicKey.into())]
        {
            let (transmit, asked) = kit.renewing();
            let chain: Vec<&[u8]> = chain.into_iter().map(AsRef::as_ref).collect();
            let reply = kit.sign(CertRep::success(&asked, &chain, &kit.certificate));
            let (used, failed) = used(|| kit.take(transmit, reply).unwrap_err());
            assert_eq!(failed.error, error, "{what}");
            assert!(!used.contains(&key), "{what}");
        }
    }
}

// T41: the same for whoever uses paths by themselves
#[test]
fn a_path_over_a_hostile_key_is_refused_and_the_key_is_not_used() {
    for (what, key) in hostile_keys() {
        let anchor = certificate(&X509 { public_key: key, ..X509::ca("CN=Root", &CA) }.sign(&CA));
        let leaf = X509::of("CN=leaf", "CN=Root", &DEVICE).sign(&CA);
        let context = PathContext {
            provider: &COUNTING,
            limits: &Limits::DEFAULT,
            anchors: &[anchor],
            intermediates: &[],
            now: None,
        };
        let (used, checked) = used(|| check_path(&Certificate::parse(&leaf).unwrap(), &context));
        assert_eq!((used.len(), checked), (0, Err(Limit::PublicKey.into())), "{what}");
    }
}
