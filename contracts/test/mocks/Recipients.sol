// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {IRewards} from "../../src/interfaces/IRewards.sol";

/// @notice Refuses money until told otherwise.
contract Refuser {
    bool public accepts;

    receive() external payable {
        require(accepts, "no money");
    }

    function setAccepts(bool value) external {
        accepts = value;
    }
}

/// @notice Burns all the gas it is given.
contract GasBurner {
    receive() external payable {
        assembly ("memory-safe") {
            invalid()
        }
    }
}

/// @notice Returns, or reverts with, 100 kB: a caller that copies it pays for it.
contract ReturnBomb {
    bool private immutable REVERTS;

    constructor(bool reverts) {
        REVERTS = reverts;
    }

    receive() external payable {
        bool reverts = REVERTS;
        assembly ("memory-safe") {
            let bomb := mload(0x40)
            if reverts { revert(bomb, 100000) }
            return(bomb, 100000)
        }
    }
}

/// @notice Needs a given amount of gas to take money.
contract HungryRecipient {
    uint256 private immutable APPETITE;

    constructor(uint256 appetite) {
        APPETITE = appetite;
    }

    receive() external payable {
        uint256 before = gasleft();
        uint256 stop = before > APPETITE ? before - APPETITE : 0;
        while (gasleft() > stop) {}
    }
}

/// @notice Calls back into Rewards when paid.
contract Reentrant {
    IRewards private immutable REWARDS;
    bytes private call;
    bool public reentered;
    bytes public reason;

    constructor(IRewards rewards) {
        REWARDS = rewards;
    }

    receive() external payable {
        (bool success, bytes memory result) = address(REWARDS).call(call);
        reentered = success;
        reason = result;
    }

    function setCall(bytes calldata data) external {
        call = data;
    }
}
