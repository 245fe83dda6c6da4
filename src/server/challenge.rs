//! Challenge passwords (RFC 8894 sections 2.4 and 7.3).

use super::exchange::Exchange;
use super::grant::{Authorized, Evidence};
use super::password::FindChallenge;
use super::question::Enrol;
use crate::crypto::{ChallengePassword, Rng};
use alloc::boxed::Box;
use core::fmt;

/// One password for everybody, for tests and labs: whoever knows it may ask for any subject, any number of times.
pub struct SharedSecret(ChallengePassword);

impl SharedSecret {
    /// Takes the password.
    pub fn new(secret: ChallengePassword) -> Self {
        Self(secret)
    }

    /// Authorises the request if its challenge is the secret, else gives the question back: it has no challenge, or a
    /// wrong one. They are compared in constant time.
    pub fn redeem(&self, question: Enrol) -> Result<Authorized, Box<Enrol>> {
        if question.challenge().is_some_and(|challenge| challenge.matches(&self.0)) {
            Ok(question.authorize(Evidence::Challenge))
        } else {
            Err(Box::new(question))
        }
    }

    /// Answers the question for a sender's password: it is the secret, as everybody's is.
    pub fn answer(&self, question: FindChallenge, rng: &mut Rng<'_>) -> Exchange {
        match ChallengePassword::new(self.0.expose()) {
            Ok(secret) => question.answer(secret, rng),
            Err(_) => question.unknown(rng),
        }
    }
}

impl fmt::Debug for SharedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SharedSecret(..)")
    }
}
