"""From the capture to the bank: what the processor settles is booked, and compared line by line with what is here."""

import asyncio
from datetime import timedelta

import pytest

from app.ledger.models import fee
from app.outbox.models import Lane
from app.settlements.models import PATIENCE
from tests.stepped import AMOUNT, stepped

FEE = 1_180


async def captured(shop, **fields):
    """Return a captured payment as the API shows it, with the processor's id of it."""
    payment = (await shop.create(**fields)).data
    paid = await shop.pay(payment)
    await shop.verify(payment, paid)
    return payment, paid["razorpay_payment_id"]


async def settled(shop):
    """Let the processor settle what waits, and return its settlement."""
    answer = await shop.world.simulate("POST", "/_sim/settlements", {"key_id": shop.merchant.account["key_id"]})
    assert answer.status == 200, answer.body
    return answer.json


async def swept(shop):
    """Walk through every list of the processor."""
    shop.clock.advance(seconds=86_460)
    await shop.wiring.recovery.sweeps.enroll()
    while await shop.wiring.recovery.sweeps.sweep_next():
        pass


async def compared(shop):
    """Compare what waits to be compared, and return the only settlement."""
    await shop.drain(after_delays=True)
    return await only(shop)


async def only(shop):
    (found,) = (await shop.merchant.ask("GET", "/api/v1/settlements")).data["items"]
    return found


async def lines(shop, settlement, **where):
    query = "&".join(f"{name}={value}" for name, value in where.items())
    answer = await shop.merchant.ask("GET", f"/api/v1/settlements/{settlement['id']}/lines?{query}")
    assert answer.status == 200, answer.body
    return answer.data["items"]


async def spoil(shop, mode, **more):
    rule = {"mode": mode, "times": 1, "key_id": shop.merchant.account["key_id"], **more}
    answer = await shop.world.simulate("POST", "/_sim/faults", rule)
    assert answer.status == 200, answer.body


async def balance(shop, account):
    found = (await shop.merchant.ask("GET", "/api/v1/ledger/accounts?currency=INR")).data["accounts"]
    return next(one["balance"] for one in found if one["account"] == account)


async def test_d8_a_settlement_that_no_event_told_is_found_booked_and_agrees(shop):
    await captured(shop)
    payment, paid = await captured(shop)
    await shop.world.simulate("POST", f"/_sim/payments/{paid}/refund", {"amount": 700})
    made = await settled(shop)
    await swept(shop)
    found = await compared(shop)
    net = 2 * (AMOUNT - FEE) - 700
    assert (found["status"], found["agreement"], found["amount"], found["utr"]) == (
        *("processed", "agreed", net),
        made["utr"],
    )
    assert (found["tally"]["lines"], found["tally"]["net"], found["tally"]["with_findings"]) == (3, net, 0)
    (refund,) = await lines(shop, found, kind="refund")
    assert (refund["payment_id"], refund["debit"], refund["refund_id"][:4]) == (payment["id"], 700, "ref_")
    # What the processor held is at the bank: nothing is owed any more.
    assert (await balance(shop, "bank"), await balance(shop, "processor_receivable")) == (net, 0)


async def test_d6_a_settlement_that_an_event_told_is_booked_with_the_event_s_mark(mongodb_url, database_name):
    async with stepped(mongodb_url, database_name, webhooks=True) as shop:
        await captured(shop)
        await settled(shop)
        await shop.apply_events(at_least=4)
        found = await compared(shop)
        assert (found["status"], found["agreement"]) == ("processed", "agreed")
        (event,) = [row for row in await shop.rows("inbox_events") if row["type"] == "settlement.processed"]
        assert event["state"] == "applied"
        assert await shop.events(found["id"]) == [("settlement.processed", 1), ("settlement.reconciled", 2)]


async def test_i1_money_that_nobody_told_us_of_is_found_by_its_line(shop):
    payment = (await shop.create()).data
    await shop.pay(payment)
    await settled(shop)
    shop.clock.advance(seconds=60)
    outcomes, scope = shop.wiring.settlements.outcomes, shop.merchant.scope
    listed = await (await shop.wiring.payments.gateways.of(scope)).list_settlements(
        since=shop.clock.now() - timedelta(days=5), until=shop.clock.now() + timedelta(days=5), skip=0
    )
    await outcomes.record_settlement(scope, listed.items[0], is_present=True)
    found = await compared(shop)
    assert found["agreement"] == "agreed"
    assert (await shop.stored(payment["id"])).status == "completed"


async def test_b19_money_of_somebody_else_s_software_is_named_unknown(shop):
    await captured(shop)
    order = await shop.at_processor("POST", "/v1/orders", {"amount": 900, "currency": "INR", "receipt": "theirs"})
    await shop.world.simulate("POST", f"/_sim/orders/{order['id']}/pay", {"method": "card"})
    await settled(shop)
    await swept(shop)
    found = await compared(shop)
    (odd,) = await lines(shop, found, has_findings="true")
    assert (found["agreement"], odd["findings"], odd["payment_id"], odd["amount"]) == (
        "differs",
        ["unknown"],
        None,
        900,
    )
    # It is asked about once a day, however often the lines are read (I15).
    await compared(shop)
    calls = (await shop.world.simulate("GET", "/_sim/journal?kind=call")).json["entries"]
    assert len([call for call in calls if call["path"] == f"/v1/payments/{odd['entity_id']}"]) == 1


@pytest.mark.parametrize(
    ("mode", "more", "findings", "gap"),
    [
        ("recon_fee_drift", {"amount": 100}, [["fee_differs"]], 0),
        ("settlement_short", {"amount": 100}, [], 100),
        ("recon_row_missing", {}, [], FEE - AMOUNT),
    ],
)
async def test_r7_what_the_processor_pays_otherwise_than_it_told_is_named(shop, mode, more, findings, gap):
    await captured(shop)
    await captured(shop)
    await spoil(shop, mode, **more)
    await settled(shop)
    await swept(shop)
    found = await compared(shop)
    assert found["agreement"] == "differs"
    odd = await lines(shop, found, has_findings="true")
    assert [line["findings"] for line in odd] == findings
    assert found["tally"]["net"] - found["amount"] == gap
    sample = shop.wiring.metrics.registry.get_sample_value
    for measure in shop.wiring.health.samplers:
        await measure()
    assert sample("settlements_differing") == 1


async def test_a_report_that_is_late_is_asked_for_again_until_patience_ends(shop):
    await captured(shop)
    await spoil(shop, "recon_late", delay_seconds=7_200)
    await settled(shop)
    await swept(shop)
    assert (await compared(shop))["agreement"] == "pending"
    waiting = [row for row in await shop.rows("outbox") if row["name"] == "settlements.reconcile"]
    assert [row["state"] for row in waiting] == ["waiting"]
    await shop.world.simulate("POST", "/_sim/clock/advance", {"seconds": 7_300})
    assert (await compared(shop))["agreement"] == "agreed"
    waiting = [row for row in await shop.rows("outbox") if row["name"] == "settlements.reconcile"]
    assert [row["state"] for row in waiting] == ["done"]


async def test_what_still_differs_after_days_is_left_to_people(shop):
    await captured(shop)
    await spoil(shop, "settlement_short", amount=100)
    await settled(shop)
    await swept(shop)
    await compared(shop)
    shop.clock.advance(seconds=PATIENCE.total_seconds())
    assert (await compared(shop))["agreement"] == "differs"
    assert await shop.drain(after_delays=True) == 0


async def test_d8_a_settlement_of_which_no_line_is_ever_told_differs_in_the_end(shop):
    await captured(shop)
    await spoil(shop, "recon_row_missing")
    await settled(shop)
    await swept(shop)
    assert (await compared(shop))["agreement"] == "pending"
    shop.clock.advance(seconds=PATIENCE.total_seconds())
    found = await compared(shop)
    assert (found["agreement"], found["tally"]["lines"], found["tally"]["net"]) == ("differs", 0, 0)
    assert await shop.drain(after_delays=True) == 1  # its endpoints are told, and nobody reads again
    assert [name for name, _ in await shop.events(found["id"])] == ["settlement.processed", "settlement.reconciled"]


async def test_r9_a_reading_that_is_stopped_goes_on_and_no_line_stands_twice(shop):
    await captured(shop)
    await settled(shop)
    await swept(shop)
    await shop.fault("GET /v1/settlements/recon/combined", "error_before", times=None)
    assert (await compared(shop))["tally"] is None
    await shop.heal()
    found = await compared(shop)
    again = await shop.merchant.ask("POST", f"/api/v1/settlements/{found['id']}/reconcile")
    assert again.status == 202
    assert (await compared(shop))["tally"]["lines"] == len(await lines(shop, found)) == 1


@pytest.mark.parametrize("days_before_its_lines", [0, 1])
async def test_r3_a_line_whose_payment_can_not_be_asked_about_is_compared_again_later(shop, days_before_its_lines):
    payment = (await shop.create()).data
    await shop.pay(payment)
    await settled(shop)
    await shop.fault("GET /v1/payments", "error_before", times=None)
    await swept(shop)
    await shop.fault("GET /v1/payments/{id}", "error_before", times=None)
    made_at = (await shop.rows("settlements"))[0]["settled_at"] - timedelta(days=days_before_its_lines)
    await shop.wiring.database.collection("settlements").update_one({}, {"$set": {"settled_at": made_at}})
    found = await compared(shop)
    assert (found["agreement"], found["tally"]["with_findings"]) == ("differs", 1)
    await shop.heal()
    assert (await compared(shop))["agreement"] == "agreed"
    assert (await shop.stored(payment["id"])).status == "completed"


async def test_r3_a_payment_that_can_not_be_asked_about_keeps_no_other_line_waiting(shop):
    paid = [await shop.pay((await shop.create()).data) for _ in range(2)]
    await settled(shop)
    await shop.fault("GET /v1/payments", "error_before", times=None)
    await swept(shop)
    await shop.heal()
    await shop.fault(f"GET /v1/payments/{paid[0]['razorpay_payment_id']}", "error_before", times=None)
    assert (await compared(shop))["tally"]["with_findings"] == 1
    await shop.heal()
    assert (await compared(shop))["agreement"] == "agreed"


async def test_what_somebody_asks_to_be_compared_again_is_compared_once(shop):
    await captured(shop)
    await spoil(shop, "settlement_short", amount=100)
    await settled(shop)
    await swept(shop)
    found = await compared(shop)
    for _ in range(3):
        answer = await shop.merchant.ask("POST", f"/api/v1/settlements/{found['id']}/reconcile")
        assert answer.status == 202
    await compared(shop)
    again = [row for row in await shop.rows("outbox") if row["name"] == "settlements.reconcile_once"]
    assert [row["state"] for row in again] == ["done"] * 3
    (by_itself,) = [row for row in await shop.rows("outbox") if row["name"] == "settlements.reconcile"]
    assert by_itself["state"] == "waiting"


async def test_c9_a_refund_that_a_bank_sends_back_after_it_was_settled_is_an_adjustment_for_people(shop):
    _, paid = await captured(shop)
    await captured(shop)
    refunded = await shop.world.simulate("POST", f"/_sim/payments/{paid}/refund", {"amount": 700})
    await settled(shop)
    await swept(shop)
    assert (await compared(shop))["agreement"] == "agreed"
    bounced = await shop.world.simulate("POST", f"/_sim/refunds/{refunded.json['id']}/bounce", {})
    assert bounced.status == 200, bounced.body
    await captured(shop)
    await settled(shop)
    await swept(shop)
    await shop.drain(after_delays=True)
    newest, _ = (await shop.merchant.ask("GET", "/api/v1/settlements")).data["items"]
    (odd,) = await lines(shop, newest, has_findings="true")
    assert (newest["agreement"], odd["findings"], odd["credit"]) == ("differs", ["unexplained"], 700)
    assert await balance(shop, "processor_receivable") == 0


async def test_c9_a_settlement_that_the_bank_returns_is_found_by_the_next_walk_and_its_money_is_settled_anew(shop):
    await captured(shop)
    made = await settled(shop)
    await swept(shop)
    await compared(shop)
    assert (await shop.world.simulate("POST", f"/_sim/settlements/{made['id']}/fail", {})).status == 200
    await swept(shop)
    assert (await only(shop))["status"] == "failed"
    assert (await balance(shop, "bank"), await balance(shop, "processor_receivable")) == (0, AMOUNT - FEE)
    refused = await shop.merchant.ask("POST", f"/api/v1/settlements/{(await only(shop))['id']}/reconcile")
    assert (refused.status, refused.code) == (409, "settlement_not_paid")
    await settled(shop)
    await swept(shop)
    await shop.drain(after_delays=True)
    newest, oldest = (await shop.merchant.ask("GET", "/api/v1/settlements")).data["items"]
    assert (newest["agreement"], oldest["status"]) == ("agreed", "failed")
    assert (await balance(shop, "bank"), await balance(shop, "processor_receivable")) == (AMOUNT - FEE, 0)


async def test_d5_what_an_instant_refund_cost_is_booked_once_and_nothing_stays_at_the_processor(shop):
    payment, paid = await captured(shop)
    await captured(shop)
    asked = {"amount": 700, "speed": "optimum"}
    await shop.world.simulate("POST", f"/_sim/payments/{paid}/refund", asked)
    await settled(shop)
    await swept(shop)
    found = await compared(shop)
    for _ in range(2):
        await shop.merchant.ask("POST", f"/api/v1/settlements/{found['id']}/reconcile")
        await compared(shop)
    (refund,) = await lines(shop, found, kind="refund")
    assert (refund["fee"], refund["tax"], refund["debit"], refund["findings"]) == (590, 90, 1290, [])
    query = f"cause=fee&cause_id={refund['entity_id']}"
    (entry,) = (await shop.merchant.ask("GET", f"/api/v1/ledger/entries?{query}")).data["items"]
    assert entry["payment_id"] == payment["id"]
    assert (found["agreement"], await balance(shop, "processor_receivable")) == ("agreed", 0)
    assert (await balance(shop, "fees"), await balance(shop, "tax")) == (2 * (FEE - 180) + 500, 2 * 180 + 90)


async def test_r7_a_fee_of_a_refund_that_changes_after_it_was_booked_is_named(shop):
    _, paid = await captured(shop)
    await captured(shop)
    await shop.world.simulate("POST", f"/_sim/payments/{paid}/refund", {"amount": 700, "speed": "optimum"})
    await settled(shop)
    await swept(shop)
    found = await compared(shop)
    (refund,) = await lines(shop, found, kind="refund")
    entries = shop.wiring.database.collection("ledger_entries")
    await entries.delete_one({"cause.id": refund["entity_id"], "cause.kind": "fee"})
    dearer = fee(refund["entity_id"], 700, tax=90, currency="INR", payment_id=refund["payment_id"])
    await shop.wiring.settlements.outcomes.book(shop.merchant.scope, [dearer])
    await shop.merchant.ask("POST", f"/api/v1/settlements/{found['id']}/reconcile")
    assert (await compared(shop))["agreement"] == "differs"
    (refund,) = await lines(shop, found, kind="refund")
    assert refund["findings"] == ["fee_differs"]


async def test_a_lost_dispute_is_an_adjustment_that_agrees(shop):
    payment, paid = await captured(shop)
    await captured(shop)
    opened = await shop.world.simulate("POST", f"/_sim/payments/{paid}/dispute", {})
    await shop.world.simulate("POST", f"/_sim/disputes/{opened.json['id']}/lose", {})
    await settled(shop)
    await swept(shop)
    found = await compared(shop)
    (adjustment,) = await lines(shop, found, kind="adjustment")
    assert (adjustment["payment_id"], adjustment["debit"], adjustment["findings"]) == (payment["id"], AMOUNT, [])
    assert (found["agreement"], found["amount"]) == ("agreed", AMOUNT - 2 * FEE)
    assert await balance(shop, "processor_receivable") == 0


async def test_p3_two_workers_who_compare_at_once_come_to_one_result(shop):
    await captured(shop)
    await settled(shop)
    await swept(shop)
    job = next(row for row in await shop.rows("outbox") if row["name"] == "settlements.reconcile")
    assert job["lane"] == Lane.BULK
    reconciling, scope = shop.wiring.settlements.jobs.reconciling, shop.merchant.scope
    both = await asyncio.gather(*(reconciling.reconcile(scope, job["subject"]) for _ in range(4)))
    assert {one.agreement.value for one in both} == {"agreed"}
    assert len(await lines(shop, await only(shop))) == 1
