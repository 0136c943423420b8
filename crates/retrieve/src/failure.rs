//! Failures on the provider's side, and Spark's codes for them.

use thiserror::Error;

use crate::MultiaddrError;
use crate::content::{ContentError, Stop};

/// Why an exchange with a provider failed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum Failure {
    #[error(transparent)]
    Multiaddr(#[from] MultiaddrError),
    #[error("`{0}` is not a valid URL")]
    Url(String),
    #[error("cannot resolve host name {host}: {reason}")]
    Dns { host: String, reason: String },
    #[error("{0} is not on the public Internet; set allow_private to connect to it")]
    NotPublic(String),
    #[error("cannot connect to {address}: {reason}")]
    Connect { address: String, reason: String },
    #[error("timeout: {0}")]
    Timeout(&'static str),
    #[error("TLS with {host} failed: {reason}")]
    Tls { host: String, reason: String },
    #[error("the connection was lost: {0}")]
    Http(String),
    #[error("the body exceeds the size limit of {0} bytes")]
    TooLarge(u64),
    #[error("the body is declared as gzip but is not: {0}")]
    Encoding(String),
    #[error(transparent)]
    Content(#[from] ContentError),
}

impl Failure {
    /// Spark's status code.
    pub(crate) fn code(&self) -> u16 {
        match self {
            Self::Multiaddr(error) => error.status_code(),
            Self::Dns { .. } => 801,
            // The code for an unreachable host, as everyone outside that network would report.
            Self::Connect { .. } | Self::NotPublic(_) => 802,
            Self::Content(ContentError::UnknownHash(_)) => 901,
            // Something was served, but it is not the payload.
            Self::Content(ContentError::WrongHash | ContentError::Empty) => 902,
            Self::Content(ContentError::Unexpected { .. }) => 903,
            Self::Content(ContentError::NoCar { .. }) => 904,
            Self::Url(_)
            | Self::Timeout(_)
            | Self::Tls { .. }
            | Self::Http(_)
            | Self::TooLarge(_)
            | Self::Encoding(_) => 600,
        }
    }

    /// The status code of a measurement: this failure's, unless an HTTP status other than 200 was received.
    pub(crate) fn status_code(&self, seen: Option<u16>) -> u16 {
        match (self, seen) {
            // Spark stops reading without an error.
            (Self::TooLarge(_), Some(status)) => status,
            (_, None | Some(200)) => self.code(),
            (_, Some(status)) => status,
        }
    }

    /// Whether a body may have been in transfer, so that the number of received bytes is meaningless.
    pub(crate) fn broke_off(&self) -> bool {
        matches!(
            self,
            Self::Timeout(_) | Self::Http(_) | Self::TooLarge(_) | Self::Encoding(_)
        )
    }

    pub(crate) fn stopped(stop: Stop, cap: u64) -> Self {
        match stop {
            Stop::TooLarge => Self::TooLarge(cap),
            Stop::Encoding(reason) => Self::Encoding(reason),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::gateway_url;

    fn multiaddr(text: &str) -> Failure {
        gateway_url(text, false).unwrap_err().into()
    }

    #[test]
    fn codes_are_those_of_spark() {
        let file: Value =
            serde_json::from_str(include_str!("../tests/fixtures/fetch_error_codes.json")).unwrap();
        let cases = file["cases"].as_array().unwrap();
        assert_eq!(cases.len(), 12);
        let text = String::new;
        for case in cases {
            let failure = match case["cause"].as_str().unwrap() {
                "unsupported multiaddr host type" => multiaddr("/ip99/1/tcp/80/http"),
                "transport is not tcp" => multiaddr("/ip4/1.2.3.4/udp/80/http"),
                "scheme is not http/https" => multiaddr("/ip4/1.2.3.4/tcp/80/ldap"),
                "too many multiaddr parts" => multiaddr("/ip4/1.2.3.4/tcp/80/http/p2p/x"),
                "cannot percent-decode http-path" => multiaddr("/dns/x/http/http-path/%"),
                "error text contains \"dns error\"" => Failure::Dns {
                    host: text(),
                    reason: text(),
                },
                "error text contains \"tcp connect error\"" => Failure::Connect {
                    address: text(),
                    reason: text(),
                },
                "CID hash function unsupported" => ContentError::UnknownHash(1).into(),
                "block bytes do not hash to CID" => ContentError::WrongHash.into(),
                "CAR contains a block with a CID other than requested" => ContentError::Unexpected {
                    offset: 0,
                    cid: text(),
                }
                .into(),
                "CAR header cannot be parsed (body 01 02 03)" => {
                    let cid = "bafkqaaa".parse().unwrap();
                    let mut check = crate::car::CarCheck::new(&cid);
                    check.update(&[1, 2, 3]);
                    check.finish().unwrap_err().into()
                }
                "anything else, incl. abort" => Failure::Timeout("idle"),
                other => panic!("a cause without a test: {other}"),
            };
            let code = u16::try_from(case["statusCode"].as_u64().unwrap()).unwrap();
            assert_eq!(failure.code(), code, "{case}");
            // The file's rule.
            assert_eq!(failure.status_code(None), code);
            assert_eq!(failure.status_code(Some(200)), code);
            for seen in [201, 206, 302, 404, 500] {
                assert_eq!(failure.status_code(Some(seen)), seen);
            }
        }
    }
}
