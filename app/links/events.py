"""What the world is told of a payment link's change, and the work that follows from it: pure."""

from typing import Any

from app.links.models import Link
from app.outbox.models import NewItem, event, job

CLOSE = "links.close"
"""Cancels the open payments of a link that was cancelled (subject: the link)."""


def told(name: str, link: Link, **more: Any) -> NewItem:
    """Return the event that a link's change to this version is."""
    facts = {
        "link_id": link.id,
        "status": link.status.value,
        "amount": link.amount,
        "min_amount": link.min_amount,
        "max_amount": link.max_amount,
        "currency": link.currency,
        "reference": link.reference,
        "payment_id": link.payment_id,
    }
    return event(name, link.id, sequence=link.version, payload=facts | more)


def closing(link: Link) -> NewItem:
    """Return the job that cancels what is still open."""
    return job(CLOSE, link.id)
