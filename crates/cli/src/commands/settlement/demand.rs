//! `assize settlement demand`, `answer`, `lapse` and `withdraw-bond`: places of a pending settlement that somebody must show.

use assize_chain::{Place, Settlement, SettlementId, Status};
use assize_protocol::address::parse_operator;
use assize_protocol::allocations_in;
use assize_protocol::{Address, Allocation, positional::Tree};
use assize_service::{DataDir, duration, moment};
use assize_store::Source;
use clap::Args;
use eyre::{OptionExt, WrapErr, ensure};
use serde_json::json;

use crate::args::{ChainArgs, FormatArgs, KeyArgs, SourceArgs};
use crate::connect::Network;
use crate::evidence::source;
use crate::output::Outcome;
use crate::send::{Action, Role, SendArgs};

/// Demand that a place of a pending settlement be shown, against a bond.
#[derive(Debug, Args)]
pub struct DemandArgs {
    #[command(flatten)]
    place: PlaceArgs,
    #[command(flatten)]
    how: HowArgs,
}

/// Show the demanded places of a pending settlement, for their bonds.
#[derive(Debug, Args)]
pub struct AnswerArgs {
    /// Settlement in its challenge window.
    settlement: u64,
    #[command(flatten)]
    source: SourceArgs,
    #[command(flatten)]
    how: HowArgs,
}

/// Close an unanswered demand: void the settlement if it is pending, return the bond.
///
/// While the settlement is pending, possible once the time to answer has passed. The bond is owed to the demander again; `withdraw-bond` has
/// the Court pay it.
#[derive(Debug, Args)]
pub struct LapseArgs {
    /// Settlement of the demand, pending or not.
    settlement: u64,
    /// Demanded place in its rewards tree, from 0.
    place: u32,
    #[command(flatten)]
    how: HowArgs,
}

/// Pay an address the bonds that the Court owes it.
#[derive(Debug, Args)]
pub struct WithdrawArgs {
    /// 0x or f410 address.
    #[arg(value_parser = parse_operator)]
    address: Address,
    #[command(flatten)]
    how: HowArgs,
}

#[derive(Debug, Args)]
struct PlaceArgs {
    /// Settlement in its challenge window.
    settlement: u64,
    /// Place in its rewards tree, from 0.
    place: u32,
}

#[derive(Debug, Args)]
struct HowArgs {
    #[command(flatten)]
    send: SendArgs,
    #[command(flatten)]
    format: FormatArgs,
    #[command(flatten)]
    chain: ChainArgs,
    #[command(flatten)]
    key: KeyArgs,
}

impl HowArgs {
    async fn run(&self, network: &Network, action: Action) -> eyre::Result<Outcome> {
        action.run(network, &self.key, &self.send, self.format).await
    }
}

pub(super) async fn demand(args: &DemandArgs, data: &DataDir) -> eyre::Result<Outcome> {
    let network = Network::connect_to_send(&args.how.chain, data).await?;
    let PlaceArgs { settlement, place } = args.place;
    let settlement = pending(&network, settlement).await?;
    let bond = network.court.bond().await?;
    let now = network.client.head().await?.timestamp;
    let effect = format!(
        "whoever has the document of settlement {id} must show its place {place} within {}, or anyone can void it until {}: `assize \
         settlement lapse {id} {place}`; the bond of {bond} is theirs, or yours again if nobody shows it",
        duration(network.court.answer_window().await?),
        moment(settlement.active_at, now),
        id = settlement.id,
    );
    let draft = network
        .court
        .demand(settlement.id, settlement.proposal.root, place, bond);
    args.how
        .run(&network, Action::new(Role::Anyone, draft, effect))
        .await
}

pub(super) async fn answer(args: &AnswerArgs, data: &DataDir) -> eyre::Result<Outcome> {
    let network = Network::connect_to_send(&args.how.chain, data).await?;
    let settlement = pending(&network, args.settlement).await?;
    let mut demands = network.court.demands(&settlement).await?;
    demands.retain(|demand| demand.open);
    if demands.is_empty() {
        let report = json!({"settlement": settlement.id, "demands": []});
        args.how.format.print(&report, || {
            format!("nothing of settlement {} is demanded", settlement.id)
        })?;
        return Ok(Outcome::Done);
    }
    let allocations = allocations(&settlement, &*source(&args.source, data)?)?;
    let tree = Tree::new(allocations.iter().map(Allocation::leaf).collect());
    ensure!(
        tree.root() == settlement.proposal.root,
        "the document of settlement {} does not have the root on chain: nothing can be shown",
        settlement.id
    );
    let now = network.client.head().await?.timestamp;
    let mut outcome = Outcome::Done;
    for demand in demands {
        let shown = allocations
            .get(demand.index as usize)
            .zip(tree.proof(demand.index));
        let (&allocation, proof) = shown.ok_or_eyre("a place is demanded that the document does not have")?;
        let place = Place {
            index: demand.index,
            allocation,
            proof,
        };
        let effect = format!(
            "place {} of settlement {} is shown, which is due by {}; the bond of {} is owed to the sender",
            demand.index,
            settlement.id,
            moment(demand.due_at, now),
            demand.bond
        );
        let draft = network.court.answer(settlement.id, &place)?;
        let action = Action::new(Role::Anyone, draft, effect);
        if args.how.run(&network, action).await? == Outcome::CheckFailed {
            outcome = Outcome::CheckFailed;
        }
    }
    Ok(outcome)
}

pub(super) async fn lapse(args: &LapseArgs, data: &DataDir) -> eyre::Result<Outcome> {
    let network = Network::connect_to_send(&args.how.chain, data).await?;
    let &LapseArgs {
        settlement, place, ..
    } = args;
    // Of one that is not pending, this is how its demander gets the bond.
    let settlement = network.rewards.settlement(SettlementId(settlement)).await?;
    let (id, is_pending) = (settlement.id, settlement.status == Status::Pending);
    let demanded = network.court.demand_of(id, place).await?;
    ensure!(
        demanded.is_some_and(|demand| demand.open),
        "there is no open demand for place {place} of settlement {id}: `assize settlement show {id}` lists those that there are"
    );
    let void = match is_pending {
        true => format!(
            "settlement {id} and all later ones built on it are void, since nobody showed place {place}; "
        ),
        false => String::new(),
    };
    let effect = format!("{void}the bond is owed again to who demanded place {place}");
    let draft = network.court.lapse(id, place);
    args.how
        .run(&network, Action::new(Role::Anyone, draft, effect))
        .await
}

pub(super) async fn withdraw(args: &WithdrawArgs, data: &DataDir) -> eyre::Result<Outcome> {
    let network = Network::connect_to_send(&args.how.chain, data).await?;
    let owed = network.court.owed(args.address).await?;
    let effect = format!("the Court pays {owed} to {}", args.address);
    let draft = network.court.withdraw(args.address);
    args.how
        .run(&network, Action::new(Role::Anyone, draft, effect))
        .await
}

async fn pending(network: &Network, settlement: u64) -> eyre::Result<Settlement> {
    let settlement = network.rewards.settlement(SettlementId(settlement)).await?;
    ensure!(
        settlement.status == Status::Pending,
        "settlement {} is {}: only of one in its challenge window can places be demanded and shown",
        settlement.id,
        settlement.status
    );
    Ok(settlement)
}

fn allocations(settlement: &Settlement, source: &dyn Source) -> eyre::Result<Vec<Allocation>> {
    let cid = settlement.proposal.cid;
    let missing = || format!("the document {cid} of settlement {}", settlement.id);
    let document = source.get(&cid).wrap_err_with(missing)?;
    allocations_in(&document).wrap_err_with(missing)
}
