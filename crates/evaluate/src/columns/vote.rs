//! What a station says of one task, as numbers.

use assize_measurement::Measurement;
use assize_measurement::spark::{Field, Row};

use super::{Id, Strings};

/// What a station says of the indexer: one half of its vote (SPARK.md §2.5, step 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct IndexerVote {
    /// Peer id of the provider.
    pub provider_id: Id,
    /// What the indexer said.
    pub indexer_result: Id,
    /// Where it sent the station.
    pub provider_address: Id,
    /// And over which protocol.
    pub protocol: Id,
}

/// What a station says of one task. Votes are equal if all of it is; times and status codes do not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Vote {
    /// Of the indexer.
    pub indexer: IndexerVote,
    /// Of the retrieval: the code.
    pub result: Id,
    /// Checksum of the CAR.
    pub car_checksum: Id,
    /// Bytes of body.
    pub byte_length: Length,
}

/// A number of bytes, or none. Measurements have numbers within ±(2^53 - 1), so two others can stand for none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Length(i64);

impl From<Field<i64>> for Length {
    fn from(field: Field<i64>) -> Self {
        Self(match field {
            Field::Absent => i64::MIN,
            Field::Null => i64::MIN + 1,
            Field::Value(length) => length,
        })
    }
}

impl Vote {
    /// The vote that a measurement casts.
    pub(crate) fn of(measurement: &Measurement, strings: &mut Strings) -> Self {
        let indexer = IndexerVote {
            provider_id: strings.intern_option(measurement.provider_id.as_deref()),
            indexer_result: strings.intern_option(measurement.indexer_result.as_deref()),
            provider_address: strings.intern_option(measurement.provider_address.as_deref()),
            protocol: strings.intern_option(measurement.protocol.as_deref()),
        };
        Self {
            indexer,
            result: strings.intern(&measurement.retrieval_result().to_string()),
            car_checksum: strings.intern_option(measurement.car_checksum.as_deref()),
            byte_length: measurement.byte_length.map_or(Field::Null, Field::Value).into(),
        }
    }

    /// The vote of one of Spark's rows, with the number of its result's code.
    pub(crate) fn of_spark(row: &Row<'_>, result: Id, strings: &mut Strings) -> Self {
        let indexer = IndexerVote {
            provider_id: strings.intern_field(&row.provider_id),
            indexer_result: strings.intern_field(&row.indexer_result),
            provider_address: strings.intern_field(&row.provider_address),
            protocol: strings.intern_option(row.protocol().as_deref()),
        };
        Self {
            indexer,
            result,
            car_checksum: strings.intern_field(&row.car_checksum),
            byte_length: row.byte_length.into(),
        }
    }

    /// The same vote with other numbers for its texts.
    pub(crate) fn renumbered(self, ids: &[Id]) -> Self {
        let renumber = |id: Id| ids[id.index()];
        Self {
            indexer: IndexerVote {
                provider_id: renumber(self.indexer.provider_id),
                indexer_result: renumber(self.indexer.indexer_result),
                provider_address: renumber(self.indexer.provider_address),
                protocol: renumber(self.indexer.protocol),
            },
            result: renumber(self.result),
            car_checksum: renumber(self.car_checksum),
            byte_length: self.byte_length,
        }
    }
}
