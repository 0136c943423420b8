// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {IRewards} from "../src/interfaces/IRewards.sol";
import {RewardsTree} from "../src/libraries/RewardsTree.sol";
import {FilecoinFixture} from "./FilecoinFixture.sol";
import {Zeros} from "./mocks/FilecoinPrecompiles.sol";
import {Returner} from "./mocks/Recipients.sol";
import {RewardTree} from "./utils/RewardTree.sol";

/// @notice Payout addresses: EVM addresses, masked ids, and Filecoin's native wallets.
contract RewardsRecipientsTest is FilecoinFixture {
    address private operator = makeAddr("operator");
    address private wallet = makeAddr("wallet");

    /* ADDRESSES OF THE EVM */

    function test_setPayoutAddress() public {
        assertEq(rewards.payoutAddressOf(operator), operator);
        vm.startPrank(operator);
        vm.expectEmit(address(rewards));
        emit IRewards.PayoutAddressChanged(operator, operator, wallet, "");
        rewards.setPayoutAddress(wallet);
        assertEq(rewards.payoutAddressOf(operator), wallet);
        vm.expectRevert(IRewards.NothingChanged.selector);
        rewards.setPayoutAddress(wallet);

        vm.expectEmit(address(rewards));
        emit IRewards.PayoutAddressChanged(operator, wallet, operator, "");
        rewards.setPayoutAddress(address(0));
        assertEq(rewards.payoutAddressOf(operator), operator);
        vm.expectRevert(IRewards.NothingChanged.selector);
        rewards.setPayoutAddress(operator);
        vm.expectRevert(IRewards.NothingChanged.selector);
        rewards.setPayoutAddress(address(0));
    }

    function test_setPayoutAddress_isEachOperatorsOwn() public {
        vm.prank(operator);
        rewards.setPayoutAddress(wallet);
        assertEq(rewards.payoutAddressOf(wallet), wallet);
        assertEq(rewards.payoutAddressOf(STRANGER), STRANGER);
        vm.prank(operator);
        rewards.setPayoutAddress(operator);
        assertEq(rewards.payoutAddressOf(operator), operator);
    }

    /// @dev To an operator that is a contract, the transaction's signer is an ordinary address.
    function test_setPayoutAddress_isTheCallersNotTheSigners() public {
        vm.prank(operator, wallet);
        rewards.setPayoutAddress(wallet);
        assertEq(rewards.payoutAddressOf(operator), wallet);
        vm.prank(operator, wallet);
        rewards.setPayoutAddress(operator);
        assertEq(rewards.payoutAddressOf(operator), operator);
        assertEq(rewards.payoutAddressOf(wallet), wallet);
    }

    function test_setPayoutAddress_refusesThePrecompile() public {
        vm.expectRevert(abi.encodeWithSelector(IRewards.BadRecipient.selector, abi.encodePacked(CALL_ACTOR)));
        vm.prank(operator);
        rewards.setPayoutAddress(CALL_ACTOR);
    }

    /// @dev Neither changes the other half of the slot.
    function test_setPayoutAddress_keepsWhatWasClaimed() public {
        RewardsTree.Leaf[] memory leaves = single(operator, 100);
        uint64 settlement = postActive(leaves);
        claim(settlement, leaves, 0);
        vm.prank(operator);
        rewards.setPayoutAddress(wallet);
        assertEq(rewards.claimed(operator), 100);
        assertEq(claimMany(settlement, leaves), 0);
        playRound();
        RewardsTree.Leaf[] memory more = single(operator, 150);
        assertEq(claim(postActive(more), more, 0), 50);
        assertEq(wallet.balance, 50);
        assertEq(rewards.payoutAddressOf(operator), wallet);
    }

    /// @dev The FEVM reaches an id (f0) by 0xff, zeros and the id. Not every actor takes a call, so ids are set natively.
    function testFuzz_maskedIds_areNotSet(uint64 id) public {
        address masked = address(bytes20(abi.encodePacked(bytes1(0xff), bytes11(0), id)));
        vm.prank(operator);
        vm.expectRevert(abi.encodeWithSelector(IRewards.BadRecipient.selector, abi.encodePacked(masked)));
        rewards.setPayoutAddress(masked);
    }

    /// @dev The call succeeds, as the FEVM's does to an id without an actor (contracts/fvm).
    function test_nobodyIsPaid_ifTheMoneyStays() public {
        address nobody = address(bytes20(abi.encodePacked(bytes1(0xff), bytes11(0), uint64(8378))));
        vm.etch(nobody, type(Returner).runtimeCode);
        RewardsTree.Leaf[] memory leaves = new RewardsTree.Leaf[](2);
        (leaves[0], leaves[1]) = (RewardTree.leafOf(nobody, 100), RewardTree.leafOf(operator, 50));
        uint64 settlement = postActive(leaves);
        vm.expectRevert(abi.encodeWithSelector(IRewards.PaymentFailed.selector, nobody, nobody, 100));
        claim(settlement, leaves, 0);
        vm.expectEmit(address(rewards));
        emit IRewards.ClaimSkipped(settlement, nobody, IRewards.Skipped.Refused, 100);
        assertEq(claimMany(settlement, leaves), 50);
        assertEq(rewards.claimed(nobody), 0);
        assertEq(rewards.totalClaimed(), 50);
    }

    /* NATIVE WALLETS */

    function test_setNativePayoutAddress() public {
        bytes[4] memory recipients = [F0, F1, F2, F3];
        address previous = operator;
        vm.startPrank(operator);
        for (uint256 i = 0; i < 4; ++i) {
            vm.expectEmit(address(rewards));
            emit IRewards.PayoutAddressChanged(operator, previous, CALL_ACTOR, recipients[i]);
            rewards.setNativePayoutAddress(recipients[i]);
            assertEq(rewards.payoutAddressOf(operator), CALL_ACTOR);
            assertEq(rewards.nativePayoutAddressOf(operator), recipients[i]);
            vm.expectRevert(IRewards.NothingChanged.selector);
            rewards.setNativePayoutAddress(recipients[i]);
            previous = CALL_ACTOR;
        }
        vm.expectEmit(address(rewards));
        emit IRewards.PayoutAddressChanged(operator, CALL_ACTOR, wallet, "");
        rewards.setPayoutAddress(wallet);
        assertEq(rewards.nativePayoutAddressOf(operator), "");
        rewards.setNativePayoutAddress(F3);
        rewards.setPayoutAddress(address(0));
        assertEq(rewards.nativePayoutAddressOf(operator), "");
        assertEq(rewards.payoutAddressOf(operator), operator);
    }

    function test_setNativePayoutAddress_refusesOtherBytes() public {
        _expectBad("");
        _expectBad(hex"00");
        _expectBad(hex"0080");
        _expectBad(hex"00e80700");
        _expectBad(hex"00ffffffffffffffffff01");
        _expectBad(bytes.concat(bytes1(0x00), new bytes(20)));
        _expectBad(bytes.concat(bytes1(0x03), new bytes(20)));
        _expectBad(bytes.concat(bytes2(0x040a), new bytes(20)));
        _expectBad(bytes.concat(bytes1(0x04), new bytes(20)));
        _expectBad(bytes.concat(bytes1(0x01), new bytes(48)));
        _expectBad(bytes.concat(bytes1(0x02), new bytes(48)));
        _expectBad(bytes.concat(bytes1(0x04), new bytes(48)));
        _expectBad(bytes.concat(bytes1(0x01), new bytes(19)));
        _expectBad(bytes.concat(F1, hex"00"));
        _expectBad(bytes.concat(bytes1(0x03), new bytes(47)));
        _expectBad(bytes.concat(F3, hex"00"));
    }

    /// @dev Every address that the contract accepts is valid on the chain.
    function testFuzz_setNativePayoutAddress_takesOnlyWhatTheChainParses(uint8 protocol, uint8 kind, bytes32 content)
        public
    {
        uint256 length = [19, 20, 21, 47, 48, 49][kind % 6];
        bytes memory recipient = bytes.concat(bytes1(protocol % 6), bytes.concat(content, content));
        assembly ("memory-safe") {
            mstore(recipient, add(length, 1))
        }
        vm.prank(operator);
        try rewards.setNativePayoutAddress(recipient) {
            (bool parsed,) = RESOLVE_ADDRESS.staticcall(recipient);
            assertTrue(parsed);
            assertTrue(protocol % 6 >= 1 && protocol % 6 <= 3);
            RewardsTree.Leaf[] memory leaves = single(operator, 100);
            assertEq(claimMany(postActive(leaves), leaves), 100);
            assertEq(LEDGER.balanceOf(recipient), 100);
        } catch (bytes memory reason) {
            assertEq(bytes4(reason), IRewards.BadRecipient.selector);
            assertFalse(length == 20 && (protocol % 6 == 1 || protocol % 6 == 2));
            assertFalse(length == 48 && protocol % 6 == 3);
        }
    }

    function test_setNativePayoutAddress_needsThePrecompiles() public {
        removeFilecoin();
        _expectNowhere();
        // A contract at the address that does not behave like the precompile.
        vm.etch(RESOLVE_ADDRESS, address(new Zeros(31, false)).code);
        _expectNowhere();
        vm.etch(RESOLVE_ADDRESS, address(new Zeros(64, false)).code);
        _expectNowhere();
        vm.etch(RESOLVE_ADDRESS, address(new Zeros(32, true)).code);
        _expectNowhere();
        vm.etch(RESOLVE_ADDRESS, address(new Zeros(32, false)).code);
        vm.prank(operator);
        rewards.setNativePayoutAddress(F1);
    }

    function test_claim_paysNativeWallets() public {
        bytes[3] memory recipients = [F1, F2, F3];
        for (uint256 i = 0; i < 3; ++i) {
            vm.prank(operator);
            rewards.setNativePayoutAddress(recipients[i]);
            RewardsTree.Leaf[] memory leaves = single(operator, 100 * (i + 1));
            uint64 settlement = postActive(leaves);
            vm.expectEmit(address(rewards));
            emit IRewards.Claimed(settlement, operator, CALL_ACTOR, 100, 100 * (i + 1));
            assertEq(claim(settlement, leaves, 0), 100);
            assertEq(LEDGER.balanceOf(recipients[i]), 100);
            assertEq(address(rewards).balance, 100 ether - 100 * (i + 1));
            playRound();
        }
    }

    function test_claimMany_paysNativeWallets() public {
        RewardsTree.Leaf[] memory leaves = _operatorAndWallet();
        assertEq(claimMany(postActive(leaves), leaves), 300);
        assertEq(LEDGER.balanceOf(F1), 100);
        assertEq(wallet.balance, 200);
    }

    /// @dev The precompile's call succeeds even if the payment failed, with any nonzero exit code.
    function testFuzz_claimMany_skipsNativeWalletsThatFail(int256 exitCode) public {
        vm.assume(exitCode != 0);
        RewardsTree.Leaf[] memory leaves = _operatorAndWallet();
        uint64 settlement = postActive(leaves);
        LEDGER.setExitCode(F1, exitCode);
        _assertRefused(settlement, leaves);
        LEDGER.setExitCode(F1, 0);
        assertEq(claimMany(settlement, leaves), 100);
        assertEq(LEDGER.balanceOf(F1), 100);
    }

    /// @dev Exit codes are words of 256 bits, and each of them counts.
    function test_claimMany_readsTheWholeExitCode() public {
        RewardsTree.Leaf[] memory leaves = _operatorAndWallet();
        uint64 settlement = postActive(leaves);
        uint256 before = vm.snapshotState();
        for (uint256 bit = 0; bit < 256; ++bit) {
            LEDGER.setExitCode(F1, int256(1 << bit));
            _assertRefused(settlement, leaves);
            vm.revertToState(before);
        }
    }

    function test_claim_revertsIfANativeWalletFails() public {
        RewardsTree.Leaf[] memory leaves = _operatorAndWallet();
        uint64 settlement = postActive(leaves);
        LEDGER.setExitCode(F1, 16);
        vm.expectRevert(abi.encodeWithSelector(IRewards.PaymentFailed.selector, operator, CALL_ACTOR, 100));
        claim(settlement, leaves, 0);
        assertEq(rewards.claimed(operator), 0);
    }

    /// @dev No response, a short one, or a failing call: the operator is not paid, and not recorded as paid.
    function test_claimMany_skipsIfThePrecompileIsGone() public {
        RewardsTree.Leaf[] memory leaves = _operatorAndWallet();
        uint64 settlement = postActive(leaves);
        uint256 before = vm.snapshotState();
        removeFilecoin();
        _assertRefused(settlement, leaves);
        vm.revertToState(before);
        vm.etch(CALL_ACTOR, address(new Zeros(31, false)).code);
        _assertRefused(settlement, leaves);
        vm.revertToState(before);
        vm.etch(CALL_ACTOR, address(new Zeros(32, true)).code);
        _assertRefused(settlement, leaves);
        etchFilecoin();
        assertEq(claimMany(settlement, leaves), 100);

        // Only its first word matters.
        vm.revertToState(before);
        vm.etch(CALL_ACTOR, address(new Zeros(32, false)).code);
        assertEq(claimMany(settlement, leaves), 300);
    }

    function test_claim_revertsIfThePrecompileIsGone() public {
        RewardsTree.Leaf[] memory leaves = _operatorAndWallet();
        uint64 settlement = postActive(leaves);
        removeFilecoin();
        vm.expectRevert(abi.encodeWithSelector(IRewards.PaymentFailed.selector, operator, CALL_ACTOR, 100));
        claim(settlement, leaves, 0);
        // It can still set an existing wallet.
        vm.prank(operator);
        rewards.setPayoutAddress(address(0));
        assertEq(claim(settlement, leaves, 0), 100);
    }

    /// @dev A root may name the precompile itself as an operator: it can have no native wallet, so it is never paid.
    function test_claimMany_neverPaysThePrecompileAsAnOperator() public {
        RewardsTree.Leaf[] memory leaves = single(CALL_ACTOR, 100);
        uint64 settlement = postActive(leaves);
        assertEq(claimMany(settlement, leaves), 0);
        removeFilecoin();
        assertEq(claimMany(settlement, leaves), 0);
        assertEq(rewards.totalClaimed(), 0);
        assertEq(CALL_ACTOR.balance, 0);
    }

    function _assertRefused(uint64 settlement, RewardsTree.Leaf[] memory leaves) private {
        vm.expectEmit(address(rewards));
        emit IRewards.ClaimSkipped(settlement, operator, IRewards.Skipped.Refused, 100);
        claimMany(settlement, leaves);
        assertEq(rewards.claimed(operator), 0);
        assertEq(rewards.totalClaimed(), 200);
        assertEq(LEDGER.balanceOf(F1), 0);
        assertEq(address(rewards).balance, 100 ether - 200);
    }

    function _operatorAndWallet() private returns (RewardsTree.Leaf[] memory leaves) {
        vm.prank(operator);
        rewards.setNativePayoutAddress(F1);
        leaves = new RewardsTree.Leaf[](2);
        leaves[0] = RewardTree.leafOf(operator, 100);
        leaves[1] = RewardTree.leafOf(wallet, 200);
    }

    function _expectBad(bytes memory recipient) private {
        vm.expectRevert(abi.encodeWithSelector(IRewards.BadRecipient.selector, recipient));
        vm.prank(operator);
        rewards.setNativePayoutAddress(recipient);
    }

    function _expectNowhere() private {
        vm.expectRevert(IRewards.NoFilecoinPrecompiles.selector);
        vm.prank(operator);
        rewards.setNativePayoutAddress(F1);
    }
}
