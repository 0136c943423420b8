//! Honest providers, in many variants.

use crate::support::*;
use assize_retrieve::{IndexerResult, LASSIE_AGENT, Retriever, Transport};
use blake2::Blake2b;
use blake2::digest::consts::U32;
use cid::Cid;
use cid::multibase::Base;
use cid::multihash::Multihash;
use serde_json::json;
use sha2::{Digest, Sha256, Sha512};

#[tokio::test]
async fn a_retrieved_block_has_every_field() {
    let provider = Server::always(car_answer(&good_car())).await;
    let got = retrieve_at(&raw_cid(BLOCK), &[provider.multiaddr()], |_| {}).await;
    assert_eq!(result(&got), "OK");
    assert_eq!(got.peer_id.as_deref(), Some(PEER));
    assert_eq!(got.indexer_result, IndexerResult::Ok);
    assert_eq!(got.protocol, Some(Transport::Http));
    assert_eq!(got.address, Some(provider.multiaddr()));
    assert_eq!(got.served_by, got.address);
    assert_eq!((got.status_code, got.head_status_code), (Some(200), Some(200)));
    assert_eq!(got.byte_length, Some(good_car().len() as u64));
    assert_eq!(got.car_checksum, checksum(&good_car()));
    assert!(!got.timeout && !got.car_too_large && got.fetched());
    let times = [got.start_at, got.first_byte_at, got.end_at].map(Option::unwrap);
    assert!(times.is_sorted() && times[0].0 > 1_700_000_000_000);
    // Peer id, indexer, GET, HEAD.
    assert_eq!(got.steps.len(), 4);
    assert!(got.steps.iter().all(|step| step.ok));
}

/// Byte for byte what Go's `net/http` wrote for a program that sets Lassie's headers (../fixtures/go).
#[tokio::test]
async fn requests_are_those_of_lassie() {
    let provider = Server::start(|request| match request.target() {
        target if target.contains("format=raw") => ok("application/vnd.ipld.raw", BLOCK),
        _ if request.header("Accept").unwrap().contains("car") => {
            answer("406 Not Acceptable", "", b"no CARs here")
        }
        _ => ok("application/vnd.ipld.raw", b""),
    })
    .await;
    let cid = raw_cid(BLOCK);
    let by_name = format!("/dns4/localhost/tcp/{}/http", provider.address.port());
    let port = provider.address.port();
    let got = retrieve_at(&cid, &[provider.multiaddr()], |_| {}).await;
    assert_eq!(result(&got), "OK");
    let lassie = retrieve_at(&cid, &[by_name], |config| config.explicit_format = false).await;
    assert_eq!(result(&lassie), "OK");

    let requests = provider.requests();
    let heads: Vec<&str> = requests.iter().map(|request| request.head.as_str()).collect();
    let [car, raw, head, lassie, ..] = heads[..] else {
        panic!("{heads:#?}")
    };
    let id = requests[0].header("X-Request-Id").unwrap();
    assert_eq!(id.len(), 36);
    assert_ne!(
        requests[3].header("X-Request-Id"),
        Some(id),
        "every retrieval has its own id"
    );
    let expected = |fixture: &str, request: usize| {
        fixture
            .replace("127.0.0.1:PORT", requests[request].header("Host").unwrap())
            .replace("CID", &cid.to_string())
            .replace("AGENT", LASSIE_AGENT)
            .replace(
                ": ID",
                &format!(": {}", requests[request].header("X-Request-Id").unwrap()),
            )
    };
    assert_eq!(car, expected(include_str!("../fixtures/go/car.txt"), 0));
    assert_eq!(raw, expected(include_str!("../fixtures/go/raw.txt"), 1));
    assert_eq!(
        head,
        expected(include_str!("../fixtures/go/head.txt"), 2).replace("dag-scope=block", "format=raw")
    );
    assert_eq!(lassie, expected(include_str!("../fixtures/go/lassie.txt"), 3));
    assert_eq!(requests[0].header("Host"), Some(&*format!("127.0.0.1:{port}")));
}

#[tokio::test]
async fn redirects_are_followed_as_go_follows_them() {
    let provider = Server::start(|request| match request.target() {
        target if target.contains("/new/") => car_answer(&good_car()),
        target => answer("302 Found", &format!("Location: /new{target}#there\r\n"), b""),
    })
    .await;
    let got = retrieve_at(&raw_cid(BLOCK), &[provider.multiaddr()], |_| {}).await;
    assert_eq!(
        (result(&got), got.status_code, got.head_status_code),
        ("OK".into(), Some(200), Some(200))
    );
    assert!(has_step(&got, "redirected to"));
    let requests = provider.requests();
    let heads: Vec<_> = requests
        .iter()
        .filter(|request| request.head.starts_with("HEAD"))
        .collect();
    assert!(!heads.is_empty());
    for head in heads {
        assert!(
            head.target().ends_with("?dag-scope=block"),
            "format=car would overrule the Accept: {}",
            head.head
        );
    }
    // The Go capture redirects from /old to no prefix; this test redirects from no prefix to /new.
    let expected = include_str!("../fixtures/go/old-redirected.txt")
        .replace("/old/ipfs", "/IPFS")
        .replace("GET /ipfs", "GET /new/ipfs")
        .replace("/IPFS", "/ipfs")
        .replace("127.0.0.1:PORT", &provider.address.to_string())
        .replace("CID", &raw_cid(BLOCK).to_string())
        .replace("AGENT", LASSIE_AGENT)
        .replace(
            ": ID",
            &format!(": {}", requests[0].header("X-Request-Id").unwrap()),
        );
    assert_eq!(requests[1].head, expected);
}

#[tokio::test]
async fn no_request_reveals_a_check() {
    let provider = Server::always(car_answer(&good_car())).await;
    retrieve_at(&raw_cid(BLOCK), &[provider.multiaddr()], |_| {}).await;
    for request in provider.requests() {
        let head = request.head.to_lowercase();
        for word in ["assize", "check", "spark", "station", "f01234", PEER] {
            assert!(!head.contains(&word.to_lowercase()), "{head}");
        }
    }
}

#[tokio::test]
async fn if_cars_are_rejected_the_raw_block_is_requested() {
    for refusal in [
        "400 Bad Request",
        "406 Not Acceptable",
        "415 Unsupported Media Type",
        "501 Not Implemented",
    ] {
        let provider = Server::start(move |request| match request.target().contains("format=raw") {
            true => ok("application/vnd.ipld.raw", BLOCK),
            false => answer(refusal, "", b"unsupported accept parameter"),
        })
        .await;
        let got = retrieve_at(&raw_cid(BLOCK), &[provider.multiaddr()], |_| {}).await;
        assert_eq!(result(&got), "OK");
        assert_eq!(
            (got.byte_length, &got.car_checksum),
            (Some(BLOCK.len() as u64), &checksum(BLOCK))
        );
        assert!(has_step(&got, "unsupported accept parameter"));
    }
    // A gateway that refuses both.
    let got = retrieve(answer("400 Bad Request", "", b"")).await;
    assert_eq!((result(&got), got.status_code), ("HTTP_400".into(), Some(400)));
    // Other errors are final: the block is not requested twice.
    let provider = Server::always(answer("410 Gone", "", b"")).await;
    let got = retrieve_at(&raw_cid(BLOCK), &[provider.multiaddr()], |_| {}).await;
    assert_eq!((result(&got), provider.requests().len()), ("HTTP_410".into(), 2));
}

#[tokio::test]
async fn a_raw_block_is_verified_too() {
    let provider = Server::start(|request| match request.target().contains("format=raw") {
        true => ok("application/vnd.ipld.raw", b"another block"),
        false => answer("400 Bad Request", "", b""),
    })
    .await;
    let got = retrieve_at(&raw_cid(BLOCK), &[provider.multiaddr()], |_| {}).await;
    assert_eq!(
        (result(&got), got.byte_length),
        ("CONTENT_VERIFICATION_FAILED".into(), Some(13))
    );
    let got = retrieve_at(&cid_of(0x55, 0x1b, &[1; 32]), &[provider.multiaddr()], |_| {}).await;
    assert_eq!(result(&got), "UNSUPPORTED_CID_HASH_ALGO");
}

/// A success must have a first byte; for an empty block its time is the end's.
#[tokio::test]
async fn an_empty_block_is_a_block() {
    let provider = Server::start(|request| match request.target().contains("format=raw") {
        true => ok("application/vnd.ipld.raw", b""),
        false => answer("400 Bad Request", "", b""),
    })
    .await;
    let got = retrieve_at(&raw_cid(b""), &[provider.multiaddr()], |_| {}).await;
    assert_eq!(
        (result(&got), got.byte_length, got.first_byte_at),
        ("OK".into(), Some(0), got.end_at)
    );
    let cid = raw_cid(b"");
    let provider = Server::always(car_answer(&car(&cid, &[(cid, b"")]))).await;
    let got = retrieve_at(&cid, &[provider.multiaddr()], |_| {}).await;
    assert_eq!(result(&got), "OK");
}

#[tokio::test]
async fn length_and_checksum_are_of_the_decoded_body() {
    let body = gzip(&good_car());
    let got = retrieve(answer("200 OK", "Content-Encoding: GZIP\r\n", &body)).await;
    assert_eq!(result(&got), "OK");
    assert_eq!(got.byte_length, Some(good_car().len() as u64));
    assert_eq!(got.car_checksum, checksum(&good_car()));
    assert_eq!(got.received, good_car().len() as u64);
    let length = format!(", {} bytes: ", good_car().len());
    assert!(has_step(&got, &length), "{:#?}", got.steps);

    let length = format!("{:x}\r\n", good_car().len());
    let car = good_car();
    let chunked = [
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n".as_bytes(),
        length.as_bytes(),
        &car,
        b"\r\n0\r\nX-Trailer: yes\r\n\r\n",
    ];
    let got = retrieve(vec![Act::Send(chunked.concat())]).await;
    assert_eq!(
        (result(&got), got.car_checksum),
        ("OK".into(), checksum(&good_car()))
    );
}

#[tokio::test]
async fn all_kinds_of_cids_are_retrieved() {
    let sha256 = Sha256::digest(BLOCK);
    let v1 = cid_of(0x70, 0x12, &sha256);
    let v0 = Cid::new_v0(*v1.hash()).unwrap();
    let kinds = [
        // The requested CID, and the one in the CAR.
        (v1, v1),
        (v0, v0),
        (v0, v1),
        (v1, v0),
        (cid_of(0x71, 0x12, &sha256), cid_of(0x71, 0x12, &sha256)),
        (
            cid_of(0x55, 0x13, &Sha512::digest(BLOCK)),
            cid_of(0x55, 0x13, &Sha512::digest(BLOCK)),
        ),
        (
            cid_of(0x71, 0xb220, &Blake2b::<U32>::digest(BLOCK)),
            cid_of(0x71, 0xb220, &Blake2b::<U32>::digest(BLOCK)),
        ),
        (cid_of(0x55, 0, BLOCK), cid_of(0x55, 0, BLOCK)),
    ];
    for (asked, given) in kinds {
        let provider = Server::always(car_answer(&car(&given, &[(given, BLOCK)]))).await;
        let got = retrieve_at(&asked, &[provider.multiaddr()], |_| {}).await;
        assert_eq!(result(&got), "OK", "{asked} {got:#?}");
        assert!(
            provider.requests()[0]
                .target()
                .starts_with(&format!("/ipfs/{asked}?"))
        );
    }
    // A blockstore that is keyed by multihashes does not know the codec.
    for (asked, given) in [(0x70, 0x55), (0x55, 0x70), (0x71, 0x55), (0x0129, 0x71)] {
        let (asked, given) = (cid_of(asked, 0x12, &sha256), cid_of(given, 0x12, &sha256));
        let provider = Server::always(car_answer(&car(&given, &[(given, BLOCK)]))).await;
        let got = retrieve_at(&asked, &[provider.multiaddr()], |_| {}).await;
        assert_eq!(result(&got), "OK", "{asked} {got:#?}");
        // The block's bytes decide, not what the CAR calls it.
        let provider = Server::always(car_answer(&car(&given, &[(given, b"another")]))).await;
        let got = retrieve_at(&asked, &[provider.multiaddr()], |_| {}).await;
        assert_eq!(result(&got), "CONTENT_VERIFICATION_FAILED");
    }
    // A block that its CID contains is in no CAR (trustless gateway specification).
    let identity = Cid::new_v1(0x55, Multihash::wrap(0, BLOCK).unwrap());
    let provider = Server::always(car_answer(&car(&identity, &[]))).await;
    let got = retrieve_at(&identity, &[provider.multiaddr()], |_| {}).await;
    assert_eq!(result(&got), "OK");
}

/// A directory that is its CID: the digest has 112 bytes.
#[tokio::test]
async fn payloads_with_long_digests_are_retrieved() {
    let text = "bafyaa4asfyfcmalqudsaeiclsn2n56lmy7rolvh3hcmbb7lailbxpowb4quv6ggvqayqo7pj7mjaagejsbbrelqkeyaxbiheaiqp7e4gsn3ajlb533z2wp377int6fxiluov6il34itoaemeb5w5qeasaamk35b4bihaqaqyqcexuieaqbacbaejhi";
    let cid: assize_protocol::PayloadCid = text.parse().unwrap();
    let multihash = Base::Base64Pad.encode(&cid.to_bytes()[2..]);
    let car = car(&raw_cid(b"any root"), &[]);
    let provider = Server::start(move |_| car_answer(&car)).await;
    let records = [record(PEER, &http_metadata(), &[provider.multiaddr()])];
    let found = json!({"MultihashResults": [{"Multihash": multihash, "ProviderResults": records}]});
    let index = Server::always(ok("application/json", found.to_string().as_bytes())).await;
    let chain = chain().await;
    let retriever = Retriever::new(config(&chain, &[&index])).unwrap();
    let got = retriever.retrieve(cid, PROVIDER).await.unwrap();
    check(&got);
    assert_eq!(result(&got), "OK", "{got:#?}");
    for (server, path) in [
        (&index, format!("/cid/{text}")),
        (&provider, format!("/ipfs/{text}?format=car&dag-scope=block")),
    ] {
        assert_eq!(server.requests()[0].target(), path);
    }
}

#[tokio::test]
async fn a_block_may_occur_twice_and_roots_are_ignored() {
    let cid = raw_cid(BLOCK);
    let twice = car(&cid, &[(cid, BLOCK), (cid, BLOCK)]);
    assert_eq!(result(&retrieve(car_answer(&twice)).await), "OK");
    let other_root = car(&raw_cid(b"x"), &[(cid, BLOCK)]);
    assert_eq!(result(&retrieve(car_answer(&other_root)).await), "OK");
}

#[tokio::test]
async fn all_addresses_are_tried() {
    let cid = raw_cid(BLOCK);
    let dead = dead().await;
    let refusing = Server::always(answer("500 Internal Server Error", "", b"")).await;
    let good = Server::always(car_answer(&good_car())).await;
    let never = Server::always(car_answer(&good_car())).await;
    let addresses = [
        "/ip4/127.0.0.1/tcp/24001".into(),
        "/dns/nowhere.invalid/tcp/80/http".into(),
        dead.clone(),
        refusing.multiaddr(),
        good.multiaddr(),
        never.multiaddr(),
    ];
    let got = retrieve_at(&cid, &addresses, |_| {}).await;
    assert_eq!(result(&got), "OK");
    // Committees vote on the indexer's answer, not on the address that happened to work.
    assert_eq!(got.address, Some(addresses[1].clone()));
    assert!(has_step(&got, "skipped"));
    assert_eq!(got.served_by, Some(good.multiaddr()));
    assert_eq!((good.requests().len(), never.requests().len()), (2, 0));

    // If none delivers, the one that got farthest counts; among equals, the first.
    for (addresses, expected) in [
        (
            vec![dead.clone(), refusing.multiaddr(), "/ip4/1.2.3.4/udp/1".into()],
            "HTTP_500",
        ),
        (
            vec!["/dns/nowhere.invalid/tcp/80/http".into(), dead.clone()],
            "CONNECTION_REFUSED",
        ),
        (
            vec![
                "/ip4/1.2.3.4/udp/1".into(),
                "/dns/nowhere.invalid/tcp/80/http".into(),
            ],
            "HOSTNAME_DNS_ERROR",
        ),
        (
            vec!["/ip4/127.0.0.1/tcp/1".into(), "/unix/x/tcp/1".into()],
            "UNSUPPORTED_MULTIADDR_FORMAT",
        ),
    ] {
        let got = retrieve_at(&cid, &addresses, |_| {}).await;
        assert_eq!(result(&got), expected, "{addresses:?}");
        assert_eq!(
            got.address.as_ref(),
            addresses
                .iter()
                .find(|address| address.ends_with("/http"))
                .or(addresses.first())
        );
        assert_eq!(got.byte_length, Some(0));
    }

    // A wrong block is final: no other address is tried.
    let lying = Server::always(car_answer(b"\x01\x02\x03")).await;
    let got = retrieve_at(&cid, &[lying.multiaddr(), never.multiaddr()], |_| {}).await;
    assert_eq!(
        (result(&got), never.requests().len()),
        ("CANNOT_PARSE_CAR_FILE".into(), 0)
    );

    // No more addresses than the limit.
    let many = vec![dead; 3]
        .into_iter()
        .chain([good.multiaddr()])
        .collect::<Vec<_>>();
    let got = retrieve_at(&cid, &many, |config| config.limits.addresses = 1).await;
    assert_eq!(result(&got), "CONNECTION_REFUSED");
}

/// An address without a listener.
#[tokio::test]
async fn skipped_addresses_are_counted() {
    let provider = Server::always(answer("404 Not Found", "", b"")).await;
    let addresses = vec![provider.multiaddr(), dead().await, dead().await];
    for (most, left) in [
        (1, Some("2 more addresses")),
        (2, Some("1 more address")),
        (3, None),
    ] {
        let got = retrieve_at(&raw_cid(BLOCK), &addresses, |config| {
            config.limits.addresses = most
        })
        .await;
        let steps: Vec<String> = got.steps.iter().map(ToString::to_string).collect();
        let found = steps.iter().find(|step| step.contains("more address"));
        assert_eq!(found.is_some(), left.is_some(), "{steps:#?}");
        assert!(
            found.is_none_or(|step| step.contains(left.unwrap())),
            "{steps:#?}"
        );
    }
    // Many non-gateway addresses share one step.
    let mut many: Vec<String> = (0..1_000).map(|number| format!("/x/{number}")).collect();
    many.push(provider.multiaddr());
    let got = retrieve_at(&raw_cid(BLOCK), &many, |config| config.limits.addresses = 2).await;
    let steps: Vec<String> = got.steps.iter().map(ToString::to_string).collect();
    assert!(steps.len() < 10, "{}", steps.len());
    assert!(
        steps.iter().any(|step| step.contains("998 more addresses")),
        "{steps:#?}"
    );
}

async fn dead() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    format!(
        "/ip4/127.0.0.1/tcp/{}/http",
        listener.local_addr().unwrap().port()
    )
}

#[tokio::test]
async fn head_has_its_own_status() {
    let provider = Server::start(|request| match request.method() {
        "HEAD" => answer("405 Method Not Allowed", "", b""),
        _ => car_answer(&good_car()),
    })
    .await;
    let got = retrieve_at(&raw_cid(BLOCK), &[provider.multiaddr()], |_| {}).await;
    assert_eq!((result(&got), got.head_status_code), ("OK".into(), Some(405)));

    let provider = Server::start(|request| match request.method() {
        "HEAD" => vec![Act::Silence],
        _ => car_answer(&good_car()),
    })
    .await;
    let short =
        |config: &mut assize_retrieve::Config| config.limits.head = std::time::Duration::from_millis(300);
    let got = retrieve_at(&raw_cid(BLOCK), &[provider.multiaddr()], short).await;
    assert_eq!((result(&got), got.head_status_code), ("OK".into(), Some(600)));

    // HEAD is sent even if GET failed.
    let got = retrieve(answer("404 Not Found", "", b"block not found")).await;
    assert_eq!(
        (result(&got), got.head_status_code),
        ("HTTP_404".into(), Some(200))
    );
    assert!(has_step(&got, "block not found"));
}
