//! `GET /ws` and `GET /swarm/live` with `Upgrade`: the handshake of RFC 6455, after which the socket belongs to the hub.

use std::net::TcpStream;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Version, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use sha1::{Digest, Sha1};

use crate::engine::words::Subscription;
use crate::hub::client::Client;
use crate::hub::websocket::deflate;
use crate::server::Patient;
use crate::web::auth::Scope;
use crate::web::error::{Cause, Problem};
use crate::web::limits::ClientIp;
use crate::web::{Site, grant_of, random_name, recheck};

/// What RFC 6455 section 1.3 appends to the client's key.
const ACCEPT_GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// Whether a request asks for a WebSocket.
#[must_use]
pub fn is_upgrade(headers: &HeaderMap) -> bool {
    has_token(headers, header::UPGRADE, "websocket") && has_token(headers, header::CONNECTION, "upgrade")
}

/// The route.
pub async fn socket(
    State(site): State<Site>,
    ClientIp(ip): ClientIp,
    mut request: Request,
) -> Result<Response, Problem> {
    let accept = accept_key(&request)?;
    let headers = request.headers();
    let identity = site.auth.identify_socket(headers)?;
    identity.claims.require(Scope::Subscribe)?;
    let grant = grant_of(&identity.claims);
    let guard = site.limits.open(ip)?;
    let query = request.uri().query().unwrap_or_default().to_owned();
    let html = form_urlencoded::parse(query.as_bytes()).any(|(name, value)| name == "format" && value == "html");
    let at_once = if html { Some(site.hub.read_stream_query(query, None, true, &grant).await?) } else { None };
    let extension = compression(request.headers());
    let client = Client::new(random_name(), html, grant, Box::new(guard));
    let client = client.compressed(extension.is_some());
    upgrade(site, &mut request, Arc::new(client), at_once);
    Ok(switch(accept, identity.protocol, extension))
}

/// `/echo`, which the test-only program of that name serves to suites of RFC 6455: the same handshake, limits, framing
/// and shard, with what a client says as the answer.
pub async fn echo(State(site): State<Site>, ClientIp(ip): ClientIp, mut request: Request) -> Result<Response, Problem> {
    let accept = accept_key(&request)?;
    let identity = site.auth.identify_socket(request.headers())?;
    let guard = site.limits.open(ip)?;
    let extension = compression(request.headers());
    let client = Client::echo(random_name(), grant_of(&identity.claims), Box::new(guard));
    let client = client.compressed(extension.is_some());
    upgrade(site, &mut request, Arc::new(client), None);
    Ok(switch(accept, identity.protocol, extension))
}

/// Once the answer is sent, the socket goes to the hub.
fn upgrade(site: Site, request: &mut Request, client: Arc<Client>, at_once: Option<Subscription>) {
    let upgrade = hyper::upgrade::on(request);
    tokio::spawn(async move {
        let Ok(upgraded) = upgrade.await else { return };
        if let Err(error) = take_over(&site, client, upgraded, at_once).await {
            tracing::debug!(%error, "a WebSocket was lost between its handshake and the hub");
        }
    });
}

/// The answer to a handshake.
fn switch(accept: HeaderValue, protocol: Option<&'static str>, extension: Option<&'static str>) -> Response {
    let headers = [
        (header::UPGRADE, HeaderValue::from_static("websocket")),
        (header::CONNECTION, HeaderValue::from_static("Upgrade")),
        (header::SEC_WEBSOCKET_ACCEPT, accept),
    ];
    let mut response = (StatusCode::SWITCHING_PROTOCOLS, headers).into_response();
    if let Some(protocol) = protocol {
        response.headers_mut().insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(protocol));
    }
    if let Some(extension) = extension {
        response.headers_mut().insert(header::SEC_WEBSOCKET_EXTENSIONS, HeaderValue::from_static(extension));
    }
    response
}

/// The answer to what a client offers to compress with.
fn compression(headers: &HeaderMap) -> Option<&'static str> {
    let lines = headers.get_all(header::SEC_WEBSOCKET_EXTENSIONS).into_iter();
    deflate::accept(lines.filter_map(|line| line.to_str().ok()))
}

async fn take_over(
    site: &Site,
    client: Arc<Client>,
    upgraded: Upgraded,
    at_once: Option<Subscription>,
) -> anyhow::Result<()> {
    let hub = &site.hub;
    let (stream, behind) = raw(upgraded)?;
    let connection = hub.open_socket(Arc::clone(&client), stream, behind).await?;
    recheck(site, connection, &client);
    if let Some(subscription) = at_once {
        match hub.prepare(client.grant().is_unrestricted(), subscription).await {
            Ok(prepared) => {
                hub.begin(connection, &client, prepared);
            }
            Err(error) => {
                hub.close(connection, crate::hub::websocket::close::GOING_AWAY, "the subscription cannot start");
                return Err(error.into());
            }
        }
    }
    Ok(())
}

/// The bare socket, and what hyper had read behind the handshake. hyper's buffers are freed with its half.
fn raw(upgraded: Upgraded) -> anyhow::Result<(TcpStream, Bytes)> {
    let parts = upgraded
        .downcast::<TokioIo<Patient>>()
        .map_err(|_| anyhow::anyhow!("the connection is not a plain TCP stream"))?;
    Ok((parts.io.into_inner().into_inner().into_std()?, parts.read_buf))
}

fn has_token(headers: &HeaderMap, name: header::HeaderName, token: &str) -> bool {
    let lines = headers.get_all(name).into_iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).any(|part| part.trim().eq_ignore_ascii_case(token))
}

/// Check the handshake (RFC 6455 section 4.2.1) and answer its key.
fn accept_key<B>(request: &Request<B>) -> Result<HeaderValue, Problem> {
    let headers = request.headers();
    let upgrade =
        || Problem::new(Cause::UpgradeRequired, "this is a WebSocket: send the handshake of RFC 6455, version 13");
    let versions: Vec<&[u8]> =
        headers.get_all(header::SEC_WEBSOCKET_VERSION).iter().map(HeaderValue::as_bytes).collect();
    // HTTP/1.0 knows no upgrade: a proxy that speaks it would take the frames for a body.
    if request.version() < Version::HTTP_11 || !is_upgrade(headers) || versions != [b"13".as_slice()] {
        return Err(upgrade());
    }
    // A body would be frames to one program on the way and a request to another.
    let has_body = headers.contains_key(header::TRANSFER_ENCODING)
        || headers.get_all(header::CONTENT_LENGTH).iter().any(|length| length != "0");
    if request.method() != Method::GET || has_body {
        return Err(Problem::new(Cause::BadRequest, "a handshake is a `GET` without a body"));
    }
    let mut keys = headers.get_all(header::SEC_WEBSOCKET_KEY).into_iter();
    let key = match (keys.next(), keys.next()) {
        (Some(key), None) => key.to_str().unwrap_or_default().trim(),
        _ => return Err(Problem::new(Cause::BadRequest, "one `Sec-WebSocket-Key` is needed")),
    };
    if STANDARD.decode(key).map_or(0, |nonce| nonce.len()) != 16 {
        return Err(Problem::new(Cause::BadRequest, "`Sec-WebSocket-Key` must be 16 bytes in base64"));
    }
    let digest = Sha1::new().chain_update(key).chain_update(ACCEPT_GUID).finalize();
    HeaderValue::from_str(&STANDARD.encode(digest)).map_err(|_| Problem::internal())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_answered_as_in_the_rfc() {
        let mut request = Request::new(());
        let headers = request.headers_mut();
        headers.insert(header::UPGRADE, HeaderValue::from_static("WebSocket"));
        headers.insert(header::CONNECTION, HeaderValue::from_static("keep-alive, Upgrade"));
        headers.insert(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        headers.insert(header::SEC_WEBSOCKET_KEY, HeaderValue::from_static("dGhlIHNhbXBsZSBub25jZQ=="));
        assert_eq!(accept_key(&request).ok(), Some(HeaderValue::from_static("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")));
        request.headers_mut().append(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("8"));
        assert!(accept_key(&request).is_err(), "two versions");
        request.headers_mut().insert(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        assert!(accept_key(&request).is_ok());
        *request.version_mut() = Version::HTTP_10;
        assert!(accept_key(&request).is_err(), "HTTP/1.0");
        *request.version_mut() = Version::HTTP_11;
        request.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from_static("0"));
        assert!(accept_key(&request).is_ok(), "no body");
        request.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from_static("5"));
        assert!(accept_key(&request).is_err(), "a body");
        request.headers_mut().remove(header::CONTENT_LENGTH);
        *request.method_mut() = Method::HEAD;
        assert!(accept_key(&request).is_err(), "HEAD, which is routed like GET");
        *request.method_mut() = Method::GET;
        request.headers_mut().insert(header::SEC_WEBSOCKET_KEY, HeaderValue::from_static("short"));
        assert!(accept_key(&request).is_err());
    }
}
