//! Performs one retrieval, from a provider's id to a verdict, and logs each step.
//!
//! ```text
//! f01234 ──JSON-RPC──▶ peer id ──IPNI──▶ multiaddrs ──▶ URL ──GET──▶ body ──▶ verified block ──HEAD──▶ Retrieval
//! ```
//!
//! | step | action | possible results |
//! |---|---|---|
//! | peer id | `StateMinerInfo`, and Curio's contract where there is one, which takes precedence; cached for an hour | an error, and no measurement, if the chain cannot be queried |
//! | advertisement | `GET /cid/CID` at one indexer after another; all protocols of the metadata; HTTP before Graphsync | `OK`, `HTTP_NOT_ADVERTISED`, `NO_VALID_ADVERTISEMENT`, `ERROR_…` ([`IndexerResult`]) |
//! | address | all of the provider's gateways in order, by [`gateway_url`] | 701–705 |
//! | fetch | the root block as a CAR, with Lassie's headers; as a raw block if the response is 400, 406, 415 or 501 | HTTP status, 801 (name), 802 (connection), 600 (other), `timeout`, `car_too_large` |
//! | check | the block and nothing else, by the hash in its CID, as a stream | 901–904 |
//! | HEAD | the same URL | HTTP status or code |
//! | Graphsync | through a Lassie daemon, if one is configured | as above; an error if Lassie itself fails |
//!
//! Fields and codes are those of Filecoin Spark, with the faults of its checker fixed. Where its codes leave a choice:
//!
//! - **An empty CAR** is 902, `CONTENT_VERIFICATION_FAILED`: the payload was not served. Spark accepted it. Only a
//!   payload whose CID contains it (hash function `identity`) may have an empty CAR.
//! - **A block under another codec** is the payload if its bytes hash to the payload's multihash, as for Lassie. Spark
//!   compared the whole CID and reported 903.
//! - **Zeros behind the last block**, with which pieces are padded, are 904: a response is not a piece, and neither Lassie
//!   nor Spark accepts them.
//! - **A redirect that is not followed** (a loop, a sixth redirect, a target that is not an `http` URL) keeps its own
//!   status: `HTTP_302`. Spark reported 600.
//! - **An address that is not on the public Internet** is 802, as everyone outside that network would report; so is a
//!   redirect to one. The check applies to the resolved address, the one that is connected to.
//! - **A status from 201 to 299 with a wrong body** keeps its status, as Spark's rule requires, but has no end time. It
//!   is therefore `UNKNOWN_ERROR`; Spark's rule would have counted it as a success.
//! - **Other addresses** are tried until one delivers, or serves something else as the payload. If none does, the one
//!   that got farthest counts.
//! - **gzip** is requested and decoded, as by Lassie's HTTP client. Sizes and checksum are of the decoded body; the
//!   size limit applies to both.
//!
//! [`Retrieval`] explains which fields are voted on, and why honest stations agree on them.
//!
//! **Disguise.** Over HTTP/1.1 the requests are Lassie's, byte for byte, and are tested against a capture of Go's own
//! client (tests/fixtures/go). A provider that looks closely can still see three differences from Lassie: `format=car`
//! in the query, unless [`Config::explicit_format`] is off; the HEAD request, but it is sent after the payload has been
//! served; and, below HTTP, the TLS handshake and the HTTP/2 settings, which are not Go's.
//!
//! The steps of a retrieval from a real gateway (`@web3-storage/gateway-lib`) that does not have the block. Spark would
//! have recorded a success:
//!
//! ```text
//! peer id of f01234 at http://127.0.0.1:38603, looked up now: 12D3KooWD3…, from its actor (1 ms)
//! GET http://127.0.0.1:36153/cid/bafkreihd…: 1 records, of this provider over HTTP at /ip4/127.0.0.1/tcp/18088/http (1 ms)
//! GET http://127.0.0.1:18088/ipfs/bafkreihd…?format=car&dag-scope=block: HTTP 200, application/vnd.ipld.car; version=1;
//!     order=dfs; dups=y, 59 bytes: the CAR is empty: it has a header but not the requested block (3 ms)
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
mod request;
mod retrieval;
mod retriever;
mod retry;
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

/// A CID of any payload.
type Cid = cid::CidGeneric<{ assize_protocol::PayloadCid::MAX_DIGEST }>;
/// Its multihash.
type Multihash = cid::multihash::Multihash<{ assize_protocol::PayloadCid::MAX_DIGEST }>;

/// Scheme and host of an endpoint. Path and query may hold keys and are never shown.
fn endpoint(url: &Url) -> String {
    format!("{}://{}", url.scheme(), http::authority(url))
}
