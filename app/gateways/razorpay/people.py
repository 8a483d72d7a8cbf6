"""Finds people in Razorpay's events, masks them, takes them out; pure.

What is harmless is listed, not what is personal: a field that Razorpay adds tomorrow, or that a merchant's checkout put
into `notes`, is taken for personal until somebody has looked at it.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any

from app.gateways.payer import Payer
from app.gateways.people import Mention
from app.gateways.razorpay.translate.payments import masked_vpa
from app.gateways.razorpay.translate.reading import at
from app.gateways.razorpay.wire import EARLIEST_SECONDS, LATEST_SECONDS, read_json
from app.kit.contacts import masked_email, masked_phone
from app.kit.ids import Prefix, is_id

MASK = "***"

_OF_EVERY_ENTITY = ("id", "entity", "status", "amount", "currency", "created_at", "updated_at")
_OF_EVENTS = ("account_id", "event", "contains")
_OF_PAYMENTS = (
    "order_id",
    "invoice_id",
    "international",
    "method",
    "amount_refunded",
    "refund_status",
    "captured",
    "bank",
    "wallet",
    "fee",
    "tax",
    "base_amount",
    "base_currency",
    "error_code",
    "error_reason",
    "error_source",
    "error_step",
)
_OF_CARDS = ("last4", "network", "type", "issuer", "emi", "sub_type", "payer_account_type", "flow")
_OF_BANKS = ("rrn", "arn", "utr", "bank_transaction_id", "upi_transaction_id")
_OF_ORDERS = ("amount_paid", "amount_due", "attempts", "offer_id")
_OF_REFUNDS = ("payment_id", "batch_id", "speed_requested", "speed_processed")
_OF_DISPUTES = ("amount_deducted", "reason_code", "respond_by", "phase", "submitted_at")
_OF_DOWNTIMES = ("begin", "end", "severity", "scheduled", "vpa_handle", "psp")
_HARMLESS = frozenset(
    (
        *_OF_EVERY_ENTITY,
        *_OF_EVENTS,
        *_OF_PAYMENTS,
        *_OF_CARDS,
        *_OF_BANKS,
        *_OF_ORDERS,
        *_OF_REFUNDS,
        *_OF_DISPUTES,
        *_OF_DOWNTIMES,
    )
)
_NOTES = "notes"
_OUR_NOTES = frozenset({"payment_id", "refund_id", "merchant_id"})
"""What we write into notes ourselves; everything else in them is somebody else's."""

_ABSENT = object()
_Leaf = Callable[[str, Any], Any]


class RazorpayPeopleReader:
    """The port's `PeopleReader` for Razorpay."""

    def mentions(self, body: bytes) -> Sequence[Mention]:
        """Return who and whose payments stand in a body. Raises ValueError."""
        return tuple(_mentions(read_json(body)))

    def masked(self, body: bytes) -> Any:
        """Return what a body says, masked. Raises ValueError."""
        return _without(read_json(body), _masked)

    def without_people(self, body: bytes) -> bytes:
        """Return a body that can still be applied, without anybody. Raises ValueError."""
        return json.dumps(_without(read_json(body), _dropped), separators=(",", ":")).encode()


def _mentions(node: Any) -> Iterator[Mention]:
    if type(node) is list:
        for child in node:
            yield from _mentions(child)
    if type(node) is not dict:
        return
    payer = Payer(email=_text(node.get("email")), phone=_text(node.get("contact")))
    ids = tuple(one for one in (_text(node.get("id")), _text(node.get("payment_id"))) if one is not None)
    order_id = _text(node.get("order_id"))
    if payer or ids or order_id is not None:
        yield Mention(payer, ids, order_id, _moment(node.get("created_at")))
    for child in node.values():
        yield from _mentions(child)


def _text(value: Any) -> str | None:
    """Return a text; a telephone number may come as a number."""
    if type(value) is int:
        return str(value)
    return value if type(value) is str and value else None


def _moment(value: Any) -> datetime | None:
    return at(value) if type(value) is int and EARLIEST_SECONDS <= value <= LATEST_SECONDS else None


def _without(node: Any, leaf: _Leaf, name: str = "", *, in_notes: bool = False) -> Any:
    """Return a value in which everything that is not known to be harmless went through `leaf`.

    `leaf` is told the field's name and its value; what it returns takes its place, and `_ABSENT` removes the field.
    """
    if type(node) is dict:
        inside = in_notes or name == _NOTES
        kept = {key: _without(child, leaf, key, in_notes=inside) for key, child in node.items()}
        return {key: child for key, child in kept.items() if child is not _ABSENT}
    if type(node) is list:
        return [one for child in node if (one := _without(child, leaf, name, in_notes=in_notes)) is not _ABSENT]
    return node if node is None or _is_harmless(name, node, in_notes=in_notes) else leaf(name, node)


def _is_harmless(name: str, value: Any, *, in_notes: bool) -> bool:
    if name == "receipt":
        # Ours is an id of ours; another one is whatever somebody wrote.
        return type(value) is str and (is_id(value, Prefix.PAYMENT) or is_id(value, Prefix.REFUND))
    known = _OUR_NOTES if in_notes else _HARMLESS
    return name in known and not (type(value) is str and "@" in value)


def _masked(name: str, value: Any) -> Any:
    text = _text(value)
    if text is None:
        return MASK
    match name:
        case "email":
            return masked_email(text) if "@" in text else MASK
        case "contact":
            return masked_phone(text)
        case "vpa":
            return masked_vpa(text) or MASK
        case _:
            return MASK


def _dropped(_name: str, _value: Any) -> Any:
    return _ABSENT
