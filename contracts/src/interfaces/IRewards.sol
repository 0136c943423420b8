// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

/// @title Rewards: deposits, settlements and claims
/// @notice Settlements are cumulative Merkle roots signed by k of n evaluators, active after a challenge window
/// (docs/protocol.md §11). Within the window a guardian can veto, and anyone can void a settlement by proving that it
/// rewards a measurement that was not drawn. Active settlements can never be voided, paused or un-funded. Deposits
/// leave by claims only; after the programme has ended, what was never promised goes to the treasury.
///
/// docs/security.md describes what each role can do, and the worst of it.
interface IRewards {
    enum Status {
        None,
        Pending,
        Active,
        Void
    }

    /// @notice Why an accepted measurement cannot exist.
    enum Impossibility {
        None,
        RoundOutsideSettlement,
        RoundNotRevealed,
        RoundWithoutCommittees,
        NoSuchStation,
        NoSuchCommittee,
        NoSuchTask
    }

    /// @notice Why `claimMany` skipped an operator.
    enum Skipped {
        NothingToClaim,
        /// The root grants more than the signed total.
        OverTotal,
        /// The recipient rejected the payment.
        Refused
    }

    /// @notice What evaluators sign.
    /// @param parent Id of the settlement this one continues; 0 for the first.
    /// @param firstRound One more than the parent's `lastRound`; 1 for the first.
    /// @param lastRound Its commit window must be over.
    /// @param root Merkle root over `(address operator, uint256 cumulativeAttoFil)`.
    /// @param cumulativeTotal Sum of all leaves in attoFIL.
    /// @param acceptedRoot Merkle root over `(uint64 round, uint256 stationIndex, uint256 committee, uint256 k)` of
    /// every rewarded measurement; zero if there is none.
    /// @param cid Binary CID (36 bytes) of the settlement document. The contract does not read it.
    struct Proposal {
        uint64 parent;
        uint64 firstRound;
        uint64 lastRound;
        bytes32 root;
        uint256 cumulativeTotal;
        bytes32 acceptedRoot;
        bytes cid;
    }

    struct Settlement {
        Proposal proposal;
        uint64 postedAt;
        uint64 activeAt;
        Status status;
    }

    /// @notice What a settlement grants an operator: a leaf of its `root`.
    /// @param cumulative All-time amount in attoFIL.
    struct Allocation {
        address operator;
        uint256 cumulative;
    }

    /// @notice A rewarded measurement: a leaf of `acceptedRoot`.
    /// @param station Index in the round's roster.
    /// @param k Task of the committee.
    struct Accepted {
        uint64 round;
        uint256 station;
        uint256 committee;
        uint256 k;
    }

    /// @notice A station of a round: a leaf of `rosterRoot`.
    struct RosterEntry {
        uint256 index;
        address station;
        address operator;
        bytes16 subnet;
    }

    event Deposited(address indexed from, uint256 amount, uint256 totalDeposited);
    event SettlementPosted(
        uint64 indexed settlement,
        uint64 indexed parent,
        uint64 firstRound,
        uint64 lastRound,
        bytes32 root,
        uint256 cumulativeTotal,
        bytes32 acceptedRoot,
        bytes cid,
        uint64 activeAt
    );
    /// @dev `lastVoid` is the newest descendant voided together with `settlement`.
    event SettlementVetoed(uint64 indexed settlement, uint64 lastVoid, address indexed guardian, string reason);
    /// @notice A settlement and its descendants up to `lastVoid` were voided: `accepted` rewards a station outside its
    /// committee.
    /// @param task Index in the task list of the rewarded task.
    /// @param committee The committee in which the station really sits.
    event MembershipDisproved(
        uint64 indexed settlement,
        uint64 lastVoid,
        address indexed challenger,
        Accepted accepted,
        address indexed station,
        address operator,
        uint256 task,
        uint256 committee
    );
    /// @notice A settlement and its descendants up to `lastVoid` were voided: `accepted` cannot be a measurement.
    event ExistenceDisproved(
        uint64 indexed settlement, uint64 lastVoid, address indexed challenger, Accepted accepted, Impossibility reason
    );
    event Claimed(
        uint64 indexed settlement,
        address indexed operator,
        address indexed recipient,
        uint256 amount,
        uint256 cumulative
    );
    /// @param amount The failed payment in attoFIL. It stays the operator's.
    event ClaimSkipped(uint64 indexed settlement, address indexed operator, Skipped reason, uint256 amount);
    /// @param native The f1, f2 or f3 address in bytes if `current` is the address of `call_actor`, else empty.
    event PayoutAddressChanged(
        address indexed operator, address indexed previous, address indexed current, bytes native
    );
    /// @dev Effective at `effectiveAt` unless cancelled; the same holds for the two below.
    event EvaluatorsChanged(uint64 indexed version, address[] evaluators, uint256 threshold, uint64 effectiveAt);
    event EvaluatorsCancelled(uint64 indexed version, address indexed by);
    event GuardianChanged(address indexed previous, address indexed current, uint64 effectiveAt);
    event GuardianCancelled(address indexed cancelled, address indexed by);
    /// @dev Any later change replaces a decrease that has not taken effect.
    event ChallengeWindowChanged(uint64 previous, uint64 current, uint64 effectiveAt);
    event TreasuryChanged(address indexed previous, address indexed current);
    /// @dev 0 means no end.
    event EndChanged(uint64 previous, uint64 current, address indexed by);
    event SurplusWithdrawn(address indexed treasury, uint256 amount);

    error NotGuardian(address caller, address guardian);
    error NotOwnerOrGuardian(address caller);
    error NotTreasury(address caller, address treasury);
    error Ended(uint64 endedAt);
    /// @notice `endsAt` is 0 if no end was announced.
    error NotEnded(uint64 endsAt);
    error EndTooSoon(uint64 at, uint64 earliest);
    error NotAbandoned(uint64 abandonedAt);
    error NoSuchSettlement(uint64 settlement);
    error NotActive(uint64 settlement, Status status);
    error NotPending(uint64 settlement, Status status);
    error NotAccepted(uint64 round, uint256 station, uint256 committee, uint256 k);
    error EntryOfAnotherStation(uint256 expected, uint256 actual);
    error NotInRoster(uint64 round, uint256 index);
    error WrongSeat(uint256 expected, uint256 actual);
    /// @notice The station does sit in the accepted committee.
    error NotFraud(uint256 committee, uint256 seat);
    /// @notice The measurement could exist.
    error CanExist(uint64 round, uint256 station, uint256 committee, uint256 k);
    error WrongParent(uint64 expected, uint64 actual);
    error RangeDoesNotContinue(uint64 expectedFirst, uint64 first, uint64 last);
    error TooManyRounds(uint256 rounds, uint256 max);
    error EmptyRoot();
    error TotalDecreases(uint256 previous, uint256 cumulativeTotal);
    error OverBudget(uint256 growth, uint256 budget);
    error Underfunded(uint256 cumulativeTotal, uint256 totalDeposited);
    error NotEnoughSignatures(uint256 given, uint256 threshold);
    error SignersNotAscending(address previous, address signer);
    error NotEvaluator(address signer);
    error BadSignature(uint256 index);
    error InvalidCid(bytes cid);
    error InvalidProof(address operator, uint256 cumulative);
    error InvalidMultiProof(bytes32 root);
    error NothingToClaim(address operator, uint256 cumulative, uint256 claimed);
    error OverTotal(uint256 amount, uint256 unpaid);
    error PaymentFailed(address operator, address recipient, uint256 amount);
    error TooLittleGas(uint256 needed);
    error EvaluatorsNotAscending(address previous, address evaluator);
    error BadThreshold(uint256 threshold, uint256 evaluators);
    error TooManyEvaluators(uint256 evaluators, uint256 max);
    error WindowTooShort(uint64 window, uint64 min);
    error WindowTooLong(uint64 window, uint64 max);
    /// @notice Neither an EVM address nor an f0, f1, f2 or f3 address in bytes.
    error BadRecipient(bytes recipient);
    error NoFilecoinPrecompiles();
    error NothingChanged();
    error ZeroAmount();
    error ZeroAddress();

    /// @notice Adds FIL to the pool, until the programme ends. It leaves only through claims of operators and, after
    /// the end, to the treasury as far as it was never promised.
    function deposit() external payable;

    /// @notice Books FIL that came without a call of this contract, such as by a wallet's plain transfer on Filecoin, as a
    /// deposit of nobody's. Anyone may call, at any time.
    function sync() external returns (uint256 amount);

    /// @notice Posts a settlement with the signatures of at least `threshold` evaluators, signers ascending by address.
    /// Anyone may call; the signatures decide. Warning: the contract limits what a settlement can grant (budgets of its
    /// rounds, deposits) and, once challenged, checks that accepted measurements were drawn. It does not check that
    /// they were made, or that `root` follows from `acceptedRoot`. That depends on the evaluators' independence, on
    /// anyone who recomputes the document, and on the guardian's veto.
    /// @param signatures 65 bytes each over the EIP-712 digest of `Proposal` plus the evaluator-set version.
    function post(Proposal calldata proposal, bytes[] calldata signatures) external returns (uint64 settlement);

    /// @notice Voids a pending settlement and all its descendants. Guardian only.
    function veto(uint64 settlement, string calldata reason) external;

    /// @notice Voids a pending settlement and all its descendants, given a proof that it rewards a station for a task
    /// of a committee in which the station does not sit. Anyone may call; the proof decides. The station's committee is
    /// recomputed from the round, so an honest measurement can never be challenged successfully. Warning: a leaf that
    /// cannot exist has no seat or task to compare, and reverts with an error of `IRounds`; use `challengeExistence`
    /// for those.
    /// @param acceptedProof From `accepted` to the settlement's `acceptedRoot`.
    /// @param entry The station with that index.
    /// @param rosterProof From `entry` to the `rosterRoot` of the accepted round.
    /// @param seat The station's seat, as `IRounds.committeeOf` returns it.
    function challengeMembership(
        uint64 settlement,
        Accepted calldata accepted,
        bytes32[] calldata acceptedProof,
        RosterEntry calldata entry,
        bytes32[] calldata rosterProof,
        uint256 seat
    ) external;

    /// @notice As `challengeMembership`, given a proof that it rewards a measurement that cannot exist: of a round that
    /// the settlement does not cover, that was never revealed or had no committees, or with a station, committee or
    /// task beyond the round's.
    function challengeExistence(uint64 settlement, Accepted calldata accepted, bytes32[] calldata acceptedProof)
        external;

    /// @notice Pays an operator what an active settlement grants beyond what was claimed. Anyone may call; the money
    /// goes to the operator, or to the operator's payout address. Reverts if the recipient rejects it.
    function claim(uint64 settlement, address operator, uint256 cumulative, bytes32[] calldata proof)
        external
        returns (uint256 amount);

    /// @notice As `claim` for many operators, with one proof for all. An operator is skipped and reported, and loses
    /// nothing, if the recipient rejects the payment, if nothing is due, or if its share exceeds the signed total. A
    /// wrong proof reverts the whole batch. Warning: each payment gets PAYMENT_GAS; a recipient that needs more can
    /// only be paid by `claim`. Before each payment twice that much gas must remain, or the whole call reverts.
    /// @param allocations In the order of the multiproof, which is that of the tree's leaves.
    /// @param proof The siblings that do not follow from `allocations`, as `@openzeppelin/merkle-tree` returns them.
    /// @param proofFlags For each hash: whether both children follow from `allocations`.
    function claimMany(
        uint64 settlement,
        Allocation[] calldata allocations,
        bytes32[] calldata proof,
        bool[] calldata proofFlags
    ) external returns (uint256 paid);

    /// @notice Sets where the caller's rewards go; zero resets to the caller's own address. Accepts any EVM address
    /// but Filecoin's masked ids, which are set with `setNativePayoutAddress`.
    function setPayoutAddress(address recipient) external;

    /// @notice Sets an f0, f1, f2 or f3 address to which the caller's rewards go. Only on chains with Filecoin's
    /// precompiles.
    /// @param recipient The address in bytes: the protocol, then the id in LEB128 (f0), 20 bytes of hash (f1, f2) or 48 of
    /// public key (f3).
    function setNativePayoutAddress(bytes calldata recipient) external;

    /// @notice Announces new evaluators. They take effect one challenge window later, unless the owner or the guardian
    /// cancels them; signatures under the previous set are invalid from then on. Replaces an earlier announcement.
    /// Owner only.
    /// @param newEvaluators Ascending by address, at most MAX_EVALUATORS.
    /// @param threshold Signatures that a settlement needs.
    function setEvaluators(address[] calldata newEvaluators, uint256 threshold) external;
    /// @notice Cancels announced evaluators before they take effect. Owner or guardian.
    function cancelEvaluators() external;
    /// @notice Announces a new guardian, who takes office one challenge window later unless the owner or the guardian
    /// cancels it. Replaces an earlier announcement. Owner only. Warning: a guardian that refuses its replacement can
    /// be removed only by ending the programme.
    function setGuardian(address newGuardian) external;
    /// @notice Cancels an announced guardian before it takes office. Owner or guardian.
    function cancelGuardian() external;
    /// @notice Sets the challenge window, in seconds, of settlements posted from then on: a longer one at once, a
    /// shorter one after the current window has passed. Owner only.
    function setChallengeWindow(uint64 window) external;

    /// @notice Announces when the programme ends, at least END_NOTICE from now; 0 for no end. After the end nothing can
    /// be posted or deposited; claims remain possible forever. Owner only.
    function setEnd(uint64 at) external;
    /// @notice Announces the end, END_NOTICE from now, if no settlement was posted for ABANDONED_AFTER and no end is
    /// due sooner. The next settlement, or the owner, cancels it. Anyone.
    function endAbandoned() external;
    /// @notice After the end, sends the treasury all deposits that no valid settlement has promised. Anyone.
    function withdrawSurplus() external returns (uint256 amount);
    /// @notice Transfers the treasury role. The treasury only.
    function setTreasury(address newTreasury) external;

    /// @notice Who may veto.
    function guardian() external view returns (address);
    /// @notice The announced guardian, and when it takes office (Unix seconds); zeros if there is none.
    function nextGuardian() external view returns (address newGuardian, uint64 effectiveAt);
    /// @notice Seconds between posting a settlement and its activation.
    function challengeWindow() external view returns (uint64);
    /// @notice The announced shorter window, and when it takes effect (Unix seconds); zeros if there is none.
    function nextChallengeWindow() external view returns (uint64 window, uint64 effectiveAt);
    /// @notice Receives the surplus.
    function treasury() external view returns (address);
    /// @notice When the programme ends or ended (Unix seconds); 0 if no end was announced.
    function endsAt() external view returns (uint64);
    /// @notice attoFIL deposited and not promised by any active or pending settlement.
    function surplus() external view returns (uint256);

    /// @notice Newest settlement that is not void; 0 if there is none.
    function head() external view returns (uint64);
    /// @notice Number of settlements ever posted, including void ones.
    function settlementCount() external view returns (uint64);
    function getSettlement(uint64 settlement) external view returns (Settlement memory);
    function statusOf(uint64 settlement) external view returns (Status);
    /// @notice attoFIL that an operator has received; never decreases.
    function claimed(address operator) external view returns (uint256);
    /// @notice Where an operator's rewards go: its payout address, or itself; the address of the `call_actor`
    /// precompile for a native one.
    function payoutAddressOf(address operator) external view returns (address);
    /// @notice The operator's f1, f2 or f3 payout address in bytes; empty if it has none.
    function nativePayoutAddressOf(address operator) external view returns (bytes memory);
    /// @notice attoFIL ever deposited.
    function totalDeposited() external view returns (uint256);
    /// @notice attoFIL sent to the treasury.
    function totalWithdrawn() external view returns (uint256);
    /// @notice attoFIL ever paid.
    function totalClaimed() external view returns (uint256);
    /// @notice The maximum sum of all claims in attoFIL: the greatest `cumulativeTotal` of the active settlements
    /// claimed against so far.
    function highestActiveTotal() external view returns (uint256);
    /// @notice The evaluators, the signatures that a settlement needs, and the version of the set, from 1.
    function evaluators() external view returns (address[] memory set, uint256 threshold, uint64 version);
    /// @notice The version of the current set.
    function evaluatorSet() external view returns (uint64 version);
    /// @notice The announced set, and when it takes effect (Unix seconds); empty if there is none.
    function nextEvaluators()
        external
        view
        returns (address[] memory set, uint256 threshold, uint64 version, uint64 effectiveAt);
    /// @notice The EIP-712 digest that evaluators sign under the current evaluator set.
    function digestOf(Proposal calldata proposal) external view returns (bytes32);
}
