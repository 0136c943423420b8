// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {FilecoinFixture} from "./FilecoinFixture.sol";

/// @notice The mocks are as strict as the precompiles: a lax mock would hide faults of the contract.
contract FilecoinPrecompilesTest is FilecoinFixture {
    function setUp() public override {
        super.setUp();
        vm.deal(address(this), 1000);
    }

    function test_callActor_sends() public {
        assertEq(_exitCode(_message(0, 600, 0, 0, "", F1)), 0);
        assertEq(LEDGER.balanceOf(F1), 600);
        assertEq(address(this).balance, 400);
        assertEq(_exitCode(_message(0, 0, 1, 0x51, hex"80", F3)), 0);
    }

    function test_callActor_reportsWhatFailed() public {
        assertEq(_exitCode(_message(0, 1001, 0, 0, "", F1)), -5);
        LEDGER.setExitCode(F1, 16);
        assertEq(_exitCode(_message(0, 1000, 0, 0, "", F1)), 16);
        assertEq(_exitCode(_message(1024, 0, 0, 0x51, hex"80", F1)), 22);
        assertEq(address(this).balance, 1000);
    }

    function test_callActor_takesDelegateCallsOnly() public {
        bytes memory message = _message(0, 0, 0, 0, "", F1);
        (bool success,) = CALL_ACTOR.call(message);
        assertFalse(success);
        (success,) = CALL_ACTOR.staticcall(message);
        assertFalse(success);
    }

    function test_callActor_takesItsInputExactly() public {
        bytes memory message = _message(0, 1, 0, 0, "", F1);
        _assertRefused(bytes.concat(message, hex"00"));
        _assertRefused(bytes.concat(hex"00", message));
        message[message.length - 1] = 0x01;
        _assertRefused(message);
        _assertRefused("");
        _assertRefused(abi.encodePacked(uint64(0), F1));
        // With a leading selector, as a contract would expect it.
        _assertRefused(bytes.concat(bytes4(0), _message(0, 1, 0, 0, "", F1)));
        _assertRefused(_message(2 ** 64, 1, 0, 0, "", F1));
        _assertRefused(_message(0, 1, 2 ** 64, 0, "", F1));
        _assertRefused(_message(0, 1, 0, 2 ** 64, "", F1));
        _assertRefused(_message(1, 1, 0, 0, "", F1));
        _assertRefused(_message(1023, 1, 0, 0, "", F1));
        _assertRefused(_message(0, 1, 2, 0, "", F1));
        _assertRefused(_message(0, 1, 1, 0, "", F1));
        _assertRefused(_message(0, 1, 0, 0x71, "", F1));
        _assertRefused(_message(0, 1, 0, 0, hex"80", F1));
    }

    function test_addresses_areParsed() public {
        _assertAddress(hex"0000", true);
        _assertAddress(hex"00ffffffffffffffff7f", true);
        _assertAddress(hex"00ffffffffffffffffff00", false);
        _assertAddress(hex"00ffffffffffffffff8001", false);
        _assertAddress(hex"008000", false);
        _assertAddress(hex"0080", false);
        _assertAddress(hex"00", false);
        _assertAddress(hex"000000", false);
        _assertAddress("", false);
        _assertAddress(F1, true);
        _assertAddress(F2, true);
        _assertAddress(F3, true);
        _assertAddress(bytes.concat(F1, hex"00"), false);
        _assertAddress(bytes.concat(bytes1(0x03), new bytes(47)), false);
        _assertAddress(bytes.concat(bytes2(0x040a), new bytes(20)), true);
        _assertAddress(bytes.concat(bytes2(0x040a), new bytes(54)), true);
        _assertAddress(bytes.concat(bytes2(0x040a), new bytes(55)), false);
        _assertAddress(hex"0480", false);
        _assertAddress(bytes.concat(bytes1(0x05), new bytes(20)), false);
    }

    function test_resolveAddress_knowsIds() public {
        (, bytes memory id) = RESOLVE_ADDRESS.staticcall(hex"00e807");
        assertEq(id, abi.encode(1000));
        (, id) = RESOLVE_ADDRESS.staticcall(F1);
        assertEq(id, "");
        LEDGER.setId(F1, 1234);
        (, id) = RESOLVE_ADDRESS.staticcall(F1);
        assertEq(id, abi.encode(1234));
    }

    function _message(
        uint256 method,
        uint256 value,
        uint256 flags,
        uint256 codec,
        bytes memory params,
        bytes memory recipient
    ) private pure returns (bytes memory) {
        return abi.encode(method, value, flags, codec, params, recipient);
    }

    function _exitCode(bytes memory message) private returns (int256 exitCode) {
        (bool success, bytes memory result) = CALL_ACTOR.delegatecall(message);
        assertTrue(success);
        (exitCode,,) = abi.decode(result, (int256, uint64, bytes));
    }

    function _assertRefused(bytes memory message) private {
        (bool success,) = CALL_ACTOR.delegatecall(message);
        assertFalse(success);
    }

    function _assertAddress(bytes memory recipient, bool valid) private {
        (bool success,) = CALL_ACTOR.delegatecall(_message(0, 0, 0, 0, "", recipient));
        assertEq(success, valid);
        (success,) = RESOLVE_ADDRESS.staticcall(recipient);
        assertEq(success, valid);
    }
}
