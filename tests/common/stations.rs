//! A coordinator as a process, and stations that send requests to it.
#![allow(dead_code, unreachable_pub, reason = "each test program uses a part of this")]
#![allow(clippy::unwrap_used, reason = "a failed test panics")]

use std::process::Command;
use std::time::{Duration, Instant};

use alloy_primitives::Address;
use assize_drand::serve::{Devnet, router};
use assize_measurement::{Domain, Measurement, Millis, station_address};
use assize_service::Clock;
use assize_testkit::world::World;
use assize_wire::{Heartbeat, KeptReceipt, RoundDocument, StationDocument, Version};
use secp256k1::SecretKey;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::common::processes::Running;

/// Timeout for one step on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A relay on this machine with the test world's beacons.
pub async fn serve_drand(world: &World) -> String {
    let info = world.drand_chain().info();
    // The test world's key, checked by the hash.
    let devnet = Devnet::new(&[7; 32], info.genesis_time, info.period).unwrap();
    assert_eq!(devnet.chain().hash(), world.drand_chain().hash());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = router(devnet, assize_drand::SystemClock);
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

/// A running coordinator.
pub struct Service {
    pub running: Running,
    pub url: String,
    pub ready: Value,
}

impl Service {
    pub fn start(mut command: Command) -> Self {
        let (running, ready) = Running::start(&mut command);
        Self {
            running,
            url: ready["url"].as_str().unwrap().to_owned(),
            ready,
        }
    }

    /// Status and body.
    pub fn ask(&self, path: &str, body: Option<&str>) -> (u16, String) {
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .build()
            .into();
        let url = format!("{}{path}", self.url);
        let answer = match body {
            Some(body) => agent.post(url).content_type("application/json").send(body),
            None => agent.get(url).call(),
        };
        let mut answer = answer.unwrap();
        (
            answer.status().as_u16(),
            answer.body_mut().read_to_string().unwrap(),
        )
    }

    pub fn get<T: DeserializeOwned>(&self, path: &str) -> T {
        let (status, body) = self.ask(path, None);
        assert_eq!(status, 200, "{path}: {body}");
        serde_json::from_str(&body).unwrap()
    }

    /// Repeats a request until the response is as expected.
    pub async fn until<T: DeserializeOwned>(&self, path: &str, is: impl Fn(&T) -> bool) -> T {
        let begun = Instant::now();
        loop {
            let (status, body) = self.ask(path, None);
            if status == 200 {
                let answer = serde_json::from_str(&body).unwrap();
                if is(&answer) {
                    return answer;
                }
            }
            assert!(begun.elapsed() < PATIENCE, "{path} stays {status} {body}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub fn hear(&self, station: &Station, domain: &Domain) {
        let heartbeat = Heartbeat::new(
            &station.key,
            domain,
            station.operator,
            Version(1, 0, 0),
            Clock::system().now(),
        );
        let (status, body) = self.ask("/heartbeats", Some(&json!(heartbeat).to_string()));
        assert_eq!(status, 200, "{body}");
    }

    pub fn send(&self, measurement: &Measurement) -> KeptReceipt {
        let line = measurement.to_line();
        let (status, body) = self.ask("/measurements", Some(&line));
        assert!(matches!(status, 200 | 201), "{status} {body}");
        KeptReceipt {
            measurement: line,
            receipt: serde_json::from_str(&body).unwrap(),
        }
    }

    /// The first round, as soon as its seed is revealed.
    pub async fn revealed(&self) -> RoundDocument {
        let is_revealed = |round: &RoundDocument| round.seed.is_some();
        self.until("/rounds/1", is_revealed).await
    }

    /// A station's tasks in the first round.
    pub fn tasks_of(&self, station: &Station) -> StationDocument {
        self.get(&format!("/rounds/1/stations/{}", station.address()))
    }

    /// Measurements of all of a station's tasks in the first round, as lines.
    pub fn lines_of(&self, station: &Station, domain: &Domain) -> Vec<String> {
        let document = self.tasks_of(station);
        let measure = |k| station.measure(&document, k, domain).to_line();
        (0..document.tasks.len()).map(measure).collect()
    }

    pub fn end(self) {
        self.running.end();
    }
}

pub struct Station {
    pub key: SecretKey,
    pub operator: Address,
}

impl Station {
    pub fn three() -> [Self; 3] {
        [1, 2, 3].map(|number| Self {
            key: SecretKey::from_secret_bytes([number; 32]).unwrap(),
            operator: Address::repeat_byte(0xe0 + number),
        })
    }

    pub fn address(&self) -> Address {
        station_address(&self.key)
    }

    /// A measurement of its `k`-th task.
    pub fn measure(&self, document: &StationDocument, k: usize, domain: &Domain) -> Measurement {
        let task = &document.tasks[k];
        let time = Some(Millis(Clock::system().now() as i64 * 1_000));
        let mut measurement = Measurement {
            spark_version: Some("1.0.0".into()),
            timeout: true,
            start_at: time,
            byte_length: Some(0),
            indexer_result: Some("OK".into()),
            ..Measurement::new(
                document.round,
                task.index,
                self.address(),
                task.cid,
                task.provider,
            )
        };
        measurement.sign(&self.key, domain);
        measurement
    }
}
