//! Errors of the checker's own side.

use assize_protocol::ProviderId;
use thiserror::Error;

/// An invalid configuration.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// No indexer is configured.
    #[error("no indexer is configured; give at least one, such as https://cid.contact")]
    NoIndexer,
    /// An endpoint with an unsupported scheme.
    #[error("endpoint {0} is not an http or https URL with a host")]
    NotHttp(String),
    /// An endpoint with a user name or password in its URL.
    #[error("endpoint {0} has credentials in its URL; give them as a token")]
    Credentials(String),
    /// A certificate that is not a valid certificate authority.
    #[error("an extra root certificate is not a valid certificate authority: {0}")]
    ExtraRoot(String),
    /// A user agent that is not a valid header value.
    #[error("user agent `{0}` has characters that are not allowed in a header")]
    UserAgent(String),
}

/// The checker's own side failed. This is no evidence about the provider, and must not become a measurement.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RetrieveError {
    /// The chain did not return the provider's peer id.
    #[error("failed to look up the peer id of {provider}: {method} at {endpoint}: {source}")]
    PeerId {
        /// The provider.
        provider: ProviderId,
        /// The method called: `StateMinerInfo` or `getPeerData`.
        method: &'static str,
        /// Scheme and host of the JSON-RPC endpoint.
        endpoint: String,
        /// The cause.
        source: RpcError,
    },
    /// The Lassie daemon failed.
    #[error("the Lassie daemon at {endpoint} {reason}; check that it runs and that its token is right")]
    Lassie {
        /// Scheme and host of the daemon.
        endpoint: String,
        /// The failure.
        reason: String,
        /// Whether a retry may succeed.
        retryable: bool,
    },
}

impl RetrieveError {
    /// Whether the same retrieval may succeed later. If not, the configuration or the task is at fault.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::PeerId { source, .. } => source.is_retryable(),
            Self::Lassie { retryable, .. } => *retryable,
        }
    }
}

/// Why a JSON-RPC call failed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RpcError {
    /// The endpoint is unreachable, or the connection broke.
    #[error("{0}")]
    Unreachable(String),
    /// The endpoint answered with an HTTP error.
    #[error("HTTP {0}")]
    Status(u16),
    /// The endpoint answered with a JSON-RPC error.
    #[error("error {code}: {message}")]
    Refused {
        /// JSON-RPC code.
        code: i64,
        /// Message of the endpoint.
        message: String,
    },
    /// The response is malformed.
    #[error("malformed response: {0}")]
    Malformed(String),
}

impl RpcError {
    /// Whether a retry may succeed.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Unreachable(_) => true,
            Self::Status(status) => *status == 429 || *status >= 500,
            Self::Refused { .. } | Self::Malformed(_) => false,
        }
    }
}
