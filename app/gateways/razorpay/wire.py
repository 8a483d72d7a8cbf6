"""Razorpay's shapes as they come over the wire, and a strict reader of their JSON.

The models are tolerant where the processor varies (`notes` is `[]` or `{}`, `last4` is text or a number, any field may
be absent or new) and strict where it matters: an amount is an integer or it is nothing. A field that breaks its rule
becomes its fallback instead of failing the whole snapshot, because a payment with a strange `bank` is still a payment.
"""

import json
import re
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, GetCoreSchemaHandler, StringConstraints
from pydantic_core import CoreSchema, core_schema

from app.kit.bounds import JSON_DEPTH
from app.kit.ids import Prefix, is_id
from app.kit.money import MAX_MINOR
from app.kit.pan import has_card_number

EARLIEST_SECONDS = 946_684_800
LATEST_SECONDS = 4_765_046_400
"""The range of Unix times that Razorpay itself accepts (2000 to 2120)."""

CONTRADICTION = -1
"""Stands for a number that was there but was no acceptable integer."""

_SHORTEST_CARD_NUMBER = 13


def read_json(body: bytes) -> Any:
    """Return the value of a JSON text in UTF-8, without NaN, repeated keys or deep nesting.

    Raises:
        ValueError: the bytes are something else.
    """
    try:
        value = _DECODER.decode(body.decode())
    except RecursionError:
        message = "the JSON is nested too deeply"
        raise ValueError(message) from None
    if not _is_shallow(value):
        message = "the JSON is nested too deeply"
        raise ValueError(message)
    return value


def _is_shallow(value: Any) -> bool:
    level = [value]
    for _ in range(JSON_DEPTH):
        level = [child for node in level for child in _children(node)]
        if not level:
            return True
    return False


def _children(node: Any) -> list[Any]:
    if type(node) is dict:
        return [child for child in node.values() if type(child) in {dict, list}]
    return [child for child in node if type(child) in {dict, list}] if type(node) is list else []


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        message = "an object has the same key twice"
        raise ValueError(message)
    return found


def _constant(name: str) -> Any:
    message = f"{name} is not JSON"
    raise ValueError(message)


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_constant)


class _OnError:
    """Marks a field whose bad values become a fallback; absence means None."""

    def __init__(self, fallback: Any = None) -> None:
        self.fallback = fallback

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.with_default_schema(handler(source), default=self.fallback, on_error="default")


def _showable(text: str) -> str:
    """Refuse control characters, half surrogates and card numbers: this text may be stored and shown (S18).

    An id of our own is let through: one in some millions has a run of digits that looks like a card number.
    """
    has_number = len(text) >= _SHORTEST_CARD_NUMBER and has_card_number(text) and not _is_ours(text)
    if has_number or not text.isprintable():
        message = "the text must not be kept"
        raise ValueError(message)
    return text


def _referable(text: str) -> str:
    """Refuse the same of a number that a bank gives to money, but for one with letters in front.

    `N340…` is of the 340th day of a year, and no card number for the digits behind the letter.
    """
    return text if _BANKS_NUMBER.fullmatch(text) else _showable(text)


def _is_ours(text: str) -> bool:
    return is_id(text, Prefix.PAYMENT) or is_id(text, Prefix.REFUND)


_SafeText = Annotated[str, StringConstraints(min_length=1, max_length=128), AfterValidator(_showable)]
_SafeWord = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.\-]{1,64}$"), AfterValidator(_showable)]
_BANKS_NUMBER = re.compile(r"[A-Z]{1,8}[0-9]{6,22}")
_Reference = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.\-]{1,64}$"), AfterValidator(_referable)]
_Id = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_]{1,64}$"), AfterValidator(_showable)]
_FieldName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.\[\]]{1,64}$"), AfterValidator(_showable)]
_Minor = Annotated[int, Field(ge=0, le=MAX_MINOR)]
_Seconds = Annotated[int, Field(ge=EARLIEST_SECONDS, le=LATEST_SECONDS)]

Text = Annotated[_SafeText | None, _OnError()]
Word = Annotated[_SafeWord | None, _OnError()]
Reference = Annotated[_Reference | None, _OnError()]
OptionalId = Annotated[_Id | None, _OnError()]
FieldName = Annotated[_FieldName | None, _OnError()]
Minor = Annotated[_Minor | None, _OnError()]
CheckedMinor = Annotated[_Minor | None, _OnError(CONTRADICTION)]
Seconds = Annotated[_Seconds | None, _OnError()]
Flag = Annotated[bool | None, _OnError()]


class Shape(BaseModel):
    """What all shapes share: strict types, unknown fields ignored, never changed."""

    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)


class NotesShape(Shape):
    """The one note we write: our own payment id."""

    payment_id: Word = None


class OrderNotesShape(Shape):
    """The note by which we know an order again whose payment we have lost: our own merchant's id."""

    merchant_id: Word = None


class RefundNotesShape(Shape):
    """The one note we write on a refund: our own refund id."""

    refund_id: Word = None


class CardShape(Shape):
    """What may be known of a card."""

    last4: Annotated[str | int | None, _OnError()] = None
    network: Text = None
    type: Word = None
    issuer: Word = None


class AcquirerShape(Shape):
    """References by which a bank finds the transaction."""

    rrn: Reference = None
    arn: Reference = None
    utr: Reference = None
    bank_transaction_id: Reference = None
    upi_transaction_id: Word = None


class PaymentShape(Shape):
    """A payment entity. Only the id can't be missing."""

    id: _Id
    order_id: OptionalId = None
    amount: Minor = None
    currency: Word = None
    status: Word = None
    captured: Annotated[bool | str | None, _OnError()] = None
    method: Word = None
    amount_refunded: CheckedMinor = None
    refund_status: Word = None
    international: Flag = None
    bank: Word = None
    wallet: Word = None
    vpa: Text = None
    email: Text = None
    contact: Text = None
    card: Annotated[CardShape | None, _OnError()] = None
    acquirer_data: Annotated[AcquirerShape | None, _OnError()] = None
    notes: Annotated[NotesShape | None, _OnError()] = None
    fee: Minor = None
    tax: Minor = None
    error_code: Word = None
    error_reason: Word = None
    error_source: Word = None
    error_step: Word = None
    created_at: Seconds = None


class RefundShape(Shape):
    """A refund entity. It is nothing without its id and its payment's."""

    id: _Id
    payment_id: _Id
    amount: Minor = None
    currency: Word = None
    status: Word = None
    receipt: Text = None
    notes: Annotated[RefundNotesShape | None, _OnError()] = None
    acquirer_data: Annotated[AcquirerShape | None, _OnError()] = None
    speed_requested: Word = None
    speed_processed: Word = None
    created_at: Seconds = None


class EvidenceShape(Shape):
    """What is kept of a merchant's evidence: how much is contested, and when it was sent to the bank."""

    amount: Minor = None
    submitted_at: Seconds = None


class DisputeShape(Shape):
    """A dispute entity. It is nothing without its id and its payment's."""

    id: _Id
    payment_id: _Id
    amount: Minor = None
    currency: Word = None
    amount_deducted: CheckedMinor = None
    reason_code: Word = None
    respond_by: Seconds = None
    status: Word = None
    phase: Word = None
    evidence: Annotated[EvidenceShape | None, _OnError()] = None
    created_at: Seconds = None


class SettlementShape(Shape):
    """A settlement entity. Without its id and its amount it is nothing; it names no currency."""

    id: _Id
    amount: _Minor
    fees: CheckedMinor = None
    tax: CheckedMinor = None
    status: Word = None
    utr: Reference = None
    created_at: Seconds = None


class SettlementRowShape(Shape):
    """A line of the report on settlements. Its numbers are required: a sum with a guess in it proves nothing."""

    entity_id: _Id
    type: Word = None
    credit: _Minor
    debit: _Minor
    amount: _Minor
    fee: _Minor | None = None
    tax: _Minor | None = None
    currency: _SafeWord
    settlement_id: OptionalId = None
    payment_id: OptionalId = None
    dispute_id: OptionalId = None
    method: Word = None
    created_at: Seconds = None
    settled_at: Seconds = None


class DocumentShape(Shape):
    """A document entity: only its id is of use."""

    id: _Id


class OrderShape(Shape):
    """An order entity. Its numbers are required: an order is only worth what it says.

    The amount may be 0: a shared account also holds orders for mandates, and reading one must not fail (B19).
    """

    id: _Id
    amount: _Minor
    currency: _SafeWord
    amount_paid: _Minor = 0
    receipt: Text = None
    status: _SafeWord
    created_at: Seconds = None
    notes: Annotated[OrderNotesShape | None, _OnError()] = None


class ReceiptShape(Shape):
    """The one field of an order that an event needs."""

    receipt: Text = None


class CreatedShape(Shape):
    """When an entity was made."""

    created_at: Seconds = None


class CollectionShape(Shape):
    """A page of entities, each read by itself."""

    items: list[Any]


class EventShape(Shape):
    """The envelope of a webhook; the payload names each entity it carries."""

    event: _SafeWord
    account_id: OptionalId = None
    payload: dict[str, Any]
    created_at: Seconds = None


class MetadataShape(Shape):
    """What an error refers to."""

    order_id: OptionalId = None


class ErrorShape(Shape):
    """The inside of an error envelope; every field has a fallback. The description is matched, never kept."""

    code: Word = None
    description: Annotated[str | None, _OnError()] = None
    reason: Word = None
    field: FieldName = None
    metadata: Annotated[MetadataShape | None, _OnError()] = None
