//! One-time challenges: what an operator gives to one device, for one certificate.

use crate::ca::Result;
use crate::files;
use crate::names;
use clap::Args;
use scep::crypto::rustcrypto::PROVIDER;
use scep::crypto::{ChallengePassword, Rng};
use scep::pki_types::UnixTime;
use scep::server::{ChallengeKey, ChallengeStore, ChallengeTerms, OneTimeChallenge, OneTimeChallenges};
use scep::wire::DistinguishedName;
use std::fmt::Display;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The name of the one endpoint that this server has.
pub(crate) const ENDPOINT: &str = "scep";

/// What `challenge` is asked for.
#[derive(Args)]
pub(crate) struct Mint {
    /// Folder of the server.
    #[arg(long)]
    pub(crate) dir: PathBuf,
    /// The subject that may be asked for, such as "CN=device-17,O=Example"; any if it is left out.
    #[arg(long, value_name = "DN", value_parser = subject)]
    subject: Option<DistinguishedName>,
    /// An alternative name that may be asked for: dns:NAME, email:ADDRESS, uri:URI or ip:ADDRESS. With a subject and
    /// without this: none.
    #[arg(long, value_name = "KIND:NAME", value_parser = names::parse_san)]
    san: Vec<names::San>,
    /// How long it serves: a number with s, m, h or d.
    #[arg(long, value_name = "TIME", default_value = "60m", value_parser = time)]
    ttl: Duration,
    /// Put what it allows into the challenge itself: it is longer, can be read, and is stored when it is used.
    #[arg(long)]
    sealed: bool,
}

impl Mint {
    /// Makes the challenge. One that is not sealed is in the store before it is shown.
    pub(crate) fn make<S: ChallengeStore>(
        &self,
        store: &S,
        now: UnixTime,
        rng: &mut Rng<'_>,
    ) -> Result<ChallengePassword>
    where
        S::Error: Display,
    {
        let terms = terms(self.subject.as_ref(), &self.san)?;
        let challenges = open(&self.dir, rng)?;
        if self.sealed {
            return Ok(challenges.seal(&terms, now, self.ttl, rng)?);
        }
        mint(&challenges, store, terms, now, self.ttl, rng)
    }
}

/// Makes a challenge that is stored.
pub(crate) fn mint<S: ChallengeStore>(
    challenges: &OneTimeChallenges,
    store: &S,
    terms: ChallengeTerms,
    now: UnixTime,
    lifetime: Duration,
    rng: &mut Rng<'_>,
) -> Result<ChallengePassword>
where
    S::Error: Display,
{
    let (text, challenge) = challenges.mint(terms, now, lifetime, rng)?;
    store.add_challenge(&challenge).map_err(|error| error.to_string())?;
    Ok(text)
}

fn terms(subject: Option<&DistinguishedName>, san: &[names::San]) -> Result<ChallengeTerms> {
    let terms = match subject {
        Some(subject) => ChallengeTerms::for_subject(subject.as_der())?,
        None => ChallengeTerms::any_subject(),
    };
    if san.is_empty() {
        return Ok(terms);
    }
    let names: Vec<_> = san.iter().map(names::San::general_name).collect();
    Ok(terms.alt_names(&names)?)
}

/// The challenges of the server in `folder`; the key that they are hashed with is made when there is none.
pub(crate) fn open(folder: &Path, rng: &mut Rng<'_>) -> Result<OneTimeChallenges> {
    let path = folder.join("challenge.key");
    let key = match files::read(&path)? {
        Some(text) => from_hex(text.trim_end()).ok_or(format!("{}: not a key", path.display()))?,
        None => {
            let key = ChallengeKey::generate(rng)?;
            let text: String = key.expose().iter().map(|byte| format!("{byte:02x}")).collect();
            match files::create_secret(&path, &text) {
                // another process was faster
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                    let text = files::read(&path)?.ok_or(format!("{}: cannot be read", path.display()))?;
                    from_hex(text.trim_end()).ok_or(format!("{}: not a key", path.display()))?
                }
                made => {
                    made?;
                    key
                }
            }
        }
    };
    Ok(OneTimeChallenges::new(&PROVIDER, ENDPOINT, key))
}

fn from_hex(text: &str) -> Option<ChallengeKey> {
    let digits: Option<Vec<u32>> = text.chars().map(|digit| digit.to_digit(16)).collect();
    let bytes: Option<Vec<u8>> =
        digits?.chunks(2).map(|pair| u8::try_from(pair.first()? << 4 | pair.get(1)?).ok()).collect();
    Some(ChallengeKey::from_bytes(bytes?.try_into().ok()?))
}

/// One line for the operator's list. The text of the challenge is not known any more.
pub(crate) fn line(challenge: &OneTimeChallenge, now: UnixTime) -> String {
    let minutes = challenge.expires().as_secs().saturating_sub(now.as_secs()) / 60;
    let state = match (challenge.is_spent(), now < challenge.expires()) {
        (true, _) => "spent",
        (false, true) => "open",
        (false, false) => "expired",
    };
    format!("{state:<8} {minutes:>5} min  {:?}", challenge.terms())
}

fn subject(text: &str) -> std::result::Result<DistinguishedName, String> {
    let subject: std::result::Result<DistinguishedName, _> = text.parse();
    let subject = subject.map_err(|_| "not a name such as \"CN=device-17,O=Example\"")?;
    // what no certificate is issued for
    names::check_subject(subject.name(), [])?;
    Ok(subject)
}

fn time(text: &str) -> std::result::Result<Duration, String> {
    let wanted = || "wants a number with s, m, h or d, such as 60m".to_string();
    let (number, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or_else(wanted)?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 24 * 3600,
        _ => return Err(wanted()),
    };
    let number: u32 = number.parse().map_err(|_| wanted())?;
    match number {
        0 => Err("a challenge that serves for no time".into()),
        _ => Ok(Duration::from_secs(u64::from(number) * seconds)),
    }
}
