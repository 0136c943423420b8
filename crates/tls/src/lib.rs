//! The one TLS provider: ring.
//!
//! reqwest, and with it `object_store`, takes the process's default provider of cryptography, and panics where there is
//! none. Its own default would bring a second provider, aws-lc, which takes longer to compile than all of Assize.

/// Makes ring the process's provider, unless there is one. Call it before building a `reqwest::Client`; any number of calls
/// does no harm.
pub fn use_ring() {
    // The error is the provider that was already there.
    let _ = rustls::crypto::ring::default_provider().install_default();
}
