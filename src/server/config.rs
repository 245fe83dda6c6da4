//! What an endpoint is: its keys' certificates, its algorithms, its limits.

use super::issuance::IssuancePolicy;
use super::next_ca::NextCa;
use crate::crypto::Provider;
use crate::error::{ApiMisuse, Error, Unsupported};
use crate::wire::algorithm::{ContentEncryption, Digest, KeyTransport};
use crate::wire::capabilities::{Capabilities, Capability};
use crate::wire::certificate::Certificate;
use crate::wire::certs_only;
use crate::wire::extension::KeyUsage;
use crate::wire::limits::Limits;
use alloc::string::String;
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

    /// The keyUsage of each certificate, if any, must have the bit that its role needs (RFC 8894 section 2.1.2). A key
    /// that cannot decrypt serves only where requests may be opened by `password`.
    fn check(&self, limits: &Limits, password: bool) -> Result<(), Error> {
        let roles =
            [(&self.signing, KeyUsage::DIGITAL_SIGNATURE), (&self.encryption, KeyUsage::KEY_ENCIPHERMENT)];
        for (certificate, usage) in roles {
            let certificate = Certificate::parse(certificate)?;
            let key = certificate.public_key();
            key.check(limits)?;
            let opens = usage == KeyUsage::KEY_ENCIPHERMENT;
            if opens && !key.can_encrypt() {
                match password {
                    true => continue,
                    false => return Err(Unsupported::PublicKey.into()),
                }
            }
            if !certificate.key_usage().is_none_or(|allowed| allowed.contains(usage)) {
                return Err(ApiMisuse::Identity.into());
            }
        }
        Ok(())
    }
}

/// Who may ask for which certificates by GetCert (RFC 8894 sections 2.6 and 4.5). Whoever asks has to sign under a
/// valid certificate of the CA in any case.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CertificateAccess {
    /// Nobody: GetCert is answered with FAILURE badRequest.
    #[default]
    Off,
    /// Everybody for certificates of the same subject as his own; where that is empty, of the same alternative names.
    Own,
    /// Everybody for all of them.
    Any,
}

/// What a [`Responder`](super::Responder) is made of. All switches that weaken something are off.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    pub(super) provider: &'static Provider,
    pub(super) identity: Identity,
    pub(super) other_identities: Vec<Identity>,
    pub(super) ca_chain: Vec<CertificateDer<'static>>,
    /// Who signed the certificates that may renew.
    pub(super) issuers: Vec<CertificateDer<'static>>,
    pub(super) endpoint: String,
    pub(super) limits: Limits,
    pub(super) single_des: bool,
    pub(super) bare_refusals: bool,
    pub(super) renewal: bool,
    pub(super) other_signer: bool,
    pub(super) password_recipients: bool,
    pub(super) key_transport: KeyTransport,
    pub(super) get_cert: CertificateAccess,
    pub(super) get_crl: bool,
    pub(super) next_ca: Option<NextCa>,
    pub(super) issuance: IssuancePolicy,
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
            identity,
            other_identities: Vec::new(),
            issuers: ca_chain.iter().take(1).cloned().collect(),
            ca_chain,
            endpoint: String::new(),
            limits: Limits::DEFAULT,
            single_des: false,
            bare_refusals: false,
            renewal: false,
            other_signer: false,
            password_recipients: false,
            key_transport: KeyTransport::RsaPkcs1v15,
            get_cert: CertificateAccess::Off,
            get_crl: false,
            next_ca: None,
            issuance: IssuancePolicy::default(),
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

    /// A further identity that opens requests, and signs the replies to them, while keys change: a former one, or the
    /// next one (RFC 8894 section 5.1). GetCACert shows the first one only. Questions tell which one a request was for
    /// ([`Enrol::recipient`](super::Enrol::recipient)).
    #[must_use]
    pub fn also_open(mut self, identity: Identity) -> Self {
        self.other_identities.push(identity);
        self
    }

    /// Takes renewals: RenewalReq, and PKCSReq signed under a certificate of this CA (RFC 8894 sections 2.3 and 2.5).
    /// The default is off; then RenewalReq is refused, and PKCSReq never becomes a
    /// [`Renew`](super::Renew) question. Certificates count that the issuing CA signed, the first one of `ca_chain`,
    /// and those of [`Self::also_renew`].
    ///
    /// The library checks the signature on the certificate and its dates. Whether it was revoked only the owner knows,
    /// and so is asked. A renewal may be for a key of another kind or size than the certificate's only if it repeats the
    /// subject byte for byte: else the time of its refusal would tell whether an altered envelope holds a request.
    #[must_use]
    pub fn renewal(mut self, on: bool) -> Self {
        self.renewal = on;
        self
    }

    /// Further issuers whose certificates may renew, and may ask for certificates and CRLs: this CA's former or next
    /// certificate, or a CA of somebody else's (RFC 8894 section 2.3, the third way). Each one has to be the very
    /// certificate that signed the devices' certificates; those sent along by a device do not count.
    #[must_use]
    pub fn also_renew(mut self, issuers: Vec<CertificateDer<'static>>) -> Self {
        self.issuers.extend(issuers);
        self
    }

    /// Answers GetCert (RFC 8894 section 4.5): off by default.
    #[must_use]
    pub fn get_cert(mut self, access: CertificateAccess) -> Self {
        self.get_cert = access;
        self
    }

    /// Answers GetCRL (RFC 8894 section 4.6), for holders of a certificate of the CA: off by default.
    #[must_use]
    pub fn get_crl(mut self, on: bool) -> Self {
        self.get_crl = on;
        self
    }

    /// Answers GetNextCACert (RFC 8894 section 4.7). Without it the answer is HTTP 404.
    #[must_use]
    pub fn next_ca(mut self, next_ca: NextCa) -> Self {
        self.next_ca = Some(next_ca);
        self
    }

    /// Other limits than [`Limits::DEFAULT`].
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits.under_ceiling();
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

    /// Lets the signer of a first request have another key than the one to be certified.
    ///
    /// Some deployed clients send that: those that make a new key for the signature, and devices whose key cannot
    /// decrypt, which need a second one for the reply. Whoever records such a request can sign it again with a key of
    /// his own; so he burns its challenge password and reads the certificate, though he cannot use it. And the work for
    /// a refusal is no longer the same whether an altered envelope decrypts to something of the form of a request or
    /// not, since the request is checked with its own key: so signers' keys of more than 4096 bits are refused. Allow it
    /// with one-time challenges only. Every use is an [`Event::OtherSigner`](super::Event::OtherSigner).
    #[must_use]
    pub fn danger_accept_other_signer(mut self, on: bool) -> Self {
        self.other_signer = on;
        self
    }

    /// Takes part in exchanges with keys that cannot decrypt, such as ECDSA keys: their messages are protected by the
    /// challenge password (RFC 8894 section 3.1, PasswordRecipientInfo). Off by default.
    ///
    /// The provider has to list [`Provider::password_kdfs`]. Such a device has to have a
    /// [strong](crate::crypto::ChallengePassword::is_strong) challenge password, since whoever records its messages can
    /// try passwords for as long as he likes; and the owner is asked for it with
    /// [`Decide::Challenge`](super::Decide::Challenge) where it did not come with the message, so it has to be kept until
    /// the certificate was delivered. An identity may have a key that cannot decrypt then: requests to it come under
    /// their challenge password.
    #[must_use]
    pub fn password_recipients(mut self, on: bool) -> Self {
        self.password_recipients = on;
        self
    }

    /// Which wishes of requests pass, and what issued certificates may say.
    #[must_use]
    pub fn issuance(mut self, policy: IssuancePolicy) -> Self {
        self.issuance = policy;
        self
    }

    /// How content keys of replies are encrypted; RSAES-PKCS1-v1_5, which every client reads, unless this says
    /// otherwise. The provider has to list it.
    #[must_use]
    pub fn key_transport(mut self, transport: KeyTransport) -> Self {
        self.key_transport = transport;
        self
    }

    /// The identities, that of GetCACert first.
    pub(super) fn identities(&self) -> impl Iterator<Item = &Identity> {
        core::iter::once(&self.identity).chain(&self.other_identities)
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
        if self.renewal {
            list = list.with(Capability::Renewal);
        }
        if self.next_ca.is_some() {
            list = list.with(Capability::GetNextCaCert);
        }
        list
    }

    /// What GetCACert answers: the body, and whether it is a single certificate.
    pub(super) fn ca_certificates(&self) -> (Vec<u8>, bool) {
        let mut list: Vec<&[u8]> = Vec::new();
        let identity = &self.identity;
        // RA certificates first: there are clients that take the first one with the right key usage
        for certificate in [&identity.signing, &identity.encryption].into_iter().chain(&self.ca_chain) {
            if !list.contains(&certificate.as_ref()) {
                list.push(certificate);
            }
        }
        match list.as_slice() {
            [single] => (single.to_vec(), true),
            _ => (certs_only::encode(&list), false),
        }
    }

    pub(super) fn check(&self) -> Result<(), Error> {
        if self.ca_chain.is_empty() {
            return Err(ApiMisuse::NoAnchor.into());
        }
        self.provider.digest(Digest::Sha256).map_err(|_| ApiMisuse::Algorithm)?;
        self.provider.cipher(ContentEncryption::Aes128Cbc).map_err(|_| ApiMisuse::Algorithm)?;
        self.provider.wrapper(self.key_transport).map_err(|_| ApiMisuse::Algorithm)?;
        if self.password_recipients {
            self.provider.password_kdf(Digest::Sha256).map_err(|_| ApiMisuse::Algorithm)?;
        }
        let mut all = self.ca_chain.iter().chain(&self.issuers);
        all.try_for_each(|der| Certificate::parse(der).map(drop))?;
        if let Some(next) = &self.next_ca {
            // what GetCACert shows; clients know no others
            let mut known = core::iter::once(&self.identity.signing).chain(&self.ca_chain);
            if !known.any(|known| known == next.signer()) {
                return Err(ApiMisuse::Certificate.into());
            }
        }
        self.identities().try_for_each(|identity| identity.check(&self.limits, self.password_recipients))
    }
}
