//! Differences between expected and stated values.

use std::fmt;

use serde::Serialize;

/// A difference between a value that follows from public inputs and the stated one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Mismatch {
    /// A path in the settlement document such as `rounds[2].labels.DUP_SUBNET`, or `chain.…` for values of the
    /// contracts.
    pub path: String,
    /// The value that follows from the public inputs.
    pub ours: String,
    /// The stated value.
    pub theirs: String,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, ours, theirs } = self;
        write!(f, "{path} should be {ours}, but is {theirs}")
    }
}

impl Mismatch {
    /// Whether both values are the chain's, or follow from it and the beacons alone: a settlement's document has no part in it.
    #[must_use]
    pub fn is_within_chain(&self) -> bool {
        self.path.starts_with("chain.") && !self.path.starts_with("chain.settlements[")
    }

    /// Compares a value with the stated one. `path` is called only if they differ.
    ///
    /// # Errors
    /// The mismatch, if the two differ.
    pub fn check<T: PartialEq + fmt::Display>(
        path: impl FnOnce() -> String,
        ours: T,
        theirs: T,
    ) -> Result<(), Self> {
        if ours == theirs {
            return Ok(());
        }
        Err(Self {
            path: path(),
            ours: ours.to_string(),
            theirs: theirs.to_string(),
        })
    }
}
