//! Redirects.

use std::time::Duration;

use hyper::Method;
use hyper::header::{HeaderValue, LOCATION, REFERER};
use url::Url;

use crate::failure::Failure;
use crate::http::{Answer, Ask, Http};
use crate::net::Reach;

/// An answer at the end of redirects.
#[derive(Debug)]
pub(crate) struct End {
    pub(crate) answer: Answer,
    /// Who answered.
    pub(crate) url: Url,
    /// How many redirects there were.
    pub(crate) hops: usize,
    /// Why a redirect was not followed; the answer is that redirect.
    pub(crate) trouble: Option<String>,
}

impl Http {
    /// Asks, and follows redirects as Go does: same method, same headers, `Referer` added. What reach a redirect has is
    /// the request's. One that cannot be followed is the answer itself.
    pub(crate) async fn follow(
        &self,
        ask: &Ask,
        reach: Reach,
        connect: Duration,
        most: usize,
    ) -> Result<End, Failure> {
        debug_assert!(matches!(ask.method, Method::GET | Method::HEAD));
        let mut ask = ask.clone();
        let mut visited = vec![ask.url.clone()];
        loop {
            let answer = self.ask(&ask, reach, connect).await?;
            let hops = visited.len() - 1;
            let next = match answer.status.as_u16() {
                301 | 302 | 303 | 307 | 308 => target(&ask.url, answer.header(&LOCATION)),
                _ => {
                    let url = ask.url;
                    return Ok(End {
                        answer,
                        url,
                        hops,
                        trouble: None,
                    });
                }
            };
            let trouble = match next {
                Err(trouble) => trouble,
                Ok(next) if visited.contains(&next) => format!("redirects run in a circle, back to {next}"),
                Ok(_) if hops == most => format!("there are more than {most} redirects"),
                Ok(next) => {
                    let downgrade = ask.url.scheme() == "https" && next.scheme() == "http";
                    let referer = (!downgrade)
                        .then(|| HeaderValue::from_str(ask.url.as_str()).ok())
                        .flatten();
                    refer(&mut ask, referer);
                    ask.url = next.clone();
                    visited.push(next);
                    continue;
                }
            };
            let url = ask.url;
            return Ok(End {
                answer,
                url,
                hops,
                trouble: Some(trouble),
            });
        }
    }
}

/// Sets `Referer` at its place: Go sorts headers, all but the agent before them and the encoding behind them.
fn refer(ask: &mut Ask, referer: Option<HeaderValue>) {
    ask.headers.retain(|(name, _)| name != REFERER);
    if let Some(referer) = referer {
        let place = ask
            .headers
            .iter()
            .position(|(name, _)| name.as_str() > REFERER.as_str() && name.as_str() != "user-agent");
        ask.headers
            .insert(place.unwrap_or(ask.headers.len()), (REFERER, referer));
    }
}

fn target(from: &Url, location: Option<&str>) -> Result<Url, String> {
    let location = location.ok_or("a redirect without a Location")?;
    match from.join(location) {
        Ok(url) if matches!(url.scheme(), "http" | "https") => {
            let mut url = url;
            url.set_fragment(None);
            Ok(url)
        }
        _ => Err(format!("a redirect to `{location}`, which is no http URL")),
    }
}
