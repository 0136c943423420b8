//! Approval of what has changed since the deployment.

use std::fmt;

use alloy_primitives::Address;
use assize_chain::{ChainClient, Rounds};
use serde::Serialize;

use crate::words::in_words;
use crate::{DeploymentError, DeploymentRecord, NetworkState, Result, Verdict, check};

/// A role or a setting that has changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// Which one.
    pub subject: &'static str,
    /// Its approved value.
    pub before: String,
    /// Its value on chain.
    pub now: String,
}

/// One line.
impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (now, before) = (
            in_words(self.subject, &self.now),
            in_words(self.subject, &self.before),
        );
        write!(f, "{}: {now}, before {before}", self.subject)
    }
}

/// Takes the roles and settings that are on the chain now into the record; returns those that differ. `publishers` were
/// admitted or announced since the deployment: the contract keeps no list.
///
/// # Errors
/// More than roles and settings differs, or a publisher is neither admitted nor announced; failures of the node.
pub async fn approve(
    client: &ChainClient,
    record: &mut DeploymentRecord,
    publishers: &[Address],
) -> Result<Vec<Change>> {
    let findings = check(client, record).await?;
    let before = record.expected_state().ok_or(DeploymentError::NoParams)?;
    // Roles and settings may differ, since they are what is approved; nothing else may.
    let names: Vec<_> = before.lines().into_iter().map(|(name, _)| name).collect();
    let wrong: Vec<_> = findings
        .iter()
        .filter(|finding| finding.verdict == Verdict::Differs && !names.contains(&finding.subject.as_str()))
        .map(ToString::to_string)
        .collect();
    if !wrong.is_empty() {
        return Err(DeploymentError::NotApproved {
            findings: wrong.join("\n  "),
        });
    }
    let mut known = record.known_publishers();
    known.extend(publishers);
    known.sort_unstable();
    known.dedup();
    let now = NetworkState::read(client, &record.deployment, &known).await?;
    let rounds = Rounds::new(client.clone(), record.deployment.rounds);
    for &publisher in publishers {
        if rounds.admission_of(publisher).await?.is_none() {
            return Err(DeploymentError::NotAdmitted { publisher });
        }
    }
    let changes = before.lines().into_iter().zip(now.lines());
    let changes = changes.filter(|(before, now)| before != now);
    let changes = changes.map(|((subject, before), (_, now))| Change { subject, before, now });
    let changes = changes.collect();
    record.state = Some(now);
    record.complete(client).await?;
    Ok(changes)
}
