"""Settlements: `/v1/settlements`, and their rows: `/v1/settlements/recon/combined` (razorpay.md section 8)."""

from collections.abc import Iterator
from typing import Any

from razorpay_simulator import validation
from razorpay_simulator.calls import Call, Route
from razorpay_simulator.errors import bad_request
from razorpay_simulator.paging import page
from razorpay_simulator.settlement_entities import Row, Settlement
from razorpay_simulator.working_days import day_of

_MAX_ROWS = 1000


def list_settlements(call: Call) -> Any:
    """List settlements, newest first."""
    return page(call, reversed(call.account.settling.settlements.values()), Settlement.to_wire)


def get_settlement(call: Call) -> Any:
    """Return one settlement."""
    found: Settlement = validation.lookup(call.account.settling.settlements, call.path_params["id"], "setl")
    return found.to_wire()


def list_rows(call: Call) -> Any:
    """List what was settled in a month or on a day, as India counts them; the newest settlement first."""
    year = _number(call, "year", digits=(4, 4), refusal="The year must be 4 digits.")
    month = _number(call, "month", digits=(1, 2), refusal="The month is not a valid month.")
    if not 1 <= month <= 12:
        raise bad_request("The month is not a valid month.", field="month")
    day = None
    if call.param("day") is not None:
        day = _number(call, "day", digits=(1, 2), refusal="The day must be between 1 and 2 digits.")
    return page(call, _rows(call, year, month, day), Row.to_wire, max_count=_MAX_ROWS)


def _number(call: Call, name: str, *, digits: tuple[int, int], refusal: str) -> int:
    text = call.param(name) or ""
    validation.require({name: text}, [name])
    fewest, most = digits
    if not text.isascii() or not text.isdigit() or not fewest <= len(text) <= most:
        raise bad_request(refusal, field=name)
    return int(text)


def _rows(call: Call, year: int, month: int, day: int | None) -> Iterator[Row]:
    for settlement in reversed(call.account.settling.settlements.values()):
        settled = day_of(settlement.created_at)
        if (settled.year, settled.month) == (year, month) and day in {None, settled.day}:
            yield from (row for row in settlement.rows if not row.is_missing)


ROUTES = (
    Route("GET", "/v1/settlements", list_settlements),
    Route("GET", "/v1/settlements/recon/combined", list_rows),
    Route("GET", "/v1/settlements/{id}", get_settlement),
)
