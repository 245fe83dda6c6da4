//! The CA's policy: who gets a certificate, who has to wait.

use crate::ca::{Ca, Result, Wanted};
use crate::challenge::{self, ENDPOINT};
use crate::crl;
use crate::files;
use crate::folder::{self, Keys, Layout};
use crate::held::Asked;
use crate::log::complain;
use crate::refusals::Refusals;
use crate::register::Standing;
use crate::store::{SqliteStore, StoreError};
use scep::crypto::rustcrypto::{DES_CBC, PBKDF2_SHA256, PROVIDER};
use scep::crypto::{ChallengePassword, Provider, Random, Rng};
use scep::pki_types::{CertificateDer, UnixTime};
use scep::server::{
    Authorized, CertificateAccess, ChallengeStore as _, Decide, Enrol, Exchange, FindCertificate, FindCrl,
    Identity, IssuancePolicy, IssuedChain, NextCa, OneTimeChallenges, Refusal, Renew, Responder,
    ServerConfig, SharedSecret,
};
use scep::wire::Certificate;
use std::fmt::Display;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Where the lists are taken from that [`PROVIDER`] leaves empty.
static READING_DES: Provider = Provider { read_only_ciphers: &[&DES_CBC], ..PROVIDER };
static WITH_PASSWORDS: Provider = Provider { password_kdfs: &[&PBKDF2_SHA256], ..PROVIDER };

/// What the command line says.
pub(crate) struct Options {
    /// Where keys, certificates and the database are.
    pub(crate) folder: PathBuf,
    /// Who knows it gets any certificate. One-time challenges serve in any case.
    pub(crate) challenge: Option<ChallengePassword>,
    /// Requests whose common name begins like this are held.
    pub(crate) hold: Option<String>,
    /// A held request is granted when it is asked about for this time, unless an operator was faster; 0 for never.
    pub(crate) hold_polls: u32,
    /// How long before its end a certificate may be renewed; at any time if `None`.
    pub(crate) renew_window: Option<Duration>,
    /// Keys and certificates.
    pub(crate) layout: Layout,
    /// Accept SHA-1, 3DES, and clients that sign with another key than the one in their request.
    pub(crate) legacy: bool,
    /// Read single DES.
    pub(crate) danger_des: bool,
    /// Take part with keys that cannot decrypt.
    pub(crate) password_recipients: bool,
    /// How many refusals a source gets in a minute; 0 for any number, and `None` for five, but any number on this machine.
    pub(crate) refusals_per_minute: Option<u32>,
}

/// A CA that answers at one URL: shared by all requests.
pub(crate) struct Endpoint {
    pub(crate) responder: Responder,
    pub(crate) keys: Keys,
    pub(crate) store: SqliteStore,
    pub(crate) legacy: bool,
    pub(crate) danger_des: bool,
    pub(crate) challenges: OneTimeChallenges,
    pub(crate) refusals: Arc<Refusals>,
    folder: PathBuf,
    shared: Option<SharedSecret>,
    hold: Option<String>,
    hold_polls: u32,
    renew_window: Option<Duration>,
}

impl Endpoint {
    /// Reads the folder, or fills it.
    pub(crate) fn open(options: Options) -> Result<Self> {
        let Options {
            folder,
            challenge,
            hold,
            hold_polls,
            renew_window,
            layout,
            legacy,
            danger_des,
            password_recipients,
            refusals_per_minute,
        } = options;
        let mut provider = layout.arithmetic.provider(legacy);
        if danger_des {
            provider.read_only_ciphers = READING_DES.read_only_ciphers;
        }
        if password_recipients {
            provider.password_kdfs = WITH_PASSWORDS.password_kdfs;
        }
        // there is one for as long as the program runs
        let provider: &'static Provider = Box::leak(Box::new(provider));
        fs::create_dir_all(&folder).map_err(|error| format!("--dir {}: {error}", folder.display()))?;
        // two first starts at once would make two CAs
        let lock = files::lock(&folder.join("lock"))?;
        files::tidy(&folder)?;
        let keys = Keys::open(&folder, layout, UnixTime::now(), &mut Random::system())?;
        let responder = config(provider, &keys)
            .map(|config| config.danger_accept_des_cbc(danger_des).danger_accept_other_signer(legacy))
            .and_then(|config| Responder::new(config.password_recipients(password_recipients)))
            .map_err(|error| format!("{}: these certificates do not serve: {error}", folder.display()))?;
        let database = folder::database(&folder);
        let store =
            SqliteStore::open(&database).map_err(|error| format!("{}: {error}", database.display()))?;
        let challenges = challenge::open(&folder, &mut Random::system())?;
        let endpoint = Self {
            responder,
            keys,
            store,
            legacy,
            danger_des,
            folder,
            challenges,
            refusals: Arc::new(Refusals::new(refusals_per_minute)),
            shared: challenge.map(SharedSecret::new),
            hold,
            hold_polls,
            renew_window,
        };
        endpoint.tidy(UnixTime::now())?;
        drop(lock);
        Ok(endpoint)
    }

    /// What is due now and then: expired transactions go, and so do the files of revocation lists that are a day old.
    pub(crate) fn tidy(&self, now: UnixTime) -> Result<()> {
        self.store.purge(now)?;
        for (file, ca) in folder::issuers(&self.folder)? {
            crl::publish(&self.folder, &self.store, file, &ca, now)?;
        }
        Ok(())
    }

    /// Answers the library's question.
    pub(crate) fn decide(&self, question: Decide, rng: &mut Rng<'_>) -> Exchange {
        match question {
            Decide::Enrol(question) if question.is_held() => self.decide_held(question, rng),
            Decide::Enrol(question) => self.decide_new(question, rng),
            Decide::Renew(question) => self.decide_renewal(question, rng),
            Decide::Certificate(question) => self.find_certificate(question, rng),
            Decide::Crl(question) => self.find_crl(question, rng),
            Decide::Issue(authorized) => self.decide_authorized(authorized, rng),
            Decide::Challenge(question) => match &self.shared {
                Some(shared) => shared.answer(question, rng),
                None => question.unknown(rng),
            },
        }
    }

    /// Without a challenge password a good certificate of ours is enough, when its time has come. With the password it
    /// is as if it were a first request.
    fn decide_renewal(&self, question: Renew, rng: &mut Rng<'_>) -> Exchange {
        match self.standing(question.certificate()) {
            Ok(Standing::Good) => {}
            Ok(Standing::Revoked) => return question.refuse(Refusal::Revoked, rng),
            Ok(Standing::Unknown) => return self.decide_new(question.into_enrol(), rng),
            Err(error) => {
                report(error);
                return question.unavailable();
            }
        }
        if self.renew_window.is_some_and(|window| !question.is_due(window)) {
            return match question.challenge() {
                Some(_) => self.decide_new(question.into_enrol(), rng),
                None => question.refuse_because("renewal: too early", rng),
            };
        }
        // a challenge may bring a revoked key back, somebody else's signature may not
        match self.store.is_revoked_key(question.requested().public_key()) {
            Ok(false) => {}
            Ok(true) => return question.refuse(Refusal::Revoked, rng),
            Err(error) => {
                report(error);
                return question.unavailable();
            }
        }
        let renewed = question.certificate().clone();
        match question.approve_unrevoked() {
            Ok(authorized) => self.release(authorized, Some(&renewed), rng),
            // SHA-1: the signature is too weak to be all that there is
            Err(question) => self.decide_new(question.into_enrol(), rng),
        }
    }

    /// What became of a certificate that one of our CAs signed.
    fn standing(&self, certificate: &CertificateDer<'_>) -> std::result::Result<Standing, StoreError> {
        let Ok(read) = Certificate::parse(certificate) else { return Ok(Standing::Unknown) };
        self.store.standing(read.issuer().as_der(), read.serial())
    }

    /// Nobody whose certificate was revoked learns anything.
    fn find_certificate(&self, question: FindCertificate, rng: &mut Rng<'_>) -> Exchange {
        let found = self.standing(question.signer()).and_then(|signer| match signer {
            Standing::Good => {
                let wanted = question.wanted();
                let issuer = self.keys.issuer_named(wanted.issuer).map(Ca::name);
                issuer.map_or(Ok(None), |name| self.store.certificate(name, wanted.serial))
            }
            Standing::Revoked | Standing::Unknown => Ok(None),
        });
        match found {
            Ok(Some(certificate)) => question.found(CertificateDer::from(certificate), rng),
            Ok(None) => question.absent(rng),
            Err(error) => {
                report(error);
                question.unavailable()
            }
        }
    }

    fn find_crl(&self, question: FindCrl, rng: &mut Rng<'_>) -> Exchange {
        let found = match (self.standing(question.signer()), self.keys.issuer_named(question.wanted().issuer))
        {
            (Ok(Standing::Good), Some(ca)) => crl::newest(&self.store, ca, UnixTime::now()).map(Some),
            (Ok(_), _) => Ok(None),
            (Err(error), _) => Err(error.into()),
        };
        match found {
            Ok(Some(crl)) => question.found(crl, rng),
            Ok(None) => question.absent(rng),
            Err(error) => {
                report(error);
                question.unavailable()
            }
        }
    }

    /// Without the right challenge nothing is held either, so a stranger cannot fill the store.
    fn decide_new(&self, question: Enrol, rng: &mut Rng<'_>) -> Exchange {
        let question = match &self.shared {
            Some(shared) => match shared.redeem(question) {
                Ok(authorized) => return self.decide_authorized(authorized, rng),
                Err(question) => *question,
            },
            None => question,
        };
        let stored = match self.challenges.wanted(&question) {
            Ok(Some(id)) => self.store.load_challenge(&id),
            Ok(None) => Ok(None),
            Err(error) => Err(StoreError::Damaged(error)),
        };
        let stored = match stored {
            Ok(stored) => stored,
            Err(error) => {
                report(error);
                return question.unavailable();
            }
        };
        match self.challenges.redeem(question, stored) {
            Ok(exchange) => exchange,
            Err(question) => question.refuse(Refusal::Challenge, rng),
        }
    }

    /// A name that is not certified here is refused before anybody waits for it.
    fn decide_authorized(&self, authorized: Authorized, rng: &mut Rng<'_>) -> Exchange {
        let wanted = match Wanted::new(authorized.requested(), None, self.keys.certificates()) {
            Ok(wanted) => wanted,
            Err(reason) => return authorized.refuse_because(reason, rng),
        };
        let name = authorized.requested().subject().ok().and_then(|subject| subject.common_name());
        match (&self.hold, name) {
            (Some(prefix), Some(name)) if begins_with(&name, prefix) => authorized.hold(rng),
            _ => self.issue(&wanted, authorized, rng),
        }
    }

    /// Plays the person who looks at held requests.
    fn decide_held(&self, question: Enrol, rng: &mut Rng<'_>) -> Exchange {
        match self.store.count_poll(question.transaction()) {
            Ok(Asked { approved: Some(false), .. }) => question.refuse(Refusal::Policy, rng),
            Ok(Asked { approved: Some(true), .. }) => self.release(question.approve(), None, rng),
            Ok(Asked { polls, .. }) if self.hold_polls > 0 && polls >= self.hold_polls => {
                self.release(question.approve(), None, rng)
            }
            Ok(_) => question.hold(rng),
            Err(error) => {
                report(error);
                question.unavailable()
            }
        }
    }

    /// Issues what was approved: a request that was held, or the renewal of a certificate.
    fn release(
        &self,
        authorized: Authorized,
        renewed: Option<&CertificateDer<'_>>,
        rng: &mut Rng<'_>,
    ) -> Exchange {
        match Wanted::new(authorized.requested(), renewed, self.keys.certificates()) {
            Ok(wanted) => self.issue(&wanted, authorized, rng),
            Err(reason) => authorized.refuse_because(reason, rng),
        }
    }

    fn issue(&self, wanted: &Wanted, authorized: Authorized, rng: &mut Rng<'_>) -> Exchange {
        let ca = self.keys.issuer_for(authorized.recipient());
        let leaf = match ca.issue(wanted, UnixTime::now(), rng) {
            Ok(leaf) => leaf,
            Err(error) => {
                report(error);
                return authorized.unavailable();
            }
        };
        // the leaf alone: some clients take the first or the last certificate for their own
        match IssuedChain::new(leaf, Vec::new(), authorized) {
            Ok(issued) => issued.grant(),
            Err(mismatch) => {
                report(mismatch.error);
                mismatch.authorized.unavailable()
            }
        }
    }
}

/// Who opens requests, who issues, and what is switched on.
fn config(provider: &'static Provider, keys: &Keys) -> std::result::Result<ServerConfig, scep::Error> {
    let config = ServerConfig::new(provider, keys.identity.clone(), vec![keys.ca.certificate().clone()])
        .endpoint(ENDPOINT)
        .renewal(true)
        // usages depend on the kind of key here, which a renewal may change, and on nothing that is asked for
        .issuance(IssuancePolicy::default().wider_renewals(true))
        .get_cert(CertificateAccess::Own)
        .get_crl(true);
    let Some(next) = &keys.next else { return Ok(config) };
    let next = next.certificate().clone();
    let draft = NextCa::draft(provider, keys.signs.clone(), vec![next.clone()], Some(UnixTime::now()))?;
    let signature = keys.sign(draft.job(), &mut Random::system());
    let next_ca = draft.complete(signature)?;
    Ok(config.next_ca(next_ca).also_open(Identity::new(next.clone())).also_renew(vec![next]))
}

/// Whether `name` begins like that; names do not differ by the case of their letters.
fn begins_with(name: &str, prefix: &str) -> bool {
    let mut letters = name.chars().flat_map(char::to_lowercase);
    prefix.chars().flat_map(char::to_lowercase).all(|letter| letters.next() == Some(letter))
}

/// Tells the operator about trouble that the log line of a request does not name.
pub(crate) fn report(trouble: impl Display) {
    complain(format_args!("trouble: {trouble}"));
}
