// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {Script} from "forge-std/Script.sol";
import {VmSafe} from "forge-std/Vm.sol";
import {console} from "forge-std/console.sol";

import {Court} from "../src/Court.sol";
import {Rewards} from "../src/Rewards.sol";
import {Roles} from "../src/Roles.sol";
import {Rounds} from "../src/Rounds.sol";
import {DrandBeacon} from "../src/beacon/DrandBeacon.sol";
import {FilecoinBeacon} from "../src/beacon/FilecoinBeacon.sol";
import {IBeacon} from "../src/beacon/IBeacon.sol";
import {IRounds} from "../src/interfaces/IRounds.sol";
import {ParameterFile} from "./ParameterFile.sol";

/// @title Deploys the contracts from a parameter file, like `assize deploy apply`
/// @notice Dry run without --broadcast. Reads the file that ASSIZE_PARAMS names. Writes `deployments/<chain>.json`, or
/// the file that ASSIZE_OUT names, for `assize deploy check` and all other commands of assize.
///
///     ASSIZE_PARAMS=docs/params/anvil.json forge script contracts/script/Deploy.s.sol \
///       --rpc-url http://127.0.0.1:8545 --account deployer --broadcast
///
/// On Filecoin, whose gas differs from that of the local simulation, also
///
///     --skip-simulation --gas-estimate-multiplier 120 --slow
///
/// `--skip-simulation` uses the node's gas estimates. `--slow` sends each transaction only after the previous one is
/// mined, because public nodes reject a nonce with a gap. docs/operate/deploy.md has the whole procedure.
contract Deploy is Script {
    using ParameterFile for string;

    struct Deployed {
        Court court;
        Roles roles;
        IBeacon beacon;
        Rounds rounds;
        Rewards rewards;
        string beaconName;
        bytes courtArguments;
        bytes rolesArguments;
        bytes beaconArguments;
        bytes roundsArguments;
        bytes rewardsArguments;
    }

    function run() external {
        // foundry.toml limits what scripts may read.
        // forge-lint: disable-next-line(unsafe-cheatcode)
        string memory json = vm.readFile(vm.envString("ASSIZE_PARAMS"));
        uint256 chainId = json.number(".chainId");
        require(
            block.chainid == chainId,
            string.concat(
                "the parameters are for chain ",
                vm.toString(chainId),
                ", but the RPC URL serves chain ",
                vm.toString(block.chainid)
            )
        );
        json.refuseDangers();

        string memory out = vm.envOr("ASSIZE_OUT", string.concat("deployments/", json.chainName(), ".json"));
        bool broadcasts = vm.isContext(VmSafe.ForgeContext.ScriptBroadcast);
        require(
            !broadcasts || !vm.exists(out),
            string.concat(out, " belongs to another deployment; move it, or set ASSIZE_OUT to another file")
        );

        uint256 firstBlock = block.number;
        vm.startBroadcast();
        (, address deployer,) = vm.readCallers();
        Deployed memory deployed = _deploy(json);
        vm.stopBroadcast();

        console.log("court  ", address(deployed.court));
        console.log("roles  ", address(deployed.roles));
        console.log("beacon ", address(deployed.beacon), deployed.beaconName);
        console.log("rounds ", address(deployed.rounds));
        console.log("rewards", address(deployed.rewards));
        if (broadcasts) {
            _write(json, deployed, deployer, firstBlock, out);
            console.log("written to", out);
            console.log("once everything is mined, compare it with the source: assize deploy check --deployment", out);
        } else {
            console.log("dry run: nothing is sent without --broadcast");
        }
    }

    function _deploy(string memory json) private returns (Deployed memory deployed) {
        _deployCourt(json.court(), deployed);
        _deployRoles(json.roles(), deployed);
        _deployBeacon(json, deployed);
        _deployRounds(json, deployed);

        (address treasury, uint256 paymentGas) = (json.addressOf(".treasury"), json.number(".paymentGas"));
        deployed.rewardsArguments = abi.encode(deployed.roles, deployed.rounds, deployed.court, treasury, paymentGas);
        deployed.rewards = new Rewards(deployed.roles, deployed.rounds, deployed.court, treasury, paymentGas);
    }

    function _deployCourt(ParameterFile.CourtArguments memory c, Deployed memory deployed) private {
        deployed.courtArguments = abi.encode(c.answerWindow, c.slack, c.demandWindow, c.leastBond);
        deployed.court = new Court(c.answerWindow, c.slack, c.demandWindow, c.leastBond);
    }

    function _deployRoles(ParameterFile.RolesArguments memory r, Deployed memory deployed) private {
        deployed.rolesArguments =
            abi.encode(r.owner, r.guardian, r.minChallengeWindow, r.challengeWindow, r.evaluators, r.threshold);
        deployed.roles =
            new Roles(r.owner, r.guardian, r.minChallengeWindow, r.challengeWindow, r.evaluators, r.threshold);
    }

    function _deployBeacon(string memory json, Deployed memory deployed) private {
        if (keccak256(bytes(json.text(".beacon.kind"))) == keccak256("drand")) {
            (bytes memory key, uint64 genesis, uint64 period) = json.drand();
            deployed.beaconName = "DrandBeacon";
            deployed.beaconArguments = abi.encode(key, genesis, period);
            deployed.beacon = new DrandBeacon(key, genesis, period);
        } else {
            (uint64 genesis, uint64 slackEpochs) = json.filecoin();
            deployed.beaconName = "FilecoinBeacon";
            deployed.beaconArguments = abi.encode(genesis, slackEpochs);
            deployed.beacon = new FilecoinBeacon(genesis, slackEpochs);
        }
    }

    function _deployRounds(string memory json, Deployed memory deployed) private {
        address coordinator = json.addressOf(".coordinator");
        address[] memory publishers = json.addressesOf(".publishers");
        IRounds.Parameters memory parameters = json.roundParameters();
        deployed.roundsArguments = abi.encode(deployed.roles, deployed.beacon, coordinator, publishers, parameters);
        deployed.rounds = new Rounds(deployed.roles, deployed.beacon, coordinator, publishers, parameters);
    }

    function _write(
        string memory json,
        Deployed memory deployed,
        address deployer,
        uint256 firstBlock,
        string memory out
    ) private {
        string memory court = _contractJson("court", "Court", address(deployed.court), deployed.courtArguments);
        string memory roles = _contractJson("roles", "Roles", address(deployed.roles), deployed.rolesArguments);
        string memory beacon =
            _contractJson("beacon", deployed.beaconName, address(deployed.beacon), deployed.beaconArguments);
        string memory rounds = _contractJson("rounds", "Rounds", address(deployed.rounds), deployed.roundsArguments);
        string memory rewards =
            _contractJson("rewards", "Rewards", address(deployed.rewards), deployed.rewardsArguments);
        vm.serializeString("contracts", "court", court);
        vm.serializeString("contracts", "roles", roles);
        vm.serializeString("contracts", "beacon", beacon);
        vm.serializeString("contracts", "rounds", rounds);
        string memory contracts = vm.serializeString("contracts", "rewards", rewards);

        vm.serializeUint("deployment", "chainId", block.chainid);
        vm.serializeAddress("deployment", "court", address(deployed.court));
        vm.serializeAddress("deployment", "roles", address(deployed.roles));
        vm.serializeAddress("deployment", "beacon", address(deployed.beacon));
        vm.serializeAddress("deployment", "rounds", address(deployed.rounds));
        vm.serializeAddress("deployment", "rewards", address(deployed.rewards));
        vm.serializeUint("deployment", "block", firstBlock);
        vm.serializeAddress("deployment", "deployer", deployer);
        vm.serializeString("deployment", "contracts", contracts);
        string memory record = vm.serializeString("deployment", "params", json);
        if (!vm.exists("deployments")) vm.createDir("deployments", true);
        vm.writeJson(record, out);
    }

    function _contractJson(string memory key, string memory name, address at, bytes memory arguments)
        private
        returns (string memory)
    {
        vm.serializeString(key, "name", name);
        vm.serializeBytes32(key, "codeHash", at.codehash);
        return vm.serializeBytes(key, "arguments", arguments);
    }
}
