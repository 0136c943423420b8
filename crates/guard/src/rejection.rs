//! Rejected requests.

use std::time::Duration;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use thiserror::Error;

/// Why a request is rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Rejection {
    /// The bucket of the address or its subnet is empty: 429.
    #[error("too many requests from this address or its subnet: retry in {} s", seconds(*retry_after))]
    TooMany {
        /// When the same request would be accepted, without further requests.
        retry_after: Duration,
    },
    /// Dropped at random, because the server is overloaded and this subnet contributes much to it: 503.
    #[error("server overloaded, and this request was dropped at random: retry later")]
    Gated,
    /// The body is too large: 413.
    #[error("the body exceeds the limit of {limit} bytes: send smaller requests")]
    BodyTooLarge {
        /// The limit in bytes.
        limit: u64,
    },
    /// The body arrives too slowly: 408.
    #[error("the body is too slow: only {received} bytes arrived within {} s", within.as_secs_f64())]
    BodyTooSlow {
        /// Bytes received.
        received: u64,
        /// Time since the request head.
        within: Duration,
    },
    /// All bodies together exceed the limit: 503.
    #[error("too many request bodies in transfer: retry later")]
    BodiesTooMany,
    /// The bodies of the address, or of its subnet, exceed its share: 503.
    #[error("too many request bodies in transfer from this address or its subnet: retry later")]
    BodiesOfClient,
    /// The address has too many connections: 503, and the connection is closed.
    #[error("too many connections from this address: close some, or send several requests over one")]
    ConnectionsOfHost,
    /// All connections are in use: 503, and the connection is closed.
    #[error("all connections are in use: retry later")]
    Connections,
}

fn seconds(duration: Duration) -> u64 {
    // At least one, so that clients do not retry at once.
    (duration.as_secs() + u64::from(duration.subsec_nanos() > 0)).max(1)
}

impl Rejection {
    /// HTTP status.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        match self {
            Self::TooMany { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::BodyTooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::BodyTooSlow { .. } => StatusCode::REQUEST_TIMEOUT,
            Self::Gated
            | Self::BodiesTooMany
            | Self::BodiesOfClient
            | Self::ConnectionsOfHost
            | Self::Connections => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// Seconds for `Retry-After`.
    #[must_use]
    pub fn retry_after(&self) -> Option<u64> {
        match self {
            Self::TooMany { retry_after } => Some(seconds(*retry_after)),
            Self::Gated
            | Self::BodiesTooMany
            | Self::BodiesOfClient
            | Self::ConnectionsOfHost
            | Self::Connections => Some(1),
            Self::BodyTooLarge { .. } | Self::BodyTooSlow { .. } => None,
        }
    }

    /// Whether the rest of the client's request is not read: the connection is closed after the response.
    #[must_use]
    pub const fn closes(&self) -> bool {
        !matches!(self, Self::TooMany { .. } | Self::Gated)
    }

    /// The rejection as one line of plain text.
    #[must_use]
    pub fn to_text(&self) -> RejectionBody {
        RejectionBody {
            content_type: "text/plain; charset=utf-8",
            body: format!("{self}\n"),
        }
    }

    /// The response with a body of the server's own form. Its extensions include the rejection, for counting.
    #[must_use]
    pub fn response(self, render: RenderRejection) -> Response {
        let RejectionBody { content_type, body } = render(&self);
        let kind = [(header::CONTENT_TYPE, content_type)];
        let mut response = (self.status(), kind, body).into_response();
        if let Some(seconds) = self.retry_after() {
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.closes() {
            response
                .headers_mut()
                .insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response.extensions_mut().insert(self);
        response
    }
}

/// The body of a response to a rejected request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectionBody {
    /// `Content-Type`.
    pub content_type: &'static str,
    /// The body.
    pub body: String,
}

/// Renders rejections in the form that a server's clients expect, such as RFC 9457.
pub type RenderRejection = fn(&Rejection) -> RejectionBody;

/// Plain text. A server with another form renders it again with [`Rejection::response`].
impl IntoResponse for Rejection {
    fn into_response(self) -> Response {
        self.response(|rejection| rejection.to_text())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_rejection_has_a_status_a_time_to_retry_and_a_sentence() {
        let rejection = Rejection::TooMany {
            retry_after: Duration::from_millis(2_001),
        };
        let response = rejection.into_response();
        assert_eq!(response.status(), 429);
        assert_eq!(response.headers()["content-type"], "text/plain; charset=utf-8");
        assert_eq!(response.headers()["retry-after"], "3");
        assert_eq!(response.extensions().get(), Some(&rejection));
        let body = axum::body::to_bytes(response.into_body(), 1_000).await.unwrap();
        assert!(String::from_utf8_lossy(&body).contains("in 3 s"), "{body:?}");
    }

    #[test]
    fn a_client_is_never_asked_to_retry_at_once() {
        let retry_after = Duration::ZERO;
        assert_eq!(Rejection::TooMany { retry_after }.retry_after(), Some(1));
    }
}
