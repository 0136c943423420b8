//! Where a checker's events go: a screen, plain lines, or JSON.

use std::io::{self, IsTerminal};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use assize_checker::{Event, Listener, View};
use assize_service::Clock;
use clap::ValueEnum;
use indicatif::{ProgressBar, ProgressStyle};

use crate::output;

/// Pause between two pictures of the screen.
const PICTURE: Duration = Duration::from_millis(250);

/// How a checker shows its events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogForm {
    Json,
    Text,
    Screen,
}

/// Where events go.
pub(crate) struct Show {
    listener: Listener,
    screen: Option<Screen>,
}

struct Screen {
    bar: ProgressBar,
    painter: tokio::task::JoinHandle<()>,
}

impl Show {
    /// In the given form; by default a screen on a terminal, and lines elsewhere.
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
                tokio::time::sleep(PICTURE).await;
            }
        });
        let heard = move |event: &Event| {
            let mut view = view.lock().unwrap_or_else(PoisonError::into_inner);
            view.apply(event);
        };
        Self {
            listener: Listener::new(heard),
            screen: Some(Screen { bar, painter }),
        }
    }

    pub(crate) fn listener(&self) -> Listener {
        self.listener.clone()
    }

    /// Leaves the last picture.
    pub(crate) fn close(self) {
        if let Some(Screen { bar, painter }) = self.screen {
            painter.abort();
            bar.abandon();
        }
    }
}
