//! Parameters of the gate.

use std::time::Duration;

use thiserror::Error;

/// Parameters of [`Gate`](crate::Gate), named as in gossipsub.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GateParams {
    /// Ratio of throttled to validated content above which the gate is active.
    pub threshold: f64,
    /// Factor of the counts of validated and throttled content per [`GateParams::decay_interval`].
    pub global_decay: f64,
    /// Factor of a source's counts per [`GateParams::decay_interval`].
    pub source_decay: f64,
    /// How often [`Gate::tick`](crate::Gate::tick) is called.
    pub decay_interval: Duration,
    /// Counts below this are zero.
    pub decay_to_zero: f64,
    /// How long the record of a disconnected source is kept.
    pub retain_stats: Duration,
    /// Time without throttling after which the gate is inactive.
    pub quiet: Duration,
    /// Weight of duplicates.
    pub duplicate_weight: f64,
    /// Weight of ignored content.
    pub ignore_weight: f64,
    /// Weight of rejected content.
    pub reject_weight: f64,
    /// How long a source counts as connected after its last request. Not in gossipsub, which sees connections.
    pub connected_for: Duration,
    /// Maximum number of sources with a record. Not in gossipsub.
    pub max_sources: usize,
}

impl Default for GateParams {
    /// Gossipsub's values.
    fn default() -> Self {
        Self {
            threshold: 0.33,
            global_decay: decay(Duration::from_secs(120)),
            source_decay: decay(Duration::from_secs(3_600)),
            decay_interval: Duration::from_secs(1),
            decay_to_zero: DECAY_TO_ZERO,
            retain_stats: Duration::from_secs(6 * 3_600),
            quiet: Duration::from_secs(60),
            duplicate_weight: 0.125,
            ignore_weight: 1.0,
            reject_weight: 16.0,
            connected_for: Duration::from_secs(60),
            max_sources: 100_000,
        }
    }
}

const DECAY_TO_ZERO: f64 = 0.01;

/// The factor per second that reduces a count to a hundredth after `duration`: gossipsub's `ScoreParameterDecay`.
#[must_use]
pub fn decay(duration: Duration) -> f64 {
    DECAY_TO_ZERO.powf(1.0 / duration.as_secs_f64())
}

/// Invalid parameters of the gate.
#[derive(Debug, Clone, PartialEq, Error)]
#[error("gate: {parameter} is {value}, but must be {range}")]
pub struct GateParamsError {
    /// The parameter.
    pub parameter: &'static str,
    /// Its value.
    pub value: String,
    /// The valid range.
    pub range: &'static str,
}

impl GateParams {
    /// Checks all parameters.
    ///
    /// # Errors
    /// [`GateParamsError`] for the first that is out of range.
    pub fn check(&self) -> Result<(), GateParamsError> {
        let positive = |x: f64| x > 0.0 && x.is_finite();
        let within = |x: f64| x > 0.0 && x < 1.0;
        let from_one = |x: f64| x >= 1.0 && x.is_finite();
        let second = Duration::from_secs(1);
        let numbers: [(_, f64, &dyn Fn(f64) -> bool, _); 7] = [
            ("threshold", self.threshold, &positive, "above 0"),
            ("global_decay", self.global_decay, &within, "above 0 and below 1"),
            ("source_decay", self.source_decay, &within, "above 0 and below 1"),
            (
                "decay_to_zero",
                self.decay_to_zero,
                &within,
                "above 0 and below 1",
            ),
            ("duplicate_weight", self.duplicate_weight, &positive, "above 0"),
            ("ignore_weight", self.ignore_weight, &from_one, "at least 1"),
            ("reject_weight", self.reject_weight, &from_one, "at least 1"),
        ];
        for (parameter, value, fits, range) in numbers {
            if !fits(value) {
                return Err(GateParamsError {
                    parameter,
                    value: value.to_string(),
                    range,
                });
            }
        }
        for (parameter, value) in [("decay_interval", self.decay_interval), ("quiet", self.quiet)] {
            if value < second {
                return Err(GateParamsError {
                    parameter,
                    value: format!("{value:?}"),
                    range: "at least a second",
                });
            }
        }
        if self.max_sources == 0 {
            return Err(GateParamsError {
                parameter: "max_sources",
                value: "0".into(),
                range: "at least 1",
            });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decays_are_gossipsubs() {
        let near = |seconds, wanted: f64| (decay(Duration::from_secs(seconds)) - wanted).abs() < 5e-6;
        assert!(near(120, 0.96235));
        assert!(near(600, 0.99235));
        assert!(near(3_600, 0.99872));
        // A hundredth remains.
        assert!((decay(Duration::from_secs(120)).powi(120) - 0.01).abs() < 1e-12);
    }

    #[test]
    fn defaults_work_and_each_setting_has_a_range() {
        let good = GateParams::default();
        assert_eq!(good.check(), Ok(()));
        type Spoil = fn(&mut GateParams);
        let bad: [(&str, Spoil); 13] = [
            ("threshold", |p| p.threshold = 0.0),
            ("threshold", |p| p.threshold = f64::NAN),
            ("global_decay", |p| p.global_decay = 1.0),
            ("source_decay", |p| p.source_decay = 0.0),
            ("decay_interval", |p| {
                p.decay_interval = Duration::from_millis(999)
            }),
            ("decay_to_zero", |p| p.decay_to_zero = 1.0),
            ("quiet", |p| p.quiet = Duration::ZERO),
            ("duplicate_weight", |p| p.duplicate_weight = 0.0),
            ("duplicate_weight", |p| p.duplicate_weight = f64::INFINITY),
            ("ignore_weight", |p| p.ignore_weight = 0.99),
            ("reject_weight", |p| p.reject_weight = 0.99),
            ("reject_weight", |p| p.reject_weight = f64::NAN),
            ("max_sources", |p| p.max_sources = 0),
        ];
        for (parameter, spoil) in bad {
            let mut params = good;
            spoil(&mut params);
            let error = params.check().unwrap_err();
            assert_eq!(error.parameter, parameter, "{error}");
        }
    }
}
