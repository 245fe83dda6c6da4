//! Reading what may be garbage, in as many steps as if it were none.

use super::tlv::{self, Reader, Tlv};
use crate::error::{Error, InvalidMessage};
use core::cell::Cell;

/// Two readers side by side: of what was found, and of a stand-in that has the right form. Where the one fails it goes on
/// as the other, and the fault is told in the end: so the time does not tell how far the form was right (T2).
pub(super) struct Blind<'a, 'f> {
    found: Reader<'a>,
    stand_in: Reader<'a>,
    fault: &'f Cell<Option<Error>>,
}

const NOTHING: Tlv<'static> = Tlv { tag: 0, value: &[], raw: &[] };

impl<'a, 'f> Blind<'a, 'f> {
    /// The first fault goes to `fault`.
    pub(super) fn new(found: &'a [u8], stand_in: &'a [u8], fault: &'f Cell<Option<Error>>) -> Self {
        let reader = |der| Reader::new(der).unwrap_or_default();
        Self { found: reader(found), stand_in: reader(stand_in), fault }
    }

    /// The next element, which must have this tag.
    pub(super) fn expect(&mut self, tag: u8) -> Tlv<'a> {
        self.step(|reader| reader.expect(tag)).0
    }

    /// The next element if it has this tag, else an empty one.
    pub(super) fn optional(&mut self, tag: u8) -> Tlv<'a> {
        self.step(|reader| reader.optional(tag).map(|element| element.unwrap_or(NOTHING))).0
    }

    /// The next element, or an empty one at the end.
    pub(super) fn any(&mut self) -> Tlv<'a> {
        self.step(|reader| if reader.is_empty() { Ok(NOTHING) } else { reader.any() }).0
    }

    /// The next element, which must have this tag: the whole of it, and a reader of its contents.
    pub(super) fn enter(&mut self, tag: u8) -> (&'a [u8], Self) {
        let (found, stand_in) = self.step(|reader| reader.expect(tag));
        (found.raw, Self::new(found.value, stand_in.value, self.fault))
    }

    /// The bytes of the next element, which must be a BIT STRING of whole ones.
    pub(super) fn whole_bytes(&mut self) -> &'a [u8] {
        let (found, stand_in) = self.step(|reader| reader.expect(tlv::BIT_STRING));
        found.value.strip_prefix(&[0]).unwrap_or_else(|| {
            self.fail(InvalidMessage::Der.into());
            stand_in.value.strip_prefix(&[0]).unwrap_or_default()
        })
    }

    /// Nothing may be left.
    pub(super) fn finish(self) {
        if !self.found.is_empty() {
            self.fail(InvalidMessage::TrailingData.into());
        }
    }

    fn step(&mut self, read: impl Fn(&mut Reader<'a>) -> Result<Tlv<'a>, Error>) -> (Tlv<'a>, Tlv<'a>) {
        let stand_in = read(&mut self.stand_in).unwrap_or(NOTHING);
        let found = read(&mut self.found).unwrap_or_else(|error| {
            self.fail(error);
            self.found = self.stand_in.clone();
            stand_in
        });
        (found, stand_in)
    }

    fn fail(&self, error: Error) {
        self.fault.set(self.fault.get().or(Some(error)));
    }
}
