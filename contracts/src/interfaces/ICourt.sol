// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import {RewardsTree} from "../libraries/RewardsTree.sol";
import {IRewards} from "./IRewards.sol";

/// @title Court: voids pending settlements that break past promises
/// @notice Nobody has a role here: a proof decides, or the silence of all who could answer. While a settlement is pending,
/// anyone voids it by showing an allocation out of order or with a wrong sum (`challengeOrder`), or an operator whose
/// allocation is not the parent's and what it has grown by (`challengeGrowth`). A poster that withholds its tree is asked to
/// show a place (`demand`), against a bond; anyone who has the document shows it (`answer`) and takes the bond, and what
/// nobody shows in time voids the settlement (`lapse`). An honest settlement cannot be voided while one party that has its
/// document answers (docs/protocol.md §11.2).
///
/// The Court serves every `Rewards` that names it. It has no power over another one, and none to pay.
interface ICourt {
    /// @notice An allocation and its place.
    /// @param proof From it to the root of its settlement.
    struct Place {
        uint32 index;
        RewardsTree.Leaf leaf;
        bytes32[] proof;
    }

    /// @notice Where an operator is in a rewards tree, or would be.
    /// @param present Whether it is there: then `lower` is its allocation, at `index`. Otherwise `lower` and `upper` are the
    /// neighbours, at `index − 1` and `index`; one that would lie outside the tree is not looked at.
    struct Search {
        bool present;
        uint32 index;
        RewardsTree.Leaf lower;
        bytes32[] lowerProof;
        RewardsTree.Leaf upper;
        bytes32[] upperProof;
    }

    /// @notice A demand that a place be shown.
    /// @param bond attoFIL; of whoever shows the place, or the demander's again.
    /// @param dueAt Unix time in seconds until which an answer keeps the settlement alive.
    /// @param open Whether it was neither answered nor closed.
    struct Demand {
        address demander;
        uint96 bond;
        uint40 dueAt;
        bool open;
    }

    event Disproved(IRewards indexed rewards, uint64 indexed settlement, address indexed challenger, bytes4 challenge);
    event Demanded(
        IRewards indexed rewards,
        uint64 indexed settlement,
        uint32 index,
        address indexed demander,
        uint256 bond,
        uint64 dueAt
    );
    event Answered(IRewards indexed rewards, uint64 indexed settlement, uint32 index, address indexed by);
    /// @param disproved Whether it voided the settlement; otherwise the settlement was no longer pending.
    event Lapsed(IRewards indexed rewards, uint64 indexed settlement, uint32 index, bool disproved);
    event Withdrawn(address indexed who, uint256 amount);

    error NotPending(uint64 settlement);
    /// @notice The settlement has its parent's root: it adds nothing that could be wrong.
    error AddsNothing(uint64 settlement);
    error NotInTree(uint256 index);
    error WrongNeighbour(address sought, address found);
    error NotFraud();
    error WrongRoot(bytes32 expected, bytes32 actual);
    error OutsideTree(uint32 index, uint32 operators);
    error DemandedBefore(uint64 settlement, uint32 index);
    error TooLate(uint64 activeAt, uint256 latest);
    error BondTooSmall(uint256 bond, uint256 needed);
    error NoDemand(uint64 settlement, uint32 index);
    error NotDue(uint64 dueAt, uint256 timestamp);
    error NothingOwed(address who);
    error PaymentFailed(address who, uint256 amount);

    /// @notice Voids a settlement whose first or last allocation, or two neighbours, are out of order or have a wrong
    /// running sum.
    /// @param upper The next allocation; not looked at if `lower` is the last.
    function challengeOrder(
        IRewards rewards,
        uint64 settlement,
        Place calldata lower,
        RewardsTree.Leaf calldata upper,
        bytes32[] calldata upperProof
    ) external;

    /// @notice Voids a settlement that does not continue what its parent promised an operator: `cumulative` is not the
    /// parent's (zero if it is not there) and `grown`. An operator that is missing has neither.
    /// @param here Where it is in the settlement.
    /// @param before Where it is in the parent.
    function challengeGrowth(
        IRewards rewards,
        uint64 settlement,
        address operator,
        Search calldata here,
        Search calldata before
    ) external;

    /// @notice Demands that the place `index` of a pending settlement be shown. Needs a bond of at least `bond()`, and at
    /// least ANSWER_WINDOW and SLACK before the activation, which no demand ever moves.
    /// @param root The settlement's, so that a reorganisation of the chain cannot direct the demand at another.
    function demand(IRewards rewards, uint64 settlement, bytes32 root, uint32 index) external payable;

    /// @notice Shows what was demanded; the bond is then owed to the caller. Possible until the demand lapses.
    function answer(IRewards rewards, uint64 settlement, Place calldata shown) external;

    /// @notice Voids a pending settlement of which a demanded place was not shown in time. If the settlement is no longer
    /// pending, only closes the demand. Either way the bond is owed to the demander. Anyone.
    function lapse(IRewards rewards, uint64 settlement, uint32 index) external;

    /// @notice Pays what is owed. Anyone may call; the money goes to `who`.
    function withdraw(address payable who) external returns (uint256 amount);

    /// @notice Seconds to answer a demand.
    function ANSWER_WINDOW() external view returns (uint64);
    /// @notice Seconds that must remain between the end of the answer window and the activation.
    function SLACK() external view returns (uint64);
    /// @notice The shortest challenge window with which demands are possible for a while, in seconds.
    function LEAST_CHALLENGE_WINDOW() external view returns (uint64);
    /// @notice The bond of a demand made now, in attoFIL: about five answers' worth of gas at the present base fee, and never
    /// less than LEAST_BOND.
    function bond() external view returns (uint256);
    function demandOf(IRewards rewards, uint64 settlement, uint32 index) external view returns (Demand memory);
    /// @notice attoFIL that `who` may withdraw.
    function owed(address who) external view returns (uint256);
}
