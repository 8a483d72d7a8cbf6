"""Payments from before there was a ledger are counted and booked, wherever the work is stopped (P12)."""

from dataclasses import dataclass, replace
from typing import Any

import pytest

from app.kit.money import Money
from app.payments.backfill import Backfill
from app.payments.documents import payment_to_document, suspense_to_document
from app.payments.models import Part, PaymentStatus, ReviewReason, Suspense, SuspenseEntry
from tests.payments.samples import MONEY, NOW, attempt, payment, primary
from tests.payments.test_evidence import S

NEW_FIELDS = ("refunds_reserved", "dispute_state")
NEW_SUSPENSE_FIELDS = (
    *("state", "refunds_reserved", "amount_refunded", "amount_placed", "placed_payment_id", "history", "version"),
)


@dataclass
class Stopping:
    """Facts that work a few times, and then the process dies."""

    inner: Any
    left: int

    async def write(self, scope: Any, **caused: Any) -> None:
        if self.left == 0:
            message = "the process died here"
            raise RuntimeError(message)
        self.left -= 1
        await self.inner.write(scope, **caused)


async def fill(shop):
    """Store what an older version would have stored: ten payments in every state, and money in suspense."""
    surplus = attempt(S.CAPTURED, id="pay_held", part=Part.SURPLUS, captured=True, amount=Money(700, "INR"))
    kinds = [
        payment(),
        payment(status=PaymentStatus.AUTHORIZED, attempts=(primary(S.AUTHORIZED),)),
        payment(status=PaymentStatus.FAILED, attempts=(attempt(S.FAILED),)),
        *(
            payment(status=PaymentStatus.COMPLETED, attempts=(primary(S.CAPTURED, id=f"pay_{n}", fee=118, tax=18),))
            for n in range(5)
        ),
        payment(
            status=PaymentStatus.COMPLETED, attempts=(primary(S.CAPTURED, id="pay_back", amount_refunded=300), surplus)
        ),
        payment(status=PaymentStatus.COMPLETED, attempts=(primary(S.CAPTURED, id="pay_usd"),)),
    ]
    scope = shop.merchant.scope
    rows = []
    for number, one in enumerate(kinds):
        stored = replace(one, id=f"pmt_{number:026d}", scope=scope, order_id=f"order_{number}", reference=None)
        row = payment_to_document(stored)
        said = stored.primary.amount_refunded if stored.primary else 0
        rows.append({key: row[key] for key in row if key not in NEW_FIELDS} | {"amount_refunded": said})
    await shop.wiring.database.collection("payments").insert_many(rows)
    held = Suspense("pay_held", rows[8]["_id"], Money(700, "INR"), ReviewReason.SECOND_PAYMENT, NOW)
    entry = suspense_to_document(SuspenseEntry(id="sus_0", scope=scope, held=held))
    old = {key: entry[key] for key in entry if key not in NEW_SUSPENSE_FIELDS}
    await shop.wiring.database.collection("suspense").insert_one(old)


async def all_of(shop):
    """Return what the migration may have written, without ids and moments."""
    entries = [
        (
            row["cause"]["kind"],
            row["cause"]["id"],
            row["payment_id"],
            [(leg["account"], leg["amount"]) for leg in row["legs"]],
        )
        for row in await shop.rows("ledger_entries")
    ]
    jobs = [(row["name"], row["subject"], row["payload"]) for row in await shop.rows("outbox")]
    return sorted(entries), sorted(jobs, key=repr), await shop.rows("payments"), await shop.rows("suspense")


@pytest.mark.parametrize("stop", range(8))
async def test_p12_the_books_are_the_same_wherever_the_work_is_stopped(shop, stop):
    await fill(shop)
    database, facts = shop.wiring.database, shop.wiring.outcomes.facts
    halted = Backfill(Stopping(facts, stop), shop.clock, batch=2)
    if stop < 7:
        with pytest.raises(RuntimeError):
            await halted.run(database)
    else:
        await halted.run(database)
    await Backfill(facts, shop.clock, batch=2).run(database)
    entries, jobs, payments, suspense = await all_of(shop)
    captured = {"pay_back", "pay_usd", "pay_held", *(f"pay_{n}" for n in range(5))}
    assert {cause for kind, cause, *_ in entries if kind == "capture"} == captured
    assert {cause for kind, cause, *_ in entries if kind == "fee"} == {f"pay_{n}" for n in range(5)}
    assert len(entries) == 8 + 5
    held = [legs for kind, cause, _, legs in entries if cause == "pay_held"]
    assert held == [[("processor_receivable", 700), ("suspense", 700)]]
    said = {"gateway_payment_id": "pay_back", "amount_refunded": 300}
    assert jobs == [("refunds.import", payments[8]["_id"], said)]
    assert {(row["refunds_reserved"], row["amount_refunded"], row["dispute_state"]) for row in payments} == {
        (0, 0, None)
    }
    assert {row["version"] for row in payments} == {2}
    (entry,) = suspense
    assert [entry[name] for name in NEW_SUSPENSE_FIELDS] == ["open", 0, 0, 0, None, [], 1]
    before = await all_of(shop)
    await Backfill(facts, shop.clock).run(database)
    assert await all_of(shop) == before


async def test_p12_a_payment_that_changes_under_the_migration_is_met_again(shop):
    await fill(shop)
    database, facts = shop.wiring.database, shop.wiring.outcomes.facts
    payments = database.collection("payments")

    @dataclass
    class Meddling:
        left: int = 1

        async def write(self, scope: Any, **caused: Any) -> None:
            await facts.write(scope, **caused)
            if self.left:
                self.left = 0
                # The next of this batch: outside of the transaction, as another process would.
                await payments.update_one({"_id": f"pmt_{5:026d}"}, {"$inc": {"version": 1}})

    await Backfill(Meddling(), shop.clock, batch=50).run(database)
    assert await payments.count_documents({"refunds_reserved": {"$exists": False}}) == 0
    entries, _, _, _ = await all_of(shop)
    assert len(entries) == 8 + 5


async def test_p12_a_fresh_start_has_migrated(shop):
    done = [row["_id"] for row in await shop.rows("migrations")]
    assert done == [1]
    assert (await shop.create()).data["amount"] == MONEY.minor
