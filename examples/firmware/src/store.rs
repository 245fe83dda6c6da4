//! What outlives the power: small records, each with a checksum. Here they are files of the host, by semihosting; a
//! product has a driver for its flash memory.

use alloc::vec::Vec;
use core::ffi::CStr;
use scep::crypto::DigestAlgorithm;
use scep::crypto::rustcrypto::SHA256;
use semihosting::fs::{self, File};
use semihosting::io::Read;

/// Longest record.
const LONGEST: usize = 16 << 10;
/// Bytes of SHA-256 in front: enough against accidents. Against people the memory has to be protected.
const CHECK: usize = 8;

/// A file as the host made it.
pub(crate) fn raw(name: &CStr) -> Option<Vec<u8>> {
    let mut file = File::open(name).ok()?;
    let length = usize::try_from(file.metadata().ok()?.len()).ok().filter(|length| *length <= LONGEST)?;
    let mut bytes = alloc::vec![0; length];
    file.read_exact(&mut bytes).ok()?;
    Some(bytes)
}

/// Replaces a file, whole or not at all.
pub(crate) fn write_raw(name: &CStr, bytes: &[u8]) -> bool {
    const NEW: &CStr = c"new";
    fs::write(NEW, bytes).and_then(|()| fs::rename(NEW, name)).is_ok()
}

fn check(bytes: &[u8]) -> [u8; CHECK] {
    let mut check = [0; CHECK];
    check.iter_mut().zip(SHA256.digest(&[bytes]).as_bytes()).for_each(|(to, from)| *to = *from);
    check
}

/// A record; `None` when there is none, or one that was not written to its end.
pub(crate) fn read(name: &CStr) -> Option<Vec<u8>> {
    let bytes = raw(name)?;
    let (stored, record) = bytes.split_at_checked(CHECK)?;
    if *stored == check(record) { Some(record.to_vec()) } else { None }
}

/// Stores a record in place of an earlier one.
pub(crate) fn write(name: &CStr, record: &[u8]) -> bool {
    write_raw(name, &[check(record).as_slice(), record].concat())
}

/// Forgets a record.
pub(crate) fn remove(name: &CStr) {
    // one that stays is found again at the next start, and seen through there
    let _ = fs::remove_file(name);
}
