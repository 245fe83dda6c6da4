//! Challenge passwords (RFC 8894 sections 2.4 and 7.3).

use super::grant::Evidence;
use super::question::Enrol;
use crate::crypto::ChallengePassword;
use core::fmt;

/// One password for everybody, for tests and labs: whoever knows it may ask for any subject, any number of times.
pub struct SharedSecret(ChallengePassword);

impl SharedSecret {
    /// Takes the password.
    pub fn new(secret: ChallengePassword) -> Self {
        Self(secret)
    }

    /// Evidence if the request's challenge is the secret; compared in constant time. A request without a challenge
    /// gives none.
    pub fn redeem(&self, question: &Enrol) -> Option<Evidence> {
        question.challenge().filter(|challenge| challenge.matches(&self.0)).map(|_| Evidence::Challenge {})
    }
}

impl fmt::Debug for SharedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SharedSecret(..)")
    }
}
