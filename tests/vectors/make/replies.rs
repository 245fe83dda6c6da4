//! CertReps in every status, by openssl.

use super::der::{OCTETS, SET, UTF8, algorithm, oids, tlv};
use super::message::{Content, Message, NONCE, TRANSACTION, attribute, issuer_and_serial, octets, text};
use super::openssl::Openssl;
use super::requests::{PASSWORD, PLAIN, pss};
use super::{CA, DEVICE, Set, changed, facts, hex};
use crate::manifest::{Fact, Facts};
use scep::wire::Oid;

/// Of every reply of the CA.
fn of(status: &str) -> Facts {
    facts(&[
        ("scheme", "RsaPkcs1(Sha256)"),
        ("signer", CA),
        ("messageType", "CertRep"),
        ("transactionId", &hex(TRANSACTION.as_bytes())),
        ("senderNonce", &hex(b"nonce of the CA!")),
        ("recipientNonce", &hex(&NONCE)),
        ("pkiStatus", status),
    ])
}

fn success() -> Facts {
    let changes =
        [("contentEncryption", "Aes128Cbc"), ("keyTransport", "RsaPkcs1v15"), ("payload", "certs-only")];
    let mut facts = changed(of("SUCCESS"), &changes);
    facts.insert("certificates".into(), Fact::list([DEVICE]));
    facts
}

/// A certs-only message by `crl2pkcs7`.
pub(super) fn certs_only(openssl: &Openssl, options: &str) -> Vec<u8> {
    openssl.run(&format!("crl2pkcs7 {options} -outform DER"))
}

/// A CRL of the CA that revokes one certificate.
pub(super) fn crl(openssl: &Openssl) {
    openssl
        .write("index.txt", b"R\t350101000000Z\t260601000000Z,keyCompromise\t2001\tunknown\t/CN=revoked\n");
    openssl.write("index.txt.attr", b"");
    openssl.write("crlnumber", b"01\n");
    let config = b"[ca]\ndefault_ca=own\n[own]\ndatabase=index.txt\ncrlnumber=crlnumber\ndefault_md=sha256\ndefault_crl_days=30\n";
    openssl.write("ca.cnf", config);
    openssl.run("ca -gencrl -config ca.cnf -keyfile ca.key -cert ca.crt -out ca.crl");
}

/// The content of a SUCCESS with the issued certificate.
pub(super) fn issued(openssl: &Openssl) -> Vec<u8> {
    openssl.encrypt(&certs_only(openssl, "-nocrl -certfile issued.crt"), "-aes-128-cbc -recip device.crt")
}

pub(super) fn make(set: &mut Set<'_>) {
    let openssl = set.openssl;
    crl(openssl);
    successes(set);
    failures(set);
    other_signers(set);
    let pending = Message::reply(openssl, "3", &[], &[]);
    set.reply("openssl/pending.der", "PENDING", &pending.build(), PLAIN, of("PENDING"));
    let absent = Message { content: Content::Absent, ..pending.clone() }.build();
    set.reply(
        "openssl/pending-absent-content.der",
        "PENDING without eContent",
        &absent,
        PLAIN,
        of("PENDING"),
    );
    let ber = Message { content: Content::Chunks(Vec::new(), 1), ber: true, ..pending.clone() }.build();
    set.reply("openssl/pending-ber.der", "PENDING in BER, eContent of no chunks", &ber, PLAIN, of("PENDING"));
    let quiet = pending.clone().without(Oid::SENDER_NONCE).build();
    let expect = changed(of("PENDING"), &[("senderNonce", "")]);
    set.reply("openssl/pending-no-sender-nonce.der", "PENDING without senderNonce", &quiet, PLAIN, expect);
    let echo = pending.replace(Oid::SENDER_NONCE, octets(Oid::SENDER_NONCE, &NONCE)).build();
    let expect = changed(of("PENDING"), &[("senderNonce", &hex(&NONCE))]);
    set.reply("openssl/pending-echoed-nonce.der", "senderNonce that is the client's", &echo, PLAIN, expect);
}

fn successes(set: &mut Set<'_>) {
    let openssl = set.openssl;
    let to_device = "-aes-128-cbc -recip device.crt";
    openssl.write("issued-ca.pem", &[openssl.read("issued.crt"), openssl.read("ca.crt")].concat());
    openssl.write("ca-issued.pem", &[openssl.read("ca.crt"), openssl.read("issued.crt")].concat());
    for (name, how, content, certificates) in [
        ("success", "the issued certificate", "-nocrl -certfile issued.crt", vec![DEVICE]),
        ("success-chain", "and that of the CA", "-nocrl -certfile issued-ca.pem", vec![DEVICE, CA]),
        ("success-ca-first", "that of the CA first", "-nocrl -certfile ca-issued.pem", vec![CA, DEVICE]),
        ("success-and-crl", "certificate and CRL", "-in ca.crl -certfile issued.crt", vec![DEVICE]),
        ("success-crl", "to GetCRL: the CRL", "-in ca.crl", vec![]),
    ] {
        let envelope = openssl.encrypt(&certs_only(openssl, content), to_device);
        let mut expect = success();
        expect.insert("certificates".into(), Fact::list(certificates));
        if content.contains("crl ") || content.ends_with("crl") {
            expect.insert("crls".into(), "1".into());
        }
        if content.starts_with("-nocrl") {
            expect.remove("crls");
        }
        let message = Message::reply(openssl, "0", &[], &envelope).build();
        set.reply(
            &format!("openssl/{name}.der"),
            &format!("crl2pkcs7 {content}: {how}"),
            &message,
            PLAIN,
            expect,
        );
    }
    let payload = certs_only(openssl, "-nocrl -certfile issued.crt");
    for (name, options, changes) in [
        ("success-aes256", "-aes-256-cbc -recip device.crt", vec![("contentEncryption", "Aes256Cbc")]),
        (
            "success-3des",
            "-des-ede3-cbc -recip device.crt",
            vec![
                ("contentEncryption", "TripleDesCbc"),
                ("byDefault", "envelope: Unsupported(ContentEncryption)"),
            ],
        ),
        ("success-by-key-identifier", "-aes-128-cbc -keyid -recip device.crt", vec![]),
        ("success-ber", "-aes-128-cbc -stream -recip device.crt", vec![]),
        (
            "success-oaep",
            "-aes-128-cbc -recip device.crt -keyopt rsa_padding_mode:oaep",
            vec![("keyTransport", "RsaOaepSha1")],
        ),
        (
            "success-for-another",
            "-aes-128-cbc -recip stranger.crt",
            vec![("refused", "envelope: BadEnvelope(Recipient)")],
        ),
    ] {
        let envelope = openssl.encrypt(&payload, options);
        let message = Message::reply(openssl, "0", &[], &envelope).build();
        let expect = changed(success(), &changes);
        set.reply(
            &format!("openssl/{name}.der"),
            &format!("cms -encrypt {options}"),
            &message,
            PLAIN,
            expect,
        );
    }
    let options = format!("-aes-128-cbc -pwri_password {PASSWORD}");
    let message = Message::reply(openssl, "0", &[], &openssl.encrypt(&payload, &options)).build();
    let changes = [("keyTransport", "password"), ("byDefault", "password: Unsupported(KeyDerivation)")];
    let how = format!("cms -encrypt {options}");
    let vector =
        set.reply("openssl/success-password.der", &how, &message, PLAIN, changed(success(), &changes));
    vector.password = Some(PASSWORD.to_owned());
    let envelope = issued(openssl);
    let plain = Message::reply(openssl, "0", &[], &envelope);
    let bare = Message { certificates: Vec::new(), ..plain.clone() };
    set.reply(
        "openssl/success-no-certificates.der",
        "without the signer's certificate",
        &bare.build(),
        PLAIN,
        success(),
    );
    let sha512 = plain.clone().with_digest("sha512", Oid::SHA512).build();
    let expect = changed(success(), &[("scheme", "RsaPkcs1(Sha512)")]);
    set.reply("openssl/success-sha512.der", "dgst -sha512 -sign", &sha512, PLAIN, expect);
    let mut others = plain;
    others.certificates.insert(0, openssl.certificate("issued"));
    set.reply(
        "openssl/success-issued-outside.der",
        "the issued certificate also beside that of the signer, first, as micromdm sends it",
        &others.build(),
        PLAIN,
        success(),
    );
}

/// A CA that signs with another kind of key, or with another padding.
fn other_signers(set: &mut Set<'_>) {
    let openssl = set.openssl;
    let plain = Message::reply(openssl, "3", &[], &[]);
    let certificate = openssl.certificate("p256");
    let message = Message {
        key: "p256",
        sid: issuer_and_serial(&certificate),
        certificates: Vec::new(),
        signature_algorithm: algorithm(oids::ECDSA_SHA256, &[]),
        ..plain.clone()
    };
    let expect = changed(of("PENDING"), &[("scheme", "Ecdsa(Sha256)"), ("signer", "CN=P-256")]);
    let vector = set.reply(
        "openssl/pending-p256.der",
        "PENDING of a CA with a key on P-256",
        &message.build(),
        PLAIN,
        expect,
    );
    vector.signers = vec!["keys/test-p256.crt.pem".to_owned()];
    let message = Message {
        signature_algorithm: pss(Oid::SHA256, Oid::SHA256, 32),
        options: "-sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:digest",
        ..plain
    };
    let expect = changed(of("PENDING"), &[("scheme", "RsaPss(Sha256)")]);
    set.reply("openssl/pending-pss.der", "PENDING signed with RSASSA-PSS", &message.build(), PLAIN, expect);
}

fn failures(set: &mut Set<'_>) {
    let openssl = set.openssl;
    for (number, name) in
        [("0", "badAlg"), ("1", "badMessageCheck"), ("2", "badRequest"), ("3", "badTime"), ("4", "badCertId")]
    {
        let message = Message::reply(openssl, "2", &[text(Oid::FAIL_INFO, number)], &[]);
        let expect = changed(of("FAILURE"), &[("failInfo", name)]);
        let file = format!("openssl/failure-{}.der", name.to_lowercase());
        set.reply(&file, name, &message.build(), PLAIN, expect);
    }
    let bad_request = text(Oid::FAIL_INFO, "2");
    let expect = changed(of("FAILURE"), &[("failInfo", "badRequest")]);
    let words = |tag, which, words: &str| attribute(which, &tlv(tag, &[words.as_bytes()]));
    for (name, how, more, told) in [
        ("text", "failInfoText", words(UTF8, Oid::FAIL_INFO_TEXT, "Schlüssel zu kurz"), "Schlüssel zu kurz"),
        (
            "text-under-id-scep",
            "failInfoText as PrintableString under id-scep, as step-ca sends it",
            words(super::der::PRINTABLE, oids::ID_SCEP, "no way"),
            "no way",
        ),
        (
            "text-escapes",
            "failInfoText with control characters",
            words(UTF8, Oid::FAIL_INFO_TEXT, "a\u{1b}[2Jb\n"),
            "a\u{fffd}[2Jb\u{fffd}",
        ),
    ] {
        let message = Message::reply(openssl, "2", &[bad_request.clone(), more], &[]);
        let expect = changed(expect.clone(), &[("failInfoText", told)]);
        set.reply(&format!("openssl/failure-{name}.der"), how, &message.build(), PLAIN, expect);
    }
    let hresult = attribute(oids::ENROLLMENT_ERROR, &tlv(2, &[&[0x80, 0x09, 0x40, 0x05]]));
    let message = Message {
        certificates: Vec::new(),
        ..Message::reply(openssl, "2", &[bad_request.clone(), hresult], &[0])
    };
    set.reply(
        "openssl/failure-ndes.der",
        "one byte of content, no certificates and an attribute with an HRESULT, as NDES sends it",
        &message.build(),
        PLAIN,
        expect.clone(),
    );
    let plain = Message::reply(openssl, "2", &[bad_request], &[]);
    let absent = Message { content: Content::Absent, ..plain.clone() }.build();
    set.reply(
        "openssl/failure-absent-content.der",
        "FAILURE without eContent",
        &absent,
        PLAIN,
        expect.clone(),
    );
    let typed = attribute(Oid::PKI_STATUS, &tlv(UTF8, &[b"2"]));
    let message = plain.clone().replace(Oid::PKI_STATUS, typed).build();
    set.reply("openssl/failure-utf8-status.der", "pkiStatus as UTF8String", &message, PLAIN, expect.clone());

    // What a client must not take.
    for (name, how, message, refused) in [
        (
            "fail-info-5",
            "failInfo that is not defined",
            plain.clone().replace(Oid::FAIL_INFO, text(Oid::FAIL_INFO, "5")),
            "attributes: InvalidMessage(FailInfo)",
        ),
        (
            "fail-info-missing",
            "FAILURE without failInfo",
            plain.clone().without(Oid::FAIL_INFO),
            "attributes: InvalidMessage(FailInfo)",
        ),
        (
            "status-1",
            "pkiStatus that is not defined",
            plain.clone().replace(Oid::PKI_STATUS, text(Oid::PKI_STATUS, "1")),
            "attributes: InvalidMessage(PkiStatus)",
        ),
        (
            "status-missing",
            "no pkiStatus",
            plain.clone().without(Oid::PKI_STATUS),
            "attributes: InvalidMessage(PkiStatus)",
        ),
        (
            "another-transaction",
            "transactionID of another request",
            plain.clone().replace(Oid::TRANSACTION_ID, text(Oid::TRANSACTION_ID, "vector-2")),
            "correlate: PeerMisbehaved(TransactionId)",
        ),
        (
            "another-nonce",
            "recipientNonce of another request",
            plain.clone().replace(Oid::RECIPIENT_NONCE, octets(Oid::RECIPIENT_NONCE, &[7; 16])),
            "correlate: PeerMisbehaved(RecipientNonce)",
        ),
        (
            "no-recipient-nonce",
            "no recipientNonce",
            plain.clone().without(Oid::RECIPIENT_NONCE),
            "correlate: PeerMisbehaved(RecipientNonce)",
        ),
        (
            "is-a-request",
            "messageType 19 in a reply",
            plain.clone().replace(Oid::MESSAGE_TYPE, text(Oid::MESSAGE_TYPE, "19")),
            "correlate: PeerMisbehaved(MessageType)",
        ),
        (
            "two-statuses",
            "pkiStatus with two values",
            plain.clone().replace(
                Oid::PKI_STATUS,
                super::der::seq(&[
                    &super::der::oid(Oid::PKI_STATUS),
                    &tlv(SET, &[&tlv(0x13, &[b"0"]), &tlv(0x13, &[b"2"])]),
                ]),
            ),
            "attributes: InvalidMessage(RepeatedAttribute)",
        ),
    ] {
        set.reply(
            &format!("hostile/reply-{name}.der"),
            how,
            &message.build(),
            PLAIN,
            facts(&[("refused", refused)]),
        );
    }
    let mut forged = Message { key: "stranger", ..plain.clone() };
    set.reply(
        "hostile/reply-forged.der",
        "signed by a stranger in the name of the CA",
        &forged.build(),
        PLAIN,
        facts(&[("refused", "verify: BadSignature(Signature)")]),
    );
    forged = Message::new(openssl, "stranger", &[], &plain.attributes);
    set.reply(
        "hostile/reply-stranger.der",
        "signed by a stranger in its own name",
        &forged.build(),
        PLAIN,
        facts(&[("refused", "verify: BadSignature(UntrustedSigner)")]),
    );
    let empty = Message::reply(openssl, "0", &[], &[]).build();
    set.reply(
        "hostile/reply-empty-success.der",
        "SUCCESS without content",
        &empty,
        PLAIN,
        facts(&[("refused", "envelope: InvalidMessage(NotEnvelopedData)")]),
    );
    let payload = openssl.encrypt(&tlv(OCTETS, &[b"no certificates"]), "-aes-128-cbc -recip device.crt");
    let message = Message::reply(openssl, "0", &[], &payload).build();
    set.reply(
        "hostile/reply-no-certs-only.der",
        "SUCCESS around something else than a certs-only message",
        &message,
        PLAIN,
        facts(&[("refused", "content: InvalidMessage(NotSignedData)")]),
    );
}
