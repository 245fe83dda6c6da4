//! Fills `corpus/` with what `vectors/` and the insecure provider give for each target. See `seed`.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a tool for developers")]

use scep::crypto::Random;
use scep::crypto::rustcrypto::{PROVIDER_WITH_LEGACY, SoftwareKey, certificates_from_pem};
use scep::message::{OpenPolicy, Unverified};
use scep::wire::{
    Capabilities, Certificate, CertificationRequest, CertsOnly, EnvelopedData, Limits, SignedData,
    ca_certificates, normalize,
};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

const LIMITS: Limits = Limits::DEFAULT;

/// Longer ones say nothing more, and every run of a corpus pays for them.
const LONGEST: usize = 12_000;

struct Seeds {
    root: PathBuf,
    keys: Vec<(SoftwareKey, Vec<scep::pki_types::CertificateDer<'static>>)>,
    known: BTreeSet<(String, Vec<u8>)>,
}

impl Seeds {
    fn put(&mut self, target: &str, seed: &[u8]) {
        if seed.len() > LONGEST || !self.known.insert((target.to_owned(), seed.to_vec())) {
            return;
        }
        let folder = self.root.join("corpus").join(target);
        fs::create_dir_all(&folder).unwrap();
        let hash = seed.iter().fold(0xCBF2_9CE4_8422_2325_u64, |state, byte| {
            (state ^ u64::from(*byte)).wrapping_mul(0x100_0000_01B3)
        });
        fs::write(folder.join(format!("seed-{hash:016x}")), seed).unwrap();
    }

    fn put_after(&mut self, target: &str, first: &[&[u8]], seed: &[u8]) {
        for first in first {
            self.put(target, &[first, seed].concat());
        }
    }

    /// A CMS message, in BER or DER.
    fn message(&mut self, bytes: &[u8]) {
        for target in ["normalize", "signed", "inspect", "differential"] {
            self.put(target, bytes);
        }
        self.put_after("client_reply", &[&[2], &[3], &[7]], bytes);
        let Ok(der) = normalize(bytes, &LIMITS) else { return };
        if let Ok(list) = ca_certificates(&der, &LIMITS) {
            list.iter().for_each(|der| self.put("certificate", der));
        }
        if let Ok(list) = CertsOnly::parse(&der, &LIMITS) {
            list.crls().for_each(|crl| self.put("crl", crl));
        }
        if EnvelopedData::parse(&der, &LIMITS).is_ok() {
            self.put("enveloped", bytes);
        }
        let Ok(data) = SignedData::parse(&der, &LIMITS) else { return };
        data.certificates().iter().for_each(|der| self.put("certificate", der));
        if let Some(content) = data.content().filter(|content| !content.is_empty()) {
            self.put("enveloped", content);
            self.put("normalize", content);
            self.put_after("client_reply", &[&[5]], content);
        }
        if let Ok(signed) = data.signer().and_then(|signer| signer.signed_attributes()) {
            self.put("attributes", signed.raw());
        }
        self.put_after("client_reply", &[&[8], &[14]], &der);
        // the ciphertext gives way to the plaintext: the insecure provider reads it so
        let mut open = der.to_vec();
        if let Some((plain, at)) = self.plaintext(&der) {
            open[at..at + plain.len()].copy_from_slice(&plain);
            let content = &plain[..plain.len() - usize::from(*plain.last().unwrap())];
            self.plain(content);
        }
        self.put_after(
            "server_request",
            &[&[2, 0], &[3, 2], &[2, 3], &[2, 0x1B], &[3, 4], &[0x12, 2]],
            &open,
        );
        self.put_after("client_reply", &[&[4], &[0x34], &[14]], &open);
        self.put_after("differential", &[&[]], &open);
    }

    /// What a key of ours finds in the envelope, with its padding, and where the ciphertext is.
    fn plaintext(&self, der: &[u8]) -> Option<(Vec<u8>, usize)> {
        let data = SignedData::parse(der, &LIMITS).ok()?;
        let inner = data.embedded()?;
        let sealed = EnvelopedData::parse(inner, &LIMITS).ok()?.encrypted_content();
        let at = sealed.as_ptr().addr() - der.as_ptr().addr();
        let mut rng = Random::system();
        for (key, certificates) in &self.keys {
            for certificate in certificates {
                let message = Unverified::parse(der.to_vec(), &LIMITS).ok()?;
                let message = message.verify_as_sent(&PROVIDER_WITH_LEGACY).ok()?;
                let policy = OpenPolicy {
                    provider: &PROVIDER_WITH_LEGACY,
                    recipients: &[certificate],
                    single_des: true,
                    any_key_identifier: true,
                };
                let Ok(envelope) = message.envelope(&policy, &mut rng) else { continue };
                let Ok(unwrapped) = key.decrypt(envelope.job(), &mut rng) else { continue };
                let Ok(opened) = envelope.open(&unwrapped) else { continue };
                let Ok(content) = opened.content() else { continue };
                let missing = sealed.len() - content.len();
                let padding = vec![u8::try_from(missing).ok()?; missing];
                return Some(([content, &padding].concat(), at));
            }
        }
        None
    }

    /// What was in an envelope.
    fn plain(&mut self, content: &[u8]) {
        if CertificationRequest::parse(content, &LIMITS).is_ok() {
            self.put("csr", content);
            self.put("inspect", content);
        } else {
            self.put_after("client_reply", &[&[6], &[0x16], &[10], &[12]], content);
            if let Ok(der) = normalize(content, &LIMITS)
                && let Ok(list) = CertsOnly::parse(&der, &LIMITS)
            {
                list.crls().for_each(|crl| self.put("crl", crl));
                list.certificates().iter().for_each(|der| self.put("certificate", der));
                self.put("signed", content);
            }
        }
    }

    fn vector(&mut self, bytes: &[u8]) {
        if bytes.starts_with(b"GET ") || bytes.starts_with(b"POST ") {
            self.put("query", bytes);
            self.put("inspect", bytes);
            self.put_after("server_request", &[&[0, 0], &[0x10, 0]], bytes);
            if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n")
                && bytes.len() > at + 4
            {
                self.message(&bytes[at + 4..]);
            }
        } else if CertificationRequest::parse(bytes, &LIMITS).is_ok() {
            self.plain(bytes);
        } else if Certificate::parse(bytes).is_ok() {
            self.put("certificate", bytes);
            self.put("inspect", bytes);
            self.put_after("client_reply", &[&[1]], bytes);
        } else if bytes.first() == Some(&0x30) {
            self.message(bytes);
            self.put_after("client_reply", &[&[1]], bytes);
        } else {
            if Capabilities::parse(bytes, &LIMITS).is_ok() {
                self.put("caps", bytes);
                self.put_after("client_reply", &[&[0]], bytes);
            }
            self.put("inspect", bytes);
            self.put("normalize", bytes);
        }
    }
}

const NAMES: &[&str] = &[
    "C=DE, O=Example, CN=dev1",
    r#"c=DE, O="Example, Inc.", CN=dev\+1"#,
    r"DC=test+CN=\C3\A4\20,2.5.4.3=\#x",
    "OID.1.2.840.113549.1.9.1=a@b.test, serialNumber=17, emailAddress=x@y",
    "CN=\u{202E}abc\u{e4}\u{1F600}, UID=1, ST=Bavaria, L=M\u{fc}nchen, street=a, T=b, GN=c, SN=d",
    "",
    "http://ca.test/scep",
    "https://ca.test:8443/certsrv/mscep/mscep.dll",
    "HTTP://[2001:db8::1]:80/cgi-bin/pkiclient.exe",
    "http://ca.test",
    "http://127.0.0.1:65535/%41/..;a=b",
    "http://user@ca.test/?x#y",
];

/// A template, and a value behind a NUL.
const TEMPLATES: &[&str] = &[
    "CN={{UserName}},E={{EmailAddress}},OU=Mobile,O=Finance Group,L=Redmond,ST=Washington,C=US\0jane@example.com",
    "O=\"Example, \"\"Inc.\"\"\";CN={{DeviceName}} + OID.2.5.4.5={{serialnumber}}\0dev1,CN=admin",
    r"CN=\{{{IMEI}}\7D\C3\A4, DC=example",
    "CN={{OnPrem_Distinguished_Name}},C=DE\0CN=Doe\\, Jane,OU=Users,DC=example",
    "{{UserName}}@example.com\0jane",
    "tag:microsoft.com,2022-09-14:sid:{{OnPremisesSecurityIdentifier}}\0S-1-5-21-1-2-3",
    "{{DeviceName}}.{{AAD_Device_ID}}.example\0a-1",
    "T=a,G=b,I=c,Email=d@e,S=f,Description=g,PostalCode=h\011+a@b;3+c.test",
    "CN={{UserName}\0x",
    "CN=a,{{Nobody}}",
    "1.3.6.1.5.5.7.3.2+1.2.840.113549.1.9.1\000112233445566778899AABBCCDDEEFF00112233",
    "CN={{MEID}}\0\u{202E}\u{200B}{{IMEI}}",
];

fn main() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).to_path_buf();
    let vectors = root.join("../vectors");
    let key = |name: &str| {
        let text = |end: &str| fs::read_to_string(vectors.join(format!("keys/{name}.{end}.pem"))).unwrap();
        (SoftwareKey::from_pem(&text("key")).unwrap(), certificates_from_pem(&text("crt")).unwrap())
    };
    let keys = ["test-ca", "test-device", "test-next-ca"].map(key).into();
    let mut seeds = Seeds { root, keys, known: BTreeSet::new() };
    let mut files = 0;
    for folder in fs::read_dir(&vectors).unwrap().map(|entry| entry.unwrap().path()) {
        if !folder.is_dir() || folder.ends_with("keys") || folder.ends_with("make") {
            continue;
        }
        for file in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            seeds.vector(&fs::read(file).unwrap());
            files += 1;
        }
    }
    NAMES.iter().for_each(|name| seeds.put("names", name.as_bytes()));
    TEMPLATES.iter().for_each(|text| seeds.put("name_template", text.as_bytes()));
    for (target, seed) in scep_fuzz::seeds() {
        seeds.put(target, &seed);
    }
    println!("{} seeds of {files} vectors", seeds.known.len());
}
