//! How a provider treats its clients.

use std::fmt;
use std::time::Duration;

/// How a provider treats its clients. What it does for one client it does for all.
///
/// Behind each: what a faultless checker reports, by [`Conduct::expected`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Conduct {
    /// A trustless gateway as the specification has it: CARs, raw blocks, HEAD. `OK`.
    Honest,
    /// Raw blocks are refused with 406, in HEAD requests too. `OK`.
    CarOnly,
    /// CARs are refused with this status, such as 400 or 406. `OK`, by way of the raw block.
    RawOnly(u16),
    /// HTTP/1.0: no chunks, the end of the connection ends the body. `OK`.
    Http10,
    /// The body begins after so long. `OK` within the checker's patience.
    Slow(Duration),
    /// Each line of the head comes so long after the one before. `OK` within the checker's patience.
    SlowHeaders(Duration),
    /// A byte of body each so often, without end. `TIMEOUT`.
    Drip(Duration),
    /// Accepts connections and requests, and says nothing. `TIMEOUT`.
    Silent,
    /// Refuses connections. `CONNECTION_REFUSED`.
    Dead,
    /// Blocks with some of their bytes changed. `CONTENT_VERIFICATION_FAILED`.
    Lying,
    /// CARs without blocks; raw blocks as they should be. `CONTENT_VERIFICATION_FAILED`: Spark took it for a success.
    EmptyCar,
    /// A block more than asked for. `UNEXPECTED_CAR_BLOCK`.
    ExtraBlock,
    /// CARs that end in the middle of the block, as if that were all. `CANNOT_PARSE_CAR_FILE`.
    Truncated,
    /// The connection ends in the middle of the body. `UNKNOWN_FETCH_ERROR`.
    BrokenOff,
    /// A page of HTML as CAR or block. `CANNOT_PARSE_CAR_FILE`.
    Garbage,
    /// Sends clients to where they are. `HTTP_302`.
    RedirectLoop,
    /// Sends clients elsewhere, 302; `http://169.254.169.254/latest/meta-data` asks for what is inside the checker's own
    /// network. `CONNECTION_REFUSED`, if the checker does not go there; with private addresses allowed it does.
    Redirect(String),
    /// A CAR that goes on with zeros, so many bytes of them, in gzip: a thousandth of that is sent. `CAR_TOO_LARGE`.
    GzipBomb(u64),
    /// A CAR that goes on with zeros, so many bytes of them. `CAR_TOO_LARGE`.
    Oversize(u64),
    /// This status for everything. `HTTP_…`.
    Status(u16),
    /// 503 for so many of a thousand requests, at random. `OK` or `HTTP_503`.
    Flaky(u16),
    /// Speaks something else than HTTP. `UNKNOWN_FETCH_ERROR`.
    GarbageStatusLine,
}

impl Conduct {
    /// What a faultless checker reports of a payload that a provider of this conduct has, or has `lost`.
    #[must_use]
    pub fn expected(&self, lost: bool) -> Expected {
        match self {
            // These do not look for the payload.
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
    /// In a few words, for a status screen.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = match self {
            Self::Honest => "honest",
            Self::CarOnly => "CARs alone",
            Self::RawOnly(status) => return write!(f, "raw blocks alone, {status} for CARs"),
            Self::Http10 => "HTTP/1.0",
            Self::Slow(pause) => return write!(f, "slow by {} ms", pause.as_millis()),
            Self::SlowHeaders(_) => "slow headers",
            Self::Drip(_) => "drips without end",
            Self::Silent => "silent",
            Self::Dead => "dead",
            Self::Lying => "lying",
            Self::EmptyCar => "empty CARs",
            Self::ExtraBlock => "a block too many",
            Self::Truncated => "truncated CARs",
            Self::BrokenOff => "breaks off",
            Self::Garbage => "garbage",
            Self::RedirectLoop => "redirects in a circle",
            Self::Redirect(url) => return write!(f, "redirects to {url}"),
            Self::GzipBomb(_) => "gzip bomb",
            Self::Oversize(_) => "oversize",
            Self::Status(status) => return write!(f, "always {status}"),
            Self::Flaky(of_a_thousand) => return write!(f, "503 for {} %", f64::from(*of_a_thousand) / 10.0),
            Self::GarbageStatusLine => "no HTTP",
        };
        f.write_str(words)
    }
}

/// What a faultless checker may report, in Spark's result codes; more than one where dice or the checker's own choice
/// decide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected(Vec<String>);

impl Expected {
    pub(super) fn only(code: impl Into<String>) -> Self {
        Self(vec![code.into()])
    }

    /// Whether `result` (a `RetrievalResult` as text) is what the provider deserves.
    #[must_use]
    pub fn allows(&self, result: &str) -> bool {
        self.0.iter().any(|code| code == result)
    }

    /// Whether it can only be a success.
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
