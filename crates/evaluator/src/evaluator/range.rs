//! The next range of rounds: when it is due, what it settles, and which of its files are missing.

use std::time::{Duration, Instant};

use assize_facts::ChainFacts;
use assize_protocol::RoundNumber;
use assize_verify::{EvaluatedRange, Evidence, NextRange, Reading};

use super::{Evaluator, Own, Parts, Pass};
use crate::attempts::Objection;
use crate::objection::{drop_due, missing, object, wrong};
use crate::plan::Outlook;
use crate::{EvaluatorError, Plan};

/// How long a pass begins to look for missing files. What it does not get to comes first in the next.
const PATIENCE: Duration = Duration::from_secs(60);

impl Evaluator {
    /// The range of the next settlement, once its rounds are over.
    pub(super) async fn due(&mut self, pass: &mut Pass) -> Result<Option<NextRange>, EvaluatorError> {
        let Plan { every, delay } = self.parts.plan;
        let first = RoundNumber(pass.settled.0.saturating_add(1));
        let full = RoundNumber(pass.settled.0.saturating_add(every));
        let Some(latest) = self.parts.rounds.latest_round().await? else {
            return Ok(None);
        };
        let count = match latest {
            _ if latest < first => None,
            _ if latest < full => self.fewer(first, latest).await?,
            _ => {
                let until = self.parts.rounds.round(full).await?.times.dedupe_from;
                let now = self.parts.rounds.client().head().await?.timestamp;
                let due_in = until.saturating_add(delay).saturating_add(1).saturating_sub(now);
                pass.due_in = Some(due_in);
                (due_in == 0).then_some(every)
            }
        };
        Ok(count.map(|count| NextRange {
            parent: pass.head,
            first,
            last: RoundNumber(pass.settled.0.saturating_add(count)),
        }))
    }

    /// How many rounds from `first` on are settled although they are no full range.
    pub(super) async fn fewer(
        &mut self,
        first: RoundNumber,
        latest: RoundNumber,
    ) -> Result<Option<u64>, EvaluatorError> {
        let roles = self.roles().await?;
        let Parts {
            rounds,
            rewards,
            plan,
            ..
        } = &self.parts;
        let outlook = Outlook {
            now: rounds.client().head().await?.timestamp,
            window: roles.challenge_window().await?,
            ends_at: rewards.ends_at().await?,
            opened_at: rounds.round(latest).await?.opened_at,
        };
        if !plan.may_settle_fewer(&outlook) {
            return Ok(None);
        }
        let mut dedupe_from = Vec::new();
        for number in (first.0..=latest.0).map(RoundNumber) {
            dedupe_from.push(rounds.round(number).await?.times.dedupe_from);
        }
        Ok(plan.fewer(&outlook, &dedupe_from))
    }

    /// Recomputes a range and signs its settlement; `None`, with objections where it is time for them, if a file is missing. Files are looked for within a time;
    /// what the pass does not get to stays as it was.
    pub(super) async fn evaluate(
        &mut self,
        range: NextRange,
        reading: &Reading,
        set: u64,
        heard: bool,
        pass: &mut Pass,
    ) -> Result<Option<(ChainFacts, EvaluatedRange)>, EvaluatorError> {
        let Reading { facts: chain, own } = reading;
        let Parts { store, beacons, .. } = &self.parts;
        let evidence = Evidence {
            chain,
            own,
            elsewhere: &|_, _| None,
            store: &**store,
            beacons,
            progress: &|_| {},
        };
        let wrong = wrong(chain, &self.ledger);
        // Recomputing occupies a core for seconds.
        let evaluated = tokio::task::block_in_place(|| {
            let evaluated = match evidence.evaluate_range(range.first, range.last, range.parent) {
                Ok(evaluated) => evaluated,
                Err(error) => {
                    let turn = |file| (!wrong.contains_key(&file)).then(|| self.ledger.turn(file));
                    let tried = evidence.unreadable(range.first, range.last, &turn, PATIENCE)?;
                    return Ok(Err((tried, error)));
                }
            };
            store.put(&evaluated.document.to_bytes())?;
            Ok::<_, EvaluatorError>(Ok(evaluated))
        })?;
        let evaluated = match evaluated {
            Ok(evaluated) => evaluated,
            Err((tried, error)) => {
                let window = self.roles().await?.challenge_window().await?;
                let missing = missing(chain, window, tried, wrong, &mut self.ledger, heard);
                let failed = missing.failed.clone();
                pass.missing = missing.all();
                if pass.missing.is_empty() {
                    return Err(error.into());
                }
                let due = pass
                    .missing
                    .iter()
                    .filter(|missing| missing.objection == Objection::Due);
                let due: Vec<_> = due.map(|missing| missing.file).collect();
                let can_send = self.can_send().await?;
                let guardian = self.roles().await?.guardian().await?;
                let Parts { outbox, rewards, .. } = &mut self.parts;
                let objected = rewards.objections(pass.settled).await?;
                match outbox {
                    Some(outbox) if can_send => {
                        object(rewards, outbox, set, &failed, &objected, guardian, chain.now)?;
                        drop_due(rewards, outbox, set, &failed, &objected, chain.now)?;
                    }
                    _ => pass.not_objected = due,
                }
                return Ok(None);
            }
        };
        let proposal = evaluated.document.proposal();
        let signed = self.sign(&proposal).await?;
        tracing::info!(first = range.first.0, last = range.last.0, digest = %signed.digest, cid = %signed.cid, "signed");
        self.computed.insert(proposal.cid);
        self.board.set(Some(signed.clone()));
        self.own = Some(Own {
            range,
            number: self.next_number(),
            proposal,
            signed,
            signed_at: Instant::now(),
        });
        Ok(Some((chain.clone(), evaluated)))
    }
}
