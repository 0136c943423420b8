//! `assize check`.

use assize_chain::ChainClient;
use assize_measurement::RetrievalResult;
use assize_protocol::{PayloadCid, ProviderId};
use assize_retrieve::{IndexerResult, Retrieval};
use clap::Args;
use eyre::WrapErr;
use serde_json::{Value, json};

use crate::args::FormatArgs;
use crate::args::retrieval::RetrievalArgs;
use crate::output::Outcome;

/// Retrieve one payload from one provider as a checker does, and explain every step.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// CID of the payload.
    cid: PayloadCid,
    /// Provider, f0….
    #[arg(long, value_name = "ID")]
    provider: ProviderId,
    /// RPC node.
    #[arg(
        long,
        env = "ASSIZE_RPC_URL",
        value_name = "URL",
        hide_env_values = true,
        default_value = "https://api.node.glif.io/rpc/v1"
    )]
    rpc_url: String,
    /// Chain id [default: the node's]; on 314, Curio's peer ids are used too.
    #[arg(long, value_name = "ID")]
    chain_id: Option<u64>,
    #[command(flatten)]
    format: FormatArgs,
    #[command(flatten)]
    retrieval: RetrievalArgs,
}

pub(crate) async fn run(args: &CheckArgs) -> eyre::Result<Outcome> {
    let chain_id = match args.chain_id {
        Some(id) => id,
        None => {
            let client = ChainClient::connect(&args.rpc_url.parse()?).await;
            client
                .wrap_err("name the node's chain with --chain-id, or another node with --rpc-url")?
                .chain_id()
        }
    };
    let retriever = args.retrieval.retriever(&args.rpc_url, chain_id)?;
    let retrieval = retriever.retrieve(args.cid, args.provider).await?;
    let result = retrieval.result();
    args.format.print(&report(&retrieval), || explain(&retrieval))?;
    Ok(match result.is_ok() {
        true => Outcome::Done,
        false => Outcome::CheckFailed,
    })
}

fn explain(retrieval: &Retrieval) -> String {
    let mut text = format!("{} from {}\n", retrieval.cid, retrieval.provider);
    for step in &retrieval.steps {
        let mark = if step.ok { "ok  " } else { "FAIL" };
        text.push_str(&format!("\n  {mark}  {step}"));
    }
    text.push_str(&format!("\n\n{}", retrieval.result()));
    if let Some((first, start)) = retrieval.first_byte_at.zip(retrieval.start_at) {
        text.push_str(&format!(
            "; first byte after {} ms, {} bytes",
            first.0 - start.0,
            retrieval.received
        ));
    }
    if let Some(advice) = advice(retrieval) {
        text.push_str(&format!("\n{advice}"));
    }
    text
}

fn report(retrieval: &Retrieval) -> Value {
    let ttfb = retrieval.first_byte_at.zip(retrieval.start_at);
    let took = retrieval.end_at.zip(retrieval.start_at);
    json!({
        "cid": retrieval.cid.to_string(),
        "provider": retrieval.provider,
        "result": retrieval.result().to_string(),
        "ok": retrieval.result().is_ok(),
        "advice": advice(retrieval),
        "peerId": retrieval.peer_id,
        "indexerResult": retrieval.indexer_result.to_string(),
        "protocol": retrieval.protocol.map(|protocol| protocol.to_string()),
        "address": retrieval.address,
        "servedBy": retrieval.served_by,
        "statusCode": retrieval.status_code,
        "headStatusCode": retrieval.head_status_code,
        "timeout": retrieval.timeout,
        "carTooLarge": retrieval.car_too_large,
        "byteLength": retrieval.byte_length,
        "carChecksum": retrieval.car_checksum,
        "received": retrieval.received,
        "ttfbMs": ttfb.map(|(first, start)| first.0 - start.0),
        "tookMs": took.map(|(end, start)| end.0 - start.0),
        "steps": retrieval.steps.iter().map(|step| json!({
            "asked": step.asked,
            "answered": step.answered,
            "ok": step.ok,
            "tookMs": step.took.as_millis() as u64,
        })).collect::<Vec<_>>(),
    })
}

/// What the provider can do; none if the retrieval succeeded.
fn advice(retrieval: &Retrieval) -> Option<String> {
    if retrieval.peer_id.is_none() && !retrieval.result().is_ok() {
        return Some(
            "The provider has no peer id on chain, so its advertisements cannot be recognised. Set it with \
             `lotus-miner actor set-peer-id`, or with Curio in the contract MinerPeerIDMapping."
                .into(),
        );
    }
    if !retrieval.fetched() && retrieval.indexer_result == IndexerResult::HttpNotAdvertised {
        return Some(
            "The provider advertises only Graphsync, so nothing was fetched. Serve HTTP (a trustless gateway: booster-http, or \
             Curio's market) and advertise it as transport-ipfs-gateway-http."
                .into(),
        );
    }
    let text = match retrieval.result() {
        RetrievalResult::Ok => return None,
        RetrievalResult::Ipni(code) => return Some(indexing(&code)),
        RetrievalResult::Timeout => {
            "Timeout: no byte for 60 s, or more than 90 s in total. Check that an unsealed copy is kept, and what delays the server."
        }
        RetrievalResult::CarTooLarge => {
            "The server sent more than 200 MiB for one block. Answer `dag-scope=block` with that block alone."
        }
        RetrievalResult::UnsupportedMultiaddrFormat => {
            "The advertised address is not supported. Advertise /dns/NAME/tcp/443/https, or \
             /ip4/ADDRESS/tcp/PORT/http."
        }
        RetrievalResult::HostnameDnsError => {
            "The advertised name does not resolve. Fix its DNS records, or advertise another name."
        }
        RetrievalResult::ConnectionRefused => {
            "The advertised address refused the connection, or is not on the public Internet. Start the server there, open the \
             firewall, and advertise a public address."
        }
        RetrievalResult::UnsupportedCidHashAlgo => {
            "The payload's hash function is not supported; the provider can do nothing about it."
        }
        RetrievalResult::ContentVerificationFailed => {
            "The response is not the payload: it is empty, or its hash differs. Check the stored data, and send the requested block."
        }
        RetrievalResult::UnexpectedCarBlock => {
            "The CAR has blocks that were not requested. Answer `dag-scope=block` with that block alone."
        }
        RetrievalResult::CannotParseCarFile => {
            "The response is not a CAR. Answer `Accept: application/vnd.ipld.car` with a CARv1, not with HTML."
        }
        RetrievalResult::Http(404 | 410) => {
            "The server does not have the payload. Check that it is unsealed and indexed, or withdraw the advertisement."
        }
        RetrievalResult::Http(401..=403) => {
            "The server requires a login or payment. Only payloads that anyone can retrieve count."
        }
        RetrievalResult::Http(429) => {
            "The server limits requests. Checkers send few, each from its own address: raise the limit."
        }
        RetrievalResult::Http(300..=399) => {
            "The server redirects in a loop, too often, or to an unreachable address. Advertise the final address."
        }
        RetrievalResult::Http(500..=599) => "The server failed. See its logs at this time.",
        RetrievalResult::Http(_) => "The server refused the request; see the step above.",
        RetrievalResult::Lassie(_) => {
            "The retrieval over Graphsync failed. Serve HTTP (a trustless gateway) and advertise it: it is simpler to run."
        }
        _ => {
            "The transfer was interrupted, or was not valid HTTP; see the step above. Check proxies and timeouts in front of the server."
        }
    };
    Some(text.into())
}

fn indexing(code: &str) -> String {
    match code {
        "NO_VALID_ADVERTISEMENT" => {
            "Others advertise this payload, but this provider does not over a known protocol. Announce it \
             to the indexers, under the peer id on chain."
                .into()
        }
        "ERROR_404" => {
            "No indexer has this payload. Announce the deal's contents to the indexers (IPNI), and check \
             on https://cid.contact that they were ingested."
                .into()
        }
        _ => {
            format!("The indexer failed ({code}), which says nothing about the provider. Try again later.")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_indexer_failure_has_a_remedy() {
        assert!(indexing("ERROR_404").contains("Announce"));
        assert!(indexing("NO_VALID_ADVERTISEMENT").contains("peer id"));
        assert!(indexing("ERROR_FETCH").contains("ERROR_FETCH"));
    }
}
