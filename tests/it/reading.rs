//! CertReps as an independent reader sees them: RustCrypto's `cms`, raw RSA, and a walk over plain DER.

use crate::requests::{Key, NULL, PRINTABLE, algorithm, cipher, hash, issuer_and_serial, oid};
use cms::cert::CertificateChoices;
use cms::content_info::{CmsVersion, ContentInfo};
use cms::signed_data::{SignedData, SignerIdentifier};
use scep::crypto::{ContentEncryption, Digest};
use scep::wire::Oid;
use x509_cert::der::asn1::OctetString;
use x509_cert::der::{Any, Decode as _, Encode as _};

/// What a CertRep says. Everything that is the same in all of them was checked on the way here.
#[derive(Debug)]
pub(crate) struct CertRep {
    pub(crate) status: String,
    pub(crate) fail_info: Option<String>,
    /// Tag and bytes.
    pub(crate) transaction: (u8, Vec<u8>),
    pub(crate) sender_nonce: Vec<u8>,
    pub(crate) recipient_nonce: Vec<u8>,
    pub(crate) digest: Digest,
    pub(crate) content: Vec<u8>,
    /// The types of the signed attributes, in their order.
    pub(crate) attributes: Vec<Vec<u8>>,
    /// The one certificate in it.
    pub(crate) signer: Vec<u8>,
    pub(crate) length: usize,
}

const DIGESTS: [Digest; 4] = [Digest::Sha1, Digest::Sha256, Digest::Sha384, Digest::Sha512];

impl CertRep {
    /// Reads and verifies a reply that has to be signed by `key`.
    #[track_caller]
    pub(crate) fn read(body: &[u8], key: &Key) -> Self {
        let info = ContentInfo::from_der(body).unwrap();
        assert_eq!(info.content_type.as_bytes(), Oid::ID_SIGNED_DATA.as_bytes());
        let data: SignedData = info.content.decode_as().unwrap();
        assert_eq!(data.version, CmsVersion::V1);
        assert!(data.crls.is_none());
        // R-3.2-1, R-3.3.2.2-3: eContent is an OCTET STRING, also where it is empty
        assert_eq!(data.encap_content_info.econtent_type.as_bytes(), Oid::ID_DATA.as_bytes());
        let content = data.encap_content_info.econtent.unwrap();
        let content = content.decode_as::<OctetString>().unwrap().as_bytes().to_vec();

        // C-5.1-3
        let [signer] = data.signer_infos.0.as_slice() else { panic!("not one signer") };
        let certificates = data.certificates.unwrap().0.into_vec();
        let [CertificateChoices::Certificate(certificate)] = certificates.as_slice() else {
            panic!("not one certificate")
        };
        let certificate = certificate.to_der().unwrap();
        let SignerIdentifier::IssuerAndSerialNumber(sid) = &signer.sid else { panic!("signer by key") };
        assert_eq!(sid.to_der().unwrap(), issuer_and_serial(&certificate));
        assert_eq!(signer.version, CmsVersion::V1);
        let digest = DIGESTS
            .into_iter()
            .find(|digest| digest.oid().as_bytes() == signer.digest_alg.oid.as_bytes())
            .unwrap();
        let null = Some(Any::null());
        assert_eq!(signer.digest_alg.parameters, null);
        assert_eq!(data.digest_algorithms.as_slice(), std::slice::from_ref(&signer.digest_alg));
        assert_eq!(signer.signature_algorithm.oid.as_bytes(), Oid::RSA_ENCRYPTION.as_bytes());
        assert_eq!(signer.signature_algorithm.parameters, null);
        assert!(signer.unsigned_attrs.is_none());

        let attributes = signer.signed_attrs.as_ref().unwrap();
        assert!(key.verifies(digest, &attributes.to_der().unwrap(), signer.signature.as_bytes()));
        let types: Vec<Vec<u8>> = attributes.iter().map(|a| a.oid.as_bytes().to_vec()).collect();
        let get = |which: Oid<'_>| -> Option<(u8, Vec<u8>)> {
            let mut found = attributes.iter().filter(|a| a.oid.as_bytes() == which.as_bytes());
            let attribute = found.next()?;
            assert!(found.next().is_none(), "{which} twice");
            let [value] = attribute.values.as_slice() else { panic!("{which}: not one value") };
            Some((value.to_der().unwrap()[0], value.value().to_vec()))
        };
        let text = |which| {
            let (tag, value) = get(which)?;
            // R-3.2.1-3
            assert_eq!(tag, PRINTABLE);
            Some(String::from_utf8(value).unwrap())
        };
        let octets = |which| {
            let (tag, value) = get(which).unwrap();
            assert_eq!(tag, 4);
            value
        };
        assert_eq!(get(Oid::CONTENT_TYPE), Some((6, Oid::ID_DATA.as_bytes().to_vec())));
        assert_eq!(octets(Oid::MESSAGE_DIGEST), hash(digest, &content));
        assert_eq!(text(Oid::MESSAGE_TYPE).as_deref(), Some("3"));
        assert!(get(Oid::FAIL_INFO_TEXT).is_none());
        Self {
            status: text(Oid::PKI_STATUS).unwrap(),
            fail_info: text(Oid::FAIL_INFO),
            transaction: get(Oid::TRANSACTION_ID).unwrap(),
            sender_nonce: octets(Oid::SENDER_NONCE),
            recipient_nonce: octets(Oid::RECIPIENT_NONCE),
            digest,
            content,
            attributes: types,
            signer: certificate,
            length: body.len(),
        }
    }

    /// Opens the envelope of a SUCCESS with the key of the certificate that the request was signed with.
    #[track_caller]
    pub(crate) fn open(&self, key: &Key, certificate: &[u8]) -> Opened {
        let (cipher, content_key, plaintext) = self.decrypt(key, certificate);
        Opened { cipher, content_key, certificates: certs_only(&plaintext) }
    }

    /// The same for a CRL, which has to be alone.
    // R-2.7-2, R-3.3.2.1-5, R-3.4-2
    #[track_caller]
    pub(crate) fn open_crl(&self, key: &Key, certificate: &[u8]) -> Vec<u8> {
        let (_, _, plaintext) = self.decrypt(key, certificate);
        let fields = elements(content_info(&plaintext, Oid::ID_SIGNED_DATA));
        let [(2, [1], _), (0x31, [], _), (0x30, _, _), (0xA1, crls, _), (0x31, [], _)] = fields[..] else {
            panic!("not one CRL alone: {fields:?}")
        };
        let [(0x30, _, crl)] = elements(crls)[..] else { panic!("not one CRL") };
        crl.to_vec()
    }

    #[track_caller]
    fn decrypt(&self, key: &Key, certificate: &[u8]) -> (ContentEncryption, Vec<u8>, Vec<u8>) {
        let data = content_info(&self.content, Oid::ID_ENVELOPED_DATA);
        // C-6.1-1: version 0, no originatorInfo, no unprotectedAttrs
        let [(2, [0], _), (0x31, recipients, _), (0x30, content, _)] = elements(data)[..] else {
            panic!("no EnvelopedData")
        };
        // R-2.3-10: nobody else is a recipient
        let [(0x30, recipient, _)] = elements(recipients)[..] else { panic!("not one recipient") };
        let [(2, [0], _), (0x30, _, rid), (0x30, _, transport), (4, encrypted_key, _)] =
            elements(recipient)[..]
        else {
            panic!("no KeyTransRecipientInfo")
        };
        assert_eq!(rid, issuer_and_serial(certificate));
        assert_eq!(transport, algorithm(Oid::RSA_ENCRYPTION, NULL));
        let [(6, content_type, _), (0x30, encryption, _), (0x80, ciphertext, _)] = elements(content)[..]
        else {
            panic!("no EncryptedContentInfo")
        };
        assert_eq!(content_type, Oid::ID_DATA.as_bytes());
        let [(6, id, _), (4, iv, _)] = elements(encryption)[..] else { panic!("no IV") };
        let id = ContentEncryption::from_oid(Oid::new(id)).unwrap();

        let block = key.raw_private(encrypted_key);
        let split = block.len() - id.key_length() - 1;
        assert_eq!(block[..2], [0, 2]);
        assert!(block[2..split].iter().all(|byte| *byte != 0));
        assert_eq!(block[split], 0);
        let content_key = block[split + 1..].to_vec();
        let mut blocks = ciphertext.to_vec();
        cipher(id).decrypt(&content_key, iv, &mut blocks).unwrap();
        let padding = usize::from(*blocks.last().unwrap());
        assert!((1..=id.block_length()).contains(&padding));
        let cut = blocks.len() - padding;
        assert!(blocks[cut..].iter().all(|byte| usize::from(*byte) == padding));
        blocks.truncate(cut);
        (id, content_key, blocks)
    }
}

/// The inside of a SUCCESS.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) cipher: ContentEncryption,
    pub(crate) content_key: Vec<u8>,
    /// In the order on the wire.
    pub(crate) certificates: Vec<Vec<u8>>,
}

/// The elements in a row of DER: tag, contents, whole element.
pub(crate) fn elements(mut der: &[u8]) -> Vec<(u8, &[u8], &[u8])> {
    let mut found = Vec::new();
    while !der.is_empty() {
        let (header, length) = match der[1] {
            short @ ..0x80 => (2, usize::from(short)),
            long => {
                let octets = usize::from(long & 0x7F);
                let length = der[2..2 + octets].iter().fold(0, |sum, octet| sum << 8 | usize::from(*octet));
                (2 + octets, length)
            }
        };
        let (element, rest) = der.split_at(header + length);
        found.push((element[0], &element[header..], element));
        der = rest;
    }
    found
}

/// The inside of the SEQUENCE in a ContentInfo of this type.
#[track_caller]
fn content_info<'a>(der: &'a [u8], content_type: Oid<'_>) -> &'a [u8] {
    let [(0x30, info, _)] = elements(der)[..] else { panic!("not one SEQUENCE") };
    let [(6, kind, _), (0xA0, content, _)] = elements(info)[..] else { panic!("no ContentInfo") };
    assert_eq!(kind, content_type.as_bytes());
    let [(0x30, data, _)] = elements(content)[..] else { panic!("not one SEQUENCE in it") };
    data
}

/// The certificates of a certs-only message, in the order on the wire (RFC 8894 section 3.4).
// R-3.4-1, C-5.1-1, C-5.2-1
#[track_caller]
pub(crate) fn certs_only(der: &[u8]) -> Vec<Vec<u8>> {
    let fields = elements(content_info(der, Oid::ID_SIGNED_DATA));
    let [(2, [1], _), (0x31, [], _), (0x30, encapsulated, _), (0xA0, certificates, _), (0x31, [], _)] =
        fields[..]
    else {
        panic!("not certs-only: {fields:?}")
    };
    assert_eq!(encapsulated, oid(Oid::ID_DATA));
    elements(certificates).into_iter().map(|(_, _, whole)| whole.to_vec()).collect()
}
