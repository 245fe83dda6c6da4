//! GetNextCACert (RFC 8894 section 4.7): the certificates of the CA's next key, signed by the present one.

use crate::crypto::{Digest, Provider, Purpose, SignJob, Signature};
use crate::error::{ApiMisuse, Error, KeyError};
use crate::wire::attributes::encode_cms_attributes;
use crate::wire::certificate::Certificate;
use crate::wire::certs_only;
use crate::wire::extension::KeyUsage;
use crate::wire::signed_data::SignedDataDraft;
use alloc::vec::Vec;
use core::fmt;
use rustls_pki_types::{CertificateDer, UnixTime};

/// The answer to GetNextCACert, signed once and served many times: anybody may ask for it.
///
/// ```text
/// SignedData {
///     version 1, digestAlgorithms { SHA-256 },
///     encapContentInfo { id-data, eContent: a certs-only message with the next certificates },
///     certificates { the signer's, copies of the next ones },
///     signerInfos { one, with contentType, messageDigest and signingTime } }
/// ```
///
/// The standard names neither the eContentType nor the place of the certificates. Deployed clients read them from the
/// inner message or from the outer one; only the inner ones are signed.
#[derive(Clone, PartialEq, Eq)]
pub struct NextCa {
    signer: CertificateDer<'static>,
    message: Vec<u8>,
}

impl NextCa {
    /// Begins one. `signer` is the certificate of the present CA or RA: one that clients know from GetCACert. `next`
    /// are the certificates of the next CA, and of its RA if there is one, in the order of a GetCACert answer to come.
    /// `now` becomes the signingTime.
    ///
    /// [`ApiMisuse::NoAnchor`] if there is no next certificate, or none of them a CA's; [`ApiMisuse::Certificate`] if
    /// one cannot be read, or the signer's may not sign (RFC 8894 section 2.1.2) or is one of the next;
    /// [`Unsupported::PublicKey`](crate::error::Unsupported::PublicKey) for a signer with a kind of key that cannot
    /// sign here.
    pub fn draft(
        provider: &'static Provider,
        signer: CertificateDer<'static>,
        next: Vec<CertificateDer<'static>>,
        now: Option<UnixTime>,
    ) -> Result<NextCaDraft, Error> {
        let mut has_ca = false;
        for der in &next {
            let certificate = Certificate::parse(der).map_err(|_| ApiMisuse::Certificate)?;
            has_ca |= certificate.is_ca();
        }
        if !has_ca {
            return Err(ApiMisuse::NoAnchor.into());
        }
        let certificate = Certificate::parse(&signer).map_err(|_| ApiMisuse::Certificate)?;
        let may_sign =
            certificate.key_usage().is_none_or(|usage| usage.contains(KeyUsage::DIGITAL_SIGNATURE));
        // a message that the next CA signs itself proves nothing
        if !may_sign || next.contains(&signer) {
            return Err(ApiMisuse::Certificate.into());
        }
        let list: Vec<&[u8]> = next.iter().map(AsRef::as_ref).collect();
        let content = certs_only::encode(&list);
        let digest = provider.digest(Digest::Sha256)?.digest(&[&content]);
        let attributes = encode_cms_attributes(digest.as_bytes(), now);
        let public_key = certificate.public_key();
        let scheme = public_key.signature_scheme(Digest::Sha256)?;
        let job = SignJob::new(provider, attributes, scheme, Purpose::NextCa, public_key.as_der())?;
        Ok(NextCaDraft { provider, signer, next, content, job })
    }

    /// The message, DER.
    pub fn as_bytes(&self) -> &[u8] {
        &self.message
    }

    /// The certificate under which it is signed.
    pub fn signer(&self) -> &CertificateDer<'static> {
        &self.signer
    }
}

impl fmt::Debug for NextCa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NextCa({} bytes)", self.message.len())
    }
}

/// A [`NextCa`] that lacks nothing but its signature.
#[must_use]
pub struct NextCaDraft {
    provider: &'static Provider,
    signer: CertificateDer<'static>,
    next: Vec<CertificateDer<'static>>,
    content: Vec<u8>,
    job: SignJob,
}

impl NextCaDraft {
    /// What the private key of the signer's certificate has to do.
    pub fn job(&self) -> &SignJob {
        &self.job
    }

    /// Goes on with what the key's owner answered. A signature that does not verify is
    /// [`KeyError::WrongSignature`].
    pub fn complete(self, signature: Result<Signature, KeyError>) -> Result<NextCa, Error> {
        let signature = signature?;
        self.job.check(self.provider, &signature)?;
        let mut certificates: Vec<&[u8]> = Vec::from([self.signer.as_ref()]);
        certificates.extend(self.next.iter().map(AsRef::as_ref));
        let message = SignedDataDraft {
            content: &self.content,
            certificates: &certificates,
            signer: Certificate::parse(&self.signer)?.issuer_and_serial(),
            scheme: self.job.scheme(),
            signed_attributes: self.job.message(),
            signature: signature.as_bytes(),
        }
        .encode();
        Ok(NextCa { signer: self.signer, message })
    }
}

impl fmt::Debug for NextCaDraft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NextCaDraft({} certificates, {:?})", self.next.len(), self.job)
    }
}
