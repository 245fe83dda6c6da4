//! Replies that the library would never make.

use crate::provider::{PROVIDER, PROVIDER_WITH_LEGACY};
use crate::support::{SplitMix, TestKey, seeded, tlv};
use scep::crypto::{ContentCipher, ContentEncryption, Digest, KeyTransport, SignatureScheme};
use scep::message::{Unverified, envelope};
use scep::pki_types::CertificateDer;
use scep::transport::{HttpRequest, HttpResponse, PKI_MESSAGE};
use scep::wire::{
    Certificate, EnvelopedDataDraft, Limits, Nonce, Oid, RecipientDraft, SignedDataDraft, TransactionId,
    certs_only,
};

pub(crate) const OCTET_STRING: u8 = 0x04;
pub(crate) const UTF8_STRING: u8 = 0x0C;
pub(crate) const PRINTABLE_STRING: u8 = 0x13;

/// What a reply has to know of the request.
pub(crate) struct Asked {
    pub(crate) id: TransactionId,
    pub(crate) nonce: Nonce,
    /// The certificate that came with it, for whose key the reply is encrypted.
    pub(crate) signer: CertificateDer<'static>,
}

impl Asked {
    pub(crate) fn of(request: &HttpRequest) -> Self {
        let message = Unverified::parse(request.body.clone(), &Limits::DEFAULT).unwrap();
        let verified = message.verify_as_sent(&PROVIDER).unwrap();
        let attributes = verified.attributes().unwrap();
        Self {
            id: attributes.transaction_id().unwrap().unwrap(),
            nonce: attributes.sender_nonce().unwrap().unwrap(),
            signer: verified.signer().clone(),
        }
    }
}

/// A CertRep with whatever attributes.
#[derive(Clone)]
pub(crate) struct CertRep {
    pub(crate) attributes: Vec<(Oid<'static>, Vec<u8>)>,
    pub(crate) content: Vec<u8>,
}

impl CertRep {
    /// One that is right, apart from that its `content` is empty.
    pub(crate) fn new(asked: &Asked, pki_status: &str) -> Self {
        Self { attributes: Vec::new(), content: Vec::new() }
            .with(Oid::MESSAGE_TYPE, PRINTABLE_STRING, b"3")
            .with(Oid::PKI_STATUS, PRINTABLE_STRING, pki_status.as_bytes())
            .with(Oid::TRANSACTION_ID, PRINTABLE_STRING, asked.id.as_bytes())
            .with(Oid::SENDER_NONCE, OCTET_STRING, &[7; 16])
            .with(Oid::RECIPIENT_NONCE, OCTET_STRING, asked.nonce.as_bytes())
    }

    /// A SUCCESS with these certificates, encrypted for `recipient`.
    pub(crate) fn success(asked: &Asked, chain: &[&[u8]], recipient: &CertificateDer<'_>) -> Self {
        let content = enveloped(&certs_only::encode(chain), recipient);
        Self { content, ..Self::new(asked, "0") }
    }

    /// Sets an attribute, or replaces it.
    pub(crate) fn with(mut self, oid: Oid<'static>, tag: u8, value: &[u8]) -> Self {
        self = self.without(oid);
        self.attributes.push((oid, tlv(tag, &[value])));
        self
    }

    pub(crate) fn without(mut self, oid: Oid<'static>) -> Self {
        self.attributes.retain(|(other, _)| *other != oid);
        self
    }

    /// Signs it with SHA-256, and puts `certificate` into it.
    pub(crate) fn sign(self, key: &TestKey, certificate: &CertificateDer<'_>) -> HttpResponse {
        self.sign_with(Digest::Sha256, key, certificate)
    }

    pub(crate) fn sign_with(
        mut self,
        digest: Digest,
        key: &TestKey,
        certificate: &CertificateDer<'_>,
    ) -> HttpResponse {
        let value = PROVIDER_WITH_LEGACY.digest(digest).unwrap().digest(&[&self.content]);
        self = self.with(Oid::CONTENT_TYPE, 0x06, Oid::ID_DATA.as_bytes());
        self = self.with(Oid::MESSAGE_DIGEST, OCTET_STRING, value.as_bytes());
        let attribute = |(oid, value): &(Oid<'_>, Vec<u8>)| {
            tlv(0x30, &[&tlv(0x06, &[oid.as_bytes()]), &tlv(0x31, &[value])])
        };
        let mut attributes: Vec<Vec<u8>> = self.attributes.iter().map(attribute).collect();
        attributes.sort();
        let attributes = tlv(0x31, &[&attributes.concat()]);
        let message = SignedDataDraft {
            content: &self.content,
            certificates: &[certificate],
            signer: Certificate::parse(certificate).unwrap().issuer_and_serial(),
            scheme: SignatureScheme::RsaPkcs1(digest),
            signed_attributes: &attributes,
            signature: &key.sign_with(digest, &attributes),
        };
        reply(message.encode())
    }
}

pub(crate) fn reply(message: Vec<u8>) -> HttpResponse {
    HttpResponse::ok(PKI_MESSAGE, message)
}

pub(crate) fn enveloped(content: &[u8], recipient: &CertificateDer<'_>) -> Vec<u8> {
    let recipient = Certificate::parse(recipient).unwrap();
    envelope(&PROVIDER, content, (&recipient).into(), ContentEncryption::Aes128Cbc, &mut seeded(3)).unwrap()
}

/// Encrypted with any cipher, also with one that the library does not write.
pub(crate) fn enveloped_with(
    cipher: &dyn ContentCipher,
    content: &[u8],
    recipient: &CertificateDer<'_>,
    key: &TestKey,
) -> Vec<u8> {
    let (content_key, iv) = (vec![0x5A; cipher.id().key_length()], vec![0xA5; cipher.id().block_length()]);
    let missing = iv.len() - content.len() % iv.len();
    let mut blocks = [content, &vec![missing as u8; missing]].concat();
    cipher.encrypt(&content_key, &iv, &mut blocks).unwrap();
    let public_key = key.raw.to_public_key();
    let encrypted_key = public_key.encrypt(&mut SplitMix(4), rsa::Pkcs1v15Encrypt, &content_key).unwrap();
    EnvelopedDataDraft {
        recipient: RecipientDraft::KeyTransport {
            recipient: Certificate::parse(recipient).unwrap().issuer_and_serial(),
            key_transport: KeyTransport::RsaPkcs1v15,
            encrypted_key: &encrypted_key,
        },
        content_encryption: cipher.id(),
        iv: &iv,
        encrypted_content: &blocks,
    }
    .encode()
}
