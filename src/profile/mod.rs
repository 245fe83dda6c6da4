//! # Follow a SCEP profile
//!
//! Devices that are managed (by Intune, or any other MDM) are not told a subject and a URL but a *profile*: a subject
//! with variables such as `{{UserName}}`, where the key belongs, which servers there are, and how much of a
//! certificate's life is left when its renewal begins. [`EnrolmentProfile`] holds what the console of Microsoft's guide
//! has on its pages, and becomes the request of one device.
//!
//! ```
//! use scep::client::{Client, ClientConfig, Step};
//! use scep::crypto::rustcrypto::{KeyType, PROVIDER, SoftwareKey};
//! use scep::crypto::{ChallengePassword, Random, Rng};
//! use scep::error::KeyError;
//! use scep::profile::{
//!     AltNameTemplate, AltNameType, CertificateType, EnrolmentProfile, KeyProvider, KeySize, KeyStore, NameSyntax,
//!     RenewalThreshold, SubjectNameFormat, SubjectTemplate, Values, Variable, Vocabulary,
//! };
//!
//! /// The stores of this device: a file, and no TPM.
//! struct Stores;
//!
//! impl KeyProvider for Stores {
//!     type Key = SoftwareKey;
//!     type Error = KeyError;
//!
//!     fn generate(
//!         &mut self,
//!         store: KeyStore,
//!         size: KeySize,
//!         rng: &mut Rng<'_>,
//!     ) -> Result<Option<SoftwareKey>, KeyError> {
//!         let bits = size.bits() as usize;
//!         match store {
//!             KeyStore::Software => SoftwareKey::generate(KeyType::Rsa(bits), rng).map(Some),
//!             KeyStore::Tpm | KeyStore::Passport => Ok(None), // there is none, so "else fail" fails
//!         }
//!     }
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // what the administrator wrote
//! let words = Vocabulary::new();
//! let subject = SubjectTemplate::parse("CN={{DeviceName}},OU=Mobile,O=Example", NameSyntax::Windows, &words)?;
//! let profile = EnrolmentProfile::builder(CertificateType::Device, SubjectNameFormat::Custom(subject))
//!     .subject_alt_name(AltNameTemplate::parse(AltNameType::Dns, "{{DeviceName}}.example.com", &words)?)
//!     .server("https://ndes1.example.com/certsrv/mscep/mscep.dll")
//!     .server("https://ndes2.example.com/certsrv/mscep/mscep.dll")
//!     .renewal_threshold(RenewalThreshold::new(20)?)
//!     .build()?;
//!
//! // what is so on this device
//! let values = Values::new().with(Variable::DeviceName, "tablet-17");
//! let mut rng = Random::system();
//! let (_store, key) = profile.new_key(&mut Stores, &mut rng)?;
//! let request = profile
//!     .enrolment(&values, key.public_key_der())?
//!     .challenge(ChallengePassword::new("the challenge that came with the profile")?)
//!     .build()?;
//! let mut servers = profile.servers(&mut rng)?;
//! let attempt = servers.attempt().ok_or("no server is left")?;
//! let client = Client::new(profile.configure(ClientConfig::new(&PROVIDER)));
//! let step = client.enrol(attempt.url().as_str(), request, &mut rng)?;
//! // drive the steps as ever; then `attempt.answered()`, or `attempt.failed()` and another attempt
//! assert!(matches!(step, Step::Transmit(_)));
//! # Ok(())
//! # }
//! ```
//!
//! ## Values are values
//!
//! Templates are taken apart before any value is there. A device that calls itself `x,CN=admin` gets one CN with a comma
//! in it, and a value with `{{UserName}}` in it is not filled in again. A variable without a value, or with one that
//! shows nothing, is an error: no request goes out with half a name. What a device tells of itself (serial number, IMEI,
//! host name) proves nothing about it: see [`Variable::is_spoofable`], and bind the challenge to the names on the side of
//! the server.
//!
//! Every [`TemplateError`] about a text says where in the text it is, for whoever writes profiles.
//!
//! ## Keys
//!
//! [`KeyProtection`] goes to the caller's [`KeyProvider`], store by store. "Else fail" ends in an error and never in a
//! key in software, and a TPM that is there and fails is not taken for none.
//!
//! ## Servers
//!
//! [`ServerList`] gives out one server for a whole enrolment. An enrolment that got no answer is begun again at the next
//! one, with a transactionID of its own; one that got an answer, a refusal among them, is over. A challenge that works
//! once may be used up when the answer was lost on the way: keep [`Transmit::save`](crate::client::Transmit::save) and
//! ask the same server first.
//!
//! ## Renewal
//!
//! [`RenewalThreshold::state`] says whether it is time, with a [`Jitter`] that spreads a fleet, and what a board without
//! a clock can do. A renewal takes a new key and is signed under the present certificate:
//! [`Renewal::builder`](crate::client::Renewal::builder), [`Client::renew`](crate::client::Client::renew). It is tried
//! until it succeeds, and the old key stays until then.
//!
//! ## Profiles of other systems
//!
//! Apple's `com.apple.security.scep` dictionary and the Windows `ClientCertificateInstall/SCEP` nodes become the same
//! [`EnrolmentProfile`]: see [`apple`] and [`windows`]. Their XML is for the caller to read.
//!
//! [`EnrolmentProfile::lint`] finds what a platform ignores or should not be given.
//!
//! ## What of the console is here
//!
//! | on the page of the console | here |
//! |---|---|
//! | certificate type | [`CertificateType`]; a device's profile with a user's variable is not built |
//! | subject name format | [`SubjectNameFormat`]; custom text is a [`SubjectTemplate`] in the syntax of Windows or RFC 4514 |
//! | subject alternative name | [`AltNameTemplate`]: e-mail, user principal name, DNS, URI |
//! | certificate validity period | [`RequestedValidity`](crate::wire::RequestedValidity), sent as Windows sends it; the CA decides |
//! | key storage provider | [`KeyProtection`], for the caller's [`KeyProvider`] |
//! | key usage, key size, hash algorithm | `KeyUsage`, [`KeySize`], [`HashFamilies`]: messages are signed with SHA-256 |
//! | root certificate | for the caller: [`Trust`](crate::client::Trust), and [`CaFingerprint`] of profiles that have one |
//! | extended key usage | `Oid`s; client authentication unless others are named |
//! | renewal threshold | [`RenewalThreshold`], [`Jitter`] |
//! | SCEP server URLs | [`ServerList`], [`ServerOrder`] |
//! | platform, assignment to groups | [`Platform`] for [`EnrolmentProfile::lint`]; who gets which profile is the MDM's to say |
//!
//! Left to the device: its key stores, where certificates are kept and who may use them, and the values of the
//! variables. Left to the directory: whether those are true.

mod alt_name;
pub mod apple;
mod enrolment;
mod error;
mod import;
mod key;
mod lint;
mod renewal;
mod servers;
mod subject;
mod template;
mod variable;
pub mod windows;

pub use alt_name::{AltNameTemplate, AltNameType};
pub use enrolment::{EnrolmentProfile, EnrolmentProfileBuilder, Retries, SubjectNameFormat};
pub use error::{ProfileError, TemplateError, VariableNameError};
pub use import::{CaFingerprint, ImportError, ImportFault, ImportFinding, Imported, SettingValue};
pub use key::{HashFamilies, KeyProtection, KeyProvider, KeySize, KeyStore, NoKeyMade};
pub use lint::{Finding, Platform};
pub use renewal::{Jitter, RenewalState, RenewalThreshold};
pub use servers::{Attempt, ServerList, ServerOrder};
pub use subject::{NameSyntax, SubjectTemplate};
pub use variable::{CertificateType, CustomVariable, Values, Variable, Vocabulary};
