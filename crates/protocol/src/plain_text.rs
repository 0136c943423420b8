//! Text that people write: editors and shells add bytes that nobody sees.
//!
//! For files that are only read. A file that is hashed has one form, byte for byte: [`crate::canonical`].

/// Marks UTF-8, and says nothing else.
pub(crate) const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Bytes that are not a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotText {
    /// What PowerShell writes, and Windows calls Unicode.
    #[error("it is UTF-16: save it as UTF-8")]
    Utf16,
    /// Neither UTF-8 nor marked as anything else.
    #[error("line {line}: byte {offset} is not UTF-8: save it as UTF-8")]
    NotUtf8 {
        /// The line, from 1.
        line: usize,
        /// Place in the file, from 0.
        offset: usize,
    },
    /// What some programs show as the end of a line, and others do not.
    #[error(
        "line {line} contains U+{character:04X}, which some programs show as a line break: save the file with line feeds only"
    )]
    LineBreak {
        /// The line, from 1.
        line: usize,
        /// The character's number.
        character: u32,
    },
}

/// The text of a file in UTF-8, without its byte order mark.
///
/// # Errors
/// [`NotText`] with the place and the remedy.
pub fn decode(file: &[u8]) -> Result<&str, NotText> {
    if file.starts_with(b"\xff\xfe") || file.starts_with(b"\xfe\xff") {
        return Err(NotText::Utf16);
    }
    let text = file.strip_prefix(BYTE_ORDER_MARK).unwrap_or(file);
    core::str::from_utf8(text).map_err(|error| {
        let before = &text[..error.valid_up_to()];
        NotText::NotUtf8 {
            line: before.iter().filter(|byte| **byte == b'\n').count() + 1,
            offset: file.len() - text.len() + before.len(),
        }
    })
}

/// A text without what is invisible at its ends: white space, and the marks that come with text copied from a page.
#[must_use]
pub fn trim(text: &str) -> &str {
    text.trim_matches(|character: char| {
        character.is_whitespace()
            || matches!(character, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}' | '\u{feff}')
    })
}

/// Makes sure that a list with one entry a line has the same lines for everybody: line feeds alone, with or without a carriage
/// return, end them.
///
/// # Errors
/// [`NotText::LineBreak`] with the place: a lone carriage return, or a separator of Unicode's.
pub fn expect_line_feeds(text: &str) -> Result<(), NotText> {
    for (line, content) in (1..).zip(text.lines()) {
        let is_break = |c: char| {
            matches!(
                c,
                '\r' | '\u{b}' | '\u{c}' | '\u{1c}'..='\u{1e}' | '\u{85}' | '\u{2028}' | '\u{2029}'
            )
        };
        if let Some(character) = content.chars().find(|character| is_break(*character)) {
            let character = character.into();
            return Err(NotText::LineBreak { line, character });
        }
    }
    Ok(())
}

/// The lines of a text that are not blank, [trimmed](trim), with their numbers from 1.
pub fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    (1..)
        .zip(text.lines())
        .map(|(number, line)| (number, trim(line)))
        .filter(|(_, line)| !line.is_empty())
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;
    use alloc::vec::Vec;

    use super::*;

    #[test]
    fn a_byte_order_mark_is_not_text() {
        assert_eq!(decode(b"\xef\xbb\xbfa\xc3\xa9\r\n"), Ok("a\u{e9}\r\n"));
        assert_eq!(decode(b""), Ok(""));
        // Within the text it is a character.
        assert_eq!(decode(b"a\xef\xbb\xbf"), Ok("a\u{feff}"));
    }

    #[test]
    fn other_encodings_are_named() {
        for file in [&b"\xff\xfea\0"[..], b"\xfe\xff\0a"] {
            assert_eq!(decode(file), Err(NotText::Utf16));
        }
        let error = decode(b"\xef\xbb\xbfa\nb\xe9\n").unwrap_err();
        assert_eq!(error, NotText::NotUtf8 { line: 2, offset: 6 });
        assert_eq!(error.to_string(), "line 2: byte 6 is not UTF-8: save it as UTF-8");
    }

    #[test]
    fn a_line_ends_in_a_line_feed() {
        assert_eq!(expect_line_feeds("a\r\nb\n\nc"), Ok(()));
        for (text, line, character) in [
            ("a\rb", 1, 0xd),
            ("a\nb\u{2028}c", 2, 0x2028),
            ("a\u{85}", 1, 0x85),
            ("a\u{c}b", 1, 0xc),
        ] {
            assert_eq!(
                expect_line_feeds(text),
                Err(NotText::LineBreak { line, character }),
                "{text:?}"
            );
        }
        let error = expect_line_feeds("a\u{2028}b").unwrap_err();
        assert!(error.to_string().contains("U+2028"), "{error}");
    }

    #[test]
    fn lines_have_their_numbers_and_nothing_invisible() {
        let text = " a \r\n\r\n\u{a0}b\u{200b}\n\n\u{feff}\nc d";
        let lines: Vec<_> = lines(text).collect();
        assert_eq!(lines, [(1, "a"), (3, "b"), (6, "c d")]);
    }
}
