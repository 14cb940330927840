//! The listening socket and its HTTP/1 connections. Bounds what a connection may cost before anything of ours runs
//! (time for headers and bodies, bytes and number of headers, connections in all) and ends them all in time when the
//! server stops. What a request means is the router's; an upgraded socket is no concern of this module any more.

mod patience;
mod slots;
mod threads;

use std::convert::Infallible;
use std::error::Error as _;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, HttpBody};
use axum::extract::Request;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tower::ServiceExt;

use crate::metrics::{Metrics, Reason};
use crate::web::error::{Cause, Problem};
pub use patience::Patient;
use slots::{Answer, Slot, Slots};
use threads::Threads;

/// Time for a request's headers, and again for its body, unless the options say otherwise.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// Bytes of a request's line and headers, unless the options say otherwise: a token of 8 KiB fits twice, as a header and
/// as a cookie.
pub const MAX_HEADER_BYTES: usize = 32_768;
/// Bytes that a connection holds of a body that is not read, or of an answer that is not taken.
const MAX_BUFFER_BYTES: usize = 65_536;
/// Headers of a request.
const MAX_HEADERS: usize = 64;
/// Plain HTTP connections beyond those that may become streams.
const SPARE_CONNECTIONS: usize = 1_024;
/// Connections that the kernel holds until they are accepted.
const BACKLOG: u32 = 4_096;
/// How long written bytes may stay unacknowledged before the kernel gives the connection up: half-open peers.
const UNACKNOWLEDGED_MS: u32 = 60_000;
/// Pause after an accept that failed for want of descriptors or memory: time for some to come free.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// What is still read of a body that is too large, so that the client gets to see the answer instead of a reset.
const DISCARD_BYTES: usize = 8 * 1_048_576;
const DISCARD_TIME: Duration = Duration::from_secs(5);
/// How long a connection that is to end may still begin a request: one may be on its way.
const LAST_MOMENT: Duration = Duration::from_millis(250);

/// Who sits at the other end of the connection; stands in every request's extensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer(pub SocketAddr);

/// Bounds of a server.
#[derive(Clone, Copy, Debug)]
pub struct ServerOptions {
    /// Streams (WebSockets, SSE) that the router allows at once. So many and 1,024 HTTP connections are held; a WebSocket
    /// is none of them once it is upgraded.
    pub max_connections: usize,
    /// Time for a request's headers to come whole; also how long a connection may be idle between two requests, and how
    /// long its client may leave an answer unread (and again, while it takes 16 KiB a second).
    pub request_timeout: Duration,
    /// Bytes of a request's line and headers.
    pub max_header_bytes: usize,
    /// How long requests in flight may take once the server stops.
    pub drain_timeout: Duration,
}

/// Binds the listening socket.
///
/// # Errors
/// The address is in use, or not this machine's.
pub fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // A restart must not wait for the last process's connections to time out.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Raises the number of descriptors this process may hold to what the system allows it. A failure leaves it as it is.
pub fn raise_descriptor_limit() {
    let limit = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum }) {
        tracing::warn!(%error, "the limit of open files stays as it is");
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Running,
    Draining,
    Over,
}

/// Serves `router` till `shutdown` resolves; then accepts nothing new, lets each connection finish what it has begun,
/// and returns when all have, at latest after the drain time-out. Sockets that were upgraded are not waited for.
/// What is refused here, before the router sees it, is counted in `metrics`.
///
/// # Errors
/// The system has no threads for the connections.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    options: ServerOptions,
    metrics: Arc<Metrics>,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let mut threads = Threads::start()?;
    let slots = Slots::new(options.max_connections.saturating_add(SPARE_CONNECTIONS));
    let (phase, follow) = watch::channel(Phase::Running);
    // Each connection's task holds a sender and never sends: when all are gone, so are the connections.
    let (alive, mut all_gone) = mpsc::channel::<()>(1);
    let mut shutdown = pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            () = &mut shutdown => break,
            accepted = listener.accept() => accepted,
        };
        let accepted = accepted.and_then(|(stream, peer)| Ok((stream.into_std()?, peer)));
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                if !is_about_one_connection(&error) {
                    tracing::warn!(%error, "cannot accept connections now");
                    sleep(ACCEPT_PAUSE).await;
                }
                continue;
            }
        };
        let taken = slots.take();
        if !matches!(taken, Some((_, false))) {
            // Either this connection is dropped, or another for it.
            refused(&metrics, "http_connections");
        }
        let Some((slot, _)) = taken else { continue };
        let (router, follow, alive, metrics) = (router.clone(), follow.clone(), alive.clone(), Arc::clone(&metrics));
        threads.spawn(async move {
            let _held = alive;
            // It fails only for want of memory; the connection is closed then.
            let Ok(stream) = TcpStream::from_std(stream) else { return };
            if let Err(error) = connection(stream, peer, slot, router, options, follow).await {
                count_end(&metrics, peer, &error);
            }
        });
    }
    drop(listener);
    drop(alive);
    phase.send_replace(Phase::Draining);
    if timeout(options.drain_timeout, all_gone.recv()).await.is_err() {
        tracing::warn!("some requests were not done in time and are cut off");
        phase.send_replace(Phase::Over);
        // Their tasks see it at once; nothing is left to wait for.
        all_gone.recv().await;
    }
    Ok(())
}

fn is_about_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

async fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    slot: Slot,
    router: Router,
    options: ServerOptions,
    mut phase: watch::Receiver<Phase>,
) -> Result<(), hyper::Error> {
    // Either fails only on a socket that is gone already.
    let _ = stream.set_nodelay(true);
    let _ = rustix::net::sockopt::set_tcp_user_timeout(&stream, UNACKNOWLEDGED_MS);
    let slot = Arc::new(slot);
    let service = service_fn(|request: hyper::Request<Incoming>| {
        let mut request: Request = request.map(Body::new);
        request.extensions_mut().insert(Peer(peer));
        let (work, response) = (slot.works(), router.clone().oneshot(request));
        async move { Ok::<_, Infallible>(response.await?.map(|body| Answer { body, _work: work })) }
    });
    // Whoever upgrades takes the bare stream out again.
    let stream = Patient::new(stream, options.request_timeout);
    let unread = stream.is_behind();
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(options.request_timeout)
        .max_headers(MAX_HEADERS)
        .max_header_size(options.max_header_bytes)
        .max_buf_size(MAX_BUFFER_BYTES.max(options.max_header_bytes.saturating_mul(2)))
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut serving = pin!(serving);
    tokio::select! {
        // First what has come: a request that is whole in the kernel's buffer was accepted and is answered.
        biased;
        ended = serving.as_mut() => return ended,
        _ = phase.wait_for(|phase| *phase != Phase::Running) => {}
        () = slot.given_away() => {}
    }
    serving.as_mut().graceful_shutdown();
    match timeout(LAST_MOMENT, serving.as_mut()).await {
        Ok(ended) => return ended,
        Err(_) if slot.is_idle() && !unread.load(Ordering::Relaxed) => return Ok(()),
        Err(_) => {}
    }
    tokio::select! {
        ended = serving.as_mut() => ended,
        _ = phase.wait_for(|phase| *phase == Phase::Over) => Ok(()),
    }
}

/// What clients do wrong is no trouble of the server's: it is counted, and said to whoever looks closely.
fn count_end(metrics: &Metrics, peer: SocketAddr, error: &hyper::Error) {
    tracing::debug!(%peer, %error, "a connection ended in the middle of something");
    if error.is_parse_too_large() {
        refused(metrics, "header_bytes");
    } else if error.is_parse() {
        refused(metrics, "malformed_http");
    } else if error.is_timeout() {
        refused(metrics, "header_timeout");
    } else if error.source().and_then(|error| error.downcast_ref()).map(io::Error::kind)
        == Some(io::ErrorKind::TimedOut)
    {
        refused(metrics, "answer_timeout");
    }
}

fn refused(metrics: &Metrics, reason: &'static str) {
    metrics.refused.get_or_create(&Reason { reason }).inc();
}

/// Reads a request's body whole.
///
/// # Errors
/// 413 over `max_bytes`, 408 when it is not whole `within` that time, 400 when it ends early.
pub async fn read_body(body: Body, max_bytes: usize, within: Duration) -> Result<Bytes, Problem> {
    read_body_by(body, max_bytes, Instant::now() + within).await
}

async fn read_body_by(mut body: Body, max_bytes: usize, deadline: Instant) -> Result<Bytes, Problem> {
    let too_large = |announced: u64| usize::try_from(announced).map_or(true, |announced| announced > max_bytes);
    if too_large(body.size_hint().lower()) {
        discard(body).await;
        return Err(Problem::too_large(max_bytes));
    }
    let mut first = None;
    let mut whole = BytesMut::new();
    loop {
        let frame = match timeout_at(deadline, body.frame()).await {
            Err(_) => return Err(Problem::new(Cause::Timeout, "the body did not come whole in time")),
            Ok(None) => break,
            Ok(Some(Err(_))) => return Err(Problem::new(Cause::BadRequest, "the body ended early or is misframed")),
            Ok(Some(Ok(frame))) => frame,
        };
        // Trailers are of no interest.
        let Ok(data) = frame.into_data() else { continue };
        let held = whole.len() + first.as_ref().map_or(0, Bytes::len);
        if held + data.len() > max_bytes {
            discard(body).await;
            return Err(Problem::too_large(max_bytes));
        }
        // A small body comes in one piece, which is then handed on without a copy.
        if held == 0 {
            first = Some(data);
        } else {
            whole.extend_from_slice(&first.take().unwrap_or_default());
            whole.extend_from_slice(&data);
        }
    }
    Ok(first.unwrap_or_else(|| whole.freeze()))
}

/// Reads on for a while and keeps nothing: a client that is still sending would meet a reset before the answer.
async fn discard(mut body: Body) {
    let mut left = DISCARD_BYTES;
    let reading = async {
        while let Some(Ok(frame)) = body.frame().await {
            left = left.saturating_sub(frame.data_ref().map_or(0, Bytes::len));
            if left == 0 {
                break;
            }
        }
    };
    let _ = timeout(DISCARD_TIME, reading).await;
}

#[cfg(test)]
mod tests;
