//! RPC URLs, which may contain a key and are never shown in full.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use url::Url;

use crate::ChainError;

/// The URL of a JSON-RPC node. User, password, path and query may hold an API key and are never shown.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RpcUrl(Url);

impl RpcUrl {
    /// The whole URL with its secrets: for the HTTP client only.
    pub(crate) fn secret(&self) -> &Url {
        &self.0
    }

    /// Removes this URL's secrets from `text`, for messages of libraries that quote the URL.
    pub(crate) fn scrub(&self, text: &str) -> String {
        let shown = self.to_string();
        let mut clean = text.replace(self.0.as_str(), &shown);
        let pairs = self.0.query().unwrap_or_default().split('&');
        let values = pairs.filter_map(|pair| pair.split_once('=').map(|(_, value)| value));
        let mut parts: Vec<_> = [
            self.0.path().trim_matches('/'),
            self.0.query().unwrap_or_default(),
        ]
        .into_iter()
        .chain(self.0.password())
        .chain(self.0.path().split('/'))
        .chain(values)
        .filter(|part| part.len() >= 8)
        .collect();
        // The longest first, since one may contain another.
        parts.sort_by_key(|part| std::cmp::Reverse(part.len()));
        for secret in parts {
            clean = clean.replace(secret, "…");
        }
        clean
    }
}

impl FromStr for RpcUrl {
    type Err = ChainError;

    fn from_str(text: &str) -> Result<Self, ChainError> {
        // The text is not repeated in the message: it may be a mistyped URL with a key.
        let refuse = |reason: String| ChainError::BadUrl { reason };
        let url = Url::parse(text).map_err(|error| refuse(error.to_string()))?;
        match url.scheme() {
            "http" | "https" if url.host_str().is_some() => Ok(Self(url)),
            other => Err(refuse(format!("it starts with `{other}:`"))),
        }
    }
}

impl TryFrom<String> for RpcUrl {
    type Error = ChainError;

    fn try_from(text: String) -> Result<Self, ChainError> {
        text.parse()
    }
}

impl From<RpcUrl> for String {
    fn from(url: RpcUrl) -> Self {
        url.0.into()
    }
}

impl fmt::Display for RpcUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}://{}",
            self.0.scheme(),
            self.0.host_str().unwrap_or_default()
        )?;
        if let Some(port) = self.0.port() {
            write!(f, ":{port}")?;
        }
        let plain = matches!(self.0.path(), "" | "/") && self.0.query().is_none();
        if plain { Ok(()) } else { f.write_str("/…") }
    }
}

impl fmt::Debug for RpcUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RpcUrl({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::RpcUrl;

    #[test]
    fn secrets_are_not_shown() {
        let url: RpcUrl = "https://me:hunter2hunter2@node.example:8443/v1/0123456789abcdef?token=s3cr3tt0ken"
            .parse()
            .unwrap();
        let shown = format!("{url} {url:?}");
        assert_eq!(
            shown,
            "https://node.example:8443/… RpcUrl(https://node.example:8443/…)"
        );
        let quoted = format!(
            "error sending request for url ({}) path v1/0123456789abcdef",
            url.secret()
        );
        let clean = url.scrub(&quoted);
        for secret in ["hunter2hunter2", "0123456789abcdef", "s3cr3tt0ken"] {
            assert!(!clean.contains(secret), "{clean}");
        }
    }

    #[test]
    fn a_plain_url_is_shown_whole() {
        assert_eq!(
            "http://127.0.0.1:8545".parse::<RpcUrl>().unwrap().to_string(),
            "http://127.0.0.1:8545"
        );
    }

    #[test]
    fn other_schemes_and_nonsense_are_rejected_with_the_remedy() {
        for text in ["ws://node.example", "file:///etc/passwd", "node.example", ""] {
            let error = text.parse::<RpcUrl>().unwrap_err().to_string();
            assert!(
                error.contains("http://") && error.contains("https://"),
                "{text}: {error}"
            );
        }
    }
}
