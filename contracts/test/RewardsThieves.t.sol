// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {FilecoinFixture} from "./FilecoinFixture.sol";
import {ThievesHandler} from "./handlers/ThievesHandler.sol";
import {ThievesWorld} from "./handlers/ThievesWorld.sol";

/// @notice A thief with the keys of any one role gets nothing that was promised to others.
contract RewardsThievesTest is FilecoinFixture {
    ThievesHandler private handler;

    function setUp() public override {
        super.setUp();
        uint256[] memory keys = new uint256[](evaluators.length);
        for (uint256 i = 0; i < keys.length; ++i) {
            keys[i] = keyOf[evaluators[i]];
        }
        ThievesWorld.Cast memory actors = ThievesWorld.Cast({
            owner: OWNER, guardian: GUARDIAN, coordinator: COORDINATOR, publisher: PUBLISHER, treasury: TREASURY
        });
        handler = new ThievesHandler(rounds, rewards, actors, keys, 100 ether);
        bytes4[] memory actions = new bytes4[](15);
        actions[0] = handler.deposit.selector;
        actions[1] = handler.force.selector;
        actions[2] = handler.playRound.selector;
        actions[3] = handler.pass.selector;
        actions[4] = handler.post.selector;
        actions[5] = handler.govern.selector;
        actions[6] = handler.setPayout.selector;
        actions[7] = handler.setAccepts.selector;
        actions[8] = handler.setPrecompile.selector;
        actions[9] = handler.claim.selector;
        actions[10] = handler.claimMany.selector;
        actions[11] = handler.withdrawSurplus.selector;
        actions[12] = handler.tryEverything.selector;
        actions[13] = handler.steal.selector;
        actions[14] = handler.sync.selector;
        targetSelector(FuzzSelector(address(handler), actions));
        targetContract(address(handler));
    }

    function invariant_aThiefGetsNothing() public view {
        handler.check();
    }

    function afterInvariant() public {
        handler.checkAll();
    }
}
