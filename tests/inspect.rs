//! `scep::inspect` over messages that the library makes, and over odd ones made by hand: whatever a peer sends is read
//! as far as it can be, and every deviation is told by its code.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

use core::convert::Infallible;
use rand_core::{TryCryptoRng, TryRng};
use rsa::pkcs8::DecodePrivateKey as _;
use rsa::{Pkcs1v15Sign, PrivateKey};
use scep::Error;
use scep::crypto::rustcrypto::{PBKDF2_SHA256, PROVIDER, PROVIDER_WITH_LEGACY, SoftwareKey};
use scep::crypto::{
    ChallengePassword, ContentEncryption, Digest, KeyTransport, Provider, Random, SignatureScheme,
};
use scep::error::{BadEnvelope, InvalidMessage};
use scep::inspect::{
    ContentForm, Deviation, Identifier, Kind, Parameters, Payload, RecipientKind, Report, Validity, Wrapping,
    inspect,
};
use scep::message::{Addressee, envelope};
use scep::pki_types::UnixTime;
use scep::transport::{base64_encode, percent_encode};
use scep::wire::{
    Certificate, CertificationRequestInfoDraft, DistinguishedName, ExtensionsBuilder, GeneralName,
    IssuerAndSerialNumber, IssuerAndSubject, KeyUsage, MessageType, Nonce, Oid, PkiStatus,
    SignedAttributesDraft, SubjectPublicKeyInfo, TbsCertificateDraft, TransactionId, assemble, certs_only,
};
use std::fmt::Write as _;
use std::time::Duration;

const SCHEME: SignatureScheme = SignatureScheme::RsaPkcs1(Digest::Sha256);
const CHALLENGE: &str = "correct horse";

/// Numbers that are not random at all.
struct Count(u64);

impl TryRng for Count {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        self.try_next_u64().map(|number| (number >> 32) as u32)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        Ok((self.0 ^ (self.0 >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        bytes.chunks_mut(8).try_for_each(|chunk| {
            chunk.copy_from_slice(&self.try_next_u64()?.to_le_bytes()[..chunk.len()]);
            Ok(())
        })
    }
}

impl TryCryptoRng for Count {}

fn rng() -> Random<Count> {
    Random::new(Count(7))
}

struct Key(SoftwareKey);

impl Key {
    fn device() -> Self {
        Self(SoftwareKey::from_pem(include_str!("it/keys/device.pem")).unwrap())
    }

    fn ca() -> Self {
        Self(SoftwareKey::from_pem(include_str!("it/keys/ca.pem")).unwrap())
    }

    fn sign(&self, digest: Digest, message: &[u8]) -> Vec<u8> {
        let value = PROVIDER_WITH_LEGACY.digest(digest).unwrap().digest(&[message]);
        let key = PrivateKey::from_pkcs8_der(&self.0.to_pkcs8()).unwrap();
        key.sign(Pkcs1v15Sign::new_unprefixed(), &digest.digest_info(value.as_bytes())).unwrap()
    }

    /// A self-signed certificate of version 3.
    fn certificate(&self, name: &str) -> Vec<u8> {
        let time = |seconds| UnixTime::since_unix_epoch(Duration::from_secs(seconds));
        let tbs = TbsCertificateDraft {
            serial: &[7],
            subject: self::name(name).name(),
            not_before: time(1_800_000_000),
            not_after: time(1_900_000_000),
            public_key: SubjectPublicKeyInfo::parse(self.0.public_key_der()).unwrap(),
            scheme: SCHEME,
            key_usage: KeyUsage::DIGITAL_SIGNATURE | KeyUsage::KEY_ENCIPHERMENT,
        }
        .encode();
        assemble(&tbs, SCHEME, &self.sign(Digest::Sha256, &tbs))
    }

    fn request(&self, subject: &str) -> Vec<u8> {
        let extensions = ExtensionsBuilder::default()
            .subject_alt_names(&[GeneralName::Dns("dev1.test"), GeneralName::Ip(&[10, 0, 0, 1])])
            .unwrap()
            .build();
        let info = CertificationRequestInfoDraft {
            subject: name(subject).name(),
            public_key: SubjectPublicKeyInfo::parse(self.0.public_key_der()).unwrap(),
            challenge: Some(CHALLENGE),
            extensions: Some(&extensions),
        }
        .encode();
        assemble(&info, SCHEME, &self.sign(Digest::Sha256, &info))
    }
}

fn name(text: &str) -> DistinguishedName {
    text.parse().unwrap()
}

fn tlv(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let value = parts.concat();
    let mut der = vec![tag];
    match value.len() {
        length @ ..0x80 => der.push(length as u8),
        length @ ..0x100 => der.extend([0x81, length as u8]),
        length => der.extend([0x82, (length >> 8) as u8, length as u8]),
    }
    der.extend(value);
    der
}

/// An element without a length, ended by end-of-contents octets.
fn open_ended(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    [&[tag, 0x80], parts.concat().as_slice(), &[0, 0]].concat()
}

fn oid(oid: Oid<'_>) -> Vec<u8> {
    tlv(6, &[oid.as_bytes()])
}

fn algorithm(oid: Oid<'_>, parameters: &[u8]) -> Vec<u8> {
    tlv(0x30, &[&self::oid(oid), parameters])
}

fn attribute(oid: Oid<'_>, values: &[&[u8]]) -> Vec<u8> {
    tlv(0x30, &[&self::oid(oid), &tlv(0x31, values)])
}

const NULL: &[u8] = &[5, 0];
const ID_SCEP: Oid<'static> = Oid::new(&[0x2B, 6, 1, 5, 5, 7, 24]);

/// A pkiMessage, every part of which can be made odd.
struct Message {
    version: u8,
    content_type: Oid<'static>,
    /// What is digested.
    content: Vec<u8>,
    /// The element `[0]` around it, or nothing.
    encapsulated: Vec<u8>,
    certificates: Vec<u8>,
    signer_version: u8,
    sid: Vec<u8>,
    digest: Vec<u8>,
    signature_algorithm: Vec<u8>,
    /// Without messageDigest and contentType.
    attributes: Vec<Vec<u8>>,
    sorted: bool,
    signed_sorted: bool,
    scheme: Digest,
}

impl Message {
    fn new(message_type: MessageType, content: Vec<u8>) -> Self {
        let certificate = Key::device().certificate("C=DE, CN=dev1");
        let sid = Certificate::parse(&certificate).unwrap().issuer_and_serial().encode();
        let number = message_type.number().to_string();
        Self {
            version: 1,
            content_type: Oid::ID_DATA,
            encapsulated: tlv(0xA0, &[&tlv(4, &[&content])]),
            content,
            certificates: tlv(0xA0, &[&certificate]),
            signer_version: 1,
            sid,
            digest: algorithm(Oid::SHA256, NULL),
            signature_algorithm: algorithm(Oid::RSA_ENCRYPTION, NULL),
            attributes: vec![
                attribute(Oid::MESSAGE_TYPE, &[&tlv(0x13, &[number.as_bytes()])]),
                attribute(Oid::TRANSACTION_ID, &[&tlv(0x13, &[b"id 1"])]),
                attribute(Oid::SENDER_NONCE, &[&tlv(4, &[&[1; 16]])]),
            ],
            sorted: true,
            signed_sorted: false,
            scheme: Digest::Sha256,
        }
    }

    fn pkcs_req() -> Self {
        Self::new(MessageType::PkcsReq, sealed(&Key::device().request("C=DE, CN=dev1")))
    }

    fn reply(status: &[u8], content: Vec<u8>) -> Self {
        let mut message = Self::new(MessageType::CertRep, content);
        message.set(Oid::PKI_STATUS, &[&tlv(0x13, &[status])]);
        message.set(Oid::RECIPIENT_NONCE, &[&tlv(4, &[&[2; 16]])]);
        message
    }

    fn failure(content: &[u8]) -> Self {
        let mut message = Self::reply(b"2", content.to_vec());
        message.set(Oid::FAIL_INFO, &[&tlv(0x13, &[b"2"])]);
        message
    }

    fn without(&mut self, oid: Oid<'_>) {
        let head = self::oid(oid);
        self.attributes.retain(|attribute| !attribute[2..].starts_with(&head));
    }

    fn set(&mut self, oid: Oid<'_>, values: &[&[u8]]) {
        self.without(oid);
        self.attributes.push(attribute(oid, values));
    }

    fn encode(&self) -> Vec<u8> {
        self.encode_as(tlv, &[])
    }

    /// `outer` makes the elements around the signed ones; `rest` follows the signature.
    fn encode_as(&self, outer: fn(u8, &[&[u8]]) -> Vec<u8>, rest: &[u8]) -> Vec<u8> {
        let value = PROVIDER_WITH_LEGACY.digest(self.scheme).unwrap().digest(&[&self.content]);
        let mut attributes = self.attributes.clone();
        attributes.push(attribute(Oid::CONTENT_TYPE, &[&oid(self.content_type)]));
        attributes.push(attribute(Oid::MESSAGE_DIGEST, &[&tlv(4, &[value.as_bytes()])]));
        attributes.sort();
        let sorted = attributes.concat();
        if !self.sorted {
            attributes.reverse();
        }
        let attributes = attributes.concat();
        let signed = tlv(0x31, &[if self.signed_sorted { &sorted } else { &attributes }]);
        let signer = outer(
            0x30,
            &[
                &[2, 1, self.signer_version],
                &self.sid,
                &self.digest,
                &tlv(0xA0, &[&attributes]),
                &self.signature_algorithm,
                &tlv(4, &[&Key::device().sign(self.scheme, &signed)]),
                rest,
            ],
        );
        let data = outer(
            0x30,
            &[
                &[2, 1, self.version],
                &tlv(0x31, &[&self.digest]),
                &outer(0x30, &[&oid(self.content_type), &self.encapsulated]),
                &self.certificates,
                &outer(0x31, &[&signer]),
            ],
        );
        outer(0x30, &[&oid(Oid::ID_SIGNED_DATA), &outer(0xA0, &[&data])])
    }

    fn read(&self) -> Report {
        read(&self.encode())
    }
}

fn sealed(content: &[u8]) -> Vec<u8> {
    let ca = Key::ca().certificate("C=DE, CN=Test CA");
    let ca = Certificate::parse(&ca).unwrap();
    envelope(&PROVIDER, content, (&ca).into(), ContentEncryption::Aes128Cbc, &mut rng()).unwrap()
}

fn read(input: &[u8]) -> Report {
    inspect(input, &PROVIDER_WITH_LEGACY).unwrap()
}

fn opened(mut report: Report) -> Report {
    report.open(&PROVIDER_WITH_LEGACY, &mut Key::ca().0, &mut rng()).unwrap();
    report
}

/// The codes found, each with its attribute.
fn codes(report: &Report) -> Vec<String> {
    let code = |finding: &scep::inspect::Finding| match finding.attribute {
        Some(attribute) => format!("{}.{attribute}", finding.deviation.code()),
        None => finding.deviation.code().to_string(),
    };
    report.findings.iter().map(code).collect()
}

fn validity(report: &Report) -> Validity {
    report.message.as_ref().unwrap().signed_data.signers[0].validity
}

#[test]
fn what_the_library_writes_has_no_deviation() {
    let content = sealed(&Key::device().request("C=DE, CN=dev1"));
    let digest = PROVIDER.sha256(&[&content]).unwrap();
    let certificate = Key::device().certificate("C=DE, CN=dev1");
    let attributes = SignedAttributesDraft {
        message_digest: &digest,
        signing_time: Some(UnixTime::since_unix_epoch(Duration::from_secs(1_800_000_000))),
        message_type: MessageType::PkcsReq,
        pki_status: None,
        fail_info: None,
        fail_info_text: None,
        sender_nonce: &Nonce::from_bytes(&[1; 16]).unwrap(),
        recipient_nonce: None,
        transaction_id: &TransactionId::new("id 1").unwrap(),
    }
    .encode();
    let message = scep::wire::SignedDataDraft {
        content: &content,
        certificates: &[&certificate],
        signer: Certificate::parse(&certificate).unwrap().issuer_and_serial(),
        scheme: SCHEME,
        signed_attributes: &attributes,
        signature: &Key::device().sign(Digest::Sha256, &attributes),
    }
    .encode();
    let report = read(&message);
    assert_eq!((report.kind, validity(&report), report.refusal), (Kind::PkiMessage, Validity::Valid, None));
    assert!(report.payload.is_none());
    let report = opened(report);
    assert_eq!(codes(&report), [""; 0]);

    let message = report.message.as_ref().unwrap();
    assert_eq!(message.message_type.as_ref().unwrap().known, Some(MessageType::PkcsReq));
    assert_eq!(message.message_type.as_ref().unwrap().to_string(), "PKCSReq");
    assert_eq!(message.transaction_id.as_deref(), Some("id 1"));
    assert_eq!(message.sender_nonce, Some("01".repeat(16)));
    assert_eq!(message.signing_time.as_deref(), Some("270115080000Z"));
    assert_eq!(message.signed_data.signer_subject().as_deref(), Some("C=DE, CN=dev1"));
    let types: Vec<_> =
        message.signed_data.signers[0].attributes.iter().flatten().map(|a| a.values[0].type_name()).collect();
    for expected in ["PrintableString", "OCTET STRING", "UTCTime", "OBJECT IDENTIFIER"] {
        assert!(types.contains(&expected), "{types:?}");
    }
    let envelope = report.envelope.as_ref().unwrap();
    assert_eq!(envelope.content_encryption.as_ref().unwrap().oid.name, Some("aes128-cbc"));
    assert_eq!(envelope.recipients[0].kind, RecipientKind::KeyTransport);
    assert_eq!(envelope.recipients[0].key_encryption.as_ref().unwrap().parameters, Parameters::Null);
    let issuer = Some("C=DE, CN=Test CA".to_string());
    assert_eq!(
        envelope.recipients[0].identifier,
        Some(Identifier::IssuerAndSerial { issuer, serial: vec![7] })
    );
    let Some(Payload::CertificationRequest(request)) = &report.payload else { panic!("{report:?}") };
    assert_eq!((request.subject.as_deref(), request.validity), (Some("C=DE, CN=dev1"), Validity::Valid));
    assert_eq!(request.subject_alt_names, ["dns:dev1.test", "ip:10.0.0.1"]);
    assert_eq!(request.key.as_ref().unwrap().rsa_bits, Some(2048));
}

// T50, R-2.4-10
#[test]
fn the_challenge_is_shown_only_to_who_asks_for_it() {
    let report = opened(Message::pkcs_req().read());
    let Some(Payload::CertificationRequest(request)) = &report.payload else { panic!("{report:?}") };
    let challenge = request.challenge.as_ref().unwrap();
    assert_eq!((challenge.type_name, challenge.expose()), ("PrintableString", Some(CHALLENGE)));
    assert!(report.plaintext().unwrap().windows(CHALLENGE.len()).any(|part| part == CHALLENGE.as_bytes()));
    let hex: String = CHALLENGE.bytes().map(|byte| format!("{byte:02x}")).collect();
    let decimal = format!("{:?}", CHALLENGE.as_bytes());
    for shown in [format!("{report:?}"), format!("{:?}", report.payload), format!("{request:#?}")] {
        assert!(!shown.contains(CHALLENGE) && !shown.contains(&hex) && !shown.contains(&decimal[1..20]));
    }
    let values = request.attributes.iter().find(|attribute| attribute.oid.is("challengePassword")).unwrap();
    assert_eq!((values.values[0].length, values.values[0].contents.len()), (CHALLENGE.len(), 0));
}

// R-3.3.2-1
#[test]
fn replies_are_read_to_the_certificate() {
    let certificate = Key::device().certificate("C=DE, CN=dev1");
    let report = opened(Message::reply(b"0", sealed(&certs_only::encode(&[&certificate]))).read());
    assert_eq!(codes(&report), [""; 0]);
    assert_eq!(report.message.as_ref().unwrap().pki_status.as_ref().unwrap().known, Some(PkiStatus::Success));
    let payload = report.payload.unwrap();
    assert_eq!((payload.kind(), payload.certificates().len()), ("certs-only", 1));
    assert_eq!(payload.certificates()[0].subject.as_deref(), Some("C=DE, CN=dev1"));
    assert_eq!(payload.certificates()[0].der, certificate);
}

// R-3.3.3-1, R-3.3.4-1
#[test]
fn the_small_contents_are_told_apart_and_held_against_the_message_type() {
    let (issuer, subject) = (name("C=DE, CN=Test CA"), name("CN=dev1"));
    let poll = IssuerAndSubject { issuer: issuer.name(), subject: subject.name() }.encode();
    let report = opened(Message::new(MessageType::CertPoll, sealed(&poll)).read());
    let expected = Payload::IssuerAndSubject {
        issuer: Some("C=DE, CN=Test CA".into()),
        subject: Some("CN=dev1".into()),
    };
    assert_eq!((codes(&report), report.payload), (vec![], Some(expected)));

    let get = IssuerAndSerialNumber { issuer: issuer.name(), serial: &[0, 0x80] }.encode();
    let report = opened(Message::new(MessageType::GetCrl, sealed(&get)).read());
    let expected =
        Payload::IssuerAndSerialNumber { issuer: Some("C=DE, CN=Test CA".into()), serial: vec![0, 0x80] };
    assert_eq!((codes(&report), report.payload), (vec![], Some(expected)));

    let report = opened(Message::new(MessageType::PkcsReq, sealed(&get)).read());
    assert_eq!(codes(&report), ["payload-kind"]);
    assert_eq!(
        opened(Message::new(MessageType::PkcsReq, sealed(b"noise")).read()).payload,
        Some(Payload::Unknown(5))
    );
}

// R-3.3.2.3-2
#[test]
fn absent_and_empty_content_are_told_apart_and_neither_deviates() {
    let mut message = Message::failure(b"");
    let report = message.read();
    assert_eq!((codes(&report), validity(&report)), (vec![], Validity::Valid));
    let content = |report: &Report| report.message.as_ref().unwrap().signed_data.content;
    assert_eq!(content(&report), ContentForm::OctetString(0));
    message.encapsulated.clear();
    let report = message.read();
    assert_eq!((codes(&report), validity(&report)), (vec![], Validity::Valid));
    assert_eq!(content(&report), ContentForm::Absent);

    // deployed servers send one byte here
    let report = Message::failure(&[0]).read();
    assert_eq!(
        (codes(&report), validity(&report)),
        (vec!["content-unexpected".to_string()], Validity::Valid)
    );
    assert!(report.payload.is_none());

    let mut message = Message::pkcs_req();
    message.content.clear();
    message.encapsulated.clear();
    assert_eq!(codes(&message.read()), ["content-missing"]);
}

// R-3.2.1-3
#[test]
fn other_string_types_are_read_and_told() {
    let mut message = Message::pkcs_req();
    message.set(Oid::MESSAGE_TYPE, &[&tlv(0x0C, &[b"19"])]);
    message.set(Oid::TRANSACTION_ID, &[&tlv(4, &[b"id\x1B1"])]);
    message.set(Oid::SENDER_NONCE, &[&tlv(0x13, &[b"12345678"])]);
    let report = message.read();
    let mut found = codes(&report);
    found.sort();
    assert_eq!(
        found,
        [
            "attribute-type.messageType",
            "attribute-type.senderNonce",
            "attribute-type.transactionID",
            "attribute-value.transactionID",
            "nonce-length.senderNonce",
        ]
    );
    let message = report.message.unwrap();
    assert_eq!(message.message_type.unwrap().known, Some(MessageType::PkcsReq));
    assert_eq!(message.transaction_id.as_deref(), Some("id\u{FFFD}1"));
    assert_eq!(message.sender_nonce.as_deref(), Some("3132333435363738"));
}

// Q5
#[test]
fn attributes_in_another_order_verify_as_sent_or_sorted() {
    let mut message = Message::pkcs_req();
    message.sorted = false;
    let report = message.read();
    assert_eq!(
        (codes(&report), validity(&report)),
        (vec!["attributes-unsorted".to_string()], Validity::Valid)
    );
    message.signed_sorted = true;
    let report = message.read();
    assert_eq!(codes(&report), ["attributes-unsorted", "signature-over-sorted"]);
    assert_eq!(validity(&report), Validity::Valid);
}

// R-3.2.1-1, R-3.2.1-2, R-3.2.1-5
#[test]
fn missing_repeated_and_foreign_attributes_are_told() {
    let with = |change: &dyn Fn(&mut Message)| {
        let mut message = Message::pkcs_req();
        change(&mut message);
        let report = message.read();
        assert_eq!(validity(&report), Validity::Valid);
        codes(&report)
    };
    assert_eq!(with(&|message| message.without(Oid::SENDER_NONCE)), ["attribute-missing.senderNonce"]);
    assert_eq!(with(&|message| message.without(Oid::MESSAGE_TYPE)), ["attribute-missing.messageType"]);
    let printable = |text: &[u8]| tlv(0x13, &[text]);
    assert_eq!(with(&|m| m.set(Oid::MESSAGE_TYPE, &[&printable(b"18")])), ["attribute-value.messageType"]);
    assert_eq!(with(&|m| m.set(Oid::PKI_STATUS, &[&printable(b"0")])), ["attribute-unexpected.pkiStatus"]);
    assert_eq!(
        with(&|m| m.attributes.push(attribute(Oid::TRANSACTION_ID, &[&printable(b"2")]))),
        ["attribute-repeated.transactionID"]
    );
    assert_eq!(
        with(&|m| m.set(Oid::TRANSACTION_ID, &[&printable(b"1"), &printable(b"2")])),
        ["attribute-value-count.transactionID"]
    );
    assert_eq!(with(&|m| m.set(Oid::TRANSACTION_ID, &[])), ["attribute-value-count.transactionID"]);
    assert_eq!(with(&|m| m.set(Oid::new(&[0x2A, 3]), &[NULL])), ["attribute-unknown"]);

    let mut reply = Message::reply(b"2", Vec::new());
    reply.set(Oid::RECIPIENT_NONCE, &[&tlv(4, &[&[1; 16]])]);
    assert_eq!(codes(&reply.read()), ["attribute-missing.failInfo", "nonce-not-fresh.senderNonce"]);
    let mut reply = Message::failure(b"");
    reply.set(Oid::FAIL_INFO, &[&printable(b"9")]);
    reply.without(Oid::RECIPIENT_NONCE);
    let report = reply.read();
    assert_eq!(codes(&report), ["attribute-value.failInfo", "attribute-missing.recipientNonce"]);
    assert_eq!(report.message.unwrap().fail_info.unwrap().to_string(), "9");
}

// R-3.2.1.4-3
#[test]
fn fail_info_text_is_found_under_the_arc_above_it() {
    let mut message = Message::failure(b"");
    message.set(ID_SCEP, &[&tlv(0x13, &[b"wrong password"])]);
    let report = message.read();
    assert_eq!(codes(&report), ["fail-info-text-oid.failInfoText"]);
    assert_eq!(report.message.unwrap().fail_info_text.as_deref(), Some("wrong password"));
}

// R-3.2-1
#[test]
fn an_envelope_under_its_own_content_type_is_read() {
    let mut message = Message::pkcs_req();
    message.version = 3;
    message.content_type = Oid::ID_ENVELOPED_DATA;
    let report = opened(message.read());
    assert_eq!(codes(&report), ["content-type-not-data"]);

    // the same without a ContentInfo, not as an OCTET STRING, under version 1
    let info = message.content.clone();
    let data = &info[4 + oid(Oid::ID_ENVELOPED_DATA).len() + 4..];
    message.version = 1;
    message.encapsulated = tlv(0xA0, &[data]);
    message.content = data[4..].to_vec();
    let report = opened(message.read());
    assert_eq!(codes(&report), ["content-not-octet-string", "content-type-not-data", "signed-data-version"]);
    assert_eq!((validity(&report), report.payload.unwrap().kind()), (Validity::Valid, "PKCS#10"));

    let mut message = Message::pkcs_req();
    message.version = 3;
    message.signer_version = 3;
    assert_eq!(codes(&message.read()), ["signer-version"]);
    message.signer_version = 1;
    assert_eq!(codes(&message.read()), ["signed-data-version"]);
}

// R-3.1-4
#[test]
fn content_that_is_not_encrypted_is_shown() {
    let message = Message::new(MessageType::PkcsReq, Key::device().request("C=DE, CN=dev1"));
    let report = message.read();
    assert_eq!(codes(&report), ["content-not-enveloped"]);
    assert_eq!(report.payload.unwrap().kind(), "PKCS#10");
}

// Q7
#[test]
fn ber_is_read_and_told_with_its_place() {
    let mut message = Message::pkcs_req();
    let (one, two) = message.content.split_at(100);
    message.encapsulated = open_ended(0xA0, &[&open_ended(0x24, &[&tlv(4, &[one]), &tlv(4, &[two])])]);
    let report = opened(read(&message.encode_as(open_ended, &[])));
    assert_eq!(validity(&report), Validity::Valid);
    let lines: Vec<_> = report.findings.iter().map(|f| (f.deviation.code(), f.place.name())).collect();
    assert_eq!(
        lines,
        [
            ("ber-indefinite-length", "signedData"),
            ("ber-indefinite-length", "signedData.encapContentInfo"),
            ("ber-chunked-string", "signedData.encapContentInfo"),
            ("ber-indefinite-length", "signerInfo"),
        ]
    );
    assert_eq!(report.findings[0].offset, Some(0));
}

/// An EnvelopedData by hand: what encrypts it need not be good.
fn hand_sealed(cipher: &[u8], encrypted: &[u8], version: u8, recipients: &[&[u8]]) -> Vec<u8> {
    let content = tlv(0x30, &[&oid(Oid::ID_DATA), cipher, encrypted]);
    let data = tlv(0x30, &[&[2, 1, version], &tlv(0x31, recipients), &content]);
    tlv(0x30, &[&oid(Oid::ID_ENVELOPED_DATA), &tlv(0xA0, &[&data])])
}

/// The content key of `sealed`, cut out of an envelope of the library.
fn recipient(parameters: &[u8], key: &[u8]) -> Vec<u8> {
    let issuer = IssuerAndSerialNumber { issuer: name("C=DE, CN=Test CA").name(), serial: &[7] }.encode();
    let ca = PrivateKey::from_pkcs8_der(&Key::ca().0.to_pkcs8()).unwrap();
    let mut block = vec![0, 2];
    block.resize(256 - key.len() - 1, 0x55);
    block.push(0);
    block.extend(key);
    let value = rsa::BoxedUint::from_be_slice_vartime(&block);
    let encrypted = rsa::hazmat::rsa_encrypt(&ca.to_public_key(), &value).unwrap().to_be_bytes();
    let algorithm = algorithm(Oid::RSA_ENCRYPTION, parameters);
    tlv(0x30, &[&[2, 1, 0], &issuer, &algorithm, &tlv(4, &[&encrypted])])
}

// R-2.9-3
#[test]
fn des_in_chunks_opens_and_is_told() {
    let content = IssuerAndSerialNumber { issuer: name("CN=CA").name(), serial: &[9] }.encode();
    let mut block = content.clone();
    let padding = 8 - block.len() % 8;
    block.extend(vec![padding as u8; padding]);
    let des = &scep::crypto::rustcrypto::DES_CBC;
    scep::crypto::ContentCipher::encrypt(des, &[3; 8], &[4; 8], &mut block).unwrap();
    let chunks = tlv(0xA0, &[&tlv(4, &[&block[..5]]), &tlv(4, &[&block[5..]])]);
    let cipher = algorithm(Oid::DES_CBC, &tlv(4, &[&[4; 8]]));
    let sealed = hand_sealed(&cipher, &chunks, 1, &[&recipient(&[], &[3; 8])]);
    let report = opened(Message::new(MessageType::GetCert, sealed).read());
    assert_eq!(
        codes(&report),
        ["parameters-absent", "algorithm-forbidden", "enveloped-data-version", "ber-chunked-string"]
    );
    assert_eq!(report.payload.unwrap().kind(), "IssuerAndSerialNumber");
    assert!(report.envelope.unwrap().is_chunked);
}

// ALG-5
#[test]
fn an_envelope_with_oaep_is_named_and_opened() {
    let ca = Key::ca().certificate("C=DE, CN=Test CA");
    let ca = Certificate::parse(&ca).unwrap();
    for (transport, shown) in [
        (KeyTransport::RsaOaepSha1, "rsaesOaep (parameters of 2 bytes)"),
        (KeyTransport::RsaOaepSha256, "rsaesOaep (sha256, mgf1, sha256)"),
    ] {
        let addressee = Addressee::Certificate { certificate: &ca, transport };
        let request = Key::device().request("C=DE, CN=dev1");
        let sealed =
            envelope(&PROVIDER, &request, addressee, ContentEncryption::Aes128Cbc, &mut rng()).unwrap();
        let report = opened(Message::new(MessageType::PkcsReq, sealed).read());
        assert_eq!((codes(&report), report.payload.as_ref().unwrap().kind()), (vec![], "PKCS#10"));
        let recipient = &report.envelope.as_ref().unwrap().recipients[0];
        assert_eq!(recipient.key_encryption.as_ref().unwrap().to_string(), shown);
    }
}

// R-3.1-3, PWRI-1, PWRI-2
#[test]
fn a_recipient_by_password_is_named_and_does_not_deviate() {
    static PASSWORDS: Provider = Provider { password_kdfs: &[&PBKDF2_SHA256], ..PROVIDER };
    let challenge = ChallengePassword::new("AAECAwQFBgcICQoLDA0ODw").unwrap();
    let addressee = Addressee::Password(&challenge);
    let sealed = envelope(&PASSWORDS, b"x", addressee, ContentEncryption::Aes256Cbc, &mut rng()).unwrap();
    let mut report = Message::new(MessageType::PkcsReq, sealed).read();
    assert_eq!(codes(&report), Vec::<String>::new());
    let recipient = &report.envelope.as_ref().unwrap().recipients[0];
    assert_eq!((recipient.kind, recipient.version), (RecipientKind::Password, Some(0)));
    assert_eq!(recipient.key_derivation.as_ref().unwrap().to_string(), "pbkdf2 (100000, hmacWithSHA256)");
    assert_eq!(recipient.key_encryption.as_ref().unwrap().to_string(), "pwriKek (aes256-cbc)");
    assert_eq!(recipient.encrypted_key.len(), 48);
    let refused = report.open(&PROVIDER, &mut Key::ca().0, &mut rng());
    assert_eq!(refused, Err(BadEnvelope::Recipient.into()));
}

#[test]
fn envelopes_that_cannot_be_opened_say_why() {
    let open = |sealed: Vec<u8>| {
        let mut report = Message::new(MessageType::PkcsReq, sealed).read();
        let opened = report.open(&PROVIDER_WITH_LEGACY, &mut Key::ca().0, &mut rng());
        (codes(&report), opened)
    };
    let aes = algorithm(Oid::AES128_CBC, &tlv(4, &[&[4; 16]]));
    let ciphertext = tlv(0x80, &[&[5; 32]]);
    let ours = recipient(NULL, &[3; 16]);
    // noise under a right key
    let (found, opened) = open(hand_sealed(&aes, &ciphertext, 0, &[&ours]));
    assert_eq!((found, opened), (vec![], Err(BadEnvelope::Content.into())));
    let (found, opened) = open(hand_sealed(&aes, &ciphertext[..20], 0, &[&ours]));
    assert_eq!(found, ["ciphertext-length", "truncated"]);
    assert_eq!(opened, Err(BadEnvelope::Ciphertext.into()));
    let (found, opened) = open(hand_sealed(&algorithm(Oid::AES128_CBC, &[]), &ciphertext, 0, &[&ours]));
    assert_eq!((found, opened), (vec!["iv-length".into()], Err(BadEnvelope::Ciphertext.into())));
    let password = tlv(0xA3, &[&[2, 1, 0], &aes, &tlv(4, &[&[1; 16]])]);
    let (found, opened) = open(hand_sealed(&aes, &ciphertext, 3, &[&password]));
    assert_eq!((found, opened), (vec!["recipient-kind".into()], Err(BadEnvelope::Recipient.into())));
    let (found, _) = open(hand_sealed(&aes, &ciphertext, 0, &[&ours, &ours]));
    assert_eq!(found, ["recipient-count"]);
    let gcm = Oid::new(&[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 1, 6]);
    let (_, opened) = open(hand_sealed(&algorithm(gcm, &[]), &ciphertext, 0, &[&ours]));
    assert!(matches!(opened, Err(Error::Unsupported(_))));
    assert_eq!(
        Message::failure(b"").read().open(&PROVIDER, &mut Key::ca().0, &mut rng()),
        Err(InvalidMessage::NotEnvelopedData.into())
    );
    // another key
    let mut report = Message::pkcs_req().read();
    let other = report.open(&PROVIDER, &mut Key::device().0, &mut rng());
    assert!(matches!(other, Err(Error::BadEnvelope(_))), "{other:?}");
    assert!(report.payload.is_none() && report.plaintext().is_none());
}

// I-11
#[test]
fn certificates_that_no_ca_would_issue_still_verify() {
    let key = Key::device();
    let subject = name("C=DE, CN=dev1");
    let validity = tlv(0x30, &[&tlv(0x17, &[b"270115080000Z"]), &tlv(0x17, &[b"280115080000Z"])]);
    let scheme = algorithm(Oid::SHA256_WITH_RSA, NULL);
    let tbs = tlv(
        0x30,
        &[
            &tlv(2, &[&[0x5C; 32]]),
            &scheme,
            subject.as_der(),
            &validity,
            subject.as_der(),
            key.0.public_key_der(),
        ],
    );
    let certificate = assemble(&tbs, SCHEME, &key.sign(Digest::Sha256, &tbs));
    let mut message = Message::pkcs_req();
    message.sid = Certificate::parse(&certificate).unwrap().issuer_and_serial().encode();
    message.certificates = tlv(0xA0, &[&certificate]);
    let report = message.read();
    assert_eq!(codes(&report), ["certificate-version", "serial-length"]);
    assert_eq!(self::validity(&report), Validity::Valid);
    let read = &report.message.as_ref().unwrap().signed_data.certificates[0];
    assert_eq!((read.version, read.serial.len(), read.is_self_issued), (Some(1), 32, true));
}

// Q4
#[test]
fn algorithms_that_nobody_supports_are_named() {
    let md5 = Oid::new(&[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 2, 5]);
    let mut message = Message::pkcs_req();
    message.digest = algorithm(md5, NULL);
    message.signature_algorithm = algorithm(Oid::new(&[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 1, 4]), &[]);
    let report = message.read();
    assert_eq!(codes(&report), ["algorithm-forbidden", "algorithm-forbidden", "parameters-absent"]);
    assert_eq!(validity(&report), Validity::Unsupported);
    let signer = &report.message.as_ref().unwrap().signed_data.signers[0];
    assert_eq!(signer.digest_algorithm.as_ref().unwrap().to_string(), "md5 (parameters NULL)");
    assert_eq!(signer.signature_algorithm.as_ref().unwrap().oid.dotted, "1.2.840.113549.1.1.4");
}

// ALG-1
#[test]
fn absent_parameters_are_told_where_null_belongs() {
    let mut message = Message::pkcs_req();
    message.digest = algorithm(Oid::SHA256, &[]);
    message.signature_algorithm = algorithm(Oid::SHA256_WITH_RSA, &[]);
    let report = message.read();
    assert_eq!((codes(&report), validity(&report)), (vec!["parameters-absent".into()], Validity::Valid));
    message.signature_algorithm = algorithm(Oid::SHA512_WITH_RSA, NULL);
    let report = message.read();
    assert_eq!(
        (codes(&report), validity(&report)),
        (vec!["signature-digest-mismatch".into()], Validity::Invalid)
    );
}

// R-2.3-9, R-3.2-3
#[test]
fn signatures_that_do_not_hold_say_why() {
    let mut message = Message::pkcs_req();
    message.encapsulated = tlv(0xA0, &[&tlv(4, &[&sealed(b"else")])]);
    let report = message.read();
    assert_eq!(
        (codes(&report), validity(&report)),
        (vec!["message-digest-mismatch".into()], Validity::Invalid)
    );

    let mut message = Message::pkcs_req();
    message.signed_sorted = true;
    message.certificates = tlv(0xA0, &[&Key::ca().certificate("C=DE, CN=dev1")]);
    let report = message.read();
    assert_eq!((codes(&report), validity(&report)), (vec!["signature-invalid".into()], Validity::Invalid));

    message.certificates.clear();
    let report = message.read();
    assert_eq!(validity(&report), Validity::NoCertificate);
    assert_eq!(codes(&report), ["signer-certificate-missing"]);
    assert_eq!(report.message.unwrap().signed_data.signer_subject(), None);

    let report = inspect(&Message::pkcs_req().encode(), &BLIND).unwrap();
    assert_eq!(validity(&report), Validity::Unsupported);
}

// R-2.3-3, R-2.3-11
#[test]
fn a_request_for_another_key_or_name_than_the_signers_is_told() {
    let content = sealed(&Key::ca().request("CN=other"));
    let report = opened(Message::new(MessageType::PkcsReq, content).read());
    assert_eq!(codes(&report), ["request-key", "request-subject"]);
    let mut request = Key::device().request("C=DE, CN=dev1");
    let last = request.len() - 1;
    request[last] ^= 1;
    let report = opened(Message::new(MessageType::PkcsReq, sealed(&request)).read());
    assert_eq!(codes(&report), ["request-signature"]);
}

#[test]
fn everything_else_that_scep_sends_is_known_by_its_bytes() {
    let certificate = Key::device().certificate("CN=dev1");
    let request = Key::device().request("CN=dev1");
    let chain = certs_only::encode(&[&certificate, &certificate]);
    let crl_info = tlv(
        0x30,
        &[
            &[2, 1, 1],
            &algorithm(Oid::SHA256_WITH_RSA, NULL),
            name("CN=CA").as_der(),
            &tlv(0x17, &[b"270115080000Z"]),
            &tlv(0x17, &[b"270116080000Z"]),
            &tlv(0x30, &[&tlv(0x30, &[&[2, 1, 7], &tlv(0x17, &[b"270115080000Z"])])]),
        ],
    );
    let crl = assemble(&crl_info, SCHEME, &[0; 256]);
    for (input, kind) in [
        (certificate.clone(), Kind::Certificates),
        (request.clone(), Kind::CertificationRequest),
        (chain.clone(), Kind::CertsOnly),
        (crl, Kind::Crl),
        (sealed(b"x"), Kind::Envelope),
        (b"AES\nSHA-256\n".to_vec(), Kind::Capabilities),
        (b"GET /scep?operation=GetCACaps HTTP/1.0\r\n\r\n".to_vec(), Kind::Http),
    ] {
        let report = read(&input);
        assert_eq!((report.kind, codes(&report)), (kind, vec![]), "{kind}");
        let base64 = base64_encode(&input);
        if input.first() == Some(&0x30) {
            let texts = [
                base64.clone(),
                base64.replace('+', "-").replace('/', "_"),
                percent_encode(base64.as_bytes()),
            ];
            for text in texts {
                assert_eq!(read(text.as_bytes()).kind, kind);
            }
            let pem = format!("-----BEGIN X-----\n{base64}\n-----END X-----\n");
            let report = read(pem.as_bytes());
            assert_eq!((report.kind, report.wrappings), (kind, vec![Wrapping::Pem("X".into())]));
        }
    }
    let pem = |der: &[u8]| {
        format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", base64_encode(der))
    };
    let two = read((pem(&certificate) + &pem(&certificate)).as_bytes());
    assert_eq!((two.kind, two.payload.unwrap().certificates().len()), (Kind::Certificates, 2));

    let crl = read(&sealed_crl());
    let Some(Payload::CertsOnly(data)) = &crl.payload else { panic!("{crl:?}") };
    assert_eq!((data.crls.len(), data.crls[0].revoked), (1, 0));

    // A GetNextCACert answer: the certificates are the content of a signed message without attributes of SCEP.
    let mut next = Message::new(MessageType::CertRep, chain);
    next.attributes.clear();
    let report = next.read();
    assert_eq!(
        (report.kind, codes(&report), validity(&report)),
        (Kind::NextCaCertificates, vec![], Validity::Valid)
    );
    assert_eq!(report.payload.unwrap().certificates().len(), 2);
}

/// A certs-only message with an empty CRL.
fn sealed_crl() -> Vec<u8> {
    let info = tlv(
        0x30,
        &[&algorithm(Oid::SHA256_WITH_RSA, NULL), name("CN=CA").as_der(), &tlv(0x17, &[b"270115080000Z"])],
    );
    let crl = assemble(&info, SCHEME, &[0; 256]);
    let data = tlv(
        0x30,
        &[&[2, 1, 1], &[0x31, 0], &tlv(0x30, &[&oid(Oid::ID_DATA)]), &tlv(0xA1, &[&crl]), &[0x31, 0]],
    );
    tlv(0x30, &[&oid(Oid::ID_SIGNED_DATA), &tlv(0xA0, &[&data])])
}

// R-3.4-1, Q8
#[test]
fn odd_answers_of_a_ca_are_told() {
    let certificate = Key::device().certificate("CN=dev1");
    let data = tlv(
        0x30,
        &[
            &[2, 1, 3],
            &tlv(0x31, &[&algorithm(Oid::SHA256, NULL)]),
            &tlv(0x30, &[&oid(Oid::ID_DATA), &tlv(0xA0, &[&[4, 0]])]),
            &tlv(0xA0, &[&certificate]),
            &[0x31, 0],
        ],
    );
    let answer = tlv(0x30, &[&oid(Oid::ID_SIGNED_DATA), &tlv(0xA0, &[&data])]);
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/x-x509-ca-cert\r\n\r\n";
    let report = read(&[head.as_bytes(), &answer].concat());
    assert_eq!(report.kind, Kind::CertsOnly);
    assert_eq!(
        codes(&report),
        ["certs-only-content", "certs-only-digest-algorithms", "signed-data-version", "http-media-type"]
    );
    let text = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\naes\r\nSHA-384\r\n";
    let report = read(text.as_bytes());
    assert_eq!(codes(&report), ["capability-case", "capability-unknown", "http-media-type"]);
    assert_eq!(codes(&read(&certs_only::encode(&[]))), ["no-certificates"]);
}

#[test]
fn what_is_nothing_of_scep_is_an_error() {
    assert_eq!(inspect(b"", &PROVIDER).err(), Some(InvalidMessage::Empty.into()));
    for input in
        [&b"\x30\x00"[..], b"\x31\x03\x02\x01\x01", b"\xFF\xFE", b"\x30\x03\x02\x01\x01", b"<html></html>"]
    {
        assert_eq!(inspect(input, &PROVIDER).err(), Some(InvalidMessage::Der.into()), "{input:x?}");
    }
    let encrypted = tlv(0x30, &[&tlv(6, &[&[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 7, 6]])]);
    assert_eq!(inspect(&encrypted, &PROVIDER).err(), Some(InvalidMessage::Der.into()));
    assert_eq!(
        inspect(&vec![0; (4 << 20) + 1], &PROVIDER).err(),
        Some(Error::TooLarge(scep::error::Limit::Message))
    );
}

/// Verifies nothing, so that thousands of messages are read in no time.
static BLIND: Provider = Provider { verifiers: &[], ..PROVIDER };

/// Reads, opens where it can, and shows all of it.
fn survive(input: &[u8], key: &mut SoftwareKey) {
    let Ok(mut report) = inspect(input, &BLIND) else { return };
    // An RSA operation for every input would take minutes; the parser behind it is run over damaged plaintexts below.
    if input.len().is_multiple_of(64) {
        let _ = report.open(&BLIND, key, &mut rng());
    }
    let mut shown = String::new();
    write!(shown, "{report:?}").unwrap();
    for finding in &report.findings {
        write!(shown, "{finding}").unwrap();
    }
    assert!(!shown.is_empty());
}

// T38, T57
#[test]
fn no_truncation_and_no_damage_panics() {
    let mut key = Key::ca().0;
    let mut message = Message::pkcs_req();
    let (one, two) = message.content.split_at(100);
    message.encapsulated = open_ended(0xA0, &[&open_ended(0x24, &[&tlv(4, &[one]), &tlv(4, &[two])])]);
    let ber = message.encode_as(open_ended, &tlv(0xA1, &[&attribute(Oid::PKI_STATUS, &[NULL])]));
    let chunked =
        [&b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n40\r\n"[..], &ber[..64], b"\r\n0\r\n"]
            .concat();
    let query = format!(
        "GET /?operation=PKIOperation&message={} HTTP/1.1",
        percent_encode(base64_encode(&ber).as_bytes())
    );
    let pem =
        format!("-----BEGIN X-----\n{}\n-----END X-----\n", base64_encode(&Key::device().request("CN=a")));
    let inputs = [
        ber,
        Message::failure(b"").encode(),
        Key::device().request("CN=a"),
        Key::device().certificate("CN=a"),
        sealed_crl(),
        certs_only::encode(&[&Key::device().certificate("CN=a")]),
        chunked,
        query.into_bytes(),
        pem.into_bytes(),
    ];
    for input in &inputs {
        for length in 0..input.len() {
            survive(&input[..length], &mut key);
        }
        for index in 0..input.len() {
            for value in [0x80, input[index] ^ 0x21] {
                let mut damaged = input.clone();
                damaged[index] = value;
                survive(&damaged, &mut key);
            }
        }
    }
    // a damaged content under a right key
    let request = Key::device().request("CN=a");
    for index in (0..request.len()).step_by(7) {
        let mut damaged = request.clone();
        damaged[index] ^= 0x81;
        let mut report = inspect(&sealed(&damaged), &BLIND).unwrap();
        report.open(&BLIND, &mut key, &mut rng()).unwrap();
        assert_eq!(report.plaintext(), Some(damaged.as_slice()));
    }
}

#[test]
fn a_cut_message_still_tells_what_is_there() {
    let message = Message::pkcs_req().encode();
    let report = read(&message[..message.len() - 20]);
    assert!(report.deviates(Deviation::Truncated));
    let read = report.message.as_ref().unwrap();
    assert_eq!(read.message_type.as_ref().unwrap().known, Some(MessageType::PkcsReq));
    assert_eq!(validity(&report), Validity::Invalid);
    assert!(report.refusal.is_some());
}

#[test]
fn content_without_padding_is_shown_and_told() {
    let mut content = Vec::new();
    for length in 1..=8 {
        content = IssuerAndSerialNumber { issuer: name("CN=CA").name(), serial: &vec![9; length] }.encode();
        if content.len() % 8 == 0 {
            break;
        }
    }
    let mut blocks = content.clone();
    let des = &scep::crypto::rustcrypto::DES_CBC;
    scep::crypto::ContentCipher::encrypt(des, &[3; 8], &[4; 8], &mut blocks).unwrap();
    let cipher = algorithm(Oid::DES_CBC, &tlv(4, &[&[4; 8]]));
    let sealed = hand_sealed(&cipher, &tlv(0x80, &[&blocks]), 0, &[&recipient(NULL, &[3; 8])]);
    let report = opened(Message::new(MessageType::GetCert, sealed).read());
    assert_eq!(codes(&report), ["algorithm-forbidden", "padding"]);
    assert_eq!(report.plaintext(), Some(content.as_slice()));
}

#[test]
fn bytes_behind_a_message_are_told_but_line_ends_are_not() {
    let message = Message::failure(b"").encode();
    assert_eq!(codes(&read(&[&message[..], b"\r\n"].concat())), [""; 0]);
    let report = read(&[&message[..], &[0, 0]].concat());
    assert_eq!(codes(&report), ["trailing-bytes"]);
    assert_eq!(report.findings[0].offset, Some(message.len()));
}
