//! What no vector is: saved state, and sequences of steps.

use super::device::{replies, saved};
use super::office::rows;
use super::world::{CA, CURVE, SUBJECT, crl, issued, key, name};
use scep::wire::certs_only::{encode, encode_crl};

/// Seeds, each with its target.
pub fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    let mut seeds = Vec::new();
    for saved in saved() {
        seeds.push(("resume", saved));
    }
    for reply in replies() {
        seeds.push(("differential", reply[1..].to_vec()));
        seeds.push(("client_reply", reply));
    }
    for row in rows() {
        seeds.push(("resume", row));
    }
    for serials in [&[][..], &[1], &[5, 50], &[10; 40]] {
        seeds.push(("crl", crl(serials)));
    }
    seeds.push(("certificate", CURVE.to_vec()));
    for key in [key(1), key(2)] {
        let leaf = issued(name(SUBJECT).as_der(), &key, 50);
        seeds.push(("certificate", leaf.to_vec()));
        let list = encode(&[&leaf, &CA]);
        for kind in [6, 10, 12, 0x26, 0x46] {
            seeds.push(("client_reply", [&[kind][..], &list].concat()));
        }
    }
    seeds.push(("client_reply", [&[12][..], &encode_crl(&crl(&[5, 50]))].concat()));
    seeds.push(("client_reply", [&[1][..], &CA].concat()));
    // Everything goes well; then every kind of trouble, by a generator.
    for start in 0..9_u8 {
        for kind in [0, 0x10, 0x20, 0x40] {
            seeds.push(("client_sequence", [&[start | kind][..], &[9; 48]].concat()));
        }
    }
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    let mut random = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 24) as u8
    };
    for round in 0..160_u8 {
        let mut bytes: Vec<u8> = (0..40 + usize::from(round)).map(|_| random()).collect();
        bytes[0] = (round % 9) | (bytes[0] & 0x70);
        seeds.push(("client_sequence", bytes));
        let mut bytes: Vec<u8> = (0..60 + 2 * usize::from(round)).map(|_| random()).collect();
        bytes[0] = round & 0x0E;
        seeds.push(("server_sequence", bytes));
    }
    // A device that cannot decrypt is held and granted, and then nobody knows its password.
    let steps = |choices: &[u8]| choices.iter().flat_map(|choice| [5, 0, *choice]).collect::<Vec<u8>>();
    let parts: [&[u8]; 5] = [
        &[0, 0, 3, 0, 0],
        &steps(&[0, 0, 3, 0, 0, 0]),
        &[0, 3, 3, 0],
        &steps(&[0, 2, 0, 3]),
        &steps(&[0; 3]),
    ];
    seeds.push(("server_sequence", parts.concat()));
    // One device enrols, is held, polls, renews; steps between.
    // By a one-time challenge too.
    for choice in (0..8_u8).chain(0x10..0x18) {
        let mut bytes = vec![0];
        for what in [0, 3, 0, 2, 5, 6] {
            bytes.extend([0, 0, what, 0]);
            for _ in 0..8 {
                bytes.extend([5, 0, choice]);
            }
        }
        seeds.push(("server_sequence", bytes));
    }
    seeds
}
