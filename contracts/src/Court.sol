// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

import {ICourt} from "./interfaces/ICourt.sol";
import {IRewards} from "./interfaces/IRewards.sol";
import {PositionalTree} from "./libraries/PositionalTree.sol";
import {RewardsTree} from "./libraries/RewardsTree.sol";

/// @title Court
/// @notice See `ICourt`.
contract Court is ICourt {
    using PositionalTree for bytes32;

    /// @notice Gas that a bond pays at the base fee of the block in which it is given: about five answers on Filecoin.
    uint256 public constant BOND_GAS = 100_000_000;

    /// @inheritdoc ICourt
    uint64 public immutable ANSWER_WINDOW;
    /// @inheritdoc ICourt
    uint64 public immutable SLACK;
    /// @inheritdoc ICourt
    uint64 public immutable LEAST_CHALLENGE_WINDOW;
    /// @notice The smallest bond in attoFIL.
    uint256 public immutable LEAST_BOND;

    /// @inheritdoc ICourt
    mapping(address who => uint256 attoFil) public owed;
    // slither-disable-next-line uninitialized-state
    mapping(bytes32 place => Demand) private _demands;

    /// @param answerWindow Seconds to answer a demand.
    /// @param slack Seconds that must remain after it.
    /// @param demandWindow Seconds after posting in which demands are possible with the shortest challenge window.
    /// @param leastBond The smallest bond in attoFIL.
    constructor(uint64 answerWindow, uint64 slack, uint64 demandWindow, uint256 leastBond) {
        ANSWER_WINDOW = answerWindow;
        SLACK = slack;
        LEAST_CHALLENGE_WINDOW = answerWindow + slack + demandWindow;
        LEAST_BOND = leastBond;
    }

    /// @inheritdoc ICourt
    function challengeOrder(
        IRewards rewards,
        uint64 settlement,
        Place calldata lower,
        RewardsTree.Leaf calldata upper,
        bytes32[] calldata upperProof
    ) external {
        IRewards.Facts memory facts = _pending(rewards, settlement);
        _checkPlace(facts.root, facts.operators, lower.leaf, lower.index, lower.proof);
        bool fraud = lower.index == 0 && lower.leaf.running != lower.leaf.cumulative;
        if (uint256(lower.index) + 1 == facts.operators) {
            fraud = fraud || lower.leaf.running != facts.cumulativeTotal;
        } else {
            _checkPlace(facts.root, facts.operators, upper, uint256(lower.index) + 1, upperProof);
            fraud = fraud || upper.operator <= lower.leaf.operator
                || upper.running != uint256(lower.leaf.running) + upper.cumulative;
        }
        _rule(rewards, settlement, fraud);
    }

    /// @inheritdoc ICourt
    function challengeGrowth(
        IRewards rewards,
        uint64 settlement,
        address operator,
        Search calldata here,
        Search calldata before
    ) external {
        IRewards.Facts memory facts = _pending(rewards, settlement);
        (uint256 cumulative, uint256 grown) = _find(facts.root, facts.operators, operator, here);
        // slither-disable-next-line unused-return
        (uint256 promised,) = _find(facts.parentRoot, facts.parentOperators, operator, before);
        _rule(rewards, settlement, cumulative != promised + grown);
    }

    /// @inheritdoc ICourt
    function demand(IRewards rewards, uint64 settlement, bytes32 root, uint32 index) external payable {
        IRewards.Facts memory facts = _pending(rewards, settlement);
        require(root == facts.root, WrongRoot(facts.root, root));
        require(index < facts.operators, OutsideTree(index, facts.operators));
        Demand storage asked = _demandOf(rewards, settlement, index);
        require(asked.demander == address(0), DemandedBefore(settlement, index));
        uint256 dueAt = block.timestamp + ANSWER_WINDOW;
        require(dueAt + SLACK <= facts.activeAt, TooLate(facts.activeAt, dueAt + SLACK));
        require(msg.value >= bond(), BondTooSmall(msg.value, bond()));

        (asked.demander, asked.open) = (msg.sender, true);
        (asked.bond, asked.dueAt) = (SafeCast.toUint96(msg.value), SafeCast.toUint40(dueAt));
        emit Demanded(rewards, settlement, index, msg.sender, msg.value, asked.dueAt);
    }

    /// @inheritdoc ICourt
    function answer(IRewards rewards, uint64 settlement, Place calldata shown) external {
        Demand storage asked = _openDemand(rewards, settlement, shown.index);
        IRewards.Facts memory facts = _pending(rewards, settlement);
        _checkPlace(facts.root, facts.operators, shown.leaf, shown.index, shown.proof);
        _close(asked, msg.sender);
        emit Answered(rewards, settlement, shown.index, msg.sender);
    }

    /// @inheritdoc ICourt
    function lapse(IRewards rewards, uint64 settlement, uint32 index) external {
        Demand storage asked = _openDemand(rewards, settlement, index);
        bool pending = rewards.factsOf(settlement).pending;
        require(!pending || block.timestamp > asked.dueAt, NotDue(asked.dueAt, block.timestamp));
        _close(asked, asked.demander);
        emit Lapsed(rewards, settlement, index, pending);
        if (pending) _rule(rewards, settlement, true);
    }

    /// @inheritdoc ICourt
    function withdraw(address payable who) external returns (uint256 amount) {
        amount = owed[who];
        require(amount > 0, NothingOwed(who));
        owed[who] = 0;
        emit Withdrawn(who, amount);
        // Returned data is not copied: it could fill our memory at the caller's cost.
        bool sent;
        assembly ("memory-safe") {
            sent := call(gas(), who, amount, 0, 0, 0, 0)
        }
        require(sent, PaymentFailed(who, amount));
    }

    /// @inheritdoc ICourt
    function demandOf(IRewards rewards, uint64 settlement, uint32 index) external view returns (Demand memory) {
        return _demandOf(rewards, settlement, index);
    }

    /// @inheritdoc ICourt
    function bond() public view returns (uint256) {
        return Math.max(LEAST_BOND, BOND_GAS * block.basefee);
    }

    /// @dev The bond is owed to `creditor` from now on.
    function _close(Demand storage asked, address creditor) private {
        asked.open = false;
        owed[creditor] += asked.bond;
    }

    /// @dev Voids the settlement if fraud was shown.
    function _rule(IRewards rewards, uint64 settlement, bool fraud) private {
        require(fraud, NotFraud());
        emit Disproved(rewards, settlement, msg.sender, msg.sig);
        rewards.voidByCourt(settlement);
    }

    /// @dev With the parent's root, everything was the parent's to prove.
    function _pending(IRewards rewards, uint64 settlement) private view returns (IRewards.Facts memory facts) {
        facts = rewards.factsOf(settlement);
        require(facts.pending, NotPending(settlement));
        require(facts.root != facts.parentRoot, AddsNothing(settlement));
    }

    function _openDemand(IRewards rewards, uint64 settlement, uint32 index)
        private
        view
        returns (Demand storage asked)
    {
        asked = _demandOf(rewards, settlement, index);
        require(asked.open, NoDemand(settlement, index));
    }

    function _demandOf(IRewards rewards, uint64 settlement, uint32 index) private view returns (Demand storage) {
        return _demands[keccak256(abi.encode(rewards, settlement, index))];
    }

    /// @dev What a tree holds for an operator; zeros if its neighbours show that it is not there.
    function _find(bytes32 root, uint256 operators, address operator, Search calldata search)
        private
        pure
        returns (uint256 cumulative, uint256 grown)
    {
        uint256 index = search.index;
        if (search.present) {
            _checkPlace(root, operators, search.lower, index, search.lowerProof);
            require(search.lower.operator == operator, WrongNeighbour(operator, search.lower.operator));
            return (search.lower.cumulative, search.lower.grown);
        }
        require(index <= operators, NotInTree(index));
        if (index > 0) {
            _checkPlace(root, operators, search.lower, index - 1, search.lowerProof);
            require(search.lower.operator < operator, WrongNeighbour(operator, search.lower.operator));
        }
        if (index < operators) {
            _checkPlace(root, operators, search.upper, index, search.upperProof);
            require(search.upper.operator > operator, WrongNeighbour(operator, search.upper.operator));
        }
    }

    function _checkPlace(
        bytes32 root,
        uint256 operators,
        RewardsTree.Leaf calldata leaf,
        uint256 index,
        bytes32[] calldata proof
    ) private pure {
        require(root.has(operators, RewardsTree.hashOf(leaf), index, proof), NotInTree(index));
    }
}
