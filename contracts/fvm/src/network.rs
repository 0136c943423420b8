//! Assize on a chain: the contracts, who has which role, and short calls for the steps of a round.

use std::collections::BTreeMap;

use alloy_primitives::aliases::U96;
use alloy_primitives::{Address, B128, B256, Bytes, FixedBytes, U256, keccak256};
use alloy_sol_types::{SolCall, SolConstructor, SolEvent};
use anyhow::{Context, bail, ensure};
use assize_protocol::{Allocation, AttoFil, StationIndex, merkle, positional};
use k256::ecdsa::SigningKey;
use sha2::{Digest, Sha256};

use crate::chain::{Call, Chain, GENESIS, Receipt};
use crate::opcodes::without_transient_storage;

/// The contracts' interfaces and bytecode, as committed.
pub mod abi {
    #![allow(missing_docs, clippy::all, reason = "generated")]
    alloy_sol_types::sol!(FilecoinBeacon, "../../crates/chain/abi/FilecoinBeacon.json");
    alloy_sol_types::sol!(DrandBeacon, "../../crates/chain/abi/DrandBeacon.json");

    alloy_sol_types::sol!(Roles, "../../crates/chain/abi/Roles.json");

    pub mod court {
        alloy_sol_types::sol!(
            #[derive(Debug)]
            Court,
            "../../crates/chain/abi/Court.json"
        );
    }

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

use abi::court::{Court, ICourt, RewardsTree};
use abi::rewards::{IRewards, Rewards};
use abi::rounds::{IRounds, Rounds};

/// Deploys, and announces changes.
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
/// Seconds to answer a demand, after which as many must remain, and in which demands are possible at least.
const COURT: [u64; 3] = [28_800, 7_200, 21_600];
/// attoFIL of a demand's bond at least.
pub const BOND: u128 = 50_000_000_000_000_000;
/// The status of a settlement that was voided.
const VOID: u8 = 3;
/// Stations of a roster.
const STATIONS: u32 = 4_000;
/// The operator of the station with index 0.
const OPERATOR: Address = Address::repeat_byte(0x17);
const SUBNET: B128 = B128::repeat_byte(0x18);
const FIL: u128 = 1_000_000_000_000_000_000;

/// A settlement that was posted, with its tree.
pub struct Settled {
    /// Its number.
    pub number: u64,
    /// What it grants, ascending by operator.
    pub allocations: Vec<Allocation>,
    tree: positional::Tree,
}

impl Settled {
    fn new(number: u64, grants: &[(Address, u128)], before: &BTreeMap<Address, u128>) -> Self {
        let mut grants = grants.to_vec();
        grants.sort_unstable();
        let mut running = 0;
        let allocation = |&(operator, cumulative): &(Address, u128)| {
            let promised = before.get(&operator).copied().unwrap_or_default();
            running += cumulative;
            Allocation {
                operator,
                cumulative: AttoFil::new(cumulative),
                running: AttoFil::new(running),
                grown: AttoFil::new(cumulative.saturating_sub(promised)),
                reports: 1,
                sheet: keccak256("sheet"),
            }
        };
        let allocations: Vec<_> = grants.iter().map(allocation).collect();
        let tree = positional::Tree::new(allocations.iter().map(Allocation::leaf).collect());
        Self {
            number,
            allocations,
            tree,
        }
    }

    /// The place of an operator.
    pub fn place_of(&self, operator: Address) -> anyhow::Result<usize> {
        let found = self
            .allocations
            .iter()
            .position(|known| known.operator == operator);
        found.context("no such operator")
    }

    fn proof(&self, place: usize) -> anyhow::Result<Vec<B256>> {
        self.tree.proof(u32::try_from(place)?).context("no such leaf")
    }

    fn shown(&self, place: usize) -> IRewards::Allocation {
        let allocation = &self.allocations[place];
        IRewards::Allocation {
            operator: allocation.operator,
            cumulative: U256::from(allocation.cumulative.atto()),
            rest: allocation.rest(),
        }
    }

    /// The call that claims for one operator.
    pub fn claim(&self, place: usize) -> anyhow::Result<Call> {
        Ok(call(&Rewards::claimCall {
            settlement: self.number,
            index: u32::try_from(place)?,
            allocation: self.shown(place),
            proof: self.proof(place)?,
        }))
    }

    /// The call that claims for some of the operators in consecutive places, from the first to the last of `places`.
    pub fn claim_many(&self, places: &[usize]) -> anyhow::Result<Call> {
        let (first, last) = (places.iter().min(), places.iter().max());
        let (first, last) = first.zip(last).context("no places")?;
        let allocation = |place: usize| match places.contains(&place) {
            true => self.shown(place),
            false => IRewards::Allocation {
                operator: Address::ZERO,
                cumulative: U256::ZERO,
                rest: self.allocations[place].leaf(),
            },
        };
        let (start, length) = (u32::try_from(*first)?, u32::try_from(last - first + 1)?);
        Ok(call(&Rewards::claimManyCall {
            settlement: self.number,
            start,
            allocations: (*first..=*last).map(allocation).collect(),
            siblings: self.tree.range_proof(start, length).context("no such range")?,
        }))
    }

    /// An allocation as the Court is shown it.
    pub fn court_leaf(&self, place: usize) -> anyhow::Result<RewardsTree::Leaf> {
        let allocation = &self.allocations[place];
        Ok(RewardsTree::Leaf {
            operator: allocation.operator,
            cumulative: word(allocation.cumulative)?,
            running: word(allocation.running)?,
            grown: word(allocation.grown)?,
            reports: allocation.reports,
            sheet: allocation.sheet,
        })
    }

    /// The call that has the Court compare neighbours.
    pub fn challenge_order(&self, rewards: Address, place: usize) -> anyhow::Result<Call> {
        Ok(call(&Court::challengeOrderCall {
            rewards,
            settlement: self.number,
            lower: self.shown_to_court(place)?,
            upper: self.court_leaf(place + 1)?,
            upperProof: self.proof(place + 1)?,
        }))
    }

    /// The call that has the Court compare an operator with what the parent promised it.
    pub fn challenge_growth(
        &self,
        rewards: Address,
        before: &Self,
        operator: Address,
    ) -> anyhow::Result<Call> {
        Ok(call(&Court::challengeGrowthCall {
            rewards,
            settlement: self.number,
            operator,
            here: self.search(operator)?,
            before: before.search(operator)?,
        }))
    }

    /// The call that shows a place.
    pub fn answer(&self, rewards: Address, place: usize) -> anyhow::Result<Call> {
        Ok(call(&Court::answerCall {
            rewards,
            settlement: self.number,
            shown: self.shown_to_court(place)?,
        }))
    }

    /// The call that demands a place.
    pub fn demand(&self, rewards: Address, place: usize) -> anyhow::Result<Call> {
        let mut demand = call(&Court::demandCall {
            rewards,
            settlement: self.number,
            root: self.tree.root(),
            index: u32::try_from(place)?,
        });
        demand.value = BOND;
        Ok(demand)
    }

    fn shown_to_court(&self, place: usize) -> anyhow::Result<ICourt::Place> {
        Ok(ICourt::Place {
            index: u32::try_from(place)?,
            leaf: self.court_leaf(place)?,
            proof: self.proof(place)?,
        })
    }

    fn search(&self, operator: Address) -> anyhow::Result<ICourt::Search> {
        let place = self.place_of(operator)?;
        Ok(ICourt::Search {
            present: true,
            index: u32::try_from(place)?,
            lower: self.court_leaf(place)?,
            lowerProof: self.proof(place)?,
            upper: self.court_leaf(place)?,
            upperProof: Vec::new(),
        })
    }
}

/// The contracts on a chain.
pub struct Network {
    /// The chain.
    pub chain: Chain,
    /// Roles.
    pub roles: Address,
    /// The Court.
    pub court: Address,
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
    /// What the newest settlement grants.
    promised: BTreeMap<Address, u128>,
    /// The station with index 0 of every roster.
    station: SigningKey,
    roster: merkle::Tree,
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
        for (evaluator, _) in &evaluators {
            chain.evm_account(*evaluator, 0)?;
        }

        let station = SigningKey::from_slice(&[9; 32])?;
        let other = |index: u32| keccak256(index.to_be_bytes());
        let stations = [station_leaf(&station)]
            .into_iter()
            .chain((1..STATIONS).map(other))
            .collect();

        let mut deployments = Vec::new();
        let mut create = |chain: &mut Chain, name, code: &Bytes, arguments: Vec<u8>| {
            let code = without_transient_storage(code);
            let (address, receipt) = chain
                .create(OWNER, [code, arguments].concat())
                .with_context(|| format!("cannot deploy {name}"))?;
            deployments.push((name, receipt));
            anyhow::Ok(address)
        };
        let [answer_window, slack, demand_window] = COURT;
        let court = Court::constructorCall {
            answerWindow: answer_window,
            slack,
            demandWindow: demand_window,
            leastBond: U256::from(BOND),
        };
        let court = create(&mut chain, "Court", &Court::BYTECODE, court.abi_encode())?;
        let roles = abi::Roles::constructorCall {
            firstOwner: OWNER,
            firstGuardian: GUARDIAN,
            minChallengeWindow: WINDOW,
            firstChallengeWindow: WINDOW,
            firstEvaluators: evaluators.iter().map(|(address, _)| *address).collect(),
            threshold: U256::from(2),
        };
        let roles = create(&mut chain, "Roles", &abi::Roles::BYTECODE, roles.abi_encode())?;
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
            roles,
            beacon,
            firstCoordinator: COORDINATOR,
            firstPublishers: vec![PUBLISHER],
            firstParameters: parameters(),
        };
        let rounds = create(&mut chain, "Rounds", &Rounds::BYTECODE, rounds.abi_encode())?;
        let rewards = Rewards::constructorCall {
            roles,
            rounds,
            court,
            firstTreasury: TREASURY,
            paymentGas: U256::from(payment_gas),
        };
        let rewards = create(&mut chain, "Rewards", &Rewards::BYTECODE, rewards.abi_encode())?;
        let mut network = Self {
            chain,
            roles,
            court,
            beacon,
            rounds,
            rewards,
            deployments,
            evaluators,
            promised: BTreeMap::new(),
            station,
            roster: merkle::Tree::new(stations),
        };
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
            let closes = self.round(latest)?.times.closesAt;
            self.chain.go_to(closes);
        }
        let list = |name: &str| keccak256(format!("{name} {latest}"));
        let open = Rounds::openCall {
            inputs: IRounds::Inputs {
                rosterRoot: self.roster.root(),
                tasksRoot: list("tasks"),
                rosterCount: STATIONS,
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
            root: keccak256(format!("lines {round} {batch}")),
            count: 1_000,
        })
    }

    /// The call that commits a list of seals.
    pub fn seal(&mut self, round: u64) -> Call {
        call(&Rounds::sealCall {
            round,
            cid: cid(keccak256(format!("seals {round}"))),
            root: keccak256(format!("seals' lines {round}")),
            count: 1_000,
        })
    }

    /// The calls by which the first station commits its own seal, and its own report of this length.
    pub fn own(&mut self, round: u64, length: usize) -> anyhow::Result<(Call, Call)> {
        let report = vec![b'r'; length];
        let signed = IRounds::Seal {
            round,
            station: 0,
            operator: OPERATOR,
            tasks: U256::from(0b111),
            report: sha256(&report),
        };
        let digest = self.view(
            self.rounds,
            &Rounds::digestOfCall {
                signed: signed.clone(),
            },
        )?;
        let signature = sign(&self.station, digest)?;
        let entry = IRounds::Station {
            station: address_of(&self.station),
            operator: OPERATOR,
            subnet: SUBNET,
        };
        let proof = self.roster.proof(station_leaf(&self.station));
        let proof = proof.context("the station is not in the roster")?;
        let seal = Rounds::sealOwnCall {
            signed: signed.clone(),
            signature: signature.clone(),
            entry: entry.clone(),
            rosterProof: proof.clone(),
        };
        let commit = Rounds::commitOwnCall {
            signed,
            signature,
            entry,
            rosterProof: proof,
            report: report.into(),
        };
        Ok((call(&seal), call(&commit)))
    }

    /// Opens and reveals a round, and lets its commit window end.
    pub fn play_round(&mut self) -> anyhow::Result<()> {
        self.open()?;
        let round = self.view(self.rounds, &Rounds::latestRoundCall {})?;
        let reveal = self.reveal(round)?;
        self.send(ANYONE, self.rounds, &reveal)?;
        let over = self.round(round)?.times.dedupeFrom;
        self.chain.go_to(over + 1);
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
        let number = self.view(self.rewards, &Rewards::settlementCountCall {})? + 1;
        let settled = Settled::new(number, allocations, &self.promised);
        let root = settled.tree.root();
        let proposal = IRewards::Proposal {
            number,
            parent,
            firstRound: first,
            lastRound: self.view(self.rounds, &Rounds::latestRoundCall {})?,
            root,
            operators: settled.tree.count(),
            cumulativeTotal: U256::from(allocations.iter().map(|(_, amount)| amount).sum::<u128>()),
            drops: self.view(self.rewards, &Rewards::dropCountCall {})?,
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
        let post = Rewards::postCall { proposal, signatures };
        Ok((call(&post), settled))
    }

    /// Plays a round, posts a settlement of it, and lets it become active.
    pub fn settle(&mut self, allocations: &[(Address, u128)]) -> anyhow::Result<Settled> {
        self.play_round()?;
        let (post, settled) = self.post(allocations)?;
        self.send(ANYONE, self.rewards, &post)?;
        self.promise(allocations);
        self.chain.go_to(self.chain.now() + WINDOW);
        Ok(settled)
    }

    /// Notes that a settlement which grants this was posted.
    pub fn promise(&mut self, allocations: &[(Address, u128)]) {
        self.promised = allocations.iter().copied().collect();
    }

    /// The evaluators, ascending.
    pub fn evaluators(&self) -> Vec<Address> {
        self.evaluators.iter().map(|(address, _)| *address).collect()
    }

    /// Whether a settlement was voided.
    pub fn is_void(&mut self, settlement: u64) -> anyhow::Result<bool> {
        let status = self.view(self.rewards, &Rewards::statusOfCall { settlement })?;
        Ok(status == VOID)
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
        beaconDelay: 150,
        step: 60,
        minCommitteeSize: 40,
        maxCommitteeSize: 100,
        quorum: 30,
        maxTasksPerCommittee: 100,
        targetMeasurements: 250_000,
        budget: U96::from(456_621_004_566_210_045_u128),
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

fn word(amount: AttoFil) -> anyhow::Result<U96> {
    Ok(U96::from(u128::try_from(amount.atto())?))
}

fn station_leaf(key: &SigningKey) -> B256 {
    merkle::roster_leaf(StationIndex(0), address_of(key), OPERATOR, SUBNET)
}

fn sha256(bytes: &[u8]) -> B256 {
    FixedBytes(Sha256::digest(bytes).into())
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
