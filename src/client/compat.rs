//! What a client may let through for the sake of old servers.

/// Deviations of real servers from RFC 8894 that a client can live with at a price. All are off; each switch works alone
/// and does nothing that its own text does not say. None lets MD5 in, or encrypts anything with single DES.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Compat {
    /// Reads replies encrypted with single DES, if the provider can. micromdm's `scepserver` and older smallstep
    /// servers answer every request so. What they encrypt is a public certificate, so reading it gives nothing away;
    /// RFC 8894 section 2.9 forbids it all the same.
    pub des_cbc_reply: bool,
    /// Encrypts requests for a CA or RA certificate whose keyUsage lacks keyEncipherment, when there is no other.
    /// The CA that micromdm's `scepserver ca -init` makes is one. RFC 5652 section 6.2.1 forbids it. With
    /// [`ClientConfig::password_recipients`](super::ClientConfig::password_recipients) it overlooks a missing
    /// digitalSignature of a key that cannot decrypt as well.
    pub recipient_without_key_encipherment: bool,
    /// Lets `Trust::matching_sha1` (feature `legacy`) pin a CA by 20 bytes of SHA-1: for operators who publish nothing
    /// else, as older MDM profiles and routers do. Whoever could have had a certificate made with a collision in mind
    /// may pose as the CA; to find another certificate for a given fingerprint is still out of reach. RFC 8894 section
    /// 2.2 wants SHA-256.
    pub sha1_fingerprint: bool,
    /// Sends messages by GET to a server that lists neither POSTPKIOperation nor SCEPStandard: IIS with NDES of before
    /// Windows Server 2012, and old Cisco routers. Costs length (a third more, and many servers bound the request line),
    /// and the message ends up in logs; it is encrypted all the same. Whoever strips the list of capabilities can make
    /// this happen, and gains no more than that.
    pub get_pki_operation: bool,
    /// Takes triple DES where the listed capabilities lack AES, and SHA-1 where they lack SHA-256 (SHA-512 before SHA-1,
    /// if that is listed): NDES of Windows Server 2008 and 2012 cannot read more. Nothing is ever weaker than that, and
    /// the provider has to list both, else the request ends in [`ApiMisuse::Algorithm`](crate::error::ApiMisuse). The
    /// price: nobody signed that list, so whoever is on the path can bring a request down to them (RFC 8894 section
    /// 7.5). An empty list lacks both; with [`Self::get_pki_operation`] it then means GET, triple DES and SHA-1, the
    /// least that RFC 8894 section 3.5.2 knows.
    pub weak_algorithms: bool,
    /// Takes replies without recipientNonce: some servers of before RFC 8894 leave it out. A wrong one is refused in any
    /// case. The price: an older reply of the CA's in the same transaction passes for the answer to a newer message, so
    /// whoever is on the path can hold an enrolment back with an old PENDING (RFC 8894 section 3.2.1.5).
    pub missing_recipient_nonce: bool,
}

impl Compat {
    /// Nothing is let through.
    pub const STRICT: Self = Self {
        des_cbc_reply: false,
        recipient_without_key_encipherment: false,
        sha1_fingerprint: false,
        get_pki_operation: false,
        weak_algorithms: false,
        missing_recipient_nonce: false,
    };
}
