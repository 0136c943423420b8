//! Verification from outside: what is right matches, and whatever is tampered with is named.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod bundled;
mod canonical;
mod case;
mod evaluating;
mod matching;
mod missing;
mod tampering;
