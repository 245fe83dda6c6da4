//! DER, and BER where it is asked for, by hand: what the library would never write can be written here.

use scep::wire::Oid;

pub(super) const INTEGER: u8 = 2;
pub(super) const OCTETS: u8 = 4;
pub(super) const NULL: &[u8] = &[5, 0];
pub(super) const UTF8: u8 = 0x0C;
pub(super) const SEQUENCE: u8 = 0x30;
pub(super) const SET: u8 = 0x31;
pub(super) const PRINTABLE: u8 = 0x13;
pub(super) const IA5: u8 = 0x16;
pub(super) const BMP: u8 = 0x1E;

/// One element with a definite length in as few octets as possible.
pub(super) fn tlv(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let value = parts.concat();
    let mut der = vec![tag];
    match value.len() {
        length @ ..0x80 => der.push(length as u8),
        length @ ..0x100 => der.extend([0x81, length as u8]),
        length @ ..0x1_0000 => der.extend([0x82, (length >> 8) as u8, length as u8]),
        length => der.extend([0x83, (length >> 16) as u8, (length >> 8) as u8, length as u8]),
    }
    der.extend(value);
    der
}

/// One element with a length in four octets more than needed.
pub(super) fn long(tag: u8, value: &[u8]) -> Vec<u8> {
    let length = u32::try_from(value.len()).unwrap().to_be_bytes();
    [&[tag, 0x84], &length[..], value].concat()
}

/// One constructed element, with an indefinite length if it is BER.
pub(super) fn constructed(ber: bool, tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    if ber { [&[tag, 0x80], &parts.concat()[..], &[0, 0]].concat() } else { tlv(tag, parts) }
}

/// A string of octets in chunks, with an indefinite length.
pub(super) fn chunks(tag: u8, octets: &[u8], size: usize) -> Vec<u8> {
    let chunks: Vec<_> = octets.chunks(size).map(|chunk| tlv(OCTETS, &[chunk])).collect();
    constructed(true, tag | 0x20, &[&chunks.concat()])
}

pub(super) fn seq(parts: &[&[u8]]) -> Vec<u8> {
    tlv(SEQUENCE, parts)
}

pub(super) fn oid(oid: Oid<'_>) -> Vec<u8> {
    tlv(6, &[oid.as_bytes()])
}

/// An AlgorithmIdentifier; `parameters` is a whole element, or nothing.
pub(super) fn algorithm(which: Oid<'_>, parameters: &[u8]) -> Vec<u8> {
    seq(&[&oid(which), parameters])
}

/// The length of the element at the front, tag and length included.
fn length(der: &[u8]) -> usize {
    let (octets, length) = match der[1] {
        short @ ..0x80 => (0, usize::from(short)),
        long => {
            let octets = usize::from(long & 0x7F);
            (octets, der[2..2 + octets].iter().fold(0, |length, octet| length << 8 | usize::from(*octet)))
        }
    };
    2 + octets + length
}

/// The elements inside the element at the front; DER only.
pub(super) fn fields(der: &[u8]) -> Vec<&[u8]> {
    let header = length(der) - value(der).len();
    let mut rest = &der[header..length(der)];
    let mut fields = Vec::new();
    while !rest.is_empty() {
        let (field, after) = rest.split_at(length(rest));
        fields.push(field);
        rest = after;
    }
    fields
}

/// The contents of the element at the front; DER only.
pub(super) fn value(der: &[u8]) -> &[u8] {
    let octets = if der[1] < 0x80 { 0 } else { usize::from(der[1] & 0x7F) };
    &der[2 + octets..length(der)]
}

/// Object identifiers that the library has no name for.
pub(super) mod oids {
    use scep::wire::Oid;

    pub(in super::super) const MD5: Oid<'static> = Oid::new(b"\x2A\x86\x48\x86\xF7\x0D\x02\x05");
    pub(in super::super) const MD5_WITH_RSA: Oid<'static> = Oid::new(b"\x2A\x86\x48\x86\xF7\x0D\x01\x01\x04");
    pub(in super::super) const SHA224: Oid<'static> = Oid::new(b"\x60\x86\x48\x01\x65\x03\x04\x02\x04");
    pub(in super::super) const RC2_CBC: Oid<'static> = Oid::new(b"\x2A\x86\x48\x86\xF7\x0D\x03\x02");
    pub(in super::super) const AES128_GCM: Oid<'static> = Oid::new(b"\x60\x86\x48\x01\x65\x03\x04\x01\x06");
    pub(in super::super) const RSAES_OAEP: Oid<'static> = Oid::new(b"\x2A\x86\x48\x86\xF7\x0D\x01\x01\x07");
    pub(in super::super) const RSASSA_PSS: Oid<'static> = Oid::new(b"\x2A\x86\x48\x86\xF7\x0D\x01\x01\x0A");
    pub(in super::super) const MGF1: Oid<'static> = Oid::new(b"\x2A\x86\x48\x86\xF7\x0D\x01\x01\x08");
    pub(in super::super) const P_SPECIFIED: Oid<'static> = Oid::new(b"\x2A\x86\x48\x86\xF7\x0D\x01\x01\x09");
    pub(in super::super) const EC_PUBLIC_KEY: Oid<'static> = Oid::new(b"\x2A\x86\x48\xCE\x3D\x02\x01");
    pub(in super::super) const ECDSA_SHA256: Oid<'static> = Oid::new(b"\x2A\x86\x48\xCE\x3D\x04\x03\x02");
    pub(in super::super) const ECDSA_SHA384: Oid<'static> = Oid::new(b"\x2A\x86\x48\xCE\x3D\x04\x03\x03");
    pub(in super::super) const ECDSA_SHA512: Oid<'static> = Oid::new(b"\x2A\x86\x48\xCE\x3D\x04\x03\x04");
    pub(in super::super) const ALGORITHM_PROTECTION: Oid<'static> =
        Oid::new(b"\x2A\x86\x48\x86\xF7\x0D\x01\x09\x34");
    pub(in super::super) const ENROLLMENT_ERROR: Oid<'static> =
        Oid::new(b"\x2B\x06\x01\x04\x01\x82\x37\x15\x21");
    pub(in super::super) const ID_SCEP: Oid<'static> = Oid::new(b"\x2B\x06\x01\x05\x05\x07\x18");
    pub(in super::super) const PBKDF2: Oid<'static> = Oid::new(b"\x2A\x86\x48\x86\xF7\x0D\x01\x05\x0C");
    pub(in super::super) const PWRI_KEK: Oid<'static> =
        Oid::new(b"\x2A\x86\x48\x86\xF7\x0D\x01\x09\x10\x03\x09");
    pub(in super::super) const HMAC_SHA256: Oid<'static> = Oid::new(b"\x2A\x86\x48\x86\xF7\x0D\x02\x09");
}
