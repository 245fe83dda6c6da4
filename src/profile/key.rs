//! What a profile wants of keys and algorithms.

use crate::crypto::Rng;
use core::fmt;

/// Sizes of RSA keys that a profile may ask for.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeySize {
    /// 1024 bits: for old CAs and cards only. Many CAs refuse them, and so does
    /// [`Limits::DEFAULT`](crate::wire::Limits::DEFAULT).
    #[cfg(feature = "legacy")]
    Rsa1024,
    /// 2048 bits.
    #[default]
    Rsa2048,
    /// 3072 bits.
    Rsa3072,
    /// 4096 bits.
    Rsa4096,
}

impl KeySize {
    /// All of them, the smallest first.
    pub const ALL: &'static [Self] = &[
        #[cfg(feature = "legacy")]
        Self::Rsa1024,
        Self::Rsa2048,
        Self::Rsa3072,
        Self::Rsa4096,
    ];

    /// The size in bits; 1024 of them only with feature `legacy`.
    pub fn from_bits(bits: u32) -> Option<Self> {
        Self::ALL.iter().copied().find(|size| size.bits() == bits)
    }

    /// How many bits the modulus has.
    pub const fn bits(self) -> u32 {
        match self {
            #[cfg(feature = "legacy")]
            Self::Rsa1024 => 1024,
            Self::Rsa2048 => 2048,
            Self::Rsa3072 => 3072,
            Self::Rsa4096 => 4096,
        }
    }
}

/// The hash families that a profile allows, as the Windows nodes name them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct HashFamilies {
    /// SHA-1, for servers that can nothing else. A client takes it with
    /// [`Compat::weak_algorithms`](crate::client::Compat::weak_algorithms) only.
    pub sha1: bool,
    /// SHA-256, SHA-384 and SHA-512.
    pub sha2: bool,
    /// SHA-3, which no SCEP server has a keyword for and nobody here uses.
    pub sha3: bool,
}

impl HashFamilies {
    /// SHA-2 and nothing else.
    pub const SHA2: Self = Self { sha1: false, sha2: true, sha3: false };

    /// Whether a request can be signed with one of them here.
    pub(super) const fn usable(self) -> bool {
        self.sha2 || (self.sha1 && cfg!(feature = "legacy"))
    }
}

impl Default for HashFamilies {
    fn default() -> Self {
        Self::SHA2
    }
}

/// Where a private key may be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyStore {
    /// A TPM, a secure element or what else does not let a key out.
    Tpm,
    /// Windows Hello for Business, formerly Passport: a key behind a person's PIN or face.
    Passport,
    /// Memory or a file.
    Software,
}

/// The console's "key storage provider". `... ElseFail` is meant: no other store takes the place of one that is missing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum KeyProtection {
    /// "Enroll to TPM KSP if present, otherwise software KSP".
    #[default]
    TpmElseSoftware,
    /// "Enroll to TPM KSP, otherwise fail".
    TpmElseFail,
    /// "Enroll to Passport, otherwise fail".
    PassportElseFail,
    /// "Enroll to software KSP".
    Software,
}

impl KeyProtection {
    /// The stores to ask, the first one first, and no other.
    pub const fn stores(self) -> &'static [KeyStore] {
        match self {
            Self::TpmElseSoftware => &[KeyStore::Tpm, KeyStore::Software],
            Self::TpmElseFail => &[KeyStore::Tpm],
            Self::PassportElseFail => &[KeyStore::Passport],
            Self::Software => &[KeyStore::Software],
        }
    }
}

/// Makes keys: the caller's, who knows the stores of the device.
pub trait KeyProvider {
    /// What it gives out for a key: the key itself, or a handle of it.
    type Key;
    /// Why it failed.
    type Error;

    /// Makes a key of this size in this very store, and in no other. `Ok(None)`: the device has no such store. A store
    /// that is there and fails is an error, and ends the matter.
    fn generate(
        &mut self,
        store: KeyStore,
        size: KeySize,
        rng: &mut Rng<'_>,
    ) -> Result<Option<Self::Key>, Self::Error>;
}

/// Why there is no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoKeyMade<E> {
    /// The device has none of the stores that the profile allows.
    NoStore(KeyProtection),
    /// The provider failed.
    Provider(E),
}

impl<E: fmt::Display> fmt::Display for NoKeyMade<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoStore(protection) => write!(f, "no key store on this device for {protection:?}"),
            Self::Provider(error) => write!(f, "key provider: {error}"),
        }
    }
}

impl<E: fmt::Debug + fmt::Display> core::error::Error for NoKeyMade<E> {}

/// Makes a key in the first of the stores that the device has.
pub(super) fn make<P: KeyProvider>(
    protection: KeyProtection,
    size: KeySize,
    provider: &mut P,
    rng: &mut Rng<'_>,
) -> Result<(KeyStore, P::Key), NoKeyMade<P::Error>> {
    for store in protection.stores() {
        if let Some(key) = provider.generate(*store, size, rng).map_err(NoKeyMade::Provider)? {
            return Ok((*store, key));
        }
    }
    Err(NoKeyMade::NoStore(protection))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::Random;
    use alloc::vec::Vec;
    use core::convert::Infallible;
    use rand_core::{TryCryptoRng, TryRng};

    struct Zeros;

    impl TryRng for Zeros {
        type Error = Infallible;

        fn try_next_u32(&mut self) -> Result<u32, Infallible> {
            Ok(0)
        }

        fn try_next_u64(&mut self) -> Result<u64, Infallible> {
            Ok(0)
        }

        fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
            bytes.fill(0);
            Ok(())
        }
    }

    impl TryCryptoRng for Zeros {}

    /// A device that has some stores, of which one is broken.
    struct Device<'a> {
        stores: &'a [KeyStore],
        broken: Option<KeyStore>,
        asked: Vec<KeyStore>,
    }

    impl KeyProvider for Device<'_> {
        type Key = u32;
        type Error = &'static str;

        fn generate(
            &mut self,
            store: KeyStore,
            size: KeySize,
            _: &mut Rng<'_>,
        ) -> Result<Option<u32>, &'static str> {
            self.asked.push(store);
            match self.broken == Some(store) {
                true => Err("locked"),
                false => Ok(self.stores.contains(&store).then_some(size.bits())),
            }
        }
    }

    type Made = Result<(KeyStore, u32), NoKeyMade<&'static str>>;

    fn on(protection: KeyProtection, stores: &[KeyStore], broken: Option<KeyStore>) -> (Made, Vec<KeyStore>) {
        let mut device = Device { stores, broken, asked: Vec::new() };
        let made = make(protection, KeySize::Rsa4096, &mut device, &mut Random::new(Zeros));
        (made, device.asked)
    }

    // A36
    #[test]
    fn else_fail_never_ends_in_another_store() {
        use KeyProtection::*;
        use KeyStore as Store;
        let all = [Store::Tpm, Store::Passport, Store::Software];
        let soft = [Store::Software];
        for (protection, stores, store, asked) in [
            (TpmElseSoftware, &all[..], Some(Store::Tpm), &[Store::Tpm][..]),
            (TpmElseSoftware, &soft, Some(Store::Software), &[Store::Tpm, Store::Software]),
            (TpmElseFail, &all, Some(Store::Tpm), &[Store::Tpm]),
            (TpmElseFail, &soft, None, &[Store::Tpm]),
            (PassportElseFail, &all, Some(Store::Passport), &[Store::Passport]),
            (PassportElseFail, &soft, None, &[Store::Passport]),
            (Software, &all, Some(Store::Software), &[Store::Software]),
            (Software, &[], None, &[Store::Software]),
        ] {
            let expected = store.map(|store| (store, 4096)).ok_or(NoKeyMade::NoStore(protection));
            assert_eq!(on(protection, stores, None), (expected, asked.to_vec()), "{protection:?} {stores:?}");
        }
        // a TPM that is there and fails is not a TPM that is missing
        let (made, asked) = on(TpmElseSoftware, &all, Some(Store::Tpm));
        assert_eq!((made, asked), (Err(NoKeyMade::Provider("locked")), [Store::Tpm].to_vec()));
    }

    // A38
    #[test]
    fn sizes_under_2048_bits_are_for_legacy_builds() {
        assert_eq!(KeySize::default().bits(), 2048);
        for bits in [2048, 3072, 4096] {
            assert_eq!(KeySize::from_bits(bits).unwrap().bits(), bits);
        }
        assert_eq!(KeySize::from_bits(1024).is_some(), cfg!(feature = "legacy"));
        assert!(
            [0, 512, 1023, 2047, 8192, u32::MAX].into_iter().all(|bits| KeySize::from_bits(bits).is_none())
        );
    }
}
