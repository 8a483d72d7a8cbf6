"""Customers over HTTP: listed by their last payment, found by a whole address, masked for those who may not read it."""

import pytest

from tests.api.callers import NONE_SUCH, add_member, make_key, sign_in
from tests.customers.conftest import ASHA, RAVI

LIST = "/api/v1/customers"
SEARCH = f"{LIST}/search"


async def test_who_paid_last_is_first_and_pages_walk_on_from_a_customer(counter):
    people = [{"email": f"{number}@example.org", "contact": f"+9198123456{number}0"} for number in range(5)]
    for who in [*people, people[0]]:
        await counter.sell(who)
    ask = counter.shop.merchant.ask
    whole = [row["email"] for row in await counter.listed()]
    assert whole == [f"{number}@example.org" for number in (0, 4, 3, 2, 1)]
    first = (await ask("GET", f"{LIST}?limit=2")).data
    then = (await ask("GET", f"{LIST}?limit=2&starting_after={first['next_cursor']}")).data
    last = (await ask("GET", f"{LIST}?limit=2&starting_after={then['next_cursor']}")).data
    assert [row["email"] for page in (first, then, last) for row in page["items"]] == whole
    assert (first["has_more"], last["has_more"], last["next_cursor"]) == (True, False, None)
    back = (await ask("GET", f"{LIST}?limit=2&ending_before={last['items'][0]['id']}")).data
    assert back["items"] == then["items"]
    nobody = (await ask("GET", f"{LIST}?starting_after={NONE_SUCH['customer_id']}")).data
    assert nobody == {"items": [], "has_more": False, "next_cursor": None}


async def test_a_walk_shows_everybody_once_also_when_its_last_row_pays_again_or_is_erased(counter):
    people = [{"email": f"{number}@example.org", "contact": f"+9198123456{number}0"} for number in range(5)]
    for who in people:
        await counter.sell(who)
    ask = counter.shop.merchant.ask
    first = (await ask("GET", f"{LIST}?limit=2")).data
    await counter.sell(people[3])
    then = (await ask("GET", f"{LIST}?limit=2&starting_after={first['next_cursor']}")).data
    await counter.erase(then["items"][1]["id"])
    last = (await ask("GET", f"{LIST}?limit=2&starting_after={then['next_cursor']}")).data
    walked = [row["email"] for page in (first, then, last) for row in page["items"]]
    assert walked == [f"{number}@example.org" for number in (4, 3, 2, 1, 0)]
    for bad in ("pmt_01KAQ7X2V8M3TZB5C6D9EFGHJK", "cus_1", f"{first['next_cursor']}0", first["next_cursor"].lower()):
        refused = await ask("GET", f"{LIST}?ending_before={bad}")
        said = (refused.status, refused.code, refused.json["error"]["param"])
        assert said == (422, "validation_failed", "ending_before"), bad


async def test_a_customer_is_shown_with_their_payments_by_pages(counter):
    made = [await counter.sell(ASHA) for _ in range(3)]
    await counter.sell(RAVI)
    (customer_id,) = await counter.found(phone=ASHA["contact"])
    ask = counter.shop.merchant.ask
    assert (await ask("GET", f"{LIST}/{customer_id}")).data["payments"] == 3
    first = (await ask("GET", f"{LIST}/{customer_id}/payments?limit=2")).data
    rest = (await ask("GET", f"{LIST}/{customer_id}/payments?starting_after={first['next_cursor']}")).data
    shown = [row["id"] for row in [*first["items"], *rest["items"]]]
    assert shown == [payment["id"] for payment in reversed(made)]
    back = (await ask("GET", f"{LIST}/{customer_id}/payments?ending_before={shown[2]}")).data
    assert [row["id"] for row in back["items"]] == shown[:2]
    everything = (await ask("GET", "/api/v1/payments")).data["items"]
    assert first["items"] == [row for row in everything if row["id"] in shown[:2]]


async def test_s14_who_may_not_read_personal_data_sees_a_mask_and_finds_all_the_same(counter):
    await counter.sell(ASHA)
    world, merchant = counter.shop.world, counter.shop.merchant
    key = await make_key(merchant, "test", "payments:read")
    readers = {
        role: await sign_in(world, await add_member(merchant, role)) for role in ("viewer", "developer", "admin")
    }
    for name, token, is_masked in (
        ("key", key["secret"], True),
        ("viewer", readers["viewer"], True),
        ("developer", readers["developer"], False),
        ("admin", readers["admin"], False),
    ):
        found = (await world.ask("POST", SEARCH, {"email": ASHA["email"]}, bearer=token)).data["items"]
        listed = (await world.ask("GET", LIST, bearer=token)).data["items"]
        one = await world.ask("GET", f"{LIST}/{listed[0]['id']}", bearer=token)
        assert found == listed == [one.data], name
        expected = ("a***@example.org", "+********5670") if is_masked else (ASHA["email"], ASHA["contact"])
        assert (one.data["email"], one.data["phone"]) == expected, name
        assert one.data["masked"] is is_masked, name


@pytest.mark.parametrize(
    "body",
    [{}, {"email": "a@example.org", "phone": "+919812345670"}, {"email": "asha"}, {"phone": "12"}, {"email": None},
     {"email": {"$ne": None}}, {"email": ["a@example.org"]}, {"phone": 9812345670}, {"email": ""}, {"name": "Asha"}],
)  # fmt: skip
async def test_n4_whom_nobody_could_be_is_not_looked_for(counter, body):
    answer = await counter.shop.merchant.ask("POST", SEARCH, body)
    assert (answer.status, answer.code) == (422, "validation_failed")
    assert "asha" not in answer.body.decode()


async def test_t6_what_a_search_finds_is_kept_under_no_key(counter):
    await counter.sell(ASHA)
    for _ in range(2):
        answer = await counter.shop.merchant.ask("POST", SEARCH, {"email": ASHA["email"]}, key="search-one")
        assert (answer.status, len(answer.data["items"])) == (200, 1)
        assert "Idempotent-Replayed" not in answer.headers
    assert ASHA["email"] not in repr(await counter.shop.rows("idempotency_keys"))
