//! A responder with keys that count, a store that can be looked into, and faults that can be switched on.

use crate::provider::PROVIDER;
use crate::reading::{CertRep, Opened};
use crate::requests::{
    CA, CA_CERTIFICATE, DEVICE, DEVICE_CERTIFICATE, Key, Message, NONCE, PRINTABLE, TRANSACTION, X509,
};
use crate::support::{CHALLENGE, NOW, SplitMix, at, seeded};
use scep::Error;
use scep::crypto::{
    ChallengePassword, ContentEncryption, DecryptJob, Decryptor, Digest, KeyError, Random, Rng, SignJob,
    Signature, Signer, Unwrapped,
};
use scep::pki_types::CertificateDer;
use scep::server::{
    Authorized, Decide, Enrol, Exchange, FindCertificate, FindChallenge, FindCrl, Identity, IssuedChain,
    MemoryStore, Outcome, Recorded, Refusal, Renew, Responder, ServerConfig, SharedSecret, Status, Store,
    Transaction, TransactionKey, Transition, drive,
};
use scep::transport::{HttpRequest, PKI_MESSAGE};
use scep::wire::{Certificate, Extensions, FailInfo, KeyUsage, Limits, MessageType, Oid};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;

pub(crate) fn certificate(der: &[u8]) -> CertificateDer<'static> {
    CertificateDer::from(der.to_vec())
}

/// What the owner does with a question.
pub(crate) type Policy = fn(&Issuer, Enrol, &mut Rng<'_>) -> Exchange;

/// The same for the other questions.
pub(crate) type IssuePolicy = fn(&Issuer, Authorized, &mut Rng<'_>) -> Exchange;
pub(crate) type RenewalPolicy = fn(&Issuer, Renew, &mut Rng<'_>) -> Exchange;
pub(crate) type FindPolicy = fn(&Issuer, FindCertificate, &mut Rng<'_>) -> Exchange;
pub(crate) type FindCrlPolicy = fn(&Issuer, FindCrl, &mut Rng<'_>) -> Exchange;
pub(crate) type PasswordPolicy = fn(FindChallenge, &mut Rng<'_>) -> Exchange;

/// Renews whatever may be renewed.
pub(crate) fn renew(issuer: &Issuer, question: Renew, _: &mut Rng<'_>) -> Exchange {
    issuer.grant(question.approve_unrevoked().unwrap())
}

/// Issues where the challenge is right, refuses where not. What an operator approved comes back held.
pub(crate) fn by_challenge(issuer: &Issuer, question: Enrol, rng: &mut Rng<'_>) -> Exchange {
    let secret = SharedSecret::new(ChallengePassword::new(CHALLENGE).unwrap());
    match secret.redeem(question) {
        Ok(authorized) => issuer.grant(authorized),
        Err(question) => question.refuse(Refusal::Challenge, rng),
    }
}

pub(crate) fn hold(_: &Issuer, question: Enrol, rng: &mut Rng<'_>) -> Exchange {
    question.hold(rng)
}

pub(crate) fn approve(issuer: &Issuer, question: Enrol, _: &mut Rng<'_>) -> Exchange {
    issuer.grant(question.approve())
}

pub(crate) fn deny(_: &Issuer, question: Enrol, rng: &mut Rng<'_>) -> Exchange {
    question.refuse(Refusal::Policy, rng)
}

/// For tests in which no decision may be reached.
pub(crate) fn never(_: &Issuer, question: Enrol, _: &mut Rng<'_>) -> Exchange {
    panic!("a decision was asked for: {question:?}")
}

/// Issues certificates with the CA's key and keeps them.
#[derive(Default)]
pub(crate) struct Issuer {
    pub(crate) issued: RefCell<Vec<Vec<u8>>>,
    /// What goes out behind the leaf.
    pub(crate) rest: Vec<CertificateDer<'static>>,
}

impl Issuer {
    pub(crate) fn leaf(&self, authorized: &Authorized) -> CertificateDer<'static> {
        let requested = authorized.requested();
        let mut template = X509::of("CN=x", "CN=Server CA", &DEVICE);
        template.subject = requested.subject().unwrap().as_der().to_vec();
        template.public_key = requested.public_key().to_vec();
        template.serial = vec![0x10, self.issued.borrow().len() as u8];
        // usages that were asked for, or that a renewed certificate has
        let wishes = authorized.wishes().unwrap_or_default();
        let wishes = (!wishes.is_empty()).then(|| Extensions::parse(&wishes, &Limits::DEFAULT).unwrap());
        let usage = wishes.and_then(|wishes| wishes.get(Oid::KEY_USAGE));
        template.usage = usage.map_or(template.usage, |usage| KeyUsage::from_extension(usage.value).ok());
        let purposes = wishes.and_then(|wishes| wishes.get(Oid::EXTENDED_KEY_USAGE));
        template
            .extensions
            .extend(purposes.map(|purposes| (Oid::EXTENDED_KEY_USAGE, purposes.value.to_vec())));
        let leaf = template.sign(&CA);
        self.issued.borrow_mut().push(leaf.clone());
        certificate(&leaf)
    }

    pub(crate) fn grant(&self, authorized: Authorized) -> Exchange {
        IssuedChain::new(self.leaf(&authorized), self.rest.clone(), authorized).unwrap().grant()
    }

    pub(crate) fn count(&self) -> usize {
        self.issued.borrow().len()
    }
}

/// How often something was asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) decrypted: usize,
    pub(crate) loaded: usize,
    pub(crate) decided: usize,
    pub(crate) recorded: usize,
    pub(crate) signed: usize,
}

/// What does not work.
#[derive(Clone, Default)]
pub(crate) struct Faults {
    pub(crate) load: bool,
    pub(crate) record: bool,
    pub(crate) decrypt: Option<KeyError>,
    pub(crate) sign: Option<KeyError>,
    /// The signer gives these bytes.
    pub(crate) signature: Option<Vec<u8>>,
}

pub(crate) struct Server {
    pub(crate) responder: Responder,
    pub(crate) store: MemoryStore,
    /// What the store should hold.
    stored: RefCell<HashMap<TransactionKey, Transaction>>,
    pub(crate) keys: Vec<&'static Key>,
    /// Who signs replies.
    pub(crate) signing: (&'static Key, Vec<u8>),
    pub(crate) policy: Policy,
    pub(crate) issue: IssuePolicy,
    pub(crate) renewal: RenewalPolicy,
    pub(crate) find: FindPolicy,
    pub(crate) find_crl: FindCrlPolicy,
    pub(crate) password: PasswordPolicy,
    pub(crate) issuer: Issuer,
    pub(crate) faults: Faults,
    pub(crate) now: u64,
    counts: Cell<Counts>,
    rng: RefCell<Random<SplitMix>>,
}

/// The configuration of a CA that answers by itself.
pub(crate) fn config() -> ServerConfig {
    config_with(&PROVIDER)
}

pub(crate) fn config_with(provider: &'static scep::crypto::Provider) -> ServerConfig {
    let ca = certificate(&CA_CERTIFICATE);
    ServerConfig::new(provider, Identity::new(ca.clone()), vec![ca])
}

impl Server {
    pub(crate) fn new() -> Self {
        Self::with(config())
    }

    pub(crate) fn with(config: ServerConfig) -> Self {
        Self {
            responder: Responder::new(config).unwrap(),
            store: MemoryStore::default(),
            stored: RefCell::default(),
            keys: vec![&CA],
            signing: (&CA, CA_CERTIFICATE.clone()),
            policy: by_challenge,
            issue: |issuer, authorized, _| issuer.grant(authorized),
            renewal: |_, question, _| panic!("a decision was asked for: {question:?}"),
            find: |_, question, _| panic!("a decision was asked for: {question:?}"),
            find_crl: |_, question, _| panic!("a decision was asked for: {question:?}"),
            password: |question, _| panic!("a password was asked for: {question:?}"),
            issuer: Issuer::default(),
            faults: Faults::default(),
            now: NOW,
            counts: Cell::default(),
            rng: RefCell::new(seeded(7)),
        }
    }

    pub(crate) fn policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    pub(crate) fn renewal(mut self, policy: RenewalPolicy) -> Self {
        self.renewal = policy;
        self
    }

    pub(crate) fn find(mut self, policy: FindPolicy) -> Self {
        self.find = policy;
        self
    }

    pub(crate) fn find_crl(mut self, policy: FindCrlPolicy) -> Self {
        self.find_crl = policy;
        self
    }

    pub(crate) fn password(mut self, policy: PasswordPolicy) -> Self {
        self.password = policy;
        self
    }

    /// Sends a message by POST.
    #[track_caller]
    pub(crate) fn ask(&self, message: &Message) -> Answer<'_> {
        self.post(message.encode())
    }

    #[track_caller]
    pub(crate) fn post(&self, message: Vec<u8>) -> Answer<'_> {
        self.serve(HttpRequest::new("POST", "/scep?operation=PKIOperation", message))
    }

    #[track_caller]
    pub(crate) fn serve(&self, request: HttpRequest) -> Answer<'_> {
        self.serve_with(request, &mut *self.rng.borrow_mut())
    }

    #[track_caller]
    pub(crate) fn serve_with(&self, request: HttpRequest, rng: &mut Rng<'_>) -> Answer<'_> {
        let exchange = self.responder.accept(request, at(self.now), rng);
        self.finish(exchange, rng)
    }

    /// Takes an exchange from where it stands to its end.
    #[track_caller]
    pub(crate) fn finish(&self, exchange: Exchange, rng: &mut Rng<'_>) -> Answer<'_> {
        let (counts, before) = (self.counts.get(), self.snapshot());
        let decide = |question, rng: &mut Rng<'_>| {
            self.count(|counts| counts.decided += 1);
            self.decide(question, rng)
        };
        let outcome = drive(exchange, &mut Hand(self), &mut Hand(self), &Shelf(self), rng, decide);
        let now = self.counts.get();
        let counts = Counts {
            decrypted: now.decrypted - counts.decrypted,
            loaded: now.loaded - counts.loaded,
            decided: now.decided - counts.decided,
            recorded: now.recorded - counts.recorded,
            signed: now.signed - counts.signed,
        };
        Answer { server: self, outcome, counts, changed: before != self.snapshot() }
    }

    /// Takes an exchange to the first step that `stop` wants. Decisions and records are never skipped over unless
    /// `stop` lets them pass.
    #[track_caller]
    pub(crate) fn walk(&self, message: Vec<u8>, stop: impl Fn(&Exchange) -> bool) -> Exchange {
        let rng = &mut *self.rng.borrow_mut();
        let request = HttpRequest::new("POST", "/scep?operation=PKIOperation", message);
        let mut exchange = self.responder.accept(request, at(self.now), rng);
        while !stop(&exchange) {
            exchange = match exchange {
                Exchange::Decrypt(step) => {
                    let unwrapped = Hand(self).decrypt(step.job(), rng);
                    step.complete(unwrapped, rng)
                }
                Exchange::Lookup(step) => {
                    let stored = Shelf(self).load(step.key()).unwrap();
                    step.complete(stored, rng)
                }
                Exchange::Decide(question) => {
                    self.count(|counts| counts.decided += 1);
                    self.decide(question, rng)
                }
                Exchange::Record(step) => match Shelf(self).record(step.transition()).unwrap() {
                    Recorded::Stored => step.stored(rng),
                    Recorded::Conflict(stored) => step.conflict(stored, rng),
                },
                Exchange::Sign(step) => {
                    let signature = Hand(self).sign(step.job(), rng);
                    step.complete(signature)
                }
                Exchange::Done(outcome) => panic!("done already: {outcome:?}"),
            };
        }
        exchange
    }

    /// Up to the step that records the outcome.
    #[track_caller]
    pub(crate) fn up_to_record(&self, message: &Message) -> scep::server::Record {
        match self.walk(message.encode(), |exchange| matches!(exchange, Exchange::Record(_))) {
            Exchange::Record(record) => record,
            other => panic!("{other:?}"),
        }
    }

    /// Up to the question.
    #[track_caller]
    pub(crate) fn up_to_renewal(&self, message: &Message) -> Renew {
        match self.walk(message.encode(), |exchange| matches!(exchange, Exchange::Decide(_))) {
            Exchange::Decide(Decide::Renew(question)) => question,
            other => panic!("{other:?}"),
        }
    }

    #[track_caller]
    pub(crate) fn up_to_question(&self, message: &Message) -> Enrol {
        match self.walk(message.encode(), |exchange| matches!(exchange, Exchange::Decide(_))) {
            Exchange::Decide(Decide::Enrol(question)) => question,
            other => panic!("{other:?}"),
        }
    }

    /// Goes on with a step that was taken apart.
    #[track_caller]
    pub(crate) fn go_on(&self, exchange: Exchange) -> Answer<'_> {
        self.finish(exchange, &mut seeded(8))
    }

    fn decide(&self, question: Decide, rng: &mut Rng<'_>) -> Exchange {
        match question {
            Decide::Enrol(question) => (self.policy)(&self.issuer, question, rng),
            Decide::Renew(question) => (self.renewal)(&self.issuer, question, rng),
            Decide::Certificate(question) => (self.find)(&self.issuer, question, rng),
            Decide::Crl(question) => (self.find_crl)(&self.issuer, question, rng),
            Decide::Issue(authorized) => (self.issue)(&self.issuer, authorized, rng),
            Decide::Challenge(question) => (self.password)(question, rng),
        }
    }

    fn count(&self, change: impl FnOnce(&mut Counts)) {
        let mut counts = self.counts.get();
        change(&mut counts);
        self.counts.set(counts);
    }

    /// Everything that is stored.
    pub(crate) fn snapshot(&self) -> HashMap<TransactionKey, Transaction> {
        let stored = self.stored.borrow().clone();
        assert_eq!(self.store.len(), stored.len());
        for (key, transaction) in &stored {
            assert_eq!(self.store.load(key).unwrap().as_ref(), Some(transaction));
        }
        stored
    }

    /// The one transaction that is stored.
    #[track_caller]
    pub(crate) fn transaction(&self) -> Transaction {
        let stored = self.snapshot();
        assert_eq!(stored.len(), 1);
        stored.into_values().next().unwrap()
    }
}

impl Server {
    /// Forgets what the store has forgotten.
    pub(crate) fn forget(&self) {
        self.stored.borrow_mut().retain(|key, _| self.store.load(key).unwrap().is_some());
    }

    /// Makes a change by hand.
    pub(crate) fn record(&self, transition: &Transition) -> Recorded {
        Shelf(self).record(transition).unwrap()
    }
}

/// The server's keys.
struct Hand<'a>(&'a Server);

impl Hand<'_> {
    fn key(&self, public: &[u8]) -> &'static Key {
        self.0.keys.iter().copied().find(|key| key.public() == public).expect("an unknown key is asked for")
    }
}

impl Signer for Hand<'_> {
    fn sign(&mut self, job: &SignJob, rng: &mut Rng<'_>) -> Result<Signature, KeyError> {
        self.0.count(|counts| counts.signed += 1);
        assert_eq!(job.purpose(), scep::crypto::Purpose::CertRep);
        if let Some(error) = self.0.faults.sign {
            return Err(error);
        }
        if let Some(bytes) = &self.0.faults.signature {
            return Ok(Signature::new(bytes.clone()));
        }
        self.key(job.public_key()).soft.sign(job, rng)
    }
}

impl Decryptor for Hand<'_> {
    fn decrypt(&mut self, job: &DecryptJob, rng: &mut Rng<'_>) -> Result<Unwrapped, KeyError> {
        self.0.count(|counts| counts.decrypted += 1);
        if let Some(error) = self.0.faults.decrypt {
            return Err(error);
        }
        let recipient = Certificate::parse(job.recipient().certificate()).unwrap();
        self.key(recipient.public_key().as_der()).soft.decrypt(job, rng)
    }
}

/// The server's store.
struct Shelf<'a>(&'a Server);

impl Store for Shelf<'_> {
    type Error = &'static str;

    fn load(&self, key: &TransactionKey) -> Result<Option<Transaction>, Self::Error> {
        self.0.count(|counts| counts.loaded += 1);
        if self.0.faults.load {
            return Err("down");
        }
        self.0.store.load(key).map_err(|_| "full")
    }

    fn record(&self, transition: &Transition) -> Result<Recorded, Self::Error> {
        self.0.count(|counts| counts.recorded += 1);
        if self.0.faults.record {
            return Err("down");
        }
        let recorded = self.0.store.record(transition).map_err(|_| "full")?;
        if recorded == Recorded::Stored {
            let mut stored = self.0.stored.borrow_mut();
            match transition.removes() {
                true => drop(stored.remove(transition.key())),
                false => drop(stored.insert(transition.key().clone(), transition.to().clone())),
            }
        }
        Ok(recorded)
    }
}

/// What came back, and what it cost.
pub(crate) struct Answer<'a> {
    pub(crate) server: &'a Server,
    pub(crate) outcome: Outcome,
    pub(crate) counts: Counts,
    /// Whether the store changed.
    pub(crate) changed: bool,
}

impl Answer<'_> {
    /// A CertRep in HTTP 200, signed by who should sign it.
    #[track_caller]
    pub(crate) fn cert_rep(&self) -> CertRep {
        let reply = &self.outcome.reply;
        assert_eq!(reply.status, 200, "{:?}", self.outcome.cause);
        assert_eq!(reply.content_type.as_deref(), Some(PKI_MESSAGE));
        assert_eq!((reply.retry_after, reply.allow), (None, None));
        let (key, certificate) = &self.server.signing;
        let read = CertRep::read(&reply.body, key);
        assert!(read.signer == *certificate, "another signer");
        // R-3.2.1.5-1, R-3.3.2-3: the server's own nonce, not the client's
        assert_eq!(read.sender_nonce.len(), 16);
        assert_ne!(read.sender_nonce, read.recipient_nonce);
        assert_eq!(self.counts.signed, 1);
        read
    }

    /// FAILURE with this failInfo, to the usual transaction; nothing stored, and the decryptor asked so many times.
    #[track_caller]
    pub(crate) fn failure(&self, fail_info: FailInfo, decrypted: usize) -> CertRep {
        let read = self.cert_rep();
        let number = match fail_info {
            FailInfo::BadAlg => "0",
            FailInfo::BadMessageCheck => "1",
            FailInfo::BadRequest => "2",
            FailInfo::BadTime => "3",
            FailInfo::BadCertId => "4",
        };
        assert_eq!(
            (read.status.as_str(), read.fail_info.as_deref()),
            ("2", Some(number)),
            "{:?}",
            self.outcome.cause
        );
        assert_eq!(self.outcome.summary.status, Status::Failure(fail_info));
        // R-3.3.2.2-3: zero octets, and present
        assert!(read.content.is_empty());
        assert!(self.outcome.cause.is_some());
        assert_eq!(self.counts.decrypted, decrypted, "decryptor calls");
        assert!(!self.changed, "the store changed");
        read
    }

    /// The same for a request with the usual transactionID and nonce.
    #[track_caller]
    pub(crate) fn refused(&self, fail_info: FailInfo, decrypted: usize) -> CertRep {
        let read = self.failure(fail_info, decrypted);
        usual(&read);
        read
    }

    #[track_caller]
    pub(crate) fn cause(&self, cause: impl Into<Error>) {
        assert_eq!(self.outcome.cause, Some(cause.into()));
    }

    /// An HTTP status without a body; no key was used and nothing was stored.
    #[track_caller]
    pub(crate) fn http(&self, status: u16) {
        let reply = &self.outcome.reply;
        assert_eq!(reply.status, status, "{:?}", self.outcome.cause);
        assert_eq!((reply.content_type.as_deref(), reply.body.len()), (None, 0));
        assert_eq!(reply.retry_after, None);
        assert_eq!(reply.allow.is_some(), status == 405);
        assert_eq!(self.outcome.summary.status, Status::HttpError);
        assert_eq!(self.counts, Counts::default());
        assert!(!self.changed);
    }

    /// HTTP 503 with Retry-After.
    #[track_caller]
    pub(crate) fn unavailable(&self) {
        let reply = &self.outcome.reply;
        assert_eq!(reply.status, 503, "{:?}", self.outcome.cause);
        assert_eq!((reply.content_type.as_deref(), reply.body.len()), (None, 0));
        assert_eq!(reply.retry_after, Some(30));
        assert_eq!(self.outcome.summary.status, Status::HttpError);
        assert!(self.outcome.cause.is_some());
    }

    #[track_caller]
    pub(crate) fn pending(&self) -> CertRep {
        let read = self.cert_rep();
        assert_eq!((read.status.as_str(), &read.fail_info), ("3", &None), "{:?}", self.outcome.cause);
        assert_eq!(self.outcome.summary.status, Status::Pending);
        // R-3.3.2.3-1
        assert!(read.content.is_empty());
        assert_eq!(self.outcome.cause, None);
        self.opened_as_often_as_needed();
        usual(&read);
        read
    }

    /// A request is opened once, a poll never.
    #[track_caller]
    fn opened_as_often_as_needed(&self) {
        let expected = match self.outcome.summary.message_type {
            Some(MessageType::PkcsReq | MessageType::RenewalReq) => 1,
            Some(MessageType::CertPoll) => 0,
            other => panic!("{other:?} got this far"),
        };
        assert_eq!(self.counts.decrypted, expected, "decryptor calls");
    }

    /// SUCCESS for whoever signed with this certificate.
    #[track_caller]
    pub(crate) fn success_for(&self, key: &Key, certificate: &[u8]) -> (CertRep, Opened) {
        let read = self.cert_rep();
        assert_eq!((read.status.as_str(), &read.fail_info), ("0", &None), "{:?}", self.outcome.cause);
        assert_eq!(self.outcome.summary.status, Status::Success);
        assert_eq!(self.outcome.cause, None);
        self.opened_as_often_as_needed();
        let opened = read.open(key, certificate);
        assert!(self.server.issuer.issued.borrow().contains(&opened.certificates[0]));
        (read, opened)
    }

    /// SUCCESS for the device, in AES-128 and SHA-256, to the usual transaction: the certificate.
    #[track_caller]
    pub(crate) fn success(&self) -> Vec<u8> {
        let (read, opened) = self.success_for(&DEVICE, &DEVICE_CERTIFICATE);
        usual(&read);
        assert_eq!((read.digest, opened.cipher), (Digest::Sha256, ContentEncryption::Aes128Cbc));
        assert_eq!(opened.certificates.len(), 1 + self.server.issuer.rest.len());
        let issued = opened.certificates[0].clone();
        let parsed = Certificate::parse(&issued).unwrap();
        assert_eq!(parsed.public_key().as_der(), DEVICE.public());
        issued
    }

    #[track_caller]
    pub(crate) fn message_type(&self, expected: Option<MessageType>) {
        assert_eq!(self.outcome.summary.message_type, expected);
    }
}

/// Repeats transactionID and nonce of the usual request.
// R-3.2.1-2, R-3.2.1.5-2
#[track_caller]
fn usual(read: &CertRep) {
    assert_eq!(read.transaction, (PRINTABLE, TRANSACTION.to_vec()));
    assert_eq!(read.recipient_nonce, NONCE);
}
