//! Recompute a round or a settlement from chain, store and drand.
