use super::*;
use crate::crypto::rustcrypto::testing::{FailsAfter, Fixed, Seeded, Stuck};
use crate::crypto::rustcrypto::{AES_128_CBC, AES_256_CBC};
use alloc::vec;

/// What comes out, or `None` for a rejection.
fn unwrapped(
    cipher: &dyn ContentCipher,
    kek: &[u8],
    iv: &[u8],
    wrapped: &[u8],
    length: usize,
) -> Option<Vec<u8>> {
    let unwrapped = unwrap(cipher, kek, iv, wrapped, length).unwrap();
    let chosen = ContentKey::random(length, &mut Stuck(0xEE)).unwrap().choose(&unwrapped);
    Some(chosen.as_bytes().to_vec()).filter(|bytes| *bytes != vec![0xEE; length])
}

fn key(bytes: &[u8]) -> ContentKey {
    ContentKey::random(bytes.len(), &mut Fixed(bytes.to_vec())).unwrap()
}

/// Encrypts a block of RFC 3211 as it stands.
fn encrypted(block: &[u8]) -> Vec<u8> {
    let mut buffer = block.to_vec();
    AES_128_CBC.encrypt(&[1; 16], &[2; 16], &mut buffer).unwrap();
    let last = buffer[buffer.len() - 16..].to_vec();
    AES_128_CBC.encrypt(&[1; 16], &last, &mut buffer).unwrap();
    buffer
}

// PWRI-3: RFC 3211 section 3, both examples, with their random padding
#[cfg(feature = "legacy")]
#[test]
fn keys_are_wrapped_as_in_the_examples_of_rfc_3211() {
    use crate::crypto::rustcrypto::testing::unhex;
    use crate::crypto::rustcrypto::{DES_CBC, TRIPLE_DES_CBC};
    let examples: [(&dyn ContentCipher, [&str; 5]); 2] = [
        (
            &DES_CBC,
            [
                "D1DAA78615F287E6",
                "EFE598EF21B33D6D",
                "8C627C897323A2F8",
                "C436F541",
                "B81B2565EE373CA6DEDCA26A178B0C10",
            ],
        ),
        (
            &TRIPLE_DES_CBC,
            [
                "6A8970BF68C92CAEA84A8DF28510858607126380CC47AB2D",
                "BAF1CA7931213C4E",
                "8C637D887223A2F965B566EB014B0FA5D52300A3F7EA40FFFC577203C71BAF3B",
                "FA060A45",
                "C03C514ABDB9E2C5AAC038572B5E24553876B377AAFB82ECA5A9D73F8AB143D9EC74E6CAD7DB260C",
            ],
        ),
    ];
    for (cipher, example) in examples {
        let [kek, iv, content_key, padding, expected] = example.map(unhex);
        let wrapped = wrap(cipher, &kek, &iv, &key(&content_key), &mut Fixed(padding)).unwrap();
        assert_eq!(wrapped, expected);
        assert_eq!(unwrapped(cipher, &kek, &iv, &expected, content_key.len()), Some(content_key));
    }
}

// PWRI-3
#[test]
fn wrapped_keys_have_whole_blocks_and_two_at_least() {
    let ciphers: [(&dyn ContentCipher, usize); 2] = [(&AES_128_CBC, 16), (&AES_256_CBC, 32)];
    for (cipher, kek) in ciphers {
        for (length, expected) in [(8, 32), (16, 32), (24, 32), (28, 32), (29, 48), (32, 48)] {
            let (kek, iv) = (vec![7; kek], [9; 16]);
            let content_key = ContentKey::random(length, &mut Seeded(3)).unwrap();
            let wrapped = wrap(cipher, &kek, &iv, &content_key, &mut Seeded(4)).unwrap();
            assert_eq!(wrapped.len(), expected, "{length}");
            assert_eq!(unwrapped(cipher, &kek, &iv, &wrapped, length).unwrap(), content_key.as_bytes());
            // the padding is random, so the same key looks different every time, if there is room for any
            let other = wrap(cipher, &kek, &iv, &content_key, &mut Seeded(5)).unwrap();
            assert_eq!(other == wrapped, length == 28);
        }
    }
    assert!(wrap(&AES_128_CBC, &[7; 16], &[9; 16], &key(&[1; 16]), &mut FailsAfter(11)).is_err());
}

// PWRI-3, MMA-1, MMA-4: another key, a wrong length, wrong check bytes, every altered byte
#[test]
fn whatever_is_wrong_is_the_same_rejection() {
    let right = [&[16, !1, !2, !3][..], &(1..=16).collect::<Vec<u8>>(), &[0x55; 12]].concat();
    let with = |at: usize, value: u8| {
        let mut block = right.clone();
        block[at] = value;
        unwrapped(&AES_128_CBC, &[1; 16], &[2; 16], &encrypted(&block), 16)
    };
    assert_eq!(with(31, 0), Some((1..=16).collect()));
    for (at, value) in [(0, 15), (0, 17), (0, 0), (0, 255), (1, 1), (1, 0), (2, 2), (3, !4), (4, 9), (6, 0)] {
        assert_eq!(with(at, value), None, "{at} {value}");
    }
    let wrapped = encrypted(&right);
    for at in 0..32 {
        let mut altered = wrapped.clone();
        altered[at] ^= 0x80;
        assert_ne!(
            unwrapped(&AES_128_CBC, &[1; 16], &[2; 16], &altered, 16),
            Some((1..=16).collect()),
            "{at}"
        );
    }
    for (kek, iv, length) in [([3; 16], [2; 16], 16), ([1; 16], [3; 16], 16), ([1; 16], [2; 16], 24)] {
        assert_eq!(unwrapped(&AES_128_CBC, &kek, &iv, &wrapped, length), None);
    }
    // there is no room for such a key
    assert_eq!(unwrapped(&AES_128_CBC, &[1; 16], &[2; 16], &wrapped, 32), None);
}

#[test]
fn impossible_lengths_are_known_before_anything_is_decrypted() {
    for (length, block, possible) in [
        (0, 16, false),
        (16, 16, false),
        (31, 16, false),
        (32, 16, true),
        (48, 16, true),
        (64, 16, true),
        (80, 16, false),
        (8, 8, false),
        (16, 8, true),
        (40, 8, true),
        (1 << 20, 16, false),
    ] {
        assert_eq!(is_wrapped_length(length, block), possible, "{length} {block}");
        if block == 16 && !possible {
            assert!(unwrap(&AES_128_CBC, &[1; 16], &[2; 16], &vec![0; length.min(100)], 16).is_err());
        }
    }
}
