//! Takes steps until the end, and tries again what may be tried again.

use super::challenge::STRONG;
use super::http::{Http, HttpError};
use super::trust::{Pin, judge};
use super::{Failure, say, unexpected};
use scep::Error;
use scep::client::{
    Client, ClientConfig, Compat, Done, DriveCause, DriveError, Driven, Step, Transmit, TrustedCa, drive,
};
use scep::crypto::rustcrypto::{KeyRing, PBKDF2_SHA256, PROVIDER, PROVIDER_WITH_LEGACY, SoftwareKey};
use scep::crypto::{DecryptJob, Decryptor, KeyError, Provider, Random, Rng, Signer as _, Unwrapped};
use scep::error::{ApiMisuse, BadEnvelope, InvalidMessage, PeerMisbehaved};
use scep::pki_types::UnixTime;
use scep::transport::Operation;
use std::thread::sleep;
use std::time::Duration;

/// How often the same request is sent when nothing came, or the server says that it cannot answer now.
const ATTEMPTS: u32 = 4;
/// How often it is sent when what came cannot be verified: somebody on the path may have made that.
const ATTEMPTS_UNVERIFIED: u32 = 3;
/// The longest pause between two attempts. A CA that wants more patience gets none.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

static WITH_PASSWORDS: Provider = Provider { password_kdfs: &[&PBKDF2_SHA256], ..PROVIDER };
static WITH_LEGACY_AND_PASSWORDS: Provider =
    Provider { password_kdfs: &[&PBKDF2_SHA256], ..PROVIDER_WITH_LEGACY };

/// What is let through for old peers, and for keys that cannot decrypt.
#[derive(Clone, Copy, Default)]
pub(crate) struct Tolerance {
    pub(crate) legacy: bool,
    pub(crate) get: bool,
    pub(crate) password_recipient: bool,
}

pub(crate) struct Runner {
    pub(crate) client: Client,
    http: Http,
    pub(crate) tolerance: Tolerance,
    /// Which CA to trust.
    pin: Option<Pin>,
    /// Whether the CA's certificates are printed in any case, or only when they are not trusted.
    pub(crate) show_ca: bool,
    /// The HTTP status that the last attempt ended with.
    status: Option<u16>,
}

impl Runner {
    pub(crate) fn new(tolerance: Tolerance, pin: Option<Pin>) -> Self {
        let Tolerance { legacy, get, password_recipient } = tolerance;
        let mut compat = Compat::STRICT;
        compat.get_pki_operation = get;
        compat.sha1_fingerprint = legacy;
        compat.des_cbc_reply = legacy;
        compat.recipient_without_key_encipherment = legacy;
        let provider = match (legacy, password_recipient) {
            (false, false) => &PROVIDER,
            (false, true) => &WITH_PASSWORDS,
            (true, false) => &PROVIDER_WITH_LEGACY,
            (true, true) => &WITH_LEGACY_AND_PASSWORDS,
        };
        let config = ClientConfig::new(provider)
            .compat(compat)
            .password_recipients(password_recipient)
            .poll_interval(Duration::from_secs(1), Duration::from_secs(60))
            // --wait-max says how long, and whoever calls poll again has reason to
            .polls_max(u32::MAX);
        Self { client: Client::new(config), http: Http::new(), tolerance, pin, show_ca: false, status: None }
    }

    /// What the last answer was, if it was nothing that a SCEP server sends.
    pub(crate) fn not_scep(&self) -> Option<&'static str> {
        self.http.not_scep()
    }

    /// The CA, when it is the one to be trusted.
    pub(crate) fn ca(&mut self, url: &str) -> Result<TrustedCa, Failure> {
        let step = self.client.fetch_ca(url)?;
        match self.go(step, &[])? {
            Driven::Done(Done::Ca(trusted)) => Ok(trusted),
            _ => Err(unexpected()),
        }
    }

    /// Whether the server has no answer to polls, as many have none: it was there, and not just busy.
    pub(crate) fn has_no_polls(&self) -> bool {
        self.status.is_some_and(|status| !matches!(status, 408 | 429 | 502..=504))
    }

    /// Takes signatures until there is something to send.
    pub(crate) fn sign(&self, mut step: Step, keys: &[&SoftwareKey]) -> Result<Step, Failure> {
        let (keys, mut rng) = (KeyRing::new(keys), Random::system());
        while let Step::Sign(sign) = step {
            let signature = (&keys).sign(sign.job(), &mut rng);
            step = sign.complete(signature, &mut rng).map_err(|failed| self.misuse(failed.error))?;
        }
        Ok(step)
    }

    /// Goes on from `step`, with the keys that are to sign and to open replies.
    pub(crate) fn go(&mut self, step: Step, keys: &[&SoftwareKey]) -> Result<Driven, Failure> {
        let keys = KeyRing::new(keys);
        let next_ca = matches!(&step, Step::Transmit(first) if first.operation() == Operation::GetNextCaCert);
        let mut step = step;
        let mut attempt = 1;
        loop {
            let mut remark = None;
            let trust = |trust| judge(trust, self.pin.as_ref(), self.show_ca, &mut remark);
            let (mut rng, now) = (Random::system(), Some(UnixTime::now()));
            let http = &mut self.http;
            let mut decryptor = Verified { keys: &keys, reached: false };
            let driven = drive(step, http, &mut &keys, &mut decryptor, trust, &mut rng, now);
            let DriveError { cause, retry, retry_after } = match driven {
                Ok(driven) => return Ok(driven),
                Err(error) => error,
            };
            self.status = match &cause {
                DriveCause::Protocol(Error::UnexpectedStatus(status)) => Some(*status),
                _ => None,
            };
            // only what goes to the network again can have another answer
            let again = retry.and_then(|step| match *step {
                Step::Transmit(transmit) => Some(transmit),
                _ => None,
            });
            let operation = again.as_ref().map(Transmit::operation);
            let most = if decryptor.reached { 1 } else { self.attempts(&cause, operation) };
            let pause = pause(attempt, most, retry_after);
            // how long the CA wants to be left alone is news only when it is not done
            let left_alone = retry_after.filter(|_| pause.is_none());
            let mut why = remark.unwrap_or_else(|| self.explain(&cause, operation, left_alone));
            if let (true, DriveCause::Protocol(Error::UnexpectedStatus(400..=499 | 501))) = (next_ca, &cause)
            {
                why += "; the CA announces no next CA";
            }
            step = match (again, pause) {
                (Some(again), Some(pause)) => {
                    say(format_args!("note: {why}; again in {} s", pause.as_secs()));
                    sleep(pause);
                    Step::Transmit(again)
                }
                _ => return Err(Failure::new(why)),
            };
            attempt += 1;
        }
    }

    /// How often a request may be sent that ended like this.
    fn attempts(&self, cause: &DriveCause<HttpError>, operation: Option<Operation>) -> u32 {
        let error = match cause {
            DriveCause::Transport(HttpError::Request(_)) => return 1,
            DriveCause::Transport(_) => return ATTEMPTS,
            DriveCause::Protocol(error) => error,
        };
        match error {
            Error::UnexpectedStatus(408 | 429 | 500..=599) => ATTEMPTS,
            // another server than one of SCEP; it stays that
            _ if operation != Some(Operation::PkiOperation) && self.not_scep().is_some() => 1,
            // these are looked at after the signature
            Error::InvalidMessage(InvalidMessage::PkiStatus | InvalidMessage::FailInfo) => 1,
            Error::BadSignature(_)
            | Error::InvalidMessage(_)
            | Error::PeerMisbehaved(
                PeerMisbehaved::TransactionId
                | PeerMisbehaved::RecipientNonce
                | PeerMisbehaved::MessageType
                | PeerMisbehaved::ContentType,
            )
            | Error::TooLarge(_) => ATTEMPTS_UNVERIFIED,
            _ => 1,
        }
    }

    /// One line, with what to do about it where that is known.
    fn explain(
        &self,
        cause: &DriveCause<HttpError>,
        operation: Option<Operation>,
        retry_after: Option<u32>,
    ) -> String {
        let error = match cause {
            DriveCause::Transport(error) => return format!("network: {error}"),
            DriveCause::Protocol(error) => error,
        };
        if *error == ApiMisuse::NoAnchor.into() && self.pin.is_none() {
            return "no fingerprint given: compare a CA's above with what its operator says, and give it as --ca-sha256"
                .into();
        }
        let unreadable = matches!(
            error,
            Error::InvalidMessage(_)
                | Error::TooLarge(_)
                | Error::PeerMisbehaved(PeerMisbehaved::ContentType)
        );
        if let (true, Some(operation), Some(what)) = (unreadable, operation, self.not_scep()) {
            let next = match what {
                "PEM text" => "it has to be DER, which is the server's fault",
                _ => "is the URL right?",
            };
            return format!("the answer to {} is {what}, not a SCEP answer: {next}", operation.name());
        }
        if let (Error::UnexpectedStatus(_), Some(seconds)) = (error, retry_after) {
            return format!("{error}; the CA asks to come again in {seconds} s");
        }
        format!("{error}{}", self.hint(error))
    }

    /// One line about an error before anything is sent.
    pub(crate) fn misuse(&self, error: Error) -> Failure {
        Failure::new(format_args!("{error}{}", self.hint(&error)))
    }

    fn hint(&self, error: &Error) -> &'static str {
        let Tolerance { legacy, password_recipient, .. } = self.tolerance;
        match error {
            Error::Unsupported(_) if !legacy => {
                "; with --legacy this program takes SHA-1, triple DES and single DES"
            }
            Error::ApiMisuse(ApiMisuse::Recipient) => match (legacy, password_recipient) {
                (false, true) => "; with --legacy this program takes a CA without keyEncipherment",
                (false, false) => {
                    "; with --legacy this program takes a CA without keyEncipherment, and enrol, renew and poll take \
                     one without an RSA key with --password-recipient"
                }
                (true, false) => {
                    "; enrol, renew and poll take a CA without an RSA key with --password-recipient"
                }
                (true, true) => "",
            },
            Error::ApiMisuse(ApiMisuse::WeakChallenge) => STRONG,
            Error::BadEnvelope(BadEnvelope::Content) if password_recipient => {
                "; is the challenge password the one of the request?"
            }
            Error::PeerMisbehaved(PeerMisbehaved::Fingerprint) => {
                "; nothing was sent that gives anything away"
            }
            Error::UnexpectedStatus(300..400) => "; redirects are not followed",
            _ => "",
        }
    }
}

/// Unwraps content keys, and remembers that it was asked to: the reply had been verified by then, and the same request
/// would have the same one again.
struct Verified<'a> {
    keys: &'a KeyRing<'a>,
    reached: bool,
}

impl Decryptor for Verified<'_> {
    fn decrypt(&mut self, job: &DecryptJob, rng: &mut Rng<'_>) -> Result<Unwrapped, KeyError> {
        self.reached = true;
        let mut keys = self.keys;
        keys.decrypt(job, rng)
    }
}

/// How long to wait after this attempt of `most`; `None` to give up.
fn pause(attempt: u32, most: u32, retry_after: Option<u32>) -> Option<Duration> {
    let asked = Duration::from_secs(retry_after.unwrap_or_default().into());
    let pause = Duration::from_secs(1_u64.checked_shl(attempt.saturating_sub(1))?).max(asked);
    (attempt < most && pause <= LONGEST_PAUSE).then_some(pause)
}
