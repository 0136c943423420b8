//! Path parameters.

use std::convert::Infallible;
use std::fmt::Display;
use std::str::FromStr;

use assize_wire::ProblemKind;
use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::request::Parts;

use crate::refusal::Refusal;

/// The parameters of the path, not parsed yet.
pub(crate) struct Params(Vec<(String, String)>);

impl<S: Send + Sync> FromRequestParts<S> for Params {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        // A parameter that is not UTF-8 is read as empty, and empty is invalid.
        let params = RawPathParams::from_request_parts(parts, state).await;
        let pairs = params.iter().flat_map(|params| params.iter());
        Ok(Self(
            pairs
                .map(|(name, text)| (name.to_owned(), text.to_owned()))
                .collect(),
        ))
    }
}

impl Params {
    /// Parses one parameter.
    pub(crate) fn get<T: FromStr<Err: Display>>(&self, name: &str) -> Result<T, Refusal> {
        let text = self.0.iter().find(|(known, _)| known == name);
        let text = text.map_or("", |(_, text)| text.as_str());
        text.parse().map_err(|error| {
            let shown: String = text.chars().take(80).collect();
            let detail = format!("`{shown}` in the path is not a valid {name}: {error}");
            Refusal::field(ProblemKind::Malformed, name, detail)
        })
    }
}
