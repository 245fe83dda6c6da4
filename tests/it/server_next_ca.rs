//! GetNextCACert: signed once, served without a key, read by readers of both kinds.

use crate::provider::PROVIDER;
use crate::reading::{certs_only, elements};
use crate::requests::*;
use crate::server_kit::*;
use crate::support::{NOW, at, seeded};
use cms::content_info::ContentInfo;
use cms::signed_data::SignedData;
use scep::Error;
use scep::crypto::{Digest, Purpose, Signature};
use scep::error::{ApiMisuse, KeyError};
use scep::pki_types::CertificateDer;
use scep::server::{Identity, NextCa, Responder, ServerConfig};
use scep::transport::HttpRequest;
use scep::wire::{KeyUsage, Oid};
use x509_cert::der::asn1::OctetString;
use x509_cert::der::{Decode as _, Encode as _};

/// The certificates of the next CA and its RA.
fn next() -> Vec<CertificateDer<'static>> {
    let ca = X509::ca("CN=Next CA", &DEVICE_2).sign(&DEVICE_2);
    let ra = X509::of("CN=Next RA", "CN=Next CA", &STRANGER).sign(&DEVICE_2);
    vec![certificate(&ca), certificate(&ra)]
}

fn signed_by(key: &Key, signer: &[u8]) -> NextCa {
    let draft = NextCa::draft(&PROVIDER, certificate(signer), next(), Some(at(NOW))).unwrap();
    let job = draft.job();
    assert_eq!((job.purpose(), job.public_key()), (Purpose::NextCa, key.public()));
    let signature = key.soft.sign(job, &mut seeded(1));
    draft.complete(signature).unwrap()
}

fn get(server: &Server) -> Answer<'_> {
    server.serve(HttpRequest::new("GET", "/scep?operation=GetNextCACert", Vec::new()))
}

fn capabilities(server: &Server) -> String {
    let request = HttpRequest::new("GET", "/scep?operation=GetCACaps", Vec::new());
    String::from_utf8(server.serve(request).outcome.reply.body).unwrap()
}

// R-4.7.1-1, R-4.7.1-3, R-4.7.1-4, case 10, case 11
#[test]
fn the_answer_is_signed_by_the_present_ca_around_the_next_certificates() {
    let server = Server::with(config().next_ca(signed_by(&CA, &CA_CERTIFICATE)));
    let answer = get(&server);
    let reply = &answer.outcome.reply;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.content_type.as_deref(), Some("application/x-x509-next-ca-cert"));
    // nobody's key works for whoever asks
    assert_eq!(answer.counts, Counts::default());
    assert!(get(&server).outcome.reply.body == reply.body);

    let info = ContentInfo::from_der(&reply.body).unwrap();
    let data: SignedData = info.content.decode_as().unwrap();
    assert_eq!(data.encap_content_info.econtent_type.as_bytes(), Oid::ID_DATA.as_bytes());
    let content = data.encap_content_info.econtent.unwrap().decode_as::<OctetString>().unwrap();
    let next: Vec<Vec<u8>> = next().iter().map(|der| der.to_vec()).collect();
    assert_eq!(certs_only(content.as_bytes()), next);
    let [signer] = data.signer_infos.0.as_slice() else { panic!("not one signer") };
    let attributes = signer.signed_attrs.as_ref().unwrap();
    assert!(CA.verifies(Digest::Sha256, &attributes.to_der().unwrap(), signer.signature.as_bytes()));
    let digest = attributes.iter().find(|a| a.oid.as_bytes() == Oid::MESSAGE_DIGEST.as_bytes()).unwrap();
    assert_eq!(digest.values.as_slice()[0].value(), hash(Digest::Sha256, content.as_bytes()));
    // no attribute of SCEP's
    let mut types: Vec<&[u8]> = attributes.iter().map(|a| a.oid.as_bytes()).collect();
    types.sort_unstable();
    let expected = [Oid::CONTENT_TYPE, Oid::MESSAGE_DIGEST, Oid::SIGNING_TIME].map(Oid::as_bytes);
    assert_eq!(types, expected);

    // copies for those who look outside, behind the signer's
    let fields = elements(&reply.body)[0].1;
    let data = elements(elements(fields)[1].1)[0].1;
    let outer = elements(data).into_iter().find(|(tag, ..)| *tag == 0xA0).unwrap().1;
    let outer: Vec<Vec<u8>> = elements(outer).into_iter().map(|(_, _, whole)| whole.to_vec()).collect();
    assert_eq!(outer, [vec![CA_CERTIFICATE.clone()], next].concat());
}

// R-3.5.2-15, R-4.7.1-5, case 3, case 10
#[test]
fn the_keyword_is_listed_while_there_is_a_next_certificate() {
    let without = Server::new();
    get(&without).http(404);
    assert!(!capabilities(&without).contains("GetNextCACert"));
    let with = Server::with(config().next_ca(signed_by(&CA, &CA_CERTIFICATE)));
    assert!(capabilities(&with).lines().any(|line| line == "GetNextCACert"));
    // GetCACert shows the present CA alone
    let request = HttpRequest::new("GET", "/scep?operation=GetCACert", Vec::new());
    assert_eq!(with.serve(request).outcome.reply.body, *CA_CERTIFICATE);
}

#[test]
fn a_server_without_renewal_and_next_ca_lists_neither_and_one_with_both_lists_both() {
    let both = Server::with(config().renewal(true).next_ca(signed_by(&CA, &CA_CERTIFICATE)));
    let expected = "AES\nGetNextCACert\nPOSTPKIOperation\nRenewal\nSHA-256\nSHA-384\nSHA-512\nSCEPStandard\n";
    assert_eq!(capabilities(&both), expected);
}

// R-4.7.1-2, T35: clients know the certificates of GetCACert, and believe no other signer
#[test]
fn only_a_present_certificate_may_sign() {
    let ra = Identity::new(certificate(&RA_CERTIFICATE));
    let behind =
        |next| ServerConfig::new(&PROVIDER, ra.clone(), vec![certificate(&CA_CERTIFICATE)]).next_ca(next);
    for (key, signer) in [(&*CA, &*CA_CERTIFICATE), (&*RA, &*RA_CERTIFICATE)] {
        Responder::new(behind(signed_by(key, signer))).unwrap();
    }
    let other = X509::ca("CN=Server CA", &STRANGER).sign(&STRANGER);
    let error = Responder::new(behind(signed_by(&STRANGER, &other))).unwrap_err();
    assert_eq!(error, ApiMisuse::Certificate.into());
    // GetCACert does not show an identity that only opens
    let later = X509::of("CN=Next RA", "CN=Server CA", &STRANGER).sign(&CA);
    let config = behind(signed_by(&STRANGER, &later)).also_open(Identity::new(certificate(&later)));
    assert_eq!(Responder::new(config).unwrap_err(), ApiMisuse::Certificate.into());
}

// R-2.1.2-2, R-4.7.1-2
#[test]
fn a_draft_that_proves_nothing_is_refused() {
    let ca = || certificate(&CA_CERTIFICATE);
    let draft = |signer, next| NextCa::draft(&PROVIDER, signer, next, None).map(drop);
    let no_anchor = Err(Error::from(ApiMisuse::NoAnchor));
    let misfit = Err(Error::from(ApiMisuse::Certificate));
    assert_eq!(draft(ca(), next()), Ok(()));
    assert_eq!(draft(ca(), Vec::new()), no_anchor);
    assert_eq!(draft(ca(), next().split_off(1)), no_anchor);
    assert_eq!(draft(ca(), vec![certificate(&[0x30, 0])]), misfit);
    assert_eq!(draft(certificate(&[0x30, 0]), next()), misfit);
    assert_eq!(draft(certificate(&RA_ENCRYPTION_CERTIFICATE), next()), misfit);
    // by the next CA itself
    assert_eq!(draft(next().remove(0), next()), misfit);
    let mute = X509 { usage: Some(KeyUsage::KEY_CERT_SIGN), ..X509::ca("CN=Server CA", &CA) }.sign(&CA);
    assert_eq!(draft(certificate(&mute), next()), misfit);
}

// T54
#[test]
fn a_signature_that_does_not_verify_makes_no_answer() {
    let draft = || NextCa::draft(&PROVIDER, certificate(&CA_CERTIFICATE), next(), Some(at(NOW))).unwrap();
    let wrong = [
        Signature::new(vec![0; 256]),
        Signature::new(STRANGER.sign(Digest::Sha256, draft().job().message())),
        Signature::new(Vec::new()),
    ];
    for signature in wrong {
        let error = draft().complete(Ok(signature)).unwrap_err();
        assert_eq!(error, KeyError::WrongSignature.into());
    }
    let error = draft().complete(Err(KeyError::Unavailable)).unwrap_err();
    assert_eq!(error, KeyError::Unavailable.into());
}
