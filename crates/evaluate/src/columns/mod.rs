//! What both rule sets are built on: rows that are small and `Copy`, with text as numbers.
//!
//! Which number a text gets depends on which thread saw it first. It is compared, and used as an index; it never decides an
//! order, so that results do not depend on the number of threads.

mod groups;
mod strings;
mod vote;

pub(crate) use groups::Groups;
pub(crate) use strings::{Id, NULL, Strings};
pub(crate) use vote::Vote;
