// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {IRounds} from "../src/interfaces/IRounds.sol";
import {RoundsFixture} from "./RoundsFixture.sol";
import {MerkleTree} from "./utils/MerkleTree.sol";

/// @notice Rounds with a roster of five stations whose keys are known.
abstract contract OwnInclusionFixture is RoundsFixture {
    uint32 internal constant STATIONS = 5;

    IRounds.Station[] internal stations;
    uint256[] internal stationKeys;

    function setUp() public virtual override {
        super.setUp();
        for (uint256 i = 0; i < STATIONS; ++i) {
            (address station, uint256 key) = makeAddrAndKey(string.concat("station", vm.toString(i)));
            stationKeys.push(key);
            stations.push(
                IRounds.Station({
                    station: station,
                    operator: makeAddr(string.concat("operator", vm.toString(i))),
                    subnet: bytes16(keccak256(abi.encode(i)))
                })
            );
        }
    }

    /// @notice Opens a round of the five stations.
    function openRoster(uint32 tasks) internal returns (uint64) {
        IRounds.Inputs memory inputs = inputsOf(STATIONS, tasks);
        inputs.rosterRoot = MerkleTree.rootOf(_roster());
        vm.prank(COORDINATOR);
        return rounds.open(inputs);
    }

    function rosterProofOf(uint256 station) internal view returns (bytes32[] memory) {
        return MerkleTree.proofOf(_roster(), station);
    }

    function sealOf(uint64 round, uint32 station, bytes memory report) internal view returns (IRounds.Seal memory) {
        return IRounds.Seal({
            round: round, station: station, operator: stations[station].operator, tasks: 7, report: sha256(report)
        });
    }

    function signSeal(IRounds.Seal memory signed) internal view returns (bytes memory) {
        return signSeal(signed, signed.station);
    }

    function signSeal(IRounds.Seal memory signed, uint256 by) internal view returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(stationKeys[by], rounds.digestOf(signed));
        return abi.encodePacked(r, s, v);
    }

    function sealOwn(IRounds.Seal memory signed) internal {
        sealOwn(signed, signSeal(signed));
    }

    function sealOwn(IRounds.Seal memory signed, bytes memory signature) internal {
        rounds.sealOwn(signed, signature, stations[signed.station], rosterProofOf(signed.station));
    }

    function commitOwn(IRounds.Seal memory signed, bytes memory report) internal {
        commitOwn(signed, signSeal(signed), report);
    }

    function commitOwn(IRounds.Seal memory signed, bytes memory signature, bytes memory report) internal {
        rounds.commitOwn(signed, signature, stations[signed.station], rosterProofOf(signed.station), report);
    }

    function _roster() internal view returns (bytes32[] memory leaves) {
        leaves = new bytes32[](STATIONS);
        for (uint256 i = 0; i < STATIONS; ++i) {
            leaves[i] = MerkleTree.hashOf(abi.encode(i, stations[i].station, stations[i].operator, stations[i].subnet));
        }
    }
}
