//! Counts instructions under valgrind's callgrind and compares them: `.ci/blind`, `.ci/icount`, or
//! `cargo bench --bench icount [-- WORD..]` for the groups whose names hold one of the words.
//!
//! With `--bless` the counts are written to `benches/icount/figures.txt`, with `--compare` they are compared with it.
//!
//! A group is a row of cases that should cost the same; the first is what the others are compared with. Each case is counted
//! in a process of its own that did the same before, so that the same binary counts the same on every run: not one
//! instruction of a difference is chance.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a measurement")]

#[path = "icount/blind.rs"]
mod blind;
#[path = "icount/callgrind.rs"]
mod callgrind;
#[path = "icount/figures.rs"]
mod figures;
#[path = "icount/peer.rs"]
mod peer;
#[allow(unused_imports, reason = "each program takes what it needs")]
#[path = "../tests/shared/provider.rs"]
mod provider;
#[allow(dead_code, reason = "shared with the tests")]
#[path = "../tests/it/requests.rs"]
mod requests;
#[path = "icount/responder.rs"]
mod responder;
#[path = "icount/steps.rs"]
mod steps;
#[allow(dead_code, reason = "shared with the tests")]
#[path = "../tests/it/support.rs"]
mod support;
#[path = "icount/world.rs"]
mod world;

use callgrind::Count;
use figures::Figures;
use std::io::Read as _;
use std::process::ExitCode;
use std::sync::Mutex;

/// Cases that should cost the same.
struct Group {
    name: &'static str,
    /// Most instructions between the first case and another; `None` where they need not cost the same.
    bound: Option<u64>,
    /// The first is what the others are compared with.
    cases: fn() -> Vec<Case>,
    /// Prepares something for the case in this place, which has this input, and does it in [`callgrind::counted`], once.
    run: fn(usize, Vec<u8>),
}

struct Case {
    name: String,
    /// Made outside of the process that counts: there, all cases are to find the same heap.
    input: Vec<u8>,
}

fn groups() -> Vec<Group> {
    blind::groups().into_iter().chain(steps::groups()).collect()
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [flag, name, place] = &arguments[..]
        && flag == callgrind::RUN
    {
        let group = groups().into_iter().find(|group| group.name == name).unwrap();
        let mut input = Vec::with_capacity(callgrind::LONGEST_INPUT);
        std::io::stdin().read_to_end(&mut input).unwrap();
        (group.run)(place.parse().unwrap(), input);
        return ExitCode::SUCCESS;
    }
    if !arguments.iter().any(|argument| argument == "--bench") {
        eprintln!("icount: nothing is counted but by `cargo bench`");
        return ExitCode::SUCCESS;
    }
    let words: Vec<&String> = arguments.iter().filter(|argument| !argument.starts_with("--")).collect();
    let is_wanted = |group: &&Group| match words.is_empty() {
        true => group.bound.is_some() || !group.name.starts_with(steps::PREFIX),
        false => words.iter().any(|word| group.name.contains(*word)),
    };
    let groups = groups();
    let wanted: Vec<&Group> = groups.iter().filter(is_wanted).collect();
    let mut figures = Figures::new();
    let mut exceeded: usize = wanted.iter().map(|group| measure(group, &mut figures)).sum();
    if arguments.iter().any(|argument| argument == "--bless") {
        figures::write(&figures);
    } else if arguments.iter().any(|argument| argument == "--compare") {
        exceeded += figures::compare(&figures);
    }
    if wanted.is_empty() || exceeded > 0 {
        eprintln!("icount: {} groups, {exceeded} differences over their bound", wanted.len());
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// Prints the table of a group; returns how many differences are over the bound.
fn measure(group: &Group, figures: &mut Figures) -> usize {
    let bound = group.bound.map_or("no bound".to_string(), |bound| format!("bound {bound}"));
    println!("\n{} ({bound})\n{:>12} {:>10} {:>7}", group.name, "instructions", "difference", "mallocs");
    let cases = (group.cases)();
    let counts = count(group, &cases);
    let mut exceeded = 0;
    for (case, count) in cases.iter().zip(&counts) {
        let difference = count.instructions.cast_signed() - counts[0].instructions.cast_signed();
        let is_over = group.bound.is_some_and(|bound| difference.unsigned_abs() > bound);
        exceeded += usize::from(is_over);
        let mark = if is_over { "  <- over the bound" } else { "" };
        let Count { instructions, allocations } = count;
        println!("{instructions:>12} {difference:>+10} {allocations:>7}  {}{mark}", case.name);
        figures.insert((group.name.to_string(), case.name.clone()), *count);
    }
    exceeded
}

/// Counts all cases, as many at the same time as there are processors.
fn count(group: &Group, cases: &[Case]) -> Vec<Count> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let left = Mutex::new(cases.iter().enumerate());
    let work = || {
        let next = || left.lock().unwrap().next();
        std::iter::from_fn(next)
            .map(|(place, case)| {
                let count = callgrind::count(group.name, place, &case.input);
                (place, count.unwrap_or_else(|error| panic!("{}, {}: {error}", group.name, case.name)))
            })
            .collect()
    };
    let mut counts: Vec<(usize, Count)> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        threads.into_iter().flat_map(|thread| -> Vec<_> { thread.join().unwrap() }).collect()
    });
    counts.sort_by_key(|(place, _)| *place);
    counts.into_iter().map(|(_, count)| count).collect()
}
