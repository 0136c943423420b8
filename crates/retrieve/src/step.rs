//! The story of a retrieval.

use std::fmt;
use std::time::Duration;

use tokio::time::Instant;

/// One thing that was asked, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// What was asked of whom.
    pub asked: String,
    /// What was answered, or what went wrong.
    pub answered: String,
    /// Whether it went well.
    pub ok: bool,
    /// How long it took.
    pub took: Duration,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            asked,
            answered,
            took,
            ..
        } = self;
        write!(f, "{asked}: {answered} ({} ms)", took.as_millis())
    }
}

/// Steps as they are made.
#[derive(Debug, Default)]
pub(crate) struct Steps(pub(crate) Vec<Step>);

impl Steps {
    pub(crate) fn add(
        &mut self,
        since: Instant,
        ok: bool,
        asked: impl Into<String>,
        answered: impl Into<String>,
    ) {
        let step = Step {
            asked: asked.into(),
            answered: answered.into(),
            ok,
            took: since.elapsed(),
        };
        tracing::debug!(ok, "{step}");
        self.0.push(step);
    }
}
