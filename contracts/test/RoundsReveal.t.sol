// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {DrandBeacon} from "../src/beacon/DrandBeacon.sol";
import {IBeacon} from "../src/beacon/IBeacon.sol";
import {IRounds} from "../src/interfaces/IRounds.sol";
import {RoundsFixture} from "./RoundsFixture.sol";

contract RoundsRevealTest is RoundsFixture {
    function test_reveal_storesTheSeed() public {
        open(300, 2000);
        bytes32 randomness = sha256(abi.encodePacked(uint64(20_000_051), bytes("signature")));
        bytes32 seed =
            sha256(abi.encodePacked("assize/seed/v1", uint256(block.chainid), address(rounds), uint64(1), randomness));
        vm.expectEmit(address(rounds));
        emit IRounds.SeedRevealed(1, 20_000_051, randomness, seed);
        vm.prank(STRANGER);
        assertEq(rounds.reveal(1, "signature"), seed);
        assertEq(rounds.getRound(1).seed, seed);
    }

    function test_reveal_happensOnce() public {
        open(300, 2000);
        reveal(1);
        vm.expectRevert(abi.encodeWithSelector(IRounds.AlreadyRevealed.selector, 1));
        reveal(1);
    }

    function test_reveal_endsWithTheCommitWindow() public {
        open(300, 2000);
        uint64 commitsUntil = timesOf(1).commitsUntil;
        vm.warp(commitsUntil + 1);
        vm.expectRevert(abi.encodeWithSelector(IRounds.WindowOver.selector, 1, commitsUntil, commitsUntil + 1));
        reveal(1);
        vm.warp(commitsUntil);
        reveal(1);
    }

    function test_reveal_refusesUnknownRounds() public {
        vm.expectRevert(abi.encodeWithSelector(IRounds.NoSuchRound.selector, 0, 0));
        reveal(0);
        vm.expectRevert(abi.encodeWithSelector(IRounds.NoSuchRound.selector, 1, 0));
        reveal(1);
    }

    /// @dev A real round: opened on quicknet's schedule, seeded by the beacon that quicknet published then.
    function test_reveal_verifiesARecordedBeacon() public {
        rounds = deployRounds(new DrandBeacon(QUICKNET_KEY, QUICKNET_GENESIS, QUICKNET_PERIOD));
        BeaconCase[] memory cases = beacons();
        for (uint256 i = 0; i < cases.length; ++i) {
            if (cases[i].round < 10_000_000) continue;
            if (rounds.latestRound() > 0 && publishedAt(cases[i].round) < block.timestamp + 1351) continue;
            vm.warp(publishedAt(cases[i].round) - 151);
            uint64 round = open(300, 2000);
            assertEq(rounds.getRound(round).beaconRound, cases[i].round);

            vm.expectRevert(abi.encodeWithSelector(IBeacon.WrongSignature.selector, cases[i].round));
            rounds.reveal(round, cases[0].signature);
            bytes32 seed = rounds.reveal(round, cases[i].signature);
            assertEq(
                seed,
                sha256(
                    abi.encodePacked(
                        "assize/seed/v1",
                        block.chainid,
                        address(rounds),
                        round,
                        sha256(compressedOf(cases[i].signature))
                    )
                )
            );
        }
        assertGe(rounds.latestRound(), 5);
    }
}
