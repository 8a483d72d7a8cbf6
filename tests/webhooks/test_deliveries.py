"""Merchants are told: at least once, signed, with the same id, over three days, each endpoint in its own queue."""

import asyncio
import base64
import random
from datetime import timedelta

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from app.webhooks.models import DeliveryState
from app.webhooks.schedule import DELAYS, MOST_TRIES, delay_after, rest_after
from app.webhooks.signing import sign
from tests.webhooks.receiver import receiving

ENDPOINTS, DELIVERIES = "/api/v1/webhook-endpoints", "/api/v1/webhook-deliveries"


async def endpoint(shop, url, **fields):
    """Make an endpoint as the owner."""
    answer = await shop.merchant.ask_as_owner("POST", ENDPOINTS, {"url": url, **fields})
    assert answer.status == 201, answer.body
    return answer.data


async def completed(shop):
    """Take a payment and let its events be queued."""
    payment = (await shop.create()).data
    await shop.verify(payment, await shop.pay(payment))
    await shop.drain()
    return payment


async def deliver(shop):
    """Send what is due; return how many endpoints had a turn."""
    turns = 0
    while await shop.wiring.webhooks.deliveries.deliver_next():
        turns += 1
        assert turns < 200
    return turns


async def let_time_pass(shop):
    """Let every pause of endpoints and deliveries be over: they run by the database's clock."""
    database = shop.wiring.database
    past = {"$dateSubtract": {"startDate": "$$NOW", "unit": "day", "amount": 2}}
    await database.collection("webhook_deliveries").update_many({"state": "pending"}, [{"$set": {"next_at": past}}])
    await database.collection("webhook_endpoints").update_many({}, [{"$set": {"due_at": past, "rests_until": past}}])


async def deliveries(shop, query=""):
    return (await shop.merchant.ask_as_owner("GET", f"{DELIVERIES}{query}")).data["items"]


async def test_i6_w8_a_payment_is_told_with_its_sequence_and_signed_for_whoever_verifies(shop, receiver):
    made = await endpoint(shop, receiver.url)
    payment = await completed(shop)
    await deliver(shop)
    told = {event["type"]: event for event in receiver.events}
    assert {"payment.completed"} <= told.keys()
    event = told["payment.completed"]
    assert (event["subject"], event["data"]["amount_captured"], event["livemode"]) == (payment["id"], 50_000, False)
    assert event["sequence"] == (await shop.stored(payment["id"])).version
    for headers, body in receiver.got:
        Webhook(made["secret"]).verify(body, dict(headers))
        with pytest.raises(WebhookVerificationError):
            Webhook(made["secret"]).verify(body + b" ", dict(headers))
    assert {one["state"] for one in await deliveries(shop)} == {"delivered"}
    assert await deliver(shop) == 0


async def test_i6_every_event_of_the_outbox_reaches_the_receiver_once_though_it_is_queued_twice(shop, receiver):
    await endpoint(shop, receiver.url)
    await completed(shop)
    events = [row for row in await shop.rows("outbox") if row["kind"] == "event"]
    for row in events:
        item = await shop.wiring.outbox.get_item(shop.merchant.scope, row["_id"])
        await shop.wiring.webhooks.deliveries.queue_event(item)
    await deliver(shop)
    got = [headers["webhook-id"] for headers, _ in receiver.got]
    assert sorted(got) == sorted(row["_id"] for row in events)


async def test_only_the_events_that_an_endpoint_wants_reach_it(shop, receiver):
    await endpoint(shop, receiver.url, events=["refund.created"])
    await completed(shop)
    await deliver(shop)
    assert receiver.events == []


async def test_w6_a_receiver_that_is_down_for_three_days_gets_its_events_when_it_is_back(shop, receiver):
    await endpoint(shop, receiver.url, events=["payment.completed"])
    receiver.answers = [503] * (MOST_TRIES - 1)
    await completed(shop)
    for tries in range(1, MOST_TRIES):
        await deliver(shop)
        assert len(receiver.got) == tries
        [one] = await deliveries(shop)
        assert (one["state"], one["tries"]) == ("pending", tries)
        await let_time_pass(shop)
    await deliver(shop)
    [one] = await deliveries(shop)
    assert (one["state"], one["tries"]) == ("delivered", MOST_TRIES)
    assert len({(headers["webhook-id"], body) for headers, body in receiver.got}) == 1
    assert sum(DELAYS, timedelta(0)) > timedelta(hours=75)


async def test_w6_after_the_last_try_it_is_parked_and_a_span_of_time_is_sent_again(shop, receiver):
    made = await endpoint(shop, receiver.url, events=["payment.completed"])
    receiver.answers = [500] * MOST_TRIES
    await completed(shop)
    for _ in range(MOST_TRIES):
        await deliver(shop)
        await let_time_pass(shop)
    assert await deliver(shop) <= 1
    [one] = await deliveries(shop, "?state=parked")
    shown = (await shop.merchant.ask_as_owner("GET", f"{DELIVERIES}/{one['id']}")).data
    assert [attempt["reason"] for attempt in shown["attempts"]] == ["status_500"] * MOST_TRIES
    assert shop.wiring.metrics.registry.get_sample_value("webhook_tries_total", {"end": "parked"}) == 1
    day = timedelta(days=1)
    span = {"since": (shop.clock.now() - day).isoformat(), "before": (shop.clock.now() + day).isoformat()}
    answer = await shop.merchant.ask_as_owner("POST", f"{ENDPOINTS}/{made['id']}/replay", span)
    assert answer.data == {"count": 1}
    await let_time_pass(shop)
    await deliver(shop)
    assert [one["state"] for one in await deliveries(shop)] == ["delivered"]


async def test_w5_what_a_receiver_says_beyond_its_status_is_neither_kept_nor_shown(shop, receiver):
    await endpoint(shop, receiver.url, events=["payment.completed"])
    receiver.answers = [500]
    await completed(shop)
    await deliver(shop)
    [one] = await deliveries(shop)
    shown = await shop.merchant.ask_as_owner("GET", f"{DELIVERIES}/{one['id']}")
    assert [attempt["status"] for attempt in shown.data["attempts"]] == [500]
    kept = await shop.rows("webhook_deliveries")
    assert "xxxx" not in shown.body.decode() + str(kept)


async def test_w7_a_dead_endpoint_holds_up_itself_alone(shop, receiver):
    async with receiving() as dead:
        dead.hangs = True
        slow = await endpoint(shop, dead.url, events=["payment.completed"])
        await endpoint(shop, receiver.url, events=["payment.completed"])
        await completed(shop)
        work = shop.wiring.webhooks.deliveries
        first = asyncio.create_task(work.deliver_next())
        second = asyncio.create_task(work.deliver_next())
        done, pending = await asyncio.wait([first, second], timeout=10, return_when=asyncio.FIRST_COMPLETED)
        assert len(receiver.got) == 1
        # Its queue is held, so nobody else waits at it, and other work goes on.
        assert not await work.deliver_next()
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)
        assert all(task.result() for task in done)
        assert slow["state"] == "enabled"


async def test_w7_whoever_keeps_failing_is_left_alone_for_longer_and_longer(shop, receiver):
    made = await endpoint(shop, receiver.url, events=["payment.completed"])
    receiver.answers = [500] * 20
    for _ in range(6):
        await completed(shop)
    assert await shop.wiring.webhooks.deliveries.deliver_next()
    assert len(receiver.got) == 4
    shown = (await shop.merchant.ask_as_owner("GET", f"{ENDPOINTS}/{made['id']}")).data
    assert shown["failures"] == 1
    [row] = await shop.rows("webhook_endpoints")
    # Its lease ended when it was given back: its rest begins there, and whatever waits waits for its end.
    assert row["due_at"] == row["rests_until"] == row["leased_until"] + rest_after(1)
    # A second of the database's own time may be over before a slow machine has looked.
    ahead = {"$add": ["$$NOW", 3_600_000]}
    endpoints = shop.wiring.database.collection("webhook_endpoints")
    await endpoints.update_one({"_id": row["_id"]}, [{"$set": {"rests_until": ahead, "due_at": ahead}}])
    await completed(shop)
    assert await deliver(shop) == 0
    rests = [rest_after(failures).total_seconds() for failures in (0, 1, 2, 3, 12, 1000)]
    assert rests == [0, 1, 2, 4, 600, 600]


async def test_w9_for_a_day_after_a_rotation_both_secrets_verify(shop, receiver):
    made = await endpoint(shop, receiver.url, events=["payment.completed"])
    rotated = await shop.merchant.ask_as_owner("POST", f"{ENDPOINTS}/{made['id']}/rotate-secret")
    await completed(shop)
    await deliver(shop)
    shop.clock.advance(seconds=25 * 3600)
    await completed(shop)
    await deliver(shop)
    (first, body), (later, later_body) = receiver.got
    for secret in (made["secret"], rotated.data["secret"]):
        Webhook(secret).verify(body, dict(first))
    assert " " not in later["webhook-signature"]
    signed = sign(later["webhook-id"], int(later["webhook-timestamp"]), later_body, secrets=[rotated.data["secret"]])
    assert later["webhook-signature"] == signed


def test_the_signature_is_that_of_the_specifications_own_example():
    secret, message = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek"
    signed = sign(message, 1614265330, b'{"test": 2432232314}', secrets=[secret])
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert len(base64.b64decode(signed[3:])) == 32


async def test_a_receiver_that_says_gone_is_not_asked_again(shop, receiver):
    made = await endpoint(shop, receiver.url, events=["payment.completed"])
    receiver.answers = [410]
    await completed(shop)
    await deliver(shop)
    shown = (await shop.merchant.ask_as_owner("GET", f"{ENDPOINTS}/{made['id']}")).data
    assert (shown["state"], shown["disabled_reason"]) == ("disabled", "gone")
    await completed(shop)
    await let_time_pass(shop)
    assert await deliver(shop) == 0
    for path in (f"{ENDPOINTS}/{made['id']}/test", f"{DELIVERIES}/{(await deliveries(shop))[0]['id']}/resend"):
        refused = await shop.merchant.ask_as_owner("POST", path)
        assert (refused.status, refused.code) == (409, "webhook_endpoint_disabled")
    await shop.merchant.ask_as_owner("PATCH", f"{ENDPOINTS}/{made['id']}", {"state": "enabled"})
    await let_time_pass(shop)
    await deliver(shop)
    assert [one["state"] for one in await deliveries(shop)] == ["delivered"]


async def test_a_test_event_and_a_delivery_sent_again_arrive_with_the_same_id(shop, receiver):
    made = await endpoint(shop, receiver.url, events=["refund.created"])
    sent = (await shop.merchant.ask_as_owner("POST", f"{ENDPOINTS}/{made['id']}/test")).data
    early = await shop.merchant.ask_as_owner("POST", f"{DELIVERIES}/{sent['id']}/resend")
    assert (early.status, early.code) == (409, "webhook_delivery_pending")
    await let_time_pass(shop)
    await deliver(shop)
    again = await shop.merchant.ask_as_owner("POST", f"{DELIVERIES}/{sent['id']}/resend")
    assert (again.status, again.data["tries"]) == (200, 0)
    await deliver(shop)
    assert [event["type"] for event in receiver.events] == ["endpoint.test"] * 2
    assert len({headers["webhook-id"] for headers, _ in receiver.got}) == 1


async def test_what_was_queued_while_an_endpoint_had_its_turn_is_sent_at_once(shop, receiver):
    await endpoint(shop, receiver.url, events=["payment.completed"])
    store, work = shop.wiring.webhooks.deliveries.store, shop.wiring.webhooks.deliveries
    held = await store.claim_due_endpoint(owner="lse_held")
    await completed(shop)
    assert not await work.deliver_next()
    await store.release_endpoint(held.scope, held, owner="lse_held", failures=0, rest=timedelta(0))
    await deliver(shop)
    assert len(receiver.got) == 1


async def test_p3_a_try_that_two_workers_wrote_of_counts_once(shop, receiver):
    await endpoint(shop, receiver.url, events=["payment.completed"])
    await completed(shop)
    work = shop.wiring.webhooks.deliveries
    held = await work.store.claim_due_endpoint(owner="lse_one")
    [due] = await work.store.list_due(held.scope, held.id, limit=5)
    for _ in range(2):
        assert await work._try(held, due)
    [one] = await deliveries(shop)
    assert (one["state"], one["tries"]) == (DeliveryState.DELIVERED, 1)


@pytest.mark.parametrize("tries", range(1, MOST_TRIES + 1))
def test_w6_the_pauses_grow_and_end(tries):
    delay = delay_after(tries, rng=random.Random(tries))  # noqa: S311  jitter, not secrecy
    if tries == MOST_TRIES:
        assert delay is None
    else:
        assert DELAYS[tries - 1] <= delay <= DELAYS[tries - 1] * 1.1
