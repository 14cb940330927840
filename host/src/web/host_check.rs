//! The first door of every request: one `Host` that is this server's, one `Origin` that may ask. Runs before anything
//! that has an effect or a cost. On a loopback address only loopback names are served, so that a page which points its
//! own name at 127.0.0.1 (DNS rebinding) gets nothing.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, Method, Version, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::error::{Cause, Problem};
use super::limits::TrustedProxies;
use super::origin::{self, Origin, OwnScheme, Standing, split_host};
use crate::server::Peer;

/// Who may come in.
#[derive(Clone, Debug)]
pub struct Doors {
    /// The server listens on a loopback address.
    pub loopback: bool,
    /// Origins beside the server's own, whose pages may ask.
    pub allowed: Vec<Origin>,
    /// Whose word on the scheme is taken.
    pub proxies: TrustedProxies,
    /// There is no other guard (`--no-auth`): a foreign page gets nothing at all.
    pub strict: bool,
}

/// Middleware: refuses what is not for this server or from a page that may not ask, and answers CORS.
pub async fn doors(State(doors): State<Arc<Doors>>, request: Request, next: Next) -> Response {
    let allowed = match doors.check(&request) {
        Ok(Standing::Own | Standing::Foreign) => None,
        Ok(Standing::Allowed(origin)) => Some(origin),
        Err(problem) => return problem.into_response(),
    };
    let Some(origin) = allowed else { return next.run(request).await };
    if *request.method() == Method::OPTIONS && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD) {
        return origin::preflight(&origin);
    }
    let mut response = next.run(request).await;
    origin::grant(response.headers_mut(), &origin);
    response
}

impl Doors {
    fn check(&self, request: &Request) -> Result<Standing, Problem> {
        check_framing(request.headers())?;
        let host = self.host(request)?;
        let peer = request.extensions().get::<Peer>().map(|Peer(peer)| peer.ip());
        let scheme = match peer.and_then(|peer| self.proxies.secure(peer, request.headers())) {
            Some(true) => OwnScheme::Known("https"),
            Some(false) => OwnScheme::Known("http"),
            None if self.loopback => OwnScheme::Known("http"),
            None => OwnScheme::Either,
        };
        let standing = origin::standing(request.headers(), host.as_ref(), scheme, &self.allowed)?;
        let guarded = self.strict || origin::needs_own_origin(request.method(), request.headers());
        if standing == Standing::Foreign && guarded {
            return Err(Problem::new(
                Cause::ForeignOrigin,
                "this page's origin may not use the feed; allow it with --allowed-origin",
            ));
        }
        Ok(standing)
    }

    /// The host that the request is for. HTTP/1.0 knows requests without one, and no browser sends those.
    fn host(&self, request: &Request) -> Result<Option<(String, Option<u16>)>, Problem> {
        let bad = |detail: &'static str| Problem::new(Cause::BadRequest, detail);
        let mut values = request.headers().get_all(header::HOST).into_iter();
        let value = values.next();
        if values.next().is_some() {
            return Err(bad("there is more than one Host header"));
        }
        // An absolute request target goes before the header (RFC 9112, section 3.2.2).
        let target = request.uri().authority().map(Authority::as_str);
        let text = match (target, value) {
            (Some(target), _) => target,
            (None, Some(value)) => value.to_str().map_err(|_| bad("the Host header is malformed"))?,
            (None, None) if request.version() < Version::HTTP_11 => return Ok(None),
            (None, None) => return Err(bad("there is no Host header")),
        };
        let (host, port) = split_host(text.trim()).ok_or_else(|| bad("the Host header is malformed"))?;
        if self.loopback && !is_loopback_name(&host) && !self.allowed.iter().any(|origin| origin.is_host(&host, port)) {
            return Err(Problem::new(
                Cause::ForeignHost,
                "this server listens on loopback and serves localhost only; allow another name with --allowed-origin",
            ));
        }
        Ok(Some((host, port)))
    }
}

/// What a proxy in front may frame otherwise than hyper does is refused, so that no request can be hidden in the body of
/// another (request smuggling). hyper itself refuses differing lengths and a coding that does not end in `chunked`, and
/// closes the connection behind a request that gives both a length and a coding.
fn check_framing(headers: &HeaderMap) -> Result<(), Problem> {
    let mut codings = headers.get_all(header::TRANSFER_ENCODING).into_iter();
    match (codings.next(), codings.next()) {
        (None, _) => Ok(()),
        (Some(one), None) if one.as_bytes().eq_ignore_ascii_case(b"chunked") => Ok(()),
        _ => Err(Problem::new(Cause::BadRequest, "the only transfer coding is `chunked`, once")),
    }
}

fn is_loopback_name(host: &str) -> bool {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    host == "localhost" || bare.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use axum::body::Body;
    use axum::routing::get;
    use axum::{Router, middleware};
    use tower::ServiceExt;

    use super::*;

    fn closed() -> Doors {
        Doors {
            loopback: true,
            allowed: vec!["https://app.example.org".parse().unwrap()],
            proxies: TrustedProxies::new(vec!["10.0.0.0/8".parse().unwrap()]),
            strict: false,
        }
    }

    async fn ask(doors: Doors, method: &str, target: &str, pairs: &[(&str, &str)]) -> Response {
        let router: Router = Router::new()
            .route("/", get(async || "served").post(async || "done"))
            .layer(middleware::from_fn_with_state(Arc::new(doors), super::doors));
        let mut request = Request::builder().method(method).uri(target);
        for (name, value) in pairs {
            request = request.header(*name, *value);
        }
        router.oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
    }

    async fn status(method: &str, pairs: &[(&str, &str)]) -> u16 {
        ask(closed(), method, "/", pairs).await.status().as_u16()
    }

    #[tokio::test]
    async fn on_loopback_only_loopback_names_are_served() {
        for host in
            ["localhost", "LocalHost:9", "127.0.0.1:8080", "127.9.9.9", "[::1]:8080", "[::1]", "app.example.org"]
        {
            assert_eq!(status("GET", &[("host", host)]).await, 200, "{host}");
        }
        for host in ["evil.example", "evil.example:8080", "localhost.evil.example", "192.168.0.1", "0.0.0.0", "[::2]"] {
            assert_eq!(status("GET", &[("host", host)]).await, 403, "{host}");
        }
        for host in ["", "localhost:x", "a b", "localhost:99999", "[::1", "localhost/x", "user@localhost"] {
            assert_eq!(status("GET", &[("host", host)]).await, 400, "{host}");
        }
        assert_eq!(status("GET", &[]).await, 400);
        assert_eq!(status("GET", &[("host", "localhost"), ("host", "localhost")]).await, 400);
        let absolute = ask(closed(), "GET", "http://evil.example/", &[("host", "localhost")]).await;
        assert_eq!(absolute.status(), 403, "the request target goes before the header");
        let open = Doors { loopback: false, ..closed() };
        assert_eq!(ask(open, "GET", "/", &[("host", "feed.example.org")]).await.status(), 200);
    }

    #[tokio::test]
    async fn a_foreign_page_gets_nothing_done() {
        let host = ("host", "localhost:8080");
        let evil = ("origin", "http://evil.example");
        assert_eq!(status("POST", &[host, evil]).await, 403);
        assert_eq!(status("GET", &[host, evil, ("upgrade", "websocket")]).await, 403);
        assert_eq!(status("GET", &[host, evil, ("cookie", "a=b")]).await, 403);
        assert_eq!(status("GET", &[host, evil, ("authorization", "Bearer x")]).await, 403);
        assert_eq!(status("OPTIONS", &[host, evil, ("access-control-request-method", "POST")]).await, 403);
        assert_eq!(status("POST", &[host, ("origin", "null")]).await, 403);
        assert_eq!(status("POST", &[host, ("origin", "http://localhost:8080")]).await, 200);
        assert_eq!(status("POST", &[host]).await, 200, "no browser sent it");
        assert_eq!(status("POST", &[host, evil, evil]).await, 400);
        let plain = ask(closed(), "GET", "/", &[host, evil]).await;
        assert_eq!(plain.status(), 200, "a script tag may load what is public");
        assert!(!plain.headers().contains_key("access-control-allow-origin"));
        let strict = Doors { strict: true, ..closed() };
        assert_eq!(ask(strict, "GET", "/", &[host, evil]).await.status(), 403);
    }

    #[tokio::test]
    async fn an_allowed_page_is_granted_cors() {
        let pairs = [("host", "localhost:8080"), ("origin", "https://app.example.org")];
        let response = ask(closed(), "POST", "/", &pairs).await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers().get("access-control-allow-origin").unwrap(), "https://app.example.org");
        assert_eq!(response.headers().get("vary").unwrap(), "Origin");
        let asked = [pairs[0], pairs[1], ("access-control-request-method", "POST")];
        let response = ask(closed(), "OPTIONS", "/", &asked).await;
        assert_eq!(response.status(), 204);
        assert!(
            response.headers().get("access-control-allow-headers").unwrap().to_str().unwrap().contains("authorization")
        );
    }

    #[tokio::test]
    async fn a_trusted_proxy_says_the_scheme() {
        let pairs = [("host", "localhost"), ("origin", "https://localhost"), ("x-forwarded-proto", "https")];
        assert_eq!(status("POST", &pairs).await, 403, "anybody can say so");
        let mut request = Request::builder().method("POST").uri("/").extension(Peer("10.0.0.1:9".parse().unwrap()));
        for (name, value) in pairs {
            request = request.header(name, value);
        }
        assert_eq!(closed().check(&request.body(Body::empty()).unwrap()), Ok(Standing::Own));
    }
}
