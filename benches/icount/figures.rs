//! The figures of the steps that are in git, and whether new ones may be so much larger.

use crate::callgrind::Count;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::Command;

/// Growth of instructions that is let pass, percent. Allocations may not grow.
const GROWTH: u64 = 3;

/// By group and case.
pub(crate) type Figures = BTreeMap<(String, String), Count>;

fn file() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("benches/icount/figures.txt")
}

/// The compiler: another one counts otherwise.
fn toolchain() -> String {
    let rustc = std::env::var_os("RUSTC").unwrap_or("rustc".into());
    let output = Command::new(rustc).arg("--version").output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_string()
}

pub(crate) fn write(figures: &Figures) {
    let mut text = format!(
        "# `.ci/icount --bless` writes this, `.ci/icount` compares with it.\n# {}\n# instructions, allocations, step, case\n",
        toolchain()
    );
    for ((group, case), Count { instructions, allocations }) in figures {
        writeln!(text, "{instructions:>8} {allocations:>4}  {group} | {case}").unwrap();
    }
    std::fs::write(file(), text).unwrap();
}

fn read() -> (String, Figures) {
    let text = std::fs::read_to_string(file()).expect("benches/icount/figures.txt");
    let toolchain = text.lines().nth(1).unwrap().trim_start_matches("# ").to_string();
    let line = |line: &str| {
        let (numbers, name) = line.split_once("  step: ").unwrap();
        let (group, case) = name.split_once(" | ").unwrap();
        let mut numbers = numbers.split_whitespace().map(|number| number.parse().unwrap());
        let [instructions, allocations] = std::array::from_fn(|_| numbers.next().unwrap());
        ((format!("step: {group}"), case.to_string()), Count { instructions, allocations })
    };
    (toolchain, text.lines().filter(|line| !line.starts_with('#')).map(line).collect())
}

/// Prints what became larger, and says how many of these are too large. What is not in the file, or only there, counts too:
/// a step that is gone would never be missed else.
pub(crate) fn compare(new: &Figures) -> usize {
    let (made_with, old) = read();
    if made_with != toolchain() {
        eprintln!("icount: the figures are of {made_with}; take that one, or --bless");
        return 1;
    }
    let mut faults = 0;
    let mut fault = |(group, case): &(String, String), what: &str| {
        eprintln!("icount: {group} | {case}: {what}");
        faults += 1;
    };
    for (name, count) in new {
        let Some(before) = old.get(name) else {
            fault(name, "has no figure: --bless");
            continue;
        };
        if count.instructions * 100 > before.instructions * (100 + GROWTH) {
            fault(name, &format!("{} instructions, and {} before", count.instructions, before.instructions));
        }
        if count.allocations > before.allocations {
            fault(name, &format!("{} allocations, and {} before", count.allocations, before.allocations));
        }
    }
    old.keys().filter(|name| !new.contains_key(*name)).for_each(|name| fault(name, "was not counted"));
    faults
}
