//! Gateways that fail in every way: another gateway returns the file, or the error names the failure of each.
#![expect(
    clippy::unwrap_used,
    reason = "a test server that cannot answer fails the test"
)]

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use assize_measurement::car::{self, Sections};
use assize_protocol::FileCid;
use assize_store::{GatewayFault, Gateways, InOrder, LocalStore, Patience, Source, Store, StoreError};
use flate2::Compression;
use flate2::write::GzEncoder;

/// A gateway on a free port that gives the same response to every client.
fn gateway(answer: impl Fn(&str) -> Vec<u8> + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                if stream.read(&mut byte).unwrap() == 0 {
                    break;
                }
                request.push(byte[0]);
            }
            // The client disconnects once the response is too long.
            let _ = stream.write_all(&answer(&String::from_utf8(request).unwrap()));
        }
    });
    url
}

fn http(status: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

fn content() -> Vec<u8> {
    (0..(1 << 20) + 500_u32)
        .map(|index| (index % 251) as u8)
        .collect()
}

fn honest() -> (FileCid, String) {
    let (cid, packed) = car::pack(&content());
    let url = gateway(move |request| {
        assert!(
            request.starts_with(&format!("GET /ipfs/{cid}?format=car HTTP/1.1\r\n")),
            "{request}"
        );
        assert!(
            request
                .to_lowercase()
                .contains("accept: application/vnd.ipld.car"),
            "{request}"
        );
        http("200 OK", &packed)
    });
    (cid, url)
}

fn fault(url: String, cid: &FileCid) -> GatewayFault {
    match Gateways::new(&[url]).unwrap().get(cid) {
        Err(StoreError::Gateways { mut failures, .. }) => failures.remove(0).fault,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_file_is_read_from_the_first_gateway_that_has_it() {
    let (cid, url) = honest();
    let absent = gateway(|_| http("404 Not Found", b""));
    let gateways = Gateways::new(&[absent, format!("{url}/")]).unwrap();
    assert_eq!(gateways.get(&cid).unwrap(), content());
}

#[test]
fn each_kind_of_bad_response_is_reported() {
    let (cid, packed) = car::pack(&content());
    let mut damaged = packed.clone();
    damaged[700] ^= 1;
    let other = car::pack(b"something else").1;
    let cut = packed[..packed.len() - 1].to_vec();
    for body in [damaged, other, cut, b"<html>".to_vec(), Vec::new()] {
        let fault = fault(gateway(move |_| http("200 OK", &body)), &cid);
        assert!(matches!(fault, GatewayFault::Answer(_)), "{fault}");
    }
    let status = |line: &'static str| fault(gateway(move |_| http(line, b"")), &cid);
    assert!(matches!(
        status("500 Internal Server Error"),
        GatewayFault::Status(500)
    ));
    assert!(matches!(status("404 Not Found"), GatewayFault::Status(404)));
    let short = gateway(move |_| {
        let mut answer = http("200 OK", &packed);
        answer.truncate(5_000);
        answer
    });
    assert!(matches!(fault(short, &cid), GatewayFault::Transport(_)));
    let silent = gateway(|_| Vec::new());
    assert!(matches!(fault(silent, &cid), GatewayFault::Transport(_)));
}

#[test]
fn slow_busy_and_endless_gateways_are_skipped() {
    let (cid, url) = honest();
    let (_, packed) = car::pack(&content());
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent_url = format!("http://{}", silent.local_addr().unwrap());
    let dripping = dripping_gateway(http("200 OK", &packed));
    let busy = gateway(|_| http("429 Too Many Requests", b"slow down"));
    // Compressed zeros: 64 MiB in 64 KiB.
    let bomb = gateway(|_| {
        let mut packer = GzEncoder::new(Vec::new(), Compression::best());
        for _ in 0..64 {
            packer.write_all(&[0; 1 << 20]).unwrap();
        }
        let zipped = packer.finish().unwrap();
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            zipped.len()
        );
        [head.as_bytes(), &zipped].concat()
    });
    let patience = Patience {
        answer: Duration::from_millis(300),
        base: Duration::from_millis(900),
        rate: u64::MAX,
        ..Patience::USUAL
    };
    for bad in [silent_url, dripping, busy, bomb] {
        let alone = Gateways::with_patience(&[&bad], patience).unwrap();
        assert!(matches!(alone.get(&cid), Err(StoreError::Gateways { .. })));
        let both = Gateways::with_patience(&[bad, url.clone()], patience).unwrap();
        assert_eq!(both.get(&cid).unwrap(), content());
    }
}

#[test]
fn cars_of_other_implementations_are_accepted_and_other_formats_are_not() {
    let content = vec![7; 3 << 20];
    let (cid, packed) = car::pack(&content);
    // Root first, the repeated chunk as often as it occurs in the file.
    let blocks: Vec<_> = Sections::open(&packed).unwrap().map(Result::unwrap).collect();
    let (chunk, root) = (blocks[0], blocks[1]);
    let mut dfs = Vec::new();
    car::put_header(&mut dfs, &cid);
    for block in [root, chunk, chunk, chunk] {
        car::put_block(&mut dfs, &block.cid, block.data);
    }
    let body = dfs.clone();
    let gateways = Gateways::new(&[gateway(move |_| http("200 OK", &body))]).unwrap();
    assert_eq!(gateways.get(&cid).unwrap(), content);
    // Once more than it occurs in the file.
    car::put_block(&mut dfs, &chunk.cid, chunk.data);
    let pragma = b"\x0a\xa1\x67version\x02".to_vec();
    for body in [dfs, [pragma, packed].concat(), content] {
        let fault = fault(gateway(move |_| http("200 OK", &body)), &cid);
        assert!(matches!(fault, GatewayFault::Answer(_)), "{fault}");
    }
}

/// A gateway that sends a byte now and then.
fn dripping_gateway(answer: Vec<u8>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let head = answer.len() - content().len();
            let _ = stream.write_all(&answer[..head]);
            for byte in &answer[head..] {
                thread::sleep(Duration::from_millis(20));
                if stream.write_all(&[*byte]).is_err() {
                    break;
                }
            }
        }
    });
    url
}

#[test]
fn redirects_are_not_followed() {
    let (cid, target) = honest();
    let url = gateway(move |_| {
        let location = format!("HTTP/1.1 302 Found\r\nLocation: {target}\r\nContent-Length: 0\r\n\r\n");
        location.into_bytes()
    });
    let fault = fault(url, &cid);
    assert!(!matches!(fault, GatewayFault::Answer(_)), "{fault}");
}

#[test]
fn a_local_store_is_asked_first_and_gateways_after_it() {
    let (cid, url) = honest();
    let directory = tempfile::tempdir().unwrap();
    let local = LocalStore::open(directory.path()).unwrap();
    let here = local.put(b"here").unwrap();
    let sources = |gateways: &[&str]| {
        InOrder::new(vec![
            Box::new(local.clone()),
            Box::new(Gateways::new(gateways).unwrap()),
        ])
    };
    let unreachable = "http://127.0.0.1:9";
    assert_eq!(sources(&[unreachable]).get(&here).unwrap(), b"here");
    assert_eq!(sources(&[unreachable, &url]).get(&cid).unwrap(), content());
    let error = sources(&["http://user:secret@127.0.0.1:9"])
        .get(&cid)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("not in the store")
            && error.contains("http://127.0.0.1:9")
            && error.contains("--gateway URL")
            && !error.contains("secret"),
        "{error}"
    );
}

#[test]
fn invalid_addresses_are_rejected() {
    for url in [
        "",
        "gateway.example",
        "ftp://gateway.example",
        "https://",
        "https://host?x",
        "http://a b",
    ] {
        let error = Gateways::new(&[url]).unwrap_err();
        assert!(matches!(error, StoreError::GatewayUrl { .. }), "{url}");
    }
}

#[test]
fn a_silent_gateway_is_asked_last_from_then_on() {
    let (cid, url) = honest();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent_url = format!("http://{}", silent.local_addr().unwrap());
    let answer = Duration::from_millis(500);
    let patience = Patience {
        answer,
        ..Patience::USUAL
    };
    let gateways = Gateways::with_patience(&[silent_url, url], patience).unwrap();
    let read = || {
        let begun = Instant::now();
        assert_eq!(gateways.get(&cid).unwrap(), content());
        begun.elapsed()
    };
    assert!(read() >= answer);
    assert!(read() < answer, "it is remembered");
}

#[test]
fn more_than_a_file_of_its_kind_has_is_not_received() {
    let (cid, packed) = car::pack(&content());
    let longer = gateway(move |_| http("200 OK", &packed));
    let gateways = Gateways::new(&[longer]).unwrap();
    match gateways.open_within(&cid, 1 << 19) {
        Err(StoreError::Gateways { failures, .. }) => {
            assert!(
                matches!(failures[0].fault, GatewayFault::TooLong(_)),
                "{}",
                failures[0]
            );
        }
        other => panic!("{other:?}"),
    }
}

/// As [`gateway`], and how often it was asked.
fn counted(answer: impl Fn(usize) -> Vec<u8> + Send + 'static) -> (String, Arc<AtomicUsize>) {
    let count = Arc::new(AtomicUsize::new(0));
    let asked = Arc::clone(&count);
    let url = gateway(move |_| answer(asked.fetch_add(1, Ordering::SeqCst)));
    (url, count)
}

fn faults(gateways: &Gateways, cid: &FileCid) -> Vec<GatewayFault> {
    match gateways.get(cid) {
        Err(StoreError::Gateways { failures, .. }) => {
            failures.into_iter().map(|failure| failure.fault).collect()
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_gateway_that_lies_is_left_out_and_the_error_says_why() {
    let (cid, packed) = car::pack(&content());
    let mut damaged = packed;
    damaged[700] ^= 1;
    let (url, asked) = counted(move |_| http("200 OK", &damaged));
    let gateways = Gateways::new(&[&url]).unwrap();
    assert!(matches!(faults(&gateways, &cid)[..], [GatewayFault::Answer(_)]));
    let error = gateways.get(&car::pack(b"another file").0).unwrap_err();
    assert_eq!(asked.load(Ordering::SeqCst), 1, "it is not asked again");
    let reached = error.reached();
    assert_eq!((reached.silent, reached.local), (true, false));
    let text = error.to_string();
    assert!(
        text.contains(&format!("{url}: it is not asked until ")) && text.contains("does not match the hash"),
        "{text}"
    );
    // The others are asked.
    let (cid, honest) = honest();
    let both = Gateways::new(&[url, honest]).unwrap();
    for _ in 0..2 {
        assert_eq!(both.get(&cid).unwrap(), content());
    }
    assert_eq!(asked.load(Ordering::SeqCst), 2);
}

#[test]
fn a_gateway_that_drips_is_left_out_until_its_time_is_over() {
    let (cid, packed) = car::pack(&content());
    let out = Duration::from_millis(50);
    let patience = |out| Patience {
        base: Duration::from_millis(200),
        rate: u64::MAX,
        out: (out, out),
        ..Patience::USUAL
    };
    let url = dripping_gateway(http("200 OK", &packed));
    let hour = Duration::from_secs(3_600);
    let gateways = Gateways::with_patience(&[&url], patience(hour)).unwrap();
    assert!(matches!(faults(&gateways, &cid)[..], [GatewayFault::Slow(_)]));
    for gateways in [&gateways, &gateways.clone()] {
        assert!(matches!(
            faults(gateways, &cid)[..],
            [GatewayFault::LeftOut { .. }]
        ));
    }
    let gateways = Gateways::with_patience(&[&url], patience(out)).unwrap();
    assert!(matches!(faults(&gateways, &cid)[..], [GatewayFault::Slow(_)]));
    thread::sleep(2 * out);
    assert!(matches!(faults(&gateways, &cid)[..], [GatewayFault::Slow(_)]));
}

#[test]
fn a_refusal_is_no_offence() {
    let (cid, url) = honest();
    let (refusing, asked) = counted(|count| match count {
        0 => http("404 Not Found", b""),
        _ => http("500 Internal Server Error", b""),
    });
    let gateways = Gateways::new(&[refusing, url]).unwrap();
    let read = || gateways.get(&cid).unwrap();
    assert_eq!((read(), read()), (content(), content()));
    assert_eq!(asked.load(Ordering::SeqCst), 2);
}
