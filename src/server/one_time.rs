//! One-time challenges as a store keeps them (RFC 8894 section 7.3): a keyed hash, what it allows, and whose it is.

use super::terms::ChallengeTerms;
use crate::error::Error;
use crate::message::codec::{DAMAGED, Decoder, Encoder};
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;
use rustls_pki_types::UnixTime;

/// What a one-time challenge is found by: HMAC-SHA-256 of its text under the key of its maker, 32 bytes. Without that key
/// nobody can try passwords on it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ChallengeId([u8; 32]);

impl ChallengeId {
    pub(super) const fn new(id: [u8; 32]) -> Self {
        Self(id)
    }

    /// The bytes, to look it up by.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for ChallengeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ChallengeId(")?;
        self.0.iter().take(4).try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str("..)")
    }
}

/// Whose it is. The transaction is named by the SHA-256 of its key.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Claim {
    Open,
    /// Until then, seconds since 1970, by a transaction that is being decided.
    Reserved([u8; 32], u64),
    Spent([u8; 32]),
}

/// What a store keeps of a one-time challenge, under its [`ChallengeId`]. Its text is not in it.
#[derive(Clone, PartialEq, Eq)]
pub struct OneTimeChallenge {
    id: ChallengeId,
    revision: u64,
    expires: u64,
    terms: ChallengeTerms,
    claim: Claim,
}

const MAGIC: [u8; 4] = *b"SCC1";
/// How long one is remembered after its end when it was used, seconds. A sealed one that is forgotten counts as new.
const MARGIN: u64 = 24 * 3600;

impl OneTimeChallenge {
    pub(super) fn new(id: ChallengeId, terms: ChallengeTerms, expires: u64) -> Self {
        Self { id, revision: 1, expires, terms, claim: Claim::Open }
    }

    /// What to look it up by.
    pub fn id(&self) -> &ChallengeId {
        &self.id
    }

    /// Counts up with every change; what compare-and-set compares.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// When a store may forget it. It authorises nothing from its end on; one that is reserved or spent is kept for a day
    /// longer, for servers whose clocks differ and requests that were on their way.
    pub fn expires(&self) -> UnixTime {
        let end = match self.claim {
            Claim::Reserved(_, until) => self.expires.max(until).saturating_add(MARGIN),
            Claim::Spent(_) => self.expires.saturating_add(MARGIN),
            Claim::Open => self.expires,
        };
        UnixTime::since_unix_epoch(Duration::from_secs(end))
    }

    /// What it allows to ask for.
    pub fn terms(&self) -> &ChallengeTerms {
        &self.terms
    }

    /// Whether a request was granted, or held, by it.
    pub fn is_spent(&self) -> bool {
        matches!(self.claim, Claim::Spent(_))
    }

    /// Whether a transaction may have it now.
    pub(super) fn is_free(&self, now: UnixTime) -> bool {
        match self.claim {
            Claim::Open => true,
            Claim::Reserved(_, until) => now.as_secs() >= until,
            Claim::Spent(_) => false,
        }
    }

    /// Whether it was reserved for, or spent by, this transaction.
    pub(super) fn is_claimed_by(&self, transaction: &[u8; 32]) -> bool {
        matches!(&self.claim, Claim::Reserved(by, _) | Claim::Spent(by) if by == transaction)
    }

    pub(super) fn has_expired(&self, now: UnixTime) -> bool {
        now.as_secs() >= self.expires
    }

    pub(super) fn reserved(&self, transaction: [u8; 32], until: UnixTime) -> Self {
        self.claimed(Claim::Reserved(transaction, until.as_secs()))
    }

    /// After it was reserved.
    pub(super) fn spent(&self) -> Self {
        match self.claim {
            Claim::Reserved(by, _) => self.claimed(Claim::Spent(by)),
            _ => self.clone(),
        }
    }

    pub(super) fn released(&self) -> Self {
        self.claimed(Claim::Open)
    }

    fn claimed(&self, claim: Claim) -> Self {
        Self { claim, revision: self.revision.saturating_add(1), ..self.clone() }
    }

    /// The form to store, with a version in front.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut encoder = Encoder::new(MAGIC);
        encoder.bytes(&self.id.0);
        encoder.number(self.revision);
        encoder.number(self.expires);
        self.terms.encode(&mut encoder);
        match &self.claim {
            Claim::Open => encoder.number(0),
            Claim::Reserved(by, until) => {
                encoder.number(1);
                encoder.bytes(by);
                encoder.number(*until);
            }
            Claim::Spent(by) => {
                encoder.number(2);
                encoder.bytes(by);
            }
        }
        encoder.finish()
    }

    /// Reads the stored form; [`SavedState`](crate::error::InvalidMessage::SavedState) when it is another version
    /// or damaged.
    pub fn from_bytes(stored: &[u8]) -> Result<Self, Error> {
        let hash = |bytes: &[u8]| bytes.try_into().map_err(|_| DAMAGED);
        let mut decoder = Decoder::new(stored, MAGIC)?;
        let id = ChallengeId(hash(decoder.bytes()?)?);
        let revision = decoder.number()?;
        let expires = decoder.number()?;
        let terms = ChallengeTerms::decode(&mut decoder)?;
        let claim = match decoder.number()? {
            0 => Claim::Open,
            1 => Claim::Reserved(hash(decoder.bytes()?)?, decoder.number()?),
            2 => Claim::Spent(hash(decoder.bytes()?)?),
            _ => return Err(DAMAGED),
        };
        decoder.finish()?;
        let read = Self { id, revision, expires, terms, claim };
        // what is written in another way than ours is damaged
        if read.to_bytes() == stored { Ok(read) } else { Err(DAMAGED) }
    }
}

impl fmt::Debug for OneTimeChallenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let claim = match self.claim {
            Claim::Open => "open",
            Claim::Reserved(..) => "reserved",
            Claim::Spent(_) => "spent",
        };
        write!(f, "OneTimeChallenge({:?}, {claim}, {:?})", self.id, self.terms)
    }
}

/// What becomes of a one-time challenge in the same atomic step as a [`Transition`](super::Transition) of the transaction
/// that uses it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChallengeChange {
    pub(super) from: Option<u64>,
    pub(super) to: OneTimeChallenge,
}

impl ChallengeChange {
    /// The challenge to change.
    pub fn id(&self) -> &ChallengeId {
        &self.to.id
    }

    /// The revision that must be stored now; `None` when nothing may be.
    pub fn from(&self) -> Option<u64> {
        self.from
    }

    /// What to store.
    pub fn to(&self) -> &OneTimeChallenge {
        &self.to
    }
}
