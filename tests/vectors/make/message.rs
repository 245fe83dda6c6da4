//! pkiMessages made of openssl's signatures and envelopes; every layer can be replaced.
//!
//! ```text
//! plaintext -> Envelope -> Message -> bytes
//! ```

use super::der::{self, INTEGER, NULL, OCTETS, PRINTABLE, SET, algorithm, constructed, oid, seq, tlv};
use super::openssl::Openssl;
use scep::wire::Oid;

/// The transactionID and senderNonce of every message that says nothing else.
pub(super) const TRANSACTION: &str = "vector-1";
pub(super) const NONCE: [u8; 16] = *b"sender nonce 16 ";

pub(super) fn attribute(which: Oid<'_>, values: &[u8]) -> Vec<u8> {
    seq(&[&oid(which), &tlv(SET, &[values])])
}

pub(super) fn text(which: Oid<'_>, text: &str) -> Vec<u8> {
    attribute(which, &tlv(PRINTABLE, &[text.as_bytes()]))
}

pub(super) fn octets(which: Oid<'_>, octets: &[u8]) -> Vec<u8> {
    attribute(which, &tlv(OCTETS, &[octets]))
}

/// issuerAndSerialNumber of a certificate.
pub(super) fn issuer_and_serial(certificate: &[u8]) -> Vec<u8> {
    let tbs = der::fields(der::fields(certificate)[0]);
    // A v1 certificate does not say so.
    let tbs = if tbs[0][0] == 0xA0 { &tbs[1..] } else { &tbs[..] };
    seq(&[tbs[2], tbs[0]])
}

/// The subjectKeyIdentifier of a certificate: the value of the extension with that name.
pub(super) fn key_identifier(certificate: &[u8]) -> Vec<u8> {
    let marker = [&oid(Oid::SUBJECT_KEY_IDENTIFIER)[..], &[4, 22, 4, 20]].concat();
    let at = certificate.windows(marker.len()).position(|window| window == marker).unwrap() + marker.len();
    certificate[at..at + 20].to_vec()
}

/// eContent.
#[derive(Clone)]
pub(super) enum Content {
    Absent,
    Octets(Vec<u8>),
    /// In chunks of so many octets.
    Chunks(Vec<u8>, usize),
    /// Another element than an OCTET STRING.
    Element(Vec<u8>),
}

/// A SignedData with one signer, unless it is told otherwise.
#[derive(Clone)]
pub(super) struct Message<'a> {
    pub(super) openssl: &'a Openssl,
    pub(super) version: u8,
    /// The digestAlgorithms, one after the other.
    pub(super) digests: Option<Vec<u8>>,
    pub(super) content_type: Oid<'static>,
    pub(super) content: Content,
    pub(super) certificates: Vec<Vec<u8>>,
    pub(super) signer_version: u8,
    pub(super) sid: Vec<u8>,
    /// openssl's name of it.
    pub(super) digest: &'a str,
    pub(super) digest_algorithm: Vec<u8>,
    /// contentType and messageDigest, where they are not what they should be.
    pub(super) own_attributes: Option<Vec<Vec<u8>>>,
    /// The other attributes.
    pub(super) attributes: Vec<Vec<u8>>,
    /// As they are sent: in the order of DER or the other way round.
    pub(super) reversed: bool,
    /// Whether the signature is over the order of DER, however they are sent.
    pub(super) signed_sorted: bool,
    pub(super) no_attributes: bool,
    pub(super) signature_algorithm: Vec<u8>,
    pub(super) key: &'a str,
    /// More options of `openssl dgst`.
    pub(super) options: &'a str,
    pub(super) signature: Option<Vec<u8>>,
    /// How often the SignerInfo is there.
    pub(super) signers: usize,
    pub(super) unsigned: Vec<u8>,
    /// Indefinite lengths outside the signed attributes.
    pub(super) ber: bool,
}

impl<'a> Message<'a> {
    /// Signed by the owner of `name.key` and `name.crt`: SHA-256, PKCS #1, as this library would.
    pub(super) fn new(openssl: &'a Openssl, name: &'a str, content: &[u8], attributes: &[Vec<u8>]) -> Self {
        let certificate = openssl.certificate(name);
        Self {
            openssl,
            version: 1,
            digests: None,
            content_type: Oid::ID_DATA,
            content: Content::Octets(content.to_vec()),
            sid: issuer_and_serial(&certificate),
            certificates: vec![certificate],
            signer_version: 1,
            digest: "sha256",
            digest_algorithm: algorithm(Oid::SHA256, NULL),
            own_attributes: None,
            attributes: attributes.to_vec(),
            reversed: false,
            signed_sorted: false,
            no_attributes: false,
            signature_algorithm: algorithm(Oid::RSA_ENCRYPTION, NULL),
            key: name,
            options: "",
            signature: None,
            signers: 1,
            unsigned: Vec::new(),
            ber: false,
        }
    }

    /// A request of the device.
    pub(super) fn request(openssl: &'a Openssl, message_type: &str, content: &[u8]) -> Self {
        let attributes = [
            text(Oid::MESSAGE_TYPE, message_type),
            text(Oid::TRANSACTION_ID, TRANSACTION),
            octets(Oid::SENDER_NONCE, &NONCE),
            signing_time(),
        ];
        Self::new(openssl, "device", content, &attributes)
    }

    /// A CertRep of the CA.
    pub(super) fn reply(openssl: &'a Openssl, status: &str, more: &[Vec<u8>], content: &[u8]) -> Self {
        let attributes = [
            text(Oid::MESSAGE_TYPE, "3"),
            text(Oid::PKI_STATUS, status),
            text(Oid::TRANSACTION_ID, TRANSACTION),
            octets(Oid::SENDER_NONCE, b"nonce of the CA!"),
            octets(Oid::RECIPIENT_NONCE, &NONCE),
            signing_time(),
        ];
        Self::new(openssl, "ca", content, &[&attributes[..], more].concat())
    }

    /// The same with another digest, in all places.
    pub(super) fn with_digest(mut self, digest: &'a str, which: Oid<'_>) -> Self {
        self.digest = digest;
        self.digest_algorithm = algorithm(which, NULL);
        self
    }

    /// Another attribute of that type.
    pub(super) fn replace(mut self, which: Oid<'_>, attribute: Vec<u8>) -> Self {
        self = self.without(which);
        self.attributes.push(attribute);
        self
    }

    pub(super) fn without(mut self, which: Oid<'_>) -> Self {
        let marker = oid(which);
        self.attributes.retain(|attribute| der::fields(attribute)[0] != marker);
        self
    }

    fn content_octets(&self) -> Vec<u8> {
        match &self.content {
            Content::Absent => Vec::new(),
            Content::Octets(octets) | Content::Chunks(octets, _) => octets.clone(),
            Content::Element(element) => der::value(element).to_vec(),
        }
    }

    pub(super) fn build(&self) -> Vec<u8> {
        let ber = self.ber;
        let digests = self.digests.clone().unwrap_or(self.digest_algorithm.clone());
        let content = match &self.content {
            Content::Absent => Vec::new(),
            Content::Octets(octets) => constructed(ber, 0xA0, &[&tlv(OCTETS, &[octets])]),
            Content::Chunks(octets, size) => constructed(ber, 0xA0, &[&der::chunks(OCTETS, octets, *size)]),
            Content::Element(element) => constructed(ber, 0xA0, &[element]),
        };
        let certificates = match self.certificates.concat() {
            none if none.is_empty() => none,
            certificates => constructed(ber, 0xA0, &[&certificates]),
        };
        let signer = self.signer_info();
        let data = constructed(
            ber,
            0x30,
            &[
                &[INTEGER, 1, self.version],
                &constructed(ber, SET, &[&digests]),
                &constructed(ber, 0x30, &[&oid(self.content_type), &content]),
                &certificates,
                &constructed(ber, SET, &[&signer.repeat(self.signers)]),
            ],
        );
        constructed(ber, 0x30, &[&oid(Oid::ID_SIGNED_DATA), &constructed(ber, 0xA0, &[&data])])
    }

    fn signer_info(&self) -> Vec<u8> {
        let content = self.content_octets();
        let mut attributes = self.own_attributes.clone().unwrap_or_else(|| {
            let digest = self.openssl.digest(self.digest, &content);
            vec![attribute(Oid::CONTENT_TYPE, &oid(self.content_type)), octets(Oid::MESSAGE_DIGEST, &digest)]
        });
        attributes.extend_from_slice(&self.attributes);
        attributes.sort();
        let sorted = attributes.concat();
        if self.reversed {
            attributes.reverse();
        }
        let sent = attributes.concat();
        let covered = if self.signed_sorted { &sorted } else { &sent };
        let signed = if self.no_attributes { content } else { tlv(SET, &[covered]) };
        let signature = self
            .signature
            .clone()
            .unwrap_or_else(|| self.openssl.sign(self.key, self.digest, self.options, &signed));
        let attributes = if self.no_attributes { Vec::new() } else { tlv(0xA0, &[&sent]) };
        constructed(
            self.ber,
            0x30,
            &[
                &[INTEGER, 1, self.signer_version],
                &self.sid,
                &self.digest_algorithm,
                &attributes,
                &self.signature_algorithm,
                &tlv(OCTETS, &[&signature]),
                &self.unsigned,
            ],
        )
    }
}

fn signing_time() -> Vec<u8> {
    attribute(Oid::SIGNING_TIME, &tlv(0x17, &[b"261123120000Z"]))
}

/// An EnvelopedData for the CA with AES-128, whose parts are made by `openssl enc` and `openssl pkeyutl`.
#[derive(Clone)]
pub(super) struct Envelope<'a> {
    pub(super) openssl: &'a Openssl,
    pub(super) version: u8,
    pub(super) outer_type: Oid<'static>,
    pub(super) content_type: Oid<'static>,
    pub(super) plaintext: Vec<u8>,
    /// The name that openssl has for the cipher, and more options.
    pub(super) cipher: &'a str,
    pub(super) content_key: Vec<u8>,
    /// The key that goes into the envelope, where it is not that one.
    pub(super) wrapped: Option<Vec<u8>>,
    pub(super) iv: Vec<u8>,
    pub(super) content_encryption: Vec<u8>,
    pub(super) ciphertext: Option<Vec<u8>>,
    pub(super) rid: Vec<u8>,
    pub(super) recipient_version: u8,
    pub(super) key_encryption: Vec<u8>,
    /// More options of `openssl pkeyutl`.
    pub(super) options: &'a str,
    /// RecipientInfos in place of the one for the CA.
    pub(super) recipients: Option<Vec<Vec<u8>>>,
    pub(super) ber: bool,
    /// The encrypted content as constructed `[0]` with one OCTET STRING.
    pub(super) constructed: bool,
}

impl<'a> Envelope<'a> {
    pub(super) fn new(openssl: &'a Openssl, plaintext: &[u8]) -> Self {
        let iv = b"initial vector16".to_vec();
        Self {
            openssl,
            version: 0,
            outer_type: Oid::ID_ENVELOPED_DATA,
            content_type: Oid::ID_DATA,
            plaintext: plaintext.to_vec(),
            cipher: "aes-128-cbc",
            content_key: b"content key 16 b".to_vec(),
            wrapped: None,
            content_encryption: algorithm(Oid::AES128_CBC, &tlv(OCTETS, &[&iv])),
            iv,
            ciphertext: None,
            rid: issuer_and_serial(&openssl.certificate("ca")),
            recipient_version: 0,
            key_encryption: algorithm(Oid::RSA_ENCRYPTION, NULL),
            options: "-pkeyopt rsa_padding_mode:pkcs1",
            recipients: None,
            ber: false,
            constructed: false,
        }
    }

    /// By `openssl enc`.
    fn encrypt(&self) -> Vec<u8> {
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        self.openssl.write("plain", &self.plaintext);
        self.openssl.run(&format!(
            "enc -{} -K {} -iv {} -in plain",
            self.cipher,
            hex(&self.content_key),
            hex(&self.iv)
        ))
    }

    /// A KeyTransRecipientInfo for the CA.
    pub(super) fn recipient(&self) -> Vec<u8> {
        self.openssl.write("content-key", self.wrapped.as_ref().unwrap_or(&self.content_key));
        let options = self.options;
        let wrapped =
            self.openssl.run(&format!("pkeyutl -encrypt -certin -inkey ca.crt -in content-key {options}"));
        seq(&[
            &[INTEGER, 1, self.recipient_version],
            &self.rid,
            &self.key_encryption,
            &tlv(OCTETS, &[&wrapped]),
        ])
    }

    pub(super) fn build(&self) -> Vec<u8> {
        let ber = self.ber;
        let ciphertext = self.ciphertext.clone().unwrap_or_else(|| self.encrypt());
        let content = match (self.constructed, ber) {
            (true, _) => tlv(0xA0, &[&tlv(OCTETS, &[&ciphertext])]),
            (false, true) => der::chunks(0x80, &ciphertext, 100),
            (false, false) => tlv(0x80, &[&ciphertext]),
        };
        let recipients = self.recipients.clone().unwrap_or_else(|| vec![self.recipient()]).concat();
        let data = constructed(
            ber,
            0x30,
            &[
                &[INTEGER, 1, self.version],
                &constructed(ber, SET, &[&recipients]),
                &constructed(ber, 0x30, &[&oid(self.content_type), &self.content_encryption, &content]),
            ],
        );
        constructed(ber, 0x30, &[&oid(self.outer_type), &constructed(ber, 0xA0, &[&data])])
    }
}
