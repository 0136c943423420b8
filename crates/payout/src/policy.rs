//! What the scheduler is allowed to do: the policy file.

use std::fmt::Display;
use std::path::{Path, PathBuf};

use alloy_primitives::U256;
use assize_chain::Fil;
use serde::Deserialize;
use serde::de::Error as _;
use thiserror::Error;

use crate::{DenyList, Limits, Schedule};

/// Why a policy cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// The file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The operating system's reason.
        source: std::io::Error,
    },
    /// The file is no policy.
    #[error("the policy file {} is not usable: {reason}", path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// What the parser found, and where.
        reason: String,
    },
    /// A line of the deny list.
    #[error("{} line {line}: {reason}", path.display())]
    Deny {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// Not a schedule.
    #[error(
        "`{text}` is no schedule ({reason}): give `every settlement`, or a cron pattern such as `0 6 * * *` for 06:00 UTC"
    )]
    Schedule {
        /// What was given.
        text: String,
        /// What the parser says.
        reason: String,
    },
}

/// A share of a payout, in millionths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GasShare(u32);

impl GasShare {
    /// Gas may cost anything.
    pub const ALL: Self = Self(u32::MAX);
    const WHOLE: u32 = 1_000_000;

    /// So many hundredths.
    #[must_use]
    pub const fn per_cent(hundredths: u16) -> Self {
        Self(hundredths as u32 * (Self::WHOLE / 100))
    }

    /// Whether gas of `cost` may be spent on a payout.
    #[must_use]
    pub fn allows(self, cost: u128, payout: u128) -> bool {
        self == Self::ALL
            || U256::from(cost) * U256::from(Self::WHOLE) <= U256::from(payout) * U256::from(self.0)
    }
}

/// What the scheduler is allowed to do. Each field may be absent from the file and then has its default.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct PayoutPolicy {
    /// When to pay.
    #[serde(deserialize_with = "schedule")]
    pub schedule: Schedule,
    /// Least payout, attoFIL; in the file, FIL as text.
    #[serde(deserialize_with = "fil")]
    pub floor: u128,
    /// Days of waiting in which the floor falls, evenly, to nothing; 0 for a floor that stays.
    pub floor_gone_after_days: u32,
    /// Most of a payout that its gas may cost; in the file a number from 0 to 1.
    #[serde(deserialize_with = "share")]
    pub most_gas_share: GasShare,
    /// Most that is paid to operators in a day (UTC), attoFIL; in the file, FIL as text.
    #[serde(deserialize_with = "fil")]
    pub daily_fil: u128,
    /// Most that is spent on gas in a day (UTC), attoFIL; in the file, FIL as text.
    #[serde(deserialize_with = "fil")]
    pub daily_gas_fil: u128,
    /// The file of the deny list, relative to the policy's.
    pub deny: Option<PathBuf>,
    /// How large a transaction may grow.
    pub batch: BatchPolicy,
    /// When to raise alarm.
    pub alerts: AlertPolicy,
}

/// How large a transaction may grow.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct BatchPolicy {
    /// Payouts at most.
    #[serde(deserialize_with = "payouts")]
    pub payouts: usize,
    /// Bytes of call data at most.
    #[serde(deserialize_with = "calldata")]
    pub calldata: usize,
    /// Units of gas at most; not given, a quarter of what the chain's block takes.
    #[serde(deserialize_with = "gas")]
    pub gas: Option<u64>,
}

/// When to raise alarm.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct AlertPolicy {
    /// The pool lasts for fewer days than this, if every round pays its whole budget.
    pub pool_days: f64,
    /// The wallet pays for fewer batches than this.
    pub wallet_batches: u64,
    /// A settlement has been pending for longer than this.
    pub pending_hours: u64,
    /// An operator's address has refused the money so many times in a row.
    pub refusals: u32,
}

impl Default for PayoutPolicy {
    /// A tenth of a FIL at once, everything after thirty days, gas no more than a twentieth; no daily caps.
    fn default() -> Self {
        Self {
            schedule: Schedule::EverySettlement,
            floor: 100_000_000_000_000_000,
            floor_gone_after_days: 30,
            most_gas_share: GasShare::per_cent(5),
            daily_fil: u128::MAX,
            daily_gas_fil: u128::MAX,
            deny: None,
            batch: BatchPolicy::default(),
            alerts: AlertPolicy::default(),
        }
    }
}

impl Default for BatchPolicy {
    fn default() -> Self {
        let Limits { payouts, calldata } = Limits::default();
        Self {
            payouts,
            calldata,
            gas: None,
        }
    }
}

impl Default for AlertPolicy {
    fn default() -> Self {
        Self {
            pool_days: 14.0,
            wallet_batches: 50,
            pending_hours: 72,
            refusals: 3,
        }
    }
}

impl PayoutPolicy {
    /// Reads a policy (TOML) and the deny list that it names.
    ///
    /// # Errors
    /// [`PolicyError`] naming the file and the place in it.
    pub fn read(path: &Path) -> Result<(Self, DenyList), PolicyError> {
        let text = std::fs::read_to_string(path).map_err(|source| PolicyError::Read {
            path: path.to_owned(),
            source,
        })?;
        let policy: Self = toml::from_str(&text).map_err(|error| PolicyError::Parse {
            path: path.to_owned(),
            reason: error.to_string(),
        })?;
        let denied = match &policy.deny {
            Some(file) => DenyList::read(&path.parent().unwrap_or(Path::new("")).join(file))?,
            None => DenyList::default(),
        };
        Ok((policy, denied))
    }

    /// Seconds in which the floor falls to nothing.
    #[must_use]
    pub fn floor_gone_after(&self) -> Option<u64> {
        (self.floor_gone_after_days > 0).then(|| u64::from(self.floor_gone_after_days) * 86_400)
    }

    /// Limits of a batch whose payouts need `gas` units each, on a chain whose blocks take `block_gas`.
    #[must_use]
    pub fn limits(&self, gas: u64, block_gas: u64) -> Limits {
        let most = self.batch.gas.unwrap_or(block_gas / 4);
        let by_gas = usize::try_from(most / gas.max(1)).unwrap_or(usize::MAX);
        Limits {
            payouts: self.batch.payouts.min(by_gas).max(1),
            calldata: self.batch.calldata,
        }
    }
}

fn schedule<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Schedule, D::Error> {
    String::deserialize(deserializer)?
        .parse()
        .map_err(D::Error::custom)
}

/// An amount of FIL, as text so that it is exact.
fn fil<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<u128, D::Error> {
    let Fil(amount) = String::deserialize(deserializer)?
        .parse()
        .map_err(D::Error::custom)?;
    // More than fits is more than there is.
    Ok(amount.saturating_to())
}

fn payouts<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    at_least(1, "payouts", deserializer)
}

/// One payout must fit.
fn calldata<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    at_least(1_000, "calldata", deserializer)
}

/// One payout must fit.
fn gas<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    at_least(1_000_000, "gas", deserializer).map(Some)
}

fn at_least<'de, N, D>(least: N, field: &str, deserializer: D) -> Result<N, D::Error>
where
    N: Deserialize<'de> + PartialOrd + Display,
    D: serde::Deserializer<'de>,
{
    let number = N::deserialize(deserializer)?;
    if number < least {
        return Err(D::Error::custom(format_args!(
            "`{field}` = {number} is too little for any batch: give {least} at least"
        )));
    }
    Ok(number)
}

fn share<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<GasShare, D::Error> {
    let share = f64::deserialize(deserializer)?;
    if !(0.0..=1.0).contains(&share) {
        return Err(D::Error::custom(format_args!(
            "{share} is no share: give a number from 0 to 1, such as 0.05"
        )));
    }
    // From 0 to a million.
    Ok(GasShare((share * f64::from(GasShare::WHOLE)).round() as u32))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(policy: &str, deny: &str) -> Result<(PayoutPolicy, DenyList), PolicyError> {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("deny.txt"), deny).unwrap();
        let path = directory.path().join("payout.toml");
        std::fs::write(&path, policy).unwrap();
        PayoutPolicy::read(&path)
    }

    #[test]
    fn the_documented_policy_is_usable() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/params/payout.toml");
        let (policy, denied) = PayoutPolicy::read(&path).unwrap();
        let default = PayoutPolicy::default();
        assert_eq!(policy.floor, default.floor);
        assert_eq!(policy.floor_gone_after_days, default.floor_gone_after_days);
        assert_eq!(policy.most_gas_share, default.most_gas_share);
        assert_eq!(policy.schedule.to_string(), default.schedule.to_string());
        assert!(denied.is_empty());
    }

    #[test]
    fn what_is_not_said_has_its_default() {
        let (policy, denied) = read(
            "floor = \"0.5\"\ndeny = \"deny.txt\"\nschedule = \"0 6 * * *\"\n[batch]\npayouts = 7",
            "0x999999cf1046e68e36e1aa2e0e07105eddd1f08e x",
        )
        .unwrap();
        assert_eq!(policy.floor, 500_000_000_000_000_000);
        assert_eq!((policy.batch.payouts, policy.batch.calldata), (7, 60_000));
        assert_eq!(policy.schedule.to_string(), "0 6 * * *");
        assert_eq!(denied.len(), 1);
    }

    #[test]
    fn mistakes_name_file_place_and_remedy() {
        let fault = |policy: &str| read(policy, "oops").unwrap_err().to_string();
        let unknown = fault("flor = \"1\"");
        assert!(
            unknown.contains("payout.toml") && unknown.contains("flor"),
            "{unknown}"
        );
        assert!(fault("floor = \"much\"").contains("such as 0.1"));
        for field in ["floor", "dailyFil", "dailyGasFil"] {
            assert!(fault(&format!("{field} = \"-1\"")).contains("`-1` is no amount of FIL"));
        }
        for (field, least) in [("payouts", 1), ("calldata", 1_000), ("gas", 1_000_000)] {
            let said = fault(&format!("[batch]\n{field} = {}", least - 1));
            assert!(
                said.contains(&format!("`{field}` = ")) && said.contains(&format!("give {least} at least")),
                "{said}"
            );
        }
        assert!(read("[batch]\npayouts = 1\ncalldata = 1000\ngas = 1000000", "").is_ok());
        assert!(fault("mostGasShare = 5.0").contains("from 0 to 1"));
        assert!(fault("schedule = \"now and then\"").contains("every settlement"));
        assert!(fault("deny = \"deny.txt\"").contains("deny.txt line 1"));
        assert!(fault("deny = \"gone.txt\"").contains("gone.txt"));
    }

    #[test]
    fn gas_shares_are_exact() {
        let five = GasShare::per_cent(5);
        assert!(five.allows(5, 100) && !five.allows(6, 100) && five.allows(0, 0));
        assert!(!five.allows(u128::MAX, u128::MAX) && GasShare::ALL.allows(u128::MAX, 1));
        assert_eq!(read("mostGasShare = 0.05", "").unwrap().0.most_gas_share, five);
    }

    #[test]
    fn batches_keep_within_a_quarter_of_a_block() {
        let policy = PayoutPolicy::default();
        assert_eq!(policy.limits(30_000, 30_000_000).payouts, 250);
        assert_eq!(policy.limits(30_000, 10_000_000_000).payouts, 300);
        assert_eq!(policy.limits(u64::MAX, 1).payouts, 1);
    }
}
