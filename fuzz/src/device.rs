//! The client against a CA that does what the fuzzer says.

use super::insecure::{INSECURE, Steps, sign, tag, unwrap};
use super::world::{
    CA, CHALLENGE, CURVE, Data, LIMITS, Letter, NEXT_CA, NOW, SUBJECT, URL, VALID, YEAR, at, crl, fields,
    issued, key, name, open, own, repair,
};
use scep::client::{
    Client, ClientConfig, Compat, Done, NewEnrolment, Query, Renewal, Step, Transmit, TrustedCa,
};
use scep::crypto::{ChallengePassword, KeyError, Purpose, Signature, Unwrapped};
use scep::error::FailInfo;
use scep::message::{Correlation, Unverified, Verified};
use scep::pki_types::{CertificateDer, UnixTime};
use scep::server::NextCa;
use scep::transport::{HttpRequest, HttpResponse, Operation, PKI_MESSAGE};
use scep::wire::certs_only::{encode, encode_crl};
use scep::wire::{
    Capabilities, Capability, Certificate, CertificateList, CertificationRequest, MessageType, Nonce,
    PkiStatus, SubjectPublicKeyInfo,
};
use std::hint::black_box;

/// Everything that a client can be made to put up with, but requests by GET.
fn tolerant() -> Compat {
    let mut compat = Compat::STRICT;
    compat.des_cbc_reply = true;
    compat.recipient_without_key_encipherment = true;
    compat.sha1_fingerprint = true;
    compat.weak_algorithms = true;
    compat.missing_recipient_nonce = true;
    compat
}

/// A device, and what its CA remembers.
struct Device {
    client: Client,
    rng: Steps,
    /// On an elliptic curve, so that messages to it are protected by its challenge password.
    curve: bool,
    now: Option<UnixTime>,
    /// The key that is asked to be certified, DER SubjectPublicKeyInfo.
    key: Vec<u8>,
    /// Whether the certificate that was pinned is the CA's.
    pinned: bool,
    serial: u64,
}

impl Device {
    fn new(rng: Steps, curve: bool, patient: bool) -> Self {
        let compat = if patient { tolerant() } else { Compat::STRICT };
        let config = ClientConfig::new(&INSECURE).compat(compat).password_recipients(true).polls_max(5);
        let key =
            if curve { Certificate::parse(&CURVE).unwrap().public_key().as_der().to_vec() } else { key(1) };
        Self { client: Client::new(config), rng, curve, now: Some(at(NOW)), key, pinned: true, serial: 100 }
    }

    fn ca(&self) -> TrustedCa {
        let listed = Capabilities::new().with(Capability::ScepStandard).with(Capability::Renewal);
        TrustedCa::new(self.client.config(), std::slice::from_ref(&*CA), &[], listed, self.now).unwrap()
    }

    fn certificate(&self) -> CertificateDer<'static> {
        issued(name(SUBJECT).as_der(), &key(2), 50)
    }

    /// One of the things that a client can do.
    fn start(&mut self, what: usize) -> Step {
        let client = self.client.clone();
        let certificate = self.certificate();
        let renewal = || Renewal::builder(certificate.clone(), &self.key).build().unwrap();
        let (ca, now, rng) = (self.ca(), self.now, &mut self.rng);
        let step = match what {
            0 => client.enrol(URL, Self::request_for(&self.key), rng),
            1 => client.enrol_with(URL, ca, Self::request_for(&self.key), now, rng),
            2 => client.renew_with(URL, ca, renewal(), now, rng),
            3 => client.fetch_certificate(URL, ca, Query::own(certificate).unwrap(), rng),
            4 => client.fetch_crl(URL, ca, Query::own(certificate).unwrap(), rng),
            5 => client.fetch_next_ca(URL, ca),
            6 => client.fetch_ca(URL),
            7 => client.fetch_capabilities(URL),
            _ => client.renew(URL, renewal(), rng),
        };
        step.unwrap()
    }

    fn request_for(key: &[u8]) -> NewEnrolment {
        NewEnrolment::builder(name(SUBJECT), key)
            .challenge(ChallengePassword::new(CHALLENGE).unwrap())
            .build()
            .unwrap()
    }

    /// Takes signatures until there is something to send.
    fn up_to_message(&mut self, mut step: Step) -> Transmit {
        loop {
            step = match step {
                Step::Transmit(transmit) => return transmit,
                Step::Sign(asked) => {
                    let signature = sign(asked.job());
                    asked.complete(signature, &mut self.rng).unwrap()
                }
                other => panic!("{other:?}"),
            }
        }
    }

    /// Takes an answer to its end, if it is one.
    fn receive(&mut self, transmit: Transmit, response: HttpResponse) {
        let request = transmit.request().clone();
        let operation = transmit.operation();
        let body = response.body.clone();
        let mut step = match transmit.receive(response, self.now, &mut self.rng) {
            Ok(step) => step,
            Err(failed) => {
                let _ = black_box(format!("{failed} {:?}", failed.error.retry()));
                if let Some(again) = failed.retry {
                    assert_eq!(again.request(), &request, "another request the second time");
                }
                return;
            }
        };
        if operation == Operation::PkiOperation {
            assert_answers(&request, body);
        }
        for _ in 0..8 {
            step = match step {
                Step::Decrypt(asked) => {
                    let unwrapped = unwrap(asked.job());
                    match asked.complete(Ok(unwrapped)) {
                        Ok(step) => step,
                        Err(failed) => {
                            let again = failed.retry.map(|again| again.request().clone());
                            assert!(again.is_none_or(|again| again == request));
                            return;
                        }
                    }
                }
                Step::Trust(question) => match question.dangerous() {
                    Ok(step) => {
                        self.pinned = false;
                        step
                    }
                    Err(failed) => return assert!(failed.retry.is_some()),
                },
                Step::Wait(wait) => {
                    let saved = wait.save().unwrap();
                    let wait = self.client.resume(&saved).unwrap();
                    let wait = wait.with_challenge(ChallengePassword::new(CHALLENGE).unwrap());
                    return drop(black_box(wait.poll(&mut self.rng).unwrap()));
                }
                Step::Done(done) => return self.judge(&done),
                Step::Transmit(_) | Step::Sign(_) => return,
            };
        }
    }

    /// Nothing but what a trusted CA signed for this device.
    fn judge(&self, done: &Done) {
        let _ = black_box(format!("{done:?}"));
        let by_ca = |signature: &[u8], ca: &TrustedCa| {
            let mut keys = ca.certificates().iter().map(|der| Certificate::parse(der).unwrap());
            keys.any(|one| signature.starts_with(&tag(&one.public_key()).unwrap()))
        };
        match done {
            Done::Issued(issued) => {
                let leaf = Certificate::parse(&issued.certificate).unwrap();
                let wanted = SubjectPublicKeyInfo::parse(&self.key).unwrap();
                assert!(leaf.public_key().same_key(&wanted), "for another key");
                assert!(!leaf.is_ca(), "a CA");
                // A chain of several is judged link by link elsewhere.
                let direct = leaf.issuer().matches(&Certificate::parse(&CA).unwrap().subject());
                assert!(by_ca(leaf.signature(), &issued.ca) || !direct, "not by the CA");
                assert_eq!(issued.checked_time, self.now.is_some());
                assert!(!self.pinned || issued.ca.anchors() == [CA.clone()]);
                if self.now.is_some() {
                    assert!(leaf.not_before().unwrap() <= at(NOW) && leaf.not_after().unwrap() >= at(NOW));
                }
            }
            Done::Certificate(der) => {
                let own = Certificate::parse(&self.certificate()).map(|own| own.serial().to_vec()).unwrap();
                let found = Certificate::parse(der).unwrap();
                assert_eq!(found.serial(), own, "another certificate");
                assert!(by_ca(found.signature(), &self.ca()), "not by the CA");
            }
            Done::Crl(list) => {
                let read = CertificateList::parse(&list.der).unwrap();
                assert!(by_ca(read.signature(), &self.ca()), "not by the CA");
                let _ = black_box((list.next_update(), list.is_revoked(&[50])));
            }
            Done::NextCa(next) => assert!(!next.certificates().is_empty()),
            Done::Refused { text, .. } => {
                let shown = text.as_ref().map(ToString::to_string).unwrap_or_default();
                assert!(shown.chars().all(|shown| !shown.is_control()), "{shown}");
            }
            _ => {}
        }
    }

    /// What an honest CA would send, and some that are not so honest.
    fn answer(&mut self, transmit: &Transmit, data: &mut Data<'_>) -> HttpResponse {
        let body = match transmit.operation() {
            Operation::GetCaCaps => {
                let texts: [&[u8]; 4] =
                    [b"SCEPStandard\nRenewal\n", b"", b"POSTPKIOperation\nRenewal\n", b"DES3\r\nSHA-1\r\n"];
                texts[data.below(4)].to_vec()
            }
            Operation::GetCaCert => match data.below(4) {
                0 | 1 => CA.to_vec(),
                2 => encode(&[CA.as_ref(), &issued(name("CN=RA").as_der(), &key(9), 9)]),
                _ => NEXT_CA.to_vec(),
            },
            Operation::GetNextCaCert => {
                let draft = NextCa::draft(&INSECURE, CA.clone(), vec![NEXT_CA.clone()], self.now).unwrap();
                let signature = sign(draft.job());
                draft.complete(signature).unwrap().as_bytes().to_vec()
            }
            Operation::PkiOperation => self.reply(transmit.request(), data),
        };
        HttpResponse::new(200, Some(PKI_MESSAGE), body)
    }

    fn reply(&mut self, request: &HttpRequest, data: &mut Data<'_>) -> Vec<u8> {
        let message = Unverified::parse(request.body.clone(), &LIMITS).unwrap();
        let message = message.verify_as_sent(&INSECURE).expect("what the library signed");
        let attributes = message.attributes().unwrap();
        let id = attributes.transaction_id().unwrap().unwrap();
        let recipients = [&*CA, &*NEXT_CA, &issued(name("CN=RA").as_der(), &key(9), 9)];
        // the CA's certificates may have been damaged on the way: insecure signatures do not show that
        let Ok(content) = open(&message, &recipients, &mut self.rng) else { return Vec::new() };
        let leaf_key = match CertificationRequest::parse(&content, &LIMITS) {
            Ok(csr) => csr.public_key().as_der().to_vec(),
            Err(_) => self.key.clone(),
        };
        self.serial += 1;
        let subject = name(SUBJECT);
        let (kind, twist) = (data.byte(), data.byte());
        let leaf = match twist & 7 {
            1 => issued(subject.as_der(), &key(7), self.serial),
            2 => own(subject.as_der(), &leaf_key, VALID),
            _ => issued(subject.as_der(), &leaf_key, self.serial),
        };
        let certificate = self.certificate();
        let content = match attributes.message_type().unwrap() {
            MessageType::GetCrl => encode_crl(&crl(&[5, 50])),
            MessageType::GetCert if twist & 7 != 1 => encode(&[&certificate]),
            _ if twist & 7 == 3 => encode(&[&CA, &leaf]),
            _ => encode(&[&leaf, &CA]),
        };
        let mut said = fields(MessageType::CertRep, "x", &[9; 16]);
        said.transaction_id = id;
        said.recipient_nonce = attributes.sender_nonce().unwrap();
        (said.pki_status, said.fail_info) = match kind % 4 {
            0 | 1 => (Some(PkiStatus::Success), None),
            2 => (Some(PkiStatus::Pending), None),
            _ => (Some(PkiStatus::Failure), Some(FailInfo::BadRequest)),
        };
        match twist >> 3 {
            1 => said.recipient_nonce = None,
            2 => said.recipient_nonce = Some(Nonce::from_bytes(&[8; 16]).unwrap()),
            3 => said.transaction_id = fields(MessageType::CertRep, "other", &[9; 16]).transaction_id,
            4 => said.pki_status = None,
            5 => said.message_type = MessageType::PkcsReq,
            6 => said.fail_info_text = Some("no\u{1b}[2J\n".into()),
            _ => {}
        }
        let signer = if twist >> 3 == 7 { &NEXT_CA } else { &CA };
        let mut letter = Letter::new(said, &content, message.signer(), signer);
        if kind % 4 > 1 {
            letter.content = None;
        } else if self.curve && !Certificate::parse(message.signer()).unwrap().public_key().can_encrypt() {
            letter.password = Some(ChallengePassword::new(CHALLENGE).unwrap());
        }
        letter.seal(&mut self.rng).unwrap()
    }
}

/// What a client goes on with answers the request and is signed by the CA.
fn assert_answers(request: &HttpRequest, body: Vec<u8>) {
    let request = Unverified::parse(request.body.clone(), &LIMITS).unwrap();
    let expected = request.transaction_id_hint().unwrap().unwrap();
    let nonce = request.sender_nonce_hint().unwrap().unwrap();
    let reply: Verified = Unverified::parse(body, &LIMITS)
        .and_then(|reply| reply.verify_by(&INSECURE, [&*CA]))
        .expect("a reply that nobody signed");
    let attributes = reply.attributes().unwrap();
    if attributes.recipient_nonce().unwrap().is_some() {
        let correlation = Correlation { transaction_id: expected, nonce };
        correlation.check(&reply).expect("a reply to something else");
    } else {
        assert_eq!(attributes.transaction_id().unwrap(), Some(expected));
    }
}

/// A client in the middle of something, and one answer: raw, repaired, or what is inside of a proper one.
pub fn client_reply(data: &[u8]) {
    let mut data = Data(data);
    let kind = data.byte();
    let mut device = Device::new(Steps::constant(), kind & 0x10 != 0, kind & 0x20 != 0);
    if kind & 0x40 != 0 {
        device.now = None;
    }
    let bytes = data.0;
    let raw = |body: &[u8]| HttpResponse::new(200, None, body.to_vec());
    let start = match kind & 0x0F {
        0 => 7,
        1 | 2 => 6,
        3..=6 => 1,
        7 | 8 => 5,
        9 | 10 => 3,
        11 | 12 => 4,
        13 | 14 => 2,
        _ => 0,
    };
    let step = device.start(start);
    let transmit = device.up_to_message(step);
    let response = match kind & 0x0F {
        0 | 1 | 3 | 7 | 9 | 11 | 13 => raw(bytes),
        2 | 15 => raw(bytes),
        4 | 8 | 14 => raw(&repair(bytes, Some(&CA))),
        form => {
            let request = transmit.request().body.clone();
            let request = Unverified::parse(request, &LIMITS).unwrap().verify_as_sent(&INSECURE).unwrap();
            let attributes = request.attributes().unwrap();
            let mut said = fields(MessageType::CertRep, "x", &[9; 16]);
            said.transaction_id = attributes.transaction_id().unwrap().unwrap();
            said.recipient_nonce = attributes.sender_nonce().unwrap();
            said.pki_status = Some(PkiStatus::Success);
            let mut letter = Letter::new(said, bytes, request.signer(), &CA);
            if !Certificate::parse(request.signer()).unwrap().public_key().can_encrypt() {
                letter.password = Some(ChallengePassword::new(CHALLENGE).unwrap());
            }
            let sealed =
                if form == 5 { letter.seal_raw(bytes.to_vec()) } else { letter.seal(&mut device.rng) };
            raw(&sealed.unwrap())
        }
    };
    device.receive(transmit, response);
}

/// A client through all its steps, with answers, keys, clocks and patience as the bytes say.
pub fn client_sequence(data: &[u8]) {
    let mut data = Data(data);
    let kind = data.byte();
    let mut device = Device::new(Steps::counting(), kind & 0x10 != 0, kind & 0x20 != 0);
    if kind & 0x40 != 0 {
        device.now = None;
    }
    let mut step = device.start(usize::from(kind & 0x0F) % 9);
    let mut answers: Vec<HttpResponse> = Vec::new();
    let mut signed: Vec<Purpose> = Vec::new();
    for _ in 0..64 {
        if data.is_empty() {
            return;
        }
        device.rng.fails = data.0.first().is_some_and(|byte| byte & 0xF8 == 0xF8);
        step = match step {
            Step::Transmit(transmit) => match exchange(&mut device, transmit, &mut answers, &mut data) {
                Some(step) => step,
                None => return,
            },
            Step::Trust(question) => {
                let fingerprint = INSECURE.sha256(&[&CA]).unwrap();
                let trusted = match data.below(4) {
                    0 => question.pinned(&CA),
                    1 => question.matching_sha256(&fingerprint),
                    2 => question.matching_sha256(&[7; 32]),
                    _ => {
                        device.pinned = false;
                        question.dangerous()
                    }
                };
                match trusted {
                    Ok(step) => step,
                    Err(failed) => match failed.retry {
                        Some(question) => Step::Trust(question),
                        None => return,
                    },
                }
            }
            Step::Sign(asked) => {
                let message = asked.job().message().to_vec();
                let (signature, good) = match data.below(8) {
                    0 => (Ok(Signature::new([7; 256])), false),
                    1 => (Err(KeyError::Unavailable), false),
                    _ => (sign(asked.job()), true),
                };
                let purpose = asked.job().purpose();
                match asked.complete(signature, &mut device.rng) {
                    Ok(step) => {
                        assert!(good, "went on without a signature");
                        signed.push(purpose);
                        step
                    }
                    Err(failed) => match failed.retry {
                        Some(again) => {
                            assert_eq!(again.job().message(), message, "another job the second time");
                            Step::Sign(again)
                        }
                        None => return,
                    },
                }
            }
            Step::Decrypt(asked) => {
                let unwrapped = match data.below(8) {
                    0 => Ok(Unwrapped::rejected()),
                    1 => Err(KeyError::Unavailable),
                    _ => Ok(unwrap(asked.job())),
                };
                match asked.complete(unwrapped) {
                    Ok(step) => step,
                    Err(failed) => match failed.retry {
                        Some(transmit) => Step::Transmit(transmit),
                        None => return,
                    },
                }
            }
            Step::Wait(mut wait) => {
                assert!(wait.polls() <= 5 && wait.after().as_secs() <= 3600);
                if data.flag() {
                    let saved = wait.save().unwrap();
                    assert!(!saved.windows(CHALLENGE.len()).any(|window| window == CHALLENGE.as_bytes()));
                    let key = wait.requested_key().to_vec();
                    wait = device.client.resume(&saved).unwrap();
                    assert_eq!(wait.requested_key(), key);
                    if data.flag() {
                        wait = wait.with_challenge(ChallengePassword::new(CHALLENGE).unwrap());
                    }
                }
                let polls = wait.polls();
                match wait.poll(&mut device.rng) {
                    Ok(step) => {
                        assert!(polls < 5, "polled too often");
                        step
                    }
                    Err(failed) => match failed.retry {
                        Some(wait) if polls < 5 && !wait.needs_challenge() => Step::Wait(wait),
                        _ => return,
                    },
                }
            }
            Step::Done(done) => {
                if matches!(done, Done::Issued(_)) {
                    assert!(signed.contains(&Purpose::Csr) && signed.contains(&Purpose::PkiMessage));
                }
                return device.judge(&done);
            }
        };
    }
}

fn exchange(
    device: &mut Device,
    transmit: Transmit,
    answers: &mut Vec<HttpResponse>,
    data: &mut Data<'_>,
) -> Option<Step> {
    let request = transmit.request().clone();
    let is_message = transmit.operation() == Operation::PkiOperation;
    let failing = std::mem::take(&mut device.rng.fails);
    let mut response = match data.below(16) {
        0 => HttpResponse::error(503).with_retry_after("99999"),
        1 => HttpResponse::error(404),
        2 => HttpResponse::new(200, Some("text/html"), b"<html>".to_vec()),
        3 if !answers.is_empty() => answers[data.below(answers.len())].clone(),
        kind => {
            let mut response = device.answer(&transmit, data);
            if kind == 4 || kind == 5 {
                let place = usize::from(data.byte()) << 8 | usize::from(data.byte());
                let length = response.body.len().max(1);
                if let Some(byte) = response.body.get_mut(place % length) {
                    *byte ^= data.byte();
                }
                if kind == 5 && is_message {
                    response.body = repair(&response.body, Some(&CA));
                }
            }
            answers.push(response.clone());
            response
        }
    };
    if data.0.first() == Some(&0x77) {
        response.retry_after = Some(u32::MAX);
    }
    device.rng.fails = failing;
    let body = response.body.clone();
    let now =
        device.now.map(|now| if data.0.first() == Some(&0x78) { at(now.as_secs() + 40 * YEAR) } else { now });
    match transmit.receive(response, now, &mut device.rng) {
        Ok(step) => {
            // A CA that was trusted without a look may be another one.
            if is_message && device.pinned {
                assert_answers(&request, body);
            }
            Some(step)
        }
        Err(failed) => {
            let again = failed.retry?;
            assert_eq!(again.request(), &request, "another request the second time");
            Some(Step::Transmit(again))
        }
    }
}

/// Saved state of clients that were told to wait.
pub(super) fn saved() -> Vec<Vec<u8>> {
    let mut states = Vec::new();
    for curve in [false, true] {
        for start in [1, 2] {
            let mut device = Device::new(Steps::constant(), curve, false);
            let step = device.start(start);
            let transmit = device.up_to_message(step);
            let response = device.answer(&transmit, &mut Data(&[2]));
            let step = transmit.receive(response, device.now, &mut device.rng);
            let Ok(Step::Wait(wait)) = step else { continue };
            states.push(wait.save().unwrap());
        }
    }
    assert!(!states.is_empty());
    states
}

/// Replies to what [`client_reply`] asks, of every kind, each behind the byte that asks for it.
pub(super) fn replies() -> Vec<Vec<u8>> {
    let mut replies = Vec::new();
    for (start, kinds) in [(1, [3, 4]), (5, [7, 8]), (3, [9, 9]), (4, [11, 11]), (2, [13, 14])] {
        for curve in [0, 0x10] {
            for kind in 1..4 {
                for twist in [0, 1, 2, 3, 1 << 3, 2 << 3, 4 << 3, 5 << 3, 6 << 3, 7 << 3] {
                    let mut device = Device::new(Steps::constant(), curve != 0, false);
                    let step = device.start(start);
                    let transmit = device.up_to_message(step);
                    let response = device.answer(&transmit, &mut Data(&[kind, twist]));
                    replies.extend(kinds.map(|first| [&[first | curve], &response.body[..]].concat()));
                }
            }
        }
    }
    replies
}
