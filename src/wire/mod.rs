//! The formats on the wire: CMS, PKCS#10, X.509 and the SCEP attributes, as views of borrowed bytes.
//!
//! Reading is lenient where peers need it, and bounded by [`Limits`]; writing is strict DER. What is signed is kept
//! as the bytes that came and never encoded anew. BER is turned into DER by [`normalize()`] before anything else reads
//! it. This layer knows no keys, no policy and no HTTP.

pub mod algorithm;
pub mod attributes;
mod blind;
pub mod capabilities;
pub mod certificate;
pub mod certs_only;
pub mod crl;
pub mod distinguished_name;
pub mod enveloped_data;
pub mod extension;
pub mod limits;
#[cfg(any(test, feature = "server"))]
mod modulus;
pub mod name;
pub mod normalize;
pub mod oid;
mod padding;
pub mod password_recipient;
pub mod pkcs10;
pub mod public_key;
pub mod requested_validity;
pub mod selector;
pub mod signed_data;
pub(crate) mod time;
pub(crate) mod tlv;
mod values;

pub use algorithm::{AlgorithmIdentifier, ContentEncryption, Digest, KeyTransport, SignatureScheme};
pub use attributes::{
    FailInfo, MessageType, Nonce, PkiStatus, SignedAttributes, SignedAttributesDraft, TransactionId,
};
pub use capabilities::{Capabilities, Capability};
pub use certificate::{Certificate, TbsCertificateDraft, assemble};
pub use certs_only::{CertsOnly, ca_certificates};
pub use crl::{CertificateList, RevokedCertificate};
pub use distinguished_name::{DistinguishedName, DistinguishedNameBuilder};
pub use enveloped_data::{
    EnvelopedData, EnvelopedDataDraft, KeyTransRecipientInfo, RecipientDraft, RecipientInfo,
};
pub use extension::{
    Extension, Extensions, ExtensionsBuilder, GeneralName, KeyUsage, extended_key_usage, subject_alt_names,
};
pub use limits::Limits;
pub use name::Name;
pub use normalize::normalize;
pub use oid::Oid;
pub use password_recipient::{PasswordRecipientInfo, Pbkdf2Parameters};
pub use pkcs10::{CertificationRequest, CertificationRequestInfoDraft};
pub use public_key::{EcCurve, EcPublicKey, RsaPublicKey, SubjectPublicKeyInfo};
pub use requested_validity::{RequestedValidity, ValidityUnit};
pub use selector::{CertificateSelector, IssuerAndSerialNumber, IssuerAndSubject};
pub use signed_data::{CertificateSet, SignedData, SignedDataDraft, SignerInfo};
