//! Whole exchanges with the server of this crate.

use super::*;
use scep::client::{Driven, Transport, Trust, drive};
use scep::crypto::{NoKey, Rng};
use scep::server::{
    Decide, Exchange, Identity, IssuedChain, MemoryStore, Refusal, Responder, ServerConfig, SharedSecret,
};
use scep::wire::SubjectPublicKeyInfo;
use std::convert::Infallible;

/// A CA whose one key signs replies and certificates, and opens requests if it can.
struct Authority {
    responder: Responder,
    store: MemoryStore,
    kit: Kit,
    holds: bool,
    /// How often the owner was asked for a challenge.
    asked: usize,
    sent: Vec<Vec<u8>>,
    rng: Random<SplitMix>,
}

impl Authority {
    fn new(kit: Kit, holds: bool) -> Self {
        let responder = responder(&kit.root);
        let (store, sent) = (MemoryStore::default(), Vec::new());
        Self { responder, store, kit, holds, asked: 0, sent, rng: seeded(41) }
    }

    /// Another responder on the same store: what was in memory is gone.
    fn restart(&mut self) {
        self.responder = responder(&self.kit.root);
        self.asked = 0;
    }
}

fn responder(root: &CertificateDer<'static>) -> Responder {
    let config = ServerConfig::new(&WITH_PASSWORDS, Identity::new(root.clone()), vec![root.clone()]);
    Responder::new(config.password_recipients(true).renewal(true)).unwrap()
}

impl Transport for Authority {
    type Error = Infallible;

    fn exchange(&mut self, request: &HttpRequest) -> Result<HttpResponse, Infallible> {
        self.sent.push(request.body.clone());
        let exchange = self.responder.accept(request.clone(), at(NOW), &mut self.rng);
        let (kit, hold, asked) = (&self.kit, self.holds, &mut self.asked);
        let secret = SharedSecret::new(password(CHALLENGE));
        let decide = |question, rng: &mut Rng<'_>| -> Exchange {
            let authorized = match question {
                Decide::Challenge(question) => {
                    *asked += 1;
                    return secret.answer(question, rng);
                }
                Decide::Renew(question) => question.approve_unrevoked().unwrap(),
                Decide::Enrol(question) if question.is_held() => question.approve(),
                Decide::Enrol(question) => match secret.redeem(question) {
                    Ok(authorized) => authorized,
                    Err(question) => return question.refuse(Refusal::Challenge, rng),
                },
                other => panic!("{other:?}"),
            };
            if hold {
                return authorized.hold(rng);
            }
            let mut template = Template::leaf(DEVICE_NAME);
            template.usage = Some(KeyUsage::DIGITAL_SIGNATURE);
            template.serial = vec![0x66];
            let key = authorized.requested().public_key();
            let leaf = match &kit.curve {
                Some(ca) => template.sign_by_curve(key, ca),
                None => template.sign(key, &kit.rsa),
            };
            IssuedChain::new(leaf, Vec::new(), authorized).unwrap().grant()
        };
        let ca = kit.curve.as_ref().unwrap_or(&kit.rsa.soft);
        let keys = [ca];
        let ring = KeyRing::new(&keys);
        let outcome =
            scep::server::drive(exchange, &mut &ring, &mut &ring, &self.store, &mut self.rng, decide);
        Ok(outcome.reply)
    }
}

/// Each pair with a key that cannot decrypt: a device's and a CA's.
fn pairs() -> [fn() -> Kit; 3] {
    [Kit::new, || Kit::curved(TestKey::device().soft), || Kit::curved(curve(33))]
}

fn encrypts(key: &SoftwareKey) -> bool {
    SubjectPublicKeyInfo::parse(key.public_key_der()).unwrap().can_encrypt()
}

fn go(kit: &mut Kit, authority: &mut Authority, step: Step) -> Driven {
    let fingerprint = sha256(&kit.root);
    let trust = |trust: Trust| trust.matching_sha256(&fingerprint);
    let Kit { key, rng, .. } = kit;
    let (mut signer, now) = (&*key, Some(at(NOW)));
    let driven = match encrypts(key) {
        true => drive(step, authority, &mut signer, &mut &*key, trust, rng, now),
        // no key is asked to decrypt
        false => drive(step, authority, &mut signer, &mut NoKey, trust, rng, now),
    };
    driven.unwrap()
}

// R-3.1-3, R-2.4-10, case 89: from GetCACaps to the certificate
#[test]
fn our_server_issues_for_keys_that_cannot_decrypt() {
    for pair in pairs() {
        let (mut kit, mut authority) = (pair(), Authority::new(pair(), false));
        let request = kit.request(Some(CHALLENGE));
        let step = kit.client.enrol(URL, request, &mut kit.rng).unwrap();
        let issued = issued(go(&mut kit, &mut authority, step));
        let certificate = Certificate::parse(&issued.certificate).unwrap();
        assert_eq!(certificate.public_key().as_der(), kit.key.public_key_der());
        assert!(authority.sent.iter().all(|body| !holds(body, CHALLENGE.as_bytes())));
    }
}

// R-3.1-3, R-3.1-6, R-5.2-2, case 89: PENDING, both sides restart, CertPoll, SUCCESS
#[test]
fn our_server_delivers_to_keys_that_cannot_decrypt_after_both_sides_restarted() {
    for pair in pairs() {
        let (mut kit, mut authority) = (pair(), Authority::new(pair(), true));
        let request = kit.request(Some(CHALLENGE));
        let step = kit.client.enrol(URL, request, &mut kit.rng).unwrap();
        let Driven::Held(wait) = go(&mut kit, &mut authority, step) else { panic!() };
        let saved = wait.save().unwrap();
        let id = wait.transaction_id().clone();
        drop((kit, wait));
        authority.restart();

        let mut kit = pair();
        kit.rng = seeded(99);
        let wait = kit.client.resume(&saved).unwrap();
        assert!(wait.needs_challenge());
        let wait = wait.with_challenge(password(CHALLENGE));
        let step = wait.poll(&mut kit.rng).unwrap();
        let Driven::Held(wait) = go(&mut kit, &mut authority, step) else { panic!() };
        assert_eq!((wait.polls(), wait.transaction_id()), (1, &id));

        authority.holds = false;
        let step = wait.poll(&mut kit.rng).unwrap();
        let issued = issued(go(&mut kit, &mut authority, step));
        let certificate = Certificate::parse(&issued.certificate).unwrap();
        assert_eq!(certificate.public_key().as_der(), kit.key.public_key_der());
        // polls do not carry it, so the owner was asked where the reply takes it
        assert_eq!(authority.asked > 0, !encrypts(&kit.key));
    }
}

// R-3.1-6: what the CA issued comes under the challenge of the request, however it is polled for
#[test]
fn our_server_delivers_under_the_challenge_of_the_request_alone() {
    let (mut kit, mut authority) = (Kit::new(), Authority::new(Kit::new(), true));
    let request = kit.request(Some(CHALLENGE));
    let step = kit.client.enrol(URL, request, &mut kit.rng).unwrap();
    let Driven::Held(wait) = go(&mut kit, &mut authority, step) else { panic!() };
    let saved = wait.save().unwrap();
    authority.holds = false;

    let wait = kit.client.resume(&saved).unwrap().with_challenge(password(OTHER));
    let step = wait.poll(&mut kit.rng).unwrap();
    let transmit = kit.up_to_message(step);
    let Ok(response) = authority.exchange(transmit.request());
    let failed = kit.take(transmit, response).unwrap_err();
    assert_eq!((failed.error, failed.retry.is_some()), (BadEnvelope::Content.into(), true));

    let wait = kit.client.resume(&saved).unwrap().with_challenge(password(CHALLENGE));
    let step = wait.poll(&mut kit.rng).unwrap();
    issued(go(&mut kit, &mut authority, step));
}

// R-3.1-3, R-2.3-5, case 103: under the challenge of the first request
#[test]
fn our_server_renews_for_keys_that_cannot_decrypt() {
    for pair in [pairs()[0], pairs()[2]] {
        let (mut kit, mut authority) = (pair(), Authority::new(pair(), false));
        let current = kit.leaf(&kit.key);
        // the same key, so that one is enough for the exchange
        let renewal = Renewal::builder(current.clone(), kit.key.public_key_der());
        let renewal = renewal.challenge(password(CHALLENGE)).build().unwrap();
        let step = kit.client.renew(URL, renewal, &mut kit.rng).unwrap();
        let issued = issued(go(&mut kit, &mut authority, step));
        assert_ne!(issued.certificate, current);
        assert_eq!(Certificate::parse(&issued.certificate).unwrap().serial(), [0x66]);
    }
}
