//! One-time challenges that carry what they allow, so that they need no place in a store until they are used.

use super::challenge::ChallengeKey;
use super::terms::ChallengeTerms;
use crate::crypto::random::random_array;
use crate::crypto::{Provider, Rng, hmac_sha256};
use crate::error::Error;
use crate::message::codec::{Decoder, Encoder};
use crate::transport::{base64_decode, base64_encode};
use alloc::string::String;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

const MAGIC: [u8; 4] = *b"SCS1";
/// The same in base64, as far as it does not depend on what follows.
const BEGINNING: &str = "U0NTM";
/// The code at the end, bytes.
const CODE: usize = 32;

/// What is in one whose code is right.
pub(super) struct Sealed {
    pub(super) terms: ChallengeTerms,
    /// Seconds since 1970.
    pub(super) expires: u64,
    pub(super) code: [u8; CODE],
}

pub(super) fn seal(
    provider: &Provider,
    key: &ChallengeKey,
    endpoint: &str,
    terms: &ChallengeTerms,
    expires: u64,
    rng: &mut Rng<'_>,
) -> Result<String, Error> {
    let mut encoder = Encoder::new(MAGIC);
    encoder.number(expires);
    // what makes it one of its own; the code is the secret
    encoder.bytes(&random_array::<16>(rng)?);
    terms.encode(&mut encoder);
    let mut sealed = Zeroizing::new(encoder.finish());
    let code = code(provider, key, endpoint, &sealed)?;
    sealed.extend_from_slice(&code);
    Ok(base64_encode(&sealed))
}

/// `None` for any text that was not sealed under this key for this endpoint.
pub(super) fn open(
    provider: &Provider,
    key: &ChallengeKey,
    endpoint: &str,
    text: &str,
) -> Result<Option<Sealed>, Error> {
    // anybody's text comes here: what does not even begin like one is not decoded
    if !text.starts_with(BEGINNING) {
        return Ok(None);
    }
    let Ok(sealed) = base64_decode(text.as_bytes()).map(Zeroizing::new) else { return Ok(None) };
    let Some((contents, found)) = sealed.split_last_chunk::<CODE>() else { return Ok(None) };
    let right = code(provider, key, endpoint, contents)?;
    if !bool::from(right.ct_eq(found)) {
        return Ok(None);
    }
    let mut decoder = Decoder::new(contents, MAGIC)?;
    let expires = decoder.number()?;
    decoder.bytes()?;
    let terms = ChallengeTerms::decode(&mut decoder)?;
    decoder.finish()?;
    Ok(Some(Sealed { terms, expires, code: right }))
}

fn code(
    provider: &Provider,
    key: &ChallengeKey,
    endpoint: &str,
    contents: &[u8],
) -> Result<[u8; CODE], Error> {
    hmac_sha256(provider, key.expose(), &[b"sealed\0", endpoint.as_bytes(), b"\0", contents])
}
