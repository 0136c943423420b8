//! Rules for deployment parameters. `contracts/script/ParameterFile.sol` applies the same on mainnet.

use std::collections::BTreeSet;

use alloy_primitives::{Address, address};
use assize_protocol::actor_id;
use assize_service::duration;

use crate::bounds;
use crate::params::{self, BeaconParams, CALIBRATION, DeployParams, MAINNET};
use crate::problems::{Problem, Weight};

const DAY: u64 = 86_400;
const HOUR: u64 = 3_600;
/// Seconds of an epoch of Filecoin.
const EPOCH: u32 = 30;
/// `Roles.MAX_CHALLENGE_WINDOW`.
const MAX_CHALLENGE_WINDOW: u64 = 30 * DAY;
/// `Roles.MAX_EVALUATORS`.
const MAX_EVALUATORS: usize = 32;
/// `Rewards.MIN_PAYMENT_GAS`.
const MIN_PAYMENT_GAS: u64 = 50_000;
/// `Rewards.MIN_PAYMENT_GAS_ON_FILECOIN`: Filecoin counts about 450 times as much gas as Ethereum.
const MIN_FILECOIN_PAYMENT_GAS: u64 = 30_000_000;
/// Twice this must be left before each payment of a batch, and a block on Ethereum's scale has 30 000 000.
const MAX_PAYMENT_GAS_ELSEWHERE: u64 = 10_000_000;
/// Filecoin's precompiles begin with this byte, and eighteen zeros follow.
const FILECOIN_PRECOMPILE: u8 = 0xfe;

/// The accounts of the mnemonic "test test test test test test test test test test test junk", whose keys are public.
const PUBLIC_KEYS: [Address; 10] = [
    address!("f39Fd6e51aad88F6F4ce6aB8827279cffFb92266"),
    address!("70997970C51812dc3A010C7d01b50e0d17dc79C8"),
    address!("3C44CdDdB6a900fa2b585dd299e03d12FA4293BC"),
    address!("90F79bf6EB2c4f870365E785982E1f101E93b906"),
    address!("15d34AAf54267DB7D7c367839AAf71A00a2C6A65"),
    address!("9965507D1a55bcC2695C58ba16FB37d819B0A4dc"),
    address!("976EA74026E726554dB657fA54763abd0C3a0aa9"),
    address!("14dC79964da2C08b23698B3D3cc7Ca32193d9955"),
    address!("23618e81E3f5cdF7f54C3d65f7FBc0aBf5B21E8f"),
    address!("a0Ee7A142d267C1f36714E4a8F75612F20a79720"),
];

/// All problems.
pub(crate) fn apply(params: &DeployParams) -> Vec<Problem> {
    let mut found = Found(Vec::new());
    found.addresses(params);
    found.evaluators(params);
    found.windows(params);
    found.court(params);
    found.parameters(params);
    found.money(params);
    found.beacon(params);
    found.separation(params);
    found.0
}

impl DeployParams {
    fn is_filecoin(&self) -> bool {
        matches!(self.chain_id, MAINNET | CALIBRATION)
    }

    fn single_roles(&self) -> [(&'static str, Address); 4] {
        [
            ("owner", self.owner),
            ("coordinator", self.coordinator),
            ("guardian", self.guardian),
            ("treasury", self.treasury),
        ]
    }
}

struct Found(Vec<Problem>);

impl Found {
    fn add(&mut self, weight: Weight, field: &str, reason: impl Into<String>) {
        self.0.push(Problem {
            field: field.to_owned(),
            reason: reason.into(),
            weight,
        });
    }

    fn impossible(&mut self, field: &str, reason: impl Into<String>) {
        self.add(Weight::Impossible, field, reason);
    }

    fn dangerous(&mut self, field: &str, reason: impl Into<String>) {
        self.add(Weight::Dangerous, field, reason);
    }

    /// Addresses that no one, or everyone, controls.
    fn addresses(&mut self, params: &DeployParams) {
        let lists = [
            ("publishers", &params.publishers),
            ("evaluators", &params.evaluators),
        ];
        let listed = lists
            .iter()
            .flat_map(|(field, addresses)| addresses.iter().map(move |&address| (*field, address)));
        for (field, address) in params.single_roles().into_iter().chain(listed) {
            if address.is_zero() {
                self.impossible(field, "the zero address has no key");
            } else if is_placeholder(address) {
                self.add(
                    Weight::Placeholder,
                    field,
                    format!(
                        "{address} is a placeholder without a key: copy the file and fill in your own address"
                    ),
                );
            } else if is_precompile(address) {
                self.dangerous(
                    field,
                    format!("{address} is a precompile, which has no key: use your own address"),
                );
            } else if params.is_filecoin() && PUBLIC_KEYS.contains(&address) {
                self.dangerous(
                    field,
                    format!(
                        "the private key of {address} is public (anvil's test accounts): use your own address"
                    ),
                );
            }
        }
        for (field, addresses) in lists {
            if addresses.iter().collect::<BTreeSet<_>>().len() < addresses.len() {
                self.impossible(field, "one address is listed twice");
            }
        }
    }

    fn evaluators(&mut self, params: &DeployParams) {
        let (count, threshold) = (params.evaluators.len(), params.threshold);
        if count > MAX_EVALUATORS {
            self.impossible(
                "evaluators",
                format!("{count} evaluators exceed the contract's limit: use at most {MAX_EVALUATORS}"),
            );
        }
        if count == 0 {
            return self.impossible(
                "evaluators",
                "the list is empty: settlements need at least one evaluator, better three",
            );
        }
        for &address in params
            .evaluators
            .iter()
            .filter(|&&address| actor_id(address).is_some())
        {
            if params.is_filecoin() {
                self.impossible(
                    "evaluators",
                    format!("{address} is the masked id of an actor, which cannot sign: use the 0x address of a key"),
                );
            }
        }
        if threshold == 0 || threshold > count as u64 {
            return self.impossible(
                "threshold",
                format!("{threshold} of {count} evaluators is impossible: use 1 to {count}"),
            );
        }
        if count == 1 {
            self.dangerous(
                "evaluators",
                "a single evaluator controls all funds: use three or more, run by independent people",
            );
        }
        if threshold == 1 {
            self.dangerous(
                "threshold",
                "one signature controls all funds, so the weakest evaluator does: use 2 or more",
            );
        } else if threshold * 2 <= count as u64 {
            self.add(
                Weight::Unusual,
                "threshold",
                format!(
                    "{threshold} of {count} is not a majority: two groups could sign conflicting settlements"
                ),
            );
        }
    }

    fn windows(&mut self, params: &DeployParams) {
        let (minimum, window) = (params.min_challenge_window, params.challenge_window);
        if window < minimum {
            self.impossible(
                "challengeWindow",
                format!("{window} s is less than minChallengeWindow, {minimum} s"),
            );
        }
        if window > MAX_CHALLENGE_WINDOW {
            self.impossible(
                "challengeWindow",
                format!(
                    "{} exceeds the contract's limit: use at most 30 days ({MAX_CHALLENGE_WINDOW} s)",
                    duration(window)
                ),
            );
        }
        for (field, seconds) in [("minChallengeWindow", minimum), ("challengeWindow", window)] {
            if seconds < DAY {
                self.dangerous(
                    field,
                    format!(
                        "{} is less than a day: too short to recompute, challenge and veto before funds are paid out",
                        duration(seconds)
                    ),
                );
            }
        }
    }

    fn court(&mut self, params: &DeployParams) {
        let court = &params.court;
        let (minimum, least) = (params.min_challenge_window, court.least_challenge_window());
        if minimum < least {
            self.impossible(
                "minChallengeWindow",
                format!(
                    "{} is too short for the Court, whose answerWindow, slack and demandWindow take {} together: use at least \
                     {least} s",
                    duration(minimum),
                    duration(least)
                ),
            );
        }
        if court.answer_window < DAY {
            self.dangerous(
                "court.answerWindow",
                format!(
                    "{} is less than a day: an honest settlement falls if nobody who has its document answers in time",
                    duration(court.answer_window)
                ),
            );
        }
        for (field, seconds, why) in [
            (
                "court.slack",
                court.slack,
                "what was not shown could not be voided before it pays",
            ),
            (
                "court.demandWindow",
                court.demand_window,
                "with the shortest challenge window, nobody could read a settlement and demand what is missing",
            ),
        ] {
            if seconds < HOUR {
                let short = duration(seconds);
                self.dangerous(field, format!("{short} is less than an hour: {why}"));
            }
        }
        if court.least_bond.is_zero() {
            self.dangerous(
                "court.leastBond",
                "it is zero: where gas is cheap, demands cost nothing, and every answer costs gas",
            );
        }
    }

    fn parameters(&mut self, params: &DeployParams) {
        for (key, reason) in bounds::violations(&params.parameters, params.is_filecoin()) {
            self.impossible(&format!("parameters.{key}"), reason);
        }
        let step = params.parameters.step;
        if params.is_filecoin() && step < EPOCH {
            self.dangerous(
                "parameters.step",
                format!(
                    "{step} s is less than an epoch of Filecoin, {EPOCH} s: a window of the timetable could pass without a block, \
                     and a reorganisation undo what stations rely on; use 60"
                ),
            );
        }
    }

    fn money(&mut self, params: &DeployParams) {
        if params.parameters.budget.is_zero() {
            self.dangerous(
                "parameters.budget",
                "it is zero: rounds would pay nothing, and no settlement could be posted",
            );
        }
        let gas = params.payment_gas;
        if gas < MIN_PAYMENT_GAS {
            self.impossible(
                "paymentGas",
                format!("{gas} is below the contract's minimum, {MIN_PAYMENT_GAS}"),
            );
        } else if params.is_filecoin() && gas < MIN_FILECOIN_PAYMENT_GAS {
            self.impossible(
                "paymentGas",
                format!("{gas} is below the contract's minimum on Filecoin, {MIN_FILECOIN_PAYMENT_GAS}"),
            );
        } else if !params.is_filecoin() && gas > MAX_PAYMENT_GAS_ELSEWHERE {
            self.add(
                Weight::Unusual,
                "paymentGas",
                format!(
                    "{gas} is meant for Filecoin: elsewhere a batch would not fit into a block; use 60000"
                ),
            );
        }
    }

    fn beacon(&mut self, params: &DeployParams) {
        match &params.beacon {
            BeaconParams::Drand {
                public_key, period, ..
            } => {
                if *period == 0 {
                    self.impossible("beacon.period", "it is zero");
                }
                if let Err(params::ParamsError::Field { field, reason }) =
                    params::public_key_for_evm(public_key)
                {
                    self.impossible(field, reason);
                }
                if params.is_filecoin() {
                    self.dangerous(
                        "beacon.kind",
                        "verifying drand by pairing costs about 1.15 G gas per round on Filecoin, a ninth of a block: use \
                         filecoin-mainnet or filecoin-calibration, which cost 5 M",
                    );
                }
            }
            BeaconParams::FilecoinMainnet { .. } if params.chain_id != MAINNET => self.impossible(
                "beacon.kind",
                "filecoin-mainnet works on chain 314 only; use drand elsewhere",
            ),
            BeaconParams::FilecoinCalibration { .. } if params.chain_id != CALIBRATION => self.impossible(
                "beacon.kind",
                "filecoin-calibration works on chain 314159 only; use drand elsewhere",
            ),
            BeaconParams::FilecoinMainnet { .. } | BeaconParams::FilecoinCalibration { .. } => {}
        }
    }

    /// Roles that must be separate: each one limits another, or its key is in a daemon on the network.
    fn separation(&mut self, params: &DeployParams) {
        let p = params;
        let mut apart = |same: bool, field: &str, reason: &str| {
            if same {
                self.dangerous(field, reason);
            }
        };
        let evaluates = |address: Address| p.evaluators.contains(&address);
        apart(
            p.owner == p.guardian,
            "guardian",
            "it equals the owner, but the guardian must be able to cancel what the owner announces: use a separate address",
        );
        apart(
            p.owner == p.coordinator,
            "coordinator",
            "it equals the owner: the coordinator's key is in a daemon, but the owner should be a Safe or a timelock",
        );
        apart(
            p.guardian == p.coordinator,
            "coordinator",
            "it equals the guardian, but the coordinator's key is in a daemon: a thief could veto every settlement",
        );
        apart(
            p.guardian == p.treasury,
            "treasury",
            "it equals the guardian: vetoed amounts stay in the pool, which finally goes to the treasury",
        );
        let of_evaluators = [
            ("owner", p.owner, "the owner appoints evaluators"),
            ("guardian", p.guardian, "the guardian checks what evaluators sign"),
            (
                "coordinator",
                p.coordinator,
                "the coordinator chooses the stations that evaluators count, and its key is in a daemon",
            ),
        ];
        for (field, address, why) in of_evaluators {
            let reason = format!("it is also an evaluator, but {why}: use a separate address");
            apart(evaluates(address), field, &reason);
        }
        for &publisher in &p.publishers {
            let others = [
                (publisher == p.owner, "the owner"),
                (publisher == p.guardian, "the guardian"),
                (evaluates(publisher), "an evaluator"),
            ];
            for (same, role) in others {
                let reason = format!(
                    "{publisher} is also {role}, but a publisher's key is in a daemon: use a separate key"
                );
                apart(same, "publishers", &reason);
            }
        }
        if p.owner == p.treasury {
            self.add(
                Weight::Unusual,
                "treasury",
                "it equals the owner, who can end the programme: one key then receives all funds that were never allocated",
            );
        }
        if evaluates(p.treasury) {
            self.add(
                Weight::Unusual,
                "treasury",
                "it is also an evaluator, who would gain from allocations that are withheld",
            );
        }
    }
}

fn is_placeholder(address: Address) -> bool {
    address.as_slice().starts_with(&[0; 18])
}

fn is_precompile(address: Address) -> bool {
    let [first, zeros @ .., _] = address.into_array();
    first == FILECOIN_PRECOMPILE && zeros == [0; 18]
}

#[cfg(test)]
mod tests {
    use alloy_primitives::Bytes;
    use assize_protocol::{AttoFil, Parameters};

    use super::*;
    use crate::CourtParams;
    use crate::params::LOCAL;

    /// Valid parameters for mainnet.
    fn good() -> DeployParams {
        let address = Address::repeat_byte;
        DeployParams {
            chain_id: MAINNET,
            beacon: BeaconParams::FilecoinMainnet { slack_epochs: 3 },
            owner: address(1),
            coordinator: address(2),
            publishers: vec![address(3)],
            guardian: address(4),
            treasury: address(8),
            evaluators: vec![address(7), address(5), address(6)],
            threshold: 2,
            min_challenge_window: 42 * HOUR,
            challenge_window: 2 * DAY,
            court: CourtParams::default(),
            payment_gas: 30_000_000,
            parameters: Parameters::default(),
        }
    }

    #[track_caller]
    fn found(change: impl Fn(&mut DeployParams), field: &str, weight: Weight) {
        let mut params = good();
        change(&mut params);
        let problems = params.problems();
        assert!(
            problems
                .iter()
                .any(|problem| problem.field == field && problem.weight == weight),
            "{problems:?}"
        );
        assert_eq!(params.validate().is_err(), weight != Weight::Unusual);
        // Elsewhere it is a warning, unless nothing could work.
        params.chain_id = CALIBRATION;
        let refused = matches!(weight, Weight::Impossible | Weight::Placeholder);
        if matches!(params.beacon, BeaconParams::FilecoinMainnet { .. }) {
            params.beacon = BeaconParams::FilecoinCalibration { slack_epochs: 3 };
        }
        assert_eq!(params.validate().is_err(), refused, "{:?}", params.refusals());
    }

    #[test]
    fn dangerous_parameters_are_rejected_only_on_mainnet() {
        assert_eq!(good().problems(), []);
        let dangerous = Weight::Dangerous;
        let minimum = |p: &mut DeployParams| {
            p.min_challenge_window = DAY - 1;
            p.court = CourtParams::within(DAY - 1);
        };
        found(minimum, "minChallengeWindow", dangerous);
        let short = |p: &mut DeployParams| {
            (p.min_challenge_window, p.challenge_window) = (60, DAY - 1);
            p.court = CourtParams::within(60);
        };
        found(short, "challengeWindow", dangerous);
        found(
            |p| p.court.answer_window = DAY - 1,
            "court.answerWindow",
            dangerous,
        );
        found(|p| p.court.slack = HOUR - 1, "court.slack", dangerous);
        found(
            |p| p.court.demand_window = HOUR - 1,
            "court.demandWindow",
            dangerous,
        );
        found(
            |p| p.court.least_bond = AttoFil::ZERO,
            "court.leastBond",
            dangerous,
        );
        found(|p| p.parameters.step = EPOCH - 1, "parameters.step", dangerous);
        found(|p| p.evaluators.truncate(1), "threshold", Weight::Impossible);
        let single = |p: &mut DeployParams| {
            p.evaluators.truncate(1);
            p.threshold = 1;
        };
        found(single, "evaluators", dangerous);
        found(|p| p.threshold = 1, "threshold", dangerous);
        found(|p| p.owner = p.evaluators[0], "owner", dangerous);
        found(|p| p.guardian = p.evaluators[1], "guardian", dangerous);
        found(|p| p.coordinator = p.evaluators[2], "coordinator", dangerous);
        found(|p| p.publishers[0] = p.evaluators[2], "publishers", dangerous);
        found(|p| p.publishers[0] = p.owner, "publishers", dangerous);
        found(|p| p.guardian = p.owner, "guardian", dangerous);
        found(|p| p.coordinator = p.owner, "coordinator", dangerous);
        found(|p| p.coordinator = p.guardian, "coordinator", dangerous);
        found(|p| p.treasury = p.guardian, "treasury", dangerous);
        found(
            |p| p.parameters.budget = AttoFil::ZERO,
            "parameters.budget",
            dangerous,
        );
        found(|p| p.payment_gas = 29_999_999, "paymentGas", Weight::Impossible);
        found(|p| p.beacon = BeaconParams::quicknet(), "beacon.kind", dangerous);
        found(|p| p.treasury = PUBLIC_KEYS[3], "treasury", dangerous);
        let call_actor = address!("fe00000000000000000000000000000000000003");
        found(|p| p.guardian = call_actor, "guardian", dangerous);
    }

    #[test]
    fn impossible_parameters_are_rejected_everywhere_and_unusual_ones_nowhere() {
        let impossible = Weight::Impossible;
        found(|p| p.treasury = Address::ZERO, "treasury", impossible);
        found(|p| p.publishers.push(Address::ZERO), "publishers", impossible);
        found(
            |p| p.evaluators.push(Address::repeat_byte(5)),
            "evaluators",
            impossible,
        );
        let many = |p: &mut DeployParams| p.evaluators = (1..=33).map(Address::repeat_byte).collect();
        found(many, "evaluators", impossible);
        found(|p| p.threshold = 0, "threshold", impossible);
        found(
            |p| p.min_challenge_window = 2 * DAY + 1,
            "challengeWindow",
            impossible,
        );
        found(|p| p.court.slack += 1, "minChallengeWindow", impossible);
        let endless = |p: &mut DeployParams| p.court.demand_window = u64::MAX;
        found(endless, "minChallengeWindow", impossible);
        found(|p| p.parameters.step = 0, "parameters.step", impossible);
        found(
            |p| p.parameters.beacon_delay = 149,
            "parameters.beaconDelay",
            impossible,
        );
        found(|p| p.challenge_window = 31 * DAY, "challengeWindow", impossible);
        found(|p| p.payment_gas = 49_999, "paymentGas", impossible);
        found(|p| p.treasury = p.owner, "treasury", Weight::Unusual);
        found(|p| p.treasury = p.evaluators[0], "treasury", Weight::Unusual);
        let minority = |p: &mut DeployParams| p.evaluators.push(Address::repeat_byte(9));
        found(minority, "threshold", Weight::Unusual);
        let key = Bytes::from_static(&[1, 2]);
        let broken = BeaconParams::Drand {
            public_key: key,
            genesis: 0,
            period: 0,
        };
        found(|p| p.beacon = broken.clone(), "beacon.period", impossible);
        found(|p| p.beacon = broken.clone(), "beacon.publicKey", impossible);
    }

    #[test]
    fn placeholders_are_rejected_everywhere_but_on_the_local_chain() {
        let highest = address!("000000000000000000000000000000000000ffff");
        for low in [Address::with_last_byte(1), Address::with_last_byte(0xff), highest] {
            found(|p| p.owner = low, "owner", Weight::Placeholder);
            found(|p| p.treasury = low, "treasury", Weight::Placeholder);
            found(|p| p.evaluators[1] = low, "evaluators", Weight::Placeholder);
            found(|p| p.publishers[0] = low, "publishers", Weight::Placeholder);
        }
        let mut params = good();
        params.owner = highest;
        params.beacon = BeaconParams::quicknet();
        params.chain_id = 31_338;
        let refusal = params.validate().unwrap_err().to_string();
        assert!(
            refusal.contains("`owner`") && refusal.contains("copy the file"),
            "{refusal}"
        );
        params.chain_id = LOCAL;
        assert_eq!(params.validate().ok(), Some(()));
        assert!(params.warnings().iter().any(|problem| problem.field == "owner"));
        assert!(!is_placeholder(address!(
            "0000000000000000000000000000000000010000"
        )));
    }

    #[test]
    fn evaluators_must_exist_and_be_able_to_sign() {
        let mut params = good();
        params.evaluators.clear();
        let refusal = params.validate().unwrap_err().to_string();
        assert!(
            refusal.contains("`evaluators`") && refusal.contains("at least one"),
            "{refusal}"
        );
        let actor = address!("ff000000000000000000000000000000000003e9");
        found(|p| p.evaluators[1] = actor, "evaluators", Weight::Impossible);
        let mut params = good();
        params.treasury = actor;
        assert_eq!(params.problems(), []);
    }

    #[test]
    fn all_problems_are_reported_together() {
        let mut params = good();
        params.parameters.budget = AttoFil::ZERO;
        params.threshold = 1;
        params.guardian = params.owner;
        params.challenge_window = 60;
        let text = params.validate().unwrap_err().to_string();
        for field in ["parameters.budget", "threshold", "guardian", "challengeWindow"] {
            assert!(text.contains(&format!("`{field}`")), "{text}");
        }
        assert!(text.contains("5 problems with"), "{text}");
    }

    #[test]
    fn the_committed_mainnet_file_is_rejected_until_its_placeholders_are_gone() {
        let text = include_str!("../../../docs/params/mainnet.json");
        let params: DeployParams = serde_json::from_str(text).unwrap();
        let fields: BTreeSet<_> = params
            .refusals()
            .into_iter()
            .map(|problem| problem.field)
            .collect();
        let expected = ["coordinator", "evaluators", "guardian", "owner", "treasury"];
        assert_eq!(fields.into_iter().collect::<Vec<_>>(), expected);
    }
}
