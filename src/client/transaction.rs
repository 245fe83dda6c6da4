//! What stays the same in all messages of a transaction, and how a message is made (RFC 8894 sections 3.1 and 3.2).

use super::ca::TrustedCa;
use super::config::ClientConfig;
use super::password::Secret;
use super::reply::InFlight;
use super::sign::Signing;
use super::step::{Done, Sign, Step};
use crate::crypto::{Purpose, Rng, random};
use crate::error::{ApiMisuse, Error, PeerMisbehaved};
use crate::message::{self, Correlation, Fields, envelope_for_certificate};
use crate::transport::ScepUrl;
use crate::wire::algorithm::{ContentEncryption, Digest};
use crate::wire::attributes::{MessageType, Nonce, TransactionId};
use crate::wire::capabilities::Capability;
use crate::wire::certificate::Certificate;
use crate::wire::certs_only::CertsOnly;
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use rustls_pki_types::{CertificateDer, UnixTime};

/// The two parties, and the transactionID.
#[derive(Clone)]
pub(super) struct Transaction {
    pub(super) config: Arc<ClientConfig>,
    pub(super) url: ScepUrl,
    pub(super) ca: TrustedCa,
    pub(super) id: TransactionId,
    /// The certificate that messages are signed under, and that replies are encrypted for (R-2.3-10).
    pub(super) signer: CertificateDer<'static>,
    /// What goes along behind it.
    pub(super) chain: Vec<CertificateDer<'static>>,
    /// What messages are encrypted by where a key of the two cannot encrypt (R-3.1-3).
    pub(super) secret: Option<Secret>,
}

/// What a transaction is to bring.
#[derive(Clone)]
pub(super) enum Wanted {
    Issued(Requested),
    /// What has to do with this IssuerAndSerialNumber, and who reads it: a device that fetches nothing does not link that.
    Fetched(Vec<u8>, ReadFetched),
}

/// Finds what was asked for in a reply; the number says how many signatures may be verified.
pub(super) type ReadFetched =
    fn(&Transaction, &[u8], &CertsOnly<'_>, &mut usize, Option<UnixTime>) -> Result<Done, Error>;

/// A certificate that was requested.
#[derive(Clone)]
pub(super) struct Requested {
    /// Subject of the certification request, DER.
    pub(super) subject: Vec<u8>,
    /// The key to be certified, DER SubjectPublicKeyInfo: not the signer's when there are two.
    pub(super) public_key: Vec<u8>,
}

impl fmt::Debug for Transaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Transaction({}, {})", self.url, self.id)
    }
}

/// A transactionID that nobody used before: 128 random bits.
pub(super) fn fresh_id(rng: &mut Rng<'_>) -> Result<TransactionId, Error> {
    let mut text = Vec::with_capacity(32);
    for byte in random::random_array::<16>(rng)? {
        // not `write!`: a device that prints nothing else would have all of `core::fmt` for this
        text.extend(
            [byte >> 4, byte & 15]
                .map(|digit| digit.saturating_add(if digit < 10 { b'0' } else { b'a' - 10 })),
        );
    }
    TransactionId::new(text)
}

/// What messages to a CA are made with.
#[derive(Clone, Copy)]
pub(super) struct Algorithms {
    pub(super) digest: Digest,
    pub(super) cipher: ContentEncryption,
}

impl Algorithms {
    /// Those that RFC 8894 section 2.9 makes everybody support; a CA that lists less gets them all the same (T28), unless
    /// [`Compat::weak_algorithms`](super::Compat::weak_algorithms) is on.
    pub(super) fn choose(config: &ClientConfig, ca: &TrustedCa) -> Result<Self, Error> {
        let listed = ca.capabilities();
        let lacks = |capability| config.compat.weak_algorithms && !listed.contains(capability);
        let cipher = match lacks(Capability::Aes) {
            false => ContentEncryption::Aes128Cbc,
            true => ContentEncryption::TripleDesCbc,
        };
        let digest = match lacks(Capability::Sha256) {
            false => Digest::Sha256,
            true if listed.lists(Capability::Sha512) => Digest::Sha512,
            true if config.require_sha2 => return Err(PeerMisbehaved::Downgrade.into()),
            true => Digest::Sha1,
        };
        config.provider.digest(digest).map_err(|_| ApiMisuse::Algorithm)?;
        config.provider.cipher(cipher).map_err(|_| ApiMisuse::Algorithm)?;
        if Certificate::parse(ca.recipient())?.public_key().can_encrypt() {
            config.provider.wrapper(config.key_transport).map_err(|_| ApiMisuse::Algorithm)?;
        }
        Ok(Self { digest, cipher })
    }
}

impl Transaction {
    /// Encrypts `content`, and drafts the message around it.
    pub(super) fn message(
        self,
        wanted: Wanted,
        message_type: MessageType,
        content: &[u8],
        polls: u32,
        rng: &mut Rng<'_>,
    ) -> Result<Step, Error> {
        let provider = self.config.provider;
        let Algorithms { digest, cipher } = Algorithms::choose(&self.config, &self.ca)?;
        let recipient = Certificate::parse(self.ca.recipient())?;
        let sealed =
            match (recipient.public_key().can_encrypt(), self.config.password_recipients, &self.secret) {
                (true, ..) => {
                    let transport = self.config.key_transport;
                    envelope_for_certificate(provider, content, &recipient, transport, cipher, rng)?
                }
                (false, Some(passwords), Some(secret)) => {
                    (passwords.seal)(provider, content, secret, cipher, rng)?
                }
                // questions about certificates have no challenge
                _ => return Err(ApiMisuse::Recipient.into()),
            };
        let nonce = Nonce::from_bytes(&random::random_array::<16>(rng)?)?;
        let fields = Fields {
            message_type,
            pki_status: None,
            fail_info: None,
            fail_info_text: None,
            sender_nonce: nonce.clone(),
            recipient_nonce: None,
            transaction_id: self.id.clone(),
            signing_time: None,
        };
        let signer = self.signer.clone();
        let draft = message::Draft::new(provider, sealed, &fields, signer, digest, Purpose::PkiMessage)?
            .with_chain(self.chain.clone());
        let expected = Correlation { transaction_id: self.id.clone(), nonce };
        let flight = Box::new(InFlight { transaction: self, wanted, message_type, expected, polls });
        Ok(Step::Sign(Sign(Box::new(Signing::Message { flight, draft }))))
    }
}
