//! Enrolment behind the Intune service: a mock of it, a server that asks it, and devices that are told the outcome.

mod events;
mod matrix;
mod revocation;
mod service;
mod steps;
mod undecided;

// the mock is the example's; not every test needs all of it
#[allow(dead_code, reason = "shared with the example")]
#[path = "../../../examples/intune/service.rs"]
mod mock;

use crate::requests::*;
use crate::server_kit::*;
use crate::support::{NOW, seeded};
use mock::{MockService, Profile, Trouble};
use scep::crypto::rustcrypto::SHA1;
use scep::intune::{Endpoints, IssuedBy, Notification, Service, Validated, Verdict, drive};
use scep::pki_types::CertificateDer;
use scep::server::{Enrol, Exchange};
use scep::wire::{KeyUsage, Oid};

/// The server, the service, and what the server knows of where it is.
struct Office {
    server: Server,
    mock: MockService,
    service: Service,
    endpoints: Endpoints,
    /// What was logged.
    log: Vec<scep::intune::ConnectorEvent>,
    /// Certificates that were made and did not go out.
    withheld: Vec<CertificateDer<'static>>,
}

impl Office {
    fn new() -> Self {
        Self {
            server: Server::with(config().endpoint("mdm")),
            mock: MockService::new(NOW),
            service: Service::new("Test CA 1.0", &SHA1).unwrap(),
            endpoints: Endpoints::default(),
            log: Vec::new(),
            withheld: Vec::new(),
        }
    }

    /// A request with a challenge for it.
    fn request(&mut self) -> Message {
        let challenge = self.mock.challenge(&profile(), 3600);
        request_with(&challenge, |_| ())
    }

    fn validate(&mut self, question: Enrol) -> Verdict {
        let ask = self.service.validate(question, &self.endpoints, &mut seeded(3)).unwrap();
        let verdict = drive(ask, &mut self.mock, &mut self.endpoints);
        self.log.push(verdict.event());
        verdict
    }

    fn leaf(&self, validated: &Validated) -> CertificateDer<'static> {
        let requested = validated.requested();
        let mut template = X509::of("CN=x", "CN=Server CA", &DEVICE);
        template.subject = requested.subject().unwrap().as_der().to_vec();
        template.public_key = requested.public_key().to_vec();
        template.serial = vec![0x1F, self.server.issuer.issued.borrow().len() as u8];
        template.extensions.push((Oid::EXTENDED_KEY_USAGE, client_auth()));
        let leaf = template.sign(&CA);
        self.server.issuer.issued.borrow_mut().push(leaf.clone());
        certificate(&leaf)
    }

    /// What a CA does with a question.
    fn decide(&mut self, question: Enrol) -> Exchange {
        let rng = &mut seeded(4);
        let validated = match self.validate(question) {
            Verdict::Valid(validated) => validated,
            Verdict::Refused(refused) => return refused.refuse(rng),
            Verdict::Undecided(undecided) => return undecided.unavailable(),
        };
        let leaf = self.leaf(&validated);
        let ask = validated.issued(leaf, Vec::new(), &IssuedBy::default(), &self.endpoints).unwrap();
        let notification = drive(ask, &mut self.mock, &mut self.endpoints);
        self.log.push(notification.event());
        match notification {
            Notification::Acknowledged(acknowledged) => acknowledged.grant(),
            Notification::Rejected(rejected) => {
                self.withheld.push(rejected.certificate().clone());
                rejected.refuse(rng)
            }
            Notification::Undecided(unnotified) => {
                self.withheld.push(unnotified.certificate().clone());
                unnotified.unavailable()
            }
        }
    }

    /// From a message to what the device is told.
    fn ask(&mut self, message: &Message) -> Answer<'_> {
        let exchange = match self.server.walk(message.encode(), is_end) {
            Exchange::Decide(scep::server::Decide::Enrol(question)) => self.decide(question),
            other => other,
        };
        self.server.go_on(exchange)
    }
}

fn is_end(exchange: &Exchange) -> bool {
    !matches!(exchange, Exchange::Decrypt(_) | Exchange::Lookup(_))
}

fn client_auth() -> Vec<u8> {
    seq(&[&oid(Oid::CLIENT_AUTH)])
}

fn profile() -> Profile {
    Profile {
        device: "device-1".into(),
        subject: "O=Test, CN=dev1".into(),
        alt_names: vec!["dev1.example".into()],
        key_usage: KeyUsage::DIGITAL_SIGNATURE | KeyUsage::KEY_ENCIPHERMENT,
        purposes: vec!["1.3.6.1.5.5.7.3.2".into()],
        key_bits: 2048,
    }
}

/// What the profile asks for.
fn wishes() -> Vec<(Oid<'static>, Vec<u8>)> {
    vec![
        (Oid::SUBJECT_ALT_NAME, dns_names(&["dev1.example"])),
        (Oid::KEY_USAGE, vec![3, 2, 5, 0xA0]),
        (Oid::EXTENDED_KEY_USAGE, client_auth()),
    ]
}

fn request_with(text: &str, change: impl FnOnce(&mut Vec<(Oid<'static>, Vec<u8>)>)) -> Message {
    let mut wishes = wishes();
    change(&mut wishes);
    with_csr(|csr| {
        let attributes = csr.attributes.as_mut().unwrap();
        *attributes = vec![challenge(UTF8, text.as_bytes()), extension_request(&wishes)];
    })
}

/// SUCCESS: the certificate that the device gets.
#[track_caller]
fn issued(answer: &Answer<'_>) -> Vec<u8> {
    let read = answer.cert_rep();
    assert_eq!(read.status, "0", "{:?} {:?}", answer.outcome.cause, answer.outcome.summary);
    let opened = read.open(&DEVICE, &DEVICE_CERTIFICATE);
    assert!(answer.server.issuer.issued.borrow().contains(&opened.certificates[0]));
    opened.certificates[0].clone()
}
