"""What lies between us and the processor: calls that are lost, late or answered to nobody, and events that go astray.

`Account` is the port's `Gateway`; `Mail` carries the processor's events to the inbox, and repeats, delays, reorders and
loses them; `Reader` opens them. Everything is drawn from the run's one source of chance.
"""

import asyncio
import contextlib
import json
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, TypeVar

from app.database import refuse_inside_transaction
from app.gateways.contest import Contest
from app.gateways.port import (
    GatewayDispute,
    GatewayError,
    GatewayEvent,
    GatewayOrder,
    GatewayPayment,
    GatewayRefund,
    Listed,
    NeverSent,
    OrderRequest,
    OutcomeUnknown,
    RefundRequest,
)
from app.gateways.settlement import GatewaySettlement, SettlementRow
from app.kit.money import Money
from app.kit.scope import Scope
from app.payments.intents import KEY_LEASE_SECONDS
from app.recovery.models import Swept
from app.refunds.store import SEND_LEASE_SECONDS
from tests.simulation.loop import HOST, Loop, pause
from tests.simulation.processor import Processor, body_of
from tests.simulation.trouble import Trouble

T = TypeVar("T")

SIGNATURE = "genuine"
_RETRIES = 12
_RETRY_SECONDS = 300.0


@dataclass(slots=True)
class Weather(Trouble):
    """How often what goes wrong, as shares of one, until the sky clears."""

    rng: random.Random
    command_lost: float = 0.0
    commit_unconfirmed: float = 0.0
    call_unsent: float = 0.0
    call_lost: float = 0.0
    call_late: float = 0.0
    answer_lost: float = 0.0
    event_lost: float = 0.0
    event_repeated: float = 0.0
    event_late: float = 0.0
    reply_lost: float = 0.0
    is_clear: bool = False
    struck: int = 0

    def strikes(self, share: float) -> bool:
        """Draw whether something goes wrong."""
        if self.is_clear or not share or self.rng.random() >= share:
            return False
        self.struck += 1
        return True

    def loses_command(self) -> bool:
        """Draw whether the database never gets a command."""
        return self.strikes(self.command_lost)

    def loses_answer(self) -> bool:
        """Draw whether nobody hears that the database did it."""
        return self.strikes(self.commit_unconfirmed)


@dataclass(slots=True)
class Account:
    """One merchant's account at the processor, at the other end of a bad line."""

    processor: Processor
    weather: Weather
    loop: Loop
    note: Callable[..., None]
    late_seconds: float = 60.0
    keeps_refunds_punctual: bool = False
    calls: dict[str, int] = field(default_factory=dict)
    asked_orders: dict[str, int] = field(default_factory=dict)
    second_orders: set[str] = field(default_factory=set)
    second_refunds: set[str] = field(default_factory=set)
    on_page: Callable[[Swept, int, Listed[Any]], None] = lambda *_: None
    _looks: dict[Any, tuple[int, float]] = field(default_factory=dict)
    _overslept: set[str] = field(default_factory=set)
    key_id: str = "rzp_test_simulation"

    async def of(self, scope: Scope) -> "Account":
        """Implement `Gateways` for the one merchant there is."""
        return self

    async def create_order(self, request: OrderRequest) -> GatewayOrder:
        """Make an order, and keep who made a second one of a payment without being to blame.

        Nobody is when a request arrives after we gave up on it (A4), or when a process sleeps past its lease between
        its look and its request (A9).
        """
        payment_id = request.notes["payment_id"]
        start = self.loop.time()
        seen, looked = self._looks.pop((asyncio.current_task(), payment_id), (0, start))

        def ask() -> GatewayOrder:
            if self.loop.time() - looked > KEY_LEASE_SECONDS:
                self._overslept.add(payment_id)
            if self._orders_of(payment_id) > seen and payment_id in self._overslept:
                self.second_orders.add(payment_id)
            return self.processor.create_order(request)

        if "worker" not in HOST.get().name:
            self.asked_orders[payment_id] = self.asked_orders.get(payment_id, 0) + 1
        return await self._call("create_order", ask, lambda: self.second_orders.add(payment_id), payment_id)

    async def find_order(self, *, receipt: str) -> GatewayOrder | None:
        """Look for an order."""

        def ask() -> GatewayOrder | None:
            self._looks[asyncio.current_task(), receipt] = (self._orders_of(receipt), self.loop.time())
            return self.processor.find_order(receipt)

        return await self._call("find_order", ask, None, receipt)

    def _orders_of(self, payment_id: str) -> int:
        orders = self.processor.orders.values()
        return sum(order.request.notes["payment_id"] == payment_id for order in orders)

    async def get_order(self, order_id: str) -> GatewayOrder:
        """Fetch an order."""
        return await self._call("get_order", lambda: self.processor.get_order(order_id), None, order_id)

    async def get_payment(self, payment_id: str) -> GatewayPayment:
        """Fetch one try to pay."""
        return await self._call("get_payment", lambda: self.processor.get_payment(payment_id), None, payment_id)

    async def list_order_payments(self, order_id: str) -> tuple[GatewayPayment, ...]:
        """Fetch every try on an order."""
        return await self._call("list_order", lambda: self.processor.list_order_payments(order_id), None, order_id)

    async def capture_payment(self, payment_id: str, amount: Money) -> GatewayPayment:
        """Take the money."""
        ask = lambda: self.processor.capture_payment(payment_id, amount)  # noqa: E731
        return await self._call("capture", ask, _nothing, payment_id)

    def is_callback_signature(self, signature: str, *, order_id: str, payment_id: str) -> bool:
        """Tell whether the checkout signed this."""
        return signature == f"{order_id}|{payment_id}"

    def refund_body(self, request: RefundRequest) -> bytes:
        """Return the bytes that ask for a refund."""
        return body_of(request)

    async def create_refund(self, payment_id: str, *, body: bytes, key: str) -> GatewayRefund:
        """Give money back, and keep whose second one no sender is to blame for.

        A process that sleeps past its lease between its look and its request can't know that another has sent
        meanwhile; only a processor that knows a key or a receipt again keeps it to one refund (C8).
        """
        looked = self._looks.pop((asyncio.current_task(), payment_id), (0, self.loop.time()))[1]

        def ask() -> GatewayRefund:
            # A sender that is awake gives up long before; another may have the lease after that.
            if self.loop.time() - looked > SEND_LEASE_SECONDS:
                self.second_refunds.add(key)
            return self.processor.create_refund(payment_id, body=body, key=key)

        late = None if self.keeps_refunds_punctual else _nothing
        return await self._call("create_refund", ask, late, payment_id, key)

    async def get_refund(self, refund_id: str) -> GatewayRefund:
        """Fetch a refund."""
        return await self._call("get_refund", lambda: self.processor.get_refund(refund_id), None, refund_id)

    async def list_payment_refunds(self, payment_id: str) -> tuple[GatewayRefund, ...]:
        """Fetch the refunds of a payment."""

        def ask() -> tuple[GatewayRefund, ...]:
            self._looks[asyncio.current_task(), payment_id] = (0, self.loop.time())
            return self.processor.list_payment_refunds(payment_id)

        return await self._call("list_payment_refunds", ask, None, payment_id)

    async def list_payments(self, *, since: datetime, until: datetime, skip: int = 0) -> Listed[GatewayPayment]:
        """Fetch a page of tries to pay."""
        ask = lambda: self.processor.list_payments(since=since, until=until, skip=skip)  # noqa: E731
        return await self._page(Swept.PAYMENTS, ask, skip)

    async def list_refunds(self, *, since: datetime, until: datetime, skip: int = 0) -> Listed[GatewayRefund]:
        """Fetch a page of refunds."""
        ask = lambda: self.processor.list_refunds(since=since, until=until, skip=skip)  # noqa: E731
        return await self._page(Swept.REFUNDS, ask, skip)

    async def list_disputes(self, *, skip: int = 0) -> Listed[GatewayDispute]:
        """Fetch a page of disputes."""
        return await self._page(Swept.DISPUTES, lambda: self.processor.bank.list(skip=skip), skip)

    async def list_settlements(self, *, since: datetime, until: datetime, skip: int = 0) -> Listed[GatewaySettlement]:
        """Fetch a page of settlements."""
        ask = lambda: self.processor.till.list(since=since, until=until, skip=skip)  # noqa: E731
        return await self._page(Swept.SETTLEMENTS, ask, skip)

    async def list_settlement_rows(self, *, day: date, skip: int = 0) -> Listed[SettlementRow]:
        """Fetch a page of the lines of a day's settlements."""
        ask = lambda: self.processor.till.report(day=day, skip=skip)  # noqa: E731
        return await self._call("list_settlement_rows", ask, None, day.isoformat(), f"from {skip}")

    async def _page(self, swept: Swept, ask: Callable[[], Listed[T]], skip: int) -> Listed[T]:
        listed = await self._call(f"list_{swept}", ask, None, swept.value, f"from {skip}")
        self.on_page(swept, skip, listed)
        return listed

    async def get_dispute(self, dispute_id: str) -> GatewayDispute:
        """Fetch a dispute."""
        return await self._call("get_dispute", lambda: self.processor.bank.get(dispute_id), None, dispute_id)

    async def accept_dispute(self, dispute_id: str) -> GatewayDispute:
        """Give a dispute up."""
        ask = lambda: self.processor.bank.accept(dispute_id)  # noqa: E731
        return await self._call("accept_dispute", ask, _nothing, dispute_id)

    async def contest_dispute(self, dispute_id: str, contest: Contest) -> GatewayDispute:
        """Answer a dispute."""
        ask = lambda: self.processor.bank.contest(dispute_id)  # noqa: E731
        return await self._call("contest_dispute", ask, _nothing, dispute_id)

    async def _call(self, name: str, ask: Callable[[], T], late: Callable[[], None] | None, *about: str) -> T:
        """Carry a request there and an answer back. `late` is told when a request arrives after we gave up on it."""
        refuse_inside_transaction()
        self.calls[name] = self.calls.get(name, 0) + 1
        try:
            return await self._carried(name, ask, late, *about)
        except asyncio.CancelledError:
            # The caller's own deadline: to the one who counts, an answer that was lost.
            self.weather.struck += 1
            raise

    async def _carried(self, name: str, ask: Callable[[], T], late: Callable[[], None] | None, *about: str) -> T:
        await pause()
        weather = self.weather
        if weather.strikes(weather.call_unsent):
            self.note("call", name, "never sent", *about)
            raise NeverSent("unsent")
        if weather.strikes(weather.call_lost):
            self.note("call", name, "never arrived", *about)
            raise OutcomeUnknown("lost")
        if late is not None and weather.strikes(weather.call_late):
            self.note("call", name, "will arrive late", *about)
            self.loop.call_later(weather.rng.uniform(1, self.late_seconds), self._arrive_late, name, ask, late, about)
            raise OutcomeUnknown("late")
        answer = self._asked(name, ask, about)
        await pause()
        if weather.strikes(weather.answer_lost):
            self.note("call", name, "its answer was lost", *about)
            raise OutcomeUnknown("answer lost")
        return answer

    def _asked(self, name: str, ask: Callable[[], T], about: tuple[str, ...]) -> T:
        try:
            answer = ask()
        except GatewayError as error:
            self.note("call", name, f"refused: {error}", *about)
            raise
        self.note("call", name, "done", *about, getattr(answer, "id", ""))
        return answer

    def _arrive_late(self, name: str, ask: Callable[[], Any], late: Callable[[], None], about: tuple[str, ...]) -> None:
        late()
        with contextlib.suppress(GatewayError):
            self._asked(f"{name} (late)", ask, about)


def _nothing() -> None:
    """Take no note of a late request."""


@dataclass(slots=True)
class Reader:
    """Opens the processor's envelopes; each body names an event by its number."""

    events: list[GatewayEvent] = field(default_factory=list)

    def seal(self, event: GatewayEvent) -> bytes:
        """Return the body of a new event."""
        self.events.append(event)
        return json.dumps({"event": event.type, "number": len(self.events) - 1}).encode()

    def is_signed(self, body: bytes, signature: str | None, *, secrets: tuple[str, ...]) -> bool:
        """Tell whether the processor signed it."""
        return signature == SIGNATURE

    def read(self, body: bytes) -> GatewayEvent:
        """Open a body."""
        return self.events[json.loads(body)["number"]]


@dataclass(slots=True)
class Mail:
    """Brings each event to the inbox, in any order, perhaps more than once, perhaps never."""

    loop: Loop
    weather: Weather
    reader: Reader
    deliver: Callable[[bytes, str], Awaitable[bool]]
    start: Callable[[Awaitable[None]], object]
    note: Callable[..., None]

    def send(self, event: GatewayEvent) -> None:
        """Take an event from the processor."""
        body = self.reader.seal(event)
        number = len(self.reader.events)
        about = [payment.id for payment in event.payments] + [refund.id for refund in event.refunds]
        about += [dispute.id for dispute in event.disputes] + [settlement.id for settlement in event.settlements]
        if self.weather.event_lost and self.weather.rng.random() < self.weather.event_lost:
            # Not weather: an endpoint that the processor has disabled stays so.
            self.note("event", event.type, "will never come", *about)
            return
        copies = 2 if self.weather.strikes(self.weather.event_repeated) else 1
        for copy in range(copies):
            # The id header is not signed: a replayed body may carry another one (B4).
            forged = copy and self.weather.rng.random() < 0.5
            self.start(self._carry(body, f"event-{number}{'-again' * forged}", event.type))

    async def _carry(self, body: bytes, event_id: str, name: str) -> None:
        if self.weather.strikes(self.weather.event_late):
            await self._wait(self.weather.rng.choice((2, 20, 90, 900)))
        for _ in range(_RETRIES):
            if await self.deliver(body, event_id):
                return
            await self._wait(_RETRY_SECONDS)
        self.note("event", name, "given up by the processor", event_id)

    async def _wait(self, seconds: float) -> None:
        future = self.loop.create_future()
        self.loop.call_later(seconds, lambda: future.done() or future.set_result(None))
        await future
