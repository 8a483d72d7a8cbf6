"""One run: a stage, a load, a nemesis with the schedule of a seed, healing, and the checks."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from pymongo.errors import PyMongoError

from tests.chaos.builds import Build
from tests.chaos.check import Verdict, check
from tests.chaos.evidence import Evidence, Journal, client_of, dump_of, parts_of_the_product, read_logs
from tests.chaos.history import History
from tests.chaos.nemesis import Fault, Nemesis, schedule_of
from tests.chaos.settle import Settling
from tests.chaos.settlements import settle_now_and_then
from tests.chaos.stage import DATABASE, Stage, staged
from tests.chaos.workload import Shared, run_load

_SNAPSHOT_SECONDS = 1.0
Deployment = Callable[[Shared], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Plan:
    """What to run: a load of so many seconds, or up to twice as long until so many operations were begun.

    `deploy` is done beside the load, which goes on until it is.
    """

    seed: int
    seconds: float
    operations: int = 0
    clients: int = 48
    per_second: float = 110.0
    settle_seconds: float = 120.0
    build: Build = field(default_factory=Build)
    schedule: Sequence[Fault] | None = None
    deploy: Deployment | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a run."""

    plan: Plan
    history: History
    faults: Sequence[Fault]
    verdict: Verdict
    is_at_rest: bool
    seconds: float

    @property
    def is_good(self) -> bool:
        """Tell whether every promise held."""
        return self.is_at_rest and not self.verdict.violations


async def run(plan: Plan, folder: Path) -> Result:
    """Run a plan; logs, journal and history are left in the folder."""
    began = time.monotonic()
    schedule = schedule_of(plan.seed, seconds=plan.seconds) if plan.schedule is None else plan.schedule
    async with staged(plan.seed, build=plan.build, folder=folder) as stage:
        history = History.to(folder / "history.jsonl")
        shared = Shared(stage, history, plan.seed)
        nemesis = Nemesis(stage, lambda: history.now, lambda: history.wrote_at)
        snapshots: list[str] = []
        async with beside(stage.watch(), _take_snapshots(stage, snapshots)):
            async with beside(settle_now_and_then(stage)):
                await asyncio.gather(
                    run_load(
                        shared,
                        clients=plan.clients,
                        per_second=plan.per_second,
                        seconds=plan.seconds,
                        operations=plan.operations,
                    ),
                    _strike(nemesis, schedule, shared, plan.deploy),
                )
            is_at_rest = await Settling(stage, nemesis, shared).run(bound_seconds=plan.settle_seconds)
            evidence = Evidence(
                journal=Journal.read(stage.journal),
                dump=await dump_of(stage),
                history=history,
                logs=read_logs(stage),
                accounts={merchant.account["account_id"]: merchant.id for merchant in stage.merchants},
                live_tokens=await _still_alive(stage, shared.signed_out),
                snapshots=snapshots,
                modules=parts_of_the_product(),
                receivers=stage.received(),
            )
        history.close()
    return Result(plan, history, nemesis.done, check(evidence), is_at_rest, time.monotonic() - began)


async def _strike(nemesis: Nemesis, schedule: Sequence[Fault], shared: Shared, deploy: Deployment | None) -> None:
    try:
        await asyncio.gather(nemesis.run(schedule), *([deploy(shared)] if deploy else []))
    finally:
        shared.calm.set()


@contextlib.asynccontextmanager
async def beside(*works: Any) -> AsyncIterator[None]:
    """Run works beside the block, and end them with it."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _take_snapshots(stage: Stage, found: list[str]) -> None:
    """Look, as often as the database answers, whether the books balance and no refund exceeds its capture."""
    unbalanced = [
        {"$unwind": "$legs"},
        {
            "$group": {
                "_id": {"tenant": "$tenant", "currency": "$currency"},
                "sum": {
                    "$sum": {
                        "$cond": [{"$eq": ["$legs.side", "debit"]}, "$legs.amount", {"$multiply": ["$legs.amount", -1]}]
                    }
                },
            }
        },
        {"$match": {"sum": {"$ne": 0}}},
    ]
    async with client_of(stage) as client:
        database = client[DATABASE]
        while True:
            with contextlib.suppress(PyMongoError):
                async with client.start_session(snapshot=True) as session:
                    cursor = await database["ledger_entries"].aggregate(unbalanced, session=session)
                    found += [f"ledger: a snapshot was off by {row}" async for row in cursor]
                    above = {
                        "$expr": {"$gt": ["$refunds_reserved", "$amount_captured"]},
                        "refunds_reserved": {"$gt": 0},
                    }
                    rows = database["payments"].find(above, {"_id": 1}, session=session)
                    found += [f"refunds of {row['_id']} exceeded the capture at a snapshot" async for row in rows]
            await asyncio.sleep(_SNAPSHOT_SECONDS)


async def _still_alive(stage: Stage, tokens: Sequence[str]) -> list[str]:
    """Return the signed-out tokens that an instance still takes."""
    alive = []
    for number in range(len(stage.api_ports)):
        for token in tokens:
            headers = {"Authorization": f"Bearer {token}"}
            with contextlib.suppress(aiohttp.ClientError):
                async with stage.session.get(f"{stage.api_url(number)}/api/v1/auth/profile", headers=headers) as answer:
                    alive += [token] if answer.status != 401 else []
    return alive
