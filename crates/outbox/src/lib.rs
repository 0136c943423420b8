//! Durable transaction queue.
