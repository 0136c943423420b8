//! Verification from outside: what is right matches, and whatever is tampered with is named.

mod case;
mod evaluating;
mod matching;
mod missing;
mod tampering;
