//! Interworking with the `openssl` command line (3.0): its messages read by the crate, the crate's messages read by it.
//!
//! Ignored unless asked for: `cargo test --test openssl -- --ignored`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test")]

#[path = "openssl/algorithms.rs"]
mod algorithms;
#[allow(unused_imports, reason = "each program takes what it needs")]
#[path = "shared/provider.rs"]
mod provider;
#[path = "oracle/support.rs"]
mod support;

use scep::Error;
use scep::crypto::{KeyError, Random};
use scep::error::{BadEnvelope, BadSignature, InvalidMessage, Unsupported};
use scep::message::{PathContext, Unverified, Verified, check_path};
use scep::pki_types::CertificateDer;
use scep::server::NextCa;
use scep::wire::{
    self, CertificateSelector, CertificationRequest, CertificationRequestInfoDraft, CertsOnly,
    ContentEncryption, Digest, DistinguishedName, EnvelopedData, ExtensionsBuilder, GeneralName, KeyUsage,
    Limits, Oid, RecipientInfo, SignatureScheme, SubjectPublicKeyInfo, TbsCertificateDraft, assemble,
    ca_certificates, certs_only, normalize,
};
use std::path::PathBuf;
use std::process::{Command, Output};
use std::{env, fs};
use support::{CA, DEVICE, PROVIDER, STRANGER, enclose, open, seal, success, time};

/// A directory with the keys and certificates of all parties, where `openssl` runs.
struct Work(PathBuf);

impl Work {
    fn new(name: &str) -> Self {
        let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("openssl").join(name);
        // From an earlier run.
        let _ = fs::remove_dir_all(&directory);
        fs::create_dir_all(&directory).unwrap();
        let work = Self(directory);
        for (name, party) in [("ca", &CA), ("device", &DEVICE), ("stranger", &STRANGER)] {
            work.write(&format!("{name}.key"), party.key_pem.as_bytes());
            work.write(&format!("{name}.crt"), party.certificate_pem.as_bytes());
        }
        work.write("plain", PLAIN);
        work
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        fs::write(self.0.join(name), bytes).unwrap();
    }

    fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.0.join(name)).unwrap()
    }

    fn output(&self, arguments: &str) -> Output {
        let arguments = arguments.split_ascii_whitespace();
        let mut command = Command::new("openssl");
        command.args(arguments).current_dir(&self.0).env_remove("OPENSSL_CONF");
        command.output().expect("the openssl program")
    }

    /// Runs `openssl`, which must succeed; gives all that it printed.
    #[track_caller]
    fn openssl(&self, arguments: &str) -> String {
        let output = self.output(arguments);
        let [out, err] =
            [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
        assert!(output.status.success(), "openssl {arguments}\n{err}");
        out + &err
    }

    #[track_caller]
    fn openssl_fails(&self, arguments: &str) {
        assert!(!self.output(arguments).status.success(), "openssl {arguments}");
    }

    /// An envelope of [`PLAIN`] for the CA, by `openssl cms -encrypt`.
    #[track_caller]
    fn encrypt(&self, options: &str) -> Vec<u8> {
        self.openssl(&format!("cms -encrypt -binary -in plain -outform DER -out envelope {options}"));
        self.read("envelope")
    }

    /// A message of the device around `content`, by `openssl cms -sign`.
    #[track_caller]
    fn sign(&self, content: &[u8], options: &str) -> Vec<u8> {
        self.write("content", content);
        self.openssl(&format!(
            "cms -sign -binary -in content -signer device.crt -inkey device.key -outform DER -out signed {options}"
        ));
        self.read("signed")
    }
}

const PLAIN: &[u8] = b"\x30\x14\x0C\x12certainly not BER\x0A";

fn parse(message: Vec<u8>) -> Result<Unverified, Error> {
    Unverified::parse(message, &Limits::DEFAULT)
}

fn verified(message: Vec<u8>) -> Result<Verified, Error> {
    parse(message)?.verify_by(PROVIDER, &[DEVICE.certificate()])
}

/// Opens as the CA, single DES included.
fn opened(message: Vec<u8>) -> Result<Vec<u8>, Error> {
    open(&verified(message)?, &CA, true)
}

fn is_indefinite(message: &[u8]) -> bool {
    message.starts_with(&[0x30, 0x80])
}

const DIGESTS: [(Digest, &str); 4] = [
    (Digest::Sha1, "sha1"),
    (Digest::Sha256, "sha256"),
    (Digest::Sha384, "sha384"),
    (Digest::Sha512, "sha512"),
];

const CIPHERS: [(ContentEncryption, &str); 5] = [
    (ContentEncryption::Aes128Cbc, "-aes-128-cbc"),
    (ContentEncryption::Aes192Cbc, "-aes-192-cbc"),
    (ContentEncryption::Aes256Cbc, "-aes-256-cbc"),
    (ContentEncryption::TripleDesCbc, "-des-ede3-cbc"),
    (ContentEncryption::DesCbc, "-des-cbc -provider legacy -provider default"),
];

/// The chain is checked; what the certificates may be used for, and the machine's clock, are not.
const VERIFY: &str = "-CAfile ca.crt -purpose any -no_check_time";

// R-2.3-8, R-3.1-5, C-5.4-1, ALG-1, ALG-2, ALG-3, ALG-10
#[test]
#[ignore = "needs the openssl program; CI runs it with --ignored"]
fn openssl_verifies_our_messages() {
    let work = Work::new("verifies-ours");
    for (digest, name) in DIGESTS {
        let content = [PLAIN, name.as_bytes()].concat();
        let message = seal(content.clone(), &success(), &DEVICE, digest);
        work.write("message", &message);
        for program in ["cms", "smime"] {
            work.openssl(&format!("{program} -verify -inform DER -in message -binary -out content {VERIFY}"));
            assert_eq!(work.read("content"), content, "{program} {name}");
        }
        // It does look: at the content, and at the signature, which is the end of the message.
        for place in [message.windows(PLAIN.len()).position(|part| part == PLAIN).unwrap(), message.len() - 1]
        {
            let mut damaged = message.clone();
            damaged[place] ^= 1;
            work.write("message", &damaged);
            for program in ["cms", "smime"] {
                work.openssl_fails(&format!(
                    "{program} -verify -inform DER -in message -out content {VERIFY}"
                ));
            }
        }
        // It prints what it read of the attributes.
        work.write("message", &message);
        let printed = work.openssl("cms -cmsout -print -noout -inform DER -in message");
        for expected in
            ["2.16.840.1.113733.1.9.7", "4711-ABC", "Jan  2 03:04:05 2026 GMT", "version: 1", name]
        {
            assert!(printed.contains(expected), "{expected} in {printed}");
        }
    }
}

// R-3.1-2, ALG-4, ALG-10, C-6.1-1, C-6.2.1-1, C-6.3-1
#[test]
#[ignore = "needs the openssl program; CI runs it with --ignored"]
fn openssl_decrypts_our_envelopes() {
    let work = Work::new("decrypts-ours");
    for (cipher, name) in &CIPHERS[..4] {
        for length in [0, 1, 15, 16, 17, 5000] {
            let content = vec![0x42; length];
            work.write("envelope", &enclose(&content, &CA, *cipher));
            for program in ["cms", "smime"] {
                work.openssl(&format!(
                    "{program} -decrypt -inform DER -in envelope -binary -recip ca.crt -inkey ca.key -out opened"
                ));
                assert_eq!(work.read("opened"), content, "{program} {name} {length}");
            }
        }
        let printed = work.openssl("cms -cmsout -print -noout -inform DER -in envelope");
        let name = &name[1..];
        assert!(printed.contains(name) && printed.contains("rsaEncryption"), "{name} in {printed}");
    }
    // Signed and encrypted, from the outside to the inside.
    let message =
        seal(enclose(PLAIN, &CA, ContentEncryption::Aes128Cbc), &success(), &DEVICE, Digest::Sha256);
    work.write("message", &message);
    work.openssl(&format!("cms -verify -inform DER -in message -binary -out envelope {VERIFY}"));
    work.openssl("cms -decrypt -inform DER -in envelope -binary -recip ca.crt -inkey ca.key -out opened");
    assert_eq!(work.read("opened"), PLAIN);
    work.openssl_fails(
        "cms -decrypt -inform DER -in envelope -recip stranger.crt -inkey stranger.key -out opened",
    );
}

// C-5.3-1, C-5.4-1, C-5.4-2, I-5, ALG-1, ALG-3, ALG-10
#[test]
#[ignore = "needs the openssl program; CI runs it with --ignored"]
fn messages_of_openssl_verify_here() {
    let work = Work::new("signs");
    // More than one chunk of its streams.
    let content = PLAIN.repeat(1000);
    for (digest, name) in DIGESTS {
        for form in ["", "-stream", "-keyid", "-keyid -stream", "-nosmimecap", "-certfile ca.crt", "-cades"] {
            let message = work.sign(&content, &format!("-nodetach -md {name} {form}"));
            assert_eq!(is_indefinite(&message), form.contains("-stream"));
            let read = parse(message.clone()).unwrap();
            // No SCEP attribute is there.
            assert_eq!(read.message_type_hint(), Err(InvalidMessage::MessageType.into()));
            assert_eq!(read.transaction_id_hint(), Ok(None));
            let read = read.verify_as_sent(PROVIDER).unwrap();
            assert_eq!(read.signer(), &DEVICE.certificate());
            assert_eq!(read.scheme(), SignatureScheme::RsaPkcs1(digest), "{form}");
            assert_eq!(read.content(), content, "{form}");
            assert!(read.attributes().unwrap().signing_time().unwrap().is_some());
            verified(message.clone()).unwrap();
            // What we make of BER is what it reads as well.
            let der = normalize(&message, &Limits::DEFAULT).unwrap();
            let view = wire::SignedData::parse(&der, &Limits::DEFAULT).unwrap();
            let by_key = matches!(view.signer().unwrap().sid(), CertificateSelector::SubjectKeyIdentifier(_));
            assert_eq!(by_key, form.contains("-keyid"));
            assert_eq!(view.certificates().len(), if form.contains("-certfile") { 2 } else { 1 });
            work.write("normalized", &der);
            work.openssl(&format!("cms -verify -inform DER -in normalized -binary -out again {VERIFY}"));
            assert_eq!(work.read("again"), content);
        }
    }
}

// ALG-4, ALG-10, C-6.1-1, C-6.2.1-1, I-5
#[test]
#[ignore = "needs the openssl program; CI runs it with --ignored"]
fn envelopes_of_openssl_are_opened_here() {
    let work = Work::new("encrypts");
    for (cipher, name) in CIPHERS {
        for (outer, form) in
            [("", ""), ("-stream", "-stream"), ("", "-stream"), ("-stream", ""), ("", "-keyid")]
        {
            let envelope = work.encrypt(&format!("{name} {form} -recip ca.crt"));
            assert_eq!(is_indefinite(&envelope), form == "-stream");
            let der = normalize(&envelope, &Limits::DEFAULT).unwrap();
            let view = EnvelopedData::parse(&der, &Limits::DEFAULT).unwrap();
            assert_eq!(view.content_encryption().oid, cipher.oid());
            let Some(RecipientInfo::KeyTransport(recipient)) = view.recipients().next() else { panic!() };
            let by_key = matches!(recipient.recipient, CertificateSelector::SubjectKeyIdentifier(_));
            assert_eq!(by_key, form == "-keyid");
            let message = work.sign(&envelope, &format!("-nodetach {outer}"));
            assert_eq!(opened(message.clone()).as_deref(), Ok(PLAIN), "{name} {form}");
            if cipher == ContentEncryption::DesCbc {
                let refused = open(&verified(message).unwrap(), &CA, false);
                assert_eq!(refused, Err(Unsupported::SingleDes.into()));
            }
        }
    }
    // Content of every length around a block, and none at all.
    for length in [0, 1, 15, 16, 17] {
        let content = vec![0x42; length];
        work.write("plain", &content);
        let envelope = work.encrypt("-aes-128-cbc -recip ca.crt");
        assert_eq!(opened(work.sign(&envelope, "-nodetach")), Ok(content));
    }
}

// PKCS #7 v1.5, as the older command writes it.
#[test]
#[ignore = "needs the openssl program; CI runs it with --ignored"]
fn messages_in_the_old_style_are_read() {
    let work = Work::new("smime");
    for (_, cipher) in CIPHERS {
        for stream in ["", "-stream"] {
            work.openssl(&format!(
                "smime -encrypt -binary -in plain -outform DER -out envelope {stream} {cipher} ca.crt"
            ));
            work.openssl(&format!(
                "smime -sign -binary -nodetach -in envelope -signer device.crt -inkey device.key -outform DER \
                 -out signed {stream}"
            ));
            let message = work.read("signed");
            assert_eq!(is_indefinite(&message), stream == "-stream");
            assert_eq!(opened(message).as_deref(), Ok(PLAIN), "{cipher}");
        }
    }
}

// C-6.1-1, C-6.1-2, C-6.2-1
#[test]
#[ignore = "needs the openssl program; CI runs it with --ignored"]
fn other_recipients_stand_next_to_ours() {
    let work = Work::new("recipients");
    work.openssl("ecparam -name prime256v1 -genkey -noout -out ec.key");
    work.openssl("req -x509 -new -key ec.key -subj /CN=EC -out ec.crt");
    let key_agreement = "-recip ec.crt";
    let symmetric = "-secretkey 000102030405060708090A0B0C0D0E0F -secretkeyid C0FFEE";
    let password = "-pwri_password secret";
    for others in [
        "-recip stranger.crt".into(),
        key_agreement.into(),
        symmetric.into(),
        password.into(),
        format!("{key_agreement} {symmetric} {password}"),
    ] {
        for ours in ["", "-keyid"] {
            for stream in ["", "-stream"] {
                let envelope = work.encrypt(&format!("-aes-256-cbc {ours} {stream} -recip ca.crt {others}"));
                let der = normalize(&envelope, &Limits::DEFAULT).unwrap();
                let view = EnvelopedData::parse(&der, &Limits::DEFAULT).unwrap();
                assert_eq!(view.recipients().count(), if others.matches(" -").count() > 1 { 4 } else { 2 });
                let message = work.sign(&envelope, "-nodetach");
                assert_eq!(opened(message).as_deref(), Ok(PLAIN), "{others} {ours}");
            }
        }
        let envelope = work.encrypt(&format!("-aes-256-cbc {others}"));
        let message = work.sign(&envelope, "-nodetach");
        assert_eq!(opened(message), Err(BadEnvelope::Recipient.into()), "{others}");
    }
}

// C-5.1-3, C-5.6-1, R-3.2-1
#[test]
#[ignore = "needs the openssl program; CI runs it with --ignored"]
fn what_scep_does_not_have_is_refused() {
    let work = Work::new("refused");
    let signed = |options: &str| verified(work.sign(PLAIN, options)).map(drop);
    assert_eq!(signed("-nodetach"), Ok(()));
    assert_eq!(signed("-nodetach -noattr"), Err(InvalidMessage::NoSignedAttributes.into()));
    let second = "-nodetach -signer stranger.crt -inkey stranger.key";
    assert_eq!(signed(second), Err(InvalidMessage::SignerCount.into()));
    // Detached content is no content.
    assert_eq!(signed(""), Err(BadSignature::MessageDigest.into()));
    for digest in ["md5", "sha224", "sha3-256", "sha512-256"] {
        assert_eq!(signed(&format!("-nodetach -md {digest}")), Err(Unsupported::Digest.into()), "{digest}");
    }

    // Without certificate, or with another one, a trusted certificate serves still.
    let message = work.sign(PLAIN, "-nodetach -nocerts");
    assert_eq!(
        parse(message.clone()).unwrap().verify_as_sent(PROVIDER).map(drop),
        Err(BadSignature::SignerNotFound.into())
    );
    let strangers = parse(message.clone()).unwrap().verify_by(PROVIDER, &[CA.certificate()]);
    assert_eq!(strangers.map(drop), Err(BadSignature::UntrustedSigner.into()));
    verified(message).unwrap();

    let sealed = |options: &str| opened(work.sign(&work.encrypt(options), "-nodetach"));
    assert_eq!(sealed("-aes128 -recip ca.crt").as_deref(), Ok(PLAIN));
    for cipher in ["-camellia-128-cbc", "-aes-128-cfb"] {
        let refused = sealed(&format!("{cipher} -recip ca.crt"));
        assert_eq!(refused, Err(Unsupported::ContentEncryption.into()), "{cipher}");
    }
    // AuthEnvelopedData
    assert_eq!(sealed("-aes-128-gcm -recip ca.crt"), Err(Unsupported::ContentEncryption.into()));
    // EncryptedData, no envelope at all
    let not_enveloped = Err(InvalidMessage::NotEnvelopedData.into());
    work.openssl(
        "cms -EncryptedData_encrypt -aes128 -in plain -outform DER -out encrypted \
         -secretkey 000102030405060708090A0B0C0D0E0F",
    );
    assert_eq!(opened(work.sign(&work.read("encrypted"), "-nodetach")), not_enveloped);
    assert_eq!(opened(work.sign(PLAIN, "-nodetach")), not_enveloped);
    // The outer content type is id-data, or as xipki has it (P6) that of what is inside, and no other.
    let envelope = work.encrypt("-aes128 -recip ca.crt");
    let message = work.sign(&envelope, "-nodetach -econtent_type pkcs7-envelopedData");
    assert_eq!(opened(message).as_deref(), Ok(PLAIN));
    let message = work.sign(&envelope, "-nodetach -econtent_type pkcs7-signedData");
    assert_eq!(opened(message), Err(InvalidMessage::ContentType.into()));
}

/// Signs with the key of the device what a draft made.
fn device_signs(work: &Work, to_be_signed: &[u8], digest: &str) -> Vec<u8> {
    work.write("tbs", to_be_signed);
    work.openssl(&format!("dgst -{digest} -sign device.key -out signature tbs"));
    work.read("signature")
}

// P10-1, P10-2, P9-2, P9-5
#[test]
#[ignore = "needs the openssl program; CI runs it with --ignored"]
fn openssl_verifies_our_requests() {
    let work = Work::new("our-request");
    let subject: DistinguishedName = "C=DE, O=Test, CN=dev_1".parse().unwrap();
    let key = DEVICE.key();
    let extensions = ExtensionsBuilder::default()
        .key_usage(KeyUsage::DIGITAL_SIGNATURE | KeyUsage::KEY_ENCIPHERMENT)
        .extended_key_usage(&[Oid::CLIENT_AUTH])
        .subject_alt_names(&[GeneralName::Dns("dev1.example.com"), GeneralName::Ip(&[192, 0, 2, 1])])
        .unwrap()
        .build();
    for (digest, name) in DIGESTS {
        let scheme = SignatureScheme::RsaPkcs1(digest);
        let draft = CertificationRequestInfoDraft {
            subject: subject.name(),
            public_key: SubjectPublicKeyInfo::parse(key.public_key_der()).unwrap(),
            challenge: Some("p@ss_word"),
            extensions: Some(&extensions),
        };
        let info = draft.encode();
        let request = assemble(&info, scheme, &device_signs(&work, &info, name));
        work.write("request", &request);
        let printed = work.openssl("req -verify -inform DER -in request -noout -text -nameopt RFC2253");
        for expected in [
            "self-signature verify OK",
            "Version: 1 (0x0)",
            "Subject: CN=dev_1,O=Test,C=DE",
            "challengePassword",
            ":p@ss_word",
            "X509v3 Key Usage: critical",
            "Digital Signature, Key Encipherment",
            "TLS Web Client Authentication",
            "DNS:dev1.example.com, IP Address:192.0.2.1",
            &format!("Signature Algorithm: {name}WithRSAEncryption"),
        ] {
            assert!(printed.contains(expected), "{expected} in {printed}");
        }
        work.openssl("req -inform DER -in request -outform DER -out again");
        assert_eq!(work.read("again"), request);

        let mut damaged = request.clone();
        *damaged.last_mut().unwrap() ^= 1;
        work.write("request", &damaged);
        let printed = work.output("req -verify -inform DER -in request -noout").stderr;
        assert!(!String::from_utf8_lossy(&printed).contains("verify OK"));
    }
    // No attribute at all.
    let draft = CertificationRequestInfoDraft {
        subject: subject.name(),
        public_key: SubjectPublicKeyInfo::parse(key.public_key_der()).unwrap(),
        challenge: None,
        extensions: None,
    };
    let info = draft.encode();
    let signature = device_signs(&work, &info, "sha256");
    work.write("request", &assemble(&info, SignatureScheme::RsaPkcs1(Digest::Sha256), &signature));
    let printed = work.openssl("req -verify -inform DER -in request -noout -text");
    assert!(printed.contains("self-signature verify OK") && !printed.contains("challengePassword"));
}

// A33, A34, A35
#[test]
#[ignore = "needs the openssl program; CI runs it with --ignored"]
fn openssl_reads_one_name_where_a_value_looks_like_several() {
    use scep::profile::{
        AltNameTemplate, AltNameType, NameSyntax, SubjectTemplate, Values, Variable, Vocabulary,
    };
    let work = Work::new("profile-request");
    let (words, key) = (Vocabulary::new(), DEVICE.key());
    let template =
        SubjectTemplate::parse("C=DE;O=Example,CN={{DeviceName}}", NameSyntax::Windows, &words).unwrap();
    let upn =
        AltNameTemplate::parse(AltNameType::UserPrincipalName, "{{UserName}}@example.com", &words).unwrap();
    for hostile in ["dev1,CN=admin", "dev1+CN=admin", "dev1/CN=admin", "\",CN=\"admin"] {
        let values = Values::new().with(Variable::DeviceName, hostile).with(Variable::UserName, "jäne");
        let (subject, name) = (template.expand(&values).unwrap(), upn.expand(&values).unwrap());
        let names = ExtensionsBuilder::default().subject_alt_names(&[GeneralName::UserPrincipalName(&name)]);
        let extensions = names.unwrap().build();
        let draft = CertificationRequestInfoDraft {
            subject: subject.name(),
            public_key: SubjectPublicKeyInfo::parse(key.public_key_der()).unwrap(),
            challenge: None,
            extensions: Some(&extensions),
        };
        let info = draft.encode();
        let signature = device_signs(&work, &info, "sha256");
        work.write("request", &assemble(&info, SignatureScheme::RsaPkcs1(Digest::Sha256), &signature));
        // one line for each attribute
        let printed =
            work.openssl("req -verify -inform DER -in request -noout -subject -nameopt sep_multiline,oid");
        let lines: Vec<_> =
            printed.lines().map(str::trim).filter(|line| line.starts_with("2.5.4.")).collect();
        assert_eq!(lines.len(), 3, "{printed}");
        assert_eq!(
            lines[2].trim_start_matches("2.5.4.3").trim_start_matches([' ', '=']),
            hostile,
            "{printed}"
        );
        let printed = work.openssl("req -inform DER -in request -noout -text -nameopt utf8");
        assert!(printed.contains("othername: UPN::jäne@example.com"), "{printed}");
        let parsed = work.openssl("asn1parse -inform DER -in request");
        assert!(
            parsed.contains("PRINTABLESTRING   :DE") && parsed.contains("UTF8STRING        :Example"),
            "{parsed}"
        );
    }
}

// P10-1, P10-2, P9-3, P9-5
#[test]
#[ignore = "needs the openssl program; CI runs it with --ignored"]
fn requests_of_openssl_verify_here() {
    let work = Work::new("their-request");
    for mask in ["default", "utf8only", "MASK:0x800", "MASK:0x4"] {
        work.write(
            "config",
            format!(
                "[req]\nprompt=no\ndistinguished_name=name\nattributes=attributes\nreq_extensions=extensions\n\
                 string_mask={mask}\n[name]\nO=Test\nCN=dev1\n[attributes]\nchallengePassword=Sesam-4711\n\
                 unstructuredName=some text\n[extensions]\nkeyUsage=critical,digitalSignature,keyEncipherment\n\
                 subjectAltName=DNS:dev1.example.com\n"
            )
            .as_bytes(),
        );
        for (digest, name) in DIGESTS {
            work.openssl(&format!(
                "req -new -key device.key -{name} -config config -outform DER -out request"
            ));
            let der = work.read("request");
            let request = CertificationRequest::parse(&der, &Limits::DEFAULT).unwrap();
            assert_eq!(request.subject().common_name().as_deref(), Some("dev1"));
            assert_eq!(request.public_key().as_der(), DEVICE.key().public_key_der());
            let challenge = request.challenge_password().unwrap().unwrap();
            assert_eq!(challenge.as_str(), "Sesam-4711", "{mask}");
            let extensions = request.extension_request(&Limits::DEFAULT).unwrap().unwrap();
            let names = extensions.get(Oid::SUBJECT_ALT_NAME).unwrap();
            let names = wire::subject_alt_names(names.value, &Limits::DEFAULT).unwrap();
            assert_eq!(names, [GeneralName::Dns("dev1.example.com")]);
            let scheme = SignatureScheme::from_identifier(&request.signature_algorithm()).unwrap();
            assert_eq!(scheme, SignatureScheme::RsaPkcs1(digest));
            let verifier = PROVIDER.verifier(scheme).unwrap();
            let verify = |info| verifier.verify(&request.public_key(), &[info], request.signature());
            assert_eq!(verify(request.info()), Ok(()));
            assert_eq!(verify(&request.info()[1..]), Err(BadSignature::Signature.into()));
        }
    }
}

// R-2.3-1
#[test]
#[ignore = "needs the openssl program; CI runs it with --ignored"]
fn openssl_verifies_our_self_signed_certificate() {
    let work = Work::new("self-signed");
    let subject: DistinguishedName = "C=DE, O=Test, CN=dev1".parse().unwrap();
    let key = DEVICE.key();
    for (digest, name) in DIGESTS {
        let scheme = SignatureScheme::RsaPkcs1(digest);
        let tbs = TbsCertificateDraft {
            serial: &[0xFE, 0xDC],
            subject: subject.name(),
            not_before: time(1_600_000_000),
            not_after: time(2_600_000_000),
            public_key: SubjectPublicKeyInfo::parse(key.public_key_der()).unwrap(),
            scheme,
            key_usage: KeyUsage::DIGITAL_SIGNATURE | KeyUsage::KEY_ENCIPHERMENT,
        }
        .encode();
        let der = assemble(&tbs, scheme, &device_signs(&work, &tbs, name));
        work.write("self.der", &der);
        work.openssl("x509 -inform DER -in self.der -out self.crt");
        // Level 0 allows the SHA-1 of the first round.
        work.openssl("verify -auth_level 0 -check_ss_sig -attime 1700000000 -CAfile self.crt self.crt");
        work.openssl_fails("verify -auth_level 0 -attime 1500000000 -CAfile self.crt self.crt");
        work.openssl_fails("verify -auth_level 0 -attime 2600000001 -CAfile self.crt self.crt");
        let printed = work.openssl("x509 -in self.crt -noout -text -nameopt RFC2253");
        for expected in [
            "Version: 3 (0x2)",
            "Serial Number: 65244 (0xfedc)",
            "Issuer: CN=dev1,O=Test,C=DE",
            "Subject: CN=dev1,O=Test,C=DE",
            "Not Before: Sep 13 12:26:40 2020 GMT",
            "Not After : May 22 14:13:20 2052 GMT",
            "X509v3 Key Usage: critical",
            "Digital Signature, Key Encipherment",
            &format!("Signature Algorithm: {name}WithRSAEncryption"),
        ] {
            assert!(printed.contains(expected), "{expected} in {printed}");
        }
        work.openssl("x509 -in self.crt -outform DER -out again");
        assert_eq!(work.read("again"), der);

        // It serves as the signer of a message, as in a first request.
        work.write("content", PLAIN);
        work.openssl(
            "cms -sign -binary -nodetach -in content -signer self.crt -inkey device.key -outform DER -out signed",
        );
        let message = parse(work.read("signed")).unwrap().verify_as_sent(PROVIDER).unwrap();
        assert_eq!(message.signer()[..], der);

        let mut damaged = der;
        *damaged.last_mut().unwrap() ^= 1;
        work.write("self.der", &damaged);
        work.openssl("x509 -inform DER -in self.der -out self.crt");
        work.openssl_fails("verify -auth_level 0 -check_ss_sig -attime 1700000000 -CAfile self.crt self.crt");
    }
}

// R-3.4-1, C-5.1-1, R-3.3.4-1
#[test]
#[ignore = "needs the openssl program; CI runs it with --ignored"]
fn certs_only_messages_go_both_ways() {
    let work = Work::new("certs-only");
    let parties = [&STRANGER, &DEVICE, &CA];
    let ders = parties.map(|party| party.certificate());
    let sorted = |mut list: Vec<Vec<u8>>| {
        list.sort();
        list
    };

    work.openssl(
        "crl2pkcs7 -nocrl -certfile stranger.crt -certfile device.crt -certfile ca.crt -outform DER -out certs",
    );
    let der = work.read("certs");
    let view = CertsOnly::parse(&der, &Limits::DEFAULT).unwrap();
    assert_eq!(view.crls().count(), 0);
    let expected = sorted(ders.iter().map(|der| der.to_vec()).collect());
    assert_eq!(sorted(view.certificates().iter().map(<[u8]>::to_vec).collect()), expected);
    let found = ca_certificates(&der, &Limits::DEFAULT).unwrap();
    assert_eq!(sorted(found.into_iter().map(<[u8]>::to_vec).collect()), expected);

    // A CRL, as in the answer to GetCRL.
    work.write("index", b"");
    work.write("crlnumber", b"01\n");
    work.write(
        "config",
        b"[ca]\ndefault_ca=d\n[d]\ndatabase=index\ncrlnumber=crlnumber\ndefault_md=sha256\ndefault_crl_days=30\n",
    );
    work.openssl("ca -gencrl -config config -keyfile ca.key -cert ca.crt -out list.pem");
    work.openssl("crl -in list.pem -outform DER -out list");
    work.openssl("crl2pkcs7 -in list.pem -outform DER -out crls");
    let der = work.read("crls");
    let view = CertsOnly::parse(&der, &Limits::DEFAULT).unwrap();
    assert!(view.certificates().is_empty());
    assert!(view.crls().eq([&work.read("list")[..]]));
    assert_eq!(ca_certificates(&der, &Limits::DEFAULT), Err(InvalidMessage::NoCertificates.into()));

    // R-3.3.2.1-5: ours with the CRL has the same bytes.
    assert_eq!(certs_only::encode_crl(&work.read("list")), der);

    // Ours: it keeps the order.
    let certificates = ders.each_ref().map(|der| &der[..]);
    work.write("ours", &certs_only::encode(&certificates));
    work.openssl("pkcs7 -inform DER -in ours -print_certs -out printed");
    let printed = String::from_utf8(work.read("printed")).unwrap();
    let read = crate::provider::certificates_from_pem(&printed).unwrap();
    assert_eq!(read, ders);
    let printed = work.openssl("cms -cmsout -print -noout -inform DER -in ours");
    assert!(printed.contains("eContent: <ABSENT>") && printed.contains("version: 1"), "{printed}");
}

// R-4.7.1-1, R-4.7.1-3, R-4.7.1-4: the answer to GetNextCACert, verified and taken apart
#[test]
#[ignore = "needs the openssl program; CI runs it with --ignored"]
fn openssl_verifies_our_next_ca_certificates() {
    let work = Work::new("next-ca");
    work.write(
        "config",
        b"[req]\ndistinguished_name=n\nx509_extensions=e\n[n]\n[e]\nbasicConstraints=critical,CA:TRUE\n",
    );
    work.openssl("req -x509 -config config -new -key stranger.key -subj /CN=Next -days 30 -out next.crt");
    work.openssl("x509 -in next.crt -outform DER -out next");
    let next = CertificateDer::from(work.read("next"));
    let draft =
        NextCa::draft(PROVIDER, CA.certificate(), vec![next.clone()], Some(time(1_767_323_045))).unwrap();
    let signature = CA.key().sign(draft.job(), &mut Random::new(support::seeded(1)));
    let message = draft.complete(signature).unwrap();
    work.write("message", message.as_bytes());
    for program in ["cms", "smime"] {
        work.openssl(&format!("{program} -verify -inform DER -in message -binary -out content {VERIFY}"));
        let content = work.read("content");
        let inner = CertsOnly::parse(&content, &Limits::DEFAULT).unwrap();
        assert!(inner.certificates().iter().eq([next.as_ref()]), "{program}");
    }
    // by those who look at the outer certificates
    work.openssl("pkcs7 -inform DER -in message -print_certs -out printed");
    let printed = String::from_utf8(work.read("printed")).unwrap();
    let read = crate::provider::certificates_from_pem(&printed).unwrap();
    assert_eq!(read, [CA.certificate(), next]);
    let printed = work.openssl("cms -cmsout -print -noout -inform DER -in message");
    assert!(printed.contains("Jan  2 03:04:05 2026 GMT"), "{printed}");
    assert!(!printed.contains("2.16.840.1.113733.1.9"), "{printed}");
    // it does look
    let mut damaged = message.as_bytes().to_vec();
    *damaged.last_mut().unwrap() ^= 1;
    work.write("message", &damaged);
    work.openssl_fails(&format!("cms -verify -inform DER -in message -out content {VERIFY}"));
}

// RFC 5280 section 6, R-2.2-3
#[test]
#[ignore = "needs the openssl program; CI runs it with --ignored"]
fn certificates_of_openssl_chain_here() {
    let work = Work::new("chain");
    for (_, digest) in DIGESTS {
        work.openssl("req -new -key device.key -subj /CN=leaf -out leaf.csr");
        work.openssl(&format!(
            "x509 -req -in leaf.csr -CA ca.crt -CAkey ca.key -set_serial 77 -{digest} -outform DER -out leaf"
        ));
        let leaf = work.read("leaf");
        let leaf = wire::Certificate::parse(&leaf).unwrap();
        let check = |anchor: CertificateDer<'static>| {
            let anchors = [anchor];
            let limits = &Limits::DEFAULT;
            let context =
                PathContext { provider: PROVIDER, limits, anchors: &anchors, intermediates: &[], now: None };
            check_path(&leaf, &context)
        };
        assert_eq!(check(CA.certificate()), Ok(()));
        assert_eq!(check(STRANGER.certificate()), Err(BadSignature::Path.into()));
    }
}

// ALG-8: keys in the forms in which it writes them.
#[test]
#[ignore = "needs the openssl program; CI runs it with --ignored"]
fn keys_of_openssl_are_read() {
    use crate::provider::SoftwareKey;
    let work = Work::new("keys");
    let key = DEVICE.key();
    work.openssl("pkcs8 -topk8 -nocrypt -in device.key -outform DER -out pkcs8");
    assert_eq!(SoftwareKey::from_pkcs8(&work.read("pkcs8")).unwrap().public_key_der(), key.public_key_der());
    work.openssl("rsa -in device.key -traditional -outform DER -out pkcs1");
    assert_eq!(SoftwareKey::from_pkcs1(&work.read("pkcs1")).unwrap().public_key_der(), key.public_key_der());
    work.openssl("pkey -in device.key -pubout -outform DER -out public");
    assert_eq!(work.read("public"), key.public_key_der());
    // And it reads ours.
    work.write("ours", key.to_pem().as_bytes());
    work.openssl("pkey -in ours -check -noout");
    work.openssl("genrsa -out small 1024");
    let small = String::from_utf8(work.read("small")).unwrap();
    assert_eq!(SoftwareKey::from_pem(&small).map(drop), Err(Error::Key(KeyError::Invalid)));
}
