// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {IRounds} from "../src/interfaces/IRounds.sol";
import {OwnInclusionFixture} from "./OwnInclusionFixture.sol";

/// @notice Whose seals are taken: those that a station of the roster signed, for tasks that it may have.
contract OwnInclusionChecksTest is OwnInclusionFixture {
    uint256 private constant ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141;

    bytes private report = "{\"round\":1}\n";

    function setUp() public override {
        super.setUp();
        reveal(openRoster(2000));
        (, uint256 tasks) = rounds.committeeCount(1);
        assertEq(tasks, 100);
    }

    /* SIGNATURES */

    function test_own_refusesAnothersSignature() public {
        IRounds.Seal memory signed = sealOf(1, 3, report);
        _expectNotSigned(signed, signSeal(signed, 2));
    }

    /// @dev No field can be changed after signing.
    function testFuzz_own_refusesWhatWasNotSigned(uint8 field, uint256 value) public {
        IRounds.Seal memory signed = sealOf(1, 3, report);
        bytes memory signature = signSeal(signed);
        field = uint8(bound(field, 0, 1));
        if (field == 0) signed.tasks = bound(value, 1, 2 ** 100 - 1);
        if (field == 1) signed.report = bytes32(value);
        vm.assume(signed.tasks != 7 || signed.report != sha256(report));
        _expectNotSigned(signed, signature);
    }

    /// @dev Neither in another round nor as another station.
    function test_own_refusesASealOfAnotherRound() public {
        IRounds.Seal memory signed = sealOf(1, 3, report);
        bytes memory signature = signSeal(signed);
        vm.warp(timesOf(1).closesAt);
        reveal(openRoster(2000));
        signed.round = 2;
        _expectNotSigned(signed, signature);
    }

    function test_own_refusesOtherFormsOfTheSignature() public {
        IRounds.Seal memory signed = sealOf(1, 3, report);
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(stationKeys[3], rounds.digestOf(signed));
        _expectNotSigned(signed, abi.encodePacked(r, bytes32(ORDER - uint256(s)), v == 27 ? uint8(28) : uint8(27)));
        _expectNotSigned(signed, abi.encodePacked(r, s, v - 27));
        _expectNotSigned(signed, abi.encodePacked(r, s));
        _expectNotSigned(signed, abi.encodePacked(r, s, v, uint8(0)));
        _expectNotSigned(signed, "");
        _expectNotSigned(signed, new bytes(65));
        sealOwn(signed, abi.encodePacked(r, s, v));
    }

    function test_own_refusesSignaturesForAnotherChainOrContract() public {
        IRounds.Seal memory signed = sealOf(1, 3, report);
        bytes memory signature = signSeal(signed);
        uint256 chain = block.chainid;
        vm.chainId(314);
        _expectNotSigned(signed, signature);
        vm.chainId(chain);
        rounds = deployRounds(rounds.BEACON());
        reveal(openRoster(2000));
        _expectNotSigned(signed, signature);
    }

    /// @dev A roster may not list the zero address; if one does, not even that station has signed anything.
    function test_own_refusesTheZeroStation() public {
        stations[3].station = address(0);
        vm.warp(timesOf(1).closesAt);
        reveal(openRoster(2000));
        IRounds.Seal memory signed = sealOf(2, 3, report);
        _expectNotSigned(signed, "");
        _expectNotSigned(signed, new bytes(65));
    }

    /* THE ROSTER */

    function test_own_refusesWrongRosterProofs() public {
        IRounds.Seal memory signed = sealOf(1, 3, report);
        bytes32[] memory proof = rosterProofOf(3);
        IRounds.Station[4] memory entries = [stations[3], stations[3], stations[3], stations[2]];
        entries[0].station = STRANGER;
        entries[1].operator = STRANGER;
        entries[2].subnet = "another";
        for (uint256 i = 0; i < entries.length; ++i) {
            _expectNotInRoster(signed, entries[i], proof);
        }
        _expectNotInRoster(signed, stations[3], rosterProofOf(2));
        _expectNotInRoster(signed, stations[3], new bytes32[](0));
        proof[0] = ~proof[0];
        _expectNotInRoster(signed, stations[3], proof);
    }

    /// @dev A station is at one index: it cannot commit in another's place.
    function test_own_refusesAnotherIndex() public {
        IRounds.Seal memory signed = sealOf(1, 3, report);
        signed.station = 2;
        bytes memory signature = signSeal(signed, 3);
        IRounds.Station memory entry = stations[3];
        bytes32[] memory proof = rosterProofOf(3);
        vm.expectRevert(abi.encodeWithSelector(IRounds.NotInRoster.selector, 1, 2));
        rounds.sealOwn(signed, signature, entry, proof);
    }

    function test_own_refusesTheRosterOfAnotherRound() public {
        vm.warp(timesOf(1).closesAt);
        open(STATIONS, 2000);
        IRounds.Seal memory signed = sealOf(2, 3, report);
        _expectNotInRoster(signed, stations[3], rosterProofOf(3));
    }

    function test_own_refusesAnotherOperator() public {
        IRounds.Seal memory signed = sealOf(1, 3, report);
        signed.operator = stations[2].operator;
        _expectRefused(
            signed, abi.encodeWithSelector(IRounds.WrongOperator.selector, stations[3].operator, stations[2].operator)
        );
    }

    function test_own_refusesUnknownRounds() public {
        IRounds.Seal memory signed = sealOf(2, 3, report);
        _expectRefused(signed, abi.encodeWithSelector(IRounds.NoSuchRound.selector, 2, 1));
        signed.round = 0;
        _expectRefused(signed, abi.encodeWithSelector(IRounds.NoSuchRound.selector, 0, 1));
    }

    /* TASKS */

    function test_own_refusesTasksOutOfRange() public {
        uint256[4] memory wrong = [uint256(0), 1 << 100, 1 << 255, type(uint256).max];
        for (uint256 i = 0; i < wrong.length; ++i) {
            IRounds.Seal memory signed = sealOf(1, 3, report);
            signed.tasks = wrong[i];
            _expectRefused(signed, abi.encodeWithSelector(IRounds.NoSuchTasks.selector, wrong[i], 100));
        }
        IRounds.Seal memory all = sealOf(1, 3, report);
        all.tasks = 2 ** 100 - 1;
        sealOwn(all);
    }

    function testFuzz_own_takesTheTasksOfACommittee(uint256 tasks) public {
        IRounds.Seal memory signed = sealOf(1, 3, report);
        signed.tasks = tasks >> (tasks % 256);
        if (signed.tasks != 0 && signed.tasks < 2 ** 100) {
            commitOwn(signed, report);
        } else {
            _expectRefused(signed, abi.encodeWithSelector(IRounds.NoSuchTasks.selector, signed.tasks, 100));
        }
    }

    /// @dev With the most tasks that a committee can have, every bit is one.
    function test_own_takes256Tasks() public {
        IRounds.Parameters memory parameters = defaultParameters();
        parameters.maxTasksPerCommittee = 256;
        setParameters(parameters);
        reveal(openRoster(256));
        (, uint256 tasks) = rounds.committeeCount(2);
        assertEq(tasks, 256);
        IRounds.Seal memory signed = sealOf(2, 3, report);
        signed.tasks = 0;
        _expectRefused(signed, abi.encodeWithSelector(IRounds.NoSuchTasks.selector, 0, 256));
        signed.tasks = type(uint256).max;
        sealOwn(signed);
        signed.tasks = 1 << 255;
        commitOwn(signed, report);

        // One fewer.
        vm.warp(timesOf(2).closesAt);
        reveal(openRoster(255));
        signed = sealOf(3, 3, report);
        signed.tasks = 1 << 255;
        _expectRefused(signed, abi.encodeWithSelector(IRounds.NoSuchTasks.selector, signed.tasks, 255));
        signed.tasks = 1 << 254;
        commitOwn(signed, report);
    }

    function test_own_refusesARoundWithoutTasks() public {
        vm.warp(timesOf(1).closesAt);
        reveal(openRoster(0));
        IRounds.Seal memory signed = sealOf(2, 3, report);
        _expectRefused(signed, abi.encodeWithSelector(IRounds.NoSuchTasks.selector, 7, 0));
    }

    /* HELPERS */

    function externalSeal(IRounds.Seal calldata signed, bytes calldata signature) external {
        sealOwn(signed, signature);
    }

    function externalCommit(IRounds.Seal calldata signed, bytes calldata signature) external {
        commitOwn(signed, signature, report);
    }

    /// @dev Both ways.
    function _expectRefused(IRounds.Seal memory signed, bytes memory reason) private {
        bytes memory signature = signSeal(signed);
        vm.expectRevert(reason);
        this.externalSeal(signed, signature);
        vm.expectRevert(reason);
        this.externalCommit(signed, signature);
    }

    function _expectNotSigned(IRounds.Seal memory signed, bytes memory signature) private {
        bytes memory reason = abi.encodeWithSelector(IRounds.NotSigned.selector, stations[signed.station].station);
        vm.expectRevert(reason);
        this.externalSeal(signed, signature);
        vm.expectRevert(reason);
        this.externalCommit(signed, signature);
    }

    function _expectNotInRoster(IRounds.Seal memory signed, IRounds.Station memory entry, bytes32[] memory proof)
        private
    {
        bytes memory signature = signSeal(signed);
        vm.expectRevert(abi.encodeWithSelector(IRounds.NotInRoster.selector, signed.round, signed.station));
        rounds.sealOwn(signed, signature, entry, proof);
        vm.expectRevert(abi.encodeWithSelector(IRounds.NotInRoster.selector, signed.round, signed.station));
        rounds.commitOwn(signed, signature, entry, proof, report);
    }
}
