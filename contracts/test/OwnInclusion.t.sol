// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {Vm} from "forge-std/Vm.sol";

import {IRounds} from "../src/interfaces/IRounds.sol";
import {OwnInclusionFixture} from "./OwnInclusionFixture.sol";

/// @notice What stations commit themselves: recorded once, in time, and readable from the events.
/// forge-config: ci.fuzz.runs = 256
contract OwnInclusionTest is OwnInclusionFixture {
    IRounds.FileKind private constant SEALS = IRounds.FileKind.Seals;
    IRounds.FileKind private constant LINES = IRounds.FileKind.Lines;
    uint256 private constant MAX_REPORT = 49_152;

    bytes private report = "{\"round\":1}\n";

    /* SEALS */

    function test_sealOwn_records() public {
        openRoster(2000);
        IRounds.Seal memory signed = sealOf(1, 3, report);
        bytes memory signature = signSeal(signed);
        vm.expectEmit(address(rounds));
        emit IRounds.OwnSealed(1, 3, signed, signature);
        vm.prank(STRANGER);
        this.externalSeal(signed, signature);
        sealOwn(sealOf(1, 0, report));
        assertEq(rounds.ownCount(1, SEALS), 2);
        assertEq(rounds.ownCount(1, LINES), 0);
        IRounds.Own[] memory page = rounds.own(1, SEALS, 0, 10);
        assertEq(page.length, 2);
        assertEq(page[0].station, 3);
        assertEq(page[0].digest, _hashOf(signed));
        assertEq(page[1].station, 0);
        assertEq(page[1].digest, _hashOf(sealOf(1, 0, report)));
    }

    /// @dev EIP-712 by hand, so that stations in other languages sign the same bytes.
    function test_digestOf_isEip712() public view {
        IRounds.Seal memory signed = sealOf(12, 3, report);
        bytes32 domain = keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256("Assize"),
                keccak256("2"),
                block.chainid,
                address(rounds)
            )
        );
        assertEq(rounds.digestOf(signed), keccak256(abi.encodePacked(hex"1901", domain, _hashOf(signed))));
    }

    function test_sealOwn_untilTheLastSecond() public {
        openRoster(2000);
        uint64 until = timesOf(1).ownSealsUntil;
        assertEq(until, START + 1200 + 360);
        vm.warp(until);
        sealOwn(sealOf(1, 0, report));
        vm.warp(until + 1);
        _expectSealRefused(
            sealOf(1, 1, report), abi.encodeWithSelector(IRounds.WindowOver.selector, 1, until, until + 1)
        );
    }

    /// @dev Not with other tasks or another report either: the first counts.
    function test_sealOwn_once() public {
        openRoster(2000);
        sealOwn(sealOf(1, 0, report));
        bytes memory reason = abi.encodeWithSelector(IRounds.OwnAlready.selector, 1, 0);
        _expectSealRefused(sealOf(1, 0, report), reason);
        _expectSealRefused(sealOf(1, 0, "another report"), reason);
        // Others, and the same station in the next round, are not concerned.
        sealOwn(sealOf(1, 1, report));
        vm.warp(timesOf(1).closesAt);
        openRoster(2000);
        sealOwn(sealOf(2, 0, report));
    }

    /* REPORTS */

    function test_commitOwn_records() public {
        _openRevealed(2000);
        IRounds.Seal memory signed = sealOf(1, 3, report);
        bytes memory signature = signSeal(signed);
        vm.expectEmit(address(rounds));
        emit IRounds.OwnCommitted(1, 3, signed, signature);
        vm.expectEmit(address(rounds));
        emit IRounds.OwnPiece(1, 3, 0, report);
        vm.prank(STRANGER);
        this.externalCommit(signed, signature, report);
        assertEq(rounds.ownCount(1, LINES), 1);
        assertEq(rounds.ownCount(1, SEALS), 0);
        IRounds.Own[] memory page = rounds.own(1, LINES, 0, 10);
        assertEq(page[0].station, 3);
        assertEq(page[0].digest, sha256(report));
    }

    /// @dev With a seal that another publisher committed, its own seal, or none.
    function test_commitOwn_needsNoSeal() public {
        _openRevealed(2000);
        sealOwn(sealOf(1, 0, report));
        commitOwn(sealOf(1, 0, report), report);
        commitOwn(sealOf(1, 1, report), report);
        sealOwn(sealOf(1, 1, report));
        assertEq(rounds.ownCount(1, LINES), 2);
        assertEq(rounds.ownCount(1, SEALS), 2);
    }

    function test_commitOwn_untilTheLastSecond() public {
        _openRevealed(2000);
        vm.warp(timesOf(1).publishUntil + 1);
        // Publishers are late.
        vm.expectRevert();
        this.externalPublish();
        uint64 until = timesOf(1).commitsUntil;
        assertEq(until, START + 1200 + 1620);
        vm.warp(until);
        commitOwn(sealOf(1, 0, report), report);
        vm.warp(until + 1);
        _expectCommitRefused(
            sealOf(1, 1, report), report, abi.encodeWithSelector(IRounds.WindowOver.selector, 1, until, until + 1)
        );
    }

    function test_commitOwn_once() public {
        _openRevealed(2000);
        commitOwn(sealOf(1, 0, report), report);
        bytes memory reason = abi.encodeWithSelector(IRounds.OwnAlready.selector, 1, 0);
        _expectCommitRefused(sealOf(1, 0, report), report, reason);
        _expectCommitRefused(sealOf(1, 0, "another"), "another", reason);
        commitOwn(sealOf(1, 1, report), report);
    }

    function test_commitOwn_needsTheSeed() public {
        openRoster(2000);
        _expectCommitRefused(sealOf(1, 0, report), report, abi.encodeWithSelector(IRounds.NotRevealed.selector, 1));
        reveal(1);
        commitOwn(sealOf(1, 0, report), report);
    }

    function test_commitOwn_refusesAnotherReport() public {
        _openRevealed(2000);
        IRounds.Seal memory signed = sealOf(1, 0, report);
        bytes memory reason = abi.encodeWithSelector(IRounds.WrongReport.selector, signed.report);
        _expectCommitRefused(signed, "another", reason);
        _expectCommitRefused(signed, bytes.concat(report, "\n"), reason);
        commitOwn(signed, report);
    }

    function test_commitOwn_limitsTheReport() public {
        _openRevealed(2000);
        bytes memory most = new bytes(MAX_REPORT);
        commitOwn(sealOf(1, 0, most), most);
        bytes memory tooLong = new bytes(MAX_REPORT + 1);
        _expectCommitRefused(
            sealOf(1, 1, tooLong),
            tooLong,
            abi.encodeWithSelector(IRounds.ReportLength.selector, MAX_REPORT + 1, MAX_REPORT)
        );
        _expectCommitRefused(sealOf(1, 1, ""), "", abi.encodeWithSelector(IRounds.ReportLength.selector, 0, MAX_REPORT));
    }

    /// @dev Filecoin's events hold 8 KiB, so the bytes come in pieces, in order.
    function test_commitOwn_emitsEveryByte() public {
        uint256[8] memory lengths = [uint256(1), 7999, 8000, 8001, 16_000, 24_001, 49_151, 49_152];
        for (uint256 i = 0; i < lengths.length; ++i) {
            _checkPieces(_random(i, lengths[i]));
        }
    }

    function testFuzz_commitOwn_emitsEveryByte(uint256 seed, uint256 length) public {
        _checkPieces(_random(seed, bound(length, 1, MAX_REPORT)));
    }

    function testFuzz_own_pagesThroughAll(uint32 total, uint32 start, uint32 limit) public {
        total = uint32(bound(total, 0, STATIONS));
        start = uint32(bound(start, 0, 8));
        _openRevealed(2000);
        for (uint32 i = 0; i < total; ++i) {
            commitOwn(sealOf(1, STATIONS - 1 - i, report), report);
        }
        IRounds.Own[] memory page = rounds.own(1, LINES, start, limit);
        uint256 rest = start < total ? total - start : 0;
        assertEq(page.length, limit < rest ? limit : rest);
        for (uint256 i = 0; i < page.length; ++i) {
            assertEq(page[i].station, STATIONS - 1 - start - i);
        }
    }

    /* HELPERS */

    function externalSeal(IRounds.Seal calldata signed, bytes calldata signature) external {
        sealOwn(signed, signature);
    }

    function externalCommit(IRounds.Seal calldata signed, bytes calldata signature, bytes calldata content) external {
        commitOwn(signed, signature, content);
    }

    function externalPublish() external {
        commit(1, "batch");
    }

    function _openRevealed(uint32 tasks) private {
        reveal(openRoster(tasks));
    }

    function _expectSealRefused(IRounds.Seal memory signed, bytes memory reason) private {
        bytes memory signature = signSeal(signed);
        vm.expectRevert(reason);
        this.externalSeal(signed, signature);
    }

    function _expectCommitRefused(IRounds.Seal memory signed, bytes memory content, bytes memory reason) private {
        bytes memory signature = signSeal(signed);
        vm.expectRevert(reason);
        this.externalCommit(signed, signature, content);
    }

    function _checkPieces(bytes memory content) private {
        uint256 before = vm.snapshotState();
        _openRevealed(2000);
        IRounds.Seal memory signed = sealOf(1, 2, content);
        bytes memory signature = signSeal(signed);
        vm.recordLogs();
        commitOwn(signed, signature, content);
        Vm.Log[] memory logs = vm.getRecordedLogs();
        assertEq(logs.length, 1 + (content.length + 7999) / 8000);
        bytes memory joined;
        for (uint256 i = 1; i < logs.length; ++i) {
            assertEq(logs[i].topics[0], IRounds.OwnPiece.selector);
            assertEq(uint256(logs[i].topics[1]), 1);
            assertEq(uint256(logs[i].topics[2]), 2);
            (uint256 at, bytes memory piece) = abi.decode(logs[i].data, (uint256, bytes));
            assertEq(at, joined.length);
            assertLe(piece.length, 8000);
            // What an event of Filecoin holds.
            assertLe(logs[i].data.length, 8192);
            joined = bytes.concat(joined, piece);
        }
        assertEq(joined, content);
        vm.revertToState(before);
    }

    function _random(uint256 seed, uint256 length) private pure returns (bytes memory content) {
        content = new bytes(length);
        for (uint256 at = 0; at < length; at += 32) {
            bytes32 word = keccak256(abi.encode(seed, at));
            for (uint256 i = at; i < length && i < at + 32; ++i) {
                content[i] = word[i - at];
            }
        }
    }

    function _hashOf(IRounds.Seal memory signed) private pure returns (bytes32) {
        return keccak256(
            abi.encode(
                keccak256("Seal(uint64 round,uint32 station,address operator,uint256 tasks,bytes32 report)"),
                signed.round,
                signed.station,
                signed.operator,
                signed.tasks,
                signed.report
            )
        );
    }
}
