//! The CA that takes over later (GetNextCACert).

use super::args::NextCa as Args;
use super::files::Folder;
use super::run::{Runner, Tolerance};
use super::swap::{CERTIFICATE_NEXT_CA, NEXT_CA};
use super::trust::{Pin, print};
use super::{End, Failure, date, say, unexpected};
use scep::client::{Done, Driven, NextCa, TrustedCa};
use scep::crypto::rustcrypto::certificates_to_pem;
use scep::wire::Certificate;

pub(crate) fn run(args: &Args) -> Result<End, Failure> {
    let mut folder = Folder::at(&args.home.dir);
    folder.enter()?;
    let url = folder.url(args.home.url.as_ref())?;
    let tolerance = Tolerance { legacy: args.home.legacy, ..Tolerance::default() };
    let mut runner = Runner::new(tolerance, Some(Pin::stored(&folder)?));
    let ca = runner.ca(url.as_str())?;
    let next = fetch(&mut runner, url.as_str(), ca)?;
    print(next.certificates().iter());
    if folder.is_there(CERTIFICATE_NEXT_CA) && !is_stored(&folder, &next)? {
        let line = "is of another CA than the one announced now: nothing stored; move it away to begin anew";
        return Err(Failure::at(&folder.file(CERTIFICATE_NEXT_CA), line));
    }
    let is_ca = |der: &&[u8]| Certificate::parse(der).is_ok_and(|own| own.is_ca() || own.is_self_issued());
    let authorities: Vec<&[u8]> = next.certificates().iter().map(AsRef::as_ref).filter(is_ca).collect();
    folder.replace(NEXT_CA, certificates_to_pem(&authorities).as_bytes(), false)?;
    say(format_args!("signed by the present CA; stored in {}", folder.file(NEXT_CA).display()));
    if let Some(from) = next.into_trusted(runner.client.config()).ok().and_then(|next| next.valid_from()) {
        say(format_args!("  takes over from {}; until then the present CA stays in use", date(from)));
    }
    Ok(End::Done)
}

/// The CA to ask for a certificate before it takes over. It is the one in next-ca.pem, if somebody has looked at that.
pub(crate) fn staged(
    runner: &mut Runner,
    folder: &Folder,
    url: &str,
    ca: TrustedCa,
) -> Result<TrustedCa, Failure> {
    let next = fetch(runner, url, ca)?;
    if folder.is_there(NEXT_CA) && !is_stored(folder, &next)? {
        let line = "is not the CA that is announced now: look at that with next-ca first";
        return Err(Failure::at(&folder.file(NEXT_CA), line));
    }
    next.into_trusted(runner.client.config()).map_err(|error| runner.misuse(error))
}

fn fetch(runner: &mut Runner, url: &str, ca: TrustedCa) -> Result<NextCa, Failure> {
    let step = runner.client.fetch_next_ca(url, ca)?;
    match runner.go(step, &[])? {
        Driven::Done(Done::NextCa(next)) => Ok(next),
        _ => Err(unexpected()),
    }
}

/// Whether next-ca.pem has one of these.
fn is_stored(folder: &Folder, next: &NextCa) -> Result<bool, Failure> {
    Ok(folder.is_there(NEXT_CA)
        && folder.certificates(NEXT_CA)?.iter().any(|der| next.certificates().contains(der)))
}
