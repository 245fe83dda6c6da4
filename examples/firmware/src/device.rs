//! What the device does after its start.

use crate::http::Http;
use crate::keys::Keys;
use crate::meter::{Work, during};
use crate::options::Options;
use crate::provider::PROVIDER;
use crate::rng::SeededRng;
use crate::{console, store};
use alloc::string::String;
use core::ffi::CStr;
use core::time::Duration;
use scep::Error;
use scep::client::{
    Client, ClientConfig, Decrypt, Done, Failed, Issued, NewEnrolment, Renewal, Sign, Step, Transmit, Trust,
    Wait,
};
use scep::crypto::{ChallengePassword, KeyError, Rng, Signature, Unwrapped};
use scep::pki_types::CertificateDer;
use scep::transport::HttpResponse;
use scep::wire::{Certificate, DistinguishedName, Limits, MessageType, Name};

/// Where the CA is. The serial line ends there, whatever the name says.
const URL: &str = "http://ca.example/scep";
/// `CN=device-1` in DER: reading names as text would take 3 KB of flash.
const SUBJECT: &[u8] = b"\x30\x13\x31\x11\x30\x0f\x06\x03\x55\x04\x03\x0c\x08device-1";

/// The certificate, once there is one.
const CERTIFICATE: &CStr = c"certificate";
/// A request that went out, and of which nothing has come yet.
const PENDING: &CStr = c"pending";
/// SHA-256 of the CA's certificate, 32 bytes, and the challenge password: given to the device when it was made.
const PIN: &CStr = c"pin";
const CHALLENGE: &CStr = c"challenge";

/// How often the very same request is sent, after trouble on the line.
const ATTEMPTS: u32 = 3;

/// How a start ended.
pub(crate) enum Outcome {
    /// With a certificate.
    Enrolled,
    /// The CA refused.
    Refused,
    /// The CA holds the request: ask again later.
    Held,
    /// Something went wrong.
    Failed,
}

impl Outcome {
    /// Exit status for the host.
    pub(crate) fn code(&self) -> i32 {
        match self {
            Self::Enrolled => 0,
            Self::Failed => 1,
            Self::Refused => 3,
            Self::Held => 4,
        }
    }
}

/// Why a start failed.
enum Failure {
    Library(Error),
    Other(&'static str),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Library(error)
    }
}

/// Goes as far as it gets.
pub(crate) fn run(options: &Options) -> Outcome {
    match attempt(options) {
        Ok(outcome) => outcome,
        Err(Failure::Library(error)) => {
            console::number("failed: error", error.code().into());
            Outcome::Failed
        }
        Err(Failure::Other(text)) => {
            console::text("failed", text.as_bytes());
            Outcome::Failed
        }
    }
}

fn attempt(options: &Options) -> Result<Outcome, Failure> {
    let mut rng = SeededRng::new(options.rng_broken).ok_or(Failure::Other("no seed"))?;
    let mut keys = Keys::new(&mut rng).map_err(|_| Failure::Other("no keys"))?;
    let pin =
        store::raw(PIN).and_then(|pin| <[u8; 32]>::try_from(pin).ok()).ok_or(Failure::Other("no pin"))?;
    let mut http = Http::new(options.patience, Limits::FIRMWARE.response);
    // first of all what was asked before
    let mut asked = true;
    loop {
        let step = if asked {
            during(Work::Library, || resumed(&mut rng))?
        } else {
            during(Work::Library, || first(options, &keys, &mut rng))?
        };
        let Some(step) = step else {
            if asked {
                asked = false;
                continue;
            }
            console::line("enrolled already");
            return Ok(Outcome::Enrolled);
        };
        match during(Work::Library, || go(step, &mut http, &mut keys, &pin, &mut rng))? {
            // the CA never got the request, or has made up its mind: begin anew
            End::Done(Done::Refused { fail_info, .. }) if asked => {
                console::text("no longer asked for", fail_info.name().as_bytes());
                store::remove(PENDING);
                asked = false;
            }
            end => return ended(end),
        }
    }
}

#[inline(never)]
fn ended(end: End) -> Result<Outcome, Failure> {
    match end {
        End::Done(Done::Issued(issued)) => finish(&issued),
        // what was asked for stays stored: the next start asks whether it was this request that was refused
        End::Done(Done::Refused { fail_info, text }) => {
            console::text("refused by the CA", fail_info.name().as_bytes());
            if let Some(text) = text {
                console::text("it says", text.raw().as_bytes());
            }
            Ok(Outcome::Refused)
        }
        End::Done(_) => Err(Failure::Other("unexpected end")),
        End::Held(wait) => hold(&wait),
    }
}

fn client() -> Client {
    #[allow(unused_mut)]
    let mut config = ClientConfig::new(&PROVIDER).limits(Limits::FIRMWARE);
    #[cfg(feature = "legacy")]
    {
        let mut compat = scep::client::Compat::STRICT;
        compat.des_cbc_reply = true;
        compat.recipient_without_key_encipherment = true;
        config = config.compat(compat);
    }
    Client::new(config.poll_interval(Duration::from_secs(60), Duration::from_secs(3600)))
}

/// The question about a request that was sent, and is held or was never answered.
///
/// Not inlined, like others here: what it needs of the stack is free again while keys are at work.
#[inline(never)]
fn resumed(rng: &mut Rng<'_>) -> Result<Option<Step>, Failure> {
    let Some(saved) = store::read(PENDING) else { return Ok(None) };
    match client().resume(&saved) {
        Ok(wait) => {
            console::text("resumed", wait.transaction_id().as_bytes());
            wait.poll(rng).map(Some).map_err(|failed| failed.error.into())
        }
        // written by another version: start afresh
        Err(error) => {
            console::number("cannot resume: error", error.code().into());
            Ok(None)
        }
    }
}

/// What to begin with: a first request, a renewal, or nothing.
#[inline(never)]
fn first(options: &Options, keys: &Keys, rng: &mut Rng<'_>) -> Result<Option<Step>, Failure> {
    let client = client();
    match store::read(CERTIFICATE).map(CertificateDer::from) {
        None => {
            let request = NewEnrolment::builder(DistinguishedName::from(Name::parse(SUBJECT)?), keys.first())
                .challenge(challenge()?)
                .build()?;
            Ok(Some(client.enrol(URL, request, rng)?))
        }
        Some(current) if options.renew => {
            let new = keys.next(Certificate::parse(&current)?.public_key().as_der());
            let renewal = Renewal::builder(current.clone(), new);
            // micromdm's server wants it again
            #[cfg(feature = "legacy")]
            let renewal = renewal.challenge(challenge()?);
            Ok(Some(client.renew(URL, renewal.build()?, rng)?))
        }
        Some(_) => Ok(None),
    }
}

fn challenge() -> Result<ChallengePassword, Failure> {
    let text = store::raw(CHALLENGE).and_then(|bytes| String::from_utf8(bytes).ok());
    Ok(ChallengePassword::new(text.ok_or(Failure::Other("no challenge password"))?)?)
}

/// How the steps ended.
enum End {
    Done(Done),
    Held(Wait),
}

/// Takes one step after the other. This is [`scep::client::drive`] by hand, so that a key may take its time.
#[inline(never)]
fn go(
    mut step: Step,
    http: &mut Http,
    keys: &mut Keys,
    pin: &[u8; 32],
    rng: &mut Rng<'_>,
) -> Result<End, Failure> {
    let mut attempts = 1;
    loop {
        step = match step {
            Step::Transmit(transmit) => {
                announce(&transmit)?;
                match http.exchange(transmit.request()) {
                    Ok(response) => received(transmit, response, &mut attempts, rng)?,
                    Err(lost) if attempts < ATTEMPTS => {
                        attempts += 1;
                        console::text("once more", lost.text().as_bytes());
                        Step::Transmit(transmit)
                    }
                    Err(_) => return Err(Failure::Other("no answer from the CA")),
                }
            }
            Step::Trust(trust) => trusted(trust, pin)?,
            Step::Sign(sign) => {
                let signature = during(Work::Crypto, || keys.sign(sign.job(), rng));
                completed(sign, signature, rng)?
            }
            Step::Decrypt(decrypt) => {
                let key = during(Work::Crypto, || keys.decrypt(decrypt.job(), rng));
                opened(decrypt, key, &mut attempts)?
            }
            Step::Wait(wait) => return Ok(End::Held(wait)),
            Step::Done(done) => return Ok(End::Done(done)),
        };
    }
}

/// Stores what a request for a certificate asks for, before it goes out: the CA may have issued it when the power goes before
/// the answer is here.
#[inline(never)]
fn announce(transmit: &Transmit) -> Result<(), Failure> {
    // what polls ask about is stored already
    if matches!(transmit.message_type(), None | Some(MessageType::CertPoll)) {
        return Ok(());
    }
    match transmit.save()? {
        Some(state) if !store::write(PENDING, &state) => Err(Failure::Other("cannot store the request")),
        _ => Ok(()),
    }
}

#[inline(never)]
fn trusted(trust: Trust, pin: &[u8; 32]) -> Result<Step, Failure> {
    trust.matching_sha256(pin).map_err(|failed| failed.error.into())
}

#[inline(never)]
fn received(
    transmit: Transmit,
    response: HttpResponse,
    attempts: &mut u32,
    rng: &mut Rng<'_>,
) -> Result<Step, Failure> {
    // this board has no clock
    transmit.receive(response, None, rng).or_else(|failed| again(*failed, attempts))
}

#[inline(never)]
fn completed(sign: Sign, signature: Result<Signature, KeyError>, rng: &mut Rng<'_>) -> Result<Step, Failure> {
    sign.complete(signature, rng).map_err(|failed| failed.error.into())
}

#[inline(never)]
fn opened(decrypt: Decrypt, key: Result<Unwrapped, KeyError>, attempts: &mut u32) -> Result<Step, Failure> {
    decrypt.complete(key).or_else(|failed| again(*failed, attempts))
}

/// The very same request, where the library says that it makes sense.
#[inline(never)]
fn again(failed: Failed<Transmit>, attempts: &mut u32) -> Result<Step, Failure> {
    match failed.retry {
        Some(transmit) if *attempts < ATTEMPTS => {
            *attempts += 1;
            console::number("once more: error", failed.error.code().into());
            Ok(Step::Transmit(transmit))
        }
        _ => Err(failed.error.into()),
    }
}

/// Stores how often was asked, and what the CA's certificates are now.
#[inline(never)]
fn hold(wait: &Wait) -> Result<Outcome, Failure> {
    if !store::write(PENDING, &wait.save()?) {
        return Err(Failure::Other("cannot store the pending request"));
    }
    console::text("pending", wait.transaction_id().as_bytes());
    Ok(Outcome::Held)
}

/// The new certificate first, and only then goes what led to it.
#[inline(never)]
fn finish(issued: &Issued) -> Result<Outcome, Failure> {
    if !store::write(CERTIFICATE, &issued.certificate) {
        return Err(Failure::Other("cannot store the certificate"));
    }
    store::remove(PENDING);
    console::line(if issued.checked_time { "enrolled" } else { "enrolled, dates unchecked" });
    Ok(Outcome::Enrolled)
}
