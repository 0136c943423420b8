//! One measurement as one line of JSON.

use std::borrow::Cow;

use alloy_primitives::Address;
use assize_protocol::address::{AddressError, parse_station};
use assize_protocol::{RoundNumber, TaskIndex};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::measurement::MAX_NUMBER;
use crate::{Measurement, Millis};

/// The line's keys, in the order in which they are written. An absent key is null.
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
    status_code: Option<i64>,
    #[serde(default)]
    head_status_code: Option<i64>,
    #[serde(default)]
    byte_length: Option<i64>,
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

/// The type of a key's value.
#[derive(Clone, Copy)]
enum Kind {
    U64,
    U32,
    Text,
    TextOrNull,
    FlagOrNull,
    NumberOrNull,
}

/// Identifies the invalid field.
const KEYS: [(&str, Kind); 22] = [
    ("round", Kind::U64),
    ("task", Kind::U32),
    ("station", Kind::Text),
    ("cid", Kind::Text),
    ("miner_id", Kind::Text),
    ("provider_id", Kind::TextOrNull),
    ("provider_address", Kind::TextOrNull),
    ("protocol", Kind::TextOrNull),
    ("spark_version", Kind::TextOrNull),
    ("zinnia_version", Kind::TextOrNull),
    ("timeout", Kind::FlagOrNull),
    ("start_at", Kind::TextOrNull),
    ("first_byte_at", Kind::TextOrNull),
    ("end_at", Kind::TextOrNull),
    ("status_code", Kind::NumberOrNull),
    ("head_status_code", Kind::NumberOrNull),
    ("byte_length", Kind::NumberOrNull),
    ("car_too_large", Kind::FlagOrNull),
    ("car_checksum", Kind::TextOrNull),
    ("indexer_result", Kind::TextOrNull),
    ("attestation", Kind::TextOrNull),
    ("signature", Kind::Text),
];

impl Kind {
    fn fits(self, value: &Value) -> bool {
        match self {
            Self::U64 => value.is_u64(),
            Self::U32 => value.as_u64().is_some_and(|number| number <= u32::MAX.into()),
            Self::Text => value.is_string(),
            Self::TextOrNull => value.is_string() || value.is_null(),
            Self::FlagOrNull => value.is_boolean() || value.is_null(),
            Self::NumberOrNull => {
                value.is_null()
                    || value
                        .as_i64()
                        .is_some_and(|number| (0..=MAX_NUMBER).contains(&number))
            }
        }
    }

    fn describe(self) -> &'static str {
        match self {
            Self::U64 => "a whole number below 2^64",
            Self::U32 => "a whole number below 2^32",
            Self::Text => "a string",
            Self::TextOrNull => "a string or null",
            Self::FlagOrNull => "true, false or null",
            Self::NumberOrNull => "a whole number from 0 to 2^53 - 1, or null",
        }
    }
}

/// Why a line is not a measurement: the field, or `line` for the whole, and the problem.
pub(crate) type Fault = (&'static str, String);

impl Measurement {
    /// The measurement as one line of JSON, without the line feed: the canonical form in batches.
    #[must_use]
    pub fn to_line(&self) -> String {
        fn text(text: &Option<String>) -> Option<Cow<'_, str>> {
            text.as_deref().map(Cow::Borrowed)
        }
        let time = |time: Option<Millis>| time.map(|time| Cow::Owned(time.to_string()));
        let raw = Raw {
            round: self.round.0,
            task: self.task.0,
            station: Cow::Owned(format!("{:#x}", self.station)),
            cid: Cow::Borrowed(self.cid.as_str()),
            miner_id: Cow::Borrowed(self.miner_id.as_str()),
            provider_id: text(&self.provider_id),
            provider_address: text(&self.provider_address),
            protocol: text(&self.protocol),
            spark_version: text(&self.spark_version),
            zinnia_version: text(&self.zinnia_version),
            timeout: Some(self.timeout),
            start_at: time(self.start_at),
            first_byte_at: time(self.first_byte_at),
            end_at: time(self.end_at),
            status_code: self.status_code,
            head_status_code: self.head_status_code,
            byte_length: self.byte_length,
            car_too_large: Some(self.car_too_large),
            car_checksum: text(&self.car_checksum),
            indexer_result: text(&self.indexer_result),
            attestation: text(&self.attestation),
            signature: Cow::Owned(self.signature.to_string()),
        };
        // Strings, numbers and booleans under fixed keys can always be serialized.
        serde_json::to_string(&raw).unwrap_or_default()
    }
}

/// Parses one line.
pub(crate) fn parse(line: &[u8]) -> Result<Measurement, Fault> {
    let text = std::str::from_utf8(line).map_err(|error| ("line", format!("is not UTF-8: {error}")))?;
    // serde would also accept an array of the values.
    if !text.trim_ascii_start().starts_with('{') {
        return Err(("line", "is not a JSON object".to_owned()));
    }
    let raw: Raw = serde_json::from_str(text).map_err(|error| explain(text, &error))?;
    Ok(Measurement {
        round: RoundNumber(raw.round),
        task: TaskIndex(raw.task),
        station: address(&raw.station)?,
        cid: required("cid", raw.cid)?.into(),
        miner_id: required("miner_id", raw.miner_id)?.into(),
        provider_id: optional(raw.provider_id),
        provider_address: optional(raw.provider_address),
        protocol: optional(raw.protocol),
        spark_version: optional(raw.spark_version),
        zinnia_version: optional(raw.zinnia_version),
        timeout: raw.timeout.unwrap_or_default(),
        start_at: time("start_at", raw.start_at)?,
        first_byte_at: time("first_byte_at", raw.first_byte_at)?,
        end_at: time("end_at", raw.end_at)?,
        status_code: number("status_code", raw.status_code)?,
        head_status_code: number("head_status_code", raw.head_status_code)?,
        byte_length: number("byte_length", raw.byte_length)?,
        car_too_large: raw.car_too_large.unwrap_or_default(),
        car_checksum: optional(raw.car_checksum),
        indexer_result: optional(raw.indexer_result),
        attestation: optional(raw.attestation),
        signature: raw
            .signature
            .parse()
            .map_err(|error| ("signature", format!("{error}")))?,
    })
}

/// An address in one case, or with correct EIP-55 capitals.
fn address(text: &str) -> Result<Address, Fault> {
    match parse_station(text) {
        Ok(address) => Ok(address),
        // Well-formed, but in no roster.
        Err(AddressError::Zero) => Ok(Address::ZERO),
        Err(AddressError::CapitalsChecksum { expected, .. }) => Err((
            "station",
            format!("`{text}` fails its EIP-55 checksum: correct is {expected}"),
        )),
        Err(_) => Err((
            "station",
            format!("`{}` is not an address: 0x and 40 hex digits", clip(text)),
        )),
    }
}

fn required(field: &'static str, text: Cow<'_, str>) -> Result<String, Fault> {
    match text.is_empty() {
        true => Err((field, "must not be empty".to_owned())),
        false => Ok(text.into_owned()),
    }
}

/// The empty string means null: both have the same digest.
fn optional(text: Option<Cow<'_, str>>) -> Option<String> {
    text.filter(|text| !text.is_empty()).map(Cow::into_owned)
}

fn time(field: &'static str, text: Option<Cow<'_, str>>) -> Result<Option<Millis>, Fault> {
    match text.filter(|text| !text.is_empty()) {
        None => Ok(None),
        Some(text) => match text.parse() {
            Ok(time) => Ok(Some(time)),
            Err(error) => Err((field, format!("`{}` {error}", clip(&text)))),
        },
    }
}

fn number(field: &'static str, number: Option<i64>) -> Result<Option<i64>, Fault> {
    match number {
        Some(number) if !(0..=MAX_NUMBER).contains(&number) => {
            Err((field, format!("must be {}", Kind::NumberOrNull.describe())))
        }
        _ => Ok(number),
    }
}

/// Finds the field that the JSON parser rejected; slow, but only invalid lines get here.
fn explain(text: &str, error: &serde_json::Error) -> Fault {
    let reason = error.to_string();
    let reason = reason.split(" at line ").next().unwrap_or(&reason);
    let named = |name: &str| reason.contains(&format!("`{name}`"));
    let structural = reason.starts_with("duplicate field") || reason.starts_with("missing field");
    if let Some((field, _)) = KEYS.iter().find(|(name, _)| structural && named(name)) {
        return (field, reason.to_owned());
    }
    if let Ok(fields) = serde_json::from_str::<Map<String, Value>>(text) {
        for (field, kind) in KEYS {
            if fields.get(field).is_some_and(|value| !kind.fits(value)) {
                return (field, format!("must be {}", kind.describe()));
            }
        }
    }
    ("line", clip(reason).to_string())
}

/// The first 80 characters of untrusted text, for a message.
fn clip(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(80) {
        Some((end, _)) => Cow::Owned(format!("{}…", &text[..end])),
        None => Cow::Borrowed(text),
    }
}
