//! Answers the library's steps, without blocking the threads that serve the network.
//!
//! There is no rule of the protocol in here: whatever this loop does, the library sends nothing that it should not.

use crate::endpoint::{Endpoint, report};
use scep::crypto::{Random, Rng};
use scep::server::{Exchange, Outcome, Recorded, Store as _};
use std::sync::Arc;
use tokio::task::{JoinError, spawn_blocking};

/// Takes an exchange to its end. It fails only when a step panicked.
pub(crate) async fn drive(endpoint: &Arc<Endpoint>, mut exchange: Exchange) -> Result<Outcome, JoinError> {
    loop {
        exchange = match exchange {
            Exchange::Decrypt(step) => {
                blocking(endpoint, |endpoint, rng| {
                    let unwrapped = endpoint.keys.decrypt(step.job(), rng);
                    step.complete(unwrapped, rng)
                })
                .await?
            }
            Exchange::Lookup(step) => {
                blocking(endpoint, |endpoint, rng| match endpoint.store.load(step.key()) {
                    Ok(stored) => step.complete(stored, rng),
                    Err(error) => {
                        report(error);
                        step.unavailable()
                    }
                })
                .await?
            }
            Exchange::Decide(question) => {
                blocking(endpoint, |endpoint, rng| endpoint.decide(question, rng)).await?
            }
            Exchange::Record(step) => {
                blocking(endpoint, |endpoint, rng| match endpoint.store.record(step.transition()) {
                    Ok(Recorded::Stored) => step.stored(rng),
                    Ok(Recorded::Conflict(stored)) => step.conflict(stored, rng),
                    Err(error) => {
                        report(error);
                        step.unavailable()
                    }
                })
                .await?
            }
            Exchange::Sign(step) => {
                blocking(endpoint, |endpoint, rng| {
                    let signature = endpoint.keys.sign(step.job(), rng);
                    step.complete(signature)
                })
                .await?
            }
            Exchange::Done(outcome) => return Ok(outcome),
        };
    }
}

/// Runs what waits for the disk or computes for long on a thread of its own.
async fn blocking(
    endpoint: &Arc<Endpoint>,
    work: impl FnOnce(&Endpoint, &mut Rng<'_>) -> Exchange + Send + 'static,
) -> Result<Exchange, JoinError> {
    let endpoint = Arc::clone(endpoint);
    spawn_blocking(move || work(&endpoint, &mut Random::system())).await
}
