//! Revocation, and the lists that say so.

use crate::lab::*;
use crate::store::SqliteStore;
use crate::{crl, folder};
use scep::client::{Crl, Done, Driven, Issued, Query, TrustedCa};
use scep::crypto::Random;
use scep::crypto::rustcrypto::SoftwareKey;
use scep::error::FailInfo;
use scep::pki_types::UnixTime;
use scep::wire::{Certificate, CertificateList};
use std::sync::Barrier;
use std::{fs, thread};

fn fetch(lab: &Lab, ca: TrustedCa, own: &Issued, key: &SoftwareKey) -> Driven {
    let query = Query::own(own.certificate.clone()).unwrap();
    lab.drive(client().fetch_crl(URL, ca, query, &mut Random::system()).unwrap(), &[key])
}

/// The list as a device gets it, which verified its signature.
pub(crate) fn fetched(lab: &Lab, ca: TrustedCa, own: &Issued, key: &SoftwareKey) -> Crl {
    match fetch(lab, ca, own, key) {
        Driven::Done(Done::Crl(crl)) => crl,
        other => panic!("{other:?}"),
    }
}

/// The list that the server would give out at this time.
fn newest(lab: &Lab, now: UnixTime) -> Vec<u8> {
    crl::newest(&lab.endpoint.store, &lab.endpoint.keys.ca, now).unwrap()
}

// R-4.6.1-1
#[test]
fn the_first_list_has_number_1_and_no_entries_and_each_revocation_makes_the_next_one() {
    let lab = Lab::new("crl", |_| {});
    let start = lab.crl("ca.crl");
    assert_eq!(number_and_entries(&start), (1, 0));
    let list = CertificateList::parse(&start).unwrap();
    let (made, until) = (list.this_update().unwrap(), list.next_update().unwrap().unwrap());
    assert!(made <= UnixTime::now() && until.as_secs() - made.as_secs() == 7 * DAY);
    let ca = Certificate::parse(lab.endpoint.keys.ca.certificate()).unwrap();
    assert_eq!(list.issuer().as_der(), ca.subject().as_der());

    let [lost, good] = [(device(), "CN=lost"), (device_2(), "CN=good")].map(|(key, subject)| {
        let own = issued(lab.enrol(&key, subject));
        (key, own)
    });
    assert_eq!(fetched(&lab, lab.ca(), &good.1, &good.0).der, start);

    let serial = serial(&lost.1.certificate);
    let file = lab.folder.join("ca.crl").display().to_string();
    let printed = lab.operator(&["revoke", "--serial", &serial]).unwrap();
    assert_eq!(printed, [format!("revoked; revocation list {file}")]);
    let second = lab.crl("ca.crl");
    assert_eq!(number_and_entries(&second), (2, 1));
    let crl = fetched(&lab, lab.ca(), &good.1, &good.0);
    assert_eq!(crl.der, second);
    let read = |issued: &Issued| Certificate::parse(&issued.certificate).unwrap().serial().to_vec();
    assert_eq!(crl.is_revoked(&read(&lost.1)), Ok(true));
    assert_eq!(crl.is_revoked(&read(&good.1)), Ok(false));
    let list = crl.list().unwrap();
    assert!(list.this_update().unwrap() >= made);
    let since = list.find(&read(&lost.1)).unwrap().unwrap().date().unwrap();
    assert!(since >= made && since <= list.this_update().unwrap());

    // once more says the same and changes nothing, whatever the serial number looks like
    let pairs: Vec<String> =
        serial.as_bytes().chunks(2).map(|pair| String::from_utf8_lossy(pair).to_lowercase()).collect();
    let printed = lab.operator(&["revoke", "--serial", &format!("00:{}", pairs.join(":"))]).unwrap();
    assert_eq!(printed, [format!("revoked; revocation list {file}")]);
    assert_eq!(lab.crl("ca.crl"), second);

    let states = lab.operator(&["list", "--certificates"]).unwrap();
    assert!(states[0].starts_with(&format!("{serial}  revoked  subject=\"CN=lost\"")), "{states:?}");
    assert!(states[1].contains("  good     subject=\"CN=good\""), "{states:?}");
}

// T27: who is revoked learns nothing, and not even that
#[test]
fn a_revoked_device_gets_no_certificate_and_no_list() {
    let lab = Lab::new("revoked-asks", |_| {});
    let [lost, good] = [issued(lab.enrol(&device(), "CN=a")), issued(lab.enrol(&device(), "CN=a"))];
    let certificate = |own: &Issued, wanted: &Issued| {
        let wanted = Certificate::parse(&wanted.certificate).unwrap();
        let query = Query::new(own.certificate.clone(), &wanted.issuer_and_serial()).unwrap();
        let step = client().fetch_certificate(URL, lab.ca(), query, &mut Random::system()).unwrap();
        lab.drive(step, &[&device()])
    };
    let gets = |driven, expected: &Issued| match driven {
        Driven::Done(Done::Certificate(found)) => assert_eq!(found, expected.certificate),
        other => panic!("{other:?}"),
    };
    gets(certificate(&lost, &lost), &lost);
    lab.revoke(&lost.certificate);
    assert_eq!(refused(certificate(&lost, &lost)), (FailInfo::BadCertId, None));
    assert_eq!(refused(certificate(&lost, &good)), (FailInfo::BadCertId, None));
    assert_eq!(refused(fetch(&lab, lab.ca(), &lost, &device())), (FailInfo::BadCertId, None));
    // the same for one that the register does not know
    lab.sql().execute("DELETE FROM certificates WHERE revoked IS NULL", []).unwrap();
    assert_eq!(refused(certificate(&good, &lost)), (FailInfo::BadCertId, None));
    assert_eq!(refused(fetch(&lab, lab.ca(), &good, &device())), (FailInfo::BadCertId, None));
}

#[test]
fn a_holder_of_a_good_certificate_gets_one_that_was_revoked() {
    let lab = Lab::new("good-asks", |_| {});
    let [lost, good] = [issued(lab.enrol(&device(), "CN=a")), issued(lab.enrol(&device(), "CN=a"))];
    lab.revoke(&lost.certificate);
    let wanted = Certificate::parse(&lost.certificate).unwrap();
    let query = Query::new(good.certificate.clone(), &wanted.issuer_and_serial()).unwrap();
    let step = client().fetch_certificate(URL, lab.ca(), query, &mut Random::system()).unwrap();
    let Driven::Done(Done::Certificate(found)) = lab.drive(step, &[&device()]) else { panic!() };
    assert_eq!(found, lost.certificate);
}

#[test]
fn a_list_serves_for_a_day_and_then_there_is_another() {
    let lab = Lab::new("crl-age", |_| {});
    let first = lab.crl("ca.crl");
    let made = CertificateList::parse(&first).unwrap().this_update().unwrap();
    let at = |after: u64| UnixTime::since_unix_epoch(std::time::Duration::from_secs(made.as_secs() + after));
    assert_eq!(newest(&lab, at(0)), first);
    assert_eq!(newest(&lab, at(DAY - 1)), first);
    let second = newest(&lab, at(DAY));
    assert_eq!(number_and_entries(&second), (2, 0));
    assert_eq!(CertificateList::parse(&second).unwrap().this_update(), Ok(at(DAY)));
    // the file has it when the server looks after its things, and not before
    assert_eq!(lab.crl("ca.crl"), first);
    lab.endpoint.tidy(at(DAY)).unwrap();
    assert_eq!(lab.crl("ca.crl"), second);
    // a clock that was put back: nobody gets a list of the future
    let third = newest(&lab, at(0));
    assert_eq!(number_and_entries(&third), (3, 0));
    assert_eq!(CertificateList::parse(&third).unwrap().this_update(), Ok(at(0)));
}

// a revocation that waited for the database, while another process made a list with a later time
#[test]
fn a_revocation_that_is_older_than_the_list_gets_into_the_next_one() {
    let lab = Lab::new("late", |_| {});
    let own = issued(lab.enrol(&device(), "CN=dev"));
    let serial = Certificate::parse(&own.certificate).unwrap().serial().to_vec();
    let now = later(DAY);
    assert_eq!(number_and_entries(&newest(&lab, now)), (2, 0));
    lab.endpoint.store.revoke(&serial, UnixTime::now()).unwrap().unwrap();
    assert_eq!(number_and_entries(&newest(&lab, now)), (3, 1));
    assert_eq!(number_and_entries(&newest(&lab, now)), (3, 1));
}

#[test]
fn two_processes_that_revoke_at_once_number_their_lists_apart_and_the_file_has_both_entries() {
    let lab = Lab::new("at-once", |_| {});
    for round in 1..=5 {
        let issued = [issued(lab.enrol(&device(), "CN=a")), issued(lab.enrol(&device(), "CN=b"))];
        let start = Barrier::new(2);
        thread::scope(|scope| {
            for own in &issued {
                let (start, serial, folder) = (&start, serial(&own.certificate), &lab.folder);
                scope.spawn(move || {
                    start.wait();
                    // a connection of its own
                    operator(folder, &["revoke", "--serial", &serial]).unwrap();
                });
            }
        });
        let last = lab.crl("ca.crl");
        assert_eq!(last, newest(&lab, UnixTime::now()));
        assert_eq!(number_and_entries(&last).1, 2 * round);
    }
    let sql = lab.sql();
    let mut numbers = sql.prepare("SELECT number, crl FROM crls ORDER BY number").unwrap();
    let numbers = numbers.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    for (expected, row) in (1..).zip(numbers) {
        let (number, crl): (u8, Vec<u8>) = row.unwrap();
        assert_eq!((number, number_and_entries(&crl).0), (expected, expected));
    }
}

#[test]
fn serial_numbers_of_no_certificate_are_errors_and_make_no_list() {
    let lab = Lab::new("no-such-serial", |_| {});
    issued(lab.enrol(&device(), "CN=dev"));
    let list = lab.crl("ca.crl");
    let ca = serial(lab.endpoint.keys.ca.certificate());
    for serial in ["00", "01", "FF", &ca] {
        let error = lab.operator(&["revoke", "--serial", serial]).unwrap_err();
        assert_eq!(error, "no certificate with this serial number was issued here");
    }
    let error = lab.operator(&["revoke", "--serial", "xyz"]).unwrap_err();
    assert!(error.contains("not hexadecimal"), "{error}");
    assert_eq!(lab.crl("ca.crl"), list);
    assert_eq!(number_and_entries(&newest(&lab, UnixTime::now())), (1, 0));
}

#[test]
fn a_revocation_whose_list_cannot_be_written_counts_and_is_said_to() {
    let lab = Lab::new("no-file", |_| {});
    let own = issued(lab.enrol(&device(), "CN=dev"));
    let (words, path) = (serial(&own.certificate), lab.folder.join("ca.crl"));
    let revoke = || lab.operator(&["revoke", "--serial", &words]);
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    let error = revoke().unwrap_err();
    assert!(error.starts_with("revoked, but the file of its revocation list is the old one: "), "{error}");
    assert!(error.contains("ca.crl"), "{error}");
    assert_eq!(refused(lab.renew(&own, &device(), &device_2(), None)).0, FailInfo::BadRequest);
    // and can be said again
    fs::remove_dir(&path).unwrap();
    revoke().unwrap();
    assert_eq!(number_and_entries(&lab.crl("ca.crl")), (2, 1));
    fs::rename(lab.folder.join("ca.key.pem"), lab.folder.join("aside")).unwrap();
    let error = revoke().unwrap_err();
    assert!(error.contains("the CA that issued it is not in this folder"), "{error}");
}

#[test]
fn serial_numbers_are_read_as_people_write_them() {
    let read = |text: &str| crate::admin::serial(text).map(|serial| serial.0);
    for (text, expected) in [
        ("01", &[1][..]),
        ("1", &[1]),
        ("0", &[0]),
        ("0000", &[0]),
        ("7f", &[0x7F]),
        ("abc", &[0x0A, 0xBC]),
        ("0A:bC", &[0x0A, 0xBC]),
        (":1:", &[1]),
        ("00:00:12:34", &[0x12, 0x34]),
        ("000001", &[1]),
        // as DER has a number that is not negative
        ("80", &[0, 0x80]),
        ("0080", &[0, 0x80]),
        ("00:00:FF:00", &[0, 0xFF, 0]),
        ("08000", &[0, 0x80, 0]),
    ] {
        assert_eq!(read(text).as_deref(), Ok(expected), "{text}");
    }
    for text in ["", ":", "::", "0x12", "12 34", "-1", "g", "1g", "é", "１"] {
        assert_eq!(read(text).as_deref(), Err(&"not hexadecimal".to_string()), "{text}");
    }
}

#[test]
fn the_list_of_a_ca_is_the_same_wherever_it_is_asked_for() {
    let lab = Lab::new("elsewhere", |_| {});
    let store = SqliteStore::open(&folder::database(&lab.folder)).unwrap();
    let issuers = folder::issuers(&lab.folder).unwrap();
    let [("ca.crl", ca)] = issuers.as_slice() else { panic!("{}", issuers.len()) };
    assert_eq!(crl::newest(&store, ca, UnixTime::now()).unwrap(), lab.crl("ca.crl"));
}
