//! Output of a checker's events: a screen, lines of text, or JSON.

use std::io::{self, IsTerminal};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use assize_checker::{Event, Listener, View};
use assize_service::Clock;
use clap::ValueEnum;
use indicatif::{ProgressBar, ProgressStyle};

use crate::output;

/// Time between two updates of the screen.
const REFRESH: Duration = Duration::from_millis(250);

/// Output format of a checker's events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogForm {
    Json,
    Text,
    Screen,
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
    pub(crate) fn open(form: Option<LogForm>) -> Self {
        let is_terminal = io::stdout().is_terminal() && io::stderr().is_terminal();
        let form = form.unwrap_or(if is_terminal {
            LogForm::Screen
        } else {
            LogForm::Text
        });
        let listener = match form {
            // A closed stdout does not stop a checker.
            LogForm::Json => Listener::new(|event| drop(output::json(event))),
            LogForm::Text => Listener::new(|event| drop(output::line(event.to_string()))),
            LogForm::Screen => return Self::on_screen(),
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
