//! Whole enrolments, and which CA a device talks to.

use crate::provider::PROVIDER;
use crate::support::*;
use scep::client::{Client, ClientConfig, Done, DriveCause, Driven, Step};
use scep::crypto::ChallengePassword;
use scep::error::{ApiMisuse, Error, FailInfo, PeerMisbehaved};
use scep::transport::Method;
use scep::wire::{Capability, Certificate, DistinguishedName};

// R-2.3-7, R-2.5.1-2
#[test]
fn a_device_gets_a_certificate_for_its_key_and_subject() {
    let mut ca = Ca::new();
    let mut device = Device::new(&ca);
    let step = device.start();
    let issued = issued(device.go(step, &mut ca).unwrap());

    let certificate = Certificate::parse(&issued.certificate).unwrap();
    assert_eq!(certificate.public_key().as_der(), device.key.soft.public_key_der());
    assert_eq!(certificate.subject().to_string(), DEVICE_NAME);
    assert_eq!(issued.ca.anchors(), [ca.certificate.clone()]);
    assert!(issued.checked_time);
    assert_eq!(device.decryptions, 1);
}

// R-4.1-4, R-2.2-1, case 97
#[test]
fn capabilities_come_first_then_certificates_then_the_message() {
    let mut ca = Ca::new();
    let mut device = Device::new(&ca);
    let step = device.start();
    device.go(step, &mut ca).unwrap();
    let sent: Vec<_> = ca.requests.iter().map(|request| (request.method, request.target.as_str())).collect();
    assert_eq!(
        sent,
        [
            (Method::Get, "http://ca.test/scep?operation=GetCACaps&message="),
            (Method::Get, "http://ca.test/scep?operation=GetCACert&message="),
            (Method::Post, "http://ca.test/scep?operation=PKIOperation"),
        ]
    );
}

#[test]
fn an_ra_opens_requests_and_signs_replies() {
    let mut ca = Ca::with_ra();
    let mut device = Device::new(&ca);
    let step = device.start();
    let issued = issued(device.go(step, &mut ca).unwrap());
    let recipient = Certificate::parse(issued.ca.recipient()).unwrap();
    assert_eq!(recipient.subject().to_string(), "CN=RA");
    assert_eq!(*issued.ca.issuer(), ca.certificate);
}

// R-2.5.1-3
#[test]
fn a_signed_refusal_is_an_outcome_and_not_an_error() {
    let mut ca = Ca::new();
    ca.policy = Policy::Refuse;
    let mut device = Device::new(&ca);
    let step = device.start();
    let Driven::Done(Done::Refused { fail_info, .. }) = device.go(step, &mut ca).unwrap() else { panic!() };
    assert_eq!(fail_info, FailInfo::BadRequest);
}

#[test]
fn a_wrong_challenge_is_refused() {
    let mut ca = Ca::new();
    let mut device = Device::new(&ca);
    let request = device.request("Correct horse battery staple");
    let step = device.client.enrol(URL, request, &mut device.rng).unwrap();
    let driven = device.go(step, &mut ca).unwrap();
    assert!(matches!(driven, Driven::Done(Done::Refused { fail_info: FailInfo::BadRequest, .. })));
    assert!(ca.store.is_empty());
}

// R-2.2-2, R-2.2-5, R-2.2-6, case 112: one bit of the fingerprint
#[test]
fn a_wrong_fingerprint_stops_before_any_message() {
    let mut ca = Ca::new();
    let mut device = Device::new(&ca);
    device.fingerprint[31] ^= 1;
    let step = device.start();
    let failed = device.go(step, &mut ca).unwrap_err();
    assert!(matches!(failed.cause, DriveCause::Protocol(Error::PeerMisbehaved(PeerMisbehaved::Fingerprint))));
    assert_eq!((ca.requests.len(), ca.messages()), (2, 0));

    // the question comes back, so a person who mistyped may answer it again
    let Some(Step::Trust(trust)) = failed.retry.map(|step| *step) else { panic!() };
    let step = trust.matching_sha256(&ca.fingerprint()).unwrap();
    issued(device.go(step, &mut ca).unwrap());
}

// R-2.2-2, case 112: another CA answers under the same name
#[test]
fn the_certificate_of_another_ca_stops_before_any_message() {
    let mut ca = Ca::new();
    let mut device = Device::new(&ca);
    let other = TestKey::other_ca();
    let pinned = Template::ca(CA_NAME).sign(other.soft.public_key_der(), &other);
    device.fingerprint = sha256(&pinned);
    let step = device.start();
    device.go(step, &mut ca).unwrap_err();
    assert_eq!(ca.messages(), 0);
}

// R-2.2-4: what is encrypted is encrypted for the certificate that the device has, whatever came
#[test]
fn a_pinned_certificate_counts_and_not_the_one_that_came() {
    let mut ca = Ca::new();
    let mut device = Device::new(&ca);
    let other = TestKey::other_ca();
    let pinned = Template::ca("CN=Other CA").sign(other.soft.public_key_der(), &other);
    let mut step = device.start();
    let trust = loop {
        step = match step {
            Step::Transmit(transmit) => {
                let response = ca.serve(transmit.request()).reply;
                transmit.receive(response, device.now, &mut device.rng).unwrap()
            }
            Step::Trust(trust) => break trust,
            other => panic!("{other:?}"),
        }
    };
    let step = trust.pinned(&pinned).unwrap();
    let transmit = device.up_to_message(step, &mut ca);
    // this CA cannot open it
    assert_ne!(ca.serve(transmit.request()).cause, None);
}

// R-2.2-9, case 113
#[test]
fn an_expired_ca_is_refused_by_a_device_with_a_clock() {
    let mut ca = Ca::new();
    let mut device = Device::new(&ca);
    device.now = Some(at(NOW + 16 * YEAR));
    let step = device.start();
    let failed = device.go(step, &mut ca).unwrap_err();
    assert!(matches!(
        failed.cause,
        DriveCause::Protocol(Error::BadSignature(scep::error::BadSignature::Validity))
    ));
    assert_eq!(ca.messages(), 0);
}

#[test]
fn without_a_clock_the_result_says_that_dates_were_not_checked() {
    let mut ca = Ca::new();
    let mut device = Device::new(&ca);
    device.now = None;
    let step = device.start();
    assert!(!issued(device.go(step, &mut ca).unwrap()).checked_time);
}

#[test]
fn a_known_ca_is_not_asked_for_its_certificates_again() {
    let mut ca = Ca::new();
    let mut device = Device::new(&ca);
    let step = device.client.fetch_ca(URL).unwrap();
    let Driven::Done(Done::Ca(trusted)) = device.go(step, &mut ca).unwrap() else { panic!() };
    assert!(trusted.capabilities().lists(Capability::ScepStandard));
    ca.requests.clear();
    let request = device.request(CHALLENGE);
    let step = device.client.enrol_with(URL, trusted, request, None, &mut device.rng).unwrap();
    issued(device.go(step, &mut ca).unwrap());
    assert_eq!((ca.requests.len(), ca.messages()), (1, 1));
}

// R-2.4-10, R-7.3-4, T50: nothing of the challenge but what is encrypted for the CA
#[test]
fn the_challenge_never_travels_in_the_clear() {
    let mut ca = Ca::new();
    let mut device = Device::new(&ca);
    let step = device.start();
    device.go(step, &mut ca).unwrap();
    for request in &ca.requests {
        assert!(!holds(&request.body, CHALLENGE.as_bytes()) && !request.target.contains(CHALLENGE));
    }
}

#[test]
fn a_key_that_scep_cannot_use_is_refused_at_once() {
    let subject: DistinguishedName = DEVICE_NAME.parse().unwrap();
    let elliptic = [0x30, 0x13, 0x06, 0x07, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01];
    let request = scep::client::NewEnrolment::builder(subject, &elliptic)
        .challenge(ChallengePassword::new(CHALLENGE).unwrap())
        .build();
    assert_eq!(request.unwrap_err(), ApiMisuse::PublicKey.into());
}

// T52: no numbers, no request
#[test]
fn a_generator_that_fails_is_an_error() {
    struct Broken;
    impl rand_core::TryRng for Broken {
        type Error = core::fmt::Error;
        fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
            Err(core::fmt::Error)
        }
        fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
            Err(core::fmt::Error)
        }
        fn try_fill_bytes(&mut self, _: &mut [u8]) -> Result<(), Self::Error> {
            Err(core::fmt::Error)
        }
    }
    impl rand_core::TryCryptoRng for Broken {}
    let ca = Ca::new();
    let device = Device::new(&ca);
    let client = Client::new(ClientConfig::new(&PROVIDER));
    let mut broken = scep::crypto::Random::new(Broken);
    assert_eq!(client.enrol(URL, device.request(CHALLENGE), &mut broken).unwrap_err(), Error::RandomFailed);
}
