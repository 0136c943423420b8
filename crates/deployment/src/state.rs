//! Roles and settings of a deployment: what can change after the contracts are created.

use alloy_primitives::Address;
use assize_chain::{Announced, ChainClient, Result, Rewards, Roles, Rounds};
use assize_protocol::Parameters;
use serde::{Deserialize, Serialize};

use crate::words::{listed, parameter_values, parameters_on_a_line};
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
    /// Announces changes.
    pub owner: Address,
    /// The pending owner, who has not accepted the ownership.
    pub pending_owner: Option<Address>,
    /// Opens rounds; null if it was suspended.
    pub coordinator: Option<Address>,
    /// The announced coordinator.
    pub next_coordinator: Option<Coming>,
    /// Known publishers that may commit.
    pub publishers: Vec<Address>,
    /// What is announced of known publishers.
    pub next_publishers: Vec<Coming>,
    /// Vetoes, suspends and cancels.
    pub guardian: Address,
    /// The announced guardian.
    pub next_guardian: Option<Coming>,
    /// May sign settlements, ascending.
    pub evaluators: Vec<Address>,
    /// Signatures that a settlement needs.
    pub threshold: u64,
    /// The announced evaluators.
    pub next_evaluators: Option<Coming>,
    /// Seconds between posting a settlement and its activation, and between the announcement of a change and its effect.
    pub challenge_window: u64,
    /// The announced shorter window.
    pub next_challenge_window: Option<Coming>,
    /// Receives the surplus.
    pub treasury: Address,
    /// When the programme ends, Unix seconds.
    pub ends_at: Option<u64>,
    /// Parameters of a round that is opened now.
    pub parameters: Parameters,
    /// The announced parameters.
    pub next_parameters: Option<Coming>,
}

impl NetworkState {
    /// The state right after deployment.
    #[must_use]
    pub fn of(params: &DeployParams) -> Self {
        let sorted = |addresses: &[Address]| {
            let mut addresses = addresses.to_vec();
            addresses.sort_unstable();
            addresses
        };
        Self {
            owner: params.owner,
            pending_owner: None,
            coordinator: Some(params.coordinator),
            next_coordinator: None,
            publishers: sorted(&params.publishers),
            next_publishers: Vec::new(),
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
            next_parameters: None,
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
        let roles = Roles::new(client.clone(), deployment.roles);
        let rounds = Rounds::new(client.clone(), deployment.rounds);
        let rewards = Rewards::new(client.clone(), deployment.rewards);
        let evaluators = roles.evaluators().await?;
        let (publishers, next_publishers) = publishers(&rounds, known_publishers).await?;
        Ok(Self {
            owner: roles.owner().await?,
            pending_owner: roles.pending_owner().await?,
            coordinator: rounds.coordinator().await?,
            next_coordinator: coming(rounds.next_coordinator().await?, Address::to_string),
            publishers,
            next_publishers,
            guardian: roles.guardian().await?,
            next_guardian: coming(roles.next_guardian().await?, Address::to_string),
            evaluators: evaluators.set,
            threshold: evaluators.threshold,
            next_evaluators: coming(roles.next_evaluators().await?, |next| {
                format!("{} of {}", next.threshold, listed(&next.set))
            }),
            challenge_window: roles.challenge_window().await?,
            next_challenge_window: coming(roles.next_challenge_window().await?, |window| {
                format!("{window} s")
            }),
            treasury: rewards.treasury().await?,
            ends_at: rewards.ends_at().await?,
            parameters: rounds.parameters().await?,
            next_parameters: coming(rounds.next_parameters().await?, parameters_on_a_line),
        })
    }

    /// The state as text, by name: two states differ in the lines that differ.
    #[must_use]
    pub fn lines(&self) -> Vec<(&'static str, String)> {
        fn or_none<T>(value: Option<&T>, show: impl Fn(&T) -> String) -> String {
            value.map_or_else(|| "none".into(), show)
        }
        let next = |change: &Option<Coming>| or_none(change.as_ref(), Coming::on_a_line);
        let publishers: Vec<_> = self.next_publishers.iter().map(Coming::on_a_line).collect();
        let mut lines = vec![
            ("owner", self.owner.to_string()),
            (
                "pending owner",
                or_none(self.pending_owner.as_ref(), Address::to_string),
            ),
            (
                "coordinator",
                or_none(self.coordinator.as_ref(), Address::to_string),
            ),
            ("announced coordinator", next(&self.next_coordinator)),
            ("publishers", listed(&self.publishers)),
            (
                "announced publishers",
                match publishers.is_empty() {
                    true => "none".into(),
                    false => publishers.join(", "),
                },
            ),
            ("guardian", self.guardian.to_string()),
            ("announced guardian", next(&self.next_guardian)),
            ("evaluators", listed(&self.evaluators)),
            ("threshold", self.threshold.to_string()),
            ("announced evaluators", next(&self.next_evaluators)),
            ("challengeWindow", format!("{} s", self.challenge_window)),
            ("announced challengeWindow", next(&self.next_challenge_window)),
            ("treasury", self.treasury.to_string()),
            ("end", or_none(self.ends_at.as_ref(), u64::to_string)),
        ];
        lines.extend(
            PARAMETERS
                .into_iter()
                .zip(parameter_values(&self.parameters).map(|(_, value)| value)),
        );
        lines.push(("announced parameters", next(&self.next_parameters)));
        lines
    }
}

/// The names of [`parameter_values`] in a state.
const PARAMETERS: [&str; 9] = [
    "parameters.roundDuration",
    "parameters.beaconDelay",
    "parameters.step",
    "parameters.minCommitteeSize",
    "parameters.maxCommitteeSize",
    "parameters.quorum",
    "parameters.maxTasksPerCommittee",
    "parameters.targetMeasurements",
    "parameters.budget",
];

impl Coming {
    fn on_a_line(&self) -> String {
        format!("{} from {} on", self.value, self.effective_at)
    }
}

/// Which of the known publishers may commit batches of a round that is opened now, and what is announced of them.
async fn publishers(rounds: &Rounds, known: &[Address]) -> Result<(Vec<Address>, Vec<Coming>)> {
    let now = rounds.client().head().await?.timestamp;
    let (mut admitted, mut announced) = (Vec::new(), Vec::new());
    let mut known = known.to_vec();
    known.sort_unstable();
    for publisher in known {
        let Some(admission) = rounds.admission_of(publisher).await? else {
            continue;
        };
        if admission.covers(now) {
            admitted.push(publisher);
        }
        let later = [(Some(admission.from), "admitted"), (admission.until, "removed")];
        for (at, what) in later {
            if let Some(effective_at) = at.filter(|&at| at > now) {
                let value = format!("{publisher} {what}");
                announced.push(Coming { value, effective_at });
            }
        }
    }
    Ok((admitted, announced))
}

fn coming<T>(change: Option<Announced<T>>, show: impl Fn(&T) -> String) -> Option<Coming> {
    change.map(|change| Coming {
        value: show(&change.value),
        effective_at: change.effective_at,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_have_their_own_names() {
        let values = parameter_values(&Parameters::default());
        for (name, (key, _)) in PARAMETERS.into_iter().zip(values) {
            assert_eq!(name, format!("parameters.{key}"));
        }
    }
}
