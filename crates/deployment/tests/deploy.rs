//! Deployment, transactions and readers against a real anvil.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed test panics")]

use std::time::Duration;

use assize_chain::{
    Address, ChainClient, ChainError, Draft, FileKind, ListCommitment, Proposal, Rewards, Rounds, RpcUrl,
    SettlementId, SettlementMessage, contracts::rounds::Rounds as RoundsAbi,
};
use assize_deployment::{
    BeaconParams, CourtParams, DeployParams, Deployment, DeploymentError, Journal, Verdict, check, deploy,
    deploy_with, expect_contracts, expect_drand, plan,
};
use assize_keys::Signer;
use assize_measurement::{Signature, signer_of};
use assize_protocol::{AttoFil, B256, Codec, FileCid, Parameters, RoundNumber};
use assize_testkit::anvil::{Anvil, CHAIN_ID};

const PATIENCE: Duration = Duration::from_secs(20);

struct Network {
    anvil: Anvil,
    client: ChainClient,
    owner: Signer,
}

impl Network {
    async fn start() -> Self {
        let anvil = Anvil::start().unwrap();
        let client = ChainClient::connect(&anvil.url().parse().unwrap()).await.unwrap();
        let owner = Signer::from_bytes(&anvil.dev_key(0)).unwrap();
        Self { anvil, client, owner }
    }

    fn params(&self) -> DeployParams {
        let owner = self.owner.address();
        DeployParams {
            chain_id: CHAIN_ID,
            beacon: BeaconParams::quicknet(),
            owner,
            coordinator: owner,
            publishers: vec![owner],
            guardian: owner,
            treasury: owner,
            evaluators: vec![Address::repeat_byte(9), Address::repeat_byte(5)],
            threshold: 2,
            min_challenge_window: 60,
            challenge_window: 3_600,
            court: CourtParams::within(60),
            payment_gas: 60_000,
            parameters: Parameters {
                quorum: 7,
                ..Parameters::default()
            },
        }
    }

    async fn deploy(&self) -> Deployment {
        deploy(&self.client, &self.owner, &self.params()).await.unwrap()
    }
}

fn list(byte: u8, count: u32) -> ListCommitment {
    ListCommitment {
        root: B256::repeat_byte(byte),
        count,
        cid: FileCid {
            codec: Codec::DagPb,
            digest: [byte; 32],
        },
    }
}

#[tokio::test]
async fn a_deployed_contract_and_an_opened_round_are_read_back() {
    let network = Network::start().await;
    let deployment = network.deploy().await;
    let text = serde_json::to_string(&deployment).unwrap();
    assert_eq!(serde_json::from_str::<Deployment>(&text).unwrap(), deployment);

    let rounds = Rounds::new(network.client.clone(), deployment.rounds);
    assert_eq!(rounds.latest_round().await.unwrap(), None);
    assert_eq!(rounds.parameters().await.unwrap(), network.params().parameters);

    let (roster, tasks) = (list(1, 300), list(2, 2_000));
    network
        .client
        .transact(&network.owner, &rounds.open(&roster, &tasks), PATIENCE)
        .await
        .unwrap();
    assert_eq!(rounds.latest_round().await.unwrap(), Some(RoundNumber(1)));
    let round = rounds.round(RoundNumber(1)).await.unwrap();
    assert_eq!((round.roster, round.tasks, round.seed), (roster, tasks, None));
    assert_eq!(round.parameters.quorum, 7);
    assert_eq!(round.times.closes_at, round.opened_at + 1_200);
    assert_eq!(round.opened_at, network.client.head().await.unwrap().timestamp);
    for kind in [FileKind::Seals, FileKind::Lines] {
        assert!(rounds.commitments(RoundNumber(1), kind).await.unwrap().is_empty());
    }
    assert!(rounds.own_reports(RoundNumber(1)).await.unwrap().is_empty());
    // Publishers are given to the constructor.
    assert!(rounds.is_publisher(network.owner.address()).await.unwrap());

    let rewards = Rewards::new(network.client.clone(), deployment.rewards);
    let amount = AttoFil::new(5_000_000);
    network
        .client
        .transact(&network.owner, &rewards.deposit(amount), PATIENCE)
        .await
        .unwrap();
    assert_eq!(rewards.total_deposited().await.unwrap(), amount);
    assert_eq!(rewards.balance().await.unwrap(), amount);
    assert_eq!(rewards.total_claimed().await.unwrap(), AttoFil::ZERO);
    assert_eq!(rewards.head().await.unwrap(), None);
    assert!(rewards.newest_active().await.unwrap().is_none());
    assert!(rewards.drops().await.unwrap().is_empty());
    let evaluators = rewards.roles().await.unwrap().evaluators().await.unwrap();
    assert_eq!(evaluators.set, [Address::repeat_byte(5), Address::repeat_byte(9)]);
    assert_eq!(evaluators.threshold, 2);
    let operators: Vec<_> = (1..=150).map(Address::repeat_byte).collect();
    let claimed = rewards.claimed_by(&operators).await.unwrap();
    assert_eq!(claimed.len(), 150);
    assert!(claimed.values().all(|amount| amount.is_zero()));
}

#[tokio::test]
async fn evaluators_sign_the_digest_that_the_contract_checks() {
    let network = Network::start().await;
    let deployment = network.deploy().await;
    let rewards = Rewards::new(network.client.clone(), deployment.rewards);
    let first = Proposal {
        parent: None,
        first_round: RoundNumber(1),
        last_round: RoundNumber(2),
        root: B256::repeat_byte(3),
        operators: 1,
        cumulative_total: AttoFil::new(4),
        drops: 0,
        cid: list(6, 0).cid,
    };
    let last = Proposal {
        parent: Some(SettlementId(u64::MAX)),
        first_round: RoundNumber(u64::MAX - 1),
        last_round: RoundNumber(u64::MAX),
        operators: u32::MAX,
        cumulative_total: AttoFil::MAX,
        drops: u32::MAX,
        cid: FileCid {
            codec: Codec::Raw,
            digest: [8; 32],
        },
        ..first
    };
    let number = SettlementId(7);
    for proposal in [first, last] {
        let message = rewards.message_of(number, &proposal).await.unwrap();
        let digest = rewards.digest_of(number, &proposal).await.unwrap();
        assert_eq!(message.digest(), digest);
        let signature = message.sign(&network.owner).await.unwrap();
        assert_eq!(
            signer_of(digest, &Signature(signature)),
            Some(network.owner.address())
        );
        // Bound to chain, contract, version of the set and number.
        let address = deployment.rewards;
        let other =
            |chain, address, set, number| SettlementMessage::new(chain, address, set, number, &proposal);
        assert_eq!(message, other(CHAIN_ID, address, 1, number));
        for other in [
            other(CHAIN_ID + 1, address, 1, number),
            other(CHAIN_ID, Address::repeat_byte(1), 1, number),
            other(CHAIN_ID, address, 2, number),
            other(CHAIN_ID, address, 1, SettlementId(8)),
        ] {
            assert_ne!(other.digest(), digest);
        }
    }
}

#[tokio::test]
async fn refusals_name_the_error_and_the_remedy() {
    let network = Network::start().await;
    let deployment = network.deploy().await;
    let rounds = Rounds::new(network.client.clone(), deployment.rounds);

    let error = rounds.round(RoundNumber(3)).await.unwrap_err().to_string();
    assert!(
        error.contains("Rounds reverted: NoSuchRound(round: 3, latest: 0)"),
        "{error}"
    );

    let stranger = Signer::from_bytes(&network.anvil.dev_key(4)).unwrap();
    let open = rounds.open(&list(1, 300), &list(2, 2_000));
    let error = network
        .client
        .transact(&stranger, &open, PATIENCE)
        .await
        .unwrap_err();
    assert!(
        error
            .revert()
            .unwrap()
            .decode::<RoundsAbi::NotCoordinator>()
            .is_some(),
        "{error}"
    );
    assert!(error.to_string().contains("use the coordinator's key"), "{error}");

    let nowhere = Rounds::new(network.client.clone(), Address::repeat_byte(0x42));
    let error = nowhere.latest_round().await.unwrap_err();
    assert!(matches!(error, ChainError::NoContract { .. }), "{error}");
}

type Change = fn(&mut Parameters, u32);

#[tokio::test]
async fn parameters_have_the_bounds_of_the_contract() {
    let network = Network::start().await;
    let rounds = Rounds::new(network.client.clone(), network.deploy().await.rounds);
    let changes: [(Change, &[u32]); 8] = [
        (
            |p, to| {
                p.round_duration = to;
                p.beacon_delay = 30;
            },
            &[59, 60, 604_800, 604_801],
        ),
        (|p, to| p.beacon_delay = to, &[14, 15, 1_199, 1_200]),
        (
            |p, to| {
                p.round_duration = 86_400;
                p.beacon_delay = to;
            },
            &[3_600, 3_601],
        ),
        (|p, to| p.step = to, &[0, 1, 3_600, 3_601]),
        (
            |p, to| p.max_committee_size = to as u16,
            &[0, 39, 40, 1_000, 1_001],
        ),
        (|p, to| p.quorum = to as u16, &[0, 1, 100, 101]),
        (|p, to| p.max_tasks_per_committee = to as u16, &[0, 1, 256, 257]),
        (
            |p, to| p.target_measurements = to,
            &[0, 1, 100_000_000, 100_000_001],
        ),
    ];
    let mut cases = vec![Parameters::default()];
    for (change, values) in changes {
        for &value in values {
            let mut parameters = Parameters::default();
            change(&mut parameters, value);
            cases.push(parameters);
        }
    }
    for budget in [AttoFil::from_fil(1_000_000), AttoFil::from_fil(1_000_001)] {
        cases.push(Parameters {
            budget,
            ..Parameters::default()
        });
    }
    let mut accepted = 0;
    for parameters in cases {
        let draft = rounds.set_parameters(&parameters).unwrap();
        let contract = rounds
            .client()
            .call_raw(&draft, Some(network.owner.address()))
            .await
            .is_ok();
        let named = DeployParams {
            parameters,
            ..network.params()
        }
        .problems()
        .iter()
        .any(|problem| problem.reason.contains("out of the contract's bounds"));
        assert_eq!(contract, !named, "{parameters:?}");
        accepted += usize::from(contract);
    }
    assert_eq!(accepted, 17);
}

/// Two networks have the same code.
#[tokio::test]
async fn a_file_with_contracts_of_two_networks_is_refused() {
    let network = Network::start().await;
    let (one, two) = (network.deploy().await, network.deploy().await);
    let drand = assize_drand::Chain::quicknet();
    let fault = async |mixed: Deployment| {
        let sending = expect_contracts(&network.client, &mixed).await.unwrap_err();
        let judging = expect_drand(&network.client, &mixed, &drand).await.unwrap_err();
        assert_eq!(sending.to_string(), judging.to_string());
        sending.to_string()
    };
    for mixed in [
        Deployment {
            rounds: two.rounds,
            ..one
        },
        Deployment {
            rewards: two.rewards,
            ..one
        },
        Deployment {
            beacon: two.beacon,
            ..one
        },
        Deployment {
            roles: two.roles,
            ..one
        },
        Deployment {
            court: two.court,
            ..one
        },
    ] {
        let error = fault(mixed).await;
        assert!(
            error.contains("mixes networks") && error.contains("assize deploy apply"),
            "{error}"
        );
    }
    let swapped = Deployment {
        rounds: one.rewards,
        rewards: one.rounds,
        ..one
    };
    let error = expect_drand(&network.client, &swapped, &drand).await.unwrap_err();
    assert!(error.to_string().contains("is not that of Rewards"), "{error}");
    expect_contracts(&network.client, &one).await.unwrap();
    expect_drand(&network.client, &one, &drand).await.unwrap();
}

#[tokio::test]
async fn nothing_is_sent_when_deployment_must_fail() {
    let network = Network::start().await;
    let deployed = async |change: &dyn Fn(&mut DeployParams)| {
        let mut params = network.params();
        change(&mut params);
        deploy(&network.client, &network.owner, &params)
            .await
            .unwrap_err()
            .to_string()
    };

    let error = deployed(&|params| params.chain_id = 314_159).await;
    assert!(error.contains("serves chain 31337, not chain 314159"), "{error}");
    // All at once.
    let error = deployed(&|params| {
        params.parameters.round_duration = 1;
        params.parameters.quorum = 101;
    })
    .await;
    assert!(
        error.contains("`parameters.roundDuration`: 1 is out of the contract's bounds: use 60 to 604800")
            && error.contains("`parameters.quorum`: 101 is out of the contract's bounds: use 1 to 100"),
        "{error}"
    );
    let error = deployed(&|params| params.court = CourtParams::default()).await;
    assert!(
        error.contains("`minChallengeWindow`") && error.contains("use at least 151200 s"),
        "{error}"
    );
    assert_eq!(
        network.client.mined_nonce(network.owner.address()).await.unwrap(),
        0
    );

    let poor = Signer::from_bytes(&B256::repeat_byte(0x77)).unwrap();
    let params = DeployParams {
        owner: poor.address(),
        ..network.params()
    };
    let error = deploy(&network.client, &poor, &params).await.unwrap_err();
    assert!(
        matches!(error, DeploymentError::Chain(ChainError::Unfunded { .. })),
        "{error}"
    );
    network
        .anvil
        .set_balance(poor.address(), AttoFil::new(1_000_000_000))
        .unwrap();
    let error = deploy(&network.client, &poor, &params)
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("holds 0.000000001 FIL on chain 31337 but needs up to"),
        "{error}"
    );
    assert_eq!(network.client.mined_nonce(poor.address()).await.unwrap(), 0);
}

#[tokio::test]
async fn a_deployment_resumes_from_any_step() {
    let network = Network::start().await;
    let params = network.params();
    // Five transactions, each recorded before it is sent and after it is mined. The run stops at each of these ten points,
    // before and after the journal is on disk.
    for (stop, is_written) in (1..=10).flat_map(|stop| [(stop, false), (stop, true)]) {
        let before = network.client.mined_nonce(params.owner).await.unwrap();
        let (mut written, mut calls) = (None, 0);
        let mut keep = |journal: &Journal| {
            calls += 1;
            if calls < stop || is_written {
                written = Some(journal.clone());
            }
            match calls < stop {
                true => Ok(()),
                false => Err(std::io::Error::other("power cut")),
            }
        };
        let error = deploy_with(&network.client, &network.owner, &params, None, &mut keep)
            .await
            .unwrap_err()
            .to_string();
        assert!(error.contains("power cut"), "{error}");
        // As read back from a file.
        let earlier: Option<Journal> =
            serde_json::from_str(&serde_json::to_string(&written).unwrap()).unwrap();
        let record = deploy_with(&network.client, &network.owner, &params, earlier, &mut |_| Ok(()))
            .await
            .unwrap();
        assert_eq!(
            network.client.mined_nonce(params.owner).await.unwrap(),
            before + 5,
            "stopped at {stop}"
        );
        let findings = check(&network.client, &record).await.unwrap();
        let differs = findings.iter().find(|finding| finding.verdict != Verdict::Ok);
        assert_eq!(differs, None);
    }

    // The plan allowed for all of it, though not for much more.
    let planned = plan(&network.client, &params, params.owner).await.unwrap().gas();
    let used = network.deploy().await.gas_used.unwrap();
    assert!(
        (used..used * 3 / 2).contains(&planned),
        "planned {planned}, used {used}"
    );

    // A deployment started by another key is not resumed.
    let other = Signer::from_bytes(&network.anvil.dev_key(1)).unwrap();
    let earlier = Some(Journal::new(&params, params.owner));
    let error = deploy_with(&network.client, &other, &params, earlier, &mut |_| Ok(()))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("was started by"), "{error}");
}

#[tokio::test]
async fn wrong_endpoints_are_distinguished() {
    let refused: RpcUrl = "http://127.0.0.1:9".parse().unwrap();
    let error = ChainClient::connect(&refused).await.unwrap_err();
    assert!(
        matches!(&error, ChainError::Unreachable { url, .. } if url == "http://127.0.0.1:9"),
        "{error}"
    );
    assert!(error.to_string().to_lowercase().contains("refused"), "{error}");

    let anvil = Anvil::start().unwrap();
    let url: RpcUrl = anvil.url().parse().unwrap();
    let error = ChainClient::connect_to(&url, 314).await.unwrap_err();
    assert!(
        matches!(
            error,
            ChainError::WrongChain {
                expected: 314,
                actual: 31_337,
                ..
            }
        ),
        "{error}"
    );
}

#[tokio::test]
async fn a_mined_failure_is_explained() {
    let network = Network::start().await;
    let deployment = network.deploy().await;
    let rounds = Rounds::new(network.client.clone(), deployment.rounds);
    let draft: Draft = rounds.open_as_before();
    let fees = network.client.fees().await.unwrap();
    let nonce = network
        .client
        .pending_nonce(network.owner.address())
        .await
        .unwrap();
    let signed = draft
        .sign(&network.owner, CHAIN_ID, nonce, 500_000, fees)
        .await
        .unwrap();
    network.client.send(&signed).await.unwrap();
    // anvil responds before it has mined.
    let receipt = loop {
        if let Some(receipt) = network.client.receipt(signed.hash).await.unwrap() {
            break receipt;
        }
    };
    assert!(!receipt.succeeded);
    let reason = network
        .client
        .failure(&draft, network.owner.address(), receipt.block_number)
        .await
        .unwrap()
        .unwrap();
    assert!(reason.error.starts_with("NoSuchRound("), "{reason}");
}
