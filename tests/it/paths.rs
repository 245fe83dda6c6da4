//! Certificate paths (RFC 5280 section 6): which issuers are taken, in which order they may come.

use crate::provider::PROVIDER;
use crate::requests::{CA, DEVICE, DEVICE_2, Key, RA, STRANGER, X509, algorithm, seq};
use crate::server_kit::certificate;
use crate::support::{NOW, at, tlv};
use scep::Error;
use scep::error::{BadSignature, Limit};
use scep::message::{PathContext, check_path};
use scep::pki_types::CertificateDer;
use scep::wire::{Certificate, Limits, Oid};

/// The anchor's key is that of the CA, the one between has that of the RA.
fn root() -> CertificateDer<'static> {
    certificate(&X509::ca("CN=Root", &CA).sign(&CA))
}

/// A CA between, with a change.
fn between(by: &Key, issuer: &str, change: impl FnOnce(&mut X509)) -> CertificateDer<'static> {
    let mut template = X509 { issuer: crate::support::name(issuer), ..X509::ca("CN=Between", &RA) };
    change(&mut template);
    certificate(&template.sign(by))
}

fn leaf() -> Vec<u8> {
    X509::of("CN=leaf", "CN=Between", &DEVICE).sign(&RA)
}

fn check(anchor: &CertificateDer<'static>, between: &[&CertificateDer<'static>]) -> Result<(), Error> {
    check_within(&Limits::DEFAULT, anchor, between)
}

fn check_within(
    limits: &Limits,
    anchor: &CertificateDer<'static>,
    between: &[&CertificateDer<'static>],
) -> Result<(), Error> {
    let anchors = [anchor.clone()];
    let context = PathContext {
        provider: &PROVIDER,
        limits,
        anchors: &anchors,
        intermediates: between,
        now: Some(at(NOW)),
    };
    check_path(&Certificate::parse(&leaf()).unwrap(), &context)
}

// R-2.2-8: certificates come in any order, and one that leads nowhere is no end
#[test]
fn a_way_to_the_anchor_is_found_whatever_stands_beside_it() {
    let good = between(&CA, "CN=Root", |_| ());
    // the same name and key, certified by a CA that nobody trusts, and by one that is not there
    let astray = between(&STRANGER, "CN=Elsewhere", |_| ());
    let elsewhere = certificate(&X509::ca("CN=Elsewhere", &STRANGER).sign(&STRANGER));
    // the same name with keys that cannot be used, or did not sign
    let odd = between(&CA, "CN=Root", |t| {
        t.public_key = seq(&[&seq(&[&[6, 3, 0x2B, 0x65, 0x70]]), &tlv(3, &[&[0; 33]])])
    });
    let other = between(&CA, "CN=Root", |t| t.public_key = DEVICE_2.public().to_vec());
    let unusable = [&astray, &elsewhere, &odd, &other];
    assert!(check(&root(), &unusable).is_err());
    for at in 0..=unusable.len() {
        let mut all = unusable.to_vec();
        all.insert(at, &good);
        assert_eq!(check(&root(), &all), Ok(()), "{at}");
    }
    // T40: the search is bounded all the same
    let mut limits = Limits::DEFAULT;
    limits.signatures = 2;
    let all = [&astray, &elsewhere, &other, &good];
    assert_eq!(check_within(&limits, &root(), &all), Err(Limit::Signatures.into()));
}

// R-2.2-8: what an issuer may not do, and what is not understood
#[test]
fn an_issuer_with_constraints_that_are_not_understood_issues_nothing() {
    const NAME_CONSTRAINTS: Oid<'static> = Oid::new(&[0x55, 0x1D, 30]);
    let with = |which, critical| {
        between(&CA, "CN=Root", |t| {
            t.extensions.push((which, seq(&[])));
            t.critical = critical;
        })
    };
    let refused = Err(BadSignature::Path.into());
    assert_eq!(check(&root(), &[&with(NAME_CONSTRAINTS, true)]), refused);
    assert_eq!(check(&root(), &[&with(Oid::new(&[0x55, 0x1D, 99]), true)]), refused);
    assert_eq!(check(&root(), &[&with(NAME_CONSTRAINTS, false)]), Ok(()));
    assert_eq!(check(&root(), &[&with(Oid::CERTIFICATE_POLICIES, true)]), Ok(()));
    // an anchor that allows no CA below itself
    let short = X509 { is_ca: false, ..X509::ca("CN=Root", &CA) };
    let constraints = seq(&[&[1, 1, 0xFF], &[2, 1, 0]]);
    let short = X509 { extensions: vec![(Oid::BASIC_CONSTRAINTS, constraints)], ..short };
    assert_eq!(check(&certificate(&short.sign(&CA)), &[&between(&CA, "CN=Root", |_| ())]), refused);
}

// RFC 5280 section 4.1.1.2: nothing that is not signed changes what a certificate says of its signature
#[test]
fn both_names_of_the_signature_algorithm_have_to_agree() {
    let der = leaf();
    let own = Certificate::parse(&der).unwrap();
    let outside = |algorithm: &[u8]| seq(&[own.tbs(), algorithm, &tlv(3, &[&[0], own.signature()])]);
    let oid = own.signature_algorithm().oid;
    assert_eq!(outside(&algorithm(oid, &[5, 0])), der);
    // NULL and nothing are the same
    assert!(Certificate::parse(&outside(&algorithm(oid, &[]))).is_ok());
    assert!(Certificate::parse(&outside(&algorithm(oid, &[4, 1, 7]))).is_err());
    assert!(Certificate::parse(&outside(&algorithm(oid, &seq(&[])))).is_err());
    assert!(Certificate::parse(&outside(&algorithm(Oid::SHA512_WITH_RSA, &[5, 0]))).is_err());
}
