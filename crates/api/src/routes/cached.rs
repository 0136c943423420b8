//! Responses with cache headers.

use std::convert::Infallible;

use assize_facts::Round;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// For what never changes.
pub(crate) const IMMUTABLE: &str = "public, max-age=31536000, immutable";
/// For what changes only if the chain is reorganised.
pub(crate) const BRIEFLY: &str = "public, max-age=10";
/// For what may change at any time.
pub(crate) const NO_STORE: &str = "no-store";

/// A document as JSON, with a `Cache-Control` header.
pub(crate) fn json(document: &impl Serialize, cache: &'static str) -> Response {
    // Documents consist of strings, numbers and lists of them, so serialization cannot fail.
    let body = serde_json::to_vec(document).unwrap_or_default();
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CACHE_CONTROL, cache),
    ];
    (headers, body).into_response()
}

/// The `Cache-Control` of what follows from a round: one year only once it is over at `now` (Unix
/// seconds), since a reorganisation may undo its opening or reveal before that.
pub(crate) fn of_round(round: &Round, now: u64) -> &'static str {
    match round.times.is_over(now) {
        true => IMMUTABLE,
        false => BRIEFLY,
    }
}

/// A document with an ETag and a `Cache-Control` header; 304 if the client already has it.
pub(crate) fn tagged(
    asked: &HeaderMap,
    tag: &str,
    cache: &'static str,
    document: impl FnOnce() -> Response,
) -> Response {
    let Ok(tag) = HeaderValue::from_str(&format!("\"{tag}\"")) else {
        return document();
    };
    let mut response = match has(asked, &tag) {
        true => (StatusCode::NOT_MODIFIED, unsized_body()).into_response(),
        false => document(),
    };
    let headers = response.headers_mut();
    headers.insert(header::ETAG, tag);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    response
}

/// The body of a response that has none, without implying that the document is empty (RFC 9110, §8.6).
pub(crate) fn unsized_body() -> Body {
    Body::from_stream(futures_util::stream::empty::<Result<Bytes, Infallible>>())
}

/// RFC 9110, §13.1.2.
fn has(asked: &HeaderMap, tag: &HeaderValue) -> bool {
    let lists = asked.get_all(header::IF_NONE_MATCH).iter();
    let mut tags = lists.flat_map(|list| list.as_bytes().split(|byte| *byte == b','));
    tags.any(|known| {
        let known = known.trim_ascii();
        known == b"*" || known.strip_prefix(b"W/").unwrap_or(known) == tag.as_bytes()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_that_has_the_document_gets_304() {
        let answer = |asked: &str| {
            let asked = HeaderMap::from_iter([(header::IF_NONE_MATCH, asked.parse().unwrap())]);
            tagged(&asked, "r7", BRIEFLY, || json(&7, NO_STORE))
                .status()
                .as_u16()
        };
        for asked in ["\"r7\"", "W/\"r7\"", "\"r6\", \"r7\"", "*"] {
            assert_eq!(answer(asked), 304, "{asked}");
        }
        for asked in ["\"r8\"", "r7", ""] {
            assert_eq!(answer(asked), 200, "{asked}");
        }
    }
}
