//! HTTP on hyper: takes whole requests, hands them to the library, sends what it says.

use crate::connections::{Connected, Connections};
use crate::endpoint::{Endpoint, report};
use crate::refusals::Place;
use crate::{driver, log};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::{Body as _, Bytes, Incoming};
use hyper::header::{CONNECTION, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use scep::crypto::Random;
use scep::pki_types::UnixTime;
use scep::server::Status;
use scep::transport::{HttpRequest, HttpResponse};
use scep::wire::Limits;
use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinError;
use tokio::time::{sleep, timeout};

/// How long the headers of a request may take to come, and how long a connection may be idle before them.
const HEADER_TIME: Duration = Duration::from_secs(10);
/// How long a connection lives, whatever it does: the end for peers that never read what they are sent.
const CONNECTION_TIME: Duration = Duration::from_secs(600);
/// Requests that are worked on at the same time; more get 503 before any arithmetic is done.
const CONCURRENT: usize = 64;
/// How long a body may take to come.
const BODY_TIME: Duration = Duration::from_secs(20);
/// How long requests in hand may take when the server is told to stop.
const GRACE: Duration = Duration::from_secs(10);
/// How often the log says that somebody is put off.
const LOG_AGAIN: Duration = Duration::from_secs(1);
/// Accepting fails for a moment when the system is out of file descriptors.
const ACCEPT_AGAIN: Duration = Duration::from_secs(1);

/// What the handler knows.
struct Served {
    endpoint: Arc<Endpoint>,
    slots: Arc<Semaphore>,
    log: fn(&str),
    /// When the log last had a line about somebody who was put off.
    put_off: Mutex<Option<Instant>>,
}

/// Serves on `listener` until `stop` comes, and then until the requests in hand are answered.
///
/// hyper keeps the request line and the headers within 400 KiB, so that a GET with the longest URL that the library
/// takes (65,534 bytes) gets through. What it cannot read it answers itself, with 414, 431 or 400; the log has a line
/// that says why, without the status. It writes `Content-Length` for a body of known length, which all of ours are.
pub(crate) async fn serve(
    listener: TcpListener,
    endpoint: Arc<Endpoint>,
    log: fn(&str),
    stop: impl Future<Output = ()>,
) {
    let served = Arc::new(Served {
        endpoint,
        slots: Arc::new(Semaphore::new(CONCURRENT)),
        log,
        put_off: Mutex::default(),
    });
    let graceful = Arc::new(GracefulShutdown::new());
    let accepting = tokio::spawn(accept(listener, served, Arc::clone(&graceful)));
    stop.await;
    accepting.abort();
    // always an error, that it was aborted; from here on nobody else has `graceful`
    let _ = accepting.await;
    if let Some(graceful) = Arc::into_inner(graceful) {
        let _ = timeout(GRACE, graceful.shutdown()).await;
    }
}

async fn accept(listener: TcpListener, served: Arc<Served>, graceful: Arc<GracefulShutdown>) {
    let connections = Connections::new();
    let mut full = false;
    loop {
        let (stream, peer) = match listener.accept().await {
            Ok((stream, peer)) => (stream, peer.ip()),
            Err(error) => {
                report(format_args!("no connection: {error}"));
                sleep(ACCEPT_AGAIN).await;
                continue;
            }
        };
        match connections.enter(served.endpoint.refusals.network(peer)) {
            Ok(place) => {
                full = false;
                tokio::spawn(Arc::clone(&served).talk(stream, peer, graceful.watcher(), place));
            }
            // dropped, which closes it; said once, so that a flood does not fill the log
            Err(why) if !full => {
                full = true;
                report(why);
            }
            Err(_) => {}
        }
    }
}

/// Reads the body, as far as the limits go.
async fn read(request: Request<Incoming>) -> Result<HttpRequest, (u16, &'static str)> {
    const TOO_LONG: (u16, &str) = (413, "body longer than the limit");
    let limit = Limits::DEFAULT.message;
    let (head, body) = request.into_parts();
    // what Content-Length says
    if body.size_hint().lower() > u64::try_from(limit).unwrap_or(u64::MAX) {
        return Err(TOO_LONG);
    }
    match timeout(BODY_TIME, Limited::new(body, limit).collect()).await {
        Ok(Ok(body)) => Ok(Request::from_parts(head, body.to_bytes().to_vec()).into()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(TOO_LONG),
        Ok(Err(_)) => Err((400, "body that ended early or is malformed")),
        Err(_) => Err((408, "body took too long")),
    }
}

/// Whether this may be a PKIOperation. What begins with another one is none: the library refuses a second `operation`. On
/// POST it takes everything for one.
fn may_need_a_key(request: &Request<Incoming>) -> bool {
    let query = request.uri().query().unwrap_or_default();
    request.method() != Method::GET || !query.starts_with("operation=Get")
}

fn whole(reply: HttpResponse) -> Response<Full<Bytes>> {
    Response::from(reply).map(|body: Vec<u8>| Full::new(Bytes::from(body)))
}

impl Served {
    /// One connection, from beginning to end.
    async fn talk(self: Arc<Self>, stream: TcpStream, peer: IpAddr, watcher: Watcher, place: Connected) {
        let handler = |request| {
            let (served, place) = (Arc::clone(&self), &place);
            async move {
                let mut answer = served.answer(request, peer).await;
                if place.is_crowded() {
                    answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
                }
                Ok::<_, Infallible>(answer)
            }
        };
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEADER_TIME)
            // a peer that has sent all it has to say still reads the answer
            .half_close(true)
            .serve_connection(TokioIo::new(stream), service_fn(handler));
        match timeout(CONNECTION_TIME, watcher.watch(connection)).await {
            Ok(Err(error)) if error.is_parse() => self.log("HTTP error", &error.to_string()),
            // closed, cut, or idle for too long
            _ => {}
        }
    }

    /// Any path and any method: the library says what is allowed.
    async fn answer(self: Arc<Self>, request: Request<Incoming>, peer: IpAddr) -> Response<Full<Bytes>> {
        let start = Instant::now();
        // before the body is read
        let counts = may_need_a_key(&request);
        if counts && let Some(wait) = self.endpoint.refusals.wait(peer, start) {
            return whole(self.put_off(wait));
        }
        // a body that trickles in takes nobody's place
        let request = match read(request).await {
            Ok(request) => request,
            Err((status, why)) => return whole(self.refuse(status, why)),
        };
        let place = match counts {
            true => match self.endpoint.refusals.enter(peer).await {
                Ok(place) => Some(place),
                Err(wait) => return whole(self.put_off(wait)),
            },
            false => None,
        };
        let Ok(slot) = Arc::clone(&self.slots).try_acquire_owned() else {
            return whole(self.refuse(503, "too many requests at once"));
        };
        // a task of its own: a peer that hangs up does not stop it, and does not free the slot
        match tokio::spawn(Arc::clone(&self).work(request, place, start, slot)).await {
            Ok(reply) => whole(reply),
            Err(error) => whole(self.failed(error)),
        }
    }

    async fn work(
        self: Arc<Self>,
        request: HttpRequest,
        place: Option<Place>,
        start: Instant,
        _slot: OwnedSemaphorePermit,
    ) -> HttpResponse {
        let Self { endpoint, log, .. } = self.as_ref();
        let exchange = endpoint.responder.accept(request, UnixTime::now(), &mut Random::system());
        match driver::drive(endpoint, exchange).await {
            Ok(outcome) => {
                // 503 too: what an issuer cannot do is nothing to ask for a thousand times
                let refused = matches!(outcome.summary.status, Status::Failure(_))
                    || matches!(outcome.reply.status, 400 | 503);
                if refused && let Some(place) = place {
                    place.refused();
                }
                log(&log::line(&outcome, start.elapsed(), endpoint.legacy, endpoint.danger_des));
                outcome.reply
            }
            Err(error) => self.failed(error),
        }
    }

    /// A panic, which is a fault of this program.
    fn failed(&self, error: JoinError) -> HttpResponse {
        report(error);
        self.refuse(500, "a step failed")
    }

    fn refuse(&self, status: u16, why: &str) -> HttpResponse {
        self.log(&format!("HTTP {status}"), why);
        let mut reply = HttpResponse::error(status);
        reply.retry_after = (status == 503).then_some(5);
        reply
    }

    /// 503 for a source with too many refusals, before any key is used.
    fn put_off(&self, wait: Duration) -> HttpResponse {
        // a flood does not fill the log
        let mut last = self.put_off.lock().unwrap_or_else(PoisonError::into_inner);
        if last.is_none_or(|last| last.elapsed() >= LOG_AGAIN) {
            *last = Some(Instant::now());
            self.log("HTTP 503", "too many refusals for this source");
        }
        drop(last);
        let mut reply = HttpResponse::error(503);
        reply.retry_after = Some(u32::try_from(wait.as_secs()).unwrap_or(60).saturating_add(1));
        reply
    }

    /// The line of a request that the library did not see.
    fn log(&self, status: &str, why: &str) {
        (self.log)(&format!("{:<12} {:<8} {status}  cause: {why}", "-", "-"));
    }
}
