"""Lists of settlements and of their rows, and how settlements go wrong: in ways that a reconciliation must see."""

import pytest

from razorpay_simulator import SimulatorConfig, serve
from razorpay_simulator.working_days import day_of
from tests.razorpay_simulator.test_settlements import (
    CYCLE,
    DAY,
    facts,
    month_of,
    recon,
    settled,
    settlements,
    total,
)


async def fault(call, mode, **more):
    return await call.ok("POST", "/_sim/faults", {"mode": mode, "times": 1, **more})


async def test_lists_have_pages_and_days(call):
    made = []
    for _ in range(3):
        await call.captured(50_000)
        made.append(await settled(call))
        await call.advance(DAY)
    newest = await call.ok("GET", "/v1/settlements?count=1&skip=1")
    assert (newest["count"], newest["items"]) == (1, [made[1]])
    edges = f"from={made[1]['created_at']}&to={made[1]['created_at']}"
    assert (await call.ok("GET", f"/v1/settlements?{edges}"))["items"] == [made[1]]
    for one in made:
        day = f"{month_of(one)}&day={day_of(one['created_at']).day}"
        listed = (await call.ok("GET", f"/v1/settlements/recon/combined?{day}"))["items"]
        assert [row["settlement_id"] for row in listed] == [one["id"]]


async def test_rows_are_counted_by_pages(call):
    paid = [await call.captured(10_000) for _ in range(12)]
    month = month_of(await settled(call))
    pages = [
        await call.ok("GET", f"/v1/settlements/recon/combined?{month}{more}")
        for more in ("", "&count=10&skip=10", "&count=1000")
    ]
    assert [page["count"] for page in pages] == [10, 2, 12]
    assert [row["entity_id"] for row in pages[0]["items"] + pages[1]["items"]] == [one["id"] for one in paid]
    assert pages[2]["items"] == pages[0]["items"] + pages[1]["items"]


@pytest.mark.parametrize(
    ("query", "description", "field"),
    [
        ("month=6", "The year field is required.", "year"),
        ("year=26&month=6", "The year must be 4 digits.", "year"),
        ("year=twos&month=6", "The year must be 4 digits.", "year"),
        ("year=2026", "The month field is required.", "month"),
        ("year=2026&month=13", "The month is not a valid month.", "month"),
        ("year=2026&month=0", "The month is not a valid month.", "month"),
        ("year=2026&month=june", "The month is not a valid month.", "month"),
        ("year=2026&month=6&day=111", "The day must be between 1 and 2 digits.", "day"),
        ("year=2026&month=6&day=-1", "The day must be between 1 and 2 digits.", "day"),
        ("year=2026&month=6&count=0", "The count must be at least 1.", "count"),
        ("year=2026&month=6&count=1001", "The count may not be greater than 1000.", "count"),
        ("year=2026&month=6&skip=-1", "The skip must be at least 0.", "skip"),
    ],
)
async def test_a_wrong_month_or_page_is_refused_in_the_documented_words(call, query, description, field):
    refusal = await call.refused("GET", f"/v1/settlements/recon/combined?{query}")
    assert (refusal["status"], refusal["code"]) == (400, "BAD_REQUEST_ERROR")
    assert (refusal["description"], refusal["field"]) == (description, field)


@pytest.mark.parametrize(
    ("path", "description"),
    [
        ("?count=101", "The count may not be greater than 100."),
        ("?count=0", "The count must be at least 1."),
        ("?from=1", "from must be between 946684800 and 4765046400"),
        ("?to=1", "to must be between 946684800 and 4765046400"),
        ("/setl_00000000000000", "The id provided does not exist"),
        ("/nothing", "nothing is not a valid id"),
    ],
)
async def test_a_wrong_list_or_id_is_refused(call, path, description):
    assert (await call.refused("GET", f"/v1/settlements{path}"))["description"] == description


async def test_a_missing_row_stays_missing_and_only_that_one(call):
    paid = {(await call.captured(amount))["id"] for amount in (10_000, 20_000, 30_000)}
    await fault(call, "recon_row_missing", seed=7)
    made = await settled(call)
    rows = await recon(call, made)
    assert rows == await recon(call, made)
    assert len(rows) == 2
    assert {row["entity_id"] for row in rows} < paid
    assert total(rows) < made["amount"]
    await call.captured(10_000)
    after = await settled(call)
    assert total(await recon(call, after)) == after["amount"]


async def test_a_drifted_fee_is_really_taken(call):
    payment = await call.captured(50_000)
    await fault(call, "recon_fee_drift", amount=250)
    made = await settled(call)
    (row,) = await recon(call, made)
    said = (await call.ok("GET", f"/v1/payments/{payment['id']}"))["fee"]
    assert (row["fee"] - said, row["credit"]) == (250, 50_000 - said - 250)
    assert made["amount"] == row["credit"]


async def test_a_drifted_fee_never_takes_all(call):
    await call.captured(50_000)
    await fault(call, "recon_fee_drift", amount=10**9)
    made = await settled(call)
    (row,) = await recon(call, made)
    assert made["amount"] == row["credit"] == 1


async def test_a_short_settlement_pays_less_than_its_rows_wherever_it_is_seen(call):
    await call.captured(50_000)
    rule = await fault(call, "settlement_short", amount=700)
    made = await settled(call)
    assert total(await recon(call, made)) - made["amount"] == 700
    assert await call.ok("GET", f"/v1/settlements/{made['id']}") == made
    (fact,) = await facts(call, "settlement.processed")
    assert (fact["due"] - fact["amount"], fact["faults"]) == (700, ["settlement_short"])
    (seen,) = (await call.ok("GET", "/_sim/faults"))["items"]
    assert (seen["id"], seen["hits"], seen["amount"], seen["route"]) == (rule["id"], 1, 700, "* /v1/settlements*")


async def test_a_late_reconciliation_is_empty_for_a_while(call):
    await call.captured(50_000)
    await fault(call, "recon_late", delay_seconds=7200)
    made = await settled(call)
    assert (await settlements(call), await recon(call, made)) == ([made], [])
    await call.advance(7100)
    assert await recon(call, made) == []
    await call.advance(200)
    assert total(await recon(call, made)) == made["amount"]


async def test_a_settlement_that_fails_is_made_again_with_its_rows(call):
    payment = await call.captured(50_000)
    await fault(call, "settlement_fails", delay_seconds=600)
    first = await settled(call)
    events = await call.event_names()
    await call.advance(700)
    seen = await call.ok("GET", f"/v1/settlements/{first['id']}")
    assert seen == {**first, "status": "failed"}
    assert (await recon(call, first), await call.event_names()) == ([], events)
    assert [fact["settlement"] for fact in await facts(call, "settlement.failed")] == [first["id"]]
    await call.advance(CYCLE)
    second = (await settlements(call))[0]
    assert (second["amount"], second["status"], second["id"] != first["id"]) == (first["amount"], "processed", True)
    assert [row["entity_id"] for row in await recon(call, second)] == [payment["id"]]


async def test_a_settlement_can_be_sent_back_by_hand_once(call):
    await call.captured(50_000)
    await fault(call, "settlement_fails", delay_seconds=600)
    made = await settled(call)
    assert (await call.ok("POST", f"/_sim/settlements/{made['id']}/fail"))["status"] == "failed"
    refusal = await call.refused("POST", f"/_sim/settlements/{made['id']}/fail")
    assert refusal["description"] == "The settlement is failed already."
    await call.refused("POST", "/_sim/settlements/setl_x/fail")
    await call.advance(700)
    assert len(await facts(call, "settlement.failed")) == 1


async def test_faults_of_settlements_go_together_for_their_account_and_leave_calls_alone(call):
    made = await call.ok("POST", "/_sim/accounts", {})
    await call.captured(50_000)
    await fault(call, "settlement_short", amount=300)
    await fault(call, "recon_row_missing")
    await fault(call, "recon_fee_drift", account_id=made["account_id"])
    short = await settled(call)
    assert await recon(call, short) == []
    assert [rule["hits"] for rule in (await call.ok("GET", "/_sim/faults"))["items"]] == [1, 1, 0]


async def test_r7_a_contradictory_settlement_or_row_says_nonsense(call):
    await call.captured(50_000)
    made = await settled(call)
    await call.ok("POST", "/_sim/faults", {"route": "GET /v1/settlements*", "mode": "contradictory"})
    assert (await call.ok("GET", f"/v1/settlements/{made['id']}"))["amount"] == -1
    (row,) = (await call.ok("GET", f"/v1/settlements/recon/combined?{month_of(made)}"))["items"]
    assert (row["credit"], row["debit"], row["settled"]) == (1, 1, False)


async def test_r9_a_settlement_between_two_pages_moves_the_rest_on(call):
    await call.captured(50_000)
    first = await settled(call)
    for route in ("/v1/settlements?count=1", f"/v1/settlements/recon/combined?{month_of(first)}&count=1"):
        await call.captured(50_000)
        before = (await call.ok("GET", route))["items"]
        path = route.partition("?")[0]
        await call.ok("POST", "/_sim/faults", {"route": f"GET {path}", "mode": "insert_after", "times": 1})
        assert (await call.ok("GET", route))["items"] == before
        assert (await call.ok("GET", f"{route}&skip=1"))["items"] == before


async def test_the_same_seed_and_time_make_the_same_settlements(call_to):
    seen = []
    for _ in range(2):
        async with serve(SimulatorConfig(port=0, quiet=True, epoch=1_800_000_000, seed=5)) as running:
            running.world.clock.freeze()
            call = call_to(running)
            for amount in (10_000, 20_000, 30_000):
                await call.captured(amount)
            await fault(call, "recon_row_missing", seed=3)
            await call.advance(CYCLE)
            (made,) = await settlements(call)
            seen.append((made["id"], made["amount"], made["utr"][-6:], await recon(call, made)))
    assert [row["amount"] for row in seen[0][3]] == [row["amount"] for row in seen[1][3]]
    assert seen[0][:3] == seen[1][:3]
