//! Optional export of traces and errors: OpenTelemetry (feature `otlp`) and Sentry's protocol (feature `sentry`). Both
//! are layers for a [`tracing_subscriber::Registry`].

#[cfg(feature = "sentry")]
pub use faults::{BadDsn, Faults};
#[cfg(feature = "otlp")]
pub use otlp::{Otlp, OtlpError};

#[cfg(feature = "otlp")]
mod otlp {
    use std::time::Duration;

    use opentelemetry::trace::TracerProvider;
    use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig};
    use opentelemetry_sdk::Resource;
    use opentelemetry_sdk::trace::SdkTracerProvider;
    use thiserror::Error;
    use tracing_subscriber::Layer;
    use tracing_subscriber::registry::LookupSpan;

    /// Timeout for one batch of spans.
    const PATIENCE: Duration = Duration::from_secs(10);

    /// Why traces cannot be sent.
    #[derive(Debug, Error)]
    #[error("cannot send traces to {endpoint}: {reason}; give a URL such as http://127.0.0.1:4318/v1/traces")]
    pub struct OtlpError {
        /// The endpoint.
        pub endpoint: String,
        /// The reason.
        pub reason: String,
    }

    /// Sends spans to a collector with OTLP over HTTP. Remaining spans are sent when it is dropped.
    #[derive(Debug)]
    pub struct Otlp(SdkTracerProvider);

    impl Otlp {
        /// An exporter to `endpoint`, such as `http://127.0.0.1:4318/v1/traces`, with the service name `service`. It
        /// sends nothing yet.
        ///
        /// # Errors
        /// [`OtlpError`].
        pub fn new(endpoint: &str, service: &'static str) -> Result<Self, OtlpError> {
            let exporter = SpanExporter::builder()
                .with_http()
                .with_protocol(Protocol::HttpBinary)
                .with_endpoint(endpoint)
                .with_timeout(PATIENCE)
                .build()
                .map_err(|error| OtlpError {
                    endpoint: endpoint.to_owned(),
                    reason: error.to_string(),
                })?;
            let resource = Resource::builder().with_service_name(service).build();
            let provider = SdkTracerProvider::builder()
                .with_batch_exporter(exporter)
                .with_resource(resource)
                .build();
            Ok(Self(provider))
        }

        /// The layer.
        pub fn layer<S>(&self) -> impl Layer<S> + use<S>
        where
            S: tracing::Subscriber + for<'span> LookupSpan<'span>,
        {
            tracing_opentelemetry::layer().with_tracer(self.0.tracer("assize-api"))
        }
    }

    impl Drop for Otlp {
        fn drop(&mut self) {
            if let Err(error) = self.0.shutdown() {
                tracing::warn!(%error, "failed to send the last traces");
            }
        }
    }
}

#[cfg(feature = "sentry")]
mod faults {
    use thiserror::Error;
    use tracing_subscriber::Layer;
    use tracing_subscriber::registry::LookupSpan;

    /// Text that is not a DSN.
    #[derive(Debug, Error)]
    #[error("malformed DSN: {0}; use the form https://KEY@host/PROJECT")]
    pub struct BadDsn(String);

    /// Sends errors and panics to a server that speaks Sentry's protocol. Remaining events are sent when it is dropped.
    pub struct Faults(#[expect(dead_code, reason = "kept until the end")] sentry::ClientInitGuard);

    impl Faults {
        /// Sends to the DSN's server. Clients' addresses are not sent.
        ///
        /// # Errors
        /// [`BadDsn`].
        pub fn new(dsn: &str) -> Result<Self, BadDsn> {
            // Parse the DSN here first: sentry's options panic on a malformed one.
            let parsed: Result<sentry::types::Dsn, _> = dsn.parse();
            parsed.map_err(|error| BadDsn(error.to_string()))?;
            let options = sentry::ClientOptions::new()
                .dsn(dsn)
                .maybe_release(sentry::release_name!())
                .send_default_pii(false);
            Ok(Self(sentry::init(options)))
        }

        /// The layer: it sends what is logged as an error.
        pub fn layer<S>(&self) -> impl Layer<S> + use<S>
        where
            S: tracing::Subscriber + for<'span> LookupSpan<'span>,
        {
            sentry::integrations::tracing::ErrorLayer::new()
        }
    }

    impl std::fmt::Debug for Faults {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.debug_struct("Faults").finish_non_exhaustive()
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::sync::mpsc;
    use std::thread;

    use tracing_subscriber::layer::SubscriberExt;

    /// A server that accepts one request and passes it to the receiver.
    fn collector() -> (String, mpsc::Receiver<Vec<u8>>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (sender, receiver) = mpsc::channel();
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = Vec::new();
            let mut piece = [0; 4_096];
            let end = loop {
                let read = stream.read(&mut piece).unwrap();
                request.extend_from_slice(&piece[..read]);
                if let Some(end) = request.windows(4).position(|window| window == b"\r\n\r\n") {
                    break end + 4;
                }
            };
            let head = String::from_utf8_lossy(&request[..end]).to_lowercase();
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "));
            let length: usize = length.unwrap().parse().unwrap();
            while request.len() < end + length {
                let read = stream.read(&mut piece).unwrap();
                request.extend_from_slice(&piece[..read]);
            }
            stream
                .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
                .unwrap();
            sender.send(request).unwrap();
        });
        (address, receiver)
    }

    fn holds(request: &[u8], text: &str) -> bool {
        request
            .windows(text.len())
            .any(|window| window == text.as_bytes())
    }

    #[cfg(feature = "otlp")]
    #[test]
    fn spans_reach_a_collector() {
        let (address, requests) = collector();
        let otlp = super::Otlp::new(&format!("http://{address}/v1/traces"), "assize-test").unwrap();
        let subscriber = tracing_subscriber::registry().with(otlp.layer());
        tracing::subscriber::with_default(subscriber, || {
            tracing::info_span!("request", route = "/heartbeats").in_scope(|| {});
        });
        drop(otlp);
        let request = requests.recv().unwrap();
        assert!(request.starts_with(b"POST /v1/traces "));
        for text in ["assize-test", "request", "/heartbeats"] {
            assert!(holds(&request, text), "{text}");
        }
    }

    #[cfg(feature = "sentry")]
    #[test]
    fn errors_reach_a_server_of_sentrys_protocol() {
        let (address, requests) = collector();
        let faults = super::Faults::new(&format!("http://key@{address}/7")).unwrap();
        let subscriber = tracing_subscriber::registry().with(faults.layer());
        tracing::subscriber::with_default(subscriber, || tracing::error!("the disk is full"));
        drop(faults);
        let request = requests.recv().unwrap();
        assert!(request.starts_with(b"POST /api/7/envelope/ "));
        assert!(holds(&request, "the disk is full"));
        let error = super::Faults::new("nonsense").unwrap_err().to_string();
        assert!(error.contains("https://KEY@host/PROJECT"), "{error}");
    }
}
