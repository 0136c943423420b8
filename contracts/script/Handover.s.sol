// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";
import {Script} from "forge-std/Script.sol";
import {VmSafe} from "forge-std/Vm.sol";
import {console} from "forge-std/console.sol";

/// @title Hands the ownership of `Roles`, which is that of the network, to a timelock that a Safe governs
/// @notice Sent by the current owner. Deploys OpenZeppelin's TimelockController with the Safe as the only proposer,
/// canceller and executor and without an admin, offers it the ownership, and prints the two calls that the Safe then
/// sends to the timelock: `schedule` at once, `execute` after the delay. Until the second one is mined, the current owner
/// remains.
///
///     ASSIZE_DEPLOYMENT=deployments/mainnet.json ASSIZE_SAFE=0x… ASSIZE_TIMELOCK_DELAY=172800 \
///       forge script contracts/script/Handover.s.sol --rpc-url … --account owner --broadcast
///
/// On Filecoin also `--skip-simulation --gas-estimate-multiplier 120 --slow`, as for Deploy.s.sol. The calls are also
/// written beside the deployment file, as `….handover.json`.
contract Handover is Script {
    /// @dev Maximum delay. Changes of evaluators take a challenge window, of at most 30 days, in addition.
    uint256 private constant MAX_DELAY = 30 days;
    bytes32 private constant SALT = keccak256("assize handover");

    function run() external {
        string memory path = vm.envString("ASSIZE_DEPLOYMENT");
        address safe = vm.envAddress("ASSIZE_SAFE");
        uint256 delay = vm.envUint("ASSIZE_TIMELOCK_DELAY");
        // foundry.toml limits what scripts may read.
        // forge-lint: disable-next-line(unsafe-cheatcode)
        string memory json = vm.readFile(path);
        require(
            vm.parseJsonUint(json, ".chainId") == block.chainid,
            string.concat(path, " is for another chain than that of the RPC URL, ", vm.toString(block.chainid))
        );
        Ownable2Step roles = Ownable2Step(vm.parseJsonAddress(json, ".roles"));
        require(delay > 0, "ASSIZE_TIMELOCK_DELAY is 0: a timelock needs a delay in seconds");
        require(delay <= MAX_DELAY, "ASSIZE_TIMELOCK_DELAY is more than 30 days; use seconds");
        // A Safe is a contract. On a devnet, an account may stand in for it.
        require(
            safe.code.length > 0 || (block.chainid != 314 && safe != address(0)),
            "ASSIZE_SAFE has no code: on chain 314 use the address of a deployed Safe"
        );

        vm.startBroadcast();
        (, address sender,) = vm.readCallers();
        require(roles.owner() == sender, "the sender is not the owner of Roles: use the owner's key");
        address[] memory safes = new address[](1);
        safes[0] = safe;
        TimelockController timelock = new TimelockController(delay, safes, safes, address(0));
        roles.transferOwnership(address(timelock));
        vm.stopBroadcast();

        _report(timelock, address(roles), safe, delay, path);
    }

    function _report(TimelockController timelock, address roles, address safe, uint256 delay, string memory path)
        private
    {
        bytes memory accept = abi.encodeCall(Ownable2Step.acceptOwnership, ());
        bytes memory schedule = abi.encodeCall(TimelockController.schedule, (roles, 0, accept, bytes32(0), SALT, delay));
        bytes memory execute = abi.encodeCall(TimelockController.execute, (roles, 0, accept, bytes32(0), SALT));
        bytes32 operation = timelock.hashOperation(roles, 0, accept, bytes32(0), SALT);

        console.log("timelock", address(timelock));
        console.log("1. from the Safe, to the timelock, at once: schedule(accept the ownership)");
        console.logBytes(schedule);
        console.log("2. from the Safe, to the timelock, after the delay: execute(the same); seconds:", delay);
        console.logBytes(execute);
        if (!vm.isContext(VmSafe.ForgeContext.ScriptBroadcast)) {
            console.log("dry run: nothing is sent without --broadcast");
            return;
        }
        vm.serializeUint("handover", "chainId", block.chainid);
        vm.serializeAddress("handover", "timelock", address(timelock));
        vm.serializeAddress("handover", "safe", safe);
        vm.serializeUint("handover", "delay", delay);
        vm.serializeAddress("handover", "target", roles);
        vm.serializeBytes32("handover", "operation", operation);
        vm.serializeBytes("handover", "schedule", schedule);
        string memory handover = vm.serializeBytes("handover", "execute", execute);
        string memory out = string.concat(path, ".handover.json");
        vm.writeJson(handover, out);
        console.log("written to", out);
    }
}
