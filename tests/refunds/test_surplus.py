"""Captured money that is no payment's goes back, once, out of suspense (B20, B7, C10, I1, I8)."""

import asyncio

import pytest

from app.ledger.models import Account
from app.payments.models import SuspenseState
from app.payments.problems import ProcessorOutcomeUnknown
from app.payments.suspense import SuspenseNotFound
from app.refunds.models import Origin, RefundStatus
from tests.refunds.desk import LIST_ROUTE, REFUND_ROUTE
from tests.stepped import AMOUNT

JOB = "suspense.return"


async def twice_paid(desk):
    """Return a payment that was captured twice, and the suspense entry of the second capture."""
    payment = (await desk.shop.create()).data
    await desk.shop.pay(payment, double=True)
    await desk.shop.check_after(60)
    (entry,) = await desk.shop.suspense()
    assert (entry["amount"], entry["state"]) == (AMOUNT, "open")
    return await desk.shop.merchant.payment(payment["id"]), entry


async def surplus_of(desk, entry):
    rows = desk.shop.wiring.database.collection("refunds").find({"suspense_id": entry["id"]}).sort("_id", -1)
    return [await desk.stored({"id": row["_id"]}) async for row in rows]


async def balances(desk):
    """Return what the merchant's accounts hold, debits less credits."""
    found = {}
    entries = desk.shop.wiring.database.collection("ledger_entries")
    async for entry in entries.find({"tenant": desk.shop.merchant.id}):
        for leg in entry["legs"]:
            amount = leg["amount"] if leg["side"] == "debit" else -leg["amount"]
            found[leg["account"]] = found.get(leg["account"], 0) + amount
    return found


async def test_b20_i8_the_second_payment_on_one_order_goes_back_by_itself_and_suspense_is_empty(desk):
    payment, entry = await twice_paid(desk)
    assert (await balances(desk))[Account.SUSPENSE] == -AMOUNT
    assert await desk.work(JOB) == []
    (refund,) = await surplus_of(desk, entry)
    assert (refund.origin, refund.status, refund.reason) == (Origin.SURPLUS, RefundStatus.PROCESSED, "second_payment")
    assert refund.gateway_payment_id == entry["gateway_payment_id"]
    held = await balances(desk)
    assert (held[Account.SUSPENSE], held.get(Account.REFUNDS, 0), held[Account.CUSTOMER_CLEARING]) == (0, 0, 0)
    (after,) = await desk.shop.suspense()
    assert (after["state"], after["amount_refunded"]) == (SuspenseState.RETURNED, AMOUNT)
    shown = await desk.shop.merchant.payment(payment["id"])
    assert (shown["status"], shown["amount_refunded"]) == ("completed", 0)
    assert [one["suspense_id"] for one in await desk.all(payment)] == [entry["id"]]


async def test_i9_however_often_and_by_how_many_it_is_returned_it_is_returned_once(desk, shop):
    _, entry = await twice_paid(desk)
    refunds, scope = shop.wiring.refunds.refunds, shop.merchant.scope
    await asyncio.gather(*(refunds.return_suspense(scope, entry["id"]) for _ in range(8)))
    assert await refunds.return_suspense(scope, entry["id"]) is None
    assert await desk.work(JOB) == []
    assert len(await surplus_of(desk, entry)) == len(await desk.at_processor()) == 1


async def test_c6_a_return_whose_answer_is_lost_is_finished_by_the_worker(desk, shop):
    _, entry = await twice_paid(desk)
    await shop.fault(REFUND_ROUTE, "reset_after")
    await shop.fault(LIST_ROUTE, "error_before", times=None)
    with pytest.raises(ProcessorOutcomeUnknown):
        await desk.work(JOB)
    await shop.heal()
    assert await desk.work(JOB) == []
    assert await desk.work("refund.send") == []
    (refund,) = await surplus_of(desk, entry)
    assert (refund.status, len(await desk.at_processor())) == (RefundStatus.PROCESSED, 1)


async def test_a_return_that_the_processor_refuses_leaves_the_money_in_suspense_for_a_human(desk):
    _, entry = await twice_paid(desk)
    await desk.policy(refund_balance=1)
    assert await desk.work(JOB) == []
    (refused,) = await surplus_of(desk, entry)
    assert (refused.status, refused.failure) == (RefundStatus.FAILED, "refund_limit_crossed")
    (held,) = await desk.shop.suspense()
    assert (held["state"], held["amount_refunded"], (await balances(desk))[Account.SUSPENSE]) == ("open", 0, -AMOUNT)
    await desk.policy(refund_balance=None)
    assert (await desk.shop.wiring.refunds.refunds.return_suspense(desk.shop.merchant.scope, entry["id"])) is not None
    (returned,) = await desk.shop.suspense()
    assert returned["state"] == "returned"


async def test_c9_a_return_that_the_bank_sends_back_is_in_suspense_again(told):
    _, entry = await twice_paid(told)
    await told.work(JOB)
    (refund,) = await surplus_of(told, entry)
    await told.end({"gateway_refund_id": refund.gateway_refund_id}, "bounce")
    await told.hear()
    (held,) = await told.shop.suspense()
    assert (held["state"], held["amount_refunded"]) == ("open", 0)
    assert (await balances(told))[Account.SUSPENSE] == -AMOUNT
    assert (await told.shop.wiring.refunds.refunds.return_suspense(told.shop.merchant.scope, entry["id"])) is not None


async def returned_elsewhere(desk, *, has_events):
    """Give a part of suspended money back in the dashboard, and let the house return the rest."""
    _, entry = await twice_paid(desk)
    await desk.made_elsewhere({"payment_id": entry["gateway_payment_id"]}, 20_000)
    if has_events:
        await desk.hear()
    await desk.shop.check_after(86_400)
    assert await desk.work("refunds.import") == []
    (refund,) = await surplus_of(desk, entry)
    assert (refund.origin, refund.from_suspense) == (Origin.PROCESSOR, 20_000)
    assert (await balances(desk))[Account.SUSPENSE] == 20_000 - AMOUNT
    assert await desk.work(JOB) == []
    amounts = {one.origin: one.money.minor for one in await surplus_of(desk, entry)}
    assert amounts == {Origin.PROCESSOR: 20_000, Origin.SURPLUS: 30_000}
    assert (await balances(desk))[Account.SUSPENSE] == 0
    assert await desk.work("refunds.import") == []


async def test_c10_money_in_suspense_that_is_returned_in_the_dashboard_is_counted_by_its_event(told):
    await returned_elsewhere(told, has_events=True)


async def test_c10_money_in_suspense_that_is_returned_in_the_dashboard_is_counted_without_any_event(desk):
    await returned_elsewhere(desk, has_events=False)


async def test_money_that_went_to_suspense_and_is_not_here_yet_is_no_refund_of_ours(desk, shop):
    """The entry of a captured attempt is written with it; one that is gone makes its refund unplaceable, not wrong."""
    payment, entry = await twice_paid(desk)
    await shop.wiring.database.collection("suspense").delete_one({"_id": entry["id"]})
    await desk.made_elsewhere({"payment_id": entry["gateway_payment_id"]}, 20_000)
    await shop.check_after(86_400)
    await desk.work("refunds.import")
    assert await desk.all(payment) == []


async def test_a_return_of_nothing_known_is_a_failed_job(desk, shop):
    refunds = shop.wiring.refunds.refunds
    with pytest.raises(SuspenseNotFound):
        await refunds.return_suspense(shop.merchant.scope, "sus_01KAQ7X2V8M3TZB5C6D9EFGHJK")
