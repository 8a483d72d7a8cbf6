"""What neither an event nor a check told us is found in the processor's lists, page by page (D8, A4, C10, R9)."""

import secrets

from app.recovery.models import Swept
from tests.stepped import AMOUNT


async def swept(shop, *, days=0):
    """Look for accounts, and read every page that is due; return how many pages there were."""
    # The processor's clock runs on while ours stands still.
    shop.clock.advance(seconds=60 + days * 86_400)
    room = shop.wiring.recovery
    await room.sweeps.enroll()
    pages = 0
    while await room.sweeps.sweep_next():
        pages += 1
    return pages


async def found(shop, what):
    value = shop.wiring.metrics.registry.get_sample_value("sweep_finds_total", {"list": what})
    return int(value or 0)


async def test_d8_a_captured_payment_that_nobody_told_us_about_is_found(shop):
    payment = (await shop.create()).data
    await shop.pay(payment)
    assert await swept(shop) == len(Swept)
    assert (await shop.stored(payment["id"])).status == "completed"
    assert (await shop.stored(payment["id"])).history[-1].source == "sweep"
    assert await found(shop, "payments") == 1
    assert [kind for kind, _ in await shop.entries()] == ["capture", "fee"]


async def test_d8_a_second_sweep_finds_nothing_and_waits_for_the_next_day(shop):
    await shop.pay((await shop.create()).data)
    await swept(shop)
    assert await swept(shop) == 0
    assert await swept(shop, days=1) == len(Swept)
    assert await found(shop, "payments") == 1


async def test_c10_a_refund_from_the_dashboard_is_found_and_counted(shop):
    payment = (await shop.create()).data
    paid = await shop.pay(payment)
    await shop.verify(payment, paid)
    path = f"/_sim/payments/{paid['razorpay_payment_id']}/refund"
    assert (await shop.world.simulate("POST", path, {"amount": 700})).status == 200
    await swept(shop)
    stored = await shop.stored(payment["id"])
    assert (stored.refunds_reserved, stored.amount_refunded) == (700, 700)
    assert await found(shop, "refunds") == 1


async def test_d8_a_dispute_that_nobody_told_us_about_is_found(shop):
    payment = (await shop.create()).data
    paid = await shop.pay(payment)
    await shop.verify(payment, paid)
    await shop.world.simulate("POST", f"/_sim/payments/{paid['razorpay_payment_id']}/dispute", {})
    await swept(shop)
    [dispute] = (await shop.merchant.ask("GET", "/api/v1/disputes")).data["items"]
    assert (dispute["status"], dispute["payment_id"]) == ("open", payment["id"])


async def test_a4_money_of_an_orphan_order_is_placed_by_its_receipt(shop):
    payment = (await shop.create()).data
    await shop.change(payment["id"], order_id="order_Another0000001")
    await shop.pay(payment)
    await swept(shop)
    [entry] = await shop.suspense()
    assert (entry["payment_id"], entry["amount"], entry["reason"]) == (payment["id"], AMOUNT, "orphan_order")


async def test_b19_i15_money_of_somebody_else_is_asked_about_once_a_day(shop):
    order = await shop.at_processor("POST", "/v1/orders", {"amount": 100, "currency": "INR", "receipt": "theirs"})
    await shop.world.simulate("POST", f"/_sim/orders/{order['id']}/pay", {"method": "card"})
    await swept(shop)
    shop.clock.advance(seconds=12 * 3600)
    await shop.wiring.database.collection("sweeps").update_many({}, {"$set": {"next_at": shop.clock.now()}})
    await swept(shop)
    calls = (await shop.world.simulate("GET", "/_sim/journal?kind=call")).json["entries"]
    assert len([call for call in calls if call["path"] == f"/v1/orders/{order['id']}"]) == 1
    assert await shop.suspense() == []


async def test_r9_a_walk_that_is_stopped_goes_on_where_it_was(shop):
    payments = [(await shop.create(reference=secrets.token_hex(4))).data for _ in range(3)]
    for payment in payments:
        await shop.pay(payment)
    shop.clock.advance(seconds=60)
    await shop.wiring.recovery.sweeps.enroll()
    await shop.fault("GET /v1/payments", "error_before", times=None)
    while await shop.wiring.recovery.sweeps.sweep_next():
        pass
    assert await found(shop, "payments") == 0
    await shop.heal()
    shop.clock.advance(seconds=601)
    while await shop.wiring.recovery.sweeps.sweep_next():
        pass
    assert await found(shop, "payments") == 3


async def test_r9_a_list_that_could_not_be_read_for_days_is_read_from_before_them(shop):
    await swept(shop)
    await shop.pay((await shop.create()).data)
    await shop.fault("GET /v1/payments", "error_before", times=None)
    for _ in range(8):
        await swept(shop, days=1)
    assert await found(shop, "payments") == 0
    await shop.heal()
    await swept(shop, days=1)
    assert await found(shop, "payments") == 1


async def test_r10_a_refused_key_stops_no_other_account(shop):
    await shop.pay((await shop.create()).data)
    await shop.fault("GET /v1/payments", "unauthorized_string", times=None)
    other = await shop.world.merchant(webhooks=False)
    payment = await other.create_payment()
    await other.pay(payment)
    await swept(shop)
    assert (await other.payment(payment["id"]))["status"] == "completed"


async def test_p11_of_two_workers_one_looks_for_accounts(shop):
    enrolment = shop.wiring.recovery.enrolment
    assert await enrolment.enroll_next()
    assert not await enrolment.enroll_next()
    shop.clock.advance(seconds=3601)
    assert await enrolment.enroll_next()


async def test_p3_a_page_of_a_worker_that_slept_is_not_written_down(shop):
    store = shop.wiring.recovery.sweeps.store
    await shop.wiring.recovery.sweeps.enroll()
    first = shop.clock.now()
    walks = [await store.claim_due_sweep(at=first) for _ in Swept]
    assert await store.claim_due_sweep(at=first) is None
    shop.clock.advance(seconds=61)
    again = [await store.claim_due_sweep(at=shop.clock.now()) for _ in Swept]
    assert {walk.swept for walk in walks} == {walk.swept for walk in again} == set(Swept)
    late = {"is_over": False, "next_at": first, "leased_at": first}
    assert not any([await store.save_sweep(walk.scope, walk, **late) for walk in walks])


async def test_p6_a_list_that_only_newer_code_knows_is_left_to_newer_workers(shop):
    pages = await swept(shop)
    newer = {
        "tenant": shop.merchant.id,
        "mode": "test",
        "swept": "of_tomorrow",
        "next_at": shop.clock.now(),
        "walk": None,
    }
    await shop.wiring.database.collection("sweeps").insert_one(dict(newer))
    assert await swept(shop, days=1) == pages
    (kept,) = [row for row in await shop.rows("sweeps") if row["swept"] == "of_tomorrow"]
    assert kept["next_at"] == newer["next_at"]
