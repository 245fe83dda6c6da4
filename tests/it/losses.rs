//! Both ends on simulated time, and a wire that loses, repeats and delays (RFC 8894 section 5.2).
//!
//! The device is this library's client, the CA its responder on a [`MemoryStore`]. Each challenge works once: whatever
//! gets lost, one challenge gives one certificate, and the device gets it.

mod anywhere;
mod cases;

use crate::provider::PROVIDER;
use crate::support::*;
use scep::client::{Client, ClientConfig, Done, DriveCause, DriveError, Driven, Step, Transport, Wait};
use scep::crypto::{Random, Rng};
use scep::message::Unverified;
use scep::pki_types::CertificateDer;
use scep::server::{
    Decide, Enrol, Exchange, Identity, IssuedChain, MemoryStore, Refusal, Responder, ServerConfig,
    TransactionKey,
};
use scep::transport::{HttpRequest, HttpResponse};
use scep::wire::{Limits, MessageType};
use std::collections::{BTreeSet, HashMap, VecDeque};

/// A certificate that was issued, and for what.
struct Issue {
    challenge: String,
    public_key: Vec<u8>,
    subject: Vec<u8>,
    at: u64,
    certificate: CertificateDer<'static>,
    revoked: bool,
}

/// What an owner does with a request whose challenge may be used.
#[derive(Clone, Copy)]
enum Operator {
    Issues,
    /// From this time on; until then requests are held.
    Approves(u64),
    Denies,
}

/// What an owner keeps besides the store.
struct Owner {
    key: TestKey,
    operator: Operator,
    issued: Vec<Issue>,
    /// The challenges of held requests, which polls do not repeat.
    held: HashMap<TransactionKey, String>,
    /// For so many seconds a used challenge of the same key counts as the same request.
    grace: u64,
    /// Whether a name may have one valid certificate only.
    one_for_a_name: bool,
}

impl Owner {
    fn decide(&mut self, question: Enrol, now: u64, rng: &mut Rng<'_>) -> Exchange {
        let challenge = match question.challenge() {
            Some(challenge) => challenge.expose().to_owned(),
            None => self.held.get(question.transaction()).cloned().unwrap_or_default(),
        };
        if !challenge.starts_with(CHALLENGE) {
            return question.refuse(Refusal::Challenge, rng);
        }
        let key = question.requested().public_key().to_vec();
        let subject = question.requested().subject().unwrap().as_der().to_vec();
        if let Some(used) = self.issued.iter().find(|issue| issue.challenge == challenge) {
            if used.public_key != key || now - used.at > self.grace || self.grace == 0 {
                return question.refuse(Refusal::Challenge, rng);
            }
            let again = used.certificate.clone();
            return IssuedChain::new(again, Vec::new(), question.validated()).unwrap().grant();
        }
        let taken = |issue: &Issue| issue.subject == subject && !issue.revoked;
        if self.one_for_a_name && self.issued.iter().any(taken) {
            return question.validated().refuse_because("revoke the old certificate first", rng);
        }
        match self.operator {
            Operator::Denies => question.refuse(Refusal::Policy, rng),
            Operator::Approves(from) if now < from => {
                self.held.insert(question.transaction().clone(), challenge);
                question.hold(rng)
            }
            Operator::Issues | Operator::Approves(_) => {
                let mut template = Template::leaf(DEVICE_NAME);
                template.serial = vec![0x40, self.issued.len() as u8];
                let certificate = template.sign(&key, &self.key);
                let issue =
                    Issue { challenge, public_key: key, subject, at: now, certificate, revoked: false };
                let leaf = issue.certificate.clone();
                self.issued.push(issue);
                IssuedChain::new(leaf, Vec::new(), question.validated()).unwrap().grant()
            }
        }
    }
}

/// What happens to an HTTP request.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fate {
    Arrives,
    /// It never arrives.
    RequestLost,
    /// It arrives, and its reply does not.
    ReplyLost,
    /// It arrives twice, and the second reply comes back.
    Twice,
    /// It takes so many seconds.
    Late(u64),
    /// The server restarts first: the store stays.
    Restart,
    /// Somebody on the way answers 503 and asks to wait so long.
    Busy(u32),
    /// It arrives, and in place of its reply comes the reply of that number.
    OtherReply(usize),
}

/// Nothing came back.
#[derive(Debug, PartialEq)]
struct Lost;

/// The wire, with the server at its end.
struct Wire {
    now: u64,
    owner: Owner,
    store: MemoryStore,
    responder: Responder,
    ca: CertificateDer<'static>,
    rng: Random<SplitMix>,
    fates: VecDeque<Fate>,
    /// All that was sent, with the time.
    sent: Vec<(u64, HttpRequest)>,
    /// All that the server answered, whether it arrived or not.
    replies: Vec<HttpResponse>,
}

impl Wire {
    fn new(operator: Operator) -> Self {
        let key = TestKey::ca();
        let ca = Template::ca(CA_NAME).sign(key.soft.public_key_der(), &key);
        let held = HashMap::new();
        let owner = Owner { key, operator, issued: Vec::new(), held, grace: 0, one_for_a_name: false };
        Self {
            now: NOW,
            owner,
            store: MemoryStore::default(),
            responder: responder(&ca),
            ca,
            rng: seeded(1),
            fates: VecDeque::new(),
            sent: Vec::new(),
            replies: Vec::new(),
        }
    }

    /// A device that trusts this CA.
    fn device(&self, seed: u64) -> Device {
        Device {
            key: TestKey::device(),
            client: Client::new(ClientConfig::new(&PROVIDER)),
            rng: seeded(seed),
            now: Some(at(self.now)),
            fingerprint: sha256(&self.ca),
            decryptions: 0,
        }
    }

    fn restart(&mut self) {
        self.responder = responder(&self.ca);
        self.rng = seeded(self.now);
    }

    fn serve(&mut self, request: &HttpRequest) -> HttpResponse {
        let exchange = self.responder.accept(request.clone(), at(self.now), &mut self.rng);
        let key = TestKey::ca();
        let (mut signer, mut decryptor) = (&key.soft, &key.soft);
        let (owner, now) = (&mut self.owner, self.now);
        let decide = |question, rng: &mut Rng<'_>| {
            let Decide::Enrol(question) = question else { panic!("{question:?}") };
            owner.decide(question, now, rng)
        };
        let rng = &mut self.rng;
        let reply =
            scep::server::drive(exchange, &mut signer, &mut decryptor, &self.store, rng, decide).reply;
        self.replies.push(reply.clone());
        reply
    }

    /// The pkiMessages that were sent: time, messageType, transactionID.
    fn messages(&self) -> Vec<(u64, MessageType, Vec<u8>)> {
        let messages = self.sent.iter().filter(|(_, request)| !request.body.is_empty());
        let read = |(time, request): &(u64, HttpRequest)| {
            let message = Unverified::parse(request.body.clone(), &Limits::DEFAULT).unwrap();
            let id = message.transaction_id_hint().unwrap().unwrap();
            (*time, message.message_type_hint().unwrap(), id.as_bytes().to_vec())
        };
        messages.map(read).collect()
    }

    fn types(&self) -> Vec<MessageType> {
        self.messages().into_iter().map(|(_, message_type, _)| message_type).collect()
    }

    /// How many transactions there were.
    fn ids(&self) -> usize {
        self.messages().into_iter().map(|(_, _, id)| id).collect::<BTreeSet<_>>().len()
    }

    /// The one certificate that was issued, and that the device got.
    #[track_caller]
    fn exactly_one(&self, done: Done) {
        let issued = issued(Driven::Done(done));
        assert_eq!(self.owner.issued.len(), 1);
        assert_eq!(issued.certificate, self.owner.issued[0].certificate);
    }
}

fn responder(ca: &CertificateDer<'static>) -> Responder {
    Responder::new(ServerConfig::new(&PROVIDER, Identity::new(ca.clone()), vec![ca.clone()])).unwrap()
}

impl Transport for Wire {
    type Error = Lost;

    fn exchange(&mut self, request: &HttpRequest) -> Result<HttpResponse, Lost> {
        self.now += 1;
        self.sent.push((self.now, request.clone()));
        match self.fates.pop_front().unwrap_or(Fate::Arrives) {
            Fate::Arrives => Ok(self.serve(request)),
            Fate::RequestLost => Err(Lost),
            Fate::ReplyLost => {
                self.serve(request);
                Err(Lost)
            }
            Fate::Twice => {
                self.serve(request);
                Ok(self.serve(request))
            }
            Fate::Late(seconds) => {
                self.now += seconds;
                Ok(self.serve(request))
            }
            Fate::Restart => {
                self.restart();
                Ok(self.serve(request))
            }
            Fate::Busy(seconds) => Ok(HttpResponse::error(503).with_retry_after(&seconds.to_string())),
            Fate::OtherReply(index) => {
                self.serve(request);
                Ok(self.replies[index].clone())
            }
        }
    }
}

/// Starts an enrolment with the challenge of this number.
fn start(device: &mut Device, number: u32) -> Step {
    let request = device.request(&format!("{CHALLENGE} {number}"));
    device.client.enrol(URL, request, &mut device.rng).unwrap()
}

fn go(device: &mut Device, wire: &mut Wire, step: Step) -> Result<Driven, DriveError<Lost>> {
    device.now = Some(at(wire.now));
    device.go(step, wire)
}

#[track_caller]
fn held(driven: Result<Driven, DriveError<Lost>>) -> Wait {
    match driven {
        Ok(Driven::Held(wait)) => wait,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn lost(driven: Result<Driven, DriveError<Lost>>) -> Box<Step> {
    let failed = driven.unwrap_err();
    assert!(matches!(failed.cause, DriveCause::Transport(Lost)));
    failed.retry.unwrap()
}

#[track_caller]
fn done(driven: Result<Driven, DriveError<Lost>>) -> Done {
    match driven {
        Ok(Driven::Done(done)) => done,
        other => panic!("{other:?}"),
    }
}

/// Switched off and on again: of a wait nothing is left but what was saved.
fn reboot(device: &mut Device, wire: &Wire, saved: &[u8]) -> Wait {
    let config = device.client.clone();
    *device = wire.device(wire.now);
    device.client = config;
    device.client.resume(saved).unwrap()
}

/// As a patient device does: waits as long as it is told to, and sends the same again when nothing came.
fn to_the_end(device: &mut Device, wire: &mut Wire, mut step: Step, reboots: bool) -> Done {
    for _ in 0..100 {
        step = match go(device, wire, step) {
            Ok(Driven::Done(done)) => return done,
            Ok(Driven::Held(mut wait)) => {
                wire.now += wait.after().as_secs();
                if reboots {
                    wait = reboot(device, wire, &wait.save().unwrap());
                }
                wait.poll(&mut device.rng).unwrap()
            }
            Err(failed) => {
                wire.now += u64::from(failed.retry_after.unwrap_or(30));
                *failed.retry.expect("the same may be tried again")
            }
        };
    }
    panic!("no end");
}

const ONE_HOUR: u64 = NOW + 3600;
