//! How long each step takes, and how much of that is the arithmetic of keys, hashes and ciphers: `cargo bench --bench wall`,
//! with `--features aws-lc-rs` for both providers. Words choose cases by name.
//!
//! The provider and the keys are wrapped in clocks, so that a run says by itself how much of it was arithmetic. What is
//! left is ours: that is the figure, since it is in the same run on the same machine, whatever else runs there. Medians.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a measurement")]

#[allow(unused_imports, reason = "each program takes what it needs")]
#[path = "../tests/shared/provider.rs"]
mod provider;
#[allow(dead_code, reason = "shared with the tests")]
#[path = "../tests/it/support.rs"]
mod support;
#[allow(dead_code, reason = "shared with the counts of instructions")]
#[path = "icount/world.rs"]
mod world;

use scep::Error;
use scep::crypto::{
    ContentCipher, ContentEncryption, ContentKey, DecryptJob, Digest, DigestAlgorithm, DigestValue, KeyError,
    KeyTransport, KeyType, KeyWrapper, Provider, Random, Rng, SharedKey, SignJob, Signature, SignatureScheme,
    Unwrapped, Verifier, rustcrypto,
};
use scep::wire::SubjectPublicKeyInfo;
use std::cell::Cell;
use std::fmt;
use std::time::{Duration, Instant};
use world::{Keys, World};

/// Time for one step of one case, and most and fewest runs.
const TIME: Duration = Duration::from_millis(600);
const RUNS: std::ops::RangeInclusive<usize> = 15..=400;

thread_local! {
    /// Spent in arithmetic since it was last asked for.
    static ARITHMETIC: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

fn clocked<T>(work: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = work();
    ARITHMETIC.set(ARITHMETIC.get() + start.elapsed());
    result
}

/// With a clock around it.
struct Clocked<T: ?Sized + 'static>(&'static T);

impl DigestAlgorithm for Clocked<dyn DigestAlgorithm> {
    fn id(&self) -> Digest {
        self.0.id()
    }

    fn digest(&self, parts: &[&[u8]]) -> DigestValue {
        clocked(|| self.0.digest(parts))
    }
}

impl ContentCipher for Clocked<dyn ContentCipher> {
    fn id(&self) -> ContentEncryption {
        self.0.id()
    }

    fn encrypt(&self, key: &[u8], iv: &[u8], blocks: &mut [u8]) -> Result<(), Error> {
        clocked(|| self.0.encrypt(key, iv, blocks))
    }

    fn decrypt(&self, key: &[u8], iv: &[u8], blocks: &mut [u8]) -> Result<(), Error> {
        clocked(|| self.0.decrypt(key, iv, blocks))
    }
}

impl KeyWrapper for Clocked<dyn KeyWrapper> {
    fn id(&self) -> KeyTransport {
        self.0.id()
    }

    fn wrap(
        &self,
        recipient: &SubjectPublicKeyInfo<'_>,
        key: &ContentKey,
        rng: &mut Rng<'_>,
    ) -> Result<Vec<u8>, Error> {
        clocked(|| self.0.wrap(recipient, key, rng))
    }
}

impl Verifier for Clocked<dyn Verifier> {
    fn scheme(&self) -> SignatureScheme {
        self.0.scheme()
    }

    fn verify(
        &self,
        signer: &SubjectPublicKeyInfo<'_>,
        parts: &[&[u8]],
        signature: &[u8],
    ) -> Result<(), Error> {
        clocked(|| self.0.verify(signer, parts, signature))
    }
}

impl<T: ?Sized> fmt::Debug for Clocked<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clocked")
    }
}

impl SharedKey for Clocked<dyn SharedKey> {
    fn public_key_der(&self) -> &[u8] {
        self.0.public_key_der()
    }

    fn sign(&self, job: &SignJob, rng: &mut Rng<'_>) -> Result<Signature, KeyError> {
        clocked(|| self.0.sign(job, rng))
    }

    fn decrypt(&self, job: &DecryptJob, rng: &mut Rng<'_>) -> Result<Unwrapped, KeyError> {
        clocked(|| self.0.decrypt(job, rng))
    }
}

fn leak<T>(value: T) -> &'static T {
    Box::leak(Box::new(value))
}

/// A list with a clock around each item.
macro_rules! clocked_list {
    ($list:expr, $kind:ty) => {
        leak($list.iter().map(|item| -> &'static $kind { leak(Clocked(*item)) }).collect::<Vec<_>>())
            .as_slice()
    };
}

fn with_clocks(provider: &Provider) -> &'static Provider {
    leak(Provider {
        digests: clocked_list!(provider.digests, dyn DigestAlgorithm),
        ciphers: clocked_list!(provider.ciphers, dyn ContentCipher),
        read_only_ciphers: &[],
        wrappers: clocked_list!(provider.wrappers, dyn KeyWrapper),
        verifiers: clocked_list!(provider.verifiers, dyn Verifier),
        password_kdfs: &[],
    })
}

type Read = fn(&[u8]) -> &'static dyn SharedKey;

/// Each provider with what reads a key for it.
fn providers() -> Vec<(&'static str, &'static Provider, Read)> {
    vec![
        #[cfg(feature = "aws-lc-rs")]
        ("aws-lc-rs", with_clocks(&scep::crypto::aws_lc_rs::PROVIDER), |der| {
            leak(scep::crypto::aws_lc_rs::SoftwareKey::from_pkcs8(der).unwrap())
        }),
        ("rustcrypto", with_clocks(&rustcrypto::PROVIDER), |der| {
            leak(rustcrypto::SoftwareKey::from_pkcs8(der).unwrap())
        }),
    ]
}

/// What one run took: all of it, and the arithmetic in it.
type Run = (Duration, Duration);

fn timed<T>(work: impl FnOnce() -> T) -> (Run, T) {
    ARITHMETIC.set(Duration::ZERO);
    let start = Instant::now();
    let result = work();
    ((start.elapsed(), ARITHMETIC.get()), result)
}

/// Prints a line of the table.
fn measure(name: &str, words: &[String], mut run: impl FnMut() -> Run) {
    if !words.is_empty() && !words.iter().any(|word| name.contains(word)) {
        return;
    }
    run();
    let (start, mut runs) = (Instant::now(), Vec::new());
    while runs.len() < *RUNS.start() || (runs.len() < *RUNS.end() && start.elapsed() < TIME) {
        runs.push(run());
    }
    let median = |of: &dyn Fn(&Run) -> Duration| {
        let mut times: Vec<Duration> = runs.iter().map(of).collect();
        times.sort_unstable();
        times[times.len() / 2].as_secs_f64() * 1e6
    };
    let (arithmetic, ours) = (median(&|run| run.1), median(&|run| run.0 - run.1));
    let percent = if arithmetic > 0.0 { format!("{:6.2} %", 100.0 * ours / arithmetic) } else { "-".into() };
    println!("{name:<58} {arithmetic:>10.1} {ours:>8.1} {percent:>9} {:>5}", runs.len());
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if !arguments.iter().any(|argument| argument == "--bench") {
        eprintln!("wall: nothing is measured but by `cargo bench`");
        return;
    }
    let words: Vec<String> = arguments.into_iter().filter(|argument| !argument.starts_with("--")).collect();
    println!("{:<58} {:>10} {:>8} {:>9} {:>5}", "microseconds", "arithmetic", "ours", "ours/ar.", "runs");
    for bits in [2048, 3072, 4096] {
        let rng = &mut Random::system();
        let mut key = || rustcrypto::SoftwareKey::generate(KeyType::Rsa(bits), rng).unwrap().to_pkcs8();
        let (device, ca) = (key(), key());
        for (name, provider, read) in providers() {
            let keys = || Keys {
                provider,
                device: Box::new(Clocked(read(&device))),
                ca: Box::new(Clocked(read(&ca))),
            };
            steps(&format!("{name}, RSA-{bits}"), keys, &words);
        }
    }
}

/// How many alternative names requests have, and how long that makes them.
const NAMES: [(usize, &str); 2] = [(4, "3 KiB"), (18, "4 KiB")];

fn steps(name: &str, keys: impl Fn() -> Keys, words: &[String]) {
    let mut world = World::new(keys());
    for (names, size) in NAMES.into_iter().chain([(615, "64 KiB")]) {
        measure(&format!("{name}: client builds a request, {size}"), words, || {
            let request = world.request(names);
            timed(|| world.build(request)).0
        });
    }
    for (names, size) in NAMES {
        measure(&format!("{name}: server, request to certificate, {size}"), words, || {
            // a store of its own each time: the same request again is another exchange
            let mut world = World::new(keys());
            let request = world.request(names);
            let message = world.build(request).request().body.clone();
            timed(|| {
                let exchange = world.accept(message);
                let question = world.ask(exchange);
                world.answer(question, false)
            })
            .0
        });
    }
    measure(&format!("{name}: client reads its certificate"), words, || {
        let mut world = World::new(keys());
        let request = world.request(NAMES[0].0);
        let transmit = world.build(request);
        let exchange = world.accept(transmit.request().body.clone());
        let question = world.ask(exchange);
        let reply = world.answer(question, false);
        timed(|| world.read(transmit, reply)).0
    });
    measure(&format!("{name}: server answers a poll"), words, || {
        let mut world = World::new(keys());
        let step = world.held(NAMES[0].0).poll(&mut world.rng).unwrap();
        let message = world.sign(step).request().body.clone();
        timed(|| {
            let exchange = world.accept(message);
            world.finish(exchange)
        })
        .0
    });
    measure(&format!("{name}: GetCACert"), words, || timed(|| world.get("/scep?operation=GetCACert")).0);
}
