//! Requests beacons without blocking.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use assize_drand::{Beacon, BeaconError, BeaconSource, Chain, Verified};
use assize_protocol::BeaconRound;
use tokio::sync::oneshot;
use tokio::time::timeout;

/// The source of beacons.
pub(crate) type Source = Arc<Verified<Box<dyn BeaconSource + Send + Sync>>>;

/// A healthy relay responds faster. A later response is used in the next pass.
const FIRST_WAIT: Duration = Duration::from_millis(500);
/// Delay after a failed request; it doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// The beacons being requested.
pub(crate) struct Beacons {
    source: Source,
    wanted: BTreeMap<BeaconRound, Wanted>,
}

struct Wanted {
    pause: Duration,
    state: State,
}

enum State {
    Asked(oneshot::Receiver<Result<Beacon, BeaconError>>),
    Failed { error: BeaconError, again: Instant },
}

impl Beacons {
    pub(crate) fn new(source: Source) -> Self {
        Self {
            source,
            wanted: BTreeMap::new(),
        }
    }

    pub(crate) fn chain(&self) -> &Chain {
        self.source.chain()
    }

    /// Drops beacons that are no longer needed.
    pub(crate) fn keep(&mut self, wanted: impl Fn(BeaconRound) -> bool) {
        self.wanted.retain(|round, _| wanted(*round));
    }

    /// A verified beacon; `None` while its request is in progress. A failed request is retried after a delay, each
    /// longer than the one before.
    ///
    /// # Errors
    /// The error of the last request.
    pub(crate) async fn get(&mut self, round: BeaconRound) -> Result<Option<Beacon>, BeaconError> {
        let source = &self.source;
        let wanted = self.wanted.entry(round).or_insert_with(|| Wanted {
            pause: FIRST_PAUSE,
            state: State::Asked(ask(source, round)),
        });
        if let State::Failed { error, again } = &wanted.state {
            if Instant::now() < *again {
                return Err(error.clone());
            }
            wanted.state = State::Asked(ask(source, round));
        }
        let State::Asked(answer) = &mut wanted.state else {
            return Ok(None);
        };
        match timeout(FIRST_WAIT, answer).await {
            Err(_) => Ok(None),
            Ok(Ok(Ok(beacon))) => {
                self.wanted.remove(&round);
                Ok(Some(beacon))
            }
            Ok(Ok(Err(error))) => {
                let again = Instant::now() + wanted.pause;
                wanted.pause = (2 * wanted.pause).min(LONGEST_PAUSE);
                wanted.state = State::Failed {
                    error: error.clone(),
                    again,
                };
                Err(error)
            }
            // The thread ended without a result.
            Ok(Err(_)) => {
                self.wanted.remove(&round);
                Ok(None)
            }
        }
    }
}

/// Requests the beacon on a thread that may block.
fn ask(source: &Source, round: BeaconRound) -> oneshot::Receiver<Result<Beacon, BeaconError>> {
    let (answer, answered) = oneshot::channel();
    let source = Arc::clone(source);
    tokio::task::spawn_blocking(move || {
        // The receiver may have been dropped.
        let _ = answer.send(source.beacon(round));
    });
    answered
}

impl std::fmt::Debug for Beacons {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Beacons")
            .field("wanted", &self.wanted.keys().collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;

    use assize_drand::RecordedBeacons;
    use assize_testkit::fixtures;

    use super::*;

    const ROUND: BeaconRound = BeaconRound(17_133_822);

    /// Responds only when the test allows it.
    struct Slow {
        go: Mutex<mpsc::Receiver<()>>,
        asked: Arc<AtomicUsize>,
    }

    impl BeaconSource for Slow {
        fn beacon(&self, round: BeaconRound) -> Result<Beacon, BeaconError> {
            self.asked.fetch_add(1, Ordering::SeqCst);
            let _ = self.go.lock().unwrap().recv();
            genuine(round)
        }
    }

    fn genuine(round: BeaconRound) -> Result<Beacon, BeaconError> {
        let beacons = fixtures::beacons().unwrap();
        Ok(beacons.into_iter().find(|beacon| beacon.round == round).unwrap())
    }

    fn verified(source: impl BeaconSource + Send + Sync + 'static) -> Source {
        Arc::new(Verified::new(Chain::quicknet(), Box::new(source)))
    }

    #[tokio::test]
    async fn a_source_that_hangs_is_requested_once_and_blocks_nothing() {
        let (go, received) = mpsc::channel();
        let asked = Arc::new(AtomicUsize::new(0));
        let mut beacons = Beacons::new(verified(Slow {
            go: Mutex::new(received),
            asked: Arc::clone(&asked),
        }));
        for _ in 0..2 {
            assert_eq!(beacons.get(ROUND).await, Ok(None));
        }
        go.send(()).unwrap();
        let beacon = loop {
            if let Some(beacon) = beacons.get(ROUND).await.unwrap() {
                break beacon;
            }
        };
        assert_eq!(beacon.round, ROUND);
        assert_eq!(asked.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn a_failed_request_is_retried_after_a_delay() {
        struct Never(Arc<AtomicUsize>);
        impl BeaconSource for Never {
            fn beacon(&self, _: BeaconRound) -> Result<Beacon, BeaconError> {
                self.0.fetch_add(1, Ordering::SeqCst);
                Err(BeaconError::NoRelays)
            }
        }
        let asked = Arc::new(AtomicUsize::new(0));
        let mut beacons = Beacons::new(verified(Never(Arc::clone(&asked))));
        // On a machine that stalls for half a second the first answer may be late; the outcome is the same.
        while beacons.get(ROUND).await == Ok(None) {}
        beacons.wanted.get_mut(&ROUND).unwrap().state = State::Failed {
            error: BeaconError::NoRelays,
            again: Instant::now() + Duration::from_secs(3_600),
        };
        assert_eq!(beacons.get(ROUND).await, Err(BeaconError::NoRelays));
        assert_eq!(asked.load(Ordering::SeqCst), 1);
        beacons.wanted.get_mut(&ROUND).unwrap().state = State::Failed {
            error: BeaconError::NoRelays,
            again: Instant::now(),
        };
        while beacons.get(ROUND).await == Ok(None) {}
        assert_eq!(asked.load(Ordering::SeqCst), 2);
        assert_eq!(beacons.wanted[&ROUND].pause, 4 * FIRST_PAUSE);
        beacons.keep(|_| false);
        assert!(beacons.wanted.is_empty());
    }

    #[tokio::test]
    async fn a_false_beacon_is_rejected() {
        let mut forged = genuine(ROUND).unwrap();
        forged.round = BeaconRound(ROUND.0 + 1);
        let recorded = RecordedBeacons::new([forged]).unwrap();
        let mut beacons = Beacons::new(verified(recorded));
        let answer = loop {
            match beacons.get(BeaconRound(ROUND.0 + 1)).await {
                Ok(None) => continue,
                other => break other,
            }
        };
        assert!(
            matches!(answer, Err(BeaconError::WrongSignature { .. })),
            "{answer:?}"
        );
    }
}
