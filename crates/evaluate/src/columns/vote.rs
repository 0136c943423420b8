//! A station's vote on one task, as numbers.

use assize_measurement::Measurement;

use super::{Id, Strings};

/// A station's report about the indexer: one half of its vote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IndexerVote {
    /// Peer id of the provider.
    pub provider_id: Id,
    /// The indexer's result.
    pub indexer_result: Id,
    /// The multiaddr that the indexer returned.
    pub provider_address: Id,
    /// The protocol that the indexer returned.
    pub protocol: Id,
}

/// A station's vote on one task. Two votes are equal if all fields are; times and status codes do not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vote {
    /// Its report about the indexer.
    pub indexer: IndexerVote,
    /// The code of the retrieval's result.
    pub result: Id,
    /// Checksum of the CAR.
    pub car_checksum: Id,
    /// Length of the body.
    pub byte_length: Length,
}

/// A number of bytes, null, or a missing key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Length(i64);

// Numbers in measurements are within ±(2^53 - 1); two numbers outside represent a missing key and null.
impl Length {
    /// A missing key.
    pub const ABSENT: Self = Self(i64::MIN);
    /// Null.
    pub const NULL: Self = Self(i64::MIN + 1);

    /// A number of bytes within ±(2^53 - 1).
    #[must_use]
    pub const fn of(bytes: i64) -> Self {
        Self(bytes)
    }
}

impl Vote {
    /// The vote of a measurement; its texts become numbers in `strings`.
    pub fn of(measurement: &Measurement, strings: &mut Strings) -> Self {
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
            byte_length: measurement.byte_length.map_or(Length::NULL, Length::of),
        }
    }

    /// The same vote with the number `ids[old]` for each text's number `old`, as [`Strings::absorb`] returns them.
    ///
    /// # Panics
    /// If `ids` lacks one of its numbers.
    #[must_use]
    pub fn renumbered(self, ids: &[Id]) -> Self {
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
