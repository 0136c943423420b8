//! Warnings and errors that recur: written once, then at growing intervals with the number of repetitions.
//!
//! A daemon whose node is gone reports the same failure at every pass, from several places. Its log must still show what else
//! happens.

use std::collections::HashMap;
use std::fmt::{self, Debug, Write};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// The first interval; each is twice the one before.
const FIRST_INTERVAL: Duration = Duration::from_secs(60);
/// The longest interval.
const LONGEST_INTERVAL: Duration = Duration::from_secs(3_600);
/// An event that has not recurred for this long is new again.
const FORGET: Duration = Duration::from_secs(7_200);
/// Maximum number of remembered events.
const MAX_EVENTS: usize = 1_000;
/// Fields of prose, in which other numbers do not make another event: attempts, ages, ports.
const PROSE: [&str; 5] = ["message", "error", "fault", "reason", "why"];

/// Writes events with an inner format, and omits repetitions.
#[derive(Debug)]
pub(super) struct Repeats<F> {
    inner: F,
    seen: Mutex<HashMap<String, Seen>>,
}

#[derive(Debug)]
struct Seen {
    /// When it was written last.
    written: Instant,
    /// When it occurred last.
    occurred: Instant,
    /// How often it was omitted since.
    omitted: u64,
    interval: Duration,
}

impl<F> Repeats<F> {
    pub(super) fn new(inner: F) -> Self {
        Self {
            inner,
            seen: Mutex::default(),
        }
    }

    /// Whether to write an event, and if so, how often it was omitted before.
    fn occurs(&self, key: String, now: Instant) -> Option<u64> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(event) = seen.get_mut(&key)
            && now.duration_since(event.occurred) < FORGET
        {
            event.occurred = now;
            if now.duration_since(event.written) < event.interval {
                event.omitted += 1;
                return None;
            }
            event.written = now;
            event.interval = (2 * event.interval).min(LONGEST_INTERVAL);
            return Some(std::mem::take(&mut event.omitted));
        }
        if seen.len() >= MAX_EVENTS {
            seen.retain(|_, event| now.duration_since(event.occurred) < FIRST_INTERVAL);
            if seen.len() >= MAX_EVENTS {
                seen.clear();
            }
        }
        let event = Seen {
            written: now,
            occurred: now,
            omitted: 0,
            interval: FIRST_INTERVAL,
        };
        seen.insert(key, event);
        Some(0)
    }
}

impl<S, N, F> FormatEvent<S, N> for Repeats<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        if *event.metadata().level() > Level::WARN {
            return self.inner.format_event(context, writer, event);
        }
        match self.occurs(Key::of(event), Instant::now()) {
            None => Ok(()),
            Some(0) => self.inner.format_event(context, writer, event),
            Some(omitted) => {
                let mut line = String::new();
                self.inner.format_event(context, Writer::new(&mut line), event)?;
                let line = line.trim_end();
                match line.strip_suffix('}') {
                    // A line of JSON.
                    Some(fields) if line.starts_with('{') => {
                        writeln!(writer, "{fields},\"repeated\":{omitted}}}")
                    }
                    _ => writeln!(writer, "{line} (repeated {omitted} times)"),
                }
            }
        }
    }
}

/// What makes two events the same.
#[derive(Default)]
struct Key(String);

impl Key {
    fn of(event: &Event<'_>) -> String {
        let mut key = Self(event.metadata().target().to_owned());
        event.record(&mut key);
        key.0
    }

    fn add(&mut self, name: &str, value: &str) {
        self.0.push('\0');
        self.0.push_str(name);
        self.0.push('=');
        if !PROSE.contains(&name) {
            self.0.push_str(value);
            return;
        }
        let mut in_number = false;
        for character in value.chars() {
            match (character.is_ascii_digit(), in_number) {
                (true, true) => {}
                (true, false) => self.0.push('#'),
                (false, _) => self.0.push(character),
            }
            in_number = character.is_ascii_digit();
        }
    }
}

impl Visit for Key {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field.name(), value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = write!(text, "{value:?}");
        self.add(field.name(), &text);
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Arc;

    use tracing_subscriber::Layer;
    use tracing_subscriber::layer::SubscriberExt;

    use super::super::json::Json;
    use super::*;

    #[test]
    fn repetitions_are_counted_and_written_at_growing_intervals() {
        let repeats = Repeats::new(());
        let begun = Instant::now();
        let at = |seconds| repeats.occurs("a".into(), begun + Duration::from_secs(seconds));
        assert_eq!(at(0), Some(0));
        assert_eq!((at(1), at(2), at(59)), (None, None, None));
        assert_eq!(at(60), Some(3));
        assert_eq!((at(61), at(179)), (None, None));
        assert_eq!(at(180), Some(2));
        // Another event is independent.
        assert_eq!(repeats.occurs("b".into(), begun), Some(0));
        // Forgotten after two hours without it.
        assert_eq!(at(180 + 7_200), Some(0));
    }

    #[test]
    fn a_failure_each_second_for_a_day_takes_few_lines() {
        let repeats = Repeats::new(());
        let begun = Instant::now();
        let written = (0..86_400).filter(|&second| {
            let now = begun + Duration::from_secs(second);
            repeats.occurs("a".into(), now).is_some()
        });
        assert_eq!(written.count(), 29);
    }

    #[test]
    fn memory_is_bounded() {
        let repeats = Repeats::new(());
        let now = Instant::now();
        for event in 0..10 * MAX_EVENTS {
            assert_eq!(repeats.occurs(event.to_string(), now), Some(0));
        }
        assert!(repeats.seen.lock().unwrap().len() <= MAX_EVENTS);
    }

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Lines {
        fn of(&self) -> Vec<String> {
            let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
            text.lines().map(str::to_owned).collect()
        }
    }

    fn log(json: bool, events: impl FnOnce()) -> Vec<String> {
        let lines = Lines::default();
        let to = lines.clone();
        let layer = tracing_subscriber::fmt::layer()
            .with_ansi(false)
            .with_writer(move || to.clone());
        let layer = match json {
            true => layer.event_format(Repeats::new(Json)).boxed(),
            false => layer
                .event_format(Repeats::new(tracing_subscriber::fmt::format()))
                .boxed(),
        };
        let subscriber = tracing_subscriber::registry().with(layer);
        tracing::subscriber::with_default(subscriber, events);
        lines.of()
    }

    #[test]
    fn numbers_in_prose_do_not_make_another_event_but_fields_do() {
        let events = || {
            for attempt in 0..5 {
                tracing::warn!(error = %format!("no answer after {attempt} s"), "pass failed");
                tracing::info!(attempt, "opened");
            }
            tracing::warn!(round = 1, "late");
            tracing::warn!(round = 2, "late");
            tracing::error!("late");
        };
        let lines = log(false, events);
        let of = |word: &str| lines.iter().filter(|line| line.contains(word)).count();
        assert_eq!(
            (of("pass failed"), of("opened"), of("late")),
            (1, 5, 3),
            "{lines:?}"
        );
        // The time in UTC comes first.
        assert!(
            lines[0].contains('T') && lines[0][..40].contains('Z'),
            "{}",
            lines[0]
        );
        let lines = log(true, events);
        assert_eq!(lines.len(), 9);
        for line in lines {
            let line: serde_json::Value = serde_json::from_str(&line).unwrap();
            assert!(line["time"].as_str().unwrap().ends_with('Z'), "{line}");
            assert!(line["message"].is_string() && line["level"].is_string(), "{line}");
        }
    }
}
