//! The measurement: what a station saw when it tried to retrieve one payload from one provider.
//!
//! A [`Measurement`] is parsed once, at the border ([`ndjson`]), and plain data from then on. Its station signs it
//! ([`Measurement::sign`], EIP-712), a [`Verifier`] checks that, and [`RetrievalResult`] says what it amounts to.
//! Batches are NDJSON files in UnixFS ([`unixfs`]), carried as CARv1 ([`car`]) and known by their CID.
//!
//! No I/O and no clock. DESIGN §2.5; field set and result codes are Spark's.

pub mod car;
mod line;
mod measurement;
mod millis;
pub mod ndjson;
mod result;
mod sign;
mod signature;
pub mod unixfs;
pub mod validity;
mod varint;

pub use measurement::{MAX_NUMBER, Measurement};
pub use millis::{Millis, MillisError};
pub use result::RetrievalResult;
pub use sign::{Domain, Verifier, station_address};
pub use signature::{Signature, SignatureError};
