"""Settlements: made after two working days, of what was captured, refunded and disputed, whatever happened."""

import json
import random

import pytest

from razorpay_simulator.fees import fee_and_tax
from razorpay_simulator.working_days import day_of, slot_of_cycle
from tests.razorpay_simulator.test_webhooks import register

DAY = 86_400
CYCLE = 6 * DAY
"""Time in which two working days pass whatever day it is."""

ROW_FIELDS = [
    *("entity_id", "type", "debit", "credit", "amount", "currency", "fee", "tax", "on_hold", "settled", "created_at"),
    *("settled_at", "settlement_id", "posted_at", "credit_type", "description", "notes", "payment_id"),
    *(
        "settlement_utr",
        "order_id",
        "order_receipt",
        "method",
        "card_network",
        "card_issuer",
        "card_type",
        "dispute_id",
    ),
]
"""The fields of the documented answer, in its order."""


async def settled(call, **body):
    """Settle what waits, due or not."""
    return await call.ok("POST", "/_sim/settlements", body)


async def settlements(call):
    return (await call.ok("GET", "/v1/settlements?count=100"))["items"]


def month_of(settlement):
    day = day_of(settlement["created_at"])
    return f"year={day.year}&month={day.month:02}"


async def recon(call, settlement):
    """Return the rows of a settlement, from the list of its month."""
    listed = await call.ok("GET", f"/v1/settlements/recon/combined?{month_of(settlement)}&count=1000")
    return [row for row in listed["items"] if row["settlement_id"] == settlement["id"]]


def total(rows):
    return sum(row["credit"] - row["debit"] for row in rows)


async def facts(call, kind):
    return (await call.ok("GET", f"/_sim/journal?kind={kind}"))["entries"]


async def test_captured_money_is_settled_when_its_time_comes(call):
    payment = await call.captured(50_000, method="card")
    world = call.simulator.world
    due = slot_of_cycle(world.clock.now())
    await call.advance(due - world.clock.now() - 60)
    assert await settlements(call) == []
    await call.advance(120)
    (made,) = await settlements(call)
    fee, tax = fee_and_tax(50_000)
    assert list(made) == ["id", "entity", "amount", "status", "fees", "tax", "utr", "created_at"]
    assert (made["entity"], made["amount"], made["status"], made["fees"], made["tax"]) == (
        *("settlement", 50_000 - fee, "processed", 0, 0),
    )
    assert abs(made["created_at"] - due) <= 1
    assert await call.ok("GET", f"/v1/settlements/{made['id']}") == made
    (row,) = await recon(call, made)
    order = await call.ok("GET", f"/v1/orders/{payment['order_id']}")
    assert list(row) == ROW_FIELDS
    assert row == {
        "entity_id": payment["id"],
        "type": "payment",
        "debit": 0,
        "credit": 50_000 - fee,
        "amount": 50_000,
        "currency": "INR",
        "fee": fee,
        "tax": tax,
        "on_hold": False,
        "settled": True,
        "created_at": payment["created_at"],
        "settled_at": made["created_at"],
        "settlement_id": made["id"],
        "posted_at": None,
        "credit_type": "default",
        "description": payment["description"],
        "notes": None,
        "payment_id": None,
        "settlement_utr": made["utr"],
        "order_id": payment["order_id"],
        "order_receipt": order["receipt"],
        "method": "card",
        "card_network": "Visa",
        "card_issuer": "HDFC",
        "card_type": row["card_type"],
        "dispute_id": None,
    }


async def test_one_settlement_a_working_day_takes_all_that_is_due(call):
    for _ in range(3):
        await call.captured(10_000)
    await call.advance(CYCLE)
    (made,) = await settlements(call)
    assert len(await recon(call, made)) == 3
    await call.advance(30 * DAY)
    assert await settlements(call) == [made]


async def test_what_waits_is_in_no_list(call):
    payment = await call.captured()
    today = {"created_at": payment["created_at"]}
    assert (await call.ok("GET", f"/v1/settlements/recon/combined?{month_of(today)}"))["items"] == []


async def test_a_refund_goes_with_its_payment_or_after_it(call):
    early, late = await call.captured(50_000), await call.captured(20_000)
    back = await call.ok("POST", f"/v1/payments/{early['id']}/refund", {"amount": 30_000, "notes": {"why": "torn"}})
    first = await settled(call)
    again = await call.ok("POST", f"/v1/payments/{late['id']}/refund", {"amount": 5_000})
    rows = await recon(call, first)
    assert [(row["type"], row["entity_id"]) for row in rows[2:]] == [("refund", back["id"])]
    row = rows[2]
    assert (row["debit"], row["credit"], row["amount"], row["fee"]) == (30_000, 0, 30_000, 0)
    assert (row["payment_id"], row["notes"], row["order_id"]) == (early["id"], {"why": "torn"}, early["order_id"])
    assert list(row) == ROW_FIELDS
    other = await call.captured(80_000)
    second = await settled(call)
    assert [row["entity_id"] for row in await recon(call, second)] == [other["id"], again["id"]]
    assert first["amount"] == total(rows)


async def test_an_instant_refund_is_taken_with_its_fee(call):
    await call.ok("PUT", "/_sim/accounts/refunds", {"refund_instant_fee": 118})
    payment = await call.captured()
    fast, fallen_back = [{"amount": 1000, "speed": "optimum"}] * 2
    made = await call.ok("POST", f"/v1/payments/{payment['id']}/refund", fast)
    await call.ok("PUT", "/_sim/accounts/refunds", {"refund_is_instant": False})
    await call.ok("POST", f"/v1/payments/{payment['id']}/refund", fallen_back)
    settlement = await settled(call)
    rows = {row["entity_id"]: row for row in await recon(call, settlement) if row["type"] == "refund"}
    told = {name: (row["amount"], row["fee"], row["tax"], row["debit"]) for name, row in rows.items()}
    assert told.pop(made["id"]) == (1000, 118, 18, 1118)
    assert list(told.values()) == [(1000, 0, 0, 1000)]
    assert total(await recon(call, settlement)) == settlement["amount"]


async def test_a_pending_refund_takes_nothing_yet_and_a_returned_one_brings_it_back(call):
    await call.ok("PUT", "/_sim/accounts/refunds", {"refund_seconds": 3600})
    payment = await call.captured(50_000)
    back = await call.ok("POST", f"/v1/payments/{payment['id']}/refund", {"amount": 10_000})
    assert [row["type"] for row in await recon(call, await settled(call))] == ["payment"]
    await call.ok("POST", f"/_sim/refunds/{back['id']}/process")
    await call.captured(30_000)
    assert [row["type"] for row in await recon(call, await settled(call))] == ["payment", "refund"]
    await call.ok("POST", f"/_sim/refunds/{back['id']}/bounce")
    third = await settled(call)
    (row,) = await recon(call, third)
    assert list(row) == [name for name in ROW_FIELDS if name != "credit_type"]
    assert (row["type"], row["credit"], row["dispute_id"]) == ("adjustment", 10_000, None)
    assert (back["id"] in row["description"], row["entity_id"][:4]) == (True, "adj_")


async def test_a_refund_that_came_back_before_it_was_settled_leaves_no_row(call):
    payment = await call.captured(50_000)
    back = await call.ok("POST", f"/v1/payments/{payment['id']}/refund", {})
    await call.advance(CYCLE)
    assert await settlements(call) == []
    await call.ok("POST", f"/_sim/refunds/{back['id']}/bounce")
    await call.advance(CYCLE)
    (made,) = await settlements(call)
    assert [row["entity_id"] for row in await recon(call, made)] == [payment["id"]]


async def test_a_lost_dispute_is_deducted_and_an_appeal_brings_it_back(call):
    payment = await call.captured(50_000)
    await settled(call)
    dispute = await call.ok("POST", f"/_sim/payments/{payment['id']}/dispute", {"amount": 20_000})
    await call.ok("POST", f"/v1/disputes/{dispute['id']}/accept", {})
    await call.captured(90_000)
    deducted = (await recon(call, await settled(call)))[-1]
    assert (deducted["type"], deducted["debit"], deducted["credit"]) == ("adjustment", 20_000, 0)
    assert (deducted["dispute_id"], deducted["payment_id"]) == (dispute["id"], None)
    won = await call.ok("POST", f"/_sim/disputes/{dispute['id']}/reverse", {})
    assert (won["status"], won["amount_deducted"]) == ("won", 0)
    assert (await call.event_names())[-1] == "payment.dispute.won"
    await call.advance(CYCLE)
    returned = await recon(call, (await settlements(call))[0])
    assert [(row["credit"], row["dispute_id"]) for row in returned] == [(20_000, dispute["id"])]
    refusal = await call.refused("POST", f"/_sim/disputes/{dispute['id']}/reverse", {})
    assert refusal["description"] == "Action not allowed when dispute is in won status."


async def test_what_comes_to_nothing_waits_with_its_rows(call):
    payment = await call.captured(50_000)
    await call.ok("POST", f"/v1/payments/{payment['id']}/refund", {})
    assert "stays" in (await call.refused("POST", "/_sim/settlements", {}))["description"]
    await call.advance(CYCLE)
    assert await settlements(call) == []
    await call.captured(90_000)
    await call.advance(CYCLE)
    (made,) = await settlements(call)
    rows = await recon(call, made)
    assert [row["type"] for row in rows] == ["payment", "payment", "refund"]
    assert made["amount"] == total(rows) == 90_000 - fee_and_tax(90_000)[0] - fee_and_tax(50_000)[0]


async def test_a_held_payment_waits_with_its_refunds_until_it_is_let_go(call):
    held, free = await call.captured(50_000), await call.captured(70_000)
    row = await call.ok("POST", f"/_sim/payments/{held['id']}/hold", {})
    assert (row["on_hold"], row["settled"], row["settlement_id"]) == (True, False, None)
    await call.ok("POST", f"/v1/payments/{held['id']}/refund", {"amount": 10_000})
    await call.advance(CYCLE)
    (made,) = await settlements(call)
    assert [row["entity_id"] for row in await recon(call, made)] == [free["id"]]
    await call.ok("POST", f"/_sim/payments/{held['id']}/hold", {"on_hold": False})
    await call.advance(CYCLE)
    rows = await recon(call, (await settlements(call))[0])
    assert [(row["type"], row["on_hold"]) for row in rows] == [("payment", False), ("refund", False)]
    await call.refused("POST", f"/_sim/payments/{held['id']}/hold", {})
    await call.refused("POST", "/_sim/payments/pay_x/hold", {})


async def test_what_was_never_captured_or_is_no_rupee_is_not_settled(call):
    held = (await call.pay(await call.order(), outcome="authorize_only"))["payment"]
    dollars = await call.ok("POST", "/v1/orders", {"amount": 5_000, "currency": "USD"})
    paid = (await call.pay(dollars))["payment"]
    back = await call.ok("POST", f"/v1/payments/{paid['id']}/refund", {"amount": 100})
    await call.ok("POST", f"/_sim/refunds/{back['id']}/bounce")
    dispute = await call.ok("POST", f"/_sim/payments/{paid['id']}/dispute", {})
    await call.ok("POST", f"/v1/disputes/{dispute['id']}/accept", {})
    await call.advance(2 * CYCLE)
    assert (await call.ok("GET", f"/v1/payments/{held['id']}"))["status"] == "refunded"
    assert call.simulator.world.default_account.settling.waiting == {}
    assert await settlements(call) == []


async def test_accounts_are_settled_apart(call, call_to):
    made = await call.ok("POST", "/_sim/accounts", {"key_id": "rzp_test_other", "key_secret": "s"})
    other = call_to(call.simulator, "rzp_test_other", "s")
    await call.captured(50_000)
    theirs = await other.captured(70_000)
    first = await settled(call, account_id=made["account_id"])
    assert [row["entity_id"] for row in await recon(other, first)] == [theirs["id"]]
    assert (await settlements(call), len(await settlements(other))) == ([], 1)
    assert (await call.refused("GET", f"/v1/settlements/{first['id']}"))[
        "description"
    ] == "The id provided does not exist"


async def test_endpoints_hear_of_a_settlement_and_the_journal_has_it(call, receiver):
    await register(call, receiver.url, events=["settlement.processed"])
    await call.captured(50_000)
    made = await settled(call)
    await call.advance(0)
    ((_, body),) = receiver.got
    event = json.loads(body)
    assert (event["event"], event["contains"]) == ("settlement.processed", ["settlement"])
    assert event["payload"] == {"settlement": {"entity": made}}
    (fact,) = await facts(call, "settlement.processed")
    assert (fact["settlement"], fact["amount"], fact["due"], fact["rows"], fact["utr"], fact["faults"]) == (
        *(made["id"], made["amount"], made["amount"], 1, made["utr"], []),
    )


async def lived(call, dice):
    """Let one random thing happen."""
    paid = [one for one in call.simulator.world.default_account.payments.values() if one.was_captured]
    payment = dice.choice(paid) if paid else None
    match dice.randrange(6):
        case 0 | 1:
            await call.captured(dice.randrange(100, 100_000), method=dice.choice(("card", "upi", "netbanking")))
        case 2 if payment is not None:
            amount = dice.randrange(100, 100_000)
            await call("POST", f"/v1/payments/{payment.id}/refund", {"amount": amount})
        case 3 if payment is not None:
            dispute = await call("POST", f"/_sim/payments/{payment.id}/dispute", {})
            await call("POST", f"/_sim/disputes/{dispute.body.get('id')}/lose", {})
            if dice.random() < 0.5:
                await call("POST", f"/_sim/disputes/{dispute.body.get('id')}/reverse", {})
        case 4:
            refunds = list(call.simulator.world.default_account.refunds)
            if refunds:
                await call("POST", f"/_sim/refunds/{dice.choice(refunds)}/bounce")
        case _:
            await call.advance(dice.randrange(3 * DAY))


@pytest.mark.parametrize("seed", range(8))
async def test_the_rows_of_every_settlement_come_to_its_amount_whatever_happened(call, seed):
    dice = random.Random(seed)  # noqa: S311  reproducible
    await call.ok("POST", "/_sim/clock/freeze", {})
    for _ in range(60):
        await lived(call, dice)
    await call.captured(10_000_000)
    await call.advance(CYCLE)
    account = call.simulator.world.default_account
    made = await settlements(call)
    assert made
    rows = [await recon(call, one) for one in made]
    for one, its in zip(made, rows, strict=True):
        assert one["amount"] == total(its) > 0
    everything = [row for its in rows for row in its]
    assert account.settling.waiting == {}
    days = [day_of(one["created_at"]) for one in made]
    assert len(set(days)) == len(days)
    assert {day.isoweekday() for day in days} <= {1, 2, 3, 4, 5}
    ids = [row["entity_id"] for row in everything]
    assert len(set(ids)) == len(ids)
    paid = [one for one in account.payments.values() if one.was_captured]
    gone = sum(one.amount_refunded for one in paid) + sum(one.amount_deducted for one in account.disputes.values())
    assert total(everything) == sum(one.amount - one.fee for one in paid) - gone
    first = {row["entity_id"]: row["settled_at"] for row in everything if row["type"] == "payment"}
    assert all(row["settled_at"] >= first[row["payment_id"]] for row in everything if row["type"] == "refund")
