// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {RewardsFixture} from "./RewardsFixture.sol";
import {CallActorPrecompile, FilecoinLedger, ResolveAddressPrecompile} from "./mocks/FilecoinPrecompiles.sol";

/// @notice A chain with Filecoin's precompiles, until a test removes them.
abstract contract FilecoinFixture is RewardsFixture {
    address internal constant RESOLVE_ADDRESS = 0xFE00000000000000000000000000000000000001;
    address internal constant CALL_ACTOR = 0xfe00000000000000000000000000000000000003;
    FilecoinLedger internal constant LEDGER = FilecoinLedger(0xfe000000000000000000000000000000000000ff);

    /// @dev f01000.
    bytes internal constant F0 = hex"00e807";
    bytes internal constant F1 = hex"01000102030405060708090a0b0c0d0e0f10111213";
    bytes internal constant F2 = hex"02000102030405060708090a0b0c0d0e0f10111213";
    bytes internal constant F3 = hex"03000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
        hex"202122232425262728292a2b2c2d2e2f";

    function setUp() public virtual override {
        super.setUp();
        etchFilecoin();
    }

    function etchFilecoin() internal {
        vm.etch(address(LEDGER), type(FilecoinLedger).runtimeCode);
        vm.etch(RESOLVE_ADDRESS, type(ResolveAddressPrecompile).runtimeCode);
        vm.etch(CALL_ACTOR, type(CallActorPrecompile).runtimeCode);
    }

    function removeFilecoin() internal {
        vm.etch(RESOLVE_ADDRESS, "");
        vm.etch(CALL_ACTOR, "");
    }
}
