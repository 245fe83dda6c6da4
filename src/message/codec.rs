//! A plain length-prefixed encoding for state that is saved: versioned, bounded, with a checksum against damage.
//! It protects against accidents only; the integrity of saved state is its store's.

#[cfg(feature = "client")]
use crate::crypto::Provider;
use crate::error::{Error, InvalidMessage};
use alloc::vec::Vec;

#[cfg(feature = "client")]
const CHECKSUM: usize = 8;

/// Writes fields behind a four-byte magic that includes the version.
pub(crate) struct Encoder(Vec<u8>);

impl Encoder {
    pub(crate) fn new(magic: [u8; 4]) -> Self {
        Self(magic.to_vec())
    }

    pub(crate) fn bytes(&mut self, field: &[u8]) {
        let length = u32::try_from(field.len()).unwrap_or(u32::MAX);
        self.0.extend_from_slice(&length.to_be_bytes());
        self.0.extend_from_slice(field);
    }

    pub(crate) fn number(&mut self, number: u64) {
        self.0.extend_from_slice(&number.to_be_bytes());
    }

    pub(crate) fn list<T: AsRef<[u8]>>(&mut self, items: &[T]) {
        self.number(u64::try_from(items.len()).unwrap_or(u64::MAX));
        items.iter().for_each(|item| self.bytes(item.as_ref()));
    }

    #[cfg(feature = "server")]
    pub(crate) fn finish(self) -> Vec<u8> {
        self.0
    }

    /// Appends a checksum.
    #[cfg(feature = "client")]
    pub(crate) fn finish_with_checksum(mut self, provider: &Provider) -> Result<Vec<u8>, Error> {
        let digest = provider.sha256(&[&self.0])?;
        self.0.extend(digest.iter().take(CHECKSUM));
        Ok(self.0)
    }
}

/// Reads what [`Encoder`] wrote; anything else is [`InvalidMessage::SavedState`].
pub(crate) struct Decoder<'a>(&'a [u8]);

/// What is saved is damaged, or another version's.
pub(crate) const DAMAGED: Error = Error::InvalidMessage(InvalidMessage::SavedState);

impl<'a> Decoder<'a> {
    pub(crate) fn new(saved: &'a [u8], magic: [u8; 4]) -> Result<Self, Error> {
        saved.strip_prefix(&magic).map(Self).ok_or(DAMAGED)
    }

    /// Checks and cuts off the checksum first.
    #[cfg(feature = "client")]
    pub(crate) fn with_checksum(saved: &'a [u8], magic: [u8; 4], provider: &Provider) -> Result<Self, Error> {
        let (fields, checksum) =
            saved.split_at_checked(saved.len().saturating_sub(CHECKSUM)).ok_or(DAMAGED)?;
        let digest = provider.sha256(&[fields])?;
        if Some(checksum) != digest.get(..CHECKSUM) {
            return Err(DAMAGED);
        }
        Self::new(fields, magic)
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], Error> {
        let (head, tail) = self.0.split_at_checked(length).ok_or(DAMAGED)?;
        self.0 = tail;
        Ok(head)
    }

    #[inline(never)]
    pub(crate) fn bytes(&mut self) -> Result<&'a [u8], Error> {
        let length = self.take(4)?.try_into().map_err(|_| DAMAGED)?;
        self.take(usize::try_from(u32::from_be_bytes(length)).map_err(|_| DAMAGED)?)
    }

    #[inline(never)]
    pub(crate) fn number(&mut self) -> Result<u64, Error> {
        self.take(8)?.try_into().map(u64::from_be_bytes).map_err(|_| DAMAGED)
    }

    /// At most `most` items.
    pub(crate) fn list(&mut self, most: usize) -> Result<Vec<&'a [u8]>, Error> {
        let count = usize::try_from(self.number()?).map_err(|_| DAMAGED)?;
        if count > most {
            return Err(DAMAGED);
        }
        let mut list = Vec::new();
        for _ in 0..count {
            list.push(self.bytes()?);
        }
        Ok(list)
    }

    pub(crate) fn finish(self) -> Result<(), Error> {
        if self.0.is_empty() { Ok(()) } else { Err(DAMAGED) }
    }
}

#[cfg(test)]
#[cfg(all(feature = "client", feature = "rustcrypto"))]
mod tests {
    use super::*;
    use crate::crypto::rustcrypto::PROVIDER;

    fn saved() -> Vec<u8> {
        let mut encoder = Encoder::new(*b"TST1");
        encoder.bytes(b"one");
        encoder.number(2);
        encoder.list(&[b"a", b"b"]);
        encoder.finish_with_checksum(&PROVIDER).unwrap()
    }

    #[test]
    fn fields_come_back_in_order() {
        let saved = saved();
        let mut decoder = Decoder::with_checksum(&saved, *b"TST1", &PROVIDER).unwrap();
        assert_eq!(decoder.bytes().unwrap(), b"one");
        assert_eq!(decoder.number().unwrap(), 2);
        assert_eq!(decoder.list(2).unwrap(), [b"a", b"b"]);
        decoder.finish().unwrap();
    }

    // T54
    #[test]
    fn damage_another_version_and_every_truncation_are_noticed() {
        let saved = saved();
        assert_eq!(Decoder::with_checksum(&saved, *b"TST2", &PROVIDER).err(), Some(DAMAGED));
        for length in 0..saved.len() {
            assert_eq!(Decoder::with_checksum(&saved[..length], *b"TST1", &PROVIDER).err(), Some(DAMAGED));
        }
        for index in 0..saved.len() {
            let mut damaged = saved.clone();
            damaged[index] ^= 1;
            assert_eq!(Decoder::with_checksum(&damaged, *b"TST1", &PROVIDER).err(), Some(DAMAGED));
        }
    }

    #[test]
    fn a_list_longer_than_allowed_is_refused() {
        let saved = saved();
        let mut decoder = Decoder::with_checksum(&saved, *b"TST1", &PROVIDER).unwrap();
        decoder.bytes().unwrap();
        decoder.number().unwrap();
        assert_eq!(decoder.list(1).err(), Some(DAMAGED));
    }
}
