//! Output of a checker's events: a screen, lines of text, or JSON.

use std::io::{self, IsTerminal};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use assize_checker::{Event, Listener, View};
use assize_service::Clock;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use super::super::LogFormat;
use crate::{output, telemetry};

/// Time between two updates of the screen.
const REFRESH: Duration = Duration::from_millis(250);

/// An event, and when it happened, as other daemons log it.
#[derive(Serialize)]
struct Line<'a> {
    time: String,
    #[serde(flatten)]
    event: &'a Event,
}

impl<'a> Line<'a> {
    fn of(event: &'a Event) -> Self {
        Self {
            time: telemetry::now(),
            event,
        }
    }

    fn text(&self) -> String {
        format!("{}  {}", self.time, self.event)
    }
}

/// Output of events.
pub(crate) struct Show {
    listener: Listener,
    screen: Option<Screen>,
}

struct Screen {
    bar: ProgressBar,
    painter: tokio::task::JoinHandle<()>,
}

impl Show {
    /// Opens the given format; by default a screen on a terminal, else lines of text.
    pub(crate) fn open(format: Option<LogFormat>) -> Self {
        let is_terminal = io::stdout().is_terminal() && io::stderr().is_terminal();
        let format = format.unwrap_or(if is_terminal {
            LogFormat::Screen
        } else {
            LogFormat::Text
        });
        let listener = match format {
            // A closed stdout does not stop a checker.
            LogFormat::Json => Listener::new(|event| drop(output::json(&Line::of(event)))),
            LogFormat::Text => Listener::new(|event| drop(output::line(Line::of(event).text()))),
            LogFormat::Screen => return Self::on_screen(),
        };
        Self {
            listener,
            screen: None,
        }
    }

    fn on_screen() -> Self {
        let view = Arc::new(Mutex::new(View::default()));
        let bar = ProgressBar::new_spinner();
        if let Ok(style) = ProgressStyle::with_template("{msg}") {
            bar.set_style(style);
        }
        let (shown, on) = (Arc::clone(&view), bar.clone());
        let painter = tokio::spawn(async move {
            loop {
                let text = shown
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .render(Clock::system().now());
                on.set_message(text);
                on.tick();
                tokio::time::sleep(REFRESH).await;
            }
        });
        let apply = move |event: &Event| {
            let mut view = view.lock().unwrap_or_else(PoisonError::into_inner);
            view.apply(event);
        };
        Self {
            listener: Listener::new(apply),
            screen: Some(Screen { bar, painter }),
        }
    }

    pub(crate) fn listener(&self) -> Listener {
        self.listener.clone()
    }

    /// Stops updating; the last state stays on the screen.
    pub(crate) fn close(self) {
        if let Some(Screen { bar, painter }) = self.screen {
            painter.abort();
            bar.abandon();
        }
    }
}
