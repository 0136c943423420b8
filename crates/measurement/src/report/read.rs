//! The strict reader of reports.

use alloy_primitives::B128;
use assize_protocol::canonical::MAX_NUMBER;
use assize_protocol::{Parameters, RoundNumber, StationIndex, TaskNumber};

use super::scan::{FormFault, Scanner};
use super::{Measured, Report};
use crate::MAX_REPORT;

const ROUND: &str = "a round number up to 2^53 - 1";
const STATION: &str = "a station's index below 2^32";
const SALT: &str = "16 bytes as lower-case hexadecimal digits";
const NUMBER: &str = "a whole number from 0 to 2^53 - 1";
const TASK: &str = "a task's number below 256, above the one before";

impl<'a> Report<'a> {
    /// Reads a line, without a line feed.
    ///
    /// # Errors
    /// [`FormFault`]: it is longer than 48 KiB, or any byte differs from what [`to_line`](Self::to_line) writes.
    pub fn read(line: &'a [u8]) -> Result<Self, FormFault> {
        let mut scanner = Scanner::new(line);
        if line.len() > MAX_REPORT {
            return Err(scanner.fault_at(
                MAX_REPORT,
                "the end of the line: a report has at most 49152 bytes",
            ));
        }
        scanner.expect("{\"round\":")?;
        let round = RoundNumber(scanner.number(MAX_NUMBER, ROUND)?);
        scanner.expect(",\"station\":")?;
        let station = StationIndex(number32(&mut scanner, u32::MAX, STATION)?);
        scanner.expect(",\"version\":\"")?;
        let version = scanner.text()?;
        scanner.expect(",\"salt\":\"0x")?;
        let salt = B128::new(scanner.hex(SALT)?);
        scanner.expect(",\"measurements\":[")?;
        let mut measurements = vec![measured(&mut scanner, None)?];
        while scanner.take(",") {
            let before = measurements.last().map(|measured| measured.k);
            measurements.push(measured(&mut scanner, before)?);
        }
        scanner.expect("]}")?;
        scanner.end()?;
        Ok(Self {
            round,
            station,
            version,
            salt,
            measurements,
        })
    }
}

fn measured<'a>(scanner: &mut Scanner<'a>, before: Option<TaskNumber>) -> Result<Measured<'a>, FormFault> {
    scanner.expect("{\"k\":")?;
    let at = scanner.position();
    let most = u32::from(Parameters::MOST_TASKS_PER_COMMITTEE) - 1;
    let k = TaskNumber(number32(scanner, most, TASK)?);
    if before.is_some_and(|before| k <= before) {
        return Err(scanner.fault_at(at, TASK));
    }
    let measured = Measured {
        k,
        indexer: text(scanner, ",\"indexer\":\"")?,
        peer: text(scanner, ",\"peer\":\"")?,
        address: text(scanner, ",\"address\":\"")?,
        protocol: text(scanner, ",\"protocol\":\"")?,
        status: number(scanner, ",\"status\":")?,
        head: number(scanner, ",\"head\":")?,
        start: number(scanner, ",\"start\":")?,
        first_byte: number(scanner, ",\"firstByte\":")?,
        end: number(scanner, ",\"end\":")?,
        bytes: number(scanner, ",\"bytes\":")?,
        checksum: text(scanner, ",\"checksum\":\"")?,
        timeout: scanner.take(",\"timeout\":true"),
        too_large: scanner.take(",\"tooLarge\":true"),
    };
    match scanner.take("}") {
        true => Ok(measured),
        false => Err(scanner.fault("} or one of the keys that come later")),
    }
}

fn text<'a>(scanner: &mut Scanner<'a>, key: &'static str) -> Result<Option<&'a str>, FormFault> {
    match scanner.take(key) {
        true => scanner.text().map(Some),
        false => Ok(None),
    }
}

fn number(scanner: &mut Scanner<'_>, key: &'static str) -> Result<Option<u64>, FormFault> {
    match scanner.take(key) {
        true => scanner.number(MAX_NUMBER, NUMBER).map(Some),
        false => Ok(None),
    }
}

pub(super) fn number32(
    scanner: &mut Scanner<'_>,
    most: u32,
    expected: &'static str,
) -> Result<u32, FormFault> {
    let at = scanner.position();
    let number = scanner.number(most.into(), expected)?;
    u32::try_from(number).map_err(|_| scanner.fault_at(at, expected))
}
