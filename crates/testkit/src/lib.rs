//! Anvil, and a simulated network of honest and hostile stations.
