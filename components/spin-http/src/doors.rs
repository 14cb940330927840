//! The first door of every request: a `Host` that may be asked for, and one `Origin` that may ask. A page of another site
//! gets nothing done that has an effect or carries a credential (CSRF), nor by giving its own name our address (DNS
//! rebinding). Also answers CORS for the origins that are allowed. Limits of connections are Spin's, or the proxy's in
//! front of it.

use std::net::{IpAddr, SocketAddr};

use spin_sdk::http::{HeaderMap, HeaderValue, Method, Response, StatusCode};

use crate::problem::{Cause, Problem};
use crate::reply::{self, Body};

/// A page's origin: scheme, host and port (RFC 6454), the host in lower case, the port always there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    scheme: String,
    host: String,
    port: u16,
}

fn default_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" => Some(80),
        "https" => Some(443),
        _ => None,
    }
}

/// A host and, if it is written, a port.
pub(crate) fn split_host(text: &str) -> Option<(String, Option<u16>)> {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') || host.ends_with(']') => (host, Some(port)),
        _ => (text, None),
    };
    let port = match port {
        // A port is digits alone: Rust would also read `+80`.
        Some(port) if port.bytes().all(|b| b.is_ascii_digit()) => Some(port.parse().ok()?),
        Some(_) => return None,
        None => None,
    };
    let fine = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(v6) => v6.parse::<std::net::Ipv6Addr>().is_ok(),
        None => !host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~%".contains(&b)),
    };
    fine.then(|| (host.to_ascii_lowercase(), port))
}

impl Origin {
    /// From `scheme://host[:port]` with nothing after it; `null` and the like are none.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        let scheme = scheme.to_ascii_lowercase();
        let (host, port) = split_host(rest)?;
        let port = port.or_else(|| default_port(&scheme))?;
        Some(Self { scheme, host, port })
    }

    /// Whether this is the host of a request, whatever the scheme.
    fn is_host(&self, host: &str, port: Option<u16>) -> bool {
        self.host == host && port.or_else(|| default_port(&self.scheme)) == Some(self.port)
    }

    /// The application's own: the host that the request is for. Spin may stand behind a proxy with TLS, so either
    /// scheme will do.
    fn is_own(&self, host: Option<&str>) -> bool {
        let Some((host, port)) = host.and_then(split_host) else { return false };
        matches!(self.scheme.as_str(), "http" | "https") && self.is_host(&host, port)
    }
}

/// Refuses a request of this machine's own for a name that is not this machine's: a page whose name was pointed at the
/// loopback address while it was open asks so. An application is not told where Spin listens, but who has asked.
///
/// # Errors
/// 403 for such a host, unless it is that of an allowed origin.
pub(crate) fn check_host(headers: &HeaderMap, host: Option<&str>, allowed: &[Origin]) -> Result<(), Problem> {
    // Spin's own is the last of this name, behind what the client has sent itself.
    let peer = headers.get_all("spin-client-addr").into_iter().next_back();
    let peer: Option<SocketAddr> = peer.and_then(|peer| peer.to_str().ok()?.parse().ok());
    if !peer.is_some_and(|peer| peer.ip().to_canonical().is_loopback()) {
        return Ok(());
    }
    let Some((name, port)) = host.and_then(split_host) else { return Ok(()) };
    if is_loopback_name(&name) || allowed.iter().any(|origin| origin.is_host(&name, port)) {
        return Ok(());
    }
    Err(Problem::new(
        Cause::ForeignHost,
        "over loopback this feed is served as localhost only; allow another name with the variable `allowed_origins`",
    ))
}

/// Whether a host, as it is written, is this machine's loopback.
pub(crate) fn is_loopback_name(host: &str) -> bool {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    host == "localhost" || bare.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback())
}

/// Whether a page of the application's own sent this form. Browsers say so of every form; what does not is none.
pub(crate) fn is_own_form(headers: &HeaderMap, host: Option<&str>) -> bool {
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let origin = text("origin").and_then(Origin::parse);
    origin.is_some_and(|origin| origin.is_own(host)) && text("sec-fetch-site").is_none_or(|site| site == "same-origin")
}

/// Where a request's page stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// No page, or the application's own; or another one that asks for nothing guarded.
    Fine,
    /// A page of an allowed origin, as it wrote it.
    Allowed(HeaderValue),
}

/// Where the page that sent this request stands.
///
/// # Errors
/// 403 for a foreign page that wants something done, 400 for two `Origin` headers.
pub(crate) fn check(
    method: &Method,
    headers: &HeaderMap,
    host: Option<&str>,
    allowed: &[Origin],
) -> Result<Standing, Problem> {
    let mut values = headers.get_all("origin").into_iter();
    let Some(value) = values.next() else { return Ok(Standing::Fine) };
    if values.next().is_some() {
        return Err(Problem::new(Cause::BadRequest, "there is more than one Origin header"));
    }
    let origin = value.to_str().ok().and_then(Origin::parse);
    if origin.as_ref().is_some_and(|origin| origin.is_own(host)) {
        return Ok(Standing::Fine);
    }
    if origin.is_some_and(|origin| allowed.contains(&origin)) {
        return Ok(Standing::Allowed(value.clone()));
    }
    let guarded = !matches!(*method, Method::GET | Method::HEAD)
        || ["cookie", "authorization"].iter().any(|name| headers.contains_key(*name));
    if guarded {
        return Err(Problem::new(
            Cause::ForeignOrigin,
            "this page's origin may not use the feed; allow it with the variable `allowed_origins`",
        ));
    }
    Ok(Standing::Fine)
}

/// The answer to a preflight request of an allowed origin.
pub(crate) fn preflight() -> Response<Body> {
    let mut response = reply::full(StatusCode::NO_CONTENT, "", "");
    for (name, value) in [
        ("access-control-allow-methods", "GET, POST, DELETE"),
        ("access-control-allow-headers", "authorization, content-type, last-event-id"),
        ("access-control-max-age", "600"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Lets a page of an allowed origin read an answer.
pub(crate) fn grant(headers: &mut HeaderMap, origin: &HeaderValue) {
    headers.insert("access-control-allow-origin", origin.clone());
    for (name, value) in [
        ("access-control-allow-credentials", "true"),
        ("access-control-expose-headers", "retry-after"),
        ("vary", "Origin"),
    ] {
        headers.append(name, HeaderValue::from_static(value));
    }
}
