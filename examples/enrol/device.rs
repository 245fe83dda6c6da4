//! The device: takes the library's steps by hand, one after the other, and tells what happens.
//!
//! A program that has nothing to tell uses [`scep::client::drive`], which is this loop without the words.

use crate::ca::Result;
use crate::{network, say};
use scep::client::{
    Client, ClientConfig, Decrypt, Done, Issued, NewEnrolment, Sign, Step, Transmit, Trust, Wait,
};
use scep::crypto::rustcrypto::{PROVIDER, SoftwareKey};
use scep::crypto::{ChallengePassword, Purpose, Rng};
use scep::pki_types::UnixTime;
use scep::transport::{HttpRequest, HttpResponse, Operation};
use scep::wire::{Capabilities, Certificate, GeneralName, Limits, MessageType};
use std::thread;
use std::time::{Duration, Instant};
use ureq::Agent;

/// Short, so that nobody has to wait; real devices ask after minutes or hours.
const POLL_INTERVAL: Duration = Duration::from_millis(200);

/// Who the device is: what its challenge is for.
pub(crate) const SUBJECT: &str = "C=DE, O=Example, CN=device-1";
pub(crate) const HOST: GeneralName<'_> = GeneralName::Dns("device-1.example.com");

/// What the device knows before it talks to the CA.
pub(crate) struct Device<'a> {
    pub(crate) key: &'a SoftwareKey,
    pub(crate) url: &'a str,
    pub(crate) fingerprint: &'a [u8; 32],
}

impl Device<'_> {
    /// From nothing to a certificate.
    pub(crate) fn enrol(&self, challenge: ChallengePassword, rng: &mut Rng<'_>) -> Result<Issued> {
        let request = NewEnrolment::builder(SUBJECT.parse()?, self.key.public_key_der())
            .challenge(challenge)
            .subject_alt_names(&[HOST])
            .build()?;
        let config = ClientConfig::new(&PROVIDER).poll_interval(POLL_INTERVAL, POLL_INTERVAL);
        let agent = network::agent();
        let mut step = Client::new(config).enrol(self.url, request, rng)?;
        // things are explained once
        let mut first = true;
        loop {
            step = match step {
                Step::Transmit(transmit) => self.transmit(transmit, &agent, first, rng)?,
                Step::Trust(trust) => self.trust(trust)?,
                Step::Sign(sign) => self.sign(sign, first, rng)?,
                Step::Wait(wait) => {
                    first = false;
                    poll(wait, rng)?
                }
                Step::Decrypt(decrypt) => self.open(decrypt, rng)?,
                Step::Done(Done::Issued(issued)) => return Ok(issued),
                Step::Done(Done::Refused { fail_info, text }) => {
                    let text = text.map(|text| format!(": {text}")).unwrap_or_default();
                    return Err(format!("the CA refuses, {fail_info}{text}").into());
                }
                Step::Done(other) => return Err(format!("unexpected end: {other:?}").into()),
            };
        }
    }

    /// Sends what the library wants sent, and hands back what came.
    fn transmit(&self, transmit: Transmit, agent: &Agent, first: bool, rng: &mut Rng<'_>) -> Result<Step> {
        announce(&transmit);
        let request = transmit.request();
        say::item("sent", line(request));
        let start = Instant::now();
        let response = network::exchange(agent, request)?;
        say::item("came back", arrived(&response, start));
        let message_type = transmit.message_type();
        let asked_capabilities = transmit.operation() == Operation::GetCaCaps;
        let capabilities = Capabilities::parse(&response.body, &Limits::DEFAULT);
        let step = transmit.receive(response, Some(UnixTime::now()), rng)?;
        if let (true, Ok(capabilities)) = (asked_capabilities, capabilities) {
            say::item("means", capabilities);
        }
        if message_type.is_some() {
            say::item("checked", "the CA signed it; it answers this request and no other");
            match &step {
                Step::Wait(_) if first => {
                    say::item("means", "PENDING: the CA holds the request, perhaps for a person to look at");
                }
                Step::Wait(_) => say::item("means", "PENDING: not yet"),
                Step::Decrypt(_) => say::item("means", "SUCCESS: the certificate is inside"),
                _ => {}
            }
        }
        Ok(step)
    }

    /// Compares the fingerprint. Nothing secret has been sent so far.
    fn trust(&self, trust: Trust) -> Result<Step> {
        for certificate in trust.certificates() {
            say::item("means", format_args!("certificate of {}", Certificate::parse(certificate)?.subject()));
        }
        say::heading("Trust", "Is it the right CA? Anybody on the network could have answered.");
        let start = Instant::now();
        let step = trust.matching_sha256(self.fingerprint)?;
        say::item("checked", "the certificate's SHA-256 is the fingerprint that the device was given");
        say::took(start);
        Ok(step)
    }

    /// Signs what the library wants signed. A key in a secure element or an HSM does it here just as well.
    fn sign(&self, sign: Sign, first: bool, rng: &mut Rng<'_>) -> Result<Step> {
        let purpose = sign.job().purpose();
        let start = Instant::now();
        let signature = self.key.sign(sign.job(), rng);
        let took = say::milliseconds(start.elapsed());
        let step = sign.complete(signature, rng)?;
        match purpose {
            Purpose::Csr => {
                say::heading("Sign", "The device makes its request, and signs it.");
                say::item("signed", format_args!("the request: name, public key, password; {took} ms"));
                say::item("why", "it shows that the device has the private key");
            }
            Purpose::TransportCertificate => {
                say::item(
                    "signed",
                    format_args!("a certificate that the device issues to itself; {took} ms"),
                );
                say::item("why", "a message is signed under a certificate, and it has no other yet");
            }
            _ if first => {
                say::item("encrypted", "the content with AES, its key for the CA: only the CA can read it");
                say::item("signed", format_args!("the message around it; {took} ms"));
                say::item("why", "so nobody can change it on the way");
            }
            _ => say::item("signed", format_args!("a message that asks how the request stands; {took} ms")),
        }
        Ok(step)
    }

    /// Opens the answer. The library checks everything before it hands the certificate out.
    fn open(&self, decrypt: Decrypt, rng: &mut Rng<'_>) -> Result<Step> {
        say::heading("Open", "The answer is encrypted for the device.");
        let start = Instant::now();
        let unwrapped = self.key.decrypt(decrypt.job(), rng);
        let step = decrypt.complete(unwrapped)?;
        say::item("decrypted", "the content key with the device's private key, the rest with AES");
        say::item("checked", "the certificate is for the device's key");
        say::item("checked", "the CA issued it: its signature leads to the CA's certificate");
        say::item("checked", "it is valid now, and no CA certificate");
        say::took(start);
        Ok(step)
    }
}

/// Waits, and makes the next question. A device that is switched off meanwhile stores `wait.save()` and goes on with
/// `client.resume(..)`.
fn poll(wait: Wait, rng: &mut Rng<'_>) -> Result<Step> {
    say::heading("Wait", &format!("The device waits, and asks again: question {}.", wait.polls() + 1));
    say::item("waited", format_args!("{} ms", wait.after().as_millis()));
    thread::sleep(wait.after());
    Ok(wait.poll(rng)?)
}

/// Says what the next request is for.
fn announce(transmit: &Transmit) {
    match transmit.message_type() {
        Some(MessageType::PkcsReq) => say::heading("Ask", "The device sends its request (PKCSReq)."),
        Some(MessageType::CertPoll) => {}
        None if transmit.operation() == Operation::GetCaCaps => {
            say::heading("Look", "What can the CA do (GetCACaps)?");
            say::item(
                "why",
                "the CA lists what it can do; nobody signed that, so it decides nothing that matters",
            );
        }
        _ => {
            say::heading("Look", "Who is the CA (GetCACert)?");
            say::item("why", "the request is encrypted for the CA's certificate");
        }
    }
    if let Some(id) = transmit.transaction_id() {
        let name = transmit.message_type().map_or("", |message_type| message_type.name());
        say::item("message", format_args!("{name}, transaction {id}"));
    }
}

/// Method, path and size.
fn line(request: &HttpRequest) -> String {
    let path = request.target.splitn(4, '/').nth(3).unwrap_or_default();
    let method = request.method.name().unwrap_or_default();
    match request.body.len() {
        0 => format!("{method} /{path}"),
        length => format!("{method} /{path}, {length} bytes"),
    }
}

/// Status, kind and size.
fn arrived(response: &HttpResponse, start: Instant) -> String {
    let kind = response.content_type.as_deref().unwrap_or("no type");
    let took = say::milliseconds(start.elapsed());
    format!("HTTP {}, {kind}, {} bytes; {took} ms", response.status, response.body.len())
}
