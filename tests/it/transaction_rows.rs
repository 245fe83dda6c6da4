//! The table of transactions (RFC 8894 section 2.5, and ours for what it leaves open), row by row and as whole
//! exchanges, on any store. The store is opened anew for each message, and the responder is made anew.

use crate::provider::PROVIDER;
use crate::reading::CertRep;
use crate::requests::*;
use crate::support::{NOW, at, name, seeded};
use scep::crypto::Rng;
use scep::error::{Error, PeerMisbehaved, Unavailable};
use scep::pki_types::CertificateDer;
use scep::server::{
    Authorized, Decide, Exchange, Identity, IssuedChain, Recorded, Refusal, Responder, ServerConfig, Store,
    Transaction, TransactionKey, Transition, drive,
};
use scep::transport::HttpRequest;
use std::cell::Cell;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Condvar, Mutex};
use std::thread;
use std::time::Duration;

/// Requests for a certificate, and polls for them.
#[derive(Clone, Copy)]
struct Family {
    what: &'static str,
    request: fn() -> Message,
    other_request: fn() -> Message,
    poll: fn() -> Message,
    /// By another key.
    strange_poll: fn() -> Message,
}

const FAMILIES: [Family; 2] = [
    Family {
        what: "enrolment",
        request: pkcs_req,
        other_request: || with_csr(|csr| csr.subject = name("CN=other")),
        poll: cert_poll,
        strange_poll: || cert_poll_of(&STRANGER, &STRANGER_CERTIFICATE),
    },
    Family {
        what: "renewal",
        request: renewal_req,
        other_request: || {
            renewal_with("17", &OLD_CERTIFICATE, |csr| {
                csr.attributes = Some(vec![challenge(PRINTABLE, b"x")])
            })
        },
        poll: || cert_poll_of(&DEVICE, &OLD_CERTIFICATE),
        // even by the key that is to be certified
        strange_poll: || cert_poll_of(&DEVICE_2, &X509::of(SUBJECT, "CN=Server CA", &DEVICE_2).sign(&CA)),
    },
];

/// What the owner says when he is asked.
#[derive(Clone, Copy, Debug)]
enum Say {
    Hold,
    Grant,
    Deny,
}

/// What came of one message.
#[derive(Clone, Debug, PartialEq)]
enum Came {
    Success(Vec<u8>),
    Pending,
    Failure(String, Error),
    /// HTTP 503.
    Later(Error),
}

#[derive(Debug, PartialEq)]
struct Seen {
    came: Came,
    /// How often the owner was asked.
    asked: usize,
    /// How many changes the store made.
    stored: usize,
}

/// Counts the changes.
struct Counted<'a, S>(&'a S, Cell<usize>);

impl<S: Store> Store for Counted<'_, S> {
    type Error = S::Error;

    fn load(&self, key: &TransactionKey) -> Result<Option<Transaction>, S::Error> {
        self.0.load(key)
    }

    fn record(&self, transition: &Transition) -> Result<Recorded, S::Error> {
        let recorded = self.0.record(transition)?;
        self.1.set(self.1.get() + usize::from(recorded == Recorded::Stored));
        Ok(recorded)
    }
}

/// Serial numbers of what is issued, one for each.
static SERIAL: AtomicU8 = AtomicU8::new(1);

fn issue(authorized: Authorized) -> Exchange {
    let requested = authorized.requested();
    let mut template = X509::of("CN=x", "CN=Server CA", &DEVICE);
    template.subject = requested.subject().unwrap().as_der().to_vec();
    template.public_key = requested.public_key().to_vec();
    template.serial = vec![0x10, SERIAL.fetch_add(1, Ordering::Relaxed)];
    let leaf = CertificateDer::from(template.sign(&CA));
    IssuedChain::new(leaf, Vec::new(), authorized).unwrap().grant()
}

fn answer(question: Decide, say: Say, rng: &mut Rng<'_>) -> Exchange {
    match (question, say) {
        (Decide::Enrol(question), Say::Hold) => question.hold(rng),
        (Decide::Enrol(question), Say::Grant) => issue(question.approve()),
        (Decide::Enrol(question), Say::Deny) => question.refuse(Refusal::Policy, rng),
        (Decide::Renew(question), Say::Hold) => question.hold(rng),
        (Decide::Renew(question), Say::Grant) => issue(question.approve_unrevoked().unwrap()),
        (Decide::Renew(question), Say::Deny) => question.refuse(Refusal::Policy, rng),
        (other, _) => panic!("{other:?}"),
    }
}

/// Serves one message at this time. `before` runs before the owner answers.
fn serve<S: Store>(store: &S, message: &Message, now: u64, say: Say, before: impl Fn()) -> Seen {
    let ca = CertificateDer::from(CA_CERTIFICATE.clone());
    let config = ServerConfig::new(&PROVIDER, Identity::new(ca.clone()), vec![ca]).renewal(true);
    let responder = Responder::new(config).unwrap();
    let rng = &mut seeded(now);
    let request = HttpRequest::new("POST", "/scep?operation=PKIOperation", message.encode());
    let exchange = responder.accept(request, at(now), rng);
    let store = Counted(store, Cell::new(0));
    let mut asked = 0;
    let outcome = drive(exchange, &mut &CA.soft, &mut &CA.soft, &store, rng, |question, rng| {
        asked += 1;
        before();
        answer(question, say, rng)
    });
    let came = match outcome.reply.status {
        503 => Came::Later(outcome.cause.unwrap()),
        _ => {
            let read = CertRep::read(&outcome.reply.body, &CA);
            match read.status.as_str() {
                "0" => {
                    Came::Success(read.open(message.key, &message.certificates[0]).certificates[0].clone())
                }
                "2" => Came::Failure(read.fail_info.clone().unwrap(), outcome.cause.unwrap()),
                _ => Came::Pending,
            }
        }
    };
    Seen { came, asked, stored: store.1.get() }
}

fn failure(number: &str, cause: PeerMisbehaved) -> Came {
    Came::Failure(number.into(), cause.into())
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    None,
    Pending,
    Issued,
    Rejected,
    Gone,
}

/// What a message of this column gives, for a transaction that was granted with `issued`.
fn check(state: State, column: &str, issued: Option<&Vec<u8>>, seen: &Seen) {
    let unknown = failure("4", PeerMisbehaved::UnknownTransaction);
    let refused = failure("2", PeerMisbehaved::StoredRefusal);
    let at = format!("{state:?}, {column}");
    // granted when asked, and never with a certificate of before
    let process = |seen: &Seen| {
        let Came::Success(certificate) = &seen.came else { panic!("{at}: {seen:?}") };
        assert!(Some(certificate) != issued, "{at}");
        assert_eq!((seen.asked, seen.stored), (1, 1), "{at}");
    };
    let settled = |came: Came| assert_eq!(*seen, Seen { came, asked: 0, stored: 0 }, "{at}");
    match (state, column) {
        (_, "strange poll") => settled(unknown),
        (State::None | State::Gone, "poll") => settled(unknown),
        (State::None | State::Gone, _) => process(seen),
        (State::Pending, "other") => settled(failure("2", PeerMisbehaved::TransactionBusy)),
        // asked again, and no second entry
        (State::Pending, _) => assert_eq!(*seen, Seen { came: Came::Pending, asked: 1, stored: 0 }, "{at}"),
        (State::Issued | State::Rejected, "other") => process(seen),
        (State::Issued, _) => settled(Came::Success(issued.unwrap().clone())),
        (State::Rejected, _) => settled(refused),
    }
}

/// Every cell. `open` gives the store of this name: an empty one at first, and later what was stored in it.
pub(crate) fn every_row_holds<S: Store>(open: impl Fn(&str) -> S) {
    let week = 8 * 24 * 3600;
    for family in FAMILIES {
        for state in [State::None, State::Pending, State::Issued, State::Rejected, State::Gone] {
            for (column, message) in [
                ("same", family.request),
                ("other", family.other_request),
                ("poll", family.poll),
                ("strange poll", family.strange_poll),
            ] {
                let store = format!("{} {state:?} {column}", family.what);
                let send = |message: Message, now, say| serve(&open(&store), &message, now, say, || ());
                let mut issued = None;
                match state {
                    State::None => {}
                    State::Pending => {
                        assert_eq!(send((family.request)(), NOW, Say::Hold).came, Came::Pending);
                    }
                    State::Rejected => {
                        assert_eq!(send((family.request)(), NOW, Say::Hold).came, Came::Pending);
                        let denied = send((family.poll)(), NOW + 1, Say::Deny);
                        assert_eq!(denied.came, failure("2", PeerMisbehaved::Policy));
                        assert_eq!((denied.asked, denied.stored), (1, 1));
                    }
                    State::Issued | State::Gone => {
                        let granted = send((family.request)(), NOW, Say::Grant);
                        let Came::Success(certificate) = granted.came else { panic!("{granted:?}") };
                        issued = Some(certificate);
                    }
                }
                let now = if state == State::Gone { NOW + week } else { NOW + 2 };
                let say = if state == State::Pending { Say::Hold } else { Say::Grant };
                let seen = send(message(), now, say);
                // a renewal that was granted is remembered until the certificate ends that signed it (T25)
                let is_kept = state == State::Gone && family.what == "renewal";
                check(if is_kept { State::Issued } else { state }, column, issued.as_ref(), &seen);
            }
        }
    }
}

/// A transaction from the first message to its end, and to its end again.
pub(crate) fn a_held_request_ends_once<S: Store>(open: impl Fn(&str) -> S) {
    for family in FAMILIES {
        let store = format!("{} to its end", family.what);
        let send = |message: Message, now, say| serve(&open(&store), &message, now, say, || ());
        assert_eq!(send((family.request)(), NOW, Say::Hold).came, Came::Pending);
        for hour in 1..4 {
            let seen = send((family.poll)(), NOW + hour * 3600, Say::Hold);
            assert_eq!(seen, Seen { came: Came::Pending, asked: 1, stored: 0 });
        }
        let seen = send((family.poll)(), NOW + 5 * 3600, Say::Grant);
        let Came::Success(issued) = seen.came else { panic!("{seen:?}") };
        assert_eq!((seen.asked, seen.stored), (1, 1));
        for message in [family.poll, family.request] {
            let seen = send(message(), NOW + 6 * 3600, Say::Deny);
            assert_eq!(seen, Seen { came: Came::Success(issued.clone()), asked: 0, stored: 0 });
        }
    }
}

/// Two servers on one store, which both decide before either of them has recorded anything.
fn at_once<S: Store + Sync>(stores: &[S; 2], sent: [(&Message, Say); 2]) -> [Seen; 2] {
    let (asked, both_asked) = (Mutex::new(0), Condvar::new());
    // not a barrier: if only one of them is asked, this ends in an answer that is told to be wrong
    let wait = || {
        let mut count = asked.lock().unwrap();
        *count += 1;
        both_asked.notify_all();
        drop(both_asked.wait_timeout_while(count, Duration::from_secs(20), |count| *count < 2).unwrap());
    };
    let run = |store: &S, (message, say): (&Message, Say)| serve(store, message, NOW + 1, say, wait);
    let ([one, two], [first, second], run) = (stores, sent, &run);
    thread::scope(|scope| {
        let racers = [scope.spawn(move || run(one, first)), scope.spawn(move || run(two, second))];
        racers.map(|racer| racer.join().unwrap())
    })
}

/// Of two that decide at once, one is recorded, and it is what both answer.
pub(crate) fn two_writers_issue_one_certificate<S: Store + Sync>(open: impl Fn(&str) -> S) {
    let open_twice = |name: &str| [open(name), open(name)];
    for family in FAMILIES {
        let (request, poll) = ((family.request)(), (family.poll)());
        for held in [false, true] {
            for (round, sent) in [
                [(&request, Say::Grant), (&request, Say::Grant)],
                [(&poll, Say::Grant), (&request, Say::Grant)],
                [(&poll, Say::Deny), (&poll, Say::Grant)],
            ]
            .into_iter()
            .enumerate()
            {
                if !held && round > 0 {
                    continue;
                }
                let store = format!("{} at once {held} {round}", family.what);
                if held {
                    let seen = serve(&open(&store), &request, NOW, Say::Hold, || ());
                    assert_eq!(seen.came, Came::Pending);
                }
                let [one, other] = at_once(&open_twice(&store), sent);
                assert_eq!((one.asked, other.asked), (1, 1));
                // exactly one change was made
                assert_eq!(one.stored + other.stored, 1, "{store}: {one:?} {other:?}");
                let outcome = |came: &Came| match came {
                    Came::Success(certificate) => Some(certificate.clone()),
                    Came::Failure(number, _) if number == "2" => None,
                    other => panic!("{store}: {other:?}"),
                };
                let stored = outcome(&one.came);
                assert_eq!(stored, outcome(&other.came), "{store}");
                assert!(stored.is_some() || round == 2);
                // and it stays so
                let later = serve(&open(&store), &poll, NOW + 2, Say::Grant, || ());
                assert_eq!((outcome(&later.came), later.asked, later.stored), (stored, 0, 0), "{store}");
            }
        }
        // two different requests: the second one has to ask again
        let other = (family.other_request)();
        let store = format!("{} at once, different", family.what);
        let [one, two] = at_once(&open_twice(&store), [(&request, Say::Grant), (&other, Say::Grant)]);
        assert_eq!(one.stored + two.stored, 1);
        let late = [&one, &two].map(|seen| seen.came == Came::Later(Unavailable::Changed.into()));
        assert!(late[0] != late[1], "{one:?} {two:?}");
    }
}
