//! OAEP, PSS and recipients by password: what the types of `cms` and bare primitives make is read here, and the reverse.

use crate::primitives::*;
use crate::provider::{PBKDF2_SHA256, PROVIDER_WITH_LEGACY};
use crate::support::{CA, DEVICE, PROVIDER, open, seeded, success};
use crate::types::*;
use cms::content_info::CmsVersion;
use cms::enveloped_data::{EnvelopedData, PasswordRecipientInfo, RecipientInfo};
use der::asn1::Any;
use der::{Encode as _, Tag};
use rsa::traits::SignatureScheme as _;
use rsa::{Oaep, Pss, PublicKey};
use scep::Error;
use scep::crypto::{ChallengePassword, ContentEncryption, Digest, KeyTransport, Provider, Random};
use scep::error::{BadEnvelope, BadSignature, Limit, Unsupported};
use scep::message::{Addressee, OpenPolicy, Unverified, Verified, envelope};
use scep::wire::{self, Limits, SignatureScheme};
use x509_cert::spki::AlgorithmIdentifierOwned;

const CIPHER: ContentEncryption = ContentEncryption::Aes128Cbc;
const CHALLENGE: &str = "AAECAwQFBgcICQoLDA0ODw";

static WITH_PASSWORDS: Provider = Provider { password_kdfs: &[&PBKDF2_SHA256], ..PROVIDER_WITH_LEGACY };

fn verified(der: Vec<u8>) -> Result<Verified, Error> {
    Unverified::parse(der, &Limits::DEFAULT)?.verify_by(PROVIDER, &[DEVICE.certificate()])
}

fn around(data: &EnvelopedData) -> Verified {
    verified(message(&content_info(ENVELOPED_DATA, data))).unwrap()
}

/// An algorithm with any parameters.
fn with_parameters(name: &str, parameters: &[u8]) -> AlgorithmIdentifierOwned {
    AlgorithmIdentifierOwned { oid: oid(name), parameters: Some(der::Decode::from_der(parameters).unwrap()) }
}

const OAEP: &str = "1.2.840.113549.1.1.7";
const MGF1: &str = "1.2.840.113549.1.1.8";
const PSS: &str = "1.2.840.113549.1.1.10";

/// `[0]` and `[1]` of the parameters of OAEP and PSS.
fn hash_and_mask(digest: Digest) -> Vec<u8> {
    let hash = algorithm(digest_oid(digest)).to_der().unwrap();
    let mask = tlv(0x30, &[&oid(MGF1).to_der().unwrap(), &hash]);
    [tlv(0xA0, &[&hash]), tlv(0xA1, &[&mask])].concat()
}

// ALG-5, MMA-9
#[test]
fn keys_wrapped_with_oaep_by_the_primitives_are_unwrapped_here() {
    let public = PublicKey::from(&private_key(&CA));
    let key = content_key(CIPHER);
    let with_sha1 = public.encrypt(&mut seeded(9), Oaep::<sha1::Sha1>::new(), &key).unwrap();
    let with_sha256 = public.encrypt(&mut seeded(9), Oaep::<sha2::Sha256>::new(), &key).unwrap();
    let opened = |parameters: Option<Vec<u8>>, wrapped: &[u8]| {
        let mut recipient = recipient(CIPHER);
        recipient.key_enc_alg = match parameters {
            Some(parameters) => with_parameters(OAEP, &parameters),
            None => bare_algorithm(OAEP),
        };
        recipient.enc_key = octets(wrapped);
        let mut data = enveloped_data(CIPHER, b"inside");
        data.recip_infos = vec![RecipientInfo::Ktri(recipient)].try_into().unwrap();
        open(&around(&data), &CA, false)
    };
    for parameters in [None, Some(tlv(0x30, &[])), Some(tlv(0x30, &[&hash_and_mask(Digest::Sha1)]))] {
        assert_eq!(opened(parameters.clone(), &with_sha1).as_deref(), Ok(&b"inside"[..]));
        assert_eq!(opened(parameters, &with_sha256), Err(BadEnvelope::Content.into()));
    }
    let sha256 = Some(tlv(0x30, &[&hash_and_mask(Digest::Sha256)]));
    assert_eq!(opened(sha256.clone(), &with_sha256).as_deref(), Ok(&b"inside"[..]));
    assert_eq!(opened(sha256, &with_sha1), Err(BadEnvelope::Content.into()));
    // T43: named as something else
    let sha512 = Some(tlv(0x30, &[&hash_and_mask(Digest::Sha512)]));
    assert_eq!(opened(sha512, &with_sha256), Err(Unsupported::KeyTransport.into()));
}

// ALG-5
#[test]
fn the_primitives_unwrap_what_was_wrapped_with_oaep_here() {
    let certificate = CA.certificate();
    let certificate = wire::Certificate::parse(&certificate).unwrap();
    for (transport, digest) in
        [(KeyTransport::RsaOaepSha1, Digest::Sha1), (KeyTransport::RsaOaepSha256, Digest::Sha256)]
    {
        let addressee = Addressee::Certificate { certificate: &certificate, transport };
        let der = envelope(PROVIDER, b"inside", addressee, CIPHER, &mut Random::new(seeded(2))).unwrap();
        let data: EnvelopedData = decode(&der, ENVELOPED_DATA);
        let [RecipientInfo::Ktri(recipient)] = data.recip_infos.0.as_slice() else { panic!("{data:?}") };
        let wrapped = recipient.enc_key.as_bytes();
        let (key, expected) = match digest {
            Digest::Sha1 => (private_key(&CA).decrypt(Oaep::<sha1::Sha1>::new(), wrapped), tlv(0x30, &[])),
            _ => (
                private_key(&CA).decrypt(Oaep::<sha2::Sha256>::new(), wrapped),
                tlv(0x30, &[&hash_and_mask(Digest::Sha256)]),
            ),
        };
        assert_eq!(recipient.key_enc_alg, with_parameters(OAEP, &expected));
        let ciphertext = data.encrypted_content.encrypted_content.as_ref().unwrap().as_bytes();
        let iv = data.encrypted_content.content_enc_alg.parameters.as_ref().unwrap().value();
        assert_eq!(decrypt(CIPHER, &key.unwrap(), iv, ciphertext), pad(b"inside", 16));
    }
}

// ALG-11, T43
#[test]
fn signatures_with_pss_by_the_primitives_verify_here() {
    let with = |salt: usize, parameters: &[u8]| {
        let mut signer = signer_info(Digest::Sha256, b"content");
        let attributes = signer.signed_attrs.as_ref().unwrap().to_der().unwrap();
        let scheme = Pss::<sha2::Sha256>::new_with_salt(salt);
        let digest = hash(Digest::Sha256, &attributes);
        let signature = scheme.sign(Some(&mut seeded(5)), &private_key(&DEVICE), &digest).unwrap();
        signer.signature = octets(&signature);
        signer.signature_algorithm = with_parameters(PSS, parameters);
        verified(content_info(SIGNED_DATA, &signed_data(b"content", signer))).map(|message| message.scheme())
    };
    let parameters = |salt: u8| tlv(0x30, &[&hash_and_mask(Digest::Sha256), &[0xA2, 3, 2, 1, salt]]);
    assert_eq!(with(32, &parameters(32)), Ok(SignatureScheme::RsaPss(Digest::Sha256)));
    assert_eq!(with(20, &parameters(20)), Err(Unsupported::Signature.into()));
    assert_eq!(with(20, &parameters(32)), Err(BadSignature::Signature.into()));
    assert_eq!(with(32, &tlv(0x30, &[])), Err(BadSignature::Algorithms.into()));
    let sha512 = tlv(0x30, &[&hash_and_mask(Digest::Sha512), &[0xA2, 3, 2, 1, 64]]);
    assert_eq!(with(32, &sha512), Err(BadSignature::Algorithms.into()));
}

const PBKDF2: &str = "1.2.840.113549.1.5.12";
const PWRI_KEK: &str = "1.2.840.113549.1.9.16.3.9";
const HMAC_SHA256: &str = "1.2.840.113549.2.9";

fn hmac(key: &[u8], message: &[u8]) -> Vec<u8> {
    let mut block = [0; 64];
    block[..key.len()].copy_from_slice(key);
    let inner = hash(Digest::Sha256, &[&block.map(|byte| byte ^ 0x36)[..], message].concat());
    hash(Digest::Sha256, &[&block.map(|byte| byte ^ 0x5C)[..], &inner].concat())
}

/// The first 16 bytes of PBKDF2 with HMAC-SHA-256 (RFC 8018 section 5.2).
fn derive(password: &[u8], salt: &[u8], rounds: u32) -> Vec<u8> {
    let mut last = hmac(password, &[salt, &[0, 0, 0, 1]].concat());
    let mut key = last.clone();
    for _ in 1..rounds {
        last = hmac(password, &last);
        key.iter_mut().zip(&last).for_each(|(byte, other)| *byte ^= other);
    }
    key[..16].to_vec()
}

fn pbkdf2(salt: &[u8], rounds: u32) -> AlgorithmIdentifierOwned {
    let rounds = rounds.to_be_bytes();
    let parameters =
        tlv(0x30, &[&tlv(4, &[salt]), &tlv(2, &[&[0], &rounds]), &algorithm(HMAC_SHA256).to_der().unwrap()]);
    with_parameters(PBKDF2, &parameters)
}

/// id-alg-PWRI-KEK with AES-128-CBC.
fn kek(iv: &[u8]) -> AlgorithmIdentifierOwned {
    let cipher = AlgorithmIdentifierOwned {
        oid: oid(cipher_oid(CIPHER)),
        parameters: Some(Any::new(Tag::OctetString, iv).unwrap()),
    };
    with_parameters(PWRI_KEK, &cipher.to_der().unwrap())
}

/// An envelope for a password, from `cms`.
fn password_envelope(rounds: u32) -> EnvelopedData {
    let (salt, iv) = ([0x5A; 12], [0x33; 16]);
    let key = content_key(CIPHER);
    let block = [&[16, !key[0], !key[1], !key[2]][..], &key, &[0x99; 12]].concat();
    let wrapping = if rounds < 10_000 { derive(CHALLENGE.as_bytes(), &salt, rounds) } else { vec![1; 16] };
    let first = encrypt(CIPHER, &wrapping, &iv, &block);
    let wrapped = encrypt(CIPHER, &wrapping, &first[16..], &first);
    let recipient = PasswordRecipientInfo {
        version: CmsVersion::V0,
        key_derivation_alg: Some(pbkdf2(&salt, rounds)),
        key_enc_alg: kek(&iv),
        enc_key: octets(&wrapped),
    };
    let mut data = enveloped_data(CIPHER, b"inside");
    data.version = CmsVersion::V3;
    data.recip_infos = vec![RecipientInfo::Pwri(recipient)].try_into().unwrap();
    data
}

fn open_with(message: &Verified, challenge: Option<&str>) -> Result<Vec<u8>, Error> {
    let provider = &WITH_PASSWORDS;
    let policy = OpenPolicy { provider, recipients: &[], single_des: false, any_key_identifier: false };
    let envelope = message.password_envelope(&policy, &mut Random::new(seeded(3)))?;
    let challenge = challenge.map(|text| ChallengePassword::new(text).unwrap());
    envelope.open(challenge.as_ref())?.content().map(<[u8]>::to_vec)
}

// PWRI-1, PWRI-2, PWRI-3
#[test]
fn keys_wrapped_for_a_password_by_the_primitives_are_unwrapped_here() {
    let message = around(&password_envelope(1000));
    assert_eq!(open_with(&message, Some(CHALLENGE)).as_deref(), Ok(&b"inside"[..]));
    for wrong in [Some("BAECAwQFBgcICQoLDA0ODw"), None] {
        assert_eq!(open_with(&message, wrong), Err(BadEnvelope::Content.into()));
    }
}

// T47, case 88
#[test]
fn billions_of_rounds_are_refused_at_once() {
    for rounds in [999, 600_001, 1 << 31, u32::MAX] {
        let message = around(&password_envelope(rounds));
        assert_eq!(open_with(&message, Some(CHALLENGE)), Err(Limit::KeyDerivation.into()), "{rounds}");
    }
}

// R-3.1-3, C-6.1-1, C-6.2.4-1, PWRI-1, PWRI-2, PWRI-3
#[test]
fn the_primitives_unwrap_what_was_wrapped_for_a_password_here() {
    let challenge = ChallengePassword::new(CHALLENGE).unwrap();
    let rng = &mut Random::new(seeded(2));
    let der = envelope(&WITH_PASSWORDS, b"inside", Addressee::Password(&challenge), CIPHER, rng).unwrap();
    let data: EnvelopedData = decode(&der, ENVELOPED_DATA);
    assert_eq!(data.version, CmsVersion::V3);
    let [RecipientInfo::Pwri(recipient)] = data.recip_infos.0.as_slice() else { panic!("{data:?}") };
    assert_eq!(recipient.version, CmsVersion::V0);
    let derivation = wire_derivation(&der);
    let (salt, rounds) = (derivation.salt, derivation.iterations);
    assert_eq!((salt.len(), derivation.key_length), (16, None));
    // the number of rounds has no leading zero
    let shortest = tlv(
        0x30,
        &[
            &tlv(4, &[salt]),
            &tlv(2, &[&rounds.to_be_bytes()[1..]]),
            &algorithm(HMAC_SHA256).to_der().unwrap(),
        ],
    );
    assert_eq!(recipient.key_derivation_alg, Some(with_parameters(PBKDF2, &shortest)));
    let kek_parameters = recipient.key_enc_alg.parameters.as_ref().unwrap().to_der().unwrap();
    let iv = &kek_parameters[kek_parameters.len() - 16..];
    assert_eq!(recipient.key_enc_alg, kek(iv));

    let wrapping = derive(CHALLENGE.as_bytes(), salt, rounds);
    let wrapped = recipient.enc_key.as_bytes();
    assert_eq!(wrapped.len(), 32);
    let last = decrypt(CIPHER, &wrapping, &wrapped[..16], &wrapped[16..]);
    let first = decrypt(CIPHER, &wrapping, &last, wrapped);
    let block = decrypt(CIPHER, &wrapping, iv, &first);
    assert_eq!(block[..4], [16, !block[4], !block[5], !block[6]]);
    let ciphertext = data.encrypted_content.encrypted_content.as_ref().unwrap().as_bytes();
    let iv = data.encrypted_content.content_enc_alg.parameters.as_ref().unwrap().value();
    assert_eq!(decrypt(CIPHER, &block[4..20], iv, ciphertext), pad(b"inside", 16));
    assert_eq!(content_info(ENVELOPED_DATA, &data), der);
    // a request by it comes back through the crate
    let message = crate::support::seal(der, &success(), &DEVICE, Digest::Sha256);
    assert_eq!(open_with(&verified(message).unwrap(), Some(CHALLENGE)).as_deref(), Ok(&b"inside"[..]));
}

fn wire_derivation(der: &[u8]) -> wire::Pbkdf2Parameters<'_> {
    let view = wire::EnvelopedData::parse(der, &Limits::DEFAULT).unwrap();
    let Some(wire::RecipientInfo::Password(info)) = view.recipients().next() else { panic!() };
    info.pbkdf2(&Limits::DEFAULT).unwrap()
}
