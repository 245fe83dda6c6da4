//! What goes wrong, and where.

use super::device::Device;
use super::office::Office;
use super::wire::{Fate, Wire};
use scep::crypto::KeyError;
use std::any::Any;
use std::cell::Cell;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// A whole exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Story {
    /// A first request, answered at once.
    AtOnce,
    /// A first request that is held, polled for, and granted.
    Granted,
    /// A first request that is held, polled for, and refused.
    Denied,
    /// A first request that is refused at once, although its challenge was right.
    Refused,
    /// A certificate for a new key, signed for under the old one.
    Renewal,
    /// The same, held, polled for, and granted.
    HeldRenewal,
    GetCert,
    GetCrl,
    NextCa,
}

impl Story {
    pub(super) const ALL: [Self; 9] = [
        Self::AtOnce,
        Self::Granted,
        Self::Denied,
        Self::Refused,
        Self::Renewal,
        Self::HeldRenewal,
        Self::GetCert,
        Self::GetCrl,
        Self::NextCa,
    ];

    /// Whether it takes a challenge.
    pub(super) fn has_challenge(self) -> bool {
        matches!(self, Self::AtOnce | Self::Granted | Self::Denied | Self::Refused)
    }

    /// Whether it is about a certificate that is to be issued.
    pub(super) fn is_enrolment(self) -> bool {
        !matches!(self, Self::GetCert | Self::GetCrl | Self::NextCa)
    }
}

/// What is wrong with the result of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flaw {
    Error(KeyError),
    /// One bit of it is wrong, as after a fault in RSA's arithmetic.
    Bit(usize),
    /// Other bytes of the right length.
    Garbage,
    /// For a content key: the padding was wrong.
    Rejected,
}

/// What fails once, inside of one of the two ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// The power, or the process: what was not stored is gone.
    Power,
    Generator,
    Signer(Flaw),
    Decryptor(Flaw),
    /// The store does not answer.
    Load,
    /// The store fails, before it has changed anything or after.
    Record {
        written: bool,
    },
    /// The store panics, before or after, and the process goes on.
    Panic {
        written: bool,
    },
    /// The server's owner cannot decide.
    Owner,
}

impl Part {
    fn is_same_kind(self, other: Self) -> bool {
        std::mem::discriminant(&self) == std::mem::discriminant(&other)
    }
}

/// Numbers count from zero, each kind for itself, from the beginning of the exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The HTTP exchange with this number.
    Wire(usize, Fate),
    /// The device uses the part for this time.
    Device(Part, usize),
    /// The office does.
    Office(Part, usize),
}

/// How often each part was used at one end, and what is to fail.
#[derive(Default)]
pub(super) struct Parts {
    faults: Vec<(Part, usize)>,
    used: [Cell<usize>; 8],
    /// How many faults there were so far.
    pub(super) fired: Cell<usize>,
}

/// What unwinds when the power goes.
pub(super) struct PowerCut;

/// What unwinds when a store panics.
pub(super) struct StorePanic;

/// How a run ended.
pub(super) enum Ran<T> {
    Through(T),
    /// A panic: everything but this run goes on.
    Panicked,
    /// The power went, and what was in memory with it.
    Cut,
}

impl Parts {
    pub(super) fn new(faults: impl Iterator<Item = (Part, usize)>) -> Self {
        Self { faults: faults.collect(), ..Self::default() }
    }

    fn cell(&self, part: Part) -> &Cell<usize> {
        let index = match part {
            Part::Power => 0,
            Part::Generator => 1,
            Part::Signer(_) => 2,
            Part::Decryptor(_) => 3,
            Part::Load => 4,
            Part::Record { .. } => 5,
            Part::Owner => 6,
            Part::Panic { .. } => 7,
        };
        &self.used[index]
    }

    /// Uses a part of this kind: what fails now, if anything.
    pub(super) fn using(&self, kind: Part) -> Option<Part> {
        let cell = self.cell(kind);
        let now = cell.get();
        cell.set(now + 1);
        let due = self.faults.iter().find(|(part, at)| part.is_same_kind(kind) && *at == now);
        due.map(|(part, _)| {
            self.fired.set(self.fired.get() + 1);
            *part
        })
    }

    /// A moment at which the power may go.
    pub(super) fn moment(&self) {
        if self.using(Part::Power).is_some() {
            // unlike a panic, it says nothing
            resume_unwind(Box::new(PowerCut));
        }
    }

    pub(super) fn used(&self, kind: Part) -> usize {
        self.cell(kind).get()
    }
}

/// Runs until the power goes, or something panics that was told to.
pub(super) fn powered<T>(run: impl FnOnce() -> T) -> Ran<T> {
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(result) => Ran::Through(result),
        Err(cause) if cause.is::<PowerCut>() => Ran::Cut,
        Err(cause) if cause.is::<StorePanic>() => Ran::Panicked,
        Err(cause) => resume_unwind(cause),
    }
}

#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) story: Story,
    pub(super) faults: Vec<Fault>,
    /// Whether the device has been through the same story before.
    pub(super) before: bool,
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let before = if self.before { " after another one" } else { "" };
        write!(f, "{:?}{before}, {:?}", self.story, self.faults)
    }
}

impl Plan {
    pub(super) fn new(story: Story, faults: &[Fault]) -> Self {
        Self { story, faults: faults.to_vec(), before: false }
    }

    pub(super) fn after_another(self) -> Self {
        Self { before: true, ..self }
    }

    /// Runs it to its end, and checks what must hold then. Whatever goes wrong is said with the plan's name.
    #[track_caller]
    pub(super) fn run(&self) -> World {
        named(self, || {
            let mut world = World::new(self);
            let end = world.go();
            world.check(&end);
            if self.story == Story::Refused {
                world.challenge_is_free_again();
            }
            world
        })
    }
}

/// Runs something under this name.
#[track_caller]
pub(super) fn named<T>(name: impl fmt::Display, run: impl FnOnce() -> T) -> T {
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(result) => result,
        Err(cause) => panic!("plan {name}: {}", text(&*cause)),
    }
}

fn text(cause: &(dyn Any + Send)) -> String {
    let text = cause.downcast_ref::<String>().cloned();
    text.or_else(|| cause.downcast_ref::<&str>().map(ToString::to_string)).unwrap_or("?".into())
}

/// How many HTTP exchanges there are in a story, up to where the device begins it anew.
pub(super) fn exchanges(story: Story) -> usize {
    let world = Plan::new(story, &[]).run();
    world.wire.sent.len() / world.device.begun
}

/// Both ends, and what is between them.
pub(super) struct World {
    pub(super) story: Story,
    pub(super) device: Device,
    pub(super) wire: Wire,
}

impl World {
    pub(super) fn new(plan: &Plan) -> Self {
        let faults = || plan.faults.iter().copied();
        let at_office = faults().filter_map(|fault| match fault {
            Fault::Office(part, at) => Some((part, at)),
            _ => None,
        });
        let at_device = faults().filter_map(|fault| match fault {
            Fault::Device(part, at) => Some((part, at)),
            _ => None,
        });
        let on_wire = faults().filter_map(|fault| match fault {
            Fault::Wire(at, fate) => Some((at, fate)),
            _ => None,
        });
        let mut office = Office::new(plan.story);
        // one that is stored, or one that is not
        let first = usize::from(plan.story == Story::Granted);
        (first..first + 1 + usize::from(plan.before)).for_each(|number| office.make_challenge(number));
        let device = Device::new(plan.story, &office);
        let mut world = Self { story: plan.story, wire: Wire::new(office), device };
        if plan.before {
            let end = world.go();
            world.check(&end);
            world.wire.begin_anew();
            world.device.begin_anew(&world.wire.office);
        }
        world.wire.office.parts = Parts::new(at_office);
        world.device.parts = Parts::new(at_device);
        world.wire.fates = on_wire.collect();
        world
    }
}
