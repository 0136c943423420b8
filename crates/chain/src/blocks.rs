//! Which blocks there were at a time.

use std::collections::BTreeMap;

use alloy_primitives::U64;

use crate::client::{Head, LONGEST_GAP};
use crate::{ChainClient, ChainError, Result};

/// Finds blocks by their time, for one reading of the chain: it remembers what it has seen, so it must not outlive a
/// reorganisation.
///
/// It asks for blocks backwards from the newest one, so that a node need not have old ones.
#[derive(Debug)]
pub struct Blocks<'a> {
    client: &'a ChainClient,
    head: Option<Head>,
    /// The time of the block with this number, or of the nearest before it; `None` if the node has none.
    known: BTreeMap<u64, Option<u64>>,
}

/// A number, and the time of its block.
type Seen = (u64, Option<u64>);

impl<'a> Blocks<'a> {
    /// Knows no block yet. Sends no request.
    #[must_use]
    pub fn new(client: &'a ChainClient) -> Self {
        Self {
            client,
            head: None,
            known: BTreeMap::new(),
        }
    }

    /// Number of the newest block before Unix time `timestamp`: where to begin to look for what happened from then on. 0 if
    /// there is none.
    pub async fn before(&mut self, timestamp: u64) -> Result<u64> {
        if self.head.is_none() {
            self.newest().await?;
        }
        let is_early = |seen: &Seen| seen.1.is_some_and(|time| time < timestamp);
        let seen = || self.known.iter().map(|(&number, &time)| (number, time));
        let early = seen().rfind(is_early);
        // Later than every early one, so that what a node says in between cannot turn the search around.
        let least = early.map_or(0, |(number, _)| number);
        let late = seen().find(|seen| seen.0 >= least && !is_early(seen));
        let Some(mut late) = late else {
            return Ok(least);
        };
        // Doubles the distance until a block is early enough.
        let mut span = 1;
        let mut early = match early {
            Some(early) => early,
            None => loop {
                let number = late.0.saturating_sub(span);
                let found = (number, self.time_of(number).await?);
                if is_early(&found) || number == 0 {
                    break found;
                }
                (late, span) = (found, span.saturating_mul(2));
            },
        };
        let mut tries = 0_u32;
        while late.0.saturating_sub(early.0) > 1 {
            let middle = between(early, late, timestamp, tries);
            let found = (middle, self.time_of(middle).await?);
            match is_early(&found) {
                true => early = found,
                false => late = found,
            }
            tries = tries.wrapping_add(1);
        }
        Ok(early.0)
    }

    /// Number of a block that is not before everything that happened through Unix time `timestamp`, as far as it has happened:
    /// where to end to look for it.
    pub async fn through(&mut self, timestamp: u64) -> Result<u64> {
        let known = self.head.filter(|head| head.timestamp > timestamp);
        // What is not over may have gone on since the newest block was asked for.
        let head = match known {
            Some(head) => head,
            None => self.newest().await?,
        };
        match head.timestamp > timestamp {
            true => self.before(timestamp.saturating_add(1)).await,
            false => Ok(head.number),
        }
    }

    async fn newest(&mut self) -> Result<Head> {
        let head = self.client.head().await?;
        self.head = Some(head);
        self.known.insert(head.number, Some(head.timestamp));
        Ok(head)
    }

    async fn time_of(&mut self, number: u64) -> Result<Option<u64>> {
        if let Some(&time) = self.known.get(&number) {
            return Ok(time);
        }
        let block = self.client.block_near(number).await?;
        let time = block.map(|block| block.timestamp);
        self.known.insert(number, time);
        Ok(time)
    }
}

/// A number between two others. Blocks mostly come at equal intervals, so it is where the last one before `timestamp` should be;
/// every third time it is the middle, which ends the search wherever they do not.
fn between(early: Seen, late: Seen, timestamp: u64, tries: u32) -> u64 {
    let ((first, begin), (last, end)) = (early, late);
    let numbers = last.saturating_sub(first);
    let guess = match (begin, end) {
        (Some(begin), Some(end)) if end > begin && tries % 3 < 2 => {
            let elapsed = timestamp.saturating_sub(1).saturating_sub(begin);
            let share = u128::from(elapsed) * u128::from(numbers) / u128::from(end - begin);
            u64::try_from(share).unwrap_or(numbers)
        }
        _ => numbers / 2,
    };
    first + guess.clamp(1, numbers.saturating_sub(1).max(1))
}

impl ChainClient {
    /// A block, or the nearest before it if there is none of this number (Filecoin's null rounds).
    async fn block_near(&self, number: u64) -> Result<Option<Head>> {
        for number in (number.saturating_sub(LONGEST_GAP)..=number).rev() {
            match self
                .ask::<_, Option<Head>>("eth_getBlockByNumber", (U64::from(number), false))
                .await
            {
                Ok(Some(block)) => return Ok(Some(block)),
                Ok(None) => {}
                Err(ChainError::Rpc { message, .. }) if message.contains("null round") => {}
                Err(other) => return Err(other),
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many guesses find the last of these blocks before a time.
    fn guesses(times: &[u64], timestamp: u64) -> u32 {
        let seen = |number: usize| (number as u64, Some(times[number]));
        let (mut early, mut late) = (seen(0), seen(times.len() - 1));
        let mut tries = 0;
        while late.0 - early.0 > 1 {
            let middle = between(early, late, timestamp, tries);
            assert!(early.0 < middle && middle < late.0, "{early:?} {middle} {late:?}");
            match times[middle as usize] < timestamp {
                true => early = seen(middle as usize),
                false => late = seen(middle as usize),
            }
            tries += 1;
        }
        assert!(times[early.0 as usize] < timestamp && times[late.0 as usize] >= timestamp);
        tries
    }

    #[test]
    fn blocks_at_equal_intervals_are_found_at_once_and_others_after_all() {
        let even: Vec<u64> = (0..100_000).map(|number| 1_000 + 30 * number).collect();
        for timestamp in [1_001, 1_030, 1_031, 500_000, 3_000_969] {
            assert!(guesses(&even, timestamp) <= 3, "{timestamp}");
        }
        let stopped: Vec<u64> = even.iter().map(|time| time * time / 7_000).collect();
        for timestamp in [200, 5_000_000, stopped[99_999]] {
            assert!(guesses(&stopped, timestamp) <= 3 * 17, "{timestamp}");
        }
    }
}
