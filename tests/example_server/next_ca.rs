//! The CA that comes after this one.

use crate::endpoint::Options;
use crate::folder::Ra;
use crate::lab::*;
use crate::revocation::fetched;
use scep::Error;
use scep::client::{Done, DriveCause, Driven, Issued, TrustedCa, drive};
use scep::crypto::Random;
use scep::crypto::rustcrypto::{KeyRing, SoftwareKey};
use scep::pki_types::UnixTime;
use scep::wire::Certificate;

const NOW: &str = "CN=SCEP example CA";
const NEXT: &str = "CN=SCEP example CA 2";

fn with_next(ra: Ra) -> impl FnOnce(&mut Options) {
    move |options| {
        options.layout.next_ca = true;
        options.layout.ra = ra;
    }
}

/// The next CA, as a device knows it that verified the signature of the present one.
fn staged(lab: &Lab) -> TrustedCa {
    let step = client().fetch_next_ca(URL, lab.ca()).unwrap();
    let Driven::Done(Done::NextCa(next)) = lab.drive(step, &[]) else { panic!() };
    let expected = lab.endpoint.keys.next.as_ref().unwrap().certificate();
    assert_eq!(next.certificates(), std::slice::from_ref(expected));
    next.into_trusted(client().config()).unwrap()
}

fn enrol_with(lab: &Lab, ca: &TrustedCa, key: &SoftwareKey, subject: &str) -> Issued {
    let (request, now) = (request(key, subject), Some(UnixTime::now()));
    let step = client().enrol_with(URL, ca.clone(), request, now, &mut Random::system()).unwrap();
    issued(lab.drive(step, &[key]))
}

fn renew_with(lab: &Lab, ca: &TrustedCa, current: &Issued, old: &SoftwareKey, new: &SoftwareKey) -> Issued {
    let (renewal, now) = (renewal(current, new, None), Some(UnixTime::now()));
    let step = client().renew_with(URL, ca.clone(), renewal, now, &mut Random::system()).unwrap();
    issued(lab.drive(step, &[old, new]))
}

// R-4.7-2, R-4.7.1-1, R-4.7.1-2: the client verifies who signed each of them
#[test]
fn the_next_ca_issues_to_who_asks_it_and_the_present_one_to_everybody_else() {
    for (name, ra) in [("next", Ra::None), ("next-one", Ra::One), ("next-two", Ra::Two)] {
        let lab = Lab::new(name, with_next(ra));
        let next = staged(&lab);
        let early = enrol_with(&lab, &next, &device(), "CN=early");
        assert_eq!(issuer(&early.certificate), NEXT);
        let other = issued(lab.enrol(&device_2(), "CN=other"));
        assert_eq!(issuer(&other.certificate), NOW);
        // each renews where it is, and the older one over there
        let again = renew_with(&lab, &next, &early, &device(), &device_2());
        assert_eq!(issuer(&again.certificate), NEXT);
        let stays = issued(lab.renew(&other, &device_2(), &device(), None));
        assert_eq!(issuer(&stays.certificate), NOW);
        let moves = renew_with(&lab, &next, &other, &device_2(), &device());
        assert_eq!(issuer(&moves.certificate), NEXT);
        // the next CA survives a restart
        let lab = lab.restart(with_next(ra));
        assert_eq!(staged(&lab), next);
    }
}

#[test]
fn what_the_next_ca_issued_is_revoked_in_its_own_list() {
    let lab = Lab::new("next-crl", with_next(Ra::None));
    let next = staged(&lab);
    assert_eq!(number_and_entries(&lab.crl("ca-next.crl")), (1, 0));
    let [lost, good] = [(device(), "CN=a"), (device_2(), "CN=b")]
        .map(|(key, subject)| enrol_with(&lab, &next, &key, subject));
    let printed = lab.operator(&["revoke", "--serial", &serial(&lost.certificate)]).unwrap();
    let file = lab.folder.join("ca-next.crl");
    assert_eq!(printed, [format!("revoked; revocation list {}", file.display())]);
    assert_eq!(number_and_entries(&lab.crl("ca-next.crl")), (2, 1));
    assert_eq!(number_and_entries(&lab.crl("ca.crl")), (1, 0));
    let crl = fetched(&lab, next, &good, &device_2());
    assert_eq!(crl.der, lab.crl("ca-next.crl"));
    let serial = |issued: &Issued| Certificate::parse(&issued.certificate).unwrap().serial().to_vec();
    assert_eq!((crl.is_revoked(&serial(&lost)), crl.is_revoked(&serial(&good))), (Ok(true), Ok(false)));
    // and where the server runs without the next CA for a while
    let lab = lab.restart(|_| {});
    lab.revoke(&good.certificate);
    assert_eq!(number_and_entries(&lab.crl("ca-next.crl")), (3, 2));
}

// R-4.7.1-5
#[test]
fn without_a_next_ca_there_is_an_http_error() {
    let lab = Lab::new("no-next", |_| {});
    let (mut transport, ring) = (&lab, KeyRing::default());
    let step = client().fetch_next_ca(URL, lab.ca()).unwrap();
    let trust = |trust: scep::client::Trust| trust.matching_sha256(&[0; 32]);
    let (rng, now) = (&mut Random::system(), Some(UnixTime::now()));
    let error = drive(step, &mut transport, &mut &ring, &mut &ring, trust, rng, now).unwrap_err();
    let DriveCause::Protocol(error) = error.cause;
    assert_eq!(error, Error::UnexpectedStatus(404));
    assert!(!lab.folder.join("ca-next.pem").exists() && !lab.folder.join("ca-next.crl").exists());
}
