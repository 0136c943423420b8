// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {ICourt} from "../src/interfaces/ICourt.sol";
import {IRewards} from "../src/interfaces/IRewards.sol";
import {RewardsTree} from "../src/libraries/RewardsTree.sol";
import {CourtFixture} from "./CourtFixture.sol";
import {Refuser} from "./mocks/Recipients.sol";
import {RewardTree} from "./utils/RewardTree.sol";

/// @notice A poster that withholds its tree: places are demanded, answered or not, and bonds go where they belong.
contract CourtDemandsTest is CourtFixture {
    address private immutable WATCHER = makeAddr("watcher");
    address private immutable ANSWERER = makeAddr("answerer");

    RewardsTree.Leaf[] private tree;
    uint64 private settlement;
    uint64 private activeAt;

    function setUp() public override {
        super.setUp();
        RewardsTree.Leaf[] memory leaves = new RewardsTree.Leaf[](5);
        for (uint256 i = 0; i < 5; ++i) {
            leaves[i] = RewardTree.leafOf(address(uint160(0x10 * (i + 1))), 100);
            leaves[i].grown = 100;
        }
        leaves = RewardTree.summed(leaves);
        for (uint256 i = 0; i < 5; ++i) {
            tree.push(leaves[i]);
        }
        settlement = post(leaves);
        activeAt = rewards.getSettlement(settlement).activeAt;
        vm.deal(WATCHER, 100 ether);
    }

    /* DEMANDS */

    function test_demand_holdsTheBond() public {
        uint64 dueAt = uint64(block.timestamp) + ANSWER_WINDOW;
        vm.expectEmit(address(court));
        emit ICourt.Demanded(rewards, settlement, 2, WATCHER, 1 ether, dueAt);
        _demand(2, 1 ether);
        ICourt.Demand memory asked = court.demandOf(rewards, settlement, 2);
        assertEq(asked.demander, WATCHER);
        assertEq(asked.bond, 1 ether);
        assertEq(asked.dueAt, dueAt);
        assertTrue(asked.open);
        assertEq(address(court).balance, 1 ether);
        assertEq(court.owed(WATCHER), 0);
        assertEq(court.demandOf(rewards, settlement, 1).demander, address(0));
        // It moves no activation.
        assertEq(rewards.getSettlement(settlement).activeAt, activeAt);
    }

    function test_demand_refusals() public {
        bytes32 root = RewardTree.rootOf(tree);
        vm.startPrank(WATCHER);
        vm.expectRevert(abi.encodeWithSelector(ICourt.WrongRoot.selector, root, bytes32(0)));
        court.demand{value: 1 ether}(rewards, settlement, 0, 0);
        vm.expectRevert(abi.encodeWithSelector(ICourt.OutsideTree.selector, 5, 5));
        court.demand{value: 1 ether}(rewards, settlement, root, 5);
        vm.expectRevert(abi.encodeWithSelector(ICourt.OutsideTree.selector, type(uint32).max, 5));
        court.demand{value: 1 ether}(rewards, settlement, root, type(uint32).max);
        court.demand{value: 1 ether}(rewards, settlement, root, 4);
        vm.expectRevert(abi.encodeWithSelector(ICourt.DemandedBefore.selector, settlement, 4));
        court.demand{value: 1 ether}(rewards, settlement, root, 4);
        vm.stopPrank();
        // Nor again when it was answered.
        _answer(4);
        vm.expectRevert(abi.encodeWithSelector(ICourt.DemandedBefore.selector, settlement, 4));
        _demand(4, 1 ether);
    }

    /// @dev What is left after the answer window must be SLACK at least, to the second.
    function test_demand_leavesTheTimeToAnswer() public {
        uint256 last = activeAt - ANSWER_WINDOW - SLACK;
        assertEq(last, rewards.getSettlement(settlement).postedAt + DEMAND_WINDOW);
        vm.warp(last + 1);
        vm.expectRevert(abi.encodeWithSelector(ICourt.TooLate.selector, activeAt, activeAt + 1));
        _demand(0, 1 ether);
        vm.warp(last);
        _demand(0, 1 ether);
        // If nobody answers there is SLACK to say so.
        vm.warp(activeAt - SLACK + 1);
        court.lapse(rewards, settlement, 0);
        assertStatus(settlement, IRewards.Status.Void);
    }

    /// @dev Three answers' worth of gas on Filecoin, and never less than the least.
    function testFuzz_bond_followsTheBaseFee(uint64 baseFee) public {
        vm.fee(baseFee);
        uint256 gas = 100_000_000 * uint256(baseFee);
        uint256 bond = gas > LEAST_BOND ? gas : LEAST_BOND;
        assertEq(court.bond(), bond);
        vm.deal(WATCHER, bond);
        vm.expectRevert(abi.encodeWithSelector(ICourt.BondTooSmall.selector, bond - 1, bond));
        _demand(0, bond - 1);
        _demand(0, bond);
    }

    /// @dev Who gives more than the bond has more at stake, and gets all of it back.
    function test_demand_takesMoreThanTheBond() public {
        _demand(0, 7 ether);
        vm.warp(block.timestamp + ANSWER_WINDOW + 1);
        court.lapse(rewards, settlement, 0);
        assertEq(court.owed(WATCHER), 7 ether);
    }

    /// @dev A bond that the accounts cannot hold is refused, not cut.
    function test_demand_refusesMoreThanThereIs() public {
        vm.deal(WATCHER, 2 ** 96);
        vm.expectRevert();
        _demand(0, 2 ** 96);
        _demand(0, 2 ** 96 - 1);
    }

    /* ANSWERS */

    function test_answer_takesTheBond() public {
        _demand(2, 1 ether);
        vm.expectEmit(address(court));
        emit ICourt.Answered(rewards, settlement, 2, ANSWERER);
        _answer(2);
        assertEq(court.owed(ANSWERER), 1 ether);
        assertEq(court.owed(WATCHER), 0);
        assertFalse(court.demandOf(rewards, settlement, 2).open);
        // Nobody can answer or close it again.
        vm.expectRevert(abi.encodeWithSelector(ICourt.NoDemand.selector, settlement, 2));
        _answer(2);
        vm.warp(activeAt - 1);
        vm.expectRevert(abi.encodeWithSelector(ICourt.NoDemand.selector, settlement, 2));
        court.lapse(rewards, settlement, 2);
        vm.warp(activeAt);
        assertStatus(settlement, IRewards.Status.Active);
    }

    function test_answer_showsTheWholeLeafInItsPlace() public {
        _demand(2, 1 ether);
        ICourt.Place memory shown = placeOf(tree, 2);
        shown.leaf.running += 1;
        _expectNotShown(shown);
        shown = placeOf(tree, 2);
        shown.leaf.sheet = "another";
        _expectNotShown(shown);
        shown = placeOf(tree, 3);
        shown.index = 2;
        _expectNotShown(shown);
        shown = placeOf(tree, 2);
        shown.proof = new bytes32[](0);
        _expectNotShown(shown);
        vm.expectRevert(abi.encodeWithSelector(ICourt.NoDemand.selector, settlement, 3));
        _answer(3);
        _answer(2);
    }

    /// @dev Late, but nobody has closed it.
    function test_answer_untilItLapses() public {
        _demand(2, 1 ether);
        vm.warp(activeAt - 1);
        _answer(2);
        assertEq(court.owed(ANSWERER), 1 ether);
    }

    function test_answer_notOnceTheSettlementIsDecided() public {
        _demand(2, 1 ether);
        vm.warp(activeAt);
        vm.expectRevert(abi.encodeWithSelector(ICourt.NotPending.selector, settlement));
        _answer(2);
        court.lapse(rewards, settlement, 2);
        assertEq(court.owed(WATCHER), 1 ether);
        assertStatus(settlement, IRewards.Status.Active);
    }

    /* SILENCE */

    function test_lapse_voidsWhatNobodyShows() public {
        _demand(2, 1 ether);
        uint64 dueAt = uint64(block.timestamp) + ANSWER_WINDOW;
        vm.warp(dueAt);
        vm.expectRevert(abi.encodeWithSelector(ICourt.NotDue.selector, dueAt, dueAt));
        court.lapse(rewards, settlement, 2);
        vm.warp(dueAt + 1);
        vm.expectEmit(address(court));
        emit ICourt.Lapsed(rewards, settlement, 2, true);
        vm.expectEmit(address(court));
        emit ICourt.Disproved(rewards, settlement, STRANGER, ICourt.lapse.selector);
        vm.prank(STRANGER);
        court.lapse(rewards, settlement, 2);
        assertStatus(settlement, IRewards.Status.Void);
        assertEq(court.owed(WATCHER), 1 ether);
        assertEq(court.owed(STRANGER), 0);
        vm.expectRevert(abi.encodeWithSelector(ICourt.NoDemand.selector, settlement, 2));
        court.lapse(rewards, settlement, 2);
    }

    /// @dev If it fell otherwise, bonds come back at once, and nothing else falls.
    function test_lapse_returnsBondsOfWhatFellOtherwise() public {
        _demand(1, 1 ether);
        _demand(2, 2 ether);
        _answer(2);
        veto(settlement);
        uint64 second = post(tree);
        vm.expectEmit(address(court));
        emit ICourt.Lapsed(rewards, settlement, 1, false);
        court.lapse(rewards, settlement, 1);
        assertEq(court.owed(WATCHER), 1 ether);
        assertEq(court.owed(ANSWERER), 2 ether);
        vm.expectRevert(abi.encodeWithSelector(ICourt.NoDemand.selector, settlement, 1));
        court.lapse(rewards, settlement, 1);
        assertStatus(second, IRewards.Status.Pending);
        // The next one has demands of its own.
        settlement = second;
        _demand(1, 1 ether);
    }

    /// @dev Its child is asked and falls; or it is asked itself, and its child falls with it.
    function test_lapse_voidsDescendants() public {
        RewardsTree.Leaf[] memory more = tree;
        more[0].cumulative += 50;
        more[0].grown = 50;
        more = RewardTree.summed(more);
        playRound();
        uint64 child = post(more);
        _demand(0, 1 ether);
        vm.warp(block.timestamp + ANSWER_WINDOW + 1);
        vm.expectEmit(address(rewards));
        emit IRewards.SettlementDisproved(settlement, child);
        court.lapse(rewards, settlement, 0);
        assertStatus(child, IRewards.Status.Void);
        assertEq(rewards.head(), 0);
    }

    /// @dev All that the evaluators signed is a root; of the places that it should have, none can be shown.
    function test_lapse_voidsATreeThatDoesNotExist() public {
        veto(settlement);
        IRewards.Proposal memory proposal = proposalOf(tree);
        (proposal.root, proposal.operators) = (keccak256("nothing"), 1_000_000);
        settlement = post(proposal);
        vm.prank(WATCHER);
        court.demand{value: 1 ether}(rewards, settlement, proposal.root, 999_999);
        vm.warp(block.timestamp + ANSWER_WINDOW + 1);
        court.lapse(rewards, settlement, 999_999);
        assertStatus(settlement, IRewards.Status.Void);
    }

    /// @dev One party with the document is enough: every place can be shown, and the watcher pays for the answers.
    function test_answer_keepsAnHonestSettlementAlive() public {
        for (uint32 i = 0; i < 5; ++i) {
            _demand(i, 1 ether);
        }
        vm.warp(activeAt - SLACK);
        for (uint32 i = 0; i < 5; ++i) {
            _answer(i);
        }
        vm.warp(activeAt);
        assertStatus(settlement, IRewards.Status.Active);
        assertEq(court.owed(ANSWERER), 5 ether);
        assertEq(court.withdraw(payable(ANSWERER)), 5 ether);
        assertEq(address(court).balance, 0);
    }

    /* WITHDRAWALS */

    function test_withdraw_paysWhatIsOwed() public {
        vm.expectRevert(abi.encodeWithSelector(ICourt.NothingOwed.selector, ANSWERER));
        court.withdraw(payable(ANSWERER));
        _demand(0, 1 ether);
        _demand(1, 2 ether);
        _answer(0);
        _answer(1);
        vm.expectEmit(address(court));
        emit ICourt.Withdrawn(ANSWERER, 3 ether);
        vm.prank(STRANGER);
        assertEq(court.withdraw(payable(ANSWERER)), 3 ether);
        assertEq(ANSWERER.balance, 3 ether);
        vm.expectRevert(abi.encodeWithSelector(ICourt.NothingOwed.selector, ANSWERER));
        court.withdraw(payable(ANSWERER));
    }

    /// @dev A demander that refuses its bond keeps nothing alive: lapsing pays nobody.
    function test_lapse_needsNobodyToTakeTheBond() public {
        Refuser refuser = new Refuser();
        vm.deal(address(refuser), 1 ether);
        bytes32 root = RewardTree.rootOf(tree);
        vm.prank(address(refuser));
        court.demand{value: 1 ether}(rewards, settlement, root, 0);
        vm.warp(block.timestamp + ANSWER_WINDOW + 1);
        court.lapse(rewards, settlement, 0);
        assertStatus(settlement, IRewards.Status.Void);
        vm.expectRevert(abi.encodeWithSelector(ICourt.PaymentFailed.selector, address(refuser), 1 ether));
        court.withdraw(payable(address(refuser)));
        // It has lost nothing.
        assertEq(court.owed(address(refuser)), 1 ether);
        refuser.setAccepts(true);
        assertEq(court.withdraw(payable(address(refuser))), 1 ether);
    }

    function _demand(uint32 index, uint256 value) private {
        bytes32 root = RewardTree.rootOf(tree);
        vm.prank(WATCHER);
        court.demand{value: value}(rewards, settlement, root, index);
    }

    function _answer(uint32 index) private {
        ICourt.Place memory shown = placeOf(tree, index);
        vm.prank(ANSWERER);
        court.answer(rewards, settlement, shown);
    }

    function _expectNotShown(ICourt.Place memory shown) private {
        vm.expectRevert(abi.encodeWithSelector(ICourt.NotInTree.selector, shown.index));
        court.answer(rewards, settlement, shown);
    }
}
