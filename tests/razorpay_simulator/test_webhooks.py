"""Deliveries: signed, repeated on the ladder, hostile on request."""

import asyncio
import hashlib
import hmac
import json

import pytest

from razorpay_simulator import SimulatorConfig, serve
from razorpay_simulator.webhooks.models import LADDER_SECONDS

SECRET = "whsec"
ALL = ["payment.authorized", "payment.captured", "order.paid", "payment.failed", "refund.created", "refund.processed"]


async def register(call, url, secret=SECRET, events=ALL, **more):
    body = {"url": url, "secret": secret, "events": events, "active": True, **more}
    return await call.ok("POST", "/v1/webhooks", body)


async def settle(call):
    """Everything due is delivered when this returns."""
    await call.advance(0)


async def deliveries(call):
    return (await call.ok("GET", "/_sim/webhooks/deliveries"))["items"]


async def test_an_endpoint_never_shows_its_secret(call, receiver):
    made = await register(call, receiver.url, alert_email="ops@example.com")
    assert (made["entity"], made["secret_exists"], made["active"], made["disabled_at"]) == ("webhook", True, True, 0)
    assert len(made["id"]) == 14
    assert "whsec" not in json.dumps(made)
    assert (await call.ok("GET", "/v1/webhooks"))["items"] == [made]
    assert await call.ok("GET", f"/v1/webhooks/{made['id']}") == made


@pytest.mark.parametrize("method", ["PATCH", "DELETE", "PUT"])
async def test_the_edge_refuses_other_methods(call, receiver, method):
    made = await register(call, receiver.url)
    answer = await call(method, f"/v1/webhooks/{made['id']}", {})
    assert (answer.status, answer.body) == (404, {"message": "no Route matched with those values"})


async def test_deliveries_carry_the_measured_headers_and_a_signature_over_the_bytes(call, receiver):
    await register(call, receiver.url)
    await call.captured()
    await settle(call)
    assert sorted(receiver.events) == ["order.paid", "payment.authorized", "payment.captured"]
    for headers, body in receiver.got:
        assert headers["User-Agent"] == "Razorpay-Webhook/v1"
        assert headers["Content-Type"] == "application/json"
        assert headers["Request-Id"] == headers["X-Razorpay-Event-Id"]
        assert headers["Accept-Encoding"] == "gzip"
        assert headers["X-Razorpay-Signature"] == hmac.new(b"whsec", body, hashlib.sha256).hexdigest()
    assert {item["outcome"] for item in await deliveries(call)} == {"delivered"}


async def test_endpoints_get_only_what_they_asked_for_with_the_same_id(call, receiver, second_receiver):
    await register(call, receiver.url, events=["payment.captured"])
    await register(call, second_receiver.url, events={"payment.captured": True, "order.paid": "0"})
    await call.captured()
    await settle(call)
    assert receiver.events == second_receiver.events == ["payment.captured"]
    assert receiver.got[0][0]["X-Razorpay-Event-Id"] == second_receiver.got[0][0]["X-Razorpay-Event-Id"]


async def test_b2_a_failing_endpoint_is_tried_on_the_measured_ladder_and_disabled_after_a_day(call, receiver):
    receiver.status = 500
    made = await register(call, receiver.url, events=["payment.captured"])
    await call.ok("POST", "/_sim/clock/freeze")
    await call.captured()
    await settle(call)
    await call.advance(90_000)
    tries = await deliveries(call)
    assert [item["attempt"] for item in tries] == list(range(1, 17))
    offsets = [round(item["at"] - tries[0]["at"], 1) for item in tries[1:]]
    assert offsets == list(LADDER_SECONDS)
    assert (
        len({(headers["X-Razorpay-Event-Id"], headers["X-Razorpay-Signature"], body) for headers, body in receiver.got})
        == 1
    )
    seen = await call.ok("GET", f"/v1/webhooks/{made['id']}")
    assert seen["active"] is False
    assert seen["disabled_at"] - int(tries[0]["at"]) == 86_400
    await call.captured()
    await settle(call)
    assert len(receiver.got) == 16


async def test_the_quick_retry_is_skipped_after_400_and_for_failures(call, receiver):
    await register(call, receiver.url)
    await call.ok("POST", "/_sim/clock/freeze")
    receiver.status = 400
    await call.pay(await call.order(), outcome="authorize_only")
    await settle(call)
    await call.advance(1)
    assert len(receiver.got) == 1
    await call.advance(5.2)
    assert len(receiver.got) == 2
    receiver.status = 500
    await call.pay(await call.order(), outcome="failure")
    await settle(call)
    await call.advance(1)
    assert receiver.events.count("payment.failed") == 1
    receiver.status = 200
    await call.advance(10)
    assert receiver.events.count("payment.failed") == 2


async def test_a_slow_answer_and_a_closed_port_are_failures(call_to, receiver):
    release = asyncio.Event()
    receiver.answer = release.wait
    async with serve(SimulatorConfig(port=0, quiet=True, webhook_timeout_seconds=0.5)) as impatient:
        call = call_to(impatient)
        await register(call, receiver.url, events=["payment.captured"])
        await register(call, "http://127.0.0.1:9/hook", events=["payment.captured"])
        await call.captured()
        await settle(call)
        release.set()
        assert {item["error"] for item in await deliveries(call)} >= {"TimeoutError", "ClientConnectorError"}


async def test_an_endpoint_that_recovers_is_not_disabled(call, receiver):
    made = await register(call, receiver.url, events=["payment.captured"])
    await call.ok("POST", "/_sim/clock/freeze")
    receiver.status = 500
    await call.captured()
    await settle(call)
    receiver.status = 204
    await call.advance(90_000)
    assert len(receiver.got) == 2
    assert (await call.ok("GET", f"/v1/webhooks/{made['id']}"))["active"] is True


async def test_b3_duplicates_are_byte_for_byte_the_same(call, receiver):
    await register(call, receiver.url, events=["payment.captured"])
    await call.ok("PUT", "/_sim/webhooks/mode", {"duplicate": 2})
    await call.captured()
    await settle(call)
    assert len(receiver.got) == 3
    assert len({body for _, body in receiver.got}) == 1


async def test_b2_events_can_be_lost_by_name_and_by_chance(call, receiver):
    await register(call, receiver.url)
    await call.ok("PUT", "/_sim/webhooks/mode", {"drop": ["payment.captured"]})
    await call.captured()
    await settle(call)
    assert sorted(receiver.events) == ["order.paid", "payment.authorized"]
    await call.ok("PUT", "/_sim/webhooks/mode", {"drop": True})
    await call.captured()
    await settle(call)
    assert len(receiver.got) == 2
    assert [item["outcome"] for item in await deliveries(call)].count("dropped") == 4


async def test_deliveries_can_be_reordered_and_delayed(call, receiver):
    await register(call, receiver.url)
    await call.ok("POST", "/_sim/clock/freeze")
    mode = {"reorder": 1, "reorder_seconds": 30, "delay_seconds": 100, "seed": 3}
    assert (await call.ok("PUT", "/_sim/webhooks/mode", mode))["delay_seconds"] == 100
    for _ in range(3):
        await call.captured()
    await call.advance(99)
    assert receiver.got == []
    await call.advance(31)
    order = [headers["X-Razorpay-Event-Id"] for headers, _ in receiver.got]
    announced = [event["id"] for event in (await call.ok("GET", "/_sim/webhooks/events"))["items"]]
    assert sorted(order) == sorted(announced)
    assert order != announced


async def test_b9_the_bytes_may_be_written_in_other_ways(call, receiver):
    await register(call, receiver.url, events=["payment.captured"])
    mode = {"escaped_slashes": True, "escaped_unicode": True, "alphabetical_keys": True}
    shown = await call.ok("PUT", "/_sim/webhooks/mode", mode)
    assert shown == await call.ok("GET", "/_sim/webhooks/mode")
    await call.captured(notes={"u": "https://example.com/é"})
    await settle(call)
    headers, body = receiver.got[0]
    assert rb"https:\/\/example.com\/\u00e9" in body
    assert body.startswith(b'{"account_id"')
    assert headers["X-Razorpay-Signature"] == hmac.new(b"whsec", body, hashlib.sha256).hexdigest()


@pytest.mark.parametrize(("which", "secret"), [("old", b"whsec"), ("wrong", b"new-not"), ("current", b"new")])
async def test_another_secret_may_sign(call, receiver, which, secret):
    made = await register(call, receiver.url, events=["payment.captured"])
    await call.ok("PUT", f"/_sim/webhooks/endpoints/{made['id']}", {"secret": "new"})
    await call.ok("PUT", "/_sim/webhooks/mode", {"secret": which})
    await call.captured()
    await settle(call)
    headers, body = receiver.got[0]
    assert headers["X-Razorpay-Signature"] == hmac.new(secret, body, hashlib.sha256).hexdigest()


async def test_an_event_can_be_sent_again(call, receiver):
    await register(call, receiver.url, events=["payment.captured"])
    await call.captured()
    await settle(call)
    event = (await call.ok("GET", "/_sim/webhooks/events?event=payment.captured"))["items"][0]
    assert await call.ok("POST", f"/_sim/webhooks/events/{event['id']}/redeliver") == {"endpoints": 1}
    await settle(call)
    assert receiver.got[0][1] == receiver.got[1][1] == event["body"].encode()
    assert (await call.refused("POST", "/_sim/webhooks/events/x/redeliver"))["status"] == 400
    listed = await call.ok("GET", f"/_sim/webhooks/deliveries?event_id={event['id']}")
    assert len(listed["items"]) == 2


async def test_the_dashboard_switches_endpoints_off_and_on(call, receiver):
    made = await register(call, receiver.url, events=["payment.captured"])
    path = f"/_sim/webhooks/endpoints/{made['id']}"
    assert (await call.ok("PUT", path, {"active": False}))["disabled_at"] > 0
    await call.captured()
    on = await call.ok("PUT", path, {"active": True, "events": ["*"]})
    assert (on["active"], on["disabled_at"], on["events"]) == (True, 0, ["*"])
    await call.captured()
    await settle(call)
    assert len(receiver.got) == 3
    assert (await call.refused("PUT", "/_sim/webhooks/endpoints/x", {}))["status"] == 400


@pytest.mark.parametrize(
    ("url", "part"),
    [("ftp://a", "format"), ("http://[", "format"), ("nowhere", "format"), ("http://" + "a" * 300, "255")],
)
async def test_a_url_must_be_one(call, url, part):
    refusal = await call.refused("POST", "/v1/webhooks", {"url": url, "events": ["order.paid"]})
    assert part in refusal["description"]


async def test_events_must_be_a_list_and_endpoints_are_at_most_thirty(call):
    body = {"url": "http://127.0.0.1:9/", "events": "order.paid"}
    assert (await call.refused("POST", "/v1/webhooks", body))["field"] == "events"
    for number in range(30):
        await register(call, f"http://127.0.0.1:9/{number}")
    assert (
        "at most 30"
        in (await call.refused("POST", "/v1/webhooks", {**body, "events": []} | {"events": ["a"]}))["description"]
    )
    assert (await call.refused("GET", "/v1/webhooks/x"))["description"] == "The id provided does not exist"


@pytest.mark.parametrize(
    ("url", "part"),
    [
        ("http://127.0.0.1/x", "private ip"),
        ("http://localhost/x", "private ip"),
        ("http://10.0.0.1/x", "private ip"),
        ("https://example.com:8443/x", "ports"),
        ("https://a.ngrok.io/x", "domain"),
    ],
)
async def test_private_addresses_can_be_refused_as_the_processor_does(call_to, url, part):
    async with serve(SimulatorConfig(port=0, quiet=True, refuse_private_urls=True)) as strict:
        call = call_to(strict)
        refusal = await call.refused("POST", "/v1/webhooks", {"url": url, "events": ["order.paid"]})
        assert part in refusal["description"]
        await register(call, "https://example.com/hook")


@pytest.mark.parametrize(
    "mode",
    [{"reorder": 2}, {"drop": "x"}, {"secret": "x"}, {"duplicate": 1.5}, {"escaped_slashes": 1}, {"unheard": 1}],
)
async def test_a_mode_that_is_none_is_refused(call, mode):
    assert (await call.refused("PUT", "/_sim/webhooks/mode", mode))["status"] == 400


async def test_chances_are_thrown_by_the_seed(call, receiver):
    await register(call, receiver.url)
    patterns = []
    for _ in range(2):
        await call.ok("PUT", "/_sim/webhooks/mode", {"drop": 0.5, "reorder": False, "seed": 9})
        before = len(await deliveries(call))
        for _ in range(6):
            await call.pay(await call.order(), outcome="failure")
            await settle(call)
        patterns.append([item["outcome"] for item in (await deliveries(call))[before:]])
    assert patterns[0] == patterns[1]
    assert set(patterns[0]) == {"dropped", "delivered"}
