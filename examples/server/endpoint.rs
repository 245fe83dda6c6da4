//! The CA's policy: who gets a certificate, who has to wait.

use crate::ca::{Result, Wanted};
use crate::files;
use crate::folder::{self, Keys, Ra};
use crate::log::complain;
use crate::store::SqliteStore;
use scep::crypto::rustcrypto::{DES_CBC, PROVIDER, PROVIDER_WITH_LEGACY};
use scep::crypto::{ChallengePassword, Provider, Random, Rng};
use scep::pki_types::UnixTime;
use scep::server::{
    Authorized, Decide, Enrol, Exchange, IssuedChain, Refusal, Responder, ServerConfig, SharedSecret,
};
use std::fmt::Display;
use std::fs;
use std::path::PathBuf;

/// A held request is granted when it is asked about for this time.
const RELEASED_AT_POLL: u32 = 3;

/// What [`PROVIDER`] lists, and single DES for reading.
static PROVIDER_READING_DES: Provider = Provider { read_only_ciphers: &[&DES_CBC], ..PROVIDER };

/// What the command line says.
pub(crate) struct Options {
    /// Where keys, certificates and the database are.
    pub(crate) folder: PathBuf,
    /// Who knows it gets any certificate.
    pub(crate) challenge: ChallengePassword,
    /// Requests whose common name begins like this are held.
    pub(crate) hold: Option<String>,
    /// Who speaks SCEP.
    pub(crate) ra: Ra,
    /// Modulus of new keys.
    pub(crate) key_bits: usize,
    /// Accept SHA-1 and 3DES.
    pub(crate) legacy: bool,
    /// Read single DES.
    pub(crate) danger_des: bool,
}

/// A CA that answers at one URL: shared by all requests.
pub(crate) struct Endpoint {
    pub(crate) responder: Responder,
    pub(crate) keys: Keys,
    pub(crate) store: SqliteStore,
    pub(crate) legacy: bool,
    pub(crate) danger_des: bool,
    challenge: SharedSecret,
    hold: Option<String>,
}

impl Endpoint {
    /// Reads the folder, or fills it.
    pub(crate) fn open(options: Options) -> Result<Self> {
        let Options { folder, challenge, hold, ra, key_bits, legacy, danger_des } = options;
        let provider = match (legacy, danger_des) {
            (true, _) => &PROVIDER_WITH_LEGACY,
            (false, true) => &PROVIDER_READING_DES,
            (false, false) => &PROVIDER,
        };
        fs::create_dir_all(&folder).map_err(|error| format!("--dir {}: {error}", folder.display()))?;
        // two first starts at once would make two CAs
        let lock = files::lock(&folder.join("lock"))?;
        let keys = Keys::open(&folder, ra, key_bits, UnixTime::now(), &mut Random::system())?;
        let config = ServerConfig::new(provider, keys.identity.clone(), vec![keys.ca.certificate().clone()])
            .endpoint("scep")
            .danger_accept_des_cbc(danger_des);
        let responder = Responder::new(config)
            .map_err(|error| format!("{}: these certificates do not serve: {error}", folder.display()))?;
        let database = folder::database(&folder);
        let store =
            SqliteStore::open(&database).map_err(|error| format!("{}: {error}", database.display()))?;
        drop(lock);
        let challenge = SharedSecret::new(challenge);
        Ok(Self { responder, keys, store, legacy, danger_des, challenge, hold })
    }

    /// Answers the library's question.
    pub(crate) fn decide(&self, question: Decide, rng: &mut Rng<'_>) -> Exchange {
        match question {
            Decide::Enrol(question) if question.is_held() => self.decide_held(question, rng),
            Decide::Enrol(question) => self.decide_new(question, rng),
        }
    }

    /// Without the right challenge nothing is held either, so a stranger cannot fill the store; and a name that is
    /// not certified here is refused before anybody waits for it.
    fn decide_new(&self, question: Enrol, rng: &mut Rng<'_>) -> Exchange {
        let authorized = match self.challenge.redeem(question) {
            Ok(authorized) => authorized,
            Err(question) => return question.refuse(Refusal::Challenge, rng),
        };
        let wanted = match Wanted::new(authorized.requested(), self.keys.certificates()) {
            Ok(wanted) => wanted,
            Err(reason) => return authorized.refuse_because(reason, rng),
        };
        let name = authorized.requested().subject().ok().and_then(|subject| subject.common_name());
        match (&self.hold, name) {
            (Some(prefix), Some(name)) if name.starts_with(prefix.as_str()) => authorized.hold(rng),
            _ => self.issue(&wanted, authorized, rng),
        }
    }

    /// Plays the person who looks at held requests.
    fn decide_held(&self, question: Enrol, rng: &mut Rng<'_>) -> Exchange {
        match self.store.count_poll(question.transaction()) {
            Ok(polls) if polls >= RELEASED_AT_POLL => self.release(question.approve(), rng),
            Ok(_) => question.hold(rng),
            Err(error) => {
                report(error);
                question.unavailable()
            }
        }
    }

    fn release(&self, authorized: Authorized, rng: &mut Rng<'_>) -> Exchange {
        // again, because the database may have been filled by an older version
        match Wanted::new(authorized.requested(), self.keys.certificates()) {
            Ok(wanted) => self.issue(&wanted, authorized, rng),
            Err(reason) => authorized.refuse_because(reason, rng),
        }
    }

    fn issue(&self, wanted: &Wanted, authorized: Authorized, rng: &mut Rng<'_>) -> Exchange {
        let leaf = match self.keys.ca.issue(wanted, UnixTime::now(), rng) {
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

/// Tells the operator about trouble that the log line of a request does not name.
pub(crate) fn report(trouble: impl Display) {
    complain(format_args!("trouble: {trouble}"));
}
