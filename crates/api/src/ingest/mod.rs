//! Measurements: checked, stored, and answered with a receipt.

mod check;
mod compute;

pub(crate) use check::Validator;
pub(crate) use compute::{Compute, ComputeError};
