"""A payment processor that costs almost nothing: it creates orders after a fixed delay and counts receipts.

The simulator is a whole application; here it would take a share of the machine from what is measured. This one speaks
just enough HTTP/1.1 for the two callers: one request at a time per connection, bodies with a Content-Length.
"""

import argparse
import asyncio
import base64
import json
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

import uvloop

_HEAD_END = b"\r\n\r\n"
_LENGTH = b"content-length:"
_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_ID_LENGTH = 14
_BACKLOG = 4096


@dataclass(slots=True)
class Orders:
    """Every order that was asked for, by account (the key id) and receipt."""

    by_receipt: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    by_id: dict[str, dict[str, Any]] = field(default_factory=dict)
    created: Counter[str] = field(default_factory=Counter)

    def create(self, account: str, body: dict[str, Any]) -> dict[str, Any]:
        """Return a new order that echoes what was asked for."""
        self.created[account] += 1
        order = {
            "id": f"order_{_letters(len(self.by_id))}",
            "entity": "order",
            "amount": body["amount"],
            "amount_paid": 0,
            "amount_due": body["amount"],
            "currency": body["currency"],
            "receipt": body.get("receipt"),
            "offer_id": None,
            "status": "created",
            "attempts": 0,
            "notes": body.get("notes") or [],
            "created_at": int(time.time()),
        }
        self.by_id[order["id"]] = order
        self.by_receipt.setdefault((account, str(order["receipt"])), order)
        return order

    def listed(self, account: str, receipt: str) -> dict[str, Any]:
        """Return the orders of one receipt as the API lists them."""
        order = self.by_receipt.get((account, receipt))
        items = [] if order is None else [order]
        return {"entity": "collection", "count": len(items), "items": items}

    def counted(self) -> dict[str, dict[str, int]]:
        """Return how many orders and distinct receipts each account has."""
        receipts = Counter(account for account, _ in self.by_receipt)
        return {
            account: {"orders": number, "unique_receipts": receipts[account]}
            for account, number in self.created.items()
        }


class Connection(asyncio.Protocol):
    """One keep-alive connection."""

    def __init__(self, orders: Orders, *, delay_seconds: float) -> None:
        """Serve these orders."""
        self._orders = orders
        self._delay_seconds = delay_seconds
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the way back: an answer that is due later goes nowhere."""
        del exc
        self._transport = None

    def data_received(self, data: bytes) -> None:
        """Answer each request that is complete."""
        self._received += data
        end = self._received.find(_HEAD_END)
        if end < 0:
            return
        head = self._received[:end]
        length = _length_of(head)
        body_start = end + len(_HEAD_END)
        if len(self._received) < body_start + length:
            return
        body = self._received[body_start : body_start + length]
        self._received = self._received[body_start + length :]
        self._serve(head.decode("latin-1"), body)

    def _serve(self, head: str, body: bytes) -> None:
        method, target, _ = head.partition("\r\n")[0].split(" ", 2)
        url = urlsplit(target)
        account = _account_of(_header(head, "authorization"))
        match method, url.path:
            case "POST", "/v1/orders":
                answer = encoded(200, self._orders.create(account, json.loads(body)))
                self._loop.call_later(self._delay_seconds, self._write, answer)
            case "GET", "/v1/orders":
                receipt = parse_qs(url.query).get("receipt", [""])[0]
                answer = encoded(200, self._orders.listed(account, receipt))
                self._loop.call_later(self._delay_seconds, self._write, answer)
            case "GET", "/counted":
                self._write(encoded(200, self._orders.counted()))
            case "GET", "/health":
                self._write(encoded(200, {"status": "ok"}))
            case _:
                self._write(encoded(404, {"error": {"code": "BAD_REQUEST_ERROR", "description": "no such route"}}))

    def _write(self, answer: bytes) -> None:
        if self._transport is not None:
            self._transport.write(answer)


def encoded(status: int, body: dict[str, Any]) -> bytes:
    """Return a whole HTTP answer."""
    content = json.dumps(body, separators=(",", ":")).encode()
    reason = "OK" if status == 200 else "Not Found"
    head = f"HTTP/1.1 {status} {reason}\r\nContent-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
    return head.encode() + content


async def serve(*, port: int, delay_seconds: float) -> None:
    """Listen on loopback until cancelled."""
    orders = Orders()
    server = await asyncio.get_running_loop().create_server(
        lambda: Connection(orders, delay_seconds=delay_seconds), "127.0.0.1", port, backlog=_BACKLOG
    )
    async with server:
        await server.serve_forever()


def _length_of(head: bytes) -> int:
    lowered = head.lower()
    start = lowered.find(_LENGTH)
    if start < 0:
        return 0
    return int(lowered[start + len(_LENGTH) :].partition(b"\r\n")[0])


def _header(head: str, name: str) -> str:
    for line in head.split("\r\n")[1:]:
        key, _, value = line.partition(":")
        if key.lower() == name:
            return value.strip()
    return ""


def _account_of(authorization: str) -> str:
    """Return the key id of Basic credentials."""
    credentials = base64.b64decode(authorization.partition(" ")[2])
    return credentials.partition(b":")[0].decode()


def _letters(number: int) -> str:
    letters = ["0"] * _ID_LENGTH
    place = _ID_LENGTH
    while number:
        place -= 1
        number, digit = divmod(number, len(_ALPHABET))
        letters[place] = _ALPHABET[digit]
    return "".join(letters)


def main() -> None:
    """Run the command: `python -m benchmarks.processor --port 8091 --delay-ms 100`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--delay-ms", type=int, default=100)
    options = parser.parse_args()
    uvloop.run(serve(port=options.port, delay_seconds=options.delay_ms / 1000))


if __name__ == "__main__":
    main()
