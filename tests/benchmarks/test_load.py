"""The clients against the cheap processor and against servers that answer wrongly."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import repeat

import aiohttp
import pytest

from benchmarks.load import Client, Outcome, Run
from benchmarks.processor import Connection, Orders
from benchmarks.traffic import Access, Expected, Scenario, requests_of

ACCESS = Access(
    host="127.0.0.1", port=1, token="t", merchant="mer_1", webhook_secret="s", payment_ids=("pmt_1", "pmt_2")
)
ORDER = Expected(200, b'"id":"order_')


@asynccontextmanager
async def listening(make: Callable[[], asyncio.Protocol]) -> AsyncIterator[int]:
    async with await asyncio.get_running_loop().create_server(make, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]


class Saying(asyncio.Protocol):
    """A server that says the same to everybody, in the pieces given, and then perhaps hangs up."""

    def __init__(self, *pieces: bytes, hangs_up: bool = False) -> None:
        self.pieces = pieces
        self.hangs_up = hangs_up

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        for number, piece in enumerate(self.pieces):
            asyncio.get_running_loop().call_later(number * 0.005, self.transport.write, piece)
        if self.hangs_up:
            self.transport.close()


def order_request(number: int) -> bytes:
    body = json.dumps({"amount": 50000, "currency": "INR", "receipt": f"r{number}", "notes": {"a": "b"}}).encode()
    pair = base64.b64encode(b"rzp_test_x:secret").decode()
    head = f"POST /v1/orders HTTP/1.1\r\nHost: x\r\nAuthorization: Basic {pair}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


async def asked(port: int, requests: Callable[[], bytes], expected: Expected, *, clients: int = 4) -> Outcome:
    """Ask until there are more right answers than clients, or a wrong one."""
    run = Run(iter(requests, None), expected, warmup=0, seconds=60)
    for _ in range(clients):
        await asyncio.get_running_loop().create_connection(lambda: Client(run), "127.0.0.1", port)
    async with asyncio.timeout(30):
        while run.outcome.good <= clients and not run.outcome.wrong:
            await asyncio.sleep(0.005)
        run.measured_to = 0
        await run.finished
    return run.outcome


async def test_clients_and_processor_agree_about_every_order() -> None:
    orders, numbers = Orders(), iter(range(1_000_000))
    async with listening(lambda: Connection(orders, delay_seconds=0.01)) as port:
        outcome = await asked(port, lambda: order_request(next(numbers)), ORDER)
    assert not outcome.wrong
    assert outcome.good > 4
    assert min(outcome.micros) >= 9_000
    assert orders.counted() == {"rzp_test_x": {"orders": outcome.good, "unique_receipts": outcome.good}}


async def test_the_processor_finds_an_order_by_its_receipt_and_counts_a_receipt_once() -> None:
    orders = Orders()
    auth = {"Authorization": aiohttp.encode_basic_auth("rzp_test_x", "secret")}
    async with (
        listening(lambda: Connection(orders, delay_seconds=0)) as port,
        aiohttp.ClientSession(f"http://127.0.0.1:{port}", headers=auth) as session,
    ):
        asked_for = {"amount": 7, "currency": "INR", "receipt": "same", "notes": {"k": "v"}}
        answers = [await (await session.post("/v1/orders", json=asked_for)).json() for _ in range(2)]
        listed = await (await session.get("/v1/orders?receipt=same")).json()
        missing = await session.get("/v1/elsewhere")
    assert {key: answers[0][key] for key in asked_for} == asked_for
    assert answers[0]["status"] == "created"
    assert len(answers[0]["id"]) == len("order_") + 14
    assert answers[0]["id"] != answers[1]["id"]
    assert listed["items"] == answers[:1]
    assert missing.status == 404
    assert orders.counted() == {"rzp_test_x": {"orders": 2, "unique_receipts": 1}}


async def test_an_answer_in_pieces_is_one_answer() -> None:
    pieces = (b"HTTP/1.1 200 OK\r\nConten", b"t-Length: 12\r\n\r\n", b'"id":"', b"order_")
    async with listening(lambda: Saying(*pieces)) as port:
        outcome = await asked(port, repeat(b"GET / HTTP/1.1\r\n\r\n").__next__, ORDER)
    assert not outcome.wrong
    assert outcome.good > 4


@pytest.mark.parametrize(
    ("said", "hangs_up", "complaint"),
    [
        (b'HTTP/1.1 500 Oops\r\nContent-Length: 12\r\n\r\n"id":"order_', False, "status 500"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", False, "unexpected body"),
        (b'HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n"id":"order_HTTP/1.1 200', False, "more than one answer"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", False, "no content length"),
        (b"", True, "connection lost (NoneType)"),
    ],
)
async def test_a_wrong_answer_is_counted_as_wrong(said: bytes, hangs_up: bool, complaint: str) -> None:  # noqa: FBT001  a table's column
    async with listening(lambda: Saying(said, hangs_up=hangs_up)) as port:
        outcome = await asked(port, repeat(b"GET / HTTP/1.1\r\n\r\n").__next__, ORDER, clients=1)
    assert complaint in outcome.wrong


def test_an_outcome_survives_the_way_between_processes() -> None:
    outcome = Outcome(good=2, seconds=1.5, micros=[1, 2], sample="x")
    outcome.wrong["status 500"] += 1
    assert Outcome.from_json(outcome.to_json()) == outcome


@pytest.mark.parametrize("scenario", list(Scenario))
def test_every_request_is_whole_and_every_write_new(scenario: Scenario) -> None:
    requests = requests_of(scenario, ACCESS)
    first, second, third = next(requests), next(requests), next(requests)
    assert first != second
    assert (first == third) == (scenario is Scenario.READ)
    head, _, body = first.partition(b"\r\n\r\n")
    assert b"HTTP/1.1" in head
    if body:
        assert f"Content-Length: {len(body)}".encode() in head
        json.loads(body)
