//! HTTP on axum: takes whole requests, hands them to the library, sends what it says.

use crate::endpoint::{Endpoint, report};
use crate::{driver, log};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::Response;
use scep::crypto::Random;
use scep::pki_types::UnixTime;
use scep::transport::{HttpRequest, HttpResponse};
use scep::wire::Limits;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::{JoinError, JoinHandle};
use tokio::time::timeout;

/// Requests that are worked on at the same time; more get 503 before any arithmetic is done for them.
const CONCURRENT: usize = 64;
/// How long a body may take to come.
const BODY_TIME: Duration = Duration::from_secs(20);
/// How long requests in hand may take when the server is told to stop.
const GRACE: Duration = Duration::from_secs(10);

/// What the handler knows.
struct Served {
    endpoint: Arc<Endpoint>,
    slots: Arc<Semaphore>,
    log: fn(&str),
}

/// Serves on `listener` until `stop` comes, and then until the requests in hand are answered.
///
/// hyper keeps the request line and the headers within 400 KiB, so that a GET with the longest URL that the library
/// takes (65,534 bytes) gets through; a longer one is answered with 414 by hyper itself. It writes `Content-Length` for
/// a body of known length, which all of ours are. There is no limit on connections and on the time for headers; where
/// that matters, a proxy in front has one.
pub(crate) async fn serve(
    listener: TcpListener,
    endpoint: Arc<Endpoint>,
    log: fn(&str),
    stop: impl Future<Output = ()>,
) {
    let served = Arc::new(Served { endpoint, slots: Arc::new(Semaphore::new(CONCURRENT)), log });
    // any path and any method: the library says what is allowed
    let router = Router::new().fallback(answer).with_state(served);
    let (stopping, stopped) = tokio::sync::oneshot::channel::<()>();
    let server = axum::serve(listener, router).with_graceful_shutdown(async {
        let _ = stopped.await;
    });
    let server: JoinHandle<_> = tokio::spawn(server.into_future());
    stop.await;
    drop(stopping);
    let _ = timeout(GRACE, server).await;
}

async fn answer(State(served): State<Arc<Served>>, request: Request) -> Response<Body> {
    let start = Instant::now();
    let reply = match read(request).await {
        Ok(request) => match Arc::clone(&served.slots).try_acquire_owned() {
            // a task of its own: a peer that hangs up does not stop it, and does not free the slot
            Ok(slot) => match tokio::spawn(Arc::clone(&served).work(request, start, slot)).await {
                Ok(reply) => reply,
                Err(error) => served.failed(error),
            },
            Err(_) => served.refuse(503, "too many requests at once"),
        },
        Err((status, why)) => served.refuse(status, why),
    };
    Response::from(reply).map(Body::from)
}

/// Reads the body, as far as the limits go.
async fn read(request: Request) -> Result<HttpRequest, (u16, &'static str)> {
    let (head, body) = request.into_parts();
    match timeout(BODY_TIME, to_bytes(body, Limits::DEFAULT.message)).await {
        Ok(Ok(body)) => Ok(axum::http::Request::from_parts(head, body.to_vec()).into()),
        // or the connection broke, and then nobody reads this
        Ok(Err(_)) => Err((413, "body longer than the limit")),
        Err(_) => Err((408, "body took too long")),
    }
}

impl Served {
    async fn work(
        self: Arc<Self>,
        request: HttpRequest,
        start: Instant,
        _slot: OwnedSemaphorePermit,
    ) -> HttpResponse {
        let Self { endpoint, log, .. } = self.as_ref();
        let exchange = endpoint.responder.accept(request, UnixTime::now(), &mut Random::system());
        match driver::drive(endpoint, exchange).await {
            Ok(outcome) => {
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
        (self.log)(&format!("{:<12} {:<8} HTTP {status}  cause: {why}", "-", "-"));
        let mut reply = HttpResponse::error(status);
        reply.retry_after = (status == 503).then_some(5);
        reply
    }
}
