//! The challenge password: where it comes from, and what it takes to protect messages with it (--password-recipient).

use super::Failure;
use super::args::Patience;
use scep::client::Wait;
use scep::crypto::ChallengePassword;

pub(crate) const VARIABLE: &str = "SCEP_CHALLENGE";
/// Advice that goes with a challenge password that is too weak.
pub(crate) const STRONG: &str = "; it wants 128 bits, for example the output of openssl rand -base64 24";

/// The password of the command line, or else of the environment.
pub(crate) fn read(args: &Patience) -> Result<Option<ChallengePassword>, Failure> {
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

/// For messages that nothing else protects: there is one, and it cannot be guessed.
pub(crate) fn check(challenge: Option<&ChallengePassword>) -> Result<(), Failure> {
    match challenge {
        Some(challenge) if challenge.is_strong() => Ok(()),
        Some(_) => Err(Failure::new(format_args!(
            "the challenge password is too weak to protect messages{STRONG}, and the CA has to know it"
        ))),
        None => Err(Failure::new(format_args!(
            "--password-recipient: there is no challenge password to protect messages: give it in {VARIABLE} or as \
             --challenge{STRONG}, and the CA has to know it"
        ))),
    }
}

/// A held request after a restart, with the challenge password once more if its messages are protected by that.
pub(crate) fn restore(wait: Wait, args: &Patience) -> Result<Wait, Failure> {
    if !wait.needs_challenge() {
        return Ok(wait);
    }
    if !args.password_recipient {
        let line = "the challenge password protects the pending request: give --password-recipient, and the \
            password of the request";
        return Err(Failure::new(line));
    }
    let challenge = read(args)?.ok_or_else(|| {
        Failure::new(format_args!(
            "the challenge password of the pending request is needed again, and stored nowhere: give it in {VARIABLE} \
             or as --challenge"
        ))
    })?;
    if !challenge.is_strong() {
        return Err(Failure::new("the challenge password is too weak to be that of the pending request"));
    }
    Ok(wait.with_challenge(challenge))
}
