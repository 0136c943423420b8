//! Evaluators that are asked whether they hold a round's batches.
//!
//! A proof of inclusion shows that a measurement is in a committed batch, not that anybody can read the batch. If its file is
//! withheld, the batch is dropped when own reports are not accepted any more. So the file must be in other hands in time.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use alloy_primitives::B256;
use assize_protocol::RoundNumber;
use tokio::task::JoinSet;
use url::Url;

use crate::AskError;
use crate::coordinator::Coordinator;

/// There are other rounds to look after.
const PATIENCE: Duration = Duration::from_secs(10);

/// Evaluators, who answer as the coordinator does.
#[derive(Debug, Clone)]
pub(crate) struct Witnesses(Vec<Coordinator>);

/// What they hold of a round.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Held {
    /// None was named: nothing is known.
    Unknown,
    /// Batches that most of those who were named say they hold, by the roots over their lines.
    Roots(BTreeSet<B256>),
}

impl Held {
    /// Whether a batch may be believed to be in other hands than its publisher's.
    pub(crate) fn has(&self, root: &B256) -> bool {
        match self {
            Self::Unknown => true,
            Self::Roots(roots) => roots.contains(root),
        }
    }
}

impl Witnesses {
    /// Creates clients; no request is sent yet.
    pub(crate) fn new(urls: &[Url], bind: Option<IpAddr>) -> Result<Self, AskError> {
        let clients = urls.iter().map(|url| Coordinator::new(url, bind));
        Ok(Self(clients.collect::<Result<_, _>>()?))
    }

    /// What most of them hold.
    pub(crate) async fn held(&self, round: RoundNumber) -> Held {
        let mut asked = JoinSet::new();
        for witness in self.0.clone() {
            asked.spawn(async move {
                let answer = tokio::time::timeout(PATIENCE, witness.held(round)).await;
                match answer {
                    Ok(Ok(held)) if held.round == round => Some(held.roots),
                    Ok(Ok(_)) | Err(_) => None,
                    Ok(Err(error)) => {
                        tracing::debug!(witness = witness.name(), %error, "a witness does not answer");
                        None
                    }
                }
            });
        }
        tally(self.0.len(), asked.join_all().await.into_iter().flatten())
    }
}

/// What more than half of those who were named hold. Whoever does not answer may be kept from it, so its silence does not count
/// for the publisher.
fn tally(named: usize, answers: impl Iterator<Item = Vec<B256>>) -> Held {
    let mut holders = BTreeMap::<B256, usize>::new();
    for roots in answers {
        for root in BTreeSet::from_iter(roots) {
            *holders.entry(root).or_default() += 1;
        }
    }
    match named {
        0 => Held::Unknown,
        _ => Held::Roots(
            holders
                .into_iter()
                .filter(|(_, count)| 2 * count > named)
                .map(|(root, _)| root)
                .collect(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn most_of_those_who_are_named_must_hold_a_batch() {
        let root = B256::repeat_byte;
        let held_of = |named, answers: &[&[u8]]| {
            let answers = answers
                .iter()
                .map(|roots| roots.iter().map(|byte| root(*byte)).collect());
            tally(named, answers)
        };
        let held = |answers: &[&[u8]]| held_of(answers.len(), answers);
        assert_eq!(held(&[]), Held::Unknown);
        assert!(held(&[]).has(&root(1)));
        // One that does not answer does not count for the publisher.
        assert!(!held_of(1, &[]).has(&root(1)));
        assert!(!held_of(3, &[&[1]]).has(&root(1)));
        assert!(held_of(3, &[&[1], &[1]]).has(&root(1)));
        assert!(held(&[&[1]]).has(&root(1)));
        assert!(!held(&[&[]]).has(&root(1)));
        // One of two, said twice.
        assert!(!held(&[&[1, 1], &[2]]).has(&root(1)));
        let two_of_three = held(&[&[1, 2], &[1], &[3]]);
        assert_eq!(two_of_three, Held::Roots(BTreeSet::from([root(1)])));
    }
}
