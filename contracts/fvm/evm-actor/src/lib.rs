//! Filecoin's EVM actor as a module of its own. crates.io has its source, but no package with the compiled actor.
pub use recall_fil_actor_evm::*;
