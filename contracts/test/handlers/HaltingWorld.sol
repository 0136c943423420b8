// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {IRewards} from "../../src/interfaces/IRewards.sol";
import {IRounds} from "../../src/interfaces/IRounds.sol";
import {RewardsTree} from "../../src/libraries/RewardsTree.sol";
import {RewardsFixture} from "../RewardsFixture.sol";

/// @title What honest parties do against thieves who want to halt settlement, and a model of what was earned
/// @notice An honest station earns the budget of each round with usable lists in which the honest publisher's batch counts.
abstract contract HaltingWorld is RewardsFixture {
    address internal immutable HONEST = makeAddr("honest station's operator");
    address internal immutable THIEF = makeAddr("thief");
    address internal immutable EVIL = makeAddr("evil publisher");

    /// @dev Lists of nobody, or of nothing: a round in which nobody can earn.
    mapping(uint64 round => bool) internal isUseless;
    /// @dev Of these, the roster cannot be read.
    mapping(uint64 round => bool) internal isBad;
    mapping(uint64 round => bool) private hasBatch;
    /// @dev Files that nobody can read.
    IRewards.File[] private unreadables;
    uint64[] private frauds;
    IRewards.Proposal[] private voidProposals;
    bytes[][] private voidSignatures;

    function setUp() public virtual override {
        super.setUp();
        // Nobody measured in the fixture's round.
        isUseless[1] = true;
        admit(EVIL);
        uint64 round = open(300, 2000);
        reveal(round);
        _defend();
    }

    /// @dev Honest parties act after every step of the thieves, before time passes.
    modifier defended() {
        _;
        _defend();
    }

    /* THE MODEL */

    function earnedUpTo(uint64 last) internal view returns (uint256 earned) {
        for (uint64 round = 1; round <= last; ++round) {
            if (hasBatch[round]) earned += BUDGET;
        }
    }

    /// @notice The right rewards tree of all rounds up to one.
    function treeOf(uint64 last) internal view returns (RewardsTree.Leaf[] memory) {
        uint256 earned = earnedUpTo(last);
        return earned == 0 ? new RewardsTree.Leaf[](0) : single(HONEST, earned);
    }

    function settledRound() internal view returns (uint64) {
        return lastRoundOf(rewards.head());
    }

    function promisedTotal() internal view returns (uint256) {
        uint64 head = rewards.head();
        return head == 0 ? 0 : rewards.getSettlement(head).proposal.cumulativeTotal;
    }

    function lastRoundOver() internal view returns (uint64 round) {
        round = rounds.latestRound();
        while (round > 0 && block.timestamp <= timesOf(round).dedupeFrom) --round;
    }

    function hasRoundsToSettle() internal view returns (bool) {
        return lastRoundOver() > settledRound();
    }

    /// @notice The round whose lists a round has.
    function sourceOf(uint64 round) internal view returns (uint64 source) {
        bytes memory inputs = abi.encode(rounds.getRound(round).inputs);
        source = round - 1;
        while (keccak256(abi.encode(rounds.getRound(source).inputs)) != keccak256(inputs)) --source;
    }

    /* WHAT THIEVES DO */

    /// @dev A round was opened; before anyone else, the thieves' publisher acts.
    function _opened(uint64 round, bool useless, bool bad, uint256 seed) internal {
        (isUseless[round], isBad[round]) = (useless, bad);
        if (bad) {
            unreadables.push(IRewards.File({round: round, kind: IRounds.FileKind.Roster, index: 0}));
        }
        reveal(round);
        if (seed / 8 % 2 == 0) _squat(round, round);
        if (seed / 16 % 4 == 0) _garbage(round, seed);
    }

    function _squat(uint64 round, uint64 batchOf) internal {
        bytes memory batch = _batchOf(batchOf);
        bytes memory cid = cidOf(batch);
        bytes32 root = linesOf(batch);
        vm.prank(EVIL);
        try rounds.commit(round, cid, root, 1) returns (uint32 index) {
            // The root is of other lines than it says.
            unreadables.push(IRewards.File({round: round, kind: IRounds.FileKind.Lines, index: index}));
        } catch {}
    }

    function _garbage(uint64 round, uint256 seed) internal {
        bytes memory cid = cidOf(abi.encode(seed));
        bytes32 root = keccak256(abi.encode("garbage", seed));
        vm.prank(EVIL);
        try rounds.commit(round, cid, root, 100_000) returns (uint32 index) {
            unreadables.push(IRewards.File({round: round, kind: IRounds.FileKind.Lines, index: index}));
        } catch {}
    }

    function _noteFraud(uint64 id, IRewards.Proposal memory proposal, bytes[] memory signatures) internal {
        frauds.push(id);
        voidProposals.push(proposal);
        voidSignatures.push(signatures);
    }

    function _postAgain(uint256 seed) internal {
        if (voidProposals.length == 0) return;
        uint256 i = seed % voidProposals.length;
        vm.prank(THIEF);
        try rewards.post(voidProposals[i], voidSignatures[i]) {
            assertTrue(false, "posted again");
        } catch {}
    }

    function _try(address by, address target, bytes memory call) internal {
        vm.prank(by);
        (bool success,) = target.call(call);
        // Whatever comes of it is undone before it matters.
        success;
    }

    /* WHAT HONEST PARTIES DO */

    function _defend() internal {
        _guard();
        _publish();
        _object();
        _settle();
    }

    function _guard() private {
        vm.startPrank(GUARDIAN);
        for (uint256 i = 0; i < frauds.length; ++i) {
            if (rewards.statusOf(frauds[i]) == IRewards.Status.Pending) rewards.veto(frauds[i], "fraud");
        }
        delete frauds;
        (,,, uint64 at) = roles.nextEvaluators();
        if (at != 0) roles.cancelEvaluators();
        (, at) = roles.nextGuardian();
        if (at != 0) roles.cancelGuardian();
        (, at) = roles.nextChallengeWindow();
        if (at != 0) roles.cancelChallengeWindow();
        (, at) = rounds.nextParameters();
        if (at != 0) rounds.cancelParameters();
        (, at) = rounds.nextCoordinator();
        if (at != 0) rounds.cancelCoordinator();
        (at,) = rounds.admissionOf(OWNER);
        if (at != 0) rounds.cancelPublisher(OWNER);
        (, at) = rounds.admissionOf(PUBLISHER);
        if (at != type(uint40).max) rounds.cancelPublisher(PUBLISHER);
        if (rewards.endsAt() != 0) rewards.cancelEnd();
        if (isUseless[rounds.latestRound()] && rounds.coordinator() != address(0)) {
            rounds.suspendCoordinator(_lastUseful());
        }
        vm.stopPrank();
    }

    /// @dev In every round in which anything can be measured, whoever squats.
    function _publish() private {
        uint64 latest = rounds.latestRound();
        for (uint64 round = latest > 3 ? latest - 3 : 1; round <= latest; ++round) {
            if (isUseless[round] || hasBatch[round] || block.timestamp > timesOf(round).publishUntil) continue;
            commit(round, _batchOf(round));
            hasBatch[round] = true;
        }
    }

    /// @dev To what nobody can read, as soon as it is possible; `threshold` evaluators are honest.
    function _object() private {
        uint64 settled = settledRound();
        for (uint256 i = 0; i < unreadables.length; ++i) {
            IRewards.File memory file = unreadables[i];
            if (file.round <= settled || block.timestamp < timesOf(file.round).objectionsFrom) continue;
            IRewards.File[] memory files = new IRewards.File[](1);
            files[0] = file;
            for (uint256 e = 0; e < THRESHOLD; ++e) {
                vm.prank(evaluators[e]);
                try rewards.unreadable(files) {} catch {}
            }
            uint64 from = rewards.objectionsTo(file).dropsFrom;
            assertGt(from, 0, "cannot be dropped");
            if (block.timestamp >= from) rewards.drop(files);
        }
    }

    /// @dev All rounds that are over and of which everything that counts can be read.
    function _settle() private {
        uint64 settled = settledRound();
        uint64 last = settled;
        for (uint64 round = settled + 1; round <= lastRoundOver() && _isReadable(round); ++round) {
            last = round;
        }
        if (last == settled) return;
        RewardsTree.Leaf[] memory leaves = treeOf(last);
        IRewards.Proposal memory proposal = proposalOf(leaves);
        proposal.lastRound = last;
        post(proposal);
    }

    function _isReadable(uint64 round) private view returns (bool) {
        for (uint256 i = 0; i < unreadables.length; ++i) {
            if (unreadables[i].round == round && !isDropped(unreadables[i])) return false;
        }
        return true;
    }

    function _lastUseful() private view returns (uint64 round) {
        round = rounds.latestRound();
        while (isUseless[round]) --round;
    }

    function _batchOf(uint64 round) private pure returns (bytes memory) {
        return abi.encode("what honest stations measured", round);
    }
}
