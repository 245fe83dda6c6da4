//! The largest messages that are accepted.

use crate::cert_rep::{Asked, CertRep, enveloped};
use crate::client_kit::{Kit, standard};
use crate::provider::PROVIDER;
use crate::requests::*;
use crate::support::{NOW, SplitMix, Template, URL, at, seeded, tlv};
use crate::{Cost, cost};
use scep::client::{ClientConfig, Done, Step, Transmit};
use scep::crypto::{Random, Rng};
use scep::pki_types::CertificateDer;
use scep::server::{
    Decide, Identity, IssuedChain, Outcome, Recorded, Refusal, Responder, ServerConfig, Status, Store,
    Transaction, TransactionKey, Transition, drive,
};
use scep::transport::{HttpRequest, HttpResponse, base64_encode, percent_encode};
use scep::wire::{Limits, Oid, certs_only};
use std::cell::RefCell;

/// A CA that grants whatever it can read, or refuses it, with keys in memory.
pub(crate) struct Server {
    pub(crate) responder: Responder,
    leaf: CertificateDer<'static>,
    pub(crate) grants: bool,
    rng: RefCell<Random<SplitMix>>,
}

impl Server {
    pub(crate) fn new(limits: Limits) -> Self {
        let ca = CertificateDer::from(CA_CERTIFICATE.clone());
        let config = ServerConfig::new(&PROVIDER, Identity::new(ca.clone()), vec![ca]).limits(limits);
        let leaf = X509 { serial: vec![0x10], ..X509::of(SUBJECT, "CN=Server CA", &DEVICE) }.sign(&CA);
        Self {
            responder: Responder::new(config).unwrap(),
            leaf: CertificateDer::from(leaf),
            grants: true,
            rng: RefCell::new(seeded(7)),
        }
    }

    pub(crate) fn serve(&self, request: HttpRequest) -> Outcome {
        let rng: &mut Rng<'_> = &mut *self.rng.borrow_mut();
        let exchange = self.responder.accept(request, at(NOW), rng);
        let decide = |question, rng: &mut Rng<'_>| match question {
            Decide::Enrol(question) if !self.grants => question.refuse(Refusal::Policy, rng),
            Decide::Enrol(question) => {
                IssuedChain::new(self.leaf.clone(), Vec::new(), question.approve()).unwrap().grant()
            }
            other => panic!("{other:?}"),
        };
        drive(exchange, &mut &CA.soft, &mut &CA.soft, &Forgetful, rng, decide)
    }
}

/// A store that keeps nothing, so that it is not measured.
struct Forgetful;

impl Store for Forgetful {
    type Error = std::convert::Infallible;

    fn load(&self, _: &TransactionKey) -> Result<Option<Transaction>, Self::Error> {
        Ok(None)
    }

    fn record(&self, _: &Transition) -> Result<Recorded, Self::Error> {
        Ok(Recorded::Stored)
    }
}

fn post(message: Vec<u8>) -> HttpRequest {
    HttpRequest::new("POST", "/scep?operation=PKIOperation", message)
}

/// A certificate of about so many bytes that nobody needs.
fn ballast(length: usize) -> Vec<u8> {
    let extensions = vec![(Oid::new(&[0x2A, 3]), vec![0; length])];
    X509 { serial: vec![0x70], extensions, ..X509::device(&STRANGER) }.sign(&STRANGER)
}

/// What fills a request.
#[derive(Clone, Copy, Debug)]
enum Bulk {
    /// A CSR as long as it may be, and certificates, as many as there may be.
    Csr,
    /// The same in BER.
    Ber,
    /// The signer's own certificate.
    Signer,
    /// Both in equal parts.
    CsrAndSigner,
}

const BULKS: [Bulk; 4] = [Bulk::Csr, Bulk::Ber, Bulk::Signer, Bulk::CsrAndSigner];

/// A request of `length` bytes, or a few less.
fn largest_request(limits: &Limits, length: usize, bulk: Bulk) -> Vec<u8> {
    let request = |in_csr: usize, in_signer: usize, in_others: usize| {
        let filler = attribute(Oid::new(&[0x2A, 1]), &tlv(4, &[&vec![0; in_csr]]));
        let signer =
            X509 { extensions: vec![(Oid::new(&[0x2A, 3]), vec![0; in_signer])], ..X509::device(&DEVICE) };
        let mut certificates = vec![signer.sign(&DEVICE)];
        if in_others > 0 {
            certificates.extend((1..limits.certificates).map(|_| ballast(in_others)));
        }
        let ber = matches!(bulk, Bulk::Ber);
        let change = |csr: &mut Csr| csr.attributes.as_mut().unwrap().push(filler);
        pkcs_req_with(
            change,
            |e| e.ber = ber,
            |m| {
                (m.certificates, m.ber) = (certificates, ber);
            },
        )
        .encode()
    };
    let small = request(200, 200, 0).len();
    let left = length - small;
    let message = match bulk {
        Bulk::Csr | Bulk::Ber => {
            let in_csr = limits.certification_request.min(length / 2) - 800;
            let others = limits.certificates - 1;
            let left = length - request(in_csr, 200, 0).len();
            request(in_csr, 200, (left / others).saturating_sub(ballast(1).len() + 16))
        }
        Bulk::Signer => request(200, left, 0),
        Bulk::CsrAndSigner => request(left / 2 - 50, left / 2 - 50, 0),
    };
    assert!(message.len() <= length && message.len() > length * 9 / 10, "{} of {length}", message.len());
    message
}

/// The longest URL that has such a message in it.
fn by_get(message: &[u8]) -> String {
    format!("/scep?operation=PKIOperation&message={}", base64_encode(message))
}

const PRESETS: [(&str, Limits); 2] = [("default", Limits::DEFAULT), ("firmware", Limits::FIRMWARE)];

/// So many times the length of the message is what is promised, in `SECURITY.md` too.
/// For a request by GET, of the length of its URL.
const REQUEST: f64 = 3.5;
const REPLY: f64 = 3.25;

/// `cargo test --test memory -- --nocapture` shows the figures.
#[track_caller]
fn at_most(times: f64, what: &str, length: usize, cost: Cost) {
    let found = cost.peak as f64 / length as f64;
    println!("{what}: {length} bytes, {cost:?}, {found:.2} times");
    assert!(found <= times, "{what}: {cost:?} for {length} bytes");
}

/// The same ContentInfo, longer than 64 KiB or not, with an indefinite length.
fn ber(message: &[u8]) -> Vec<u8> {
    let header = if message[1] == 0x83 { 5 } else { 4 };
    [&[0x30, 0x80][..], &message[header..], &[0, 0]].concat()
}

// T48: what a server needs for one request, the arithmetic of its own keys included
#[test]
fn the_largest_request_takes_a_server_no_more_memory_than_promised() {
    for (name, limits) in PRESETS {
        let server = Server::new(limits.clone());
        let served = |request| {
            let outcome = server.serve(request);
            assert_eq!(outcome.summary.status, Status::Success, "{:?}", outcome.cause);
        };
        for bulk in BULKS {
            let message = largest_request(&limits, limits.message, bulk);
            let cost = cost(&message, |message| served(post(message)));
            at_most(REQUEST, &format!("request, {name}, {bulk:?}"), message.len(), cost);

            let longest = (limits.url - 100) / 4 * 3;
            let target = by_get(&largest_request(&limits, limits.message.min(longest), bulk));
            let cost = crate::cost(target.as_bytes(), |target| {
                served(HttpRequest::new("GET", String::from_utf8(target).unwrap(), Vec::new()));
            });
            at_most(REQUEST, &format!("request by GET, {name}, {bulk:?}"), target.len(), cost);
        }
    }
}

fn config(limits: &Limits) -> ClientConfig {
    ClientConfig::new(&PROVIDER).limits(limits.clone())
}

/// Certificates that fill up `length` bytes, as many as there may be.
fn certificates(first: &[u8], limits: &Limits, length: usize) -> Vec<Vec<u8>> {
    let others = limits.certificates - 1;
    let share = (length - first.len()) / others - ballast(0x1000).len() + 0x1000;
    let mut list = vec![first.to_vec()];
    list.extend((0..others).map(|_| ballast(share)));
    list
}

fn views(list: &[Vec<u8>]) -> Vec<&[u8]> {
    list.iter().map(Vec::as_slice).collect()
}

// T39: what a client needs for a reply, the arithmetic of its own key included
#[test]
fn the_largest_reply_takes_a_client_no_more_memory_than_promised() {
    for (name, limits) in PRESETS {
        for is_ber in [false, true] {
            let mut kit = Kit::with(config(&limits));
            let (transmit, asked) = kit.renewing();
            let leaf = kit.leaf(&kit.new, |_| ());
            let chain = certificates(&leaf, &limits, limits.response - 2500);
            let reply = CertRep::success(&asked, &views(&chain), &kit.certificate);
            let body = kit.sign(reply).body;
            let body = if is_ber { ber(&body) } else { body };
            assert!((limits.response - 1500..=limits.response).contains(&body.len()), "{}", body.len());
            let mut issued = None;
            let cost = cost(&body, |body| {
                let response = HttpResponse::new(200, Some("application/x-pki-message"), body);
                match kit.take(transmit, response).unwrap() {
                    Step::Done(Done::Issued(found)) => issued = Some(found.certificate == leaf),
                    other => panic!("{other:?}"),
                }
            });
            assert_eq!(issued, Some(true));
            at_most(REPLY, &format!("CertRep, {name}, BER {is_ber}"), body.len(), cost);
        }
    }
}

// T39
#[test]
fn the_largest_answer_to_get_ca_cert_takes_a_client_no_more_memory_than_promised() {
    for (name, limits) in PRESETS {
        for is_ber in [false, true] {
            let kit = Kit::with(config(&limits));
            let chain = certificates(&kit.root, &limits, limits.response - 400);
            let body = certs_only::encode(&views(&chain));
            let body = if is_ber { ber(&body) } else { body };
            assert!((limits.response - 400..=limits.response).contains(&body.len()), "{}", body.len());
            let Step::Transmit(first) = kit.client.fetch_ca(URL).unwrap() else { panic!() };
            let rng = &mut seeded(3);
            let response = HttpResponse::new(200, None, b"SCEPStandard".to_vec());
            let Step::Transmit(second) = first.receive(response, kit.now, rng).unwrap() else { panic!() };
            let cost = cost(&body, |body| {
                let step = second.receive(HttpResponse::new(200, None, body), kit.now, rng).unwrap();
                let Step::Trust(trust) = step else { panic!("{step:?}") };
                assert_eq!(trust.certificates().len(), limits.certificates);
                // what is not the CA's comes along all the same
                assert!(matches!(trust.dangerous(), Ok(Step::Done(Done::Ca(_)))));
            });
            at_most(REPLY, &format!("GetCACert, {name}, BER {is_ber}"), body.len(), cost);
        }
    }
}
