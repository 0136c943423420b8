//! Assize on a chain: the contracts, who has which role, and short calls for the steps of a round.

use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_sol_types::{SolCall, SolConstructor, SolEvent};
use anyhow::{Context, bail, ensure};
use assize_protocol::AttoFil;
use assize_protocol::merkle::{Tree, reward_leaf};
use k256::ecdsa::SigningKey;

use crate::chain::{Call, Chain, GENESIS, Receipt};
use crate::opcodes::without_transient_storage;

/// The contracts' interfaces and bytecode, as committed.
pub mod abi {
    #![allow(missing_docs, clippy::all, reason = "generated")]
    alloy_sol_types::sol!(FilecoinBeacon, "../../crates/chain/abi/FilecoinBeacon.json");
    alloy_sol_types::sol!(DrandBeacon, "../../crates/chain/abi/DrandBeacon.json");

    pub mod rounds {
        alloy_sol_types::sol!(
            #[derive(Debug)]
            Rounds,
            "../../crates/chain/abi/Rounds.json"
        );
    }

    pub mod rewards {
        alloy_sol_types::sol!(
            #[derive(Debug)]
            Rewards,
            "../../crates/chain/abi/Rewards.json"
        );
    }
}

use abi::rewards::{IRewards, Rewards};
use abi::rounds::{IRounds, Rounds};

/// Deploys, and has the roles of Rounds and Rewards that move no money.
pub const OWNER: Address = Address::repeat_byte(0x11);
/// Opens rounds.
pub const COORDINATOR: Address = Address::repeat_byte(0x12);
/// Commits batches.
pub const PUBLISHER: Address = Address::repeat_byte(0x13);
/// Vetoes.
pub const GUARDIAN: Address = Address::repeat_byte(0x14);
/// Receives what was never promised.
pub const TREASURY: Address = Address::repeat_byte(0x15);
/// Anybody: pays for claims and posts.
pub const ANYONE: Address = Address::repeat_byte(0x16);

/// Epochs that `FilecoinBeacon` waits beyond the least.
pub const SLACK_EPOCHS: u64 = 3;
/// Gas of a payment in a batch, as deployments on Filecoin have it.
pub const PAYMENT_GAS: u64 = 30_000_000;
/// Seconds from posting to activation.
pub const WINDOW: u64 = 86_400;
const FIL: u128 = 1_000_000_000_000_000_000;

/// A settlement that was posted, with its tree.
pub struct Settled {
    /// Its number.
    pub number: u64,
    /// What it grants, as given.
    pub allocations: Vec<(Address, u128)>,
    tree: Tree,
}

impl Settled {
    fn leaf(&self, place: usize) -> B256 {
        let (operator, amount) = self.allocations[place];
        reward_leaf(operator, AttoFil::new(amount))
    }

    /// The call that claims for one operator.
    pub fn claim(&self, place: usize) -> anyhow::Result<Call> {
        let (operator, amount) = self.allocations[place];
        let proof = self.tree.proof(self.leaf(place)).context("no such leaf")?;
        Ok(call(&Rewards::claimCall {
            settlement: self.number,
            operator,
            cumulative: U256::from(amount),
            proof,
        }))
    }

    /// The call that claims for several operators.
    pub fn claim_many(&self, places: &[usize]) -> anyhow::Result<Call> {
        let mut leaves: Vec<_> = places.iter().map(|&place| (self.leaf(place), place)).collect();
        leaves.sort_unstable();
        let hashes: Vec<_> = leaves.iter().map(|(leaf, _)| *leaf).collect();
        let proof = self.tree.multi_proof(&hashes).context("no such leaves")?;
        // The proof names the order of its leaves.
        let by_leaf = |leaf: &B256| {
            let found = leaves.iter().find(|(known, _)| known == leaf);
            let (operator, amount) = self.allocations[found.context("no such leaf")?.1];
            anyhow::Ok(IRewards::Allocation {
                operator,
                cumulative: U256::from(amount),
            })
        };
        let allocations = proof.leaves.iter().map(by_leaf).collect::<Result<_, _>>()?;
        Ok(call(&Rewards::claimManyCall {
            settlement: self.number,
            allocations,
            proof: proof.proof,
            proofFlags: proof.flags,
        }))
    }

    /// Places of operators in the order of the tree's leaves: neighbours share most of a proof.
    pub fn in_tree_order(&self) -> Vec<usize> {
        let mut places: Vec<_> = (0..self.allocations.len()).collect();
        places.sort_by_key(|&place| self.leaf(place));
        places
    }
}

/// The contracts on a chain.
pub struct Network {
    /// The chain.
    pub chain: Chain,
    /// The beacon contract.
    pub beacon: Address,
    /// Rounds.
    pub rounds: Address,
    /// Rewards.
    pub rewards: Address,
    /// Gas of each deployment.
    pub deployments: Vec<(&'static str, Receipt)>,
    /// Ascending by address; two of three must sign.
    evaluators: Vec<(Address, SigningKey)>,
}

impl Network {
    /// Deploys a network with a pool of a million FIL.
    pub fn new() -> anyhow::Result<Self> {
        Self::with_payment_gas(PAYMENT_GAS)
    }

    /// The same with another gas of payments.
    pub fn with_payment_gas(payment_gas: u64) -> anyhow::Result<Self> {
        let mut chain = Chain::new()?;
        chain.go_to(GENESIS + 150_000_000);
        for account in [OWNER, COORDINATOR, PUBLISHER, GUARDIAN, TREASURY, ANYONE] {
            chain.evm_account(account, if account == OWNER { 10_000_000 } else { 0 })?;
        }
        let mut evaluators = (1..=3)
            .map(|key| {
                let key = SigningKey::from_slice(&[key; 32])?;
                Ok((address_of(&key), key))
            })
            .collect::<anyhow::Result<Vec<_>>>()?;
        evaluators.sort_by_key(|(address, _)| *address);

        let mut deployments = Vec::new();
        let mut create = |chain: &mut Chain, name, code: &Bytes, arguments: Vec<u8>| {
            let code = without_transient_storage(code);
            let (address, receipt) = chain
                .create(OWNER, [code, arguments].concat())
                .with_context(|| format!("cannot deploy {name}"))?;
            deployments.push((name, receipt));
            anyhow::Ok(address)
        };
        let beacon = abi::FilecoinBeacon::constructorCall {
            filecoinGenesis: GENESIS,
            slackEpochs: SLACK_EPOCHS,
        };
        let beacon = create(
            &mut chain,
            "FilecoinBeacon",
            &abi::FilecoinBeacon::BYTECODE,
            beacon.abi_encode(),
        )?;
        let rounds = Rounds::constructorCall {
            beacon,
            owner: OWNER,
            firstCoordinator: COORDINATOR,
            firstParameters: parameters(),
        };
        let rounds = create(&mut chain, "Rounds", &Rounds::BYTECODE, rounds.abi_encode())?;
        let rewards = Rewards::constructorCall {
            rounds,
            owner: OWNER,
            firstGuardian: GUARDIAN,
            firstTreasury: TREASURY,
            minChallengeWindow: WINDOW,
            firstChallengeWindow: WINDOW,
            paymentGas: U256::from(payment_gas),
            firstEvaluators: evaluators.iter().map(|(address, _)| *address).collect(),
            threshold: U256::from(2),
        };
        let rewards = create(&mut chain, "Rewards", &Rewards::BYTECODE, rewards.abi_encode())?;
        let mut network = Self {
            chain,
            beacon,
            rounds,
            rewards,
            deployments,
            evaluators,
        };
        let publisher = Rounds::setPublisherCall {
            publisher: PUBLISHER,
            allowed: true,
        };
        network.send(OWNER, rounds, &call(&publisher))?;
        network.deposit(1_000_000 * FIL)?;
        Ok(network)
    }

    /// Sends a call that must succeed.
    pub fn send(&mut self, from: Address, to: Address, call: &Call) -> anyhow::Result<Receipt> {
        let receipt = self.chain.send(from, to, call)?;
        if !receipt.is_ok() {
            bail!("the call failed: {}", explain(&receipt));
        }
        Ok(receipt)
    }

    /// What a view returns.
    pub fn view<C: SolCall>(&mut self, to: Address, view: &C) -> anyhow::Result<C::Return> {
        let receipt = self.chain.simulate(ANYONE, to, &call(view))?;
        ensure!(receipt.is_ok(), "the view failed: {}", explain(&receipt));
        Ok(C::abi_decode_returns(&receipt.returned)?)
    }

    /// Deposits attoFIL of the owner's.
    pub fn deposit(&mut self, value: u128) -> anyhow::Result<Receipt> {
        let mut deposit = call(&Rewards::depositCall {});
        deposit.value = value;
        self.send(OWNER, self.rewards, &deposit)
    }

    /// Opens the next round, when the last has closed.
    pub fn open(&mut self) -> anyhow::Result<Receipt> {
        let latest = self.view(self.rounds, &Rounds::latestRoundCall {})?;
        if latest > 0 {
            let closes = self.round(latest)?.closesAt;
            self.chain.go_to(closes);
        }
        let list = |name: &str| keccak256(format!("{name} {latest}"));
        let open = Rounds::openCall {
            inputs: IRounds::Inputs {
                rosterRoot: list("roster"),
                tasksRoot: list("tasks"),
                rosterCount: 4_000,
                taskCount: 20_000,
                rosterCid: cid(list("roster file")),
                tasksCid: cid(list("task file")),
            },
        };
        self.send(COORDINATOR, self.rounds, &call(&open))
    }

    /// A round's state.
    pub fn round(&mut self, round: u64) -> anyhow::Result<IRounds::Round> {
        self.view(self.rounds, &Rounds::getRoundCall { round })
    }

    /// The call that reveals a round, at the first epoch at which that is possible.
    pub fn reveal(&mut self, round: u64) -> anyhow::Result<Call> {
        let beacon_round = self.round(round)?.beaconRound;
        let epoch = epoch_of(beacon_round);
        self.chain.go_to_epoch(epoch);
        Ok(call(&Rounds::revealCall {
            round,
            signature: self.chain.node.signature(epoch).into(),
        }))
    }

    /// The call that commits a batch; each has another content.
    pub fn commit(&mut self, round: u64, batch: u32) -> Call {
        call(&Rounds::commitCall {
            round,
            cid: cid(keccak256(format!("batch {round} {batch}"))),
            count: 1_000,
        })
    }

    /// Opens and reveals a round, and lets its commit window end.
    pub fn play_round(&mut self) -> anyhow::Result<()> {
        self.open()?;
        let round = self.view(self.rounds, &Rounds::latestRoundCall {})?;
        let reveal = self.reveal(round)?;
        self.send(ANYONE, self.rounds, &reveal)?;
        let until = self.round(round)?.commitsUntil;
        self.chain.go_to(until + 1);
        Ok(())
    }

    /// The call that posts a settlement of all rounds that are not settled.
    pub fn post(&mut self, allocations: &[(Address, u128)]) -> anyhow::Result<(Call, Settled)> {
        let parent = self.view(self.rewards, &Rewards::headCall {})?;
        let first = match parent {
            0 => 1,
            settlement => {
                let parent = self.view(self.rewards, &Rewards::getSettlementCall { settlement })?;
                parent.proposal.lastRound + 1
            }
        };
        let leaf = |&(operator, amount): &(Address, u128)| reward_leaf(operator, AttoFil::new(amount));
        let tree = Tree::new(allocations.iter().map(leaf).collect());
        let root = tree.root();
        let proposal = IRewards::Proposal {
            parent,
            firstRound: first,
            lastRound: self.view(self.rounds, &Rounds::latestRoundCall {})?,
            root,
            cumulativeTotal: U256::from(allocations.iter().map(|(_, amount)| amount).sum::<u128>()),
            acceptedRoot: keccak256("accepted"),
            cid: cid(root),
        };
        let digest = self.view(
            self.rewards,
            &Rewards::digestOfCall {
                proposal: proposal.clone(),
            },
        )?;
        let signatures = self.evaluators[..2]
            .iter()
            .map(|(_, key)| sign(key, digest))
            .collect::<Result<_, _>>()?;
        let settled = Settled {
            number: self.view(self.rewards, &Rewards::settlementCountCall {})? + 1,
            allocations: allocations.to_vec(),
            tree,
        };
        let post = Rewards::postCall { proposal, signatures };
        Ok((call(&post), settled))
    }

    /// Plays a round, posts a settlement of it, and lets it become active.
    pub fn settle(&mut self, allocations: &[(Address, u128)]) -> anyhow::Result<Settled> {
        self.play_round()?;
        let (post, settled) = self.post(allocations)?;
        self.send(ANYONE, self.rewards, &post)?;
        self.chain.go_to(self.chain.now() + WINDOW);
        Ok(settled)
    }

    /// What was paid to an operator, attoFIL.
    pub fn claimed(&mut self, operator: Address) -> anyhow::Result<u128> {
        let claimed = self.view(self.rewards, &Rewards::claimedCall { operator })?;
        Ok(claimed.try_into()?)
    }

    /// What the pool holds, attoFIL.
    pub fn pool(&self) -> anyhow::Result<u128> {
        self.chain.balance(crate::chain::filecoin(self.rewards))
    }

    /// The least gas limit with which a call has the same effect as with a block's, to one part in a thousand.
    pub fn least_limit(&mut self, from: Address, to: Address, call: &Call) -> anyhow::Result<u64> {
        let whole = self.chain.simulate(from, to, call)?;
        ensure!(whole.is_ok(), "the call failed: {}", explain(&whole));
        let is_enough = |chain: &mut Chain, limit| {
            let call = Call {
                limit: Some(limit),
                ..call.clone()
            };
            let receipt = chain.simulate(from, to, &call)?;
            anyhow::Ok(receipt.is_ok() && receipt.events == whole.events)
        };
        let (mut too_little, mut enough) = (whole.gas / 2, crate::chain::BLOCK_GAS);
        while enough - too_little > enough / 1_000 {
            let middle = too_little + (enough - too_little) / 2;
            match is_enough(&mut self.chain, middle)? {
                true => enough = middle,
                false => too_little = middle,
            }
        }
        Ok(enough)
    }
}

/// The defaults of docs/protocol.md §3.
pub fn parameters() -> IRounds::Parameters {
    IRounds::Parameters {
        roundDuration: 1_200,
        beaconDelay: 30,
        commitGrace: 1_200,
        minCommitteeSize: 40,
        maxCommitteeSize: 100,
        quorum: 30,
        maxTasksPerCommittee: 100,
        targetMeasurements: 250_000,
        budget: alloy_primitives::aliases::U96::from(456_621_004_566_210_045_u128),
    }
}

/// A call without value.
pub fn call(call: &impl SolCall) -> Call {
    Call::new(call.abi_encode())
}

/// The events of one kind that a contract emitted.
pub fn events<E: SolEvent>(receipt: &Receipt) -> Vec<E> {
    receipt.events.iter().filter_map(decode::<E>).collect()
}

fn decode<E: SolEvent>(stamped: &fvm_shared::event::StampedEvent) -> Option<E> {
    let entry = |key: &str| {
        let found = stamped.event.entries.iter().find(|entry| entry.key == key)?;
        Some(found.value.clone())
    };
    let topics = ["t1", "t2", "t3", "t4"].into_iter().map_while(entry);
    let topics = topics.map(|topic| B256::left_padding_from(&topic));
    let data = entry("d").unwrap_or_default();
    E::decode_raw_log(topics, &data).ok()
}

/// Why a call failed.
pub fn explain(receipt: &Receipt) -> String {
    let selector = receipt.returned.get(..4).unwrap_or_default();
    format!(
        "exit code {}, {} gas, error {}: {:?}",
        receipt.exit,
        receipt.gas,
        alloy_primitives::hex::encode(selector),
        receipt.failure
    )
}

/// Epoch E carries quicknet's round 10 E + this (docs/protocol.md §2).
const MAINNET_OFFSET: i64 = -31_498_998;

/// The quicknet round that an epoch carries; `None` before the first.
pub fn round_of(epoch: i64) -> Option<u64> {
    let round = u64::try_from(10 * epoch + MAINNET_OFFSET).ok()?;
    (round > 0).then_some(round)
}

/// The epoch that carries a quicknet round, or the last before it.
pub fn epoch_of(beacon_round: u64) -> i64 {
    (i64::try_from(beacon_round).unwrap_or(i64::MAX) - MAINNET_OFFSET) / 10
}

fn cid(digest: B256) -> Bytes {
    [&[0x01, 0x55, 0x12, 0x20], digest.as_slice()].concat().into()
}

fn address_of(key: &SigningKey) -> Address {
    let point = key.verifying_key().to_encoded_point(false);
    Address::from_slice(&keccak256(&point.as_bytes()[1..])[12..])
}

fn sign(key: &SigningKey, digest: B256) -> anyhow::Result<Bytes> {
    let (signature, recovery) = key.sign_prehash_recoverable(digest.as_slice())?;
    let mut bytes = signature.to_bytes().to_vec();
    bytes.push(27 + recovery.to_byte());
    Ok(bytes.into())
}
