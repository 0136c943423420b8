// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {ICourt} from "../../src/interfaces/ICourt.sol";
import {IRewards} from "../../src/interfaces/IRewards.sol";

/// @notice Not `Rewards`, but called by the Court all the same: says what it is told to, and calls back when it is asked to
/// void something.
contract ForeignRewards {
    IRewards.Facts private facts;
    address private target;
    bytes private call;
    /// @notice What it was asked to void last.
    uint64 public voided;
    bool public reentered;

    function setFacts(IRewards.Facts calldata newFacts) external {
        facts = newFacts;
    }

    function setCall(address to, bytes calldata data) external {
        (target, call) = (to, data);
    }

    /// @notice Demands in its own name.
    function demand(ICourt court, bytes32 root, uint32 index) external payable {
        court.demand{value: msg.value}(IRewards(address(this)), 1, root, index);
    }

    function voidByCourt(uint64 settlement) external {
        voided = settlement;
        if (target == address(0)) return;
        (reentered,) = target.call(call);
    }

    function factsOf(uint64) external view returns (IRewards.Facts memory) {
        return facts;
    }

    receive() external payable {
        if (target == address(0)) return;
        (reentered,) = target.call(call);
    }
}
