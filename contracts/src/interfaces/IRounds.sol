// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {IRoles} from "./IRoles.sol";

/// @title Rounds: rosters, tasks, beacons and measurement commitments
/// @notice A round fixes which stations (roster) and which tasks may be drawn before the beacon that draws them is
/// known (docs/protocol.md §§1–8).
interface IRounds {
    /// @notice Parameters in force when a round opens; each round keeps its own copy.
    /// @param roundDuration Seconds from opening to closing.
    /// @param beaconDelay Seconds from opening to the moment after which the round's beacon is published.
    /// @param step Seconds; the unit of the timetable after closing (docs/protocol.md §3.1).
    /// @param minCommitteeSize With fewer stations than this, all verdicts are COMMITTEE_TOO_SMALL.
    /// @param maxCommitteeSize Largest committee.
    /// @param quorum Minimum number of voters for a verdict.
    /// @param maxTasksPerCommittee Maximum number of tasks per committee, at most 256.
    /// @param targetMeasurements Target number of measurements per round.
    /// @param budget Reward of one round in attoFIL.
    struct Parameters {
        uint32 roundDuration;
        uint32 beaconDelay;
        uint32 step;
        uint16 minCommitteeSize;
        uint16 maxCommitteeSize;
        uint16 quorum;
        uint16 maxTasksPerCommittee;
        uint32 targetMeasurements;
        uint96 budget;
    }

    /// @notice What the coordinator freezes when a round opens.
    /// @param rosterRoot Merkle root over `(uint256 index, address station, address operator, bytes16 subnet)`.
    /// @param rosterCount Stations in the roster (N).
    /// @param rosterCid Binary CID (36 bytes) of the roster file.
    /// @param tasksRoot Merkle root over `(uint256 index, bytes cid, uint64 provider)`.
    /// @param taskCount Tasks in the list (M).
    /// @param tasksCid Binary CID (36 bytes) of the task file.
    struct Inputs {
        bytes32 rosterRoot;
        bytes32 tasksRoot;
        uint32 rosterCount;
        uint32 taskCount;
        bytes rosterCid;
        bytes tasksCid;
    }

    /// @notice A round as stored.
    /// @param openedAt Unix time of opening in seconds.
    /// @param times What happens when.
    /// @param beaconRound drand round that seeds the committees.
    /// @param dedupeBeaconRound drand round that seeds the choice of one voter per subnet.
    /// @param seed Zero until the beacon is revealed.
    struct Round {
        Inputs inputs;
        Parameters parameters;
        uint64 openedAt;
        Times times;
        uint64 beaconRound;
        uint64 dedupeBeaconRound;
        bytes32 seed;
    }

    /// @notice The timetable of a round, in Unix seconds (docs/protocol.md §3.1).
    /// @param closesAt Measurements are made until then.
    /// @param sealsUntil Last second in which publishers commit lists of seals.
    /// @param ownSealsUntil Last second in which a station that was left out commits its own seal.
    /// @param showFrom When stations begin to show what they sealed.
    /// @param publishUntil Last second in which publishers commit batches.
    /// @param commitsUntil Last second in which a station that was left out commits its own report.
    /// @param dedupeFrom The dedupe beacon is published after it; no settlement of the round before.
    /// @param objectionsFrom When evaluators may object to a list or a batch that they could not get.
    struct Times {
        uint64 closesAt;
        uint64 sealsUntil;
        uint64 ownSealsUntil;
        uint64 showFrom;
        uint64 publishUntil;
        uint64 commitsUntil;
        uint64 dedupeFrom;
        uint64 objectionsFrom;
    }

    /// @notice The files that a round's evaluation reads.
    enum FileKind {
        Roster,
        Tasks,
        Seals,
        Lines
    }

    /// @notice A publisher's commitment to a list of seals or to a batch.
    /// @param root Root of the positional tree over the lines (docs/protocol.md §8.2): what counts.
    /// @param count Lines.
    /// @param cid Where the lines are to be found.
    struct Commitment {
        address publisher;
        bytes32 root;
        uint32 count;
        bytes cid;
        uint64 committedAt;
    }

    /// @notice What a station signs of its report of a round.
    /// @param station Its index in the roster.
    /// @param operator Its operator in the roster, who is paid.
    /// @param tasks Bit k: the report has a measurement of the k-th task of its committee.
    /// @param report SHA-256 of the report.
    struct Seal {
        uint64 round;
        uint32 station;
        address operator;
        uint256 tasks;
        bytes32 report;
    }

    /// @notice A station of a round: with its index, a leaf of `rosterRoot`.
    struct Station {
        address station;
        address operator;
        bytes16 subnet;
    }

    /// @notice What a station committed itself.
    /// @param digest The EIP-712 hash of its seal, or the SHA-256 of its report.
    struct Own {
        uint32 station;
        bytes32 digest;
    }

    event RoundOpened(
        uint64 indexed round,
        uint64 beaconRound,
        uint64 dedupeBeaconRound,
        uint64 openedAt,
        Times times,
        Inputs inputs,
        Parameters parameters
    );
    event SeedRevealed(uint64 indexed round, uint64 beaconRound, bytes32 randomness, bytes32 seed);
    event Committed(
        uint64 indexed round,
        FileKind indexed kind,
        uint32 index,
        address indexed publisher,
        bytes cid,
        bytes32 root,
        uint32 count
    );
    event OwnSealed(uint64 indexed round, uint32 indexed station, Seal signed, bytes signature);
    /// @dev The report follows in pieces.
    event OwnCommitted(uint64 indexed round, uint32 indexed station, Seal signed, bytes signature);
    /// @param at Offset of the piece in the report.
    event OwnPiece(uint64 indexed round, uint32 indexed station, uint256 at, bytes piece);
    /// @dev For rounds opened from `effectiveAt` on, unless cancelled; the same holds for the two below.
    event ParametersChanged(Parameters current, uint64 effectiveAt);
    event ParametersCancelled(address indexed by);
    event CoordinatorChanged(address indexed previous, address indexed current, uint64 effectiveAt);
    event CoordinatorCancelled(address indexed cancelled, address indexed by);
    event PublisherChanged(address indexed publisher, bool allowed, uint64 effectiveAt);
    event PublisherChangeCancelled(address indexed publisher, address indexed by);
    /// @dev At once, for open rounds too.
    event PublisherSuspended(address indexed publisher, address indexed guardian);
    /// @dev `listsOf` is 0 if the guardian chose no round.
    event CoordinatorSuspended(address indexed coordinator, address indexed guardian, uint64 listsOf);

    error NotCoordinator(address caller, address coordinator);
    /// @notice Not admitted when the round was opened, or suspended.
    error NotPublisher(address caller, uint64 round);
    error NoSuchRound(uint64 round, uint64 latest);
    error PreviousRoundOpen(uint64 closesAt, uint256 timestamp);
    error TooEarlyForAnyone(uint64 opensForAnyoneAt, uint256 timestamp);
    /// @notice No round has a batch, so no round's lists are known to be usable.
    error NoUsableLists();
    error EmptyRootWithEntries(uint32 count);
    error RootWithoutEntries(bytes32 root);
    error AlreadyRevealed(uint64 round);
    error NotRevealed(uint64 round);
    error WindowOver(uint64 round, uint64 until, uint256 timestamp);
    /// @notice The round can still change: its dedupe beacon is published after `dedupeFrom`.
    error NotOver(uint64 round, uint64 dedupeFrom, uint256 timestamp);
    error AlreadyCommitted(uint64 round, FileKind kind, bytes32 root);
    error TooManyFiles(uint64 round, FileKind kind, uint256 max);
    error NoSuchFile(uint64 round, FileKind kind, uint32 index);
    error NotInRoster(uint64 round, uint256 station);
    error WrongOperator(address expected, address actual);
    error NoSuchTasks(uint256 tasks, uint256 tasksPerCommittee);
    error NotSigned(address station);
    error OwnAlready(uint64 round, uint32 station);
    error WrongReport(bytes32 digest);
    error ReportLength(uint256 length, uint256 max);
    error BatchCount(uint32 count, uint32 max);
    error ParameterOutOfBounds(bytes32 parameter, uint256 value, uint256 min, uint256 max);
    error NothingChanged();
    error BadRange(uint64 first, uint64 last);
    error OutOfRange(uint256 value, uint256 count);
    error SeatOutsideCommittee(uint256 seat, uint256 committee);
    /// @notice The round has no stations or no tasks.
    error NoCommittees(uint64 round);
    error InvalidCid(bytes cid);
    error ZeroAddress();

    /// @notice Opens the next round. Coordinator only, and only after the previous round has closed.
    function open(Inputs calldata inputs) external returns (uint64 round);

    /// @notice Opens the next round with the lists of round `listsAsBefore()`; anyone may, once the coordinator is late by
    /// one `roundDuration`, or as soon as the newest round has closed while there is none.
    function openAsBefore() external returns (uint64 round);

    /// @notice Verifies the round's beacon and stores its seed. Anyone may, until the commit window is over.
    /// @param signature As `IBeacon.verify` takes it.
    function reveal(uint64 round, bytes calldata signature) external returns (bytes32 seed);

    /// @notice Commits a list of seals, from the opening until `sealsUntil`. Publishers only, at most
    /// `4 + 2·⌈N/100000⌉` of each a round.
    /// @param cid Binary CIDv1, sha2-256, raw or dag-pb: 36 bytes.
    /// @param root Root of the positional tree over the lines.
    /// @param count Lines, 1 to MAX_LINES.
    function seal(uint64 round, bytes calldata cid, bytes32 root, uint32 count) external returns (uint32 index);

    /// @notice Commits a batch to a revealed round, until `publishUntil`. Publishers only, at most `4 + 2·⌈N·T/100000⌉` of
    /// each a round. Parameters as for `seal`.
    function commit(uint64 round, bytes calldata cid, bytes32 root, uint32 count) external returns (uint32 index);

    /// @notice Commits a station's own seal, until `ownSealsUntil`, once a round. Anyone may call; the signature decides.
    /// @param signature The station's, 65 bytes over `digestOf(signed)`.
    /// @param entry The station with that index.
    /// @param rosterProof From `entry` to the round's `rosterRoot`.
    function sealOwn(
        Seal calldata signed,
        bytes calldata signature,
        Station calldata entry,
        bytes32[] calldata rosterProof
    ) external;

    /// @notice Commits a station's own report to a revealed round, until `commitsUntil`, once a round, and emits its bytes.
    /// Anyone may call. Parameters as for `sealOwn`.
    /// @param report At most MAX_REPORT bytes; its SHA-256 is the seal's.
    function commitOwn(
        Seal calldata signed,
        bytes calldata signature,
        Station calldata entry,
        bytes32[] calldata rosterProof,
        bytes calldata report
    ) external;

    /// @notice Announces the parameters, within bounds, of rounds opened one challenge window from now on. Replaces an
    /// earlier announcement. Owner only.
    function setParameters(Parameters calldata newParameters) external;
    /// @notice Cancels announced parameters before they take effect. Owner or guardian.
    function cancelParameters() external;
    /// @notice Announces a coordinator, who opens rounds from one challenge window from now on. Replaces an earlier
    /// announcement. Owner only.
    function setCoordinator(address newCoordinator) external;
    /// @notice Cancels an announced coordinator. Owner or guardian.
    function cancelCoordinator() external;
    /// @notice Announces that an address may, or may no longer, commit batches of rounds opened one challenge window from now
    /// on. Owner only.
    function setPublisher(address publisher, bool allowed) external;
    /// @notice Cancels what was announced of a publisher. Owner or guardian.
    function cancelPublisher(address publisher) external;
    /// @notice Stops a publisher at once, for open rounds too. It comes back by `setPublisher` only. Guardian only.
    function suspendPublisher(address publisher) external;
    /// @notice Stops the coordinator at once. The next one comes by `setCoordinator` only; until then anyone opens rounds by
    /// `openAsBefore`. Guardian only.
    /// @param listsOf The round whose lists those take; 0 for the newest with a batch.
    function suspendCoordinator(uint64 listsOf) external;

    /// @notice Who may do what.
    function ROLES() external view returns (IRoles);
    /// @notice The address that opens rounds; zero if it was suspended.
    function coordinator() external view returns (address);
    /// @notice The announced coordinator, and when it takes office (Unix seconds); zeros if there is none.
    function nextCoordinator() external view returns (address newCoordinator, uint64 effectiveAt);
    /// @notice Whether an address may commit batches of a round opened now.
    function isPublisher(address publisher) external view returns (bool);
    /// @notice A publisher may commit batches of rounds opened at Unix times `from <= openedAt < until`; `from` is zero if it
    /// was never admitted, or suspended; `until` is 2^40 − 1 if no end was announced.
    function admissionOf(address publisher) external view returns (uint64 from, uint64 until);
    /// @notice The round whose lists `openAsBefore` takes: the newest with a batch, or the one that the guardian chose; 0 if
    /// there is none.
    function listsAsBefore() external view returns (uint64 round);

    /// @notice Number of the newest round; 0 if none was opened.
    function latestRound() external view returns (uint64);
    function getRound(uint64 round) external view returns (Round memory);
    /// @notice The parameters of a round opened now.
    function getParameters() external view returns (Parameters memory);
    /// @notice The announced parameters, and when they take effect (Unix seconds); zeros if there are none.
    function nextParameters() external view returns (Parameters memory newParameters, uint64 effectiveAt);
    function commitmentCount(uint64 round, FileKind kind) external view returns (uint32);
    /// @notice Up to `limit` commitments of `round` from `start`, in commit order.
    /// @param kind Seals or Lines.
    function commitments(uint64 round, FileKind kind, uint32 start, uint32 limit)
        external
        view
        returns (Commitment[] memory);
    function isCommitted(address publisher, uint64 round, FileKind kind, bytes32 root) external view returns (bool);
    /// @notice Number of stations that committed their own seals or reports.
    function ownCount(uint64 round, FileKind kind) external view returns (uint32);
    /// @notice Up to `limit` of them from `start`, in commit order.
    function own(uint64 round, FileKind kind, uint32 start, uint32 limit) external view returns (Own[] memory);
    /// @notice The EIP-712 digest that a station signs.
    function digestOf(Seal calldata signed) external view returns (bytes32);
    /// @notice When evaluators may object to a file that they could not get (Unix seconds): lists of seals from `showFrom`,
    /// the others from `objectionsFrom` on. Reverts if there is no such file.
    /// @param index In commit order; 0 for rosters and task lists.
    function objectionsFrom(uint64 round, FileKind kind, uint32 index) external view returns (uint64);
    /// @notice Sum of the budgets of the revealed rounds in `[first, last]`; reverts unless it is later
    /// than `dedupeFrom` of each.
    function budgetOf(uint64 first, uint64 last) external view returns (uint256 attoFil);

    /// @notice Number of committees, and of tasks per committee, of a round.
    function committeeCount(uint64 round) external view returns (uint256 committees, uint256 tasksPerCommittee);
    /// @notice The committee in which a station sits, and its seat `p`: `shuffled(p) = station`, counted over the
    /// whole roster.
    function committeeOf(uint64 round, uint256 station) external view returns (uint256 committee, uint256 seat);
    /// @notice The station on seat `p` of the whole roster; reverts unless the seat belongs to `committee`.
    function memberAt(uint64 round, uint256 committee, uint256 seat) external view returns (uint256 station);
    /// @notice Index in the task list of task `k` of a committee.
    function taskAt(uint64 round, uint256 committee, uint256 k) external view returns (uint256 task);
}
