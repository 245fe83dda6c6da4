//! The CA: a responder, its keys, its owner, and a store that any process may open.

use super::cheap::{self, CHEAP};
use super::plan::{Flaw, Part, Parts, Ran, StorePanic, Story, powered};
use crate::support::*;
use rand_core::{TryCryptoRng, TryRng};
use scep::crypto::{
    ChallengePassword, DecryptJob, Decryptor, KeyError, Rng, RngFailed, SignJob, Signature, Signer, Unwrapped,
};
use scep::pki_types::CertificateDer;
use scep::server::{
    Authorized, CertificateAccess, ChallengeId, ChallengeKey, ChallengeTerms, Decide, Enrol, Exchange,
    Identity, IssuedChain, NextCa, OneTimeChallenge, OneTimeChallenges, Outcome, Recorded, Refusal, Renew,
    Responder, ServerConfig, State, Status, Store, Transaction, TransactionKey, Transition, drive,
};
use scep::transport::HttpRequest;
use scep::wire::KeyUsage;
use std::cell::RefCell;
use std::collections::HashMap;
use std::panic::resume_unwind;
use std::rc::Rc;
use std::time::Duration;

pub(super) const CA: u8 = 1;
const NEXT_CA: u8 = 2;
/// How long requests are held, seconds: until after the first poll.
const HELD_FOR: u64 = 20;

/// A generator that fails at one draw.
pub(super) struct Dice<'a> {
    pub(super) inner: &'a mut SplitMix,
    pub(super) parts: &'a Parts,
}

impl Dice<'_> {
    fn draw(&self) -> Result<(), RngFailed> {
        self.parts.using(Part::Generator).map_or(Ok(()), |_| Err(RngFailed))
    }
}

impl TryRng for Dice<'_> {
    type Error = RngFailed;

    fn try_next_u32(&mut self) -> Result<u32, RngFailed> {
        self.draw()?;
        self.inner.try_next_u32().map_err(|never| match never {})
    }

    fn try_next_u64(&mut self) -> Result<u64, RngFailed> {
        self.draw()?;
        self.inner.try_next_u64().map_err(|never| match never {})
    }

    fn try_fill_bytes(&mut self, dst: &mut [u8]) -> Result<(), RngFailed> {
        self.draw()?;
        self.inner.try_fill_bytes(dst).map_err(|never| match never {})
    }
}

impl TryCryptoRng for Dice<'_> {}

/// A key at either end, which fails at one use.
pub(super) struct Hand<'a>(pub(super) &'a Parts);

impl Signer for Hand<'_> {
    fn sign(&mut self, job: &SignJob, rng: &mut Rng<'_>) -> Result<Signature, KeyError> {
        self.0.moment();
        // a blinded key draws
        rng.try_fill_bytes(&mut [0; 8])?;
        let right = cheap::sign(job);
        let flawed = match self.0.using(Part::Signer(Flaw::Garbage)) {
            None => Ok(right),
            Some(Part::Signer(Flaw::Error(error))) => Err(error),
            Some(Part::Signer(Flaw::Bit(bit))) => {
                let mut bytes = right.as_bytes().to_vec();
                bytes[bit / 8 % right.as_bytes().len()] ^= 1 << (bit % 8);
                Ok(Signature::new(bytes))
            }
            _ => Ok(Signature::new(vec![0x5A; right.as_bytes().len()])),
        };
        self.0.moment();
        flawed
    }
}

impl Decryptor for Hand<'_> {
    fn decrypt(&mut self, job: &DecryptJob, rng: &mut Rng<'_>) -> Result<Unwrapped, KeyError> {
        self.0.moment();
        rng.try_fill_bytes(&mut [0; 8])?;
        let flawed = match self.0.using(Part::Decryptor(Flaw::Garbage)) {
            None => Ok(cheap::unwrap(job)),
            Some(Part::Decryptor(Flaw::Error(error))) => Err(error),
            Some(Part::Decryptor(Flaw::Rejected)) => Ok(Unwrapped::rejected()),
            _ => Ok(Unwrapped::bytes(&vec![0x5A; job.key_length()])),
        };
        self.0.moment();
        flawed
    }
}

/// What the store holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Rows {
    pub(super) transactions: HashMap<TransactionKey, Vec<u8>>,
    /// One-time challenges, by their hashes.
    pub(super) challenges: HashMap<[u8; 32], Vec<u8>>,
    /// All that was ever recorded as issued.
    pub(super) issued: Vec<(TransactionKey, CertificateDer<'static>)>,
}

pub(super) struct Office {
    pub(super) story: Story,
    pub(super) ca: CertificateDer<'static>,
    next: CertificateDer<'static>,
    pub(super) list: Vec<u8>,
    responder: Responder,
    /// Of all servers that work on it.
    pub(super) rows: Rc<RefCell<Rows>>,
    dice: RefCell<SplitMix>,
    pub(super) parts: Parts,
    challenges: OneTimeChallenges,
    /// What was given to devices: each works once.
    pub(super) texts: Vec<String>,
}

fn responder(story: Story, ca: &CertificateDer<'static>, next: &CertificateDer<'static>) -> Responder {
    let mut config = ServerConfig::new(&CHEAP, Identity::new(ca.clone()), vec![ca.clone()])
        .renewal(true)
        .get_cert(CertificateAccess::Own)
        .get_crl(true);
    if story == Story::NextCa {
        let draft = NextCa::draft(&CHEAP, ca.clone(), vec![next.clone()], Some(at(NOW))).unwrap();
        let signature = cheap::sign(draft.job());
        config = config.next_ca(draft.complete(Ok(signature)).unwrap());
    }
    Responder::new(config).unwrap()
}

impl Office {
    pub(super) fn new(story: Story) -> Self {
        let usage = KeyUsage::KEY_CERT_SIGN
            | KeyUsage::CRL_SIGN
            | KeyUsage::DIGITAL_SIGNATURE
            | KeyUsage::KEY_ENCIPHERMENT;
        let template = Template { usage: Some(usage), ..Template::ca(CA_NAME) };
        let ca = cheap::certify(&template, &cheap::key(CA), &cheap::key(CA));
        let template = Template { from: NOW + YEAR, ..Template::ca("C=DE, CN=Next CA") };
        let next = cheap::certify(&template, &cheap::key(NEXT_CA), &cheap::key(NEXT_CA));
        Self {
            story,
            responder: responder(story, &ca, &next),
            list: cheap::revocation_list(&name(CA_NAME), &cheap::key(CA)),
            ca,
            next,
            rows: Rc::default(),
            dice: RefCell::new(SplitMix(1)),
            parts: Parts::default(),
            challenges: OneTimeChallenges::new(&CHEAP, "", ChallengeKey::from_bytes([7; 32])),
            texts: Vec::new(),
        }
    }

    /// Makes the challenge with this number: one that is stored, or one that carries what it allows.
    pub(super) fn make_challenge(&mut self, number: usize) {
        let terms = ChallengeTerms::for_subject(&name(DEVICE_NAME)).unwrap();
        let (rng, day) = (&mut seeded(number as u64 + 40), Duration::from_secs(24 * 3600));
        let text = match number % 2 {
            0 => {
                let (text, made) = self.challenges.mint(terms, at(NOW), day, rng).unwrap();
                self.rows.borrow_mut().challenges.insert(*made.id().as_bytes(), made.to_bytes());
                text
            }
            _ => self.challenges.seal(&terms, at(NOW), day, rng).unwrap(),
        };
        self.texts.push(text.expose().to_owned());
    }

    fn challenge(&self, id: &ChallengeId) -> Option<OneTimeChallenge> {
        let rows = self.rows.borrow();
        rows.challenges.get(id.as_bytes()).map(|bytes| OneTimeChallenge::from_bytes(bytes).unwrap())
    }

    /// Whether the challenge with this number has been used up.
    pub(super) fn is_spent(&self, number: usize) -> bool {
        let text = ChallengePassword::new(self.texts[number].as_str()).unwrap();
        let made = self.challenges.adopt(&text, ChallengeTerms::any_subject(), at(NOW), Duration::ZERO);
        self.challenge(made.unwrap().id()).is_some_and(|challenge| challenge.is_spent())
    }

    pub(super) fn next_ca(&self) -> &CertificateDer<'static> {
        &self.next
    }

    /// A certificate of this CA's.
    pub(super) fn certify(&self, subject: &[u8], key: &[u8], serial: u8) -> CertificateDer<'static> {
        let mut template = Template::leaf(DEVICE_NAME);
        template.subject = subject.to_vec();
        template.serial = vec![serial];
        cheap::certify(&template, key, &cheap::key(CA))
    }

    /// The answer to a request; none when the process ended on the way, which begins anew then.
    pub(super) fn serve(&mut self, request: &HttpRequest, now: u64) -> Option<Outcome> {
        let (before, fired) = (self.rows.borrow().clone(), self.parts.fired.get());
        let served = powered(|| self.answer(request, now));
        if matches!(served, Ran::Cut) {
            // of the process before nothing is left but the rows
            self.responder = responder(self.story, &self.ca, &self.next);
        }
        let served = match served {
            Ran::Through(outcome) => Some(outcome),
            Ran::Panicked | Ran::Cut => None,
        };
        let troubled = self.parts.fired.get() > fired;
        judge(&before, &self.rows.borrow(), served.as_ref(), troubled);
        served
    }

    fn answer(&self, request: &HttpRequest, now: u64) -> Outcome {
        let rng = &mut Dice { inner: &mut self.dice.borrow_mut(), parts: &self.parts };
        self.parts.moment();
        let exchange = self.responder.accept(request.clone(), at(now), rng);
        let (mut signer, mut decryptor) = (Hand(&self.parts), Hand(&self.parts));
        let outcome = drive(exchange, &mut signer, &mut decryptor, &Shelf(self), rng, |question, rng| {
            self.parts.moment();
            self.decide(question, now, rng)
        });
        self.parts.moment();
        outcome
    }

    /// Another server of the same CA's on the same store, whose owner thinks so.
    pub(super) fn another(&self, story: Story) -> Self {
        Self { rows: Rc::clone(&self.rows), dice: RefCell::new(SplitMix(9)), ..Self::new(story) }
    }

    /// Takes a request, up to where the store comes into it.
    pub(super) fn accept(&self, request: &HttpRequest, now: u64) -> Exchange {
        let rng = &mut Dice { inner: &mut self.dice.borrow_mut(), parts: &self.parts };
        let exchange = self.responder.accept(request.clone(), at(now), rng);
        self.up_to_the_store(exchange, now, rng)
    }

    /// Goes on, over one use of the store and up to the next one.
    pub(super) fn advance(&self, exchange: Exchange, now: u64) -> Exchange {
        let rng = &mut Dice { inner: &mut self.dice.borrow_mut(), parts: &self.parts };
        let exchange = match exchange {
            Exchange::Lookup(step) => {
                let stored = self.transaction(step.key());
                step.complete(stored, rng)
            }
            Exchange::Decide(question) => self.decide(question, now, rng),
            Exchange::Record(step) => match self.record(step.transition()) {
                Recorded::Stored => step.stored(rng),
                Recorded::Conflict(stored) => step.conflict(stored, rng),
            },
            other => panic!("{other:?}"),
        };
        self.up_to_the_store(exchange, now, rng)
    }

    fn up_to_the_store(&self, mut exchange: Exchange, now: u64, rng: &mut Rng<'_>) -> Exchange {
        loop {
            exchange = match exchange {
                Exchange::Decrypt(step) => {
                    let unwrapped = Hand(&self.parts).decrypt(step.job(), rng);
                    step.complete(unwrapped, rng)
                }
                Exchange::Decide(question @ Decide::Issue(_)) => self.decide(question, now, rng),
                Exchange::Sign(step) => {
                    let signature = Hand(&self.parts).sign(step.job(), rng);
                    step.complete(signature)
                }
                other => return other,
            };
        }
    }

    pub(super) fn decide(&self, question: Decide, now: u64, rng: &mut Rng<'_>) -> Exchange {
        let out = self.parts.using(Part::Owner).is_some();
        match question {
            Decide::Enrol(question) if out => question.unavailable(),
            Decide::Renew(question) if out => question.unavailable(),
            Decide::Certificate(question) if out => question.unavailable(),
            Decide::Crl(question) if out => question.unavailable(),
            Decide::Issue(authorized) if out => authorized.unavailable(),
            Decide::Enrol(question) if question.is_held() => match self.story {
                _ if is_early(question.record(), now) => question.hold(rng),
                Story::Denied => question.refuse(Refusal::Policy, rng),
                _ => self.issue(question.approve()),
            },
            Decide::Enrol(question) => self.redeem(question, rng),
            Decide::Issue(authorized) => match self.story {
                Story::Refused => authorized.refuse(Refusal::Policy, rng),
                Story::Granted | Story::Denied => authorized.hold(rng),
                _ => self.issue(authorized),
            },
            Decide::Renew(question) => self.renew(question, now, rng),
            Decide::Certificate(question) => {
                let own = question.signer().clone();
                let wanted = scep::wire::Certificate::parse(&own).unwrap().issuer_and_serial();
                match question.wanted() == wanted {
                    true => question.found(own.clone(), rng),
                    false => question.absent(rng),
                }
            }
            Decide::Crl(question) => question.found(self.list.clone(), rng),
            Decide::Challenge(question) => panic!("{question:?}"),
        }
    }

    fn redeem(&self, question: Enrol, rng: &mut Rng<'_>) -> Exchange {
        let wanted = self.challenges.wanted(&question).unwrap();
        if wanted.is_some() && self.parts.using(Part::Load).is_some() {
            return question.unavailable();
        }
        let stored = wanted.and_then(|id| self.challenge(&id));
        match self.challenges.redeem(question, stored) {
            Ok(exchange) => exchange,
            Err(question) => question.refuse(Refusal::Challenge, rng),
        }
    }

    fn renew(&self, question: Renew, now: u64, rng: &mut Rng<'_>) -> Exchange {
        match self.story {
            Story::HeldRenewal if is_early(question.record(), now) => question.hold(rng),
            _ => self.issue(question.approve_unrevoked().unwrap()),
        }
    }

    fn issue(&self, authorized: Authorized) -> Exchange {
        let requested = authorized.requested();
        let subject = requested.subject().unwrap().as_der().to_vec();
        let serial = 0x40 + self.rows.borrow().issued.len() as u8;
        let leaf = self.certify(&subject, requested.public_key(), serial);
        IssuedChain::new(leaf, Vec::new(), authorized).unwrap().grant()
    }

    pub(super) fn transaction(&self, key: &TransactionKey) -> Option<Transaction> {
        let rows = self.rows.borrow();
        // as from a disk
        rows.transactions.get(key).map(|bytes| Transaction::from_bytes(bytes).unwrap())
    }

    /// Compare and set, of the transaction and of a challenge.
    pub(super) fn record(&self, transition: &Transition) -> Recorded {
        let stored = self.transaction(transition.key());
        let change = transition.challenge();
        let challenge = change.and_then(|change| self.challenge(change.id()));
        if stored.as_ref().map(Transaction::revision) != transition.from()
            || change.is_some_and(|change| challenge.as_ref().map(|own| own.revision()) != change.from())
        {
            return Recorded::Conflict(stored);
        }
        let rows = &mut *self.rows.borrow_mut();
        rows.transactions.insert(transition.key().clone(), transition.to().to_bytes());
        if let Some(change) = change {
            assert!(!challenge.is_some_and(|own| own.is_spent()), "what is spent stays so");
            rows.challenges.insert(*change.id().as_bytes(), change.to().to_bytes());
        }
        if let State::Issued(chain) = transition.to().state() {
            rows.issued.push((transition.key().clone(), chain[0].clone()));
        }
        Recorded::Stored
    }
}

fn is_early(record: &Transaction, now: u64) -> bool {
    now < record.created().as_secs() + HELD_FOR
}

/// The office's store, which fails at one use.
pub(super) struct Shelf<'a>(pub(super) &'a Office);

impl Store for Shelf<'_> {
    type Error = &'static str;

    fn load(&self, key: &TransactionKey) -> Result<Option<Transaction>, Self::Error> {
        self.0.parts.moment();
        if self.0.parts.using(Part::Load).is_some() {
            return Err("down");
        }
        Ok(self.0.transaction(key))
    }

    fn record(&self, transition: &Transition) -> Result<Recorded, Self::Error> {
        self.0.parts.moment();
        let fault = self.0.parts.using(Part::Record { written: false });
        if fault == Some(Part::Record { written: false }) {
            return Err("down");
        }
        let panics = self.0.parts.using(Part::Panic { written: false });
        if panics == Some(Part::Panic { written: false }) {
            resume_unwind(Box::new(StorePanic));
        }
        let recorded = self.0.record(transition);
        if panics.is_some() {
            resume_unwind(Box::new(StorePanic));
        }
        self.0.parts.moment();
        if fault.is_some() { Err("nobody knows whether it was written") } else { Ok(recorded) }
    }
}

/// What one message may change, by what was answered. Where something failed under way the outcome may be stored although
/// it was not sent.
fn judge(before: &Rows, after: &Rows, served: Option<&Outcome>, troubled: bool) {
    let changed: Vec<_> =
        after.transactions.iter().filter(|(key, row)| before.transactions.get(*key) != Some(row)).collect();
    let issued = after.issued.len() - before.issued.len();
    assert!(changed.len() <= 1 && issued <= 1, "one message, {} changes, {issued} issued", changed.len());
    assert!(before.transactions.keys().all(|key| after.transactions.contains_key(key)));
    if troubled || served.is_none() {
        return;
    }
    let status = served.unwrap().summary.status;
    let state = changed.first().map(|(_, row)| Transaction::from_bytes(row).unwrap().state().clone());
    let fits = match (status, &state) {
        (_, None) => before == after,
        (Status::Success, Some(State::Issued(_))) => issued == 1,
        (Status::Pending, Some(State::Pending)) | (Status::Failure(_), Some(State::Rejected)) => issued == 0,
        _ => false,
    };
    assert!(fits, "{status:?} was answered, and the store has changed: {state:?}");
}
