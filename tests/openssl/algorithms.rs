//! OAEP, PSS, ECDSA and recipients by password, in both directions.

use super::support::{CA, DEVICE, PROVIDER, seeded, success};
use super::{CIPHERS, PLAIN, VERIFY, Work, opened, parse, verified};
use crate::provider::{PBKDF2_SHA1, PBKDF2_SHA256, PROVIDER as MODERN, PROVIDER_WITH_LEGACY, SoftwareKey};
use scep::Error;
use scep::crypto::{ChallengePassword, KeyTransport, Provider, Purpose, Random, SignJob};
use scep::error::{BadEnvelope, BadSignature, Limit, Unsupported};
use scep::message::{Addressee, Draft, OpenPolicy, PathContext, Verified, check_path, envelope};
use scep::pki_types::CertificateDer;
use scep::wire::{
    Certificate, CertificationRequest, CertificationRequestInfoDraft, ContentEncryption, Digest,
    DistinguishedName, Limits, SignatureScheme, SubjectPublicKeyInfo, assemble,
};

const OAEP: &str = "-aes128 -recip ca.crt -keyopt rsa_padding_mode:oaep";
const PSS: &str = "-keyopt rsa_padding_mode:pss -keyopt rsa_pss_saltlen";

const SHA2: [(Digest, &str); 3] =
    [(Digest::Sha256, "sha256"), (Digest::Sha384, "sha384"), (Digest::Sha512, "sha512")];

// ALG-5, MMA-9, case 26, case 124
#[test]
#[ignore = "needs the openssl program; CI runs it with --ignored"]
fn envelopes_of_openssl_with_oaep_are_opened_here() {
    let work = Work::new("oaep");
    for (_, cipher) in CIPHERS {
        for hash in ["", "-keyopt rsa_oaep_md:sha1", "-keyopt rsa_oaep_md:sha256"] {
            let options = format!("{cipher} -recip ca.crt -keyopt rsa_padding_mode:oaep {hash}");
            let message = work.sign(&work.encrypt(&options), "-nodetach");
            assert_eq!(opened(message).as_deref(), Ok(PLAIN), "{options}");
        }
    }
}

// T43, ALG-5
#[test]
#[ignore = "needs the openssl program; CI runs it with --ignored"]
fn other_parameters_of_oaep_are_refused() {
    let work = Work::new("oaep-refused");
    for parameters in [
        "-keyopt rsa_oaep_md:sha384",
        "-keyopt rsa_oaep_md:sha256 -keyopt rsa_mgf1_md:sha1",
        "-keyopt rsa_oaep_md:sha1 -keyopt rsa_mgf1_md:sha256",
        "-keyopt rsa_oaep_md:md5",
        "-keyopt rsa_oaep_md:sha256 -keyopt rsa_oaep_label:78",
    ] {
        let message = work.sign(&work.encrypt(&format!("{OAEP} {parameters}")), "-nodetach");
        assert_eq!(opened(message), Err(Unsupported::KeyTransport.into()), "{parameters}");
    }
}

// ALG-5
#[test]
#[ignore = "needs the openssl program; CI runs it with --ignored"]
fn openssl_decrypts_our_envelopes_with_oaep() {
    let work = Work::new("oaep-ours");
    let certificate = CA.certificate();
    let certificate = Certificate::parse(&certificate).unwrap();
    for (transport, hash) in
        [(KeyTransport::RsaOaepSha1, "<ABSENT>"), (KeyTransport::RsaOaepSha256, "sha256")]
    {
        let addressee = Addressee::Certificate { certificate: &certificate, transport };
        let cipher = ContentEncryption::Aes128Cbc;
        let der = envelope(&MODERN, PLAIN, addressee, cipher, &mut Random::new(seeded(2))).unwrap();
        work.write("envelope", &der);
        work.openssl("cms -decrypt -inform DER -in envelope -binary -recip ca.crt -inkey ca.key -out opened");
        assert_eq!(work.read("opened"), PLAIN);
        let printed = work.openssl("cms -cmsout -print -noout -inform DER -in envelope");
        assert!(printed.contains("rsaesOaep") && printed.contains(hash), "{printed}");
    }
}

// ALG-11, T43
#[test]
#[ignore = "needs the openssl program; CI runs it with --ignored"]
fn messages_of_openssl_with_pss_verify_here() {
    let work = Work::new("pss");
    let signed = |options: &str| verified(work.sign(PLAIN, &format!("-nodetach {options}")));
    for (digest, name) in [(Digest::Sha1, "sha1")].into_iter().chain(SHA2) {
        let message = signed(&format!("-md {name} {PSS}:digest")).unwrap();
        assert_eq!((message.scheme(), message.content()), (SignatureScheme::RsaPss(digest), PLAIN));
    }
    for options in [
        // as long as there is room
        format!("-md sha256 {PSS}:max"),
        format!("-md sha256 {PSS}:20"),
        format!("-md sha256 {PSS}:0"),
        format!("-md sha256 {PSS}:digest -keyopt rsa_mgf1_md:sha1"),
        format!("-md sha256 {PSS}:digest -keyopt rsa_mgf1_md:sha512"),
    ] {
        assert_eq!(signed(&options).map(drop), Err(Unsupported::Signature.into()), "{options}");
    }
    // SHA-1 is for the provider that lists it
    let message = parse(work.sign(PLAIN, &format!("-nodetach -md sha1 {PSS}:digest"))).unwrap();
    let refused = message.verify_by(&MODERN, &[DEVICE.certificate()]).map(drop);
    assert_eq!(refused, Err(Unsupported::Digest.into()));
    // what was signed counts
    let mut message = work.sign(PLAIN, &format!("-nodetach -md sha256 {PSS}:digest"));
    *message.last_mut().unwrap() ^= 1;
    assert_eq!(verified(message).map(drop), Err(BadSignature::Signature.into()));
}

/// A request and a certificate of the same key, self-signed with these options.
fn check_request_and_certificate(work: &Work, key: &str, options: &str, scheme: SignatureScheme) {
    work.openssl(&format!("req -new -key {key} -subj /CN=x -outform DER -out request {options}"));
    let der = work.read("request");
    let request = CertificationRequest::parse(&der, &Limits::DEFAULT).unwrap();
    assert_eq!(SignatureScheme::from_identifier(&request.signature_algorithm()), Ok(scheme));
    let verifier = MODERN.verifier(scheme).unwrap();
    let verify = |parts: &[&[u8]]| verifier.verify(&request.public_key(), parts, request.signature());
    assert_eq!(verify(&[request.info()]), Ok(()));
    assert_eq!(verify(&[request.info(), &[0]]), Err(BadSignature::Signature.into()));

    work.openssl(&format!("req -new -x509 -key {key} -subj /CN=CA -days 30 -out issuer.crt {options}"));
    work.openssl("x509 -in issuer.crt -outform DER -out issuer");
    work.openssl(&format!(
        "x509 -req -inform DER -in request -CA issuer.crt -CAkey {key} -CAcreateserial -outform DER -out issued {options}"
    ));
    let issued = work.read("issued");
    let certificate = Certificate::parse(&issued).unwrap();
    let (limits, provider) = (&Limits::DEFAULT, &MODERN);
    let anchors = &[CertificateDer::from(work.read("issuer"))];
    let context = PathContext { provider, limits, anchors, intermediates: &[], now: None };
    assert_eq!(check_path(&certificate, &context), Ok(()));
}

// ALG-11
#[test]
#[ignore = "needs the openssl program; CI runs it with --ignored"]
fn requests_and_certificates_of_openssl_with_pss_verify_here() {
    let work = Work::new("pss-certificates");
    for (digest, name) in SHA2 {
        let options = format!("-{name} -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:digest");
        check_request_and_certificate(&work, "device.key", &options, SignatureScheme::RsaPss(digest));
    }
}

const CURVES: [&str; 2] = ["prime256v1", "secp384r1"];

/// A new key on a curve and a certificate for it, in `ec.key` and `ec.crt`.
fn new_curve_key(work: &Work, curve: &str) -> (SoftwareKey, CertificateDer<'static>) {
    work.openssl(&format!("ecparam -name {curve} -genkey -out ec.key"));
    work.openssl("req -x509 -new -key ec.key -subj /CN=EC -out ec.crt");
    work.openssl("x509 -in ec.crt -outform DER -out ec");
    let key = SoftwareKey::from_pem(&String::from_utf8(work.read("ec.key")).unwrap()).unwrap();
    (key, CertificateDer::from(work.read("ec")))
}

// ALG-11
#[test]
#[ignore = "needs the openssl program; CI runs it with --ignored"]
fn messages_go_both_ways_with_ecdsa() {
    let work = Work::new("ecdsa");
    for curve in CURVES {
        let (key, certificate) = new_curve_key(&work, curve);
        for (digest, name) in SHA2 {
            work.write("content", PLAIN);
            work.openssl(&format!(
                "cms -sign -binary -in content -signer ec.crt -inkey ec.key -nodetach -md {name} -outform DER -out signed"
            ));
            let message = parse(work.read("signed")).unwrap().verify_as_sent(&MODERN).unwrap();
            assert_eq!((message.scheme(), message.content()), (SignatureScheme::Ecdsa(digest), PLAIN));
            assert_eq!(message.signer(), &certificate);
            let mut damaged = work.read("signed");
            *damaged.last_mut().unwrap() ^= 1;
            let refused = parse(damaged).unwrap().verify_as_sent(&MODERN).map(drop);
            assert_eq!(refused, Err(BadSignature::Signature.into()));

            let purpose = Purpose::CertRep;
            let draft = Draft::new(&MODERN, PLAIN.to_vec(), &success(), certificate.clone(), digest, purpose)
                .unwrap();
            let signature = key.sign(draft.job(), &mut Random::new(seeded(1))).unwrap();
            work.write("message", &draft.seal(&MODERN, &signature).unwrap());
            let verify = VERIFY.replace("ca.crt", "ec.crt");
            work.openssl(&format!("cms -verify -inform DER -in message -binary -out content {verify}"));
            assert_eq!(work.read("content"), PLAIN);
        }
    }
}

// ALG-11, P10-1
#[test]
#[ignore = "needs the openssl program; CI runs it with --ignored"]
fn requests_and_certificates_go_both_ways_with_ecdsa() {
    let work = Work::new("ecdsa-certificates");
    let subject: DistinguishedName = "CN=x".parse().unwrap();
    for curve in CURVES {
        let (key, _) = new_curve_key(&work, curve);
        for (digest, name) in SHA2 {
            let scheme = SignatureScheme::Ecdsa(digest);
            check_request_and_certificate(&work, "ec.key", &format!("-{name}"), scheme);
            let info = CertificationRequestInfoDraft {
                subject: subject.name(),
                public_key: SubjectPublicKeyInfo::parse(key.public_key_der()).unwrap(),
                challenge: None,
                extensions: None,
            }
            .encode();
            let job =
                SignJob::new(&MODERN, info.to_vec(), scheme, Purpose::Csr, key.public_key_der()).unwrap();
            let signature = key.sign(&job, &mut Random::new(seeded(1))).unwrap();
            work.write("ours", &assemble(&info, scheme, signature.as_bytes()));
            let printed = work.openssl("req -inform DER -in ours -noout -verify -text");
            assert!(printed.to_lowercase().contains(&format!("ecdsa-with-{name}")), "{printed}");
        }
        // what is written, openssl reads
        work.write("written.key", key.to_pem().as_bytes());
        assert_eq!(work.openssl("pkey -in written.key -pubout"), work.openssl("pkey -in ec.key -pubout"));
    }
}

static WITH_PASSWORDS: Provider =
    Provider { password_kdfs: &[&PBKDF2_SHA256, &PBKDF2_SHA1], ..PROVIDER_WITH_LEGACY };

const CHALLENGE: &str = "AAECAwQFBgcICQoLDA0ODw";

fn open_with(
    message: &Verified,
    challenge: Option<&str>,
    provider: &'static Provider,
) -> Result<Vec<u8>, Error> {
    let policy = OpenPolicy { provider, recipients: &[], single_des: true, any_key_identifier: false };
    let envelope = message.password_envelope(&policy, &mut Random::new(seeded(3)))?;
    let challenge = challenge.map(|text| ChallengePassword::new(text).unwrap());
    envelope.open(challenge.as_ref())?.content().map(<[u8]>::to_vec)
}

// R-3.1-3, PWRI-1, PWRI-2, PWRI-3, PWRI-6
#[test]
#[ignore = "needs the openssl program; CI runs it with --ignored"]
fn envelopes_of_openssl_for_a_password_are_opened_here() {
    let work = Work::new("password");
    for (cipher, name) in CIPHERS {
        let envelope = work.encrypt(&format!("{name} -pwri_password {CHALLENGE}"));
        let message = verified(work.sign(&envelope, "-nodetach")).unwrap();
        let right = open_with(&message, Some(CHALLENGE), &WITH_PASSWORDS);
        if cipher == ContentEncryption::DesCbc {
            // single DES may protect content behind the switch, and no key ever
            assert_eq!(right, Err(Unsupported::KeyDerivation.into()));
            continue;
        }
        assert_eq!(right.as_deref(), Ok(PLAIN), "{name}");
        let garbage = Err(BadEnvelope::Content.into());
        assert_eq!(open_with(&message, Some("wrong"), &WITH_PASSWORDS), garbage);
        assert_eq!(open_with(&message, None, &WITH_PASSWORDS), garbage);
        let off = open_with(&message, Some(CHALLENGE), PROVIDER);
        assert_eq!(off, Err(Unsupported::KeyDerivation.into()));
    }
    let envelope = work.encrypt("-aes-128-cbc -pwri_password äöüß");
    let message = verified(work.sign(&envelope, "-nodetach")).unwrap();
    assert_eq!(open_with(&message, Some("äöüß"), &WITH_PASSWORDS).as_deref(), Ok(PLAIN));
}

// R-3.1-3, PWRI-1, PWRI-2, PWRI-3
#[test]
#[ignore = "needs the openssl program; CI runs it with --ignored"]
fn openssl_opens_our_envelopes_for_a_password() {
    let work = Work::new("password-ours");
    let challenge = ChallengePassword::new(CHALLENGE).unwrap();
    for (cipher, name) in &CIPHERS[..4] {
        for length in [0, 1, 16, 1000] {
            let content = vec![0x42; length];
            let addressee = Addressee::Password(&challenge);
            let rng = &mut Random::new(seeded(2));
            work.write("envelope", &envelope(&WITH_PASSWORDS, &content, addressee, *cipher, rng).unwrap());
            work.openssl(&format!(
                "cms -decrypt -inform DER -in envelope -binary -pwri_password {CHALLENGE} -out opened"
            ));
            assert_eq!(work.read("opened"), content, "{name} {length}");
        }
        work.openssl_fails("cms -decrypt -inform DER -in envelope -binary -pwri_password wrong -out opened");
    }
}

// T47, case 88: openssl writes 2048 rounds; a stricter limit refuses them
#[test]
#[ignore = "needs the openssl program; CI runs it with --ignored"]
fn rounds_above_the_limit_are_refused() {
    let work = Work::new("password-limit");
    let envelope = work.encrypt(&format!("-aes-128-cbc -pwri_password {CHALLENGE}"));
    let message = work.sign(&envelope, "-nodetach");
    let mut limits = Limits::DEFAULT;
    limits.pbkdf2_iterations = 2047;
    let message = scep::message::Unverified::parse(message, &limits).unwrap();
    let message = message.verify_by(PROVIDER, &[DEVICE.certificate()]).unwrap();
    let refused = open_with(&message, Some(CHALLENGE), &WITH_PASSWORDS);
    assert_eq!(refused, Err(Limit::KeyDerivation.into()));
}
