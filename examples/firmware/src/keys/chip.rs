//! A secure element: the private key is in there. It gets a digest, and answers when it is done.
//!
//! On the wire: one letter and its bytes, see `host/element.py`. The answer is a length in two bytes and the bytes.

use crate::board::{self, Line, Uart};
use crate::meter::{Work, during};
use alloc::vec::Vec;
use scep::crypto::{DecryptJob, KeyError, SignJob, Signature, Unwrapped};

/// Longest answer.
const LONGEST: usize = 512;

/// The element, and what has come of its answer.
pub(crate) struct Chip {
    answer: Vec<u8>,
}

impl Chip {
    pub(crate) fn new() -> Self {
        Self { answer: Vec::new() }
    }

    fn ask(&mut self, letter: u8, data: &[u8]) {
        self.answer.clear();
        let mut uart = board::uart(Line::Element);
        uart.put(letter);
        data.iter().for_each(|byte| uart.put(*byte));
    }

    /// The answer, once it is complete. A board with more to do would come back later, or be woken by an interrupt.
    fn ready(&mut self) -> Option<Vec<u8>> {
        let byte = board::uart(Line::Element).get()?;
        self.answer.push(byte);
        let ([high, low], rest) = self.answer.split_first_chunk()?;
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        (rest.len() == length.min(LONGEST)).then(|| rest.to_vec())
    }

    fn wait(&mut self) -> Vec<u8> {
        during(Work::Wait, || {
            loop {
                if let Some(answer) = self.ready() {
                    return answer;
                }
            }
        })
    }

    /// SubjectPublicKeyInfo of its key.
    pub(crate) fn public_key(&mut self) -> Vec<u8> {
        self.ask(b'P', &[]);
        self.wait()
    }

    /// Hands a digest over. The signature comes later: [`Self::signature`].
    pub(crate) fn begin_signature(&mut self, job: &SignJob) {
        self.ask(b'S', job.digest());
    }

    /// The signature that was asked for.
    pub(crate) fn signature(&mut self) -> Result<Signature, KeyError> {
        let signature = self.wait();
        if signature.is_empty() { Err(KeyError::Failed) } else { Ok(Signature::new(signature)) }
    }

    /// Hands an encrypted key over. The key comes later: [`Self::content_key`].
    pub(crate) fn begin_decryption(&mut self, job: &DecryptJob) {
        self.ask(b'D', job.encrypted_key());
    }

    /// The key that was asked for. The element removes the padding, and says no when it is wrong.
    pub(crate) fn content_key(&mut self) -> Unwrapped {
        let key = self.wait();
        if key.is_empty() { Unwrapped::rejected() } else { Unwrapped::bytes(&key) }
    }
}
