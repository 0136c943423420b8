//! Spark's rules from files to figures.

#![allow(clippy::unwrap_used, reason = "tests")]

mod cases;
mod laws;
mod support;
