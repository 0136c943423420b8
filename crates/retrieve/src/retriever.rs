//! The steps of one retrieval.

use std::sync::Arc;

use assize_protocol::{PayloadCid, ProviderId};
use tokio::time::Instant;

use crate::attempts::{Attempts, StartTime};
use crate::http::Http;
use crate::index;
use crate::peer::Peers;
use crate::rpc::Rpc;
use crate::step::Steps;
use crate::{Cid, Config, ConfigError, IndexerResult, Retrieval, RetrieveError, Transport, endpoint};

/// Performs retrievals, concurrently if needed. Clones share one cache of peer ids.
#[derive(Debug, Clone)]
pub struct Retriever {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    config: Config,
    http: Http,
    peers: Peers,
}

impl Retriever {
    /// Creates a retriever.
    ///
    /// # Errors
    /// [`ConfigError`] if the configuration is invalid.
    pub fn new(config: Config) -> Result<Self, ConfigError> {
        config.check()?;
        let http = Http::new(&config.extra_roots)?;
        let rpc = Rpc {
            url: config.rpc.clone(),
            token: config.rpc_token.clone(),
        };
        let peers = Peers::new(rpc, config.peer_ids);
        Ok(Self {
            inner: Arc::new(Inner { config, http, peers }),
        })
    }

    /// Retrieves a payload's root block from a provider. It takes up to a few minutes ([`Limits`](crate::Limits)) and
    /// can be dropped at any time.
    ///
    /// # Errors
    /// [`RetrieveError`] if the checker's own side failed. Whatever the provider or an indexer does is reported in the
    /// [`Retrieval`].
    pub async fn retrieve(&self, cid: PayloadCid, provider: ProviderId) -> Result<Retrieval, RetrieveError> {
        let Inner { config, http, peers } = &*self.inner;
        let began = StartTime {
            wall: (config.clock)(),
            at: Instant::now(),
        };
        let mut steps = Steps::default();

        let (peer, remembered) = peers.get(http, &config.limits, provider).await?;
        let source = if remembered { "cached" } else { "looked up now" };
        let asked = format!("peer id of {provider} at {}, {source}", endpoint(&config.rpc));
        steps.add(began.at, peer.id.is_some(), asked, peer.summary);

        let wanted = cid_of(cid);
        let peer_id = peer.id.as_deref();
        let (indexer_result, offers) = index::find(http, config, &wanted, peer_id, &mut steps).await;

        let mut retrieval = Retrieval {
            cid,
            provider,
            peer_id: peer.id,
            indexer_result,
            protocol: None,
            address: None,
            served_by: None,
            timeout: false,
            car_too_large: false,
            start_at: None,
            first_byte_at: None,
            end_at: None,
            status_code: None,
            head_status_code: None,
            byte_length: Some(0),
            car_checksum: None,
            received: 0,
            steps: Vec::new(),
        };
        let mut attempts = Attempts {
            config,
            http,
            began,
            wanted,
            steps: &mut steps,
        };
        match indexer_result {
            IndexerResult::Ok => {
                attempts.over_http(&offers, &mut retrieval).await;
            }
            IndexerResult::HttpNotAdvertised => {
                retrieval.protocol = Some(Transport::Graphsync);
                retrieval.address = offers.graphsync;
                match (&config.lassie, retrieval.address.clone()) {
                    (Some(lassie), Some(address)) => {
                        attempts.over_graphsync(lassie, &address, &mut retrieval).await?;
                    }
                    _ => {
                        let summary = "not fetched: Graphsync needs a Lassie daemon, and none is configured";
                        attempts
                            .steps
                            .add(Instant::now(), false, "retrieval over Graphsync", summary);
                    }
                }
            }
            _ => {}
        }
        retrieval.steps = steps.0;
        Ok(retrieval)
    }
}

/// The same CID in the type of the `cid` crate.
fn cid_of(cid: PayloadCid) -> Cid {
    // Both types hold digests of the same length, so the conversion cannot fail.
    Cid::try_from(&cid.to_bytes()[..]).unwrap_or_default()
}
