//! The measurement: the result of a station's attempt to retrieve one payload from one provider.
//!
//! From the station's key to a file that anyone can check:
//!
//! ```text
//! Measurement ──sign──▶ signed row ──to_ndjson──▶ batch ──pack──▶ CAR, CID ──▶ store, chain
//!                                                                                  │
//! Verifier, RetrievalResult ◀── rows + rejected lines ◀──read_batch─── batch ◀──unpack
//! ```
//!
//! | module | contents |
//! |---|---|
//! | [`Measurement`] | the parsed row: plain data, its line and its EIP-712 digest |
//! | [`AsSigned`] | a text as it was signed, with its parsed value |
//! | [`ndjson`] | batches as text; reports every invalid line |
//! | [`Seal`] | what a station signs to commit its own report |
//! | [`report`] | a station's report of a round on one line, and its sealed line: strict reader and writer |
//! | [`Verifier`], [`Domain`] | whether a row was signed by its station |
//! | [`RetrievalResult`], [`validity`] | the result of a row, and whether it is valid: Spark's rules |
//! | [`unixfs`], [`car`] | content ⇄ blocks ⇄ one CID |
//!
//! No I/O and no clock. Without the feature `secp256k1`, which signs and verifies, the crate needs no C and builds for
//! `wasm32-unknown-unknown`. Normative: `docs/protocol.md` §6, §8.2 and §9.
//!
//! ```
//! use assize_measurement::{Domain, Measurement, Millis, Verifier, car, ndjson, station_address};
//! use assize_protocol::{Address, LinesRoot, RoundNumber, TaskIndex};
//! use secp256k1::SecretKey;
//!
//! // The station.
//! let key = SecretKey::from_secret_bytes([7; 32])?;
//! let domain = Domain { chain_id: 314, rounds: Address::repeat_byte(0xaa) };
//! let mut measurement = Measurement {
//!     spark_version: Some("1.20.0".into()),
//!     start_at: Some(Millis(1_700_000_000_000)),
//!     indexer_result: Some("NO_VALID_ADVERTISEMENT".into()),
//!     ..Measurement::new(
//!         RoundNumber(7),
//!         TaskIndex(2),
//!         station_address(&key),
//!         "bafybeif53axbvb3gbbidww37e36kahbfzui4ypp44uqyjs7bvrdmvjesfq",
//!         "f01697248",
//!     )
//! };
//! measurement.sign(&key, &domain);
//!
//! // The publisher.
//! let lines = ndjson::to_ndjson([&measurement]);
//! let (root, count) = (LinesRoot::of(&lines).root(), 1);
//! let (cid, packed) = car::pack(&lines);
//!
//! // A verifier, which trusts neither.
//! let batch = ndjson::read_batch(RoundNumber(7), root, count, &car::unpack(&cid, &packed)?[..])?;
//! let row = &batch.rows[0].measurement;
//! assert!(Verifier::new(&domain).signed_by_station(row));
//! assert_eq!(row.retrieval_result().to_string(), "IPNI_NO_VALID_ADVERTISEMENT");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

// The README's example is tested with the rest.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod as_signed;
pub mod car;
mod digest;
mod line;
mod measurement;
mod millis;
pub mod ndjson;
pub mod report;
mod result;
mod seal;
#[cfg(feature = "secp256k1")]
mod sign;
mod signature;
pub mod unixfs;
pub mod validity;
mod varint;

pub use as_signed::AsSigned;
pub use digest::Domain;
pub use measurement::{MAX_NUMBER, Measurement};
pub use millis::{Millis, MillisError};
pub use result::{RetrievalFacts, RetrievalResult};
pub use seal::{MAX_REPORT, Seal};
#[cfg(feature = "secp256k1")]
pub use sign::{Verifier, sign_digest, signer_of, station_address};
pub use signature::{Signature, SignatureError};
