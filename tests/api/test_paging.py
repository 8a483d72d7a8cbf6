"""The list of payments: filters, cursors, and a walk that shows each row once."""

import asyncio
import secrets
from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.api.callers import all_operations
from tests.world import new_key

AMOUNTS = (100, 100, 250, 50000, 50001, 99999, 10**6, 10**9)
PATH = "/api/v1/payments"
SETTINGS = settings(
    max_examples=60, deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow]
)


@pytest.fixture(scope="module")
async def shelf(world):
    """A merchant with two dozen payments of three states, newest first."""
    merchant = await world.merchant(webhooks=False)
    for number in range(24):
        payment = await merchant.create_payment(amount=AMOUNTS[number % 8], reference=f"ref-{number}")
        if number % 3 == 0:
            assert (await merchant.ask("POST", f"{PATH}/{payment['id']}/cancel")).status == 200
        if number % 8 == 3:
            await merchant.pay(payment, method="card", outcome="success")
            assert (await merchant.ask("POST", f"{PATH}/{payment['id']}/recheck")).status == 200
    rows = (await merchant.ask("GET", f"{PATH}?limit=100")).data["items"]
    assert len(rows) == 24
    return merchant, rows


async def listed(merchant, **query):
    """Return a page of payments as ids, and the page."""
    given_query = "&".join(f"{name}={value}".replace("+", "%2B") for name, value in query.items())
    answer = await merchant.ask("GET", f"{PATH}?{given_query}")
    assert answer.status == 200, answer.body
    return [row["id"] for row in answer.data["items"]], answer.data


async def walk(merchant, direction, start, **query):
    """Yield the pages from a cursor on."""
    cursor = start
    while True:
        where = {direction: cursor} if cursor else {}
        ids, page = await listed(merchant, **query, **where)
        yield ids
        assert page["has_more"] == (page["next_cursor"] is not None)
        if not page["has_more"]:
            return
        cursor = page["next_cursor"]


STATES = ("pending", "authorized", "completed", "failed", "cancelled", "expired")


async def test_every_state_lists_exactly_its_own(shelf):
    merchant, rows = shelf
    for status in STATES:
        ids, _ = await listed(merchant, status=status, limit=100)
        assert ids == [row["id"] for row in rows if row["status"] == status], status
    assert {row["status"] for row in rows} == {"pending", "completed", "cancelled"}


async def test_a_reference_or_an_order_finds_its_one_payment(shelf):
    merchant, rows = shelf
    for row in rows[::5]:
        assert (await listed(merchant, reference=row["reference"]))[0] == [row["id"]]
        assert (await listed(merchant, order_id=row["order_id"]))[0] == [row["id"]]
    assert (await listed(merchant, reference="ref-"))[0] == []
    assert (await listed(merchant, reference="REF-1"))[0] == []


async def test_n5_a_reference_is_compared_and_never_a_pattern(shelf):
    merchant, _ = shelf
    for pattern in (".*", "ref-.", "^ref", "ref-%2A", "%24regex", "(a%2B)%2B%24"):
        assert (await listed(merchant, reference=pattern))[0] == []


NUMBERS = st.one_of(st.none(), st.sampled_from([0, 99, 101, 251, 50000, 10**9, 10**12, *AMOUNTS]))


@SETTINGS
@given(
    low=NUMBERS,
    high=NUMBERS,
    status=st.sampled_from([None, "pending", "completed", "cancelled", "failed"]),
    since=st.none() | st.integers(0, 23),
    until=st.none() | st.integers(0, 23),
    limit=st.integers(1, 9),
    direction=st.sampled_from(["starting_after", "ending_before"]),
)
async def test_n15_any_filters_walked_by_any_page_show_what_fits_once_and_nothing_else(
    shelf, low, high, status, since, until, limit, direction
):
    merchant, rows = shelf
    query = {
        "amount_min": low,
        "amount_max": high,
        "status": status,
        "created_from": rows[since]["created_at"] if since is not None else None,
        "created_before": rows[until]["created_at"] if until is not None else None,
    }
    expected = [
        row["id"]
        for row in rows
        if (low is None or row["amount"] >= low)
        and (high is None or row["amount"] <= high)
        and (status is None or row["status"] == status)
        and (since is None or row["created_at"] >= query["created_from"])
        and (until is None or row["created_at"] < query["created_before"])
    ]
    sent = {name: value for name, value in query.items() if value is not None}
    # Backwards one starts in front of the oldest place there is.
    start = None if direction == "starting_after" else "pmt_" + "0" * 26
    found = []
    async for ids in walk(merchant, direction, start, limit=limit, **sent):
        assert len(ids) <= limit
        found = [*found, *ids] if direction == "starting_after" else [*ids, *found]
    assert found == expected


@SETTINGS
@given(at=st.integers(0, 23), limit=st.integers(1, 30))
async def test_a_cursor_is_a_place_from_which_both_directions_go_on(shelf, at, limit):
    merchant, rows = shelf
    ids = [row["id"] for row in rows]
    assert (await listed(merchant, starting_after=ids[at], limit=limit))[0] == ids[at + 1 :][:limit]
    assert (await listed(merchant, ending_before=ids[at], limit=limit))[0] == ids[:at][-limit:]


@SETTINGS
@given(cursor=st.text(min_size=1, max_size=60), name=st.sampled_from(["starting_after", "ending_before"]))
async def test_n4_n15_a_forged_cursor_is_refused_or_is_a_place_among_the_merchants_own_rows(shelf, cursor, name):
    merchant, rows = shelf
    url = f"{merchant.world.url}{PATH}"
    headers = {"Authorization": f"Bearer {merchant.secret}"}
    async with merchant.world.session.get(url, params={name: cursor}, headers=headers) as answer:
        body = await answer.json()
    assert answer.status in {200, 422}
    if answer.status == 200:
        assert {row["id"] for row in body["data"]["items"]} <= {row["id"] for row in rows}
    else:
        assert body["error"]["code"] == "validation_failed"


async def test_s13_a_cursor_of_another_merchant_shows_only_ones_own(shelf, merchant):
    owner, rows = shelf
    mine = await merchant.create_payment()
    for cursor in (rows[0]["id"], rows[-1]["id"]):
        for name in ("starting_after", "ending_before"):
            assert set((await listed(merchant, **{name: cursor}))[0]) <= {mine["id"]}
            foreign = await listed(owner, **{name: mine["id"]}, limit=100)
            assert set(foreign[0]) <= {row["id"] for row in rows}


async def test_a_walk_is_not_disturbed_by_payments_that_are_made_meanwhile(merchant):
    before = [(await merchant.create_payment())["id"] for _ in range(6)]
    found = []
    async for ids in walk(merchant, "starting_after", None, limit=2):
        found += ids
        await merchant.create_payment()
    assert found == before[::-1]


@pytest.mark.parametrize(
    "query",
    [
        "status=PENDING",
        "status=captured",
        "status=",
        "amount_min=-1",
        "amount_min=1.5",
        "amount_max=1000000000001",
        "amount_min=%240",
        "created_from=yesterday",
        "created_from=2026-01-01",
        "created_from=2026-01-01T00:00:00",
        "created_before=2026-13-01T00:00:00Z",
        "reference=",
        "reference=" + "x" * 65,
        "order_id=%7B%22$ne%22:1%7D",
        "tenant=mer_2",
        "mode=live",
        "sort=amount",
        "starting_after=pmt_1&ending_before=pmt_2",
        "ending_before=pmt_1",
        "starting_after=",
    ],
)
async def test_n4_n15_a_filter_that_says_nothing_sensible_is_refused(shelf, query):
    answer = await shelf[0].ask("GET", f"{PATH}?{query}")
    assert (answer.status, answer.code) == (422, "validation_failed")


@pytest.mark.parametrize("name", ["starting_after", "ending_before"])
async def test_n15_a_cursor_of_other_rows_is_refused_by_every_list(shelf, app, name):
    merchant, rows = shelf
    asked = 0
    for operation in all_operations(app):
        if not operation.id.endswith("_list") or operation.id == "auth_sessions_list":
            continue
        for cursor in (merchant.key_id, merchant.id, rows[0]["id"], "zzz_1"):
            is_own = (operation.id, cursor[:3]) in {("payments_list", "pmt"), ("api_keys_list", "key")}
            if (operation.id, cursor[:3]) == ("customers_payments_list", "pmt"):
                continue  # its own rows, but of no customer
            answer = await merchant.ask_as_owner("GET", f"{operation.path}?{name}={cursor}")
            assert answer.status == (200 if is_own else 422), (operation, cursor)
            asked += 1
    assert asked > 60


async def test_a_time_is_read_in_any_zone(shelf):
    merchant, rows = shelf
    moment = datetime.fromisoformat(rows[12]["created_at"])
    there = (moment + timedelta(hours=5, minutes=30)).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "+05:30"
    ids, _ = await listed(merchant, created_from=there, limit=100)
    assert ids == [row["id"] for row in rows if row["created_at"] >= rows[12]["created_at"]]


async def test_a_reference_is_unique_and_free_again_for_nobody(merchant):
    reference = secrets.token_hex(6)
    await merchant.create_payment(reference=reference)
    twin = {"amount": 100, "currency": "INR", "reference": reference}
    answers = await asyncio.gather(*(merchant.ask("POST", PATH, twin, key=new_key()) for _ in range(5)))
    assert {(answer.status, answer.code) for answer in answers} == {(409, "reference_taken")}


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00%2B14:00", "9999-12-31T23:59:59-14:00"])
@pytest.mark.parametrize("name", ["created_from", "created_before"])
async def test_n8_a_moment_that_no_calendar_holds_in_utc_is_refused(merchant, name, moment):
    answer = await merchant.ask("GET", f"/api/v1/payments?{name}={moment}")
    assert (answer.status, answer.code) == (422, "validation_failed")
