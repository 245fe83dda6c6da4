//! A device that has a certificate already, and a CA whose answers are made by hand.

use crate::cert_rep::{Asked, CertRep};
use crate::provider::{KeyRing, PROVIDER, PROVIDER_WITH_LEGACY};
use crate::support::*;
use scep::client::{Client, ClientConfig, Failed, Renewal, Step, Transmit, TrustedCa};
use scep::crypto::{Decryptor, Purpose, Random, Signer};
use scep::message::{OpenPolicy, Unverified};
use scep::pki_types::{CertificateDer, UnixTime};
use scep::transport::{HttpRequest, HttpResponse};
use scep::wire::{
    Capabilities, Capability, Certificate, ExtensionsBuilder, GeneralName, KeyUsage, Limits, Oid,
};

/// What a modern server lists.
pub(crate) fn standard() -> Capabilities {
    list(&[Capability::ScepStandard, Capability::Renewal])
}

pub(crate) fn list(keywords: &[Capability]) -> Capabilities {
    keywords.iter().fold(Capabilities::new(), |list, keyword| list.with(*keyword))
}

pub(crate) struct Kit {
    pub(crate) ca: TestKey,
    pub(crate) root: CertificateDer<'static>,
    /// The key of the device's certificate, and the one that it wants to have certified.
    pub(crate) current: TestKey,
    pub(crate) new: TestKey,
    pub(crate) certificate: CertificateDer<'static>,
    pub(crate) config: ClientConfig,
    pub(crate) client: Client,
    pub(crate) rng: Random<SplitMix>,
    pub(crate) now: Option<UnixTime>,
    /// Which keys had to sign, what for; and which had to decrypt.
    pub(crate) signed: Vec<(Purpose, Vec<u8>)>,
    pub(crate) decrypted: Vec<Vec<u8>>,
}

impl Kit {
    pub(crate) fn new() -> Self {
        Self::with(ClientConfig::new(&PROVIDER))
    }

    pub(crate) fn with(config: ClientConfig) -> Self {
        let (ca, current) = (TestKey::ca(), TestKey::device());
        let usage = KeyUsage::KEY_CERT_SIGN
            | KeyUsage::CRL_SIGN
            | KeyUsage::DIGITAL_SIGNATURE
            | KeyUsage::KEY_ENCIPHERMENT;
        let root = Template { usage: Some(usage), ..Template::ca(CA_NAME) };
        let root = root.sign(ca.soft.public_key_der(), &ca);
        let certificate = Template::leaf(DEVICE_NAME).sign(current.soft.public_key_der(), &ca);
        Self {
            root,
            certificate,
            ca,
            current,
            new: TestKey::device2(),
            client: Client::new(config.clone()),
            config,
            rng: seeded(6),
            now: Some(at(NOW)),
            signed: Vec::new(),
            decrypted: Vec::new(),
        }
    }

    pub(crate) fn trusted(&self, listed: Capabilities) -> TrustedCa {
        let anchors = std::slice::from_ref(&self.root);
        TrustedCa::new(&self.config, anchors, &[], listed, self.now).unwrap()
    }

    pub(crate) fn renewal(&self) -> Renewal {
        Renewal::builder(self.certificate.clone(), self.new.soft.public_key_der()).build().unwrap()
    }

    /// Takes signatures until there is something to send.
    pub(crate) fn up_to_message(&mut self, mut step: Step) -> Transmit {
        let ring = KeyRing::new(&[&self.current.soft, &self.new.soft]);
        loop {
            step = match step {
                Step::Transmit(transmit) => return transmit,
                Step::Sign(sign) => {
                    let job = sign.job();
                    self.signed.push((job.purpose(), job.public_key().to_vec()));
                    let signature = Signer::sign(&mut &ring, job, &mut self.rng);
                    sign.complete(signature, &mut self.rng).unwrap()
                }
                other => panic!("{other:?}"),
            }
        }
    }

    /// A renewal on its way, at a CA that lists what is standard.
    pub(crate) fn renewing(&mut self) -> (Transmit, Asked) {
        let (ca, renewal) = (self.trusted(standard()), self.renewal());
        let step = self.client.renew_with(URL, ca, renewal, self.now, &mut self.rng).unwrap();
        let transmit = self.up_to_message(step);
        let asked = Asked::of(transmit.request());
        (transmit, asked)
    }

    /// Takes a reply to its end.
    pub(crate) fn take(
        &mut self,
        transmit: Transmit,
        response: HttpResponse,
    ) -> Result<Step, Box<Failed<Transmit>>> {
        match transmit.receive(response, self.now, &mut self.rng)? {
            Step::Decrypt(decrypt) => {
                let ring = KeyRing::new(&[&self.current.soft, &self.new.soft]);
                self.decrypted.push(decrypt.job().recipient().public_key().unwrap().to_vec());
                let unwrapped = Decryptor::decrypt(&mut &ring, decrypt.job(), &mut self.rng);
                decrypt.complete(unwrapped)
            }
            other => Ok(other),
        }
    }

    /// A certificate of the CA's for this key, changed by `change`.
    pub(crate) fn leaf(&self, key: &TestKey, change: impl FnOnce(&mut Template)) -> CertificateDer<'static> {
        let mut template = Template::leaf(DEVICE_NAME);
        template.serial = vec![0x52];
        change(&mut template);
        template.sign(key.soft.public_key_der(), &self.ca)
    }

    pub(crate) fn sign(&self, reply: CertRep) -> HttpResponse {
        reply.sign(&self.ca, &self.root)
    }

    /// What is inside a request, which the CA's key opens.
    pub(crate) fn content(&self, request: &HttpRequest) -> Vec<u8> {
        content(request, &self.ca, &self.root)
    }
}

/// What is inside a request that was encrypted for this certificate.
pub(crate) fn content(request: &HttpRequest, key: &TestKey, recipient: &CertificateDer<'static>) -> Vec<u8> {
    let mut rng = seeded(8);
    let message = Unverified::parse(request.body.clone(), &Limits::DEFAULT).unwrap();
    let verified = message.verify_as_sent(&PROVIDER_WITH_LEGACY).unwrap();
    let policy = OpenPolicy {
        provider: &PROVIDER_WITH_LEGACY,
        recipients: &[recipient],
        single_des: false,
        any_key_identifier: false,
    };
    let envelope = verified.envelope(&policy, &mut rng).unwrap();
    let unwrapped = key.soft.decrypt(envelope.job(), &mut rng).unwrap();
    envelope.open(&unwrapped).unwrap().content().unwrap().to_vec()
}

/// Signs a certificate again with a subjectAltName in it.
pub(crate) fn with_names(
    certificate: &CertificateDer<'_>,
    critical: bool,
    names: &[GeneralName<'_>],
    by: &TestKey,
) -> CertificateDer<'static> {
    let own = Certificate::parse(certificate).unwrap();
    let usage = ExtensionsBuilder::default().key_usage(own.key_usage().unwrap()).build();
    let named = ExtensionsBuilder::default().subject_alt_names(names).unwrap().build();
    let named = scep::wire::Extensions::parse(&named, &Limits::DEFAULT).unwrap();
    let value = named.get(Oid::SUBJECT_ALT_NAME).unwrap().value;
    let both = ExtensionsBuilder::default()
        .key_usage(own.key_usage().unwrap())
        .raw(Oid::SUBJECT_ALT_NAME, critical, value)
        .build();
    // the extensions stand at the end, in [3]
    let tbs = own.tbs();
    let old = tlv(0xA3, &[&usage]);
    let fields = tbs.strip_suffix(&old[..]).unwrap();
    // tag and three length octets of the SEQUENCE
    let tbs = tlv(0x30, &[&fields[4..], &tlv(0xA3, &[&both])]);
    let scheme = scep::crypto::SignatureScheme::RsaPkcs1(scep::crypto::Digest::Sha256);
    CertificateDer::from(scep::wire::assemble(&tbs, scheme, &by.sign(&tbs)))
}
