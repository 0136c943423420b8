//! Responses that must come fast enough.

use std::io::{self, Read};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

/// Size of the pieces in which a response is read.
const CHUNK: usize = 64 << 10;
/// Pieces that are read ahead.
const AHEAD: usize = 4;

/// How fast a response must come.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// Time in which it may be as slow as it is.
    pub(crate) grace: Duration,
    /// Bytes per second from its beginning on.
    pub(crate) rate: u64,
}

impl Pace {
    /// 64 KiB/s, after ten seconds.
    pub(crate) const USUAL: Self = Self {
        grace: Duration::from_secs(10),
        rate: 64 << 10,
    };

    /// How long a response of which this much has come may take until the next byte.
    fn allowed(self, received: u64) -> Duration {
        let millis = received.saturating_mul(1_000) / self.rate.max(1);
        self.grace.max(Duration::from_millis(millis))
    }
}

/// A response that ends in [`io::ErrorKind::TimedOut`] if it comes too slowly. It is read by a thread of its own, which ends with
/// the client's own time-outs even if nothing comes any more.
pub(crate) struct Paced {
    pace: Pace,
    begun: Instant,
    received: u64,
    chunks: Receiver<io::Result<Vec<u8>>>,
    chunk: io::Cursor<Vec<u8>>,
}

impl Paced {
    pub(crate) fn new(body: impl Read + Send + 'static, pace: Pace) -> io::Result<Self> {
        let (to, chunks) = sync_channel(AHEAD);
        thread::Builder::new()
            .name("gateway".into())
            .spawn(move || pump(body, &to))?;
        Ok(Self {
            pace,
            begun: Instant::now(),
            received: 0,
            chunks,
            chunk: io::Cursor::default(),
        })
    }
}

impl Read for Paced {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let count = self.chunk.read(buffer)?;
            if count > 0 || buffer.is_empty() {
                return Ok(count);
            }
            let left = self
                .pace
                .allowed(self.received)
                .saturating_sub(self.begun.elapsed());
            match self.chunks.recv_timeout(left) {
                Ok(chunk) => {
                    let chunk = chunk?;
                    self.received += chunk.len() as u64;
                    self.chunk = io::Cursor::new(chunk);
                }
                Err(RecvTimeoutError::Disconnected) => return Ok(0),
                Err(RecvTimeoutError::Timeout) => {
                    let reason = format!("it came with less than {} KiB/s", self.pace.rate >> 10);
                    return Err(io::Error::new(io::ErrorKind::TimedOut, reason));
                }
            }
        }
    }
}

/// Sends a body in pieces, until it ends or nobody wants it any more.
fn pump(mut body: impl Read, to: &SyncSender<io::Result<Vec<u8>>>) {
    loop {
        let mut chunk = vec![0; CHUNK];
        let read = match body.read(&mut chunk) {
            Ok(0) => return,
            Ok(count) => {
                chunk.truncate(count);
                Ok(chunk)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => Err(error),
        };
        let is_last = read.is_err();
        if to.send(read).is_err() || is_last {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_may_be_slow_for_a_while_but_not_for_long() {
        let pace = Pace::USUAL;
        assert_eq!(pace.allowed(0), Duration::from_secs(10));
        assert_eq!(pace.allowed(640 << 10), Duration::from_secs(10));
        assert_eq!(pace.allowed(6_400 << 10), Duration::from_secs(100));
    }

    /// Gives a byte a millisecond, or nothing for long.
    struct Slow {
        bytes: usize,
    }

    impl Read for Slow {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            if self.bytes == 0 {
                thread::sleep(Duration::from_secs(5));
                return Ok(0);
            }
            thread::sleep(Duration::from_millis(1));
            self.bytes -= 1;
            buffer[0] = 7;
            Ok(1)
        }
    }

    #[test]
    fn what_drips_or_stands_still_is_given_up() {
        let pace = |rate| Pace {
            grace: Duration::from_millis(50),
            rate,
        };
        let read = |bytes, rate| {
            let (mut all, begun) = (Vec::new(), Instant::now());
            let error = Paced::new(Slow { bytes }, pace(rate))
                .unwrap()
                .read_to_end(&mut all)
                .unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::TimedOut);
            assert!(begun.elapsed() < Duration::from_secs(4));
            all.len()
        };
        assert!(read(100_000, 1 << 20) > 0, "it drips");
        assert_eq!(read(0, 1 << 20), 0, "nothing comes");
        let whole = vec![3; 1 << 20];
        let mut all = Vec::new();
        let mut fast = Paced::new(io::Cursor::new(whole.clone()), Pace::USUAL).unwrap();
        fast.read_to_end(&mut all).unwrap();
        assert_eq!(all, whole);
    }
}
