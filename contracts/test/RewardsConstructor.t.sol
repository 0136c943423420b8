// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";

import {Rewards} from "../src/Rewards.sol";
import {IRewards} from "../src/interfaces/IRewards.sol";
import {IRounds} from "../src/interfaces/IRounds.sol";
import {RewardsFixture} from "./RewardsFixture.sol";

contract RewardsConstructorTest is RewardsFixture {
    function test_constructor_setsEverything() public view {
        assertEq(address(rewards.ROUNDS()), address(rounds));
        assertEq(rewards.owner(), OWNER);
        assertEq(rewards.guardian(), GUARDIAN);
        assertEq(rewards.MIN_CHALLENGE_WINDOW(), WINDOW);
        assertEq(rewards.challengeWindow(), WINDOW);
        assertEq(rewards.PAYMENT_GAS(), PAYMENT_GAS);
        (address[] memory set, uint256 threshold, uint64 version) = rewards.evaluators();
        assertEq(set, evaluators);
        assertEq(threshold, THRESHOLD);
        assertEq(version, 1);
        assertEq(rewards.treasury(), TREASURY);
        assertEq(rewards.endsAt(), 0);
        assertEq(rewards.head(), 0);
        assertEq(rewards.settlementCount(), 0);
        assertStatus(0, IRewards.Status.None);
    }

    function test_constructor_refusals() public {
        IRounds none = IRounds(address(0));
        bytes memory zero = abi.encodeWithSelector(IRewards.ZeroAddress.selector);
        vm.expectRevert(zero);
        this.deploy(none, OWNER, GUARDIAN, TREASURY, WINDOW, PAYMENT_GAS, THRESHOLD);
        vm.expectRevert(abi.encodeWithSelector(Ownable.OwnableInvalidOwner.selector, address(0)));
        this.deploy(rounds, address(0), GUARDIAN, TREASURY, WINDOW, PAYMENT_GAS, THRESHOLD);
        vm.expectRevert(zero);
        this.deploy(rounds, OWNER, address(0), TREASURY, WINDOW, PAYMENT_GAS, THRESHOLD);
        vm.expectRevert(zero);
        this.deploy(rounds, OWNER, GUARDIAN, address(0), WINDOW, PAYMENT_GAS, THRESHOLD);
        vm.expectRevert(abi.encodeWithSelector(IRewards.WindowTooShort.selector, WINDOW - 1, WINDOW));
        this.deploy(rounds, OWNER, GUARDIAN, TREASURY, WINDOW - 1, PAYMENT_GAS, THRESHOLD);
        vm.expectRevert(abi.encodeWithSelector(IRewards.WindowTooLong.selector, 30 days + 1, 30 days));
        this.deploy(rounds, OWNER, GUARDIAN, TREASURY, 30 days + 1, PAYMENT_GAS, THRESHOLD);
        vm.expectRevert(abi.encodeWithSelector(IRewards.TooLittleGas.selector, 50_000));
        this.deploy(rounds, OWNER, GUARDIAN, TREASURY, WINDOW, 49_999, THRESHOLD);
        vm.expectRevert(abi.encodeWithSelector(IRewards.BadThreshold.selector, 4, 3));
        this.deploy(rounds, OWNER, GUARDIAN, TREASURY, WINDOW, PAYMENT_GAS, 4);
    }

    /// @dev An external call, so that the expected revert is its own, not that of a creation.
    function deploy(
        IRounds over,
        address owner,
        address guardian,
        address treasury,
        uint64 window,
        uint256 paymentGas,
        uint256 threshold
    ) external {
        new Rewards(over, owner, guardian, treasury, WINDOW, window, paymentGas, evaluators, threshold);
    }

    function test_constructor_takesTheLeast() public {
        rewards = new Rewards(rounds, OWNER, GUARDIAN, TREASURY, 0, 0, 50_000, evaluators, 3);
        assertEq(rewards.PAYMENT_GAS(), 50_000);
        assertEq(rewards.challengeWindow(), 0);
        rewards = new Rewards(rounds, OWNER, GUARDIAN, TREASURY, 30 days, 30 days, 50_000, evaluators, 1);
        assertEq(rewards.challengeWindow(), 30 days);
    }

    function test_constructor_emits() public {
        address at = vm.computeCreateAddress(address(this), vm.getNonce(address(this)));
        uint64 time = uint64(block.timestamp);
        vm.expectEmit(at);
        emit IRewards.ChallengeWindowChanged(0, WINDOW, time);
        vm.expectEmit(at);
        emit IRewards.GuardianChanged(address(0), GUARDIAN, time);
        vm.expectEmit(at);
        emit IRewards.EvaluatorsChanged(1, evaluators, THRESHOLD, time);
        vm.expectEmit(at);
        emit IRewards.TreasuryChanged(address(0), TREASURY);
        new Rewards(rounds, OWNER, GUARDIAN, TREASURY, WINDOW, WINDOW, PAYMENT_GAS, evaluators, THRESHOLD);
    }
}
