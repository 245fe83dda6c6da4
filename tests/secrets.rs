//! What is left of secrets in memory that was given back (T51).
//!
//! The allocator of this test looks through every block before it is freed. It cannot see the stack.
#![allow(unsafe_code, reason = "a global allocator; the library itself forbids unsafe code")]
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test")]

#[allow(unused_imports, reason = "each program takes what it needs")]
#[path = "shared/provider.rs"]
mod provider;
#[allow(dead_code, reason = "other tests use more of it")]
#[path = "it/support.rs"]
mod support;

use scep::Error;
use scep::client::{Client, ClientConfig, Driven, Step};
use scep::crypto::rustcrypto::{PROVIDER, RSA_PKCS1V15, SoftwareKey};
use scep::crypto::{ChallengePassword, ContentKey, KeyTransport, KeyWrapper, Provider, Rng};
use scep::server::{ChallengeKey, ChallengeTerms, OneTimeChallenges};
use scep::wire::SubjectPublicKeyInfo;
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering::SeqCst};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use support::{CHALLENGE, Ca, Device, NOW, at, holds, issued, seeded};

const LONGEST: usize = 64;
static NEEDLE: [AtomicU8; LONGEST] = [const { AtomicU8::new(0) }; LONGEST];
static LENGTH: AtomicUsize = AtomicUsize::new(0);
static FOUND: AtomicUsize = AtomicUsize::new(0);
static BLOCK: AtomicUsize = AtomicUsize::new(0);

struct Looking;

// SAFETY: all memory is that of the system's allocator, handed on as it is.
unsafe impl GlobalAlloc for Looking {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // of zeros, so that every byte may be read when the block comes back
        // SAFETY: the caller's promise is the one that is asked for.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        let length = LENGTH.load(SeqCst);
        if length > 0 && layout.size() >= length {
            // SAFETY: the block is the caller's until the next line, and was filled with zeros at first.
            look(unsafe { std::slice::from_raw_parts(block, layout.size()) }, length);
        }
        // SAFETY: it came from there.
        unsafe { System.dealloc(block, layout) }
    }
    // growing goes through both of these
}

#[global_allocator]
static ALLOCATOR: Looking = Looking;

fn look(block: &[u8], length: usize) {
    let first = NEEDLE[0].load(SeqCst);
    for (at, _) in block.iter().enumerate().filter(|(_, byte)| **byte == first) {
        let Some(part) = block.get(at..at + length) else { return };
        if part.iter().zip(&NEEDLE).all(|(byte, wanted)| *byte == wanted.load(SeqCst)) {
            FOUND.fetch_add(1, SeqCst);
            BLOCK.store(block.len(), SeqCst);
            return;
        }
    }
}

/// Looks for one secret at a time.
struct Watch(#[allow(dead_code, reason = "held")] MutexGuard<'static, ()>);

impl Watch {
    fn new() -> Self {
        static ONE: Mutex<()> = Mutex::new(());
        let guard = ONE.lock().unwrap_or_else(PoisonError::into_inner);
        FOUND.store(0, SeqCst);
        Self(guard)
    }

    fn over(secret: &[u8]) -> Self {
        let watch = Self::new();
        look_for(secret);
        watch
    }

    /// How often it was found until now.
    fn found(&self) -> usize {
        FOUND.load(SeqCst)
    }

    #[track_caller]
    fn nothing(&self) {
        assert_eq!(self.found(), 0, "in a block of {} bytes", BLOCK.load(SeqCst));
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        LENGTH.store(0, SeqCst);
    }
}

fn look_for(secret: &[u8]) {
    assert!((8..=LONGEST).contains(&secret.len()));
    secret.iter().zip(&NEEDLE).for_each(|(byte, place)| place.store(*byte, SeqCst));
    LENGTH.store(secret.len(), SeqCst);
}

// the control: this is what it looks like
#[test]
fn a_secret_that_is_left_behind_is_found() {
    let watch = Watch::over(b"left behind");
    drop(b"it was left behind here".to_vec());
    assert_eq!(watch.found(), 1);
    drop(b"it was left ahead here".to_vec());
    let mut grown = b"left behind".to_vec();
    grown.reserve_exact(4000);
    assert_eq!(watch.found(), 2);
    grown.fill(0);
    drop(grown);
    assert_eq!(watch.found(), 2);
}

// T51: the challenge password on both sides, from the builder to the decision
#[test]
fn an_exchange_leaves_no_challenge_behind() {
    let mut ca = Ca::new();
    let mut device = Device::new(&ca);
    let watch = Watch::over(CHALLENGE.as_bytes());
    let step = device.start();
    let step = Step::Transmit(device.up_to_message(step, &mut ca));
    drop(issued(device.go(step, &mut ca).unwrap()));
    watch.nothing();
    // refused: a wrong one is somebody's too
    let request = device.request("correct horse battery staples");
    let step = device.client.enrol(support::URL, request, &mut device.rng).unwrap();
    ca.now += support::YEAR;
    assert!(matches!(device.go(step, &mut ca), Ok(Driven::Done(_))));
    watch.nothing();
}

/// Wraps as the usual one does, and looks for the key from then on.
struct Spy;

impl KeyWrapper for Spy {
    fn id(&self) -> KeyTransport {
        RSA_PKCS1V15.id()
    }

    fn wrap(
        &self,
        recipient: &SubjectPublicKeyInfo<'_>,
        key: &ContentKey,
        rng: &mut Rng<'_>,
    ) -> Result<Vec<u8>, Error> {
        look_for(key.as_bytes());
        RSA_PKCS1V15.wrap(recipient, key, rng)
    }
}

static SPYING: Provider = Provider { wrappers: &[&Spy], ..PROVIDER };

// T51: the content key of a request, from where it is wrapped to where it is used
#[test]
fn an_exchange_leaves_no_content_key_behind() {
    let mut ca = Ca::new();
    let mut device = Device::new(&ca);
    device.client = Client::new(ClientConfig::new(&SPYING));
    let watch = Watch::new();
    let step = device.start();
    let transmit = device.up_to_message(step, &mut ca);
    assert!(LENGTH.load(SeqCst) >= 16, "no key was wrapped");
    drop(issued(device.go(Step::Transmit(transmit), &mut ca).unwrap()));
    watch.nothing();
}

// T51
#[test]
fn one_time_challenges_leave_neither_text_nor_key_behind() {
    let secret = *b"0123 the key of the challenges 9";
    let watch = Watch::over(&secret);
    let challenges = OneTimeChallenges::new(&PROVIDER, "", ChallengeKey::from_bytes(secret));
    let terms = ChallengeTerms::any_subject();
    let (text, made) =
        challenges.mint(terms.clone(), at(NOW), Duration::from_secs(60), &mut seeded(1)).unwrap();
    let mut copy = [0; 32];
    copy.copy_from_slice(text.expose().as_bytes());
    drop(challenges);
    watch.nothing();
    look_for(&copy);
    drop((text, made));
    watch.nothing();

    let challenges = OneTimeChallenges::new(&PROVIDER, "", ChallengeKey::from_bytes(secret));
    let text = challenges.seal(&terms, at(NOW), Duration::from_secs(60), &mut seeded(1)).unwrap();
    let mut copy = [0; LONGEST];
    copy.copy_from_slice(&text.expose().as_bytes()[..LONGEST]);
    look_for(&copy);
    let adopted = challenges.adopt(&text, terms, at(NOW), Duration::from_secs(60)).unwrap();
    assert!(!holds(&adopted.to_bytes(), &copy[..16]));
    drop((text, adopted));
    watch.nothing();
    // a challenge that is too long, or has a NUL, is wiped as well
    look_for(b"a challenge with a NUL");
    assert!(ChallengePassword::new("a challenge with a NUL\0".to_string()).is_err());
    watch.nothing();
}

// T51: the forms in which a private key comes and goes; what the crate `rsa` keeps of it is not ours
#[test]
fn an_encoded_private_key_is_not_left_behind() {
    const PEM: &str = include_str!("it/keys/device.pem");
    // of static memory, so that the test leaves nothing behind itself
    let line = PEM.lines().nth(8).unwrap().as_bytes();
    let watch = Watch::over(line);
    let key = SoftwareKey::from_pem(PEM).unwrap();
    drop(key.to_pem());
    watch.nothing();
    let der = key.to_pkcs8();
    let mut part = [0; LONGEST];
    part.copy_from_slice(&der[400..400 + LONGEST]);
    look_for(&part);
    drop(SoftwareKey::from_pkcs8(&der).unwrap().to_pkcs8());
    drop(der);
    drop(SoftwareKey::from_pem(PEM).unwrap());
    watch.nothing();
}
