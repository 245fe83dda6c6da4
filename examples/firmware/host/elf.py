"""Where the bytes of an image are: sections of the ELF file, and the linker's map for the crate of each piece."""

import os
import re
import struct
import subprocess
from collections import Counter
from pathlib import Path

# what counts as flash: what is loaded, initialised data included
FLASH = re.compile(r"\.(vector_table|text|rodata|data|trap|init)(\..*)?$")


def sections(path):
    """Name, address, offset and size of each section that is in memory."""
    data = Path(path).read_bytes()
    assert data[:5] == b"\x7fELF\x01", "not a 32-bit ELF file"
    table, size, count, names = struct.unpack_from("<I10xHHH", data, 32)
    rows = [struct.unpack_from("<10I", data, table + i * size) for i in range(count)]
    text = rows[names][4]
    for name, kind, flags, address, offset, length, *_ in rows:
        end = data.index(b"\0", text + name)
        if flags & 2 and length:
            yield data[text + name : end].decode(), kind, address, length


def flash(path):
    """Bytes of .text, .rodata, .data and the vectors."""
    return {name: length for name, kind, _, length in sections(path) if FLASH.match(name) and kind != 8}


def crate_of_symbol(name):
    """The crate of a symbol mangled as v0: the one of its path; for generics of core and alloc one that they are for."""
    found = [text[: int(n)] for n, text in re.findall(r"C(?:s[0-9A-Za-z]*_)?(\d+)_?([A-Za-z_0-9]+)", name)]
    others = [crate for crate in found if crate not in ("core", "alloc")]
    return others[0] if others else (found[0] if found else None)


def crate_of_file(name):
    """The crate of a source file."""
    if found := re.search(r"/registry/src/[^/]*/([^/]+?)-\d[^/]*/", name):
        return found[1].replace("-", "_")
    if "/library/" in name or name.startswith("/rustc/"):
        return None
    if "/examples/firmware/" in name:
        return "scep_firmware"
    return "scep" if re.search(r"/src/[a-z_/0-9]+\.rs$", name) else None


def anonymous(rlibs):
    """Crate of each hash in the names of anonymous constants: found in the library it was compiled to."""
    crates = {}
    for path in rlibs:
        for found in set(re.findall(rb"anon\.([0-9a-f]{32})", path.read_bytes())):
            crates.setdefault(found.decode(), re.match(r"lib(.*)-[0-9a-f]+\.rlib", path.name)[1])
    return crates


def pieces(map_file):
    """Address, size and input section of each piece in the map of rust-lld."""
    line = re.compile(r"\s*([0-9a-f]+)\s+[0-9a-f]+\s+([0-9a-f]+)\s+\d+\s{9,}.*:\((\.[^)]*)\)$")
    for text in Path(map_file).read_text().splitlines():
        if found := line.match(text):
            yield int(found[1], 16), int(found[2], 16), found[3]


def by_crate(elf, map_file, deps, addr2line):
    """Bytes of flash for each crate.

    Code belongs to the crate of the innermost source line that is not of core or alloc, so what is inlined from a crate
    is its own, and so are generics of core in it; the image has to have line tables. What has no such line goes by
    the name of its symbol, and constants go by the crate that they were compiled in.
    """
    sysroot = subprocess.run([os.environ.get("RUSTC", "rustc"), "--print", "sysroot"], capture_output=True, text=True, check=True).stdout.strip()
    target = Path(deps).parent.parent.name
    own = Path(sysroot, "lib/rustlib", target, "lib").glob("lib*.rlib")
    crates = anonymous([*Path(deps).glob("lib*.rlib"), *own])
    inside = [piece for piece in pieces(map_file) if piece[1] and FLASH.match(piece[2])]
    result = Counter()
    code = []
    for address, size, name in inside:
        if name.startswith(".text"):
            code += [(at, min(4, address + size - at), name) for at in range(address, address + size, 4)]
            continue
        found = re.search(r"anon\.([0-9a-f]{32})", name)
        # what is in no library is the program's
        crate = crates.get(found[1], "scep_firmware") if found else crate_of_symbol(name)
        result[crate or ("vectors" if "vector" in name else "other")] += size
    # for each address a line with it, then one for each frame
    answer = subprocess.run(
        [addr2line, "-e", elf, "-a", "-i"],
        input="\n".join(hex(at) for at, _, _ in code), capture_output=True, text=True, check=True,
    ).stdout
    frames = re.split(r"^0x[0-9a-f]+\n", answer, flags=re.M)[1:]
    assert len(frames) == len(code), "the symboliser lost some addresses"
    for (_, size, name), lines in zip(code, frames):
        files = (crate_of_file(line.rsplit(":", 1)[0]) for line in lines.splitlines())
        crate = next((crate for crate in files if crate), None)
        result[crate or crate_of_symbol(name) or "core"] += size
    return result
