// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {Court} from "../src/Court.sol";
import {Rewards} from "../src/Rewards.sol";
import {Roles} from "../src/Roles.sol";
import {ICourt} from "../src/interfaces/ICourt.sol";
import {IRewards} from "../src/interfaces/IRewards.sol";
import {IRoles} from "../src/interfaces/IRoles.sol";
import {IRounds} from "../src/interfaces/IRounds.sol";
import {RewardsFixture} from "./RewardsFixture.sol";

contract RewardsConstructorTest is RewardsFixture {
    function test_constructor_setsEverything() public view {
        assertEq(address(rewards.ROLES()), address(roles));
        assertEq(address(rewards.ROUNDS()), address(rounds));
        assertEq(address(rewards.COURT()), address(court));
        assertEq(rewards.PAYMENT_GAS(), PAYMENT_GAS);
        assertEq(rewards.treasury(), TREASURY);
        assertEq(rewards.endsAt(), 0);
        assertEq(rewards.head(), 0);
        assertEq(rewards.settlementCount(), 0);
        assertEq(rewards.dropCount(), 0);
        assertStatus(0, IRewards.Status.None);
        assertEq(court.ANSWER_WINDOW(), ANSWER_WINDOW);
        assertEq(court.SLACK(), SLACK);
        assertEq(court.LEAST_CHALLENGE_WINDOW(), ANSWER_WINDOW + SLACK + DEMAND_WINDOW);
        assertEq(court.LEAST_BOND(), LEAST_BOND);
    }

    function test_constructor_refusals() public {
        bytes memory zero = abi.encodeWithSelector(IRewards.ZeroAddress.selector);
        vm.expectRevert(zero);
        this.deploy(IRoles(address(0)), rounds, court, TREASURY, PAYMENT_GAS);
        vm.expectRevert(zero);
        this.deploy(roles, IRounds(address(0)), court, TREASURY, PAYMENT_GAS);
        vm.expectRevert(zero);
        this.deploy(roles, rounds, ICourt(address(0)), TREASURY, PAYMENT_GAS);
        vm.expectRevert(zero);
        this.deploy(roles, rounds, court, address(0), PAYMENT_GAS);
        vm.expectRevert(abi.encodeWithSelector(IRewards.TooLittleGas.selector, 50_000));
        this.deploy(roles, rounds, court, TREASURY, 49_999);
        rewards = new Rewards(roles, rounds, court, TREASURY, 50_000);
        assertEq(rewards.PAYMENT_GAS(), 50_000);
    }

    /// @dev Otherwise nobody would have the time to demand an allocation.
    function test_constructor_refusesARoleWindowTooShortForTheCourt() public {
        uint64 least = ANSWER_WINDOW + SLACK + DEMAND_WINDOW;
        Roles hasty = new Roles(OWNER, GUARDIAN, least - 1, least, evaluators, THRESHOLD);
        vm.expectRevert(abi.encodeWithSelector(IRoles.WindowTooShort.selector, least - 1, least));
        this.deploy(hasty, rounds, court, TREASURY, PAYMENT_GAS);
        Roles slow = new Roles(OWNER, GUARDIAN, least, least, evaluators, THRESHOLD);
        this.deploy(slow, rounds, court, TREASURY, PAYMENT_GAS);
        // A court without windows goes with roles without any.
        this.deploy(
            new Roles(OWNER, GUARDIAN, 0, 0, evaluators, THRESHOLD),
            rounds,
            new Court(0, 0, 0, 0),
            TREASURY,
            PAYMENT_GAS
        );
    }

    function test_constructor_emits() public {
        address at = vm.computeCreateAddress(address(this), vm.getNonce(address(this)));
        vm.expectEmit(at);
        emit IRewards.TreasuryChanged(address(0), TREASURY);
        deployRewards(PAYMENT_GAS);
    }

    /// @dev An external call, so that the expected revert is its own, not that of a creation.
    function deploy(IRoles as_, IRounds over, ICourt under, address treasury, uint256 paymentGas) external {
        new Rewards(as_, over, under, treasury, paymentGas);
    }
}
