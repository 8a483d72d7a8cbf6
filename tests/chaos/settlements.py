"""Settlements in a run: the processor pays now and then, and what it paid must be here, booked, and agreed on.

Everything that the processor captured or gave back goes into a settlement, so that the product's own comparison of each
line becomes one more judge of the whole run: it agrees only when payments, fees and refunds are here as they are there.
"""

import asyncio
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from tests.chaos.evidence import SETTLEMENTS, Evidence
from tests.chaos.stage import Stage
from tests.chaos.violations import Check, Violation

_EVERY_SECONDS = 20.0
_BOOKED, _AGREED = "I2 (settlements)", "I14 (settlements)"


async def settle_now_and_then(stage: Stage) -> None:
    """Let the processor pay every merchant what waits, again and again until cancelled."""
    while True:
        await asyncio.sleep(_EVERY_SECONDS)
        await settle(stage)


async def settle(stage: Stage) -> None:
    """Let the processor pay every merchant what waits; who has nothing to get gets nothing.

    Nobody is paid where no check may run: comparing a settlement's lines finds lost payments too.
    """
    if not stage.build.has_janitor:
        return
    for merchant in stage.merchants:
        status, made = await stage.simulate("POST", "/_sim/settlements", {"key_id": merchant.account["key_id"]})
        if status == 200:
            stage.settled.append(made["id"])


async def enroll(stage: Stage, database: Any) -> None:
    """Do what the worker does for new merchants within the hour: see that their settlements are swept."""
    for merchant in stage.merchants:
        which = {"tenant": merchant.id, "mode": merchant.scope.mode.value, "swept": "settlements"}
        first = {"next_at": datetime.now(UTC), "walk": None}
        await database["sweeps"].update_one(which, {"$setOnInsert": first}, upsert=True)


async def count_unsettled(stage: Stage, database: Any) -> int:
    """Count the settlements that are not here yet, or not as they are at the processor."""
    agreed = await database["settlements"].count_documents({"status": "processed", "agreement": "agreed"})
    return len(stage.settled) - int(agreed)


def i2_settlements(evidence: Evidence) -> Iterator[Violation]:
    """What reached the bank is here and booked once, with its amount, and nothing else is."""
    paid = {fact["settlement"]: fact for fact in evidence.journal.of("settlement.processed")}
    here = {row["gateway_settlement_id"]: row for row in evidence.collection("settlements")}
    booked: Counter[str] = Counter()
    for entry in evidence.collection("ledger_entries"):
        if entry["cause"]["kind"] == "settlement":
            booked[entry["cause"]["id"]] += sum(int(leg["amount"]) for leg in entry["legs"] if leg["side"] == "debit")
    for name in sorted(paid.keys() | here.keys() | booked.keys()):
        fact, row = paid.get(name), here.get(name)
        wanted = None if fact is None else (evidence.accounts.get(fact["account"]), fact["amount"])
        if wanted is None or row is None or (row["tenant"], int(row["amount"])) != wanted:
            yield Violation(_BOOKED, f"settlement {name} was paid as {wanted}, is here as {row}", (name,))
        elif booked[name] != wanted[1]:
            yield Violation(_BOOKED, f"settlement {name} brought {wanted[1]}, {booked[name]} of it is booked", (name,))


def i14_settlements_agree(evidence: Evidence) -> Iterator[Violation]:
    """Every line of every settlement is here as the processor told it."""
    for row in evidence.collection("settlements"):
        if row["agreement"] != "agreed":
            odd = [
                (line["entity_id"], line["findings"])
                for line in evidence.collection("settlement_lines")
                if line["settlement_id"] == row["_id"] and line["findings"]
            ]
            what = f"settlement {row['gateway_settlement_id']} is {row['agreement']}: {row['tally']}, {odd[:5]}"
            yield Violation(_AGREED, what, (row["_id"], *(name for name, _ in odd[:5])))


def _is_built(evidence: Evidence) -> bool:
    return evidence.builds(SETTLEMENTS)


SETTLEMENT_CHECKS = (
    Check(_BOOKED, i2_settlements, _is_built),
    Check(_AGREED, i14_settlements_agree, _is_built),
)
