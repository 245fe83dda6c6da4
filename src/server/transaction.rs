//! Transactions (RFC 8894 section 2.5): what is remembered of a request, and the table that says what a further
//! message about it means.

use super::one_time::{ChallengeChange, ChallengeId};
use super::terms::ChallengeTerms;
use crate::error::{Error, Limit, PeerMisbehaved};
use crate::message::codec::{DAMAGED, Decoder, Encoder};
use crate::wire::attributes::TransactionId;
use crate::wire::extension::Extensions;
use crate::wire::limits::Limits;
use crate::wire::name::Name;
use crate::wire::public_key::SubjectPublicKeyInfo;
use crate::wire::requested_validity::{RequestedValidity, ValidityUnit};
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;
use rustls_pki_types::{CertificateDer, UnixTime};

/// What identifies a transaction: the endpoint, the transactionID, and the key that signs its messages. A stranger
/// who knows a transactionID finds nothing under it (T26).
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct TransactionKey {
    endpoint: String,
    transaction_id: TransactionId,
    signer: [u8; 32],
}

impl TransactionKey {
    pub(super) fn new(endpoint: String, transaction_id: TransactionId, signer: [u8; 32]) -> Self {
        Self { endpoint, transaction_id, signer }
    }

    /// The endpoint's name, as configured.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The transactionID as the client chose it: 1 to 255 arbitrary bytes. Never a file name.
    pub fn transaction_id(&self) -> &TransactionId {
        &self.transaction_id
    }

    /// SHA-256 of the signer's SubjectPublicKeyInfo.
    pub fn signer(&self) -> &[u8; 32] {
        &self.signer
    }
}

/// What [`Transaction`] remembers of its key, so that a store that mixes rows up is noticed.
fn bound(key: &TransactionKey) -> Vec<u8> {
    let mut encoder = Encoder::new(*b"SCK1");
    encoder.bytes(key.endpoint.as_bytes());
    encoder.bytes(key.transaction_id.as_bytes());
    encoder.bytes(&key.signer);
    encoder.finish()
}

impl fmt::Debug for TransactionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TransactionKey({}, {})", self.endpoint, self.transaction_id)
    }
}

/// What a client asks to be certified. The challenge password is not part of it, so it may be stored.
#[derive(Clone, PartialEq, Eq)]
pub struct RequestedCertificate {
    subject: Vec<u8>,
    public_key: Vec<u8>,
    extensions: Vec<u8>,
    validity: Option<RequestedValidity>,
}

impl RequestedCertificate {
    pub(super) fn new(
        subject: &Name<'_>,
        public_key: &SubjectPublicKeyInfo<'_>,
        extensions: Option<&Extensions<'_>>,
        validity: Option<RequestedValidity>,
    ) -> Self {
        Self {
            subject: subject.as_der().to_vec(),
            public_key: public_key.as_der().to_vec(),
            extensions: extensions.map(|extensions| extensions.as_der().to_vec()).unwrap_or_default(),
            validity,
        }
    }

    /// The subject asked for.
    pub fn subject(&self) -> Result<Name<'_>, Error> {
        Name::parse(&self.subject)
    }

    /// The subject's public key, DER SubjectPublicKeyInfo. Possession of the private key was shown.
    pub fn public_key(&self) -> &[u8] {
        &self.public_key
    }

    /// The extensions asked for. They are wishes: an issuer takes over what its policy allows and nothing else.
    pub fn extensions(&self, limits: &Limits) -> Result<Option<Extensions<'_>>, Error> {
        if self.extensions.is_empty() {
            return Ok(None);
        }
        Extensions::parse(&self.extensions, limits).map(Some)
    }

    /// How long the certificate is asked to be valid, as Windows does: a wish too, for a
    /// [`ValidityPolicy`](super::ValidityPolicy).
    pub fn validity(&self) -> Option<RequestedValidity> {
        self.validity
    }
}

impl fmt::Debug for RequestedCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.subject() {
            Ok(subject) => write!(f, "RequestedCertificate({subject})"),
            Err(_) => f.write_str("RequestedCertificate(..)"),
        }
    }
}

/// Where a transaction stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Held for a decision.
    Pending,
    /// Authorised by a one-time challenge, and being issued.
    Issuing {
        /// The challenge, which is reserved for this transaction.
        challenge: ChallengeId,
        /// From then on whoever was to issue counts as gone.
        until: UnixTime,
    },
    /// Granted: the certificate, then whatever goes out with it.
    Issued(Vec<CertificateDer<'static>>),
    /// Refused for good.
    Rejected,
}

/// What a request is: that of a sender who proved nothing but the possession of a key, or a renewal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Decided by a challenge password, or by a person.
    Enrolment,
    /// Signed under the certificate to be renewed.
    Renewal {
        /// Signed with SHA-1.
        sha1: bool,
    },
}

impl Kind {
    const ALL: [Self; 3] = [Self::Enrolment, Self::Renewal { sha1: false }, Self::Renewal { sha1: true }];

    const fn number(self) -> u64 {
        match self {
            Self::Enrolment => 0,
            Self::Renewal { sha1: false } => 1,
            Self::Renewal { sha1: true } => 2,
        }
    }
}

/// What a store keeps for a [`TransactionKey`]: the outcome, never reply bytes and never a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transaction {
    key: Vec<u8>,
    revision: u64,
    kind: Kind,
    request_hash: [u8; 32],
    requested: RequestedCertificate,
    terms: Option<ChallengeTerms>,
    state: State,
    created: u64,
    expires: u64,
}

const MAGIC: [u8; 4] = *b"SCT3";
/// The version before, which knew neither terms nor validity, and is still read.
const MAGIC_WITHOUT_TERMS: [u8; 4] = *b"SCT2";

impl Transaction {
    pub(super) fn new(
        key: &TransactionKey,
        kind: Kind,
        request_hash: [u8; 32],
        requested: RequestedCertificate,
        now: UnixTime,
        retention: Duration,
    ) -> Self {
        let (created, state, terms) = (now.as_secs(), State::Pending, None);
        let expires = created.saturating_add(retention.as_secs());
        Self { key: bound(key), revision: 1, kind, request_hash, requested, terms, state, created, expires }
    }

    /// This transaction in another state, one revision later.
    pub(super) fn advanced(&self, state: State, now: UnixTime, retention: Duration) -> Self {
        let expires = now.as_secs().saturating_add(retention.as_secs());
        Self { revision: self.revision.saturating_add(1), state, expires, ..self.clone() }
    }

    /// This transaction, new, in another state than pending.
    pub(super) fn starting_as(self, state: State, now: UnixTime, retention: Duration) -> Self {
        Self { state, expires: now.as_secs().saturating_add(retention.as_secs()), ..self }
    }

    pub(super) fn kind(&self) -> Kind {
        self.kind
    }

    /// For one that was not recorded yet.
    pub(super) fn set_kind(&mut self, kind: Kind) {
        self.kind = kind;
    }

    /// The same under a one-time challenge with these terms.
    pub(super) fn under(self, terms: &ChallengeTerms) -> Self {
        Self { terms: Some(terms.clone()), ..self }
    }

    /// What the message behind this transaction asked for.
    pub(super) fn asked(&self) -> Asked {
        Asked::Certificate(self.request_hash)
    }

    /// SHA-256 of the request.
    pub(super) fn request_hash(&self) -> &[u8; 32] {
        &self.request_hash
    }

    /// This transaction behind `previous`, which it replaces.
    pub(super) fn replacing(mut self, previous: Option<&Self>) -> Self {
        self.revision = previous.map_or(0, |previous| previous.revision).saturating_add(1);
        self
    }

    /// This transaction again, after `other` took its place for a while.
    pub(super) fn restored(self, other: &Self) -> Self {
        self.replacing(Some(other))
    }

    /// The key that it was recorded under.
    pub(super) fn owner(&self) -> &[u8] {
        &self.key
    }

    /// Whether it was recorded under this key.
    pub(super) fn belongs_to(&self, key: &TransactionKey) -> bool {
        self.key == bound(key)
    }

    /// Counts up with every change; what compare-and-set compares.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// Whether it is the renewal of a certificate. One that is held is never decided as a first request.
    pub fn is_renewal(&self) -> bool {
        self.kind != Kind::Enrolment
    }

    /// What is asked for.
    pub fn requested(&self) -> &RequestedCertificate {
        &self.requested
    }

    /// What the one-time challenge allows that it came with, if it came with one. The certificate has to keep to it, also
    /// when the request is held and approved later.
    pub fn terms(&self) -> Option<&ChallengeTerms> {
        self.terms.as_ref()
    }

    /// Where it stands.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// When it was first recorded.
    pub fn created(&self) -> UnixTime {
        UnixTime::since_unix_epoch(Duration::from_secs(self.created))
    }

    /// When a store may forget it. From then on it counts as gone.
    pub fn expires(&self) -> UnixTime {
        UnixTime::since_unix_epoch(Duration::from_secs(self.expires))
    }

    /// The form to store, with a version in front.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut encoder = Encoder::new(MAGIC);
        encoder.bytes(&self.key);
        encoder.number(self.revision);
        encoder.number(self.kind.number());
        encoder.bytes(&self.request_hash);
        encoder.bytes(&self.requested.subject);
        encoder.bytes(&self.requested.public_key);
        encoder.bytes(&self.requested.extensions);
        write_validity(&mut encoder, self.requested.validity);
        encoder.number(self.terms.is_some().into());
        if let Some(terms) = &self.terms {
            terms.encode(&mut encoder);
        }
        encoder.number(self.created);
        encoder.number(self.expires);
        match &self.state {
            State::Pending => encoder.number(0),
            State::Issued(chain) => {
                encoder.number(1);
                encoder.list(chain);
            }
            State::Rejected => encoder.number(2),
            State::Issuing { challenge, until } => {
                encoder.number(3);
                encoder.bytes(challenge.as_bytes());
                encoder.number(until.as_secs());
            }
        }
        encoder.finish()
    }

    /// Reads the stored form; [`SavedState`](crate::error::InvalidMessage::SavedState) when it is another version
    /// or damaged.
    pub fn from_bytes(stored: &[u8]) -> Result<Self, Error> {
        let (mut decoder, has_terms) = match Decoder::new(stored, MAGIC) {
            Ok(decoder) => (decoder, true),
            Err(_) => (Decoder::new(stored, MAGIC_WITHOUT_TERMS)?, false),
        };
        let key = decoder.bytes()?.to_vec();
        let revision = decoder.number()?;
        let number = decoder.number()?;
        let kind = Kind::ALL.into_iter().find(|kind| kind.number() == number).ok_or(DAMAGED)?;
        let request_hash = decoder.bytes()?.try_into().map_err(|_| DAMAGED)?;
        let requested = RequestedCertificate {
            subject: decoder.bytes()?.to_vec(),
            public_key: decoder.bytes()?.to_vec(),
            extensions: decoder.bytes()?.to_vec(),
            validity: if has_terms { read_validity(&mut decoder)? } else { None },
        };
        let terms = match if has_terms { decoder.number()? } else { 0 } {
            0 => None,
            1 => Some(ChallengeTerms::decode(&mut decoder)?),
            _ => return Err(DAMAGED),
        };
        let created = decoder.number()?;
        let expires = decoder.number()?;
        let state = match decoder.number()? {
            0 => State::Pending,
            1 => State::Issued(
                decoder.list(64)?.into_iter().map(|der| CertificateDer::from(der).into_owned()).collect(),
            ),
            2 => State::Rejected,
            3 => State::Issuing {
                challenge: ChallengeId::new(decoder.bytes()?.try_into().map_err(|_| DAMAGED)?),
                until: UnixTime::since_unix_epoch(Duration::from_secs(decoder.number()?)),
            },
            _ => return Err(DAMAGED),
        };
        decoder.finish()?;
        Ok(Self { key, revision, kind, request_hash, requested, terms, state, created, expires })
    }
}

/// The number of the unit, from 1 on, and how many; 0 for none.
fn write_validity(encoder: &mut Encoder, validity: Option<RequestedValidity>) {
    let units = (1..).zip(ValidityUnit::ALL);
    let number = |unit| units.clone().find(|(_, (known, _))| *known == unit).map_or(0, |(number, _)| number);
    encoder.number(validity.map_or(0, |validity| number(validity.unit)));
    if let Some(validity) = validity {
        encoder.number(validity.count.into());
    }
}

fn read_validity(decoder: &mut Decoder<'_>) -> Result<Option<RequestedValidity>, Error> {
    let Some(index) = decoder.number()?.checked_sub(1) else { return Ok(None) };
    let units = (0u64..).zip(ValidityUnit::ALL);
    let unit = units.into_iter().find(|(number, _)| *number == index).map(|(_, (unit, _))| unit);
    let count = u32::try_from(decoder.number()?).map_err(|_| DAMAGED)?;
    Ok(Some(RequestedValidity { unit: unit.ok_or(DAMAGED)?, count }))
}

/// A change for a store to make, if nothing else has changed the transaction since it was looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transition {
    pub(super) key: TransactionKey,
    pub(super) from: Option<u64>,
    pub(super) to: Transaction,
    pub(super) challenge: Option<ChallengeChange>,
    pub(super) removes: bool,
}

impl Transition {
    /// The transaction to change.
    pub fn key(&self) -> &TransactionKey {
        &self.key
    }

    /// The revision that must be stored now; `None` when nothing may be.
    pub fn from(&self) -> Option<u64> {
        self.from
    }

    /// What to store.
    pub fn to(&self) -> &Transaction {
        &self.to
    }

    /// Whether nothing is to be kept of the transaction: it is deleted where it would be changed. [`Self::to`] has
    /// expired then.
    pub fn removes(&self) -> bool {
        self.removes
    }

    /// What becomes of a one-time challenge in the same step: both are changed, or neither. Only who answers questions
    /// by [`OneTimeChallenges`](super::OneTimeChallenges) sees one.
    pub fn challenge(&self) -> Option<&ChallengeChange> {
        self.challenge.as_ref()
    }
}

/// What a message asks of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// A certificate, by a certification request with this SHA-256 hash.
    Certificate([u8; 32]),
    /// The outcome (CertPoll).
    Outcome,
}

/// What the table says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ruling {
    /// A new request: decide.
    Decide,
    /// A request that is held, or whose certificate was not issued in time: decide again, or go on holding.
    DecideHeld,
    /// A request whose certificate is being issued: answer PENDING.
    Hold,
    /// Answer with the certificate that was issued.
    Deliver,
    /// Refuse.
    Refuse(PeerMisbehaved),
}

/// The transaction table: what a message means, given what is stored. A transaction past its
/// [`Transaction::expires`] counts as gone.
///
/// ```text
///            certificate, same request   certificate, other request   outcome
/// gone       Decide                      Decide                       Refuse(UnknownTransaction)
/// Pending    DecideHeld                  Refuse(TransactionBusy)      DecideHeld
/// Issuing    Hold                        Refuse(TransactionBusy)      Hold
/// Issuing*   Decide                      Decide                       DecideHeld
/// Issued     Deliver                     Decide                       Deliver
/// Rejected   Refuse(StoredRefusal)       Decide                       Refuse(StoredRefusal)
///                                                                     * and its time is over
/// ```
pub fn rule(stored: Option<&Transaction>, asked: Asked, now: UnixTime) -> Ruling {
    let Some(stored) = stored.filter(|stored| now < stored.expires()) else {
        return match asked {
            Asked::Certificate(_) => Ruling::Decide,
            Asked::Outcome => Ruling::Refuse(PeerMisbehaved::UnknownTransaction),
        };
    };
    let same = match asked {
        Asked::Certificate(hash) => hash == stored.request_hash,
        Asked::Outcome => true,
    };
    match (&stored.state, same) {
        (State::Issuing { until, .. }, _) if now >= *until => match asked {
            Asked::Certificate(_) => Ruling::Decide,
            Asked::Outcome => Ruling::DecideHeld,
        },
        (State::Issuing { .. }, true) => Ruling::Hold,
        (State::Pending, true) => Ruling::DecideHeld,
        (State::Pending | State::Issuing { .. }, false) => Ruling::Refuse(PeerMisbehaved::TransactionBusy),
        (State::Issued(_), true) => Ruling::Deliver,
        (State::Rejected, true) => Ruling::Refuse(PeerMisbehaved::StoredRefusal),
        (State::Issued(_) | State::Rejected, false) => Ruling::Decide,
    }
}

/// The most certificates that one outcome may hold.
pub(super) fn check_chain_length(length: usize) -> Result<(), Error> {
    if length > 16 { Err(Limit::Certificates.into()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::InvalidMessage;
    use alloc::vec;

    const HASH: [u8; 32] = [1; 32];
    const SAME: Asked = Asked::Certificate(HASH);
    const OTHER: Asked = Asked::Certificate([2; 32]);

    fn at(seconds: u64) -> UnixTime {
        UnixTime::since_unix_epoch(Duration::from_secs(seconds))
    }

    fn stored(state: State) -> Transaction {
        stored_as(Kind::Enrolment, state)
    }

    fn stored_as(kind: Kind, state: State) -> Transaction {
        let validity = Some(RequestedValidity { unit: ValidityUnit::Years, count: u32::MAX });
        let requested =
            RequestedCertificate { subject: vec![1], public_key: vec![2], extensions: vec![], validity };
        let id = TransactionId::new("1").unwrap();
        let key = TransactionKey::new("endpoint".into(), id, [7; 32]);
        let retention = Duration::from_secs(50);
        let transaction = Transaction::new(&key, kind, HASH, requested, at(100), retention);
        let terms = ChallengeTerms::any_subject().rsa_key(2048);
        transaction.starting_as(state, at(100), retention).under(&terms)
    }

    fn issued() -> State {
        State::Issued(vec![CertificateDer::from(vec![3])])
    }

    // R-5.2-5, R-5.2-3, R-4.4-2, E18, E19: the whole table
    #[test]
    fn every_cell_of_the_table_holds() {
        use PeerMisbehaved::{StoredRefusal, TransactionBusy, UnknownTransaction};
        let cells = [
            (None, SAME, Ruling::Decide),
            (None, Asked::Outcome, Ruling::Refuse(UnknownTransaction)),
            (Some(State::Pending), SAME, Ruling::DecideHeld),
            (Some(State::Pending), OTHER, Ruling::Refuse(TransactionBusy)),
            (Some(State::Pending), Asked::Outcome, Ruling::DecideHeld),
            (Some(issued()), SAME, Ruling::Deliver),
            (Some(issued()), OTHER, Ruling::Decide),
            (Some(issued()), Asked::Outcome, Ruling::Deliver),
            (Some(State::Rejected), SAME, Ruling::Refuse(StoredRefusal)),
            (Some(State::Rejected), OTHER, Ruling::Decide),
            (Some(State::Rejected), Asked::Outcome, Ruling::Refuse(StoredRefusal)),
        ];
        for (state, asked, ruling) in cells {
            assert_eq!(
                rule(state.clone().map(stored).as_ref(), asked, at(120)),
                ruling,
                "{state:?} {asked:?}"
            );
        }
    }

    // T9: while a certificate is being issued, and when whoever was to issue it is gone
    #[test]
    fn a_transaction_that_is_being_issued_waits_until_its_time_is_over() {
        let until = at(130);
        let stored = stored(State::Issuing { challenge: ChallengeId::new([5; 32]), until });
        let busy = Ruling::Refuse(PeerMisbehaved::TransactionBusy);
        let cells = [
            (SAME, Ruling::Hold, Ruling::Decide),
            (OTHER, busy, Ruling::Decide),
            (Asked::Outcome, Ruling::Hold, Ruling::DecideHeld),
        ];
        for (asked, before, after) in cells {
            assert_eq!(rule(Some(&stored), asked, at(129)), before, "{asked:?}");
            assert_eq!(rule(Some(&stored), asked, until), after, "{asked:?}");
        }
        assert_eq!(Transaction::from_bytes(&stored.to_bytes()).unwrap(), stored);
    }

    #[test]
    fn an_expired_transaction_is_gone() {
        let transaction = stored(issued());
        assert_eq!(rule(Some(&transaction), SAME, at(149)), Ruling::Deliver);
        assert_eq!(rule(Some(&transaction), SAME, at(150)), Ruling::Decide);
        assert_eq!(
            rule(Some(&transaction), Asked::Outcome, at(150)),
            Ruling::Refuse(PeerMisbehaved::UnknownTransaction)
        );
    }

    #[test]
    fn the_stored_form_is_read_back_and_damage_is_refused() {
        for (kind, state) in Kind::ALL.into_iter().zip([State::Pending, issued(), State::Rejected]) {
            let transaction = stored_as(kind, state);
            assert_eq!(transaction.is_renewal(), kind != Kind::Enrolment);
            let bytes = transaction.to_bytes();
            assert_eq!(Transaction::from_bytes(&bytes).as_ref(), Ok(&transaction));
            for length in 0..bytes.len() {
                assert!(Transaction::from_bytes(&bytes[..length]).is_err());
            }
        }
    }

    // T54: what was held before this version is not lost
    #[test]
    fn the_form_without_validity_and_terms_is_read() {
        for validity in [None, Some(RequestedValidity { unit: ValidityUnit::Seconds, count: 0 })] {
            let mut transaction = stored(State::Pending);
            (transaction.requested.validity, transaction.terms) = (validity, None);
            let mut bytes = transaction.to_bytes();
            assert_eq!(Transaction::from_bytes(&bytes).as_ref(), Ok(&transaction));
            // behind them are two times and the state, of 8 bytes each
            let end = bytes.len() - 24;
            let begin = end - if validity.is_some() { 24 } else { 16 };
            let mut unknown = bytes.clone();
            unknown[begin + 7] = 8;
            assert_eq!(Transaction::from_bytes(&unknown), Err(InvalidMessage::SavedState.into()));
            bytes.drain(begin..end);
            bytes[3] = b'2';
            transaction.requested.validity = None;
            assert_eq!(Transaction::from_bytes(&bytes), Ok(transaction));
        }
    }

    // T54: an older version did not know renewals
    #[test]
    fn the_form_of_an_older_version_is_refused() {
        let mut bytes = stored(State::Pending).to_bytes();
        bytes[3] = b'1';
        assert_eq!(Transaction::from_bytes(&bytes), Err(InvalidMessage::SavedState.into()));
    }
}
