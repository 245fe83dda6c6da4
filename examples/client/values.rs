//! How values on the command line are read.

use scep::transport::ScepUrl;

/// What kind of key to make.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Alg {
    /// RSA: signs, and opens replies.
    Rsa,
    /// ECDSA on P-256: signs only.
    P256,
    /// ECDSA on P-384: signs only.
    P384,
}

pub(crate) fn url(text: &str) -> Result<ScepUrl, String> {
    let url = ScepUrl::parse(text).map_err(|error| error.to_string())?;
    if url.is_https() {
        return Err("this program has no TLS: give an http URL (SCEP protects its messages itself)".into());
    }
    Ok(url)
}

/// Hexadecimal digits; colons and spaces do not count.
fn digits(text: &str) -> Result<Vec<u8>, String> {
    let digits = text.chars().filter(|char| !matches!(char, ':' | ' '));
    let digits: Option<Vec<u8>> =
        digits.map(|char| char.to_digit(16).and_then(|digit| u8::try_from(digit).ok())).collect();
    digits.ok_or_else(|| "not hexadecimal".into())
}

fn bytes(digits: &[u8]) -> Vec<u8> {
    digits.as_chunks().0.iter().map(|[high, low]| high << 4 | low).collect()
}

pub(crate) fn sha256(text: &str) -> Result<[u8; 32], String> {
    let digits = digits(text)?;
    match digits.len() {
        64 => {}
        40 => {
            return Err("40 digits are a SHA-1 fingerprint: give the SHA-256 one, of 64 digits, or else \
                --ca-sha1 with --legacy"
                .into());
        }
        32 => return Err("32 digits are an MD5 fingerprint: give the SHA-256 one, of 64 digits".into()),
        length => return Err(format!("{length} digits: a SHA-256 fingerprint has 64")),
    }
    bytes(&digits).try_into().map_err(|_| "not a SHA-256 fingerprint".into())
}

pub(crate) fn sha1(text: &str) -> Result<[u8; 20], String> {
    let digits = digits(text)?;
    match digits.len() {
        40 => {}
        64 => return Err("64 digits are a SHA-256 fingerprint: give it as --ca-sha256".into()),
        length => return Err(format!("{length} digits: a SHA-1 fingerprint has 40")),
    }
    bytes(&digits).try_into().map_err(|_| "not a SHA-1 fingerprint".into())
}

pub(crate) fn key_bits(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(bits @ 2048..=8192) if bits % 8 == 0 => Ok(bits),
        _ => Err("give a multiple of 8 from 2048 to 8192".into()),
    }
}

/// A serial number: contents octets of a positive INTEGER.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Serial(pub(crate) Vec<u8>);

pub(crate) fn serial(text: &str) -> Result<Serial, String> {
    let mut digits = digits(text)?;
    let zeros = digits.iter().take_while(|digit| **digit == 0).count();
    if digits.is_empty() {
        return Err("no digits".into());
    }
    digits.drain(..zeros);
    if digits.len() % 2 == 1 {
        digits.insert(0, 0);
    }
    let mut bytes = bytes(&digits);
    // a number, so not negative
    if bytes.first().is_none_or(|first| *first >= 0x80) {
        bytes.insert(0, 0);
    }
    Ok(Serial(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serial_numbers_are_read_as_der_has_them() {
        for (text, octets) in [
            ("0", &[0][..]),
            ("7f", &[0x7F]),
            ("80", &[0, 0x80]),
            ("00:00:01", &[1]),
            ("1 23", &[1, 0x23]),
            ("0FEDC", &[0, 0xFE, 0xDC]),
        ] {
            assert_eq!(serial(text), Ok(Serial(octets.to_vec())), "{text}");
        }
        assert!(serial("").is_err());
        assert!(serial("0x1").is_err());
    }

    #[test]
    fn fingerprints_of_the_other_kind_are_told_apart() {
        assert_eq!(sha1(&"0A:".repeat(20)), Ok([10; 20]));
        assert_eq!(sha256(&"0a ".repeat(32)), Ok([10; 32]));
        assert!(sha256(&"0A".repeat(20)).unwrap_err().contains("--ca-sha1"));
        assert!(sha1(&"0A".repeat(32)).unwrap_err().contains("--ca-sha256"));
    }
}
