//! Reads a vector through the public API, in the order in which client and server do, and tells what it found.

use crate::make::ours::SplitMix;
use crate::manifest::{self, Fact, Facts, Vector};
use crate::provider::{SoftwareKey, certificates_from_pem};
use scep::Error;
use scep::crypto::{ChallengePassword, Provider, Random};
use scep::error::{BadSignature, InvalidMessage};
use scep::inspect::inspect;
use scep::message::{Correlation, OpenPolicy, PathContext, Unverified, Verified, check_path};
use scep::pki_types::{CertificateDer, UnixTime};
use scep::transport::{HttpRequest, Operation, parse_request};
use scep::wire::{
    Capabilities, Certificate, CertificationRequest, CertsOnly, GeneralName, IssuerAndSerialNumber,
    IssuerAndSubject, Limits, MessageType, Oid, PkiStatus, SignatureScheme, SignedAttributes, SignedData,
    ca_certificates, normalize, subject_alt_names,
};
use std::time::Duration;

/// What a vector is read as.
pub(crate) const KINDS: [&str; 8] =
    ["request", "reply", "query", "capabilities", "get-ca-cert", "get-next-ca-cert", "certs-only", "csr"];

/// With which algorithms.
#[derive(Clone, Copy)]
pub(crate) struct With {
    pub(crate) provider: &'static Provider,
    pub(crate) single_des: bool,
}

/// What is found in a vector. Where the library refuses it, `refused` says in which step and why; the facts are those
/// from before.
pub(crate) fn read(vector: &Vector, with: With) -> Facts {
    let mut reading = Reading { vector, with, facts: Facts::new(), step: "parse", limits: Limits::DEFAULT };
    if let Err(error) = reading.any(&vector.bytes()) {
        let step = reading.step;
        reading.tell("refused", format!("{step}: {}", plain(error)));
    }
    reading.facts
}

/// `InvalidMessage(Der)`, as `Debug` has it.
fn plain(error: Error) -> String {
    format!("{error:?}")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(crate) fn certificates(files: &[String]) -> Vec<CertificateDer<'static>> {
    files.iter().flat_map(|file| certificates_from_pem(&manifest::text(file)).unwrap()).collect()
}

struct Reading<'a> {
    vector: &'a Vector,
    with: With,
    facts: Facts,
    step: &'static str,
    limits: Limits,
}

impl Reading<'_> {
    fn tell(&mut self, name: &str, fact: impl Into<Fact>) {
        self.facts.insert(name.to_owned(), fact.into());
    }

    fn any(&mut self, bytes: &[u8]) -> Result<(), Error> {
        match self.vector.kind.as_str() {
            "request" => self.request(bytes),
            "reply" => self.reply(bytes),
            "query" => self.query(bytes),
            "capabilities" => {
                let capabilities = Capabilities::parse(bytes, &self.limits)?;
                self.facts
                    .insert("capabilities".into(), Fact::list(capabilities.iter().map(|one| one.keyword())));
                Ok(())
            }
            "get-ca-cert" => {
                let der = normalize(bytes, &self.limits)?;
                let list = ca_certificates(&der, &self.limits)?;
                self.subjects("certificates", list.into_iter())
            }
            "get-next-ca-cert" => self.next_ca(bytes),
            "certs-only" => self.certs_only(bytes),
            "csr" => self.csr(bytes, None),
            other => panic!("{}: unknown kind {other}", self.vector.file),
        }
    }

    /// The subjects of certificates, each of which has to be readable.
    fn subjects<'c>(&mut self, name: &str, list: impl Iterator<Item = &'c [u8]>) -> Result<(), Error> {
        let subjects = list.map(|der| Ok(Certificate::parse(der)?.subject().to_string()));
        let subjects = subjects.collect::<Result<Vec<String>, Error>>()?;
        self.facts.insert(name.to_owned(), Fact::List(subjects));
        Ok(())
    }

    /// A raw HTTP request.
    fn query(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.step = "query";
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
        let head = std::str::from_utf8(&bytes[..end]).unwrap();
        let mut words = head.lines().next().unwrap().split(' ');
        let (method, target) = (words.next().unwrap(), words.next().unwrap());
        let request = HttpRequest::new(method, target, bytes[end + 4..].to_vec());
        let call = parse_request(request, self.limits.url, self.limits.message)?;
        self.tell("operation", call.operation.name());
        self.tell("method", if call.get { "GET" } else { "POST" });
        if call.operation == Operation::PkiOperation {
            return self.request(&call.message);
        }
        self.tell("message", String::from_utf8(call.message).unwrap());
        Ok(())
    }

    /// As a server reads.
    fn request(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.step = "parse";
        let message = Unverified::parse(bytes.to_vec(), &self.limits)?;
        self.step = "address";
        let id = message.transaction_id_hint()?.ok_or(InvalidMessage::MissingAttribute)?;
        self.tell("transactionId", hex(id.as_bytes()));
        let nonce = message.sender_nonce_hint()?.ok_or(InvalidMessage::MissingAttribute)?;
        self.tell("senderNonce", hex(nonce.as_bytes()));
        self.step = "verify";
        let verified = message.verify_as_sent(self.with.provider)?;
        let message_type = self.signed(&verified)?;
        let recipients = certificates(&self.vector.recipients);
        let content = self.open(&verified, &recipients.iter().collect::<Vec<_>>(), false)?;
        match message_type {
            MessageType::PkcsReq | MessageType::RenewalReq => self.csr(&content, Some(&verified)),
            MessageType::CertPoll => {
                let names = IssuerAndSubject::parse(&content)?;
                self.tell("payload", "IssuerAndSubject");
                self.tell("issuer", names.issuer.to_string());
                self.tell("subject", names.subject.to_string());
                Ok(())
            }
            MessageType::GetCert | MessageType::GetCrl => {
                let wanted = IssuerAndSerialNumber::parse(&content)?;
                self.tell("payload", "IssuerAndSerialNumber");
                self.tell("issuer", wanted.issuer.to_string());
                self.tell("serial", hex(wanted.serial));
                Ok(())
            }
            MessageType::CertRep => Err(InvalidMessage::MessageType.into()),
        }
    }

    /// What the signature covers.
    fn signed(&mut self, verified: &Verified) -> Result<MessageType, Error> {
        self.tell("scheme", format!("{:?}", verified.scheme()));
        let signer = Certificate::parse(verified.signer())?;
        self.tell("signer", signer.subject().to_string());
        self.step = "attributes";
        let attributes = verified.attributes()?;
        let message_type = attributes.message_type()?;
        self.tell("messageType", message_type.to_string());
        Ok(message_type)
    }

    /// What the envelope holds.
    fn open(
        &mut self,
        verified: &Verified,
        recipients: &[&CertificateDer<'static>],
        any_key_identifier: bool,
    ) -> Result<Vec<u8>, Error> {
        self.step = "envelope";
        let With { provider, single_des } = self.with;
        let policy = OpenPolicy { provider, recipients, single_des, any_key_identifier };
        // what comes out under a wrong key has proper padding once in 256 times: the same every time, then
        let mut rng = Random::new(SplitMix(8894));
        if let Some(password) = &self.vector.password {
            self.step = "password";
            let envelope = verified.password_envelope(&policy, &mut rng)?;
            self.tell("contentEncryption", format!("{:?}", envelope.content_encryption()));
            self.tell("keyTransport", "password");
            self.step = "open";
            let password = ChallengePassword::new(password.as_str())?;
            let content = envelope.open(Some(&password))?.content()?.to_vec();
            self.step = "content";
            return Ok(content);
        }
        let envelope = verified.envelope(&policy, &mut rng)?;
        self.tell("contentEncryption", format!("{:?}", envelope.content_encryption()));
        self.tell("keyTransport", format!("{:?}", envelope.job().transport()));
        self.step = "open";
        let key = SoftwareKey::from_pem(&manifest::text(self.vector.key.as_ref().unwrap()))?;
        let unwrapped = key.decrypt(envelope.job(), &mut rng)?;
        let content = envelope.open(&unwrapped)?.content()?.to_vec();
        self.step = "content";
        Ok(content)
    }

    /// A certification request, alone or in a message.
    fn csr(&mut self, content: &[u8], message: Option<&Verified>) -> Result<(), Error> {
        let csr = CertificationRequest::parse(content, &self.limits)?;
        self.tell("payload", "PKCS#10");
        self.tell("subject", csr.subject().to_string());
        if let Some(message) = message {
            let signer = Certificate::parse(message.signer())?;
            let same = signer.public_key().same_key(&csr.public_key());
            self.tell("signerKey", if same { "that of the request" } else { "another" });
            if !same && signer.is_self_issued() {
                return Err(BadSignature::KeyMismatch.into());
            }
        }
        let scheme = SignatureScheme::from_identifier(&csr.signature_algorithm())?;
        let verifier = self.with.provider.verifier(scheme)?;
        verifier
            .verify(&csr.public_key(), &[csr.info()], csr.signature())
            .map_err(|_| BadSignature::CertificationRequest)?;
        self.tell("requestScheme", format!("{scheme:?}"));
        if let Some(challenge) = csr.challenge_password()? {
            self.tell("challenge", challenge.as_str());
        }
        if let Some(extensions) = csr.extension_request(&self.limits)?
            && let Some(names) = extensions.get(Oid::SUBJECT_ALT_NAME)
        {
            let names = subject_alt_names(names.value, &self.limits)?;
            let names = names.iter().map(|name| match name {
                GeneralName::Dns(name) => format!("DNS:{name}"),
                GeneralName::Email(name) => format!("email:{name}"),
                other => format!("{other:?}"),
            });
            self.tell("names", Fact::list(names));
        }
        Ok(())
    }

    fn trusted(&self) -> Vec<CertificateDer<'static>> {
        certificates(&self.vector.signers)
    }

    /// As a client reads.
    fn reply(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let message = Unverified::parse(bytes.to_vec(), &self.limits)?;
        self.step = "verify";
        let trusted = self.trusted();
        let verified = message.verify_by(self.with.provider, &trusted)?;
        self.signed(&verified)?;
        let attributes = verified.attributes()?;
        let mut own = None;
        if let Some(request) = &self.vector.answers {
            let (expected, certificate) = self.request_of(request);
            self.step = "correlate";
            expected.check(&verified)?;
            own = Some(certificate);
            self.step = "attributes";
        }
        if let Some(id) = attributes.transaction_id()? {
            self.tell("transactionId", hex(id.as_bytes()));
        }
        if let Some(nonce) = attributes.sender_nonce()? {
            self.tell("senderNonce", hex(nonce.as_bytes()));
        }
        if let Some(nonce) = attributes.recipient_nonce()? {
            self.tell("recipientNonce", hex(nonce.as_bytes()));
        }
        let status = attributes.pki_status()?;
        self.tell("pkiStatus", status.to_string());
        match status {
            PkiStatus::Pending => Ok(()),
            PkiStatus::Failure => self.failure(&attributes),
            PkiStatus::Success => {
                let recipients = own.map_or_else(|| certificates(&self.vector.recipients), |own| vec![own]);
                let content = self.open(&verified, &recipients.iter().collect::<Vec<_>>(), true)?;
                self.certs_only(&content)?;
                self.path(&content, &trusted)
            }
        }
    }

    fn failure(&mut self, attributes: &SignedAttributes<'_>) -> Result<(), Error> {
        let fail_info = attributes.fail_info()?.ok_or(InvalidMessage::FailInfo)?;
        self.tell("failInfo", fail_info.name());
        if let Some(text) = attributes.fail_info_text()? {
            self.tell("failInfoText", text);
        }
        Ok(())
    }

    /// What a reply to this request has to repeat, and the certificate that it is encrypted for.
    fn request_of(&self, file: &str) -> (Correlation, CertificateDer<'static>) {
        let request = manifest::load().iter().find(|vector| vector.file == file);
        let request = request.unwrap_or_else(|| panic!("{}: no request {file}", self.vector.file));
        let mut bytes = request.bytes();
        if request.kind == "query" {
            let target = String::from_utf8_lossy(&bytes).split(' ').nth(1).unwrap().to_owned();
            let body = bytes.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
            let method = if bytes.starts_with(b"GET ") { "GET" } else { "POST" };
            let call = HttpRequest::new(method, target, bytes[body..].to_vec());
            bytes = parse_request(call, self.limits.url, self.limits.message).unwrap().message;
        }
        let message = Unverified::parse(bytes, &self.limits).unwrap();
        let transaction_id = message.transaction_id_hint().unwrap().unwrap();
        let nonce = message.sender_nonce_hint().unwrap().unwrap();
        let provider = &crate::provider::PROVIDER_WITH_LEGACY;
        let signer = message.verify_as_sent(provider).unwrap().signer().clone();
        (Correlation { transaction_id, nonce }, signer)
    }

    fn certs_only(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let der = normalize(bytes, &self.limits)?;
        let message = CertsOnly::parse(&der, &self.limits)?;
        self.tell("payload", "certs-only");
        self.subjects("certificates", message.certificates().iter())?;
        let crls = message.crls().count();
        if crls > 0 {
            self.tell("crls", crls.to_string());
        }
        Ok(())
    }

    /// The first certificate has to chain to a trusted one, on the day on which it was made.
    fn path(&mut self, bytes: &[u8], anchors: &[CertificateDer<'static>]) -> Result<(), Error> {
        self.step = "path";
        let Some(time) = self.vector.time else { return Ok(()) };
        let der = normalize(bytes, &self.limits)?;
        let message = CertsOnly::parse(&der, &self.limits)?;
        let Some(leaf) = message.certificates().iter().next() else { return Ok(()) };
        let context = PathContext {
            provider: self.with.provider,
            limits: &self.limits,
            anchors,
            intermediates: &[],
            now: Some(UnixTime::since_unix_epoch(Duration::from_secs(time))),
        };
        check_path(&Certificate::parse(leaf)?, &context)
    }

    /// The answer to GetNextCACert: signed by the present CA.
    fn next_ca(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let message = Unverified::parse(bytes.to_vec(), &self.limits)?;
        self.step = "verify";
        let verified = message.verify_by(self.with.provider, &self.trusted())?;
        self.tell("scheme", format!("{:?}", verified.scheme()));
        self.step = "content";
        if !verified.content().is_empty() {
            return self.certs_only(verified.content());
        }
        // Without content the new certificates stand beside that of the signer.
        let der = normalize(bytes, &self.limits)?;
        let outer = SignedData::parse(&der, &self.limits)?;
        let trusted = self.trusted();
        let next = outer.certificates();
        let next = next.iter().filter(|der| trusted.iter().all(|trusted| trusted.as_ref() != *der));
        self.subjects("certificates", next)
    }
}

/// Whether the tolerant reading agrees: on what it is read from the same bytes, and wherever it says something that
/// was expected.
pub(crate) fn inspected(vector: &Vector, provider: &Provider) -> Result<(), String> {
    let bytes = vector.bytes();
    let report = match inspect(&bytes, provider) {
        Ok(report) => report,
        // The strict reading has to refuse it as well.
        Err(_) if vector.expect.contains_key("refused") => return Ok(()),
        // Any text is an answer to GetCACaps, but by itself it could be anything.
        Err(_) if vector.kind == "capabilities" => return Ok(()),
        Err(error) => return Err(format!("inspect: {error:?}")),
    };
    let _ = format!("{report:?}");
    let Some(message) = &report.message else { return Ok(()) };
    let expected = |name: &str| vector.expect.get(name).and_then(Fact::text);
    if let (Some(own), Some(other)) = (expected("messageType"), &message.message_type)
        && own != other.to_string()
    {
        return Err(format!("inspect: messageType {other}, not {own}"));
    }
    if let (Some(own), Some(other)) = (expected("transactionId"), &message.transaction_id)
        && own != hex(other.as_bytes())
    {
        return Err(format!("inspect: transactionID {other}, not {own}"));
    }
    if let (Some(own), Some(other)) = (expected("pkiStatus"), &message.pki_status)
        && own != other.to_string()
    {
        return Err(format!("inspect: pkiStatus {other}, not {own}"));
    }
    Ok(())
}
