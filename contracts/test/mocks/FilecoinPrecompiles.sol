// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

/// @notice Filecoin addresses in bytes, as the chain parses them.
library FilecoinAddress {
    function isValid(bytes memory a) internal pure returns (bool) {
        if (a.length == 0) return false;
        uint8 protocol = uint8(a[0]);
        if (protocol == 0) return _varint(a, 1) == a.length;
        if (protocol == 1 || protocol == 2) return a.length == 21;
        if (protocol == 3) return a.length == 49;
        if (protocol != 4) return false;
        uint256 start = _varint(a, 1);
        return start != 0 && a.length - start <= 54;
    }

    /// @notice The id of a valid f0 address.
    function idOf(bytes memory a) internal pure returns (uint256 id) {
        for (uint256 i = 1; i < a.length; ++i) {
            id |= uint256(uint8(a[i]) & 0x7f) << (7 * (i - 1));
        }
    }

    /// @dev End of the minimal LEB128 number below 2^63 that begins at `at`; 0 if there is none.
    function _varint(bytes memory a, uint256 at) private pure returns (uint256) {
        for (uint256 i = at; i < a.length && i < at + 9; ++i) {
            if (uint8(a[i]) < 0x80) return i > at && a[i] == 0 ? 0 : i + 1;
        }
        return 0;
    }
}

/// @notice The native side of the mock chain: which actors exist, which fail, and what each has received.
contract FilecoinLedger {
    mapping(bytes recipient => uint256) public idOf;
    mapping(bytes recipient => int256) public exitCodeOf;
    mapping(bytes recipient => uint256) public balanceOf;

    function setId(bytes calldata recipient, uint256 id) external {
        idOf[recipient] = id;
    }

    function setExitCode(bytes calldata recipient, int256 exitCode) external {
        exitCodeOf[recipient] = exitCode;
    }

    function receiveFor(bytes calldata recipient) external payable {
        balanceOf[recipient] += msg.value;
    }
}

/// @notice 0xfe00…01, as strict as the real one; to be etched at its address.
contract ResolveAddressPrecompile {
    FilecoinLedger private constant LEDGER = FilecoinLedger(0xfe000000000000000000000000000000000000ff);

    fallback(bytes calldata input) external returns (bytes memory) {
        require(FilecoinAddress.isValid(input));
        if (input[0] == 0) return abi.encode(FilecoinAddress.idOf(input));
        uint256 id = LEDGER.idOf(input);
        return id == 0 ? bytes("") : abi.encode(id);
    }
}

/// @notice 0xfe00…03, as strict as the real one (FIP-0054); to be etched at its address. It runs in its caller's
/// context, by DELEGATECALL only. Malformed input fails the call; a failed send does not, but sets the exit code.
contract CallActorPrecompile {
    address private constant SELF = 0xfe00000000000000000000000000000000000003;
    FilecoinLedger private constant LEDGER = FilecoinLedger(0xfe000000000000000000000000000000000000ff);
    int256 private constant INSUFFICIENT_FUNDS = -5;
    int256 private constant UNHANDLED_MESSAGE = 22;

    fallback(bytes calldata input) external payable returns (bytes memory) {
        require(address(this) != SELF);
        require(input.length >= 256);
        for (uint256 i = 0; i < 4; ++i) {
            // Method, flags and codec fit into 64 bits; the second word, the value, has 256.
            require(i == 1 || uint256(bytes32(input[32 * i:])) <= type(uint64).max);
        }
        (uint64 method, uint256 value, uint64 flags, uint64 codec, bytes memory params, bytes memory recipient) =
            abi.decode(input, (uint64, uint256, uint64, uint64, bytes, bytes));
        // Exactly these bytes.
        require(keccak256(abi.encode(method, value, flags, codec, params, recipient)) == keccak256(input));
        require(method == 0 || method > 1023);
        require(flags <= 1);
        require(codec == 0x51 || (codec == 0 && params.length == 0));
        require(FilecoinAddress.isValid(recipient));
        return abi.encode(_send(method, value, flags, recipient), uint64(0), bytes(""));
    }

    function _send(uint64 method, uint256 value, uint64 flags, bytes memory recipient) private returns (int256) {
        if (value > address(this).balance) return INSUFFICIENT_FUNDS;
        if (method != 0) return UNHANDLED_MESSAGE;
        require(flags == 0 || value == 0);
        int256 exitCode = LEDGER.exitCodeOf(recipient);
        if (exitCode == 0) LEDGER.receiveFor{value: value}(recipient);
        return exitCode;
    }
}

/// @notice Returns a given number of zeros, or reverts with them, which a precompile never does.
contract Zeros {
    uint256 private immutable COUNT;
    bool private immutable REVERTS;

    constructor(uint256 count, bool reverts) {
        (COUNT, REVERTS) = (count, reverts);
    }

    fallback() external payable {
        (uint256 count, bool reverts) = (COUNT, REVERTS);
        assembly ("memory-safe") {
            let zeros := mload(0x40)
            if reverts { revert(zeros, count) }
            return(zeros, count)
        }
    }
}
