//! Looking up a provider's peer id on the chain.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use assize_retrieve::{CURIO_PEER_IDS, Config, RetrieveError, Retriever, RpcError, Secret};
use serde_json::{Value, json};

use crate::support::*;

/// Anyone can write anything into the contract.
const ENDLESS: &str = "12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA";

fn method(request: &Request) -> String {
    let call: Value = serde_json::from_slice(&request.body).unwrap();
    call["method"].as_str().unwrap().to_owned()
}

/// The contract's result: a tuple of a string and bytes, ABI-encoded by hand.
fn peer_data(peer: &str) -> String {
    let word = |number: usize| format!("{number:064x}");
    let padded = peer.len().div_ceil(32) * 32;
    let mut text = const_hex::encode(peer);
    text.push_str(&"0".repeat((padded - peer.len()) * 2));
    format!(
        "0x{}{}{}{}{text}{}",
        word(32),
        word(64),
        word(64 + 32 + padded),
        word(peer.len()),
        word(0)
    )
}

/// A chain with actor and contract; either may fail with a status.
async fn chain_of(
    actor: Result<Option<&'static str>, &'static str>,
    contract: Result<&'static str, &'static str>,
) -> Server {
    Server::start(move |request| match &*method(request) {
        "Filecoin.StateMinerInfo" => match actor {
            Ok(peer) => rpc_result(json!({"PeerId": peer, "Owner": "f01"})),
            Err(status) => answer(status, "", b""),
        },
        "eth_call" => match contract {
            Ok(peer) => rpc_result(json!(peer_data(peer))),
            Err(status) => answer(status, "", b""),
        },
        other => panic!("{other}"),
    })
    .await
}

#[tokio::test]
async fn the_contract_takes_precedence_over_the_actor() {
    let cid = raw_cid(BLOCK);
    let provider = Server::always(car_answer(&good_car())).await;
    let index = indexer(&cid, &[provider.multiaddr()]).await;
    for (actor, contract, peer) in [
        (Ok(Some(PEER)), Ok(""), Some(PEER)),
        (Ok(Some(OTHER_PEER)), Ok(PEER), Some(PEER)),
        (Ok(None), Ok(PEER), Some(PEER)),
        (Err("500 Oops"), Ok(PEER), Some(PEER)),
        (Ok(None), Ok(""), None),
        (Ok(Some("")), Ok(ENDLESS), None),
    ] {
        let chain = chain_of(actor, contract).await;
        let mut config = config(&chain, &[&index]);
        config.peer_ids = Some(CURIO_PEER_IDS);
        config.limits.retries = 1;
        let got = ask(config, &cid).await.unwrap();
        check(&got);
        assert_eq!(got.peer_id.as_deref(), peer);
        let expected = if peer.is_some() {
            "OK"
        } else {
            "IPNI_NO_VALID_ADVERTISEMENT"
        };
        assert_eq!(result(&got), expected);
        let calls: Vec<Value> = chain
            .requests()
            .iter()
            .map(|request| serde_json::from_slice(&request.body).unwrap())
            .collect();
        let call = |name: &str| calls.iter().find(|call| call["method"] == name).unwrap()["params"].clone();
        assert_eq!(call("Filecoin.StateMinerInfo"), json!(["f01234", null]));
        // getPeerData(uint64) of 1234; the selector by keccak-256.
        let selector = &alloy_primitives::keccak256("getPeerData(uint64)")[..4];
        let data = format!("0x{}{:064x}", const_hex::encode(selector), 1234);
        let to = CURIO_PEER_IDS.to_string().to_lowercase();
        assert_eq!(call("eth_call"), json!([{"to": to, "data": data}, "latest"]));
    }
}

#[tokio::test]
async fn a_failed_chain_query_is_an_error_and_no_verdict() {
    let cid = raw_cid(BLOCK);
    let index = indexer(&cid, &["/ip4/127.0.0.1/tcp/1/http".into()]).await;
    // With a contract, the actor alone is not enough: it may name another peer.
    for (actor, contract, method, retryable) in [
        (Err("503 Busy"), Ok(""), "StateMinerInfo", true),
        (Ok(Some(PEER)), Err("503 Busy"), "getPeerData", true),
        (Err("500 Oops"), Err("403 No"), "getPeerData", false),
    ] {
        let chain = chain_of(actor, contract).await;
        let mut config = config(&chain, &[&index]);
        config.peer_ids = Some(CURIO_PEER_IDS);
        config.limits.retries = 2;
        let error = ask(config, &cid).await.unwrap_err();
        assert!(
            matches!(&error, RetrieveError::PeerId { method: asked, .. } if *asked == method),
            "{error}"
        );
        assert_eq!(error.is_retryable(), retryable, "{error}");
    }
    assert_eq!(index.requests().len(), 0);

    // A missing actor; a malformed response; a wrong contract; an unreachable host.
    let refusing =
        json!({"jsonrpc": "2.0", "id": 1, "error": {"code": 1, "message": "actor not found"}}).to_string();
    let chain = Server::always(ok("application/json", refusing.as_bytes())).await;
    let error = ask(config(&chain, &[&index]), &cid).await.unwrap_err();
    assert!(
        error.to_string().contains("actor not found") && !error.is_retryable(),
        "{error}"
    );
    for body in [
        "",
        "[]",
        "hello",
        "{}",
        r#"{"result":7}"#,
        r#"{"result":{"PeerId":7}}"#,
    ] {
        let chain = Server::always(ok("application/json", body.as_bytes())).await;
        let error = ask(config(&chain, &[&index]), &cid).await.unwrap_err();
        assert!(
            matches!(
                error,
                RetrieveError::PeerId {
                    source: RpcError::Malformed(_),
                    ..
                }
            ),
            "{body}: {error}"
        );
    }
    let chain = Server::start(|request| match &*method(request) {
        "eth_call" => rpc_result(json!("0x")),
        _ => rpc_result(json!({"PeerId": PEER})),
    })
    .await;
    let mut with_contract = config(&chain, &[&index]);
    with_contract.peer_ids = Some(CURIO_PEER_IDS);
    let error = ask(with_contract, &cid).await.unwrap_err();
    assert!(error.to_string().contains("not a peer id contract"), "{error}");
    let mut nowhere = config(&chain, &[&index]);
    nowhere.rpc = "http://rpc.invalid/secret/v1?token=secret".parse().unwrap();
    let error = ask(nowhere, &cid).await.unwrap_err();
    assert!(!error.to_string().contains("secret"), "{error}");
}

/// Lotus answers errors of a call with HTTP 500, as the first JSON-RPC libraries for Go did. The status says nothing then.
#[tokio::test]
async fn an_error_of_the_call_is_not_asked_for_again_whatever_its_http_status() {
    let cid = raw_cid(BLOCK);
    let index = indexer(&cid, &["/ip4/127.0.0.1/tcp/1/http".into()]).await;
    let refusal =
        json!({"jsonrpc": "2.0", "id": 1, "error": {"code": 1, "message": "actor not found"}}).to_string();
    for status in ["500 Internal Server Error", "400 Bad Request", "200 OK"] {
        let chain = Server::always(answer(status, "", refusal.as_bytes())).await;
        let error = Retriever::new(config(&chain, &[&index]))
            .unwrap()
            .retrieve(payload(&cid), PROVIDER)
            .await
            .unwrap_err();
        assert!(
            error.to_string().contains("actor not found") && !error.is_retryable(),
            "{status}: {error}"
        );
        assert_eq!(chain.requests().len(), 1, "{status}");
    }
}

/// A busy node may say so with a JSON-RPC error, and when to ask again.
#[tokio::test]
async fn a_busy_node_is_asked_again_when_it_says() {
    let cid = raw_cid(BLOCK);
    let index = indexer(&cid, &["/ip4/127.0.0.1/tcp/1/http".into()]).await;
    let busy =
        json!({"jsonrpc": "2.0", "id": 1, "error": {"code": -32000, "message": "rate limit"}}).to_string();
    for (status, headers) in [
        ("429 Too Many Requests", "Retry-After: 1\r\n"),
        ("503 Service Unavailable", "Retry-After: 1\r\n"),
        ("429 Too Many Requests", ""),
    ] {
        let (busy, asked) = (busy.clone(), AtomicUsize::new(0));
        let chain = Server::start(move |_| match asked.fetch_add(1, Ordering::Relaxed) {
            0 => answer(status, headers, busy.as_bytes()),
            _ => rpc_result(json!({"PeerId": PEER})),
        })
        .await;
        let began = Instant::now();
        let got = Retriever::new(config(&chain, &[&index]))
            .unwrap()
            .retrieve(payload(&cid), PROVIDER)
            .await
            .unwrap();
        assert_eq!(got.peer_id.as_deref(), Some(PEER), "{status}");
        assert_eq!(chain.requests().len(), 2, "{status}");
        assert_eq!(began.elapsed() >= Duration::from_secs(1), !headers.is_empty());
    }
}

#[tokio::test]
async fn peer_ids_are_requested_once_and_with_the_token() {
    let cid = raw_cid(BLOCK);
    let provider = Server::always(car_answer(&good_car())).await;
    let index = indexer(&cid, &[provider.multiaddr()]).await;
    let chain = chain().await;
    let mut config = config(&chain, &[&index]);
    config.rpc_token = Some(Secret("hush".into()));
    assert!(!format!("{config:?}").contains("hush"));
    let retriever = Retriever::new(config).unwrap();
    for _ in 0..3 {
        let got = retriever.clone().retrieve(payload(&cid), PROVIDER).await.unwrap();
        assert_eq!(result(&got), "OK");
    }
    assert_eq!(chain.requests().len(), 1);
    assert_eq!(chain.requests()[0].header("Authorization"), Some("Bearer hush"));
}

#[test]
fn invalid_configurations_are_rejected() {
    let url = |text: &str| text.parse::<assize_retrieve::Url>().unwrap();
    let with = |rpc: &str, indexers: &[&str]| {
        let config = Config::new(url(rpc), indexers.iter().map(|text| url(text)).collect());
        Retriever::new(config)
            .map(|_| ())
            .map_err(|error| error.to_string())
    };
    assert_eq!(with("http://a", &["https://b"]), Ok(()));
    for (rpc, indexers, words) in [
        ("http://a", &[][..], "no indexer"),
        ("ws://a/secret", &["http://b"], "endpoint ws://a is not"),
        ("http://a", &["file:///b"], "is not an http or https URL"),
        ("http://me:secret@a", &["http://b"], "give them as a token"),
    ] {
        let error = with(rpc, indexers).unwrap_err();
        assert!(error.contains(words) && !error.contains("secret"), "{error}");
    }
    let mut config = Config::new(url("http://a"), vec![url("http://b")]);
    config.user_agent = "two\nlines".into();
    assert!(Retriever::new(config.clone()).is_err());
    config.user_agent = "curl/8".into();
    config.extra_roots = vec![vec![1, 2, 3].into()];
    assert!(
        Retriever::new(config)
            .unwrap_err()
            .to_string()
            .contains("certificate")
    );
}
