"""The proof of P1: the process dies at every point of every flow, and the money is where it must be afterwards."""

import json
import secrets
import subprocess
import sys

from tests.crash.points import MONEY_ROOMS, points_of
from tests.house.sources import ROOT, sources

LEAST_PAIRS = 150


def verdicts():
    """Run every fourth pair and each point once, in two halves beside each other; return what is wrong by pair.

    Which pairs they are changes from run to run; `make crash` runs them all.
    """
    sample = f"{secrets.choice((1, 2, 3, 4))}/4"
    command = [sys.executable, "-m", "tests.crash", "--json", "--sample", sample, "--share"]
    halves = [
        subprocess.Popen([*command, share], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)  # noqa: S603
        for share in ("1/2", "2/2")
    ]
    found = {}
    for half in halves:
        said, trouble = half.communicate(timeout=1800)
        assert half.returncode in {0, 1}, trouble
        found |= json.loads(said)
    return found


def test_p1_p2_a1_a2_a5_c3_c6_whatever_dies_wherever_the_money_is_where_it_must_be():
    found = verdicts()
    broken = {pair: said for pair, said in found.items() if said}
    assert not broken, json.dumps(broken, indent=2)
    died = {pair.rpartition(" / ")[2].rpartition(":")[0] for pair in found if not pair.endswith("/ nothing")}
    points = {point for source in sources(*MONEY_ROOMS) for point in points_of(source)}
    missed = sorted(f"{point.path} {point.name}" for point in points if not any(map(point.pattern.fullmatch, died)))
    assert not missed, f"give tests/crash/flows.py a flow that passes: {missed}"
    assert len(found) >= LEAST_PAIRS
