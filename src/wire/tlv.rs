//! Reading and writing tag-length-value triples (X.690).

use crate::error::{Error, InvalidMessage};
use alloc::vec::Vec;
use core::ops::Range;

pub(crate) const BOOLEAN: u8 = 0x01;
pub(crate) const INTEGER: u8 = 0x02;
pub(crate) const BIT_STRING: u8 = 0x03;
pub(crate) const OCTET_STRING: u8 = 0x04;
pub(crate) const NULL: u8 = 0x05;
pub(crate) const OBJECT_IDENTIFIER: u8 = 0x06;
pub(crate) const UTF8_STRING: u8 = 0x0C;
pub(crate) const PRINTABLE_STRING: u8 = 0x13;
pub(crate) const TELETEX_STRING: u8 = 0x14;
pub(crate) const IA5_STRING: u8 = 0x16;
pub(crate) const UTC_TIME: u8 = 0x17;
pub(crate) const GENERALIZED_TIME: u8 = 0x18;
pub(crate) const UNIVERSAL_STRING: u8 = 0x1C;
pub(crate) const BMP_STRING: u8 = 0x1E;
pub(crate) const SEQUENCE: u8 = 0x30;
pub(crate) const SET: u8 = 0x31;

/// Bit 6 of an identifier octet (X.690 section 8.1.2.5).
pub(super) const CONSTRUCTED: u8 = 0x20;

/// Context-specific tag `[number]`, constructed. Numbers above 30 do not occur in this crate.
pub(crate) const fn context(number: u8) -> u8 {
    0xA0 | number
}

/// Context-specific tag `[number]`, primitive.
pub(crate) const fn context_primitive(number: u8) -> u8 {
    0x80 | number
}

/// One element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tlv<'a> {
    /// The first identifier octet.
    pub(crate) tag: u8,
    /// The contents octets.
    pub(crate) value: &'a [u8],
    /// Header and contents.
    pub(crate) raw: &'a [u8],
}

impl<'a> Tlv<'a> {
    /// Reads one element that fills `der`.
    pub(crate) fn parse(der: &'a [u8]) -> Result<Self, Error> {
        let mut reader = Reader::new(der)?;
        let tlv = reader.any()?;
        reader.finish()?;
        Ok(tlv)
    }

    /// A reader over the contents.
    pub(crate) fn reader(&self) -> Result<Reader<'a>, Error> {
        Reader::new(self.value)
    }
}

/// Identifier and length octets in BER. Tag numbers above 30 are refused.
#[derive(Clone, Copy)]
pub(crate) struct Header {
    /// The identifier octet.
    pub(crate) tag: u8,
    /// Length of the contents; `None` when indefinite.
    pub(crate) length: Option<usize>,
    /// Whether DER has the length in these octets.
    pub(crate) is_der: bool,
}

impl Header {
    /// Takes a header from the front of `input`.
    pub(crate) fn read(input: &mut &[u8]) -> Result<Self, InvalidMessage> {
        let (&[tag, first], mut rest) = input.split_first_chunk().ok_or(InvalidMessage::Ber)?;
        if tag & 0x1F == 0x1F {
            return Err(InvalidMessage::Ber);
        }
        let (length, is_der) = match first {
            0..0x80 => (Some(usize::from(first)), true),
            0x80 if tag & CONSTRUCTED != 0 => (None, false),
            // A primitive element cannot be indefinite; 0xFF is reserved (X.690 section 8.1.3.5).
            0x80 | 0xFF => return Err(InvalidMessage::Ber),
            _ => {
                let octets = rest.split_off(..usize::from(first & 0x7F)).ok_or(InvalidMessage::Ber)?;
                let length = octets
                    .iter()
                    .try_fold(0_usize, |length, octet| Some(length.checked_mul(256)? | usize::from(*octet)))
                    .ok_or(InvalidMessage::Ber)?;
                (Some(length), length >= 0x80 && octets.first() != Some(&0))
            }
        };
        *input = rest;
        Ok(Self { tag, length, is_der })
    }

    /// Takes the contents of an element of definite length from the front of `input`.
    pub(super) fn contents<'a>(&self, input: &mut &'a [u8]) -> Result<&'a [u8], InvalidMessage> {
        let length = self.length.ok_or(InvalidMessage::Ber)?;
        input.split_off(..length).ok_or(InvalidMessage::Ber)
    }
}

/// Reads elements one after the other. Lengths are definite and minimal, as DER has them.
#[derive(Clone, Default)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(der: &'a [u8]) -> Result<Self, Error> {
        Ok(Self { rest: der })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// What has not been read yet.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// The next element, whatever it is. Tag 0 and tag numbers above 30 do not occur.
    pub(crate) fn any(&mut self) -> Result<Tlv<'a>, Error> {
        let (raw, mut rest) = (self.rest, self.rest);
        let header = Header::read(&mut rest).ok().filter(|header| header.is_der && header.tag != 0);
        let header = header.ok_or(InvalidMessage::Der)?;
        let value = header.contents(&mut rest).map_err(|_| InvalidMessage::Der)?;
        let raw = raw.len().checked_sub(rest.len()).and_then(|length| raw.get(..length)).unwrap_or_default();
        self.rest = rest;
        Ok(Tlv { tag: header.tag, value, raw })
    }

    /// The next element, which must have this tag.
    pub(crate) fn expect(&mut self, tag: u8) -> Result<Tlv<'a>, Error> {
        let tlv = self.any()?;
        if tlv.tag == tag { Ok(tlv) } else { Err(InvalidMessage::Der.into()) }
    }

    /// The next element if it has this tag.
    pub(crate) fn optional(&mut self, tag: u8) -> Result<Option<Tlv<'a>>, Error> {
        if self.rest.first() == Some(&tag) { self.any().map(Some) } else { Ok(None) }
    }

    /// The contents of the next element, as a reader.
    pub(crate) fn enter(&mut self, tag: u8) -> Result<Self, Error> {
        self.expect(tag)?.reader()
    }

    /// Nothing may be left.
    pub(crate) fn finish(self) -> Result<(), Error> {
        if self.is_empty() { Ok(()) } else { Err(InvalidMessage::TrailingData.into()) }
    }
}

/// Sorts the encodings of a SET OF (X.690 section 11.6). Sets are small, and the sorts of `core` are large.
pub(crate) fn sort<T: AsRef<[u8]>>(encodings: &mut [T]) {
    for end in 1..encodings.len() {
        let mut at = end;
        while let Some(before) = at.checked_sub(1) {
            let ordered = match (encodings.get(before), encodings.get(at)) {
                (Some(one), Some(other)) => one.as_ref() <= other.as_ref(),
                _ => true,
            };
            if ordered {
                break;
            }
            encodings.swap(before, at);
            at = before;
        }
    }
}

/// Writes DER into a growing buffer.
#[derive(Default)]
pub(crate) struct Writer(Vec<u8>);

impl Writer {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// One that does not move while it holds no more than this.
    pub(crate) fn with_capacity(capacity: usize) -> Self {
        Self(Vec::with_capacity(capacity))
    }

    /// An element with these contents.
    pub(crate) fn tlv(&mut self, tag: u8, value: &[u8]) {
        let (header, length) = header(tag, value.len());
        self.0.extend(header.iter().take(length));
        self.0.extend_from_slice(value);
    }

    /// An element whose contents `write` writes.
    pub(crate) fn nested(&mut self, tag: u8, write: impl FnOnce(&mut Self)) {
        let start = self.0.len();
        write(self);
        enclose(&mut self.0, tag, start);
    }

    /// Elements that are encoded already.
    pub(crate) fn raw(&mut self, der: &[u8]) {
        self.0.extend_from_slice(der);
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        self.0
    }
}

/// Puts a header in front of what was written since `start`. Not part of [`Writer::nested`], of which there is a copy for
/// each caller.
#[inline(never)]
pub(super) fn enclose(output: &mut Vec<u8>, tag: u8, start: usize) {
    let (header, length) = header(tag, output.len().saturating_sub(start));
    output.extend_from_slice(header.get(..length).unwrap_or_default());
    // not `rotate_right`: what moves memory for that takes 2 KB of a device's flash
    let written = output.get_mut(start..).unwrap_or_default();
    written.reverse();
    if let Some((header, contents)) = written.split_at_mut_checked(length) {
        header.reverse();
        contents.reverse();
    }
}

/// An element around `parts`, in one buffer that is made in its final size: growing it would leave a copy of a secret
/// behind.
pub(crate) fn element(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let contents = parts.iter().fold(0_usize, |sum, part| sum.saturating_add(part.len()));
    let (header, length) = header(tag, contents);
    let mut der = Vec::with_capacity(contents.saturating_add(length));
    der.extend(header.iter().take(length));
    parts.iter().for_each(|part| der.extend_from_slice(part));
    der
}

/// Identifier and length octets, and how many there are.
fn header(tag: u8, length: usize) -> ([u8; 10], usize) {
    let mut header = [0; 10];
    let bytes = length.to_be_bytes();
    let significant = bytes.iter().skip_while(|byte| **byte == 0);
    let mut count = 1_usize;
    let mut slots = header.iter_mut();
    let mut push = |byte: u8| {
        if let Some(slot) = slots.next() {
            *slot = byte;
        }
    };
    push(tag);
    if length < 0x80 {
        push(bytes.last().copied().unwrap_or_default());
        count = count.saturating_add(1);
    } else {
        let octets = significant.clone().count();
        push(0x80 | u8::try_from(octets).unwrap_or_default());
        significant.for_each(|byte| push(*byte));
        count = count.saturating_add(1).saturating_add(octets);
    }
    (header, count)
}

/// Where `inner` lies in `outer`, when it is a part of it: lets an owner of bytes remember a view without
/// borrowing from itself.
pub(crate) fn range_of(outer: &[u8], inner: &[u8]) -> Option<Range<usize>> {
    let start = inner.as_ptr().addr().checked_sub(outer.as_ptr().addr())?;
    let end = start.checked_add(inner.len())?;
    (end <= outer.len()).then_some(start..end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn written_elements_are_read_back() {
        for length in [0, 1, 127, 128, 255, 256, 65535, 65536] {
            let mut writer = Writer::new();
            writer.nested(SEQUENCE, |writer| writer.tlv(OCTET_STRING, &vec![7; length]));
            let der = writer.finish();
            let value = Tlv::parse(&der).unwrap().reader().unwrap().enter(OCTET_STRING).unwrap().rest();
            assert_eq!(value, vec![7; length]);
        }
    }

    #[test]
    fn an_element_is_made_in_its_final_size() {
        for length in [0, 126, 127, 128, 300, 65536] {
            let der = element(SEQUENCE, &[&[5, 0], &vec![7; length]]);
            assert_eq!(der.capacity(), der.len());
            assert_eq!(Tlv::parse(&der).unwrap().value.len(), length + 2);
        }
    }

    // T38
    #[test]
    fn lengths_past_the_end_and_non_minimal_lengths_are_refused() {
        for der in [
            &[0x04, 0x05, 1][..],
            &[0x04, 0x81, 0x01, 1],
            &[0x04, 0x84, 0xFF, 0xFF, 0xFF, 0xFF],
            &[0x30, 0x80],
        ] {
            assert_eq!(Tlv::parse(der), Err(InvalidMessage::Der.into()));
        }
        assert_eq!(Tlv::parse(&[0x05, 0x00, 0x00]), Err(InvalidMessage::TrailingData.into()));
    }

    #[test]
    fn a_part_is_found_in_its_whole() {
        let whole = [1, 2, 3, 4];
        assert_eq!(range_of(&whole, &whole[1..3]), Some(1..3));
        assert_eq!(range_of(&whole[1..3], &whole), None);
    }
}
