//! Object identifiers and algorithms, named as far as they are known, whether this library can use them or not.

use super::ber::Element;
use super::finding::{Deviation, Findings, Place};
use super::value::MOST;
use crate::wire::oid::Oid;
use crate::wire::tlv;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

/// Names in dotted decimal, and what people call them.
const NAMES: &[(&str, &str)] = &[
    ("1.2.840.113549.1.7.1", "id-data"),
    ("1.2.840.113549.1.7.2", "id-signedData"),
    ("1.2.840.113549.1.7.3", "id-envelopedData"),
    ("1.2.840.113549.1.7.4", "signedAndEnvelopedData"),
    ("1.2.840.113549.1.7.6", "id-encryptedData"),
    ("1.2.840.113549.1.9.16.1.23", "id-ct-authEnvelopedData"),
    ("2.16.840.1.113733.1.9.2", "messageType"),
    ("2.16.840.1.113733.1.9.3", "pkiStatus"),
    ("2.16.840.1.113733.1.9.4", "failInfo"),
    ("2.16.840.1.113733.1.9.5", "senderNonce"),
    ("2.16.840.1.113733.1.9.6", "recipientNonce"),
    ("2.16.840.1.113733.1.9.7", "transactionID"),
    ("2.16.840.1.113733.1.9.8", "extensionRequest (VeriSign)"),
    ("1.3.6.1.5.5.7.24", "id-scep"),
    ("1.3.6.1.5.5.7.24.1", "failInfoText"),
    ("1.2.840.113549.1.9.3", "contentType"),
    ("1.2.840.113549.1.9.4", "messageDigest"),
    ("1.2.840.113549.1.9.5", "signingTime"),
    ("1.2.840.113549.1.9.2", "unstructuredName"),
    ("1.2.840.113549.1.9.7", "challengePassword"),
    ("1.2.840.113549.1.9.8", "unstructuredAddress"),
    ("1.2.840.113549.1.9.14", "extensionRequest"),
    ("1.2.840.113549.1.9.15", "smimeCapabilities"),
    ("1.2.840.113549.1.9.20", "friendlyName"),
    ("1.2.840.113549.1.9.21", "localKeyId"),
    ("1.2.840.113549.1.9.52", "cmsAlgorithmProtection"),
    ("1.3.6.1.4.1.311.2.1.14", "extensionRequest (Microsoft)"),
    ("1.3.6.1.4.1.311.13.2.3", "osVersion (Microsoft)"),
    ("1.3.6.1.4.1.311.21.20", "requestClientInfo (Microsoft)"),
    ("1.3.6.1.4.1.311.21.33", "errorCode (Microsoft)"),
    ("1.2.840.113549.2.2", "md2"),
    ("1.2.840.113549.2.5", "md5"),
    ("1.3.14.3.2.26", "sha1"),
    ("2.16.840.1.101.3.4.2.4", "sha224"),
    ("2.16.840.1.101.3.4.2.1", "sha256"),
    ("2.16.840.1.101.3.4.2.2", "sha384"),
    ("2.16.840.1.101.3.4.2.3", "sha512"),
    ("1.2.840.113549.1.1.1", "rsaEncryption"),
    ("1.2.840.113549.1.1.2", "md2WithRSAEncryption"),
    ("1.2.840.113549.1.1.4", "md5WithRSAEncryption"),
    ("1.2.840.113549.1.1.5", "sha1WithRSAEncryption"),
    ("1.2.840.113549.1.1.7", "rsaesOaep"),
    ("1.2.840.113549.1.1.8", "mgf1"),
    ("1.2.840.113549.1.1.9", "pSpecified"),
    ("1.2.840.113549.1.1.10", "rsassaPss"),
    ("1.2.840.113549.1.1.11", "sha256WithRSAEncryption"),
    ("1.2.840.113549.1.1.12", "sha384WithRSAEncryption"),
    ("1.2.840.113549.1.1.13", "sha512WithRSAEncryption"),
    ("1.2.840.113549.1.1.14", "sha224WithRSAEncryption"),
    ("1.2.840.10045.2.1", "ecPublicKey"),
    ("1.2.840.10045.3.1.7", "P-256"),
    ("1.3.132.0.34", "P-384"),
    ("1.3.132.0.35", "P-521"),
    ("1.2.840.10045.4.1", "ecdsaWithSHA1"),
    ("1.2.840.10045.4.3.2", "ecdsaWithSHA256"),
    ("1.2.840.10045.4.3.3", "ecdsaWithSHA384"),
    ("1.2.840.10045.4.3.4", "ecdsaWithSHA512"),
    ("1.2.840.10040.4.1", "dsa"),
    ("1.2.840.10040.4.3", "dsaWithSHA1"),
    ("1.3.101.112", "ed25519"),
    ("1.3.101.113", "ed448"),
    ("1.3.14.3.2.7", "des-cbc"),
    ("1.2.840.113549.3.2", "rc2-cbc"),
    ("1.2.840.113549.3.4", "rc4"),
    ("1.2.840.113549.3.7", "des-ede3-cbc"),
    ("2.16.840.1.101.3.4.1.2", "aes128-cbc"),
    ("2.16.840.1.101.3.4.1.22", "aes192-cbc"),
    ("2.16.840.1.101.3.4.1.42", "aes256-cbc"),
    ("2.16.840.1.101.3.4.1.6", "aes128-gcm"),
    ("2.16.840.1.101.3.4.1.26", "aes192-gcm"),
    ("2.16.840.1.101.3.4.1.46", "aes256-gcm"),
    ("1.2.840.113549.1.5.12", "pbkdf2"),
    ("1.2.840.113549.2.7", "hmacWithSHA1"),
    ("1.2.840.113549.2.8", "hmacWithSHA224"),
    ("1.2.840.113549.2.9", "hmacWithSHA256"),
    ("1.2.840.113549.2.10", "hmacWithSHA384"),
    ("1.2.840.113549.2.11", "hmacWithSHA512"),
    ("1.2.840.113549.1.9.16.3.9", "pwriKek"),
    ("2.5.29.14", "subjectKeyIdentifier"),
    ("2.5.29.15", "keyUsage"),
    ("2.5.29.17", "subjectAltName"),
    ("2.5.29.19", "basicConstraints"),
    ("2.5.29.31", "cRLDistributionPoints"),
    ("2.5.29.32", "certificatePolicies"),
    ("2.5.29.35", "authorityKeyIdentifier"),
    ("2.5.29.37", "extKeyUsage"),
    ("1.3.6.1.5.5.7.1.1", "authorityInfoAccess"),
    ("1.3.6.1.4.1.311.20.2", "certificateTemplateName (Microsoft)"),
    ("1.3.6.1.4.1.311.21.7", "certificateTemplate (Microsoft)"),
    ("1.3.6.1.4.1.311.25.2", "securityIdentifier (Microsoft)"),
];

/// An object identifier. `Display` is the name, or the dotted form where there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectId {
    /// In dotted decimal; octets that are no object identifier are in hexadecimal.
    pub dotted: String,
    /// What people call it.
    pub name: Option<&'static str>,
}

impl ObjectId {
    pub(super) fn new(octets: &[u8]) -> Self {
        let dotted = Oid::new(octets).to_string();
        let name = NAMES.iter().find(|(known, _)| *known == dotted).map(|(_, name)| *name);
        Self { dotted, name }
    }

    /// Whether it is the one of that name.
    pub fn is(&self, name: &str) -> bool {
        self.name == Some(name)
    }
}

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name.unwrap_or(&self.dotted))
    }
}

/// The parameters of an algorithm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Parameters {
    /// The field is absent.
    Absent,
    /// The field is NULL.
    Null,
    /// Anything else: the whole element.
    Other(Vec<u8>),
}

/// An algorithm as a message names it (RFC 5280 section 4.1.1.2), supported or not.
///
/// ```text
/// AlgorithmIdentifier ::= SEQUENCE { algorithm OBJECT IDENTIFIER, parameters ANY OPTIONAL }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Algorithm {
    /// Which one it is.
    pub oid: ObjectId,
    /// Its parameters.
    pub parameters: Parameters,
}

/// What an algorithm is used for, which decides what belongs into its parameters.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    Digest,
    Signature,
    KeyTransport,
    /// Public keys and content ciphers: not judged here.
    Other,
}

impl Algorithm {
    pub(super) fn read(
        element: &Element<'_>,
        role: Use,
        place: Place,
        findings: &mut Findings,
    ) -> Option<Self> {
        let mut fields = element.fields();
        let oid = ObjectId::new(fields.tagged(tlv::OBJECT_IDENTIFIER)?.contents);
        let parameters = match fields.next() {
            None => Parameters::Absent,
            Some(element) if element.tag == tlv::NULL && element.contents.is_empty() => Parameters::Null,
            Some(element) => Parameters::Other(element.raw.to_vec()),
        };
        let algorithm = Self { oid, parameters };
        algorithm.judge(role, place, findings);
        Some(algorithm)
    }

    fn judge(&self, role: Use, place: Place, findings: &mut Findings) {
        let name = self.oid.name.unwrap_or_default();
        let weak = ["md2", "md5", "des-cbc", "rc2-cbc", "rc4"];
        let weak = weak.contains(&name) || name.starts_with("md2With") || name.starts_with("md5With");
        findings.add_if(weak, Deviation::ForbiddenAlgorithm, place);
        let rsa = name == "rsaEncryption" || name.ends_with("WithRSAEncryption");
        let ecdsa = name.starts_with("ecdsa") || name.starts_with("ed");
        let absent = self.parameters == Parameters::Absent;
        let other = matches!(self.parameters, Parameters::Other(_));
        match role {
            Use::Digest => {
                findings.add_if(other, Deviation::ParametersUnexpected, place);
            }
            Use::Signature | Use::KeyTransport if rsa => {
                findings.add_if(absent, Deviation::ParametersAbsent, place);
                findings.add_if(other, Deviation::ParametersUnexpected, place);
            }
            Use::Signature if ecdsa => findings.add_if(!absent, Deviation::ParametersUnexpected, place),
            _ => {}
        }
    }
}

impl Algorithm {
    /// What the parameters name, for people: hash functions and length of salt of OAEP and PSS, the curve of a key, rounds
    /// of a key derivation, the cipher of a key wrap. Empty where they name nothing, which for OAEP and PSS means SHA-1.
    pub fn details(&self) -> Vec<String> {
        let mut found = Vec::new();
        if let Parameters::Other(der) = &self.parameters {
            let mut rest = der.as_slice();
            if let Some(element) = Element::read(&mut rest) {
                details(&element, DEEPEST, &mut found);
            }
        }
        found
    }
}

/// How deep parameters are looked into: MGF1 in PSS is the deepest.
const DEEPEST: usize = 6;

/// Object identifiers by their names, and small numbers.
fn details(element: &Element<'_>, depth: usize, found: &mut Vec<String>) {
    match element.tag {
        _ if found.len() >= MOST => {}
        tlv::OBJECT_IDENTIFIER => found.push(ObjectId::new(element.contents).to_string()),
        tlv::INTEGER => found.extend(element.small().map(|number| number.to_string())),
        _ if element.is_constructed() && depth > 0 => {
            element.fields().for_each(|field| details(&field, depth.saturating_sub(1), found));
        }
        _ => {}
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.oid.fmt(f)?;
        let details = self.details();
        if !details.is_empty() {
            return write!(f, " ({})", details.join(", "));
        }
        match &self.parameters {
            Parameters::Absent => f.write_str(" (parameters absent)"),
            Parameters::Null => f.write_str(" (parameters NULL)"),
            Parameters::Other(der) => write!(f, " (parameters of {} bytes)", der.len()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    fn read(role: Use, der: &[u8]) -> (Algorithm, Vec<Deviation>) {
        let (mut rest, mut findings) = (der, Findings::default());
        let element = Element::read(&mut rest).unwrap();
        let algorithm = Algorithm::read(&element, role, Place::SignerInfo, &mut findings).unwrap();
        (algorithm, findings.0.iter().map(|finding| finding.deviation).collect())
    }

    // ALG-1
    #[test]
    fn parameters_are_judged_by_what_the_algorithm_is_for() {
        let sha256 = [0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1];
        let rsa = [0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 1, 1];
        let ecdsa = [0x2A, 0x86, 0x48, 0xCE, 0x3D, 4, 3, 2];
        let identifier = |oid: &[u8], parameters: &[u8]| {
            let inside = [&[6, oid.len() as u8], oid, parameters].concat();
            [&[0x30, inside.len() as u8], inside.as_slice()].concat()
        };
        let (absent, null, other) = (&[][..], &[5, 0][..], &[4, 1, 7][..]);
        for (role, oid, parameters, expected) in [
            (Use::Digest, &sha256[..], absent, vec![]),
            (Use::Digest, &sha256, null, vec![]),
            (Use::Digest, &sha256, other, vec![Deviation::ParametersUnexpected]),
            (Use::Signature, &rsa, null, vec![]),
            (Use::Signature, &rsa, absent, vec![Deviation::ParametersAbsent]),
            (Use::KeyTransport, &rsa, other, vec![Deviation::ParametersUnexpected]),
            (Use::Signature, &ecdsa, absent, vec![]),
            (Use::Signature, &ecdsa, null, vec![Deviation::ParametersUnexpected]),
        ] {
            assert_eq!(read(role, &identifier(oid, parameters)).1, expected, "{oid:x?} {parameters:?}");
        }
        let (algorithm, _) = read(Use::Digest, &identifier(&sha256, null));
        assert_eq!(algorithm.to_string(), "sha256 (parameters NULL)");
    }

    // ALG-5, ALG-11, PWRI-2
    #[test]
    fn what_parameters_name_is_told() {
        let identifier = |oid: Oid<'_>, parameters: &[&[u8]]| {
            let parameters = parameters.concat();
            tlv::element(tlv::SEQUENCE, &[&[6, oid.as_bytes().len() as u8], oid.as_bytes(), &parameters])
        };
        let shown = |der: &[u8]| read(Use::Other, der).0.to_string();
        let sha256 = identifier(Oid::SHA256, &[&[5, 0]]);
        let mask = identifier(Oid::MGF1, &[&sha256]);
        let both = [tlv::element(0xA0, &[&sha256]), tlv::element(0xA1, &[&mask])].concat();
        let oaep = identifier(Oid::RSAES_OAEP, &[&tlv::element(tlv::SEQUENCE, &[&both])]);
        assert_eq!(shown(&oaep), "rsaesOaep (sha256, mgf1, sha256)");
        let pss = tlv::element(tlv::SEQUENCE, &[&both, &[0xA2, 3, 2, 1, 32]]);
        assert_eq!(shown(&identifier(Oid::RSASSA_PSS, &[&pss])), "rsassaPss (sha256, mgf1, sha256, 32)");
        let curve = [&[6, 5][..], Oid::SECP384R1.as_bytes()].concat();
        assert_eq!(shown(&identifier(Oid::EC_PUBLIC_KEY, &[&curve])), "ecPublicKey (P-384)");
        let wrap = identifier(Oid::AES128_CBC, &[&[4, 1, 7]]);
        assert_eq!(shown(&identifier(Oid::PWRI_KEK, &[&wrap])), "pwriKek (aes128-cbc)");
        assert_eq!(shown(&wrap), "aes128-cbc (parameters of 3 bytes)");
        assert_eq!(shown(&identifier(Oid::RSAES_OAEP, &[&[0x30, 0]])), "rsaesOaep (parameters of 2 bytes)");
        // a nest of parameters is not followed for ever
        let mut nest = vec![6, 1, 0x55];
        for _ in 0..40 {
            nest = tlv::element(tlv::SEQUENCE, &[&nest]);
        }
        assert!(shown(&identifier(Oid::RSASSA_PSS, &[&nest])).starts_with("rsassaPss (parameters of"));
    }

    // R-2.9-3
    #[test]
    fn forbidden_and_unknown_algorithms_are_named_all_the_same() {
        let (md5, found) = read(Use::Digest, &[0x30, 10, 6, 8, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 2, 5]);
        assert_eq!((md5.oid.dotted.as_str(), md5.oid.name), ("1.2.840.113549.2.5", Some("md5")));
        assert_eq!(found, [Deviation::ForbiddenAlgorithm]);
        let (unknown, found) = read(Use::Digest, &[0x30, 4, 6, 2, 0x2A, 3]);
        assert_eq!((unknown.oid.to_string().as_str(), unknown.oid.name, found.len()), ("1.2.3", None, 0));
    }
}
