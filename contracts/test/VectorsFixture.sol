// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {Rounds} from "../src/Rounds.sol";
import {IBeacon} from "../src/beacon/IBeacon.sol";
import {RoundsFixture} from "./RoundsFixture.sol";

/// @notice Reads `docs/vectors/v2` (docs/protocol.md §13), against which the Rust crates are tested too.
abstract contract VectorsFixture is RoundsFixture {
    string internal json;
    string internal path;

    /// @dev Selects a case of a file; false after the last.
    function at(string memory name, uint256 index) internal returns (bool) {
        // forge-lint: disable-next-line(unsafe-cheatcode) reading is all that foundry.toml permits
        json = vm.readFile(string.concat("docs/vectors/v2/", name, ".json"));
        path = string.concat(".cases[", vm.toString(index), "]");
        assertEq(vm.parseJsonUint(json, ".version"), 2);
        bool exists = vm.keyExistsJson(json, path);
        assertTrue(exists || index > 0, "no cases");
        return exists;
    }

    function roundsAt(address place, IBeacon beacon) internal returns (Rounds) {
        deployCodeTo(
            "Rounds.sol:Rounds", abi.encode(roles, beacon, COORDINATOR, publishers(), defaultParameters()), place
        );
        return Rounds(place);
    }

    function entryOf(string memory key, uint256 index) internal pure returns (string memory) {
        return string.concat(key, "[", vm.toString(index), "]");
    }

    function word(string memory key) internal view returns (bytes32) {
        return vm.parseJsonBytes32(json, string.concat(path, key));
    }

    function words(string memory key) internal view returns (bytes32[] memory) {
        return vm.parseJsonBytes32Array(json, string.concat(path, key));
    }

    function number(string memory key) internal view returns (uint256) {
        return vm.parseJsonUint(json, string.concat(path, key));
    }

    function addressAt(string memory key) internal view returns (address) {
        return vm.parseJsonAddress(json, string.concat(path, key));
    }

    function content(string memory key) internal view returns (bytes memory) {
        return vm.parseJsonBytes(json, string.concat(path, key));
    }

    function has(string memory key) internal view returns (bool) {
        return vm.keyExistsJson(json, string.concat(path, key));
    }
}
