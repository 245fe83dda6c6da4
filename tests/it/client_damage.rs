//! Replies that were damaged on the way, at every place.

use crate::cert_rep::{Asked, CertRep, reply};
use crate::support::*;
use scep::client::{Step, Transmit};
use scep::crypto::DecryptJob;
use scep::error::{BadSignature, InvalidMessage, KeyError, PeerMisbehaved};

/// A device that waits, and the honest answer to it.
struct Waiting {
    ca: Ca,
    device: Device,
    transmit: Transmit,
    reply: Vec<u8>,
}

impl Waiting {
    fn new() -> Self {
        let mut ca = Ca::new();
        let mut device = Device::new(&ca);
        let step = device.start();
        let transmit = device.up_to_message(step, &mut ca);
        let reply = ca.serve(transmit.request()).reply.body;
        Self { ca, device, transmit, reply }
    }

    /// What a reply asks of the device's key; `None` when the device takes it for no answer.
    fn receive(mut self, message: Vec<u8>) -> (Self, Option<DecryptJob>) {
        let (job, failed) = match self.transmit.receive(reply(message), self.device.now, &mut self.device.rng)
        {
            Err(failed) => (None, failed),
            Ok(Step::Decrypt(decrypt)) => {
                // the key is not there just now: so the request comes back
                let job = decrypt.job().clone();
                (Some(job), decrypt.complete(Err(KeyError::Unavailable)).unwrap_err())
            }
            Ok(other) => panic!("{other:?}"),
        };
        self.transmit = failed.retry.expect("the same request may be sent again");
        (self, job)
    }

    fn takes_the_honest_answer(mut self) {
        let issued = issued_step(self.device.take(self.transmit, reply(self.reply)).unwrap());
        assert_eq!(issued.ca.anchors(), [self.ca.certificate]);
    }
}

// C-5.6-1, T38, case 128
#[test]
fn a_reply_that_is_cut_off_anywhere_is_no_answer() {
    let mut waiting = Waiting::new();
    for length in 0..waiting.reply.len() {
        let message = waiting.reply[..length].to_vec();
        let job;
        (waiting, job) = waiting.receive(message);
        assert!(job.is_none(), "{length} bytes");
    }
    waiting.takes_the_honest_answer();
}

// T38
#[test]
fn bytes_after_a_reply_are_refused() {
    let waiting = Waiting::new();
    let message = [&waiting.reply[..], &[0x30, 0x00]].concat();
    let mut device = waiting.device;
    let failed = device.take(waiting.transmit, reply(message)).unwrap_err();
    assert_eq!(failed.error, InvalidMessage::TrailingData.into());
}

// C-5.6-1, case 128: what is not signed may change, and then changes nothing
#[test]
fn a_changed_bit_makes_no_answer_or_the_same_answer() {
    let waiting = Waiting::new();
    let message = waiting.reply.clone();
    let (mut waiting, honest) = waiting.receive(message.clone());
    assert!(honest.is_some());
    let mut refused = 0;
    for index in 0..message.len() {
        let mut changed = message.clone();
        changed[index] ^= 1 << (index % 8);
        let job;
        (waiting, job) = waiting.receive(changed);
        assert!(job.is_none() || job == honest, "byte {index}");
        refused += usize::from(job.is_none());
    }
    // the envelope and the attributes are signed: far more than half of it
    assert!(refused > message.len() / 2, "{refused} of {}", message.len());
    assert_eq!(waiting.device.decryptions, 0);
    waiting.takes_the_honest_answer();
}

// T34: damage that the CA itself has signed
#[test]
fn a_damaged_envelope_never_gives_a_certificate() {
    // the same numbers each time, so the same request each time
    let Waiting { ca, mut device, mut transmit, .. } = Waiting::new();
    let leaf = Template::leaf(DEVICE_NAME).sign(device.key.soft.public_key_der(), &ca.key);
    let asked = Asked::of(transmit.request());
    let honest = CertRep::success(&asked, &[&leaf], &asked.signer);
    for index in (0..honest.content.len()).step_by(11) {
        let mut damaged = honest.clone();
        damaged.content[index] ^= 1;
        let damaged = damaged.sign(&ca.key, &ca.certificate);
        let failed = device.take(transmit, damaged).expect_err("nothing in there may change");
        transmit = match failed.retry {
            Some(transmit) => transmit,
            // it hit the certificate, which is for another key now, or no longer signed by the CA
            None => {
                let ends = [PeerMisbehaved::NoCertificate.into(), BadSignature::Path.into()];
                assert!(ends.contains(&failed.error), "byte {index}: {}", failed.error);
                Waiting::new().transmit
            }
        }
    }
    let issued = issued_step(device.take(transmit, honest.sign(&ca.key, &ca.certificate)).unwrap());
    assert_eq!((issued.certificate, issued.others), (leaf, vec![]));
}
