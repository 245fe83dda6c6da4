//! The short path for blocking callers.

use super::exchange::Exchange;
use super::outcome::Outcome;
use super::question::Decide;
use super::store::{Recorded, Store};
use crate::crypto::{Decryptor, Rng, Signer};

/// Takes an exchange to its end: asks the keys, the store and the owner, and gives the reply to send.
///
/// There is no rule of the protocol in here. `decide` answers questions; see [`Decide`].
pub fn drive<S: Store>(
    mut exchange: Exchange,
    signer: &mut dyn Signer,
    decryptor: &mut dyn Decryptor,
    store: &S,
    rng: &mut Rng<'_>,
    mut decide: impl FnMut(Decide, &mut Rng<'_>) -> Exchange,
) -> Outcome {
    loop {
        exchange = match exchange {
            Exchange::Decrypt(step) => {
                let unwrapped = decryptor.decrypt(step.job(), rng);
                step.complete(unwrapped, rng)
            }
            Exchange::Lookup(step) => match store.load(step.key()) {
                Ok(stored) => step.complete(stored, rng),
                Err(_) => step.unavailable(),
            },
            Exchange::Decide(question) => decide(question, rng),
            Exchange::Record(step) => match store.record(step.transition()) {
                Ok(Recorded::Stored) => step.stored(rng),
                Ok(Recorded::Conflict(stored)) => step.conflict(stored, rng),
                Err(_) => step.unavailable(),
            },
            Exchange::Sign(step) => {
                let signature = signer.sign(step.job(), rng);
                step.complete(signature)
            }
            Exchange::Done(outcome) => return outcome,
        };
    }
}
