// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {Ownable, Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

import {IBeacon} from "./beacon/IBeacon.sol";
import {IRounds} from "./interfaces/IRounds.sol";
import {Cid} from "./libraries/Cid.sol";
import {Committees} from "./libraries/Committees.sol";
import {ParameterBounds} from "./libraries/ParameterBounds.sol";
import {Shuffle} from "./libraries/Shuffle.sol";

/// @title Rounds
/// @notice See `IRounds`.
contract Rounds is IRounds, Ownable2Step {
    /// @dev A round in storage: CIDs as codec and digest, times as the values they derive from.
    struct Record {
        bytes32 rosterRoot;
        bytes32 tasksRoot;
        bytes32 rosterDigest;
        bytes32 tasksDigest;
        bytes32 seed;
        uint40 openedAt;
        uint64 beaconRound;
        uint64 dedupeBeaconRound;
        uint32 rosterCount;
        uint32 taskCount;
        bytes1 rosterCodec;
        bytes1 tasksCodec;
        Parameters parameters;
    }

    /// @dev A committed batch, by the digest of its CID.
    struct Batch {
        uint64 round;
        uint64 committedAt;
        uint32 count;
        bytes1 codec;
    }

    /// @notice Maximum number of measurements in one batch.
    uint32 public constant MAX_BATCH = 100_000;

    /// @notice The verifier of drand beacons.
    IBeacon public immutable BEACON;

    /// @inheritdoc IRounds
    address public coordinator;
    /// @inheritdoc IRounds
    uint64 public latestRound;
    /// @inheritdoc IRounds
    mapping(address publisher => bool allowed) public isPublisher;

    Parameters private _parameters;
    mapping(uint64 round => Record) private _rounds;
    // slither-disable-next-line uninitialized-state
    mapping(uint64 round => bytes32[] digests) private _committed;
    mapping(bytes32 digest => Batch) private _batches;

    /// @param beacon The verifier of drand beacons; immutable.
    /// @param owner Sets parameters, coordinator and publishers.
    /// @param firstCoordinator Opens rounds.
    /// @param firstParameters Parameters of the first rounds.
    constructor(IBeacon beacon, address owner, address firstCoordinator, Parameters memory firstParameters)
        Ownable(owner)
    {
        require(address(beacon) != address(0), ZeroAddress());
        BEACON = beacon;
        _setCoordinator(firstCoordinator);
        _setParameters(firstParameters);
    }

    /// @inheritdoc IRounds
    function open(Inputs calldata inputs) external returns (uint64 round) {
        require(msg.sender == coordinator, NotCoordinator(msg.sender, coordinator));
        if (latestRound > 0) {
            uint64 closesAt = _closesAt(_rounds[latestRound]);
            require(block.timestamp >= closesAt, PreviousRoundOpen(closesAt, block.timestamp));
        }
        _checkList(inputs.rosterRoot, inputs.rosterCount);
        _checkList(inputs.tasksRoot, inputs.taskCount);
        require(Cid.isValid(inputs.rosterCid), InvalidCid(inputs.rosterCid));
        require(Cid.isValid(inputs.tasksCid), InvalidCid(inputs.tasksCid));

        round = latestRound + 1;
        Record storage record = _rounds[round];
        record.rosterRoot = inputs.rosterRoot;
        record.tasksRoot = inputs.tasksRoot;
        record.rosterCount = inputs.rosterCount;
        record.taskCount = inputs.taskCount;
        (record.rosterCodec, record.rosterDigest) = Cid.unpack(inputs.rosterCid);
        (record.tasksCodec, record.tasksDigest) = Cid.unpack(inputs.tasksCid);
        _start(round, record);
    }

    /// @inheritdoc IRounds
    function openAsBefore() external returns (uint64 round) {
        Record storage previous = _record(latestRound);
        uint64 opensForAnyoneAt = _closesAt(previous) + previous.parameters.roundDuration;
        require(block.timestamp >= opensForAnyoneAt, TooEarlyForAnyone(opensForAnyoneAt, block.timestamp));

        round = latestRound + 1;
        Record storage record = _rounds[round];
        record.rosterRoot = previous.rosterRoot;
        record.tasksRoot = previous.tasksRoot;
        record.rosterCount = previous.rosterCount;
        record.taskCount = previous.taskCount;
        (record.rosterCodec, record.rosterDigest) = (previous.rosterCodec, previous.rosterDigest);
        (record.tasksCodec, record.tasksDigest) = (previous.tasksCodec, previous.tasksDigest);
        _start(round, record);
    }

    /// @inheritdoc IRounds
    function reveal(uint64 round, bytes calldata signature) external returns (bytes32 seed) {
        Record storage record = _record(round);
        require(record.seed == 0, AlreadyRevealed(round));
        _checkCommitWindow(round, record);

        uint64 beaconRound = record.beaconRound;
        bytes32 randomness = BEACON.verify(beaconRound, signature);
        seed = sha256(abi.encodePacked("assize/seed/v1", block.chainid, address(this), round, randomness));
        record.seed = seed;
        emit SeedRevealed(round, beaconRound, randomness, seed);
    }

    /// @inheritdoc IRounds
    function commit(uint64 round, bytes calldata cid, uint32 count) external returns (uint32 index) {
        require(isPublisher[msg.sender], NotPublisher(msg.sender));
        Record storage record = _record(round);
        require(record.seed != 0, NotRevealed(round));
        _checkCommitWindow(round, record);
        require(count > 0 && count <= MAX_BATCH, BatchCount(count, MAX_BATCH));
        require(Cid.isValid(cid), InvalidCid(cid));
        (bytes1 codec, bytes32 digest) = Cid.unpack(cid);
        uint64 earlier = _batches[digest].round;
        require(earlier == 0, AlreadyCommitted(cid, earlier));

        _batches[digest] =
            Batch({round: round, committedAt: SafeCast.toUint64(block.timestamp), count: count, codec: codec});
        bytes32[] storage digests = _committed[round];
        index = SafeCast.toUint32(digests.length);
        digests.push(digest);
        emit Committed(round, index, msg.sender, cid, count);
    }

    /// @inheritdoc IRounds
    function setParameters(Parameters calldata newParameters) external onlyOwner {
        _setParameters(newParameters);
    }

    /// @inheritdoc IRounds
    function setCoordinator(address newCoordinator) external onlyOwner {
        _setCoordinator(newCoordinator);
    }

    /// @inheritdoc IRounds
    function setPublisher(address publisher, bool allowed) external onlyOwner {
        require(publisher != address(0), ZeroAddress());
        require(isPublisher[publisher] != allowed, NothingChanged());
        isPublisher[publisher] = allowed;
        emit PublisherChanged(publisher, allowed);
    }

    /// @inheritdoc IRounds
    function getRound(uint64 round) external view returns (Round memory) {
        Record storage record = _record(round);
        return Round({
            inputs: _inputs(record),
            parameters: record.parameters,
            openedAt: record.openedAt,
            closesAt: _closesAt(record),
            commitsUntil: _commitsUntil(record),
            beaconRound: record.beaconRound,
            dedupeBeaconRound: record.dedupeBeaconRound,
            seed: record.seed
        });
    }

    /// @inheritdoc IRounds
    function getParameters() external view returns (Parameters memory) {
        return _parameters;
    }

    /// @inheritdoc IRounds
    function commitmentCount(uint64 round) external view returns (uint32) {
        _record(round);
        return SafeCast.toUint32(_committed[round].length);
    }

    /// @inheritdoc IRounds
    function commitments(uint64 round, uint32 start, uint32 limit) external view returns (Commitment[] memory page) {
        _record(round);
        bytes32[] storage digests = _committed[round];
        uint256 end = Math.min(uint256(start) + limit, digests.length);
        page = new Commitment[](Math.saturatingSub(end, start));
        for (uint256 i = 0; i < page.length; ++i) {
            bytes32 digest = digests[start + i];
            Batch storage batch = _batches[digest];
            page[i] =
                Commitment({cid: Cid.pack(batch.codec, digest), count: batch.count, committedAt: batch.committedAt});
        }
    }

    /// @inheritdoc IRounds
    function committedIn(bytes calldata cid) external view returns (uint64 round) {
        require(Cid.isValid(cid), InvalidCid(cid));
        // slither-disable-next-line unused-return
        (, bytes32 digest) = Cid.unpack(cid);
        return _batches[digest].round;
    }

    /// @inheritdoc IRounds
    function budgetOf(uint64 first, uint64 last) external view returns (uint256 attoFil) {
        require(first > 0 && first <= last, BadRange(first, last));
        for (uint64 round = first; round <= last; ++round) {
            Record storage record = _record(round);
            // Each round has its own grace period, so an older one may close later.
            uint64 commitsUntil = _commitsUntil(record);
            require(block.timestamp > commitsUntil, CommitWindowOpen(round, commitsUntil, block.timestamp));
            if (record.seed != 0) attoFil += record.parameters.budget;
        }
    }

    /// @inheritdoc IRounds
    function committeeCount(uint64 round) external view returns (uint256 committees, uint256 tasksPerCommittee) {
        return _committees(_record(round));
    }

    /// @inheritdoc IRounds
    function committeeOf(uint64 round, uint256 station) external view returns (uint256 committee, uint256 seat) {
        (Record storage record, uint256 committees,) = _drawn(round);
        return _seatOf(record, station, committees);
    }

    /// @inheritdoc IRounds
    function memberAt(uint64 round, uint256 committee, uint256 seat) external view returns (uint256 station) {
        (Record storage record, uint256 committees,) = _drawn(round);
        uint256 stations = record.rosterCount;
        require(committee < committees, OutOfRange(committee, committees));
        require(seat < stations, OutOfRange(seat, stations));
        require(Committees.ofSeat(seat, stations, committees) == committee, SeatOutsideCommittee(seat, committee));
        return Shuffle.shuffled(seat, stations, Committees.rosterSeed(record.seed));
    }

    /// @inheritdoc IRounds
    function taskAt(uint64 round, uint256 committee, uint256 k) external view returns (uint256 task) {
        (Record storage record, uint256 committees, uint256 perCommittee) = _drawn(round);
        require(committee < committees, OutOfRange(committee, committees));
        return _taskAt(record, committee, k, perCommittee);
    }

    /// @inheritdoc IRounds
    function drawOf(uint64 round, uint256 station, uint256 committee, uint256 k)
        external
        view
        returns (Draw memory draw)
    {
        (Record storage record, uint256 committees, uint256 perCommittee) = _drawn(round);
        require(committee < committees, OutOfRange(committee, committees));
        draw.rosterRoot = record.rosterRoot;
        (draw.committee, draw.seat) = _seatOf(record, station, committees);
        draw.task = _taskAt(record, committee, k, perCommittee);
    }

    /// @dev Freezes beacons and parameters. The beacon must still be unknown: its round follows from the clock alone.
    function _start(uint64 round, Record storage record) private {
        latestRound = round;
        record.parameters = _parameters;
        record.openedAt = SafeCast.toUint40(block.timestamp);
        uint64 closesAt = _closesAt(record);
        record.beaconRound = BEACON.roundAfter(block.timestamp + _parameters.beaconDelay);
        record.dedupeBeaconRound = BEACON.roundAfter(closesAt);
        emit RoundOpened(
            round,
            record.beaconRound,
            record.dedupeBeaconRound,
            record.openedAt,
            closesAt,
            _inputs(record),
            record.parameters
        );
    }

    function _setCoordinator(address newCoordinator) private {
        require(newCoordinator != address(0), ZeroAddress());
        require(newCoordinator != coordinator, NothingChanged());
        emit CoordinatorChanged(coordinator, newCoordinator);
        coordinator = newCoordinator;
    }

    function _setParameters(Parameters memory newParameters) private {
        ParameterBounds.check(newParameters);
        Parameters memory previous = _parameters;
        require(keccak256(abi.encode(previous)) != keccak256(abi.encode(newParameters)), NothingChanged());
        emit ParametersChanged(previous, newParameters);
        _parameters = newParameters;
    }

    function _record(uint64 round) private view returns (Record storage record) {
        require(round > 0 && round <= latestRound, NoSuchRound(round, latestRound));
        return _rounds[round];
    }

    /// @dev A revealed round with committees.
    function _drawn(uint64 round)
        private
        view
        returns (Record storage record, uint256 committees, uint256 tasksPerCommittee)
    {
        record = _record(round);
        require(record.seed != 0, NotRevealed(round));
        (committees, tasksPerCommittee) = _committees(record);
        require(committees > 0, NoCommittees(round));
    }

    function _committees(Record storage record) private view returns (uint256 committees, uint256 tasksPerCommittee) {
        (uint256 stations, uint256 tasks) = (record.rosterCount, record.taskCount);
        committees = Committees.count(stations, tasks, record.parameters.maxCommitteeSize);
        tasksPerCommittee = Committees.tasksPerCommittee(
            committees, stations, tasks, record.parameters.targetMeasurements, record.parameters.maxTasksPerCommittee
        );
    }

    function _seatOf(Record storage record, uint256 station, uint256 committees)
        private
        view
        returns (uint256 committee, uint256 seat)
    {
        uint256 stations = record.rosterCount;
        require(station < stations, OutOfRange(station, stations));
        seat = Shuffle.unshuffled(station, stations, Committees.rosterSeed(record.seed));
        committee = Committees.ofSeat(seat, stations, committees);
    }

    function _taskAt(Record storage record, uint256 committee, uint256 k, uint256 perCommittee)
        private
        view
        returns (uint256 task)
    {
        require(k < perCommittee, OutOfRange(k, perCommittee));
        uint256 tasks = record.taskCount;
        uint256 place = Committees.taskPlace(committee, k, perCommittee, tasks);
        return Shuffle.shuffled(place, tasks, Committees.taskSeed(record.seed));
    }

    function _inputs(Record storage record) private view returns (Inputs memory) {
        return Inputs({
            rosterRoot: record.rosterRoot,
            tasksRoot: record.tasksRoot,
            rosterCount: record.rosterCount,
            taskCount: record.taskCount,
            rosterCid: Cid.pack(record.rosterCodec, record.rosterDigest),
            tasksCid: Cid.pack(record.tasksCodec, record.tasksDigest)
        });
    }

    function _closesAt(Record storage record) private view returns (uint64) {
        return uint64(record.openedAt) + record.parameters.roundDuration;
    }

    function _commitsUntil(Record storage record) private view returns (uint64) {
        return _closesAt(record) + record.parameters.commitGrace;
    }

    function _checkCommitWindow(uint64 round, Record storage record) private view {
        uint64 commitsUntil = _commitsUntil(record);
        require(block.timestamp <= commitsUntil, CommitWindowOver(round, commitsUntil, block.timestamp));
    }

    /// @dev A list is empty if and only if its root is zero.
    function _checkList(bytes32 root, uint32 count) private pure {
        require(count == 0 || root != 0, EmptyRootWithEntries(count));
        require(count != 0 || root == 0, RootWithoutEntries(root));
    }
}
