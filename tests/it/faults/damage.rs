//! Messages that arrive cut short, or with a bit that is another one. Nobody signed that, so nobody acts on it.

use super::plan::{Fault, Plan, Story, World, exchanges, named};
use super::wire::{Damage, Fate, damaged, flipped, shortened};
use scep::server::Status;

/// One exchange of each kind: a story, and the number of the exchange.
const KINDS: [(Story, usize); 11] = [
    // GetCACaps, GetCACert, PKCSReq and SUCCESS
    (Story::AtOnce, 0),
    (Story::AtOnce, 1),
    (Story::AtOnce, 2),
    // PENDING, a poll and PENDING, a poll and SUCCESS
    (Story::Granted, 2),
    (Story::Granted, 3),
    (Story::Granted, 4),
    // FAILURE
    (Story::Denied, 4),
    (Story::Renewal, 2),
    (Story::GetCert, 2),
    (Story::GetCrl, 2),
    (Story::NextCa, 2),
];

/// Has all damaged copies of a request arrive, each in the place of the honest one. Gives how many there were, and how many
/// of them were as good as that.
fn requests(copy: fn(&[u8], usize) -> Option<Vec<u8>>) -> (usize, usize) {
    let (mut copies, mut as_good) = (0, 0);
    for (story, place) in KINDS {
        let World { mut wire, .. } = Plan::new(story, &[]).run();
        let arrival = wire.tape.swap_remove(place);
        for number in 0.. {
            let Some(request) = damaged(&arrival.request, |bytes| copy(bytes, number)) else { break };
            named(format_args!("{story:?}, request {place}, copy {number}"), || {
                wire.office.rows.replace(arrival.before.clone());
                let outcome = wire.office.serve(&request, arrival.now).unwrap();
                let rows = wire.office.rows.borrow();
                match outcome.summary.status {
                    // it hit what nobody signed and nobody reads
                    Status::Success | Status::Pending => assert_eq!(*rows, arrival.after),
                    // the refusal of a held request is one
                    _ if *rows == arrival.after => {}
                    _ => assert_eq!(*rows, arrival.before),
                }
                as_good += usize::from(arrival.before != arrival.after && *rows == arrival.after);
            });
            copies += 1;
        }
    }
    (copies, as_good)
}

/// Has all damaged copies of a reply come before the honest one. Those that are taken have to be as good as that; where
/// nobody signed, and so many are, it is every seventh. Gives how many came, and how many were taken.
fn replies(copy: fn(&[u8], usize) -> Option<Vec<u8>>) -> (usize, usize) {
    let (mut copies, mut taken) = (0, 0);
    for (story, place) in KINDS {
        let length = Plan::new(story, &[]).run().wire.replies[place].as_ref().unwrap().body.len();
        let mut next = 0;
        while next < length {
            let name = format!("{story:?}, reply {place}, copy {next} or one of the next");
            let came = named(name, || {
                let mut world = World::new(&Plan::new(story, &[]));
                world.wire.damage = Some((place, Damage { next, copy }));
                let end = world.go();
                world.check(&end);
                world.wire.damage.unwrap().1.next - next
            });
            copies += came;
            next += came;
            if next < length {
                taken += 1;
                next += 6;
            }
        }
    }
    (copies, taken)
}

// T25, T26, T38
#[test]
fn no_bit_of_a_request_that_counts_may_change() {
    let (copies, as_good) = requests(flipped);
    // the signature of the certificate that a device signs itself, and little else
    assert!(copies > 10_000 && as_good < copies / 10, "{as_good} of {copies}");
}

// T38
#[test]
fn a_request_that_is_cut_short_anywhere_changes_nothing() {
    assert_eq!(requests(shortened).1, 0);
}

// T32
#[test]
fn no_bit_of_a_reply_that_counts_may_change() {
    let (copies, taken) = replies(flipped);
    assert!(copies > 10_000 && taken < copies / 8, "{taken} of {copies}");
}

// T32: the capabilities alone are a text, and any beginning of it is one
#[test]
fn a_reply_that_is_cut_short_anywhere_is_no_answer() {
    let (copies, taken) = replies(shortened);
    assert!(copies > 10_000 && taken < 20, "{taken} of {copies}");
}

// T25, T32, T54: the device goes on after whatever the CA says to a damaged message
#[test]
fn a_damaged_request_is_asked_again() {
    for (index, story) in Story::ALL.into_iter().enumerate() {
        let whole = Plan::new(story, &[]).run();
        for (place, request) in whole.wire.sent.iter().enumerate().take(exchanges(story)) {
            let length = if request.body.is_empty() { request.target.len() } else { request.body.len() };
            let step = if request.body.is_empty() { 5 } else { 127 };
            for byte in (index..length).step_by(step) {
                Plan::new(story, &[Fault::Wire(place, Fate::FlippedRequest(8 * byte + byte % 8))]).run();
                Plan::new(story, &[Fault::Wire(place, Fate::CutRequest(byte))]).run();
            }
        }
    }
}
