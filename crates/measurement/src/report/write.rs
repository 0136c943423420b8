//! The writer of reports.

use std::fmt::Write as _;

use super::{Measured, Report};

impl Report<'_> {
    /// Its line, without a line feed. [`read`](Self::read) accepts it if the texts and numbers are within their bounds, tasks
    /// ascend, and it is not too long.
    #[must_use]
    pub fn to_line(&self) -> String {
        let mut line = format!(
            "{{\"round\":{},\"station\":{},\"version\":\"{}\",\"salt\":\"{:#x}\",\"measurements\":[",
            self.round, self.station, self.version, self.salt
        );
        for (index, measured) in self.measurements.iter().enumerate() {
            if index > 0 {
                line.push(',');
            }
            write(&mut line, measured);
        }
        line.push_str("]}");
        line
    }
}

fn write(line: &mut String, measured: &Measured<'_>) {
    let Measured {
        k,
        indexer,
        peer,
        address,
        protocol,
        status,
        head,
        start,
        first_byte,
        end,
        bytes,
        checksum,
        timeout,
        too_large,
    } = measured;
    put(line, format_args!("{{\"k\":{k}"));
    let texts = [
        ("indexer", indexer),
        ("peer", peer),
        ("address", address),
        ("protocol", protocol),
    ];
    texts.into_iter().for_each(|(key, value)| text(line, key, *value));
    let numbers = [
        ("status", status),
        ("head", head),
        ("start", start),
        ("firstByte", first_byte),
        ("end", end),
        ("bytes", bytes),
    ];
    for (key, value) in numbers {
        if let Some(value) = value {
            put(line, format_args!(",\"{key}\":{value}"));
        }
    }
    text(line, "checksum", *checksum);
    for (key, value) in [("timeout", timeout), ("tooLarge", too_large)] {
        if *value {
            put(line, format_args!(",\"{key}\":true"));
        }
    }
    line.push('}');
}

fn text(line: &mut String, key: &str, value: Option<&str>) {
    if let Some(value) = value {
        put(line, format_args!(",\"{key}\":\"{value}\""));
    }
}

/// Writing to a string cannot fail.
fn put(line: &mut String, part: std::fmt::Arguments<'_>) {
    let _ = line.write_fmt(part);
}
