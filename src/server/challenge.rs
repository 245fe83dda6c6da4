//! Challenge passwords (RFC 8894 sections 2.4 and 7.3): one-time, or the one secret of a lab.

use super::exchange::Exchange;
use super::grant::{Authorized, Evidence};
use super::one_time::{ChallengeId, OneTimeChallenge};
use super::outcome::Event;
use super::password::FindChallenge;
use super::question::Enrol;
use super::sealed;
use super::terms::ChallengeTerms;
use crate::crypto::random::random_array;
use crate::crypto::{ChallengePassword, Provider, Rng, hmac_sha256};
use crate::error::{ApiMisuse, Error, RngFailed, Unavailable};
use alloc::boxed::Box;
use alloc::string::String;
use core::fmt::{self, Write as _};
use core::time::Duration;
use rustls_pki_types::UnixTime;
use zeroize::Zeroizing;

/// One password for everybody, for tests and labs: whoever knows it may ask for any subject, any number of times.
pub struct SharedSecret(ChallengePassword);

impl SharedSecret {
    /// Takes the password.
    pub fn new(secret: ChallengePassword) -> Self {
        Self(secret)
    }

    /// Authorises the request if its challenge is the secret, else gives the question back: it has no challenge, or a
    /// wrong one. They are compared in constant time.
    pub fn redeem(&self, question: Enrol) -> Result<Authorized, Box<Enrol>> {
        if question.challenge().is_some_and(|challenge| challenge.matches(&self.0)) {
            Ok(question.authorize(Evidence::SharedSecret))
        } else {
            Err(Box::new(question))
        }
    }

    /// Answers the question for a sender's password: it is the secret, as everybody's is.
    pub fn answer(&self, question: FindChallenge, rng: &mut Rng<'_>) -> Exchange {
        match ChallengePassword::new(self.0.expose()) {
            Ok(secret) => question.answer(secret, rng),
            Err(_) => question.unknown(rng),
        }
    }
}

impl fmt::Debug for SharedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SharedSecret(..)")
    }
}

/// The secret under which one-time challenges are hashed and sealed, 32 random bytes. Whoever has it and the store can
/// guess weak challenges; ours are not weak. Whoever has it can seal some.
pub struct ChallengeKey(Zeroizing<[u8; 32]>);

impl ChallengeKey {
    /// Draws one.
    pub fn generate(rng: &mut Rng<'_>) -> Result<Self, RngFailed> {
        random_array(rng).map(Self::from_bytes)
    }

    /// Takes one that was kept.
    pub fn from_bytes(key: [u8; 32]) -> Self {
        Self(Zeroizing::new(key))
    }

    /// The secret bytes, for the one place that has to keep them.
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for ChallengeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ChallengeKey(..)")
    }
}

/// Makes one-time challenges, and redeems them: each authorises one certificate, until it expires, and only what its
/// [`ChallengeTerms`] allow (RFC 8894 section 7.3).
///
/// They live in the same store as transactions. To redeem one reserves it and records the transaction in one atomic step,
/// *before* a certificate is made; [`Decide::Issue`](super::Decide::Issue) comes after that. To grant or to hold the request
/// spends it, to refuse it or to be unable to issue releases it, again in one step with the transaction. So two requests,
/// or two servers on one store, never get as far as the issuer with one challenge. Where a server dies between the two
/// steps, the reservation ends after [`Self::lease`].
///
/// A challenge that was [minted](Self::mint) is a random text whose keyed hash is stored; one that was
/// [sealed](Self::seal) carries what it allows, with a code, and is stored when it is used. Neither serves for recipients
/// by password ([`Decide::Challenge`](super::Decide::Challenge)): these need the text itself.
#[derive(Debug)]
pub struct OneTimeChallenges {
    provider: &'static Provider,
    endpoint: String,
    key: ChallengeKey,
    lease: Duration,
}

impl OneTimeChallenges {
    /// For the endpoint of this name ([`ServerConfig::endpoint`](super::ServerConfig::endpoint)); at others they count
    /// for nothing. Every server of the endpoint needs the same key.
    pub fn new(provider: &'static Provider, endpoint: impl Into<String>, key: ChallengeKey) -> Self {
        Self { provider, endpoint: endpoint.into(), key, lease: Duration::from_secs(60) }
    }

    /// How long a certificate may take to be issued; one minute unless this says otherwise. An answer that comes later
    /// finds the challenge taken by another request, if there was one, and then it is not sent. So this has to be longer
    /// than issuing takes and than the clocks of the servers differ: with a shorter one a second certificate is asked for
    /// each time that it ends.
    #[must_use]
    pub fn lease(mut self, time: Duration) -> Self {
        self.lease = time;
        self
    }

    /// Makes a challenge: the text for the device, 32 hexadecimal digits with 128 random bits, and what to
    /// [store](super::ChallengeStore::add_challenge).
    pub fn mint(
        &self,
        terms: ChallengeTerms,
        now: UnixTime,
        lifetime: Duration,
        rng: &mut Rng<'_>,
    ) -> Result<(ChallengePassword, OneTimeChallenge), Error> {
        let random = Zeroizing::new(random_array::<16>(rng)?);
        let mut text = Zeroizing::new(String::with_capacity(32));
        for byte in random.iter() {
            // into a string: never fails
            let _ = write!(text, "{byte:02X}");
        }
        let text = ChallengePassword::new(core::mem::take(&mut *text))?;
        let challenge = self.adopt(&text, terms, now, lifetime)?;
        Ok((text, challenge))
    }

    /// Takes up a text that another system made for one device: what to
    /// [store](super::ChallengeStore::add_challenge). Guessing has to be hopeless: see
    /// [`ChallengePassword::is_strong`].
    pub fn adopt(
        &self,
        challenge: &ChallengePassword,
        terms: ChallengeTerms,
        now: UnixTime,
        lifetime: Duration,
    ) -> Result<OneTimeChallenge, Error> {
        let id = self.id(challenge.expose())?;
        let challenge = OneTimeChallenge::new(id, terms, end(now, lifetime));
        // terms that could not be read back
        OneTimeChallenge::from_bytes(&challenge.to_bytes()).map_err(|_| ApiMisuse::Terms)?;
        Ok(challenge)
    }

    /// Makes a challenge that need not be stored before it is used: base64 of what it allows, with a code under the key.
    /// The text can be read by whoever has it, and is longer than a minted one: some 150 characters and four for each
    /// three bytes of the names. Not every device takes more than 255. That it was used is remembered for a day after its
    /// end; a clock that is wrong by more, or a request that waits longer for a key, could use it again.
    pub fn seal(
        &self,
        terms: &ChallengeTerms,
        now: UnixTime,
        lifetime: Duration,
        rng: &mut Rng<'_>,
    ) -> Result<ChallengePassword, Error> {
        OneTimeChallenge::from_bytes(
            &OneTimeChallenge::new(ChallengeId::new([0; 32]), terms.clone(), 0).to_bytes(),
        )
        .map_err(|_| ApiMisuse::Terms)?;
        let text = sealed::seal(self.provider, &self.key, &self.endpoint, terms, end(now, lifetime), rng)?;
        ChallengePassword::new(text)
    }

    /// What to [look up](super::ChallengeStore::load_challenge) for a question: the challenge that came with this message,
    /// or that of a request whose certificate was not issued in time. `None`: there is neither.
    pub fn wanted(&self, question: &Enrol) -> Result<Option<ChallengeId>, Error> {
        if question.transaction().endpoint() != self.endpoint {
            return Ok(None);
        }
        match question.challenge() {
            Some(challenge) => self.id(challenge.expose()).map(Some),
            None => Ok(question.reserved_challenge()),
        }
    }

    /// Reserves the challenge of [`Self::wanted`], and records the request with it: `stored` is what the store holds of
    /// it. After that the library asks [`Decide::Issue`](super::Decide::Issue).
    ///
    /// The question comes back when the challenge is missing, unknown, expired, spent, reserved by another request, or
    /// does not allow what is asked for; when the request is for another key than it is signed with, unless
    /// [`danger_accept_other_signer`](super::ServerConfig::danger_accept_other_signer) is on; and when the key cannot
    /// decrypt, so that the reply would need the text: [refuse](Enrol::refuse) it with
    /// [`Refusal::Challenge`](super::Refusal::Challenge), which tells the peer nothing more. A challenge that is used
    /// twice is an [`Event::ChallengeReuse`]. Where this very request has taken it meanwhile, by another server or by a
    /// copy of the message, the exchange goes on with another [`Lookup`](super::Lookup).
    pub fn redeem(
        &self,
        mut question: Enrol,
        stored: Option<OneTimeChallenge>,
    ) -> Result<Exchange, Box<Enrol>> {
        match self.check(&mut question, stored) {
            Ok(Verdict::Free(from, challenge)) => Ok(question.0.reserve(from, &challenge, self.lease)),
            Ok(Verdict::Own { .. }) if !question.0.session.looked_again => Ok(question.0.look_again()),
            Ok(Verdict::Own { spent: false }) => {
                Ok(question.0.session.unavailable(Unavailable::Changed.into()))
            }
            // of a transaction that was forgotten
            Ok(Verdict::Own { spent: true } | Verdict::Taken) => {
                question.0.session.events.push(Event::ChallengeReuse);
                Err(Box::new(question))
            }
            // nothing is recorded, whatever is wrong
            Ok(Verdict::Useless) | Err(_) => Err(Box::new(question)),
        }
    }

    fn check(&self, question: &mut Enrol, stored: Option<OneTimeChallenge>) -> Result<Verdict, Error> {
        let Some(id) = self.wanted(question)? else { return Ok(Verdict::Useless) };
        let now = question.0.session.now;
        let from = stored.as_ref().map(OneTimeChallenge::revision);
        let challenge = match (stored, question.challenge()) {
            (Some(stored), _) if *stored.id() == id => stored,
            (Some(_), _) | (None, None) => return Ok(Verdict::Useless),
            (None, Some(text)) => {
                match sealed::open(self.provider, &self.key, &self.endpoint, text.expose())? {
                    Some(sealed) => OneTimeChallenge::new(id, sealed.terms, sealed.expires),
                    None => return Ok(Verdict::Useless),
                }
            }
        };
        let is_free = challenge.is_free(now);
        if !is_free && challenge.is_claimed_by(&question.0.owner()?) {
            return Ok(Verdict::Own { spent: challenge.is_spent() });
        }
        if challenge.has_expired(now) {
            return Ok(Verdict::Useless);
        }
        if !is_free {
            return Ok(Verdict::Taken);
        }
        let config = &question.0.session.config;
        // whoever has a certificate for the same subject could use up a challenge that he recorded (R-2.3-11); and the
        // text that would have to protect the reply is not kept
        let borrowed = question.0.is_for_other_key() && !config.other_signer;
        if borrowed || question.0.session.is_password_recipient() {
            return Ok(Verdict::Useless);
        }
        let limits = &config.limits;
        let allowed = challenge.terms().allow(question.requested(), limits)?;
        Ok(if allowed { Verdict::Free(from, Box::new(challenge)) } else { Verdict::Useless })
    }

    /// A sealed challenge counts by its code alone: its text can be written in more than one way.
    fn id(&self, text: &str) -> Result<ChallengeId, Error> {
        let sealed = sealed::open(self.provider, &self.key, &self.endpoint, text)?;
        let what = sealed.as_ref().map_or(text.as_bytes(), |sealed| &sealed.code);
        let id =
            hmac_sha256(self.provider, self.key.expose(), &[b"id\0", self.endpoint.as_bytes(), b"\0", what])?;
        Ok(ChallengeId::new(id))
    }
}

/// What a challenge is worth to a request.
enum Verdict {
    /// It may have it; with the revision that is stored.
    Free(Option<u64>, Box<OneTimeChallenge>),
    /// It has it already, or has used it up.
    Own {
        spent: bool,
    },
    /// Another request has.
    Taken,
    Useless,
}

/// Seconds since 1970.
fn end(now: UnixTime, lifetime: Duration) -> u64 {
    now.as_secs().saturating_add(lifetime.as_secs())
}
