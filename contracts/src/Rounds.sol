// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";

import {IBeacon} from "./beacon/IBeacon.sol";
import {IRoles} from "./interfaces/IRoles.sol";
import {IRounds} from "./interfaces/IRounds.sol";
import {Cid} from "./libraries/Cid.sol";
import {Committees} from "./libraries/Committees.sol";
import {Shuffle} from "./libraries/Shuffle.sol";
import {Timetable} from "./libraries/Timetable.sol";
import {Commitments} from "./rounds/Commitments.sol";
import {OwnInclusion} from "./rounds/OwnInclusion.sol";
import {Settings} from "./rounds/Settings.sol";

/// @title Rounds
/// @notice See `IRounds`. This contract has rounds and what is drawn; `Settings` has parameters, coordinator and publishers,
/// `Commitments` what publishers commit, `OwnInclusion` what stations commit themselves.
contract Rounds is Settings, Commitments, OwnInclusion {
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

    /// @notice The verifier of drand beacons.
    IBeacon public immutable BEACON;

    /// @inheritdoc IRounds
    uint64 public latestRound;

    /// @dev The newest round with a batch: its lists could be used.
    uint64 private _latestCommitted;
    /// @dev The round whose lists the guardian chose; 0 if it did not.
    uint64 private _chosenLists;
    mapping(uint64 round => Record) private _rounds;

    /// @param roles Who may do what; immutable.
    /// @param beacon The verifier of drand beacons; immutable.
    /// @param firstCoordinator Opens rounds.
    /// @param firstPublishers Commit batches.
    /// @param firstParameters Parameters of the first rounds.
    constructor(
        IRoles roles,
        IBeacon beacon,
        address firstCoordinator,
        address[] memory firstPublishers,
        Parameters memory firstParameters
    ) Settings(roles, firstCoordinator, firstPublishers, firstParameters) EIP712("Assize", "2") {
        require(address(beacon) != address(0), ZeroAddress());
        BEACON = beacon;
    }

    /// @inheritdoc IRounds
    function open(Inputs calldata inputs) external returns (uint64 round) {
        require(msg.sender == coordinator(), NotCoordinator(msg.sender, coordinator()));
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
        _chosenLists = 0;
        _start(round, record);
    }

    /// @inheritdoc IRounds
    function openAsBefore() external returns (uint64 round) {
        Record storage latest = _record(latestRound);
        uint64 opensForAnyoneAt = _closesAt(latest);
        if (coordinator() != address(0)) opensForAnyoneAt += latest.parameters.roundDuration;
        require(block.timestamp >= opensForAnyoneAt, TooEarlyForAnyone(opensForAnyoneAt, block.timestamp));
        uint64 source = listsAsBefore();
        require(source != 0, NoUsableLists());
        Record storage previous = _rounds[source];

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
        _checkUntil(round, _times(record).commitsUntil);

        uint64 beaconRound = record.beaconRound;
        bytes32 randomness = BEACON.verify(beaconRound, signature);
        seed = sha256(abi.encodePacked("assize/seed/v1", block.chainid, address(this), round, randomness));
        record.seed = seed;
        emit SeedRevealed(round, beaconRound, randomness, seed);
    }

    /// @inheritdoc IRounds
    function seal(uint64 round, bytes calldata cid, bytes32 root, uint32 count) external returns (uint32 index) {
        Record storage record = _record(round);
        require(_mayCommit(msg.sender, record.openedAt), NotPublisher(msg.sender, round));
        _checkUntil(round, _times(record).sealsUntil);
        return _commit(round, FileKind.Seals, cid, root, count, record.rosterCount);
    }

    /// @inheritdoc IRounds
    function commit(uint64 round, bytes calldata cid, bytes32 root, uint32 count) external returns (uint32 index) {
        Record storage record = _record(round);
        require(_mayCommit(msg.sender, record.openedAt), NotPublisher(msg.sender, round));
        require(record.seed != 0, NotRevealed(round));
        _checkUntil(round, _times(record).publishUntil);
        // slither-disable-next-line unused-return
        (, uint256 tasksPerCommittee) = _committees(record);
        // slither-disable-next-line events-maths
        if (round > _latestCommitted) _latestCommitted = round;
        return _commit(round, FileKind.Lines, cid, root, count, record.rosterCount * tasksPerCommittee);
    }

    /// @inheritdoc IRounds
    function sealOwn(
        Seal calldata signed,
        bytes calldata signature,
        Station calldata entry,
        bytes32[] calldata rosterProof
    ) external {
        Record storage record = _checkOwn(signed, signature, entry, rosterProof);
        _checkUntil(signed.round, _times(record).ownSealsUntil);
        _sealOwn(signed, signature);
    }

    /// @inheritdoc IRounds
    function commitOwn(
        Seal calldata signed,
        bytes calldata signature,
        Station calldata entry,
        bytes32[] calldata rosterProof,
        bytes calldata report
    ) external {
        Record storage record = _checkOwn(signed, signature, entry, rosterProof);
        require(record.seed != 0, NotRevealed(signed.round));
        _checkUntil(signed.round, _times(record).commitsUntil);
        _commitOwn(signed, signature, report);
    }

    /// @inheritdoc IRounds
    function getRound(uint64 round) external view returns (Round memory) {
        Record storage record = _record(round);
        return Round({
            inputs: _inputs(record),
            parameters: record.parameters,
            openedAt: record.openedAt,
            times: _times(record),
            beaconRound: record.beaconRound,
            dedupeBeaconRound: record.dedupeBeaconRound,
            seed: record.seed
        });
    }

    /// @inheritdoc IRounds
    function objectionsFrom(uint64 round, FileKind kind, uint32 index) external view returns (uint64) {
        Times memory times = _times(_record(round));
        bool isList = kind == FileKind.Roster || kind == FileKind.Tasks;
        require(index < (isList ? 1 : commitmentCount(round, kind)), NoSuchFile(round, kind, index));
        return kind == FileKind.Seals ? times.showFrom : times.objectionsFrom;
    }

    /// @inheritdoc IRounds
    function budgetOf(uint64 first, uint64 last) external view returns (uint256 attoFil) {
        require(first > 0 && first <= last, BadRange(first, last));
        for (uint64 round = first; round <= last; ++round) {
            Record storage record = _record(round);
            // Each round has its own step, so an older one may be over later.
            uint64 dedupeFrom = Timetable.dedupeFrom(_closesAt(record), record.parameters.step);
            require(block.timestamp > dedupeFrom, NotOver(round, dedupeFrom, block.timestamp));
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
        uint256 stations = record.rosterCount;
        require(station < stations, OutOfRange(station, stations));
        seat = Shuffle.unshuffled(station, stations, Committees.rosterSeed(record.seed));
        committee = Committees.ofSeat(seat, stations, committees);
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
        require(k < perCommittee, OutOfRange(k, perCommittee));
        uint256 tasks = record.taskCount;
        uint256 place = Committees.taskPlace(committee, k, perCommittee, tasks);
        return Shuffle.shuffled(place, tasks, Committees.taskSeed(record.seed));
    }

    /// @inheritdoc IRounds
    function listsAsBefore() public view returns (uint64 round) {
        return _chosenLists != 0 ? _chosenLists : _latestCommitted;
    }

    /// @inheritdoc Settings
    function _useListsOf(uint64 round) internal override returns (bool changed) {
        require(round <= latestRound, NoSuchRound(round, latestRound));
        changed = round != _chosenLists;
        _chosenLists = round;
    }

    /// @dev Freezes beacons and parameters. The beacon must still be unknown: its round follows from the clock alone.
    function _start(uint64 round, Record storage record) private {
        latestRound = round;
        record.parameters = getParameters();
        record.openedAt = _now();
        Times memory times = _times(record);
        record.beaconRound = BEACON.roundAfter(block.timestamp + record.parameters.beaconDelay);
        record.dedupeBeaconRound = BEACON.roundAfter(times.dedupeFrom);
        emit RoundOpened(
            round,
            record.beaconRound,
            record.dedupeBeaconRound,
            record.openedAt,
            times,
            _inputs(record),
            record.parameters
        );
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

    function _times(Record storage record) private view returns (Times memory) {
        (uint64 closesAt, uint64 step) = (_closesAt(record), record.parameters.step);
        return Times({
            closesAt: closesAt,
            sealsUntil: Timetable.sealsUntil(closesAt, step),
            ownSealsUntil: Timetable.ownSealsUntil(closesAt, step),
            showFrom: Timetable.showFrom(closesAt, step),
            publishUntil: Timetable.publishUntil(closesAt, step),
            commitsUntil: Timetable.commitsUntil(closesAt, step),
            dedupeFrom: Timetable.dedupeFrom(closesAt, step),
            objectionsFrom: Timetable.objectionsFrom(closesAt, step)
        });
    }

    /// @dev The round of a seal that a station of its roster signed.
    function _checkOwn(
        Seal calldata signed,
        bytes calldata signature,
        Station calldata entry,
        bytes32[] calldata rosterProof
    ) private view returns (Record storage record) {
        record = _record(signed.round);
        // slither-disable-next-line unused-return
        (, uint256 tasksPerCommittee) = _committees(record);
        _checkSeal(record.rosterRoot, tasksPerCommittee, signed, signature, entry, rosterProof);
    }

    function _checkUntil(uint64 round, uint64 until) private view {
        require(block.timestamp <= until, WindowOver(round, until, block.timestamp));
    }

    /// @dev A list is empty if and only if its root is zero.
    function _checkList(bytes32 root, uint32 count) private pure {
        require(count == 0 || root != 0, EmptyRootWithEntries(count));
        require(count != 0 || root == 0, RootWithoutEntries(root));
    }
}
