use super::*;
use alloc::vec;
use alloc::vec::Vec;

const PARAMETERS: Pbkdf2Parameters<'static> =
    Pbkdf2Parameters { salt: &[b's'; 16], iterations: 100_000, key_length: None, prf: Digest::Sha256 };

fn written(parameters: &Pbkdf2Parameters<'_>) -> Vec<u8> {
    let mut writer = Writer::new();
    write(&mut writer, parameters, ContentEncryption::Aes128Cbc, &[b'V'; 16], &[0xAB; 32]);
    writer.finish()
}

fn parse(der: &[u8]) -> Result<PasswordRecipientInfo<'_>, Error> {
    let whole = Tlv::parse(der).unwrap();
    assert_eq!(whole.tag, tlv::context(3));
    PasswordRecipientInfo::read(whole.reader().unwrap())
}

/// PBKDF2 with these fields of its parameters.
fn pbkdf2(fields: &[&[u8]], limits: &Limits) -> Result<u32, Error> {
    let parameters = tlv::element(tlv::SEQUENCE, fields);
    let identifier = AlgorithmIdentifier { oid: Oid::PBKDF2, parameters: Some(&parameters) };
    Pbkdf2Parameters::from_identifier(&identifier, limits).map(|read| read.iterations)
}

const SALT_8: &[u8] = b"\x04\x08saltsalt";
const ROUNDS: &[u8] = &[2, 2, 0x08, 0x00];
const SHA256: &[u8] = &[0x30, 12, 6, 8, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 2, 9, 5, 0];

// C-6.2.4-1, PWRI-1, PWRI-2
#[test]
fn a_recipient_by_password_is_read_back() {
    for prf in Digest::ALL {
        for key_length in [None, Some(16)] {
            let parameters = Pbkdf2Parameters { prf, key_length, ..PARAMETERS };
            let der = written(&parameters);
            let info = parse(&der).unwrap();
            assert_eq!(info.pbkdf2(&Limits::DEFAULT), Ok(parameters));
            assert_eq!(info.key_encryption_cipher(), Ok((ContentEncryption::Aes128Cbc, &[b'V'; 16][..])));
            assert_eq!(info.encrypted_key, [0xAB; 32]);
        }
    }
    // Version 0, and the tags of the fields: [0], SEQUENCE, OCTET STRING.
    let der = written(&PARAMETERS);
    let mut fields = Tlv::parse(&der).unwrap().reader().unwrap();
    assert_eq!(fields.any().unwrap().raw, [2, 1, 0]);
    assert_eq!([fields.any().unwrap().tag, fields.any().unwrap().tag], [0xA0, 0x30]);
    assert_eq!(fields.any().unwrap().tag, 4);
    assert!(fields.is_empty());
}

// PWRI-1: SHA-1 is what is meant when nothing is said.
#[test]
fn the_default_pseudo_random_function_is_hmac_with_sha1() {
    let parameters = tlv::element(tlv::SEQUENCE, &[SALT_8, ROUNDS]);
    let identifier = AlgorithmIdentifier { oid: Oid::PBKDF2, parameters: Some(&parameters) };
    let read = Pbkdf2Parameters::from_identifier(&identifier, &Limits::DEFAULT).unwrap();
    assert_eq!((read.prf, read.iterations, read.key_length), (Digest::Sha1, 2048, None));
    let der = written(&Pbkdf2Parameters { prf: Digest::Sha1, ..PARAMETERS });
    assert!(!der.windows(8).any(|part| part == Oid::HMAC_WITH_SHA1.as_bytes()));
}

// T47, PWRI-1, case 88
#[test]
fn salts_and_rounds_out_of_bounds_are_refused() {
    let limits = Limits { pbkdf2_iterations: 3000, ..Limits::DEFAULT };
    let refused = Err(Limit::KeyDerivation.into());
    for (rounds, expected) in [
        (&[2, 2, 0x03, 0xE8][..], Ok(1000)),
        (&[2, 2, 0x0B, 0xB8], Ok(3000)),
        (&[2, 3, 0, 0x0B, 0xB8], Ok(3000)),
        (&[2, 2, 0x03, 0xE7], refused),
        (&[2, 2, 0x0B, 0xB9], refused),
        (&[2, 1, 1], refused),
        (&[2, 1, 0], refused),
        (&[2, 0], refused),
        // negative, 2^31, 2^32, 2^64
        (&[2, 2, 0x8B, 0xB8], refused),
        (&[2, 5, 0, 0x80, 0, 0, 0], refused),
        (&[2, 5, 1, 0, 0, 0, 0], refused),
        (&[2, 9, 1, 0, 0, 0, 0, 0, 0, 0, 0], refused),
        (&[2, 7, 1, 0, 0, 0, 0, 0x0B, 0xB8], refused),
    ] {
        assert_eq!(pbkdf2(&[SALT_8, rounds, SHA256], &limits), expected, "{rounds:?}");
    }
    for (length, expected) in
        [(0, refused), (7, refused), (8, Ok(2048)), (64, Ok(2048)), (65, refused), (10_000_000, refused)]
    {
        let salt = tlv::element(tlv::OCTET_STRING, &[&vec![7; length]]);
        assert_eq!(pbkdf2(&[&salt, ROUNDS, SHA256], &limits), expected, "{length}");
    }
    let firmware = Limits::FIRMWARE.pbkdf2_iterations;
    assert!((PARAMETERS.iterations..Limits::DEFAULT.pbkdf2_iterations).contains(&firmware));
}

// T47, PWRI-1
#[test]
fn other_derivations_and_odd_parameters_are_unsupported() {
    let unsupported = Error::from(Unsupported::KeyDerivation);
    let md5: &[u8] = &[0x30, 12, 6, 8, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 2, 6, 5, 0];
    let digest: &[u8] = &[0x30, 13, 6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1, 5, 0];
    let odd = tlv::element(tlv::SEQUENCE, &[&SHA256[2..12], &[4, 0]]);
    let source = tlv::element(tlv::SEQUENCE, &[&[6, 1, 0x55]]);
    let cases: &[&[&[u8]]] = &[
        &[SALT_8, ROUNDS, md5],
        &[SALT_8, ROUNDS, digest],
        &[SALT_8, ROUNDS, &odd],
        &[SALT_8, ROUNDS, &[5, 0]],
        &[SALT_8, ROUNDS, SHA256, SHA256],
        &[SALT_8, ROUNDS, &[2, 1, 16], &[2, 1, 16]],
        &[SALT_8],
        &[&source, ROUNDS, SHA256],
        &[],
    ];
    for fields in cases {
        assert_eq!(pbkdf2(fields, &Limits::DEFAULT), Err(unsupported), "{fields:?}");
    }
    for (oid, parameters) in
        [(Oid::PBKDF2, None), (Oid::PBKDF2, Some(NULL)), (Oid::SHA256, Some(&[0x30, 0][..]))]
    {
        let identifier = AlgorithmIdentifier { oid, parameters };
        let read = Pbkdf2Parameters::from_identifier(&identifier, &Limits::DEFAULT);
        assert_eq!(read, Err(unsupported));
    }
    let der = written(&PARAMETERS);
    let none = PasswordRecipientInfo { key_derivation: None, ..parse(&der).unwrap() };
    assert_eq!(none.pbkdf2(&Limits::DEFAULT), Err(unsupported));
}

// PWRI-2
#[test]
fn other_key_encryptions_are_unsupported() {
    let der = written(&PARAMETERS);
    let info = parse(&der).unwrap();
    let with = |oid, parameters| {
        let key_encryption = AlgorithmIdentifier { oid, parameters };
        PasswordRecipientInfo { key_encryption, ..info }.key_encryption_cipher()
    };
    let right = info.key_encryption.parameters;
    assert!(with(Oid::PWRI_KEK, right).is_ok());
    let unsupported = Err(Unsupported::KeyDerivation.into());
    // AES-128 by itself, no cipher, a cipher without its vector, an unknown one
    assert_eq!(with(Oid::AES128_CBC, right), unsupported);
    let vector = tlv::element(tlv::OCTET_STRING, &[&[7; 16]]);
    let bare = tlv::element(tlv::SEQUENCE, &[&[6, 9], Oid::AES128_CBC.as_bytes()]);
    let unknown = tlv::element(tlv::SEQUENCE, &[&[6, 9], Oid::SHA256.as_bytes(), &vector]);
    for parameters in [None, Some(NULL), Some(&vector[..]), Some(&bare), Some(&unknown)] {
        assert_eq!(with(Oid::PWRI_KEK, parameters), unsupported, "{parameters:?}");
    }
}

// T38
#[test]
fn truncated_and_overlong_recipients_are_refused() {
    let der = written(&PARAMETERS);
    let contents = Tlv::parse(&der).unwrap().value;
    for length in 0..contents.len() {
        assert!(PasswordRecipientInfo::read(Reader::new(&contents[..length]).unwrap()).is_err());
    }
    let longer = [contents, &[5, 0]].concat();
    assert!(PasswordRecipientInfo::read(Reader::new(&longer).unwrap()).is_err());
}
