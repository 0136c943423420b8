//! The result of a measurement, as one of Spark's codes.

use std::fmt;

use crate::Measurement;

/// The result of a retrieval by Spark's rules; `Display` gives Spark's code (docs/protocol.md §9).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum RetrievalResult {
    /// Retrieved and verified.
    Ok,
    /// The indexer returned no usable advertisement; contains the indexer's result.
    Ipni(String),
    /// Timed out.
    Timeout,
    /// Above the size limit.
    CarTooLarge,
    /// Codes 700–799.
    UnsupportedMultiaddrFormat,
    /// Code 600.
    UnknownFetchError,
    /// Code 801.
    HostnameDnsError,
    /// Code 802.
    ConnectionRefused,
    /// Code 901.
    UnsupportedCidHashAlgo,
    /// Code 902.
    ContentVerificationFailed,
    /// Code 903.
    UnexpectedCarBlock,
    /// Code 904.
    CannotParseCarFile,
    /// Any other code from 300 up, over HTTP.
    Http(i64),
    /// Any other code from 300 up, over another protocol.
    Lassie(i64),
    /// No status, or a success without an end.
    UnknownError,
}

impl RetrievalResult {
    /// Whether the payload was retrieved.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        *self == Self::Ok
    }
}

impl Measurement {
    /// The result, by Spark's rules: first match wins. An absent indexer result is `IPNI_null`, and invalid.
    #[must_use]
    pub fn retrieval_result(&self) -> RetrievalResult {
        let facts = RetrievalFacts {
            indexer_result: self.indexer_result.as_deref(),
            timeout: self.timeout,
            car_too_large: self.car_too_large,
            status_code: self.status_code,
            protocol: self.protocol.as_deref(),
            ended: self.end_at.is_some(),
        };
        facts.result()
    }
}

/// The fields of a row that decide its result. Assize's rows and Spark's share the rules.
#[derive(Debug, Clone, Copy)]
pub struct RetrievalFacts<T> {
    /// The indexer's result.
    pub indexer_result: Option<T>,
    /// Whether the retrieval timed out.
    pub timeout: bool,
    /// Whether the body exceeded the size limit.
    pub car_too_large: bool,
    /// HTTP status, or one of Spark's codes from 600 up.
    pub status_code: Option<i64>,
    /// The protocol as text.
    pub protocol: Option<T>,
    /// Whether the arrival of the last byte is known.
    pub ended: bool,
}

impl<T: AsRef<str>> RetrievalFacts<T> {
    /// The result: the first rule that matches.
    pub fn result(&self) -> RetrievalResult {
        use RetrievalResult as R;
        match self.indexer_result.as_ref().map(T::as_ref) {
            Some("OK" | "HTTP_NOT_ADVERTISED") => {}
            other => return R::Ipni(other.unwrap_or("null").to_owned()),
        }
        if self.timeout {
            return R::Timeout;
        }
        if self.car_too_large {
            return R::CarTooLarge;
        }
        match self.status_code.unwrap_or(0) {
            700..=799 => R::UnsupportedMultiaddrFormat,
            600 => R::UnknownFetchError,
            801 => R::HostnameDnsError,
            802 => R::ConnectionRefused,
            901 => R::UnsupportedCidHashAlgo,
            902 => R::ContentVerificationFailed,
            903 => R::UnexpectedCarBlock,
            904 => R::CannotParseCarFile,
            code @ 300.. if self.protocol.as_ref().map(T::as_ref) == Some("http") => R::Http(code),
            code @ 300.. => R::Lassie(code),
            200..=299 if self.ended => R::Ok,
            _ => R::UnknownError,
        }
    }
}

impl fmt::Display for RetrievalResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ok => "OK",
            Self::Ipni(result) => return write!(f, "IPNI_{result}"),
            Self::Timeout => "TIMEOUT",
            Self::CarTooLarge => "CAR_TOO_LARGE",
            Self::UnsupportedMultiaddrFormat => "UNSUPPORTED_MULTIADDR_FORMAT",
            Self::UnknownFetchError => "UNKNOWN_FETCH_ERROR",
            Self::HostnameDnsError => "HOSTNAME_DNS_ERROR",
            Self::ConnectionRefused => "CONNECTION_REFUSED",
            Self::UnsupportedCidHashAlgo => "UNSUPPORTED_CID_HASH_ALGO",
            Self::ContentVerificationFailed => "CONTENT_VERIFICATION_FAILED",
            Self::UnexpectedCarBlock => "UNEXPECTED_CAR_BLOCK",
            Self::CannotParseCarFile => "CANNOT_PARSE_CAR_FILE",
            Self::Http(code) => return write!(f, "HTTP_{code}"),
            Self::Lassie(code) => return write!(f, "LASSIE_{code}"),
            Self::UnknownError => "UNKNOWN_ERROR",
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use crate::Millis;
    use crate::ndjson::tests::sample;

    #[test]
    fn vectors_of_spark_pass() {
        let file: Value =
            serde_json::from_str(include_str!("../tests/fixtures/retrieval_result.json")).unwrap();
        let cases = file["cases"].as_array().unwrap();
        assert!(cases.len() > 40);
        for case in cases {
            let mut fields = file["base"].as_object().unwrap().clone();
            fields.extend(case["override"].as_object().unwrap().clone());
            for absent in case["absentFields"].as_array().unwrap() {
                fields.remove(absent.as_str().unwrap());
            }
            let text = |name: &str| fields.get(name).and_then(Value::as_str).map(str::to_owned);
            let mut measurement = sample();
            measurement.timeout = fields["timeout"] == true;
            measurement.car_too_large = fields["car_too_large"] == true;
            measurement.status_code = fields.get("status_code").and_then(Value::as_i64);
            // Spark checks whether the end is a string; anything else is not a time.
            measurement.end_at = text("end_at").map(|_| Millis(1));
            measurement.protocol = text("protocol");
            measurement.indexer_result = text("indexer_result");
            // JavaScript distinguishes an absent field from null; a parsed measurement does not, and neither is valid.
            let expected = case["expected"]
                .as_str()
                .unwrap()
                .replace("IPNI_undefined", "IPNI_null");
            assert_eq!(measurement.retrieval_result().to_string(), expected, "{case}");
        }
    }
}
