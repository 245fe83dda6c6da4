//! From bytes to a report, layer by layer.

use super::ber::{Element, Fields, Layer};
use super::envelope::EnvelopeReport;
use super::finding::{Deviation, Findings, Place};
use super::payload::{self, Payload};
use super::scep::MessageReport;
use super::{Kind, Report, signed};
use crate::crypto::Provider;
use crate::error::{Error, InvalidMessage};
use crate::message::Unverified;
use crate::wire::attributes::{MessageType, PkiStatus};
use crate::wire::limits::Limits;
use crate::wire::oid::Oid;
use crate::wire::tlv;
use alloc::boxed::Box;
use alloc::vec::Vec;

/// The type in a ContentInfo, and what follows it.
fn content_info(bytes: &[u8]) -> Option<(Oid<'_>, Fields<'_>)> {
    let mut rest = bytes;
    let element = Element::read(&mut rest).filter(|element| element.tag == tlv::SEQUENCE)?;
    let mut fields = element.fields();
    let oid = fields.tagged(tlv::OBJECT_IDENTIFIER)?;
    Some((Oid::new(oid.contents), fields))
}

impl Report {
    pub(super) fn element(
        &mut self,
        bytes: &[u8],
        findings: &mut Findings,
        provider: &Provider,
    ) -> Result<(), Error> {
        match content_info(bytes) {
            Some((Oid::ID_SIGNED_DATA, fields)) => self.signed(bytes, fields, findings, provider),
            Some((Oid::ID_ENVELOPED_DATA | Oid::ID_AUTH_ENVELOPED_DATA, _)) => {
                self.kind = Kind::Envelope;
                self.envelope(bytes, findings).then_some(()).ok_or(InvalidMessage::Der.into())
            }
            Some(_) => Err(InvalidMessage::Der.into()),
            None => {
                let payload = Payload::read(bytes, Place::Payload, findings, provider);
                self.kind = match &payload {
                    Payload::Certificates(_) => Kind::Certificates,
                    Payload::CertificationRequest(_) => Kind::CertificationRequest,
                    Payload::Crl(_) => Kind::Crl,
                    Payload::IssuerAndSubject { .. } | Payload::IssuerAndSerialNumber { .. } => {
                        Kind::Selector
                    }
                    _ => return Err(InvalidMessage::Der.into()),
                };
                self.payload = Some(payload);
                Ok(())
            }
        }
    }

    /// Several blocks of PEM: certificates, or one message and certificates to be left aside.
    pub(super) fn several(
        &mut self,
        items: &[Vec<u8>],
        findings: &mut Findings,
        provider: &Provider,
    ) -> Result<(), Error> {
        let mut certificates = Vec::new();
        for item in items {
            match Payload::read(item, Place::Certificates, &mut Findings::default(), provider) {
                Payload::Certificates(_) => {
                    let read = Payload::read(item, Place::Certificates, findings, provider);
                    certificates.extend(read.certificates().iter().cloned());
                }
                _ => return self.element(item, findings, provider),
            }
        }
        self.kind = Kind::Certificates;
        self.payload = Some(Payload::Certificates(certificates));
        Ok(())
    }

    fn signed(
        &mut self,
        bytes: &[u8],
        fields: Fields<'_>,
        findings: &mut Findings,
        provider: &Provider,
    ) -> Result<(), Error> {
        let mut layer = Layer::new(bytes, Place::SignedData, findings);
        let (data, content) = signed::read(fields, &mut layer, provider).ok_or(InvalidMessage::Der)?;
        layer.finish();
        let is_scep =
            data.signers.iter().flat_map(|signer| signer.attributes.iter().flatten()).any(|attribute| {
                ["messageType", "transactionID", "pkiStatus", "senderNonce"]
                    .iter()
                    .any(|name| attribute.oid.is(name))
            });
        if !is_scep && content.embedded.is_empty() {
            self.kind = Kind::CertsOnly;
            payload::judge_certs_only(&data, findings);
            self.payload = Some(Payload::CertsOnly(Box::new(data)));
            return Ok(());
        }
        if !is_scep && content_info(&content.embedded).is_some_and(|(oid, _)| oid == Oid::ID_SIGNED_DATA) {
            self.kind = Kind::NextCaCertificates;
            // Attributes of SCEP are not expected here, so nothing is missing.
            self.message = Some(MessageReport::new(data, &mut Findings::default()));
            self.payload = Some(Payload::read(&content.embedded, Place::CertsOnly, findings, provider));
            return Ok(());
        }
        self.kind = Kind::PkiMessage;
        self.refusal = Unverified::parse(bytes.to_vec(), &Limits::DEFAULT).err();
        let message = MessageReport::new(data, findings);
        // The content of a FAILURE or PENDING is nothing to read: some peers send a byte of it.
        let is_answer = message.known_type() == Some(MessageType::CertRep)
            && matches!(message.known_status(), Some(PkiStatus::Failure | PkiStatus::Pending));
        if !content.embedded.is_empty() && !self.envelope(&content.embedded, findings) && !is_answer {
            findings.add(Deviation::NotEnveloped, Place::Content);
            let payload = Payload::read(&content.embedded, Place::Payload, findings, provider);
            payload.judge(&message, findings);
            self.payload = Some(payload);
        }
        self.message = Some(message);
        Ok(())
    }

    /// Reads an EnvelopedData with its ContentInfo or without; whether there is one.
    fn envelope(&mut self, bytes: &[u8], findings: &mut Findings) -> bool {
        let mut rest = bytes;
        let Some(outer) = Element::read(&mut rest).filter(|outer| outer.tag == tlv::SEQUENCE) else {
            return false;
        };
        let mut layer = Layer::new(bytes, Place::EnvelopedData, findings);
        let body = match content_info(bytes) {
            Some((Oid::ID_ENVELOPED_DATA, mut fields)) => fields.tagged(tlv::context(0)),
            Some((Oid::ID_AUTH_ENVELOPED_DATA, mut fields)) => {
                layer.add(Deviation::ForbiddenAlgorithm, Place::EnvelopedData, None);
                fields.tagged(tlv::context(0))
            }
            Some(_) => None,
            // Where eContentType says id-envelopedData, there is no ContentInfo.
            None => outer.fields().tagged(tlv::INTEGER).and(Some(outer)).filter(|outer| {
                outer.fields().nth(1).is_some_and(|field| matches!(field.tag, tlv::SET | 0xA0))
            }),
        };
        let body = body.and_then(|body| {
            if body.tag == tlv::SEQUENCE { Some(body) } else { body.fields().tagged(tlv::SEQUENCE) }
        });
        self.envelope = body.map(|body| EnvelopeReport::read(body.fields(), &mut layer));
        if self.envelope.is_some() {
            layer.finish();
        }
        self.envelope.is_some()
    }

    /// Whether the media type of a response fits (RFC 8894 sections 3.5.2 and 4).
    pub(super) fn media_type(&self, findings: &mut Findings) {
        let Some(http) = self.http.as_ref().filter(|http| http.status.is_some()) else { return };
        let fits: &[&str] = match self.kind {
            Kind::PkiMessage => &["application/x-pki-message"],
            Kind::Certificates => &["application/x-x509-ca-cert"],
            Kind::CertsOnly => &["application/x-x509-ca-ra-cert"],
            Kind::NextCaCertificates => &["application/x-x509-next-ca-cert"],
            Kind::Capabilities => &["text/plain"],
            _ => return,
        };
        let own = http.media_type.as_deref().unwrap_or_default();
        findings.add_if(!fits.contains(&own), Deviation::HttpMediaType, Place::Http);
    }
}
