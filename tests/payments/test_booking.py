"""Each fact about money is one transaction: the change, its entries, its news (B3, B16, B20, C2, C3, D4, I2, I6)."""

import asyncio
from dataclasses import dataclass, replace
from typing import Any

import pytest

from app.gateways.port import AttemptStatus
from app.payments.models import PaymentStatus, Source
from tests.inbox.conftest import Postman, new_event_id
from tests.payments.held import hold
from tests.payments.samples import snapshot
from tests.payments.test_outcomes import capture, manual

ENTRIES = ("findAndModify", "ledger_entries")
ITEMS = ("update", "outbox")
PAYMENT = ("update", "payments")
INBOX = ("update", "inbox_events")


@pytest.fixture
def postman(shop):
    return Postman(shop)


class NoGateways:
    """Nobody may ask the processor."""

    async def of(self, scope: Any) -> Any:
        message = "the processor was to be asked"
        raise AssertionError(message)


@dataclass
class Broken:
    """Facts whose outbox can't be written."""

    inner: Any

    async def write(self, scope: Any, *, session: Any, **caused: Any) -> None:
        await self.inner.write(scope, session=session, **caused)
        message = "the outbox can't be written"
        raise RuntimeError(message)


async def test_d4_a_captured_event_is_applied_by_one_transaction_and_no_call(shop, postman, commands):
    payment, event = await postman.paid()
    await postman.deliver(event, event_id=new_event_id())
    inbox = shop.wiring.inbox
    inbox = replace(inbox, outcomes=replace(inbox.outcomes, gateways=NoGateways()))
    commands.forget()
    assert await inbox.apply_next()
    assert (commands.commits, commands.aborts) == (1, 0)
    assert commands.inside == [PAYMENT, ENTRIES, ENTRIES, ITEMS, INBOX]
    assert commands.outside == [("findAndModify", "inbox_events")], "the claim"
    stored = await shop.stored(payment["id"])
    assert stored.status is PaymentStatus.COMPLETED
    assert await shop.entries() == [("capture", stored.primary.id), ("fee", stored.primary.id)]
    assert await shop.events(payment["id"]) == [("payment.completed", stored.version)]


async def test_d4_an_event_without_news_writes_its_mark_alone(shop, postman, commands):
    _, event = await postman.paid()
    for _ in range(2):
        await postman.deliver(event, event_id=new_event_id())
    assert await shop.wiring.inbox.apply_next()
    commands.forget()
    assert await shop.wiring.inbox.apply_next()
    assert (commands.commits, commands.inside) == (1, [INBOX])


async def test_d4_a_capture_is_one_transaction_and_the_call_is_outside(shop, commands):
    payment, paid = await manual(shop)
    commands.forget()
    answer = await capture(shop, payment)
    assert answer.data["status"] == "completed"
    assert (commands.commits, commands.aborts) == (1, 0)
    assert commands.inside == [PAYMENT, ENTRIES, ENTRIES, ITEMS]
    assert [name for name in commands.outside if name[1] == "payments"] == [PAYMENT], "the intent"
    attempt = paid["razorpay_payment_id"]
    assert await shop.entries() == [("capture", attempt), ("fee", attempt)]
    assert [name for name, _ in await shop.events(payment["id"])] == ["payment.authorized", "payment.completed"]


async def test_d4_looking_again_without_news_is_no_transaction(shop, commands):
    payment, _ = await manual(shop)
    commands.forget()
    answer = await shop.merchant.ask("POST", f"/api/v1/payments/{payment['id']}/recheck")
    assert (answer.status, commands.commits, commands.inside) == (200, 0, [])


async def test_d4_creating_a_payment_is_two_writes_and_no_transaction(shop, commands):
    await shop.create()
    commands.forget()
    payment = (await shop.create()).data
    assert (commands.commits, commands.outside) == (0, [PAYMENT, PAYMENT])
    assert (await shop.stored(payment["id"])).order_id == payment["order_id"]


async def test_d4_i6_when_the_news_can_not_be_written_nothing_happened(shop, postman):
    payment, event = await postman.paid()
    await postman.deliver(event, event_id=new_event_id())
    inbox = shop.wiring.inbox
    outcomes = replace(inbox.outcomes, facts=Broken(inbox.outcomes.facts))
    assert await replace(inbox, outcomes=outcomes).apply_next()
    assert (await shop.stored(payment["id"])).attempts == ()
    assert (await shop.entries(), await shop.events(payment["id"])) == ([], [])
    await postman.due()
    assert await inbox.apply_next()
    assert (await shop.stored(payment["id"])).status is PaymentStatus.COMPLETED
    assert [kind for kind, _ in await shop.entries()] == ["capture", "fee"]


@pytest.mark.parametrize("target", ["cancelled", "expired", "refused"])
async def test_i6_a_payment_that_ends_without_money_is_told_in_the_same_transaction(shop, commands, target):
    if target == "refused":
        await shop.fault("POST /v1/orders", "error_before", status=400)
        commands.forget()
        assert (await shop.create()).code == "payment_refused"
        (payment,) = (await shop.merchant.ask("GET", "/api/v1/payments")).data["items"]
    else:
        payment = (await shop.create()).data
        commands.forget()
        if target == "cancelled":
            await shop.merchant.ask("POST", f"/api/v1/payments/{payment['id']}/cancel")
        else:
            await shop.check_after(2 * 86_400)
    assert commands.commits == 1
    assert commands.inside[-1] == ITEMS
    stored = await shop.stored(payment["id"])
    name = "failed" if target == "refused" else target
    assert (stored.status.value, stored.version) == (name, 2 if target == "refused" else 3)
    assert await shop.events(payment["id"]) == [(f"payment.{name}", stored.version)]


async def test_b3_b4_i2_one_capture_told_forty_times_under_forged_ids_to_eight_workers_is_booked_once(shop, postman):
    payment, event = await postman.paid()
    for _ in range(40):
        await postman.deliver(event, event_id=new_event_id())
    applied = await asyncio.gather(*(shop.apply_events() for _ in range(8)))
    assert sum(applied) == 40
    assert [kind for kind, _ in await shop.entries()] == ["capture", "fee"]
    assert [name for name, _ in await shop.events(payment["id"])] == ["payment.completed"]
    assert {one["state"] for one in await postman.stored()} == {"applied"}


async def test_c2_i2_twelve_captures_at_once_are_booked_once(shop):
    payment, paid = await manual(shop)
    await asyncio.gather(*(capture(shop, payment) for _ in range(12)))
    attempt = paid["razorpay_payment_id"]
    assert await shop.entries() == [("capture", attempt), ("fee", attempt)]


async def test_c3_i2_a_capture_whose_answer_was_lost_is_booked_once_it_is_found(shop):
    payment, paid = await manual(shop)
    await shop.fault("POST /v1/payments/{id}/capture", "reset_after", times=None)
    await shop.fault("GET /v1/payments/{id}", "error_before", times=None)
    assert (await capture(shop, payment)).code == "processor_outcome_unknown"
    assert await shop.entries() == []
    await shop.heal()
    await shop.check_after(10)
    assert await shop.entries() == [("capture", paid["razorpay_payment_id"]), ("fee", paid["razorpay_payment_id"])]


@pytest.mark.parametrize(
    ("reason", "settings", "jobs"),
    [
        ("second_payment", {}, ["suspense.return"]),
        ("second_payment", {"surplus_payments": "hold"}, []),
        ("paid_after_cancel", {}, ["suspense.return"]),
        ("paid_after_cancel", {"surplus_payments": "hold"}, []),
        ("paid_after_expiry", {"late_payments": "suspense"}, []),
        ("paid_after_expiry", {"late_payments": "refund"}, ["suspense.return"]),
        ("amount_mismatch", {}, []),
        ("orphan_order", {}, []),
    ],
)
async def test_a4_b16_b20_i1_money_that_is_no_payments_is_booked_apart_and_told(shop, reason, settings, jobs):
    if settings:
        await shop.merchant.ask_as_owner("PATCH", "/api/v1/merchant", settings)
    held, found = await hold(shop, reason)
    assert (held["reason"], held["state"], found) == (reason, "open", jobs)
    booked = [row for row in await shop.rows("ledger_entries") if row["cause"]["id"] == held["gateway_payment_id"]]
    assert [leg["account"] for row in booked for leg in row["legs"]] == ["processor_receivable", "suspense"]
    assert [name for name, _ in await shop.events(held["id"])] == ["suspense.opened"]
    names = [name for name, _ in await shop.events(held["payment_id"])]
    assert "payment.needs_review" in names


async def test_b20_a_twin_of_money_in_suspense_is_told_once(shop):
    held, _ = await hold(shop, "orphan_order")
    # The same payment of the processor turns up at another payment of ours: one of them must be an error of theirs.
    payment = (await shop.create()).data
    said = snapshot(AttemptStatus.CAPTURED, order_id="order_Orphan000000001")
    booked = await shop.entries()
    await shop.wiring.outcomes.record_evidence(shop.merchant.scope, said, source=Source.POLL, payment_id=payment["id"])
    assert [row["_id"] for row in await shop.rows("suspense")] == [held["id"]]
    assert await shop.entries() == booked
    told = [row["subject"] for row in await shop.rows("outbox") if row["name"] == "suspense.opened"]
    assert told == [held["id"]]


async def test_c10_refunds_that_only_the_processor_counts_are_to_be_imported_once(shop):
    payment = (await shop.create()).data
    said = snapshot(AttemptStatus.CAPTURED, order_id=payment["order_id"], amount_refunded=700)
    for _ in range(3):
        await shop.wiring.outcomes.record_evidence(shop.merchant.scope, said, source=Source.POLL)
    jobs = [row for row in await shop.rows("outbox") if row["kind"] == "job"]
    assert [(row["name"], row["subject"]) for row in jobs] == [("refunds.import", payment["id"])]
    stored = await shop.stored(payment["id"])
    assert (stored.amount_refunded, stored.shown_status.value) == (0, "completed")
