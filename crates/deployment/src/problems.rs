//! What is wrong with deployment parameters: all of it at once.

use std::fmt;

use serde::Serialize;

use crate::params::{DeployParams, LOCAL, MAINNET};
use crate::rules;

/// How much a problem matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Weight {
    /// The contracts would refuse it, or nothing could work.
    Impossible,
    /// It has not been filled in: refused on every chain but the local one.
    Placeholder,
    /// It works, and puts the money at risk: refused on Filecoin mainnet, a warning elsewhere.
    Dangerous,
    /// Somebody may want it; a warning everywhere.
    Unusual,
}

/// One thing that is wrong with a parameter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The field as it stands in the file.
    pub field: String,
    /// What is wrong with it, and what would be right.
    pub reason: String,
    /// How much that matters.
    pub weight: Weight,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`: {}", self.field, self.reason)
    }
}

/// Problems, one a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Problems(pub Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_slice() {
            [one] => write!(f, "parameter {one}"),
            many => {
                write!(f, "{} things are wrong with the parameters:", many.len())?;
                many.iter().try_for_each(|problem| write!(f, "\n  {problem}"))
            }
        }
    }
}

impl std::error::Error for Problems {}

impl DeployParams {
    /// Everything that is wrong with the parameters and can be known without a chain; the contracts check the rest.
    #[must_use]
    pub fn problems(&self) -> Vec<Problem> {
        rules::apply(self)
    }

    /// The problems for which these parameters are not deployed on their chain.
    #[must_use]
    pub fn refusals(&self) -> Vec<Problem> {
        let mut problems = self.problems();
        problems.retain(|problem| self.refuses(problem.weight));
        problems
    }

    /// The problems that somebody should know of, and that stop nothing.
    #[must_use]
    pub fn warnings(&self) -> Vec<Problem> {
        let mut problems = self.problems();
        problems.retain(|problem| !self.refuses(problem.weight));
        problems
    }

    /// Whether a problem of this weight stops a deployment on the parameters' chain.
    pub(crate) fn refuses(&self, weight: Weight) -> bool {
        match weight {
            Weight::Impossible => true,
            Weight::Placeholder => self.chain_id != LOCAL,
            Weight::Dangerous => self.chain_id == MAINNET,
            Weight::Unusual => false,
        }
    }
}
