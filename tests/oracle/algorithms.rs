//! Every algorithm, in both directions: what the crate makes is undone by bare primitives, and the reverse.

use crate::primitives::*;
use crate::support::{CA, DEVICE, PROVIDER, STRANGER, enclose, open, seal, success};
use crate::types::*;
use cms::enveloped_data::{EnvelopedData, RecipientInfo};
use der::asn1::Any;
use der::{Encode as _, Tag};
use scep::Error;
use scep::error::{BadEnvelope, BadSignature, Unsupported};
use scep::message::{Unverified, Verified};
use scep::wire::{ContentEncryption, Digest, Limits};

fn verified(der: Vec<u8>) -> Result<Verified, Error> {
    Unverified::parse(der, &Limits::DEFAULT)?.verify_by(PROVIDER, &[DEVICE.certificate()])
}

/// A message of [`DEVICE`] around an envelope for [`CA`].
fn around(envelope: &EnvelopedData) -> Verified {
    verified(message(&content_info(ENVELOPED_DATA, envelope))).unwrap()
}

// ALG-1, ALG-2, ALG-3, ALG-10, C-5.4-1
#[test]
fn every_digest_verifies_what_the_primitives_signed() {
    for digest in DIGESTS {
        let content = b"content";
        let der = content_info(SIGNED_DATA, &signed_data(content, signer_info(digest, content)));
        let message = verified(der).unwrap();
        assert_eq!(message.scheme().digest(), digest);
        assert_eq!(message.content(), content);
        assert_eq!(message.signer(), &DEVICE.certificate());
    }
}

// ALG-4, ALG-10, C-6.3-1
#[test]
fn every_cipher_decrypts_what_the_primitives_encrypted() {
    for cipher in CIPHERS {
        for length in [0, 1, 7, 8, 15, 16, 17, 1000] {
            let content = vec![0x42; length];
            let message = around(&enveloped_data(cipher, &content));
            let single_des = cipher == ContentEncryption::DesCbc;
            assert_eq!(open(&message, &CA, single_des), Ok(content), "{cipher:?}");
        }
    }
}

// ALG-4, ALG-10, C-6.3-1
#[test]
fn the_primitives_decrypt_what_every_cipher_encrypted() {
    for cipher in [
        ContentEncryption::Aes128Cbc,
        ContentEncryption::Aes192Cbc,
        ContentEncryption::Aes256Cbc,
        ContentEncryption::TripleDesCbc,
    ] {
        let (key_length, block) = cipher_sizes(cipher);
        for length in [0, 1, 7, 8, 15, 16, 17, 1000] {
            let content = vec![0x42; length];
            let data: EnvelopedData = decode(&enclose(&content, &CA, cipher), ENVELOPED_DATA);
            let [RecipientInfo::Ktri(recipient)] = data.recip_infos.0.as_slice() else { panic!("{data:?}") };
            let key = unwrap(&CA, recipient.enc_key.as_bytes());
            assert_eq!(key.len(), key_length);
            let iv = data.encrypted_content.content_enc_alg.parameters.as_ref().unwrap().value();
            assert_eq!(iv.len(), block);
            let ciphertext = data.encrypted_content.encrypted_content.as_ref().unwrap().as_bytes();
            assert_eq!(decrypt(cipher, &key, iv, ciphertext), pad(&content, block), "{cipher:?}");
        }
    }
}

// What the crate sealed as a whole comes back through the crate, and no other key opens it.
#[test]
fn the_crate_opens_its_own_messages_with_every_algorithm() {
    for (digest, cipher) in DIGESTS.into_iter().zip(CIPHERS) {
        let envelope = enclose(b"\x30\x03\x02\x01\x07", &CA, cipher);
        let message = verified(seal(envelope, &success(), &DEVICE, digest)).unwrap();
        assert_eq!(open(&message, &CA, false).as_deref(), Ok(&b"\x30\x03\x02\x01\x07"[..]));
        assert_eq!(open(&message, &STRANGER, false), Err(BadEnvelope::Recipient.into()));
    }
}

// R-2.9-3: single DES is opened behind the switch only.
#[test]
fn single_des_is_opened_behind_the_switch_only() {
    let message = around(&enveloped_data(ContentEncryption::DesCbc, b"x"));
    assert_eq!(open(&message, &CA, false), Err(Unsupported::SingleDes.into()));
    assert_eq!(open(&message, &CA, true).as_deref(), Ok(&b"x"[..]));
}

// C-6.3-3
#[test]
fn an_initialisation_vector_has_the_length_of_a_block() {
    for cipher in CIPHERS {
        for length in [0, 1, 7, 8, 15, 16, 17, 24] {
            let mut envelope = enveloped_data(cipher, b"x");
            envelope.encrypted_content.content_enc_alg.parameters =
                Some(Any::new(Tag::OctetString, vec![0; length]).unwrap());
            let opened = open(&around(&envelope), &CA, true).map(drop);
            if length == cipher_sizes(cipher).1 {
                // Another vector damages the first block, so most often the padding too.
                assert_ne!(opened, Err(BadEnvelope::Ciphertext.into()), "{cipher:?} {length}");
            } else {
                assert_eq!(opened, Err(BadEnvelope::Ciphertext.into()), "{cipher:?} {length}");
            }
        }
        for parameters in [None, Some(Any::null())] {
            let mut envelope = enveloped_data(cipher, b"x");
            envelope.encrypted_content.content_enc_alg.parameters = parameters;
            let opened = open(&around(&envelope), &CA, true);
            assert_eq!(opened, Err(BadEnvelope::Ciphertext.into()), "{cipher:?}");
        }
    }
}

// C-6.3-2, MMA-6
#[test]
fn every_byte_of_padding_is_checked() {
    let cipher = ContentEncryption::Aes128Cbc;
    let with = |plain: &[u8]| {
        let mut envelope = enveloped_data(cipher, b"");
        let ciphertext = encrypt(cipher, &content_key(cipher), &iv(cipher), plain);
        envelope.encrypted_content.encrypted_content = Some(octets(&ciphertext));
        open(&around(&envelope), &CA, false)
    };
    assert_eq!(with(b"0123456789abc\x03\x03\x03").as_deref(), Ok(&b"0123456789abc"[..]));
    for plain in [
        b"0123456789abc\x03\x02\x03",
        b"0123456789abc\x02\x03\x03",
        b"0123456789abcde\x00",
        b"0123456789abcde\x11",
        b"0123456789abcde\xFF",
    ] {
        assert_eq!(with(plain), Err(BadEnvelope::Content.into()), "{plain:?}");
    }
}

// ALG-6, MMA-1: a wrong key, a key of another length, and no padding at all are one answer.
#[test]
fn wrong_content_keys_are_one_answer() {
    let cipher = ContentEncryption::Aes128Cbc;
    let mut not_padded = vec![0; 256];
    not_padded[255] = 2;
    for encrypted_key in [
        wrap(&CA, &[0x77; 16]),
        wrap(&CA, &[0x77; 15]),
        wrap(&CA, &content_key(ContentEncryption::Aes256Cbc)),
        wrap(&STRANGER, &content_key(cipher)),
        not_padded,
        vec![0xFF; 256],
        vec![1; 255],
        vec![],
    ] {
        let mut recipient = recipient(cipher);
        recipient.enc_key = octets(&encrypted_key);
        let mut envelope = enveloped_data(cipher, b"\x30\x03\x02\x01\x07");
        envelope.recip_infos = vec![RecipientInfo::Ktri(recipient)].try_into().unwrap();
        assert_eq!(open(&around(&envelope), &CA, false), Err(BadEnvelope::Content.into()));
    }
}

// T42, ALG-2, ALG-7: the expected block is compared as a whole.
#[test]
fn other_digest_infos_do_not_verify() {
    let content = b"content";
    let with = |make: &dyn Fn(&[u8]) -> Vec<u8>| {
        let mut signer = signer_info(Digest::Sha256, content);
        let attributes = signer.signed_attrs.as_ref().unwrap().to_der().unwrap();
        signer.signature = octets(&sign_digest_info(&DEVICE, &make(&hash(Digest::Sha256, &attributes))));
        verified(content_info(SIGNED_DATA, &signed_data(content, signer))).map(drop)
    };
    let sha256 = b"\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01";
    let right = |digest: &[u8]| tlv(0x30, &[&tlv(0x30, &[sha256, &[5, 0]]), &tlv(4, &[digest])]);
    assert_eq!(with(&right), Ok(()));
    let bad = Err(BadSignature::Signature.into());
    // Parameters absent; a trailing byte; a long form of length; the bare digest.
    assert_eq!(with(&|digest| tlv(0x30, &[&tlv(0x30, &[sha256]), &tlv(4, &[digest])])), bad);
    assert_eq!(with(&|digest| [right(digest), vec![0]].concat()), bad);
    assert_eq!(with(&|digest| [&[0x30, 0x81][..], &right(digest)[1..]].concat()), bad);
    assert_eq!(with(&|digest| digest.to_vec()), bad);
}

// C-5.4-1: what is signed has the tag of SET OF, and the tag that is sent does not count.
#[test]
fn attributes_signed_under_their_own_tag_do_not_verify() {
    let content = b"content";
    let mut signer = signer_info(Digest::Sha256, content);
    let mut attributes = signer.signed_attrs.as_ref().unwrap().to_der().unwrap();
    attributes[0] = 0xA0;
    signer.signature = octets(&sign(&DEVICE, Digest::Sha256, &attributes));
    let der = content_info(SIGNED_DATA, &signed_data(content, signer));
    assert_eq!(verified(der).map(drop), Err(BadSignature::Signature.into()));
}
