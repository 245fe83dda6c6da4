//! Two faults in one exchange: the second one often comes when the device is about to recover from the first.

use super::plan::{Fault, Flaw, Part, Plan, Story};
use super::wire::Fate;
use scep::crypto::KeyError;

/// The faults that are told apart by what they leave behind, each at every place.
fn faults(story: Story) -> Vec<Fault> {
    let whole = Plan::new(story, &[]).run();
    let mut faults = Vec::new();
    // the answers to GetCACaps and GetCACert leave nothing behind
    for place in 2..whole.wire.sent.len() + 1 {
        // a bit of the signature, which stands at the end
        let bit = 8 * (1_750 - 100);
        let fates = [
            Fate::RequestLost,
            Fate::ReplyLost,
            Fate::Late,
            Fate::ReplyLate,
            Fate::Status(404),
            Fate::StatusInstead(404),
            Fate::FlippedRequest(bit),
        ];
        faults.extend(fates.map(|fate| Fault::Wire(place, fate)));
    }
    let office = &whole.wire.office.parts;
    for at in 0..=office.used(Part::Record { written: true }) {
        faults.extend([true, false].map(|written| Fault::Office(Part::Record { written }, at)));
    }
    for at in 0..=office.used(Part::Signer(Flaw::Garbage)) {
        faults.push(Fault::Office(Part::Signer(Flaw::Error(KeyError::Failed)), at));
    }
    for at in 0..=whole.device.parts.used(Part::Decryptor(Flaw::Garbage)) {
        faults.push(Fault::Device(Part::Decryptor(Flaw::Error(KeyError::Unsupported)), at));
    }
    for at in (0..whole.device.parts.used(Part::Power)).filter(|at| at % 3 == 0) {
        faults.push(Fault::Device(Part::Power, at));
    }
    faults
}

// T9, T25, T36, T54
#[test]
fn two_faults_at_any_two_places_lose_nothing_either() {
    for story in [Story::AtOnce, Story::Granted, Story::Renewal] {
        let faults = faults(story);
        for (index, first) in faults.iter().enumerate() {
            for second in &faults[index + 1..] {
                Plan::new(story, &[*first, *second]).run();
            }
        }
    }
}
