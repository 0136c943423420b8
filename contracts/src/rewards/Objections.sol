// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

import {IRewards} from "../interfaces/IRewards.sol";
import {IRoles} from "../interfaces/IRoles.sol";
import {IRounds} from "../interfaces/IRounds.sol";
import {Pool} from "./Pool.sol";

/// @title Files that evaluators could not get
/// @notice Everything committed counts, unless `threshold` evaluators of one set object to it and the guardian, who has a
/// quarter of the challenge window, does not keep it. Objections cannot be withdrawn and drops only grow, so evaluators that
/// disagree about a file come to agree.
abstract contract Objections is Pool {
    /// @dev The guardian's time to keep a file that evaluators object to, as a part of the challenge window.
    uint64 private constant KEEPING_PART = 4;

    /// @inheritdoc IRewards
    IRounds public immutable ROUNDS;

    /// @dev What one evaluator set says of a file; what earlier sets said is forgotten.
    mapping(bytes32 file => Objection) private _tallies;
    // slither-disable-next-line uninitialized-state
    File[] private _drops;
    /// @dev Every file to which enough evaluators objected, whatever became of it.
    // slither-disable-next-line uninitialized-state
    File[] private _objections;

    constructor(IRounds rounds) {
        require(address(rounds) != address(0), ZeroAddress());
        ROUNDS = rounds;
    }

    /// @inheritdoc IRewards
    function unreadable(File[] calldata files) external {
        (uint64 version, uint256 seat, uint256 threshold) = ROLES.seatOf(msg.sender);
        for (uint256 i = 0; i < files.length; ++i) {
            _object(files[i], version, seat, threshold);
        }
    }

    /// @inheritdoc IRewards
    function keep(File calldata file) external {
        address guardian = ROLES.guardian();
        require(msg.sender == guardian, IRoles.NotGuardian(msg.sender, guardian));
        Objection storage tally = _tallies[_key(file)];
        require(!tally.dropped && !_isKept(tally, guardian), NothingChanged());
        uint64 until = _now() + ROLES.challengeWindow();
        (tally.objectors, tally.dropsFrom, tally.keeper, tally.keptUntil) = (0, 0, guardian, until);
        emit Kept(guardian, file.round, file.kind, file.index, until);
    }

    /// @inheritdoc IRewards
    function drop(File[] calldata files) external {
        (uint64 version, uint64 settled) = (ROLES.evaluatorSet(), _lastSettled());
        for (uint256 i = 0; i < files.length; ++i) {
            _drop(files[i], version, settled);
        }
    }

    /// @inheritdoc IRewards
    function objectionsTo(File calldata file) external view returns (Objection memory) {
        return _tallies[_key(file)];
    }

    /// @inheritdoc IRewards
    function objections(uint32 start, uint32 limit) external view returns (File[] memory) {
        return _page(_objections, start, limit);
    }

    /// @inheritdoc IRewards
    function drops(uint32 start, uint32 limit) external view returns (File[] memory) {
        return _page(_drops, start, limit);
    }

    /// @inheritdoc IRewards
    function dropCount() public view returns (uint32) {
        return SafeCast.toUint32(_drops.length);
    }

    /// @dev The last round that a settlement which is not void covers.
    function _lastSettled() internal view virtual returns (uint64);

    // slither-disable-start calls-loop
    function _object(File calldata file, uint64 version, uint256 seat, uint256 threshold) private {
        uint64 settled = _lastSettled();
        require(file.round > settled, AlreadySettled(file.round, settled));
        uint64 from = ROUNDS.objectionsFrom(file.round, file.kind, file.index);
        require(block.timestamp >= from, TooEarlyToObject(from, block.timestamp));
        Objection storage tally = _tallies[_key(file)];
        require(!tally.dropped, NothingChanged());
        require(!_isKept(tally, ROLES.guardian()), IsKept(tally.keeper, tally.keptUntil));
        if (tally.evaluatorSet != version) {
            (tally.evaluatorSet, tally.objectors, tally.dropsFrom) = (version, 0, 0);
        }
        // Seats are below 32.
        // forge-lint: disable-next-line(incorrect-shift)
        uint32 objectors = tally.objectors | SafeCast.toUint32(1 << seat);
        require(objectors != tally.objectors, NothingChanged());
        tally.objectors = objectors;
        emit Objected(msg.sender, file.round, file.kind, file.index);
        if (tally.dropsFrom != 0 || _bits(objectors) < threshold) return;
        tally.dropsFrom = _now() + ROLES.challengeWindow() / KEEPING_PART;
        _objections.push(file);
        emit DropAnnounced(file.round, file.kind, file.index, tally.dropsFrom);
    }

    // slither-disable-end calls-loop

    /// @dev Whoever comes second does no harm.
    function _drop(File calldata file, uint64 version, uint64 settled) private {
        Objection storage tally = _tallies[_key(file)];
        if (tally.dropped) return;
        uint64 from = tally.dropsFrom;
        require(from != 0 && tally.evaluatorSet == version, NotObjectedTo(file.round, file.kind, file.index));
        require(block.timestamp >= from, TooEarlyToDrop(from, block.timestamp));
        require(file.round > settled, AlreadySettled(file.round, settled));
        tally.dropped = true;
        _drops.push(file);
        emit Dropped(dropCount(), file.round, file.kind, file.index);
    }

    /// @dev For one challenge window, in which evaluators can get the file from whoever kept it; and not beyond its office.
    function _isKept(Objection storage tally, address guardian) private view returns (bool) {
        return tally.keeper == guardian && block.timestamp < tally.keptUntil;
    }

    function _page(File[] storage files, uint32 start, uint32 limit) private view returns (File[] memory page) {
        uint256 end = Math.min(uint256(start) + limit, files.length);
        page = new File[](Math.saturatingSub(end, start));
        for (uint256 i = 0; i < page.length; ++i) {
            page[i] = files[start + i];
        }
    }

    function _key(File calldata file) private pure returns (bytes32) {
        return keccak256(abi.encode(file));
    }

    function _bits(uint32 set) private pure returns (uint256 count) {
        for (; set != 0; set &= set - 1) {
            ++count;
        }
    }
}
