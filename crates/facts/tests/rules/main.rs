//! Each rule on the contracts' data, with every value that it must reject.
#![allow(clippy::unwrap_used)]

mod assignment;
mod checks;
mod facts;
mod round;
mod scene;
