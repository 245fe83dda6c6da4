//! Replies that lie, and what a device makes of them.

use crate::cert_rep::{Asked, CertRep, OCTET_STRING, PRINTABLE_STRING, UTF8_STRING, enveloped, reply};
use crate::support::*;
use scep::client::{Done, Failed, Step, Transmit};
use scep::error::{BadEnvelope, BadSignature, Error, FailInfo, InvalidMessage, Limit, PeerMisbehaved};
use scep::pki_types::CertificateDer;
use scep::transport::HttpResponse;
use scep::wire::{Certificate, EnvelopedData, KeyUsage, Limits, Oid, RecipientInfo, certs_only};

/// A device that has sent its PKCSReq and waits.
struct Waiting {
    ca: Ca,
    device: Device,
    transmit: Transmit,
    asked: Asked,
}

impl Waiting {
    fn new() -> Self {
        Self::at(Ca::new())
    }

    fn at(mut ca: Ca) -> Self {
        let mut device = Device::new(&ca);
        let step = device.start();
        let transmit = device.up_to_message(step, &mut ca);
        let asked = Asked::of(transmit.request());
        Self { ca, device, transmit, asked }
    }

    /// The certificate that the CA should issue, changed by `change`.
    fn leaf(&self, change: impl FnOnce(&mut Template)) -> CertificateDer<'static> {
        let mut template = Template::leaf(DEVICE_NAME);
        change(&mut template);
        template.sign(self.device.key.soft.public_key_der(), &self.ca.key)
    }

    /// A SUCCESS of the CA's own with these certificates.
    fn success(&self, chain: &[&[u8]]) -> HttpResponse {
        CertRep::success(&self.asked, chain, &self.asked.signer).sign(&self.ca.key, &self.ca.certificate)
    }

    fn of_ca(&self, reply: CertRep) -> HttpResponse {
        reply.sign(&self.ca.key, &self.ca.certificate)
    }

    /// The device takes the reply for none: the error is this one, and an honest answer to the very same request is
    /// taken afterwards. Gives the number of decryptions that the bad reply cost.
    fn counts_as_no_answer(mut self, response: HttpResponse, error: impl Into<Error>) -> usize {
        let failed = self.device.take(self.transmit, response).unwrap_err();
        assert_eq!(failed.error, error.into());
        let decryptions = self.device.decryptions;
        let transmit = failed.retry.expect("the same request may be sent again");
        let honest = self.ca.serve(transmit.request()).reply;
        let issued = issued_step(self.device.take(transmit, honest).unwrap());
        let certificate = Certificate::parse(&issued.certificate).unwrap();
        assert_eq!(certificate.public_key().as_der(), self.device.key.soft.public_key_der());
        decryptions
    }

    /// The device gives up: the CA itself broke the protocol.
    fn ends_the_request(mut self, response: HttpResponse, error: impl Into<Error>) {
        let failed: Box<Failed<Transmit>> = self.device.take(self.transmit, response).unwrap_err();
        assert_eq!((failed.error, failed.retry.is_none()), (error.into(), true));
    }
}

#[test]
fn a_forged_reply_is_taken_when_nothing_is_wrong_with_it() {
    // what the other tests change, one thing at a time
    let mut waiting = Waiting::new();
    let leaf = waiting.leaf(|_| {});
    let response = waiting.success(&[&leaf]);
    let issued = issued_step(waiting.device.take(waiting.transmit, response).unwrap());
    assert_eq!((issued.certificate, issued.others), (leaf, vec![]));
}

// --- to another request ------------------------------------------------------------------------------------------

// R-3.2.1.1-3, T32, case 117
#[test]
fn a_reply_to_another_transaction_is_no_answer() {
    let waiting = Waiting::new();
    let reply = CertRep::new(&waiting.asked, "3").with(Oid::TRANSACTION_ID, PRINTABLE_STRING, b"another");
    let reply = waiting.of_ca(reply);
    waiting.counts_as_no_answer(reply, PeerMisbehaved::TransactionId);

    let waiting = Waiting::new();
    let reply = waiting.of_ca(CertRep::new(&waiting.asked, "3").without(Oid::TRANSACTION_ID));
    waiting.counts_as_no_answer(reply, PeerMisbehaved::TransactionId);
}

// quirk 44, R-3.2.1.5-3, T32, case 116
#[test]
fn a_reply_to_another_nonce_is_no_answer() {
    for nonce in [&[0; 16][..], &[0; 15], &[1]] {
        let waiting = Waiting::new();
        let leaf = waiting.leaf(|_| {});
        let reply = CertRep::success(&waiting.asked, &[&leaf], &waiting.asked.signer);
        let reply = waiting.of_ca(reply.with(Oid::RECIPIENT_NONCE, OCTET_STRING, nonce));
        assert_eq!(waiting.counts_as_no_answer(reply, PeerMisbehaved::RecipientNonce), 0);
    }
    let waiting = Waiting::new();
    let reply = waiting.of_ca(CertRep::new(&waiting.asked, "3").without(Oid::RECIPIENT_NONCE));
    waiting.counts_as_no_answer(reply, PeerMisbehaved::RecipientNonce);
}

// R-3.2.1.5-3, T25, case 116
#[test]
fn an_old_success_does_not_answer_a_new_request() {
    let mut first = Waiting::new();
    let old = first.ca.serve(first.transmit.request()).reply;
    let mut device = first.device;
    issued_step(device.take(first.transmit, old.clone()).unwrap());
    let step = device.start();
    let transmit = device.up_to_message(step, &mut first.ca);
    let asked = Asked::of(transmit.request());
    let again = Waiting { ca: first.ca, device, transmit, asked };
    again.counts_as_no_answer(old, PeerMisbehaved::TransactionId);
}

// R-3.2.1-6, T32, case 118
#[test]
fn a_reply_that_is_no_cert_rep_is_no_answer() {
    for text in ["19", "20", "0", "03", "33", ""] {
        let waiting = Waiting::new();
        let reply =
            CertRep::new(&waiting.asked, "0").with(Oid::MESSAGE_TYPE, PRINTABLE_STRING, text.as_bytes());
        let reply = waiting.of_ca(reply);
        waiting.counts_as_no_answer(reply, PeerMisbehaved::MessageType);
    }
    let waiting = Waiting::new();
    let reply = waiting.of_ca(CertRep::new(&waiting.asked, "3").without(Oid::MESSAGE_TYPE));
    waiting.counts_as_no_answer(reply, PeerMisbehaved::MessageType);
}

#[test]
fn ones_own_request_sent_back_is_no_answer() {
    let waiting = Waiting::new();
    let echo = reply(waiting.transmit.request().body.clone());
    waiting.counts_as_no_answer(echo, BadSignature::UntrustedSigner);
}

// --- by somebody else --------------------------------------------------------------------------------------------

// Q17, I-21, MMA-10, T31, case 115
#[test]
fn a_reply_of_a_stranger_whose_certificate_comes_with_it_is_no_answer() {
    let waiting = Waiting::new();
    let stranger = TestKey::stranger();
    let certificate = Template::ca("CN=Stranger").sign(stranger.soft.public_key_der(), &stranger);
    let leaf = waiting.leaf(|_| {});
    let reply =
        CertRep::success(&waiting.asked, &[&leaf], &waiting.asked.signer).sign(&stranger, &certificate);
    assert_eq!(waiting.counts_as_no_answer(reply, BadSignature::UntrustedSigner), 0);
}

// T31: issuer and serial number of the CA's certificate, another key
#[test]
fn a_reply_of_a_stranger_who_names_himself_like_the_ca_is_no_answer() {
    let waiting = Waiting::new();
    let stranger = TestKey::stranger();
    let certificate = Template::ca(CA_NAME).sign(stranger.soft.public_key_der(), &stranger);
    let reply = CertRep::new(&waiting.asked, "3").sign(&stranger, &certificate);
    assert_eq!(waiting.counts_as_no_answer(reply, BadSignature::Signature), 0);
}

// T31: the CA issued it, and it is still no RA
#[test]
fn a_reply_signed_with_another_device_s_certificate_is_no_answer() {
    let waiting = Waiting::new();
    let stranger = TestKey::stranger();
    let certificate = Template::leaf("CN=dev2").sign(stranger.soft.public_key_der(), &waiting.ca.key);
    let reply = CertRep::new(&waiting.asked, "3").sign(&stranger, &certificate);
    waiting.counts_as_no_answer(reply, BadSignature::UntrustedSigner);
}

#[test]
fn a_message_without_signer_is_no_answer() {
    let waiting = Waiting::new();
    let unsigned = reply(certs_only::encode(&[&waiting.ca.certificate]));
    waiting.counts_as_no_answer(unsigned, InvalidMessage::SignerCount);
}

// --- with an outcome that makes no sense -------------------------------------------------------------------------

// R-3.2.1.3-1, R-3.2.1.3-2, T32, case 118
#[test]
fn an_undefined_status_is_no_answer() {
    for text in ["1", "4", "00", "-1", "x", ""] {
        let waiting = Waiting::new();
        let reply = waiting.of_ca(CertRep::new(&waiting.asked, text));
        waiting.counts_as_no_answer(reply, InvalidMessage::PkiStatus);
    }
    let waiting = Waiting::new();
    let reply = waiting.of_ca(CertRep::new(&waiting.asked, "3").without(Oid::PKI_STATUS));
    waiting.counts_as_no_answer(reply, InvalidMessage::PkiStatus);
}

// R-3.2.1.4-2, T32, case 120
#[test]
fn a_failure_without_or_with_an_unknown_reason_is_no_answer() {
    let waiting = Waiting::new();
    let reply = waiting.of_ca(CertRep::new(&waiting.asked, "2"));
    waiting.counts_as_no_answer(reply, InvalidMessage::FailInfo);
    for text in ["5", "9", "02", ""] {
        let waiting = Waiting::new();
        let reply = CertRep::new(&waiting.asked, "2").with(Oid::FAIL_INFO, PRINTABLE_STRING, text.as_bytes());
        let reply = waiting.of_ca(reply);
        waiting.counts_as_no_answer(reply, InvalidMessage::FailInfo);
    }
}

// R-3.2.1.4-3, T50, case 120
#[test]
fn a_failure_gives_its_reason_and_a_text_that_is_harmless_when_shown() {
    for (text, shown) in [
        (&b"wrong password"[..], "wrong password".to_owned()),
        (b"no\x1b[2J\nway\xff", "no\u{FFFD}[2J\u{FFFD}way\u{FFFD}".to_owned()),
        ("\u{202E}txt".as_bytes(), "\\u{202e}txt".to_owned()),
        (&[b'x'; 60_000], "x".repeat(255)),
    ] {
        let mut waiting = Waiting::new();
        let reply = CertRep::new(&waiting.asked, "2").with(Oid::FAIL_INFO, PRINTABLE_STRING, b"1");
        let reply = waiting.of_ca(reply.with(Oid::FAIL_INFO_TEXT, UTF8_STRING, text));
        let step = waiting.device.take(waiting.transmit, reply).unwrap();
        let Step::Done(Done::Refused { fail_info, text }) = step else { panic!("{step:?}") };
        assert_eq!((fail_info, text.unwrap().to_string()), (FailInfo::BadMessageCheck, shown));
        assert_eq!(waiting.device.decryptions, 0);
    }
}

// T32, R-3.3.2.1-6, case 119
#[test]
fn a_success_without_envelope_is_no_answer() {
    let waiting = Waiting::new();
    let reply = waiting.of_ca(CertRep::new(&waiting.asked, "0"));
    assert_eq!(waiting.counts_as_no_answer(reply, InvalidMessage::NotEnvelopedData), 0);
}

// --- with an envelope that is not for us -------------------------------------------------------------------------

// C-6.2.1-1: a CA may name our key by an identifier that it computed by itself
#[test]
fn a_success_that_names_our_key_by_an_identifier_is_read() {
    let mut waiting = Waiting::new();
    let leaf = waiting.leaf(|_| {});
    let mut reply = CertRep::success(&waiting.asked, &[&leaf], &waiting.asked.signer);
    let data = EnvelopedData::parse(&reply.content, &Limits::DEFAULT).unwrap();
    let Some(RecipientInfo::KeyTransport(info)) = data.recipients().next() else { panic!() };
    let signer = Certificate::parse(&waiting.asked.signer).unwrap().issuer_and_serial();
    let by_name = tlv(0x30, &[signer.issuer.as_der(), &tlv(0x02, &[signer.serial])]);
    let key = tlv(OCTET_STRING, &[info.encrypted_key]);
    let algorithm = tlv(0x30, &[&tlv(0x06, &[Oid::RSA_ENCRYPTION.as_bytes()]), &[0x05, 0x00]]);
    let recipient = |version: u8, id: &[u8]| tlv(0x30, &[&[0x02, 0x01, version], id, &algorithm, &key]);
    let (before, after) = (recipient(0, &by_name), recipient(2, &tlv(0x80, &[&[7; 20]])));
    // the rest of the EnvelopedData as it was, around the other recipient
    let at = reply.content.windows(before.len()).position(|window| window == before).unwrap();
    let tail = &reply.content[at + before.len()..];
    let data = tlv(0x30, &[&[0x02, 0x01, 0x02], &tlv(0x31, &[&after]), tail]);
    reply.content = tlv(0x30, &[&tlv(0x06, &[Oid::ID_ENVELOPED_DATA.as_bytes()]), &tlv(0xA0, &[&data])]);
    let response = waiting.of_ca(reply);
    assert_eq!(issued_step(waiting.device.take(waiting.transmit, response).unwrap()).certificate, leaf);
}

// T34
#[test]
fn a_certificate_in_the_clear_is_no_answer() {
    let waiting = Waiting::new();
    let leaf = waiting.leaf(|_| {});
    let mut reply = CertRep::new(&waiting.asked, "0");
    reply.content = certs_only::encode(&[&leaf]);
    let reply = waiting.of_ca(reply);
    assert_eq!(waiting.counts_as_no_answer(reply, InvalidMessage::NotEnvelopedData), 0);
}

// T34, C-6.2.1-3
#[test]
fn an_envelope_for_somebody_else_is_no_answer() {
    let waiting = Waiting::new();
    let stranger = TestKey::stranger();
    let recipient = Template::leaf("CN=dev2").sign(stranger.soft.public_key_der(), &stranger);
    let leaf = waiting.leaf(|_| {});
    let reply = waiting.of_ca(CertRep::success(&waiting.asked, &[&leaf], &recipient));
    assert_eq!(waiting.counts_as_no_answer(reply, BadEnvelope::Recipient), 0);
}

// T34: names our certificate, and is encrypted with another key
#[test]
fn an_envelope_that_our_key_does_not_open_is_no_answer() {
    let waiting = Waiting::new();
    let own = Certificate::parse(&waiting.asked.signer).unwrap();
    let stranger = TestKey::stranger();
    let mut template = Template::leaf(DEVICE_NAME);
    template.issuer = own.issuer().as_der().to_vec();
    template.serial = own.serial().to_vec();
    let recipient = template.sign(stranger.soft.public_key_der(), &stranger);
    let leaf = waiting.leaf(|_| {});
    let reply = waiting.of_ca(CertRep::success(&waiting.asked, &[&leaf], &recipient));
    assert_eq!(waiting.counts_as_no_answer(reply, BadEnvelope::Content), 1);
}

#[test]
fn an_envelope_with_something_else_in_it_is_no_answer() {
    for (content, error) in [
        (&b""[..], Error::BadEnvelope(BadEnvelope::Content)),
        (b"hello", Error::BadEnvelope(BadEnvelope::Content)),
        (&[0x30, 0x00], Error::InvalidMessage(InvalidMessage::NotSignedData)),
    ] {
        let waiting = Waiting::new();
        let mut reply = CertRep::new(&waiting.asked, "0");
        reply.content = enveloped(content, &waiting.asked.signer);
        let reply = waiting.of_ca(reply);
        waiting.counts_as_no_answer(reply, error);
    }
}

// --- with another certificate than asked for ---------------------------------------------------------------------

// T33, case 119
#[test]
fn a_certificate_for_another_key_ends_the_request() {
    let waiting = Waiting::new();
    let stranger = TestKey::stranger();
    let other = Template::leaf(DEVICE_NAME).sign(stranger.soft.public_key_der(), &waiting.ca.key);
    let reply = waiting.success(&[&other, &waiting.ca.certificate]);
    waiting.ends_the_request(reply, PeerMisbehaved::NoCertificate);
}

// T33
#[test]
fn no_certificate_at_all_ends_the_request() {
    let waiting = Waiting::new();
    let reply = waiting.success(&[]);
    waiting.ends_the_request(reply, PeerMisbehaved::NoCertificate);
}

// T19, T33
#[test]
fn a_ca_certificate_for_our_key_ends_the_request() {
    let waiting = Waiting::new();
    let leaf = waiting.leaf(|template| template.ca = true);
    let reply = waiting.success(&[&leaf]);
    waiting.ends_the_request(reply, PeerMisbehaved::CertificateAuthority);
}

// T33, case 119: right names, another key
#[test]
fn a_certificate_of_another_ca_ends_the_request() {
    let waiting = Waiting::new();
    let other = TestKey::other_ca();
    let leaf = Template::leaf(DEVICE_NAME).sign(waiting.device.key.soft.public_key_der(), &other);
    let ca = Template::ca(CA_NAME).sign(other.soft.public_key_der(), &other);
    // that it comes along makes it no anchor
    let reply = waiting.success(&[&leaf, &ca]);
    waiting.ends_the_request(reply, BadSignature::Path);
}

// T33
#[test]
fn a_certificate_of_another_device_does_not_issue() {
    let waiting = Waiting::new();
    let stranger = TestKey::stranger();
    let mut template = Template::leaf("CN=dev2");
    template.usage = Some(KeyUsage::DIGITAL_SIGNATURE | KeyUsage::KEY_CERT_SIGN);
    let other = template.sign(stranger.soft.public_key_der(), &waiting.ca.key);
    let mut template = Template::leaf(DEVICE_NAME);
    template.issuer = name("CN=dev2");
    let leaf = template.sign(waiting.device.key.soft.public_key_der(), &stranger);
    let reply = waiting.success(&[&leaf, &other]);
    waiting.ends_the_request(reply, BadSignature::Path);
}

// T33, T53, case 119
#[test]
fn dates_are_checked_by_a_device_with_a_clock() {
    for (from, until) in [(NOW - YEAR, NOW - 1), (NOW + 1, NOW + YEAR)] {
        let waiting = Waiting::new();
        let leaf = waiting.leaf(|template| (template.from, template.until) = (from, until));
        let reply = waiting.success(&[&leaf]);
        // what is not valid yet is so in a while, and the same request brings it again
        assert_eq!(waiting.counts_as_no_answer(reply, BadSignature::Validity), 1);

        let mut waiting = Waiting::new();
        waiting.device.now = None;
        let reply = waiting.success(&[&leaf]);
        let issued = issued_step(waiting.device.take(waiting.transmit, reply).unwrap());
        assert_eq!((issued.certificate, issued.checked_time), (leaf, false));
    }
}

// R-3.3.2.1-2: the self-signed one and an expired one may come too, in front
#[test]
fn of_several_certificates_for_the_key_the_good_one_is_taken() {
    let mut waiting = Waiting::new();
    let expired = waiting.leaf(|template| template.until = NOW - 1);
    let leaf = waiting.leaf(|_| {});
    let reply = waiting.success(&[&waiting.asked.signer, &expired, &leaf]);
    let issued = issued_step(waiting.device.take(waiting.transmit, reply).unwrap());
    assert_eq!((issued.certificate, issued.others.len()), (leaf, 2));
}

// R-2.2-9, T31, T53: it was valid when the CA was trusted
#[test]
fn a_reply_signed_after_the_signer_has_expired_is_no_answer() {
    for (now, valid) in [(NOW + 15 * YEAR, true), (NOW + 15 * YEAR + 1, false)] {
        let mut waiting = Waiting::new();
        let leaf = waiting.leaf(|template| template.until = NOW + 20 * YEAR);
        waiting.device.now = Some(at(now));
        let reply = waiting.success(&[&leaf]);
        match waiting.device.take(waiting.transmit, reply) {
            Ok(step) => assert_eq!((issued_step(step).certificate, valid), (leaf, true)),
            Err(failed) => {
                assert_eq!((failed.error, valid), (BadSignature::Validity.into(), false));
                assert!(failed.retry.is_some());
            }
        }
    }
}

// quirk 24, P15, R-3.3.2.1-2, case 106
#[test]
fn the_certificate_is_found_by_its_key_wherever_it_stands() {
    let mut waiting = Waiting::new();
    let stranger = TestKey::stranger();
    let other = Template::leaf(DEVICE_NAME).sign(stranger.soft.public_key_der(), &waiting.ca.key);
    let leaf = waiting.leaf(|_| {});
    let reply = waiting.success(&[&waiting.ca.certificate, &other, &leaf]);
    let issued = issued_step(waiting.device.take(waiting.transmit, reply).unwrap());
    assert_eq!((issued.certificate, issued.others), (leaf, vec![waiting.ca.certificate, other]));
}

// R-3.3.2.1-6, case 107
#[test]
fn the_ca_may_change_the_subject() {
    let mut waiting = Waiting::new();
    let leaf = waiting.leaf(|template| template.subject = name("O=Somewhere else"));
    let reply = waiting.success(&[&leaf]);
    assert_eq!(issued_step(waiting.device.take(waiting.transmit, reply).unwrap()).certificate, leaf);
}

#[test]
fn an_intermediate_that_comes_along_completes_the_path() {
    let mut waiting = Waiting::new();
    let between = TestKey::other_ca();
    let mut template = Template::ca("CN=Between");
    template.issuer = name(CA_NAME);
    let intermediate = template.sign(between.soft.public_key_der(), &waiting.ca.key);
    let mut template = Template::leaf(DEVICE_NAME);
    template.issuer = name("CN=Between");
    let leaf = template.sign(waiting.device.key.soft.public_key_der(), &between);
    let reply = waiting.success(&[&leaf, &intermediate]);
    let issued = issued_step(waiting.device.take(waiting.transmit, reply).unwrap());
    assert_eq!((issued.certificate, issued.others), (leaf, vec![intermediate]));
    assert_eq!(issued.ca.anchors(), [waiting.ca.certificate]);
}

// --- not a reply at all ------------------------------------------------------------------------------------------

#[test]
fn what_is_not_a_reply_is_no_answer() {
    let page = HttpResponse::new(200, Some("text/html"), b"<html>".to_vec());
    Waiting::new().counts_as_no_answer(page, PeerMisbehaved::ContentType);
    Waiting::new().counts_as_no_answer(reply(Vec::new()), InvalidMessage::Empty);
    let large = vec![0x30; Limits::DEFAULT.response + 1];
    Waiting::new().counts_as_no_answer(reply(large), Limit::Message);
    for status in [408, 429, 500, 502, 503, 504] {
        Waiting::new().counts_as_no_answer(HttpResponse::error(status), Error::UnexpectedStatus(status));
    }
    for status in [301, 302, 400, 403, 404, 405] {
        Waiting::new().ends_the_request(HttpResponse::error(status), Error::UnexpectedStatus(status));
    }
}

// T31: an RA that may not sign is no signer; the CA behind it may
#[test]
fn an_ra_whose_key_is_for_encryption_does_not_sign_replies() {
    let ca = Ca::with_encryption_ra();
    let certificate = ca.ra.clone().unwrap();
    let waiting = Waiting::at(ca);
    let reply = CertRep::new(&waiting.asked, "3").sign(&TestKey::ra(), &certificate);
    waiting.counts_as_no_answer(reply, BadSignature::UntrustedSigner);
}
