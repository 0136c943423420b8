//! Commit submitter: measurements to batches to chain.
