//! What an endpoint is: its keys' certificates, its algorithms, its limits.

use crate::crypto::Provider;
use crate::error::{ApiMisuse, Error};
use crate::wire::algorithm::{ContentEncryption, Digest};
use crate::wire::capabilities::{Capabilities, Capability};
use crate::wire::certificate::Certificate;
use crate::wire::certs_only;
use crate::wire::extension::KeyUsage;
use crate::wire::limits::Limits;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::time::Duration;
use rustls_pki_types::CertificateDer;

/// The certificates whose keys sign replies and open requests: the CA's own, one RA certificate for both, or one
/// for each. The keys themselves stay with their owner.
#[derive(Clone, Debug)]
pub struct Identity {
    pub(super) signing: CertificateDer<'static>,
    pub(super) encryption: CertificateDer<'static>,
}

impl Identity {
    /// One certificate for both roles.
    pub fn new(certificate: CertificateDer<'static>) -> Self {
        Self { signing: certificate.clone(), encryption: certificate }
    }

    /// A certificate for signing replies and another for opening requests.
    pub fn separate(signing: CertificateDer<'static>, encryption: CertificateDer<'static>) -> Self {
        Self { signing, encryption }
    }

    /// Both must be RSA certificates whose keyUsage, if any, has the bit (RFC 8894 section 2.1.2).
    fn check(&self, limits: &Limits) -> Result<(), Error> {
        let roles =
            [(&self.signing, KeyUsage::DIGITAL_SIGNATURE), (&self.encryption, KeyUsage::KEY_ENCIPHERMENT)];
        for (certificate, usage) in roles {
            let certificate = Certificate::parse(certificate)?;
            certificate.public_key().rsa()?.check(limits)?;
            if !certificate.key_usage().is_none_or(|allowed| allowed.contains(usage)) {
                return Err(ApiMisuse::Identity.into());
            }
        }
        Ok(())
    }
}

/// What a [`Responder`](super::Responder) is made of. All switches that weaken something are off.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    pub(super) provider: &'static Provider,
    pub(super) identities: Vec<Identity>,
    pub(super) ca_chain: Vec<CertificateDer<'static>>,
    pub(super) endpoint: String,
    pub(super) limits: Limits,
    pub(super) single_des: bool,
    pub(super) bare_refusals: bool,
    pub(super) pending_retention: Duration,
    pub(super) finished_retention: Duration,
    pub(super) retry_after: u32,
}

impl ServerConfig {
    /// An endpoint with one identity. `ca_chain` is the issuing CA's certificate, then any above it that clients
    /// should get from GetCACert.
    pub fn new(
        provider: &'static Provider,
        identity: Identity,
        ca_chain: Vec<CertificateDer<'static>>,
    ) -> Self {
        Self {
            provider,
            identities: vec![identity],
            ca_chain,
            endpoint: String::new(),
            limits: Limits::DEFAULT,
            single_des: false,
            bare_refusals: false,
            pending_retention: Duration::from_secs(7 * 24 * 3600),
            finished_retention: Duration::from_secs(24 * 3600),
            retry_after: 30,
        }
    }

    /// A name that keeps this endpoint's transactions apart from those of others in the same store.
    #[must_use]
    pub fn endpoint(mut self, name: impl Into<String>) -> Self {
        self.endpoint = name.into();
        self
    }

    /// A further identity that still opens requests, while keys change. GetCACert shows the first one only.
    #[must_use]
    pub fn also_open(mut self, identity: Identity) -> Self {
        self.identities.push(identity);
        self
    }

    /// Other limits than [`Limits::DEFAULT`].
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Answers a sender whose signature does not verify with a bare HTTP 400 instead of a signed FAILURE, which
    /// costs a private-key operation.
    #[must_use]
    pub fn bare_refusals(mut self, on: bool) -> Self {
        self.bare_refusals = on;
        self
    }

    /// How long held and finished transactions are remembered. The defaults are seven days and one day.
    #[must_use]
    pub fn retention(mut self, pending: Duration, finished: Duration) -> Self {
        self.pending_retention = pending;
        self.finished_retention = finished;
        self
    }

    /// Seconds in the `Retry-After` of a 503. The default is 30.
    #[must_use]
    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after = seconds;
        self
    }

    /// Reads requests encrypted with single DES, which RFC 8894 section 2.9 forbids, if the provider can.
    ///
    /// Some deployed clients can send nothing else. Whoever records such a request can find its challenge password
    /// by brute force, so allow it with one-time challenges only. Every use is an
    /// [`Event::SingleDesRead`](super::Event::SingleDesRead), and replies go out in AES.
    #[must_use]
    pub fn danger_accept_des_cbc(mut self, on: bool) -> Self {
        self.single_des = on;
        self
    }

    /// What GetCACaps says: what is switched on, and nothing else (RFC 8894 section 3.5).
    pub(super) fn capabilities(&self) -> Capabilities {
        let mut list = Capabilities::new()
            .with(Capability::Aes)
            .with(Capability::PostPkiOperation)
            .with(Capability::ScepStandard);
        let digests = [
            (Digest::Sha1, Capability::Sha1),
            (Digest::Sha256, Capability::Sha256),
            // not registered, harmless, and needed by a deployed client to see AES at all
            (Digest::Sha384, Capability::Sha384),
            (Digest::Sha512, Capability::Sha512),
        ];
        for (digest, capability) in digests {
            if self.provider.digest(digest).is_ok() {
                list = list.with(capability);
            }
        }
        if self.provider.cipher(ContentEncryption::TripleDesCbc).is_ok() {
            list = list.with(Capability::Des3);
        }
        list
    }

    /// What GetCACert answers: the body, and whether it is a single certificate.
    pub(super) fn ca_certificates(&self) -> Result<(Vec<u8>, bool), Error> {
        let mut list: Vec<&[u8]> = Vec::new();
        let identity = self.identities.first().ok_or(ApiMisuse::Identity)?;
        // RA certificates first: there are clients that take the first one with the right key usage
        for certificate in [&identity.signing, &identity.encryption].into_iter().chain(&self.ca_chain) {
            if !list.contains(&certificate.as_ref()) {
                list.push(certificate);
            }
        }
        match list.as_slice() {
            [single] => Ok((single.to_vec(), true)),
            _ => Ok((certs_only::encode(&list), false)),
        }
    }

    pub(super) fn check(&self) -> Result<(), Error> {
        if self.ca_chain.is_empty() {
            return Err(ApiMisuse::NoAnchor.into());
        }
        self.provider.digest(Digest::Sha256).map_err(|_| ApiMisuse::Algorithm)?;
        self.provider.cipher(ContentEncryption::Aes128Cbc).map_err(|_| ApiMisuse::Algorithm)?;
        self.ca_chain.iter().try_for_each(|der| Certificate::parse(der).map(drop))?;
        self.identities.iter().try_for_each(|identity| identity.check(&self.limits))
    }
}
