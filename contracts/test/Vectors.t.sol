// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";

import {IBeacon} from "../src/beacon/IBeacon.sol";
import {IRounds} from "../src/interfaces/IRounds.sol";
import {Committees} from "../src/libraries/Committees.sol";
import {Shuffle} from "../src/libraries/Shuffle.sol";
import {Timetable} from "../src/libraries/Timetable.sol";
import {VectorsFixture} from "./VectorsFixture.sol";
import {TrustingBeacon} from "./mocks/TrustingBeacon.sol";

/// @notice The vectors of rounds, committees and rosters.
contract VectorsTest is VectorsFixture {
    function test_seeds() public {
        uint256 checked;
        for (uint256 i = 0; at("seeds", i); ++i) {
            bytes32 seed = word(".seed");
            assertEq(Committees.rosterSeed(seed), word(".rosterSeed"));
            assertEq(Committees.taskSeed(seed), word(".taskSeed"));
            // The contract reaches a round only by opening all earlier ones.
            if (number(".round") > 10) continue;
            uint256 before = vm.snapshotState();
            vm.chainId(number(".chainId"));
            assertEq(_seedOf(uint64(number(".round")), addressAt(".rounds"), word(".randomness")), seed);
            vm.revertToState(before);
            ++checked;
        }
        assertEq(checked, 2);
    }

    function test_shuffle() public {
        for (uint256 i = 0; at("shuffle", i); ++i) {
            uint256[] memory mapping_ = vm.parseJsonUintArray(json, string.concat(path, ".mapping"));
            assertEq(mapping_.length, number(".count"));
            for (uint256 place = 0; place < mapping_.length; ++place) {
                _checkShuffle(word(".seed"), mapping_.length, place, mapping_[place]);
            }
        }
        for (uint256 i = 0; at("single-shuffle", i); ++i) {
            _checkShuffle(word(".seed"), number(".count"), number(".place"), number(".entry"));
        }
    }

    function test_assignment() public {
        for (uint256 i = 0; at("assignment", i); ++i) {
            _checkAssignment();
        }
    }

    function test_timetable() public {
        for (uint256 i = 0; at("timetable", i); ++i) {
            (uint64 closesAt, uint64 step) = (uint64(number(".closesAt")), uint64(number(".step")));
            assertEq(Timetable.sealsUntil(closesAt, step), number(".sealsUntil"));
            assertEq(Timetable.ownSealsUntil(closesAt, step), number(".ownSealsUntil"));
            assertEq(Timetable.showFrom(closesAt, step), number(".showFrom"));
            assertEq(Timetable.publishUntil(closesAt, step), number(".publishUntil"));
            assertEq(Timetable.commitsUntil(closesAt, step), number(".commitsUntil"));
            assertEq(Timetable.dedupeFrom(closesAt, step), number(".dedupeFrom"));
            assertEq(Timetable.objectionsFrom(closesAt, step), number(".objectionsFrom"));
        }
    }

    function test_sortedTrees() public {
        string[2] memory names = ["roster", "tasks"];
        for (uint256 file = 0; file < names.length; ++file) {
            for (uint256 i = 0; at(names[file], i); ++i) {
                bytes32 root = word(".root");
                bytes32[] memory leaves = words(".leaves");
                if (leaves.length == 0) assertEq(root, 0);
                for (uint256 leaf = 0; leaf < leaves.length; ++leaf) {
                    assertTrue(MerkleProof.verify(words(entryOf(".proofs", leaf)), root, leaves[leaf]));
                }
            }
        }
    }

    /// @dev The seal that a station signs.
    function test_seal() public {
        for (uint256 i = 0; at("seal", i); ++i) {
            vm.chainId(number(".chainId"));
            rounds = roundsAt(addressAt(".rounds"), new TrustingBeacon());
            IRounds.Seal memory signed = IRounds.Seal({
                round: uint64(number(".round")),
                station: uint32(number(".station")),
                operator: addressAt(".operator"),
                tasks: number(".tasks"),
                report: word(".report")
            });
            bytes32 digest = rounds.digestOf(signed);
            assertEq(digest, word(".digest"));
            assertEq(ECDSA.recover(digest, content(".signature")), vm.addr(number(".stationKey")));
        }
    }

    /// @dev The seed that `Rounds` at this address stores for a round whose beacon gives this randomness.
    function _seedOf(uint64 round, address place, bytes32 randomness) private returns (bytes32) {
        IBeacon beacon = new TrustingBeacon();
        rounds = roundsAt(place, beacon);
        uint64 opened;
        while (opened < round) {
            opened = open(1, 1);
            vm.warp(timesOf(opened).closesAt);
        }
        vm.mockCall(address(beacon), abi.encodeWithSelector(IBeacon.verify.selector), abi.encode(randomness));
        return reveal(round);
    }

    function _checkShuffle(bytes32 seed, uint256 count, uint256 place, uint256 entry) private view {
        assertEq(Shuffle.shuffled(place, count, seed), entry);
        assertEq(Shuffle.unshuffled(entry, count, seed), place);
    }

    function _checkAssignment() private view {
        (uint256 stations, uint256 tasks) = (number(".stations"), number(".tasks"));
        uint256 count = Committees.count(stations, tasks, number(".maxCommitteeSize"));
        uint256 each = Committees.tasksPerCommittee(
            count, stations, tasks, number(".targetMeasurements"), number(".maxTasksPerCommittee")
        );
        assertEq(count, number(".committeeCount"));
        assertEq(each, number(".tasksPerCommittee"));
        for (uint256 i = 0; vm.keyExistsJson(json, _committee(i, "")); ++i) {
            uint256 committee = vm.parseJsonUint(json, _committee(i, ".committee"));
            uint256[] memory seats = vm.parseJsonUintArray(json, _committee(i, ".seats"));
            uint256[] memory members = vm.parseJsonUintArray(json, _committee(i, ".members"));
            assertEq(members.length, seats[1] - seats[0]);
            // A few of each: an index costs as much here as a transaction.
            for (uint256 m = 0; m < members.length; m += 10) {
                uint256 seat = Shuffle.unshuffled(members[m], stations, word(".rosterSeed"));
                assertEq(seat, seats[0] + m);
                assertEq(Committees.ofSeat(seat, stations, count), committee);
            }
            uint256[] memory drawn = vm.parseJsonUintArray(json, _committee(i, ".tasks"));
            assertEq(drawn.length, each);
            for (uint256 k = 0; k < each; k += 10) {
                uint256 place = Committees.taskPlace(committee, k, each, tasks);
                assertEq(Shuffle.shuffled(place, tasks, word(".taskSeed")), drawn[k]);
            }
        }
    }

    function _committee(uint256 index, string memory key) private view returns (string memory) {
        return string.concat(path, entryOf(".committees", index), key);
    }
}
