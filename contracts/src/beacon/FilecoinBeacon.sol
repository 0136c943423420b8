// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

import {Blake2b} from "../libraries/Blake2b.sol";
import {IBeacon} from "./IBeacon.sol";

/// @title Verifies drand beacons through Filecoin's consensus
/// @notice Each Filecoin epoch carries the quicknet beacon published 30 seconds before it. A precompile returns the
/// BLAKE2b-256 digest of its signature (FIP-0095), and this contract compares (docs/protocol.md §2). Only one round in
/// ten is on the chain, and only once its epoch is reached.
contract FilecoinBeacon is IBeacon {
    using SafeCast for uint256;
    using SafeCast for int256;

    uint256 private constant COMPRESSED_LENGTH = 48;
    uint256 private constant COMPRESSED_AND_Y_LENGTH = 96;

    uint256 private constant QUICKNET_GENESIS = 1_692_803_367;
    uint256 private constant QUICKNET_PERIOD = 3;
    uint256 private constant EPOCH_SECONDS = 30;
    /// @dev Beacon rounds per epoch.
    int256 private constant STRIDE = 10;
    /// @dev When block N executes, the beacon of epoch N + 1 is already published: N + 2 has the first unknown one.
    uint256 private constant EPOCHS_KNOWN_AHEAD = 2;
    uint64 private constant MAX_SLACK_EPOCHS = 900;

    /// @notice FIP-0095's precompile: the digest of the beacon signature of an epoch.
    address public constant BEACON_DIGEST = 0xfE00000000000000000000000000000000000006;

    /// @notice Unix time of Filecoin's epoch 0: mainnet 1598306400, calibration 1667326380.
    uint64 public immutable FILECOIN_GENESIS;
    /// @notice Epochs between the first unpredictable beacon and the one a round waits for: a margin for reorgs.
    uint64 public immutable SLACK_EPOCHS;
    /// @notice Epoch E carries round `10·E + ROUND_OFFSET`: mainnet -31498998, calibration -8492338.
    int256 public immutable ROUND_OFFSET;

    /// @notice Epochs are not aligned with quicknet's three-second grid.
    error GenesisOffGrid(uint64 filecoinGenesis);
    error TooMuchSlack(uint64 slackEpochs, uint64 max);
    /// @notice No epoch carries this round.
    error RoundNotOnChain(uint64 round);
    /// @notice The epoch that carries the round has not been reached.
    error FutureEpoch(uint256 epoch, uint256 current);
    /// @notice The precompile returned no digest: not Filecoin, or before network version 24.
    error NoBeaconDigest(uint256 epoch);

    /// @param filecoinGenesis Unix time of the chain's epoch 0 in seconds.
    /// @param slackEpochs Epochs to wait beyond the minimum of two; at most 900 (finality).
    constructor(uint64 filecoinGenesis, uint64 slackEpochs) {
        require(slackEpochs <= MAX_SLACK_EPOCHS, TooMuchSlack(slackEpochs, MAX_SLACK_EPOCHS));
        // FIP-0063: the beacon of epoch E is the newest one 30 seconds before the epoch's time.
        int256 seconds_ = uint256(filecoinGenesis).toInt256() - EPOCH_SECONDS.toInt256() - QUICKNET_GENESIS.toInt256();
        int256 period = QUICKNET_PERIOD.toInt256();
        require(seconds_ % period == 0, GenesisOffGrid(filecoinGenesis));
        FILECOIN_GENESIS = filecoinGenesis;
        SLACK_EPOCHS = slackEpochs;
        ROUND_OFFSET = seconds_ / period + 1;
    }

    /// @inheritdoc IBeacon
    /// @dev The epoch of `timestamp`, plus two, plus the slack. Its beacon is published one epoch before it, so always
    /// after `timestamp`.
    function roundAfter(uint256 timestamp) external view returns (uint64 round) {
        // Before quicknet or the chain started: the first round of both.
        uint256 time = Math.max(timestamp, Math.max(FILECOIN_GENESIS, QUICKNET_GENESIS));
        uint256 epoch = (time - FILECOIN_GENESIS) / EPOCH_SECONDS + EPOCHS_KNOWN_AHEAD + SLACK_EPOCHS;
        return (STRIDE * epoch.toInt256() + ROUND_OFFSET).toUint256().toUint64();
    }

    /// @inheritdoc IBeacon
    function verify(uint64 round, bytes calldata signature) external view returns (bytes32 randomness) {
        require(
            signature.length == COMPRESSED_LENGTH || signature.length == COMPRESSED_AND_Y_LENGTH,
            SignatureLength(signature.length)
        );
        require(round > 0, RoundZero());
        bytes calldata compressed = signature[:COMPRESSED_LENGTH];
        require(Blake2b.hash(compressed) == _digestOf(_epochOf(round)), WrongSignature(round));
        return sha256(compressed);
    }

    /// @dev The epoch that carries a round.
    function _epochOf(uint64 round) private view returns (uint256 epoch) {
        int256 distance = uint256(round).toInt256() - ROUND_OFFSET;
        require(distance >= 0 && distance % STRIDE == 0, RoundNotOnChain(round));
        return (distance / STRIDE).toUint256();
    }

    /// @dev Warning: for a future epoch, the precompile aborts the whole transaction and consumes all its gas, so the
    /// check comes first (FIP-0095).
    function _digestOf(uint256 epoch) private view returns (bytes32) {
        require(epoch <= block.number, FutureEpoch(epoch, block.number));
        (bool success, bytes memory digest) = BEACON_DIGEST.staticcall(abi.encode(epoch));
        require(success && digest.length == 32, NoBeaconDigest(epoch));
        return abi.decode(digest, (bytes32));
    }
}
