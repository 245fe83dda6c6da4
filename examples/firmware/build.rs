//! Gives the linker the memory of the board.

use std::path::Path;
use std::{env, error::Error, fs};

fn main() -> Result<(), Box<dyn Error>> {
    let out = env::var("OUT_DIR")?;
    let memory = match env::var("CARGO_CFG_TARGET_ARCH")?.as_str() {
        "riscv32" => "memory/virt.x",
        _ => "memory/mps2.x",
    };
    fs::copy(memory, Path::new(&out).join("memory.x"))?;
    println!("cargo:rustc-link-search={out}");
    println!("cargo:rerun-if-changed=memory");
    Ok(())
}
