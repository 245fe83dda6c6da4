//! Percent escapes (RFC 3986 section 2.1) and base64 (RFC 4648 section 4), as the `message` parameter needs them.
//!
//! Writing follows the standards to the letter; reading takes what deployed clients send.

use alloc::{string::String, vec::Vec};
use core::mem;

use crate::error::{Error, InvalidMessage};
use zeroize::Zeroizing;

const HEX: &[u8; 16] = b"0123456789ABCDEF";
const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Escapes every byte that is not `unreserved` (RFC 3986 section 2.3: letters, digits, `-`, `.`, `_`, `~`).
///
/// The result is pure ASCII, never shorter than `bytes` and at most three times as long.
pub fn percent_encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for &byte in bytes {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            text.push(char::from(byte));
        } else {
            text.push('%');
            text.push(symbol(HEX, byte >> 4));
            text.push(symbol(HEX, byte & 0x0f));
        }
    }
    text
}

/// Undoes percent escapes, of either case; every other byte, `+` too, stands for itself.
///
/// The result is never longer than `text`. It may hold any byte, zero included.
///
/// # Errors
/// [`InvalidMessage::Percent`]: a `%` that two hexadecimal digits do not follow.
pub fn percent_decode(text: &str) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let high = rest.next().and_then(hex_value).ok_or(InvalidMessage::Percent)?;
            let low = rest.next().and_then(hex_value).ok_or(InvalidMessage::Percent)?;
            bytes.push(high << 4 | low);
        } else {
            bytes.push(byte);
        }
    }
    Ok(bytes)
}

/// Base64 of RFC 4648 section 4: standard alphabet, padded, no line breaks.
pub fn base64_encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3).saturating_mul(4));
    for group in bytes.chunks(3) {
        let mut octets = [0; 3];
        for (to, from) in octets.iter_mut().zip(group) {
            *to = *from;
        }
        let [a, b, c] = octets;
        text.push(symbol(BASE64, a >> 2));
        text.push(symbol(BASE64, (a & 0x03) << 4 | b >> 4));
        text.push(if group.len() > 1 { symbol(BASE64, (b & 0x0f) << 2 | c >> 6) } else { '=' });
        text.push(if group.len() > 2 { symbol(BASE64, c & 0x3f) } else { '=' });
    }
    text
}

/// Reads base64 as clients send it in a query, after [`percent_decode`].
///
/// Both alphabets of RFC 4648 (sections 4 and 5) are read, padding may be missing, line breaks and tabs are skipped,
/// and a space stands for `+`, because a form decoder on the way turned it into one. After padding no digit can come,
/// so there a space, and a `+` that some encoders make of one, is skipped too.
///
/// # Errors
/// [`InvalidMessage::Base64`]: another character, characters after the padding, more padding than fits, or a last
/// group that no encoder makes (a single character, or left-over bits that are not zero: a cut message).
#[allow(clippy::arithmetic_side_effects, reason = "`held` stays below 14, and `padding` below 3")]
pub fn base64_decode(text: &[u8]) -> Result<Vec<u8>, Error> {
    // it may be a secret, and is wiped when it is given up
    let mut bytes = Zeroizing::new(Vec::with_capacity(base64_decoded_len(text)));
    // `bits` holds the `held` bits (0, 2, 4 or 6) that do not make a byte yet.
    let (mut bits, mut held, mut padding) = (0_u16, 0_u8, 0_u8);
    for &byte in text {
        match byte {
            b'\r' | b'\n' | b'\t' => {}
            b' ' | b'+' if padding > 0 => {}
            b'=' if padding < 2 => padding += 1,
            _ if padding > 0 => return Err(InvalidMessage::Base64.into()),
            _ => {
                let value = base64_value(byte).ok_or(InvalidMessage::Base64)?;
                bits = bits << 6 | u16::from(value);
                held += 6;
                if held >= 8 {
                    held -= 8;
                    let [_, low] = (bits >> held).to_be_bytes();
                    bytes.push(low);
                    bits &= (1 << held) - 1;
                }
            }
        }
    }
    let expected = match held {
        0 => 0,
        4 => 2,
        2 => 1,
        _ => return Err(InvalidMessage::Base64.into()),
    };
    if padding > expected || bits != 0 {
        return Err(InvalidMessage::Base64.into());
    }
    Ok(mem::take(&mut *bytes))
}

/// How many bytes [`base64_decode`] makes of `text`, if it is base64 at all.
pub(super) fn base64_decoded_len(text: &[u8]) -> usize {
    let symbols = text.iter().take_while(|byte| **byte != b'=');
    let symbols = symbols.filter(|byte| base64_value(**byte).is_some()).count();
    (symbols / 4).saturating_mul(3).saturating_add((symbols % 4).saturating_mul(3) / 4)
}

fn symbol<const N: usize>(alphabet: &[u8; N], value: u8) -> char {
    // Every caller masks `value` to the size of the alphabet, so the fallback is never seen.
    alphabet.get(usize::from(value)).map_or('=', |&byte| char::from(byte))
}

#[allow(clippy::arithmetic_side_effects, reason = "the arms bound what they compute with")]
const fn hex_value(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

#[allow(clippy::arithmetic_side_effects, reason = "the arms bound what they compute with")]
const fn base64_value(symbol: u8) -> Option<u8> {
    match symbol {
        b'A'..=b'Z' => Some(symbol - b'A'),
        b'a'..=b'z' => Some(symbol - b'a' + 26),
        b'0'..=b'9' => Some(symbol - b'0' + 52),
        b'+' | b'-' | b' ' => Some(62),
        b'/' | b'_' => Some(63),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERCENT: Error = Error::InvalidMessage(InvalidMessage::Percent);
    const BASE64: Error = Error::InvalidMessage(InvalidMessage::Base64);

    #[test]
    fn percent_encoding_leaves_only_unreserved_characters() {
        assert_eq!(percent_encode(b"AZaz09-._~"), "AZaz09-._~");
        assert_eq!(percent_encode(b"+/=\r\n &#%\0\xff"), "%2B%2F%3D%0D%0A%20%26%23%25%00%FF");
    }

    #[test]
    fn percent_decoding_takes_both_cases_and_leaves_plus_alone() {
        assert_eq!(percent_decode("a%2Bb%2f+%00%fF").unwrap(), b"a+b/+\0\xff");
        assert_eq!(percent_decode("").unwrap(), b"");
    }

    #[test]
    fn percent_decoding_refuses_a_cut_or_false_escape() {
        for text in ["%", "%2", "a%", "%2G", "%G2", "%%41", "%+1", "% 1", "%é"] {
            assert_eq!(percent_decode(text), Err(PERCENT), "{text}");
        }
    }

    #[test]
    fn percent_coding_round_trips_every_byte() {
        let bytes: Vec<u8> = (0..=255).collect();
        assert_eq!(percent_decode(&percent_encode(&bytes)).unwrap(), bytes);
    }

    #[test]
    fn base64_is_that_of_rfc_4648() {
        // The vectors of RFC 4648 section 10.
        let cases: [(&str, &str); 7] = [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ];
        for (plain, text) in cases {
            assert_eq!(base64_encode(plain.as_bytes()), text);
            assert_eq!(base64_decode(text.as_bytes()).unwrap(), plain.as_bytes());
        }
    }

    #[test]
    fn base64_round_trips_every_length_without_line_breaks() {
        // R-4.1-5
        for length in 0..100_usize {
            let bytes: Vec<u8> = (0..length).map(|i| (i * 7 + length) as u8).collect();
            let text = base64_encode(&bytes);
            assert!(text.bytes().all(|b| b.is_ascii_alphanumeric() || b"+/=".contains(&b)));
            assert_eq!(base64_decode(text.as_bytes()).unwrap(), bytes);
            assert_eq!(base64_decoded_len(text.as_bytes()), length);
        }
    }

    // Q2, Q3, quirks 1-3, P12
    #[test]
    fn base64_takes_what_clients_send() {
        // R-4.1-6: every text stands for the same four bytes.
        for text in [
            "+/+/+w==",             // the standard alphabet
            "-_-_-w==",             // RFC 4648 section 5 (scepclient 2.1)
            "+_-/+w",               // both, without padding
            "+/+/+w=",              // half the padding
            " / / w==",             // a form decoder was there (iOS 11)
            "+/+/\n+w==\n",         // sscep, strongSwan, Cisco
            "\r\n+/\r\n+/+\tw=\n=", // anywhere
            "+/+/+w== ",            // white space at the end,
            "+/+/+w==++",           // as a form encoder writes it
            "+/+/+w= =",
        ] {
            assert_eq!(base64_decode(text.as_bytes()).unwrap(), [0xfb, 0xff, 0xbf, 0xfb], "{text}");
            assert_eq!(base64_decoded_len(text.as_bytes()), 4, "{text}");
        }
    }

    #[test]
    fn base64_refuses_what_no_client_sends() {
        // E4
        for text in [
            "A", "AAAAA", "AA===", "AAA==", "AAAA=", "AA==AA==", "=", "====", "AA=A", "AB==", "AAB=", "AA,A",
            "AA\0A", "AA%A", "AA.A", "AA\u{b}A", "AAé", "==AA", "AA= = =", "AA== A", "AA+==",
        ] {
            assert_eq!(base64_decode(text.as_bytes()), Err(BASE64), "{text:?}");
        }
    }
}
