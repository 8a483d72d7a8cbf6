"""The runner: rounds of load, the product and the bare application in turn, then the books are checked.

Ends with status 1 when an answer was wrong or the books don't agree; slow numbers are no failure, because they say as
much about the machine as about the code.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from app.local.problems import LocalProblem
from benchmarks.load import Outcome
from benchmarks.picture import draw
from benchmarks.report import Pair, Round, Summary, summarise, table, to_json
from benchmarks.stage import ROOT, Application, Stage, StageFailed, cpu_seconds, staged
from benchmarks.traffic import Scenario

ARTIFACTS = ROOT / "artifacts"
PUBLISHED = ROOT / "docs" / "images" / "benchmarks.svg"
_SPARE_SECONDS = 60.0
_PREPARE_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Plan:
    """How much of what is measured. Seconds are those of one round of one application."""

    scenarios: Sequence[Scenario] = tuple(Scenario)
    clients: int = 256
    rounds: int = 3
    seconds: float = 8.0
    warmup: float = 1.5
    delay_ms: int = 100
    with_simulator: bool = False


@dataclass(slots=True)
class Books:
    """What the clients were told, to be compared with what was written."""

    good: Counter[tuple[str, Scenario]] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)

    def note(self, application: Application, scenario: Scenario, outcome: Outcome) -> None:
        """Add a round."""
        self.good[application.name, scenario] += outcome.good
        for what, number in outcome.wrong.items():
            self.problems.append(f"{application.name} {scenario}: {number} times {what} {outcome.sample}".rstrip())

    def check(self, stage: Stage) -> list[str]:
        """Return everything that is wrong: wrong answers, and answers without their fact or facts without answer."""
        orders = stage.orders()
        found = list(self.problems)
        for application in (stage.product, stage.bare):
            told = self.good[application.name, Scenario.CREATE]
            written = {
                "payments with an order": stage.count(application, "payments", {"order_id": {"$type": "string"}}),
                "payments": stage.count(application, "payments", {}),
                **{f"{what} at the processor": n for what, n in orders.get(application.name, {}).items()},
            }
            found += [
                f"{application.name}: {told} creations were answered, but there are {number} {what}"
                for what, number in written.items()
                if number != told
            ]
            told = self.good[application.name, Scenario.WEBHOOK]
            events = stage.count(application, "inbox_events", {})
            if events != told:
                found.append(f"{application.name}: {told} events were acknowledged, but {events} are stored")
        return found


def measure(stage: Stage, plan: Plan, books: Books) -> list[Summary]:
    """Run all rounds and return a summary per scenario."""
    for application in (stage.product, stage.bare):
        outcome, _ = _load(application, Scenario.CREATE, clients=plan.clients, warmup=0, seconds=_PREPARE_SECONDS)
        books.note(application, Scenario.CREATE, outcome)
    summaries = []
    for scenario in plan.scenarios:
        product, bare = stage.readable(stage.product), stage.readable(stage.bare)
        pairs = []
        for number in range(plan.rounds):
            print(f"{scenario}: round {number + 1} of {plan.rounds} ...", file=sys.stderr, flush=True)
            pairs.append(
                Pair(
                    product=_round(stage, product, scenario, plan, books),
                    bare=_round(stage, bare, scenario, plan, books),
                )
            )
        summaries.append(summarise(scenario, pairs))
    return summaries


def _round(stage: Stage, application: Application, scenario: Scenario, plan: Plan, books: Books) -> Round:
    pids = {"api": application.pid, "mongod": stage.mongod_pid, "processor": stage.processor_pid}
    began, before = time.perf_counter(), {name: cpu_seconds(pid) for name, pid in pids.items()}
    outcome, clients_cpu = _load(application, scenario, clients=plan.clients, warmup=plan.warmup, seconds=plan.seconds)
    used = {name: cpu_seconds(pid) - before[name] for name, pid in pids.items()}
    books.note(application, scenario, outcome)
    return Round(
        good=outcome.good,
        seconds=outcome.seconds,
        micros=outcome.micros,
        cpu_seconds={
            "api": used["api"],
            "mongod": used["mongod"],
            "other": used["processor"] + clients_cpu,
        },
        wall_seconds=time.perf_counter() - began,
    )


def _load(
    application: Application, scenario: Scenario, *, clients: int, warmup: float, seconds: float
) -> tuple[Outcome, float]:
    """Run the clients in a process of their own; return what they saw and the CPU time they used."""
    before = os.times()
    command = [sys.executable, "-m", "benchmarks.load", scenario.value, "--clients", str(clients)]
    command += ["--warmup", str(warmup), "--seconds", str(seconds)]
    done = subprocess.run(  # noqa: S603  the command is ours
        command,
        input=json.dumps(asdict(application.access)),
        capture_output=True,
        text=True,
        timeout=warmup + seconds + _SPARE_SECONDS,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    if done.returncode != 0:
        message = f"the clients failed: {done.stderr[-2000:]}"
        raise StageFailed(message)
    after = os.times()
    used = after.children_user + after.children_system - before.children_user - before.children_system
    return Outcome.from_json(done.stdout), used


def run(plan: Plan) -> tuple[list[Summary], list[str]]:
    """Start everything, measure, check the books; return the numbers and what is wrong."""
    books = Books()
    with tempfile.TemporaryDirectory(prefix="payment-gateway-bench-") as folder:
        stage_of = staged(Path(folder), delay_ms=plan.delay_ms, with_simulator=plan.with_simulator, say=_say)
        with stage_of as stage:
            summaries = measure(stage, plan, books)
            return summaries, books.check(stage)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    options = _parser().parse_args(arguments)
    plan = _plan(options)
    try:
        summaries, problems = run(plan)
    except (StageFailed, LocalProblem) as problem:
        _say(f"The benchmark could not run: {problem}")
        raise SystemExit(1) from None
    print(table(summaries))
    print("Rate limits count every request, in the process; their budgets are raised beyond what one machine can ask.")
    _write(plan, summaries, problems, publish=options.publish)
    for wrong in problems:
        _say(f"WRONG: {wrong}")
    if problems:
        raise SystemExit(1)
    print("\nThe books agree: every answer has its document, and every receipt is unique at the processor.")


def _write(plan: Plan, summaries: Sequence[Summary], problems: Sequence[str], *, publish: bool) -> None:
    picture = draw(summaries, subtitle=_subtitle(plan))
    ARTIFACTS.mkdir(exist_ok=True)
    (ARTIFACTS / "bench.svg").write_text(picture, encoding="utf-8")
    facts: dict[str, Any] = {
        "plan": {**asdict(plan), "scenarios": [scenario.value for scenario in plan.scenarios]},
        "rate_limits": "counted in the process, budgets beyond reach",
        "machine": {
            "cores": os.cpu_count(),
            "architecture": platform.machine(),
            "system": platform.system(),
            "python": platform.python_version(),
        },
        "results": to_json(summaries),
        "problems": list(problems),
    }
    (ARTIFACTS / "bench.json").write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    if publish:
        PUBLISHED.parent.mkdir(parents=True, exist_ok=True)
        PUBLISHED.write_text(picture, encoding="utf-8")


def _subtitle(plan: Plan) -> str:
    return (
        f"{plan.clients} clients, a processor that answers in {plan.delay_ms} ms, everything on {os.cpu_count()} cores"
    )


def _plan(options: argparse.Namespace) -> Plan:
    plan = Plan(rounds=2, seconds=1.2, warmup=0.4) if options.quick else Plan()
    return Plan(
        scenarios=tuple(options.only or Scenario),
        clients=options.clients,
        rounds=options.rounds or plan.rounds,
        seconds=options.seconds or plan.seconds,
        warmup=plan.warmup,
        delay_ms=options.delay_ms,
        with_simulator=options.simulator,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="benchmarks", description="Measure one API process.")
    parser.add_argument("--quick", action="store_true", help="short rounds: about 20 seconds in all")
    parser.add_argument("--only", type=Scenario, action="append", choices=list(Scenario), help="may be repeated")
    parser.add_argument("--clients", type=int, default=256)
    parser.add_argument("--rounds", type=int, help="pairs of product and bare application per scenario")
    parser.add_argument("--seconds", type=float, help="of one round of one application")
    parser.add_argument("--delay-ms", type=int, default=100, help="how long the processor takes")
    parser.add_argument("--simulator", action="store_true", help="use the real simulator, which takes CPU time too")
    parser.add_argument("--publish", action="store_true", help="also replace the picture in docs/images")
    return parser


def _say(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
