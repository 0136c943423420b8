//! Problems of deployment parameters, reported together.

use std::fmt;

use serde::Serialize;

use crate::params::{DeployParams, LOCAL, MAINNET};
use crate::rules;

/// The severity of a problem.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Weight {
    /// The contracts would revert, or nothing could work.
    Impossible,
    /// Not filled in: rejected on every chain but the local one.
    Placeholder,
    /// Works, but puts funds at risk: rejected on Filecoin mainnet, a warning elsewhere.
    Dangerous,
    /// Possibly intended; a warning everywhere.
    Unusual,
}

/// A problem of one parameter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The field's name in the file.
    pub field: String,
    /// The problem, and how to fix it.
    pub reason: String,
    /// Its severity.
    pub weight: Weight,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`: {}", self.field, self.reason)
    }
}

/// Problems, one per line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Problems(pub Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_slice() {
            [one] => write!(f, "parameter {one}"),
            many => {
                write!(f, "{} problems with the parameters:", many.len())?;
                many.iter().try_for_each(|problem| write!(f, "\n  {problem}"))
            }
        }
    }
}

impl std::error::Error for Problems {}

impl DeployParams {
    /// All problems that can be found without a chain; the contracts check the rest.
    #[must_use]
    pub fn problems(&self) -> Vec<Problem> {
        rules::apply(self)
    }

    /// The problems that prevent a deployment on the parameters' chain.
    #[must_use]
    pub fn refusals(&self) -> Vec<Problem> {
        let mut problems = self.problems();
        problems.retain(|problem| self.refuses(problem.weight));
        problems
    }

    /// The problems that are only warnings.
    #[must_use]
    pub fn warnings(&self) -> Vec<Problem> {
        let mut problems = self.problems();
        problems.retain(|problem| !self.refuses(problem.weight));
        problems
    }

    /// Whether a problem of this severity prevents a deployment on the parameters' chain.
    pub(crate) fn refuses(&self, weight: Weight) -> bool {
        match weight {
            Weight::Impossible => true,
            Weight::Placeholder => self.chain_id != LOCAL,
            Weight::Dangerous => self.chain_id == MAINNET,
            Weight::Unusual => false,
        }
    }
}
