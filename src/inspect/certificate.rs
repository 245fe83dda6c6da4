//! Certificates and CRLs, as far as they can be read.

use super::ber::Element;
use super::finding::{Deviation, Findings, Place};
use super::names::{Algorithm, ObjectId, Use};
use super::value::MOST;
use crate::wire::certificate::{Certificate, read_time};
use crate::wire::extension::KeyUsage;
use crate::wire::name::Name;
use crate::wire::public_key::SubjectPublicKeyInfo;
use crate::wire::tlv::{self, Tlv};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use rustls_pki_types::UnixTime;

/// A certificate (RFC 5280 section 4.1). What cannot be read is `None`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateReport {
    /// Version: 1 to 3, as people count.
    pub version: Option<u32>,
    /// The serial number: contents octets of the INTEGER as they stand.
    pub serial: Vec<u8>,
    /// The issuer, as text for people.
    pub issuer: Option<String>,
    /// The subject, as text for people.
    pub subject: Option<String>,
    /// When it becomes valid.
    pub not_before: Option<UnixTime>,
    /// The last second of its validity.
    pub not_after: Option<UnixTime>,
    /// The public key.
    pub key: Option<KeyReport>,
    /// How it is signed.
    pub signature_algorithm: Option<Algorithm>,
    /// What the key may be used for; `None` without that extension.
    pub key_usage: Option<KeyUsage>,
    /// Whether it is the certificate of a CA.
    pub is_ca: bool,
    /// Whether issuer and subject are the same.
    pub is_self_issued: bool,
    /// The extensions.
    pub extensions: Vec<ExtensionReport>,
    /// The whole certificate in DER, or as it came when it cannot be brought into DER.
    pub der: Vec<u8>,
}

/// A public key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyReport {
    /// What kind it is; for a key on an elliptic curve the parameters name the curve.
    pub algorithm: Option<Algorithm>,
    /// For RSA: bits of the modulus.
    pub rsa_bits: Option<usize>,
    pub(super) der: Vec<u8>,
}

/// An extension of a certificate or a certification request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExtensionReport {
    /// Which one it is.
    pub oid: ObjectId,
    /// Whether it is critical.
    pub critical: bool,
}

impl KeyReport {
    pub(super) fn read(element: &Element<'_>) -> Self {
        let der = element.to_der().into_owned();
        let algorithm = element.fields().next().and_then(|field| {
            Algorithm::read(&field, Use::Other, Place::Certificates, &mut Findings::default())
        });
        let rsa_bits = SubjectPublicKeyInfo::parse(&der).and_then(|key| key.rsa()).ok().map(|key| key.bits());
        Self { algorithm, rsa_bits, der }
    }

    pub(super) fn same(&self, other: &Self) -> bool {
        match (SubjectPublicKeyInfo::parse(&self.der), SubjectPublicKeyInfo::parse(&other.der)) {
            (Ok(one), Ok(other)) => one.same_key(&other),
            _ => self.der == other.der,
        }
    }
}

/// A name as text for people.
pub(super) fn name_text(element: &Element<'_>) -> Option<String> {
    Name::parse(&element.to_der()).ok().map(|name| name.to_string())
}

/// Reads the SEQUENCE OF Extension inside `element`.
pub(super) fn extensions(element: &Element<'_>) -> Vec<ExtensionReport> {
    let extension = |element: Element<'_>| {
        let mut fields = element.fields();
        let oid = ObjectId::new(fields.tagged(tlv::OBJECT_IDENTIFIER)?.contents);
        let critical = fields.tagged(tlv::BOOLEAN).is_some_and(|flag| flag.contents != [0]);
        Some(ExtensionReport { oid, critical })
    };
    element.fields().take(MOST).filter_map(extension).collect()
}

fn time(element: Element<'_>) -> Option<UnixTime> {
    read_time(&Tlv { tag: element.tag, value: element.contents, raw: element.raw }).ok()
}

impl CertificateReport {
    /// Reads a certificate; what is noticed about it goes to `findings`.
    pub(super) fn read(element: &Element<'_>, findings: &mut Findings) -> Self {
        let place = Place::Certificates;
        // A certificate is DER, unless somebody put the message around it into BER as a whole.
        let der = if Certificate::parse(element.raw).is_ok() {
            element.raw.to_vec()
        } else {
            element.to_der().into_owned()
        };
        let mut report = Self {
            version: None,
            serial: Vec::new(),
            issuer: None,
            subject: None,
            not_before: None,
            not_after: None,
            key: None,
            signature_algorithm: None,
            key_usage: None,
            is_ca: false,
            is_self_issued: false,
            extensions: Vec::new(),
            der,
        };
        if let Ok(certificate) = Certificate::parse(&report.der) {
            report.key_usage = certificate.key_usage();
            report.is_ca = certificate.is_ca();
            report.is_self_issued = certificate.is_self_issued();
        } else {
            findings.add(Deviation::CertificateUnreadable, place);
        }
        report.fields(element, findings);
        findings.add_if(
            report.version.is_some_and(|version| version != 3),
            Deviation::CertificateVersion,
            place,
        );
        findings.add_if(report.serial.len() > 20, Deviation::SerialLength, place);
        let zero_or_less = !report.serial.is_empty()
            && (report.serial.iter().all(|octet| *octet == 0)
                || report.serial.first().is_some_and(|octet| octet & 0x80 != 0));
        findings.add_if(zero_or_less, Deviation::SerialNotPositive, place);
        report
    }

    fn fields(&mut self, element: &Element<'_>, findings: &mut Findings) {
        let mut outer = element.fields();
        let Some(tbs) = outer.tagged(tlv::SEQUENCE) else { return };
        self.signature_algorithm = outer
            .tagged(tlv::SEQUENCE)
            .and_then(|algorithm| Algorithm::read(&algorithm, Use::Signature, Place::Certificates, findings));
        let mut fields = tbs.fields();
        self.version = match fields.tagged(tlv::context(0)) {
            None => Some(1),
            Some(version) => version.fields().next().and_then(|v| v.small()).and_then(|v| v.checked_add(1)),
        };
        self.serial = fields.tagged(tlv::INTEGER).map(|serial| serial.contents.to_vec()).unwrap_or_default();
        fields.tagged(tlv::SEQUENCE);
        self.issuer = fields.tagged(tlv::SEQUENCE).and_then(|name| name_text(&name));
        if let Some(validity) = fields.tagged(tlv::SEQUENCE) {
            let mut times = validity.fields();
            self.not_before = times.next().and_then(time);
            self.not_after = times.next().and_then(time);
        }
        self.subject = fields.tagged(tlv::SEQUENCE).and_then(|name| name_text(&name));
        self.key = fields.tagged(tlv::SEQUENCE).map(|key| KeyReport::read(&key));
        let holder = fields.find(|field| field.tag == tlv::context(3));
        let list = holder.and_then(|holder| holder.fields().next());
        self.extensions = list.map(|list| extensions(&list)).unwrap_or_default();
    }

    /// The serial number in hexadecimal.
    pub fn serial_hex(&self) -> String {
        hex(&self.serial)
    }
}

pub(super) fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

/// A certificate revocation list (RFC 5280 section 5.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CrlReport {
    /// The issuer, as text for people.
    pub issuer: Option<String>,
    /// When it was issued.
    pub this_update: Option<UnixTime>,
    /// When the next one comes.
    pub next_update: Option<UnixTime>,
    /// How many certificates it revokes.
    pub revoked: usize,
    /// How it is signed.
    pub signature_algorithm: Option<Algorithm>,
    /// The whole list.
    pub der: Vec<u8>,
}

impl CrlReport {
    /// Reads a CRL: a SEQUENCE whose issuer can be read and whose date follows it.
    pub(super) fn read(element: &Element<'_>, findings: &mut Findings) -> Option<Self> {
        let mut outer = element.fields();
        let mut fields = outer.tagged(tlv::SEQUENCE)?.fields();
        fields.tagged(tlv::INTEGER);
        fields.tagged(tlv::SEQUENCE)?;
        let issuer = name_text(&fields.tagged(tlv::SEQUENCE)?);
        let this_update = time(fields.next()?)?;
        let next = fields.clone().next().filter(|next| next.tag != tlv::SEQUENCE);
        let next_update = next.and_then(time);
        if next_update.is_some() {
            fields.next();
        }
        let revoked = fields.tagged(tlv::SEQUENCE).map_or(0, |list| list.fields().count());
        let signature_algorithm = outer
            .tagged(tlv::SEQUENCE)
            .and_then(|algorithm| Algorithm::read(&algorithm, Use::Signature, Place::Crls, findings));
        Some(Self {
            issuer,
            this_update: Some(this_update),
            next_update,
            revoked,
            signature_algorithm,
            der: element.raw.to_vec(),
        })
    }
}
