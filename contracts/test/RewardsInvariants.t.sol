// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {IRewards} from "../src/interfaces/IRewards.sol";
import {RewardsFixture} from "./RewardsFixture.sol";
import {RewardsHandler} from "./handlers/RewardsHandler.sol";

/// @notice What must hold whatever anyone does, in whatever order. The handler simulates evaluators who are honest
/// about money but not always about its sums, a guardian who vetoes at random, and strangers who challenge. It
/// keeps its own account of void settlements and of payments.
contract RewardsInvariantsTest is RewardsFixture {
    RewardsHandler private handler;

    function setUp() public override {
        super.setUp();
        uint256[] memory keys = new uint256[](THRESHOLD);
        for (uint256 i = 0; i < THRESHOLD; ++i) {
            keys[i] = keyOf[evaluators[i]];
        }
        handler = new RewardsHandler(rounds, rewards, COORDINATOR, OWNER, GUARDIAN, keys);
        targetContract(address(handler));
    }

    /// @dev All together: each would be a separate campaign.
    function invariant_theModelHolds() public view {
        _paidIsCovered();
        _paidIsTheSumOfClaims();
        _statusIsTheModels();
        _liveChainIsContiguous();
    }

    /// @dev paid ≤ active cumulative total ≤ deposited.
    function _paidIsCovered() private view {
        assertLe(rewards.totalClaimed(), rewards.highestActiveTotal());
        assertLe(rewards.highestActiveTotal(), rewards.totalDeposited());
        assertEq(rewards.highestActiveTotal(), handler.highestTotalClaimedAgainst());
        for (uint64 id = 1; id <= rewards.settlementCount(); ++id) {
            assertLe(rewards.getSettlement(id).proposal.cumulativeTotal, rewards.totalDeposited());
        }
    }

    /// @dev Every attoFIL paid is an operator's claim, and nothing else ever left.
    function _paidIsTheSumOfClaims() private view {
        uint256 sum;
        for (uint256 i = 0; i < handler.OPERATORS(); ++i) {
            address operator = handler.operatorAt(i);
            assertEq(rewards.claimed(operator), handler.received(operator));
            sum += rewards.claimed(operator);
        }
        assertEq(rewards.totalClaimed(), sum);
        assertEq(address(rewards).balance, rewards.totalDeposited() - rewards.totalClaimed() + handler.forced());
    }

    /// @dev A veto or a valid challenge voids the settlement and its descendants forever, and nothing else; active ones
    /// stay active.
    function _statusIsTheModels() private view {
        for (uint64 id = 1; id <= rewards.settlementCount(); ++id) {
            IRewards.Settlement memory settlement = rewards.getSettlement(id);
            IRewards.Status expected =
                block.timestamp < settlement.activeAt ? IRewards.Status.Pending : IRewards.Status.Active;
            if (handler.isVoid(id)) expected = IRewards.Status.Void;
            assertEq(uint256(settlement.status), uint256(expected));
            if (handler.wasActive(id)) assertEq(uint256(settlement.status), uint256(IRewards.Status.Active));
            if (settlement.status == IRewards.Status.Active && settlement.proposal.parent != 0) {
                assertStatus(settlement.proposal.parent, IRewards.Status.Active);
            }
        }
    }

    /// @dev The valid chain covers every round from the first, without gap or overlap.
    function _liveChainIsContiguous() private view {
        uint64 id = rewards.head();
        while (id != 0) {
            IRewards.Proposal memory proposal = rewards.getSettlement(id).proposal;
            assertFalse(handler.isVoid(id));
            uint64 parentLast = proposal.parent == 0 ? 0 : rewards.getSettlement(proposal.parent).proposal.lastRound;
            assertEq(proposal.firstRound, parentLast + 1);
            id = proposal.parent;
        }
    }
}
