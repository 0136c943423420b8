//! Reads the parts of a canonical line from left to right.

use alloy_primitives::hex;
use assize_protocol::canonical::MAX_NUMBER;
use thiserror::Error;

use super::MAX_TEXT;

/// Why a line is void: the first byte at which it differs from all lines of its form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("byte {at} of the line: expected {expected}")]
pub struct FormFault {
    /// The byte, from 1; one more than the line has bytes if it ends too early.
    pub at: usize,
    /// What would be valid there.
    pub expected: &'static str,
}

/// A line, and how far it is read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scanner<'a> {
    line: &'a [u8],
    at: usize,
}

impl<'a> Scanner<'a> {
    pub(super) fn new(line: &'a [u8]) -> Self {
        Self { line, at: 0 }
    }

    pub(super) fn fault(&self, expected: &'static str) -> FormFault {
        self.fault_at(self.at, expected)
    }

    /// A fault at a byte that was read already, from 0.
    pub(super) fn fault_at(&self, at: usize, expected: &'static str) -> FormFault {
        FormFault { at: at + 1, expected }
    }

    /// How many bytes are read.
    pub(super) fn position(&self) -> usize {
        self.at
    }

    /// Reads exactly these bytes, or nothing.
    pub(super) fn take(&mut self, literal: &'static str) -> bool {
        let found = self.line[self.at..].starts_with(literal.as_bytes());
        if found {
            self.at += literal.len();
        }
        found
    }

    /// Reads exactly these bytes.
    pub(super) fn expect(&mut self, literal: &'static str) -> Result<(), FormFault> {
        match self.take(literal) {
            true => Ok(()),
            false => Err(self.fault(literal)),
        }
    }

    /// The line ends here.
    pub(super) fn end(&self) -> Result<(), FormFault> {
        match self.at == self.line.len() {
            true => Ok(()),
            false => Err(self.fault("the end of the line")),
        }
    }

    /// A number in decimal digits: no sign, no fraction, no leading zero, at most `most`, which is at most 2^53 − 1.
    pub(super) fn number(&mut self, most: u64, expected: &'static str) -> Result<u64, FormFault> {
        let begun = self.at;
        let mut value = 0_u64;
        while let Some(digit @ b'0'..=b'9') = self.line.get(self.at) {
            // Below 2^53 before it grows, so it cannot overflow.
            value = 10 * value + u64::from(digit - b'0');
            if value > most.min(MAX_NUMBER) {
                return Err(self.fault_at(begun, expected));
            }
            self.at += 1;
        }
        let digits = &self.line[begun..self.at];
        match digits {
            [] | [b'0', _, ..] => Err(self.fault_at(begun, expected)),
            _ => Ok(value),
        }
    }

    /// A text after its opening quote, with the closing one: 1 to 256 bytes of printable ASCII without `"` and `\`.
    pub(super) fn text(&mut self) -> Result<&'a str, FormFault> {
        const EXPECTED: &str = "1 to 256 printable ASCII characters without \" and \\, and then \"";
        let rest = &self.line[self.at..];
        let window = &rest[..rest.len().min(MAX_TEXT)];
        let length = window
            .iter()
            .position(|&byte| !matches!(byte, b' '..=b'~') || matches!(byte, b'"' | b'\\'))
            .unwrap_or(window.len());
        if length == 0 || rest.get(length) != Some(&b'"') {
            self.at += length;
            return Err(self.fault(EXPECTED));
        }
        self.at += length + 1;
        // It is ASCII.
        std::str::from_utf8(&rest[..length]).map_err(|_| self.fault(EXPECTED))
    }

    /// `N` bytes as lower-case hexadecimal digits, with the closing quote.
    pub(super) fn hex<const N: usize>(&mut self, expected: &'static str) -> Result<[u8; N], FormFault> {
        let digits = self.line.get(self.at..self.at + 2 * N);
        let digits = digits.filter(|digits| {
            digits
                .iter()
                .all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
        });
        let mut bytes = [0; N];
        let read = digits.is_some_and(|digits| hex::decode_to_slice(digits, &mut bytes).is_ok());
        if !read {
            return Err(self.fault(expected));
        }
        self.at += 2 * N;
        self.expect("\"")?;
        Ok(bytes)
    }
}
