//! Attributes with the ASN.1 types of their values.

use super::ber::{Element, Fields};
use super::names::ObjectId;
use crate::wire::name::{decode_text, is_unseen};
use crate::wire::oid::Oid;
use crate::wire::tlv;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

/// Most attributes, values, certificates and the like that are looked at: far more than any message has.
pub(super) const MOST: usize = 64;

/// One attribute of a SignerInfo or of a certification request.
///
/// ```text
/// Attribute ::= SEQUENCE { attrType OBJECT IDENTIFIER, attrValues SET OF AttributeValue }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttributeReport {
    /// Its type.
    pub oid: ObjectId,
    /// Its values; one where all is well.
    pub values: Vec<ValueReport>,
}

/// One value of an attribute.
#[derive(Clone, PartialEq, Eq)]
pub struct ValueReport {
    /// The identifier octet: 0x13 for a PrintableString, 0x04 for an OCTET STRING.
    pub tag: u8,
    /// How many contents octets it has.
    pub length: usize,
    /// The contents octets; none when the value is a challenge password, which is in
    /// [`RequestReport::challenge`](super::RequestReport::challenge).
    pub contents: Vec<u8>,
}

impl ValueReport {
    fn new(element: &Element<'_>, secret: bool) -> Self {
        let octets = element.octets();
        // A string in chunks is a string all the same; SEQUENCE and SET stay what they are.
        let string = element.tag & 0xC0 == 0 && !matches!(element.tag, tlv::SEQUENCE | tlv::SET);
        let (tag, contents) =
            if string { (element.tag & 0x1F, octets.as_ref()) } else { (element.tag, element.contents) };
        Self { tag, length: contents.len(), contents: if secret { Vec::new() } else { contents.to_vec() } }
    }

    /// The ASN.1 type that the tag stands for.
    pub fn type_name(&self) -> &'static str {
        type_name(self.tag)
    }

    /// The value as text, when it is a string: safe to show, with U+FFFD for what is not seen. An OBJECT IDENTIFIER is
    /// shown by its name, times as they stand.
    pub fn text(&self) -> Option<String> {
        match self.tag {
            _ if self.contents.is_empty() => None,
            tlv::OBJECT_IDENTIFIER => Some(alloc::format!("{}", ObjectId::new(&self.contents))),
            tlv::UTC_TIME | tlv::GENERALIZED_TIME => decode_text(tlv::IA5_STRING, &self.contents),
            tag => decode_text(tag, &self.contents),
        }
        .map(|text| shown(&text))
    }

    /// Whether it is of this ASN.1 type.
    pub fn is(&self, tag: u8) -> bool {
        self.tag == tag
    }
}

impl fmt::Debug for ValueReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ValueReport({}, {} bytes)", self.type_name(), self.length)
    }
}

/// Text of a peer's, made harmless and not endless.
pub(super) fn shown(text: &str) -> String {
    let seen = |character| if is_unseen(character) { char::REPLACEMENT_CHARACTER } else { character };
    text.chars().take(1024).map(seen).collect()
}

/// The ASN.1 type that a universal tag stands for.
pub(super) fn type_name(tag: u8) -> &'static str {
    match tag {
        tlv::BOOLEAN => "BOOLEAN",
        tlv::INTEGER => "INTEGER",
        tlv::BIT_STRING => "BIT STRING",
        tlv::OCTET_STRING => "OCTET STRING",
        tlv::NULL => "NULL",
        tlv::OBJECT_IDENTIFIER => "OBJECT IDENTIFIER",
        tlv::UTF8_STRING => "UTF8String",
        0x12 => "NumericString",
        tlv::PRINTABLE_STRING => "PrintableString",
        tlv::TELETEX_STRING => "TeletexString",
        tlv::IA5_STRING => "IA5String",
        tlv::UTC_TIME => "UTCTime",
        tlv::GENERALIZED_TIME => "GeneralizedTime",
        0x1A => "VisibleString",
        tlv::UNIVERSAL_STRING => "UniversalString",
        tlv::BMP_STRING => "BMPString",
        tlv::SEQUENCE => "SEQUENCE",
        tlv::SET => "SET",
        _ => "another type",
    }
}

/// Reads a row of attributes.
pub(super) fn attributes(fields: Fields<'_>) -> Vec<AttributeReport> {
    let attribute = |element: Element<'_>| {
        let mut fields = element.fields();
        let octets = fields.tagged(tlv::OBJECT_IDENTIFIER)?.contents;
        let secret = Oid::new(octets) == Oid::CHALLENGE_PASSWORD;
        let values = fields.tagged(tlv::SET).map(|set| set.fields()).into_iter().flatten();
        let values = values.take(MOST).map(|value| ValueReport::new(&value, secret)).collect();
        Some(AttributeReport { oid: ObjectId::new(octets), values })
    };
    fields.take(MOST).filter_map(attribute).collect()
}

/// Whether elements stand in the order of DER (X.690 section 11.6).
pub(super) fn are_sorted(fields: Fields<'_>) -> bool {
    fields.map(|element| element.to_der().into_owned()).is_sorted()
}
