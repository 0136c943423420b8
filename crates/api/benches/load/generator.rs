//! The load.

use std::cell::RefCell;
use std::fmt;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use assize_chain::B256;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::LocalSet;

/// A request, ready to be sent.
pub(crate) struct Request {
    bytes: Vec<u8>,
    /// What it counts for.
    measurements: usize,
}

impl Request {
    /// This many measurements.
    pub(crate) fn measurements(lines: &[&String]) -> Self {
        let kind = match lines.len() {
            1 => "application/json",
            _ => "application/x-ndjson",
        };
        let body: Vec<&str> = lines.iter().map(|line| line.as_str()).collect();
        Self {
            bytes: post("/measurements", kind, "", &body.join("\n")),
            measurements: lines.len(),
        }
    }

    /// One measurement, through a proxy that names the client.
    pub(crate) fn from_address(line: &str, address: &str) -> Self {
        let header = format!("x-forwarded-for: {address}\r\n");
        Self {
            bytes: post("/measurements", "application/json", &header, line),
            measurements: 1,
        }
    }

    /// A heartbeat, through a proxy that names the client.
    pub(crate) fn heartbeat(body: &str, address: &str) -> Self {
        let header = format!("x-forwarded-for: {address}\r\n");
        Self {
            bytes: post("/heartbeats", "application/json", &header, body),
            measurements: 1,
        }
    }

    /// The proof that a measurement is in its batch.
    pub(crate) fn inclusion(digest: B256) -> Self {
        Self {
            bytes: format!("GET /measurements/{digest}/inclusion HTTP/1.1\r\nhost: load\r\n\r\n")
                .into_bytes(),
            measurements: 1,
        }
    }
}

fn post(path: &str, kind: &str, header: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nhost: load\r\n{header}content-type: {kind}\r\ncontent-length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

/// The rate of requests.
#[derive(Clone, Copy)]
pub(crate) enum Pace {
    /// Each connection sends its next request after a response.
    Fastest,
    /// This many per second, answered or not; latency counts from when a request was due.
    Rate(f64),
}

/// The result.
pub(crate) struct Figures {
    pub(crate) took: Duration,
    pub(crate) done: usize,
    pub(crate) failed: usize,
    latencies: Vec<Duration>,
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rate = self.done as f64 / self.took.as_secs_f64();
        let percentile = |share: f64| {
            let place = (self.latencies.len() as f64 * share) as usize;
            let latency = self
                .latencies
                .get(place.min(self.latencies.len().saturating_sub(1)));
            latency.map_or(0.0, |latency| latency.as_secs_f64() * 1e3)
        };
        let [p50, p99, max] = [0.5, 0.99, 1.0].map(percentile);
        let failed = self.failed;
        write!(
            f,
            "{rate:>7.0}/s  p50 {p50:>6.1} ms  p99 {p99:>6.1} ms  max {max:>6.1} ms  failed {failed}"
        )
    }
}

#[derive(Default)]
struct Tally {
    next: usize,
    done: usize,
    failed: usize,
    latencies: Vec<Duration>,
}

/// Sends requests over this many connections, until all are sent or the time is over.
pub(crate) async fn load(
    address: SocketAddr,
    connections: usize,
    requests: Vec<Request>,
    pace: Pace,
    longest: Duration,
) -> Figures {
    let tally = Rc::new(RefCell::new(Tally::default()));
    let requests = Rc::new(requests);
    let began = Instant::now();
    let set = LocalSet::new();
    for _ in 0..connections {
        let (tally, requests) = (Rc::clone(&tally), Rc::clone(&requests));
        set.spawn_local(async move {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.set_nodelay(true).unwrap();
            let mut buffer = Vec::new();
            loop {
                let index = tally.borrow().next;
                tally.borrow_mut().next += 1;
                let Some(request) = requests.get(index) else {
                    return;
                };
                let mut due = began.elapsed();
                if let Pace::Rate(rate) = pace {
                    due = Duration::from_secs_f64(index as f64 / rate);
                    tokio::time::sleep_until((began + due).into()).await;
                }
                if due > longest {
                    return;
                }
                stream.write_all(&request.bytes).await.unwrap();
                let good = read_answer(&mut stream, &mut buffer).await;
                let mut tally = tally.borrow_mut();
                tally.latencies.push(began.elapsed() - due);
                match good {
                    true => tally.done += request.measurements,
                    false => tally.failed += request.measurements,
                }
            }
        });
    }
    set.await;
    let took = began.elapsed();
    let Tally {
        done,
        failed,
        mut latencies,
        ..
    } = tally.take();
    latencies.sort_unstable();
    Figures {
        took,
        done,
        failed,
        latencies,
    }
}

/// Whether a response is a success; of several results, whether all are.
async fn read_answer(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> bool {
    buffer.clear();
    loop {
        if let Some(head) = find(buffer, b"\r\n\r\n") {
            let text = std::str::from_utf8(&buffer[..head]).unwrap();
            let length = text
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "));
            let length: usize = length.unwrap().parse().unwrap();
            let end = head + 4 + length;
            if buffer.len() >= end {
                let good = text.starts_with("HTTP/1.1 2")
                    && find(&buffer[head..end], b"urn:assize:problem").is_none();
                return good;
            }
        }
        assert_ne!(stream.read_buf(buffer).await.unwrap(), 0, "the server hung up");
    }
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|window| window == what)
}
