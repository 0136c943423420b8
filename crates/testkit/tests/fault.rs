//! Each fault of the fault node separately, in front of a real anvil.
#![allow(clippy::unwrap_used, reason = "a failed test panics")]

use std::time::Duration;

use assize_testkit::anvil::Anvil;
use assize_testkit::fault::{Estimates, Fault, FaultNode, Faults, block_of, epoch_of};
use serde_json::{Value, json};

/// Signed by anvil's first account with `cast mktx`: 1 attoFIL to 0x…01, chain 31337, premium 100, nonces 0 and 1, and
/// nonce 0 again with premiums 125 and 126.
const TRANSACTIONS: &str = include_str!("fixtures/transactions.json");

struct World {
    anvil: Anvil,
    node: FaultNode,
}

impl World {
    fn new(faults: Faults) -> Self {
        let anvil = Anvil::start().unwrap();
        anvil.mine(20).unwrap();
        let node = FaultNode::start(anvil.url(), faults).unwrap();
        Self { anvil, node }
    }

    /// Status and body.
    fn post(&self, body: &Value) -> Result<(u16, String), ureq::Error> {
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(20)))
            .build()
            .into();
        let mut response = agent.post(self.node.url()).send_json(body)?;
        Ok((response.status().as_u16(), response.body_mut().read_to_string()?))
    }

    fn ask(&self, method: &str, params: Value) -> Value {
        let (status, body) = self
            .post(&json!({"jsonrpc": "2.0", "id": 7, "method": method, "params": params}))
            .unwrap();
        assert_eq!(status, 200, "{body}");
        let answer: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(answer["id"], 7);
        answer
    }

    fn send(&self, name: &str) -> Value {
        self.ask("eth_sendRawTransaction", json!([transaction(name)["raw"]]))
    }

    fn receipt(&self, name: &str) -> Value {
        self.ask("eth_getTransactionReceipt", json!([transaction(name)["hash"]]))["result"].clone()
    }

    /// As [`Self::receipt`], but waits for it: a busy node mines a little after it has answered.
    fn mined(&self, name: &str) -> Value {
        for _ in 0..500 {
            let receipt = self.receipt(name);
            if !receipt.is_null() {
                return receipt;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        panic!("{name} is not mined")
    }

    fn count(&self, fault: Fault) -> u64 {
        self.node.counts().get(&fault).copied().unwrap_or(0)
    }
}

fn transaction(name: &str) -> Value {
    serde_json::from_str::<Value>(TRANSACTIONS).unwrap()[name].clone()
}

fn error(answer: &Value) -> (i64, &str) {
    let error = &answer["error"];
    (
        error["code"].as_i64().unwrap(),
        error["message"].as_str().unwrap(),
    )
}

fn number(value: &Value) -> u64 {
    u64::from_str_radix(value.as_str().unwrap().strip_prefix("0x").unwrap(), 16).unwrap()
}

#[test]
fn without_faults_everything_passes() {
    let world = World::new(Faults::none());
    assert_eq!(world.ask("eth_blockNumber", json!([]))["result"], "0x14");
    assert_eq!(world.send("first")["result"], transaction("first")["hash"]);
    assert_eq!(number(&world.receipt("first")["blockNumber"]), 21);
    let both = world
        .post(&json!([
            {"jsonrpc": "2.0", "id": 1, "method": "eth_chainId", "params": []},
            {"jsonrpc": "2.0", "id": 2, "method": "no_such_method", "params": []},
        ]))
        .unwrap();
    let both: Value = serde_json::from_str(&both.1).unwrap();
    assert_eq!(both[0]["result"], "0x7a69");
    assert_eq!(both[1]["error"]["code"], -32_601);
    assert!(world.node.counts().is_empty());
}

#[test]
fn blocks_are_epochs_and_some_epochs_are_null_rounds() {
    let world = World::new(Faults {
        null_rounds: true,
        ..Faults::none()
    });
    let head = number(&world.ask("eth_blockNumber", json!([]))["result"]);
    assert_eq!(head, epoch_of(20));
    let mut parents = Vec::new();
    for epoch in 0..=head {
        let answer = world.ask("eth_getBlockByNumber", json!([format!("{epoch:#x}"), false]));
        match answer.get("error") {
            Some(_) => {
                assert_eq!(
                    error(&answer),
                    (12, format!("requested epoch was a null round ({epoch})").as_str())
                );
            }
            None => {
                assert_eq!(number(&answer["result"]["number"]), epoch);
                parents.push(answer["result"]["hash"].clone());
            }
        }
    }
    assert_eq!(parents.len(), 21);
    assert_eq!(world.count(Fault::NullRound), head + 1 - 21);
    let future = world.ask("eth_getBlockByNumber", json!([format!("{:#x}", head + 2), false]));
    assert!(error(&future).1.contains("future epoch"), "{future}");
    // State at a null round is that of the block before.
    world.send("first");
    let nonce = |epoch: u64| {
        let params = json!([transaction("first")["from"], format!("{epoch:#x}")]);
        world.ask("eth_getTransactionCount", params)["result"].clone()
    };
    let mined = number(&world.mined("first")["blockNumber"]);
    assert_eq!(block_of(mined), 21);
    assert_eq!(nonce(mined), "0x1");
    assert_eq!(nonce(mined - 1), "0x0");
}

#[test]
fn responses_may_be_stale() {
    let world = World::new(Faults {
        lag: 1_000,
        lag_blocks: 3,
        ..Faults::none()
    });
    assert_eq!(world.ask("eth_blockNumber", json!([]))["result"], "0x11");
    world.send("first");
    assert_eq!(world.receipt("first"), Value::Null);
    let nonce = || {
        number(
            &world.ask(
                "eth_getTransactionCount",
                json!([transaction("first")["from"], "latest"]),
            )["result"],
        )
    };
    assert_eq!(nonce(), 0);
    world.anvil.mine(3).unwrap();
    assert_eq!(nonce(), 1);
    assert_ne!(world.receipt("first"), Value::Null);
}

#[test]
fn transactions_are_dropped_and_known_for_a_while() {
    let world = World::new(Faults {
        dropped: 1_000,
        replacement_rule: true,
        ..Faults::none()
    });
    assert_eq!(world.send("first")["result"], transaction("first")["hash"]);
    assert_eq!(world.receipt("first"), Value::Null);
    assert_eq!(error(&world.send("first")).1, "already known");
    let answer = world.send("first at 125");
    assert!(
        error(&answer).1.contains("increase GasPremium to 126"),
        "{answer}"
    );
    world.node.set(Faults {
        replacement_rule: true,
        ..Faults::none()
    });
    assert_eq!(
        world.send("first at 126")["result"],
        transaction("first at 126")["hash"]
    );
    assert_ne!(world.receipt("first at 126"), Value::Null);
    assert_eq!(
        (world.count(Fault::Dropped), world.count(Fault::Underpriced)),
        (1, 1)
    );
}

#[test]
fn transactions_are_held_back_until_a_later_one_has_passed() {
    let world = World::new(Faults {
        reordered: 1_000,
        ..Faults::none()
    });
    world.send("first");
    assert_eq!(world.receipt("first"), Value::Null);
    world.node.set(Faults::none());
    world.send("second");
    assert_ne!(world.receipt("first"), Value::Null);
    assert_ne!(world.receipt("second"), Value::Null);
}

#[test]
fn a_nonce_before_the_one_below_it_is_rejected() {
    let world = World::new(Faults {
        nonce_gap_rule: true,
        ..Faults::none()
    });
    assert_eq!(error(&world.send("second")).1, "unfulfilled nonce gap");
    world.send("first");
    assert_eq!(world.send("second")["result"], transaction("second")["hash"]);
}

#[test]
fn an_accepted_transaction_may_get_an_error_or_no_response() {
    for (faults, words) in [
        (
            Faults {
                nonce_too_low: 1_000,
                ..Faults::none()
            },
            "nonce too low",
        ),
        (
            Faults {
                already_known: 1_000,
                ..Faults::none()
            },
            "already known",
        ),
    ] {
        let world = World::new(faults);
        assert_eq!(error(&world.send("first")).1, words);
        assert_ne!(world.receipt("first"), Value::Null);
    }
    let world = World::new(Faults {
        timeout_after_send: 1_000,
        timeout: Duration::from_millis(10),
        ..Faults::none()
    });
    let request = json!({"jsonrpc": "2.0", "id": 1, "method": "eth_sendRawTransaction", "params": [transaction("first")["raw"]]});
    world.post(&request).unwrap_err();
    assert_ne!(world.receipt("first"), Value::Null);
}

#[test]
fn http_faults() {
    let request = json!({"jsonrpc": "2.0", "id": 1, "method": "eth_chainId", "params": []});
    let with = |faults| World::new(faults).post(&request);
    let busy = with(Faults {
        busy: 1_000,
        ..Faults::none()
    });
    assert_eq!(busy.unwrap().0, 429);
    let bad = with(Faults {
        bad_gateway: 1_000,
        ..Faults::none()
    });
    let (status, page) = bad.unwrap();
    assert_eq!(status, 502);
    assert!(page.starts_with("<html>"));
    with(Faults {
        hang_up: 1_000,
        ..Faults::none()
    })
    .unwrap_err();
}

#[test]
fn receipts_are_missing_now_and_then() {
    let world = World::new(Faults {
        missing_receipts: 500,
        ..Faults::none()
    });
    world.send("first");
    let there: Vec<_> = (0..50).map(|_| !world.receipt("first").is_null()).collect();
    assert!(there.contains(&true) && there.contains(&false), "{there:?}");
    assert!(
        there.windows(2).any(|pair| pair == [true, false]),
        "it vanishes again"
    );
}

#[test]
fn logs_are_limited_to_a_range() {
    let world = World::new(Faults {
        log_range: Some(10),
        ..Faults::none()
    });
    let logs = |from: u64, to: u64| {
        let filter = json!([{"fromBlock": format!("{from:#x}"), "toBlock": format!("{to:#x}")}]);
        world.ask("eth_getLogs", filter)
    };
    assert_eq!(logs(5, 15)["result"], json!([]));
    assert_eq!(
        error(&logs(5, 16)),
        (-32_005, "block range exceeds maximum of 10")
    );
}

#[test]
fn forks_drop_transactions() {
    let world = World::new(Faults::none());
    world.send("first");
    assert_ne!(world.receipt("first"), Value::Null);
    world.node.set(Faults {
        forks: 1_000,
        fork_depth: 1,
        ..Faults::none()
    });
    world.ask("eth_chainId", json!([]));
    world.node.set(Faults::none());
    // anvil does not return dropped transactions to its pool.
    assert_eq!(world.receipt("first"), Value::Null);
    assert_eq!(world.ask("eth_blockNumber", json!([]))["result"], "0x15");
    assert_eq!(world.count(Fault::Fork), 1);
    // Sent again, it is mined again.
    world.send("first");
    assert_ne!(world.receipt("first"), Value::Null);
    // Blocks below the floor do not change.
    world.node.set(Faults {
        forks: 1_000,
        fork_depth: 9,
        fork_floor: 1_000,
        ..Faults::none()
    });
    world.ask("eth_chainId", json!([]));
    assert_eq!(world.count(Fault::Fork), 1);
}

#[test]
fn the_same_seed_gives_the_same_faults() {
    let run = || {
        let world = World::new(Faults {
            forks: 0,
            hang_up: 0,
            ..Faults::everything(5)
        });
        let statuses: Vec<_> = (0..100)
            .map(|_| {
                let request = json!({"jsonrpc": "2.0", "id": 1, "method": "eth_blockNumber", "params": []});
                world.post(&request).unwrap()
            })
            .collect();
        (statuses, world.node.counts())
    };
    assert_eq!(run(), run());
}

/// A contract that does nothing; one that reverts with less than a million gas left; one that then runs out of it; one that reverts.
const CONTRACTS: [&str; 4] = [
    "0x00",
    "0x620f42405a10600a57005b5f5ffd",
    "0x620f42405a10600a57005b600a56",
    "0x5f5ffd",
];

#[test]
fn gas_is_estimated_as_filecoins_nodes_do() {
    let estimates = |estimates: Estimates| {
        let world = World::new(Faults {
            estimates,
            ..Faults::none()
        });
        let mut index = 0;
        CONTRACTS.map(|code| {
            index += 1;
            let to = alloy_primitives::Address::repeat_byte(index);
            world.anvil.set_code(to, code).unwrap();
            let answer = world.ask("eth_estimateGas", json!([{"to": to, "gas": "0x1"}]));
            let estimate = answer["result"].as_str();
            estimate.map(|gas| u64::from_str_radix(gas.trim_start_matches("0x"), 16).unwrap())
        })
    };
    let about = |estimate: Option<u64>, least: u64| {
        let estimate = estimate.unwrap();
        assert!(
            (least..least + least / 90).contains(&estimate),
            "{estimate}: {least}"
        );
    };
    let [nothing, reverts, runs_out, never] = estimates(Estimates::Lotus);
    assert_eq!((nothing, reverts, never), (Some(26_250), None, None));
    about(runs_out, 1_276_000);
    let [nothing, reverts, runs_out, never] = estimates(Estimates::Forest);
    about(nothing, 21_000);
    about(reverts, 1_021_000);
    about(runs_out, 1_021_000);
    assert_eq!(never, None);
}

#[test]
fn filecoins_nodes_simulate_with_a_blocks_gas() {
    for (estimates, fails) in [(Estimates::Upstream, true), (Estimates::Lotus, false)] {
        let world = World::new(Faults {
            estimates,
            ..Faults::none()
        });
        let to = alloy_primitives::Address::repeat_byte(1);
        world.anvil.set_code(to, CONTRACTS[1]).unwrap();
        let answer = world.ask("eth_call", json!([{"to": to, "gas": "0x10000"}, "latest"]));
        assert_eq!(answer["error"].is_object(), fails, "{answer}");
    }
}
