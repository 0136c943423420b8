//! The behaviour of a provider.

use std::fmt;
use std::time::Duration;

/// The behaviour of a provider, the same for all clients.
///
/// Each variant names the result that a correct checker reports, by [`Conduct::expected`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Conduct {
    /// A trustless gateway that follows the specification: CARs, raw blocks, HEAD. `OK`.
    Honest,
    /// Rejects raw blocks with 406, in HEAD requests too. `OK`.
    CarOnly,
    /// Rejects CARs with this status, such as 400 or 406. `OK`, through the raw block.
    RawOnly(u16),
    /// HTTP/1.0 without chunks: the end of the connection ends the body. `OK`.
    Http10,
    /// Delays the body. `OK` within the checker's timeout.
    Slow(Duration),
    /// Delays each line of the head. `OK` within the checker's timeout.
    SlowHeaders(Duration),
    /// Sends one byte of body per interval, forever. `TIMEOUT`.
    Drip(Duration),
    /// Accepts connections and requests, but never responds. `TIMEOUT`.
    Silent,
    /// Refuses connections. `CONNECTION_REFUSED`.
    Dead,
    /// Sends blocks with changed bytes. `CONTENT_VERIFICATION_FAILED`.
    Lying,
    /// Sends CARs without blocks; raw blocks are intact. `CONTENT_VERIFICATION_FAILED`; Spark counted it as a success.
    EmptyCar,
    /// Sends an extra block. `UNEXPECTED_CAR_BLOCK`.
    ExtraBlock,
    /// Sends CARs that end in the middle of the block, with a matching length. `CANNOT_PARSE_CAR_FILE`.
    Truncated,
    /// Closes the connection in the middle of the body. `UNKNOWN_FETCH_ERROR`.
    BrokenOff,
    /// Sends an HTML page as CAR or block. `CANNOT_PARSE_CAR_FILE`.
    Garbage,
    /// Redirects clients back to the same URL. `HTTP_302`.
    RedirectLoop,
    /// Redirects clients elsewhere with 302; `http://169.254.169.254/latest/meta-data` is inside the checker's own
    /// network. `CONNECTION_REFUSED` unless the checker allows private addresses.
    Redirect(String),
    /// Sends a CAR followed by this many zeros in gzip, a thousandth of that on the wire. `CAR_TOO_LARGE`.
    GzipBomb(u64),
    /// Sends a CAR followed by this many zeros. `CAR_TOO_LARGE`.
    Oversize(u64),
    /// Answers every request with this status. `HTTP_…`.
    Status(u16),
    /// Answers this many of a thousand requests with 503, at random. `OK` or `HTTP_503`.
    Flaky(u16),
    /// Sends a response that is not HTTP. `UNKNOWN_FETCH_ERROR`.
    GarbageStatusLine,
}

impl Conduct {
    /// The result that a correct checker reports for a payload that this provider has, or has `lost`.
    #[must_use]
    pub fn expected(&self, lost: bool) -> Expected {
        match self {
            // These do not look up the payload.
            Self::Silent => Expected::only("TIMEOUT"),
            Self::Dead => Expected::only("CONNECTION_REFUSED"),
            Self::Status(status) => Expected::only(format!("HTTP_{status}")),
            Self::GarbageStatusLine => Expected::only("UNKNOWN_FETCH_ERROR"),
            Self::RedirectLoop => Expected::only("HTTP_302"),
            Self::Redirect(_) => Expected(vec!["CONNECTION_REFUSED".into(), "HTTP_302".into()]),
            Self::Flaky(_) => {
                let found = if lost { "HTTP_404" } else { "OK" };
                Expected(vec![found.into(), "HTTP_503".into()])
            }
            _ if lost => Expected::only("HTTP_404"),
            Self::Honest
            | Self::CarOnly
            | Self::RawOnly(_)
            | Self::Http10
            | Self::Slow(_)
            | Self::SlowHeaders(_) => Expected::only("OK"),
            Self::Drip(_) => Expected::only("TIMEOUT"),
            Self::Lying | Self::EmptyCar => Expected::only("CONTENT_VERIFICATION_FAILED"),
            Self::ExtraBlock => Expected::only("UNEXPECTED_CAR_BLOCK"),
            Self::Truncated | Self::Garbage => Expected::only("CANNOT_PARSE_CAR_FILE"),
            Self::BrokenOff => Expected::only("UNKNOWN_FETCH_ERROR"),
            Self::GzipBomb(_) | Self::Oversize(_) => Expected::only("CAR_TOO_LARGE"),
        }
    }
}

impl fmt::Display for Conduct {
    /// A short description for status screens.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = match self {
            Self::Honest => "honest",
            Self::CarOnly => "CARs only",
            Self::RawOnly(status) => return write!(f, "raw blocks only, {status} for CARs"),
            Self::Http10 => "HTTP/1.0",
            Self::Slow(pause) => return write!(f, "slow by {} ms", pause.as_millis()),
            Self::SlowHeaders(_) => "slow headers",
            Self::Drip(_) => "drips forever",
            Self::Silent => "silent",
            Self::Dead => "dead",
            Self::Lying => "lying",
            Self::EmptyCar => "empty CARs",
            Self::ExtraBlock => "an extra block",
            Self::Truncated => "truncated CARs",
            Self::BrokenOff => "disconnects",
            Self::Garbage => "garbage",
            Self::RedirectLoop => "redirect loop",
            Self::Redirect(url) => return write!(f, "redirects to {url}"),
            Self::GzipBomb(_) => "gzip bomb",
            Self::Oversize(_) => "oversize",
            Self::Status(status) => return write!(f, "always {status}"),
            Self::Flaky(of_a_thousand) => return write!(f, "503 for {} %", f64::from(*of_a_thousand) / 10.0),
            Self::GarbageStatusLine => "not HTTP",
        };
        f.write_str(words)
    }
}

/// The results that a correct checker may report, as Spark's result codes. There are several if chance or the checker's
/// own choice decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected(Vec<String>);

impl Expected {
    pub(super) fn only(code: impl Into<String>) -> Self {
        Self(vec![code.into()])
    }

    /// Whether `result` (a `RetrievalResult` as text) is one of them.
    #[must_use]
    pub fn allows(&self, result: &str) -> bool {
        self.0.iter().any(|code| code == result)
    }

    /// Whether success is the only one.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.0 == ["OK"]
    }

    /// The codes; never empty.
    #[must_use]
    pub fn codes(&self) -> &[String] {
        &self.0
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(" or "))
    }
}
