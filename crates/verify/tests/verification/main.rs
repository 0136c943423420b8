//! Verification from outside: what is right matches, and whatever is tampered with is named.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on panics"
)]

mod case;
mod evaluating;
mod matching;
mod missing;
mod tampering;
