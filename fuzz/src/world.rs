//! Keys, certificates and messages for the insecure provider, and repairs to what a fuzzer has damaged.

use super::insecure::{INSECURE, TAG, sign, tag, unwrap};
use scep::Error;
use scep::crypto::rustcrypto::certificates_from_pem;
use scep::crypto::{ContentEncryption, Digest, KeyTransport, Purpose, Rng, SignatureScheme};
use scep::message::{Addressee, Draft, Fields, OpenPolicy, Verified, envelope};
use scep::pki_types::{CertificateDer, UnixTime};
use scep::wire::public_key::encode_rsa;
use scep::wire::{
    Certificate, CertificationRequest, CertificationRequestInfoDraft, DistinguishedName, EnvelopedData,
    ExtensionsBuilder, KeyUsage, Limits, MessageType, Nonce, Oid, SignedData, SubjectPublicKeyInfo,
    TransactionId, assemble, normalize,
};
use std::sync::LazyLock;
use std::time::Duration;

pub const LIMITS: Limits = Limits::DEFAULT;
pub const URL: &str = "http://ca.test/scep";
pub const CHALLENGE: &str = "correct horse battery staple";
pub const SUBJECT: &str = "C=DE, O=Test vectors, CN=dev1";
/// 2027-01-15: the certificates in `vectors/keys` are valid.
pub const NOW: u64 = 1_800_000_000;
pub const YEAR: u64 = 365 * 24 * 3600;
pub const SCHEME: SignatureScheme = SignatureScheme::RsaPkcs1(Digest::Sha256);

pub fn at(seconds: u64) -> UnixTime {
    UnixTime::since_unix_epoch(Duration::from_secs(seconds))
}

/// The bytes that decide what happens next; zeros when there are none left.
pub struct Data<'a>(pub &'a [u8]);

impl<'a> Data<'a> {
    pub fn byte(&mut self) -> u8 {
        let (first, rest) = self.0.split_first().unwrap_or((&0, &[]));
        self.0 = rest;
        *first
    }

    pub fn below(&mut self, bound: usize) -> usize {
        usize::from(self.byte()) % bound
    }

    pub fn flag(&mut self) -> bool {
        self.byte() & 1 == 1
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Where `inner` begins in `outer`, if it is a part of it.
fn offset(outer: &[u8], inner: &[u8]) -> Option<usize> {
    let start = inner.as_ptr().addr().checked_sub(outer.as_ptr().addr())?;
    (start + inner.len() <= outer.len() && !inner.is_empty()).then_some(start)
}

fn overwrite(bytes: &mut [u8], at: usize, with: &[u8]) {
    bytes[at..].iter_mut().zip(with).for_each(|(to, from)| *to = *from);
}

/// The certificate with the insecure signature of this key in place of the one that it has.
pub fn signed_by(certificate: &[u8], key: &[u8]) -> CertificateDer<'static> {
    let own = Certificate::parse(certificate).unwrap();
    let place = offset(certificate, own.signature()).unwrap();
    let mut der = certificate.to_vec();
    overwrite(&mut der, place, &tag(&SubjectPublicKeyInfo::parse(key).unwrap()).unwrap());
    CertificateDer::from(der)
}

fn key_of(certificate: &[u8]) -> Vec<u8> {
    Certificate::parse(certificate).unwrap().public_key().as_der().to_vec()
}

fn of_vectors(pem: &str) -> CertificateDer<'static> {
    let der = certificates_from_pem(pem).unwrap().remove(0);
    signed_by(&der, &key_of(&der))
}

/// The CA of `vectors/`, whose messages therefore fit.
pub static CA: LazyLock<CertificateDer<'static>> =
    LazyLock::new(|| of_vectors(include_str!("../../vectors/keys/test-ca.crt.pem")));
pub static NEXT_CA: LazyLock<CertificateDer<'static>> =
    LazyLock::new(|| of_vectors(include_str!("../../vectors/keys/test-next-ca.crt.pem")));
/// A certificate on an elliptic curve: a device that cannot decrypt.
pub static CURVE: LazyLock<CertificateDer<'static>> =
    LazyLock::new(|| of_vectors(include_str!("../../vectors/keys/test-p256.crt.pem")));

/// A key like no other, of 2048 bits; nobody does arithmetic with it.
pub fn key(number: u8) -> Vec<u8> {
    // with these last bytes there is no small factor, so the keys are taken for sound ones
    const LAST: [u8; 16] = [23, 1, 37, 19, 1, 19, 1, 23, 1, 1, 1, 1, 1, 19, 19, 1];
    let number = number & 0x0F;
    let modulus = [[0xC0 | number; 255].as_slice(), &[LAST[usize::from(number)]]].concat();
    encode_rsa(&modulus, &[1, 0, 1])
}

pub fn tlv(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let value = parts.concat();
    let mut der = vec![tag];
    match value.len() {
        length @ ..0x80 => der.push(length as u8),
        length @ ..0x100 => der.extend([0x81, length as u8]),
        length => der.extend([0x82, (length >> 8) as u8, length as u8]),
    }
    der.extend(value);
    der
}

pub fn name(text: &str) -> DistinguishedName {
    text.parse().unwrap()
}

/// What a certificate says.
pub struct Template<'a> {
    pub issuer: &'a [u8],
    pub subject: &'a [u8],
    pub serial: u64,
    /// Digits of a GeneralizedTime.
    pub until: &'static [u8; 15],
    pub key: &'a [u8],
    pub ca: bool,
}

const RSA_WITH_SHA256: &[u8] = &[0x30, 0x0D, 6, 9, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 1, 0x0B, 5, 0];

impl Template<'_> {
    /// Signs it with `by`, a SubjectPublicKeyInfo.
    pub fn sign(&self, by: &[u8]) -> CertificateDer<'static> {
        let usage = KeyUsage::DIGITAL_SIGNATURE | KeyUsage::KEY_ENCIPHERMENT;
        let mut extensions = ExtensionsBuilder::default().key_usage(usage);
        if self.ca {
            extensions = extensions.raw(Oid::BASIC_CONSTRAINTS, true, &[0x30, 3, 1, 1, 0xFF]);
        }
        let serial = [&[0x01][..], &self.serial.to_be_bytes()].concat();
        let dates = [&tlv(0x18, &[b"20200101000000Z"])[..], &tlv(0x18, &[self.until])].concat();
        let parts: [&[u8]; 8] = [
            &[0xA0, 3, 2, 1, 2],
            &tlv(2, &[&serial]),
            RSA_WITH_SHA256,
            self.issuer,
            &tlv(0x30, &[&dates]),
            self.subject,
            self.key,
            &tlv(0xA3, &[&extensions.build()]),
        ];
        let tbs = tlv(0x30, &parts);
        let signature = tag(&SubjectPublicKeyInfo::parse(by).unwrap()).unwrap().repeat(4);
        CertificateDer::from(assemble(&tbs, SCHEME, &signature))
    }
}

pub const VALID: &[u8; 15] = b"20400101000000Z";
pub const EXPIRED: &[u8; 15] = b"20210101000000Z";

/// A certificate of the CA's for `key`.
pub fn issued(subject: &[u8], key: &[u8], serial: u64) -> CertificateDer<'static> {
    let ca = Certificate::parse(&CA).unwrap();
    let issuer = ca.subject();
    Template { issuer: issuer.as_der(), subject, serial, until: VALID, key, ca: false }
        .sign(ca.public_key().as_der())
}

/// A self-signed certificate.
pub fn own(subject: &[u8], key: &[u8], until: &'static [u8; 15]) -> CertificateDer<'static> {
    Template { issuer: subject, subject, serial: 7, until, key, ca: false }.sign(key)
}

/// A CRL of the CA's with these serial numbers.
pub fn crl(serials: &[u8]) -> Vec<u8> {
    let ca = Certificate::parse(&CA).unwrap();
    let date = tlv(0x18, &[b"20260101000000Z"]);
    let next = tlv(0x17, &[b"400101000000Z"]);
    // keyCompromise
    let reason = ExtensionsBuilder::default().raw(Oid::new(&[0x55, 0x1D, 0x15]), false, &[10, 1, 1]).build();
    let entry = |serial: &u8| tlv(0x30, &[&[2, 1, *serial], &date, if *serial > 9 { &reason } else { &[] }]);
    let entries = tlv(0x30, &[&serials.iter().flat_map(entry).collect::<Vec<u8>>()]);
    let number = ExtensionsBuilder::default().raw(Oid::new(&[0x55, 0x1D, 0x14]), false, &[2, 1, 5]).build();
    let number = tlv(0xA0, &[&number]);
    let rest: [&[u8]; 3] = if serials.is_empty() { [&[], &[], &[]] } else { [&next, &entries, &number] };
    let parts = [&[&[2, 1, 1], RSA_WITH_SHA256, ca.subject().as_der(), &date][..], &rest].concat();
    assemble(&tlv(0x30, &parts), SCHEME, &tag(&ca.public_key()).unwrap().repeat(4))
}

/// A certification request, signed with its own key.
pub fn csr(subject: &DistinguishedName, key: &[u8], challenge: Option<&str>) -> Vec<u8> {
    let public_key = SubjectPublicKeyInfo::parse(key).unwrap();
    let scheme = public_key.signature_scheme(Digest::Sha256).unwrap();
    let info =
        CertificationRequestInfoDraft { subject: subject.name(), public_key, challenge, extensions: None };
    assemble(&info.encode(), scheme, &tag(&public_key).unwrap().repeat(4))
}

/// A message to be made.
pub struct Letter<'a> {
    pub fields: Fields,
    /// What to encrypt, and for whom; nothing goes into a FAILURE.
    pub content: Option<(&'a [u8], &'a CertificateDer<'static>)>,
    /// By this instead of the certificate's key.
    pub password: Option<scep::crypto::ChallengePassword>,
    pub signer: &'a CertificateDer<'static>,
    pub digest: Digest,
    pub cipher: ContentEncryption,
}

impl<'a> Letter<'a> {
    pub fn new(
        fields: Fields,
        content: &'a [u8],
        to: &'a CertificateDer<'static>,
        signer: &'a CertificateDer<'static>,
    ) -> Self {
        let (digest, cipher) = (Digest::Sha256, ContentEncryption::Aes128Cbc);
        Self { fields, content: Some((content, to)), password: None, signer, digest, cipher }
    }

    pub fn seal(&self, rng: &mut Rng<'_>) -> Result<Vec<u8>, Error> {
        let sealed = match (&self.password, self.content) {
            (_, None) => Vec::new(),
            (Some(password), Some((content, _))) => {
                envelope(&INSECURE, content, Addressee::Password(password), self.cipher, rng)?
            }
            (None, Some((content, to))) => {
                let certificate = Certificate::parse(to)?;
                let transport = KeyTransport::RsaPkcs1v15;
                let to = Addressee::Certificate { certificate: &certificate, transport };
                envelope(&INSECURE, content, to, self.cipher, rng)?
            }
        };
        self.seal_raw(sealed)
    }

    /// With this in place of an envelope.
    pub fn seal_raw(&self, content: Vec<u8>) -> Result<Vec<u8>, Error> {
        let draft = Draft::new(
            &INSECURE,
            content,
            &self.fields,
            self.signer.clone(),
            self.digest,
            Purpose::PkiMessage,
        )?;
        draft.seal(&INSECURE, &sign(draft.job())?)
    }
}

pub fn fields(message_type: MessageType, id: &str, nonce: &[u8]) -> Fields {
    Fields {
        message_type,
        pki_status: None,
        fail_info: None,
        fail_info_text: None,
        sender_nonce: Nonce::from_bytes(nonce).unwrap(),
        recipient_nonce: None,
        transaction_id: TransactionId::new(id).unwrap(),
        signing_time: None,
    }
}

/// What is in the envelope of a verified message, for whoever has the keys of these certificates.
pub fn open(
    message: &Verified,
    recipients: &[&CertificateDer<'static>],
    rng: &mut Rng<'_>,
) -> Result<Vec<u8>, Error> {
    let policy = OpenPolicy { provider: &INSECURE, recipients, single_des: true, any_key_identifier: true };
    let envelope = message.envelope(&policy, rng)?;
    let unwrapped = unwrap(envelope.job());
    Ok(envelope.open(&unwrapped)?.content()?.to_vec())
}

/// Makes what is signed and hashed in a message fit again, where its form can still be read: the certification request
/// in it, the certificates of the CA, the digest, and the signature. `signer` is whose signature it needs; without one
/// it is that of the certificate in the message.
pub fn repair(message: &[u8], signer: Option<&CertificateDer<'static>>) -> Vec<u8> {
    let Ok(der) = normalize(message, &LIMITS) else { return message.to_vec() };
    let mut der = der.into_owned();
    for step in [repair_request, repair_certificates, repair_digest] {
        if let Some((place, bytes)) = step(&der) {
            overwrite(&mut der, place, &bytes);
        }
    }
    if let Some((place, bytes)) = repair_signature(&der, signer) {
        overwrite(&mut der, place, &bytes);
    }
    der
}

fn repair_request(der: &[u8]) -> Option<(usize, Vec<u8>)> {
    let data = SignedData::parse(der, &LIMITS).ok()?;
    let content = EnvelopedData::parse(data.embedded()?, &LIMITS).ok()?.encrypted_content();
    let padding = usize::from(*content.last()?);
    let request = content.get(..content.len().checked_sub(padding)?)?;
    let request = CertificationRequest::parse(request, &LIMITS).ok()?;
    let tag = tag(&request.public_key()).ok()?;
    Some((offset(der, request.signature())?, tag[..TAG.min(request.signature().len())].to_vec()))
}

fn repair_certificates(der: &[u8]) -> Option<(usize, Vec<u8>)> {
    let data = SignedData::parse(der, &LIMITS).ok()?;
    let ca = Certificate::parse(&CA).ok()?;
    let mut certificates = data.certificates().iter().filter_map(|one| Certificate::parse(one).ok());
    let issued = certificates.find(|one| one.issuer().matches(&ca.subject()))?;
    let tag = tag(&ca.public_key()).ok()?;
    Some((offset(der, issued.signature())?, tag[..TAG.min(issued.signature().len())].to_vec()))
}

fn repair_digest(der: &[u8]) -> Option<(usize, Vec<u8>)> {
    let data = SignedData::parse(der, &LIMITS).ok()?;
    let signer = data.signer().ok()?;
    let digest = Digest::from_identifier(&signer.digest_algorithm()).ok()?;
    let value = INSECURE.digest(digest).ok()?.digest(&[data.content().unwrap_or_default()]);
    let place = signer.signed_attributes().ok()?.message_digest().ok()??;
    (place.len() == value.as_bytes().len()).then_some(())?;
    Some((offset(der, place)?, value.as_bytes().to_vec()))
}

fn repair_signature(der: &[u8], signer: Option<&CertificateDer<'static>>) -> Option<(usize, Vec<u8>)> {
    let data = SignedData::parse(der, &LIMITS).ok()?;
    let info = data.signer().ok()?;
    let selector = info.sid();
    let certificate = match signer {
        Some(signer) => Certificate::parse(signer).ok()?,
        None => data.certificates().find(&selector)?,
    };
    let tag = tag(&certificate.public_key()).ok()?;
    Some((offset(der, info.signature())?, tag[..TAG.min(info.signature().len())].to_vec()))
}
