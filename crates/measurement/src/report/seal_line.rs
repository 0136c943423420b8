//! A seal, on one line of a publisher's list.

use alloy_primitives::{Address, B256};
use assize_protocol::{RoundNumber, StationIndex, TaskSet};

use super::read::number32;
use super::scan::{FormFault, Scanner};
use crate::{Seal, Signature};

const STATION: &str = "a station's index below 2^32";
const TASKS: &str = "32 bytes as lower-case hexadecimal digits, not all of them zero";
const REPORT: &str = "32 bytes as lower-case hexadecimal digits";
const SIGNATURE: &str = "65 bytes as lower-case hexadecimal digits";

/// A signed seal as a list has it. Round and operator, which it is signed for too, are the round's and the roster's.
///
/// ```
/// use assize_measurement::Signature;
/// use assize_measurement::report::SealLine;
/// use assize_protocol::{B256, StationIndex, TaskNumber, TaskSet};
///
/// let seal = SealLine {
///     station: StationIndex(12),
///     tasks: TaskSet::from_iter([TaskNumber(0), TaskNumber(3)]),
///     report: B256::repeat_byte(0xcd),
///     signature: Signature([0xef; 65]),
/// };
/// assert_eq!(SealLine::read(seal.to_line().as_bytes())?, seal);
/// # Ok::<(), assize_measurement::report::FormFault>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SealLine {
    /// The station's index in the round's roster.
    pub station: StationIndex,
    /// The tasks that its report has measurements of; at least one.
    pub tasks: TaskSet,
    /// SHA-256 of the report's line.
    pub report: B256,
    /// The station's signature.
    pub signature: Signature,
}

impl SealLine {
    /// Reads a line, without a line feed.
    ///
    /// # Errors
    /// [`FormFault`]: a byte differs from what [`to_line`](Self::to_line) writes, or it names no task.
    pub fn read(line: &[u8]) -> Result<Self, FormFault> {
        let mut scanner = Scanner::new(line);
        scanner.expect("{\"station\":")?;
        let station = StationIndex(number32(&mut scanner, u32::MAX, STATION)?);
        scanner.expect(",\"tasks\":\"0x")?;
        let at = scanner.position();
        let tasks = TaskSet(B256::new(scanner.hex(TASKS)?));
        if tasks.is_empty() {
            return Err(scanner.fault_at(at, TASKS));
        }
        scanner.expect(",\"report\":\"0x")?;
        let report = B256::new(scanner.hex(REPORT)?);
        scanner.expect(",\"signature\":\"0x")?;
        let signature = Signature(scanner.hex(SIGNATURE)?);
        scanner.expect("}")?;
        scanner.end()?;
        Ok(Self {
            station,
            tasks,
            report,
            signature,
        })
    }

    /// Its line, without a line feed.
    #[must_use]
    pub fn to_line(&self) -> String {
        let Self {
            station,
            tasks,
            report,
            signature,
        } = self;
        format!(
            "{{\"station\":{station},\"tasks\":\"{:#x}\",\"report\":\"{report:#x}\",\"signature\":\"{signature}\"}}",
            tasks.0
        )
    }

    /// What was signed, for the station's operator in the round's roster.
    #[must_use]
    pub fn seal(&self, round: RoundNumber, operator: Address) -> Seal {
        Seal {
            round,
            station: self.station,
            operator,
            tasks: self.tasks,
            report: self.report,
        }
    }
}
