//! Whether a reply answers the request that was sent (RFC 8894 sections 3.2.1.1 and 3.2.1.5).

use super::open::Verified;
use crate::error::{Error, PeerMisbehaved};
use crate::wire::attributes::{MessageType, Nonce, TransactionId};
use subtle::ConstantTimeEq;

/// What a reply has to repeat.
#[derive(Clone, Debug)]
pub struct Correlation {
    /// The request's transactionID.
    pub transaction_id: TransactionId,
    /// The request's senderNonce, which comes back as recipientNonce.
    pub nonce: Nonce,
}

impl Correlation {
    /// Checks messageType, transactionID and recipientNonce of a verified reply.
    pub fn check(&self, reply: &Verified) -> Result<(), Error> {
        let attributes = reply.attributes()?;
        if attributes.message_type() != Ok(MessageType::CertRep) {
            return Err(PeerMisbehaved::MessageType.into());
        }
        match attributes.transaction_id()? {
            Some(id) if id.as_bytes() == self.transaction_id.as_bytes() => {}
            _ => return Err(PeerMisbehaved::TransactionId.into()),
        }
        match attributes.recipient_nonce()? {
            Some(nonce) if bool::from(nonce.as_bytes().ct_eq(self.nonce.as_bytes())) => Ok(()),
            _ => Err(PeerMisbehaved::RecipientNonce.into()),
        }
    }
}
