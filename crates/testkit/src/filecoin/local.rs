//! A consistent set of providers, an indexer and a node.

use std::collections::BTreeMap;
use std::io;

use assize_protocol::{ActorId, ListError, PayloadCid, ProviderId, Task, TaskList};
use thiserror::Error;

use super::{
    Advertised, DeadAddress, Expected, Host, Indexer, Lotus, MinerInfo, Payload, PeerIdSource, Plan,
    Protocol, Provider, ProviderPlan, Record, hash, hash64, peer_id,
};

/// Why a local Filecoin did not start.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum FilecoinError {
    /// The servers cannot be started.
    #[error("cannot start the servers of a local Filecoin: {0}")]
    Io(#[from] io::Error),
    /// A plan lists a payload twice.
    #[error(transparent)]
    Tasks(#[from] ListError),
    /// A payload without a CID.
    #[error("cannot create payload {index} of {provider}")]
    Payload {
        /// The provider.
        provider: ProviderId,
        /// Counted from 0.
        index: u32,
    },
}

/// Running providers, an indexer and a node; they stop on drop.
#[derive(Debug)]
pub struct LocalFilecoin {
    indexer: Indexer,
    lotus: Lotus,
    offers: BTreeMap<ProviderId, Offer>,
    tasks: TaskList,
    host: Host,
}

/// A provider with its true state.
#[derive(Debug)]
pub struct Offer {
    /// Its plan.
    pub plan: ProviderPlan,
    /// Its server.
    pub server: Provider,
    /// The peer id that it advertises.
    pub peer_id: String,
    /// The payloads that it has deals for.
    pub payloads: Vec<Payload>,
    /// Which of them it has lost, in the same order.
    lost: Vec<bool>,
    /// An unreachable address advertised before the server's, if planned.
    dead: Option<DeadAddress>,
}

impl LocalFilecoin {
    /// Starts everything.
    ///
    /// # Errors
    /// [`FilecoinError`]: operating system errors, or an invalid plan.
    pub fn start(plan: &Plan) -> Result<Self, FilecoinError> {
        Self::start_on(&Host::new()?, plan)
    }

    /// Starts everything on shared threads.
    ///
    /// # Errors
    /// As [`LocalFilecoin::start`].
    pub fn start_on(host: &Host, plan: &Plan) -> Result<Self, FilecoinError> {
        let indexer = Indexer::start(host)?;
        let lotus = Lotus::start(host, plan.upstream.as_deref())?;
        let mut offers = BTreeMap::new();
        let mut tasks = Vec::new();
        for (id, provider) in (Plan::FIRST_PROVIDER..).map(ProviderId).zip(&plan.providers) {
            let offer = Offer::open(host, plan.seed, id, provider)?;
            offer.introduce(&lotus, plan.seed, id);
            for payload in &offer.payloads {
                offer.advertise(&indexer, plan.seed, id, payload.cid());
                tasks.push(task(plan, id, payload.cid()));
            }
            offers.insert(id, offer);
        }
        Ok(Self {
            indexer,
            lotus,
            offers,
            tasks: TaskList::new(tasks)?,
            host: host.clone(),
        })
    }

    /// All payloads of all providers, with clients and allocators.
    #[must_use]
    pub fn tasks(&self) -> &TaskList {
        &self.tasks
    }

    /// JSON-RPC endpoint for checkers: `Filecoin.StateMinerInfo`, Curio's contract, and the methods of the plan's
    /// chain.
    #[must_use]
    pub fn rpc_url(&self) -> String {
        self.lotus.url()
    }

    /// The indexer's URL, without a trailing slash.
    #[must_use]
    pub fn indexer_url(&self) -> String {
        self.indexer.url()
    }

    /// The indexer, to set its fault.
    #[must_use]
    pub fn indexer(&self) -> &Indexer {
        &self.indexer
    }

    /// The node, to set its fault.
    #[must_use]
    pub fn lotus(&self) -> &Lotus {
        &self.lotus
    }

    /// The threads, for further servers.
    #[must_use]
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// The providers.
    #[must_use]
    pub fn offers(&self) -> &BTreeMap<ProviderId, Offer> {
        &self.offers
    }

    /// A provider's server.
    #[must_use]
    pub fn provider(&self, id: ProviderId) -> Option<&Provider> {
        self.offers.get(&id).map(|offer| &offer.server)
    }

    /// The result that a correct checker must report for a task, given the provider's current behaviour; `None` for an
    /// unknown task.
    #[must_use]
    pub fn expected(&self, provider: ProviderId, cid: PayloadCid) -> Option<Expected> {
        self.offers.get(&provider)?.expected(cid)
    }
}

impl Offer {
    fn open(host: &Host, seed: u64, id: ProviderId, plan: &ProviderPlan) -> Result<Self, FilecoinError> {
        let server = Provider::start(host, plan.conduct.clone(), hash64(seed, &[&id.0.to_be_bytes()]))?;
        let dead = match plan.dead_address_first {
            true => Some(DeadAddress::reserve()?),
            false => None,
        };
        let mut payloads = Vec::new();
        let mut lost = Vec::new();
        for index in 0..plan.payloads {
            let payload =
                Payload::derive(seed, id, index).ok_or(FilecoinError::Payload { provider: id, index })?;
            let draw = hash64(seed, &[b"kept", &id.0.to_be_bytes(), &index.to_be_bytes()]);
            let is_lost = draw as f64 / u64::MAX as f64 >= plan.kept;
            server.store(&payload);
            if is_lost {
                server.lose(&payload);
            }
            payloads.push(payload);
            lost.push(is_lost);
        }
        Ok(Self {
            plan: plan.clone(),
            server,
            peer_id: peer_id(seed, id.0),
            payloads,
            lost,
            dead,
        })
    }

    /// Registers the provider on the chain.
    fn introduce(&self, lotus: &Lotus, seed: u64, id: ProviderId) {
        let on_chain = match self.plan.peer_id {
            PeerIdSource::MinerInfo => self.peer_id.clone(),
            PeerIdSource::Contract => {
                lotus.map_peer_id(id, &self.peer_id);
                another(seed, id)
            }
        };
        let info = MinerInfo {
            peer_id: Some(on_chain),
            multiaddrs: Vec::new(),
        };
        lotus.set_miner(id, info);
    }

    /// Publishes its records. Before them is a record of another peer over Bitswap only, as for most real payloads.
    fn advertise(&self, indexer: &Indexer, seed: u64, id: ProviderId, cid: PayloadCid) {
        let http = Protocol::TrustlessGateway;
        let graphsync = Protocol::graphsync(hash(seed, &[b"piece", &cid.to_bytes()]));
        let publish = |peer: &str, protocols: &[Protocol]| {
            indexer.publish(cid, Record::new(peer, &self.addresses(), protocols));
        };
        if self.plan.advertised != Advertised::Nowhere {
            let elsewhere = ["/dns4/bitswap.example.net/tcp/443/wss".to_owned()];
            let stranger = peer_id(seed, 0);
            indexer.publish(cid, Record::new(&stranger, &elsewhere, &[Protocol::Bitswap]));
        }
        match self.plan.advertised {
            Advertised::Http => publish(&self.peer_id, &[http]),
            Advertised::Graphsync => {
                let addresses = ["/ip4/127.0.0.1/tcp/24001".to_owned()];
                indexer.publish(cid, Record::new(&self.peer_id, &addresses, &[graphsync]));
            }
            Advertised::Both => publish(&self.peer_id, &[graphsync, http]),
            Advertised::Apart => {
                publish(&self.peer_id, &[graphsync]);
                publish(&self.peer_id, &[http]);
            }
            Advertised::ByAnother => publish(&another(seed, id), &[http]),
            Advertised::Nowhere => {}
        }
    }

    /// The addresses that it advertises, in order.
    #[must_use]
    pub fn addresses(&self) -> Vec<String> {
        let dead = self.dead.iter().map(DeadAddress::multiaddr);
        dead.chain([self.server.multiaddr()]).collect()
    }

    /// The result that a correct checker must report for a payload, given the provider's current behaviour; `None` if
    /// it has no deal for it.
    #[must_use]
    pub fn expected(&self, cid: PayloadCid) -> Option<Expected> {
        let index = self.payloads.iter().position(|payload| payload.cid() == cid)?;
        Some(match self.plan.advertised {
            Advertised::Nowhere => Expected::only("IPNI_ERROR_404"),
            Advertised::ByAnother => Expected::only("IPNI_NO_VALID_ADVERTISEMENT"),
            // Nothing is fetched, unless by a Lassie, which would fail.
            Advertised::Graphsync => Expected::only("UNKNOWN_ERROR"),
            Advertised::Http | Advertised::Both | Advertised::Apart => {
                self.server.conduct().expected(self.lost[index])
            }
        })
    }

    /// Number of payloads that can be retrieved now, and number of all payloads.
    #[must_use]
    pub fn retrievable(&self) -> (usize, usize) {
        let good = |payload: &&Payload| {
            self.expected(payload.cid())
                .is_some_and(|expected| expected.is_ok())
        };
        (self.payloads.iter().filter(good).count(), self.payloads.len())
    }
}

/// The peer id of another provider.
fn another(seed: u64, id: ProviderId) -> String {
    peer_id(seed, id.0 + (1 << 32))
}

fn task(plan: &Plan, provider: ProviderId, cid: PayloadCid) -> Task {
    let draw = hash64(plan.seed, &[b"deal", &provider.0.to_be_bytes(), &cid.to_bytes()]);
    let (clients, allocators) = (plan.clients.max(1), plan.allocators.max(1));
    let mut of_whom = vec![draw % clients];
    if draw >> 32 & 3 == 0 && clients > 1 {
        of_whom.push((of_whom[0] + 1) % clients);
    }
    of_whom.sort_unstable();
    let mut by_whom: Vec<_> = of_whom.iter().map(|client| client % allocators).collect();
    by_whom.sort_unstable();
    by_whom.dedup();
    let ids = |first: u64, all: Vec<u64>| all.into_iter().map(|index| ActorId(first + index)).collect();
    Task {
        cid,
        provider,
        clients: ids(Plan::FIRST_CLIENT, of_whom),
        allocators: ids(Plan::FIRST_ALLOCATOR, by_whom),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::Conduct;
    use super::super::testing::get;
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_network() {
        let plan = Plan::mixed(7, 20, 3);
        let (one, two) = (
            LocalFilecoin::start(&plan).unwrap(),
            LocalFilecoin::start(&plan).unwrap(),
        );
        assert_eq!(one.tasks(), two.tasks());
        assert_eq!(one.tasks().count(), 60);
        let truth = |network: &LocalFilecoin| -> Vec<_> {
            let tasks = network.tasks().entries().iter();
            tasks
                .map(|task| network.expected(task.provider, task.cid).unwrap())
                .collect()
        };
        assert_eq!(truth(&one), truth(&two));
        let other = LocalFilecoin::start(&Plan { seed: 8, ..plan }).unwrap();
        assert_ne!(one.tasks(), other.tasks());
    }

    #[test]
    fn the_mixed_plan_covers_all_behaviours() {
        let network = LocalFilecoin::start(&Plan::mixed(7, 20, 6)).unwrap();
        let results: BTreeSet<String> = network
            .tasks()
            .entries()
            .iter()
            .map(|task| network.expected(task.provider, task.cid).unwrap().to_string())
            .collect();
        let wanted = [
            "CONNECTION_REFUSED",
            "CONTENT_VERIFICATION_FAILED",
            "HTTP_404",
            "HTTP_500",
            "IPNI_ERROR_404",
            "IPNI_NO_VALID_ADVERTISEMENT",
            "OK",
            "UNEXPECTED_CAR_BLOCK",
            "UNKNOWN_ERROR",
        ];
        assert_eq!(results, wanted.map(String::from).into());
        for task in network.tasks().entries() {
            assert!(!task.clients.is_empty() && !task.allocators.is_empty());
        }
        let whole = network.offers()[&ProviderId(1_000)].retrievable();
        assert_eq!(whole, (6, 6));
        let (some, all) = network.offers()[&ProviderId(1_007)].retrievable();
        assert!(0 < some && some < all, "{some}");
    }

    #[test]
    fn expected_results_match_the_behaviour() {
        let plan = Plan::new(1, vec![ProviderPlan::new(Conduct::Honest, 1)]);
        let network = LocalFilecoin::start(&plan).unwrap();
        let task = &network.tasks().entries()[0];
        assert!(network.expected(task.provider, task.cid).unwrap().is_ok());
        network
            .provider(task.provider)
            .unwrap()
            .set_conduct(Conduct::Silent);
        let expected = network.expected(task.provider, task.cid).unwrap();
        assert!(expected.allows("TIMEOUT") && !expected.allows("OK"));
        assert_eq!(network.expected(ProviderId(1), task.cid), None);
    }

    /// Sixty providers and sixty concurrent clients.
    #[test]
    fn it_serves_a_whole_network() {
        let plan = Plan::new(1, vec![ProviderPlan::new(Conduct::Honest, 2); 60]);
        let network = LocalFilecoin::start(&plan).unwrap();
        let begun = std::time::Instant::now();
        std::thread::scope(|scope| {
            for client in 0..60 {
                let network = &network;
                scope.spawn(move || {
                    let agent = ureq::agent();
                    for (id, offer) in network.offers() {
                        let payload = &offer.payloads[client % 2];
                        let url = format!("{}/ipfs/{}?format=raw", offer.server.url(), payload.cid());
                        let mut answer = agent.get(url).call().unwrap();
                        let length = answer.body_mut().read_to_vec().unwrap().len();
                        assert_eq!(length, payload.blocks()[0].1.len(), "{id}");
                    }
                });
            }
        });
        println!("3600 requests, 60 at a time, in {:?}", begun.elapsed());
        assert!(
            network
                .offers()
                .values()
                .all(|offer| offer.server.request_count() == 60)
        );
    }

    #[tokio::test]
    async fn it_starts_and_ends_within_a_runtime() {
        let network = LocalFilecoin::start(&Plan::mixed(1, 20, 1)).unwrap();
        network
            .provider(ProviderId(1_005))
            .unwrap()
            .set_conduct(Conduct::Honest);
        drop(network);
    }

    #[test]
    fn servers_stop_on_drop() {
        let plan = Plan::new(1, vec![ProviderPlan::new(Conduct::Honest, 1)]);
        let host = Host::new().unwrap();
        let network = LocalFilecoin::start_on(&host, &plan).unwrap();
        let url = network.provider(ProviderId(1_000)).unwrap().url();
        assert_eq!(get(&url, "/").status, 404);
        drop(network);
        // Its port is free again once its task has ended.
        while std::net::TcpStream::connect(url.trim_start_matches("http://")).is_ok() {
            std::thread::yield_now();
        }
    }
}
