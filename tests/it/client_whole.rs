//! Both sides of the library: a device that renews, asks, and moves to the next CA, against a server that does all of
//! that.

use crate::client_fetch::CrlTemplate;
use crate::client_kit::*;
use crate::provider::{KeyRing, PROVIDER};
use crate::support::*;
use scep::client::{Done, Driven, Issued, Query, Renewal, Step, Transport, Trust, TrustedCa, drive};
use scep::crypto::{Random, Rng};
use scep::error::FailInfo;
use scep::pki_types::CertificateDer;
use scep::server::{
    CertificateAccess, Decide, Exchange, Identity, IssuedChain, MemoryStore, NextCa, Responder, ServerConfig,
};
use scep::transport::{HttpRequest, HttpResponse};
use scep::wire::{Capability, Certificate, IssuerAndSerialNumber};
use std::convert::Infallible;

/// When the next CA takes over.
const LATER: u64 = NOW + YEAR / 2;
const NEXT_NAME: &str = "C=DE, CN=Next CA";

/// A CA that renews, answers questions, and has a successor.
struct Authority {
    responder: Responder,
    store: MemoryStore,
    /// The present key and the next one, and the certificates of both.
    keys: [TestKey; 2],
    next: CertificateDer<'static>,
    /// What it issued before.
    issued: CertificateDer<'static>,
    rng: Random<SplitMix>,
}

impl Authority {
    fn new(kit: &Kit) -> Self {
        let keys = [TestKey::ca(), TestKey::other_ca()];
        let [present, successor] = &keys;
        let next = Template { from: LATER, ..Template::ca(NEXT_NAME) };
        let next = next.sign(successor.soft.public_key_der(), successor);
        let draft = NextCa::draft(&PROVIDER, kit.root.clone(), vec![next.clone()], Some(at(NOW))).unwrap();
        let mut rng = seeded(21);
        let signature = present.soft.sign(draft.job(), &mut rng);
        let identity = Identity::new(kit.root.clone());
        let config = ServerConfig::new(&PROVIDER, identity, vec![kit.root.clone()])
            .renewal(true)
            .get_cert(CertificateAccess::Own)
            .get_crl(true)
            .next_ca(draft.complete(signature).unwrap())
            .also_open(Identity::new(next.clone()));
        let responder = Responder::new(config).unwrap();
        let issued = kit.certificate.clone();
        Self { responder, store: MemoryStore::default(), keys, next, issued, rng }
    }
}

impl Transport for Authority {
    type Error = Infallible;

    fn exchange(&mut self, request: &HttpRequest) -> Result<HttpResponse, Infallible> {
        let Self { responder, store, keys, next, issued, rng } = self;
        let exchange = responder.accept(request.clone(), at(NOW), rng);
        let ring = KeyRing::new(&[&keys[0].soft, &keys[1].soft]);
        let decide = |question, rng: &mut Rng<'_>| match question {
            Decide::Renew(question) => renew(question, keys, next),
            Decide::Certificate(question) => {
                let own = Certificate::parse(issued).unwrap();
                match question.wanted().matches(&own) {
                    true => question.found(issued.clone(), rng),
                    false => question.absent(rng),
                }
            }
            Decide::Crl(question) => question.found(CrlTemplate::new().sign(&keys[0]), rng),
            Decide::Challenge(question) => question.unknown(rng),
            other => panic!("{other:?}"),
        };
        let outcome = scep::server::drive(exchange, &mut &ring, &mut &ring, store, rng, decide);
        Ok(outcome.reply)
    }
}

/// The certificate is issued by the CA that the request was encrypted for.
fn renew(question: scep::server::Renew, keys: &[TestKey; 2], next: &CertificateDer<'static>) -> Exchange {
    let authorized = question.approve_unrevoked().unwrap();
    let by_next = authorized.recipient() == next;
    let mut template = Template::leaf(DEVICE_NAME);
    template.serial = vec![0x61];
    if by_next {
        (template.issuer, template.from) = (name(NEXT_NAME), LATER);
    }
    let leaf = template.sign(authorized.requested().public_key(), &keys[usize::from(by_next)]);
    IssuedChain::new(leaf, Vec::new(), authorized).unwrap().grant()
}

struct Whole {
    kit: Kit,
    authority: Authority,
    fingerprint: [u8; 32],
}

impl Whole {
    fn new() -> Self {
        let kit = Kit::new();
        Self { fingerprint: sha256(&kit.root), authority: Authority::new(&kit), kit }
    }

    fn go(&mut self, step: Step) -> Done {
        let Self { kit, authority, fingerprint } = self;
        let ring = KeyRing::new(&[&kit.current.soft, &kit.new.soft]);
        let trust = |trust: Trust| trust.matching_sha256(fingerprint);
        match drive(step, authority, &mut &ring, &mut &ring, trust, &mut kit.rng, kit.now) {
            Ok(Driven::Done(done)) => done,
            other => panic!("{other:?}"),
        }
    }

    fn ca(&mut self) -> TrustedCa {
        let step = self.kit.client.fetch_ca(URL).unwrap();
        match self.go(step) {
            Done::Ca(ca) => ca,
            other => panic!("{other:?}"),
        }
    }

    fn renew_at(&mut self, ca: TrustedCa) -> Box<Issued> {
        let Kit { client, rng, now, certificate, new, .. } = &mut self.kit;
        let renewal = Renewal::builder(certificate.clone(), new.soft.public_key_der()).build().unwrap();
        let step = client.renew_with(URL, ca, renewal, *now, rng).unwrap();
        match self.go(step) {
            Done::Issued(issued) => Box::new(issued),
            other => panic!("{other:?}"),
        }
    }
}

// R-2.3-5, R-2.3-10, R-2.5-3, R-2.5-4, case 103
#[test]
fn our_server_renews_for_our_client() {
    let mut whole = Whole::new();
    let renewal = whole.kit.renewal();
    let step = whole.kit.client.renew(URL, renewal, &mut whole.kit.rng).unwrap();
    let Done::Issued(issued) = whole.go(step) else { panic!() };
    assert!(issued.ca.capabilities().lists(Capability::Renewal));
    let certificate = Certificate::parse(&issued.certificate).unwrap();
    assert_eq!(certificate.public_key().as_der(), whole.kit.new.soft.public_key_der());
    assert_eq!(certificate.subject().to_string(), DEVICE_NAME);
}

// R-2.6-1, R-2.6-2, R-2.7-2
#[test]
fn our_server_answers_the_questions_of_our_client() {
    let mut whole = Whole::new();
    let ca = whole.ca();
    let own = whole.kit.certificate.clone();
    let query = Query::own(own.clone()).unwrap();
    let Kit { client, rng, .. } = &mut whole.kit;
    let step = client.fetch_certificate(URL, ca.clone(), query.clone(), rng).unwrap();
    let Done::Certificate(found) = whole.go(step) else { panic!() };
    assert_eq!(found, own);

    let Kit { client, rng, root, .. } = &mut whole.kit;
    let issuer = Certificate::parse(root).unwrap().subject();
    let other = Query::new(own.clone(), &IssuerAndSerialNumber { issuer, serial: &[0x7E] }).unwrap();
    let step = client.fetch_certificate(URL, ca.clone(), other, rng).unwrap();
    assert!(matches!(whole.go(step), Done::Refused { fail_info: FailInfo::BadCertId, .. }));

    let Kit { client, rng, .. } = &mut whole.kit;
    let step = client.fetch_crl(URL, ca, query, rng).unwrap();
    let Done::Crl(crl) = whole.go(step) else { panic!() };
    assert_eq!(crl.is_revoked(Certificate::parse(&own).unwrap().serial()), Ok(true));
}

// R-4.7-2, R-4.7.1-2, R-2.2-10, case 110
#[test]
fn our_client_moves_to_the_next_ca_of_our_server_before_it_takes_over() {
    let mut whole = Whole::new();
    let present = whole.ca();
    assert!(present.capabilities().lists(Capability::GetNextCaCert));
    let step = whole.kit.client.fetch_next_ca(URL, present.clone()).unwrap();
    let Done::NextCa(next) = whole.go(step) else { panic!() };
    let next = next.into_trusted(whole.kit.client.config()).unwrap();
    assert_eq!((next.recipient(), next.valid_from()), (&whole.authority.next, Some(at(LATER))));

    let later = whole.renew_at(next);
    let issuer = Certificate::parse(&later.certificate).unwrap().issuer().to_string();
    assert_eq!((issuer.as_str(), later.ca.valid_from()), (NEXT_NAME, Some(at(LATER))));
    // and the present CA goes on as before
    let now = whole.renew_at(present);
    let issuer = Certificate::parse(&now.certificate).unwrap().issuer().to_string();
    assert_eq!((issuer.as_str(), now.ca.valid_from()), (CA_NAME, None));
}
