//! The attributes of SCEP: what they say, and what deviates (RFC 8894 section 3.2.1).

use super::certificate::hex;
use super::finding::{Deviation, Findings, Place};
use super::signed::{ContentForm, SignedDataReport};
use super::value::{AttributeReport, ValueReport, shown};
use crate::wire::attributes::{FailInfo, MessageType, PkiStatus};
use crate::wire::tlv;
use alloc::string::String;
use core::fmt;

/// A pkiMessage: the SignedData, and what its attributes say. They are of the first signer; that there is one says
/// nothing about the signature, which is [`SignerReport::validity`](super::SignerReport::validity).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageReport {
    /// The SignedData.
    pub signed_data: SignedDataReport,
    /// messageType.
    pub message_type: Option<Coded<MessageType>>,
    /// transactionID, safe to show.
    pub transaction_id: Option<String>,
    /// pkiStatus.
    pub pki_status: Option<Coded<PkiStatus>>,
    /// failInfo.
    pub fail_info: Option<Coded<FailInfo>>,
    /// failInfoText, safe to show, under its own type or under id-scep.
    pub fail_info_text: Option<String>,
    /// senderNonce in hexadecimal.
    pub sender_nonce: Option<String>,
    /// recipientNonce in hexadecimal.
    pub recipient_nonce: Option<String>,
    /// signingTime, as it stands.
    pub signing_time: Option<String>,
}

/// A number that is sent as text. `Display` is the name, or the text where the number is not defined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Coded<T> {
    /// What was sent.
    pub text: String,
    /// What it means, if it is defined.
    pub known: Option<T>,
}

impl<T: fmt::Display> fmt::Display for Coded<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.known {
            Some(known) => known.fmt(f),
            None => f.write_str(&self.text),
        }
    }
}

const MESSAGE_TYPES: [(&str, MessageType); 6] = [
    ("3", MessageType::CertRep),
    ("17", MessageType::RenewalReq),
    ("19", MessageType::PkcsReq),
    ("20", MessageType::CertPoll),
    ("21", MessageType::GetCert),
    ("22", MessageType::GetCrl),
];
const STATUSES: [(&str, PkiStatus); 3] =
    [("0", PkiStatus::Success), ("2", PkiStatus::Failure), ("3", PkiStatus::Pending)];
const REASONS: [(&str, FailInfo); 5] = [
    ("0", FailInfo::BadAlg),
    ("1", FailInfo::BadMessageCheck),
    ("2", FailInfo::BadRequest),
    ("3", FailInfo::BadTime),
    ("4", FailInfo::BadCertId),
];

/// The attributes that RFC 8894 and RFC 5652 define, with the types of their values.
const DEFINED: [(&str, &[u8]); 11] = [
    ("contentType", &[tlv::OBJECT_IDENTIFIER]),
    ("messageDigest", &[tlv::OCTET_STRING]),
    ("signingTime", &[tlv::UTC_TIME, tlv::GENERALIZED_TIME]),
    ("messageType", &[tlv::PRINTABLE_STRING]),
    ("pkiStatus", &[tlv::PRINTABLE_STRING]),
    ("failInfo", &[tlv::PRINTABLE_STRING]),
    ("failInfoText", &[tlv::UTF8_STRING]),
    ("senderNonce", &[tlv::OCTET_STRING]),
    ("recipientNonce", &[tlv::OCTET_STRING]),
    ("transactionID", &[tlv::PRINTABLE_STRING]),
    // Judged as failInfoText under another type.
    ("id-scep", &[]),
];

struct Judge<'a, 'f> {
    attributes: &'a [AttributeReport],
    findings: &'f mut Findings,
}

impl<'a> Judge<'a, '_> {
    fn find(&self, name: &str) -> Option<&'a ValueReport> {
        self.attributes.iter().find(|attribute| attribute.oid.is(name))?.values.first()
    }

    fn text(&self, name: &str) -> Option<String> {
        let value = self.find(name)?;
        value.text().or_else(|| core::str::from_utf8(&value.contents).ok().map(shown))
    }

    fn octets(&self, name: &str) -> Option<String> {
        self.find(name).map(|value| hex(&value.contents))
    }

    fn add(&mut self, deviation: Deviation, name: &'static str) {
        self.findings.attribute(deviation, Place::SignedAttributes, name);
    }

    fn coded<T: Copy>(&mut self, name: &'static str, known: &[(&str, T)]) -> Option<Coded<T>> {
        let text = self.text(name)?;
        let known = known.iter().find(|(number, _)| *number == text).map(|(_, known)| *known);
        if known.is_none() {
            self.add(Deviation::AttributeValue, name);
        }
        Some(Coded { text, known })
    }

    fn needs(&mut self, name: &'static str) {
        if !self.attributes.iter().any(|attribute| attribute.oid.is(name)) {
            self.add(Deviation::AttributeMissing, name);
        }
    }

    fn has_not(&mut self, name: &'static str) {
        if self.attributes.iter().any(|attribute| attribute.oid.is(name)) {
            self.add(Deviation::AttributeUnexpected, name);
        }
    }

    /// Types and counts, whatever the message is.
    fn forms(&mut self) {
        for (index, attribute) in self.attributes.iter().enumerate() {
            let defined = DEFINED.iter().find(|(name, _)| attribute.oid.is(name));
            let Some((name, tags)) = defined else {
                self.findings.add(Deviation::AttributeUnknown, Place::SignedAttributes);
                continue;
            };
            let before = self.attributes.iter().take(index);
            if before.into_iter().any(|other| other.oid == attribute.oid) {
                self.add(Deviation::AttributeRepeated, name);
            }
            if attribute.values.len() != 1 {
                self.add(Deviation::AttributeValues, name);
            }
            let odd = |value: &ValueReport| !tags.is_empty() && !tags.contains(&value.tag);
            if attribute.values.iter().any(odd) {
                self.add(Deviation::AttributeType, name);
            }
            if *name == "id-scep" {
                self.add(Deviation::FailInfoTextArc, "failInfoText");
            }
            if matches!(*name, "senderNonce" | "recipientNonce")
                && attribute.values.iter().any(|value| value.length != 16)
            {
                self.add(Deviation::NonceLength, name);
            }
        }
        let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b" '()+,-./:=?".contains(byte);
        if let Some(id) = self.find("transactionID")
            && (id.contents.is_empty() || !id.contents.iter().all(plain))
        {
            self.add(Deviation::AttributeValue, "transactionID");
        }
    }

    /// What this message type needs, and what it has not.
    fn presence(&mut self, message_type: Option<MessageType>, status: Option<PkiStatus>) {
        for name in ["contentType", "messageDigest", "messageType", "transactionID", "senderNonce"] {
            self.needs(name);
        }
        match message_type {
            Some(MessageType::CertRep) => {
                self.needs("pkiStatus");
                self.needs("recipientNonce");
            }
            Some(_) => ["pkiStatus", "recipientNonce"].into_iter().for_each(|name| self.has_not(name)),
            None => {}
        }
        match status {
            Some(PkiStatus::Failure) => self.needs("failInfo"),
            None if message_type.is_none_or(|known| known == MessageType::CertRep) => {}
            _ => ["failInfo", "failInfoText"].into_iter().for_each(|name| self.has_not(name)),
        }
    }
}

impl MessageReport {
    pub(super) fn new(signed_data: SignedDataReport, findings: &mut Findings) -> Self {
        let attributes = signed_data.signers.first().and_then(|signer| signer.attributes.as_deref());
        let mut judge = Judge { attributes: attributes.unwrap_or_default(), findings };
        let message_type = judge.coded("messageType", &MESSAGE_TYPES);
        let pki_status = judge.coded("pkiStatus", &STATUSES);
        let fail_info = judge.coded("failInfo", &REASONS);
        judge.forms();
        let (known_type, known_status) = (
            message_type.as_ref().and_then(|coded| coded.known),
            pki_status.as_ref().and_then(|coded| coded.known),
        );
        if attributes.is_some() {
            judge.presence(known_type, known_status);
        }
        let transaction_id = judge.text("transactionID");
        let fail_info_text = judge.text("failInfoText").or_else(|| judge.text("id-scep"));
        let (sender_nonce, recipient_nonce) = (judge.octets("senderNonce"), judge.octets("recipientNonce"));
        if sender_nonce.is_some() && sender_nonce == recipient_nonce {
            judge.add(Deviation::NonceEcho, "senderNonce");
        }
        let signing_time = judge.text("signingTime");
        let report = Self {
            message_type,
            transaction_id,
            pki_status,
            fail_info,
            fail_info_text,
            sender_nonce,
            recipient_nonce,
            signing_time,
            signed_data,
        };
        report.frame(findings);
        report
    }

    /// The SignedData around the attributes.
    fn frame(&self, findings: &mut Findings) {
        let data = &self.signed_data;
        findings.add_if(data.signers.len() != 1, Deviation::SignerCount, Place::SignerInfo);
        let is_data = data.content_type.as_ref().is_some_and(|oid| oid.is("id-data"));
        findings.add_if(!is_data, Deviation::ContentType, Place::Content);
        // Other certificates and CRLs than those of X.509 would make it 4 or 5.
        let right =
            if !is_data || data.signers.iter().any(|signer| signer.version == Some(3)) { 3 } else { 1 };
        findings.add_if(data.version != Some(right), Deviation::SignedDataVersion, Place::SignedData);
        if let Some(usage) = data.signer_certificate().and_then(|certificate| certificate.key_usage) {
            let allowed = usage.contains(crate::wire::extension::KeyUsage::DIGITAL_SIGNATURE);
            findings.add_if(!allowed, Deviation::SignerKeyUsage, Place::Certificates);
        }
        let empty = matches!(data.content, ContentForm::Absent | ContentForm::OctetString(0));
        match (self.known_type(), self.known_status()) {
            (Some(MessageType::CertRep), Some(PkiStatus::Failure | PkiStatus::Pending)) => {
                findings.add_if(!empty, Deviation::ContentUnexpected, Place::Content);
            }
            (Some(MessageType::CertRep), None) | (None, _) => {}
            _ => findings.add_if(empty, Deviation::ContentMissing, Place::Content),
        }
    }

    pub(super) fn known_type(&self) -> Option<MessageType> {
        self.message_type.as_ref()?.known
    }

    pub(super) fn known_status(&self) -> Option<PkiStatus> {
        self.pki_status.as_ref()?.known
    }

    /// The self-signed certificate of the signer, when there is one.
    pub(super) fn self_issued_signer(&self) -> Option<&super::CertificateReport> {
        self.signed_data.signer_certificate().filter(|certificate| certificate.is_self_issued)
    }
}
