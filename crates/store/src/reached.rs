//! What a failed read says about the places that were asked.

use crate::{GatewayFault, StoreError};

/// What a failed read says about the places that were asked: whether the file is not there, or only out of reach.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reached {
    /// A gateway answered: it does not have the file, or gave another one.
    pub answered: bool,
    /// A gateway could not be reached, was too slow, failed, or is left out for that.
    pub silent: bool,
    /// This machine or its own store is at fault, so that nothing is known of the others.
    pub local: bool,
}

impl Reached {
    /// A source answered.
    pub const ANSWER: Self = Self {
        answered: true,
        silent: false,
        local: false,
    };
    const SILENCE: Self = Self {
        answered: false,
        silent: true,
        local: false,
    };
    /// This machine is at fault.
    pub const LOCAL: Self = Self {
        answered: false,
        silent: false,
        local: true,
    };

    /// What two reads say together.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self {
            answered: self.answered | other.answered,
            silent: self.silent | other.silent,
            local: self.local | other.local,
        }
    }
}

impl StoreError {
    /// What it says about the places that were asked. A store that just does not have the file says nothing.
    #[must_use]
    pub fn reached(&self) -> Reached {
        match self {
            Self::NotFound { .. } => Reached::default(),
            Self::TooLong { .. } => Reached::ANSWER,
            Self::Gateways { failures, .. } => failures.iter().fold(Reached::default(), |all, failure| {
                all.and(failure.fault.reached())
            }),
            Self::Nowhere { failures, .. } => failures
                .iter()
                .fold(Reached::default(), |all, failure| all.and(failure.reached())),
            Self::NoStore { .. } | Self::GatewayUrl { .. } | Self::Corrupt { .. } | Self::Io { .. } => {
                Reached::LOCAL
            }
            #[cfg(feature = "s3")]
            Self::Bucket { .. } => Reached::LOCAL,
            #[cfg(feature = "kubo")]
            Self::Node { .. } => Reached::LOCAL,
        }
    }
}

impl GatewayFault {
    fn reached(&self) -> Reached {
        match self {
            Self::Status(404 | 410) | Self::TooLong(_) | Self::Answer(_) => Reached::ANSWER,
            // One that is left out says nothing now: it may be this machine's network that is slow.
            Self::Transport(_) | Self::Silent(_) | Self::Slow(_) | Self::LeftOut { .. } | Self::Status(_) => {
                Reached::SILENCE
            }
            Self::Disk(_) => Reached::LOCAL,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::path::PathBuf;

    use assize_measurement::unixfs::file_cid;

    use super::*;
    use crate::{GatewayFailure, TimeOfDay};

    #[test]
    fn what_is_not_there_differs_from_what_is_out_of_reach() {
        let cid = file_cid(b"a file");
        let failed = |fault| GatewayFailure {
            gateway: "https://gateway".into(),
            fault,
        };
        let gateways = |faults: Vec<GatewayFault>| StoreError::Gateways {
            cid,
            failures: faults.into_iter().map(failed).collect(),
        };
        let refused = || GatewayFault::Transport("connection refused".into());
        let absent = || StoreError::NotFound {
            cid,
            place: "the store".into(),
        };
        assert_eq!(absent().reached(), Reached::default());
        assert_eq!(
            gateways(vec![GatewayFault::Status(404)]).reached(),
            Reached::ANSWER
        );
        for silent in [
            refused(),
            GatewayFault::Status(502),
            GatewayFault::Silent("timeout".into()),
            GatewayFault::Slow("it drips".into()),
            GatewayFault::LeftOut {
                why: "it drips".into(),
                until: TimeOfDay::of(std::time::UNIX_EPOCH),
            },
        ] {
            assert_eq!(gateways(vec![silent]).reached(), Reached::SILENCE);
        }
        let both = gateways(vec![refused(), GatewayFault::TooLong(9)]).reached();
        assert_eq!(both, Reached::ANSWER.and(Reached::SILENCE));
        let full = || io::Error::other("no space left on device");
        let disk = StoreError::Io {
            action: "read",
            path: PathBuf::from("/store"),
            source: full(),
        };
        assert_eq!(disk.reached(), Reached::LOCAL);
        let nowhere = StoreError::Nowhere {
            cid,
            failures: vec![absent(), gateways(vec![GatewayFault::Disk(full())])],
        };
        assert_eq!(nowhere.reached(), Reached::LOCAL);
    }
}
