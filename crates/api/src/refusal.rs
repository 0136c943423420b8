//! Error responses: problem documents (RFC 9457).

use assize_guard::{Rejection, RejectionBody};
use assize_wire::{Problem, ProblemKind};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::ingest::ComputeError;
use crate::rounds::RoundError;
use assize_ingest::DatabaseError;

/// The content type of problem documents.
pub(crate) const PROBLEM_JSON: &str = "application/problem+json";

/// A problem to be sent. It is boxed because many results carry it.
#[derive(Debug)]
pub(crate) struct Refusal(pub(crate) Box<Problem>);

/// Passed to the metrics.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Refused(pub(crate) ProblemKind);

impl Refusal {
    pub(crate) fn new(kind: ProblemKind, detail: impl Into<String>) -> Self {
        Problem::new(kind, detail).into()
    }

    pub(crate) fn field(kind: ProblemKind, field: &str, detail: impl Into<String>) -> Self {
        let mut problem = Problem::new(kind, detail);
        problem.field = Some(field.to_owned());
        problem.into()
    }
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self(Box::new(problem))
    }
}

impl From<RoundError> for Refusal {
    /// The reason of the chain or the store goes to the log only, since it may name machines.
    fn from(error: RoundError) -> Self {
        match error {
            RoundError::NoSuchRound { .. } => Self::new(ProblemKind::NotFound, error.to_string()),
            RoundError::NotRevealed { .. } => Self::new(ProblemKind::NotRevealed, error.to_string()),
            RoundError::NotLooked => {
                let mut problem = Problem::new(ProblemKind::Unavailable, error.to_string());
                problem.retry_after = Some(5);
                problem.into()
            }
            error => {
                tracing::error!(%error, "failed to load the round");
                unavailable("the chain or the store does not answer: retry in a minute")
            }
        }
    }
}

impl From<DatabaseError> for Refusal {
    fn from(error: DatabaseError) -> Self {
        match error {
            // Overload affects all requests at once: the metrics report it.
            DatabaseError::Overloaded { .. } => ComputeError::Overloaded.into(),
            error => {
                tracing::error!(%error, "database operation failed");
                unavailable("the database does not answer: retry in a minute; sending again is safe")
            }
        }
    }
}

impl From<ComputeError> for Refusal {
    fn from(error: ComputeError) -> Self {
        match error {
            ComputeError::Overloaded => {
                let detail = "server overloaded: retry later; sending again is safe";
                let mut problem = Problem::new(ProblemKind::Unavailable, detail);
                problem.retry_after = Some(5);
                problem.into()
            }
            ComputeError::Failed => {
                let detail = "the api failed while it checked the request: send it again";
                Self::new(ProblemKind::Internal, detail)
            }
        }
    }
}

impl From<Rejection> for Refusal {
    fn from(rejection: Rejection) -> Self {
        problem_of(&rejection).into()
    }
}

/// A rejection of the limits as RFC 9457 has it.
fn problem_of(rejection: &Rejection) -> Problem {
    let mut problem = Problem::new(kind_of(rejection), rejection.to_string());
    problem.retry_after = rejection.retry_after();
    problem
}

/// The kind of a rejection of the limits.
pub(crate) fn kind_of(rejection: &Rejection) -> ProblemKind {
    match rejection {
        Rejection::TooMany { .. } => ProblemKind::TooManyRequests,
        Rejection::Gated => ProblemKind::Gated,
        Rejection::BodyTooLarge { .. } => ProblemKind::TooLarge,
        Rejection::BodyTooSlow { .. } => ProblemKind::TimedOut,
        _ => ProblemKind::Unavailable,
    }
}

/// The body of a response to what the limits reject.
pub(crate) fn rejection_body(rejection: &Rejection) -> RejectionBody {
    RejectionBody {
        content_type: PROBLEM_JSON,
        // The document consists of strings and numbers, so serialization cannot fail.
        body: serde_json::to_string(&problem_of(rejection)).unwrap_or_default(),
    }
}

fn unavailable(detail: &str) -> Refusal {
    let mut problem = Problem::new(ProblemKind::Unavailable, detail);
    problem.retry_after = Some(60);
    problem.into()
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let Self(problem) = self;
        let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        // The document consists of strings and numbers, so serialization cannot fail.
        let body = serde_json::to_vec(&problem).unwrap_or_default();
        let mut response = (status, [(header::CONTENT_TYPE, PROBLEM_JSON)], body).into_response();
        if let Some(seconds) = problem.retry_after {
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some(kind) = problem.kind() {
            response.extensions_mut().insert(Refused(kind));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn every_rejection_has_the_status_of_its_problem() {
        let second = Duration::from_secs(1);
        for rejection in [
            Rejection::TooMany { retry_after: second },
            Rejection::Gated,
            Rejection::BodyTooLarge { limit: 1 },
            Rejection::BodyTooSlow {
                received: 1,
                within: second,
            },
            Rejection::BodiesTooMany,
            Rejection::BodiesOfClient,
            Rejection::ConnectionsOfHost,
            Rejection::Connections,
        ] {
            let problem: Problem = serde_json::from_str(&rejection_body(&rejection).body).unwrap();
            assert_eq!(problem.status, rejection.status().as_u16(), "{rejection}");
            assert_eq!(problem.kind(), Some(kind_of(&rejection)));
            assert_eq!(problem.retry_after, rejection.retry_after());
        }
    }
}
