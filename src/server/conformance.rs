//! A proof that a store does what the server needs.

use super::one_time::{ChallengeChange, ChallengeId, OneTimeChallenge};
use super::store::{ChallengeStore, Recorded, Store};
use super::terms::ChallengeTerms;
use super::transaction::{Kind, RequestedCertificate, State, Transaction, TransactionKey, Transition};
use crate::error::Error;
use crate::wire::attributes::TransactionId;
use crate::wire::name::Name;
use crate::wire::public_key::SubjectPublicKeyInfo;
use alloc::string::String;
use alloc::vec;
use core::fmt;
use core::time::Duration;
use rustls_pki_types::{CertificateDer, UnixTime};

/// What a store did wrong, in words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Violation(&'static str);

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl core::error::Error for Violation {}

/// `SEQUENCE {}`: the empty name.
const NAME: &[u8] = &[0x30, 0x00];
/// `SEQUENCE { SEQUENCE { OID 1.2.3 }, BIT STRING {} }`: a public key of no use.
const KEY: &[u8] = &[0x30, 0x09, 0x30, 0x04, 0x06, 0x02, 0x2A, 0x03, 0x03, 0x01, 0x00];

/// Two transitions from nothing, for the same transactionID and different signers, the second one a renewal: for tests
/// of a store's own.
pub fn samples() -> Result<[Transition; 2], Error> {
    // a space, a slash and a quote: nothing that a store may take apart
    let id = TransactionId::new("a b/'=")?;
    let requested =
        RequestedCertificate::new(&Name::parse(NAME)?, &SubjectPublicKeyInfo::parse(KEY)?, None, None);
    let now = UnixTime::since_unix_epoch(Duration::from_secs(1_700_000_000));
    let retention = Duration::from_secs(3600);
    Ok([([1; 32], Kind::Enrolment), ([2; 32], Kind::Renewal { sha1: false })].map(|(signer, kind)| {
        let key = TransactionKey::new(String::from("conformance"), id.clone(), signer);
        let to = Transaction::new(&key, kind, [9; 32], requested.clone(), now, retention);
        Transition { key, from: None, to, challenge: None, removes: false }
    }))
}

/// Proves on an empty store that it does what [`Store`] asks: nothing stored for an unknown key, keys told apart by
/// endpoint, transactionID and signer, compare-and-set in every direction, values returned as they were given.
///
/// What it cannot prove is durability, and atomicity between processes: test those where the store is written.
pub fn conformance<S: Store>(store: &S) -> Result<(), Violation> {
    let require = |holds: bool, what| if holds { Ok(()) } else { Err(Violation(what)) };
    let load = |key: &TransactionKey| store.load(key).map_err(|_| Violation("load failed"));
    let record = |transition: &Transition| store.record(transition).map_err(|_| Violation("record failed"));
    let [first, second] = samples().map_err(|_| Violation("the samples cannot be made"))?;

    require(load(first.key())?.is_none(), "an unknown key is not None")?;
    let mut early = first.clone();
    early.from = Some(1);
    require(record(&early)? == Recorded::Conflict(None), "a change of nothing is not a conflict")?;
    require(load(first.key())?.is_none(), "a conflict changed the store")?;

    require(record(&first)? == Recorded::Stored, "a first record is not stored")?;
    require(load(first.key())?.as_ref() == Some(first.to()), "what was stored does not come back")?;
    let stored = Some(first.to().clone());
    require(record(&first)? == Recorded::Conflict(stored), "a second creation is not a conflict")?;

    require(load(second.key())?.is_none(), "two signers share a transaction")?;
    require(record(&second)? == Recorded::Stored, "a transactionID is taken by another signer")?;
    let id = first.key().transaction_id().clone();
    let elsewhere = TransactionKey::new(String::from("another endpoint"), id, *first.key().signer());
    require(load(&elsewhere)?.is_none(), "two endpoints share a transaction")?;

    let chain = vec![CertificateDer::from(vec![0; 3000]), CertificateDer::from(vec![1, 2, 3])];
    let now = first.to().created();
    let issued = Transition {
        key: first.key().clone(),
        from: Some(first.to().revision()),
        to: first.to().advanced(State::Issued(chain), now, Duration::from_secs(7200)),
        challenge: None,
        removes: false,
    };
    require(record(&issued)? == Recorded::Stored, "a change at the right revision is not stored")?;
    require(load(first.key())?.as_ref() == Some(issued.to()), "a change does not come back")?;
    let current = Some(issued.to().clone());
    require(record(&issued)? == Recorded::Conflict(current.clone()), "an old revision is not a conflict")?;
    require(load(first.key())? == current, "a conflict changed the store")?;
    require(load(second.key())?.as_ref() == Some(second.to()), "a change reached another transaction")
}

/// Two one-time challenges: for tests of a store's own.
pub fn challenge_samples() -> Result<[OneTimeChallenge; 2], Error> {
    let terms = ChallengeTerms::for_subject(NAME)?;
    Ok([[1; 32], [2; 32]].map(|id| OneTimeChallenge::new(ChallengeId::new(id), terms.clone(), 1_700_003_600)))
}

/// Proves on an empty store that it does what [`ChallengeStore`] asks: what is added comes back, and a challenge and a
/// transaction are changed together or not at all, in every direction.
pub fn challenge_conformance<S: ChallengeStore>(store: &S) -> Result<(), Violation> {
    let require = |holds: bool, what| if holds { Ok(()) } else { Err(Violation(what)) };
    let load = |key: &TransactionKey| store.load(key).map_err(|_| Violation("load failed"));
    let record = |transition: &Transition| store.record(transition).map_err(|_| Violation("record failed"));
    let find = |id: &ChallengeId| store.load_challenge(id).map_err(|_| Violation("load_challenge failed"));
    let made = |_| Violation("the samples cannot be made");
    let ([first, second], [minted, sealed]) = (samples().map_err(made)?, challenge_samples().map_err(made)?);

    require(find(minted.id())?.is_none(), "an unknown challenge is not None")?;
    store.add_challenge(&minted).map_err(|_| Violation("add_challenge failed"))?;
    require(find(minted.id())?.as_ref() == Some(&minted), "what was added does not come back")?;
    require(find(sealed.id())?.is_none(), "two challenges are one")?;

    let until = UnixTime::since_unix_epoch(Duration::from_secs(1_700_000_060));
    let reserve = |transition: &Transition, own: &OneTimeChallenge, from| Transition {
        challenge: Some(ChallengeChange { from, to: own.reserved(*transition.key().signer(), until) }),
        ..transition.clone()
    };
    let stale = reserve(&first, &minted, None);
    require(record(&stale)? == Recorded::Conflict(None), "a challenge that is there counts as absent")?;
    require(load(first.key())?.is_none(), "the transaction was changed without the challenge")?;

    let reserved = reserve(&first, &minted, Some(minted.revision()));
    require(record(&reserved)? == Recorded::Stored, "a challenge is not reserved")?;
    let own = reserved.challenge().map(ChallengeChange::to);
    require(find(minted.id())?.as_ref() == own, "the challenge was not changed with the transaction")?;
    require(
        load(first.key())?.as_ref() == Some(first.to()),
        "the transaction was not changed with the challenge",
    )?;

    let stale = reserve(&first, &reserved_row(&reserved, &minted), own.map(OneTimeChallenge::revision));
    let current = load(first.key())?;
    require(record(&stale)? == Recorded::Conflict(current), "a stale transaction changes a challenge")?;
    require(find(minted.id())?.as_ref() == own, "a challenge was changed without its transaction")?;
    store.add_challenge(&minted).map_err(|_| Violation("a challenge that is there cannot be added again"))?;
    require(find(minted.id())?.as_ref() == own, "to add a challenge again replaced it")?;

    let twice = reserve(&second, &minted, Some(minted.revision()));
    require(record(&twice)? == Recorded::Conflict(None), "a challenge is reserved twice")?;
    require(load(second.key())?.is_none(), "a transaction was stored without its challenge")?;
    let again = reserve(&first, &sealed, None);
    let current = load(first.key())?;
    require(record(&again)? == Recorded::Conflict(current), "the transaction's revision is not looked at")?;
    require(find(sealed.id())?.is_none(), "a challenge was changed without its transaction")?;

    let unseen = reserve(&second, &sealed, None);
    require(record(&unseen)? == Recorded::Stored, "a challenge that is new is not stored when it is used")?;
    require(find(minted.id())?.as_ref() == own, "a change reached another challenge")?;

    let row = reserved_row(&reserved, &minted);
    let gone = Transition {
        key: first.key().clone(),
        from: Some(first.to().revision()),
        to: first.to().advanced(State::Rejected, first.to().created(), Duration::ZERO),
        challenge: Some(ChallengeChange { from: Some(row.revision()), to: row.released() }),
        removes: true,
    };
    require(record(&gone)? == Recorded::Stored, "a transaction cannot be removed")?;
    require(load(first.key())?.is_none(), "a transaction that was removed is there")?;
    require(record(&gone)? == Recorded::Conflict(None), "a transaction is removed twice")?;
    let released = gone.challenge().map(ChallengeChange::to);
    require(find(minted.id())?.as_ref() == released, "a challenge was not changed with what was removed")
}

/// The challenge as that transition leaves it.
fn reserved_row(transition: &Transition, otherwise: &OneTimeChallenge) -> OneTimeChallenge {
    transition.challenge().map_or_else(|| otherwise.clone(), |change| change.to().clone())
}
