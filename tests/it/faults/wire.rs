//! What is between the two ends, and what it does to messages.

use super::cheap::{self, CHEAP};
use super::office::{Office, Rows};
use crate::support::{NOW, Template, name, seeded};
use scep::crypto::{ContentEncryption, Digest, KeyTransport, Purpose};
use scep::message::{Addressee, Draft, Fields, Unverified, envelope};
use scep::pki_types::CertificateDer;
use scep::transport::{HttpRequest, HttpResponse};
use scep::wire::{Certificate, Limits, MessageType};

const STRANGER: u8 = 3;

/// What happens to one HTTP exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// The request never arrives.
    RequestLost,
    /// The reply does not.
    ReplyLost,
    /// The request arrives twice, and the first reply comes back.
    Twice,
    /// The request arrives twice, and the second reply comes back.
    TwiceAndTheSecond,
    /// Nothing comes back, and the request arrives just before the next one.
    Late,
    /// The same, just after the next one.
    Overtaken,
    /// Nothing comes back, until it comes in place of the reply to the next request.
    ReplyLate,
    /// When it is over, the request with this number arrives once more.
    Again(usize),
    /// The reply with this number comes in its place.
    Other(usize),
    /// The request with this number of the exchange before this one arrives in its place.
    EarlierRequest(usize),
    /// The reply with this number of the exchange before this one comes in its place.
    EarlierReply(usize),
    /// So much of the request arrives.
    CutRequest(usize),
    /// This bit of it is another one when it arrives; behind its end it goes on from the beginning.
    FlippedRequest(usize),
    /// Somebody on the way answers with this status.
    Status(u16),
    /// The same, after the request has arrived.
    StatusInstead(u16),
    /// From then on the office's clock is off by so many seconds.
    ClockOff(i64),
    /// It arrives, and what comes back is the CA's refusal of another message: a stranger's poll with the same
    /// transactionID and nonce.
    Provoked,
}

/// Nothing came back.
#[derive(Debug)]
pub(super) struct Lost;

pub(super) struct Wire {
    pub(super) office: Office,
    pub(super) now: u64,
    clock_off: i64,
    pub(super) fates: Vec<(usize, Fate)>,
    /// How many of them were met with.
    pub(super) met: usize,
    pub(super) sent: Vec<HttpRequest>,
    /// What the office answered first to each.
    pub(super) replies: Vec<Option<HttpResponse>>,
    /// For each request that arrived: what the store held before it, when it came, and what it held then.
    pub(super) tape: Vec<Arrival>,
    /// What comes, each for itself, before the reply to the exchange with this number.
    pub(super) damage: Option<(usize, Damage)>,
    /// The same, of the exchange before this one.
    before: (Vec<HttpRequest>, Vec<Option<HttpResponse>>),
    /// The refusal that a stranger has got.
    pub(super) provoked: Option<Vec<u8>>,
    late: Vec<HttpRequest>,
    overtaken: Vec<HttpRequest>,
    reply_late: Option<HttpResponse>,
}

pub(super) struct Arrival {
    pub(super) request: HttpRequest,
    pub(super) now: u64,
    pub(super) before: Rows,
    pub(super) after: Rows,
}

/// Damaged copies of one message, one after the other.
pub(super) struct Damage {
    pub(super) next: usize,
    /// The copy with this number; none when there are no more.
    pub(super) copy: fn(&[u8], usize) -> Option<Vec<u8>>,
}

/// Every byte of it with one bit that is another one.
pub(super) fn flipped(bytes: &[u8], number: usize) -> Option<Vec<u8>> {
    (number < bytes.len()).then(|| flip(bytes, 8 * number + number % 8))
}

/// Every beginning of it.
pub(super) fn shortened(bytes: &[u8], number: usize) -> Option<Vec<u8>> {
    (number < bytes.len()).then(|| bytes[..number].to_vec())
}

/// A request whose message was damaged: its body, or the target of a GET. None where there is no such damage.
pub(super) fn damaged(
    request: &HttpRequest,
    damage: impl FnOnce(&[u8]) -> Option<Vec<u8>>,
) -> Option<HttpRequest> {
    let mut request = request.clone();
    match request.body.is_empty() {
        true => request.target = String::from_utf8_lossy(&damage(request.target.as_bytes())?).into_owned(),
        false => request.body = damage(&request.body)?,
    }
    Some(request)
}

fn flip(bytes: &[u8], bit: usize) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let bit = bit % (8 * bytes.len());
    bytes[bit / 8] ^= 1 << (bit % 8);
    bytes
}

/// What anybody can send who has read a request.
fn strangers_poll(request: &HttpRequest, ca: &CertificateDer<'static>) -> HttpRequest {
    let (rng, stranger) = (&mut seeded(13), cheap::key(STRANGER));
    let read = Unverified::parse(request.body.clone(), &Limits::DEFAULT).unwrap();
    let fields = Fields {
        message_type: MessageType::CertPoll,
        pki_status: None,
        fail_info: None,
        fail_info_text: None,
        sender_nonce: read.sender_nonce_hint().unwrap().unwrap(),
        recipient_nonce: None,
        transaction_id: read.transaction_id_hint().unwrap().unwrap(),
        signing_time: None,
    };
    let ca = Certificate::parse(ca).unwrap();
    let to = Addressee::Certificate { certificate: &ca, transport: KeyTransport::RsaPkcs1v15 };
    let content = envelope(&CHEAP, b"whatever", to, ContentEncryption::Aes128Cbc, rng).unwrap();
    let template = Template { issuer: name("CN=stranger"), ..Template::leaf("CN=stranger") };
    let own = cheap::certify(&template, &stranger, &stranger);
    let draft = Draft::new(&CHEAP, content, &fields, own, Digest::Sha256, Purpose::PkiMessage).unwrap();
    let body = draft.seal(&CHEAP, &cheap::sign(draft.job())).unwrap();
    HttpRequest { body, ..request.clone() }
}

impl Wire {
    pub(super) fn new(office: Office) -> Self {
        Self {
            office,
            now: NOW,
            clock_off: 0,
            fates: Vec::new(),
            met: 0,
            sent: Vec::new(),
            replies: Vec::new(),
            tape: Vec::new(),
            damage: None,
            provoked: None,
            before: Default::default(),
            late: Vec::new(),
            overtaken: Vec::new(),
            reply_late: None,
        }
    }

    /// What was sent so far belongs to an exchange that is over.
    pub(super) fn begin_anew(&mut self) {
        self.before = (std::mem::take(&mut self.sent), std::mem::take(&mut self.replies));
        self.tape.clear();
        self.now = NOW;
    }

    /// The next damaged copy of the reply that has just come.
    pub(super) fn damaged_reply(&mut self, reply: &HttpResponse) -> Option<HttpResponse> {
        let place = self.sent.len() - 1;
        let (_, damage) = self.damage.as_mut().filter(|(at, _)| *at == place)?;
        let body = (damage.copy)(&reply.body, damage.next)?;
        damage.next += 1;
        Some(HttpResponse { body, ..reply.clone() })
    }

    fn serve(&mut self, request: &HttpRequest) -> Result<HttpResponse, Lost> {
        let now = self.now.saturating_add_signed(self.clock_off);
        self.office.serve(request, now).map(|outcome| outcome.reply).ok_or(Lost)
    }

    pub(super) fn exchange(&mut self, request: &HttpRequest) -> Result<HttpResponse, Lost> {
        self.now += 1;
        let place = self.sent.len();
        self.sent.push(request.clone());
        self.replies.push(None);
        for late in std::mem::take(&mut self.late) {
            let _ = self.serve(&late);
        }
        let overtaken = std::mem::take(&mut self.overtaken);
        let reply_late = self.reply_late.take();
        let reply = self.meet(place, request);
        for overtaken in overtaken {
            let _ = self.serve(&overtaken);
        }
        match reply_late {
            Some(reply) => Ok(reply),
            None => reply,
        }
    }

    /// Takes the request to the office and the reply back, with whatever happens to them.
    fn meet(&mut self, place: usize, request: &HttpRequest) -> Result<HttpResponse, Lost> {
        let fate = self.fates.iter().find(|(at, _)| *at == place).map(|(_, fate)| *fate);
        self.met += usize::from(fate.is_some());
        let mut arrives = request.clone();
        match fate {
            Some(Fate::RequestLost) => return Err(Lost),
            Some(Fate::Late) => {
                self.late.push(arrives);
                return Err(Lost);
            }
            Some(Fate::Overtaken) => {
                self.overtaken.push(arrives);
                return Err(Lost);
            }
            Some(Fate::Status(status)) => return Ok(HttpResponse::error(status)),
            Some(Fate::CutRequest(length)) => {
                arrives = damaged(request, |bytes| shortened(bytes, length)).unwrap();
            }
            Some(Fate::FlippedRequest(bit)) => {
                arrives = damaged(request, |bytes| Some(flip(bytes, bit))).unwrap();
            }
            Some(Fate::ClockOff(seconds)) => self.clock_off = seconds,
            Some(Fate::EarlierRequest(number)) => arrives = self.before.0[number].clone(),
            _ => {}
        }
        let before = self.office.rows.borrow().clone();
        let reply = self.serve(&arrives);
        let after = self.office.rows.borrow().clone();
        self.tape.push(Arrival { request: arrives, now: self.now, before, after });
        self.replies[place] = reply.as_ref().ok().cloned();
        match fate {
            Some(Fate::ReplyLost) => Err(Lost),
            Some(Fate::Twice) => {
                let _ = self.serve(request);
                reply
            }
            Some(Fate::TwiceAndTheSecond) => self.serve(request),
            Some(Fate::ReplyLate) => {
                self.reply_late = reply.ok();
                Err(Lost)
            }
            Some(Fate::Again(number)) => {
                let again = self.sent[number].clone();
                let _ = self.serve(&again);
                reply
            }
            Some(Fate::Other(number)) => self.replies[number].clone().ok_or(Lost),
            Some(Fate::EarlierReply(number)) => self.before.1[number].clone().ok_or(Lost),
            Some(Fate::Provoked) => {
                let poll = strangers_poll(request, &self.office.ca);
                let refusal = self.serve(&poll);
                self.provoked = refusal.as_ref().ok().map(|refusal| refusal.body.clone());
                refusal
            }
            Some(Fate::StatusInstead(status)) => Ok(HttpResponse::error(status)),
            _ => reply,
        }
    }
}
