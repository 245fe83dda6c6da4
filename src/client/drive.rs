//! The short path for blocking callers.

use super::poll::Wait;
use super::step::{Done, Failed, Step};
use super::trust::Trust;
use crate::crypto::{Decryptor, Rng, Signer};
use crate::error::Error;
use crate::transport::{HttpRequest, HttpResponse};
use alloc::boxed::Box;
use core::fmt;
use rustls_pki_types::UnixTime;

/// Sends an HTTP request and waits for the response. Redirects are not to be followed.
pub trait Transport {
    /// Trouble on the network.
    type Error;

    /// One exchange. The response's body should be cut off at a sane length while reading it.
    fn exchange(&mut self, request: &HttpRequest) -> Result<HttpResponse, Self::Error>;
}

/// How far [`drive`] got.
#[derive(Debug)]
pub enum Driven {
    /// To the end.
    Done(Done),
    /// The CA holds the request. Poll later: `drive(wait.poll(rng)?, ..)`.
    Held(Wait),
}

/// Why [`drive`] stopped.
#[derive(Debug)]
pub struct DriveError<E> {
    /// What went wrong.
    pub cause: DriveCause<E>,
    /// Where to go on, when the very same step may be tried again.
    pub retry: Option<Box<Step>>,
    /// How many seconds the server asks to wait first (`Retry-After`).
    pub retry_after: Option<u32>,
}

/// What went wrong in [`drive`].
#[derive(Debug)]
pub enum DriveCause<E> {
    /// The [`Transport`] failed.
    Transport(E),
    /// A step failed.
    Protocol(Error),
}

impl<E> DriveError<E> {
    fn at<S>(failed: Failed<S>, wrap: fn(S) -> Step) -> Self {
        let Failed { error, retry, retry_after } = failed;
        let retry = retry.map(|step| Box::new(wrap(step)));
        Self { cause: DriveCause::Protocol(error), retry, retry_after }
    }
}

impl<E: fmt::Display> fmt::Display for DriveError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.cause {
            DriveCause::Transport(error) => write!(f, "network: {error}"),
            DriveCause::Protocol(error) => error.fmt(f),
        }
    }
}

impl<E: fmt::Debug + fmt::Display> core::error::Error for DriveError<E> {}

/// Takes steps until the end, or until the CA holds the request.
///
/// There is no rule of the protocol in here. `trust` decides about the CA, for example
/// `|trust| trust.matching_sha256(&fingerprint)`; `now` is `None` without a clock.
pub fn drive<T: Transport>(
    mut step: Step,
    transport: &mut T,
    signer: &mut dyn Signer,
    decryptor: &mut dyn Decryptor,
    mut trust: impl FnMut(Trust) -> Result<Step, Box<Failed<Trust>>>,
    rng: &mut Rng<'_>,
    now: Option<UnixTime>,
) -> Result<Driven, DriveError<T::Error>> {
    loop {
        step = match step {
            Step::Transmit(transmit) => match transport.exchange(transmit.request()) {
                Ok(response) => transmit
                    .receive(response, now, rng)
                    .map_err(|failed| DriveError::at(*failed, Step::Transmit))?,
                Err(error) => {
                    let retry = Some(Box::new(Step::Transmit(transmit)));
                    return Err(DriveError { cause: DriveCause::Transport(error), retry, retry_after: None });
                }
            },
            Step::Trust(question) => {
                trust(question).map_err(|failed| DriveError::at(*failed, Step::Trust))?
            }
            Step::Sign(sign) => {
                let signature = signer.sign(sign.job(), rng);
                sign.complete(signature, rng).map_err(|failed| DriveError::at(*failed, Step::Sign))?
            }
            Step::Decrypt(decrypt) => {
                let unwrapped = decryptor.decrypt(decrypt.job(), rng);
                decrypt.complete(unwrapped).map_err(|failed| DriveError::at(*failed, Step::Transmit))?
            }
            Step::Wait(wait) => return Ok(Driven::Held(wait)),
            Step::Done(done) => return Ok(Driven::Done(done)),
        };
    }
}
