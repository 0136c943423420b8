//! Answers that may be kept.

use std::convert::Infallible;

use assize_facts::Round;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// For what never changes any more.
pub(crate) const IMMUTABLE: &str = "public, max-age=31536000, immutable";
/// For what changes only if a reorganisation of the chain undoes it.
pub(crate) const BRIEFLY: &str = "public, max-age=10";
/// For what may change at any moment.
pub(crate) const NO_STORE: &str = "no-store";

/// A document as JSON, with what caches are told.
pub(crate) fn json(document: &impl Serialize, cache: &'static str) -> Response {
    // Documents are strings, numbers and lists of them: nothing can fail to be JSON.
    let body = serde_json::to_vec(document).unwrap_or_default();
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CACHE_CONTROL, cache),
    ];
    (headers, body).into_response()
}

/// What caches are told of what follows from a round: the year only once its commit window is over at `now` (Unix
/// seconds), since until then a reorganisation may undo its opening or reveal.
pub(crate) fn of_round(round: &Round, now: u64) -> &'static str {
    match round.is_over(now) {
        true => IMMUTABLE,
        false => BRIEFLY,
    }
}

/// A document under its tag, with what caches are told; not sent to who has it.
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

/// For an answer without a body that must not say that the document has no bytes (RFC 9110, §8.6).
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
    fn who_has_it_is_not_sent_it_again() {
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
