//! A publisher copies the other's commitments before they are mined.

use std::collections::BTreeSet;

use alloy_primitives::Bytes;
use assize_chain::{Draft, FileKind};
use assize_cli::connect::PATIENCE;
use assize_protocol::RoundNumber;
use eyre::ensure;
use serde_json::{Value, json};

use crate::up::environment::Environment;

/// The first bytes of a call of `commit(uint64,bytes,bytes32,uint32)`.
fn is_commit(data: &[u8]) -> bool {
    let selector = alloy_primitives::keccak256(b"commit(uint64,bytes,bytes32,uint32)");
    data.starts_with(&selector[..4])
}

#[derive(Default)]
pub(in crate::up) struct Squatter {
    copied: BTreeSet<Bytes>,
}

impl Squatter {
    /// Sends each commitment that waits to be mined as its own.
    pub(super) async fn step(&mut self, environment: &Environment) -> eyre::Result<()> {
        let pool = environment.anvil.rpc("txpool_content", json!([]))?;
        let squatter = environment.keys.signer("publisher", 1)?;
        let waiting = transactions(&pool, environment.keys.address("publisher", 0)?.to_string());
        for data in waiting.into_iter().filter(|data| is_commit(data)) {
            if !self.copied.insert(data.clone()) {
                continue;
            }
            let draft = Draft::call("squat", environment.network.rounds.address(), data);
            environment
                .network
                .client
                .transact(&squatter, &draft, PATIENCE)
                .await?;
        }
        Ok(())
    }

    /// Each copy is a commitment beside the copied one, and took nothing away.
    pub(super) async fn outcome(&self, environment: &Environment) -> eyre::Result<String> {
        let publishers = [0, 1].map(|index| environment.keys.address("publisher", index));
        let [honest, squatter] = publishers;
        let (honest, squatter) = (honest?, squatter?);
        let (mut copies, mut latest) = (0, RoundNumber(1));
        let newest = environment.network.rounds.latest_round().await?;
        while Some(latest) <= newest {
            let committed = environment
                .network
                .rounds
                .commitments(latest, FileKind::Lines)
                .await?;
            for copy in committed.iter().filter(|batch| batch.publisher == squatter) {
                let original = committed
                    .iter()
                    .any(|batch| batch.publisher == honest && batch.root == copy.root);
                ensure!(original, "a copied batch of round {latest} is missing");
                copies += 1;
            }
            latest.0 += 1;
        }
        ensure!(copies > 0, "no commitment was seen before it was mined");
        Ok(format!(
            "{copies} commitments copied, and all of the copied ones count"
        ))
    }
}

/// Call data of an account's transactions that wait to be mined.
fn transactions(pool: &Value, sender: String) -> Vec<Bytes> {
    let Some(senders) = pool["pending"].as_object() else {
        return Vec::new();
    };
    let of_sender = senders
        .iter()
        .filter(|(address, _)| address.eq_ignore_ascii_case(&sender));
    let transactions = of_sender.filter_map(|(_, transactions)| transactions.as_object());
    transactions
        .flat_map(serde_json::Map::values)
        .filter_map(|transaction| transaction["input"].as_str()?.parse().ok())
        .collect()
}
