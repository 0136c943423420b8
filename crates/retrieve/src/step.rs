//! The log of a retrieval.

use std::fmt;
use std::time::Duration;

use tokio::time::Instant;

/// Maximum length of shown text, in characters.
const LONGEST: usize = 300;

/// Makes untrusted text safe to print: removes characters that control a terminal or change the direction of writing
/// (control characters, and Unicode's embeddings, overrides and isolates), and cuts it to 300 characters.
///
/// ```
/// assert_eq!(assize_retrieve::plain("a\u{1b}[31mb\u{202e}c"), "a[31mbc");
/// assert_eq!(assize_retrieve::plain(&"x".repeat(400)).chars().count(), 301);
/// ```
#[must_use]
pub fn plain(text: &str) -> String {
    let mut characters = text.chars().filter(|character| !steers(*character));
    let mut plain: String = characters.by_ref().take(LONGEST).collect();
    if characters.next().is_some() {
        plain.push('…');
    }
    plain
}

/// Whether a text has none of the characters that [`plain`] removes.
pub(crate) fn is_printable(text: &str) -> bool {
    !text.contains(steers)
}

fn steers(character: char) -> bool {
    character.is_control() || matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// One request and its result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The request. Both request and response are [`plain`].
    pub asked: String,
    /// The response, or the failure.
    pub answered: String,
    /// Whether it succeeded.
    pub ok: bool,
    /// Duration.
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

/// The steps so far.
#[derive(Debug, Default)]
pub(crate) struct Steps(pub(crate) Vec<Step>);

impl Steps {
    pub(crate) fn add(
        &mut self,
        since: Instant,
        ok: bool,
        asked: impl AsRef<str>,
        answered: impl AsRef<str>,
    ) {
        let step = Step {
            asked: plain(asked.as_ref()),
            answered: plain(answered.as_ref()),
            ok,
            took: since.elapsed(),
        };
        tracing::debug!(ok, "{step}");
        self.0.push(step);
    }
}
