//! Files that evaluators object to: the guardian keeps those that can be read (docs/protocol.md §11.3).

use assize_drand::{BeaconSource, Verified};
use assize_facts::FileKey;
use assize_store::Source;
use assize_verify::{Evidence, VerifyError, read_rounds};

use super::{GuardianError, Parts};

/// A file that can be dropped unless it is kept.
#[derive(Debug)]
pub(super) struct Objected {
    pub(super) file: FileKey,
    /// From when it can be dropped, Unix seconds.
    pub(super) drops_from: u64,
    /// Why it cannot be read, if it cannot.
    pub(super) fault: Option<VerifyError>,
}

/// The files to which enough evaluators object and that were neither dropped nor kept, each tried now. Blocks for as long as the
/// sources need.
pub(super) async fn objected(parts: &Parts) -> Result<Vec<Objected>, GuardianError> {
    let said = parts.rewards.objections().await?;
    if said.is_empty() {
        return Ok(Vec::new());
    }
    let set = parts.rewards.roles().await?.evaluators().await?.version;
    // What is settled cannot be dropped any more.
    let settled = match parts.rewards.head().await? {
        Some(head) => parts.rewards.settlement(head).await?.proposal.last_round.0,
        None => 0,
    };
    let mut objected = Vec::new();
    for (file, said) in said {
        if let Some(drops_from) = said.due_from(set).filter(|_| file.round.0 > settled) {
            let fault = read(parts, &*parts.store, &parts.beacons, file).await?;
            objected.push(Objected {
                file,
                drops_from,
                fault,
            });
        }
    }
    Ok(objected)
}

/// Why a file cannot be read, if it cannot.
async fn read<B: BeaconSource + Sync>(
    parts: &Parts,
    store: &dyn Source,
    beacons: &Verified<B>,
    file: FileKey,
) -> Result<Option<VerifyError>, VerifyError> {
    let reading = read_rounds(&parts.rounds, &parts.rewards, file.round, file.round).await?;
    let evidence = Evidence {
        chain: &reading.facts,
        own: &reading.own,
        elsewhere: &|_, _| None,
        store,
        beacons,
        progress: &|_| {},
    };
    Ok(tokio::task::block_in_place(|| evidence.read(file)).err())
}
