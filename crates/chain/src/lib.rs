//! Contract bindings, deployment and event reading.
