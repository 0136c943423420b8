//! Limits of the api: addresses, buckets and the gate.
#![allow(clippy::unwrap_used, reason = "a failed test panics")]

mod common;

use std::num::NonZeroU32;

use alloy_primitives::Address;
use assize_api::ApiConfig;
use assize_guard::{Addresses, BucketsConfig, ForwardingHeader, Proxies, Rate, Subnet, SubnetTagger};
use assize_wire::{Heartbeat, InspectDocument, Liveness, NetworkDocument, ProblemKind, Version};
use secp256k1::SecretKey;

use crate::common::server::{Scene, Served, roomy};
use crate::common::sqlite;

async fn inspect(served: &Served, headers: &[(&str, &str)]) -> InspectDocument {
    served
        .ask("GET", "/inspect-request", headers, Vec::new())
        .await
        .json()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_is_believed_if_it_is_named_and_stations_get_their_subnets_tag() {
    let scene = Scene::new().await;
    scene.open_round().await;
    let place = sqlite();
    let config = ApiConfig {
        addresses: Addresses {
            proxies: Proxies::parse(["127.0.0.0/8"]).unwrap(),
            header: ForwardingHeader::Forwarded,
        },
        ..roomy()
    };
    let served = scene.serve_with(&place.location, config, u64::MAX).await;
    let tagger = SubnetTagger::new([0x22; 32]);
    let network: NetworkDocument = served.get("/network").await.json();
    assert_eq!(network.subnet_commitment, tagger.commitment());

    let tag = |address: &str| tagger.tag(Subnet::of(address.parse().unwrap()));
    let seen = inspect(
        &served,
        &[("forwarded", "for=\"[2001:db8:1:2::3]:4711\";proto=https")],
    )
    .await;
    assert_eq!(
        (&*seen.address, seen.subnet),
        ("2001:db8:1:2::3", tag("2001:db8:1::"))
    );
    assert_eq!(seen.trusted_header.as_deref(), Some("forwarded"));
    assert!(seen.socket.starts_with("127.0.0.1:"));
    // The other header is the client's own, and is ignored.
    let seen = inspect(&served, &[("x-forwarded-for", "192.0.2.1")]).await;
    assert_eq!((&*seen.address, seen.subnet), ("127.0.0.1", tag("127.0.0.9")));
    assert_eq!(seen.trusted_header, None);

    let key = SecretKey::from_secret_bytes([1; 32]).unwrap();
    let operator = Address::repeat_byte(3);
    let heartbeat = Heartbeat::new(
        &key,
        &scene.domain(),
        operator,
        Version(1, 20, 0),
        scene.clock.now(),
    );
    let headers = [
        ("content-type", "application/json"),
        ("forwarded", "for=198.51.100.7"),
    ];
    let body = serde_json::to_vec(&heartbeat).unwrap();
    served
        .ask("POST", "/heartbeats", &headers, body)
        .await
        .json::<Liveness>();
    let database = assize_ingest::Database::open(&place.location).unwrap();
    let live = database.live(0).await.unwrap();
    assert_eq!(
        (live[0].station, live[0].subnet),
        (heartbeat.station, tag("198.51.100.0"))
    );
    served.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_above_the_rate_get_retry_after_and_others_are_served() {
    let scene = Scene::new().await;
    let place = sqlite();
    // One token per second is added; the test sends faster.
    let few = Rate {
        per_second: NonZeroU32::MIN,
        burst: NonZeroU32::new(40).unwrap(),
    };
    let config = ApiConfig {
        addresses: Addresses {
            proxies: Proxies::parse(["127.0.0.1"]).unwrap(),
            header: ForwardingHeader::XForwardedFor,
        },
        buckets: BucketsConfig {
            host: few,
            subnet: few,
            ..BucketsConfig::default()
        },
        ..ApiConfig::default()
    };
    let served = scene.serve_with(&place.location, config, u64::MAX).await;
    let ask = async |address: &str| {
        let headers = [("x-forwarded-for", address)];
        served.ask("GET", "/network", &headers, Vec::new()).await
    };
    // Twice as many as the bucket holds, over two addresses of one subnet.
    let mut refused = 0;
    for index in 0..80 {
        let answer = ask(["192.0.2.1", "192.0.2.2"][index % 2]).await;
        if answer.status != 200 {
            let problem = answer.problem(ProblemKind::TooManyRequests);
            assert!(problem.retry_after.unwrap() >= 1);
            assert_eq!(
                answer.header("retry-after"),
                Some(&*problem.retry_after.unwrap().to_string())
            );
            refused += 1;
        }
    }
    assert!(refused > 0);
    assert_eq!(ask("192.0.3.1").await.status, 200);
    let figures = served.get("/metrics").await;
    assert!(
        figures
            .text()
            .contains(&format!("kind=\"too-many-requests\"}} {refused}"))
    );
    served.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_are_too_large_are_rejected_before_they_are_read_and_malformed_heads_close() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;

    let scene = Scene::new().await;
    let place = sqlite();
    let served = scene.serve(&place.location).await;
    let address = served.url.trim_start_matches("http://").to_owned();
    let exchange = async |sent: &[u8]| {
        let mut stream = TcpStream::connect(&address).await.unwrap();
        stream.write_all(sent).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        String::from_utf8(answer).unwrap()
    };
    let gigabyte = b"POST /measurements HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 1000000000\r\n\r\n{";
    let answer = exchange(gigabyte).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert!(answer.contains("application/problem+json") && answer.contains("urn:assize:problem:too-large"));
    for malformed in [
        &b"GET /network\r\n\r\n"[..],
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\r\n\r\n",
        b"GET / HTTP/1.1\r\nbad header\r\n\r\n",
    ] {
        let answer = exchange(malformed).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    }
    // A connection is counted when it is closed, which may be after its response.
    let is_counted = async || {
        let figures = served.get("/metrics").await;
        let text = figures.text();
        text.contains("assize_api_connections_malformed_total 3")
            && text.contains("assize_api_bodies_refused_total 1")
    };
    let mut tries = 0;
    while !is_counted().await {
        tries += 1;
        assert!(tries < 1_000, "{}", served.get("/metrics").await.text());
    }
    served.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn under_overload_the_gate_drops_requests_of_bad_subnets() {
    let scene = Scene::new().await;
    let round = scene.open_round().await;
    let place = sqlite();
    let config = ApiConfig {
        addresses: Addresses {
            proxies: Proxies::parse(["127.0.0.1"]).unwrap(),
            header: ForwardingHeader::XForwardedFor,
        },
        // Two at once exceed the limit.
        max_checking: 1,
        ..roomy()
    };
    let served = scene.serve_with(&place.location, config, u64::MAX).await;
    let lines: Vec<_> = scene
        .measurements(round)
        .await
        .iter()
        .map(assize_measurement::Measurement::to_line)
        .collect();
    let forged = lines[0].replacen("\"byte_length\":", "\"byte_length\":1", 1);
    assert_ne!(forged, lines[0]);
    let post = async |address: &str, kind: &str, body: String| {
        let headers = [("content-type", kind), ("x-forwarded-for", address)];
        served.ask("POST", "/measurements", &headers, body.into()).await
    };
    let (one, many) = ("application/json", "application/x-ndjson");
    for _ in 0..20 {
        let answer = post("192.0.2.1", one, forged.clone()).await;
        answer.problem(ProblemKind::BadSignature);
    }
    // A third of the measurements does not fit into the queue: from then on the gate is active.
    for _ in 0..4 {
        let answer = post("198.51.100.1", many, lines[..2].join("\n")).await;
        answer.problem(ProblemKind::Unavailable);
    }
    // One in 321 would be accepted: (1 + 0) / (1 + 16 · 20).
    let mut dropped = 0;
    for _ in 0..20 {
        let answer = post("192.0.2.77", one, forged.clone()).await;
        if answer.status == 503 {
            answer.problem(ProblemKind::Gated);
            assert_eq!(answer.header("retry-after"), Some("1"));
            dropped += 1;
        }
    }
    assert!(dropped >= 15, "{dropped}");
    // Clients without a bad record are accepted, and so are read requests.
    for (number, address) in [(3, "203.0.113.1"), (4, "198.51.100.1")] {
        assert_eq!(post(address, one, lines[number].clone()).await.status, 201);
    }
    let asked = served.ask("GET", "/network", &[("x-forwarded-for", "192.0.2.1")], Vec::new());
    assert_eq!(asked.await.status, 200);
    let figures = served.get("/metrics").await;
    assert!(figures.text().contains("assize_api_gate_active 1"));
    assert!(
        figures
            .text()
            .contains(&format!("assize_api_gate_dropped_total {dropped}"))
    );
    served.end().await;
}
