"""Events of refunds: their payments first, then the refunds, then the mark, each once (C9, C10, B1, B4, B6, D4, P3)."""

import itertools
import secrets

import pytest

from app.inbox.store import LeaseLost
from app.refunds.models import RefundStatus
from tests.inbox.conftest import new_event_id


@pytest.fixture
async def refunded(shop, postman):
    """A captured payment that nobody told us about, refunded in part in the processor's dashboard."""
    payment, _ = await postman.paid()
    order = await shop.at_processor("GET", f"/v1/orders/{payment['order_id']}/payments")
    (paid,) = order["items"]
    path = f"/_sim/payments/{paid['id']}/refund"
    refund = (await shop.world.simulate("POST", path, {"amount": 20_000})).json
    return payment, paid["id"], refund


async def event_of(postman, gateway_payment_id, refund, name="refund.processed", **changed):
    """Return the event that the processor would send of a refund."""
    event = await postman.event_of(gateway_payment_id, name)
    event["contains"] = ["refund", "payment"]
    event["payload"] = {"refund": {"entity": refund | changed}, **event["payload"]}
    return event


async def listed(shop, payment):
    return (await shop.merchant.ask("GET", f"/api/v1/payments/{payment['id']}/refunds")).data["items"]


async def test_c10_b2_an_event_of_a_refund_tells_of_its_payment_too(shop, postman, refunded):
    payment, paid, refund = refunded
    await postman.deliver(await event_of(postman, paid, refund))
    assert await shop.apply_events() == 1
    (event,) = await postman.stored()
    assert (event["state"], event["type"]) == ("applied", "refund.processed")
    stored = await shop.stored(payment["id"])
    assert (stored.amount_captured, stored.amount_refunded) == (50_000, 20_000)
    assert [one["gateway_refund_id"] for one in await listed(shop, payment)] == [refund["id"]]


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
async def test_b6_c9_events_of_a_refund_in_any_order_end_in_the_same_state(shop, postman, refunded, order):
    payment, paid, refund = refunded
    lives = [
        await event_of(postman, paid, refund, "refund.created", status="pending"),
        await event_of(postman, paid, refund, "refund.processed"),
        await event_of(postman, paid, refund, "refund.failed", status="failed"),
    ]
    for number in order:
        await postman.deliver(lives[number])
    assert await shop.apply_events() == 3
    assert {event["state"] for event in await postman.stored()} == {"applied"}
    assert [one["status"] for one in await listed(shop, payment)] == ["failed"]
    stored = await shop.stored(payment["id"])
    assert (stored.refunds_reserved, stored.amount_refunded) == (0, 0)


async def test_b4_b5_the_same_refund_under_new_event_ids_is_one_refund(shop, postman, refunded):
    payment, paid, refund = refunded
    event = await event_of(postman, paid, refund)
    for _ in range(5):
        await postman.deliver(event, event_id=new_event_id())
    assert await shop.apply_events() == 5
    assert len(await listed(shop, payment)) == 1
    assert (await shop.stored(payment["id"])).amount_refunded == 20_000
    assert {one["state"] for one in await postman.stored()} == {"applied"}


async def test_b19_an_event_of_a_refund_that_is_not_ours_is_ignored(shop, postman, refunded):
    payment, paid, refund = refunded
    event = await event_of(postman, paid, refund)
    event["payload"]["payment"]["entity"] |= {"id": "pay_Someone0000001", "order_id": None}
    event["payload"]["refund"]["entity"]["payment_id"] = "pay_Someone0000001"
    await postman.deliver(event)
    await shop.apply_events()
    (stored,) = await postman.stored()
    assert (stored["state"], stored["reason"]) == ("ignored", "not_our_refund")
    assert await listed(shop, payment) == []


async def test_an_event_of_several_refunds_applies_them_all(shop, postman, refunded):
    payment, paid, refund = refunded
    event = await event_of(postman, paid, refund)
    second = {"entity": refund | {"id": "rfnd_Second00000001", "amount": 1_000}}
    event["payload"]["refund"] = [event["payload"]["refund"], second]
    await postman.deliver(event)
    await shop.apply_events()
    assert sorted(one["amount"] for one in await listed(shop, payment)) == [1_000, 20_000]


async def test_p3_d4_a_worker_that_lost_its_lease_writes_no_refund(shop, postman, refunded):
    payment, paid, refund = refunded
    await postman.deliver(await event_of(postman, paid, refund))
    await postman.deliver(await postman.event_of(paid), event_id=secrets.token_hex(7))
    inbox = shop.wiring.inbox
    claimed = await inbox.store.claim_due_event(owner="lse_mine")
    events = shop.wiring.database.collection("inbox_events")
    await events.update_many({}, {"$set": {"owner": "lse_other"}})
    with pytest.raises(LeaseLost):
        await inbox._apply(claimed, inbox.reader.read(claimed.event.body))
    assert await listed(shop, payment) == []
    await events.update_many({}, [{"$set": {"next_attempt_at": "$$NOW", "owner": None}}])
    assert await shop.apply_events() == 2
    (made,) = await listed(shop, payment)
    assert made["status"] == RefundStatus.PROCESSED
