//! What all HTTP clients share.
//!
//! # The one TLS provider: ring
//! reqwest, and with it `object_store`, takes the process's default provider of cryptography, and panics where there is
//! none. Its own default would bring a second provider, aws-lc, which takes longer to compile than all of Assize.

use std::time::Duration;

/// How long a server wants to be left alone: the value of its `Retry-After` (RFC 9110, §10.2.3), in seconds or as a date. A
/// date counts from the response's own `Date`, so that no clock has to be right; without one it says nothing.
#[must_use]
pub fn retry_after(value: &str, date: Option<&str>) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let then = httpdate::parse_http_date(value).ok()?;
    let now = httpdate::parse_http_date(date?.trim()).ok()?;
    Some(then.duration_since(now).unwrap_or_default())
}

/// Makes ring the process's provider, unless there is one. Call it before building a `reqwest::Client`; any number of calls
/// does no harm.
pub fn use_ring() {
    // The error is the provider that was already there.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delay_is_seconds_or_a_date() {
        let date = "Sun, 06 Nov 1994 08:49:37 GMT";
        let seconds = |value, date| retry_after(value, date).map(|delay| delay.as_secs());
        assert_eq!(seconds("120", None), Some(120));
        assert_eq!(seconds(" 0 ", Some(date)), Some(0));
        assert_eq!(seconds("Sun, 06 Nov 1994 08:50:07 GMT", Some(date)), Some(30));
        assert_eq!(seconds("Sun, 06 Nov 1994 08:40:00 GMT", Some(date)), Some(0));
        assert_eq!(seconds("Sun, 06 Nov 1994 08:50:07 GMT", None), None);
        for value in ["", "soon", "-1", "1.5"] {
            assert_eq!(seconds(value, Some(date)), None, "{value}");
        }
    }
}
