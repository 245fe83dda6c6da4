//! Runs the `openssl` program: keys, certificates, envelopes, signatures, and a second opinion on what others sent.

use super::der::{self, tlv};
use crate::manifest::{Fact, Facts};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Every key of the vectors, and its self-signed certificate if it has one.
const KEYS: [(&str, &str, Option<&str>); 9] = [
    ("ca", RSA, Some("/C=DE/O=Test vectors/CN=Test CA")),
    ("next-ca", RSA, Some("/C=DE/O=Test vectors/CN=Next test CA")),
    ("device", RSA, Some("/C=DE/O=Test vectors/CN=dev1")),
    ("stranger", RSA, Some("/C=DE/O=Test vectors/CN=stranger")),
    ("weak", "genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:1024", Some("/CN=weak")),
    ("p256", "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256", Some("/CN=P-256")),
    ("p384", "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384", Some("/CN=P-384")),
    ("p521", "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-521", Some("/CN=P-521")),
    ("new-device", RSA, None),
];
const RSA: &str = "genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048";

/// Written over each key.
const WARNING: &str =
    "Test key of the vectors of the crate `scep`: public and worth nothing. Never use it.\n";

/// The program, in a folder where the keys lie as `ca.key`, `ca.crt` and so on.
pub(super) struct Openssl {
    pub(super) work: PathBuf,
    pub(super) version: String,
}

impl Openssl {
    /// Makes the keys that are missing in `vectors/keys`; those that are there stay, so that what is made with fixed
    /// seeds stays the same too.
    pub(super) fn new(work: &Path, keys: &Path) -> Self {
        fs::create_dir_all(keys).unwrap();
        let mut this = Self { work: work.to_owned(), version: String::new() };
        this.version = this.text("version").split(' ').take(2).collect::<Vec<_>>().join(" ");
        for (name, make, subject) in KEYS {
            this.pair(keys, name, make, subject);
        }
        this.certify(keys);
        this
    }

    fn pair(&self, keys: &Path, name: &str, make: &str, subject: Option<&str>) {
        let stored = keys.join(format!("test-{name}.key.pem"));
        if !stored.exists() {
            self.run(&format!("{make} -out {name}.key"));
            let pem = String::from_utf8(self.read(&format!("{name}.key"))).unwrap();
            fs::write(&stored, format!("{WARNING}{pem}")).unwrap();
        }
        fs::copy(&stored, self.work.join(format!("{name}.key"))).unwrap();
        let Some(subject) = subject else { return };
        let stored = keys.join(format!("test-{name}.crt.pem"));
        if !stored.exists() {
            let usage = match name {
                "ca" | "next-ca" => {
                    "basicConstraints=critical,CA:TRUE\n\
                     keyUsage=critical,digitalSignature,keyEncipherment,keyCertSign,cRLSign\n"
                }
                _ => "keyUsage=critical,digitalSignature,keyEncipherment\n",
            };
            self.write("cert.cnf", config(usage).as_bytes());
            self.arguments(
                &["-key", &format!("{name}.key"), "-subj", subject, "-out", &format!("{name}.crt")],
                "req -x509 -config cert.cnf -extensions extensions -days 9000 -sha256",
            );
            fs::copy(self.work.join(format!("{name}.crt")), &stored).unwrap();
        }
        fs::copy(&stored, self.work.join(format!("{name}.crt"))).unwrap();
    }

    /// Certificates that are not simply self-signed.
    fn certify(&self, keys: &Path) {
        self.write("leaf.cnf", config("keyUsage=critical,digitalSignature,keyEncipherment\n").as_bytes());
        let long = "0x7f".to_owned() + &"a5".repeat(31);
        for (name, make) in [
            // by the CA, with the device's own key
            (
                "issued",
                "-CA ca.crt -CAkey ca.key -set_serial 0x2001 -extfile leaf.cnf -extensions extensions",
            ),
            // X.509 v1 with a serial number of 32 octets, as certmonger makes them
            ("device-v1", &format!("-signkey device.key -set_serial {long}")),
        ] {
            let stored = keys.join(format!("test-{name}.crt.pem"));
            if !stored.exists() {
                let subject = ["-subj", "/C=DE/O=Test vectors/CN=dev1"];
                self.arguments(&subject, "req -new -key device.key -out leaf.csr");
                self.run(&format!("x509 -req -in leaf.csr -days 9000 -sha256 {make} -out {name}.crt"));
                fs::copy(self.work.join(format!("{name}.crt")), &stored).unwrap();
            }
            fs::copy(&stored, self.work.join(format!("{name}.crt"))).unwrap();
        }
    }

    pub(super) fn write(&self, name: &str, bytes: &[u8]) {
        fs::write(self.work.join(name), bytes).unwrap();
    }

    pub(super) fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.work.join(name)).unwrap()
    }

    fn output(&self, more: &[&str], arguments: &str) -> Output {
        let mut command = Command::new("openssl");
        command.args(arguments.split_ascii_whitespace()).args(more);
        command.current_dir(&self.work).env_remove("OPENSSL_CONF").output().expect("the openssl program")
    }

    /// Runs it; it must succeed. Gives what it printed.
    pub(super) fn arguments(&self, more: &[&str], arguments: &str) -> Vec<u8> {
        let output = self.output(more, arguments);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "openssl {arguments} {more:?}\n{error}");
        output.stdout
    }

    pub(super) fn run(&self, arguments: &str) -> Vec<u8> {
        self.arguments(&[], arguments)
    }

    pub(super) fn text(&self, arguments: &str) -> String {
        String::from_utf8_lossy(&self.run(arguments)).trim_end().to_owned()
    }

    /// A certificate as DER.
    pub(super) fn certificate(&self, name: &str) -> Vec<u8> {
        self.run(&format!("x509 -in {name}.crt -outform DER"))
    }

    /// An envelope by `cms -encrypt`.
    pub(super) fn encrypt(&self, plain: &[u8], options: &str) -> Vec<u8> {
        self.write("plain", plain);
        self.run(&format!("cms -encrypt -binary -in plain -outform DER -out envelope {options}"));
        self.read("envelope")
    }

    pub(super) fn digest(&self, name: &str, bytes: &[u8]) -> Vec<u8> {
        self.write("digested", bytes);
        self.run(&format!("dgst -{name} -binary digested"))
    }

    pub(super) fn sign(&self, key: &str, digest: &str, options: &str, bytes: &[u8]) -> Vec<u8> {
        self.write("signed", bytes);
        self.run(&format!("dgst -{digest} -sign {key}.key {options} -out signature signed"));
        self.read("signature")
    }

    /// The certification request of `key` with these lines of configuration for attributes and extensions.
    pub(super) fn request(&self, key: &str, request: Csr<'_>) -> Vec<u8> {
        let Csr { subject, attributes, extensions, strings, options } = request;
        let mut text = format!("[req]\nprompt=no\ndistinguished_name=name\nstring_mask={strings}\n");
        for (line, section) in
            [("attributes=attributes\n", attributes), ("req_extensions=extensions\n", extensions)]
        {
            text += if section.is_empty() { "" } else { line };
        }
        text += &format!("[name]\n{subject}\n[attributes]\n{attributes}\n[extensions]\n{extensions}\n");
        self.write("req.cnf", text.as_bytes());
        self.run(&format!("req -new -key {key}.key {options} -config req.cnf -outform DER"))
    }

    /// What OpenSSL reads of a message that some other program sent. `opens` is the key for the envelope.
    pub(super) fn examine(&self, message: &[u8], opens: &str) -> Facts {
        self.write("message", message);
        let mut facts = Facts::new();
        let elements = self.text("asn1parse -inform DER -in message");
        for (object, name) in [
            ("2.16.840.1.113733.1.9.7", "transactionId"),
            ("2.16.840.1.113733.1.9.5", "senderNonce"),
            ("2.16.840.1.113733.1.9.6", "recipientNonce"),
            ("2.16.840.1.113733.1.9.2", "messageType"),
            ("2.16.840.1.113733.1.9.3", "pkiStatus"),
            ("2.16.840.1.113733.1.9.4", "failInfo"),
        ] {
            let Some(value) = after(&elements, object) else { continue };
            let value = match name {
                "transactionId" => value.bytes().map(|byte| format!("{byte:02x}")).collect(),
                "senderNonce" | "recipientNonce" => value.to_ascii_lowercase(),
                _ => named(name, &value).to_owned(),
            };
            facts.insert(name.to_owned(), value.into());
        }
        let printed = self.text("cms -cmsout -print -noout -inform DER -in message");
        let signer = &printed[printed.rfind("signerInfos:").unwrap()..];
        let digest = hash(algorithm(signer, "digestAlgorithm:"));
        let padding = match algorithm(signer, "signatureAlgorithm:") {
            "rsassaPss" => "RsaPss",
            other => {
                assert!(other.ends_with("Encryption"), "{other}");
                "RsaPkcs1"
            }
        };
        facts.insert("scheme".into(), format!("{padding}({digest})").into());
        self.run("cms -verify -noverify -inform DER -in message -binary -out content -signer signer.crt");
        let subject = self.text(&format!("x509 -in signer.crt -noout -subject {NAMES}"));
        facts.insert("signer".into(), subject.trim_start_matches("subject=").into());
        if !self.read("content").is_empty() {
            self.examine_envelope(&mut facts, opens);
        }
        facts
    }

    fn examine_envelope(&self, facts: &mut Facts, opens: &str) {
        let printed = self.text("cms -cmsout -print -noout -inform DER -in content");
        let cipher = match algorithm(&printed, "contentEncryptionAlgorithm:") {
            "aes-128-cbc" => "Aes128Cbc",
            "aes-256-cbc" => "Aes256Cbc",
            "des-ede3-cbc" => "TripleDesCbc",
            "des-cbc" => "DesCbc",
            other => panic!("cipher {other}"),
        };
        facts.insert("contentEncryption".into(), cipher.into());
        assert_eq!(algorithm(&printed, "keyEncryptionAlgorithm:"), "rsaEncryption");
        facts.insert("keyTransport".into(), "RsaPkcs1v15".into());
        self.run(&format!(
            "cms -decrypt -inform DER -in content -binary -inkey {opens}.key -out payload -provider default -provider \
             legacy"
        ));
        match facts["messageType"].text().unwrap() {
            "PKCSReq" | "RenewalReq" => self.examine_request(facts),
            "CertRep" => {
                let printed = self.text("pkcs7 -inform DER -in payload -print_certs -noout");
                let subjects = printed.lines().filter_map(|line| line.strip_prefix("subject="));
                let subjects = subjects.map(|name| name.replace(" = ", "="));
                facts.insert("payload".into(), "certs-only".into());
                facts.insert("certificates".into(), Fact::list(subjects));
            }
            "CertPoll" => {
                facts.insert("payload".into(), "IssuerAndSubject".into());
                let payload = self.read("payload");
                for (field, name) in der::fields(&payload).iter().zip(["issuer", "subject"]) {
                    facts.insert(name.into(), self.name(field).into());
                }
            }
            other => panic!("message type {other}"),
        }
    }

    /// A Name as text: OpenSSL prints those of certificates and CRLs, so one is put into a CRL.
    fn name(&self, name: &[u8]) -> String {
        let sha256 = der::algorithm(scep::wire::Oid::SHA256_WITH_RSA, der::NULL);
        let date = tlv(0x17, &[b"260101000000Z"]);
        let list = der::seq(&[&[2, 1, 1], &sha256, name, &date]);
        self.write("name.crl", &der::seq(&[&list, &sha256, &tlv(3, &[&[0; 9]])]));
        let issuer = self.text(&format!("crl -inform DER -in name.crl -noout -issuer {NAMES}"));
        issuer.trim_start_matches("issuer=").replace(" = ", "=")
    }

    fn examine_request(&self, facts: &mut Facts) {
        let subject = self.text(&format!("req -inform DER -in payload -noout -subject {NAMES}"));
        facts.insert("payload".into(), "PKCS#10".into());
        facts.insert("subject".into(), subject.trim_start_matches("subject=").into());
        let elements = self.text("asn1parse -inform DER -in payload");
        if let Some(challenge) = after(&elements, "challengePassword") {
            facts.insert("challenge".into(), challenge.into());
        }
        let printed = self.text("req -inform DER -in payload -noout -text");
        let mut lines = printed.lines();
        if lines.any(|line| line.contains("Subject Alternative Name")) {
            let names = lines.next().unwrap().trim().split(", ");
            facts.insert("names".into(), Fact::list(names));
        }
        let algorithm = printed.split("Signature Algorithm: ").nth(1).unwrap().lines().next().unwrap();
        let scheme = match algorithm.strip_suffix("WithRSAEncryption") {
            Some(digest) => format!("RsaPkcs1({})", hash(digest)),
            None => {
                assert_eq!(algorithm, "rsassaPss");
                let digest = printed.split("Hash Algorithm: ").nth(1).unwrap().lines().next().unwrap();
                format!("RsaPss({})", hash(digest.trim_end_matches(" (default)").to_lowercase().as_str()))
            }
        };
        facts.insert("requestScheme".into(), scheme.into());
        let own = self.text("req -inform DER -in payload -noout -pubkey");
        let signer = self.text("x509 -in signer.crt -noout -pubkey");
        let key = if own == signer { "that of the request" } else { "another" };
        facts.insert("signerKey".into(), key.into());
    }
}

/// Names as the library shows them: `C=DE, O=Test vectors, CN=dev1`.
const NAMES: &str = "-nameopt esc_ctrl,utf8,sep_comma_plus_space,sname";

/// What a certification request says.
pub(super) struct Csr<'a> {
    pub(super) subject: &'a str,
    pub(super) attributes: &'a str,
    pub(super) extensions: &'a str,
    pub(super) strings: &'a str,
    pub(super) options: &'a str,
}

impl Default for Csr<'_> {
    fn default() -> Self {
        Self {
            subject: "C=DE\nO=Test vectors\nCN=dev1",
            attributes: "challengePassword=test-challenge",
            extensions: "subjectAltName=DNS:dev1.test",
            strings: "default",
            options: "-sha256",
        }
    }
}

fn config(extensions: &str) -> String {
    format!(
        "[req]\nprompt=no\ndistinguished_name=name\n[name]\nCN=unused\n[extensions]\nsubjectKeyIdentifier=hash\n{extensions}"
    )
}

/// The value that follows an object identifier in what `asn1parse` prints.
fn after(elements: &str, object: &str) -> Option<String> {
    let mut lines = elements.lines();
    lines.find(|line| line.contains("OBJECT") && line.ends_with(&format!(":{object}")))?;
    let value = lines.nth(1)?;
    let value = value.split_once("[HEX DUMP]:").or_else(|| value.split_once("prim:")?.1.split_once(':'));
    Some(value?.1.to_owned())
}

/// The algorithm below a heading in what `cms -print` prints.
fn algorithm<'a>(printed: &'a str, heading: &str) -> &'a str {
    let below = printed.split_once(heading).unwrap().1;
    below.split_once("algorithm: ").unwrap().1.split_once(' ').unwrap().0
}

fn hash(name: &str) -> &'static str {
    match name {
        "sha1" => "Sha1",
        "sha256" => "Sha256",
        "sha384" => "Sha384",
        "sha512" => "Sha512",
        other => panic!("digest {other}"),
    }
}

/// What RFC 8894 section 3.2.1 calls a number.
fn named(attribute: &str, number: &str) -> &'static str {
    match (attribute, number) {
        ("messageType", "3") => "CertRep",
        ("messageType", "17") => "RenewalReq",
        ("messageType", "19") => "PKCSReq",
        ("messageType", "20") => "CertPoll",
        ("messageType", "21") => "GetCert",
        ("messageType", "22") => "GetCRL",
        ("pkiStatus", "0") => "SUCCESS",
        ("pkiStatus", "2") => "FAILURE",
        ("pkiStatus", "3") => "PENDING",
        ("failInfo", "0") => "badAlg",
        ("failInfo", "1") => "badMessageCheck",
        ("failInfo", "2") => "badRequest",
        ("failInfo", "3") => "badTime",
        ("failInfo", "4") => "badCertId",
        other => panic!("{other:?}"),
    }
}
