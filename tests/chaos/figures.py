"""How long writes stay away when something dies; `python -m tests.chaos.figures` measures it for docs/reliability.md.

Creations arrive at a fixed rate, whatever became of those before, so that a client that hangs hides nothing; what gets
no clear answer is tried again on the other instance, as our guide says. Measured is the longest time in which no
creation was acknowledged, as the worst of several runs, with our options and with the defaults of MongoDB and its
driver.
"""

import asyncio
import itertools
import os
import platform
import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import typer

from tests.chaos.builds import Build
from tests.chaos.history import History, Operation, Type
from tests.chaos.nemesis import Fault, Lane, Nemesis
from tests.chaos.report import longest_gap
from tests.chaos.run import beside
from tests.chaos.stage import Stage, staged
from tests.chaos.workload import Client, Shared

PAGE = Path(__file__).resolve().parents[2] / "docs/reliability.md"
_BLOCK = re.compile(r"(<!-- figures: measured -->\n).*?(<!-- end of figures -->)", re.DOTALL)
_ARRIVAL_SECONDS = 0.05
_CALM_SECONDS = 2.0
_RECOVERED_SECONDS = 4.0
_RECOVERY_BOUND_SECONDS = 60.0
_RUNS, _DEFAULT_RUNS = 4, 2


@dataclass(frozen=True, slots=True)
class Measure:
    """One event: which fault, and for how long with our options and with the defaults.

    A fault outlasts the recovery that it is to show, else the return of what died would be measured.
    """

    title: str
    fault: str
    lane: Lane
    tuned_seconds: float
    default_seconds: float


MEASURES = (
    Measure("the primary is killed (`kill -9`)", "kill-primary", Lane.DATABASE, 8, 16),
    Measure("the primary freezes (SIGSTOP)", "freeze-primary", Lane.DATABASE, 15, 25),
    Measure("the primary steps down", "step-down", Lane.DATABASE, 1, 1),
    Measure("the primary is cut off from the other members", "isolate-primary-with-its-clients", Lane.DATABASE, 8, 16),
    Measure("one of two API instances is killed (`kill -9`)", "kill-api", Lane.PROCESSES, 5, 5),
    Measure("two of three members are gone for 20 s", "lose-majority", Lane.DATABASE, 20, 20),
)


@dataclass(frozen=True, slots=True)
class Figure:
    """What one run of a measure showed, in seconds.

    Attributes:
        gap: the longest time without an acknowledged write.
        recovery: from the end of the fault to the next acknowledged write; 0 when writes came before.
        slowest_unknown: the slowest answer that said 503.
        unanswered: requests that got no answer at all.
        lost: acknowledged payments that are not there afterwards.
    """

    gap: float
    recovery: float
    slowest_unknown: float
    unanswered: int
    lost: int


async def _measured(stage: Stage, measure: Measure, seed: int) -> Figure:
    """Let creations arrive, strike once, and wait until writes have been back for a while."""
    history = History.to(stage.folder / f"{measure.fault}-{seed}.jsonl")
    shared = Shared(stage, history, seed)
    nemesis = Nemesis(stage, lambda: history.now)
    client = Client(0, shared, 0)
    arriving = asyncio.create_task(_arrive(client))
    seconds = measure.tuned_seconds if stage.build.is_tuned else measure.default_seconds
    await nemesis.run([Fault(_CALM_SECONDS, measure.lane, measure.fault, seconds, seed)])
    await _until_writes_are_back(history)
    shared.stopping.set()
    await arriving
    await nemesis.heal()
    history.close()
    (fault,) = nemesis.done
    return await _figure(stage, list(history), fault)


async def _arrive(client: Client) -> None:
    """Begin a creation at a fixed rate, however long the ones before take."""
    async with asyncio.TaskGroup() as group:
        while not client.shared.stopping.is_set():
            group.create_task(client.create())
            await asyncio.sleep(_ARRIVAL_SECONDS)


async def _until_writes_are_back(history: History) -> None:
    """Wait until acknowledged writes have come for some seconds without a long pause."""
    deadline = history.now + _RECOVERY_BOUND_SECONDS
    while history.now < deadline:
        await asyncio.sleep(_RECOVERED_SECONDS / 4)
        if longest_gap(list(history), after=history.now - _RECOVERED_SECONDS, before=history.now) < 1:
            return


async def _figure(stage: Stage, operations: Sequence[Operation], fault: Fault) -> Figure:
    done = [one for one in operations if one.ended is not None]
    acknowledged = [one for one in done if one.type is Type.OK]
    last = max(one.ended.at for one in acknowledged)
    after = min((one.ended.at - fault.ends for one in acknowledged if one.ended.at > fault.ends), default=float("inf"))
    unknown = [one.seconds for one in done if one.answer.get("http") == 503]
    return Figure(
        gap=longest_gap(operations, after=fault.at, before=last),
        recovery=after,
        slowest_unknown=max(unknown, default=0.0),
        unanswered=sum(one.answer.get("http") == 0 for one in done),
        lost=await _lost(stage, acknowledged),
    )


async def _lost(stage: Stage, acknowledged: Sequence[Operation]) -> int:
    """Read every acknowledged payment back."""
    await stage.cluster.wait_for_primary()
    client = Client(1, Shared(stage, History.to(stage.folder / "read-back.jsonl"), 0), 0, is_patient=True)
    client.number = 0
    lost = 0
    for one in acknowledged:
        reply = await client.persist("read", "GET", f"/api/v1/payments/{one.answer['id']}")
        lost += reply.type is not Type.OK
    return lost


async def _all(runs: int, *, is_tuned: bool, folder: Path) -> Mapping[str, Sequence[Figure]]:
    found: dict[str, list[Figure]] = {measure.title: [] for measure in MEASURES}
    async with staged(1, build=Build(is_tuned=is_tuned), folder=folder) as stage, beside(stage.watch()):
        seeds = itertools.count()  # no two measures share a key
        for _ in range(runs):
            for measure in MEASURES:
                figure = await _measured(stage, measure, next(seeds))
                typer.echo(f"{'tuned' if is_tuned else 'defaults'}, {measure.title}: {figure}")
                found[measure.title].append(figure)
                for program in stage.products:
                    await program.wait_until_healthy()
    return found


def table_of(tuned: Mapping[str, Sequence[Figure]], defaults: Mapping[str, Sequence[Figure]], *, today: str) -> str:
    """Return the figures as the page shows them."""
    machine = f"{os.cpu_count()} cores, {platform.system()} on {platform.machine()}, all processes on one machine"
    machine += f", load average {os.getloadavg()[2]:.0f}"
    lines = [
        f"Measured on {today}: {machine}.",
        f"The worst of {_count(tuned)} runs with our options, of {_count(defaults)} with the defaults of MongoDB and",
        "its driver.",
        "",
        "| What happens | Longest time without an acknowledged write | with the defaults | Acknowledged and lost |",
        "| --- | --- | --- | --- |",
    ]
    for title, figures in tuned.items():
        worst, plain = (max(figure.gap for figure in each) for each in (figures, defaults[title]))
        lost = sum(figure.lost for figure in (*figures, *defaults[title]))
        lines.append(f"| {title} | {worst:.1f} s | {plain:.1f} s | {lost} |")
    majority = MEASURES[-1].title
    slowest, recovery = (
        [max(getattr(figure, name) for figure in each[majority]) for each in (tuned, defaults)]
        for name in ("slowest_unknown", "recovery")
    )
    lines += [
        "",
        f"While the majority is gone, the slowest 503 took {slowest[0]:.1f} s ({slowest[1]:.1f} s with the defaults);",
        f"after its return the first write was acknowledged within {recovery[0]:.1f} s ({recovery[1]:.1f} s).",
    ]
    return "\n".join(lines) + "\n"


def _count(figures: Mapping[str, Sequence[Figure]]) -> int:
    return min(len(each) for each in figures.values())


def main(*, runs: int = _RUNS, default_runs: int = _DEFAULT_RUNS) -> None:
    """Measure everything and write the table into the page."""
    root = Path(tempfile.mkdtemp(prefix="figures-"))
    tuned = asyncio.run(_all(runs, is_tuned=True, folder=root / "tuned"))
    defaults = asyncio.run(_all(default_runs, is_tuned=False, folder=root / "defaults"))
    table = table_of(tuned, defaults, today=datetime.now(UTC).date().isoformat())
    page = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(_BLOCK.sub(lambda found: f"{found[1]}{table}{found[2]}", page), encoding="utf-8")
    typer.echo(table)


if __name__ == "__main__":
    typer.run(main)
