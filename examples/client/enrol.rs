//! A first certificate.

use super::args::{Enrol, Patience};
use super::files::{CERTIFICATE, Folder, KEY};
use super::names::San;
use super::pending::{Request, follow, refuse_if_pending};
use super::run::{Runner, Tolerance};
use super::swap::{CERTIFICATE_NEXT_CA, KEY_NEXT_CA};
use super::trust::{Pin, Recipient};
use super::{End, Failure, next_ca, unexpected};
use scep::client::NewEnrolment;
use scep::crypto::{ChallengePassword, Random};
use scep::pki_types::UnixTime;
use scep::wire::Limits;

pub(crate) fn run(args: &Enrol) -> Result<End, Failure> {
    if args.subject.name().is_empty() && args.san.is_empty() {
        return Err(Failure::new("--subject is empty: give a subject, or at least one --san"));
    }
    let most = Limits::DEFAULT.names;
    if args.san.len() > most {
        return Err(Failure::new(format_args!("--san given {} times: at most {most}", args.san.len())));
    }
    args.key.check()?;
    let tolerance = Tolerance { legacy: args.server.legacy, get: args.sending.get };
    let pin = Pin::read(&args.pin)?;
    let has_pin = pin.is_some();
    let mut runner = Runner::new(tolerance, pin);
    let url = args.server.url.as_str();
    if !has_pin {
        // ends in an error that says what to do
        return runner.ca(url).and(Err(unexpected()));
    }
    let recipient = args.sending.recipient.as_deref().map(Recipient::read).transpose()?;
    let challenge = challenge(&args.patience)?;
    let mut folder = Folder::at(&args.dir);
    folder.make()?;
    let (key, certificate, instead) = match args.next_ca {
        false => (KEY, CERTIFICATE, "renew it with renew, "),
        true => (KEY_NEXT_CA, CERTIFICATE_NEXT_CA, ""),
    };
    folder.refuse_if_there(certificate, instead)?;
    refuse_if_pending(&folder, args.patience.wait_max, tolerance)?;
    let key = folder.key_or_new(key, &args.key)?;
    let reply_key = folder.reply_key(&key)?;
    let names: Vec<_> = args.san.iter().map(San::general_name).collect();
    let mut request =
        NewEnrolment::builder(args.subject.clone(), key.public_key_der()).subject_alt_names(&names);
    if let Some(challenge) = challenge {
        request = request.challenge(challenge);
    }
    if let Some(key) = &reply_key {
        request = request.reply_key(key.public_key_der());
    }
    let request = request.build()?;
    let mut ca = runner.ca(url)?;
    if args.next_ca {
        ca = next_ca::staged(&mut runner, &folder, url, ca)?;
    }
    if let Some(recipient) = recipient {
        ca = recipient.choose(ca)?;
    }
    let step = runner.client.enrol_with(url, ca, request, Some(UnixTime::now()), &mut Random::system());
    let step = step.map_err(|error| runner.misuse(error))?;
    let keys: Vec<_> = [Some(&key), reply_key.as_ref()].into_iter().flatten().collect();
    let driven = runner.go(step, &keys)?;
    let advice = match reply_key {
        Some(_) => " (many servers refuse a key that cannot open the reply: an RSA key works with all)",
        None => "",
    };
    let wait_max = args.patience.wait_max;
    let (folder, asked) = (&folder, &args.subject);
    follow(runner, driven, &Request { folder, url, keys: &keys, asked, wait_max, advice })
}

/// The password of the command line, or else of the environment.
pub(crate) fn challenge(args: &Patience) -> Result<Option<ChallengePassword>, Failure> {
    const VARIABLE: &str = "SCEP_CHALLENGE";
    let from_environment = || match std::env::var(VARIABLE) {
        Ok(text) => Ok(Some(text).filter(|text| !text.is_empty())),
        // the error would show what is in it
        Err(std::env::VarError::NotUnicode(_)) => Err(Failure::new(format_args!("{VARIABLE}: not UTF-8"))),
        Err(std::env::VarError::NotPresent) => Ok(None),
    };
    let text = match &args.challenge {
        Some(text) => Some(text.clone()),
        None => from_environment()?,
    };
    Ok(text.map(ChallengePassword::new).transpose()?)
}
