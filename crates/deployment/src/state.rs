//! Roles and settings of a deployment: what can change after the contracts are created.

use alloy_primitives::Address;
use assize_chain::{Announced, ChainClient, Result, Rewards, Rounds};
use assize_protocol::Parameters;
use serde::{Deserialize, Serialize};

use crate::{DeployParams, Deployment};

/// A change that is announced but not in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Coming {
    /// The new value as text.
    pub value: String,
    /// When it takes effect, Unix seconds.
    pub effective_at: u64,
}

/// Roles and settings of a deployment at one time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NetworkState {
    /// Owner of `Rounds`.
    pub rounds_owner: Address,
    /// Pending owner of `Rounds`, who has not accepted the ownership.
    pub rounds_pending_owner: Option<Address>,
    /// Owner of `Rewards`.
    pub rewards_owner: Address,
    /// Pending owner of `Rewards`, who has not accepted the ownership.
    pub rewards_pending_owner: Option<Address>,
    /// Opens rounds.
    pub coordinator: Address,
    /// Known publishers that may commit.
    pub publishers: Vec<Address>,
    /// May veto.
    pub guardian: Address,
    /// The announced guardian.
    pub next_guardian: Option<Coming>,
    /// May sign settlements, ascending.
    pub evaluators: Vec<Address>,
    /// Signatures that a settlement needs.
    pub threshold: u64,
    /// The announced evaluators.
    pub next_evaluators: Option<Coming>,
    /// Seconds between posting a settlement and its activation.
    pub challenge_window: u64,
    /// The announced shorter window.
    pub next_challenge_window: Option<Coming>,
    /// Receives the surplus.
    pub treasury: Address,
    /// When the programme ends, Unix seconds.
    pub ends_at: Option<u64>,
    /// Parameters of the next round.
    pub parameters: Parameters,
}

impl NetworkState {
    /// The state right after deployment, when the publishers are registered.
    #[must_use]
    pub fn of(params: &DeployParams) -> Self {
        let sorted = |addresses: &[Address]| {
            let mut addresses = addresses.to_vec();
            addresses.sort_unstable();
            addresses
        };
        Self {
            rounds_owner: params.owner,
            rounds_pending_owner: None,
            rewards_owner: params.owner,
            rewards_pending_owner: None,
            coordinator: params.coordinator,
            publishers: sorted(&params.publishers),
            guardian: params.guardian,
            next_guardian: None,
            evaluators: sorted(&params.evaluators),
            threshold: params.threshold,
            next_evaluators: None,
            challenge_window: params.challenge_window,
            next_challenge_window: None,
            treasury: params.treasury,
            ends_at: None,
            parameters: params.parameters,
        }
    }

    /// The state on chain. The contract keeps no list of publishers, so the known ones are queried.
    ///
    /// # Errors
    /// Those of [`ChainClient::call`].
    pub async fn read(
        client: &ChainClient,
        deployment: &Deployment,
        known_publishers: &[Address],
    ) -> Result<Self> {
        let rounds = Rounds::new(client.clone(), deployment.rounds);
        let rewards = Rewards::new(client.clone(), deployment.rewards);
        let evaluators = rewards.evaluators().await?;
        let mut publishers = Vec::new();
        for &publisher in known_publishers {
            if rounds.is_publisher(publisher).await? {
                publishers.push(publisher);
            }
        }
        publishers.sort_unstable();
        Ok(Self {
            rounds_owner: rounds.owner().await?,
            rounds_pending_owner: rounds.pending_owner().await?,
            rewards_owner: rewards.owner().await?,
            rewards_pending_owner: rewards.pending_owner().await?,
            coordinator: rounds.coordinator().await?,
            publishers,
            guardian: rewards.guardian().await?,
            next_guardian: rewards
                .next_guardian()
                .await?
                .map(|next| coming(next, |guardian| guardian.to_string())),
            evaluators: evaluators.set,
            threshold: evaluators.threshold,
            next_evaluators: rewards.next_evaluators().await?.map(|next| {
                coming(next, |next| {
                    format!("{} of {}", next.threshold, addresses(&next.set))
                })
            }),
            challenge_window: rewards.challenge_window().await?,
            next_challenge_window: rewards
                .next_challenge_window()
                .await?
                .map(|next| coming(next, |window| format!("{window} s"))),
            treasury: rewards.treasury().await?,
            ends_at: rewards.ends_at().await?,
            parameters: rounds.parameters().await?,
        })
    }

    /// The state as text, by name: two states differ in the lines that differ.
    #[must_use]
    pub fn lines(&self) -> Vec<(&'static str, String)> {
        fn or_none<T>(value: Option<&T>, show: impl Fn(&T) -> String) -> String {
            value.map_or_else(|| "none".into(), show)
        }
        let next = |change: &Option<Coming>| {
            or_none(change.as_ref(), |change| {
                format!("{} from {} on", change.value, change.effective_at)
            })
        };
        let p = &self.parameters;
        let address = |address: &Address| address.to_string();
        vec![
            ("owner of Rounds", self.rounds_owner.to_string()),
            (
                "pending owner of Rounds",
                or_none(self.rounds_pending_owner.as_ref(), address),
            ),
            ("owner of Rewards", self.rewards_owner.to_string()),
            (
                "pending owner of Rewards",
                or_none(self.rewards_pending_owner.as_ref(), address),
            ),
            ("coordinator", self.coordinator.to_string()),
            ("publishers", addresses(&self.publishers)),
            ("guardian", self.guardian.to_string()),
            ("announced guardian", next(&self.next_guardian)),
            ("evaluators", addresses(&self.evaluators)),
            ("threshold", self.threshold.to_string()),
            ("announced evaluators", next(&self.next_evaluators)),
            ("challengeWindow", format!("{} s", self.challenge_window)),
            ("announced challengeWindow", next(&self.next_challenge_window)),
            ("treasury", self.treasury.to_string()),
            ("end", or_none(self.ends_at.as_ref(), u64::to_string)),
            ("parameters.roundDuration", p.round_duration.to_string()),
            ("parameters.beaconDelay", p.beacon_delay.to_string()),
            ("parameters.commitGrace", p.commit_grace.to_string()),
            ("parameters.minCommitteeSize", p.min_committee_size.to_string()),
            ("parameters.maxCommitteeSize", p.max_committee_size.to_string()),
            ("parameters.quorum", p.quorum.to_string()),
            (
                "parameters.maxTasksPerCommittee",
                p.max_tasks_per_committee.to_string(),
            ),
            ("parameters.targetMeasurements", p.target_measurements.to_string()),
            ("parameters.budget", p.budget.atto().to_string()),
        ]
    }
}

fn coming<T>(change: Announced<T>, show: impl Fn(&T) -> String) -> Coming {
    Coming {
        value: show(&change.value),
        effective_at: change.effective_at,
    }
}

fn addresses(addresses: &[Address]) -> String {
    if addresses.is_empty() {
        return "none".into();
    }
    let listed: Vec<_> = addresses.iter().map(Address::to_string).collect();
    listed.join(", ")
}
