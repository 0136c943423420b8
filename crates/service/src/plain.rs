//! Makes untrusted text safe for terminals.

use std::fmt;

/// Maximum length of shown text, in characters.
const LONGEST: usize = 300;

/// Untrusted text as terminals and logs may show it: without control characters (line breaks become spaces) and without
/// characters that change the direction of writing, cut to 300 characters.
#[derive(Debug, Clone, Copy)]
pub struct Plain<'a>(pub &'a str);

impl fmt::Display for Plain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = self.0.chars().filter_map(harmless);
        for shown in shown.by_ref().take(LONGEST) {
            fmt::Write::write_char(f, shown)?;
        }
        match shown.next() {
            Some(_) => f.write_str("…"),
            None => Ok(()),
        }
    }
}

/// Untrusted text of any length, with its line breaks, as [`Plain`] otherwise.
#[must_use]
pub fn printable(text: &str) -> String {
    text.chars()
        .filter_map(|character| match character {
            '\n' => Some('\n'),
            other => harmless(other),
        })
        .collect()
}

fn harmless(character: char) -> Option<char> {
    match character {
        '\n' | '\r' | '\t' | '\u{2028}' | '\u{2029}' => Some(' '),
        '\u{200e}' | '\u{200f}' | '\u{61c}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => None,
        control if control.is_control() => None,
        other => Some(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_cannot_control_the_terminal() {
        let text = "a\u{1b}[2J\u{7}b\u{9b}31m\nc\u{202e}d\u{2066}e\u{2069} f\u{2028}ü…";
        assert_eq!(Plain(text).to_string(), "a[2Jb31m cde f ü…");
        assert_eq!(printable(text), "a[2Jb31m\ncde f ü…");
        assert_eq!(Plain(&"é".repeat(300)).to_string(), "é".repeat(300));
        assert_eq!(Plain(&"\u{0}é".repeat(301)).to_string(), "é".repeat(300) + "…");
    }
}
