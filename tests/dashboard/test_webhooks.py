"""Journeys at the dashboard with outgoing webhooks: from the first address to a delivery that is sent again."""

import asyncio
import re
from datetime import UTC, datetime, timedelta

import pytest

from app.webhooks.models import Attempt, DeliveryState
from tests.dashboard.browser import SCRIPT

LIST = "/dashboard/webhooks"
URL = "https://shop.example/hooks"


async def made(browser, **fields):
    """Add an endpoint; return its page's path and its secret."""
    page = await browser.send(LIST, LIST, **{"url": URL, **fields})
    assert page.heading == "The endpoint is made", page.words
    path = next(link for link in page.links if link.startswith(f"{LIST}/wep_"))
    return path, re.search(r"whsec_[\w+/=]+", page.text)[0]


async def end(world, merchant, delivery_id, state):
    """Let a delivery have ended, however far the worker is with it."""
    store = world.wiring.webhooks.deliveries.store
    attempt = Attempt(at=world.wiring.clock.now(), status=None, reason="name_unknown", milliseconds=12)
    while (found := await store.find_delivery(merchant.scope, delivery_id)).state is DeliveryState.PENDING:
        await store.record_attempt(merchant.scope, found, attempt, state=state, delay=timedelta(0))


async def deliveries(browser, path):
    return [link for link in (await browser.get(path)).links if "/deliveries/dlv_" in link]


@pytest.fixture
async def endpoint(owner):
    path, _ = await made(owner)
    return path


async def test_s15_an_endpoint_is_added_and_its_secret_shown_once(owner):
    path, secret = await made(owner, description="Orders", which="some", **{"event.payment.completed": "yes"})
    listed, page = await owner.get(LIST), await owner.get(path)
    for shown in (listed, page):
        assert "Orders" in shown.words
        assert URL in shown.words
        assert secret not in shown.text
    assert "payment.completed" in page.words
    assert "refund.processed" not in page.words


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"url": "nonsense"}, "This is no address"),
        ({"url": "http://shop.example"}, "must begin with https"),
        ({"url": "https://10.0.0.1/"}, "not on the public internet"),
        ({"url": "https://a:b@shop.example/"}, "Leave name and password out"),
        ({"url": "https://shop.example:22/"}, "ports 443 and 8443"),
        ({"url": URL, "which": "some"}, "Tick at least one event"),
        ({"url": URL, "description": "x" * 256}, "At most 255 letters"),
    ],
)
async def test_what_is_wrong_with_a_new_endpoint_is_said_beside_its_field(owner, fields, said):
    refused = await owner.send(LIST, LIST, **fields)
    assert refused.status == 422
    assert said in refused.words
    assert refused.form(LIST).fields["url"] == fields["url"]
    assert f"{LIST}/wep_" not in refused.text


async def test_there_is_an_end_to_the_endpoints(world, merchant, owner):
    for _ in range(16):
        await made(owner)
    refused = await owner.send(LIST, LIST, url=URL)
    assert (refused.status, "too many webhook endpoints" in refused.words) == (422, True)


async def test_an_endpoint_is_changed_and_keeps_the_names_that_have_no_box(merchant, owner, endpoint):
    body = {"events": ["payment.completed", "order.shipped"]}
    path = f"/api/v1/webhook-endpoints/{endpoint.rpartition('/')[2]}"
    await merchant.ask_as_owner("PATCH", path, body)
    change = f"{endpoint}/change"
    fields = {"url": f"{URL}/2", "description": "Moved", "event.refund.failed": "yes"}
    assert (await owner.send(change, change, url="http://shop.example")).status == 422
    assert (await owner.send(change, change, description="x" * 256)).status == 422
    page = await owner.follow(await owner.send(change, change, **fields))
    assert "The endpoint is changed." in page.words
    now = (await merchant.ask_as_owner("GET", path)).data
    assert (now["url"], now["description"]) == (f"{URL}/2", "Moved")
    assert now["events"] == ["payment.completed", "refund.failed", "order.shipped"]


async def test_a_delivery_that_fails_is_seen_sent_again_and_sent_again_with_its_day(world, merchant, owner, endpoint):
    tested = await owner.follow(await owner.send(endpoint, f"{endpoint}/test"))
    assert "A test event is on its way" in tested.words
    (delivery,) = await deliveries(owner, endpoint)
    delivery_id = delivery.rpartition("/")[2]
    await end(world, merchant, delivery_id, DeliveryState.PARKED)
    shown = await owner.get(delivery)
    assert shown.heading == "endpoint.test"
    assert "Name unknown" in shown.words
    assert "This is a test. Nothing happened." in shown.words
    assert delivery in await deliveries(owner, f"{endpoint}?state=parked")
    assert "Nothing fits" in (await owner.get(f"{endpoint}?state=delivered")).words
    sent = await owner.follow(await owner.send(f"{delivery}/resend", f"{delivery}/resend"))
    assert "The delivery is sent again." in sent.words
    twice = await owner.send(f"{delivery}/resend", f"{delivery}/resend")
    assert "problem=webhook_delivery_pending" in twice.location
    await end(world, merchant, delivery_id, DeliveryState.DELIVERED)

    # From yesterday on: midnight may have come since the delivery.
    replay, now = f"{endpoint}/replay", datetime.now(UTC)
    today = f"{now:%Y-%m-%d}"
    days = {"from": f"{now - timedelta(days=1):%Y-%m-%d}", "until": today}
    for wrong in ({}, {"from": today, "until": "2020-01-01"}, {"from": "soon", "until": today}, days):
        refused = await owner.send(replay, replay, **wrong)
        assert refused.status == 422, wrong
        assert refused.form(replay).fields["from"] == wrong.get("from", "")
    again = await owner.follow(await owner.send(replay, replay, delivered_too="yes", **days))
    assert "The events of these days are sent again." in again.words
    assert "Pending" in (await owner.get(delivery)).words


async def test_home_names_the_endpoints_that_fail_until_they_take_something(world, merchant, owner, endpoint):
    needs = "webhook endpoints that do not take what they are told"
    assert needs not in (await owner.get("/dashboard")).words
    store, endpoint_id = world.wiring.webhooks.endpoints.store, endpoint.rpartition("/")[2]
    for changes, seen in (
        ({"failures": 3}, "3 tries failed"),
        ({"failures": 0, "state": "disabled", "disabled_reason": "gone"}, "answered that it is gone"),
    ):
        async with asyncio.timeout(15):
            # A worker that holds the endpoint at this moment gives it back with the failures that it knew.
            while seen not in (await owner.get(endpoint)).words:
                await store.update_endpoint(merchant.scope, endpoint_id, changes, at=world.wiring.clock.now())
        assert needs in (await owner.get("/dashboard")).words
        assert "Failing" in (await owner.get(LIST)).words
    enabled = await owner.follow(await owner.send(endpoint, f"{endpoint}/enable"))
    assert "what waits for it is sent now" in enabled.words
    assert needs not in (await owner.get("/dashboard")).words


async def test_an_endpoint_is_paused_gets_a_new_secret_and_is_deleted(owner, endpoint):
    disable, rotate, delete = (f"{endpoint}/{deed}" for deed in ("disable", "rotate-secret", "delete"))
    assert "never sent to it" in (await owner.get(disable)).words
    paused = await owner.follow(await owner.send(disable, disable))
    assert "Disabled" in paused.words
    form = (await owner.get(LIST)).form("/dashboard/mode").fields
    refused = await owner.ask("POST", f"{endpoint}/test", form)
    assert "problem=webhook_endpoint_disabled" in refused.location
    days = {"from": "2026-01-01", "until": "2026-01-02"}
    assert (
        "problem=webhook_endpoint_disabled"
        in (await owner.send(f"{endpoint}/replay", f"{endpoint}/replay", **days)).location
    )
    renewed = await owner.send(rotate, rotate)
    assert renewed.heading == "The new signing secret"
    assert "whsec_" in renewed.text
    gone = await owner.follow(await owner.send(delete, delete))
    assert "The endpoint is deleted." in gone.words
    assert "No endpoints in test mode yet" in gone.words
    assert (await owner.get(endpoint)).status == 404


async def test_s13_nothing_of_another_merchants_webhooks_is_shown_or_touched(
    world, merchant, owner, endpoint, browsers
):
    await owner.send(endpoint, f"{endpoint}/test")
    (delivery,) = await deliveries(owner, endpoint)
    stranger = await browsers()
    await stranger.sign_in((await world.merchant(webhooks=False)).email)
    token = (await stranger.get("/dashboard")).form("/dashboard/mode").fields
    assert f"{LIST}/wep_" not in (await stranger.get(LIST)).text
    for path in (
        endpoint,
        delivery,
        *(f"{endpoint}/{one}" for one in ("change", "disable", "rotate-secret", "delete", "replay")),
    ):
        assert (await owner.get(path)).status == 200, path
        assert (await stranger.get(path)).status == 404, path
    for deed in ("test", "enable", "disable", "rotate-secret", "delete", "replay", "change"):
        assert (await stranger.ask("POST", f"{endpoint}/{deed}", token)).status == 404, deed
    assert (await stranger.ask("POST", f"{delivery}/resend", token)).status == 404
    assert "Enabled" in (await owner.get(endpoint)).words


async def test_s12_a_script_in_an_endpoints_texts_is_shown_and_not_run(owner):
    path, _ = await made(owner, description=SCRIPT, url=f"{URL}?a='><script>alert(1)</script>")
    for page in (LIST, path, f"{path}/change", f"{path}/delete", f"{path}?state={SCRIPT}"):
        shown = await owner.get(page)
        assert "<script>alert" not in shown.text, page
        assert "<img src=x" not in shown.text, page
    wrong = await owner.send(LIST, LIST, url=SCRIPT, description=SCRIPT)
    assert (wrong.status, "<script>alert" in wrong.text) == (422, False)


async def test_a_viewer_reads_webhooks_and_is_shown_no_deed(owner, team, endpoint):
    viewer = team["viewer"]
    page, listed = await viewer.get(endpoint), await viewer.get(LIST)
    assert page.status == 200
    assert not [form.action for form in (*page.forms, *listed.forms) if form.method == "post" and LIST in form.action]
    assert not [link for link in page.links if link.startswith(f"{endpoint}/")]
