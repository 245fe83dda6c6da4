//! The values of the SCEP attributes (RFC 8894 section 3.2.1).

use super::tlv;
use crate::error::{Error, FailInfo, InvalidMessage, Limit};
use alloc::vec::Vec;
use core::fmt;
use core::hash::{Hash, Hasher};

/// messageType (RFC 8894 section 3.2.1.2): what a pkiMessage asks for or answers.
///
/// ```text
/// messageType ::= PrintableString -- the decimal number
/// ```
///
/// The list is closed: any other number is an error, 18 (UpdateReq of an old draft) among them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MessageType {
    /// `3`: the answer to each of the others.
    CertRep,
    /// `17`: PKCS #10 request, authenticated by an existing certificate.
    RenewalReq,
    /// `19`: PKCS #10 request, authenticated by a shared secret or not at all.
    PkcsReq,
    /// `20`: asks for the outcome of a pending request.
    #[doc(alias = "GetCertInitial")]
    CertPoll,
    /// `21`: asks for a certificate.
    GetCert,
    /// `22`: asks for a certificate revocation list.
    GetCrl,
}

impl MessageType {
    pub(super) const ALL: [Self; 6] =
        [Self::CertRep, Self::RenewalReq, Self::PkcsReq, Self::CertPoll, Self::GetCert, Self::GetCrl];

    /// The number.
    pub const fn number(self) -> u8 {
        match self {
            Self::CertRep => 3,
            Self::RenewalReq => 17,
            Self::PkcsReq => 19,
            Self::CertPoll => 20,
            Self::GetCert => 21,
            Self::GetCrl => 22,
        }
    }

    /// The name that RFC 8894 gives it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::CertRep => "CertRep",
            Self::RenewalReq => "RenewalReq",
            Self::PkcsReq => "PKCSReq",
            Self::CertPoll => "CertPoll",
            Self::GetCert => "GetCert",
            Self::GetCrl => "GetCRL",
        }
    }

    pub(super) const fn text(self) -> &'static str {
        match self {
            Self::CertRep => "3",
            Self::RenewalReq => "17",
            Self::PkcsReq => "19",
            Self::CertPoll => "20",
            Self::GetCert => "21",
            Self::GetCrl => "22",
        }
    }
}

impl fmt::Display for MessageType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// pkiStatus (RFC 8894 section 3.2.1.3): the outcome that a CertRep tells.
///
/// ```text
/// pkiStatus ::= PrintableString -- the decimal number
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PkiStatus {
    /// `0`: request granted.
    Success,
    /// `2`: request rejected; failInfo says why.
    Failure,
    /// `3`: request waits for approval.
    Pending,
}

impl PkiStatus {
    pub(super) const ALL: [Self; 3] = [Self::Success, Self::Failure, Self::Pending];

    /// The name that RFC 8894 gives it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Success => "SUCCESS",
            Self::Failure => "FAILURE",
            Self::Pending => "PENDING",
        }
    }

    pub(super) const fn text(self) -> &'static str {
        match self {
            Self::Success => "0",
            Self::Failure => "2",
            Self::Pending => "3",
        }
    }
}

impl fmt::Display for PkiStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FailInfo {
    pub(super) const ALL: [Self; 5] =
        [Self::BadAlg, Self::BadMessageCheck, Self::BadRequest, Self::BadTime, Self::BadCertId];

    pub(super) const fn text(self) -> &'static str {
        match self {
            Self::BadAlg => "0",
            Self::BadMessageCheck => "1",
            Self::BadRequest => "2",
            Self::BadTime => "3",
            Self::BadCertId => "4",
        }
    }
}

/// transactionID (RFC 8894 section 3.2.1.1): 1 to 255 bytes that name one transaction.
///
/// ```text
/// transactionID ::= PrintableString
/// ```
///
/// What a peer made is opaque and is echoed byte for byte, with the string type it came with unless PrintableString
/// can hold it. Equality is that of the bytes. `Display` escapes what is not printable ASCII.
#[derive(Clone)]
pub struct TransactionId {
    bytes: Vec<u8>,
    tag: u8,
}

impl TransactionId {
    /// Longest transactionID, bytes.
    pub const MAX_LENGTH: usize = 255;

    /// Takes a new transactionID. [`Limit::TransactionId`] if it is empty or too long,
    /// [`InvalidMessage::AttributeValue`] if PrintableString cannot hold it (`A-Z a-z 0-9 '()+,-./:=?` and space).
    pub fn new(text: impl AsRef<[u8]>) -> Result<Self, Error> {
        let id = Self::received(tlv::PRINTABLE_STRING, text.as_ref())?;
        if is_printable_string(&id.bytes) { Ok(id) } else { Err(InvalidMessage::AttributeValue.into()) }
    }

    /// What a peer sent, as a string of this type.
    pub(crate) fn received(tag: u8, bytes: &[u8]) -> Result<Self, Error> {
        if bytes.is_empty() || bytes.len() > Self::MAX_LENGTH {
            return Err(Limit::TransactionId.into());
        }
        Ok(Self { bytes: bytes.to_vec(), tag })
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The string type to send it with: some peers read PrintableString only.
    pub(crate) fn string_tag(&self) -> u8 {
        if is_printable_string(&self.bytes) { tlv::PRINTABLE_STRING } else { self.tag }
    }
}

impl PartialEq for TransactionId {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

impl Eq for TransactionId {}

impl Hash for TransactionId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.bytes.hash(state);
    }
}

impl fmt::Display for TransactionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.bytes.escape_ascii().fmt(f)
    }
}

impl fmt::Debug for TransactionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TransactionId(\"{self}\")")
    }
}

/// senderNonce or recipientNonce (RFC 8894 section 3.2.1.5): 16 bytes when made here, 1 to 64 when read, because
/// some peers use other lengths.
///
/// ```text
/// senderNonce ::= OCTET STRING
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Nonce(Vec<u8>);

impl Nonce {
    /// Longest nonce that is read, bytes.
    pub const MAX_LENGTH: usize = 64;

    /// Takes the bytes; [`Limit::Nonce`] if there are none or more than [`Self::MAX_LENGTH`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        if bytes.is_empty() || bytes.len() > Self::MAX_LENGTH {
            return Err(Limit::Nonce.into());
        }
        Ok(Self(bytes.to_vec()))
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Nonce(")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str(")")
    }
}

/// Whether PrintableString can hold it (X.680 section 41.4).
pub(super) fn is_printable_string(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || b" '()+,-./:=?".contains(byte))
}
