//! Each rule on what the contracts say, with every value that it must refuse.
#![allow(clippy::unwrap_used)]

mod assignment;
mod checks;
mod facts;
mod round;
mod scene;
