//! One measurement as one line of JSON.

use std::borrow::Cow;

use alloy_primitives::Address;
use assize_protocol::{RoundNumber, TaskIndex};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{Measurement, Millis, Signature};

/// The line's keys, in the order in which they are written. Absent and null are one thing.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw<'a> {
    round: u64,
    task: u32,
    #[serde(borrow)]
    station: Cow<'a, str>,
    #[serde(borrow)]
    cid: Cow<'a, str>,
    #[serde(borrow)]
    miner_id: Cow<'a, str>,
    #[serde(borrow, default)]
    provider_id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    provider_address: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    protocol: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    spark_version: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    zinnia_version: Option<Cow<'a, str>>,
    #[serde(default)]
    timeout: Option<bool>,
    #[serde(borrow, default)]
    start_at: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    first_byte_at: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    end_at: Option<Cow<'a, str>>,
    #[serde(default)]
    status_code: Option<u32>,
    #[serde(default)]
    head_status_code: Option<u32>,
    #[serde(default)]
    byte_length: Option<u32>,
    #[serde(default)]
    car_too_large: Option<bool>,
    #[serde(borrow, default)]
    car_checksum: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    indexer_result: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    attestation: Option<Cow<'a, str>>,
    #[serde(borrow)]
    signature: Cow<'a, str>,
}

/// What a key's value must be; used to name the field at fault.
const SHAPES: [(&str, &str, fn(&Value) -> bool); 22] = [
    ("round", "a whole number below 2^64", |value| value.is_u64()),
    ("task", "a whole number below 2^32", is_u32),
    ("station", "a string", Value::is_string),
    ("cid", "a string", Value::is_string),
    ("miner_id", "a string", Value::is_string),
    ("provider_id", "a string or null", is_text_or_null),
    ("provider_address", "a string or null", is_text_or_null),
    ("protocol", "a string or null", is_text_or_null),
    ("spark_version", "a string or null", is_text_or_null),
    ("zinnia_version", "a string or null", is_text_or_null),
    ("timeout", "a boolean or null", |value| {
        value.is_boolean() || value.is_null()
    }),
    ("start_at", "a string or null", is_text_or_null),
    ("first_byte_at", "a string or null", is_text_or_null),
    ("end_at", "a string or null", is_text_or_null),
    ("status_code", "a whole number below 2^32, or null", |value| {
        is_u32(value) || value.is_null()
    }),
    (
        "head_status_code",
        "a whole number below 2^32, or null",
        |value| is_u32(value) || value.is_null(),
    ),
    ("byte_length", "a whole number below 2^32, or null", |value| {
        is_u32(value) || value.is_null()
    }),
    ("car_too_large", "a boolean or null", |value| {
        value.is_boolean() || value.is_null()
    }),
    ("car_checksum", "a string or null", is_text_or_null),
    ("indexer_result", "a string or null", is_text_or_null),
    ("attestation", "a string or null", is_text_or_null),
    ("signature", "a string", Value::is_string),
];

fn is_u32(value: &Value) -> bool {
    value.as_u64().is_some_and(|number| u32::try_from(number).is_ok())
}

fn is_text_or_null(value: &Value) -> bool {
    value.is_string() || value.is_null()
}

/// Why a line is no measurement: the field, or `line` for the whole, and what is wrong with it.
pub(crate) type Fault = (&'static str, String);

impl Measurement {
    /// The measurement as one line of JSON, without the line's end: the canonical form that batches hold.
    #[must_use]
    pub fn to_line(&self) -> String {
        fn text(text: &Option<String>) -> Option<Cow<'_, str>> {
            text.as_deref().map(Cow::Borrowed)
        }
        let time = |time: Option<Millis>| time.map(|time| Cow::Owned(time.to_string()));
        // Numbers come from a parsed line, or from a station that counts bytes of one retrieval: they fit.
        let number = |number: Option<i64>| number.and_then(|number| u32::try_from(number).ok());
        let raw = Raw {
            round: self.round.0,
            task: self.task.0,
            station: Cow::Owned(self.station.to_checksum(None)),
            cid: Cow::Borrowed(&self.cid),
            miner_id: Cow::Borrowed(&self.miner_id),
            provider_id: text(&self.provider_id),
            provider_address: text(&self.provider_address),
            protocol: text(&self.protocol),
            spark_version: text(&self.spark_version),
            zinnia_version: text(&self.zinnia_version),
            timeout: Some(self.timeout),
            start_at: time(self.start_at),
            first_byte_at: time(self.first_byte_at),
            end_at: time(self.end_at),
            status_code: number(self.status_code),
            head_status_code: number(self.head_status_code),
            byte_length: number(self.byte_length),
            car_too_large: Some(self.car_too_large),
            car_checksum: text(&self.car_checksum),
            indexer_result: text(&self.indexer_result),
            attestation: text(&self.attestation),
            signature: Cow::Owned(self.signature.to_string()),
        };
        // Strings, numbers and booleans under fixed keys: nothing here can fail to be JSON.
        serde_json::to_string(&raw).unwrap_or_default()
    }
}

/// Parses one line.
pub(crate) fn parse(line: &[u8]) -> Result<Measurement, Fault> {
    let text = std::str::from_utf8(line).map_err(|error| ("line", format!("is not UTF-8: {error}")))?;
    let raw: Raw = serde_json::from_str(text).map_err(|error| explain(text, &error))?;
    let address: Address = raw
        .station
        .parse()
        .map_err(|_| ("station", format!("`{}` is not an address", clip(&raw.station))))?;
    let required = |field, text: Cow<str>| match text.is_empty() {
        true => Err((field, "must not be empty".to_owned())),
        false => Ok(text.into_owned()),
    };
    let optional = |text: Option<Cow<str>>| text.filter(|text| !text.is_empty()).map(Cow::into_owned);
    Ok(Measurement {
        round: RoundNumber(raw.round),
        task: TaskIndex(raw.task),
        station: address,
        cid: required("cid", raw.cid)?,
        miner_id: required("miner_id", raw.miner_id)?,
        provider_id: optional(raw.provider_id),
        provider_address: optional(raw.provider_address),
        protocol: optional(raw.protocol),
        spark_version: optional(raw.spark_version),
        zinnia_version: optional(raw.zinnia_version),
        timeout: raw.timeout.unwrap_or_default(),
        start_at: time("start_at", raw.start_at)?,
        first_byte_at: time("first_byte_at", raw.first_byte_at)?,
        end_at: time("end_at", raw.end_at)?,
        status_code: raw.status_code.map(i64::from),
        head_status_code: raw.head_status_code.map(i64::from),
        byte_length: raw.byte_length.map(i64::from),
        car_too_large: raw.car_too_large.unwrap_or_default(),
        car_checksum: optional(raw.car_checksum),
        indexer_result: optional(raw.indexer_result),
        attestation: optional(raw.attestation),
        signature: raw
            .signature
            .parse::<Signature>()
            .map_err(|error| ("signature", error.to_string()))?,
    })
}

fn time(field: &'static str, text: Option<Cow<str>>) -> Result<Option<Millis>, Fault> {
    let Some(text) = text.filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let refuse = |reason: &str| (field, format!("`{}` {reason}", clip(&text)));
    let time: Timestamp = text.parse().map_err(|_| refuse("is not an ISO 8601 time"))?;
    if time < Timestamp::UNIX_EPOCH {
        return Err(refuse("is before 1970"));
    }
    // The station signs milliseconds: a finer time would say more than was signed.
    if time.subsec_nanosecond() % 1_000_000 != 0 {
        return Err(refuse("is finer than a millisecond"));
    }
    Ok(Some(Millis(time.as_millisecond())))
}

/// Finds the field that the JSON reader stumbled over; slow, but only bad lines come here.
fn explain(text: &str, error: &serde_json::Error) -> Fault {
    let reason = error.to_string();
    let reason = reason.split(" at line ").next().unwrap_or(&reason);
    let named = |name: &str| reason.contains(&format!("`{name}`"));
    if reason.starts_with("duplicate field") || reason.starts_with("missing field") {
        if let Some((field, ..)) = SHAPES.iter().find(|(name, ..)| named(name)) {
            return (field, reason.to_owned());
        }
    }
    if let Ok(fields) = serde_json::from_str::<Map<String, Value>>(text) {
        for (field, shape, fits) in SHAPES {
            match fields.get(field) {
                Some(value) if !fits(value) => return (field, format!("must be {shape}")),
                _ => {}
            }
        }
    }
    ("line", clip(reason).to_string())
}

/// The first 80 characters of somebody else's text, for a message.
fn clip(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(80) {
        Some((end, _)) => Cow::Owned(format!("{}…", &text[..end])),
        None => Cow::Borrowed(text),
    }
}
