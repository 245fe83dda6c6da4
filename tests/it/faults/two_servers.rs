//! Two servers on one store, which both have a message in hand: every order in which they can take their steps.

use super::cheap::{self, CHEAP};
use super::office::{Office, Rows};
use super::plan::{Plan, Story, World, named};
use crate::support::seeded;
use scep::message::{OpenPolicy, Unverified};
use scep::server::{Exchange, Outcome, Status};
use scep::transport::HttpRequest;
use scep::wire::{CertsOnly, Limits};
use std::fmt;

/// One message for each of two servers.
struct Race {
    /// What the owner of each of them thinks.
    stories: [Story; 2],
    requests: [HttpRequest; 2],
    now: u64,
    before: Rows,
}

/// What one of them answered.
#[derive(PartialEq)]
enum Answer {
    Success(Vec<u8>),
    Pending,
    Refused,
    /// 503: the device asks again.
    Later,
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Success(_) => "Success",
            Self::Pending => "Pending",
            Self::Refused => "Refused",
            Self::Later => "Later",
        })
    }
}

fn answer(outcome: &Outcome, request: &HttpRequest) -> Answer {
    match outcome.summary.status {
        Status::Success => Answer::Success(issued(outcome, request)),
        Status::Pending => Answer::Pending,
        Status::Failure(_) => Answer::Refused,
        Status::HttpError => Answer::Later,
        other => panic!("{other:?}"),
    }
}

/// The certificate in a reply.
fn issued(outcome: &Outcome, request: &HttpRequest) -> Vec<u8> {
    let limits = &Limits::DEFAULT;
    let verified =
        |message: &[u8]| Unverified::parse(message.to_vec(), limits).unwrap().verify_as_sent(&CHEAP).unwrap();
    let (reply, request) = (verified(&outcome.reply.body), verified(&request.body));
    let policy = OpenPolicy {
        provider: &CHEAP,
        recipients: &[request.signer()],
        single_des: false,
        any_key_identifier: false,
    };
    let envelope = reply.envelope(&policy, &mut seeded(1)).unwrap();
    let unwrapped = cheap::unwrap(envelope.job());
    let opened = envelope.open(&unwrapped).unwrap();
    let list = CertsOnly::parse(opened.content().unwrap(), limits).unwrap();
    list.certificates().iter().next().unwrap().to_vec()
}

impl Race {
    /// The messages with these numbers of a story, when the second of them came.
    fn of(story: Story, [first, second]: [usize; 2]) -> Self {
        let World { mut wire, .. } = Plan::new(story, &[]).run();
        let requests = [first, second].map(|number| wire.tape[number].request.clone());
        let arrival = wire.tape.swap_remove(second);
        Self { stories: [story; 2], requests, now: arrival.now, before: arrival.before }
    }

    /// Every order, and what was stored and answered in the end. How many there were.
    fn in_every_order(&self, judge: impl Fn(&Rows, [Answer; 2])) -> usize {
        // whose turn it is, as long as both have steps left
        let mut order: Vec<usize> = Vec::new();
        let mut orders = 0;
        loop {
            let name = format!("{:?}, order {order:?}", self.stories);
            named(name, || {
                let (rows, outcomes) = self.run(&mut order);
                let answers = [0, 1].map(|who| answer(&outcomes[who], &self.requests[who]));
                judge(&rows, answers);
            });
            orders += 1;
            while order.last() == Some(&1) {
                order.pop();
            }
            match order.last_mut() {
                Some(last) => *last = 1,
                None => return orders,
            }
        }
    }

    /// One order; it goes on with the first server's steps where it does not say.
    fn run(&self, order: &mut Vec<usize>) -> (Rows, [Outcome; 2]) {
        let first = Office::new(self.stories[0]);
        first.rows.replace(self.before.clone());
        let offices = [&first, &first.another(self.stories[1])];
        let mut exchanges = [0, 1].map(|who| offices[who].accept(&self.requests[who], self.now));
        let mut turns = 0;
        loop {
            let who = match &exchanges {
                [Exchange::Done(_), Exchange::Done(_)] => break,
                [Exchange::Done(_), _] => 1,
                [_, Exchange::Done(_)] => 0,
                _ => {
                    if order.len() == turns {
                        order.push(0);
                    }
                    turns += 1;
                    order[turns - 1]
                }
            };
            exchanges = {
                let [one, other] = exchanges;
                match who {
                    0 => [offices[0].advance(one, self.now), other],
                    _ => [one, offices[1].advance(other, self.now)],
                }
            };
        }
        let outcomes = exchanges.map(|exchange| match exchange {
            Exchange::Done(outcome) => outcome,
            other => panic!("{other:?}"),
        });
        let rows = first.rows.borrow().clone();
        (rows, outcomes)
    }
}

// T9, T25, R-5.2-5: the very same request; a poll and the request once more; two polls
#[test]
fn two_servers_at_once_issue_one_certificate_and_both_answer_with_it() {
    for (story, numbers) in [
        (Story::AtOnce, [2, 2]),
        (Story::Granted, [2, 4]),
        (Story::Granted, [4, 4]),
        (Story::Renewal, [2, 2]),
        (Story::HeldRenewal, [2, 4]),
        (Story::HeldRenewal, [4, 4]),
    ] {
        let orders = Race::of(story, numbers).in_every_order(|rows, answers| {
            assert_eq!(rows.issued.len(), 1);
            let issued = Answer::Success(rows.issued[0].1.to_vec());
            assert!(answers.contains(&issued), "{answers:?}");
            // who comes while it is being issued polls for it
            let waits = |answer: &Answer| story == Story::AtOnce && *answer == Answer::Pending;
            assert!(answers.iter().all(|answer| *answer == issued || waits(answer)), "{answers:?}");
        });
        assert!(orders >= 6, "{orders}");
    }
}

// T9: one of them is recorded, and it is what both answer
#[test]
fn two_owners_of_two_minds_come_to_one_decision() {
    for (first, second) in [(Story::Granted, Story::Denied), (Story::Denied, Story::Granted)] {
        let race = Race { stories: [first, second], ..Race::of(first, [3, 3]) };
        // by now it is decided
        let race = Race { now: race.now + 60, ..race };
        let orders = race.in_every_order(|rows, answers| {
            let expected = match &rows.issued[..] {
                [] => Answer::Refused,
                [(_, certificate)] => Answer::Success(certificate.to_vec()),
                more => panic!("{} issued", more.len()),
            };
            assert!(answers.iter().all(|answer| *answer == expected), "{answers:?}");
        });
        assert!(orders >= 6, "{orders}");
    }
}

// T9: two requests under one challenge, by two keys or by one: it is given up for one of them
#[test]
fn a_challenge_that_is_shown_to_two_servers_at_once_gives_one_certificate() {
    let mut race = Race::of(Story::AtOnce, [2, 2]);
    let mut world = World::new(&Plan::new(Story::AtOnce, &[]));
    let victim = World::new(&Plan::new(Story::AtOnce, &[])).device;
    world.device.take_from(&victim);
    let end = world.go();
    world.check(&end);
    race.requests[1] = world.wire.tape[2].request.clone();
    let orders = race.in_every_order(|rows, answers| {
        assert_eq!((rows.issued.len(), rows.challenges.len()), (1, 1));
        let issued = Answer::Success(rows.issued[0].1.to_vec());
        // the other one is refused, or asks again to be refused then
        let [winner, other] = if answers[0] == issued {
            answers
        } else {
            let [a, b] = answers;
            [b, a]
        };
        assert_eq!(winner, issued);
        assert!(matches!(other, Answer::Refused | Answer::Later), "{other:?}");
    });
    assert!(orders > 20, "{orders}");
}
