//! Keys, generators, stores and the power fail: each use of each of them in its turn, at the device and at the CA.

use super::plan::{Fault, Flaw, Part, Plan, Story, World};
use scep::crypto::KeyError;

const KEY_ERRORS: [KeyError; 6] = [
    KeyError::Unavailable,
    KeyError::Unsupported,
    KeyError::Invalid,
    KeyError::Failed,
    KeyError::WrongSignature,
    KeyError::RandomFailed,
];

/// Runs a plan whose one fault has to happen.
#[track_caller]
fn with(story: Story, fault: Fault) -> World {
    let plan = Plan::new(story, &[fault]);
    let world = plan.run();
    assert_eq!(world.device.parts.fired.get() + world.wire.office.parts.fired.get(), 1, "{plan}");
    world
}

/// Every use of this part, at both ends or where it is used at all.
fn everywhere(part: Part) -> usize {
    let mut plans = 0;
    for story in Story::ALL {
        let whole = Plan::new(story, &[]).run();
        for at in 0..whole.device.parts.used(part) {
            with(story, Fault::Device(part, at));
            plans += 1;
        }
        for at in 0..whole.wire.office.parts.used(part) {
            with(story, Fault::Office(part, at));
            plans += 1;
        }
    }
    plans
}

// T52
#[test]
fn a_generator_that_fails_at_any_draw_is_an_error_and_nothing_is_lost() {
    assert!(everywhere(Part::Generator) > 100);
}

// T54
#[test]
fn a_signer_that_fails_at_any_signature_loses_nothing() {
    for error in KEY_ERRORS {
        assert!(everywhere(Part::Signer(Flaw::Error(error))) > 30);
    }
}

// T54: one bit, as after a fault in RSA's arithmetic, or all of them
#[test]
fn no_faulty_signature_is_sent() {
    for flaw in (0..2048).step_by(97).map(Flaw::Bit).chain([Flaw::Garbage]) {
        assert!(everywhere(Part::Signer(flaw)) > 30);
    }
}

// T54
#[test]
fn a_decryptor_that_fails_or_gives_something_else_loses_nothing() {
    for flaw in KEY_ERRORS.map(Flaw::Error).into_iter().chain([Flaw::Garbage, Flaw::Rejected]) {
        assert!(everywhere(Part::Decryptor(flaw)) > 10);
    }
}

// T9, E21
#[test]
fn a_store_that_fails_before_or_after_a_change_loses_nothing_and_issues_nothing_twice() {
    for part in [Part::Load, Part::Record { written: false }, Part::Record { written: true }, Part::Owner] {
        assert!(everywhere(part) > 5);
    }
}

// T9, T54, R-5.2-2
#[test]
fn the_power_may_go_between_any_two_steps_of_either_end() {
    assert!(everywhere(Part::Power) > 150);
}
