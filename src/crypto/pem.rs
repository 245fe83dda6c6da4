//! PEM for keys and certificates (RFC 7468).

use crate::error::{Error, InvalidMessage, KeyError};
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use pem_rfc7468::{Decoder, LineEnding, encode_string};
use rustls_pki_types::CertificateDer;
use zeroize::Zeroizing;

const CERTIFICATE: &str = "CERTIFICATE";
/// An older label of the same, read for compatibility and never written (RFC 7468 section 5.1).
const X509_CERTIFICATE: &str = "X509 CERTIFICATE";
pub(super) const PRIVATE_KEY: &str = "PRIVATE KEY";
const RSA_PRIVATE_KEY: &str = "RSA PRIVATE KEY";
const EC_PRIVATE_KEY: &str = "EC PRIVATE KEY";

/// A private key out of PEM, by its label.
pub(super) enum PrivateKey {
    Pkcs8(Zeroizing<Vec<u8>>),
    Pkcs1(Zeroizing<Vec<u8>>),
    Sec1(Zeroizing<Vec<u8>>),
}

impl PrivateKey {
    /// The first one in `text`; see `SoftwareKey::from_pem`.
    pub(super) fn find(text: &str) -> Result<Self, Error> {
        for block in Blocks(text) {
            let block = block?;
            match block.label {
                PRIVATE_KEY => return block.decode().map(Self::Pkcs8),
                // Two headers before the base64 say that an old form is encrypted (RFC 1421 section 4.6).
                other if other.ends_with(PRIVATE_KEY) && block.text.contains("Proc-Type:") => {
                    return Err(KeyError::Unsupported.into());
                }
                RSA_PRIVATE_KEY => return block.decode().map(Self::Pkcs1),
                EC_PRIVATE_KEY => return block.decode().map(Self::Sec1),
                other if other.ends_with(PRIVATE_KEY) => return Err(KeyError::Unsupported.into()),
                _ => {}
            }
        }
        Err(InvalidMessage::Pem.into())
    }

    /// PKCS #8 in PEM.
    pub(super) fn encode_pkcs8(der: &[u8]) -> Zeroizing<String> {
        Zeroizing::new(encode(PRIVATE_KEY, der))
    }
}

/// Writes certificates in PEM, one after the other, in the order given.
pub fn certificates_to_pem(certificates: &[&[u8]]) -> String {
    certificates.iter().map(|der| encode(CERTIFICATE, der)).collect()
}

/// Reads every certificate in `text`, in the order found (RFC 7468 section 5); other text and other PEM blocks
/// around them are skipped. `X509 CERTIFICATE` is read too. What is inside a certificate is not looked at.
///
/// Fails with [`InvalidMessage::Pem`] when there is none or a block cannot be read.
pub fn certificates_from_pem(text: &str) -> Result<Vec<CertificateDer<'static>>, Error> {
    let mut certificates = Vec::new();
    for block in Blocks(text) {
        let block = block?;
        if matches!(block.label, CERTIFICATE | X509_CERTIFICATE) {
            certificates.push(CertificateDer::from(block.decode()?.to_vec()));
        }
    }
    if certificates.is_empty() {
        return Err(InvalidMessage::Pem.into());
    }
    Ok(certificates)
}

pub(super) fn encode(label: &str, der: &[u8]) -> String {
    // Fails only for data whose encoding is longer than the address space.
    encode_string(label, LineEnding::LF, der).unwrap_or_default()
}

/// One PEM block, from its first to its last boundary.
struct Block<'a> {
    label: &'a str,
    text: &'a str,
}

impl Block<'_> {
    fn decode(&self) -> Result<Zeroizing<Vec<u8>>, Error> {
        let unreadable = |_| InvalidMessage::Pem;
        // Blanks at the end of lines are to be ignored (RFC 7468 section 2). The copy may be of a private key.
        let mut text = Zeroizing::new(String::with_capacity(self.text.len()));
        for line in self.text.split_inclusive('\n') {
            let (line, end) = line.strip_suffix('\n').map_or((line, ""), |line| (line, "\n"));
            text.push_str(line.trim_ascii_end());
            text.push_str(end);
        }
        let mut decoder = Decoder::new_detect_wrap(text.as_bytes()).map_err(unreadable)?;
        let mut der = Zeroizing::new(vec![0; decoder.remaining_len()]);
        decoder.decode(&mut der).map_err(unreadable)?;
        if !decoder.is_finished() {
            return Err(InvalidMessage::Pem.into());
        }
        Ok(der)
    }
}

/// The PEM blocks of a text. A block without an end is an error, and the last item.
struct Blocks<'a>(&'a str);

impl<'a> Iterator for Blocks<'a> {
    type Item = Result<Block<'a>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let (start, _) = self.0.match_indices("-----BEGIN ").find(|(start, _)| {
            // at the start of a line only
            self.0.get(..*start).is_some_and(|before| before.is_empty() || before.ends_with(['\n', '\r']))
        })?;
        let text = core::mem::take(&mut self.0).get(start..)?;
        let block = split(text);
        if let Some((_, rest)) = block {
            self.0 = rest;
        }
        Some(block.map(|(block, _)| block).ok_or(InvalidMessage::Pem.into()))
    }
}

fn split(text: &str) -> Option<(Block<'_>, &str)> {
    const DASHES: &str = "-----";
    const END: &str = "-----END ";
    let (label, body) = text.strip_prefix("-----BEGIN ")?.split_once(DASHES)?;
    let end = body.find(END)?;
    let after = body.get(end..)?.strip_prefix(END)?.strip_prefix(label)?.strip_prefix(DASHES)?;
    let length = text.len().checked_sub(after.len())?;
    Some((Block { label, text: text.get(..length)? }, after))
}
