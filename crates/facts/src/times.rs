//! The timetable of a round: what happens when, after it has closed.

use assize_protocol::Parameters;
use serde::{Deserialize, Serialize};

use crate::FileKind;

/// The times of a round, Unix seconds (docs/protocol.md §3.1). A last second belongs to its window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Times {
    /// Stations measure until then.
    pub closes_at: u64,
    /// The last second in which publishers commit lists of seals.
    pub seals_until: u64,
    /// The last second in which a station commits its own seal.
    pub own_seals_until: u64,
    /// From then, no seal can be undone by a reorganisation. Also the last second in which an ingest accepts measurements.
    pub show_from: u64,
    /// The last second in which publishers commit batches.
    pub publish_until: u64,
    /// The last second in which a station commits its own report, and in which the seed can be revealed.
    pub commits_until: u64,
    /// After then, the dedupe beacon is published, and the round can be evaluated and settled.
    pub dedupe_from: u64,
    /// From then, evaluators may object to files that they could not get.
    pub objections_from: u64,
}

impl Times {
    /// The names of the times in JSON, in their order.
    pub const NAMES: [&str; 8] = [
        "closesAt",
        "sealsUntil",
        "ownSealsUntil",
        "showFrom",
        "publishUntil",
        "commitsUntil",
        "dedupeFrom",
        "objectionsFrom",
    ];

    /// The timetable of a round that closes at `closes_at`, with this `step` in seconds.
    #[must_use]
    pub fn of(closes_at: u64, step: u32) -> Self {
        let after = |steps: u64| closes_at.saturating_add(steps * u64::from(step));
        Self {
            closes_at,
            seals_until: after(3),
            own_seals_until: after(6),
            show_from: after(11),
            publish_until: after(21),
            commits_until: after(27),
            dedupe_from: after(32),
            objections_from: after(147),
        }
    }

    /// The timetable of a round that opened at `opened_at` with these parameters (docs/protocol.md §3).
    #[must_use]
    pub fn of_round(opened_at: u64, parameters: &Parameters) -> Self {
        let closes_at = opened_at.saturating_add(parameters.round_duration.into());
        Self::of(closes_at, parameters.step)
    }

    /// The times in the order of [`Self::NAMES`].
    #[must_use]
    pub fn values(&self) -> [u64; 8] {
        let &Self {
            closes_at,
            seals_until,
            own_seals_until,
            show_from,
            publish_until,
            commits_until,
            dedupe_from,
            objections_from,
        } = self;
        [
            closes_at,
            seals_until,
            own_seals_until,
            show_from,
            publish_until,
            commits_until,
            dedupe_from,
            objections_from,
        ]
    }

    /// Whether an ingest accepts a measurement that arrives at `now`; the rest of the time is the publisher's (docs/protocol.md
    /// §9.1).
    #[must_use]
    pub fn accepts_measurements(&self, now: u64) -> bool {
        now <= self.show_from
    }

    /// Whether publishers may commit lists of seals at `now`.
    #[must_use]
    pub fn accepts_seals(&self, now: u64) -> bool {
        now <= self.seals_until
    }

    /// Whether a station may commit its own seal at `now`.
    #[must_use]
    pub fn accepts_own_seals(&self, now: u64) -> bool {
        now <= self.own_seals_until
    }

    /// Whether publishers may commit batches at `now`.
    #[must_use]
    pub fn accepts_batches(&self, now: u64) -> bool {
        now <= self.publish_until
    }

    /// Whether a station may commit its own report at `now` (docs/protocol.md §9.6).
    #[must_use]
    pub fn accepts_own_reports(&self, now: u64) -> bool {
        now <= self.commits_until
    }

    /// Whether the seed can still be revealed at `now` (docs/protocol.md §3).
    #[must_use]
    pub fn accepts_reveal(&self, now: u64) -> bool {
        now <= self.commits_until
    }

    /// Whether the round is over at `now`: nothing more can be committed, and it can be evaluated and settled (docs/protocol.md
    /// §11, §12).
    #[must_use]
    pub fn is_over(&self, now: u64) -> bool {
        now > self.dedupe_from
    }

    /// The first second in which evaluators may object to a file of this kind (docs/protocol.md §11.3).
    #[must_use]
    pub fn objections_from(&self, kind: FileKind) -> u64 {
        match kind {
            FileKind::Seals => self.show_from,
            FileKind::Roster | FileKind::Tasks | FileKind::Lines => self.objections_from,
        }
    }
}
