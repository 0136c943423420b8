//! Builds requests with Lassie's headers.

use hyper::Method;
use hyper::body::Bytes;
use hyper::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue, USER_AGENT,
};
use url::Url;

use crate::Secret;
use crate::failure::Failure;
use crate::http::HttpRequest;

/// The `Accept` value that Lassie sends (go-trustless-utils `DefaultContentType`).
const CAR: &str = "application/vnd.ipld.car;version=1;order=dfs;dups=y";
const RAW: &str = "application/vnd.ipld.raw";
const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The identity of the client: the same in all requests of one retrieval.
#[derive(Debug, Clone)]
pub(crate) struct RequestBuilder {
    pub(crate) agent: String,
    /// A random UUID.
    pub(crate) id: String,
}

impl RequestBuilder {
    pub(crate) fn new(agent: &str) -> Self {
        Self {
            agent: agent.into(),
            id: uuid(fastrand::u128(..)),
        }
    }

    /// Requests the root block as a CAR.
    pub(crate) fn car(&self, url: Url) -> HttpRequest {
        self.ask(Method::GET, url, CAR)
    }

    /// Requests the root block itself.
    pub(crate) fn raw(&self, url: Url) -> HttpRequest {
        self.ask(Method::GET, url, RAW)
    }

    /// Asks whether the root block exists.
    pub(crate) fn head(&self, url: Url) -> HttpRequest {
        self.ask(Method::HEAD, url, RAW)
    }

    /// Header order as Go writes it: the user agent, then the program's headers in alphabetical order, then Go's own
    /// `Accept-Encoding`, which HEAD requests lack.
    fn ask(&self, method: Method, url: Url, accept: &'static str) -> HttpRequest {
        let value = |text: &str| HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static("-"));
        let mut headers = vec![
            (USER_AGENT, value(&self.agent)),
            (ACCEPT, HeaderValue::from_static(accept)),
            (X_REQUEST_ID, value(&self.id)),
        ];
        if method == Method::GET {
            headers.push((ACCEPT_ENCODING, HeaderValue::from_static("gzip")));
        }
        HttpRequest {
            method,
            url,
            headers,
            body: Bytes::new(),
        }
    }
}

/// A request to a service that the operator runs.
pub(crate) fn service_request(
    url: Url,
    accept: &'static str,
    token: Option<&Secret>,
    json: Option<Vec<u8>>,
) -> HttpRequest {
    let mut headers = vec![
        (
            USER_AGENT,
            HeaderValue::from_static(concat!("assize/", env!("CARGO_PKG_VERSION"))),
        ),
        (ACCEPT, HeaderValue::from_static(accept)),
    ];
    // A token that is not a valid header value is omitted; the service then returns 401.
    if let Some(mut token) =
        token.and_then(|token| HeaderValue::from_str(&format!("Bearer {}", token.0)).ok())
    {
        token.set_sensitive(true);
        headers.push((AUTHORIZATION, token));
    }
    if json.is_some() {
        headers.push((CONTENT_TYPE, HeaderValue::from_static("application/json")));
    }
    let method = if json.is_some() { Method::POST } else { Method::GET };
    HttpRequest {
        method,
        url,
        headers,
        body: json.unwrap_or_default().into(),
    }
}

/// The URL of a payload at a gateway.
pub(crate) fn payload_url(base: &str, cid: &str, query: &str) -> Result<Url, Failure> {
    let text = format!("{base}/ipfs/{cid}?{query}");
    Url::parse(&text).map_err(|_| Failure::Url(text))
}

/// UUID of version 4, RFC 9562 §5.4.
fn uuid(random: u128) -> String {
    let bits = random & !(0xf000 << 64) & !(0xc << 60) | 0x4000 << 64 | 0x8 << 60;
    let hex = format!("{bits:032x}");
    let parts = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]];
    parts.join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_uuids_of_version_4() {
        assert_eq!(uuid(0), "00000000-0000-4000-8000-000000000000");
        assert_eq!(uuid(u128::MAX), "ffffffff-ffff-4fff-bfff-ffffffffffff");
        assert_ne!(RequestBuilder::new("x").id, RequestBuilder::new("x").id);
    }
}
