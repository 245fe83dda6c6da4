//! Replies as packaged and deployed servers make them.

use super::{Waiting, add_algorithm_protection, in_one_chunk, set_algorithms, under_its_own_type};
use crate::cert_rep::{OCTET_STRING, PRINTABLE_STRING};
use crate::provider::{PROVIDER, PROVIDER_WITH_LEGACY};
use crate::requests::{self, Message, NULL, RA, oid, seq, sha_with_rsa};
use crate::support::*;
use scep::client::{Client, ClientConfig, Done, Step};
use scep::crypto::{ContentEncryption, Digest, KeyTransport};
use scep::error::{BadSignature, FailInfo, Unsupported};
use scep::message::{Addressee, envelope};
use scep::wire::{Certificate, Oid, certs_only};

/// The text of a refusal.
#[track_caller]
fn refused(step: Step) -> (FailInfo, Option<String>) {
    let Step::Done(Done::Refused { fail_info, text }) = step else { panic!("{step:?}") };
    (fail_info, text.map(|text| text.to_string()))
}

/// micromdm's server: single DES in a constructed `[0]`, SHA-1, our nonce for its own, the issued certificate before
/// that of the CA outside of the envelope too.
fn micromdm(waiting: &Waiting) -> Message {
    let mut envelope = waiting.envelope(&[&waiting.leaf()]);
    envelope.set_cipher(ContentEncryption::DesCbc);
    envelope.recipient.algorithm = requests::algorithm(Oid::RSA_ENCRYPTION, &[]);
    let mut message = waiting.reply("0", in_one_chunk(&envelope));
    set_algorithms(&mut message, Digest::Sha1, &[], (Oid::SHA1_WITH_RSA, &[]));
    message.set(Oid::SENDER_NONCE, &tlv(OCTET_STRING, &[waiting.asked.nonce.as_bytes()]));
    message.certificates.insert(0, waiting.leaf().to_vec());
    message
}

// P5, P13, P15, Q17, quirks 29, 33, 39, I-14
#[test]
fn a_success_of_micromdm_is_taken_where_des_and_sha1_may_be() {
    let waiting = Waiting::legacy();
    let message = micromdm(&waiting);
    waiting.issues(&message);
}

// P13, quirk 39
#[test]
fn a_success_of_micromdm_is_no_answer_elsewhere() {
    let waiting = Waiting::new();
    let message = micromdm(&waiting);
    let failed = waiting.take(message.encode()).unwrap_err();
    assert_eq!((failed.error, failed.retry.is_some()), (Unsupported::Digest.into(), true));
    let waiting = Waiting::with(Ca::new(), |device| {
        device.client = Client::new(ClientConfig::new(&PROVIDER_WITH_LEGACY));
    });
    let message = micromdm(&waiting);
    assert_eq!(waiting.take(message.encode()).unwrap_err().error, Unsupported::SingleDes.into());
}

// P15, quirk 32, R-3.2.1.4-3: empty content that is there, and the text under the arc above its own
#[test]
fn a_failure_of_step_ca_is_read_with_its_text() {
    let waiting = Waiting::legacy();
    let mut message = waiting.failure();
    set_algorithms(&mut message, Digest::Sha1, &[], (Oid::SHA1_WITH_RSA, &[]));
    let id_scep = Oid::new(&[0x2B, 6, 1, 5, 5, 7, 24]);
    message.set(id_scep, &tlv(PRINTABLE_STRING, &[b"wrong password provided"]));
    let step = waiting.take(message.encode()).unwrap();
    assert_eq!(refused(step), (FailInfo::BadRequest, Some("wrong password provided".into())));
}

// Q7, P5, quirk 28: pieces of indefinite length, its own certificate twice; 3DES always
#[test]
fn a_success_of_jscep_is_taken() {
    for (legacy, cipher) in [(true, ContentEncryption::TripleDesCbc), (false, ContentEncryption::Aes128Cbc)] {
        let waiting = if legacy { Waiting::legacy() } else { Waiting::new() };
        let mut envelope = waiting.envelope(&[&waiting.leaf()]);
        envelope.set_cipher(cipher);
        envelope.ber = true;
        let mut message = waiting.reply("0", envelope.encode());
        message.ber = true;
        message.certificates = vec![waiting.ca.certificate.to_vec(); 2];
        if legacy {
            set_algorithms(&mut message, Digest::Sha1, NULL, (Oid::RSA_ENCRYPTION, NULL));
        }
        waiting.issues(&message);
    }
}

// P6, P5, R-3.2-1
#[test]
fn a_success_of_xipki_is_taken() {
    for ber in [true, false] {
        let waiting = Waiting::new();
        let mut message = waiting.success();
        message.ber = ber;
        set_algorithms(&mut message, Digest::Sha512, &[], (sha_with_rsa(Digest::Sha512), NULL));
        under_its_own_type(&mut message);
        add_algorithm_protection(&mut message);
        waiting.issues(&message);
    }
}

/// NDES refuses with one octet of content, no certificates, no signing time, and an HRESULT.
fn ndes_failure(mut message: Message, digest: Digest) -> Message {
    message.content = vec![0];
    message.certificates = Vec::new();
    set_algorithms(&mut message, digest, NULL, (Oid::RSA_ENCRYPTION, NULL));
    message.set(Oid::FAIL_INFO, &tlv(PRINTABLE_STRING, &[b"2"]));
    let hresult = [0x2B, 6, 1, 4, 1, 0x82, 0x37, 21, 33];
    message.set(Oid::new(&hresult), &tlv(PRINTABLE_STRING, &[b"-2147024809"]));
    message
}

// quirk 31, Q17, I-21
#[test]
fn a_failure_of_ndes_is_verified_by_the_certificates_that_get_ca_cert_gave() {
    for digest in [Digest::Sha1, Digest::Sha256] {
        let waiting = Waiting::with(Ca::with_ra(), |device| {
            device.client = Client::new(ClientConfig::new(&PROVIDER_WITH_LEGACY));
        });
        let ra = waiting.ca.ra.clone().unwrap();
        let message = ndes_failure(waiting.reply_of(&RA, &ra, "2", Vec::new()), digest);
        let step = waiting.take(message.encode()).unwrap();
        assert_eq!(refused(step), (FailInfo::BadRequest, None));
    }
    // one octet of content is digested as it was sent, and the signature counts as anywhere
    type Alter = fn(&mut Message);
    let altered: [(Alter, BadSignature); 3] = [
        (
            |m| m.set(Oid::MESSAGE_DIGEST, &tlv(4, &[&requests::hash(m.digest, b"")])),
            BadSignature::MessageDigest,
        ),
        (|m| m.key = &requests::STRANGER, BadSignature::Signature),
        (|m| m.sid = requests::issuer_and_serial(&requests::RA_CERTIFICATE), BadSignature::UntrustedSigner),
    ];
    for (alter, error) in altered {
        let waiting = Waiting::at(Ca::with_ra());
        let ra = waiting.ca.ra.clone().unwrap();
        let mut message = ndes_failure(waiting.reply_of(&RA, &ra, "2", Vec::new()), Digest::Sha256);
        alter(&mut message);
        let failed = waiting.take(message.encode()).unwrap_err();
        assert_eq!((failed.error, failed.retry.is_some()), (error.into(), true));
    }
}

// P15, Q17, Q22, quirk 38, ALG-5: NDES encrypts the content key with OAEP, and sends no certificates
#[test]
fn a_success_of_ndes_is_taken() {
    for transport in [KeyTransport::RsaOaepSha1, KeyTransport::RsaOaepSha256] {
        let waiting = Waiting::at(Ca::with_ra());
        let ra = waiting.ca.ra.clone().unwrap();
        let device = Certificate::parse(&waiting.asked.signer).unwrap();
        let addressee = Addressee::Certificate { certificate: &device, transport };
        let degenerate = certs_only::encode(&[&waiting.ca.certificate, &waiting.leaf()]);
        let cipher = ContentEncryption::Aes128Cbc;
        let content = envelope(&PROVIDER, &degenerate, addressee, cipher, &mut seeded(5)).unwrap();
        let mut message = waiting.reply_of(&RA, &ra, "0", content);
        message.certificates = Vec::new();
        let os_version = [0x2B, 6, 1, 4, 1, 0x82, 0x37, 21, 38];
        message.push(Oid::new(&os_version), &tlv(PRINTABLE_STRING, &[b"10.0"]));
        waiting.issues(&message);
    }
}

/// The certificates in a reply, given the signer's, the issued one and a stranger's.
type List = fn(Vec<u8>, Vec<u8>, Vec<u8>) -> Vec<Vec<u8>>;

// Q17, quirk 52, I-21: none, the signer's not first, only those of others; what GetCACert gave decides
#[test]
fn the_certificates_in_a_reply_do_not_matter_nor_does_their_order() {
    for with_ra in [false, true] {
        let ca = || if with_ra { Ca::with_ra() } else { Ca::new() };
        let stranger = requests::STRANGER_CERTIFICATE.clone();
        let lists: [List; 5] = [
            |_, _, _| Vec::new(),
            |signer, _, other| vec![other, signer],
            |_, leaf, _| vec![leaf],
            |signer, leaf, other| vec![leaf, other, signer],
            |_, _, other| vec![other],
        ];
        for list in lists {
            let waiting = Waiting::at(ca());
            let content = waiting.envelope(&[&waiting.leaf()]).encode();
            let (key, signer) = match &waiting.ca.ra {
                Some(ra) => (&*RA, ra.to_vec()),
                None => (&*requests::CA, waiting.ca.certificate.to_vec()),
            };
            let mut message = waiting.reply_of(key, &signer, "0", content);
            message.certificates = list(signer, waiting.leaf().to_vec(), stranger.clone());
            waiting.issues(&message);
        }
    }
}

// quirks 33, 34, P5, ALG-1, ALG-3: parameters NULL or absent, the name of the key type or that with the digest
#[test]
fn a_reply_may_name_its_algorithms_in_every_form() {
    for digest in [Digest::Sha256, Digest::Sha384, Digest::Sha512] {
        for digest_parameters in [NULL, &[]] {
            for signature in [Oid::RSA_ENCRYPTION, sha_with_rsa(digest)] {
                for parameters in [NULL, &[]] {
                    let waiting = Waiting::new();
                    let mut message = waiting.success();
                    set_algorithms(&mut message, digest, digest_parameters, (signature, parameters));
                    waiting.issues(&message);
                }
            }
        }
    }
    // wolfSSL and others leave them out of the key transport, and the list of digests empty
    let waiting = Waiting::new();
    let mut envelope = waiting.envelope(&[&waiting.leaf()]);
    envelope.recipient.algorithm = requests::algorithm(Oid::RSA_ENCRYPTION, &[]);
    let mut message = waiting.reply("0", envelope.encode());
    message.digest_algorithms = Some(Vec::new());
    waiting.issues(&message);
}

// quirk 24, R-3.3.2.1-2: a SET that was sorted has the shorter certificate of the CA first
#[test]
fn the_issued_certificate_is_found_behind_that_of_the_ca() {
    let waiting = Waiting::new();
    let (leaf, ca) = (waiting.leaf(), waiting.ca.certificate.clone());
    let message = waiting.reply("0", waiting.envelope(&[&ca, &leaf]).encode());
    waiting.issues(&message);
}

// quirk 30, C-5.2.1-1: the envelope in the place of the OCTET STRING, as PKCS #7 v1.5 has it
#[test]
fn an_envelope_that_stands_bare_in_the_reply_is_read() {
    let waiting = Waiting::new();
    let mut message = waiting.success();
    let whole = message.content.clone();
    // digested are the contents octets, without tag and length
    message.content = crate::reading::elements(&whole)[0].1.to_vec();
    message.encapsulated = Some(seq(&[&oid(Oid::ID_DATA), &tlv(0xA0, &[&whole])]));
    waiting.issues(&message);
}
