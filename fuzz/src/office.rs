//! The server against clients and owners that do what the fuzzer says.

use super::insecure::{INSECURE, Steps, sign, tag, unwrap};
use super::text;
use super::world::{
    CA, CHALLENGE, CURVE, Data, EXPIRED, LIMITS, Letter, NEXT_CA, NOW, SUBJECT, Template, URL, VALID, YEAR,
    at, crl, csr, fields, issued, key, name, open, own, repair,
};
use scep::crypto::{ChallengePassword, ContentEncryption, Digest, KeyError, Rng};
use scep::message::{Correlation, Unverified};
use scep::pki_types::CertificateDer;
use scep::server::{
    Authorized, CertificateAccess, ChallengeKey, ChallengeStore, ChallengeTerms, Decide, Enrol, Event,
    Exchange, Identity, IssuedChain, MemoryStore, NextCa, OneTimeChallenges, Outcome, Recorded, Refusal,
    Responder, ServerConfig, SharedSecret, State, Status, Store, Transaction, TransactionKey, Transition,
};
use scep::transport::{HttpRequest, PKI_MESSAGE, ScepUrl, parse_request, post};
use scep::wire::{
    Certificate, CertsOnly, GeneralName, IssuerAndSerialNumber, IssuerAndSubject, KeyUsage, MessageType, Oid,
    SubjectPublicKeyInfo, TransactionId,
};
use std::collections::HashMap;
use std::hint::black_box;
use std::sync::LazyLock;
use std::time::Duration;

/// A further identity, for requests encrypted to a key that is going or coming.
static OTHER: LazyLock<CertificateDer<'static>> =
    LazyLock::new(|| issued(name("CN=RA").as_der(), &key(9), 9));

/// With every switch on, or with none.
fn responder(everything: bool) -> Responder {
    let config = ServerConfig::new(&INSECURE, Identity::new(CA.clone()), vec![CA.clone()]);
    let config = match everything {
        false => config.bare_refusals(true),
        true => {
            let draft = NextCa::draft(&INSECURE, CA.clone(), vec![NEXT_CA.clone()], Some(at(NOW))).unwrap();
            let next = sign(draft.job());
            config
                .also_open(Identity::new(OTHER.clone()))
                .renewal(true)
                .get_cert(CertificateAccess::Own)
                .get_crl(true)
                .next_ca(draft.complete(next).unwrap())
                .danger_accept_des_cbc(true)
                .danger_accept_other_signer(true)
                .password_recipients(true)
        }
    };
    Responder::new(config).unwrap()
}

static EVERYTHING: LazyLock<Responder> = LazyLock::new(|| responder(true));
static NOTHING: LazyLock<Responder> = LazyLock::new(|| responder(false));

/// What was asked in a transaction: the request, and the certificate that it renews.
type Asked = (Vec<u8>, Vec<u8>);

/// The store, the issuer, and what both have to remember for [`Running::check`].
struct Office {
    store: MemoryStore,
    rows: HashMap<TransactionKey, Transaction>,
    /// The request behind each row.
    asked: HashMap<TransactionKey, Asked>,
    /// The request behind a row that another one has taken the place of while its certificate is being issued.
    former: HashMap<TransactionKey, Asked>,
    challenges: OneTimeChallenges,
    /// How often the one challenge was spent.
    spent: usize,
    issued: Vec<CertificateDer<'static>>,
    now: u64,
    serial: u64,
    rng: Steps,
}

/// A request on its way through the steps.
struct Running {
    request: HttpRequest,
    /// When it came: what had not run out by then counts to its end.
    now: u64,
    exchange: Option<Exchange>,
    decrypted: usize,
    decided: usize,
    /// What this exchange asked for, once the owner saw it.
    asks: Option<Asked>,
    recorded: Vec<State>,
    /// The change was to a request that was held.
    was_held: bool,
    /// A key failed, so that a result may be recorded that was never sent.
    failed: bool,
    offered: Option<CertificateDer<'static>>,
    /// The owner was asked for the password of a device whose key cannot decrypt, to deliver what is recorded.
    needs_password: bool,
}

impl Office {
    fn new() -> Self {
        let store = MemoryStore::default();
        let challenges = OneTimeChallenges::new(&INSECURE, "", ChallengeKey::from_bytes([9; 32]));
        let text = ChallengePassword::new(CHALLENGE).unwrap();
        let lifetime = Duration::from_secs(2 * 24 * 3600);
        let made = challenges.adopt(&text, ChallengeTerms::any_subject(), at(NOW), lifetime).unwrap();
        store.add_challenge(&made).unwrap();
        Self {
            store,
            rows: HashMap::new(),
            asked: HashMap::new(),
            former: HashMap::new(),
            challenges,
            spent: 0,
            issued: Vec::new(),
            now: NOW,
            serial: 1000,
            rng: Steps::counting(),
        }
    }

    fn accept(&mut self, responder: &Responder, request: HttpRequest) -> Running {
        let exchange = Some(responder.accept(request.clone(), at(self.now), &mut self.rng));
        Running {
            request,
            now: self.now,
            exchange,
            decrypted: 0,
            decided: 0,
            asks: None,
            recorded: Vec::new(),
            was_held: false,
            failed: false,
            offered: None,
            needs_password: false,
        }
    }

    /// One step, with whatever goes wrong in it; the outcome when it was the last one.
    fn step(&mut self, running: &mut Running, data: &mut Data<'_>) -> Option<Outcome> {
        let exchange = running.exchange.take()?;
        let trouble = data.byte();
        self.rng.fails = trouble == 0xFF;
        let next = match exchange {
            Exchange::Decrypt(step) => {
                running.decrypted += 1;
                let answer = match trouble {
                    0xF0 => Err(KeyError::Unavailable),
                    _ => Ok(unwrap(step.job())),
                };
                step.complete(answer, &mut self.rng)
            }
            Exchange::Lookup(step) => match trouble {
                0xF0 => step.unavailable(),
                _ => {
                    let stored = self.store.load(step.key()).unwrap();
                    step.complete(stored, &mut self.rng)
                }
            },
            Exchange::Decide(question) => {
                running.decided += 1;
                self.decide(running, question, trouble)
            }
            Exchange::Record(step) => match trouble {
                0xF0 => step.unavailable(),
                _ => {
                    let transition = step.transition().clone();
                    match self.store.record(&transition).unwrap() {
                        Recorded::Stored => {
                            self.judge_change(running, &transition);
                            step.stored(&mut self.rng)
                        }
                        Recorded::Conflict(stored) => step.conflict(stored, &mut self.rng),
                    }
                }
            },
            Exchange::Sign(step) => {
                let signature = match trouble {
                    0xF0 => Err(KeyError::Unavailable),
                    0xF1 => Ok(scep::crypto::Signature::new([7; 256])),
                    _ => sign(step.job()),
                };
                running.failed |= matches!(trouble, 0xF0 | 0xF1);
                step.complete(signature)
            }
            Exchange::Done(outcome) => {
                self.rng.fails = false;
                self.check(running, &outcome);
                return Some(outcome);
            }
        };
        running.failed |= trouble == 0xFF;
        self.rng.fails = false;
        running.exchange = Some(next);
        None
    }

    /// To the end.
    fn finish(&mut self, mut running: Running, data: &mut Data<'_>) -> Outcome {
        for _ in 0..16 {
            if let Some(outcome) = self.step(&mut running, data) {
                return outcome;
            }
        }
        panic!("an exchange without end: {:?}", running.exchange);
    }

    /// Never twice for one request, and never again once it was refused.
    fn judge_change(&mut self, running: &mut Running, transition: &Transition) {
        let (key, to) = (transition.key(), transition.to());
        if transition.challenge().is_some_and(|change| change.to().is_spent()) {
            self.spent += 1;
            // T9
            assert_eq!(self.spent, 1, "a one-time challenge was spent twice");
        }
        let before = self.rows.get(key).filter(|before| at(running.now) < before.expires());
        let asks = running.asks.clone().or_else(|| self.asked.get(key).cloned());
        assert!(running.decided > 0, "a change that nobody decided");
        match (before.map(Transaction::state), to.state()) {
            (None | Some(State::Pending | State::Issuing { .. }), _) => {}
            (Some(State::Issued(_) | State::Rejected), _) => {
                assert_ne!(self.asked.get(key), asks.as_ref(), "decided twice about one request");
            }
        }
        let releases = transition
            .challenge()
            .is_some_and(|change| !change.to().is_spent() && !matches!(to.state(), State::Issuing { .. }));
        if releases {
            // nothing was issued: there is again what was there before
            match transition.removes() {
                true => drop(self.rows.remove(key)),
                false => {
                    if let State::Issued(chain) = to.state() {
                        assert!(self.issued.contains(&chain[0]), "a certificate out of nowhere");
                    }
                    self.rows.insert(key.clone(), to.clone());
                }
            }
            match self.former.remove(key) {
                Some(former) => drop(self.asked.insert(key.clone(), former)),
                None => drop(self.asked.remove(key)),
            }
            return;
        }
        if matches!(to.state(), State::Issuing { .. })
            && !before.is_some_and(|before| matches!(before.state(), State::Issuing { .. }))
        {
            let former = before.and_then(|_| self.asked.get(key).cloned());
            former.map(|former| self.former.insert(key.clone(), former));
        }
        running.was_held = before.is_some_and(|before| *before.state() == State::Pending);
        if running.was_held {
            assert_ne!(*to.state(), State::Pending, "held twice");
        }
        if let State::Issued(chain) = to.state() {
            assert_eq!(running.offered.as_ref(), chain.first(), "another certificate than was granted");
            self.issued.push(chain[0].clone());
        }
        running.recorded.push(to.state().clone());
        self.rows.insert(key.clone(), to.clone());
        if let Some(asks) = asks {
            self.asked.insert(key.clone(), asks);
        }
    }

    fn leaf(&mut self, authorized: &Authorized) -> CertificateDer<'static> {
        self.serial += 1;
        let requested = authorized.requested();
        let subject = requested.subject().unwrap().as_der().to_vec();
        issued(&subject, requested.public_key(), self.serial)
    }

    fn grant(&mut self, running: &mut Running, authorized: Authorized, wrong: bool) -> Exchange {
        let leaf = self.leaf(&authorized);
        let mut authorized = authorized;
        if wrong {
            let other = issued(name(SUBJECT).as_der(), &key(14), 1);
            let fits = SubjectPublicKeyInfo::parse(authorized.requested().public_key())
                .is_ok_and(|wanted| wanted.same_key(&SubjectPublicKeyInfo::parse(&key(14)).unwrap()));
            match IssuedChain::new(other, Vec::new(), authorized) {
                Ok(chain) => {
                    assert!(fits, "a certificate for another key");
                    running.offered = Some(issued(name(SUBJECT).as_der(), &key(14), 1));
                    return chain.grant();
                }
                Err(mismatch) => authorized = mismatch.authorized,
            }
        }
        match IssuedChain::new(leaf.clone(), vec![CA.clone()], authorized) {
            Ok(chain) => {
                running.offered = Some(leaf);
                chain.grant()
            }
            // a key that no certificate can be made for
            Err(mismatch) => mismatch.authorized.unavailable(),
        }
    }

    fn decide(&mut self, running: &mut Running, question: Decide, choice: u8) -> Exchange {
        let _ = black_box(format!("{question:?}"));
        match question {
            Decide::Enrol(question) => self.enrol(running, question, choice),
            Decide::Renew(question) => {
                // T16: whoever renews holds a certificate of this CA
                let renewed = Certificate::parse(question.certificate()).unwrap();
                let ca = Certificate::parse(&CA).unwrap();
                assert!(renewed.signature().starts_with(&tag(&ca.public_key()).unwrap()));
                assert!(renewed.not_after().unwrap() >= at(running.now), "an expired certificate");
                assert!(renewed.subject().matches(&question.requested().subject().unwrap()));
                if let Some(csr) = question.csr() {
                    running.asks = Some((csr.to_vec(), question.certificate().to_vec()));
                }
                match choice % 6 {
                    0 | 1 => match question.approve_unrevoked() {
                        Ok(authorized) => self.grant(running, authorized, false),
                        Err(question) => question.refuse(Refusal::Policy, &mut self.rng),
                    },
                    2 => question.hold(&mut self.rng),
                    3 => question.refuse(Refusal::Revoked, &mut self.rng),
                    4 => self.enrol(running, question.into_enrol(), choice / 6),
                    _ => question.unavailable(),
                }
            }
            Decide::Certificate(question) => {
                let signer = Certificate::parse(question.signer()).unwrap();
                let ca = Certificate::parse(&CA).unwrap();
                assert!(signer.signature().starts_with(&tag(&ca.public_key()).unwrap()), "a stranger asks");
                let found = self
                    .issued
                    .iter()
                    .find(|der| Certificate::parse(der).is_ok_and(|one| question.wanted().matches(&one)));
                match (choice % 4, found) {
                    (0 | 1, Some(found)) => {
                        let found = found.clone();
                        question.found(found, &mut self.rng)
                    }
                    (0, None) => question.found(CA.clone(), &mut self.rng),
                    (3, _) => question.unavailable(),
                    _ => question.absent(&mut self.rng),
                }
            }
            Decide::Crl(question) => match choice % 4 {
                0 | 1 => question.found(crl(&[5, 50]), &mut self.rng),
                2 => question.found(vec![0x30, 0], &mut self.rng),
                _ => question.absent(&mut self.rng),
            },
            Decide::Issue(authorized) => match choice % 8 {
                4 => authorized.hold(&mut self.rng),
                5 => authorized.refuse(Refusal::Policy, &mut self.rng),
                6 => authorized.unavailable(),
                _ => self.grant(running, authorized, choice & 8 != 0),
            },
            Decide::Challenge(question) => {
                running.needs_password |= !question.is_request();
                match choice % 4 {
                    0 | 1 => question.answer(ChallengePassword::new(CHALLENGE).unwrap(), &mut self.rng),
                    2 => question.answer(ChallengePassword::new("weak").unwrap(), &mut self.rng),
                    _ => question.unknown(&mut self.rng),
                }
            }
        }
    }

    fn enrol(&mut self, running: &mut Running, question: Enrol, choice: u8) -> Exchange {
        if let (Some(csr), None) = (question.csr(), &running.asks) {
            running.asks = Some((csr.to_vec(), Vec::new()));
        }
        let secret = SharedSecret::new(ChallengePassword::new(CHALLENGE).unwrap());
        match choice % 8 {
            0 | 1 if choice & 0x10 != 0 => {
                let wanted = self.challenges.wanted(&question).unwrap();
                let stored = wanted.and_then(|id| self.store.load_challenge(&id).unwrap());
                match self.challenges.redeem(question, stored) {
                    Ok(exchange) => exchange,
                    Err(question) => question.refuse(Refusal::Challenge, &mut self.rng),
                }
            }
            0 | 1 => {
                let right = question.challenge().is_some_and(|challenge| challenge.expose() == CHALLENGE);
                match secret.redeem(question) {
                    Ok(authorized) => {
                        assert!(right, "a wrong challenge was redeemed");
                        self.grant(running, authorized, choice & 8 != 0)
                    }
                    Err(question) => {
                        assert!(!right);
                        question.refuse(Refusal::Challenge, &mut self.rng)
                    }
                }
            }
            2 => self.grant(running, question.approve(), choice & 8 != 0),
            3 => question.hold(&mut self.rng),
            4 => question.refuse(Refusal::Policy, &mut self.rng),
            5 => question.validated().hold(&mut self.rng),
            6 => question.approve().refuse_because("no\u{1b}[2J\u{202E}", &mut self.rng),
            _ => question.unavailable(),
        }
    }

    /// What must hold of every answer.
    fn check(&mut self, running: &Running, outcome: &Outcome) {
        let _ = black_box(format!("{outcome:?}"));
        let request = parse_request(running.request.clone(), LIMITS.url, LIMITS.message);
        let message = request.ok().and_then(|call| Unverified::parse(call.message, &LIMITS).ok());
        let verified = message.map(|message| message.verify_as_sent(&INSECURE));
        assert!(running.decrypted <= 1, "the private key was used twice");
        if running.decrypted == 1 {
            assert!(matches!(verified, Some(Ok(_))), "decrypted before the signature was verified");
        }
        let reply = &outcome.reply;
        match outcome.summary.status {
            Status::Failure(_) => {
                let held = running.was_held && running.recorded == [State::Rejected];
                // a challenge that was reserved for nothing is free again, or will be
                let passing = |state: &State| matches!(state, State::Issuing { .. });
                let mut lasting = running.recorded.iter().skip_while(|state| passing(state));
                let released = running.recorded.first().is_some_and(passing)
                    && lasting.all(|state| *state == State::Rejected);
                let unchanged = held || released || running.recorded.is_empty();
                assert!(unchanged, "a refusal changed the store: {outcome:?}");
                assert!(outcome.cause.is_some());
            }
            Status::HttpError => {
                assert!(matches!(reply.status, 400 | 404 | 405 | 413 | 414 | 503), "{}", reply.status);
                assert!(reply.body.is_empty() && outcome.cause.is_some());
                // recorded and not sent: the client polls for it
                let recorded = !running.recorded.is_empty();
                assert!(!recorded || running.failed || reply.status == 503, "an error changed the store");
                assert_eq!(reply.retry_after.is_some(), reply.status == 503);
                return;
            }
            Status::Answered => {
                assert!(running.recorded.is_empty() && running.decrypted == 0);
                return;
            }
            _ => {}
        }
        assert_eq!((reply.status, reply.content_type.as_deref()), (200, Some(PKI_MESSAGE)));
        let answered = Unverified::parse(reply.body.clone(), &LIMITS)
            .and_then(|reply| reply.verify_by(&INSECURE, [&*CA, &*OTHER]))
            .expect("a reply that nobody signed");
        let sent = parse_request(running.request.clone(), LIMITS.url, LIMITS.message).unwrap();
        let sent = Unverified::parse(sent.message, &LIMITS).unwrap();
        let correlation = Correlation {
            transaction_id: sent.transaction_id_hint().unwrap().unwrap(),
            nonce: sent.sender_nonce_hint().unwrap().unwrap(),
        };
        correlation.check(&answered).expect("a reply to something else");
        if outcome.summary.status != Status::Success {
            assert!(answered.content().is_empty());
            return;
        }
        let requester = verified.unwrap().unwrap().signer().clone();
        if outcome.events.contains(&Event::OtherSigner) {
            assert!(running.decrypted == 1 || running.decided > 0);
        }
        if !Certificate::parse(&requester).unwrap().public_key().can_encrypt() {
            return;
        }
        let content = open(&answered, &[&requester], &mut self.rng).expect("a reply for somebody else");
        let list = CertsOnly::parse(&content, &LIMITS).unwrap();
        if let Some(first) = list.certificates().iter().next() {
            assert!(self.issued.iter().any(|der| der.as_ref() == first), "issued without a record");
        } else {
            assert_eq!(list.crls().count(), 1);
        }
    }
}

/// One request, as it is or repaired, answered twice; the owner decides as the first byte says.
pub fn server_request(data: &[u8]) {
    let mut data = Data(data);
    let (kind, choice) = (data.byte(), data.byte());
    let bytes = data.0;
    let url = ScepUrl::parse(URL).unwrap();
    let request = match kind % 4 {
        0 => text::request(bytes),
        1 => post(&url, bytes.to_vec()),
        _ => post(&url, repair(bytes, None)),
    };
    let responder = if kind & 0x10 != 0 { &*NOTHING } else { &*EVERYTHING };
    let mut office = Office::new();
    office.issued.push(issued(name(SUBJECT).as_der(), &key(1), 50));
    let choices = [choice, choice, choice, choice];
    let running = office.accept(responder, request.clone());
    let first = office.finish(running, &mut Data(&choices));
    let rows = office.rows.clone();
    let issued = office.issued.len();
    let running = office.accept(responder, request);
    let second = office.finish(running, &mut Data(&[choice / 8; 4]));
    // T25: asked again, nothing more is issued
    if first.summary.status == Status::Success {
        assert_eq!(office.issued.len(), issued, "issued again");
        assert_eq!(office.rows, rows);
        assert!(!matches!(second.summary.status, Status::Pending | Status::Answered));
    }
}

/// Many requests at a time, of devices that know each other's transactionIDs, in any order of steps.
pub fn server_sequence(data: &[u8]) {
    let mut data = Data(data);
    let responder = if data.byte() & 0x0F == 0x0F { &*NOTHING } else { &*EVERYTHING };
    let mut office = Office::new();
    let mut running: Vec<Running> = Vec::new();
    let mut sent: Vec<HttpRequest> = Vec::new();
    for _ in 0..96 {
        if data.is_empty() {
            break;
        }
        match data.byte() % 8 {
            0..=2 if running.len() < 4 => {
                let request = letter(&mut office, &mut data);
                sent.push(request.clone());
                running.push(office.accept(responder, request));
            }
            3 if running.len() < 4 && !sent.is_empty() => {
                let request = sent[data.below(sent.len())].clone();
                running.push(office.accept(responder, request));
            }
            4 => office.now += [60, 24 * 3600, 8 * 24 * 3600, YEAR][data.below(4)],
            _ if !running.is_empty() => {
                let which = data.below(running.len());
                if office.step(&mut running[which], &mut data).is_some() {
                    running.swap_remove(which);
                }
            }
            _ => {}
        }
    }
    for running in running {
        office.finish(running, &mut Data(&[]));
    }
    for (key, row) in &office.rows {
        assert_eq!(office.store.load(key).unwrap().as_ref(), Some(row), "the store changed by itself");
        assert_eq!(Transaction::from_bytes(&row.to_bytes()).as_ref(), Ok(row));
    }
}

/// A request of one of a few devices.
fn letter(office: &mut Office, data: &mut Data<'_>) -> HttpRequest {
    let (who, what, how) = (data.byte(), data.byte(), data.byte());
    let subject = name(if who & 0x40 == 0 { SUBJECT } else { "CN=dev2" });
    let curve = who & 3 == 3;
    let own_key = match curve {
        true => Certificate::parse(&CURVE).unwrap().public_key().as_der().to_vec(),
        false => key(who & 3),
    };
    let wanted = if who & 0x20 == 0 { own_key.clone() } else { key(3 + (who & 3)) };
    let signer = match (curve, who >> 2 & 7) {
        (true, _) => CURVE.clone(),
        (_, 0 | 1) => own(subject.as_der(), &own_key, VALID),
        (_, 2) => own(subject.as_der(), &own_key, EXPIRED),
        (_, 3) => {
            let ca = Certificate::parse(&CA).unwrap();
            let issuer = ca.subject().as_der().to_vec();
            let template = Template {
                issuer: &issuer,
                subject: subject.as_der(),
                serial: 60,
                until: EXPIRED,
                key: &own_key,
                ca: false,
            };
            template.sign(ca.public_key().as_der())
        }
        (_, 4) => {
            // says that the CA issued it
            let ca = Certificate::parse(&CA).unwrap();
            let issuer = ca.subject().as_der().to_vec();
            Template {
                issuer: &issuer,
                subject: subject.as_der(),
                serial: 61,
                until: VALID,
                key: &own_key,
                ca: false,
            }
            .sign(&own_key)
        }
        (_, 5) => office.issued.last().cloned().unwrap_or_else(|| issued(subject.as_der(), &own_key, 62)),
        _ => issued(subject.as_der(), &own_key, 62),
    };
    let message_type = [
        MessageType::PkcsReq,
        MessageType::PkcsReq,
        MessageType::RenewalReq,
        MessageType::CertPoll,
        MessageType::CertPoll,
        MessageType::GetCert,
        MessageType::GetCrl,
        MessageType::CertRep,
    ][usize::from(what & 7)];
    let challenge = match what >> 3 & 3 {
        0 | 1 => Some(CHALLENGE),
        2 => Some("wrong"),
        _ => None,
    };
    let ca = Certificate::parse(&CA).unwrap();
    let content = match message_type {
        MessageType::CertPoll => IssuerAndSubject { issuer: ca.subject(), subject: subject.name() }.encode(),
        MessageType::GetCert | MessageType::GetCrl => {
            let found = office.issued.first().map(|der| Certificate::parse(der).unwrap());
            match found {
                Some(found) if how & 1 == 0 => found.issuer_and_serial().encode(),
                _ => IssuerAndSerialNumber { issuer: ca.subject(), serial: &[5] }.encode(),
            }
        }
        _ => csr(&subject, &wanted, challenge),
    };
    let id = ["one", "two"][usize::from(what >> 5 & 1)];
    let nonce = [who, what, how, 7];
    let mut said = fields(message_type, id, &nonce);
    said.transaction_id = TransactionId::new(id).unwrap();
    let to = match how >> 1 & 3 {
        0 | 1 => &*CA,
        2 => &*OTHER,
        _ => &*NEXT_CA,
    };
    let mut letter = Letter::new(said, &content, to, &signer);
    letter.digest = [Digest::Sha256, Digest::Sha256, Digest::Sha512, Digest::Sha1][usize::from(how >> 3 & 3)];
    letter.cipher =
        [ContentEncryption::Aes128Cbc, ContentEncryption::TripleDesCbc][usize::from(how >> 5 & 1)];
    if what & 0x40 != 0 {
        letter.password = Some(ChallengePassword::new(CHALLENGE).unwrap());
    }
    let rng: &mut Rng<'_> = &mut office.rng;
    let url = ScepUrl::parse(URL).unwrap();
    let Ok(mut message) = letter.seal(rng) else { return post(&url, content) };
    if how & 0xC0 == 0xC0 {
        let place = usize::from(data.byte()) << 8 | usize::from(data.byte());
        let length = message.len();
        message[place % length] ^= data.byte();
        if how & 1 == 1 {
            message = repair(&message, None);
        }
    }
    post(&url, message)
}

/// Rows of the store, in every state.
pub(super) fn rows() -> Vec<Vec<u8>> {
    let mut rows = Vec::new();
    for choice in [0, 3] {
        for who in [0, 0x18] {
            let mut office = Office::new();
            let request = letter(&mut office, &mut Data(&[who, 0, 0]));
            let running = office.accept(&EVERYTHING, request.clone());
            office.finish(running, &mut Data(&[0, 0, choice]));
            rows.extend(office.rows.values().map(Transaction::to_bytes));
            let running = office.accept(&EVERYTHING, request);
            office.finish(running, &mut Data(&[0, 0, 4]));
            rows.extend(office.rows.values().map(Transaction::to_bytes));
        }
    }
    assert!(rows.len() > 2);
    // a one-time challenge: made, reserved, spent
    let mut office = Office::new();
    let everything = ChallengeTerms::for_subject(name(SUBJECT).as_der()).unwrap();
    let everything = everything.alt_names(&[GeneralName::Dns("a.example")]).unwrap().rsa_key(2048);
    let everything =
        everything.key_usage(KeyUsage::DIGITAL_SIGNATURE).extended_key_usage(&[Oid::CLIENT_AUTH]);
    let text = ChallengePassword::new("another").unwrap();
    let made = office.challenges.adopt(&text, everything, at(NOW), Duration::from_secs(60)).unwrap();
    rows.push(made.to_bytes());
    let request = letter(&mut office, &mut Data(&[0, 0, 0]));
    let mut running = office.accept(&EVERYTHING, request);
    let steps = [0, 0, 0x10, 0, 0, 0, 0];
    let mut steps = Data(&steps);
    let id = office.challenges.adopt(
        &ChallengePassword::new(CHALLENGE).unwrap(),
        ChallengeTerms::any_subject(),
        at(NOW),
        Duration::from_secs(60),
    );
    let id = *id.unwrap().id();
    while office.step(&mut running, &mut steps).is_none() {
        let row = office.store.load_challenge(&id).unwrap().unwrap().to_bytes();
        if !rows.contains(&row) {
            rows.push(row);
            rows.extend(office.rows.values().map(Transaction::to_bytes));
        }
    }
    assert_eq!(office.spent, 1);
    rows
}
