//! The relay client against relays that fail in every way.
#![expect(
    clippy::unwrap_used,
    reason = "a test server that cannot answer fails the test"
)]

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use assize_drand::{
    BeaconError, BeaconSource, Chain, Failures, RecordedBeacons, RelayFault, Relays, Timeouts, Verified,
};
use assize_protocol::BeaconRound;
use flate2::Compression;
use flate2::write::GzEncoder;

const ROUND: BeaconRound = BeaconRound(1000);
const NEXT: BeaconRound = BeaconRound(1001);

/// A relay on a free port that gives the same response to every client.
struct Server {
    url: String,
    asked: Arc<AtomicUsize>,
}

impl Server {
    fn start(answer: impl Fn(&str) -> Vec<u8> + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&asked);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                counter.fetch_add(1, Ordering::SeqCst);
                let mut request = Vec::new();
                let mut chunk = [0; 1024];
                while !request.ends_with(b"\r\n\r\n") {
                    let read = stream.read(&mut chunk).unwrap();
                    request.extend_from_slice(&chunk[..read]);
                }
                let request = String::from_utf8(request).unwrap();
                // The client may have disconnected.
                let _ = stream.write_all(&answer(request.lines().next().unwrap_or_default()));
            }
        });
        Self { url, asked }
    }

    fn saying(status: &'static str, body: impl Into<String>) -> Self {
        let body = body.into();
        Self::start(move |_| http(status, &body))
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

fn http(status: &str, body: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

fn recorded() -> RecordedBeacons {
    RecordedBeacons::from_json(include_bytes!("fixtures/quicknet.json")).unwrap()
}

fn json_of(round: BeaconRound) -> String {
    serde_json::to_string(&recorded().beacon(round).unwrap()).unwrap()
}

fn good() -> Server {
    Server::saying("200 OK", json_of(ROUND))
}

fn relays(servers: &[&Server]) -> Relays {
    let urls: Vec<&str> = servers.iter().map(|server| server.url.as_str()).collect();
    let timeouts = Timeouts {
        connect: Duration::from_secs(2),
        request: Duration::from_secs(2),
        hedge: Duration::from_millis(100),
    };
    Relays::with_timeouts(Chain::quicknet(), &urls, timeouts).unwrap()
}

/// The failure of a single relay.
fn fault(server: &Server) -> RelayFault {
    match relays(&[server]).beacon(ROUND).unwrap_err() {
        BeaconError::Unavailable {
            round: ROUND,
            failures: Failures(mut failures),
        } => {
            assert_eq!(failures[0].relay, server.url);
            failures.remove(0).fault
        }
        other => panic!("{other}"),
    }
}

fn answer(server: &Server) -> BeaconError {
    match fault(server) {
        RelayFault::Answer(error) => *error,
        other => panic!("{other}"),
    }
}

#[test]
fn the_path_is_that_of_drand() {
    let server = Server::start(|request| {
        let expected =
            "GET /52db9ba70e0cc0f6eaf7803dd07447a1f5477735fd3f661792ba94600c84e971/public/1000 HTTP/1.1";
        if request == expected {
            http("200 OK", &json_of(ROUND))
        } else {
            http("400 Bad Request", "")
        }
    });
    assert_eq!(relays(&[&server]).beacon(ROUND), recorded().beacon(ROUND));
}

#[test]
fn the_first_good_relay_answers_and_the_rest_are_not_asked() {
    let (broken, good, spare) = (Server::saying("500 Oops", ""), good(), good());
    let relays = relays(&[&broken, &good, &spare]);
    assert_eq!(relays.beacon(ROUND), recorded().beacon(ROUND));
    assert_eq!((broken.asked(), good.asked(), spare.asked()), (1, 1, 0));
}

#[test]
fn statuses() {
    assert_eq!(
        fault(&Server::saying("500 Internal Server Error", "")),
        RelayFault::Status(500)
    );
    assert_eq!(
        fault(&Server::saying("429 Too Many Requests", "")),
        RelayFault::Status(429)
    );
}

#[test]
fn redirects_are_not_followed() {
    let good = good();
    let location = good.url.clone();
    let redirect = Server::start(move |_| {
        format!("HTTP/1.1 302 Found\r\nLocation: {location}/\r\nContent-Length: 0\r\n\r\n").into_bytes()
    });
    assert_eq!(fault(&redirect), RelayFault::Status(302));
    assert_eq!(good.asked(), 0);
}

#[test]
fn another_round_is_rejected_even_if_genuine() {
    let error = answer(&Server::saying("200 OK", json_of(NEXT)));
    assert_eq!(
        error,
        BeaconError::WrongRound {
            asked: ROUND,
            got: NEXT
        }
    );
}

#[test]
fn a_relabelled_round_is_rejected() {
    let error = answer(&Server::saying("200 OK", json_of(NEXT).replace("1001", "1000")));
    assert_eq!(
        error,
        BeaconError::WrongSignature {
            round: ROUND,
            chained: false
        }
    );
}

#[test]
fn randomness_that_contradicts_the_signature_is_rejected() {
    let json = json_of(ROUND).replace(r#""randomness":"fe"#, r#""randomness":"ff"#);
    assert!(matches!(
        answer(&Server::saying("200 OK", json)),
        BeaconError::WrongRandomness { round: ROUND, .. }
    ));
}

#[test]
fn truncated_json_is_rejected() {
    let json = json_of(ROUND);
    let error = answer(&Server::saying("200 OK", &json[..json.len() / 2]));
    assert!(
        matches!(
            error,
            BeaconError::Json {
                expected: "a beacon",
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn a_truncated_body_is_rejected() {
    let server = Server::start(|_| {
        let whole = http("200 OK", &json_of(ROUND));
        whole[..whole.len() - 20].to_vec()
    });
    assert!(matches!(fault(&server), RelayFault::Transport(_)));
}

#[test]
fn an_endless_body_is_cut_off() {
    let server = Server::saying("200 OK", format!("{}{}", json_of(ROUND), " ".repeat(1 << 20)));
    assert!(matches!(fault(&server), RelayFault::Transport(_)));
}

#[test]
fn a_slow_relay_is_not_waited_for_alone() {
    let (waiting, released) = (Arc::new(Mutex::new(())), good());
    let held = Arc::clone(&waiting);
    let hold = waiting.lock().unwrap();
    let slow = Server::start(move |_| {
        drop(held.lock());
        http("200 OK", &json_of(ROUND))
    });
    // The slow relay cannot respond until the lock is released, after another relay has responded.
    assert_eq!(
        relays(&[&slow, &released]).beacon(ROUND),
        recorded().beacon(ROUND)
    );
    assert_eq!((slow.asked(), released.asked()), (1, 1));
    drop(hold);
}

#[test]
fn a_slow_relay_alone_is_waited_for() {
    let slow = Server::start(|_| {
        thread::sleep(Duration::from_millis(400));
        http("200 OK", &json_of(ROUND))
    });
    let failing = Server::saying("500 Oops", "");
    assert_eq!(relays(&[&slow, &failing]).beacon(ROUND), recorded().beacon(ROUND));
}

#[test]
fn a_dripping_relay_is_disconnected() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let answer = http("200 OK", &json_of(ROUND));
        for byte in answer {
            if stream.write_all(&[byte]).is_err() {
                break;
            }
            thread::sleep(Duration::from_millis(50));
        }
    });
    let dripping = Server {
        url,
        asked: Arc::default(),
    };
    assert!(matches!(fault(&dripping), RelayFault::Transport(_)));
}

#[test]
fn a_relay_with_v2_only_is_supported() {
    let server = Server::start(|request| {
        let expected = "GET /v2/chains/52db9ba70e0cc0f6eaf7803dd07447a1f5477735fd3f661792ba94600c84e971/rounds/1000 HTTP/1.1";
        if request == expected {
            let signature = const_hex::encode(recorded().beacon(ROUND).unwrap().signature);
            http(
                "200 OK",
                &format!(r#"{{"round":1000,"signature":"{signature}"}}"#),
            )
        } else {
            http("404 Not Found", "")
        }
    });
    assert_eq!(relays(&[&server]).beacon(ROUND), recorded().beacon(ROUND));
    assert_eq!(server.asked(), 2);
}

#[test]
fn forged_v2_beacons_are_rejected() {
    let v2 = |body: String| {
        Server::start(move |request| match request.starts_with("GET /v2/") {
            true => http("200 OK", &body),
            false => http("404 Not Found", ""),
        })
    };
    let signature = |round| const_hex::encode(recorded().beacon(round).unwrap().signature);
    let body = |round: u64, signature: String| format!(r#"{{"round":{round},"signature":"{signature}"}}"#);
    assert!(matches!(
        answer(&v2(body(1000, signature(NEXT)))),
        BeaconError::WrongSignature { round: ROUND, .. }
    ));
    assert!(matches!(
        answer(&v2(body(1001, signature(NEXT)))),
        BeaconError::WrongRound {
            asked: ROUND,
            got: NEXT
        }
    ));
    let whole = body(1000, signature(ROUND));
    assert!(matches!(
        answer(&v2(whole[..60].to_owned())),
        BeaconError::Json { .. }
    ));
}

#[test]
fn a_stale_answer_is_rejected() {
    // The previous round, as a cache may return it.
    let stale = Server::saying("200 OK", json_of(ROUND));
    let error = relays(&[&stale]).beacon(NEXT).unwrap_err().to_string();
    assert!(
        error.contains("requested round 1001, received round 1000"),
        "{error}"
    );
    assert_eq!(
        relays(&[&stale, &Server::saying("200 OK", json_of(NEXT))]).beacon(NEXT),
        recorded().beacon(NEXT)
    );
}

#[test]
fn ten_megabytes_are_not_read() {
    let sent = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&sent);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 10485760\r\n\r\n");
            while counter.load(Ordering::SeqCst) < 10 << 20 && stream.write_all(&[b' '; 4096]).is_ok() {
                counter.fetch_add(4096, Ordering::SeqCst);
            }
        }
    });
    let endless = Server {
        url,
        asked: Arc::default(),
    };
    assert_eq!(
        relays(&[&endless, &good()]).beacon(ROUND),
        recorded().beacon(ROUND)
    );
    assert!(matches!(fault(&endless), RelayFault::Transport(_)));
    // Only what fits into the sockets' buffers could be sent.
    assert!(sent.load(Ordering::SeqCst) < 10 << 20);
}

#[test]
fn a_compressed_flood_is_not_unpacked() {
    let mut packer = GzEncoder::new(Vec::new(), Compression::best());
    packer.write_all(&vec![b' '; 10 << 20]).unwrap();
    let packed = packer.finish().unwrap();
    assert!(
        packed.len() < 64 * 1024,
        "less than the limit, before it is unpacked"
    );
    let server = Server::start(move |_| {
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            packed.len()
        );
        [head.as_bytes(), &packed].concat()
    });
    let fault = fault(&server);
    assert!(fault.to_string().contains("more than 65536 bytes"), "{fault}");
}

#[test]
fn unreachable_relays() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let absent = Server {
        url: format!("http://{port}"),
        asked: Arc::default(),
    };
    assert!(matches!(fault(&absent), RelayFault::Transport(_)));
}

#[test]
fn a_future_round_differs_from_a_broken_relay() {
    for status in ["404 Not Found", "425 Too Early"] {
        let (broken, early) = (Server::saying("503 Busy", ""), Server::saying(status, ""));
        let error = relays(&[&broken, &early]).beacon(ROUND).unwrap_err();
        assert!(error.is_retryable());
        let message = error.to_string();
        assert!(message.contains("due at Unix time 1692806364"), "{message}");
        assert!(
            message.contains(&format!("{}: HTTP 503", broken.url)),
            "{message}"
        );
        assert!(matches!(
            error,
            BeaconError::NotYetPublished {
                due: Some(1_692_806_364),
                ..
            }
        ));
    }
    // A lagging relay does not hide an up-to-date one.
    let (lagging, good) = (Server::saying("404 Not Found", ""), good());
    assert!(relays(&[&lagging, &good]).beacon(ROUND).is_ok());
}

#[test]
fn round_zero_is_not_requested() {
    let good = good();
    assert_eq!(
        relays(&[&good]).beacon(BeaconRound(0)),
        Err(BeaconError::RoundZero)
    );
    assert_eq!(good.asked(), 0);
}

#[test]
fn the_error_names_every_relay_and_the_remedy() {
    let (first, second) = (Server::saying("500 Oops", ""), Server::saying("200 OK", "{"));
    let message = relays(&[&first, &second]).beacon(ROUND).unwrap_err().to_string();
    for part in [
        first.url.as_str(),
        second.url.as_str(),
        "HTTP 500",
        "not a beacon",
        "recorded beacons",
    ] {
        assert!(message.contains(part), "{part} is not in: {message}");
    }
}

#[test]
fn genuine_beacons_are_fetched_once() {
    let good = good();
    let source = Verified::new(Chain::quicknet(), relays(&[&good]));
    let randomness = source.randomness(ROUND).unwrap();
    assert_eq!(source.randomness(ROUND), Ok(randomness));
    assert_eq!(good.asked(), 1);
}

#[test]
fn recorded_beacons_are_verified_too() {
    let mut forged = recorded().beacon(ROUND).unwrap();
    forged.signature = recorded().beacon(NEXT).unwrap().signature;
    let source = Verified::new(Chain::quicknet(), RecordedBeacons::new([forged]).unwrap());
    for _ in 0..2 {
        assert_eq!(
            source.beacon(ROUND),
            Err(BeaconError::WrongSignature {
                round: ROUND,
                chained: false
            })
        );
    }
}
