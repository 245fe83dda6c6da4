//! What an envelope held, or what stands alone: requests, names, certificates, capabilities.

use super::ber::{Element, Layer};
use super::certificate::{CertificateReport, CrlReport, name_text};
use super::finding::{Deviation, Findings, Place};
use super::names::ObjectId;
use super::request::RequestReport;
use super::scep::MessageReport;
use super::signed::{self, ContentForm, SignedDataReport};
use super::value::shown;
use crate::crypto::Provider;
use crate::wire::attributes::MessageType;
use crate::wire::capabilities::Capability;
use crate::wire::oid::Oid;
use crate::wire::tlv;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

/// What is inside everything else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Payload {
    /// A certification request (RFC 2986): of PKCSReq and RenewalReq.
    CertificationRequest(Box<RequestReport>),
    /// Issuer and subject (RFC 8894 section 3.3.3): of CertPoll.
    IssuerAndSubject {
        /// The CA, as text for people.
        issuer: Option<String>,
        /// Who waits, as text for people.
        subject: Option<String>,
    },
    /// Issuer and serial number (RFC 8894 section 3.3.4): of GetCert and GetCRL.
    IssuerAndSerialNumber {
        /// The issuer, as text for people.
        issuer: Option<String>,
        /// The serial number: contents octets as they stand.
        serial: Vec<u8>,
    },
    /// A certs-only message (RFC 8894 section 3.4): of a CertRep, and the answer to GetCACert and GetNextCACert.
    CertsOnly(Box<SignedDataReport>),
    /// Bare certificates: the answer to GetCACert, or a file in PEM.
    Certificates(Vec<CertificateReport>),
    /// A bare CRL.
    Crl(Box<CrlReport>),
    /// The answer to GetCACaps: each line, and the capability that it stands for.
    Capabilities(Vec<(String, Option<Capability>)>),
    /// Something else, of so many bytes.
    Unknown(usize),
}

impl Payload {
    /// A short name that does not change.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::CertificationRequest(_) => "PKCS#10",
            Self::IssuerAndSubject { .. } => "IssuerAndSubject",
            Self::IssuerAndSerialNumber { .. } => "IssuerAndSerialNumber",
            Self::CertsOnly(_) => "certs-only",
            Self::Certificates(_) => "certificate",
            Self::Crl(_) => "crl",
            Self::Capabilities(_) => "capabilities",
            Self::Unknown(_) => "unknown",
        }
    }

    /// The certificates in it.
    pub fn certificates(&self) -> &[CertificateReport] {
        match self {
            Self::CertsOnly(data) => &data.certificates,
            Self::Certificates(list) => list,
            _ => &[],
        }
    }

    /// The CRLs in it.
    pub fn crls(&self) -> &[CrlReport] {
        match self {
            Self::CertsOnly(data) => &data.crls,
            Self::Crl(crl) => core::slice::from_ref(crl),
            _ => &[],
        }
    }

    /// Reads an element of DER by its shape; `base` is where it was found.
    pub(super) fn read(bytes: &[u8], base: Place, findings: &mut Findings, provider: &Provider) -> Self {
        let mut rest = bytes;
        let Some(element) = Element::read(&mut rest).filter(|element| element.tag == tlv::SEQUENCE) else {
            return Self::Unknown(bytes.len());
        };
        let mut layer = Layer::new(bytes, base, findings);
        let payload = Self::by_shape(&element, &mut layer, provider).unwrap_or(Self::Unknown(bytes.len()));
        layer.finish();
        payload
    }

    fn by_shape(element: &Element<'_>, layer: &mut Layer<'_, '_>, provider: &Provider) -> Option<Self> {
        let mut fields = element.fields();
        let first = fields.next()?;
        if first.tag == tlv::OBJECT_IDENTIFIER {
            if Oid::new(first.contents) != Oid::ID_SIGNED_DATA {
                return None;
            }
            let (data, _) = signed::read(fields, layer, provider)?;
            judge_certs_only(&data, layer.findings);
            return Some(Self::CertsOnly(Box::new(data)));
        }
        // Where the second element is a name, and no signature follows.
        let second = fields.next();
        if let Some(second) = second.filter(|_| fields.next().is_none()) {
            let issuer = name_text(&first);
            match second.tag {
                tlv::INTEGER => {
                    let serial = second.contents.to_vec();
                    return Some(Self::IssuerAndSerialNumber { issuer, serial });
                }
                tlv::SEQUENCE if issuer.is_some() => {
                    return Some(Self::IssuerAndSubject { issuer, subject: name_text(&second) });
                }
                _ => {}
            }
        }
        // Certificate, certification request or CRL: what stands in the signed part tells them apart.
        let tags: Vec<u8> = first.fields().take(5).map(|field| field.tag).collect();
        match tags.as_slice() {
            [tlv::INTEGER, tlv::SEQUENCE, tlv::SEQUENCE]
            | [tlv::INTEGER, tlv::SEQUENCE, tlv::SEQUENCE, 0xA0, ..] => {
                let request = RequestReport::read(element, layer.findings, provider)?;
                layer.mark(element, Place::CertificationRequest);
                Some(Self::CertificationRequest(Box::new(request)))
            }
            [0xA0, tlv::INTEGER, ..] | [tlv::INTEGER, tlv::SEQUENCE, tlv::SEQUENCE, tlv::SEQUENCE, ..] => {
                layer.mark(element, Place::Certificates);
                Some(Self::Certificates(Vec::from([CertificateReport::read(element, layer.findings)])))
            }
            _ => CrlReport::read(element, layer.findings).map(|crl| Self::Crl(Box::new(crl))),
        }
    }

    /// Whether it is what the message type has, and fits the signer.
    pub(super) fn judge(&self, message: &MessageReport, findings: &mut Findings) {
        let place = Place::Payload;
        let fits = match message.known_type() {
            Some(MessageType::PkcsReq | MessageType::RenewalReq) => {
                matches!(self, Self::CertificationRequest(_))
            }
            Some(MessageType::CertPoll) => matches!(self, Self::IssuerAndSubject { .. }),
            Some(MessageType::GetCert | MessageType::GetCrl) => {
                matches!(self, Self::IssuerAndSerialNumber { .. })
            }
            Some(MessageType::CertRep) => matches!(self, Self::CertsOnly(_)),
            None => true,
        };
        findings.add_if(!fits, Deviation::PayloadKind, place);
        let (Self::CertificationRequest(request), Some(signer)) = (self, message.self_issued_signer()) else {
            return;
        };
        if let (Some(own), Some(signers)) = (&request.key, &signer.key) {
            findings.add_if(!own.same(signers), Deviation::RequestKey, Place::CertificationRequest);
        }
        let other = request.subject != signer.subject;
        findings.add_if(other, Deviation::RequestSubject, Place::CertificationRequest);
    }

    /// Reads GetCACaps text.
    pub(super) fn capabilities(text: &[u8], findings: &mut Findings) -> Self {
        let lines = text.split(|byte| matches!(byte, b'\n' | b'\r')).map(<[u8]>::trim_ascii);
        let mut list = Vec::new();
        for line in lines.filter(|line| !line.is_empty()).take(super::value::MOST) {
            let line = String::from_utf8_lossy(line);
            let known = |known: &Capability| known.keyword().eq_ignore_ascii_case(&line);
            let known = Capability::ALL.into_iter().find(known);
            // Registered by use, not by the RFC.
            let registered = known.is_some_and(|known| known != Capability::Sha384);
            findings.add_if(!registered, Deviation::CapabilityUnknown, Place::Capabilities);
            let case = known.is_some_and(|known| known.keyword() != line);
            findings.add_if(case, Deviation::CapabilityCase, Place::Capabilities);
            list.push((shown(&line), known));
        }
        Self::Capabilities(list)
    }
}

/// What a certs-only message has not (RFC 8894 section 3.4).
pub(super) fn judge_certs_only(data: &SignedDataReport, findings: &mut Findings) {
    let place = Place::CertsOnly;
    findings.add_if(data.content != ContentForm::Absent, Deviation::CertsOnlyContent, place);
    findings.add_if(!data.signers.is_empty(), Deviation::CertsOnlySigned, place);
    findings.add_if(!data.digest_algorithms.is_empty(), Deviation::CertsOnlyDigests, place);
    findings.add_if(data.certificates.is_empty() && data.crls.is_empty(), Deviation::NoCertificates, place);
    let is_data = data.content_type.as_ref().is_some_and(|oid: &ObjectId| oid.is("id-data"));
    findings.add_if(!is_data, Deviation::ContentType, place);
    findings.add_if(data.version != Some(1), Deviation::SignedDataVersion, place);
}
