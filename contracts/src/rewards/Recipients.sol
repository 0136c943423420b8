// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {IRewards} from "../interfaces/IRewards.sol";
import {Fvm} from "../libraries/Fvm.sol";
import {Pool} from "./Pool.sol";

/// @title Amounts paid to operators, and their payout addresses
abstract contract Recipients is Pool {
    /// @dev One slot per operator: the amount paid, and its payout address. Zero stands for the operator itself,
    /// `Fvm.CALL_ACTOR` for a native address in `_nativePayoutAddresses`. 2^96 attoFIL are 40 times all FIL that will
    /// ever exist.
    struct Account {
        uint96 claimed;
        address payoutAddress;
    }

    /// @dev Where the accounts begin: operators' slots are not hashed. On Filecoin, storage is a tree by slot, and what a call
    /// costs is mostly the tree's nodes that it writes. Settlements list operators by address, so neighbours of a batch share
    /// nodes here. No other slot comes here: those of mappings are hashes, and these 96 bits would have to be found.
    bytes32 private constant ACCOUNTS = bytes32(bytes12(keccak256("assize.rewards.accounts")));

    mapping(address operator => bytes recipient) private _nativePayoutAddresses;

    /// @inheritdoc IRewards
    function setPayoutAddress(address recipient) external {
        require(recipient != Fvm.CALL_ACTOR && !Fvm.isMaskedId(recipient), BadRecipient(abi.encodePacked(recipient)));
        address current = recipient == address(0) ? msg.sender : recipient;
        require(current != payoutAddressOf(msg.sender), NothingChanged());
        _changePayoutAddress(current, "");
    }

    /// @inheritdoc IRewards
    function setNativePayoutAddress(bytes calldata recipient) external {
        require(Fvm.isHere(), NoFilecoinPrecompiles());
        require(Fvm.isNative(recipient), BadRecipient(recipient));
        require(keccak256(recipient) != keccak256(_nativePayoutAddresses[msg.sender]), NothingChanged());
        _changePayoutAddress(Fvm.CALL_ACTOR, recipient);
    }

    /// @inheritdoc IRewards
    function claimed(address operator) external view returns (uint256 attoFil) {
        return _accountOf(operator).claimed;
    }

    /// @inheritdoc IRewards
    function nativePayoutAddressOf(address operator) external view returns (bytes memory) {
        return _nativePayoutAddresses[operator];
    }

    /// @inheritdoc IRewards
    function payoutAddressOf(address operator) public view returns (address) {
        return _recipientOf(operator, _accountOf(operator).payoutAddress);
    }

    /// @dev Pays an operator's recipient; false if the money has not left.
    function _pay(address operator, address recipient, uint256 amount, uint256 gasLimit) internal returns (bool) {
        if (recipient == Fvm.CALL_ACTOR) {
            return Fvm.send(_nativePayoutAddresses[operator], amount, gasLimit);
        }
        return _transfer(recipient, amount, gasLimit);
    }

    /// @dev An operator's account: its slot is `ACCOUNTS` with the address in the 160 bits below.
    function _accountOf(address operator) internal pure returns (Account storage account) {
        bytes32 slot = ACCOUNTS | bytes32(uint256(uint160(operator)));
        assembly ("memory-safe") {
            account.slot := slot
        }
    }

    function _recipientOf(address operator, address payoutAddress) internal pure returns (address) {
        return payoutAddress == address(0) ? operator : payoutAddress;
    }

    function _changePayoutAddress(address current, bytes memory native) private {
        emit PayoutAddressChanged(msg.sender, payoutAddressOf(msg.sender), current, native);
        _accountOf(msg.sender).payoutAddress = current == msg.sender ? address(0) : current;
        _nativePayoutAddresses[msg.sender] = native;
    }
}
