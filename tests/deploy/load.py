"""Merchants and customers at work on a deployment, and afterwards the question whether anything was lost or doubled.

A client does what our documents tell it to do: what gets no clear answer is asked again with the same idempotency key.
"""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import aiohttp

from tests.world import Answer, Merchant, World, new_key

_AMOUNT = 50000
_REPEAT_SECONDS = 0.3
_PATIENCE_SECONDS = 90.0
_PAGE = 100
LEAST_LIMIT_SECONDS = 2.0
"""What took longer met a time limit, on a machine that has other things to do."""


def world_at(url: str, simulator_url: str, session: aiohttp.ClientSession) -> World:
    """Return a deployment as a world whose product runs in other processes."""
    simulator = cast("Any", SimpleNamespace(url=simulator_url))
    return World(url=url, simulator=simulator, wiring=cast("Any", None), settings=cast("Any", None), session=session)


@dataclass(frozen=True, slots=True)
class Failure:
    """A first try that got no clear answer: what was asked, what came instead, and after how long."""

    method: str
    trouble: str
    seconds: float

    @property
    def is_of_a_slow_database(self) -> bool:
        """Tell whether the product waited for its database as long as it may, and said honestly that it can't know."""
        return self.trouble == "503 outcome_unknown" and self.seconds >= LEAST_LIMIT_SECONDS


@dataclass(slots=True)
class Load:
    """Clients that create payments, pay them and read them. `failures` are the first tries that got no clear answer."""

    merchants: Sequence[Merchant]
    failures: list[Failure] = field(default_factory=list)
    asked: int = 0
    created: dict[str, tuple[Merchant, str]] = field(default_factory=dict)
    paid: set[str] = field(default_factory=set)
    unclear: list[str] = field(default_factory=list)
    _stopping: asyncio.Event = field(default_factory=asyncio.Event)
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def start(self, *, clients: int = 4, rest_seconds: float = 0.25) -> None:
        """Let clients work until `stop`."""
        self._tasks = [
            asyncio.create_task(self._work(self.merchants[number % len(self.merchants)], rest_seconds))
            for number in range(clients)
        ]

    async def stop(self) -> None:
        """Let each client end what it is at."""
        self._stopping.set()
        await asyncio.gather(*self._tasks)

    async def _work(self, merchant: Merchant, rest_seconds: float) -> None:
        while not self._stopping.is_set():
            reference = new_key()
            created = await self._insist(
                merchant, "POST", "/api/v1/payments", {"amount": _AMOUNT, "currency": "INR", "reference": reference}
            )
            if created is None:
                self.unclear.append(reference)
                continue
            payment = created.data
            self.created[reference] = (merchant, payment["id"])
            if payment["order_id"]:
                await merchant.pay(payment)
                self.paid.add(reference)
            await self._insist(merchant, "GET", f"/api/v1/payments/{payment['id']}")
            await asyncio.sleep(rest_seconds)

    async def _insist(self, merchant: Merchant, method: str, path: str, body: Any = None) -> Answer | None:
        """Ask until there is a clear answer. Returns None when patience ended."""
        key = new_key() if method == "POST" else None
        loop = asyncio.get_running_loop()
        ends_at = loop.time() + _PATIENCE_SECONDS
        is_first = True
        while (asked_at := loop.time()) < ends_at:
            self.asked += is_first
            try:
                async with asyncio.timeout(20):
                    answer = await merchant.ask(method, path, body, key=key)
                trouble = "" if answer.status in {200, 201} else f"{answer.status} {answer.code}"
            except (aiohttp.ClientError, TimeoutError, ValueError) as error:
                answer, trouble = None, type(error).__name__
            if answer is not None and not trouble:
                return answer
            if is_first:
                self.failures.append(Failure(method, trouble, loop.time() - asked_at))
            is_first = False
            await asyncio.sleep(_REPEAT_SECONDS)
        return None


@dataclass(slots=True)
class Books:
    """What the processor and the product say of one merchant, once nothing is open any more."""

    orders: list[Mapping[str, Any]]
    captured: list[Mapping[str, Any]]
    payments: list[Mapping[str, Any]]


async def differences(load: Load, *, seconds: float = 300) -> list[str]:
    """Wait until what was paid is completed, and return what is lost, doubled or does not agree."""
    found = [f"no clear answer for {reference}" for reference in load.unclear]
    loop = asyncio.get_running_loop()
    ends_at = loop.time() + seconds
    for merchant in load.merchants:
        ids = {reference: identity for reference, (who, identity) in load.created.items() if who is merchant}
        while (wrong := _disagreements(await _books_of(merchant), ids, load.paid)) and loop.time() < ends_at:
            await asyncio.sleep(1)
        found += wrong
        found += await _violations(merchant)
    return found


def _disagreements(books: Books, ids: Mapping[str, str], paid: set[str]) -> list[str]:
    wrong = []
    ours = Counter(payment["reference"] for payment in books.payments)
    wrong += [f"{reference} is here {count} times" for reference, count in ours.items() if count != 1]
    by_id = {payment["id"]: payment for payment in books.payments}
    for reference, identity in ids.items():
        payment = by_id.get(identity)
        if payment is None:
            wrong.append(f"{reference} was acknowledged and is lost")
        elif reference in paid and payment["status"] != "completed":
            wrong.append(f"{reference} was paid and is {payment['status']}")
    receipts = Counter(order["receipt"] for order in books.orders)
    wrong += [f"{receipt} has {count} orders" for receipt, count in receipts.items() if count != 1]
    per_order = Counter(payment["order_id"] for payment in books.captured)
    wrong += [f"{order} was captured {count} times" for order, count in per_order.items() if count != 1]
    there = sum(payment["amount"] for payment in books.captured)
    here = sum(payment["amount"] for payment in books.payments if payment["status"] == "completed")
    if there != here:
        wrong.append(f"the processor captured {there}, here are {here}")
    return wrong


async def _books_of(merchant: Merchant) -> Books:
    basic = aiohttp.encode_basic_auth(merchant.account["key_id"], merchant.account["key_secret"])

    async def everything(path: str) -> list[Mapping[str, Any]]:
        items: list[Mapping[str, Any]] = []
        while True:
            url = f"{merchant.world.simulator.url}/v1/{path}?count={_PAGE}&skip={len(items)}"
            async with merchant.world.session.get(url, headers={"Authorization": basic}) as answer:
                page = (await answer.json())["items"]
            items += page
            if len(page) < _PAGE:
                return items

    payments: list[Mapping[str, Any]] = []
    cursor = ""
    while True:
        answer = await merchant.ask("GET", f"/api/v1/payments?limit={_PAGE}{cursor}")
        assert answer.status == 200, answer.body
        payments += answer.data["items"]
        if not answer.data["has_more"]:
            break
        cursor = f"&starting_after={answer.data['next_cursor']}"
    captured = [payment for payment in await everything("payments") if payment["status"] == "captured"]
    return Books(await everything("orders"), captured, payments)


async def _violations(merchant: Merchant) -> list[str]:
    """Ask the product itself: its invariants, and a trial balance that is one."""
    found = []
    answer = await merchant.ask_as_owner("GET", "/api/v1/invariants/violations")
    assert answer.status == 200, answer.body
    found += [f"{item['invariant']}: {item['fact']} of {item['subject']}" for item in answer.data["items"]]
    answer = await merchant.ask_as_owner("GET", "/api/v1/ledger/trial-balance")
    assert answer.status == 200, answer.body
    if not answer.data["is_balanced"]:
        found.append("the trial balance is none")
    return found
