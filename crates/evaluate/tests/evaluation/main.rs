//! Evaluation and settlement, from outside.

mod documents;
mod labels;
mod laws;
mod majority;
mod support;
