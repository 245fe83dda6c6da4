//! CAs and devices with keys on elliptic curves.

use crate::endpoint::{Endpoint, Options};
use crate::folder::{CaKey, Ra};
use crate::lab::*;
use crate::revocation::fetched;
use crate::{new_folder, options};
use scep::client::{Client, ClientConfig, NewEnrolment};
use scep::crypto::rustcrypto::{KeyType, PBKDF2_SHA256, PROVIDER, SoftwareKey};
use scep::crypto::{ChallengePassword, Provider, Random};
use scep::error::FailInfo;
use scep::wire::Certificate;
use std::fs;

fn curve(ra: Ra, ca_key: CaKey) -> impl FnOnce(&mut Options) {
    move |options| {
        options.layout.ra = ra;
        options.layout.ca_key = ca_key;
    }
}

// ALG-11: the client follows every signature to the CA that it pins
#[test]
fn a_ca_on_a_curve_issues_renews_and_revokes_behind_an_ra() {
    // a point with 0x04 in front
    for (name, ra, ca_key, point) in [
        ("p256", Ra::One, CaKey::P256, 65),
        ("p384", Ra::One, CaKey::P384, 97),
        ("p384-two", Ra::Two, CaKey::P384, 97),
    ] {
        let lab = Lab::new(name, curve(ra, ca_key));
        let ca = Certificate::parse(lab.endpoint.keys.ca.certificate()).unwrap();
        assert_eq!(ca.public_key().key().len(), point, "{name}");
        let [lost, good] =
            [(device(), "CN=a"), (device_2(), "CN=b")].map(|(key, subject)| issued(lab.enrol(&key, subject)));
        issued(lab.renew(&lost, &device(), &device_2(), None));
        lab.revoke(&lost.certificate);
        let crl = fetched(&lab, lab.ca(), &good, &device_2());
        assert_eq!(number_and_entries(&crl.der), (2, 1));
        assert_eq!(crl.der, lab.crl("ca.crl"));
        // later the folder says which key there is
        let before = lab.endpoint.keys.ca.certificate().clone();
        let lab = lab.restart(curve(ra, CaKey::Rsa));
        assert_eq!(*lab.endpoint.keys.ca.certificate(), before);
        issued(lab.enrol(&device(), "CN=c"));
    }
}

#[test]
fn a_ca_on_a_curve_without_an_ra_is_refused_before_anything_is_made() {
    for ca_key in [CaKey::P256, CaKey::P384] {
        let folder = new_folder("curve-alone");
        let mut options = options(folder.clone());
        curve(Ra::None, ca_key)(&mut options);
        let error = Endpoint::open(options).err().unwrap().to_string();
        assert_eq!(error, "--ca-key: a CA without an RA needs an RSA key");
        let files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(files, ["lock"]);
    }
}

// R-3.1-3
#[test]
fn a_device_on_a_curve_gets_in_by_a_strong_challenge_where_the_server_takes_part() {
    static PROVIDER_WITH_PASSWORDS: Provider = Provider { password_kdfs: &[&PBKDF2_SHA256], ..PROVIDER };
    const STRONG: &str = "kJ8#vQ2!xW9$mN4^tR7&";
    let key = SoftwareKey::generate(KeyType::EcP256, &mut Random::system()).unwrap();
    for takes_part in [true, false] {
        let lab = Lab::new("password", |options| {
            options.challenge = Some(ChallengePassword::new(STRONG).unwrap());
            options.password_recipients = takes_part;
        });
        let request = NewEnrolment::builder("CN=dev".parse().unwrap(), key.public_key_der())
            .challenge(ChallengePassword::new(STRONG).unwrap())
            .build()
            .unwrap();
        let config = ClientConfig::new(&PROVIDER_WITH_PASSWORDS).password_recipients(true);
        let step = Client::new(config).enrol(URL, request, &mut Random::system()).unwrap();
        let driven = lab.drive(step, &[&key]);
        if takes_part {
            let own = issued(driven);
            let own = Certificate::parse(&own.certificate).unwrap();
            assert_eq!(own.public_key().as_der(), key.public_key_der());
        } else {
            assert_eq!(refused(driven), (FailInfo::BadAlg, None));
        }
    }
}
