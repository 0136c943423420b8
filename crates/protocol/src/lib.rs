//! Pure derivation: beacon rounds, seeds, shuffle, committees, tasks, Merkle trees, CIDs.
