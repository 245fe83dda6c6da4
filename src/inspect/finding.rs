//! What deviates, and where.

use alloc::vec::Vec;
use core::fmt;

/// Declares the deviations, each with its code and its text.
macro_rules! deviations {
    ($($variant:ident = $code:literal, $text:literal;)+) => {
        /// One way in which a message deviates from RFC 8894 or from what that refers to. Many are harmless and read by
        /// this library; which ones is for its documentation to say, not for a reader of captures.
        #[non_exhaustive]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Deviation { $(#[doc = concat!("`", $code, "`: ", $text, ".")] $variant,)+ }

        impl Deviation {
            /// Every one.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// A short name that does not change.
            pub const fn code(self) -> &'static str {
                match self { $(Self::$variant => $code,)+ }
            }
        }

        impl fmt::Display for Deviation {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self { $(Self::$variant => $text,)+ })
            }
        }
    };
}

deviations! {
    HttpMethod = "http-method", "HTTP method that this operation does not have (RFC 8894 section 4.1)";
    HttpOperation = "http-operation", "operation parameter missing or unknown (RFC 8894 section 4.1)";
    HttpStatus = "http-status", "HTTP status other than 200 (RFC 8894 section 4)";
    HttpMediaType = "http-media-type", "media type that does not fit the content (RFC 8894 section 4)";
    NotEscaped = "query-not-escaped", "base64 in a query without percent escapes (RFC 8894 section 4.1)";
    Base64Url = "base64-url-alphabet", "base64 in the alphabet for URLs (RFC 8894 section 4.1 means RFC 4648 section 4)";
    Base64Lines = "base64-white-space", "base64 with white space in it (RFC 8894 section 4.1 means RFC 4648 section 4)";
    Base64Padding = "base64-padding", "base64 without its padding (RFC 4648 section 4)";
    TextBody = "text-body", "HTTP body in base64 or PEM where binary belongs (RFC 8894 section 4.1)";

    IndefiniteLength = "ber-indefinite-length", "BER: indefinite length";
    LongLength = "ber-long-length", "BER: length in more octets than needed";
    ChunkedString = "ber-chunked-string", "BER: OCTET STRING in chunks";
    Truncated = "truncated", "the bytes end before the element does";
    Unreadable = "unreadable", "bytes that are no BER, or do not belong there";
    TrailingBytes = "trailing-bytes", "bytes after the end of the structure";

    ForbiddenAlgorithm = "algorithm-forbidden", "algorithm that RFC 8894 section 2.9 forbids or does not know";
    ParametersAbsent = "parameters-absent", "algorithm parameters absent where NULL belongs (RFC 3370, RFC 4055)";
    ParametersUnexpected = "parameters-unexpected", "algorithm parameters that do not belong there (RFC 3370, RFC 5754)";

    SignedDataVersion = "signed-data-version", "SignedData version that does not follow from its contents (RFC 5652 section 5.1)";
    ContentType = "content-type-not-data", "content type other than id-data (RFC 8894 sections 3.2 and 3.2.2)";
    ContentNotOctets = "content-not-octet-string", "signed content that is no OCTET STRING, as in PKCS #7 v1.5 (RFC 5652 section 5.2.1)";
    DigestUnlisted = "digest-algorithm-unlisted", "the signer's digest algorithm is not in digestAlgorithms (RFC 5652 section 5.1)";
    SignerCount = "signer-count", "not exactly one SignerInfo (RFC 8894 section 3)";
    SignerVersion = "signer-version", "SignerInfo version that does not follow from its signer identifier (RFC 5652 section 5.3)";
    SignerCertificate = "signer-certificate-missing", "no certificate for the signer in the message (RFC 8894 section 2.3)";
    SignerKeyUsage = "signer-key-usage", "the signer's certificate is not for signatures (RFC 8894 section 2.3)";
    NoSignedAttributes = "signed-attributes-missing", "SignerInfo without signed attributes (RFC 8894 section 3.2)";
    UnsortedAttributes = "attributes-unsorted", "attributes not in the order of DER (RFC 5652 section 5.3, RFC 2986 section 4.1)";
    SignedSorted = "signature-over-sorted", "the signature covers the attributes in the order of DER, not as sent (RFC 5652 section 5.4)";
    AttributeMissing = "attribute-missing", "required signed attribute missing (RFC 8894 section 3.2.1)";
    AttributeRepeated = "attribute-repeated", "attribute that occurs twice (RFC 8894 section 3.2.1)";
    AttributeValues = "attribute-value-count", "attribute that has not exactly one value (RFC 8894 section 3.2.1)";
    AttributeType = "attribute-type", "attribute value of another ASN.1 type (RFC 8894 section 3.2.1)";
    AttributeValue = "attribute-value", "attribute value that is not defined or not allowed (RFC 8894 section 3.2.1)";
    AttributeUnexpected = "attribute-unexpected", "attribute that this message type does not have (RFC 8894 section 3.2.1)";
    AttributeUnknown = "attribute-unknown", "attribute that RFC 8894 and RFC 5652 do not define";
    FailInfoTextArc = "fail-info-text-oid", "failInfoText under id-scep, the arc above its own (RFC 8894 section 3.2.1.4)";
    NonceLength = "nonce-length", "nonce that has not 16 octets (RFC 8894 section 3.2.1.5)";
    NonceEcho = "nonce-not-fresh", "senderNonce that is the recipientNonce over again (RFC 8894 section 3.2.1.5)";
    MessageDigest = "message-digest-mismatch", "messageDigest does not fit the content (RFC 5652 section 5.6)";
    ContentTypeMismatch = "content-type-mismatch", "contentType attribute does not fit the content (RFC 5652 section 11.1)";
    Signature = "signature-invalid", "the signature does not verify (RFC 5652 section 5.6)";
    SignatureAlgorithms = "signature-digest-mismatch", "digest and signature algorithm do not fit each other (RFC 8933)";

    ContentMissing = "content-missing", "no pkcsPKIEnvelope where one belongs (RFC 8894 section 3.2)";
    ContentUnexpected = "content-unexpected", "signed content in a FAILURE or PENDING (RFC 8894 sections 3.3.2.2 and 3.3.2.3)";
    NotEnveloped = "content-not-enveloped", "signed content that is no EnvelopedData (RFC 8894 section 3.2.2)";
    EnvelopeVersion = "enveloped-data-version", "EnvelopedData version that does not follow from its contents (RFC 5652 section 6.1)";
    RecipientCount = "recipient-count", "not exactly one recipient (RFC 8894 section 3.1)";
    RecipientKind = "recipient-kind", "recipient without key transport (RFC 8894 section 3.1)";
    RecipientVersion = "recipient-version", "RecipientInfo version that does not follow from its identifier (RFC 5652 section 6.2.1)";
    InitialisationVector = "iv-length", "initialisation vector missing or not one block long (RFC 3565 section 4.1, RFC 3370 section 5)";
    CiphertextLength = "ciphertext-length", "encrypted content missing or not whole blocks (RFC 5652 section 6.3)";
    Padding = "padding", "padding of the content is wrong (RFC 5652 section 6.3)";

    PayloadKind = "payload-kind", "enveloped content that the message type does not have (RFC 8894 section 3.3)";
    CertsOnlyContent = "certs-only-content", "certs-only message with an encapsulated content (RFC 8894 section 3.4)";
    CertsOnlySigned = "certs-only-signed", "certs-only message with a signature (RFC 8894 section 3.4)";
    CertsOnlyDigests = "certs-only-digest-algorithms", "certs-only message that lists digest algorithms (RFC 5652 section 5.1)";
    NoCertificates = "no-certificates", "neither a certificate nor a CRL where one belongs (RFC 8894 sections 3.4 and 4.2.1)";
    CertificateUnreadable = "certificate-unreadable", "certificate that cannot be read (RFC 5280 section 4.1)";
    CertificateVersion = "certificate-version", "certificate of another version than 3 (RFC 8894 section 2.3 needs extensions)";
    SerialLength = "serial-length", "serial number of more than 20 octets (RFC 5280 section 4.1.2.2)";
    SerialNotPositive = "serial-not-positive", "serial number that is zero or negative (RFC 5280 section 4.1.2.2)";
    RequestUnreadable = "request-unreadable", "certification request that cannot be read (RFC 2986 section 4)";
    RequestSignature = "request-signature", "certification request not signed by its own key (RFC 2986 section 4.2)";
    RequestKey = "request-key", "self-signed signer whose key is not that of the certification request (RFC 8894 section 2.3)";
    RequestSubject = "request-subject", "self-signed signer whose subject is not that of the certification request (RFC 8894 section 2.3)";
    RequestNoSubject = "request-subject-empty", "certification request without a subject (RFC 8894 section 3.3.1)";
    ChallengeType = "challenge-type", "challengePassword of another type than PrintableString or UTF8String (RFC 2985 section 5.4.1)";
    CapabilityUnknown = "capability-unknown", "capability that is not registered (RFC 8894 section 3.5.2)";
    CapabilityCase = "capability-case", "capability in another letter case than the registered one (RFC 8894 section 3.5.2)";
}

/// The part of the input that a finding is about.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// The HTTP request or response, or the text around the message.
    Http,
    /// The outer ContentInfo and SignedData.
    SignedData,
    /// `encapContentInfo`
    Content,
    /// `certificates`, of the message or of a certs-only message; or a certificate by itself.
    Certificates,
    /// `crls`
    Crls,
    /// `signerInfos`
    SignerInfo,
    /// `signedAttrs`
    SignedAttributes,
    /// The signature value.
    Signature,
    /// The EnvelopedData.
    EnvelopedData,
    /// `recipientInfos`
    RecipientInfo,
    /// `encryptedContentInfo`
    EncryptedContent,
    /// What the envelope held.
    Payload,
    /// A certification request.
    CertificationRequest,
    /// A certs-only message.
    CertsOnly,
    /// GetCACaps text.
    Capabilities,
}

impl Place {
    /// A short name that does not change.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::SignedData => "signedData",
            Self::Content => "signedData.encapContentInfo",
            Self::Certificates => "certificates",
            Self::Crls => "crls",
            Self::SignerInfo => "signerInfo",
            Self::SignedAttributes => "signerInfo.signedAttrs",
            Self::Signature => "signerInfo.signature",
            Self::EnvelopedData => "envelopedData",
            Self::RecipientInfo => "envelopedData.recipientInfo",
            Self::EncryptedContent => "envelopedData.encryptedContentInfo",
            Self::Payload => "payload",
            Self::CertificationRequest => "certificationRequest",
            Self::CertsOnly => "certsOnly",
            Self::Capabilities => "capabilities",
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One deviation at one place. `Display` is the whole line for a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What deviates.
    pub deviation: Deviation,
    /// Where.
    pub place: Place,
    /// Which attribute, where it is about one.
    pub attribute: Option<&'static str>,
    /// Where in the bytes of that layer it was seen first: of the message, of the envelope in it, or of what that held.
    pub offset: Option<usize>,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.deviation.code(), self.place)?;
        if let Some(attribute) = self.attribute {
            write!(f, ".{attribute}")?;
        }
        if let Some(offset) = self.offset {
            write!(f, " at {offset}")?;
        }
        write!(f, ": {}", self.deviation)
    }
}

/// Collects findings, each deviation once at each place.
#[derive(Default)]
pub(super) struct Findings(pub(super) Vec<Finding>);

impl Findings {
    pub(super) fn add(&mut self, deviation: Deviation, place: Place) {
        self.push(Finding { deviation, place, attribute: None, offset: None });
    }

    pub(super) fn add_if(&mut self, found: bool, deviation: Deviation, place: Place) {
        if found {
            self.add(deviation, place);
        }
    }

    pub(super) fn add_at(&mut self, deviation: Deviation, place: Place, offset: Option<usize>) {
        self.push(Finding { deviation, place, attribute: None, offset });
    }

    pub(super) fn attribute(&mut self, deviation: Deviation, place: Place, attribute: &'static str) {
        self.push(Finding { deviation, place, attribute: Some(attribute), offset: None });
    }

    fn push(&mut self, finding: Finding) {
        let same = |known: &Finding| {
            (known.deviation, known.place, known.attribute)
                == (finding.deviation, finding.place, finding.attribute)
        };
        if !self.0.iter().any(same) {
            self.0.push(finding);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;
    use std::collections::BTreeSet;

    #[test]
    fn codes_are_distinct_and_plain() {
        let codes: BTreeSet<_> = Deviation::ALL.iter().map(|deviation| deviation.code()).collect();
        assert_eq!(codes.len(), Deviation::ALL.len());
        for code in codes {
            assert!(
                code.bytes().all(|byte| byte == b'-' || byte.is_ascii_lowercase() || byte.is_ascii_digit())
            );
        }
    }

    #[test]
    fn the_same_deviation_at_the_same_place_is_told_once() {
        let mut findings = Findings::default();
        findings.add_at(Deviation::LongLength, Place::SignedData, Some(4));
        findings.add_at(Deviation::LongLength, Place::SignedData, Some(9));
        findings.attribute(Deviation::AttributeMissing, Place::SignedAttributes, "senderNonce");
        findings.attribute(Deviation::AttributeMissing, Place::SignedAttributes, "messageType");
        let lines: Vec<_> = findings.0.iter().map(Finding::to_string).collect();
        assert_eq!(lines.len(), 3);
        assert_eq!(lines[0], "ber-long-length: signedData at 4: BER: length in more octets than needed");
        assert!(lines[1].starts_with("attribute-missing: signerInfo.signedAttrs.senderNonce: required"));
    }
}
