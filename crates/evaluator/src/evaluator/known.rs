//! What was read for the next settlement, and whether it still holds: a pass that waits reads none of it again.

use assize_chain::Head;
use assize_verify::{NextRange, OwnReports, Reading, read_next_settlement};

use super::{Evaluator, Parts, Pass};
use crate::EvaluatorError;

/// What the contracts say about a range of rounds that is due.
pub(super) struct Known {
    range: NextRange,
    /// The newest block before it was read.
    block: Head,
    pub(super) reading: Reading,
}

impl Known {
    /// Whether all of its rounds were over in a block before it was read, so that only a fork can change them.
    fn is_final(&self) -> bool {
        let mut rounds = self.reading.facts.rounds.values();
        rounds.all(|chain| chain.round.times.is_over(self.block.timestamp))
    }

    /// Whether a result of the other would be one of this too.
    fn is_same(&self, other: &Self) -> bool {
        let (ours, theirs) = (&self.reading.facts, &other.reading.facts);
        self.range == other.range && ours.rounds == theirs.rounds && ours.drops == theirs.drops
    }
}

impl Evaluator {
    /// Reads what is new about a range that is due, recomputes and signs it if that is another than before, and otherwise sees to it
    /// that the signature is valid.
    pub(super) async fn settle(
        &mut self,
        range: NextRange,
        set: u64,
        heard: bool,
        pass: &mut Pass,
    ) -> Result<(), EvaluatorError> {
        if !self.still_holds(range).await? {
            let Some(known) = self.read(range).await? else {
                // Another settlement was posted since: the next pass starts over.
                self.forget();
                return Ok(());
            };
            // A reorganisation may have changed commitments since.
            if !self.known.as_ref().is_some_and(|before| before.is_same(&known)) {
                self.forget();
            }
            self.known = Some(known);
        }
        if self.own.is_some() {
            self.sign_again().await?;
        } else {
            self.check_parent(range.parent).await?;
            if let Some(known) = self.known.take() {
                let evaluated = self.evaluate(range, &known.reading, set, heard, pass).await;
                self.known = Some(known);
                pass.evaluated = evaluated?;
            }
        }
        if let (Some(_), Some(known)) = (&self.own, &mut self.known) {
            // They are large, and not needed any more.
            known.reading.own = OwnReports::default();
        }
        Ok(())
    }

    /// Whether what is known is about this range and has not changed: no fork has replaced the block in which it was final, and no
    /// other file was dropped. Otherwise its time is that of the newest block.
    async fn still_holds(&mut self, range: NextRange) -> Result<bool, EvaluatorError> {
        let Parts { rounds, rewards, .. } = &self.parts;
        let Some(known) = &mut self.known else {
            return Ok(false);
        };
        let client = rounds.client();
        if known.range != range
            || !known.is_final()
            || !client.is_canonical(known.block.number, known.block.hash).await?
            || known.reading.facts.drops != rewards.drops().await?
        {
            return Ok(false);
        }
        known.reading.facts.now = client.head().await?.timestamp;
        Ok(true)
    }

    /// Reads the range; `None` if it is not the next one any more.
    async fn read(&self, range: NextRange) -> Result<Option<Known>, EvaluatorError> {
        let Parts { rounds, rewards, .. } = &self.parts;
        let block = rounds.client().head().await?;
        let (reading, next) = read_next_settlement(rounds, rewards, Some(range.last)).await?;
        Ok((next == Some(range)).then_some(Known {
            range,
            block,
            reading,
        }))
    }
}
