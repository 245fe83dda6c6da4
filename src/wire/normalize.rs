//! BER to DER, for the forms that peers send (RFC 5652 section 5.1 lets a CMS message be BER).
//!
//! What changes: indefinite and non-minimal lengths become definite and minimal, OCTET STRINGs in chunks become one
//! piece. What stays: the contents octets of every primitive element, the order of every SET, and everything that a
//! signature or a digest may cover as it was sent. Certificates, CRLs, attributes and names are therefore *opaque*:
//! one whose own header is DER is copied byte for byte, with whatever it holds, and only one that no DER reader could
//! delimit is taken apart.
//!
//! The same bytes mean different things in different places, so the walk knows where in the message it is: `A0` holds
//! an element in EncapsulatedContentInfo (EXPLICIT), and chunks of an OCTET STRING in EncryptedContentInfo (IMPLICIT).

use super::limits::Limits;
use super::oid::Oid;
use super::tlv::{self, CONSTRUCTED, Header, OBJECT_IDENTIFIER, OCTET_STRING, SEQUENCE, SET};
use crate::error::{Error, InvalidMessage, Limit};
use alloc::borrow::Cow;
use alloc::vec::Vec;

/// `[0]` and `[1]`, constructed.
const CONTEXT_0: u8 = tlv::context(0);
const CONTEXT_1: u8 = tlv::context(1);
/// An OCTET STRING in chunks (X.690 section 8.7.3).
const CHUNKED_OCTET_STRING: u8 = OCTET_STRING | CONSTRUCTED;
/// Bounds the stack whatever [`Limits::depth`] says: the walk calls itself once for each level.
const MAX_DEPTH: usize = 64;

/// Turns one CMS message from BER into DER. DER comes back borrowed and unchanged. The result is not longer than
/// `input`, except by a byte or two for each element of indefinite length with 64 KiB or more in it. White space after
/// the message is dropped.
///
/// ```text
/// ContentInfo ::= SEQUENCE {
///     contentType  OBJECT IDENTIFIER,
///     content      [0] EXPLICIT ANY DEFINED BY contentType }
/// ```
///
/// Content that is an OCTET STRING is not looked into: normalize an inner message when it is reached. An input that is
/// no ContentInfo, such as a bare certificate, is opaque as a whole.
///
/// # Errors
///
/// [`InvalidMessage::Empty`]; [`InvalidMessage::Ber`] for bytes that are not BER, are cut off, or use a form that no
/// message has (tag numbers above 30, chunks of other types than OCTET STRING); [`InvalidMessage::TrailingData`];
/// [`Limit::Depth`] and [`Limit::Nodes`] when [`Limits::depth`] (64 at most) or [`Limits::nodes`] is passed;
/// [`Limit::Message`] for more than [`Limits::CEILING`] bytes. Lower bounds on the length are for the caller to check.
pub fn normalize<'a>(input: &'a [u8], limits: &Limits) -> Result<Cow<'a, [u8]>, Error> {
    if input.is_empty() {
        return Err(InvalidMessage::Empty.into());
    }
    if input.len() > Limits::CEILING {
        return Err(Limit::Message.into());
    }
    let mut rest = input;
    let mut check = Walk { nodes: limits.nodes, changed: false, output: None };
    let kind = Kind::of_message(input);
    let depth = limits.depth.min(MAX_DEPTH);
    check.element(&mut rest, kind, depth)?;
    if !rest.trim_ascii().is_empty() {
        return Err(InvalidMessage::TrailingData.into());
    }
    let message = consumed(input, rest);
    if !check.changed {
        return Ok(Cow::Borrowed(message));
    }
    // The definite length of 64 KiB or more takes a byte more than an indefinite one with its end. On each level, such
    // elements are as many as there are times 64 KiB.
    let growth = (message.len() >> 16).saturating_mul(depth);
    let output = Some(Vec::with_capacity(message.len().saturating_add(growth)));
    let mut rewrite = Walk { nodes: limits.nodes, changed: false, output };
    let mut rest = message;
    rewrite.element(&mut rest, kind, depth)?;
    Ok(Cow::Owned(rewrite.output.unwrap_or_default()))
}

/// The part of `before` that reading took, when `after` is what it left.
fn consumed<'a>(before: &'a [u8], after: &[u8]) -> &'a [u8] {
    before.len().checked_sub(after.len()).and_then(|length| before.get(..length)).unwrap_or_default()
}

/// What an element is, as far as it matters here.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Something that a signature or a digest may cover as it was sent.
    Opaque,
    /// Something that is only read.
    Plain,
    /// A SET OF opaque elements: certificates, CRLs.
    Opaques,
    /// An OCTET STRING in chunks, under whatever tag.
    Chunks,
    /// One of the chunks.
    Chunk,
    ContentInfo,
    /// `[0] EXPLICIT SignedData`
    SignedContent,
    SignedData,
    EncapsulatedContentInfo,
    /// `[0] EXPLICIT OCTET STRING`, or ANY in PKCS#7 v1.5
    EContent,
    SignerInfos,
    SignerInfo,
    /// `[0] EXPLICIT EnvelopedData`
    EnvelopedContent,
    EnvelopedData,
    RecipientInfos,
    KeyTransRecipientInfo,
    EncryptedContentInfo,
}

impl Kind {
    /// A SEQUENCE that starts with an OBJECT IDENTIFIER is a ContentInfo.
    fn of_message(mut input: &[u8]) -> Self {
        match Header::read(&mut input) {
            Ok(Header { tag: SEQUENCE, .. }) if input.first() == Some(&OBJECT_IDENTIFIER) => {
                Self::ContentInfo
            }
            _ => Self::Opaque,
        }
    }

    /// What the element in place `index` of `self` is, by its tag. `content_type` is the OBJECT IDENTIFIER in front of
    /// it in a ContentInfo. Elements that do not belong there are plain; the parsers refuse them.
    fn child(self, index: usize, tag: u8, content_type: Oid<'_>) -> Self {
        match (self, index, tag) {
            (Self::Opaque | Self::Opaques, ..) => Self::Opaque,
            (Self::Chunks, ..) => Self::Chunk,

            (Self::ContentInfo, 1, CONTEXT_0) if content_type == Oid::ID_SIGNED_DATA => Self::SignedContent,
            (Self::ContentInfo, 1, CONTEXT_0) if content_type == Oid::ID_ENVELOPED_DATA => {
                Self::EnvelopedContent
            }

            (Self::SignedContent, 0, SEQUENCE) => Self::SignedData,
            (Self::SignedData, 2, SEQUENCE) => Self::EncapsulatedContentInfo,
            (Self::SignedData, 3.., CONTEXT_0 | CONTEXT_1) => Self::Opaques,
            (Self::SignedData, 3.., SET) => Self::SignerInfos,
            (Self::EncapsulatedContentInfo, 1, CONTEXT_0) => Self::EContent,
            // The digest covers the contents octets of whatever else stands here (RFC 5652 section 5.2.1).
            (Self::EContent, _, tag) if tag & !CONSTRUCTED != OCTET_STRING => Self::Opaque,
            (Self::SignerInfos, _, SEQUENCE) => Self::SignerInfo,
            (Self::SignerInfo, 3.., CONTEXT_0 | CONTEXT_1) => Self::Opaque,

            (Self::EnvelopedContent, 0, SEQUENCE) => Self::EnvelopedData,
            (Self::EnvelopedData, _, CONTEXT_0 | CONTEXT_1) => Self::Opaque,
            (Self::EnvelopedData, _, SET) => Self::RecipientInfos,
            (Self::EnvelopedData, _, SEQUENCE) => Self::EncryptedContentInfo,
            (Self::RecipientInfos, _, SEQUENCE) => Self::KeyTransRecipientInfo,
            (Self::RecipientInfos, ..) => Self::Opaque,
            (Self::EncryptedContentInfo, 2, CONTEXT_0) => Self::Chunks,

            // issuerAndSerialNumber, subjectKeyIdentifier
            (Self::SignerInfo | Self::KeyTransRecipientInfo, 1, SEQUENCE) => Self::Opaque,
            (Self::SignerInfo | Self::KeyTransRecipientInfo, 1, CONTEXT_0) => Self::Chunks,

            _ => Self::Plain,
        }
    }
}

/// One pass over a message: without `output` to see whether anything changes, then with it.
struct Walk {
    /// How many more elements may come.
    nodes: usize,
    changed: bool,
    output: Option<Vec<u8>>,
}

impl Walk {
    /// Takes one element from the front of `input`. `depth` is how many more levels may open.
    fn element(&mut self, input: &mut &[u8], kind: Kind, depth: usize) -> Result<(), Error> {
        self.nodes = self.nodes.checked_sub(1).ok_or(Limit::Nodes)?;
        let start = *input;
        let header = Header::read(input)?;
        self.changed |= !header.is_der;
        if header.tag & !CONSTRUCTED == 0 {
            // End-of-contents where nothing is open that it could end.
            return Err(InvalidMessage::Ber.into());
        }
        match (kind, header.tag) {
            (Kind::Chunk, OCTET_STRING) => {
                let contents = header.contents(input)?;
                self.write(contents);
                Ok(())
            }
            (Kind::Chunk, CHUNKED_OCTET_STRING) => self.contents(input, header, Kind::Chunks, depth),
            (Kind::Chunk, _) => Err(InvalidMessage::Ber.into()),
            (Kind::Chunks, tag) | (_, tag @ CHUNKED_OCTET_STRING) => {
                self.changed = true;
                self.rewritten(tag & !CONSTRUCTED, |walk| walk.contents(input, header, Kind::Chunks, depth))
            }
            (Kind::Opaque, _) if header.is_der => {
                header.contents(input)?;
                self.write(consumed(start, input));
                Ok(())
            }
            (_, tag) if tag & CONSTRUCTED == 0 => {
                let contents = header.contents(input)?;
                self.rewritten(tag, |walk| {
                    walk.write(contents);
                    Ok(())
                })
            }
            // Of the universal types, only these two hold elements in a message.
            (_, tag) if tag >= 0x40 || matches!(tag, SEQUENCE | SET) => {
                self.rewritten(tag, |walk| walk.contents(input, header, kind, depth))
            }
            _ => Err(InvalidMessage::Ber.into()),
        }
    }

    /// Takes the elements of a constructed one from the front of `input`, up to its end.
    fn contents(&mut self, input: &mut &[u8], header: Header, kind: Kind, depth: usize) -> Result<(), Error> {
        let depth = depth.checked_sub(1).ok_or(Limit::Depth)?;
        let mut contents = match header.length {
            Some(_) => header.contents(input)?,
            None => *input,
        };
        let mut content_type = Oid::new(&[]);
        for index in 0.. {
            if header.length.is_some() && contents.is_empty() {
                break;
            }
            if header.length.is_none()
                && let Some(rest) = contents.strip_prefix(&[0, 0])
            {
                *input = rest;
                break;
            }
            let tag = *contents.first().ok_or(InvalidMessage::Ber)?;
            if kind == Kind::ContentInfo && index == 0 {
                let mut first = contents;
                content_type = Oid::new(Header::read(&mut first)?.contents(&mut first)?);
            }
            self.element(&mut contents, kind.child(index, tag, content_type), depth)?;
        }
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) {
        if let Some(output) = &mut self.output {
            output.extend_from_slice(bytes);
        }
    }

    /// Writes an element whose contents `contents` writes. Each level moves its contents once, by a few bytes; as
    /// levels are few, this is cheaper than keeping a list of lengths.
    fn rewritten(
        &mut self,
        tag: u8,
        contents: impl FnOnce(&mut Self) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let start = self.output.as_ref().map_or(0, Vec::len);
        contents(self)?;
        let Some(output) = &mut self.output else { return Ok(()) };
        tlv::enclose(output, tag, start);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use der::{Encode as _, Length};

    const INTEGER_1: &[u8] = &[0x02, 1, 1];
    const END: &[u8] = &[0, 0];

    /// How a test writes the length of an element.
    #[derive(Clone, Copy, PartialEq)]
    enum Form {
        Der,
        Indefinite,
        /// Four length octets.
        Long,
    }

    fn element(form: Form, tag: u8, parts: &[&[u8]]) -> Vec<u8> {
        let contents = parts.concat();
        let mut bytes = vec![tag];
        match form {
            Form::Der => {
                let mut octets = [0; 8];
                let length = Length::try_from(contents.len()).unwrap();
                bytes.extend_from_slice(length.encode_to_slice(&mut octets).unwrap());
            }
            Form::Indefinite => bytes.push(0x80),
            Form::Long => {
                bytes.push(0x84);
                bytes.extend_from_slice(&u32::try_from(contents.len()).unwrap().to_be_bytes());
            }
        }
        bytes.extend(contents);
        if form == Form::Indefinite {
            bytes.extend(END);
        }
        bytes
    }

    fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
        element(Form::Der, tag, parts)
    }

    fn indefinite(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
        element(Form::Indefinite, tag, parts)
    }

    fn oid(oid: Oid<'_>) -> Vec<u8> {
        der(0x06, &[oid.as_bytes()])
    }

    fn algorithm(form: Form) -> Vec<u8> {
        element(form, 0x30, &[&oid(Oid::SHA256), &[5, 0]])
    }

    /// An IssuerAndSerialNumber whose issuer has a length that DER would not have.
    const ODD_ISSUER_AND_SERIAL: &[u8] = &[0x30, 6, 0x30, 0x81, 0, 2, 1, 9];
    /// A certificate that holds about everything that is not DER.
    const ODD_CERTIFICATE: &[u8] =
        &[0x30, 15, 0x30, 0x80, 0x24, 0x80, 4, 1, 7, 0, 0, 0, 0, 0x1F, 0x85, 0x01, 0x00];
    /// Signed attributes: [0], in an order that DER would not have, one value with a long length.
    const ODD_ATTRIBUTES: &[u8] = &[0xA0, 14, 0x30, 6, 6, 1, 9, 0x31, 0x81, 0, 0x30, 4, 6, 1, 3, 0x31];

    /// A SignedData; `form` is used where nothing is opaque, `content` is the eContent element or nothing.
    fn signed_data(form: Form, content: &[u8], attributes: &[u8], signature: &[u8]) -> Vec<u8> {
        let signer_info = element(
            form,
            0x30,
            &[INTEGER_1, ODD_ISSUER_AND_SERIAL, &algorithm(form), attributes, &algorithm(form), signature],
        );
        let wrapped = if content.is_empty() { vec![] } else { element(form, 0xA0, &[content]) };
        let signed_data = element(
            form,
            0x30,
            &[
                INTEGER_1,
                &element(form, 0x31, &[&algorithm(form)]),
                &element(form, 0x30, &[&oid(Oid::ID_DATA), &wrapped]),
                &element(form, 0xA0, &[ODD_CERTIFICATE, ODD_CERTIFICATE]),
                &element(form, 0x31, &[&signer_info]),
            ],
        );
        element(form, 0x30, &[&oid(Oid::ID_SIGNED_DATA), &element(form, 0xA0, &[&signed_data])])
    }

    /// An EnvelopedData around an encryptedContent element.
    fn enveloped_data(form: Form, rid: &[u8], key: &[u8], content: &[u8]) -> Vec<u8> {
        let recipient = element(form, 0x30, &[&[2, 1, 0], rid, &algorithm(form), key]);
        let info = element(form, 0x30, &[&oid(Oid::ID_DATA), &algorithm(form), content]);
        let data = element(form, 0x30, &[&[2, 1, 0], &element(form, 0x31, &[&recipient]), &info]);
        element(form, 0x30, &[&oid(Oid::ID_ENVELOPED_DATA), &element(form, 0xA0, &[&data])])
    }

    fn run(input: &[u8]) -> Result<Cow<'_, [u8]>, Error> {
        normalize(input, &Limits::DEFAULT)
    }

    #[track_caller]
    fn becomes(input: &[u8], expected: &[u8]) {
        let output = run(input).unwrap();
        assert_eq!(output, expected);
        assert!(output.len() <= input.len());
        assert!(matches!(run(&output), Ok(Cow::Borrowed(again)) if again == expected));
    }

    #[track_caller]
    fn refused(input: &[u8], error: impl Into<Error>) {
        assert_eq!(run(input), Err(error.into()));
    }

    #[cfg_attr(miri, ignore = "a megabyte is too much for an interpreter")]
    #[test]
    fn long_elements_of_indefinite_length_grow_within_what_was_reserved() {
        let mut message = der(0x04, &[&[7; 1 << 16]]);
        let length = message.len();
        for _ in 0..20 {
            message = indefinite(0x30, &[&message]);
        }
        let output = normalize(&message, &Limits::DEFAULT).unwrap().into_owned();
        // header and end of 4 bytes become a header of 5
        assert_eq!((message.len(), output.len()), (length + 80, length + 100));
        assert_eq!(output.capacity(), message.len() + Limits::DEFAULT.depth);
    }

    #[test]
    fn der_is_borrowed_unchanged() {
        for message in [
            signed_data(Form::Der, &[4, 2, 7, 7], ODD_ATTRIBUTES, &[4, 1, 9]),
            signed_data(Form::Der, &[], &[], &[4, 0]),
            enveloped_data(Form::Der, ODD_ISSUER_AND_SERIAL, &[4, 1, 1], &[0x80, 2, 6, 6]),
        ] {
            assert!(matches!(run(&message), Ok(Cow::Borrowed(same)) if same == message));
        }
    }

    #[test]
    fn indefinite_and_non_minimal_lengths_become_der() {
        for form in [Form::Indefinite, Form::Long] {
            let parts = (&[4, 2, 7, 7], ODD_ATTRIBUTES, &[4, 1, 9]);
            becomes(
                &signed_data(form, parts.0, parts.1, parts.2),
                &signed_data(Form::Der, parts.0, parts.1, parts.2),
            );
            let parts = (ODD_ISSUER_AND_SERIAL, &[4, 1, 1], &[0x80, 2, 6, 6]);
            becomes(
                &enveloped_data(form, parts.0, parts.1, parts.2),
                &enveloped_data(Form::Der, parts.0, parts.1, parts.2),
            );
        }
    }

    // Q7, quirk 28, P5
    #[test]
    fn chunks_of_content_become_one_piece() {
        let nested = indefinite(0x24, &[&[4, 1, 2], &der(0x24, &[&[4, 0], &[4, 0x81, 1, 3]])]);
        for chunks in [
            der(0x24, &[&[4, 1, 1], &[4, 2, 2, 3]]),
            indefinite(0x24, &[&[4, 2, 1, 2], &[4, 1, 3]]),
            indefinite(0x24, &[&[4, 1, 1], &nested]),
            element(Form::Long, 0x24, &[&[4, 3, 1, 2, 3]]),
        ] {
            for form in [Form::Der, Form::Indefinite] {
                becomes(
                    &signed_data(form, &chunks, ODD_ATTRIBUTES, &[4, 0]),
                    &signed_data(Form::Der, &[4, 3, 1, 2, 3], ODD_ATTRIBUTES, &[4, 0]),
                );
            }
            // The same under the tag [0] of encryptedContent, and in encryptedKey.
            let content = [&[0xA0], &chunks[1..]].concat();
            becomes(
                &enveloped_data(Form::Der, ODD_ISSUER_AND_SERIAL, &chunks, &content),
                &enveloped_data(Form::Der, ODD_ISSUER_AND_SERIAL, &[4, 3, 1, 2, 3], &[0x80, 3, 1, 2, 3]),
            );
        }
        becomes(
            &signed_data(Form::Der, &indefinite(0x24, &[]), &[], &indefinite(0x24, &[&[4, 1, 5]])),
            &signed_data(Form::Der, &[4, 0], &[], &[4, 1, 5]),
        );
    }

    // quirk 29
    #[test]
    fn the_same_bytes_are_chunks_in_an_envelope_and_an_element_in_signed_data() {
        let bytes = [0xA0, 4, 4, 2, 8, 8];
        let signed = signed_data(Form::Der, &bytes[2..], &[], &[4, 0]);
        assert!(signed.windows(6).any(|window| window == bytes));
        assert!(matches!(run(&signed), Ok(Cow::Borrowed(same)) if same == signed));
        becomes(
            &enveloped_data(Form::Der, ODD_ISSUER_AND_SERIAL, &[4, 0], &bytes),
            &enveloped_data(Form::Der, ODD_ISSUER_AND_SERIAL, &[4, 0], &[0x80, 2, 8, 8]),
        );
    }

    #[test]
    fn key_identifiers_in_chunks_become_one_piece_and_attributes_stay() {
        becomes(
            &enveloped_data(Form::Der, &[0xA0, 6, 4, 1, 1, 4, 1, 2], &[4, 0], &[0x80, 0]),
            &enveloped_data(Form::Der, &[0x80, 2, 1, 2], &[4, 0], &[0x80, 0]),
        );
        let signer = |sid: &[u8]| {
            let info = der(0x30, &[INTEGER_1, sid, &algorithm(Form::Der), ODD_ATTRIBUTES, &[4, 0]]);
            let content = der(0x30, &[&oid(Oid::ID_DATA)]);
            let data = der(0x30, &[INTEGER_1, &[0x31, 0], &content, &der(0x31, &[&info])]);
            der(0x30, &[&oid(Oid::ID_SIGNED_DATA), &der(0xA0, &[&data])])
        };
        becomes(&signer(&[0xA0, 0x80, 4, 1, 1, 4, 1, 2, 0, 0]), &signer(&[0x80, 2, 1, 2]));
    }

    #[test]
    fn contents_of_an_octet_string_are_never_looked_into() {
        let inner = indefinite(0x30, &[&indefinite(0x24, &[&[4, 1, 1]])]);
        let message = signed_data(Form::Der, &der(4, &[&inner]), &[], &[4, 0]);
        assert!(matches!(run(&message), Ok(Cow::Borrowed(_))));
        let message = signed_data(Form::Indefinite, &der(0x24, &[&der(4, &[&inner])]), &[], &[4, 0]);
        becomes(&message, &signed_data(Form::Der, &der(4, &[&inner]), &[], &[4, 0]));
    }

    // quirk 30: PKCS#7 v1.5 has ANY in place of the OCTET STRING.
    #[test]
    fn content_that_is_no_octet_string_is_opaque() {
        let content = [0x30, 4, 0x24, 0x80, 0, 0];
        becomes(
            &signed_data(Form::Indefinite, &content, ODD_ATTRIBUTES, &[4, 0]),
            &signed_data(Form::Der, &content, ODD_ATTRIBUTES, &[4, 0]),
        );
    }

    // What was signed stays, even where it is taken apart to find its end.
    #[test]
    fn an_indefinite_certificate_keeps_its_definite_parts() {
        let signed = [0x30, 4, 2, 0x81, 1, 5];
        let set = |certificate: &[u8]| {
            let content = der(0x30, &[&oid(Oid::ID_DATA)]);
            let certificates = der(0xA0, &[certificate]);
            let data = der(0x30, &[INTEGER_1, &[0x31, 0], &content, &certificates, &[0x31, 0]]);
            der(0x30, &[&oid(Oid::ID_SIGNED_DATA), &der(0xA0, &[&data])])
        };
        let expected = set(&der(0x30, &[&signed, &algorithm(Form::Der), &[3, 1, 0]]));
        for form in [Form::Indefinite, Form::Long] {
            becomes(&set(&element(form, 0x30, &[&signed, &algorithm(form), &[3, 1, 0]])), &expected);
        }
    }

    #[test]
    fn a_bare_certificate_is_opaque() {
        assert!(matches!(run(ODD_CERTIFICATE), Ok(Cow::Borrowed(same)) if same == ODD_CERTIFICATE));
    }

    #[test]
    fn white_space_after_the_message_is_dropped_and_nothing_else() {
        let message = signed_data(Form::Der, &[], &[], &[4, 0]);
        let spaced = [&message, &b"\r\n \t\n"[..]].concat();
        assert!(matches!(run(&spaced), Ok(Cow::Borrowed(same)) if same == message));
        let spaced = [&signed_data(Form::Indefinite, &[], &[], &[4, 0]), &b"\n"[..]].concat();
        assert_eq!(run(&spaced).unwrap(), message);
        refused(&[&message, &[0][..]].concat(), InvalidMessage::TrailingData);
        refused(&[&message, END].concat(), InvalidMessage::TrailingData);
        refused(&[&message[..], &message[..]].concat(), InvalidMessage::TrailingData);
        refused(b"", InvalidMessage::Empty);
    }

    // T38
    #[test]
    fn nesting_is_bounded() {
        refused(&[0x30, 0x80].repeat(100_000), Limit::Depth);
        refused(&[0xA0, 0x80].repeat(100_000), Limit::Depth);
        refused(&[0x24, 0x80].repeat(100_000), Limit::Depth);
        let start = [&[0x30, 0x80][..], &oid(Oid::ID_SIGNED_DATA)].concat();
        refused(&[&start, &[0xA0, 0x80].repeat(100_000)[..]].concat(), Limit::Depth);
        let mut definite = vec![];
        for _ in 0..100 {
            definite = der(0x30, &[&definite]);
        }
        let message = der(0x30, &[&oid(Oid::ID_DATA), &der(0xA0, &[&definite])]);
        refused(&message, Limit::Depth);
        // The bound on the stack holds whatever the caller allows.
        let limits = Limits { depth: usize::MAX, ..Limits::DEFAULT };
        assert_eq!(normalize(&message, &limits), Err(Limit::Depth.into()));
    }

    // T38: three levels for three nested elements.
    #[test]
    fn depth_counts_constructed_elements() {
        let message = indefinite(0x30, &[&indefinite(0x30, &[&indefinite(0x30, &[])])]);
        let depth = |depth| normalize(&message, &Limits { depth, ..Limits::DEFAULT });
        assert_eq!(depth(3).unwrap()[..], [0x30, 2 + 2, 0x30, 2, 0x30, 0]);
        assert_eq!(depth(2), Err(Limit::Depth.into()));
        assert_eq!(depth(0), Err(Limit::Depth.into()));
    }

    // T38, T39
    #[test]
    fn elements_are_counted() {
        let many = indefinite(0x24, &[&[4, 0].repeat(50_000)]);
        refused(&signed_data(Form::Der, &many, &[], &[4, 0]), Limit::Nodes);
        let message = indefinite(0x30, &[INTEGER_1, INTEGER_1]);
        let nodes = |nodes| normalize(&message, &Limits { nodes, ..Limits::DEFAULT });
        assert!(nodes(3).is_ok());
        assert_eq!(nodes(2), Err(Limit::Nodes.into()));
    }

    // T38
    #[test]
    fn unfinished_elements_are_refused() {
        let whole = signed_data(Form::Indefinite, &indefinite(0x24, &[&[4, 1, 1]]), ODD_ATTRIBUTES, &[4, 0]);
        for end in 1..whole.len() {
            refused(&whole[..end], InvalidMessage::Ber);
        }
        let whole = enveloped_data(Form::Long, ODD_ISSUER_AND_SERIAL, &[4, 0], &[0xA0, 0x80, 4, 0, 0, 0]);
        for end in 1..whole.len() {
            refused(&whole[..end], InvalidMessage::Ber);
        }
        // The end must come before the definite element around it ends.
        refused(&[0x30, 0x80, 0x30, 2, 0x30, 0x80, 0, 0, 0, 0, 0, 0], InvalidMessage::TrailingData);
        refused(&[0x30, 0x80, 0x24, 2, 4, 0x80, 0, 0], InvalidMessage::Ber);
        refused(&[0x30, 0x80, 0x24, 4, 0x24, 0x80, 4, 0, 0, 0, 0, 0], InvalidMessage::Ber);
    }

    // T38
    #[test]
    fn end_of_contents_in_the_wrong_place_is_refused() {
        for input in [
            &[0, 0][..],
            &[0x30, 0x80, 0, 1, 0, 0, 0],
            &[0x30, 0x80, 0, 0x80, 0, 0],
            &[0x30, 0x80, 0x20, 0x80, 0, 0, 0, 0],
            &[0x24, 2, 0, 0],
            &[0x24, 0x80, 4, 0, 0],
        ] {
            refused(input, InvalidMessage::Ber);
        }
        let message = der(0x30, &[&oid(Oid::ID_DATA), END]);
        refused(&message, InvalidMessage::Ber);
    }

    // T38
    #[test]
    fn lengths_and_tags_out_of_range_are_refused() {
        for input in [
            &[0x30][..],
            &[0x24, 0xFF, 0],
            &[0x24, 0x89, 1, 0, 0, 0, 0, 0, 0, 0, 0],
            &[0x24, 0x84, 0xFF, 0xFF, 0xFF, 0xFF],
            &[0x24, 0x88, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF],
            &[0x24, 0x85, 0, 0],
            &[0x04, 0x80, 0, 0],
            &[0x3F, 0x81, 0x01, 0],
            &[0x30, 0x80, 0x1F, 0x81, 0x01, 0, 0, 0],
            // Chunks of other types.
            &[0x30, 0x80, 0x23, 0x80, 3, 1, 0, 0, 0, 0, 0],
            &[0x24, 0x80, 2, 1, 1, 0, 0],
            &[0x24, 0x80, 0xA0, 0, 0, 0],
        ] {
            refused(input, InvalidMessage::Ber);
        }
        // Leading zeros do not make a length too long.
        let zeros = [&[0x24, 0xFE][..], &[0; 125], &[2, 4, 0]].concat();
        becomes(&zeros, &[4, 0]);
    }

    // T38, T57: whatever the bytes, no panic, no growth, and the second run changes nothing.
    #[test]
    fn damaged_messages_give_an_error_or_der() {
        let chunks = indefinite(0x24, &[&[4, 1, 1], &der(0x24, &[&[4, 1, 2]])]);
        let samples = [
            signed_data(Form::Indefinite, &chunks, ODD_ATTRIBUTES, &chunks),
            enveloped_data(Form::Long, ODD_ISSUER_AND_SERIAL, &chunks, &[0xA0, 0x80, 4, 1, 1, 0, 0]),
        ];
        let mut state = 0x2545_F491_4F6C_DD1D_u64;
        let mut random = |below: usize| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            usize::try_from(state % u64::try_from(below).unwrap()).unwrap()
        };
        let mut read = 0;
        // in an interpreter each takes a tenth of a second
        let rounds = if cfg!(miri) { 100 } else { 20_000 };
        for round in 0..rounds {
            let mut input = samples[round % 2].clone();
            for _ in 0..=random(2) {
                let place = random(input.len());
                input[place] =
                    [0x00, 0x80, 0x24, 0x30, 0xA0, 0x04, 0x84, u8::try_from(random(256)).unwrap()][random(8)];
            }
            if let Ok(output) = run(&input) {
                read += 1;
                assert!(output.len() <= input.len());
                assert!(matches!(run(&output), Ok(Cow::Borrowed(again)) if *again == *output));
            }
        }
        assert!(read > rounds / 20);
    }
}
