//! A private drand chain for devnets: one key that signs every round when it is due.
//!
//! It serves drand's HTTP interface, v1 and v2, for any drand client. It signs like quicknet, so that the same contract
//! (`DrandBeacon`, constructed with this key) verifies it. Whoever has the key knows all beacons in advance: do not use
//! it on a network with anything at stake.

use std::sync::Arc;

use assize_protocol::{B256, BeaconRound};
use axum::Router;
use axum::http::{HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use blst::min_sig::SecretKey;
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::backend::native::DST_G1;
use crate::{Beacon, BeaconError, Chain, ChainInfo, Clock, Scheme};

/// The name under which drand's v2 interface lists the chain.
const BEACON_ID: &str = "devnet";

/// A drand chain with a single key.
#[derive(Debug)]
pub struct Devnet {
    secret: SecretKey,
    chain: Chain,
}

impl Devnet {
    /// Creates the chain of a key, which may be any 32 bytes. Round 1 is at Unix time `genesis` in seconds, the others
    /// every `period` seconds.
    ///
    /// # Errors
    /// [`BeaconError::Period`] if the period is zero or does not fit into 32 bits.
    pub fn new(key: &[u8; 32], genesis: u64, period: u64) -> Result<Self, BeaconError> {
        // Fails only for keys that are too short.
        let secret = SecretKey::key_gen(key, &[]).map_err(|_| BeaconError::Period)?;
        let public_key = secret.sk_to_pk().to_bytes().to_vec();
        let mut info = ChainInfo {
            group_hash: B256::new(Sha256::digest(&public_key).into()),
            public_key,
            period,
            genesis_time: genesis,
            hash: B256::ZERO,
            scheme: Scheme::BlsUnchainedG1Rfc9380,
            beacon_id: BEACON_ID.into(),
        };
        info.hash = info.computed_hash()?;
        let chain = Chain::new(info)?;
        Ok(Self { secret, chain })
    }

    /// The public description of the chain.
    #[must_use]
    pub fn chain(&self) -> &Chain {
        &self.chain
    }

    /// Signs a round, due or not.
    #[must_use]
    pub fn sign(&self, round: BeaconRound) -> Beacon {
        let message = Sha256::digest(round.0.to_be_bytes());
        Beacon {
            round,
            signature: self.secret.sign(&message, DST_G1, &[]).to_bytes().into(),
            previous_signature: None,
        }
    }

    /// The response to `GET path` at the given Unix time in seconds.
    fn answer(&self, path: &str, now: u64) -> Response {
        let hash = const_hex::encode(self.chain.hash());
        let segments: Vec<&str> = path.split('/').skip(1).collect();
        let (v2, rest) = match segments[..] {
            ["v2", ref rest @ ..] => (true, rest),
            ref rest => (false, rest),
        };
        // The chain is named by its hash or, in v2, by its id. v1 without a name means the only chain.
        let ours = |name: &str| name == hash;
        match (v2, rest) {
            (_, ["chains"]) => json_response(&json!([hash]), None),
            (true, ["beacons"]) => json_response(&json!([BEACON_ID]), None),
            (false, ["info"]) => self.info(),
            (false, [chain, "info"]) if ours(chain) => self.info(),
            (true, ["chains", chain, "info"]) if ours(chain) => self.info_v2(),
            (true, ["beacons", BEACON_ID, "info"]) => self.info_v2(),
            (false, ["health"]) => self.health(now),
            (false, [chain, "health"]) if ours(chain) => self.health(now),
            (true, ["chains", chain, "health"]) if ours(chain) => self.health(now),
            (false, ["public", round]) => self.round(round, now, false),
            (false, [chain, "public", round]) if ours(chain) => self.round(round, now, false),
            (true, ["chains", chain, "rounds", round]) if ours(chain) => self.round(round, now, true),
            (true, ["beacons", BEACON_ID, "rounds", round]) => self.round(round, now, true),
            _ => StatusCode::NOT_FOUND.into_response(),
        }
    }

    fn info(&self) -> Response {
        json_response(&json!(self.chain.info()), None)
    }

    fn info_v2(&self) -> Response {
        let info = self.chain.info();
        let info = json!({
            "public_key": const_hex::encode(&info.public_key),
            "period": info.period,
            "genesis_time": info.genesis_time,
            "genesis_seed": const_hex::encode(info.group_hash),
            "chain_hash": const_hex::encode(info.hash),
            "scheme": info.scheme.name(),
            "beacon_id": BEACON_ID,
        });
        json_response(&info, None)
    }

    fn health(&self, now: u64) -> Response {
        let current = self.chain.schedule().round_at(now).unwrap_or_default();
        json_response(&json!({"current": current, "expected": current}), None)
    }

    fn round(&self, text: &str, now: u64, v2: bool) -> Response {
        let schedule = self.chain.schedule();
        let newest = schedule.round_at(now).unwrap_or_default();
        let latest = text == "latest" || text == "0";
        let asked = if latest { Ok(newest) } else { text.parse() };
        let Ok(round) = asked else {
            return StatusCode::BAD_REQUEST.into_response();
        };
        if round.0 == 0 || round > newest {
            // Like drand's relays: 404, which caches may keep until the round is due.
            let due = schedule.time_of(round.max(BeaconRound(1)));
            let wait = due.map_or(0, |due| due.saturating_sub(now));
            return (StatusCode::NOT_FOUND, [(header::CACHE_CONTROL, max_age(wait))]).into_response();
        }
        let beacon = self.sign(round);
        let signature = const_hex::encode(&beacon.signature);
        let body = match v2 {
            true => json!({"round": round, "signature": signature}),
            false => json!(beacon),
        };
        let age = match latest {
            true => schedule
                .time_of(BeaconRound(round.0 + 1))
                .map_or(0, |next| next.saturating_sub(now)),
            false => 604_800,
        };
        json_response(&body, Some(age))
    }
}

fn json_response(body: &serde_json::Value, age: Option<u64>) -> Response {
    let age = age.map_or(HeaderValue::from_static("no-cache"), max_age);
    let json = HeaderValue::from_static("application/json");
    let headers = [(header::CONTENT_TYPE, json), (header::CACHE_CONTROL, age)];
    (headers, body.to_string()).into_response()
}

fn max_age(seconds: u64) -> HeaderValue {
    HeaderValue::from_str(&format!("public, max-age={seconds}"))
        .unwrap_or(HeaderValue::from_static("no-cache"))
}

/// The HTTP interface of a devnet's chain.
pub fn router(devnet: Devnet, clock: impl Clock + Send + Sync + 'static) -> Router {
    let shared = Arc::new((devnet, clock));
    let answer = move |uri: Uri| {
        let shared = Arc::clone(&shared);
        async move { shared.0.answer(uri.path(), shared.1.now().as_secs()) }
    };
    Router::new().fallback(axum::routing::get(answer))
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;
    use serde_json::Value;

    use super::*;

    const GENESIS: u64 = 1_700_000_000;

    fn devnet() -> Devnet {
        Devnet::new(&[7; 32], GENESIS, 3).unwrap()
    }

    /// Status, caching and body of a response 10 seconds after genesis, when round 4 is the newest.
    async fn get(path: &str) -> (u16, String, Value) {
        let answer = devnet().answer(path, GENESIS + 10);
        let caching = answer.headers().get("cache-control");
        let caching = caching.map_or("", |value| value.to_str().unwrap()).to_owned();
        let status = answer.status().as_u16();
        let body = to_bytes(answer.into_body(), 10_000).await.unwrap();
        (status, caching, serde_json::from_slice(&body).unwrap_or_default())
    }

    #[tokio::test]
    async fn both_interfaces_give_genuine_beacons() {
        let devnet = devnet();
        let hash = const_hex::encode(devnet.chain().hash());
        for path in [
            "/public/2".to_owned(),
            format!("/{hash}/public/2"),
            format!("/v2/chains/{hash}/rounds/2"),
            "/v2/beacons/devnet/rounds/2".to_owned(),
        ] {
            let (status, caching, body) = get(&path).await;
            assert_eq!(
                (status, caching.as_str()),
                (200, "public, max-age=604800"),
                "{path}"
            );
            assert_eq!(body.get("randomness").is_some(), !path.starts_with("/v2"));
            let beacon = Beacon::from_json(body.to_string().as_bytes()).unwrap();
            assert_eq!(
                devnet.chain().verify(&beacon),
                Ok(devnet.sign(BeaconRound(2)).randomness())
            );
        }
        let (_, caching, latest) = get("/public/latest").await;
        assert_eq!(
            (latest["round"].as_u64(), caching.as_str()),
            (Some(4), "public, max-age=2")
        );
    }

    #[tokio::test]
    async fn both_forms_of_info_describe_the_chain() {
        let hash = const_hex::encode(devnet().chain().hash());
        for path in [
            "/info".to_owned(),
            format!("/{hash}/info"),
            format!("/v2/chains/{hash}/info"),
            "/v2/beacons/devnet/info".to_owned(),
        ] {
            let (_, _, info) = get(&path).await;
            assert!(!info.to_string().contains("0x"), "{info}");
            let chain = Chain::from_json(info.to_string().as_bytes()).unwrap();
            assert_eq!(&chain, devnet().chain(), "{path}");
        }
        for path in ["/chains", "/v2/chains"] {
            assert_eq!(get(path).await.2, json!([hash]));
        }
        assert_eq!(get("/health").await.2, json!({"current": 4, "expected": 4}));
    }

    #[tokio::test]
    async fn nothing_is_signed_before_its_time() {
        let (status, caching, body) = get("/public/5").await;
        assert_eq!(
            (status, caching.as_str(), body),
            (404, "public, max-age=2", Value::Null)
        );
        assert_eq!(get("/public/1000").await.0, 404);
        let early = devnet().answer("/public/latest", GENESIS - 1);
        assert_eq!(early.status(), 404);
    }

    #[tokio::test]
    async fn unknown_paths_are_not_found() {
        let other = "00".repeat(32);
        for path in [
            "/",
            "/nothing",
            &format!("/{other}/public/2"),
            &format!("/v2/chains/{other}/info"),
        ] {
            assert_eq!(get(path).await.0, 404, "{path}");
        }
        for path in ["/public/two", "/public/-1", "/public/18446744073709551616"] {
            assert_eq!(get(path).await.0, 400, "{path}");
        }
    }

    #[test]
    fn invalid_periods_are_rejected() {
        for period in [0, 1 << 32] {
            assert_eq!(
                Devnet::new(&[7; 32], GENESIS, period).unwrap_err(),
                BeaconError::Period
            );
        }
    }
}
