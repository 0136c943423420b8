// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

/// @title Payments to Filecoin's native accounts
/// @notice The EVM cannot call wallets of protocols 1 (secp256k1), 2 (actors, such as multisigs) and 3 (BLS), and of
/// protocol 0 (ids) only actors that handle calls: miners do not. They are paid through the `call_actor` precompile
/// (FIP-0054) with method 0, which runs no code of the recipient.
library Fvm {
    /// @notice `resolve_address`: takes a Filecoin address in bytes; returns the actor's id as a word, or nothing.
    address internal constant RESOLVE_ADDRESS = 0xFE00000000000000000000000000000000000001;
    /// @notice `call_actor`, by DELEGATECALL only.
    address internal constant CALL_ACTOR = 0xfe00000000000000000000000000000000000003;

    bytes1 private constant ID = 0x00;
    bytes1 private constant SECP256K1 = 0x01;
    bytes1 private constant ACTOR = 0x02;
    bytes1 private constant BLS = 0x03;
    /// @dev Protocol and a hash of 20 bytes.
    uint256 private constant HASHED_LENGTH = 21;
    /// @dev Protocol and a public key of 48 bytes.
    uint256 private constant BLS_LENGTH = 49;
    /// @dev f00, the system actor, which every Filecoin chain has.
    bytes private constant SYSTEM_ACTOR = hex"0000";
    uint64 private constant SEND = 0;
    uint64 private constant NO_FLAGS = 0;
    uint64 private constant NO_CODEC = 0;

    /// @notice Whether the bytes are an f0, f1, f2 or f3 address, as the chain reads them.
    function isNative(bytes memory recipient) internal view returns (bool) {
        if (recipient.length > 0 && recipient[0] == ID) return _resolves(recipient);
        if (recipient.length == HASHED_LENGTH) return recipient[0] == SECP256K1 || recipient[0] == ACTOR;
        return recipient.length == BLS_LENGTH && recipient[0] == BLS;
    }

    /// @notice Whether an address is the masked form of an actor's id: 0xff, eleven zero bytes, the id.
    function isMaskedId(address recipient) internal pure returns (bool) {
        return uint160(recipient) >> 64 == uint256(0xff) << 88;
    }

    /// @notice Whether this chain has Filecoin's precompiles. Elsewhere their addresses have no code, and a call to
    /// them succeeds and returns nothing.
    function isHere() internal view returns (bool) {
        return _resolves(SYSTEM_ACTOR);
    }

    /// @notice Sends attoFIL to an f0, f1, f2 or f3 address. The call of the precompile succeeds even if the payment
    /// failed; its first word is the exit code.
    function send(bytes memory recipient, uint256 amount, uint256 gasLimit) internal returns (bool success) {
        bytes memory message = abi.encode(SEND, amount, NO_FLAGS, NO_CODEC, "", recipient);
        address callActor = CALL_ACTOR;
        assembly ("memory-safe") {
            // Exit code into scratch space: 1 stands for any failure, and remains if nothing is returned.
            mstore(0, 1)
            success := delegatecall(gasLimit, callActor, add(message, 0x20), mload(message), 0, 0x20)
            success := and(success, and(gt(returndatasize(), 0x1f), iszero(mload(0))))
        }
    }

    function _resolves(bytes memory recipient) private view returns (bool) {
        (bool success, bytes memory id) = RESOLVE_ADDRESS.staticcall(recipient);
        return success && id.length == 32;
    }
}
