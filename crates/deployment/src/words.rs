//! Values of a deployment as people read them. In JSON they are the contracts' numbers.

use alloy_primitives::Address;
use assize_protocol::{AttoFil, Parameters};
use assize_service::{date_and_time, duration};

/// The value of a subject of [`Finding`](crate::Finding) or [`Change`](crate::Change), with times, durations and amounts in words.
pub(crate) fn in_words(subject: &str, value: &str) -> String {
    let seconds = |value: &str| value.strip_suffix(" s").unwrap_or(value).parse::<u64>().ok();
    if subject == "announced publishers" {
        let each = value.split(", ");
        let each = each.map(|change| announced(change, |_| None).unwrap_or_else(|| change.to_owned()));
        return each.collect::<Vec<_>>().join(", ");
    }
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
        | "parameters.step"
        | "court.answerWindow"
        | "court.slack"
        | "court.demandWindow" => seconds(value).map(duration),
        "beacon.genesis" | "end" => seconds(value).map(date_and_time),
        "parameters.budget" | "court.leastBond" => {
            value.parse().ok().map(|atto| AttoFil::new(atto).to_string())
        }
        _ => None,
    };
    words.unwrap_or_else(|| value.to_owned())
}

/// Addresses as one text.
pub(crate) fn listed(addresses: &[Address]) -> String {
    if addresses.is_empty() {
        return "none".into();
    }
    let listed: Vec<_> = addresses.iter().map(Address::to_string).collect();
    listed.join(", ")
}

/// Round parameters: each key in the file, and its value.
pub(crate) fn parameter_values(p: &Parameters) -> [(&'static str, String); 9] {
    [
        ("roundDuration", p.round_duration.to_string()),
        ("beaconDelay", p.beacon_delay.to_string()),
        ("step", p.step.to_string()),
        ("minCommitteeSize", p.min_committee_size.to_string()),
        ("maxCommitteeSize", p.max_committee_size.to_string()),
        ("quorum", p.quorum.to_string()),
        ("maxTasksPerCommittee", p.max_tasks_per_committee.to_string()),
        ("targetMeasurements", p.target_measurements.to_string()),
        ("budget", p.budget.atto().to_string()),
    ]
}

/// Round parameters as one text.
pub(crate) fn parameters_on_a_line(parameters: &Parameters) -> String {
    let values = parameter_values(parameters).map(|(key, value)| format!("{key} {value}"));
    values.join(", ")
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
                "announced publishers",
                "0xaa admitted from 1764000000 on, 0xbb removed from 1764000001 on",
                "0xaa admitted from 2025-11-24 16:00:00 UTC on, 0xbb removed from 2025-11-24 16:00:01 UTC on",
            ),
            ("announced publishers", "none", "none"),
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
