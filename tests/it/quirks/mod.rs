//! What real clients and servers do (`Q`, `quirk` and `P` in `CONFORMANCE.md`), one test each. What another test
//! shows already is not repeated here: its comment has the id.

mod attributes;
mod capabilities;
mod certificates;
mod clients;
mod enrolment;
mod http;
mod servers;

use crate::cert_rep::{Asked, OCTET_STRING, PRINTABLE_STRING, reply};
use crate::provider::PROVIDER_WITH_LEGACY;
use crate::requests::{self, Envelope, Key, Message, Recipient, algorithm, oid, seq};
use crate::support::*;
use scep::client::{Client, ClientConfig, Compat, Failed, Step, Transmit};
use scep::crypto::Digest;
use scep::pki_types::CertificateDer;
use scep::transport::HttpResponse;
use scep::wire::{Oid, certs_only};

/// A device that has sent its PKCSReq and waits for a reply of some deployed server.
struct Waiting {
    ca: Ca,
    device: Device,
    transmit: Transmit,
    asked: Asked,
}

impl Waiting {
    fn new() -> Self {
        Self::with(Ca::new(), |_| ())
    }

    fn at(ca: Ca) -> Self {
        Self::with(ca, |_| ())
    }

    /// One that reads SHA-1, 3DES and single DES.
    fn legacy() -> Self {
        Self::with(Ca::new(), |device| {
            let mut compat = Compat::STRICT;
            compat.des_cbc_reply = true;
            device.client = Client::new(ClientConfig::new(&PROVIDER_WITH_LEGACY).compat(compat));
        })
    }

    fn with(mut ca: Ca, change: impl FnOnce(&mut Device)) -> Self {
        let mut device = Device::new(&ca);
        change(&mut device);
        let step = device.start();
        let transmit = device.up_to_message(step, &mut ca);
        let asked = Asked::of(transmit.request());
        Self { ca, device, transmit, asked }
    }

    /// The certificate that the CA issues.
    fn leaf(&self) -> CertificateDer<'static> {
        Template::leaf(DEVICE_NAME).sign(self.device.key.soft.public_key_der(), &self.ca.key)
    }

    /// A CertRep of the CA in which everything can be changed.
    fn reply(&self, status: &str, content: Vec<u8>) -> Message {
        self.reply_of(&requests::CA, &self.ca.certificate, status, content)
    }

    fn reply_of(&self, key: &'static Key, certificate: &[u8], status: &str, content: Vec<u8>) -> Message {
        let mut message = Message::new("3", content, key, certificate);
        message.set(Oid::PKI_STATUS, &tlv(PRINTABLE_STRING, &[status.as_bytes()]));
        message.set(Oid::TRANSACTION_ID, &tlv(PRINTABLE_STRING, &[self.asked.id.as_bytes()]));
        message.set(Oid::RECIPIENT_NONCE, &tlv(OCTET_STRING, &[self.asked.nonce.as_bytes()]));
        message.set(Oid::SENDER_NONCE, &tlv(OCTET_STRING, &[&[9; 16]]));
        message
    }

    fn failure(&self) -> Message {
        let mut message = self.reply("2", Vec::new());
        message.set(Oid::FAIL_INFO, &tlv(PRINTABLE_STRING, &[b"2"]));
        message
    }

    /// An envelope for the device around these certificates.
    fn envelope(&self, chain: &[&[u8]]) -> Envelope {
        Envelope::to(certs_only::encode(chain), Recipient::new(&self.asked.signer, &requests::DEVICE))
    }

    /// A SUCCESS with the certificate of [`Self::leaf`].
    fn success(&self) -> Message {
        self.reply("0", self.envelope(&[&self.leaf()]).encode())
    }

    fn take(mut self, message: Vec<u8>) -> Result<Step, Box<Failed<Transmit>>> {
        self.device.take(self.transmit, reply(message))
    }

    fn take_response(mut self, response: HttpResponse) -> Result<Step, Box<Failed<Transmit>>> {
        self.device.take(self.transmit, response)
    }

    /// The device has its certificate.
    #[track_caller]
    fn issues(self, message: &Message) {
        let leaf = self.leaf();
        assert_eq!(issued_step(self.take(message.encode()).unwrap()).certificate, leaf);
    }
}

/// The message with its attributes from last to first, signed as sent or over their sorted form.
fn unsorted(message: &mut Message, over_sorted: bool) -> Vec<u8> {
    let sorted = message.signed();
    let parts = crate::reading::elements(crate::reading::elements(&sorted)[0].1);
    let reversed: Vec<u8> = parts.iter().rev().flat_map(|(_, _, whole)| whole.to_vec()).collect();
    let reversed = tlv(0x31, &[&reversed]);
    assert_ne!(reversed, sorted);
    let signed = if over_sorted { &sorted } else { &reversed };
    message.signature = Some(message.key.sign(message.digest, signed));
    let mut bytes = message.encode();
    let at = bytes.windows(sorted.len() - 1).position(|part| part == &sorted[1..]).unwrap();
    bytes[at..at + sorted.len() - 1].copy_from_slice(&reversed[1..]);
    bytes
}

/// The envelope with its ciphertext as the one chunk of a constructed `[0]` of definite length.
fn in_one_chunk(envelope: &Envelope) -> Vec<u8> {
    let iv = tlv(4, &[&envelope.iv]);
    let algorithm = algorithm(envelope.cipher.id().oid(), &iv);
    let content = tlv(0xA0, &[&tlv(4, &[&envelope.encrypt()])]);
    let info = seq(&[&tlv(6, &[&envelope.content_type]), &algorithm, &content]);
    let recipients = tlv(0x31, &[&envelope.recipient.encode(&envelope.content_key)]);
    let data = seq(&[&[2, 1, envelope.version], &recipients, &info]);
    seq(&[&tlv(6, &[&envelope.outer_type]), &tlv(0xA0, &[&data])])
}

/// eContentType id-envelopedData, where RFC 8894 has id-data, in SignedData of version 3: what xipki sends.
fn under_its_own_type(message: &mut Message) {
    let chunks: Vec<u8> = message.content.chunks(1000).flat_map(|chunk| tlv(4, &[chunk])).collect();
    let content = match message.ber {
        true => requests::indefinite(0xA0, &[&requests::indefinite(0x24, &[&chunks])]),
        false => tlv(0xA0, &[&tlv(4, &[&message.content])]),
    };
    message.encapsulated = Some(seq(&[&oid(Oid::ID_ENVELOPED_DATA), &content]));
    message.set(Oid::CONTENT_TYPE, &oid(Oid::ID_ENVELOPED_DATA));
    message.version = 3;
}

/// The algorithms of a signature, with NULL or without parameters.
fn set_algorithms(
    message: &mut Message,
    digest: Digest,
    digest_parameters: &[u8],
    signature: (Oid<'_>, &[u8]),
) {
    message.digest = digest;
    message.digest_algorithm = Some(algorithm(digest.oid(), digest_parameters));
    message.digest_algorithms = message.digest_algorithm.clone();
    message.signature_algorithm = algorithm(signature.0, signature.1);
}

/// cmsAlgorithmProtection (RFC 6211), as BouncyCastle adds it: digest algorithm, and signature algorithm as `[1]`.
fn add_algorithm_protection(message: &mut Message) {
    const CMS_ALGORITHM_PROTECTION: &[u8] = &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 9, 52];
    let digest = algorithm(message.digest.oid(), requests::NULL);
    let value = seq(&[&digest, &tlv(0xA1, &[&message.signature_algorithm[2..]])]);
    message.push(Oid::new(CMS_ALGORITHM_PROTECTION), &value);
}
