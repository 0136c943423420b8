//! One row.

use std::borrow::Cow;
use std::fmt;

use assize_measurement::{MAX_NUMBER, RetrievalFacts, RetrievalResult};
use serde::de::{Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::date::{self, parse_date};
use crate::scan::scan;

/// A value that may be missing. Spark distinguished a missing key from null when it compared votes, so both are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Field<T> {
    /// The key is missing.
    #[default]
    Absent,
    /// The value is null.
    Null,
    /// A value.
    Value(T),
}

impl<T> Field<T> {
    /// The value; `None` if it is missing or null.
    pub const fn value(&self) -> Option<&T> {
        match self {
            Self::Value(value) => Some(value),
            Self::Absent | Self::Null => None,
        }
    }
}

/// A time as parsed by `new Date()`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Time {
    /// Milliseconds since the Unix epoch; `None` if it is missing, empty or invalid.
    pub millis: Option<i64>,
    /// Whether it was a string, valid or not.
    pub is_text: bool,
}

impl Time {
    pub(crate) fn of_text(text: &str) -> Self {
        Self {
            millis: parse_date(text),
            is_text: true,
        }
    }
}

/// The status of the HEAD request, which may be any JSON value.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum HeadStatus {
    /// Missing or null.
    #[default]
    Absent,
    /// A number.
    Number(f64),
    /// Anything else.
    SomethingElse,
}

/// A row as Spark's publisher wrote it, without the fields that no rule uses. Unknown keys are ignored, as in Spark.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(expecting = "a JSON object")]
pub struct Row<'a> {
    /// The address to pay: `0x…` or `f410…`.
    #[serde(borrow, default, deserialize_with = "text")]
    pub participant_address: Field<Cow<'a, str>>,
    /// Hex of the station's Ed25519 key in SPKI form.
    #[serde(borrow, default, deserialize_with = "text")]
    pub station_id: Field<Cow<'a, str>>,
    /// Opaque tag of the station's /24.
    #[serde(borrow, default, deserialize_with = "text")]
    pub inet_group: Field<Cow<'a, str>>,
    /// Arrival of the measurement at the API.
    #[serde(default)]
    pub finished_at: Time,
    /// Payload CID.
    #[serde(borrow, default, deserialize_with = "text")]
    pub cid: Field<Cow<'a, str>>,
    /// The provider, `f0…`.
    #[serde(borrow, default, deserialize_with = "text")]
    pub miner_id: Field<Cow<'a, str>>,
    /// libp2p peer id of the provider.
    #[serde(borrow, default, deserialize_with = "text")]
    pub provider_id: Field<Cow<'a, str>>,
    /// Multiaddr that the indexer returned.
    #[serde(borrow, default, deserialize_with = "text")]
    pub provider_address: Field<Cow<'a, str>>,
    /// The protocol as written; Spark converted it to lower case before comparing.
    #[serde(borrow, default, deserialize_with = "text")]
    pub protocol: Field<Cow<'a, str>>,
    /// The indexer's result.
    #[serde(borrow, default, deserialize_with = "text")]
    pub indexer_result: Field<Cow<'a, str>>,
    /// Hex multihash of the CAR's bytes.
    #[serde(borrow, default, deserialize_with = "text")]
    pub car_checksum: Field<Cow<'a, str>>,
    /// Whether the retrieval timed out.
    #[serde(default, deserialize_with = "flag")]
    pub timeout: bool,
    /// Whether the body exceeded the size limit.
    #[serde(default, deserialize_with = "flag")]
    pub car_too_large: bool,
    /// Time of the request.
    #[serde(default)]
    pub start_at: Time,
    /// Arrival of the body's first byte.
    #[serde(default)]
    pub first_byte_at: Time,
    /// Arrival of the body's last byte.
    #[serde(default)]
    pub end_at: Time,
    /// HTTP status, or one of Spark's codes from 600 up.
    #[serde(default, deserialize_with = "status")]
    pub status_code: Option<i64>,
    /// Status of the HEAD request.
    #[serde(default)]
    pub head_status_code: HeadStatus,
    /// Bytes of body received.
    #[serde(default, deserialize_with = "number")]
    pub byte_length: Field<i64>,
}

/// Maximum length of a row, bytes. Spark's API accepted bodies of up to 100 kB.
pub const MAX_ROW: usize = 1 << 17;

/// The invalid field, or `line` for the whole, and the problem.
pub type Fault = (&'static str, String);

/// How lines are parsed. Both parsers give the same result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Parser {
    /// Scans lines in the publisher's format; passes all others to the reference.
    #[default]
    Fast,
    /// Every line by `serde_json`.
    Reference,
}

impl Parser {
    /// Reads one line.
    ///
    /// # Errors
    /// The invalid field and the reason.
    pub fn parse(self, line: &[u8]) -> Result<Row<'_>, Fault> {
        if line.len() > MAX_ROW {
            return Err(too_long(line.len() as u64));
        }
        let text = std::str::from_utf8(line).map_err(|error| ("line", format!("is not UTF-8: {error}")))?;
        match self {
            Self::Fast => scan(text.trim_ascii()).map_or_else(|| parse(text), Ok),
            Self::Reference => parse(text),
        }
    }
}

/// The error for a row of this many bytes.
#[must_use]
pub fn too_long(bytes: u64) -> Fault {
    ("line", format!("is {bytes} bytes long; the maximum is {MAX_ROW}"))
}

fn parse(text: &str) -> Result<Row<'_>, Fault> {
    // A derived parser would accept a list of values as an object without its keys.
    if !text.trim_ascii_start().starts_with('{') {
        return Err(match serde_json::from_str::<IgnoredAny>(text) {
            Ok(_) => ("line", "is not a JSON object".into()),
            Err(error) => ("line", format!("is not JSON: {error}")),
        });
    }
    serde_json::from_str(text).map_err(|error| explain(text, &error))
}

/// Reads Spark's legacy format: one line with a list of rows.
///
/// # Errors
/// The problem with the list as a whole; an invalid row does not affect the others.
pub fn parse_list(list: &[u8]) -> Result<Vec<Result<Row<'_>, Fault>>, Fault> {
    let rows: Vec<&RawValue> =
        serde_json::from_slice(list).map_err(|error| ("line", format!("is not JSON: {error}")))?;
    Ok(rows
        .into_iter()
        .map(|row| Parser::Reference.parse(row.get().as_bytes()))
        .collect())
}

impl Row<'_> {
    /// The retrieval result, from the protocol as written, before it is converted to lower case.
    #[must_use]
    pub fn retrieval_result(&self) -> RetrievalResult {
        let facts = RetrievalFacts {
            indexer_result: self.indexer_result.value(),
            timeout: self.timeout,
            car_too_large: self.car_too_large,
            status_code: self.status_code,
            protocol: self.protocol.value(),
            ended: self.end_at.is_text,
        };
        facts.result()
    }

    /// The protocol in lower case; null counts as missing, as in Spark.
    #[must_use]
    pub fn protocol(&self) -> Option<Cow<'_, str>> {
        let protocol = self.protocol.value()?;
        let is_small = protocol
            .bytes()
            .all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase());
        Some(match is_small {
            true => Cow::Borrowed(protocol),
            false => Cow::Owned(protocol.to_lowercase()),
        })
    }
}

/// Finds the field that the JSON parser rejected; slow, but only invalid lines get here.
fn explain(text: &str, error: &serde_json::Error) -> Fault {
    let reason = error.to_string();
    for (field, _) in KINDS {
        if reason.starts_with(&format!("duplicate field `{field}`")) {
            return (field, "occurs twice".into());
        }
    }
    if let Ok(fields) = serde_json::from_str::<Map<String, Value>>(text) {
        for (field, kind) in KINDS {
            if fields.get(field).is_some_and(|value| !kind.fits(value)) {
                return (field, format!("must be {}", kind.describe()));
            }
        }
    }
    ("line", format!("is not JSON: {reason}"))
}

#[derive(Clone, Copy)]
enum Kind {
    Text,
    Time,
    Flag,
    Number,
    Anything,
}

impl Kind {
    fn fits(self, value: &Value) -> bool {
        value.is_null()
            || match self {
                Self::Text => value.is_string(),
                Self::Time => value.is_string() || value.is_number(),
                Self::Flag => value.is_boolean(),
                // Exact up to 2^53; larger numbers stay larger.
                Self::Number => value.as_f64().is_some_and(is_whole),
                Self::Anything => true,
            }
    }

    const fn describe(self) -> &'static str {
        match self {
            Self::Text => "a string or null",
            Self::Time => "a time or null",
            Self::Flag => "true, false or null",
            Self::Number => "a whole number within ±(2^53 - 1) or null",
            Self::Anything => "JSON",
        }
    }
}

/// The fields of [`Row`].
const KINDS: [(&str, Kind); 19] = [
    ("participant_address", Kind::Text),
    ("station_id", Kind::Text),
    ("inet_group", Kind::Text),
    ("finished_at", Kind::Time),
    ("cid", Kind::Text),
    ("miner_id", Kind::Text),
    ("provider_id", Kind::Text),
    ("provider_address", Kind::Text),
    ("protocol", Kind::Text),
    ("indexer_result", Kind::Text),
    ("car_checksum", Kind::Text),
    ("timeout", Kind::Flag),
    ("car_too_large", Kind::Flag),
    ("start_at", Kind::Time),
    ("first_byte_at", Kind::Time),
    ("end_at", Kind::Time),
    ("status_code", Kind::Number),
    ("head_status_code", Kind::Anything),
    ("byte_length", Kind::Number),
];

fn text<'de: 'a, 'a, D: Deserializer<'de>>(deserializer: D) -> Result<Field<Cow<'a, str>>, D::Error> {
    struct Text;
    impl<'de> Visitor<'de> for Text {
        type Value = Field<Cow<'de, str>>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(Kind::Text.describe())
        }

        fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
            Ok(Field::Value(Cow::Borrowed(text)))
        }

        fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
            Ok(Field::Value(Cow::Owned(text.to_owned())))
        }

        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok(Field::Null)
        }
    }
    deserializer.deserialize_any(Text)
}

fn flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// JavaScript has one number type: 200.0 and 2e2 are 200.
fn status<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    struct Whole;
    impl<'de> Visitor<'de> for Whole {
        type Value = Option<i64>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(Kind::Number.describe())
        }

        fn visit_i64<E: Error>(self, number: i64) -> Result<Option<i64>, E> {
            match number.abs_diff(0) <= MAX_NUMBER.unsigned_abs() {
                true => Ok(Some(number)),
                false => Err(E::custom(Kind::Number.describe())),
            }
        }

        fn visit_u64<E: Error>(self, number: u64) -> Result<Option<i64>, E> {
            self.visit_i64(i64::try_from(number).unwrap_or(i64::MAX))
        }

        fn visit_f64<E: Error>(self, number: f64) -> Result<Option<i64>, E> {
            match is_whole(number) {
                true => Ok(Some(number as i64)),
                false => Err(E::custom(Kind::Number.describe())),
            }
        }

        fn visit_unit<E>(self) -> Result<Option<i64>, E> {
            Ok(None)
        }
    }
    deserializer.deserialize_any(Whole)
}

fn is_whole(number: f64) -> bool {
    number.fract() == 0.0 && number.abs() <= MAX_NUMBER as f64
}

fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Field<i64>, D::Error> {
    Ok(status(deserializer)?.map_or(Field::Null, Field::Value))
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Moment;
        impl<'de> Visitor<'de> for Moment {
            type Value = Time;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(Kind::Time.describe())
            }

            fn visit_str<E>(self, text: &str) -> Result<Time, E> {
                Ok(Time::of_text(text))
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<Time, E> {
                self.visit_f64(number as f64)
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<Time, E> {
                self.visit_f64(number as f64)
            }

            fn visit_f64<E>(self, number: f64) -> Result<Time, E> {
                Ok(Time {
                    millis: date::of_number(number),
                    is_text: false,
                })
            }

            fn visit_unit<E>(self) -> Result<Time, E> {
                Ok(Time::default())
            }
        }
        deserializer.deserialize_any(Moment)
    }
}

impl<'de> Deserialize<'de> for HeadStatus {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Anything;
        impl<'de> Visitor<'de> for Anything {
            type Value = HeadStatus;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(Kind::Anything.describe())
            }

            fn visit_i64<E>(self, number: i64) -> Result<HeadStatus, E> {
                Ok(HeadStatus::Number(number as f64))
            }

            fn visit_u64<E>(self, number: u64) -> Result<HeadStatus, E> {
                Ok(HeadStatus::Number(number as f64))
            }

            fn visit_f64<E>(self, number: f64) -> Result<HeadStatus, E> {
                Ok(HeadStatus::Number(number))
            }

            fn visit_unit<E>(self) -> Result<HeadStatus, E> {
                Ok(HeadStatus::Absent)
            }

            fn visit_bool<E>(self, _: bool) -> Result<HeadStatus, E> {
                Ok(HeadStatus::SomethingElse)
            }

            fn visit_str<E>(self, _: &str) -> Result<HeadStatus, E> {
                Ok(HeadStatus::SomethingElse)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<HeadStatus, A::Error> {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(HeadStatus::SomethingElse)
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<HeadStatus, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(HeadStatus::SomethingElse)
            }
        }
        deserializer.deserialize_any(Anything)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::Rules;

    const PARSERS: [Parser; 2] = [Parser::Fast, Parser::Reference];

    /// In the publisher's format.
    const LINE: &str = concat!(
        r#"{"id":"123","spark_version":"1.20.0","zinnia_version":"0.20.0","#,
        r#""participant_address":"f410ftgmzttyqi3ti4nxbvixa4byql3o5d4eo3jtc43i","#,
        r#""station_id":"8888888888888888888888888888888888888888888888888888888888888888888888888888888888888888","#,
        r#""finished_at":"2023-11-01T09:42:03.246Z","timeout":false,"start_at":"2023-11-01T09:40:03.000Z","#,
        r#""status_code":200,"head_status_code":200,"first_byte_at":"2023-11-01T09:40:04.000Z","#,
        r#""end_at":"2023-11-01T09:40:05.000Z","byte_length":200,"attestation":null,"inet_group":"uFOO","#,
        r#""car_too_large":false,"car_checksum":"1220aa","indexer_result":"OK","miner_id":"f0123","#,
        r#""provider_id":"12D3","cid":"bafkreiabc","provider_address":"/dns/x/tcp/443/https","protocol":"http"}"#
    );

    fn with(field: &str, value: Value) -> String {
        let mut row: Value = serde_json::from_str(LINE).unwrap();
        row[field] = value;
        row.to_string()
    }

    fn parse_both(line: &str) -> Result<Row<'_>, Fault> {
        let [fast, reference] = PARSERS.map(|parser| parser.parse(line.as_bytes()));
        assert_eq!(fast, reference, "{line}");
        reference
    }

    #[test]
    fn a_row_is_read_as_spark_did() {
        assert!(scan(LINE).is_some(), "the publisher's format is scanned");
        let row = parse_both(LINE).unwrap();
        assert_eq!(row.retrieval_result().to_string(), "OK");
        assert_eq!(row.finished_at.millis, Some(1_698_831_723_246));
        assert_eq!(row.byte_length, Field::Value(200));
        assert_eq!(row.check_validity(Rules::December2025), Ok(()));
        let shouted = with("protocol", json!("HTTP"));
        assert_eq!(parse_both(&shouted).unwrap().protocol().as_deref(), Some("http"));
        // The result is from the protocol as written, before it is converted to lower case.
        let both = shouted.replace("\"status_code\":200", "\"status_code\":502");
        assert_eq!(
            parse_both(&both).unwrap().retrieval_result().to_string(),
            "LASSIE_502"
        );
        let no_time = with("finished_at", json!("yesterday"));
        assert_eq!(parse_both(&no_time).unwrap().finished_at.millis, None);
        let empty = with("end_at", json!(""));
        assert_eq!(parse_both(&empty).unwrap().retrieval_result().to_string(), "OK");
        let number = with("end_at", json!(1_698_831_723_246_i64));
        let row = parse_both(&number).unwrap();
        assert_eq!(
            (row.end_at.millis, row.retrieval_result()),
            (Some(1_698_831_723_246), RetrievalResult::UnknownError)
        );
    }

    #[test]
    fn results_are_sparks() {
        let file: Value = serde_json::from_str(include_str!(
            "../../measurement/tests/fixtures/retrieval_result.json"
        ))
        .unwrap();
        for case in file["cases"].as_array().unwrap() {
            let mut fields = file["base"].as_object().unwrap().clone();
            fields.extend(case["override"].as_object().unwrap().clone());
            for absent in case["absentFields"].as_array().unwrap() {
                fields.remove(absent.as_str().unwrap());
            }
            let line = Value::Object(fields).to_string();
            // Neither a missing indexer result nor null is valid, so the difference is not visible.
            let expected = case["expected"]
                .as_str()
                .unwrap()
                .replace("IPNI_undefined", "IPNI_null");
            assert_eq!(
                parse_both(&line).unwrap().retrieval_result().to_string(),
                expected,
                "{case}"
            );
        }
    }

    #[test]
    fn numbers_are_javascripts() {
        for (text, length) in [("200.0", 200), ("2e2", 200), ("-0", 0), ("-0.0", 0), ("-5", -5)] {
            let line = LINE.replace("\"byte_length\":200", &format!("\"byte_length\":{text}"));
            assert_eq!(
                parse_both(&line).unwrap().byte_length,
                Field::Value(length),
                "{text}"
            );
        }
    }

    #[test]
    fn a_missing_key_is_not_null() {
        let absent = LINE.replace(r#""car_checksum":"1220aa","#, "");
        assert_eq!(parse_both(&absent).unwrap().car_checksum, Field::Absent);
        let null = LINE.replace("\"1220aa\"", "null");
        assert_eq!(parse_both(&null).unwrap().car_checksum, Field::Null);
    }

    #[test]
    fn bad_rows_are_explained() {
        for (line, field, word) in [
            ("not json".into(), "line", "is not JSON"),
            ("[1]".into(), "line", "is not a JSON object"),
            ("7".into(), "line", "is not a JSON object"),
            (LINE[..300].into(), "line", "is not JSON"),
            (with("status_code", json!("200")), "status_code", "whole number"),
            (with("byte_length", json!(1.5)), "byte_length", "whole number"),
            (with("byte_length", json!(1e300)), "byte_length", "whole number"),
            (
                with("byte_length", json!(1_i64 << 53)),
                "byte_length",
                "whole number",
            ),
            (
                with("status_code", json!(i64::MIN)),
                "status_code",
                "whole number",
            ),
            (with("timeout", json!("no")), "timeout", "true, false"),
            (with("cid", json!(7)), "cid", "a string"),
            (with("end_at", json!([])), "end_at", "a time"),
            (LINE.replace(":200,", ":NaN,"), "line", "is not JSON"),
            (
                LINE.replace("\"cid\"", "\"miner_id\":null,\"cid\""),
                "miner_id",
                "twice",
            ),
            ("x".repeat(MAX_ROW + 1), "line", "the maximum is 131072"),
        ] {
            let (found, reason) = parse_both(&line).unwrap_err();
            assert_eq!(found, field, "{line}: {reason}");
            assert!(reason.contains(word), "{line}: {reason}");
        }
        assert!(Parser::Fast.parse(b"\xff").unwrap_err().1.contains("UTF-8"));
    }

    #[test]
    fn a_list_has_good_and_bad_rows() {
        let list = format!("[{LINE},7,{LINE}]");
        let rows = parse_list(list.as_bytes()).unwrap();
        assert_eq!(
            rows.iter().map(Result::is_ok).collect::<Vec<_>>(),
            [true, false, true]
        );
        assert!(parse_list(&list.as_bytes()[..list.len() - 1]).is_err());
    }

    /// Rows, most of them in the publisher's format or nearly so.
    fn lines() -> impl Strategy<Value = String> {
        let value = prop_oneof![
            Just("null".to_owned()),
            Just("true".to_owned()),
            Just("-0".to_owned()),
            Just("\"2023-11-01T09:42:03.246Z\"".to_owned()),
            any::<i64>().prop_map(|number| number.to_string()),
            any::<f64>().prop_map(|number| number.to_string()),
            "\"[a-z/\\\\\"u0-9\u{e9}\u{1}]{0,8}\"",
            "[0-9{}\\[\\],.eE+-]{0,6}",
        ];
        let change = (0_usize..23, value, 0..6_u8);
        proptest::collection::vec(change, 0..4).prop_map(|changes| {
            let row: Map<String, Value> = serde_json::from_str(LINE).unwrap();
            let mut fields: Vec<_> = row
                .into_iter()
                .map(|(key, value)| (key, value.to_string()))
                .collect();
            for (at, value, how) in changes {
                let at = at % fields.len();
                match how {
                    0 => drop(fields.remove(at)),
                    1 => fields.insert(0, fields[at].clone()),
                    2 => fields.rotate_left(at),
                    _ => fields[at].1 = value,
                }
            }
            let fields: Vec<_> = fields
                .iter()
                .map(|(key, value)| format!("\"{key}\":{value}"))
                .collect();
            format!("{{{}}}", fields.join(","))
        })
    }

    proptest! {
        #[test]
        fn both_parsers_read_the_same(line in lines()) {
            let _ = parse_both(&line);
        }

        #[test]
        fn both_parsers_read_damaged_rows_alike(at in 0..LINE.len(), byte: u8) {
            let mut line = LINE.as_bytes().to_vec();
            line[at] = byte;
            let [fast, reference] = PARSERS.map(|parser| parser.parse(&line));
            prop_assert_eq!(fast, reference);
        }

        #[test]
        fn no_line_makes_a_parser_panic(line: Vec<u8>, head in prop_oneof![Just("["), Just("{\"id\":"), Just("")]) {
            let line = [head.as_bytes(), &line].concat();
            let [fast, reference] = PARSERS.map(|parser| parser.parse(&line));
            prop_assert_eq!(fast, reference);
            let _ = parse_list(&line);
        }
    }
}
