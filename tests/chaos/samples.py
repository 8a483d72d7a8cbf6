"""Evidence of a small world in which everything is right, for the tests of the checks to break in one place each."""

import io
from typing import Any

from tests.chaos.evidence import BOOKS, EVENTS, REFUNDS, SETTLEMENTS, Evidence, Journal
from tests.chaos.history import History, Type

MERCHANT, ACCOUNT = "mer_1", "acc_1"
PAYMENT, ORDER, GATEWAY_ID = "pmt_1", "order_1", "pay_1"
SETTLED = "setl_1"
AMOUNT = 500


def payment(**changed: Any) -> dict[str, Any]:
    """Return a completed payment as it is stored."""
    stored = {
        "_id": PAYMENT,
        "tenant": MERCHANT,
        "mode": "test",
        "amount": AMOUNT,
        "order_id": ORDER,
        "order_state": "ready",
        "status": "completed",
        "amount_captured": AMOUNT,
        "attempts": [{"id": GATEWAY_ID, "part": "primary", "captured": True}],
        "history": [{"status": status} for status in ("pending", "authorized", "completed")],
        "idempotency": {"key": "key-1"},
        "natural_key": "order-1",
        "checks": 1,
    }
    return stored | changed


def facts() -> list[dict[str, Any]]:
    """Return what the processor did."""
    about = {"account": ACCOUNT, "order": ORDER, "amount": AMOUNT, "currency": "INR"}
    return [
        {"kind": "order.created", "receipt": PAYMENT, **about},
        {"kind": "payment.captured", "payment": GATEWAY_ID, **about},
        {"kind": "settlement.processed", "account": ACCOUNT, "settlement": SETTLED, "amount": AMOUNT},
    ]


def settlement(**changed: Any) -> dict[str, Any]:
    """Return the settlement of the payment as it is stored."""
    stored = {
        "_id": "stl_1",
        "tenant": MERCHANT,
        "gateway_settlement_id": SETTLED,
        "amount": AMOUNT,
        "agreement": "agreed",
        "tally": {"lines": 1},
    }
    return stored | changed


def entry(kind: str = "capture", cause: str = GATEWAY_ID, **changed: Any) -> dict[str, Any]:
    """Return a ledger entry as it is stored."""
    legs = [{"account": "a", "side": side, "amount": AMOUNT} for side in ("debit", "credit")]
    stored = {"_id": "ent_1", "tenant": MERCHANT, "mode": "test", "currency": "INR", "legs": legs, "seal": None}
    return {**stored, "cause": {"kind": kind, "id": cause}, **changed}


def events(*statuses: str) -> list[dict[str, Any]]:
    """Return the items that tell of the payment's moves."""
    about = {"tenant": MERCHANT, "kind": "event", "subject": PAYMENT, "state": "done"}
    return [
        {"_id": f"job_{status}", "name": f"payment.{status}", **about}
        for status in statuses or ("authorized", "completed")
    ]


def received(merchant: str = MERCHANT, *, is_signed: bool = True) -> list[dict[str, Any]]:
    """Return what a merchant's receiver got of the payment's moves."""
    return [{"id": item["_id"], "merchant": merchant, "is_signed": is_signed} for item in events()]


def history(*operations: tuple[str, Type, dict[str, Any], dict[str, Any]]) -> History:
    """Return a history of operations that followed one another: what, how it ended, what was asked and answered."""
    found = History(io.StringIO())
    for f, type_, asked, answered in operations:
        number = found.invoke(0, f, merchant=MERCHANT, **asked)
        found.end(number, type_, **answered)
    return found


def created(**answer: Any) -> tuple[str, Type, dict[str, Any], dict[str, Any]]:
    """Return the creation of the payment."""
    told = {"http": 201, "id": PAYMENT, "order_id": ORDER, "amount": AMOUNT, "status": "pending", "digest": "d"}
    return "create", Type.OK, {"key": "key-1"}, told | answer


def evidence(
    *,
    dump: dict[str, list[dict[str, Any]]] | None = None,
    did: list[dict[str, Any]] | None = None,
    saw: History | None = None,
    **changed: Any,
) -> Evidence:
    """Return evidence in which only the given part is not right."""
    right = {
        "payments": [payment()],
        "ledger_entries": [entry(), entry("settlement", SETTLED, _id="ent_settlement")],
        "refunds": [],
        "outbox": events(),
        "settlements": [settlement()],
    }
    known = {
        "journal": Journal(facts() if did is None else did),
        "dump": {**right, **(dump or {})},
        "history": saw or history(created()),
        "logs": {},
        "accounts": {ACCOUNT: MERCHANT},
        "live_tokens": (),
        "snapshots": (),
        "receivers": received(),
        "modules": frozenset({BOOKS, EVENTS, REFUNDS, SETTLEMENTS}),
    }
    return Evidence(**{**known, **changed})
