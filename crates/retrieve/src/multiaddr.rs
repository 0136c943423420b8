//! Maps a provider's multiaddr to the URL of its gateway, by Spark's rules.

use percent::decode;
use thiserror::Error;

/// Why a multiaddr is not a gateway address. Messages and codes are Spark's.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum MultiaddrError {
    /// The host is not `ip4`, `ip6`, `dns`, `dns4` or `dns6`.
    #[error("Unsupported multiaddr host type \"{0}\"")]
    HostType(String),
    /// The transport is not TCP.
    #[error("Cannot parse \"{multiaddr}\": unsupported protocol \"{found}\"")]
    Protocol {
        /// The whole multiaddr.
        multiaddr: String,
        /// What was found in place of `tcp`.
        found: String,
    },
    /// The scheme is not HTTP.
    #[error("Cannot parse \"{multiaddr}\": unsupported scheme \"{found}\"")]
    Scheme {
        /// The whole multiaddr.
        multiaddr: String,
        /// What was found in place of `http` or `https`.
        found: String,
    },
    /// Parts after the scheme.
    #[error("Cannot parse \"{0}\": too many parts")]
    TooManyParts(String),
    /// A path that is not percent-encoded text.
    #[error("Cannot parse \"{0}\": unsupported http path")]
    HttpPath(String),
}

impl MultiaddrError {
    /// Spark's status code, 701 to 705.
    #[must_use]
    pub fn status_code(&self) -> u16 {
        match self {
            Self::HostType(_) => 701,
            Self::Protocol { .. } => 702,
            Self::Scheme { .. } => 703,
            Self::TooManyParts(_) => 704,
            Self::HttpPath(_) => 705,
        }
    }
}

/// The gateway's URL, without a slash at its end.
///
/// `/{ip4|ip6|dns|dns4|dns6}/HOST[/tcp/PORT]/{http|https}[/http-path/PATH]`, of which port and path exclude each other.
/// With `tls_http`, also `/tcp/PORT/tls[/sni/HOST]/http`, which other clients read as `https`.
///
/// ```
/// use assize_retrieve::gateway_url;
///
/// assert_eq!(gateway_url("/dns/example.org/tcp/443/https", false)?, "https://example.org");
/// let error = gateway_url("/ip4/192.0.2.1/tcp/24001", false).unwrap_err();
/// assert_eq!(error.status_code(), 703);
/// # Ok::<(), assize_retrieve::MultiaddrError>(())
/// ```
///
/// # Errors
/// [`MultiaddrError`], with Spark's status code.
pub fn gateway_url(multiaddr: &str, tls_http: bool) -> Result<String, MultiaddrError> {
    let owned = || multiaddr.to_owned();
    let (address, path) = match multiaddr.split_once("/http-path") {
        Some((address, path)) => (address, Some(path)),
        None => (multiaddr, None),
    };
    let mut parts = address.split('/').skip(1);
    let (host_type, host) = (parts.next(), parts.next());
    let parts: Vec<&str> = parts.collect();

    let (port, rest) = match (path, &parts[..]) {
        (Some(_), rest) | (None, rest @ ["http" | "https", ..]) => ("", rest),
        (None, ["tcp", rest @ ..]) => rest
            .split_first()
            .map_or(("", rest), |(port, rest)| (*port, rest)),
        (None, other) => {
            let found = word(other.first().copied());
            return Err(MultiaddrError::Protocol {
                multiaddr: owned(),
                found,
            });
        }
    };
    let path = match path.map(|path| path.strip_prefix('/').unwrap_or(path)) {
        None | Some("") => String::new(),
        Some(path) => {
            let path = decode(path).ok_or_else(|| MultiaddrError::HttpPath(owned()))?;
            // Without a leading slash the path would become part of the host.
            percent::encode(&format!("/{}", path.trim_start_matches('/')))
        }
    };
    let (scheme, rest) = match rest {
        ["tls", "http", rest @ ..] if tls_http => (Some("https"), rest),
        ["tls", "sni", name, "http", rest @ ..] if tls_http && Some(*name) == host => (Some("https"), rest),
        [scheme, rest @ ..] => (Some(*scheme), rest),
        [] => (None, rest),
    };
    let scheme = match scheme {
        Some(scheme @ ("http" | "https")) => scheme,
        other => {
            let found = word(other);
            return Err(MultiaddrError::Scheme {
                multiaddr: owned(),
                found,
            });
        }
    };
    if !rest.is_empty() {
        return Err(MultiaddrError::TooManyParts(owned()));
    }
    let host = match host_type {
        Some("ip4" | "dns" | "dns4" | "dns6") => word(host),
        Some("ip6") => format!("[{}]", word(host)),
        other => return Err(MultiaddrError::HostType(word(other))),
    };
    let port = match (scheme, port) {
        (_, "") | ("http", "80") | ("https", "443") => String::new(),
        (_, port) => format!(":{port}"),
    };
    Ok(format!("{scheme}://{host}{port}{path}"))
}

/// A part as JavaScript prints it.
fn word(part: Option<&str>) -> String {
    part.unwrap_or("undefined").into()
}

/// Percent-encoding, RFC 3986 §2.1.
mod percent {
    /// JavaScript's `decodeURIComponent`; `None` where that throws.
    pub(super) fn decode(text: &str) -> Option<String> {
        let mut bytes = Vec::with_capacity(text.len());
        let mut parts = text.split('%');
        bytes.extend_from_slice(parts.next()?.as_bytes());
        for part in parts {
            let (digits, rest) = part.split_at_checked(2)?;
            if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                return None;
            }
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            bytes.extend_from_slice(rest.as_bytes());
        }
        String::from_utf8(bytes).ok()
    }

    /// Encodes characters that would end a URL's path or are not allowed in a request.
    pub(super) fn encode(path: &str) -> String {
        let mut text = String::with_capacity(path.len());
        for byte in path.bytes() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' => text.push(byte.into()),
                b'-' | b'.' | b'_' | b'~' | b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b','
                | b';' | b'=' | b':' | b'@' => text.push(byte.into()),
                other => text.push_str(&format!("%{other:02X}")),
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;
    use url::Url;

    use super::*;

    #[test]
    fn vectors_of_spark_pass() {
        let file: Value =
            serde_json::from_str(include_str!("../tests/fixtures/multiaddr_to_url.json")).unwrap();
        let cases = file["cases"].as_array().unwrap();
        assert_eq!(cases.len(), 29);
        for case in cases {
            let multiaddr = case["multiaddr"].as_str().unwrap();
            match (gateway_url(multiaddr, false), case["url"].as_str()) {
                (Ok(url), Some(expected)) => assert_eq!(url, expected, "{multiaddr}"),
                (Err(error), None) => {
                    assert_eq!(error.to_string(), case["message"].as_str().unwrap());
                    assert_eq!(
                        u64::from(error.status_code()),
                        case["statusCode"].as_u64().unwrap()
                    );
                }
                (got, _) => panic!("{multiaddr}: {got:?}"),
            }
        }
    }

    #[test]
    fn tls_is_https_only_on_request() {
        for (multiaddr, url) in [
            ("/ip4/1.2.3.4/tcp/443/tls/http", "https://1.2.3.4"),
            ("/dns/x.org/tcp/8443/tls/http", "https://x.org:8443"),
            ("/dns/x.org/tcp/443/tls/sni/x.org/http", "https://x.org"),
        ] {
            assert_eq!(gateway_url(multiaddr, true).unwrap(), url);
            assert_eq!(gateway_url(multiaddr, false).unwrap_err().status_code(), 703);
        }
        // A URL cannot express a handshake name that differs from its host.
        let other = gateway_url("/dns/x.org/tcp/443/tls/sni/y.org/http", true);
        assert_eq!(other.unwrap_err().status_code(), 703);
        let more = gateway_url("/dns/x.org/tcp/443/tls/http/p2p/x", true);
        assert_eq!(more.unwrap_err().status_code(), 704);
    }

    #[test]
    fn a_path_cannot_leave_its_place() {
        let url = |path: &str| gateway_url(&format!("/dns/x.org/https/http-path{path}"), false);
        assert_eq!(url("/.evil.org").unwrap(), "https://x.org/.evil.org");
        assert_eq!(url("/%3Fa%23b").unwrap(), "https://x.org/%3Fa%23b");
        assert_eq!(url("/%2F%2Fevil.org").unwrap(), "https://x.org/evil.org");
        assert_eq!(url("/a%0D%0Ab").unwrap(), "https://x.org/a%0D%0Ab");
        for bad in ["/%", "/%2", "/%+1", "/%ff", "/%é"] {
            assert_eq!(url(bad).unwrap_err().status_code(), 705, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn whatever_the_path_the_host_is_the_same(path in ".*") {
            if let Ok(base) = gateway_url(&format!("/dns/x.org/http/http-path/{path}"), false) {
                let url = Url::parse(&format!("{base}/ipfs/bafkqaaa?format=car")).unwrap();
                prop_assert_eq!(url.host_str(), Some("x.org"));
                prop_assert_eq!((url.port(), url.username(), url.query()), (None, "", Some("format=car")));
                prop_assert!(url.path().ends_with("/ipfs/bafkqaaa"));
            }
        }

        #[test]
        fn nonsense_does_not_panic(text in ".*|(/(ip4|ip6|dns|tcp|tls|sni|http|https|http-path|%2F|%|80|x)){0,8}") {
            for tls_http in [false, true] {
                if let Err(error) = gateway_url(&text, tls_http) {
                    prop_assert!((701..=705).contains(&error.status_code()));
                }
            }
        }
    }
}
