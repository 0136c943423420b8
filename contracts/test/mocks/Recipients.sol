// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {IRewards} from "../../src/interfaces/IRewards.sol";

/// @notice Rejects payments until configured otherwise.
contract Refuser {
    bool public accepts;

    receive() external payable {
        require(accepts, "no money");
    }

    function setAccepts(bool value) external {
        accepts = value;
    }
}

/// @notice Takes a payment, and the money is back before the call ends, not as a deposit.
contract Returner {
    receive() external payable {
        assembly ("memory-safe") {
            selfdestruct(caller())
        }
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

/// @notice Returns, or reverts with, this many bytes: a caller that copies them pays for them.
contract ReturnBomb {
    bool private immutable REVERTS;
    uint256 private immutable SIZE;

    constructor(bool reverts, uint256 size) {
        (REVERTS, SIZE) = (reverts, size);
    }

    receive() external payable {
        (bool reverts, uint256 size) = (REVERTS, SIZE);
        assembly ("memory-safe") {
            let bomb := mload(0x40)
            if reverts { revert(bomb, size) }
            return(bomb, size)
        }
    }
}

/// @notice Needs a given amount of gas to accept a payment.
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

/// @notice Makes a configured call when paid, and accepts the payment in any case.
contract Grabber {
    address private target;
    bytes private call;

    receive() external payable {
        (bool success,) = target.call(call);
        // The balance shows whether it succeeded.
        success;
    }

    function setCall(address to, bytes calldata data) external {
        (target, call) = (to, data);
    }
}
