//! Refusals, as RFC 9457 has them.

use assize_guard::Rejection;
use assize_wire::{Problem, ProblemKind};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::database::DatabaseError;
use crate::ingest::NotDone;
use crate::rounds::RoundError;

/// The content type of refusals.
pub(crate) const PROBLEM_JSON: &str = "application/problem+json";

/// A problem on its way out. Boxed, since results that carry it are everywhere.
#[derive(Debug)]
pub(crate) struct Refusal(pub(crate) Box<Problem>);

/// Told to the metrics.
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
    /// What the chain or the store said is for the log: it may name machines.
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
                tracing::error!(%error, "a round cannot be told of");
                unavailable("the chain or the store does not answer: come again in a minute")
            }
        }
    }
}

impl From<DatabaseError> for Refusal {
    fn from(error: DatabaseError) -> Self {
        match error {
            // It happens to all at once: the figures tell of it.
            DatabaseError::Overloaded { .. } => NotDone::Overloaded.into(),
            error => {
                tracing::error!(%error, "the database did not do it");
                unavailable("the database does not answer: come again in a minute; sending again is safe")
            }
        }
    }
}

impl From<NotDone> for Refusal {
    fn from(error: NotDone) -> Self {
        match error {
            NotDone::Overloaded => {
                let detail = "more comes in than can be dealt with: come again; sending again is safe";
                let mut problem = Problem::new(ProblemKind::Unavailable, detail);
                problem.retry_after = Some(5);
                problem.into()
            }
            NotDone::Failed => {
                let detail = "the api failed while it looked at what was sent: send it again";
                Self::new(ProblemKind::Internal, detail)
            }
        }
    }
}

impl From<Rejection> for Refusal {
    fn from(rejection: Rejection) -> Self {
        Problem::from(rejection).into()
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
        // Strings and numbers: nothing here can fail to be JSON.
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
