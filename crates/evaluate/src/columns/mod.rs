//! Votes as small `Copy` values, with a number ([`Id`]) for each text.
//!
//! A text's number depends on which thread saw it first. It may be compared for equality and used as an index. It must never
//! decide an order: results would depend on the number of threads.

mod groups;
mod strings;
mod vote;

pub use groups::Groups;
pub use strings::{Id, Strings};
pub use vote::{IndexerVote, Length, Vote};
