//! Keys, certificates, a generator, and messages made and opened with the crate; the independent tests share them.

use crate::provider::{PROVIDER_WITH_LEGACY, SoftwareKey};
use core::convert::Infallible;
use rand_core::{TryCryptoRng, TryRng};
use scep::Error;
use scep::crypto::{ContentEncryption, Digest, Provider, Purpose, Random};
use scep::message::{Draft, Fields, OpenPolicy, Verified, envelope};
use scep::pki_types::{CertificateDer, UnixTime};
use scep::wire::{Certificate, MessageType, Nonce, PkiStatus, TransactionId};
use std::time::Duration;

pub(crate) static PROVIDER: &Provider = &PROVIDER_WITH_LEGACY;

/// A key, made with OpenSSL for these tests only, and its certificate.
pub(crate) struct Party {
    pub(crate) key_pem: &'static str,
    pub(crate) certificate_pem: &'static str,
}

/// The CA: `C=DE, O=Test, CN=Test CA`, serial number C0FFEE, for signatures and encryption of keys.
pub(crate) const CA: Party =
    Party { key_pem: include_str!("keys/ca.key.pem"), certificate_pem: include_str!("keys/ca.cert.pem") };

/// A device: `O=Test, CN=dev1`, serial number 7A11, issued by [`CA`].
pub(crate) const DEVICE: Party = Party {
    key_pem: include_str!("keys/device.key.pem"),
    certificate_pem: include_str!("keys/device.cert.pem"),
};

/// Somebody else, self-signed: `CN=Stranger`, serial number 5.
pub(crate) const STRANGER: Party = Party {
    key_pem: include_str!("keys/stranger.key.pem"),
    certificate_pem: include_str!("keys/stranger.cert.pem"),
};

impl Party {
    pub(crate) fn key(&self) -> SoftwareKey {
        SoftwareKey::from_pem(self.key_pem).unwrap()
    }

    pub(crate) fn certificate(&self) -> CertificateDer<'static> {
        let (_, der) = pem_rfc7468::decode_vec(self.certificate_pem.as_bytes()).unwrap();
        CertificateDer::from(der)
    }
}

/// Bytes from a seed: the same in every run.
pub(crate) struct Seeded(u64);

impl TryRng for Seeded {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        self.try_next_u64().map(|number| u32::from_be_bytes(number.to_be_bytes()[..4].try_into().unwrap()))
    }

    // SplitMix64
    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        Ok(mixed ^ (mixed >> 31))
    }

    fn try_fill_bytes(&mut self, dst: &mut [u8]) -> Result<(), Infallible> {
        for chunk in dst.chunks_mut(8) {
            let bytes = self.try_next_u64()?.to_be_bytes();
            chunk.copy_from_slice(&bytes[..chunk.len()]);
        }
        Ok(())
    }
}

impl TryCryptoRng for Seeded {}

pub(crate) fn seeded(seed: u64) -> Seeded {
    Seeded(seed)
}

/// 2026-01-02T03:04:05Z.
pub(crate) const SIGNING_TIME: u64 = 1_767_323_045;

pub(crate) fn time(seconds: u64) -> UnixTime {
    UnixTime::since_unix_epoch(Duration::from_secs(seconds))
}

/// The attributes of a CertRep with SUCCESS.
pub(crate) fn success() -> Fields {
    Fields {
        message_type: MessageType::CertRep,
        pki_status: Some(PkiStatus::Success),
        fail_info: None,
        fail_info_text: None,
        sender_nonce: Nonce::from_bytes(&[0x51; 16]).unwrap(),
        recipient_nonce: Some(Nonce::from_bytes(&[0x52; 16]).unwrap()),
        transaction_id: TransactionId::new("4711-ABC").unwrap(),
        signing_time: Some(time(SIGNING_TIME)),
    }
}

/// A pkiMessage around `content`.
pub(crate) fn seal(content: Vec<u8>, fields: &Fields, signer: &Party, digest: Digest) -> Vec<u8> {
    let draft =
        Draft::new(PROVIDER, content, fields, signer.certificate(), digest, Purpose::CertRep).unwrap();
    let signature = signer.key().sign(draft.job(), &mut Random::new(seeded(1))).unwrap();
    draft.seal(PROVIDER, &signature).unwrap()
}

/// An envelope around `content` for `recipient`.
pub(crate) fn enclose(content: &[u8], recipient: &Party, cipher: ContentEncryption) -> Vec<u8> {
    let certificate = recipient.certificate();
    let certificate = Certificate::parse(&certificate).unwrap();
    envelope(PROVIDER, content, (&certificate).into(), cipher, &mut Random::new(seeded(2))).unwrap()
}

/// What is in the envelope of a verified message.
pub(crate) fn open(message: &Verified, recipient: &Party, single_des: bool) -> Result<Vec<u8>, Error> {
    let certificate = recipient.certificate();
    let recipients = [&certificate];
    let policy =
        OpenPolicy { provider: PROVIDER, recipients: &recipients, single_des, any_key_identifier: false };
    let mut rng = Random::new(seeded(3));
    let envelope = message.envelope(&policy, &mut rng)?;
    assert_eq!(envelope.job().recipient().certificate(), &certificate);
    let unwrapped = recipient.key().decrypt(envelope.job(), &mut rng)?;
    envelope.open(&unwrapped)?.content().map(<[u8]>::to_vec)
}
