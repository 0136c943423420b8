//! Measurements: checked at the door, kept, and receipted.

mod check;
mod compute;

pub(crate) use check::Door;
pub(crate) use compute::{Compute, NotDone};
