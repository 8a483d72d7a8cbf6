"""`python -m tests.simulation SEED` repeats one run and tells its story; `--seeds N` plays many, on every core."""

import argparse
import os
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor

from tests.simulation.house import Cast, Janitor
from tests.simulation.mutants import MUTANTS
from tests.simulation.scheduler import Outcome, run

_CHUNK = 250


def main(arguments: list[str]) -> int:
    """Do what was asked; return 1 when an invariant does not hold."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("seed", type=int, nargs="?", help="repeat this run")
    parser.add_argument("--janitor", type=Janitor, choices=list(Janitor), help="as the failure said")
    parser.add_argument("--mutant", choices=[mutant.name for mutant in MUTANTS], help="build this mistake in")
    parser.add_argument("--history", action="store_true", help="print everything that happened, not a slice")
    parser.add_argument("--seeds", type=int, default=0, help="play so many runs")
    parser.add_argument("--first", type=int, default=0, help="the first of them")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    asked = parser.parse_args(arguments)
    if asked.seed is None:
        return _many(range(asked.first, asked.first + (asked.seeds or 1000)), asked.processes)
    outcome = run(asked.seed, janitor=asked.janitor, cast=_cast(asked.mutant))
    if asked.history:
        _say(*(str(note) for note in outcome.notes))
    _say(str(outcome))
    return int(outcome.violation is not None)


def _many(seeds: range, processes: int) -> int:
    began, done, failures = time.monotonic(), 0, []
    chunks = [seeds[at : at + _CHUNK] for at in range(0, len(seeds), _CHUNK)]
    with ProcessPoolExecutor(processes) as pool:
        for chunk, found in zip(chunks, pool.map(_play, chunks), strict=True):
            done += len(chunk)
            failures += found
            pace = done / (time.monotonic() - began) * 60
            _say(f"{done:8} of {len(seeds)} seeds, {pace:6.0f} a minute, {len(failures)} violations")
    _say(*failures[:5])
    return int(bool(failures))


def _play(seeds: range) -> list[str]:
    return [str(outcome) for outcome in _outcomes(seeds) if outcome.violation is not None]


def _outcomes(seeds: range) -> Iterator[Outcome]:
    for seed in seeds:
        yield run(seed)


def _cast(name: str | None) -> Cast | None:
    return next((mutant.cast for mutant in MUTANTS if mutant.name == name), None)


def _say(*lines: str) -> None:
    for line in lines:
        sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
