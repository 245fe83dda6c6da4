//! Requests in every type, algorithm and encoding, by openssl.

use super::der::{self, IA5, NULL, OCTETS, PRINTABLE, UTF8, algorithm, oids, seq, tlv};
use super::message::{
    Content, Envelope, Message, TRANSACTION, attribute, issuer_and_serial, key_identifier, octets, text,
};
use super::openssl::{Csr, Openssl};
use super::{CA, DEVICE, Set, changed, hex, pkcs_req};
use scep::wire::Oid;

/// The one that others are told to answer, and that is mutated.
pub(super) const PLAIN: &str = "openssl/pkcsreq-sha256-aes128.der";
pub(super) const AES: &str = "-aes-128-cbc -recip ca.crt";

pub(super) fn make(set: &mut Set<'_>) {
    algorithms(set);
    padding(set);
    elliptic_curves(set);
    passwords(set);
    types(set);
    encodings(set);
    recipients(set);
    attributes(set);
    signers(set);
    certification_requests(set);
}

/// The certification request of the device, in an envelope for the CA.
pub(super) fn enveloped(openssl: &Openssl) -> Vec<u8> {
    openssl.encrypt(&openssl.request("device", Csr::default()), AES)
}

fn algorithms(set: &mut Set<'_>) {
    let openssl = set.openssl;
    let csr = openssl.request("device", Csr::default());
    let sha1 = "verify: Unsupported(Digest)";
    let triple_des = "envelope: Unsupported(ContentEncryption)";
    let legacy = "-provider legacy -provider default";
    for (digest, which, cipher, short, name, by_default) in [
        ("sha256", Oid::SHA256, "-aes-128-cbc", "aes128", "Aes128Cbc", ""),
        ("sha384", Oid::SHA384, "-aes-192-cbc", "aes192", "Aes192Cbc", ""),
        ("sha512", Oid::SHA512, "-aes-256-cbc", "aes256", "Aes256Cbc", ""),
        ("sha1", Oid::SHA1, "-aes-128-cbc", "aes128", "Aes128Cbc", sha1),
        ("sha1", Oid::SHA1, "-des-ede3-cbc", "3des", "TripleDesCbc", sha1),
        ("sha1", Oid::SHA1, &format!("-des-cbc {legacy}"), "des", "DesCbc", sha1),
        ("sha256", Oid::SHA256, "-des-ede3-cbc", "3des", "TripleDesCbc", triple_des),
        (
            "sha512",
            Oid::SHA512,
            &format!("-des-cbc {legacy}"),
            "des",
            "DesCbc",
            "envelope: Unsupported(SingleDes)",
        ),
    ] {
        let envelope = openssl.encrypt(&csr, &format!("{cipher} -recip ca.crt"));
        let message = Message::request(openssl, "19", &envelope).with_digest(digest, which);
        let scheme = format!("RsaPkcs1({}{})", &digest[..1].to_uppercase(), &digest[1..]);
        let changes = [("scheme", &scheme[..]), ("contentEncryption", name), ("byDefault", by_default)];
        set.request(
            &format!("openssl/pkcsreq-{digest}-{short}.der"),
            &format!("dgst -{digest} -sign; cms -encrypt {cipher}"),
            &message.build(),
            changed(pkcs_req(), &changes),
        );
    }
    // Every form of the same two names.
    let envelope = enveloped(openssl);
    for (name, digest, signature) in [
        ("rsa-no-parameters", NULL, algorithm(Oid::RSA_ENCRYPTION, &[])),
        ("sha256-with-rsa", NULL, algorithm(Oid::SHA256_WITH_RSA, NULL)),
        ("no-parameters-at-all", &[], algorithm(Oid::SHA256_WITH_RSA, &[])),
    ] {
        let message = Message {
            digest_algorithm: algorithm(Oid::SHA256, digest),
            signature_algorithm: signature,
            ..Message::request(openssl, "19", &envelope)
        };
        set.request(
            &format!("openssl/sigalg-{name}.der"),
            "signatureAlgorithm and digestAlgorithm in another form",
            &message.build(),
            pkcs_req(),
        );
    }
}

/// id-RSASSA-PSS with these parameters (RFC 4055 section 3.1).
pub(super) fn pss(hash: Oid<'_>, mask: Oid<'_>, salt: u8) -> Vec<u8> {
    let parameters = seq(&[
        &tlv(0xA0, &[&algorithm(hash, NULL)]),
        &tlv(0xA1, &[&algorithm(oids::MGF1, &algorithm(mask, NULL))]),
        &tlv(0xA2, &[&[2, 1, salt]]),
    ]);
    algorithm(oids::RSASSA_PSS, &parameters)
}

/// RSASSA-PSS and RSAES-OAEP (RFC 4055).
fn padding(set: &mut Set<'_>) {
    let openssl = set.openssl;
    let envelope = enveloped(openssl);
    let options = "-sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen";
    let unsupported = "verify: Unsupported(Signature)";
    for (name, digest, which, signature, salt, [scheme, refused, by_default]) in [
        (
            "sha256",
            "sha256",
            Oid::SHA256,
            pss(Oid::SHA256, Oid::SHA256, 32),
            "32",
            ["RsaPss(Sha256)", "", ""],
        ),
        (
            "sha384",
            "sha384",
            Oid::SHA384,
            pss(Oid::SHA384, Oid::SHA384, 48),
            "48",
            ["RsaPss(Sha384)", "", ""],
        ),
        (
            "sha512",
            "sha512",
            Oid::SHA512,
            pss(Oid::SHA512, Oid::SHA512, 64),
            "64",
            ["RsaPss(Sha512)", "", ""],
        ),
        (
            "sha1-by-default",
            "sha1",
            Oid::SHA1,
            algorithm(oids::RSASSA_PSS, &[0x30, 0]),
            "20",
            ["RsaPss(Sha1)", "", "verify: Unsupported(Digest)"],
        ),
        ("short-salt", "sha256", Oid::SHA256, pss(Oid::SHA256, Oid::SHA256, 20), "20", ["", unsupported, ""]),
        ("other-mask", "sha256", Oid::SHA256, pss(Oid::SHA256, Oid::SHA1, 32), "32", ["", unsupported, ""]),
        (
            "other-digest",
            "sha256",
            Oid::SHA256,
            pss(Oid::SHA384, Oid::SHA384, 48),
            "32",
            ["", "verify: BadSignature(Algorithms)", ""],
        ),
        (
            "no-parameters",
            "sha256",
            Oid::SHA256,
            algorithm(oids::RSASSA_PSS, &[]),
            "32",
            ["", unsupported, ""],
        ),
    ] {
        let options = format!("{options}:{salt}");
        let message = Message {
            signature_algorithm: signature,
            options: &options,
            ..Message::request(openssl, "19", &envelope).with_digest(digest, which)
        };
        let changes = [("scheme", scheme), ("refused", refused), ("byDefault", by_default)];
        set.request(
            &format!("openssl/pss-{name}.der"),
            &format!("dgst -{digest} -sign {options}"),
            &message.build(),
            changed(pkcs_req(), &changes),
        );
    }
    let csr = openssl.request("device", Csr::default());
    let oaep = "-aes-256-cbc -recip ca.crt -keyopt rsa_padding_mode:oaep";
    for (name, options, transport) in [
        ("sha1", "", "RsaOaepSha1"),
        ("sha256", "-keyopt rsa_oaep_md:sha256", "RsaOaepSha256"),
        ("sha512", "-keyopt rsa_oaep_md:sha512", ""),
        ("sha256-mask-sha1", "-keyopt rsa_oaep_md:sha256 -keyopt rsa_mgf1_md:sha1", ""),
        ("label", "-keyopt rsa_oaep_md:sha256 -keyopt rsa_oaep_label:00", ""),
    ] {
        let envelope = openssl.encrypt(&csr, &format!("{oaep} {options}"));
        let changes = [
            ("contentEncryption", "Aes256Cbc"),
            ("keyTransport", transport),
            ("refused", if transport.is_empty() { "envelope: Unsupported(KeyTransport)" } else { "" }),
        ];
        set.request(
            &format!("openssl/oaep-{name}.der"),
            &format!("cms -encrypt {oaep} {options}"),
            &Message::request(openssl, "19", &envelope).build(),
            changed(pkcs_req(), &changes),
        );
    }
    let envelope = openssl.encrypt(
        &openssl.request(
            "device",
            Csr {
                options: "-sha256 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:digest",
                ..Csr::default()
            },
        ),
        AES,
    );
    set.request(
        "openssl/pss-request.der",
        "req -new -sigopt rsa_padding_mode:pss",
        &Message::request(openssl, "19", &envelope).build(),
        changed(pkcs_req(), &[("requestScheme", "RsaPss(Sha256)")]),
    );
}

fn elliptic_curves(set: &mut Set<'_>) {
    let openssl = set.openssl;
    for (key, digest, which, signature, scheme, name) in [
        ("p256", "sha256", Oid::SHA256, algorithm(oids::ECDSA_SHA256, &[]), "Ecdsa(Sha256)", "sha256"),
        ("p384", "sha384", Oid::SHA384, algorithm(oids::ECDSA_SHA384, &[]), "Ecdsa(Sha384)", "sha384"),
        ("p256", "sha512", Oid::SHA512, algorithm(oids::ECDSA_SHA512, &[]), "Ecdsa(Sha512)", "sha512"),
        ("p384", "sha256", Oid::SHA256, algorithm(oids::EC_PUBLIC_KEY, &[]), "Ecdsa(Sha256)", "key-name"),
        ("p256", "sha256", Oid::SHA256, algorithm(oids::ECDSA_SHA256, NULL), "Ecdsa(Sha256)", "null"),
        ("p521", "sha512", Oid::SHA512, algorithm(oids::ECDSA_SHA512, &[]), "Ecdsa(Sha512)", "sha512"),
    ] {
        let subject = key.to_uppercase().replace('P', "P-");
        let options = format!("-{digest}");
        let csr = openssl
            .request(key, Csr { subject: &format!("CN={subject}"), options: &options, ..Csr::default() });
        let envelope = openssl.encrypt(&csr, AES);
        let mut message = Message::request(openssl, "19", &envelope).with_digest(digest, which);
        message.signature_algorithm = signature;
        message.key = key;
        message.certificates = vec![openssl.certificate(key)];
        message.sid = issuer_and_serial(&message.certificates[0]);
        let subject = format!("CN={subject}");
        set.request(
            &format!("openssl/ecdsa-{key}-{name}.der"),
            &format!("dgst -{digest} -sign with a key on {key}"),
            &message.build(),
            changed(
                pkcs_req(),
                &[
                    ("scheme", scheme),
                    ("signer", &subject),
                    ("subject", &subject),
                    (
                        "requestScheme",
                        scheme
                            .replace("Sha256", &format!("{}{}", &digest[..1].to_uppercase(), &digest[1..]))
                            .as_str(),
                    ),
                    ("refused", if key == "p521" { "verify: Unsupported(PublicKey)" } else { "" }),
                ],
            ),
        );
    }
}

/// PasswordRecipientInfo (RFC 3211). OpenSSL derives with HMAC-SHA-1.
fn passwords(set: &mut Set<'_>) {
    let openssl = set.openssl;
    let csr = openssl.request("device", Csr::default());
    let none = "password: Unsupported(KeyDerivation)";
    for (name, options, given, cipher, refused) in [
        ("aes128", "-aes-128-cbc", PASSWORD, "Aes128Cbc", ""),
        ("aes256", "-aes-256-cbc", PASSWORD, "Aes256Cbc", ""),
        ("3des", "-des-ede3-cbc", PASSWORD, "TripleDesCbc", ""),
        (
            "wrong-password",
            "-aes-128-cbc",
            "a-challenge-of-40-random-characters-Zx82",
            "Aes128Cbc",
            "open: BadEnvelope(Content)",
        ),
    ] {
        let options = format!("{options} -pwri_password {PASSWORD}");
        let envelope = openssl.encrypt(&csr, &options);
        let by_default = match name {
            "3des" => "password: Unsupported(ContentEncryption)",
            _ => none,
        };
        let vector = set.request(
            &format!("openssl/pwri-{name}.der"),
            &format!("cms -encrypt {options}"),
            &Message::request(openssl, "19", &envelope).build(),
            changed(
                pkcs_req(),
                &[
                    ("contentEncryption", cipher),
                    ("keyTransport", "password"),
                    ("refused", refused),
                    ("byDefault", by_default),
                ],
            ),
        );
        vector.password = Some(given.to_owned());
    }
}

/// A challenge that is strong enough to protect a message.
pub(super) const PASSWORD: &str = "a-challenge-of-40-random-characters-Zx81";

/// IssuerAndSubject of the device's request.
fn issuer_and_subject(openssl: &Openssl) -> Vec<u8> {
    let name = |certificate: &str| {
        let der = openssl.certificate(certificate);
        der::fields(der::fields(&der)[0])[5].to_vec()
    };
    seq(&[&name("ca"), &name("device")])
}

fn types(set: &mut Set<'_>) {
    let openssl = set.openssl;
    let no_request =
        [("payload", ""), ("subject", ""), ("signerKey", ""), ("requestScheme", ""), ("challenge", "")];
    let mut bare = changed(pkcs_req(), &no_request);
    bare.remove("names");
    let poll = openssl.encrypt(&issuer_and_subject(openssl), AES);
    set.request(
        "openssl/certpoll.der",
        "CertPoll: IssuerAndSubject by hand",
        &Message::request(openssl, "20", &poll).build(),
        changed(
            bare.clone(),
            &[
                ("messageType", "CertPoll"),
                ("payload", "IssuerAndSubject"),
                ("issuer", CA),
                ("subject", DEVICE),
            ],
        ),
    );
    let wanted = openssl.encrypt(&issuer_and_serial(&openssl.certificate("issued")), AES);
    for (number, name, file) in [("21", "GetCert", "getcert"), ("22", "GetCRL", "getcrl")] {
        set.request(
            &format!("openssl/{file}.der"),
            &format!("{name}: IssuerAndSerialNumber by hand"),
            &Message::request(openssl, number, &wanted).build(),
            changed(
                bare.clone(),
                &[
                    ("messageType", name),
                    ("payload", "IssuerAndSerialNumber"),
                    ("issuer", CA),
                    ("serial", "2001"),
                ],
            ),
        );
    }
    // Renewal, in both forms, with a new key and without challenge.
    let csr = openssl.request("new-device", Csr { attributes: "", ..Csr::default() });
    let envelope = openssl.encrypt(&csr, AES);
    for (number, name, file) in [("17", "RenewalReq", "renewalreq"), ("19", "PKCSReq", "pkcsreq-renewal")] {
        let mut message = Message::request(openssl, number, &envelope);
        message.certificates = vec![openssl.certificate("issued")];
        message.sid = issuer_and_serial(&message.certificates[0]);
        set.request(
            &format!("openssl/{file}.der"),
            "signed with a certificate of the CA, for a new key",
            &message.build(),
            changed(pkcs_req(), &[("messageType", name), ("signerKey", "another"), ("challenge", "")]),
        );
    }
}

fn encodings(set: &mut Set<'_>) {
    let openssl = set.openssl;
    let csr = openssl.request("device", Csr::default());
    let der = enveloped(openssl);
    let mut add = |name: &str, how: &str, bytes: &[u8]| {
        set.request(&format!("openssl/{name}.der"), how, bytes, pkcs_req());
    };
    let stream = openssl.encrypt(&csr, &format!("{AES} -stream"));
    let plain = Message::request(openssl, "19", &der);
    let chunked = |content: &[u8], size| Message {
        content: Content::Chunks(content.to_vec(), size),
        ber: true,
        ..plain.clone()
    };
    add("ber-inside", "cms -encrypt -stream", &Message::request(openssl, "19", &stream).build());
    add("ber-outside", "indefinite lengths, eContent in chunks of 1000", &chunked(&der, 1000).build());
    add("ber-everywhere", "both, in chunks of 1", &chunked(&stream, 1).build());
    let envelope = Envelope { constructed: true, ..Envelope::new(openssl, &csr) }.build();
    add(
        "constructed-content",
        "encryptedContent as constructed [0] with one OCTET STRING, in DER",
        &Message::request(openssl, "19", &envelope).build(),
    );
    let definite = tlv(0x24, &[&tlv(OCTETS, &[&der[..500]]), &tlv(OCTETS, &[&der[500..]])]);
    let message = plain.build();
    let original = tlv(OCTETS, &[&der]);
    let at = message.windows(original.len()).position(|window| window == original).unwrap();
    // the lengths around it change with it
    let outer = Message {
        content: Content::Element(definite),
        own_attributes: Some(vec![
            attribute(Oid::CONTENT_TYPE, &der::oid(Oid::ID_DATA)),
            octets(Oid::MESSAGE_DIGEST, &openssl.digest("sha256", &der)),
        ]),
        ..plain.clone()
    };
    assert!(at > 0);
    add("econtent-two-chunks", "eContent as constructed OCTET STRING with definite lengths", &outer.build());
    let inner = der::value(&message);
    add("long-length", "the outermost length in four octets too many", &der::long(0x30, inner));
    let pkcs7 = Message {
        content: Content::Element(der.clone()),
        own_attributes: Some(vec![
            attribute(Oid::CONTENT_TYPE, &der::oid(Oid::ID_DATA)),
            octets(Oid::MESSAGE_DIGEST, &openssl.digest("sha256", der::value(&der))),
        ]),
        ..plain.clone()
    };
    add(
        "pkcs7-content",
        "eContent as the element itself (PKCS #7 v1.5), digested without tag and length",
        &pkcs7.build(),
    );
    openssl.write("plain", &csr);
    openssl.run("smime -encrypt -binary -in plain -outform DER -out envelope -aes-128-cbc ca.crt");
    add("smime", "smime -encrypt", &Message::request(openssl, "19", &openssl.read("envelope")).build());
    for version in [1, 2] {
        let envelope = Envelope { version, ..Envelope::new(openssl, &csr) }.build();
        add(
            &format!("enveloped-data-v{version}"),
            "EnvelopedData version",
            &Message::request(openssl, "19", &envelope).build(),
        );
    }
    add("signed-data-v3", "SignedData version 3", &Message { version: 3, ..plain.clone() }.build());
    add(
        "no-digest-algorithms",
        "digestAlgorithms empty",
        &Message { digests: Some(Vec::new()), ..plain.clone() }.build(),
    );
    let more = [algorithm(Oid::SHA1, NULL), algorithm(Oid::SHA256, NULL)].concat();
    add(
        "more-digest-algorithms",
        "digestAlgorithms with one that nobody uses",
        &Message { digests: Some(more), ..plain.clone() }.build(),
    );
    let unsigned = tlv(0xA1, &[&text(Oid::CHALLENGE_PASSWORD, "nobody signed this")]);
    add("unsigned-attributes", "unsignedAttrs in the SignerInfo", &Message { unsigned, ..plain }.build());
}

fn recipients(set: &mut Set<'_>) {
    let openssl = set.openssl;
    let csr = openssl.request("device", Csr::default());
    let key_agreement = "-recip p256.crt";
    let symmetric = "-secretkey 000102030405060708090A0B0C0D0E0F -secretkeyid C0FFEE";
    let password = "-pwri_password another-password";
    for (name, options) in [
        ("by-key-identifier", "-keyid -recip ca.crt".to_owned()),
        ("and-stranger", "-recip stranger.crt -recip ca.crt".to_owned()),
        ("and-key-agreement", format!("-recip ca.crt {key_agreement}")),
        ("and-symmetric-key", format!("-recip ca.crt {symmetric}")),
        ("and-password", format!("-recip ca.crt {password}")),
        ("and-all-others", format!("{key_agreement} {symmetric} {password} -keyid -recip ca.crt")),
    ] {
        let envelope = openssl.encrypt(&csr, &format!("-aes-128-cbc {options}"));
        set.request(
            &format!("openssl/recipient-{name}.der"),
            &format!("cms -encrypt {options}"),
            &Message::request(openssl, "19", &envelope).build(),
            pkcs_req(),
        );
    }
}

fn attributes(set: &mut Set<'_>) {
    let openssl = set.openssl;
    let envelope = enveloped(openssl);
    let plain = Message::request(openssl, "19", &envelope);
    let mut add = |name: &str, how: &str, message: Message<'_>, changes: &[(&str, &str)]| {
        set.request(&format!("openssl/{name}.der"), how, &message.build(), changed(pkcs_req(), changes));
    };
    let reversed = Message { reversed: true, ..plain.clone() };
    add("attributes-unsorted", "signedAttrs in reverse order, signed as sent", reversed.clone(), &[]);
    let sorted = Message { signed_sorted: true, ..reversed };
    add(
        "attributes-unsorted-signed-sorted",
        "signedAttrs in reverse order, signed in the order of DER",
        sorted,
        &[],
    );
    let protection = attribute(
        oids::ALGORITHM_PROTECTION,
        &seq(&[
            &algorithm(Oid::SHA256, NULL),
            &tlv(0xA1, &[der::value(&algorithm(Oid::RSA_ENCRYPTION, NULL))]),
        ]),
    );
    let mut message = plain.clone();
    message.attributes.push(protection);
    add("algorithm-protection", "with cmsAlgorithmProtection (RFC 6211)", message, &[]);
    let mut message = plain.clone();
    message.attributes.push(attribute(Oid::new(&[0x2A, 3, 4]), &tlv(UTF8, &[b"nobody knows this"])));
    add("unknown-attribute", "with an attribute that nobody knows", message, &[]);
    add("no-signing-time", "without signingTime", plain.clone().without(Oid::SIGNING_TIME), &[]);
    for (name, tag) in [("utf8", UTF8), ("ia5", IA5)] {
        let typed = |which, value: &str| attribute(which, &tlv(tag, &[value.as_bytes()]));
        let message = plain
            .clone()
            .replace(Oid::TRANSACTION_ID, typed(Oid::TRANSACTION_ID, TRANSACTION))
            .replace(Oid::MESSAGE_TYPE, typed(Oid::MESSAGE_TYPE, "19"));
        add(&format!("strings-{name}"), "messageType and transactionID in another string type", message, &[]);
    }
    for length in [1, 8, 32, 64] {
        let nonce = vec![0x4E; length];
        let message = plain.clone().replace(Oid::SENDER_NONCE, octets(Oid::SENDER_NONCE, &nonce));
        add(
            &format!("nonce-{length}"),
            "senderNonce of another length",
            message,
            &[("senderNonce", &hex(&nonce))],
        );
    }
    let decimal = "9".repeat(77);
    let long = "x".repeat(255);
    for (name, id) in
        [("base64", "3q2+7w/+=="), ("decimal", &decimal), ("space", "SSCEP transactionId"), ("255", &long)]
    {
        let own = attribute(Oid::TRANSACTION_ID, &tlv(PRINTABLE, &[id.as_bytes()]));
        let message = plain.clone().replace(Oid::TRANSACTION_ID, own);
        add(
            &format!("transaction-{name}"),
            "another form of transactionID",
            message,
            &[("transactionId", &hex(id.as_bytes()))],
        );
    }
    let typed = attribute(Oid::CONTENT_TYPE, &der::oid(Oid::ID_ENVELOPED_DATA));
    let message = Message {
        content_type: Oid::ID_ENVELOPED_DATA,
        own_attributes: Some(vec![typed, octets(Oid::MESSAGE_DIGEST, &openssl.digest("sha256", &envelope))]),
        version: 3,
        ..plain
    };
    add("econtent-type-enveloped-data", "eContentType envelopedData around a ContentInfo", message, &[]);
}

fn signers(set: &mut Set<'_>) {
    let openssl = set.openssl;
    let envelope = enveloped(openssl);
    let plain = Message::request(openssl, "19", &envelope);
    let mut add = |name: &str, how: &str, message: Message<'_>, changes: &[(&str, &str)]| {
        set.request(&format!("openssl/{name}.der"), how, &message.build(), changed(pkcs_req(), changes));
    };
    let identifier = tlv(0x80, &[&key_identifier(&plain.certificates[0])]);
    let message = Message { sid: identifier, signer_version: 3, version: 3, ..plain.clone() };
    add("signer-by-key-identifier", "SignerInfo version 3 with subjectKeyIdentifier", message, &[]);
    let old = openssl.certificate("device-v1");
    let message = Message { sid: issuer_and_serial(&old), certificates: vec![old], ..plain.clone() };
    add("signer-v1-certificate", "X.509 v1 certificate with a serial number of 32 octets", message, &[]);
    let mut message = plain.clone();
    message.certificates.insert(0, openssl.certificate("stranger"));
    message.certificates.push(openssl.certificate("ca"));
    add("signer-among-others", "the signer's certificate in the middle of three", message, &[]);
    // Same names and serial number cannot be had twice from openssl; the same certificate can.
    let mut message = plain;
    message.certificates.push(message.certificates[0].clone());
    add("signer-twice", "the signer's certificate twice, as jscep sends it", message, &[]);
}

fn certification_requests(set: &mut Set<'_>) {
    let openssl = set.openssl;
    let mut add = |name: &str, how: &str, csr: Csr<'_>, changes: &[(&str, &str)], names: &[&str]| {
        let envelope = openssl.encrypt(&openssl.request("device", csr), AES);
        let mut facts = changed(pkcs_req(), changes);
        if names.is_empty() {
            facts.remove("names");
        } else {
            facts.insert("names".into(), crate::manifest::Fact::list(names.iter().copied()));
        }
        let message = Message::request(openssl, "19", &envelope).build();
        set.request(&format!("openssl/csr-{name}.der"), how, &message, facts);
    };
    let some = ["DNS:dev1.test"];
    for (name, strings) in [("utf8", "utf8only"), ("bmp", "MASK:0x800"), ("teletex", "MASK:0x4")] {
        let how = format!("req -new with string_mask={strings}");
        add(&format!("strings-{name}"), &how, Csr { strings, ..Csr::default() }, &[], &some);
    }
    let none = Csr { attributes: "", extensions: "", ..Csr::default() };
    add("no-attributes", "without any attribute", none, &[("challenge", "")], &[]);
    for (digest, scheme, by_default) in
        [("-sha1", "RsaPkcs1(Sha1)", "content: Unsupported(Signature)"), ("-sha512", "RsaPkcs1(Sha512)", "")]
    {
        let csr = Csr { options: digest, ..Csr::default() };
        let changes = [("requestScheme", scheme), ("byDefault", by_default)];
        add(&format!("signed{digest}"), &format!("req -new {digest}"), csr, &changes, &some);
    }
    let extensions = "subjectAltName=DNS:dev1.test,DNS:*.dev1.test,email:dev1@test\nkeyUsage=critical,digitalSignature\n\
                      extendedKeyUsage=clientAuth\n1.2.3.4=DER:0500";
    let csr = Csr { extensions, ..Csr::default() };
    add(
        "extensions",
        "four extensions, three names",
        csr,
        &[],
        &["DNS:dev1.test", "DNS:*.dev1.test", "email:dev1@test"],
    );
    let subject = "C=DE, L=M\u{fc}nchen, OU=a\\,b, CN=dev1";
    let csr =
        Csr { subject: "C=DE\nL=M\u{fc}nchen\nOU=a,b\nCN=dev1", options: "-sha256 -utf8", ..Csr::default() };
    add("subject", "a subject with a comma and an umlaut", csr, &[("subject", subject)], &some);
}
