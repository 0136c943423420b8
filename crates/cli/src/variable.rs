//! Environment variables.

use std::ffi::{OsStr, OsString};

/// A variable's value. An empty variable is one that is not set: compose files and units cannot unset one.
pub(crate) fn variable(name: impl AsRef<OsStr>) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}
