"""The command `python -m tests.chaos`: seeds in a row, or every mutant; writes a report and a picture of each run."""

import asyncio
import os
import shutil
from pathlib import Path
from typing import Annotated

import typer

from tests.chaos.mutants import MUTANTS, VARIABLE, build_of
from tests.chaos.nemesis import scripted
from tests.chaos.report import picture_of, text_of
from tests.chaos.run import Plan, Result, run

_ARTIFACTS = Path("artifacts/chaos").resolve()
_MUTANT_SECONDS = 18.0
_LOAD_SECONDS, _LOAD_OPERATIONS = 180.0, 10_000


def main(
    *,
    seed: Annotated[int, typer.Option(help="The first seed; it decides the schedule.")] = 1,
    seeds: Annotated[int, typer.Option(help="How many in a row.")] = 1,
    seconds: Annotated[float, typer.Option(help="How long the load lasts; 0: until 10,000 operations.")] = 0.0,
    mutant: Annotated[str, typer.Option(envvar=VARIABLE, help="A deliberately broken build; the run must fail.")] = "",
    janitor: Annotated[bool, typer.Option(help="Check payments on a schedule.")] = True,
    mutants: Annotated[bool, typer.Option("--mutants", help="Run every mutant; each has to be caught.")] = False,
) -> None:
    """Run the product under faults and check that it kept its promises."""
    os.environ.pop(VARIABLE, None)
    if mutants:
        missed = [name for name in MUTANTS if not _is_caught(name, seed, seconds or _MUTANT_SECONDS)]
        typer.echo(f"caught: {len(MUTANTS) - len(missed)} of {len(MUTANTS)} mutants; missed: {missed or 'none'}")
        raise typer.Exit(bool(missed))
    build = build_of(mutant, has_janitor=janitor)
    load = (seconds, 0) if seconds else (_LOAD_SECONDS, _LOAD_OPERATIONS)
    results = [_one(Plan(number, *load, build=build), mutant) for number in range(seed, seed + seeds)]
    bad = [result.plan.seed for result in results if not result.is_good]
    operations = sum(len(result.history.operations) for result in results)
    typer.echo(f"{len(results)} seeds, {operations} operations; broken: {bad or 'none'}")
    raise typer.Exit(bool(bad))


def _one(plan: Plan, mutant: str) -> Result:
    folder = _ARTIFACTS / f"{f'{mutant}-' if mutant else ''}seed-{plan.seed}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    result = asyncio.run(run(plan, folder))
    text = text_of(result)
    (folder / "report.txt").write_text(text, encoding="utf-8")
    (folder / "timeline.svg").write_text(picture_of(result), encoding="utf-8")
    typer.echo(f"{text}  report, timeline, history and logs: {folder}\n")
    return result


def _is_caught(name: str, seed: int, seconds: float) -> bool:
    """Run a mutant on up to three seeds until one of its invariants catches it."""
    for number in range(seed, seed + 3):
        plan = Plan(seed=number, seconds=seconds, build=build_of(name), schedule=scripted(MUTANTS[name].script))
        result = _one(plan, name)
        if any(violation.invariant in MUTANTS[name].shown_by for violation in result.verdict.violations):
            return True
    return False


if __name__ == "__main__":
    typer.run(main)
