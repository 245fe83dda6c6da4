//! A profile as the console has it, and the request that it becomes.

use super::alt_name::AltNameTemplate;
use super::error::{ProfileError, TemplateError};
use super::key::{self, HashFamilies, KeyProtection, KeyProvider, KeySize, KeyStore, NoKeyMade};
use super::renewal::RenewalThreshold;
use super::servers::{ServerList, ServerOrder};
use super::subject::SubjectTemplate;
use super::variable::{CertificateType, Values, Variable};
use crate::client::{ClientConfig, NewEnrolment, NewEnrolmentBuilder};
use crate::crypto::Rng;
use crate::error::RngFailed;
use crate::transport::ScepUrl;
use crate::wire::distinguished_name::DistinguishedName;
use crate::wire::extension::KeyUsage;
use crate::wire::oid::Oid;
use crate::wire::public_key::SubjectPublicKeyInfo;
use crate::wire::requested_validity::RequestedValidity;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

/// The console's "subject name format".
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SubjectNameFormat {
    /// "Not configured": the empty name. The profile then needs a subject alternative name.
    NotConfigured,
    /// "Common name": `CN={{UserName}}`.
    CommonName,
    /// "Common name including e-mail": `CN={{UserName}},E={{EmailAddress}}`.
    CommonNameIncludingEmail,
    /// "Common name as e-mail": `CN={{EmailAddress}}`.
    CommonNameAsEmail,
    /// "IMEI": `CN={{IMEINumber}}`.
    Imei,
    /// "Serial number": `CN={{SERIALNUMBER}}`.
    SerialNumber,
    /// "Custom".
    Custom(SubjectTemplate),
}

impl SubjectNameFormat {
    /// What it expands to; `None` is the empty name.
    pub fn template(&self) -> Option<SubjectTemplate> {
        let of = |attributes: &[(Oid<'_>, Variable)]| Some(SubjectTemplate::of_variables(attributes));
        match self {
            Self::NotConfigured => None,
            Self::CommonName => of(&[(Oid::COMMON_NAME, Variable::UserName)]),
            Self::CommonNameIncludingEmail => {
                of(&[(Oid::COMMON_NAME, Variable::UserName), (Oid::EMAIL_ADDRESS, Variable::EmailAddress)])
            }
            Self::CommonNameAsEmail => of(&[(Oid::COMMON_NAME, Variable::EmailAddress)]),
            Self::Imei => of(&[(Oid::COMMON_NAME, Variable::ImeiNumber)]),
            Self::SerialNumber => of(&[(Oid::COMMON_NAME, Variable::SerialNumber)]),
            Self::Custom(template) => Some(template.clone()),
        }
    }
}

/// How a client waits for a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Retries {
    /// How often to ask again.
    pub count: u32,
    /// How long to wait before each time.
    pub delay: Duration,
}

/// What a managed device was told about one certificate. A value of this type is right in itself: every text was taken
/// apart, every number is in its range, and a device's profile names no user.
///
/// See the [module](super) for how to follow one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnrolmentProfile {
    pub(super) certificate: CertificateType,
    pub(super) subject: Option<SubjectTemplate>,
    pub(super) alt_names: Vec<AltNameTemplate>,
    pub(super) validity: Option<RequestedValidity>,
    pub(super) protection: KeyProtection,
    pub(super) key_usage: KeyUsage,
    pub(super) key_size: KeySize,
    pub(super) hashes: HashFamilies,
    /// Contents octets of object identifiers.
    pub(super) purposes: Vec<Vec<u8>>,
    pub(super) threshold: RenewalThreshold,
    pub(super) servers: Vec<ScepUrl>,
    pub(super) order: ServerOrder,
    pub(super) ca_identifier: Option<String>,
    pub(super) retries: Option<Retries>,
}

impl EnrolmentProfile {
    /// A profile for a certificate of this type and a subject of this format. Without further words it asks for a key of
    /// 2048 bits in a TPM if there is one, for digitalSignature and keyEncipherment, client authentication, SHA-2, and
    /// renews with 20 percent left; servers have to be named.
    pub fn builder(certificate: CertificateType, subject: SubjectNameFormat) -> EnrolmentProfileBuilder {
        let profile = Self {
            certificate,
            subject: subject.template(),
            alt_names: Vec::new(),
            validity: None,
            protection: KeyProtection::default(),
            key_usage: KeyUsage::DIGITAL_SIGNATURE | KeyUsage::KEY_ENCIPHERMENT,
            key_size: KeySize::default(),
            hashes: HashFamilies::default(),
            purposes: [Oid::CLIENT_AUTH.as_bytes().to_vec()].into(),
            threshold: RenewalThreshold::default(),
            servers: Vec::new(),
            order: ServerOrder::default(),
            ca_identifier: None,
            retries: None,
        };
        EnrolmentProfileBuilder { profile, urls: Vec::new(), pkiclient: false }
    }

    /// Whose certificate it is for.
    pub fn certificate_type(&self) -> CertificateType {
        self.certificate
    }

    /// Where the key belongs.
    pub fn key_protection(&self) -> KeyProtection {
        self.protection
    }

    /// How large the key has to be.
    pub fn key_size(&self) -> KeySize {
        self.key_size
    }

    /// What the key is asked for.
    pub fn key_usage(&self) -> KeyUsage {
        self.key_usage
    }

    /// The purposes that are asked for.
    pub fn extended_key_usage(&self) -> impl Iterator<Item = Oid<'_>> {
        self.purposes.iter().map(|oid| Oid::new(oid))
    }

    /// The validity that is asked for.
    pub fn validity(&self) -> Option<RequestedValidity> {
        self.validity
    }

    /// The hash families that are allowed.
    pub fn hash_families(&self) -> HashFamilies {
        self.hashes
    }

    /// When to renew.
    pub fn renewal_threshold(&self) -> RenewalThreshold {
        self.threshold
    }

    /// How to wait for a decision, if the profile says so.
    pub fn retries(&self) -> Option<Retries> {
        self.retries
    }

    /// Every variable that a device needs a value for, each once.
    pub fn variables(&self) -> Vec<&Variable> {
        let subject = self.subject.iter().flat_map(SubjectTemplate::variables);
        let mut found = Vec::new();
        for variable in subject.chain(self.alt_names.iter().flat_map(AltNameTemplate::variables)) {
            if !found.contains(&variable) {
                found.push(variable);
            }
        }
        found
    }

    /// The servers, in the order that the profile wants; `rng` is for the order of chance.
    pub fn servers(&self, rng: &mut Rng<'_>) -> Result<ServerList, RngFailed> {
        let mut urls = self.servers.clone();
        match self.order {
            ServerOrder::AsGiven => Ok(ServerList::in_order(urls)),
            ServerOrder::Shuffled => ServerList::shuffled(urls, rng),
            ServerOrder::First => {
                urls.truncate(1);
                Ok(ServerList::in_order(urls))
            }
        }
    }

    /// What the profile says to a client: the CA's identifier, how to wait for a decision, and no SHA-1 unless it is
    /// allowed.
    pub fn configure(&self, mut config: ClientConfig) -> ClientConfig {
        if let Some(identifier) = &self.ca_identifier {
            config = config.ca_identifier(Some(identifier.clone()));
        }
        if let Some(Retries { count, delay }) = self.retries {
            config = config.poll_interval(delay, delay).polls_max(count);
        }
        if self.hashes.sha1 { config } else { config.require_sha2(true) }
    }

    /// Has the device's provider make a key as the profile wants it, in a store that the profile allows: see
    /// [`KeyProtection`]. A renewal takes a new one.
    pub fn new_key<P: KeyProvider>(
        &self,
        provider: &mut P,
        rng: &mut Rng<'_>,
    ) -> Result<(KeyStore, P::Key), NoKeyMade<P::Error>> {
        key::make(self.protection, self.key_size, provider, rng)
    }

    /// The subject on a device with these values.
    pub fn subject(&self, values: &Values) -> Result<DistinguishedName, TemplateError> {
        SubjectTemplate::expand(self.subject.as_ref().unwrap_or(&SubjectTemplate::empty()), values)
    }

    /// The request of a device with these values, for a key that [`Self::new_key`] made (DER SubjectPublicKeyInfo); the
    /// challenge password is still to be given to it.
    ///
    /// [`ProfileError::Subject`] and [`ProfileError::SubjectAltName`] when a value is missing or not suited,
    /// [`ProfileError::Key`] when the key is not of the profile's size.
    pub fn enrolment(&self, values: &Values, public_key: &[u8]) -> Result<NewEnrolmentBuilder, ProfileError> {
        let key = SubjectPublicKeyInfo::parse(public_key);
        let bits = key.and_then(|key| key.rsa()).map(|key| key.bits()).map_err(|_| ProfileError::Key)?;
        if Ok(bits) != usize::try_from(self.key_size.bits()) {
            return Err(ProfileError::Key);
        }
        let subject = self.subject(values).map_err(ProfileError::Subject)?;
        let mut texts = Vec::with_capacity(self.alt_names.len());
        for (index, template) in self.alt_names.iter().enumerate() {
            texts.push(
                template.expand(values).map_err(|error| ProfileError::SubjectAltName { index, error })?,
            );
        }
        let names: Vec<_> =
            self.alt_names.iter().zip(&texts).map(|(template, text)| template.general_name(text)).collect();
        let purposes: Vec<_> = self.extended_key_usage().collect();
        let builder = NewEnrolment::builder(subject, public_key)
            .key_usage(self.key_usage)
            .extended_key_usage(&purposes)
            .subject_alt_names(&names);
        Ok(match self.validity {
            Some(validity) => builder.validity(validity),
            None => builder,
        })
    }
}

/// Makes an [`EnrolmentProfile`].
#[derive(Clone, Debug)]
pub struct EnrolmentProfileBuilder {
    profile: EnrolmentProfile,
    /// Still to be checked.
    urls: Vec<String>,
    pkiclient: bool,
}

impl EnrolmentProfileBuilder {
    /// One more subject alternative name.
    #[must_use]
    pub fn subject_alt_name(mut self, name: AltNameTemplate) -> Self {
        self.profile.alt_names.push(name);
        self
    }

    /// One more server, behind those that are there.
    #[must_use]
    pub fn server(mut self, url: &str) -> Self {
        self.urls.push(url.into());
        self
    }

    /// Puts `/pkiclient.exe` behind the path of every server that does not end so, as Windows clients do it. NDES answers
    /// with and without.
    #[must_use]
    pub fn append_pkiclient(mut self, on: bool) -> Self {
        self.pkiclient = on;
        self
    }

    /// In which order the servers are tried.
    #[must_use]
    pub fn server_order(mut self, order: ServerOrder) -> Self {
        self.profile.order = order;
        self
    }

    /// The validity to ask for.
    #[must_use]
    pub fn validity(mut self, validity: RequestedValidity) -> Self {
        self.profile.validity = Some(validity);
        self
    }

    /// Where the key belongs.
    #[must_use]
    pub fn key_protection(mut self, protection: KeyProtection) -> Self {
        self.profile.protection = protection;
        self
    }

    /// What the key is for: digitalSignature, keyEncipherment or both; no use that only CAs have.
    #[must_use]
    pub fn key_usage(mut self, usage: KeyUsage) -> Self {
        self.profile.key_usage = usage;
        self
    }

    /// How large the key has to be.
    #[must_use]
    pub fn key_size(mut self, size: KeySize) -> Self {
        self.profile.key_size = size;
        self
    }

    /// The hash families that are allowed.
    #[must_use]
    pub fn hash_families(mut self, families: HashFamilies) -> Self {
        self.profile.hashes = families;
        self
    }

    /// The purposes to ask for, in place of client authentication; none leaves them to the CA.
    #[must_use]
    pub fn extended_key_usage(mut self, purposes: &[Oid<'_>]) -> Self {
        self.profile.purposes = purposes.iter().map(|oid| oid.as_bytes().to_vec()).collect();
        self
    }

    /// When to renew.
    #[must_use]
    pub fn renewal_threshold(mut self, threshold: RenewalThreshold) -> Self {
        self.profile.threshold = threshold;
        self
    }

    /// The `message` parameter by which some servers choose a CA.
    #[must_use]
    pub fn ca_identifier(mut self, identifier: &str) -> Self {
        self.profile.ca_identifier = Some(identifier.into());
        self
    }

    /// How to wait for a decision.
    #[must_use]
    pub fn retries(mut self, retries: Retries) -> Self {
        self.profile.retries = Some(retries);
        self
    }

    /// The profile, or the first thing that is wrong with it.
    pub fn build(self) -> Result<EnrolmentProfile, ProfileError> {
        let Self { mut profile, urls, pkiclient } = self;
        let certificate = profile.certificate;
        match &profile.subject {
            Some(subject) => subject.check(certificate).map_err(ProfileError::Subject)?,
            None if profile.alt_names.is_empty() => return Err(ProfileError::NoName),
            None => {}
        }
        for (index, name) in profile.alt_names.iter().enumerate() {
            name.check(certificate).map_err(|error| ProfileError::SubjectAltName { index, error })?;
        }
        let used = |usage| profile.key_usage.contains(usage);
        let any = used(KeyUsage::DIGITAL_SIGNATURE) || used(KeyUsage::KEY_ENCIPHERMENT);
        if !any || used(KeyUsage::KEY_CERT_SIGN) || used(KeyUsage::CRL_SIGN) {
            return Err(ProfileError::KeyUsage);
        }
        if !profile.hashes.usable() {
            return Err(ProfileError::Hash);
        }
        if profile.validity.is_some_and(|validity| validity.count == 0) {
            return Err(ProfileError::Validity);
        }
        if urls.is_empty() {
            return Err(ProfileError::NoServer);
        }
        let server = |(index, url): (usize, &String)| {
            let parsed = ScepUrl::parse(url);
            let parsed = parsed.and_then(|url| if pkiclient { url.with_pkiclient() } else { Ok(url) });
            parsed.map_err(|_| ProfileError::Server { index })
        };
        profile.servers = urls.iter().enumerate().map(server).collect::<Result<_, _>>()?;
        Ok(profile)
    }
}

#[cfg(test)]
mod tests;
