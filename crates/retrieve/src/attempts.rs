//! Tries the advertised addresses: one gateway after another, or a Lassie daemon.

use assize_measurement::Millis;
use tokio::time::Instant;
use url::Url;

use crate::content::{CompleteBody, Format};
use crate::failure::Failure;
use crate::fetch::{Budget, FetchResult, Outcome};
use crate::http::Http;
use crate::index::Offers;
use crate::net::Reach;
use crate::request::{RequestBuilder, payload_url, service_request};
use crate::step::Steps;
use crate::{Cid, Config, Lassie, Retrieval, RetrieveError, Transport, endpoint, gateway_url};

/// The start of a retrieval on both clocks. The wall clock is read once, so that it cannot run backwards.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StartTime {
    pub(crate) wall: Millis,
    pub(crate) at: Instant,
}

impl StartTime {
    fn millis(self, at: Instant) -> Millis {
        let since = at.saturating_duration_since(self.at).as_millis();
        Millis(
            self.wall
                .0
                .saturating_add(i64::try_from(since).unwrap_or(i64::MAX)),
        )
    }
}

/// Attempts at one payload of one provider.
pub(crate) struct Attempts<'a> {
    pub(crate) config: &'a Config,
    pub(crate) http: &'a Http,
    pub(crate) began: StartTime,
    pub(crate) wanted: Cid,
    pub(crate) steps: &'a mut Steps,
}

impl Attempts<'_> {
    /// Tries all addresses in order, until one delivers the payload or serves something else as the payload.
    pub(crate) async fn over_http(&mut self, offers: &Offers, retrieval: &mut Retrieval) {
        let Self { config, http, .. } = *self;
        let limits = &config.limits;
        let start = Instant::now();
        let budget = Budget {
            limits,
            deadline: start + limits.total,
            reach: config.reach(),
            redirects: limits.redirects,
        };
        let addresses = self.usable(&offers.http);
        retrieval.protocol = Some(Transport::Http);
        retrieval.address = addresses.first().map(|address| (*address).clone());
        retrieval.start_at = Some(self.began.millis(start));

        let left = addresses.len().saturating_sub(limits.addresses);
        if left > 0 {
            let summary = format!("skipped: the limit is {} addresses", limits.addresses);
            self.steps.add(start, true, more(left), summary);
        }

        let requests = RequestBuilder::new(&config.user_agent);
        let mut best: Option<(Outcome, String, Option<Url>)> = None;
        for address in addresses.into_iter().take(limits.addresses) {
            if best.is_some() && Instant::now() >= budget.deadline {
                break;
            }
            let (outcome, url) = self.ask_gateway(address, &requests, budget).await;
            let done = outcome.is_verdict();
            if best
                .as_ref()
                .is_none_or(|(best, ..)| best.progress() < outcome.progress())
            {
                best = Some((outcome, address.clone(), url));
            }
            if done {
                break;
            }
        }
        let end = Instant::now();
        let Some((outcome, address, url)) = best else {
            return;
        };
        self.fill(retrieval, &outcome, end);
        retrieval.served_by = Some(address);

        if let Some(mut url) = url {
            // `format=car` would overrule the `Accept: raw`; Spark's URL had none.
            if url.query().is_some_and(|query| query.starts_with("format=car")) {
                url.set_query(Some("dag-scope=block"));
            }
            let since = Instant::now();
            let asked = format!("HEAD {url}");
            let (code, summary) = http.head(&requests.head(url), budget).await;
            self.steps.add(since, (200..300).contains(&code), asked, summary);
            retrieval.head_status_code = Some(code);
        }
    }

    /// The addresses of gateways. Without gateways, all addresses, so that the failure can be reported.
    fn usable<'o>(&mut self, all: &'o [String]) -> Vec<&'o String> {
        let tls_http = self.config.tls_http;
        let (usable, others): (Vec<_>, Vec<_>) = all
            .iter()
            .partition(|address| gateway_url(address, tls_http).is_ok());
        if usable.is_empty() {
            return others;
        }
        let max = self.config.limits.addresses;
        for other in others.iter().take(max) {
            let summary = "skipped: not a gateway address";
            self.steps
                .add(Instant::now(), false, format!("address {other}"), summary);
        }
        let left = others.len().saturating_sub(max);
        if left > 0 {
            let summary = "skipped: not gateway addresses";
            self.steps.add(Instant::now(), false, more(left), summary);
        }
        usable
    }

    /// Fetches a CAR, or the raw block if the gateway does not serve CARs. Returns the outcome and its URL.
    async fn ask_gateway(
        &mut self,
        address: &str,
        requests: &RequestBuilder,
        budget: Budget<'_>,
    ) -> (Outcome, Option<Url>) {
        let Self { config, http, .. } = *self;
        let since = Instant::now();
        let cid = self.wanted.to_string();
        let base = gateway_url(address, config.tls_http).map_err(Failure::from);
        let query = if config.explicit_format {
            "format=car&dag-scope=block"
        } else {
            "dag-scope=block"
        };
        let urls = base.and_then(|base| {
            Ok((
                payload_url(&base, &cid, query)?,
                payload_url(&base, &cid, "format=raw")?,
            ))
        });
        let (car, raw) = match urls {
            Ok(urls) => urls,
            Err(failure) => {
                let outcome = Outcome::failed(None, failure);
                self.steps.add(
                    since,
                    false,
                    format!("address {address}"),
                    outcome.summary.clone(),
                );
                return (outcome, None);
            }
        };
        let outcome = http
            .fetch(&requests.car(car.clone()), &self.wanted, Format::Car, budget)
            .await;
        self.steps.add(
            since,
            outcome.delivered(),
            format!("GET {car}"),
            outcome.summary.clone(),
        );
        // The statuses of servers that cannot answer in this form, whatever the payload (docs/decisions/0013).
        if !matches!(outcome.status, Some(400 | 406 | 415 | 501)) {
            return (outcome, Some(car));
        }
        let since = Instant::now();
        let outcome = http
            .fetch(&requests.raw(raw.clone()), &self.wanted, Format::Raw, budget)
            .await;
        self.steps.add(
            since,
            outcome.delivered(),
            format!("GET {raw}"),
            outcome.summary.clone(),
        );
        (outcome, Some(raw))
    }

    /// Fetches through a Lassie daemon. A failure that Lassie reports about the provider counts for the provider; a
    /// failure of Lassie itself is an error.
    pub(crate) async fn over_graphsync(
        &mut self,
        lassie: &Lassie,
        address: &str,
        retrieval: &mut Retrieval,
    ) -> Result<(), RetrieveError> {
        let Self { config, http, .. } = *self;
        let failed = |reason: String, retryable| RetrieveError::Lassie {
            endpoint: endpoint(&lassie.url),
            reason,
            retryable,
        };
        let mut url = payload_url(
            lassie.url.as_str().trim_end_matches('/'),
            &self.wanted.to_string(),
            "dag-scope=block",
        )
        .map_err(|failure| failed(failure.to_string(), false))?;
        url.query_pairs_mut()
            .append_pair("protocols", "graphsync")
            .append_pair("providers", address);

        let start = Instant::now();
        let limits = &config.limits;
        let budget = Budget {
            limits,
            deadline: start + limits.total,
            reach: Reach::Anywhere,
            redirects: 0,
        };
        let asked = format!("GET {url}");
        let ask = service_request(url, "application/vnd.ipld.car", lassie.token.as_ref(), None);
        let outcome = http.fetch(&ask, &self.wanted, Format::Car, budget).await;
        self.steps
            .add(start, outcome.delivered(), asked, outcome.summary.clone());
        match (&outcome.result, outcome.status) {
            (FetchResult::Refused, Some(401 | 403)) => {
                return Err(failed("rejected the token".into(), false));
            }
            (FetchResult::Refused, Some(status @ (429 | 503))) => {
                return Err(failed(format!("is busy, HTTP {status}"), true));
            }
            (FetchResult::Failed(failure), None) if !matches!(failure, Failure::Timeout(_)) => {
                return Err(failed(format!("is unavailable: {failure}"), true));
            }
            _ => {}
        }
        retrieval.start_at = Some(self.began.millis(start));
        self.fill(retrieval, &outcome, Instant::now());
        retrieval.served_by = Some(address.to_owned());
        Ok(())
    }

    fn fill(&self, retrieval: &mut Retrieval, outcome: &Outcome, end: Instant) {
        retrieval.received = outcome.received;
        retrieval.first_byte_at = outcome.first_byte.map(|at| self.began.millis(at));
        let mut end = Some(self.began.millis(end));
        let failure = match &outcome.result {
            FetchResult::Complete(CompleteBody {
                length,
                checksum,
                verdict,
            }) => {
                retrieval.byte_length = Some(*length);
                if verdict.is_ok() {
                    retrieval.car_checksum = Some(checksum.clone());
                    // The first byte of an empty block arrives with its end.
                    retrieval.first_byte_at = retrieval.first_byte_at.or(end);
                }
                verdict.clone().err().map(Failure::Content)
            }
            FetchResult::Refused => None,
            FetchResult::Failed(failure) => {
                retrieval.timeout = matches!(failure, Failure::Timeout(_));
                retrieval.car_too_large = matches!(failure, Failure::TooLarge(_));
                if failure.broke_off() {
                    retrieval.byte_length = None;
                }
                Some(failure.clone())
            }
        };
        retrieval.status_code = match &failure {
            Some(failure) => Some(failure.status_code(outcome.status)),
            None => outcome.status,
        };
        if failure.is_some()
            && retrieval
                .status_code
                .is_some_and(|code| (200..300).contains(&code))
        {
            end = end.filter(|_| retrieval.car_too_large || retrieval.timeout);
        }
        retrieval.end_at = end;
    }
}

fn more(addresses: usize) -> String {
    let plural = if addresses == 1 { "" } else { "es" };
    format!("{addresses} more address{plural}")
}
