//! Values of a deployment as people read them. In JSON they are the contracts' numbers.

use assize_protocol::AttoFil;
use assize_service::{date_and_time, duration};

/// The value of a subject of [`Finding`](crate::Finding) or [`Change`](crate::Change), with times, durations and amounts in words.
pub(crate) fn in_words(subject: &str, value: &str) -> String {
    let seconds = |value: &str| value.strip_suffix(" s").unwrap_or(value).parse::<u64>().ok();
    if subject.starts_with("announced ") {
        return announced(value, |value| {
            seconds(value).filter(|_| subject.ends_with("Window"))
        })
        .unwrap_or_else(|| value.to_owned());
    }
    let words = match subject {
        "minChallengeWindow"
        | "challengeWindow"
        | "beacon.period"
        | "parameters.roundDuration"
        | "parameters.beaconDelay"
        | "parameters.commitGrace" => seconds(value).map(duration),
        "beacon.genesis" | "end" => seconds(value).map(date_and_time),
        "parameters.budget" => value.parse().ok().map(|atto| AttoFil::new(atto).to_string()),
        _ => None,
    };
    words.unwrap_or_else(|| value.to_owned())
}

/// `VALUE from SECONDS on`.
fn announced(text: &str, window: impl Fn(&str) -> Option<u64>) -> Option<String> {
    let (value, at) = text.strip_suffix(" on")?.rsplit_once(" from ")?;
    let value = window(value).map_or_else(|| value.to_owned(), duration);
    Some(format!("{value} from {} on", date_and_time(at.parse().ok()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_durations_and_amounts_are_in_words() {
        for (subject, value, expected) in [
            ("minChallengeWindow", "20", "20s"),
            ("challengeWindow", "86400 s", "24h"),
            ("beacon.genesis", "1764000000", "2025-11-24 16:00:00 UTC"),
            ("end", "none", "none"),
            ("parameters.budget", "2500000000000000000", "2.5 FIL"),
            ("parameters.quorum", "3", "3"),
            ("announced guardian", "none", "none"),
            (
                "announced guardian",
                "0xaa from 1764000000 on",
                "0xaa from 2025-11-24 16:00:00 UTC on",
            ),
            (
                "announced challengeWindow",
                "60 s from 1764000000 on",
                "1m from 2025-11-24 16:00:00 UTC on",
            ),
        ] {
            assert_eq!(in_words(subject, value), expected, "{subject}");
        }
    }
}
