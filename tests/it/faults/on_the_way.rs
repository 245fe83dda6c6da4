//! Messages that are lost, repeated, late, replayed and exchanged for others; each of them in its turn.

use super::cheap::CHEAP;
use super::plan::{Fault, Plan, Story, exchanges};
use super::wire::Fate;
use scep::message::Unverified;
use scep::wire::{FailInfo, Limits};

/// Runs a plan whose one fault has to be met with.
#[track_caller]
fn with(plan: &Plan) {
    let world = plan.run();
    assert_eq!(world.wire.met, 1, "{plan}: nothing was wrong");
    let begun = Plan::new(plan.story, &[]).run().device.begun;
    assert_eq!(world.device.begun, begun, "{plan}: a new request");
}

// T25, T32, T36, R-5.2-3, R-5.2-5
#[test]
fn whatever_message_is_lost_repeated_or_late_comes_right_in_the_end() {
    let fates = [
        Fate::RequestLost,
        Fate::ReplyLost,
        Fate::Twice,
        Fate::TwiceAndTheSecond,
        Fate::Late,
        Fate::Overtaken,
        Fate::ReplyLate,
        Fate::Status(503),
        Fate::Status(429),
        Fate::StatusInstead(502),
    ];
    for story in Story::ALL {
        for place in 0..exchanges(story) {
            for fate in fates {
                with(&Plan::new(story, &[Fault::Wire(place, fate)]));
            }
        }
    }
}

// T36: whoever answers so on the way has signed nothing
#[test]
fn an_http_error_from_nobody_knows_whom_loses_nothing() {
    for story in Story::ALL {
        for place in 0..exchanges(story) {
            for status in [302, 400, 401, 403, 404, 405, 408, 413, 414, 500, 501] {
                for fate in [Fate::Status(status), Fate::StatusInstead(status)] {
                    Plan::new(story, &[Fault::Wire(place, fate)]).run();
                }
            }
        }
    }
}

// T25, T32
#[test]
fn a_message_of_this_exchange_or_of_an_earlier_one_that_comes_again_changes_nothing() {
    for story in Story::ALL {
        let exchanges = exchanges(story);
        for place in 0..exchanges {
            for other in 0..exchanges {
                let mut fates = vec![Fate::EarlierRequest(other), Fate::EarlierReply(other)];
                if other <= place {
                    fates.push(Fate::Again(other));
                }
                if other < place {
                    fates.push(Fate::Other(other));
                }
                for fate in fates {
                    let plan = Plan::new(story, &[Fault::Wire(place, fate)]).after_another();
                    let sent = plan.run().wire.sent;
                    let is_stale = matches!(fate, Fate::Other(_) | Fate::EarlierReply(_));
                    if is_stale && !sent[place].body.is_empty() {
                        // it was no answer, so the very same request goes on waiting
                        assert!(sent[place + 1] == sent[place], "{plan}");
                    }
                }
            }
        }
    }
}

// T53
#[test]
fn a_clock_of_the_ca_that_is_put_back_or_forward_loses_nothing() {
    for story in Story::ALL {
        for place in 0..exchanges(story) {
            for seconds in [-3600, -61, -1, 61, 3600] {
                Plan::new(story, &[Fault::Wire(place, Fate::ClockOff(seconds))]).run();
            }
        }
    }
}

// T26, T32: a FAILURE does not say whose message it is about, so a stranger can have one made for ours
#[test]
fn a_refusal_that_a_stranger_has_brought_about_loses_nothing() {
    for story in Story::ALL.into_iter().filter(|story| *story != Story::NextCa) {
        for place in 2..exchanges(story) {
            let plan = Plan::new(story, &[Fault::Wire(place, Fate::Provoked)]);
            let world = plan.run();
            // it looks like any other
            let reply = Unverified::parse(world.wire.provoked.clone().unwrap(), &Limits::DEFAULT).unwrap();
            let reply = reply.verify_as_sent(&CHEAP).unwrap();
            assert_eq!(reply.attributes().unwrap().fail_info(), Ok(Some(FailInfo::BadCertId)), "{plan}");
        }
    }
}
