"""The yardstick: an ASGI application without framework that does the product's I/O and nothing else.

It writes the same documents through the same driver options into the same indexes, asks the same processor through
the same HTTP library, and answers the same bytes. It validates nothing, isolates nobody, logs and counts nothing, and
survives nothing: what the product costs beyond this is what its guarantees and its framework cost.
"""

import hashlib
import hmac
import json
import os
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
from bson.binary import Binary
from bson.int64 import Int64

from app.database import Database
from app.wiring import COLLECTIONS

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

BARE_ACCOUNT = "mer_00000000000000000000000BARE"
_HEALTH_PATH = "/health/live"
_PAYMENTS = "payments"
_EVENTS = "inbox_events"
_CREATE_PATH = "/api/v1/payments"
_READ_PATH = "/api/v1/payments/"
_EVENT_PATH = "/api/v1/webhooks/razorpay/"
_EXPIRY = timedelta(days=1)
_KEY_LIFE = timedelta(days=30)
_FIRST_CHECK = timedelta(minutes=1)
_encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode
_TIMEOUT = aiohttp.ClientTimeout(total=10, connect=2)


class Unexpected(RuntimeError):
    """Something did not go as in every benchmark run: the clients see a 500 and the run counts it."""


@dataclass(slots=True)
class Bare:
    """The application. Its three handlers follow the product's stores write by write."""

    database: Database
    session: aiohttp.ClientSession
    processor_url: str
    key_id: str
    processor_headers: dict[str, str]
    authorization: bytes
    webhook_secret: bytes

    async def serve(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request."""
        headers = dict(scope["headers"])
        path = scope["path"]
        status, body = 200, b"{}"
        if path.startswith(_EVENT_PATH):
            body = await self._receive_event(headers, await _body_of(receive))
        elif path == _HEALTH_PATH:
            pass
        elif not hmac.compare_digest(headers.get(b"authorization", b""), self.authorization):
            status = 401
        elif path == _CREATE_PATH:
            status, body = 201, await self._create(headers, await _body_of(receive))
        else:
            body = await self._read(path.removeprefix(_READ_PATH))
        length = str(len(body)).encode()
        start = {"type": "http.response.start", "status": status}
        await send({**start, "headers": [(b"content-type", b"application/json"), (b"content-length", length)]})
        await send({"type": "http.response.body", "body": body})

    async def _create(self, headers: dict[bytes, bytes], raw: bytes) -> bytes:
        """The intent, the order, the fact: `IntentStore.insert_payment`, `create_order`, `record_order`."""
        payment_id, owner, now = _new_id("pmt"), _new_id("lse"), _now()
        document = _payment_of(json.loads(raw), now, key_id=self.key_id)
        document |= {
            "next_check_at": now + _FIRST_CHECK,
            "idempotency.key": headers[b"idempotency-key"].decode(),
            "idempotency.fingerprint": hashlib.sha256(raw).hexdigest(),
            "idempotency.owner": owner,
            "idempotency.expires_at": now + _KEY_LIFE,
        }
        payments = self.database.collection(_PAYMENTS)
        await payments.update_one(
            {"_id": payment_id, "tenant": BARE_ACCOUNT},
            {"$setOnInsert": document, "$currentDate": {"idempotency.leased_at": True}},
            upsert=True,
        )
        order = await self._order(payment_id, document)
        later = _now()
        body = _answer(
            {**document, "_id": payment_id, "order_id": order["id"], "updated_at": later}, "Payment created."
        )
        changes = {
            "order_id": order["id"],
            "order_state": "ready",
            "next_check_at": later + _FIRST_CHECK,
            "updated_at": later,
            "idempotency.response": Binary(body),
        }
        result = await payments.update_one(
            {
                "_id": {"$eq": payment_id},
                "tenant": BARE_ACCOUNT,
                "mode": "test",
                "order_id": None,
                "order_state": {"$in": ["requested", "unknown"]},
                "idempotency.owner": owner,
            },
            {"$set": changes, "$inc": {"version": 1}},
        )
        if result.matched_count != 1:
            raise Unexpected
        return body

    async def _order(self, payment_id: str, document: Message) -> Message:
        body = {
            "amount": document["amount"],
            "currency": document["currency"],
            "receipt": payment_id,
            "notes": {"payment_id": payment_id},
            "partial_payment": False,
            "payment": {
                "capture": "automatic",
                "capture_options": {
                    "automatic_expiry_period": 1440,
                    "manual_expiry_period": 7200,
                    "refund_speed": "normal",
                },
            },
        }
        async with self.session.post(
            f"{self.processor_url}/v1/orders",
            data=json.dumps(body).encode(),
            headers=self.processor_headers,
            timeout=_TIMEOUT,
            allow_redirects=False,
        ) as response:
            order: Message = json.loads(await response.read())
            if response.status != 200 or order["receipt"] != payment_id:
                raise Unexpected
            return order

    async def _receive_event(self, headers: dict[bytes, bytes], raw: bytes) -> bytes:
        """The signature and the insert: `InboxStore.insert_event`."""
        signature = hmac.new(self.webhook_secret, raw, hashlib.sha256).hexdigest().encode()
        if not hmac.compare_digest(headers.get(b"x-razorpay-signature", b""), signature):
            raise Unexpected
        document = {
            "tenant": BARE_ACCOUNT,
            "mode": "test",
            "source": "razorpay",
            "event_id": headers[b"x-razorpay-event-id"].decode(),
            "body": Binary(raw),
            "body_digest": hashlib.sha256(raw).hexdigest(),
            "state": "received",
            "type": None,
            "seen": 1,
            "attempts": 0,
            "received_at": _now(),
            "applied_at": None,
            "payment_id": None,
            "reason": None,
            "owner": None,
        }
        await self.database.collection(_EVENTS).update_one(
            {"_id": _new_id("evt")},
            {"$setOnInsert": document, "$currentDate": {"next_attempt_at": True}},
            upsert=True,
        )
        return _enveloped({"received": True}, "Event stored.")

    async def _read(self, payment_id: str) -> bytes:
        """`PaymentStore.find_payment`, and everything that the product shows."""
        document = await self.database.collection(_PAYMENTS).find_one(
            {"_id": {"$eq": payment_id}, "tenant": BARE_ACCOUNT, "mode": "test"}
        )
        if document is None:
            raise Unexpected
        history = [{**entry, "at": _text(entry["at"])} for entry in document["history"]]
        return _answer(
            document,
            "Payment.",
            review=document["review"],
            attempts=document["attempts"],
            history=history,
            razorpay_data=document["razorpay_data"],
        )


def create_app() -> Callable[[Message, Receive, Send], Awaitable[None]]:
    """Return the application; the environment says where its database and the processor are.

    `BARE_MONGODB_URL`, `BARE_DATABASE`, `BARE_PROCESSOR_URL`, `BARE_KEY_ID`, `BARE_KEY_SECRET`, `BARE_TOKEN`,
    `BARE_WEBHOOK_SECRET`.
    """
    environment = os.environ
    running: list[Bare] = []

    async def start() -> None:
        database = Database.connect(environment["BARE_MONGODB_URL"], name=environment["BARE_DATABASE"])
        await database.ensure(COLLECTIONS)
        running.append(
            Bare(
                database=database,
                session=aiohttp.ClientSession(
                    connector=aiohttp.TCPConnector(limit=0), cookie_jar=aiohttp.DummyCookieJar()
                ),
                processor_url=environment["BARE_PROCESSOR_URL"],
                key_id=environment["BARE_KEY_ID"],
                processor_headers={
                    "Authorization": aiohttp.encode_basic_auth(
                        environment["BARE_KEY_ID"], environment["BARE_KEY_SECRET"]
                    ),
                    "Content-Type": "application/json",
                },
                authorization=f"Bearer {environment['BARE_TOKEN']}".encode(),
                webhook_secret=environment["BARE_WEBHOOK_SECRET"].encode(),
            )
        )

    async def stop() -> None:
        for bare in running:
            await bare.session.close()
            await bare.database.close()

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await running[0].serve(scope, receive, send)
            return
        await receive()
        await start()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await stop()
        await send({"type": "lifespan.shutdown.complete"})

    return app


async def _body_of(receive: Receive) -> bytes:
    body: bytes = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body", False):
            return body


def _payment_of(body: Message, now: datetime, *, key_id: str) -> Message:
    return {
        "mode": "test",
        "user_id": None,
        "key_id": key_id,
        "amount": Int64(body["amount"]),
        "currency": body["currency"],
        "description": body["description"],
        "reference": body["reference"],
        "natural_key": body["reference"],
        "metadata": body["metadata"],
        "capture_method": "automatic",
        "order_id": None,
        "order_state": "requested",
        "expires_at": now + _EXPIRY,
        "created_at": now,
        "checks": 0,
        "status": "pending",
        "payment_id": None,
        "amount_captured": Int64(0),
        "amount_refunded": Int64(0),
        "attempts": [],
        "attempt_ids": [],
        "review": [],
        "razorpay_data": {},
        "updated_at": now,
        "version": 1,
        "history": [{"at": now, "event": "payment.created", "status": "pending", "source": "api", "attempt": None}],
    }


def _answer(document: Message, sentence: str, **more: Any) -> bytes:
    return _enveloped(
        {
            "id": document["_id"],
            "status": document["status"],
            "amount": document["amount"],
            "currency": document["currency"],
            "amount_captured": document["amount_captured"],
            "amount_refunded": document["amount_refunded"],
            "description": document["description"],
            "reference": document["reference"],
            "metadata": document["metadata"],
            "capture_method": document["capture_method"],
            "livemode": False,
            "user_id": document["user_id"],
            "order_id": document["order_id"],
            "payment_id": document["payment_id"],
            "key_id": document["key_id"],
            "needs_review": bool(document["review"]),
            "expires_at": _text(document["expires_at"]),
            "created_at": _text(document["created_at"]),
            "updated_at": _text(document["updated_at"]),
            **more,
        },
        sentence,
    )


def _enveloped(data: Message, sentence: str) -> bytes:
    envelope = {"status": "success", "data": data, "message": sentence, "timestamp": _text(_now())}
    text: str = _encode(envelope)
    return text.encode()


def _new_id(prefix: str) -> str:
    """Return an id as long as the product's, which sorts by time as the product's do."""
    return f"{prefix}_{time.time_ns() // 1_000_000:011X}{os.urandom(8).hex()[:15]}"


def _now() -> datetime:
    return datetime.now(UTC)


def _text(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
