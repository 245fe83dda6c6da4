//! Runs this very program under callgrind, and reads what it counted.

use std::hint::black_box;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

/// The option with which the program is called to do one case: group and place follow.
pub(crate) const RUN: &str = "--run";

/// Room for the input of a case, bytes.
pub(crate) const LONGEST_INPUT: usize = 128 << 10;

/// What callgrind looks for.
const REGION: &str = "icount::callgrind::counted_region";

/// What allocates memory, or gets more of it.
const ALLOCATOR: [&str; 5] = ["malloc", "calloc", "realloc", "posix_memalign", "aligned_alloc"];

/// Counting begins and ends with this function. It is not generic, so that its name is the same in every compiler.
#[inline(never)]
pub(crate) fn counted_region(work: &mut dyn FnMut()) {
    work();
    // no tail call, which would be the end of this function
    black_box(());
}

/// Counts what `work` does.
pub(crate) fn counted<T>(work: impl FnOnce() -> T) -> T {
    let mut work = Some(work);
    let mut result = None;
    counted_region(&mut || result = work.take().map(|work| work()));
    result.unwrap()
}

/// What happened in one call of [`counted_region`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Count {
    pub(crate) instructions: u64,
    /// How often memory was allocated.
    pub(crate) allocations: u64,
}

/// Counts one case in a process of its own.
pub(crate) fn count(group: &str, place: usize, input: &[u8]) -> Result<Count, String> {
    assert!(input.len() <= LONGEST_INPUT);
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let name: String = group.chars().filter(|letter| letter.is_ascii_alphanumeric()).collect();
    let folder = std::env::temp_dir().join(format!("scep-icount-{}-{name}-{place}", std::process::id()));
    std::fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
    let counted = run(&program, &folder, &[RUN, group, &format!("{place:03}")], input);
    // to be looked at with callgrind_annotate
    match std::env::var_os("ICOUNT_KEEP") {
        Some(_) => eprintln!("{group}, case {place}: {}", folder.join("out.1").display()),
        None => drop(std::fs::remove_dir_all(folder)),
    }
    counted
}

fn run(program: &Path, folder: &Path, arguments: &[&str], input: &[u8]) -> Result<Count, String> {
    let mut valgrind = Command::new("valgrind")
        // other strings of the environment would move the stack
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .args(["--tool=callgrind", "--compress-strings=no", "--compress-pos=no"])
        .args([format!("--zero-before={REGION}"), format!("--dump-after={REGION}")])
        .arg(format!("--callgrind-out-file={}/out", folder.display()))
        .arg(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("valgrind cannot be started: {error}"))?;
    let written = valgrind.stdin.take().map(|mut stdin| stdin.write_all(input));
    let output = valgrind.wait_with_output().map_err(|error| error.to_string())?;
    if !output.status.success() || !matches!(written, Some(Ok(()))) {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    read(&folder.join("out.1"))
}

/// Reads a profile: <https://valgrind.org/docs/manual/cl-format.html>.
fn read(file: &Path) -> Result<Count, String> {
    let text = std::fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
    let number = |text: &str| text.trim().parse::<u64>().map_err(|_| format!("no number: {text}"));
    let total =
        text.lines().find_map(|line| line.strip_prefix("totals: ")).ok_or("a profile without totals")?;
    let instructions = number(total)?;
    if instructions == 0 {
        return Err("nothing was counted".into());
    }
    let mut allocations = 0;
    let (mut caller, mut called) = ("", "");
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("fn=") {
            caller = name;
        } else if let Some(name) = line.strip_prefix("cfn=") {
            called = name;
        } else if let Some(calls) = line.strip_prefix("calls=")
            && ALLOCATOR.contains(&called)
            && !ALLOCATOR.contains(&caller)
        {
            allocations += number(calls.split(' ').next().unwrap_or_default())?;
        }
    }
    Ok(Count { instructions, allocations })
}
