//! Signed attributes: those of SCEP (RFC 8894 section 3.2.1) and those of CMS (RFC 5652 section 11).
//!
//! ```text
//! SignedAttributes ::= SET SIZE (1..MAX) OF Attribute
//! Attribute ::= SEQUENCE { attrType OBJECT IDENTIFIER, attrValues SET OF AttributeValue }
//! ```

use super::certificate::{read_time, write_time};
use super::limits::Limits;
use super::oid::Oid;
use super::signed_data::{check_elements, elements};
use super::tlv::{self, Reader, Tlv, Writer};
use crate::error::{Error, InvalidMessage, Limit};
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::fmt;
use rustls_pki_types::UnixTime;

pub use super::values::{MessageType, Nonce, PkiStatus, TransactionId};
pub use crate::error::FailInfo;

/// Longest failInfoText that is read or written, in characters: it is for people.
const FAIL_INFO_TEXT: usize = 255;

/// id-scep, the arc above failInfoText: deployed CAs send their text under it.
const ID_SCEP: Oid<'static> = Oid::new(&[0x2B, 6, 1, 5, 5, 7, 24]);

/// One attribute of a SignerInfo (RFC 5652 section 5.3) or of a certification request (RFC 2986 section 4.1).
///
/// ```text
/// Attribute ::= SEQUENCE { attrType OBJECT IDENTIFIER, attrValues SET OF AttributeValue }
/// ```
///
/// `Debug` shows the type only: a value may be a challenge password.
#[derive(Clone, Copy)]
pub struct Attribute<'a> {
    /// Its type.
    pub oid: Oid<'a>,
    /// The encoded values, one after the other.
    pub values: &'a [u8],
}

impl<'a> Attribute<'a> {
    pub(super) fn parse(tlv: &Tlv<'a>) -> Result<Self, Error> {
        if tlv.tag != tlv::SEQUENCE {
            return Err(InvalidMessage::Der.into());
        }
        let mut reader = tlv.reader()?;
        let oid = Oid::new(reader.expect(tlv::OBJECT_IDENTIFIER)?.value);
        let values = reader.expect(tlv::SET)?.value;
        reader.finish()?;
        Ok(Self { oid, values })
    }

    /// The value, of which there must be exactly one.
    pub(super) fn single(&self) -> Result<Tlv<'a>, Error> {
        let mut values = Reader::new(self.values)?;
        if values.is_empty() {
            return Err(InvalidMessage::RepeatedAttribute.into());
        }
        let value = values.any()?;
        if values.is_empty() { Ok(value) } else { Err(InvalidMessage::RepeatedAttribute.into()) }
    }
}

impl fmt::Debug for Attribute<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attribute").field("oid", &self.oid).finish_non_exhaustive()
    }
}

/// The attribute of this type; a second one is an error, never "first wins".
pub(super) fn find_once<'a>(
    attributes: impl Iterator<Item = Attribute<'a>>,
    oid: Oid<'_>,
) -> Result<Option<Attribute<'a>>, Error> {
    let mut matching = attributes.filter(|attribute| attribute.oid.as_bytes() == oid.as_bytes());
    let first = matching.next();
    if matching.next().is_some() { Err(InvalidMessage::RepeatedAttribute.into()) } else { Ok(first) }
}

/// The attributes that a signature covers, as they were received.
///
/// Each getter fails with [`InvalidMessage::RepeatedAttribute`] if its attribute occurs twice or has not exactly one
/// value, and with [`InvalidMessage::AttributeValue`] if the value has the wrong type. Where RFC 8894 wants a
/// PrintableString, UTF8String and IA5String are read as well. Nothing here is to be believed before the signature
/// has been verified.
#[derive(Clone, Copy)]
pub struct SignedAttributes<'a> {
    raw: &'a [u8],
    value: &'a [u8],
}

impl<'a> SignedAttributes<'a> {
    /// Reads the `[0] IMPLICIT` element of a SignerInfo. More than [`Limits::attributes`] are
    /// [`Limit::Attributes`].
    pub fn parse(der: &'a [u8], limits: &Limits) -> Result<Self, Error> {
        let tlv = Tlv::parse(der)?;
        if tlv.tag != tlv::context(0) {
            return Err(InvalidMessage::Der.into());
        }
        check_elements(tlv.value, limits.attributes, Limit::Attributes, |tlv| {
            Attribute::parse(&tlv).map(drop)
        })?;
        Ok(Self { raw: tlv.raw, value: tlv.value })
    }

    /// The whole element as received, with its tag 0xA0.
    pub fn raw(&self) -> &'a [u8] {
        self.raw
    }

    /// What was signed, in two parts: RFC 5652 section 5.4 signs the tag of SET OF in place of `[0]`. The order of
    /// the attributes is as received, also where it is not that of DER.
    pub fn to_be_verified(&self) -> [&'a [u8]; 2] {
        [&[tlv::SET], self.raw.get(1..).unwrap_or_default()]
    }

    /// The same in the order of DER, with its tag: for peers that sign sorted attributes and send them in another
    /// order. `None` where that is what [`Self::to_be_verified`] gives already.
    ///
    /// The attributes are the same ones, so whatever is read of them was signed either way.
    pub fn sorted(&self) -> Option<Vec<u8>> {
        let mut encodings: Vec<&[u8]> = elements(self.value).map(|attribute| attribute.raw).collect();
        if encodings.is_sorted() {
            return None;
        }
        tlv::sort(&mut encodings);
        let mut writer = Writer::new();
        writer.nested(tlv::SET, |writer| encodings.iter().for_each(|attribute| writer.raw(attribute)));
        Some(writer.finish())
    }

    /// All attributes, in the order received.
    pub fn iter(&self) -> impl Iterator<Item = Attribute<'a>> + use<'a> {
        elements(self.value).filter_map(|tlv| Attribute::parse(&tlv).ok())
    }

    /// The one value of an attribute, as a whole element; `None` if there is no such attribute.
    pub fn value(&self, oid: Oid<'_>) -> Result<Option<&'a [u8]>, Error> {
        Ok(self.single(oid)?.map(|value| value.raw))
    }

    /// contentType (RFC 5652 section 11.1).
    pub fn content_type(&self) -> Result<Option<Oid<'a>>, Error> {
        Ok(self.typed(Oid::CONTENT_TYPE, &[tlv::OBJECT_IDENTIFIER])?.map(|value| Oid::new(value.value)))
    }

    /// messageDigest (RFC 5652 section 11.2): the digest of the content.
    pub fn message_digest(&self) -> Result<Option<&'a [u8]>, Error> {
        Ok(self.typed(Oid::MESSAGE_DIGEST, &[tlv::OCTET_STRING])?.map(|value| value.value))
    }

    /// signingTime (RFC 5652 section 11.3), a UTCTime or GeneralizedTime; [`InvalidMessage::Time`] if it cannot be
    /// read.
    pub fn signing_time(&self) -> Result<Option<UnixTime>, Error> {
        let value = self.typed(Oid::SIGNING_TIME, &[tlv::UTC_TIME, tlv::GENERALIZED_TIME])?;
        value.map(|value| read_time(&value)).transpose()
    }

    /// messageType; [`InvalidMessage::MessageType`] if it is missing or not exactly one of the defined numbers.
    pub fn message_type(&self) -> Result<MessageType, Error> {
        let text = self.text(Oid::MESSAGE_TYPE)?.ok_or(InvalidMessage::MessageType)?;
        let known = MessageType::ALL.into_iter().find(|known| known.text().as_bytes() == text.value);
        known.ok_or(InvalidMessage::MessageType.into())
    }

    /// pkiStatus; [`InvalidMessage::PkiStatus`] if it is missing or not defined.
    pub fn pki_status(&self) -> Result<PkiStatus, Error> {
        let text = self.text(Oid::PKI_STATUS)?.ok_or(InvalidMessage::PkiStatus)?;
        let known = PkiStatus::ALL.into_iter().find(|known| known.text().as_bytes() == text.value);
        known.ok_or(InvalidMessage::PkiStatus.into())
    }

    /// failInfo; [`InvalidMessage::FailInfo`] if it is not defined.
    pub fn fail_info(&self) -> Result<Option<FailInfo>, Error> {
        let Some(text) = self.text(Oid::FAIL_INFO)? else { return Ok(None) };
        let known = FailInfo::ALL.into_iter().find(|known| known.text().as_bytes() == text.value);
        known.map(Some).ok_or(InvalidMessage::FailInfo.into())
    }

    /// failInfoText (RFC 8894 section 3.2.1.4), for people: at most 255 characters, with everything that is not
    /// UTF-8 and every control character replaced by U+FFFD. `None` if it is missing or no string. It is read under
    /// id-scep as well, the arc above its own, where some CAs put it.
    pub fn fail_info_text(&self) -> Result<Option<String>, Error> {
        let value = match self.single(Oid::FAIL_INFO_TEXT)? {
            None => self.single(ID_SCEP)?,
            value => value,
        };
        Ok(value.filter(|value| STRINGS.contains(&value.tag)).map(|value| {
            // Enough for the longest result, so that a long text is not copied as a whole.
            let enough = value.value.len().min(FAIL_INFO_TEXT.saturating_mul(4));
            let mut text = String::new();
            let mut rest = value.value.get(..enough).unwrap_or_default();
            let mut room = FAIL_INFO_TEXT;
            // `String::from_utf8_lossy` in less flash
            while room > 0 && !rest.is_empty() {
                let (valid, bad) = match core::str::from_utf8(rest) {
                    Ok(_) => (rest.len(), 0),
                    Err(error) => (error.valid_up_to(), error.error_len().unwrap_or(rest.len())),
                };
                let (good, after) = rest.split_at_checked(valid).unwrap_or_default();
                let replaced = if bad > 0 { Some(char::REPLACEMENT_CHARACTER) } else { None };
                for char in core::str::from_utf8(good).unwrap_or_default().chars().chain(replaced).take(room)
                {
                    text.push(if char.is_control() { char::REPLACEMENT_CHARACTER } else { char });
                    room = room.saturating_sub(1);
                }
                rest = after.get(bad..).unwrap_or_default();
            }
            text
        }))
    }

    /// senderNonce; [`Limit::Nonce`] if it is not 1 to 64 bytes long.
    pub fn sender_nonce(&self) -> Result<Option<Nonce>, Error> {
        self.nonce(Oid::SENDER_NONCE)
    }

    /// recipientNonce; [`Limit::Nonce`] if it is not 1 to 64 bytes long.
    pub fn recipient_nonce(&self) -> Result<Option<Nonce>, Error> {
        self.nonce(Oid::RECIPIENT_NONCE)
    }

    /// transactionID; [`Limit::TransactionId`] if it is not 1 to 255 bytes long.
    pub fn transaction_id(&self) -> Result<Option<TransactionId>, Error> {
        let text = self.text(Oid::TRANSACTION_ID)?;
        text.map(|text| TransactionId::received(text.tag, text.value)).transpose()
    }

    fn nonce(&self, oid: Oid<'_>) -> Result<Option<Nonce>, Error> {
        let value = self.typed(oid, &[tlv::OCTET_STRING])?;
        value.map(|value| Nonce::from_bytes(value.value)).transpose()
    }

    fn text(&self, oid: Oid<'_>) -> Result<Option<Tlv<'a>>, Error> {
        self.typed(oid, &STRINGS)
    }

    fn typed(&self, oid: Oid<'_>, tags: &[u8]) -> Result<Option<Tlv<'a>>, Error> {
        match self.single(oid)? {
            Some(value) if !tags.contains(&value.tag) => Err(InvalidMessage::AttributeValue.into()),
            value => Ok(value),
        }
    }

    fn single(&self, oid: Oid<'_>) -> Result<Option<Tlv<'a>>, Error> {
        find_once(self.iter(), oid)?.map(|attribute| attribute.single()).transpose()
    }
}

impl fmt::Debug for SignedAttributes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter().map(|attribute| attribute.oid)).finish()
    }
}

/// What goes into the signed attributes of a pkiMessage. contentType is always id-data (RFC 8894 section 3.2).
#[derive(Clone, Copy, Debug)]
pub struct SignedAttributesDraft<'a> {
    /// Digest of the content.
    pub message_digest: &'a [u8],
    /// When it is signed, where a clock is at hand.
    pub signing_time: Option<UnixTime>,
    /// What the message is.
    pub message_type: MessageType,
    /// Outcome, in a CertRep only.
    pub pki_status: Option<PkiStatus>,
    /// Reason, in a CertRep with FAILURE only.
    pub fail_info: Option<FailInfo>,
    /// Reason in words, in a CertRep with FAILURE only; cut after 255 characters.
    pub fail_info_text: Option<&'a str>,
    /// The sender's own nonce.
    pub sender_nonce: &'a Nonce,
    /// The nonce of the request, in a CertRep only.
    pub recipient_nonce: Option<&'a Nonce>,
    /// The transaction.
    pub transaction_id: &'a TransactionId,
}

impl SignedAttributesDraft<'_> {
    /// The DER that is signed: a SET OF with its own tag 0x31 and in the order of DER.
    pub fn encode(&self) -> Vec<u8> {
        let mut attributes = cms_attributes(self.message_digest, self.signing_time);
        attributes.extend([
            attribute(Oid::MESSAGE_TYPE, tlv::PRINTABLE_STRING, self.message_type.text().as_bytes()),
            attribute(Oid::SENDER_NONCE, tlv::OCTET_STRING, self.sender_nonce.as_bytes()),
            attribute(Oid::TRANSACTION_ID, self.transaction_id.string_tag(), self.transaction_id.as_bytes()),
        ]);
        if let Some(status) = self.pki_status {
            attributes.push(attribute(Oid::PKI_STATUS, tlv::PRINTABLE_STRING, status.text().as_bytes()));
        }
        if let Some(reason) = self.fail_info {
            attributes.push(attribute(Oid::FAIL_INFO, tlv::PRINTABLE_STRING, reason.text().as_bytes()));
        }
        if let Some(text) = self.fail_info_text {
            let text: String = text.chars().take(FAIL_INFO_TEXT).collect();
            attributes.push(attribute(Oid::FAIL_INFO_TEXT, tlv::UTF8_STRING, text.as_bytes()));
        }
        if let Some(nonce) = self.recipient_nonce {
            attributes.push(attribute(Oid::RECIPIENT_NONCE, tlv::OCTET_STRING, nonce.as_bytes()));
        }
        set_of(attributes)
    }
}

/// The DER that is signed where a message is none of SCEP's, as in the answer to GetNextCACert (RFC 8894 section
/// 4.7.1): contentType, which is id-data, messageDigest, and signingTime if there is one.
pub fn encode_cms_attributes(message_digest: &[u8], signing_time: Option<UnixTime>) -> Vec<u8> {
    set_of(cms_attributes(message_digest, signing_time))
}

fn cms_attributes(message_digest: &[u8], signing_time: Option<UnixTime>) -> Vec<Vec<u8>> {
    let mut attributes = vec![
        attribute(Oid::CONTENT_TYPE, tlv::OBJECT_IDENTIFIER, Oid::ID_DATA.as_bytes()),
        attribute(Oid::MESSAGE_DIGEST, tlv::OCTET_STRING, message_digest),
    ];
    attributes.extend(signing_time.map(|time| attribute_of(Oid::SIGNING_TIME, |set| write_time(set, time))));
    attributes
}

fn set_of(mut attributes: Vec<Vec<u8>>) -> Vec<u8> {
    // X.690 section 11.6 compares encodings as octet strings, the shorter one padded with zeros. No encoding is the
    // beginning of another one, so this is the order of byte slices.
    tlv::sort(&mut attributes);
    let mut writer = Writer::new();
    writer.nested(tlv::SET, |writer| attributes.iter().for_each(|attribute| writer.raw(attribute)));
    writer.finish()
}

fn attribute(oid: Oid<'_>, tag: u8, value: &[u8]) -> Vec<u8> {
    attribute_of(oid, |writer| writer.tlv(tag, value))
}

fn attribute_of(oid: Oid<'_>, write: impl FnOnce(&mut Writer)) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.nested(tlv::SEQUENCE, |writer| {
        writer.tlv(tlv::OBJECT_IDENTIFIER, oid.as_bytes());
        writer.nested(tlv::SET, write);
    });
    writer.finish()
}

/// The string types that are read where RFC 8894 wants a PrintableString.
const STRINGS: [u8; 3] = [tlv::PRINTABLE_STRING, tlv::UTF8_STRING, tlv::IA5_STRING];

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::string::ToString;
    use core::time::Duration;

    /// The `[0]` element with these attributes, each a type and its encoded values, in this order.
    fn received(attributes: &[(Oid<'_>, &[u8])]) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.nested(tlv::context(0), |writer| {
            attributes
                .iter()
                .for_each(|(oid, values)| writer.raw(&attribute_of(*oid, |set| set.raw(values))));
        });
        writer.finish()
    }

    fn parse(der: &[u8]) -> SignedAttributes<'_> {
        SignedAttributes::parse(der, &Limits::DEFAULT).unwrap()
    }

    /// As the other side receives what was signed.
    fn sent(mut set: Vec<u8>) -> Vec<u8> {
        set[0] = 0xA0;
        set
    }

    fn time(seconds: u64) -> UnixTime {
        UnixTime::since_unix_epoch(Duration::from_secs(seconds))
    }

    fn nonce(byte: u8) -> Nonce {
        Nonce::from_bytes(&[byte; 16]).unwrap()
    }

    fn request<'a>(sender_nonce: &'a Nonce, transaction_id: &'a TransactionId) -> SignedAttributesDraft<'a> {
        SignedAttributesDraft {
            message_digest: &[0xAA],
            signing_time: None,
            message_type: MessageType::PkcsReq,
            pki_status: None,
            fail_info: None,
            fail_info_text: None,
            sender_nonce,
            recipient_nonce: None,
            transaction_id,
        }
    }

    // R-3.2.1-1, R-3.2.1-3, R-3.2.1-4
    #[test]
    fn a_request_has_these_bytes() {
        let (nonce, id) = (nonce(0x55), TransactionId::new("1").unwrap());
        let expected = [
            &b"\x31\x75"[..],
            b"\x30\x10\x06\x09\x2A\x86\x48\x86\xF7\x0D\x01\x09\x04\x31\x03\x04\x01\xAA",
            b"\x30\x11\x06\x0A\x60\x86\x48\x01\x86\xF8\x45\x01\x09\x07\x31\x03\x13\x011",
            b"\x30\x12\x06\x0A\x60\x86\x48\x01\x86\xF8\x45\x01\x09\x02\x31\x04\x13\x0219",
            b"\x30\x18\x06\x09\x2A\x86\x48\x86\xF7\x0D\x01\x09\x03\x31\x0B",
            b"\x06\x09\x2A\x86\x48\x86\xF7\x0D\x01\x07\x01",
            b"\x30\x20\x06\x0A\x60\x86\x48\x01\x86\xF8\x45\x01\x09\x05\x31\x12\x04\x10UUUUUUUUUUUUUUUU",
        ];
        assert_eq!(request(&nonce, &id).encode(), expected.concat());
    }

    // R-3.2.1-2, R-3.2.1-4
    #[test]
    fn the_attributes_of_a_reply_have_these_bytes() {
        let (nonce, id) = (nonce(0x55), TransactionId::new("1").unwrap());
        let draft = SignedAttributesDraft {
            message_type: MessageType::CertRep,
            pki_status: Some(PkiStatus::Failure),
            fail_info: Some(FailInfo::BadCertId),
            fail_info_text: Some("no"),
            recipient_nonce: Some(&nonce),
            ..request(&nonce, &id)
        };
        let der = sent(draft.encode());
        for expected in [
            &b"\x30\x11\x06\x0A\x60\x86\x48\x01\x86\xF8\x45\x01\x09\x02\x31\x03\x13\x013"[..],
            b"\x30\x11\x06\x0A\x60\x86\x48\x01\x86\xF8\x45\x01\x09\x03\x31\x03\x13\x012",
            b"\x30\x11\x06\x0A\x60\x86\x48\x01\x86\xF8\x45\x01\x09\x04\x31\x03\x13\x014",
            b"\x30\x20\x06\x0A\x60\x86\x48\x01\x86\xF8\x45\x01\x09\x06\x31\x12\x04\x10UUUUUUUUUUUUUUUU",
            b"\x30\x10\x06\x08\x2B\x06\x01\x05\x05\x07\x18\x01\x31\x04\x0C\x02no",
        ] {
            assert!(elements(parse(&der).value).any(|tlv| tlv.raw == expected));
        }
        // X.690 section 11.6
        let encodings: Vec<_> = elements(parse(&der).value).map(|tlv| tlv.raw).collect();
        assert_eq!(encodings.len(), 9);
        assert!(encodings.is_sorted());
    }

    #[test]
    fn what_is_written_is_read_back() {
        let (sender, recipient, id) = (nonce(1), nonce(2), TransactionId::new("a b").unwrap());
        let draft = SignedAttributesDraft {
            signing_time: Some(time(1_700_000_000)),
            message_type: MessageType::CertRep,
            pki_status: Some(PkiStatus::Failure),
            fail_info: Some(FailInfo::BadTime),
            fail_info_text: Some("zu spät"),
            recipient_nonce: Some(&recipient),
            ..request(&sender, &id)
        };
        let der = sent(draft.encode());
        let attributes = parse(&der);
        assert_eq!(attributes.content_type(), Ok(Some(Oid::ID_DATA)));
        assert_eq!(attributes.message_digest(), Ok(Some(&[0xAA][..])));
        assert_eq!(attributes.signing_time(), Ok(Some(time(1_700_000_000))));
        assert_eq!(attributes.message_type(), Ok(MessageType::CertRep));
        assert_eq!(attributes.pki_status(), Ok(PkiStatus::Failure));
        assert_eq!(attributes.fail_info(), Ok(Some(FailInfo::BadTime)));
        assert_eq!(attributes.fail_info_text(), Ok(Some("zu spät".into())));
        assert_eq!(attributes.sender_nonce(), Ok(Some(sender)));
        assert_eq!(attributes.recipient_nonce(), Ok(Some(recipient)));
        assert_eq!(attributes.transaction_id(), Ok(Some(id)));
        assert_eq!(attributes.value(Oid::PKI_STATUS), Ok(Some(&[0x13, 1, b'2'][..])));
    }

    #[test]
    fn what_was_signed_is_the_bytes_received_with_the_tag_of_set() {
        let (sender, id) = (nonce(1), TransactionId::new("1").unwrap());
        let signed = request(&sender, &id).encode();
        assert_eq!(parse(&sent(signed.clone())).to_be_verified().concat(), signed);
        // An order that is not that of DER stays as it is.
        let unsorted = received(&[(Oid::SENDER_NONCE, &[4, 2, 7, 7]), (Oid::MESSAGE_DIGEST, &[4, 1, 1])]);
        let attributes = parse(&unsorted);
        assert_eq!(attributes.to_be_verified()[1], &unsorted[1..]);
        assert_eq!(attributes.raw(), unsorted);
        assert_eq!(attributes.message_digest(), Ok(Some(&[1][..])));
    }

    // Q5, quirk 36
    #[test]
    fn unsorted_attributes_have_a_sorted_form_and_sorted_ones_have_no_other() {
        let (sender, id) = (nonce(1), TransactionId::new("1").unwrap());
        let signed = request(&sender, &id).encode();
        assert_eq!(parse(&sent(signed.clone())).sorted(), None);
        assert_eq!(parse(&received(&[])).sorted(), None);
        let all = sent(signed.clone());
        let mut attributes: Vec<_> = parse(&all).iter().map(|one| (one.oid, one.values)).collect();
        attributes.reverse();
        let unsorted = received(&attributes);
        assert_ne!(unsorted, sent(signed.clone()));
        assert_eq!(parse(&unsorted).sorted(), Some(signed));
        // what occurs twice stays twice
        let (a, b) = ((Oid::SHA1, &[5, 0][..]), (Oid::SHA256, &[5, 0][..]));
        let twice = parse(&received(&[b, a, b])).sorted().unwrap();
        assert_eq!(twice, [&[tlv::SET], &received(&[a, b, b])[1..]].concat());
    }

    // R-3.2.1.2-2, T7
    #[test]
    fn only_the_exact_text_of_a_defined_number_is_a_message_type() {
        let read = |text: &str| {
            let mut value = Writer::new();
            value.tlv(tlv::PRINTABLE_STRING, text.as_bytes());
            parse(&received(&[(Oid::MESSAGE_TYPE, &value.finish())])).message_type()
        };
        for known in MessageType::ALL {
            assert_eq!(read(&known.number().to_string()), Ok(known));
        }
        for text in
            ["", "0", "1", "18", "23", "255", "-1", "+19", "019", "19 ", " 19", "19\0", "1\u{FF19}", "0x13"]
        {
            assert_eq!(read(text), Err(InvalidMessage::MessageType.into()), "{text:?}");
        }
        assert_eq!(parse(&received(&[])).message_type(), Err(InvalidMessage::MessageType.into()));
    }

    // quirk 45, R-3.2.1.3-1, R-3.2.1.3-2, R-3.2.1.4-2
    #[test]
    fn undefined_statuses_and_reasons_are_errors() {
        for text in [&b"\x13\x011"[..], b"\x13\x014", b"\x13\x0200", b"\x13\x00", b"\x13\x019"] {
            let der = received(&[(Oid::PKI_STATUS, text)]);
            assert_eq!(parse(&der).pki_status(), Err(InvalidMessage::PkiStatus.into()));
        }
        for text in [&b"\x13\x015"[..], b"\x13\x019", b"\x13\x0200", b"\x13\x00"] {
            let der = received(&[(Oid::FAIL_INFO, text)]);
            assert_eq!(parse(&der).fail_info(), Err(InvalidMessage::FailInfo.into()));
        }
        for reason in FailInfo::ALL {
            let digit = [0x13, 1, reason.text().as_bytes()[0]];
            assert_eq!(parse(&received(&[(Oid::FAIL_INFO, &digit)])).fail_info(), Ok(Some(reason)));
        }
        assert_eq!(parse(&received(&[])).pki_status(), Err(InvalidMessage::PkiStatus.into()));
        assert_eq!(parse(&received(&[])).fail_info(), Ok(None));
    }

    // R-3.2.1-5, C-11.1-1, C-11.2-1, T44
    #[test]
    fn a_repeated_attribute_is_refused_also_when_both_agree() {
        let repeated = Error::from(InvalidMessage::RepeatedAttribute);
        let value = b"\x13\x0219";
        let twice = [value.as_slice(), value].concat();
        let message_type = Oid::MESSAGE_TYPE;
        for attributes in [
            &[(message_type, &value[..]), (message_type, value)][..],
            &[(message_type, &twice)],
            &[(message_type, b"")],
        ] {
            let der = received(attributes);
            assert_eq!(parse(&der).message_type(), Err(repeated));
            assert_eq!(parse(&der).value(message_type), Err(repeated));
            // Others are still read.
            assert_eq!(parse(&der).sender_nonce(), Ok(None));
        }
        let digest = (Oid::MESSAGE_DIGEST, &[4, 1, 1][..]);
        assert_eq!(parse(&received(&[digest, digest])).message_digest(), Err(repeated));
        let id = (Oid::TRANSACTION_ID, &[0x13, 1, b'1'][..]);
        assert_eq!(parse(&received(&[id, digest, id])).transaction_id(), Err(repeated));
        let text = (Oid::FAIL_INFO_TEXT, &[0x0C, 1, b'1'][..]);
        assert_eq!(parse(&received(&[text, text])).fail_info_text(), Err(repeated));
    }

    // R-3.2.1-3, T44
    #[test]
    fn other_types_than_those_of_the_standard_are_refused() {
        let octets = &[4, 2, b'1', b'9'][..];
        let integer = &[2, 1, 19][..];
        let printable = &[0x13, 1, b'1'][..];
        let wrong = Error::from(InvalidMessage::AttributeValue);
        let read = |oid, value| received(&[(oid, value)]);
        assert_eq!(parse(&read(Oid::MESSAGE_TYPE, octets)).message_type(), Err(wrong));
        assert_eq!(parse(&read(Oid::MESSAGE_TYPE, integer)).message_type(), Err(wrong));
        assert_eq!(parse(&read(Oid::PKI_STATUS, integer)).pki_status(), Err(wrong));
        assert_eq!(parse(&read(Oid::TRANSACTION_ID, octets)).transaction_id(), Err(wrong));
        assert_eq!(parse(&read(Oid::SENDER_NONCE, printable)).sender_nonce(), Err(wrong));
        assert_eq!(parse(&read(Oid::RECIPIENT_NONCE, printable)).recipient_nonce(), Err(wrong));
        assert_eq!(parse(&read(Oid::MESSAGE_DIGEST, integer)).message_digest(), Err(wrong));
        assert_eq!(parse(&read(Oid::CONTENT_TYPE, octets)).content_type(), Err(wrong));
        assert_eq!(parse(&read(Oid::SIGNING_TIME, octets)).signing_time(), Err(wrong));
        // It is for people only, so it never spoils a message.
        assert_eq!(parse(&read(Oid::FAIL_INFO_TEXT, octets)).fail_info_text(), Ok(None));
    }

    // Q16, quirks 42, 43, P7, R-3.2.1.1-2
    #[test]
    fn a_transaction_id_is_echoed_with_the_same_bytes() {
        for (value, tag) in [
            (&b"\x13\x13SSCEP transactionId"[..], 0x13),
            (b"\x13\x03a@b", 0x13),
            (b"\x0C\x02ab", 0x13),
            (b"\x16\x02ab", 0x13),
            (b"\x0C\x02\xC3\xA4", 0x0C),
            (b"\x16\x02a_", 0x16),
        ] {
            let id = parse(&received(&[(Oid::TRANSACTION_ID, value)])).transaction_id().unwrap().unwrap();
            assert_eq!((id.as_bytes(), id.string_tag()), (&value[2..], tag));
            let (sender, mut echo) = (nonce(1), value.to_vec());
            echo[0] = tag;
            let der = sent(request(&sender, &id).encode());
            assert_eq!(parse(&der).value(Oid::TRANSACTION_ID), Ok(Some(&echo[..])));
        }
    }

    // R-3.2.1.1-2
    #[test]
    fn a_transaction_id_has_1_to_255_bytes() {
        let limit = Err(Limit::TransactionId.into());
        assert_eq!(TransactionId::new(""), limit);
        assert_eq!(TransactionId::new("a".repeat(256)), limit);
        assert!(TransactionId::new("a".repeat(255)).is_ok());
        assert_eq!(TransactionId::new("a_b"), Err(InvalidMessage::AttributeValue.into()));
        assert_eq!(TransactionId::new("a\n"), Err(InvalidMessage::AttributeValue.into()));
        assert_eq!(parse(&received(&[(Oid::TRANSACTION_ID, b"\x13\x00")])).transaction_id(), limit.map(Some));
    }

    // T50
    #[test]
    fn a_transaction_id_is_shown_escaped_and_compared_by_its_bytes() {
        let id = TransactionId::received(tlv::UTF8_STRING, b"a\n\x1B[31m\xFF").unwrap();
        assert_eq!(id.to_string(), "a\\n\\x1b[31m\\xff");
        let same = TransactionId::received(tlv::IA5_STRING, id.as_bytes()).unwrap();
        assert_eq!(id, same);
        assert_eq!(format!("{:?}", TransactionId::new("1").unwrap()), "TransactionId(\"1\")");
    }

    // quirk 44, R-3.2.1.5-2
    #[test]
    fn a_nonce_has_1_to_64_bytes() {
        for length in [1, 8, 16, 64] {
            let bytes = vec![7; length];
            assert_eq!(Nonce::from_bytes(&bytes).unwrap().as_bytes(), bytes);
        }
        for length in [0, 65] {
            assert_eq!(Nonce::from_bytes(&vec![7; length]), Err(Limit::Nonce.into()));
        }
        assert_eq!(format!("{:?}", Nonce::from_bytes(&[0, 0xAB]).unwrap()), "Nonce(00ab)");
    }

    // R-3.2.1.4-3, T56
    #[test]
    fn fail_info_text_is_bounded_and_made_harmless() {
        let read = |bytes: &[u8]| {
            let mut value = Writer::new();
            value.tlv(tlv::UTF8_STRING, bytes);
            parse(&received(&[(Oid::FAIL_INFO_TEXT, &value.finish())])).fail_info_text().unwrap().unwrap()
        };
        assert_eq!(read(b"a\x1B[2J\0\xFFb"), "a\u{FFFD}[2J\u{FFFD}\u{FFFD}b");
        assert_eq!(read("\u{10000}".repeat(5000).as_bytes()), "\u{10000}".repeat(255));
        assert_eq!(read(&[0xFF; 5000]), "\u{FFFD}".repeat(255));

        let (sender, id, long) = (nonce(1), TransactionId::new("1").unwrap(), "ä".repeat(300));
        let draft = SignedAttributesDraft { fail_info_text: Some(&long), ..request(&sender, &id) };
        assert_eq!(parse(&sent(draft.encode())).fail_info_text(), Ok(Some("ä".repeat(255))));
    }

    // R-3.2.1.4-3
    #[test]
    fn fail_info_text_is_read_under_the_arc_above_it_too() {
        let above = (ID_SCEP, &b"\x13\x17wrong password provided"[..]);
        let der = received(&[above]);
        assert_eq!(parse(&der).fail_info_text(), Ok(Some("wrong password provided".into())));
        let der = received(&[above, (Oid::FAIL_INFO_TEXT, b"\x0C\x02no")]);
        assert_eq!(parse(&der).fail_info_text(), Ok(Some("no".into())));
    }

    // C-11.3-1, T53
    #[test]
    fn signing_times_from_2050_on_are_generalized_times() {
        let (sender, id) = (nonce(1), TransactionId::new("1").unwrap());
        for (seconds, expected) in [
            (0, &b"\x17\x0D700101000000Z"[..]),
            (2_524_607_999, b"\x17\x0D491231235959Z"),
            (2_524_608_000, b"\x18\x0F20500101000000Z"),
        ] {
            let draft = SignedAttributesDraft { signing_time: Some(time(seconds)), ..request(&sender, &id) };
            let der = sent(draft.encode());
            assert_eq!(parse(&der).value(Oid::SIGNING_TIME), Ok(Some(expected)));
            assert_eq!(parse(&der).signing_time(), Ok(Some(time(seconds))));
        }
        let der = received(&[(Oid::SIGNING_TIME, b"\x17\x0D701301000000Z")]);
        assert_eq!(parse(&der).signing_time(), Err(InvalidMessage::Time.into()));
    }

    // T38, T39
    #[test]
    fn attributes_are_counted_and_well_formed() {
        let limits = Limits { attributes: 2, ..Limits::DEFAULT };
        let one = (Oid::SHA1, &[5, 0][..]);
        assert!(SignedAttributes::parse(&received(&[one, one]), &limits).is_ok());
        let refused = SignedAttributes::parse(&received(&[one, one, one]), &limits).map(drop);
        assert_eq!(refused, Err(Limit::Attributes.into()));
        for der in [
            &b"\x31\x00"[..],                                // not the tag [0]
            b"\xA0\x02\x05\x00",                             // not a SEQUENCE
            b"\xA0\x05\x30\x03\x06\x01\x2A",                 // no SET
            b"\xA0\x07\x30\x05\x06\x01\x2A\x30\x00",         // SEQUENCE in place of SET
            b"\xA0\x09\x30\x07\x06\x01\x2A\x31\x00\x05\x00", // one field more
        ] {
            assert!(SignedAttributes::parse(der, &Limits::DEFAULT).is_err(), "{der:x?}");
        }
    }
}
