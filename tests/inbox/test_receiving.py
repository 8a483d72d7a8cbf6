"""An event is stored once if it is genuine, and answered at once (B3, B4, B8-B11, B13)."""

import asyncio
import gzip
import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.inbox.service import RAZORPAY
from app.kit.ids import Prefix, RandomIds
from app.kit.signing import is_signed_by_any, sign_hex
from app.local.embedded import EmbeddedMongod
from tests.inbox.conftest import Postman, new_event_id
from tests.patience import patient
from tests.stepped import stepped

EVENT = {"entity": "event", "event": "payment.captured", "payload": {}}


@pytest.fixture
async def breakable_shop(database_name):
    """Return a product on a mongod of its own: a fail point holds for a whole server, not for one test."""
    mongod = EmbeddedMongod.ephemeral()
    await mongod.start()
    try:
        async with stepped(patient(mongod.url), database_name) as running:
            yield running
    finally:
        await mongod.stop()


async def test_b3_d6_a_thousand_deliveries_of_one_event_are_one_event_with_one_effect(shop, postman):
    payment, event = await postman.paid()
    for _ in range(20):
        answers = await asyncio.gather(*(postman.deliver(event, event_id="evt1") for _ in range(50)))
        assert {answer.status for answer in answers} == {200}
    assert await shop.apply_events() == 1
    (stored,) = await postman.stored()
    assert (stored["seen"], stored["state"]) == (1000, "applied")
    found = await shop.stored(payment["id"])
    assert len([entry for entry in found.history if entry.event == "attempt.captured"]) == 1


async def test_b4_b5_the_same_body_under_new_ids_has_no_second_effect(shop, postman):
    payment, event = await postman.paid()
    for number in range(30):
        await postman.deliver(event, event_id=f"evt{number}")
    await shop.apply_events()
    found = await shop.stored(payment["id"])
    assert found.amount_captured == 50_000
    assert len([entry for entry in found.history if entry.event == "attempt.captured"]) == 1
    assert await shop.suspense() == []


@pytest.mark.parametrize("forgery", ["", "0" * 64, "short", "é" * 64, "A" * 64, "0" * 63, "0" * 65])
async def test_b8_a_forged_signature_stores_nothing(postman, forgery):
    answer = await postman.deliver(EVENT, event_id=new_event_id(), signature=forgery)
    assert (answer.status, answer.code) == (401, "webhook_signature_invalid")
    assert await postman.stored() == []


async def test_b8_a_missing_signature_stores_nothing(postman):
    assert (await postman.deliver(EVENT, signed=False)).status == 401
    assert await postman.stored() == []


async def test_b8_a_stranger_and_an_unknown_merchant_look_the_same(postman):
    unknown = RandomIds().new(Prefix.MERCHANT)
    wrong = await postman.deliver(EVENT, secret="of-somebody-else")
    strangers = [await postman.deliver(EVENT, merchant=name) for name in (unknown, "mer_x", "..%2f", "%00")]
    for stranger in strangers:
        assert (stranger.status, stranger.code) in {(401, wrong.code), (404, "not_found")}
    assert strangers[0].code == wrong.code


@settings(max_examples=50, deadline=None)
@given(place=st.integers(0, 10**6), bit=st.integers(0, 7))
def test_b9_a_body_with_one_bit_changed_is_another_body(place, bit):
    body = bytearray(json.dumps(EVENT).encode())
    signature = sign_hex(bytes(body), secret="s3cret")
    body[place % len(body)] ^= 1 << bit
    assert not is_signed_by_any(bytes(body), signature, secrets=["s3cret"])


async def test_b9_whatever_was_done_to_the_bytes_on_the_way_is_refused(shop, postman):
    raw = json.dumps(EVENT).encode()
    signature = sign_hex(raw, secret=shop.merchant.webhook_secret)
    for altered in (b"\xef\xbb\xbf" + raw, raw + b"\n", json.dumps(EVENT, indent=1).encode(), gzip.compress(raw), b""):
        assert (await postman.deliver(altered, signature=signature)).status == 401
    assert await postman.stored() == []
    assert (await postman.deliver(raw, signature=signature)).status == 200


async def test_b9_d6_any_signed_bytes_are_kept_as_they_came(shop, postman):
    raw = b"\x00\xff not json \xe2\x82"
    assert (await postman.deliver(raw, event_id="evt-raw")).status == 200
    inbox = shop.wiring.database.collection("inbox_events")
    document = await inbox.find_one({"event_id": "evt-raw"})
    assert (bytes(document["body"]), document["source"]) == (raw, RAZORPAY)


async def test_b10_the_secret_tells_test_from_live(shop, postman):
    headers = {"X-Mode": "live"}
    rotated = await shop.merchant.ask_as_owner("POST", "/api/v1/merchant/webhook-secret/rotate", headers=headers)
    live_secret = rotated.data["secret"]
    assert (await postman.deliver(EVENT, event_id="evt-live", secret=live_secret)).status == 200
    inbox = shop.wiring.database.collection("inbox_events")
    assert (await inbox.find_one({"event_id": "evt-live"}))["mode"] == "live"
    assert await postman.stored() == []


async def test_b11_events_of_the_former_secret_are_taken_for_eight_days(shop, postman):
    former = shop.merchant.webhook_secret
    rotated = await shop.merchant.ask_as_owner("POST", "/api/v1/merchant/webhook-secret/rotate")
    current = rotated.data["secret"]
    assert (await postman.deliver(EVENT, event_id="evt-a", secret=current)).status == 200
    assert (await postman.deliver(EVENT, event_id="evt-b", secret=former)).status == 200
    shop.clock.advance(seconds=8 * 86_400 + 1)
    assert (await postman.deliver(EVENT, event_id="evt-c", secret=former)).status == 401
    assert (await postman.deliver(EVENT, event_id="evt-d", secret=current)).status == 200


async def test_b12_d6_an_event_is_stored_by_one_write_and_applied_by_none(shop, postman):
    payment, event = await postman.paid()
    database = shop.wiring.database.db
    await database.command("profile", 2)
    assert (await postman.deliver(event, event_id="evt-one")).status == 200
    await database.command("profile", 0)
    asked = [row async for row in database["system.profile"].find({"op": {"$nin": ["command"]}})]
    assert [row["ns"] for row in asked if row["op"] != "query"] == [f"{database.name}.inbox_events"]
    assert len(asked) <= 2
    assert (await shop.stored(payment["id"])).amount_captured == 0


async def test_b12_an_event_is_answered_in_time_by_a_database_that_takes_two_seconds(breakable_shop):
    postman = Postman(breakable_shop)
    admin = breakable_shop.wiring.database.client.admin
    slow = {"failCommands": ["update"], "blockConnection": True, "blockTimeMS": 2000}
    await admin.command({"configureFailPoint": "failCommand", "mode": "alwaysOn", "data": slow})
    began = time.monotonic()
    answers = await asyncio.gather(*(postman.deliver(EVENT, event_id=f"evt-{number}") for number in range(20)))
    took = time.monotonic() - began
    await admin.command({"configureFailPoint": "failCommand", "mode": "off"})
    assert {answer.status for answer in answers} == {200}
    # One after the other they would take forty.
    assert 2 <= took < 40
    assert len(await postman.stored()) == 20


@pytest.mark.parametrize("event_id", [None, "", "x" * 65, "é"])
async def test_without_a_usable_id_the_body_names_the_event(postman, event_id):
    for _ in range(3):
        assert (await postman.deliver(EVENT, event_id=event_id)).status == 200
    (stored,) = await postman.stored()
    assert (stored["seen"], len(stored["event_id"])) == (3, 64)
