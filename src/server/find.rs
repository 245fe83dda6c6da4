//! GetCert and GetCRL (RFC 8894 sections 4.5 and 4.6): what is asked for, and the owner's answers.

use super::classify;
use super::config::CertificateAccess;
use super::exchange::Exchange;
use super::question::Decide;
use super::session::Session;
use crate::crypto::Rng;
use crate::error::{ApiMisuse, BadEnvelope, Error, InvalidMessage, PeerMisbehaved, Unavailable};
use crate::message::Opened;
use crate::wire::attributes::MessageType;
use crate::wire::certificate::Certificate;
use crate::wire::crl::CertificateList;
use crate::wire::name::Name;
use crate::wire::selector::IssuerAndSerialNumber;
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;
use rustls_pki_types::CertificateDer;

/// What is looked for, and for whom.
struct Wanted {
    session: Box<Session>,
    signer: CertificateDer<'static>,
    issuer: Vec<u8>,
    serial: Vec<u8>,
}

impl Wanted {
    fn name(&self) -> IssuerAndSerialNumber<'_> {
        IssuerAndSerialNumber { issuer: Name::read_before(&self.issuer), serial: &self.serial }
    }

    fn absent(self, rng: &mut Rng<'_>) -> Exchange {
        self.session.refuse_lookup(PeerMisbehaved::UnknownCertificate.into(), rng)
    }

    fn unavailable(self) -> Exchange {
        self.session.unavailable(Unavailable::Decision.into())
    }
}

/// Reads what is asked for. Whatever is wrong from the padding on gets the same answer as a certificate that does not
/// exist: else the answers would tell which altered ciphertexts have proper padding and form (T2).
pub(super) fn ask(session: Session, opened: Result<Opened, Error>, rng: &mut Rng<'_>) -> Exchange {
    let opened = match opened {
        Ok(opened) => opened,
        Err(error) => return session.refuse_lookup(error, rng),
    };
    let candidate = opened.candidate().unwrap_or_default();
    let wanted = read(&session, candidate);
    // the verdict on key and padding comes last, as for requests
    match (wanted, session.signer.clone()) {
        (Err(error), _) => session.refuse_lookup(opened.cause(candidate.len(), error), rng),
        (Ok(_), _) if !bool::from(opened.verdict(candidate.len())) => {
            session.refuse_lookup(BadEnvelope::Content.into(), rng)
        }
        (Ok((issuer, serial)), Some(signer)) => {
            let wants_crl = session.summary.message_type == Some(MessageType::GetCrl);
            let wanted = Wanted { session: Box::new(session), signer, issuer, serial };
            Exchange::Decide(if wants_crl {
                Decide::Crl(FindCrl(wanted))
            } else {
                Decide::Certificate(FindCertificate(wanted))
            })
        }
        (_, None) => session.refuse_lookup(InvalidMessage::Certificate.into(), rng),
    }
}

/// Issuer and serial number. Issuers that are none of the CA's are not asked about.
///
/// All of the CA's names are compared whatever was found, which may be garbage: there it is the first of them (T2).
fn read(session: &Session, candidate: &[u8]) -> Result<(Vec<u8>, Vec<u8>), Error> {
    let config = &session.config;
    let issuers =
        || config.ca_chain.iter().chain(&config.issuers).filter_map(|der| Certificate::parse(der).ok());
    let own = issuers().next().ok_or(PeerMisbehaved::UnknownCertificate)?.subject();
    let own = IssuerAndSerialNumber { issuer: own, serial: &[0] }.encode();
    let (wanted, form) = IssuerAndSerialNumber::outline(candidate, &own);
    let issuer = wanted.issuer.as_der();
    let is_ours = issuers().fold(false, |found, own| found | says(&own.subject(), issuer));
    form?;
    if !is_ours {
        return Err(PeerMisbehaved::UnknownCertificate.into());
    }
    Ok((issuer.to_vec(), wanted.serial.to_vec()))
}

/// Whether `name` says the same, in any of the string types: they differ by the factor of four in length, and longer names
/// are not worth the work.
fn says(own: &Name<'_>, name: &[u8]) -> bool {
    let is_short = || name.len() <= own.as_der().len().saturating_mul(4);
    own.as_der() == name || (is_short() && Name::parse(name).is_ok_and(|name| own.matches(&name)))
}

/// Where is this certificate? The signer holds a valid certificate of the CA, and asks for one that the CA is named as
/// the issuer of. Nothing is recorded, and there is no PENDING (RFC 8894 section 4.5.1).
#[must_use]
pub struct FindCertificate(Wanted);

impl FindCertificate {
    /// The certificate asked for. The serial number has any length and sign; compare its bytes.
    pub fn wanted(&self) -> IssuerAndSerialNumber<'_> {
        self.0.name()
    }

    /// The certificate of who asks. Whether it was revoked is for the owner to know.
    pub fn signer(&self) -> &CertificateDer<'static> {
        &self.0.signer
    }

    /// Here: SUCCESS with this certificate, unless [`CertificateAccess`] keeps it from who asks, which looks like
    /// [`Self::absent`]. Another certificate than the wanted one is never sent: that answers 503, with
    /// [`ApiMisuse::Certificate`] as the cause.
    pub fn found(self, certificate: CertificateDer<'static>, rng: &mut Rng<'_>) -> Exchange {
        let Self(wanted) = self;
        let found = match Certificate::parse(&certificate) {
            Ok(found) if wanted.name().matches(&found) => found,
            _ => return wanted.session.unavailable(ApiMisuse::Certificate.into()),
        };
        let config = &wanted.session.config;
        let allowed = match config.get_cert {
            CertificateAccess::Off => false,
            CertificateAccess::Own => Certificate::parse(&wanted.signer)
                .is_ok_and(|signer| classify::same_holder(&signer, &found, &config.limits)),
            CertificateAccess::Any => true,
        };
        if !allowed {
            return wanted.absent(rng);
        }
        wanted.session.deliver(&[certificate], rng)
    }

    /// There is none, or not for this signer: FAILURE badCertId.
    pub fn absent(self, rng: &mut Rng<'_>) -> Exchange {
        self.0.absent(rng)
    }

    /// Nobody can tell now: 503.
    pub fn unavailable(self) -> Exchange {
        self.0.unavailable()
    }
}

impl fmt::Debug for FindCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FindCertificate({:?})", self.wanted())
    }
}

/// Where is the CRL for this certificate? The signer holds a valid certificate of the CA. Nothing is recorded, and there
/// is no PENDING (RFC 8894 section 4.6.1).
#[must_use]
pub struct FindCrl(Wanted);

impl FindCrl {
    /// The certificate that the CRL should be about: its issuer says which CRL, and its serial number which part where
    /// there are several (RFC 8894 section 3.3.4).
    pub fn wanted(&self) -> IssuerAndSerialNumber<'_> {
        self.0.name()
    }

    /// The certificate of who asks. Whether it was revoked is for the owner to know.
    pub fn signer(&self) -> &CertificateDer<'static> {
        &self.0.signer
    }

    /// Here: SUCCESS with this CRL, which has to be the newest one, and no certificate.
    ///
    /// ```text
    /// CertificateList ::= SEQUENCE {
    ///     tbsCertList         TBSCertList,
    ///     signatureAlgorithm  AlgorithmIdentifier,
    ///     signature           BIT STRING }
    /// ```
    ///
    /// What is no DER CertificateList (RFC 5280 section 5.1) of the wanted issuer is never sent: that answers 503, with
    /// [`ApiMisuse::Crl`] as the cause. The signature on it is not verified.
    pub fn found(self, crl: Vec<u8>, rng: &mut Rng<'_>) -> Exchange {
        let Self(wanted) = self;
        let fits =
            CertificateList::parse(&crl).is_ok_and(|list| list.issuer().matches(&wanted.name().issuer));
        if !fits {
            return wanted.session.unavailable(ApiMisuse::Crl.into());
        }
        wanted.session.deliver_crl(&crl, rng)
    }

    /// There is none: FAILURE badCertId.
    pub fn absent(self, rng: &mut Rng<'_>) -> Exchange {
        self.0.absent(rng)
    }

    /// Nobody can tell now: 503.
    pub fn unavailable(self) -> Exchange {
        self.0.unavailable()
    }
}

impl fmt::Debug for FindCrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FindCrl({:?})", self.wanted())
    }
}
