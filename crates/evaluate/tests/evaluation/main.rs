//! Evaluation and settlement, from outside.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod committed;
mod documents;
mod labels;
mod laws;
mod majority;
mod support;
