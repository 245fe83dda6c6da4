//! Keys that cannot decrypt, on either side: messages under the challenge password (RFC 8894 section 3.1).

mod whole;

use crate::cert_rep::{Asked, CertRep, enveloped};
use crate::client_kit::{content, standard};
use crate::provider::{KeyRing, KeyType, PBKDF2_SHA256, PROVIDER, SoftwareKey};
use crate::support::*;
use scep::client::{
    Client, ClientConfig, Compat, Failed, NewEnrolment, Query, Renewal, Step, Transmit, TrustedCa, Wait,
};
use scep::crypto::{
    ChallengePassword, ContentEncryption, Decryptor, Digest, KeyTransport, Provider, Purpose, Random,
    SignatureScheme, Signer,
};
use scep::error::{ApiMisuse, BadEnvelope, Error, PeerMisbehaved};
use scep::message::{Addressee, Draft, Fields, OpenPolicy, Unverified, envelope};
use scep::pki_types::CertificateDer;
use scep::transport::{HttpRequest, HttpResponse, PKI_MESSAGE};
use scep::wire::{
    Certificate, CertificationRequest, DistinguishedName, EnvelopedData, EnvelopedDataDraft,
    IssuerAndSubject, KeyUsage, Limits, MessageType, Nonce, PkiStatus, RecipientDraft, RecipientInfo,
    certs_only,
};

/// What a client that may encrypt by a password lists.
static WITH_PASSWORDS: Provider = Provider { password_kdfs: &[&PBKDF2_SHA256], ..PROVIDER };

/// Strong enough by its looks, and not the right one.
const OTHER: &str = "another password that is long enough";

fn password(text: &str) -> ChallengePassword {
    ChallengePassword::new(text).unwrap()
}

fn curve(seed: u64) -> SoftwareKey {
    // the one provider that makes the same key of the same numbers
    let key = scep::crypto::rustcrypto::SoftwareKey::generate(KeyType::EcP256, &mut seeded(seed)).unwrap();
    SoftwareKey::from_pkcs8(&key.to_pkcs8()).unwrap()
}

fn switched_on() -> ClientConfig {
    ClientConfig::new(&WITH_PASSWORDS).password_recipients(true)
}

/// A device whose key may be of either kind, and a CA with an RSA key or one that is all ECDSA.
struct Kit {
    rsa: TestKey,
    /// The key of the CA, if it is not `rsa`.
    curve: Option<SoftwareKey>,
    root: CertificateDer<'static>,
    key: SoftwareKey,
    client: Client,
    rng: Random<SplitMix>,
    decryptions: usize,
}

impl Kit {
    /// A device that cannot decrypt, at a CA that can.
    fn new() -> Self {
        let rsa = TestKey::ca();
        let root = Template::ca(CA_NAME).sign(rsa.soft.public_key_der(), &rsa);
        Self {
            rsa,
            curve: None,
            root,
            key: curve(31),
            client: Client::new(switched_on()),
            rng: seeded(6),
            decryptions: 0,
        }
    }

    /// A device with this key, at a CA that cannot decrypt.
    fn curved(key: SoftwareKey) -> Self {
        let ca = curve(32);
        let template = Template { usage: Some(curve_usage()), ..Template::ca(CA_NAME) };
        let root = template.sign_by_curve(ca.public_key_der(), &ca);
        Self { curve: Some(ca), root, key, ..Self::new() }
    }

    fn ca(&self) -> TrustedCa {
        let anchors = std::slice::from_ref(&self.root);
        TrustedCa::new(self.client.config(), anchors, &[], standard(), Some(at(NOW))).unwrap()
    }

    fn request(&self, challenge: Option<&str>) -> NewEnrolment {
        let subject: DistinguishedName = DEVICE_NAME.parse().unwrap();
        let mut request = NewEnrolment::builder(subject, self.key.public_key_der());
        if let Some(challenge) = challenge {
            request = request.challenge(password(challenge));
        }
        request.build().unwrap()
    }

    fn enrol(&mut self, challenge: Option<&str>) -> Result<Step, Error> {
        let (ca, request) = (self.ca(), self.request(challenge));
        self.client.enrol_with(URL, ca, request, Some(at(NOW)), &mut self.rng)
    }

    /// Takes signatures until there is something to send.
    fn up_to_message(&mut self, step: Step) -> Transmit {
        let Self { key, rng, .. } = self;
        up_to_message(step, &KeyRing::new(&[key]), rng)
    }

    fn first(&mut self) -> (Transmit, Asked) {
        let step = self.enrol(Some(CHALLENGE)).unwrap();
        let transmit = self.up_to_message(step);
        let asked = Asked::of(transmit.request());
        (transmit, asked)
    }

    /// Takes a reply to its end.
    fn take(&mut self, transmit: Transmit, response: HttpResponse) -> Result<Step, Box<Failed<Transmit>>> {
        match transmit.receive(response, Some(at(NOW)), &mut self.rng)? {
            Step::Decrypt(decrypt) => {
                self.decryptions += 1;
                let unwrapped = Decryptor::decrypt(&mut &self.key, decrypt.job(), &mut self.rng);
                decrypt.complete(unwrapped)
            }
            other => Ok(other),
        }
    }

    /// A certificate for this key.
    fn leaf(&self, key: &SoftwareKey) -> CertificateDer<'static> {
        let mut template = Template::leaf(DEVICE_NAME);
        template.usage = Some(KeyUsage::DIGITAL_SIGNATURE);
        match &self.curve {
            Some(ca) => template.sign_by_curve(key.public_key_der(), ca),
            None => template.sign(key.public_key_der(), &self.rsa),
        }
    }

    /// A SUCCESS with this certificate, protected by `content`.
    fn success(&self, asked: &Asked, content: Vec<u8>) -> HttpResponse {
        CertRep { content, ..CertRep::new(asked, "0") }.sign(&self.rsa, &self.root)
    }

    /// A CertRep of a CA that is all ECDSA.
    fn by_curve(&self, asked: &Asked, pki_status: PkiStatus, content: Vec<u8>) -> HttpResponse {
        let fields = Fields {
            message_type: MessageType::CertRep,
            pki_status: Some(pki_status),
            fail_info: None,
            fail_info_text: None,
            sender_nonce: Nonce::from_bytes(&[7; 16]).unwrap(),
            recipient_nonce: Some(asked.nonce.clone()),
            transaction_id: asked.id.clone(),
            signing_time: None,
        };
        let (root, digest) = (self.root.clone(), Digest::Sha256);
        let draft = Draft::new(&PROVIDER, content, &fields, root, digest, Purpose::CertRep).unwrap();
        let signature = self.curve.as_ref().unwrap().sign(draft.job(), &mut seeded(9)).unwrap();
        HttpResponse::ok(PKI_MESSAGE, draft.seal(&PROVIDER, &signature).unwrap())
    }

    /// A request that is held.
    fn held(&mut self) -> Wait {
        let (transmit, asked) = self.first();
        let pending = match self.curve {
            Some(_) => self.by_curve(&asked, PkiStatus::Pending, Vec::new()),
            None => CertRep::new(&asked, "3").sign(&self.rsa, &self.root),
        };
        match self.take(transmit, pending).unwrap() {
            Step::Wait(wait) => wait,
            other => panic!("{other:?}"),
        }
    }
}

fn curve_usage() -> KeyUsage {
    KeyUsage::KEY_CERT_SIGN | KeyUsage::DIGITAL_SIGNATURE
}

fn up_to_message(mut step: Step, keys: &KeyRing<'_>, rng: &mut Random<SplitMix>) -> Transmit {
    loop {
        step = match step {
            Step::Transmit(transmit) => return transmit,
            Step::Sign(sign) => {
                let signature = Signer::sign(&mut &*keys, sign.job(), rng);
                sign.complete(signature, rng).unwrap()
            }
            other => panic!("{other:?}"),
        }
    }
}

fn under(challenge: &str, content: &[u8]) -> Vec<u8> {
    let challenge = password(challenge);
    let addressee = Addressee::Password(&challenge);
    envelope(&WITH_PASSWORDS, content, addressee, ContentEncryption::Aes128Cbc, &mut seeded(3)).unwrap()
}

fn certificates(leaf: &CertificateDer<'_>) -> Vec<u8> {
    certs_only::encode(&[leaf.as_ref()])
}

/// What is inside a request under this password, and nobody's key.
fn content_under(request: &HttpRequest, challenge: &str) -> Result<Vec<u8>, Error> {
    let message = Unverified::parse(request.body.clone(), &Limits::DEFAULT).unwrap();
    let verified = message.verify_as_sent(&PROVIDER).unwrap();
    let der = verified.content().to_vec();
    let data = EnvelopedData::parse(&der, &Limits::DEFAULT).unwrap();
    let recipients: Vec<_> = data.recipients().collect();
    assert!(matches!(recipients[..], [RecipientInfo::Password(_)]));
    let policy = OpenPolicy {
        provider: &WITH_PASSWORDS,
        recipients: &[],
        single_des: false,
        any_key_identifier: false,
    };
    let envelope = verified.password_envelope(&policy, &mut seeded(1)).unwrap();
    let opened = envelope.open(Some(&password(challenge))).unwrap();
    opened.content().map(<[u8]>::to_vec)
}

fn challenge_in(csr: &[u8]) -> String {
    let csr = CertificationRequest::parse(csr, &Limits::DEFAULT).unwrap();
    csr.challenge_password().unwrap().unwrap().to_string()
}

// --- a device that cannot decrypt --------------------------------------------------------------------------------

// R-3.1-3, R-2.3-2, R-2.4-10, Q19, case 89: the request goes to the CA's RSA key, the reply comes by the challenge
#[test]
fn a_device_that_cannot_decrypt_opens_the_reply_by_its_challenge() {
    for key_type in [KeyType::EcP256, KeyType::EcP384] {
        let mut kit = Kit::new();
        kit.key = SoftwareKey::generate(key_type, &mut kit.rng).unwrap();
        let (transmit, asked) = kit.first();
        let request = transmit.request().clone();
        let signer = Certificate::parse(&asked.signer).unwrap();
        assert_eq!(signer.public_key().as_der(), kit.key.public_key_der());
        assert_eq!(signer.key_usage(), Some(KeyUsage::DIGITAL_SIGNATURE));
        let message = Unverified::parse(request.body.clone(), &Limits::DEFAULT).unwrap();
        assert_eq!(message.scheme_hint(), Ok(SignatureScheme::Ecdsa(Digest::Sha256)));
        assert_eq!(challenge_in(&content(&request, &kit.rsa, &kit.root)), CHALLENGE);
        assert!(!holds(&request.body, CHALLENGE.as_bytes()));

        let leaf = kit.leaf(&kit.key);
        let response = kit.success(&asked, under(CHALLENGE, &certificates(&leaf)));
        assert_eq!(issued_step(kit.take(transmit, response).unwrap()).certificate, leaf);
        assert_eq!(kit.decryptions, 0);
    }
}

// R-3.1-3: it counts as no answer, and the same request is sent again
#[test]
fn a_reply_under_another_password_is_no_answer() {
    let mut kit = Kit::new();
    let (transmit, asked) = kit.first();
    let leaf = kit.leaf(&kit.key);
    let response = kit.success(&asked, under(OTHER, &certificates(&leaf)));
    let failed = kit.take(transmit, response).unwrap_err();
    assert_eq!(failed.error, BadEnvelope::Content.into());
    let response = kit.success(&asked, under(CHALLENGE, &certificates(&leaf)));
    assert_eq!(issued_step(kit.take(failed.retry.unwrap(), response).unwrap()).certificate, leaf);
}

// R-3.1-3, T33: what is inside passes the same checks as behind a key transport
#[test]
fn a_certificate_for_another_key_under_the_right_password_ends_the_request() {
    let mut kit = Kit::new();
    let (transmit, asked) = kit.first();
    let leaf = kit.leaf(&curve(77));
    let response = kit.success(&asked, under(CHALLENGE, &certificates(&leaf)));
    let failed = kit.take(transmit, response).unwrap_err();
    assert_eq!((failed.error, failed.retry.is_none()), (PeerMisbehaved::NoCertificate.into(), true));
}

// R-3.1-3, T3: the key of the device says which way it is, and never the reply
#[test]
fn a_reply_the_other_way_round_is_refused() {
    // by key transport, to a key that cannot decrypt
    let mut kit = Kit::new();
    let (transmit, asked) = kit.first();
    let recipient = Certificate::parse(&asked.signer).unwrap().issuer_and_serial();
    let transported = EnvelopedDataDraft {
        recipient: RecipientDraft::KeyTransport {
            recipient,
            key_transport: KeyTransport::RsaPkcs1v15,
            encrypted_key: &[3; 256],
        },
        content_encryption: ContentEncryption::Aes128Cbc,
        iv: &[1; 16],
        encrypted_content: &[2; 32],
    };
    let response = kit.success(&asked, transported.encode());
    let failed = kit.take(transmit, response).unwrap_err();
    assert_eq!((failed.error, failed.retry.is_some()), (BadEnvelope::Recipient.into(), true));

    // by the challenge, to a key that can
    let mut kit = Kit { key: TestKey::device().soft, ..Kit::new() };
    let (transmit, asked) = kit.first();
    let leaf = kit.leaf(&kit.key);
    let response = kit.success(&asked, under(CHALLENGE, &certificates(&leaf)));
    let failed = kit.take(transmit, response).unwrap_err();
    assert_eq!((failed.error, kit.decryptions), (BadEnvelope::Recipient.into(), 0));
    let response = kit.success(&asked, enveloped(&certificates(&leaf), &asked.signer));
    assert_eq!(issued_step(kit.take(failed.retry.unwrap(), response).unwrap()).certificate, leaf);
    assert_eq!(kit.decryptions, 1);
}

// T47: nothing takes part unless it is switched on
#[test]
fn without_the_switch_keys_that_cannot_decrypt_are_refused() {
    let off = Client::new(ClientConfig::new(&WITH_PASSWORDS));
    let mut kit = Kit { client: off.clone(), ..Kit::new() };
    let request = kit.request(Some(CHALLENGE));
    let refused = off.enrol(URL, request, &mut kit.rng).unwrap_err();
    assert_eq!(refused, ApiMisuse::PublicKey.into());
    assert_eq!(kit.enrol(Some(CHALLENGE)).unwrap_err(), ApiMisuse::PublicKey.into());
    let (current, new) = (kit.leaf(&kit.key), TestKey::device());
    let renewal = Renewal::builder(current, new.soft.public_key_der()).challenge(password(CHALLENGE));
    let refused = off.renew(URL, renewal.build().unwrap(), &mut kit.rng).unwrap_err();
    assert_eq!(refused, ApiMisuse::Certificate.into());

    let curved = Kit::curved(TestKey::device().soft);
    let (anchors, listed) = (std::slice::from_ref(&curved.root), standard());
    let refused = TrustedCa::new(off.config(), anchors, &[], listed, Some(at(NOW)));
    assert_eq!(refused.unwrap_err(), ApiMisuse::Recipient.into());
    // nor does a CA that another client trusts
    let step = off.enrol_with(URL, curved.ca(), curved.request(Some(CHALLENGE)), None, &mut kit.rng);
    assert_eq!(step.unwrap_err(), ApiMisuse::Recipient.into());
}

// T47: an application has to list the key derivation
#[test]
fn without_a_key_derivation_nothing_is_begun() {
    let mut kit = Kit::new();
    let saved = kit.held().save().unwrap();
    kit.client = Client::new(ClientConfig::new(&PROVIDER).password_recipients(true));
    let request = kit.request(Some(CHALLENGE));
    let misuse = Error::from(ApiMisuse::Algorithm);
    assert_eq!(kit.client.enrol(URL, request, &mut kit.rng).unwrap_err(), misuse);
    assert_eq!(kit.enrol(Some(CHALLENGE)).unwrap_err(), misuse);
    let wait = kit.client.resume(&saved).unwrap().with_challenge(password(CHALLENGE));
    let failed = wait.poll(&mut kit.rng).unwrap_err();
    assert_eq!((failed.error, failed.retry.is_some()), (misuse, true));
}

// R-3.1-4, R-7.3-1, PWRI-5, T47: never open, and never under what can be guessed
#[test]
fn a_weak_challenge_or_none_ends_a_request_before_anything_is_sent() {
    let weak = Error::from(ApiMisuse::WeakChallenge);
    for challenge in [None, Some("secret123"), Some("0123456789ABCDEF")] {
        let mut kit = Kit::new();
        let request = kit.request(challenge);
        assert_eq!(kit.client.enrol(URL, request, &mut kit.rng).unwrap_err(), weak);
        assert_eq!(kit.enrol(challenge).unwrap_err(), weak);
        // where it is the CA that cannot decrypt, that is known later
        let mut kit = Kit::curved(TestKey::device().soft);
        assert_eq!(kit.enrol(challenge).unwrap_err(), weak);
        // between keys that can, any challenge will do
        let mut kit = Kit { key: TestKey::device().soft, ..Kit::new() };
        assert!(kit.enrol(challenge).is_ok());
    }
}

// --- waiting -----------------------------------------------------------------------------------------------------

// R-3.1-6, R-5.2-2, T50, case 89: memory has the challenge, saved state has not
#[test]
fn a_resumed_request_needs_its_challenge_again() {
    for mut kit in [Kit::new(), Kit::curved(TestKey::device().soft), Kit::curved(curve(33))] {
        let wait = kit.held();
        assert!(!wait.needs_challenge());
        assert!(!format!("{wait:?} {:?}", kit.client).contains(CHALLENGE));
        let saved = wait.save().unwrap();
        assert!(!holds(&saved, CHALLENGE.as_bytes()));
        // in the same process the CA is polled without it
        assert!(wait.poll(&mut kit.rng).is_ok());

        let wait = kit.client.resume(&saved).unwrap();
        assert!(wait.needs_challenge());
        let failed = wait.poll(&mut kit.rng).unwrap_err();
        assert_eq!(failed.error, ApiMisuse::WeakChallenge.into());
        let wait = failed.retry.unwrap().with_challenge(password("secret123"));
        let failed = wait.poll(&mut kit.rng).unwrap_err();
        assert_eq!(failed.error, ApiMisuse::WeakChallenge.into());
        let wait = failed.retry.unwrap();
        assert_eq!(wait.save().unwrap(), saved);
        let wait = wait.with_challenge(password(CHALLENGE));
        assert!(!wait.needs_challenge() && !format!("{wait:?}").contains(CHALLENGE));

        let step = wait.poll(&mut kit.rng).unwrap();
        let transmit = kit.up_to_message(step);
        let asked = Asked::of(transmit.request());
        let names = match kit.curve {
            Some(_) => content_under(transmit.request(), CHALLENGE).unwrap(),
            None => content(transmit.request(), &kit.rsa, &kit.root),
        };
        let names = IssuerAndSubject::parse(&names).unwrap();
        assert_eq!(
            (names.issuer.to_string(), names.subject.to_string()),
            (CA_NAME.into(), DEVICE_NAME.into())
        );
        let leaf = kit.leaf(&kit.key);
        let sealed = match asked_key_encrypts(&asked) {
            true => enveloped(&certificates(&leaf), &asked.signer),
            false => under(CHALLENGE, &certificates(&leaf)),
        };
        let response = match kit.curve {
            Some(_) => kit.by_curve(&asked, PkiStatus::Success, sealed),
            None => kit.success(&asked, sealed),
        };
        assert_eq!(issued_step(kit.take(transmit, response).unwrap()).certificate, leaf);
    }
}

fn asked_key_encrypts(asked: &Asked) -> bool {
    Certificate::parse(&asked.signer).unwrap().public_key().can_encrypt()
}

// R-3.1-6: the saved state is still there, and the right challenge opens the same answer
#[test]
fn a_wrong_challenge_after_a_restart_loses_nothing() {
    let mut kit = Kit::new();
    let saved = kit.held().save().unwrap();
    for challenge in [OTHER, CHALLENGE] {
        let wait = kit.client.resume(&saved).unwrap().with_challenge(password(challenge));
        let step = wait.poll(&mut kit.rng).unwrap();
        let transmit = kit.up_to_message(step);
        let leaf = kit.leaf(&kit.key);
        let sealed = under(CHALLENGE, &certificates(&leaf));
        let response = kit.success(&Asked::of(transmit.request()), sealed);
        match kit.take(transmit, response) {
            Ok(step) => assert_eq!((issued_step(step).certificate, challenge), (leaf, CHALLENGE)),
            Err(failed) => assert_eq!((failed.error, challenge), (BadEnvelope::Content.into(), OTHER)),
        }
    }
}

#[test]
fn a_request_between_keys_that_decrypt_is_resumed_without_a_challenge() {
    let mut kit = Kit { key: TestKey::device().soft, ..Kit::new() };
    let saved = kit.held().save().unwrap();
    let wait = kit.client.resume(&saved).unwrap();
    assert!(!wait.needs_challenge());
    assert!(wait.poll(&mut kit.rng).is_ok());
}

// T47
#[test]
fn a_request_that_was_saved_with_the_switch_on_goes_on_with_it_alone() {
    let off = Client::new(ClientConfig::new(&WITH_PASSWORDS));
    let mut kit = Kit::new();
    let saved = kit.held().save().unwrap();
    let wait = off.resume(&saved).unwrap().with_challenge(password(CHALLENGE));
    let failed = wait.poll(&mut kit.rng).unwrap_err();
    assert_eq!((failed.error, failed.retry.is_some()), (ApiMisuse::PublicKey.into(), true));
    let saved = Kit::curved(TestKey::device().soft).held().save().unwrap();
    assert_eq!(off.resume(&saved).unwrap_err(), ApiMisuse::Recipient.into());
}

// --- a CA that cannot decrypt ------------------------------------------------------------------------------------

// R-3.1-3, R-2.4-10, case 89
#[test]
fn a_ca_that_cannot_decrypt_is_asked_under_the_challenge() {
    for key in [TestKey::device().soft, curve(33)] {
        let mut kit = Kit::curved(key);
        let (transmit, asked) = kit.first();
        let request = transmit.request();
        let csr = content_under(request, CHALLENGE).unwrap();
        assert_eq!(challenge_in(&csr), CHALLENGE);
        assert!(content_under(request, OTHER).is_err());
        assert!(!holds(&request.body, CHALLENGE.as_bytes()));
        let usage = Certificate::parse(&asked.signer).unwrap().key_usage().unwrap();
        assert_eq!(usage.contains(KeyUsage::KEY_ENCIPHERMENT), asked_key_encrypts(&asked));
    }
}

// R-4.2.1-3, R-3.1-2: RSA as long as there is any
#[test]
fn a_key_that_cannot_decrypt_is_the_last_choice_for_a_recipient() {
    let kit = Kit::curved(curve(33));
    let by = kit.curve.as_ref().unwrap();
    let choose =
        |config: &ClientConfig, root: &CertificateDer<'static>, others: &[CertificateDer<'static>]| {
            let anchors = std::slice::from_ref(root);
            TrustedCa::new(config, anchors, others, standard(), None).map(|ca| ca.recipient().clone())
        };
    let root = |usage: Option<KeyUsage>| {
        Template { usage, ..Template::ca(CA_NAME) }.sign_by_curve(by.public_key_der(), by)
    };
    let (strict, mut compat) = (switched_on(), Compat::STRICT);
    compat.recipient_without_key_encipherment = true;
    let lenient = switched_on().compat(compat);
    let nobody = Err(ApiMisuse::Recipient.into());
    let issues_only = root(Some(KeyUsage::KEY_CERT_SIGN));
    for usage in [Some(curve_usage()), None, Some(curve_usage() | KeyUsage::KEY_AGREEMENT)] {
        let root = root(usage);
        assert_eq!(choose(&strict, &root, &[]), Ok(root));
    }
    assert_eq!(choose(&strict, &issues_only, &[]), nobody);
    assert_eq!(choose(&lenient, &issues_only, &[]), Ok(issues_only.clone()));

    // an RA with RSA, and one whose keyUsage has to be overlooked
    let ra = TestKey::ra();
    let rsa = Template::leaf("CN=RA").sign_by_curve(ra.soft.public_key_der(), by);
    let usage = Some(KeyUsage::DIGITAL_SIGNATURE);
    let signing = Template { usage, ..Template::leaf("CN=RA") };
    let curved = signing.sign_by_curve(curve(34).public_key_der(), by);
    let signing = signing.sign_by_curve(ra.soft.public_key_der(), by);
    let root = root(Some(curve_usage()));
    assert_eq!(choose(&strict, &root, &[curved.clone(), rsa.clone()]), Ok(rsa.clone()));
    assert_eq!(choose(&lenient, &root, &[curved.clone(), signing.clone()]), Ok(signing.clone()));
    assert_eq!(choose(&strict, &root, &[signing]), Ok(root.clone()));
    // an RA comes before its CA here too
    assert_eq!(choose(&strict, &root, std::slice::from_ref(&curved)), Ok(curved));

    // the operator may know better
    let anchors = std::slice::from_ref(&root);
    let others = std::slice::from_ref(&rsa);
    let ca = TrustedCa::new(&strict, anchors, others, standard(), None).unwrap();
    assert_eq!(ca.with_recipient(&root).unwrap().recipient(), &root);
    let off = TrustedCa::new(&ClientConfig::new(&WITH_PASSWORDS), anchors, others, standard(), None).unwrap();
    assert_eq!(off.recipient(), &rsa);
    assert_eq!(off.with_recipient(&root).unwrap_err(), ApiMisuse::Recipient.into());
}

// R-3.1-4: a question about certificates has no challenge, and does not go out in the open
#[test]
fn questions_about_certificates_do_not_go_to_a_ca_that_cannot_decrypt() {
    let mut kit = Kit::curved(TestKey::device().soft);
    let query = Query::own(kit.leaf(&kit.key)).unwrap();
    let Kit { client, rng, .. } = &mut kit;
    let ca = Kit::curved(curve(33)).ca();
    let refused = Error::from(ApiMisuse::Recipient);
    assert_eq!(client.fetch_certificate(URL, ca.clone(), query.clone(), rng).unwrap_err(), refused);
    assert_eq!(client.fetch_crl(URL, ca, query, rng).unwrap_err(), refused);
}

// what is written for a password needs no RSA at all
#[test]
fn a_provider_without_key_transport_will_do_between_keys_that_cannot_decrypt() {
    let provider: &'static Provider = Box::leak(Box::new(Provider { wrappers: &[], ..WITH_PASSWORDS }));
    let client = Client::new(ClientConfig::new(provider).password_recipients(true));
    let mut kit = Kit { client, ..Kit::curved(curve(33)) };
    let (transmit, _) = kit.first();
    assert!(content_under(transmit.request(), CHALLENGE).is_ok());
    let mut kit = Kit { client: kit.client, ..Kit::new() };
    assert_eq!(kit.enrol(Some(CHALLENGE)).unwrap_err(), ApiMisuse::Algorithm.into());
}

// --- renewal -----------------------------------------------------------------------------------------------------

// R-3.1-3, R-3.1-4, R-2.3-5, R-2.5-4: the current key cannot open the reply, so it takes the original challenge
#[test]
fn a_renewal_with_a_current_key_that_cannot_decrypt_takes_the_original_challenge() {
    let mut kit = Kit::new();
    let current = kit.leaf(&kit.key);
    for new in [curve(35), TestKey::device().soft] {
        let renewal = |challenge: Option<&str>| {
            let mut renewal = Renewal::builder(current.clone(), new.public_key_der());
            if let Some(challenge) = challenge {
                renewal = renewal.challenge(password(challenge));
            }
            renewal.build().unwrap()
        };
        for weak in [None, Some("secret123")] {
            let refused = kit.client.renew(URL, renewal(weak), &mut kit.rng).unwrap_err();
            assert_eq!(refused, ApiMisuse::WeakChallenge.into());
            let ca = kit.ca();
            let refused = kit.client.renew_with(URL, ca, renewal(weak), Some(at(NOW)), &mut kit.rng);
            assert_eq!(refused.unwrap_err(), ApiMisuse::WeakChallenge.into());
        }
        let ca = kit.ca();
        let step = kit.client.renew_with(URL, ca, renewal(Some(CHALLENGE)), Some(at(NOW)), &mut kit.rng);
        let keys = [&kit.key, &new];
        let transmit = up_to_message(step.unwrap(), &KeyRing::new(&keys), &mut kit.rng);
        assert_eq!(transmit.message_type(), Some(MessageType::RenewalReq));
        let asked = Asked::of(transmit.request());
        assert_eq!(asked.signer, current);
        assert_eq!(challenge_in(&content(transmit.request(), &kit.rsa, &kit.root)), CHALLENGE);
        let leaf = kit.leaf(&new);
        let response = kit.success(&asked, under(CHALLENGE, &certificates(&leaf)));
        assert_eq!(issued_step(kit.take(transmit, response).unwrap()).certificate, leaf);
        assert_eq!(kit.decryptions, 0);
    }
}

// R-3.1-3: RenewalStyle::Auto may fall back to a first request, which the new key signs
#[test]
fn a_renewal_that_becomes_a_first_request_goes_by_the_new_key() {
    let now = Some(at(NOW + 2 * YEAR));
    for (challenge, refused) in [(Some(CHALLENGE), false), (None, true)] {
        let mut kit = Kit::new();
        let (rsa, new) = (TestKey::device(), curve(35));
        let mut renewal = Renewal::builder(kit.leaf(&rsa.soft), new.public_key_der());
        if let Some(challenge) = challenge {
            renewal = renewal.challenge(password(challenge));
        }
        let renewal = renewal.build().unwrap();
        let step = kit.client.renew_with(URL, kit.ca(), renewal, now, &mut kit.rng);
        if refused {
            assert_eq!(step.unwrap_err(), ApiMisuse::WeakChallenge.into());
            continue;
        }
        let transmit = up_to_message(step.unwrap(), &KeyRing::new(&[&new]), &mut kit.rng);
        let asked = Asked::of(transmit.request());
        let signer = Certificate::parse(&asked.signer).unwrap();
        assert_eq!(signer.public_key().as_der(), new.public_key_der());
        assert_eq!(transmit.message_type(), Some(MessageType::PkcsReq));
        assert_eq!(signer.key_usage(), Some(KeyUsage::DIGITAL_SIGNATURE));
    }
}
