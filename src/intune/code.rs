//! What the service says about a request: 25 words, and whatever it may say one day.

use alloc::string::String;
use core::fmt;

macro_rules! codes {
    ($($(#[$meta:meta])* $name:ident,)+) => {
        /// The `code` of an answer. Only [`Self::Success`] lets anything go on; a word that is not known here is an answer
        /// that is not success.
        #[non_exhaustive]
        #[derive(Clone, PartialEq, Eq, Hash)]
        pub enum ResultCode {
            $($(#[$meta])* $name,)+
            /// Another word: at most 64 characters of it, letters, digits, `_`, `-` and `.`.
            Other(String),
        }

        impl ResultCode {
            /// Those that are known.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The service's word for it.
            pub fn name(&self) -> &str {
                match self {
                    $(Self::$name => stringify!($name),)+
                    Self::Other(name) => name,
                }
            }
        }
    };
}

codes! {
    /// The service does not know: nothing is decided.
    Unknown,
    /// Valid.
    Success,
    /// The certification request cannot be decoded.
    CertificateRequestDecodingFailed,
    /// It has no challenge password.
    ChallengePasswordMissing,
    /// The challenge is not of the service's form.
    ChallengeDeserializationError,
    /// The challenge cannot be decrypted.
    ChallengeDecryptionError,
    /// The challenge cannot be decoded.
    ChallengeDecodingError,
    /// The challenge's time cannot be right.
    ChallengeInvalidTimestamp,
    /// The challenge is too old.
    ChallengeExpired,
    /// The request has no subject.
    SubjectNameMissing,
    /// Another subject than the profile's.
    SubjectNameMismatch,
    /// The request lacks the profile's alternative names.
    SubjectAltNameMissing,
    /// Other alternative names than the profile's.
    SubjectAltNameMismatch,
    /// Another key usage than the profile's.
    KeyUsageMismatch,
    /// Another length of key than the profile's.
    KeyLengthMismatch,
    /// The request lacks the profile's purposes.
    EnhancedKeyUsageMissing,
    /// Other purposes than the profile's.
    EnhancedKeyUsageMismatch,
    /// The list of the directory's key identifiers is missing.
    AadKeyIdentifierListMissing,
    /// Another key than the registered one.
    RegisteredKeyMismatch,
    /// Another signing certificate than the known one.
    SigningCertThumbprintMismatch,
    /// The profile is no longer for this device.
    ScepProfileNoLongerTargetedToTheClient,
    /// The signature of the challenge does not verify.
    SignatureValidationFailed,
    /// The challenge is for another request.
    BadCertificateRequestIdInChallenge,
    /// The challenge is for another device.
    BadDeviceIdInChallenge,
    /// The challenge is for another user.
    BadUserIdInChallenge,
}

impl ResultCode {
    /// Reads the service's word. Its letter case counts: a word that is only nearly `Success` is not.
    pub fn from_name(name: &str) -> Self {
        let known = Self::ALL.iter().find(|code| code.name() == name);
        known.cloned().unwrap_or_else(|| {
            // it goes into logs
            let plain = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
            Self::Other(name.chars().filter(plain).take(64).collect())
        })
    }

    /// Whether the challenge is only too old, so that the device may try again with a new one.
    pub fn wants_new_challenge(&self) -> bool {
        matches!(self, Self::ChallengeExpired | Self::ChallengeInvalidTimestamp)
    }
}

impl fmt::Display for ResultCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Debug for ResultCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ResultCode({self})")
    }
}
