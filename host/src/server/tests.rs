#![expect(clippy::unwrap_used, reason = "tests")]

use std::convert::Infallible;

use axum::extract::State;
use axum::response::IntoResponse;
use axum::routing::{get, post};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;

use super::*;

struct Rig {
    address: SocketAddr,
    /// A request to `/slow` is in its handler.
    entered: Arc<Notify>,
    /// Lets it go on.
    release: Arc<Notify>,
    stop: Option<oneshot::Sender<()>>,
    serving: JoinHandle<()>,
}

async fn rig(max_connections: usize, drain_timeout: Duration) -> Rig {
    let (entered, release) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let router = Router::new()
        .route("/", get(async |request: Request| request.extensions().get::<Peer>().unwrap().0.ip().to_string()))
        .route(
            "/body",
            post(async |body: Body| read_body(body, 1_000, SECOND).await.map(|body| body.len().to_string())),
        )
        .route(
            "/slow",
            get(async |State((entered, release)): State<(Arc<Notify>, Arc<Notify>)>| {
                entered.notify_one();
                release.notified().await;
                "done"
            }),
        )
        .route("/upgrade", get(upgrade))
        .with_state((Arc::clone(&entered), Arc::clone(&release)));
    let listener = bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let options = ServerOptions {
        max_connections,
        request_timeout: REQUEST_TIMEOUT,
        max_header_bytes: MAX_HEADER_BYTES,
        drain_timeout,
    };
    let shutdown = async {
        let _ = stopped.await;
    };
    let serving = tokio::spawn(async move {
        serve(listener, router, options, Arc::default(), shutdown).await.unwrap();
    });
    Rig { address, entered, release, stop: Some(stop), serving }
}

/// What the WebSocket handler does: takes the plain stream out and writes to it.
async fn upgrade(mut request: Request) -> impl IntoResponse {
    let upgrade = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        let parts = upgrade.await.unwrap().downcast::<TokioIo<Patient>>().unwrap();
        let mut stream = parts.io.into_inner().into_inner();
        stream.write_all(b"raw").await.unwrap();
    });
    (axum::http::StatusCode::SWITCHING_PROTOCOLS, [("upgrade", "raw"), ("connection", "upgrade")])
}

impl Rig {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Sends and reads till the server closes.
    async fn talk(&self, request: &str) -> String {
        let mut stream = self.connect().await;
        stream.write_all(request.as_bytes()).await.unwrap();
        rest(&mut stream).await
    }

    fn stop(&mut self) {
        self.stop.take().unwrap().send(()).unwrap();
    }
}

async fn rest(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let read = timeout(Duration::from_secs(10), stream.read_to_end(&mut bytes)).await.unwrap();
    // A reset after the answer still leaves the answer.
    let _ = read;
    String::from_utf8_lossy(&bytes).into_owned()
}

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or(answer)
}

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test]
async fn a_request_knows_its_peer() {
    let rig = rig(10, SECOND).await;
    let answer = rig.talk("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("127.0.0.1"), "{answer}");
    let old = rig.talk("GET / HTTP/1.0\r\n\r\n").await;
    assert!(old.starts_with("HTTP/1.0 200"), "{old}");
}

#[tokio::test]
async fn odd_requests_get_sane_answers() {
    let rig = rig(10, SECOND).await;
    let many = (0..100).map(|n| format!("h{n}: v\r\n")).collect::<String>();
    for (request, want) in [
        ("NONSENSE\r\n\r\n".to_owned(), "400"),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(), ""),
        ("GET / HTTP/1.1\r\nHost : x\r\n\r\n".to_owned(), "400"),
        ("GET / HTTP/1.1\r\nHost: x\r\nA: b\0c\r\n\r\n".to_owned(), "400"),
        (format!("GET / HTTP/1.1\r\nHost: x\r\n{many}\r\n"), "431"),
        (format!("GET / HTTP/1.1\r\nHost: x\r\nA: {}\r\n\r\n", "a".repeat(40_000)), "431"),
        (format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "a".repeat(70_000)), "431"),
        ("POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n".to_owned(), "400"),
        ("POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab".to_owned(), "400"),
        ("POST /body HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\nab".to_owned(), "400"),
        ("POST /body HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n".to_owned(), "400"),
    ] {
        let answer = timeout(Duration::from_secs(5), rig.talk(&request)).await;
        let answer = answer.unwrap_or_else(|_| "- hangs".to_owned());
        assert_eq!(status(&answer), want, "{}", request.get(..60).unwrap_or(&request));
    }
    let smuggled = "POST /body HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /slow HTTP/1.1\r\nHost: x\r\n\r\n";
    let answer = rig.talk(smuggled).await;
    assert_eq!(answer.matches("HTTP/1.1").count(), 1, "one request, one answer: {answer}");
    assert!(rig.talk("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.contains("200"), "it goes on");
}

#[tokio::test]
async fn bodies_are_bounded_and_the_answer_arrives() {
    let rig = rig(10, SECOND).await;
    let post = |length: usize| {
        format!(
            "POST /body HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{}",
            "b".repeat(length)
        )
    };
    assert!(rig.talk(&post(1_000)).await.ends_with("1000"));
    assert_eq!(status(&rig.talk(&post(1_001)).await), "413");
    assert_eq!(status(&rig.talk(&post(3_000_000)).await), "413");
    let chunked = |n: usize| {
        let chunks = "64\r\n".to_owned() + &"c".repeat(100) + "\r\n";
        format!(
            "POST /body HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n{}0\r\n\r\n",
            chunks.repeat(n)
        )
    };
    assert!(rig.talk(&chunked(10)).await.ends_with("1000"));
    assert_eq!(status(&rig.talk(&chunked(11)).await), "413");
}

#[tokio::test]
async fn a_body_must_be_whole_in_time() {
    let never = futures_pending();
    let soon = Instant::now() + Duration::from_millis(20);
    assert_eq!(read_body_by(never, 1_000, soon).await.unwrap_err().status(), 408);
}

fn futures_pending() -> Body {
    struct Never;
    impl HttpBody for Never {
        type Data = Bytes;
        type Error = Infallible;
        fn poll_frame(
            self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Option<Result<hyper::body::Frame<Bytes>, Infallible>>> {
            std::task::Poll::Pending
        }
    }
    Body::new(Never)
}

#[tokio::test]
async fn an_upgrade_gives_the_plain_stream() {
    let rig = rig(10, SECOND).await;
    let answer = rig.talk("GET /upgrade HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: raw\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 101") && answer.ends_with("\r\n\r\nraw"), "{answer}");
}

#[tokio::test]
async fn connections_in_all_are_bounded() {
    let rig = rig(0, SECOND).await;
    let (mut oldest, mut next) = (rig.connect().await, rig.connect().await);
    let mut held = Vec::new();
    for _ in 2..SPARE_CONNECTIONS {
        held.push(rig.connect().await);
    }
    // The accept loop takes them in order, so this one comes when the others are in.
    assert!(rig.talk("GET / HTTP/1.0\r\n\r\n").await.contains("200"), "the newest is served");
    assert_eq!(rest(&mut oldest).await, "", "the oldest gave way");
    next.write_all(b"GET / HTTP/1.0\r\n\r\n").await.unwrap();
    assert!(rest(&mut next).await.contains("200"), "no other did");
}

#[tokio::test]
async fn a_drain_answers_what_was_begun_and_waits_for_nothing_else() {
    let mut rig = rig(10, Duration::from_secs(30)).await;
    let mut slow = rig.connect().await;
    slow.write_all(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    rig.entered.notified().await;
    let mut idle = rig.connect().await;
    idle.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let mut some = [0; 16];
    idle.read_exact(&mut some).await.unwrap();
    let mut fresh = rig.connect().await;
    rig.stop();
    assert!(rest(&mut idle).await.ends_with("127.0.0.1"), "an idle connection is closed");
    assert_eq!(rest(&mut fresh).await, "", "one that never asked is closed");
    assert!(TcpStream::connect(rig.address).await.is_err(), "nothing new is accepted");
    assert!(!rig.serving.is_finished());
    rig.release.notify_one();
    assert!(rest(&mut slow).await.ends_with("done"));
    timeout(SECOND, rig.serving).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_drain_ends_in_time() {
    let mut rig = rig(10, Duration::from_millis(50)).await;
    let mut slow = rig.connect().await;
    slow.write_all(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    rig.entered.notified().await;
    rig.stop();
    timeout(SECOND, rig.serving).await.unwrap().unwrap();
    assert_eq!(rest(&mut slow).await, "");
}
