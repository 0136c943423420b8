// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {Test} from "forge-std/Test.sol";

import {Court} from "../../src/Court.sol";
import {Rewards} from "../../src/Rewards.sol";
import {Roles} from "../../src/Roles.sol";
import {IRewards} from "../../src/interfaces/IRewards.sol";
import {IRounds} from "../../src/interfaces/IRounds.sol";
import {Fvm} from "../../src/libraries/Fvm.sol";

/// @notice The arithmetic of claims and of the pool, proved by halmos on the contract itself from any accounting state
/// with paid ≤ cap and promised ≤ deposited, written into its storage. `contracts/storage` pins the slots.
///   halmos --contract RewardsProofsTest --function check_
contract RewardsProofsTest is Test {
    uint256 private constant POOL_SLOT = 0;
    uint256 private constant END_SLOT = 1;
    uint256 private constant LEDGER_SLOT = 9;
    uint256 private constant SETTLEMENTS_SLOT = 11;
    uint256 private constant LIVE_SLOT = 12;
    bytes12 private constant ACCOUNTS = bytes12(keccak256("assize.rewards.accounts"));
    bytes32 private constant REST = keccak256("rest");
    address private constant OPERATOR = address(0xBEEF);
    address private constant TREASURY = address(0x7EA5);

    Rewards private rewards;

    function setUp() public {
        address[] memory evaluators = new address[](1);
        evaluators[0] = address(1);
        Roles roles = new Roles(address(3), address(4), 1 days, 1 days, evaluators, 1);
        Court court = new Court(10 hours, 6 hours, 8 hours, 0);
        rewards = new Rewards(roles, IRounds(address(2)), court, TREASURY, 50_000);
        vm.deal(address(rewards), type(uint96).max);
    }

    /* CLAIMS */

    /// @dev A claim succeeds if and only if something is due and the cap allows it; then exactly that is paid and
    /// recorded, nothing is truncated, and payments never exceed the cap.
    function check_claim_isExact(uint96 total, uint96 highest, uint96 paid, uint96 before, uint256 cumulative) public {
        vm.assume(paid <= highest && before <= paid);
        _layBooks(total, highest, paid, before, cumulative);
        uint256 cap = total > highest ? total : highest;
        bool isDue = cumulative > before && cumulative - before <= cap - paid;
        IRewards.Allocation memory allocation = IRewards.Allocation(OPERATOR, cumulative, REST);
        (bool success,) = address(rewards).call(abi.encodeCall(rewards.claim, (1, 0, allocation, new bytes32[](0))));
        assert(success == isDue);
        if (success) _assertPaid(cap, paid, before, cumulative);
    }

    /// @dev As `claim`: `claimMany` pays exactly what is due, and skipping changes nothing but the cap.
    function check_claimMany_isExact(uint96 total, uint96 highest, uint96 paid, uint96 before, uint256 cumulative)
        public
    {
        vm.assume(paid <= highest && before <= paid);
        _layBooks(total, highest, paid, before, cumulative);
        uint256 cap = total > highest ? total : highest;
        IRewards.Allocation[] memory allocations = new IRewards.Allocation[](1);
        allocations[0] = IRewards.Allocation(OPERATOR, cumulative, REST);
        (bool success,) =
            address(rewards).call(abi.encodeCall(rewards.claimMany, (1, 0, allocations, new bytes32[](0))));
        // It fails only if gas runs out, which the solver may choose.
        if (!success) return;
        if (cumulative > before && cumulative - before <= cap - paid) {
            _assertPaid(cap, paid, before, cumulative);
        } else {
            assert(rewards.claimed(OPERATOR) == before && rewards.totalClaimed() == paid);
            assert(OPERATOR.balance == 0);
        }
    }

    /* THE POOL */

    /// @dev Surplus is what is neither promised nor withdrawn; all of it goes to the treasury, and none of the
    /// promised.
    function check_withdrawSurplus_isExact(uint96 deposited, uint96 withdrawn, uint96 promised) public {
        vm.assume(promised <= deposited && withdrawn <= deposited - promised);
        _layBooks(promised, 0, 0, 0, 0);
        vm.store(address(rewards), bytes32(POOL_SLOT), bytes32(uint256(deposited) | uint256(withdrawn) << 96));
        vm.store(address(rewards), bytes32(END_SLOT), bytes32(uint256(uint160(TREASURY)) | uint256(1) << 160));
        uint256 surplus = uint256(deposited) - withdrawn - promised;
        assert(rewards.surplus() == surplus);
        (bool success,) = address(rewards).call(abi.encodeCall(rewards.withdrawSurplus, ()));
        assert(success == (surplus > 0));
        if (!success) return;
        assert(TREASURY.balance == surplus);
        assert(rewards.totalWithdrawn() == withdrawn + surplus);
        assert(rewards.surplus() == 0);
        assert(rewards.totalDeposited() - rewards.totalWithdrawn() == promised);
    }

    /* LEAVES AND ADDRESSES */

    /// @dev The hash covers the operator, the amount and the rest in full, 32 bytes each.
    function check_leaf_isOneToOne(address a, uint256 x, bytes32 r, address b, uint256 y, bytes32 q) public pure {
        bytes memory first = abi.encode(a, x, r);
        bytes memory second = abi.encode(b, y, q);
        assert(first.length == 96 && second.length == 96);
        (uint256 a0, uint256 a1, bytes32 a2) = abi.decode(first, (uint256, uint256, bytes32));
        (uint256 b0, uint256 b1, bytes32 b2) = abi.decode(second, (uint256, uint256, bytes32));
        assert((a0 == b0 && a1 == b1 && a2 == b2) == (a == b && x == y && r == q));
    }

    function check_isNative_ofHashes(bytes21 content) public view {
        assert(Fvm.isNative(abi.encodePacked(content)) == (content[0] == 0x01 || content[0] == 0x02));
    }

    function check_isNative_ofKeys(bytes32 start, bytes17 end) public view {
        assert(Fvm.isNative(abi.encodePacked(start, end)) == (start[0] == 0x03));
    }

    function check_isNative_ofNoOtherLength(bytes20 shorter, bytes22 longer) public view {
        assert(!Fvm.isNative(abi.encodePacked(shorter)));
        assert(!Fvm.isNative(abi.encodePacked(longer)));
    }

    /* THE SAME, AT RANDOM */

    function testFuzz_claim_isExact(uint96 total, uint96 highest, uint96 paid, uint96 before, uint256 cumulative)
        public
    {
        paid = uint96(bound(paid, 0, highest));
        before = uint96(bound(before, 0, paid));
        if (cumulative % 2 == 0) cumulative = bound(cumulative, before, uint256(before) + highest);
        uint256 state = vm.snapshotState();
        check_claim_isExact(total, highest, paid, before, cumulative);
        vm.revertToState(state);
        check_claimMany_isExact(total, highest, paid, before, cumulative);
    }

    function testFuzz_withdrawSurplus_isExact(uint96 deposited, uint96 withdrawn, uint96 promised) public {
        promised = uint96(bound(promised, 0, deposited));
        check_withdrawSurplus_isExact(deposited, uint96(bound(withdrawn, 0, deposited - promised)), promised);
    }

    /// @dev One active settlement, whose tree is one leaf, and any accounting state.
    function _layBooks(uint96 total, uint96 highest, uint96 paid, uint96 before, uint256 cumulative) private {
        uint256 settlement = uint256(keccak256(abi.encode(uint256(1), SETTLEMENTS_SLOT)));
        bytes32 leaf = keccak256(bytes.concat(keccak256(abi.encode(OPERATOR, cumulative, REST))));
        vm.store(address(rewards), bytes32(settlement), leaf);
        vm.store(
            address(rewards), bytes32(settlement + 1), bytes32(uint256(total) | uint256(1) << 176 | uint256(1) << 216)
        );
        vm.store(address(rewards), keccak256(abi.encode(uint256(1), LIVE_SLOT)), bytes32(uint256(1)));
        vm.store(
            address(rewards), bytes32(LEDGER_SLOT), bytes32(uint256(paid) | uint256(highest) << 96 | uint256(1) << 192)
        );
        vm.store(address(rewards), bytes32(bytes.concat(ACCOUNTS, bytes20(OPERATOR))), bytes32(uint256(before)));
    }

    function _assertPaid(uint256 cap, uint256 paid, uint256 before, uint256 cumulative) private view {
        uint256 amount = cumulative - before;
        assert(rewards.claimed(OPERATOR) == cumulative);
        assert(rewards.totalClaimed() == paid + amount);
        assert(rewards.totalClaimed() <= rewards.highestActiveTotal());
        assert(rewards.highestActiveTotal() == cap);
        assert(OPERATOR.balance == amount);
        assert(address(rewards).balance == type(uint96).max - amount);
    }
}
