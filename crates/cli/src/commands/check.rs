//! `assize check`.

use assize_measurement::RetrievalResult;
use assize_protocol::{PayloadCid, ProviderId};
use assize_retrieve::{IndexerResult, Retrieval};
use clap::Args;
use serde_json::{Value, json};

use super::checker::retrieval::RetrievalArgs;
use crate::output::{self, Outcome};

/// Chain id of Filecoin mainnet.
const MAINNET: u64 = 314;

/// Retrieve one payload from one provider now, as a checker does, and explain every step.
///
/// For providers who want to know why they fail. Needs no key and no coordinator. Exits with 1 if the retrieval fails.
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// The payload's CID.
    cid: PayloadCid,
    /// The provider, f0….
    #[arg(long, value_name = "ID")]
    provider: ProviderId,
    /// JSON-RPC endpoint of a Filecoin node.
    #[arg(
        long,
        env = "ASSIZE_RPC_URL",
        value_name = "URL",
        hide_env_values = true,
        default_value = "https://api.node.glif.io/rpc/v1"
    )]
    rpc_url: String,
    /// EIP-155 id of that node's chain: on 314, mainnet, Curio's contract of peer ids is asked too.
    #[arg(long, value_name = "ID", default_value_t = MAINNET)]
    chain_id: u64,
    #[command(flatten)]
    retrieval: RetrievalArgs,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(args: &CheckArgs) -> eyre::Result<Outcome> {
    let retriever = args.retrieval.retriever(&args.rpc_url, args.chain_id)?;
    let retrieval = retriever.retrieve(args.cid, args.provider).await?;
    let result = retrieval.result();
    output::either(args.json, &report(&retrieval), || explain(&retrieval))?;
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

/// What the provider can do about it; nothing if it went well.
fn advice(retrieval: &Retrieval) -> Option<String> {
    if retrieval.peer_id.is_none() && !retrieval.result().is_ok() {
        return Some(
            "The chain knows no peer id of this provider, so no advertisement can be found to be its own. Set it: \
             `lotus-miner actor set-peer-id`, or with Curio in the contract MinerPeerIDMapping."
                .into(),
        );
    }
    if !retrieval.fetched() && retrieval.indexer_result == IndexerResult::HttpNotAdvertised {
        return Some(
            "The provider advertises Graphsync alone, so nothing was fetched. Serve HTTP (a trustless gateway: booster-http, or \
             Curio's market) and advertise it as transport-ipfs-gateway-http."
                .into(),
        );
    }
    let text = match retrieval.result() {
        RetrievalResult::Ok => return None,
        RetrievalResult::Ipni(code) => return Some(indexing(&code)),
        RetrievalResult::Timeout => {
            "It took longer than clients wait: 60 s without a byte, or 90 s in all. See whether an unsealed copy is kept, and \
             what the server waits for."
        }
        RetrievalResult::CarTooLarge => {
            "More than 200 MiB came for one block. Answer `dag-scope=block` with that block alone."
        }
        RetrievalResult::UnsupportedMultiaddrFormat => {
            "The advertised address is none that can be fetched from. Advertise /dns/NAME/tcp/443/https, or \
             /ip4/ADDRESS/tcp/PORT/http."
        }
        RetrievalResult::HostnameDnsError => {
            "The advertised name cannot be resolved. Mend its DNS records, or advertise another name."
        }
        RetrievalResult::ConnectionRefused => {
            "Nobody could be connected to at the advertised address, or it is not on the public Internet. Let the server listen \
             there, open the firewall, and advertise a public address."
        }
        RetrievalResult::UnsupportedCidHashAlgo => {
            "The payload's hash function is none that can be checked; the provider can do nothing about it."
        }
        RetrievalResult::ContentVerificationFailed => {
            "What came is not the payload: it was empty, or its hash is another. See whether the stored data is whole, and send \
             the block that was asked for."
        }
        RetrievalResult::UnexpectedCarBlock => {
            "The CAR has blocks that were not asked for. Answer `dag-scope=block` with that block alone."
        }
        RetrievalResult::CannotParseCarFile => {
            "What came is no CAR. Answer `Accept: application/vnd.ipld.car` with a CARv1, and not with a page of HTML."
        }
        RetrievalResult::Http(404 | 410) => {
            "The server does not have the payload. See whether it is unsealed and indexed, and withdraw the advertisement if it \
             is not to be served."
        }
        RetrievalResult::Http(401..=403) => {
            "The server refuses strangers. Only what everybody can retrieve, without login or payment, counts."
        }
        RetrievalResult::Http(429) => {
            "The server has had too many requests. Checkers send few, each from an address of its own: raise the limit."
        }
        RetrievalResult::Http(300..=399) => {
            "The server redirects in a circle, too often, or to where nobody can follow. Advertise the address that serves."
        }
        RetrievalResult::Http(500..=599) => "The server failed. Its logs at this time should say why.",
        RetrievalResult::Http(_) => "The server refused the request; see the step above for what it was.",
        RetrievalResult::Lassie(_) => {
            "The retrieval over Graphsync failed. Serve HTTP (a trustless gateway) and advertise it: it is simpler to run."
        }
        _ => {
            "The transfer broke off, or was no proper HTTP; see the step above. Look at proxies and time limits before the server."
        }
    };
    Some(text.into())
}

fn indexing(code: &str) -> String {
    match code {
        "NO_VALID_ADVERTISEMENT" => {
            "Others advertise this payload, but not this provider's peer id over a known protocol. Announce \
             it to the indexers, under the peer id that the chain has."
                .into()
        }
        "ERROR_404" => {
            "No indexer knows this payload. Announce the deal's contents to the indexers (IPNI), and see on \
             https://cid.contact whether they were taken in."
                .into()
        }
        _ => {
            format!("The indexer could not tell ({code}): nothing is known of the provider. Try again later.")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_failure_to_be_found_has_a_remedy() {
        assert!(indexing("ERROR_404").contains("Announce"));
        assert!(indexing("NO_VALID_ADVERTISEMENT").contains("peer id"));
        assert!(indexing("ERROR_FETCH").contains("ERROR_FETCH"));
    }
}
