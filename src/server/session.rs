//! The request in hand, and every way to answer it.

use super::config::{Identity, ServerConfig};
use super::exchange::{Exchange, Sign};
use super::outcome::{Event, Outcome, Status, Summary};
use super::password::FindChallenge;
use super::transaction::TransactionKey;
use crate::crypto::{ChallengePassword, Purpose, Rng, random};
use crate::error::{Error, FailInfo, InvalidMessage};
use crate::message::{Addressee, Draft, Fields, Verified, envelope};
use crate::transport::HttpResponse;
use crate::wire::algorithm::{ContentEncryption, Digest};
use crate::wire::attributes::{MessageType, Nonce, PkiStatus, TransactionId};
use crate::wire::certificate::Certificate;
use crate::wire::certs_only;
use alloc::boxed::Box;
use alloc::string::ToString;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use rustls_pki_types::{CertificateDer, UnixTime};

/// What is known of the request in hand, and how its reply will look.
pub(super) struct Session {
    pub(super) config: Arc<ServerConfig>,
    pub(super) now: UnixTime,
    /// Whose identity answers: the one the request named, else the first.
    identity: usize,
    /// Mirrors the request where the provider can.
    pub(super) digest: Digest,
    pub(super) cipher: ContentEncryption,
    nonce: Option<Nonce>,
    /// The reply's recipient, once the signature verified.
    pub(super) signer: Option<CertificateDer<'static>>,
    /// Whether the signer was found to hold a certificate of one of the issuers. It is looked for only where a switch
    /// makes a difference of it.
    pub(super) certified: bool,
    /// How many more signatures on certificates may be verified for the message (T40).
    pub(super) signatures: usize,
    /// Whether the transaction was looked up twice.
    pub(super) looked_again: bool,
    /// Protects the reply to a signer whose key cannot decrypt.
    pub(super) password: Option<Arc<ChallengePassword>>,
    cause: Option<Error>,
    pub(super) summary: Summary,
    pub(super) events: Vec<Event>,
}

/// What a CertRep says.
enum Answer {
    /// With a certs-only message.
    Success(Vec<u8>),
    Pending,
    Failure(FailInfo),
}

impl Session {
    pub(super) fn new(config: Arc<ServerConfig>, now: UnixTime, summary: Summary) -> Self {
        Self {
            config,
            now,
            identity: 0,
            digest: Digest::Sha256,
            cipher: ContentEncryption::Aes128Cbc,
            nonce: None,
            signer: None,
            certified: false,
            signatures: 0,
            looked_again: false,
            password: None,
            cause: None,
            summary,
            events: Vec::new(),
        }
    }

    pub(super) fn address(&mut self, id: TransactionId, nonce: Nonce) {
        self.summary.transaction_id = Some(id);
        self.nonce = Some(nonce);
    }

    pub(super) fn signed_by(&mut self, message: &Verified) {
        // one is for the certification request, and is verified in any case
        self.signatures = message.signatures_left().saturating_sub(1);
        let signer = message.signer();
        self.summary.subject = Certificate::parse(signer).ok().map(|signer| signer.subject().to_string());
        self.signer = Some(signer.clone());
    }

    /// Answers as the identity with this encryption certificate.
    pub(super) fn received_for(&mut self, recipient: &CertificateDer<'static>) {
        let mut identities = self.config.identities();
        self.identity = identities.position(|own| own.encryption == *recipient).unwrap_or_default();
    }

    fn identity(&self) -> &Identity {
        self.config.identities().nth(self.identity).unwrap_or(&self.config.identity)
    }

    /// The encryption certificate of the identity that the message named.
    pub(super) fn recipient(&self) -> &CertificateDer<'static> {
        &self.identity().encryption
    }

    /// What to say about a refusal.
    pub(super) fn detail(&mut self, text: &str) {
        self.summary.detail = Some(text.chars().take(255).collect());
    }

    /// Whether the signer's key cannot decrypt, so that replies to it need a password (RFC 8894 section 3.1).
    pub(super) fn is_password_recipient(&self) -> bool {
        let signer = self.signer.as_ref().and_then(|signer| Certificate::parse(signer).ok());
        signer.is_some_and(|signer| !signer.public_key().can_encrypt())
    }

    /// What the transaction of the message in hand is found by.
    pub(super) fn transaction_key(&self) -> Result<TransactionKey, Error> {
        let signer = Certificate::parse(self.signer.as_ref().ok_or(InvalidMessage::Certificate)?)?;
        // nobody signed the certificate's encoding: other parameters next to the same key are the same signer (T25)
        let hash = self.config.provider.sha256(&[&signer.public_key().to_canonical()?])?;
        Ok(TransactionKey::new(self.config.endpoint.clone(), self.transaction_id()?.clone(), hash))
    }

    pub(super) fn transaction_id(&self) -> Result<&TransactionId, Error> {
        self.summary.transaction_id.as_ref().ok_or(InvalidMessage::MissingAttribute.into())
    }

    pub(super) fn done(mut self, reply: HttpResponse) -> Exchange {
        if reply.status != 200 {
            self.summary.status = Status::HttpError;
        }
        Exchange::Done(Outcome { reply, cause: self.cause, summary: self.summary, events: self.events })
    }

    /// An HTTP status, where no CertRep can be addressed.
    pub(super) fn http_error(mut self, error: Error) -> Exchange {
        self.cause = Some(error);
        self.done(HttpResponse::error(error.http_status()))
    }

    /// 503: the transaction stays as it is, and the client asks again (E21).
    pub(super) fn unavailable(mut self, error: Error) -> Exchange {
        self.cause = Some(error);
        let mut reply = HttpResponse::error(503);
        reply.retry_after = Some(self.config.retry_after);
        self.done(reply)
    }

    /// FAILURE with the failInfo of the table.
    pub(super) fn refuse(mut self, error: Error, rng: &mut Rng<'_>) -> Exchange {
        self.cause = Some(error);
        self.reply(&Answer::Failure(error.fail_info()), rng)
    }

    /// FAILURE badRequest whatever the error: from decryption to the challenge all refusals look the same.
    pub(super) fn refuse_request(mut self, error: Error, rng: &mut Rng<'_>) -> Exchange {
        self.cause = Some(error);
        self.reply(&Answer::Failure(FailInfo::BadRequest), rng)
    }

    /// FAILURE badCertId whatever the error: from decryption on, all that GetCert and GetCRL are refused for looks the
    /// same.
    pub(super) fn refuse_lookup(mut self, error: Error, rng: &mut Rng<'_>) -> Exchange {
        self.cause = Some(error);
        self.reply(&Answer::Failure(FailInfo::BadCertId), rng)
    }

    pub(super) fn hold(self, rng: &mut Rng<'_>) -> Exchange {
        self.reply(&Answer::Pending, rng)
    }

    pub(super) fn deliver(self, chain: &[CertificateDer<'static>], rng: &mut Rng<'_>) -> Exchange {
        if self.password.is_none() && self.is_password_recipient() {
            return FindChallenge::to_deliver(self, chain);
        }
        let list: Vec<&[u8]> = chain.iter().map(AsRef::as_ref).collect();
        self.reply(&Answer::Success(certs_only::encode(&list)), rng)
    }

    /// SUCCESS with a CRL and no certificate (RFC 8894 section 3.3.2.1).
    pub(super) fn deliver_crl(self, crl: &[u8], rng: &mut Rng<'_>) -> Exchange {
        self.reply(&Answer::Success(certs_only::encode_crl(crl)), rng)
    }

    fn reply(mut self, answer: &Answer, rng: &mut Rng<'_>) -> Exchange {
        match self.draft(answer, rng) {
            Ok(draft) => {
                self.summary.status = match answer {
                    Answer::Success(_) => Status::Success,
                    Answer::Pending => Status::Pending,
                    Answer::Failure(fail_info) => Status::Failure(*fail_info),
                };
                Exchange::Sign(Sign { session: Box::new(self), draft })
            }
            Err(error) => self.unavailable(error),
        }
    }

    fn draft(&self, answer: &Answer, rng: &mut Rng<'_>) -> Result<Draft, Error> {
        let provider = self.config.provider;
        let (pki_status, fail_info) = match answer {
            Answer::Success(_) => (PkiStatus::Success, None),
            Answer::Pending => (PkiStatus::Pending, None),
            Answer::Failure(fail_info) => (PkiStatus::Failure, Some(*fail_info)),
        };
        let content = match answer {
            Answer::Success(certs_only) => {
                let signer = self.signer.as_ref().ok_or(InvalidMessage::Certificate)?;
                let recipient = Certificate::parse(signer)?;
                let addressee = match &self.password {
                    Some(password) if self.is_password_recipient() => Addressee::Password(password),
                    _ => Addressee::Certificate {
                        certificate: &recipient,
                        transport: self.config.key_transport,
                    },
                };
                envelope(provider, certs_only, addressee, self.cipher, rng)?
            }
            // zero octets, and present: some clients cannot read an absent eContent
            Answer::Pending | Answer::Failure(_) => Vec::new(),
        };
        let certificate = self.identity().signing.clone();
        let fields = Fields {
            message_type: MessageType::CertRep,
            pki_status: Some(pki_status),
            fail_info,
            fail_info_text: self.summary.detail.clone().filter(|_| fail_info.is_some()),
            sender_nonce: Nonce::from_bytes(&random::random_array::<16>(rng)?)?,
            recipient_nonce: self.nonce.clone(),
            transaction_id: self.transaction_id()?.clone(),
            signing_time: Some(self.now),
        };
        Draft::new(provider, content, &fields, certificate, self.digest, Purpose::CertRep)
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("summary", &self.summary).finish_non_exhaustive()
    }
}
