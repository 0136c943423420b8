// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {Vm} from "forge-std/Vm.sol";

import {IRounds} from "../src/interfaces/IRounds.sol";

/// @title The parameter file of `assize deploy` (docs/params), as forge scripts read it
/// @notice `assize deploy plan` is stricter: it rejects unknown fields and warns of unusual values. Run it first.
library ParameterFile {
    Vm private constant VM = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

    uint256 private constant MAINNET = 314;
    uint256 private constant CALIBRATION = 314_159;
    uint64 private constant MAINNET_GENESIS = 1_598_306_400;
    uint64 private constant CALIBRATION_GENESIS = 1_667_326_380;
    uint256 private constant PUBLIC_KEY_LENGTH = 256;
    /// @dev Addresses below this are precompiles and the placeholders of docs/params.
    uint160 private constant FIRST_ADDRESS = 0x10000;
    /// @dev Filecoin's gas is about 450 times Ethereum's.
    uint256 private constant MIN_FILECOIN_PAYMENT_GAS = 30_000_000;
    /// @dev Seconds of Filecoin's epoch.
    uint256 private constant EPOCH = 30;

    /// @dev The arguments of `Roles`; evaluators ascending.
    struct RolesArguments {
        address owner;
        address guardian;
        uint64 minChallengeWindow;
        uint64 challengeWindow;
        address[] evaluators;
        uint256 threshold;
    }

    /// @dev The arguments of `Court`.
    struct CourtArguments {
        uint64 answerWindow;
        uint64 slack;
        uint64 demandWindow;
        uint256 leastBond;
    }

    function text(string memory json, string memory key) internal pure returns (string memory) {
        return VM.parseJsonString(json, key);
    }

    function number(string memory json, string memory key) internal pure returns (uint256) {
        return VM.parseJsonUint(json, key);
    }

    function addressOf(string memory json, string memory key) internal pure returns (address) {
        return VM.parseJsonAddress(json, key);
    }

    /// @notice Empty if the field is missing.
    function addressesOf(string memory json, string memory key) internal view returns (address[] memory) {
        return VM.keyExistsJson(json, key) ? VM.parseJsonAddressArray(json, key) : new address[](0);
    }

    /// @notice `mainnet`, `calibration` or `devnet-<id>`, as in `assize deploy`.
    function chainName(string memory json) internal pure returns (string memory) {
        uint256 chainId = number(json, ".chainId");
        if (chainId == MAINNET) return "mainnet";
        if (chainId == CALIBRATION) return "calibration";
        return string.concat("devnet-", VM.toString(chainId));
    }

    /// @notice Public key in EIP-2537's form, genesis and period.
    function drand(string memory json) internal pure returns (bytes memory key, uint64 genesis, uint64 period) {
        key = VM.parseJsonBytes(json, ".beacon.publicKey");
        require(
            key.length == PUBLIC_KEY_LENGTH,
            "beacon.publicKey: use the 256 bytes of EIP-2537's form, because Solidity cannot decompress a point: "
            "`assize deploy plan --params FILE --format json` prints them as params.beacon.publicKey"
        );
        genesis = _uint64(json, ".beacon.genesis");
        period = _uint64(json, ".beacon.period");
    }

    /// @notice Unix time of the chain's epoch 0, and the slack.
    function filecoin(string memory json) internal view returns (uint64 genesis, uint64 slackEpochs) {
        bytes32 kind = keccak256(bytes(text(json, ".beacon.kind")));
        uint256 chainId = number(json, ".chainId");
        if (kind == keccak256("filecoin-mainnet")) {
            require(chainId == MAINNET, "beacon.kind: filecoin-mainnet works on chain 314 only; use drand elsewhere");
            genesis = MAINNET_GENESIS;
        } else if (kind == keccak256("filecoin-calibration")) {
            require(
                chainId == CALIBRATION,
                "beacon.kind: filecoin-calibration works on chain 314159 only; use drand elsewhere"
            );
            genesis = CALIBRATION_GENESIS;
        } else {
            revert("beacon.kind: use drand, filecoin-mainnet or filecoin-calibration");
        }
        if (VM.keyExistsJson(json, ".beacon.slackEpochs")) slackEpochs = _uint64(json, ".beacon.slackEpochs");
    }

    function roundParameters(string memory json) internal pure returns (IRounds.Parameters memory) {
        return IRounds.Parameters({
            roundDuration: uint32(_bounded(json, ".parameters.roundDuration", type(uint32).max)),
            beaconDelay: uint32(_bounded(json, ".parameters.beaconDelay", type(uint32).max)),
            step: uint32(_bounded(json, ".parameters.step", type(uint32).max)),
            minCommitteeSize: uint16(_bounded(json, ".parameters.minCommitteeSize", type(uint16).max)),
            maxCommitteeSize: uint16(_bounded(json, ".parameters.maxCommitteeSize", type(uint16).max)),
            quorum: uint16(_bounded(json, ".parameters.quorum", type(uint16).max)),
            maxTasksPerCommittee: uint16(_bounded(json, ".parameters.maxTasksPerCommittee", type(uint16).max)),
            targetMeasurements: uint32(_bounded(json, ".parameters.targetMeasurements", type(uint32).max)),
            budget: uint96(_bounded(json, ".parameters.budget", type(uint96).max))
        });
    }

    function roles(string memory json) internal view returns (RolesArguments memory) {
        return RolesArguments({
            owner: addressOf(json, ".owner"),
            guardian: addressOf(json, ".guardian"),
            minChallengeWindow: _uint64(json, ".minChallengeWindow"),
            challengeWindow: _uint64(json, ".challengeWindow"),
            evaluators: _sorted(addressesOf(json, ".evaluators")),
            threshold: number(json, ".threshold")
        });
    }

    function court(string memory json) internal pure returns (CourtArguments memory) {
        return CourtArguments({
            answerWindow: _uint64(json, ".court.answerWindow"),
            slack: _uint64(json, ".court.slack"),
            demandWindow: _uint64(json, ".court.demandWindow"),
            leastBond: number(json, ".court.leastBond")
        });
    }

    /// @notice On Filecoin mainnet, rejects what `assize deploy plan` rejects, all problems together.
    function refuseDangers(string memory json) internal view {
        if (number(json, ".chainId") != MAINNET) return;
        RolesArguments memory m = roles(json);
        CourtArguments memory c = court(json);
        address owner = m.owner;
        address treasury = addressOf(json, ".treasury");
        address coordinator = addressOf(json, ".coordinator");
        string memory found = "";
        found = _note(found, m.minChallengeWindow < 1 days, "minChallengeWindow is less than a day");
        found = _note(found, m.challengeWindow < 1 days, "challengeWindow is less than a day");
        found = _note(found, m.evaluators.length < 2, "a single evaluator decides over all money");
        found = _note(found, m.threshold < 2, "threshold lets one evaluator decide over all money");
        found = _note(found, number(json, ".parameters.budget") == 0, "parameters.budget is zero");
        found = _note(found, number(json, ".parameters.step") < EPOCH, "parameters.step is less than an epoch");
        found = _note(found, c.answerWindow < 1 days, "court.answerWindow is less than a day");
        found = _note(found, c.slack < 1 hours, "court.slack is less than an hour");
        found = _note(found, c.demandWindow < 1 hours, "court.demandWindow is less than an hour");
        found = _note(found, c.leastBond == 0, "court.leastBond is zero");
        found = _note(
            found, number(json, ".paymentGas") < MIN_FILECOIN_PAYMENT_GAS, "paymentGas is too low for Filecoin's gas"
        );
        found = _note(
            found,
            keccak256(bytes(text(json, ".beacon.kind"))) != keccak256("filecoin-mainnet"),
            "beacon.kind is not filecoin-mainnet"
        );
        found = _note(found, owner == m.guardian, "owner and guardian are one address");
        found = _note(found, owner == coordinator, "owner and coordinator are one address");
        found = _note(found, m.guardian == coordinator, "guardian and coordinator are one address");
        found = _note(found, m.guardian == treasury, "guardian and treasury are one address");
        found = _note(found, _contains(m.evaluators, owner), "the owner is an evaluator");
        found = _note(found, _contains(m.evaluators, m.guardian), "the guardian is an evaluator");
        found = _note(found, _contains(m.evaluators, coordinator), "the coordinator is an evaluator");
        address[] memory publishers = addressesOf(json, ".publishers");
        for (uint256 i = 0; i < publishers.length; ++i) {
            found = _note(found, _contains(m.evaluators, publishers[i]), "a publisher is an evaluator");
            found = _note(found, publishers[i] == owner, "a publisher is the owner");
            found = _note(found, publishers[i] == m.guardian, "a publisher is the guardian");
            found = _note(found, _isPlaceholder(publishers[i]), "a publisher is a placeholder");
        }
        for (uint256 i = 0; i < m.evaluators.length; ++i) {
            found = _note(found, _isPlaceholder(m.evaluators[i]), "an evaluator is a placeholder");
        }
        found = _note(found, _isPlaceholder(owner), "owner is a placeholder");
        found = _note(found, _isPlaceholder(coordinator), "coordinator is a placeholder");
        found = _note(found, _isPlaceholder(m.guardian), "guardian is a placeholder");
        found = _note(found, _isPlaceholder(treasury), "treasury is a placeholder");
        require(bytes(found).length == 0, string.concat("rejected on chain 314: ", found));
    }

    function _note(string memory found, bool applies, string memory what) private pure returns (string memory) {
        if (!applies) return found;
        return bytes(found).length == 0 ? what : string.concat(found, "; ", what);
    }

    function _isPlaceholder(address account) private pure returns (bool) {
        return uint160(account) < FIRST_ADDRESS;
    }

    function _contains(address[] memory accounts, address account) private pure returns (bool) {
        for (uint256 i = 0; i < accounts.length; ++i) {
            if (accounts[i] == account) return true;
        }
        return false;
    }

    function _uint64(string memory json, string memory key) private pure returns (uint64) {
        return uint64(_bounded(json, key, type(uint64).max));
    }

    function _bounded(string memory json, string memory key, uint256 max) private pure returns (uint256 value) {
        value = number(json, key);
        require(value <= max, string.concat(key, " is more than ", VM.toString(max)));
    }

    function _sorted(address[] memory accounts) private pure returns (address[] memory) {
        for (uint256 i = 1; i < accounts.length; ++i) {
            address moved = accounts[i];
            uint256 j = i;
            for (; j > 0 && accounts[j - 1] > moved; --j) {
                accounts[j] = accounts[j - 1];
            }
            accounts[j] = moved;
        }
        return accounts;
    }
}
