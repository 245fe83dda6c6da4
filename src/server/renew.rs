//! Renewal (RFC 8894 sections 2.3 and 2.5): RenewalReq, and PKCSReq signed under the certificate to be renewed.

use super::case::Case;
use super::exchange::Exchange;
use super::grant::{Authorized, Evidence};
use super::outcome::Event;
use super::question::{Enrol, Refusal};
use super::transaction::{Kind, RequestedCertificate, Transaction, TransactionKey};
use crate::crypto::{ChallengePassword, Digest, Rng};
use crate::wire::attributes::MessageType;
use crate::wire::certificate::Certificate;
use crate::wire::public_key::SubjectPublicKeyInfo;
use alloc::boxed::Box;
use core::fmt;
use core::time::Duration;
use rustls_pki_types::{CertificateDer, UnixTime};

/// May this certificate be renewed?
///
/// The message is signed under [`Self::certificate`], which one of the configured issuers signed, is valid now and is
/// no CA's, RA's or helper's. The request is for the same subject and for no alternative name that the certificate
/// lacks, and possession of the new key was shown. What the library cannot know: whether the certificate was revoked,
/// and whether its renewal is due.
#[must_use]
pub struct Renew {
    case: Box<Case>,
    certificate: CertificateDer<'static>,
    expires: UnixTime,
}

impl Renew {
    pub(super) fn new(case: Box<Case>, certificate: CertificateDer<'static>, expires: UnixTime) -> Self {
        Self { case, certificate, expires }
    }

    /// The certificate to be renewed, under which this very message is signed: look up whether it was revoked, by its
    /// issuer and serial number. Not by a fingerprint: what follows the signed part may be written in more than one way.
    pub fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    /// The last second of its validity.
    pub fn expires(&self) -> UnixTime {
        self.expires
    }

    /// Whether it ends within `window` from now: the usual time to renew.
    pub fn is_due(&self, window: Duration) -> bool {
        let begins = self.expires.as_secs().saturating_sub(window.as_secs());
        self.case.session.now.as_secs() >= begins
    }

    /// Whether the request is for another key than the certificate's. Renewal under the same key for ever keeps a
    /// stolen one alive (T17).
    pub fn changes_key(&self) -> bool {
        let requested = SubjectPublicKeyInfo::parse(self.requested().public_key());
        let current = Certificate::parse(&self.certificate).map(|certificate| certificate.public_key());
        matches!((requested, current), (Ok(requested), Ok(current)) if !requested.same_key(&current))
    }

    /// What is asked for. Its subject is that of [`Self::certificate`] up to the letter case, the blanks and the string
    /// type of its values (RFC 5280 section 7.1): where these make a difference, issue for the certificate's.
    pub fn requested(&self) -> &RequestedCertificate {
        self.case.requested()
    }

    /// The transaction. Its signer is the key of [`Self::certificate`].
    pub fn transaction(&self) -> &TransactionKey {
        &self.case.key
    }

    /// The transaction's row, as it is or would be recorded.
    pub fn record(&self) -> &Transaction {
        &self.case.open
    }

    /// The encryption certificate of the identity that this very message was for. While a CA's key changes it tells
    /// which one is to issue (RFC 8894 section 5.1, figure 9).
    pub fn recipient(&self) -> &CertificateDer<'static> {
        self.case.session.recipient()
    }

    /// RenewalReq, PKCSReq, or CertPoll for one that was held.
    pub fn message_type(&self) -> MessageType {
        self.case.session.summary.message_type.unwrap_or(MessageType::RenewalReq)
    }

    /// Whether the request was held before, by [`Renew::hold`], and this message asks how it stands.
    pub fn is_held(&self) -> bool {
        self.case.is_held()
    }

    /// The challenge password that came with this very message. Most renewals have none (RFC 8894 section 2.4).
    pub fn challenge(&self) -> Option<&ChallengePassword> {
        self.case.challenge()
    }

    /// The certification request that came with this very message, DER (RFC 2986). A poll has none.
    pub fn csr(&self) -> Option<&[u8]> {
        self.case.csr()
    }

    /// Yes: the owner looked, [`Self::certificate`] is not revoked, and its renewal is due.
    ///
    /// The question comes back when the request or this message is signed with SHA-1: that is too weak where the
    /// signature is all there is (RFC 8894 section 7.9). Then [`Self::into_enrol`] is left.
    pub fn approve_unrevoked(self) -> Result<Authorized, Box<Self>> {
        let held_sha1 = self.case.open.kind() == Kind::Renewal { sha1: true };
        if held_sha1 || self.case.session.digest == Digest::Sha1 {
            return Err(Box::new(self));
        }
        Ok(Authorized::new(self.case, Evidence::Certificate))
    }

    /// Takes it for a first request, to be decided by its challenge password or by a person (T18). A new one that is held
    /// after that comes back as an [`Enrol`] question.
    ///
    /// The request may be for another key than the signer's, which a stranger's may not be: that is an
    /// [`Event::OtherSigner`]. So never take this way for a certificate that was revoked: whoever has its key could use
    /// up a challenge password that he recorded.
    pub fn into_enrol(self) -> Enrol {
        let changes_key = self.changes_key();
        let mut case = self.case;
        if changes_key {
            case.session.events.push(Event::OtherSigner);
        }
        if !case.is_held() {
            case.open.set_kind(Kind::Enrolment);
        }
        Enrol(case)
    }

    /// Not yet: PENDING, and the request is recorded if it is new. It comes back as this question, and only while
    /// whoever asks still signs under a certificate that may renew.
    pub fn hold(self, rng: &mut Rng<'_>) -> Exchange {
        self.case.hold(rng)
    }

    /// No: FAILURE badRequest. A request that was held is recorded as rejected; a new one leaves no trace.
    pub fn refuse(self, refusal: Refusal, rng: &mut Rng<'_>) -> Exchange {
        self.case.refuse(refusal, rng)
    }

    /// No, and the client is told why: the text goes out as failInfoText, at most 255 characters of it. The signer is
    /// known, so the text may speak plainly.
    pub fn refuse_because(self, text: &str, rng: &mut Rng<'_>) -> Exchange {
        self.case.refuse_because(text, rng)
    }

    /// Nobody can tell now: 503, and nothing changes.
    pub fn unavailable(self) -> Exchange {
        self.case.unavailable()
    }
}

impl fmt::Debug for Renew {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Renew({:?})", self.case)
    }
}
