//! The answer to GetCACaps (RFC 8894 section 3.5).

use super::limits::Limits;
use crate::error::{Error, Limit};
use alloc::string::String;
use core::fmt;

/// One keyword of a GetCACaps answer (RFC 8894 section 3.5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Capability {
    /// `AES`: AES-128-CBC.
    Aes,
    /// `DES3`: triple DES in CBC mode.
    Des3,
    /// `GetNextCACert`: the GetNextCACert operation.
    GetNextCaCert,
    /// `POSTPKIOperation`: PKIOperation by HTTP POST.
    PostPkiOperation,
    /// `Renewal`: RenewalReq.
    Renewal,
    /// `SHA-1`.
    Sha1,
    /// `SHA-256`.
    Sha256,
    /// `SHA-384`: not registered, but some peers list it and look for it.
    Sha384,
    /// `SHA-512`.
    Sha512,
    /// `SCEPStandard`: all that RFC 8894 section 2.9 asks for.
    ScepStandard,
}

impl Capability {
    /// All keywords, in the order in which they are written.
    pub const ALL: [Self; 10] = [
        Self::Aes,
        Self::Des3,
        Self::GetNextCaCert,
        Self::PostPkiOperation,
        Self::Renewal,
        Self::Sha1,
        Self::Sha256,
        Self::Sha384,
        Self::Sha512,
        Self::ScepStandard,
    ];

    /// The keyword in the letter case of the RFC, which a CA has to use.
    pub const fn keyword(self) -> &'static str {
        match self {
            Self::Aes => "AES",
            Self::Des3 => "DES3",
            Self::GetNextCaCert => "GetNextCACert",
            Self::PostPkiOperation => "POSTPKIOperation",
            Self::Renewal => "Renewal",
            Self::Sha1 => "SHA-1",
            Self::Sha256 => "SHA-256",
            Self::Sha384 => "SHA-384",
            Self::Sha512 => "SHA-512",
            Self::ScepStandard => "SCEPStandard",
        }
    }

    const fn bit(self) -> u16 {
        match self {
            Self::Aes => 1,
            Self::Des3 => 1 << 1,
            Self::GetNextCaCert => 1 << 2,
            Self::PostPkiOperation => 1 << 3,
            Self::Renewal => 1 << 4,
            Self::Sha1 => 1 << 5,
            Self::Sha256 => 1 << 6,
            Self::Sha384 => 1 << 7,
            Self::Sha512 => 1 << 8,
            Self::ScepStandard => 1 << 9,
        }
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.keyword())
    }
}

/// The keywords that a CA lists (RFC 8894 section 3.5.2).
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Capabilities(u16);

impl Capabilities {
    /// What `SCEPStandard` implies by itself.
    const STANDARD: u16 =
        Capability::Aes.bit() | Capability::PostPkiOperation.bit() | Capability::Sha256.bit();

    /// No keyword at all.
    pub const fn new() -> Self {
        Self(0)
    }

    /// Reads an answer: one keyword a line, lines ended by LF, CRLF or CR, in any letter case and any order.
    /// Lines that are not exactly one known keyword are ignored, whatever they hold.
    ///
    /// More than [`Limits::capabilities`] bytes or [`Limits::capability_lines`] lines with text are
    /// [`Limit::Capabilities`].
    pub fn parse(body: &[u8], limits: &Limits) -> Result<Self, Error> {
        if body.len() > limits.capabilities {
            return Err(Limit::Capabilities.into());
        }
        let lines = body.split(|byte| matches!(byte, b'\n' | b'\r')).map(<[u8]>::trim_ascii);
        let mut found = Self::new();
        for (number, line) in lines.filter(|line| !line.is_empty()).enumerate() {
            if number >= limits.capability_lines {
                return Err(Limit::Capabilities.into());
            }
            let known = |known: &Capability| known.keyword().as_bytes().eq_ignore_ascii_case(line);
            found = Capability::ALL.into_iter().find(known).map_or(found, |known| found.with(known));
        }
        Ok(found)
    }

    /// These keywords and one more.
    #[must_use]
    pub const fn with(self, capability: Capability) -> Self {
        Self(self.0 | capability.bit())
    }

    /// Whether the CA can do this: it is listed, or `SCEPStandard` is and implies it (AES, POST and SHA-256).
    pub const fn contains(self, capability: Capability) -> bool {
        let implied = if self.lists(Capability::ScepStandard) { Self::STANDARD } else { 0 };
        (self.0 | implied) & capability.bit() != 0
    }

    /// Whether this very keyword is listed.
    pub const fn lists(self, capability: Capability) -> bool {
        self.0 & capability.bit() != 0
    }

    /// Whether no known keyword is listed: RFC 8894 section 3.5.2 lets a client go on all the same.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The listed keywords, in the order of [`Capability::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Capability> {
        Capability::ALL.into_iter().filter(move |capability| self.lists(*capability))
    }

    /// The body of an answer: one keyword a line, each line ended by LF; empty if nothing is listed.
    pub fn to_text(self) -> String {
        self.iter().flat_map(|capability| [capability.keyword(), "\n"]).collect()
    }
}

impl fmt::Display for Capabilities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        self.iter().try_for_each(|capability| {
            write!(f, "{separator}{capability}")?;
            separator = " ";
            Ok(())
        })
    }
}

impl fmt::Debug for Capabilities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    fn parse(body: &[u8]) -> Capabilities {
        Capabilities::parse(body, &Limits::DEFAULT).unwrap()
    }

    // quirk 15, R-3.5.2-1, R-3.5.2-3, R-3.5.2-4, case 99
    #[test]
    fn line_ends_letter_case_and_blanks_do_not_matter() {
        let expected = Capabilities::new()
            .with(Capability::Sha256)
            .with(Capability::ScepStandard)
            .with(Capability::PostPkiOperation);
        for body in [
            &b"SHA-256\nSCEPStandard\nPOSTPKIOperation"[..],
            b"SHA-256\r\nSCEPStandard\r\nPOSTPKIOperation\r\n",
            b"SHA-256\rSCEPStandard\rPOSTPKIOperation\r",
            b"\n\n PostPkiOperation \t\n\r\nscepstandard\n  Sha-256",
        ] {
            assert_eq!(parse(body), expected);
        }
    }

    // quirk 15, R-3.5.2-5, I-26: no match by substring or prefix either.
    #[test]
    fn unknown_lines_are_ignored() {
        let body =
            b"SHA-3\nSHA-224\nSHA-2567\nSHA-25\nAES DES3\nExample.com-X\n\xFF\xFE\n<html>AES</html>\nRenewal";
        assert_eq!(parse(body), Capabilities::new().with(Capability::Renewal));
        assert!(parse(b"").is_empty());
        assert!(parse(b"SHA-3").is_empty());
    }

    // quirk 16, R-3.5.2-8
    #[test]
    fn scep_standard_implies_the_mandatory_set_and_nothing_else() {
        let standard = parse(b"SCEPStandard");
        let implied = Capability::ALL.into_iter().filter(|capability| standard.contains(*capability));
        let expected =
            [Capability::Aes, Capability::PostPkiOperation, Capability::Sha256, Capability::ScepStandard];
        assert!(implied.eq(expected));
        assert!(standard.iter().eq([Capability::ScepStandard]));
    }

    // R-3.5.2-2
    #[test]
    fn text_has_the_registered_letter_case_and_one_line_feed_a_keyword() {
        let all = Capability::ALL.into_iter().fold(Capabilities::new(), Capabilities::with);
        let text = "AES\nDES3\nGetNextCACert\nPOSTPKIOperation\nRenewal\nSHA-1\nSHA-256\nSHA-384\nSHA-512\nSCEPStandard\n";
        assert_eq!(all.to_text(), text);
        assert_eq!(parse(text.as_bytes()), all);
        assert_eq!(Capabilities::new().to_text(), "");
        let two = Capabilities::new().with(Capability::Aes).with(Capability::Sha512);
        assert_eq!((format!("{two}"), format!("{two:?}")), ("AES SHA-512".into(), "{Aes, Sha512}".into()));
    }

    // T39
    #[test]
    fn text_and_lines_are_bounded() {
        let limits = Limits { capabilities: 8, capability_lines: 2, ..Limits::DEFAULT };
        assert!(Capabilities::parse(b"\n\nA\n\nB\n\n", &limits).is_ok());
        for body in [&b"123456789"[..], b"A\nB\nC"] {
            assert_eq!(Capabilities::parse(body, &limits), Err(Limit::Capabilities.into()));
        }
    }
}
