use super::*;
use crate::crypto::rustcrypto::testing::{FailsAfter, RSA_2048_PKCS8, Seeded};
use crate::crypto::rustcrypto::{AES_128_CBC, PBKDF2_SHA256, PROVIDER, SoftwareKey};
use crate::crypto::{ContentEncryption, Digest, PasswordKdf, Purpose, SignJob};
use crate::error::{ApiMisuse, InvalidMessage, Limit};
use crate::message::{Addressee, Draft, Fields, OpenPolicy, Unverified, Verified, envelope};
use crate::wire::algorithm::SignatureScheme;
use crate::wire::attributes::{MessageType, Nonce, TransactionId};
use crate::wire::certificate::{Certificate, TbsCertificateDraft, assemble};
use crate::wire::distinguished_name::DistinguishedName;
use crate::wire::enveloped_data::{EnvelopedDataDraft, RecipientDraft};
use crate::wire::extension::KeyUsage;
use crate::wire::password_recipient::Pbkdf2Parameters;
use crate::wire::public_key::SubjectPublicKeyInfo;
use core::time::Duration;
use rustls_pki_types::{CertificateDer, UnixTime};
use std::cell::{Cell, RefCell};

extern crate std;

const STRONG: &str = "AAECAwQFBgcICQoLDA0ODw";
const CONTENT: &[u8] = b"\x30\x03\x02\x01\x07";

std::thread_local! {
    /// Rounds of PBKDF2 that were asked for.
    static ROUNDS: Cell<u32> = const { Cell::new(0) };
    /// The keys that were decrypted with.
    static KEYS: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// Counts, and spares the tests most of the rounds.
struct Quick;

impl PasswordKdf for Quick {
    fn prf(&self) -> Digest {
        Digest::Sha256
    }

    fn derive(&self, password: &[u8], salt: &[u8], iterations: u32, key: &mut [u8]) {
        ROUNDS.set(ROUNDS.get() + iterations);
        PBKDF2_SHA256.derive(password, salt, 1, key);
    }
}

struct Watched;

impl ContentCipher for Watched {
    fn id(&self) -> ContentEncryption {
        AES_128_CBC.id()
    }

    fn encrypt(&self, key: &[u8], iv: &[u8], blocks: &mut [u8]) -> Result<(), Error> {
        AES_128_CBC.encrypt(key, iv, blocks)
    }

    fn decrypt(&self, key: &[u8], iv: &[u8], blocks: &mut [u8]) -> Result<(), Error> {
        KEYS.with_borrow_mut(|keys| keys.push(key.to_vec()));
        AES_128_CBC.decrypt(key, iv, blocks)
    }
}

static QUICK: Provider = Provider { ciphers: &[&Watched], password_kdfs: &[&Quick], ..PROVIDER };

fn challenge(text: &str) -> ChallengePassword {
    ChallengePassword::new(text).unwrap()
}

fn sealed(text: &str, content: &[u8]) -> Vec<u8> {
    let challenge = challenge(text);
    let cipher = ContentEncryption::Aes128Cbc;
    envelope(&QUICK, content, Addressee::Password(&challenge), cipher, &mut Seeded(1)).unwrap()
}

fn certificate(key: &SoftwareKey) -> CertificateDer<'static> {
    let name: DistinguishedName = "CN=device".parse().unwrap();
    let scheme = SignatureScheme::RsaPkcs1(Digest::Sha256);
    let at = |seconds| UnixTime::since_unix_epoch(Duration::from_secs(seconds));
    let tbs = TbsCertificateDraft {
        serial: &[1],
        subject: name.name(),
        not_before: at(1000),
        not_after: at(2000),
        public_key: SubjectPublicKeyInfo::parse(key.public_key_der()).unwrap(),
        scheme,
        key_usage: KeyUsage::KEY_ENCIPHERMENT,
    }
    .encode();
    let job = SignJob::new(&PROVIDER, tbs, scheme, Purpose::Csr, key.public_key_der()).unwrap();
    let signature = key.sign(&job, &mut Seeded(1)).unwrap();
    CertificateDer::from(assemble(job.message(), scheme, signature.as_bytes()))
}

/// A message around an envelope.
fn message(envelope: Vec<u8>) -> Verified {
    let key = SoftwareKey::from_pkcs8(RSA_2048_PKCS8).unwrap();
    let fields = Fields {
        message_type: MessageType::PkcsReq,
        pki_status: None,
        fail_info: None,
        fail_info_text: None,
        sender_nonce: Nonce::from_bytes(&[7; 16]).unwrap(),
        recipient_nonce: None,
        transaction_id: TransactionId::new("1").unwrap(),
        signing_time: None,
    };
    let certificate = certificate(&key);
    let draft =
        Draft::new(&PROVIDER, envelope, &fields, certificate, Digest::Sha256, Purpose::PkiMessage).unwrap();
    let signature = key.sign(draft.job(), &mut Seeded(1)).unwrap();
    let der = draft.seal(&PROVIDER, &signature).unwrap();
    Unverified::parse(der, &Limits::DEFAULT).unwrap().verify_as_sent(&PROVIDER).unwrap()
}

fn policy<'a>(provider: &'static Provider, recipients: &'a [&'a CertificateDer<'static>]) -> OpenPolicy<'a> {
    OpenPolicy { provider, recipients, single_des: false, any_key_identifier: false }
}

fn read(envelope: Vec<u8>) -> Result<PasswordEnvelope, Error> {
    message(envelope).password_envelope(&policy(&QUICK, &[]), &mut Seeded(2))
}

/// An envelope with other parameters than ours.
fn with(
    change: impl Fn(&mut Pbkdf2Parameters<'_>),
    cipher: ContentEncryption,
    iv: &[u8],
    key: &[u8],
) -> Vec<u8> {
    let mut key_derivation =
        Pbkdf2Parameters { salt: &[7; 16], iterations: 1000, key_length: None, prf: Digest::Sha256 };
    change(&mut key_derivation);
    EnvelopedDataDraft {
        recipient: RecipientDraft::Password { key_derivation, cipher, iv, encrypted_key: key },
        content_encryption: ContentEncryption::Aes128Cbc,
        iv: &[1; 16],
        encrypted_content: &[2; 32],
    }
    .encode()
}

// R-3.1-3, PWRI-1, PWRI-2, PWRI-3, Q19
#[test]
fn whoever_knows_the_challenge_opens_the_envelope() {
    let envelope = read(sealed(STRONG, CONTENT)).unwrap();
    assert_eq!(envelope.content_encryption(), ContentEncryption::Aes128Cbc);
    let opened = envelope.open(Some(&challenge(STRONG))).unwrap();
    assert_eq!(opened.candidate(), Ok(CONTENT));
    assert_eq!(opened.verdict(CONTENT.len()).unwrap_u8(), 1);
    assert_eq!(opened.content(), Ok(CONTENT));
}

// PWRI-6
#[test]
fn the_bytes_of_a_challenge_are_its_utf_8_form() {
    let text = "äöüßéèêëçñãõâîôûœæø";
    let opened = read(sealed(text, CONTENT)).unwrap().open(Some(&challenge(text))).unwrap();
    assert_eq!(opened.content(), Ok(CONTENT));
    let mut expected = [0; 16];
    let mut own = [0; 16];
    PBKDF2_SHA256.derive(text.as_bytes(), &[7; 16], 1000, &mut expected);
    PBKDF2_SHA256.derive(challenge(text).expose().as_bytes(), &[7; 16], 1000, &mut own);
    assert_eq!((own, text.len() > text.chars().count()), (expected, true));
}

// PWRI-4, MMA-1, MMA-2, MMA-4: the same work and no error, whatever the challenge
#[test]
fn a_wrong_challenge_and_none_cost_the_same_and_give_garbage() {
    let mut seen = Vec::new();
    let (other, right) = (challenge("BAECAwQFBgcICQoLDA0ODw"), challenge(STRONG));
    let weak = challenge("x");
    for candidate in [Some(&right), Some(&other), Some(&weak), None] {
        let envelope = read(sealed(STRONG, CONTENT)).unwrap();
        ROUNDS.set(0);
        KEYS.take();
        let opened = envelope.open(candidate).unwrap();
        assert_eq!(opened.content().is_ok(), candidate.is_some_and(|text| text.matches(&right)));
        seen.push((ROUNDS.get(), KEYS.with_borrow(Vec::len)));
    }
    // three times the key, once the content
    assert_eq!(seen, [(100_000, 4); 4]);
}

// T47: without a challenge nothing is opened, also if somebody encrypts under the empty text that stands in for it
#[test]
fn the_empty_text_opens_nothing() {
    let key = crate::crypto::ContentKey::random(16, &mut Seeded(9)).unwrap();
    let mut wrapping = [0; 16];
    PBKDF2_SHA256.derive(b"", &[7; 16], 1, &mut wrapping);
    let wrapped = password::wrap(&AES_128_CBC, &wrapping, &[3; 16], &key, &mut Seeded(8)).unwrap();
    let mut content = [&[4, 14][..], &[5; 14], &[16; 16]].concat();
    AES_128_CBC.encrypt(key.as_bytes(), &[1; 16], &mut content).unwrap();
    let derivation =
        Pbkdf2Parameters { salt: &[7; 16], iterations: 1000, key_length: None, prf: Digest::Sha256 };
    let aes = ContentEncryption::Aes128Cbc;
    let der = EnvelopedDataDraft {
        recipient: RecipientDraft::Password {
            key_derivation: derivation,
            cipher: aes,
            iv: &[3; 16],
            encrypted_key: &wrapped,
        },
        content_encryption: aes,
        iv: &[1; 16],
        encrypted_content: &content,
    }
    .encode();
    KEYS.take();
    let opened = read(der).unwrap().open(None).unwrap();
    assert!(opened.content().is_err());
    // the wrapped key is right, and not taken
    assert_ne!(KEYS.take().pop().unwrap(), key.as_bytes());
}

// MMA-3: without the right challenge, the content is decrypted with a stand-in that is new every time
#[test]
fn the_stand_in_is_drawn_afresh() {
    let stand_in = |seed| {
        let message = message(sealed(STRONG, CONTENT));
        let envelope = message.password_envelope(&policy(&QUICK, &[]), &mut Seeded(seed)).unwrap();
        envelope.open(None).unwrap();
        KEYS.take().pop().unwrap()
    };
    let expected = crate::crypto::ContentKey::random(16, &mut Seeded(1)).unwrap();
    assert_eq!(stand_in(1), expected.as_bytes());
    assert_ne!(stand_in(2), expected.as_bytes());
    let failed =
        message(sealed(STRONG, CONTENT)).password_envelope(&policy(&QUICK, &[]), &mut FailsAfter(15));
    assert_eq!(failed.err(), Some(Error::RandomFailed));
}

// T47, PWRI-1, case 88: refused before anything is derived
#[test]
fn derivations_out_of_bounds_are_refused_without_work() {
    let aes = ContentEncryption::Aes128Cbc;
    let (iv, key) = (&[3; 16][..], &[4; 32][..]);
    ROUNDS.set(0);
    let limit = Error::from(Limit::KeyDerivation);
    let unsupported = Error::from(Unsupported::KeyDerivation);
    let refused = |envelope| read(envelope).unwrap_err();
    for iterations in [0, 1, 999, 600_001, 0x7FFF_FFFF, u32::MAX] {
        assert_eq!(refused(with(|kdf| kdf.iterations = iterations, aes, iv, key)), limit);
    }
    let long = vec![7; 30_000];
    for salt in [&[][..], &[7; 7], &[7; 65], &long] {
        let derivation = Pbkdf2Parameters { salt, iterations: 1000, key_length: None, prf: Digest::Sha256 };
        let recipient =
            RecipientDraft::Password { key_derivation: derivation, cipher: aes, iv, encrypted_key: key };
        let envelope = EnvelopedDataDraft {
            recipient,
            content_encryption: aes,
            iv: &[1; 16],
            encrypted_content: &[2; 32],
        };
        assert_eq!(refused(envelope.encode()), limit);
    }
    for prf in [Digest::Sha1, Digest::Sha384, Digest::Sha512] {
        assert_eq!(refused(with(|kdf| kdf.prf = prf, aes, iv, key)), unsupported);
    }
    for length in [0, 15, 17, 32, u32::MAX] {
        assert_eq!(refused(with(|kdf| kdf.key_length = Some(length), aes, iv, key)), unsupported);
    }
    // ciphers that the provider does not list for writing
    let des = [ContentEncryption::TripleDesCbc, ContentEncryption::DesCbc, ContentEncryption::Aes256Cbc];
    for cipher in des {
        assert_eq!(refused(with(|_| (), cipher, iv, key)), unsupported);
    }
    for (iv, key) in
        [(&[3; 8][..], key), (&[], key), (iv, &[4; 31]), (iv, &[4; 16]), (iv, &[]), (iv, &[4; 80])]
    {
        assert_eq!(refused(with(|_| (), aes, iv, key)), BadEnvelope::Ciphertext.into());
    }
    assert_eq!(ROUNDS.get(), 0);
    assert!(read(with(|kdf| kdf.key_length = Some(16), aes, iv, key)).is_ok());
    assert!(read(with(|kdf| kdf.iterations = 600_000, aes, iv, key)).is_ok());
}

// T47: off unless listed
#[test]
fn without_a_key_derivation_nothing_is_opened_or_written() {
    let policy = policy(&PROVIDER, &[]);
    let refused = message(sealed(STRONG, CONTENT)).password_envelope(&policy, &mut Seeded(2));
    assert_eq!(refused.err(), Some(Unsupported::KeyDerivation.into()));
    let challenge = challenge(STRONG);
    let cipher = ContentEncryption::Aes128Cbc;
    let written = envelope(&PROVIDER, CONTENT, Addressee::Password(&challenge), cipher, &mut Seeded(1));
    assert_eq!(written, Err(ApiMisuse::Algorithm.into()));
}

// PWRI-5, T47, R-7.3-1
#[test]
fn nothing_is_written_under_a_weak_challenge() {
    ROUNDS.set(0);
    for text in ["secret123", "0123456789ABCDEF"] {
        let challenge = challenge(text);
        let cipher = ContentEncryption::Aes128Cbc;
        let written = envelope(&QUICK, CONTENT, Addressee::Password(&challenge), cipher, &mut Seeded(1));
        assert_eq!(written, Err(ApiMisuse::WeakChallenge.into()));
    }
    assert_eq!(ROUNDS.get(), 0);
}

// T3, PWRI-4: one recipient by password, and none of ours beside it
#[test]
fn other_sets_of_recipients_are_refused() {
    let none = Error::from(BadEnvelope::Recipient);
    let certificate = certificate(&SoftwareKey::from_pkcs8(RSA_2048_PKCS8).unwrap());
    let parsed = Certificate::parse(&certificate).unwrap();
    let by_key =
        envelope(&QUICK, CONTENT, (&parsed).into(), ContentEncryption::Aes128Cbc, &mut Seeded(1)).unwrap();
    let by_password = sealed(STRONG, CONTENT);
    assert_eq!(read(by_key.clone()).err(), Some(none));
    // the other way round: a key opens nothing that is for a password
    let ours = [&certificate];
    let key = message(by_password.clone()).envelope(&policy(&QUICK, &ours), &mut Seeded(2));
    assert_eq!(key.err(), Some(none));

    let twice = recipients(&by_password, &[set(&by_password), set(&by_password)]);
    assert_eq!(read(twice).err(), Some(none));
    let both = recipients(&by_password, &[set(&by_key), set(&by_password)]);
    assert!(read(both.clone()).is_ok());
    let refused = message(both).password_envelope(&policy(&QUICK, &ours), &mut Seeded(2));
    assert_eq!(refused.err(), Some(none));
}

// R-3.2-2, T46
#[test]
fn a_message_without_an_envelope_has_none_for_a_password() {
    assert_eq!(read(Vec::new()).err(), Some(InvalidMessage::NotEnvelopedData.into()));
    assert_eq!(read(CONTENT.to_vec()).err(), Some(InvalidMessage::NotEnvelopedData.into()));
}

// T50
#[test]
fn debug_of_a_password_envelope_shows_no_secret() {
    let envelope = read(sealed(STRONG, CONTENT)).unwrap();
    assert_eq!(std::format!("{envelope:?}"), "PasswordEnvelope { content_encryption: Aes128Cbc, .. }");
}

/// The fields of an EnvelopedData.
fn fields(envelope: &[u8]) -> Vec<&[u8]> {
    use crate::wire::tlv::{self, Reader};
    let mut content = Reader::new(envelope).unwrap().enter(tlv::SEQUENCE).unwrap();
    content.any().unwrap();
    let mut fields = content.enter(tlv::context(0)).unwrap().enter(tlv::SEQUENCE).unwrap();
    core::iter::from_fn(|| fields.any().ok().map(|field| field.raw)).collect()
}

/// The one recipient.
fn set(envelope: &[u8]) -> &[u8] {
    crate::wire::tlv::Tlv::parse(fields(envelope)[1]).unwrap().value
}

/// The same envelope with other recipients.
fn recipients(envelope: &[u8], recipients: &[&[u8]]) -> Vec<u8> {
    use crate::wire::oid::Oid;
    use crate::wire::tlv;
    let fields = fields(envelope);
    let set = tlv::element(tlv::SET, recipients);
    let data = tlv::element(tlv::SEQUENCE, &[fields[0], &set, fields[2]]);
    let oid = tlv::element(tlv::OBJECT_IDENTIFIER, &[Oid::ID_ENVELOPED_DATA.as_bytes()]);
    tlv::element(tlv::SEQUENCE, &[&oid, &tlv::element(tlv::context(0), &[&data])])
}
