//! A device and a server in one process, taken apart into their steps.

use crate::support::{CA_NAME, CHALLENGE, DEVICE_NAME, NOW, SplitMix, Template, URL, at, seeded, tlv};
use scep::client::{Client, ClientConfig, NewEnrolment, Step, Transmit, TrustedCa, Wait};
use scep::crypto::{
    ChallengePassword, Digest, Provider, Purpose, Random, Rng, SharedKey, SignJob, SignatureScheme,
};
use scep::pki_types::CertificateDer;
use scep::server::{
    Decide, Exchange, Identity, IssuedChain, MemoryStore, Responder, ServerConfig, SharedSecret, Store as _,
};
use scep::transport::{HttpRequest, HttpResponse};
use scep::wire::{Capabilities, GeneralName, Limits, Oid};

pub(crate) const SCHEME: SignatureScheme = SignatureScheme::RsaPkcs1(Digest::Sha256);

/// A device and a server that know each other, each with one key.
pub(crate) struct World {
    responder: Responder,
    store: MemoryStore,
    client: Client,
    ca: TrustedCa,
    keys: Keys,
    leaf: Vec<u8>,
    pub(crate) rng: Random<SplitMix>,
}

/// The device's and the CA's.
pub(crate) struct Keys {
    pub(crate) provider: &'static Provider,
    pub(crate) device: Box<dyn SharedKey>,
    pub(crate) ca: Box<dyn SharedKey>,
}

impl Keys {
    /// The CA signs what it issues.
    fn certify(&self, tbs: &[u8], rng: &mut Rng<'_>) -> CertificateDer<'static> {
        let key = self.ca.public_key_der();
        let job = SignJob::new(self.provider, tbs.to_vec(), SCHEME, Purpose::Certificate, key).unwrap();
        let signature = self.ca.sign(&job, rng).unwrap();
        CertificateDer::from(scep::wire::assemble(tbs, SCHEME, signature.as_bytes()))
    }
}

impl World {
    pub(crate) fn new(keys: Keys) -> Self {
        let mut rng = seeded(1);
        let root = keys.certify(&Template::ca(CA_NAME).tbs(keys.ca.public_key_der(), &rsa()), &mut rng);
        let config = ServerConfig::new(keys.provider, Identity::new(root.clone()), vec![root.clone()]);
        let client = Client::new(ClientConfig::new(keys.provider));
        let standard = b"AES\nPOSTPKIOperation\nSCEPStandard\nSHA-256\n";
        let standard = Capabilities::parse(standard, &Limits::DEFAULT).unwrap();
        let anchors = std::slice::from_ref(&root);
        let ca = TrustedCa::new(client.config(), anchors, &[], standard, Some(at(NOW))).unwrap();
        let leaf = Template::leaf(DEVICE_NAME).tbs(keys.device.public_key_der(), &rsa());
        let responder = Responder::new(config).unwrap();
        Self { responder, store: MemoryStore::default(), client, ca, keys, leaf, rng }
    }

    /// The CA's certificate.
    pub(crate) fn root(&self) -> &CertificateDer<'static> {
        self.ca.issuer()
    }

    /// With so many names.
    pub(crate) fn request(&self, names: usize) -> NewEnrolment {
        let names: Vec<String> = (0..names).map(|number| format!("{number:0>94}.test")).collect();
        let names: Vec<GeneralName<'_>> = names.iter().map(|name| GeneralName::Dns(name)).collect();
        NewEnrolment::builder(DEVICE_NAME.parse().unwrap(), self.keys.device.public_key_der())
            .challenge(ChallengePassword::new(CHALLENGE).unwrap())
            .subject_alt_names(&names)
            .build()
            .unwrap()
    }

    /// Signs until there is something to send.
    pub(crate) fn build(&mut self, request: NewEnrolment) -> Transmit {
        let step = self.client.enrol_with(URL, self.ca.clone(), request, Some(at(NOW)), &mut self.rng);
        self.sign(step.unwrap())
    }

    pub(crate) fn sign(&mut self, mut step: Step) -> Transmit {
        loop {
            step = match step {
                Step::Transmit(transmit) => return transmit,
                Step::Sign(sign) => {
                    let signature = self.keys.device.sign(sign.job(), &mut self.rng);
                    sign.complete(signature, &mut self.rng)
                }
                .unwrap(),
                other => panic!("{other:?}"),
            }
        }
    }

    pub(crate) fn accept(&mut self, message: Vec<u8>) -> Exchange {
        let request = HttpRequest::new("POST", "/scep?operation=PKIOperation", message);
        self.responder.accept(request, at(NOW), &mut self.rng)
    }

    /// Goes on to the question for the challenge.
    pub(crate) fn ask(&mut self, mut exchange: Exchange) -> Decide {
        loop {
            exchange = match exchange {
                Exchange::Decide(question) => return question,
                Exchange::Decrypt(step) => {
                    let unwrapped = self.keys.ca.decrypt(step.job(), &mut self.rng);
                    step.complete(unwrapped, &mut self.rng)
                }
                Exchange::Lookup(step) => {
                    let stored = self.store.load(step.key()).unwrap();
                    step.complete(stored, &mut self.rng)
                }
                other => panic!("{other:?}"),
            }
        }
    }

    /// Grants, or holds.
    pub(crate) fn answer(&mut self, question: Decide, hold: bool) -> HttpResponse {
        let secret = SharedSecret::new(ChallengePassword::new(CHALLENGE).unwrap());
        let Decide::Enrol(question) = question else { panic!("{question:?}") };
        let authorized = secret.redeem(question).unwrap();
        let exchange = match hold {
            true => authorized.hold(&mut self.rng),
            false => {
                let leaf = self.keys.certify(&self.leaf, &mut self.rng);
                IssuedChain::new(leaf, Vec::new(), authorized).unwrap().grant()
            }
        };
        self.finish(exchange)
    }

    pub(crate) fn finish(&mut self, mut exchange: Exchange) -> HttpResponse {
        loop {
            exchange = match exchange {
                Exchange::Lookup(step) => {
                    let stored = self.store.load(step.key()).unwrap();
                    step.complete(stored, &mut self.rng)
                }
                Exchange::Record(step) => {
                    self.store.record(step.transition()).unwrap();
                    step.stored(&mut self.rng)
                }
                Exchange::Sign(step) => {
                    let signature = self.keys.ca.sign(step.job(), &mut self.rng);
                    step.complete(signature)
                }
                // somebody decides tomorrow
                Exchange::Decide(Decide::Enrol(question)) => question.hold(&mut self.rng),
                Exchange::Done(outcome) => {
                    assert_eq!(outcome.reply.status, 200, "{:?}", outcome.cause);
                    return outcome.reply;
                }
                other => panic!("{other:?}"),
            }
        }
    }

    /// A request, and what the device keeps while it is held.
    pub(crate) fn held(&mut self, names: usize) -> Wait {
        let request = self.request(names);
        let transmit = self.build(request);
        let exchange = self.accept(transmit.request().body.clone());
        let question = self.ask(exchange);
        let reply = self.answer(question, true);
        match transmit.receive(reply, Some(at(NOW)), &mut self.rng).unwrap() {
            Step::Wait(wait) => wait,
            other => panic!("{other:?}"),
        }
    }

    /// Opens a reply with the device's key.
    pub(crate) fn read(&mut self, transmit: Transmit, reply: HttpResponse) -> Step {
        match transmit.receive(reply, Some(at(NOW)), &mut self.rng).unwrap() {
            Step::Decrypt(step) => {
                let unwrapped = self.keys.device.decrypt(step.job(), &mut self.rng);
                step.complete(unwrapped).unwrap()
            }
            other => panic!("{other:?}"),
        }
    }

    /// One question without a message, which needs no key.
    pub(crate) fn get(&mut self, target: &str) {
        let request = HttpRequest::new("GET", target, Vec::new());
        match self.responder.accept(request, at(NOW), &mut self.rng) {
            Exchange::Done(outcome) => assert_eq!(outcome.reply.status, 200),
            other => panic!("{other:?}"),
        }
    }
}

fn rsa() -> Vec<u8> {
    let oid = tlv(6, &[Oid::SHA256_WITH_RSA.as_bytes()]);
    tlv(0x30, &[&oid, &[5, 0]])
}
