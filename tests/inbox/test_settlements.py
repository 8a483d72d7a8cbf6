"""Events of settlements: all that one names are written, and what contradicts itself is set aside (R7, D5)."""

from tests.gateways.razorpay.samples import settlement


def event_of(shop, *settlements):
    return {
        "entity": "event",
        "account_id": shop.merchant.account["account_id"],
        "event": "settlement.processed",
        "contains": ["settlement"],
        "payload": {"settlement": [{"entity": one} for one in settlements]},
        "created_at": 1_767_225_601,
    }


async def test_an_event_of_several_settlements_writes_them_all(shop, postman):
    await postman.deliver(event_of(shop, settlement(), settlement(id="setl_Second00000001", amount=1_000)))
    await shop.apply_events()
    listed = (await shop.merchant.ask_as_owner("GET", "/api/v1/settlements")).data["items"]
    assert sorted(one["amount"] for one in listed) == [1_000, 48_820]
    (stored,) = await postman.stored()
    assert stored["state"] == "applied"


async def test_r7_a_settlement_that_contradicts_itself_is_set_aside(shop, postman):
    await postman.deliver(event_of(shop, settlement(fees=10, tax=20)))
    await shop.apply_events()
    (stored,) = await postman.stored()
    assert (stored["state"], stored["reason"]) == ("ignored", "contradictory")
    assert (await shop.merchant.ask_as_owner("GET", "/api/v1/settlements")).data["items"] == []
