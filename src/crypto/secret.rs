//! Secrets: zeroized when dropped, never shown, never compared with `==`.

use super::random::Rng;
use crate::error::{ApiMisuse, Error, RngFailed};
use alloc::string::String;
use core::fmt;
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// Longest content key: AES-256, 32 bytes.
const MAX_KEY: usize = 32;

/// A content-encryption key (RFC 5652 section 6.3): 1 to 32 bytes.
pub struct ContentKey {
    bytes: [u8; MAX_KEY],
    length: usize,
}

impl ContentKey {
    /// Draws a fresh key of `length` bytes (at most 32).
    pub(crate) fn random(length: usize, rng: &mut Rng<'_>) -> Result<Self, RngFailed> {
        let mut key = Self { bytes: [0; MAX_KEY], length: length.min(MAX_KEY) };
        let length = key.length;
        if let Some(bytes) = key.bytes.get_mut(..length) {
            rng.try_fill_bytes(bytes)?;
        }
        Ok(key)
    }

    /// The key's bytes.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }

    /// Takes the unwrapped key if it is one of the right length, else keeps `self`, the random stand-in, without
    /// a branch on which it was (RFC 3218 section 2.3.2).
    pub(crate) fn choose(mut self, unwrapped: &Unwrapped) -> Self {
        let take = unwrapped.valid & unwrapped.length.ct_eq(&self.length);
        for (own, other) in self.bytes.iter_mut().zip(unwrapped.bytes.iter()) {
            own.conditional_assign(other, take);
        }
        self
    }
}

impl Drop for ContentKey {
    fn drop(&mut self) {
        self.bytes.zeroize();
    }
}

impl ZeroizeOnDrop for ContentKey {}

impl fmt::Debug for ContentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ContentKey(..)")
    }
}

/// What a [`Decryptor`](super::Decryptor) made of an encrypted content key: bytes, or a rejection. Both look the
/// same from outside, and the library goes on the same way with either (RFC 3218 section 2.3.2).
pub struct Unwrapped {
    bytes: [u8; MAX_KEY],
    length: usize,
    valid: Choice,
}

impl Unwrapped {
    /// The key's device gave these bytes. More than 32 bytes count as a rejection.
    pub fn bytes(bytes: &[u8]) -> Self {
        Self::checked(bytes, Choice::from(1))
    }

    /// The key's device said that the padding is wrong.
    pub fn rejected() -> Self {
        Self { bytes: [0; MAX_KEY], length: 0, valid: Choice::from(0) }
    }

    /// Bytes whose validity is only known as a [`Choice`], for implementations that run in constant time.
    pub fn checked(bytes: &[u8], valid: Choice) -> Self {
        let mut own = Self { bytes: [0; MAX_KEY], length: bytes.len(), valid };
        match own.bytes.get_mut(..bytes.len()) {
            Some(target) => target.copy_from_slice(bytes),
            None => own.valid = Choice::from(0),
        }
        own
    }

    /// A rejection unless `wanted`.
    pub(crate) fn only_if(mut self, wanted: Choice) -> Self {
        self.valid &= wanted;
        self
    }
}

impl Drop for Unwrapped {
    fn drop(&mut self) {
        self.bytes.zeroize();
    }
}

impl ZeroizeOnDrop for Unwrapped {}

impl fmt::Debug for Unwrapped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Unwrapped(..)")
    }
}

/// A challenge password (RFC 8894 section 2.4, RFC 2985 section 5.4.1): text that authorises one enrolment.
///
/// It is compared with [`ChallengePassword::matches`] only, in a time that does not depend on where two texts
/// differ.
pub struct ChallengePassword(Zeroizing<String>);

impl ChallengePassword {
    /// Longest text, bytes of UTF-8. RFC 2985 says 255 characters; challenges of device management services are
    /// signed blobs and longer.
    pub const MAX_LENGTH: usize = 8192;

    /// Takes the text. Empty text, text over [`Self::MAX_LENGTH`] bytes and text with a NUL are refused.
    pub fn new(text: impl Into<String>) -> Result<Self, Error> {
        let text = Zeroizing::new(text.into());
        if text.is_empty() || text.len() > Self::MAX_LENGTH || text.contains('\0') {
            return Err(ApiMisuse::ChallengeText.into());
        }
        Ok(Self(text))
    }

    /// Whether the text could be strong enough to protect a message with (RFC 8894 section 7.3): 128 bits at most, by
    /// its length and by the kinds of characters in it, and eight different ones.
    ///
    /// That is a hurdle for what is plainly too weak, not a measure: no look at a text shows how it was made.
    /// `"correct horse battery staple"` passes, and anybody may have it in a list.
    pub fn is_strong(&self) -> bool {
        strength::is_strong(&self.0)
    }

    /// The secret text, for the one place that has to send or forward it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether both are the same text; the time depends on the lengths alone.
    pub fn matches(&self, other: &Self) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}

/// An upper bound of what a text can hold.
mod strength {
    /// Bits that a text has to be able to hold.
    const BITS: usize = 128;
    /// Different characters that it needs.
    const DIFFERENT: usize = 8;

    pub(super) fn is_strong(text: &str) -> bool {
        let characters = text.chars().count();
        let different = text.char_indices().filter(|(at, new)| text.find(*new) == Some(*at)).take(DIFFERENT);
        // sixteenths of a bit
        let bits = alphabet(text).pow(16).ilog2();
        let enough = usize::try_from(bits).is_ok_and(|bits| characters.saturating_mul(bits) >= BITS * 16);
        enough && different.count() == DIFFERENT
    }

    /// How many characters an alphabet has that people use, and that has all of these.
    fn alphabet(text: &str) -> u128 {
        if text.bytes().all(|byte| byte.is_ascii_digit()) {
            return 10;
        }
        let lower = text.bytes().any(|byte| byte.is_ascii_lowercase());
        let upper = text.bytes().any(|byte| byte.is_ascii_uppercase());
        if text.bytes().all(|byte| byte.is_ascii_hexdigit()) && lower != upper {
            return 16;
        }
        let digit = text.bytes().any(|byte| byte.is_ascii_digit());
        let other = text.bytes().any(|byte| byte.is_ascii() && !byte.is_ascii_alphanumeric());
        let kinds = [(lower, 26), (upper, 26), (digit, 10), (other, 33), (!text.is_ascii(), 128)];
        kinds.iter().filter(|(occurs, _)| *occurs).fold(0_u128, |sum, (_, size)| sum.saturating_add(*size))
    }
}

impl fmt::Debug for ChallengePassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ChallengePassword(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    fn stand_in() -> ContentKey {
        ContentKey { bytes: [7; MAX_KEY], length: 16 }
    }

    #[test]
    fn a_key_of_the_right_length_replaces_the_stand_in() {
        assert_eq!(stand_in().choose(&Unwrapped::bytes(&[1; 16])).as_bytes(), [1; 16]);
    }

    // MMA-2, MMA-4: a rejection and a key of another length leave the random stand-in.
    #[test]
    fn rejection_and_wrong_length_leave_the_stand_in() {
        for unwrapped in [
            Unwrapped::rejected(),
            Unwrapped::bytes(&[1; 15]),
            Unwrapped::bytes(&[1; 24]),
            Unwrapped::bytes(&[]),
            Unwrapped::bytes(&[1; 33]),
            Unwrapped::checked(&[1; 16], Choice::from(0)),
        ] {
            assert_eq!(stand_in().choose(&unwrapped).as_bytes(), [7; 16]);
        }
    }

    // T50
    #[test]
    fn debug_shows_no_secret() {
        let challenge = ChallengePassword::new("hunter2").unwrap();
        let shown = format!("{challenge:?} {:?} {:?}", stand_in(), Unwrapped::bytes(&[1; 16]));
        assert_eq!(shown, "ChallengePassword(..) ContentKey(..) Unwrapped(..)");
    }

    #[test]
    fn challenge_text_is_bounded_and_compared_exactly() {
        assert!(ChallengePassword::new("").is_err());
        assert!(ChallengePassword::new("a\0b").is_err());
        assert!(ChallengePassword::new("x".repeat(8193)).is_err());
        let one = ChallengePassword::new("ABC").unwrap();
        assert!(one.matches(&ChallengePassword::new("ABC").unwrap()));
        assert!(!one.matches(&ChallengePassword::new("abc").unwrap()));
    }

    // PWRI-5, T47, R-7.3-1
    #[test]
    fn a_strong_challenge_has_room_for_128_bits_and_eight_different_characters() {
        let strong = |text: &str| ChallengePassword::new(text).unwrap().is_strong();
        for text in [
            // 16 bytes in hexadecimal, in base64 without padding, as 39 digits, 28 lower-case letters, 20 odd ones
            "000102030405060708090a0b0c0d0e0f",
            "AAECAwQFBgcICQoLDA0ODw",
            "123456789012345678901234567890123456789",
            "abcdefghijklmnopqrstuvwxyzab",
            "aB3$aB3$cD4%cD4%eF5&",
            "äöüßéèêëçñãõâîôûœæø",
        ] {
            assert!(strong(text), "{text}");
        }
        for text in [
            "000102030405060708090a0b0c0d0e0",
            // what NDES makes: 16 digits in hexadecimal
            "0123456789ABCDEF",
            "12345678901234567890123456789012345678",
            "abcdefghijklmnopqrstuvwxyza",
            "secret123",
            "x",
            "abcdefgabcdefgabcdefgabcdefgabcdefgabcdefg",
        ] {
            assert!(!strong(text), "{text}");
        }
        assert!(!strong(&"x".repeat(8192)));
    }
}
