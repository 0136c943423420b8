// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";

import {Rewards} from "../src/Rewards.sol";
import {Rounds} from "../src/Rounds.sol";
import {IBeacon} from "../src/beacon/IBeacon.sol";
import {IRewards} from "../src/interfaces/IRewards.sol";
import {IRounds} from "../src/interfaces/IRounds.sol";
import {Committees} from "../src/libraries/Committees.sol";
import {Shuffle} from "../src/libraries/Shuffle.sol";
import {RoundsFixture} from "./RoundsFixture.sol";
import {TrustingBeacon} from "./mocks/TrustingBeacon.sol";

/// @notice The vectors of `docs/vectors/v1`, against which the Rust crates are tested too.
contract VectorsTest is RoundsFixture {
    string private json;
    string private path;

    function test_seeds() public {
        uint256 checked;
        for (uint256 i = 0; _at("seeds", 3, i); ++i) {
            bytes32 seed = _word(".seed");
            assertEq(Committees.rosterSeed(seed), _word(".rosterSeed"));
            assertEq(Committees.taskSeed(seed), _word(".taskSeed"));
            // The contract reaches a round only by opening all earlier ones.
            if (_number(".round") > 10) continue;
            uint256 before = vm.snapshotState();
            vm.chainId(_number(".chainId"));
            assertEq(_seedOf(uint64(_number(".round")), _address(".rounds"), _word(".randomness")), seed);
            vm.revertToState(before);
            ++checked;
        }
        assertEq(checked, 2);
    }

    function test_shuffle() public {
        for (uint256 i = 0; _at("shuffle", 11, i); ++i) {
            uint256[] memory mapping_ = vm.parseJsonUintArray(json, string.concat(path, ".mapping"));
            assertEq(mapping_.length, _number(".count"));
            for (uint256 place = 0; place < mapping_.length; ++place) {
                _checkShuffle(_word(".seed"), mapping_.length, place, mapping_[place]);
            }
        }
        for (uint256 i = 0; _at("single-shuffle", 5, i); ++i) {
            _checkShuffle(_word(".seed"), _number(".count"), _number(".place"), _number(".entry"));
        }
    }

    function test_assignment() public {
        for (uint256 i = 0; _at("assignment", 11, i); ++i) {
            _checkAssignment();
        }
    }

    function test_trees() public {
        string[4] memory names = ["roster", "tasks", "rewards", "accepted"];
        uint8[4] memory counts = [5, 6, 5, 5];
        for (uint256 file = 0; file < names.length; ++file) {
            for (uint256 i = 0; _at(names[file], counts[file], i); ++i) {
                bytes32 root = _word(".root");
                bytes32[] memory leaves = vm.parseJsonBytes32Array(json, string.concat(path, ".leaves"));
                if (leaves.length == 0) assertEq(root, 0);
                for (uint256 leaf = 0; leaf < leaves.length; ++leaf) {
                    string memory key = string.concat(path, ".proofs[", vm.toString(leaf), "]");
                    assertTrue(MerkleProof.verify(vm.parseJsonBytes32Array(json, key), root, leaves[leaf]));
                }
            }
        }
    }

    /// @dev The contract's own encoding of accepted leaves and of rewards, as in its claims and challenges.
    function test_leaves() public {
        for (uint256 i = 1; _at("accepted", 5, i); ++i) {
            uint256[] memory entry = vm.parseJsonUintArray(json, string.concat(path, ".entries[0]"));
            bytes32 leaf = keccak256(abi.encode(uint64(entry[0]), entry[1], entry[2], entry[3]));
            assertEq(keccak256(bytes.concat(leaf)), _word(".leaves[0]"));
        }
        for (uint256 i = 1; _at("rewards", 5, i); ++i) {
            bytes32 leaf = keccak256(abi.encode(_address(".entries[0][0]"), _number(".entries[0][1]")));
            assertEq(keccak256(bytes.concat(leaf)), _word(".leaves[0]"));
        }
    }

    function test_settlement() public {
        vm.chainId(314);
        address evaluator = makeAddr("evaluator");
        address[] memory set = new address[](1);
        set[0] = evaluator;
        for (uint256 i = 0; _at("settlement", 2, i); ++i) {
            Rewards rewards = Rewards(payable(_address(".rewards")));
            if (i == 0) {
                deployCodeTo(
                    "Rewards.sol:Rewards",
                    abi.encode(IRounds(address(rounds)), OWNER, STRANGER, STRANGER, 1 hours, 1 hours, 60_000, set, 1),
                    address(rewards)
                );
            } else {
                set[0] = _address(".evaluator");
                vm.prank(OWNER);
                rewards.setEvaluators(set, 1);
                vm.warp(block.timestamp + 1 hours);
            }
            (,, uint64 version) = rewards.evaluators();
            assertEq(version, _number(".evaluatorSet"));
            bytes32 digest = rewards.digestOf(_proposal());
            assertEq(digest, _word(".digest"));
            bytes memory signature = vm.parseJsonBytes(json, string.concat(path, ".signature"));
            assertEq(ECDSA.recover(digest, signature), _address(".evaluator"));
        }
    }

    function _proposal() private view returns (IRewards.Proposal memory) {
        return IRewards.Proposal({
            parent: uint64(_number(".parent")),
            firstRound: uint64(_number(".firstRound")),
            lastRound: uint64(_number(".lastRound")),
            root: _word(".root"),
            cumulativeTotal: _number(".cumulativeTotal"),
            acceptedRoot: _word(".acceptedRoot"),
            cid: vm.parseJsonBytes(json, string.concat(path, ".cid"))
        });
    }

    /// @dev The seed that `Rounds` at this address stores for a round whose beacon gives this randomness.
    function _seedOf(uint64 round, address at, bytes32 randomness) private returns (bytes32) {
        IBeacon beacon = new TrustingBeacon();
        deployCodeTo("Rounds.sol:Rounds", abi.encode(beacon, OWNER, COORDINATOR, defaultParameters()), at);
        rounds = Rounds(at);
        uint64 opened;
        while (opened < round) {
            opened = open(1, 1);
            vm.warp(rounds.getRound(opened).closesAt);
        }
        vm.mockCall(address(beacon), abi.encodeWithSelector(IBeacon.verify.selector), abi.encode(randomness));
        return reveal(round);
    }

    function _checkShuffle(bytes32 seed, uint256 count, uint256 place, uint256 entry) private view {
        assertEq(Shuffle.shuffled(place, count, seed), entry);
        assertEq(Shuffle.unshuffled(entry, count, seed), place);
    }

    function _checkAssignment() private view {
        (uint256 stations, uint256 tasks) = (_number(".stations"), _number(".tasks"));
        uint256 count = Committees.count(stations, tasks, _number(".maxCommitteeSize"));
        uint256 each = Committees.tasksPerCommittee(
            count, stations, tasks, _number(".targetMeasurements"), _number(".maxTasksPerCommittee")
        );
        assertEq(count, _number(".committeeCount"));
        assertEq(each, _number(".tasksPerCommittee"));
        for (uint256 i = 0; vm.keyExistsJson(json, _committee(i, "")); ++i) {
            uint256 committee = vm.parseJsonUint(json, _committee(i, ".committee"));
            uint256[] memory seats = vm.parseJsonUintArray(json, _committee(i, ".seats"));
            uint256[] memory members = vm.parseJsonUintArray(json, _committee(i, ".members"));
            assertEq(members.length, seats[1] - seats[0]);
            // A few of each: an index costs as much here as a transaction.
            for (uint256 m = 0; m < members.length; m += 10) {
                uint256 seat = Shuffle.unshuffled(members[m], stations, _word(".rosterSeed"));
                assertEq(seat, seats[0] + m);
                assertEq(Committees.ofSeat(seat, stations, count), committee);
            }
            uint256[] memory drawn = vm.parseJsonUintArray(json, _committee(i, ".tasks"));
            assertEq(drawn.length, each);
            for (uint256 k = 0; k < each; k += 10) {
                uint256 place = Committees.taskPlace(committee, k, each, tasks);
                assertEq(Shuffle.shuffled(place, tasks, _word(".taskSeed")), drawn[k]);
            }
        }
    }

    /// @dev Selects a case of a file; false after the last.
    function _at(string memory name, uint256 count, uint256 index) private returns (bool) {
        if (index == count) {
            assertFalse(vm.keyExistsJson(json, string.concat(".cases[", vm.toString(count), "]")), "more cases");
            return false;
        }
        // forge-lint: disable-next-line(unsafe-cheatcode) reading is all that foundry.toml permits
        json = vm.readFile(string.concat("docs/vectors/v1/", name, ".json"));
        path = string.concat(".cases[", vm.toString(index), "]");
        assertEq(vm.parseJsonUint(json, ".version"), 1);
        return true;
    }

    function _committee(uint256 index, string memory key) private view returns (string memory) {
        return string.concat(path, ".committees[", vm.toString(index), "]", key);
    }

    function _word(string memory key) private view returns (bytes32) {
        return vm.parseJsonBytes32(json, string.concat(path, key));
    }

    function _number(string memory key) private view returns (uint256) {
        return vm.parseJsonUint(json, string.concat(path, key));
    }

    function _address(string memory key) private view returns (address) {
        return vm.parseJsonAddress(json, string.concat(path, key));
    }
}
