//! Canonical bytes: the only valid encoding of a file (`docs/protocol.md` §6.1).
//!
//! A file is valid only if it equals, byte for byte, the encoding of the value that it contains. Readers therefore parse any
//! encoding, encode the value again, and compare: [`compare`] reports the first difference. No list of forbidden encodings is
//! needed.

use alloc::borrow::Cow;
use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// Maximum number in a file: 2⁵³ − 1, up to which every JSON reader reads the same number (RFC 7493 §2.2).
pub const MAX_NUMBER: u64 = (1 << 53) - 1;

/// Bytes of context that a message shows before and after a difference.
const CONTEXT: usize = 64;

/// The first place where a file differs from the canonical bytes of its content.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "not in canonical form: line {line}, column {column} has {found} where the canonical form has {canonical}"
)]
pub struct NotCanonical {
    /// The line, from 1.
    pub line: usize,
    /// The byte in its line, from 1.
    pub column: usize,
    /// The byte in the file, from 0.
    pub offset: usize,
    /// What the file has there, or "the end of the file".
    pub found: String,
    /// What it must have there, or "the end of the file".
    pub canonical: String,
}

/// Why a JSON file is not valid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FormError {
    /// Not JSON, or other fields than expected.
    #[error("{reason}")]
    Json {
        /// What the JSON parser found, and where.
        reason: String,
    },
    /// The content can be read, but its bytes are not the canonical ones.
    #[error(transparent)]
    NotCanonical(#[from] NotCanonical),
    /// A number that JSON readers read differently.
    #[error("the number {number} at byte {offset} is above the maximum of {MAX_NUMBER}")]
    LargeNumber {
        /// Its digits.
        number: String,
        /// Where they begin, from 0.
        offset: usize,
    },
}

/// Compares the bytes of a file with the canonical bytes of its content.
///
/// # Errors
/// [`NotCanonical`] with the first difference.
pub fn compare(file: &[u8], canonical: &[u8]) -> Result<(), NotCanonical> {
    if file == canonical {
        return Ok(());
    }
    let offset = file.iter().zip(canonical).take_while(|(a, b)| a == b).count();
    let line_start = file[..offset]
        .iter()
        .rposition(|&byte| byte == b'\n')
        .map_or(0, |at| at + 1);
    // Both excerpts begin with the value or key that differs.
    let start = file[line_start..offset]
        .iter()
        .rposition(|byte| b"{}[],:".contains(byte))
        .map_or(line_start, |at| line_start + at + 1)
        .max(offset.saturating_sub(CONTEXT));
    Err(NotCanonical {
        line: file[..offset].iter().filter(|&&byte| byte == b'\n').count() + 1,
        column: offset - line_start + 1,
        offset,
        found: excerpt(file, start, offset),
        canonical: excerpt(canonical, start, offset),
    })
}

/// The text from `start` to the end of the value that contains the byte at `offset`.
fn excerpt(file: &[u8], start: usize, offset: usize) -> String {
    let Some(rest) = file.get(offset..).filter(|rest| !rest.is_empty()) else {
        return "the end of the file".into();
    };
    let end = rest
        .iter()
        .skip(1)
        .take(CONTEXT)
        .take_while(|byte| !b"{}[],:\n".contains(byte))
        .count();
    let text = String::from_utf8_lossy(&file[start..=offset + end]);
    let mut shown = String::from("`");
    for character in text.chars() {
        match character {
            ' '..='~' => shown.push(character),
            _ => shown.extend(character.escape_default()),
        }
    }
    shown.push('`');
    shown
}

/// Reads a JSON file with sorted keys; only its canonical bytes are valid.
///
/// # Errors
/// [`FormError`] with what differs, and where.
pub fn read_json<T: DeserializeOwned + Serialize>(file: &[u8]) -> Result<T, FormError> {
    let value = serde_json::from_slice(file).map_err(json_error)?;
    check_json(file, &value)?;
    Ok(value)
}

/// Checks that a file is the canonical JSON of a value, with sorted keys.
///
/// # Errors
/// [`FormError`] with what differs, and where.
pub fn check_json<T: Serialize>(file: &[u8], value: &T) -> Result<(), FormError> {
    compare(file, &to_json(value).map_err(json_error)?)?;
    check_numbers(file)
}

fn json_error(error: serde_json::Error) -> FormError {
    FormError::Json {
        reason: error.to_string(),
    }
}

/// Checks for numbers above the maximum in otherwise canonical JSON.
fn check_numbers(json: &[u8]) -> Result<(), FormError> {
    let mut rest = json;
    while let Some(&byte) = rest.first() {
        let length = match byte {
            b'"' => string_length(rest),
            b'0'..=b'9' => rest.iter().take_while(|byte| byte.is_ascii_digit()).count(),
            _ => 1,
        };
        let (token, after) = rest.split_at(length);
        if byte.is_ascii_digit() {
            let number = core::str::from_utf8(token).unwrap_or_default();
            if number.parse::<u64>().is_ok_and(|number| number > MAX_NUMBER) {
                return Err(FormError::LargeNumber {
                    number: number.into(),
                    offset: json.len() - rest.len(),
                });
            }
        }
        rest = after;
    }
    Ok(())
}

/// Bytes of the JSON string at the front, with both quotes.
fn string_length(json: &[u8]) -> usize {
    let mut at = 1;
    while let Some(&byte) = json.get(at) {
        at += match byte {
            b'"' => return at + 1,
            b'\\' => 2,
            _ => 1,
        };
    }
    json.len()
}

/// The canonical JSON of a value: no white space, and the keys of every object ascending by their bytes, as in DAG-JSON.
///
/// # Errors
/// The value's `Serialize` fails, or a map has keys that are not strings.
pub fn to_json<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, serde_json::Error> {
    let json = serde_json::to_string(value)?;
    let mut sorted = Vec::with_capacity(json.len());
    sort_keys(&json, &mut sorted)?;
    Ok(sorted)
}

/// Writes the same JSON, which has no white space, with sorted keys.
fn sort_keys(json: &str, out: &mut Vec<u8>) -> Result<(), serde_json::Error> {
    match json.as_bytes().first() {
        Some(b'{') => {
            let fields: BTreeMap<Key<'_>, &RawValue> = serde_json::from_str(json)?;
            out.push(b'{');
            for (place, (Key(key), value)) in fields.iter().enumerate() {
                if place > 0 {
                    out.push(b',');
                }
                out.extend_from_slice(serde_json::to_string(key)?.as_bytes());
                out.push(b':');
                sort_keys(value.get(), out)?;
            }
            out.push(b'}');
        }
        // Copies the longest list, which contains no objects, as it is.
        Some(b'[') if json.contains('{') => {
            let entries: Vec<&RawValue> = serde_json::from_str(json)?;
            out.push(b'[');
            for (place, entry) in entries.into_iter().enumerate() {
                if place > 0 {
                    out.push(b',');
                }
                sort_keys(entry.get(), out)?;
            }
            out.push(b']');
        }
        _ => out.extend_from_slice(json.as_bytes()),
    }
    Ok(())
}

#[derive(PartialEq, Eq, PartialOrd, Ord, Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Map, Value, json};

    use super::*;

    fn sorted(json: &str) -> String {
        let mut out = Vec::new();
        sort_keys(json, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn keys_ascend_at_every_level() {
        assert_eq!(
            sorted(r#"{"b":[{"d":"{","c":null}],"a":{"/":"bafy"},"é":1,"B":[2,1]}"#),
            r#"{"B":[2,1],"a":{"/":"bafy"},"b":[{"c":null,"d":"{"}],"é":1}"#
        );
    }

    #[test]
    fn white_space_within_text_stays() {
        assert_eq!(to_json(&json!({"a": " { "})).unwrap(), br#"{"a":" { "}"#);
    }

    #[test]
    fn a_difference_is_named_with_its_place_and_the_right_spelling() {
        let message = |file: &str, canonical: &str| {
            compare(file.as_bytes(), canonical.as_bytes())
                .unwrap_err()
                .to_string()
        };
        assert_eq!(
            message("{\"a\":1}\n{\"b\":\"0xAB\"}\n", "{\"a\":1}\n{\"b\":\"0xab\"}\n"),
            "not in canonical form: line 2, column 9 has `\"0xAB\"` where the canonical form has `\"0xab\"`"
        );
        assert_eq!(
            message("{}\n", "{}"),
            "not in canonical form: line 1, column 3 has `\\n` where the canonical form has the end of the file"
        );
        assert_eq!(
            message("[ 1]", "[1]"),
            "not in canonical form: line 1, column 2 has ` 1` where the canonical form has `1`"
        );
    }

    #[test]
    fn numbers_that_readers_disagree_on_are_rejected() {
        let read = |json: &str| read_json::<Value>(json.as_bytes());
        assert!(read(r#"[9007199254740991,"9007199254740992",{"9007199254740993":"\"9"}]"#).is_ok());
        assert_eq!(
            read(r#"["",9007199254740992]"#),
            Err(FormError::LargeNumber {
                number: "9007199254740992".into(),
                offset: 4
            })
        );
    }

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            (0..=MAX_NUMBER).prop_map(Value::from),
            "[a-c{}\\[\\]\",:\\\\é\u{1}]{0,5}".prop_map(Value::from)
        ];
        leaf.prop_recursive(4, 40, 5, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                proptest::collection::vec(("[a-c\"é]{0,3}", inner), 0..5)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect::<Map<_, _>>())),
            ]
        })
    }

    proptest! {
        #[test]
        fn only_written_files_are_read(value in values(), at: prop::sample::Index, byte: u8) {
            let file = to_json(&value).unwrap();
            prop_assert_eq!(read_json::<Value>(&file), Ok(value.clone()));
            let mut other = file.clone();
            other[at.index(file.len())] = byte;
            if let Ok(read) = read_json::<Value>(&other) {
                prop_assert_eq!(read == value, other == file);
                prop_assert_eq!(to_json(&read).unwrap(), other);
            }
        }
    }
}
