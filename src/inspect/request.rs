//! Certification requests, as far as they can be read (RFC 2986).

use super::ber::Element;
use super::certificate::{ExtensionReport, KeyReport, extensions, name_text};
use super::finding::{Deviation, Findings, Place};
use super::names::{Algorithm, Use};
use super::signature;
use super::signed::Validity;
use super::value::{AttributeReport, are_sorted, attributes, shown, type_name};
use crate::crypto::Provider;
use crate::wire::algorithm::{AlgorithmIdentifier, SignatureScheme};
use crate::wire::extension::{GeneralName, subject_alt_names};
use crate::wire::limits::Limits;
use crate::wire::name::decode_text;
use crate::wire::oid::Oid;
use crate::wire::tlv;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use zeroize::Zeroizing;

/// A certification request.
///
/// ```text
/// CertificationRequest ::= SEQUENCE { certificationRequestInfo, signatureAlgorithm, signature BIT STRING }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestReport {
    /// Version: 1 where all is well, as people count.
    pub version: Option<u32>,
    /// The subject, as text for people.
    pub subject: Option<String>,
    /// The key to be certified.
    pub key: Option<KeyReport>,
    /// How it is signed.
    pub signature_algorithm: Option<Algorithm>,
    /// Whether the signature is that of its own key.
    pub validity: Validity,
    /// The attributes, in their order; the challenge password without its value.
    pub attributes: Vec<AttributeReport>,
    /// The challenge password.
    pub challenge: Option<ChallengeReport>,
    /// The extensions asked for.
    pub extensions: Vec<ExtensionReport>,
    /// The subject alternative names asked for, as text for people.
    pub subject_alt_names: Vec<String>,
}

/// A challenge password (RFC 2985 section 5.4.1). `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct ChallengeReport {
    /// The ASN.1 type that it was sent as.
    pub type_name: &'static str,
    /// Length as sent, bytes.
    pub length: usize,
    text: Option<Zeroizing<String>>,
}

impl ChallengeReport {
    /// The secret text, made harmless for terminals; `None` when it is no text.
    pub fn expose(&self) -> Option<&str> {
        self.text.as_ref().map(|text| text.as_str())
    }
}

impl fmt::Debug for ChallengeReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ChallengeReport({}, {} bytes)", self.type_name, self.length)
    }
}

impl RequestReport {
    /// Reads one; `None` when `element` has not the shape of one.
    pub(super) fn read(element: &Element<'_>, findings: &mut Findings, provider: &Provider) -> Option<Self> {
        let place = Place::CertificationRequest;
        let mut outer = element.fields();
        let info = outer.tagged(tlv::SEQUENCE)?;
        let mut fields = info.fields();
        let version = fields.tagged(tlv::INTEGER)?.small().and_then(|version| version.checked_add(1));
        let name = fields.tagged(tlv::SEQUENCE)?;
        let key = fields.tagged(tlv::SEQUENCE).map(|key| KeyReport::read(&key));
        let set = fields.tagged(tlv::context(0));
        let algorithm = outer.tagged(tlv::SEQUENCE);
        let signature = outer.tagged(tlv::BIT_STRING).and_then(|bits| bits.contents.split_first());

        findings.add_if(
            crate::wire::pkcs10::CertificationRequest::parse(element.raw, &Limits::DEFAULT).is_err(),
            Deviation::RequestUnreadable,
            place,
        );
        findings.add_if(name.contents.is_empty(), Deviation::RequestNoSubject, place);
        let mut report = Self {
            version,
            subject: name_text(&name),
            key,
            signature_algorithm: None,
            validity: Validity::Unsupported,
            attributes: Vec::new(),
            challenge: None,
            extensions: Vec::new(),
            subject_alt_names: Vec::new(),
        };
        if let Some(algorithm) = &algorithm {
            report.signature_algorithm = Algorithm::read(algorithm, Use::Signature, place, findings);
            let signature = signature.map(|(_, signature)| signature).unwrap_or_default();
            report.validity = report.verify(info.raw, algorithm, signature, provider);
            findings.add_if(report.validity == Validity::Invalid, Deviation::RequestSignature, place);
        }
        if let Some(set) = set {
            findings.add_if(!are_sorted(set.fields()), Deviation::UnsortedAttributes, place);
            report.attributes = attributes(set.fields());
            set.fields().for_each(|attribute| report.attribute(&attribute, findings));
        }
        Some(report)
    }

    fn verify(
        &self,
        info: &[u8],
        algorithm: &Element<'_>,
        signature: &[u8],
        provider: &Provider,
    ) -> Validity {
        let der = algorithm.to_der();
        let scheme = AlgorithmIdentifier::parse(&der)
            .and_then(|identifier| SignatureScheme::from_identifier(&identifier));
        match (scheme, &self.key) {
            (Ok(scheme), Some(key)) => signature::check(provider, scheme, key, info, signature),
            _ => Validity::Unsupported,
        }
    }

    fn attribute(&mut self, attribute: &Element<'_>, findings: &mut Findings) {
        const REQUESTS: [Oid<'static>; 3] =
            [Oid::EXTENSION_REQUEST, Oid::EXTENSION_REQUEST_MICROSOFT, Oid::EXTENSION_REQUEST_VERISIGN];
        let mut fields = attribute.fields();
        let Some(oid) = fields.tagged(tlv::OBJECT_IDENTIFIER).map(|oid| Oid::new(oid.contents)) else {
            return;
        };
        let Some(value) = fields.tagged(tlv::SET).and_then(|values| values.fields().next()) else { return };
        if oid == Oid::CHALLENGE_PASSWORD {
            let printable = matches!(value.tag, tlv::PRINTABLE_STRING | tlv::UTF8_STRING);
            findings.add_if(!printable, Deviation::ChallengeType, Place::CertificationRequest);
            let text = decode_text(value.tag, value.contents).map(Zeroizing::new);
            self.challenge = Some(ChallengeReport {
                type_name: type_name(value.tag),
                length: value.contents.len(),
                text: text.map(|text| Zeroizing::new(shown(&text))),
            });
        } else if REQUESTS.contains(&oid) && self.extensions.is_empty() {
            self.extensions = extensions(&value);
            let names = value.fields().find(|field| {
                field.fields().next().is_some_and(|oid| oid.contents == Oid::SUBJECT_ALT_NAME.as_bytes())
            });
            let names = names.and_then(|field| field.fields().find(|part| part.tag == tlv::OCTET_STRING));
            let names = names.map(|names| subject_alt_names(names.contents, &Limits::DEFAULT));
            self.subject_alt_names =
                names.and_then(Result::ok).unwrap_or_default().iter().map(general_name).collect();
        }
    }
}

fn general_name(name: &GeneralName<'_>) -> String {
    match name {
        GeneralName::Dns(text) => shown(&format!("dns:{text}")),
        GeneralName::Email(text) => shown(&format!("email:{text}")),
        GeneralName::UserPrincipalName(text) => shown(&format!("upn:{text}")),
        GeneralName::Uri(text) => shown(&format!("uri:{text}")),
        GeneralName::Ip(octets) => match <[u8; 16]>::try_from(*octets) {
            Ok(octets) => format!("ip:{}", core::net::Ipv6Addr::from(octets)),
            Err(_) => {
                let octets: Vec<_> = octets.iter().map(ToString::to_string).collect();
                format!("ip:{}", octets.join("."))
            }
        },
        GeneralName::DirectoryName(name) => format!("name:{name}"),
        GeneralName::Other { tag, value } => format!("other:{tag:02x}:{}", super::certificate::hex(value)),
    }
}
