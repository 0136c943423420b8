//! A fork in the middle of a tick.
#![allow(clippy::unwrap_used, reason = "a failed test panics")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use alloy_primitives::{Address, address};
use assize_chain::{ChainClient, Draft};
use assize_keys::Signer;
use assize_outbox::{Depth, Finality, Kind, NewIntent, Outbox, Policy};
use assize_protocol::AttoFil;
use assize_testkit::anvil::{Anvil, CHAIN_ID};
use serde_json::{Value, json};

const RECIPIENT: Address = address!("00000000000000000000000000000000000a5512");
const FINALITY: u64 = 8;

/// A proxy in front of anvil. Once it has confirmed that a receipt's block is part of the chain, a fork drops that
/// block and the chain grows beyond finality before the next request.
fn node_that_forks_in_between(anvil: &Arc<Anvil>) -> (String, Arc<AtomicBool>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let forked = Arc::new(AtomicBool::new(false));
    let (anvil, done) = (Arc::clone(anvil), Arc::clone(&forked));
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(stream) = stream else { return };
            // A disconnected client is harmless.
            let _ = answer(stream, &anvil, &done);
        }
    });
    (url, forked)
}

fn answer(stream: TcpStream, anvil: &Anvil, forked: &AtomicBool) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if line.trim().is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let question: Value = serde_json::from_slice(&body)?;
    let method = question["method"].as_str().unwrap();
    let result = match anvil.rpc(method, question["params"].clone()) {
        Ok(result) => json!({"jsonrpc": "2.0", "id": question["id"], "result": result}),
        Err(error) => {
            let error = json!({"code": -32_000, "message": error.to_string()});
            json!({"jsonrpc": "2.0", "id": question["id"], "error": error})
        }
    };
    let of_a_number = question["params"][0]
        .as_str()
        .is_some_and(|block| block.starts_with("0x"));
    if method == "eth_getBlockByNumber" && of_a_number && !forked.swap(true, Ordering::SeqCst) {
        anvil.rpc("anvil_reorg", json!([2, []])).unwrap();
        anvil.mine(2 * FINALITY).unwrap();
    }
    let body = result.to_string();
    write!(
        reader.into_inner(),
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}

#[tokio::test]
async fn a_receipt_overtaken_by_a_fork_is_not_final() {
    let anvil = Arc::new(Anvil::start().unwrap());
    anvil.mine(20).unwrap();
    let (url, forked) = node_that_forks_in_between(&anvil);
    let client = ChainClient::connect_to(&url.parse().unwrap(), CHAIN_ID)
        .await
        .unwrap();
    let signer = Signer::from_bytes(&anvil.dev_key(3)).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let policy = Policy {
        payout: Depth::Blocks(2),
        finality: Finality::Blocks(FINALITY),
        recheck_after: 0,
        resend_after: 1,
        poll: Duration::from_millis(10),
        ..Policy::local()
    };
    let mut outbox = Outbox::open(
        &directory.path().join("queue.sqlite"),
        client.clone(),
        signer,
        policy,
    )
    .unwrap();
    let draft = Draft::call("the recipient", RECIPIENT, Vec::new()).with_value(AttoFil::new(1));
    let new = NewIntent {
        key: "payment",
        kind: Kind::Payout,
        draft: &draft,
    };
    outbox.enqueue(&new).unwrap();
    let begun = Instant::now();
    while !outbox.is_final("payment").unwrap() {
        outbox.tick().await.unwrap();
        anvil.mine(1).unwrap();
        assert!(begun.elapsed() < Duration::from_secs(60), "not final");
    }
    assert!(forked.load(Ordering::SeqCst));
    assert_eq!(
        client.balance(RECIPIENT).await.unwrap(),
        AttoFil::new(1),
        "final, and not on chain"
    );
}
