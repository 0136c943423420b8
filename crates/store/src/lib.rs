//! Batches and documents by CID.
