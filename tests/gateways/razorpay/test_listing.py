"""The port's lists: spans of time, pages, and what can't be read among them."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from tests.gateways.razorpay.bench import SINCE, UNTIL, VERBS, Bench
from tests.gateways.razorpay.host import answer
from tests.gateways.razorpay.samples import (
    AT,
    DISPUTE_ID,
    PAYMENT_ID,
    REFUND_ID,
    SETTLEMENT_ID,
    collection,
    dispute,
    payment,
    refund,
    settlement,
    settlement_row,
)
from tests.logs import captured_logs

SPAN = f"from={AT}&to={AT + 86400}&"


@pytest.mark.parametrize(
    ("name", "entity", "found_id", "path"),
    [
        ("list_payments", payment(), PAYMENT_ID, f"/v1/payments?{SPAN}"),
        ("list_refunds", refund(), REFUND_ID, f"/v1/refunds?{SPAN}"),
        ("list_disputes", dispute(), DISPUTE_ID, "/v1/disputes?"),
        ("list_settlements", settlement(), SETTLEMENT_ID, f"/v1/settlements?{SPAN}"),
    ],
)
async def test_a_list_is_read_page_by_page(bench: Bench, name: str, entity: Any, found_id: str, path: str) -> None:
    bench.play(answer(collection(entity)))

    page: Any = await VERBS[name](bench.gateway)

    assert ([item.id for item in page.items], page.is_last, page.next_skip) == ([found_id], True, 1)
    assert [(sent.method, sent.target) for sent in bench.host.received] == [("GET", f"{path}count=100&skip=0")]


async def test_the_lines_of_a_day_are_read_a_hundred_at_once(bench: Bench) -> None:
    bench.play(answer(collection(settlement_row(), {"entity_id": None})))

    page = await bench.gateway.list_settlement_rows(day=date(2026, 3, 9), skip=500)

    assert ([row.entity_id for row in page.items], page.is_last, page.next_skip) == ([PAYMENT_ID], True, 502)
    day = "year=2026&month=03&day=09"
    assert bench.host.received[0].target == f"/v1/settlements/recon/combined?{day}&count=100&skip=500"


async def test_r9_a_full_page_has_another_behind_it_that_begins_after_all_it_held(bench: Bench) -> None:
    held = [payment(id=f"pay_{at}") for at in range(98)]
    bench.play(answer(collection(*held, {"id": None}, 5)))

    with captured_logs() as logs:
        page = await bench.gateway.list_payments(since=SINCE, until=UNTIL, skip=300)

    assert (len(page.items), page.is_last, page.next_skip) == (98, False, 400)
    assert [(line["event"], line["count"]) for line in logs] == [("gateway_list_items_unreadable", 2)]
    assert bench.host.received[0].target.endswith("count=100&skip=300")


async def test_an_empty_page_is_the_last(bench: Bench) -> None:
    bench.play(answer(collection()))

    page = await bench.gateway.list_disputes(skip=100)

    assert (page.items, page.is_last, page.next_skip) == ((), True, 100)


@pytest.mark.parametrize(
    ("since", "until", "span"),
    [
        (SINCE + timedelta(seconds=0.9), UNTIL + timedelta(seconds=0.1), f"from={AT}&to={AT + 86401}&"),
        (datetime(1970, 1, 1, tzinfo=UTC), datetime(2900, 1, 1, tzinfo=UTC), "from=946684800&to=4765046400&"),
    ],
)
async def test_r8_a_span_is_widened_to_whole_seconds_and_cut_to_what_is_taken(
    bench: Bench, since: datetime, until: datetime, span: str
) -> None:
    bench.play(answer(collection()))

    await bench.gateway.list_refunds(since=since, until=until, skip=0)

    assert bench.host.received[0].target == f"/v1/refunds?{span}count=100&skip=0"
