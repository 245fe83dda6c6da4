//! What a client uses and how patient it is.

use super::compat::Compat;
use super::password::{PASSWORDS, Passwords};
use crate::crypto::{KeyTransport, Provider};
use crate::error::{Error, PeerMisbehaved};
use crate::transport::{self, HttpRequest, ScepUrl};
use crate::wire::capabilities::{Capabilities, Capability};
use crate::wire::limits::Limits;
use alloc::string::String;
use core::time::Duration;

/// Configuration of a [`Client`](super::Client).
#[derive(Clone, Debug)]
pub struct ClientConfig {
    pub(super) provider: &'static Provider,
    pub(super) limits: Limits,
    pub(super) compat: Compat,
    /// Set with [`Compat::get_pki_operation`], so that other devices do not link it.
    pub(super) by_get: Option<fn(&ScepUrl, &[u8]) -> HttpRequest>,
    pub(super) require_ra_purpose: bool,
    pub(super) require_scep_standard: bool,
    pub(super) require_sha2: bool,
    pub(super) key_transport: KeyTransport,
    pub(super) password_recipients: Option<&'static Passwords>,
    pub(super) ca_identifier: Option<String>,
    pub(super) poll_interval: Duration,
    pub(super) poll_interval_max: Duration,
    pub(super) polls_max: u32,
}

impl ClientConfig {
    /// [`Limits::DEFAULT`], [`Compat::STRICT`], polls after 10 seconds at first and an hour at most, 1000 times.
    pub fn new(provider: &'static Provider) -> Self {
        Self {
            provider,
            limits: Limits::DEFAULT,
            compat: Compat::STRICT,
            by_get: None,
            require_ra_purpose: false,
            require_scep_standard: false,
            require_sha2: false,
            key_transport: KeyTransport::RsaPkcs1v15,
            password_recipients: None,
            ca_identifier: Some(String::new()),
            poll_interval: Duration::from_secs(10),
            poll_interval_max: Duration::from_secs(3600),
            polls_max: 1000,
        }
    }

    /// Other limits.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits.under_ceiling();
        self
    }

    /// Switches for peers that deviate.
    #[must_use]
    pub fn compat(mut self, compat: Compat) -> Self {
        self.compat = compat;
        self.by_get = if compat.get_pki_operation { Some(transport::get_pki_operation) } else { None };
        self
    }

    /// Takes the certificate of an end entity for that of an RA only if its extended key usage says so: id-kp-cmcRA
    /// (RFC 6402 section 2.10) or Microsoft's certificate request agent.
    ///
    /// By default one without any extended key usage is taken too, since many RAs have such certificates; one with
    /// another extended key usage never is. Switch this on when the CA issues certificates without extended key usage
    /// to devices: else the owner of any of them who is on the path can pose as the RA, read challenge
    /// passwords, and sign for a next CA of his own.
    #[must_use]
    pub fn require_ra_purpose(mut self, on: bool) -> Self {
        self.require_ra_purpose = on;
        self
    }

    /// Goes on only with a CA that lists SCEPStandard (RFC 8894 section 7.5): else the error is
    /// [`PeerMisbehaved::Downgrade`], and nothing but GetCACaps has been sent. For fleets that know their CA. By default
    /// a client goes on as if SCEPStandard were there, so that stripping it from the list gains nothing.
    #[must_use]
    pub fn require_scep_standard(mut self, on: bool) -> Self {
        self.require_scep_standard = on;
        self
    }

    /// Signs nothing by SHA-1, whatever [`Compat::weak_algorithms`] lets through: with a CA that lists nothing better a
    /// request ends in [`PeerMisbehaved::Downgrade`]. For profiles that name the hashes that may be used.
    #[must_use]
    pub fn require_sha2(mut self, on: bool) -> Self {
        self.require_sha2 = on;
        self
    }

    /// How content keys are encrypted for the CA (RFC 5652 section 6.2.1). The default is RSAES-PKCS1-v1_5, which every
    /// peer knows; the capabilities have no word for others. The provider has to list it.
    #[must_use]
    pub fn key_transport(mut self, transport: KeyTransport) -> Self {
        self.key_transport = transport;
        self
    }

    /// Encrypts by the challenge password where a key cannot encrypt, as keys on elliptic curves cannot (RFC 8894 section
    /// 3.1, PasswordRecipientInfo): requests to a CA that has no other key, and replies to a device that signs with such
    /// a key. Off by default, and then neither takes part.
    ///
    /// The provider has to list [`Provider::password_kdfs`] with SHA-256, else no request is begun: that is
    /// [`ApiMisuse::Algorithm`](crate::error::ApiMisuse::Algorithm). The challenge has to be
    /// [strong](crate::crypto::ChallengePassword::is_strong), else such a request ends in
    /// [`ApiMisuse::WeakChallenge`](crate::error::ApiMisuse::WeakChallenge) before anything of it is sent: whoever
    /// records the messages can try passwords for as long as he likes, and whoever is on the path can bring this about
    /// by leaving out the CA's RSA certificates. The challenge stays in memory until the certificate is there, and is in
    /// no [saved state](super::Wait::save).
    ///
    /// [`Transmit::receive`](super::Transmit::receive) derives the key of such a reply, which takes a tenth of a second
    /// and more; there is no [`Decrypt`](super::Decrypt) then.
    #[must_use]
    pub fn password_recipients(mut self, on: bool) -> Self {
        self.password_recipients = on.then_some(&PASSWORDS);
        self
    }

    /// The `message` parameter of GetCACaps, GetCACert and GetNextCACert, by which some servers choose a CA. The default is an empty
    /// one, since NDES wants to see the parameter; `None` leaves it out.
    #[must_use]
    pub fn ca_identifier(mut self, identifier: Option<String>) -> Self {
        self.ca_identifier = identifier;
        self
    }

    /// Time until the first poll, and the longest time between two polls: each wait is twice the one before.
    #[must_use]
    pub fn poll_interval(mut self, first: Duration, longest: Duration) -> Self {
        self.poll_interval = first;
        self.poll_interval_max = longest.max(first);
        self
    }

    /// How often to poll before giving up.
    #[must_use]
    pub fn polls_max(mut self, polls: u32) -> Self {
        self.polls_max = polls;
        self
    }

    /// What [`Self::require_scep_standard`] demands.
    pub(super) fn check_capabilities(&self, list: Capabilities) -> Result<(), Error> {
        let lacking = self.require_scep_standard && !list.lists(Capability::ScepStandard);
        if lacking { Err(PeerMisbehaved::Downgrade.into()) } else { Ok(()) }
    }
}
