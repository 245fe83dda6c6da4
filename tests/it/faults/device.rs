//! A device that goes on as the documentation of the library says, whatever happens to it.

use super::cheap::{self, CHEAP};
use super::office::{Dice, Hand, Office};
use super::plan::{Parts, Plan, Ran, Story, World, powered};
use super::wire::{Lost, Wire};
use crate::support::*;
use scep::client::{
    Client, ClientConfig, Done, Failed, NewEnrolment, Query, Renewal, Step, Transmit, TrustedCa,
};
use scep::crypto::{ChallengePassword, Decryptor as _, Rng, Signer as _};
use scep::error::{Error, FailInfo};
use scep::pki_types::CertificateDer;
use scep::wire::{Certificate, DistinguishedName};

/// The key of the certificate that a device has before a renewal.
const CURRENT: u8 = 4;
/// The keys that are to be certified have this number and the ones after it.
const FIRST: u8 = 5;
/// More steps, or more messages, mean that it never ends.
const MOST_STEPS: usize = 500;
const MOST_MESSAGES: usize = 60;

/// So many faults are borne.
const MOST_FAULTS: usize = 2;

/// How it ended.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum End {
    Issued(CertificateDer<'static>),
    Refused(FailInfo),
    Certificate(CertificateDer<'static>),
    Crl(Vec<u8>),
    NextCa(Vec<CertificateDer<'static>>),
}

pub(super) struct Device {
    story: Story,
    client: Client,
    fingerprint: [u8; 32],
    dice: SplitMix,
    pub(super) parts: Parts,
    /// Which exchange of its life it is.
    number: u8,
    /// The key of the first one.
    key: u8,
    /// What this exchange was given.
    challenge: String,
    /// The certificate that is to be renewed, or asked about.
    pub(super) current: CertificateDer<'static>,
    /// What outlives the power: a request whose outcome is to be asked for.
    pub(super) flash: Option<Vec<u8>>,
    /// All that was ever in there.
    pub(super) flashed: Vec<Vec<u8>>,
    steps: usize,
    /// How often it had to begin with a new request.
    pub(super) begun: usize,
    /// How often its power went.
    pub(super) lives: usize,
}

impl Device {
    pub(super) fn new(story: Story, office: &Office) -> Self {
        Self {
            story,
            client: Client::new(ClientConfig::new(&CHEAP)),
            fingerprint: sha256(&office.ca),
            dice: SplitMix(2),
            parts: Parts::default(),
            number: 0,
            key: FIRST,
            challenge: office.texts[0].clone(),
            current: office.certify(&name(DEVICE_NAME), &cheap::key(CURRENT), 0x31),
            flash: None,
            flashed: Vec::new(),
            steps: 0,
            begun: 0,
            lives: 0,
        }
    }

    pub(super) fn begin_anew(&mut self, office: &Office) {
        self.number += 1;
        self.challenge = office.texts[usize::from(self.number)].clone();
        (self.flash, self.steps, self.begun, self.lives) = (None, 0, 0, 0);
    }

    /// Makes it another device, with the challenge of this one.
    pub(super) fn take_from(&mut self, victim: &Self) {
        (self.key, self.dice) = (self.key + 5, SplitMix(3));
        (self.challenge, self.number) = (victim.challenge.clone(), victim.number);
    }

    /// The key that is to be certified.
    fn key(&self) -> Vec<u8> {
        cheap::key(self.key + self.number)
    }

    fn begin(&mut self) -> Result<Step, Error> {
        self.begun += 1;
        let challenge = self.challenge.clone();
        let (key, current) = (self.key(), self.current.clone());
        let Self { client, dice, parts, story, .. } = self;
        let rng = &mut Dice { inner: dice, parts };
        match story {
            Story::Renewal | Story::HeldRenewal => {
                client.renew(URL, Renewal::builder(current, &key).build()?, rng)
            }
            Story::GetCert | Story::GetCrl | Story::NextCa => client.fetch_ca(URL),
            _ => {
                let subject: DistinguishedName = DEVICE_NAME.parse()?;
                let request = NewEnrolment::builder(subject, &key);
                client.enrol(URL, request.challenge(ChallengePassword::new(challenge)?).build()?, rng)
            }
        }
    }

    /// What is to be asked for, once the CA is known.
    fn ask(&mut self, ca: TrustedCa) -> Result<Step, Error> {
        let query = Query::own(self.current.clone())?;
        let Self { client, dice, parts, story, .. } = self;
        let rng = &mut Dice { inner: dice, parts };
        match story {
            Story::GetCert => client.fetch_certificate(URL, ca, query, rng),
            Story::GetCrl => client.fetch_crl(URL, ca, query, rng),
            _ => client.fetch_next_ca(URL, ca),
        }
    }

    /// Until the end, or until the power goes.
    fn live(&mut self, wire: &mut Wire) -> End {
        // one after the other, and whether one of them said that the CA knows of no such request
        let (mut refusals, mut unknown) = (0, false);
        let mut step = None;
        loop {
            self.steps += 1;
            assert!(self.steps < MOST_STEPS && wire.sent.len() < MOST_MESSAGES, "there is no end to it");
            self.parts.moment();
            let Some(now) = step.take() else {
                step = self.go_on_or_begin();
                continue;
            };
            step = match now {
                Step::Done(Done::Refused { fail_info, .. }) => {
                    refusals += 1;
                    unknown |= fail_info == FailInfo::BadCertId;
                    // it may not have been about our message: what was saved is worth a poll, and another one
                    if self.flash.is_none() || refusals > MOST_FAULTS {
                        // where nothing was issued there is nothing to lose
                        if !(unknown || self.flash.is_none()) || self.begun > MOST_FAULTS {
                            return End::Refused(fail_info);
                        }
                        (self.flash, refusals, unknown) = (None, 0, false);
                    }
                    None
                }
                Step::Done(Done::Ca(ca)) => self.ask(ca).ok(),
                Step::Done(done) => {
                    let end = end(done);
                    // and here the certificate is stored
                    self.parts.moment();
                    return end;
                }
                other => self.take(other, wire),
            };
        }
    }

    fn go_on_or_begin(&mut self) -> Option<Step> {
        match self.flash.clone() {
            None => self.begin().ok(),
            Some(saved) => {
                let wait = self.client.resume(&saved).expect("what was saved can be resumed");
                assert_eq!(wait.requested_key(), self.key());
                wait.poll(&mut Dice { inner: &mut self.dice, parts: &self.parts }).ok()
            }
        }
    }

    fn save(&mut self, saved: Vec<u8>) {
        self.flashed.push(saved.clone());
        self.flash = Some(saved);
    }

    /// Takes one step. Nothing comes back when there is nothing to go on with but what was saved.
    fn take(&mut self, step: Step, wire: &mut Wire) -> Option<Step> {
        if let Step::Transmit(transmit) = &step
            && let Some(saved) = transmit.save().unwrap()
        {
            // before anybody else knows of the request
            self.save(saved);
            self.parts.moment();
        }
        if let Step::Wait(wait) = &step {
            self.save(wait.save().unwrap());
            wire.now += wait.after().as_secs();
        }
        let Self { dice, parts, fingerprint, .. } = self;
        let rng: &mut Rng<'_> = &mut Dice { inner: dice, parts };
        match step {
            Step::Transmit(transmit) => {
                let answer = wire.exchange(transmit.request());
                parts.moment();
                match answer {
                    Err(Lost) => {
                        wire.now += 30;
                        Some(Step::Transmit(transmit))
                    }
                    Ok(response) => {
                        let mut transmit = transmit;
                        while let Some(damaged) = wire.damaged_reply(&response) {
                            match transmit.receive(damaged, Some(at(wire.now)), rng) {
                                Ok(step) => return Some(step),
                                Err(failed) => transmit = failed.retry?,
                            }
                        }
                        match transmit.receive(response, Some(at(wire.now)), rng) {
                            Ok(step) => Some(step),
                            Err(failed) => again(*failed, wire),
                        }
                    }
                }
            }
            // another answer may be better
            Step::Trust(trust) => trust.matching_sha256(fingerprint).ok(),
            Step::Sign(sign) => {
                let signature = Hand(parts).sign(sign.job(), rng);
                match sign.complete(signature, rng) {
                    Ok(step) => Some(step),
                    Err(failed) => failed.retry.map(Step::Sign),
                }
            }
            Step::Decrypt(decrypt) => {
                let unwrapped = Hand(parts).decrypt(decrypt.job(), rng);
                match decrypt.complete(unwrapped) {
                    Ok(step) => Some(step),
                    Err(failed) => again(*failed, wire),
                }
            }
            Step::Wait(wait) => match wait.poll(rng) {
                Ok(step) => Some(step),
                Err(failed) => failed.retry.map(Step::Wait),
            },
            Step::Done(done) => panic!("{done:?}"),
        }
    }
}

/// The very same request, if it may be sent again.
fn again(failed: Failed<Transmit>, wire: &mut Wire) -> Option<Step> {
    wire.now += u64::from(failed.retry_after.unwrap_or(30));
    failed.retry.map(Step::Transmit)
}

fn end(done: Done) -> End {
    match done {
        Done::Issued(issued) => End::Issued(issued.certificate),
        Done::Certificate(certificate) => End::Certificate(certificate),
        Done::Crl(list) => End::Crl(list.der),
        Done::NextCa(next) => End::NextCa(next.certificates().to_vec()),
        other => panic!("{other:?}"),
    }
}

impl World {
    /// Until there is an end.
    pub(super) fn go(&mut self) -> End {
        loop {
            let Self { device, wire, .. } = self;
            match powered(|| device.live(wire)) {
                Ran::Through(end) => return end,
                Ran::Panicked => panic!("the store is not here"),
                Ran::Cut => {
                    device.lives += 1;
                    assert!(device.lives < 10, "there is no end to it");
                    wire.now += 60;
                }
            }
        }
    }

    /// What holds in the end, whatever happened.
    pub(super) fn check(&self, end: &End) {
        let Self { story, device, wire } = self;
        let rows = wire.office.rows.borrow();
        let key = device.key();
        let issued: Vec<_> = rows
            .issued
            .iter()
            .map(|(_, certificate)| certificate)
            .filter(|der| Certificate::parse(der).unwrap().public_key().as_der() == key)
            .collect();
        match story {
            Story::AtOnce | Story::Granted | Story::Renewal | Story::HeldRenewal => {
                assert_eq!(issued.len(), 1, "certificates for one request");
                assert_eq!(*end, End::Issued(issued[0].clone()), "the device got what was issued");
            }
            // the last refusal may be that of a damaged message
            Story::Denied | Story::Refused => {
                assert!(matches!(end, End::Refused(_)) && issued.is_empty(), "{end:?}")
            }
            Story::GetCert => assert_eq!(*end, End::Certificate(device.current.clone())),
            Story::GetCrl => assert_eq!(*end, End::Crl(wire.office.list.clone())),
            Story::NextCa => assert_eq!(*end, End::NextCa(vec![wire.office.next_ca().clone()])),
        }
        if !story.is_enrolment() {
            assert!(rows.transactions.is_empty() && device.flash.is_none());
        }
        for bytes in rows.transactions.values().chain(rows.challenges.values()).chain(&device.flashed) {
            assert!(!holds(bytes, device.challenge.as_bytes()), "a secret in what is stored");
        }
        drop(rows);
        if story.has_challenge() {
            // what was held has used it up, whether it was granted or not
            let spent = *story != Story::Refused;
            assert_eq!(wire.office.is_spent(usize::from(device.number)), spent, "whether it was used up");
        }
    }

    /// A challenge that nothing was issued for works for another request.
    pub(super) fn challenge_is_free_again(&self) {
        let mut other = Self::new(&Plan::new(Story::AtOnce, &[]));
        other.wire.office.rows.replace(self.wire.office.rows.borrow().clone());
        other.wire.office.texts.clone_from(&self.wire.office.texts);
        // until whatever died with it has counted as gone for long enough
        other.wire.now = self.wire.now + 60;
        other.device.take_from(&self.device);
        let end = other.go();
        other.check(&end);
    }
}
