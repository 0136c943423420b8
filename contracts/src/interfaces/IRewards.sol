// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {ICourt} from "./ICourt.sol";
import {IRoles} from "./IRoles.sol";
import {IRounds} from "./IRounds.sol";

/// @title Rewards: deposits, settlements and claims
/// @notice Settlements are cumulative Merkle roots signed by k of n evaluators, active after a challenge window
/// (docs/protocol.md §11). Within the window a guardian can veto, and anyone can void a settlement by showing the Court that
/// it breaks what was promised before. Active settlements can never be voided, paused or un-funded. Deposits
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

    /// @notice Why `claimMany` skipped an operator.
    enum Skipped {
        NothingToClaim,
        /// The root grants more than the signed total.
        OverTotal,
        /// The recipient rejected the payment.
        Refused
    }

    /// @notice What evaluators sign, together with the version of their set.
    /// @param number One more than the number of settlements ever posted, so what was voided can never be posted again.
    /// @param parent The settlement that this one continues; 0 for the first.
    /// @param firstRound One more than the parent's `lastRound`; 1 for the first.
    /// @param lastRound Its commit window must be over.
    /// @param root Root of the rewards tree (docs/protocol.md §8.2); zero if nobody has ever earned.
    /// @param operators Leaves of the tree.
    /// @param cumulativeTotal Sum of all leaves in attoFIL. If it is the parent's, so are root and operators.
    /// @param drops `dropCount()`: how many files the evaluation leaves out.
    /// @param cid Binary CID (36 bytes) of the settlement document. The contract does not read it.
    struct Proposal {
        uint64 number;
        uint64 parent;
        uint64 firstRound;
        uint64 lastRound;
        bytes32 root;
        uint32 operators;
        uint256 cumulativeTotal;
        uint32 drops;
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
    /// @param rest What a claim need not look at: hash of the leaf's other fields (docs/protocol.md §8.2).
    struct Allocation {
        address operator;
        uint256 cumulative;
        bytes32 rest;
    }

    /// @notice What the Court judges a settlement by.
    /// @param operators Leaves of `root`.
    /// @param parentRoot Zero, as `parentOperators`, if it has no parent.
    /// @param activeAt Unix time in seconds.
    /// @param pending Whether it can still be voided.
    struct Facts {
        bytes32 root;
        uint32 operators;
        uint96 cumulativeTotal;
        bytes32 parentRoot;
        uint32 parentOperators;
        uint40 activeAt;
        bool pending;
    }

    /// @notice A file that a round's evaluation reads.
    /// @param index In commit order; 0 for rosters and task lists.
    struct File {
        uint64 round;
        IRounds.FileKind kind;
        uint32 index;
    }

    /// @notice What evaluators say of a file.
    /// @param objectors Bit i: the i-th evaluator of set `evaluatorSet`.
    /// @param dropsFrom When it may be dropped, since enough have objected (Unix seconds); 0 before.
    /// @param keptUntil Until when nobody can object to it because `keeper` kept it (Unix seconds); 0 if it never was kept.
    /// @param keeper The guardian that kept it last; it counts only as long as that is the guardian. Zero if none did.
    struct Objection {
        uint64 evaluatorSet;
        uint32 objectors;
        bool dropped;
        uint64 dropsFrom;
        uint64 keptUntil;
        address keeper;
    }

    event Deposited(address indexed from, uint256 amount, uint256 totalDeposited);
    event SettlementPosted(
        uint64 indexed settlement,
        uint64 indexed parent,
        uint64 firstRound,
        uint64 lastRound,
        bytes32 root,
        uint32 operators,
        uint256 cumulativeTotal,
        uint32 drops,
        bytes cid,
        uint64 activeAt
    );
    /// @dev `lastVoid` is the newest descendant voided together with `settlement`.
    event SettlementVetoed(uint64 indexed settlement, uint64 lastVoid, address indexed guardian, string reason);
    /// @notice The Court voided a settlement and its descendants up to `lastVoid`.
    event SettlementDisproved(uint64 indexed settlement, uint64 lastVoid);
    event Objected(address indexed evaluator, uint64 indexed round, IRounds.FileKind indexed kind, uint32 index);
    /// @notice Enough evaluators objected to a file: anyone can drop it from `dropsFrom` on, unless the guardian keeps it.
    event DropAnnounced(uint64 indexed round, IRounds.FileKind indexed kind, uint32 index, uint64 dropsFrom);
    /// @notice Who keeps it could get the file.
    event Kept(
        address indexed guardian, uint64 indexed round, IRounds.FileKind indexed kind, uint32 index, uint64 until
    );
    /// @notice `number` files are dropped now, this one included.
    event Dropped(uint32 number, uint64 indexed round, IRounds.FileKind indexed kind, uint32 index);
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
    event TreasuryChanged(address indexed previous, address indexed current);
    /// @dev 0 means no end.
    event EndChanged(uint64 previous, uint64 current, address indexed by);
    event SurplusWithdrawn(address indexed treasury, uint256 amount);

    error NotCourt(address caller, address court);
    error NotTreasury(address caller, address treasury);
    error Ended(uint64 endedAt);
    /// @notice `endsAt` is 0 if no end was announced.
    error NotEnded(uint64 endsAt);
    error EndTooSoon(uint64 at, uint64 earliest);
    error NotAbandoned(uint64 abandonedAt);
    error NoSuchSettlement(uint64 settlement);
    error NotActive(uint64 settlement, Status status);
    error NotPending(uint64 settlement, Status status);
    error WrongNumber(uint64 expected, uint64 actual);
    /// @notice More was dropped since: evaluate again, and sign that.
    error StaleDrops(uint32 expected, uint32 actual);
    error AlreadySettled(uint64 round, uint64 lastSettled);
    error TooEarlyToObject(uint64 from, uint256 timestamp);
    error TooEarlyToDrop(uint64 from, uint256 timestamp);
    /// @notice Fewer evaluators of the current set than needed object to the file.
    error NotObjectedTo(uint64 round, IRounds.FileKind kind, uint32 index);
    error IsKept(address guardian, uint64 until);
    error WrongParent(uint64 expected, uint64 actual);
    error RangeDoesNotContinue(uint64 expectedFirst, uint64 first, uint64 last);
    error TooManyRounds(uint256 rounds, uint256 max);
    /// @notice Root, operators and total are zero together or not at all.
    error EmptyTree(bytes32 root, uint32 operators, uint256 cumulativeTotal);
    /// @notice The total is the parent's, but root or operators are not; or the root is, but not the total.
    error NotTheParentsTree(bytes32 root, uint32 operators);
    error TotalDecreases(uint256 previous, uint256 cumulativeTotal);
    error OverBudget(uint256 growth, uint256 budget);
    error Underfunded(uint256 cumulativeTotal, uint256 totalDeposited);
    error InvalidCid(bytes cid);
    error InvalidProof(address operator, uint256 cumulative);
    error InvalidRange(bytes32 root);
    error NothingToClaim(address operator, uint256 cumulative, uint256 claimed);
    error OverTotal(uint256 amount, uint256 unpaid);
    error PaymentFailed(address operator, address recipient, uint256 amount);
    error TooLittleGas(uint256 needed);
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
    /// rounds, deposits), and the Court, if called, what it can take away from what was promised before. Neither checks that
    /// measurements were made. That depends on the evaluators' independence, on anyone who recomputes the document, and on
    /// the guardian's veto.
    /// @param signatures 65 bytes each over `digestOf(proposal)`.
    function post(Proposal calldata proposal, bytes[] calldata signatures) external returns (uint64 settlement);

    /// @notice Objects to files that the caller could not get. What `threshold` evaluators of the current set object to can be
    /// dropped a quarter of the challenge window later. Only files of rounds after the newest settlement's, and only from
    /// `IRounds.objectionsFrom` on. Evaluators only.
    function unreadable(File[] calldata files) external;

    /// @notice Keeps a file that evaluators object to, or could: it counts, for one challenge window and as long as the caller is the
    /// guardian. After that, evaluators can object anew, and the guardian can keep it anew. Guardian only.
    function keep(File calldata file) external;

    /// @notice Drops files for good to which enough evaluators objected, and that the guardian did not keep in time: a round
    /// without its roster or tasks pays nothing, any other file counts as if it had not been committed. Passes over what is
    /// dropped. Anyone.
    function drop(File[] calldata files) external;

    /// @notice Voids a pending settlement and all its descendants. Guardian only.
    function veto(uint64 settlement, string calldata reason) external;

    /// @notice The same, after fraud was shown to the Court. The Court only.
    function voidByCourt(uint64 settlement) external;

    /// @notice Pays an operator what an active settlement grants beyond what was claimed. Anyone may call; the money
    /// goes to the operator, or to the operator's payout address. Reverts if the recipient rejects it.
    /// @param index The allocation's place in the tree.
    /// @param proof From the allocation to the settlement's `root`.
    function claim(uint64 settlement, uint32 index, Allocation calldata allocation, bytes32[] calldata proof)
        external
        returns (uint256 amount);

    /// @notice As `claim` for operators in consecutive places, with one proof for all. An operator is skipped and reported,
    /// and loses nothing, if the recipient rejects the payment, if nothing is due, or if its share exceeds the signed
    /// total. A wrong proof reverts the whole batch. Warning: each payment gets PAYMENT_GAS; a recipient that needs more
    /// can only be paid by `claim`. Before each payment twice that much gas must remain, or the whole call reverts.
    /// @param start The place of the first allocation.
    /// @param allocations One for each place. One with the operator zero stands for a leaf not to be paid: its `rest` is then
    /// that leaf's hash.
    /// @param siblings On each level, from the leaves' upwards, what does not follow from `allocations`, the left one first.
    function claimMany(uint64 settlement, uint32 start, Allocation[] calldata allocations, bytes32[] calldata siblings)
        external
        returns (uint256 paid);

    /// @notice Sets where the caller's rewards go; zero resets to the caller's own address. Accepts any EVM address
    /// but Filecoin's masked ids, which are set with `setNativePayoutAddress`.
    function setPayoutAddress(address recipient) external;

    /// @notice Sets an f0, f1, f2 or f3 address to which the caller's rewards go. Only on chains with Filecoin's
    /// precompiles.
    /// @param recipient The address in bytes: the protocol, then the id in LEB128 (f0), 20 bytes of hash (f1, f2) or 48 of
    /// public key (f3).
    function setNativePayoutAddress(bytes calldata recipient) external;

    /// @notice Announces when the programme ends, at least END_NOTICE from now; 0 for no end. After the end nothing can
    /// be posted or deposited; claims remain possible forever. Owner only.
    function setEnd(uint64 at) external;
    /// @notice Cancels the end that the owner announced, before it comes. Owner or guardian.
    function cancelEnd() external;
    /// @notice Announces the end, END_NOTICE from now, if no settlement that grants anything has become active for
    /// ABANDONED_AFTER and no end is due sooner. Only the next such settlement cancels it. Anyone.
    function endAbandoned() external;
    /// @notice Takes note of the settlements that became active, which cancels an end announced because there was none. Posting
    /// does so too. Anyone.
    function noteActive() external;
    /// @notice After the end, sends the treasury all deposits that no valid settlement has promised. Anyone.
    function withdrawSurplus() external returns (uint256 amount);
    /// @notice Transfers the treasury role. The treasury only.
    function setTreasury(address newTreasury) external;

    /// @notice Who may do what.
    function ROLES() external view returns (IRoles);
    /// @notice The rounds that settlements cover.
    function ROUNDS() external view returns (IRounds);
    /// @notice Judges what is shown to it.
    function COURT() external view returns (ICourt);
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
    /// @notice Number of files ever dropped.
    function dropCount() external view returns (uint32);
    /// @notice Up to `limit` dropped files from `start`, in the order in which they were dropped.
    function drops(uint32 start, uint32 limit) external view returns (File[] memory);
    /// @notice What evaluators say of a file.
    function objectionsTo(File calldata file) external view returns (Objection memory);
    /// @notice Up to `limit` files from `start` to which enough evaluators objected, in that order, whatever became of them.
    function objections(uint32 start, uint32 limit) external view returns (File[] memory);
    /// @notice What the Court judges it by.
    function factsOf(uint64 settlement) external view returns (Facts memory);
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
    /// @notice The EIP-712 digest that evaluators sign under the current evaluator set.
    function digestOf(Proposal calldata proposal) external view returns (bytes32);
}
