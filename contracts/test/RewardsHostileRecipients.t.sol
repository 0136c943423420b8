// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

import {IRewards} from "../src/interfaces/IRewards.sol";
import {RewardsTree} from "../src/libraries/RewardsTree.sol";
import {RewardsFixture} from "./RewardsFixture.sol";
import {GasBurner, HungryRecipient, Reentrant, Refuser, ReturnBomb} from "./mocks/Recipients.sol";
import {RewardTree} from "./utils/RewardTree.sol";

/// @notice Recipients that revert, burn gas, return much data or call back: none harms another or gets more than its
/// due.
contract RewardsHostileRecipientsTest is RewardsFixture {
    address private honest = makeAddr("honest");

    function test_claimMany_skipsARefusingRecipient() public {
        Refuser refuser = new Refuser();
        RewardsTree.Leaf[] memory leaves = _with(address(refuser));
        uint64 settlement = postActive(leaves);
        vm.expectEmit(address(rewards));
        emit IRewards.ClaimSkipped(settlement, address(refuser), IRewards.Skipped.Refused, 100);
        assertEq(claimMany(settlement, leaves), 200);
        assertEq(rewards.claimed(address(refuser)), 0);
        assertEq(rewards.totalClaimed(), 200);

        // It has lost nothing.
        refuser.setAccepts(true);
        assertEq(claimMany(settlement, leaves), 100);
        assertEq(address(refuser).balance, 100);
    }

    function test_claimMany_survivesAGasBurner() public {
        _expectSkippedCheaply(address(new GasBurner()));
    }

    function test_claimMany_survivesABombInARefusal() public {
        _expectSkippedCheaply(address(new ReturnBomb(true, 100_000)));
    }

    /// @dev It is paid, because it accepted the payment; the returned data is not copied.
    function test_claimMany_survivesABombInAnAcceptance() public {
        RewardsTree.Leaf[] memory leaves = _with(address(new ReturnBomb(false, 100_000)));
        uint64 settlement = postActive(leaves);
        RewardTree.Batch memory batch = RewardTree.batchOf(leaves);
        uint256 before = gasleft();
        assertEq(claimMany(settlement, batch), 300);
        assertLt(before - gasleft(), 3 * PAYMENT_GAS);
    }

    /// @dev A megabyte costs 2.2 million gas to return, and as much again to copy: we do not copy.
    function test_payments_copyNoMegabytes() public {
        for (uint256 i = 0; i < 2; ++i) {
            _redeploy(5_000_000);
            ReturnBomb bomb = new ReturnBomb(i == 1, 1 << 20);
            RewardsTree.Leaf[] memory leaves = single(address(bomb), 100);
            uint64 settlement = postActive(leaves);
            RewardTree.Batch memory batch = RewardTree.batchOf(leaves);
            uint256 state = vm.snapshotState();
            uint256 before = gasleft();
            assertEq(claimMany(settlement, batch), i == 1 ? 0 : 100);
            assertLt(before - gasleft(), 2_500_000);
            vm.revertToState(state);
            before = gasleft();
            try rewards.claim(settlement, 0, batch.allocations[0], batch.siblings) {
                assertEq(address(bomb).balance, 100);
            } catch (bytes memory reason) {
                assertEq(bytes4(reason), IRewards.PaymentFailed.selector);
            }
            assertLt(before - gasleft(), 2_500_000);
        }
    }

    function test_claim_revertsIfARecipientBurnsAllGas() public {
        GasBurner burner = new GasBurner();
        RewardsTree.Leaf[] memory leaves = single(address(burner), 100);
        uint64 settlement = postActive(leaves);
        IRewards.Allocation memory allocation = RewardTree.allocationOf(leaves[0]);
        vm.expectRevert(abi.encodeWithSelector(IRewards.PaymentFailed.selector, address(burner), address(burner), 100));
        rewards.claim{gas: 1_000_000}(settlement, 0, allocation, new bytes32[](0));
    }

    /// @dev `claim` gives the recipient all available gas, so a recipient that needs more than PAYMENT_GAS is paid this
    /// way.
    function test_claim_paysWhoNeedsMoreGas() public {
        HungryRecipient hungry = new HungryRecipient(2 * PAYMENT_GAS);
        RewardsTree.Leaf[] memory leaves = single(address(hungry), 100);
        uint64 settlement = postActive(leaves);
        assertEq(claimMany(settlement, leaves), 0);
        assertEq(claim(settlement, leaves, 0), 100);
    }

    /// @dev A recipient that changes its operator's payout address while it is being paid changes later payments only.
    function test_payments_mayChangeThePayoutAddress() public {
        Reentrant attacker = new Reentrant(rewards);
        attacker.setCall(abi.encodeCall(rewards.setPayoutAddress, (honest)));
        RewardsTree.Leaf[] memory leaves = single(address(attacker), 100);
        uint64 settlement = postActive(leaves);
        assertEq(claimMany(settlement, leaves), 100);
        assertTrue(attacker.reentered());
        assertEq(address(attacker).balance, 100);
        assertEq(rewards.claimed(address(attacker)), 100);
        assertEq(rewards.payoutAddressOf(address(attacker)), honest);
        assertEq(claimMany(settlement, leaves), 0);
    }

    /// @dev The same holds for a settlement that is posted or vetoed meanwhile.
    function test_payments_mayPost() public {
        _redeploy(5_000_000);
        Reentrant attacker = new Reentrant(rewards);
        RewardsTree.Leaf[] memory leaves = _with(address(attacker));
        uint64 settlement = postActive(leaves);
        playRound();
        IRewards.Proposal memory proposal = proposalOf(single(honest, 1000));
        attacker.setCall(abi.encodeCall(rewards.post, (proposal, signaturesOf(proposal))));
        assertEq(claimMany(settlement, leaves), 300);
        assertTrue(attacker.reentered());
        assertEq(rewards.head(), 2);
        assertEq(rewards.totalClaimed(), 300);
    }

    /// @dev After the end deposits are rejected, so Rewards rejects its own payment; nobody has lost anything.
    function test_payments_toRewardsItselfAreRefusedAfterTheEnd() public {
        vm.prank(honest);
        rewards.setPayoutAddress(address(rewards));
        RewardsTree.Leaf[] memory leaves = single(honest, 100);
        uint64 settlement = postActive(leaves);
        uint64 end = uint64(block.timestamp) + 30 days;
        vm.prank(OWNER);
        rewards.setEnd(end);
        vm.warp(end);
        assertEq(claimMany(settlement, leaves), 0);
        vm.prank(honest);
        rewards.setPayoutAddress(honest);
        assertEq(claimMany(settlement, leaves), 100);
    }

    /// @dev Whatever gas the caller supplies, a recipient that needs at most PAYMENT_GAS is paid, or the whole call
    /// reverts: nobody can have an honest operator skipped by starving its payment. With a large PAYMENT_GAS, as on
    /// Filecoin, the 1/64 that remains after a call would be enough to record the failure.
    /// forge-config: ci.fuzz.runs = 1000
    /// forge-config: audit.fuzz.runs = 10000
    function testFuzz_claimMany_cannotStarveARecipient(uint256 gasGiven) public {
        uint256 paymentGas = 5_000_000;
        _redeploy(paymentGas);
        HungryRecipient hungry = new HungryRecipient(paymentGas - 1000);
        RewardsTree.Leaf[] memory leaves = single(address(hungry), 100);
        uint64 settlement = postActive(leaves);
        RewardTree.Batch memory batch = RewardTree.batchOf(leaves);
        gasGiven = bound(gasGiven, paymentGas * 9 / 10, paymentGas * 22 / 10);
        try rewards.claimMany{gas: gasGiven}(settlement, batch.start, batch.allocations, batch.siblings) returns (
            uint256 paid
        ) {
            assertEq(paid, 100);
            assertEq(address(hungry).balance, 100);
        } catch {
            assertEq(rewards.claimed(address(hungry)), 0);
        }
    }

    function test_claimMany_saysHowMuchGasItNeeds() public {
        RewardsTree.Leaf[] memory leaves = single(honest, 100);
        uint64 settlement = postActive(leaves);
        RewardTree.Batch memory batch = RewardTree.batchOf(leaves);
        vm.expectRevert(abi.encodeWithSelector(IRewards.TooLittleGas.selector, 2 * PAYMENT_GAS));
        rewards.claimMany{gas: 2 * PAYMENT_GAS}(settlement, batch.start, batch.allocations, batch.siblings);
        assertEq(
            rewards.claimMany{gas: 4 * PAYMENT_GAS}(settlement, batch.start, batch.allocations, batch.siblings), 100
        );
    }

    function test_claim_cannotBeReentered() public {
        Reentrant attacker = new Reentrant(rewards);
        RewardsTree.Leaf[] memory leaves = _with(address(attacker));
        uint64 settlement = postActive(leaves);
        RewardTree.Batch memory batch = RewardTree.batchOf(leaves);

        attacker.setCall(claimCall(settlement, leaves, 1));
        claim(settlement, leaves, 0);
        _assertGuarded(attacker);
        assertEq(address(attacker).balance, 100);
        assertEq(rewards.claimed(honest), 0);
        assertEq(claimMany(settlement, batch), 200);
    }

    function test_claimMany_cannotBeReentered() public {
        Reentrant attacker = new Reentrant(rewards);
        RewardsTree.Leaf[] memory leaves = _with(address(attacker));
        uint64 settlement = postActive(leaves);
        RewardTree.Batch memory batch = RewardTree.batchOf(leaves);

        attacker.setCall(
            abi.encodeCall(rewards.claimMany, (settlement, batch.start, batch.allocations, batch.siblings))
        );
        assertEq(claimMany(settlement, batch), 300);
        _assertGuarded(attacker);
        assertEq(address(attacker).balance, 100);
        assertEq(honest.balance, 200);
        assertEq(rewards.totalClaimed(), 300);
    }

    /// @dev Unusual but sound: the returned amount counts as paid and as deposited.
    function test_payments_toRewardsItselfAreDeposits() public {
        vm.prank(honest);
        rewards.setPayoutAddress(address(rewards));
        RewardsTree.Leaf[] memory leaves = single(honest, 100);
        uint64 settlement = postActive(leaves);
        claim(settlement, leaves, 0);
        assertEq(rewards.totalDeposited(), 100 ether + 100);
        assertEq(address(rewards).balance, rewards.totalDeposited() - rewards.totalClaimed());
    }

    function _redeploy(uint256 paymentGas) private {
        rewards = deployRewards(paymentGas);
        deposit(100 ether);
    }

    function _assertGuarded(Reentrant attacker) private view {
        assertFalse(attacker.reentered());
        assertEq(bytes4(attacker.reason()), ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector);
    }

    function _expectSkippedCheaply(address recipient) private {
        RewardsTree.Leaf[] memory leaves = _with(recipient);
        uint64 settlement = postActive(leaves);
        RewardTree.Batch memory batch = RewardTree.batchOf(leaves);
        uint256 before = gasleft();
        assertEq(claimMany(settlement, batch), 200);
        assertLt(before - gasleft(), 3 * PAYMENT_GAS);
        assertEq(rewards.claimed(recipient), 0);
        assertEq(honest.balance, 200);
    }

    /// @dev The recipient first, then an honest operator.
    function _with(address recipient) private view returns (RewardsTree.Leaf[] memory leaves) {
        leaves = new RewardsTree.Leaf[](2);
        leaves[0] = RewardTree.leafOf(recipient, 100);
        leaves[1] = RewardTree.leafOf(honest, 200);
    }
}
