// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

import {IRewards} from "../interfaces/IRewards.sol";
import {IRounds} from "../interfaces/IRounds.sol";
import {Pool} from "./Pool.sol";

/// @title Files that evaluators could not get
/// @notice Everything committed counts, unless `threshold` evaluators of one set object to it. Objections cannot be withdrawn
/// and drops only grow, so evaluators that disagree about a file come to agree.
abstract contract Objections is Pool {
    /// @dev Objections of one evaluator set to a file; those of earlier sets are forgotten.
    struct Tally {
        uint64 evaluatorSet;
        /// Bit i: the i-th evaluator of the set.
        uint32 objectors;
        bool dropped;
    }

    /// @inheritdoc IRewards
    IRounds public immutable ROUNDS;

    mapping(bytes32 file => Tally) private _tallies;
    // slither-disable-next-line uninitialized-state
    File[] private _drops;

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
    function isDropped(File calldata file) external view returns (bool) {
        return _tallies[_key(file)].dropped;
    }

    /// @inheritdoc IRewards
    function objectionsTo(File calldata file) external view returns (uint64 version, uint32 objectors) {
        Tally storage tally = _tallies[_key(file)];
        return (tally.evaluatorSet, tally.objectors);
    }

    /// @inheritdoc IRewards
    function drops(uint32 start, uint32 limit) external view returns (File[] memory page) {
        uint256 end = Math.min(uint256(start) + limit, _drops.length);
        page = new File[](Math.saturatingSub(end, start));
        for (uint256 i = 0; i < page.length; ++i) {
            page[i] = _drops[start + i];
        }
    }

    /// @inheritdoc IRewards
    function dropCount() public view returns (uint32) {
        return SafeCast.toUint32(_drops.length);
    }

    /// @dev The last round that a settlement which is not void covers.
    function _lastSettled() internal view virtual returns (uint64);

    function _object(File calldata file, uint64 version, uint256 seat, uint256 threshold) private {
        uint64 settled = _lastSettled();
        require(file.round > settled, AlreadySettled(file.round, settled));
        uint64 from = ROUNDS.objectionsFrom(file.round, file.kind, file.index);
        require(block.timestamp >= from, TooEarlyToObject(from, block.timestamp));
        Tally storage tally = _tallies[_key(file)];
        require(!tally.dropped, NothingChanged());
        if (tally.evaluatorSet != version) (tally.evaluatorSet, tally.objectors) = (version, 0);
        // Seats are below 32.
        // forge-lint: disable-next-line(incorrect-shift)
        uint32 objectors = tally.objectors | SafeCast.toUint32(1 << seat);
        require(objectors != tally.objectors, NothingChanged());
        tally.objectors = objectors;
        emit Objected(msg.sender, file.round, file.kind, file.index);
        if (_bits(objectors) < threshold) return;
        tally.dropped = true;
        _drops.push(file);
        emit Dropped(dropCount(), file.round, file.kind, file.index);
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
