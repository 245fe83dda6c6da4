//! Requests, honest and hostile, made without the library's message code: every layer can be replaced.
//!
//! ```text
//! Csr -> Envelope -> Message -> bytes
//! ```

use crate::provider::{PROVIDER_WITH_LEGACY, SoftwareKey};
use crate::support::{CHALLENGE, NOW, YEAR, name, tlv};
use rsa::pkcs8::DecodePrivateKey as _;
use rsa::traits::{PrivateKeyParts as _, PublicKeyParts as _};
use rsa::{BoxedUint, PrivateKey, hazmat};
use scep::crypto::{ContentCipher, ContentEncryption, Digest};
use scep::wire::{Certificate, ExtensionsBuilder, KeyUsage, Oid};
use std::sync::LazyLock;

pub(crate) const DATA: &[u8] = Oid::ID_DATA.as_bytes();
pub(crate) const PRINTABLE: u8 = 0x13;
pub(crate) const UTF8: u8 = 0x0C;

/// The transactionID and the senderNonce of every request that says nothing else.
pub(crate) const TRANSACTION: &[u8] = b"tx-1";
pub(crate) const NONCE: &[u8] = &[0x4E; 16];
pub(crate) const SUBJECT: &str = "O=Test, CN=dev1";

/// Names a type where no generator is needed.
type NoRng = scep::crypto::Random<crate::support::SplitMix>;

/// A throw-away key: for the library, and for raw RSA.
pub(crate) struct Key {
    pub(crate) soft: SoftwareKey,
    raw: PrivateKey,
}

macro_rules! keys {
    ($($name:ident = $file:literal;)+) => {
        $(pub(crate) static $name: LazyLock<Key> =
            LazyLock::new(|| Key::new(include_str!(concat!("keys/", $file))));)+
    };
}

keys! {
    CA = "ca.pem";
    RA = "ra.pem";
    RA_ENCRYPTION = "ra_encryption.pem";
    DEVICE = "device.pem";
    DEVICE_2 = "device2.pem";
    STRANGER = "stranger.pem";
}

impl Key {
    fn new(pem: &str) -> Self {
        let soft = SoftwareKey::from_pem(pem).unwrap();
        let raw = PrivateKey::from_pkcs8_der(&soft.to_pkcs8()).unwrap();
        Self { soft, raw }
    }

    pub(crate) fn public(&self) -> &[u8] {
        self.soft.public_key_der()
    }

    fn number(&self, block: &[u8]) -> BoxedUint {
        BoxedUint::from_be_slice(block, self.raw.n_bits_precision()).unwrap()
    }

    /// Whatever is in `block`, to the private exponent.
    pub(crate) fn raw_private(&self, block: &[u8]) -> Vec<u8> {
        let rng: Option<&mut NoRng> = None;
        last(&hazmat::rsa_decrypt(rng, &self.raw, &self.number(block)).unwrap().to_be_bytes())
    }

    /// Whatever is in `block`, to the public exponent.
    pub(crate) fn raw_public(&self, block: &[u8]) -> Vec<u8> {
        last(&hazmat::rsa_encrypt(&self.raw, &self.number(block)).unwrap().to_be_bytes())
    }

    pub(crate) fn modulus(&self) -> Vec<u8> {
        last(&self.raw.n_bytes())
    }

    /// One of its two factors, of 128 bytes.
    pub(crate) fn prime(&self) -> Vec<u8> {
        let bytes = self.raw.primes()[0].to_be_bytes();
        bytes[bytes.len() - 128..].to_vec()
    }

    /// RSASSA-PKCS1-v1_5.
    pub(crate) fn sign(&self, digest: Digest, message: &[u8]) -> Vec<u8> {
        self.raw_private(&signature_block(digest, message))
    }

    /// Whether `signature` is that of `sign`.
    pub(crate) fn verifies(&self, digest: Digest, message: &[u8], signature: &[u8]) -> bool {
        signature.len() == 256 && self.raw_public(signature) == signature_block(digest, message)
    }

    /// RSAES-PKCS1-v1_5 with a padding string of no zeros.
    pub(crate) fn wrap(&self, key: &[u8]) -> Vec<u8> {
        self.raw_public(&wrap_block(key))
    }
}

/// The last 256 bytes: every key here but one has 2048 bits.
fn last(bytes: &[u8]) -> Vec<u8> {
    bytes[bytes.len() - 256..].to_vec()
}

fn signature_block(digest: Digest, message: &[u8]) -> Vec<u8> {
    let info = digest.digest_info(&hash(digest, message));
    [&[0, 1][..], &vec![0xFF; 256 - 3 - info.len()], &[0], &info].concat()
}

/// `00 02 PS 00 key`.
pub(crate) fn wrap_block(key: &[u8]) -> Vec<u8> {
    [&[0, 2][..], &vec![0x5A; 256 - 3 - key.len()], &[0], key].concat()
}

pub(crate) fn hash(digest: Digest, bytes: &[u8]) -> Vec<u8> {
    PROVIDER_WITH_LEGACY.digest(digest).unwrap().digest(&[bytes]).as_bytes().to_vec()
}

pub(crate) fn oid(oid: Oid<'_>) -> Vec<u8> {
    tlv(6, &[oid.as_bytes()])
}

pub(crate) fn seq(parts: &[&[u8]]) -> Vec<u8> {
    tlv(0x30, parts)
}

/// An AlgorithmIdentifier; `parameters` is a whole element, or nothing.
pub(crate) fn algorithm(which: Oid<'_>, parameters: &[u8]) -> Vec<u8> {
    seq(&[&oid(which), parameters])
}

pub(crate) const NULL: &[u8] = &[5, 0];

pub(crate) fn sha_with_rsa(digest: Digest) -> Oid<'static> {
    scep::wire::SignatureScheme::RsaPkcs1(digest).oid()
}

/// An X.509 certificate, honest or odd.
pub(crate) struct X509 {
    pub(crate) version: Option<u8>,
    /// Contents of the INTEGER.
    pub(crate) serial: Vec<u8>,
    pub(crate) issuer: Vec<u8>,
    pub(crate) subject: Vec<u8>,
    /// Two whole elements.
    pub(crate) validity: Vec<u8>,
    pub(crate) public_key: Vec<u8>,
    pub(crate) usage: Option<KeyUsage>,
    pub(crate) is_ca: bool,
    pub(crate) key_identifier: Option<Vec<u8>>,
    /// Further extensions, with their values.
    pub(crate) extensions: Vec<(Oid<'static>, Vec<u8>)>,
    /// Whether these are critical.
    pub(crate) critical: bool,
}

impl X509 {
    /// What a device makes for itself.
    pub(crate) fn device(key: &Key) -> Self {
        Self {
            version: Some(2),
            serial: vec![0x77, 0x01],
            issuer: name(SUBJECT),
            subject: name(SUBJECT),
            validity: validity(NOW - 60, NOW + YEAR),
            public_key: key.public().to_vec(),
            usage: Some(KeyUsage::DIGITAL_SIGNATURE | KeyUsage::KEY_ENCIPHERMENT),
            is_ca: false,
            key_identifier: None,
            extensions: Vec::new(),
            critical: false,
        }
    }

    /// A certificate of somebody on the server's side.
    pub(crate) fn of(subject: &str, issuer: &str, key: &Key) -> Self {
        Self { issuer: name(issuer), subject: name(subject), ..Self::device(key) }
    }

    pub(crate) fn ca(subject: &str, key: &Key) -> Self {
        let usage = KeyUsage::DIGITAL_SIGNATURE | KeyUsage::KEY_ENCIPHERMENT;
        Self {
            usage: Some(usage | KeyUsage::KEY_CERT_SIGN | KeyUsage::CRL_SIGN),
            is_ca: true,
            key_identifier: Some(vec![0xCA; 20]),
            ..Self::of(subject, subject, key)
        }
    }

    pub(crate) fn sign(&self, by: &Key) -> Vec<u8> {
        let mut extensions = ExtensionsBuilder::default();
        if let Some(usage) = self.usage {
            extensions = extensions.key_usage(usage);
        }
        if self.is_ca {
            extensions = extensions.raw(Oid::BASIC_CONSTRAINTS, true, &seq(&[&[1, 1, 0xFF]]));
        }
        if let Some(identifier) = &self.key_identifier {
            extensions = extensions.raw(Oid::SUBJECT_KEY_IDENTIFIER, false, &tlv(4, &[identifier]));
        }
        for (which, value) in &self.extensions {
            extensions = extensions.raw(*which, self.critical, value);
        }
        let extensions = match (extensions.build(), self.version) {
            (_, None) => Vec::new(),
            (der, _) => der,
        };
        self.sign_with_extensions(&extensions, by)
    }

    /// With this list in place of the extensions; nothing for none.
    pub(crate) fn sign_with_extensions(&self, list: &[u8], by: &Key) -> Vec<u8> {
        let extensions = if list.is_empty() { Vec::new() } else { tlv(0xA3, &[list]) };
        let signature = algorithm(sha_with_rsa(Digest::Sha256), NULL);
        let version = self.version.map(|version| tlv(0xA0, &[&[2, 1, version]])).unwrap_or_default();
        let tbs = seq(&[
            &version,
            &tlv(2, &[&self.serial]),
            &signature,
            &self.issuer,
            &seq(&[&self.validity]),
            &self.subject,
            &self.public_key,
            &extensions,
        ]);
        seq(&[&tbs, &signature, &tlv(3, &[&[0], &by.sign(Digest::Sha256, &tbs)])])
    }
}

pub(crate) fn validity(from: u64, until: u64) -> Vec<u8> {
    use x509_cert::der::{Encode as _, asn1::UtcTime};
    let time = |seconds| {
        UtcTime::from_unix_duration(std::time::Duration::from_secs(seconds)).unwrap().to_der().unwrap()
    };
    [time(from), time(until)].concat()
}

macro_rules! certificates {
    ($($(#[$meta:meta])* $name:ident = $make:expr;)+) => {
        $($(#[$meta])* pub(crate) static $name: LazyLock<Vec<u8>> = LazyLock::new(|| $make);)+
    };
}

certificates! {
    /// The CA, which answers by itself where there is no RA.
    CA_CERTIFICATE = X509::ca("CN=Server CA", &CA).sign(&CA);
    /// One RA certificate for both roles.
    RA_CERTIFICATE = X509 {
        serial: vec![2],
        key_identifier: Some(vec![0xAA; 20]),
        ..X509::of("CN=RA", "CN=Server CA", &RA)
    }.sign(&CA);
    /// An RA certificate for signatures only.
    RA_SIGNING_CERTIFICATE = X509 {
        serial: vec![3],
        usage: Some(KeyUsage::DIGITAL_SIGNATURE),
        ..X509::of("CN=RA signing", "CN=Server CA", &RA)
    }.sign(&CA);
    /// An RA certificate for opening requests only.
    RA_ENCRYPTION_CERTIFICATE = X509 {
        serial: vec![4],
        usage: Some(KeyUsage::KEY_ENCIPHERMENT),
        ..X509::of("CN=RA encryption", "CN=Server CA", &RA_ENCRYPTION)
    }.sign(&CA);
    /// What the device signs its requests with.
    DEVICE_CERTIFICATE = X509::device(&DEVICE).sign(&DEVICE);
    /// What the CA issued to the device.
    OLD_CERTIFICATE = X509 { serial: vec![0x51], ..X509::of(SUBJECT, "CN=Server CA", &DEVICE) }.sign(&CA);
    /// The same names and serial number, another key.
    STRANGER_CERTIFICATE = X509::device(&STRANGER).sign(&STRANGER);
}

/// A certification request.
pub(crate) struct Csr {
    pub(crate) version: u8,
    pub(crate) subject: Vec<u8>,
    pub(crate) public_key: Vec<u8>,
    /// Whole Attribute elements; `None` leaves the field out.
    pub(crate) attributes: Option<Vec<Vec<u8>>>,
    pub(crate) key: &'static Key,
    /// AlgorithmIdentifier of the signature.
    pub(crate) algorithm: Vec<u8>,
    pub(crate) digest: Digest,
    pub(crate) signature: Option<Vec<u8>>,
}

impl Csr {
    /// With the right challenge.
    pub(crate) fn new(key: &'static Key) -> Self {
        Self {
            version: 0,
            subject: name(SUBJECT),
            public_key: key.public().to_vec(),
            attributes: Some(vec![challenge(PRINTABLE, CHALLENGE.as_bytes())]),
            key,
            algorithm: algorithm(sha_with_rsa(Digest::Sha256), NULL),
            digest: Digest::Sha256,
            signature: None,
        }
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let attributes = self.attributes.as_ref().map(|list| tlv(0xA0, &[&list.concat()]));
        let info =
            seq(&[&[2, 1, self.version], &self.subject, &self.public_key, &attributes.unwrap_or_default()]);
        let signature = self.signature.clone().unwrap_or_else(|| self.key.sign(self.digest, &info));
        seq(&[&info, &self.algorithm, &tlv(3, &[&[0], &signature])])
    }
}

/// An attribute with these whole elements as its values.
pub(crate) fn attribute(which: Oid<'_>, values: &[u8]) -> Vec<u8> {
    seq(&[&oid(which), &tlv(0x31, &[values])])
}

pub(crate) fn challenge(tag: u8, text: &[u8]) -> Vec<u8> {
    attribute(Oid::CHALLENGE_PASSWORD, &tlv(tag, &[text]))
}

/// An EnvelopedData in its ContentInfo.
pub(crate) struct Envelope {
    pub(crate) plaintext: Vec<u8>,
    /// Blocks to encrypt in place of the padded plaintext.
    pub(crate) padded: Option<Vec<u8>>,
    pub(crate) cipher: &'static dyn ContentCipher,
    /// contentEncryptionAlgorithm in place of that of the cipher.
    pub(crate) algorithm: Option<Vec<u8>>,
    pub(crate) content_key: Vec<u8>,
    pub(crate) iv: Vec<u8>,
    pub(crate) ciphertext: Option<Vec<u8>>,
    pub(crate) content_type: Vec<u8>,
    pub(crate) recipient: Recipient,
    /// Whole RecipientInfos in place of the one for `recipient`.
    pub(crate) recipients: Option<Vec<Vec<u8>>>,
    pub(crate) version: u8,
    /// The type of the ContentInfo.
    pub(crate) outer_type: Vec<u8>,
    pub(crate) ber: bool,
}

/// A KeyTransRecipientInfo.
#[derive(Clone)]
pub(crate) struct Recipient {
    pub(crate) version: u8,
    /// RecipientIdentifier, a whole element.
    pub(crate) rid: Vec<u8>,
    pub(crate) algorithm: Vec<u8>,
    pub(crate) key: &'static Key,
    /// The block that goes into RSA, in place of a proper one around the content key.
    pub(crate) block: Option<Vec<u8>>,
    pub(crate) encrypted_key: Option<Vec<u8>>,
}

impl Recipient {
    pub(crate) fn new(certificate: &[u8], key: &'static Key) -> Self {
        Self {
            version: 0,
            rid: issuer_and_serial(certificate),
            algorithm: algorithm(Oid::RSA_ENCRYPTION, NULL),
            key,
            block: None,
            encrypted_key: None,
        }
    }

    pub(crate) fn encode(&self, content_key: &[u8]) -> Vec<u8> {
        let block = || self.block.clone().unwrap_or_else(|| wrap_block(content_key));
        let encrypted = self.encrypted_key.clone().unwrap_or_else(|| self.key.raw_public(&block()));
        seq(&[&[2, 1, self.version], &self.rid, &self.algorithm, &tlv(4, &[&encrypted])])
    }
}

pub(crate) fn issuer_and_serial(certificate: &[u8]) -> Vec<u8> {
    let certificate = Certificate::parse(certificate).unwrap();
    seq(&[certificate.issuer().as_der(), &tlv(2, &[certificate.serial()])])
}

pub(crate) fn cipher(id: ContentEncryption) -> &'static dyn ContentCipher {
    match id {
        ContentEncryption::DesCbc => &crate::provider::DES_CBC,
        id => PROVIDER_WITH_LEGACY.cipher(id).unwrap(),
    }
}

impl Envelope {
    /// For the CA, in AES-128.
    pub(crate) fn new(plaintext: Vec<u8>) -> Self {
        Self::to(plaintext, Recipient::new(&CA_CERTIFICATE, &CA))
    }

    pub(crate) fn to(plaintext: Vec<u8>, recipient: Recipient) -> Self {
        let mut envelope = Self {
            plaintext,
            padded: None,
            cipher: cipher(ContentEncryption::Aes128Cbc),
            algorithm: None,
            content_key: Vec::new(),
            iv: Vec::new(),
            ciphertext: None,
            content_type: DATA.to_vec(),
            recipient,
            recipients: None,
            version: 0,
            outer_type: Oid::ID_ENVELOPED_DATA.as_bytes().to_vec(),
            ber: false,
        };
        envelope.set_cipher(ContentEncryption::Aes128Cbc);
        envelope
    }

    pub(crate) fn set_cipher(&mut self, id: ContentEncryption) {
        self.cipher = cipher(id);
        self.content_key = (0..id.key_length()).map(|index| 0x31 + index as u8).collect();
        self.iv = vec![0x1F; id.block_length()];
    }

    pub(crate) fn encrypt(&self) -> Vec<u8> {
        let mut blocks = self.padded.clone().unwrap_or_else(|| pad(&self.plaintext, self.iv.len()));
        self.cipher.encrypt(&self.content_key, &self.iv, &mut blocks).unwrap();
        blocks
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let algorithm =
            self.algorithm.clone().unwrap_or_else(|| algorithm(self.cipher.id().oid(), &tlv(4, &[&self.iv])));
        let ciphertext = self.ciphertext.clone().unwrap_or_else(|| self.encrypt());
        let recipients = self.recipients.clone();
        let recipients = recipients.unwrap_or_else(|| vec![self.recipient.encode(&self.content_key)]);
        let content = if self.ber { chunks(0xA0, &ciphertext) } else { tlv(0x80, &[&ciphertext]) };
        let nest = if self.ber { indefinite } else { tlv };
        let info = nest(0x30, &[&tlv(6, &[&self.content_type]), &algorithm, &content]);
        let data = nest(0x30, &[&[2, 1, self.version], &tlv(0x31, &[&recipients.concat()]), &info]);
        nest(0x30, &[&tlv(6, &[&self.outer_type]), &nest(0xA0, &[&data])])
    }
}

pub(crate) fn pad(plaintext: &[u8], block: usize) -> Vec<u8> {
    let padding = block - plaintext.len() % block;
    [plaintext, &vec![padding as u8; padding]].concat()
}

/// An element of indefinite length.
pub(crate) fn indefinite(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    [&[tag, 0x80][..], &parts.concat(), &[0, 0]].concat()
}

/// An OCTET STRING in chunks under this tag, of indefinite length.
fn chunks(tag: u8, bytes: &[u8]) -> Vec<u8> {
    let chunks: Vec<u8> = bytes.chunks(100).flat_map(|chunk| tlv(4, &[chunk])).collect();
    indefinite(tag, &[&chunks])
}

/// A SignedData in its ContentInfo.
pub(crate) struct Message {
    /// What is digested.
    pub(crate) content: Vec<u8>,
    /// EncapsulatedContentInfo in place of id-data with the content as OCTET STRING.
    pub(crate) encapsulated: Option<Vec<u8>>,
    pub(crate) version: u8,
    pub(crate) digest: Digest,
    /// Contents of the digestAlgorithms SET.
    pub(crate) digest_algorithms: Option<Vec<u8>>,
    pub(crate) digest_algorithm: Option<Vec<u8>>,
    pub(crate) signature_algorithm: Vec<u8>,
    /// Type and whole values; contentType and messageDigest are added unless they are here.
    pub(crate) attributes: Vec<(Vec<u8>, Vec<u8>)>,
    pub(crate) without: Vec<Vec<u8>>,
    /// Whether there are signed attributes at all; without them the content is what is signed.
    pub(crate) signed_attributes: bool,
    pub(crate) certificates: Vec<Vec<u8>>,
    /// Contents of the crls field, which is left out where there are none.
    pub(crate) crls: Vec<u8>,
    pub(crate) signer_version: u8,
    /// SignerIdentifier, a whole element.
    pub(crate) sid: Vec<u8>,
    pub(crate) key: &'static Key,
    pub(crate) signature: Option<Vec<u8>>,
    /// Contents of unsignedAttrs.
    pub(crate) unsigned: Vec<u8>,
    /// How many times the SignerInfo occurs.
    pub(crate) signers: usize,
    pub(crate) ber: bool,
}

impl Message {
    /// Signed by a device with its own certificate.
    pub(crate) fn new(message_type: &str, content: Vec<u8>, key: &'static Key, certificate: &[u8]) -> Self {
        let mut message = Self {
            content,
            encapsulated: None,
            version: 1,
            digest: Digest::Sha256,
            digest_algorithms: None,
            digest_algorithm: None,
            signature_algorithm: algorithm(Oid::RSA_ENCRYPTION, NULL),
            attributes: Vec::new(),
            without: Vec::new(),
            signed_attributes: true,
            certificates: vec![certificate.to_vec()],
            crls: Vec::new(),
            signer_version: 1,
            sid: issuer_and_serial(certificate),
            key,
            signature: None,
            unsigned: Vec::new(),
            signers: 1,
            ber: false,
        };
        message.set(Oid::MESSAGE_TYPE, &tlv(PRINTABLE, &[message_type.as_bytes()]));
        message.set(Oid::SENDER_NONCE, &tlv(4, &[NONCE]));
        message.set(Oid::TRANSACTION_ID, &tlv(PRINTABLE, &[TRANSACTION]));
        message
    }

    /// Gives an attribute these whole values; a former one goes.
    pub(crate) fn set(&mut self, which: Oid<'_>, values: &[u8]) {
        self.attributes.retain(|(known, _)| known != which.as_bytes());
        self.push(which, values);
    }

    /// Adds an attribute, next to one of the same type if there is one.
    pub(crate) fn push(&mut self, which: Oid<'_>, values: &[u8]) {
        self.attributes.push((which.as_bytes().to_vec(), values.to_vec()));
    }

    pub(crate) fn remove(&mut self, which: Oid<'_>) {
        self.attributes.retain(|(known, _)| known != which.as_bytes());
        self.without.push(which.as_bytes().to_vec());
    }

    pub(crate) fn set_transaction(&mut self, text: &[u8]) {
        self.set(Oid::TRANSACTION_ID, &tlv(PRINTABLE, &[text]));
    }

    /// The attributes as they are signed, with the tag of SET OF; in the order of DER.
    pub(crate) fn signed(&self) -> Vec<u8> {
        let mut all = self.attributes.clone();
        let digest = tlv(4, &[&hash(self.digest, &self.content)]);
        for (which, value) in [(Oid::CONTENT_TYPE, tlv(6, &[DATA])), (Oid::MESSAGE_DIGEST, digest)] {
            let which = which.as_bytes().to_vec();
            if !self.without.contains(&which) && !all.iter().any(|(known, _)| *known == which) {
                all.push((which, value));
            }
        }
        let mut encoded: Vec<Vec<u8>> =
            all.iter().map(|(which, values)| attribute(Oid::new(which), values)).collect();
        encoded.sort_unstable();
        tlv(0x31, &[&encoded.concat()])
    }

    fn signer_info(&self) -> Vec<u8> {
        let signed = self.signed();
        let covered = if self.signed_attributes { &signed } else { &self.content };
        let signature = self.signature.clone().unwrap_or_else(|| self.key.sign(self.digest, covered));
        let attributes = if self.signed_attributes { [&[0xA0], &signed[1..]].concat() } else { Vec::new() };
        seq(&[
            &[2, 1, self.signer_version],
            &self.sid,
            &self.digest_algorithm.clone().unwrap_or_else(|| algorithm(self.digest.oid(), NULL)),
            &attributes,
            &self.signature_algorithm,
            &tlv(4, &[&signature]),
            &if self.unsigned.is_empty() { Vec::new() } else { tlv(0xA1, &[&self.unsigned]) },
        ])
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let nest = if self.ber { indefinite } else { tlv };
        let content = if self.ber { chunks(0x24, &self.content) } else { tlv(4, &[&self.content]) };
        let encapsulated = self.encapsulated.clone();
        let encapsulated =
            encapsulated.unwrap_or_else(|| nest(0x30, &[&tlv(6, &[DATA]), &nest(0xA0, &[&content])]));
        let certificates = match self.certificates.as_slice() {
            [] => Vec::new(),
            list => tlv(0xA0, &[&list.concat()]),
        };
        let algorithms = self.digest_algorithms.clone();
        let data = nest(
            0x30,
            &[
                &[2, 1, self.version],
                &tlv(0x31, &[&algorithms.unwrap_or_else(|| algorithm(self.digest.oid(), NULL))]),
                &encapsulated,
                &certificates,
                &if self.crls.is_empty() { Vec::new() } else { tlv(0xA1, &[&self.crls]) },
                &tlv(0x31, &[&self.signer_info().repeat(self.signers)]),
            ],
        );
        nest(0x30, &[&tlv(6, &[Oid::ID_SIGNED_DATA.as_bytes()]), &nest(0xA0, &[&data])])
    }
}

/// A PKCSReq of the device, with a change in each layer.
pub(crate) fn pkcs_req_with(
    csr: impl FnOnce(&mut Csr),
    envelope: impl FnOnce(&mut Envelope),
    message: impl FnOnce(&mut Message),
) -> Message {
    let mut inner = Csr::new(&DEVICE);
    csr(&mut inner);
    let mut middle = Envelope::new(inner.encode());
    envelope(&mut middle);
    let mut outer = Message::new("19", middle.encode(), &DEVICE, &DEVICE_CERTIFICATE);
    message(&mut outer);
    outer
}

pub(crate) fn pkcs_req() -> Message {
    pkcs_req_with(|_| (), |_| (), |_| ())
}

pub(crate) fn with_csr(change: impl FnOnce(&mut Csr)) -> Message {
    pkcs_req_with(change, |_| (), |_| ())
}

pub(crate) fn with_envelope(change: impl FnOnce(&mut Envelope)) -> Message {
    pkcs_req_with(|_| (), change, |_| ())
}

pub(crate) fn with_message(change: impl FnOnce(&mut Message)) -> Message {
    pkcs_req_with(|_| (), |_| (), change)
}

/// The value of a subjectAltName with these DNS names.
pub(crate) fn dns_names(names: &[&str]) -> Vec<u8> {
    tlv(0x30, &[&names.iter().flat_map(|name| tlv(0x82, &[name.as_bytes()])).collect::<Vec<u8>>()])
}

/// The attribute that asks for these extensions.
pub(crate) fn extension_request(extensions: &[(Oid<'static>, Vec<u8>)]) -> Vec<u8> {
    let list = extensions.iter().flat_map(|(which, value)| seq(&[&oid(*which), &tlv(4, &[value])]));
    attribute(Oid::EXTENSION_REQUEST, &seq(&[&list.collect::<Vec<u8>>()]))
}

/// A request of the device under its old certificate, for its second key and without a challenge, of this type and with
/// these changes.
pub(crate) fn renewal_with(message_type: &str, certificate: &[u8], csr: impl FnOnce(&mut Csr)) -> Message {
    let mut inner = Csr::new(&DEVICE_2);
    inner.attributes = Some(Vec::new());
    csr(&mut inner);
    Message::new(message_type, Envelope::new(inner.encode()).encode(), &DEVICE, certificate)
}

/// A RenewalReq of the device.
pub(crate) fn renewal_req() -> Message {
    renewal_with("17", &OLD_CERTIFICATE, |_| ())
}

/// IssuerAndSubject as it should be.
pub(crate) fn poll_content() -> Vec<u8> {
    seq(&[&name("CN=Server CA"), &name(SUBJECT)])
}

/// A CertPoll of the device.
pub(crate) fn cert_poll() -> Message {
    cert_poll_of(&DEVICE, &DEVICE_CERTIFICATE)
}

pub(crate) fn cert_poll_of(key: &'static Key, certificate: &[u8]) -> Message {
    Message::new("20", Envelope::new(poll_content()).encode(), key, certificate)
}
