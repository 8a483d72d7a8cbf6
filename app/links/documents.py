"""Payment links as MongoDB documents and back. Amounts are 64-bit integers."""

from bson.int64 import Int64

from app.database import Document
from app.kit.scope import Mode, Scope
from app.links.models import Link, LinkStatus, Slot


def link_to_document(link: Link) -> Document:
    """Return the whole document of a new link."""
    return {
        "_id": link.id,
        "tenant": link.scope.tenant,
        "mode": link.scope.mode.value,
        "status": link.status.value,
        "amount": _long(link.amount),
        "min_amount": _long(link.min_amount),
        "max_amount": _long(link.max_amount),
        "currency": link.currency,
        "description": link.description,
        "reference": link.reference,
        "return_url": link.return_url,
        "is_reusable": link.is_reusable,
        "expires_at": link.expires_at,
        "slot": None if link.slot is None else slot_to_document(link.slot),
        "resent_at": link.resent_at,
        "notify": link.notify,
        "request_key": link.request_key,
        "created_at": link.created_at,
        "updated_at": link.updated_at,
        "version": link.version,
    }


def slot_to_document(slot: Slot) -> Document:
    """Return a slot as stored."""
    return {"number": slot.number, "amount": Int64(slot.amount), "payment_id": slot.payment_id}


def link_from_document(document: Document) -> Link:
    """Return the link that a document describes."""
    slot = document["slot"]
    return Link(
        id=document["_id"],
        scope=Scope(tenant=document["tenant"], mode=Mode(document["mode"])),
        status=LinkStatus(document["status"]),
        amount=_plain(document["amount"]),
        min_amount=_plain(document["min_amount"]),
        max_amount=_plain(document["max_amount"]),
        currency=document["currency"],
        description=document["description"],
        reference=document["reference"],
        return_url=document.get("return_url"),
        is_reusable=document["is_reusable"],
        expires_at=document["expires_at"],
        slot=None if slot is None else Slot(slot["number"], int(slot["amount"]), slot["payment_id"]),
        resent_at=document["resent_at"],
        notify=document.get("notify"),
        request_key=document.get("request_key"),
        created_at=document["created_at"],
        updated_at=document["updated_at"],
        version=document["version"],
    )


def _long(number: int | None) -> Int64 | None:
    return None if number is None else Int64(number)


def _plain(number: int | None) -> int | None:
    return None if number is None else int(number)
