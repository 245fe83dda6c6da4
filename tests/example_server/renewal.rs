//! Who gets another certificate by the one that he has.

use crate::endpoint::Options;
use crate::lab::*;
use scep::client::{Issued, RenewalStyle};
use scep::crypto::Random;
use scep::error::FailInfo;
use scep::wire::Certificate;
use std::time::Duration;

/// The answer to whom nothing is explained.
const NO: (FailInfo, Option<String>) = (FailInfo::BadRequest, None);

fn window(days: u64) -> impl FnOnce(&mut Options) {
    move |options| options.renew_window = Some(Duration::from_secs(days * DAY))
}

fn certificates(lab: &Lab) -> usize {
    lab.operator(&["list", "--certificates"]).unwrap().len()
}

fn first(lab: &Lab, subject: &str) -> Issued {
    issued(lab.enrol(&device(), subject))
}

// R-2.4-5, R-2.5-2, R-2.5-3, R-2.5-4
#[test]
fn a_good_certificate_renews_without_a_challenge() {
    let lab = Lab::new("renew", |_| {});
    let old = first(&lab, "CN=dev");
    let new = issued(lab.renew(&old, &device(), &device_2(), None));
    let [old, new] = [&old, &new].map(|issued| Certificate::parse(&issued.certificate).unwrap());
    assert_eq!(new.subject().as_der(), old.subject().as_der());
    assert_eq!(new.public_key().as_der(), device_2().public_key_der());
    assert_ne!(new.serial(), old.serial());
    assert_eq!(certificates(&lab), 2);
}

// T17: outside of the window the certificate counts for nothing
#[test]
fn a_renewal_that_is_not_due_is_refused_and_a_first_request_with_the_challenge_is_not() {
    let lab = Lab::new("window", window(364));
    let old = first(&lab, "CN=dev");
    let renew = |lab: &Lab, challenge| lab.renew(&old, &device(), &device_2(), challenge);
    assert_eq!(refused(renew(&lab, None)), (FailInfo::BadRequest, Some("renewal: too early".into())));
    assert_eq!(refused(renew(&lab, Some("wrong"))), NO);
    assert_eq!(certificates(&lab), 1);
    issued(renew(&lab, Some(CHALLENGE)));
    // a day more and it is due
    let lab = lab.restart(window(365));
    issued(renew(&lab, None));
    let lab = lab.restart(window(0));
    refused(renew(&lab, None));
    assert_eq!(certificates(&lab), 3);
}

// R-2.4-8: as a first request it waits as one does
#[test]
fn a_renewal_that_is_not_due_is_held_as_a_first_request_is() {
    let lab = Lab::new("window-held", |_| {});
    let old = first(&lab, "CN=held-1");
    let lab = lab.restart(|options| {
        window(30)(options);
        options.hold = Some("held".into());
        options.hold_polls = 0;
    });
    let wait = held(lab.renew(&old, &device(), &device_2(), Some(CHALLENGE)));
    let saved = wait.save().unwrap();
    drop(held(lab.poll(&saved, &device())));
    lab.operator(&["approve", "2"]).unwrap();
    issued(lab.poll(&saved, &device()));
}

// T16
#[test]
fn a_revoked_certificate_renews_nothing_whatever_comes_along() {
    let lab = Lab::new("renew-revoked", |_| {});
    let old = first(&lab, "CN=dev");
    lab.revoke(&old.certificate);
    for challenge in [None, Some(CHALLENGE)] {
        assert_eq!(refused(lab.renew(&old, &device(), &device_2(), challenge)), NO);
    }
    let style = |renewal: scep::client::RenewalBuilder| renewal.style(RenewalStyle::PkcsReq).build().unwrap();
    let renewal = scep::client::Renewal::builder(old.certificate.clone(), device_2().public_key_der());
    let step = client().renew(URL, style(renewal), &mut Random::system()).unwrap();
    assert_eq!(refused(lab.drive(step, &[&device(), &device_2()])), NO);
    assert_eq!(certificates(&lab), 1);
    // the device itself is not banned
    first(&lab, "CN=dev");
}

// T16, T25: whoever recorded the renewal has it from the first certificate, which is still good
#[test]
fn a_renewal_for_a_key_whose_certificate_was_revoked_is_refused() {
    let lab = Lab::new("renew-stolen", |_| {});
    let old = first(&lab, "CN=dev");
    let new = issued(lab.renew(&old, &device(), &device_2(), None));
    lab.revoke(&new.certificate);
    assert_eq!(refused(lab.renew(&old, &device(), &device_2(), None)), NO);
    assert_eq!(certificates(&lab), 2);
    issued(lab.renew(&old, &device(), &device(), None));
}

// T18: the CA signed it and knows nothing of it
#[test]
fn a_certificate_that_is_not_in_the_register_renews_with_the_challenge_only() {
    let lab = Lab::new("unknown", |_| {});
    let old = first(&lab, "CN=dev");
    lab.sql().execute("DELETE FROM certificates", []).unwrap();
    for challenge in [None, Some("wrong")] {
        assert_eq!(refused(lab.renew(&old, &device(), &device_2(), challenge)), NO);
    }
    assert_eq!(certificates(&lab), 0);
    issued(lab.renew(&old, &device(), &device_2(), Some(CHALLENGE)));
}

// T21
#[test]
fn a_name_that_is_not_certified_any_more_is_not_renewed_either() {
    let lab = Lab::new("renew-name", |_| {});
    let old = first(&lab, "CN=SCEP example CA 2");
    // whose name it is from now on
    let lab = lab.restart(|options| options.layout.next_ca = true);
    for challenge in [None, Some(CHALLENGE)] {
        let (fail_info, text) = refused(lab.renew(&old, &device(), &device_2(), challenge));
        assert_eq!(fail_info, FailInfo::BadRequest);
        assert_eq!(text.unwrap(), "subject: this name belongs to the CA");
    }
    assert_eq!(certificates(&lab), 1);
}
