//! Why there is no retrieval to tell of.

use assize_protocol::ProviderId;
use thiserror::Error;

/// A configuration that cannot work.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// Nobody to ask for addresses.
    #[error("there is no indexer; give at least one, such as https://cid.contact")]
    NoIndexer,
    /// An endpoint of another scheme.
    #[error("endpoint {0} is not an http or https URL with a host")]
    NotHttp(String),
    /// An endpoint with a user name or password in it.
    #[error("endpoint {0} has credentials in its URL; give them as a token")]
    Credentials(String),
    /// A certificate authority that cannot be trusted.
    #[error("a certificate among the extra roots is no certificate authority: {0}")]
    ExtraRoot(String),
    /// Not a header's value.
    #[error("user agent `{0}` has characters that no header may have")]
    UserAgent(String),
}

/// The checker's own side failed: nothing is known of the provider, and no measurement may be made of it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RetrieveError {
    /// The chain did not say the provider's peer id.
    #[error("the peer id of {provider} is not known, for {question} at {endpoint} failed: {source}")]
    PeerId {
        /// The provider.
        provider: ProviderId,
        /// What was asked: `StateMinerInfo` or `getPeerData`.
        question: &'static str,
        /// Scheme and host of the JSON-RPC endpoint.
        endpoint: String,
        /// What went wrong.
        source: RpcError,
    },
    /// The Lassie daemon did not work.
    #[error("the Lassie daemon at {endpoint} {reason}; see that it runs, and that its token is right")]
    Lassie {
        /// Scheme and host.
        endpoint: String,
        /// What it did.
        reason: String,
        /// Whether it may be different next time.
        retryable: bool,
    },
}

impl RetrieveError {
    /// Whether the same retrieval may work a while later. If not, the configuration or the task is at fault.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::PeerId { source, .. } => source.is_retryable(),
            Self::Lassie { retryable, .. } => *retryable,
        }
    }
}

/// Why a JSON-RPC endpoint gave no answer.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RpcError {
    /// It could not be reached, or broke off.
    #[error("{0}")]
    Unreachable(String),
    /// It answered with an HTTP error.
    #[error("it answered HTTP {0}")]
    Status(u16),
    /// It answered with a JSON-RPC error.
    #[error("it answered with error {code}: {message}")]
    Refused {
        /// JSON-RPC code.
        code: i64,
        /// Its words.
        message: String,
    },
    /// Its answer is not what was asked for.
    #[error("its answer is not understood: {0}")]
    Malformed(String),
}

impl RpcError {
    /// Whether asking again can help.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Unreachable(_) => true,
            Self::Status(status) => *status == 429 || *status >= 500,
            Self::Refused { .. } | Self::Malformed(_) => false,
        }
    }
}
