//! Makes `vectors/` anew: with the programs of `tests/interop/install` and with this library's own encoder. Run by
//! `vectors/make`, which says what it needs.

mod captures;
mod der;
mod documents;
mod hostile;
mod message;
mod openssl;
pub(crate) mod ours;
mod queries;
mod recorder;
mod replies;
mod requests;

use crate::manifest::{self, Fact, Facts, Vector};
use openssl::Openssl;
use std::fs;
use std::time::SystemTime;

/// The folders of `vectors/`: whose message it is.
pub(crate) const ORIGINS: [&str; 6] = ["openssl", "micromdm", "strongswan", "certmonger", "scep", "hostile"];

const HEAD: &str = "\
# Made by vectors/make, and made again by it: see README.md.
#
# file, kind       what to read, and as what
# origin, tool     whose message it is, and the program that made it
# how              what the program had to do, or what was changed afterwards
# key              the private key that opens the envelope
# recipients       certificates that an envelope may be for; of a reply that answers a request, that one's signer
# signers          certificates that may sign a reply
# answers          the request that a reply belongs to
# password         of a PasswordRecipientInfo
# time             at which the certificates of a reply are valid, in seconds after 1970
# expect           what there is to find, and
#   refused        the step that refuses it, and why; facts of later steps are what it would say
#   byDefault      the same for the default provider without single DES, where that differs
";

/// The vectors made so far.
struct Set<'a> {
    openssl: &'a Openssl,
    vectors: Vec<Vector>,
    tools: Vec<(&'static str, String)>,
}

/// Facts with some of them changed or added; an empty text takes one away.
fn changed(mut facts: Facts, changes: &[(&str, &str)]) -> Facts {
    for (name, text) in changes {
        if text.is_empty() {
            facts.remove(*name);
        } else {
            facts.insert((*name).to_owned(), (*text).into());
        }
    }
    facts
}

fn facts(list: &[(&str, &str)]) -> Facts {
    changed(Facts::new(), list)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

const CA: &str = "C=DE, O=Test vectors, CN=Test CA";
const DEVICE: &str = "C=DE, O=Test vectors, CN=dev1";
const CA_CERTIFICATE: &str = "keys/test-ca.crt.pem";
const CA_KEY: &str = "keys/test-ca.key.pem";
const DEVICE_KEY: &str = "keys/test-device.key.pem";

impl<'a> Set<'a> {
    fn add(&mut self, file: &str, kind: &str, how: &str, bytes: &[u8], expect: Facts) -> &mut Vector {
        let origin = file.split('/').next().unwrap().to_owned();
        assert!(ORIGINS.contains(&origin.as_str()), "{file}");
        assert!(!self.vectors.iter().any(|vector| vector.file == file), "{file} twice");
        let path = manifest::folder().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
        let tool = self.tools.iter().find(|(name, _)| *name == origin).unwrap().1.clone();
        let vector = Vector {
            file: file.to_owned(),
            kind: kind.to_owned(),
            origin,
            tool,
            how: how.to_owned(),
            expect,
            ..Vector::default()
        };
        self.vectors.push(vector);
        self.vectors.last_mut().unwrap()
    }

    /// A request for the CA.
    fn request(&mut self, file: &str, how: &str, bytes: &[u8], expect: Facts) -> &mut Vector {
        let vector = self.add(file, "request", how, bytes, expect);
        vector.key = Some(CA_KEY.to_owned());
        vector.recipients = vec![CA_CERTIFICATE.to_owned()];
        vector
    }

    /// A reply of the CA to that request.
    fn reply(&mut self, file: &str, how: &str, bytes: &[u8], answers: &str, expect: Facts) -> &mut Vector {
        let vector = self.add(file, "reply", how, bytes, expect);
        vector.key = Some(DEVICE_KEY.to_owned());
        vector.signers = vec![CA_CERTIFICATE.to_owned()];
        vector.answers = Some(answers.to_owned());
        vector
    }
}

fn version(package: &str) -> String {
    let output = std::process::Command::new("dpkg-query")
        .args(["--show", "--showformat=${Version}", package])
        .output()
        .unwrap();
    assert!(output.status.success(), "{package} is not installed: tests/interop/install");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
#[ignore = "makes all vectors anew; vectors/make runs it"]
fn make() {
    // A short path: certmonger's socket lies below it.
    let work = std::env::temp_dir().join(format!("scep-vectors-{}", std::process::id()));
    fs::create_dir(&work).unwrap();
    for origin in ORIGINS {
        let _ = fs::remove_dir_all(manifest::folder().join(origin));
    }
    let openssl = Openssl::new(&work, &manifest::folder().join("keys"));
    let library = format!("scep {}", env!("CARGO_PKG_VERSION"));
    let by_hand = format!("tests/vectors/make, {}", openssl.version);
    let tools = vec![
        ("openssl", by_hand.clone()),
        ("micromdm", format!("scepclient and scepserver, package scep {}", version("scep"))),
        ("strongswan", format!("pki, package strongswan-pki {}", version("strongswan-pki"))),
        ("certmonger", format!("package certmonger {}", version("certmonger"))),
        ("scep", library),
        ("hostile", by_hand),
    ];
    let mut set = Set { openssl: &openssl, vectors: Vec::new(), tools };
    requests::make(&mut set);
    replies::make(&mut set);
    documents::make(&mut set);
    ours::make(&mut set);
    captures::make(&mut set);
    queries::make(&mut set);
    hostile::make(&mut set);
    // At the end, so that every certificate is valid already.
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    for vector in set.vectors.iter_mut().filter(|vector| vector.kind == "reply") {
        vector.time = Some(now);
    }
    let text = manifest::write(HEAD, &set.vectors);
    fs::write(manifest::folder().join("manifest.toml"), text).unwrap();
    println!("{} vectors", set.vectors.len());
    fs::remove_dir_all(work).unwrap();
}

/// What a PKCSReq of the device says.
fn pkcs_req() -> Facts {
    let mut facts = facts(&[
        ("transactionId", &hex(message::TRANSACTION.as_bytes())),
        ("senderNonce", &hex(&message::NONCE)),
        ("scheme", "RsaPkcs1(Sha256)"),
        ("signer", DEVICE),
        ("messageType", "PKCSReq"),
        ("contentEncryption", "Aes128Cbc"),
        ("keyTransport", "RsaPkcs1v15"),
        ("payload", "PKCS#10"),
        ("subject", DEVICE),
        ("signerKey", "that of the request"),
        ("requestScheme", "RsaPkcs1(Sha256)"),
        ("challenge", "test-challenge"),
    ]);
    facts.insert("names".into(), Fact::list(["DNS:dev1.test"]));
    facts
}
