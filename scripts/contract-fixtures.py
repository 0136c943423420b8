#!/usr/bin/env python3
"""Writes the fixtures of the contract tests from the shared vectors and recorded beacons.

    python3 scripts/contract-fixtures.py --vectors ../shared/vectors --data ../shared/data

Standard library only. The output is committed, so the tests need neither Python nor the shared files. The contracts
take the y coordinate of a signature beside its compressed form; it is computed here from the curve's equation,
independently of the code under test.
"""

import argparse
import json
from pathlib import Path

FIXTURES = Path(__file__).resolve().parent.parent / "contracts" / "test" / "fixtures"

# BLS12-381's field prime; drand signs in G1: y² = x³ + 4.
P = 0x1A0111EA397FE69A4B1BA7B6434BACD764774B84F38512BF6730D2A0F6B0F6241EABFFFEB153FFFFB9FEFFFFFFFFAAAB
FLAG_Y_IS_GREATER = 0x20

# Number of cases of each count to keep from the shuffle vectors (1.1 MB in total).
SHUFFLE_CASES = {0: 1, 1: 2, 2: 3, 3: 3, 5: 3, 8: 3, 16: 3, 33: 6, 100: 6, 128: 2, 1000: 4}
SHUFFLE_ROUNDS = 90

# The contract's error for each category of ../shared/vectors/drand_invalid.json.
ERRORS = {
    "off_subgroup": "NotInSubgroup",
    "off_curve": "NotOnCurve",
    "field_overflow": "FieldOverflow",
    "infinity": "PointAtInfinity",
    "wrong_point": "WrongSignature",
    "wrong_round": "RoundZero",
    "length": "SignatureLength",
}


def y_of(compressed: bytes) -> int:
    """The y that the sign flag chooses; if x is not on the curve, some number with that sign."""
    x = int.from_bytes(compressed, "big") & ((1 << 381) - 1)
    square = (pow(x, 3, P) + 4) % P
    root = pow(square, (P + 1) // 4, P)  # p ≡ 3 (mod 4)
    if root == 0:
        root = 1
    wants_greater = bool(compressed[0] & FLAG_Y_IS_GREATER)
    is_greater = root > (P - 1) // 2
    return root if wants_greater == is_greater else P - root


def with_y(signature: str) -> str:
    """96 bytes: compressed form and y. A signature of another length is not changed."""
    compressed = bytes.fromhex(signature)
    if len(compressed) != 48:
        return "0x" + signature
    return "0x" + signature + y_of(compressed).to_bytes(48, "big").hex()


def write(name: str, cases: list) -> None:
    lines = ",\n".join(json.dumps(case, sort_keys=True, separators=(",", ":")) for case in cases)
    path = FIXTURES / name
    path.write_text('{"cases":[\n' + lines + "\n]}\n")
    print(f"{path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path}: {len(cases)} cases")


def shuffle_cases(vectors: Path) -> list:
    wanted = dict(SHUFFLE_CASES)
    kept = []
    for case in json.loads((vectors / "shuffle.json").read_text())["cases"]:
        if case["rounds"] != SHUFFLE_ROUNDS or wanted.get(case["count"], 0) == 0:
            continue
        wanted[case["count"]] -= 1
        kept.append({"count": case["count"], "positions": case["mapping"], "seed": case["seed"]})
    return kept


def beacon_cases(data: Path) -> list:
    return [
        {
            "randomness": "0x" + beacon["randomness"],
            "round": beacon["round"],
            "signature": with_y(beacon["signature"]),
        }
        for beacon in json.loads((data / "drand_beacons.json").read_text())
        if beacon["chain"] == "quicknet"
    ]


def invalid_cases(vectors: Path) -> list:
    return [
        {
            "error": ERRORS[case["category"]],
            "name": case["name"],
            "round": case["round"],
            "signature": with_y(case["signature"]),
        }
        for case in json.loads((vectors / "drand_invalid.json").read_text())
        if case["chain"] == "quicknet"
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vectors", type=Path, required=True, help="folder with shuffle.json and drand_invalid.json")
    parser.add_argument("--data", type=Path, required=True, help="folder with drand_beacons.json")
    arguments = parser.parse_args()
    FIXTURES.mkdir(parents=True, exist_ok=True)
    write("shuffle.json", shuffle_cases(arguments.vectors))
    write("beacons.json", beacon_cases(arguments.data))
    write("invalid_beacons.json", invalid_cases(arguments.vectors))


if __name__ == "__main__":
    main()
