// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

import {Rewards} from "../src/Rewards.sol";
import {IRewards} from "../src/interfaces/IRewards.sol";
import {RewardsFixture} from "./RewardsFixture.sol";
import {GasBurner, HungryRecipient, Reentrant, Refuser, ReturnBomb} from "./mocks/Recipients.sol";
import {RewardTree} from "./utils/RewardTree.sol";

/// @notice Recipients that refuse, burn, bomb and call back: none of them harms another or gets more than its own.
contract RewardsHostileRecipientsTest is RewardsFixture {
    address private honest = makeAddr("honest");

    function test_claimMany_skipsARefusingRecipient() public {
        Refuser refuser = new Refuser();
        RewardTree.Leaf[] memory leaves = _with(address(refuser));
        uint64 settlement = postActive(leaves);
        vm.expectEmit(address(rewards));
        emit IRewards.ClaimSkipped(settlement, address(refuser), address(refuser), 100);
        vm.expectEmit(address(rewards));
        emit IRewards.Claimed(settlement, honest, honest, 200, 200);
        assertEq(rewards.claimMany(settlement, claimsOf(leaves)), 200);
        assertEq(rewards.claimed(address(refuser)), 0);
        assertEq(rewards.totalClaimed(), 200);

        // It has lost nothing.
        refuser.setAccepts(true);
        assertEq(rewards.claimMany(settlement, claimsOf(leaves)), 100);
        assertEq(address(refuser).balance, 100);
    }

    function test_claimMany_survivesAGasBurner() public {
        _expectSkippedCheaply(address(new GasBurner()));
    }

    function test_claimMany_survivesABombInARefusal() public {
        _expectSkippedCheaply(address(new ReturnBomb(true)));
    }

    /// @dev It is paid, for it took the money; what it returns is not copied.
    function test_claimMany_survivesABombInAnAcceptance() public {
        RewardTree.Leaf[] memory leaves = _with(address(new ReturnBomb(false)));
        uint64 settlement = postActive(leaves);
        IRewards.Claim[] memory claims = claimsOf(leaves);
        uint256 before = gasleft();
        assertEq(rewards.claimMany(settlement, claims), 300);
        assertLt(before - gasleft(), 3 * PAYMENT_GAS);
    }

    /// @dev Whatever gas the caller gives, a recipient that can live on PAYMENT_GAS is either paid, or the whole call
    /// reverts: nobody can have an honest operator skipped by starving its payment. With a large PAYMENT_GAS, as on
    /// Filecoin, the 1/64 that a call leaves behind would be enough to book the failure.
    function testFuzz_claimMany_cannotStarveARecipient(uint256 gasGiven) public {
        uint256 paymentGas = 5_000_000;
        rewards = new Rewards(rounds, OWNER, GUARDIAN, WINDOW, WINDOW, paymentGas, evaluators, THRESHOLD);
        deposit(100 ether);
        HungryRecipient hungry = new HungryRecipient(paymentGas - 1000);
        RewardTree.Leaf[] memory leaves = single(address(hungry), 100);
        uint64 settlement = postActive(leaves);
        IRewards.Claim[] memory claims = claimsOf(leaves);
        gasGiven = bound(gasGiven, paymentGas * 9 / 10, paymentGas * 22 / 10);
        try rewards.claimMany{gas: gasGiven}(settlement, claims) returns (uint256 paid) {
            assertEq(paid, 100);
            assertEq(address(hungry).balance, 100);
        } catch {
            assertEq(rewards.claimed(address(hungry)), 0);
        }
    }

    function test_claimMany_saysHowMuchGasItNeeds() public {
        RewardTree.Leaf[] memory leaves = single(honest, 100);
        uint64 settlement = postActive(leaves);
        IRewards.Claim[] memory claims = claimsOf(leaves);
        vm.expectRevert(abi.encodeWithSelector(IRewards.TooLittleGas.selector, 2 * PAYMENT_GAS));
        rewards.claimMany{gas: 2 * PAYMENT_GAS}(settlement, claims);
        assertEq(rewards.claimMany{gas: 4 * PAYMENT_GAS}(settlement, claims), 100);
    }

    function test_claim_cannotBeReentered() public {
        Reentrant attacker = new Reentrant(rewards);
        RewardTree.Leaf[] memory leaves = _with(address(attacker));
        uint64 settlement = postActive(leaves);
        IRewards.Claim[] memory claims = claimsOf(leaves);

        attacker.setCall(abi.encodeCall(rewards.claim, (settlement, honest, 200, claims[1].proof)));
        claim(settlement, leaves, 0);
        _assertGuarded(attacker);
        assertEq(address(attacker).balance, 100);
        assertEq(rewards.claimed(honest), 0);
        assertEq(rewards.claimMany(settlement, claims), 200);
    }

    function test_claimMany_cannotBeReentered() public {
        Reentrant attacker = new Reentrant(rewards);
        RewardTree.Leaf[] memory leaves = _with(address(attacker));
        uint64 settlement = postActive(leaves);
        IRewards.Claim[] memory claims = claimsOf(leaves);

        attacker.setCall(abi.encodeCall(rewards.claimMany, (settlement, claims)));
        assertEq(rewards.claimMany(settlement, claims), 300);
        _assertGuarded(attacker);
        assertEq(address(attacker).balance, 100);
        assertEq(honest.balance, 200);
        assertEq(rewards.totalClaimed(), 300);
    }

    /// @dev Odd, but sound: what comes back is counted as paid and as deposited.
    function test_payments_toRewardsItselfAreDeposits() public {
        vm.prank(honest);
        rewards.setPayoutAddress(address(rewards));
        RewardTree.Leaf[] memory leaves = single(honest, 100);
        uint64 settlement = postActive(leaves);
        claim(settlement, leaves, 0);
        assertEq(rewards.totalDeposited(), 100 ether + 100);
        assertEq(address(rewards).balance, rewards.totalDeposited() - rewards.totalClaimed());
    }

    function _assertGuarded(Reentrant attacker) private view {
        assertFalse(attacker.reentered());
        assertEq(bytes4(attacker.reason()), ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector);
    }

    function _expectSkippedCheaply(address recipient) private {
        RewardTree.Leaf[] memory leaves = _with(recipient);
        uint64 settlement = postActive(leaves);
        IRewards.Claim[] memory claims = claimsOf(leaves);
        uint256 before = gasleft();
        assertEq(rewards.claimMany(settlement, claims), 200);
        assertLt(before - gasleft(), 3 * PAYMENT_GAS);
        assertEq(rewards.claimed(recipient), 0);
        assertEq(honest.balance, 200);
    }

    /// @dev The recipient first, then an honest operator.
    function _with(address recipient) private view returns (RewardTree.Leaf[] memory leaves) {
        leaves = new RewardTree.Leaf[](2);
        leaves[0] = RewardTree.Leaf(recipient, 100);
        leaves[1] = RewardTree.Leaf(honest, 200);
    }
}
