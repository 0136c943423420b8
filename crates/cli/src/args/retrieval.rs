//! How payloads are found and fetched.

use alloy_primitives::Address;
use assize_retrieve::{CURIO_PEER_IDS, Config, Lassie, Retriever, Secret, Url};
use clap::Args;
use eyre::WrapErr;

use crate::output;

/// Variable with the Lassie daemon's access token.
const LASSIE_TOKEN: &str = "ASSIZE_LASSIE_TOKEN";
/// Chain id of Filecoin mainnet, where the address of Curio's contract is known.
const MAINNET: u64 = 314;

/// How payloads are found and fetched; the same for every checker of a network.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Tuning (retrieval)")]
pub(crate) struct RetrievalArgs {
    /// IPNI indexer; repeatable, queried in order.
    #[arg(long = "indexer", value_name = "URL", default_value = assize_retrieve::CID_CONTACT)]
    indexers: Vec<Url>,
    /// Curio's contract MinerPeerIDMapping [default: known on mainnet].
    #[arg(long, value_name = "ADDRESS")]
    peer_ids: Option<Address>,
    /// Lassie daemon for Graphsync-only providers; its token is ASSIZE_LASSIE_TOKEN.
    #[arg(long, value_name = "URL")]
    lassie: Option<Url>,
    /// Also fetch from private and loopback addresses; for networks on one machine only.
    #[arg(long)]
    allow_private: bool,
}

impl RetrievalArgs {
    /// A retriever that reads peer ids from this node.
    pub(crate) fn retriever(&self, rpc_url: &str, chain_id: u64) -> eyre::Result<Retriever> {
        // The URL is not repeated, since it may contain a key.
        let rpc = rpc_url.parse().wrap_err("--rpc-url is not a valid URL")?;
        let mut config = Config::new(rpc, self.indexers.clone());
        config.peer_ids = self.peer_ids.or((chain_id == MAINNET).then_some(CURIO_PEER_IDS));
        config.allow_private = self.allow_private;
        config.lassie = self.lassie.clone().map(|url| Lassie {
            url,
            token: std::env::var(LASSIE_TOKEN)
                .ok()
                .filter(|token| !token.is_empty())
                .map(Secret),
        });
        if self.allow_private {
            output::say(
                "warning: --allow-private lets providers send this program's requests into your own network",
            );
        }
        Ok(Retriever::new(config)?)
    }
}
