//! The report for people, layer by layer.

use crate::{Opened, date, hex};
use scep::inspect::{
    Algorithm, AttributeReport, CertificateReport, CrlReport, EnvelopeReport, KeyReport, MessageReport,
    Payload, Report, RequestReport, SignedDataReport, ValueReport,
};
use std::fmt::{Display, Write};

/// Lines, each with its place in the tree.
struct Page(String);

impl Page {
    fn line(&mut self, depth: usize, line: impl Display) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.0, "{:1$}{line}", "", depth * 2);
    }

    fn field(&mut self, depth: usize, name: &str, value: Option<impl Display>) {
        if let Some(value) = value {
            self.line(depth, format_args!("{name}: {value}"));
        }
    }
}

pub(crate) fn report(report: &Report, opened: &Opened, secrets: bool) -> String {
    let mut page = Page(String::new());
    let around: Vec<_> = report.wrappings.iter().map(ToString::to_string).collect();
    let around = if around.is_empty() { String::new() } else { format!(" in {}", around.join(", ")) };
    page.line(0, format_args!("{}{around}", report.kind));
    if let Some(http) = &report.http {
        page.line(0, "HTTP");
        page.field(1, "method", http.method.as_ref());
        page.field(1, "operation", http.operation.as_ref());
        page.field(1, "CA identifier", http.ca_identifier.as_ref());
        page.field(1, "status", http.status);
        page.field(1, "media type", http.media_type.as_ref());
        page.field(1, "body", Some(format_args!("{} bytes", http.body_length)));
    }
    if let Some(message) = &report.message {
        scep(&mut page, message);
        page.line(0, "SignedData");
        signed_data(&mut page, 1, &message.signed_data);
    }
    if let Some(envelope) = &report.envelope {
        self::envelope(&mut page, envelope);
        match opened {
            Opened::Yes => {}
            Opened::NotTried => page.line(1, "not opened: give the recipient's key with --key"),
            Opened::No(error) => page.line(1, format_args!("not opened: {error}")),
        }
    }
    if let Some(payload) = &report.payload {
        page.line(0, format_args!("Content: {}", payload.kind()));
        self::payload(&mut page, payload, secrets);
    }
    page.field(0, "This library refuses it", report.refusal);
    if report.findings.is_empty() {
        page.line(0, "No deviation found");
    } else {
        page.line(0, "Deviations");
        report.findings.iter().for_each(|finding| page.line(1, finding));
    }
    page.0
}

fn scep(page: &mut Page, message: &MessageReport) {
    let coded = |name: Option<String>, text: Option<&String>| Some(format!("{} ({})", name?, text?));
    page.line(0, "SCEP");
    let (kind, status, reason) = (&message.message_type, &message.pki_status, &message.fail_info);
    let kind = coded(kind.as_ref().map(ToString::to_string), kind.as_ref().map(|coded| &coded.text));
    let status = coded(status.as_ref().map(ToString::to_string), status.as_ref().map(|coded| &coded.text));
    let reason = coded(reason.as_ref().map(ToString::to_string), reason.as_ref().map(|coded| &coded.text));
    page.field(1, "messageType", kind);
    page.field(1, "transactionID", message.transaction_id.as_ref());
    page.field(1, "pkiStatus", status);
    page.field(1, "failInfo", reason);
    page.field(1, "failInfoText", message.fail_info_text.as_ref());
    page.field(1, "senderNonce", message.sender_nonce.as_ref());
    page.field(1, "recipientNonce", message.recipient_nonce.as_ref());
    page.field(1, "signer", message.signed_data.signer_subject());
    page.field(1, "signature", message.signed_data.signers.first().map(|signer| signer.validity));
}

fn list(algorithms: &[Algorithm]) -> String {
    let names: Vec<_> = algorithms.iter().map(ToString::to_string).collect();
    if names.is_empty() { "none".into() } else { names.join(", ") }
}

fn signed_data(page: &mut Page, depth: usize, data: &SignedDataReport) {
    page.field(depth, "version", data.version);
    page.line(depth, format_args!("digestAlgorithms: {}", list(&data.digest_algorithms)));
    page.field(depth, "content type", data.content_type.as_ref());
    page.line(depth, format_args!("content: {}", data.content));
    data.certificates.iter().for_each(|item| certificate(page, depth, item));
    data.crls.iter().for_each(|item| crl(page, depth, item));
    for signer in &data.signers {
        page.line(depth, "SignerInfo");
        page.field(depth + 1, "version", signer.version);
        page.line(depth + 1, format_args!("signer: {}", signer.identifier));
        page.field(depth + 1, "digest", signer.digest_algorithm.as_ref());
        match &signer.attributes {
            None => page.line(depth + 1, "no signed attributes"),
            Some(list) => attributes(page, depth + 1, "signed attributes", list),
        }
        page.field(depth + 1, "signature algorithm", signer.signature_algorithm.as_ref());
        page.line(
            depth + 1,
            format_args!("signature: {}, {} bytes", signer.validity, signer.signature_length),
        );
        if !signer.unsigned_attributes.is_empty() {
            attributes(page, depth + 1, "unsigned attributes", &signer.unsigned_attributes);
        }
    }
}

fn attributes(page: &mut Page, depth: usize, title: &str, list: &[AttributeReport]) {
    page.line(depth, title);
    for attribute in list {
        let values: Vec<_> = attribute.values.iter().map(value).collect();
        let name = attribute.oid.name.map_or_else(
            || attribute.oid.dotted.clone(),
            |name| format!("{name} ({})", attribute.oid.dotted),
        );
        page.line(depth + 1, format_args!("{name}: {}", values.join(" | ")));
    }
}

fn value(value: &ValueReport) -> String {
    let name = value.type_name();
    match value.text() {
        Some(text) => format!("{name} \"{text}\""),
        None if value.contents.is_empty() => format!("{name}, {} bytes", value.length),
        None if value.length <= 64 => format!("{name} {}", hex(&value.contents)),
        None => format!("{name} {}.. ({} bytes)", hex(&value.contents[..32]), value.length),
    }
}

fn key(key: &KeyReport) -> String {
    match (&key.algorithm, key.rsa_bits) {
        (_, Some(bits)) => format!("RSA, {bits} bits"),
        (Some(algorithm), None) => algorithm.to_string(),
        (None, None) => "unreadable".into(),
    }
}

fn certificate(page: &mut Page, depth: usize, certificate: &CertificateReport) {
    let unread = "(unreadable)";
    page.line(depth, format_args!("certificate: {}", certificate.subject.as_deref().unwrap_or(unread)));
    page.line(depth + 1, format_args!("issuer: {}", certificate.issuer.as_deref().unwrap_or(unread)));
    page.line(depth + 1, format_args!("serial: {}", certificate.serial_hex()));
    page.field(depth + 1, "version", certificate.version);
    page.field(depth + 1, "from", certificate.not_before.map(date));
    page.field(depth + 1, "until", certificate.not_after.map(date));
    page.field(depth + 1, "key", certificate.key.as_ref().map(key));
    page.field(depth + 1, "signed with", certificate.signature_algorithm.as_ref());
    let extensions = certificate.extensions.iter();
    let extensions: Vec<_> = extensions
        .map(|extension| format!("{}{}", extension.oid, if extension.critical { " (critical)" } else { "" }))
        .collect();
    page.field(depth + 1, "extensions", (!extensions.is_empty()).then(|| extensions.join(", ")));
    page.field(depth + 1, "usage", certificate.key_usage.map(|usage| format!("{usage:?}")));
}

fn crl(page: &mut Page, depth: usize, crl: &CrlReport) {
    page.line(depth, format_args!("CRL of {}", crl.issuer.as_deref().unwrap_or("(unreadable)")));
    page.field(depth + 1, "issued", crl.this_update.map(date));
    page.field(depth + 1, "next", crl.next_update.map(date));
    page.line(depth + 1, format_args!("revoked: {}", crl.revoked));
    page.field(depth + 1, "signed with", crl.signature_algorithm.as_ref());
}

fn envelope(page: &mut Page, envelope: &EnvelopeReport) {
    page.line(0, "EnvelopedData");
    page.field(1, "version", envelope.version);
    for recipient in &envelope.recipients {
        page.line(1, format_args!("recipient by {}", recipient.kind));
        page.field(2, "version", recipient.version);
        page.field(2, "for", recipient.identifier.as_ref());
        page.field(2, "key derivation", recipient.key_derivation.as_ref());
        page.field(2, "key encryption", recipient.key_encryption.as_ref());
        page.line(2, format_args!("encrypted key: {} bytes", recipient.encrypted_key.len()));
    }
    page.field(1, "content type", envelope.content_type.as_ref());
    page.field(1, "content encryption", envelope.content_encryption.as_ref());
    let chunks = if envelope.is_chunked { ", in chunks" } else { "" };
    page.line(1, format_args!("encrypted content: {} bytes{chunks}", envelope.encrypted_content.len()));
}

fn payload(page: &mut Page, payload: &Payload, secrets: bool) {
    match payload {
        Payload::CertificationRequest(request) => self::request(page, request, secrets),
        Payload::IssuerAndSubject { issuer, subject } => {
            page.field(1, "issuer", issuer.as_ref());
            page.field(1, "subject", subject.as_ref());
        }
        Payload::IssuerAndSerialNumber { issuer, serial } => {
            page.field(1, "issuer", issuer.as_ref());
            page.line(1, format_args!("serial: {}", hex(serial)));
        }
        Payload::CertsOnly(data) => signed_data(page, 1, data),
        Payload::Certificates(list) => list.iter().for_each(|item| certificate(page, 1, item)),
        Payload::Crl(item) => crl(page, 1, item),
        Payload::Capabilities(lines) => lines.iter().for_each(|(line, _)| page.line(1, line)),
        Payload::Unknown(length) => page.line(1, format_args!("{length} bytes of nothing that is known")),
    }
}

fn request(page: &mut Page, request: &RequestReport, secrets: bool) {
    page.field(1, "version", request.version);
    page.line(1, format_args!("subject: {}", request.subject.as_deref().unwrap_or("(unreadable)")));
    page.field(1, "key", request.key.as_ref().map(key));
    page.field(1, "signed with", request.signature_algorithm.as_ref());
    page.line(1, format_args!("signature: {}", request.validity));
    attributes(page, 1, "attributes", &request.attributes);
    if let Some(challenge) = &request.challenge {
        let shown = challenge.expose().filter(|_| secrets).unwrap_or("(hidden)");
        page.line(
            1,
            format_args!("challengePassword: {} {shown}, {} bytes", challenge.type_name, challenge.length),
        );
    }
    let extensions: Vec<_> = request.extensions.iter().map(|extension| extension.oid.to_string()).collect();
    page.field(1, "extensions", (!extensions.is_empty()).then(|| extensions.join(", ")));
    page.field(
        1,
        "alternative names",
        (!request.subject_alt_names.is_empty()).then(|| request.subject_alt_names.join(", ")),
    );
}
