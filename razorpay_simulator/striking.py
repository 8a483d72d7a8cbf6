"""What a fault does to an answer, before or after the effect."""

import json
from collections.abc import Callable
from typing import Any

from razorpay_simulator import wire
from razorpay_simulator.answers import Answer, Reset
from razorpay_simulator.errors import ApiError, bad_request, server_error
from razorpay_simulator.faults import FaultMode, FaultRule

_HTML = b"<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"


def answer_instead(fault: FaultRule) -> Answer | None:
    """Return the answer of a fault that keeps the call from having any effect; None when it happens after all.

    Raises:
        Reset: the connection ends before anything happened.
    """
    match fault.mode:
        case FaultMode.ERROR_BEFORE:
            return Answer.of_error(server_error(fault.status))
        case FaultMode.RESET_BEFORE:
            raise Reset
        case FaultMode.RATE_LIMIT:
            refusal = bad_request("Too many requests", reason="too_many_requests", status=429)
            headers = {} if fault.retry_after is None else {"Retry-After": str(fault.retry_after)}
            return Answer.of_error(ApiError(429, refusal.body, headers))
        case FaultMode.HTML_502:
            return Answer(502, _HTML, content_type="text/html")
        case FaultMode.UNAUTHORIZED_STRING:
            return Answer(401, wire.render({"error": "Unauthorized"}))
        case FaultMode.CONFLICT_409:
            return Answer.of_error(
                bad_request("Another request with the same idempotency key is still in progress.", status=409)
            )
        case _:
            return None


def spoil(answer: Answer, fault: FaultRule) -> Answer:
    """Return what the client gets to see of a call that had its effect.

    Raises:
        Reset: the connection ends after the effect.
    """
    match fault.mode:
        case FaultMode.ERROR_AFTER:
            return Answer.of_error(server_error(fault.status))
        case FaultMode.RESET_AFTER:
            raise Reset
        case FaultMode.TRUNCATED_JSON:
            return Answer(answer.status, answer.body[: len(answer.body) // 2])
        case FaultMode.EMPTY_200:
            return Answer(200, b"")
        case FaultMode.HUGE_BODY:
            return _edited(answer, lambda entity: entity.update(padding="x" * fault.size_bytes))
        case _:
            edit = _EDITS.get(fault.mode)
            return answer if edit is None else _edited(answer, edit)


def _edited(answer: Answer, edit: Callable[[dict[str, Any]], None]) -> Answer:
    """Change the entity of an answer, or each of a list; refusals stay as they are."""
    if answer.status != 200:
        return answer
    value = json.loads(answer.body)
    items = value.get("items") if isinstance(value, dict) else None
    for entity in [value] if items is None else items:
        if isinstance(entity, dict):
            edit(entity)
    return Answer(answer.status, wire.render(value))


def _change_amount(entity: dict[str, Any]) -> None:
    for name in ("amount", "amount_due"):
        if isinstance(entity.get(name), int):
            entity[name] += 100


def _change_currency(entity: dict[str, Any]) -> None:
    if "currency" in entity:
        entity["currency"] = "EUR" if entity["currency"] == "USD" else "USD"


def _contradict(entity: dict[str, Any]) -> None:
    """Claim that money was taken, and that there is none."""
    if entity.get("entity") == "payment":
        entity.update(status="captured", captured=False, amount=0, amount_refunded=1, fee=-1)
    elif entity.get("entity") == "refund":
        entity.update(status="processed", amount=0, currency="XXX")
    elif "entity_id" in entity:
        entity.update(credit=1, debit=1, settled=False, settlement_id=None)
    elif entity.get("entity") == "settlement":
        entity.update(status="processed", amount=-1, fees=-1, utr=None)
    elif entity.get("entity") == "dispute":
        entity.update(status="lost", amount=0, amount_deducted=-1)
    else:
        entity.update(status="paid", amount=0, amount_paid=-1, amount_due=1)
    entity["unheard_of"] = {"nested": [1, 2, 3]}


_EDITS = {
    FaultMode.WRONG_AMOUNT: _change_amount,
    FaultMode.WRONG_CURRENCY: _change_currency,
    FaultMode.CONTRADICTORY: _contradict,
}
