//! One retrieval, from a provider's id to a verdict, each step explained.
//!
//! ```text
//! f01234 ──JSON-RPC──▶ peer id ──IPNI──▶ multiaddrs ──▶ URL ──GET──▶ body ──▶ verified block ──HEAD──▶ Retrieval
//! ```
//!
//! | step | what is done | what may come of it |
//! |---|---|---|
//! | peer id | `StateMinerInfo`, and Curio's contract where there is one, which goes before; remembered for an hour | an error, and no measurement, if the chain does not say |
//! | advertisement | `GET /cid/CID` at one indexer after another; all protocols of the metadata; HTTP before Graphsync | `OK`, `HTTP_NOT_ADVERTISED`, `NO_VALID_ADVERTISEMENT`, `ERROR_…` ([`IndexerResult`]) |
//! | address | all of the provider's gateways in their order, by [`gateway_url`] | 701–705 |
//! | fetch | the root block as a CAR, with Lassie's headers; as a raw block where 400 or 406 is answered | HTTP status, 801 (name), 802 (connection), 600 (other), `timeout`, `car_too_large` |
//! | check | the block and nothing else, by the hash in its CID, as it streams in | 901–904 |
//! | HEAD | the same URL | HTTP status or code |
//! | Graphsync | by a Lassie daemon, if there is one | as above; an error if Lassie itself does not work |
//!
//! Spark's fields and codes (SPARK.md §5), with the faults of its checker mended. Where its codes leave a choice:
//!
//! - **An empty CAR** is 902, `CONTENT_VERIFICATION_FAILED`: what came is not the payload. Spark let it pass. A payload
//!   whose CID contains it (hash function `identity`) is in no CAR, and there an empty one is right.
//! - **A redirect that is not followed** – in a circle, after five others, to something that is no `http` URL – keeps its
//!   own status: `HTTP_302`. Spark said 600.
//! - **An address that is not on the public Internet** is 802, as it is for everybody outside; so is a redirect to one.
//!   It is judged after the name was resolved, and the address judged is the one connected to.
//! - **A status from 201 to 299 with a wrong body** keeps its status, as Spark's rule wants, but has no end: it is
//!   `UNKNOWN_ERROR` and not a success, which that rule would have made of it.
//! - **Other addresses** are tried until one delivers, or serves something else as the payload. If none does, the one that
//!   came farthest counts.
//! - **gzip** is what Lassie's HTTP client asks for and undoes, and so does this one. Sizes and checksum are of what comes
//!   out of it; the cap holds on both sides.
//!
//! What is voted on, and why honest stations agree on it: [`Retrieval`].
//!
//! **Disguise.** The requests are Lassie's, byte by byte over HTTP/1.1, held against a capture of Go's own client
//! (tests/fixtures/go). Three things differ from Lassie all the same, and a provider that looks closely can see them:
//! `format=car` in the query, unless [`Config::explicit_format`] is off; the HEAD request, but that comes when the payload
//! has been served; and below HTTP the TLS handshake and HTTP/2 settings, which are not Go's.
//!
//! A story, of a real gateway (`@web3-storage/gateway-lib`) that does not have the block, and for which Spark would have
//! recorded a success:
//!
//! ```text
//! peer id of f01234 at http://127.0.0.1:38603, asked now: 12D3KooWD3…, by its actor (1 ms)
//! GET http://127.0.0.1:36153/cid/bafkreihd…: 1 records, of this provider over HTTP at /ip4/127.0.0.1/tcp/18088/http (1 ms)
//! GET http://127.0.0.1:18088/ipfs/bafkreihd…?format=car&dag-scope=block: HTTP 200, application/vnd.ipld.car; version=1;
//!     order=dfs; dups=y, 59 bytes: the CAR is empty: it has a header, and not the block that was asked for (3 ms)
//! HEAD http://127.0.0.1:18088/ipfs/bafkreihd…?format=car&dag-scope=block: HTTP 405 (2 ms)
//! CONTENT_VERIFICATION_FAILED
//! ```
//!
//! ```no_run
//! use assize_protocol::ProviderId;
//! use assize_retrieve::{CID_CONTACT, CURIO_PEER_IDS, Config, Retriever};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let mut config = Config::new("https://api.node.glif.io/rpc/v1".parse()?, vec![CID_CONTACT.parse()?]);
//! config.peer_ids = Some(CURIO_PEER_IDS);
//! let retriever = Retriever::new(config)?;
//!
//! let cid = "bafybeif53axbvb3gbbidww37e36kahbfzui4ypp44uqyjs7bvrdmvjesfq".parse()?;
//! let retrieval = retriever.retrieve(cid, ProviderId(1_697_248)).await?;
//! for step in &retrieval.steps {
//!     println!("{step}");
//! }
//! println!("{}", retrieval.result());
//! # Ok(())
//! # }
//! ```

mod ask;
mod attempts;
mod car;
mod cbor;
mod config;
mod content;
mod error;
mod failure;
mod fetch;
mod follow;
mod hash;
mod http;
mod index;
mod metadata;
mod multiaddr;
mod net;
mod pacing;
mod peer;
mod retrieval;
mod retriever;
mod rpc;
mod step;
mod varint;

pub use config::{CID_CONTACT, CURIO_PEER_IDS, Config, LASSIE_AGENT, Lassie, Limits, Secret};
pub use error::{ConfigError, RetrieveError, RpcError};
pub use multiaddr::{MultiaddrError, gateway_url};
pub use pacing::Pacing;
pub use retrieval::{IndexerResult, Retrieval, Transport};
pub use retriever::Retriever;
pub use rustls::pki_types::CertificateDer;
pub use step::{Step, plain};
pub use url::Url;

/// Scheme and host of an endpoint: all that is told of it, for its path and query may hold keys.
fn endpoint(url: &Url) -> String {
    format!("{}://{}", url.scheme(), http::authority(url))
}
