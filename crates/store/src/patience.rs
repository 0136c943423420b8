//! How long gateways may take.

use std::time::Duration;

/// How long gateways may take, and for how long those that offend are left out.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// Time to connect, and time to begin to answer.
    pub answer: Duration,
    /// Time for a file, besides what its size adds.
    pub base: Duration,
    /// What the size adds: a second for each time that the file may have this many bytes. It is the size that a file of its kind
    /// has at most, since what a gateway announces proves nothing.
    pub rate: u64,
    /// For how long a gateway is left out: after the first offence, and at most. Each further offence doubles it.
    pub out: (Duration, Duration),
}

impl Patience {
    /// Ten seconds for an answer. A minute for a file and what 8 MiB/s take: 92 seconds for a batch, at most 572 for any file.
    /// Left out for five minutes at first, for an hour at most.
    pub const USUAL: Self = Self {
        answer: Duration::from_secs(10),
        base: Duration::from_secs(60),
        rate: 8 << 20,
        out: (Duration::from_secs(300), Duration::from_secs(3_600)),
    };

    /// Time for a whole file of at most this many bytes.
    pub(crate) fn transfer(&self, most: u64) -> Duration {
        let millis = most.saturating_mul(1_000) / self.rate.max(1);
        self.base.saturating_add(Duration::from_millis(millis))
    }

    /// For how long a gateway is left out after this many offences.
    pub(crate) fn left_out(&self, offences: u32) -> Duration {
        let (first, longest) = self.out;
        let doubled = first.saturating_mul(1 << offences.saturating_sub(1).min(20));
        doubled.min(longest)
    }
}

#[cfg(test)]
mod tests {
    use assize_measurement::unixfs::MAX_FILE_SIZE;

    use super::*;

    #[test]
    fn a_file_has_the_time_that_its_size_needs() {
        let seconds = |most| Patience::USUAL.transfer(most).as_secs();
        assert_eq!(
            [0, 1 << 20, 256 << 20, MAX_FILE_SIZE].map(seconds),
            [60, 60, 92, 572]
        );
    }

    #[test]
    fn each_offence_doubles_the_time_up_to_an_hour() {
        let minutes =
            [1, 2, 3, 4, 5, 9, u32::MAX].map(|count| Patience::USUAL.left_out(count).as_secs() / 60);
        assert_eq!(minutes, [5, 10, 20, 40, 60, 60, 60]);
    }
}
