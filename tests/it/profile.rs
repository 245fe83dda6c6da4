//! A managed device that follows its profile, against the library's server.

use crate::provider::{PROVIDER, SoftwareKey};
use crate::support::*;
use der::{Decode as _, Encode as _};
use scep::client::{Client, ClientConfig, Done, DriveError, Driven, Issued, Transport, Trust, drive};
use scep::crypto::{ChallengePassword, KeyError, Purpose, Rng, SignJob, Signature, Signer};
use scep::pki_types::CertificateDer;
use scep::profile::{
    AltNameTemplate, AltNameType, CertificateType, EnrolmentProfile, EnrolmentProfileBuilder, Jitter,
    KeyProvider, KeySize, KeyStore, NameSyntax, RenewalState, RenewalThreshold, Retries, ServerList,
    ServerOrder, SubjectNameFormat, SubjectTemplate, Values, Variable, Vocabulary,
};
use scep::transport::{HttpRequest, HttpResponse};
use scep::wire::{Certificate, DistinguishedName, Oid, RequestedValidity, ValidityUnit};
use std::time::Duration;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{ExtendedKeyUsage, KeyUsage, KeyUsages, SubjectAltName};
use x509_cert::request::{CertReqInfo, ExtensionReq};

/// A key of the tests in the place of a new one, and nothing but software.
struct Stores(TestKey);

impl KeyProvider for Stores {
    type Key = SoftwareKey;
    type Error = KeyError;

    fn generate(
        &mut self,
        store: KeyStore,
        size: KeySize,
        _: &mut Rng<'_>,
    ) -> Result<Option<SoftwareKey>, KeyError> {
        assert_eq!(size.bits(), 2048);
        let key = || SoftwareKey::from_pkcs8(&self.0.soft.to_pkcs8()).unwrap();
        Ok((store == KeyStore::Software).then(key))
    }
}

/// Keeps what the key signs as certification request.
struct Recording<'a> {
    key: &'a SoftwareKey,
    request: &'a mut Vec<u8>,
}

impl Signer for Recording<'_> {
    fn sign(&mut self, job: &SignJob, rng: &mut Rng<'_>) -> Result<Signature, KeyError> {
        if job.purpose() == Purpose::Csr {
            *self.request = job.message().to_vec();
        }
        self.key.sign(job, rng)
    }
}

fn subject(text: &str) -> SubjectNameFormat {
    let template = SubjectTemplate::parse(text, NameSyntax::Windows, &Vocabulary::new());
    SubjectNameFormat::Custom(template.unwrap())
}

fn alt_name(kind: AltNameType, text: &str) -> AltNameTemplate {
    AltNameTemplate::parse(kind, text, &Vocabulary::new()).unwrap()
}

fn profile(format: SubjectNameFormat) -> EnrolmentProfileBuilder {
    EnrolmentProfile::builder(CertificateType::User, format).server(URL)
}

/// What a device with these values asks for, and the certificate that it gets.
fn enrol(profile: &EnrolmentProfile, values: &Values) -> (CertReqInfo, Issued) {
    let mut ca = Ca::new();
    let mut rng = seeded(31);
    let (store, key) = profile.new_key(&mut Stores(TestKey::device()), &mut rng).unwrap();
    assert_eq!(store, KeyStore::Software);
    let request = profile.enrolment(values, key.public_key_der()).unwrap();
    let request = request.challenge(ChallengePassword::new(CHALLENGE).unwrap()).build().unwrap();
    let mut servers = profile.servers(&mut rng).unwrap();
    let attempt = servers.attempt().unwrap();
    let client = Client::new(profile.configure(ClientConfig::new(&PROVIDER)));
    let step = client.enrol(attempt.url().as_str(), request, &mut rng).unwrap();
    let mut signed = Vec::new();
    let mut signer = Recording { key: &key, request: &mut signed };
    let fingerprint = ca.fingerprint();
    let trust = |trust: Trust| trust.matching_sha256(&fingerprint);
    let driven = drive(step, &mut ca, &mut signer, &mut &key, trust, &mut rng, Some(at(NOW))).unwrap();
    attempt.answered();
    (CertReqInfo::from_der(&signed).unwrap(), issued(driven))
}

/// Type and value of every attribute, each relative distinguished name by itself, as `x509-cert` reads them.
fn read(name: &x509_cert::name::Name) -> Vec<Vec<(String, String)>> {
    let attribute = |one: &x509_cert::attr::AttributeTypeAndValue| {
        (one.oid.to_string(), String::from_utf8(one.value.value().to_vec()).unwrap())
    };
    name.iter_rdn().map(|rdn| rdn.iter().map(attribute).collect()).collect()
}

fn one(oid: &str, value: &str) -> Vec<(String, String)> {
    vec![(oid.to_owned(), value.to_owned())]
}

// A16, A28, A35, A37, A39
#[test]
fn a_managed_device_asks_for_what_its_profile_says_and_gets_it() {
    let profile = profile(subject("CN={{UserName}},E={{EmailAddress}},O=Finance Group,C=US"))
        .subject_alt_name(alt_name(AltNameType::UserPrincipalName, "{{UserName}}@corp.example"))
        .subject_alt_name(alt_name(AltNameType::Email, "{{EmailAddress}}"))
        .subject_alt_name(alt_name(AltNameType::Dns, "{{DeviceName}}.corp.example"))
        .subject_alt_name(alt_name(AltNameType::Uri, "urn:serial:{{SerialNumber}}"))
        .extended_key_usage(&[Oid::CLIENT_AUTH, Oid::SMART_CARD_LOGON])
        .validity(RequestedValidity { unit: ValidityUnit::Months, count: 6 })
        .build()
        .unwrap();
    let values = Values::new()
        .with(Variable::UserName, "janedoe")
        .with(Variable::EmailAddress, "jane@corp.example")
        .with(Variable::DeviceName, "tablet-17")
        .with(Variable::SerialNumber, "C02/X 1");
    let (request, issued) = enrol(&profile, &values);
    let expected = [
        one("2.5.4.3", "janedoe"),
        one("1.2.840.113549.1.9.1", "jane@corp.example"),
        one("2.5.4.10", "Finance Group"),
        one("2.5.4.6", "US"),
    ];
    assert_eq!(read(&request.subject), expected);
    let attribute =
        request.attributes.iter().find(|one| one.oid.to_string() == "1.2.840.113549.1.9.14").unwrap();
    let extensions = ExtensionReq::from_der(&attribute.values.get(0).unwrap().to_der().unwrap()).unwrap().0;
    let extension = |oid: &str| extensions.iter().find(|one| one.extn_id.to_string() == oid).unwrap();
    let usage = KeyUsage::from_der(extension("2.5.29.15").extn_value.as_bytes()).unwrap();
    assert_eq!(usage.0, KeyUsages::DigitalSignature | KeyUsages::KeyEncipherment);
    let purposes = ExtendedKeyUsage::from_der(extension("2.5.29.37").extn_value.as_bytes()).unwrap().0;
    let purposes: Vec<_> = purposes.iter().map(ToString::to_string).collect();
    assert_eq!(purposes, ["1.3.6.1.5.5.7.3.2", "1.3.6.1.4.1.311.20.2.2"]);
    let names = SubjectAltName::from_der(extension("2.5.29.17").extn_value.as_bytes()).unwrap().0;
    let [
        GeneralName::OtherName(upn),
        GeneralName::Rfc822Name(email),
        GeneralName::DnsName(host),
        GeneralName::UniformResourceIdentifier(uri),
    ] = &names[..]
    else {
        panic!("{names:?}");
    };
    assert_eq!(upn.type_id.to_string(), "1.3.6.1.4.1.311.20.2.3");
    assert_eq!(upn.value.decode_as::<String>().unwrap(), "janedoe@corp.example");
    assert_eq!(email.as_str(), "jane@corp.example");
    assert_eq!(host.as_str(), "tablet-17.corp.example");
    assert_eq!(uri.as_str(), "urn:serial:C02%2FX%201");
    assert!(!extension("2.5.29.17").critical);
    let validity =
        request.attributes.iter().find(|one| one.oid.to_string() == "1.3.6.1.4.1.311.13.2.1").unwrap();
    let validity = validity.to_der().unwrap();
    assert!(holds(&validity, b"\x1E\x0C\0M\0o\0n\0t\0h\0s") && holds(&validity, b"\x1E\x02\x006"));
    let certificate = Certificate::parse(&issued.certificate).unwrap();
    assert_eq!(certificate.subject().as_der(), request.subject.to_der().unwrap());
}

// A34
#[test]
fn a_value_that_looks_like_more_names_is_one_name_for_others_too() {
    let profile = profile(subject("CN={{DeviceName}},O=Example")).build().unwrap();
    for hostile in
        ["dev1,CN=admin", "dev1+CN=admin", "dev1\",CN=\"admin", "{{UserName}}", "dev1\\,CN=admin", "a/CN=b"]
    {
        let values = Values::new().with(Variable::DeviceName, hostile).with(Variable::UserName, "root");
        let (request, issued) = enrol(&profile, &values);
        let expected = [one("2.5.4.3", hostile), one("2.5.4.10", "Example")];
        assert_eq!(read(&request.subject), expected, "{hostile}");
        let certificate = x509_cert::Certificate::from_der(&issued.certificate).unwrap();
        assert_eq!(read(certificate.tbs_certificate().subject()), expected, "{hostile}");
    }
}

// A35
#[test]
fn a_profile_without_subject_asks_by_a_critical_alternative_name() {
    let profile = profile(SubjectNameFormat::NotConfigured)
        .subject_alt_name(alt_name(AltNameType::UserPrincipalName, "{{UserPrincipalName}}"))
        .build()
        .unwrap();
    let (request, _) = enrol(&profile, &Values::new().with(Variable::UserPrincipalName, "jane@corp.example"));
    assert!(request.subject.is_empty());
    let attribute =
        request.attributes.iter().find(|one| one.oid.to_string() == "1.2.840.113549.1.9.14").unwrap();
    let extensions = ExtensionReq::from_der(&attribute.values.get(0).unwrap().to_der().unwrap()).unwrap().0;
    let names = extensions.iter().find(|one| one.extn_id.to_string() == "2.5.29.17").unwrap();
    assert!(names.critical);
}

/// Two servers that know nothing of each other. The first one is down from its n-th request on.
struct Farm {
    servers: [Ca; 2],
    dead_after: usize,
    /// Which server was asked for what.
    asked: Vec<(usize, String)>,
}

impl Transport for Farm {
    type Error = &'static str;

    fn exchange(&mut self, request: &HttpRequest) -> Result<HttpResponse, &'static str> {
        let (url, query) = request.target.split_once("?operation=").unwrap();
        let which = usize::from(url == "http://two.test/scep");
        let operation = query.split('&').next().unwrap().to_owned();
        self.asked.push((which, operation));
        if which == 0 && self.asked.iter().filter(|(which, _)| *which == 0).count() > self.dead_after {
            return Err("down");
        }
        let Ok(response) = self.servers[which].exchange(request);
        Ok(response)
    }
}

/// Enrols with one server after the other.
fn enrol_somewhere(servers: &mut ServerList, farm: &mut Farm) -> Result<Issued, &'static str> {
    let mut device = Device::new(&farm.servers[0]);
    device.rng = seeded(77);
    let mut last = "no server";
    while let Some(attempt) = servers.attempt() {
        let request = device.request(CHALLENGE);
        let step = device.client.enrol(attempt.url().as_str(), request, &mut device.rng).unwrap();
        match device.go(step, farm) {
            Ok(Driven::Done(Done::Issued(issued))) => {
                attempt.answered();
                return Ok(issued);
            }
            Ok(other) => panic!("{other:?}"),
            Err(DriveError { .. }) => {
                attempt.failed();
                last = "down";
            }
        }
    }
    Err(last)
}

// A41
#[test]
fn one_server_serves_a_whole_enrolment_and_the_next_one_begins_anew() {
    let whole = ["GetCACaps", "GetCACert", "PKIOperation"];
    for dead_after in 0..=3 {
        let mut farm = Farm { servers: [Ca::new(), Ca::new()], dead_after, asked: Vec::new() };
        let profile = profile(SubjectNameFormat::CommonName);
        let profile =
            EnrolmentProfileBuilder::clone(&profile).server("http://two.test/scep").build().unwrap();
        let mut servers = profile.servers(&mut seeded(1)).unwrap();
        enrol_somewhere(&mut servers, &mut farm).unwrap();
        let first: Vec<_> =
            whole.iter().take(dead_after + 1).map(|operation| (0, (*operation).to_owned())).collect();
        let second = whole.iter().map(|operation| (1, (*operation).to_owned()));
        let expected: Vec<_> = if dead_after < 3 { first.into_iter().chain(second).collect() } else { first };
        assert_eq!(farm.asked, expected, "{dead_after}");
        // the one that answered is asked first from then on
        let host = servers.attempt().unwrap().url().host().to_owned();
        assert_eq!(host, if dead_after < 3 { "two.test" } else { "ca.test" });
    }
}

// A41
#[test]
fn the_order_of_the_servers_is_the_profiles() {
    let builder = || {
        let urls = ["http://a.test/x", "http://b.test/x", "http://c.test/x"];
        let start = EnrolmentProfile::builder(CertificateType::Device, SubjectNameFormat::Imei);
        urls.iter().fold(start, |builder, url| builder.server(url))
    };
    let hosts = |order, seed| {
        let mut servers = builder().server_order(order).build().unwrap().servers(&mut seeded(seed)).unwrap();
        let mut hosts = String::new();
        while let Some(attempt) = servers.attempt() {
            hosts.push_str(&attempt.url().host()[..1]);
            attempt.failed();
        }
        hosts
    };
    for seed in 0..8 {
        assert_eq!(hosts(ServerOrder::AsGiven, seed), "abc");
        assert_eq!(hosts(ServerOrder::First, seed), "a");
    }
    let shuffled: std::collections::BTreeSet<_> =
        (0..64).map(|seed| hosts(ServerOrder::Shuffled, seed)).collect();
    assert_eq!(shuffled.into_iter().collect::<Vec<_>>(), ["abc", "acb", "bac", "bca", "cab", "cba"]);
}

#[test]
fn a_client_waits_and_names_the_ca_as_the_profile_says() {
    let retries = Retries { count: 2, delay: Duration::from_secs(300) };
    let profile =
        profile(SubjectNameFormat::CommonName).ca_identifier("CA 1").retries(retries).build().unwrap();
    let mut ca = Ca::new();
    ca.policy = Policy::Hold;
    let mut device = Device::new(&ca);
    device.client = Client::new(profile.configure(ClientConfig::new(&PROVIDER)));
    let mut step = device.start();
    let mut waits = Vec::new();
    let error = loop {
        match device.go(step, &mut ca) {
            Ok(Driven::Held(wait)) => {
                waits.push(wait.after());
                match wait.poll(&mut device.rng) {
                    Ok(next) => step = next,
                    Err(error) => break error,
                }
            }
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(ca.requests[0].target, "http://ca.test/scep?operation=GetCACaps&message=CA%201");
    // a little sooner each time, so that not all devices ask at once
    assert!(waits.iter().all(|wait| (retries.delay * 3 / 4..=retries.delay).contains(wait)), "{waits:?}");
    assert_eq!(ca.messages(), 3, "{error}");
}

// A40
#[test]
fn a_certificate_says_when_it_is_to_be_renewed() {
    let profile =
        profile(SubjectNameFormat::CommonName).renewal_threshold(RenewalThreshold::new(25).unwrap());
    let profile = profile.build().unwrap();
    let (_, issued) = enrol(&profile, &Values::new().with(Variable::UserName, "jane"));
    let certificate: CertificateDer<'_> = issued.certificate.clone();
    let own = Certificate::parse(&certificate).unwrap();
    let (from, until) = (own.not_before().unwrap(), own.not_after().unwrap());
    let threshold = profile.renewal_threshold();
    let life = until.as_secs() - from.as_secs();
    let due = until.as_secs() - life / 4;
    assert_eq!(threshold.renew_at(from, until, Jitter::NONE).as_secs(), due);
    let jitter = Jitter::from_bytes(own.signature());
    let spread = threshold.renew_at(from, until, jitter).as_secs();
    assert!((due..=due + life / 40).contains(&spread), "{spread}");
    let state = |now| threshold.state(from, until, jitter, now);
    assert_eq!(state(Some(at(NOW))), RenewalState::Waits { until: at(spread) });
    assert_eq!(state(Some(at(spread))), RenewalState::Due);
    assert!(matches!(state(None), RenewalState::ClockUnknown { .. }));
}

#[test]
fn a_name_without_variables_is_what_the_library_makes_of_the_same_text() {
    for text in ["CN=dev1,O=Example,C=DE", "DC=example, OU=a+CN=b"] {
        let template = SubjectTemplate::parse(text, NameSyntax::Rfc4514, &Vocabulary::new()).unwrap();
        let name = template.expand(&Values::new()).unwrap();
        let other: DistinguishedName = text.parse().unwrap();
        assert!(name.name().matches(&other.name()), "{name} {other}");
    }
}
