//! Follows redirects.

use std::time::Duration;

use hyper::Method;
use hyper::header::{HeaderValue, LOCATION, REFERER};
use url::Url;

use crate::failure::Failure;
use crate::http::{Answer, Http, HttpRequest};
use crate::net::Reach;

/// The response at the end of a chain of redirects.
#[derive(Debug)]
pub(crate) struct FinalResponse {
    pub(crate) answer: Answer,
    /// The URL that answered.
    pub(crate) url: Url,
    /// Number of redirects followed.
    pub(crate) hops: usize,
    /// Why a redirect was not followed. The response is then that redirect.
    pub(crate) trouble: Option<String>,
}

impl Http {
    /// Sends a request and follows redirects as Go does: same method, same headers, `Referer` added. Redirects have
    /// their own reach, but they may always lead back to the host of the original request. A redirect that cannot be
    /// followed is the response.
    pub(crate) async fn follow(
        &self,
        ask: &HttpRequest,
        (reach, redirected): (Reach, Reach),
        connect: Duration,
        max: usize,
    ) -> Result<FinalResponse, Failure> {
        debug_assert!(matches!(ask.method, Method::GET | Method::HEAD));
        let mut ask = ask.clone();
        let mut visited = vec![ask.url.clone()];
        loop {
            let own = ask.url.origin() == visited[0].origin();
            let reach = if own { reach } else { redirected };
            let answer = self.ask(&ask, reach, connect).await?;
            let hops = visited.len() - 1;
            let next = match answer.status.as_u16() {
                301 | 302 | 303 | 307 | 308 => target(&ask.url, answer.header(&LOCATION)),
                _ => {
                    let url = ask.url;
                    return Ok(FinalResponse {
                        answer,
                        url,
                        hops,
                        trouble: None,
                    });
                }
            };
            let trouble = match next {
                Err(trouble) => trouble,
                Ok(next) if visited.contains(&next) => format!("redirect loop back to {next}"),
                Ok(_) if hops == max => format!("more than {max} redirects"),
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
            return Ok(FinalResponse {
                answer,
                url,
                hops,
                trouble: Some(trouble),
            });
        }
    }
}

/// Inserts `Referer` at its place: Go sorts headers, all but the agent before them and the encoding after them.
fn refer(ask: &mut HttpRequest, referer: Option<HeaderValue>) {
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
        Ok(url) if !url.username().is_empty() || url.password().is_some() => {
            Err("a redirect to a URL with credentials".into())
        }
        Ok(url) if matches!(url.scheme(), "http" | "https") => {
            let mut url = url;
            url.set_fragment(None);
            Ok(url)
        }
        _ => Err(format!("a redirect to `{location}`, which is not an http URL")),
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    /// A server on the "public Internet" that redirects elsewhere.
    async fn redirecting(to: String) -> Url {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                stream.read_buf(&mut Vec::new()).await.unwrap();
                let answer =
                    format!("HTTP/1.1 307 Temporary Redirect\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n");
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        format!("http://{address}/").parse().unwrap()
    }

    #[tokio::test]
    async fn a_redirect_to_a_private_address_is_not_followed() {
        let inside = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = inside.local_addr().unwrap().port();
        for host in [
            "127.0.0.1",
            "localhost",
            "[::ffff:127.0.0.1]",
            "2130706433",
            "0.0.0.0",
        ] {
            let url = redirecting(format!("http://{host}:{port}/")).await;
            let own = url.socket_addrs(|| None).unwrap()[0];
            let ask = crate::request::RequestBuilder::new("x").car(url);
            let http = Http::new(&[]).unwrap();
            let limit = Duration::from_secs(20);
            let reach = (Reach::PublicAnd(own), Reach::PublicAnd(own));
            let refused = http.follow(&ask, reach, limit, 5).await;
            assert!(
                matches!(refused, Err(Failure::NotPublic(_))),
                "{host}: {refused:?}"
            );
            // The redirect itself arrived, so the first connection was made.
            let end = http.follow(&ask, reach, limit, 0).await.unwrap();
            assert_eq!(end.answer.status, 307);
        }
        let nobody = tokio::time::timeout(Duration::from_millis(50), inside.accept()).await;
        assert!(nobody.is_err(), "unexpected connection");
    }

    #[test]
    fn locations_are_read_as_browsers_read_them() {
        let from: Url = "http://a.org/b/c?d".parse().unwrap();
        let to = |location| target(&from, Some(location)).map(|url| url.to_string());
        assert_eq!(to("/x"), Ok("http://a.org/x".into()));
        assert_eq!(to("x?y#z"), Ok("http://a.org/b/x?y".into()));
        assert_eq!(to("//e.org"), Ok("http://e.org/".into()));
        assert_eq!(to("https://e.org:8443"), Ok("https://e.org:8443/".into()));
        assert!(to("javascript:0").is_err());
        assert!(target(&from, None).is_err());
    }
}
