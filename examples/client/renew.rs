//! A certificate in place of the one in the folder.

use super::args::{Renew, Style};
use super::challenge;
use super::files::{CERTIFICATE, Folder, KEY};
use super::keys::opens_replies;
use super::pending::{Request, finished, follow, refuse_if_pending, settle_sent};
use super::run::{Runner, Tolerance};
use super::swap::{CERTIFICATE_NEXT_CA, KEY_NEXT, KEY_NEXT_CA};
use super::trust::{Pin, Recipient};
use super::{End, Failure, date, next_ca, note};
use scep::Error;
use scep::client::{Renewal, RenewalStyle};
use scep::crypto::Random;
use scep::error::ApiMisuse;
use scep::pki_types::UnixTime;
use scep::wire::{Certificate, DistinguishedName};
use std::fs;

pub(crate) fn run(args: &Renew) -> Result<End, Failure> {
    args.key.check()?;
    let (legacy, get) = (args.home.legacy, args.sending.get);
    let password_recipient = args.patience.password_recipient;
    let tolerance = Tolerance { legacy, get, password_recipient };
    let recipient = args.sending.recipient.as_deref().map(Recipient::read).transpose()?;
    let challenge = challenge::read(&args.patience)?;
    let mut folder = Folder::at(&args.home.dir);
    folder.enter()?;
    if folder.settled && !args.next_ca {
        return finished(&folder);
    }
    refuse_if_pending(&folder, args.patience.wait_max, tolerance)?;
    for name in [KEY, CERTIFICATE] {
        // it would be replaced by a file, and what it leads to would keep the old key
        if fs::symlink_metadata(folder.file(name)).is_ok_and(|there| there.is_symlink()) {
            return Err(Failure::at(&folder.file(name), "is a link: give --dir the folder that it leads to"));
        }
    }
    let (current, current_key) = folder.pair()?;
    match (opens_replies(&current_key), password_recipient) {
        (true, _) => {}
        (false, true) => challenge::check(challenge.as_ref())?,
        (false, false) => {
            let line = "the key is not RSA, so the CA cannot encrypt a reply for this certificate: renew with \
                --password-recipient and the challenge password of the first request, or enrol anew in another --dir";
            return Err(Failure::at(&folder.file(CERTIFICATE), line));
        }
    }
    let own = Certificate::parse(&current)?;
    let subject = DistinguishedName::from(own.subject());
    let url = folder.url(args.home.url.as_ref())?;
    let url = url.as_str();
    if let Some(end) = settle_sent(&folder, &subject, url, &args.patience, tolerance)? {
        return Ok(end);
    }
    let mut runner = Runner::new(tolerance, Some(Pin::stored(&folder)?));
    if args.next_ca {
        folder.refuse_if_there(CERTIFICATE_NEXT_CA, "")?;
    }
    let now = UnixTime::now();
    let ended = own.not_after()? < now;
    if ended {
        note(format_args!("note: the certificate has ended on {}", date(own.not_after()?)));
    }
    let new_key = match (args.same_key, args.next_ca) {
        (true, _) => None,
        (false, false) => Some(folder.key_or_new(KEY_NEXT, &args.key)?),
        (false, true) => Some(folder.key_or_new(KEY_NEXT_CA, &args.key)?),
    };
    let key = new_key.as_ref().unwrap_or(&current_key);
    let mut request = Renewal::builder(current.clone(), key.public_key_der()).style(match args.style {
        Style::Auto => RenewalStyle::Auto,
        Style::Renewal => RenewalStyle::RenewalReq,
        Style::Pkcsreq => RenewalStyle::PkcsReq,
    });
    let advice = match challenge {
        Some(_) => "",
        None => " (it may be too early, or the CA wants --challenge)",
    };
    if let Some(challenge) = challenge {
        request = request.challenge(challenge);
    }
    let request = request.build()?;
    let mut ca = runner.ca(url)?;
    if args.next_ca {
        ca = next_ca::staged(&mut runner, &folder, url, ca)?;
    }
    if let Some(recipient) = recipient {
        ca = recipient.choose(ca)?;
    }
    let step = runner.client.renew_with(url, ca, request, Some(now), &mut Random::system());
    let step = step.map_err(|error| match error {
        Error::ApiMisuse(ApiMisuse::Certificate) if ended => {
            Failure::new("a certificate that has ended renews nothing: --style auto asks for a new one")
        }
        Error::ApiMisuse(ApiMisuse::PublicKey) => Failure::new(
            "this would be a new enrolment (the certificate has ended, or the CA lists no renewal), and the new \
             key is not RSA: take --password-recipient and a strong challenge password, or --alg rsa",
        ),
        other => runner.misuse(other),
    })?;
    let keys: Vec<_> = [Some(&current_key), new_key.as_ref()].into_iter().flatten().collect();
    let step = runner.sign(step, &keys)?;
    folder.store_sent(&step)?;
    let driven = runner.go(step, &keys)?;
    let (folder, wait_max) = (&folder, args.patience.wait_max);
    follow(runner, driven, &Request { folder, url, keys: &keys, asked: &subject, wait_max, advice })
}
