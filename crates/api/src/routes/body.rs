//! Bodies of requests.

use assize_wire::ProblemKind;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::DeserializeOwned;

use crate::refusal::Refusal;

/// What a body may be.
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

/// Which of the kinds taken a request says that its body is.
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

/// The whole body, if it has at most so many bytes.
pub(crate) async fn read(body: Body, most: usize) -> Result<Bytes, Refusal> {
    match Limited::new(body, most).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => {
            let detail = format!("the body has more than {most} bytes: send less at once");
            Err(Refusal::new(ProblemKind::TooLarge, detail))
        }
        Err(error) => Err(unreadable(&*error)),
    }
}

fn unreadable(error: &(dyn std::error::Error + 'static)) -> Refusal {
    Refusal::new(
        ProblemKind::Malformed,
        format!("the body did not arrive whole: {error}"),
    )
}

/// Reads JSON, and names the field at fault.
pub(crate) fn json<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    let mut reader = serde_json::Deserializer::from_slice(body);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = error.path().to_string();
        let reason = error.into_inner().to_string();
        let mut reason: String = reason.chars().take(300).collect();
        if reason.is_empty() {
            reason = "it is not what was expected".into();
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
