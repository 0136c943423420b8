//! Tells somebody elsewhere.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use assize_service::Alert;
use serde::Serialize;
use thiserror::Error;
use ureq::Agent;

use super::GuardianAlert;

const TIMEOUT: Duration = Duration::from_secs(10);

/// A URL to which each new alert is posted once, as JSON: `{"kind":"…","subject":"…","message":"…"}`.
pub struct Webhook {
    url: String,
    agent: Agent,
    /// What was posted and holds still.
    told: BTreeSet<(&'static str, Option<String>)>,
}

/// Not a URL for a webhook.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{text}` is not a URL to post to: give one that begins with https:// or http://")]
pub struct WebhookError {
    text: String,
}

#[derive(Serialize)]
struct Message<'a> {
    kind: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    message: String,
}

impl FromStr for Webhook {
    type Err = WebhookError;

    fn from_str(text: &str) -> Result<Self, WebhookError> {
        let host = ["http://", "https://"]
            .iter()
            .find_map(|scheme| text.strip_prefix(scheme));
        match host {
            Some(host) if !host.is_empty() && !host.starts_with('/') && !host.contains([' ', '#']) => {
                Ok(Self {
                    url: text.to_owned(),
                    agent: Agent::config_builder()
                        .timeout_global(Some(TIMEOUT))
                        .max_redirects(0)
                        .build()
                        .into(),
                    told: BTreeSet::new(),
                })
            }
            _ => Err(WebhookError {
                text: text.to_owned(),
            }),
        }
    }
}

impl Clone for Webhook {
    fn clone(&self) -> Self {
        Self {
            url: self.url.clone(),
            agent: self.agent.clone(),
            told: self.told.clone(),
        }
    }
}

impl fmt::Debug for Webhook {
    /// Without the URL, which may hold a key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Webhook")
            .field("told", &self.told)
            .finish_non_exhaustive()
    }
}

impl Webhook {
    /// Posts the alerts that are new. One that could not be posted is tried again at the next call. Blocks.
    pub(crate) fn tell(&mut self, alerts: &[GuardianAlert]) {
        let holds: BTreeSet<_> = alerts
            .iter()
            .map(|alert| (alert.kind(), alert.subject()))
            .collect();
        self.told.retain(|told| holds.contains(told));
        for alert in alerts {
            let key = (alert.kind(), alert.subject());
            if self.told.contains(&key) {
                continue;
            }
            let message = Message {
                kind: key.0,
                subject: key.1.clone(),
                message: alert.to_string(),
            };
            // Only strings, so serialisation cannot fail.
            let body = serde_json::to_vec(&message).unwrap_or_default();
            let request = self
                .agent
                .post(&self.url)
                .header("content-type", "application/json");
            match request.send(&body[..]) {
                Ok(_) => {
                    self.told.insert(key);
                }
                // The URL may hold a key, and so may the error's text.
                Err(ureq::Error::StatusCode(code)) => {
                    tracing::warn!(
                        code,
                        "the webhook refused an alert; it is sent again at the next pass"
                    );
                }
                Err(_) => {
                    tracing::warn!("the webhook does not answer; its alert is sent again at the next pass")
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Read, Write};
    use std::net::TcpListener;
    use std::thread;

    use assize_facts::SettlementId;

    use super::*;

    #[test]
    fn a_url_is_checked() {
        for text in [
            "",
            "example.org",
            "ftp://example.org",
            "https://",
            "https:///path",
            "http://a b",
        ] {
            assert!(text.parse::<Webhook>().is_err(), "{text}");
        }
        assert!("https://hooks.example/x?key=1".parse::<Webhook>().is_ok());
    }

    #[test]
    fn each_alert_is_posted_once_while_it_holds() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut webhook: Webhook = format!("http://{}/", listener.local_addr().unwrap())
            .parse()
            .unwrap();
        let server = thread::spawn(move || {
            let mut bodies = Vec::new();
            for _ in 0..2 {
                let (stream, _) = listener.accept().unwrap();
                let mut reader = BufReader::new(stream);
                let mut length = 0;
                loop {
                    let mut line = String::new();
                    reader.read_line(&mut line).unwrap();
                    if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                        length = value.trim().parse().unwrap();
                    }
                    if line == "\r\n" {
                        break;
                    }
                }
                let mut body = vec![0; length];
                reader.read_exact(&mut body).unwrap();
                bodies.push(serde_json::from_slice::<serde_json::Value>(&body).unwrap());
                let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
                reader.get_mut().write_all(answer).unwrap();
            }
            bodies
        });
        let alerts = [1, 2].map(|number| GuardianAlert::Wrong {
            settlement: SettlementId(number),
            reason: "x".into(),
            vetoes: true,
            confirmed: true,
            active_in: 60,
        });
        webhook.tell(&alerts[..1]);
        webhook.tell(&alerts[..1]);
        webhook.tell(&alerts);
        let bodies = server.join().unwrap();
        let subjects: Vec<_> = bodies
            .iter()
            .map(|body| body["subject"].as_str().unwrap())
            .collect();
        assert_eq!(subjects, ["1", "2"]);
        assert_eq!(bodies[0]["kind"], "wrong");
    }
}
