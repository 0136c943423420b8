//! One measurement of a report.

use assize_protocol::TaskNumber;

use crate::validity::{Claim, HeadStatus, Invalidity};
use crate::{Millis, RetrievalFacts, RetrievalResult};

/// A measurement of one task. Texts have 1 to 256 printable ASCII characters without `"` and `\`; numbers are at most 2^53 − 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Measured<'a> {
    /// The task, by its number among those of the station's committee.
    pub k: TaskNumber,
    /// The indexer's result: `OK`, `HTTP_NOT_ADVERTISED`, `NO_VALID_ADVERTISEMENT`, `ERROR_…`.
    pub indexer: Option<&'a str>,
    /// The provider's libp2p peer id on chain.
    pub peer: Option<&'a str>,
    /// Multiaddr that the indexer returned.
    pub address: Option<&'a str>,
    /// `http`, `graphsync` or `bitswap`; other texts are kept.
    pub protocol: Option<&'a str>,
    /// HTTP status, or one of Spark's codes from 600 up.
    pub status: Option<u64>,
    /// HTTP status of the HEAD request.
    pub head: Option<u64>,
    /// Start of the retrieval, milliseconds since 1970 by the station's clock.
    pub start: Option<u64>,
    /// Arrival of the body's first byte, milliseconds after the start.
    pub first_byte: Option<u64>,
    /// Arrival of the body's last byte, milliseconds after the start.
    pub end: Option<u64>,
    /// Bytes of body received.
    pub bytes: Option<u64>,
    /// Checksum of the content.
    pub checksum: Option<&'a str>,
    /// Whether the retrieval timed out.
    pub timeout: bool,
    /// Whether the body exceeded the size limit.
    pub too_large: bool,
}

impl Measured<'_> {
    /// A measurement of a task of which nothing is known.
    #[must_use]
    pub const fn of(k: TaskNumber) -> Self {
        Self {
            k,
            indexer: None,
            peer: None,
            address: None,
            protocol: None,
            status: None,
            head: None,
            start: None,
            first_byte: None,
            end: None,
            bytes: None,
            checksum: None,
            timeout: false,
            too_large: false,
        }
    }

    /// The result, by Spark's rules (docs/protocol.md §9.3).
    #[must_use]
    pub fn retrieval_result(&self) -> RetrievalResult {
        let facts = RetrievalFacts {
            indexer_result: self.indexer,
            timeout: self.timeout,
            car_too_large: self.too_large,
            status_code: self.status.and_then(|status| i64::try_from(status).ok()),
            protocol: self.protocol,
            ended: self.end.is_some(),
        };
        facts.result()
    }

    /// Whether its values fit together (docs/protocol.md §9.4).
    ///
    /// # Errors
    /// The first rule that it breaks.
    pub fn check_validity(&self) -> Result<(), Invalidity> {
        let after = |offset: Option<u64>| {
            let at = self.start?.checked_add(offset?)?;
            i64::try_from(at).ok().map(Millis)
        };
        let claim = Claim {
            indexer_result: self.indexer,
            success: self.retrieval_result().is_ok(),
            protocol: self.protocol,
            start_at: after(Some(0)),
            first_byte_at: after(self.first_byte),
            end_at: after(self.end),
            head: match self.head {
                Some(_) => HeadStatus::Number,
                None => HeadStatus::Absent,
            },
        };
        claim.check()
    }
}
