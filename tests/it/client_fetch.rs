//! GetCert and GetCRL: a device asks for what exists already.

use crate::cert_rep::{Asked, CertRep, PRINTABLE_STRING, enveloped};
use crate::client_kit::*;
use crate::support::*;
use scep::client::{Crl, Done, Query, Step, Transmit, TrustedCa};
use scep::crypto::{Digest, Purpose, SignatureScheme};
use scep::error::{ApiMisuse, BadSignature, Error, FailInfo, InvalidMessage, PeerMisbehaved, Unsupported};
use scep::message::Unverified;
use scep::pki_types::CertificateDer;
use scep::transport::HttpResponse;
use scep::wire::{
    Certificate, ExtensionsBuilder, IssuerAndSerialNumber, KeyUsage, Limits, MessageType, Oid, assemble,
    certs_only,
};
use std::time::Duration;
use x509_cert::der::{Encode as _, asn1::GeneralizedTime};

/// A question on its way.
struct Asking {
    kit: Kit,
    transmit: Transmit,
    asked: Asked,
}

impl Asking {
    fn new(message_type: MessageType) -> Self {
        Self::at(Kit::new(), message_type, |kit| kit.trusted(standard()))
    }

    fn at(mut kit: Kit, message_type: MessageType, ca: impl Fn(&Kit) -> TrustedCa) -> Self {
        let (ca, query) = (ca(&kit), Query::own(kit.certificate.clone()).unwrap());
        let step = match message_type {
            MessageType::GetCert => kit.client.fetch_certificate(URL, ca, query, &mut kit.rng),
            _ => kit.client.fetch_crl(URL, ca, query, &mut kit.rng),
        };
        let transmit = kit.up_to_message(step.unwrap());
        let asked = Asked::of(transmit.request());
        Self { kit, transmit, asked }
    }

    fn success(&self, chain: &[&[u8]]) -> HttpResponse {
        self.kit.sign(CertRep::success(&self.asked, chain, &self.asked.signer))
    }

    /// What comes of this reply, and whether the same question may be asked again after it.
    fn answer(mut self, response: HttpResponse) -> Result<Done, (Error, bool)> {
        match self.kit.take(self.transmit, response) {
            Ok(Step::Done(done)) => Ok(done),
            Ok(other) => panic!("{other:?}"),
            Err(failed) => Err((failed.error, failed.retry.is_some())),
        }
    }
}

fn found(done: Result<Done, (Error, bool)>) -> CertificateDer<'static> {
    match done {
        Ok(Done::Certificate(certificate)) => certificate,
        other => panic!("{other:?}"),
    }
}

fn refused(done: Result<Done, (Error, bool)>) -> (Error, bool) {
    match done {
        Err(refused) => refused,
        Ok(other) => panic!("{other:?}"),
    }
}

// R-2.6-1, R-3.3.4-1, R-4.5-1, R-4.6-1
#[test]
fn a_question_names_a_certificate_and_is_signed_under_the_device_s_own() {
    for message_type in [MessageType::GetCert, MessageType::GetCrl] {
        let [first, second] = [Asking::new(message_type), {
            let mut kit = Kit::new();
            kit.rng = seeded(77);
            Asking::at(kit, message_type, |kit| kit.trusted(standard()))
        }];
        let request = first.transmit.request();
        let message = Unverified::parse(request.body.clone(), &Limits::DEFAULT).unwrap();
        assert_eq!(message.message_type_hint().unwrap(), message_type);
        assert_eq!(first.asked.signer, first.kit.certificate);
        let key = first.kit.current.soft.public_key_der().to_vec();
        assert_eq!(first.kit.signed, [(Purpose::PkiMessage, key)]);
        let content = first.kit.content(request);
        let own = Certificate::parse(&first.kit.certificate).unwrap().issuer_and_serial();
        assert_eq!(IssuerAndSerialNumber::parse(&content).unwrap(), own);
        assert_ne!(first.asked.id.as_bytes(), second.asked.id.as_bytes());
    }
}

#[test]
fn another_certificate_than_ones_own_may_be_asked_for() {
    let mut kit = Kit::new();
    let root = kit.root.clone();
    let issuer = Certificate::parse(&root).unwrap().subject();
    let other = IssuerAndSerialNumber { issuer, serial: &[0x7F, 1] };
    let query = Query::new(kit.certificate.clone(), &other).unwrap().chain(vec![root.clone()]);
    let ca = kit.trusted(standard());
    let step = kit.client.fetch_certificate(URL, ca, query, &mut kit.rng).unwrap();
    let request = kit.up_to_message(step).request().clone();
    let content = kit.content(&request);
    assert_eq!(IssuerAndSerialNumber::parse(&content).unwrap(), other);
    let message = scep::wire::SignedData::parse(&request.body, &Limits::DEFAULT).unwrap();
    let sent: Vec<_> = message.certificates().iter().collect();
    assert_eq!(sent, [kit.certificate.as_ref(), root.as_ref()]);
}

#[test]
fn a_question_needs_a_certificate_that_can_be_answered() {
    let broken = CertificateDer::from(vec![0x30, 0x00]);
    assert_eq!(Query::own(broken.clone()).unwrap_err(), ApiMisuse::Certificate.into());
    let kit = Kit::new();
    let own = Certificate::parse(&kit.certificate).unwrap().issuer_and_serial();
    assert_eq!(Query::new(broken, &own).unwrap_err(), ApiMisuse::Certificate.into());
}

// R-3.3.2.1-4, R-2.6-2: wherever it stands, and also when it has expired
#[test]
fn the_certificate_that_was_asked_for_is_found() {
    let asking = Asking::new(MessageType::GetCert);
    let (own, root) = (asking.kit.certificate.clone(), asking.kit.root.clone());
    let other = asking.kit.leaf(&asking.kit.current, |_| {});
    let response = asking.success(&[&root, &other, &own]);
    assert_eq!(found(asking.answer(response)), own);

    let mut kit = Kit::new();
    kit.certificate = kit.leaf(&kit.current, |template| template.until = NOW - 1);
    let asking = Asking::at(kit, MessageType::GetCert, |kit| kit.trusted(standard()));
    let own = asking.kit.certificate.clone();
    let response = asking.success(&[&own]);
    assert_eq!(found(asking.answer(response)), own);
}

// R-3.3.2.1-4, T33
#[test]
fn another_certificate_than_the_one_that_was_asked_for_is_refused() {
    let asking = Asking::new(MessageType::GetCert);
    let other = asking.kit.leaf(&asking.kit.current, |_| {});
    let response = asking.success(&[&other, &asking.kit.root]);
    assert_eq!(refused(asking.answer(response)), (PeerMisbehaved::NoCertificate.into(), false));

    let asking = Asking::new(MessageType::GetCert);
    let response = asking.success(&[]);
    assert_eq!(refused(asking.answer(response)), (PeerMisbehaved::NoCertificate.into(), false));

    // the same issuer and serial number, by another key
    let asking = Asking::new(MessageType::GetCert);
    let forged =
        Template::leaf(DEVICE_NAME).sign(asking.kit.current.soft.public_key_der(), &TestKey::other_ca());
    let response = asking.success(&[&forged]);
    assert_eq!(refused(asking.answer(response)), (BadSignature::Path.into(), false));
}

// R-4.5.1-1
#[test]
fn a_question_is_answered_or_refused_and_never_held() {
    for message_type in [MessageType::GetCert, MessageType::GetCrl] {
        let asking = Asking::new(message_type);
        let pending = asking.kit.sign(CertRep::new(&asking.asked, "3"));
        let error = Error::InvalidMessage(InvalidMessage::PkiStatus);
        assert_eq!(refused(asking.answer(pending)), (error, true));

        let asking = Asking::new(message_type);
        let refusal = CertRep::new(&asking.asked, "2").with(Oid::FAIL_INFO, PRINTABLE_STRING, b"4");
        let refusal = asking.kit.sign(refusal);
        let done = asking.answer(refusal).unwrap();
        assert!(matches!(done, Done::Refused { fail_info: FailInfo::BadCertId, .. }));
    }
}

// T31, T32: these replies get no more trust than others
#[test]
fn an_answer_of_a_stranger_or_to_another_question_is_no_answer() {
    for message_type in [MessageType::GetCert, MessageType::GetCrl] {
        let asking = Asking::new(message_type);
        let stranger = TestKey::stranger();
        let certificate = Template::ca("CN=Stranger").sign(stranger.soft.public_key_der(), &stranger);
        let own = asking.kit.certificate.clone();
        let reply = CertRep::success(&asking.asked, &[&own], &own).sign(&stranger, &certificate);
        assert_eq!(refused(asking.answer(reply)), (BadSignature::UntrustedSigner.into(), true));

        let asking = Asking::new(message_type);
        let other = Asking::at(
            {
                let mut kit = Kit::new();
                kit.rng = seeded(5);
                kit
            },
            message_type,
            |kit| kit.trusted(standard()),
        );
        let reply = other.success(&[&own]);
        assert_eq!(refused(asking.answer(reply)), (PeerMisbehaved::TransactionId.into(), true));
    }
}

// --- CRLs --------------------------------------------------------------------------------------------------------

fn time(seconds: u64) -> Vec<u8> {
    GeneralizedTime::from_unix_duration(Duration::from_secs(seconds)).unwrap().to_der().unwrap()
}

/// What a CRL says; it is built without the library's help, apart from names and extensions.
pub(crate) struct CrlTemplate {
    issuer: Vec<u8>,
    this_update: u64,
    /// Serial numbers, and extensions of the entry.
    revoked: Vec<(Vec<u8>, Vec<u8>)>,
    /// Extensions of the list.
    extensions: Vec<u8>,
}

impl CrlTemplate {
    pub(crate) fn new() -> Self {
        let revoked = vec![(vec![0x51], Vec::new()), (vec![0x00, 0xF1], Vec::new())];
        Self { issuer: name(CA_NAME), this_update: NOW - 60, revoked, extensions: Vec::new() }
    }

    pub(crate) fn sign(&self, by: &TestKey) -> Vec<u8> {
        let entry = |(serial, extensions): &(Vec<u8>, Vec<u8>)| {
            tlv(0x30, &[&tlv(0x02, &[serial]), &time(NOW - 600), extensions])
        };
        let entries: Vec<u8> = self.revoked.iter().flat_map(entry).collect();
        let extensions = match &self.extensions[..] {
            [] => Vec::new(),
            der => tlv(0xA0, &[der]),
        };
        let tbs = tlv(
            0x30,
            &[
                &[0x02, 0x01, 0x01],
                &tlv(0x30, &[&tlv(0x06, &[Oid::SHA256_WITH_RSA.as_bytes()]), &[0x05, 0x00]]),
                &self.issuer,
                &time(self.this_update),
                &time(NOW + 3600),
                &tlv(0x30, &[&entries]),
                &extensions,
            ],
        );
        assemble(&tbs, SignatureScheme::RsaPkcs1(Digest::Sha256), &by.sign(&tbs))
    }
}

/// A degenerate SignedData with these CRLs.
fn crl_only(lists: &[&[u8]]) -> Vec<u8> {
    let data = tlv(0x30, &[&tlv(0x06, &[Oid::ID_DATA.as_bytes()])]);
    let fields: [&[u8]; 5] = [&[0x02, 0x01, 0x01], &[0x31, 0x00], &data, &tlv(0xA1, lists), &[0x31, 0x00]];
    let signed_data = tlv(0x30, &fields);
    tlv(0x30, &[&tlv(0x06, &[Oid::ID_SIGNED_DATA.as_bytes()]), &tlv(0xA0, &[&signed_data])])
}

impl Asking {
    fn crls(&self, content: &[u8]) -> HttpResponse {
        let content = enveloped(content, &self.asked.signer);
        self.kit.sign(CertRep { content, ..CertRep::new(&self.asked, "0") })
    }

    /// What comes of this list.
    fn list(self, list: &[u8]) -> Result<Crl, (Error, bool)> {
        let response = self.crls(&crl_only(&[list]));
        self.answer(response).map(|done| match done {
            Done::Crl(crl) => crl,
            other => panic!("{other:?}"),
        })
    }
}

fn asking_for_crl() -> Asking {
    Asking::new(MessageType::GetCrl)
}

// R-2.7-2, R-3.3.2.1-5
#[test]
fn a_crl_of_the_ca_tells_who_is_revoked() {
    let list = CrlTemplate::new().sign(&TestKey::ca());
    let crl = asking_for_crl().list(&list).unwrap();
    assert_eq!((&crl.der, crl.checked_time, crl.next_update()), (&list, true, Some(at(NOW + 3600))));
    for (serial, revoked) in
        [(&[0x51][..], true), (&[0x52], false), (&[0x00, 0xF1], true), (&[0xF1], true), (&[], false)]
    {
        assert_eq!(crl.is_revoked(serial), Ok(revoked), "{serial:02x?}");
    }
}

// R-3.3.2.1-5
#[test]
fn a_success_without_the_crl_that_was_asked_for_is_refused() {
    let no_crl = (PeerMisbehaved::NoCrl.into(), false);
    let asking = asking_for_crl();
    let response = asking.crls(&certs_only::encode(&[&asking.kit.root]));
    assert_eq!(refused(asking.answer(response)), no_crl);

    let other = CrlTemplate { issuer: name("CN=Other CA"), ..CrlTemplate::new() };
    assert_eq!(asking_for_crl().list(&other.sign(&TestKey::ca())).unwrap_err(), no_crl);

    let error = Error::InvalidMessage(InvalidMessage::Crl);
    assert_eq!(asking_for_crl().list(&[0x30, 0x00]).unwrap_err(), (error, true));
}

// T39
#[test]
fn more_than_one_crl_is_refused() {
    let list = CrlTemplate::new().sign(&TestKey::ca());
    let asking = asking_for_crl();
    let response = asking.crls(&crl_only(&[&list, &list]));
    assert_eq!(refused(asking.answer(response)).0, scep::error::Limit::Crls.into());
}

#[test]
fn a_crl_by_another_key_is_refused() {
    for key in [TestKey::other_ca(), TestKey::device()] {
        let list = CrlTemplate::new().sign(&key);
        assert_eq!(asking_for_crl().list(&list).unwrap_err(), (BadSignature::Signature.into(), false));
    }
    let mut list = CrlTemplate::new().sign(&TestKey::ca());
    let at = list.windows(3).position(|window| window == [0x02, 0x01, 0x51]).unwrap();
    list[at + 2] = 0x52;
    assert_eq!(asking_for_crl().list(&list).unwrap_err(), (BadSignature::Signature.into(), false));
}

/// A CRL under a CA certificate with this keyUsage.
fn list_under(usage: Option<KeyUsage>) -> Result<Crl, (Error, bool)> {
    let mut kit = Kit::new();
    let template = Template { usage, ..Template::ca(CA_NAME) };
    kit.root = template.sign(kit.ca.soft.public_key_der(), &kit.ca);
    let asking = Asking::at(kit, MessageType::GetCrl, |kit| kit.trusted(standard()));
    asking.list(&CrlTemplate::new().sign(&TestKey::ca()))
}

// RFC 5280 section 6.3.3 (f)
#[test]
fn a_ca_certificate_signs_crls_only_if_its_key_usage_allows_it() {
    let without = KeyUsage::KEY_CERT_SIGN | KeyUsage::DIGITAL_SIGNATURE | KeyUsage::KEY_ENCIPHERMENT;
    assert!(list_under(Some(without | KeyUsage::CRL_SIGN)).is_ok());
    assert!(list_under(None).is_ok());
    assert_eq!(list_under(Some(without)).unwrap_err(), (BadSignature::UntrustedSigner.into(), false));
}

// T53
#[test]
fn a_crl_of_the_future_is_refused_by_a_device_with_a_clock() {
    for (this_update, good) in [(NOW, true), (NOW + 1, false)] {
        let list = CrlTemplate { this_update, ..CrlTemplate::new() }.sign(&TestKey::ca());
        match asking_for_crl().list(&list) {
            Ok(crl) => assert!(good && crl.checked_time),
            Err(refused) => assert_eq!((refused, good), ((BadSignature::Validity.into(), true), false)),
        }
        let mut asking = asking_for_crl();
        asking.kit.now = None;
        assert!(!asking.list(&list).unwrap().checked_time);
    }
}

// RFC 5280 sections 5.2 and 5.3: a partial list must not pass for the whole one
#[test]
fn a_crl_with_a_critical_extension_gives_no_answer() {
    let unknown = Unsupported::Crl.into();
    let extensions = |critical| {
        let number = ExtensionsBuilder::default().raw(Oid::new(&[0x55, 0x1D, 20]), false, &[2, 1, 9]);
        number.raw(Oid::new(&[0x55, 0x1D, 28]), critical, &[0x30, 0x00]).build()
    };
    let partial = CrlTemplate { extensions: extensions(true), ..CrlTemplate::new() };
    let crl = asking_for_crl().list(&partial.sign(&TestKey::ca())).unwrap();
    assert_eq!([crl.is_revoked(&[0x51]), crl.is_revoked(&[0x52])], [Err(unknown), Err(unknown)]);
    // authentic all the same, for a program that knows more
    assert_eq!(crl.list().unwrap().revoked().count(), 2);

    let whole = CrlTemplate { extensions: extensions(false), ..CrlTemplate::new() };
    let crl = asking_for_crl().list(&whole.sign(&TestKey::ca())).unwrap();
    assert_eq!([crl.is_revoked(&[0x51]), crl.is_revoked(&[0x52])], [Ok(true), Ok(false)]);

    // another issuer's entries begin there
    let mut indirect = CrlTemplate::new();
    let issuer = ExtensionsBuilder::default().raw(Oid::new(&[0x55, 0x1D, 29]), true, &[0x30, 0x00]);
    indirect.revoked[1].1 = issuer.build();
    let crl = asking_for_crl().list(&indirect.sign(&TestKey::ca())).unwrap();
    assert_eq!([crl.is_revoked(&[0x51]), crl.is_revoked(&[0x52])], [Ok(true), Err(unknown)]);
}
