//! What a device asks a CA for (RFC 8894 sections 2.3 and 3.3.1).

use super::config::ClientConfig;
use super::password;
use super::renew::Current;
use super::transaction::fresh_id;
use crate::crypto::{ChallengePassword, Digest, Rng, random};
use crate::error::{ApiMisuse, Error};
use crate::wire::attributes::TransactionId;
use crate::wire::distinguished_name::DistinguishedName;
use crate::wire::extension::{ExtensionsBuilder, GeneralName, KeyUsage};
use crate::wire::oid::Oid;
use crate::wire::public_key::SubjectPublicKeyInfo;
use crate::wire::requested_validity::RequestedValidity;
use alloc::vec::Vec;
use core::fmt;

/// What to ask a CA for.
pub struct NewEnrolment {
    pub(super) subject: DistinguishedName,
    pub(super) public_key: Vec<u8>,
    pub(super) reply_key: Option<Vec<u8>>,
    pub(super) challenge: Option<ChallengePassword>,
    /// DER Extensions, or nothing.
    pub(super) extensions: Vec<u8>,
    /// DER of a further attribute, or nothing.
    pub(super) attribute: Vec<u8>,
}

impl NewEnrolment {
    /// A request for `subject` and the key `public_key` (DER SubjectPublicKeyInfo, for example
    /// `SoftwareKey::public_key_der`), whose private key will be asked to sign.
    pub fn builder(subject: DistinguishedName, public_key: &[u8]) -> NewEnrolmentBuilder {
        NewEnrolmentBuilder {
            subject,
            public_key: public_key.to_vec(),
            reply_key: None,
            challenge: None,
            extensions: Ok(ExtensionsBuilder::default()),
            attribute: Vec::new(),
        }
    }
}

impl fmt::Debug for NewEnrolment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NewEnrolment({})", self.subject.name())
    }
}

/// Makes a [`NewEnrolment`].
#[derive(Debug)]
pub struct NewEnrolmentBuilder {
    subject: DistinguishedName,
    public_key: Vec<u8>,
    reply_key: Option<Vec<u8>>,
    challenge: Option<ChallengePassword>,
    extensions: Result<ExtensionsBuilder, Error>,
    attribute: Vec<u8>,
}

impl NewEnrolmentBuilder {
    /// The challenge password that the CA gave out (RFC 8894 section 2.4). Only the CA can read it.
    #[must_use]
    pub fn challenge(mut self, challenge: ChallengePassword) -> Self {
        self.challenge = Some(challenge);
        self
    }

    /// Subject alternative names to ask for (RFC 5280 section 4.2.1.6): critical beside an empty subject, else not. One
    /// that is not what its kind says makes [`Self::build`] fail.
    #[must_use]
    pub fn subject_alt_names(mut self, names: &[GeneralName<'_>]) -> Self {
        let alone = self.subject.name().is_empty();
        self.extensions = self.extensions.and_then(|extensions| {
            let extensions = extensions.subject_alt_names(names)?;
            Ok(if alone { extensions.critical(Oid::SUBJECT_ALT_NAME) } else { extensions })
        });
        self
    }

    /// Key usage to ask for (RFC 5280 section 4.2.1.3).
    #[must_use]
    pub fn key_usage(mut self, usage: KeyUsage) -> Self {
        self.extensions = self.extensions.map(|extensions| extensions.key_usage(usage));
        self
    }

    /// Purposes to ask for (RFC 5280 section 4.2.1.12).
    #[must_use]
    pub fn extended_key_usage(mut self, purposes: &[Oid<'_>]) -> Self {
        self.extensions = self.extensions.map(|extensions| extensions.extended_key_usage(purposes));
        self
    }

    /// The validity to ask for, as Windows does it. It is a wish, which many CAs pass over.
    #[must_use]
    pub fn validity(mut self, validity: RequestedValidity) -> Self {
        self.attribute = validity.to_attribute();
        self
    }

    /// A second key for the exchange itself, when the key to be certified cannot decrypt and the challenge password is not
    /// to take its place (see [`ClientConfig::password_recipients`]): an RSA key (DER SubjectPublicKeyInfo) that signs the
    /// self-signed certificate and the messages and opens the reply, while the certification request is for, and signed
    /// by, the key given to [`NewEnrolment::builder`]. Both keys will be asked for signatures;
    /// [`SignJob::public_key`](crate::crypto::SignJob::public_key) says which one.
    ///
    /// Many servers refuse it, since whoever records such a request can sign it again with a key of his own, and then
    /// uses up its challenge password and reads the certificate. The server of this crate does unless
    /// `ServerConfig::danger_accept_other_signer` is on.
    #[must_use]
    pub fn reply_key(mut self, public_key: &[u8]) -> Self {
        self.reply_key = Some(public_key.to_vec());
        self
    }

    /// The finished request. [`ApiMisuse::PublicKey`] when a key is none that SCEP can use for its part,
    /// [`ApiMisuse::SubjectText`] for a subject alternative name that cannot be written. Whether replies can be
    /// encrypted for the key is a question for [`Client::enrol`](super::Client::enrol).
    pub fn build(self) -> Result<NewEnrolment, Error> {
        let Self { subject, public_key, reply_key, challenge, extensions, attribute } = self;
        can_sign(&public_key)?;
        if let Some(key) = &reply_key {
            SubjectPublicKeyInfo::parse(key).and_then(|key| key.rsa()).map_err(|_| ApiMisuse::PublicKey)?;
        }
        let extensions = extensions?;
        let extensions = if extensions.is_empty() { Vec::new() } else { extensions.build() };
        Ok(NewEnrolment { subject, public_key, reply_key, challenge, extensions, attribute })
    }
}

/// Whether there are signatures by this kind of key: a certification request needs one.
pub(super) fn can_sign(public_key: &[u8]) -> Result<(), Error> {
    let key = SubjectPublicKeyInfo::parse(public_key).map_err(|_| ApiMisuse::PublicKey)?;
    key.signature_scheme(Digest::Sha256).map_err(|_| ApiMisuse::PublicKey)?;
    Ok(())
}

/// A request with its transactionID, before anything is known of the CA.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) request: NewEnrolment,
    /// The certificate to be renewed, if there is one.
    pub(super) current: Option<Current>,
    pub(super) transaction_id: TransactionId,
    /// Of the self-signed certificate.
    pub(super) serial: [u8; 16],
}

impl Draft {
    pub(super) fn new(
        config: &ClientConfig,
        request: NewEnrolment,
        current: Option<Current>,
        rng: &mut Rng<'_>,
    ) -> Result<Self, Error> {
        let challenge = request.challenge.as_ref();
        match &current {
            Some(current) => {
                password::check_early(config, &current.key()?, ApiMisuse::Certificate, challenge)?;
            }
            None => {
                let key = request.reply_key.as_deref().unwrap_or(&request.public_key);
                let key = SubjectPublicKeyInfo::parse(key)?;
                password::check_early(config, &key, ApiMisuse::PublicKey, challenge)?;
            }
        }
        let transaction_id = fresh_id(rng)?;
        let mut serial = random::random_array::<16>(rng)?;
        if let Some(first) = serial.first_mut() {
            // positive and without leading zeros
            *first = *first & 0x7F | 0x40;
        }
        Ok(Self { request, current, transaction_id, serial })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::extension::Extensions;
    use crate::wire::limits::Limits;

    /// A key on P-256; nothing is done with its point here.
    fn key() -> Vec<u8> {
        let algorithm = [
            0x30, 0x59, 0x30, 0x13, 6, 7, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 2, 1, 6, 8, 0x2A, 0x86, 0x48, 0xCE,
            0x3D, 3, 1, 7, 3, 0x42, 0, 4,
        ];
        [&algorithm[..], &[1; 64]].concat()
    }

    // A35
    #[test]
    fn alternative_names_are_critical_beside_an_empty_subject_only() {
        for (subject, critical) in [("", true), ("CN=dev1", false)] {
            let request = NewEnrolment::builder(subject.parse().unwrap(), &key())
                .subject_alt_names(&[GeneralName::UserPrincipalName("a@b")])
                .extended_key_usage(&[Oid::CLIENT_AUTH])
                .build()
                .unwrap();
            let extensions = Extensions::parse(&request.extensions, &Limits::DEFAULT).unwrap();
            assert_eq!(extensions.get(Oid::SUBJECT_ALT_NAME).unwrap().critical, critical);
            assert!(!extensions.get(Oid::EXTENDED_KEY_USAGE).unwrap().critical);
        }
    }
}
