//! A server taken apart into its steps, whose random numbers are the same each time.

use crate::provider::{PBKDF2_SHA256, PROVIDER};
use crate::requests::{CA, CA_CERTIFICATE};
use crate::support::{CHALLENGE, NOW, SplitMix, at, seeded};
use scep::crypto::{ChallengePassword, Provider, Random, Rng, SignJob, Signature};
use scep::pki_types::CertificateDer;
use scep::server::{
    CertificateAccess, Decide, Decrypt, Exchange, FindChallenge, Identity, MemoryStore, Outcome, Refusal,
    Responder, ServerConfig, SharedSecret, Store as _,
};
use scep::transport::HttpRequest;

pub(crate) static WITH_PASSWORDS: Provider = Provider { password_kdfs: &[&PBKDF2_SHA256], ..PROVIDER };

/// Who signs replies.
#[derive(Default)]
pub(crate) struct Hand {
    /// What is answered without the key.
    pub(crate) known: Option<Vec<u8>>,
}

pub(crate) struct Server {
    responder: Responder,
    store: MemoryStore,
    secret: SharedSecret,
    /// Numbers of the generator.
    pub(crate) seed: u64,
}

impl Server {
    /// With every operation switched on.
    pub(crate) fn new() -> Self {
        let ca = CertificateDer::from(CA_CERTIFICATE.clone());
        let config = ServerConfig::new(&WITH_PASSWORDS, Identity::new(ca.clone()), vec![ca])
            .renewal(true)
            .get_cert(CertificateAccess::Own)
            .get_crl(true)
            .password_recipients(true);
        Self {
            responder: Responder::new(config).unwrap(),
            store: MemoryStore::default(),
            secret: SharedSecret::new(ChallengePassword::new(CHALLENGE).unwrap()),
            seed: 7,
        }
    }

    fn accept(&self, message: &[u8]) -> (Exchange, Random<SplitMix>) {
        let mut rng = seeded(self.seed);
        let request = HttpRequest::new("POST", "/scep?operation=PKIOperation", message.to_vec());
        (self.responder.accept(request, at(NOW), &mut rng), rng)
    }

    /// The question for the private key.
    pub(crate) fn to_decrypt(&self, message: &[u8]) -> (Decrypt, Random<SplitMix>) {
        match self.accept(message) {
            (Exchange::Decrypt(step), rng) => (step, rng),
            (other, _) => panic!("{other:?}"),
        }
    }

    /// The question for the sender's password.
    pub(crate) fn to_find(&self, message: &[u8]) -> (FindChallenge, Random<SplitMix>) {
        match self.accept(message) {
            (Exchange::Decide(Decide::Challenge(question)), rng) => (question, rng),
            (other, _) => panic!("{other:?}"),
        }
    }

    /// Goes on to the reply. Nobody issues, and nothing is found.
    pub(crate) fn finish(&self, exchange: Exchange, hand: &Hand, rng: &mut Rng<'_>) -> Outcome {
        let mut exchange = exchange;
        loop {
            exchange = match exchange {
                Exchange::Lookup(step) => {
                    let stored = self.store.load(step.key()).unwrap();
                    step.complete(stored, rng)
                }
                Exchange::Decide(Decide::Enrol(question)) => match self.secret.redeem(question) {
                    Ok(authorized) => authorized.refuse(Refusal::Policy, rng),
                    Err(question) => question.refuse(Refusal::Challenge, rng),
                },
                Exchange::Decide(Decide::Renew(question)) => question.refuse(Refusal::Revoked, rng),
                Exchange::Decide(Decide::Certificate(question)) => question.absent(rng),
                Exchange::Decide(Decide::Crl(question)) => question.absent(rng),
                Exchange::Sign(step) => {
                    let signature = hand.sign(step.job(), rng);
                    step.complete(Ok(signature))
                }
                Exchange::Done(outcome) => return outcome,
                other => panic!("{other:?}"),
            }
        }
    }
}

impl Hand {
    fn sign(&self, job: &SignJob, rng: &mut Rng<'_>) -> Signature {
        match &self.known {
            Some(signature) => Signature::new(signature.clone()),
            None => CA.soft.sign(job, rng).unwrap(),
        }
    }
}
