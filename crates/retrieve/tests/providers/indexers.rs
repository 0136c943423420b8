//! Indexers' responses in all their forms.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use assize_retrieve::{Config, IndexerResult, Retrieval, Transport};
use cid::multibase::Base;
use serde_json::{Value, json};

use crate::support::*;

async fn indexed(
    bodies: &[(&'static str, String)],
    change: impl FnOnce(&mut Config),
) -> (Retrieval, Vec<Server>) {
    let chain = chain().await;
    let mut indexers = Vec::new();
    for (status, body) in bodies {
        indexers.push(
            Server::always(answer(
                status,
                "Content-Type: application/json\r\n",
                body.as_bytes(),
            ))
            .await,
        );
    }
    let mut config = config(&chain, &indexers.iter().collect::<Vec<_>>());
    config.limits.retries = 2;
    change(&mut config);
    let got = ask(config, &raw_cid(BLOCK)).await.unwrap();
    check(&got);
    (got, indexers)
}

#[tokio::test]
async fn indexers_are_asked_in_order_until_one_knows() {
    let cid = raw_cid(BLOCK);
    let dead = "/ip4/127.0.0.1/tcp/1/http".to_owned();
    let found = find_response(
        &cid,
        &[record(PEER, &http_metadata(), std::slice::from_ref(&dead))],
    );
    let others = find_response(
        &cid,
        &[record(OTHER_PEER, &http_metadata(), std::slice::from_ref(&dead))],
    );
    let none = String::new;
    // Responses; expected result; number of requests to each.
    let cases = [
        (
            vec![("200 OK", found.clone()), ("200 OK", found.clone())],
            "OK",
            vec![1, 0],
        ),
        (
            vec![("404 Not Found", none()), ("200 OK", found.clone())],
            "OK",
            vec![1, 1],
        ),
        (
            vec![("503 Busy", none()), ("200 OK", found.clone())],
            "OK",
            vec![3, 1],
        ),
        (
            vec![("400 Bad", none()), ("200 OK", found.clone())],
            "OK",
            vec![1, 1],
        ),
        (
            vec![("200 OK", others.clone()), ("200 OK", found.clone())],
            "OK",
            vec![1, 1],
        ),
        (
            vec![("200 OK", "nonsense".into()), ("200 OK", found.clone())],
            "OK",
            vec![1, 1],
        ),
        (
            vec![("404 Not Found", none()), ("404 Not Found", none())],
            "ERROR_404",
            vec![1, 1],
        ),
        (
            vec![("404 Not Found", none()), ("504 Late", none())],
            "ERROR_504",
            vec![1, 3],
        ),
        (
            vec![("502 Bad", none()), ("404 Not Found", none())],
            "ERROR_502",
            vec![3, 1],
        ),
        (vec![("400 Bad", none())], "ERROR_400", vec![1]),
        (vec![("200 OK", "{".into())], "ERROR_FETCH", vec![1]),
        (vec![("200 OK", "[]".into())], "ERROR_FETCH", vec![1]),
        (
            vec![("200 OK", others.clone())],
            "NO_VALID_ADVERTISEMENT",
            vec![1],
        ),
        (
            vec![("200 OK", others.clone()), ("404 Not Found", none())],
            "NO_VALID_ADVERTISEMENT",
            vec![1, 1],
        ),
        // An indexer that failed may have had a record: not the provider's fault.
        (
            vec![("200 OK", others), ("500 Oops", none())],
            "ERROR_500",
            vec![1, 3],
        ),
        // Responses outside the specification are malformed.
        (vec![("200 OK", none())], "ERROR_FETCH", vec![1]),
        (vec![("200 OK", "\n".into())], "ERROR_FETCH", vec![1]),
        (vec![("200 OK", "{}".into())], "ERROR_FETCH", vec![1]),
        (
            vec![("200 OK", r#"{"error": "busy"}"#.into())],
            "ERROR_FETCH",
            vec![1],
        ),
        (
            vec![("200 OK", r#"{"MultihashResults": 7}"#.into())],
            "ERROR_FETCH",
            vec![1],
        ),
        // This one is valid: there are no records.
        (
            vec![("200 OK", r#"{"MultihashResults": []}"#.into())],
            "NO_VALID_ADVERTISEMENT",
            vec![1],
        ),
    ];
    for (answers, expected, asked) in cases {
        let (got, indexers) = indexed(&answers, |_| {}).await;
        assert_eq!(got.indexer_result.to_string(), expected, "{answers:?}");
        let times: Vec<usize> = indexers.iter().map(|indexer| indexer.requests().len()).collect();
        assert_eq!(times, asked, "{answers:?}");
        let request = indexers[0].requests()[0].clone();
        assert_eq!(request.target(), format!("/cid/{cid}"));
        assert_eq!(
            request.header("Accept"),
            Some("application/json, application/x-ndjson")
        );
        if !got.indexer_result.found() {
            assert_eq!((got.protocol, &got.address, got.start_at), (None, &None, None));
            assert_eq!(result(&got), format!("IPNI_{expected}"));
        }
    }
}

#[tokio::test]
async fn an_indexer_that_cannot_be_used() {
    let (got, _) = indexed(&[("200 OK", "x".repeat(2_000))], |config| {
        config.limits.index = 1_000
    })
    .await;
    assert_eq!(got.indexer_result, IndexerResult::ErrorFetch);
    assert!(has_step(&got, "size limit of 1000 bytes"));
    let nowhere = |config: &mut Config| config.indexers = vec!["http://ipni.invalid".parse().unwrap()];
    let (got, _) = indexed(&[], nowhere).await;
    assert_eq!(got.indexer_result, IndexerResult::ErrorFetch);
    let silent = Server::always(vec![Act::Silence]).await;
    let short = |config: &mut Config| {
        config.indexers = vec![silent.url()];
        config.limits.lookup = Duration::from_millis(300);
    };
    // The chain must respond within the same limit; on a slow machine it may not, which is not a failure of this test.
    let chain = chain().await;
    let mut config = config(&chain, &[]);
    short(&mut config);
    if let Ok(got) = ask(config, &raw_cid(BLOCK)).await {
        assert_eq!(got.indexer_result, IndexerResult::ErrorFetch);
    }
}

#[tokio::test]
async fn an_indexer_that_recovers_is_believed() {
    let cid = raw_cid(BLOCK);
    let found = find_response(
        &cid,
        &[record(
            PEER,
            &http_metadata(),
            &["/ip4/127.0.0.1/tcp/1/http".into()],
        )],
    );
    let asked = AtomicUsize::new(0);
    let index = Server::start(move |_| match asked.fetch_add(1, Ordering::Relaxed) {
        0 | 1 => answer("500 Oops", "", b""),
        _ => ok("application/json", found.as_bytes()),
    })
    .await;
    let chain = chain().await;
    let got = ask(config(&chain, &[&index]), &cid).await.unwrap();
    assert_eq!(
        (got.indexer_result, index.requests().len()),
        (IndexerResult::Ok, 3)
    );
}

/// All forms in which an advertisement may come.
#[tokio::test]
async fn advertisements_are_found_in_every_form() {
    let cid = raw_cid(BLOCK);
    let at = |port: u16| format!("/ip4/127.0.0.1/tcp/{port}/http");
    let graphsync = Base::Base64Pad.decode(graphsync_metadata()).unwrap();
    let both = Base::Base64Pad.encode([&graphsync[..], &[0xa0, 0x12]].concat());
    let bitswap_too = Base::Base64Pad.encode([0x80, 0x12, 0xa0, 0x12]);
    let ours = |metadata: &str, addresses: &[String]| record(PEER, metadata, addresses);
    let lines = |records: &[Value]| {
        records
            .iter()
            .map(|record| format!("{record}\n\n"))
            .collect::<String>()
    };
    let cidv1_peer = {
        let id = Base::Base58Btc.decode(PEER).unwrap();
        cid::Cid::new_v1(0x72, cid::multihash::Multihash::from_bytes(&id).unwrap()).to_string()
    };
    let (http, piece) = (http_metadata(), "sBI=");
    let other_hash = find_response(&raw_cid(b"another"), &[ours(&http, &[at(1)])]);
    let ok = |address: String| (IndexerResult::Ok, Some(Transport::Http), Some(address));
    let p2p = |address: &str| {
        (
            IndexerResult::HttpNotAdvertised,
            Some(Transport::Graphsync),
            Some(format!("{address}/p2p/{PEER}")),
        )
    };
    let none = (IndexerResult::NoValidAdvertisement, None, None);
    let extended = [
        // ExtendedProviders: other peers with their own addresses; only the miner's own count.
        record(OTHER_PEER, &http, &[at(7)]),
        ours(&graphsync_metadata(), &["/ip4/1.2.3.4/tcp/24001".into()]),
    ];
    let cases = [
        (find_response(&cid, &[ours(&http, &[at(1)])]), ok(at(1))),
        (
            lines(&[record(OTHER_PEER, &http, &[at(7)]), ours(&http, &[at(1)])]),
            ok(at(1)),
        ),
        (ours(&http, &[at(1)]).to_string(), ok(at(1))),
        // Spark saw only the first protocol, the first address, and one spelling of a peer id.
        (find_response(&cid, &[ours(&both, &[at(1)])]), ok(at(1))),
        (find_response(&cid, &[ours(&bitswap_too, &[at(1)])]), ok(at(1))),
        (
            find_response(&cid, &[record(&cidv1_peer, &http, &[at(1)])]),
            ok(at(1)),
        ),
        // HTTP before Graphsync, in any order.
        (
            find_response(
                &cid,
                &[
                    ours(&graphsync_metadata(), &["/ip4/1.2.3.4/tcp/9".into()]),
                    ours(&http, &[at(1)]),
                ],
            ),
            ok(at(1)),
        ),
        (find_response(&cid, &extended), p2p("/ip4/1.2.3.4/tcp/24001")),
        (
            find_response(
                &cid,
                &[ours(
                    &graphsync_metadata(),
                    &[format!("/ip4/1.2.3.4/tcp/9/p2p/{PEER}")],
                )],
            ),
            p2p("/ip4/1.2.3.4/tcp/9"),
        ),
        (
            find_response(&cid, &[ours(piece, &[at(1)]), ours("gBI=", &[at(1)])]),
            none.clone(),
        ),
        (find_response(&cid, &[ours(&http, &[])]), none.clone()),
        (
            find_response(&cid, &[ours("", &[at(1)]), ours("not base64", &[at(1)])]),
            none.clone(),
        ),
        (
            find_response(
                &cid,
                &[
                    json!({"Provider": null}),
                    json!(7),
                    json!({"Metadata": 7}),
                    ours(&http, &[at(1)]),
                ],
            ),
            ok(at(1)),
        ),
        (json!({"MultihashResults": null}).to_string(), none.clone()),
        // Too long for a measurement.
        (
            find_response(
                &cid,
                &[ours(&http, &[format!("/dns/{}/http", "x".repeat(2_000)), at(1)])],
            ),
            ok(at(1)),
        ),
        (other_hash, none),
    ];
    for (body, expected) in cases {
        let (got, _) = indexed(&[("200 OK", body.clone())], |_| {}).await;
        assert_eq!(
            (got.indexer_result, got.protocol, got.address),
            expected,
            "{body}"
        );
    }
}

/// cid.contact has payloads with more than 14 000 records (4.4 MB), and an answer can come in any form.
#[tokio::test]
async fn answers_of_any_number_of_records_are_read() {
    let cid = raw_cid(BLOCK);
    let gateway = "/ip4/127.0.0.1/tcp/1/http".to_owned();
    let other = |number: usize| {
        let addresses = [
            format!("/ip4/203.0.113.{}/tcp/{number}", number % 256),
            format!("/ip6/2001:db8::{number:x}/tcp/{number}"),
            format!(
                "/dns4/provider-{number}.example.com/tcp/443/https/http-path/%2fretrieve%2fpieces%2fand%2fpayloads%2fof-provider-{number}"
            ),
        ];
        record(OTHER_PEER, &http_metadata(), &addresses)
    };
    let mut records: Vec<Value> = (0..14_097).map(other).collect();
    records.push(record(PEER, &http_metadata(), std::slice::from_ref(&gateway)));
    let found = find_response(&cid, &records);
    assert!(found.len() > 4 << 20, "{}", found.len());
    let multihash = Base::Base64Pad.encode(cid.hash().to_bytes());
    let results = serde_json::to_string(&records).unwrap();
    // The multihash behind its records; another payload's records first.
    let behind = format!(
        r#"{{"MultihashResults":[{{"ProviderResults":{results},"Multihash":"{multihash}"}}],"EncryptedMultihashResults":null}}"#
    );
    let lines: String = records.iter().map(|record| format!("{record}\n\n")).collect();
    for body in [found, behind, lines] {
        let (got, _) = indexed(&[("200 OK", body)], |_| {}).await;
        assert_eq!(
            (got.indexer_result, got.address.as_ref()),
            (IndexerResult::Ok, Some(&gateway)),
            "{:#?}",
            got.steps
        );
        assert!(has_step(&got, "14098 records"), "{:#?}", got.steps);
    }
}

/// An indexer that answers with encrypted results (IPNI, double hashing) has said nothing of this provider.
#[tokio::test]
async fn encrypted_results_are_not_the_providers_fault() {
    let cid = raw_cid(BLOCK);
    let multihash = Base::Base64Pad.encode(cid.hash().to_bytes());
    let encrypted = json!([{"Multihash": multihash, "EncryptedValueKeys": ["YQ==", "Yg=="]}]);
    let others: Value = serde_json::from_str(&find_response(
        &cid,
        &[record(
            OTHER_PEER,
            &http_metadata(),
            &["/ip4/127.0.0.1/tcp/1/http".into()],
        )],
    ))
    .unwrap();
    let found = json!(find_response(
        &cid,
        &[record(
            PEER,
            &http_metadata(),
            &["/ip4/127.0.0.1/tcp/1/http".into()]
        )],
    ));
    let plain = &others["MultihashResults"];
    for body in [
        json!({"EncryptedMultihashResults": encrypted}),
        json!({"MultihashResults": [], "EncryptedMultihashResults": encrypted}),
        json!({"MultihashResults": null, "EncryptedMultihashResults": encrypted}),
        // Ours may be among the encrypted ones.
        json!({"EncryptedMultihashResults": encrypted, "MultihashResults": plain}),
    ] {
        let (got, _) = indexed(&[("200 OK", body.to_string())], |_| {}).await;
        assert_eq!(got.indexer_result, IndexerResult::ErrorFetch, "{body}");
        assert!(has_step(&got, "encrypted"), "{:#?}", got.steps);
        // Another indexer decides.
        let found = found.as_str().unwrap().to_owned();
        let (got, _) = indexed(&[("200 OK", body.to_string()), ("200 OK", found)], |_| {}).await;
        assert_eq!(got.indexer_result, IndexerResult::Ok, "{body}");
    }
    // None are encrypted.
    let body = json!({"MultihashResults": plain, "EncryptedMultihashResults": []}).to_string();
    let (got, _) = indexed(&[("200 OK", body)], |_| {}).await;
    assert_eq!(got.indexer_result, IndexerResult::NoValidAdvertisement);
}

/// ipni/specs, IPNI.md, "JSON Find Response" and "NDJSON Streaming Records", verbatim.
#[tokio::test]
async fn the_specifications_own_examples_are_read() {
    let multihash = "EiDVNlzli2ONH3OslRv1Q0BRCKUCsERWs3RbthTVu6Xptg==";
    let hash = cid::multihash::Multihash::from_bytes(&Base::Base64Pad.decode(multihash).unwrap()).unwrap();
    let cid = cid::Cid::new_v1(0x55, hash);
    let json = include_str!("../fixtures/ipni_find_response.json");
    let ndjson = include_str!("../fixtures/ipni_find_response.ndjson");
    for (peer, body, result, address) in [
        (
            "12D3KooW9yi2xLhXds9HC4x9vRN99mphq6ds8qN2YRf8zks1F32G",
            json,
            "HTTP_NOT_ADVERTISED",
            Some("/ip4/149.5.22.10/tcp/24002/p2p/12D3KooW9yi2xLhXds9HC4x9vRN99mphq6ds8qN2YRf8zks1F32G"),
        ),
        // Bitswap alone.
        (
            "QmQzqxhK82kAmKvARFZSkUVS6fo9sySaiogAnx5EnZ6ZmC",
            json,
            "NO_VALID_ADVERTISEMENT",
            None,
        ),
        (
            "12D3KooWHVXoJnv2ifmr9K6LWwJPXxkfvzZRHzjiTZMvybeTnwPy",
            ndjson,
            "NO_VALID_ADVERTISEMENT",
            None,
        ),
        (PEER, ndjson, "NO_VALID_ADVERTISEMENT", None),
    ] {
        let chain = Server::always(rpc_result(json!({"PeerId": peer}))).await;
        let index = Server::always(ok("application/json", body.as_bytes())).await;
        let got = ask(config(&chain, &[&index]), &cid).await.unwrap();
        assert_eq!(
            (got.indexer_result.to_string().as_str(), got.address.as_deref()),
            (result, address),
            "{peer}"
        );
        let records = if body == json { "2 records" } else { "3 records" };
        assert!(has_step(&got, records), "{:#?}", got.steps);
    }
}

/// Untrusted text is printed on terminals.
#[tokio::test]
async fn untrusted_text_is_shown_without_escapes() {
    let cid = raw_cid(BLOCK);
    let evil = "/dns/\u{1b}]0;owned\u{7}\u{202e}x\u{9b}2J/tcp/80/http".to_owned();
    let good = "/ip4/127.0.0.1/tcp/1/http".to_owned();
    let body = find_response(
        &cid,
        &[record(PEER, &http_metadata(), &[evil.clone(), good.clone()])],
    );
    let (got, _) = indexed(&[("200 OK", body)], |_| {}).await;
    assert_eq!(got.address, Some(good));
    let long = "y".repeat(10_000);
    for (metadata, peer) in [
        (http_metadata(), PEER),
        (graphsync_metadata(), PEER),
        (http_metadata(), "\u{1b}[2Jx\u{2066}"),
        (graphsync_metadata(), &long),
    ] {
        let body = find_response(&cid, &[record(peer, &metadata, std::slice::from_ref(&evil))]);
        let (got, _) = indexed(&[("200 OK", body)], |_| {}).await;
        assert_eq!(got.indexer_result, IndexerResult::NoValidAdvertisement);
        assert_eq!(got.address, None);
        for step in &got.steps {
            for text in [&step.asked, &step.answered] {
                assert!(
                    !text.contains(['\u{1b}', '\u{7}', '\u{9b}', '\u{202e}', '\u{2066}']),
                    "{text:?}"
                );
                assert!(text.chars().count() <= 301, "{text:?}");
            }
        }
    }
}

/// The operator may configure private addresses; a redirect may not lead to one.
#[tokio::test]
async fn a_redirect_of_an_indexer_to_a_private_address_is_rejected() {
    let cid = raw_cid(BLOCK);
    let inside = indexer(&cid, &["/ip4/127.0.0.1/tcp/1/http".into()]).await;
    let to = format!("Location: {}cid/{cid}\r\n", inside.url());
    for (allow_private, expected, asked) in [
        (false, IndexerResult::ErrorFetch, 0),
        (true, IndexerResult::Ok, 1),
    ] {
        let outside = Server::always(answer("307 Temporary Redirect", &to, b"")).await;
        let chain = chain().await;
        let mut config = config(&chain, &[&outside]);
        config.allow_private = allow_private;
        let got = ask(config, &cid).await.unwrap();
        assert_eq!(
            (got.indexer_result, inside.requests().len()),
            (expected, asked),
            "{:#?}",
            got.steps
        );
        let refused = "is not on the public Internet";
        assert_eq!(got.steps[1].answered.contains(refused), !allow_private);
    }
    // An indexer may redirect within its own host.
    let address = ["/ip4/127.0.0.1/tcp/1/http".to_owned()];
    let found = find_response(&cid, &[record(PEER, &http_metadata(), &address)]);
    let own = Server::start(move |request| match request.target() {
        target if target.starts_with("/v1/") => ok("application/json", found.as_bytes()),
        target => answer("308 Moved", &format!("Location: /v1{target}\r\n"), b""),
    })
    .await;
    let chain = chain().await;
    let mut config = config(&chain, &[&own]);
    config.allow_private = false;
    let got = ask(config, &cid).await.unwrap();
    assert_eq!(got.indexer_result, IndexerResult::Ok, "{:#?}", got.steps);
}
