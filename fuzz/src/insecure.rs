//! A provider without any security, so that whatever a fuzzer thinks up gets past the arithmetic: signatures say who
//! made them and not of what, ciphers change nothing, wrapped keys are readable. Hashes are quick and bad, but real.

use rand_core::{TryCryptoRng, TryRng};
use scep::Error;
use scep::crypto::{
    ContentCipher, ContentEncryption, ContentKey, DecryptJob, Digest, DigestAlgorithm, DigestValue, KeyError,
    KeyTransport, KeyWrapper, PasswordKdf, Provider, RngFailed, SignJob, Signature, SignatureScheme,
    Unwrapped, Verifier,
};
use scep::error::{BadSignature, Unsupported};
use scep::wire::SubjectPublicKeyInfo;

/// Everything that the library knows.
pub static INSECURE: Provider = Provider {
    digests: &[&Fnv(Digest::Sha256), &Fnv(Digest::Sha384), &Fnv(Digest::Sha512), &Fnv(Digest::Sha1)],
    ciphers: &[
        &Plain(ContentEncryption::Aes128Cbc),
        &Plain(ContentEncryption::Aes256Cbc),
        &Plain(ContentEncryption::Aes192Cbc),
        &Plain(ContentEncryption::TripleDesCbc),
    ],
    read_only_ciphers: &[&Plain(ContentEncryption::DesCbc)],
    wrappers: &[
        &Readable(KeyTransport::RsaPkcs1v15),
        &Readable(KeyTransport::RsaOaepSha256),
        &Readable(KeyTransport::RsaOaepSha1),
    ],
    verifiers: &[
        &Named(SignatureScheme::RsaPkcs1(Digest::Sha256)),
        &Named(SignatureScheme::RsaPkcs1(Digest::Sha384)),
        &Named(SignatureScheme::RsaPkcs1(Digest::Sha512)),
        &Named(SignatureScheme::RsaPkcs1(Digest::Sha1)),
        &Named(SignatureScheme::RsaPss(Digest::Sha256)),
        &Named(SignatureScheme::RsaPss(Digest::Sha384)),
        &Named(SignatureScheme::RsaPss(Digest::Sha512)),
        &Named(SignatureScheme::RsaPss(Digest::Sha1)),
        &Named(SignatureScheme::Ecdsa(Digest::Sha256)),
        &Named(SignatureScheme::Ecdsa(Digest::Sha384)),
        &Named(SignatureScheme::Ecdsa(Digest::Sha512)),
        &Named(SignatureScheme::Ecdsa(Digest::Sha1)),
    ],
    password_kdfs: &[
        &Mixed(Digest::Sha256),
        &Mixed(Digest::Sha1),
        &Mixed(Digest::Sha384),
        &Mixed(Digest::Sha512),
    ],
};

/// FNV-1a over words of 64 bits and over what is left, then stretched to any length.
fn fnv(parts: &[&[u8]], salt: u8, out: &mut [u8]) {
    let mut state = 0xCBF2_9CE4_8422_2325_u64 ^ u64::from(salt);
    let mut add = |word: u64| state = (state ^ word).wrapping_mul(0x100_0000_01B3).rotate_left(29);
    // where one part ends and the next one begins must not matter
    let joined;
    let bytes: &[u8] = match parts {
        [one] => one,
        several => {
            joined = several.concat();
            &joined
        }
    };
    let (words, rest) = bytes.as_chunks::<8>();
    words.iter().for_each(|word| add(u64::from_be_bytes(*word)));
    rest.iter().for_each(|byte| add(u64::from(*byte) + 1));
    for chunk in out.chunks_mut(8) {
        state = (state ^ (state >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9).wrapping_add(1);
        chunk.iter_mut().zip(state.to_be_bytes()).for_each(|(to, from)| *to = from);
    }
}

struct Fnv(Digest);

impl DigestAlgorithm for Fnv {
    fn id(&self) -> Digest {
        self.0
    }

    fn digest(&self, parts: &[&[u8]]) -> DigestValue {
        let mut value = [0; 64];
        let value = &mut value[..self.0.length()];
        fnv(parts, self.0.length() as u8, value);
        DigestValue::new(value)
    }
}

/// A cipher that changes nothing.
struct Plain(ContentEncryption);

impl ContentCipher for Plain {
    fn id(&self) -> ContentEncryption {
        self.0
    }

    fn encrypt(&self, key: &[u8], iv: &[u8], blocks: &mut [u8]) -> Result<(), Error> {
        // what the library promises to a cipher
        assert_eq!((key.len(), iv.len()), (self.0.key_length(), self.0.block_length()));
        assert_eq!(blocks.len() % self.0.block_length(), 0);
        Ok(())
    }

    fn decrypt(&self, key: &[u8], iv: &[u8], blocks: &mut [u8]) -> Result<(), Error> {
        self.encrypt(key, iv, blocks)
    }
}

/// What every signature of a key begins with, and every key wrapped for it.
pub const TAG: usize = 8;

/// The tag of a public key, however its parameters are written.
pub fn tag(key: &SubjectPublicKeyInfo<'_>) -> Result<[u8; TAG], Error> {
    let mut tag = [0; TAG];
    fnv(&[&key.to_canonical()?], 0, &mut tag);
    Ok(tag)
}

/// The tag, and then the content key as it is.
struct Readable(KeyTransport);

impl KeyWrapper for Readable {
    fn id(&self) -> KeyTransport {
        self.0
    }

    fn wrap(
        &self,
        recipient: &SubjectPublicKeyInfo<'_>,
        key: &ContentKey,
        _: &mut scep::crypto::Rng<'_>,
    ) -> Result<Vec<u8>, Error> {
        recipient.rsa()?;
        Ok([&tag(recipient)?, key.as_bytes()].concat())
    }
}

/// A signature is right when it begins with the tag of its key.
struct Named(SignatureScheme);

impl Verifier for Named {
    fn scheme(&self) -> SignatureScheme {
        self.0
    }

    fn verify(&self, signer: &SubjectPublicKeyInfo<'_>, _: &[&[u8]], signature: &[u8]) -> Result<(), Error> {
        match self.0 {
            SignatureScheme::Ecdsa(_) => drop(signer.ec().map_err(|_| Unsupported::PublicKey)?),
            _ => drop(signer.rsa().map_err(|_| Unsupported::PublicKey)?),
        }
        match signature.starts_with(&tag(signer)?) {
            true => Ok(()),
            false => Err(BadSignature::Signature.into()),
        }
    }
}

/// A derivation that costs nothing however many rounds are asked for.
struct Mixed(Digest);

impl PasswordKdf for Mixed {
    fn prf(&self) -> Digest {
        self.0
    }

    fn derive(&self, password: &[u8], salt: &[u8], iterations: u32, key: &mut [u8]) {
        assert!(iterations <= 600_000, "{iterations} rounds");
        fnv(&[password, salt], self.0.length() as u8, key);
    }
}

/// Signs with whatever key the job names.
pub fn sign(job: &SignJob) -> Result<Signature, KeyError> {
    let key = SubjectPublicKeyInfo::parse(job.public_key()).map_err(|_| KeyError::Unsupported)?;
    let tag = tag(&key).map_err(|_| KeyError::Unsupported)?;
    Ok(Signature::new(tag.repeat(4)))
}

/// Unwraps a key for whatever recipient the job names.
pub fn unwrap(job: &DecryptJob) -> Unwrapped {
    let key = job.recipient().public_key().and_then(|key| SubjectPublicKeyInfo::parse(key).ok());
    let tag = key.and_then(|key| tag(&key).ok());
    match tag.and_then(|tag| job.encrypted_key().strip_prefix(&tag)) {
        Some(key) => Unwrapped::bytes(&key[..key.len().min(job.key_length())]),
        None => Unwrapped::rejected(),
    }
}

/// A generator whose every answer tells how many there were before it; or always the same one.
pub struct Steps {
    count: u64,
    step: u64,
    /// Whether the next answer is a failure.
    pub fails: bool,
}

impl Steps {
    pub fn counting() -> Self {
        Self { count: 1, step: 1, fails: false }
    }

    /// All messages have the same transactionID and nonce, so that a reply may wait in a file.
    pub fn constant() -> Self {
        Self { count: 0x4242_4242, step: 0, fails: false }
    }
}

impl TryRng for Steps {
    type Error = RngFailed;

    fn try_next_u32(&mut self) -> Result<u32, RngFailed> {
        self.try_next_u64().map(|number| number as u32)
    }

    fn try_next_u64(&mut self) -> Result<u64, RngFailed> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_be_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, to: &mut [u8]) -> Result<(), RngFailed> {
        if std::mem::take(&mut self.fails) {
            return Err(RngFailed);
        }
        let bytes = (self.count as u32).to_be_bytes();
        self.count = self.count.wrapping_add(self.step);
        to.iter_mut().zip(bytes.iter().cycle()).for_each(|(to, from)| *to = *from);
        Ok(())
    }
}

impl TryCryptoRng for Steps {}
