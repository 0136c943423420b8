//! A Filecoin chain: one state, and messages that change it.

use alloy_primitives::Address as EvmAddress;
use anyhow::{Context, ensure};
use cid::Cid;
use fvm::call_manager::DefaultCallManager;
use fvm::engine::EnginePool;
use fvm::executor::{ApplyKind, DefaultExecutor, Executor};
use fvm::kernel::filecoin::DefaultFilecoinKernel;
use fvm::machine::{DefaultMachine, NetworkConfig};
use fvm::state_tree::{ActorState, StateTree};
use fvm::{account_actor, init_actor, system_actor};
use fvm_ipld_encoding::{BytesDe, BytesSer, CborStore, RawBytes};
use fvm_shared::ActorID;
use fvm_shared::address::Address;
use fvm_shared::chainid::ChainID;
use fvm_shared::clock::ChainEpoch;
use fvm_shared::econ::TokenAmount;
use fvm_shared::event::StampedEvent;
use fvm_shared::message::Message;
use fvm_shared::state::StateTreeVersion;
use fvm_shared::version::NetworkVersion;
use multihash_codetable::Code;

use crate::actors::Actors;
use crate::node::Node;
use crate::store::Blocks;

/// Unix time of mainnet's epoch 0.
pub const GENESIS: u64 = 1_598_306_400;
/// Seconds of an epoch.
pub const EPOCH: u64 = 30;
/// Gas of a block.
pub const BLOCK_GAS: u64 = 10_000_000_000;
/// Mainnet's chain id.
pub const CHAIN_ID: u64 = 314;

/// The method of a contract call: `InvokeEVM` (FRC-0042).
const INVOKE_EVM: u64 = 3_844_450_837;
/// A plain transfer, which runs no code of a contract.
const SEND: u64 = 0;
const CONSTRUCT: u64 = 1;
/// The namespace of f410 addresses.
const EAM: ActorID = 10;
const INIT: ActorID = 1;
/// Bytes of a signature and its type, which a signed message is charged for.
const SIGNATURE: usize = 69;

type Kernel = DefaultFilecoinKernel<DefaultCallManager<DefaultMachine<Blocks, Node>>>;

/// A chain in memory, with the rules and gas prices of network version 28.
pub struct Chain {
    /// What the node tells the machine.
    pub node: Node,
    blocks: Blocks,
    root: Cid,
    epoch: ChainEpoch,
    actors: Actors,
    config: NetworkConfig,
    engine: EnginePool,
}

/// What came of a message.
#[derive(Debug)]
pub struct Receipt {
    /// Filecoin gas used.
    pub gas: u64,
    /// 0 stands for success.
    pub exit: u32,
    /// What the contract returned, also when it reverted.
    pub returned: Vec<u8>,
    /// Events of contracts.
    pub events: Vec<StampedEvent>,
    /// Length of the signed message.
    pub bytes: usize,
    /// Why it failed.
    pub failure: Option<String>,
}

impl Receipt {
    /// Whether the message took effect.
    pub fn is_ok(&self) -> bool {
        self.exit == 0
    }
}

/// A message to be.
#[derive(Debug, Clone, Default)]
pub struct Call {
    /// Parameters of a contract call.
    pub data: Vec<u8>,
    /// attoFIL.
    pub value: u128,
    /// Its gas limit; a block's by default.
    pub limit: Option<u64>,
}

impl Call {
    /// A call without value.
    pub fn new(data: Vec<u8>) -> Self {
        Self {
            data,
            ..Self::default()
        }
    }
}

/// The Filecoin address of an EVM address: the id of a masked one, else f410.
pub fn filecoin(address: EvmAddress) -> Address {
    match address.split_at(12) {
        ([0xff, zeros @ ..], id) if zeros.iter().all(|byte| *byte == 0) => {
            Address::new_id(u64::from_be_bytes(id.try_into().unwrap_or_default()))
        }
        _ => Address::new_delegated(EAM, address.as_slice()).unwrap_or(Address::new_id(0)),
    }
}

/// The masked form of an actor's id.
pub fn masked(id: ActorID) -> EvmAddress {
    let mut bytes = [0; 20];
    bytes[0] = 0xff;
    bytes[12..].copy_from_slice(&id.to_be_bytes());
    bytes.into()
}

impl Chain {
    /// A chain with the builtin actors and no accounts.
    pub fn new() -> anyhow::Result<Self> {
        let blocks = Blocks::default();
        let actors = Actors::put(&blocks)?;
        let mut tree = StateTree::new(blocks.clone(), StateTreeVersion::V5)?;
        let mut put = |id: ActorID, name: &str, state: Cid| {
            let actor = ActorState::new(actors.code(name), state, TokenAmount::default(), 0, None);
            tree.set_actor(id, actor);
        };
        let system = system_actor::State {
            builtin_actors: actors.list,
        };
        put(0, "system", blocks.put_cbor(&system, Code::Blake2b256)?);
        let init = init_actor::State::new_test(&blocks);
        put(INIT, "init", blocks.put_cbor(&init, Code::Blake2b256)?);
        put(EAM, "eam", empty(&blocks)?);
        // Rewards of block producers and burnt fees, which the executor pays out.
        for id in [2, 99] {
            let account = account_actor::State {
                address: Address::new_id(id),
            };
            put(id, "account", blocks.put_cbor(&account, Code::Blake2b256)?);
        }
        let root = tree.flush()?;
        let mut config = NetworkConfig::new(NetworkVersion::V28);
        config.chain_id(ChainID::from(CHAIN_ID));
        config.override_actors(actors.bundle);
        let engine = EnginePool::new((&config).into())?;
        Ok(Self {
            node: Node::default(),
            blocks,
            root,
            epoch: 0,
            actors,
            config,
            engine,
        })
    }

    /// The epoch of the next message.
    pub fn epoch(&self) -> ChainEpoch {
        self.epoch
    }

    /// Its Unix time.
    pub fn now(&self) -> u64 {
        GENESIS + EPOCH * self.epoch.unsigned_abs()
    }

    /// Goes to the first epoch at or after a Unix time; never back.
    pub fn go_to(&mut self, time: u64) {
        let epoch = time.saturating_sub(GENESIS).div_ceil(EPOCH);
        self.go_to_epoch(i64::try_from(epoch).unwrap_or(i64::MAX));
    }

    /// Goes to an epoch; never back.
    pub fn go_to_epoch(&mut self, epoch: ChainEpoch) {
        self.epoch = self.epoch.max(epoch);
    }

    /// The state now, to which [`Chain::restore`] returns.
    pub fn snapshot(&self) -> (Cid, ChainEpoch) {
        (self.root, self.epoch)
    }

    /// Returns to a state.
    pub fn restore(&mut self, (root, epoch): (Cid, ChainEpoch)) {
        (self.root, self.epoch) = (root, epoch);
    }

    /// An account of the EVM with a balance, as one that has sent before.
    pub fn evm_account(&mut self, address: EvmAddress, fil: u64) -> anyhow::Result<ActorID> {
        let delegated = filecoin(address);
        let state = empty(&self.blocks)?;
        self.put(delegated, "ethaccount", state, fil, Some(delegated))
    }

    /// An f1 or f3 account with a balance.
    pub fn native_account(&mut self, address: Address, fil: u64) -> anyhow::Result<ActorID> {
        let state = account_actor::State { address };
        let state = self.blocks.put_cbor(&state, Code::Blake2b256)?;
        self.put(address, "account", state, fil, None)
    }

    /// An actor of some kind, by its f2 address, such as a storage miner.
    pub fn actor(&mut self, address: Address, kind: &str) -> anyhow::Result<ActorID> {
        let state = empty(&self.blocks)?;
        self.put(address, kind, state, 0, None)
    }

    fn put(
        &mut self,
        address: Address,
        kind: &str,
        state: Cid,
        fil: u64,
        delegated: Option<Address>,
    ) -> anyhow::Result<ActorID> {
        let code = self.actors.code(kind);
        let mut tree = self.tree()?;
        let id = tree.register_new_address(&address)?;
        let balance = TokenAmount::from_whole(fil);
        tree.set_actor(id, ActorState::new(code, state, balance, 0, delegated));
        self.root = tree.flush()?;
        Ok(id)
    }

    /// The id of an actor.
    pub fn id_of(&self, address: Address) -> anyhow::Result<ActorID> {
        self.tree()?
            .lookup_id(&address)?
            .context("there is no such actor")
    }

    /// attoFIL of an actor; 0 if there is none.
    pub fn balance(&self, address: Address) -> anyhow::Result<u128> {
        let Some(actor) = self.find(address)? else {
            return Ok(0);
        };
        Ok(actor.balance.atto().try_into()?)
    }

    /// Sends a message to a contract.
    pub fn send(&mut self, from: EvmAddress, to: EvmAddress, call: &Call) -> anyhow::Result<Receipt> {
        self.execute(filecoin(from), filecoin(to), call, true)
    }

    /// Like [`Chain::send`], without effect.
    pub fn simulate(&mut self, from: EvmAddress, to: EvmAddress, call: &Call) -> anyhow::Result<Receipt> {
        self.execute(filecoin(from), filecoin(to), call, false)
    }

    /// Sends FIL as a wallet's «send» does: a plain transfer.
    pub fn transfer(&mut self, from: EvmAddress, to: EvmAddress, value: u128) -> anyhow::Result<Receipt> {
        let message = self.message(filecoin(from), filecoin(to), SEND, RawBytes::default(), value)?;
        self.apply(message, ApplyKind::Explicit, true)
    }

    /// Creates a contract. There is neither EAM nor init actor: the actor is put into the state, and its constructor is called as
    /// the init actor would.
    pub fn create(&mut self, from: EvmAddress, initcode: Vec<u8>) -> anyhow::Result<(EvmAddress, Receipt)> {
        let nonce = self.nonce(filecoin(from))?;
        let address = from.create(nonce);
        let state = empty(&self.blocks)?;
        let delegated = filecoin(address);
        self.put(delegated, "evm", state, 0, Some(delegated))?;
        let mut tree = self.tree()?;
        let sender = tree
            .lookup_id(&filecoin(from))?
            .context("the creator does not exist")?;
        let mut actor = tree.get_actor(sender)?.context("the creator does not exist")?;
        actor.sequence += 1;
        tree.set_actor(sender, actor);
        self.root = tree.flush()?;
        let creator = from.into_array();
        let parameters = RawBytes::serialize((BytesSer(&creator), BytesSer(&initcode)))?;
        let message = self.message(Address::new_id(INIT), delegated, CONSTRUCT, parameters, 0)?;
        let receipt = self.apply(message, ApplyKind::Implicit, true)?;
        ensure!(
            receipt.is_ok(),
            "the constructor failed with exit code {}: {:?}",
            receipt.exit,
            receipt.failure
        );
        Ok((address, receipt))
    }

    fn execute(&mut self, from: Address, to: Address, call: &Call, keep: bool) -> anyhow::Result<Receipt> {
        let parameters = match call.data.is_empty() {
            true => RawBytes::default(),
            false => RawBytes::serialize(BytesSer(&call.data))?,
        };
        let mut message = self.message(from, to, INVOKE_EVM, parameters, call.value)?;
        message.gas_limit = call.limit.unwrap_or(BLOCK_GAS);
        self.apply(message, ApplyKind::Explicit, keep)
    }

    fn message(
        &self,
        from: Address,
        to: Address,
        method_num: u64,
        params: RawBytes,
        value: u128,
    ) -> anyhow::Result<Message> {
        Ok(Message {
            version: 0,
            from,
            to,
            sequence: self.nonce(from)?,
            value: TokenAmount::from_atto(value),
            method_num,
            params,
            gas_limit: BLOCK_GAS,
            gas_fee_cap: TokenAmount::default(),
            gas_premium: TokenAmount::default(),
        })
    }

    fn apply(&mut self, message: Message, kind: ApplyKind, keep: bool) -> anyhow::Result<Receipt> {
        let bytes = fvm_ipld_encoding::to_vec(&message)?.len() + SIGNATURE;
        let mut context = self.config.for_epoch(self.epoch, self.now(), self.root);
        context.set_base_fee(TokenAmount::default());
        let machine = DefaultMachine::new(&context, self.blocks.clone(), self.node.clone())?;
        let mut executor = DefaultExecutor::<Kernel>::new(self.engine.clone(), machine)?;
        let applied = executor.execute_message(message, kind, bytes)?;
        if keep {
            self.root = executor.flush()?;
        }
        let returned = applied.msg_receipt.return_data;
        let returned = match returned.is_empty() {
            true => Vec::new(),
            false => returned
                .deserialize::<BytesDe>()
                .map_or_else(|_| returned.to_vec(), |bytes| bytes.0),
        };
        Ok(Receipt {
            gas: applied.msg_receipt.gas_used,
            exit: applied.msg_receipt.exit_code.value(),
            returned,
            events: applied.events,
            bytes,
            failure: applied.failure_info.map(|failure| failure.to_string()),
        })
    }

    fn tree(&self) -> anyhow::Result<StateTree<Blocks>> {
        Ok(StateTree::new_from_root(self.blocks.clone(), &self.root)?)
    }

    fn find(&self, address: Address) -> anyhow::Result<Option<ActorState>> {
        let tree = self.tree()?;
        Ok(match tree.lookup_id(&address)? {
            Some(id) => tree.get_actor(id)?,
            None => None,
        })
    }

    fn nonce(&self, address: Address) -> anyhow::Result<u64> {
        Ok(self.find(address)?.map_or(0, |actor| actor.sequence))
    }
}

/// The state of an actor without one.
fn empty(blocks: &Blocks) -> anyhow::Result<Cid> {
    blocks.put_cbor(&[(); 0], Code::Blake2b256)
}
