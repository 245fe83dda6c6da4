//! GetNextCACert: what a device believes about the CA that takes over later, and how it asks that CA.

use crate::cert_rep::{Asked, CertRep, OCTET_STRING, PRINTABLE_STRING};
use crate::client_kit::*;
use crate::provider::PROVIDER;
use crate::support::*;
use scep::client::{Done, Failed, NextCa, Renewal, Step, Transmit, TrustedCa};
use scep::crypto::{Digest, SignatureScheme};
use scep::error::{BadSignature, Error, InvalidMessage};
use scep::message::Unverified;
use scep::pki_types::CertificateDer;
use scep::transport::{HttpResponse, Method, Operation, X509_NEXT_CA_CERT};
use scep::wire::{Certificate, Limits, MessageType, Oid, SignedDataDraft, certs_only};

/// When the next CA takes over.
const LATER: u64 = NOW + YEAR / 2;

fn next_root(change: impl FnOnce(&mut Template)) -> CertificateDer<'static> {
    let key = TestKey::other_ca();
    let mut template = Template::ca("C=DE, CN=Next CA");
    (template.from, template.serial) = (LATER, vec![9]);
    change(&mut template);
    template.sign(key.soft.public_key_der(), &key)
}

/// An answer to GetNextCACert, built without the library's help.
struct Answer {
    content_type: Oid<'static>,
    /// eContent.
    content: Option<Vec<u8>>,
    attributes: Vec<(Oid<'static>, Vec<u8>)>,
    outside: Vec<CertificateDer<'static>>,
}

impl Answer {
    fn new(nested: &[&CertificateDer<'static>]) -> Self {
        let nested: Vec<&[u8]> = nested.iter().map(|der| der.as_ref()).collect();
        Self {
            content_type: Oid::ID_DATA,
            content: Some(certs_only::encode(&nested)),
            attributes: Vec::new(),
            outside: Vec::new(),
        }
    }

    /// Without anything inside.
    fn outside(outside: &[&CertificateDer<'static>]) -> Self {
        let outside = outside.iter().map(|der| (*der).clone()).collect();
        Self { content: None, outside, ..Self::new(&[]) }
    }

    fn sign(self, key: &TestKey, certificate: &CertificateDer<'static>) -> HttpResponse {
        HttpResponse::ok(X509_NEXT_CA_CERT, self.message(key, certificate))
    }

    fn message(self, key: &TestKey, certificate: &CertificateDer<'static>) -> Vec<u8> {
        let content = self.content.clone().unwrap_or_default();
        let digest = sha256(&content);
        let mut attributes = self.attributes;
        attributes.push((Oid::CONTENT_TYPE, tlv(0x06, &[self.content_type.as_bytes()])));
        attributes.push((Oid::MESSAGE_DIGEST, tlv(OCTET_STRING, &[&digest])));
        let attribute = |(oid, value): &(Oid<'_>, Vec<u8>)| {
            tlv(0x30, &[&tlv(0x06, &[oid.as_bytes()]), &tlv(0x31, &[value])])
        };
        let mut attributes: Vec<Vec<u8>> = attributes.iter().map(attribute).collect();
        attributes.sort();
        let attributes = tlv(0x31, &[&attributes.concat()]);
        let mut certificates = vec![certificate.as_ref()];
        certificates.extend(self.outside.iter().map(|der| der.as_ref()));
        let draft = SignedDataDraft {
            content: &content,
            certificates: &certificates,
            signer: Certificate::parse(certificate).unwrap().issuer_and_serial(),
            scheme: SignatureScheme::RsaPkcs1(Digest::Sha256),
            signed_attributes: &attributes,
            signature: &key.sign(&attributes),
        };
        let message = draft.encode();
        // the draft writes id-data with content, whatever the attributes say
        let data = tlv(0x06, &[Oid::ID_DATA.as_bytes()]);
        let written = tlv(0x30, &[&data, &tlv(0xA0, &[&tlv(OCTET_STRING, &[&content])])]);
        let inside = match self.content {
            Some(content) => tlv(0xA0, &[&tlv(OCTET_STRING, &[&content])]),
            None => Vec::new(),
        };
        let wanted = tlv(0x30, &[&tlv(0x06, &[self.content_type.as_bytes()]), &inside]);
        let at = message.windows(written.len()).position(|window| window == written).unwrap();
        let [head, tail] = [&message[..at], &message[at + written.len()..]];
        // ContentInfo SEQUENCE, OID, [0], SEQUENCE: headers of four bytes each but the OID
        let fields = &head[4 + 11 + 4 + 4..];
        let data = tlv(0x30, &[fields, &wanted, tail]);
        tlv(0x30, &[&tlv(0x06, &[Oid::ID_SIGNED_DATA.as_bytes()]), &tlv(0xA0, &[&data])])
    }
}

fn only<'a>(der: &'a CertificateDer<'static>) -> &'a [CertificateDer<'static>] {
    std::slice::from_ref(der)
}

fn ask(kit: &Kit) -> Transmit {
    let step = kit.client.fetch_next_ca(URL, kit.trusted(standard())).unwrap();
    let Step::Transmit(transmit) = step else { panic!("{step:?}") };
    transmit
}

fn take(kit: &mut Kit, response: HttpResponse) -> Result<NextCa, Box<Failed<Transmit>>> {
    let transmit = ask(kit);
    match transmit.receive(response, kit.now, &mut kit.rng)? {
        Step::Done(Done::NextCa(next)) => Ok(next),
        other => panic!("{other:?}"),
    }
}

/// The answer counts as none: the same question may be asked again, and an honest answer is taken.
fn no_answer(response: HttpResponse, error: impl Into<Error>) {
    let mut kit = Kit::new();
    let failed = take(&mut kit, response).unwrap_err();
    assert_eq!(failed.error, error.into());
    let next = next_root(|_| {});
    let honest = Answer::new(&[&next]).sign(&kit.ca, &kit.root);
    let again = failed.retry.unwrap().receive(honest, kit.now, &mut kit.rng).unwrap();
    assert!(matches!(again, Step::Done(Done::NextCa(_))));
}

/// The next CA as this answer brings it.
fn next(kit: &mut Kit, answer: Answer) -> TrustedCa {
    let response = answer.sign(&kit.ca, &kit.root);
    take(kit, response).unwrap().into_trusted(kit.client.config()).unwrap()
}

// R-4.7-1
#[test]
fn the_question_is_a_get_without_data() {
    let transmit = ask(&Kit::new());
    let request = transmit.request();
    assert_eq!(request.target, "http://ca.test/scep?operation=GetNextCACert&message=");
    assert_eq!((request.method, transmit.operation()), (Method::Get, Operation::GetNextCaCert));
    assert_eq!((transmit.message_type(), transmit.transaction_id()), (None, None));
}

// R-4.7.1-1, R-2.2-10, case 110
#[test]
fn certificates_that_the_present_ca_signed_are_staged_and_replace_nothing() {
    let mut kit = Kit::new();
    let root = next_root(|_| {});
    let present = kit.trusted(standard());
    let response = Answer::new(&[&root]).sign(&kit.ca, &kit.root);
    let next = take(&mut kit, response).unwrap();
    assert_eq!(next.certificates(), only(&root));
    let next = next.into_trusted(kit.client.config()).unwrap();
    assert_eq!((next.anchors(), next.recipient(), next.issuer()), (only(&root), &root, &root));
    assert_eq!((next.valid_from(), next.capabilities()), (Some(at(LATER)), standard()));
    assert_eq!((present.valid_from(), present.anchors()), (None, only(&kit.root)));
}

// R-4.7.1-3: both content types
#[test]
fn content_of_type_signed_data_is_read_too() {
    let mut kit = Kit::new();
    let root = next_root(|_| {});
    let answer = Answer { content_type: Oid::ID_SIGNED_DATA, ..Answer::new(&[&root]) };
    assert_eq!(next(&mut kit, answer).anchors(), only(&root));
    let answer = Answer { content_type: Oid::ID_ENVELOPED_DATA, ..Answer::new(&[&root]) };
    no_answer(answer.sign(&kit.ca, &kit.root), InvalidMessage::ContentType);
}

// R-4.7.1-3: what SCEP signs otherwise does not pass for this
#[test]
fn a_message_with_scep_attributes_is_refused() {
    let kit = Kit::new();
    let mut answer = Answer::new(&[&next_root(|_| {})]);
    answer.attributes.push((Oid::MESSAGE_TYPE, tlv(PRINTABLE_STRING, &[b"3"])));
    no_answer(answer.sign(&kit.ca, &kit.root), InvalidMessage::MessageType);
}

// R-4.7.1-2, T35, case 126
#[test]
fn an_answer_without_signature_is_no_answer() {
    let root = next_root(|_| {});
    no_answer(HttpResponse::ok(X509_NEXT_CA_CERT, certs_only::encode(&[&root])), InvalidMessage::SignerCount);
    no_answer(HttpResponse::ok(X509_NEXT_CA_CERT, root.to_vec()), InvalidMessage::NotSignedData);
    no_answer(HttpResponse::ok(X509_NEXT_CA_CERT, Vec::new()), InvalidMessage::Empty);
}

// R-4.7.1-2, T35, case 126
#[test]
fn an_answer_signed_by_the_next_ca_or_a_stranger_is_no_answer() {
    let root = next_root(|_| {});
    no_answer(Answer::new(&[&root]).sign(&TestKey::other_ca(), &root), BadSignature::UntrustedSigner);
    let stranger = TestKey::stranger();
    let certificate = Template::ca("CN=Stranger").sign(stranger.soft.public_key_der(), &stranger);
    no_answer(Answer::new(&[&root]).sign(&stranger, &certificate), BadSignature::UntrustedSigner);
    // named like the present CA
    let certificate = Template::ca(CA_NAME).sign(stranger.soft.public_key_der(), &stranger);
    no_answer(Answer::new(&[&root]).sign(&stranger, &certificate), BadSignature::Signature);
    // of the present CA, and a device
    let kit = Kit::new();
    let device = kit.certificate.clone();
    no_answer(Answer::new(&[&root]).sign(&kit.current, &device), BadSignature::UntrustedSigner);
}

// R-4.7.1-2, T29, T35: by an RA as replies are: one without any purpose counts unless the configuration wants one
#[test]
fn an_answer_signed_by_an_ra_counts_as_its_replies_do() {
    for (purposes, strict, good) in [
        (vec![Oid::CMC_RA], false, true),
        (vec![Oid::CMC_RA], true, true),
        (vec![Oid::CLIENT_AUTH], false, false),
        (vec![Oid::CLIENT_AUTH], true, false),
        (vec![], false, true),
        (vec![], true, false),
    ] {
        let mut kit = Kit::new();
        kit.config = kit.config.require_ra_purpose(strict);
        kit.client = scep::client::Client::new(kit.config.clone());
        let template = Template { purposes, ..Template::leaf("CN=RA") };
        let ra = template.sign(TestKey::ra().soft.public_key_der(), &kit.ca);
        let (anchors, others) = ([kit.root.clone()], [ra.clone()]);
        let ca = TrustedCa::new(&kit.config, &anchors, &others, standard(), kit.now).unwrap();
        let step = kit.client.fetch_next_ca(URL, ca).unwrap();
        let Step::Transmit(transmit) = step else { panic!("{step:?}") };
        let response = Answer::new(&[&next_root(|_| {})]).sign(&TestKey::ra(), &ra);
        match transmit.receive(response, kit.now, &mut kit.rng) {
            Ok(step) => assert!(good && matches!(step, Step::Done(Done::NextCa(_)))),
            Err(failed) => assert_eq!((failed.error, good), (BadSignature::UntrustedSigner.into(), false)),
        }
    }
}

// R-4.7.1-2, T35, case 126
#[test]
fn a_changed_answer_is_no_answer() {
    let kit = Kit::new();
    let honest = Answer::new(&[&next_root(|_| {})]).message(&kit.ca, &kit.root);
    let name = b"Next CA";
    let found: Vec<_> = (0..honest.len() - name.len()).filter(|at| honest[*at..].starts_with(name)).collect();
    assert_eq!(found.len(), 2);
    for at in found {
        let mut changed = honest.clone();
        changed[at] = b'T';
        no_answer(HttpResponse::ok(X509_NEXT_CA_CERT, changed), BadSignature::MessageDigest);
    }
    let mut changed = honest.clone();
    *changed.last_mut().unwrap() ^= 1;
    no_answer(HttpResponse::ok(X509_NEXT_CA_CERT, changed), BadSignature::Signature);
}

// R-4.7.1-4, T35, case 126: what is next to the content is not signed
#[test]
fn an_injected_certificate_outside_the_content_is_not_believed() {
    let mut kit = Kit::new();
    let root = next_root(|_| {});
    let injected =
        Template::ca("CN=Injected").sign(TestKey::stranger().soft.public_key_der(), &TestKey::stranger());
    let mut answer = Answer::new(&[&root]);
    answer.outside = vec![injected.clone()];
    assert_eq!(next(&mut kit, answer).certificates(), only(&root));

    // with nothing inside, each has to be vouched for
    let response = Answer::outside(&[&injected]).sign(&kit.ca, &kit.root);
    no_answer(response, BadSignature::Path);
    let mut vouched = Template::ca("CN=Next Sub CA");
    (vouched.issuer, vouched.from) = (name(CA_NAME), LATER);
    let vouched = vouched.sign(TestKey::other_ca().soft.public_key_der(), &kit.ca);
    let response = Answer::outside(&[&vouched, &injected]).sign(&kit.ca, &kit.root);
    no_answer(response, BadSignature::Path);
    let answer = Answer { content: Some(Vec::new()), ..Answer::outside(&[&vouched]) };
    assert_eq!(next(&mut kit, answer).certificates(), only(&vouched));
    let answer = Answer { content: Some(certs_only::encode(&[])), ..Answer::outside(&[&vouched]) };
    assert_eq!(next(&mut kit, answer).anchors(), only(&vouched));
    let next = next(&mut kit, Answer::outside(&[&vouched]));
    assert_eq!((next.anchors(), next.valid_from()), (only(&vouched), Some(at(LATER))));
}

#[test]
fn an_answer_without_a_ca_certificate_is_no_answer() {
    let kit = Kit::new();
    let leaf = kit.certificate.clone();
    for answer in [Answer::new(&[&leaf]), Answer::new(&[]), Answer::outside(&[])] {
        no_answer(answer.sign(&kit.ca, &kit.root), InvalidMessage::NoCertificates);
    }
    let garbage = Answer { content: Some(b"garbage".to_vec()), ..Answer::new(&[]) };
    no_answer(garbage.sign(&kit.ca, &kit.root), InvalidMessage::Ber);
}

// T35, T53: the next CA comes after the present one, and has not expired
#[test]
fn a_ca_of_the_past_is_no_next_ca() {
    let kit = Kit::new();
    let present = NOW - 5 * YEAR;
    let older = next_root(|template| template.from = present - 1);
    no_answer(Answer::new(&[&older]).sign(&kit.ca, &kit.root), BadSignature::Validity);
    let expired = next_root(|template| (template.from, template.until) = (NOW - YEAR, NOW - 1));
    no_answer(Answer::new(&[&expired]).sign(&kit.ca, &kit.root), BadSignature::Validity);
}

// R-2.2-9, T53
#[test]
fn an_answer_signed_after_the_signer_has_expired_is_no_answer() {
    let mut kit = Kit::new();
    let root = next_root(|template| template.until = NOW + 30 * YEAR);
    let response = Answer::new(&[&root]).sign(&kit.ca, &kit.root);
    let transmit = ask(&kit);
    let late = Some(at(NOW + 15 * YEAR + 1));
    let failed = transmit.receive(response.clone(), late, &mut kit.rng).unwrap_err();
    assert_eq!(failed.error, BadSignature::Validity.into());
    // without a clock nobody can tell
    assert!(failed.retry.unwrap().receive(response, None, &mut kit.rng).is_ok());
}

// R-4.7.1-5
#[test]
fn a_ca_without_a_next_one_is_an_http_error() {
    let mut kit = Kit::new();
    let failed = take(&mut kit, HttpResponse::error(404)).unwrap_err();
    assert_eq!((failed.error, failed.retry.is_none()), (Error::UnexpectedStatus(404), true));
}

// --- asking the next CA ------------------------------------------------------------------------------------------

/// A renewal for the next CA on its way, and that CA's certificate.
fn renewing(kit: &mut Kit) -> (Transmit, Asked, CertificateDer<'static>) {
    let root = next_root(|_| {});
    let next = next(kit, Answer::new(&[&root]));
    let renewal = Renewal::builder(kit.certificate.clone(), kit.new.soft.public_key_der()).build().unwrap();
    let step = kit.client.renew_with(URL, next, renewal, kit.now, &mut kit.rng).unwrap();
    let transmit = kit.up_to_message(step);
    let asked = Asked::of(transmit.request());
    (transmit, asked, root)
}

/// A certificate of the next CA's.
fn leaf(kit: &Kit, from: u64) -> CertificateDer<'static> {
    let mut template = Template::leaf(DEVICE_NAME);
    (template.issuer, template.from) = (name("C=DE, CN=Next CA"), from);
    template.sign(kit.new.soft.public_key_der(), &TestKey::other_ca())
}

// R-4.7-2, case 110
#[test]
fn a_renewal_for_the_next_ca_is_signed_under_the_present_certificate_and_encrypted_for_the_next_ca() {
    for from in [NOW - 60, LATER] {
        let mut kit = Kit::new();
        let (transmit, asked, root) = renewing(&mut kit);
        assert_eq!(
            (transmit.message_type(), &asked.signer),
            (Some(MessageType::RenewalReq), &kit.certificate)
        );
        assert!(!content(transmit.request(), &TestKey::other_ca(), &root).is_empty());

        let leaf = leaf(&kit, from);
        let response = CertRep::success(&asked, &[&leaf], &asked.signer).sign(&TestKey::other_ca(), &root);
        let issued = issued_step(kit.take(transmit, response).unwrap());
        assert_eq!((issued.certificate, issued.ca.valid_from()), (leaf, Some(at(LATER))));
    }
}

// T31, T33: the next CA is a CA of its own
#[test]
fn what_the_present_ca_signs_does_not_count_under_the_next_one() {
    let mut kit = Kit::new();
    let (transmit, asked, root) = renewing(&mut kit);
    let present = kit.leaf(&kit.new, |_| {});
    let response = kit.sign(CertRep::success(&asked, &[&present], &asked.signer));
    let failed = kit.take(transmit, response).unwrap_err();
    assert_eq!(failed.error, BadSignature::UntrustedSigner.into());
    let response = CertRep::success(&asked, &[&present], &asked.signer).sign(&TestKey::other_ca(), &root);
    let failed = kit.take(failed.retry.unwrap(), response).unwrap_err();
    assert_eq!((failed.error, failed.retry.is_none()), (BadSignature::Path.into(), true));
}

// T53: the dates are those of the time when it takes over, and after that those of today
#[test]
fn dates_under_the_next_ca_are_those_of_its_time() {
    for (now, until, good) in [
        (NOW, LATER, true),
        (NOW, LATER - 1, false),
        (LATER + 60, LATER + 60, true),
        (LATER + 60, LATER + 59, false),
    ] {
        let mut kit = Kit::new();
        let (transmit, asked, root) = renewing(&mut kit);
        kit.now = Some(at(now));
        let mut template = Template::leaf(DEVICE_NAME);
        (template.issuer, template.until) = (name("C=DE, CN=Next CA"), until);
        let leaf = template.sign(kit.new.soft.public_key_der(), &TestKey::other_ca());
        let response = CertRep::success(&asked, &[&leaf], &asked.signer).sign(&TestKey::other_ca(), &root);
        match kit.take(transmit, response) {
            Ok(step) => assert!(issued_step(step).checked_time && good, "{now} {until}"),
            Err(failed) => assert_eq!((failed.error, good), (BadSignature::Validity.into(), false)),
        }
    }
}

// R-4.7-2, T54
#[test]
fn a_held_request_to_the_next_ca_survives_a_reboot() {
    let mut kit = Kit::new();
    let (transmit, asked, root) = renewing(&mut kit);
    let pending = CertRep::new(&asked, "3").sign(&TestKey::other_ca(), &root);
    let Step::Wait(wait) = kit.take(transmit, pending).unwrap() else { panic!() };
    let before = wait.ca().clone();
    let wait = kit.client.resume(&wait.save().unwrap()).unwrap();
    assert_eq!(*wait.ca(), before);
    assert_eq!(wait.ca().valid_from(), Some(at(LATER)));

    let step = wait.poll(&mut kit.rng).unwrap();
    let transmit = kit.up_to_message(step);
    let asked = Asked::of(transmit.request());
    let leaf = leaf(&kit, LATER);
    let response = CertRep::success(&asked, &[&leaf], &asked.signer).sign(&TestKey::other_ca(), &root);
    assert_eq!(issued_step(kit.take(transmit, response).unwrap()).certificate, leaf);
}

// the answers above are what they are meant to be
#[test]
fn the_answers_of_these_tests_are_messages_of_one_signer() {
    let kit = Kit::new();
    for answer in [Answer::new(&[&kit.root]), Answer::outside(&[&kit.root])] {
        let message = Unverified::parse(answer.message(&kit.ca, &kit.root), &Limits::DEFAULT).unwrap();
        assert!(message.verify_as_sent(&PROVIDER).is_ok());
    }
}
