"""The books over HTTP: accounts, entries, trial balance, export and chain, as a merchant reads them."""

import csv
import dataclasses
import io
from datetime import timedelta

import pytest

from app.kit.clock import MovableClock, SystemClock, to_rfc3339
from app.ledger.export import COLUMNS, rows_of
from app.ledger.models import Account, Cause, CauseKind, Entry
from tests.ledger.samples import capture, fee
from tests.world import running_world

BOOKS = "/api/v1/ledger"


@pytest.fixture(scope="module")
async def world(mongodb_url, database_name):
    clock = MovableClock(SystemClock().now())
    async with running_world(mongodb_url, f"{database_name}-books", clock=clock, has_worker=False) as running:
        yield running


@pytest.fixture
async def merchant(world):
    return await world.merchant(webhooks=False)


async def post(world, merchant, *postings):
    """Book at the present moment, and let a second pass."""
    wiring = world.wiring
    at = wiring.clock.now()
    await wiring.database.transaction(
        lambda session: wiring.ledger.post(merchant.scope, postings, session=session, at=at)
    )
    wiring.clock.advance(seconds=1)
    return at


async def seal(world):
    while await world.wiring.ledger.seal_next():
        pass


@pytest.fixture
async def booked(world, merchant):
    """Two captures with their fees, the second a day later; the first day is sealed."""
    first = await post(world, merchant, capture(1, payment_id="pmt_" + "1" * 26), fee(1))
    await seal(world)
    world.wiring.clock.advance(seconds=86_400)
    second = await post(world, merchant, capture(2, 10_000), capture(3, 700, currency="USD"))
    return merchant, first, second


async def read(merchant, path):
    answer = await merchant.ask("GET", BOOKS + path)
    assert answer.status == 200, answer.body
    return answer.data


def balances(accounts):
    return {(one["currency"], one["account"]): one["balance"] for one in accounts if one["debit"] or one["credit"]}


async def test_the_accounts_show_what_was_booked_until_now(booked):
    merchant, _, _ = booked
    data = await read(merchant, "/accounts")
    assert balances(data["accounts"]) == {
        ("INR", "processor_receivable"): 60_000 - 1_180,
        ("INR", "fees"): 1_000,
        ("INR", "tax"): 180,
        ("INR", "merchant_payable"): 60_000,
        ("USD", "processor_receivable"): 700,
        ("USD", "merchant_payable"): 700,
    }
    assert len(data["accounts"]) == 2 * len(Account)
    yen = (await read(merchant, "/accounts?currency=JPY"))["accounts"]
    assert [one["account"] for one in yen] == list(Account)
    assert balances(yen) == {}
    receivable = next(one for one in data["accounts"] if one["account"] == "processor_receivable")
    assert (receivable["side"], receivable["debit"], receivable["credit"]) == ("debit", 60_000, 1_180)


async def test_a_trial_balance_is_of_its_moment_and_both_sides_are_equal(booked):
    merchant, first, second = booked
    now = await read(merchant, "/trial-balance")
    assert now["is_balanced"]
    assert [(one["currency"], one["debit"], one["credit"]) for one in now["currencies"]] == [
        ("INR", 61_180, 61_180),
        ("USD", 700, 700),
    ]
    then = await read(merchant, f"/trial-balance?at={to_rfc3339(second)}")
    assert (then["at"], then["is_balanced"]) == (to_rfc3339(second), True)
    assert balances(then["currencies"][0]["accounts"])["INR", "merchant_payable"] == 50_000
    before = await read(merchant, f"/trial-balance?at={to_rfc3339(first)}")
    assert (before["currencies"], before["is_balanced"]) == ([], True)


async def test_entries_are_listed_filtered_and_read_one_by_one(booked, world):
    merchant, first, second = booked

    async def causes(query=""):
        page = await read(merchant, f"/entries{query}")
        return sorted(f"{one['cause']}:{one['cause_id']}" for one in page["items"])

    assert await causes() == ["capture:pay_1", "capture:pay_2", "capture:pay_3", "fee:pay_1"]
    assert await causes(f"?payment_id=pmt_{'1' * 26}") == ["capture:pay_1"]
    assert await causes("?account=fees") == ["fee:pay_1"]
    assert await causes("?cause=fee") == ["fee:pay_1"]
    assert await causes("?cause_id=pay_1") == ["capture:pay_1", "fee:pay_1"]
    assert await causes("?currency=USD") == ["capture:pay_3"]
    assert await causes(f"?from={to_rfc3339(second)}") == ["capture:pay_2", "capture:pay_3"]
    assert await causes(f"?before={to_rfc3339(second)}") == ["capture:pay_1", "fee:pay_1"]
    assert await causes(f"?from={to_rfc3339(first)}&before={to_rfc3339(first)}") == []
    page = await read(merchant, "/entries?limit=3")
    rest = await read(merchant, f"/entries?limit=3&starting_after={page['next_cursor']}")
    assert (len(page["items"]), len(rest["items"]), rest["has_more"]) == (3, 1, False)
    for shown in (*page["items"], *rest["items"]):
        assert await read(merchant, f"/entries/{shown['id']}") == shown
        assert (shown["sequence"] is None) == (shown["recorded_at"] == to_rfc3339(second))
    absent = await merchant.ask("GET", f"{BOOKS}/entries/ent_{'0' * 26}")
    assert (absent.status, absent.code) == (404, "ledger_entry_not_found")


@pytest.mark.parametrize(
    "path",
    [
        "/entries?account=cash",
        "/entries?cause=gift",
        "/entries?cause_id=%7B%22$ne%22:1%7D",
        "/entries?currency=inr",
        "/entries?payment_id=pay_1",
        "/entries?since=2026-01-01T00:00:00Z",
        "/entries?from=2026-01-01",
        "/entries?starting_after=pmt_1",
        "/accounts?currency=rupees",
        "/trial-balance?at=yesterday",
        "/trial-balance?before=2026-01-01T00:00:00Z",
        "/export?from=0001-01-01T00:00:00%2B14:00",
        "/chain?after=-1",
        "/chain?after=1.5",
    ],
)
async def test_n4_n15_a_question_that_says_nothing_sensible_is_refused(merchant, path):
    answer = await merchant.ask("GET", BOOKS + path)
    assert (answer.status, answer.code) == (422, "validation_failed")


async def export(merchant, query=""):
    answer = await merchant.ask("GET", f"{BOOKS}/export{query}")
    assert answer.status == 200
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="ledger.csv"'
    return list(csv.DictReader(io.StringIO(answer.body.decode())))


async def test_the_export_has_a_row_for_each_leg_oldest_first(booked):
    merchant, first, second = booked
    rows = await export(merchant)
    assert len(rows) == 2 + 3 + 2 + 2
    assert list(rows[0]) == list(COLUMNS)
    assert [row["recorded_at"] for row in rows] == sorted(row["recorded_at"] for row in rows)
    assert {row["sequence"] for row in rows if row["recorded_at"] == to_rfc3339(second)} == {""}
    sums = dict.fromkeys(("debit", "credit"), 0)
    for row in rows:
        sums[row["side"]] += int(row["amount"])
    assert sums["debit"] == sums["credit"] == 61_880
    later = to_rfc3339(first + timedelta(seconds=1))
    assert await export(merchant, f"?before={later}") == rows[:5]
    assert await export(merchant, f"?from={later}") == rows[5:]
    assert await export(merchant, f"?from={later}&before={later}") == []


async def test_an_export_of_many_batches_misses_nothing_and_repeats_nothing(world, merchant):
    ledger = dataclasses.replace(world.wiring.ledger, batch=3)
    for number in range(4):
        await post(world, merchant, *(capture(10 * number + each) for each in range(number + 1)))
    batches = [batch async for batch in ledger.export_entries(merchant.scope, since=None, before=None)]
    assert [len(batch) for batch in batches] == [3, 3, 3, 1]
    causes = [entry.posting.cause.id for batch in batches for entry in batch]
    assert sorted(causes) == sorted(f"pay_{10 * number + each}" for number in range(4) for each in range(number + 1))


def test_a_word_of_the_processor_is_no_formula_in_a_spreadsheet(world):
    posting = capture()
    forged = type(posting)(Cause(CauseKind.CAPTURE, '=HYPERLINK("x")'), "INR", posting.legs)
    entry = Entry("ent_1", None, forged, world.wiring.clock.now())
    assert '"\'=HYPERLINK(""x"")"' in rows_of([entry])
    assert "'" not in rows_of([Entry("ent_1", None, posting, world.wiring.clock.now())])


async def test_g13_over_http_a_merchant_verifies_their_own_books(booked, world):
    merchant, _, second = booked
    whole = await merchant.ask("GET", f"{BOOKS}/chain")
    assert whole.json["message"] == "The books are whole."
    assert whole.data == {
        "is_whole": True,
        "checked_from": 1,
        "checked_through": 2,
        "sealed": 2,
        "next_after": None,
        "breaks": [],
        "unsealed_since": to_rfc3339(second),
        "last_walk": None,
    }
    await seal(world)
    rows = world.wiring.database.collection("ledger_entries")
    await rows.update_one({"tenant": merchant.id, "seal.sequence": 3}, {"$set": {"payment_id": "pmt_else"}})
    while await world.wiring.book_checks.check_next():
        pass
    broken = await merchant.ask("GET", f"{BOOKS}/chain?after=4")
    assert broken.json["message"] == "The books are broken."
    assert (broken.data["is_whole"], broken.data["breaks"]) == (False, [])
    assert [(one["flaw"], one["sequence"]) for one in broken.data["last_walk"]["breaks"]] == [("entry_altered", 3)]
    assert broken.data["last_walk"]["sequence"] == 4
    sampled = world.wiring.metrics.ledger
    for sample in world.wiring.health.samplers:
        await sample()
    assert (sampled.unsealed._value.get(), sampled.unsealed_seconds._value.get()) == (0, 0)
    assert sampled.breaks._value.get() == 1
    other = await world.merchant(webhooks=False)
    assert (await read(other, "/chain"))["is_whole"]


async def test_what_is_not_sealed_is_measured(world, merchant):
    await seal(world)
    await post(world, merchant, capture())
    world.wiring.clock.advance(seconds=41)
    for sample in world.wiring.health.samplers:
        await sample()
    sampled = world.wiring.metrics.ledger
    assert (sampled.unsealed._value.get(), sampled.unsealed_seconds._value.get()) == (1, 42)
