//! Which pages may ask: a page's `Origin` is the server's own or an allowed one, or nothing is done for it that has an
//! effect, needs a credential, or opens a socket. So neither another site's form nor its script nor its WebSocket rides
//! on a visitor's cookie (CSRF, cross-site WebSocket hijacking). Also answers CORS for the origins that are allowed.

use axum::http::header::{self, HeaderName};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};

use super::error::{Cause, Problem};

const ALLOW_METHODS: HeaderValue = HeaderValue::from_static("GET, POST, DELETE");
const ALLOW_HEADERS: HeaderValue = HeaderValue::from_static("authorization, content-type, last-event-id");
const EXPOSE_HEADERS: HeaderValue = HeaderValue::from_static("retry-after");
const PREFLIGHT_SECONDS: HeaderValue = HeaderValue::from_static("600");

/// A page's origin: scheme, host and port (RFC 6454), the host in lower case, the port always there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    scheme: String,
    host: String,
    port: u16,
}

/// A host and, if it is written, a port: `example.org`, `example.org:8080`, `[::1]:8080`.
pub(super) fn split_host(text: &str) -> Option<(String, Option<u16>)> {
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
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let fine = match bare {
        Some(v6) => v6.parse::<std::net::Ipv6Addr>().is_ok(),
        None => !host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~%".contains(&b)),
    };
    fine.then(|| (host.to_ascii_lowercase(), port))
}

fn default_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" => Some(80),
        "https" => Some(443),
        _ => None,
    }
}

impl Origin {
    /// From `scheme://host[:port]` with nothing after it; `null` and the like are none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        let scheme = scheme.to_ascii_lowercase();
        let (host, port) = split_host(rest)?;
        let port = port.or_else(|| default_port(&scheme))?;
        Some(Self { scheme, host, port })
    }

    /// Whether this is the host of a `Host` header, whatever the scheme.
    pub(super) fn is_host(&self, host: &str, port: Option<u16>) -> bool {
        self.host == host && port.or_else(|| default_port(&self.scheme)) == Some(self.port)
    }
}

impl std::str::FromStr for Origin {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::parse(text.trim_end_matches('/')).ok_or_else(|| "an origin is like `https://example.org`".to_owned())
    }
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}://{}", self.scheme, self.host)?;
        if default_port(&self.scheme) == Some(self.port) { Ok(()) } else { write!(f, ":{}", self.port) }
    }
}

/// How the server is reached, as far as its own origin goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OwnScheme {
    /// A trusted proxy says so, or it is certain that there is no TLS.
    Known(&'static str),
    /// There may be a proxy with TLS in front.
    Either,
}

/// Where a request's page stands to the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// No page, or the server's own.
    Own,
    /// A page of an allowed origin, as it wrote it.
    Allowed(HeaderValue),
    /// Any other page.
    Foreign,
}

/// Where the page that sent these headers stands.
///
/// # Errors
/// 400 for two `Origin` headers.
pub fn standing(
    headers: &HeaderMap,
    host: Option<&(String, Option<u16>)>,
    scheme: OwnScheme,
    allowed: &[Origin],
) -> Result<Standing, Problem> {
    let mut values = headers.get_all(header::ORIGIN).into_iter();
    let Some(value) = values.next() else { return Ok(Standing::Own) };
    if values.next().is_some() {
        return Err(Problem::new(Cause::BadRequest, "there is more than one Origin header"));
    }
    let Some(origin) = value.to_str().ok().and_then(Origin::parse) else { return Ok(Standing::Foreign) };
    let own_scheme = match scheme {
        OwnScheme::Known(own) => origin.scheme == own,
        OwnScheme::Either => origin.scheme == "http" || origin.scheme == "https",
    };
    if own_scheme && host.is_some_and(|(host, port)| origin.is_host(host, *port)) {
        Ok(Standing::Own)
    } else if allowed.contains(&origin) {
        Ok(Standing::Allowed(value.clone()))
    } else {
        Ok(Standing::Foreign)
    }
}

/// Whether a foreign page's request is refused: it has an effect, opens a socket, or carries a credential.
#[must_use]
pub fn needs_own_origin(method: &Method, headers: &HeaderMap) -> bool {
    !matches!(*method, Method::GET | Method::HEAD)
        || [header::UPGRADE, header::COOKIE, header::AUTHORIZATION].iter().any(|name| headers.contains_key(name))
}

/// The answer to a preflight request of an allowed origin.
#[must_use]
pub fn preflight(origin: &HeaderValue) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, ALLOW_METHODS);
    headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, ALLOW_HEADERS);
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, PREFLIGHT_SECONDS);
    grant(headers, origin);
    response
}

/// Lets a page of an allowed origin read an answer.
pub fn grant(headers: &mut HeaderMap, origin: &HeaderValue) {
    const VARY: HeaderName = header::VARY;
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
    headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSE_HEADERS);
    headers.append(VARY, HeaderValue::from_static("Origin"));
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn stands(origins: &[&str], host: &str, scheme: OwnScheme) -> Result<Standing, Problem> {
        let mut headers = HeaderMap::new();
        for origin in origins {
            headers.append(header::ORIGIN, origin.parse().unwrap());
        }
        let allowed = ["https://app.example.org".parse().unwrap()];
        standing(&headers, split_host(host).as_ref(), scheme, &allowed)
    }

    #[test]
    fn own_is_scheme_host_and_port() {
        let http = OwnScheme::Known("http");
        let own = |origin, host, scheme| stands(&[origin], host, scheme).unwrap() == Standing::Own;
        assert!(own("http://localhost:8080", "localhost:8080", http));
        assert!(own("http://LOCALHOST:8080", "localhost:8080", http));
        assert!(own("http://[::1]:8080", "[::1]:8080", http));
        assert!(own("http://feed.example.org", "feed.example.org", http));
        assert!(own("http://feed.example.org", "feed.example.org:80", http));
        assert!(own("https://feed.example.org", "feed.example.org", OwnScheme::Either));
        assert!(own("https://feed.example.org", "feed.example.org", OwnScheme::Known("https")));
        assert!(stands(&[], "localhost", http).unwrap() == Standing::Own, "no browser sent it");
        assert!(!own("https://localhost:8080", "localhost:8080", http));
        assert!(!own("http://localhost:8081", "localhost:8080", http));
        assert!(!own("http://localhost", "localhost:8080", http));
        assert!(!own("http://127.0.0.1:8080", "localhost:8080", http));
        assert!(!own("http://feed.example.org", "feed.example.org", OwnScheme::Known("https")));
    }

    #[test]
    fn what_only_looks_like_an_origin_is_foreign() {
        for origin in [
            "null",
            "",
            "file://",
            "http://",
            "localhost:8080",
            "http://localhost:8080/",
            "http://localhost:8080@evil.example",
            "http://evil.example#localhost:8080",
            "http://localhost:8080.evil.example",
            "http://localhost:+8080",
            "http://localhost:8080, http://evil.example",
            "https://app.example.org.evil.example",
            "http://app.example.org",
        ] {
            let stands = stands(&[origin], "localhost:8080", OwnScheme::Known("http")).unwrap();
            assert_eq!(stands, Standing::Foreign, "{origin}");
        }
        let allowed = stands(&["https://app.example.org"], "localhost:8080", OwnScheme::Either).unwrap();
        assert_eq!(allowed, Standing::Allowed(HeaderValue::from_static("https://app.example.org")));
        let two = ["http://localhost:8080", "http://evil.example"];
        assert_eq!(stands(&two, "localhost:8080", OwnScheme::Either).unwrap_err().status(), 400);
    }

    #[test]
    fn an_origin_reads_as_it_is_written() {
        for text in ["https://a.example", "http://a.example:8080", "http://[::1]:8080"] {
            assert_eq!(text.parse::<Origin>().unwrap().to_string(), text);
        }
        assert_eq!("https://A.example:443/".parse::<Origin>().unwrap().to_string(), "https://a.example");
        assert!("example.org".parse::<Origin>().is_err());
    }
}
