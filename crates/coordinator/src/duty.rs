//! The purpose of a transaction, as the queue's keys encode it.

use alloy_primitives::Address;
use assize_protocol::RoundNumber;

/// The coordinator's transactions for a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Duty {
    Open,
    Reveal,
}

impl Duty {
    const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Reveal => "reveal",
        }
    }

    /// Its queue key for this Rounds contract.
    pub(crate) fn key(self, rounds: Address, round: RoundNumber) -> String {
        format!("{rounds}/{}/{round}", self.name())
    }

    /// Parses a key; `None` if it belongs to another contract.
    pub(crate) fn of_key(key: &str, rounds: Address) -> Option<(Self, RoundNumber)> {
        let rest = key.strip_prefix(&rounds.to_string())?.strip_prefix('/')?;
        let (name, number) = rest.split_once('/')?;
        let duties = [Self::Open, Self::Reveal];
        let duty = duties.into_iter().find(|duty| duty.name() == name)?;
        Some((duty, RoundNumber(number.parse().ok()?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_parsed_for_its_own_contract_only() {
        let rounds = Address::repeat_byte(0xaa);
        for duty in [Duty::Open, Duty::Reveal] {
            let key = duty.key(rounds, RoundNumber(7));
            assert_eq!(Duty::of_key(&key, rounds), Some((duty, RoundNumber(7))));
            assert_eq!(Duty::of_key(&key, Address::repeat_byte(0xab)), None);
        }
        assert_eq!(Duty::of_key("fill/7/0x00", rounds), None);
    }
}
