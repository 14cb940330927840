//! What the application may ask of others: `allowed_outbound_hosts` of `spin.toml`, which is the GRIP proxy alone.

use http_body_util::BodyExt as _;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

/// The one host that may be asked, with its port; none: nobody.
pub struct Outside(pub Option<String>);

impl Outside {
    /// What the variable `grip_url` allows.
    #[must_use]
    pub fn allowed_by(grip_url: &str) -> Self {
        Self(grip_url.strip_prefix("http://").map(|rest| rest.trim_end_matches('/').to_owned()))
    }
}

type Io = Box<dyn Future<Output = Result<(), Error>> + Send>;

impl WasiHttpHooks for Outside {
    fn send_request(
        &mut self,
        request: hyper::Request<WasiBody>,
        _: Option<RequestOptions>,
        _: Io,
    ) -> Box<dyn Future<Output = Result<(hyper::Response<WasiBody>, Io), Error>> + Send> {
        let host = request.uri().authority().map(ToString::to_string);
        let allowed = host.filter(|host| self.0.as_ref() == Some(host));
        Box::new(async move { send(allowed.ok_or(Error::HttpRequestDenied)?, request).await })
    }
}

async fn send(host: String, mut request: hyper::Request<WasiBody>) -> Result<(hyper::Response<WasiBody>, Io), Error> {
    let socket = TcpStream::connect(&host).await.map_err(|_| Error::ConnectionRefused)?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(socket)).await.map_err(Error::Hyper)?;
    let driver = tokio::spawn(connection);
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str()).to_owned();
    *request.uri_mut() = path.parse().map_err(|_| Error::HttpRequestUriInvalid)?;
    let host = host.parse().map_err(|_| Error::HttpRequestUriInvalid)?;
    request.headers_mut().insert("host", host);
    let response = sender.send_request(request).await.map_err(Error::Hyper)?;
    let io: Io = Box::new(async move {
        // Gone with the connection; what was left of it is the test's to see in what did not come.
        let _ = driver.await;
        Ok(())
    });
    Ok((response.map(|body| body.map_err(Error::Hyper).boxed_unsync()), io))
}
