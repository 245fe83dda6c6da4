//! What RFC 8894 section 2.9 advises against: refused, unless somebody asked for it.

use crate::cert_rep::{Asked, CertRep, enveloped_with};
use crate::provider::{AES_256_CBC, DES_CBC, PROVIDER, PROVIDER_WITH_LEGACY, TRIPLE_DES_CBC};
use crate::support::*;
use scep::client::{Client, ClientConfig, Compat, DriveCause, Step, Transmit};
use scep::crypto::{ContentCipher, Digest, Provider};
use scep::error::{ApiMisuse, Error, Unsupported};
use scep::pki_types::CertificateDer;
use scep::transport::{HttpResponse, X509_CA_CERT};
use scep::wire::{KeyUsage, certs_only};

struct Waiting {
    ca: Ca,
    device: Device,
    transmit: Transmit,
    leaf: CertificateDer<'static>,
}

fn waiting(provider: &'static Provider, compat: Compat) -> Waiting {
    let mut ca = Ca::new();
    let mut device = Device::new(&ca);
    device.client = Client::new(ClientConfig::new(provider).compat(compat));
    let leaf = Template::leaf(DEVICE_NAME).sign(device.key.soft.public_key_der(), &ca.key);
    let step = device.start();
    let transmit = device.up_to_message(step, &mut ca);
    Waiting { ca, device, transmit, leaf }
}

impl Waiting {
    /// A SUCCESS encrypted with this cipher and signed with this digest.
    fn success(&self, cipher: &dyn ContentCipher, digest: Digest) -> HttpResponse {
        let asked = Asked::of(self.transmit.request());
        let content = certs_only::encode(&[&self.leaf]);
        let content = enveloped_with(cipher, &content, &asked.signer, &self.device.key);
        let reply = CertRep { content, ..CertRep::new(&asked, "0") };
        reply.sign_with(digest, &self.ca.key, &self.ca.certificate)
    }
}

fn accepts(provider: &'static Provider, compat: Compat, cipher: &dyn ContentCipher, digest: Digest) {
    let mut waiting = waiting(provider, compat);
    let reply = waiting.success(cipher, digest);
    let issued = issued_step(waiting.device.take(waiting.transmit, reply).unwrap());
    assert_eq!(issued.certificate, waiting.leaf);
}

/// The reply counts as none, costs no decryption, and an honest one is taken afterwards.
fn refuses(
    provider: &'static Provider,
    compat: Compat,
    cipher: &dyn ContentCipher,
    digest: Digest,
    error: Unsupported,
) {
    let mut waiting = waiting(provider, compat);
    let reply = waiting.success(cipher, digest);
    let failed = waiting.device.take(waiting.transmit, reply).unwrap_err();
    assert_eq!((failed.error, waiting.device.decryptions), (error.into(), 0));
    let transmit = failed.retry.unwrap();
    let honest = waiting.ca.serve(transmit.request()).reply;
    issued_step(waiting.device.take(transmit, honest).unwrap());
}

fn reads_des() -> Compat {
    let mut compat = Compat::STRICT;
    compat.des_cbc_reply = true;
    compat
}

#[test]
fn any_aes_is_read() {
    accepts(&PROVIDER, Compat::STRICT, &AES_256_CBC, Digest::Sha512);
}

// quirk 39, P13, R-2.9-3, T28, case 123
#[test]
fn legacy_replies_are_refused_by_default() {
    refuses(&PROVIDER, Compat::STRICT, &TRIPLE_DES_CBC, Digest::Sha256, Unsupported::ContentEncryption);
    refuses(&PROVIDER, Compat::STRICT, &DES_CBC, Digest::Sha256, Unsupported::SingleDes);
    refuses(&PROVIDER, Compat::STRICT, &AES_256_CBC, Digest::Sha1, Unsupported::Digest);
}

#[test]
fn triple_des_and_sha1_are_read_when_the_provider_lists_them() {
    accepts(&PROVIDER_WITH_LEGACY, Compat::STRICT, &TRIPLE_DES_CBC, Digest::Sha1);
}

// quirk 39, P13, R-2.9-3, case 123: it takes the provider and the switch
#[test]
fn single_des_is_read_behind_its_own_switch_only() {
    refuses(&PROVIDER_WITH_LEGACY, Compat::STRICT, &DES_CBC, Digest::Sha256, Unsupported::SingleDes);
    refuses(&PROVIDER, reads_des(), &DES_CBC, Digest::Sha256, Unsupported::SingleDes);
    accepts(&PROVIDER_WITH_LEGACY, reads_des(), &DES_CBC, Digest::Sha1);
}

/// A device at a CA whose keyUsage lacks keyEncipherment, as far as it gets.
fn at_a_ca_for_signatures_only(compat: Compat) -> Result<Step, Error> {
    let key = TestKey::ca();
    let usage = Some(KeyUsage::KEY_CERT_SIGN | KeyUsage::CRL_SIGN);
    let certificate = Template { usage, ..Template::ca(CA_NAME) }.sign(key.soft.public_key_der(), &key);
    let mut device = Device::new(&Ca::new());
    device.client = Client::new(ClientConfig::new(&PROVIDER).compat(compat));
    let mut step = device.start();
    for body in [Vec::new(), certificate.to_vec()] {
        let Step::Transmit(transmit) = step else { panic!("{step:?}") };
        let response = HttpResponse::ok(X509_CA_CERT, body);
        step = transmit.receive(response, device.now, &mut device.rng).unwrap();
    }
    let Step::Trust(trust) = step else { panic!("{step:?}") };
    trust.pinned(&certificate).map_err(|failed| failed.error)
}

// quirk 21, P15, C-6.2.1-2, R-2.1.2-2
#[test]
fn a_ca_without_key_encipherment_gets_a_request_behind_a_switch_only() {
    assert_eq!(at_a_ca_for_signatures_only(Compat::STRICT).unwrap_err(), ApiMisuse::Recipient.into());
    let mut compat = Compat::STRICT;
    compat.recipient_without_key_encipherment = true;
    assert!(matches!(at_a_ca_for_signatures_only(compat), Ok(Step::Sign(_))));
}

#[test]
fn the_switches_change_nothing_at_a_ca_that_needs_none() {
    let mut compat = reads_des();
    compat.recipient_without_key_encipherment = true;
    let mut ca = Ca::with_ra();
    let mut device = Device::new(&ca);
    device.client = Client::new(ClientConfig::new(&PROVIDER_WITH_LEGACY).compat(compat));
    let step = device.start();
    match device.go(step, &mut ca) {
        Ok(driven) => assert_eq!(*issued(driven).ca.recipient(), ca.ra.unwrap()),
        Err(failed) => match failed.cause {
            DriveCause::Protocol(error) => panic!("{error}"),
            DriveCause::Transport(never) => match never {},
        },
    }
}
