//! The report for programs. Names are fixed; what is absent is null.

use crate::{Opened, date, hex};
use scep::inspect::{
    Algorithm, AttributeReport, CertificateReport, CrlReport, EnvelopeReport, ExtensionReport, Finding,
    KeyReport, Parameters, Payload, Report, RequestReport, SignedDataReport, Validity, ValueReport,
};
use serde_json::{Value, json};

pub(crate) fn report(report: &Report, opened: &Opened, secrets: bool) -> Value {
    let message = report.message.as_ref();
    let signer = message.and_then(|message| message.signed_data.signers.first());
    let envelope = report.envelope.as_ref();
    let recipient = envelope.and_then(|envelope| envelope.recipients.first());
    let name = |algorithm: Option<&Algorithm>| algorithm.map(|algorithm| algorithm.oid.to_string());
    json!({
        "kind": report.kind.name(),
        "wrappings": report.wrappings.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "http": report.http.as_ref().map(|http| json!({
            "method": http.method,
            "operation": http.operation,
            "caIdentifier": http.ca_identifier,
            "status": http.status,
            "mediaType": http.media_type,
            "bodyLength": http.body_length,
        })),
        "messageType": message.and_then(|m| m.message_type.as_ref()).map(ToString::to_string),
        "messageTypeNumber": message.and_then(|m| m.message_type.as_ref()).map(|coded| &coded.text),
        "transactionId": message.and_then(|m| m.transaction_id.as_ref()),
        "pkiStatus": message.and_then(|m| m.pki_status.as_ref()).map(ToString::to_string),
        "pkiStatusNumber": message.and_then(|m| m.pki_status.as_ref()).map(|coded| &coded.text),
        "failInfo": message.and_then(|m| m.fail_info.as_ref()).map(ToString::to_string),
        "failInfoNumber": message.and_then(|m| m.fail_info.as_ref()).map(|coded| &coded.text),
        "failInfoText": message.and_then(|m| m.fail_info_text.as_ref()),
        "senderNonce": message.and_then(|m| m.sender_nonce.as_ref()),
        "recipientNonce": message.and_then(|m| m.recipient_nonce.as_ref()),
        "signingTime": message.and_then(|m| m.signing_time.as_ref()),
        "digestAlgorithm": name(signer.and_then(|signer| signer.digest_algorithm.as_ref())),
        "signatureAlgorithm": name(signer.and_then(|signer| signer.signature_algorithm.as_ref())),
        "contentEncryption": name(envelope.and_then(|envelope| envelope.content_encryption.as_ref())),
        "keyTransport": name(recipient.and_then(|recipient| recipient.key_encryption.as_ref())),
        "signerSubject": message.and_then(|message| message.signed_data.signer_subject()),
        "signatureValid": signer.and_then(|signer| valid(signer.validity)),
        "signature": signer.map(|signer| signer.validity.to_string()),
        "signedData": message.map(|message| signed_data(&message.signed_data)),
        "envelope": envelope.map(|envelope| self::envelope(envelope, opened)),
        "payload": report.payload.as_ref().map(|payload| self::payload(payload, secrets)),
        "deviations": report.findings.iter().map(deviation).collect::<Vec<_>>(),
        "refusal": report.refusal.map(|error| error.to_string()),
    })
}

/// What nobody can say is null.
fn valid(validity: Validity) -> Option<bool> {
    match validity {
        Validity::Valid => Some(true),
        Validity::Invalid => Some(false),
        Validity::Unsupported | Validity::NoCertificate => None,
    }
}

fn deviation(finding: &Finding) -> Value {
    json!({
        "code": finding.deviation.code(),
        "place": finding.place.name(),
        "attribute": finding.attribute,
        "offset": finding.offset,
        "text": finding.deviation.to_string(),
    })
}

fn algorithm(algorithm: &Algorithm) -> Value {
    json!({
        "oid": algorithm.oid.dotted,
        "name": algorithm.oid.name,
        "parameters": match &algorithm.parameters {
            Parameters::Absent => "absent".to_string(),
            Parameters::Null => "NULL".to_string(),
            Parameters::Other(der) => hex(der),
        },
        "details": algorithm.details(),
    })
}

fn attribute(attribute: &AttributeReport) -> Value {
    json!({
        "oid": attribute.oid.dotted,
        "name": attribute.oid.name,
        "values": attribute.values.iter().map(value).collect::<Vec<_>>(),
    })
}

fn value(value: &ValueReport) -> Value {
    json!({
        "type": value.type_name(),
        "tag": value.tag,
        "length": value.length,
        "text": value.text(),
        "hex": (!value.contents.is_empty()).then(|| hex(&value.contents)),
    })
}

fn key(key: &KeyReport) -> Value {
    json!({ "algorithm": key.algorithm.as_ref().map(algorithm), "rsaBits": key.rsa_bits })
}

fn extension(extension: &ExtensionReport) -> Value {
    json!({
        "oid": extension.oid.dotted,
        "name": extension.oid.name,
        "critical": extension.critical,
    })
}

fn certificate(certificate: &CertificateReport) -> Value {
    json!({
        "subject": certificate.subject,
        "issuer": certificate.issuer,
        "serial": certificate.serial_hex(),
        "version": certificate.version,
        "notBefore": certificate.not_before.map(date),
        "notAfter": certificate.not_after.map(date),
        "key": certificate.key.as_ref().map(key),
        "signatureAlgorithm": certificate.signature_algorithm.as_ref().map(algorithm),
        "isCa": certificate.is_ca,
        "isSelfIssued": certificate.is_self_issued,
        "extensions": certificate.extensions.iter().map(extension).collect::<Vec<_>>(),
    })
}

fn crl(crl: &CrlReport) -> Value {
    json!({
        "issuer": crl.issuer,
        "thisUpdate": crl.this_update.map(date),
        "nextUpdate": crl.next_update.map(date),
        "revoked": crl.revoked,
        "signatureAlgorithm": crl.signature_algorithm.as_ref().map(algorithm),
    })
}

fn signed_data(data: &SignedDataReport) -> Value {
    let signers = data.signers.iter().map(|signer| {
        json!({
            "version": signer.version,
            "identifier": signer.identifier.to_string(),
            "digestAlgorithm": signer.digest_algorithm.as_ref().map(algorithm),
            "signatureAlgorithm": signer.signature_algorithm.as_ref().map(algorithm),
            "signatureLength": signer.signature_length,
            "signature": signer.validity.to_string(),
            "attributes": signer.attributes.iter().flatten().map(attribute).collect::<Vec<_>>(),
            "unsignedAttributes": signer.unsigned_attributes.iter().map(attribute).collect::<Vec<_>>(),
        })
    });
    json!({
        "version": data.version,
        "digestAlgorithms": data.digest_algorithms.iter().map(algorithm).collect::<Vec<_>>(),
        "contentType": data.content_type.as_ref().map(ToString::to_string),
        "content": data.content.to_string(),
        "certificates": data.certificates.iter().map(certificate).collect::<Vec<_>>(),
        "crls": data.crls.iter().map(crl).collect::<Vec<_>>(),
        "signers": signers.collect::<Vec<_>>(),
    })
}

fn envelope(envelope: &EnvelopeReport, opened: &Opened) -> Value {
    let recipients = envelope.recipients.iter().map(|recipient| {
        json!({
            "kind": recipient.kind.to_string(),
            "version": recipient.version,
            "identifier": recipient.identifier.as_ref().map(ToString::to_string),
            "keyTransport": recipient.key_encryption.as_ref().map(algorithm),
            "keyDerivation": recipient.key_derivation.as_ref().map(algorithm),
            "encryptedKeyLength": recipient.encrypted_key.len(),
        })
    });
    json!({
        "version": envelope.version,
        "recipients": recipients.collect::<Vec<_>>(),
        "contentType": envelope.content_type.as_ref().map(ToString::to_string),
        "contentEncryption": envelope.content_encryption.as_ref().map(algorithm),
        "encryptedLength": envelope.encrypted_content.len(),
        "chunked": envelope.is_chunked,
        "opened": matches!(opened, Opened::Yes),
        "openError": if let Opened::No(error) = opened { Some(error.to_string()) } else { None },
    })
}

fn payload(payload: &Payload, secrets: bool) -> Value {
    let certificates: Vec<_> = payload.certificates().iter().map(certificate).collect();
    let mut value = json!({
        "kind": payload.kind(),
        "subject": null,
        "certificates": certificates,
        "crls": payload.crls().iter().map(crl).collect::<Vec<_>>(),
    });
    match payload {
        Payload::CertificationRequest(request) => request_into(&mut value, request, secrets),
        Payload::IssuerAndSubject { issuer, subject } => {
            value["issuer"] = json!(issuer);
            value["subject"] = json!(subject);
        }
        Payload::IssuerAndSerialNumber { issuer, serial } => {
            value["issuer"] = json!(issuer);
            value["serial"] = json!(hex(serial));
        }
        Payload::CertsOnly(data) => value["signedData"] = signed_data(data),
        Payload::Capabilities(lines) => {
            value["capabilities"] = lines.iter().map(|(line, _)| line.as_str()).collect();
            value["known"] = lines.iter().filter_map(|(_, known)| Some((*known)?.keyword())).collect();
        }
        Payload::Unknown(length) => value["length"] = json!(length),
        Payload::Certificates(_) | Payload::Crl(_) => {}
    }
    if let (Value::Null, [first, ..]) = (&value["subject"], payload.certificates()) {
        value["subject"] = json!(first.subject);
    }
    value
}

fn request_into(value: &mut Value, request: &RequestReport, secrets: bool) {
    value["subject"] = json!(request.subject);
    value["version"] = json!(request.version);
    value["key"] = json!(request.key.as_ref().map(key));
    value["signatureAlgorithm"] = json!(request.signature_algorithm.as_ref().map(algorithm));
    value["signatureValid"] = json!(valid(request.validity));
    value["signature"] = json!(request.validity.to_string());
    value["attributes"] = request.attributes.iter().map(attribute).collect();
    value["extensions"] = request.extensions.iter().map(extension).collect();
    value["subjectAltNames"] = json!(request.subject_alt_names);
    value["challengePassword"] = match &request.challenge {
        None => Value::Null,
        Some(challenge) if secrets => json!(challenge.expose()),
        Some(_) => json!("(hidden)"),
    };
    value["challengeType"] = json!(request.challenge.as_ref().map(|challenge| challenge.type_name));
}
