"""Entries as MongoDB documents and back, and what the database itself refuses to keep."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from bson.int64 import Int64

from app.kit.money import MAX_MINOR
from app.kit.scope import Mode, Scope
from app.ledger.models import Account, Cause, CauseKind, Entry, Leg, Posting, Seal, Side

Document = dict[str, Any]

_LEGS_MAX = 32
_TEXT = {"bsonType": "string", "minLength": 1}


def _exactly(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema of an object that has these fields and no other."""
    return {
        "bsonType": "object",
        "required": list(properties),
        "additionalProperties": False,
        "properties": dict(properties),
    }


_LEG = _exactly(
    {
        "account": {"enum": [account.value for account in Account]},
        "side": {"enum": [side.value for side in Side]},
        "amount": {"bsonType": "long", "minimum": 1, "maximum": MAX_MINOR},
    }
)
_SEAL = _exactly(
    {
        "sequence": {"bsonType": "long", "minimum": 1},
        "previous": {"bsonType": "string", "minLength": 64, "maxLength": 64},
        "digest": {"bsonType": "string", "minLength": 64, "maxLength": 64},
    }
)
_ENTRY = _exactly(
    {
        "_id": _TEXT,
        "tenant": _TEXT,
        "mode": {"enum": [mode.value for mode in Mode]},
        # One currency an entry: a leg has no place for another (T5).
        "currency": {"bsonType": "string", "pattern": "^[A-Z]{3}$"},
        "cause": _exactly({"kind": {"enum": [kind.value for kind in CauseKind]}, "id": _TEXT}),
        "payment_id": {"bsonType": ["string", "null"]},
        "legs": {"bsonType": "array", "minItems": 2, "maxItems": _LEGS_MAX, "items": _LEG},
        "recorded_at": {"bsonType": "date"},
        "seal": {"anyOf": [{"bsonType": "null"}, _SEAL]},
    }
)


def _sum_of(side: Side) -> dict[str, Any]:
    """Return the expression that adds up one side of the legs."""
    # As a filter it also meets what somebody forced past it, and must not stop at legs that are no list.
    rows = {"$cond": [{"$isArray": "$legs"}, "$legs", []]}
    legs = {"$filter": {"input": rows, "as": "leg", "cond": {"$eq": ["$$leg.side", side.value]}}}
    return {"$sum": {"$map": {"input": legs, "as": "leg", "in": "$$leg.amount"}}}


ENTRY_VALIDATOR: Mapping[str, Any] = {
    "$and": [
        {"$jsonSchema": _ENTRY},
        {"$expr": {"$eq": [_sum_of(Side.DEBIT), _sum_of(Side.CREDIT)]}},
    ]
}
"""Holds for every writer, a raw client too: the shape, whole positive 64-bit amounts, and equal sides (D5, I4)."""


def entry_to_document(entry: Entry) -> Document:
    """Return an entry as stored."""
    posting = entry.posting
    return {
        "_id": entry.id,
        "tenant": entry.scope.tenant,
        "mode": entry.scope.mode.value,
        "currency": posting.currency,
        "cause": {"kind": posting.cause.kind.value, "id": posting.cause.id},
        "payment_id": posting.payment_id,
        "legs": [_leg_to_document(leg) for leg in posting.legs],
        "recorded_at": entry.recorded_at,
        "seal": None if entry.seal is None else seal_to_document(entry.seal),
    }


def entry_from_document(document: Document) -> Entry:
    """Return the entry of a document.

    Raises:
        KeyError, TypeError, ValueError: the document is no entry; only a hand past the validator can have made it.
    """
    cause, seal, recorded_at = document["cause"], document["seal"], document["recorded_at"]
    if not isinstance(recorded_at, datetime):
        message = f"{recorded_at!r} is no moment of the calendar"
        raise TypeError(message)
    return Entry(
        id=document["_id"],
        scope=Scope(tenant=document["tenant"], mode=Mode(document["mode"])),
        posting=Posting(
            cause=Cause(CauseKind(cause["kind"]), cause["id"]),
            currency=document["currency"],
            legs=tuple(_leg_from_document(leg) for leg in document["legs"]),
            payment_id=document["payment_id"],
        ),
        recorded_at=recorded_at,
        seal=None if seal is None else Seal(int(seal["sequence"]), seal["previous"], seal["digest"]),
    )


def seal_to_document(seal: Seal) -> Document:
    """Return a seal as stored."""
    return {"sequence": Int64(seal.sequence), "previous": seal.previous, "digest": seal.digest}


def _leg_to_document(leg: Leg) -> Document:
    return {"account": leg.account.value, "side": leg.side.value, "amount": Int64(leg.amount)}


def _leg_from_document(document: Document) -> Leg:
    amount = document["amount"]
    return Leg(Account(document["account"]), Side(document["side"]), int(amount) if type(amount) is Int64 else amount)
