//! Rejected requests: RFC 9457.

use serde::{Deserialize, Serialize};

use crate::Version;

/// The kind of a problem. It alone decides what a client can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum ProblemKind {
    /// The request is malformed.
    Malformed,
    /// The checker is too old and must be updated.
    OutdatedClient,
    /// The signature is by another key, or for another network.
    BadSignature,
    /// The station's clock differs too much from the api's.
    ClockSkew,
    /// A heartbeat that is not later than the previous one.
    Replayed,
    /// Unknown round, committee, station or measurement.
    NotFound,
    /// The path does not support this method.
    MethodNotAllowed,
    /// The round's beacon is not revealed yet: retry later.
    NotRevealed,
    /// The station has already submitted another measurement of the same task and round; the first one counts.
    Duplicate,
    /// The round no longer accepts measurements.
    RoundOver,
    /// The station is not in the round's roster.
    NotInRoster,
    /// The task is not one of the station's committee, or differs from the task list.
    NotDrawn,
    /// The body is too large.
    TooLarge,
    /// The body has an unsupported type.
    UnsupportedMediaType,
    /// The request took too long to arrive.
    TimedOut,
    /// Too many requests from this address or subnet: retry after `retryAfter` seconds.
    TooManyRequests,
    /// Dropped at random because the queue is full: retry.
    Gated,
    /// The daily limit on storage or spending is reached.
    LimitReached,
    /// The database or the chain is unavailable: retry.
    Unavailable,
    /// An internal error of the api.
    Internal,
}

impl ProblemKind {
    /// HTTP status.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::Malformed | Self::OutdatedClient => 400,
            Self::NotInRoster | Self::NotDrawn => 403,
            Self::NotFound => 404,
            Self::MethodNotAllowed => 405,
            Self::TimedOut => 408,
            Self::Replayed | Self::NotRevealed | Self::Duplicate => 409,
            Self::RoundOver => 410,
            Self::TooLarge => 413,
            Self::UnsupportedMediaType => 415,
            Self::BadSignature | Self::ClockSkew => 422,
            Self::TooManyRequests => 429,
            Self::Internal => 500,
            Self::Gated | Self::LimitReached | Self::Unavailable => 503,
        }
    }

    /// The title, the same for all problems of the kind.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Malformed => "Malformed request",
            // Spark's title.
            Self::OutdatedClient => "OUTDATED CLIENT",
            Self::BadSignature => "Bad signature",
            Self::ClockSkew => "Clock skew",
            Self::Replayed => "Replayed heartbeat",
            Self::NotFound => "Not found",
            Self::MethodNotAllowed => "Method not allowed",
            Self::NotRevealed => "Round not revealed",
            Self::Duplicate => "Duplicate measurement",
            Self::RoundOver => "Round over",
            Self::NotInRoster => "Not in the roster",
            Self::NotDrawn => "Task not drawn",
            Self::TooLarge => "Too large",
            Self::UnsupportedMediaType => "Unsupported media type",
            Self::TimedOut => "Timed out",
            Self::TooManyRequests => "Too many requests",
            Self::Gated => "Gated",
            Self::LimitReached => "Limit reached",
            Self::Unavailable => "Unavailable",
            Self::Internal => "Internal error",
        }
    }

    /// Whether the same request may succeed later.
    #[must_use]
    pub const fn is_retryable(self) -> bool {
        matches!(
            self,
            Self::NotRevealed
                | Self::TimedOut
                | Self::TooManyRequests
                | Self::Gated
                | Self::LimitReached
                | Self::Unavailable
                | Self::Internal
        )
    }

    /// The URI of the kind.
    #[must_use]
    pub fn uri(self) -> String {
        let name = serde_json::to_value(self);
        let name = name
            .as_ref()
            .ok()
            .and_then(|name| name.as_str())
            .unwrap_or_default();
        format!("urn:assize:problem:{name}")
    }

    fn of_uri(uri: &str) -> Option<Self> {
        let name = uri.strip_prefix("urn:assize:problem:")?;
        serde_json::from_value(name.into()).ok()
    }
}

/// The body of every response from status 400 up: `application/problem+json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Problem {
    /// `urn:assize:problem:` and the kind.
    #[serde(rename = "type")]
    pub uri: String,
    /// Title of the kind.
    pub title: String,
    /// HTTP status.
    pub status: u16,
    /// The problem with this request, and the remedy.
    pub detail: String,
    /// The invalid field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// Oldest checker version that is accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub minimum_version: Option<Version>,
    /// The api's clock, Unix seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<u64>,
    /// Seconds to wait.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
}

impl Problem {
    /// A problem of a kind.
    #[must_use]
    pub fn new(kind: ProblemKind, detail: impl Into<String>) -> Self {
        Self {
            uri: kind.uri(),
            title: kind.title().into(),
            status: kind.status(),
            detail: detail.into(),
            field: None,
            minimum_version: None,
            time: None,
            retry_after: None,
        }
    }

    /// Its kind; `None` if it is not one of ours.
    #[must_use]
    pub fn kind(&self) -> Option<ProblemKind> {
        ProblemKind::of_uri(&self.uri)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_follows_rfc_9457() {
        let mut problem = Problem::new(ProblemKind::OutdatedClient, "update the checker");
        problem.minimum_version = Some(Version(1, 2, 3));
        assert_eq!(
            serde_json::to_string(&problem).unwrap(),
            r#"{"type":"urn:assize:problem:outdated-client","title":"OUTDATED CLIENT","status":400,"detail":"update the checker","minimumVersion":"1.2.3"}"#
        );
        assert_eq!(problem.kind(), Some(ProblemKind::OutdatedClient));
    }

    #[test]
    fn a_duplicate_is_not_retryable() {
        let problem = Problem::new(ProblemKind::Duplicate, "the first one counts");
        assert_eq!(
            (&*problem.uri, problem.status),
            ("urn:assize:problem:duplicate", 409)
        );
        assert_eq!(problem.kind(), Some(ProblemKind::Duplicate));
        assert!(!ProblemKind::Duplicate.is_retryable());
    }

    #[test]
    fn foreign_problems_have_no_kind() {
        let mut problem = Problem::new(ProblemKind::Internal, "");
        problem.uri = "about:blank".into();
        assert_eq!(problem.kind(), None);
    }
}
