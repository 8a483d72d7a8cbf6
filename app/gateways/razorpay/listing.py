"""Walks over everything at Razorpay: the port's lists."""

import functools
import math
from datetime import date, datetime
from typing import TypeVar

import structlog

from app.gateways.port import GatewayDispute, GatewayPayment, GatewayRefund, Listed
from app.gateways.razorpay.calls import PAGE, Calls
from app.gateways.razorpay.translate.disputes import to_dispute
from app.gateways.razorpay.translate.pages import Convert, to_page
from app.gateways.razorpay.translate.payments import to_payment
from app.gateways.razorpay.translate.refunds import to_refund
from app.gateways.razorpay.translate.settlements import to_settlement, to_settlement_row
from app.gateways.razorpay.wire import EARLIEST_SECONDS, LATEST_SECONDS
from app.gateways.settlement import GatewaySettlement, SettlementRow

_log = structlog.get_logger("app.gateways.razorpay")

N = TypeVar("N")

ROWS = 100
"""How many lines of the report on settlements a page holds. It may be 1000; a line with all its notes has ten thousand
letters, and a body may have a million."""


class ListVerbs:
    """The part of the port's `Gateway` that lists.

    The lists are newest first. What is made while we page moves the rest towards later pages: something may be seen
    twice and nothing is missed (R9). They trail behind what a look-up by id shows, by minutes.
    """

    _calls: Calls

    async def list_payments(self, *, since: datetime, until: datetime, skip: int) -> Listed[GatewayPayment]:
        """Return a page of the payments created in a span of time. Raises Refused, OutcomeUnknown."""
        return await self._list("list_payments", f"/v1/payments?{_span(since, until)}", to_payment, skip=skip)

    async def list_refunds(self, *, since: datetime, until: datetime, skip: int) -> Listed[GatewayRefund]:
        """Return a page of the refunds created in a span of time. Raises Refused, OutcomeUnknown."""
        return await self._list("list_refunds", f"/v1/refunds?{_span(since, until)}", to_refund, skip=skip)

    async def list_disputes(self, *, skip: int) -> Listed[GatewayDispute]:
        """Return a page of all disputes. Raises Refused, OutcomeUnknown."""
        return await self._list("list_disputes", "/v1/disputes?", to_dispute, skip=skip)

    async def list_settlements(self, *, since: datetime, until: datetime, skip: int) -> Listed[GatewaySettlement]:
        """Return a page of the settlements made in a span of time. Raises Refused, OutcomeUnknown."""
        return await self._list("list_settlements", f"/v1/settlements?{_span(since, until)}", to_settlement, skip=skip)

    async def list_settlement_rows(self, *, day: date, skip: int) -> Listed[SettlementRow]:
        """Return a page of what was settled on a day, by the clocks of India. Raises Refused, OutcomeUnknown."""
        path = f"/v1/settlements/recon/combined?year={day.year:04}&month={day.month:02}&day={day.day:02}&"
        return await self._list("list_settlement_rows", path, to_settlement_row, skip=skip, count=ROWS)

    async def _list(self, operation: str, path: str, convert: Convert[N], *, skip: int, count: int = PAGE) -> Listed[N]:
        read = functools.partial(to_page, convert=convert, seen_at=self._calls.clock.now())
        page = await self._calls.send(operation, self._calls.get(f"{path}count={count}&skip={skip}"), read)
        if page.unreadable:
            _log.warning("gateway_list_items_unreadable", operation=operation, count=page.unreadable, skip=skip)
        return Listed(page.items, is_last=page.size < count, next_skip=skip + page.size)


def _span(since: datetime, until: datetime) -> str:
    """Return the query for a span of time, widened to whole seconds and cut to what Razorpay takes."""
    first, last = math.floor(since.timestamp()), math.ceil(until.timestamp())
    return f"from={_taken(first)}&to={_taken(last)}&"


def _taken(seconds: int) -> int:
    return min(max(seconds, EARLIEST_SECONDS), LATEST_SECONDS)
