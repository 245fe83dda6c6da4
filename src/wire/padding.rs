//! The parameters of OAEP and PSS (RFC 4055 sections 3.1 and 4.1): read against a short list, written as DER has it.
//!
//! Whatever is not on the list is refused as a whole: another mask generation function, another hash function in it, a
//! label, another length of salt, another trailer.

use super::algorithm::{self, AlgorithmIdentifier, Digest, NULL};
use super::oid::Oid;
use super::tlv::{self, Reader, Writer};
use crate::error::{Error, InvalidMessage};
use alloc::vec::Vec;

/// What is not on the list. The callers name their own reason.
const REFUSED: Error = Error::InvalidMessage(InvalidMessage::Der);

/// The one hash function that OAEP is used with, in both places, without a label. Parameters that are absent are the
/// defaults.
pub(super) fn oaep_hash(parameters: Option<&[u8]>) -> Result<Digest, Error> {
    let Some(parameters) = parameters else { return Ok(Digest::Sha1) };
    let mut fields = fields(parameters)?;
    let digest = hash(&mut fields)?;
    if let Some(source) = explicit(&mut fields, 2)? {
        let source = AlgorithmIdentifier::parse(source)?;
        if source.oid != Oid::P_SPECIFIED || source.octet_string() != Some(&[]) {
            return Err(REFUSED);
        }
    }
    fields.finish()?;
    Ok(digest)
}

/// The one hash function that PSS is used with, in both places, with a salt as long as the digest. RFC 4055 section 3.1
/// wants parameters wherever there is a signature.
pub(super) fn pss_hash(parameters: Option<&[u8]>) -> Result<Digest, Error> {
    let mut fields = fields(parameters.ok_or(REFUSED)?)?;
    let digest = hash(&mut fields)?;
    let salt = small(&mut fields, 2, 20)?;
    let trailer = small(&mut fields, 3, 1)?;
    fields.finish()?;
    if usize::from(salt) == digest.length() && trailer == 1 { Ok(digest) } else { Err(REFUSED) }
}

fn fields(parameters: &[u8]) -> Result<Reader<'_>, Error> {
    let mut reader = Reader::new(parameters)?;
    let fields = reader.enter(tlv::SEQUENCE)?;
    reader.finish()?;
    Ok(fields)
}

/// The hash function of `[0]` and that of MGF1 in `[1]`, which have to be the same.
fn hash(fields: &mut Reader<'_>) -> Result<Digest, Error> {
    let digest = match explicit(fields, 0)? {
        Some(der) => Digest::from_identifier(&AlgorithmIdentifier::parse(der)?)?,
        None => Digest::Sha1,
    };
    let mask = match explicit(fields, 1)? {
        Some(der) => {
            let function = AlgorithmIdentifier::parse(der)?;
            if function.oid != Oid::MGF1 {
                return Err(REFUSED);
            }
            Digest::from_identifier(&AlgorithmIdentifier::parse(function.parameters.ok_or(REFUSED)?)?)?
        }
        None => Digest::Sha1,
    };
    if digest == mask { Ok(digest) } else { Err(REFUSED) }
}

/// What is inside of `[number]`, if it comes next.
fn explicit<'a>(fields: &mut Reader<'a>, number: u8) -> Result<Option<&'a [u8]>, Error> {
    Ok(fields.optional(tlv::context(number))?.map(|field| field.value))
}

/// The INTEGER inside of `[number]`: one octet is enough for every value on the list.
fn small(fields: &mut Reader<'_>, number: u8, default: u8) -> Result<u8, Error> {
    let Some(der) = explicit(fields, number)? else { return Ok(default) };
    let integer = tlv::Tlv::parse(der)?;
    match integer.value {
        [value @ ..0x80] if integer.tag == tlv::INTEGER => Ok(*value),
        _ => Err(REFUSED),
    }
}

/// The parameters of OAEP: defaults are left out.
pub(super) fn oaep_parameters(digest: Digest) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.nested(tlv::SEQUENCE, |writer| write_hash(writer, digest));
    writer.finish()
}

/// The parameters of PSS with a salt as long as the digest: defaults are left out.
pub(super) fn pss_parameters(digest: Digest) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.nested(tlv::SEQUENCE, |writer| {
        write_hash(writer, digest);
        if digest != Digest::Sha1 {
            let length = u8::try_from(digest.length()).unwrap_or_default();
            writer.nested(tlv::context(2), |writer| writer.tlv(tlv::INTEGER, &[length]));
        }
    });
    writer.finish()
}

/// `[0]` and `[1]`; the parameters of the hash function are NULL (RFC 4055 section 2.1).
fn write_hash(writer: &mut Writer, digest: Digest) {
    if digest == Digest::Sha1 {
        return;
    }
    let mut identifier = Writer::new();
    algorithm::write(&mut identifier, digest.oid(), NULL);
    let identifier = identifier.finish();
    writer.nested(tlv::context(0), |writer| writer.raw(&identifier));
    writer.nested(tlv::context(1), |writer| algorithm::write(writer, Oid::MGF1, &identifier));
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    const SHA1: &[u8] = &[0x30, 9, 6, 5, 0x2B, 14, 3, 2, 26, 5, 0];
    const SHA1_BARE: &[u8] = &[0x30, 7, 6, 5, 0x2B, 14, 3, 2, 26];
    const SHA256: &[u8] = &[0x30, 13, 6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1, 5, 0];
    const MD5: &[u8] = &[0x30, 12, 6, 8, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 2, 5, 5, 0];

    fn element(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
        tlv::element(tag, parts)
    }

    fn sequence(fields: &[&[u8]]) -> Vec<u8> {
        element(tlv::SEQUENCE, fields)
    }

    fn field(number: u8, contents: &[u8]) -> Vec<u8> {
        element(tlv::context(number), &[contents])
    }

    fn mgf1(hash: &[u8]) -> Vec<u8> {
        sequence(&[&element(6, &[Oid::MGF1.as_bytes()]), hash])
    }

    fn label(label: &[u8]) -> Vec<u8> {
        sequence(&[&element(6, &[Oid::P_SPECIFIED.as_bytes()]), &element(4, &[label])])
    }

    // RFC 4055 section 6: rSAES-OAEP-SHA256-Params, without the default label; rSASSA-PSS-SHA256-Params.
    #[test]
    fn parameters_are_written_as_rfc_4055_has_them() {
        assert_eq!(oaep_parameters(Digest::Sha1), [0x30, 0]);
        let both = [field(0, SHA256), field(1, &mgf1(SHA256))].concat();
        assert_eq!(oaep_parameters(Digest::Sha256), sequence(&[&both]));
        assert_eq!(pss_parameters(Digest::Sha1), [0x30, 0]);
        assert_eq!(pss_parameters(Digest::Sha256), sequence(&[&both, &[0xA2, 3, 2, 1, 32]]));
        for digest in Digest::ALL {
            assert_eq!(oaep_hash(Some(&oaep_parameters(digest))), Ok(digest));
            assert_eq!(pss_hash(Some(&pss_parameters(digest))), Ok(digest));
        }
    }

    // ALG-5: the defaults in every form
    #[test]
    fn defaults_may_be_absent_or_spelled_out() {
        assert_eq!(oaep_hash(None), Ok(Digest::Sha1));
        let (hash, bare) = (field(0, SHA1), field(0, SHA1_BARE));
        let (mask, source) = (field(1, &mgf1(SHA1_BARE)), field(2, &label(b"")));
        for fields in
            [vec![], vec![&hash], vec![&bare, &mask], vec![&mask], vec![&source], vec![&hash, &mask, &source]]
        {
            let parameters = sequence(&fields.iter().map(|field| field.as_slice()).collect::<Vec<_>>());
            assert_eq!(oaep_hash(Some(&parameters)), Ok(Digest::Sha1), "{parameters:x?}");
        }
        let (salt, trailer): (&[u8], &[u8]) = (&[0xA2, 3, 2, 1, 20], &[0xA3, 3, 2, 1, 1]);
        for fields in [&[][..], &[&hash, salt, trailer], &[trailer], &[&bare, &mask, salt]] {
            assert_eq!(pss_hash(Some(&sequence(fields))), Ok(Digest::Sha1));
        }
    }

    // T43: two hash functions, unknown ones, another mask, a label, order, repetition, what is no parameter at all
    #[test]
    fn what_is_not_on_the_list_is_refused() {
        let (sha1, sha256) = (field(0, SHA1), field(0, SHA256));
        let (mask_1, mask_256) = (field(1, &mgf1(SHA1)), field(1, &mgf1(SHA256)));
        let mask_alone = field(1, &sequence(&[&element(6, &[Oid::MGF1.as_bytes()])]));
        let other_mask = field(1, &sequence(&[&element(6, &[Oid::SHA256.as_bytes()]), SHA256]));
        let (labelled, empty) = (field(2, &label(b"x")), field(2, &label(b"")));
        let odd_source = field(2, &sequence(&[&element(6, &[Oid::SHA256.as_bytes()]), &[4, 0]]));
        let cases: &[&[&[u8]]] = &[
            &[&sha256],
            &[&mask_256],
            &[&sha256, &mask_1],
            &[&sha1, &mask_256],
            &[&field(0, MD5), &field(1, &mgf1(MD5))],
            &[&sha256, &mask_alone],
            &[&sha256, &other_mask],
            &[&mask_256, &sha256],
            &[&sha256, &sha256, &mask_256],
            &[&sha256, &mask_256, &[5, 0]],
            &[&field(0, &[SHA256, SHA256].concat()), &mask_256],
            &[&field(0, &[]), &mask_256],
            &[SHA256, &mask_256],
        ];
        for fields in cases {
            assert!(oaep_hash(Some(&sequence(fields))).is_err(), "{fields:x?}");
            assert!(pss_hash(Some(&sequence(&[fields, &[&[0xA2, 3, 2, 1, 32][..]][..]].concat()))).is_err());
        }
        for source in [&labelled, &odd_source, &[empty.clone(), empty].concat()] {
            assert!(oaep_hash(Some(&sequence(&[&sha256, &mask_256, source]))).is_err());
        }
        for parameters in [&[5, 0][..], &[], &[0x30], &[4, 0], &[0x30, 0, 5, 0]] {
            assert!(oaep_hash(Some(parameters)).is_err(), "{parameters:x?}");
            assert!(pss_hash(Some(parameters)).is_err(), "{parameters:x?}");
        }
        assert!(pss_hash(None).is_err());
    }

    // T43
    #[test]
    fn a_salt_has_the_length_of_the_digest_and_the_trailer_is_1() {
        let both = [field(0, SHA256), field(1, &mgf1(SHA256))].concat();
        let with = |fields: &[u8]| pss_hash(Some(&sequence(&[&both, fields])));
        assert_eq!(with(&[0xA2, 3, 2, 1, 32]), Ok(Digest::Sha256));
        for salt in [&[0][..], &[20], &[31], &[33], &[0, 32], &[1, 32], &[0x80, 0, 0, 32], &[0xE0], &[]] {
            assert!(with(&field(2, &element(2, &[salt]))).is_err(), "{salt:x?}");
        }
        // absent means 20
        assert!(with(&[]).is_err());
        for trailer in [0, 2, 0xBC, 0xFF] {
            assert!(with(&[0xA2, 3, 2, 1, 32, 0xA3, 3, 2, 1, trailer]).is_err(), "{trailer}");
        }
        assert!(with(&[0xA2, 3, 4, 1, 32]).is_err());
    }
}
