//! Evaluation and settlement, from outside.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod documents;
mod labels;
mod laws;
mod majority;
mod support;
