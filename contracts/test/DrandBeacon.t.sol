// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {DrandBeacon} from "../src/beacon/DrandBeacon.sol";
import {BaseTest} from "./BaseTest.sol";

contract DrandBeaconTest is BaseTest {
    DrandBeacon private beacon;

    function setUp() public {
        beacon = new DrandBeacon(QUICKNET_KEY, QUICKNET_GENESIS, QUICKNET_PERIOD);
    }

    function test_verify_everyRecordedBeacon() public view {
        BeaconCase[] memory cases = beacons();
        assertGt(cases.length, 10);
        for (uint256 i = 0; i < cases.length; ++i) {
            assertEq(beacon.verify(cases[i].round, cases[i].signature), cases[i].randomness);
        }
    }

    function test_verify_gas() public {
        BeaconCase memory item = beacons()[3];
        uint256 before = gasleft();
        beacon.verify(item.round, item.signature);
        emit log_named_uint("gas", before - gasleft());
    }
}
