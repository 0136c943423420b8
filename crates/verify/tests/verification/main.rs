//! Verification from outside: correct results match, and every manipulation is named.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod bundled;
mod canonical;
mod case;
mod evaluating;
mod fraud;
mod matching;
mod missing;
mod tampering;
