//! An HTTP client that sends the same headers in the same order and case as Go's.
//!
//! Over TLS it offers HTTP/2 too, as Go does. The layers below (the extensions of the TLS handshake, the settings of
//! HTTP/2) are those of rustls and h2, not Go's.

use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::{http1, http2};
use hyper::header::{HeaderName, HeaderValue};
use hyper::{Method, Request, Response, StatusCode, Uri, Version, header};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::AbortHandle;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;
use url::Url;

use crate::ConfigError;
use crate::failure::Failure;
use crate::net::{Reach, connect};

/// Maximum size of a response head.
const LARGEST_HEAD: usize = 64 << 10;

/// A client. Every request uses its own connection.
#[derive(Clone)]
pub(crate) struct Http {
    tls: TlsConnector,
}

/// A request. Headers are sent in this order, after `Host`.
#[derive(Debug, Clone)]
pub(crate) struct HttpRequest {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    pub(crate) body: Bytes,
}

/// A response whose body has not been read yet.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: hyper::HeaderMap,
    pub(crate) body: Incoming,
    /// Keeps the connection open as long as the response.
    _connection: Connection,
}

#[derive(Debug)]
struct Connection(AbortHandle);

impl Drop for Connection {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Http {
    pub(crate) fn new(extra_roots: &[CertificateDer<'static>]) -> Result<Self, ConfigError> {
        let mut roots = RootCertStore {
            roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
        };
        for root in extra_roots {
            let added = roots.add(root.clone());
            added.map_err(|error| ConfigError::ExtraRoot(error.to_string()))?;
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| ConfigError::ExtraRoot(error.to_string()))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Self {
            tls: Arc::new(tls).into(),
        })
    }

    /// Sends a request and waits for the response head. Redirects are returned as responses.
    pub(crate) async fn ask(
        &self,
        ask: &HttpRequest,
        reach: Reach,
        limit: Duration,
    ) -> Result<Answer, Failure> {
        let url = &ask.url;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Failure::Url(url.to_string()));
        }
        let until = Instant::now() + limit;
        let tcp = connect(url, reach, until).await?;
        if url.scheme() != "https" {
            return http_1(ask, tcp).await;
        }
        let host = url.host_str().unwrap_or_default();
        let refused = |reason: String| Failure::Tls {
            host: host.into(),
            reason,
        };
        let name = ServerName::try_from(host.trim_matches(['[', ']']).to_owned());
        let name = name.map_err(|error| refused(error.to_string()))?;
        let tls = timeout_at(until, self.tls.connect(name, tcp)).await;
        let tls = tls.map_err(|_| Failure::Timeout("no TLS session yet"))?;
        let tls = tls.map_err(|error| refused(error.to_string()))?;
        match tls.get_ref().1.alpn_protocol() {
            Some(b"h2") => http_2(ask, tls).await,
            _ => http_1(ask, tls).await,
        }
    }
}

impl std::fmt::Debug for Http {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Http")
    }
}

impl Answer {
    /// A header's value as text.
    pub(crate) fn header(&self, name: &HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// How long the server wants to be left alone.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        assize_tls::retry_after(self.header(&header::RETRY_AFTER)?, self.header(&header::DATE))
    }

    /// The next bytes of the body, at least one; `None` at its end.
    pub(crate) async fn chunk(&mut self) -> Result<Option<Bytes>, Failure> {
        while let Some(frame) = self.body.frame().await {
            let frame = frame.map_err(|error| broken(&error))?;
            if let Ok(data) = frame.into_data()
                && !data.is_empty()
            {
                return Ok(Some(data));
            }
        }
        Ok(None)
    }

    /// The whole body, up to a size limit.
    pub(crate) async fn all(mut self, cap: usize) -> Result<Vec<u8>, Failure> {
        let mut all = Vec::new();
        while let Some(data) = self.chunk().await? {
            if all.len() + data.len() > cap {
                return Err(Failure::TooLarge(cap as u64));
            }
            all.extend_from_slice(&data);
        }
        Ok(all)
    }

    fn of(response: Response<Incoming>, connection: Connection) -> Self {
        let (head, body) = response.into_parts();
        Self {
            status: head.status,
            headers: head.headers,
            body,
            _connection: connection,
        }
    }
}

async fn http_1<T>(ask: &HttpRequest, io: T) -> Result<Answer, Failure>
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let url = &ask.url;
    let target = match url.query() {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().to_owned(),
    };
    let mut request = request(ask, &target, Version::HTTP_11)?;
    let headers = std::mem::take(request.headers_mut());
    let host = HeaderValue::from_str(&authority(url)).map_err(|_| Failure::Url(url.to_string()))?;
    // hyper writes them in the order of insertion.
    request.headers_mut().insert(header::HOST, host);
    request.headers_mut().extend(headers);
    let (mut sender, connection) = http1::Builder::new()
        .title_case_headers(true)
        .max_header_size(LARGEST_HEAD)
        .handshake(TokioIo::new(io))
        .await
        .map_err(|error| broken(&error))?;
    let connection = Connection(tokio::spawn(connection).abort_handle());
    let response = sender
        .send_request(request)
        .await
        .map_err(|error| broken(&error))?;
    Ok(Answer::of(response, connection))
}

async fn http_2<T>(ask: &HttpRequest, io: T) -> Result<Answer, Failure>
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let request = request(ask, ask.url.as_str(), Version::HTTP_2)?;
    let (mut sender, connection) = http2::Builder::new(TokioExecutor::new())
        .max_header_list_size(LARGEST_HEAD as u32)
        .handshake(TokioIo::new(io))
        .await
        .map_err(|error| broken(&error))?;
    let connection = Connection(tokio::spawn(connection).abort_handle());
    let response = sender
        .send_request(request)
        .await
        .map_err(|error| broken(&error))?;
    Ok(Answer::of(response, connection))
}

fn request(ask: &HttpRequest, target: &str, version: Version) -> Result<Request<Full<Bytes>>, Failure> {
    let uri: Uri = target.parse().map_err(|_| Failure::Url(ask.url.to_string()))?;
    let mut request = Request::new(Full::new(ask.body.clone()));
    *request.method_mut() = ask.method.clone();
    *request.uri_mut() = uri;
    *request.version_mut() = version;
    for (name, value) in &ask.headers {
        request.headers_mut().append(name, value.clone());
    }
    Ok(request)
}

/// Host and port as Go writes them: the scheme's default port is omitted.
pub(crate) fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.into(),
    }
}

/// An error with its causes.
fn broken(error: &hyper::Error) -> Failure {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    Failure::Http(text)
}
