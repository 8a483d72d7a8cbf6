"""Where a merchant wants to be told: made, changed and deleted by those who may, and seen by nobody else."""

import pytest

from app.webhooks.service import MOST_ENDPOINTS
from tests.webhooks.test_deliveries import DELIVERIES, ENDPOINTS, completed, deliver, endpoint


async def test_a_secret_is_shown_once_and_stored_sealed(shop, receiver):
    made = await endpoint(shop, receiver.url, description="The shop")
    assert made["secret"].startswith("whsec_")
    shown = (await shop.merchant.ask_as_owner("GET", f"{ENDPOINTS}/{made['id']}")).data
    assert shown == {key: value for key, value in made.items() if key != "secret"}
    listed = (await shop.merchant.ask_as_owner("GET", ENDPOINTS)).data["items"]
    assert listed == [shown]
    [row] = await shop.rows("webhook_endpoints")
    assert made["secret"] not in str(row)


async def test_an_endpoint_is_changed_and_deleted_with_what_waits_for_it(shop, receiver):
    made = await endpoint(shop, receiver.url)
    await completed(shop)
    path = f"{ENDPOINTS}/{made['id']}"
    change = {"events": ["refund.created"], "description": "Refunds", "url": f"{receiver.url}?a=1"}
    changed = (await shop.merchant.ask_as_owner("PATCH", path, change)).data
    assert {name: changed[name] for name in change} == change
    assert (await shop.merchant.ask_as_owner("DELETE", path)).data == {"id": made["id"], "deleted": True}
    assert (await shop.merchant.ask_as_owner("GET", path)).code == "webhook_endpoint_not_found"
    assert await deliver(shop) == 0
    assert receiver.got == []
    deeds = [entry["action"] for entry in await shop.rows("audit_log") if entry["action"].startswith("webhook_end")]
    assert sorted(deeds) == ["webhook_endpoint.created", "webhook_endpoint.deleted", "webhook_endpoint.updated"]


@pytest.mark.parametrize(
    ("url", "reason"),
    [("https://user:pass@example.com/", "has_credentials"), ("ftp://example.com/", "not_https")],
)
async def test_w1_w10_an_address_that_may_not_be_called_is_refused_when_it_is_saved(shop, receiver, url, reason):
    refused = await shop.merchant.ask_as_owner("POST", ENDPOINTS, {"url": url})
    assert (refused.status, refused.code) == (422, "webhook_url_refused")
    assert refused.json["error"]["details"] == {"reason": reason}
    made = await endpoint(shop, receiver.url)
    changed = await shop.merchant.ask_as_owner("PATCH", f"{ENDPOINTS}/{made['id']}", {"url": url})
    assert changed.code == "webhook_url_refused"


async def test_there_is_an_end_to_endpoints(shop, receiver):
    for _ in range(MOST_ENDPOINTS):
        await endpoint(shop, receiver.url)
    refused = await shop.merchant.ask_as_owner("POST", ENDPOINTS, {"url": receiver.url})
    assert (refused.status, refused.code) == (409, "too_many_webhook_endpoints")


async def test_w11_s13_another_merchant_gets_and_sees_nothing(shop, receiver):
    made = await endpoint(shop, receiver.url)
    stranger = await shop.world.merchant(webhooks=False)
    theirs = await stranger.create_payment()
    await stranger.ask("POST", f"/api/v1/payments/{theirs['id']}/cancel")
    await completed(shop)
    await deliver(shop)
    assert theirs["id"] not in {event["subject"] for event in receiver.events}
    mine = (await shop.merchant.ask_as_owner("GET", DELIVERIES)).data["items"][0]["id"]
    for method, path, code in (
        ("GET", f"{ENDPOINTS}/{made['id']}", "webhook_endpoint_not_found"),
        ("PATCH", f"{ENDPOINTS}/{made['id']}", "webhook_endpoint_not_found"),
        ("DELETE", f"{ENDPOINTS}/{made['id']}", "webhook_endpoint_not_found"),
        ("POST", f"{ENDPOINTS}/{made['id']}/test", "webhook_endpoint_not_found"),
        ("GET", f"{DELIVERIES}/{mine}", "webhook_delivery_not_found"),
        ("POST", f"{DELIVERIES}/{mine}/resend", "webhook_delivery_not_found"),
    ):
        answer = await stranger.ask_as_owner(method, path, {} if method == "PATCH" else None)
        assert (answer.status, answer.code) == (404, code)
    assert (await stranger.ask_as_owner("GET", DELIVERIES)).data["items"] == []
