//! What an old multihash takes from core2, whose version 0.4.0 is yanked.
pub use std::{error, io};
