//! A first certificate.

use super::args::Enrol;
use super::challenge;
use super::files::{CERTIFICATE, Folder, KEY};
use super::names::San;
use super::pending::{Request, finished, follow, refuse_if_pending, settle_sent};
use super::run::{Runner, Tolerance};
use super::swap::{CERTIFICATE_NEXT_CA, KEY_NEXT_CA};
use super::trust::{Pin, Recipient};
use super::{End, Failure, next_ca, unexpected};
use scep::client::NewEnrolment;
use scep::crypto::Random;
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
    let (legacy, get) = (args.server.legacy, args.sending.get);
    let password_recipient = args.patience.password_recipient;
    let tolerance = Tolerance { legacy, get, password_recipient };
    let pin = Pin::read(&args.pin)?;
    let has_pin = pin.is_some();
    let mut runner = Runner::new(tolerance, pin);
    let url = args.server.url.as_str();
    if !has_pin {
        // ends in an error that says what to do
        return runner.ca(url).and(Err(unexpected()));
    }
    let recipient = args.sending.recipient.as_deref().map(Recipient::read).transpose()?;
    let challenge = challenge::read(&args.patience)?;
    let mut folder = Folder::at(&args.dir);
    folder.make()?;
    if folder.settled && !args.next_ca {
        return finished(&folder);
    }
    let (key, certificate, instead) = match args.next_ca {
        false => (KEY, CERTIFICATE, "renew it with renew, "),
        true => (KEY_NEXT_CA, CERTIFICATE_NEXT_CA, ""),
    };
    folder.refuse_if_there(certificate, instead)?;
    refuse_if_pending(&folder, args.patience.wait_max, tolerance)?;
    if let Some(end) = settle_sent(&folder, &args.subject, url, &args.patience, tolerance)? {
        return Ok(end);
    }
    let by_password = password_recipient && !folder.would_open_replies(key, &args.key)?;
    if by_password {
        challenge::check(challenge.as_ref())?;
    }
    let key = folder.key_or_new(key, &args.key)?;
    let reply_key = if by_password { None } else { folder.reply_key(&key)? };
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
    let step = runner.sign(step, &keys)?;
    folder.store_sent(&step)?;
    let driven = runner.go(step, &keys)?;
    let advice = match reply_key.is_some() || by_password {
        true => " (many servers refuse a key that cannot open the reply: an RSA key works with all)",
        false => "",
    };
    let wait_max = args.patience.wait_max;
    let (folder, asked) = (&folder, &args.subject);
    follow(runner, driven, &Request { folder, url, keys: &keys, asked, wait_max, advice })
}
