//! Results that are computed exactly, without simulation.

use serde::Serialize;

use crate::Population;

/// The probability that an adversary has more than half of a committee's votes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Capture {
    /// If each of its stations had a vote: the tail of the hypergeometric distribution.
    pub of_stations: f64,
    /// With one vote per subnet, as in the protocol.
    pub of_subnets: f64,
}

impl Capture {
    /// Computes it for a committee of `size` stations, drawn from the population without replacement. Honest stations
    /// have one subnet each.
    ///
    /// Subnets: stations are drawn one after the other. If `x` draws have hit `d` subnets of `g` stations each, the
    /// next hostile station is in a new subnet with probability `(S − d)·g / (K − x)`.
    #[must_use]
    pub fn exact(population: &Population, size: u32) -> Self {
        let Population {
            stations,
            hostile,
            hostile_subnets,
        } = *population;
        let (mut of_stations, mut of_subnets) = (0.0, 0.0);
        // By number of hostile stations drawn so far: the distribution of their number of subnets.
        let mut subnets = vec![1.0];
        for drawn in 0..=hostile.min(size) {
            let probability = hypergeometric(stations, hostile, size, drawn);
            let honest = size - drawn;
            if drawn > honest {
                of_stations += probability;
            }
            let votes = subnets
                .iter()
                .enumerate()
                .filter(|(votes, _)| *votes as u32 > honest);
            of_subnets += probability * votes.map(|(_, probability)| probability).sum::<f64>();

            let left = f64::from(hostile - drawn);
            let each = f64::from(hostile) / f64::from(hostile_subnets.max(1));
            let mut next = vec![0.0; subnets.len() + 1];
            for (hit, probability) in subnets.iter().enumerate() {
                let new = (f64::from(hostile_subnets) - hit as f64).max(0.0) * each / left.max(1.0);
                let new = new.clamp(0.0, 1.0);
                next[hit + 1] += probability * new;
                next[hit] += probability * (1.0 - new);
            }
            subnets = next;
        }
        Self {
            of_stations,
            of_subnets,
        }
    }
}

/// The probability of `marked` out of `drawn`, in a population with `hits` marked ones.
fn hypergeometric(population: u32, hits: u32, drawn: u32, marked: u32) -> f64 {
    let Some(rest) = drawn
        .checked_sub(marked)
        .filter(|rest| *rest <= population - hits)
    else {
        return 0.0;
    };
    (ln_choose(hits, marked) + ln_choose(population - hits, rest) - ln_choose(population, drawn)).exp()
}

fn ln_choose(n: u32, k: u32) -> f64 {
    // A sum is more precise than a quotient of factorials.
    (0..k.min(n - k))
        .map(|i| (f64::from(n - i) / f64::from(i + 1)).ln())
        .sum()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn population(stations: u32, hostile: u32, hostile_subnets: u32) -> Population {
        Population {
            stations,
            hostile,
            hostile_subnets,
        }
    }

    #[test]
    fn small_cases_are_counted_by_hand() {
        // 3 of 5 stations are hostile, committees of 3: C(3,3) + C(3,2)·C(2,1) = 7 of 10.
        let capture = Capture::exact(&population(5, 3, 3), 3);
        assert!((capture.of_stations - 0.7).abs() < 1e-12 && (capture.of_subnets - 0.7).abs() < 1e-12);
        // In one subnet they share one vote: never more than one honest station, but a majority alone.
        let capture = Capture::exact(&population(5, 3, 1), 3);
        assert!((capture.of_subnets - 0.1).abs() < 1e-12);
    }

    /// Computed with exact fractions in Python: P(X > 50) of (1000, 400, 100), and P(X > 20) of (1000, 330, 40).
    #[test]
    fn tails_match_exact_fractions() {
        let close = |found: f64, expected: f64| (found / expected - 1.0).abs() < 1e-6;
        let found = Capture::exact(&population(1000, 400, 400), 100).of_stations;
        assert!(close(found, EXACT_400), "{found:e}");
        let found = Capture::exact(&population(1000, 330, 330), 40).of_stations;
        assert!(close(found, EXACT_330), "{found:e}");
    }
    const EXACT_400: f64 = 0.012_466_863_310_526_826;
    const EXACT_330: f64 = 0.007_311_265_634_578_755;

    proptest! {
        #[test]
        fn probabilities_add_up(population in 1_u32..200, hits in 0_u32..200, drawn in 0_u32..200) {
            let (hits, drawn) = (hits.min(population), drawn.min(population));
            let sum: f64 = (0..=hits.min(drawn)).map(|marked| hypergeometric(population, hits, drawn, marked)).sum();
            prop_assert!((sum - 1.0).abs() < 1e-9, "{}", sum);
        }

        #[test]
        fn fewer_subnets_never_help(subnets in 1_u32..40, each in 1_u32..5, honest in 1_u32..100, size in 1_u32..60) {
            let hostile = subnets * each;
            let capture = Capture::exact(&population(hostile + honest, hostile, subnets), size.min(hostile + honest));
            prop_assert!(capture.of_subnets <= capture.of_stations + 1e-9);
        }
    }
}
