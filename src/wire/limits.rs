//! Upper bounds, checked while reading and before anything is allocated for what they count.

/// Bounds on what a peer may send. [`Limits::DEFAULT`] suits servers and computers, [`Limits::FIRMWARE`] boards with
/// 64 KiB of RAM.
///
/// What every message has in common regardless of who reads it is no matter of configuration, and bounded where it is
/// read: names ([`Name::MAX_LENGTH`] and those next to it), the extensions of certificates (as [`Limits::DEFAULT`] has
/// them), [`TransactionId::MAX_LENGTH`], [`Nonce::MAX_LENGTH`], one SignerInfo, one recipient of ours, one value in an
/// attribute, RSA exponents ([`RsaPublicKey::check`]), 8 to 64 bytes of PBKDF2's salt, a key wrapped under a password of
/// 64 bytes.
///
/// [`Name::MAX_LENGTH`]: super::Name::MAX_LENGTH
/// [`TransactionId::MAX_LENGTH`]: super::TransactionId::MAX_LENGTH
/// [`Nonce::MAX_LENGTH`]: super::Nonce::MAX_LENGTH
/// [`RsaPublicKey::check`]: super::RsaPublicKey::check
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// A request's message, bytes. This and the next two never count as more than [`Limits::CEILING`].
    pub message: usize,
    /// A reply's body, bytes.
    pub response: usize,
    /// A request's target (path and query), bytes.
    pub url: usize,
    /// GetCACaps text, bytes.
    pub capabilities: usize,
    /// GetCACaps text, lines.
    pub capability_lines: usize,
    /// Nesting of ASN.1 elements.
    pub depth: usize,
    /// ASN.1 elements that [`normalize`](crate::wire::normalize()) looks at.
    pub nodes: usize,
    /// Certificates in one message.
    pub certificates: usize,
    /// Certificate revocation lists in a certs-only message: the answer to GetCRL is one, and tools put one next to
    /// certificates, where nobody reads it. A pkiMessage has none, whatever this says.
    pub crls: usize,
    /// RecipientInfos in one message.
    pub recipients: usize,
    /// Signed attributes, or attributes of a certification request.
    pub attributes: usize,
    /// A certification request, bytes.
    pub certification_request: usize,
    /// A challenge password, bytes.
    pub challenge: usize,
    /// Extensions in a certification request.
    pub extensions: usize,
    /// Subject alternative names.
    pub names: usize,
    /// Smallest RSA modulus, bits.
    pub rsa_min_bits: usize,
    /// Largest RSA modulus, bits.
    pub rsa_max_bits: usize,
    /// Rounds of PBKDF2 that a message may ask for; each costs two or more calls of the hash function.
    pub pbkdf2_iterations: u32,
    /// Certificates between an end entity and its anchor, the anchor included.
    pub path: usize,
    /// Signatures of others' that are verified for one message, those in it and those on certificates together. The one
    /// of a request and the one of the certification request in it are always verified. A CA's certificates, which come
    /// together, may take one more for each certificate that [`Limits::certificates`] allows.
    pub signatures: usize,
}

impl Limits {
    /// No message and no body of HTTP may be longer, whatever a configuration says: 2 MiB.
    pub const CEILING: usize = 2 << 20;

    /// For servers and computers.
    pub const DEFAULT: Self = Self {
        message: 64 << 10,
        response: 256 << 10,
        url: 65_534,
        capabilities: 4 << 10,
        capability_lines: 64,
        depth: 24,
        nodes: 20_000,
        certificates: 16,
        crls: 1,
        recipients: 4,
        attributes: 16,
        certification_request: 32 << 10,
        challenge: 8 << 10,
        extensions: 32,
        names: 64,
        rsa_min_bits: 2048,
        rsa_max_bits: 8192,
        pbkdf2_iterations: 600_000,
        path: 6,
        signatures: 8,
    };

    /// For boards with little memory.
    pub const FIRMWARE: Self = Self {
        message: 16 << 10,
        response: 32 << 10,
        depth: 16,
        nodes: 4_000,
        certificates: 6,
        certification_request: 8 << 10,
        rsa_max_bits: 4096,
        pbkdf2_iterations: 100_000,
        ..Self::DEFAULT
    };

    /// The same with [`Self::CEILING`].
    #[cfg(any(feature = "client", feature = "server"))]
    pub(crate) fn under_ceiling(mut self) -> Self {
        for limit in [&mut self.message, &mut self.response, &mut self.url] {
            *limit = Self::CEILING.min(*limit);
        }
        self
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}
