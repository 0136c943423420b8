// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {IRounds} from "../src/interfaces/IRounds.sol";
import {OwnInclusionFixture} from "./OwnInclusionFixture.sol";
import {MerkleTree} from "./utils/MerkleTree.sol";

/// @notice The gas of what stations commit themselves, in rosters of 2^20 stations.
/// forge-config: default.isolate = true
contract OwnInclusionGasTest is OwnInclusionFixture {
    uint32 private constant INDEX = 777_777;

    function test_gas_own() public {
        IRounds.Inputs memory inputs = inputsOf(1_000_000, 22_000_000);
        bytes32[] memory proof;
        IRounds.Station memory entry = stations[0];
        (inputs.rosterRoot, proof) = MerkleTree.deep(
            MerkleTree.hashOf(abi.encode(uint256(INDEX), entry.station, entry.operator, entry.subnet)), 20
        );
        vm.prank(COORDINATOR);
        rounds.open(inputs);
        reveal(1);
        bytes memory report = new bytes(48 * 1024);
        for (uint256 i = 0; i < report.length; ++i) {
            report[i] = bytes1(uint8(32 + i % 90));
        }
        IRounds.Seal memory signed =
            IRounds.Seal({round: 1, station: INDEX, operator: entry.operator, tasks: 1, report: sha256(report)});
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(stationKeys[0], rounds.digestOf(signed));
        bytes memory signature = abi.encodePacked(r, s, v);
        rounds.sealOwn(signed, signature, entry, proof);
        vm.snapshotGasLastCall("Rounds", "sealOwn, of 1 000 000 stations");
        rounds.commitOwn(signed, signature, entry, proof, report);
        assertLe(vm.snapshotGasLastCall("Rounds", "commitOwn, 48 KiB, of 1 000 000 stations"), 3_000_000);
    }
}
