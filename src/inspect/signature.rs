//! Whether the signature of a message holds, in every reading that deployed peers use.

use super::ber::Element;
use super::certificate::{CertificateReport, KeyReport};
use super::finding::{Deviation, Findings, Place};
use super::signed::{RawSigner, SignedContent, SignedDataReport, Validity};
use crate::crypto::Provider;
use crate::error::{BadSignature, Error};
use crate::wire::algorithm::{AlgorithmIdentifier, Digest, SignatureScheme};
use crate::wire::certificate::Certificate;
use crate::wire::oid::Oid;
use crate::wire::public_key::SubjectPublicKeyInfo;
use crate::wire::selector::CertificateSelector;
use crate::wire::tlv::{self, Reader, Writer};
use alloc::vec::Vec;

/// The certificate that the signer means, as its place in the list.
pub(super) fn signer_certificate(signer: &RawSigner<'_>, data: &SignedDataReport) -> Option<usize> {
    let der = signer.sid.as_ref()?.to_der();
    let selector = Reader::new(&der).and_then(|mut reader| CertificateSelector::read(&mut reader)).ok()?;
    data.certificates.iter().position(|certificate| {
        Certificate::parse(&certificate.der).is_ok_and(|certificate| selector.matches(&certificate))
    })
}

/// Verifies as RFC 5652 section 5.4 has it; when that fails, over the attributes in the order of DER.
pub(super) fn verify(
    signer: &RawSigner<'_>,
    certificate: Option<usize>,
    data: &SignedDataReport,
    content: &SignedContent<'_>,
    findings: &mut Findings,
    provider: &Provider,
) -> Validity {
    let key = certificate.and_then(|index| data.certificates.get(index));
    let key = key.and_then(|certificate: &CertificateReport| certificate.key.as_ref());
    findings.add_if(key.is_none(), Deviation::SignerCertificate, Place::Certificates);

    let scheme = scheme(signer);
    if scheme == Err(BadSignature::Algorithms.into()) {
        findings.add(Deviation::SignatureAlgorithms, Place::SignerInfo);
        return Validity::Invalid;
    }
    let mut holds = true;
    let digest = signer.digest.as_ref().and_then(digest).and_then(|digest| provider.digest(digest).ok());
    let digest = digest.map(|digest| digest.digest(&[&content.octets]));
    if let Some(attributes) = &signer.attributes {
        let content_type = single(attributes, Oid::CONTENT_TYPE);
        if content_type.is_some_and(|value| value.contents != content.content_type) {
            findings.add(Deviation::ContentTypeMismatch, Place::SignedAttributes);
            holds = false;
        }
        let own = single(attributes, Oid::MESSAGE_DIGEST);
        if let (Some(own), Some(digest)) = (own, digest)
            && own.octets().as_ref() != digest.as_bytes()
        {
            findings.add(Deviation::MessageDigest, Place::SignedAttributes);
            holds = false;
        }
    }
    let Some(key) = key else { return Validity::NoCertificate };
    let Ok(scheme) = scheme else { return Validity::Unsupported };
    for (message, is_sorted) in candidates(signer, content) {
        match check(provider, scheme, key, &message, &signer.signature) {
            Validity::Valid => {
                findings.add_if(is_sorted, Deviation::SignedSorted, Place::Signature);
                return if holds { Validity::Valid } else { Validity::Invalid };
            }
            Validity::Invalid => {}
            other => return other,
        }
    }
    findings.add(Deviation::Signature, Place::Signature);
    Validity::Invalid
}

fn digest(element: &Element<'_>) -> Option<Digest> {
    let der = element.to_der();
    AlgorithmIdentifier::parse(&der).and_then(|identifier| Digest::from_identifier(&identifier)).ok()
}

fn scheme(signer: &RawSigner<'_>) -> Result<SignatureScheme, Error> {
    let digest = signer.digest.as_ref().and_then(digest).ok_or(crate::error::Unsupported::Digest)?;
    let der = signer.algorithm.as_ref().map(|element| element.to_der()).unwrap_or_default();
    SignatureScheme::from_signer_info(digest, &AlgorithmIdentifier::parse(&der)?)
}

/// The one value of an attribute.
fn single<'a>(attributes: &Element<'a>, oid: Oid<'_>) -> Option<Element<'a>> {
    let mut found = attributes.fields().filter_map(|attribute| {
        let mut fields = attribute.fields();
        let own = fields.tagged(tlv::OBJECT_IDENTIFIER)?;
        (own.contents == oid.as_bytes()).then_some(fields)
    });
    found.next()?.tagged(tlv::SET)?.fields().next()
}

/// What may have been signed: the attributes as sent under the tag of SET OF, then in DER, then sorted too, which is
/// marked. Without attributes it is the content itself.
fn candidates(signer: &RawSigner<'_>, content: &SignedContent<'_>) -> Vec<(Vec<u8>, bool)> {
    let Some(attributes) = &signer.attributes else { return Vec::from([(content.octets.to_vec(), false)]) };
    let as_sent = [&[tlv::SET], attributes.raw.get(1..).unwrap_or_default()].concat();
    let mut parts: Vec<Vec<u8>> =
        attributes.fields().map(|attribute| attribute.to_der().into_owned()).collect();
    let set = |parts: &[Vec<u8>]| {
        let mut writer = Writer::new();
        writer.tlv(tlv::SET, &parts.concat());
        writer.finish()
    };
    let der = set(&parts);
    parts.sort_unstable();
    let sorted = set(&parts);
    let mut candidates = Vec::from([(as_sent, false)]);
    for (message, is_sorted) in [(der, false), (sorted, true)] {
        if candidates.iter().all(|(known, _)| *known != message) {
            candidates.push((message, is_sorted));
        }
    }
    candidates
}

/// One signature over one message.
pub(super) fn check(
    provider: &Provider,
    scheme: SignatureScheme,
    key: &KeyReport,
    message: &[u8],
    signature: &[u8],
) -> Validity {
    let Ok(verifier) = provider.verifier(scheme) else { return Validity::Unsupported };
    let Ok(key) = SubjectPublicKeyInfo::parse(&key.der) else { return Validity::Unsupported };
    match verifier.verify(&key, &[message], signature) {
        Ok(()) => Validity::Valid,
        Err(Error::BadSignature(_)) => Validity::Invalid,
        Err(_) => Validity::Unsupported,
    }
}
