//! The one error type, and the three tables that go with it: failInfo, HTTP status, retry.
//!
//! Errors are sorted by who is to blame. They hold no byte of the peer's and no text, so that they can be logged
//! and compared; [`core::fmt::Display`] says what is wrong and the section of the standard that says so.

use core::fmt;

/// Why a message, a step or a call was refused.
///
/// Bad input is always an `Error`, never a panic. A refusal that the CA signed is not an `Error` but an outcome.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// The bytes are not what the protocol asks for.
    InvalidMessage(InvalidMessage),
    /// Well formed, but an algorithm or a form that is not supported or not allowed here.
    Unsupported(Unsupported),
    /// A signature, a digest or a certificate path does not hold.
    BadSignature(BadSignature),
    /// The envelope cannot be opened, or does not hold what it should.
    BadEnvelope(BadEnvelope),
    /// The peer authenticated itself and still broke the protocol.
    PeerMisbehaved(PeerMisbehaved),
    /// HTTP status that ends the exchange (the value is the status code).
    UnexpectedStatus(u16),
    /// The caller's key, or the device that holds it, failed.
    Key(KeyError),
    /// The caller's random generator failed.
    RandomFailed,
    /// A configured limit was passed.
    TooLarge(Limit),
    /// Something of the server owner's cannot be reached now.
    Unavailable(Unavailable),
    /// The caller asked for something that cannot work.
    ApiMisuse(ApiMisuse),
}

/// Declares a fieldless reason: variants, a `Display` text each, and the variant of [`Error`] that it belongs to.
macro_rules! reasons {
    ($(#[$meta:meta])* $name:ident in $parent:ident { $($(#[$vmeta:meta])* $variant:ident = $text:literal,)+ }) => {
        reasons! { $(#[$meta])* $name { $($(#[$vmeta])* $variant = $text,)+ } }

        impl From<$name> for Error {
            fn from(reason: $name) -> Self { Self::$parent(reason) }
        }
    };
    ($(#[$meta:meta])* $name:ident { $($(#[$vmeta:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$meta])*
        #[non_exhaustive]
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name { $(#[doc = $text] $(#[$vmeta])* $variant,)+ }

        impl $name {
            const ALL: &'static [Self] = &[$(Self::$variant),+];
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self { $(Self::$variant => $text,)+ })
            }
        }

        impl core::error::Error for $name {}
    };
}

reasons! {
    /// Reasons for [`Error::InvalidMessage`].
    InvalidMessage in InvalidMessage {
        Method = "HTTP method not allowed for this operation (RFC 8894 section 4.1)",
        Operation = "operation parameter missing, repeated or unknown (RFC 8894 section 4.1)",
        Percent = "percent escape that is not two hexadecimal digits (RFC 3986 section 2.1)",
        Base64 = "message parameter is not base64 (RFC 8894 section 4.1)",
        Empty = "empty message",
        Ber = "encoding that is neither DER nor bounded BER (X.690)",
        Der = "structure that does not fit its ASN.1 type",
        TrailingData = "bytes after the end of the structure",
        NotSignedData = "not a CMS SignedData (RFC 8894 section 3)",
        NotEnvelopedData = "signed content is not a CMS EnvelopedData (RFC 8894 section 3.2.2)",
        ContentType = "content type other than id-data (RFC 8894 section 3.2)",
        SignerCount = "not exactly one SignerInfo (RFC 8894 section 3)",
        NoSignedAttributes = "SignerInfo without signed attributes (RFC 8894 section 3.2)",
        MissingAttribute = "required signed attribute missing (RFC 8894 section 3.2.1)",
        RepeatedAttribute = "attribute that occurs twice or has not exactly one value (RFC 8894 section 3.2.1)",
        AttributeValue = "attribute value of the wrong type or out of range (RFC 8894 section 3.2.1)",
        MessageType = "messageType that is not defined or not expected (RFC 8894 section 3.2.1.2)",
        PkiStatus = "pkiStatus that is not defined (RFC 8894 section 3.2.1.3)",
        FailInfo = "failInfo that is not defined (RFC 8894 section 3.2.1.4)",
        Certificate = "certificate that cannot be read (RFC 5280 section 4.1)",
        CertificationRequest = "certification request that cannot be read (RFC 2986 section 4)",
        ChallengePassword = "challengePassword repeated or of the wrong type (RFC 2985 section 5.4.1)",
        PublicKey = "public key that cannot be read",
        Name = "distinguished name that cannot be read",
        Time = "time that cannot be read (RFC 5280 section 4.1.2.5)",
        Pem = "PEM text that cannot be read (RFC 7468)",
        NoCertificates = "no CA certificate in the answer to GetCACert (RFC 8894 section 4.2.1)",
        Crl = "certificate revocation list that cannot be read (RFC 5280 section 5.1)",
        SavedState = "saved state that is damaged, of another version, or of another library",
    }
}

reasons! {
    /// Reasons for [`Error::Unsupported`].
    Unsupported in Unsupported {
        Digest = "digest algorithm not supported or not allowed (RFC 8894 section 2.9)",
        Signature = "signature algorithm not supported or not allowed (RFC 8894 section 2.9)",
        ContentEncryption = "content encryption algorithm not supported or not allowed (RFC 8894 section 2.9)",
        SingleDes = "single DES, which RFC 8894 section 2.9 forbids; reading it needs feature `legacy` and the switch Compat::des_cbc_reply (client) or ServerConfig::danger_accept_des_cbc (server)",
        KeyTransport = "key transport algorithm not supported or not allowed (RFC 8894 section 3.1)",
        PublicKey = "kind of public key not supported here",
        Operation = "operation or message type that is switched off here",
        KeyDerivation = "recipient by password with an algorithm or a parameter not supported or not allowed (RFC 3211)",
        Crl = "certificate revocation list with a critical extension, which may not say all about its issuer's certificates (RFC 5280 section 5.2)",
    }
}

reasons! {
    /// Reasons for [`Error::BadSignature`].
    BadSignature in BadSignature {
        Signature = "signature does not verify (RFC 5652 section 5.6)",
        MessageDigest = "messageDigest does not fit the content (RFC 5652 section 5.6)",
        ContentType = "contentType attribute does not fit the content (RFC 5652 section 11.1)",
        Algorithms = "digest and signature algorithm do not fit each other (RFC 8933)",
        SignerNotFound = "no certificate for the signer (RFC 8894 section 2.3)",
        UntrustedSigner = "signer is not one of the CA's certificates (RFC 8894 section 2.2)",
        CertificationRequest = "certification request is not signed by its own key (RFC 2986 section 4.2)",
        KeyMismatch = "signer's key is not the key of the certification request (RFC 8894 section 2.3)",
        Path = "certificate does not chain to the trusted CA certificate (RFC 5280 section 6)",
        Validity = "certificate outside its validity (RFC 5280 section 4.1.2.5)",
    }
}

reasons! {
    /// Reasons for [`Error::BadEnvelope`].
    BadEnvelope in BadEnvelope {
        Recipient = "not exactly one recipient that this key serves (RFC 5652 section 6.1)",
        Ciphertext = "encrypted content or its initialisation vector has an impossible length (RFC 3565)",
        /// Wrong key, damage, alteration and malformed plaintext are one reason on purpose: see RFC 3218.
        Content = "decryption did not give the expected content (RFC 5652 section 6.3)",
    }
}

reasons! {
    /// Reasons for [`Error::PeerMisbehaved`].
    PeerMisbehaved in PeerMisbehaved {
        Fingerprint = "no certificate of the CA has the pinned fingerprint (RFC 8894 section 2.2)",
        TransactionId = "reply to another transaction (RFC 8894 section 3.2.1.1)",
        RecipientNonce = "recipientNonce is not the nonce of the request (RFC 8894 section 3.2.1.5)",
        MessageType = "reply is not a CertRep (RFC 8894 section 3.3.2)",
        NoCertificate = "SUCCESS without a certificate for the requested key (RFC 8894 section 3.3.2.1)",
        CertificateAuthority = "issued certificate is a CA certificate",
        ContentType = "media type that does not fit the operation (RFC 8894 section 4)",
        Challenge = "challenge password refused (RFC 8894 section 2.4)",
        Policy = "request refused by the CA's policy",
        TransactionBusy = "another request is open under this transactionID (RFC 8894 section 3.2.1.1)",
        UnknownTransaction = "no such transaction for this key (RFC 8894 section 4.4)",
        StoredRefusal = "the transaction was refused before",
        UnknownCertificate = "no such certificate or CRL, or not for this sender (RFC 8894 sections 4.5 and 4.6)",
        NotRenewable = "the signer's certificate does not allow this renewal (RFC 8894 section 2.5)",
        Downgrade = "the capabilities lack what the configuration demands (RFC 8894 section 7.5)",
        NoCrl = "SUCCESS without the requested certificate revocation list (RFC 8894 section 3.3.2.1)",
    }
}

reasons! {
    /// Why a private-key operation gave no result. No variant depends on a ciphertext.
    KeyError {
        Unavailable = "the key or its device cannot be reached now; trying again may help",
        Unsupported = "the key cannot do this operation",
        Invalid = "the key is malformed, too small or too large",
        Failed = "the key's device reported a failure",
        WrongSignature = "the signature made does not verify (a fault, or another key)",
        RandomFailed = "the random generator failed",
    }
}

impl From<KeyError> for Error {
    fn from(reason: KeyError) -> Self {
        match reason {
            KeyError::RandomFailed => Self::RandomFailed,
            other => Self::Key(other),
        }
    }
}

reasons! {
    /// Which limit of [`Limits`](crate::wire::Limits) was passed; reasons for [`Error::TooLarge`].
    Limit in TooLarge {
        Message = "message longer than the limit",
        Url = "request line longer than the limit",
        Depth = "nesting deeper than the limit",
        Nodes = "more ASN.1 elements than the limit",
        Certificates = "more certificates than the limit",
        Recipients = "more recipients than the limit",
        Attributes = "more attributes than the limit",
        TransactionId = "transactionID empty or longer than 255 bytes",
        Nonce = "nonce empty or longer than 64 bytes",
        Challenge = "challengePassword longer than the limit",
        CertificationRequest = "certification request longer than the limit",
        Extensions = "more extensions or subject names than the limit",
        Name = "distinguished name longer than the limit",
        PublicKey = "public key outside the allowed sizes, or of numbers that no sound key has",
        Capabilities = "capability text longer than the limit",
        Path = "certificate path longer than the limit",
        Signatures = "more signatures to verify than the limit",
        Polls = "polled as often as allowed",
        Crls = "more certificate revocation lists than the limit",
        KeyDerivation = "PBKDF2 with a salt or a number of rounds outside the limits (RFC 8018 section 5.2)",
    }
}

reasons! {
    /// Reasons for [`Error::Unavailable`].
    Unavailable in Unavailable {
        Store = "the transaction store cannot be reached, or is full",
        Decision = "nobody can decide now, or no certificate can be issued now",
        Changed = "the transaction changed meanwhile; the client asks again",
    }
}

reasons! {
    /// Reasons for [`Error::ApiMisuse`].
    ApiMisuse in ApiMisuse {
        Url = "not an http or https URL without user name, query and fragment",
        PublicKey = "public key that cannot be used for this request",
        Algorithm = "the provider does not list an algorithm that this needs",
        NoAnchor = "no trusted CA certificate given",
        Recipient = "no CA certificate that a request can be encrypted for",
        ChallengeText = "challenge password that is empty, too long or not representable",
        Identity = "certificate and role of a server identity do not fit",
        Chain = "issued certificate does not fit what was authorised",
        Terms = "more terms of a challenge than can be kept: at most 64 purposes and 8 kinds of keys",
        SubjectText = "text that is not a distinguished name",
        Certificate = "certificate that does not fit what it is given for",
        Crl = "certificate revocation list that does not fit what was asked for",
        WeakChallenge = "challenge password missing or too weak to protect a message with it (RFC 8894 sections 3.1 and 7.3)",
        Service = "text that cannot be a setting, a token or a parameter of the service",
    }
}

impl From<RngFailed> for Error {
    fn from(_: RngFailed) -> Self {
        Self::RandomFailed
    }
}

/// The caller's random generator gave no bytes. It is always passed on, never replaced by anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RngFailed;

impl fmt::Display for RngFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("random generator failed")
    }
}

impl core::error::Error for RngFailed {}

impl From<RngFailed> for KeyError {
    fn from(_: RngFailed) -> Self {
        Self::RandomFailed
    }
}

/// The whole story in one line: whose fault, what, and the section of the standard.
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidMessage(reason) => write!(f, "invalid message: {reason}"),
            Self::Unsupported(reason) => write!(f, "unsupported: {reason}"),
            Self::BadSignature(reason) => write!(f, "bad signature: {reason}"),
            Self::BadEnvelope(reason) => write!(f, "bad envelope: {reason}"),
            Self::PeerMisbehaved(reason) => write!(f, "peer misbehaved: {reason}"),
            Self::UnexpectedStatus(status) => write!(f, "unexpected HTTP status {status}"),
            Self::Key(reason) => write!(f, "private key: {reason}"),
            Self::RandomFailed => RngFailed.fmt(f),
            Self::TooLarge(limit) => write!(f, "too large: {limit}"),
            Self::Unavailable(reason) => write!(f, "unavailable: {reason}"),
            Self::ApiMisuse(reason) => write!(f, "wrong use: {reason}"),
        }
    }
}

impl core::error::Error for Error {}

impl Error {
    /// A number in place of the text, for devices without room for texts: thousands say the variant, the rest the reason
    /// in it or the HTTP status. [`Self::from_code`] of the same version of this crate gives the error back, on a machine
    /// that has the texts.
    #[allow(
        clippy::as_conversions,
        clippy::arithmetic_side_effects,
        reason = "reasons are numbered from 0, and there are fewer than a thousand"
    )]
    pub const fn code(&self) -> u16 {
        match self {
            Self::InvalidMessage(reason) => 1000 + *reason as u16,
            Self::Unsupported(reason) => 2000 + *reason as u16,
            Self::BadSignature(reason) => 3000 + *reason as u16,
            Self::BadEnvelope(reason) => 4000 + *reason as u16,
            Self::PeerMisbehaved(reason) => 5000 + *reason as u16,
            Self::UnexpectedStatus(status) if *status < 1000 => 6000 + *status,
            Self::UnexpectedStatus(_) => 6999,
            Self::Key(reason) => 7000 + *reason as u16,
            Self::RandomFailed => 8000,
            Self::TooLarge(limit) => 9000 + *limit as u16,
            Self::Unavailable(reason) => 10_000 + *reason as u16,
            Self::ApiMisuse(reason) => 11_000 + *reason as u16,
        }
    }

    /// The error with this [`Self::code`].
    pub fn from_code(code: u16) -> Option<Self> {
        let rest = usize::from(code % 1000);
        match code / 1000 {
            1 => InvalidMessage::ALL.get(rest).copied().map(Self::InvalidMessage),
            2 => Unsupported::ALL.get(rest).copied().map(Self::Unsupported),
            3 => BadSignature::ALL.get(rest).copied().map(Self::BadSignature),
            4 => BadEnvelope::ALL.get(rest).copied().map(Self::BadEnvelope),
            5 => PeerMisbehaved::ALL.get(rest).copied().map(Self::PeerMisbehaved),
            6 => Some(Self::UnexpectedStatus(code % 1000)),
            7 => KeyError::ALL.get(rest).copied().map(Self::Key),
            8 if rest == 0 => Some(Self::RandomFailed),
            9 => Limit::ALL.get(rest).copied().map(Self::TooLarge),
            10 => Unavailable::ALL.get(rest).copied().map(Self::Unavailable),
            11 => ApiMisuse::ALL.get(rest).copied().map(Self::ApiMisuse),
            _ => None,
        }
    }
}

/// failInfo (RFC 8894 section 3.2.1.4): why a CA refused.
///
/// `failInfo ::= PrintableString` holding the decimal number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FailInfo {
    /// `0`: unrecognised or unsupported algorithm.
    BadAlg,
    /// `1`: integrity check (the CMS signature) failed.
    BadMessageCheck,
    /// `2`: transaction not permitted or supported.
    BadRequest,
    /// `3`: signing time was not close enough to the CA's time.
    BadTime,
    /// `4`: no certificate could be identified matching the provided criteria.
    BadCertId,
}

impl FailInfo {
    /// The name that RFC 8894 gives it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::BadAlg => "badAlg",
            Self::BadMessageCheck => "badMessageCheck",
            Self::BadRequest => "badRequest",
            Self::BadTime => "badTime",
            Self::BadCertId => "badCertId",
        }
    }
}

impl fmt::Display for FailInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a client may do after an error; the third table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// The very same request may be sent again: as far as the protocol goes, there was no answer.
    Same,
    /// The request is dead; a new transaction may be started once the cause is mended.
    Never,
}

impl Error {
    /// The failInfo that a CertRep gives for this error (rows E6 to E20 of `tests/CONFORMANCE.md` in the repository).
    ///
    /// Everything from decryption to the challenge is `badRequest`, so that the answer tells nothing.
    pub const fn fail_info(&self) -> FailInfo {
        match self {
            Self::Unsupported(Unsupported::Operation) => FailInfo::BadRequest,
            Self::Unsupported(_) => FailInfo::BadAlg,
            Self::BadSignature(
                BadSignature::Signature
                | BadSignature::MessageDigest
                | BadSignature::ContentType
                | BadSignature::SignerNotFound,
            ) => FailInfo::BadMessageCheck,
            Self::BadSignature(BadSignature::Algorithms) | Self::TooLarge(Limit::PublicKey) => {
                FailInfo::BadAlg
            }
            Self::PeerMisbehaved(PeerMisbehaved::UnknownTransaction | PeerMisbehaved::UnknownCertificate) => {
                FailInfo::BadCertId
            }
            _ => FailInfo::BadRequest,
        }
    }

    /// The HTTP status for this error where no CertRep can be addressed (E1–E5), or where a FAILURE would end a
    /// transaction that should live on (E21).
    pub const fn http_status(&self) -> u16 {
        match self {
            Self::InvalidMessage(InvalidMessage::Method) => 405,
            Self::TooLarge(Limit::Message) => 413,
            Self::TooLarge(Limit::Url) => 414,
            Self::Key(_) | Self::RandomFailed | Self::Unavailable(_) => 503,
            Self::ApiMisuse(_) => 500,
            _ => 400,
        }
    }

    /// Whether a client may send the same request again.
    ///
    /// A reply that cannot be verified counts as no reply (anybody on the path could have made it), and so do
    /// HTTP 408, 429 and 5xx. To send the same request again after a verified reply that is malformed does no harm
    /// either: the CA answers with the same outcome. Any other status, a certificate that is not what it should be,
    /// the caller's own faults and a failed key end the request.
    pub const fn retry(&self) -> Retry {
        match self {
            Self::InvalidMessage(InvalidMessage::SavedState | InvalidMessage::Pem) => Retry::Never,
            Self::InvalidMessage(_)
            | Self::BadSignature(_)
            | Self::BadEnvelope(_)
            | Self::Unsupported(_)
            | Self::Unavailable(_)
            | Self::RandomFailed
            | Self::Key(KeyError::Unavailable | KeyError::Failed | KeyError::WrongSignature) => Retry::Same,
            Self::UnexpectedStatus(status) => match *status {
                408 | 429 | 500..=599 => Retry::Same,
                _ => Retry::Never,
            },
            Self::TooLarge(limit) => match limit {
                Limit::Polls | Limit::PublicKey => Retry::Never,
                _ => Retry::Same,
            },
            Self::PeerMisbehaved(reason) => match reason {
                PeerMisbehaved::TransactionId
                | PeerMisbehaved::RecipientNonce
                | PeerMisbehaved::MessageType
                | PeerMisbehaved::ContentType
                | PeerMisbehaved::Fingerprint => Retry::Same,
                _ => Retry::Never,
            },
            Self::Key(_) | Self::ApiMisuse(_) => Retry::Never,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_gives_its_error_back() {
        let mut found = 0;
        for code in 0..=u16::MAX {
            if let Some(error) = Error::from_code(code) {
                assert_eq!(error.code(), code, "{error}");
                found += 1;
            }
        }
        let reasons = InvalidMessage::ALL.len()
            + Unsupported::ALL.len()
            + BadSignature::ALL.len()
            + BadEnvelope::ALL.len()
            + PeerMisbehaved::ALL.len()
            + KeyError::ALL.len()
            + Limit::ALL.len()
            + Unavailable::ALL.len()
            + ApiMisuse::ALL.len();
        // the HTTP statuses, and the random generator
        assert_eq!(found, reasons + 1000 + 1);
        assert_eq!(Error::from(PeerMisbehaved::Fingerprint).code(), 5000);
        assert_eq!(Error::UnexpectedStatus(503).code(), 6503);
        assert_eq!(Error::UnexpectedStatus(40_000).code(), 6999);
        assert_eq!(Error::from_code(12_000), None);
    }
}
