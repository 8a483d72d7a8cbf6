"""What the worker makes of stored events, in any order, with any of them poisonous (B1, B5-B7, B10, B14, B17-B19)."""

import asyncio
import itertools
from dataclasses import replace
from datetime import timedelta

import pytest
from pymongo.errors import AutoReconnect

from app.inbox.models import EventState
from app.inbox.service import MOST_ATTEMPTS
from app.inbox.store import LeaseLost
from app.payments.models import OrderState, PaymentStatus
from tests.inbox.conftest import new_event_id


async def become_due_and_apply(shop, postman):
    """Go through every further attempt of what was postponed."""
    for _ in range(MOST_ATTEMPTS):
        await shop.apply_events()
        await postman.due()


async def test_b1_an_event_of_an_order_that_we_had_no_time_to_save_finds_its_payment(shop, postman):
    payment, event = await postman.paid()
    await shop.change(payment["id"], order_id=None, order_state="unknown")
    await postman.deliver(event, event_id=new_event_id())
    assert await shop.apply_events() == 1
    stored = await shop.stored(payment["id"])
    assert (stored.order_id, stored.order_state) == (payment["order_id"], OrderState.READY)
    assert stored.status is PaymentStatus.COMPLETED


async def test_b19_an_event_of_an_order_that_is_not_ours_is_ignored(shop, postman):
    order = await shop.at_processor("POST", "/v1/orders", {"amount": 700, "currency": "INR", "receipt": "their-own"})
    paid = await shop.pay({"order_id": order["id"]})
    await postman.deliver(await postman.event_of(paid["razorpay_payment_id"]), event_id=new_event_id())
    await shop.apply_events()
    (stored,) = await postman.stored()
    assert (stored["state"], stored["reason"]) == ("ignored", "not_our_order")


@pytest.mark.parametrize(
    ("change", "reason"),
    [({"order_id": None}, "no_order"), ({"order_id": "order_NobodyKnowsIt0"}, "not_our_order")],
)
async def test_b19_an_event_without_an_order_we_could_find_is_ignored(shop, postman, change, reason):
    payment, event = await postman.paid()
    event["payload"]["payment"]["entity"] |= change
    await postman.deliver(event, event_id=new_event_id())
    await shop.apply_events()
    (stored,) = await postman.stored()
    assert (stored["state"], stored["reason"]) == ("ignored", reason)
    assert (await shop.stored(payment["id"])).attempts == ()


async def test_a4_b19_money_of_an_orphan_order_with_our_receipt_is_placed_in_suspense(shop, postman):
    payment = (await shop.create()).data
    # Our stored order is another than the one that carries our receipt: the orphan of a lost request.
    await shop.change(payment["id"], order_id="order_TheOneThatWon0")
    paid = await shop.pay(payment)
    await postman.deliver(await postman.event_of(paid["razorpay_payment_id"]), event_id=new_event_id())
    await shop.apply_events()
    stored = await shop.stored(payment["id"])
    assert (stored.status, [item["reason"] for item in await shop.suspense()]) == (
        PaymentStatus.PENDING,
        ["orphan_order"],
    )


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
async def test_b6_events_in_any_order_end_captured(shop, postman, order):
    payment, captured = await postman.paid()
    (said,) = captured["payload"].values()
    attempt = said["entity"]["id"]
    early = {"status": "authorized", "captured": False, "fee": None, "tax": None}
    events = [
        captured,
        await postman.event_of(attempt, "payment.authorized", **early),
        await postman.event_of(attempt, "payment.failed", status="failed", captured=False),
    ]
    for number in order:
        await postman.deliver(events[number], event_id=new_event_id())
    assert await shop.apply_events() == 3
    stored = await shop.stored(payment["id"])
    assert (stored.status, stored.amount_captured) == (PaymentStatus.COMPLETED, 50_000)


async def test_b18_workers_side_by_side_apply_each_event_once(shop, postman):
    paid = [await postman.paid() for _ in range(6)]
    for _, event in paid:
        await postman.deliver(event, event_id=new_event_id())
    worked = await asyncio.gather(*(shop.wiring.inbox.apply_next() for _ in range(20)))
    assert sum(worked) == 6
    for payment, _ in paid:
        assert (await shop.stored(payment["id"])).version == 3


async def test_b10_an_event_of_another_account_is_kept_apart(shop, postman):
    account = shop.merchant.account
    await shop.merchant.ask_as_owner(
        "PUT",
        "/api/v1/merchant/processor",
        {
            "key_id": account["key_id"],
            "key_secret": account["key_secret"],
            "gateway_account_id": account["account_id"],
        },
    )
    payment, event = await postman.paid()
    await postman.deliver(event | {"account_id": "acc_SomebodyElse00"}, event_id=new_event_id())
    await shop.apply_events()
    (stored,) = await postman.stored()
    assert (stored["state"], stored["reason"]) == ("quarantined", "other_account")
    assert (await shop.stored(payment["id"])).status is PaymentStatus.PENDING
    await postman.deliver(event, event_id=new_event_id())
    await shop.apply_events()
    assert (await shop.stored(payment["id"])).status is PaymentStatus.COMPLETED


async def test_b14_poison_is_parked_and_stops_nothing(shop, postman):
    poison = [b"\x00\xff", b"[]", b'{"event": 7}', b'{"entity": "event", "event": "payment.captured"}', b"{" * 500]
    good = [await postman.paid() for _ in range(5)]
    for bad, (_, event) in zip(poison, good, strict=True):
        assert (await postman.deliver(bad, event_id=new_event_id())).status == 200
        assert (await postman.deliver(event, event_id=new_event_id())).status == 200
    await become_due_and_apply(shop, postman)
    for payment, _ in good:
        assert (await shop.stored(payment["id"])).status is PaymentStatus.COMPLETED
    states = [event["state"] for event in await postman.stored()]
    assert states.count("applied") == 5
    assert set(states) <= {"applied", "parked", "ignored"}
    parked = [event for event in await postman.stored() if event["state"] == "parked"]
    assert parked
    assert {event["attempts"] for event in parked} == {MOST_ATTEMPTS}
    assert {event["reason"] for event in parked} == {"unreadable"}


async def test_b14_an_unknown_type_is_ignored_and_counted(shop, postman):
    event = {"entity": "event", "event": "subscription.charged", "contains": ["subscription"], "payload": {}}
    await postman.deliver(event, event_id=new_event_id())
    await shop.apply_events()
    (stored,) = await postman.stored()
    assert (stored["state"], stored["reason"], stored["type"]) == (
        "ignored",
        "nothing_to_apply",
        "subscription.charged",
    )


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ({"mode": "error_before"}, "processor_outcome_unknown"),
        ({"mode": "error_before", "status": 400}, "processor_outcome_unknown"),
        ({"mode": "unauthorized_string"}, "processor_credentials_refused"),
        ({"mode": "rate_limit"}, "processor_unavailable"),
    ],
)
async def test_b1_a_look_at_the_order_that_fails_postpones_the_event(shop, postman, fault, reason):
    payment, event = await postman.paid()
    await shop.change(payment["id"], order_id=None, order_state="unknown")
    await postman.deliver(event, event_id=new_event_id())
    await shop.fault("GET /v1/orders/{id}", **fault, times=None)
    (before,) = await shop.rows("inbox_events")
    assert await shop.wiring.inbox.apply_next()
    (stored,) = await postman.stored()
    assert (stored["state"], stored["reason"]) == ("received", reason)
    (after,) = await shop.rows("inbox_events")
    assert after["next_attempt_at"] - before["next_attempt_at"] >= timedelta(seconds=1)
    await shop.heal()
    await postman.due()
    await shop.apply_events()
    assert (await shop.stored(payment["id"])).status is PaymentStatus.COMPLETED


async def test_a_defect_of_ours_postpones_the_event_and_stops_nothing(shop, postman):
    payment, event = await postman.paid()
    await postman.deliver(event, event_id=new_event_id())
    # A document that our own code can't read any more.
    await shop.change(payment["id"], status="no-such-status")
    assert await shop.wiring.inbox.apply_next()
    (stored,) = await postman.stored()
    assert (stored["state"], stored["reason"], stored["type"]) == ("received", "defect", "payment.captured")
    await shop.change(payment["id"], status="pending")
    await postman.due()
    await shop.apply_events()
    assert (await shop.stored(payment["id"])).status is PaymentStatus.COMPLETED


async def test_p3_a_worker_that_is_overtaken_while_it_applies_leaves_no_mark(shop, postman):
    payment, event = await postman.paid()
    await postman.deliver(event, event_id=new_event_id())
    inbox, ends = shop.wiring.inbox, []
    events = shop.wiring.database.collection("inbox_events")

    class Slow:
        async def record_evidence(self, *args, **kwargs):
            await events.update_one({}, {"$set": {"owner": "lse_twin"}})
            return await inbox.outcomes.record_evidence(*args, **kwargs)

    overtaken = replace(inbox, outcomes=Slow(), on_event=lambda name, end: ends.append((name, end)))
    assert await overtaken.apply_next()
    assert ends == [("payment.captured", "lease_lost")]
    assert (await shop.stored(payment["id"])).attempts == ()


async def test_p3_a_worker_that_is_overtaken_at_its_last_try_parks_nothing(shop, postman):
    await postman.deliver(b"poison", event_id=new_event_id())
    events = shop.wiring.database.collection("inbox_events")
    await events.update_one({}, {"$set": {"attempts": MOST_ATTEMPTS - 1}})

    class Slow:
        def __getattr__(self, name):
            return getattr(shop.wiring.inbox.store, name)

        async def claim_due_event(self, *, owner):
            claimed = await shop.wiring.inbox.store.claim_due_event(owner=owner)
            await events.update_one({}, {"$set": {"owner": "lse_twin"}})
            return claimed

    assert await replace(shop.wiring.inbox, store=Slow()).apply_next()
    (stored,) = await postman.stored()
    assert stored["state"] == "received"


async def test_b13_an_event_that_the_database_could_not_mark_comes_back(shop, postman):
    event = {"entity": "event", "event": "subscription.charged", "contains": [], "payload": {}}
    await postman.deliver(event, event_id=new_event_id())

    class Lost:
        def __getattr__(self, name):
            return getattr(shop.wiring.inbox.store, name)

        async def finish_event(self, *args, **kwargs):
            raise AutoReconnect

    with pytest.raises(AutoReconnect):
        await replace(shop.wiring.inbox, store=Lost()).apply_next()
    await postman.due()
    assert await shop.apply_events() == 1


async def test_every_payment_of_an_event_is_applied(shop, postman):
    (first, event), (second, other) = await postman.paid(), await postman.paid()
    event["payload"]["payment"] = [event["payload"]["payment"], other["payload"]["payment"]]
    await postman.deliver(event, event_id=new_event_id())
    assert await shop.apply_events() == 1
    for payment in (first, second):
        assert (await shop.stored(payment["id"])).status is PaymentStatus.COMPLETED


async def test_p3_a_worker_that_lost_its_lease_writes_nothing(shop, postman):
    payment, event = await postman.paid()
    await postman.deliver(event, event_id=new_event_id())
    store = shop.wiring.inbox.store
    late = await store.claim_due_event(owner="lse_late")
    assert late is not None
    assert await store.claim_due_event(owner="lse_other") is None
    await postman.due()
    twin = await store.claim_due_event(owner="lse_twin")
    assert twin is not None
    with pytest.raises(LeaseLost):
        await store.finish_event(late.event.scope, late, EventState.APPLIED, at=shop.clock.now())
    await postman.due()
    await shop.apply_events()
    assert (await shop.stored(payment["id"])).status is PaymentStatus.COMPLETED


async def test_an_event_is_listed_inspected_and_replayed(shop, postman):
    payment, event = await postman.paid()
    await postman.deliver(event, event_id="evt-shown")
    (waiting,) = await postman.stored()
    path = f"/api/v1/events/{waiting['id']}"
    early = await shop.merchant.ask_as_owner("POST", f"{path}/replay")
    assert (early.status, early.code) == (409, "event_not_replayable")
    await shop.apply_events()
    detail = (await shop.merchant.ask_as_owner("GET", path)).data
    assert (detail["state"], detail["event_id"], detail["payload"]["event"]) == ("applied", "evt-shown", event["event"])
    version = (await shop.stored(payment["id"])).version
    replayed = await shop.merchant.ask_as_owner("POST", f"{path}/replay")
    assert replayed.data["state"] == "received"
    assert await shop.apply_events() == 1
    assert (await shop.stored(payment["id"])).version == version
    applied = await shop.merchant.ask_as_owner("GET", "/api/v1/events?state=applied&type=payment.captured")
    assert [row["id"] for row in applied.data["items"]] == [waiting["id"]]
    none = await shop.merchant.ask_as_owner("GET", "/api/v1/events?state=parked")
    assert none.data["items"] == []


async def test_s13_another_merchants_event_is_not_there(shop, postman):
    await postman.deliver({"event": "x"}, event_id=new_event_id())
    (mine,) = await postman.stored()
    other = await shop.world.merchant(webhooks=False)
    for method, path in (("GET", ""), ("POST", "/replay")):
        answer = await other.ask_as_owner(method, f"/api/v1/events/{mine['id']}{path}")
        assert (answer.status, answer.code) == (404, "event_not_found")


async def test_an_unreadable_event_is_shown_without_payload(shop, postman):
    await postman.deliver(b"\xff", event_id=new_event_id())
    (stored,) = await postman.stored()
    detail = (await shop.merchant.ask_as_owner("GET", f"/api/v1/events/{stored['id']}")).data
    assert (detail["payload"], detail["size_bytes"]) == (None, 1)


async def test_the_backlog_is_measured(shop, postman):
    store = shop.wiring.inbox.store
    empty = await store.measure_backlog()
    assert (empty.waiting, empty.oldest, empty.due) == (0, None, None)
    await postman.deliver({"event": "x"}, event_id=new_event_id())
    one = await store.measure_backlog()
    assert one.waiting == 1
    assert one.oldest is not None
    assert one.due is not None


async def test_what_waits_for_a_person_is_counted_by_its_state(shop, postman):
    store = shop.wiring.inbox.store
    assert dict(await store.measure_set_aside()) == {EventState.PARKED: 0, EventState.QUARANTINED: 0}
    for state in ("parked", "quarantined", "quarantined", "ignored"):
        await postman.deliver({"event": "x"}, event_id=new_event_id())
        events = shop.wiring.database.collection("inbox_events")
        await events.update_one({"state": "received"}, {"$set": {"state": state}})
    assert dict(await store.measure_set_aside()) == {EventState.PARKED: 1, EventState.QUARANTINED: 2}


async def test_b2_every_genuine_event_is_counted_by_its_mode_and_no_forged_one(shop, postman):
    def received(mode):
        return shop.wiring.metrics.registry.get_sample_value("inbox_received_total", {"mode": mode})

    assert (received("test"), received("live")) == (0, 0)
    twice = new_event_id()
    for _ in range(2):
        await postman.deliver({"event": "x"}, event_id=twice)
    await postman.deliver({"event": "x"}, event_id=new_event_id(), signature="0" * 64)
    assert (received("test"), received("live")) == (2, 0)
