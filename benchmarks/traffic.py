"""What the clients send: one endless source of whole HTTP requests per scenario, and what a right answer holds."""

import hashlib
import hmac
import itertools
import json
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum


class Scenario(StrEnum):
    """What is measured."""

    CREATE = "create"
    WEBHOOK = "webhook"
    READ = "read"


@dataclass(frozen=True, slots=True)
class Access:
    """How to call an application: where, as whom, and what is there to be read.

    Attributes:
        host, port: where it listens.
        token: the API key for the Authorization header.
        merchant: whose webhook endpoint it is.
        webhook_secret: signs the events.
        payment_ids: existing payments, for the reads.
    """

    host: str
    port: int
    token: str
    merchant: str
    webhook_secret: str
    payment_ids: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Expected:
    """What every answer of a scenario must be."""

    status: int
    contains: bytes


EXPECTED = {
    Scenario.CREATE: Expected(201, b'"order_id":"order_'),
    Scenario.WEBHOOK: Expected(200, b'"received":true'),
    Scenario.READ: Expected(200, b'"order_id":"order_'),
}


def requests_of(scenario: Scenario, access: Access) -> Iterator[bytes]:
    """Return the endless requests of a scenario, each with an identity nobody has used before."""
    match scenario:
        case Scenario.CREATE:
            return _creations(access)
        case Scenario.WEBHOOK:
            return _events(access)
        case Scenario.READ:
            return _reads(access)


def _creations(access: Access) -> Iterator[bytes]:
    run = secrets.token_hex(8)
    for number in itertools.count():
        body = json.dumps(
            {
                "amount": 50_000 + number % 1000,
                "currency": "INR",
                "description": "Two tickets, upper circle",
                "reference": f"bench-{run}-{number:08d}",
                "metadata": {"seat": "12A", "show": "evening"},
            },
            separators=(",", ":"),
        ).encode()
        key = f"Idempotency-Key: bench-{run}-{number:08d}"
        yield _post(access, "/api/v1/payments", body, f"Authorization: Bearer {access.token}", key)


def _events(access: Access) -> Iterator[bytes]:
    run = secrets.token_hex(4)
    secret = access.webhook_secret.encode()
    template = json.dumps(_event("pay_@@@@@@@@@@@@@@"), separators=(",", ":"))
    for number in itertools.count():
        identity = f"{run}{number % 1_000_000:06d}"
        body = template.replace("@@@@@@@@@@@@@@", identity).encode()
        signature = hmac.new(secret, body, hashlib.sha256).hexdigest()
        yield _post(
            access,
            f"/api/v1/webhooks/razorpay/{access.merchant}",
            body,
            f"X-Razorpay-Signature: {signature}",
            f"X-Razorpay-Event-Id: {identity}",
        )


def _reads(access: Access) -> Iterator[bytes]:
    for payment_id in itertools.cycle(access.payment_ids):
        head = (
            f"GET /api/v1/payments/{payment_id} HTTP/1.1\r\nHost: {access.host}:{access.port}\r\n"
            f"Authorization: Bearer {access.token}\r\nAccept: application/json\r\n\r\n"
        )
        yield head.encode()


def _post(access: Access, path: str, body: bytes, *headers: str) -> bytes:
    lines = (
        f"POST {path} HTTP/1.1",
        f"Host: {access.host}:{access.port}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        *headers,
    )
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def _event(payment_id: str) -> dict[str, object]:
    """Return a captured payment's event, of the size that such events have."""
    entity = {
        "id": payment_id,
        "entity": "payment",
        "amount": 50_000,
        "currency": "INR",
        "status": "captured",
        "order_id": payment_id.replace("pay_", "order_"),
        "invoice_id": None,
        "international": False,
        "method": "upi",
        "amount_refunded": 0,
        "refund_status": None,
        "captured": True,
        "description": "Two tickets, upper circle",
        "card_id": None,
        "bank": None,
        "wallet": None,
        "vpa": "success@razorpay",
        "email": "customer@example.com",
        "contact": "+910000000000",
        "notes": [],
        "fee": 1180,
        "tax": 180,
        "error_code": None,
        "error_description": None,
        "error_source": None,
        "error_step": None,
        "error_reason": None,
        "acquirer_data": {"rrn": "000000000000"},
        "created_at": 1_767_225_600,
    }
    return {
        "entity": "event",
        "account_id": "acc_BenchmarkAcct1",
        "event": "payment.captured",
        "contains": ["payment"],
        "payload": {"payment": {"entity": entity}},
        "created_at": 1_767_225_601,
    }
