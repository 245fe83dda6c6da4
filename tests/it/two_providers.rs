//! A device on one provider and a server on another: in every pair, one opens what the other made.

use crate::support::*;
use scep::client::{Client, ClientConfig, Done, Driven, NewEnrolment, Transport, drive};
use scep::crypto::{ChallengePassword, KeyRing, Provider, Rng, SharedKey, aws_lc_rs, rustcrypto};
use scep::pki_types::CertificateDer;
use scep::server::{
    Decide, Exchange, Identity, IssuedChain, MemoryStore, Responder, ServerConfig, SharedSecret,
};
use scep::transport::{HttpRequest, HttpResponse};
use std::convert::Infallible;

/// A provider with a key of its own.
struct Party {
    provider: &'static Provider,
    key: Box<dyn SharedKey>,
}

/// The same key on either provider.
fn parties(pem: &str) -> [Party; 2] {
    [
        Party {
            provider: &aws_lc_rs::PROVIDER,
            key: Box::new(aws_lc_rs::SoftwareKey::from_pem(pem).unwrap()),
        },
        Party {
            provider: &rustcrypto::PROVIDER,
            key: Box::new(rustcrypto::SoftwareKey::from_pem(pem).unwrap()),
        },
    ]
}

struct Office<'a> {
    keys: KeyRing<'a>,
    responder: Responder,
    store: MemoryStore,
    issuer: TestKey,
}

impl Transport for Office<'_> {
    type Error = Infallible;

    fn exchange(&mut self, request: &HttpRequest) -> Result<HttpResponse, Infallible> {
        let mut rng = seeded(11);
        let exchange = self.responder.accept(request.clone(), at(NOW), &mut rng);
        let secret = SharedSecret::new(ChallengePassword::new(CHALLENGE).unwrap());
        let decide = |question, _: &mut Rng<'_>| -> Exchange {
            let Decide::Enrol(question) = question else { panic!("{question:?}") };
            let authorized = secret.redeem(question).unwrap();
            let leaf = Template::leaf(DEVICE_NAME).sign(authorized.requested().public_key(), &self.issuer);
            IssuedChain::new(leaf, Vec::new(), authorized).unwrap().grant()
        };
        let keys = &self.keys;
        let outcome = scep::server::drive(exchange, &mut &*keys, &mut &*keys, &self.store, &mut rng, decide);
        Ok(outcome.reply)
    }
}

fn enrol(device: &Party, server: &Party) -> CertificateDer<'static> {
    let issuer = TestKey::ca();
    let root = Template::ca(CA_NAME).sign(issuer.soft.public_key_der(), &issuer);
    let config = ServerConfig::new(server.provider, Identity::new(root.clone()), vec![root.clone()]);
    let mut office = Office {
        keys: KeyRing::default().with(&*server.key),
        responder: Responder::new(config).unwrap(),
        store: MemoryStore::default(),
        issuer,
    };
    let request = NewEnrolment::builder(DEVICE_NAME.parse().unwrap(), device.key.public_key_der())
        .challenge(ChallengePassword::new(CHALLENGE).unwrap())
        .build()
        .unwrap();
    let mut rng = seeded(12);
    let step = Client::new(ClientConfig::new(device.provider)).enrol(URL, request, &mut rng).unwrap();
    let (keys, pin) = (KeyRing::default().with(&*device.key), sha256(&root));
    let (mut signer, mut decryptor) = (&keys, &keys);
    let driven = drive(
        step,
        &mut office,
        &mut signer,
        &mut decryptor,
        |trust| trust.matching_sha256(&pin),
        &mut rng,
        Some(at(NOW)),
    );
    match driven.unwrap() {
        Driven::Done(Done::Issued(issued)) => issued.certificate.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_device_and_a_server_on_different_providers_understand_each_other() {
    let expected = {
        let [device, _] = parties(include_str!("keys/device.pem"));
        Template::leaf(DEVICE_NAME).sign(device.key.public_key_der(), &TestKey::ca())
    };
    for device in parties(include_str!("keys/device.pem")) {
        for server in parties(include_str!("keys/ca.pem")) {
            assert_eq!(enrol(&device, &server), expected);
        }
    }
}
