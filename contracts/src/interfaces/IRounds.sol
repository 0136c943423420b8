// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

/// @title Rounds: rosters, tasks, beacons and measurement commitments
/// @notice A round fixes which stations (roster) and which tasks may be drawn before the beacon that draws them is
/// known (docs/protocol.md §§1–8).
interface IRounds {
    /// @notice Parameters in force when a round opens; each round keeps its own copy.
    /// @param roundDuration Seconds from opening to closing.
    /// @param beaconDelay Seconds from opening to the moment after which the round's beacon is published.
    /// @param commitGrace Seconds after closing in which batches are still accepted.
    /// @param minCommitteeSize With fewer stations than this, all verdicts are COMMITTEE_TOO_SMALL.
    /// @param maxCommitteeSize Largest committee.
    /// @param quorum Minimum number of voters for a verdict.
    /// @param maxTasksPerCommittee Maximum number of tasks per committee.
    /// @param targetMeasurements Target number of measurements per round.
    /// @param budget Reward of one round in attoFIL.
    struct Parameters {
        uint32 roundDuration;
        uint32 beaconDelay;
        uint32 commitGrace;
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
    /// @param closesAt `openedAt + roundDuration`.
    /// @param commitsUntil `closesAt + commitGrace`: the last second in which a batch is accepted.
    /// @param beaconRound drand round that seeds the committees.
    /// @param dedupeBeaconRound drand round that seeds the choice of one voter per subnet.
    /// @param seed Zero until the beacon is revealed.
    struct Round {
        Inputs inputs;
        Parameters parameters;
        uint64 openedAt;
        uint64 closesAt;
        uint64 commitsUntil;
        uint64 beaconRound;
        uint64 dedupeBeaconRound;
        bytes32 seed;
    }

    /// @notice A committed batch of measurements.
    struct Commitment {
        bytes cid;
        uint32 count;
        uint64 committedAt;
    }

    /// @notice A station's seat, and a task of any committee.
    /// @param committee The committee in which the station sits.
    /// @param seat Its seat, counted over the whole roster.
    /// @param task Index in the task list of the requested task.
    struct Draw {
        bytes32 rosterRoot;
        uint256 committee;
        uint256 seat;
        uint256 task;
    }

    event RoundOpened(
        uint64 indexed round,
        uint64 beaconRound,
        uint64 dedupeBeaconRound,
        uint64 openedAt,
        uint64 closesAt,
        Inputs inputs,
        Parameters parameters
    );
    event SeedRevealed(uint64 indexed round, uint64 beaconRound, bytes32 randomness, bytes32 seed);
    event Committed(uint64 indexed round, uint32 indexed index, address indexed publisher, bytes cid, uint32 count);
    event ParametersChanged(Parameters previous, Parameters current);
    event CoordinatorChanged(address indexed previous, address indexed current);
    event PublisherChanged(address indexed publisher, bool allowed);

    error NotCoordinator(address caller, address coordinator);
    error NotPublisher(address caller);
    error NoSuchRound(uint64 round, uint64 latest);
    error PreviousRoundOpen(uint64 closesAt, uint256 timestamp);
    error TooEarlyForAnyone(uint64 opensForAnyoneAt, uint256 timestamp);
    error EmptyRootWithEntries(uint32 count);
    error RootWithoutEntries(bytes32 root);
    error AlreadyRevealed(uint64 round);
    error NotRevealed(uint64 round);
    error CommitWindowOver(uint64 round, uint64 commitsUntil, uint256 timestamp);
    error CommitWindowOpen(uint64 round, uint64 commitsUntil, uint256 timestamp);
    error AlreadyCommitted(bytes cid, uint64 round);
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

    /// @notice Opens the next round with the previous inputs; anyone may, once the coordinator is late by one
    /// `roundDuration`.
    function openAsBefore() external returns (uint64 round);

    /// @notice Verifies the round's beacon and stores its seed. Anyone may, until the commit window is over.
    /// @param signature As `IBeacon.verify` takes it.
    function reveal(uint64 round, bytes calldata signature) external returns (bytes32 seed);

    /// @notice Commits a batch of measurements. Publishers only, and only for a revealed round in its commit window.
    /// @param cid Binary CIDv1, sha2-256, raw or dag-pb: 36 bytes.
    /// @param count Measurements in the batch, 1 to MAX_BATCH.
    function commit(uint64 round, bytes calldata cid, uint32 count) external returns (uint32 index);

    /// @notice Sets the parameters of future rounds, within bounds. Owner only.
    function setParameters(Parameters calldata newParameters) external;
    /// @notice Owner only.
    function setCoordinator(address newCoordinator) external;
    /// @notice Allows or forbids an address to commit batches. Owner only.
    function setPublisher(address publisher, bool allowed) external;

    /// @notice The address that opens rounds.
    function coordinator() external view returns (address);
    /// @notice Whether an address may commit batches.
    function isPublisher(address publisher) external view returns (bool);

    /// @notice Number of the newest round; 0 if none was opened.
    function latestRound() external view returns (uint64);
    function getRound(uint64 round) external view returns (Round memory);
    /// @notice The parameters that the next round will copy.
    function getParameters() external view returns (Parameters memory);
    function commitmentCount(uint64 round) external view returns (uint32);
    /// @notice Up to `limit` commitments of `round` from `start`, in commit order.
    function commitments(uint64 round, uint32 start, uint32 limit) external view returns (Commitment[] memory);
    /// @notice The round that a CID was committed to; 0 if never.
    function committedIn(bytes calldata cid) external view returns (uint64 round);
    /// @notice Sum of the budgets of the revealed rounds in `[first, last]`; reverts unless all commit windows are
    /// over.
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
    /// @notice `committeeOf(round, station)` and `taskAt(round, committee, k)` in one call, and the roster's root:
    /// everything needed to decide whether `station` was drawn for that task.
    function drawOf(uint64 round, uint256 station, uint256 committee, uint256 k) external view returns (Draw memory);
}
