//! The vote of a Spark row.

use assize_evaluate::columns::{Id, IndexerVote, Length, Strings, Vote};

use crate::row::{Field, Row};

/// The vote of a row; `result` is the number of its result's code.
pub(crate) fn vote(row: &Row<'_>, result: Id, strings: &mut Strings) -> Vote {
    Vote {
        indexer: IndexerVote {
            provider_id: intern(strings, &row.provider_id),
            indexer_result: intern(strings, &row.indexer_result),
            provider_address: intern(strings, &row.provider_address),
            protocol: strings.intern_option(row.protocol().as_deref()),
        },
        result,
        car_checksum: intern(strings, &row.car_checksum),
        byte_length: match row.byte_length {
            Field::Absent => Length::ABSENT,
            Field::Null => Length::NULL,
            Field::Value(length) => Length::of(length),
        },
    }
}

/// The number of a field's text; a missing key and null have different numbers.
pub(crate) fn intern<T: AsRef<str>>(strings: &mut Strings, field: &Field<T>) -> Id {
    match field {
        Field::Absent => Id::ABSENT,
        Field::Null => Id::NULL,
        Field::Value(text) => strings.intern(text.as_ref()),
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use assize_evaluate::{Finding, decide};
    use serde::Deserialize;
    use serde_json::{Map, Value};

    use super::*;

    #[derive(Deserialize)]
    struct Vectors {
        base: Map<String, Value>,
        cases: Vec<Case>,
    }

    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Case {
        field: String,
        values: Vec<Value>,
        required_committee_size: usize,
        decision: Map<String, Value>,
        consensus: Vec<String>,
    }

    fn vote_of(measurement: &Map<String, Value>, strings: &mut Strings) -> Vote {
        let text = |field: &str| match measurement.get(field) {
            None => Field::Absent,
            Some(Value::String(text)) => Field::Value(Cow::Borrowed(text.as_str())),
            Some(other) => panic!("{other}"),
        };
        let row = Row {
            provider_id: text("providerId"),
            indexer_result: text("indexerResult"),
            provider_address: text("provider_address"),
            protocol: text("protocol"),
            car_checksum: text("carChecksum"),
            byte_length: Field::Value(measurement["byte_length"].as_i64().unwrap()),
            ..Row::default()
        };
        let result = strings.intern(measurement["retrievalResult"].as_str().unwrap());
        vote(&row, result, strings)
    }

    /// Spark's own cases.
    #[test]
    fn committees_decide_as_sparks_did() {
        let vectors: Vectors =
            serde_json::from_str(include_str!("../tests/fixtures/committee_majority.json")).unwrap();
        assert_eq!(vectors.cases.len(), 12);
        for (number, case) in vectors.cases.into_iter().enumerate() {
            let mut strings = Strings::new();
            let votes: Vec<_> = case
                .values
                .into_iter()
                .map(|value| {
                    let mut measurement = vectors.base.clone();
                    let previous = measurement.insert(case.field.clone(), value);
                    assert!(previous.is_some(), "case {number} varies an unknown field");
                    vote_of(&measurement, &mut strings)
                })
                .collect();
            let (ruling, verdicts) = decide(&votes, votes.len() >= case.required_committee_size);
            let decision = ruling.text(&strings);

            let verdicts: Vec<_> = verdicts.iter().map(ToString::to_string).collect();
            assert_eq!(verdicts, case.consensus, "case {number}");
            assert_eq!(
                case.decision,
                Map::from_iter([
                    (
                        "indexMajorityFound".into(),
                        decision.indexer.majority().is_some().into()
                    ),
                    ("indexerResult".into(), decision.indexer.to_string().into()),
                    (
                        "retrievalMajorityFound".into(),
                        decision.retrieval.majority().is_some().into()
                    ),
                    ("retrievalResult".into(), decision.retrieval.to_string().into()),
                ]),
                "case {number}"
            );
        }
    }

    #[test]
    fn missing_values_agree_only_with_each_other() {
        let mut strings = Strings::new();
        let result = strings.intern("IPNI_NO_VALID_ADVERTISEMENT");
        let mut cast = |byte_length| {
            let row = Row {
                indexer_result: Field::Value("NO_VALID_ADVERTISEMENT".into()),
                byte_length,
                ..Row::default()
            };
            vote(&row, result, &mut strings)
        };
        let votes = [Field::Absent, Field::Null, Field::Value(0)].map(&mut cast);
        let (ruling, _) = decide(&votes, true);
        let decision = ruling.text(&strings);
        assert_eq!(
            decision.indexer,
            Finding::Majority("NO_VALID_ADVERTISEMENT".into())
        );
        assert_eq!(decision.retrieval, Finding::MajorityNotFound);
    }

    #[test]
    fn a_missing_key_and_null_and_the_empty_text_are_apart() {
        let mut strings = Strings::new();
        let ids = [Field::Absent, Field::Null, Field::Value("")].map(|field| intern(&mut strings, &field));
        assert_eq!(ids[..2], [Id::ABSENT, Id::NULL]);
        assert!(!ids[..2].contains(&ids[2]));
    }
}
