// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

import {IRounds} from "../interfaces/IRounds.sol";

/// @title What stations commit themselves, once a round, because every publisher left them out
/// @notice The bytes are in events, so that whoever can read the chain can read them.
abstract contract OwnInclusion is IRounds, EIP712 {
    /// @notice EIP-712 type that stations sign.
    bytes32 public constant SEAL_TYPEHASH =
        keccak256("Seal(uint64 round,uint32 station,address operator,uint256 tasks,bytes32 report)");
    /// @notice Maximum length of a report in bytes.
    uint256 public constant MAX_REPORT = 48 * 1024;
    /// @dev Filecoin's events hold 8 KiB.
    uint256 private constant PIECE = 8000;

    // slither-disable-next-line uninitialized-state
    mapping(uint64 round => mapping(FileKind kind => uint32[])) private _stations;
    mapping(uint64 round => mapping(FileKind kind => mapping(uint32 station => bytes32 digest))) private _digests;

    /// @inheritdoc IRounds
    function ownCount(uint64 round, FileKind kind) external view returns (uint32) {
        return SafeCast.toUint32(_stations[round][kind].length);
    }

    /// @inheritdoc IRounds
    function own(uint64 round, FileKind kind, uint32 start, uint32 limit) external view returns (Own[] memory page) {
        uint32[] storage all = _stations[round][kind];
        uint256 end = Math.min(uint256(start) + limit, all.length);
        page = new Own[](Math.saturatingSub(end, start));
        for (uint256 i = 0; i < page.length; ++i) {
            uint32 station = all[start + i];
            page[i] = Own({station: station, digest: _digests[round][kind][station]});
        }
    }

    /// @inheritdoc IRounds
    function digestOf(Seal calldata signed) public view returns (bytes32) {
        return _hashTypedDataV4(_hashOf(signed));
    }

    /// @dev Records a station's own seal.
    function _sealOwn(Seal calldata signed, bytes calldata signature) internal {
        _note(signed, FileKind.Seals, _hashOf(signed));
        emit OwnSealed(signed.round, signed.station, signed, signature);
    }

    /// @dev Records a station's own report, and emits its bytes.
    function _commitOwn(Seal calldata signed, bytes calldata signature, bytes calldata report) internal {
        require(report.length > 0 && report.length <= MAX_REPORT, ReportLength(report.length, MAX_REPORT));
        require(sha256(report) == signed.report, WrongReport(signed.report));
        _note(signed, FileKind.Lines, signed.report);
        emit OwnCommitted(signed.round, signed.station, signed, signature);
        for (uint256 at = 0; at < report.length; at += PIECE) {
            emit OwnPiece(signed.round, signed.station, at, report[at:Math.min(at + PIECE, report.length)]);
        }
    }

    /// @dev Whether the seal is the one of a station in the roster, for tasks that the round has.
    function _checkSeal(
        bytes32 rosterRoot,
        uint256 tasksPerCommittee,
        Seal calldata signed,
        bytes calldata signature,
        Station calldata entry,
        bytes32[] calldata proof
    ) internal view {
        bytes memory fields = abi.encode(uint256(signed.station), entry.station, entry.operator, entry.subnet);
        bytes32 leaf = keccak256(bytes.concat(keccak256(fields)));
        require(MerkleProof.verifyCalldata(proof, rosterRoot, leaf), NotInRoster(signed.round, signed.station));
        require(signed.operator == entry.operator, WrongOperator(entry.operator, signed.operator));
        require(
            signed.tasks != 0 && (tasksPerCommittee > 255 || signed.tasks >> tasksPerCommittee == 0),
            NoSuchTasks(signed.tasks, tasksPerCommittee)
        );
        // An invalid signature recovers to the zero address, which no roster should list.
        // slither-disable-next-line unused-return
        (address signer,,) = ECDSA.tryRecoverCalldata(digestOf(signed), signature);
        require(signer != address(0) && signer == entry.station, NotSigned(entry.station));
    }

    function _note(Seal calldata signed, FileKind kind, bytes32 digest) private {
        mapping(uint32 => bytes32) storage digests = _digests[signed.round][kind];
        require(digests[signed.station] == 0, OwnAlready(signed.round, signed.station));
        digests[signed.station] = digest;
        _stations[signed.round][kind].push(signed.station);
    }

    function _hashOf(Seal calldata signed) private pure returns (bytes32) {
        return keccak256(abi.encode(SEAL_TYPEHASH, signed));
    }
}
