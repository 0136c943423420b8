//! Request bodies.

use assize_wire::ProblemKind;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::DeserializeOwned;

use crate::refusal::Refusal;

/// The accepted content types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Json,
    Ndjson,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Ndjson => "application/x-ndjson",
        }
    }
}

/// The accepted content type that the request declares.
pub(crate) fn kind(headers: &HeaderMap, taken: &[Kind]) -> Result<Kind, Refusal> {
    let given = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let essence = given.map(|given| given.split(';').next().unwrap_or_default().trim());
    let is_given = |kind: &&Kind| essence.is_some_and(|essence| essence.eq_ignore_ascii_case(kind.name()));
    taken.iter().find(is_given).copied().ok_or_else(|| {
        let names: Vec<_> = taken.iter().map(|kind| kind.name()).collect();
        let detail = format!("send the body with `Content-Type: {}`", names.join("` or `"));
        Refusal::new(ProblemKind::UnsupportedMediaType, detail)
    })
}

/// The whole body, up to `most` bytes.
pub(crate) async fn read(body: Body, max: usize) -> Result<Bytes, Refusal> {
    match Limited::new(body, max).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => {
            let detail = format!("the body is larger than {max} bytes: send less per request");
            Err(Refusal::new(ProblemKind::TooLarge, detail))
        }
        Err(error) => Err(unreadable(&*error)),
    }
}

fn unreadable(error: &(dyn std::error::Error + 'static)) -> Refusal {
    Refusal::new(ProblemKind::Malformed, format!("the body is incomplete: {error}"))
}

/// Parses JSON. An error names the faulty field.
pub(crate) fn json<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    let mut reader = serde_json::Deserializer::from_slice(body);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = error.path().to_string();
        let reason = error.into_inner().to_string();
        let mut reason: String = reason.chars().take(300).collect();
        if reason.is_empty() {
            reason = "unexpected content".into();
        }
        match path.as_str() {
            "." | "?" => Refusal::new(ProblemKind::Malformed, format!("the body: {reason}")),
            field => Refusal::field(
                ProblemKind::Malformed,
                field,
                format!("field `{field}`: {reason}"),
            ),
        }
    })?;
    reader
        .end()
        .map_err(|error| Refusal::new(ProblemKind::Malformed, format!("the body: {error}")))?;
    Ok(value)
}
