//! The policy file: what the scheduler may do.

use std::fmt::Display;
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use assize_protocol::{AttoFil, plain_text};
use assize_service::{LARGEST_SETTINGS, read_file};
use serde::Deserialize;
use serde::de::Error as _;
use thiserror::Error;

use crate::{DenyList, Limits, Schedule};

/// Why a policy is invalid.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// The file could not be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The operating system's error.
        source: std::io::Error,
    },
    /// The file is malformed.
    #[error("the policy file {} is invalid: {reason}", path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// The parser's message, with the position.
        reason: String,
    },
    /// A malformed line of the deny list.
    #[error("{} line {line}: {reason}", path.display())]
    Deny {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// The cause.
        reason: String,
    },
    /// A malformed schedule.
    #[error(
        "`{text}` is not a valid schedule ({reason}): use `every settlement`, or a cron pattern such as `0 6 * * *` for 06:00 UTC"
    )]
    Schedule {
        /// The given text.
        text: String,
        /// The parser's message.
        reason: String,
    },
}

/// A share of a payout, in millionths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GasShare(u32);

impl GasShare {
    /// No limit.
    pub const ALL: Self = Self(u32::MAX);
    const WHOLE: u32 = 1_000_000;

    /// A share in percent.
    #[must_use]
    pub const fn percent(percent: u16) -> Self {
        Self(percent as u32 * (Self::WHOLE / 100))
    }

    /// Whether gas of this cost may be spent on a payout.
    #[must_use]
    pub fn allows(self, cost: AttoFil, payout: AttoFil) -> bool {
        let share = payout.checked_mul(self.0.into());
        // What does not fit is more than what does.
        let is_within = |cost| share.is_none_or(|share| cost <= share);
        self == Self::ALL || cost.checked_mul(Self::WHOLE.into()).is_some_and(is_within)
    }
}

/// The policy. Fields missing in the file have their defaults.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct PayoutPolicy {
    /// When to pay.
    #[serde(deserialize_with = "text")]
    pub schedule: Schedule,
    /// Minimum payout; in the file, FIL as text.
    #[serde(deserialize_with = "text")]
    pub floor: AttoFil,
    /// Days of waiting over which the floor falls linearly to zero; 0 if it does not fall.
    pub floor_gone_after_days: u32,
    /// Maximum share of a payout that its gas may cost; in the file a number from 0 to 1.
    #[serde(deserialize_with = "share")]
    pub max_gas_share: GasShare,
    /// Maximum paid to operators per day (UTC); in the file, FIL as text.
    #[serde(deserialize_with = "text")]
    pub daily_fil: AttoFil,
    /// Maximum spent on gas per day (UTC); in the file, FIL as text.
    #[serde(deserialize_with = "text")]
    pub daily_gas_fil: AttoFil,
    /// The deny list file, relative to the policy file.
    pub deny: Option<PathBuf>,
    /// Limits of a transaction.
    pub batch: BatchPolicy,
    /// Alert thresholds.
    pub alerts: AlertPolicy,
}

/// Limits of a transaction.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct BatchPolicy {
    /// Maximum number of payouts.
    #[serde(deserialize_with = "payouts")]
    pub payouts: usize,
    /// Maximum bytes of call data.
    #[serde(deserialize_with = "calldata")]
    pub calldata: usize,
    /// Maximum units of gas; by default a quarter of a block.
    #[serde(deserialize_with = "gas")]
    pub gas: Option<u64>,
}

/// Alert thresholds.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct AlertPolicy {
    /// Alert if the pool lasts for fewer days with full budgets.
    pub pool_days: f64,
    /// Alert if the wallet pays for fewer batches.
    pub wallet_batches: u64,
    /// Alert if a settlement has been pending for longer, in hours.
    pub pending_hours: u64,
    /// Alert if an operator's address has rejected payments this many times in a row.
    pub refusals: u32,
}

impl Default for PayoutPolicy {
    /// A floor of a tenth of a FIL, zero after thirty days; gas at most a twentieth; no daily limits.
    fn default() -> Self {
        Self {
            schedule: Schedule::EverySettlement,
            floor: AttoFil::new(100_000_000_000_000_000),
            floor_gone_after_days: 30,
            max_gas_share: GasShare::percent(5),
            daily_fil: AttoFil::MAX,
            daily_gas_fil: AttoFil::MAX,
            deny: None,
            batch: BatchPolicy::default(),
            alerts: AlertPolicy::default(),
        }
    }
}

impl Default for BatchPolicy {
    fn default() -> Self {
        let Limits {
            payouts, calldata, ..
        } = Limits::default();
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

/// The text of a file, past a byte order mark.
pub(crate) fn read_text(path: &Path) -> Result<String, PolicyError> {
    let read = |source| PolicyError::Read {
        path: path.to_owned(),
        source,
    };
    let file = read_file(path, LARGEST_SETTINGS).map_err(read)?;
    let text = plain_text::decode(&file).map_err(|error| read(io::Error::other(error)))?;
    Ok(text.to_owned())
}

impl PayoutPolicy {
    /// Reads a policy (TOML) and its deny list.
    ///
    /// # Errors
    /// [`PolicyError`] naming the file and the position.
    pub fn read(path: &Path) -> Result<(Self, DenyList), PolicyError> {
        let text = read_text(path)?;
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

    /// Seconds over which the floor falls to zero.
    #[must_use]
    pub fn floor_zero_after(&self) -> Option<u64> {
        (self.floor_gone_after_days > 0).then(|| u64::from(self.floor_gone_after_days) * 86_400)
    }

    /// Limits of a transaction on a chain with blocks of `block_gas`, which none exceeds.
    #[must_use]
    pub fn limits(&self, block_gas: u64) -> Limits {
        Limits {
            payouts: self.batch.payouts.max(1),
            calldata: self.batch.calldata,
            gas: self.batch.gas.unwrap_or(block_gas / 4).min(block_gas),
        }
    }
}

/// A schedule, or an amount of FIL, which as a number would not be exact.
fn text<'de, T: FromStr<Err: Display>, D: serde::Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    String::deserialize(deserializer)?
        .parse()
        .map_err(D::Error::custom)
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
            "`{field}` = {number} is too low for any batch: use at least {least}"
        )));
    }
    Ok(number)
}

fn share<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<GasShare, D::Error> {
    let share = f64::deserialize(deserializer)?;
    if !(0.0..=1.0).contains(&share) {
        return Err(D::Error::custom(format_args!(
            "{share} is not a share: use a number from 0 to 1, such as 0.05"
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
        assert_eq!(policy.max_gas_share, default.max_gas_share);
        assert_eq!(policy.schedule.to_string(), default.schedule.to_string());
        assert!(denied.is_empty());
    }

    #[test]
    fn missing_fields_have_their_defaults() {
        let (policy, denied) = read(
            "floor = \"0.5\"\ndeny = \"deny.txt\"\nschedule = \"0 6 * * *\"\n[batch]\npayouts = 7",
            "0x999999cf1046e68e36e1aa2e0e07105eddd1f08e x",
        )
        .unwrap();
        assert_eq!(policy.floor, AttoFil::new(500_000_000_000_000_000));
        assert_eq!((policy.batch.payouts, policy.batch.calldata), (7, 60_000));
        assert_eq!(policy.schedule.to_string(), "0 6 * * *");
        assert_eq!(denied.len(), 1);
    }

    #[test]
    fn errors_name_file_position_and_remedy() {
        let fault = |policy: &str| read(policy, "oops").unwrap_err().to_string();
        let unknown = fault("flor = \"1\"");
        assert!(
            unknown.contains("payout.toml") && unknown.contains("flor"),
            "{unknown}"
        );
        assert!(fault("floor = \"much\"").contains("such as 0.1"));
        for field in ["floor", "dailyFil", "dailyGasFil"] {
            assert!(fault(&format!("{field} = \"-1\"")).contains("`-1` is not a valid FIL amount"));
        }
        for (field, least) in [("payouts", 1), ("calldata", 1_000), ("gas", 1_000_000)] {
            let said = fault(&format!("[batch]\n{field} = {}", least - 1));
            assert!(
                said.contains(&format!("`{field}` = ")) && said.contains(&format!("use at least {least}")),
                "{said}"
            );
        }
        assert!(read("[batch]\npayouts = 1\ncalldata = 1000\ngas = 1000000", "").is_ok());
        assert!(fault("maxGasShare = 5.0").contains("from 0 to 1"));
        assert!(fault("schedule = \"now and then\"").contains("every settlement"));
        assert!(fault("deny = \"deny.txt\"").contains("deny.txt line 1"));
        assert!(fault("deny = \"gone.txt\"").contains("gone.txt"));
    }

    #[test]
    fn gas_shares_are_exact() {
        let five = GasShare::percent(5);
        let allows = |share: GasShare, cost, payout| share.allows(AttoFil::new(cost), AttoFil::new(payout));
        assert!(allows(five, 5, 100) && !allows(five, 6, 100) && allows(five, 0, 0));
        assert!(!allows(five, u128::MAX, u128::MAX) && allows(GasShare::ALL, u128::MAX, 1));
        assert!(!five.allows(AttoFil::MAX, AttoFil::new(1)) && five.allows(AttoFil::new(1), AttoFil::MAX));
        assert_eq!(read("maxGasShare = 0.05", "").unwrap().0.max_gas_share, five);
    }

    #[test]
    fn batches_keep_within_a_quarter_of_a_block_and_never_exceed_it() {
        let mut policy = PayoutPolicy::default();
        assert_eq!(policy.limits(10_000_000_000), Limits::default());
        assert_eq!(policy.limits(30_000_000).gas, 7_500_000);
        policy.batch.gas = Some(40_000_000);
        assert_eq!(policy.limits(30_000_000).gas, 30_000_000);
    }
}
