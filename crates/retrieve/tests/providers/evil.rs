//! Malicious providers. Each attack has its code and its message.

use std::time::Duration;

use crate::support::*;
use assize_retrieve::{Config, Retrieval};

/// Result, status code, byte length.
fn figures(retrieval: &Retrieval) -> (String, Option<u16>, Option<u64>) {
    (result(retrieval), retrieval.status_code, retrieval.byte_length)
}

#[track_caller]
fn expect(got: &Retrieval, code: &str, status: u16, length: Option<usize>, words: &str) {
    let expected = (code.to_owned(), Some(status), length.map(|length| length as u64));
    assert_eq!(figures(got), expected, "{got:#?}");
    assert!(has_step(got, words), "{:#?}", got.steps);
}

#[tokio::test]
async fn cars_that_are_not_the_payload() {
    let cid = raw_cid(BLOCK);
    let other = raw_cid(b"other");
    let good = good_car();
    let header = car_header(&cid);
    let dag_pb = cid_of(0x70, 0x12, cid.hash().digest());
    let nothing = b"\x01\x02\x03".to_vec();
    let v2 = b"\x0a\xa1\x67version\x02".to_vec();
    let zero = [&good[..], &[0]].concat();
    let padded = [&good[..], &[0; 2_048]].concat();
    let lying_length = [&header[..], &[0xff, 0xff, 0xff, 0xff, 0x0f], &cid.to_bytes()[..]].concat();
    let huge_header = [0xff, 0xff, 0xff, 0x7f, 0xa2].to_vec();
    let no_cid = [&header[..], &[4, 9, 9, 9, 9]].concat();
    let short_cid = [&header[..], &[6, 1, 0x55, 0x12, 0x20, 1, 2]].concat();
    let cases = [
        (
            "CONTENT_VERIFICATION_FAILED",
            902,
            header.clone(),
            "the CAR is empty",
        ),
        (
            "UNEXPECTED_CAR_BLOCK",
            903,
            car(&cid, &[(cid, BLOCK), (other, b"other")]),
            &*other.to_string(),
        ),
        (
            "UNEXPECTED_CAR_BLOCK",
            903,
            car(&cid, &[(other, b"other"), (cid, BLOCK)]),
            "not requested",
        ),
        // Under another codec, the bytes decide.
        (
            "CONTENT_VERIFICATION_FAILED",
            902,
            car(&cid, &[(dag_pb, b"wrong bytes")]),
            "does not match its CID",
        ),
        // A digest of any length is rejected early.
        (
            "UNEXPECTED_CAR_BLOCK",
            903,
            [&header[..], &[200, 1, 1, 0x55, 0x12, 0xc0, 1]].concat(),
            "a digest of 192 bytes",
        ),
        (
            "CONTENT_VERIFICATION_FAILED",
            902,
            car(&cid, &[(cid, b"wrong bytes")]),
            "does not match its CID",
        ),
        (
            "CONTENT_VERIFICATION_FAILED",
            902,
            car(&cid, &[(cid, b"")]),
            "does not match its CID",
        ),
        // Only the first fault is reported.
        (
            "CONTENT_VERIFICATION_FAILED",
            902,
            [car(&cid, &[(cid, b"x")]), vec![0]].concat(),
            "does not match its CID",
        ),
        ("CANNOT_PARSE_CAR_FILE", 904, nothing, "not a CARv1 header"),
        (
            "CANNOT_PARSE_CAR_FILE",
            904,
            b"<html>hello</html>".to_vec(),
            "not a valid CAR",
        ),
        ("CANNOT_PARSE_CAR_FILE", 904, BLOCK.to_vec(), "not a valid CAR"),
        ("CANNOT_PARSE_CAR_FILE", 904, v2, "not a CARv1 header"),
        ("CANNOT_PARSE_CAR_FILE", 904, Vec::new(), "not a valid CAR"),
        // Padding (docs/decisions/0015).
        ("CANNOT_PARSE_CAR_FILE", 904, zero, "zero padding"),
        ("CANNOT_PARSE_CAR_FILE", 904, padded, "zero padding"),
        ("CANNOT_PARSE_CAR_FILE", 904, huge_header, "oversized header"),
        ("CANNOT_PARSE_CAR_FILE", 904, lying_length, "is truncated"),
        ("CANNOT_PARSE_CAR_FILE", 904, no_cid, "does not begin with a CID"),
        ("CANNOT_PARSE_CAR_FILE", 904, short_cid, "too short"),
    ];
    for (code, status, body, words) in cases {
        let got = retrieve(car_answer(&body)).await;
        // The whole body is read nevertheless, so that all stations report the same length.
        expect(&got, code, status, Some(body.len()), words);
    }
}

#[tokio::test]
async fn a_car_truncated_anywhere_is_malformed() {
    let good = good_car();
    for end in 0..good.len() {
        let got = retrieve(car_answer(&good[..end])).await;
        let code = if end == car_header(&raw_cid(BLOCK)).len() {
            902
        } else {
            904
        };
        assert_eq!(
            got.status_code,
            Some(code),
            "{end} of {}: {:?}",
            good.len(),
            got.steps
        );
    }
}

#[tokio::test]
async fn an_unsupported_hash_function() {
    let cid = cid_of(0x55, 0x1b, &[7; 32]);
    let provider = Server::always(car_answer(&car(&cid, &[(cid, BLOCK)]))).await;
    let got = retrieve_at(&cid, &[provider.multiaddr()], |_| {}).await;
    assert_eq!(
        (result(&got), got.status_code),
        ("UNSUPPORTED_CID_HASH_ALGO".into(), Some(901))
    );
}

/// Spark's rule counts every status from 200 to 299 as a success if the fetch has an end time.
#[tokio::test]
async fn another_2xx_does_not_excuse_a_wrong_body() {
    for status in ["201 Created", "203 Non-Authoritative", "206 Partial Content"] {
        let got = retrieve(answer(status, "", &car_header(&raw_cid(BLOCK)))).await;
        assert_eq!(result(&got), "UNKNOWN_ERROR", "{status}");
        assert_eq!(got.status_code.unwrap().to_string(), status[..3]);
        let got = retrieve(answer(status, "", &good_car())).await;
        assert_eq!(result(&got), "OK", "{status}");
    }
    let got = retrieve(vec![Act::Send(
        b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n".to_vec(),
    )])
    .await;
    assert_eq!(
        (result(&got), got.status_code),
        ("UNKNOWN_ERROR".into(), Some(204))
    );
}

#[tokio::test]
async fn an_endless_drip_hits_the_total_timeout() {
    let drip = vec![
        open_ended(&good_car()[..10]),
        Act::Forever(vec![0], Duration::from_millis(20)),
    ];
    let got = retrieve_with(drip, |config| config.limits.total = Duration::from_millis(1_500)).await;
    expect(&got, "TIMEOUT", 600, None, "within the total timeout");
    assert!(got.timeout && got.received >= 10 && got.first_byte_at.is_some());
}

#[tokio::test]
async fn silence_hits_the_idle_timeout() {
    let short = |config: &mut Config| config.limits.idle = Duration::from_millis(300);
    let silence = [
        vec![Act::Silence],
        vec![Act::Send(b"HTTP/1.1 200 OK\r\n".to_vec()), Act::Silence],
        // A response head sent line by line is not a body.
        vec![
            Act::Send(b"HTTP/1.1 200 OK\r\n".to_vec()),
            Act::Forever(b"X-A: b\r\n".to_vec(), Duration::from_millis(20)),
        ],
        vec![open_ended(b""), Act::Silence],
        vec![open_ended(&good_car()[..50]), Act::Silence],
    ];
    for acts in silence {
        let got = retrieve_with(acts, short).await;
        expect(&got, "TIMEOUT", 600, None, "within the idle timeout");
    }
}

#[tokio::test]
async fn silence_at_one_address_leaves_time_for_the_next() {
    let silent = Server::always(vec![Act::Silence]).await;
    let good = Server::always(car_answer(&good_car())).await;
    let addresses = [silent.multiaddr(), good.multiaddr()];
    let short = |config: &mut Config| config.limits.idle = Duration::from_secs(2);
    let got = retrieve_at(&raw_cid(BLOCK), &addresses, short).await;
    assert_eq!((result(&got), got.timeout), ("OK".into(), false));
    // But not if the first address uses all the time.
    let short = |config: &mut Config| config.limits.total = Duration::from_millis(300);
    let got = retrieve_at(&raw_cid(BLOCK), &addresses, short).await;
    assert_eq!((result(&got), good.requests().len()), ("TIMEOUT".into(), 2));
}

#[tokio::test]
async fn bodies_over_the_cap() {
    let cid = raw_cid(BLOCK);
    let small = |config: &mut Config| config.limits.body = 1_000;
    let endless = vec![
        open_ended(&car_header(&cid)),
        Act::Forever(vec![0; 4_096], Duration::ZERO),
    ];
    let got = retrieve_with(endless, small).await;
    expect(&got, "CAR_TOO_LARGE", 200, None, "size limit of 1000 bytes");
    assert!(got.car_too_large && got.received <= 1_000);

    // A body exactly at the limit is accepted.
    let block = vec![7; 1_000 - good_car().len() + BLOCK.len() - 1];
    let cid = raw_cid(&block);
    let body = car(&cid, &[(cid, &block)]);
    assert_eq!(body.len(), 1_000);
    let provider = Server::always(car_answer(&body)).await;
    assert_eq!(
        result(&retrieve_at(&cid, &[provider.multiaddr()], small).await),
        "OK"
    );
    let tight = |config: &mut Config| config.limits.body = 999;
    assert_eq!(
        result(&retrieve_at(&cid, &[provider.multiaddr()], tight).await),
        "CAR_TOO_LARGE"
    );
}

#[tokio::test]
async fn malformed_gzip() {
    let good = gzip(&good_car());
    for body in [
        &b"not gzip at all"[..],
        &good[..good.len() - 5],
        &[&good[..], b"tail"].concat(),
    ] {
        let got = retrieve(answer("200 OK", "Content-Encoding: gzip\r\n", body)).await;
        expect(&got, "UNKNOWN_FETCH_ERROR", 600, None, "gzip");
    }
    // An endless stream of empty members, which decompresses to nothing.
    let members = gzip(b"").repeat(100);
    let head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nConnection: close\r\n\r\n".to_vec();
    let acts = vec![Act::Send(head), Act::Forever(members, Duration::ZERO)];
    let got = retrieve_with(acts, |config| config.limits.body = 100_000).await;
    assert_eq!((result(&got), got.received), ("CAR_TOO_LARGE".into(), 0));
}

#[tokio::test]
async fn bodies_that_break_off() {
    let good = good_car();
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", good.len());
    let cut = [head.as_bytes(), &good[..good.len() - 1]].concat();
    let got = retrieve(vec![Act::Send(cut)]).await;
    expect(&got, "UNKNOWN_FETCH_ERROR", 600, None, "connection was lost");
    for nonsense in [
        &b""[..],
        b"hello\r\n\r\n",
        b"HTTP/1.1 999999 X\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.6\r\n",
    ] {
        let got = retrieve(vec![Act::Send(nonsense.to_vec())]).await;
        expect(&got, "UNKNOWN_FETCH_ERROR", 600, None, "connection was lost");
    }
    // An endless response head.
    let endless = vec![
        Act::Send(b"HTTP/1.1 200 OK\r\n".to_vec()),
        Act::Forever([&b"X: "[..], &[b'a'; 8_000], b"\r\n"].concat(), Duration::ZERO),
    ];
    let got = retrieve(endless).await;
    expect(&got, "UNKNOWN_FETCH_ERROR", 600, None, "connection was lost");
}

#[tokio::test]
async fn redirects_that_cannot_be_followed() {
    let to = |location: &str| answer("302 Found", &format!("Location: {location}\r\n"), b"");
    let circle = Server::start(move |request| match request.target().strip_prefix("/other") {
        Some(rest) => to(rest),
        None => to(&format!("/other{}", request.target())),
    })
    .await;
    let got = retrieve_at(&raw_cid(BLOCK), &[circle.multiaddr()], |_| {}).await;
    expect(&got, "HTTP_302", 302, Some(0), "redirect loop");
    assert_eq!(got.head_status_code, Some(302));

    let deeper = Server::start(move |request| to(&format!("/a{}", request.target()))).await;
    let got = retrieve_at(&raw_cid(BLOCK), &[deeper.multiaddr()], |_| {}).await;
    expect(&got, "HTTP_302", 302, Some(0), "more than 5 redirects");
    assert_eq!(
        deeper
            .requests()
            .iter()
            .filter(|request| request.method() == "GET")
            .count(),
        6
    );

    for location in [
        "ftp://example.org/x",
        "file:///etc/passwd",
        "http://[",
        "gopher://127.0.0.1:70/",
    ] {
        let got = retrieve(to(location)).await;
        expect(&got, "HTTP_302", 302, Some(0), "not an http URL");
    }
    let got = retrieve(to("http://user:secret@127.0.0.1:1/")).await;
    expect(&got, "HTTP_302", 302, Some(0), "credentials");
    assert!(!has_step(&got, "secret"), "{:#?}", got.steps);
    let got = retrieve(answer("301 Moved", "", b"")).await;
    expect(&got, "HTTP_301", 301, Some(0), "without a Location");
    let got = retrieve(to("http://nowhere.invalid/")).await;
    expect(&got, "HOSTNAME_DNS_ERROR", 801, Some(0), "cannot resolve");
}

#[tokio::test]
async fn private_addresses_are_not_connected_to() {
    let secret = Server::always(car_answer(&good_car())).await;
    let port = secret.address.port();
    let public = |config: &mut Config| config.allow_private = false;
    for multiaddr in [
        format!("/ip4/127.0.0.1/tcp/{port}/http"),
        format!("/ip4/127.1/tcp/{port}/http"),
        format!("/dns/localhost/tcp/{port}/http"),
        format!("/dns/2130706433/tcp/{port}/http"),
        format!("/ip6/::ffff:127.0.0.1/tcp/{port}/http"),
        format!("/ip6/64:ff9b::7f00:1/tcp/{port}/http"),
        "/ip4/169.254.169.254/http/http-path/%2Flatest%2Fmeta-data".into(),
        "/ip4/10.0.0.1/tcp/80/http".into(),
    ] {
        let got = retrieve_at(&raw_cid(BLOCK), &[multiaddr], public).await;
        expect(
            &got,
            "CONNECTION_REFUSED",
            802,
            Some(0),
            "is not on the public Internet",
        );
    }
    assert_eq!(secret.requests().len(), 0);
}

#[tokio::test]
async fn unreachable_hosts() {
    let got = retrieve_at(
        &raw_cid(BLOCK),
        &["/dns/nowhere.invalid/tcp/80/http".into()],
        |_| {},
    )
    .await;
    expect(&got, "HOSTNAME_DNS_ERROR", 801, Some(0), "cannot resolve");
    assert_eq!(got.head_status_code, Some(801));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let got = retrieve_at(
        &raw_cid(BLOCK),
        &[format!("/ip4/127.0.0.1/tcp/{port}/http")],
        |_| {},
    )
    .await;
    expect(&got, "CONNECTION_REFUSED", 802, Some(0), "cannot connect");
    assert_eq!(got.head_status_code, Some(802));
}

#[tokio::test]
async fn refusals_keep_their_status() {
    // gateway-lib answers 500 for a block that it does not have.
    for (status, code) in [
        ("404 Not Found", "HTTP_404"),
        ("500 Oops", "HTTP_500"),
        ("504 Late", "HTTP_504"),
        ("429 Busy", "HTTP_429"),
    ] {
        let got = retrieve(answer(status, "", b"reason")).await;
        expect(&got, code, status[..3].parse().unwrap(), Some(0), "reason");
        assert_eq!((got.first_byte_at, got.received), (None, 0));
    }
    // The body of an error response is not waited for.
    let slow = vec![
        Act::Send(b"HTTP/1.1 404 Not Found\r\nContent-Length: 9\r\n\r\n".to_vec()),
        Act::Silence,
    ];
    let got = retrieve(slow).await;
    assert_eq!(result(&got), "HTTP_404");
}
