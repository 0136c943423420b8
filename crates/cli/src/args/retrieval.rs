//! How checkers retrieve.

use alloy_primitives::Address;
use assize_retrieve::{CURIO_PEER_IDS, Config, Lassie, Retriever, Secret, Url};
use clap::Args;
use eyre::WrapErr;

use crate::output;

/// Holds the Lassie daemon's access token.
const LASSIE_TOKEN: &str = "ASSIZE_LASSIE_TOKEN";
/// Filecoin's, of which Curio's contract is known.
const MAINNET: u64 = 314;

/// How payloads are found and fetched. Every checker of a network should have the same.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Retrieval")]
pub(crate) struct RetrievalArgs {
    /// IPNI indexers, asked in this order until one knows the provider.
    #[arg(long = "indexer", value_name = "URL", default_value = assize_retrieve::CID_CONTACT)]
    indexers: Vec<Url>,
    /// Contract of peer ids (Curio's MinerPeerIDMapping); on mainnet it is known.
    #[arg(long, value_name = "ADDRESS")]
    peer_ids: Option<Address>,
    /// A Lassie daemon, for providers that have Graphsync alone; its access token comes from ASSIZE_LASSIE_TOKEN.
    #[arg(long, value_name = "URL")]
    lassie: Option<Url>,
    /// Fetch from private and loopback addresses too. For networks on one machine only: whoever advertises such an address
    /// makes this program send requests inside your own network.
    #[arg(long)]
    allow_private: bool,
}

impl RetrievalArgs {
    /// A retriever that asks this node for peer ids, on a chain if it is known which.
    pub(crate) fn retriever(&self, rpc_url: &str, chain_id: u64) -> eyre::Result<Retriever> {
        // The text is not repeated: it may hold a key.
        let rpc = rpc_url.parse().wrap_err("the RPC URL is not usable")?;
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
