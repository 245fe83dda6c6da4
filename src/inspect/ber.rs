//! Elements in BER, read as far as they go: cut off, without end, with lengths that DER does not have.

use super::finding::{Deviation, Findings, Place};
use crate::wire::tlv::{self, Header, Writer};
use alloc::borrow::Cow;
use alloc::vec::Vec;
use core::ops::Range;

/// Bit 6 of an identifier octet.
pub(super) const CONSTRUCTED: u8 = 0x20;
/// An OCTET STRING in chunks (X.690 section 8.7.3).
pub(super) const CHUNKED: u8 = tlv::OCTET_STRING | CONSTRUCTED;
/// Bounds the stack: every level is one call.
const MAX_DEPTH: usize = 40;

/// One element.
#[derive(Clone, Copy)]
pub(super) struct Element<'a> {
    pub(super) tag: u8,
    /// The contents octets, without end-of-contents octets.
    pub(super) contents: &'a [u8],
    pub(super) raw: &'a [u8],
    indefinite: bool,
    long: bool,
    cut: bool,
}

impl<'a> Element<'a> {
    /// Takes one from the front of `input`. One that is cut off ends with `input`.
    pub(super) fn read(input: &mut &'a [u8]) -> Option<Self> {
        Self::read_within(input, MAX_DEPTH)
    }

    fn read_within(input: &mut &'a [u8], depth: usize) -> Option<Self> {
        let start = *input;
        let mut rest = start;
        let header = Header::read(&mut rest).ok()?;
        if header.tag & !CONSTRUCTED == 0 {
            return None;
        }
        let (length, cut, after) = match header.length {
            Some(length) => match rest.get(length..) {
                Some(after) => (length, false, after),
                None => (rest.len(), true, &[][..]),
            },
            None => {
                let depth = depth.checked_sub(1)?;
                let mut inside = rest;
                loop {
                    if let Some(after) = inside.strip_prefix(&[0, 0]) {
                        break (rest.len().saturating_sub(inside.len()), false, after);
                    }
                    if Self::read_within(&mut inside, depth).is_none() {
                        break (rest.len(), true, &[][..]);
                    }
                }
            }
        };
        *input = after;
        Some(Self {
            tag: header.tag,
            contents: rest.get(..length).unwrap_or_default(),
            raw: start.get(..start.len().saturating_sub(after.len())).unwrap_or_default(),
            indefinite: header.length.is_none(),
            long: header.length.is_some() && !header.is_der,
            cut,
        })
    }

    /// The elements inside.
    pub(super) fn fields(&self) -> Fields<'a> {
        Fields(self.contents)
    }

    pub(super) fn is_constructed(&self) -> bool {
        self.tag & CONSTRUCTED != 0
    }

    /// The octets of a string, its chunks put together.
    pub(super) fn octets(&self) -> Cow<'a, [u8]> {
        if !self.is_constructed() {
            return Cow::Borrowed(self.contents);
        }
        let mut octets = Vec::with_capacity(self.contents.len());
        self.chunks(&mut octets, MAX_DEPTH);
        Cow::Owned(octets)
    }

    fn chunks(&self, octets: &mut Vec<u8>, depth: usize) {
        let Some(depth) = depth.checked_sub(1) else { return };
        for chunk in self.fields() {
            if chunk.is_constructed() {
                chunk.chunks(octets, depth);
            } else {
                octets.extend_from_slice(chunk.contents);
            }
        }
    }

    fn is_der(&self, depth: usize) -> bool {
        let Some(depth) = depth.checked_sub(1) else { return true };
        let own = !self.indefinite && !self.long && !self.cut && self.tag != CHUNKED;
        own && (!self.is_constructed() || self.fields().all(|field| field.is_der(depth)))
    }

    /// The element in DER, as far as lengths and chunks go. Borrowed when nothing changes.
    pub(super) fn to_der(self) -> Cow<'a, [u8]> {
        if self.is_der(MAX_DEPTH) {
            return Cow::Borrowed(self.raw);
        }
        let mut writer = Writer::new();
        self.write(&mut writer, MAX_DEPTH);
        Cow::Owned(writer.finish())
    }

    fn write(&self, writer: &mut Writer, depth: usize) {
        match depth.checked_sub(1) {
            None => writer.raw(self.raw),
            Some(_) if self.tag == CHUNKED => writer.tlv(tlv::OCTET_STRING, &self.octets()),
            Some(depth) if self.is_constructed() => {
                writer.nested(self.tag, |writer| self.fields().for_each(|field| field.write(writer, depth)));
            }
            Some(_) => writer.tlv(self.tag, self.contents),
        }
    }

    /// A small INTEGER that is not negative.
    pub(super) fn small(&self) -> Option<u32> {
        match self.contents {
            [] | [0x80..=0xFF, ..] => None,
            octets => octets
                .iter()
                .try_fold(0_u32, |value, octet| Some(value.checked_mul(256)? | u32::from(*octet))),
        }
    }
}

/// Elements one after the other; ends where one cannot be read.
#[derive(Clone)]
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

impl<'a> Fields<'a> {
    /// The next element if it has this tag.
    pub(super) fn tagged(&mut self, tag: u8) -> Option<Element<'a>> {
        if self.0.first() == Some(&tag) { self.next() } else { None }
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Element<'a>;

    fn next(&mut self) -> Option<Element<'a>> {
        Element::read(&mut self.0)
    }
}

/// The bytes of one message, what was found in them, and which part of it lies where.
pub(super) struct Layer<'a, 'f> {
    bytes: &'a [u8],
    base: Place,
    marks: Vec<(Range<usize>, Place)>,
    pub(super) findings: &'f mut Findings,
}

impl<'a, 'f> Layer<'a, 'f> {
    pub(super) fn new(bytes: &'a [u8], base: Place, findings: &'f mut Findings) -> Self {
        Self { bytes, base, marks: Vec::new(), findings }
    }

    /// Remembers that `element` is this part.
    pub(super) fn mark(&mut self, element: &Element<'_>, place: Place) {
        if let Some(range) = tlv::range_of(self.bytes, element.raw) {
            self.marks.push((range, place));
        }
    }

    pub(super) fn add(&mut self, deviation: Deviation, place: Place, at: Option<&Element<'_>>) {
        let range = at.and_then(|element| tlv::range_of(self.bytes, element.raw));
        self.findings.add_at(deviation, place, range.map(|range| range.start));
    }

    /// Looks for what is not DER, in the first element and behind it.
    pub(super) fn finish(mut self) {
        let mut rest = self.bytes;
        if let Some(element) = Element::read(&mut rest) {
            self.scan(&element, MAX_DEPTH);
            let padding = rest.trim_ascii();
            if !padding.is_empty() {
                let at = self.bytes.len().checked_sub(rest.len());
                self.findings.add_at(Deviation::TrailingBytes, self.base, at);
            }
        }
    }

    fn scan(&mut self, element: &Element<'_>, depth: usize) {
        let Some(depth) = depth.checked_sub(1) else { return };
        let Some(range) = tlv::range_of(self.bytes, element.raw) else { return };
        // The innermost part counts: the one that was marked last.
        let around = self.marks.iter().rev().find(|(mark, _)| mark.contains(&range.start));
        let place = around.map_or(self.base, |(_, place)| *place);
        let chunked = element.tag == CHUNKED
            || (element.is_constructed()
                && place == Place::EncryptedContent
                && element.tag == tlv::context(0));
        for (found, deviation) in [
            (element.indefinite, Deviation::IndefiniteLength),
            (element.long, Deviation::LongLength),
            (chunked, Deviation::ChunkedString),
            (element.cut, Deviation::Truncated),
        ] {
            if found {
                self.findings.add_at(deviation, place, Some(range.start));
            }
        }
        if element.is_constructed() {
            let mut fields = element.fields();
            for field in fields.by_ref() {
                self.scan(&field, depth);
            }
            if !fields.0.is_empty() && !element.cut {
                self.findings.add_at(Deviation::Unreadable, place, Some(range.start));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    fn read(mut bytes: &[u8]) -> (Element<'_>, &[u8]) {
        (Element::read(&mut bytes).unwrap(), bytes)
    }

    fn scan(bytes: &[u8]) -> Vec<(Deviation, Option<usize>)> {
        let mut findings = Findings::default();
        Layer::new(bytes, Place::Payload, &mut findings).finish();
        findings.0.iter().map(|finding| (finding.deviation, finding.offset)).collect()
    }

    #[test]
    fn every_form_of_length_is_read_and_told() {
        let indefinite = [0x30, 0x80, 4, 1, 7, 0, 0, 8];
        let (element, rest) = read(&indefinite);
        assert_eq!((element.contents, rest), (&[4, 1, 7][..], &[8][..]));
        assert_eq!(element.to_der().as_ref(), [0x30, 3, 4, 1, 7]);
        assert_eq!(
            scan(&indefinite),
            [(Deviation::IndefiniteLength, Some(0)), (Deviation::TrailingBytes, Some(7))]
        );

        let long = [0x30, 5, 4, 0x82, 0, 1, 7];
        assert_eq!(read(&long).0.to_der().as_ref(), [0x30, 3, 4, 1, 7]);
        assert_eq!(scan(&long), [(Deviation::LongLength, Some(2))]);

        let chunks = [0x24, 0x80, 4, 1, 1, 0x24, 3, 4, 1, 2, 0, 0];
        assert_eq!(read(&chunks).0.octets().as_ref(), [1, 2]);
        assert_eq!(read(&chunks).0.to_der().as_ref(), [4, 2, 1, 2]);
        assert_eq!(
            scan(&chunks),
            [(Deviation::IndefiniteLength, Some(0)), (Deviation::ChunkedString, Some(0)),]
        );
        assert_eq!(scan(&[0x30, 3, 4, 1, 7, b'\n']), []);
    }

    #[test]
    fn what_is_cut_off_is_read_as_far_as_it_goes() {
        for cut in [&[0x30, 9, 4, 1, 7][..], &[0x30, 0x80, 4, 1, 7]] {
            let (element, rest) = read(cut);
            assert_eq!((element.contents, rest.len()), (&[4, 1, 7][..], 0));
            assert!(scan(cut).contains(&(Deviation::Truncated, Some(0))));
        }
        assert_eq!(scan(&[0x30, 3, 4, 5, 7]), [(Deviation::Truncated, Some(2))]);
        assert_eq!(scan(&[0x30, 3, 5, 0, 0]), [(Deviation::Unreadable, Some(0))]);
        assert!(Element::read(&mut &[][..]).is_none());
        assert!(Element::read(&mut &[0x1F, 1, 1][..]).is_none());
    }

    // T38
    #[test]
    fn endless_nesting_ends() {
        for level in [&[0x30, 0x80][..], &[0x24, 0x80]] {
            let bomb = level.repeat(50_000);
            scan(&bomb);
        }
        let mut nested = vec![4, 0];
        for _ in 0..3000 {
            let length = nested.len() as u16;
            nested = [&[0x24, 0x82], &length.to_be_bytes()[..], &nested].concat();
        }
        let (element, _) = read(&nested);
        assert!(element.octets().len() < nested.len());
        assert!(!element.to_der().is_empty());
    }

    #[test]
    fn small_numbers_are_read_and_others_are_not() {
        assert_eq!(read(&[2, 1, 3]).0.small(), Some(3));
        assert_eq!(read(&[2, 2, 1, 0]).0.small(), Some(256));
        for other in [&[2, 0][..], &[2, 1, 0x80], &[2, 5, 1, 0, 0, 0, 0]] {
            assert_eq!(read(other).0.small(), None);
        }
    }
}
