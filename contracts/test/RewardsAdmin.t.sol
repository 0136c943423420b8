// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";

import {Rewards} from "../src/Rewards.sol";
import {IRewards} from "../src/interfaces/IRewards.sol";
import {IRounds} from "../src/interfaces/IRounds.sol";
import {RewardsFixture} from "./RewardsFixture.sol";

contract RewardsAdminTest is RewardsFixture {
    /* CONSTRUCTOR */

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
        assertEq(rewards.head(), 0);
        assertStatus(0, IRewards.Status.None);
    }

    function test_constructor_refusals() public {
        vm.expectRevert(IRewards.ZeroAddress.selector);
        new Rewards(IRounds(address(0)), OWNER, GUARDIAN, WINDOW, WINDOW, PAYMENT_GAS, evaluators, THRESHOLD);
        vm.expectRevert(abi.encodeWithSelector(Ownable.OwnableInvalidOwner.selector, address(0)));
        new Rewards(rounds, address(0), GUARDIAN, WINDOW, WINDOW, PAYMENT_GAS, evaluators, THRESHOLD);
        vm.expectRevert(IRewards.ZeroAddress.selector);
        new Rewards(rounds, OWNER, address(0), WINDOW, WINDOW, PAYMENT_GAS, evaluators, THRESHOLD);
        vm.expectRevert(abi.encodeWithSelector(IRewards.WindowTooShort.selector, WINDOW - 1, WINDOW));
        new Rewards(rounds, OWNER, GUARDIAN, WINDOW, WINDOW - 1, PAYMENT_GAS, evaluators, THRESHOLD);
        vm.expectRevert(abi.encodeWithSelector(IRewards.TooLittleGas.selector, 50_000));
        new Rewards(rounds, OWNER, GUARDIAN, WINDOW, WINDOW, 49_999, evaluators, THRESHOLD);
        vm.expectRevert(abi.encodeWithSelector(IRewards.BadThreshold.selector, 4, 3));
        new Rewards(rounds, OWNER, GUARDIAN, WINDOW, WINDOW, PAYMENT_GAS, evaluators, 4);
    }

    function test_setters_areTheOwners() public {
        bytes memory reason = abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, GUARDIAN);
        vm.startPrank(GUARDIAN);
        vm.expectRevert(reason);
        rewards.setEvaluators(evaluators, 1);
        vm.expectRevert(reason);
        rewards.setGuardian(GUARDIAN);
        vm.expectRevert(reason);
        rewards.setChallengeWindow(2 days);
    }

    /* EVALUATORS */

    function test_setEvaluators_raisesTheVersion() public {
        address[] memory others = newEvaluators("other", 32);
        vm.expectEmit(address(rewards));
        emit IRewards.EvaluatorsChanged(2, others, 20);
        _setEvaluators(others, 20);
        (address[] memory set, uint256 threshold, uint64 version) = rewards.evaluators();
        assertEq(set, others);
        assertEq(threshold, 20);
        assertEq(version, 2);
    }

    function test_setEvaluators_refusals() public {
        _expectRefused(evaluators, THRESHOLD, abi.encodeWithSelector(IRewards.NothingChanged.selector));
        _expectRefused(evaluators, 0, abi.encodeWithSelector(IRewards.BadThreshold.selector, 0, 3));
        _expectRefused(evaluators, 4, abi.encodeWithSelector(IRewards.BadThreshold.selector, 4, 3));
        _expectRefused(new address[](0), 0, abi.encodeWithSelector(IRewards.BadThreshold.selector, 0, 0));
        _expectRefused(
            newEvaluators("other", 33), 1, abi.encodeWithSelector(IRewards.TooManyEvaluators.selector, 33, 32)
        );
        address[] memory pair = new address[](2);
        (pair[0], pair[1]) = (address(2), address(1));
        _expectRefused(
            pair, 1, abi.encodeWithSelector(IRewards.EvaluatorsNotAscending.selector, address(2), address(1))
        );
        pair[1] = address(2);
        _expectRefused(
            pair, 1, abi.encodeWithSelector(IRewards.EvaluatorsNotAscending.selector, address(2), address(2))
        );
        pair[0] = address(0);
        _expectRefused(
            pair, 1, abi.encodeWithSelector(IRewards.EvaluatorsNotAscending.selector, address(0), address(0))
        );
    }

    /* GUARDIAN AND WINDOW */

    function test_setGuardian() public {
        vm.startPrank(OWNER);
        vm.expectEmit(address(rewards));
        emit IRewards.GuardianChanged(GUARDIAN, STRANGER);
        rewards.setGuardian(STRANGER);
        assertEq(rewards.guardian(), STRANGER);
        vm.expectRevert(IRewards.NothingChanged.selector);
        rewards.setGuardian(STRANGER);
        vm.expectRevert(IRewards.ZeroAddress.selector);
        rewards.setGuardian(address(0));
    }

    function test_setChallengeWindow() public {
        vm.startPrank(OWNER);
        vm.expectEmit(address(rewards));
        emit IRewards.ChallengeWindowChanged(WINDOW, 30 days);
        rewards.setChallengeWindow(30 days);
        assertEq(rewards.challengeWindow(), 30 days);
        vm.expectRevert(IRewards.NothingChanged.selector);
        rewards.setChallengeWindow(30 days);
        vm.expectRevert(abi.encodeWithSelector(IRewards.WindowTooShort.selector, WINDOW - 1, WINDOW));
        rewards.setChallengeWindow(WINDOW - 1);
        vm.expectRevert(abi.encodeWithSelector(IRewards.WindowTooLong.selector, 30 days + 1, 30 days));
        rewards.setChallengeWindow(30 days + 1);
    }

    /* DEPOSITS */

    function testFuzz_deposit_countsEverythingSent(uint96 first, uint96 second) public {
        first = uint96(bound(first, 1, type(uint96).max));
        second = uint96(bound(second, 1, type(uint96).max));
        vm.deal(STRANGER, uint256(first) + second);
        vm.startPrank(STRANGER);
        vm.expectEmit(address(rewards));
        emit IRewards.Deposited(STRANGER, first, 100 ether + uint256(first));
        rewards.deposit{value: first}();
        (bool success,) = address(rewards).call{value: second}("");
        assertTrue(success);
        assertEq(rewards.totalDeposited(), 100 ether + uint256(first) + second);
        assertEq(address(rewards).balance, rewards.totalDeposited());
    }

    function test_deposit_refusesNothing() public {
        vm.expectRevert(IRewards.ZeroAmount.selector);
        rewards.deposit();
        (bool success, bytes memory reason) = address(rewards).call("");
        assertFalse(success);
        assertEq(bytes4(reason), IRewards.ZeroAmount.selector);
    }

    /* PAYOUT ADDRESS */

    function test_setPayoutAddress() public {
        address operator = makeAddr("operator");
        address wallet = makeAddr("wallet");
        assertEq(rewards.payoutAddressOf(operator), operator);
        vm.startPrank(operator);
        vm.expectEmit(address(rewards));
        emit IRewards.PayoutAddressChanged(operator, operator, wallet);
        rewards.setPayoutAddress(wallet);
        assertEq(rewards.payoutAddressOf(operator), wallet);
        vm.expectRevert(IRewards.NothingChanged.selector);
        rewards.setPayoutAddress(wallet);

        vm.expectEmit(address(rewards));
        emit IRewards.PayoutAddressChanged(operator, wallet, operator);
        rewards.setPayoutAddress(address(0));
        assertEq(rewards.payoutAddressOf(operator), operator);
        vm.expectRevert(IRewards.NothingChanged.selector);
        rewards.setPayoutAddress(operator);
    }

    function _setEvaluators(address[] memory set, uint256 threshold) private {
        vm.prank(OWNER);
        rewards.setEvaluators(set, threshold);
    }

    function _expectRefused(address[] memory set, uint256 threshold, bytes memory reason) private {
        vm.expectRevert(reason);
        _setEvaluators(set, threshold);
    }
}
