//! Takes steps until the end, and tries again what may be tried again.

use crate::http::{Http, HttpError};
use crate::trust::{Pin, judge};
use crate::{Failure, say};
use scep::Error;
use scep::client::{Client, ClientConfig, Compat, DriveCause, DriveError, Driven, Step, drive};
use scep::crypto::rustcrypto::{PROVIDER, PROVIDER_WITH_LEGACY, SoftwareKey};
use scep::crypto::{NoKey, Random};
use scep::error::{ApiMisuse, PeerMisbehaved};
use scep::pki_types::UnixTime;
use std::thread::sleep;
use std::time::Duration;

/// How often the same request is sent.
const ATTEMPTS: u32 = 4;
/// The longest pause between two attempts. A CA that wants more patience gets none.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

pub(crate) struct Runner {
    pub(crate) client: Client,
    http: Http,
    legacy: bool,
    /// Which CA to trust.
    pin: Option<Pin>,
    /// Whether the CA's certificates are printed in any case, or only when they are not trusted.
    pub(crate) show_ca: bool,
}

impl Runner {
    pub(crate) fn new(legacy: bool, pin: Option<Pin>) -> Self {
        let mut compat = Compat::STRICT;
        compat.des_cbc_reply = legacy;
        compat.recipient_without_key_encipherment = legacy;
        let provider = if legacy { &PROVIDER_WITH_LEGACY } else { &PROVIDER };
        let config = ClientConfig::new(provider)
            .compat(compat)
            .poll_interval(Duration::from_secs(1), Duration::from_secs(60));
        Self { client: Client::new(config), http: Http::new(), legacy, pin, show_ca: false }
    }

    /// Goes on from `step`. The key may be missing where nothing is to be signed.
    pub(crate) fn go(&mut self, step: Step, key: Option<&SoftwareKey>) -> Result<Driven, Failure> {
        let mut step = step;
        let mut attempt = 1;
        loop {
            let trust = |trust| judge(trust, self.pin.as_ref(), self.show_ca);
            let (mut rng, now) = (Random::system(), Some(UnixTime::now()));
            let http = &mut self.http;
            let driven = match key {
                Some(key) => drive(step, http, &mut &*key, &mut &*key, trust, &mut rng, now),
                None => drive(step, http, &mut NoKey, &mut NoKey, trust, &mut rng, now),
            };
            let DriveError { cause, retry, retry_after } = match driven {
                Ok(driven) => return Ok(driven),
                Err(error) => error,
            };
            // only what goes to the network again can have another answer
            let again = retry.filter(|step| matches!(**step, Step::Transmit(_)) && may_pass(&cause));
            step = match (again, pause(attempt, retry_after)) {
                (Some(again), Some(pause)) => {
                    let why = self.explain(&cause, retry_after);
                    say(format_args!("{why}; again in {} s", pause.as_secs()));
                    sleep(pause);
                    *again
                }
                _ => return Err(Failure::new(self.explain(&cause, retry_after))),
            };
            attempt += 1;
        }
    }

    /// One line, with what to do about it where that is known.
    fn explain(&self, cause: &DriveCause<HttpError>, retry_after: Option<u32>) -> String {
        let error = match cause {
            DriveCause::Transport(error) => return format!("network: {error}"),
            DriveCause::Protocol(error) => error,
        };
        if *error == ApiMisuse::NoAnchor.into() && self.pin.is_none() {
            return "no fingerprint given: compare one above with what the CA's operator says, and give it as --ca-sha256"
                .into();
        }
        if let (Error::UnexpectedStatus(_), Some(seconds)) = (error, retry_after) {
            return format!("{error}; the CA asks to come again in {seconds} s");
        }
        let hint = match error {
            Error::Unsupported(_) if !self.legacy => {
                "; with --legacy this program takes SHA-1, triple DES and single DES"
            }
            Error::ApiMisuse(ApiMisuse::Recipient) if !self.legacy => {
                "; with --legacy this program takes a CA without keyEncipherment"
            }
            Error::PeerMisbehaved(PeerMisbehaved::Fingerprint) => {
                "; nothing was sent that gives anything away"
            }
            Error::UnexpectedStatus(300..400) => "; redirects are not followed",
            _ => "",
        };
        format!("{error}{hint}")
    }
}

/// Whether the next answer may be another one. A CA does not change its algorithms from one second to the next.
fn may_pass(cause: &DriveCause<HttpError>) -> bool {
    match cause {
        DriveCause::Transport(HttpError::Request(_)) | DriveCause::Protocol(Error::Unsupported(_)) => false,
        DriveCause::Transport(_) | DriveCause::Protocol(_) => true,
    }
}

/// How long to wait after this attempt; `None` to give up.
fn pause(attempt: u32, retry_after: Option<u32>) -> Option<Duration> {
    let asked = Duration::from_secs(retry_after.unwrap_or_default().into());
    let pause = Duration::from_secs(1_u64.checked_shl(attempt.saturating_sub(1))?).max(asked);
    (attempt < ATTEMPTS && pause <= LONGEST_PAUSE).then_some(pause)
}
