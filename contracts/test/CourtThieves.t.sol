// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {ICourt} from "../src/interfaces/ICourt.sol";
import {IRewards} from "../src/interfaces/IRewards.sol";
import {RewardsTree} from "../src/libraries/RewardsTree.sol";
import {CourtFixture} from "./CourtFixture.sol";
import {RewardTree} from "./utils/RewardTree.sol";

/// @notice Evaluators that post what takes from past promises, in trees that are shown or withheld, a griever who demands
/// places of honest settlements, no guardian, and one honest watcher: nobody's promised FIL ever falls, and no honest
/// settlement is voided but with a parent that lied.
/// forge-config: default.invariant.runs = 48
/// forge-config: default.invariant.depth = 64
contract CourtThievesTest is CourtFixture {
    uint256 private constant OPERATORS = 5;

    address private immutable WATCHER = makeAddr("watcher");
    address private immutable GRIEVER = makeAddr("griever");

    mapping(uint64 settlement => RewardsTree.Leaf[]) private trees;
    mapping(uint64 settlement => bool) private isLie;
    mapping(uint64 settlement => bool) private isWithheld;
    mapping(uint64 settlement => bool) private wasActive;
    mapping(uint64 settlement => uint32[]) private demands;
    /// @dev What active settlements promised each operator, at the most.
    uint256[OPERATORS] private promised;
    uint256 private given;

    function setUp() public override {
        super.setUp();
        bytes4[] memory actions = new bytes4[](5);
        actions[0] = this.actHonestly.selector;
        actions[1] = this.actLie.selector;
        actions[2] = this.actWithhold.selector;
        actions[3] = this.actDemand.selector;
        actions[4] = this.actPass.selector;
        targetSelector(FuzzSelector(address(this), actions));
        targetContract(address(this));
        vm.deal(WATCHER, 1e6 ether);
        vm.deal(GRIEVER, 1e6 ether);
        given = 2e6 ether;
    }

    /// @dev What anyone posts is seen before time passes.
    modifier watched() {
        _;
        _watch();
    }

    /* ACTIONS */

    /// @dev On nothing that nobody knows.
    function actHonestly(uint256 seed) external watched {
        if (isWithheld[rewards.head()]) return;
        _post(_grown(seed));
    }

    /// @dev Changes one thing. If the result is still right, it is not a lie.
    function actLie(uint256 seed, uint256 kind, uint256 i, uint256 j, uint96 some) external watched {
        if (isWithheld[rewards.head()]) return;
        RewardsTree.Leaf[] memory leaves = _grown(seed);
        (i, j, some) = (i % OPERATORS, j % OPERATORS, uint96(bound(some, 1, 1e12)));
        kind %= 6;
        if (kind == 0) {
            uint96 taken = leaves[i].cumulative < some ? leaves[i].cumulative : some;
            leaves[i].cumulative -= taken;
            leaves[j].cumulative += taken;
        }
        if (kind == 1) leaves[i].grown += some;
        if (kind == 2) leaves[i].cumulative += some;
        if (kind == 3) (leaves[i], leaves[j]) = (leaves[j], leaves[i]);
        // Of somebody who was promised something.
        if (kind == 4 && rewards.head() != 0) leaves[i].operator = address(uint160(leaves[i].operator) + some);
        if (kind != 5) leaves = RewardTree.summed(leaves);
        if (kind == 5) leaves[i].running += some;
        _post(leaves);
    }

    /// @dev Everything for nobody knows whom, in a tree that may not even exist.
    function actWithhold(uint256 seed, uint32 operators) external watched {
        RewardsTree.Leaf[] memory leaves = single(address(uint160(seed)), _total() + 1 + seed % 1e12);
        IRewards.Proposal memory proposal = proposalOf(leaves);
        proposal.operators = uint32(bound(operators, 1, type(uint32).max));
        playRound();
        proposal.lastRound = rounds.latestRound();
        uint64 id = post(proposal);
        (isLie[id], isWithheld[id]) = (true, true);
    }

    /// @dev A griever's demands, and those of others' that it may answer itself.
    function actDemand(uint256 seed, uint64 settlement) external watched {
        uint64 count = rewards.settlementCount();
        if (count == 0) return;
        settlement = uint64(bound(settlement, 1, count));
        uint32 index = uint32(seed % OPERATORS);
        bytes32 root = rewards.getSettlement(settlement).proposal.root;
        vm.prank(GRIEVER);
        try court.demand{value: 1 ether}(rewards, settlement, root, index) {
            demands[settlement].push(index);
        } catch {}
    }

    function actPass(uint256 time) external watched {
        skip(bound(time, 1 minutes, 8 hours));
    }

    /* WHAT MUST HOLD */

    /// @dev Every settlement that has become active is right, and no promise is smaller than before.
    function invariant_promisesNeverFall() public {
        uint64 count = rewards.settlementCount();
        for (uint64 id = 1; id <= count; ++id) {
            IRewards.Status status = rewards.statusOf(id);
            if (status == IRewards.Status.Void) {
                assertTrue(_hasALie(id), "an honest settlement was voided");
                assertFalse(wasActive[id]);
            }
            if (status != IRewards.Status.Active || wasActive[id]) continue;
            wasActive[id] = true;
            assertFalse(isLie[id], "a lie became active");
            for (uint256 i = 0; i < OPERATORS; ++i) {
                assertEq(trees[id][i].operator, _operator(i));
                assertGe(trees[id][i].cumulative, promised[i], "a promise fell");
                promised[i] = trees[id][i].cumulative;
            }
        }
        assertEq(
            WATCHER.balance + GRIEVER.balance + address(court).balance, given, "bonds are neither lost nor multiplied"
        );
        assertGe(address(court).balance, court.owed(WATCHER) + court.owed(GRIEVER), "the Court owes more than it has");
    }

    /// @dev In the end everybody gets what was promised at the most, from the newest active settlement alone.
    function afterInvariant() public {
        for (uint256 i = 0; i < 8; ++i) {
            _watch();
            skip(6 hours);
        }
        invariant_promisesNeverFall();
        uint64 id = rewards.head();
        while (id != 0 && rewards.statusOf(id) != IRewards.Status.Active) --id;
        for (uint256 i = 0; id != 0 && i < OPERATORS; ++i) {
            if (promised[i] > 0) assertEq(claim(id, trees[id], i), promised[i]);
            assertEq(_operator(i).balance, promised[i]);
        }
    }

    /* HELPERS */

    /// @dev The head's tree, or an empty one, and something for each operator or for some.
    function _grown(uint256 seed) private returns (RewardsTree.Leaf[] memory leaves) {
        uint64 head = rewards.head();
        leaves = new RewardsTree.Leaf[](OPERATORS);
        for (uint256 i = 0; i < OPERATORS; ++i) {
            leaves[i].operator = _operator(i);
            if (head != 0) leaves[i].cumulative = trees[head][i].cumulative;
            leaves[i].grown = uint96(uint256(keccak256(abi.encode(seed, i))) % 1e12);
            if (i == seed % OPERATORS) leaves[i].grown += 1e12;
            leaves[i].cumulative += leaves[i].grown;
        }
        leaves = RewardTree.summed(leaves);
        playRound();
    }

    function _post(RewardsTree.Leaf[] memory leaves) private {
        RewardsTree.Leaf[] memory parents = trees[rewards.head()];
        uint256 before = _total();
        uint256 total = RewardTree.totalOf(leaves);
        // The contract itself refuses a total that has not grown.
        if (total <= before) total = before + 1;
        IRewards.Proposal memory proposal = proposalOf(leaves);
        proposal.cumulativeTotal = total;
        uint64 id = post(proposal);
        for (uint256 i = 0; i < leaves.length; ++i) {
            trees[id].push(leaves[i]);
        }
        isLie[id] = !(isInOrder(leaves, total) && hasGrown(parents, leaves));
    }

    /// @dev The watcher challenges what it is shown, and demands what it is not; it answers what others demand.
    function _watch() private {
        for (uint64 id = 1; id <= rewards.settlementCount(); ++id) {
            for (uint256 i = 0; i < demands[id].length; ++i) {
                _answer(id, demands[id][i]);
            }
            if (rewards.statusOf(id) != IRewards.Status.Pending) continue;
            if (isWithheld[id]) _insist(id);
            else if (sweep(id, trees[rewards.getSettlement(id).proposal.parent], trees[id])) assertTrue(isLie[id]);
            else assertFalse(isLie[id], "a lie without a challenge");
        }
    }

    /// @dev Answers while it can, and takes the bond; or has the demander's returned.
    function _answer(uint64 id, uint32 index) private {
        if (!court.demandOf(rewards, id, index).open) return;
        if (isWithheld[id] || rewards.statusOf(id) != IRewards.Status.Pending) {
            try court.lapse(rewards, id, index) {} catch {}
            return;
        }
        ICourt.Place memory shown = placeOf(trees[id], index);
        vm.prank(WATCHER);
        court.answer(rewards, id, shown);
    }

    function _insist(uint64 id) private {
        ICourt.Demand memory asked = court.demandOf(rewards, id, 0);
        if (asked.demander == address(0)) {
            bytes32 root = rewards.getSettlement(id).proposal.root;
            vm.prank(WATCHER);
            court.demand{value: 1 ether}(rewards, id, root, 0);
            demands[id].push(0);
        } else if (block.timestamp > asked.dueAt) {
            court.lapse(rewards, id, 0);
            assertStatus(id, IRewards.Status.Void);
        }
    }

    /// @dev Of it or of an ancestor.
    function _hasALie(uint64 id) private view returns (bool) {
        while (id != 0 && !isLie[id]) id = rewards.getSettlement(id).proposal.parent;
        return id != 0;
    }

    function _total() private view returns (uint256) {
        uint64 head = rewards.head();
        return head == 0 ? 0 : rewards.getSettlement(head).proposal.cumulativeTotal;
    }

    function _operator(uint256 index) private pure returns (address) {
        return address(uint160(0xA5512E0000000000 * (index + 1)));
    }
}
