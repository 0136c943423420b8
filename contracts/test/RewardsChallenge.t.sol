// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {IRewards} from "../src/interfaces/IRewards.sol";
import {IRounds} from "../src/interfaces/IRounds.sol";
import {RewardsFixture} from "./RewardsFixture.sol";
import {MerkleTree} from "./utils/MerkleTree.sol";

/// forge-config: ci.fuzz.runs = 1000
contract RewardsChallengeTest is RewardsFixture {
    uint32 private constant STATIONS = 130;
    uint32 private constant TASKS = 2000;
    uint256 private constant COMMITTEES = 2;
    uint256 private constant TASKS_PER_COMMITTEE = 100;
    /// @dev The round whose roster has proofs.
    uint64 private constant ROUND = 2;

    bytes32[] private roster;

    function setUp() public override {
        super.setUp();
        for (uint256 i = 0; i < STATIONS; ++i) {
            roster.push(MerkleTree.hashOf(abi.encode(_entry(i))));
        }
        _playRound(STATIONS, TASKS, true);
        assertEq(rounds.latestRound(), ROUND);
        (uint256 committees, uint256 perCommittee) = rounds.committeeCount(ROUND);
        assertEq(committees, COMMITTEES);
        assertEq(perCommittee, TASKS_PER_COMMITTEE);
    }

    /* MEMBERSHIP */

    function test_challengeMembership_byAStrangerVoidsTheSettlement() public {
        IRewards.Accepted memory accepted = _misplaced(17, 5);
        uint64 settlement = _post(accepted);
        uint256 task = rounds.taskAt(ROUND, accepted.committee, 5);
        vm.expectEmit(address(rewards));
        emit IRewards.MembershipDisproved(
            settlement,
            settlement,
            STRANGER,
            accepted,
            _entry(17).station,
            _entry(17).operator,
            task,
            1 - accepted.committee
        );
        _challengeMembership(settlement, accepted);
        assertStatus(settlement, IRewards.Status.Void);
        assertEq(rewards.head(), 0);
        vm.warp(block.timestamp + 365 days);
        assertStatus(settlement, IRewards.Status.Void);
    }

    function test_challengeMembership_voidsDescendantsAndSparesAncestors() public {
        _post(_honest(0, 0));
        playRound();
        // Round 2 belongs to the first settlement; a leaf of it in the second is still fraud.
        IRewards.Accepted memory accepted = _misplaced(99, 0);
        _post(accepted);
        playRound();
        _post(_honest(1, 0));
        playRound();
        _post(_honest(2, 0));
        uint256 task = rounds.taskAt(ROUND, accepted.committee, 0);
        vm.expectEmit(address(rewards));
        emit IRewards.MembershipDisproved(
            2, 4, STRANGER, accepted, _entry(99).station, _entry(99).operator, task, 1 - accepted.committee
        );
        _challengeMembership(2, accepted);
        assertEq(rewards.head(), 1);
        assertStatus(1, IRewards.Status.Pending);
        for (uint64 id = 2; id <= 4; ++id) {
            assertStatus(id, IRewards.Status.Void);
        }
        // The chain continues from what remains of it.
        IRewards.Proposal memory proposal = _proposal(_honest(0, 0));
        assertEq(proposal.parent, 1);
        assertEq(proposal.firstRound, ROUND + 1);
        assertEq(post(proposal), 5);
        vm.warp(rewards.getSettlement(5).activeAt);
        assertStatus(1, IRewards.Status.Active);
        assertStatus(2, IRewards.Status.Void);
        assertStatus(5, IRewards.Status.Active);
    }

    /// @dev The contract against the definition: fraud is what contradicts `committeeOf`, and nothing else.
    function testFuzz_challengeMembership_succeedsOnFraudAlone(uint256 station, uint256 committee, uint256 k) public {
        IRewards.Accepted memory accepted = IRewards.Accepted({
            round: ROUND,
            station: bound(station, 0, STATIONS - 1),
            committee: bound(committee, 0, COMMITTEES - 1),
            k: bound(k, 0, TASKS_PER_COMMITTEE - 1)
        });
        uint64 settlement = _post(accepted);
        (uint256 seatedIn, uint256 seat) = rounds.committeeOf(ROUND, accepted.station);
        if (seatedIn == accepted.committee) {
            _refuseMembership(settlement, accepted, abi.encodeWithSelector(IRewards.NotFraud.selector, seatedIn, seat));
            assertStatus(settlement, IRewards.Status.Pending);
        } else {
            _challengeMembership(settlement, accepted);
            assertStatus(settlement, IRewards.Status.Void);
        }
    }

    function test_challengeMembership_neverVoidsAnHonestSettlement() public {
        IRewards.Accepted[] memory accepted = new IRewards.Accepted[](STATIONS);
        bytes32[] memory leaves = new bytes32[](STATIONS);
        for (uint256 i = 0; i < STATIONS; ++i) {
            accepted[i] = _honest(i, i % TASKS_PER_COMMITTEE);
            leaves[i] = _hash(accepted[i]);
        }
        IRewards.Proposal memory proposal = proposalOf(single(STRANGER, 1));
        proposal.acceptedRoot = MerkleTree.rootOf(leaves);
        post(proposal);
        for (uint256 i = 0; i < STATIONS; ++i) {
            bytes32[] memory proof = MerkleTree.proofOf(leaves, i);
            bytes32[] memory rosterProof = MerkleTree.proofOf(roster, i);
            (uint256 committee, uint256 seat) = rounds.committeeOf(ROUND, i);
            vm.expectRevert(abi.encodeWithSelector(IRewards.NotFraud.selector, committee, seat));
            rewards.challengeMembership(1, accepted[i], proof, _entry(i), rosterProof, seat);
            vm.expectRevert(_error(IRewards.CanExist.selector, accepted[i]));
            rewards.challengeExistence(1, accepted[i], proof);
            // Nor with a leaf that is not in the settlement.
            accepted[i].committee = 1 - committee;
            vm.expectRevert(_error(IRewards.NotAccepted.selector, accepted[i]));
            rewards.challengeMembership(1, accepted[i], proof, _entry(i), rosterProof, seat);
        }
        assertStatus(1, IRewards.Status.Pending);
        assertEq(rewards.head(), 1);
    }

    function test_challengeMembership_refusesWrongAcceptedProofs() public {
        IRewards.Accepted memory accepted = _misplaced(17, 5);
        uint64 settlement = _post(accepted);
        (bytes32[] memory rosterProof, uint256 seat) = _seated(17);
        bytes32[][2] memory wrong = [MerkleTree.proofOf(_leaves(accepted), 1), new bytes32[](0)];
        for (uint256 i = 0; i < wrong.length; ++i) {
            vm.expectRevert(_error(IRewards.NotAccepted.selector, accepted));
            rewards.challengeMembership(settlement, accepted, wrong[i], _entry(17), rosterProof, seat);
        }
        // Another leaf with the right leaf's proof.
        IRewards.Accepted memory other = _misplaced(17, 6);
        bytes32[] memory proof = _acceptedProof(accepted);
        vm.expectRevert(_error(IRewards.NotAccepted.selector, other));
        rewards.challengeMembership(settlement, other, proof, _entry(17), rosterProof, seat);
        vm.expectRevert(_error(IRewards.NotAccepted.selector, other));
        rewards.challengeExistence(settlement, other, proof);
        assertStatus(settlement, IRewards.Status.Pending);
    }

    function test_challengeMembership_refusesASettlementThatAcceptedNothing() public {
        IRewards.Proposal memory proposal = proposalOf(single(STRANGER, 1));
        proposal.acceptedRoot = 0;
        post(proposal);
        IRewards.Accepted memory accepted = _misplaced(17, 5);
        (bytes32[] memory rosterProof, uint256 seat) = _seated(17);
        vm.expectRevert(_error(IRewards.NotAccepted.selector, accepted));
        rewards.challengeMembership(1, accepted, new bytes32[](0), _entry(17), rosterProof, seat);
    }

    function test_challengeMembership_refusesWrongRosterProofs() public {
        IRewards.Accepted memory accepted = _misplaced(17, 5);
        uint64 settlement = _post(accepted);
        bytes32[] memory proof = _acceptedProof(accepted);
        (bytes32[] memory rosterProof, uint256 seat) = _seated(17);
        bytes memory reason = abi.encodeWithSelector(IRewards.NotInRoster.selector, ROUND, 17);

        IRewards.RosterEntry[4] memory entries = [_entry(17), _entry(17), _entry(17), _entry(17)];
        entries[1].station = STRANGER;
        entries[2].operator = STRANGER;
        entries[3].subnet = "another";
        for (uint256 i = 1; i < entries.length; ++i) {
            vm.expectRevert(reason);
            rewards.challengeMembership(settlement, accepted, proof, entries[i], rosterProof, seat);
        }
        (rosterProof,) = _seated(18);
        vm.expectRevert(reason);
        rewards.challengeMembership(settlement, accepted, proof, entries[0], rosterProof, seat);
        assertStatus(settlement, IRewards.Status.Pending);
    }

    function test_challengeMembership_refusesTheEntryOfAnotherStation() public {
        IRewards.Accepted memory accepted = _misplaced(17, 5);
        uint64 settlement = _post(accepted);
        bytes32[] memory proof = _acceptedProof(accepted);
        (bytes32[] memory rosterProof, uint256 seat) = _seated(18);
        vm.expectRevert(abi.encodeWithSelector(IRewards.EntryOfAnotherStation.selector, 17, 18));
        rewards.challengeMembership(settlement, accepted, proof, _entry(18), rosterProof, seat);
    }

    function testFuzz_challengeMembership_refusesWrongSeats(uint256 wrong) public {
        IRewards.Accepted memory accepted = _misplaced(17, 5);
        uint64 settlement = _post(accepted);
        bytes32[] memory proof = _acceptedProof(accepted);
        (bytes32[] memory rosterProof, uint256 seat) = _seated(17);
        vm.assume(wrong != seat);
        vm.expectRevert(abi.encodeWithSelector(IRewards.WrongSeat.selector, seat, wrong));
        rewards.challengeMembership(settlement, accepted, proof, _entry(17), rosterProof, wrong);
        assertStatus(settlement, IRewards.Status.Pending);
    }

    /// @dev A measurement that cannot exist has no seat or task to compare; use `challengeExistence`.
    function test_challengeMembership_leavesTheImpossibleAlone() public {
        IRewards.Accepted memory accepted = _honest(17, TASKS_PER_COMMITTEE);
        _expectImpossible(accepted, abi.encodeWithSelector(IRounds.OutOfRange.selector, 100, 100));
        accepted = IRewards.Accepted({round: ROUND, station: 17, committee: COMMITTEES, k: 0});
        _expectImpossible(accepted, abi.encodeWithSelector(IRounds.OutOfRange.selector, 2, 2));
        accepted = IRewards.Accepted({round: 99, station: 17, committee: 0, k: 0});
        _expectImpossible(accepted, abi.encodeWithSelector(IRounds.NoSuchRound.selector, 99, ROUND));
        _playRound(STATIONS, TASKS, false);
        accepted.round = 3;
        _expectImpossible(accepted, abi.encodeWithSelector(IRounds.NotRevealed.selector, 3));
        _playRound(0, TASKS, true);
        accepted.round = 4;
        _expectImpossible(accepted, abi.encodeWithSelector(IRounds.NoCommittees.selector, 4));
    }

    /* STATUS */

    function test_challenges_workToTheLastSecond() public {
        IRewards.Accepted memory accepted = _misplaced(17, 5);
        uint64 settlement = _post(accepted);
        vm.warp(rewards.getSettlement(settlement).activeAt - 1);
        _challengeMembership(settlement, accepted);
        accepted.k = TASKS_PER_COMMITTEE;
        settlement = _post(accepted);
        vm.warp(rewards.getSettlement(settlement).activeAt - 1);
        _challengeExistence(settlement, accepted);
        assertStatus(1, IRewards.Status.Void);
        assertStatus(2, IRewards.Status.Void);
    }

    /// @dev A valid fraud proof that comes too late: an active settlement stays active.
    function test_challenges_neverReachAnActiveSettlement() public {
        IRewards.Accepted memory accepted = _misplaced(17, 5);
        _post(accepted);
        vm.warp(rewards.getSettlement(1).activeAt);
        _expectNotPending(1, accepted, IRewards.Status.Active);
        // Nor through its child.
        playRound();
        _post(accepted);
        _challengeMembership(2, accepted);
        assertStatus(1, IRewards.Status.Active);
        assertStatus(2, IRewards.Status.Void);
        assertEq(rewards.head(), 1);
    }

    function test_challenges_refuseVoidAndUnknown() public {
        IRewards.Accepted memory accepted = _misplaced(17, 5);
        _post(accepted);
        _challengeMembership(1, accepted);
        _expectNotPending(1, accepted, IRewards.Status.Void);
        _expectNotPending(0, accepted, IRewards.Status.None);
        _expectNotPending(2, accepted, IRewards.Status.None);
        // A replacement in the same position neither restores it nor falls with it.
        _post(_honest(17, 5));
        _expectNotPending(1, accepted, IRewards.Status.Void);
        assertStatus(2, IRewards.Status.Pending);
    }

    /* EXISTENCE */

    function test_challengeExistence_voidsDescendantsAndSparesAncestors() public {
        _post(_honest(0, 0));
        playRound();
        IRewards.Accepted memory accepted = _honest(17, TASKS_PER_COMMITTEE);
        accepted.round = 3;
        _post(accepted);
        playRound();
        _post(_honest(0, 0));
        vm.expectEmit(address(rewards));
        emit IRewards.ExistenceDisproved(2, 3, STRANGER, accepted, IRewards.Impossibility.NoSuchTask);
        _challengeExistence(2, accepted);
        assertEq(rewards.head(), 1);
        assertStatus(1, IRewards.Status.Pending);
        assertStatus(2, IRewards.Status.Void);
        assertStatus(3, IRewards.Status.Void);
        assertEq(_post(_honest(0, 0)), 4);
        assertEq(rewards.getSettlement(4).proposal.parent, 1);
    }

    function test_challengeExistence_ofARoundOutsideTheSettlement() public {
        _post(_honest(0, 0));
        playRound();
        playRound();
        IRewards.Proposal memory proposal = proposalOf(single(STRANGER, 1));
        assertEq(proposal.firstRound, 3);
        proposal.lastRound = 3;
        // Before it, after it, none, and a future one.
        uint64[5] memory outside = [2, 4, 0, 5, type(uint64).max];
        for (uint256 i = 0; i < outside.length; ++i) {
            IRewards.Accepted memory accepted = _honest(17, 5);
            accepted.round = outside[i];
            proposal.acceptedRoot = MerkleTree.rootOf(_leaves(accepted));
            _expectDisproved(post(proposal), accepted, IRewards.Impossibility.RoundOutsideSettlement);
        }
    }

    function test_challengeExistence_ofARoundThatWasNotRevealed() public {
        _playRound(STATIONS, TASKS, false);
        IRewards.Accepted memory accepted = _honest(17, 5);
        accepted.round = 3;
        _expectDisproved(_post(accepted), accepted, IRewards.Impossibility.RoundNotRevealed);
    }

    function test_challengeExistence_ofARoundWithoutCommittees() public {
        _playRound(0, TASKS, true);
        _playRound(STATIONS, 0, true);
        IRewards.Accepted memory accepted = _honest(0, 0);
        for (accepted.round = 3; accepted.round <= 4; ++accepted.round) {
            _expectDisproved(_post(accepted), accepted, IRewards.Impossibility.RoundWithoutCommittees);
        }
    }

    function testFuzz_challengeExistence_ofAStationBeyondTheRoster(uint256 station) public {
        IRewards.Accepted memory accepted = _honest(0, 0);
        accepted.station = bound(station, STATIONS, type(uint256).max);
        _expectDisproved(_post(accepted), accepted, IRewards.Impossibility.NoSuchStation);
    }

    function testFuzz_challengeExistence_ofACommitteeBeyondTheRounds(uint256 committee) public {
        IRewards.Accepted memory accepted = _honest(0, 0);
        accepted.committee = bound(committee, COMMITTEES, type(uint256).max);
        _expectDisproved(_post(accepted), accepted, IRewards.Impossibility.NoSuchCommittee);
    }

    function testFuzz_challengeExistence_ofATaskBeyondTheCommittees(uint256 k) public {
        IRewards.Accepted memory accepted = _honest(0, 0);
        accepted.k = bound(k, TASKS_PER_COMMITTEE, type(uint256).max);
        _expectDisproved(_post(accepted), accepted, IRewards.Impossibility.NoSuchTask);
    }

    /// @dev Up to the end of each range; a measurement outside its station's committee exists, though it is fraud.
    function testFuzz_challengeExistence_refusesWhatCanExist(uint256 station, uint256 committee, uint256 k) public {
        IRewards.Accepted memory accepted = IRewards.Accepted({
            round: ROUND,
            station: bound(station, 0, STATIONS - 1),
            committee: bound(committee, 0, COMMITTEES - 1),
            k: bound(k, 0, TASKS_PER_COMMITTEE - 1)
        });
        uint64 settlement = _post(accepted);
        _refuseExistence(settlement, accepted, _error(IRewards.CanExist.selector, accepted));
        assertStatus(settlement, IRewards.Status.Pending);
    }

    /* HELPERS */

    function _entry(uint256 index) private pure returns (IRewards.RosterEntry memory) {
        return IRewards.RosterEntry({
            index: index,
            station: address(uint160(0x57A7101 << 32 | index)),
            operator: address(uint160(0x09E7A702 << 32 | index / 3)),
            subnet: bytes16(uint128(index / 2 + 1))
        });
    }

    /// @dev As `playRound`, with the roster that has proofs.
    function _playRound(uint32 stations, uint32 tasks, bool revealed) private {
        IRounds.Inputs memory inputs = inputsOf(stations, tasks);
        if (stations != 0) inputs.rosterRoot = MerkleTree.rootOf(roster);
        vm.prank(COORDINATOR);
        uint64 round = rounds.open(inputs);
        if (revealed) reveal(round);
        vm.warp(rounds.getRound(round).commitsUntil + 1);
    }

    /// @dev A measurement of the station in its own committee.
    function _honest(uint256 station, uint256 k) private view returns (IRewards.Accepted memory) {
        (uint256 committee,) = rounds.committeeOf(ROUND, station);
        return IRewards.Accepted({round: ROUND, station: station, committee: committee, k: k});
    }

    /// @dev A measurement of the station in the other committee.
    function _misplaced(uint256 station, uint256 k) private view returns (IRewards.Accepted memory accepted) {
        accepted = _honest(station, k);
        accepted.committee = 1 - accepted.committee;
    }

    function _hash(IRewards.Accepted memory accepted) private pure returns (bytes32) {
        return MerkleTree.hashOf(abi.encode(accepted.round, accepted.station, accepted.committee, accepted.k));
    }

    /// @dev The measurement among honest ones.
    function _leaves(IRewards.Accepted memory accepted) private view returns (bytes32[] memory leaves) {
        leaves = new bytes32[](5);
        leaves[0] = _hash(accepted);
        for (uint256 i = 1; i < leaves.length; ++i) {
            leaves[i] = _hash(_honest(i, 50 + i));
        }
    }

    function _acceptedProof(IRewards.Accepted memory accepted) private view returns (bytes32[] memory) {
        return MerkleTree.proofOf(_leaves(accepted), 0);
    }

    /// @dev A settlement that rewards the measurement.
    function _proposal(IRewards.Accepted memory accepted) private view returns (IRewards.Proposal memory proposal) {
        proposal = proposalOf(single(STRANGER, 1));
        proposal.acceptedRoot = MerkleTree.rootOf(_leaves(accepted));
    }

    function _post(IRewards.Accepted memory accepted) private returns (uint64) {
        return post(_proposal(accepted));
    }

    function _seated(uint256 station) private view returns (bytes32[] memory rosterProof, uint256 seat) {
        rosterProof = MerkleTree.proofOf(roster, station);
        (, seat) = rounds.committeeOf(ROUND, station);
    }

    function _challengeMembership(uint64 settlement, IRewards.Accepted memory accepted) private {
        bytes32[] memory proof = _acceptedProof(accepted);
        (bytes32[] memory rosterProof, uint256 seat) = _seated(accepted.station);
        vm.prank(STRANGER);
        rewards.challengeMembership(settlement, accepted, proof, _entry(accepted.station), rosterProof, seat);
    }

    function _challengeExistence(uint64 settlement, IRewards.Accepted memory accepted) private {
        bytes32[] memory proof = _acceptedProof(accepted);
        vm.prank(STRANGER);
        rewards.challengeExistence(settlement, accepted, proof);
    }

    function _refuseMembership(uint64 settlement, IRewards.Accepted memory accepted, bytes memory reason) private {
        bytes32[] memory proof = _acceptedProof(accepted);
        (bytes32[] memory rosterProof, uint256 seat) = _seated(accepted.station);
        vm.expectRevert(reason);
        rewards.challengeMembership(settlement, accepted, proof, _entry(accepted.station), rosterProof, seat);
    }

    function _refuseExistence(uint64 settlement, IRewards.Accepted memory accepted, bytes memory reason) private {
        bytes32[] memory proof = _acceptedProof(accepted);
        vm.expectRevert(reason);
        rewards.challengeExistence(settlement, accepted, proof);
    }

    function _expectDisproved(uint64 settlement, IRewards.Accepted memory accepted, IRewards.Impossibility reason)
        private
    {
        vm.expectEmit(address(rewards));
        emit IRewards.ExistenceDisproved(settlement, settlement, STRANGER, accepted, reason);
        _challengeExistence(settlement, accepted);
        assertStatus(settlement, IRewards.Status.Void);
    }

    /// @dev `challengeMembership` cannot judge the measurement; `challengeExistence` can.
    function _expectImpossible(IRewards.Accepted memory accepted, bytes memory reason) private {
        uint64 settlement = _post(accepted);
        _refuseMembership(settlement, accepted, reason);
        assertStatus(settlement, IRewards.Status.Pending);
        _challengeExistence(settlement, accepted);
        assertStatus(settlement, IRewards.Status.Void);
    }

    function _expectNotPending(uint64 settlement, IRewards.Accepted memory accepted, IRewards.Status status) private {
        bytes memory reason = abi.encodeWithSelector(IRewards.NotPending.selector, settlement, status);
        _refuseMembership(settlement, accepted, reason);
        _refuseExistence(settlement, accepted, reason);
        assertStatus(settlement, status);
    }

    function _error(bytes4 selector, IRewards.Accepted memory accepted) private pure returns (bytes memory) {
        return abi.encodeWithSelector(selector, accepted.round, accepted.station, accepted.committee, accepted.k);
    }
}
