//! Labels: Spark's "tasking evaluation".

use std::fmt;

use serde::Serialize;

/// Whether one of Spark's measurements may vote, and if not, why. The first that applies, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum SparkLabel {
    /// The round has no such task.
    TaskNotInRound,
    /// The task is not assigned to the station.
    TaskWrongNode,
    /// Another measurement of this task from the same subnet votes.
    DupInetGroup,
    /// The subnet already has the maximum number of votes.
    TooManyTasks,
    /// The measurement votes.
    Ok,
}

impl SparkLabel {
    /// Every label, in order.
    pub const ALL: [Self; 5] = [
        Self::TaskNotInRound,
        Self::TaskWrongNode,
        Self::DupInetGroup,
        Self::TooManyTasks,
        Self::Ok,
    ];

    /// Spark's name of the label.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TaskNotInRound => "TASK_NOT_IN_ROUND",
            Self::TaskWrongNode => "TASK_WRONG_NODE",
            Self::DupInetGroup => "DUP_INET_GROUP",
            Self::TooManyTasks => "TOO_MANY_TASKS",
            Self::Ok => "OK",
        }
    }
}

impl fmt::Display for SparkLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_the_same_everywhere() {
        assert!(SparkLabel::ALL.is_sorted());
        for label in SparkLabel::ALL {
            assert_eq!(serde_json::to_string(&label).unwrap(), format!("\"{label}\""));
        }
    }
}
