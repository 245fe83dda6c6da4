use super::*;
use crate::crypto::KeyError;
use crate::crypto::pem::{PRIVATE_KEY, certificates_from_pem, certificates_to_pem, encode};
use crate::crypto::rustcrypto::testing::RSA_2048_PKCS8;
use crate::error::InvalidMessage;
use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;
use rustls_pki_types::CertificateDer;

const PKCS8: &str = include_str!("testdata/rsa2048.pkcs8.pem");
const PKCS1: &str = include_str!("testdata/rsa2048.pkcs1.pem");
const CERTIFICATE_DER: &[u8] = include_bytes!("testdata/certificate.der");
const UNREADABLE: Error = Error::InvalidMessage(InvalidMessage::Pem);

#[test]
fn key_of_openssl_is_read_in_both_forms_and_written_as_pkcs8() {
    for text in [PKCS8, PKCS1] {
        let key = SoftwareKey::from_pem(text).unwrap();
        assert_eq!(key.to_pkcs8().as_slice(), RSA_2048_PKCS8);
        assert_eq!(key.to_pem().as_str(), PKCS8);
    }
}

#[test]
fn text_around_line_ends_and_line_widths_do_not_matter() {
    let certificate = certificates_to_pem(&[CERTIFICATE_DER]);
    let mixed = format!("Bag Attributes\n    friendlyName: x\n{certificate}# key:\n{PKCS8}\ntrailing text\n");
    assert!(SoftwareKey::from_pem(&mixed).is_ok());
    assert_eq!(certificates_from_pem(&mixed).unwrap(), [CertificateDer::from(CERTIFICATE_DER)]);
    assert!(SoftwareKey::from_pem(&PKCS8.replace('\n', "\r\n")).is_ok());

    let wide: Vec<&str> = PKCS8.lines().collect();
    let (body, boundaries) = (wide[1..wide.len() - 1].concat(), (wide[0], wide[wide.len() - 1]));
    assert!(SoftwareKey::from_pem(&format!("{}\n{body}\n{}", boundaries.0, boundaries.1)).is_ok());
}

#[test]
fn encrypted_and_foreign_keys_are_unsupported() {
    for text in [
        include_str!("testdata/rsa2048.encrypted-pkcs8.pem"),
        include_str!("testdata/rsa2048.encrypted-pkcs1.pem"),
        "-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n-----END EC PRIVATE KEY-----\n",
        "-----BEGIN DSA PRIVATE KEY-----\nMAA=\n-----END DSA PRIVATE KEY-----\n",
        #[cfg(not(feature = "ecdsa"))]
        include_str!("testdata/p256.sec1.pem"),
    ] {
        assert_eq!(SoftwareKey::from_pem(text).err(), Some(KeyError::Unsupported.into()));
    }
}

#[cfg(feature = "ecdsa")]
#[test]
fn a_key_behind_its_parameters_is_read_and_written_as_pkcs8() {
    let sec1 = include_str!("testdata/p256.sec1.pem");
    // what `openssl ecparam -genkey` puts before it
    let parameters = "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n";
    let key = SoftwareKey::from_pem(&format!("{parameters}{sec1}")).unwrap();
    assert_eq!(key.to_pkcs8().as_slice(), include_bytes!("testdata/p256.pkcs8.der"));
    assert_eq!(SoftwareKey::from_pem(&key.to_pem()).unwrap().to_pkcs8(), key.to_pkcs8());
}

#[test]
fn damaged_pem_is_refused() {
    let certificate = certificates_to_pem(&[CERTIFICATE_DER]);
    for text in [
        String::new(),
        "no PEM at all".to_string(),
        certificate,
        "-----BEGIN PRIVATE KEY-----".to_string(),
        PKCS8.replace("-----END", "-----STOP"),
        PKCS8.replace("END PRIVATE", "END PUBLIC"),
        PKCS8.replace("-----\nMII", "-----\n*II"),
        PKCS8.replace("-----\nMII", "-----\nMI"),
        PKCS8[..PKCS8.len() / 2].to_string(),
    ] {
        assert_eq!(SoftwareKey::from_pem(&text).err(), Some(UNREADABLE), "{text}");
    }
    // PEM without fault around something else.
    let wrong = encode(PRIVATE_KEY, CERTIFICATE_DER);
    assert_eq!(SoftwareKey::from_pem(&wrong).err(), Some(KeyError::Invalid.into()));
}

#[test]
fn a_boundary_counts_only_at_the_start_of_a_line() {
    let good = certificates_to_pem(&[CERTIFICATE_DER]);
    let text = format!("look for -----BEGIN CERTIFICATE----- below\n -----BEGIN X-----\n{good}");
    assert_eq!(certificates_from_pem(&text).unwrap(), [CertificateDer::from(CERTIFICATE_DER)]);
    assert_eq!(certificates_from_pem(&format!("x{good}")).err(), Some(UNREADABLE));
}

#[test]
fn older_labels_and_blanks_at_the_end_of_lines_are_read() {
    let good = certificates_to_pem(&[CERTIFICATE_DER]);
    for text in [
        good.replace("CERTIFICATE", "X509 CERTIFICATE"),
        good.replace('\n', " \t\n"),
        good.replace('\n', "  \r\n"),
    ] {
        assert_eq!(certificates_from_pem(&text).unwrap(), [CertificateDer::from(CERTIFICATE_DER)], "{text}");
    }
    assert!(SoftwareKey::from_pem(&PKCS8.replace('\n', " \n")).is_ok());
}

#[test]
fn certificates_keep_their_order() {
    let other: &[u8] = &[0x30, 0x03, 0x02, 0x01, 0x07];
    let text = certificates_to_pem(&[CERTIFICATE_DER, other, CERTIFICATE_DER]);
    let read = certificates_from_pem(&text).unwrap();
    assert_eq!(
        read.iter().map(|der| der.as_ref()).collect::<Vec<_>>(),
        [CERTIFICATE_DER, other, CERTIFICATE_DER]
    );
    assert_eq!(certificates_to_pem(&[]), "");
}

#[test]
fn certificates_are_refused_when_there_is_none_or_one_is_damaged() {
    let good = certificates_to_pem(&[CERTIFICATE_DER]);
    for text in [
        String::new(),
        PKCS8.to_string(),
        format!("{good}-----BEGIN CERTIFICATE-----\nMII"),
        good.replace("MII", "!II"),
    ] {
        assert_eq!(certificates_from_pem(&text).err(), Some(UNREADABLE));
    }
}
