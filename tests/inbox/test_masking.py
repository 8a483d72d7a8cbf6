"""Who stands in an event is shown to those who may read it, and masked for all others."""

import json

import pytest

from tests.api.callers import add_member, make_key, sign_in
from tests.inbox.conftest import new_event_id

PERSON = {"email": "asha.canary@example.org", "contact": "+919812345670", "vpa": "ashacanary@okbank"}


@pytest.fixture
async def path(shop, postman):
    """Where an event stands in which somebody is named."""
    _, event = await postman.paid()
    event["payload"]["payment"]["entity"] |= {**PERSON, "card": {"name": "Asha Canary"}, "ip": "203.0.113.7"}
    await postman.deliver(event, event_id=new_event_id())
    (stored,) = await postman.stored()
    return f"/api/v1/events/{stored['id']}"


async def test_t6_a_key_that_may_read_events_does_not_see_who_paid(shop, path):
    key = await make_key(shop.merchant, "test", "events:read")
    answer = await shop.world.ask("GET", path, bearer=key["secret"])
    assert answer.data["masked"] is True
    entity = answer.data["payload"]["payload"]["payment"]["entity"]
    shown = [entity[name] for name in (*PERSON, "ip")]
    assert shown == ["a***@example.org", "+********5670", "a***@okbank", "***"]
    assert entity["card"] == {"name": "***"}
    assert not [word for word in (*PERSON.values(), "Canary", "203.0") if word in answer.body.decode()]
    assert answer.data["payload"]["event"] == "payment.captured"


async def test_s14_who_may_read_customers_sees_an_event_as_it_arrived(shop, path):
    key = await make_key(shop.merchant, "test", "events:read", "customers:read")
    readers = {
        role: await sign_in(shop.world, await add_member(shop.merchant, role)) for role in ("viewer", "developer")
    }
    for token, is_masked in ((key["secret"], False), (readers["developer"], False), (readers["viewer"], True)):
        detail = (await shop.world.ask("GET", path, bearer=token)).data
        assert detail["masked"] is is_masked
        assert (PERSON["email"] in json.dumps(detail)) is not is_masked
        assert detail["erased_at"] is None


async def test_an_unreadable_event_has_no_payload_behind_a_mask_either(shop, postman):
    await postman.deliver(b"\xff", event_id=new_event_id())
    (stored,) = await postman.stored()
    key = await make_key(shop.merchant, "test", "events:read")
    detail = (await shop.world.ask("GET", f"/api/v1/events/{stored['id']}", bearer=key["secret"])).data
    assert (detail["payload"], detail["size_bytes"], detail["masked"]) == (None, 1, True)
