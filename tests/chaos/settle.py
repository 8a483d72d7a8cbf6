"""After the load: heal everything, let time pass for every schedule, and wait with a bound until nothing is open."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from pymongo.errors import PyMongoError

from tests.chaos.evidence import client_of
from tests.chaos.nemesis import Nemesis
from tests.chaos.processes import DidNotStart
from tests.chaos.settlements import count_unsettled, enroll, settle
from tests.chaos.stage import DATABASE, Stage
from tests.chaos.workload import Client, Shared

_HEALTHY_SECONDS = 120
_STEP_SECONDS = 1.0
# What is being worked on is due at the end of its lease, so every pass takes it from whoever is at it. Passes in quick
# succession leave a slow machine no time to end anything.
_PASS_SECONDS = 8.0
_STUCK_SECONDS = 30.0
_LONGEST_EXTENSION_SECONDS = 300.0
_LATEST_AUTHORIZATION_SECONDS = 4.0
_RETRIES_AT_ONCE = 16
_WEBHOOK_RETRIES_SECONDS = 700
_LATE_CLIENT = 10_000
_ADVANCE_TIMEOUT_SECONDS = 120.0

_DUE: Sequence[tuple[str, str, Mapping[str, Any]]] = (
    ("payments", "next_check_at", {}),
    ("inbox_events", "next_attempt_at", {"state": "received"}),
    ("outbox", "due_at", {"state": "waiting"}),
    ("refunds", "next_check_at", {}),
    ("disputes", "next_check_at", {}),
    ("webhook_deliveries", "next_at", {"state": "pending"}),
    ("webhook_endpoints", "due_at", {}),
    ("sweeps", "next_at", {"swept": "settlements"}),
)
"""Where the product keeps when something is due. To bring these forward is what passing time does, only faster."""

_LEASES: Sequence[tuple[str, str, Any]] = (
    ("payments", "idempotency.leased_at", {"$subtract": ["$idempotency.leased_at", 60_000]}),
    ("idempotency_keys", "leased_until", "$$NOW"),
    ("webhook_endpoints", "leased_until", {"$subtract": ["$leased_until", 60_000]}),
)
"""Leases of those who died with them; a holder who lives is fenced off when somebody takes over."""


@dataclass(slots=True)
class Settling:
    """Brings a stage to rest."""

    stage: Stage
    nemesis: Nemesis
    shared: Shared

    async def run(self, *, bound_seconds: float) -> bool:
        """Heal, let time pass, wait; tell whether everything came to rest.

        How long the work takes depends on the machine: it may take longer than the bound as long as it moves.
        """
        deadline = time.monotonic() + bound_seconds
        latest = deadline + _LONGEST_EXTENSION_SECONDS
        await self.nemesis.heal()
        await self._until_healthy()
        await self._repeat_unanswered(everybody=not self.stage.build.has_janitor)
        await asyncio.sleep(_LATEST_AUTHORIZATION_SECONDS)
        await settle(self.stage)
        # Whatever the processor still had to say is said now; then its time stands still.
        await self.stage.simulate(
            "POST",
            "/_sim/clock/advance",
            {"seconds": _WEBHOOK_RETRIES_SECONDS},
            timeout_seconds=_ADVANCE_TIMEOUT_SECONDS,
        )
        await self.stage.simulate("POST", "/_sim/clock/freeze", {})
        async with client_of(self.stage) as client:
            checks = await self._checks(client[DATABASE])
            await enroll(self.stage, client[DATABASE])
            open_, passes_at = -1, 0.0
            while open_ and time.monotonic() < deadline:
                with suppress(PyMongoError):
                    if time.monotonic() >= passes_at:
                        await self._let_time_pass(client[DATABASE], checks)
                        passes_at = time.monotonic() + _PASS_SECONDS
                    before, open_ = open_, await self._count_open(client[DATABASE], checks)
                    if open_ != before:
                        deadline = min(max(deadline, time.monotonic() + _STUCK_SECONDS), latest)
                await asyncio.sleep(_STEP_SECONDS)
        # Now there is an answer to every key (promise 3), for those too who never came back before.
        await self._repeat_unanswered(everybody=True)
        return not open_ and not self.shared.unanswered

    async def _until_healthy(self) -> None:
        await self.stage.cluster.wait_for_primary(seconds=_HEALTHY_SECONDS)
        for program in self.stage.products:
            try:
                await program.wait_until_healthy(seconds=_HEALTHY_SECONDS)
            except DidNotStart:
                # It hangs: a supervisor's health check would replace it too. The checks will show what it left.
                program.kill()

    async def _repeat_unanswered(self, *, everybody: bool) -> None:
        """Let clients come back with the keys that they got no answer to: everybody, or only half of them (A2)."""
        client = Client(_LATE_CLIENT, self.shared, 0, is_patient=True)
        slots = asyncio.Semaphore(_RETRIES_AT_ONCE)

        async def repeat(key: str, waiting: tuple[Any, Any]) -> None:
            async with slots:
                await client.retry(key, *waiting)

        unanswered = [(key, waiting) for key, waiting in self.shared.unanswered.items()]
        await asyncio.gather(*(repeat(*each) for n, each in enumerate(unanswered) if everybody or n % 2))

    async def _checks(self, database: Any) -> dict[str, int]:
        """Return how often each payment has been checked, before time passes."""
        rows = database["payments"].find({"next_check_at": {"$exists": True}}, {"checks": 1})
        return {row["_id"]: row["checks"] async for row in rows}

    async def _let_time_pass(self, database: Any, checks: Mapping[str, int]) -> None:
        for name, field, which in _DUE:
            if name == "payments" and not self.stage.build.has_janitor:
                continue
            query: dict[str, Any] = {**which, "$expr": {"$gt": [f"${field}", "$$NOW"]}}
            if name == "payments":
                query["_id"] = {"$in": [row async for row in _unchecked(database, checks)]}
            await database[name].update_many(query, [{"$set": {field: "$$NOW"}}])

        for name, field, changed in _LEASES:
            await database[name].update_many({field: {"$exists": True}}, [{"$set": {field: changed}}])

    async def _count_open(self, database: Any, checks: Mapping[str, int]) -> int:
        """Count what waits, and the payments that nobody has looked at since time passed."""
        waiting = [
            await database["payments"].count_documents(
                {"order_state": {"$in": ["requested", "unknown"]}, "status": {"$ne": "cancelled"}}
            ),
            await database["inbox_events"].count_documents({"state": "received"}),
            await database["outbox"].count_documents({"state": "waiting"}),
            await database["webhook_deliveries"].count_documents({"state": "pending"}),
            await database["refunds"].count_documents({"status": {"$in": ["requested", "pending"]}}),
            await count_unsettled(self.stage, database),
            len([row async for row in _unchecked(database, checks)]) if self.stage.build.has_janitor else 0,
        ]
        return sum(waiting)


async def _unchecked(database: Any, checks: Mapping[str, int]) -> Any:
    rows = database["payments"].find({"next_check_at": {"$exists": True}}, {"checks": 1})
    async for row in rows:
        if row["checks"] <= checks.get(row["_id"], 0):
            yield row["_id"]
