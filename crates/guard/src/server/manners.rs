//! What the responses of every listener have in common, whatever its routes are.

use std::panic::AssertUnwindSafe;

use axum::body::Body;
use axum::extract::Request;
use axum::http::uri::PathAndQuery;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use http_body::Body as _;

/// Whom a listener serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// Anyone: all responses are public, and web pages of any origin may read them.
    Anyone,
    /// The operator's own programs, such as Prometheus. A web page that the operator happens to open must not read them.
    Operator,
}

/// What a web page may ask of a public listener without being its own.
const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD");
const EXPOSED: HeaderValue = HeaderValue::from_static("*");

/// One request's part of the manners.
pub(super) struct Manners {
    audience: Audience,
    method: Method,
    uri: Uri,
}

impl Manners {
    /// Of a request, whose path loses empty segments: `//rounds/3/` is `/rounds/3`.
    pub(super) fn of(request: &mut Request, audience: Audience) -> Self {
        if let Some(uri) = without_empty_segments(request.uri()) {
            *request.uri_mut() = uri;
        }
        Self {
            audience,
            method: request.method().clone(),
            uri: request.uri().clone(),
        }
    }

    /// The response to a request, even if its handler panics.
    pub(super) async fn respond(self, handler: impl Future<Output = Response>) -> Response {
        let response = AssertUnwindSafe(handler).catch_unwind().await;
        let response = response.unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response());
        let is_preflight = self.method == Method::OPTIONS && self.audience == Audience::Anyone;
        match response.status() {
            // Its `Allow` has the path's methods.
            StatusCode::METHOD_NOT_ALLOWED if is_preflight => {
                let allow = response.headers().get(header::ALLOW).cloned();
                let mut response = StatusCode::NO_CONTENT.into_response();
                if let Some(allow) = allow {
                    response.headers_mut().insert(header::ALLOW, allow);
                }
                self.complete(response)
            }
            _ => self.complete(response),
        }
    }

    fn complete(&self, mut response: Response) -> Response {
        let status = response.status();
        let is_error = status.is_client_error() || status.is_server_error();
        if is_error && self.method != Method::HEAD && response.body().size_hint().exact() == Some(0) {
            *response.body_mut() = Body::from(self.say(status));
            set(
                response.headers_mut(),
                header::CONTENT_TYPE,
                "text/plain; charset=utf-8",
            );
            response.headers_mut().remove(header::CONTENT_LENGTH);
        }
        let headers = response.headers_mut();
        set(headers, header::X_CONTENT_TYPE_OPTIONS, "nosniff");
        headers
            .entry(header::CACHE_CONTROL)
            .or_insert(HeaderValue::from_static("no-store"));
        if self.audience == Audience::Anyone {
            self.share(headers);
        }
        response
    }

    /// Lets pages of any origin read (Fetch standard, "CORS protocol").
    fn share(&self, headers: &mut HeaderMap) {
        if !matches!(self.method, Method::GET | Method::HEAD | Method::OPTIONS) {
            return;
        }
        set(headers, header::ACCESS_CONTROL_ALLOW_ORIGIN, "*");
        match self.method {
            Method::OPTIONS => {
                headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
                set(headers, header::ACCESS_CONTROL_ALLOW_HEADERS, "*");
                set(headers, header::ACCESS_CONTROL_MAX_AGE, "86400");
            }
            _ => {
                headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
            }
        }
    }

    /// The body of an error that has none.
    fn say(&self, status: StatusCode) -> String {
        let path: String = self.uri.path().chars().take(80).collect();
        let reason = status.canonical_reason().unwrap_or("error").to_lowercase();
        match status {
            StatusCode::METHOD_NOT_ALLOWED => format!("{path} does not accept {}\n", self.method),
            StatusCode::NOT_FOUND => format!("there is nothing at {path}\n"),
            _ => format!("{reason}: {} {path}\n", self.method),
        }
    }
}

fn set(headers: &mut HeaderMap, name: HeaderName, value: &'static str) {
    headers.insert(name, HeaderValue::from_static(value));
}

/// `None` if there are none.
fn without_empty_segments(uri: &Uri) -> Option<Uri> {
    let path = uri.path();
    if path == "/" || !(path.contains("//") || path.ends_with('/')) {
        return None;
    }
    let segments = path.split('/').filter(|segment| !segment.is_empty());
    let mut tidy: String = segments.flat_map(|segment| ["/", segment]).collect();
    if tidy.is_empty() {
        tidy.push('/');
    }
    if let Some(query) = uri.query() {
        tidy.push('?');
        tidy.push_str(query);
    }
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(tidy).ok()?);
    Uri::from_parts(parts).ok()
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;

    use super::*;

    async fn respond(
        method: Method,
        uri: &str,
        audience: Audience,
        response: impl IntoResponse,
    ) -> (StatusCode, HeaderMap, String) {
        let mut request = Request::builder()
            .method(method)
            .uri(uri)
            .body(Body::empty())
            .unwrap();
        let manners = Manners::of(&mut request, audience);
        let response = response.into_response();
        let (head, body) = manners.respond(async { response }).await.into_parts();
        let body = to_bytes(body, 1_000).await.unwrap();
        (
            head.status,
            head.headers,
            String::from_utf8(body.to_vec()).unwrap(),
        )
    }

    #[tokio::test]
    async fn errors_without_a_body_get_one() {
        for (status, says) in [
            (StatusCode::NOT_FOUND, "there is nothing at /a/b\n"),
            (StatusCode::METHOD_NOT_ALLOWED, "/a/b does not accept POST\n"),
            (StatusCode::BAD_REQUEST, "bad request: POST /a/b\n"),
        ] {
            let (code, headers, body) = respond(Method::POST, "/a//b/", Audience::Anyone, status).await;
            assert_eq!((code, body.as_str()), (status, says));
            assert_eq!(headers[header::CONTENT_TYPE], "text/plain; charset=utf-8");
        }
        let own = (StatusCode::NOT_FOUND, "its own words");
        let (_, _, body) = respond(Method::GET, "/", Audience::Anyone, own).await;
        assert_eq!(body, "its own words");
        let (_, _, body) = respond(Method::HEAD, "/", Audience::Anyone, StatusCode::NOT_FOUND).await;
        assert_eq!(body, "");
    }

    #[tokio::test]
    async fn pages_may_read_what_is_public_and_nothing_else() {
        let (_, headers, _) = respond(Method::GET, "/", Audience::Anyone, "hello").await;
        assert_eq!(headers[header::ACCESS_CONTROL_ALLOW_ORIGIN], "*");
        assert_eq!(headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
        assert_eq!(headers[header::CACHE_CONTROL], "no-store");
        let refused = (
            StatusCode::METHOD_NOT_ALLOWED,
            [(header::ALLOW, "GET,HEAD,POST")],
            "no",
        );
        let (status, headers, body) = respond(Method::OPTIONS, "/", Audience::Anyone, refused).await;
        assert_eq!((status, body.as_str()), (StatusCode::NO_CONTENT, ""));
        assert_eq!(headers[header::ALLOW], "GET,HEAD,POST");
        assert_eq!(headers[header::ACCESS_CONTROL_ALLOW_METHODS], "GET, HEAD");
        for (method, audience) in [
            (Method::POST, Audience::Anyone),
            (Method::GET, Audience::Operator),
            (Method::OPTIONS, Audience::Operator),
        ] {
            let (_, headers, _) = respond(method, "/", audience, "hello").await;
            assert!(!headers.contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN));
        }
        let cached = ([(header::CACHE_CONTROL, "max-age=3")], "hello");
        let (_, headers, _) = respond(Method::GET, "/", Audience::Anyone, cached).await;
        assert_eq!(headers[header::CACHE_CONTROL], "max-age=3");
    }

    #[tokio::test]
    async fn a_panic_is_an_answer() {
        let mut request = Request::new(Body::empty());
        let manners = Manners::of(&mut request, Audience::Anyone);
        let response = manners.respond(async { panic!("a bug") }).await;
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    }

    #[test]
    fn empty_segments_of_a_path_mean_nothing() {
        for (uri, tidy) in [
            ("/", None),
            ("/a/b", None),
            ("/a?b=//", None),
            ("/a/", Some("/a")),
            ("//a//b//?c=/", Some("/a/b?c=/")),
            ("//", Some("/")),
            ("http://host//a", Some("http://host/a")),
        ] {
            let uri: Uri = uri.parse().unwrap();
            let tidied = without_empty_segments(&uri).map(|uri| uri.to_string());
            assert_eq!(tidied.as_deref(), tidy, "{uri}");
        }
    }
}
