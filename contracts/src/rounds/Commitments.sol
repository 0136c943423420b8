// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

import {IRounds} from "../interfaces/IRounds.sol";
import {Cid} from "../libraries/Cid.sol";

/// @title Commitments of publishers to lists of seals and to batches
/// @notice A commitment belongs to its publisher, round, kind and root: nobody can occupy another's.
abstract contract Commitments is IRounds {
    /// @dev A commitment in storage.
    struct Stored {
        bytes32 root;
        bytes32 cidDigest;
        address publisher;
        uint40 committedAt;
        uint32 count;
        bytes1 cidCodec;
    }

    /// @notice Maximum number of lines in one file.
    uint32 public constant MAX_LINES = 100_000;
    /// @dev Files of each kind that a publisher may commit to a round, beside twice those that all lines fill.
    uint256 private constant SPARE_FILES = 4;

    // slither-disable-next-line uninitialized-state
    mapping(uint64 round => mapping(FileKind kind => Stored[])) private _stored;
    mapping(bytes32 key => bool) private _isCommitted;
    mapping(uint64 round => mapping(FileKind kind => mapping(address publisher => uint256))) private _files;

    /// @inheritdoc IRounds
    function isCommitted(address publisher, uint64 round, FileKind kind, bytes32 root) external view returns (bool) {
        return _isCommitted[_key(publisher, round, kind, root)];
    }

    /// @inheritdoc IRounds
    function commitmentCount(uint64 round, FileKind kind) public view returns (uint32) {
        return SafeCast.toUint32(_stored[round][kind].length);
    }

    /// @inheritdoc IRounds
    function commitments(uint64 round, FileKind kind, uint32 start, uint32 limit)
        external
        view
        returns (Commitment[] memory page)
    {
        Stored[] storage all = _stored[round][kind];
        uint256 end = Math.min(uint256(start) + limit, all.length);
        page = new Commitment[](Math.saturatingSub(end, start));
        for (uint256 i = 0; i < page.length; ++i) {
            Stored storage stored = all[start + i];
            page[i] = Commitment({
                publisher: stored.publisher,
                root: stored.root,
                count: stored.count,
                cid: Cid.pack(stored.cidCodec, stored.cidDigest),
                committedAt: stored.committedAt
            });
        }
    }

    /// @dev Adds a commitment of the caller. `expected` is the number of lines or measurements that a round can have.
    function _commit(uint64 round, FileKind kind, bytes calldata cid, bytes32 root, uint32 count, uint256 expected)
        internal
        returns (uint32 index)
    {
        require(count > 0 && count <= MAX_LINES, BatchCount(count, MAX_LINES));
        require(root != 0, EmptyRootWithEntries(count));
        require(Cid.isValid(cid), InvalidCid(cid));
        _checkNew(round, kind, root, expected);
        index = commitmentCount(round, kind);
        _stored[round][kind].push(_storedOf(cid, root, count));
        emit Committed(round, kind, index, msg.sender, cid, root, count);
    }

    /// @dev A publisher commits a root once, and only so many files.
    function _checkNew(uint64 round, FileKind kind, bytes32 root, uint256 expected) private {
        bytes32 key = _key(msg.sender, round, kind, root);
        require(!_isCommitted[key], AlreadyCommitted(round, kind, root));
        _isCommitted[key] = true;
        uint256 most = SPARE_FILES + 2 * Math.ceilDiv(expected, MAX_LINES);
        uint256 files = ++_files[round][kind][msg.sender];
        require(files <= most, TooManyFiles(round, kind, most));
    }

    function _storedOf(bytes calldata cid, bytes32 root, uint32 count) private view returns (Stored memory) {
        (bytes1 codec, bytes32 digest) = Cid.unpack(cid);
        return Stored({
            root: root,
            cidDigest: digest,
            publisher: msg.sender,
            committedAt: SafeCast.toUint40(block.timestamp),
            count: count,
            cidCodec: codec
        });
    }

    function _key(address publisher, uint64 round, FileKind kind, bytes32 root) private pure returns (bytes32) {
        return keccak256(abi.encode(publisher, round, kind, root));
    }
}
