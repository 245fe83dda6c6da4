//! The example server without its network, its operator, and devices.

use crate::endpoint::{Endpoint, Options};
use crate::folder::{CaKey, Ra};
use crate::{admin, ca, driver, new_folder, options};
use clap::Parser;
use rusqlite::Connection;
use scep::client::{
    Client, ClientConfig, Done, Driven, Issued, NewEnrolment, Renewal, Step, Transport, TrustedCa, Wait,
    drive,
};
use scep::crypto::rustcrypto::{KeyRing, PROVIDER, SoftwareKey};
use scep::crypto::{ChallengePassword, Random};
use scep::error::FailInfo;
use scep::pki_types::{CertificateDer, UnixTime};
use scep::transport::{HttpRequest, HttpResponse};
use scep::wire::{Certificate, CertificateList};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use std::{convert, fs};

pub(crate) const URL: &str = "http://ca.test/scep";
pub(crate) const CHALLENGE: &str = "secret123";
pub(crate) const DAY: u64 = 24 * 3600;

/// Keys that need not be made each time.
const CA_KEY: &str = include_str!("../it/keys/ca.pem");
const NEXT_CA_KEY: &str = include_str!("../it/keys/other_ca.pem");
const RA_KEY: &str = include_str!("../it/keys/ra.pem");
const RA_ENCRYPTION_KEY: &str = include_str!("../it/keys/ra_encryption.pem");

pub(crate) fn device() -> SoftwareKey {
    SoftwareKey::from_pem(include_str!("../it/keys/device.pem")).unwrap()
}

/// Another key, of the same device or of another one.
pub(crate) fn device_2() -> SoftwareKey {
    SoftwareKey::from_pem(include_str!("../it/keys/device2.pem")).unwrap()
}

pub(crate) fn later(seconds: u64) -> UnixTime {
    UnixTime::since_unix_epoch(Duration::from_secs(UnixTime::now().as_secs() + seconds))
}

pub(crate) fn client() -> Client {
    Client::new(ClientConfig::new(&PROVIDER))
}

/// What an operator types.
#[derive(Parser)]
struct Line {
    #[command(subcommand)]
    command: admin::Command,
}

/// A server in a folder of its own.
pub(crate) struct Lab {
    runtime: tokio::runtime::Runtime,
    pub(crate) folder: PathBuf,
    pub(crate) endpoint: Arc<Endpoint>,
}

impl Transport for &Lab {
    type Error = convert::Infallible;

    fn exchange(&mut self, request: &HttpRequest) -> Result<HttpResponse, Self::Error> {
        let (now, responder) = (UnixTime::now(), &self.endpoint.responder);
        let exchange = responder.accept(request.clone(), now, &mut Random::system());
        Ok(self.runtime.block_on(driver::drive(&self.endpoint, exchange)).unwrap().reply)
    }
}

impl Lab {
    /// A first start.
    pub(crate) fn new(name: &str, change: impl FnOnce(&mut Options)) -> Self {
        let folder = new_folder(name);
        let mut options = options(folder.clone());
        change(&mut options);
        let ra: &[(&str, &str)] = match options.layout.ra {
            Ra::None => &[],
            Ra::One => &[("ra", RA_KEY)],
            Ra::Two => &[("ra-sign", RA_KEY), ("ra-encrypt", RA_ENCRYPTION_KEY)],
        };
        let rsa = options.layout.ca_key == CaKey::Rsa;
        // as a start leaves them that was cut short
        for (file, key) in rsa.then_some(&("ca", CA_KEY)).into_iter().chain(ra) {
            fs::write(folder.join(format!("{file}.key.pem")), key).unwrap();
        }
        fs::write(folder.join("ca-next.key.pem"), NEXT_CA_KEY).unwrap();
        Self::open(options).unwrap()
    }

    fn open(options: Options) -> ca::Result<Self> {
        let folder = options.folder.clone();
        let endpoint = Arc::new(Endpoint::open(options)?);
        Ok(Self { runtime: tokio::runtime::Runtime::new()?, folder, endpoint })
    }

    /// Another start in the same folder, maybe with other options.
    pub(crate) fn restart(self, change: impl FnOnce(&mut Options)) -> Self {
        let mut options = options(self.folder.clone());
        drop(self);
        change(&mut options);
        Self::open(options).unwrap()
    }

    /// The database, from outside.
    pub(crate) fn sql(&self) -> Connection {
        Connection::open(self.folder.join("scep.db")).unwrap()
    }

    /// `server WORDS... --dir FOLDER`: the lines that it prints, or its error.
    pub(crate) fn operator(&self, words: &[&str]) -> Result<Vec<String>, String> {
        operator(&self.folder, words)
    }

    pub(crate) fn revoke(&self, certificate: &[u8]) {
        self.operator(&["revoke", "--serial", &serial(certificate)]).unwrap();
    }

    /// The list in this file.
    pub(crate) fn crl(&self, file: &str) -> Vec<u8> {
        fs::read(self.folder.join(file)).unwrap()
    }

    /// Goes on with a device's keys.
    pub(crate) fn drive(&self, step: Step, keys: &[&SoftwareKey]) -> Driven {
        let pin = PROVIDER.sha256(&[self.endpoint.keys.ca.certificate()]).unwrap();
        let (ring, rng) = (KeyRing::new(keys), &mut Random::system());
        let (mut lab, now) = (self, Some(UnixTime::now()));
        drive(step, &mut lab, &mut &ring, &mut &ring, |trust| trust.matching_sha256(&pin), rng, now).unwrap()
    }

    /// A first request with the right challenge.
    pub(crate) fn enrol(&self, key: &SoftwareKey, subject: &str) -> Driven {
        let step = client().enrol(URL, request(key, subject), &mut Random::system()).unwrap();
        self.drive(step, &[key])
    }

    /// Asks for another certificate in place of the one of `old`.
    pub(crate) fn renew(
        &self,
        current: &Issued,
        old: &SoftwareKey,
        new: &SoftwareKey,
        challenge: Option<&str>,
    ) -> Driven {
        let renewal = renewal(current, new, challenge);
        let step = client().renew(URL, renewal, &mut Random::system()).unwrap();
        self.drive(step, &[old, new])
    }

    pub(crate) fn ca(&self) -> TrustedCa {
        match self.drive(client().fetch_ca(URL).unwrap(), &[]) {
            Driven::Done(Done::Ca(ca)) => ca,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn poll(&self, saved: &[u8], key: &SoftwareKey) -> Driven {
        let wait = client().resume(saved).unwrap();
        self.drive(wait.poll(&mut Random::system()).unwrap(), &[key])
    }
}

pub(crate) fn operator(folder: &Path, words: &[&str]) -> Result<Vec<String>, String> {
    let line = [&["server"], words, &["--dir", folder.to_str().unwrap()]].concat();
    let command = Line::try_parse_from(line).map_err(|error| error.to_string())?.command;
    let mut lines = Vec::new();
    admin::run(command, &mut |line| lines.push(line.into())).map_err(|error| error.to_string())?;
    Ok(lines)
}

pub(crate) fn request(key: &SoftwareKey, subject: &str) -> NewEnrolment {
    NewEnrolment::builder(subject.parse().unwrap(), key.public_key_der())
        .challenge(ChallengePassword::new(CHALLENGE).unwrap())
        .build()
        .unwrap()
}

pub(crate) fn renewal(current: &Issued, new: &SoftwareKey, challenge: Option<&str>) -> Renewal {
    let mut renewal = Renewal::builder(current.certificate.clone(), new.public_key_der());
    if let Some(challenge) = challenge {
        renewal = renewal.challenge(ChallengePassword::new(challenge).unwrap());
    }
    renewal.build().unwrap()
}

pub(crate) fn issued(driven: Driven) -> Issued {
    match driven {
        Driven::Done(Done::Issued(issued)) => issued,
        other => panic!("{other:?}"),
    }
}

pub(crate) fn held(driven: Driven) -> Wait {
    match driven {
        Driven::Held(wait) => wait,
        other => panic!("{other:?}"),
    }
}

/// The reason, and what the CA says about it.
pub(crate) fn refused(driven: Driven) -> (FailInfo, Option<String>) {
    match driven {
        Driven::Done(Done::Refused { fail_info, text }) => (fail_info, text.map(|text| text.to_string())),
        other => panic!("{other:?}"),
    }
}

/// As `list --certificates` shows it.
pub(crate) fn serial(certificate: &[u8]) -> String {
    let certificate = Certificate::parse(certificate).unwrap();
    certificate.serial().iter().map(|byte| format!("{byte:02X}")).collect()
}

pub(crate) fn issuer(certificate: &CertificateDer<'_>) -> String {
    Certificate::parse(certificate).unwrap().issuer().to_string()
}

/// The number of a revocation list (RFC 5280 section 5.2.3), and how many certificates are in it.
pub(crate) fn number_and_entries(crl: &[u8]) -> (u8, usize) {
    let list = CertificateList::parse(crl).unwrap();
    let extensions = list.extensions().unwrap().unwrap();
    // id-ce-cRLNumber
    let number = extensions.iter().find(|extension| extension.oid.as_bytes() == [0x55, 0x1D, 0x14]).unwrap();
    let [2, 1, number] = number.value else { panic!("{:02X?}", number.value) };
    (*number, list.revoked().map(Result::unwrap).count())
}
